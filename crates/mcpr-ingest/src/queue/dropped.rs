//! What sources that cannot wait had dropped: one gap a source, until it can be put in its place.

use super::Delivery;
use mcpr_model::{Event, Gap, SourceProgress, Text};
use std::collections::HashSet;

/// Most requests in flight that are remembered: more of one writer no store keeps.
const MAX_REPORTED: usize = 2 * mcpr_store::query::MAX_OPEN_REQUESTS;

/// The gaps that are open, and how much was dropped in all.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    open: Vec<OpenGap>,
    total: u64,
    /// The requests that were reported as being in flight, and not as having ended.
    reported: HashSet<u64>,
}

#[derive(Debug)]
struct OpenGap {
    progress: SourceProgress,
    /// `None` where nothing but progress came.
    gap: Option<Gap>,
    /// The requests in flight whose ends were dropped.
    ended: Vec<u64>,
}

impl Dropped {
    /// Whether a source has an open gap.
    pub(super) fn is_of(&self, source: &Text) -> bool {
        self.open.iter().any(|open| open.progress.name == *source)
    }

    /// Looks at what is let in: what it reports as in flight is to have an end, also if that is dropped.
    pub(super) fn pass(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Open(open) if self.reported.len() < MAX_REPORTED => {
                    self.reported.insert(open.request.key.hash);
                }
                event => drop(self.ended_by(event)),
            }
        }
    }

    /// The request in flight that an event ends, if it does.
    fn ended_by(&mut self, event: &Event) -> Option<u64> {
        let key = match event {
            Event::Request(request) => request.key.hash,
            Event::Withdrawn(key) => *key,
            _ => return None,
        };
        // Most streams report none.
        (!self.reported.is_empty() && self.reported.remove(&key)).then_some(key)
    }

    /// Drops a delivery; says how many events it held.
    pub(super) fn add(&mut self, delivery: Delivery, now: i64) -> u64 {
        let gap = gap_of(&delivery.progress.name, &delivery.events, now);
        let count = gap.as_ref().map_or(0, |gap| gap.count);
        // The sum is shown to a person; a gap counts what is missing at its place.
        self.total += count;
        let ended: Vec<u64> = delivery
            .events
            .iter()
            .filter_map(|event| self.ended_by(event))
            .collect();
        let mut progress = delivery.progress;
        // Committed with the gap: the two numbers in the store must agree.
        progress.counts.dropped += count;
        let same = |open: &&mut OpenGap| open.progress.name == progress.name;
        match self.open.iter_mut().find(same) {
            // Neighbours are one gap: a slow store would else fill itself with gaps.
            Some(open) => {
                open.progress.add(&progress);
                open.gap = merged(open.gap.take(), gap);
                open.ended.extend(ended);
            }
            None => self.open.push(OpenGap {
                progress,
                gap,
                ended,
            }),
        }
        count
    }

    /// Ends a source's gap.
    pub(super) fn take(&mut self, source: &Text) -> Option<Delivery> {
        let at = self
            .open
            .iter()
            .position(|it| it.progress.name == *source)?;
        Some(self.open.remove(at).into())
    }

    /// Ends the gap that was opened first.
    pub(super) fn take_any(&mut self) -> Option<Delivery> {
        (!self.open.is_empty()).then(|| self.open.remove(0).into())
    }

    /// How many events were dropped so far.
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

impl From<OpenGap> for Delivery {
    fn from(open: OpenGap) -> Self {
        let mut delivery = Self::new(open.progress.name.clone());
        delivery.progress = open.progress;
        // Their rows are part of the gap: nothing else will take them out of what is in flight.
        let ended = open.ended.into_iter().map(Event::Withdrawn);
        delivery.events.extend(ended);
        delivery.events.extend(open.gap.map(Event::Gap));
        delivery
    }
}

fn merged(first: Option<Gap>, second: Option<Gap>) -> Option<Gap> {
    match (first, second) {
        (Some(first), Some(second)) => Some(Gap {
            source: first.source,
            count: first.count + second.count,
            from_ts: first.from_ts.min(second.from_ts),
            to_ts: first.to_ts.max(second.to_ts),
            key: None,
        }),
        (first, second) => first.or(second),
    }
}

/// One gap for everything in a dropped delivery; `None` where it held no event.
pub(crate) fn gap_of<'a>(
    source: &Text,
    dropped: impl IntoIterator<Item = &'a Event>,
    now: i64,
) -> Option<Gap> {
    let mut gap = Gap {
        source: source.clone(),
        count: 0,
        from_ts: i64::MAX,
        to_ts: i64::MIN,
        key: None,
    };
    for event in dropped {
        let (count, from, to) = match event {
            Event::Request(request) => (1, request.ts, request.ts),
            Event::Session(update) => (1, update.ts, update.ts),
            // The time in it is only that of its reading.
            Event::BadLine(_) => (1, now, now),
            Event::Surface(update) => (1, update.ts, update.ts),
            // Its row is still to come, and what is known of a server is not an event of its traffic.
            Event::Open(_) | Event::Withdrawn(_) | Event::Server(_) => continue,
            Event::Gap(gap) => (gap.count, gap.from_ts, gap.to_ts),
        };
        gap.count += count;
        gap.from_ts = gap.from_ts.min(from);
        gap.to_ts = gap.to_ts.max(to);
    }
    // Progress alone is nothing that anybody misses.
    (gap.count > 0).then_some(gap)
}
