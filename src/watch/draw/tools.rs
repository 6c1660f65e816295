//! The list of tools on the screen.

use super::outside;
use super::sessions::waiting;
use super::table::{Cell, Heading, Table, TableRow};
use crate::render::units;
use crate::watch::app::App;
use crate::watch::palette::{Meaning, Palette};
use crate::watch::tools::{BARS_IN_ONE, SortBy};
use mcpr_model::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use mcpr_store::query::Summary;
use ratatui::style::Style;

/// The rows on the screen, and the message where there are none.
pub(super) fn table(app: &App, palette: Palette) -> (Table, Vec<String>) {
    let list = &app.tools;
    let all: Vec<&Summary> = list.rows().collect();
    let range = list.view.range(all.len());
    let rows = &all[range.clone()];
    let with_proxy = all
        .windows(2)
        .any(|pair| pair[0].key.proxy != pair[1].key.proxy);
    let view = ToolsView {
        with_proxy,
        is_wide: app.size.0 >= WIDE,
        length_ms: list.sums().map_or(1, |sums| sums.length_ms),
    };
    let table = Table {
        headings: headings(app, with_proxy),
        rows: rows
            .iter()
            .map(|row| {
                let in_flight = app.in_flight_of(&row.key);
                TableRow::Cells(with_flight(
                    cells(row, view, palette),
                    in_flight,
                    view,
                    palette,
                ))
            })
            .collect(),
        chosen: (!rows.is_empty()).then(|| list.view.chosen.saturating_sub(range.start)),
    };
    let nothing = match (list.sums().is_some(), app.has_filters()) {
        (false, _) => "adding up …".to_owned(),
        (_, true) => "no tool matches; x shows all of them again".to_owned(),
        _ => format!(
            "no call in {}; + looks further back",
            window(list.window_ms())
        ),
    };
    (table, vec![nothing])
}

/// How all rows are shown.
#[derive(Debug, Clone, Copy)]
struct ToolsView {
    with_proxy: bool,
    /// There is room for every bar.
    is_wide: bool,
    length_ms: i64,
}

/// A terminal from this width on has room for every bar.
const WIDE: u16 = 110;

/// A window in words.
fn window(window_ms: Option<i64>) -> String {
    match window_ms {
        None => "the whole store".to_owned(),
        Some(ms) if ms >= 7 * DAY_MS => format!("the last {} days", ms / DAY_MS),
        Some(ms) if ms >= HOUR_MS => format!("the last {} h", ms / HOUR_MS),
        Some(ms) => format!("the last {} min", ms / MINUTE_MS),
    }
}

/// A window at the head of a column.
fn heading_of(window_ms: Option<i64>) -> &'static str {
    match window_ms {
        None => "ALL TIME",
        Some(ms) if ms >= 7 * DAY_MS => "LAST 7 DAYS",
        Some(ms) if ms >= DAY_MS => "LAST 24 H",
        Some(ms) if ms >= 6 * HOUR_MS => "LAST 6 H",
        Some(ms) if ms >= HOUR_MS => "LAST HOUR",
        Some(ms) if ms >= 15 * MINUTE_MS => "LAST 15 MIN",
        Some(ms) if ms >= 5 * MINUTE_MS => "LAST 5 MIN",
        Some(_) => "LAST MINUTE",
    }
}

fn headings(app: &App, with_proxy: bool) -> Vec<Heading> {
    let list = &app.tools;
    // The sign says which way the figures go, and where to look for them.
    let named = |name: &str, by: SortBy| {
        let goes_up = (by == SortBy::Name) != list.reversed;
        let sign = if goes_up { "▲" } else { "▼" };
        let is_here = by == list.sort_by;
        Heading::new(&if is_here {
            format!("{name}{sign}")
        } else {
            name.to_owned()
        })
    };
    let mut headings = vec![named("TOOL", SortBy::Name).cut_to(12, 40)];
    if with_proxy {
        headings.push(Heading::new("PROXY").cut_to(6, 20).leave_out(4));
    }
    if app.has_pending() {
        headings.push(Heading::new("IN FLIGHT").right());
    }
    headings.extend([
        named("CALLS", SortBy::Calls).right(),
        Heading::new("CALLS/S").right().leave_out(1),
        named("ERRORS", SortBy::Errors).right(),
        named("P50", SortBy::P50).right().leave_out(3),
        named("P95", SortBy::P95).right(),
        named("MAX", SortBy::Longest).right().leave_out(0),
        Heading::new(heading_of(list.window_ms())).leave_out(2),
    ]);
    headings
}

fn cells(row: &Summary, view: ToolsView, palette: Palette) -> Vec<Cell> {
    let key = &row.key;
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let name = key.tool.clone().unwrap_or_else(|| or_dash(&key.method));
    let mut cells = vec![outside(&name, Style::new())];
    if view.with_proxy {
        let proxy = or_dash(&key.proxy);
        cells.push(outside(&proxy, palette.of_name(&proxy)));
    }
    let plain = |text: String| Cell {
        text,
        style: Style::new(),
    };
    let latency = |us: Option<i64>| plain(us.map_or_else(|| "-".to_owned(), units::latency));
    let errors = match row.total_errors {
        0 => Cell {
            text: "0%".to_owned(),
            style: palette.style(Meaning::Dim),
        },
        _ => Cell {
            text: format!("✗ {}", units::share(row.error_rate())),
            style: palette.style(Meaning::Failed),
        },
    };
    let counts: Vec<u64> = if view.is_wide {
        row.calls_by_bucket.clone()
    } else {
        let some = row.calls_by_bucket.chunks(BARS_IN_ONE);
        some.map(|some| some.iter().sum()).collect()
    };
    cells.extend([
        plain(units::grouped(row.calls)),
        plain(rate(row.calls, view.length_ms)),
        errors,
        latency(row.quantiles_us[0]),
        latency(row.quantiles_us[1]),
        latency(row.latency_range_us.map(|(_, longest)| longest)),
        Cell {
            text: units::bars(&counts),
            style: palette.style(Meaning::Live),
        },
    ]);
    cells
}

/// The cells with how many calls are in flight, where any are.
fn with_flight(
    mut cells: Vec<Cell>,
    in_flight: Option<usize>,
    view: ToolsView,
    palette: Palette,
) -> Vec<Cell> {
    if let Some(count) = in_flight {
        // Behind the names.
        let at = 1 + usize::from(view.with_proxy);
        cells.insert(at, waiting(count, palette));
    }
    cells
}

/// Calls per second, in three digits or so.
fn rate(calls: u64, length_ms: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
    let rate = calls as f64 * 1000.0 / length_ms as f64;
    match rate {
        r if r >= 99.5 => format!("{r:.0}"),
        r if r >= 9.95 => format!("{r:.1}"),
        r if r >= 0.1 => format!("{r:.2}"),
        r if r >= 0.001 => format!("{r:.3}"),
        _ => "<0.001".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rates_have_three_digits() {
        let cases = [
            (1000, 1000, "1000"),
            (12, 1000, "12.0"),
            (90, 60_000, "1.50"),
            (9, 900_000, "0.010"),
            (1, 604_800_000, "<0.001"),
        ];
        for (calls, length_ms, expected) in cases {
            assert_eq!(rate(calls, length_ms), expected);
        }
    }
}
