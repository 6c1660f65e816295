//! Requests on their way to the output, page by page.

use super::Refused;
use super::args::View;
use super::flight::{InsertedRows, LiveFlight};
use super::follow::{FollowArgs, Followed};
use super::list_printer::ListPrinter;
use super::log_rows::{ArgumentsForm, has_payloads, with_arguments};
use super::now_ms;
use super::pages::Fetched;
use super::request_filter::RequestFilterArgs;
use crate::console::{Console, TablePaging};
use crate::render::palette::Meaning;
use crate::render::{Column, LOG_COLUMNS, LOG_TABLE, LogRow, REQUEST_COLUMNS, TableStyle, choose};
use mcpr_store::Reader;
use mcpr_store::query::{Entry, Filter, Pattern, RequestRow};

/// In which order rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum RowOrder {
    /// As they happened, or the other way round.
    #[default]
    Time,
    /// The most of something first.
    Rank,
    /// One by one as they are stored, without an end: columns are there from the first on.
    Arrival,
}

/// How a table of requests looks, beside what every table has.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LogTable {
    /// With the numbers that `mcpr show` takes.
    pub(super) with_seq: bool,
    /// In which order rows come.
    pub(super) order: RowOrder,
    /// Nothing but one session is shown.
    pub(super) is_one_session: bool,
    /// How a pager begins.
    pub(super) paging: TablePaging,
}

impl LogTable {
    /// A table of what passes a filter: in this order, or as it comes where the list goes on.
    pub(super) fn in_order(
        order: RowOrder,
        follow: &FollowArgs,
        request_filter: &RequestFilterArgs,
    ) -> Self {
        Self {
            with_seq: false,
            order: if follow.follow {
                RowOrder::Arrival
            } else {
                order
            },
            is_one_session: request_filter.session.is_some(),
            paging: TablePaging {
                at_end: false,
                has_header: true,
            },
        }
    }
}

/// Prints pages; the first decides which columns a table has.
pub(super) struct Printer<'a> {
    pub(super) view: &'a View,
    table: LogTable,
    named: Option<Vec<&'static Column<LogRow>>>,
    list: Option<ListPrinter<LogRow>>,
    has_arguments: bool,
    pub(super) requests: usize,
    /// What is put between the rows of the store.
    pub(super) inserted: InsertedRows,
}

impl<'a> Printer<'a> {
    /// Rows that are held at once where their arguments are whole, which may be long.
    const WHOLE_AT_ONCE: usize = 64;

    pub(super) fn new(view: &'a View, table: LogTable) -> Result<Self, Refused> {
        Ok(Self {
            view,
            table,
            named: view.named(LOG_COLUMNS)?,
            list: None,
            has_arguments: false,
            requests: 0,
            inserted: InsertedRows::default(),
        })
    }

    pub(super) fn page(
        &mut self,
        reader: &dyn Reader,
        fetched: Fetched,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        let rows = fetched.entries.iter();
        self.requests += rows.filter(|entry| entry.is_request()).count();
        if self.list.is_none() {
            let columns = self.columns(reader, &fetched)?;
            self.begin(columns, console);
        }
        let form = self.arguments_form(console);
        let at_once = match form {
            ArgumentsForm::Whole if self.has_arguments => Self::WHOLE_AT_ONCE,
            _ => fetched.entries.len().max(1),
        };
        let mut entries = fetched.entries.into_iter();
        loop {
            let piece: Vec<Entry> = entries.by_ref().take(at_once).collect();
            if piece.is_empty() {
                return Ok(());
            }
            let rows = if self.has_arguments {
                with_arguments(reader, piece, form)?
            } else {
                piece.into_iter().map(LogRow::from).collect()
            };
            let rows = self.with_inserted(rows, console);
            // Printed before more is fetched, so that no more than a piece is held.
            self.print(&rows, console)?;
        }
    }

    /// How much of what was asked is shown.
    fn arguments_form(&self, console: &Console) -> ArgumentsForm {
        // A script has no edge at which anything had to be cut.
        if self.view.layout.is_whole() || !self.view.is_table() {
            ArgumentsForm::Whole
        } else if console.may_page() {
            ArgumentsForm::ShortAndWhole
        } else {
            ArgumentsForm::Short
        }
    }

