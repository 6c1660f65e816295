//! Tables for people: one line a row, cut to a width where there is one. The only user of
//! `comfy_table`.

use super::columns::{Column, Record, Show, Value};
use super::layout::{cut, fit, width, wrap};
use super::text::escape;
use super::units;
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table, Width,
    presets,
};
use mcpr_store::query::when::Zone;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

/// How a table looks where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStyle {
    /// The zone of shown times.
    pub zone: Zone,
    /// What lines are cut or wrapped to; `None`: they are as long as they are.
    pub width: Option<usize>,
    /// Whether colours may be used.
    pub colour: bool,
}

/// Session ids cut as short as keeps those seen so far apart.
#[derive(Debug)]
pub struct ShortIds {
    seen: BTreeSet<String>,
    chars: usize,
}

impl Default for ShortIds {
    fn default() -> Self {
        Self {
            seen: BTreeSet::new(),
            chars: Self::LEAST_CHARS,
        }
    }
}

impl ShortIds {
    /// The shortest form of an id.
    pub const LEAST_CHARS: usize = 8;
    /// Most ids remembered; what comes later is cut to the length found by then.
    pub const MAX_SEEN: usize = 100_000;

    /// Takes note of an id.
    pub fn learn(&mut self, id: &str) {
        if self.seen.contains(id) || self.seen.len() >= Self::MAX_SEEN {
            return;
        }
        // In an ordered set the id with the longest common beginning stands beside this one, so two
        // neighbours stand for all.
        let before = self
            .seen
            .range::<str, _>((Unbounded, Excluded(id)))
            .next_back();
        let after = self.seen.range::<str, _>((Excluded(id), Unbounded)).next();
        for other in [before, after].into_iter().flatten() {
            let common = id
                .chars()
                .zip(other.chars())
                .take_while(|(a, b)| a == b)
                .count();
            self.chars = self.chars.max(common + 1);
        }
        self.seen.insert(id.to_owned());
    }

    /// The short form. An inferred id (`~` and 8 digits) stays whole.
    #[must_use]
    pub fn shorten<'a>(&self, id: &'a str) -> &'a str {
        let chars = self.chars + usize::from(id.starts_with('~'));
        id.char_indices()
            .nth(chars)
            .map_or(id, |(end, _)| &id[..end])
    }
}

/// One cell as text, ready to be cut and placed.
struct RenderedCell {
    text: String,
    alarming: bool,
}

/// A row's cells, or the line that stands in its place.
enum Line {
    Cells(Vec<RenderedCell>),
    Whole(String),
}

/// Writes a table page by page.
#[derive(Debug)]
pub(super) struct TableWriter<R: Record> {
    columns: Vec<&'static Column<R>>,
    style: TableStyle,
    ids: ShortIds,
    /// Width by column; `None` for one that is left out. Empty before the first page.
    widths: Vec<Option<usize>>,
}

impl<R: Record> TableWriter<R> {
    pub(super) fn new(columns: Vec<&'static Column<R>>, style: TableStyle) -> Self {
        Self {
            columns,
            style,
            ids: ShortIds::default(),
            widths: Vec::new(),
        }
    }

    pub(super) fn page(&mut self, rows: &[R], out: &mut String) {
        self.learn_ids(rows);
        let lines: Vec<Line> = rows.iter().map(|row| self.line(row)).collect();
        let first = self.widths.is_empty();
        self.lay_out(&lines);
        let mut table = self.table();
        for line in &lines {
            if let Line::Cells(cells) = line {
                table.add_row(self.place(cells));
            }
        }
        let mut laid = table.lines();
        let mut push = |line: &str| {
            out.push_str(line.trim_end());
            out.push('\n');
        };
        let header = laid.next();
        if first {
            push(header.as_deref().unwrap_or_default());
        }
        for line in &lines {
            match line {
                Line::Cells(cells) => {
                    for _ in 0..self.height(cells) {
                        push(&laid.next().unwrap_or_default());
                    }
                }
                Line::Whole(text) => push(&self.limited(text)),
            }
        }
    }

    fn learn_ids(&mut self, rows: &[R]) {
        for column in self
            .columns
            .iter()
            .filter(|column| column.show == Show::SessionId)
        {
            for row in rows {
                if let Value::Text(id) = (column.value)(row) {
                    self.ids.learn(&id);
                }
            }
        }
    }

    fn line(&self, row: &R) -> Line {
        if let Some(text) = row.interruption(self.style.zone) {
            return Line::Whole(escape(&text).into_owned());
        }
        Line::Cells(
            self.columns
                .iter()
                .map(|column| self.cell(column, row))
                .collect(),
        )
    }

