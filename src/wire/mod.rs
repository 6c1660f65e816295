//! The event streams: one decoder a format, and the detection that picks it line by line. Pure.

mod a;
mod b;
mod c;
mod d;
mod detect;
mod direction;
mod e;
mod exchange;
mod fields;
mod hostlog;
mod rpc;
#[cfg(test)]
mod tests;

pub use direction::Direction;
pub use hostlog::Frame;

pub use d::{Asked, Message, Messages, Notice, Reply, TypedId, messages};

use crate::model::{Event, Request, SessionState, SessionUpdate};

/// Where a decoded line came from, as far as decoding needs it.
#[derive(Debug, Clone, Copy)]
pub struct LineContext<'a> {
    /// The proxy's name for streams that do not say one.
    pub proxy: &'a str,
    /// Whether what was asked and answered is handed over as well.
    pub bodies: Bodies,
}

/// Whether what was asked and answered is handed over, besides the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bodies {
    /// Only the facts.
    #[default]
    Left,
    /// A [`crate::model::Payload`] behind each MCP request.
    Kept,
}

/// Part of a line that did not decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPart {
    /// Byte range of the part within the line.
    pub range: std::ops::Range<usize>,
    /// Why it did not decode.
    pub reason: String,
}

/// What a line held; reused from line to line to save allocations.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Requests and session updates, in the order in which they stand in the line.
    pub events: Vec<Event>,
    /// Parts that did not decode, the first [`Decoded::MAX_BAD_PARTS`] of them.
    pub bad: Vec<BadPart>,
    /// How many more there were.
    pub more_bad: u64,
    /// Whether the line is plain text.
    pub is_text: bool,
    /// What a desktop host's log tells of, where the line does.
    pub frame: Option<Frame>,
    /// Events whose type is known, also those that lead to no row (heartbeats, schemas).
    pub known: u64,
    /// Events whose type is not known.
    pub unknown: u64,
}

impl Decoded {
    /// Most bad parts of one line that are told one by one: a line of a million broken elements must
    /// not become a million texts.
    pub const MAX_BAD_PARTS: usize = 1000;

    /// Notes a part that did not decode.
    fn add_bad(&mut self, range: std::ops::Range<usize>, reason: impl Into<String>) {
        if self.bad.len() < Self::MAX_BAD_PARTS {
            let reason = reason.into();
            self.bad.push(BadPart { range, reason });
        } else {
            self.more_bad += 1;
        }
    }

    /// Forgets the last line.
    pub fn clear(&mut self) {
        self.events.clear();
        self.bad.clear();
        self.more_bad = 0;
        self.is_text = false;
        self.frame = None;
        self.known = 0;
        self.unknown = 0;
    }
}

/// Decodes one line (without its newline) into `decoded`, which is cleared first. Never fails: what
/// does not decode is told in [`Decoded::bad`].
pub fn decode_line(line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) {
    decoded.clear();
    detect::line(line, context, decoded);
}

/// A session ends with a DELETE that its server took.
fn ended_by_delete(request: &Request) -> Option<Event> {
    let session_id = request.session_id.clone()?;
    Some(Event::Session(SessionUpdate {
        session_id,
        proxy: Some(request.proxy.clone()),
        ts: request.ts,
        started_at: None,
        last_seen_at: None,
        state: SessionState::Closed,
        client_name: None,
        client_version: None,
        conversation: None,
    }))
}
