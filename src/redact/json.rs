//! A JSON text gone over token by token: its order, its numbers and its spelling stay as they are,
//! but for secrets. Linear, and bounded by what goes out. Must be given JSON; what is none comes out
//! harmless, but not as JSON.

use super::{Redactor, keys};
use memchr::memchr2;
use std::borrow::Cow;

/// What stands in the place of a value under a secret-looking key.
const OF_KEY: &str = "\"[redacted:key]\"";

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

/// What an open object or array is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Array,
    Key,
    /// The value of a member; whether it is a secret.
    Value(bool),
}

struct Walk<'a> {
    json: &'a str,
    at: usize,
    limit: usize,
    redactor: Option<&'a Redactor>,
    open: Vec<Open>,
    /// Whether the object that is open at each depth named a secret with a `name` of its own.
    names_secret: Vec<bool>,
    last_key_is_name: bool,
    last_key_is_value: bool,
    out: Shortened,
}

/// Copies a JSON text without its secrets, as far as `limit` bytes allow.
pub(super) fn shorten(json: &str, limit: usize, redactor: Option<&Redactor>) -> Shortened {
    let mut walk = Walk {
        json,
        at: 0,
        limit,
        redactor,
        open: Vec::new(),
        names_secret: Vec::new(),
        last_key_is_name: false,
        last_key_is_value: false,
        out: Shortened::default(),
    };
    while walk.at < json.len() && walk.out.text.len() <= limit {
        walk.token();
    }
    let mut out = walk.out;
    out.is_cut |= out.text.len() > limit || walk.at < json.len();
    if out.text.len() > limit {
        out.text.truncate(out.text.floor_char_boundary(limit));
    }
    out
}

impl Walk<'_> {
    fn token(&mut self) {
        let byte = self.json.as_bytes()[self.at];
        match byte {
            b'"' => return self.string(),
            b'{' | b'[' | b'-' | b'0'..=b'9' if self.is_secret() => return self.skip_value(),
            b'{' => self.enter(Open::Key),
            b'[' => self.enter(Open::Array),
            b'}' | b']' => self.leave(),
            b',' => {
                if let Some(Open::Value(_)) = self.open.last() {
                    self.set(Open::Key);
                }
            }
            _ => {}
        }
        let end = self.end_of_token();
        match self.redactor {
            Some(redactor) if !is_of_json(&self.json[self.at..end]) => self.rest(redactor),
            _ => self.copy_to(end),
        }
    }

    /// From a word on that JSON does not know the quotes may stand anywhere: what is left is text.
    fn rest(&mut self, redactor: &Redactor) {
        let room = self.limit.saturating_sub(self.out.text.len());
        let rest = &self.json[self.at..];
        let head = &rest[..rest.floor_char_boundary(room)];
        let is_cut = head.len() < rest.len();
        let clean = if is_cut {
            redactor.head_of_text(head)
        } else {
            redactor.text(head)
        };
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

    fn enter(&mut self, open: Open) {
        self.open.push(open);
        self.names_secret.push(false);
    }

    fn leave(&mut self) {
        self.open.pop();
        self.names_secret.pop();
    }

    fn set(&mut self, open: Open) {
        if let Some(last) = self.open.last_mut() {
            *last = open;
        }
    }

    fn is_secret(&self) -> bool {
        self.redactor.is_some() && self.open.last() == Some(&Open::Value(true))
    }

    fn copy_to(&mut self, end: usize) {
        self.out.text.push_str(&self.json[self.at..end]);
        self.at = end;
    }

    fn string(&mut self) {
        let end = self.end_of_string();
        match self.open.last() {
            Some(Open::Key) => {
                let key = unescaped(&self.json[self.at..end]);
                self.key(&key, end);
                let clean = self.redactor.and_then(|redactor| redactor.text(&key));
                match clean {
                    None => self.copy_to(end),
                    Some((text, count)) => self.put(&text, count, end),
                }
            }
            _ if self.is_secret() => self.skip_value(),
            _ => self.value(end),
        }
    }

    /// A key that ends here.
    fn key(&mut self, key: &str, end: usize) {
        self.last_key_is_name = matches!(key, "name" | "key" | "header");
        self.last_key_is_value = key == "value";
        let named = self.names_secret.last().copied().unwrap_or_default();
        let is_secret = keys::is_secret(key.as_bytes())
            || keys::is_secret_pin(key.as_bytes(), &self.json[end..])
            || (named && self.last_key_is_value);
        self.set(Open::Value(is_secret));
    }

    /// A string that is a value.
    fn value(&mut self, end: usize) {
        let Some(redactor) = self.redactor else {
            return self.copy_to(end);
        };
        let is_member = matches!(self.open.last(), Some(Open::Value(_)));
        let text = unescaped(&self.json[self.at..end]);
        // `{"name": "Authorization", "value": "…"}`
        if is_member
            && self.last_key_is_name
            && let Some(named) = self.names_secret.last_mut()
        {
            *named = keys::is_secret(text.as_bytes());
        }
        let room = self.limit.saturating_sub(self.out.text.len());
        let is_whole = end - self.at > 1 && self.json[..end].ends_with('"');
        if text.len() > room || !is_whole {
            return self.last_value(&text[..text.floor_char_boundary(room)], redactor);
        }
        match redactor.text(&text) {
            None => self.copy_to(end),
            Some((text, count)) => self.put(&text, count, end),
        }
    }

    /// Puts a text without its secrets in the place of the string that ends here.
    fn put(&mut self, text: &str, count: u64, end: usize) {
        let quoted = serde_json::Value::from(text).to_string();
        self.out.text.push_str(&quoted);
        self.out.redacted += count;
        self.at = end;
    }

    /// The head of a string that does not fit: nothing follows it.
    fn last_value(&mut self, head: &str, redactor: &Redactor) {
        let (text, count) = match redactor.head_of_text(head) {
            Some((text, count)) => (Cow::Owned(text), count),
            None => (Cow::Borrowed(head), 0),
        };
        let quoted = serde_json::Value::from(&*text).to_string();
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
            at += 2;
        }
        bytes.len()
    }

    /// Puts the mark in the place of the value that begins here.
    fn skip_value(&mut self) {
        let (from, depth) = (self.at, self.open.len());
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
        debug_assert_eq!(depth, self.open.len(), "what is skipped is not entered");
        let value = &self.json[from..self.at];
        if value == OF_KEY || value == "\"\"" {
            return self.out.text.push_str(value);
        }
        self.out.text.push_str(OF_KEY);
        self.out.redacted += 1;
    }
}

/// Whether a token that is no string can be one of JSON.
fn is_of_json(token: &str) -> bool {
    let is_of_number = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    match token.as_bytes() {
        [first, ..] if first.is_ascii_digit() || *first == b'-' => token.bytes().all(is_of_number),
        [first, ..] if first.is_ascii_alphabetic() => matches!(token, "true" | "false" | "null"),
        _ => true,
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
