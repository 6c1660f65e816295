//! Secrets of web pages: what stands beside a label (`<td>Password</td><td>…</td>`, `<dt>`, `<strong>Token:
//! </strong> …`), below the head of a table, and in a field of a form that hides what is typed. Must not know
//! of elements that are called like a secret; see [`super::blocks`].

use super::keys::{self, Secrecy};
use super::scan::Pass;
use super::{value, words};
use std::ops::Range;

/// How the elements end that hold a label.
pub(super) const LABEL_ENDS: &[&str] = &[
    "</td",
    "</div",
    "</th",
    "</dt",
    "</b>",
    "</strong>",
    "</label>",
    "</span>",
    "</em>",
    "</i>",
    "</u>",
    "</code>",
    "</h3>",
    "</h4>",
];

/// The field that hides what is typed.
pub(super) const HIDDEN_FIELDS: &[&str] = &[
    "type=\"password\"",
    "type='password'",
    "type=password",
    "type = \"password\"",
];

/// Longest label, its element's tag included.
const LONGEST_LABEL: usize = 96;

/// Longest value, and how far it may stand from its label.
const WINDOW_BYTES: usize = 512;

/// Most tags between a label and its value.
const MOST_TAGS: usize = 6;

/// Longest row that may be the head of a table, in bytes, on each side of a cell.
const LONGEST_ROW: usize = 4096;

/// Longest table that is read, in bytes.
const LONGEST_TABLE: usize = 64 << 10;

/// Most columns of a table.
const MOST_COLUMNS: usize = 64;

/// A column whose head names a secret.
struct SecretColumn {
    index: usize,
    secrecy: Secrecy,
}

