//! The recording side of a tap, on threads of its own: reads the copies and gives the rows to the
//! recorder. Nothing here is ever waited for by the pumps, and no failure here ends the session.

use super::held::HeldCopies;
use super::last::LastTime;
use super::reading::{CopyQueue, CopyReading, StdioReading};
use super::{Copies, ErrorOutput, Moment, Transcript, TranscriptState};
use crate::{
    Config, Delivery, Full, Recorder, Screen, Spilled, Summary, batches, screen_delivery, spill,
};
use mcpr_store::StoreUrl;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

/// How often the end of a session looks whether there is progress.
const END_POLL: Duration = Duration::from_millis(50);
/// How long the recording thread waits for copies: an idle session costs nothing.
const IDLE_POLL: Duration = Duration::from_hours(1);
/// How long a store that cannot be opened now is left alone.
const OPEN_AGAIN: Duration = Duration::from_millis(100);
/// The niceness of what records: a third of a core where others want it, so that rows are still there
/// in a moment.
#[cfg(target_os = "linux")]
const RECORDING_NICENESS: i32 = 5;
/// Events that are worth a delivery of their own.
const DELIVERY_EVENTS: usize = 1000;
/// How often a store is looked at that has to take something first.
const STORE_POLL: Duration = Duration::from_millis(5);
/// How long the file beside the store is waited for. The work on it ends earlier, by
/// [`LastTime::to_spill`]: this is for a disk that is slow to sync.
const SPILLED: Duration = Duration::from_secs(4);

/// Called with each message for a person.
pub type OnMessage = Arc<dyn Fn(&str) + Send + Sync>;

/// What became of a session's record.
#[derive(Debug, Clone, Default)]
pub struct TapReport {
    /// What passed.
    pub account: TranscriptState,
    /// What the store took.
    pub stored: Summary,
    /// What waits beside the store, which did not take it in time.
    pub spilled: Option<Spilled>,
    /// Why it is not all stored, if it is not.
    pub failure: Option<String>,
}

/// The recording side, at work.
#[derive(Debug)]
pub struct TapRecorder {
    done: Receiver<TapReport>,
    time: Arc<LastTime>,
    account: Arc<RwLock<TranscriptState>>,
}

/// How long the end of a session waits for its last rows.
#[derive(Debug, Clone, Copy)]
pub struct FinalFlush {
    /// For a store that takes none.
    pub patience: Duration,
    /// For one that takes some.
    pub most: Duration,
}

/// What the opening thread brings.
type Opened = Result<Recorder, String>;

impl TapRecorder {
    /// Starts reading copies into a store, or only counting where there is none to be had.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        config: Config,
        transcript: Transcript,
        copies: Arc<Copies>,
        errors: Option<ErrorOutput>,
        on_message: OnMessage,
    ) -> io::Result<Self> {
        let reading = StdioReading::new(transcript, Arc::clone(&copies), errors);
        Self::start_reading(config, reading, copies, on_message)
    }

    /// The same for copies of any kind.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start_reading<R: CopyReading>(
        config: Config,
        reading: R,
        copies: Arc<dyn CopyQueue>,
        on_message: OnMessage,
    ) -> io::Result<Self> {
        let time = Arc::new(LastTime::default());
        let account = Arc::default();
        let (db, screen) = (config.db.clone(), config.screen.clone());
        let opening = Opening {
            config,
            time: Arc::clone(&time),
            on_message: Arc::clone(&on_message),
            copies: Arc::clone(&copies),
        };
        let opened = opening.start()?;
        let (sender, done) = channel();
        let recording = RecordingThread {
            reading,
            held: HeldCopies::default(),
            left: Vec::new(),
            opened,
            store: StoreState::Opening,
            db,
            screen,
            on_message,
            account: Arc::clone(&account),
            time: Arc::clone(&time),
            copies,
        };
        thread::Builder::new()
            .name("mcpr-tap record".to_owned())
            .spawn(move || {
                step_back();
                // A session that did not wait for the report is over.
                let _ = sender.send(recording.run());
            })?;
        Ok(Self {
            done,
            time,
            account,
        })
    }

    /// Waits for the last rows to be stored, not as long when `hurry` is set; what is not stored by
    /// then goes into a file beside the store. The session is over.
    #[must_use]
    pub fn finish(self, last: FinalFlush, hurry: &AtomicBool) -> TapReport {
        let began = Instant::now();
        // Patience counts from the last progress, so that a slow store is not given up while it
        // works.
        let mut progress = (self.time.steps(), began);
        let report = loop {
            match self.done.recv_timeout(END_POLL) {
                Err(RecvTimeoutError::Timeout) => {}
                report => break report,
            }
            if self.time.steps() != progress.0 {
                progress = (self.time.steps(), Instant::now());
            }
            if hurry.load(Ordering::Acquire)
                || progress.1.elapsed() >= last.patience
                || began.elapsed() >= last.most
            {
                self.time.end();
                break self.done.recv_timeout(SPILLED);
            }
        };
        // Even without a report it is known what passed until the last delivery.
        report.unwrap_or_else(|_| TapReport {
            account: *self.account.read().unwrap_or_else(PoisonError::into_inner),
            failure: Some(NOT_IN_TIME.to_owned()),
            ..TapReport::default()
        })
    }
}

