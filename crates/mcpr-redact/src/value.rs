//! Where the value behind a key ends: at its quote, its bracket, its call, its line or its word. Each
//! question is answered in one pass over the value. Must not know what keys mean.

use super::quotes::{Closing, after_prefix, closing, goes_on, joined, quoted};
use super::words;
use memchr::{memchr, memchr2};
use std::cell::Cell;
use std::ops::Range;

/// A value behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundValue {
    /// What is the secret of it, if it is one.
    pub(super) secret: Range<usize>,
    /// Where the value ends, its quotes and brackets included.
    pub(super) end: usize,
    /// Whether quotes stand around it.
    pub(super) is_quoted: bool,
    /// Whether it is an expression of a program, which has no secret in it.
    pub(super) is_code: bool,
}

/// Longest prefix of a literal or name of a call that is looked at.
const MAX_CALL_BYTES: usize = 48;

/// Longest text in brackets that may be words.
const MAX_WORDS_BYTES: usize = 256;

/// How deep brackets may nest within a value.
const MAX_NESTING: usize = 4;

/// A mark, if one begins here: where it ends.
pub(super) fn mark_at(text: &[u8], at: usize) -> Option<usize> {
    // The longest is `private-key`.
    const LONGEST_KIND: usize = 16;
    let rest = text.get(at..)?.strip_prefix(b"[redacted:")?;
    let end = rest
        .iter()
        .take(LONGEST_KIND)
        .position(|byte| *byte == b']')?;
    Some(at + b"[redacted:".len() + end + 1)
}

/// The value that begins here, blanks before it skipped already.
///
/// `steps` is how many bytes may be looked at in brackets that turn out to be none, in all of a text:
/// else one made for it would be gone over as often as it is long.
pub(super) fn value(text: &[u8], at: usize, steps: &Cell<usize>) -> Option<FoundValue> {
    nested(
        text,
        at,
        &NestingLimit {
            left: MAX_NESTING,
            steps,
        },
    )
}

/// How far brackets are followed.
struct NestingLimit<'a> {
    left: usize,
    steps: &'a Cell<usize>,
}

impl NestingLimit<'_> {
    fn inner(&self) -> Self {
        Self {
            left: self.left - 1,
            steps: self.steps,
        }
    }
}

fn nested(text: &[u8], at: usize, depth: &NestingLimit<'_>) -> Option<FoundValue> {
    // Its bracket is not a list's.
    if mark_at(text, at).is_some() {
        return bare(text, at);
    }
    if matches!(text.get(at)?, b'[' | b'(' | b'{') {
        return bracketed(text, at, depth);
    }
    literal(text, at, depth).or_else(|| bare(text, at))
}

/// A text in quotes, or a call or bracket around one.
fn literal(text: &[u8], at: usize, depth: &NestingLimit<'_>) -> Option<FoundValue> {
    if let Some(quoted) = quoted(text, at) {
        return Some(joined(text, quoted));
    }
    if let Some(at) = after_prefix(text, at) {
        return quoted(text, at).map(|quoted| joined(text, quoted));
    }
    if depth.left > 0 && matches!(text.get(at)?, b'[' | b'(' | b'{') {
        return bracketed(text, at, depth);
    }
    called(text, at, depth)
}

