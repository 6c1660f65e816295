//! The recorder as a type: open, record from any thread, shut down.

use super::Screen;
use super::batcher::Thresholds;
use super::keeping::{CareHook, Clock, RetentionTask};
use super::live::Live;
use super::queue::{Delivery, Full, Queue, QueueClosed, QueueLimits};
use super::spill::{self, Spilled};
use super::unix_ms;
use super::unsaved::Unsaved;
use super::unsent::{WaitsForTarget, waits_at};
use super::vitals::{Vitals, lock};
use super::writer::{ErrorHook, Failure, Summary, WriterState, WriterThread};
use mcpr_connect::connect;
use mcpr_model::{Checkpoint, Event, Request, Text};
use mcpr_store::{
    Keep, StoreError, StoreErrorKind, StoreUrl, Writer as StoreWriter, WriterOptions,
};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

type Predicate = Box<dyn Fn(&Request) -> bool + Send + Sync>;

/// How a recorder works. Sizes below 1 are taken as 1.
pub struct Config {
    /// The store: a path, or a URL.
    pub db: StoreUrl,
    /// Events that are worth a transaction of their own.
    pub batch_size: usize,
    /// Longest time an event waits for others before it is committed.
    pub flush_interval: Duration,
    /// Most events that wait for the writer.
    pub queue_events: usize,
    /// Most bytes of memory that wait for the writer or are being committed.
    pub queue_bytes: usize,
    /// Who writes: the store's one recorder, or a tap, which may run beside others.
    pub writer: WriterOptions,
    /// Only requests that pass are stored; the others are counted.
    pub filter: Option<Predicate>,
    /// What is taken out of events before they are stored: secrets, unless configured otherwise.
    pub screen: Screen,
    /// Called when the store fails.
    pub on_error: Option<ErrorHook>,
    /// What is kept: everything, unless configured otherwise. The rest goes beside the recording.
    pub keep: Keep,
    /// Called with what went because it is not kept.
    pub on_removed: Option<CareHook>,
    /// What says how old something is: the system's clock, unless configured otherwise.
    pub clock: Option<Clock>,
}

impl Config {
    /// Events that are worth a transaction of their own, unless configured otherwise.
    // From this size on a synced commit adds no cost per row that can be measured.
    pub const BATCH_SIZE: usize = 500;
    /// Longest wait for others, unless configured otherwise.
    pub const FLUSH_INTERVAL: Duration = Duration::from_millis(200);
    /// Most events that wait for the writer, unless configured otherwise.
    pub const QUEUE_EVENTS: usize = 10_000;
    /// Most bytes that wait for the writer, unless configured otherwise.
    pub const QUEUE_BYTES: usize = 64 << 20;

    /// The usual configuration for a store.
    #[must_use]
    pub fn new(db: impl Into<StoreUrl>) -> Self {
        Self {
            db: db.into(),
            batch_size: Self::BATCH_SIZE,
            flush_interval: Self::FLUSH_INTERVAL,
            queue_events: Self::QUEUE_EVENTS,
            queue_bytes: Self::QUEUE_BYTES,
            writer: WriterOptions::default(),
            filter: None,
            screen: Screen::default(),
            on_error: None,
            keep: Keep::EVERYTHING,
            on_removed: None,
            clock: None,
        }
    }

    pub(super) fn thresholds(&self) -> Thresholds {
        Thresholds {
            batch_size: self.batch_size.max(1),
            flush_interval: self.flush_interval.max(Duration::from_millis(1)),
            // While one part is being committed, the others fill.
            batch_bytes: self.queue_bytes / 4,
        }
    }

