//! `mcpr session ID`: one session and its requests.

mod delete;

use super::args::{ReadArgs, View, patterns};
use super::find::{find_session, say_no_session};
use super::flight::{self, InsertedRows, WantedInserts};
use super::help::{CommandHelp, field_names};
use super::pages::{Fetched, OrderBy, Range, each_page, each_page_of_newest};
use super::printer::{LogTable, Printer};
use super::search_args::SearchArgs;
use super::values::{AskedStatus, RowLimit};
use super::{complete, now_ms, values};
use crate::console::{Console, TablePaging, TablePart};
use crate::exit::Exit;
use crate::render::layout::wrap;
use crate::render::text::escape;
use crate::render::{
    Format, LOG_COLUMNS, REQUEST_COLUMNS, SessionView, choose, object, operation_in_words,
    server_facts, server_output, session_document, units,
};
use clap_complete::ArgValueCompleter;
use mcpr_model::ServerRun;
use mcpr_store::query::{Entry, Filter, OpenRow, Operation, Order, Pattern, SessionRow};
use mcpr_store::{Reader, StoreError, fold};
use std::fmt::Write as _;

/// What `mcpr session` takes.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    /// The session's id, any unambiguous prefix of it, or `latest`, the one used last
    #[arg(value_name = "ID", required = true, add = ArgValueCompleter::new(complete::sessions))]
    id: Option<String>,
    #[command(flatten)]
    read: ReadArgs,
    /// Show its calls of tools that match GLOB (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::tools))]
    tool: Vec<String>,
    /// Show its requests of methods that match GLOB (repeatable; commas separate)
    #[arg(long, value_name = "GLOB", add = ArgValueCompleter::new(complete::methods))]
    method: Vec<String>,
    /// Show its requests with this status (repeatable; commas separate)
    #[arg(long, value_parser = values::status(), value_name = "STATUS", value_delimiter = ',')]
    status: Vec<AskedStatus>,
    #[command(flatten)]
    search: SearchArgs,
    /// Show its N newest requests, or `all`
    #[arg(short = 'n', long, value_name = "N", default_value = "all")]
    limit: RowLimit,
    /// Print the latest first
    #[arg(short, long)]
    reverse: bool,
    /// Show the number of each request in a table, which `mcpr show` takes
    #[arg(long)]
    seq: bool,
    #[command(subcommand)]
    task: Option<Task>,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "session",
    &[
        "mcpr session latest # the session that was used last",
        "mcpr session 41c5 # one by the beginning of its id",
    ],
)
.with_headings()
.with_fields(|| field_names(LOG_COLUMNS));

#[derive(Debug, Clone, clap::Subcommand)]
enum Task {
    /// Remove a session with all its requests; hourly sums stay
    Delete(delete::Args),
}

/// Shows one session; finding none is the answer no.
///
/// # Errors
/// When the id fits several sessions, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    if let Some(Task::Delete(args)) = &args.task {
        return delete::run(args, console);
    }
    let view = args.read.view(now_ms(), console)?;
    view.named(LOG_COLUMNS)?;
    let reader = view.open(console)?;
    show(args, &view, reader.as_ref(), console)
}

/// How the table of requests looks, below what is reported about the session.
fn table(args: &Args) -> LogTable {
    LogTable {
        with_seq: args.seq,
        is_one_session: true,
        paging: TablePaging::default(),
        ..LogTable::default()
    }
}

fn show(
    args: &Args,
    view: &View,
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let id = args.id.as_deref().unwrap_or_default();
    let Some(row) = find_session(reader, id, view.proxy.as_ref(), view.zone)? else {
        say_no_session(id, view, console);
        return Ok(Exit::No);
    };
    let session = SessionView::at(row, view.now_ms);
    let open = reader.open_requests(&in_flight_of(&session.row))?;
    let servers = Servers::of(&session.row, &open, reader)?;
    let run = servers.run();
    let failed: Vec<ServerRun> = run
        .into_iter()
        .filter(|run| run.is_death)
        .cloned()
        .collect();
    let session = session.with_flight(&open).with_failures(&failed);
    let wanted = wanted(args, &session, view)?;
    match view.format {
        Format::Json | Format::Ndjson => {
            let list = ListedRequests::new(args, &session, wanted, reader);
            print_document(&session, &servers, &list, view, console)?;
        }
        Format::Table => {
            let operations = fold::operations_of_session(reader, &session.row.key())?;
            let summary = summary(&session, &servers, &operations, view);
            // As part of the table: a pager that chops rows chops what is long here as well.
            console.print_table(&TablePart {
                shown: &summary,
                whole: &summary,
                paging: TablePaging::default(),
            })?;
            let list = ListedRequests::new(args, &session, wanted, reader);
            print_list(&list, view, table(args), console)?;
        }
        Format::Csv => {
            let list = ListedRequests::new(args, &session, wanted, reader);
            print_list(&list, view, table(args), console)?;
        }
    }
    Ok(Exit::Done)
}

