//! What a tap holds while its store is not open yet: bounded in events and in bytes.

use crate::{Config, Delivery};
use mcpr_model::{Event, Gap, Text};
use std::collections::VecDeque;

/// Most events held; beyond that the oldest are dropped and counted.
// As much as the queue of an open store may hold: waiting for one costs no more memory.
const MAX_HELD_EVENTS: usize = Config::QUEUE_EVENTS;
/// Most bytes of memory that they take; beyond that as well.
const MAX_HELD_BYTES: usize = Config::QUEUE_BYTES;

/// What waits for the store to be opened.
#[derive(Default)]
pub(super) struct HeldCopies {
    deliveries: VecDeque<Delivery>,
    events: usize,
    bytes: usize,
    dropped: Option<Gap>,
}

impl HeldCopies {
    pub(super) fn add(&mut self, delivery: Delivery) {
        self.events += delivery.events.len();
        self.bytes += delivery.weight();
        self.deliveries.push_back(delivery);
        while (self.events > MAX_HELD_EVENTS || self.bytes > MAX_HELD_BYTES)
            && let Some(oldest) = self.deliveries.pop_front()
        {
            self.events -= oldest.events.len();
            self.bytes -= oldest.weight();
            self.drop_oldest(&oldest);
        }
    }

    fn drop_oldest(&mut self, oldest: &Delivery) {
        let times = oldest.events.iter().filter_map(|event| match event {
            Event::Request(request) => Some((request.ts, request.ts, 1)),
            Event::Session(update) => Some((update.ts, update.ts, 1)),
            Event::BadLine(line) => Some((line.ts, line.ts, 1)),
            Event::Gap(gap) => Some((gap.from_ts, gap.to_ts, gap.count)),
            // It was a notification, which is not a row.
            Event::Surface(_) | Event::Open(_) | Event::Withdrawn(_) | Event::Server(_) => None,
        });
        for (from_ts, to_ts, count) in times {
            let gap = self.dropped.get_or_insert(Gap {
                source: Text::clone(&oldest.progress.name),
                count: 0,
                from_ts,
                to_ts,
                key: None,
            });
            gap.count += count;
            gap.to_ts = gap.to_ts.max(to_ts);
        }
    }

    pub(super) fn into_deliveries(self) -> impl Iterator<Item = Delivery> {
        let gap = self.dropped.map(|gap| {
            let mut delivery = Delivery::new(gap.source.clone());
            delivery.progress.counts.dropped = gap.count;
            delivery.events.push(Event::Gap(gap));
            delivery
        });
        // The oldest were dropped, so that the gap stands before all that is left.
        gap.into_iter().chain(self.deliveries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_model::Counts;

    #[test]
    fn what_cannot_be_held_becomes_one_gap_at_its_place() {
        let mut held = HeldCopies::default();
        for number in 0..MAX_HELD_EVENTS + 3 {
            let ts = i64::try_from(number).expect("small");
            let mut delivery = Delivery::new("tap p".into());
            delivery.events.push(Event::Gap(Gap {
                source: "tap p".into(),
                count: 1,
                from_ts: ts,
                to_ts: ts,
                key: None,
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
            key: None,
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

    #[test]
    fn few_large_ones_are_bounded_too() {
        let mut held = HeldCopies::default();
        for ts in 0..70 {
            let mut delivery = Delivery::new("tap p".into());
            delivery.events.push(Event::Gap(Gap {
                source: "x".repeat(1 << 20).into(),
                count: 1,
                from_ts: ts,
                to_ts: ts,
                key: None,
            }));
            held.add(delivery);
        }
        let all: Vec<Delivery> = held.into_deliveries().collect();
        assert_eq!(all.len(), MAX_HELD_BYTES >> 20);
        assert_eq!(all[0].progress.counts.dropped, 7);
    }
}