    fn limits(&self) -> QueueLimits {
        QueueLimits {
            events: self.queue_events.max(1),
            bytes: self.queue_bytes.max(1),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("db", &self.db)
            .field("batch_size", &self.batch_size)
            .field("flush_interval", &self.flush_interval)
            .finish_non_exhaustive()
    }
}

/// A running recorder. Dropping it shuts it down: everything that was taken is committed.
pub struct Recorder {
    queue: Arc<Queue>,
    shared: Arc<WriterState>,
    filter: Option<Predicate>,
    screen: Live<Screen>,
    checkpoints: Vec<Checkpoint>,
    path: Option<PathBuf>,
    writer: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Recorder {
    /// The name of the source that [`Recorder::record`] stands for.
    pub const EMBEDDED: &str = "embedded";

    /// Opens the store (making and migrating it as needed) and starts the writer thread.
    ///
    /// # Errors
    /// When the store cannot be opened for writing; its kind says which of the place, the layout or
    /// the backend is at fault.
    pub fn open(config: Config) -> Result<Self, StoreError> {
        let store = connect(&config.db)?.writer(config.writer.clone())?;
        let path = config.db.path().map(Path::to_owned);
        let waits = waits_at(&config.db);
        Self::start(store, config, path, Some(waits))
    }

    /// Starts the writer thread over a store that is open already.
    ///
    /// # Errors
    /// When the store's checkpoints cannot be read, or no thread can be started.
    pub fn with_store(store: Box<dyn StoreWriter>, config: Config) -> Result<Self, StoreError> {
        // Such a store has no known place: nothing is spilled or taken in beside it.
        Self::start(store, config, None, None)
    }

    fn start(
        mut store: Box<dyn StoreWriter>,
        config: Config,
        path: Option<PathBuf>,
        waits: Option<WaitsForTarget>,
    ) -> Result<Self, StoreError> {
        // Read now: from here on the store is the writer thread's.
        let checkpoints = store.checkpoints()?;
        let queue = Arc::new(Queue::new(config.limits()));
        let unsaved = Unsaved::new(config.thresholds(), writer_id());
        let shared = Arc::new(WriterState::new(unsaved));
        let writer = WriterThread {
            store,
            queue: Arc::clone(&queue),
            shared: Arc::clone(&shared),
            on_error: config.on_error,
            path: path.clone(),
            keeping: RetentionTask::new(config.keep, config.clock, config.on_removed)
                .heed_targets(waits),
            finishes_care: config.writer.exclusive,
        };
        let writer = std::thread::Builder::new()
            .name("mcpr-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| {
                StoreError::new(StoreErrorKind::Other, "cannot start the writer thread")
                    .caused_by(error)
            })?;
        Ok(Self {
            queue,
            shared,
            filter: config.filter,
            screen: Live::new(config.screen),
            checkpoints,
            path,
            writer: Some(writer),
        })
    }

    /// Records one event; never blocks. What a full queue drops is counted and stored as a gap.
    ///
    /// After the writer has failed for good, events are ignored: [`Recorder::shutdown`] says why.
    pub fn record(&self, event: Event) {
        let mut delivery = Delivery::new(Text::const_new(Self::EMBEDDED));
        delivery.progress.counts.events = 1;
        match (&self.filter, event) {
            (Some(filter), Event::Request(request)) if !filter(&request) => {
                delivery.progress.counts.filtered = 1;
                // What the server shows is recorded all the same.
                delivery.events.extend(request.surface.map(Event::Surface));
            }
            (Some(filter), Event::Open(open)) if !filter(&open.request) => {}
            (_, event) => delivery.events.push(event),
        }
        screen_delivery(&self.screen.get(), &mut delivery);
        // A closed queue is that of a writer that has failed, which `shutdown` reports.
        let _ = self
            .queue
            .push_or_drop(delivery, unix_ms(SystemTime::now()));
    }

    /// A handle through which a source's own thread delivers.
    #[must_use]
    pub fn source(&self, full: Full) -> SourceHandle {
        SourceHandle {
            queue: Arc::clone(&self.queue),
            screen: self.screen.clone(),
            full,
        }
    }

    /// The checkpoints the store held when it was opened.
    #[must_use]
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// What is committed so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.shared.summary()
    }

    /// A way to look at how the recorder is, from any thread.
    #[must_use]
    pub fn vitals(&self) -> Vitals {
        Vitals::new(Arc::clone(&self.queue), Arc::clone(&self.shared))
    }

    /// What takes the secrets out of everything that is recorded. A screen that is set in its place holds
    /// for what is delivered from then on.
    #[must_use]
    pub fn screen(&self) -> Live<Screen> {
        self.screen.clone()
    }

    /// Has other limits hold for what is kept, at once: what is past them begins to go.
    pub fn set_keep(&self, keep: Keep) {
        *lock(&self.shared.new_keep) = Some(keep);
        self.queue.wake();
    }

