//! Events on their way from a source to the store, and the batch that carries them.

use super::time::in_calendar;
use super::{
    Checkpoint, FormatSet, OpenRequest, Request, ServerRun, SessionUpdate, SurfaceContent,
    SurfaceUpdate, Text,
};
use serde::{Deserialize, Serialize};

/// One thing to store, in the order in which it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every event is a request: in a box each would cost an allocation"
)]
pub enum Event {
    /// A request with its outcome, and with all that came with it.
    Request(Request),
    /// News of a session.
    Session(SessionUpdate),
    /// What was reported about a server's surface by no request that is recorded.
    Surface(Box<SurfaceUpdate>),
    /// Events that were dropped because a queue was full or the store failed.
    Gap(Gap),
    /// A line that looked like JSON and did not decode.
    BadLine(BadLine),
    /// A request that was seen and waits for its answer.
    Open(Box<OpenRequest>),
    /// A request that was reported as waiting leads to no row: the hash of its key.
    Withdrawn(u64),
    /// News of the server that a tap runs.
    Server(Box<ServerRun>),
}

impl Event {
    /// Puts its times into the calendar, where a stream reported them in another unit.
    pub fn settle_times(&mut self) {
        let settle = |ts: &mut i64| *ts = in_calendar(*ts);
        match self {
            Self::Request(request) => {
                settle(&mut request.ts);
                if let Some(update) = &mut request.surface {
                    settle(&mut update.ts);
                }
            }
            Self::Session(update) => {
                settle(&mut update.ts);
                let times = [&mut update.started_at, &mut update.last_seen_at];
                times.into_iter().flatten().for_each(settle);
            }
            Self::Surface(update) => {
                settle(&mut update.ts);
                if let SurfaceContent::Version(version) = &mut update.content {
                    settle(&mut version.last_seen_at);
                }
            }
            Self::Gap(gap) => {
                // Gaps come in from exports as well, with whatever times stand there.
                settle(&mut gap.from_ts);
                settle(&mut gap.to_ts);
            }
            // Its time is ours, unless it comes from an export.
            Self::BadLine(line) => settle(&mut line.ts),
            Self::Open(open) => settle(&mut open.request.ts),
            // The clock that it was reported by is ours.
            Self::Server(_) | Self::Withdrawn(_) => {}
        }
    }

    /// How many events it says were lost: none but for a gap.
    #[must_use]
    pub fn lost(&self) -> u64 {
        match self {
            Self::Gap(gap) => gap.count,
            _ => 0,
        }
    }
}

/// Events that were lost on purpose, reported instead of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The source they came from.
    pub source: Text,
    /// How many, or [`Gap::UNKNOWN`].
    pub count: u64,
    /// Time of the first, unix milliseconds.
    pub from_ts: i64,
    /// Time of the last, unix milliseconds.
    pub to_ts: i64,
    /// What a second delivery of it is recognised by, where it was stored before: in the store it comes
    /// from. `None` for a gap that its batch brings into the world.
    pub key: Option<i64>,
}

impl Gap {
    /// Its key in a store: which writer brought it, in which of its batches and at which place in that.
    #[must_use]
    pub fn key_in(&self, batch: &Batch, place: usize) -> i64 {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        // Two gaps with equal counts and times are two, unless one delivery brings them again.
        let made_here = || hash_of(&[batch.writer, batch.number, place], "");
        self.key.unwrap_or_else(made_here)
    }

    /// The key of a gap that was stored elsewhere, of which nothing is known but what it says.
    #[must_use]
    pub fn key_of_content(source: &str, count: u64, from_ts: i64, to_ts: i64) -> i64 {
        hash_of(&[count.cast_signed(), from_ts, to_ts], source)
    }
}

fn hash_of(numbers: &[i64], text: &str) -> i64 {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for number in numbers {
        // Stores keep what comes of it: the order of bytes is fixed on every machine.
        hash.update(&number.to_le_bytes());
    }
    hash.update(text.as_bytes());
    hash.digest().cast_signed()
}

impl Gap {
    /// Nobody can say how many: they stood in a file that is gone.
    pub const UNKNOWN: u64 = 0;
}

