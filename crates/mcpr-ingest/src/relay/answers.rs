//! What comes back in an exchange: its head, its messages, and what its end says of requests that were not
//! answered. Pure.

use super::capped::CappedText;
use super::coding::BodyDecoder;
use super::events::{EventSplitter, StreamEvent};
use super::exchange::{AnswerReading, ExchangeRecord, ExchangeScope};
use super::pieces::{AnsweredHead, ContentCoding, ContentKind, ExchangeEnd, HttpVerb};
use super::sessions::{LeftRequest, SessionDigest, SessionScope};
use super::transcript::ExchangeTranscript;
use super::verdict::{self, AnsweredSilence, MAX_DETAIL_BYTES};
use crate::{Moment, Pairing};
use mcpr_model::Outcome;
use mcpr_wire::{Direction, Message, TypedId};

/// The event that says where the older transport wants its messages.
const ENDPOINT: &[u8] = b"endpoint";

impl ExchangeTranscript {
    /// The head of the answer has come.
    pub(super) fn answered(
        &mut self,
        exchange: &mut ExchangeRecord,
        head: &AnsweredHead,
        moment: Moment,
    ) {
        // A refusal may name a session that it did not begin.
        let is_success = (200..300).contains(&head.status);
        exchange.status = Some((head.status, head.reason.clone()));
        exchange.content_type.clone_from(&head.content_type);
        exchange.kind = head.kind;
        exchange.decoder = BodyDecoder::of(head.coding);
        exchange.answer = match head.kind {
            ContentKind::Events => AnswerReading::Events(EventSplitter::default()),
            ContentKind::Json | ContentKind::Text => AnswerReading::Whole(CappedText::default()),
            ContentKind::Other => AnswerReading::Nothing,
        };
        let begins = head
            .session
            .filter(|_| is_success && exchange.head.verb == HttpVerb::Post && exchange.is_legacy());
        let Some(session) = begins.map(|session| (exchange.head.server, session)) else {
            return;
        };
        if matches!(exchange.scope, ExchangeScope::Own(_)) && !self.sessions.knows(session) {
            // What it asks is read before its scope is given to the session.
            self.asked(exchange, moment);
            let joined = ExchangeScope::Session(session);
            if let ExchangeScope::Own(scope) = std::mem::replace(&mut exchange.scope, joined) {
                self.open(session, scope, exchange.begun);
            }
        }
    }

    /// Bytes of the answer have come.
    pub(super) fn answer(
        &mut self,
        exchange: &mut ExchangeRecord,
        bytes: &[u8],
        is_after_loss: bool,
        moment: Moment,
    ) {
        self.delivery.bytes += bytes.len();
        exchange.has_answer = true;
        if !matches!(exchange.answer, AnswerReading::Events(_)) {
            exchange.first_at.get_or_insert(moment.at);
        }
        if is_after_loss {
            exchange.is_torn[1] = true;
            // What was compressed cannot be read on behind a hole.
            if !matches!(exchange.decoder, BodyDecoder::Plain) {
                exchange.decoder = BodyDecoder::of(ContentCoding::Unread);
            }
            if let AnswerReading::Events(events) = &mut exchange.answer {
                events.lose();
            }
            self.gap(1, moment.ts, moment.ts);
        }
        // Taken out for the while: what they lead to needs all of the exchange.
        let mut decoder = std::mem::replace(&mut exchange.decoder, BodyDecoder::Plain);
        let mut answer = std::mem::replace(&mut exchange.answer, AnswerReading::Nothing);
        decoder.read(bytes, &mut |bytes| {
            let has_room = self.has_room();
            match &mut answer {
                AnswerReading::Nothing => {}
                AnswerReading::Whole(text) => text.add(bytes, has_room),
                AnswerReading::Events(events) => events.feed(bytes, has_room, &mut |event| {
                    self.event(exchange, &event, moment);
                }),
            }
        });
        (exchange.decoder, exchange.answer) = (decoder, answer);
    }

