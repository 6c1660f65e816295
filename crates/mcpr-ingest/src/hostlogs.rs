//! The messages in a log, paired connection by connection, and how far such a log may be called read: no further
//! than the oldest request that still waits for its answer. After a restart reading goes on there, and what was
//! stored already is recognised. Does no reading of its own.

mod without_ids;

use super::{LogReading, Moment, Pairing, WaitTime};
use mcpr_model::time::{HOUR_MS, local_moments, ms_of};
use mcpr_model::{Checkpoint, Event, FileIdentity, Gap, SourceFormat, Text};
use mcpr_wire::{LogConnection, LogTime, LoggedMessages, UnreadKind, UnreadMessage};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How long a request waits for its answer before it counts as never answered: by the log's own
/// time, or by the clock since it was read. A log's times may be far behind the clock, so that these
/// two are never compared while the log may go on.
const GIVE_UP_AFTER: Duration = Duration::from_hours(1);
const GIVE_UP_AFTER_MS: i64 = HOUR_MS;
/// Most connections in one log whose requests are paired; one in which nothing waits makes room, else the
/// first by name.
// Their names come from the log, and each one takes memory as long as the log is read.
const MAX_CONNECTIONS: usize = 256;
/// Most places of a log that are remembered while a request waits.
// Fewer marks only mean that more is read again after a restart.
const MAX_MARKS: usize = 64;

/// Most bytes of a log that are read while a request waits in it: a start reads all of them again. The answer
/// of one that is given up then may follow, so that it is reported as missing and not called a timeout.
const MAX_WAITED_BYTES: u64 = 64 << 20;

/// A place in a log, and the numbers that the next request of each connection would have had there.
#[derive(Debug)]
struct Mark {
    checkpoint: Checkpoint,
    next: BTreeMap<LogConnection, u64>,
}

/// The connections of one log.
#[derive(Debug)]
pub(super) struct HostLogs {
    /// What gaps are called by.
    source: Text,
    connections: BTreeMap<LogConnection, Pairing>,
    marks: VecDeque<Mark>,
    latest_ts: i64,
    /// The newest moment of a time without a zone.
    latest_local_us: i64,
    /// Bytes of the log that were read, and where that was last counted.
    log_bytes: u64,
    counted_to: Option<(FileIdentity, u64)>,
    max_waited_bytes: u64,
    /// When the lines that follow were read.
    read_at: Instant,
    /// Calls of which a log reports in words.
    without_ids: without_ids::CallsWithoutIds,
    /// Stands for 1970: latencies are taken from the log's own times.
    epoch: Instant,
    /// The format of the line that is taken.
    pub(super) format: Option<SourceFormat>,
}

impl HostLogs {
    pub(super) fn new(source: Text) -> Self {
        let now = Instant::now();
        Self {
            source,
            connections: BTreeMap::new(),
            marks: VecDeque::new(),
            // Whatever the first line says is later.
            latest_ts: i64::MIN,
            latest_local_us: i64::MIN,
            log_bytes: 0,
            counted_to: None,
            max_waited_bytes: MAX_WAITED_BYTES,
            read_at: now,
            without_ids: without_ids::CallsWithoutIds::default(),
            epoch: now,
            format: None,
        }
    }

    /// Says when the lines that follow were read.
    pub(super) fn read_at(&mut self, now: Instant) {
        self.read_at = now;
    }

    /// Takes what a line reports; rows go to `events` once they are whole.
    pub(super) fn take(&mut self, frame: LoggedMessages, events: &mut Vec<Event>) {
        let us = self.moment_of(frame.at);
        // Several servers write into one log, so that its times may go back a little.
        self.latest_ts = self.latest_ts.max(ms_of(us));
        let moment = self.moment(us);
        let is_known = self.connections.contains_key(&frame.of);
        if !is_known && self.connections.len() >= MAX_CONNECTIONS {
            self.make_room(moment, events);
        }
        let of = frame.of.clone();
        let pairing = self
            .connections
            .entry(frame.of)
            .or_insert_with(|| match of.session_id {
                Some(session_id) => Pairing::new(of.server, session_id),
                None => Pairing::of_log(of.server),
            });
        // Before its messages: each request remembers when it was read.
        let reading = LogReading {
            log_ts: self.latest_ts,
            at: self.read_at,
            log_bytes: self.log_bytes,
        };
        pairing.read(reading, self.format);
        for message in frame.messages {
            pairing.message(frame.direction, message, moment, events);
        }
        events.extend(gap_of(&self.source, pairing));
    }

