//! `mcpr sessions`: who talked to which server, when, how much, with how many errors.

use super::args::{ReadArgs, View, client_pattern};
use super::callers::{CalledArgs, CalledTools};
use super::empty::{self, Sought, SoughtName, SoughtRows, SoughtSessions};
use super::help::{CommandHelp, field_names};
use super::left_out;
use super::list_printer::ListPrinter;
use super::pages::each_page_of_sessions;
use super::values::RowLimit;
use super::{complete, now_ms};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{Column, LISTED_COLUMNS, SESSION_COLUMNS, SessionView, choose};
use clap_complete::ArgValueCompleter;
use mcpr_model::ServerRun;
use mcpr_store::Reader;
use mcpr_store::query::{
    Filter, FirstSessions, Flight, NameKind, OpenRow, SessionFilter, SessionKey, SessionOrder,
    SessionPage, SessionPlace, SessionRank, SessionRow,
};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What `mcpr sessions` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) read: ReadArgs,
    /// Show sessions that were used in the last 5 minutes, or wait for an answer, and have not ended
    #[arg(long)]
    active: bool,
    /// Show clients whose name matches GLOB, ignoring case (repeatable; commas separate)
    #[arg(short, long, value_name = "GLOB", add = ArgValueCompleter::new(complete::clients))]
    client: Vec<String>,
    #[command(flatten)]
    called: CalledArgs,
    /// Show all sessions without a call, too, and not only those that wait for an answer or whose server never started
    #[arg(long)]
    all: bool,
    /// Show the N sessions that were used last, or `all`
    #[arg(short = 'n', long, value_name = "N", default_value = "50")]
    limit: RowLimit,
    /// Put sessions in this order, and show the first N of it
    #[arg(long, value_enum, value_name = "WHAT", default_value = "started")]
    sort: SessionSort,
    /// Print the rows the other way round
    #[arg(short, long)]
    reverse: bool,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "sessions",
    &[
        "mcpr sessions --active # who is connected",
        "mcpr sessions -c 'claude*' --all -n all # every session of a client",
    ],
)
.with_headings()
.with_fields(|| field_names(LISTED_COLUMNS));

/// What sessions go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SessionSort {
    /// Those used last, in the order in which they began
    Started,
    /// The one used last first
    Used,
    /// The one with the most calls first
    Calls,
    /// The one with the most errors first
    Errors,
}

impl SessionSort {
    /// What the store's sessions are ranked by; `None` for the order in which pages come.
    fn rank(self) -> Option<SessionRank> {
        match self {
            Self::Started => None,
            Self::Used => Some(SessionRank::Used),
            Self::Calls => Some(SessionRank::Calls),
            Self::Errors => Some(SessionRank::Errors),
        }
    }
}

/// Most servers that failed whose sessions say so, the newest.
const MAX_FAILED: usize = 1_000;

/// Most sessions that are listed because they wait for an answer, and because their server never started.
const MAX_BESIDES: usize = 100;

/// Most sessions that are held to be put in order.
const MAX_SORTED: usize = 10_000;

/// Lists sessions.
///
/// # Errors
/// When an argument means nothing, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let view = args.read.view(now_ms(), console)?;
    let filter = filter_of(args, &view)?;
    // A misspelt field is refused before the store is opened.
    view.named(LISTED_COLUMNS)?;
    let reader = view.open(console)?;
    list(args, &filter, &view, reader.as_ref(), console)
}

fn filter_of(args: &Args, view: &View) -> anyhow::Result<SessionFilter> {
    Ok(SessionFilter {
        proxy: view.proxy.clone(),
        since: view.since,
        until: view.until,
        client: client_pattern(&args.client)?,
        active_at: args.active.then_some(view.now_ms),
        with_empty: args.all,
        ..SessionFilter::default()
    })
}

