//! Where a store stands: which one it is, how far its sequence has come.

use super::Cursor;

/// The newest state of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Distinguishes one store from another, wherever its file lies; 0 where a store does not say.
    pub store_id: i64,
    /// Behind the last row that was ever stored.
    pub cursor: Cursor,
    /// Differs from that of an earlier look by the same reader when something was committed since.
    pub version: i64,
}
