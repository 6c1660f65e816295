//! `mcpr clients`: who called, with which version, from which platform, how much.

use super::args::{ReadArgs, client_pattern};
use super::callers::{CalledArgs, CalledTools};
use super::empty::{self, Sought, SoughtName, SoughtRows, SoughtSessions};
use super::help::{CommandHelp, field_names};
use super::left_out::{self, LinesArgs, counted};
use super::list_printer::ListPrinter;
use super::pages::each_page_of_sessions;
use super::values::client_order;
use super::{complete, now_ms};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{CLIENT_COLUMNS, CLIENT_FIELDS, CLIENT_TABLE, choose};
use clap_complete::ArgValueCompleter;
use mcpr_model::Kind;
use mcpr_model::time::DAY_MS;
use mcpr_store::Reader;
use mcpr_store::query::{
    ClientOrder, ClientRow, ClientsFold, Filter, GroupBy, NameKind, RankedLines, SessionFilter,
    StatsQuestion,
};

/// What `mcpr clients` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Show clients whose name matches GLOB, ignoring case (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::clients))]
    client: Vec<String>,
    // Then their calls of these tools are counted alone.
    #[command(flatten)]
    called: CalledArgs,
    /// Count sessions without a call, too
    #[arg(long)]
    all: bool,
    /// Put lines in this order [default: calls]
    #[arg(long, value_parser = client_order(), value_name = "WHAT")]
    sort: Option<ClientOrder>,
    #[command(flatten)]
    lines: LinesArgs,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp =
    CommandHelp::new("clients", &["mcpr clients -s 1mo # who called this month"])
        .with_headings()
        .with_fields(|| field_names(CLIENT_COLUMNS));

/// Most lines; all other clients are put together in one more.
const MAX_LINES: usize = 1000;
/// How far `clients` looks back when nothing is given.
const LOOK_BACK_MS: i64 = 7 * DAY_MS;

/// Lists clients over the sessions in use in the window.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args
        .read
        .view(now_ms(), console)?
        .looking_back(LOOK_BACK_MS);
    let columns = view.columns(CLIENT_COLUMNS, CLIENT_FIELDS, || {
        choose(CLIENT_COLUMNS, CLIENT_TABLE)
    })?;
    let filter = SessionFilter {
        proxy: view.proxy.clone(),
        since: view.since,
        until: view.until,
        client: client_pattern(&args.client)?,
        with_empty: args.all,
        ..SessionFilter::default()
    };
    let reader = view.open(console)?;
    let called = args.called.called(&filter)?;
    let rows = match &called {
        Some(called) => clients_that_called(called, &filter, reader.as_ref())?,
        None => reader.clients(&filter, MAX_LINES)?,
    };
    let RankedLines { mut rows, beyond } = ClientRow::ranked(rows, args.sort, args.lines.most());
    args.lines.turn(&mut rows, ClientRow::is_other);
    let mut listing = ListPrinter::new(columns, view.style, &view, console);
    listing.page(&rows, console)?;
    listing.finish(console)?;
    if beyond > 0 {
        let others = counted(beyond, "client is", "clients are");
        let left = format!("{others} counted in (other)");
        left_out::say(&left, "-n all shows each", &view, console);
    }
    if rows.is_empty() {
        let mut conditions = view.conditions();
        conditions.extend(args.client.iter().map(|glob| format!("client `{glob}`")));
        conditions.extend(args.called.words());
        let clients = SoughtName::each(NameKind::Client, &args.client);
        let tools = SoughtName::each(NameKind::Tool, &args.called.tool);
        let sought = Sought {
            what: "clients",
            conditions,
            names: clients.chain(tools).collect(),
            leaves_out_bodies: false,
            asked: SoughtRows::Sessions(SoughtSessions {
                filter: &filter,
                called: &args.called,
            }),
        };
        // Of a client that is sought by name nobody knows whether it was among them.
        if args.client.is_empty() && called.is_none() {
            report_unnamed(&filter, reader.as_ref(), console)?;
        }
        empty::explain(&sought, &view, reader.as_ref(), console)?;
    } else {
        left_out::say_window(&view, console);
    }
    Ok(Exit::Done)
}

/// The clients of the sessions with calls of some tools, with these calls alone.
fn clients_that_called(
    called: &CalledTools,
    filter: &SessionFilter,
    reader: &dyn Reader,
) -> anyhow::Result<Vec<ClientRow>> {
    let mut clients = ClientsFold::default();
    each_page_of_sessions(reader, filter, None, &mut |rows, _| {
        for row in rows {
            if let Some(row) = called.counted_in(row, reader)? {
                clients.add(&row);
            }
        }
        Ok(())
    })?;
    Ok(clients.finish(MAX_LINES))
}

/// Says how many calls there were in the window whose sessions a vacuum has removed.
fn report_unnamed(
    filter: &SessionFilter,
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<()> {
    let window = Filter {
        proxy: filter.proxy.clone(),
        since: filter.since,
        until: filter.until,
        kind: Some(Kind::Mcp),
        ..Filter::default()
    };
    let question = StatsQuestion {
        most: Some(0),
        ..StatsQuestion::sums(&window, GroupBy::Client)
    };
    let rows = reader.stats(&question)?;
    let unplaced = rows.iter().map(|row| row.tally.unplaced);
    let calls = unplaced.fold(0, u64::saturating_add);
    if calls > 0 {
        let remedy = "`mcpr stats` counts them by tool";
        left_out::say_uncounted(calls, "who called", remedy, console);
    }
    Ok(())
}