impl Pass<'_> {
    /// An element ends here that may hold a label.
    pub(super) fn label(&mut self, hit: &Range<usize>) {
        let text = self.text;
        let from = hit
            .start
            .saturating_sub(LONGEST_LABEL)
            .max(self.at.min(hit.start));
        let Some(open) = memchr::memrchr(b'>', &text[from..hit.start]) else {
            return;
        };
        let candidate = &text[from + open + 1..hit.start];
        let secrecy = of_label(candidate);
        if secrecy < Secrecy::NoNumber {
            return;
        }
        if let Some(found) = self.beside(hit.end)
            && (is_meant(&text[found.clone()], candidate, secrecy)
                || is_assigned(text, hit, &found)
                    && is_word(&text[found.clone()], candidate, secrecy))
        {
            let end = found.end;
            return self.take(found, end, "key");
        }
        if text[hit.start..].starts_with(b"</t") {
            self.head_of_table(hit);
        }
    }

    /// The word that stands beside a label, which ends here, or the value of the field that does.
    fn beside(&self, at: usize) -> Option<Range<usize>> {
        let text = self.text;
        let near = &text[..text.len().min(at + WINDOW_BYTES)];
        let mut at = if near.get(at) == Some(&b'>') {
            at + 1
        } else {
            at
        };
        if near[..at].last() != Some(&b'>') {
            at += memchr::memchr(b'>', &near[at..])? + 1;
        }
        let mut tags = 0;
        while let Some(&byte) = near.get(at) {
            match byte {
                b'<' if tags < MOST_TAGS => {
                    let close = memchr::memchr(b'>', &near[at..])?;
                    let tag = &near[at + 1..at + close];
                    // What begins a new row, item or paragraph is not beside the label.
                    if is_tag(
                        tag,
                        &[
                            "tr", "/tr", "/table", "li", "p", "dt", "th", "h2", "h3", "label",
                        ],
                    ) {
                        return None;
                    }
                    if is_tag(tag, &["input"]) {
                        return attribute(text, at + 1..at + close, &[b"value"]);
                    }
                    tags += 1;
                    at += close + 1;
                }
                b'<' => return None,
                b':' => at += 1,
                _ if near[at..].starts_with("：".as_bytes()) => at += "：".len(),
                // A dash parts a label from its value as well.
                _ if near[at..].starts_with("–".as_bytes()) => at += "–".len(),
                _ if near[at..].starts_with("—".as_bytes()) => at += "—".len(),
                byte if byte.is_ascii_whitespace() => at += 1,
                _ => break,
            }
        }
        let len = near[at..]
            .iter()
            .position(|byte| matches!(byte, b'<' | b'\n' | b'\r'))
            .unwrap_or(near.len() - at);
        let whole = near[at..at + len].trim_ascii_end();
        Some(at..at + whole.len())
    }

    /// The secrets below a label that ends here, if it is in the head of a table.
    fn head_of_table(&mut self, hit: &Range<usize>) {
        if hit.start < self.headed {
            return;
        }
        let text = self.text;
        let from = hit.start.saturating_sub(LONGEST_ROW);
        let Some(row) = memchr::memmem::rfind(&text[from..hit.start], b"<tr") else {
            return;
        };
        let end = text.len().min(hit.start + LONGEST_ROW);
        self.headed = end;
        let Some(len) = memchr::memmem::find(&text[hit.start..end], b"</tr") else {
            return;
        };
        let head = from + row..hit.start + len;
        self.headed = head.end;
        let cells = cells(text, &head);
        let columns: Vec<SecretColumn> = cells
            .iter()
            .enumerate()
            .map(|(index, cell)| SecretColumn {
                index,
                secrecy: of_label(&text[cell.clone()]),
            })
            .filter(|column| column.secrecy >= Secrecy::NoNumber)
            .collect();
        // A head has a name in each cell; a row of another kind is one where the table begins with it.
        let is_of_names = memchr::memmem::find(&text[head.clone()], b"<td").is_none()
            || begins_table(text, head.start)
                && cells
                    .iter()
                    .all(|cell| !text[cell.clone()].iter().any(u8::is_ascii_digit));
        let end = text.len().min(head.end + LONGEST_TABLE);
        if cells.len() < 2 || !is_of_names || self.steps.get() < end - head.end {
            return;
        }
        let table =
            memchr::memmem::find(&text[head.end..end], b"</table").map_or(end, |at| head.end + at);
        self.steps.set(self.steps.get() - (table - head.end));
        self.rows_below(head.end..table, &columns);
    }

    fn rows_below(&mut self, table: Range<usize>, columns: &[SecretColumn]) {
        let text = self.text;
        let (mut at, mut is_found) = (table.start, false);
        while let Some(open) = memchr::memmem::find(&text[at..table.end], b"<tr") {
            let row = at + open;
            // The tag that ends a row may be left out.
            let next = memchr::memmem::find(&text[row + 3..table.end], b"<tr");
            let end = next.map_or(table.end, |len| row + 3 + len);
            let cells = cells(text, &(row..end));
            for column in columns {
                if let Some(cell) = cells.get(column.index)
                    && is_meant(&text[cell.clone()], b"", column.secrecy)
                {
                    self.take(cell.clone(), cell.end, "key");
                    is_found = true;
                }
            }
            at = end;
        }
        if is_found {
            // In other cells other secrets may stand.
            self.skip = table.start..table.start;
        }
    }

    /// `<input value="…" type="password">`
    pub(super) fn hidden_field(&mut self, hit: &Range<usize>) {
        let text = self.text;
        let from = hit
            .start
            .saturating_sub(WINDOW_BYTES)
            .max(self.at.min(hit.start));
        let Some(open) = memchr::memrchr(b'<', &text[from..hit.start]) else {
            return;
        };
        let rest = &text[hit.end..text.len().min(hit.end + WINDOW_BYTES)];
        let end = memchr::memchr(b'>', rest).map_or(hit.end + rest.len(), |len| hit.end + len);
        if let Some(found) = attribute(text, from + open + 1..end, &[b"value"]) {
            let close = found.end;
            self.take(found, close, "key");
        }
    }

    /// `<meta name="csrf-token" content="…">`
    pub(super) fn meta(&mut self, hit: &Range<usize>) {
        let text = self.text;
        let near = &text[hit.end..text.len().min(hit.end + WINDOW_BYTES)];
        let len = memchr::memchr(b'>', near).unwrap_or(near.len());
        // The blank before the first attribute is a part of the finder.
        let tag = hit.end - 1..hit.end + len;
        let names: [&[u8]; 3] = [b"name", b"property", b"id"];
        if let Some(name) = attribute(text, tag.clone(), &names)
            && keys::secrecy(&text[name.clone()]) >= Secrecy::NoNumber
            && let Some(found) = attribute(text, tag, &[b"content"])
            && !text[found.clone()].contains(&b' ')
        {
            let end = found.end;
            self.take(found, end, "key");
        }
    }
}

