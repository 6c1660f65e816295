//! The name around a word that names of secrets are made of: its letters and marks, those of other languages, the
//! words before it. Must not know what a name means.

use super::keys::{self, Secrecy};
use super::scan::Pass;
use super::tongues;
use std::ops::Range;

/// How far a phrase goes back from its last word, in bytes.
const LONGEST_PHRASE: usize = 48;

impl Pass<'_> {
    /// The whole name around a word of it.
    pub(super) fn name_around(&self, hit: &Range<usize>) -> Range<usize> {
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.$".contains(byte);
        let (hit, last) = (hit.start, hit.end);
        let from = self
            .at
            // Names neither overlap nor grow without limit, which keeps a text of nothing but names
            // linear.
            .max(self.named.min(hit))
            .max(hit.saturating_sub(keys::MAX_NAME_BYTES));
        let before = self.text[from..hit]
            .iter()
            .rev()
            .take_while(|byte| is_of_name(byte))
            .count();
        let mut start = hit - before;
        // The letter of an escape does not belong to the name.
        if self.text[start..hit].starts_with(b"n")
            || self.text[start..hit].starts_with(b"r")
            || self.text[start..hit].starts_with(b"t")
        {
            start += usize::from(start > 0 && self.text[start - 1] == b'\\');
        }
        while start > from
            && let Some(len) = tongues::letter_before(&self.text[from..start], start - from)
        {
            start -= len;
            let behind = self.text[from..start].iter().rev();
            start -= behind.take_while(|byte| is_of_name(byte)).count();
        }
        let mut end = last;
        loop {
            let after = self.text[end..].iter();
            end += after.take_while(|byte| is_of_name(byte)).count();
            let Some(len) = tongues::letter(self.text, end) else {
                break;
            };
            end += len;
        }
        // `->` is a sign.
        if self.text.get(end) == Some(&b'>') && self.text[end - 1] == b'-' {
            end -= 1;
        }
        // A full stop ends a sentence, not a name.
        while end > hit + 1 && matches!(self.text[end - 1], b'.' | b'$') {
            end -= 1;
        }
        start..end
    }

    pub(super) fn quote_before(&self, at: usize) -> Option<(usize, u8)> {
        // As many as `quotes::opening` looks at.
        const MAX_BACKSLASHES: usize = 15;
        let quote = self.before(at).filter(|byte| b"\"'`".contains(byte))?;
        let behind = &self.text[..at - 1];
        let slashes = behind
            .iter()
            .rev()
            .take(MAX_BACKSLASHES)
            .take_while(|byte| **byte == b'\\')
            .count();
        Some((slashes, quote))
    }

    /// The phrase whose last word is this name, if it is one of a secret: `Secret access key`.
    pub(super) fn phrase(&self, name: &Range<usize>) -> Option<Range<usize>> {
        const MOST_WORDS: usize = 2;
        // Other names say by themselves what they are. Most hits are no such word, and end here.
        const LAST: [&str; 3] = ["key", "keys", "phrase"];
        let text = self.text;
        let last = &text[name.clone()];
        if !LAST
            .iter()
            .any(|word| last.eq_ignore_ascii_case(word.as_bytes()))
        {
            return None;
        }
        let from = self
            .at
            .max(name.start.saturating_sub(LONGEST_PHRASE))
            .min(name.start);
        let mut start = name.start;
        for _ in 0..MOST_WORDS {
            let behind = text[from..start].strip_suffix(b" ")?;
            let letters = behind
                .iter()
                .rev()
                .take_while(|byte| byte.is_ascii_alphanumeric());
            let len = letters.count();
            if len == 0 {
                return None;
            }
            start = from + behind.len() - len;
            if keys::secrecy(&text[start..name.end]) >= Secrecy::NoNumber {
                return Some(start..name.end);
            }
        }
        None
    }
}
