//! A JSON text gone over token by token: its order, its numbers and its spelling stay as they are,
//! but for secrets. Linear, and bounded by what goes out. Must be given JSON; what is none comes out
//! harmless, but not as JSON.

use super::keys::Secrecy;
use super::members::{self, Awaiting, Container};
use super::{Redactor, value, words};
use memchr::memchr2;
use std::borrow::Cow;
use std::ops::Range;

/// What stands in the place of a value under a secret-looking key.
const OF_KEY: &str = "\"[redacted:key]\"";

/// How deep objects and arrays may stand in each other; what is deeper is gone over as text.
const MAX_DEPTH: usize = 256;

/// A JSON text as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shortened {
    /// The text; JSON, unless it is cut.
    pub text: String,
    /// Secrets taken out.
    pub redacted: u64,
    /// Whether the end is missing.
    pub is_cut: bool,
}

/// Who takes secrets out, and how many documents within texts deep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand<'a> {
    pub(super) redactor: &'a Redactor,
    pub(super) documents: usize,
}

impl Hand<'_> {
    fn text(self, text: &str, is_head: bool) -> Option<(String, u64)> {
        self.redactor.nested(text, is_head, self.documents)
    }
}

struct JsonWalk<'a> {
    json: &'a str,
    at: usize,
    limit: usize,
    hand: Option<Hand<'a>>,
    frames: Vec<Container>,
    out: Shortened,
    /// What was put out and is a secret after all.
    late: Vec<Range<usize>>,
    /// Where the last text began, and how long the output was then.
    last_text: Option<(usize, usize, u64)>,
    last_takes_turns: bool,
}

/// Copies a JSON text without its secrets, as far as `limit` bytes allow.
pub(super) fn shorten(json: &str, limit: usize, hand: Option<Hand<'_>>) -> Shortened {
    let mut walk = JsonWalk {
        json,
        at: 0,
        limit,
        hand,
        frames: Vec::new(),
        out: Shortened {
            text: String::with_capacity(json.len().min(limit)),
            ..Shortened::default()
        },
        late: Vec::new(),
        last_text: None,
        last_takes_turns: false,
    };
    // One byte over the limit shows that the end is missing.
    while walk.at < json.len() && walk.out.text.len() <= limit {
        walk.token();
    }
    walk.finish()
}

