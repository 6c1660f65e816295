//! `mcpr store export`: everything as lines that `mcpr record` takes back.

use crate::commands::pages::{Range, each_page};
use crate::commands::{StoreArgs, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::query::{Entry, Filter, Order, SessionFilter, StoredKey};
use crate::render::{exported_entry, exported_session};
use std::collections::HashMap;

/// What `mcpr store export` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
}

/// Requests and gaps in their order, then the sessions as they stood at the end.
pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let path = args.store.path()?;
    let mut reader = open_store(&path)?;
    let mut keys_reader = open_store(&path)?;
    let last_seq = reader.head()?.last_seq;
    let sessions = reader.sessions(&SessionFilter {
        with_empty: true,
        ..SessionFilter::default()
    })?;
    let range = Range {
        after: None,
        before: last_seq.checked_add(1),
        order: Order::Ascending,
        most: None,
    };
    each_page(reader.as_mut(), &Filter::default(), range, &mut |fetched| {
        let bounds = fetched.entries.first().zip(fetched.entries.last());
        let keys = match bounds {
            Some((first, last)) => keys_reader.keys(first.seq(), last.seq())?,
            None => Vec::new(),
        };
        let keys: HashMap<i64, StoredKey> = keys.into_iter().map(|key| (key.seq, key)).collect();
        for entry in &fetched.entries {
            let key = keys.get(&Entry::seq(entry)).copied();
            console.print(&exported_entry(entry, key))?;
        }
        Ok(())
    })?;
    // Inferred sessions come of themselves from the requests.
    for session in sessions.iter().filter(|session| !session.inferred) {
        console.print(&exported_session(session))?;
    }
    Ok(Exit::Done)
}
