//! From chunks of bytes to lines: pure, bounded, and without a copy of what lies within one chunk.

use memchr::{memchr, memchr_iter};

/// Longest line that is handed over, in bytes without its newline; a longer one is skipped whole.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// How much of the beginning of a skipped line is kept, in bytes.
// As much as a store keeps of a line that did not decode.
pub const OVERSIZED_HEAD_BYTES: usize = 4096;
/// What the buffers of a line that spans chunks may keep between lines, in bytes.
// One long line must not keep its megabytes for as long as the file is read.
const KEPT_CAPACITY: usize = 256 * 1024;

/// What stands at an offset of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line, without its newline and without a carriage return before that.
    Line {
        /// Where its first byte stands.
        offset: u64,
        /// Its bytes; empty for an empty line.
        bytes: &'a [u8],
    },
    /// A line over [`MAX_LINE_BYTES`], skipped.
    Oversized {
        /// Where its first byte stands.
        offset: u64,
        /// Its length without the newline; what was seen of it where the source ended before that.
        len: u64,
        /// Its first [`OVERSIZED_HEAD_BYTES`] bytes.
        head: &'a [u8],
    },
    /// A run of NUL bytes where a line should begin (what copy-truncate leaves), skipped.
    Nuls {
        /// Where the first one stands.
        offset: u64,
        /// How many there are.
        len: u64,
    },
    /// A last line without its newline. No checkpoint is past it: it is read again when it grows.
    Unfinished {
        /// Where its first byte stands.
        offset: u64,
        /// Its bytes so far.
        bytes: &'a [u8],
    },
    /// What followed this offset is nowhere to be found.
    Missing {
        /// Up to where the file was read that is gone.
        offset: u64,
    },
}

/// What the end of the last chunk was within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// A line, or the beginning of one.
    Line,
    /// A run of NUL bytes at the beginning of a line.
    Nuls,
    /// A line that is too long.
    Oversized,
}

/// The piece that is not finished yet.
#[derive(Debug)]
struct Begun {
    within: Within,
    max_line: usize,
    /// The line so far; of one that is too long, its head.
    bytes: Vec<u8>,
}

impl Begun {
    /// Adds bytes of a line; past the limit, only those that its head lacks.
    fn extend(&mut self, bytes: &[u8]) {
        if self.within == Within::Line && self.bytes.len() + bytes.len() <= self.max_line {
            self.bytes.extend_from_slice(bytes);
            return;
        }
        if self.within == Within::Line {
            self.within = Within::Oversized;
            // The rest is not needed any more: only its length is reported.
            self.bytes.truncate(OVERSIZED_HEAD_BYTES);
            self.bytes.shrink_to_fit();
        }
        // Never below zero: the head was cut to this length when the line grew too long.
        let missing = OVERSIZED_HEAD_BYTES - self.bytes.len();
        self.bytes
            .extend_from_slice(&bytes[..missing.min(bytes.len())]);
    }
}

/// Splits one source, fed chunk by chunk, into [`Piece`]s. How it is cut into chunks makes no
/// difference.
#[derive(Debug)]
pub struct Splitter {
    begun: Begun,
    /// The line that the latest chunk finished, while its piece borrows it.
    ready: Vec<u8>,
    /// Where the piece that is not finished yet begins.
    whole: u64,
    /// Where the next byte to be fed stands.
    next: u64,
}

impl Splitter {
    /// A splitter of a source that is read from `offset`, where a line begins.
    #[must_use]
    pub fn new(offset: u64) -> Self {
        Self::with_max_line(offset, MAX_LINE_BYTES)
    }

    /// The same with another limit than [`MAX_LINE_BYTES`].
    #[must_use]
    pub fn with_max_line(offset: u64, max_line: usize) -> Self {
        Self {
            begun: Begun {
                within: Within::Line,
                max_line,
                bytes: Vec::new(),
            },
            ready: Vec::new(),
            whole: offset,
            next: offset,
        }
    }

    /// Where the next byte to be fed stands.
    #[must_use]
    pub fn next_offset(&self) -> u64 {
        self.next
    }

