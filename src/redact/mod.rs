//! Secrets out of texts, before anything is stored. Pure: a text comes in, the same text with marks
//! in the place of its secrets goes out. Must not decide what is recorded, and must not do I/O.
//!
//! What counts as a secret: values under secret-looking keys (in JSON, in `key=value`, in headers),
//! credentials in addresses, bearer tokens, private keys, well-known shapes of tokens, and what the
//! patterns of a user match. A mark is `[redacted:KIND]`; a text that was gone over once is not
//! changed by going over it again.

mod json;
mod keys;
mod rules;
#[cfg(test)]
mod tests;

pub use json::Shortened;

use regex::bytes::{Regex, RegexBuilder, RegexSet};
use rules::{RULES, Rule};
use std::borrow::Cow;
use std::sync::LazyLock;

/// Largest program a user's pattern may compile to, in bytes.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Longest value that is looked into after it was found to be none, in bytes: else a text made for
/// it would be gone over as often as it is long.
const MAX_LOOKED_INTO_BYTES: usize = 1024;

/// What stands in the place of what a user's pattern matched.
const OF_PATTERN: &str = "[redacted:pattern]";

/// Whether something was taken out of a text.
#[must_use]
pub fn is_redacted(text: &str) -> bool {
    text.contains("[redacted:")
}

/// A pattern that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}`: {reason}")]
pub struct BadPattern {
    pattern: String,
    reason: String,
}

/// The rules, compiled once a process.
struct Compiled {
    /// Says in one pass which rules can match at all.
    any: RegexSet,
    rules: Vec<(&'static Rule, Regex)>,
}

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| Compiled {
    any: RegexSet::new(RULES.iter().map(|rule| rule.pattern)).expect("the rules are sound"),
    rules: RULES
        .iter()
        .map(|rule| (rule, Regex::new(rule.pattern).expect("the rules are sound")))
        .collect(),
});

/// Takes secrets out of texts.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    patterns: Vec<Regex>,
}

impl Redactor {
    /// A redactor with the built-in rules and these patterns besides.
    ///
    /// # Errors
    /// When a pattern is no regular expression, is too large, or matches the empty text.
    pub fn new(patterns: &[String]) -> Result<Self, BadPattern> {
        let compile = |pattern: &String| {
            let bad = |reason: String| BadPattern {
                pattern: pattern.clone(),
                reason,
            };
            let compiled = RegexBuilder::new(pattern)
                .size_limit(MAX_PATTERN_BYTES)
                .build()
                .map_err(|error| bad(reason_of(&error)))?;
            if compiled.is_match(b"") {
                return Err(bad("it matches the empty text".to_owned()));
            }
            Ok(compiled)
        };
        let patterns = patterns.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// The text without its secrets, and how many there were; `None` where there are none.
    #[must_use]
    pub fn text(&self, text: &str) -> Option<(String, u64)> {
        let (bytes, count) = self.bytes(text.as_bytes())?;
        Some((into_text(bytes), count))
    }

    /// As [`Redactor::text`], for bytes that need not be text.
    #[must_use]
    pub fn bytes(&self, bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
        let mut work = Work::new(bytes);
        let compiled = &*COMPILED;
        for at in &compiled.any.matches(bytes) {
            let (rule, regex) = &compiled.rules[at];
            work.apply(rule, regex);
        }
        for pattern in &self.patterns {
            work.replace_all(pattern);
        }
        work.finish()
    }

    /// As [`Redactor::bytes`], for the head of something longer: a known token that the end cuts
    /// in two goes as well, though what is left of it is too short to be one.
    #[must_use]
    pub fn head(&self, bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
        let whole = self.bytes(bytes);
        let mut work = Work::new(whole.as_ref().map_or(bytes, |(bytes, _)| bytes));
        work.count = whole.as_ref().map_or(0, |(_, count)| *count);
        work.apply(&rules::CUT_TOKEN, &CUT_TOKEN);
        work.finish().or(whole)
    }

    /// As [`Redactor::head`], for text.
    #[must_use]
    pub fn head_of_text(&self, text: &str) -> Option<(String, u64)> {
        let (bytes, count) = self.head(text.as_bytes())?;
        Some((into_text(bytes), count))
    }

    /// A JSON text without its secrets, cut to about `limit` bytes.
    #[must_use]
    pub fn json(&self, json: &str, limit: usize) -> Shortened {
        json::shorten(json, limit, Some(self))
    }
}

static CUT_TOKEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(rules::CUT_TOKEN.pattern).expect("the rule is sound"));

