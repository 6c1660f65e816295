//! Lines that containers and the journal cut into parts, put together again. Bounded; does no reading
//! of its own.

use super::hostlogs::limit_marks;
use mcpr_model::steps::{self, Counted};
use mcpr_model::{Checkpoint, Text};
use mcpr_tail::{MAX_LINE_BYTES, OVERSIZED_HEAD_BYTES};
use mcpr_wire::LinePart;
use std::collections::{BTreeMap, VecDeque};

/// Most lines that wait for their last part at once: two streams of a container, or some services in
/// one journal.
const MAX_WAITING: usize = 64;
/// Most bytes of them all together.
const MAX_BYTES: usize = MAX_LINE_BYTES;

/// Most lines that made room for others, and of which more may come, that are remembered.
const MAX_BROKEN: usize = 256;

/// Most places of a log that are remembered while a line waits for its last part.
const MAX_MARKS: usize = 64;

/// A place in a log, and the number that the next line of parts would have had there.
#[derive(Debug)]
struct PlaceBeforeParts {
    checkpoint: Checkpoint,
    next: u64,
}

/// Whether bytes are a whole JSON object.
pub(super) fn is_whole_object(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii();
    bytes.starts_with(b"{")
        && bytes.ends_with(b"}")
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

/// Where something stands: its offset in the source, and how many layers were taken off before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) layers: usize,
}

/// A stream whose lines are cut, within so many layers.
type Stream = (usize, Counted<Text>);

/// A line of which some parts were seen.
#[derive(Debug)]
struct Waiting {
    place: Place,
    bytes: Vec<u8>,
    /// Its length: more than `bytes` where it grew too long and only its head is kept.
    len: u64,
    /// Its number among all lines that ever waited, by which the oldest is found.
    ordinal: u64,
}

/// What became of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// It is whole, and began there.
    Whole(Place, Vec<u8>),
    /// It grew beyond what is read; its length and its head.
    TooLong(Place, u64, Vec<u8>),
    /// It made room for others; what there was of it.
    Broken(Place, Vec<u8>),
}

/// The lines of one log that wait for their last part.
#[derive(Debug, Default)]
pub(super) struct Parts {
    waiting: BTreeMap<Stream, Waiting>,
    bytes: usize,
    ordinal: u64,
    marks: VecDeque<PlaceBeforeParts>,
    /// The streams whose line made room for others before its last part, the oldest first.
    broken: VecDeque<Stream>,
}

impl Parts {
    /// Whether a line of a stream has begun and not ended.
    pub(super) fn has_begun(&self, layers: usize, part: &LinePart) -> bool {
        // No copy of the name where nothing waits, which is nearly always.
        if self.waiting.is_empty() && self.broken.is_empty() {
            return false;
        }
        let stream = (layers, Counted(part.stream.clone()));
        self.waiting.contains_key(&stream) || self.broken.contains(&stream)
    }

    /// Takes a part that is more of a line that was reported as broken: it is not a line of its own. Says
    /// whether it is, which what is whole by itself is not.
    pub(super) fn take_rest(&mut self, layers: usize, part: &LinePart, bytes: &[u8]) -> bool {
        let is_of = |stream: &Stream| {
            steps::look();
            stream.0 == layers && stream.1.0 == part.stream
        };
        let Some(at) = self.broken.iter().position(is_of) else {
            return false;
        };
        let begins_anew = is_whole_object(bytes);
        if part.is_last || begins_anew {
            self.broken.remove(at);
        }
        !begins_anew
    }

    /// The first number that no line that waits now has, and the lowest that one has.
    fn ordinals(&self) -> (u64, Option<u64>) {
        let oldest = self.waiting.values().map(|waiting| waiting.ordinal).min();
        (self.ordinal, oldest)
    }

    /// Says that a file was read up to a place. Gives the furthest place in each file before the first
    /// part of every line that waits for its last one, as far as those are new.
    pub(super) fn safe(&mut self, checkpoint: Checkpoint) -> Vec<Checkpoint> {
        let (next, oldest) = self.ordinals();
        self.marks.push_back(PlaceBeforeParts { checkpoint, next });
        limit_marks(&mut self.marks, MAX_MARKS, |mark| mark.checkpoint.identity);
        let is_safe = |mark: &mut PlaceBeforeParts| oldest.is_none_or(|oldest| mark.next <= oldest);
        let mut safe: Vec<Checkpoint> = Vec::new();
        while let Some(PlaceBeforeParts { checkpoint, .. }) = self.marks.pop_front_if(is_safe) {
            safe.retain(|it| it.identity != checkpoint.identity);
            safe.push(checkpoint);
        }
        safe
    }

    /// Takes a part; gives what that finishes.
    pub(super) fn add(&mut self, place: Place, part: &LinePart, bytes: &[u8]) -> Vec<Joined> {
        let stream = (place.layers, Counted(part.stream.clone()));
        let mut finished = Vec::new();
        let ordinal = self.ordinal;
        let waiting = self
            .waiting
            .entry(stream.clone())
            .or_insert_with(|| Waiting {
                place,
                bytes: Vec::new(),
                len: 0,
                ordinal,
            });
        // Only a line that begins here takes a number.
        self.ordinal += u64::from(waiting.ordinal == ordinal);
        let before = waiting.bytes.len();
        waiting.extend(bytes);
        // It may have shrunk: of a line that grew too long only the head is left.
        self.bytes = self.bytes - before + waiting.bytes.len();
        if part.is_last {
            finished.extend(self.finish(&stream));
        }
        // After the part was added: the line that it finishes takes no room any more.
        while self.waiting.len() > MAX_WAITING || self.bytes > MAX_BYTES {
            // The oldest is the least likely to be finished: a container that has died sends no last
            // part.
            let oldest = self
                .waiting
                .iter()
                .min_by_key(|(_, waiting)| waiting.ordinal);
            let Some(oldest) = oldest.map(|(stream, _)| stream.clone()) else {
                break;
            };
            finished.extend(
                self.take(&oldest)
                    .map(|it| Joined::Broken(it.place, it.bytes)),
            );
            if self.broken.len() == MAX_BROKEN {
                self.broken.pop_front();
            }
            self.broken.push_back(oldest);
        }
        finished
    }

