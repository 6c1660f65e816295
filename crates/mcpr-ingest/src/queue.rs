//! The bounded queue between sources and the writer: limited in events and in bytes of memory, what
//! the writer has taken and not committed yet included.
//!
//! A source that can wait blocks; one that cannot has events dropped, and each run of dropped
//! events is reported as one gap at its place.

mod dropped;

use dropped::Dropped;
pub(super) use dropped::gap_of;
use mcpr_model::{Counts, Event, SourceProgress, Text};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Events of one source that belong together, with how far they bring it.
#[derive(Debug)]
pub struct Delivery {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Where the source stands after them, and what was met on the way.
    pub progress: SourceProgress,
    /// Bytes of input they were decoded from.
    pub bytes: usize,
    /// Whether the source has more to read right now, so that waiting for it fills the batch.
    pub more_follows: bool,
    /// For a source that has to know when this is in the store.
    pub on_commit: Option<OnCommit>,
}

/// Called once the delivery that it came with is committed. Dropped uncalled when that never
/// happens in this process.
pub struct OnCommit(Box<dyn FnOnce() + Send>);

impl OnCommit {
    /// What is to be done then: short, for the writer waits for it.
    pub fn new(call: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(call))
    }

    pub(super) fn call(self) {
        (self.0)();
    }
}

impl fmt::Debug for OnCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnCommit")
    }
}

/// What a source does when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Wait until there is room.
    Block,
    /// Drop events, count them, and store a gap in their place.
    Drop,
}

/// The queue takes nothing more: the recorder is shutting down or has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueClosed;

/// How much may wait in the queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueueLimits {
    /// Most events that wait.
    pub(super) events: usize,
    /// Most bytes that wait or are being committed.
    pub(super) bytes: usize,
}

/// A delivery that waits, with the bytes it takes.
#[derive(Debug)]
struct Queued {
    delivery: Box<Delivery>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct QueueState {
    items: VecDeque<Queued>,
    events: usize,
    bytes: usize,
    /// Bytes that the writer has taken and not committed.
    in_flight: usize,
    /// What was dropped and is not in the queue yet, one entry a source.
    dropped: Dropped,
    is_closed: bool,
    /// Whoever waits for a delivery is to look up, though there may be none.
    is_woken: bool,
}

/// The queue itself.
#[derive(Debug)]
pub(super) struct Queue {
    limits: QueueLimits,
    inner: Mutex<QueueState>,
    has_items: Condvar,
    has_room: Condvar,
    /// Bytes of the lines and bodies that deliveries came from, dropped ones included.
    input_bytes: AtomicU64,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFill {
    /// Events that wait.
    pub events: usize,
    /// Bytes that wait or are being committed.
    pub bytes: usize,
    /// Most events that may wait.
    pub max_events: usize,
    /// Most bytes that may wait.
    pub max_bytes: usize,
}

impl QueueState {
    fn push(&mut self, delivery: Box<Delivery>, bytes: usize) {
        self.events += delivery.events.len();
        self.bytes += bytes;
        // The weight is kept: counting it again must give what was added.
        self.items.push_back(Queued { delivery, bytes });
    }

    /// What comes next, which the writer then has in hand.
    fn pop(&mut self) -> Option<Queued> {
        let Some(item) = self.items.pop_front() else {
            // Nothing of its source is in front of it any more.
            let delivery = Box::new(self.dropped.take_any()?);
            let bytes = delivery.weight();
            self.in_flight += bytes;
            return Some(Queued { delivery, bytes });
        };
        self.events -= item.delivery.events.len();
        self.bytes -= item.bytes;
        self.in_flight += item.bytes;
        Some(item)
    }

    fn has_room(&self, limits: &QueueLimits, more_events: usize, more_bytes: usize) -> bool {
        // One delivery always fits into an empty queue, however large it is.
        let all = self.bytes + self.in_flight;
        (self.items.is_empty() || self.events + more_events <= limits.events)
            && (all == 0 || all + more_bytes <= limits.bytes)
    }