/// Spaces and tabs at the start.
pub(super) fn blanks(text: &[u8]) -> usize {
    text.iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// The same, where a tab parts the cells of a table.
pub(super) fn blanks_but(text: &[u8], is_tab_kept: bool) -> usize {
    if is_tab_kept {
        text.iter().take_while(|byte| **byte == b' ').count()
    } else {
        blanks(text)
    }
}

/// `Some("…")`, `SecretString::from("…")`; a call that holds no text is an expression.
fn called(text: &[u8], at: usize, depth: &NestingLimit<'_>) -> Option<FoundValue> {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:<>$&?!".contains(byte);
    let mut from = at;
    if text[at..].starts_with(b"new ") || text[at..].starts_with(b"await ") {
        from = at + memchr(b' ', &text[at..])? + 1;
    }
    let len = text[from..]
        .iter()
        .take(MAX_CALL_BYTES)
        .take_while(|byte| is_of_name(byte))
        .count();
    let open = from + len;
    let name = &text[from..open];
    let is_name = name
        .first()
        .is_some_and(|first| first.is_ascii_alphabetic() || b"_$&".contains(first));
    if !is_name || !matches!(text.get(open), Some(b'(' | b'[' | b'{')) || depth.left == 0 {
        return None;
    }
    let inner = open + 1 + blanks(&text[open + 1..]);
    let literal = literal(text, inner, &depth.inner())
        .filter(|literal| literal.is_quoted && !literal.is_code && !is_getter(name));
    let Some(literal) = literal else {
        let end = matching(text, open, depth.steps).unwrap_or(open + 1);
        // A parenthesis makes a call even when it was cut; any other bracket only as an index that
        // closes.
        let is_code = matches!(text[open], b'(') || text.get(end - 1) == Some(&b']');
        return is_code.then_some(FoundValue {
            secret: at..end,
            end,
            is_quoted: false,
            is_code: true,
        });
    };
    // `env("API_TOKEN")` names a variable.
    let is_name_of_variable = text[literal.secret.clone()]
        .iter()
        .all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    // A call may make a secret of its text or look one up by it: its name shows which, or a text that can
    // be no name.
    let is_of_value = is_wrapper(name) || words::looks_random(&text[literal.secret.clone()]);
    let end = matching(text, open, depth.steps).unwrap_or(literal.end);
    let is_code = is_name_of_variable || !is_of_value;
    Some(FoundValue {
        end: if is_code { end } else { literal.end.max(end) },
        is_code,
        ..literal
    })
}

/// What is called to get a secret is given its name.
fn is_getter(name: &[u8]) -> bool {
    const GETTERS: [&[u8]; 17] = [
        b"get", b"env", b"getenv", b"input", b"require", b"fetch", b"read", b"load", b"prompt",
        b"getpass", b"find", b"lookup", b"environ", b"var", b"params", b"t", b"headers",
    ];
    // Of `os.environ.get` the last word says what is done.
    let last = name
        .rsplit(|byte| !byte.is_ascii_alphanumeric())
        .find(|part| !part.is_empty());
    last.is_some_and(|last| {
        let lower = last.to_ascii_lowercase();
        GETTERS.iter().any(|getter| lower == *getter)
            || [&b"get"[..], b"read", b"fetch", b"load", b"ask", b"prompt"]
                .iter()
                .any(|start| lower.starts_with(start))
    })
}

/// What is called to make a value of its text.
fn is_wrapper(name: &[u8]) -> bool {
    const WRAPPERS: [&str; 16] = [
        "some", "ok", "just", "string", "str", "text", "from", "new", "value", "bytes", "secret",
        "password", "token", "key", "quote", "of",
    ];
    let mut buffer = [0; super::keys::MAX_NAME_BYTES];
    let plain = super::keys::plain(name, &mut buffer);
    WRAPPERS.iter().any(|word| plain.ends_with(word.as_bytes()))
        || memchr::memmem::find(plain, b"secret").is_some()
}

/// What a bracket holds; a lone text in it is the secret, else all of it.
fn bracketed(text: &[u8], at: usize, depth: &NestingLimit<'_>) -> Option<FoundValue> {
    let close = matching(text, at, depth.steps);
    let inner = at
        + 1
        + text[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
    let lone = if depth.left > 0 {
        literal(text, inner, &depth.inner())
    } else {
        None
    };
    if let Some(lone) = lone.filter(|lone| lone.is_quoted && !lone.is_code) {
        let next = lone.end
            + text[lone.end..]
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
        // Of several texts all go, as in `passwords: ['a', 'b']`.
        let is_lone = close.is_none_or(|close| next + 1 >= close);
        if is_lone {
            return Some(FoundValue {
                end: close.unwrap_or(lone.end).max(lone.end),
                ..lone
            });
        }
    }
    // A bracket that does not close ends with its line. The steps that this takes are counted, as a
    // text may hold nothing but such brackets.
    let end = close.unwrap_or_else(|| {
        let last = text.len().min(at + depth.steps.get());
        let end = end_of_line(&text[..last], at);
        depth.steps.set(depth.steps.get() - (end - at));
        end
    });
    let to = if close.is_some() { end - 1 } else { end };
    if inner >= to {
        return None;
    }
    if text[at] == b'{' && (is_of_format(&text[inner..to]) || is_schema(&text[inner..to])) {
        return Some(FoundValue {
            secret: at..end,
            end,
            is_quoted: false,
            is_code: true,
        });
    }
    // A remark in brackets, such as `(must be set)`, is not a value.
    let is_word = to - inner <= MAX_WORDS_BYTES
        && !text[inner..to]
            .iter()
            .any(|byte| b"\"'`,".contains(byte) || byte.is_ascii_digit());
    let is_code = is_word && words::is_sentence(&text[inner..to]);
    Some(FoundValue {
        secret: inner..to,
        end,
        is_quoted: false,
        is_code,
    })
}

/// A schema of a secret, or what is wrong with one, holds none: its first member says so.
fn is_schema(inner: &[u8]) -> bool {
    let from = inner
        .iter()
        .take(16)
        .take_while(|byte| b"\\\"'".contains(byte))
        .count();
    let len = inner[from..]
        .iter()
        .take(16)
        .take_while(|byte| byte.is_ascii_alphabetic() || b"$_".contains(byte))
        .count();
    std::str::from_utf8(&inner[from..from + len]).is_ok_and(super::members::is_of_schema)
}

/// What stands in braces in a text that is to be filled in, or is a block of a program.
fn is_of_format(inner: &[u8]) -> bool {
    const LONGEST: usize = 24;
    let is_of_name = |byte: &u8| byte.is_ascii_lowercase() || b"_.:?!#$>< ".contains(byte);
    inner.len() <= LONGEST && (inner.iter().all(is_of_name) || inner.iter().all(u8::is_ascii_digit))
        || inner.starts_with(b"//")
        || memchr(b';', inner)
            .is_some_and(|at| inner.get(at + 1).is_some_and(u8::is_ascii_whitespace))
}

/// Where a bracket closes, texts and brackets within it skipped.
fn matching(text: &[u8], open: usize, steps: &Cell<usize>) -> Option<usize> {
    // It bounds what one bracket costs, whatever steps a long text has.
    const MOST_BYTES: usize = 64 << 10;
    let (mut depth, mut at) = (0, open);
    let last = text.len().min(open + MOST_BYTES.min(steps.get()));
    let found = close_before(text, &mut at, last, &mut depth);
    steps.set(steps.get().saturating_sub(at - open));
    found
}

fn close_before(text: &[u8], at: &mut usize, last: usize, depth: &mut usize) -> Option<usize> {
    let open = *at;
    while *at < last {
        match text[*at] {
            b'(' | b'[' | b'{' => *depth += 1,
            b')' | b']' | b'}' => {
                // It was raised before, as the first byte is a bracket that opens.
                *depth -= 1;
                if *depth == 0 {
                    *at += 1;
                    return Some(*at);
                }
            }
            // Brackets within a text close nothing. Apostrophes are passed over, as prose has
            // single ones.
            b'"' | b'`' => {
                let slashes = text[open..*at]
                    .iter()
                    .rev()
                    .take_while(|byte| **byte == b'\\')
                    .count();
                match closing(&text[..last], *at + 1, text[*at], slashes) {
                    Closing::Quote(to) => *at = to + slashes,
                    // The text around ends here, and the bracket has not closed within it.
                    Closing::Outer(to) | Closing::Open(to) => {
                        *at = to.max(*at);
                        return None;
                    }
                }
            }
            _ => {}
        }
        *at += 1;
    }
    None
}

/// Where the line that this stands in ends.
pub(super) fn end_of_line(text: &[u8], at: usize) -> usize {
    memchr2(b'\n', b'\r', &text[at..]).map_or(text.len(), |found| at + found)
}

/// A value without quotes: it ends at a blank, or at a mark that parts it from what follows.
pub(super) fn bare(text: &[u8], at: usize) -> Option<FoundValue> {
    let mut end = at;
    let mut open = 0_usize;
    if let Some(after) = mark_at(text, at) {
        end = after;
    }
    while let Some(&byte) = text.get(end) {
        let is_end = match byte {
            byte if byte.is_ascii_whitespace() || byte.is_ascii_control() => true,
            b'(' | b'[' | b'{' => {
                open += 1;
                false
            }
            // It closes what the value has opened.
            b')' | b']' | b'}' if open > 0 => {
                open -= 1;
                false
            }
            // A password may hold such marks: it goes on where a letter follows.
            b')' | b']' | b'}' | b'>' | b'"' | b'\'' | b'`' => end == at || !goes_on(text, end + 1),
            // `a=1&b=2` are two values, `ab&cd` is one: what follows decides.
            b'&' | b';' | b',' | b'|' => end == at || parts(text, end + 1),
            b'<' => is_tag(&text[end + 1..]),
            b'\\' => ends_at_backslash(text, end),
            _ => false,
        };
        if is_end {
            break;
        }
        end += 1;
    }
    let value = FoundValue {
        secret: at..end,
        end,
        is_quoted: false,
        is_code: false,
    };
    (end > at).then_some(value)
}

/// Whether what stands behind `&`, `,` or `;` is another thing: nothing, a blank, a name with a value.
fn parts(text: &[u8], at: usize) -> bool {
    const LONGEST_NAME: usize = 48;
    // A name may have been taken out: its mark counts as one.
    let rest = &text[mark_at(text, at).unwrap_or(at)..];
    let Some(first) = rest.first() else {
        return true;
    };
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. $%[]\"'\\".contains(byte);
    let len = rest
        .iter()
        .take(LONGEST_NAME)
        .take_while(|byte| is_of_name(byte))
        .count();
    let is_named =
        (len > 0 || mark_at(text, at).is_some()) && matches!(rest.get(len), Some(b'=' | b':'));
    first.is_ascii_whitespace() || is_named || b"\"'`)]}<\\".contains(first)
}

/// Whether `<` begins a tag, and is not part of a value.
fn is_tag(rest: &[u8]) -> bool {
    const LONGEST: usize = 64;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_:/!".contains(byte);
    let len = rest
        .iter()
        .take(LONGEST)
        .take_while(|byte| is_name(byte))
        .count();
    rest.first().is_none_or(|first| b"/!".contains(first))
        || len > 0 && matches!(rest.get(len), Some(b'>' | b' '))
}

/// A backslash is a part of a value, unless a quote follows it, or the letter of a line's break.
fn ends_at_backslash(text: &[u8], at: usize) -> bool {
    let slashes = text[at..].iter().take_while(|byte| **byte == b'\\').count();
    let after = at + slashes;
    match text.get(after) {
        None => true,
        Some(b'"' | b'\'' | b'`') => !goes_on(text, after + 1),
        // A small letter behind it speaks for a path, as in `C:\new`, and against a break.
        Some(b'n' | b'r' | b't') => {
            let next = text.get(after + 1);
            next.is_none_or(|next| !(next.is_ascii_lowercase() || next.is_ascii_digit()))
                || parts(text, after + 1)
        }
        Some(_) => false,
    }
}

/// Where a break of the line stands written as an escape.
pub(super) fn escaped_break(text: &[u8], from: usize, end: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = memchr(b'\\', &text[at..end]) {
        at += found;
        let slashes = text[at..end]
            .iter()
            .take_while(|byte| **byte == b'\\')
            .count();
        if matches!(text[..end].get(at + slashes), Some(b'n' | b'r')) {
            return Some(at);
        }
        at += slashes;
    }
    None
}