    /// Rows that are not stored, with as much of what was asked as the others.
    fn in_form(&self, rows: Vec<LogRow>, console: &Console) -> Vec<LogRow> {
        if self.arguments_form(console) != ArgumentsForm::Whole {
            return rows;
        }
        rows.into_iter().map(LogRow::with_whole_arguments).collect()
    }

    /// Puts what belongs between rows between them.
    fn with_inserted(&mut self, rows: Vec<LogRow>, console: &Console) -> Vec<LogRow> {
        if self.inserted.is_empty() {
            return rows;
        }
        let mut all = Vec::with_capacity(rows.len());
        for row in rows {
            let before = self.inserted.before(row.ts());
            self.requests += before.iter().filter(|row| row.notice.is_none()).count();
            all.extend(self.in_form(before, console));
            all.push(row);
        }
        all
    }

    /// Prints what is left of what belongs between rows: it stands behind the last.
    pub(super) fn print_inserted(
        &mut self,
        reader: &dyn Reader,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        if self.inserted.is_empty() {
            return Ok(());
        }
        self.begin_empty(false, reader, console)?;
        let rows = self.inserted.rest();
        self.requests += rows.iter().filter(|row| row.notice.is_none()).count();
        let rows = self.in_form(rows, console);
        self.print(&rows, console)
    }

    /// Prints rows that are not stored, as they come.
    pub(super) fn print_live(
        &mut self,
        reader: &dyn Reader,
        rows: Vec<LogRow>,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        if !rows.is_empty() {
            self.begin_empty(true, reader, console)?;
            let rows = self.in_form(rows, console);
            self.print(&rows, console)?;
            console.flush()?;
        }
        Ok(())
    }

    /// Shows rows below those that stay, under a line on those for which there is no room.
    pub(super) fn show_below(
        &mut self,
        reader: &dyn Reader,
        rows: &[LogRow],
        beyond: Option<&str>,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        if !rows.is_empty() {
            self.begin_empty(true, reader, console)?;
        }
        let palette = self.view.style.palette;
        let beyond = beyond.map(|text| palette.paint(Meaning::Live, text) + "\n");
        let width = self.view.table_width(console);
        let text = self.list.as_mut().map(|list| {
            list.set_width(width);
            list.set_now(now_ms());
            list.peek(rows)
        });
        let text = beyond.unwrap_or_default() + &text.unwrap_or_default();
        Ok(console.show_below(&text)?)
    }

    /// Begins a list that has no stored row yet; `more` says that it goes on.
    fn begin_empty(
        &mut self,
        more: bool,
        reader: &dyn Reader,
        console: &Console,
    ) -> anyhow::Result<()> {
        if self.list.is_none() {
            let nothing = Fetched {
                entries: Vec::new(),
                more,
            };
            let columns = self.columns(reader, &nothing)?;
            self.begin(columns, console);
        }
        Ok(())
    }

    fn print(&mut self, rows: &[LogRow], console: &mut Console) -> anyhow::Result<()> {
        let Some(list) = &mut self.list else {
            return Ok(());
        };
        if self.table.order == RowOrder::Arrival {
            // The terminal may have been resized since the last row, and time goes on.
            list.set_width(self.view.table_width(console));
            list.set_now(now_ms());
        }
        Ok(list.page(rows, console)?)
    }

    pub(super) fn finish(&mut self, console: &mut Console) -> anyhow::Result<()> {
        if self.list.is_none() {
            // Nothing was listed: CSV has its header all the same.
            let columns = match &self.named {
                Some(columns) => columns.clone(),
                None => choose(LOG_COLUMNS, REQUEST_COLUMNS),
            };
            self.begin(columns, console);
        }
        if let Some(list) = &mut self.list {
            list.finish(console)?;
        }
        Ok(())
    }

    fn begin(&mut self, columns: Vec<&'static Column<LogRow>>, console: &Console) {
        self.has_arguments = columns.iter().any(|column| column.name == "arguments");
        let style = TableStyle {
            goes_on: self.table.order == RowOrder::Arrival,
            is_by_rank: self.table.order == RowOrder::Rank,
            ..self.view.style
        };
        let mut list = ListPrinter::new(columns, style, self.view, console);
        // What stands between the rows or behind them is laid out with the first.
        let inserted: Vec<LogRow> = self.inserted.requests().cloned().collect();
        list.expect_rows(&self.in_form(inserted, console));
        self.list = Some(list.paging(self.table.paging));
    }

