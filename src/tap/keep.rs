//! The recording side of a tap, on threads of its own: reads the copies and gives the rows to the
//! recorder. Nothing here is ever waited for by the pumps, and no failure here ends the session.

use super::{Account, Copies, Moment, Transcript};
use crate::ingest::{Config, Delivery, Full, Recorder, Summary};
use crate::model::{Event, Gap, Text};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// How long the recording thread waits for copies before it looks again whether the store is open.
const GLANCE: Duration = Duration::from_millis(50);
/// How long it waits when there is nothing else to look at: an idle session costs nothing.
const UNDISTURBED: Duration = Duration::from_hours(1);
/// How long a store that cannot be opened now is left alone.
const OPEN_AGAIN: Duration = Duration::from_millis(100);
/// Events that are worth a delivery of their own.
const DELIVERY_EVENTS: usize = 1000;
/// Most events held while the store is not open yet; then the oldest are dropped and counted.
const MAX_HELD_EVENTS: usize = Config::QUEUE_EVENTS + Config::HELD_EVENTS;

/// Told what a person should know.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// What became of a session's record.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What passed.
    pub account: Account,
    /// What the store took.
    pub stored: Summary,
    /// Why it is not all stored, if it is not.
    pub failure: Option<String>,
}

/// The recording side, at work.
#[derive(Debug)]
pub struct Keeper {
    done: Receiver<Report>,
    is_over: Arc<AtomicBool>,
    account: Arc<RwLock<Account>>,
}

/// What the opening thread brings.
type Opened = Result<Recorder, String>;

impl Keeper {
    /// Starts reading copies into a store, or only counting where there is none to be had.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(
        config: Config,
        transcript: Transcript,
        copies: Arc<Copies>,
        tell: Tell,
    ) -> io::Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let account = Arc::default();
        let opened = open(config, Arc::clone(&is_over), Arc::clone(&tell))?;
        let (sender, done) = channel();
        let keeping = Keeping {
            transcript,
            held: Held::default(),
            opened,
            store: Standing::Opening,
            tell,
            account: Arc::clone(&account),
            is_over: Arc::clone(&is_over),
        };
        thread::Builder::new()
            .name("mcpr-tap record".to_owned())
            .spawn(move || {
                // A session that did not wait for the report is over.
                let _ = sender.send(keeping.run(&copies));
            })?;
        Ok(Self {
            done,
            is_over,
            account,
        })
    }

    /// Waits for the last rows to be stored: as long as the store takes some, and for `patience`
    /// when it takes none. The session is over.
    #[must_use]
    pub fn finish(self, patience: Duration) -> Report {
        let account = || *self.account.read().unwrap_or_else(PoisonError::into_inner);
        let mut before = account();
        let report = loop {
            match self.done.recv_timeout(patience) {
                Err(RecvTimeoutError::Timeout) if account() != before => before = account(),
                report => break report,
            }
        };
        self.is_over.store(true, Ordering::Release);
        report.unwrap_or_else(|_| Report {
            account: account(),
            failure: Some("the store did not take the last events in time".to_owned()),
            ..Report::default()
        })
    }
}

/// Opens the store beside the session: that can take seconds while somebody else holds it.
fn open(config: Config, is_over: Arc<AtomicBool>, tell: Tell) -> io::Result<Receiver<Opened>> {
    let (sender, opened) = channel();
    thread::Builder::new()
        .name("mcpr-tap open".to_owned())
        .spawn(move || {
            let mut told = false;
            loop {
                match Recorder::open(configured(&config, &tell)) {
                    Err(error) if error.is_retryable() && !is_over.load(Ordering::Acquire) => {
                        if !told {
                            tell(&format!(
                                "warning: {error}; the session goes on, trying again"
                            ));
                            told = true;
                        }
                        thread::sleep(OPEN_AGAIN);
                    }
                    result => {
                        let _ = sender.send(result.map_err(|error| error.to_string()));
                        return;
                    }
                }
            }
        })?;
    Ok(opened)
}

fn configured(config: &Config, tell: &Tell) -> Config {
    let tell = Arc::clone(tell);
    let mut own = Config::new(&config.db);
    own.batch_size = config.batch_size;
    own.flush_interval = config.flush_interval;
    own.screen = config.screen.clone();
    own.on_error = Some(Box::new(move |failure| {
        tell(&format!("warning: {failure}"));
    }));
    own
}

/// Where the store stands.
enum Standing {
    Opening,
    Open(Recorder),
    Failed(String),
}

/// The recording thread's own things.
struct Keeping {
    transcript: Transcript,
    held: Held,
    opened: Receiver<Opened>,
    store: Standing,
    tell: Tell,
    account: Arc<RwLock<Account>>,
    is_over: Arc<AtomicBool>,
}

