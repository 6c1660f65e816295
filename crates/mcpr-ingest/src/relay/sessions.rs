//! The sessions of servers at addresses: which messages belong together. Bounded, and their ids are held
//! as hashes: whoever has an id is in the session.

use super::exchange::HttpStamp;
use crate::{Moment, Pairing};
use mcpr_model::{Event, Outcome, Text};
use mcpr_wire::TypedId;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Most sessions whose requests are followed; the one that was used least lately is given up beyond that.
const MAX_SESSIONS: usize = 4096;
/// Most ids of a session's events that are remembered, to find what a server repeats.
const MAX_EVENT_IDS: usize = 256;
/// Most cancelled requests of a session that are remembered.
const MAX_CANCELLED: usize = 32;
/// Most requests of a session that wait for their answers to come on another stream.
const MAX_UNANSWERED: usize = 1024;

/// The id of a session, or an address that stands for one, as its hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SessionDigest([u8; 16]);

impl std::fmt::Debug for SessionDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl SessionDigest {
    /// Of the id that a header names.
    pub(super) fn of_header(id: &[u8]) -> Self {
        Self::of(b"session ", id)
    }

    /// Of the path and query to which the messages of a session are posted.
    pub(super) fn of_place(path_and_query: &[u8]) -> Self {
        Self::of(b"place ", path_and_query)
    }

    fn of(kind: &[u8], secret: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(kind).chain_update(secret);
        let mut key = [0; 16];
        // Half of it distinguishes sessions as well, and is short enough to be read.
        key.copy_from_slice(&digest.finalize()[..16]);
        Self(key)
    }

    /// What is shown in the place of the id.
    pub(super) fn shown(self) -> Text {
        let digits = self.0.iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>().into()
    }
}

/// How a request ends whose exchange is over, where no other stream answers it.
#[derive(Debug)]
pub(super) struct LeftRequest {
    pub(super) outcome: Outcome,
    /// When its exchange ended.
    pub(super) moment: Moment,
    pub(super) http: Option<HttpStamp>,
}

impl LeftRequest {
    // As long ago as that was: nobody has waited for it since.
    fn end(self, id: &TypedId, pairing: &mut Pairing, events: &mut Vec<Event>) {
        let first = events.len();
        pairing.fail(id, self.outcome, self.moment, events);
        if let Some(http) = self.http {
            http.put_on(events.get_mut(first..).unwrap_or_default());
        }
    }
}

/// The messages that belong together.
#[derive(Debug)]
pub(super) struct SessionScope {
    pub(super) pairing: Pairing,
    /// Requests whose exchange is over, and whose answers may still come on another stream.
    unanswered: BTreeMap<TypedId, LeftRequest>,
    /// Requests that were cancelled before they were read: they pass on connections of their own.
    cancelled: VecDeque<TypedId>,
    seen: HashSet<u64>,
    seen_order: VecDeque<u64>,
    is_closed: bool,
    used: u64,
    /// Bytes that waited in it when they were counted last.
    counted: usize,
}

impl SessionScope {
    pub(super) fn new(pairing: Pairing) -> Self {
        Self {
            pairing,
            unanswered: BTreeMap::new(),
            cancelled: VecDeque::new(),
            seen: HashSet::new(),
            seen_order: VecDeque::new(),
            is_closed: false,
            used: 0,
            counted: 0,
        }
    }

    /// Whether an event with this id was read before.
    pub(super) fn is_repeated(&mut self, event: Option<u64>) -> bool {
        let Some(id) = event else {
            return false;
        };
        if !self.seen.insert(id) {
            return true;
        }
        self.seen_order.push_back(id);
        // Only the last ones: a server repeats what its client has missed.
        if self.seen_order.len() > MAX_EVENT_IDS
            && let Some(oldest) = self.seen_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        false
    }

    /// Remembers what the client cancels, where that does not wait yet.
    pub(super) fn cancel_early(&mut self, id: &TypedId) {
        if self.pairing.awaits(id) {
            return;
        }
        self.cancelled.push_back(id.clone());
        // Most of these were answered, and are never asked for again.
        if self.cancelled.len() > MAX_CANCELLED {
            self.cancelled.pop_front();
        }
    }

    /// Whether the client has cancelled a request.
    pub(super) fn was_cancelled(&self, id: &TypedId) -> bool {
        self.cancelled.contains(id)
    }

    /// Lets a request wait for an answer on another stream; `left` is what it ends with where none comes.
    pub(super) fn wait_longer(&mut self, id: TypedId, left: LeftRequest, events: &mut Vec<Event>) {
        if self.unanswered.len() >= MAX_UNANSWERED {
            let pairing = &self.pairing;
            // Those that were answered meanwhile go first.
            self.unanswered.retain(|id, _| pairing.awaits(id));
        }
        if self.unanswered.len() >= MAX_UNANSWERED
            && let Some((id, oldest)) = self.unanswered.pop_first()
        {
            oldest.end(&id, &mut self.pairing, events);
        }
        self.unanswered.insert(id, left);
    }

    /// Says that the session is over; only the first time counts.
    pub(super) fn close(&mut self, moment: Moment, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.is_closed, true) {
            self.pairing.close(moment, events);
        }
    }

    /// Ends all that waits for answers of the server in the same way.
    pub(super) fn fail_all(&mut self, outcome: &Outcome, moment: Moment, events: &mut Vec<Event>) {
        for id in self.pairing.waiting_ids() {
            self.pairing.fail(&id, outcome.clone(), moment, events);
        }
        self.unanswered.clear();
    }

    /// Gives up all that waits.
    pub(super) fn abandon(&mut self, moment: Moment, events: &mut Vec<Event>) {
        // First those of which more is known than that nobody answered.
        for (id, left) in std::mem::take(&mut self.unanswered) {
            left.end(&id, &mut self.pairing, events);
        }
        self.pairing.abandon(moment, events);
    }
}

