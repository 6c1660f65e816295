//! Where a store stands: which one it is, how far its sequence has come.

/// The newest state of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Tells one store from another, wherever its file lies; 0 where a store does not say.
    pub store_id: i64,
    /// The last sequence number given out; 0 in a new store.
    pub last_seq: i64,
    /// Differs from that of an earlier look by the same reader when something was committed since.
    pub version: i64,
}