impl Keeping {
    fn run(mut self, copies: &Copies) -> Report {
        self.transcript.begin(Moment::now());
        let mut batch = Vec::new();
        let mut goes_on = true;
        while goes_on {
            let patience = match self.store {
                Standing::Opening => GLANCE,
                Standing::Open(_) | Standing::Failed(_) => UNDISTURBED,
            };
            goes_on = copies.take(patience, &mut batch);
            for copy in batch.drain(..) {
                self.transcript.read(&copy);
                if self.transcript.waiting() >= DELIVERY_EVENTS {
                    self.hand_over();
                }
            }
            if !goes_on {
                self.transcript.end(Moment::now());
            }
            self.hand_over();
        }
        self.finish()
    }

    fn hand_over(&mut self) {
        let delivery = self.transcript.take();
        *self.account.write().unwrap_or_else(PoisonError::into_inner) = self.transcript.account();
        self.look_at_store();
        self.deliver(delivery);
    }

    /// Takes a store that has been opened meanwhile, and gives it what was held.
    fn look_at_store(&mut self) {
        if !matches!(self.store, Standing::Opening) {
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
                self.store = Standing::Open(recorder);
                for delivery in std::mem::take(&mut self.held).into_deliveries() {
                    self.deliver(delivery);
                }
            }
            Err(error) => {
                (self.tell)(&format!("warning: {error}; this session is not recorded"));
                self.held = Held::default();
                self.store = Standing::Failed(error);
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let is_empty = delivery.events.is_empty() && delivery.progress.counts.lines == 0;
        match &self.store {
            _ if is_empty => {}
            Standing::Opening => self.held.add(delivery),
            Standing::Open(recorder) => {
                // Waiting here stalls nobody: behind it the copies are bounded, and dropped beyond
                // that. A recorder that takes nothing more says why when it is shut down.
                let is_over = || self.is_over.load(Ordering::Acquire);
                let _ = recorder.source(Full::Block).deliver(delivery, &is_over);
            }
            Standing::Failed(_) => {}
        }
    }

    fn finish(mut self) -> Report {
        if matches!(self.store, Standing::Opening)
            && let Ok(opened) = self.opened.recv()
        {
            self.take_store(opened);
        }
        let mut report = Report {
            account: self.transcript.account(),
            ..Report::default()
        };
        match self.store {
            Standing::Open(recorder) => match recorder.shutdown() {
                Ok(summary) => report.stored = summary,
                Err(error) => report.failure = Some(error.to_string()),
            },
            Standing::Failed(error) => report.failure = Some(error),
            Standing::Opening => {}
        }
        report
    }
}

/// What waits for the store to be opened.
#[derive(Default)]
struct Held {
    deliveries: VecDeque<Delivery>,
    events: usize,
    dropped: Option<Gap>,
}

impl Held {
    fn add(&mut self, delivery: Delivery) {
        self.events += delivery.events.len();
        self.deliveries.push_back(delivery);
        while self.events > MAX_HELD_EVENTS
            && let Some(oldest) = self.deliveries.pop_front()
        {
            self.events -= oldest.events.len();
            self.drop_oldest(&oldest);
        }
    }

    fn drop_oldest(&mut self, oldest: &Delivery) {
        let times = oldest.events.iter().filter_map(|event| match event {
            Event::Request(request) => Some((request.ts, request.ts, 1)),
            Event::Session(update) => Some((update.ts, update.ts, 1)),
            Event::BadLine(line) => Some((line.ts, line.ts, 1)),
            Event::Gap(gap) => Some((gap.from_ts, gap.to_ts, gap.count)),
            // It goes with its request, or was a notification, which is no row.
            Event::Surface(_) | Event::Payload(_) => None,
        });
        for (from_ts, to_ts, count) in times {
            let gap = self.dropped.get_or_insert(Gap {
                source: Text::clone(&oldest.progress.name),
                count: 0,
                from_ts,
                to_ts,
            });
            gap.count += count;
            gap.to_ts = gap.to_ts.max(to_ts);
        }
    }

    fn into_deliveries(self) -> impl Iterator<Item = Delivery> {
        let gap = self.dropped.map(|gap| {
            let mut delivery = Delivery::new(gap.source.clone());
            delivery.progress.counts.dropped = gap.count;
            delivery.events.push(Event::Gap(gap));
            delivery
        });
        gap.into_iter().chain(self.deliveries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Counts;

    #[test]
    fn what_cannot_be_held_becomes_one_gap_at_its_place() {
        let mut held = Held::default();
        for number in 0..MAX_HELD_EVENTS + 3 {
            let ts = i64::try_from(number).expect("small");
            let mut delivery = Delivery::new("tap p".into());
            delivery.events.push(Event::Gap(Gap {
                source: "tap p".into(),
                count: 1,
                from_ts: ts,
                to_ts: ts,
            }));
            held.add(delivery);
        }
        let all: Vec<Delivery> = held.into_deliveries().collect();
        assert_eq!(all.len(), 1 + MAX_HELD_EVENTS);
        let gap = Event::Gap(Gap {
            source: "tap p".into(),
            count: 3,
            from_ts: 0,
            to_ts: 2,
        });
        assert_eq!(all[0].events, [gap]);
        assert_eq!(
            all[0].progress.counts,
            Counts {
                dropped: 3,
                ..Counts::default()
            }
        );
    }
}
