//! What the servers changed in the window of a report.

use super::ReportScope;
use crate::commands::schema::change_rows;
use mcpr_store::Reader;
use mcpr_store::query::ChangeRow;

/// The changes of a window, oldest first.
pub(super) fn rows(reader: &dyn Reader, wanted: &ReportScope) -> anyhow::Result<Vec<ChangeRow>> {
    let window = wanted.window.since..wanted.window.until;
    change_rows(reader, wanted.filter.proxy.as_ref(), &window)
}