    /// The end of the last whole piece: what a checkpoint may say.
    #[must_use]
    pub fn whole_offset(&self) -> u64 {
        self.whole
    }

    /// Takes the next bytes of the source and appends the pieces that they finish; gives the new
    /// [`Splitter::whole_offset`], which cannot be asked for while the pieces are in use.
    pub fn feed<'a>(&'a mut self, chunk: &'a [u8], pieces: &mut Vec<Piece<'a>>) -> u64 {
        let base = self.next;
        self.next += chunk.len() as u64;
        // All of the chunk went into what was begun before it.
        let Some(used) = self.finish_begun(chunk, base) else {
            return self.whole;
        };
        let Self {
            begun,
            ready,
            whole,
            ..
        } = self;
        let mut at = used.bytes;
        if let Some(finished) = used.finished {
            pieces.push(finished.piece(ready));
        }
        for newline in memchr_iter(b'\n', &chunk[at..]) {
            // The search began there, and counts from there.
            let newline = newline + used.bytes;
            at += skip_nuls(&chunk[at..newline], base + at as u64, pieces);
            pieces.push(line(base + at as u64, &chunk[at..newline], begun.max_line));
            at = newline + 1;
        }
        let rest = &chunk[at..];
        *whole = base + at as u64;
        // More of them may follow in the next chunk: one run is one piece, however it was cut.
        if leading_nuls(rest) == rest.len() && !rest.is_empty() {
            begun.within = Within::Nuls;
        } else {
            // A file that is truncated while its writer stays at its old offset begins with a hole,
            // which reads as NULs.
            let nuls = skip_nuls(rest, *whole, pieces);
            *whole += nuls as u64;
            begun.extend(&rest[nuls..]);
        }
        *whole
    }

    /// Finishes what earlier chunks began, as far as this one does; `None` where it does not.
    fn finish_begun(&mut self, chunk: &[u8], base: u64) -> Option<Used> {
        // The pieces of the last chunk are gone by now, so that nobody borrows its bytes.
        self.ready.clear();
        self.ready.shrink_to(KEPT_CAPACITY);
        let offset = self.whole;
        if self.begun.within == Within::Nuls {
            let bytes = leading_nuls(chunk);
            if bytes == chunk.len() {
                return None;
            }
            self.begun.within = Within::Line;
            let len = base + bytes as u64 - offset;
            let finished = Some(Finished::Nuls { offset, len });
            return Some(Used { bytes, finished });
        }
        // Nothing was begun: the last chunk ended with a line.
        if base == offset {
            return Some(Used::default());
        }
        // Only the new bytes are searched, so that a long line costs no more than its length.
        let Some(newline) = memchr(b'\n', chunk) else {
            self.begun.extend(chunk);
            return None;
        };
        self.begun.extend(&chunk[..newline]);
        // The two buffers change places, so that neither is made anew for each line.
        std::mem::swap(&mut self.begun.bytes, &mut self.ready);
        let finished = if self.begun.within == Within::Oversized {
            let len = base + newline as u64 - offset;
            Finished::Oversized { offset, len }
        } else {
            Finished::Line { offset }
        };
        self.begun.within = Within::Line;
        Some(Used {
            bytes: newline + 1,
            finished: Some(finished),
        })
    }

    /// What is left at the end of a source that will not be read on.
    #[must_use]
    pub fn unfinished(&self) -> Option<Piece<'_>> {
        let offset = self.whole;
        let len = self.next - offset;
        if len == 0 {
            return None;
        }
        Some(match self.begun.within {
            Within::Line => Piece::Unfinished {
                offset,
                bytes: &self.begun.bytes,
            },
            Within::Nuls => Piece::Nuls { offset, len },
            Within::Oversized => Piece::Oversized {
                offset,
                len,
                head: &self.begun.bytes,
            },
        })
    }
}

/// How much of a chunk went to what earlier chunks began, and what that has become.
#[derive(Debug, Default)]
struct Used {
    bytes: usize,
    finished: Option<Finished>,
}

