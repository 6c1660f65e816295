//! The writer thread: takes deliveries, makes batches, commits them, and never gives one up.

use super::batcher::{Batcher, Thresholds};
use super::queue::{OnCommit, Popped, Queue};
use super::unix_ms;
use crate::model::{Batch, Counts};
use crate::store::{Appended, Store, StoreError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// First pause after a failed commit; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often a failure that lasts is told again.
const TELL_AGAIN: Duration = Duration::from_secs(10);
/// How long a failing store is still tried after the recorder was told to stop.
const LAST_TRIES: Duration = Duration::from_secs(30);
/// How long nothing must have come before the write-ahead log is emptied.
const IDLE: Duration = Duration::from_secs(2);

/// What a recorder has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// What was met in all sources, as far as it is committed.
    pub counts: Counts,
    /// Requests that are new in the store.
    pub stored: u64,
    /// Requests that were there already.
    pub duplicates: u64,
    /// Requests stored although their id was there with another content.
    pub conflicts: u64,
    /// Gaps stored.
    pub gaps: u64,
    /// Transactions committed.
    pub batches: u64,
}

impl Summary {
    fn add(&mut self, batch: &Batch, appended: Appended) {
        for source in &batch.sources {
            self.counts.add(&source.counts);
        }
        self.stored += appended.stored;
        self.duplicates += appended.duplicates;
        self.conflicts += appended.conflicts;
        self.gaps += appended.gaps;
        self.batches += 1;
    }
}

/// A store that fails, as told to the error hook: once at first, then every ten seconds.
#[derive(Debug)]
pub struct Failure<'a> {
    /// What went wrong.
    pub error: &'a StoreError,
    /// Events in the batch that could not be committed, and behind it in the queue.
    pub held: u64,
    /// Events dropped so far, because no more could be held.
    pub dropped: u64,
    /// For how long it has been failing.
    pub lasting: Duration,
}

/// Told of a store that fails.
pub(super) type ErrorHook = Box<dyn Fn(&Failure<'_>) + Send>;

/// What the writer thread shares with the recorder's handle.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// What is committed so far.
    pub(super) summary: Mutex<Summary>,
    /// Set when the recorder is to stop: a failing store is then tried only for a while.
    pub(super) is_stopping: AtomicBool,
    /// Set when the writer has ended, for whatever reason.
    pub(super) has_ended: AtomicBool,
}

/// The writer's side of a recorder.
pub(super) struct Writer {
    pub(super) store: Box<dyn Store>,
    pub(super) queue: Arc<Queue>,
    pub(super) shared: Arc<Shared>,
    pub(super) on_error: Option<ErrorHook>,
    pub(super) thresholds: Thresholds,
    /// Random: tells this writer's batches from every other's.
    pub(super) id: i64,
}

impl Writer {
    /// Writes until the queue is closed and empty, or the store is beyond help.
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        let result = self.write_all();
        self.queue.close();
        if result.is_ok() {
            // The log is emptied on the way out; what a reader holds back stays for the next one.
            let _ = self.store.idle();
        }
        self.shared.has_ended.store(true, Ordering::Release);
        result
    }

    fn write_all(&mut self) -> Result<(), StoreError> {
        let mut batcher = Batcher::new(self.thresholds);
        let mut number = 0;
        let mut is_idle = true;
        loop {
            let deadline = match batcher.deadline() {
                Some(deadline) => Some(deadline),
                None if is_idle => None,
                None => Some(Instant::now() + IDLE),
            };
            let popped = self.queue.pop(deadline);
            let is_closed = matches!(popped, Popped::Closed);
            match popped {
                Popped::Delivery(delivery) => batcher.add(*delivery, Instant::now()),
                Popped::Nothing if batcher.is_empty() => {
                    // Tried once; what a reader holds back is for the next idle moment.
                    let _ = self.store.idle();
                    is_idle = true;
                    continue;
                }
                Popped::Nothing | Popped::Closed => {}
            }
            let dry = self.queue.waiting() == 0;
            if batcher.is_due(Instant::now(), dry) || (is_closed && !batcher.is_empty()) {
                number += 1;
                let batch = batcher.take(self.id, number, unix_ms(SystemTime::now()));
                let on_commit = batcher.take_on_commit();
                self.commit(&batch)?;
                on_commit.into_iter().for_each(OnCommit::call);
                is_idle = false;
            } else if is_closed {
                return Ok(());
            }
        }
    }

    /// Commits a batch, however often it takes.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut pause = FIRST_PAUSE;
        let mut failing: Option<(Instant, Instant)> = None;
        let mut stopping_since = None;
        loop {
            let error = match self.store.append(batch) {
                Ok(appended) => {
                    self.committed(batch, appended);
                    return Ok(());
                }
                Err(error) => error,
            };
            if !error.is_retryable() {
                return Err(error);
            }
            let now = Instant::now();
            let (since, told) = failing.get_or_insert((now, now));
            if *since == now || now.duration_since(*told) >= TELL_AGAIN {
                *told = now;
                self.tell(&error, batch, now.duration_since(*since));
            }
            self.queue.set_store_fails(true);
            if self.shared.is_stopping.load(Ordering::Acquire) {
                let stopping_since = *stopping_since.get_or_insert(now);
                if now.duration_since(stopping_since) >= LAST_TRIES {
                    return Err(error);
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn committed(&self, batch: &Batch, appended: Appended) {
        self.queue.set_store_fails(false);
        // A batch that turns out to be there already was counted by the store, not yet by us.
        let mut appended = appended;
        if appended.repeated {
            appended.stored = requests_in(batch);
        }
        self.shared
            .summary
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(batch, appended);
    }

    fn tell(&self, error: &StoreError, batch: &Batch, lasting: Duration) {
        if let Some(hook) = &self.on_error {
            let held = batch.events.len() as u64 + self.queue.waiting();
            hook(&Failure {
                error,
                held,
                dropped: self.queue.dropped(),
                lasting,
            });
        }
    }
}

fn requests_in(batch: &Batch) -> u64 {
    let is_request =
        |event: &&crate::model::Event| matches!(event, crate::model::Event::Request(_));
    batch.events.iter().filter(is_request).count() as u64
}
