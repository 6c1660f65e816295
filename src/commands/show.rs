//! `mcpr show SEQ|REQUEST_ID`: one request whole, with its payload where that is
//! kept.

use super::args::AnswerArgs;
use super::pages::{OrderBy, Range, each_page};
use super::{Refused, StoreArgs, complete, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{RequestDetails, list_of, shown_document, shown_text, units};
use clap_complete::ArgValueCompleter;
use mcpr_model::Kind;
use mcpr_store::Reader;
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, Filter, Order, RequestRow};

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
    let Some(row) = find(reader.as_ref(), &args.id, zone)? else {
        console.note(&format!("no request `{}` in {url}", args.id));
        console.hint("`mcpr logs --fields seq,request_id,method` lists what there is");
        return Ok(Exit::No);
    };
    let payload = reader.payload(row.seq)?;
    let version = match list_of(&row.method) {
        Some(list) => reader.surface_in_force(&row.proxy, list, row.ts)?,
        None => None,
    };
    let shown = RequestDetails::new(&row, version.as_slice(), payload.as_ref());
    let text = if args.json {
        shown_document(&shown)
    } else {
        shown_text(&shown, zone)
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

/// The request that is meant: a number in the store wins over an id.
fn find(reader: &dyn Reader, id: &str, zone: Zone) -> anyhow::Result<Option<RequestRow>> {
    if let Some(nth) = from_the_end(id) {
        return nth_last(reader, nth);
    }
    if let Ok(seq) = id.parse::<i64>()
        && let Some(row) = reader.request(seq)?
    {
        return Ok(Some(row));
    }
    // One more than are listed.
    let mut found = reader.with_id(id, MAX_CANDIDATES + 1)?;
    if found.len() > 1 {
        return Err(ambiguous(id, &found, zone).into());
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
        format!("{}  {at}  {}  {}  {target}", row.seq, row.proxy, row.method)
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
