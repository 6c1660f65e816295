//! A list on its way to the console: as the screen has room for it, and whole for a pager.

use super::args::View;
use crate::console::{Console, OutputError, TablePaging, TablePart};
use crate::render::{Column, Listing, Overflow, Record, TableStyle};

/// Prints a list page by page.
#[derive(Debug)]
pub(super) struct ListPrinter<R: Record> {
    listing: Listing<R>,
    /// The same with what is beyond the screen, while a pager may take it.
    whole: Option<Listing<R>>,
    paging: TablePaging,
    is_table: bool,
    /// Whether rows come without an end.
    goes_on: bool,
    /// Whether a pager has taken rows.
    is_paged: bool,
    /// The columns of which it was stated that they are left out.
    stated: Vec<&'static str>,
}

impl<R: Record> ListPrinter<R> {
    /// A list with these columns, in the format that was asked for.
    pub(super) fn new(
        columns: Vec<&'static Column<R>>,
        style: TableStyle,
        view: &View,
        console: &Console,
    ) -> Self {
        let is_table = view.is_table();
        // Only what is cut has more to show.
        let is_cut = style.width.is_some() && style.overflow == Overflow::Cut;
        let whole = (is_table && is_cut && console.may_page()).then(|| {
            let overflow = Overflow::Beyond;
            Listing::new(
                columns.clone(),
                view.format,
                TableStyle { overflow, ..style },
            )
        });
        Self {
            listing: Listing::new(columns, view.format, style),
            whole,
            // As most lists begin: with what is most important at the top.
            paging: TablePaging {
                at_end: false,
                has_header: true,
            },
            is_table,
            goes_on: style.goes_on,
            is_paged: false,
            stated: Vec::new(),
        }
    }

    /// Another way in which a pager begins.
    pub(super) fn paging(mut self, paging: TablePaging) -> Self {
        self.paging = paging;
        self
    }

    /// What tables are fitted to from the next page on.
    pub(super) fn set_width(&mut self, width: Option<usize>) {
        self.listing.set_width(width);
    }

    /// The present at the next page, unix milliseconds.
    pub(super) fn set_now(&mut self, now_ms: i64) {
        self.listing.set_now(now_ms);
    }

    /// Prints the next rows.
    pub(super) fn page(&mut self, rows: &[R], console: &mut Console) -> Result<(), OutputError> {
        // Both are laid out from the first page on, so that they stay alike.
        let shown = self.listing.page(rows);
        if !self.is_table {
            return console.print(&shown);
        }
        // Once there is no pager, nobody would see it.
        let whole = match &mut self.whole {
            Some(whole) if console.may_page() => Some(whole.page(rows)),
            _ => None,
        };
        console.print_table(&TablePart {
            shown: &shown,
            whole: whole.as_ref().unwrap_or(&shown),
            paging: self.paging,
        })?;
        self.is_paged |= console.is_in_pager();
        if self.goes_on {
            self.note_left_out(console);
        }
        Ok(())
    }

    /// Says which columns have no room, each once.
    fn note_left_out(&mut self, console: &mut Console) {
        let mut left_out = self.listing.left_out();
        left_out.retain(|name| !self.stated.contains(name));
        // In a pager it stands beyond the edge, where the arrow keys lead.
        if self.is_table && !self.is_paged && !left_out.is_empty() {
            let names = left_out.join(", ");
            console.note(&format!("no room for {names}: `--wide` shows all columns"));
            self.stated.extend(left_out);
        }
    }

    /// Gives a column room for what stands below it.
    pub(super) fn reserve(&mut self, column: &str, cells: usize) {
        let lists = [Some(&mut self.listing), self.whole.as_mut()];
        for list in lists.into_iter().flatten() {
            list.reserve(column, cells);
        }
    }

    /// Makes room in a table for rows that come later.
    pub(super) fn expect_rows(&mut self, rows: &[R]) {
        let lists = [Some(&mut self.listing), self.whole.as_mut()];
        for list in lists.into_iter().flatten() {
            list.expect_rows(rows);
        }
    }

    /// Prints a line in which one column of a table says something of the rows above.
    pub(super) fn below(
        &mut self,
        column: &str,
        text: &str,
        console: &mut Console,
    ) -> Result<(), OutputError> {
        console.print(&self.listing.below(column, text))
    }

    /// The text of rows that do not stay: as they would stand below.
    pub(super) fn peek(&mut self, rows: &[R]) -> String {
        self.listing.peek(rows)
    }

    /// Prints what ends the list.
    pub(super) fn finish(&mut self, console: &mut Console) -> Result<(), OutputError> {
        console.print(&self.listing.finish())?;
        self.note_left_out(console);
        Ok(())
    }
}
