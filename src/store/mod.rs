//! Where events are kept: the traits every backend fulfils, and the backends.
//!
//! Knows nothing of stream formats or of the command line.

#[cfg(test)]
mod contract;
mod error;
pub mod memory;
mod rollup;
pub mod sqlite;

pub use error::{StoreError, StoreErrorKind};
pub use rollup::{RollupKey, RollupRow};

use crate::model::{Batch, Checkpoint, Counts};
use crate::query::{Entry, Filter, Head, Page, SessionFilter, SessionKey, SessionRow, SourceRow};

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Requests that are new in the store.
    pub stored: u64,
    /// Requests that were there already.
    pub duplicates: u64,
    /// Requests stored although their id was there with another content (counted in `stored` too).
    pub conflicts: u64,
    /// Gaps stored.
    pub gaps: u64,
    /// The batch had been committed before; nothing was done.
    pub repeated: bool,
}

/// A store that can be written. One value owns the one read-write connection.
pub trait Store: Send {
    /// Commits a batch as one transaction: events, checkpoints, counters, rollups, or nothing.
    ///
    /// Idempotent twice over: a request that is there already is counted as a duplicate, and a
    /// batch whose (writer, number) was committed is not applied again.
    ///
    /// # Errors
    /// When nothing was committed, or when that is unknown: the same batch may be tried again.
    fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError>;

    /// The checkpoint of every file source.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError>;

    /// Removes a session with all its requests, in one step; says how many requests went.
    ///
    /// Removing one that is not there is no error and removes 0.
    ///
    /// # Errors
    /// When nothing was removed.
    fn delete_session(&mut self, session: &SessionKey) -> Result<u64, StoreError>;

    /// Replaces a session's requests by their summary (the session's own counters), in one step;
    /// says how many requests went.
    ///
    /// # Errors
    /// When nothing was removed.
    fn summarize_session(&mut self, session: &SessionKey) -> Result<u64, StoreError>;

    /// Removes every request and gap older than `before`; rollups stay. Says how many rows went.
    ///
    /// # Errors
    /// When the store fails; what went before stays gone.
    fn vacuum(&mut self, before: i64) -> Result<u64, StoreError>;

    /// Puts off-line work (a checkpoint of the write-ahead log) where nothing waits for it.
    ///
    /// # Errors
    /// When the store fails; nothing is lost.
    fn idle(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// A reader of what is committed.
    ///
    /// # Errors
    /// When the store cannot be opened for reading.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;
}

/// A store opened for reading: never writes, never migrates, never blocks the writer.
pub trait Reader: Send {
    /// One page of requests and gaps.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn entries(&mut self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError>;

    /// Sessions, oldest `started_at` first (then by proxy and id).
    ///
    /// # Errors
    /// When the store cannot be read.
    fn sessions(&mut self, filter: &SessionFilter) -> Result<Vec<SessionRow>, StoreError>;

    /// Where the store stands. Cheap enough to be asked many times a second.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn head(&mut self) -> Result<Head, StoreError> {
        let last_seq = self.overview()?.last_seq;
        Ok(Head {
            store_id: 0,
            last_seq,
            version: last_seq,
        })
    }

    /// Whether the store that was opened is still the one at its path.
    fn is_current(&self) -> bool {
        true
    }

    /// What the store holds in all.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn overview(&mut self) -> Result<Overview, StoreError>;

    /// Every source, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn sources(&mut self) -> Result<Vec<SourceRow>, StoreError>;

    /// The checkpoint of every file source, by path.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn file_checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError>;

    /// Every rollup, by hour, proxy, method and target.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn rollups(&mut self) -> Result<Vec<RollupRow>, StoreError>;
}

/// What a store holds in all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// Requests.
    pub requests: u64,
    /// Sessions, also those without a call.
    pub sessions: u64,
    /// Gaps, and the events they stand for.
    pub gaps: u64,
    /// Events that were dropped, over all gaps.
    pub dropped: u64,
    /// Bad lines kept.
    pub bad_lines_kept: u64,
    /// Requests that came again.
    pub duplicates: u64,
    /// Requests that came again with another content.
    pub conflicts: u64,
    /// Time of the oldest and newest request, unix milliseconds.
    pub span: Option<(i64, i64)>,
    /// The last sequence number given out; 0 in a new store.
    pub last_seq: i64,
    /// What was met in all sources together.
    pub counts: Counts,
}
