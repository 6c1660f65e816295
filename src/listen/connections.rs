//! Which connections there are, what each is doing and since when, and which has to go. Decides by
//! times that are passed in; does no I/O.

use super::limits::{BODY, COMMIT, CONNECTIONS, HEAD, IDLE, LINGER};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The head of a request is awaited or on its way.
    Head,
    /// The body is on its way.
    Body,
    /// The body's events are on their way into the store.
    Commit,
    /// Between two requests.
    Idle,
}

impl Phase {
    /// How long it may last. Bodies and commits have limits that are answered; these here are for
    /// what must not happen.
    fn limit(self) -> Duration {
        match self {
            Self::Head => HEAD,
            Self::Body => BODY + LINGER * 2,
            Self::Commit => COMMIT + LINGER,
            Self::Idle => IDLE,
        }
    }
}

#[derive(Debug)]
struct Connection {
    phase: Phase,
    since: Instant,
    end: Option<AbortHandle>,
}

impl Connection {
    fn end(self) {
        if let Some(end) = self.end {
            end.abort();
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    open: BTreeMap<u64, Connection>,
}

/// All connections.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<Mutex<Inner>>);

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock only means that another task panicked between two plain assignments.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection. Where there is none, the connection that has waited longest for
    /// a request makes room, else the slowest body; what is being committed is never cut off.
    pub(super) fn open(&self, now: Instant) -> Option<Place> {
        let mut inner = self.lock();
        if inner.open.len() >= CONNECTIONS {
            let longest = inner.longest_in(&[Phase::Head, Phase::Idle]);
            let longest = longest.or_else(|| inner.longest_in(&[Phase::Body]))?;
            inner.remove(longest);
        }
        let number = inner.next;
        inner.next += 1;
        let connection = Connection {
            phase: Phase::Head,
            since: now,
            end: None,
        };
        inner.open.insert(number, connection);
        let all = self.clone();
        Some(Place { all, number })
    }

    /// Ends the connections that have passed a limit.
    pub(super) fn end_overdue(&self, now: Instant) {
        let mut inner = self.lock();
        let is_overdue = |it: &Connection| now.duration_since(it.since) > it.phase.limit();
        let ended = inner.open.extract_if(.., |_, it| is_overdue(it));
        ended.for_each(|(_, connection)| connection.end());
    }

    /// Ends the connections on which no request is on its way.
    pub(super) fn end_waiting(&self) {
        let mut inner = self.lock();
        let is_waiting = |it: &Connection| matches!(it.phase, Phase::Head | Phase::Idle);
        let ended = inner.open.extract_if(.., |_, it| is_waiting(it));
        ended.for_each(|(_, connection)| connection.end());
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().open.is_empty()
    }
}

impl Inner {
    fn longest_in(&self, phases: &[Phase]) -> Option<u64> {
        let within = self
            .open
            .iter()
            .filter(|(_, it)| phases.contains(&it.phase));
        within
            .min_by_key(|(_, it)| it.since)
            .map(|(number, _)| *number)
    }

    fn remove(&mut self, number: u64) {
        if let Some(connection) = self.open.remove(&number) {
            connection.end();
        }
    }
}

/// A connection's place among all, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: Connections,
    number: u64,
}

impl Place {
    /// Says what ends the connection from outside.
    pub(super) fn ends_by(&self, end: AbortHandle) {
        if let Some(connection) = self.all.lock().open.get_mut(&self.number) {
            connection.end = Some(end);
        }
    }

    /// Says what the connection does from now on.
    pub(super) fn enter(&self, phase: Phase, now: Instant) {
        if let Some(connection) = self.all.lock().open.get_mut(&self.number) {
            connection.phase = phase;
            connection.since = now;
        }
    }

    /// Says that bytes came: between two requests they begin the next one's head.
    pub(super) fn bytes_came(&self, now: Instant) {
        if let Some(connection) = self.all.lock().open.get_mut(&self.number)
            && connection.phase == Phase::Idle
        {
            connection.phase = Phase::Head;
            connection.since = now;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.lock().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(connections: &Connections) -> Vec<u64> {
        connections.lock().open.keys().copied().collect()
    }

    /// As many connections as there may be, one a millisecond, each in a phase.
    fn full(phase: impl Fn(usize) -> Phase) -> (Connections, Vec<Place>, Instant) {
        let (connections, begin) = (Connections::default(), Instant::now());
        let places = (0..CONNECTIONS).map(|number| {
            let now = begin + Duration::from_millis(number as u64);
            let place = connections.open(now).expect("there is room");
            place.enter(phase(number), now);
            place
        });
        let places = places.collect();
        (connections, places, begin + Duration::from_millis(100))
    }

    #[test]
    fn who_waits_longest_makes_room_then_the_slowest_body_and_never_a_commit() {
        type PhaseOf = fn(usize) -> Phase;
        let cases: [(PhaseOf, Option<u64>); 5] = [
            (|_| Phase::Head, Some(0)),
            (|at| if at < 3 { Phase::Body } else { Phase::Idle }, Some(3)),
            (
                |at| if at == 9 { Phase::Head } else { Phase::Body },
                Some(9),
            ),
            (
                |at| if at < 2 { Phase::Commit } else { Phase::Body },
                Some(2),
            ),
            (|_| Phase::Commit, None),
        ];
        for (case, (phase, expected)) in cases.into_iter().enumerate() {
            let (connections, _places, now) = full(phase);
            let before = numbers(&connections);
            let place = connections.open(now);
            assert_eq!(place.is_some(), expected.is_some(), "case {case}");
            let after = numbers(&connections);
            let gone: Vec<u64> = before
                .into_iter()
                .filter(|it| !after.contains(it))
                .collect();
            assert_eq!(
                gone,
                expected.into_iter().collect::<Vec<_>>(),
                "case {case}"
            );
            assert_eq!(after.len(), CONNECTIONS);
        }
    }

    #[test]
    fn each_phase_has_its_time_and_a_head_begins_with_its_first_byte() {
        let (connections, begin) = (Connections::default(), Instant::now());
        let place = connections.open(begin).expect("there is room");
        let mut now = begin;
        for phase in [Phase::Head, Phase::Body, Phase::Commit, Phase::Idle] {
            place.enter(phase, now);
            now += phase.limit();
            connections.end_overdue(now);
            assert_eq!(numbers(&connections), [0], "{phase:?}");
        }
        place.bytes_came(now);
        place.bytes_came(now + HEAD / 2);
        connections.end_overdue(now + HEAD);
        assert_eq!(numbers(&connections), [0]);
        connections.end_overdue(now + HEAD + Duration::from_millis(1));
        assert!(connections.is_empty(), "later bytes begin nothing");
    }

    #[test]
    fn at_the_end_only_requests_that_are_there_stay() {
        let phases = [Phase::Commit, Phase::Head, Phase::Idle, Phase::Body];
        let (connections, mut places, _) = full(|at| phases[at % 4]);
        connections.end_waiting();
        assert_eq!(numbers(&connections).len(), CONNECTIONS / 2);
        places.truncate(2);
        assert_eq!(numbers(&connections), [0], "a place is given back");
    }
}
