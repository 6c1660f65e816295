//! The bounded queue between sources and the writer: limited in events and in bytes.
//!
//! A source that can wait blocks; one that cannot has events dropped, and each run of dropped
//! events stands in the queue as one gap at its place.

use crate::model::{Counts, Event, Gap, SourceProgress, Text};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Events of one source that belong together, with how far they bring it.
#[derive(Debug)]
pub struct Delivery {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Where the source stands after them, and what was met on the way.
    pub progress: SourceProgress,
    /// Bytes they were decoded from, as a measure of the memory they take.
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
pub struct Refused;

/// How much may wait in the queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Most events.
    pub(super) events: usize,
    /// Most bytes.
    pub(super) bytes: usize,
    /// Events held beyond that for sources that cannot wait, while the store fails.
    pub(super) held_events: usize,
}

#[derive(Debug, Default)]
struct Inner {
    items: VecDeque<Delivery>,
    droppable: VecDeque<bool>,
    events: usize,
    bytes: usize,
    dropped: u64,
    is_closed: bool,
    store_fails: bool,
}

/// The queue itself.
#[derive(Debug)]
pub(super) struct Queue {
    limits: Limits,
    inner: Mutex<Inner>,
    has_items: Condvar,
    has_room: Condvar,
}

impl Inner {
    fn push(&mut self, delivery: Delivery, droppable: bool) {
        self.events += delivery.events.len();
        self.bytes += delivery.bytes;
        self.items.push_back(delivery);
        self.droppable.push_back(droppable);
    }

    fn pop(&mut self) -> Option<Delivery> {
        let delivery = self.items.pop_front()?;
        self.droppable.pop_front();
        self.events -= delivery.events.len();
        self.bytes -= delivery.bytes;
        Some(delivery)
    }

    fn has_room(&self, limits: &Limits, more_events: usize, more_bytes: usize) -> bool {
        // One delivery always fits into an empty queue, however large it is.
        self.items.is_empty()
            || (self.events + more_events <= limits.events
                && self.bytes + more_bytes <= limits.bytes)
    }
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            inner: Mutex::default(),
            has_items: Condvar::new(),
            has_room: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock only means that another thread panicked between two plain assignments.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a delivery, waiting for room. `give_up` is asked now and then while it waits.
    pub(super) fn push_waiting(
        &self,
        delivery: Delivery,
        give_up: &dyn Fn() -> bool,
    ) -> Result<(), Refused> {
        const LOOK_AGAIN: Duration = Duration::from_millis(50);
        let mut inner = self.lock();
        while !inner.has_room(&self.limits, delivery.events.len(), delivery.bytes) {
            if inner.is_closed || give_up() {
                return Err(Refused);
            }
            inner = self
                .has_room
                .wait_timeout(inner, LOOK_AGAIN)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if inner.is_closed {
            return Err(Refused);
        }
        inner.push(delivery, false);
        drop(inner);
        self.has_items.notify_one();
        Ok(())
    }

    /// Adds a delivery if there is room right now, else gives it back whole.
    pub(super) fn push_whole(&self, delivery: Box<Delivery>) -> Result<(), Box<Delivery>> {
        let mut inner = self.lock();
        let (events, bytes) = (delivery.events.len(), delivery.bytes);
        if inner.is_closed || !inner.has_room(&self.limits, events, bytes) {
            return Err(delivery);
        }
        inner.push(*delivery, false);
        drop(inner);
        self.has_items.notify_one();
        Ok(())
    }

    /// Whether nothing more is taken.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Adds a delivery without waiting; what does not fit becomes a gap. Says how many were dropped.
    pub(super) fn push_or_drop(&self, delivery: Delivery, now: i64) -> Result<u64, Refused> {
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(Refused);
        }
        let (events, bytes) = (delivery.events.len(), delivery.bytes);
        let mut dropped = 0;
        if inner.has_room(&self.limits, events, bytes) {
            inner.push(delivery, true);
        } else if inner.store_fails {
            // The store is down: the newest events tell most, so the oldest make room.
            inner.push(delivery, true);
            let limit = self.limits.events + self.limits.held_events;
            while (inner.events > limit || inner.bytes > self.limits.bytes)
                && let Some(at) = inner.oldest_droppable()
            {
                dropped += inner.drop_at(at, now);
            }
        } else {
            inner.push(delivery, true);
            let last = inner.items.len() - 1;
            dropped = inner.drop_at(last, now);
        }
        inner.dropped += dropped;
        drop(inner);
        self.has_items.notify_one();
        Ok(dropped)
    }