    /// Gives the lines that will not be finished any more.
    pub(super) fn end(&mut self) -> Vec<Joined> {
        let mut streams: Vec<(u64, Stream)> = Vec::new();
        for (stream, waiting) in &self.waiting {
            streams.push((waiting.ordinal, stream.clone()));
        }
        // Rows are stored in the order in which their lines began, not in that of the streams' names.
        streams.sort_unstable_by_key(|(ordinal, _)| *ordinal);
        let all = streams.iter().filter_map(|(_, stream)| self.finish(stream));
        all.collect()
    }

    fn finish(&mut self, stream: &Stream) -> Option<Joined> {
        let Waiting {
            place, bytes, len, ..
        } = self.take(stream)?;
        Some(if len > bytes.len() as u64 {
            Joined::TooLong(place, len, bytes)
        } else {
            Joined::Whole(place, bytes)
        })
    }

    fn take(&mut self, stream: &Stream) -> Option<Waiting> {
        let waiting = self.waiting.remove(stream)?;
        self.bytes -= waiting.bytes.len();
        Some(waiting)
    }
}

impl Waiting {
    /// Adds bytes; of a line that grows too long, only its head is kept.
    fn extend(&mut self, bytes: &[u8]) {
        // Recognised by the lengths: once cut, fewer bytes are held than were counted.
        let is_too_long = self.len > self.bytes.len() as u64;
        self.len += bytes.len() as u64;
        if is_too_long {
            return;
        }
        if self.len > MAX_LINE_BYTES as u64 {
            let missing = OVERSIZED_HEAD_BYTES.saturating_sub(self.bytes.len());
            self.bytes
                .extend_from_slice(&bytes[..missing.min(bytes.len())]);
            self.bytes.truncate(OVERSIZED_HEAD_BYTES);
            // It has held as much as the longest line takes.
            self.bytes.shrink_to_fit();
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(stream: &str, is_last: bool) -> LinePart {
        LinePart {
            stream: stream.into(),
            is_last,
        }
    }

    fn at(offset: u64) -> Place {
        Place { offset, layers: 0 }
    }

    #[test]
    fn streams_that_alternate_are_kept_apart() {
        let mut parts = Parts::default();
        assert_eq!(parts.add(at(0), &part("out", false), b"a"), []);
        assert_eq!(parts.add(at(1), &part("err", false), b"1"), []);
        assert!(parts.has_begun(0, &part("out", true)));
        assert!(!parts.has_begun(1, &part("out", true)));
        assert_eq!(parts.ordinals(), (2, Some(0)));
        let out = parts.add(at(2), &part("out", true), b"b");
        assert_eq!(out, [Joined::Whole(at(0), b"ab".to_vec())]);
        assert_eq!(parts.ordinals(), (2, Some(1)));
        assert_eq!(parts.end(), [Joined::Whole(at(1), b"1".to_vec())]);
        assert_eq!(parts.bytes, 0);
    }

    #[test]
    fn a_line_that_never_ends_is_announced_by_its_head() {
        let mut parts = Parts::default();
        let piece = vec![b'x'; MAX_LINE_BYTES / 4];
        for n in 0..6 {
            assert_eq!(parts.add(at(n), &part("a", false), &piece), []);
            assert!(parts.bytes <= MAX_BYTES);
        }
        let joined = parts.add(at(6), &part("a", true), b"y");
        let len = 6 * piece.len() as u64 + 1;
        let head = vec![b'x'; OVERSIZED_HEAD_BYTES];
        assert_eq!(joined, [Joined::TooLong(at(0), len, head)]);
        assert_eq!(parts.bytes, 0);
    }

    #[test]
    fn of_many_lines_that_wait_the_oldest_makes_room() {
        let mut parts = Parts::default();
        let mut joined = Vec::new();
        for n in 0..=MAX_WAITING as u64 {
            joined.extend(parts.add(at(n), &part(&n.to_string(), false), b"x"));
        }
        assert_eq!(joined, [Joined::Broken(at(0), b"x".to_vec())]);
        let half = vec![b'x'; MAX_BYTES / 2 + 1];
        parts.add(at(90), &part("a", false), &half);
        let joined = parts.add(at(91), &part("b", false), &half);
        assert_eq!(joined.len(), MAX_WAITING, "all but the newest");
        assert!(parts.bytes <= MAX_BYTES);
    }

    #[test]
    fn streams_whose_lines_were_broken_are_remembered_up_to_a_limit() {
        let mut parts = Parts::default();
        let name = |n: u64| part(&n.to_string(), false);
        for n in 0..(MAX_WAITING + MAX_BROKEN) as u64 + 9 {
            parts.add(at(n), &name(n), b"x");
        }
        assert_eq!(parts.broken.len(), MAX_BROKEN);
        let mut is_rest = |part: &LinePart| parts.take_rest(0, part, b"x");
        assert!(!is_rest(&name(8)), "forgotten");
        assert!(is_rest(&name(9)) && is_rest(&name(9)));
        assert!(is_rest(&part("9", true)), "its last part");
        assert!(!is_rest(&name(9)), "another line");
    }
}