/// How sure a label is that what it names is a secret: a phrase of a few words, of which the last may be
/// followed by a colon.
fn of_label(label: &[u8]) -> Secrecy {
    const MOST_WORDS: usize = 3;
    let label = label.trim_ascii();
    let label = label
        .strip_suffix(b":")
        .or_else(|| label.strip_suffix("：".as_bytes()))
        .unwrap_or(label);
    let is_of_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte) || *byte >= 0xc3;
    let words = label.split(u8::is_ascii_whitespace).count();
    if label.is_empty() || words > MOST_WORDS || !label.iter().all(is_of_name) {
        return Secrecy::None;
    }
    keys::secrecy(label)
}

/// The cells of a row, each without the tags around its text.
fn cells(text: &[u8], row: &Range<usize>) -> Vec<Range<usize>> {
    let mut all = Vec::new();
    let mut at = row.start;
    while all.len() < MOST_COLUMNS
        && let Some(open) = memchr::memmem::find(&text[at..row.end], b"<t")
    {
        at += open + 2;
        if !matches!(text.get(at), Some(b'd' | b'h')) {
            continue;
        }
        let Some(close) = memchr::memmem::find(&text[at..row.end], b"</t") else {
            break;
        };
        let end = at + close;
        // The text begins behind the tag of the cell, and of what is in it.
        let inner = &text[at..end];
        let inner_end = inner
            .trim_ascii_end()
            .strip_suffix(b">")
            .map_or(inner.len(), |head| {
                memchr::memmem::rfind(head, b"</").unwrap_or(inner.len())
            });
        let from = memchr::memrchr(b'>', &inner[..inner_end]).map_or(inner_end, |at| at + 1);
        let candidate = &inner[from..inner_end];
        let from = at + from + (candidate.len() - candidate.trim_ascii_start().len());
        all.push(from..from + candidate.trim_ascii().len());
        at = end;
    }
    all
}

/// Where a value begins that stands in an element of its own: `Password: <code>…</code>`.
pub(super) fn after_inline_tag(text: &[u8], at: usize) -> usize {
    const TAGS: [&[u8]; 10] = [
        b"<code", b"<b", b"<strong", b"<em", b"<i", b"<kbd", b"<tt", b"<samp", b"<span", b"<u",
    ];
    const LONGEST: usize = 96;
    let rest = &text[at.min(text.len())..];
    let is_one =
        |tag: &&[u8]| rest.starts_with(tag) && matches!(rest.get(tag.len()), Some(b'>' | b' '));
    let near = &rest[..rest.len().min(LONGEST)];
    match (TAGS.iter().any(is_one), memchr::memchr(b'>', near)) {
        (true, Some(close)) => at + close + 1,
        _ => at,
    }
}

/// Whether the row that begins here is the first of its table.
fn begins_table(text: &[u8], row: usize) -> bool {
    let before = &text[row.saturating_sub(WINDOW_BYTES)..row];
    let open = memchr::memrchr(b'<', before);
    open.is_some_and(|open| is_tag(&before[open + 1..], &["table", "tbody", "thead"]))
}

/// Whether a tag is one of these elements.
fn is_tag(tag: &[u8], names: &[&str]) -> bool {
    let name = tag
        .split(|byte| byte.is_ascii_whitespace() || *byte == b'>')
        .next();
    name.is_some_and(|name| {
        names
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
    })
}

