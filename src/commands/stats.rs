//! `mcpr stats`: per tool or method how often it was called, how it ended, how long it took.

mod against;
mod beside;
mod conditions;
mod traces;

use super::args::{ReadArgs, View, patterns};
use super::empty::{self, Sought, SoughtName, SoughtRequests, SoughtRows};
use super::help::{CommandHelp, field_names};
use super::left_out::{self, LinesArgs};
use super::list_printer::ListPrinter;
use super::values::{KindChoice, StatsBy, by, stats_order};
use super::{complete, now_ms};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{Column, STATS_COLUMNS, STATS_FIELDS, TableStyle, axis, choose};
use against::EarlierSums;
use clap_complete::ArgValueCompleter;
use conditions::{MoreConditions, sums};
use mcpr_model::ErrorKind;
use mcpr_model::time::{DAY_MS, HOUR_MS};
use mcpr_store::Reader;
use mcpr_store::query::{
    Buckets, Filter, GroupBy, NameKind, RankedLines, StatsOrder, StatsQuestion, StatsRow, Summary,
};

/// What `mcpr stats` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Group requests by this
    #[arg(long, value_parser = by(), value_name = "WHAT", default_value = "tool")]
    by: StatsBy,
    /// Count operations beside requests: a call that came back for input, or a task with its polls, is one
    #[arg(long, conflicts_with = "against")]
    operations: bool,
    /// Count tools that match GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::tools))]
    tool: Vec<String>,
    /// Count methods that match GLOB (repeatable; commas separate)
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::methods))]
    method: Vec<String>,
    #[command(flatten)]
    more: MoreConditions,
    /// Count this kind of traffic
    #[arg(long, value_enum, value_name = "KIND", default_value = "mcp")]
    kind: KindChoice,
    /// Show beside each line what it was in an earlier window, what got slower most first: as long before the other
    /// one as DURATION (1d), from TIME on (yesterday), or FROM..TO
    #[arg(long, value_name = "WINDOW", allow_hyphen_values = true)]
    against: Option<String>,
    /// Compute exact quantiles from every request instead of within 1 % from hourly sums
    #[arg(long)]
    exact: bool,
    /// Put lines in this order [default: calls; hours in order of time; change with --against]
    #[arg(long, value_parser = stats_order(), value_name = "WHAT")]
    sort: Option<StatsOrder>,
    #[command(flatten)]
    lines: LinesArgs,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "stats",
    &[
        "mcpr stats -s 1d # each tool of a day",
        "mcpr stats -s 1d --against 1d # what got slower than the day before",
        "mcpr stats -s 7d -t search --by hour # each hour of a tool",
    ],
)
.with_headings()
.with_fields(|| field_names(STATS_COLUMNS));

/// Most lines; what else was called is put together in one more.
const MAX_LINES: usize = 1000;
/// How far `stats` looks back when nothing is given.
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
    // A misspelt field is refused before the store is opened.
    let StatsBy::Sums(by) = args.by else {
        return traces::run(args, &view, console);
    };
    let earlier = against::window_of(args, by, &view)?;
    let table_columns = |with_proxy| match earlier {
        Some(_) => compared_columns(by, with_proxy),
        None if args.operations => beside::columns(by, with_proxy),
        None => table_columns(by, with_proxy),
    };
    let mut columns = view.columns(STATS_COLUMNS, STATS_FIELDS, || table_columns(true))?;
    let reader = view.open(console)?;
    let Some(asked) = filter(args, &view, reader.as_ref())? else {
        args.more.say_no_session(&view, console);
        return Ok(Exit::No);
    };
    let buckets = buckets(&view, reader.as_ref())?;
    let question = StatsQuestion {
        filter: within(asked.clone(), buckets),
        by,
        exact: args.exact,
        buckets,
        most: Some(MAX_LINES),
        tools: None,
    };
    let style = TableStyle {
        is_unfinished: question.buckets.end() > view.now_ms,
        ..view.style
    };
    let earlier = earlier.map(|window| EarlierSums::ask(window, &question, reader.as_ref()));
    let earlier = earlier.transpose()?;
    let (mut rows, beyond) = lines(args, &question, earlier.as_ref(), reader.as_ref())?;
    if args.operations {
        beside::add(&question, &mut rows, reader.as_ref())?;
    }
    // What puts others together is of no proxy.
    let mut proxies = rows.iter().filter_map(|row| row.key.proxy.as_deref());
    let first = proxies.next();
    let one_proxy = proxies.all(|proxy| Some(proxy) == first);
    if view.is_table() && !view.names_fields() && one_proxy {
        columns = table_columns(false);
    }
    let mut listing = ListPrinter::new(columns, style, &view, console);
    // Laid out with the bars, which are narrower than their axis where the window is short.
    let below = axis(question.buckets, &style);
    listing.reserve("calls_by_bucket", below.len());
    listing.page(&rows, console)?;
    listing.below("calls_by_bucket", &below, console)?;
    listing.finish(console)?;
    // Where neither window has a call, what was asked for is the reason, and no window.
    if let Some(earlier) = earlier
        .as_ref()
        .filter(|it| !(rows.is_empty() && it.is_empty()))
    {
        earlier.say(&view, reader.as_ref(), console);
    }
    say_what_is_beyond(by, beyond, &view, console);
    beside::say_polls(&question, &view, reader.as_ref(), console)?;
    beside::say_samples(reader.as_ref(), console)?;
    report_unplaced(&question, &rows, console);
    say_unknown(&rows, &view, console);
    if rows.is_empty() {
        explain_empty(args, &asked, &view, reader.as_ref(), console)?;
    } else {
        left_out::say_window(&view, console);
    }
    Ok(Exit::Done)
}

