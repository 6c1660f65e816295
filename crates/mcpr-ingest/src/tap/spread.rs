//! A message that is written over several lines: some clients read it, as JSON knows no lines. Its
//! lines are joined until it is whole, turns out to be none, or is too long. Pure.

use super::frames::{Frame, MAX_FRAME_BYTES};
use memchr::memchr;

/// How deep in values and texts some bytes of JSON end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Nesting {
    depth: usize,
    is_in_text: bool,
    is_escaped: bool,
}

impl Nesting {
    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.is_in_text {
                self.is_in_text = self.is_escaped || byte != b'"';
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                continue;
            }
            match byte {
                b'"' => self.is_in_text = true,
                b'{' | b'[' => self.depth += 1,
                // One too many is for the parser to refuse.
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether another line may go on with what has begun: no text goes over the end of a line.
    fn is_open(self) -> bool {
        self.depth > 0 && !self.is_in_text
    }
}

/// The lines so far of a message that is not whole.
#[derive(Debug)]
pub(super) struct PartialMessage {
    text: Vec<u8>,
    offset: u64,
    lines: u64,
    nesting: Nesting,
}

/// What became of the message when a line was added.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AddedLine {
    /// More is to come.
    Open,
    /// They are whole.
    Whole,
    /// They are not a message.
    Broken,
}

impl PartialMessage {
    /// The first line of a message, where a line that did not decode can be one.
    pub(super) fn begin(frame: &Frame<'_>) -> Option<Self> {
        let mut nesting = Nesting::default();
        nesting.feed(frame.bytes);
        // What was cut has reached the limit alone.
        (nesting.is_open() && !frame.is_cut).then(|| Self {
            text: frame.bytes.to_vec(),
            offset: frame.offset,
            lines: 1,
            nesting,
        })
    }

    /// Adds a line.
    pub(super) fn add(&mut self, frame: &Frame<'_>) -> AddedLine {
        self.lines += 1;
        // With the newline between them they must not be longer than any message.
        if frame.is_cut || self.text.len() + frame.bytes.len() >= MAX_FRAME_BYTES {
            return AddedLine::Broken;
        }
        self.text.push(b'\n');
        self.text.extend_from_slice(frame.bytes);
        self.nesting.feed(frame.bytes);
        match self.nesting {
            nesting if nesting.is_open() => AddedLine::Open,
            // No text of JSON holds a bare newline.
            nesting if nesting.is_in_text => AddedLine::Broken,
            _ => AddedLine::Whole,
        }
    }

    /// Bytes of memory that they take.
    pub(super) fn kept_bytes(&self) -> usize {
        self.text.capacity()
    }

    /// How many lines it has.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// The first of them.
    pub(super) fn first_line(&self) -> &[u8] {
        let end = memchr(b'\n', &self.text).unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// The lines as one.
    pub(super) fn frame(&self) -> Frame<'_> {
        Frame {
            offset: self.offset,
            len: self.text.len() as u64,
            bytes: &self.text,
            is_cut: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Frame<'_> {
        Frame {
            offset: 7,
            len: text.len() as u64,
            bytes: text.as_bytes(),
            is_cut: false,
        }
    }

    #[test]
    fn lines_make_a_message_once_it_is_whole() {
        let cases: [(&[&str], AddedLine); 6] = [
            (&["{", "}"], AddedLine::Whole),
            (&["{", r#""a": "}","#, r#""b": [1,"#], AddedLine::Open),
            (&["[", r#"{"a\"}":"\\"}"#, "]"], AddedLine::Whole),
            (&["{", "some text"], AddedLine::Open),
            (&["{", "it's \"quoted"], AddedLine::Broken),
            (&["{", "}}"], AddedLine::Whole),
        ];
        for (lines, expected) in cases {
            let mut spread = PartialMessage::begin(&frame(lines[0])).expect("it begins");
            let grown = lines[1..].iter().map(|line| spread.add(&frame(line)));
            assert_eq!(grown.last().expect("a line"), expected, "{lines:?}");
            assert_eq!(spread.frame().bytes, lines.join("\n").as_bytes());
        }
    }

    #[test]
    fn what_cannot_go_on_does_not_begin() {
        for line in [r#"{"a":"cut within a te"#, "{}}", "]", ""] {
            assert!(PartialMessage::begin(&frame(line)).is_none(), "{line}");
        }
    }

    #[test]
    fn lines_are_joined_within_a_bound() {
        let mut spread = PartialMessage::begin(&frame("[")).expect("it begins");
        let line = "1,".repeat(MAX_FRAME_BYTES / 8);
        let grown: Vec<_> = (0..4).map(|_| spread.add(&frame(&line))).collect();
        assert_eq!(grown[2..], [AddedLine::Open, AddedLine::Broken]);
    }
}