/// A line that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    // As much of it as is kept of a line that is too long to be read.
    pub const MAX_EXCERPT_BYTES: usize = 4096;
    /// Most bytes kept of the reason, which may quote the line.
    pub const MAX_REASON_BYTES: usize = 4096;
    /// Most bad lines kept in a store; the oldest make room.
    pub const MAX_ROWS: u64 = 1000;
}

/// What was met in a source since the last batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Lines read, of any sort.
    pub lines: u64,
    /// Events decoded, of any type that is known.
    pub events: u64,
    /// Lines that are not JSON.
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
    /// The formats that were met.
    #[serde(default)]
    pub formats: FormatSet,
    /// Where it is only a sample: one of how many it is reported to be, or 1 where that is not stated. Else 0.
    #[serde(default)]
    pub sampled: u32,
}

impl Counts {
    /// How many numbers there are.
    pub const NUMBERS: usize = 11;

    /// That it is a sample, where it is one.
    #[must_use]
    pub fn sample_in_words(&self) -> Option<String> {
        match self.sampled {
            0 => None,
            1 => Some("sampled, at a rate that is not stated".to_owned()),
            of => Some(format!("sampled 1 in {of}")),
        }
    }

    /// All of it as numbers, in the order in which stores keep them.
    #[must_use]
    pub fn to_numbers(self) -> [u64; Self::NUMBERS] {
        [
            self.lines,
            self.events,
            self.text,
            self.bad,
            self.unknown,
            self.filtered,
            self.dropped,
            self.nul_bytes,
            self.redacted,
            // Bits, and one of how many: both are put together, and not added up.
            self.formats.bits(),
            u64::from(self.sampled),
        ]
    }

    /// The counts of such numbers. What a version did not know yet is 0.
    #[must_use]
    pub fn from_numbers(numbers: &[u64]) -> Self {
        // By place: a later version adds numbers at the end.
        let at = |place: usize| numbers.get(place).copied().unwrap_or(0);
        Self {
            lines: at(0),
            events: at(1),
            text: at(2),
            bad: at(3),
            unknown: at(4),
            filtered: at(5),
            dropped: at(6),
            nul_bytes: at(7),
            redacted: at(8),
            formats: FormatSet::from_bits(at(9)),
            sampled: u32::try_from(at(10)).unwrap_or(u32::MAX),
        }
    }

    /// Adds another count to this one.
    pub fn add(&mut self, other: &Self) {
        // A count that is too large stays the largest: it must not stop a recorder.
        self.lines = self.lines.saturating_add(other.lines);
        self.events = self.events.saturating_add(other.events);
        self.text = self.text.saturating_add(other.text);
        self.bad = self.bad.saturating_add(other.bad);
        self.unknown = self.unknown.saturating_add(other.unknown);
        self.filtered = self.filtered.saturating_add(other.filtered);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.nul_bytes = self.nul_bytes.saturating_add(other.nul_bytes);
        self.redacted = self.redacted.saturating_add(other.redacted);
        self.formats.add_all(other.formats);
        // No sum: of two rates the smaller share says how far a count may be off.
        self.sampled = self.sampled.max(other.sampled);
    }
}

/// How far a source has come: committed with the events it led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceProgress {
    /// The source's name as a person knows it: a path, `-`, an address.
    pub name: Text,
    /// Where to go on after a restart; `None` for a source that cannot be read again.
    pub checkpoint: Option<Checkpoint>,
    /// What was met since the last batch.
    pub counts: Counts,
}

impl SourceProgress {
    /// Whether both are of one source and, where it is a file, of one file.
    #[must_use]
    pub fn is_of_same_source(&self, other: &Self) -> bool {
        let file = |progress: &Self| progress.checkpoint.as_ref().map(|it| it.identity);
        // Two files may go by one name, one after the other, while the first is still read.
        self.name == other.name && file(self) == file(other)
    }

    /// Goes on to where the same source came later.
    pub fn add(&mut self, later: &Self) {
        self.counts.add(&later.counts);
        // Only the last place counts: everything before it goes into the same transaction.
        self.checkpoint.clone_from(&later.checkpoint);
    }
}

/// Everything that one transaction commits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
