//! One body on the screen: JSON lines of which some are folded, wrapped at the width there is, with a place that
//! one looks at. Pure.

use super::json_lines::{JsonLine, JsonLines, Tone};
use super::needle::Needle;
use crate::render::text::escape;
use std::collections::HashSet;
use unicode_width::UnicodeWidthChar;

/// Cells by which a level is moved in.
const STEP: usize = 2;

/// A piece of a row of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TonedText {
    pub(super) tone: Tone,
    /// Harmless.
    pub(super) text: String,
}

/// One row of the screen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct BodyRow {
    pub(super) indent: usize,
    pub(super) pieces: Vec<TonedText>,
}

/// A row of the screen, by the line that it shows a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct BodyPlace {
    /// Among the lines that are not folded away.
    line: usize,
    row: usize,
}

/// How a body is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BodySize {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) wraps: bool,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct BodyView {
    pub(super) document: JsonLines,
    folded: HashSet<usize>,
    /// The lines that are not folded away.
    seen: Vec<usize>,
    pub(super) at: BodyPlace,
    top: BodyPlace,
}

impl BodyView {
    pub(super) fn new(document: JsonLines) -> Self {
        Self {
            seen: (0..document.lines.len()).collect(),
            document,
            ..Self::default()
        }
    }

    /// The rows on the screen, and which of them is the one that is looked at.
    pub(super) fn rows(&self, size: BodySize) -> (Vec<BodyRow>, usize) {
        let (mut rows, mut at) = (Vec::new(), 0);
        let mut spot = self.top;
        while rows.len() < size.height && spot.line < self.seen.len() {
            for (row, shown) in self.wrapped(spot.line, size).into_iter().enumerate() {
                if row < spot.row {
                    continue;
                }
                if (BodyPlace {
                    line: spot.line,
                    row,
                }) == self.at
                {
                    at = rows.len();
                }
                rows.push(shown);
            }
            spot = BodyPlace {
                line: spot.line + 1,
                row: 0,
            };
        }
        rows.truncate(size.height);
        (rows, at)
    }

    /// Moves by rows of the screen.
    pub(super) fn go(&mut self, rows: isize, size: BodySize) {
        self.at = self.stepped(self.at, rows, size);
        self.settle(size);
    }

    pub(super) fn go_to_first(&mut self) {
        (self.at, self.top) = (BodyPlace::default(), BodyPlace::default());
    }

    pub(super) fn go_to_last(&mut self, size: BodySize) {
        let line = self.seen.len().saturating_sub(1);
        let row = self.count(line, size).saturating_sub(1);
        self.at = BodyPlace { line, row };
        self.settle(size);
    }

    /// The place so many rows away, as far as there are rows.
    fn stepped(&self, from: BodyPlace, rows: isize, size: BodySize) -> BodyPlace {
        let mut spot = from;
        for _ in 0..rows.unsigned_abs() {
            let next = if rows > 0 {
                if spot.row + 1 < self.count(spot.line, size) {
                    BodyPlace {
                        row: spot.row + 1,
                        ..spot
                    }
                } else {
                    BodyPlace {
                        line: spot.line + 1,
                        row: 0,
                    }
                }
            } else if spot.row > 0 {
                BodyPlace {
                    row: spot.row - 1,
                    ..spot
                }
            } else {
                let Some(line) = spot.line.checked_sub(1) else {
                    break;
                };
                BodyPlace {
                    line,
                    row: self.count(line, size).saturating_sub(1),
                }
            };
            if next.line >= self.seen.len() {
                break;
            }
            spot = next;
        }
        spot
    }

    /// Keeps the place on the screen; after the size has changed, too.
    pub(super) fn settle(&mut self, size: BodySize) {
        let last = self.seen.len().saturating_sub(1);
        self.at.line = self.at.line.min(last);
        self.at.row = self
            .at
            .row
            .min(self.count(self.at.line, size).saturating_sub(1));
        let above = isize::try_from(size.height.saturating_sub(1)).unwrap_or(isize::MAX);
        let lowest = self.stepped(self.at, -above, size);
        self.top.row = self
            .top
            .row
            .min(self.count(self.top.line, size).saturating_sub(1));
        self.top = self.top.clamp(lowest, self.at);
    }