/// A JSON text as it is, cut to about `limit` bytes.
#[must_use]
pub fn shorten(json: &str, limit: usize) -> Shortened {
    json::shorten(json, limit, None)
}

/// A text without the credentials in its addresses, and how many there were; `None` where there
/// are none. JSON stays JSON.
#[must_use]
pub fn addresses(text: &str) -> Option<(String, u64)> {
    let bytes = text.as_bytes();
    memchr::memchr2(b'@', b'?', bytes)?;
    let mut work = Work::new(bytes);
    for (rule, regex) in COMPILED.rules.iter().filter(|(rule, _)| rule.of_address) {
        work.apply(rule, regex);
    }
    let (bytes, count) = work.finish()?;
    Some((into_text(bytes), count))
}

/// Every rule begins and ends between characters, so that text stays text.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The last line of what the regex crate says is the reason; the others draw the pattern.
fn reason_of(error: &regex::Error) -> String {
    let told = error.to_string();
    let last = told.lines().next_back().unwrap_or_default();
    last.trim_start_matches("error: ").trim().to_owned()
}

/// A text that rules are applied to one after the other.
struct Work<'a> {
    bytes: Cow<'a, [u8]>,
    count: u64,
}

impl<'a> Work<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
            count: 0,
        }
    }

    /// Replaces what a rule's group `s` matches, or the whole match where it has none.
    fn apply(&mut self, rule: &Rule, regex: &Regex) {
        let mark = format!("[redacted:{}]", rule.kind);
        let mut replaced = Vec::new();
        let (mut done, mut at) = (0, 0);
        let mut groups = regex.capture_locations();
        while regex
            .captures_read_at(&mut groups, &self.bytes, at)
            .is_some()
        {
            let (start, end) = groups.get(0).expect("a match has a range");
            let secret = (1..groups.len()).find_map(|group| groups.get(group));
            let (from, to) = secret.unwrap_or((start, end));
            let is_meant = !rules::is_mark(&self.bytes[from..to])
                && (rule.accepts)(&self.bytes, start, from..to);
            if is_meant {
                replaced.extend_from_slice(&self.bytes[done..from]);
                replaced.extend_from_slice(mark.as_bytes());
                done = to;
                self.count += 1;
            }
            // What was looked at and let go may hold a match that begins later.
            let look_into = !is_meant && to - from <= MAX_LOOKED_INTO_BYTES;
            at = if look_into { from } else { to }.max(start + 1);
            if at > self.bytes.len() {
                break;
            }
        }
        self.put(replaced, done);
    }

    fn replace_all(&mut self, pattern: &Regex) {
        let mut replaced = Vec::new();
        let mut done = 0;
        for found in pattern.find_iter(&self.bytes) {
            if rules::is_mark(found.as_bytes()) || found.is_empty() {
                continue;
            }
            replaced.extend_from_slice(&self.bytes[done..found.start()]);
            replaced.extend_from_slice(OF_PATTERN.as_bytes());
            done = found.end();
            self.count += 1;
        }
        self.put(replaced, done);
    }

    fn put(&mut self, mut replaced: Vec<u8>, done: usize) {
        if done > 0 {
            replaced.extend_from_slice(&self.bytes[done..]);
            self.bytes = Cow::Owned(replaced);
        }
    }

    fn finish(self) -> Option<(Vec<u8>, u64)> {
        (self.count > 0).then(|| (self.bytes.into_owned(), self.count))
    }
}
