//! The help on the screen.

use super::bars;
use super::layout::{self, HelpLine};
use super::table::set;
use crate::watch::app::App;
use crate::watch::palette::{Meaning, Palette};
use ratatui::buffer::Buffer;
use ratatui::text::{Line, Span};

/// Columns of the keys.
const KEYS: usize = 12;

/// Draws the help.
pub(super) fn draw(app: &App, palette: Palette, buffer: &mut Buffer) {
    let area = buffer.area;
    bars::heading("[help]", app, palette, buffer);
    let lines = layout::help_lines();
    let shown = lines
        .iter()
        .skip(app.help.unwrap_or(0))
        .take(layout::help_height(app.size));
    for (at, line) in shown.enumerate() {
        let line = match line {
            HelpLine::Heading(text) => {
                Line::from(Span::styled(*text, palette.style(Meaning::Heading)))
            }
            HelpLine::Key(key, does) => Line::from(vec![
                Span::styled(format!("  {key:<KEYS$}"), palette.style(Meaning::Live)),
                Span::raw(*does),
            ]),
            HelpLine::Text(text) => Line::from(Span::styled(*text, palette.style(Meaning::Dim))),
            HelpLine::Blank => Line::default(),
        };
        set(buffer, area, at + 1, 0, &line);
    }
}
