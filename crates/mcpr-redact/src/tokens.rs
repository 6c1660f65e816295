//! Strings and other tokens of JSON as they are spelled: where they end, and what they say. Must not know
//! what they mean.

use memchr::memchr2;
use std::borrow::Cow;

/// A string of JSON, as far as it goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonString<'a> {
    /// With its quotes; that at the end is missing where the document was cut.
    quoted: &'a str,
    is_escaped: bool,
}

impl<'a> JsonString<'a> {
    /// The string that begins at this quote.
    pub(super) fn at(json: &'a str, open: usize) -> Self {
        let bytes = json.as_bytes();
        let (mut at, mut is_escaped) = (open + 1, false);
        let mut end = bytes.len();
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            at += found;
            if bytes[at] == b'"' {
                end = at + 1;
                break;
            }
            is_escaped = true;
            // Whatever a backslash escapes, the byte behind it ends no string.
            at += 2;
        }
        Self {
            quoted: &json[open..end],
            is_escaped,
        }
    }

    /// How long it is, with its quotes.
    pub(super) fn len(self) -> usize {
        self.quoted.len()
    }

    /// Whether it closes.
    pub(super) fn is_whole(self) -> bool {
        self.len() > 1 && self.quoted.ends_with('"')
    }

    /// What it says; any other text stands for itself.
    pub(super) fn text(self) -> Cow<'a, str> {
        let inner = self.quoted.strip_prefix('"').unwrap_or(self.quoted);
        let inner = inner.strip_suffix('"').unwrap_or(inner);
        if !self.is_escaped {
            return Cow::Borrowed(inner);
        }
        serde_json::from_str(self.quoted).map_or(Cow::Borrowed(inner), Cow::Owned)
    }
}

/// Where the token that begins here ends, when it is not a string.
pub(super) fn end_of_token(json: &str, at: usize) -> usize {
    let rest = &json.as_bytes()[at + 1..];
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if !is_word(&json.as_bytes()[at]) {
        // What is not JSON may hold characters of more than a byte.
        let len = rest.iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
        return at + 1 + len;
    }
    at + 1 + rest.iter().take_while(|byte| is_word(byte)).count()
}

/// Where the blanks end that begin here.
pub(super) fn end_of_blanks(json: &str, at: usize) -> usize {
    let rest = json.as_bytes()[at..].iter();
    let is_blank = |byte: &&u8| b" \t\r\n".contains(byte);
    at + rest.take_while(is_blank).count()
}

/// Whether a token that is not a string can be one of JSON.
pub(super) fn is_of_json(token: &str) -> bool {
    let is_of_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    match token.as_bytes() {
        [first, ..] if first.is_ascii_digit() || *first == b'-' => token.bytes().all(is_of_number),
        [first, ..] if first.is_ascii_alphabetic() => matches!(token, "true" | "false" | "null"),
        [first] => b"{}[]:, \t\r\n".contains(first),
        _ => false,
    }
}