fn list(
    args: &Args,
    filter: &SessionFilter,
    view: &View,
    reader: &dyn Reader,
    console: &mut Console,
) -> anyhow::Result<Exit> {
    let named = view.named(LISTED_COLUMNS)?;
    let open = reader.open_requests(&Filter::default())?;
    // A stream that is open waits for nothing, and needs no column of what does.
    let is_waiting = open
        .iter()
        .any(|open| open.row.flight != Some(Flight::Open));
    let failed = reader.server_deaths(0, i64::MAX, MAX_FAILED)?;
    let besides = besides(filter, &open, &failed, reader)?;
    let called = args.called.called(filter)?;
    let wanted = Wanted {
        args,
        filter,
        called: called.as_ref(),
        reader,
    };
    let mut listing: Option<ListPrinter<SessionView>> = None;
    let mut is_empty = true;
    let mut shown = 0;
    let beyond = wanted.each_page(besides, &mut |rows, more| {
        is_empty &= rows.is_empty();
        shown += rows.len();
        let rows: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let row = SessionView::at(row, view.now_ms).with_flight(&open);
                row.with_failures(&failed)
            })
            .collect();
        let listing = listing.get_or_insert_with(|| {
            let columns = match &named {
                Some(columns) => columns.clone(),
                None if view.is_table() => table_columns(&rows, more, is_waiting),
                None => choose(LISTED_COLUMNS, SESSION_COLUMNS),
            };
            ListPrinter::new(columns, view.style, view, console)
        });
        Ok(listing.page(&rows, console)?)
    })?;
    if let Some(mut listing) = listing {
        listing.finish(console)?;
    }
    if beyond {
        let left = if shown == 1 {
            "there are more sessions than this one".to_owned()
        } else {
            format!("there are more than these {shown} sessions")
        };
        left_out::say(&left, "-n all shows each", view, console);
    }
    if is_empty {
        empty::explain(&sought(args, filter, view), view, reader, console)?;
    }
    Ok(Exit::Done)
}

/// What was looked for, in words.
fn sought<'a>(args: &'a Args, filter: &'a SessionFilter, view: &View) -> Sought<'a> {
    let mut conditions = view.conditions();
    conditions.extend(args.client.iter().map(|glob| format!("client `{glob}`")));
    conditions.extend(args.called.words());
    conditions.extend(args.active.then(|| "active".to_owned()));
    let clients = SoughtName::each(NameKind::Client, &args.client);
    let tools = SoughtName::each(NameKind::Tool, &args.called.tool);
    Sought {
        what: "sessions",
        conditions,
        names: clients.chain(tools).collect(),
        leaves_out_bodies: false,
        asked: SoughtRows::Sessions(SoughtSessions {
            filter,
            called: &args.called,
        }),
    }
}

/// Sessions that the list is about although the store does not count them to it: those that wait for an answer, and
/// those whose server never started. Neither has a call yet, or was used of late.
fn besides(
    filter: &SessionFilter,
    open: &[OpenRow],
    failed: &[ServerRun],
    reader: &dyn Reader,
) -> anyhow::Result<Vec<SessionRow>> {
    let pending = open
        .iter()
        .filter(|open| open.row.flight == Some(Flight::Pending));
    let mut keys: BTreeSet<SessionKey> = pending
        .filter_map(|open| {
            let id = open.row.session.clone()?;
            let proxy = open.row.proxy.clone();
            Some(SessionKey { proxy, id })
        })
        .take(MAX_BESIDES)
        .collect();
    if filter.active_at.is_none() {
        // The newest of them: they come in order of time.
        let refused = failed.iter().rev().filter(|run| run.refused.is_some());
        keys.extend(refused.take(MAX_BESIDES).map(|run| SessionKey {
            proxy: run.proxy.to_string(),
            id: run.session_id.to_string(),
        }));
    }
    let mut found = Vec::new();
    for key in keys {
        let own = SessionFilter {
            active_at: None,
            with_empty: true,
            id: Some(key.id.clone()),
            ..filter.clone()
        };
        let rows = reader.sessions(&own, &SessionPage::used_last(MAX_BESIDES))?;
        found.extend(rows.into_iter().filter(|row| {
            let is_in_use = filter.active_at.is_none() || row.ended_at.is_none();
            // What the filter lets through comes in pages.
            row.key() == key && is_in_use && !filter.matches(row)
        }));
    }
    Ok(found)
}

/// Which sessions are listed, in which order.
struct Wanted<'a> {
    args: &'a Args,
    filter: &'a SessionFilter,
    /// The tools that they have to have called.
    called: Option<&'a CalledTools>,
    reader: &'a dyn Reader,
}

