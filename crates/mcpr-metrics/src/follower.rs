//! Follows a store: each row that is stored from a moment on is counted once.

use crate::sessions::OpenSessions;
use crate::{Clean, Operations};
use mcpr_store::query::{Cursor, Entry, Filter, Page};
use mcpr_store::{Reader, StoreError};
use std::fmt;

/// Opens the store that is followed.
pub type OpenStore = Box<dyn Fn() -> Result<Box<dyn Reader>, StoreError> + Send>;

/// A store that is followed. What it cannot read now it reads later.
pub struct Follower {
    open: OpenStore,
    reader: Option<Box<dyn Reader>>,
    /// Behind the last row that was counted, in which store; `None` until it is known where to begin.
    place: Option<(i64, Cursor)>,
    sessions: OpenSessions,
    operations: Operations,
    failures: u64,
}

impl Follower {
    /// Follows a store from its first successful look on; labels go through `clean`.
    #[must_use]
    pub fn new(open: OpenStore, clean: Clean) -> Self {
        Self {
            open,
            reader: None,
            place: None,
            sessions: OpenSessions::default(),
            operations: Operations::new(clean),
            failures: 0,
        }
    }

    /// Counts the next rows, at most a page of them; says whether there may be more.
    pub fn read(&mut self) -> bool {
        self.attempt(Self::try_read).unwrap_or(false)
    }

    /// Counts sessions that have ended.
    pub fn look_for_ends(&mut self) {
        self.attempt(Self::try_look);
    }

    /// Lets the store go. The next look opens it again.
    pub fn let_go(&mut self) {
        self.reader = None;
    }

    /// What was counted.
    #[must_use]
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// How often the store could not be read.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Tries something; after a failure the store is opened anew the next time.
    fn attempt<T>(&mut self, attempt: Attempt<T>) -> Option<T> {
        let done = self.try_once(attempt);
        self.failures += u64::from(done.is_err());
        done.ok()
    }

    fn try_once<T>(&mut self, attempt: Attempt<T>) -> Result<T, StoreError> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => (self.open)()?,
        };
        // On an error the reader is dropped: its store may have been replaced.
        let done = attempt(self, &*reader)?;
        self.reader = Some(reader);
        Ok(done)
    }

    fn try_read(&mut self, reader: &dyn Reader) -> Result<bool, StoreError> {
        let head = reader.head()?;
        let after = match self.place {
            Some((store, cursor)) if store == head.store_id => cursor,
            // Another store has taken the place of the one that was followed.
            Some(_) => Cursor::START,
            // Counters begin with the process: they do not count what was stored before.
            None => head.cursor,
        };
        self.place = Some((head.store_id, after));
        if after >= head.cursor {
            return Ok(false);
        }
        let page = Page::after(after, Page::MAX_LIMIT);
        let entries = reader.entries(&Filter::default(), page)?;
        for entry in &entries {
            if let Entry::Request(row) = entry {
                self.operations.add(row);
                self.sessions.saw(row);
            }
        }
        // The place of what was read and not the head: the page may end before it.
        let Some(last) = entries.last() else {
            return Ok(false);
        };
        self.place = Some((head.store_id, last.cursor()));
        Ok(entries.len() == Page::MAX_LIMIT)
    }

    fn try_look(&mut self, reader: &dyn Reader) -> Result<(), StoreError> {
        self.sessions.look(reader, &mut self.operations)
    }
}

type Attempt<T> = fn(&mut Follower, &dyn Reader) -> Result<T, StoreError>;

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("place", &self.place)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