    /// Whether so much has gone that what was dropped is worth an end: else every other event would
    /// be dropped, and each reported by a gap of its own.
    fn has_eased(&self, limits: &QueueLimits) -> bool {
        // Half: far enough from the limit that the next event does not begin another gap.
        self.events <= limits.events / 2 && self.bytes + self.in_flight <= limits.bytes / 2
    }

    /// Adds how far a source came to what waits of it already, where no event came with that.
    fn takes_progress(&mut self, delivery: &Delivery) -> bool {
        let Some(last) = self.items.back_mut() else {
            return false;
        };
        let last = &mut last.delivery;
        let goes_together = delivery.events.is_empty()
            // Who waits for a commit must hear about its own delivery.
            && delivery.on_commit.is_none()
            && last.on_commit.is_none()
            && last.progress.is_of_same_source(&delivery.progress);
        if goes_together {
            last.progress.add(&delivery.progress);
            last.more_follows = delivery.more_follows;
        }
        goes_together
    }
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            inner: Mutex::default(),
            has_items: Condvar::new(),
            has_room: Condvar::new(),
            input_bytes: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // A poisoned lock only means that another thread panicked between two plain assignments.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a delivery, waiting for room. `give_up` is asked now and then while it waits.
    pub(super) fn push_waiting(
        &self,
        delivery: Delivery,
        give_up: &dyn Fn() -> bool,
    ) -> Result<(), QueueClosed> {
        // A source has to notice that it should stop while it waits, and nobody wakes it for that.
        const LOOK_AGAIN: Duration = Duration::from_millis(50);
        let bytes = delivery.weight();
        let mut inner = self.lock();
        // Before the question of room: lines of text would else fill the queue without an event.
        if !inner.is_closed && inner.takes_progress(&delivery) {
            return Ok(());
        }
        while !inner.has_room(&self.limits, delivery.events.len(), bytes) {
            if inner.is_closed || give_up() {
                return Err(QueueClosed);
            }
            inner = self
                .has_room
                .wait_timeout(inner, LOOK_AGAIN)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if inner.is_closed {
            return Err(QueueClosed);
        }
        inner.push(Box::new(delivery), bytes);
        drop(inner);
        // There is one writer.
        self.has_items.notify_one();
        Ok(())
    }

    /// Adds a delivery if there is room right now, else gives it back whole.
    pub(super) fn push_whole(&self, delivery: Box<Delivery>) -> Result<(), Box<Delivery>> {
        let bytes = delivery.weight();
        let mut inner = self.lock();
        if inner.is_closed || !inner.has_room(&self.limits, delivery.events.len(), bytes) {
            return Err(delivery);
        }
        inner.push(delivery, bytes);
        drop(inner);
        self.has_items.notify_one();
        Ok(())
    }

    /// Whether a delivery of so many bytes would be taken now.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        self.lock().has_room(&self.limits, 1, bytes)
    }

    /// Whether nothing more is taken.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Adds a delivery without waiting; what does not fit becomes a gap. Says how many were dropped.
    pub(super) fn push_or_drop(&self, delivery: Delivery, now: i64) -> Result<u64, QueueClosed> {
        let bytes = delivery.weight();
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(QueueClosed);
        }
        // What comes behind a gap of its source must not overtake it.
        let is_dropping = inner.dropped.is_of(&delivery.progress.name);
        if !is_dropping && inner.takes_progress(&delivery) {
            return Ok(0);
        }
        let fits = inner.has_room(&self.limits, delivery.events.len(), bytes)
            && (!is_dropping || inner.has_eased(&self.limits));
        let dropped = if fits {
            // The gap goes in first, so that it stands at its place in the store.
            if let Some(before) = inner.dropped.take(&delivery.progress.name) {
                let bytes = before.weight();
                inner.push(Box::new(before), bytes);
            }
            inner.dropped.pass(&delivery.events);
            inner.push(Box::new(delivery), bytes);
            0
        } else {
            // Also where it would fit by now: a gap that ends at once would be followed by the next
            // one.
            inner.dropped.add(delivery, now)
        };
        drop(inner);
        self.has_items.notify_one();
        Ok(dropped)
    }