/// Which requests are counted; `None` where there is no such session.
fn filter(args: &Args, view: &View, reader: &dyn Reader) -> anyhow::Result<Option<Filter>> {
    let filter = Filter {
        proxy: view.proxy.clone(),
        since: view.since,
        until: view.until,
        kind: args.kind.kind(),
        methods: patterns("--method", &args.method)?,
        tools: patterns("--tool", &args.tool)?,
        ..Filter::default()
    };
    args.more.added_to(filter.of_calls(), reader, view)
}

/// Says why there is nothing.
fn explain_empty(
    args: &Args,
    filter: &Filter,
    view: &View,
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    let tools = SoughtName::each(NameKind::Tool, &args.tool);
    let methods = SoughtName::each(NameKind::Method, &args.method);
    let mut conditions = view.conditions();
    conditions.extend(args.method.iter().map(|glob| format!("method `{glob}`")));
    conditions.extend(args.tool.iter().map(|glob| format!("tool `{glob}`")));
    conditions.extend(args.more.words());
    conditions.extend(
        args.kind
            .kind()
            .map(|kind| format!("kind `{}`", kind.as_str())),
    );
    let sought = Sought {
        what: "requests",
        conditions,
        names: tools.chain(methods).chain(args.more.names()).collect(),
        leaves_out_bodies: args.more.leaves_out_bodies(),
        asked: SoughtRows::Requests(SoughtRequests {
            filter,
            after: None,
        }),
    };
    empty::explain(&sought, view, reader, console)
}

/// The lines that are shown, in the order that is asked for, and how many there are beside them.
fn lines(
    args: &Args,
    question: &StatsQuestion,
    earlier: Option<&EarlierSums>,
    reader: &dyn Reader,
) -> anyhow::Result<(Vec<Summary>, usize)> {
    let mut rows = sums(reader, question)?;
    // Before lines are left out: those that got slower are what was asked for.
    if let Some(earlier) = earlier.filter(|_| args.sort.is_none()) {
        earlier.sort(&mut rows);
    }
    let RankedLines { mut rows, beyond } = question.ranked(rows, args.sort, args.lines.most());
    let other = question.other_key();
    let is_other = |row: &StatsRow| question.by != GroupBy::Hour && row.key == other;
    args.lines.turn(&mut rows, is_other);
    let rows = rows.into_iter().map(Summary::from);
    let beside = |row| match earlier {
        Some(earlier) => earlier.beside(row),
        None => row,
    };
    Ok((rows.map(beside).collect(), beyond))
}

/// Says how many lines are not shown as such.
fn say_what_is_beyond(by: GroupBy, beyond: usize, view: &View, console: &mut Console) {
    let (one, many) = match by {
        GroupBy::Tool => ("tool or method is", "tools and methods are"),
        GroupBy::Method => ("method is", "methods are"),
        GroupBy::Client => ("client is", "clients are"),
        GroupBy::Proxy => ("proxy is", "proxies are"),
        GroupBy::Hour => ("hour is", "hours are"),
    };
    let where_to = match by {
        GroupBy::Hour => "left out",
        _ => "counted in (other)",
    };
    if beyond > 0 {
        let left = format!("{} {where_to}", left_out::counted(beyond, one, many));
        left_out::say(&left, "-n all shows each", view, console);
    }
}

