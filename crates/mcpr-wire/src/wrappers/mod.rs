//! What stands around a line without belonging to it: a byte order mark, blanks, colour, and what container
//! engines, the journal, syslog and Kubernetes put before or around each line. One layer comes off at
//! a time; parts are joined elsewhere, for that takes more than one line. Pure.

mod container;
mod prefix;
#[cfg(test)]
mod tests;

use mcpr_model::Text;
use memchr::memchr;
use std::borrow::Cow;

/// Most wrappers around one line that are taken off: a container's line in the journal behind a
/// syslog prefix is three.
pub const MAX_LAYERS: usize = 4;

const ESCAPE: u8 = 0x1b;
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is inside of a wrapper.
#[derive(Debug, PartialEq, Eq)]
pub struct Layer<'a> {
    /// The line inside, or a part of it.
    pub inner: Cow<'a, [u8]>,
    /// Set by wrappers that cut long lines.
    pub part: Option<LinePart>,
}

/// Which line a part belongs to.
#[derive(Debug, PartialEq, Eq)]
pub struct LinePart {
    /// The stream whose lines are cut: parts of different streams may alternate.
    pub stream: Text,
    /// Whether the line ends with it.
    pub is_last: bool,
}

impl<'a> Layer<'a> {
    fn whole(inner: &'a [u8]) -> Self {
        Self {
            inner: Cow::Borrowed(inner),
            part: None,
        }
    }
}

/// A line without what is on its edges.
#[derive(Debug, PartialEq, Eq)]
pub struct Bare<'a> {
    /// The line.
    pub bytes: Cow<'a, [u8]>,
    /// Where it begins in what it was taken from; `None` where something was taken out of its middle.
    pub start: Option<usize>,
}

/// Takes byte order marks and blanks off the beginning of a line, and colour off one that begins with it
/// or like JSON. What comes behind a prefix may be part of a longer line and is left as it is.
#[must_use]
pub fn bare(line: &[u8]) -> Bare<'_> {
    let start = blanks(line);
    let rest = &line[start..];
    // Colour elsewhere in a line of text is left: it may be a message that somebody logs,
    // and only a line that could be an event is worth the copy.
    let is_coloured = matches!(rest.first(), Some(&ESCAPE | b'{' | b'['));
    if is_coloured && memchr(ESCAPE, rest).is_some() {
        let plain = without_colour(rest);
        return Bare {
            bytes: Cow::Owned(plain[blanks(&plain)..].to_vec()),
            // Places in the copy are not places in the source: a bad line is then reported as a whole.
            start: None,
        };
    }
    Bare {
        bytes: Cow::Borrowed(rest),
        start: Some(start),
    }
}

/// How many bytes of blanks and byte order marks a line begins with.
fn blanks(line: &[u8]) -> usize {
    let mut start = 0;
    while let Some(len) = blank_at(&line[start..]) {
        start += len;
    }
    start
}

/// The length of the blank that bytes begin with. A record separator stands before each object of a
/// JSON text sequence (RFC 7464).
fn blank_at(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c | 0x1e, ..] => Some(1),
        // No-break space.
        [0xc2, 0xa0, ..] => Some(2),
        // Zero-width space, word joiner.
        [0xe2, 0x80, 0x8b, ..] | [0xe2, 0x81, 0xa0, ..] => Some(3),
        _ if bytes.starts_with(UTF8_MARK) => Some(UTF8_MARK.len()),
        _ => None,
    }
}

/// A line without the sequences that colour it on a terminal. JSON holds no raw escape character, so
/// that none of it is lost.
pub(super) fn without_colour(line: &[u8]) -> Cow<'_, [u8]> {
    if memchr(ESCAPE, line).is_none() {
        return Cow::Borrowed(line);
    }
    // One pass, for a hostile line may be all escapes.
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr(ESCAPE, rest) {
        plain.extend_from_slice(&rest[..at]);
        rest = &rest[at + sequence_len(&rest[at..])..];
    }
    plain.extend_from_slice(rest);
    Cow::Owned(plain)
}

/// The length of the escape sequence that bytes begin with (ECMA-48); of an unfinished one, only the
/// escape character counts.
fn sequence_len(bytes: &[u8]) -> usize {
    let is_final = |byte: u8| (0x40..=0x7e).contains(&byte);
    let len = match bytes.get(1) {
        Some(b'[') => {
            let middle = bytes[2..]
                .iter()
                .take_while(|byte| (0x20..0x40).contains(*byte));
            let end = 2 + middle.count();
            bytes
                .get(end)
                .filter(|byte| is_final(**byte))
                .map(|_| end + 1)
        }
        // A title or a link: up to the bell or the string terminator.
        Some(b']') => bytes[2..]
            .iter()
            .position(|&byte| byte == 0x07 || byte == ESCAPE)
            .map(|at| {
                let is_terminator = bytes[2 + at] == ESCAPE && bytes.get(3 + at) == Some(&b'\\');
                2 + at + if is_terminator { 2 } else { 1 }
            }),
        // A character set: `ESC ( B`.
        Some(0x20..=0x2f) => bytes.get(2).map(|_| 3),
        Some(0x30..=0x7e) => Some(2),
        _ => None,
    };
    // Half a sequence must not swallow what follows it.
    len.unwrap_or(1)
}

/// Says so where bytes are UTF-16, by their byte order mark or because each second byte of what
/// begins like JSON is 0.
pub(super) fn utf16(line: &[u8]) -> Option<&'static str> {
    match line {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some("UTF-16, as its byte order mark says: only UTF-8 is read")
        }
        // Windows PowerShell redirects into UTF-16, and what is appended there has no mark.
        [b'{' | b'[', 0, ..] | [0, b'{' | b'[', ..] => Some("UTF-16: only UTF-8 is read"),
        _ => None,
    }
}

/// Takes one wrapper off a line that is nothing in itself and has no blanks on its edges; `None` where
/// it has none that is known.
///
/// # Errors
/// Why the line inside is not there.
#[must_use]
pub fn unwrap(line: &[u8]) -> Option<Result<Layer<'_>, String>> {
    match line.first()? {
        // Wrappers of JSON and of text begin differently, so that no line is tried as both.
        b'{' => container::object(line),
        _ => container::cri(line)
            .or_else(|| prefix::prefixed(line))
            .map(Ok),
    }
}
