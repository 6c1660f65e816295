//! Tables for people: one line per row, cut to a width where there is one. The only user of
//! `comfy_table`.

mod cell;
mod laid;

use super::clock::{Clock, narrow_time};
use super::columns::{Column, Record, Show, Value};
use super::layout::{GAP, cut, cut_middle, painted_width, width, wrap};
use super::palette::{Ink, Meaning};
use super::short_ids::ShortIds;
use super::style::{Overflow, TableStyle};
use super::text::escape;
use cell::RenderedCell;
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table, Width,
    presets,
};
use laid::{Laid, Needed, Room, least_width};
use std::borrow::Cow;

/// A row's cells, or a line that stands in its place or before it.
enum Line {
    Cells(Vec<RenderedCell>),
    Whole(String, Meaning),
}

/// Writes a table page by page.
#[derive(Debug)]
pub(super) struct TableWriter<R: Record> {
    columns: Vec<&'static Column<R>>,
    style: TableStyle,
    ids: ShortIds,
    clock: Clock,
    laid: Laid,
}

impl<R: Record> TableWriter<R> {
    pub(super) fn new(columns: Vec<&'static Column<R>>, style: TableStyle) -> Self {
        Self {
            laid: Laid::of(columns.len()),
            columns,
            style,
            ids: ShortIds::default(),
            clock: Clock::starting(&style),
        }
    }

    /// What holds from the next page on: the terminal may have another size by then.
    pub(super) fn set_width(&mut self, width: Option<usize>) {
        self.style.width = width;
    }

    /// The present at the next page, unix milliseconds.
    pub(super) fn set_now(&mut self, now_ms: i64) {
        self.style.now_ms = now_ms;
    }

    pub(super) fn page(&mut self, rows: &[R], out: &mut String) {
        self.learn(rows);
        let lines: Vec<Line> = rows.iter().flat_map(|row| self.lines(row)).collect();
        if !lines.iter().any(|line| matches!(line, Line::Cells(_))) {
            // A header above no row would say that there is a table.
            for line in &lines {
                self.push_whole(line, out);
            }
            return;
        }
        let is_first = self.laid.widths.is_empty();
        let has_moved = self.lay_out(&lines);
        let mut table = self.table(&lines);
        for line in &lines {
            if let Line::Cells(cells) = line {
                table.add_row(self.place(cells));
            }
        }
        // comfy-table only pads and colours: what is cut, and where, is decided here.
        let mut laid = table.lines();
        let header = laid.next();
        // Columns that moved are named anew. Without a width they only grow, and stay where they begin
        // as far as they can: in a file a second header would be in the way.
        if is_first || (has_moved && self.style.width.is_some()) {
            push(header.as_deref().unwrap_or_default(), out);
        }
        for line in &lines {
            match line {
                Line::Cells(cells) => {
                    for at in 0..self.height(cells) {
                        let text = laid.next().unwrap_or_default();
                        match self.beyond(cells).filter(|_| at == 0) {
                            Some(beyond) => push(&self.with_beyond(&text, &beyond), out),
                            None => push(&text, out),
                        }
                    }
                }
                Line::Whole(..) => self.push_whole(line, out),
            }
        }
    }

    /// A line that has no cells.
    fn push_whole(&self, line: &Line, out: &mut String) {
        if let Line::Whole(text, meaning) = line {
            let text = self.limited(text);
            push(&self.style.palette.paint(*meaning, &text), out);
        }
    }

    /// Rows as they would stand below those that are out, in the columns as they are. Nothing is remembered of them.
    pub(super) fn peek(&mut self, rows: &[R], out: &mut String) {
        let before = (self.clock.clone(), self.laid.clone());
        let mut lines: Vec<Line> = rows.iter().flat_map(|row| self.lines(row)).collect();
        // A day that begins with them is shown with the first row that stays.
        lines.retain(|line| matches!(line, Line::Cells(_)));
        // A terminal that was resized has another width than what is above; then these are named anew.
        let is_laid = !self.laid.widths.is_empty() && self.laid.made_for == self.style.width;
        let has_moved = !is_laid && self.lay_out(&lines) && !lines.is_empty();
        let mut table = self.table(&lines);
        for line in &lines {
            if let Line::Cells(cells) = line {
                table.add_row(self.place(cells));
            }
        }
        let laid: Vec<String> = table.lines().skip(usize::from(!has_moved)).collect();
        for line in laid {
            push(&line, out);
        }
        (self.clock, self.laid) = before;
    }

    /// Makes room for rows that come later, so that nothing moves when they do.
    pub(super) fn expect_rows(&mut self, rows: &[R]) {
        self.learn(rows);
        // Days are shown when the rows come.
        let clock = self.clock.clone();
        let lines: Vec<Line> = rows.iter().flat_map(|row| self.lines(row)).collect();
        self.clock = clock;
        self.lay_out(&lines);
        // Nothing is out yet: the first page still brings the header.
        self.laid.widths.clear();
    }

