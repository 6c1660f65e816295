//! `mcpr logs`: recorded requests, oldest first, with gaps in their place: in order of time, or where the
//! list goes on from a place in the store, in order of storing.

use super::args::{ReadArgs, View};
use super::empty::{self, Sought, SoughtRequests, SoughtRows};
use super::flight::{self, InsertedRows, LiveFlight, WantedInserts};
use super::follow::{
    self, CursorFile, FollowArgs, Followed, Held, Position, Start, each_page_of_newest_left,
    say_what_is_gone,
};
use super::help::{CommandHelp, field_names};
use super::pages::{Fetched, OrderBy, Range, each_page};
use super::printer::{LogTable, Printer, RequestPrinter, RowOrder};
use super::request_filter::RequestFilterArgs;
use super::values::{RowLimit, duration_us};
use super::{Refused, now_ms};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{LOG_COLUMNS, units};
use mcpr_store::Reader;
use mcpr_store::query::{Cursor, Filter, Order};
use std::path::PathBuf;

/// What `mcpr logs` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Show the newest N requests, including those in flight that are shown, or `all` [default: 50, and all in
    /// flight; 10 with --follow; all after a cursor]; with --cursor-file, what N leaves out is not shown later
    #[arg(short = 'n', long = "limit", visible_alias = "tail", value_name = "N")]
    limit: Option<RowLimit>,
    /// Show what was stored after this sequence number, in order of storing
    #[arg(long, value_name = "SEQ")]
    after: Option<Cursor>,
    #[command(flatten)]
    request_filter: RequestFilterArgs,
    /// Show requests that took at least DURATION: 500ms, 2s
    #[arg(long, value_name = "DURATION", value_parser = duration_us)]
    min_latency: Option<i64>,
    /// Show the number of each request in a table, which `mcpr show` takes
    #[arg(long)]
    seq: bool,
    /// Show requests in flight, too, with the status `pending`; tables show them unless --status asks for others.
    /// `--status pending` shows only these
    #[arg(long)]
    pending: bool,
    /// Print the latest first
    #[arg(short, long, conflicts_with = "follow")]
    reverse: bool,
    /// Continue from the cursor in FILE, and save the new cursor there
    #[arg(long, value_name = "FILE", conflicts_with = "after")]
    cursor_file: Option<PathBuf>,
    #[command(flatten)]
    follow: FollowArgs,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "logs",
    &[
        "mcpr logs --follow # as it happens",
        "mcpr logs -s 1h --status failed # what failed in the last hour",
        "mcpr logs -t 'get-*,read_*' -r -n 20 # calls of some tools, the latest first",
        "mcpr logs -n all --json --fields time,tool,latency_us # for a script",
    ],
)
.with_headings()
.with_fields(|| field_names(LOG_COLUMNS));

/// Most requests that are shown when nothing is given.
const DEFAULT_TAIL: usize = 50;
/// Most requests that are shown before those to come, when nothing is given.
const DEFAULT_FOLLOWED_TAIL: usize = 10;

/// Lists requests.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args.read.view(now_ms(), console)?;
    let mut asked = RequestPrinter {
        request_filter: &args.request_filter,
        filter: filter(args, &view)?,
        printer: Printer::new(&view, table(args))?,
        live: Some(LiveFlight::wanting(
            args.pending,
            args.request_filter.wants_pending(),
        )),
    };
    if args.request_filter.wants_only_pending() {
        refuse_going_on(args)?;
    }
    let cursor = args
        .cursor_file
        .as_deref()
        .map(|path| CursorFile::open(path, console))
        .transpose()?;
    let start = start(args, cursor.as_ref());
    if args.follow.follow {
        view.refuse_array()?;
        return follow::follow(&view, &args.follow, start, cursor, &mut asked, console);
    }
    let reader = view.open(console)?;
    list(args, &mut asked, reader.as_ref(), start, cursor, console)
}

/// What is in flight has no place behind which a list could go on.
fn refuse_going_on(args: &Args) -> Result<(), Refused> {
    let goes_on = args.follow.follow || args.after.is_some() || args.cursor_file.is_some();
    if !goes_on {
        return Ok(());
    }
    let refused = Refused::new("--status pending alone is a list of this moment");
    Err(refused
        .hint("with --pending instead, --follow shows what is in flight beside what has ended"))
}

