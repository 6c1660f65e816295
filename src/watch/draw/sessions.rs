//! The list of sessions on the screen.

use super::table::{Cell, Heading, Table, TableRow};
use super::{Times, outside};
use crate::render::{SessionView, ShortIds, units};
use crate::watch::app::App;
use crate::watch::palette::{Meaning, Palette};
use mcpr_store::query::SessionRow;
use ratatui::style::Style;

/// The rows on the screen, and the message where there are none.
pub(super) fn table(app: &App, palette: Palette) -> (Table, Vec<String>) {
    let list = &app.sessions;
    let all: Vec<&SessionRow> = list.rows().collect();
    let range = list.view.range(all.len());
    let rows = &all[range.clone()];
    let times = Times::of(
        app,
        rows.iter()
            .flat_map(|row| [row.started_at, row.last_seen_at]),
    );
    let mut ids = ShortIds::default();
    for row in rows {
        ids.learn(&row.session_id);
    }
    let with_proxy = all.windows(2).any(|pair| pair[0].proxy != pair[1].proxy);
    let cells = |row: &&SessionRow| {
        let id = ids.shorten(&row.session_id);
        let mut cells = vec![outside(id, palette.of_name(&row.session_id))];
        if with_proxy {
            cells.push(outside(&row.proxy, palette.of_name(&row.proxy)));
        }
        let names = [row.client_name.as_deref(), row.client_version.as_deref()];
        let client: Vec<&str> = names.into_iter().flatten().collect();
        cells.push(outside(&client.join(" "), Style::new()));
        cells.push(Cell {
            text: times.show(row.started_at),
            style: palette.style(Meaning::Dim),
        });
        cells.push(Cell {
            text: times.show(row.last_seen_at),
            style: Style::new(),
        });
        cells.push(Cell {
            text: units::grouped(row.total_calls),
            style: Style::new(),
        });
        cells.push(errors(row.total_errors, palette));
        let in_flight = app.in_flight_in(row);
        cells.extend(in_flight.map(|count| waiting(count, palette)));
        // One that waits is in use, however long it has waited.
        let is_waiting = in_flight.is_some_and(|count| count > 0);
        let active = is_waiting || row.is_active(app.now_ms);
        let view = SessionView {
            failure: list.failure_of(row),
            active: active && row.ended_at.is_none(),
            ..SessionView::at((*row).clone(), app.now_ms)
        };
        cells.push(state(&view, palette));
        TableRow::Cells(cells)
    };
    let table = Table {
        headings: headings(app, with_proxy),
        rows: rows.iter().map(cells).collect(),
        chosen: (!rows.is_empty()).then(|| list.view.chosen.saturating_sub(range.start)),
    };
    let nothing = match (list.is_loading(), app.has_filters()) {
        (true, _) => "looking …",
        (_, true) => "no session matches; x shows all of them again",
        _ => "no session yet",
    };
    (table, vec![nothing.to_owned()])
}

fn headings(app: &App, with_proxy: bool) -> Vec<Heading> {
    let mut headings = vec![Heading::new("SESSION")];
    if with_proxy {
        headings.push(Heading::new("PROXY").cut_to(6, 20).leave_out(2));
    }
    headings.extend([
        Heading::new("CLIENT").cut_to(8, 40).leave_out(3),
        Heading::new("STARTED").leave_out(0),
        Heading::new("LAST USED").leave_out(1),
        Heading::new("CALLS").right(),
        Heading::new("ERRORS").right(),
    ]);
    if app.has_pending() {
        headings.push(Heading::new("IN FLIGHT").right());
    }
    headings.push(Heading::new("STATE").leave_out(4));
    headings
}

/// A count of errors, with a sign where there are any.
pub(super) fn errors(count: i64, palette: Palette) -> Cell {
    if count == 0 {
        return Cell {
            text: "0".to_owned(),
            style: palette.style(Meaning::Dim),
        };
    }
    Cell {
        text: format!("✗ {}", units::grouped(count)),
        style: palette.style(Meaning::Failed),
    }
}

/// How many calls are in flight.
pub(super) fn waiting(count: usize, palette: Palette) -> Cell {
    let (text, meaning) = match count {
        0 => (String::new(), Meaning::Plain),
        count => (format!("▸ {count}"), Meaning::Live),
    };
    Cell {
        text,
        style: palette.style(meaning),
    }
}

/// The same words as in `mcpr sessions`.
fn state(view: &SessionView, palette: Palette) -> Cell {
    let meaning = match (view.failure, view.active) {
        (Some(_), _) => Meaning::Failed,
        (None, true) => Meaning::Good,
        (None, false) if view.row.ended_at.is_some() => Meaning::Dim,
        (None, false) => Meaning::Plain,
    };
    let sign = match meaning {
        Meaning::Failed => "✗ ",
        Meaning::Good => "● ",
        _ => "",
    };
    Cell {
        text: format!("{sign}{}", view.state()),
        style: palette.style(meaning),
    }
}
