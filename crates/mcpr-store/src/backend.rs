//! What a backend gives: a store opened for reading, for recording, or for its care.

use crate::query::SessionKey;
use crate::{Appended, Class, Reader, Remains, Renamed, Retention, StoreError, StoreUrl};
use mcpr_model::{Batch, Checkpoint, Request};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A store that was named and is not open yet. Every use of it opens it anew.
pub trait Backend: fmt::Debug + Send + Sync {
    /// Where the store is.
    fn url(&self) -> &StoreUrl;

    /// Opens the store for reading: nothing is ever written, migrated or blocked.
    ///
    /// # Errors
    /// When there is no store, or it is of another program, newer or damaged.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;

    /// Opens the store for recording, and makes it where there is none.
    ///
    /// # Errors
    /// When the store is not ours, newer, damaged, cannot be written, or has its one recorder already.
    fn writer(&self, options: WriterOptions) -> Result<Box<dyn Writer>, StoreError>;

    /// Opens the store for its care: what removes, shrinks and measures.
    ///
    /// # Errors
    /// As [`Backend::writer`].
    fn admin(&self, trust: Trust) -> Result<Box<dyn Admin>, StoreError>;

    /// Looks for damage. Only reads: a damaged store must not be opened for writing.
    ///
    /// # Errors
    /// When the store cannot be opened at all, for another reason than damage.
    fn verify(&self, depth: Depth) -> Result<Findings, StoreError>;

    /// How much room the store takes where it is kept.
    ///
    /// # Errors
    /// When that cannot be determined.
    fn sizes(&self) -> Result<Sizes, StoreError>;

    /// Brings the store to the newest layout, and makes it where there is none; says what it had and has.
    ///
    /// # Errors
    /// As [`Backend::writer`], and when the layout cannot be changed: then it is as it was.
    fn migrate(&self, trust: Trust) -> Result<Migrated, StoreError>;

    /// The statements that give roles of a server what they need: a reader's, and a recorder's.
    ///
    /// # Errors
    /// [`Unsupported`](crate::StoreErrorKind::Unsupported) where a store has no roles.
    fn grants(&self, reader: Option<&str>, recorder: Option<&str>) -> Result<String, StoreError>;

    /// The files of the store on this machine: none of them may be read as a source, and that one of
    /// them changes says nothing of a source.
    fn files(&self) -> Vec<PathBuf>;
}

/// Who may be trusted with the directory of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Its owner alone, who is this user or root.
    #[default]
    Owner,
    /// Whoever may write it: somebody has stated so.
    Anyone,
}

/// How a store is opened for recording.
#[derive(Debug, Clone, Default)]
pub struct WriterOptions {
    /// The name of the recorder, which checkpoints and sources belong to in a store that several machines write;
    /// `None` is this machine's. A store of one machine has no use for it.
    pub name: Option<String>,
    /// Whether to be the store's one recorder; a tap is not, and may run beside others.
    pub exclusive: bool,
    /// Who may be trusted with the store's directory.
    pub trust: Trust,
}

/// How thoroughly to look for damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// A quick check, batches, names and seals.
    Quick,
    /// Also every index, and counters and rollups against rows.
    Full,
}

/// What a look for damage found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Requests whose hash was taken.
    pub requests: u64,
    /// Batches whose checksum was compared.
    pub batches: u64,
    /// What is damaged, in words; empty where nothing is.
    pub problems: Vec<String>,
}

/// Which layout a store had and has; none where there was no store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The layout it had.
    pub from: Option<i64>,
    /// The layout it has.
    pub to: i64,
}

/// How much room a store takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// What is in its place.
    pub store_bytes: u64,
    /// What is committed and not in its place yet: a write-ahead log.
    pub log_bytes: u64,
}

impl Sizes {
    /// Both together.
    #[must_use]
    pub fn total(self) -> u64 {
        self.store_bytes.saturating_add(self.log_bytes)
    }
}

/// What writers that are gone have left.
#[derive(Debug, Default)]
pub struct Abandoned {
    /// The requests that they waited for.
    pub requests: Vec<Request>,
    /// The sessions that were to end with them, and when each was last known to go on; unix milliseconds.
    pub sessions: Vec<(SessionKey, i64)>,
}

/// A store that is recorded into.
pub trait Writer: Send {
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

    /// The requests in flight whose writer is gone and whose source is not read again: nobody will ever say how
    /// they ended. Each has the time for which it is known to have waited and is one without an answer, unless it was
    /// over and only waited for more to be reported. They stay until rows with their keys are stored. What a source
    /// that is read again will report is forgotten here. And the sessions of servers that such a writer ran, which
    /// are reported once.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    fn abandoned(&mut self) -> Result<Abandoned, StoreError>;

    /// Does the work that was put off (a checkpoint of the write-ahead log) while nothing waits for it.
    ///
    /// # Errors
    /// When the store fails; nothing is lost.
    fn idle(&mut self) -> Result<(), StoreError>;

    /// Takes over what another store still counts of requests that are gone there, in one step; done twice, the
    /// second time changes nothing.
    ///
    /// Sums take the place of those under the same key that count fewer calls. A session that is missing is made,
    /// also an inferred one; of one that is there the times become wider and the counters larger, never less.
    ///
    /// # Errors
    /// When nothing was changed; [`Unsupported`](crate::StoreErrorKind::Unsupported) where a backend cannot do it.
    fn take_remains(&mut self, _remains: &Remains) -> Result<(), StoreError> {
        let message = "this backend cannot take over the sums of requests that are gone";
        Err(StoreError::unsupported(message))
    }

