//! `mcpr logs`: recorded requests, oldest first, with gaps in their place.

use super::args::{ReadArgs, View, client_pattern, patterns};
use super::find::find_session;
use super::pages::{Fetched, Range, each_page, each_page_of_newest};
use super::values::{KindChoice, Most, duration_us};
use super::{empty, now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::model::{ErrorKind, Status};
use crate::query::{Entry, Filter, Order};
use crate::render::{Column, LOG_COLUMNS, Listing, REQUEST_COLUMNS, choose, units};
use crate::store::Reader;

/// What `mcpr logs` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Show the newest N requests, or `all` [default: 50, all with --after]
    #[arg(long, value_name = "N")]
    tail: Option<Most>,
    /// Show what was stored after this sequence number
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
    after: Option<i64>,
    /// Show tools that match GLOB (repeatable)
    #[arg(long, value_name = "GLOB")]
    tool: Vec<String>,
    /// Show methods that match GLOB (repeatable)
    #[arg(long, value_name = "GLOB")]
    method: Vec<String>,
    /// Show one session, by any unambiguous prefix of its id
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Show clients whose name matches GLOB, ignoring case
    #[arg(long, value_name = "GLOB")]
    client: Option<String>,
    /// Show one status
    #[arg(long, value_enum, value_name = "STATUS")]
    status: Option<Status>,
    /// Show errors of one layer
    #[arg(long, value_enum, value_name = "KIND")]
    error_kind: Option<ErrorKind>,
    /// Show errors with this JSON-RPC code or HTTP status
    #[arg(long, value_name = "CODE", allow_hyphen_values = true)]
    error_code: Option<String>,
    /// Show requests that mention TEXT, ignoring case
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// Show requests that took at least DURATION: 500ms, 2s
    #[arg(long, value_name = "DURATION", value_parser = duration_us)]
    min_latency: Option<i64>,
    /// Show this kind of traffic
    #[arg(long, value_enum, value_name = "KIND", default_value = "mcp")]
    kind: KindChoice,
    /// Print the newest first
    #[arg(long)]
    reverse: bool,
}

/// Most requests that are shown when nothing is said.
const DEFAULT_TAIL: usize = 50;

/// Lists requests.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args.read.view(now_ms(), console)?;
    let filter = filter(args, &view)?;
    let named = view.named(LOG_COLUMNS)?;
    let mut reader = open_store(&view.path)?;
    let mut printer = Printer {
        view: &view,
        named,
        listing: None,
        requests: 0,
    };
    list(args, filter, reader.as_mut(), &mut printer, console)
}

fn list(
    args: &Args,
    mut filter: Filter,
    reader: &mut dyn Reader,
    printer: &mut Printer<'_>,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let view = printer.view;
    let mut unknown_session = false;
    if let Some(id) = &args.session {
        let found = find_session(reader, id, view.proxy.as_deref(), view.zone)?;
        unknown_session = found.is_none();
        filter.session = found.map(|session| session.key());
    }
    if !unknown_session {
        let order = if args.reverse {
            Order::Descending
        } else {
            Order::Ascending
        };
        let range = Range {
            after: args.after,
            before: None,
            order,
            most: most(args),
        };
        let mut take = |fetched: Fetched| printer.page(&fetched, console);
        match (order, range.most) {
            (Order::Ascending, Some(_)) => {
                each_page_of_newest(reader, &filter, range, &mut take)?;
            }
            _ => each_page(reader, &filter, range, &mut take)?,
        }
    }
    printer.finish(console)?;
    if printer.requests == 0 {
        empty::explain("requests", view, &conditions(args, view), reader, console)?;
    }
    Ok(Exit::Done)
}

/// How many requests are shown.
fn most(args: &Args) -> Option<usize> {
    match (args.tail, args.after) {
        (Some(tail), _) => tail.rows(),
        (None, Some(_)) => None,
        (None, None) => Some(DEFAULT_TAIL),
    }
}