/// A session of one of the servers.
pub(super) type ServerSession = (usize, SessionDigest);

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct FollowedSessions {
    scopes: HashMap<ServerSession, Box<SessionScope>>,
    by_use: BTreeMap<u64, ServerSession>,
    next_use: u64,
    waiting_bytes: usize,
}

impl FollowedSessions {
    /// Bytes of what waits in all of them.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    pub(super) fn knows(&self, session: ServerSession) -> bool {
        self.scopes.contains_key(&session)
    }

    /// The messages of a session, which is used now.
    pub(super) fn used(&mut self, session: ServerSession) -> Option<&mut SessionScope> {
        let scope = self.scopes.get_mut(&session)?;
        self.by_use.remove(&scope.used);
        scope.used = self.next_use;
        self.by_use.insert(self.next_use, session);
        self.next_use += 1;
        Some(scope)
    }

    /// What waits in a session, by which that is not used.
    pub(super) fn pairing_of(&mut self, session: ServerSession) -> Option<&mut Pairing> {
        let scope = self.scopes.get_mut(&session)?;
        Some(&mut scope.pairing)
    }

    /// Takes in a session; gives the one that is given up for it, if there are too many.
    pub(super) fn add(
        &mut self,
        session: ServerSession,
        mut scope: Box<SessionScope>,
    ) -> Option<Box<SessionScope>> {
        scope.used = self.next_use;
        self.by_use.insert(self.next_use, session);
        self.next_use += 1;
        // Its place in the order of use finds it again where room is needed.
        self.scopes.insert(session, scope);
        self.count(session);
        (self.scopes.len() > MAX_SESSIONS)
            .then(|| self.take_oldest())
            .flatten()
    }

    /// Takes out the session that was used least lately.
    pub(super) fn take_oldest(&mut self) -> Option<Box<SessionScope>> {
        let (_, session) = self.by_use.pop_first()?;
        let scope = self.scopes.remove(&session)?;
        self.waiting_bytes -= scope.counted;
        Some(scope)
    }

    /// Counts again what waits in a session in which something has changed.
    pub(super) fn count(&mut self, session: ServerSession) {
        if let Some(scope) = self.scopes.get_mut(&session) {
            let now = scope.pairing.waiting_bytes();
            self.waiting_bytes = self.waiting_bytes + now - scope.counted;
            scope.counted = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_as_a_hash_and_no_place_is_one() {
        let key = SessionDigest::of_header(b"s3cr3t");
        assert_eq!(key.shown().len(), 32);
        assert_eq!(key, SessionDigest::of_header(b"s3cr3t"));
        assert_ne!(key, SessionDigest::of_place(b"s3cr3t"));
        assert!(!format!("{key:?}").contains("s3cr3t"));
    }

    #[test]
    fn the_session_that_was_used_least_lately_goes() {
        let mut sessions = FollowedSessions::default();
        let scope = || Box::new(SessionScope::new(Pairing::of_exchange("p".into())));
        let key = |number: usize| (0, SessionDigest::of_header(&number.to_le_bytes()));
        for number in 0..MAX_SESSIONS {
            assert!(sessions.add(key(number), scope()).is_none());
        }
        sessions.used(key(0)).unwrap();
        assert!(sessions.add(key(MAX_SESSIONS), scope()).is_some());
        let known = [0, 1, 2].map(|number| sessions.knows(key(number)));
        assert_eq!(known, [true, false, true]);
    }

    #[test]
    fn a_call_whose_client_went_away_took_until_the_tap_ended() {
        use crate::tap::Direction;
        use mcpr_wire::{Bodies, Message, Messages, messages};
        let asked = br#"{"id":1,"method":"tools/call","params":{"name":"t"}}"#;
        let Messages::Known(mut known) = messages(asked, Bodies::Left) else {
            panic!("a request");
        };
        let Some(Message::Request(request)) = known.pop() else {
            panic!("a request");
        };
        let (id, began) = (request.id.clone(), Moment::now());
        let after = |ms: u64| Moment {
            at: began.at + std::time::Duration::from_millis(ms),
            ts: began.ts + i64::try_from(ms).unwrap(),
        };
        let mut scope = SessionScope::new(Pairing::of_exchange("p".into()));
        let mut events = Vec::new();
        let message = Message::Request(request);
        scope
            .pairing
            .message(Direction::ToServer, message, began, &mut events);
        let left = LeftRequest {
            outcome: Outcome::default(),
            moment: after(900),
            http: Some(HttpStamp {
                status: 200,
                asked_ts: began.ts,
                first_event_us: Some(4000),
            }),
        };
        scope.wait_longer(id, left, &mut events);
        assert!(events.is_empty(), "it may be resumed: {events:?}");
        scope.abandon(after(60_000), &mut events);
        let Some(Event::Request(row)) = events.first() else {
            panic!("a row: {events:?}");
        };
        assert_eq!(
            (row.latency_us, row.http_status, row.first_event_us),
            (Some(900_000), Some(200), Some(4000))
        );
    }

    #[test]
    fn an_event_that_comes_again_is_known() {
        let mut scope = SessionScope::new(Pairing::of_exchange("p".into()));
        let repeated = [None, None, Some(1), Some(2), Some(1)].map(|id| scope.is_repeated(id));
        assert_eq!(repeated, [false, false, false, false, true]);
    }
}
