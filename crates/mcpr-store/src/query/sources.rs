//! Where events came from, and what was met there.

use mcpr_model::Counts;

/// A source with everything that was ever met in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// A path, `-`, an address.
    pub name: String,
    /// What was met.
    pub counts: Counts,
    /// When something last came from it, unix milliseconds.
    pub last_at: i64,
}
