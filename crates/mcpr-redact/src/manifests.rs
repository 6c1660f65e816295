//! The members of a `Secret` of Kubernetes in YAML: every value below `data:` and `stringData:` is one,
//! whatever it is called. Must not read JSON; see [`super::members`].

use super::scan::Pass;
use super::{value, words};
use std::ops::Range;

/// What says that a document of YAML is one.
pub(super) const FINDERS: &[&str] = &[
    "kind: secret",
    "kind: \"secret\"",
    "kind: 'secret'",
    "stringdata:\n",
    "stringdata:\r\n",
];

/// What nothing but a `Secret` has: the lines that say its kind may be none of the text.
const OF_SECRETS: &[u8] = b"stringData:";

/// The same in JSON whose quotes are escaped: any other is read as a document.
pub(super) const FINDERS_OF_JSON: &[&str] =
    &["kind\\\":\\\"secret\\\"", "kind\\\": \\\"secret\\\""];

/// How far such a document is read on each side, in bytes.
const LONGEST: usize = 64 << 10;

/// How far its members may be set in.
const MAX_COLUMN: usize = 32;

/// Below which keys its secrets stand.
const HOLDERS: [&[u8]; 2] = [b"data:", b"stringData:"];

impl Pass<'_> {
    pub(super) fn manifest(&mut self, hit: &Range<usize>) {
        let text = self.text;
        // A list of kinds, or prose, goes on behind the word; a document is read once, however often it
        // says what it is.
        let kind = text[hit.clone()].trim_ascii_end();
        let kind = kind
            .strip_suffix(b"\"")
            .or_else(|| kind.strip_suffix(b"'"))
            .unwrap_or(kind);
        let rest = text[hit.end..value::end_of_line(text, hit.end)].trim_ascii();
        let is_own = kind.ends_with(OF_SECRETS);
        let is_line =
            is_own || kind.ends_with(b"Secret") && (rest.is_empty() || rest.starts_with(b"#"));
        if !is_line || hit.start < self.manifested {
            return;
        }
        let line = memchr::memrchr(b'\n', &text[..hit.start]).map_or(0, |at| at + 1);
        let indent = &text[line..hit.start];
        // In a list its members are set in behind a dash.
        if indent.len() > MAX_COLUMN || !indent.iter().all(|byte| b" -".contains(byte)) {
            return;
        }
        let next = match indent.len().checked_sub(2) {
            Some(column) => format!("\n{}- ", " ".repeat(column)),
            None => "\n---".to_owned(),
        };
        let from = hit.start.saturating_sub(LONGEST).max(self.manifested);
        let begin = memchr::memmem::rfind(&text[from..hit.start], next.as_bytes());
        let begin = begin.map_or(from, |at| from + at + 1);
        let last = text.len().min(hit.end + LONGEST);
        let end = memchr::memmem::find(&text[hit.end..last], next.as_bytes());
        let end = end.map_or(last, |at| hit.end + at);
        self.manifested = end;
        let found = self.values(begin..end, indent.len());
        // What stands between the values may hold other secrets.
        let (skip, at, floor) = (self.skip.clone(), self.at, self.floor);
        for secret in found {
            let end = secret.end;
            self.take(secret, end, "key");
        }
        (self.skip, self.at, self.floor) = (skip, at, floor);
    }

    /// The values below the keys that hold secrets, which begin in this column.
    fn values(&self, document: Range<usize>, column: usize) -> Vec<Range<usize>> {
        let text = self.text;
        let (mut found, mut at, mut is_holder) = (Vec::new(), document.start, false);
        while at < document.end {
            let line = at..value::end_of_line(&text[..document.end], at);
            at = line.end + 1;
            let content = &text[line.clone()];
            let indent = value::blanks(content);
            let whole = content[indent..].trim_ascii_end();
            if whole.is_empty() {
                continue;
            }
            if indent <= column {
                let key = whole.strip_prefix(b"- ").unwrap_or(whole);
                is_holder = HOLDERS.contains(&key) && indent + (whole.len() - key.len()) == column;
                let holder = HOLDERS.iter().find(|holder| key.starts_with(holder));
                if let Some(holder) = holder.filter(|_| !is_holder && key.ends_with(b"}")) {
                    let from = line.start + indent + whole.len() - key.len() + holder.len();
                    found.extend(flow(text, from..line.start + indent + whole.len()));
                }
                continue;
            }
            if !is_holder {
                continue;
            }
            // A line without a key goes on with the value of the one above.
            let key = memchr::memmem::find(whole, b": ").map_or(0, |at| at + 2);
            let is_open = whole.ends_with(b":")
                || matches!(&whole[key..], b"|" | b">" | b"|-" | b">-" | b"|+");
            let from = line.start + indent + key;
            let secret = from..line.start + indent + whole.len();
            let inner = text[secret.clone()].trim_ascii_start();
            if !is_open
                && !inner.is_empty()
                && !words::is_placeholder(inner)
                && !inner.starts_with(b"#")
            {
                found.push(secret.end - inner.len()..secret.end);
            }
        }
        found
    }
}

impl Pass<'_> {
    /// A `Secret` in JSON whose quotes are escaped, as a text within another has it.
    pub(super) fn manifest_of_json(&mut self, hit: &Range<usize>) {
        const HELD: [&[u8]; 2] = [b"\"data\\\":", b"\"stringData\\\":"];
        let text = self.text;
        if memchr::memmem::find(&text[hit.clone()], b"Secret").is_none()
            || hit.start < self.manifested
        {
            return;
        }
        let from = hit.start.saturating_sub(LONGEST).max(self.manifested);
        let last = text.len().min(hit.end + LONGEST);
        self.manifested = last;
        let (skip, at, floor) = (self.skip.clone(), self.at, self.floor);
        for held in HELD {
            let places: Vec<usize> = memchr::memmem::find_iter(&text[from..last], held).collect();
            for place in places {
                let open = from + place + held.len();
                let end =
                    memchr::memchr(b'}', &text[open..last]).map_or(last, |len| open + len + 1);
                for secret in flow(text, open..end) {
                    let end = secret.end;
                    self.take(secret, end, "key");
                }
            }
        }
        (self.skip, self.at, self.floor) = (skip, at, floor);
    }
}

/// The values of an object on one line: `{a: …, b: …}`, its quotes escaped or not.
fn flow(text: &[u8], object: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = object.start;
    while let Some(len) = memchr::memchr2(b',', b'}', &text[at..object.end]) {
        let member = &text[at..at + len];
        if let Some(sign) = memchr::memchr(b':', member) {
            let is_mark = |byte: &u8| b" \t\"'\\{".contains(byte);
            let value = &member[sign + 1..];
            let before = value.iter().take_while(|byte| is_mark(byte)).count();
            let after = value.iter().rev().take_while(|byte| is_mark(byte)).count();
            let secret = at + sign + 1 + before..(at + len).saturating_sub(after);
            if secret.start < secret.end && !words::is_placeholder(&text[secret.clone()]) {
                found.push(secret);
            }
        }
        at += len + 1;
    }
    found
}
