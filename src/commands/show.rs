//! `mcpr show SEQ|REQUEST_ID`: one request whole, with what was asked and answered where that is
//! kept.

use super::pages::{Range, each_page};
use super::{Refused, StoreArgs, complete, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::query::when::Zone;
use crate::query::{Entry, Filter, Order, Page, RequestRow};
use crate::render::{Shown, shown_document, shown_text, units};
use crate::store::Reader;
use clap_complete::ArgValueCompleter;

/// Most candidates that are listed when an id fits several requests.
const MAX_CANDIDATES: usize = 10;

/// What `mcpr show` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The request's number in the store, or the id it came with
    #[arg(value_name = "SEQ|REQUEST_ID", add = ArgValueCompleter::new(complete::requests))]
    id: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Show times in UTC instead of local time
    #[arg(long)]
    utc: bool,
}

/// Shows one request; finding none is the answer no.
///
/// # Errors
/// When the id fits several requests, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let path = args.store.path()?;
    let mut reader = open_store(&path)?;
    let zone = if args.utc { Zone::Utc } else { Zone::Local };
    let Some(row) = find(reader.as_mut(), &args.id, zone)? else {
        console.note(&format!("no request `{}` in {}", args.id, path.display()));
        console.hint("`mcpr logs --fields seq,request_id,method` lists what there is");
        return Ok(Exit::No);
    };
    let payload = reader.payload(row.seq)?;
    let surfaces = reader.surfaces()?;
    let shown = Shown::new(&row, &surfaces.versions, payload.as_ref());
    let text = if args.json {
        shown_document(&shown)
    } else {
        shown_text(&shown, zone)
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

/// The request that is meant: a number in the store wins over an id.
fn find(reader: &mut dyn Reader, id: &str, zone: Zone) -> anyhow::Result<Option<RequestRow>> {
    if let Ok(seq) = id.parse::<i64>()
        && let Some(row) = at(reader, seq)?
    {
        return Ok(Some(row));
    }
    let mut found = with_id(reader, id)?;
    if found.len() > 1 {
        return Err(ambiguous(id, &found, zone).into());
    }
    Ok(found.pop())
}

fn at(reader: &mut dyn Reader, seq: i64) -> anyhow::Result<Option<RequestRow>> {
    if seq < 1 {
        return Ok(None);
    }
    let entries = reader.entries(&Filter::default(), Page::after(seq - 1, 1))?;
    Ok(entries.into_iter().find_map(|entry| match entry {
        Entry::Request(row) if row.seq == seq => Some(*row),
        _ => None,
    }))
}

/// The newest requests that came with an id, one more than are listed.
fn with_id(reader: &mut dyn Reader, id: &str) -> anyhow::Result<Vec<RequestRow>> {
    let filter = Filter {
        grep: Some(id.to_owned()),
        ..Filter::default()
    };
    let range = Range {
        after: None,
        before: None,
        order: Order::Descending,
        most: None,
    };
    let mut found = Vec::new();
    each_page(reader, &filter, range, &mut |fetched| {
        for entry in fetched.entries {
            if let Entry::Request(row) = entry
                && row.request_id.as_deref() == Some(id)
                && found.len() <= MAX_CANDIDATES
            {
                found.push(*row);
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
