//! A JSON text gone over token by token: its order, its numbers and its spelling stay as they are,
//! but for secrets. Linear, and bounded by what goes out. Must be given JSON; other text comes out
//! harmless, but not as JSON.

use super::keys::Secrecy;
use super::members::{self, Awaiting, Container};
use super::tokens::{self, JsonString};
use super::{Redactor, value, words};
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
    /// What stands before is put out; from here to `at` all is put out as it is, in one piece, as soon as
    /// something else follows.
    copied: usize,
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
        copied: 0,
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
    while walk.at < json.len() && walk.written() <= limit {
        walk.token();
    }
    walk.finish()
}

impl JsonWalk<'_> {
    /// How long the output is, with what is to be copied.
    fn written(&self) -> usize {
        self.out.text.len() + self.at - self.copied
    }

    /// How much may still be put out.
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.written())
    }

    /// Puts out what was read and stays as it is.
    fn flush(&mut self) {
        self.out.text.push_str(&self.json[self.copied..self.at]);
        self.copied = self.at;
    }

    /// Goes on behind what was put out otherwise.
    fn go_to(&mut self, at: usize) {
        self.at = at;
        self.copied = at;
    }

    fn finish(mut self) -> Shortened {
        self.flush();
        self.out.is_cut |= self.out.text.len() > self.limit || self.at < self.json.len();
        // The name that makes a secret of a value may stand behind the cut: in doubt, what looks
        // random goes.
        if self.out.is_cut {
            let written = self.out.text.len();
            for doubt in self.frames.iter().flat_map(|frame| frame.in_doubt(written)) {
                let candidate = self.out.text[doubt.clone()].trim_matches(['"', ' ', ':']);
                if words::looks_random(candidate.as_bytes()) {
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
            let candidate = value.trim_matches('"');
            let is_value_without_secret = matches!(value, "null" | "true" | "false" | "{}" | "[]")
                || words::is_placeholder(candidate.as_bytes());
            if is_value_without_secret
                || value::mark_at(candidate.as_bytes(), 0) == Some(candidate.len())
            {
                continue;
            }
            self.out.text.push_str(&text[done..from]);
            self.out.text.push_str(OF_KEY);
            done = from + value.len();
            self.out.redacted += 1;
        }
        self.out.text.push_str(&text[done..]);
    }

    fn begin_array(&mut self) {
        let secrecy = self.secrecy();
        let takes_turns = std::mem::take(&mut self.last_takes_turns);
        let array = match self.frames.last() {
            Some(outer) => outer.array(secrecy, takes_turns),
            None => Container::new(Awaiting::Array, secrecy, false, takes_turns),
        };
        self.frames.push(array);
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
            b'[' => self.begin_array(),
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
                let written = self.written() + 1;
                if let Some(frame) = self.frames.last_mut() {
                    frame.begin(written);
                }
            }
            b' ' | b'\t' | b'\r' | b'\n' => {
                return self.copy_to(tokens::end_of_blanks(self.json, self.at));
            }
            _ => {}
        }
        if matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':') {
            // Behind `:` the key still says what the value is, should that be none of JSON.
            if byte != b':' {
                self.last_text = None;
            }
            return self.copy_to(self.at + 1);
        }
        let end = tokens::end_of_token(self.json, self.at);
        let token = &self.json[self.at..end];
        if self.hand.is_some() && !tokens::is_of_json(token) {
            return self.rest_from_text();
        }
        if token == "true"
            && let Some(frame) = self.frames.last_mut()
        {
            frame.yes(&mut self.late);
        }
        self.copy_to(end);
    }

    fn end_member(&mut self) {
        let written = self.written();
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

    /// What is not JSON began with the last text: `{"a" => 1}`.
    fn rest_from_text(&mut self) {
        if let Some((at, written, redacted)) = self.last_text.take() {
            if self.out.text.len() > written {
                self.out.text.truncate(written);
                self.copied = at;
            }
            self.at = at;
            self.out.redacted = redacted;
            self.late.retain(|range| range.end <= written);
        }
        self.rest();
    }

    /// From a word on that JSON does not know the quotes may stand anywhere: what is left is text.
    fn rest(&mut self) {
        let room = self.room();
        self.flush();
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
        self.go_to(self.json.len());
    }

    fn copy_to(&mut self, end: usize) {
        self.at = end;
    }

    fn string(&mut self) {
        let string = JsonString::at(self.json, self.at);
        // Behind a document there are no texts of JSON.
        if self.frames.is_empty() && self.hand.is_some() && self.is_behind_document() {
            return self.rest();
        }
        // Kept for a word that JSON does not know: this text is read once more then, as a part of
        // it.
        self.last_text = Some((self.at, self.written(), self.out.redacted));
        let Some(frame) = self.frames.last_mut() else {
            return self.value(string);
        };
        if frame.open != Awaiting::Key {
            return self.value(string);
        }
        let key = string.text();
        self.last_takes_turns = members::takes_turns(&key);
        frame.key(&key, &self.json[self.at + string.len()..]);
        // A key may be an address with a password in it.
        match self.hand.and_then(|hand| hand.text(&key, false)) {
            None => self.copy_to(self.at + string.len()),
            Some((text, count)) => self.put(&text, count, string),
        }
    }

    /// Whether something was read already.
    fn is_behind_document(&self) -> bool {
        let is_value_without_secret = |text: &str| !text.trim_ascii().is_empty();
        is_value_without_secret(&self.out.text)
            || is_value_without_secret(&self.json[self.copied..self.at])
    }

    /// A string that is a value.
    fn value(&mut self, string: JsonString<'_>) {
        let end = self.at + string.len();
        let Some(hand) = self.hand else {
            return self.copy_to(end);
        };
        let text = string.text();
        let secrecy = self.secrecy();
        if value::mark_at(text.as_bytes(), 0) == Some(text.len()) {
            if let Some(frame) = self.frames.last_mut() {
                frame.forget();
            }
            return self.copy_to(end);
        }
        let written = self.written();
        if let Some(frame) = self.frames.last_mut() {
            if frame.is_listed(&text, written) || is_secret(secrecy, &text) {
                return self.mark(end);
            }
            frame.text(&text, &mut self.late);
        }
        let room = self.room();
        // A string that does not close is where the document was cut.
        if text.len() > room || !string.is_whole() {
            return self.last_value(&text[..text.floor_char_boundary(room)], hand);
        }
        match hand.text(&text, false) {
            None => self.copy_to(end),
            Some((text, count)) => self.put(&text, count, string),
        }
    }

    fn mark(&mut self, end: usize) {
        self.flush();
        self.out.text.push_str(OF_KEY);
        self.out.redacted += 1;
        self.go_to(end);
    }

    /// Puts a text without its secrets in the place of the string that begins here.
    fn put(&mut self, text: &str, count: u64, string: JsonString<'_>) {
        self.flush();
        // Only a string that has lost a secret changes its spelling.
        let quoted = serde_json::Value::from(text).to_string();
        self.out.text.push_str(&quoted);
        self.out.redacted += count;
        self.go_to(self.at + string.len());
    }

    /// The head of a string that does not fit: nothing follows it.
    fn last_value(&mut self, head: &str, hand: Hand<'_>) {
        self.flush();
        let (text, count) = match hand.text(head, true) {
            Some((text, count)) => (Cow::Owned(text), count),
            None => (Cow::Borrowed(head), 0),
        };
        let quoted = serde_json::Value::from(&*text).to_string();
        // It stays open, as what is cut must not pass for whole.
        self.out.text.push_str(quoted.trim_end_matches('"'));
        self.out.redacted += count;
        self.out.is_cut = true;
        self.go_to(self.json.len());
    }

    /// Puts the mark in the place of the value that begins here.
    fn skip_value(&mut self) {
        self.flush();
        let mut nested = 0_usize;
        while let Some(&byte) = self.json.as_bytes().get(self.at) {
            match byte {
                b'"' => self.at += JsonString::at(self.json, self.at).len(),
                b'{' | b'[' => {
                    nested += 1;
                    self.at += 1;
                }
                b'}' | b']' if nested > 0 => {
                    nested -= 1;
                    self.at += 1;
                }
                _ => self.at = tokens::end_of_token(self.json, self.at),
            }
            if nested == 0 {
                break;
            }
        }
        self.go_to(self.at);
        self.mark(self.at);
    }
}