    /// Takes the next delivery, waiting until `deadline` for one; `None` is for ever.
    pub(super) fn pop(&self, deadline: Option<Instant>) -> Popped {
        let mut inner = self.lock();
        loop {
            if let Some(delivery) = inner.pop() {
                drop(inner);
                self.has_room.notify_all();
                return Popped::Delivery(Box::new(delivery));
            }
            if inner.is_closed {
                return Popped::Closed;
            }
            let wait = match deadline {
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

    /// Refuses everything from now on; what waits is still handed out.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.has_items.notify_all();
        self.has_room.notify_all();
    }

    /// Says whether the store fails: then the oldest waiting events make room for new ones.
    pub(super) fn set_store_fails(&self, fails: bool) {
        self.lock().store_fails = fails;
    }

    /// How many events were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> u64 {
        self.lock().events as u64
    }
}

/// What the writer got from the queue.
#[derive(Debug)]
pub(super) enum Popped {
    /// The next delivery.
    Delivery(Box<Delivery>),
    /// Nothing until the deadline.
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

impl Inner {
    fn oldest_droppable(&self) -> Option<usize> {
        (0..self.items.len()).find(|&at| self.droppable[at])
    }

    /// Replaces a delivery by a gap, or adds it to the gap before it. Says how many it held.
    fn drop_at(&mut self, at: usize, now: i64) -> u64 {
        let dropped = std::mem::take(&mut self.items[at].events);
        self.events -= dropped.len();
        self.bytes -= std::mem::take(&mut self.items[at].bytes);
        self.droppable[at] = false;
        let item = &mut self.items[at];
        let Some(gap) = gap_of(&item.progress.name, &dropped, now) else {
            return 0;
        };
        item.progress.counts.dropped += gap.count;
        let count = gap.count;
        item.events.push(Event::Gap(gap));
        self.events += 1;
        self.merge_with_previous(at);
        count
    }

    fn merge_with_previous(&mut self, at: usize) {
        let Some(before) = at.checked_sub(1) else {
            return;
        };
        let is_gap = |item: &Delivery| matches!(item.events[..], [Event::Gap(_)]);
        let (first, second) = (&self.items[before], &self.items[at]);
        if !is_gap(first) || !is_gap(second) || first.progress.name != second.progress.name {
            return;
        }
        let Some(second) = self.items.remove(at) else {
            return;
        };
        self.droppable.remove(at);
        self.events -= 1;
        let first = &mut self.items[before];
        if let ([Event::Gap(gap)], [Event::Gap(more)]) = (&mut first.events[..], &second.events[..])
        {
            gap.count += more.count;
            gap.from_ts = gap.from_ts.min(more.from_ts);
            gap.to_ts = gap.to_ts.max(more.to_ts);
        }
        first.progress.counts.add(&second.progress.counts);
        if second.progress.checkpoint.is_some() {
            first.progress.checkpoint = second.progress.checkpoint;
        }
    }
}

/// One gap for everything in a dropped delivery; `None` where it held no event.
fn gap_of(source: &Text, dropped: &[Event], now: i64) -> Option<Gap> {
    let mut gap = Gap {
        source: source.clone(),
        count: 0,
        from_ts: i64::MAX,
        to_ts: i64::MIN,
    };
    for event in dropped {
        let (count, from, to) = match event {
            Event::Request(request) => (1, request.ts, request.ts),
            Event::Session(update) => (1, update.ts, update.ts),
            Event::BadLine(_) => (1, now, now),
            // It goes with its request.
            Event::Payload(_) => (0, i64::MAX, i64::MIN),
            Event::Surface(news) => (u64::from(!news.of_request), news.ts, news.ts),
            Event::Gap(gap) => (gap.count, gap.from_ts, gap.to_ts),
        };
        gap.count += count;
        gap.from_ts = gap.from_ts.min(from);
        gap.to_ts = gap.to_ts.max(to);
    }
    (gap.count > 0).then_some(gap)
}

impl Delivery {
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
mod tests {
    use super::*;
    use crate::model::{SessionState, SessionUpdate};

