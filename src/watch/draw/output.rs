//! What servers write, on the screen.

use super::Times;
use super::table::{Heading, Table, TableRow};
use crate::render::ShortIds;
use crate::render::text::escape;
use crate::watch::app::App;
use crate::watch::output::{OutputKind, OutputLine, OutputRow};
use crate::watch::palette::{Meaning, Palette};

/// The rows on the screen, and the message where there are none.
pub(super) fn table(app: &App, palette: Palette) -> (Table, Vec<String>) {
    let list = &app.output;
    let range = list.view.range(list.rows().len());
    let rows = &list.rows()[range.clone()];
    let lines = || rows.iter().filter_map(|row| list.line(row));
    // As short as all headings on the screen allow, so that they stand below one another.
    let times = Times::of(app, lines().map(|line| line.reported_at));
    // As short as distinguishes the sessions on the screen.
    let mut ids = ShortIds::default();
    for line in lines() {
        ids.learn(&line.session.id);
    }
    let shown = rows.iter().map(|row| {
        let line = list.line(row);
        match row {
            OutputRow::Source(_) => TableRow::Whole(
                line.map_or_else(String::new, |line| source(line, times, &ids)),
                palette.style(Meaning::Dim),
            ),
            OutputRow::Piece(_, text) => {
                // It was made harmless before it was broken into pieces.
                let meaning = line.map_or(Meaning::Plain, meaning_of);
                TableRow::Whole(text.clone(), palette.style(meaning))
            }
        }
    });
    let table = Table {
        // Each row is a whole line: there are no columns to be named.
        headings: vec![Heading::new("WRITTEN BESIDE MESSAGES")],
        rows: shown.collect(),
        chosen: (!rows.is_empty()).then(|| list.view.chosen.saturating_sub(range.start)),
    };
    let nothing = match (list.is_loaded, app.has_filters()) {
        (false, _) => "looking …",
        (_, true) => "no line matches; x shows all of them again",
        _ => "no server that a tap runs has written anything beside its messages",
    };
    (table, vec![nothing.to_owned()])
}

/// The line above those of one server. Stray text is distinguished here, for all rows below it.
fn source(line: &OutputLine, times: Times, ids: &ShortIds) -> String {
    let proxy = escape(&line.session.proxy);
    let session = escape(ids.shorten(&line.session.id));
    let at = times.show(line.reported_at);
    let what = match line.kind {
        OutputKind::Stray => ", standard output",
        _ => "",
    };
    format!("── {at} {proxy} {session}{what} ──")
}

fn meaning_of(line: &OutputLine) -> Meaning {
    match line.kind {
        _ if line.is_failure() => Meaning::Failed,
        OutputKind::Ending { .. } => Meaning::Dim,
        OutputKind::Stray => Meaning::Slow,
        OutputKind::StandardError => Meaning::Plain,
    }
}
