//! The list of schema changes on the screen.

use super::table::{Cell, Heading, Table, TableRow};
use super::{Times, outside};
use crate::watch::app::App;
use crate::watch::changes::is_bad;
use crate::watch::palette::{Meaning, Palette};
use mcpr_store::query::ChangeRow;
use ratatui::style::Style;

/// The rows on the screen, and the message where there are none.
pub(super) fn table(app: &App, palette: Palette) -> (Table, Vec<String>) {
    let list = &app.changes;
    let all: Vec<&ChangeRow> = list.rows().collect();
    let range = list.view.range(list.len());
    let rows = &all[range.clone()];
    let times = Times::of(app, rows.iter().map(|row| row.ts));
    let with_proxy = all.windows(2).any(|pair| pair[0].proxy != pair[1].proxy);
    let mut headings = vec![Heading::new("TIME").leave_out(2)];
    if with_proxy {
        headings.push(Heading::new("PROXY").cut_to(6, 20).leave_out(3));
    }
    headings.extend([
        Heading::new("CHANGE").cut_to(8, 30),
        Heading::new("WHAT").cut_to(8, 60),
        Heading::new("CALLERS"),
        Heading::new("TRUST"),
        Heading::new("CLIENT").cut_to(6, 30).leave_out(0),
    ]);
    let cells = |row: &&ChangeRow| {
        let style = palette.style(if is_bad(row) {
            Meaning::Failed
        } else {
            Meaning::Plain
        });
        let mut cells = vec![Cell {
            text: times.show(row.ts),
            style: palette.style(Meaning::Dim),
        }];
        if with_proxy {
            cells.push(outside(&row.proxy, palette.of_name(&row.proxy)));
        }
        cells.extend([
            outside(&row.change, style),
            outside(row.item.as_deref().unwrap_or(&row.method), style),
            level(row.compatibility, palette),
            level(row.security, palette),
            outside(row.client_name.as_deref().unwrap_or("-"), Style::new()),
        ]);
        TableRow::Cells(cells)
    };
    let table = Table {
        headings,
        rows: rows.iter().map(cells).collect(),
        chosen: (!rows.is_empty()).then(|| list.view.chosen.saturating_sub(range.start)),
    };
    let nothing = match (list.is_loaded, app.has_filters()) {
        (false, _) => "looking …",
        (_, true) => "no change matches; x shows all of them again",
        _ => "no server has shown its lists yet",
    };
    (table, vec![nothing.to_owned()])
}

/// A level; the worst with a sign.
fn level(level: Option<&'static str>, palette: Palette) -> Cell {
    match level {
        None | Some("none") => Cell {
            text: "-".to_owned(),
            style: palette.style(Meaning::Dim),
        },
        Some(worst @ ("breaking" | "alert")) => Cell {
            text: format!("✗ {worst}"),
            style: palette.style(Meaning::Failed),
        },
        Some(middle @ ("undecided" | "dangerous" | "review")) => Cell {
            text: format!("! {middle}"),
            style: palette.style(Meaning::Slow),
        },
        Some(other) => Cell {
            text: other.to_owned(),
            style: Style::new(),
        },
    }
}