    /// Gives a column at least so many cells, for what stands below it.
    pub(super) fn reserve(&mut self, column: &str, cells: usize) {
        let at = self.columns.iter().position(|it| it.name == column);
        if let Some(at) = at {
            let needed = Needed {
                natural: cells,
                narrow: cells,
            };
            self.laid.learn(at, needed);
        }
    }

    /// A line in which one column says something of the rows above.
    pub(super) fn below(&mut self, column: &str, text: &str, out: &mut String) {
        let dim = self.style.palette.ink(Meaning::Dim);
        let cells = self.columns.iter().map(|it| {
            let text = if it.name == column { text } else { "" };
            RenderedCell::of(text.to_owned(), dim)
        });
        let cells: Vec<RenderedCell> = cells.collect();
        // Only where the column is shown at all.
        let is_shown = |(index, it, _): (usize, &Column<R>, usize)| {
            it.name == column && !cells[index].text.is_empty()
        };
        if !self.kept().any(is_shown) {
            return;
        }
        let row = self.place(&cells);
        let lines = [Line::Cells(cells)];
        let mut table = self.table(&lines);
        table.add_row(row);
        let laid: Vec<String> = table.lines().skip(1).collect();
        for line in laid {
            push(&line, out);
        }
    }

    fn learn(&mut self, rows: &[R]) {
        let of_ids = |column: &&&Column<R>| column.show == Show::SessionId;
        for column in self.columns.iter().filter(of_ids) {
            for row in rows {
                if let Value::Text(id) = (column.value)(row) {
                    self.ids.learn(&id);
                }
            }
        }
        // Before any of them is written, so that all of a page are written alike.
        for (source, ts) in rows.iter().filter_map(R::clock) {
            self.clock.learn(source, ts);
        }
    }

    /// A row as it stands in the table, and what has to be reported before it.
    fn lines(&mut self, row: &R) -> Vec<Line> {
        let mut lines = Vec::new();
        let has_clock = self.columns.iter().any(|it| it.show == Show::Clock);
        if let Some((_, ts)) = row.clock().filter(|_| has_clock && self.style.names_days()) {
            let day = self.clock.new_day(ts, self.style.zone);
            lines.extend(day.map(|day| Line::Whole(day, Meaning::Dim)));
        }
        let time = |ts| self.clock.moment(ts, &self.style);
        if let Some(text) = row.interruption(&time) {
            lines.push(Line::Whole(escape(&text).into_owned(), Meaning::Slow));
            return lines;
        }
        // Asked once for each row, for it remembers the row before.
        let time = match row.clock() {
            Some((source, ts)) if has_clock => self.clock.show(source, ts, &self.style),
            _ => String::new(),
        };
        let cells = self.columns.iter().map(|column| match column.show {
            Show::Clock => {
                let cell = RenderedCell::of(time.clone(), self.style.palette.ink(Meaning::Dim));
                cell.with_narrow(narrow_time(&time, &self.style))
            }
            show => {
                let cell =
                    RenderedCell::of_value((column.value)(row), show, &self.ids, &self.style);
                let is_asked = self.style.overflow == Overflow::Beyond;
                let whole = column.whole.filter(|_| is_asked);
                cell.with_whole(whole.and_then(|whole| whole(row)))
            }
        });
        lines.push(Line::Cells(cells.collect()));
        lines
    }

    /// Fits the columns to what came so far; says whether any of them moved.
    fn lay_out(&mut self, lines: &[Line]) -> bool {
        for (index, column) in self.columns.iter().enumerate() {
            let cells = || {
                lines.iter().filter_map(|line| match line {
                    Line::Cells(cells) => Some(&cells[index]),
                    Line::Whole(..) => None,
                })
            };
            let least = least_width(column);
            let widest = |texts: &mut dyn Iterator<Item = usize>, least: usize| {
                texts.max().unwrap_or(0).max(least)
            };
            let needed = Needed {
                natural: widest(&mut cells().map(|cell| width(&cell.text)), least.natural),
                narrow: widest(&mut cells().map(|it| width(it.shown(true))), least.narrow),
            };
            self.laid.learn(index, needed);
        }
        let room = Room {
            limit: self.style.width,
            goes_on: self.style.goes_on,
            keeps_all: self.style.overflow == Overflow::Wrap,
        };
        self.laid.fit(&self.columns, room)
    }

