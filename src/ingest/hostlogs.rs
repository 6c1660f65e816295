//! The messages in a desktop host's log, paired server by server, and how far such a log may be
//! called read: no further than the oldest request that still waits for its answer. After a restart
//! reading goes on there, and what was stored already is recognised. Does no reading of its own.

use super::{Moment, Pairing};
use crate::model::{Checkpoint, Event, Text};
use crate::wire::Frame;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long a request waits for its answer before it counts as never answered.
const GIVE_UP_AFTER_MS: i64 = 60 * 60 * 1000;
/// Most servers in one log whose requests are paired; the first by name makes room.
const MAX_SERVERS: usize = 256;
/// Most places of a log that are remembered while a request waits.
const MAX_MARKS: usize = 64;

/// A place in a log, and the numbers that the next request of each server would have had there.
#[derive(Debug)]
struct Mark {
    checkpoint: Checkpoint,
    next: BTreeMap<Text, u64>,
}

/// The servers of one log.
#[derive(Debug)]
pub(super) struct HostLogs {
    servers: BTreeMap<Text, Pairing>,
    marks: VecDeque<Mark>,
    latest_ts: i64,
    /// Stands for 1970: latencies are taken from the log's own times.
    epoch: Instant,
}

impl HostLogs {
    pub(super) fn new() -> Self {
        Self {
            servers: BTreeMap::new(),
            marks: VecDeque::new(),
            latest_ts: i64::MIN,
            epoch: Instant::now(),
        }
    }

    /// Takes what a line tells of; rows go to `events` once they are whole.
    pub(super) fn take(&mut self, frame: Frame, events: &mut Vec<Event>) {
        self.latest_ts = self.latest_ts.max(frame.ts);
        let moment = self.moment(frame.ts);
        if !self.servers.contains_key(&frame.server) && self.servers.len() >= MAX_SERVERS {
            let first = self.servers.pop_first();
            if let Some((_, mut pairing)) = first {
                pairing.give_up_before(i64::MAX, moment, events);
            }
        }
        let server = frame.server.clone();
        let pairing = self
            .servers
            .entry(frame.server)
            .or_insert_with(|| Pairing::of_log(server));
        for message in frame.messages {
            pairing.message(frame.direction, message, moment, events);
        }
    }

    /// Says that a message could not be read: it may have been the answer that a request waits for.
    pub(super) fn lost(&mut self) {
        self.servers.values_mut().for_each(Pairing::lost);
    }

    /// Gives up what has waited too long, by the log's own time and, at its end, by the clock.
    pub(super) fn settle(&mut self, now: Option<i64>, events: &mut Vec<Event>) {
        let latest = now.map_or(self.latest_ts, |now| now.max(self.latest_ts));
        self.give_up_before(latest.saturating_sub(GIVE_UP_AFTER_MS), events);
    }

    /// Gives up everything: nothing follows.
    pub(super) fn end(&mut self, events: &mut Vec<Event>) {
        self.give_up_before(i64::MAX, events);
    }

    fn give_up_before(&mut self, ts: i64, events: &mut Vec<Event>) {
        let moment = self.moment(self.latest_ts);
        for pairing in self.servers.values_mut() {
            pairing.give_up_before(ts, moment, events);
        }
    }

    /// The furthest place from which nothing that waits would be missed; `None` where that is the
    /// one that was given last.
    pub(super) fn safe(&mut self, checkpoint: Checkpoint) -> Option<Checkpoint> {
        if self.servers.is_empty() {
            return Some(checkpoint);
        }
        let waiting: Vec<_> = self
            .servers
            .iter()
            .map(|(server, pairing)| (server.clone(), pairing.waiting()))
            .collect();
        let next = waiting
            .iter()
            .map(|(server, (_, next))| (server.clone(), *next));
        self.marks.push_back(Mark {
            checkpoint,
            next: next.collect(),
        });
        if self.marks.len() > MAX_MARKS {
            self.marks.remove(MAX_MARKS - 1);
        }
        let is_safe = |mark: &Mark| {
            waiting.iter().all(|(server, (oldest, _))| {
                oldest.is_none_or(|oldest| mark.next.get(server).is_some_and(|it| oldest >= *it))
            })
        };
        let mut safe = None;
        while self.marks.front().is_some_and(is_safe) {
            safe = self.marks.pop_front().map(|mark| mark.checkpoint);
        }
        safe
    }

    fn moment(&self, ts: i64) -> Moment {
        let since = Duration::from_millis(u64::try_from(ts).unwrap_or(0));
        Moment {
            at: self.epoch.checked_add(since).unwrap_or(self.epoch),
            ts,
        }
    }
}
