//! Where events are kept: the traits every backend fulfils, and the backends.
//!
//! Knows nothing of stream formats or of the command line.

#[cfg(test)]
mod contract;
mod error;
pub mod memory;
pub mod sqlite;

pub use crate::query::{RollupKey, RollupRow};
pub use error::{StoreError, StoreErrorKind};

use crate::model::{BadLine, Batch, Checkpoint, Counts, Payload};
use crate::query::{
    ClientRow, Entry, Filter, Head, Names, Page, RequestRow, SessionFilter, SessionKey, SessionRow,
    Slowest, SourceRow, StatsFold, StatsQuestion, StatsRow, StoredKey, Surfaces, clients_of,
};

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

/// What a vacuum removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Requests and gaps older than this, unix milliseconds.
    pub before: i64,
    /// Requests of this proxy only, and no gaps, which belong to none.
    pub proxy: Option<String>,
}

impl Retention {
    /// Everything older than a time.
    #[must_use]
    pub fn before(before: i64) -> Self {
        Self {
            before,
            proxy: None,
        }
    }
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

    /// Removes old requests and gaps, in steps between which other writers get their turn; rollups
    /// stay. Says how many rows went, to `told` after each step and at the end.
    ///
    /// # Errors
    /// When the store fails; what went before stays gone.
    fn vacuum(&mut self, what: &Retention, told: &mut dyn FnMut(u64)) -> Result<u64, StoreError>;

    /// Removes the payloads of old requests, which stay, in steps as a vacuum does. Says how many
    /// went, to `told` after each step and at the end.
    ///
    /// # Errors
    /// When the store fails; what went before stays gone.
    fn vacuum_payloads(
        &mut self,
        what: &Retention,
        told: &mut dyn FnMut(u64),
    ) -> Result<u64, StoreError>;

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

    /// The time of the oldest and newest thing that is known, unix milliseconds: of requests, and of
    /// hours whose requests are gone.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn span(&mut self) -> Result<Option<(i64, i64)>, StoreError> {
        let hours = self.rollups()?;
        let first = hours.iter().map(|row| row.key.hour).min();
        let last = hours.iter().map(|row| row.key.hour).max();
        let span = self.overview()?.span;
        let (oldest, newest) = (span.map(|span| span.0), span.map(|span| span.1));
        Ok([first, oldest]
            .into_iter()
            .flatten()
            .min()
            .zip(newest.max(last)))
    }

    /// The requests that took longest: slowest first, of equally slow ones the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn slowest(&mut self, filter: &Filter, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        let mut slowest = Slowest::new(limit);
        each_request(self, filter, &mut |row| slowest.offer(row))?;
        Ok(slowest.finish())
    }

    /// Sums by tool, method, client, proxy or hour.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn stats(&mut self, question: &StatsQuestion) -> Result<Vec<StatsRow>, StoreError> {
        let mut fold = StatsFold::new(question);
        for rollup in self.rollups()? {
            fold.hour(&rollup);
        }
        for edge in question.edges() {
            each_request(self, &edge, &mut |row| fold.request(&row))?;
        }
        Ok(fold.finish())
    }

    /// Sums by client and version over the sessions that a filter lets through, however many.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn clients(&mut self, filter: &SessionFilter) -> Result<Vec<ClientRow>, StoreError> {
        let every = SessionFilter {
            limit: None,
            ..filter.clone()
        };
        Ok(clients_of(&self.sessions(&every)?))
    }

    /// Every name that was recorded.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn names(&mut self) -> Result<Names, StoreError> {
        let every = SessionFilter {
            with_empty: true,
            ..SessionFilter::default()
        };
        Ok(Names::of(&self.rollups()?, &self.sessions(&every)?))
    }

    /// What was asked and answered in a request, where that is kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn payload(&mut self, seq: i64) -> Result<Option<Payload>, StoreError> {
        let _ = seq;
        Ok(None)
    }

    /// The first and the last request of which it is kept what was asked and answered.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn payload_span(&mut self) -> Result<Option<(i64, i64)>, StoreError> {
        Ok(None)
    }

    /// What servers showed, version by version.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn surfaces(&mut self) -> Result<Surfaces, StoreError> {
        Ok(Surfaces::default())
    }

    /// How many versions of lists there are: cheap enough to be asked many times a second.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn surface_count(&mut self) -> Result<u64, StoreError> {
        Ok(self.surfaces()?.versions.len() as u64)
    }

    /// The lines that did not decode and are kept, newest first, at most so many. Stores of other
    /// programs keep none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn bad_lines(&mut self, limit: usize) -> Result<Vec<BadLine>, StoreError> {
        let _ = limit;
        Ok(Vec::new())
    }

    /// Every source, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn sources(&mut self) -> Result<Vec<SourceRow>, StoreError>;

    /// What a second delivery of each request is recognised by, from `first` to `last`. Stores of other programs know of none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn keys(&mut self, first: i64, last: i64) -> Result<Vec<StoredKey>, StoreError> {
        let _ = (first, last);
        Ok(Vec::new())
    }

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

/// Shows every request that a filter lets through, oldest first.
fn each_request<R: Reader + ?Sized>(
    reader: &mut R,
    filter: &Filter,
    take: &mut dyn FnMut(RequestRow),
) -> Result<(), StoreError> {
    let mut page = Page::after(0, Page::MAX_LIMIT);
    loop {
        let entries = reader.entries(filter, page)?;
        let is_last = entries.len() < page.limit;
        page.after = entries.last().map(Entry::seq).or(page.after);
        for entry in entries {
            if let Entry::Request(row) = entry {
                take(*row);
            }
        }
        if is_last {
            return Ok(());
        }
    }
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
    /// Requests of which it is kept what was asked and answered.
    pub payloads: u64,
    /// Bytes that these payloads take.
    pub payload_bytes: u64,
    /// Time of the oldest and newest request, unix milliseconds.
    pub span: Option<(i64, i64)>,
    /// The last sequence number given out; 0 in a new store.
    pub last_seq: i64,
    /// What was met in all sources together.
    pub counts: Counts,
}