    fn columns(
        &self,
        reader: &dyn Reader,
        first: &Fetched,
    ) -> anyhow::Result<Vec<&'static Column<LogRow>>> {
        Ok(match &self.named {
            Some(columns) => columns.clone(),
            None if self.view.is_table() => self.table_columns(reader, first)?,
            None => choose(LOG_COLUMNS, REQUEST_COLUMNS),
        })
    }

    /// The columns of a table: those that would say the same in every row are left out.
    fn table_columns(
        &self,
        reader: &dyn Reader,
        first: &Fetched,
    ) -> anyhow::Result<Vec<&'static Column<LogRow>>> {
        // Rows to come may be of others, and the columns are settled now.
        let goes_on = self.table.order == RowOrder::Arrival || first.more;
        let unstored = self.inserted.requests().map(|row| &row.entry);
        let entries: Vec<&Entry> = first.entries.iter().chain(unstored).collect();
        let several = |of: fn(&RequestRow) -> Option<&str>| goes_on || differ(&entries, of);
        // A glob may mean several.
        let one = self.view.proxy.as_ref().and_then(Pattern::as_name);
        let has_proxies = several(|row| Some(&row.proxy)) && one.is_none();
        let has_sessions = several(|row| row.session.as_deref()) && !self.table.is_one_session;
        let has_clients = several(|row| row.client_name.as_deref()) && !self.table.is_one_session;
        // A column that stays empty would only take room from the result.
        let has_arguments = goes_on
            || entries.iter().any(|entry| has_target(entry))
            || self.inserted.requests().any(|row| row.arguments.is_some())
            || has_payloads(reader, &first.entries)?;
        // Two columns more would cost a narrow terminal its results.
        let has_http = self.view.layout.is_whole()
            && entries
                .iter()
                .any(|entry| matches!(entry, Entry::Request(row) if row.http_status.is_some()));
        let is_shown = |name: &str| match name {
            "seq" => self.table.with_seq,
            "proxy" => has_proxies,
            "session" => has_sessions,
            "client" => has_clients,
            "arguments" => has_arguments,
            _ => true,
        };
        let names = LOG_TABLE.iter().copied().filter(|name| is_shown(name));
        let mut names: Vec<&str> = names.collect();
        if has_http {
            // Behind the time that they are part of, and before the result, which has no end.
            let last = names.len().saturating_sub(1);
            names.splice(last..last, ["http_status", "first_event_us"]);
        }
        Ok(choose(LOG_COLUMNS, &names))
    }
}

/// Whether rows differ in something; those that have none of it do not count.
fn differ(entries: &[&Entry], of: impl Fn(&RequestRow) -> Option<&str>) -> bool {
    let mut found = entries.iter().filter_map(|entry| match entry {
        Entry::Request(row) => of(row),
        Entry::Gap(_) => None,
    });
    let first = found.next();
    found.any(|next| Some(next) != first)
}

/// Whether it is of something that is named beside its method: only tools stand in its place.
fn has_target(entry: &Entry) -> bool {
    match entry {
        Entry::Request(row) => row.resource_uri.is_some() || row.prompt_name.is_some(),
        Entry::Gap(_) => false,
    }
}

/// Prints the requests of a listing.
pub(super) struct RequestPrinter<'a> {
    pub(super) request_filter: &'a RequestFilterArgs,
    pub(super) filter: Filter,
    pub(super) printer: Printer<'a>,
    /// What was reported of what is in flight, where that is shown.
    pub(super) live: Option<LiveFlight>,
}

impl Followed for RequestPrinter<'_> {
    fn filter(&mut self, reader: &dyn Reader) -> anyhow::Result<Option<Filter>> {
        self.request_filter
            .with_session(&self.filter, reader, self.printer.view)
    }

    fn take(
        &mut self,
        reader: &dyn Reader,
        fetched: Fetched,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        self.printer.page(reader, fetched, console)
    }

    fn go_on(
        &mut self,
        reader: &dyn Reader,
        filter: &Filter,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        match &mut self.live {
            Some(live) => live.show(&mut self.printer, reader, filter, console),
            None => Ok(()),
        }
    }
}