    /// The care of the same store, by who writes it; `None` where a store takes care of itself.
    fn care(&mut self) -> Option<&mut dyn Admin> {
        None
    }
}

/// The oldest rows of a class that together take some number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oldest {
    /// All of them are older than this, unix milliseconds.
    pub before: i64,
    /// How much they take.
    pub bytes: u64,
}

/// How long a vacuum leaves the store to others between two slices.
const SLICE_PAUSE: Duration = Duration::from_millis(5);

/// A store that is taken care of.
pub trait Admin: Send {
    /// Removes a session with all its requests, in one step; returns how many requests went.
    ///
    /// Removing one that is not there is no error and removes 0.
    ///
    /// # Errors
    /// When nothing was removed.
    fn delete_session(&mut self, session: &SessionKey) -> Result<u64, StoreError>;

    /// Replaces a session's requests by their summary (the session's own counters), in one step;
    /// returns how many requests went.
    ///
    /// # Errors
    /// When nothing was removed.
    fn summarize_session(&mut self, session: &SessionKey) -> Result<u64, StoreError>;

    /// Gives another name to a proxy, with everything that is recorded under it, in one step. Where the
    /// new name is recorded as well, the two become one: sessions of one id, hourly sums and versions of
    /// lists are put together. `None` where nothing is recorded under the old name.
    ///
    /// # Errors
    /// When nothing was changed; [`Unsupported`](crate::StoreErrorKind::Unsupported) where the sums of
    /// the two cannot be put together.
    fn rename_proxy(&mut self, old: &str, new: &str) -> Result<Option<Renamed>, StoreError>;

    /// Removes what is old of a class, in slices between which other writers get their turn. Returns
    /// how many rows of the class went (of requests: requests and gaps), and reports the number so far
    /// to `on_progress` after each slice.
    ///
    /// # Errors
    /// When the store fails; what went before stays gone.
    fn vacuum(
        &mut self,
        what: &Retention,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<u64, StoreError> {
        self.begin_sweep(what);
        let mut removed = 0;
        while let Some(rows) = self.sweep_slice()? {
            removed += rows;
            on_progress(removed);
            // A recorder that waits for its turn asks for it only now and then.
            std::thread::sleep(SLICE_PAUSE);
        }
        Ok(removed)
    }

    /// Begins a vacuum that is done slice by slice; one that was begun before is given up.
    fn begin_sweep(&mut self, what: &Retention);

    /// Does one slice of what was begun, as one transaction: says how many rows of the class went, and
    /// `None` when nothing is left.
    ///
    /// # Errors
    /// When the store fails; what went before stays gone.
    fn sweep_slice(&mut self) -> Result<Option<u64>, StoreError>;

    /// How many rows a vacuum of requests (with gaps) or of payloads would remove.
    ///
    /// # Errors
    /// When the store cannot be read; [`Unsupported`](crate::StoreErrorKind::Unsupported) for a class
    /// whose rows cannot be counted without removing them.
    fn count_of(&self, what: &Retention) -> Result<u64, StoreError>;

    /// The time before which so many of the oldest requests (of a proxy) lie.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn time_after_oldest(
        &self,
        proxy: Option<&str>,
        requests: u64,
    ) -> Result<Option<i64>, StoreError>;

    /// The oldest payloads, or versions of lists that others took the place of (of a proxy), that take
    /// at least so many bytes together, or all of them; `None` where there are none.
    ///
    /// # Errors
    /// When the store cannot be read; [`Unsupported`](crate::StoreErrorKind::Unsupported) for another
    /// class, or where a store does not know how large its rows are.
    fn oldest(
        &self,
        class: Class,
        proxy: Option<&str>,
        bytes: u64,
    ) -> Result<Option<Oldest>, StoreError>;

    /// Forgets where files stood that have not moved on since a time and are gone; returns how many. A
    /// file that is forgotten and comes again is read again.
    ///
    /// # Errors
    /// When the store fails; what went before stays gone.
    fn forget_files(
        &mut self,
        before: i64,
        is_gone: &mut dyn FnMut(&Checkpoint) -> bool,
    ) -> Result<u64, StoreError>;

    /// Gives free room back to the system, in slices between which others get their turn.
    ///
    /// # Errors
    /// When the store fails; nothing is lost.
    fn shrink(&mut self) -> Result<(), StoreError>;

    /// Copies the whole store as it is at one moment into a file that is not there yet, while others go on.
    ///
    /// # Errors
    /// When the file is there or cannot be written, or the store not read; nothing is left then.
    fn backup(&mut self, to: &Path) -> Result<(), StoreError>;

    /// Writes the store anew, in order and without free room. Others wait meanwhile.
    ///
    /// # Errors
    /// When the store fails or there is no room for it twice; nothing is lost.
    fn compact(&mut self) -> Result<(), StoreError>;

    /// Gives a little free room back, as one transaction; says whether there is more of it.
    ///
    /// # Errors
    /// When the store fails; nothing is lost.
    fn shrink_slice(&mut self) -> Result<bool, StoreError>;

    /// Bytes of the store that hold nothing.
    ///
    /// # Errors
    /// When that cannot be determined.
    fn free_bytes(&self) -> Result<u64, StoreError>;

    /// Bytes of the store that hold something.
    ///
    /// # Errors
    /// When that cannot be determined.
    fn used_bytes(&self) -> Result<u64, StoreError>;

    /// How many bytes a store takes that holds nothing.
    ///
    /// # Errors
    /// When that cannot be determined.
    fn empty_bytes(&self) -> Result<u64, StoreError>;
}