    fn event(&mut self, exchange: &mut ExchangeRecord, event: &StreamEvent<'_>, moment: Moment) {
        if event.name == ENDPOINT {
            return self.endpoint(exchange, event.data.bytes(), moment);
        }
        // A server may begin with an event that says nothing but its id.
        if event.data.len() > 0 {
            exchange.first_at.get_or_insert(moment.at);
        }
        // Each event is one message, or a batch of them.
        for (_, message) in self.messages_of(event.data, "to the client", moment) {
            let is_question = matches!(message, Message::Request(_));
            if is_question {
                self.note_asked(exchange, moment);
            }
            self.with_scope(exchange, |transcript, scope, _| {
                // A server that is asked for what was missed repeats its own questions, too.
                if is_question && scope.is_repeated(event.id) {
                    return;
                }
                let events = &mut transcript.delivery.events;
                let pairing = &mut scope.pairing;
                pairing.message(Direction::ToClient, message, moment, events);
            });
        }
    }

    /// The stream says where messages are to be posted: they are answered here.
    fn endpoint(&mut self, exchange: &mut ExchangeRecord, stated: &[u8], moment: Moment) {
        let place = place_of(stated, &exchange.head.path);
        let session = (exchange.head.server, SessionDigest::of_place(&place));
        if matches!(exchange.scope, ExchangeScope::Own(_)) && !self.sessions.knows(session) {
            let pairing = Pairing::of_exchange(self.proxy(exchange.head.server));
            self.open(session, Box::new(SessionScope::new(pairing)), moment);
            exchange.scope = ExchangeScope::Session(session);
            exchange.is_session = true;
        }
    }

    /// The exchange is over: what it asked is answered, or ended with it.
    pub(super) fn end_exchange(
        &mut self,
        exchange: &mut ExchangeRecord,
        end: &ExchangeEnd,
        moment: Moment,
    ) {
        // What was asked may be whole only now: a server can answer before it has read all.
        self.asked(exchange, moment);
        self.whole_answer(exchange, moment);
        self.note_agent(exchange);
        let by_status = by_status(exchange);
        let is_unread =
            exchange.is_torn[1] || (exchange.decoder.is_unread() && exchange.has_answer);
        let can_wait = exchange.can_be_taken_up() && by_status.is_none();
        self.with_scope(exchange, |transcript, scope, exchange| {
            let mut forgotten = 0;
            for id in std::mem::take(&mut exchange.asked) {
                if !scope.pairing.awaits(&id) {
                    continue;
                }
                let events = &mut transcript.delivery.events;
                match &by_status {
                    Some(outcome) => {
                        scope.pairing.fail(&id, outcome.clone(), moment, events);
                    }
                    // What could not be read may have been its answer.
                    None if is_unread => {
                        forgotten += u64::from(scope.pairing.forget(&id, events));
                    }
                    None if matches!(end, ExchangeEnd::Broken(_)) && !can_wait => {
                        let outcome = verdict::of_end(end);
                        let pairing = &mut scope.pairing;
                        let again = pairing.break_off(&id, outcome, moment, events);
                        transcript.broken.extend(exchange.head.server, again);
                    }
                    None => {
                        let left = LeftRequest {
                            outcome: how_it_ended(exchange, end),
                            moment,
                            http: exchange.http_stamp(),
                        };
                        end_request(scope, id, left, can_wait, &mut *events);
                    }
                }
            }
            for id in std::mem::take(&mut exchange.streams) {
                let events = &mut transcript.delivery.events;
                scope.pairing.close_stream(&id, events);
            }
            // They are reported as missing, and not as never answered.
            if forgotten > 0 {
                transcript.gap(forgotten, moment.ts, moment.ts);
            }
            let events = &mut transcript.delivery.events;
            match exchange.scope {
                _ if exchange.is_session && *end != ExchangeEnd::TapEnded => {
                    scope.fail_all(&verdict::of_end(end), moment, events);
                    scope.close(moment, events);
                }
                _ if exchange.ends_session() => scope.close(moment, events),
                _ => {}
            }
        });
        if let ExchangeScope::Own(scope) = &mut exchange.scope {
            scope.abandon(moment, &mut self.delivery.events);
        }
    }

    /// Reads an answer that is one text.
    fn whole_answer(&mut self, exchange: &mut ExchangeRecord, moment: Moment) {
        let is_json = exchange.kind == ContentKind::Json;
        let is_ours = exchange.head.verb == HttpVerb::Post && !exchange.is_torn[1];
        let status = exchange.status.as_ref().map_or(0, |it| it.0);
        if !is_json || !is_ours || exchange.asked.is_empty() || verdict::is_about_access(status) {
            return;
        }
        let AnswerReading::Whole(text) = &exchange.answer else {
            return;
        };
        // Other errors are reported as JSON too, and are not errors of MCP.
        let is_rpc = status < 400 || memchr::memmem::find(text.bytes(), b"\"jsonrpc\"").is_some();
        if text.len() == 0 || !is_rpc {
            return;
        }
        let answer = std::mem::replace(&mut exchange.answer, AnswerReading::Nothing);
        if let AnswerReading::Whole(text) = &answer {
            for (_, message) in self.messages_of(text, "to the client", moment) {
                self.whole_message(exchange, message, moment);
            }
        }
        exchange.answer = answer;
    }

