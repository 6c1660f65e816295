//! `mcpr slow`: the requests that took longest.

use super::args::ReadArgs;
use super::empty::{self, Sought, SoughtRequests, SoughtRows};
use super::follow::{self, FollowArgs, Followed, Start};
use super::help::{CommandHelp, field_names};
use super::left_out;
use super::pages::Fetched;
use super::printer::{LogTable, Printer, RequestPrinter, RowOrder};
use super::request_filter::RequestFilterArgs;
use super::values::duration_us;
use super::{Refused, now_ms};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{LOG_COLUMNS, units};
use mcpr_model::time::DAY_MS;
use mcpr_store::query::{Entry, Filter, RequestRow};

/// What `mcpr slow` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Show requests that took at least DURATION
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = duration_us)]
    threshold: i64,
    /// Show the number of each request in a table, which `mcpr show` takes
    #[arg(long)]
    seq: bool,
    /// Show the N slowest
    #[arg(short = 'n', long, value_name = "N", default_value = "20")]
    limit: usize,
    /// Put the slowest in this order
    #[arg(long, value_enum, value_name = "WHAT", default_value = "took")]
    sort: SlowOrder,
    /// Print the rows the other way round
    #[arg(short, long, conflicts_with = "follow")]
    reverse: bool,
    #[command(flatten)]
    request_filter: RequestFilterArgs,
    #[command(flatten)]
    follow: FollowArgs,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "slow",
    &[
        "mcpr slow -s today --threshold 2s # calls over two seconds today",
        "mcpr slow --follow # slow calls as they come",
    ],
)
.with_headings()
.with_fields(|| field_names(LOG_COLUMNS));

/// In which order the slowest are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SlowOrder {
    /// The slowest first
    Took,
    /// As they happened
    Time,
}

/// How far `slow` looks back when nothing is given.
const LOOK_BACK_MS: i64 = DAY_MS;

/// How the table looks: the slowest first, or as they come.
fn table(args: &Args) -> LogTable {
    let order = match args.sort {
        SlowOrder::Took => RowOrder::Rank,
        SlowOrder::Time => RowOrder::Time,
    };
    let mut table = LogTable::in_order(order, &args.follow, &args.request_filter);
    table.with_seq = args.seq;
    table
}

/// The rows in the order that is asked for.
fn ordered(args: &Args, mut rows: Vec<RequestRow>) -> Vec<RequestRow> {
    if args.sort == SlowOrder::Time {
        rows.sort_by_key(|row| (row.ts, row.seq));
    }
    if args.reverse {
        rows.reverse();
    }
    rows
}

/// Lists the slowest requests; with `--follow`, the newest slow ones and those to come.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args
        .read
        .view(now_ms(), console)?
        .looking_back(LOOK_BACK_MS);
    if args.request_filter.wants_pending() {
        let refused = Refused::new("a request in flight has not taken its time yet");
        return Err(refused
            .hint("`mcpr logs --status pending` lists them")
            .into());
    }
    let filter = Filter {
        min_latency_us: Some(args.threshold),
        ..args.request_filter.filter(&view)?.of_calls()
    };
    let mut listed = RequestPrinter {
        request_filter: &args.request_filter,
        filter,
        printer: Printer::new(&view, table(args))?,
        // What has not ended is not slow yet.
        live: None,
    };
    if args.follow.follow {
        view.refuse_array()?;
        let start = Start {
            after: None,
            most: Some(args.limit),
        };
        return follow::follow(&view, &args.follow, start, None, &mut listed, console);
    }
    let reader = view.open(console)?;
    let filter = listed.filter(reader.as_ref())?;
    let rows = match &filter {
        Some(filter) => reader.slowest(filter, args.limit)?,
        None => Vec::new(),
    };
    let entries = ordered(args, rows)
        .into_iter()
        .map(|row| Entry::Request(Box::new(row)))
        .collect();
    let more = false;
    listed.take(reader.as_ref(), Fetched { entries, more }, console)?;
    listed.printer.finish(console)?;
    let Some(filter) = filter else {
        args.request_filter.say_no_session(&view, console);
        return Ok(Exit::No);
    };
    // Whoever asked for none has what was asked for.
    if args.limit == 0 {
        return Ok(Exit::Done);
    }
    if listed.printer.requests == 0 {
        let mut conditions = view.conditions();
        conditions.push(format!("latency from {}", units::latency(args.threshold)));
        conditions.extend(args.request_filter.words());
        let sought = Sought {
            what: "slow requests",
            conditions,
            names: args.request_filter.names(),
            leaves_out_bodies: args.request_filter.search.leaves_out_bodies(),
            asked: SoughtRows::Requests(SoughtRequests {
                filter: &filter,
                after: None,
            }),
        };
        empty::explain(&sought, &view, reader.as_ref(), console)?;
    } else {
        left_out::say_window(&view, console);
    }
    Ok(Exit::Done)
}