    /// Forgets a connection. What waits in it becomes rows, for its answers could be matched with nothing.
    fn make_room(&mut self, moment: Moment, events: &mut Vec<Event>) {
        let mut idle = self.connections.iter();
        // A proxy of many short connections has few in which something waits.
        let idle = idle.find(|(_, pairing)| pairing.waiting().0.is_none());
        // Only where all of them wait does one go that does.
        let goes = match idle.map(|(of, _)| of.clone()) {
            Some(of) => self.connections.remove(&of),
            None => self.connections.pop_first().map(|(_, pairing)| pairing),
        };
        if let Some(mut pairing) = goes {
            pairing.give_up_where(&|_| true, moment, events);
            events.extend(gap_of(&self.source, &mut pairing));
        }
    }

    /// What a time of the log means, in unix microseconds. Where a clock was put back, an hour comes twice:
    /// the times before show which one it is, for a log is written in its order.
    fn moment_of(&mut self, at: LogTime) -> i64 {
        if !at.is_local {
            return at.us;
        }
        let us = match local_moments(at.us) {
            (first, Some(second)) if first < self.latest_local_us => second,
            (first, _) => first,
        };
        self.latest_local_us = self.latest_local_us.max(us);
        us
    }

    /// Takes the beginning of a connection that was read before: nothing comes of it but who calls.
    pub(super) fn recall(&mut self, frame: LoggedMessages) {
        let of = frame.of.clone();
        let known = self.connections.get(&of);
        // What waits was read since, in another file of the same log.
        if known.is_some_and(|pairing| pairing.waiting().0.is_some()) {
            return;
        }
        let mut past = Vec::new();
        let moment = self.moment(frame.at.us);
        // By the usual way, for that is what makes it known who calls; the rows were stored when it was
        // read first.
        self.take(frame, &mut past);
        if let Some(pairing) = self.connections.get_mut(&of) {
            pairing.give_up_where(&|_| true, moment, &mut past);
        }
    }

    /// Says that a message could not be read: it may have been the answer that a request waits for, or
    /// was a request, which has no row then.
    pub(super) fn doubt(&mut self, doubt: &UnreadMessage, events: &mut Vec<Event>) {
        match &doubt.kind {
            UnreadKind::Answer(id) => {
                if let Some(pairing) = self.connections.get_mut(&doubt.of) {
                    pairing.doubt(doubt.direction, id.as_ref());
                }
            }
            UnreadKind::Request(key) => {
                let ts = ms_of(self.moment_of(doubt.at));
                events.push(Event::Gap(Gap {
                    source: self.source.clone(),
                    count: 1,
                    from_ts: ts,
                    to_ts: ts,
                    // The line may be read again after a restart.
                    key: Some(key.hash.cast_signed()),
                }));
            }
        }
    }

    /// Whether a request waits for its answer.
    pub(super) fn is_waiting(&self) -> bool {
        let mut pairings = self.connections.values();
        pairings.any(|pairing| pairing.waiting().0.is_some())
    }

    /// Gives up what has waited too long, where nothing that was written is left to read; says
    /// whether there was any.
    pub(super) fn settle(&mut self, now: Instant, events: &mut Vec<Event>) -> bool {
        let latest = self.latest_ts;
        let is_over = |waited: WaitTime| {
            waited.reading.is_some_and(|reading| {
                // Either of the two will do: a log that is imported passes hours in a second, and one
                // that is followed may stand still.
                latest.saturating_sub(reading.log_ts) > GIVE_UP_AFTER_MS
                    || now.saturating_duration_since(reading.at) > GIVE_UP_AFTER
            })
        };
        // Both times only grow from line to line, so that the oldest says it for those after it.
        let moment = self.latest_moment();
        let mut count = 0;
        for pairing in self.connections.values_mut() {
            count += pairing.give_up_oldest_where(&is_over, moment, events);
            events.extend(gap_of(&self.source, pairing));
        }
        count > 0
    }

    /// Reports which requests are in flight that were read until a time.
    pub(super) fn announce_open(&mut self, until: Instant, resumes: bool, events: &mut Vec<Event>) {
        for pairing in self.connections.values_mut() {
            pairing.announce_open(until, resumes, events);
        }
    }

    /// Gives up what was asked too long before a time, in unix milliseconds: nobody reads on now. What
    /// is younger waits for the next reader. Says whether there was any.
    pub(super) fn leave(&mut self, now: i64, events: &mut Vec<Event>) -> bool {
        // The clock of the host that wrote the log may be ahead of ours.
        let before = now.max(self.latest_ts).saturating_sub(GIVE_UP_AFTER_MS);
        self.give_up_where(&|waited| waited.ts < before, events)
    }

    /// Gives up everything: nothing follows.
    pub(super) fn end(&mut self, events: &mut Vec<Event>) {
        self.give_up_where(&|_| true, events);
    }

