//! `mcpr stats`: per tool or method how often it was called, how it ended, how long it took.

use super::args::{ReadArgs, View, patterns};
use super::values::KindChoice;
use super::{complete, empty, now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::model::time::{DAY_MS, HOUR_MS, hour_of};
use crate::query::{Buckets, By, Filter, StatsQuestion, Summary};
use crate::render::{Column, Listing, STATS_COLUMNS, STATS_FIELDS, choose};
use crate::store::Reader;
use clap_complete::ArgValueCompleter;

/// What `mcpr stats` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Put requests together by this
    #[arg(long, value_enum, value_name = "WHAT", default_value = "tool")]
    by: By,
    /// Count tools that match GLOB (repeatable)
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::tools))]
    tool: Vec<String>,
    /// Count methods that match GLOB (repeatable)
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::methods))]
    method: Vec<String>,
    /// Count this kind of traffic
    #[arg(long, value_enum, value_name = "KIND", default_value = "mcp")]
    kind: KindChoice,
    /// Compute exact quantiles from every request instead of within 1 % from hourly sums
    #[arg(long)]
    exact: bool,
}

/// How far `stats` looks back when nothing is said.
const LOOK_BACK_MS: i64 = DAY_MS;
/// Most bars over the window; fewer where the terminal is narrow.
const MAX_BARS: usize = 24;
const MAX_BARS_NARROW: usize = 12;
/// Columns of a terminal from which on there is room for all bars.
const WIDE: usize = 110;

/// Sums up requests.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args
        .read
        .view(now_ms(), console)?
        .looking_back(LOOK_BACK_MS);
    let mut columns = view.columns(STATS_COLUMNS, STATS_FIELDS, || table_columns(args.by, true))?;
    let filter = Filter {
        proxy: view.proxy.clone(),
        since: view.since,
        until: view.until,
        kind: args.kind.kind(),
        methods: patterns("--method", &args.method)?,
        tools: patterns("--tool", &args.tool)?,
        ..Filter::default()
    };
    let mut reader = open_store(&view.path)?;
    let question = StatsQuestion {
        filter,
        by: args.by,
        exact: args.exact,
        buckets: buckets(&view, reader.as_mut())?,
    };
    let rows = reader.stats(&question)?;
    let rows: Vec<Summary> = rows.into_iter().map(Summary::from).collect();
    let one_proxy = rows
        .windows(2)
        .all(|pair| pair[0].key.proxy == pair[1].key.proxy);
    if view.is_table() && !view.names_fields() && one_proxy {
        columns = table_columns(args.by, false);
    }
    let mut listing = Listing::new(columns, view.format, view.style);
    console.print(&listing.page(&rows))?;
    console.print(&listing.finish())?;
    if rows.is_empty() {
        let mut conditions = view.conditions();
        conditions.extend(args.method.iter().map(|glob| format!("method `{glob}`")));
        conditions.extend(args.tool.iter().map(|glob| format!("tool `{glob}`")));
        conditions.extend(
            args.kind
                .kind()
                .map(|kind| format!("kind `{}`", kind.as_str())),
        );
        empty::explain("requests", &view, &conditions, reader.as_mut(), console)?;
    }
    Ok(Exit::Done)
}

/// The window in equal pieces: of whole hours, unless it is so short that no hour fits in.
fn buckets(view: &View, reader: &mut dyn Reader) -> anyhow::Result<Buckets> {
    let span = reader.span()?;
    let (oldest, newest) = span.unwrap_or((view.now_ms, view.now_ms));
    let start = view.since.unwrap_or(oldest).max(oldest.min(view.now_ms));
    let end = view
        .until
        .unwrap_or_else(|| view.now_ms.max(newest.saturating_add(1)));
    let most = match view.style.width {
        Some(width) if width < WIDE => MAX_BARS_NARROW,
        _ => MAX_BARS,
    };
    Ok(divide(start, end, most))
}

fn divide(start: i64, end: i64, most: usize) -> Buckets {
    let pieces = i64::try_from(most).unwrap_or(1).max(1);
    let ceil = |length: i64, unit: i64| length / unit + i64::from(length % unit > 0);
    let holds_an_hour = hour_of(start.saturating_add(HOUR_MS - 1)).saturating_add(HOUR_MS) <= end;
    let (start, unit) = if holds_an_hour {
        (hour_of(start), HOUR_MS)
    } else {
        (start, 1)
    };
    let length = end.saturating_sub(start).max(1);
    let width_ms = ceil(ceil(length, pieces), unit).saturating_mul(unit).max(1);
    Buckets {
        start,
        width_ms,
        count: usize::try_from(ceil(length, width_ms)).unwrap_or(most),
    }
}

fn table_columns(by: By, with_proxy: bool) -> Vec<&'static Column<Summary>> {
    let about: &[&str] = match by {
        By::Tool => &["proxy", "what"],
        By::Method => &["proxy", "method"],
        By::Client => &["client"],
        By::Proxy => &["proxy"],
        By::Hour => &["hour"],
    };
    let figures = [
        "calls",
        "errors",
        "error_rate",
        "p50_us",
        "p95_us",
        "p99_us",
        "max_us",
        "bytes_in",
        "bytes_out",
        "calls_by_bucket",
    ];
    let names: Vec<&str> = about
        .iter()
        .copied()
        .filter(|&name| name != "proxy" || with_proxy || by == By::Proxy)
        .chain(figures)
        .filter(|&name| name != "calls_by_bucket" || by != By::Hour)
        .collect();
    choose(STATS_COLUMNS, &names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_divided_into_whole_hours_where_one_fits() {
        let hours = |count: i64| count * HOUR_MS;
        let cases = [
            ((0, hours(24), 24), (0, hours(1), 24)),
            ((1, hours(24) + 1, 24), (0, hours(2), 13)),
            ((0, hours(240), 24), (0, hours(10), 24)),
            ((0, hours(24), 12), (0, hours(2), 12)),
            ((5, 5 + hours(1), 12), (5, hours(1) / 12, 12)),
            ((7, 7, 24), (7, 1, 1)),
        ];
        for ((start, end, most), (first, width_ms, count)) in cases {
            let expected = Buckets {
                start: first,
                width_ms,
                count,
            };
            assert_eq!(divide(start, end, most), expected, "{start} {end} {most}");
        }
    }
}
