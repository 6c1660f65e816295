//! Where events came from, and what was met there.

use super::Cursor;
use mcpr_model::{BadLine, Counts};

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

/// A line that did not decode, with its place in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLineRow {
    /// Its number in the order of storing, which no request and no gap has.
    pub seq: i64,
    /// The line.
    pub line: BadLine,
}

impl BadLineRow {
    /// The position behind it.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::from_seq(self.seq)
    }
}
