//! The writer thread: takes deliveries, makes batches, commits them, and never gives one up.

use super::keeping::RetentionTask;
use super::queue::{OnCommit, Popped, Queue};
use super::unsaved::Unsaved;
use super::vitals::{Commits, lock};
use super::{abandoned, spill, unix_ms};
use mcpr_model::{Batch, Counts};
use mcpr_store::{Appended, Keep, StoreError, StoreErrorKind, Writer as StoreWriter};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

/// First pause after a failed commit; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often a failure that lasts is reported again.
const REPORT_AGAIN: Duration = Duration::from_secs(10);
/// How long a failing store is still tried after the recorder was asked to stop.
const LAST_TRIES: Duration = Duration::from_secs(30);
/// How long nothing must have come before the write-ahead log is emptied.
const IDLE: Duration = Duration::from_secs(2);
/// How often a recorder that runs looks for what others left beside the store: as it commits, and as it
/// has nothing to do.
const LOOK_BESIDE: Duration = Duration::from_secs(2);
const LOOK_BESIDE_IDLE: Duration = Duration::from_mins(1);

/// How long others have their turn between two slices of what is removed.
const CARE_PAUSE: Duration = Duration::from_millis(5);

/// What a recorder has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// What was met in all sources, as far as it is committed.
    pub counts: Counts,
    /// Requests that are new in the store.
    pub stored: u64,
    /// Requests that were duplicates.
    pub duplicates: u64,
    /// Requests stored although their id was there with another content.
    pub conflicts: u64,
    /// Requests stored that another stream seems to have reported.
    pub undecided: u64,
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
        self.undecided += appended.undecided;
        self.gaps += appended.gaps;
        self.batches += 1;
    }
}

/// A store that fails, as reported to the error hook: once at first, then every ten seconds.
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

/// Called when the store fails.
pub(super) type ErrorHook = Box<dyn Fn(&Failure<'_>) + Send>;

/// What the writer thread shares with the recorder's handle.
#[derive(Debug)]
pub(super) struct WriterState {
    /// What is committed so far.
    pub(super) summary: Mutex<Summary>,
    /// How committing goes.
    pub(super) commits: Mutex<Commits>,
    /// What is not. The writer holds it while it waits for the queue: whoever wants it closes that
    /// first.
    unsaved: Mutex<Unsaved>,
    /// What is to be kept from now on, until the writer has seen it.
    pub(super) new_keep: Mutex<Option<Keep>>,
    /// Set when the recorder is to stop: a failing store is then tried only for a while.
    pub(super) is_stopping: AtomicBool,
    /// Set when the writer has ended, for whatever reason.
    pub(super) has_ended: AtomicBool,
}

impl WriterState {
    pub(super) fn new(unsaved: Unsaved) -> Self {
        Self {
            summary: Mutex::default(),
            commits: Mutex::default(),
            unsaved: Mutex::new(unsaved),
            new_keep: Mutex::default(),
            is_stopping: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }
    }

    pub(super) fn unsaved(&self) -> MutexGuard<'_, Unsaved> {
        lock(&self.unsaved)
    }

    pub(super) fn summary(&self) -> Summary {
        lock(&self.summary).clone()
    }
}

/// The writer's side of a recorder.
pub(super) struct WriterThread {
    pub(super) store: Box<dyn StoreWriter>,
    pub(super) queue: Arc<Queue>,
    pub(super) shared: Arc<WriterState>,
    pub(super) on_error: Option<ErrorHook>,
    /// Beside which earlier recorders may have left what they could not store.
    pub(super) path: Option<PathBuf>,
    /// What is kept of what is stored.
    pub(super) keeping: RetentionTask,
    /// Whether the end waits, for a while, for what is still to go.
    pub(super) finishes_care: bool,
}