    fn give_up_where(
        &mut self,
        is_over: &dyn Fn(WaitTime) -> bool,
        events: &mut Vec<Event>,
    ) -> bool {
        let moment = self.latest_moment();
        let mut count = 0;
        for pairing in self.connections.values_mut() {
            count += pairing.give_up_where(is_over, moment, events);
            events.extend(gap_of(&self.source, pairing));
        }
        count > 0
    }

    /// The furthest place in each file from which nothing that waits would be missed, where that is not
    /// the one that was given last. What waits too far behind it is given up.
    pub(super) fn safe(
        &mut self,
        checkpoint: Checkpoint,
        events: &mut Vec<Event>,
    ) -> Vec<Checkpoint> {
        self.count_to(&checkpoint);
        // Most files are no such logs: nothing can wait in them.
        if self.connections.is_empty() {
            return vec![checkpoint];
        }
        self.leave_far(events);
        let waiting: Vec<_> = self
            .connections
            .iter()
            .map(|(of, pairing)| (of.clone(), pairing.waiting()))
            .collect();
        let next = waiting.iter().map(|(of, (_, next))| (of.clone(), *next));
        self.marks.push_back(Mark {
            checkpoint,
            // Numbers grow with each request, so that comparing them shows whether one was asked before
            // the mark.
            next: next.collect(),
        });
        limit_marks(&mut self.marks, MAX_MARKS, |mark| mark.checkpoint.identity);
        let is_safe = |mark: &Mark| {
            waiting.iter().all(|(of, (oldest, _))| {
                oldest.is_none_or(|oldest| mark.next.get(of).is_some_and(|it| oldest >= *it))
            })
        };
        let mut safe: Vec<Checkpoint> = Vec::new();
        while self.marks.front().is_some_and(is_safe) {
            let passed = self.marks.pop_front().map(|mark| mark.checkpoint);
            let Some(passed) = passed else { break };
            // Of one file only the last place counts.
            safe.retain(|it| it.identity != passed.identity);
            safe.push(passed);
        }
        safe
    }

    fn count_to(&mut self, checkpoint: &Checkpoint) {
        let (file, offset) = (checkpoint.identity, checkpoint.offset);
        // Of another file nobody knows from where on it was read: at most one chunk goes uncounted.
        if let Some((counted, from)) = self.counted_to
            && counted == file
        {
            self.log_bytes += offset.saturating_sub(from);
        }
        self.counted_to = Some((file, offset));
    }

    /// Gives up what was asked so far behind the place up to which the log is read that a start would have
    /// too much to read again.
    fn leave_far(&mut self, events: &mut Vec<Event>) {
        let (read, most, latest) = (self.log_bytes, self.max_waited_bytes, self.latest_ts);
        let is_far = |waited: WaitTime| {
            let reading = waited.reading;
            reading.is_some_and(|reading| read.saturating_sub(reading.log_bytes) > most)
        };
        let is_over = |waited: WaitTime| {
            let reading = waited.reading.filter(|_| is_far(waited));
            reading.is_some_and(|it| latest.saturating_sub(it.log_ts) > GIVE_UP_AFTER_MS)
        };
        let moment = self.latest_moment();
        for pairing in self.connections.values_mut() {
            // What waited for long by the log's own time as well would be given up at its end anyway.
            pairing.give_up_oldest_where(&is_over, moment, events);
            pairing.leave_open_where(&is_far, moment, events);
            events.extend(gap_of(&self.source, pairing));
        }
    }

    fn latest_moment(&self) -> Moment {
        self.moment(self.latest_ts.saturating_mul(1_000))
    }

    fn moment(&self, us: i64) -> Moment {
        let since = Duration::from_micros(u64::try_from(us).unwrap_or(0));
        Moment {
            // A time that no clock can show gives a latency of nothing rather than a panic.
            at: self.epoch.checked_add(since).unwrap_or(self.epoch),
            ts: ms_of(us),
        }
    }
}

/// Forgets a place where there are too many: one that a later one of the same file follows.
pub(super) fn limit_marks<M>(
    marks: &mut VecDeque<M>,
    most: usize,
    identity: impl Fn(&M) -> FileIdentity,
) {
    if marks.len() <= most {
        return;
    }
    let followed = (0..marks.len() - 1)
        .rev()
        .find(|&at| identity(&marks[at]) == identity(&marks[at + 1]));
    marks.remove(followed.unwrap_or(most - 1));
}

