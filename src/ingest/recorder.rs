//! The recorder as a type: open, record from any thread, shut down.

use super::Screen;
use super::batcher::Thresholds;
use super::queue::{Delivery, Full, Limits, Queue, Refused};
use super::unix_ms;
use super::writer::{ErrorHook, Failure, Shared, Summary, Writer};
use crate::model::{Checkpoint, Event, Request, Text};
use crate::store::sqlite::{RecorderLock, SqliteStore};
use crate::store::{Store, StoreError, StoreErrorKind};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

type Predicate = Box<dyn Fn(&Request) -> bool + Send + Sync>;

/// How a recorder works. Sizes below 1 are taken as 1.
pub struct Config {
    /// The store's file.
    pub db: PathBuf,
    /// Events that are worth a transaction of their own.
    pub batch_size: usize,
    /// Longest time an event waits for others before it is committed.
    pub flush_interval: Duration,
    /// Most events that wait for the writer.
    pub queue_events: usize,
    /// Most bytes of input whose events wait for the writer.
    pub queue_bytes: usize,
    /// Whether to be the store's one recorder; a tap is not, and may run beside others.
    pub exclusive: bool,
    /// Only requests that pass are stored; the others are counted.
    pub filter: Option<Predicate>,
    /// What is taken out of events before they are stored: secrets, unless told otherwise.
    pub screen: Screen,
    /// Told of a store that fails.
    pub on_error: Option<ErrorHook>,
}

impl Config {
    /// Events that are worth a transaction of their own, unless told otherwise.
    pub const BATCH_SIZE: usize = 500;
    /// Longest wait for others, unless told otherwise.
    pub const FLUSH_INTERVAL: Duration = Duration::from_millis(200);
    /// Most events that wait for the writer, unless told otherwise.
    pub const QUEUE_EVENTS: usize = 10_000;
    /// Most bytes that wait for the writer, unless told otherwise.
    pub const QUEUE_BYTES: usize = 64 << 20;
    /// Events held beyond the queue, for sources that cannot wait, while the store fails.
    pub const HELD_EVENTS: usize = 4096;

    /// The usual configuration for a store.
    #[must_use]
    pub fn new(db: impl Into<PathBuf>) -> Self {
        Self {
            db: db.into(),
            batch_size: Self::BATCH_SIZE,
            flush_interval: Self::FLUSH_INTERVAL,
            queue_events: Self::QUEUE_EVENTS,
            queue_bytes: Self::QUEUE_BYTES,
            exclusive: false,
            filter: None,
            screen: Screen::default(),
            on_error: None,
        }
    }