/// Why events are lost where even a file beside the store was not written.
const NOT_IN_TIME: &str = "the store did not take the last events in time";

/// What the thread needs that opens the store beside the session: that can take seconds while
/// somebody else holds it.
struct Opening {
    config: Config,
    time: Arc<LastTime>,
    on_message: OnMessage,
    copies: Arc<dyn CopyQueue>,
}

impl Opening {
    fn start(self) -> io::Result<Receiver<Opened>> {
        let (sender, opened) = channel();
        thread::Builder::new()
            .name("mcpr-tap open".to_owned())
            .spawn(move || {
                // The store's writer is started from here, and steps back as well.
                step_back();
                // A session that did not wait for it is over.
                let _ = sender.send(self.open());
                // What was held meanwhile is not to wait for the next message.
                self.copies.wake();
            })?;
        Ok(opened)
    }

    fn open(&self) -> Opened {
        let mut is_reported = false;
        loop {
            match Recorder::open(configured(&self.config, &self.on_message)) {
                Err(error) if error.is_retryable() && !self.time.is_over() => {
                    if !is_reported {
                        // Reported once: a store may be held for as long as the session lasts.
                        (self.on_message)(&format!(
                            "warning: {error:#}; the session goes on, trying again"
                        ));
                        is_reported = true;
                    }
                    thread::sleep(OPEN_AGAIN);
                }
                // A session that is over does not wait for the store any more.
                result => return result.map_err(|error| format!("{error:#}")),
            }
        }
    }
}

/// Lets this thread, and those that it starts, give way to the client, the server and what passes
/// between them.
fn step_back() {
    // Elsewhere the number is of the process, not of the thread.
    #[cfg(target_os = "linux")]
    {
        // Where it is refused, recording competes with the session for a core, and no more.
        let _ = rustix::process::setpriority_process(None, RECORDING_NICENESS);
    }
}

fn configured(config: &Config, on_message: &OnMessage) -> Config {
    let on_message = Arc::clone(on_message);
    // Each try uses a configuration up, and closures cannot be cloned.
    let mut own = Config::new(config.db.clone());
    own.batch_size = config.batch_size;
    own.flush_interval = config.flush_interval;
    own.writer = config.writer.clone();
    own.keep = config.keep;
    own.screen = config.screen.clone();
    own.on_error = Some(Box::new(move |failure| {
        on_message(&format!("warning: {failure}"));
    }));
    own
}

/// Where the store stands.
enum StoreState {
    Opening,
    Open(Recorder),
    Failed,
}

/// The recording thread's own things.
struct RecordingThread<R> {
    reading: R,
    held: HeldCopies,
    /// What the recorder had no room for when there was no more time.
    left: Vec<Delivery>,
    opened: Receiver<Opened>,
    store: StoreState,
    db: StoreUrl,
    screen: Screen,
    on_message: OnMessage,
    account: Arc<RwLock<TranscriptState>>,
    time: Arc<LastTime>,
    copies: Arc<dyn CopyQueue>,
}

impl<R: CopyReading> RecordingThread<R> {
    fn run(mut self) -> TapReport {
        self.reading.begin(Moment::now());
        let mut goes_on = true;
        while goes_on {
            goes_on = self.reading.take(self.patience());
            while self.reading.read_next(self.time.to_read()) {
                // Copies of many megabytes may come at once: rows leave before all of them are
                // read.
                if self.reading.waiting() >= DELIVERY_EVENTS {
                    self.hand_over();
                }
            }
            self.reading.look(Instant::now(), !goes_on);
            if !goes_on {
                self.reading.end(Moment::now());
            }
            self.hand_over();
        }
        self.finish()
    }

    /// How long there is nothing to do without news.
    fn patience(&self) -> Duration {
        self.reading.next_look().map_or(IDLE_POLL, |at| {
            at.saturating_duration_since(Instant::now()).min(IDLE_POLL)
        })
    }

    fn hand_over(&mut self) {
        let delivery = self.reading.hand_out();
        // Before the delivery, which may wait for room longer than the session's end does.
        *self.account.write().unwrap_or_else(PoisonError::into_inner) = self.reading.account();
        self.look_at_store();
        self.deliver(delivery);
        self.time.step();
    }

