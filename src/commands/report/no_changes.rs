//! What the servers changed, in a build without `schema`: that is not compared.

use super::ReportScope;
use mcpr_store::Reader;
use mcpr_store::query::ChangeRow;

/// No changes.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the build with `schema` may fail to compare"
)]
pub(super) fn rows(_reader: &dyn Reader, _wanted: &ReportScope) -> anyhow::Result<Vec<ChangeRow>> {
    Ok(Vec::new())
}