/// How the table looks.
fn table(args: &Args) -> LogTable {
    let mut table = LogTable::in_order(RowOrder::Time, &args.follow, &args.request_filter);
    table.with_seq = args.seq;
    // Where the newest stand.
    table.paging.at_end = !args.reverse;
    table
}

/// Where the listing begins. After what a cursor says nothing is left out, unless `--limit` says so.
fn start(args: &Args, cursor: Option<&CursorFile>) -> Start {
    let by_place = |cursor| Position {
        cursor,
        ..Position::default()
    };
    let kept = cursor.and_then(CursorFile::position);
    let most = match args.limit {
        Some(limit) => limit.rows(),
        None if cursor.is_some() || args.after.is_some() => None,
        None if args.follow.follow => Some(DEFAULT_FOLLOWED_TAIL),
        None => Some(DEFAULT_TAIL),
    };
    Start {
        after: kept.or(args.after.map(by_place)),
        most,
    }
}

/// Lists what there is now.
fn list(
    args: &Args,
    asked: &mut RequestPrinter<'_>,
    reader: &dyn Reader,
    start: Start,
    cursor: Option<CursorFile>,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let head = reader.head()?;
    let from = start.after.map(|position| position.within(head));
    let due = from.and_then(|from| from.held);
    let until = asked.filter.until;
    if let Some(due) = due.filter(|due| !due.is_reached(until)) {
        // What came before that was shown, and what did not is for when it has come.
        let at = units::time(due.until, asked.printer.view.zone);
        asked.printer.finish(console)?;
        console.note(&format!(
            "the last run showed everything before {at}, a later --until"
        ));
        return Ok(Exit::Done);
    }
    if let Some(from) = from {
        say_what_is_gone(reader, from.cursor, console)?;
    }
    let goes_on = from.is_some() || cursor.is_some();
    let range = range(args, start, from, goes_on, head.cursor);
    let filter = asked.filter(reader)?;
    match &filter {
        Some(filter) if args.request_filter.wants_only_pending() => {
            insert(asked, reader, filter, range.order)?;
            // Of other lists the rows between which they stand are counted.
            asked.printer.inserted.keep_newest(range.most);
            asked.printer.print_inserted(reader, console)?;
        }
        Some(filter) => {
            let mut range = range;
            // Between no rows nothing stands.
            if range.by == OrderBy::Time && range.most != Some(0) {
                insert(asked, reader, filter, range.order)?;
                // Nobody who asked for no number is to miss what has hung for long.
                if args.limit.is_some() {
                    let inserted = &mut asked.printer.inserted;
                    inserted.share_limit(reader, filter, &mut range)?;
                }
            }
            print(asked, reader, filter, due, range, console)?;
        }
        None => {}
    }
    asked.printer.finish(console)?;
    if let Some(mut cursor) = cursor {
        // Only what is really out needs no showing again.
        console.flush()?;
        let from = from.unwrap_or_default();
        let after = due.map_or(from.cursor, |due| due.after);
        cursor.keep(Position {
            store_id: head.store_id,
            cursor: head.cursor,
            held: Held::between(reader, after, head.cursor, until)?,
        })?;
    }
    if filter.is_none() {
        args.request_filter
            .say_no_session(asked.printer.view, console);
        return Ok(Exit::No);
    }
    if asked.printer.requests == 0 {
        let sought = filter.as_ref().map(|filter| sought(args, filter, from));
        explain_empty(args, sought, asked.printer.view, reader, console)?;
    }
    Ok(Exit::Done)
}

/// What was looked for, and behind which place.
fn sought<'a>(args: &Args, filter: &'a Filter, from: Option<Position>) -> SoughtRequests<'a> {
    let flag = if args.after.is_some() {
        "--after"
    } else {
        "--cursor-file"
    };
    SoughtRequests {
        filter,
        after: from.map(|from| (from.cursor, flag)),
    }
}

/// Says why there is nothing.
fn explain_empty(
    args: &Args,
    requests: Option<SoughtRequests<'_>>,
    view: &View,
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    let is_of_pending = args.request_filter.wants_only_pending();
    if args.limit.is_some_and(|limit| limit.rows() == Some(0)) && !is_of_pending {
        // Nothing was looked for: none would be reported to be there.
        if view.is_table() {
            console.hint("-n 0 shows no request; -n all shows each");
        }
        return Ok(());
    }
    let sought = Sought {
        what: if is_of_pending {
            "requests in flight"
        } else {
            "requests"
        },
        conditions: conditions(args, view),
        names: args.request_filter.names(),
        leaves_out_bodies: args.request_filter.search.leaves_out_bodies(),
        asked: match requests {
            Some(requests) if !is_of_pending => SoughtRows::Requests(requests),
            _ => SoughtRows::InFlight,
        },
    };
    empty::explain(&sought, view, reader, console)
}