    /// Takes a store that has been opened meanwhile, and gives it what was held.
    fn look_at_store(&mut self) {
        if !matches!(self.store, StoreState::Opening) {
            return;
        }
        match self.opened.try_recv() {
            Ok(opened) => self.take_store(opened),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                self.take_store(Err("the store was never opened".to_owned()));
            }
        }
    }

    fn take_store(&mut self, opened: Opened) {
        match opened {
            Ok(recorder) => {
                self.store = StoreState::Open(recorder);
                for delivery in std::mem::take(&mut self.held).into_deliveries() {
                    self.deliver(delivery);
                }
            }
            Err(error) => {
                (self.on_message)(&format!("warning: {error}; this session is not recorded"));
                // Nothing will ever take them.
                self.held = HeldCopies::default();
                self.store = StoreState::Failed;
            }
        }
    }

    fn deliver(&mut self, mut delivery: Delivery) {
        // There is no time to take secrets out, and nothing is stored without that.
        if !self.time.to_read() {
            delivery.become_gap();
        }
        // Lines that lead to no row are counted in the store, too.
        let is_empty = delivery.events.is_empty() && delivery.progress.counts.lines == 0;
        match &self.store {
            _ if is_empty => {}
            StoreState::Opening => self.held.add(delivery),
            // Waiting here stalls nobody: behind it the copies are bounded, and dropped beyond that.
            StoreState::Open(recorder) => {
                let waits = give(recorder, delivery, &self.time, &*self.copies);
                self.left.extend(waits);
            }
            StoreState::Failed => {}
        }
    }

    fn finish(mut self) -> TapReport {
        while matches!(self.store, StoreState::Opening) {
            match self.opened.recv_timeout(STORE_POLL) {
                Ok(opened) => self.take_store(opened),
                Err(RecvTimeoutError::Timeout) if !self.time.is_over() => {}
                // There is no more time, or nobody opens it any more.
                Err(_) => break,
            }
        }
        let mut report = TapReport {
            account: self.reading.account(),
            ..TapReport::default()
        };
        match self.store {
            StoreState::Open(recorder) => {
                end(recorder, self.left, &self.time, &mut report);
            }
            // Reported when it failed, and not again at the end.
            StoreState::Failed => {}
            StoreState::Opening => {
                // A recorder screens what it is given; these deliveries have met none.
                let screened = self.held.into_deliveries().map(|mut delivery| {
                    if !self.time.to_read() {
                        delivery.become_gap();
                    }
                    screen_delivery(&self.screen, &mut delivery);
                    delivery
                });
                let batches = batches(screened);
                let has_time = || self.time.to_spill();
                note_spill(spill(self.db.path(), &batches, &has_time), &mut report);
            }
        }
        report
    }
}

/// Gives a delivery to a recorder, waiting for room; gives it back when there is no more time. A
/// recorder that takes nothing more says why when it is shut down.
fn give(
    recorder: &Recorder,
    delivery: Delivery,
    time: &LastTime,
    copies: &dyn CopyQueue,
) -> Option<Delivery> {
    let source = recorder.source(Full::Block);
    let mut waits = source.screened(Box::new(delivery));
    while let Err(refused) = source.offer(waits) {
        copies.set_held_up(true);
        if source.is_closed() {
            return None;
        }
        if time.is_over() {
            return Some(refused.into_delivery());
        }
        time.set_committed(recorder.summary().batches);
        // A commit is progress, for which the end of the session waits longer.
        waits = refused;
        thread::park_timeout(STORE_POLL);
    }
    copies.set_held_up(false);
    None
}

/// Ends a recorder: once all is committed, or without that where there is no more time.
fn end(recorder: Recorder, left: Vec<Delivery>, time: &LastTime, report: &mut TapReport) {
    recorder.close();
    while !recorder.has_failed() && !time.is_over() {
        time.set_committed(recorder.summary().batches);
        thread::park_timeout(STORE_POLL);
    }
    // No more time, or rows that never reached the queue: both go beside the store.
    if !recorder.has_failed() || !left.is_empty() {
        report.stored = recorder.summary();
        let has_time = || time.to_spill();
        return note_spill(recorder.spill(left, &has_time), report);
    }
    // The writer has ended already, so that this waits for nothing.
    match recorder.shutdown() {
        Ok(summary) => report.stored = summary,
        Err(error) => report.failure = Some(format!("{error:#}")),
    }
}

fn note_spill(spilled: io::Result<Option<Spilled>>, report: &mut TapReport) {
    match spilled {
        Ok(spilled) => report.spilled = spilled,
        Err(error) => {
            let failure = format!("{NOT_IN_TIME}, and neither did a file beside it: {error}");
            report.failure = Some(failure);
        }
    }
}