/// Where a session's requests in flight are found, and perhaps others.
fn in_flight_of(session: &SessionRow) -> Filter {
    Filter {
        proxy: Some(Pattern::name(&session.proxy)),
        // What says no session is recognised by its client and its time.
        session: (!session.inferred).then(|| session.key()),
        ..Filter::default()
    }
}

/// Which requests of the session are shown.
fn wanted(args: &Args, session: &SessionView, view: &View) -> anyhow::Result<Filter> {
    Ok(Filter {
        session: Some(session.row.key()),
        since: view.since,
        until: view.until,
        tools: patterns("--tool", &args.tool)?,
        methods: patterns("--method", &args.method)?,
        statuses: AskedStatus::ended(&args.status),
        grep: args.search.search()?,
        ..Filter::default()
    })
}

/// Which requests of a session are shown, and in which order.
struct ListedRequests<'a> {
    args: &'a Args,
    session: &'a SessionView,
    filter: Filter,
    reader: &'a dyn Reader,
}

impl<'a> ListedRequests<'a> {
    fn new(
        args: &'a Args,
        session: &'a SessionView,
        filter: Filter,
        reader: &'a dyn Reader,
    ) -> Self {
        Self {
            args,
            session,
            filter,
            reader,
        }
    }

    fn has_pending(&self) -> bool {
        self.args.status.contains(&AskedStatus::Pending)
    }

    /// Hands over the session's requests of every kind, page by page.
    ///
    /// Gaps pass every filter; those outside the session's time do not concern it.
    fn each_page(&self, take: &mut dyn FnMut(Fetched) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if AskedStatus::is_only_pending(&self.args.status) {
            // The store filters by other statuses alone: these have no rows.
            return Ok(());
        }
        let row = &self.session.row;
        let end = row
            .ended_at
            .map_or(row.last_seen_at, |ended| ended.max(row.last_seen_at));
        let mut take = |mut fetched: Fetched| {
            fetched.entries.retain(|entry| match entry {
                Entry::Request(_) => true,
                Entry::Gap(gap) => gap.from_ts <= end && gap.to_ts >= row.started_at,
            });
            take(fetched)
        };
        let range = Range {
            by: OrderBy::Time,
            after: None,
            before: None,
            order: if self.args.reverse {
                Order::Descending
            } else {
                Order::Ascending
            },
            most: self.args.limit.rows(),
        };
        match (range.order, range.most) {
            (Order::Ascending, Some(_)) => {
                each_page_of_newest(self.reader, &self.filter, range, &mut take)
            }
            _ => each_page(self.reader, &self.filter, range, &mut take),
        }
    }

    /// What stands between the rows of a table.
    fn inserted(&self) -> Result<InsertedRows, StoreError> {
        let row = &self.session.row;
        let of_session = in_flight_of(row);
        let in_flight = Filter {
            since: None,
            until: None,
            proxy: of_session.proxy,
            session: of_session.session,
            ..flight::of_any_status(&self.filter, self.has_pending()).into_owned()
        };
        let is_only_pending = AskedStatus::is_only_pending(&self.args.status);
        let wanted = WantedInserts {
            in_flight: self.args.status.is_empty() || self.has_pending(),
            only_waiting: self.has_pending(),
            // Of the servers of an inferred session nobody knows which request they were for.
            deaths: !is_only_pending && !row.inferred,
        };
        let found = InsertedRows::of(self.reader, &in_flight, wanted)?.of_session(row);
        Ok(if self.args.reverse {
            found.reversed()
        } else {
            found
        })
    }
}

fn print_list(
    list: &ListedRequests<'_>,
    view: &View,
    table: LogTable,
    console: &mut Console,
) -> anyhow::Result<()> {
    let mut printer = Printer::new(view, table)?;
    if view.is_table() {
        printer.inserted = list.inserted()?;
    }
    let mut is_first = true;
    list.each_page(&mut |fetched| {
        // What happened before the newest rows is left out as they are.
        if std::mem::take(&mut is_first)
            && !list.args.reverse
            && list.args.limit.rows().is_some()
            && let Some(first) = fetched.entries.first()
        {
            printer.inserted.begin_at(first.place().ts);
        }
        printer.page(list.reader, fetched, console)
    })?;
    printer.print_inserted(list.reader, console)?;
    printer.finish(console)
}

/// One JSON document: the session's keys, and its requests under `requests`.
fn print_document(
    session: &SessionView,
    servers: &Servers,
    list: &ListedRequests<'_>,
    view: &View,
    console: &mut Console,
) -> anyhow::Result<()> {
    let named = view.named(LOG_COLUMNS)?;
    let columns = named.unwrap_or_else(|| choose(LOG_COLUMNS, REQUEST_COLUMNS));
    let operations = fold::operations_of_session(list.reader, &session.row.key())?;
    console.print(&session_document(
        session,
        servers.run(),
        &servers.connections,
        &operations,
    ))?;
    let mut separator = "";
    list.each_page(&mut |fetched| {
        for entry in fetched.entries {
            console.print(separator)?;
            console.print(&object(&columns, &entry.into()))?;
            separator = ",";
        }
        Ok(())
    })?;
    Ok(console.print("]}\n")?)
}

