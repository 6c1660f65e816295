//! Tables whose head names a secret: the columns of an `INSERT`, CSV, Markdown, what psql and mysql print.
//! Each line is read once as a row. Must not know what a key is given by a sign.

use super::keys::{self, Secrecy};
use super::scan::Pass;
use super::{value, words};
use std::ops::Range;

/// Longest line that is read as a row of cells.
const LONGEST_ROW: usize = 4096;

/// Most columns of a table.
const MOST_COLUMNS: usize = 128;

/// A cell without the blanks and quotes around it, and where the next one begins.
struct Cell {
    text: Range<usize>,
    is_quoted: bool,
    next: usize,
}

/// What parts the cells of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Byte(u8),
    /// The line that boxes are drawn with, of three bytes.
    Box,
}

impl Separator {
    const BOX: [&'static [u8]; 2] = ["│".as_bytes(), "┃".as_bytes()];

    fn at(self, text: &[u8], at: usize) -> Option<usize> {
        match self {
            Self::Byte(byte) => (text.get(at) == Some(&byte)).then_some(1),
            Self::Box => Self::BOX
                .iter()
                .find(|line| text[at..].starts_with(line))
                .map(|line| line.len()),
        }
    }
}

/// The cell that begins here.
fn cell(text: &[u8], from: usize, end: usize, separator: Separator) -> Cell {
    let begin = from + value::blanks_but(&text[from..end], separator == Separator::Byte(b'\t'));
    if matches!(text.get(begin), Some(b'"' | b'\'')) && begin < end {
        let quote = text[begin];
        let mut at = begin + 1;
        // A quote is written twice where it stands for itself.
        while let Some(found) = memchr::memchr(quote, &text[at..end]) {
            at += found;
            if text.get(at + 1) != Some(&quote) || at + 1 >= end {
                let gap =
                    value::blanks_but(&text[at + 1..end], separator == Separator::Byte(b'\t'));
                let next = at + 1 + gap;
                if next >= end || separator.at(text, next).is_some() {
                    return Cell {
                        text: begin + 1..at,
                        is_quoted: true,
                        next,
                    };
                }
                at += 1;
            } else {
                at += 2;
            }
        }
    }
    let next = (begin..end)
        .find(|at| separator.at(text, *at).is_some())
        .unwrap_or(end);
    let whole = text[begin..next].trim_ascii_end();
    Cell {
        text: begin..begin + whole.len(),
        is_quoted: false,
        next,
    }
}

/// The cells of a line.
fn cells(text: &[u8], line: &Range<usize>, separator: Separator) -> Vec<Cell> {
    let mut all = Vec::new();
    let mut at = line.start;
    // Tables of Markdown begin and end with their mark.
    let first = at + value::blanks(&text[at..line.end]);
    if separator != Separator::Byte(b',')
        && separator != Separator::Byte(b';')
        && let Some(len) = separator.at(text, first)
        && text[first] != b'\t'
    {
        at = first + len;
    }
    while all.len() < MOST_COLUMNS {
        let cell = cell(text, at, line.end, separator);
        let next = cell.next;
        all.push(cell);
        match separator.at(text, next).filter(|_| next < line.end) {
            Some(len) => at = next + len,
            None => break,
        }
    }
    all
}

fn line_at(text: &[u8], from: usize) -> Range<usize> {
    from..value::end_of_line(text, from)
}

fn next_line(text: &[u8], line: &Range<usize>) -> Option<Range<usize>> {
    let mut at = line.end;
    at += usize::from(text.get(at) == Some(&b'\r'));
    at += usize::from(text.get(at) == Some(&b'\n'));
    (at > line.end && at < text.len()).then(|| line_at(text, at))
}

/// Whether a line only parts the head of a table from its rows: `|---|---|`, `+----+`.
fn is_rule(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let is_drawn = |c: char| "-+|:= ─┼├┤━┿┝┥╞╪╡═│┃".contains(c);
    text.len() > 2 && std::str::from_utf8(text).is_ok_and(|text| text.chars().all(is_drawn))
}

impl Pass<'_> {
    /// Whether the name here is the head of a column; if so, the secrets below it are taken.
    pub(super) fn column(&mut self, name: &Range<usize>) -> bool {
        let text = self.text;
        // A line is looked at once, whatever number of its names are of secrets; and no row of a
        // table is a head.
        if name.start < self.tabled {
            return false;
        }
        let from = name.start - name.start.min(LONGEST_ROW);
        let start =
            memchr::memrchr(b'\n', &text[from..name.start]).map_or(from, |at| from + at + 1);
        let line = start..self.end_of_line(name.end);
        self.tabled = line.end;
        if line.len() > LONGEST_ROW || line.end == text.len() {
            return false;
        }
        let Some(separator) = separator(text, name, &line) else {
            return false;
        };
        let head = cells(text, &line, separator);
        let is_head = |cell: &Cell| {
            let candidate = &text[cell.text.clone()];
            candidate.len() <= keys::MAX_NAME_BYTES
                && candidate
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-. ()#".contains(byte))
        };
        if head.len() < 2 || !head.iter().all(is_head) {
            return false;
        }
        let columns: Vec<(usize, Secrecy)> = head
            .iter()
            .enumerate()
            .map(|(at, cell)| (at, keys::secrecy(&text[cell.text.clone()])))
            .filter(|(_, secrecy)| *secrecy >= Secrecy::NoNumber)
            .collect();
        let found = self.rows(&line, &columns, head.len(), separator);
        !found.is_empty() && {
            self.take_all(found);
            true
        }
    }