fn filter(args: &Args, view: &View) -> anyhow::Result<Filter> {
    Ok(Filter {
        proxy: view.proxy.clone(),
        since: view.since,
        until: view.until,
        kind: args.kind.kind(),
        methods: patterns("--method", &args.method)?,
        tools: patterns("--tool", &args.tool)?,
        session: None,
        client: client_pattern(args.client.as_deref())?,
        status: args.status,
        error_kind: args.error_kind,
        error_code: args.error_code.clone(),
        grep: args.grep.clone(),
        min_latency_us: args.min_latency,
    })
}

/// What was looked for, in words.
fn conditions(args: &Args, view: &View) -> Vec<String> {
    let quoted = |name: &str, value: &str| format!("{name} `{value}`");
    let mut words = view.conditions();
    words.extend(args.after.map(|seq| format!("after {seq}")));
    words.extend(args.method.iter().map(|glob| quoted("method", glob)));
    words.extend(args.tool.iter().map(|glob| quoted("tool", glob)));
    words.extend(args.session.iter().map(|id| quoted("session", id)));
    words.extend(args.client.iter().map(|glob| quoted("client", glob)));
    words.extend(args.status.map(|status| quoted("status", status.as_str())));
    words.extend(
        args.error_kind
            .map(|kind| quoted("error kind", kind.as_str())),
    );
    words.extend(
        args.error_code
            .iter()
            .map(|code| quoted("error code", code)),
    );
    words.extend(args.grep.iter().map(|text| quoted("text", text)));
    words.extend(
        args.min_latency
            .map(|us| format!("latency from {}", units::latency(us))),
    );
    words.extend(args.kind.kind().map(|kind| quoted("kind", kind.as_str())));
    words
}

/// Prints pages; the first decides which columns a table has.
struct Printer<'a> {
    view: &'a View,
    named: Option<Vec<&'static Column<Entry>>>,
    listing: Option<Listing<Entry>>,
    requests: usize,
}

impl Printer<'_> {
    fn page(&mut self, fetched: &Fetched, console: &mut Console) -> anyhow::Result<()> {
        let rows = fetched.entries.iter();
        self.requests += rows
            .filter(|entry| matches!(entry, Entry::Request(_)))
            .count();
        let text = self.listing(fetched).page(&fetched.entries);
        console.print(&text)?;
        Ok(())
    }

    fn finish(&mut self, console: &mut Console) -> anyhow::Result<()> {
        let nothing = Fetched {
            entries: Vec::new(),
            more: false,
        };
        let text = self.listing(&nothing).finish();
        console.print(&text)?;
        Ok(())
    }

    fn listing(&mut self, first: &Fetched) -> &mut Listing<Entry> {
        let Self {
            view,
            named,
            listing,
            ..
        } = self;
        listing.get_or_insert_with(|| {
            let columns = match named {
                Some(columns) => columns.clone(),
                None if view.is_table() => table_columns(first, view),
                None => choose(LOG_COLUMNS, REQUEST_COLUMNS),
            };
            Listing::new(columns, view.format, view.style)
        })
    }
}

/// The columns of a table: the proxy's only where there can be more than one.
fn table_columns(first: &Fetched, view: &View) -> Vec<&'static Column<Entry>> {
    let mut proxies = first.entries.iter().filter_map(|entry| match entry {
        Entry::Request(row) => Some(&row.proxy),
        Entry::Gap(_) => None,
    });
    let one = proxies.next();
    let several = first.more || proxies.any(|proxy| Some(proxy) != one);
    let names: &[&str] = if several && view.proxy.is_none() {
        &[
            "time",
            "proxy",
            "client",
            "session",
            "method",
            "target",
            "latency_us",
            "outcome",
            "error_msg",
        ]
    } else {
        &[
            "time",
            "client",
            "session",
            "method",
            "target",
            "latency_us",
            "outcome",
            "error_msg",
        ]
    };
    choose(LOG_COLUMNS, names)
}

#[cfg(test)]
mod tests;
