//! Rows of cells in columns that fit the screen. Widths that were once needed are kept, so that columns do not
//! jump while one scrolls.

use crate::render::Fit;
use crate::render::layout::{GAP, cut, cut_middle, fit, width};
use crate::watch::draw::layout::MARK;
use crate::watch::palette::{Meaning, Palette};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    pub(super) text: String,
    pub(super) is_right: bool,
    pub(super) fit: Fit,
    /// The widest that it is asked to be.
    pub(super) most: usize,
    /// What it gets where it needs less.
    reserved: usize,
}

impl Heading {
    /// A column of text that is never cut.
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            is_right: false,
            fit: Fit::FIXED,
            most: usize::MAX,
            reserved: 0,
        }
    }

    pub(super) fn right(mut self) -> Self {
        self.is_right = true;
        self
    }

    /// Lets it be cut down to so many cells.
    pub(super) fn cut_to(mut self, least: usize, most: usize) -> Self {
        self.fit.least = Some(least);
        self.most = most;
        self
    }

    /// Lets it be cut in its middle: where rows differ at their ends.
    pub(super) fn middle_cut_to(mut self, least: usize, most: usize) -> Self {
        self.fit.cuts_middle = true;
        self.cut_to(least, most)
    }

    /// Cuts others first while it has no more than this.
    pub(super) fn at_ease(mut self, cells: usize) -> Self {
        self.fit.comfort = cells;
        self
    }

    /// The same, and gives it so much before it needs that: the others stay in their places then.
    pub(super) fn reserving(mut self, cells: usize) -> Self {
        self.reserved = cells;
        self.at_ease(cells)
    }

    /// Lets it be left out as soon as others would be cut below their ease.
    pub(super) fn extra(mut self, order: u8) -> Self {
        self.fit.is_extra = true;
        self.leave_out(order)
    }

    /// Lets it be left out; those with the smallest number go first.
    pub(super) fn leave_out(mut self, order: u8) -> Self {
        self.fit.leave_out = Some(order);
        self
    }
}

/// What stands in a column, harmless.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
}

/// A row.
#[derive(Debug, Clone)]
pub(super) enum TableRow {
    Cells(Vec<Cell>),
    /// A line over the whole width.
    Whole(String, Style),
}

/// A table on its way to the screen.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) headings: Vec<Heading>,
    pub(super) rows: Vec<TableRow>,
    /// The row that is chosen.
    pub(super) chosen: Option<usize>,
}

/// The widths that the columns of a list have needed so far, by their names.
#[derive(Debug, Default)]
pub(super) struct Widths(Vec<(String, usize)>);

impl Widths {
    fn widen(&mut self, name: &str, needed: usize) -> usize {
        // A sign in a heading says how the list is sorted: the column is the same.
        let name = name.trim_end_matches(['▲', '▼']);
        if let Some((_, known)) = self.0.iter_mut().find(|(known, _)| known == name) {
            *known = (*known).max(needed);
            return *known;
        }
        self.0.push((name.to_owned(), needed));
        needed
    }
}

impl Table {
    /// Draws the heading on the first line of `area`, and the rows below it.
    pub(super) fn draw(
        &self,
        area: Rect,
        widths: &mut Widths,
        palette: Palette,
        buffer: &mut Buffer,
    ) {
        let room = usize::from(area.width).saturating_sub(MARK);
        let widths = self.widths(room, widths);
        let heading = self.headings.iter().map(|heading| Cell {
            text: heading.text.clone(),
            style: palette.style(Meaning::Heading),
        });
        let heading = self.line(&heading.collect::<Vec<_>>(), &widths);
        set(buffer, area, 0, MARK, &heading);
        for (at, row) in self.rows.iter().enumerate() {
            let is_chosen = self.chosen == Some(at);
            let (line, indent) = match row {
                TableRow::Cells(cells) => (self.line(cells, &widths), MARK),
                TableRow::Whole(text, style) => {
                    let text = cut(text, room).into_owned();
                    (Line::from(Span::styled(text, *style)), MARK)
                }
            };
            set(buffer, area, at + 1, indent, &line);
            if is_chosen {
                mark(buffer, area, at + 1);
            }
        }
    }

    fn widths(&self, room: usize, known: &mut Widths) -> Vec<Option<usize>> {
        let needed = |(at, heading): (usize, &Heading)| {
            let cells = self.rows.iter().filter_map(|row| match row {
                TableRow::Cells(cells) => cells.get(at),
                TableRow::Whole(..) => None,
            });
            let widest = cells.map(|cell| width(&cell.text)).max().unwrap_or(0);
            let least = width(&heading.text).max(heading.reserved);
            let needed = widest.min(heading.most).max(least);
            known.widen(&heading.text, needed)
        };
        let natural: Vec<usize> = self.headings.iter().enumerate().map(needed).collect();
        let fits: Vec<Fit> = self.headings.iter().map(|heading| heading.fit).collect();
        fit(&natural, &fits, room)
    }

    fn line(&self, cells: &[Cell], widths: &[Option<usize>]) -> Line<'static> {
        let mut spans = Vec::new();
        for ((cell, heading), wide) in cells.iter().zip(&self.headings).zip(widths) {
            let Some(wide) = *wide else { continue };
            let text = if heading.fit.cuts_middle {
                cut_middle(&cell.text, wide)
            } else {
                cut(&cell.text, wide)
            };
            let blanks = " ".repeat(wide.saturating_sub(width(&text)));
            if !spans.is_empty() {
                spans.push(Span::raw(" ".repeat(GAP)));
            }
            let text = Span::styled(text.into_owned(), cell.style);
            if heading.is_right {
                spans.extend([Span::raw(blanks), text]);
            } else {
                spans.extend([text, Span::raw(blanks)]);
            }
        }
        Line::from(spans)
    }
}

/// Writes a line into an area, if it has that row.
pub(super) fn set(buffer: &mut Buffer, area: Rect, row: usize, indent: usize, line: &Line<'_>) {
    let (Ok(row), Ok(indent)) = (u16::try_from(row), u16::try_from(indent)) else {
        return;
    };
    if row < area.height && indent < area.width {
        buffer.set_line(area.x + indent, area.y + row, line, area.width - indent);
    }
}

/// Marks a row as the one that is chosen: by a sign, and reversed.
pub(super) fn mark(buffer: &mut Buffer, area: Rect, row: usize) {
    let Ok(row) = u16::try_from(row) else { return };
    if row < area.height {
        let line = Rect {
            y: area.y + row,
            height: 1,
            ..area
        };
        buffer.set_string(line.x, line.y, "▶", Style::new());
        // Colours that are reversed one by one make a patchwork: the signs are left.
        let plain = Style::new().fg(Color::Reset).bg(Color::Reset);
        let chosen = plain
            .remove_modifier(Modifier::DIM)
            .add_modifier(Modifier::REVERSED);
        buffer.set_style(line, chosen);
    }
}