    fn cell(&self, column: &Column<R>, row: &R) -> RenderedCell {
        let value = (column.value)(row);
        let alarming = match (&value, column.show) {
            (Value::Null, _) => false,
            (value, Show::Outcome) => *value != Value::from("ok"),
            (Value::Ratio(ratio), Show::Share) => *ratio > 0.0,
            (Value::Text(level), Show::Level) => matches!(&**level, "breaking" | "alert"),
            _ => false,
        };
        let text = match (value, column.show) {
            (Value::Null, Show::Message) => Cow::Borrowed(""),
            (Value::Null, _) => Cow::Borrowed("-"),
            (Value::Int(ts), Show::Time) | (Value::Time(ts), _) => {
                units::time(ts, self.style.zone).into()
            }
            (Value::Int(us), Show::Latency) => units::latency(us).into(),
            (Value::Int(size), Show::Bytes) => units::bytes(size).into(),
            (Value::Int(number), Show::Grouped) => units::grouped(number).into(),
            (Value::Int(number), _) => number.to_string().into(),
            (Value::Ratio(ratio), _) => units::share(ratio).into(),
            (Value::Counts(counts), _) => units::bars(counts).into(),
            (Value::Bool(yes), _) => (if yes { "yes" } else { "no" }).into(),
            (Value::Json(json), _) => escape(json).into_owned().into(),
            (Value::Text(id), Show::SessionId) => escape(self.ids.shorten(&id)).into_owned().into(),
            (Value::Text(text), _) => escape(&text).into_owned().into(),
        };
        RenderedCell {
            text: text.into_owned(),
            alarming,
        }
    }

    /// Sets the widths from the first page; later pages only widen them where nothing is cut.
    fn lay_out(&mut self, lines: &[Line]) {
        let mut natural: Vec<usize> = self
            .columns
            .iter()
            .map(|column| Self::least_width(column))
            .collect();
        for line in lines {
            if let Line::Cells(cells) = line {
                for (most, cell) in natural.iter_mut().zip(cells) {
                    *most = (*most).max(width(&cell.text));
                }
            }
        }
        match (self.widths.is_empty(), self.style.width) {
            (true, Some(limit)) => {
                let fits: Vec<_> = self.columns.iter().map(|column| column.fit).collect();
                self.widths = fit(&natural, &fits, limit);
            }
            (true, None) => self.widths = natural.into_iter().map(Some).collect(),
            // Later pages are cut to the first page's widths: columns must not move under a
            // reader's eyes.
            (false, Some(_)) => {}
            (false, None) => {
                for (width, needed) in self.widths.iter_mut().zip(natural) {
                    *width = (*width).max(Some(needed));
                }
            }
        }
    }

    /// Room for the header, and for an inferred id although the first page may have none.
    fn least_width(column: &Column<R>) -> usize {
        match column.show {
            Show::SessionId => ShortIds::LEAST_CHARS + 1,
            _ => width(column.header),
        }
    }

    fn kept(&self) -> impl Iterator<Item = (usize, &'static Column<R>, usize)> {
        let widths = self.widths.iter().enumerate();
        widths.filter_map(|(index, width)| width.map(|width| (index, self.columns[index], width)))
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if self.style.colour {
            // comfy-table would look at the terminal itself; the console has decided already.
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        // The header is always set, since it makes the columns; only the first page shows it.
        let header: Row = self
            .kept()
            .map(|(_, column, width)| {
                Cell::new_owned(cut(column.header, width).into_owned())
                    .add_attribute(Attribute::Bold)
            })
            .collect::<Vec<_>>()
            .into();
        table.set_header(header);
        let last = self.kept().count().saturating_sub(1);
        for (place, (_, shown, width)) in self.kept().enumerate() {
            let column = table
                .column_mut(place)
                .expect("the header has made every column");
            let gap = if place == last { 0 } else { super::layout::GAP };
            column.set_padding((0, u16::try_from(gap).expect("a gap is small")));
            let padded = u16::try_from(width + gap).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(padded)));
            column.set_cell_alignment(match shown.show {
                Show::Number | Show::Grouped | Show::Latency | Show::Bytes | Show::Share => {
                    CellAlignment::Right
                }
                _ => CellAlignment::Left,
            });
        }
        table
    }

    /// How many lines a row takes.
    fn height(&self, cells: &[RenderedCell]) -> usize {
        let of_cell = |(index, column, width): (usize, &Column<R>, usize)| {
            let text: &str = &cells[index].text;
            if column.fit.wraps {
                wrap(text, width).len()
            } else {
                1
            }
        };
        self.kept().map(of_cell).max().unwrap_or(1)
    }

    fn place(&self, cells: &[RenderedCell]) -> Row {
        let height = self.height(cells);
        let cells = self.kept().map(|(index, column, width)| {
            let shown = &cells[index];
            let text = if column.fit.wraps {
                wrap(&shown.text, width).join("\n")
            } else {
                cut(&shown.text, width).into_owned()
            };
            let cell = Cell::new_owned(text);
            if shown.alarming {
                cell.fg(Color::Red)
            } else {
                cell
            }
        });
        let mut row = Row::from(cells.collect::<Vec<_>>());
        // `page` takes exactly as many laid lines for each row.
        row.max_height(height);
        row
    }

    fn limited<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.style
            .width
            .map_or(Cow::Borrowed(text), |limit| cut(text, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::ShortIds;

    #[test]
    fn short_ids_stay_unique() {
        let mut ids = ShortIds::default();
        ids.learn("2bdb4dcf-b09f-4c41-9733-03bc3e2ef539");
        assert_eq!(
            ids.shorten("2bdb4dcf-b09f-4c41-9733-03bc3e2ef539"),
            "2bdb4dcf"
        );
        ids.learn("2bdb4dcf-b1");
        assert_eq!(
            ids.shorten("2bdb4dcf-b09f-4c41-9733-03bc3e2ef539"),
            "2bdb4dcf-b0"
        );
        assert_eq!(ids.shorten("~0123abcd"), "~0123abcd");
        assert_eq!(ids.shorten("short"), "short");
        assert_eq!(ids.shorten("ééééééééééééééé"), "ééééééééééé");
    }
}