    /// Whether the writer has ended: by itself, which it does only when the store is beyond help, or
    /// after [`Recorder::close`].
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.has_ended.load(Ordering::Acquire)
    }

    /// Lets the writer know that the end is near: a failing store is then tried only for a while.
    pub fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::Release);
    }

    /// Takes nothing more, and says so to the writer, which ends once all is committed.
    pub fn close(&self) {
        self.stop();
        self.queue.close();
    }

    /// Ends without the store: what is not committed, and what was `left` behind it, goes into a file
    /// beside the store, from which the next recorder takes it; as a gap, what there is no time for.
    /// The writer is left to itself.
    ///
    /// # Errors
    /// When the file cannot be written; what it was to hold is lost.
    pub fn spill(
        mut self,
        left: Vec<Delivery>,
        has_time: &dyn Fn() -> bool,
    ) -> io::Result<Option<Spilled>> {
        self.close();
        // After the closing, as the writer holds this lock while it waits for the queue.
        let batches = self.shared.unsaved().take(&self.queue, left);
        // Not joined, as it may wait for its store longer than this process has.
        self.writer = None;
        spill::write(self.path.as_deref(), &batches, has_time)
    }

    /// Drains the queue, commits the last batch and ends the writer thread.
    ///
    /// # Errors
    /// When the store failed for good; what is committed stays.
    pub fn shutdown(mut self) -> Result<Summary, StoreError> {
        self.join()?;
        Ok(self.summary())
    }

    fn join(&mut self) -> Result<(), StoreError> {
        self.stop();
        self.queue.close();
        // With the writer's end its store is closed, and another recorder may have it.
        match self.writer.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(StoreError::new(
                StoreErrorKind::Other,
                "the writer thread panicked",
            )),
            None => Ok(()),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Nobody is left to report to; `shutdown` is for those who want to know.
        let _ = self.join();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("summary", &self.summary())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            error,
            held,
            dropped,
            lasting,
        } = self;
        let seconds = lasting.as_secs();
        write!(
            f,
            "{error:#}; failing for {seconds} s, {held} events held, {dropped} dropped so far"
        )
    }
}

/// A source's way into the queue.
#[derive(Debug, Clone)]
pub struct SourceHandle {
    queue: Arc<Queue>,
    screen: Live<Screen>,
    full: Full,
}

impl SourceHandle {
    /// Delivers events: waits for room or drops, as the source was set up. `give_up` is asked now
    /// and then while it waits.
    ///
    /// # Errors
    /// When the recorder takes nothing more, or `give_up` stated so; nothing was taken then.
    pub fn deliver(
        &self,
        mut delivery: Delivery,
        give_up: &dyn Fn() -> bool,
    ) -> Result<u64, QueueClosed> {
        screen_delivery(&self.screen.get(), &mut delivery);
        let bytes = delivery.bytes;
        let dropped = match self.full {
            Full::Block => self.queue.push_waiting(delivery, give_up).map(|()| 0),
            Full::Drop => self
                .queue
                .push_or_drop(delivery, unix_ms(SystemTime::now())),
        }?;
        self.queue.count_input(bytes);
        Ok(dropped)
    }

    /// Takes the secrets out of a delivery that is to be offered.
    #[must_use]
    pub fn screened(&self, mut delivery: Box<Delivery>) -> Screened {
        screen_delivery(&self.screen.get(), &mut delivery);
        Screened(delivery)
    }

    /// Delivers without waiting, whole or not at all: for a source whose sender comes again.
    ///
    /// # Errors
    /// The delivery itself, when there is no room for it now, or nothing more is taken.
    pub fn offer(&self, delivery: Screened) -> Result<(), Screened> {
        let bytes = delivery.0.bytes;
        self.queue.push_whole(delivery.0).map_err(Screened)?;
        self.queue.count_input(bytes);
        Ok(())
    }

    /// Whether a delivery of so many bytes would be taken now.
    #[must_use]
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.queue.has_room_for(bytes)
    }

    /// Whether the recorder takes nothing more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }
}

/// A delivery without secrets. It may be offered again and again, and is gone over once.
#[derive(Debug)]
pub struct Screened(Box<Delivery>);

impl Screened {
    /// The delivery itself.
    #[must_use]
    pub fn into_delivery(self) -> Delivery {
        *self.0
    }
}

/// Nothing enters the queue without it.
pub(crate) fn screen_delivery(screen: &Screen, delivery: &mut Delivery) {
    for event in &mut delivery.events {
        // Before the queue, which makes gaps of these times.
        event.settle_times();
        let Event::Request(request) = event else {
            continue;
        };
        request.settle_probe();
        if let Some(format) = request.format {
            delivery.progress.counts.formats.add(format);
        }
    }
    delivery.progress.counts.redacted += screen.pass(&mut delivery.events);
}

/// A number that no other writer has: from the clock, the process and the system's hash seed.
pub(super) fn writer_id() -> i64 {
    use std::hash::{BuildHasher, RandomState};
    // The system seeds it: two processes of one number and moment still differ.
    RandomState::new()
        .hash_one((std::process::id(), unix_ms(SystemTime::now())))
        .cast_signed()
}