    fn thresholds(&self) -> Thresholds {
        Thresholds {
            batch_size: self.batch_size.max(1),
            flush_interval: self.flush_interval.max(Duration::from_millis(1)),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            events: self.queue_events.max(1),
            bytes: self.queue_bytes.max(1),
            held_events: Self::HELD_EVENTS,
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
    shared: Arc<Shared>,
    filter: Option<Predicate>,
    screen: Arc<Screen>,
    checkpoints: Vec<Checkpoint>,
    writer: Option<JoinHandle<Result<(), StoreError>>>,
    lock: Option<RecorderLock>,
}

impl Recorder {
    /// The name of the source that [`Recorder::record`] stands for.
    pub const EMBEDDED: &str = "embedded";

    /// Opens the store (making and migrating it as needed) and starts the writer thread.
    ///
    /// # Errors
    /// When the store cannot be opened for writing; its kind says which of the file, the layout or
    /// SQLite is at fault.
    pub fn open(config: Config) -> Result<Self, StoreError> {
        let (store, lock) = if config.exclusive {
            let (store, lock) = SqliteStore::open_exclusive(&config.db)?;
            (store, Some(lock))
        } else {
            (SqliteStore::open(&config.db)?, None)
        };
        let mut recorder = Self::with_store(Box::new(store), config)?;
        recorder.lock = lock;
        Ok(recorder)
    }

    /// Starts the writer thread over a store that is open already.
    ///
    /// # Errors
    /// When the store's checkpoints cannot be read, or no thread can be started.
    pub fn with_store(mut store: Box<dyn Store>, config: Config) -> Result<Self, StoreError> {
        let checkpoints = store.checkpoints()?;
        let queue = Arc::new(Queue::new(config.limits()));
        let shared = Arc::new(Shared::default());
        let thresholds = config.thresholds();
        let writer = Writer {
            store,
            queue: Arc::clone(&queue),
            shared: Arc::clone(&shared),
            on_error: config.on_error,
            thresholds,
            id: writer_id(),
        };
        let writer = std::thread::Builder::new()
            .name("mcpr-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| {
                let message = format!("cannot start the writer thread: {error}");
                StoreError::new(StoreErrorKind::Other, message)
            })?;
        Ok(Self {
            queue,
            shared,
            filter: config.filter,
            screen: Arc::new(config.screen),
            checkpoints,
            writer: Some(writer),
            lock: None,
        })
    }

    /// Records one event; never blocks. What a full queue drops is counted and stored as a gap.
    ///
    /// After the writer has failed for good, events are ignored: [`Recorder::shutdown`] says why.
    pub fn record(&self, event: Event) {
        let mut delivery = Delivery::new(Text::const_new(Self::EMBEDDED));
        delivery.progress.counts.events = 1;
        delivery.bytes = size_of::<Event>();
        match (&self.filter, &event) {
            (Some(filter), Event::Request(request)) if !filter(request) => {
                delivery.progress.counts.filtered = 1;
            }
            _ => delivery.events.push(event),
        }
        screen_delivery(&self.screen, &mut delivery);
        let _ = self
            .queue
            .push_or_drop(delivery, unix_ms(SystemTime::now()));
    }

    /// A handle through which a source's own thread delivers.
    #[must_use]
    pub fn source(&self, full: Full) -> SourceHandle {
        SourceHandle {
            queue: Arc::clone(&self.queue),
            screen: Arc::clone(&self.screen),
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
        self.shared
            .summary
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether the writer has ended by itself, which it does only when the store is beyond help.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.has_ended.load(Ordering::Acquire)
    }

    /// Tells the writer that the end is near: a failing store is then tried only for a while.
    pub fn stop(&self) {
        self.shared.is_stopping.store(true, Ordering::Release);
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
        let result = self.join_writer();
        // Only now may another recorder have the store.
        self.lock = None;
        result
    }

    fn join_writer(&mut self) -> Result<(), StoreError> {
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
        // Nobody is left to tell; `shutdown` is for those who want to know.
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
            "{error}; failing for {seconds} s, {held} events held, {dropped} dropped so far"
        )
    }
}

/// A source's way into the queue.
#[derive(Debug, Clone)]
pub struct SourceHandle {
    queue: Arc<Queue>,
    screen: Arc<Screen>,
    full: Full,
}

impl SourceHandle {
    /// Delivers events: waits for room or drops, as the source was set up. `give_up` is asked now
    /// and then while it waits.
    ///
    /// # Errors
    /// When the recorder takes nothing more, or `give_up` said so; nothing was taken then.
    pub fn deliver(
        &self,
        mut delivery: Delivery,
        give_up: &dyn Fn() -> bool,
    ) -> Result<u64, Refused> {
        screen_delivery(&self.screen, &mut delivery);
        match self.full {
            Full::Block => self.queue.push_waiting(delivery, give_up).map(|()| 0),
            Full::Drop => self
                .queue
                .push_or_drop(delivery, unix_ms(SystemTime::now())),
        }
    }

    /// Takes the secrets out of a delivery that is to be offered.
    #[must_use]
    pub fn screened(&self, mut delivery: Box<Delivery>) -> Screened {
        screen_delivery(&self.screen, &mut delivery);
        Screened(delivery)
    }

    /// Delivers without waiting, whole or not at all: for a source whose sender comes again.
    ///
    /// # Errors
    /// The delivery itself, when there is no room for it now, or nothing more is taken.
    pub fn offer(&self, delivery: Screened) -> Result<(), Screened> {
        self.queue.push_whole(delivery.0).map_err(Screened)
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

/// Nothing enters the queue without it.
fn screen_delivery(screen: &Screen, delivery: &mut Delivery) {
    delivery.progress.counts.redacted += screen.pass(&mut delivery.events);
}

/// A number that no other writer has: from the clock, the process and the system's hash seed.
pub(super) fn writer_id() -> i64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new()
        .hash_one((std::process::id(), unix_ms(SystemTime::now())))
        .cast_signed()
}