    /// Rows of a line.
    fn count(&self, line: usize, size: BodySize) -> usize {
        if size.wraps && line < self.seen.len() {
            self.wrapped(line, size).len()
        } else {
            1
        }
    }

    fn line(&self, line: usize) -> Option<(usize, &JsonLine)> {
        let number = *self.seen.get(line)?;
        Some((number, &self.document.lines[number]))
    }

    /// Folds what the line opens, or unfolds it.
    pub(super) fn fold(&mut self, fold: Option<bool>) {
        let Some((number, line)) = self.line(self.at.line) else {
            return;
        };
        if line.closed_by.is_none() {
            // On a line that opens nothing, folding means what it stands in.
            if fold == Some(true) {
                self.go_out();
            }
            return;
        }
        let is_folded = self.folded.contains(&number);
        if fold.unwrap_or(!is_folded) {
            if is_folded {
                return self.go_out();
            }
            self.folded.insert(number);
        } else {
            self.folded.remove(&number);
        }
        self.find_seen(number);
    }

    /// Goes to the line that opened what this one stands in.
    fn go_out(&mut self) {
        let Some((_, line)) = self.line(self.at.line) else {
            return;
        };
        let depth = line.depth;
        let is_outer = |at: &usize| self.document.lines[self.seen[*at]].depth < depth;
        if let Some(outer) = (0..self.at.line).rev().find(is_outer) {
            self.at = BodyPlace {
                line: outer,
                row: 0,
            };
        }
    }

    /// Folds everything below the first level, or unfolds all.
    pub(super) fn fold_all(&mut self) {
        let number = self.line(self.at.line).map_or(0, |(number, _)| number);
        if self.folded.is_empty() {
            let lines = self.document.lines.iter().enumerate();
            let opens = lines.filter(|(_, line)| line.depth > 0 && line.closed_by.is_some());
            self.folded = opens.map(|(number, _)| number).collect();
        } else {
            self.folded.clear();
        }
        self.find_seen(number);
    }

    /// Finds anew which lines are seen, and stays at a line or where it is folded into.
    fn find_seen(&mut self, number: usize) {
        self.seen.clear();
        let mut at = 0;
        while at < self.document.lines.len() {
            self.seen.push(at);
            let closed_by = self.document.lines[at].closed_by;
            at = match closed_by.filter(|_| self.folded.contains(&at)) {
                Some(end) => end + 1,
                None => at + 1,
            };
        }
        let line = self
            .seen
            .partition_point(|&seen| seen <= number)
            .saturating_sub(1);
        self.at = BodyPlace { line, row: 0 };
        self.top = self.top.min(self.at);
    }

    /// Goes to the next line with a text, or the one before; whether there is one.
    pub(super) fn search(&mut self, needle: &Needle, down: bool, size: BodySize) -> bool {
        let here = self.line(self.at.line).map_or(0, |(number, _)| number);
        let lines = &self.document.lines;
        let has = |&number: &usize| {
            let mut spans = lines[number].spans.iter();
            spans.any(|(_, range)| needle.is_in(&self.document.text[range.clone()]))
        };
        let len = lines.len();
        if len == 0 {
            return false;
        }
        // Round the end: one looks at a body as a whole.
        let found = if down {
            (here + 1..len)
                .chain(0..=here.min(len.saturating_sub(1)))
                .find(has)
        } else {
            (0..here.min(len)).rev().chain((here..len).rev()).find(has)
        };
        let Some(number) = found else {
            return false;
        };
        self.folded.retain(|&fold| {
            let end = lines[fold].closed_by.unwrap_or(fold);
            !(fold < number && number <= end)
        });
        self.find_seen(number);
        let rows = self.wrapped(self.at.line, size);
        let in_row = |row: &BodyRow| row.pieces.iter().any(|piece| needle.is_in(&piece.text));
        self.at.row = rows.iter().position(in_row).unwrap_or(0);
        self.settle(size);
        true
    }

