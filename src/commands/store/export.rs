//! `mcpr store export`: everything as lines that `mcpr record` takes back.

mod whole;

use crate::commands::pages::{OrderBy, Range, each_page, each_page_of_sessions};
use crate::commands::{StoreArgs, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{exported_entry, exported_server, exported_session};
use mcpr_ingest::Beside;
use mcpr_model::Payload;
use mcpr_store::Reader;
use mcpr_store::query::{Cursor, Entry, Filter, Order, SessionFilter, StoredKey};
use std::collections::HashMap;

/// How many payloads are held at once, each of up to 2 MiB.
const PAYLOADS_AT_ONCE: usize = 16;

/// What `mcpr store export` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    /// Write out payloads, versions of lists, bad lines and what is known of tapped servers as well
    #[arg(long)]
    whole: bool,
}

/// Requests and gaps in their order, then the sessions as they stood at the end. A whole export has versions
/// of lists and bad lines at their places among them.
pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let url = args.store.read_url(console)?;
    let reader = open_store(&url)?;
    let reader = reader.as_ref();
    let head = reader.head()?;
    let range = Range {
        by: OrderBy::Storing,
        after: None,
        before: Some(head.cursor.next()),
        order: Order::Ascending,
        most: None,
    };
    let mut beside = if args.whole {
        Beside::between(reader, Cursor::START, head.cursor)?
    } else {
        Beside::default()
    };
    each_page(reader, &Filter::default(), range, &mut |fetched| {
        let bounds = fetched.entries.first().zip(fetched.entries.last());
        let keys = match bounds {
            Some((first, last)) => reader.keys(first.seq(), last.seq())?,
            None => Vec::new(),
        };
        let keys: HashMap<i64, StoredKey> = keys.into_iter().map(|key| (key.seq, key)).collect();
        // A page of requests is small; a page of payloads could be two gigabytes.
        for entries in fetched.entries.chunks(PAYLOADS_AT_ONCE) {
            let payloads = payloads_of(args, reader, entries)?;
            for entry in entries {
                let seq = entry.seq();
                whole::print_before(&mut beside, seq, reader, console)?;
                let line = exported_entry(entry, keys.get(&seq).copied(), payloads.get(&seq));
                console.print(&line)?;
            }
        }
        Ok(())
    })?;
    whole::print_before(&mut beside, i64::MAX, reader, console)?;
    if args.whole {
        whole::print_items(reader, console)?;
    }
    print_sessions(args, reader, console)?;
    Ok(Exit::Done)
}

fn payloads_of(
    args: &Args,
    reader: &dyn Reader,
    entries: &[Entry],
) -> anyhow::Result<HashMap<i64, Payload>> {
    if !args.whole {
        return Ok(HashMap::new());
    }
    let requests = entries.iter().filter(|entry| entry.is_request());
    let seqs: Vec<i64> = requests.map(Entry::seq).collect();
    Ok(reader.payloads(&seqs)?.into_iter().collect())
}

fn print_sessions(args: &Args, reader: &dyn Reader, console: &mut Console) -> anyhow::Result<()> {
    let every = SessionFilter {
        with_empty: true,
        ..SessionFilter::default()
    };
    each_page_of_sessions(reader, &every, None, &mut |sessions, _| {
        // Inferred sessions come of themselves from the requests.
        for session in sessions.iter().filter(|session| !session.inferred) {
            console.print(&exported_session(session))?;
            // Behind its session: of one that there is not nothing is taken in.
            if args.whole
                && let Some(run) = reader.server_run(&session.key())?
            {
                console.print(&exported_server(&run))?;
            }
        }
        Ok(())
    })
}
