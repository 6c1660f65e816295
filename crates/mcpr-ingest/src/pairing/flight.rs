//! What is reported of requests while they wait, and what becomes of them when their server dies.

use super::calls::{WaitTime, WaitingRequest};
use super::{Pairing, payload, unanswered};
use crate::Moment;
use mcpr_model::{ErrorKind, Event, EventKey, OpenRequest, Outcome, Text};
use mcpr_wire::{Direction, RequestMessage, TypedId};
use std::time::{Duration, Instant};

/// How long a request waits before it is reported as being in flight: as long as a batch waits for others. Most are
/// answered sooner, and cost nothing.
pub(crate) const ANNOUNCE_AFTER: Duration = Duration::from_millis(200);
/// Most waiting requests of a direction that are reported as being in flight; those beyond it are only reported when
/// they end.
const MAX_ANNOUNCED: usize = 500;

impl Pairing {
    /// Reports which requests are in flight that were seen until a time and not reported before.
    pub fn announce_open(&mut self, until: Instant, resumes: bool, events: &mut Vec<Event>) {
        for direction in Direction::ALL {
            for id in self.unannounced(direction, until) {
                let Some(waiting) = self.calls(direction).waiting.get(&id) else {
                    continue;
                };
                // Until now it took no time: nobody knows yet how long it will.
                let (copy, moment) = (copy_of(waiting), waiting.moment);
                let params = copy.asked.params.clone();
                let mut request = self.row(direction, copy, moment);
                request.payload = payload(params, None);
                events.push(Event::Open(Box::new(OpenRequest {
                    request,
                    resumes,
                    is_over: false,
                })));
                let calls = self.calls(direction);
                if let Some(waiting) = calls.waiting.get_mut(&id) {
                    waiting.is_announced = true;
                    calls.announced += 1;
                }
            }
        }
        self.announce_streams(until, events);
    }

    /// Gives up the oldest requests, as `is_over` says of each, and claims nothing of how they ended: what
    /// follows may hold their answers. One that was asked later is never over before one asked earlier.
    pub(crate) fn leave_open_where(
        &mut self,
        is_over: &dyn Fn(WaitTime) -> bool,
        moment: Moment,
        events: &mut Vec<Event>,
    ) {
        for direction in Direction::ALL {
            let calls = self.calls(direction);
            let ids = calls.by_age.values();
            let ids = ids.take_while(|id| calls.is_over(id, is_over));
            let ids = ids.cloned().collect::<Vec<_>>();
            for id in &ids {
                calls.doubt(id);
            }
            self.give_up_all(direction, &ids, moment, events);
        }
    }

    /// When the first request was seen that is not reported as being in flight.
    #[must_use]
    pub fn first_unannounced(&self) -> Option<Instant> {
        let each = [&self.from_client, &self.from_server].into_iter();
        each.filter_map(|calls| {
            let (_, id) = calls.by_age.range(calls.announced_before..).next()?;
            calls.waiting.get(id).map(WaitingRequest::seen)
        })
        .chain(self.first_unreported_stream())
        .min()
    }

    /// The requests of a direction to be reported now, as many as there is room for.
    fn unannounced(&mut self, direction: Direction, until: Instant) -> Vec<TypedId> {
        // A server that answers nothing must not fill the store.
        let calls = self.calls(direction);
        let room = MAX_ANNOUNCED.saturating_sub(calls.announced);
        let (mut ids, mut next) = (Vec::new(), calls.announced_before);
        for (ordinal, id) in calls.by_age.range(calls.announced_before..) {
            let is_due = |waiting: &WaitingRequest| waiting.seen() <= until;
            if !calls.waiting.get(id).is_some_and(is_due) {
                break;
            }
            next = ordinal + 1;
            // One for which there is no room now is not looked at again.
            if ids.len() < room {
                ids.push(id.clone());
            }
        }
        calls.announced_before = next;
        ids
    }

    /// Says that the server has died: what it was asked and has not answered, it never will.
    pub fn died(&mut self, how: &Text, moment: Moment, events: &mut Vec<Event>) {
        let waiting: Vec<TypedId> = self.from_client.by_age.values().cloned().collect();
        let why = Outcome {
            error_msg: Some(how.clone()),
            ..unanswered(ErrorKind::Died)
        };
        for id in &waiting {
            self.give_up(Direction::ToServer, id, &why, moment, events);
        }
    }

    /// The key of the row that a request will be.
    pub(super) fn key_of(&self, waiting: &WaitingRequest) -> EventKey {
        let session_id = self.session_id.as_deref().unwrap_or_default();
        let ordinal = waiting.ordinal;
        let own = || EventKey::of_id(&format!("{session_id} {ordinal}"));
        waiting.asked.key.unwrap_or_else(own)
    }
}

