//! Values that go over lines: blocks of YAML, elements of XML and of property lists. Must not decide
//! which keys are secret.

use super::assign::NamedKey;
use super::html;
use super::keys::Secrecy;
use super::value;
use super::words;
use std::ops::Range;

/// How far the start of a line or of a tag is looked for.
const WINDOW_BYTES: usize = 256;

/// The column in which a name begins that is the first of its line, quotes and list marks before it
/// left out.
pub(super) fn begins_line(text: &[u8], start: usize) -> Option<usize> {
    let from = start.saturating_sub(WINDOW_BYTES);
    let behind = &text[from..start];
    let line = match memchr::memrchr(b'\n', behind) {
        Some(at) => &behind[at + 1..],
        // Without a break in the window it is the first of its line only where the text begins
        // there.
        None if from == 0 => behind,
        None => return None,
    };
    // Shells and Windows put a word before the variable that they set.
    let line = line.strip_suffix(b"export ").unwrap_or(line);
    let line = line.strip_suffix(b"set ").unwrap_or(line);
    // Quotes, and the marks of lists, quotations and diffs.
    let is_lead = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'\t' | b'-' | b'"' | b'\'' | b'>' | b'+' | b'*'
        )
    };
    line.iter().all(is_lead).then_some(line.len())
}

/// The value of a key of YAML that stands in the lines below it; `from` is where one would stand on
/// its own.
pub(super) fn block(text: &[u8], key: &NamedKey<'_>, from: usize) -> Option<Range<usize>> {
    let column = begins_line(text, key.name.start)?;
    let head = &text[from..value::end_of_line(&text[..text.len().min(from + WINDOW_BYTES)], from)];
    let head = head.trim_ascii_end();
    let is_style = |head: &[u8]| {
        head.first().is_some_and(|first| b"|>".contains(first))
            && head[1..]
                .iter()
                .all(|byte| byte.is_ascii_digit() || b"+-".contains(byte))
    };
    // A tag may stand before the style: `!vault |`.
    let untagged = if head.starts_with(b"!") {
        let at = memchr::memchr(b' ', head)?;
        head[at..].trim_ascii_start()
    } else {
        head
    };
    let is_block = is_style(untagged);
    if !is_block && !head.is_empty() {
        return None;
    }
    let lines = lines_below(text, from, column)?;
    let body = &text[lines.clone()];
    // With a style a text must follow; the lines below a bare key may be its members.
    let is_meant = if is_block {
        key.secrecy >= Secrecy::Random
    } else {
        // A list of texts, or one text: no members.
        let is_member = memchr::memmem::find(body, b": ").is_some()
            || body
                .split(|byte| *byte == b'\n')
                .any(|line| line.trim_ascii_end().ends_with(b":"));
        let first = body.strip_prefix(b"- ").unwrap_or(body);
        let first = first
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let is_random = words::looks_random(first.trim_ascii());
        key.quote.is_none()
            && !is_member
            && !words::is_sentence(first)
            && (is_random || key.secrecy >= Secrecy::NoNumber && !words::is_placeholder(first))
    };
    is_meant.then_some(lines)
}

/// The lines that are set in deeper than this column, without the blanks around them.
fn lines_below(text: &[u8], from: usize, column: usize) -> Option<Range<usize>> {
    let mut at = memchr::memchr(b'\n', &text[from..])? + from + 1;
    let mut body: Option<Range<usize>> = None;
    while at < text.len() {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |found| at + found);
        let line = &text[at..end];
        let indent = value::blanks(line);
        let whole = line.trim_ascii_end();
        if !whole.trim_ascii_start().is_empty() {
            // A list may stand in the column of its key.
            let is_deeper =
                indent > column || indent == column && line[indent..].starts_with(b"- ");
            if !is_deeper {
                break;
            }
            let start = body.map_or(at + indent, |body| body.start);
            body = Some(start..at + whole.len());
        }
        at = end + 1;
    }
    body
}

