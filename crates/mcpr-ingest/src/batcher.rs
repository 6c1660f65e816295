//! When a batch is full: pure bookkeeping over deliveries, with time passed in.

use super::{Delivery, OnCommit};
use mcpr_model::{Batch, Event, FileIdentity, SourceProgress, Text};
use rustc_hash::{FxHashMap, FxHashSet};
use std::time::{Duration, Instant};

/// Most events in one transaction while there is a backlog.
pub(super) const MAX_BATCH_EVENTS: usize = 10_000;

/// Events in a transaction that are worth writing without waiting for the rest of a backlog.
const WORTHWHILE_EVENTS: usize = 5_000;

/// When to write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thresholds {
    /// Events that are worth a transaction.
    pub(super) batch_size: usize,
    /// Longest time an event waits for others.
    pub(super) flush_interval: Duration,
    /// Bytes in memory that are written at once, whatever else comes.
    pub(super) batch_bytes: usize,
}

/// The batch that is being filled.
#[derive(Debug)]
pub(super) struct Batcher {
    thresholds: Thresholds,
    events: Vec<Event>,
    /// The memory of a large batch that is committed, for the next one.
    spare: Vec<Event>,
    bytes: usize,
    sources: Vec<SourceProgress>,
    /// Where each file of each source stands in `sources`: a batch may be of thousands of files.
    places: FxHashMap<(Text, Option<FileIdentity>), usize>,
    on_commit: Vec<OnCommit>,
    since: Option<Instant>,
    more_follows: bool,
}

impl Batcher {
    pub(super) fn new(thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            events: Vec::new(),
            spare: Vec::new(),
            bytes: 0,
            sources: Vec::new(),
            places: FxHashMap::default(),
            on_commit: Vec::new(),
            since: None,
            more_follows: false,
        }
    }

    /// Adds a delivery that came at `now` and takes so many bytes.
    pub(super) fn add(&mut self, delivery: Delivery, bytes: usize, now: Instant) {
        self.since.get_or_insert(now);
        self.bytes += bytes;
        // Only the newest delivery knows whether its source has more.
        self.more_follows = delivery.more_follows;
        self.on_commit.extend(delivery.on_commit);
        self.add_events(delivery.events);
        self.add_progress(delivery.progress);
    }

    fn add_events(&mut self, events: Vec<Event>) {
        if self.events.is_empty() {
            self.events = std::mem::take(&mut self.spare);
        }
        // The usual case takes the delivery's own memory.
        if self.events.capacity() == 0 {
            self.events = events;
            return;
        }
        let (len, more) = (self.events.len(), events.len());
        let is_backlog = (WORTHWHILE_EVENTS..MAX_BATCH_EVENTS).contains(&(len + more));
        if is_backlog && len + more > self.events.capacity() {
            // All that the batch will need: doubled again and again it would be given twice as much.
            self.events.reserve_exact(MAX_BATCH_EVENTS - len + more);
        }
        self.events.extend(events);
    }

    /// Takes back the memory of a committed batch: to ask for so much and give it up a hundred times a minute leaves
    /// holes that nothing fills. What is small is not worth keeping.
    pub(super) fn recycle(&mut self, mut events: Vec<Event>) {
        events.clear();
        if (WORTHWHILE_EVENTS..2 * MAX_BATCH_EVENTS).contains(&events.capacity()) {
            self.spare = events;
        }
    }

    /// Gives up the memory that is kept for the next batch.
    pub(super) fn release(&mut self) {
        self.spare = Vec::new();
    }

    fn add_progress(&mut self, progress: SourceProgress) {
        let file = progress.checkpoint.as_ref().map(|it| it.identity);
        let next = self.sources.len();
        let place = *self
            .places
            .entry((progress.name.clone(), file))
            .or_insert(next);
        match self.sources.get_mut(place) {
            Some(known) => known.add(&progress),
            None => self.sources.push(progress),
        }
    }

    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    /// Whether to write now, the queue being empty (`dry`) or not.
    pub(super) fn is_due(&self, now: Instant, dry: bool) -> bool {
        let Some(deadline) = self.deadline() else {
            return false;
        };
        // Bytes count as well: 10,000 events of a megabyte would be 10 GB.
        let is_full =
            self.events.len() >= MAX_BATCH_EVENTS || self.bytes >= self.thresholds.batch_bytes;
        if is_full || now >= deadline {
            return true;
        }
        // With a backlog larger batches are cheaper; without one, nobody should wait.
        dry && (!self.more_follows || self.events.len() >= WORTHWHILE_EVENTS)
    }

    /// When the waiting events have to be written at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        // While more follows at once, waiting for it costs nobody anything.
        let full = self.events.len() >= self.thresholds.batch_size && !self.more_follows;
        let interval = if full {
            Duration::ZERO
        } else {
            self.thresholds.flush_interval
        };
        self.since.map(|since| since + interval)
    }

    /// Hands over what is to be called when the batch that is taken next is committed.
    pub(super) fn take_on_commit(&mut self) -> Vec<OnCommit> {
        std::mem::take(&mut self.on_commit)
    }

    /// Hands the batch over and starts the next.
    pub(super) fn take(&mut self, writer: i64, number: i64, now: i64) -> Batch {
        self.since = None;
        self.more_follows = false;
        self.bytes = 0;
        self.places.clear();
        let mut events = std::mem::take(&mut self.events);
        drop_answered(&mut events);
        Batch {
            writer,
            number,
            now,
            events,
            sources: std::mem::take(&mut self.sources),
        }
    }
}

