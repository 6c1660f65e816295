//! Headers: their values go to the end of the line, or of the text in quotes that they stand in. Must not
//! know which other keys are secret.

use super::assign::NamedKey;
use super::scan::Pass;
use super::signs::{after_scheme, is_scheme};
use super::value::{self, FoundValue};
use super::{keys, quotes, words};

impl Pass<'_> {
    /// A header: its value goes to the end of the line, or of the text in quotes that it stands in.
    pub(super) fn header(&mut self, key: &NamedKey<'_>, from: usize) {
        const LOOKED_AT: usize = 512;
        let text = self.text;
        let mut line = self.end_of_line(from);
        let mut from = from;
        let head = text[from..line].trim_ascii();
        if head.is_empty() || is_scheme(head) {
            // All of it may stand in the next line.
            let next = folded(text, line)
                .filter(|begin| !is_member(&text[*begin..value::end_of_line(text, *begin)]));
            from = match next {
                Some(begin) => begin,
                None if head.is_empty() => return,
                None => from,
            };
            line = value::end_of_line(text, from);
        }
        let near = &text[from..line.min(from + LOOKED_AT)];
        // Go prints `map[Authorization:[Bearer …]]`, others quote the value.
        let opened = near
            .iter()
            .take_while(|byte| b"[(\"'\\".contains(byte))
            .count();
        // A mark begins with a bracket that belongs to it.
        let near = if value::mark_at(near, 0).is_some() {
            near
        } else {
            &near[opened..]
        };
        let scheme = after_scheme(near, 0);
        let first = near[scheme..]
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        // Documents speak of headers, too: `Authorization: required`, `Cookie: a small file`.
        let is_description = words::is_placeholder(words::trim(first))
            // The brackets of `${TOKEN}` are its own, the quote behind it is not.
            || is_filled_in(first)
            || is_filled_in(&near[scheme..])
            || keys::is_cookie(key.bytes()) && !near.contains(&b'=')
            || words::is_placeholder(&near[scheme..])
            || words::is_file(near.trim_ascii());
        let is_mark = value::mark_at(text, from).is_some();
        if near.is_empty() || is_description && !is_mark {
            return;
        }
        // The value in `-H "Cookie: …"` ends with the argument, not with the line.
        let around = key.quote.or_else(|| self.quote_around(key.name.start));
        let mut end = line;
        if let Some((slashes, quote)) = around {
            end = quotes::quote_before(text, from, line, slashes, quote).unwrap_or(line);
        } else if let Some(found) = self.enclosed(from, line) {
            return self.take(found.secret, found.end, "key");
        }
        // Within a text of JSON the line ends with an escape.
        end = value::escaped_break(text, from, end).unwrap_or(end);
        end = after_folds(text, from, end);
        let end = from + text[from..end].trim_ascii_end().len();
        self.take(from..end, end, "key");
    }

    /// A header's value in brackets or quotes of its own, behind which nothing of it follows.
    fn enclosed(&self, from: usize, line: usize) -> Option<FoundValue> {
        let text = self.text;
        if !matches!(text[from], b'[' | b'"' | b'\'' | b'\\') {
            return None;
        }
        value::value(text, from, &self.steps).filter(|found| {
            let next = found.end + value::blanks(&text[found.end..]);
            text[from] == b'[' || next >= line || b",}])".contains(&text[next])
        })
    }

    /// The quote of a text that is open where a header begins.
    fn quote_around(&self, at: usize) -> Option<(usize, u8)> {
        const LONGEST: usize = 512;
        let from = at.saturating_sub(LONGEST).max(self.at);
        let behind = &self.text[from..at];
        let from = memchr::memrchr(b'\n', behind).map_or(0, |at| at + 1);
        let mut open = None;
        for (index, byte) in behind.iter().enumerate().skip(from) {
            // Apostrophes stand in prose as well, so that they open nothing here.
            if *byte != b'"' {
                continue;
            }
            let slashes = behind[..index]
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count();
            open = match open {
                None => Some(slashes),
                // A quote of another level of escaping belongs to a text within or around.
                Some(opened) if opened == slashes => None,
                still => still,
            };
        }
        open.map(|slashes| (slashes, b'"'))
    }
}

/// Whether a text is a place for a value, up to the quote of the text around it, which may be escaped.
fn is_filled_in(text: &[u8]) -> bool {
    const LONGEST: usize = 128;
    let near = &text[..text.len().min(LONGEST)];
    let Some(end) = near.iter().position(|byte| b"\"'`".contains(byte)) else {
        return false;
    };
    let escapes = text[..end].iter().rev();
    let escapes = escapes.take_while(|byte| **byte == b'\\').count();
    let candidate = text[..end - escapes].trim_ascii();
    !candidate.is_empty() && words::is_placeholder(candidate)
}

/// Most lines that one header goes over.
const MAX_FOLDS: usize = 32;

/// Where a header ends that goes on in lines which begin with a blank.
fn after_folds(text: &[u8], from: usize, end: usize) -> usize {
    let mut line = from..end;
    for _ in 0..MAX_FOLDS {
        let Some(begin) = folded(text, line.end) else {
            break;
        };
        let end = value::end_of_line(text, begin);
        let end = value::escaped_break(text, begin, end).unwrap_or(end);
        if !is_continued(&text[line], &text[begin..end]) {
            return end_of(text, from, begin);
        }
        line = begin..end;
    }
    line.end
}

/// Where the line ends that stands before this place.
fn end_of(text: &[u8], from: usize, begin: usize) -> usize {
    let is_of_break = |byte: &u8| byte.is_ascii_whitespace();
    let whole = &text[from..begin];
    let whole = &whole[..whole
        .iter()
        .rposition(|byte| !is_of_break(byte))
        .map_or(0, |at| at + 1)];
    // The break may be written as an escape.
    let mut end = whole.len();
    while whole[..end].ends_with(b"\\n") || whole[..end].ends_with(b"\\r") {
        end -= 2;
    }
    from + end
}

/// Where the next line begins behind its blanks, if it has some.
fn folded(text: &[u8], end: usize) -> Option<usize> {
    const MAX_BLANKS: usize = 64;
    let mut at = end;
    for (plain, escaped) in [(b'\r', b'r'), (b'\n', b'n')] {
        if text.get(at) == Some(&plain) {
            at += 1;
        } else if text.get(at) == Some(&b'\\') && text.get(at + 1) == Some(&escaped) {
            at += 2;
        }
    }
    let blanks = value::blanks(text.get(at..text.len().min(at + MAX_BLANKS))?);
    (at > end && blanks > 0 && !text.get(at + blanks)?.is_ascii_whitespace()).then_some(at + blanks)
}

/// Whether a line that is set in is a part of the header before it, and not a member of what the header
/// is one of, or prose.
fn is_continued(line: &[u8], next: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let next = next.trim_ascii();
    let is_one = !next.iter().any(u8::is_ascii_whitespace);
    // A scheme alone, a comma or a semicolon announce more.
    let is_open =
        line.ends_with(b",") || line.ends_with(b";") || !line.iter().any(u8::is_ascii_whitespace);
    !next.is_empty() && !is_member(next) && (is_open || is_one && next.len() >= 6)
}

/// Whether a line is a key of its own: `type: apiKey`.
fn is_member(line: &[u8]) -> bool {
    memchr::memmem::find(line, b": ").is_some() || line.trim_ascii_end().ends_with(b":")
}