impl JsonWalk<'_> {
    fn finish(mut self) -> Shortened {
        self.out.is_cut |= self.out.text.len() > self.limit || self.at < self.json.len();
        // The name that makes a secret of a value may stand behind the cut: in doubt, what looks
        // random goes.
        if self.out.is_cut {
            let written = self.out.text.len();
            for doubt in self.frames.iter().flat_map(|frame| frame.in_doubt(written)) {
                let said = self.out.text[doubt.clone()].trim_matches(['"', ' ', ':']);
                if words::looks_random(said.as_bytes()) {
                    self.late.push(doubt);
                }
            }
        }
        self.put_late();
        let mut out = self.out;
        if out.text.len() > self.limit {
            out.is_cut = true;
            out.text.truncate(out.text.floor_char_boundary(self.limit));
        }
        out
    }

    /// Marks what turned out to be a secret when its name followed.
    fn put_late(&mut self) {
        if self.hand.is_none() || self.late.is_empty() {
            return;
        }
        // The longest first: what lies within it goes with it.
        self.late
            .sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let text = std::mem::take(&mut self.out.text);
        let mut done = 0;
        for range in &self.late {
            let end = range.end.min(text.len());
            if range.start < done || range.start >= end {
                continue;
            }
            let value = text[range.start..end].trim_start_matches([':', ' ', '\n', '\r', '\t']);
            let from = end - value.len();
            let value = value.trim_end();
            let said = value.trim_matches('"');
            let is_said = matches!(value, "null" | "true" | "false" | "{}" | "[]")
                || words::is_placeholder(said.as_bytes());
            if is_said || value::mark_at(said.as_bytes(), 0) == Some(said.len()) {
                continue;
            }
            self.out.text.push_str(&text[done..from]);
            self.out.text.push_str(OF_KEY);
            done = from + value.len();
            self.out.redacted += 1;
        }
        self.out.text.push_str(&text[done..]);
    }

    fn token(&mut self) {
        let byte = self.json.as_bytes()[self.at];
        let is_empty = |close: u8| {
            let rest = self.json.as_bytes()[self.at + 1..].iter();
            rest.clone().find(|byte| !byte.is_ascii_whitespace()) == Some(&close)
        };
        match byte {
            b'"' => return self.string(),
            // Under any weaker key a number is a count.
            b'-' | b'0'..=b'9' if self.secrecy() == Secrecy::Any => return self.skip_value(),
            // The whole object is the secret, whatever its members are called; the schema of one is
            // none.
            b'{' if self.secrecy() >= Secrecy::NoNumber && !is_empty(b'}') && !self.is_schema() => {
                return self.skip_value();
            }
            b'{' | b'[' if self.frames.len() >= MAX_DEPTH => return self.rest(),
            b'{' => {
                let is_schema = self.secrecy() >= Secrecy::NoNumber;
                // Below a doubtful key a member goes only where it looks random.
                let inherited = if is_schema {
                    Secrecy::None
                } else {
                    self.secrecy().min(Secrecy::Random)
                };
                self.frames
                    .push(Container::new(Awaiting::Key, inherited, is_schema, false));
            }
            b'[' => {
                let secrecy = self.secrecy();
                let takes_turns = self.last_takes_turns;
                let array = match self.frames.last() {
                    Some(outer) => outer.array(secrecy, takes_turns),
                    None => Container::new(Awaiting::Array, secrecy, false, takes_turns),
                };
                self.frames.push(array);
                self.last_takes_turns = false;
            }
            b'}' | b']' => {
                self.end_member();
                if let Some(inner) = self.frames.pop()
                    && let Some(outer) = self.frames.last_mut()
                {
                    outer.ended(inner);
                }
            }
            b',' => self.end_member(),
            b':' => {
                let written = self.out.text.len() + 1;
                if let Some(frame) = self.frames.last_mut() {
                    frame.begin(written);
                }
            }
            b' ' | b'\t' | b'\r' | b'\n' => return self.copy_to(self.end_of_blanks()),
            _ => {}
        }
        if matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':') {
            // Behind `:` the key still says what the value is, should that be none of JSON.
            if byte != b':' {
                self.last_text = None;
            }
            return self.copy_to(self.at + 1);
        }
        let end = self.end_of_token();
        if self.hand.is_some() && !is_of_json(&self.json[self.at..end]) {
            return self.rest_from_text();
        }
        self.copy_to(end);
    }

    fn end_member(&mut self) {
        let written = self.out.text.len();
        if let Some(frame) = self.frames.last_mut() {
            frame.end(written);
        }
    }

    fn secrecy(&self) -> Secrecy {
        match self.hand {
            Some(_) => self.frames.last().map_or(Secrecy::None, Container::secrecy),
            None => Secrecy::None,
        }
    }

    /// Whether the object that begins here is a schema: its first key says so.
    fn is_schema(&self) -> bool {
        const LONGEST: usize = 64;
        let inner = self.json[self.at + 1..].trim_start();
        let key = inner
            .strip_prefix('"')
            .and_then(|key| key.get(..key.len().min(LONGEST)).or(Some("")));
        key.and_then(|key| key.split_once('"'))
            .is_some_and(|(key, _)| members::is_of_schema(key))
    }

    /// What is no JSON began with the last text: `{"a" => 1}`.
    fn rest_from_text(&mut self) {
        if let Some((at, written, redacted)) = self.last_text.take() {
            self.at = at;
            self.out.text.truncate(written);
            self.out.redacted = redacted;
            self.late.retain(|range| range.end <= written);
        }
        self.rest();
    }

    /// From a word on that JSON does not know the quotes may stand anywhere: what is left is text.
    fn rest(&mut self) {
        let room = self.limit.saturating_sub(self.out.text.len());
        let rest = &self.json[self.at..];
        let head = &rest[..rest.floor_char_boundary(room)];
        let is_cut = head.len() < rest.len();
        let clean = self.hand.and_then(|hand| {
            let hand = Hand {
                // Read as JSON again, the same bytes would end here again.
                documents: 0,
                ..hand
            };
            hand.text(head, is_cut)
        });
        let (text, count) = clean.unwrap_or_else(|| (head.to_owned(), 0));
        self.out.text.push_str(&text);
        self.out.redacted += count;
        self.out.is_cut |= is_cut;
        self.at = self.json.len();
    }

    /// Where the token that begins here ends, when it is no string.
    fn end_of_token(&self) -> usize {
        let rest = &self.json.as_bytes()[self.at + 1..];
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        if !is_word(&self.json.as_bytes()[self.at]) {
            // What is no JSON may hold characters of more than a byte.
            let len = rest.iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
            return self.at + 1 + len;
        }
        self.at + 1 + rest.iter().take_while(|byte| is_word(byte)).count()
    }

    fn end_of_blanks(&self) -> usize {
        let rest = self.json.as_bytes()[self.at..].iter();
        let is_blank = |byte: &&u8| b" \t\r\n".contains(byte);
        self.at + rest.take_while(is_blank).count()
    }

    fn copy_to(&mut self, end: usize) {
        self.out.text.push_str(&self.json[self.at..end]);
        self.at = end;
    }

    fn string(&mut self) {
        let end = self.end_of_string();
        // Behind a document there are no texts of JSON.
        if self.frames.is_empty() && self.hand.is_some() && !self.out.text.trim_ascii().is_empty() {
            return self.rest();
        }
        // Kept for a word that JSON does not know: this text is read once more then, as a part of
        // it.
        self.last_text = Some((self.at, self.out.text.len(), self.out.redacted));
        if self
            .frames
            .last()
            .is_some_and(|frame| frame.open == Awaiting::Key)
        {
            let key = unescaped(&self.json[self.at..end]);
            self.last_takes_turns = members::takes_turns(&key);
            let rest = &self.json[end..];
            if let Some(frame) = self.frames.last_mut() {
                frame.key(&key, rest);
            }
            // A key may be an address with a password in it.
            let clean = self.hand.and_then(|hand| hand.text(&key, false));
            return match clean {
                None => self.copy_to(end),
                Some((text, count)) => self.put(&text, count, end),
            };
        }
        self.value(end);
    }

    /// A string that is a value.
    fn value(&mut self, end: usize) {
        let Some(hand) = self.hand else {
            return self.copy_to(end);
        };
        let text = unescaped(&self.json[self.at..end]);
        let secrecy = self.secrecy();
        if value::mark_at(text.as_bytes(), 0) == Some(text.len()) {
            if let Some(frame) = self.frames.last_mut() {
                frame.forget();
            }
            return self.copy_to(end);
        }
        if let Some(frame) = self.frames.last_mut() {
            if frame.is_listed(&text, self.out.text.len()) || is_secret(secrecy, &text) {
                return self.mark(end);
            }
            frame.text(&text, &mut self.late);
        }
        let room = self.limit.saturating_sub(self.out.text.len());
        // A string that does not close is where the document was cut.
        let is_whole = end - self.at > 1 && self.json[..end].ends_with('"');
        if text.len() > room || !is_whole {
            return self.last_value(&text[..text.floor_char_boundary(room)], hand);
        }
        match hand.text(&text, false) {
            None => self.copy_to(end),
            Some((text, count)) => self.put(&text, count, end),
        }
    }

    fn mark(&mut self, end: usize) {
        self.out.text.push_str(OF_KEY);
        self.out.redacted += 1;
        self.at = end;
    }

    /// Puts a text without its secrets in the place of the string that ends here.
    fn put(&mut self, text: &str, count: u64, end: usize) {
        // Only a string that has lost a secret changes its spelling.
        let quoted = serde_json::Value::from(text).to_string();
        self.out.text.push_str(&quoted);
        self.out.redacted += count;
        self.at = end;
    }

    /// The head of a string that does not fit: nothing follows it.
    fn last_value(&mut self, head: &str, hand: Hand<'_>) {
        let (text, count) = match hand.text(head, true) {
            Some((text, count)) => (Cow::Owned(text), count),
            None => (Cow::Borrowed(head), 0),
        };
        let quoted = serde_json::Value::from(&*text).to_string();
        // It stays open, as what is cut must not pass for whole.
        self.out.text.push_str(quoted.trim_end_matches('"'));
        self.out.redacted += count;
        self.out.is_cut = true;
        self.at = self.json.len();
    }

    /// Where the string that begins here ends, its quote included.
    fn end_of_string(&self) -> usize {
        let bytes = self.json.as_bytes();
        let mut at = self.at + 1;
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            at += found;
            if bytes[at] == b'"' {
                return at + 1;
            }
            // Whatever a backslash escapes, the byte behind it ends no string.
            at += 2;
        }
        bytes.len()
    }

    /// Puts the mark in the place of the value that begins here.
    fn skip_value(&mut self) {
        let mut nested = 0_usize;
        while let Some(&byte) = self.json.as_bytes().get(self.at) {
            match byte {
                b'"' => self.at = self.end_of_string(),
                b'{' | b'[' => {
                    nested += 1;
                    self.at += 1;
                }
                b'}' | b']' if nested > 0 => {
                    nested -= 1;
                    self.at += 1;
                }
                _ => self.at = self.end_of_token(),
            }
            if nested == 0 {
                break;
            }
        }
        self.out.text.push_str(OF_KEY);
        self.out.redacted += 1;
    }
}

