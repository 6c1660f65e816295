//! A stream of events as HTTP servers send it (`text/event-stream`): the data of one after the other.
//! Knows no JSON.

use std::io::{self, BufRead, BufReader, Read};

/// The longest data of one event.
const MAX_EVENT: usize = 16 << 20;

/// A stream that is read event by event.
#[derive(Debug)]
pub(super) struct EventReader<R> {
    lines: BufReader<R>,
    is_begun: bool,
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The data of an event.
    Data(Vec<u8>),
    /// More than is read.
    TooMuch,
    /// The stream is over. An event that it broke off in says nothing.
    End,
}

impl<R: Read> EventReader<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            lines: BufReader::new(stream),
            is_begun: false,
        }
    }

    /// The next event with data. What is read is taken from `left`.
    ///
    /// # Errors
    /// When the stream breaks, or does not go on in time.
    pub(super) fn next(&mut self, left: &mut u64) -> io::Result<Event> {
        let mut data: Option<Vec<u8>> = None;
        let mut line = Vec::new();
        loop {
            line.clear();
            let held = data.as_ref().map_or(0, Vec::len);
            let room = (MAX_EVENT - held.min(MAX_EVENT)) as u64;
            let room = room.min(*left);
            let read = self
                .lines
                .by_ref()
                .take(room)
                .read_until(b'\n', &mut line)?;
            *left -= (read as u64).min(*left);
            if line.last() != Some(&b'\n') {
                let is_over = (read as u64) < room;
                return Ok(if is_over { Event::End } else { Event::TooMuch });
            }
            let text = line.trim_ascii_end();
            let text = match text.strip_prefix(b"\xef\xbb\xbf") {
                Some(text) if !self.is_begun => text,
                _ => text,
            };
            self.is_begun = true;
            if text.is_empty() {
                match data.take() {
                    Some(data) if !data.is_empty() => return Ok(Event::Data(data)),
                    // Comments keep a connection open; an event without data only has an id.
                    _ => continue,
                }
            }
            let (field, value) = match text.iter().position(|byte| *byte == b':') {
                Some(at) => (&text[..at], &text[at + 1..]),
                None => (text, &b""[..]),
            };
            if field == b"data" {
                let value = value.strip_prefix(b" ").unwrap_or(value);
                match &mut data {
                    Some(data) => {
                        data.push(b'\n');
                        data.extend(value);
                    }
                    None => data = Some(value.to_vec()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_of(stream: &[u8]) -> Vec<String> {
        let mut events = EventReader::new(stream);
        let mut all = Vec::new();
        let mut left = 1 << 20;
        while let Event::Data(data) = events.next(&mut left).unwrap() {
            all.push(String::from_utf8(data).unwrap());
        }
        all
    }

    #[test]
    fn events_are_distinguished() {
        let check = |stream: &str, expected: &[&str]| {
            assert_eq!(data_of(stream.as_bytes()), expected, "{stream:?}");
        };
        check("data: {}\n\n", &["{}"]);
        check(
            "\u{feff}event: message\r\nid: 1\r\ndata:{\"a\":\r\ndata: 1}\r\n\r\ndata: 2\n\n",
            &["{\"a\":\n1}", "2"],
        );
        // What keeps the connection open, and what only gives an id to begin from.
        check(": ping\n\nid: 7\ndata:\n\nretry: 5\n\ndata: x\n\n", &["x"]);
        // Broken off.
        check("data: x\n\ndata: y\n", &["x"]);
        check("data: x\n\ndata: y", &["x"]);
        check("", &[]);
    }

    #[test]
    fn what_is_read_has_an_end() {
        let mut left = 20;
        let mut events = EventReader::new(&b"data: 123\n\ndata: 1234567890\n\n"[..]);
        assert_eq!(
            events.next(&mut left).unwrap(),
            Event::Data(b"123".to_vec())
        );
        assert_eq!(left, 9);
        assert_eq!(events.next(&mut left).unwrap(), Event::TooMuch);
        let mut left = u64::MAX;
        let endless = io::repeat(b'x');
        let line = EventReader::new(endless).next(&mut left).unwrap();
        assert_eq!((line, u64::MAX - left), (Event::TooMuch, MAX_EVENT as u64));
        // Many lines of one event, too.
        let line = "data: ".to_owned() + &"x".repeat(1 << 20) + "\n";
        let mut left = u64::MAX;
        let mut events = EventReader::new(io::Cursor::new(line.repeat(17)));
        assert_eq!(events.next(&mut left).unwrap(), Event::TooMuch);
    }
}
