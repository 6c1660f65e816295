//! From the bytes of one direction to the messages in them, one per line. Pure and bounded: what is
//! too long to keep is followed to its end as an outline.

use super::copies::Loss;
use super::outline::Outline;
use memchr::memchr;

/// Longest message of which a whole copy is kept, in bytes; of a longer one only an outline is.
pub const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;
/// What the buffer of an unfinished message may keep between messages, in bytes.
const KEPT_CAPACITY: usize = 256 * 1024;

/// One line of a direction, without its newline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Where its first byte stands in its direction.
    pub offset: u64,
    /// Its length as it passed.
    pub len: u64,
    /// Its text; what is left of it where it was cut.
    pub bytes: &'a [u8],
    /// Whether it was longer than the copy may be.
    pub is_cut: bool,
}

/// What is known of the line that is not finished yet.
#[derive(Debug)]
enum FrameStart {
    /// All of it.
    Copy(Vec<u8>),
    /// What matters of it: the copy was too long.
    Outline(Box<Outline>),
    /// Nothing: bytes of it were lost.
    Torn,
}

/// Splits one direction, fed chunk by chunk. How it is cut into chunks makes no difference.
#[derive(Debug)]
pub struct Frames {
    begun: FrameStart,
    start: u64,
    next: u64,
    max_frame: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self::with_max_frame(MAX_FRAME_BYTES)
    }
}

impl Frames {
    /// A splitter with another limit than [`MAX_FRAME_BYTES`].
    #[must_use]
    pub fn with_max_frame(max_frame: usize) -> Self {
        Self {
            begun: FrameStart::Copy(Vec::new()),
            start: 0,
            next: 0,
            max_frame,
        }
    }

