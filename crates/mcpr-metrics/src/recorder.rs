//! What a recorder says of itself: plain data.

use mcpr_model::{Counts, Text};
use mcpr_store::Sizes;

/// Most sources that are shown one by one: those that are furthest behind, or were heard of last.
pub const MAX_SOURCES: usize = 100;

/// What waits for the writer, or is being committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueState {
    /// Events that wait.
    pub events: u64,
    /// Bytes that wait or are being committed.
    pub bytes: u64,
    /// Most events that may wait.
    pub max_events: u64,
    /// Most bytes that may wait.
    pub max_bytes: u64,
}

/// Where a source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState {
    /// Its name, without secrets.
    pub name: Text,
    /// Bytes that are there and were not read, where that can be known.
    pub lag_bytes: Option<u64>,
    /// When something of it was committed last, unix milliseconds.
    pub last_commit: Option<i64>,
}

/// A recorder's own state at one moment; what is counted is counted from its start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecorderState {
    /// The version of the program.
    pub version: String,
    /// When it started, unix milliseconds.
    pub started_at: i64,
    /// Whether what comes in is committed.
    pub is_ready: bool,
    /// What was met in all sources, as far as it is committed.
    pub counts: Counts,
    /// Bytes of input that were taken from sources.
    pub input_bytes: u64,
    /// Requests that are new in the store.
    pub stored: u64,
    /// Requests that were duplicates.
    pub duplicates: u64,
    /// Requests stored although their id was there with another content.
    pub conflicts: u64,
    /// Gaps stored.
    pub gaps: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Commits that failed and were tried again.
    pub failed_commits: u64,
    /// When something was committed last, unix milliseconds.
    pub last_commit: Option<i64>,
    /// What waits for the writer.
    pub queue: QueueState,
    /// How much room the store takes, where that is known.
    pub store: Option<Sizes>,
    /// How often these metrics could not read the store.
    pub read_failures: u64,
    /// Its sources, at most [`MAX_SOURCES`].
    pub sources: Vec<SourceState>,
}
