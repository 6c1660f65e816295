//! The list of requests on the screen.

use super::table::{Cell, Heading, Table, TableRow};
use super::{Times, layout, outside};
use crate::render::text::escape;
use crate::render::{ShortIds, arguments, gap_text, result, units};
use crate::watch::app::App;
use crate::watch::palette::{Meaning, Palette};
use crate::watch::queries::Row;
use mcpr_store::query::{Entry, RequestRow};
use ratatui::style::Style;

/// A terminal from this width on has room for sessions.
const WITH_SESSIONS: u16 = 100;

/// The fields with more than one value among the rows: only these are shown.
#[derive(Debug, Clone, Copy)]
struct VaryingFields {
    proxies: bool,
    sessions: bool,
}

/// The rows on the screen, and the message where there are none.
pub(super) fn table(app: &App, palette: Palette) -> (Table, Vec<String>) {
    let list = &app.requests;
    let range = list.view.range(list.rows().len());
    let rows: Vec<&Row> = list.rows().range(range.clone()).collect();
    let open = app.in_flight(layout::list_height(app.size, app.has_filters()));
    let in_flight = || open.iter().map(|open| &open.row);
    let all = || {
        let ended = list.rows().iter().filter_map(Row::request);
        ended.chain(in_flight())
    };
    let dead = list.rows().iter().filter_map(|row| match row {
        Row::ServerDeath(end) => Some(&end.session.proxy),
        Row::Stored { .. } => None,
    });
    let several = VaryingFields {
        proxies: differ(all().map(|row| &row.proxy).chain(dead)),
        sessions: app.size.0 >= WITH_SESSIONS
            && differ(all().filter_map(|row| row.session.as_ref())),
    };
    let seen = || {
        let ended = rows.iter().filter_map(|row| row.request());
        ended.chain(in_flight())
    };
    let (times, heading) = Times::by_day(app, seen().map(|row| row.ts));
    let mut ids = ShortIds::default();
    for id in seen().filter_map(|row| row.session.as_deref()) {
        ids.learn(id);
    }
    let look = Look {
        several,
        times,
        ids: &ids,
        now_ms: app.now_ms,
        palette,
    };
    let shown = rows.iter().map(|row| match row {
        Row::Stored {
            entry: Entry::Request(request),
            arguments,
        } => TableRow::Cells(cells(request, arguments.as_deref(), &look)),
        Row::Stored { entry, .. } => {
            let text = gap_text(entry, app.setting.zone).unwrap_or_default();
            TableRow::Whole(escape(&text).into_owned(), palette.style(Meaning::Slow))
        }
        Row::ServerDeath(end) => {
            let text = if several.proxies {
                format!("── {}: {} ──", end.session.proxy, end.text)
            } else {
                format!("── {} ──", end.text)
            };
            TableRow::Whole(escape(&text).into_owned(), palette.style(Meaning::Failed))
        }
    });
    let above = open.iter().map(|open| {
        let asked = arguments::of(&open.row, open.payload().as_ref());
        TableRow::Cells(cells(&open.row, asked.as_deref(), &look))
    });
    let table = Table {
        headings: headings(several, &heading, app.size.0),
        rows: above.chain(shown).collect(),
        chosen: match app.chosen_in_flight() {
            Some((at, _)) => Some(at),
            None => (!rows.is_empty())
                .then(|| open.len() + list.view.chosen.saturating_sub(range.start)),
        },
    };
    let nothing = nothing(app);
    (table, nothing)
}

/// Whether there are several of something.
fn differ<T: PartialEq>(mut seen: impl Iterator<Item = T>) -> bool {
    let first = seen.next();
    seen.any(|next| Some(next) != first)
}