/// Requests whose answer may be among what could not be read: nobody knows how they ended.
fn gap_of(source: &Text, pairing: &mut Pairing) -> Option<Event> {
    let doubtful = pairing.take_doubtful()?;
    Some(Event::Gap(Gap {
        source: source.clone(),
        count: doubtful.count,
        from_ts: doubtful.from_ts,
        to_ts: doubtful.to_ts,
        key: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_wire::{Bodies, Decoded, LineContext, decode_line};

    fn ask(logs: &mut HostLogs, minute: u32, id: u32) {
        let line = format!(
            r#"2025-03-18T12:{minute:02}:00Z [a] Message from client: {{"id":{id},"method":"ping"}}"#
        );
        let mut decoded = Decoded::default();
        let context = LineContext {
            proxy: "p",
            bodies: Bodies::Left,
        };
        decode_line(line.as_bytes(), context, &mut decoded);
        logs.take(decoded.frames.remove(0), &mut Vec::new());
    }

    fn given_up(events: &[Event]) -> Vec<String> {
        let ids = events.iter().filter_map(|event| match event {
            Event::Request(request) => request.request_id.as_ref().map(ToString::to_string),
            _ => None,
        });
        ids.collect()
    }

    #[test]
    fn an_hour_after_it_was_read_a_request_is_given_up_though_the_log_stands_still() {
        let (mut logs, began) = (HostLogs::new("log".into()), Instant::now());
        let minutes = |minutes: u64| began + Duration::from_mins(minutes);
        logs.read_at(began);
        ask(&mut logs, 0, 1);
        logs.read_at(minutes(30));
        ask(&mut logs, 0, 2);
        let cases: [(u64, &[&str]); 4] = [(60, &[]), (61, &["1"]), (90, &[]), (91, &["2"])];
        for (minute, expected) in cases {
            let mut events = Vec::new();
            let any = logs.settle(minutes(minute), &mut events);
            assert_eq!(given_up(&events), expected, "minute {minute}");
            assert_eq!(any, !expected.is_empty());
        }
        assert!(!logs.is_waiting());
    }

    #[test]
    fn a_time_that_is_far_ahead_is_nothing_to_requests_that_come_after_it() {
        let (mut logs, now) = (HostLogs::new("log".into()), Instant::now());
        logs.read_at(now);
        ask(&mut logs, 59, 1);
        ask(&mut logs, 0, 2);
        logs.latest_ts += 2 * HOUR_MS;
        ask(&mut logs, 1, 3);
        let mut events = Vec::new();
        logs.settle(now, &mut events);
        assert_eq!(given_up(&events), ["1", "2"]);
    }

    #[test]
    fn what_waits_is_not_gone_through_while_the_oldest_may_be_answered() {
        for waiting in [50, 200] {
            let mut logs = HostLogs::new("log".into());
            for id in 0..waiting {
                ask(&mut logs, 0, id);
            }
            let asked = std::cell::Cell::new(0);
            let is_over = |_: WaitTime| {
                asked.set(asked.get() + 1);
                false
            };
            let moment = logs.moment(0);
            for pairing in logs.connections.values_mut() {
                pairing.give_up_oldest_where(&is_over, moment, &mut Vec::new());
            }
            assert_eq!(asked.get(), 1, "of {waiting}");
        }
    }

    /// Bytes that are read again at a start, and what was reported, after an open call and so many bytes.
    fn read_again_after(bytes: u64, hours: i64) -> (u64, Vec<Event>) {
        let mut logs = HostLogs::new("log".into());
        logs.max_waited_bytes = 10_000;
        let (mut events, mut safe) = (Vec::new(), 0);
        ask(&mut logs, 0, 1);
        logs.latest_ts += hours * HOUR_MS;
        for offset in (0..=bytes).step_by(100) {
            let hash = mcpr_model::Fingerprint { len: 0, hash: 0 };
            let checkpoint = Checkpoint {
                path: "log".into(),
                identity: FileIdentity {
                    device: 1,
                    inode: 1,
                },
                head: hash,
                marker: hash,
                offset,
            };
            let places = logs.safe(checkpoint, &mut events);
            safe = places.last().map_or(safe, |place| place.offset);
        }
        (bytes - safe, events)
    }

    #[test]
    fn what_is_read_again_for_an_open_call_does_not_grow_with_the_log() {
        let (again, events) = read_again_after(9_000, 0);
        assert_eq!(
            (again, events.len()),
            (9_000, 0),
            "it waits within the limit"
        );
        for bytes in [20_000, 80_000] {
            let (again, events) = read_again_after(bytes, 0);
            assert_eq!(again, 0, "of {bytes}");
            // Its answer may follow: nobody can say that there was no answer.
            let [Event::Gap(gap)] = &events[..] else {
                panic!("{events:?}");
            };
            assert_eq!(gap.count, 1);
            // More than an hour passed in the log without one.
            let (again, events) = read_again_after(bytes, 2);
            assert_eq!((again, given_up(&events)), (0, vec!["1".to_owned()]));
        }
    }
}
