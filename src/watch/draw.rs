//! From the state to the screen. Only reads the state; all text from outside goes through `render::text`.

mod bars;
mod changes;
mod detail;
mod help;
pub(super) mod layout;
mod output;
mod requests;
mod sessions;
mod table;
mod tools;

use super::app::{App, Pane};
use super::palette::{Meaning, Palette};
use crate::render::text::escape;
use crate::render::units;
use mcpr_store::query::when::Zone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use table::{Cell, Widths, set};

/// Draws the screen, and remembers what keeps it calm.
#[derive(Debug)]
pub(super) struct Drawing {
    palette: Palette,
    widths: Widths,
    /// What the widths are of: another list, filter or size begins anew.
    widths_of: Option<WidthsOf>,
}

/// Size, list and filters.
type WidthsOf = ((u16, u16), Pane, Vec<(&'static str, String)>);

impl Drawing {
    pub(super) fn new(palette: Palette) -> Self {
        Self {
            palette,
            widths: Widths::default(),
            widths_of: None,
        }
    }

    /// Draws the state.
    pub(super) fn draw(&mut self, app: &App, buffer: &mut Buffer) {
        let area = buffer.area;
        if area.is_empty() {
            return;
        }
        let of = (app.size, app.pane, app.filters());
        if self.widths_of.as_ref() != Some(&of) {
            self.widths = Widths::default();
            self.widths_of = Some(of);
        }
        if app.help.is_some() {
            help::draw(app, self.palette, buffer);
        } else if let Some(detail) = &app.detail {
            detail::draw(app, detail, self.palette, buffer);
        } else {
            self.list(app, buffer);
        }
        bars::bottom(app, self.palette, buffer);
    }

    fn list(&mut self, app: &App, buffer: &mut Buffer) {
        let area = buffer.area;
        bars::top(app, self.palette, buffer);
        let above = 1 + u16::from(app.has_filters());
        if app.has_filters() {
            bars::filters(app, self.palette, buffer);
        }
        let list = Rect {
            y: area.y + above.min(area.height),
            height: area.height.saturating_sub(above + 1),
            ..area
        };
        let (table, nothing) = match app.pane {
            Pane::Requests => requests::table(app, self.palette),
            Pane::Sessions => sessions::table(app, self.palette),
            Pane::Tools => tools::table(app, self.palette),
            Pane::Output => output::table(app, self.palette),
            Pane::Changes => changes::table(app, self.palette),
        };
        table.draw(list, &mut self.widths, self.palette, buffer);
        if table.rows.is_empty() {
            self.say(list, &nothing, buffer);
        }
    }

    /// Says why there is nothing.
    fn say(&self, area: Rect, lines: &[String], buffer: &mut Buffer) {
        for (at, line) in lines.iter().enumerate() {
            let style = self.palette.style(Meaning::Dim);
            let line = Line::from(Span::styled(escape(line).into_owned(), style));
            set(buffer, area, at + 2, layout::MARK, &line);
        }
    }
}

/// A cell of text from outside.
fn outside(text: &str, style: Style) -> Cell {
    Cell {
        text: escape(text).into_owned(),
        style,
    }
}

/// How the times of some rows are written: as short as says when it was.
#[derive(Debug, Clone, Copy)]
struct Times {
    zone: Zone,
    /// What is left out of the beginning.
    from: usize,
}

impl Times {
    /// Dates are left out where all of them are today's, years where all are this year's.
    fn of(app: &App, times: impl Iterator<Item = i64>) -> Self {
        let zone = app.setting.zone;
        let now = units::time(app.now_ms, zone);
        // `2026-11-21 01:30:08.318`: the day is 10 characters, the year and its dash 5.
        let from = times.map(|ts| {
            let time = units::time(ts, zone);
            match (
                time.get(..10) == now.get(..10),
                time.get(..5) == now.get(..5),
            ) {
                (true, _) => 11,
                (_, true) => 5,
                _ => 0,
            }
        });
        Self {
            zone,
            from: from.min().unwrap_or(0),
        }
    }

    /// As [`Times::of`], and the day as a heading where all of them are of one: then rows have the time
    /// alone.
    fn by_day(app: &App, times: impl Iterator<Item = i64> + Clone) -> (Self, String) {
        let shown = Self::of(app, times.clone());
        let mut days = times.map(|ts| units::time(ts, shown.zone));
        let first = days.next().unwrap_or_default();
        let day = first.get(..10).unwrap_or_default();
        let is_one = day.len() == 10 && days.all(|time| time.get(..10) == Some(day));
        if shown.from < 11 && is_one {
            return (
                Self { from: 11, ..shown },
                day[shown.from..].trim_end().to_owned(),
            );
        }
        (shown, "TIME".to_owned())
    }

    fn show(self, ts: i64) -> String {
        let time = units::time(ts, self.zone);
        match time.get(self.from..19) {
            // A time outside the calendar is written another way.
            Some(short) if !time.starts_with('@') => short.to_owned(),
            _ => time,
        }
    }
}
