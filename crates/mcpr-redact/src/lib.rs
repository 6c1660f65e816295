//! Secrets out of texts, before anything is stored. Pure: a text comes in, the same text with marks
//! in the place of its secrets goes out. Must not decide what is recorded, and must not do I/O.
//!
//! What counts as a secret: values under secret-looking keys (in JSON, in assignments of any language,
//! in headers, options, elements and blocks), names and values side by side, credentials in addresses,
//! bearer tokens, private keys, the known shapes of tokens ([`shapes`](self)), and what the patterns of a
//! user match. A mark is `[redacted:KIND]`; a text that was gone over once is not changed by going over it
//! again.
//!
//! ```
//! let redactor = mcpr_redact::Redactor::default();
//! let (text, count) = redactor.text("login failed: password=hunter2").unwrap();
//! assert_eq!((&*text, count), ("login failed: password=[redacted:key]", 1));
//! assert_eq!(redactor.text("nothing to hide"), None);
//! ```

mod assign;
mod blocks;
mod changes;
mod encoded;
mod endings;
mod forms;
mod headers;
mod heredocs;
mod html;
mod json;
mod keys;
mod lists;
mod manifests;
mod members;
mod names;
mod options;
mod pairs;
mod passwords;
mod pem;
mod phrases;
mod programs;
mod quotes;
mod scan;
mod shapes;
mod signless;
mod signs;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;
mod tongues;
mod typed;
mod url;
mod value;
mod words;

pub use json::Shortened;

use regex::bytes::{Regex, RegexBuilder};
use scan::Mode;

/// Largest program a user's pattern may compile to, in bytes.
// The regex crate would take ten times that, for each pattern as long as a recorder runs.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// How deep JSON within texts of JSON is read as such.
// Each level unescapes and copies its text once more: the depth bounds the work.
const MAX_DOCUMENTS: usize = 4;

/// How often a text is gone over that has secrets in it.
// Ordinary texts need two, as a pass that finds nothing is the last; a hostile text could uncover
// another secret with each mark.
const MAX_PASSES: usize = 6;

/// What stands in the place of what a user's pattern matched.
const OF_PATTERN: &[u8] = b"[redacted:pattern]";

/// Whether something was taken out of a text.
#[must_use]
pub fn is_redacted(text: &str) -> bool {
    text.contains("[redacted:")
}

/// A pattern that cannot be used, and why.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{pattern}`: {reason}")]
pub struct BadPattern {
    pattern: String,
    reason: String,
}

/// Takes secrets out of texts.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    patterns: Vec<Regex>,
}

