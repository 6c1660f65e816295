//! Pieces of exchanges into deliveries: messages, rows, and the count of everything else. Pure.

use super::broken::BrokenRequests;
use super::capped::CappedText;
use super::exchange::{ExchangeRecord, ExchangeScope};
use super::flight::UnreportedRequests;
use super::pieces::{AskedHead, ExchangeEnd, ExchangePiece, HttpVerb, PieceKind};
use super::sessions::{FollowedSessions, ServerSession, SessionScope};
use crate::tap::{Direction, TranscriptState};
use crate::{ClientIdentity, Delivery, Moment, Pairing};
use mcpr_model::{BadLine, Event, EventKey, Gap, Text};
use mcpr_wire::{Bodies, Message, Messages, messages};
use std::collections::HashMap;

/// Most exchanges that are followed at a time; further ones are not recorded.
const MAX_EXCHANGES: usize = 4096;
/// Most bytes of messages that are not whole, and of requests that wait. Beyond that only outlines are
/// kept, and sessions that were not used lately are given up.
const MAX_KEPT_BYTES: usize = 32 * 1024 * 1024;
/// Most programs of clients that are remembered by what they call themselves.
const MAX_AGENTS: usize = 256;

/// Reads exchanges.
#[derive(Debug)]
pub(super) struct ExchangeTranscript {
    /// What the keys of this run's rows begin with.
    run: Text,
    /// The names of the servers.
    servers: Vec<Text>,
    source: Text,
    pub(super) bodies: Bodies,
    pub(super) sessions: FollowedSessions,
    pub(super) exchanges: HashMap<u64, Box<ExchangeRecord>>,
    pub(super) unreported: UnreportedRequests,
    pub(super) broken: BrokenRequests,
    /// Bytes that the exchanges hold.
    held_bytes: usize,
    /// Who the clients without sessions are, by server and what their program calls itself; `None` where
    /// several call themselves the same.
    agents: HashMap<(usize, u64), Option<ClientIdentity>>,
    pub(super) delivery: Delivery,
    pub(super) state: TranscriptState,
}

impl ExchangeTranscript {
    /// Exchanges with servers known by these names, in a run with an id of its own.
    pub(super) fn new(source: &str, servers: Vec<Text>, run: &str, bodies: Bodies) -> Self {
        let source = Text::from(source);
        Self {
            run: run.into(),
            servers,
            bodies,
            sessions: FollowedSessions::default(),
            exchanges: HashMap::new(),
            unreported: UnreportedRequests::default(),
            broken: BrokenRequests::default(),
            held_bytes: 0,
            agents: HashMap::new(),
            delivery: Delivery::new(source.clone()),
            state: TranscriptState::default(),
            source,
        }
    }

    /// Bytes of what is not whole or waits.
    pub(super) fn kept_bytes(&self) -> usize {
        self.held_bytes + self.sessions.waiting_bytes()
    }

    pub(super) fn has_room(&self) -> bool {
        self.kept_bytes() < MAX_KEPT_BYTES
    }

    /// Reads what passed.
    pub(super) fn read(&mut self, piece: ExchangePiece) {
        let moment = piece.moment;
        match piece.what {
            PieceKind::Lost { count, from_ts } => return self.gap(count, from_ts, moment.ts),
            PieceKind::Begun(head) => return self.begin(piece.exchange, *head, moment),
            _ => {}
        }
        // Taken out for the while, as what it leads to needs all of the transcript.
        let Some(mut exchange) = self.exchanges.remove(&piece.exchange) else {
            return;
        };
        self.held_bytes -= exchange.counted;
        let mut is_over = false;
        match piece.what {
            PieceKind::Asked {
                bytes,
                is_after_loss,
            } => {
                exchange.is_torn[0] |= is_after_loss;
                self.delivery.bytes += bytes.len();
                exchange.take_asked(&bytes, &mut || self.has_room());
            }
            PieceKind::AllAsked => self.asked(&mut exchange, moment),
            PieceKind::Answered(head) => self.answered(&mut exchange, &head, moment),
            PieceKind::Answer {
                bytes,
                is_after_loss,
            } => self.answer(&mut exchange, &bytes, is_after_loss, moment),
            PieceKind::Ended(end) => {
                self.end_exchange(&mut exchange, &end, moment);
                is_over = true;
            }
            PieceKind::Lost { .. } | PieceKind::Begun(_) => {}
        }
        self.settle(&mut exchange, moment);
        if !is_over {
            exchange.counted = exchange.kept_bytes();
            self.held_bytes += exchange.counted;
            self.exchanges.insert(piece.exchange, exchange);
        }
    }

