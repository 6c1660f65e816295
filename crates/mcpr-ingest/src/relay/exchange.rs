//! One exchange, as far as it has passed: a request, and what comes back. Decides nothing.

use super::capped::CappedText;
use super::coding::BodyDecoder;
use super::events::EventSplitter;
use super::pieces::{AskedHead, ContentKind, HttpVerb};
use super::sessions::{ServerSession, SessionScope};
use crate::Moment;
use mcpr_model::{ErrorKind, Event, Text, is_stateless};
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

/// What HTTP says of an answer: kept for a request whose row is made after its exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct HttpStamp {
    pub(super) status: u16,
    pub(super) asked_ts: i64,
    pub(super) first_event_us: Option<i64>,
}

impl HttpStamp {
    pub(super) fn put_on(&self, events: &mut [Event]) {
        for event in events {
            let Event::Request(row) = event else { continue };
            // What never was answered has no status, whatever its exchange had; and one that was given before is
            // that of another exchange.
            let is_timeout = row.outcome.error_kind == Some(ErrorKind::Timeout);
            if is_timeout || row.http_status.is_some() {
                continue;
            }
            row.http_status = Some(self.status);
            // Of a request that was posted elsewhere it is not known how long its answer took to begin.
            if row.ts == self.asked_ts {
                row.first_event_us = self.first_event_us;
            }
        }
    }
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
    pub(super) body_decoder: BodyDecoder,
    /// Bytes of the request, or of the answer, are missing.
    pub(super) is_torn: [bool; 2],
    /// The requests of MCP in it that an answer is due for.
    pub(super) asked: Vec<TypedId>,
    /// The streams of notifications that it opens.
    pub(super) streams: Vec<TypedId>,
    pub(super) status: Option<(u16, Text)>,
    pub(super) kind: ContentKind,
    pub(super) decoder: BodyDecoder,
    pub(super) answer: AnswerReading,
    /// Bytes of the answer have come.
    pub(super) has_answer: bool,
    /// An answer to some request is among them.
    pub(super) has_message: bool,
    pub(super) content_type: Option<Text>,
    /// When the first event or byte of the answer came.
    pub(super) first_at: Option<Instant>,
    /// The stream announces the place to which messages are posted: that of the older transport.
    pub(super) is_session: bool,
    /// Bytes that it held when they were counted last.
    pub(super) counted: usize,
}

impl ExchangeRecord {
    pub(super) fn new(number: u64, begun: Moment, head: AskedHead, scope: ExchangeScope) -> Self {
        let body_decoder = BodyDecoder::of(head.coding);
        Self {
            number,
            begun,
            head,
            scope,
            body: Some(CappedText::default()),
            body_decoder,
            is_torn: [false; 2],
            asked: Vec::new(),
            streams: Vec::new(),
            status: None,
            kind: ContentKind::Other,
            decoder: BodyDecoder::Plain,
            answer: AnswerReading::Nothing,
            has_answer: false,
            has_message: false,
            content_type: None,
            first_at: None,
            is_session: false,
            counted: 0,
        }
    }

    /// Takes bytes of the request. What is packed in a way that nobody reads here is reported as missing.
    pub(super) fn take_asked(&mut self, bytes: &[u8], has_room: &mut dyn FnMut() -> bool) {
        let Some(body) = &mut self.body else { return };
        self.body_decoder
            .read(bytes, &mut |plain| body.add(plain, has_room()));
        self.is_torn[0] |= self.body_decoder.is_unread() && !bytes.is_empty();
    }

    /// Adds to rows what HTTP says of their answers, which have come here.
    pub(super) fn stamp(&self, events: &mut [Event]) {
        if let Some(stamp) = self.http_stamp() {
            stamp.put_on(events);
        }
    }

    /// What HTTP says of its answer, as far as that has come.
    pub(super) fn http_stamp(&self) -> Option<HttpStamp> {
        let &(status, _) = self.status.as_ref()?;
        let first = self
            .first_at
            .map(|at| at.saturating_duration_since(self.begun.at));
        Some(HttpStamp {
            status,
            asked_ts: self.begun.ts,
            first_event_us: first.and_then(|first| i64::try_from(first.as_micros()).ok()),
        })
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
        let is_accepted = self.status.as_ref().is_some_and(|it| it.0 == 202);
        matches!(self.scope, ExchangeScope::Session(_)) && (has_ids || is_accepted)
    }

    /// Whether it is of the time in which servers have sessions.
    pub(super) fn is_legacy(&self) -> bool {
        !self.head.version.as_deref().is_some_and(is_stateless)
    }

    /// Whether it ends its session.
    pub(super) fn ends_session(&self) -> bool {
        let status = self.status.as_ref().map_or(0, |it| it.0);
        let is_deleted = self.head.verb == HttpVerb::Delete && (200..300).contains(&status);
        // In later versions the same status means that the method is not known.
        is_deleted || (status == 404 && self.head.session.is_some() && self.is_legacy())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::ContentCoding;
    use super::super::sessions::SessionDigest;
    use super::*;
    use crate::Pairing;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn a_packed_request_led_to_no_row_and_no_gap() {
        let plain = br#"{"id":1,"method":"ping"}"#;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        let packed = encoder.finish().unwrap();
        let read = |coding: ContentCoding, bytes: &[u8]| {
            let scope = SessionScope::new(Pairing::of_exchange("p".into()));
            let head = AskedHead {
                server: 0,
                verb: HttpVerb::Post,
                session: None,
                place: SessionDigest::of_place(b"/mcp"),
                path: "/mcp".into(),
                version: None,
                agent: None,
                coding,
            };
            let scope = ExchangeScope::Own(Box::new(scope));
            let mut exchange = ExchangeRecord::new(1, Moment::now(), head, scope);
            // In two pieces, as they come.
            for piece in bytes.chunks(bytes.len() / 2 + 1) {
                exchange.take_asked(piece, &mut || true);
            }
            let text = exchange.body.map(|body| body.bytes().to_vec());
            (text.unwrap_or_default(), exchange.is_torn[0])
        };
        assert_eq!(read(ContentCoding::Gzip, &packed), (plain.to_vec(), false));
        assert_eq!(read(ContentCoding::Plain, plain), (plain.to_vec(), false));
        // A gap reports it where it is not read.
        assert!(read(ContentCoding::Unread, &packed).1);
        assert!(read(ContentCoding::Gzip, b"this is no gzip at all").1);
    }
}