/// Whether a text is a secret under a key that is so sure.
fn is_secret(secrecy: Secrecy, text: &str) -> bool {
    const LOOKED_AT: usize = 1024;
    let said = text.as_bytes();
    if secrecy == Secrecy::None || text.is_empty() || value::mark_at(said, 0) == Some(said.len()) {
        return false;
    }
    // Long texts are not asked word by word: they go under a sure key and stay under a doubtful
    // one.
    let is_prose = said.len() > LOOKED_AT && secrecy < Secrecy::NoNumber
        || said.len() <= LOOKED_AT
            && (words::is_placeholder(said) || words::is_prose(said) || is_declaration(text));
    let token = &said[super::signs::after_scheme(said, 0)..];
    !is_prose
        && match secrecy {
            Secrecy::None => false,
            Secrecy::KeyMaterial => words::is_key_material(token),
            Secrecy::Random => words::looks_random(token),
            Secrecy::NoNumber => !said.iter().all(u8::is_ascii_digit),
            Secrecy::Any => true,
        }
}

/// The signature of a function is none of a message: `def f(x: int) -> str`.
fn is_declaration(text: &str) -> bool {
    const LONGEST: usize = 200;
    if text.len() > LONGEST || words::has_token(text.as_bytes()) {
        return false;
    }
    let words = [
        "def ",
        "fn ",
        "function ",
        "func ",
        "void ",
        "public ",
        "(self",
        "->",
        "=>",
    ];
    text.contains('(') && text.contains(')') && words.iter().any(|word| text.contains(word))
}

/// Whether a token that is no string can be one of JSON.
fn is_of_json(token: &str) -> bool {
    let is_of_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    match token.as_bytes() {
        [first, ..] if first.is_ascii_digit() || *first == b'-' => token.bytes().all(is_of_number),
        [first, ..] if first.is_ascii_alphabetic() => matches!(token, "true" | "false" | "null"),
        [first] => b"{}[]:, \t\r\n".contains(first),
        _ => false,
    }
}

/// What a string of JSON says; one that is none says what stands in it.
fn unescaped(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.strip_prefix('"').unwrap_or(quoted);
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str(quoted).map_or(Cow::Borrowed(inner), Cow::Owned)
}