impl WriterThread {
    /// Writes until the queue is closed and empty, or the store is beyond help.
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        let result = self.write_all();
        // After a failure nobody must wait for room that never comes.
        self.queue.close();
        // The log is emptied on the way out; what a reader holds back stays for the next one.
        let result = result.and_then(|()| self.idle());
        self.shared.has_ended.store(true, Ordering::Release);
        result
    }

    fn write_all(&mut self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        // Nothing is written yet, so that there is no log to empty.
        let mut is_idle = true;
        let mut took_in = self.take_in();
        loop {
            let mut unsaved = shared.unsaved();
            if unsaved.is_taken() {
                return Ok(());
            }
            let deadline = match unsaved.batcher.deadline() {
                Some(deadline) => Some(deadline),
                None if self.keeping.is_busy() => Some(Instant::now() + CARE_PAUSE),
                // Nothing wakes the writer for what another recorder leaves beside the store.
                None if is_idle => Some(Instant::now() + LOOK_BESIDE_IDLE),
                None => Some(Instant::now() + IDLE),
            };
            let popped = self.queue.pop(deadline);
            self.take_new_keep();
            let is_closed = matches!(popped, Popped::Closed);
            match popped {
                Popped::Delivery(delivery, bytes) => {
                    unsaved.batcher.add(*delivery, bytes, Instant::now());
                }
                Popped::Nothing if unsaved.batcher.is_empty() => {
                    drop(unsaved);
                    if self.care_for_idle()? {
                        continue;
                    }
                    // Tried once; what a reader holds back is for the next idle moment.
                    if !is_idle {
                        shared.unsaved().batcher.release();
                        self.idle()?;
                    }
                    took_in = self.take_in();
                    is_idle = true;
                    continue;
                }
                Popped::Nothing | Popped::Closed => {}
            }
            let dry = self.queue.waiting() == 0;
            let is_due = unsaved.batcher.is_due(Instant::now(), dry);
            if is_due || (is_closed && !unsaved.batcher.is_empty()) {
                let (batch, on_commit) = unsaved.next_batch();
                // A commit may take long: who takes away what is unsaved must not wait for it.
                drop(unsaved);
                self.commit(&batch)?;
                // Its memory is free before the queue says that there is room.
                shared.unsaved().landed(batch);
                self.queue.committed();
                on_commit.into_iter().for_each(OnCommit::call);
                is_idle = false;
                self.care()?;
                if took_in.elapsed() >= LOOK_BESIDE {
                    took_in = self.take_in();
                }
            } else if is_closed {
                drop(unsaved);
                return self.last_care();
            }
        }
    }

    fn take_new_keep(&mut self) {
        if let Some(keep) = lock(&self.shared.new_keep).take() {
            self.keeping.set_keep(keep);
        }
    }

    /// Does one slice of what is to be done about what is not kept.
    fn care(&mut self) -> Result<(), StoreError> {
        match self.store.care() {
            Some(store) if self.keeping.is_busy() => self.keeping.step(store),
            _ => Ok(()),
        }
    }

    /// The same while nothing waits; says whether there is more to do.
    fn care_for_idle(&mut self) -> Result<bool, StoreError> {
        if let Some(store) = self.store.care() {
            self.keeping.look(store);
        }
        self.care()?;
        Ok(self.keeping.is_busy())
    }

    /// Finishes what was begun, where that is this writer's to do.
    fn last_care(&mut self) -> Result<(), StoreError> {
        match self.store.care() {
            Some(store) if self.finishes_care => self.keeping.finish(store),
            _ => Ok(()),
        }
    }

    /// Takes in what other recorders left; where the store does not take it now, it stays. Says when.
    fn take_in(&mut self) -> Instant {
        // Looked for first: whoever is gone by then has left beside the store what it still knew.
        let gone = self.store.abandoned().unwrap_or_default();
        if let Some(path) = &self.path {
            let _ = spill::take_in(path, self.store.as_mut());
        }
        let _ = abandoned::end(self.store.as_mut(), gone);
        Instant::now()
    }

    /// Gives the store its idle moment. What it can't do now it does later, but a store that is not
    /// whole any more is reported: nothing that was reported to be stored may be lost in silence.
    fn idle(&mut self) -> Result<(), StoreError> {
        match self.store.idle() {
            Err(error) if matches!(error.kind, StoreErrorKind::Gone | StoreErrorKind::Corrupt) => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Commits a batch, however often it takes.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut pause = FIRST_PAUSE;
        let mut failing: Option<(Instant, Instant)> = None;
        let mut stopping_since = None;
        lock(&self.shared.commits).begin(Instant::now());
        loop {
            // The same batch each time: a commit that failed may be on disk all the same, and is
            // recognised.
            let error = match self.store.append(batch) {
                Ok(appended) => {
                    self.committed(batch, appended);
                    if let Some(store) = self.store.care() {
                        self.keeping.committed(batch, store);
                    }
                    return Ok(());
                }
                Err(error) => error,
            };
            lock(&self.shared.commits).fail();
            if !error.is_retryable() {
                return Err(error);
            }
            // It goes into a file beside the store instead.
            if self.shared.unsaved().is_taken() {
                return Ok(());
            }
            let now = Instant::now();
            let (since, reported) = failing.get_or_insert((now, now));
            // The first failure is reported at once.
            if *since == now || now.duration_since(*reported) >= REPORT_AGAIN {
                *reported = now;
                self.report(&error, batch, now.duration_since(*since));
            }
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
        // A batch that turns out to be there already was counted by the store, not yet by us.
        let mut appended = appended;
        if appended.repeated {
            appended.stored = requests_in(batch);
        }
        lock(&self.shared.summary).add(batch, appended);
        let now = unix_ms(SystemTime::now());
        lock(&self.shared.commits).succeed(batch, now);
    }

    fn report(&self, error: &StoreError, batch: &Batch, lasting: Duration) {
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
    let is_request = |event: &&mcpr_model::Event| matches!(event, mcpr_model::Event::Request(_));
    batch.events.iter().filter(is_request).count() as u64
}