/// What waits, without what only its answer needs.
pub(super) fn copy_of(waiting: &WaitingRequest) -> WaitingRequest {
    let asked = &waiting.asked;
    WaitingRequest {
        asked: RequestMessage {
            id: asked.id.clone(),
            request_id: asked.request_id.clone(),
            method: asked.method.clone(),
            target: asked.target.clone(),
            client_name: asked.client_name.clone(),
            client_version: asked.client_version.clone(),
            trace_id: asked.trace_id,
            follows: asked.follows,
            stateless: asked.stateless.clone(),
            bytes: asked.bytes,
            surface: None,
            key: asked.key,
            params: asked.params.clone(),
            is_from_sentence: asked.is_from_sentence,
        },
        ..*waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_wire::{Bodies, Messages, messages};

    fn pass(pairing: &mut Pairing, direction: Direction, line: &str, at: Moment) -> Vec<Event> {
        let Messages::Known(known) = messages(line.as_bytes(), Bodies::Kept) else {
            panic!("no messages: {line}");
        };
        let mut events = Vec::new();
        for message in known {
            pairing.message(direction, message, at, &mut events);
        }
        events
    }

    fn key(event: &Event) -> u64 {
        match event {
            Event::Open(open) => open.request.key.hash,
            Event::Request(request) => request.key.hash,
            Event::Withdrawn(key) => *key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_announced_once_as_being_in_flight_under_the_key_of_its_row() {
        use Direction::{ToClient, ToServer};
        let mut pairing = Pairing::new("p".into(), "s".into());
        let began = Moment::now();
        let after = |ms| began.at + Duration::from_millis(ms);
        let call = r#"{"id":1,"method":"tools/call","params":{"name":"t"}}"#;
        pass(&mut pairing, ToServer, call, began);
        assert_eq!(pairing.first_unannounced(), Some(began.at));
        let mut events = Vec::new();
        pairing.announce_open(after(0), false, &mut events);
        pairing.announce_open(after(9), false, &mut events);
        let [Event::Open(open)] = &events[..] else {
            panic!("{events:?}");
        };
        let payload = open.request.payload.as_ref().expect("what was asked");
        let params = payload.params.as_ref().map(|body| &*body.text);
        assert_eq!(params, Some(r#"{"name":"t"}"#));
        assert_eq!(pairing.first_unannounced(), None);
        let row = pass(&mut pairing, ToClient, r#"{"id":1,"result":{}}"#, began);
        assert_eq!(key(&row[0]), key(&events[0]));
    }

    #[test]
    fn a_subscription_is_reported_while_it_is_open_and_leads_to_no_row() {
        use Direction::{ToClient, ToServer};
        let listen = r#"{"id":1,"method":"subscriptions/listen","params":{}}"#;
        let cancel = r#"{"method":"notifications/cancelled","params":{"requestId":1}}"#;
        let ends: [(_, &str); 4] = [
            (ToClient, r#"{"id":1,"result":{}}"#),
            (
                ToClient,
                r#"{"id":1,"error":{"code":-32601,"message":"no"}}"#,
            ),
            (ToServer, cancel),
            (ToServer, listen),
        ];
        for (direction, end) in ends {
            let mut pairing = Pairing::new("p".into(), "s".into());
            let began = Moment::now();
            let mut events = pass(&mut pairing, ToServer, listen, began);
            assert_eq!(pairing.first_unannounced(), Some(began.at));
            pairing.announce_open(began.at, false, &mut events);
            pairing.give_up_where(&|_| true, began, &mut events);
            let [Event::Open(open)] = &events[..] else {
                panic!("{events:?}");
            };
            assert!(open.resumes, "a killed recorder leaves no timeout");
            assert_eq!(pairing.first_unannounced(), None);
            let over = pass(&mut pairing, direction, end, began);
            assert!(matches!(over[..], [Event::Withdrawn(_)]), "{over:?}");
            assert_eq!(key(&over[0]), key(&events[0]), "{end}");
        }
    }

    #[test]
    fn streams_are_over_with_their_session() {
        let mut pairing = Pairing::new("p".into(), "s".into());
        let began = Moment::now();
        let mut events = Vec::new();
        for id in 0..70 {
            let listen = format!(r#"{{"id":{id},"method":"subscriptions/listen"}}"#);
            pass(&mut pairing, Direction::ToServer, &listen, began);
        }
        pairing.announce_open(began.at, false, &mut events);
        assert_eq!(events.len(), 64, "so many are shown");
        events.clear();
        pairing.end(began, &mut events);
        let over = events.iter().filter(|it| matches!(it, Event::Withdrawn(_)));
        assert_eq!(over.count(), 64);
        assert!(!events.iter().any(|it| matches!(it, Event::Request(_))));
    }

    #[test]
    fn what_leads_to_no_row_is_withdrawn() {
        let mut pairing = Pairing::new("p".into(), "s".into());
        let began = Moment::now();
        let call = r#"{"id":1,"method":"ping"}"#;
        pass(&mut pairing, Direction::ToServer, call, began);
        let mut events = Vec::new();
        pairing.announce_open(began.at, false, &mut events);
        // Its answer may have been among what was lost.
        pairing.lost();
        pairing.end(began, &mut events);
        assert!(matches!(events[1], Event::Withdrawn(_)), "{events:?}");
        assert_eq!(key(&events[1]), key(&events[0]));
    }

    #[test]
    fn only_so_many_are_announced() {
        let mut pairing = Pairing::new("p".into(), "s".into());
        let began = Moment::now();
        for id in 0..MAX_ANNOUNCED + 10 {
            let call = format!(r#"{{"id":{id},"method":"ping"}}"#);
            pass(&mut pairing, Direction::ToServer, &call, began);
        }
        let mut events = Vec::new();
        pairing.announce_open(began.at, false, &mut events);
        assert_eq!(events.len(), MAX_ANNOUNCED);
        assert_eq!(
            pairing.first_unannounced(),
            None,
            "nobody waits for the others"
        );
    }
}
