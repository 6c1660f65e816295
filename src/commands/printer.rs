//! Requests on their way to the output, page by page.

use super::Refused;
use super::args::View;
use super::pages::Fetched;
use crate::console::Console;
use crate::query::Entry;
use crate::render::{Column, LOG_COLUMNS, Listing, REQUEST_COLUMNS, choose};

/// Prints pages; the first decides which columns a table has.
pub(super) struct Printer<'a> {
    pub(super) view: &'a View,
    named: Option<Vec<&'static Column<Entry>>>,
    listing: Option<Listing<Entry>>,
    pub(super) requests: usize,
}

impl<'a> Printer<'a> {
    pub(super) fn new(view: &'a View) -> Result<Self, Refused> {
        Ok(Self {
            view,
            named: view.named(LOG_COLUMNS)?,
            listing: None,
            requests: 0,
        })
    }

    pub(super) fn page(&mut self, fetched: &Fetched, console: &mut Console) -> anyhow::Result<()> {
        let rows = fetched.entries.iter();
        self.requests += rows.filter(|entry| entry.is_request()).count();
        let text = self.listing(fetched).page(&fetched.entries);
        console.print(&text)?;
        Ok(())
    }

    pub(super) fn finish(&mut self, console: &mut Console) -> anyhow::Result<()> {
        let nothing = Fetched {
            entries: Vec::new(),
            more: false,
        };
        let text = self.listing(&nothing).finish();
        console.print(&text)?;
        Ok(())
    }

    fn listing(&mut self, first: &Fetched) -> &mut Listing<Entry> {
        let Self {
            view,
            named,
            listing,
            ..
        } = self;
        listing.get_or_insert_with(|| {
            let columns = match named {
                Some(columns) => columns.clone(),
                None if view.is_table() => table_columns(first, view),
                None => choose(LOG_COLUMNS, REQUEST_COLUMNS),
            };
            Listing::new(columns, view.format, view.style)
        })
    }
}

/// The columns of a table: the proxy's only where there can be more than one.
fn table_columns(first: &Fetched, view: &View) -> Vec<&'static Column<Entry>> {
    let mut proxies = first.entries.iter().filter_map(|entry| match entry {
        Entry::Request(row) => Some(&row.proxy),
        Entry::Gap(_) => None,
    });
    let one = proxies.next();
    let several = first.more || proxies.any(|proxy| Some(proxy) != one);
    let names: &[&str] = if several && view.proxy.is_none() {
        &[
            "time",
            "proxy",
            "client",
            "session",
            "method",
            "target",
            "latency_us",
            "outcome",
            "error_msg",
        ]
    } else {
        &[
            "time",
            "client",
            "session",
            "method",
            "target",
            "latency_us",
            "outcome",
            "error_msg",
        ]
    };
    choose(LOG_COLUMNS, names)
}