    /// Takes the next delivery, waiting until `deadline` for one; `None` is for ever. It counts as in
    /// flight until [`Queue::committed`].
    pub(super) fn pop(&self, deadline: Option<Instant>) -> Popped {
        let mut inner = self.lock();
        loop {
            if let Some(item) = inner.pop() {
                drop(inner);
                // All of them: each waits for room of its own size, and the first to wake may not fit.
                self.has_room.notify_all();
                return Popped::Delivery(item.delivery, item.bytes);
            }
            if inner.is_closed {
                return Popped::Closed;
            }
            // Only where nothing waits: the writer looks at what is new after each delivery anyway.
            if std::mem::take(&mut inner.is_woken) {
                return Popped::Nothing;
            }
            let wait = match deadline {
                // There is no wait without an end, and waking once per hour costs nothing.
                None => Duration::from_hours(1),
                Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                    Some(wait) if !wait.is_zero() => wait,
                    _ => return Popped::Nothing,
                },
            };
            inner = self
                .has_items
                .wait_timeout(inner, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Says that everything that was taken is committed.
    pub(super) fn committed(&self) {
        // A batch is committed as a whole, and only one is in hand.
        self.lock().in_flight = 0;
        self.has_room.notify_all();
    }

    /// Refuses everything from now on; what waits is still handed out.
    pub(super) fn close(&self) {
        // The lock is let go at the end of this line, before anybody is woken.
        self.lock().is_closed = true;
        self.has_items.notify_all();
        self.has_room.notify_all();
    }

    /// Has the writer look up, where it waits: something else than a delivery is there for it.
    pub(super) fn wake(&self) {
        self.lock().is_woken = true;
        self.has_items.notify_all();
    }

    /// How many events were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped.total()
    }

    /// Counts the input that a delivery came from.
    pub(super) fn count_input(&self, bytes: usize) {
        self.input_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of input that sources have delivered.
    pub(super) fn input_bytes(&self) -> u64 {
        self.input_bytes.load(Ordering::Relaxed)
    }

    /// How full it is.
    pub(super) fn fill(&self) -> QueueFill {
        let inner = self.lock();
        QueueFill {
            events: inner.events,
            bytes: inner.bytes + inner.in_flight,
            max_events: self.limits.events,
            max_bytes: self.limits.bytes,
        }
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> u64 {
        self.lock().events as u64
    }
}

/// What the writer got from the queue.
#[derive(Debug)]
pub(super) enum Popped {
    /// The next delivery, and the bytes it takes.
    Delivery(Box<Delivery>, usize),
    /// Nothing until the deadline, or the writer was woken.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

impl Delivery {
    /// Gives its events up: a gap stands for them.
    #[cfg(feature = "tap")]
    pub(crate) fn become_gap(&mut self) {
        let now = super::unix_ms(std::time::SystemTime::now());
        if let Some(gap) = gap_of(&self.progress.name, &self.events, now) {
            let lost: u64 = self.events.iter().map(Event::lost).sum();
            self.progress.counts.dropped += gap.count - lost;
            // Their rows will not take them out of what is in flight.
            let ended = self.events.iter().filter_map(|event| match event {
                Event::Request(request) => Some(Event::Withdrawn(request.key.hash)),
                Event::Withdrawn(key) => Some(Event::Withdrawn(*key)),
                _ => None,
            });
            self.events = ended.chain([Event::Gap(gap)]).collect();
        }
    }

    /// An empty delivery of a source.
    #[must_use]
    pub fn new(source: Text) -> Self {
        Self {
            events: Vec::new(),
            progress: SourceProgress {
                name: source,
                checkpoint: None,
                counts: Counts::default(),
            },
            bytes: 0,
            more_follows: false,
            on_commit: None,
        }
    }
}

#[cfg(test)]
mod tests;