/// The servers that a session reached, as far as taps ran them.
struct Servers {
    /// The one that ran for the session.
    own: Option<ServerRun>,
    /// Those of an inferred session, each with what its tap keeps of the connection.
    connections: Vec<(SessionRow, ServerRun)>,
}

impl Servers {
    fn of(row: &SessionRow, open: &[OpenRow], reader: &dyn Reader) -> Result<Self, StoreError> {
        if row.inferred {
            // What is in flight may have come by a connection that no row has come by.
            let own = open.iter().filter(|open| row.holds_open(&open.row));
            let until = own.map(|open| open.row.ts).fold(row.last_seen_at, i64::max);
            return Ok(Self {
                own: None,
                connections: fold::connections(reader, &row.proxy, row.started_at, until)?,
            });
        }
        Ok(Self {
            own: reader.server_run(&row.key())?,
            connections: Vec::new(),
        })
    }

    /// The one that its requests reached, where there is only one.
    fn run(&self) -> Option<&ServerRun> {
        match &self.connections[..] {
            [(_, run)] => Some(run),
            _ => self.own.as_ref(),
        }
    }

    /// A line for each of the last connections, and what they are parts of.
    fn lines(&self, row: &SessionRow, view: &View) -> Vec<(&'static str, String)> {
        let at = |ts| units::time(ts, view.zone);
        let count = self.connections.len();
        let shown = self
            .connections
            .iter()
            .skip(count.saturating_sub(MAX_CONNECTIONS));
        let mut lines: Vec<_> = shown
            .map(|(connection, run)| {
                let mut text = format!(
                    "{} from {}",
                    connection.session_id,
                    at(connection.started_at)
                );
                if let Some(ended) = connection.ended_at {
                    text = format!("{text} to {}", at(ended));
                }
                // What there is one of is reported in full below.
                if let Some(ending) = run.ending().filter(|_| count > 1) {
                    text = format!("{text}, {ending}");
                }
                if let Some(conversation) = &connection.conversation {
                    text = format!("{text}, part of {conversation}");
                }
                ("connection", text)
            })
            .collect();
        if count > MAX_CONNECTIONS {
            let more = count - MAX_CONNECTIONS;
            lines.push(("connection", format!("and {more} more of {}", row.proxy)));
        }
        lines
    }
}

/// Columns of the names at the left of what is reported about a session.
const NAME_WIDTH: usize = 11;

/// Most connections of an inferred session that are reported one by one.
const MAX_CONNECTIONS: usize = 10;

/// Most operations of several requests that are reported one by one.
const MAX_OPERATIONS: usize = 10;

/// What a person wants to know of a session before its requests.
fn summary(
    session: &SessionView,
    servers: &Servers,
    operations: &[Operation],
    view: &View,
) -> String {
    let run = servers.run();
    let row = &session.row;
    let at = |ts| units::time(ts, view.zone);
    let client = match (&row.client_name, &row.client_version) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (Some(name), None) => name.clone(),
        _ => "-".to_owned(),
    };
    let inferred = if row.inferred {
        " (inferred: the stream gave no session id)"
    } else {
        ""
    };
    let inferred = if !row.inferred && run.is_some_and(ServerRun::is_connection) {
        " (a connection: its requests say no session)"
    } else {
        inferred
    };
    let state = match (session.state(), row.ended_at) {
        // The line on its exit says what became of it.
        (state @ ("ended" | "died"), Some(ended)) => format!("{state} {}", at(ended)),
        (state, _) => state.to_owned(),
    };
    let mut lines = vec![
        ("session", format!("{}{inferred}", row.session_id)),
        ("proxy", row.proxy.clone()),
        ("client", format!("{client} ({})", row.platform().as_str())),
        ("started", at(row.started_at)),
        ("last seen", at(row.last_seen_at)),
        ("state", state),
        ("calls", units::grouped(row.total_calls)),
        ("errors", units::grouped(row.total_errors)),
    ];
    if let Some(conversation) = &row.conversation {
        lines.push(("part of", conversation.clone()));
    }
    if session.in_flight > 0 {
        lines.push(("in flight", units::grouped(session.in_flight)));
    }
    for operation in operations.iter().take(MAX_OPERATIONS) {
        lines.push(("operation", operation_in_words(operation)));
    }
    if operations.len() > MAX_OPERATIONS {
        let more = operations.len() - MAX_OPERATIONS;
        lines.push(("operation", format!("and {more} more of several requests")));
    }
    lines.extend(servers.lines(row, view));
    lines.extend(run.map(server_facts).unwrap_or_default());
    let mut text = String::new();
    for (name, value) in lines {
        let value = escape(&value);
        // A client names itself, and a command line may be longer than any screen.
        let lines = match view.style.width {
            Some(width) if width > 2 * NAME_WIDTH => wrap(&value, width - NAME_WIDTH),
            _ => vec![value.into_owned()],
        };
        let value = lines.join(&format!("\n{:NAME_WIDTH$}", ""));
        writeln!(text, "{name:<NAME_WIDTH$}{value}").expect("a string takes every write");
    }
    text.push_str(
        &run.map(|run| server_output(run, view.style.width))
            .unwrap_or_default(),
    );
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
