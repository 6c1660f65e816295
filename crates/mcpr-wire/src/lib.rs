//! The event streams: one decoder a format, and the detection that picks it line by line. Pure.

mod answers;
mod call_steps;
mod detect;
mod direction;
mod durations;
mod elements;
mod ended;
mod exchange;
mod fields;
mod format;
mod formats;
mod glued;
mod logged;
mod mend;
mod parts;
mod rpc;
mod scan;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod typed_id;
mod wrappers;

pub use call_steps::{CallStep, CallStepKind, LoggedDuration};
pub use direction::Direction;
pub use format::{Fact, Format, Knows, Tagged, Tags};
pub use formats::FORMATS;
pub use formats::jsonrpc::{
    AnswerMessage, Message, Messages, NotificationMessage, RequestMessage, StatelessRequest,
    SurfaceQuestion, messages,
};
pub use logged::{LogConnection, LogTime, LoggedMessages, UnreadKind, UnreadMessage};
pub use typed_id::{LooseId, TypedId};
pub use wrappers::{Bare, Layer, LinePart, MAX_LAYERS, bare, unwrap};

use mcpr_model::{Event, Request, SessionState, SessionUpdate, SourceFormat, steps};

/// Where a decoded line came from, as far as decoding needs it.
#[derive(Debug, Clone, Copy)]
pub struct LineContext<'a> {
    /// The proxy's name for streams that do not say one.
    pub proxy: &'a str,
    /// Whether payloads are handed over as well.
    pub bodies: Bodies,
}

/// Whether payloads are handed over, besides the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bodies {
    /// Only the facts.
    #[default]
    Left,
    /// A [`mcpr_model::Payload`] with each MCP request.
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
    /// Messages of a log, whose answers are to be found, in the order in which they stand in the line.
    pub frames: Vec<LoggedMessages>,
    /// Steps of calls that a log reports in words, in the order in which they stand in the line.
    pub call_steps: Vec<CallStep>,
    /// What a message that could not be read leaves open, where the line is one of such a log.
    pub doubt: Option<Box<UnreadMessage>>,
    /// Whether the line ends before what it holds does.
    pub is_cut: bool,
    /// Events whose type is known, also those that lead to no row (heartbeats, schemas).
    pub known: u64,
    /// Events whose type is not known.
    pub unknown: u64,
    /// The format of what the line holds, of the last part where there are several.
    pub format: Option<SourceFormat>,
}

impl Decoded {
    /// Most bad parts of one line that are reported one by one: a line of a million broken elements must
    /// not become a million texts.
    pub const MAX_BAD_PARTS: usize = 1000;

    /// Notes a part that did not decode.
    fn add_bad(&mut self, range: std::ops::Range<usize>, reason: impl Into<String>) {
        // A store keeps no more of them than this anyway.
        if self.bad.len() < Self::MAX_BAD_PARTS {
            let reason = reason.into();
            self.bad.push(BadPart { range, reason });
        } else {
            self.more_bad += 1;
        }
    }

    /// Whether nothing in the line is known: it may be wrapped.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        // A line that is wrong in one of our formats is ours, and is not looked into for another layer.
        let is_known = self.known > 0 || !self.bad.is_empty() || !self.frames.is_empty();
        (self.is_text || self.unknown > 0) && !is_known
    }

    /// Notes the format of the events from a place on.
    fn name_format(&mut self, format: SourceFormat, first: usize) {
        self.format = Some(format);
        for event in &mut self.events[first..] {
            if let Event::Request(request) = event {
                // What an export says of its rows counts more than that it was exported.
                request.format.get_or_insert(format);
            }
        }
    }

    /// Calls a whole line bad.
    pub fn refuse(&mut self, line: &[u8], reason: impl Into<String>) {
        self.clear();
        self.add_bad(0..line.len(), reason);
    }

    /// Cuts the names by which calls and their answers are brought together.
    fn cut_names(&mut self) {
        for frame in &mut self.frames {
            frame.of.cut_names();
        }
        for step in &mut self.call_steps {
            step.of.cut_names();
            logged::cut(&mut step.tool);
            if let Some(call_id) = &mut step.call_id {
                logged::cut(call_id);
            }
        }
        if let Some(doubt) = &mut self.doubt {
            doubt.of.cut_names();
        }
    }

    /// Forgets the last line.
    pub fn clear(&mut self) {
        // Cleared and not made anew: the next line takes the same memory.
        self.events.clear();
        self.bad.clear();
        self.more_bad = 0;
        self.is_text = false;
        self.frames.clear();
        self.call_steps.clear();
        self.doubt = None;
        self.is_cut = false;
        self.known = 0;
        self.unknown = 0;
        self.format = None;
    }
}

/// Decodes one line (without its newline) into `decoded`, which is cleared first. Never fails: what
/// does not decode is reported in [`Decoded::bad`]. Byte order marks, blanks and colour are taken off; for
/// wrappers see [`unwrap`].
pub fn decode_line(line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) {
    let bare = bare(line);
    decode_bare(&bare.bytes, context, decoded);
    // Ranges are those of the line as it was given, blanks and colour included.
    for bad in &mut decoded.bad {
        // Where colour was taken out, no place in what was decoded is one of the line.
        bad.range = match bare.start {
            Some(start) => bad.range.start + start..bad.range.end + start,
            None => 0..line.len(),
        };
    }
}

/// What the beginning of a line leaves open that is not read as a whole, where some format has messages
/// that may be requests or answers.
#[must_use]
pub fn doubt_of(head: &[u8], context: LineContext<'_>) -> Option<Box<UnreadMessage>> {
    let head = bare(head);
    // The head was cut at a number of bytes, which may be the middle of a character.
    let head = String::from_utf8_lossy(&head.bytes);
    let mut doubts = FORMATS.iter().map(|format| format.doubt(&head, context));
    let mut doubt = doubts.find_map(|doubt| doubt)?;
    doubt.of.cut_names();
    Some(doubt)
}

/// The proxy's name that the place of a file says, where some format has its files in such places: the
/// names of its directory and of the file.
#[must_use]
pub fn proxy_in(directory: Option<&str>, file: &str) -> Option<String> {
    let mut names = FORMATS.iter().map(|it| it.proxy_in(directory, file));
    names.find_map(|name| name)
}

/// Decodes a line that has nothing on its edges.
pub fn decode_bare(line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) {
    steps::decode(line);
    decoded.clear();
    detect::line(line, context, decoded);
    decoded.cut_names();
}

/// Calls a line bad that was found to be text and ends in an event of ours.
pub fn refuse_glued(line: &[u8], decoded: &mut Decoded) {
    // Only text is looked through: an event with something behind it has been called bad already.
    if decoded.is_text
        && let Some(start) = glued::event_at_end(&wrappers::without_colour(line))
    {
        decoded.is_text = false;
        let reason = format!("text stands before the event at byte {start}, on the same line");
        decoded.add_bad(0..line.len(), reason);
    }
}

/// A session ends with a DELETE that its server took.
fn ended_by_delete(request: &Request) -> Option<Event> {
    let session_id = request.session_id.clone()?;
    Some(Event::Session(SessionUpdate {
        session_id,
        proxy: Some(request.proxy.clone()),
        ts: request.ts,
        started_at: None,
        // The request itself says when the session was last used.
        last_seen_at: None,
        state: SessionState::Closed,
        client_name: None,
        client_version: None,
        conversation: None,
    }))
}
