//! What the servers changed, in a build without `schema`: that is not compared.

use super::ReportScope;
use mcpr_store::Reader;
use mcpr_store::query::ChangeRow;
use std::collections::BTreeSet;

/// What a report says of the lists of its window.
pub(super) struct ServerChanges {
    /// The changes: none.
    pub(super) rows: Vec<ChangeRow>,
    /// What is to be read where there are none.
    pub(super) unchanged: String,
    /// What is not known.
    pub(super) unknown: Option<String>,
}

/// That nothing is known of changes.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the build with `schema` may fail to compare"
)]
pub(super) fn changes(
    _reader: &dyn Reader,
    _wanted: &ReportScope,
    _called: BTreeSet<String>,
) -> anyhow::Result<ServerChanges> {
    // Not an empty list alone, which reads as if the servers had changed nothing.
    let unchanged = "This build of mcpr does not compare the lists of servers.".to_owned();
    Ok(ServerChanges {
        rows: Vec::new(),
        unknown: Some(
            "what the servers changed is not known: this build does not compare lists".to_owned(),
        ),
        unchanged,
    })
}