    fn whole_message(&mut self, exchange: &mut ExchangeRecord, message: Message, moment: Moment) {
        self.with_scope(exchange, |transcript, scope, exchange| {
            let events = &mut transcript.delivery.events;
            let pairing = &mut scope.pairing;
            let Message::Answer(reply) = &message else {
                return pairing.message(Direction::ToClient, message, moment, events);
            };
            if reply.id.is_some() {
                exchange.has_message = true;
                return pairing.message(Direction::ToClient, message, moment, events);
            }
            // An error that names no request answers whatever was asked.
            for id in &exchange.asked {
                if pairing.awaits(id) {
                    let mut reply = reply.clone();
                    reply.id = Some(id.clone());
                    let message = Message::Answer(reply);
                    pairing.message(Direction::ToClient, message, moment, events);
                }
            }
        });
    }

    /// Remembers a client that has stated who it is, and was given no session.
    fn note_agent(&mut self, exchange: &ExchangeRecord) {
        let is_success = exchange.status.as_ref().is_some_and(|it| it.0 < 300);
        if let ExchangeScope::Own(scope) = &exchange.scope
            && let Some(client) = scope.pairing.client().filter(|_| is_success)
        {
            let client = client.clone();
            self.remember_agent(&exchange.head, &client);
        }
    }
}

/// How what was asked ended that no message answers.
fn how_it_ended(exchange: &ExchangeRecord, end: &ExchangeEnd) -> Outcome {
    match exchange.status {
        Some((status, _)) if *end == ExchangeEnd::Complete => {
            verdict::of_silence(&AnsweredSilence {
                status,
                content_type: exchange.content_type.as_deref(),
                is_stream: exchange.kind == ContentKind::Events,
                is_empty: !exchange.has_answer,
                is_of_another: exchange.has_message,
            })
        }
        _ => verdict::of_end(end),
    }
}

/// What the status of an exchange says of what it asked, where it is not a success.
fn by_status(exchange: &ExchangeRecord) -> Option<Outcome> {
    let (status, reason) = exchange.status.as_ref()?;
    let body = match &exchange.answer {
        AnswerReading::Whole(text) => text.bytes(),
        _ => &[],
    };
    verdict::of_status(*status, reason, &body[..body.len().min(MAX_DETAIL_BYTES)])
}

/// Ends a request that was not answered in its exchange, or lets it wait for another one.
fn end_request(
    scope: &mut SessionScope,
    id: TypedId,
    mut left: LeftRequest,
    can_wait: bool,
    events: &mut Vec<mcpr_model::Event>,
) {
    if scope.was_cancelled(&id) {
        left.outcome = verdict::of_end(&ExchangeEnd::ClientLeft);
    }
    if can_wait {
        return scope.wait_longer(id, left, events);
    }
    scope.pairing.fail(&id, left.outcome, left.moment, events);
}

/// The path and query that a place has at its server, as a stream announces it.
fn place_of(stated: &[u8], path: &str) -> Vec<u8> {
    let stated = stated.trim_ascii();
    // Nearly all servers name a path alone.
    if stated.starts_with(b"/") {
        return stated.to_vec();
    }
    if let Some(authority) = memchr::memmem::find(stated, b"://") {
        let rest = &stated[authority + 3..];
        let begin = memchr::memchr(b'/', rest);
        return begin.map_or_else(|| b"/".to_vec(), |begin| rest[begin..].to_vec());
    }
    // Beside the path of the stream itself.
    let beside = path.rfind('/').map_or("", |last| &path[..=last]);
    [beside.as_bytes(), stated].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_stated_in_three_ways() {
        let check = |stated: &str, expected: &str| {
            let place = place_of(stated.as_bytes(), "/a/sse");
            assert_eq!(String::from_utf8(place).unwrap(), expected, "{stated}");
        };
        check("/messages?sessionId=1", "/messages?sessionId=1");
        check("http://127.0.0.1:1/m?x", "/m?x");
        check("https://a.example", "/");
        check("messages/?s=1", "/a/messages/?s=1");
    }
}
