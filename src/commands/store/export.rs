//! `mcpr store export`: everything as lines that `mcpr record` takes back.

use crate::commands::pages::{OrderBy, Range, each_page, each_page_of_sessions};
use crate::commands::{StoreArgs, open_store};
use crate::console::Console;
use crate::exit::Exit;
use crate::render::{exported_entry, exported_session};
use mcpr_store::query::{Entry, Filter, Order, SessionFilter, StoredKey};
use std::collections::HashMap;

/// What `mcpr store export` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    store: StoreArgs,
}

/// Requests and gaps in their order, then the sessions as they stood at the end.
pub(super) fn run(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let url = args.store.read_url(console)?;
    let reader = open_store(&url)?;
    let head = reader.head()?;
    let range = Range {
        by: OrderBy::Storing,
        after: None,
        before: Some(head.cursor.next()),
        order: Order::Ascending,
        most: None,
    };
    each_page(reader.as_ref(), &Filter::default(), range, &mut |fetched| {
        let bounds = fetched.entries.first().zip(fetched.entries.last());
        let keys = match bounds {
            Some((first, last)) => reader.keys(first.seq(), last.seq())?,
            None => Vec::new(),
        };
        let keys: HashMap<i64, StoredKey> = keys.into_iter().map(|key| (key.seq, key)).collect();
        for entry in &fetched.entries {
            let key = keys.get(&Entry::seq(entry)).copied();
            console.print(&exported_entry(entry, key))?;
        }
        Ok(())
    })?;
    let every = SessionFilter {
        with_empty: true,
        ..SessionFilter::default()
    };
    each_page_of_sessions(reader.as_ref(), &every, None, &mut |sessions, _| {
        // Inferred sessions come of themselves from the requests.
        for session in sessions.iter().filter(|session| !session.inferred) {
            console.print(&exported_session(session))?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}
