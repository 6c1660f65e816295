//! How a recorder is: what it has done, what waits, and whether what comes in is committed.

use crate::queue::{Queue, QueueFill};
use crate::writer::{Summary, WriterState};
use mcpr_model::{Batch, Text};
use rustc_hash::FxHashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most sources of which it is remembered when something of them was committed last; the one that was
/// silent longest is forgotten for a new one.
const MAX_SOURCES: usize = 100;
/// A commit that has not come back for so long is one that does not come: a backend waits at most 5 s for
/// another writer.
const STUCK: Duration = Duration::from_secs(8);

/// Why what comes in is not committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It takes nothing more.
    #[error("the recorder is ending")]
    Ending,
    /// It has given the store up.
    #[error("the store failed for good")]
    Failed,
    /// It tries again and again.
    #[error("the store does not take commits")]
    Failing,
    /// It waits for an answer.
    #[error("a commit has not come back for {} seconds", STUCK.as_secs())]
    Stuck,
}

/// How committing goes.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// Since when the commit has been tried that is being tried.
    since: Option<Instant>,
    is_failing: bool,
    failed: u64,
    last: Option<i64>,
    sources: FxHashMap<Text, i64>,
}

/// What of it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitState {
    /// Commits that failed and were tried again.
    pub failed: u64,
    /// When something was committed last, unix milliseconds.
    pub last: Option<i64>,
    /// The same of each source that something came from lately.
    pub sources: Vec<(Text, i64)>,
}

impl Commits {
    /// A batch is tried from now on.
    pub(super) fn begin(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// A try has failed; the batch is tried again.
    pub(super) fn fail(&mut self) {
        self.is_failing = true;
        self.failed += 1;
    }

    /// The batch is committed at `now`, in unix milliseconds.
    pub(super) fn succeed(&mut self, batch: &Batch, now: i64) {
        self.since = None;
        self.is_failing = false;
        self.last = Some(now);
        for source in &batch.sources {
            // Not `insert`, which would copy the name each time.
            match self.sources.get_mut(&source.name) {
                Some(last) => *last = now,
                None => self.add_source(source.name.clone(), now),
            }
        }
    }

    fn add_source(&mut self, name: Text, now: i64) {
        if self.sources.len() >= MAX_SOURCES {
            let silent = self.sources.iter().min_by_key(|&(_, &last)| last);
            if let Some(name) = silent.map(|(name, _)| name.clone()) {
                self.sources.remove(&name);
            }
        }
        self.sources.insert(name, now);
    }

    fn readiness(&self, now: Instant) -> Result<(), NotReady> {
        let is_stuck = |since: Instant| now.saturating_duration_since(since) >= STUCK;
        if self.is_failing {
            return Err(NotReady::Failing);
        }
        if self.since.is_some_and(is_stuck) {
            return Err(NotReady::Stuck);
        }
        Ok(())
    }
}

/// A look at a recorder that runs, from any thread.
#[derive(Debug, Clone)]
pub struct Vitals {
    queue: Arc<Queue>,
    shared: Arc<WriterState>,
}

impl Vitals {
    pub(super) fn new(queue: Arc<Queue>, shared: Arc<WriterState>) -> Self {
        Self { queue, shared }
    }

    /// Whether what comes in is committed.
    ///
    /// # Errors
    /// Why it is not.
    pub fn readiness(&self) -> Result<(), NotReady> {
        if self.shared.is_stopping.load(Ordering::Acquire) {
            return Err(NotReady::Ending);
        }
        // The writer closes the queue when it fails for good.
        if self.queue.is_closed() || self.shared.has_ended.load(Ordering::Acquire) {
            return Err(NotReady::Failed);
        }
        self.commits().readiness(Instant::now())
    }

    /// What is committed so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.shared.summary()
    }

    /// How full the queue is.
    #[must_use]
    pub fn queue(&self) -> QueueFill {
        self.queue.fill()
    }

    /// Bytes of input that sources have delivered.
    #[must_use]
    pub fn input_bytes(&self) -> u64 {
        self.queue.input_bytes()
    }

    /// How committing goes.
    #[must_use]
    pub fn commit_state(&self) -> CommitState {
        let commits = self.commits();
        let sources = commits.sources.iter();
        CommitState {
            failed: commits.failed,
            last: commits.last,
            sources: sources.map(|(name, &last)| (name.clone(), last)).collect(),
        }
    }

    fn commits(&self) -> MutexGuard<'_, Commits> {
        lock(&self.shared.commits)
    }
}

/// A poisoned lock only means that another thread panicked between two plain assignments.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_model::{Counts, SourceProgress};

    fn batch(names: impl Iterator<Item = String>) -> Batch {
        let source = |name: String| SourceProgress {
            name: name.into(),
            checkpoint: None,
            counts: Counts::default(),
        };
        Batch {
            sources: names.map(source).collect(),
            ..Batch::default()
        }
    }

    #[test]
    fn a_commit_that_fails_or_does_not_come_back_is_not_ready() {
        let began = Instant::now();
        let mut commits = Commits::default();
        assert_eq!(commits.readiness(began + STUCK), Ok(()), "nothing waits");
        commits.begin(began);
        assert_eq!(commits.readiness(began), Ok(()));
        assert_eq!(commits.readiness(began + STUCK), Err(NotReady::Stuck));
        commits.fail();
        assert_eq!(commits.readiness(began), Err(NotReady::Failing));
        commits.fail();
        commits.succeed(&Batch::default(), 7);
        assert_eq!(commits.readiness(began + STUCK), Ok(()));
        assert_eq!((commits.failed, commits.last), (2, Some(7)));
    }

    #[test]
    fn the_source_that_was_silent_longest_is_forgotten() {
        let mut commits = Commits::default();
        for number in 0..=MAX_SOURCES {
            let now = i64::try_from(number).unwrap();
            commits.succeed(&batch([number.to_string()].into_iter()), now);
            commits.succeed(&batch(["0".to_owned()].into_iter()), now);
        }
        assert_eq!(commits.sources.len(), MAX_SOURCES);
        assert!(commits.sources.contains_key("0"));
        assert!(!commits.sources.contains_key("1"));
    }
}