fn headings(several: VaryingFields, time: &str, columns: u16) -> Vec<Heading> {
    // As in `logs`: what was asked and what came of it share the room that the others leave.
    let result = usize::from(columns) / 4;
    let mut headings = vec![Heading::new(time).leave_out(5)];
    if several.proxies {
        headings.push(Heading::new("PROXY").cut_to(6, 20).at_ease(8).leave_out(2));
    }
    if several.sessions {
        headings.push(Heading::new("SESSION").extra(0));
    }
    headings.extend([
        Heading::new("CALL").cut_to(8, 40).at_ease(16),
        Heading::new("ARGUMENTS")
            .middle_cut_to(10, 240)
            .at_ease(16)
            .leave_out(1),
        Heading::new("TOOK").right().leave_out(4),
        Heading::new("RESULT")
            .cut_to(result.clamp(6, 16), 200)
            .reserving(result.clamp(6, 28)),
    ]);
    headings
}

/// What rows are written with.
struct Look<'a> {
    several: VaryingFields,
    times: Times,
    ids: &'a ShortIds,
    now_ms: i64,
    palette: Palette,
}

fn cells(row: &RequestRow, arguments: Option<&str>, look: &Look<'_>) -> Vec<Cell> {
    let Look {
        several,
        times,
        ids,
        now_ms,
        palette,
    } = *look;
    let plain = Style::new();
    let mut cells = vec![Cell {
        text: times.show(row.ts),
        style: palette.style(Meaning::Dim),
    }];
    if several.proxies {
        cells.push(outside(&row.proxy, palette.of_name(&row.proxy)));
    }
    if several.sessions {
        let id = row.session.as_deref().unwrap_or("-");
        cells.push(outside(ids.shorten(id), palette.of_name(id)));
    }
    // `tools/call` goes without saying.
    let is_call = row.method == "tools/call" && row.tool.is_some();
    let call = row
        .tool
        .as_deref()
        .filter(|_| is_call)
        .unwrap_or(&row.method);
    let target = row.target().filter(|_| !is_call);
    let asked: Vec<&str> = target.into_iter().chain(arguments).collect();
    cells.push(outside(call, plain));
    cells.push(outside(&asked.join(" "), palette.style(Meaning::Dim)));
    cells.push(took(row, palette));
    cells.push(result_cell(row, now_ms, palette));
    cells
}

fn took(row: &RequestRow, palette: Palette) -> Cell {
    let Some(us) = row.latency_us else {
        return Cell {
            text: "-".to_owned(),
            style: palette.style(Meaning::Dim),
        };
    };
    let is_slow = units::is_slow(us);
    Cell {
        // The sign stands where the others have a blank, so that the figures stand below each other.
        text: format!("{}{}", units::latency(us), if is_slow { "!" } else { " " }),
        style: palette.style(if is_slow {
            Meaning::Slow
        } else {
            Meaning::Plain
        }),
    }
}

/// How it ended, or for how long it waits.
fn result_cell(row: &RequestRow, now_ms: i64, palette: Palette) -> Cell {
    let waited = now_ms.saturating_sub(row.ts).max(0);
    let Some(text) = result(row, Some(waited)) else {
        return Cell {
            text: String::new(),
            style: Style::new(),
        };
    };
    let meaning = if row.flight.is_some() {
        Meaning::Live
    } else if row.status.is_failure() {
        Meaning::Failed
    } else {
        // Nobody saw how it ended, which is not a failure.
        Meaning::Dim
    };
    outside(&text, palette.style(meaning))
}

fn nothing(app: &App) -> Vec<String> {
    let store = format!("store: {}", app.setting.store);
    let what: &[&str] = if let Some(trouble) = &app.trouble {
        return vec![
            format!("{trouble}"),
            "waiting for it; `mcpr tap` and `mcpr record` make one".to_owned(),
        ];
    } else if app.head.is_none() || app.requests.is_looking() {
        &["looking …"]
    } else if app.has_filters() {
        &["no request matches; x shows all of them again"]
    } else {
        &["no request yet: `mcpr tap` and `mcpr record` bring them"]
    };
    let what = what.iter().map(|line| (*line).to_owned());
    what.chain([store]).collect()
}
