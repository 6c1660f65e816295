//! Events on their way from a source to the store, and the batch that carries them.

use super::{Checkpoint, Payload, Request, SessionUpdate, SurfaceNews, Text};

/// One thing to store, in the order in which it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A request with its outcome.
    Request(Request),
    /// What was asked and answered in the request before it.
    Payload(Box<Payload>),
    /// News of a session.
    Session(SessionUpdate),
    /// What was said of a server's surface.
    Surface(Box<SurfaceNews>),
    /// Events that were dropped because a queue was full or the store failed.
    Gap(Gap),
    /// A line that looked like JSON and did not decode.
    BadLine(BadLine),
}

/// Events that were lost on purpose, told instead of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The source they came from.
    pub source: Text,
    /// How many.
    pub count: u64,
    /// Time of the first, unix milliseconds.
    pub from_ts: i64,
    /// Time of the last, unix milliseconds.
    pub to_ts: i64,
}

/// A line that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The source it came from.
    pub source: Text,
    /// Byte offset of the line's first byte in the source.
    pub offset: u64,
    /// Why it did not decode.
    pub reason: String,
    /// Its first bytes, at most [`BadLine::MAX_EXCERPT_BYTES`].
    pub excerpt: Vec<u8>,
    /// When it was met, unix milliseconds.
    pub ts: i64,
}

impl BadLine {
    /// Most bytes kept of one bad line.
    pub const MAX_EXCERPT_BYTES: usize = 4096;
    /// Most bad lines kept in a store; the oldest make room.
    pub const MAX_ROWS: u64 = 1000;
}

/// What was met in a source since the last batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Lines read, of any sort.
    pub lines: u64,
    /// Events decoded, of any type that is known.
    pub events: u64,
    /// Lines that are no JSON.
    pub text: u64,
    /// Lines or array elements that did not decode.
    pub bad: u64,
    /// Events of a type that is not known.
    pub unknown: u64,
    /// Requests left out by `--include` and `--exclude`.
    pub filtered: u64,
    /// Events dropped because a queue was full.
    pub dropped: u64,
    /// NUL bytes skipped between lines.
    pub nul_bytes: u64,
    /// Secrets taken out before anything was stored.
    pub redacted: u64,
}

impl Counts {
    /// Adds another count to this one.
    pub fn add(&mut self, other: &Self) {
        self.lines = self.lines.saturating_add(other.lines);
        self.events = self.events.saturating_add(other.events);
        self.text = self.text.saturating_add(other.text);
        self.bad = self.bad.saturating_add(other.bad);
        self.unknown = self.unknown.saturating_add(other.unknown);
        self.filtered = self.filtered.saturating_add(other.filtered);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.nul_bytes = self.nul_bytes.saturating_add(other.nul_bytes);
        self.redacted = self.redacted.saturating_add(other.redacted);
    }
}

/// How far a source has come: committed with the events it led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProgress {
    /// The source's name as a person knows it: a path, `-`, an address.
    pub name: Text,
    /// Where to go on after a restart; `None` for a source that cannot be read again.
    pub checkpoint: Option<Checkpoint>,
    /// What was met since the last batch.
    pub counts: Counts,
}

/// Everything that one transaction commits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Random number of the writer that made it, constant while it runs.
    pub writer: i64,
    /// The writer's own count of batches: with `writer`, what makes a repeated commit recognisable.
    pub number: i64,
    /// When it was made, unix milliseconds.
    pub now: i64,
    /// The events, in order.
    pub events: Vec<Event>,
    /// The sources they came from, at most one entry each.
    pub sources: Vec<SourceProgress>,
}
