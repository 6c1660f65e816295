//! The members of a `Secret` of Kubernetes in YAML: every value below `data:` and `stringData:` is one,
//! whatever it is called. Must not read JSON; see [`super::members`].

use super::scan::Pass;
use super::{value, words};
use std::ops::Range;

/// What says that a document of YAML is one.
pub(super) const FINDER: &str = "kind: secret";

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
        let is_line = text[hit.clone()].ends_with(b"Secret")
            && matches!(text.get(hit.end), None | Some(b'\n' | b'\r'));
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
            let said = &text[line.clone()];
            let indent = value::blanks(said);
            let whole = said[indent..].trim_ascii_end();
            if whole.is_empty() {
                continue;
            }
            if indent <= column {
                let key = whole.strip_prefix(b"- ").unwrap_or(whole);
                is_holder = HOLDERS.contains(&key) && indent + (whole.len() - key.len()) == column;
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
