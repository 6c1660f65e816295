//! One exchange, as far as it has passed: a request, and what comes back. Decides nothing.

use super::capped::CappedText;
use super::coding::BodyDecoder;
use super::events::EventSplitter;
use super::pieces::{AskedHead, ContentKind, HttpVerb};
use super::sessions::{ServerSession, SessionScope};
use crate::Moment;
use mcpr_model::{ErrorKind, Event, is_stateless};
use mcpr_wire::TypedId;
use std::time::Instant;

/// Which messages those of an exchange belong to.
#[derive(Debug)]
pub(super) enum ExchangeScope {
    /// To no others.
    Own(Box<SessionScope>),
    /// To those of a session.
    Session(ServerSession),
}

/// How the answer is read.
#[derive(Debug)]
pub(super) enum AnswerReading {
    /// There is none yet, or nothing in it matters.
    Nothing,
    Whole(CappedText),
    Events(EventSplitter),
}

/// What is known of an exchange.
#[derive(Debug)]
pub(super) struct ExchangeRecord {
    pub(super) number: u64,
    /// When its head came.
    pub(super) begun: Moment,
    pub(super) head: AskedHead,
    pub(super) scope: ExchangeScope,
    /// The request, until it is read.
    pub(super) body: Option<CappedText>,
    /// Bytes of the request, or of the answer, are missing.
    pub(super) is_torn: [bool; 2],
    /// The requests of MCP in it that an answer is due for.
    pub(super) asked: Vec<TypedId>,
    /// The streams of notifications that it opens.
    pub(super) streams: Vec<TypedId>,
    pub(super) status: Option<(u16, &'static str)>,
    pub(super) kind: ContentKind,
    pub(super) decoder: BodyDecoder,
    pub(super) answer: AnswerReading,
    /// Bytes of the answer have come.
    pub(super) has_answer: bool,
    /// When the first event or byte of the answer came.
    pub(super) first_at: Option<Instant>,
    /// The stream announces the place to which messages are posted: that of the older transport.
    pub(super) is_session: bool,
    /// Bytes that it held when they were counted last.
    pub(super) counted: usize,
}

impl ExchangeRecord {
    pub(super) fn new(number: u64, begun: Moment, head: AskedHead, scope: ExchangeScope) -> Self {
        Self {
            number,
            begun,
            head,
            scope,
            body: Some(CappedText::default()),
            is_torn: [false; 2],
            asked: Vec::new(),
            streams: Vec::new(),
            status: None,
            kind: ContentKind::Other,
            decoder: BodyDecoder::Plain,
            answer: AnswerReading::Nothing,
            has_answer: false,
            first_at: None,
            is_session: false,
            counted: 0,
        }
    }

    /// Adds to rows what HTTP says of their answers, which have come here.
    pub(super) fn stamp(&self, events: &mut [Event]) {
        let Some((status, _)) = self.status else {
            return;
        };
        for event in events {
            let Event::Request(row) = event else { continue };
            // What never was answered has no status, whatever its exchange had.
            if row.outcome.error_kind == Some(ErrorKind::Timeout) {
                continue;
            }
            row.http_status = Some(status);
            // Of a request that was posted elsewhere it is not known how long its answer took to begin.
            if row.ts == self.begun.ts {
                let first = self
                    .first_at
                    .map(|at| at.saturating_duration_since(self.begun.at));
                row.first_event_us = first.and_then(|first| i64::try_from(first.as_micros()).ok());
            }
        }
    }

    /// Bytes of memory that it takes.
    pub(super) fn kept_bytes(&self) -> usize {
        // What waits in a session is counted there.
        let body = self.body.as_ref().map_or(0, CappedText::kept_bytes);
        let own = match &self.scope {
            ExchangeScope::Own(scope) => scope.pairing.waiting_bytes(),
            ExchangeScope::Session(_) => 0,
        };
        let answer = match &self.answer {
            AnswerReading::Nothing => 0,
            AnswerReading::Whole(text) => text.kept_bytes(),
            AnswerReading::Events(events) => events.kept_bytes(),
        };
        body + own + answer
    }

    /// Whether its answers may come on another stream.
    pub(super) fn can_be_taken_up(&self) -> bool {
        let has_ids = match &self.answer {
            AnswerReading::Events(events) => events.has_ids(),
            _ => false,
        };
        // The older transport accepts a message here and answers it on its stream.
        let is_accepted = self.status.is_some_and(|(status, _)| status == 202);
        matches!(self.scope, ExchangeScope::Session(_)) && (has_ids || is_accepted)
    }

    /// Whether it is of the time in which servers have sessions.
    pub(super) fn is_legacy(&self) -> bool {
        !self.head.version.as_deref().is_some_and(is_stateless)
    }

    /// Whether it ends its session.
    pub(super) fn ends_session(&self) -> bool {
        let status = self.status.map_or(0, |(status, _)| status);
        let is_deleted = self.head.verb == HttpVerb::Delete && (200..300).contains(&status);
        // In later versions the same status means that the method is not known.
        is_deleted || (status == 404 && self.head.session.is_some() && self.is_legacy())
    }
}