    /// The headers of the columns for which there was no room.
    pub(super) fn left_out(&self) -> Vec<&'static str> {
        let widths = self.laid.widths.iter().zip(&self.columns);
        let left_out = widths.filter(|(width, _)| width.is_none());
        left_out.map(|(_, column)| column.header).collect()
    }

    fn kept(&self) -> impl Iterator<Item = (usize, &'static Column<R>, usize)> {
        let widths = self.laid.widths.iter().enumerate();
        widths.filter_map(|(index, width)| width.map(|width| (index, self.columns[index], width)))
    }

    /// An empty table with its header and columns.
    fn table(&self, lines: &[Line]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        if self.style.palette.has_colour() {
            // comfy-table would look at the terminal itself; the console has decided already.
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        // The header is always set, since it makes the columns, whether it is shown or not.
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
        for (place, (index, shown, width)) in self.kept().enumerate() {
            let column = table
                .column_mut(place)
                .expect("the header has made every column");
            let gap = if place == last { 0 } else { GAP };
            column.set_padding((0, u16::try_from(gap).expect("a gap is small")));
            // Where nothing follows, nothing is moved by what is wider.
            let width = if self.is_whole(index) {
                width.max(self.widest(lines, index))
            } else {
                width
            };
            let padded = u16::try_from(width + gap).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(padded)));
            column.set_cell_alignment(match shown.show {
                Show::Number
                | Show::Grouped
                | Show::Latency
                | Show::Took
                | Show::Bytes
                | Show::Share
                | Show::Factor => CellAlignment::Right,
                _ => CellAlignment::Left,
            });
        }
        table
    }

    /// Whether a column is shown whole although it is wider than it has room: nothing follows the last.
    fn is_whole(&self, index: usize) -> bool {
        let last = self.laid.widths.iter().rposition(Option::is_some);
        self.style.overflow == Overflow::Beyond && last == Some(index)
    }

    fn widest(&self, lines: &[Line], index: usize) -> usize {
        let texts = lines.iter().filter_map(|line| match line {
            Line::Cells(cells) => Some(width(cells[index].shown(self.laid.is_narrow))),
            Line::Whole(..) => None,
        });
        texts.max().unwrap_or(0)
    }

    fn wraps(&self, column: &Column<R>) -> bool {
        let may_be_cut = column.fit.least.is_some();
        column.fit.wraps || (may_be_cut && self.style.overflow == Overflow::Wrap)
    }

    /// How many lines a row takes.
    fn height(&self, cells: &[RenderedCell]) -> usize {
        let of_cell = |(index, column, width): (usize, &Column<R>, usize)| {
            let text = cells[index].shown(self.laid.is_narrow);
            if self.wraps(column) {
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
            let shown = cells[index].shown(self.laid.is_narrow);
            let text = if self.wraps(column) {
                wrap(shown, width).join("\n")
            } else if self.is_whole(index) {
                shown.to_owned()
            } else if column.show == Show::Arguments || column.fit.cuts_middle {
                cut_middle(shown, width).into_owned()
            } else {
                cut(shown, width).into_owned()
            };
            painted(Cell::new_owned(text), cells[index].ink)
        });
        let mut row = Row::from(cells.collect::<Vec<_>>());
        // `page` takes exactly as many laid lines for each row.
        row.max_height(height);
        row
    }

    /// What of a row was cut or left out, whole and named, where it stands beyond the edge.
    fn beyond(&self, cells: &[RenderedCell]) -> Option<String> {
        if self.style.overflow != Overflow::Beyond {
            return None;
        }
        let mut texts = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let cell = &cells[index];
            // A narrow form says what it says: behind each row the rest of a second would be noise.
            let text = (cell.whole.as_deref()).unwrap_or(cell.shown(self.laid.is_narrow));
            let has_room = self.laid.widths[index].is_some_and(|room| width(text) <= room);
            if !has_room && !self.wraps(column) && !self.is_whole(index) && !text.is_empty() {
                // Under its name, for no header stands above it there.
                texts.push(format!("{} {text}", column.header));
            }
        }
        (!texts.is_empty()).then(|| texts.join("  "))
    }

    /// A laid line with more of it to the right of the screen.
    fn with_beyond(&self, line: &str, beyond: &str) -> String {
        let line = line.trim_end();
        // To the right of the screen, so that what is seen first is the table as it is without a pager.
        let edge = self.style.width.unwrap_or(0);
        let blanks = edge.saturating_sub(painted_width(line)) + GAP;
        format!("{line}{:blanks$}{beyond}", "")
    }

    fn limited<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.style.width {
            Some(limit) if self.style.overflow == Overflow::Cut => cut_line(text, limit),
            Some(limit) if self.style.overflow == Overflow::Wrap => {
                wrap(text, limit).join("\n").into()
            }
            _ => Cow::Borrowed(text),
        }
    }
}

/// A line between rows that is cut before the sign that it ends with, without which it would look like a row.
fn cut_line(text: &str, limit: usize) -> Cow<'_, str> {
    const END: &str = " ──";
    let body = text.strip_suffix(END);
    match body.filter(|_| width(text) > limit && limit > width(END)) {
        Some(body) => (cut(body, limit - width(END)).into_owned() + END).into(),
        None => cut(text, limit),
    }
}

fn push(line: &str, out: &mut String) {
    out.push_str(line.trim_end());
    out.push('\n');
}

fn painted(mut cell: Cell, ink: Ink) -> Cell {
    if let Some(colour) = ink.colour {
        cell = cell.fg(Color::AnsiValue(colour));
    }
    if ink.is_dim {
        cell = cell.add_attribute(Attribute::Dim);
    }
    if ink.is_bold {
        cell = cell.add_attribute(Attribute::Bold);
    }
    cell
}