/// Leaves out that a request is in flight whose row is in the same batch: nobody could see it.
fn drop_answered(events: &mut Vec<Event>) {
    let is_open = |event: &Event| matches!(event, Event::Open(_));
    // Most batches hold none, and are not looked through twice.
    if !events.iter().any(is_open) {
        return;
    }
    let ended = events.iter().filter_map(|event| match event {
        Event::Request(request) => Some(request.key.hash),
        Event::Withdrawn(key) => Some(*key),
        _ => None,
    });
    let ended: FxHashSet<u64> = ended.collect();
    events.retain(|event| match event {
        Event::Open(open) => !ended.contains(&open.request.key.hash),
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_model::Gap;

    const THRESHOLDS: Thresholds = Thresholds {
        batch_size: 3,
        flush_interval: Duration::from_millis(200),
        batch_bytes: 1000,
    };

    fn delivery(source: &str, events: usize, more_follows: bool) -> Delivery {
        let gap = Gap {
            source: source.into(),
            count: 1,
            from_ts: 0,
            to_ts: 0,
            key: None,
        };
        let mut delivery = Delivery::new(source.into());
        delivery.events = vec![Event::Gap(gap); events];
        delivery.progress.counts.lines = events as u64;
        delivery.more_follows = more_follows;
        delivery
    }

    #[test]
    fn a_lone_event_is_written_at_once() {
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        assert!(!batcher.is_due(now, true), "nothing waits");
        batcher.add(delivery("a", 1, false), 1, now);
        assert!(batcher.is_due(now, true));
        assert!(!batcher.is_due(now, false), "more is in the queue already");
    }

    #[test]
    fn a_full_batch_is_written_though_more_is_in_the_queue() {
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        batcher.add(delivery("a", 2, false), 1, now);
        assert!(!batcher.is_due(now, false));
        batcher.add(delivery("a", 1, false), 1, now);
        assert!(batcher.is_due(now, false));
    }

    #[test]
    fn large_events_are_written_before_there_are_many() {
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        batcher.add(delivery("a", 1, true), 999, now);
        assert!(!batcher.is_due(now, false));
        batcher.add(delivery("a", 1, true), 1, now);
        assert!(batcher.is_due(now, false));
        batcher.take(7, 1, 0);
        batcher.add(delivery("a", 1, true), 999, now);
        assert!(!batcher.is_due(now, false), "the next batch has its own");
    }

    #[test]
    fn nothing_waits_longer_than_the_interval() {
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        batcher.add(delivery("a", 1, true), 1, now);
        assert!(!batcher.is_due(now + Duration::from_millis(199), true));
        assert!(batcher.is_due(now + Duration::from_millis(200), false));
    }

    #[test]
    fn a_backlog_makes_large_batches() {
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        batcher.add(delivery("a", MAX_BATCH_EVENTS - 1, true), 1, now);
        assert!(!batcher.is_due(now, false));
        batcher.add(delivery("a", 1, true), 1, now);
        assert!(batcher.is_due(now, false));
    }

    #[test]
    fn the_batches_of_a_backlog_share_their_memory() {
        const DELIVERED: usize = 2_300;
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        let mut memory = None;
        for round in 1..4 {
            while !batcher.is_due(now, false) {
                batcher.add(delivery("a", DELIVERED, true), 1, now);
            }
            let batch = batcher.take(7, round, 0);
            assert!(batch.events.capacity() <= MAX_BATCH_EVENTS + DELIVERED);
            let place = batch.events.as_ptr();
            assert_eq!(*memory.get_or_insert(place), place, "round {round}");
            batcher.recycle(batch.events);
        }
        batcher.release();
        assert_eq!(batcher.spare.capacity(), 0, "an idle recorder holds none");
    }

    #[test]
    fn what_one_large_delivery_took_is_not_kept() {
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        batcher.add(delivery("a", 3 * MAX_BATCH_EVENTS, false), 1, now);
        let batch = batcher.take(7, 1, 0);
        batcher.recycle(batch.events);
        assert_eq!(batcher.spare.capacity(), 0);
    }

    #[test]
    fn who_waits_for_the_commit_goes_with_the_batch() {
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        let (sender, called) = std::sync::mpsc::channel();
        for source in ["a", "b"] {
            let sender = sender.clone();
            let mut delivery = delivery(source, 1, false);
            delivery.on_commit = Some(OnCommit::new(move || {
                sender.send(source).expect("the test listens");
            }));
            batcher.add(delivery, 1, now);
        }
        let on_commit = batcher.take_on_commit();
        assert!(called.try_recv().is_err(), "nothing is committed yet");
        on_commit.into_iter().for_each(OnCommit::call);
        assert_eq!(called.try_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert!(batcher.take_on_commit().is_empty());
    }

    #[test]
    fn what_is_answered_within_a_batch_was_never_in_flight() {
        use mcpr_model::{EventKey, Kind, OpenRequest, Request};
        let request =
            |id: &str| Request::new(EventKey::of_id(id), 1, "p".into(), Kind::Mcp, "m".into());
        let open = |id: &str| {
            let (request, resumes) = (request(id), false);
            Event::Open(Box::new(OpenRequest {
                request,
                resumes,
                is_over: false,
            }))
        };
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        let mut first = Delivery::new("a".into());
        first.events = vec![open("1"), open("2")];
        batcher.add(first, 1, now);
        let mut second = Delivery::new("a".into());
        second.events = vec![Event::Request(request("1"))];
        batcher.add(second, 1, now);
        let events = batcher.take(7, 1, 0).events;
        assert_eq!(events, [open("2"), Event::Request(request("1"))]);
    }

    #[test]
    fn a_batch_holds_one_entry_a_source() {
        let (mut batcher, now) = (Batcher::new(THRESHOLDS), Instant::now());
        batcher.add(delivery("a", 1, false), 1, now);
        batcher.add(delivery("b", 1, false), 1, now);
        batcher.add(delivery("a", 2, false), 1, now);
        let batch = batcher.take(7, 1, 0);
        let lines: Vec<_> = batch
            .sources
            .iter()
            .map(|it| (it.name.as_str(), it.counts.lines))
            .collect();
        assert_eq!(lines, [("a", 3), ("b", 1)]);
        assert_eq!((batch.events.len(), batch.writer, batch.number), (4, 7, 1));
        assert!(batcher.is_empty());
    }
}