/// Whether a text is a secret under a key that is so sure.
fn is_secret(secrecy: Secrecy, text: &str) -> bool {
    const LOOKED_AT: usize = 1024;
    let candidate = text.as_bytes();
    if secrecy == Secrecy::None
        || text.is_empty()
        || value::mark_at(candidate, 0) == Some(candidate.len())
    {
        return false;
    }
    // Long texts are not asked word by word: they go under a sure key and stay under a doubtful
    // one.
    let token = &candidate[super::signs::after_scheme(candidate, 0)..];
    let is_placeholder =
        words::is_placeholder(candidate) || super::signs::is_variable_behind_scheme(candidate);
    let is_prose = candidate.len() > LOOKED_AT && secrecy < Secrecy::NoNumber
        || candidate.len() <= LOOKED_AT
            && (is_placeholder || words::is_prose(candidate) || is_declaration(text));
    !is_prose
        && match secrecy {
            Secrecy::None => false,
            Secrecy::KeyMaterial => words::is_key_material(token),
            Secrecy::Random => words::looks_random(token) && !words::is_algorithm(token),
            Secrecy::NoNumber => !candidate.iter().all(u8::is_ascii_digit),
            Secrecy::Any => true,
        }
}

/// The signature of a function is not a secret: `def f(x: int) -> str`.
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