/// A piece over more than one chunk, before it borrows its bytes.
#[derive(Debug)]
enum Finished {
    Line { offset: u64 },
    Oversized { offset: u64, len: u64 },
    Nuls { offset: u64, len: u64 },
}

impl Finished {
    fn piece(self, bytes: &[u8]) -> Piece<'_> {
        match self {
            Self::Line { offset } => Piece::Line {
                offset,
                bytes: without_return(bytes),
            },
            Self::Oversized { offset, len } => Piece::Oversized {
                offset,
                len,
                head: bytes,
            },
            Self::Nuls { offset, len } => Piece::Nuls { offset, len },
        }
    }
}

/// The piece of a line that stands whole in a chunk.
fn line(offset: u64, bytes: &[u8], max_line: usize) -> Piece<'_> {
    if bytes.len() > max_line {
        return Piece::Oversized {
            offset,
            len: bytes.len() as u64,
            head: &bytes[..OVERSIZED_HEAD_BYTES.min(bytes.len())],
        };
    }
    Piece::Line {
        offset,
        bytes: without_return(bytes),
    }
}

/// A line without the carriage return at its end.
pub(super) fn without_return(bytes: &[u8]) -> &[u8] {
    // Lines of Windows end with both; within a line a return stays.
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn leading_nuls(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|&byte| byte != 0)
        .unwrap_or(bytes.len())
}