    /// Leaves a piece unread: there is no time for it.
    pub(super) fn skip(&mut self, piece: &ExchangePiece) {
        if matches!(piece.what, PieceKind::Begun(_)) {
            return self.gap(1, piece.moment.ts, piece.moment.ts);
        }
        // Its answer may have been in the piece.
        if let Some(mut exchange) = self.exchanges.remove(&piece.exchange) {
            self.held_bytes -= exchange.counted;
            exchange.is_torn[1] = true;
            self.end_exchange(&mut exchange, &ExchangeEnd::TapEnded, piece.moment);
            self.settle(&mut exchange, piece.moment);
        }
    }

    /// Ends all: what still waits was never answered.
    pub(super) fn end(&mut self, moment: Moment) {
        let mut numbers: Vec<u64> = self.exchanges.keys().copied().collect();
        // Rows come in the order in which they were asked.
        numbers.sort_unstable();
        for number in numbers {
            if let Some(mut exchange) = self.exchanges.remove(&number) {
                self.end_exchange(&mut exchange, &ExchangeEnd::TapEnded, moment);
                self.settle(&mut exchange, moment);
            }
        }
        while let Some(scope) = self.sessions.take_oldest() {
            self.give_up(scope, moment);
        }
        self.held_bytes = 0;
    }

    /// Hands over what was read since the last time.
    pub(super) fn take(&mut self) -> Delivery {
        let delivery = std::mem::replace(&mut self.delivery, Delivery::new(self.source.clone()));
        self.state.counts.add(&delivery.progress.counts);
        let is_request = |event: &&Event| matches!(event, Event::Request(_));
        self.state.requests += delivery.events.iter().filter(is_request).count() as u64;
        delivery
    }

    pub(super) fn gap(&mut self, count: u64, from_ts: i64, to_ts: i64) {
        self.delivery.progress.counts.dropped += count;
        self.delivery.events.push(Event::Gap(Gap {
            source: self.source.clone(),
            count,
            from_ts,
            to_ts,
            key: None,
        }));
    }

    pub(super) fn proxy(&self, server: usize) -> Text {
        self.servers.get(server).cloned().unwrap_or_default()
    }

    fn begin(&mut self, number: u64, head: AskedHead, moment: Moment) {
        if self.exchanges.len() >= MAX_EXCHANGES {
            return self.gap(1, moment.ts, moment.ts);
        }
        // Ids are only unique within a session, and without one within an exchange.
        let own = Pairing::of_exchange(self.proxy(head.server));
        let named = head.session.map(|session| (head.server, session));
        let place = (head.server, head.place);
        let scope = match named {
            Some(session) => {
                if !self.sessions.knows(session) {
                    self.open(session, Box::new(SessionScope::new(own)), moment);
                }
                ExchangeScope::Session(session)
            }
            // What is posted where a stream stated that messages are to be posted is of that session.
            None if self.sessions.knows(place) => ExchangeScope::Session(place),
            None => {
                let known = |agent| self.agents.get(&(head.server, agent)).cloned();
                let own = own.by(head.agent.and_then(known).flatten());
                ExchangeScope::Own(Box::new(SessionScope::new(own)))
            }
        };
        let exchange = Box::new(ExchangeRecord::new(number, moment, head, scope));
        self.exchanges.insert(number, exchange);
    }

    /// Begins to follow a session, whose id is known now.
    pub(super) fn open(
        &mut self,
        session: ServerSession,
        mut scope: Box<SessionScope>,
        moment: Moment,
    ) {
        let events = &mut self.delivery.events;
        scope.pairing.join(session.1.shown(), moment, events);
        if let Some(oldest) = self.sessions.add(session, scope) {
            self.give_up(oldest, moment);
        }
    }

    fn give_up(&mut self, mut scope: Box<SessionScope>, moment: Moment) {
        scope.abandon(moment, &mut self.delivery.events);
        self.add_tally(&mut scope);
    }

    /// Counts what an exchange has changed in its session, and makes room where there is too much.
    fn settle(&mut self, exchange: &mut ExchangeRecord, moment: Moment) {
        if let ExchangeScope::Session(session) = exchange.scope {
            self.sessions.count(session);
        }
        self.with_scope(exchange, |transcript, scope, _| transcript.add_tally(scope));
        while self.sessions.waiting_bytes() > MAX_KEPT_BYTES
            && let Some(oldest) = self.sessions.take_oldest()
        {
            self.give_up(oldest, moment);
        }
    }

    fn add_tally(&mut self, scope: &mut SessionScope) {
        let more = scope.pairing.take_tally();
        let tally = &mut self.state.tally;
        tally.notifications += more.notifications;
        tally.progress += more.progress;
        tally.late += more.late;
        tally.unasked += more.unasked;
        tally.retyped += more.retyped;
        tally.doubtful += more.doubtful;
    }

