//! `mcpr show SEQ|REQUEST_ID`: one request whole, with its payload where that is
//! kept.

use super::args::AnswerArgs;
use super::pages::{OrderBy, Range, each_page};
use super::{Refused, StoreArgs, complete, now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{RequestDetails, list_of, server_output, shown_document, shown_text, units};
use clap_complete::ArgValueCompleter;
use mcpr_model::{ErrorKind, Kind, Payload};
use mcpr_store::Reader;
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, Filter, Order, RequestRow, SessionKey};

/// Most candidates that are listed when an id fits several requests.
const MAX_CANDIDATES: usize = 10;

/// What `mcpr show` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The request's number in the store, the id it came with, or its place from the end: -1 is the last
    /// request of MCP, @-3 the third last
    #[arg(value_name = "SEQ|REQUEST_ID", allow_negative_numbers = true,
          add = ArgValueCompleter::new(complete::requests))]
    id: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON document
    #[arg(short, long)]
    json: bool,
    /// Show times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    manners: AnswerArgs,
}

/// Shows one request; finding none is the answer no.
///
/// # Errors
/// When the id fits several requests, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    args.manners.apply(console);
    let url = args.store.read_url(console)?;
    let reader = open_store(&url)?;
    let zone = if args.utc { Zone::Utc } else { Zone::Local };
    let Some(Found { row, asked }) = find(reader.as_ref(), &args.id, zone)? else {
        console.note(&format!("no request `{}` in {url}", args.id));
        console.hint("`mcpr logs --fields seq,request_id,method` lists what there is");
        return Ok(Exit::No);
    };
    let payload = match asked {
        Some(asked) => Some(asked),
        None => reader.payload(row.seq)?,
    };
    let version = match list_of(&row.method) {
        Some(list) => reader.surface_in_force(&row.proxy, list, row.ts)?,
        None => None,
    };
    let shown = RequestDetails::new(&row, version.as_slice(), payload.as_ref()).at(now_ms());
    let text = if args.json {
        shown_document(&shown)
    } else {
        let reason = reason(reader.as_ref(), &row)?;
        shown_text(&shown, zone) + &reason
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

/// A request that was found.
struct Found {
    row: RequestRow,
    /// What was asked, of one in flight; of others it is kept under their numbers.
    asked: Option<Payload>,
}

impl From<RequestRow> for Found {
    fn from(row: RequestRow) -> Self {
        Self { row, asked: None }
    }
}

/// What the server of a request wrote before it died, where it has.
fn reason(reader: &dyn Reader, row: &RequestRow) -> anyhow::Result<String> {
    let died = row.error_kind == Some(ErrorKind::Died);
    let Some(id) = row.session.as_ref().filter(|_| died) else {
        return Ok(String::new());
    };
    let key = SessionKey {
        proxy: row.proxy.clone(),
        id: id.clone(),
    };
    let run = reader.server_run(&key)?;
    Ok(run.as_ref().map(server_output).unwrap_or_default())
}

/// The requests in flight that came with an id.
fn in_flight(reader: &dyn Reader, id: &str) -> anyhow::Result<Vec<Found>> {
    let mut open = reader.open_requests(&Filter::default())?;
    open.retain(|open| open.row.request_id.as_deref() == Some(id));
    let found = open.into_iter().map(|open| Found {
        asked: open.payload(),
        row: open.row,
    });
    Ok(found.collect())
}

/// The request that is meant: a number in the store wins over an id.
fn find(reader: &dyn Reader, id: &str, zone: Zone) -> anyhow::Result<Option<Found>> {
    if let Some(nth) = from_the_end(id) {
        return Ok(nth_last(reader, nth)?.map(Found::from));
    }
    if let Ok(seq) = id.parse::<i64>()
        && let Some(row) = reader.request(seq)?
    {
        return Ok(Some(row.into()));
    }
    // One more than are listed.
    let stored = reader.with_id(id, MAX_CANDIDATES + 1)?.into_iter();
    let mut found: Vec<Found> = stored.map(Found::from).collect();
    found.extend(in_flight(reader, id)?);
    if found.len() > 1 {
        let rows: Vec<RequestRow> = found.into_iter().map(|found| found.row).collect();
        return Err(ambiguous(id, &rows, zone).into());
    }
    Ok(found.pop())
}

/// The place from the end that is meant, if one is. A request whose id is a negative number has its number in
/// the store to be shown by.
fn from_the_end(id: &str) -> Option<usize> {
    // With the `@` the shell and clap cannot take it for a flag.
    let number = id.strip_prefix('@').unwrap_or(id).strip_prefix('-')?;
    number.parse().ok().filter(|&nth| nth > 0)
}

/// The request that stands so far from the end of what `logs` lists.
fn nth_last(reader: &dyn Reader, nth: usize) -> anyhow::Result<Option<RequestRow>> {
    // What `logs` lists when nothing is said: its last line is the last request.
    let filter = Filter {
        kind: Some(Kind::Mcp),
        ..Filter::default()
    };
    let range = Range {
        by: OrderBy::Time,
        after: None,
        before: None,
        order: Order::Descending,
        most: Some(nth),
    };
    let mut left = nth;
    let mut found = None;
    each_page(reader, &filter, range, &mut |fetched| {
        for entry in fetched.entries {
            // Gaps lie between the requests, and are none.
            if let Entry::Request(row) = entry
                && left > 0
            {
                left -= 1;
                found = (left == 0).then_some(*row);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

fn ambiguous(id: &str, found: &[RequestRow], zone: Zone) -> Refused {
    let line = |row: &RequestRow| {
        let target = row.target().unwrap_or("-");
        let at = units::time(row.ts, zone);
        let seq = match row.flight {
            Some(flight) => flight.as_str().to_owned(),
            None => row.seq.to_string(),
        };
        format!("{seq}  {at}  {}  {}  {target}", row.proxy, row.method)
    };
    let mut lines: Vec<String> = found.iter().take(MAX_CANDIDATES).map(line).collect();
    let count = if found.len() > MAX_CANDIDATES {
        lines.push("… and older ones".to_owned());
        format!("more than {MAX_CANDIDATES}")
    } else {
        found.len().to_string()
    };
    Refused::new(format!("`{id}` fits {count} requests"))
        .details(lines)
        .hint("give the number that stands first")
}