    /// The secrets of the rows below a head.
    fn rows(
        &mut self,
        head: &Range<usize>,
        columns: &[(usize, Secrecy)],
        width: usize,
        separator: Separator,
    ) -> Vec<Range<usize>> {
        let text = self.text;
        let mut found = Vec::new();
        let mut line = head.clone();
        while let Some(next) = next_line(text, &line) {
            line = next;
            let candidate = &text[line.clone()];
            if is_rule(candidate) {
                continue;
            }
            if candidate.trim_ascii().is_empty() || line.len() > LONGEST_ROW {
                break;
            }
            let row = cells(text, &line, separator);
            // What is not a row any more ends the table.
            if row.len() < 2 || row.len() > width + 1 {
                break;
            }
            self.tabled = line.end;
            for (at, secrecy) in columns {
                if let Some(cell) = row.get(*at)
                    && is_secret_cell(&text[cell.text.clone()], *secrecy, cell.is_quoted)
                {
                    found.push(cell.text.clone());
                }
            }
        }
        found
    }

    /// `INSERT INTO users (name, password) VALUES ('bob', '…')`, `COPY users (id, password) FROM stdin;`
    pub(super) fn insert(&mut self, hit: &Range<usize>) {
        const LONGEST_HEAD: usize = 2048;
        let text = self.text;
        let near = &text[..text.len().min(hit.end + LONGEST_HEAD)];
        let Some(open) = memchr::memchr2(b'(', b';', &near[hit.end..]).map(|at| hit.end + at)
        else {
            return;
        };
        let Some(close) = memchr::memchr(b')', &near[open..]).map(|at| open + at) else {
            return;
        };
        let columns: Vec<(usize, Secrecy)> = text[open + 1..close]
            .split(|byte| *byte == b',')
            .take(MOST_COLUMNS)
            .map(|name| keys::secrecy(name.trim_ascii()))
            .enumerate()
            .filter(|(_, secrecy)| *secrecy >= Secrecy::NoNumber)
            .collect();
        if columns.is_empty() {
            return;
        }
        let rest = text[close + 1..].trim_ascii_start();
        let at = text.len() - rest.len();
        let starts = |word: &[u8]| {
            rest.get(..word.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        let found = if starts(b"values") {
            self.tuples(at + b"values".len(), &columns)
        } else if starts(b"from stdin") {
            let head = line_at(text, at);
            let width = memchr::memchr_iter(b',', &text[open..close]).count() + 1;
            self.rows(&head, &columns, width, Separator::Byte(b'\t'))
        } else {
            return;
        };
        self.take_all(found);
    }

    /// The secrets of `('bob', '…'), ('al', '…')`.
    fn tuples(&self, from: usize, columns: &[(usize, Secrecy)]) -> Vec<Range<usize>> {
        let text = self.text;
        let blank = |at: usize| {
            at + text[at..]
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count()
        };
        let mut found = Vec::new();
        let mut at = blank(from);
        while text.get(at) == Some(&b'(') {
            at += 1;
            let mut column = 0;
            loop {
                at = blank(at);
                let end = end_of_item(text, at);
                let item = &text[at..end];
                // A function may be given the secret: `crypt('…', gen_salt('bf'))`.
                let quote = memchr::memchr2(b'\'', b'"', item);
                let is_secret = columns.iter().any(|(wanted, _)| *wanted == column);
                if is_secret && let Some(quote) = quote {
                    let open = at + quote;
                    let close = end_of_text(text, open);
                    let candidate = open + 1..close.saturating_sub(1).max(open + 1).min(end);
                    if !words::is_placeholder(&text[candidate.clone()]) {
                        found.push(candidate);
                    }
                }
                at = end;
                column += 1;
                if text.get(at) != Some(&b',') || column > MOST_COLUMNS {
                    break;
                }
                at += 1;
            }
            if text.get(at) != Some(&b')') {
                break;
            }
            at = blank(at + 1);
            if text.get(at) == Some(&b',') {
                at = blank(at + 1);
            }
        }
        found
    }

    fn take_all(&mut self, found: Vec<Range<usize>>) {
        let (Some(first), Some(last)) = (found.first().cloned(), found.last().cloned()) else {
            return;
        };
        for secret in found {
            let end = secret.end;
            self.take(secret, end, "key");
        }
        // Between them stand cells that may hold other secrets.
        self.skip = first.start..first.start;
        self.tabled = self.tabled.max(last.end);
    }
}

/// What parts the cells of the line in which this name is one.
fn separator(text: &[u8], name: &Range<usize>, line: &Range<usize>) -> Option<Separator> {
    let is_quote = |byte: u8| matches!(byte, b'"' | b'\'' | b' ' | b'`');
    let before = text[line.start..name.start]
        .iter()
        .rposition(|byte| !is_quote(*byte))
        .map(|at| line.start + at);
    let after = (name.end..line.end).find(|at| !is_quote(text[*at]));
    let of = |at: usize| match text[at] {
        byte @ (b',' | b';' | b'\t' | b'|') => Some(Separator::Byte(byte)),
        _ if Separator::Box.at(text, at).is_some() => Some(Separator::Box),
        // The last byte of the line of a box.
        0x82 | 0x83 if at >= 2 && Separator::Box.at(text, at - 2).is_some() => Some(Separator::Box),
        _ => None,
    };
    match (before.map(of), after.map(of)) {
        (Some(Some(one)), Some(Some(other))) if one == other => Some(one),
        (Some(Some(one)), None) | (None, Some(Some(one))) => Some(one),
        _ => None,
    }
}

/// Whether a cell below the name of a secret holds one. Tables describe parameters as often.
pub(super) fn is_secret_cell(candidate: &[u8], secrecy: Secrecy, is_quoted: bool) -> bool {
    const LOOKED_AT: usize = 256;
    let short = &candidate[..candidate.len().min(LOOKED_AT)];
    let is_mixed = short
        .iter()
        .any(|byte| byte.is_ascii_digit() || b"!@#$%^&*".contains(byte));
    let is_one = !short.iter().any(u8::is_ascii_whitespace);
    is_one
        && short.len() >= 4
        && !words::is_placeholder(short)
        && (words::looks_random(short)
            || is_mixed
                && secrecy == Secrecy::NoNumber
                && (is_quoted || short.iter().any(u8::is_ascii_alphabetic)))
        && !short.iter().all(u8::is_ascii_digit)
}

/// Where an item of a tuple of SQL ends: at its comma or bracket.
fn end_of_item(text: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\'' | b'"' => {
                at = end_of_text(text, at);
                continue;
            }
            b'(' => depth += 1,
            b')' | b',' | b';' if depth == 0 => return at,
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Where a text of SQL ends, its quote included: one that is written twice, or behind a backslash, is a
/// part of it.
fn end_of_text(text: &[u8], open: usize) -> usize {
    let quote = text[open];
    let mut at = open + 1;
    while let Some(&byte) = text.get(at) {
        let is_doubled = byte == quote && text.get(at + 1) == Some(&quote);
        if byte == b'\\' || is_doubled {
            at += 2;
        } else if byte == quote {
            return at + 1;
        } else {
            at += 1;
        }
    }
    text.len()
}