impl Wanted<'_> {
    /// Hands pages to `take` in the order that is asked for, with some sessions that are meant as well; says
    /// whether there are others beside them.
    fn each_page(
        &self,
        besides: Vec<SessionRow>,
        take: &mut dyn FnMut(Vec<SessionRow>, bool) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        let (args, reader) = (self.args, self.reader);
        let most = args.limit.rows();
        let besides = self.that_called(besides)?;
        let is_in_order = args.sort.rank().is_none() && !args.reverse && self.called.is_none();
        if is_in_order && besides.is_empty() {
            return each_page_used_last(reader, self.filter, most, take);
        }
        // Only what is put in another order than that of pages has to be there as a whole.
        let held = most.unwrap_or(MAX_SORTED).min(MAX_SORTED);
        let (mut rows, beyond) = match args.sort.rank() {
            Some(rank) => {
                let mut first = FirstSessions::new(rank, held);
                first.offer(besides);
                each_page_of_sessions(reader, self.filter, None, &mut |rows, _| {
                    first.offer(self.that_called(rows)?);
                    Ok(())
                })?;
                let (rows, beyond) = first.finish();
                (rows, beyond > 0)
            }
            None => self.used_last(besides, held)?,
        };
        if args.reverse {
            rows.reverse();
        }
        take(rows, false)?;
        Ok(beyond)
    }

    /// So many of the sessions that were used last, some more among them, in the order in which they began.
    fn used_last(
        &self,
        besides: Vec<SessionRow>,
        most: usize,
    ) -> anyhow::Result<(Vec<SessionRow>, bool)> {
        let mut all = besides;
        let mut beyond = match self.called {
            Some(called) => {
                let (rows, beyond) = called.used_last(self.filter, most, self.reader)?;
                all.extend(rows);
                beyond
            }
            None => each_page_used_last(self.reader, self.filter, Some(most), &mut |rows, _| {
                all.extend(rows);
                Ok(())
            })?,
        };
        all.sort_by(|a, b| a.place().compare(&b.place(), SessionOrder::Used));
        beyond |= all.len() > most;
        all.truncate(most);
        all.sort_by(|a, b| a.place().compare(&b.place(), SessionOrder::Started));
        Ok((all, beyond))
    }

    /// Those that called the tools which are asked for.
    fn that_called(&self, rows: Vec<SessionRow>) -> anyhow::Result<Vec<SessionRow>> {
        let Some(called) = self.called else {
            return Ok(rows);
        };
        let mut kept = Vec::new();
        for row in rows {
            if called.is_in(&row, self.reader)? {
                kept.push(row);
            }
        }
        Ok(kept)
    }
}

/// Hands pages of the sessions that were used last to `take`; says whether others were used before them.
fn each_page_used_last(
    reader: &dyn Reader,
    filter: &SessionFilter,
    most: Option<usize>,
    take: &mut dyn FnMut(Vec<SessionRow>, bool) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let mut last: Option<SessionPlace> = None;
    let mut count = 0;
    each_page_of_sessions(reader, filter, most, &mut |rows, more| {
        count += rows.len();
        // Pages come by the beginnings of sessions, so that the one used least late may be in any.
        for place in rows.iter().map(SessionRow::place) {
            let is_later = last
                .as_ref()
                .is_none_or(|last| place.compare(last, SessionOrder::Used) == Ordering::Greater);
            last = if is_later { Some(place) } else { last.take() };
        }
        take(rows, more)
    })?;
    Ok(most == Some(count) && has_more(reader, filter, last)?)
}

/// Whether there are sessions that were used before a place.
fn has_more(
    reader: &dyn Reader,
    filter: &SessionFilter,
    place: Option<SessionPlace>,
) -> anyhow::Result<bool> {
    let page = SessionPage {
        after: place,
        ..SessionPage::used_last(1)
    };
    Ok(!reader.sessions(filter, &page)?.is_empty())
}

/// The columns of a table: the proxy's only where there can be more than one.
fn table_columns(
    rows: &[SessionView],
    more: bool,
    is_waiting: bool,
) -> Vec<&'static Column<SessionView>> {
    // Pages to come may be of another proxy, and the columns are settled now.
    let several = more
        || rows
            .iter()
            .any(|session| session.row.proxy != rows[0].row.proxy);
    let has_flight = is_waiting && (more || rows.iter().any(|session| session.in_flight > 0));
    let names = [
        "session_id",
        "proxy",
        "client",
        "started_at",
        "last_seen_at",
        "total_calls",
    ];
    let names: Vec<&str> = names
        .into_iter()
        .chain(["total_errors", "in_flight", "state"])
        .filter(|&name| several || name != "proxy")
        .filter(|&name| has_flight || name != "in_flight")
        .collect();
    choose(LISTED_COLUMNS, &names)
}

#[cfg(test)]
mod tests;