    fn delivery(source: &str, times: &[i64]) -> Delivery {
        let mut delivery = Delivery::new(source.into());
        delivery.bytes = times.len() * 10;
        delivery.events = times.iter().map(|&ts| event(ts)).collect();
        delivery
    }

    fn event(ts: i64) -> Event {
        Event::Session(SessionUpdate {
            session_id: "s".into(),
            proxy: None,
            ts,
            started_at: None,
            last_seen_at: None,
            state: SessionState::Active,
            client_name: None,
            client_version: None,
            conversation: None,
        })
    }

    fn queue(events: usize, held: usize) -> Queue {
        Queue::new(Limits {
            events,
            bytes: 1 << 20,
            held_events: held,
        })
    }

    fn drain(queue: &Queue) -> Vec<Event> {
        queue.close();
        let mut all = Vec::new();
        while let Popped::Delivery(delivery) = queue.pop(None) {
            all.extend(delivery.events);
        }
        all
    }

    #[test]
    fn a_full_queue_turns_what_comes_into_one_gap_at_its_place() {
        let queue = queue(3, 0);
        assert_eq!(queue.push_or_drop(delivery("-", &[1, 2, 3]), 0), Ok(0));
        assert_eq!(queue.push_or_drop(delivery("-", &[4, 5]), 0), Ok(2));
        assert_eq!(queue.push_or_drop(delivery("-", &[6]), 0), Ok(1));
        let gap = Event::Gap(Gap {
            source: "-".into(),
            count: 3,
            from_ts: 4,
            to_ts: 6,
        });
        assert_eq!(drain(&queue), [event(1), event(2), event(3), gap]);
    }

    #[test]
    fn while_the_store_fails_the_oldest_make_room() {
        let queue = queue(2, 2);
        queue.set_store_fails(true);
        for ts in 1..=7 {
            queue.push_or_drop(delivery("-", &[ts]), 0).expect("open");
        }
        let gap = Event::Gap(Gap {
            source: "-".into(),
            count: 4,
            from_ts: 1,
            to_ts: 4,
        });
        assert_eq!(drain(&queue), [gap, event(5), event(6), event(7)]);
    }

    #[test]
    fn a_waiting_source_is_let_in_when_there_is_room_and_sent_away_when_it_closes() {
        let queue = queue(1, 0);
        queue
            .push_waiting(delivery("a", &[1]), &|| false)
            .expect("room");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.push_waiting(delivery("a", &[2]), &|| false));
            assert!(matches!(queue.pop(None), Popped::Delivery(_)));
            assert_eq!(waiting.join().expect("no panic"), Ok(()));
            let waiting = scope.spawn(|| queue.push_waiting(delivery("a", &[3]), &|| false));
            queue.close();
            assert_eq!(waiting.join().expect("no panic"), Err(Refused));
        });
        assert_eq!(drain(&queue), [event(2)]);
    }

    #[test]
    fn what_is_offered_is_taken_whole_or_given_back() {
        let queue = queue(3, 0);
        let offer = |times: &[i64]| queue.push_whole(Box::new(delivery("http", times)));
        assert!(offer(&[1, 2]).is_ok());
        let back = offer(&[3, 4]).expect_err("no room for two");
        assert_eq!(back.events, [event(3), event(4)]);
        assert!(offer(&[5]).is_ok());
        assert_eq!(drain(&queue), [event(1), event(2), event(5)]);
        assert!(offer(&[6]).is_err(), "it is closed");
    }

    #[test]
    fn a_delivery_larger_than_the_queue_still_passes() {
        let queue = queue(1, 0);
        queue
            .push_waiting(delivery("a", &[1, 2, 3]), &|| true)
            .expect("an empty queue takes it");
        assert_eq!(drain(&queue).len(), 3);
    }
}