    /// Bytes of memory that the line takes that is not finished.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        match &self.begun {
            FrameStart::Copy(copy) => copy.capacity(),
            FrameStart::Outline(outline) => outline.kept_bytes(),
            FrameStart::Torn => 0,
        }
    }

    /// Takes the next bytes and hands over the lines that they finish.
    pub fn feed(&mut self, mut chunk: &[u8], found: &mut dyn FnMut(Frame<'_>)) {
        while let Some(newline) = memchr(b'\n', chunk) {
            let (line, rest) = chunk.split_at(newline);
            self.finish(line, found);
            self.next += 1;
            self.start = self.next;
            chunk = &rest[1..];
        }
        self.begin(chunk);
    }

    /// Hands over a last line that has no newline.
    pub fn end(&mut self, found: &mut dyn FnMut(Frame<'_>)) {
        if self.next > self.start {
            self.finish(&[], found);
            self.start = self.next;
        }
    }

    /// Says that bytes are missing here: the lines that they were part of are given up. Gives how many
    /// those are, without one that was given up before.
    pub fn lose(&mut self, loss: &Loss) -> u64 {
        self.next += loss.bytes;
        // One line for each newline; the first of them may end a line that is counted already.
        let was_torn = matches!(self.begun, FrameStart::Torn);
        // A loss that ends with a line leaves the next one whole.
        let is_torn = loss.last != b'\n';
        self.begun = if is_torn {
            FrameStart::Torn
        } else {
            self.start = self.next;
            FrameStart::Copy(Vec::new())
        };
        loss.newlines + u64::from(is_torn) - u64::from(was_torn)
    }

    /// Ends the line that has begun with its last bytes.
    fn finish(&mut self, last: &[u8], found: &mut dyn FnMut(Frame<'_>)) {
        // Nearly every line lies whole within its chunk, and is handed over uncopied.
        let is_alone = matches!(&self.begun, FrameStart::Copy(copy) if copy.is_empty());
        let mut frame = Frame {
            offset: self.start,
            len: self.next - self.start + last.len() as u64,
            bytes: last,
            is_cut: false,
        };
        if is_alone && last.len() <= self.max_frame {
            self.next += last.len() as u64;
            return found(frame);
        }
        self.begin(last);
        match &mut self.begun {
            FrameStart::Copy(copy) => {
                frame.bytes = copy;
                found(frame);
                copy.clear();
                // One large message must not hold its memory for the rest of the session.
                copy.shrink_to(KEPT_CAPACITY);
            }
            FrameStart::Outline(outline) => {
                frame.bytes = outline.text();
                frame.is_cut = true;
                found(frame);
                self.begun = FrameStart::Copy(Vec::new());
            }
            // The torn line ends here: the next one is whole again.
            FrameStart::Torn => self.begun = FrameStart::Copy(Vec::new()),
        }
    }

    /// Adds bytes to the line that has begun.
    fn begin(&mut self, bytes: &[u8]) {
        self.next += bytes.len() as u64;
        match &mut self.begun {
            FrameStart::Copy(copy) if copy.len() + bytes.len() <= self.max_frame => {
                copy.extend_from_slice(bytes);
            }
            FrameStart::Copy(copy) => {
                let mut outline = Box::new(Outline::default());
                // The outline starts over with all that was kept, of which the copy is let go.
                outline.feed(copy);
                outline.feed(bytes);
                self.begun = FrameStart::Outline(outline);
            }
            FrameStart::Outline(outline) => outline.feed(bytes),
            FrameStart::Torn => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (u64, u64, String, bool);

    fn split(max: usize, chunks: &[&[u8]]) -> Vec<Seen> {
        let mut frames = Frames::with_max_frame(max);
        let mut seen = Vec::new();
        let mut note = |frame: Frame<'_>| {
            let text = String::from_utf8_lossy(frame.bytes).into_owned();
            seen.push((frame.offset, frame.len, text, frame.is_cut));
        };
        for chunk in chunks {
            frames.feed(chunk, &mut note);
        }
        frames.end(&mut note);
        seen
    }

    fn whole(offset: u64, text: &str) -> Seen {
        (offset, text.len() as u64, text.to_owned(), false)
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let cases: [(&[&[u8]], Vec<Seen>); 6] = [
            (&[b""], vec![]),
            (&[b"{}\n"], vec![whole(0, "{}")]),
            (
                &[b"{", b"}", b"\n[", b"]\n"],
                vec![whole(0, "{}"), whole(3, "[]")],
            ),
            (
                &[b"a\n\nb\n"],
                vec![whole(0, "a"), whole(2, ""), whole(3, "b")],
            ),
            (&[b"{}\nlast"], vec![whole(0, "{}"), whole(3, "last")]),
            (&[b"\xc3", b"\xa9\n"], vec![whole(0, "é")]),
        ];
        for (chunks, expected) in cases {
            assert_eq!(split(64, chunks), expected, "{chunks:?}");
        }
    }

    #[test]
    fn a_long_line_is_flagged_and_recognised_by_its_outline() {
        let text = r#"{"id":7,"result":{"isError":true,"content":[{"text":"long"}]}}"#;
        let outline = r#"{"id":7,"result":{"isError":true,"content":null}}"#;
        let seen = split(20, &[text.as_bytes(), b"\nafter\n"]);
        let len = text.len() as u64;
        assert_eq!(
            seen,
            [(0, len, outline.to_owned(), true), whole(len + 1, "after")]
        );
    }

    #[test]
    fn after_a_loss_the_next_line_is_whole_again() {
        let cases = [
            (b'x', vec![(0, "one"), (21, "three")]),
            (b'\n', vec![(0, "one"), (16, "rest"), (21, "three")]),
        ];
        for (last, expected) in cases {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            let mut note = |frame: Frame<'_>| {
                let text = String::from_utf8_lossy(frame.bytes).into_owned();
                seen.push((frame.offset, text));
            };
            frames.feed(b"one\ntw", &mut note);
            let loss = Loss {
                newlines: 1,
                ..lost(10, last)
            };
            assert_eq!(frames.lose(&loss), 1 + u64::from(last != b'\n'));
            frames.feed(b"rest\nthree\n", &mut note);
            let expected = expected
                .iter()
                .map(|&(offset, text)| (offset, text.to_owned()));
            assert_eq!(seen, expected.collect::<Vec<_>>());
        }
    }

    /// Bytes that passed, or were lost.
    type Passed<'b> = Result<&'b [u8], Loss>;

    /// A loss without a newline, but for its last byte.
    fn lost(bytes: u64, last: u8) -> Loss {
        Loss {
            bytes,
            newlines: u64::from(last == b'\n'),
            last,
            from_ts: 0,
            to_ts: 0,
        }
    }

    #[test]
    fn a_line_that_is_lost_in_pieces_is_one_lost_line() {
        let cases: [(&[Passed<'_>], &[u64], &[&str]); 5] = [
            // Its beginning, its middle and its end, with what was seen of it between.
            (
                &[
                    Err(lost(9, b'x')),
                    Ok(b"y"),
                    Err(lost(9, b'x')),
                    Ok(b"y\na\n"),
                ],
                &[1, 0],
                &["a"],
            ),
            (
                &[
                    Ok(b"b\nx"),
                    Err(lost(9, b'x')),
                    Ok(b"y"),
                    Err(lost(9, b'\n')),
                    Ok(b"a\n"),
                ],
                &[1, 0],
                &["b", "a"],
            ),
            // Only its newline.
            (&[Ok(b"x"), Err(lost(1, b'\n')), Ok(b"a\n")], &[1], &["a"]),
            // The line after it is another one.
            (
                &[Err(lost(9, b'x')), Ok(b"y\nz"), Err(lost(9, b'x'))],
                &[1, 1],
                &[],
            ),
            // It ends within a loss that begins another one.
            (
                &[
                    Err(lost(9, b'x')),
                    Err(Loss {
                        newlines: 1,
                        ..lost(9, b'x')
                    }),
                    Ok(b"\na\n"),
                ],
                &[1, 1],
                &["a"],
            ),
        ];
        for (passed, expected, lines) in cases {
            let mut frames = Frames::with_max_frame(4);
            let (mut seen, mut counts) = (Vec::new(), Vec::new());
            for piece in passed {
                match piece {
                    Ok(bytes) => frames.feed(bytes, &mut |frame| {
                        seen.push(String::from_utf8_lossy(frame.bytes).into_owned());
                    }),
                    Err(loss) => counts.push(frames.lose(loss)),
                }
            }
            frames.end(&mut |frame| panic!("{frame:?}"));
            assert_eq!(
                (counts.as_slice(), seen.as_slice()),
                (
                    expected,
                    lines
                        .iter()
                        .map(|&it| it.to_owned())
                        .collect::<Vec<_>>()
                        .as_slice()
                ),
                "{passed:?}"
            );
        }
    }

    #[test]
    fn every_way_of_cutting_a_stream_gives_the_same_lines() {
        let seed = mcpr_seed::seed();
        let mut random = fastrand::Rng::with_seed(seed);
        for round in 0..300 {
            let mut stream = Vec::new();
            for _ in 0..random.usize(0..12) {
                let text = "é{\"\\".repeat(random.usize(0..10));
                stream.extend_from_slice(text.as_bytes());
                stream.push(b'\n');
            }
            stream.extend_from_slice(&b"no newline"[..random.usize(0..10)]);
            let expected = split(24, &[&stream]);
            let mut chunks = Vec::new();
            let mut rest = &stream[..];
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(random.usize(1..=rest.len().min(9)));
                chunks.push(chunk);
                rest = after;
            }
            assert_eq!(split(24, &chunks), expected, "seed {seed}, round {round}");
            let lines: u64 = expected.iter().map(|frame| frame.1 + 1).sum();
            let is_open = stream.last().is_some_and(|&last| last != b'\n');
            assert_eq!(
                lines,
                stream.len() as u64 + u64::from(is_open),
                "seed {seed}"
            );
        }
    }
}