    /// The request is whole: reads what it asks.
    pub(super) fn asked(&mut self, exchange: &mut ExchangeRecord, moment: Moment) {
        let Some(body) = exchange.body.take() else {
            return;
        };
        if exchange.is_torn[0] {
            return self.gap(1, moment.ts, moment.ts);
        }
        // Only what is posted is a message: other requests have no body.
        if exchange.head.verb != HttpVerb::Post || body.len() == 0 {
            return;
        }
        for (index, message) in self.messages_of(&body, "to the server", moment) {
            self.client_says(exchange, message, index, moment);
        }
    }

    /// Remembers who a client without a session is.
    pub(super) fn remember_agent(&mut self, head: &AskedHead, client: &ClientIdentity) {
        // Whoever invents a name for each request must not fill the memory with them.
        if self.agents.len() >= MAX_AGENTS {
            self.agents.clear();
        }
        let Some(agent) = head.agent else { return };
        let known = self.agents.entry((head.server, agent));
        let known = known.or_insert_with(|| Some(client.clone()));
        // Two clients of one library: a request of either could be the other's.
        if known.as_ref().is_some_and(|it| it.0 != client.0) {
            *known = None;
        }
    }

    /// The messages of a text, numbered; what it is else is counted.
    pub(super) fn messages_of(
        &mut self,
        text: &CappedText,
        way: &str,
        moment: Moment,
    ) -> Vec<(usize, Message)> {
        let counts = &mut self.delivery.progress.counts;
        counts.lines += 1;
        self.state.cut += u64::from(text.is_cut());
        match messages(text.bytes(), self.bodies) {
            Messages::Text => counts.text += 1,
            Messages::Unknown => counts.unknown += 1,
            Messages::Bad(reason) => {
                counts.bad += 1;
                self.keep_aside(text, format!("{way} {reason}"), moment);
            }
            Messages::Known(mut known) => {
                counts.events += known.len() as u64;
                for message in &mut known {
                    if text.is_cut() {
                        message.was_cut(text.len());
                    }
                }
                return known.into_iter().enumerate().collect();
            }
        }
        Vec::new()
    }

    /// Keeps the beginning of a text that is not read as it stands.
    fn keep_aside(&mut self, text: &CappedText, reason: String, moment: Moment) {
        let head = text.bytes().len().min(BadLine::MAX_EXCERPT_BYTES);
        self.delivery.events.push(Event::BadLine(BadLine {
            source: self.source.clone(),
            offset: 0,
            reason,
            excerpt: text.bytes()[..head].to_vec(),
            ts: moment.ts,
        }));
    }

    fn client_says(
        &mut self,
        exchange: &mut ExchangeRecord,
        mut message: Message,
        index: usize,
        moment: Moment,
    ) {
        let (mut asked, mut moment) = (None, moment);
        if let Message::Request(request) = &mut message {
            let key = format!("{} {} {index}", self.run, exchange.number);
            request.key = Some(EventKey::of_id(&key));
            let again = request.stateless.as_ref().map(|it| it.again);
            let again = again.filter(|_| request.follows.is_none());
            if again.is_some_and(|it| self.broken.take(exchange.head.server, it)) {
                request.follows = again;
            }
            if request.opens_stream() {
                exchange.streams.push(request.id.clone());
            } else {
                asked = Some(request.id.clone());
            }
            // It began with its exchange, and not when its last byte came.
            moment = exchange.begun;
            self.note_asked(exchange, moment);
        }
        exchange.asked.extend(asked);
        self.with_scope(exchange, |transcript, scope, _| {
            if let Message::Notification(notice) = &message
                && let Some(id) = &notice.cancels
            {
                scope.cancel_early(id);
            }
            let events = &mut transcript.delivery.events;
            let pairing = &mut scope.pairing;
            pairing.message(Direction::ToServer, message, moment, events);
        });
    }

    /// Does something with the messages that an exchange's belong to.
    pub(super) fn with_scope(
        &mut self,
        exchange: &mut ExchangeRecord,
        then: impl FnOnce(&mut Self, &mut SessionScope, &mut ExchangeRecord),
    ) {
        let mut sessions = std::mem::take(&mut self.sessions);
        // Taken out for the while: the scope of an exchange of its own is part of that.
        let placeholder = ExchangeScope::Session((usize::MAX, exchange.head.place));
        let mut held = std::mem::replace(&mut exchange.scope, placeholder);
        let scope = match &mut held {
            ExchangeScope::Own(scope) => Some(&mut **scope),
            // None where it was given up for others.
            ExchangeScope::Session(session) => sessions.used(*session),
        };
        let first = self.delivery.events.len();
        if let Some(scope) = scope {
            then(self, scope, exchange);
        }
        exchange.stamp(self.delivery.events.get_mut(first..).unwrap_or_default());
        exchange.scope = held;
        self.sessions = sessions;
    }
}
