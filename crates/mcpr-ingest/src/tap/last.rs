//! How much time the recording side of a tap has left. While its store takes rows nobody counts; once
//! the store's time is over, what is left is read for a while, then written into a file beside the
//! store for a while, and what neither was in time for becomes a gap.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// After the store's time, how long copies are read and secrets taken out of their rows.
// Shorter than `SPILLING`, as what was read has to be written after it.
const READING: Duration = Duration::from_millis(400);
/// After the store's time, how long rows are written into a file beside it. A client kills its server
/// 2 s after it has asked it to end.
const SPILLING: Duration = Duration::from_millis(1200);

/// What the recording thread and whoever waits for it know of the time.
#[derive(Debug, Default)]
pub(super) struct LastTime {
    over_since: OnceLock<Instant>,
    committed: AtomicU64,
    read: AtomicU64,
}

impl LastTime {
    /// The store's time is over.
    pub(super) fn end(&self) {
        // The first end counts: whoever ends it again gives no more time.
        let _ = self.over_since.set(Instant::now());
    }

    /// Whether it is.
    pub(super) fn is_over(&self) -> bool {
        self.over_since.get().is_some()
    }

    /// Whether there is still time to read copies.
    pub(super) fn to_read(&self) -> bool {
        self.has(READING)
    }

    /// Whether there is still time to write rows into a file.
    pub(super) fn to_spill(&self) -> bool {
        self.has(SPILLING)
    }

    fn has(&self, time: Duration) -> bool {
        let since = self.over_since.get();
        since.is_none_or(|since| since.elapsed() < time)
    }

    /// Says how many batches are committed.
    pub(super) fn set_committed(&self, batches: u64) {
        self.committed.store(batches, Ordering::Release);
    }

    /// Says that some more was read.
    pub(super) fn step(&self) {
        self.read.fetch_add(1, Ordering::AcqRel);
    }

    /// What has been done so far: it is worth waiting while this grows.
    pub(super) fn steps(&self) -> u64 {
        self.committed.load(Ordering::Acquire) + self.read.load(Ordering::Acquire)
    }
}