/// `<password>…</password>`, `<property name="password">…</property>`, `<key>Password</key><string>…`.
pub(super) fn element(text: &[u8], key: &NamedKey<'_>) -> Option<Range<usize>> {
    let start = key.name.start;
    let behind = &text[start.saturating_sub(WINDOW_BYTES)..start];
    let open = memchr::memrchr(b'<', behind)?;
    let tag = &behind[open + 1..];
    let rest = &text[key.name.end..];
    if let Some(named) = tag.strip_suffix(b">") {
        // A property list names its value in the element before.
        let named = named
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        let last = named
            .rsplit(|byte| b":_-.".contains(byte))
            .next()
            .unwrap_or_default();
        let is_key = matches!(last, b"key" | b"name" | b"Key" | b"Name");
        // A cell of a table may hold any word: the value must look random then.
        let is_cell = matches!(named, b"string" | b"dt" | b"th" | b"td");
        let rest_at = key.name.end;
        let close = memchr::memchr(b'>', &rest[..rest.len().min(WINDOW_BYTES)])?;
        if !(is_key || is_cell) || !rest.starts_with(b"</") {
            return None;
        }
        let from = sibling(text, rest_at + close + 1)?;
        let candidate = content(text, from, MAX_DEPTH)?;
        return (is_key || html::is_meant(&text[candidate.clone()], b"", key.secrecy))
            .then_some(candidate);
    }
    let is_own = tag.is_empty()
        || tag.ends_with(b":")
            && tag
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b':');
    let is_of_attribute = key.quote.is_some()
        && ["name=", "key=", "id="].iter().any(|name| {
            let named = &tag[..tag.len().saturating_sub(1)];
            named.ends_with(name.as_bytes())
        });
    if !is_own && !is_of_attribute || tag.contains(&b'>') {
        return None;
    }
    let close = memchr::memchr(b'>', &rest[..rest.len().min(WINDOW_BYTES)])?;
    // `<password/>` holds nothing.
    let is_empty = rest[..close].ends_with(b"/") || rest[..close].contains(&b'<');
    let is_spaced = close == 0 || rest[0].is_ascii_whitespace() || is_of_attribute;
    if is_empty || !is_spaced {
        return None;
    }
    let found = content(text, key.name.end + close + 1, MAX_DEPTH)?;
    // What a parser calls so has attributes and a word in it: `<Token kind="ident">foo</Token>`.
    let is_of_parser = is_own && close > 0 && key.bytes().eq_ignore_ascii_case(b"token");
    let candidate = &text[found.clone()];
    (!is_of_parser || words::looks_random(candidate) || candidate.len() >= LONG_TOKEN)
        .then_some(found)
}

/// What is as long is not a word of a program's text.
const LONG_TOKEN: usize = 20;

/// How deep a value may stand in elements of its own.
const MAX_DEPTH: usize = 3;

/// Elements that say nothing of what they hold.
const OF_VALUES: [&[u8]; 9] = [
    b"value",
    b"string",
    b"plaintext",
    b"text",
    b"data",
    b"content",
    b"literal",
    b"val",
    b"stringvalue",
];

/// Where the text begins behind a tag that only says that a value follows.
fn after_value_tag(text: &[u8], at: usize) -> Option<usize> {
    let tag = text.get(at + 1..text.len().min(at + WINDOW_BYTES))?;
    let close = memchr::memchr(b'>', tag)?;
    (is_of_values(&tag[..close]) && !tag[..close].ends_with(b"/")).then_some(at + close + 2)
}

/// Whether a tag, its attributes included, says that it holds a value: `a:Value`, `config_value`.
fn is_of_values(tag: &[u8]) -> bool {
    let name = tag
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    let name = name
        .rsplit(|byte| b":_-.".contains(byte))
        .next()
        .unwrap_or_default();
    OF_VALUES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

/// The element behind one that names it: the next, or, with a few between, one that is of a value.
fn sibling(text: &[u8], from: usize) -> Option<usize> {
    const MOST_BETWEEN: usize = 4;
    let mut at = from;
    let mut next = None;
    for _ in 0..MOST_BETWEEN {
        at += text[at..]
            .iter()
            .take(WINDOW_BYTES)
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        let rest = &text[at..text.len().min(at + WINDOW_BYTES)];
        if !rest.starts_with(b"<") || rest.starts_with(b"</") {
            break;
        }
        let close = memchr::memchr(b'>', rest)?;
        if is_of_values(&rest[1..close]) {
            return Some(at + close + 1);
        }
        next = next.or(Some(at + close + 1));
        let end = memchr::memmem::find(&rest[close..], b"</")?;
        let end = close + end;
        at += end + memchr::memchr(b'>', &rest[end..])? + 1;
    }
    next
}

/// The text of an element that begins here, up to a tag that closes it.
fn content(text: &[u8], from: usize, depth: usize) -> Option<Range<usize>> {
    const CDATA: &[u8] = b"<![CDATA[";
    let from = from
        + text[from..]
            .iter()
            .take(WINDOW_BYTES)
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
    let range = if text[from..].starts_with(CDATA) {
        let from = from + CDATA.len();
        let end =
            memchr::memmem::find(&text[from..], b"]]>").map_or(text.len(), |found| from + found);
        from..end
    } else {
        let end = from + memchr::memchr(b'<', &text[from..])?;
        if text.get(end + 1) != Some(&b'/') {
            // An element within is asked by its own name, unless that only says that it is a value.
            return (depth > 0 && text[from..end].trim_ascii().is_empty())
                .then(|| after_value_tag(text, end))
                .flatten()
                .and_then(|at| content(text, at, depth - 1));
        }
        from..end
    };
    let whole = text[range.clone()].trim_ascii_end();
    let short = &whole[..whole.len().min(WINDOW_BYTES)];
    let is_meant = !whole.is_empty() && !words::is_placeholder(short) && !words::is_sentence(short);
    is_meant.then_some(range.start..range.start + whole.len())
}
