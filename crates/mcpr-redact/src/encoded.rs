//! Texts in which marks of punctuation stand encoded, as addresses, XML, logs of web servers and JSON
//! within texts do: `%22`, `&quot;`, `\x22`, `\u0022`. They are read decoded; what is found is taken out
//! of the text as it stands. Must not know what a secret is.

use std::ops::Range;

/// A text with its marks decoded.
pub(super) struct DecodedText {
    pub(super) text: Vec<u8>,
    /// Where each byte of it begins in the text as it stands, and where that ends.
    places: Vec<usize>,
}

impl DecodedText {
    /// Where a range of the decoded text stands in the other.
    pub(super) fn place(&self, range: &Range<usize>) -> Range<usize> {
        self.places[range.start]..self.places[range.end]
    }
}

/// The text decoded, if something in it is encoded.
pub(super) fn decode(text: &[u8]) -> Option<DecodedText> {
    let marks = |from: usize| memchr::memchr3_iter(b'%', b'&', b'\\', &text[from..]);
    // Most texts encode nothing, and are not copied.
    let first = marks(0).find(|at| mark(&text[*at..]).is_some())?;
    let mut decoded = DecodedText {
        text: Vec::with_capacity(text.len()),
        places: Vec::with_capacity(text.len() + 1),
    };
    decoded.text.extend_from_slice(&text[..first]);
    decoded.places.extend(0..first);
    let mut at = first;
    while let Some(&byte) = text.get(at) {
        let (byte, len) = mark(&text[at..]).unwrap_or((byte, 1));
        decoded.text.push(byte);
        decoded.places.push(at);
        at += len;
    }
    // For a secret that goes to the end.
    decoded.places.push(text.len());
    Some(decoded)
}

/// The byte that stands encoded at the start, and how long that is.
fn mark(text: &[u8]) -> Option<(u8, usize)> {
    const NAMED: [(&[u8], u8); 5] = [
        (b"quot;", b'"'),
        (b"apos;", b'\''),
        (b"amp;", b'&'),
        (b"lt;", b'<'),
        (b"gt;", b'>'),
    ];
    let (first, rest) = text.split_first()?;
    match (first, rest) {
        (b'%', _) => hex(rest, 2).map(|byte| (byte, 3)),
        (b'\\', [b'x', rest @ ..]) => hex(rest, 2).map(|byte| (byte, 4)),
        // Only ASCII is decoded, whose escapes begin with two zeros.
        (b'\\', [b'u', b'0', b'0', rest @ ..]) => hex(rest, 2).map(|byte| (byte, 6)),
        (b'&', [b'#', rest @ ..]) => numbered(rest),
        (b'&', _) => NAMED
            .iter()
            .find(|(name, _)| rest.starts_with(name))
            .map(|(name, byte)| (*byte, name.len() + 1)),
        _ => None,
    }
}

/// A character that is printed; nothing else is worth decoding, and a break of the line would change
/// what a line is.
fn printed(byte: u8) -> Option<u8> {
    (byte == b' ' || byte.is_ascii_graphic()).then_some(byte)
}

fn hex(text: &[u8], len: usize) -> Option<u8> {
    let digits = std::str::from_utf8(text.get(..len)?).ok()?;
    // `from_str_radix` would take a sign as well.
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16)
        .ok()
        .filter(|_| is_hex)
        .and_then(printed)
}

/// `&#34;`, `&#x22;`, behind the `#`.
fn numbered(text: &[u8]) -> Option<(u8, usize)> {
    const LONGEST: usize = 5;
    let end = text.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let number = &text[..end];
    let byte = match number {
        [b'x' | b'X', digits @ ..] => hex(digits, digits.len())?,
        digits => printed(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
    };
    // The three are `&`, `#` and `;`.
    Some((byte, end + 3))
}