    /// A line over rows of the screen.
    fn wrapped(&self, line: usize, size: BodySize) -> Vec<BodyRow> {
        let Some((number, line)) = self.line(line) else {
            return Vec::new();
        };
        let mut pieces: Vec<TonedText> = line
            .spans
            .iter()
            .map(|(tone, range)| self.piece(*tone, range.clone()))
            .collect();
        if let Some(end) = line.closed_by.filter(|_| self.folded.contains(&number)) {
            let hidden = end - number - 1;
            pieces.push(TonedText {
                tone: Tone::Plain,
                text: format!(
                    " … {hidden} {} … ",
                    if hidden == 1 { "line" } else { "lines" }
                ),
            });
            let closing = &self.document.lines[end].spans;
            pieces.extend(
                closing
                    .iter()
                    .map(|(tone, range)| self.piece(*tone, range.clone())),
            );
        }
        // On a narrow screen the text must have half of it.
        let indent = (line.depth * STEP).min(size.width / 2);
        if !size.wraps {
            return vec![BodyRow { indent, pieces }];
        }
        wrap(pieces, indent, size.width)
    }

    fn piece(&self, tone: Tone, range: std::ops::Range<usize>) -> TonedText {
        let mut text = escape(&self.document.text[range]).into_owned();
        if tone == Tone::Colon {
            text.push(' ');
        }
        TonedText { tone, text }
    }
}

/// Breaks pieces into rows: between words, behind a line break that is written in a text, and where a word
/// is longer than a row.
fn wrap(pieces: Vec<TonedText>, indent: usize, width: usize) -> Vec<BodyRow> {
    let mut rows = Vec::new();
    let mut row = BodyRow {
        indent,
        pieces: Vec::new(),
    };
    let mut used = indent;
    for TonedText { tone, text } in pieces {
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (end, is_line_end) = fitting(rest, tone, width.saturating_sub(used).max(1));
            // A word that has no room here goes to the next row, unless it would have none there.
            let goes_on = end == 0 && used > indent;
            if !goes_on {
                let end = if end == 0 {
                    first_chars(rest, width - used)
                } else {
                    end
                };
                row.pieces.push(TonedText {
                    tone,
                    text: rest[..end].to_owned(),
                });
                used += crate::render::layout::width(&rest[..end]);
                rest = &rest[end..];
            }
            if goes_on || !rest.is_empty() || is_line_end {
                rows.push(std::mem::replace(
                    &mut row,
                    BodyRow {
                        indent,
                        pieces: Vec::new(),
                    },
                ));
                used = indent;
            }
        }
    }
    if !row.pieces.is_empty() || rows.is_empty() {
        rows.push(row);
    }
    rows
}

/// How much of a text goes into so many cells, up to the end of a word; and whether a written line break
/// ends it there.
fn fitting(text: &str, tone: Tone, room: usize) -> (usize, bool) {
    let (mut used, mut word_end, mut escaped) = (0, 0, false);
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > room {
            return (word_end, false);
        }
        let end = at + c.len_utf8();
        if c == ' ' {
            word_end = end;
        }
        // `\\n` is a backslash and a letter, `\n` is a line break.
        if tone == Tone::Text && escaped && c == 'n' {
            return (end, true);
        }
        escaped = c == '\\' && !escaped;
    }
    (text.len(), false)
}

/// As much of a text as goes into so many cells, and at least one character.
fn first_chars(text: &str, room: usize) -> usize {
    let mut used = 0;
    let too_far = text.char_indices().skip(1).find(|(_, c)| {
        used += c.width().unwrap_or(0);
        // The first character counts as one cell.
        used + 1 > room
    });
    too_far.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests;