impl Redactor {
    /// A redactor with the built-in rules and these patterns besides.
    ///
    /// # Errors
    /// When a pattern is not a regular expression, is too large, or matches the empty text.
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
            // Such a pattern, like `a*`, matches between any two characters, which nobody means.
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
        self.whole(text, false)
    }

    /// As [`Redactor::text`], for the head of something longer: a known token that the end cuts
    /// in two goes as well, though what is left of it is too short to be one.
    #[must_use]
    pub fn head_of_text(&self, text: &str) -> Option<(String, u64)> {
        self.whole(text, true)
    }

    /// As [`Redactor::text`], for bytes that need not be text.
    #[must_use]
    pub fn bytes(&self, bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
        self.any(bytes, false)
    }

    /// As [`Redactor::head_of_text`], for bytes that need not be text.
    #[must_use]
    pub fn head(&self, bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
        self.any(bytes, true)
    }

    /// A JSON text without its secrets, cut to about `limit` bytes.
    #[must_use]
    pub fn json(&self, json: &str, limit: usize) -> Shortened {
        json::shorten(
            json,
            limit,
            Some(json::Hand {
                redactor: self,
                documents: MAX_DOCUMENTS,
            }),
        )
    }

    fn any(&self, bytes: &[u8], is_head: bool) -> Option<(Vec<u8>, u64)> {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let (text, count) = self.whole(text, is_head)?;
                Some((text.into_bytes(), count))
            }
            Err(_) => self.plain(bytes, is_head),
        }
    }

    /// A text from outside. What the patterns of a user match may go over the strings of a document.
    fn whole(&self, text: &str, is_head: bool) -> Option<(String, u64)> {
        let clean = self.nested(text, is_head, MAX_DOCUMENTS);
        // Within a document the patterns have seen single strings only. Any other text they have
        // seen as a whole.
        if self.patterns.is_empty() || !is_document(text) {
            return clean;
        }
        let (clean, count) = clean.unzip();
        let clean = clean.map(String::into_bytes);
        let (bytes, count) =
            self.with_patterns(text.as_bytes(), clean, count.unwrap_or_default())?;
        Some((into_text(bytes), count))
    }

    /// A text; what looks like JSON is read as JSON, so many documents within documents deep.
    fn nested(&self, text: &str, is_head: bool, documents: usize) -> Option<(String, u64)> {
        // Most strings of JSON are such words.
        // A head is looked at all the same, as it may end within a token.
        if self.patterns.is_empty() && !is_head && scan::is_short_word(text.as_bytes()) {
            return None;
        }
        if documents > 0 && is_document(text) {
            let hand = json::Hand {
                redactor: self,
                documents: documents - 1,
            };
            let read = |text: &str| {
                Some(json::shorten(text, usize::MAX, Some(hand))).filter(|short| short.redacted > 0)
            };
            let mut short = read(text)?;
            // What only begins like JSON is a text in the end.
            // Only the outermost document is read again, or the work would double with each level.
            if documents == MAX_DOCUMENTS
                && let Some(again) = read(&short.text)
            {
                short = Shortened {
                    redacted: short.redacted + again.redacted,
                    ..again
                };
            }
            return Some((short.text, short.redacted));
        }
        let inner = if documents > 0 {
            self.embedded(text, documents - 1)
        } else {
            None
        };
        let (text, found) = inner
            .as_ref()
            .map_or((text, 0), |(text, found)| (text, *found));
        match self.plain(text.as_bytes(), is_head) {
            Some((bytes, count)) => Some((into_text(bytes), count + found)),
            None => inner,
        }
    }

    /// A text in which whole documents stand: `body was {"name": …}`.
    fn embedded(&self, text: &str, documents: usize) -> Option<(String, u64)> {
        /// Text that only begins like a document is scanned at most so often.
        const MAX_TRIES: usize = 32;
        let (mut clean, mut count, mut done, mut at) = (String::new(), 0, 0, 0);
        let mut tries = 0;
        while tries < MAX_TRIES
            && let Some(found) = memchr::memchr2(b'{', b'[', &text.as_bytes()[at..])
        {
            let start = at + found;
            at = start + 1;
            // The next byte rules out most brackets of prose and code, which then need no parser.
            if !is_document(&text[start..]) {
                continue;
            }
            let Some(len) = document_len(&text[start..]) else {
                // It may have been parsed to the end of the text, so that few such tries are
                // affordable.
                tries += 1;
                continue;
            };
            at = start + len;
            let hand = json::Hand {
                redactor: self,
                documents,
            };
            let short = json::shorten(&text[start..at], usize::MAX, Some(hand));
            if short.redacted > 0 {
                clean.push_str(&text[done..start]);
                clean.push_str(&short.text);
                count += short.redacted;
                done = at;
            }
        }
        if count == 0 {
            return None;
        }
        clean.push_str(&text[done..]);
        Some((clean, count))
    }

    fn plain(&self, bytes: &[u8], is_head: bool) -> Option<(Vec<u8>, u64)> {
        let mode = Mode {
            is_head,
            only_addresses: false,
        };
        let mut clean: Option<Vec<u8>> = None;
        let mut count = 0;
        // Beside a mark another secret may show: what was a part of a name, or of a longer value.
        for _ in 0..MAX_PASSES {
            let text = clean.as_deref().unwrap_or(bytes);
            // Decoding copies the text: it waits until nothing is found in the text as it stands.
            let found = scan::pass(text, mode).or_else(|| scan::pass_decoded(text, mode));
            let Some((text, added)) = found else { break };
            clean = Some(text);
            count += added;
        }
        self.with_patterns(bytes, clean, count)
    }

    /// Replaces what the patterns of a user match in a text, or in what was made of it so far.
    fn with_patterns(
        &self,
        bytes: &[u8],
        mut clean: Option<Vec<u8>>,
        mut count: u64,
    ) -> Option<(Vec<u8>, u64)> {
        for pattern in &self.patterns {
            let bytes = clean.as_deref().unwrap_or(bytes);
            if let Some((replaced, added)) = replace_all(pattern, bytes) {
                clean = Some(replaced);
                count += added;
            }
        }
        clean.map(|clean| (clean, count))
    }
}

/// Whether a text begins like an object or an array of JSON.
fn is_document(text: &str) -> bool {
    let text = text.trim_start();
    let inner = text.get(1..).unwrap_or_default().trim_start();
    match text.as_bytes().first() {
        Some(b'{') => inner.starts_with(['"', '}']),
        Some(b'[') => inner.starts_with(['"', '{', '[', ']']),
        _ => false,
    }
}

/// How long the document is that a text begins with, if it is whole.
fn document_len(text: &str) -> Option<usize> {
    // `IgnoredAny` checks the syntax and keeps nothing.
    let mut documents =
        serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    documents.next()?.ok()?;
    Some(documents.byte_offset())
}

/// A JSON text as it is, cut to about `limit` bytes.
#[must_use]
pub fn shorten(json: &str, limit: usize) -> Shortened {
    json::shorten(json, limit, None)
}

/// A text without the credentials in its addresses, and how many there were; `None` where there
/// are none. JSON stays JSON.
#[must_use]
pub fn addresses(text: &str) -> Option<(String, u64)> {
    let mode = Mode {
        is_head: false,
        only_addresses: true,
    };
    let (bytes, count) = scan::pass(text.as_bytes(), mode)?;
    Some((into_text(bytes), count))
}

/// Every secret begins and ends between characters, so that text stays text.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The last line of what the regex crate says is the reason; the others draw the pattern.
fn reason_of(error: &regex::Error) -> String {
    let message = error.to_string();
    let last = message.lines().next_back().unwrap_or_default();
    last.trim_start_matches("error: ").trim().to_owned()
}

fn replace_all(pattern: &Regex, bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
    let is_mark = |found: &[u8]| value::mark_at(found, 0) == Some(found.len());
    let (mut replaced, mut done, mut count) = (Vec::new(), 0, 0);
    for found in pattern.find_iter(bytes) {
        // A pattern such as `\b` still matches nothing within a text, and a mark must survive a
        // second run.
        if found.is_empty() || is_mark(found.as_bytes()) {
            continue;
        }
        replaced.extend_from_slice(&bytes[done..found.start()]);
        replaced.extend_from_slice(OF_PATTERN);
        done = found.end();
        count += 1;
    }
    replaced.extend_from_slice(&bytes[done..]);
    (count > 0).then_some((replaced, count))
}