/// What is listed, and in which order.
fn range(args: &Args, start: Start, from: Option<Position>, goes_on: bool, last: Cursor) -> Range {
    Range {
        // What goes on from a place goes by storing: what is stored later may have happened before it.
        by: if goes_on {
            OrderBy::Storing
        } else {
            OrderBy::Time
        },
        after: from.map(|position| position.cursor),
        before: Some(last.next()),
        order: if args.reverse {
            Order::Descending
        } else {
            Order::Ascending
        },
        most: start.most,
    }
}

/// Puts what is in flight and where servers died between the rows of a list in order of time.
fn insert(
    asked: &mut RequestPrinter<'_>,
    reader: &dyn Reader,
    filter: &Filter,
    order: Order,
) -> anyhow::Result<()> {
    let view = asked.printer.view;
    let is_asked = asked.live.as_ref().is_some_and(|live| live.is_wanted);
    let request_filter = asked.request_filter;
    let wanted = WantedInserts {
        in_flight: (is_asked || view.is_table())
            && filter.until.is_none_or(|until| until >= view.now_ms),
        only_waiting: request_filter.wants_pending(),
        // Other formats are of requests alone.
        deaths: view.is_table() && !request_filter.wants_only_pending(),
    };
    let filter = flight::of_any_status(filter, request_filter.wants_pending());
    let found = InsertedRows::of(reader, &filter, wanted)?;
    asked.printer.inserted = match order {
        Order::Ascending => found,
        Order::Descending => found.reversed(),
    };
    Ok(())
}

/// Prints a range, and what was held back before it.
fn print(
    asked: &mut RequestPrinter<'_>,
    reader: &dyn Reader,
    filter: &Filter,
    held: Option<Held>,
    range: Range,
    console: &mut Console,
) -> anyhow::Result<()> {
    let most = range.most.unwrap_or(usize::MAX);
    let mut is_first = true;
    let mut take = |fetched: Fetched| {
        // Where rows are left out at the beginning, servers that died before are as well.
        if std::mem::take(&mut is_first)
            && range.order == Order::Ascending
            && fetched.entries.len() >= most
            && let Some(first) = fetched.entries.first()
        {
            asked.printer.inserted.begin_at(first.place().ts);
        }
        asked.printer.page(reader, fetched, console)
    };
    match (range.order, range.most) {
        (Order::Ascending, Some(_)) => {
            each_page_of_newest_left(reader, filter, held, range, &mut take)
        }
        (Order::Ascending, None) => {
            if let (Some(held), Some(up_to)) = (held, range.after) {
                held.each_page(reader, filter, up_to, None, &mut take)?;
            }
            each_page(reader, filter, range, &mut take)
        }
        (Order::Descending, most) => {
            let mut left = most;
            each_page(reader, filter, range, &mut |fetched| {
                let requests = fetched.entries.iter().filter(|entry| entry.is_request());
                let requests = requests.count();
                left = left.map(|left| left.saturating_sub(requests));
                take(fetched)
            })?;
            match held.zip(range.after) {
                Some((held, up_to)) => held.each_page_back(reader, filter, up_to, left, &mut take),
                None => Ok(()),
            }
        }
    }?;
    if range.order == Order::Descending && asked.printer.requests >= most {
        // The rows that they stand between are left out as well.
        asked.printer.inserted.begin_at(i64::MAX);
    }
    asked.printer.print_inserted(reader, console)
}

fn filter(args: &Args, view: &View) -> anyhow::Result<Filter> {
    Ok(Filter {
        min_latency_us: args.min_latency,
        ..args.request_filter.filter(view)?
    })
}

/// What was looked for, in words.
fn conditions(args: &Args, view: &View) -> Vec<String> {
    let mut words = view.conditions();
    words.extend(args.after.map(|cursor| format!("after {cursor}")));
    words.extend(args.request_filter.words());
    words.extend(
        args.min_latency
            .map(|us| format!("latency from {}", units::latency(us))),
    );
    words
}

#[cfg(test)]
mod tests;