/// Says how many calls are in no share of errors, which does not follow from the figures beside it then.
fn say_unknown(rows: &[Summary], view: &View, console: &mut Console) {
    let unknown = rows.iter().map(|row| row.errors[ErrorKind::Unseen.index()]);
    let calls = unknown.fold(0, u64::saturating_add);
    if calls > 0 {
        let calls = usize::try_from(calls).unwrap_or(usize::MAX);
        let left = left_out::counted(calls, "call", "calls");
        let left = format!("{left} of unknown outcome in no ERR%");
        left_out::say(&left, "--json has them as `unknown`", view, console);
    }
}

/// Says how many calls are missing, because only the sums of their hours are left.
fn report_unplaced(question: &StatsQuestion, rows: &[Summary], console: &mut Console) {
    let calls = rows
        .iter()
        .map(|row| row.unplaced_calls)
        .fold(0, u64::saturating_add);
    if calls == 0 {
        return;
    }
    let (lack, hint) = if question.exact {
        ("exact latencies", "leave out --exact to count them")
    } else if question.by == GroupBy::Client {
        (
            "who called",
            "put them together by something else to count them",
        )
    } else {
        (
            "which of them lie in the window",
            "a window of whole hours (in UTC) counts them",
        )
    };
    left_out::say_uncounted(calls, lack, hint, console);
}

/// The window in equal pieces: of whole hours, unless it is so short that no hour fits in.
fn buckets(view: &View, reader: &dyn Reader) -> anyhow::Result<Buckets> {
    let span = reader.span()?;
    let (oldest, newest) = span.unwrap_or((view.now_ms, view.now_ms));
    let start = view.since.unwrap_or(oldest).max(oldest.min(view.now_ms));
    let end = view
        .until
        // The end is exclusive, and a recorded clock may be ahead of this one.
        .unwrap_or_else(|| view.now_ms.max(newest.saturating_add(1)));
    let most = match view.style.width {
        Some(width) if width < WIDE => MAX_BARS_NARROW,
        _ => MAX_BARS,
    };
    Ok(Buckets::dividing(start, end, most))
}

/// A window that ends where its last piece does, where pieces are shorter than an hour: the hour that has not ended
/// is not a sum then, whose calls would all stand at its beginning.
fn within(filter: Filter, buckets: Buckets) -> Filter {
    let until = (buckets.width_ms < HOUR_MS).then(|| buckets.end());
    Filter {
        until: filter.until.or(until),
        ..filter
    }
}

/// What a line is about.
fn names_of(by: GroupBy) -> &'static [&'static str] {
    match by {
        GroupBy::Tool => &["proxy", "what"],
        GroupBy::Method => &["proxy", "method"],
        GroupBy::Client => &["client"],
        GroupBy::Proxy => &["proxy"],
        GroupBy::Hour => &["hour"],
    }
}

/// The columns of two windows side by side.
fn compared_columns(by: GroupBy, with_proxy: bool) -> Vec<&'static Column<Summary>> {
    let figures = [
        "calls",
        "calls_before",
        "error_rate",
        "p50_us",
        "p50_before_us",
        "p95_us",
        "p95_before_us",
        "p95_factor",
    ];
    let names = names_of(by).iter().copied();
    let names = names.filter(|&name| name != "proxy" || with_proxy || by == GroupBy::Proxy);
    choose(STATS_COLUMNS, &names.chain(figures).collect::<Vec<_>>())
}

fn table_columns(by: GroupBy, with_proxy: bool) -> Vec<&'static Column<Summary>> {
    let about = names_of(by);
    let figures = [
        "calls",
        "errors",
        "error_rate",
        "total_us",
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
        .filter(|&name| name != "proxy" || with_proxy || by == GroupBy::Proxy)
        .chain(figures)
        // A line that is about one hour has nothing to show over time.
        .filter(|&name| name != "calls_by_bucket" || by != GroupBy::Hour)
        .collect();
    choose(STATS_COLUMNS, &names)
}
