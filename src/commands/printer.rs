//! Requests on their way to the output, page by page.

use super::Refused;
use super::args::View;
use super::follow::Followed;
use super::pages::Fetched;
use super::request_filter::RequestFilterArgs;
use crate::console::Console;
use crate::render::{Column, LOG_COLUMNS, Listing, REQUEST_COLUMNS, choose};
use mcpr_store::Reader;
use mcpr_store::query::{Entry, Filter};

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

/// What a table of requests shows.
const TABLE: &[&str] = &[
    "time",
    "proxy",
    "client",
    "session",
    "method",
    "target",
    "latency_us",
    "outcome",
    "error_msg",
];

/// The columns of a table: the proxy's only where there can be more than one.
fn table_columns(first: &Fetched, view: &View) -> Vec<&'static Column<Entry>> {
    let mut proxies = first.entries.iter().filter_map(|entry| match entry {
        Entry::Request(row) => Some(&row.proxy),
        Entry::Gap(_) => None,
    });
    let one = proxies.next();
    // Pages to come may be of another proxy, and the columns are settled now.
    let several = first.more || proxies.any(|proxy| Some(proxy) != one);
    let names: Vec<&str> = TABLE
        .iter()
        .copied()
        .filter(|&name| name != "proxy" || (several && view.proxy.is_none()))
        .collect();
    choose(LOG_COLUMNS, &names)
}

/// Prints the requests of a listing.
pub(super) struct RequestPrinter<'a> {
    pub(super) request_filter: &'a RequestFilterArgs,
    pub(super) filter: Filter,
    pub(super) printer: Printer<'a>,
}

impl Followed for RequestPrinter<'_> {
    fn filter(&mut self, reader: &dyn Reader) -> anyhow::Result<Option<Filter>> {
        self.request_filter
            .with_session(&self.filter, reader, self.printer.view)
    }

    fn take(&mut self, fetched: Fetched, console: &mut Console) -> anyhow::Result<()> {
        self.printer.page(&fetched, console)
    }
}