/// What the first attribute of these names holds in a tag.
fn attribute(text: &[u8], tag: Range<usize>, names: &[&[u8]]) -> Option<Range<usize>> {
    let mut at = tag.start;
    while let Some(sign) = memchr::memchr(b'=', &text[at..tag.end]) {
        let sign = at + sign;
        let name = text[at..sign].trim_ascii_end();
        let len = name
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_:".contains(byte))
            .count();
        let (before, name) = name.split_at(name.len() - len);
        let value = attribute_value(text, sign + 1..tag.end);
        at = value.end.max(sign + 1);
        let candidate = &text[value.clone()];
        let is_own = before.last().is_some_and(u8::is_ascii_whitespace);
        if is_own
            && names.iter().any(|known| name.eq_ignore_ascii_case(known))
            && !candidate.is_empty()
            && !words::is_placeholder(candidate)
        {
            return Some(value);
        }
    }
    None
}

/// The value of an attribute behind its sign, with quotes, escaped ones, or without.
fn attribute_value(text: &[u8], rest: Range<usize>) -> Range<usize> {
    let candidate = &text[rest.clone()];
    let blanks = candidate
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    let slashes = candidate[blanks..]
        .iter()
        .take_while(|byte| **byte == b'\\')
        .count();
    let quote = candidate
        .get(blanks + slashes)
        .copied()
        .filter(|byte| b"\"'".contains(byte));
    let from = rest.start + blanks + if quote.is_some() { slashes + 1 } else { 0 };
    let is_end = |byte: &u8| quote.map_or(byte.is_ascii_whitespace(), |quote| *byte == quote);
    let len = text[from..rest.end]
        .iter()
        .position(is_end)
        .unwrap_or(rest.end - from);
    let whole = &text[from..from + len];
    // Of an element that closes itself, and of an escaped quote.
    let marks: &[u8] = if quote.is_some() { b"\\" } else { b"\\/" };
    let behind = whole
        .iter()
        .rev()
        .take_while(|byte| marks.contains(byte))
        .count();
    from..from + len - behind
}

/// Whether a colon stands between a label, whose element ends here, and what is beside it.
fn is_assigned(text: &[u8], label: &Range<usize>, found: &Range<usize>) -> bool {
    text[..label.start].trim_ascii_end().ends_with(b":")
        || text[label.end..found.start].contains(&b':')
}

/// Whether a lone word behind a label and a colon is a secret. Prose puts a colon behind some of these names.
fn is_word(candidate: &[u8], label: &[u8], secrecy: Secrecy) -> bool {
    const OF_PROSE: [&str; 6] = ["token", "secret", "auth", "signature", "cookie", "key"];
    let label = label.trim_ascii();
    let label = label
        .strip_suffix(b":")
        .unwrap_or(label)
        .to_ascii_lowercase();
    let is_one = candidate.len() >= 4 && !candidate.iter().any(u8::is_ascii_whitespace);
    secrecy >= Secrecy::NoNumber
        && is_one
        && !OF_PROSE.iter().any(|word| label.ends_with(word.as_bytes()))
        && !words::is_placeholder(candidate)
        && !words::is_expression(candidate)
        && value::mark_at(candidate, 0).is_none()
}

/// Whether a word beside the name of a secret is one. Pages describe parameters as often.
pub(super) fn is_meant(candidate: &[u8], label: &[u8], secrecy: Secrecy) -> bool {
    // Names of a way to encode, of a type or of a column are mixed as well.
    const KINDS: [&str; 17] = [
        "sha1", "sha224", "sha256", "sha384", "sha512", "sha-256", "md5", "base64", "base32",
        "utf8", "utf-8", "int32", "int64", "uint32", "uint64", "uuid4", "oauth2",
    ];
    let is_kind = KINDS
        .iter()
        .any(|kind| candidate.eq_ignore_ascii_case(kind.as_bytes()));
    let is_one = !candidate.is_empty() && !candidate.iter().any(u8::is_ascii_whitespace);
    let has = |test: fn(&u8) -> bool| candidate.iter().any(test);
    let is_mixed = candidate.len() >= 6 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    let is_of_code = candidate.iter().any(|byte| b"()[]{}/&".contains(byte));
    let is_own = candidate.eq_ignore_ascii_case(label);
    is_one
        && !is_kind
        && !is_own
        && !words::is_placeholder(candidate)
        && value::mark_at(candidate, 0).is_none()
        && (words::looks_random(candidate) && !candidate.contains(&b'(')
            || secrecy >= Secrecy::NoNumber && is_mixed && !is_of_code)
}