/// Appends the NULs at the beginning of a line as a piece of their own; says how many there are.
fn skip_nuls(bytes: &[u8], offset: u64, pieces: &mut Vec<Piece<'_>>) -> usize {
    let nuls = leading_nuls(bytes);
    if nuls > 0 {
        let len = nuls as u64;
        pieces.push(Piece::Nuls { offset, len });
    }
    nuls
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces of a text as plain values.
    fn owned(pieces: &[Piece<'_>]) -> Vec<String> {
        pieces.iter().map(|piece| format!("{piece:?}")).collect()
    }

    /// The same rules, written the slow way: split at newlines, then look at each part.
    fn naive(text: &[u8], max_line: usize) -> Vec<String> {
        let mut found = Vec::new();
        let mut offset = 0;
        let mut parts = text.split(|&byte| byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let nuls = part.iter().take_while(|&&byte| byte == 0).count();
            let bytes = &part[nuls..];
            let is_last = parts.peek().is_none();
            let at = offset + nuls as u64;
            if nuls > 0 {
                found.push(Piece::Nuls {
                    offset,
                    len: nuls as u64,
                });
            }
            let head = &bytes[..bytes.len().min(OVERSIZED_HEAD_BYTES)];
            if bytes.len() > max_line {
                let len = bytes.len() as u64;
                found.push(Piece::Oversized {
                    offset: at,
                    len,
                    head,
                });
            } else if !is_last {
                let bytes = without_return(bytes);
                found.push(Piece::Line { offset: at, bytes });
            } else if !bytes.is_empty() {
                found.push(Piece::Unfinished { offset: at, bytes });
            }
            offset += part.len() as u64 + 1;
        }
        owned(&found)
    }

    /// The pieces when the text comes in chunks of at most `max_chunk` bytes, and after each chunk
    /// the offset that a checkpoint may say.
    fn in_chunks(text: &[u8], max_line: usize, max_chunk: usize) -> (Vec<String>, Vec<u64>) {
        let mut splitter = Splitter::with_max_line(0, max_line);
        let mut rest = text;
        let (mut found, mut offsets) = (Vec::new(), Vec::new());
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(fastrand::usize(1..=max_chunk.min(rest.len())));
            let mut pieces = Vec::new();
            splitter.feed(chunk, &mut pieces);
            found.extend(owned(&pieces));
            offsets.push(splitter.whole_offset());
            rest = after;
        }
        assert_eq!(splitter.next_offset(), text.len() as u64);
        found.extend(
            splitter
                .unfinished()
                .iter()
                .flat_map(|last| owned(&[*last])),
        );
        (found, offsets)
    }

    fn check(text: &[u8], max_line: usize, expected: &[&str]) {
        assert_eq!(naive(text, max_line), expected);
        for max_chunk in 1..=text.len() {
            assert_eq!(in_chunks(text, max_line, max_chunk).0, expected);
        }
    }

    #[test]
    fn lines_lose_their_newline_and_one_carriage_return() {
        check(
            b"a\r\n\n\r\r\nb",
            10,
            &[
                "Line { offset: 0, bytes: [97] }",
                "Line { offset: 3, bytes: [] }",
                "Line { offset: 4, bytes: [13] }",
                "Unfinished { offset: 7, bytes: [98] }",
            ],
        );
    }

    #[test]
    fn nuls_are_skipped_at_the_beginning_of_a_line_only() {
        check(
            b"\0\0\0a\0\n\0\nb\n\0",
            10,
            &[
                "Nuls { offset: 0, len: 3 }",
                "Line { offset: 3, bytes: [97, 0] }",
                "Nuls { offset: 6, len: 1 }",
                "Line { offset: 7, bytes: [] }",
                "Line { offset: 8, bytes: [98] }",
                "Nuls { offset: 10, len: 1 }",
            ],
        );
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_whole() {
        check(
            b"abcd\nabc\nxyz!?",
            3,
            &[
                "Oversized { offset: 0, len: 4, head: [97, 98, 99, 100] }",
                "Line { offset: 5, bytes: [97, 98, 99] }",
                "Oversized { offset: 9, len: 5, head: [120, 121, 122, 33, 63] }",
            ],
        );
    }

    #[test]
    fn a_line_over_sixteen_mebibytes_costs_no_memory() {
        let mut splitter = Splitter::new(0);
        let chunk = vec![b'x'; 1024 * 1024];
        let mut pieces = Vec::new();
        for _ in 0..40 {
            splitter.feed(&chunk, &mut pieces);
            assert!(pieces.is_empty());
            pieces = Vec::new();
            assert!(splitter.begun.bytes.capacity() <= 2 * MAX_LINE_BYTES);
        }
        assert!(splitter.begun.bytes.capacity() <= 2 * OVERSIZED_HEAD_BYTES);
        splitter.feed(b"\nnext\n", &mut pieces);
        let [
            Piece::Oversized { offset, len, head },
            Piece::Line { bytes, .. },
        ] = pieces[..]
        else {
            panic!("{pieces:?}");
        };
        assert_eq!((offset, len), (0, 40 * 1024 * 1024));
        assert_eq!(head, &chunk[..OVERSIZED_HEAD_BYTES]);
        assert_eq!(bytes, b"next");
    }

    #[test]
    fn chunks_make_no_difference_and_checkpoints_stand_between_pieces() {
        let seed = mcpr_seed::seed();
        println!("seed {seed}");
        fastrand::seed(seed);
        for _ in 0..3000 {
            let alphabet = [b'a', b'b', b'\n', b'\n', 0, 0, b'\r', 0xff];
            let text = (0..fastrand::usize(0..200))
                .map(|_| alphabet[fastrand::usize(..alphabet.len())])
                .collect::<Vec<_>>();
            let max_line = fastrand::usize(1..20);
            let expected = naive(&text, max_line);
            let (found, offsets) = in_chunks(&text, max_line, fastrand::usize(1..=50));
            assert_eq!(found, expected, "{text:?}, lines of {max_line}");
            // What a restart at any checkpoint reads is the end of what the whole text gives.
            for offset in offsets {
                let at = usize::try_from(offset).unwrap();
                let mut splitter = Splitter::with_max_line(offset, max_line);
                let mut pieces = Vec::new();
                splitter.feed(&text[at..], &mut pieces);
                let mut tail = owned(&pieces);
                tail.extend(
                    splitter
                        .unfinished()
                        .iter()
                        .flat_map(|last| owned(&[*last])),
                );
                assert!(expected.ends_with(&tail), "{text:?} from {at}: {tail:?}");
            }
        }
    }
}
