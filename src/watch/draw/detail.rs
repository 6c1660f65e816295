//! An opened request on the screen: facts above, request and answer side by side below.

use super::bars;
use super::layout::{self, BETWEEN, MARK};
use super::table::{mark, set};
use crate::render::layout::cut;
use crate::render::text::escape;
use crate::watch::app::App;
use crate::watch::body::{BodyRow, TonedText};
use crate::watch::detail::{Detail, DetailSide};
use crate::watch::needle::Needle;
use crate::watch::palette::{Meaning, Palette};
use mcpr_model::Status;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

/// Draws an opened request.
pub(super) fn draw(app: &App, detail: &Detail, palette: Palette, buffer: &mut Buffer) {
    let area = buffer.area;
    let called = detail.whole.as_ref().map_or_else(String::new, |whole| {
        let row = &whole.row;
        let target = row
            .target()
            .map_or_else(String::new, |target| format!(" {target}"));
        format!(" {}{target}", row.method)
    });
    let which = match detail.open_key {
        Some(_) => "in flight".to_owned(),
        None => detail.seq.to_string(),
    };
    let heading = format!("[request {which}]{called}");
    bars::heading(&escape(&heading), app, palette, buffer);
    let facts = layout::fact_lines(app.size, detail);
    for (at, line) in facts.iter().enumerate() {
        let spans = line.iter().flat_map(|(name, value)| {
            let (sign, meaning) = sign_of(name, detail);
            [
                Span::styled(format!("{name} "), palette.style(Meaning::Dim)),
                Span::styled(format!("{sign}{value}  "), palette.style(meaning)),
            ]
        });
        set(
            buffer,
            area,
            at + 1,
            0,
            &Line::from(spans.collect::<Vec<_>>()),
        );
    }
    for (number, place) in places(app, detail, facts.len(), area)
        .into_iter()
        .enumerate()
    {
        draw_side(detail, number, place, palette, buffer);
    }
    if layout::is_side_by_side(app.size) {
        let x = area.x + u16::try_from(MARK + detail.sides[0].size.width + 1).unwrap_or(0);
        for y in area.y + 1 + height(facts.len())..area.bottom().saturating_sub(1) {
            buffer.set_string(x, y, "│", palette.style(Meaning::Dim));
        }
    }
}

/// What stands before a fact, and what its colour says.
fn sign_of(name: &str, detail: &Detail) -> (&'static str, Meaning) {
    let Some(row) = detail.whole.as_ref().map(|whole| &whole.row) else {
        return ("", Meaning::Plain);
    };
    match name {
        "message" if row.status.is_failure() => ("", Meaning::Failed),
        // Its words begin with a sign of their own.
        "outcome" if row.flight.is_some() => ("", Meaning::Live),
        "outcome" if row.status.is_failure() => ("✗ ", Meaning::Failed),
        // Nobody saw how it ended, which is not a failure.
        "outcome" if row.status == Status::Unknown => ("? ", Meaning::Dim),
        _ => ("", Meaning::Plain),
    }
}

fn height(rows: usize) -> u16 {
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// Where the two sides stand, with the line of their titles.
fn places(app: &App, detail: &Detail, facts: usize, area: Rect) -> [Rect; 2] {
    let [left, right] = detail.sides.each_ref().map(|side| side.size);
    let top = area.y + 1 + height(facts);
    let place = |x: usize, y: u16, size: crate::watch::body::BodySize| Rect {
        x: area.x + height(x),
        y,
        width: height(size.width + MARK),
        height: height(size.height + 1),
    };
    let second = if layout::is_side_by_side(app.size) {
        place(MARK + left.width + BETWEEN, top, right)
    } else {
        place(0, top + height(left.height + 1), right)
    };
    // Of a screen that is too small, what is below its end is not drawn.
    [place(0, top, left), second].map(|rect| rect.intersection(area))
}

fn draw_side(detail: &Detail, number: usize, area: Rect, palette: Palette, buffer: &mut Buffer) {
    let side: &DetailSide = &detail.sides[number];
    let has_focus = detail.focus == number;
    let title = cut(&side.title, usize::from(area.width).saturating_sub(MARK)).into_owned();
    let mut style = palette.style(Meaning::Heading);
    if has_focus {
        style = style.add_modifier(Modifier::UNDERLINED);
    }
    set(
        buffer,
        area,
        0,
        MARK,
        &Line::from(Span::styled(title, style)),
    );
    if side.text.is_none() {
        let nothing = if detail.whole.is_some() {
            side.nothing
        } else {
            "reading …"
        };
        let nothing = Span::styled(nothing, palette.style(Meaning::Dim));
        return set(buffer, area, 1, MARK, &Line::from(nothing));
    }
    let needle = Needle::new(&detail.search);
    let (rows, at) = side.body.rows(side.size);
    for (row, shown) in rows.iter().enumerate() {
        set(
            buffer,
            area,
            row + 1,
            MARK,
            &line(shown, needle.as_ref(), palette),
        );
    }
    if has_focus {
        mark(buffer, area, at + 1);
    }
}

fn line(row: &BodyRow, needle: Option<&Needle>, palette: Palette) -> Line<'static> {
    let mut spans = vec![Span::raw(" ".repeat(row.indent))];
    for TonedText { tone, text } in &row.pieces {
        let style = palette.json(*tone);
        let mut at = 0;
        for place in needle.iter().flat_map(|needle| needle.places_in(text)) {
            // In text of many bytes a place may lie within a character only by mistake: it is passed over.
            let (Some(before), Some(found)) = (text.get(at..place.start), text.get(place.clone()))
            else {
                continue;
            };
            spans.push(Span::styled(before.to_owned(), style));
            spans.push(Span::styled(found.to_owned(), Palette::found()));
            at = place.end;
        }
        spans.push(Span::styled(text[at..].to_owned(), style));
    }
    Line::from(spans)
}
