//! Texts in quotes, of any level of escaping, with what is joined to them. Must not know what stands
//! before them.

use super::value::{FoundValue, bare, blanks};
use memchr::memchr2;

/// How a quoted text ends.
pub(super) enum Closing {
    /// At its own quote.
    Quote(usize),
    /// At the quote of a text around it.
    Outer(usize),
    /// Not at all, or at the end of its line.
    Open(usize),
}

/// A quote that begins here, behind backslashes that escape it: how many, and where the text begins.
pub(super) fn opening(text: &[u8], at: usize) -> Option<(usize, u8, usize)> {
    // Each level of escaping makes 2n + 1 of n: four levels of JSON in JSON make 15.
    const MAX_BACKSLASHES: usize = 15;
    let slashes = text[at..]
        .iter()
        .take(MAX_BACKSLASHES)
        .take_while(|byte| **byte == b'\\')
        .count();
    let quote = *text.get(at + slashes)?;
    matches!(quote, b'"' | b'\'' | b'`').then_some((slashes, quote, at + slashes + 1))
}

pub(super) fn quoted(text: &[u8], at: usize) -> Option<FoundValue> {
    let (slashes, quote, from) = opening(text, at)?;
    // `"""…"""`
    if slashes == 0 && text.get(from..from + 2) == Some(&[quote, quote]) {
        let from = from + 2;
        let end = memchr::memmem::find(&text[from..], &[quote; 3]).map(|found| from + found);
        // A text that does not close was cut, and is a secret to its end.
        let secret = from..end.unwrap_or(text.len());
        let end = end.map_or(text.len(), |end| end + 3);
        return Some(FoundValue {
            secret,
            end,
            is_quoted: true,
            is_code: false,
        });
    }
    let to = closing(text, from, quote, slashes);
    let end = text.len().min(match to {
        Closing::Quote(to) => to + slashes + 1,
        Closing::Outer(to) | Closing::Open(to) => to,
    });
    let to = match to {
        Closing::Quote(to) | Closing::Outer(to) | Closing::Open(to) => to,
    };
    Some(FoundValue {
        secret: from..to,
        end,
        is_quoted: true,
        is_code: false,
    })
}

/// Where a quoted text ends. Behind so many backslashes stands its own quote; behind fewer that of
/// what is around it.
pub(super) fn closing(text: &[u8], from: usize, quote: u8, slashes: usize) -> Closing {
    // At this level a backslash of the text itself is written as `step` of them: whole steps before
    // a quote do not escape it.
    let step = 2 * (slashes + 1);
    let mut at = from;
    while let Some(found) = memchr2(quote, b'\n', &text[at..]) {
        at += found;
        if text[at] == b'\n' {
            // An apostrophe opens nothing that goes on over lines.
            if quote == b'\'' {
                return Closing::Open(at);
            }
            at += 1;
            continue;
        }
        let before = text[from..at]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        if before < slashes {
            return Closing::Outer(at - before);
        }
        // Raw texts of Go have no escapes: a backtick closes whatever stands before it.
        if before % step == slashes || quote == b'`' || quote == b'\'' && before == slashes {
            return Closing::Quote(at - slashes);
        }
        at += 1;
    }
    Closing::Open(text.len())
}

/// Whether the text goes on behind a quote as if there were no quote: `ab"cd`, and not `"ab", "cd"`.
pub(super) fn goes_on(text: &[u8], at: usize) -> bool {
    text.get(at)
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)
}

/// Whether the quote that closed a text is written twice, which SQL, YAML and CSV say where it stands
/// for itself.
fn is_doubled(text: &[u8], value: &FoundValue) -> bool {
    let last = value.end.checked_sub(1).and_then(|at| text.get(at));
    // Two quotes with nothing between are an empty text, not a doubled quote.
    let is_quote = last.is_some_and(|last| matches!(last, b'"' | b'\''));
    is_quote && !value.secret.is_empty() && text.get(value.end) == last
}

/// A quoted text with what is joined to it: `"a"b'c'` of shells, `"a" + "b"` of programs.
pub(super) fn joined(text: &[u8], first: FoundValue) -> FoundValue {
    let mut whole = first;
    loop {
        if is_doubled(text, &whole)
            && let Some(more) = quoted(text, whole.end)
        {
            whole.end = more.end;
        } else if goes_on(text, whole.end) {
            let Some(more) = bare(text, whole.end) else {
                break;
            };
            whole.end = more.end;
        } else {
            let rest = &text[whole.end..];
            let gap = blanks(rest);
            // Lua joins with `..`, PHP and Perl with ` . `; a full stop right behind a quote ends a
            // sentence.
            let sign = match rest.get(gap) {
                Some(b'+') => 1,
                Some(b'.') if rest.get(gap + 1) == Some(&b'.') => 2,
                Some(b'.') if gap > 0 => 1,
                _ => break,
            };
            let next = whole.end + gap + sign;
            let next = next + blanks(&text[next..]);
            if opening(text, next).is_none() {
                break;
            }
            let Some(more) = quoted(text, next) else {
                break;
            };
            whole.end = more.end;
        }
        whole.secret.end = whole.end;
    }
    whole
}

/// What makes a literal of the quote behind it: `b'`, `rb"`, `@"`, `&"`, `$'`.
pub(super) fn after_prefix(text: &[u8], at: usize) -> Option<usize> {
    const PREFIXES: [&str; 24] = [
        "b", "r", "u", "f", "rb", "br", "fr", "rf", "B", "R", "U", "F", "L", "N", "E", "c", "@",
        "$", "&", "*", "$@", "@$", "q", "qq",
    ];
    let rest = &text[at..];
    let is_before_quote = |prefix: &&&str| {
        rest.starts_with(prefix.as_bytes())
            && matches!(rest.get(prefix.len()), Some(b'"' | b'\'' | b'`'))
    };
    PREFIXES
        .iter()
        .find(is_before_quote)
        .map(|prefix| at + prefix.len())
}

/// Where a quote that stood before this text closes, within the line.
pub(super) fn quote_before(
    text: &[u8],
    from: usize,
    end: usize,
    slashes: usize,
    quote: u8,
) -> Option<usize> {
    match closing(&text[..end], from, quote, slashes) {
        Closing::Quote(to) | Closing::Outer(to) => Some(to),
        Closing::Open(_) => None,
    }
}
