//! `mcpr logs`: recorded requests, oldest first, with gaps in their place.

use super::args::{ReadArgs, View, client_pattern, patterns};
use super::find::find_session;
use super::follow::{self, CursorFile, FollowArgs, Followed, Position, Start};
use super::pages::{Fetched, Range, each_page, each_page_of_newest};
use super::values::{KindChoice, Most, duration_us};
use super::{Refused, empty, now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::model::{ErrorKind, Status};
use crate::query::{Entry, Filter, Order};
use crate::render::{Column, LOG_COLUMNS, Listing, REQUEST_COLUMNS, choose, units};
use crate::store::Reader;
use std::path::PathBuf;

/// What `mcpr logs` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Show the newest N requests, or `all` [default: 50; 10 with --follow; all after a cursor]
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
    #[arg(long, conflicts_with = "follow")]
    reverse: bool,
    /// Begin where FILE says the last run ended, and write down there how far this one came
    #[arg(long, value_name = "FILE", conflicts_with = "after")]
    cursor_file: Option<PathBuf>,
    #[command(flatten)]
    follow: FollowArgs,
}

/// Most requests that are shown when nothing is said.
const DEFAULT_TAIL: usize = 50;
/// Most requests that are shown before those to come, when nothing is said.
const DEFAULT_FOLLOWED_TAIL: usize = 10;

/// Lists requests.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args.read.view(now_ms(), console)?;
    let mut listed = Listed {
        args,
        filter: filter(args, &view)?,
        printer: Printer::new(&view)?,
    };
    let mut cursor = args
        .cursor_file
        .as_deref()
        .map(CursorFile::open)
        .transpose()?;
    let start = start(args, cursor.as_ref());
    if args.follow.follow {
        view.refuse_array()?;
        return follow::follow(
            &view.path,
            &args.follow,
            (start, cursor),
            &mut listed,
            console,
        );
    }
    let mut reader = open_store(&view.path)?;
    listed.list(reader.as_mut(), start, cursor.as_mut(), console)
}

/// Where the listing begins. After what a cursor says nothing is left out; before it says anything,
/// `--tail` counts as ever.
fn start(args: &Args, cursor: Option<&CursorFile>) -> Start {
    let by_number = |seq| Position { store_id: 0, seq };
    let kept = cursor.and_then(CursorFile::position);
    let tail = match args.tail {
        Some(tail) => tail.rows(),
        None if cursor.is_some() || args.after.is_some() => None,
        None if args.follow.follow => Some(DEFAULT_FOLLOWED_TAIL),
        None => Some(DEFAULT_TAIL),
    };
    Start {
        after: kept.or(args.after.map(by_number)),
        most: if kept.is_some() { None } else { tail },
    }
}

/// The requests that were asked for, on their way to the output.
struct Listed<'a> {
    args: &'a Args,
    filter: Filter,
    printer: Printer<'a>,
}

impl Followed for Listed<'_> {
    fn filter(&mut self, reader: &mut dyn Reader) -> anyhow::Result<Option<Filter>> {
        let Some(id) = &self.args.session else {
            return Ok(Some(self.filter.clone()));
        };
        let view = self.printer.view;
        let found = find_session(reader, id, view.proxy.as_deref(), view.zone)?;
        Ok(found.map(|session| Filter {
            session: Some(session.key()),
            ..self.filter.clone()
        }))
    }

    fn take(&mut self, fetched: Fetched, console: &mut Console) -> anyhow::Result<()> {
        self.printer.page(&fetched, console)
    }
}

impl Listed<'_> {
    fn list(
        &mut self,
        reader: &mut dyn Reader,
        start: Start,
        mut cursor: Option<&mut CursorFile>,
        console: &mut Console,
    ) -> anyhow::Result<Exit> {
        let head = reader.head()?;
        let args = self.args;
        let range = Range {
            after: start.after.map(|position| position.within(head).seq),
            before: head.last_seq.checked_add(1),
            order: if args.reverse {
                Order::Descending
            } else {
                Order::Ascending
            },
            most: start.most,
        };
        if let Some(filter) = self.filter(reader)? {
            let mut take = |fetched: Fetched| self.printer.page(&fetched, console);
            match (range.order, range.most) {
                (Order::Ascending, Some(_)) => {
                    each_page_of_newest(reader, &filter, range, &mut take)?;
                }
                _ => each_page(reader, &filter, range, &mut take)?,
            }
        }
        self.printer.finish(console)?;
        if let Some(cursor) = cursor.take() {
            // Only what is really out needs no showing again.
            console.flush()?;
            cursor.keep(Position {
                store_id: head.store_id,
                seq: head.last_seq,
            })?;
        }
        if self.printer.requests == 0 {
            let view = self.printer.view;
            empty::explain("requests", view, &conditions(args, view), reader, console)?;
        }
        Ok(Exit::Done)
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

impl<'a> Printer<'a> {
    fn new(view: &'a View) -> Result<Self, Refused> {
        Ok(Self {
            view,
            named: view.named(LOG_COLUMNS)?,
            listing: None,
            requests: 0,
        })
    }

    fn page(&mut self, fetched: &Fetched, console: &mut Console) -> anyhow::Result<()> {
        let rows = fetched.entries.iter();
        self.requests += rows.filter(|entry| entry.is_request()).count();
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
