//! `mcpr show SEQ|REQUEST_ID`: one request whole, with its payload where that is
//! kept.

use super::args::{AnswerArgs, note_question};
use super::help::CommandHelp;
use super::pages::{OrderBy, Range, each_page};
use super::{Refused, StoreArgs, complete, now_ms, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{RequestDetails, list_of, server_output, shown_document, shown_text, units};
use clap_complete::ArgValueCompleter;
use mcpr_model::{ErrorKind, Kind, Payload};
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, Filter, OpenRow, Operation, Order, RequestRow, SessionKey};
use mcpr_store::{Reader, fold};

/// What stands before an id that is not to be taken for a number in the store.
const ONLY_ID: &str = "id:";

/// Most candidates that are listed when an id fits several requests.
const MAX_CANDIDATES: usize = 10;

/// What `mcpr show` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The request's number in the store, the id it came with, or its place from the end of what `mcpr logs`
    /// lists: -1 is the last request, @-3 the third last, requests in flight among them. `id:4` is an id only,
    /// where it is a number, too
    #[arg(value_name = "SEQ|REQUEST_ID", allow_negative_numbers = true,
          add = ArgValueCompleter::new(complete::requests))]
    id: String,
    #[command(flatten)]
    store: StoreArgs,
    /// Print one JSON document
    #[arg(short, long, conflicts_with = "format")]
    json: bool,
    /// Choose the output format
    #[arg(
        short = 'o',
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text"
    )]
    format: DocumentFormat,
    /// Show times in UTC instead of local time
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    manners: AnswerArgs,
}

/// How one request is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DocumentFormat {
    /// For people
    Text,
    /// One JSON document
    Json,
}

/// What its help has beside its flags.
pub(super) const HELP: CommandHelp = CommandHelp::new(
    "show",
    &[
        "mcpr show -1 # the last request",
        "mcpr show 4711 # the request with a number of `logs --fields seq`",
    ],
)
.with_headings();

/// Shows one request; finding none is the answer no.
///
/// # Errors
/// When the id fits several requests, the store cannot be read or the output not written.
pub fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let as_json = args.json || args.format == DocumentFormat::Json;
    args.manners.apply(true, console);
    let url = args.store.read_url(console)?;
    let reader = open_store(&url)?;
    let zone = if args.utc { Zone::Utc } else { Zone::Local };
    note_question(&url, None, None, zone, console)?;
    let Some(Found { row, asked }) = find(reader.as_ref(), &args.id, zone)? else {
        console.note(&format!("no request `{}` in {url}", args.id));
        // As of sessions, where the one used last has a name.
        let is_last = ["last", "latest"].contains(&args.id.as_str());
        console.hint(if is_last {
            "`mcpr show -1` shows the last request"
        } else {
            "`mcpr logs --fields seq,request_id,method` lists what there is"
        });
        return Ok(Exit::No);
    };
    let payload = match asked {
        Some(asked) => Some(asked),
        None => reader.payload(row.seq)?,
    };
    if row.flight.is_none()
        && args.id.parse() == Ok(row.seq)
        && !in_flight(reader.as_ref(), &args.id)?.is_empty()
    {
        console.hint(&format!(
            "a request in flight came with the id {0}, too: `mcpr show id:{0}` shows that one",
            args.id
        ));
    }
    let version = match list_of(&row.method) {
        Some(list) => reader.surface_in_force(&row.proxy, list, row.ts)?,
        None => None,
    };
    let operation = operation(reader.as_ref(), &row)?;
    let shown = RequestDetails::new(&row, version.as_slice(), payload.as_ref())
        .in_operation(operation.as_ref())
        .at(now_ms());
    let text = if as_json {
        shown_document(&shown)
    } else {
        let reason = reason(reader.as_ref(), &row, console.width())?;
        shown_text(&shown, zone) + &reason
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

/// The operation that a request is one part of.
fn operation(reader: &dyn Reader, row: &RequestRow) -> anyhow::Result<Option<Operation>> {
    let Some(id) = row.session.as_ref().filter(|_| row.part.is_some()) else {
        return Ok(None);
    };
    let key = SessionKey {
        proxy: row.proxy.clone(),
        id: id.clone(),
    };
    let all = fold::operations_of_session(reader, &key)?;
    Ok(all.into_iter().find(|it| it.seqs.contains(&row.seq)))
}

/// A request that was found.
struct Found {
    row: RequestRow,
    /// What was asked, of one in flight; of others it is kept under their numbers.
    asked: Option<Payload>,
}

impl Found {
    fn open(open: OpenRow) -> Self {
        Self {
            asked: open.payload(),
            row: open.row,
        }
    }
}

impl From<RequestRow> for Found {
    fn from(row: RequestRow) -> Self {
        Self { row, asked: None }
    }
}

/// What the server of a request wrote before it died, where it has.
fn reason(reader: &dyn Reader, row: &RequestRow, width: Option<usize>) -> anyhow::Result<String> {
    let died = row.error_kind == Some(ErrorKind::Died);
    let Some(id) = row.session.as_ref().filter(|_| died) else {
        return Ok(String::new());
    };
    let key = SessionKey {
        proxy: row.proxy.clone(),
        id: id.clone(),
    };
    let run = fold::server_run_at(reader, &key, row.ts)?;
    let output = run.map(|run| server_output(&run, width));
    Ok(output.unwrap_or_default())
}

/// The requests in flight that came with an id.
fn in_flight(reader: &dyn Reader, id: &str) -> anyhow::Result<Vec<Found>> {
    let mut open = reader.open_requests(&Filter::default())?;
    open.retain(|open| open.row.request_id.as_deref() == Some(id));
    Ok(open.into_iter().map(Found::open).collect())
}

/// The request that is meant: a number in the store wins over an id.
fn find(reader: &dyn Reader, id: &str, zone: Zone) -> anyhow::Result<Option<Found>> {
    if let Some(nth) = from_the_end(id) {
        return nth_last(reader, nth);
    }
    let only_id = id.strip_prefix(ONLY_ID);
    if let Ok(seq) = id.parse::<i64>()
        && let Some(row) = reader.request(seq)?
    {
        return Ok(Some(row.into()));
    }
    let id = only_id.unwrap_or(id);
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
fn nth_last(reader: &dyn Reader, nth: usize) -> anyhow::Result<Option<Found>> {
    // What `logs` lists when nothing is given: its last line is the last request.
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
    // Those in flight stand among the others, and behind those of the same moment, as in the list.
    let mut open = reader.open_requests(&filter)?;
    let mut last = Vec::with_capacity(open.len());
    each_page(reader, &filter, range, &mut |fetched| {
        for entry in fetched.entries {
            // Gaps lie between the requests, and are not requests.
            let Entry::Request(row) = entry else { continue };
            while let Some(later) = open.pop_if(|open| open.row.ts >= row.ts) {
                last.push(Found::open(later));
            }
            last.push(Found::from(*row));
        }
        Ok(())
    })?;
    last.extend(open.into_iter().rev().map(Found::open));
    Ok(last.into_iter().nth(nth - 1))
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
    let hint = if found.iter().any(|row| row.flight.is_some()) {
        "give the number that stands first, or of one in flight its place from the end, as @-1"
    } else {
        "give the number that stands first"
    };
    Refused::new(format!("`{id}` fits {count} requests"))
        .details(lines)
        .hint(hint)
}
