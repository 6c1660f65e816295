//! What the servers changed in the window of a report.

use super::ReportScope;
use crate::commands::schema::change_rows;
use mcpr_store::query::ChangeRow;
use mcpr_store::{Reader, fold};

/// The changes of a window, oldest first.
pub(super) fn rows(reader: &dyn Reader, wanted: &ReportScope) -> anyhow::Result<Vec<ChangeRow>> {
    // Of all proxies: a tool may imitate one of another.
    let surfaces = fold::surfaces(reader, None)?;
    let window = wanted.window.since..wanted.window.until;
    Ok(change_rows(
        &surfaces,
        wanted.filter.proxy.as_deref(),
        &window,
    )?)
}
