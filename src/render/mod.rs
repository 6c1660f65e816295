//! How answers look: columns described once, drawn as table, JSON, NDJSON or CSV. Pure: rows in,
//! text out. Knows nothing of stores, arguments or the terminal.

pub mod arguments;
mod axis;
mod clients;
mod clock;
mod columns;
mod csv;
mod export;
mod json;
pub mod layout;
mod operations;
pub mod palette;
mod requests;
mod schema;
mod server;
mod sessions;
mod short_ids;
mod shown;
mod sources;
mod stats;
mod style;
mod table;
pub mod text;
mod traces;
pub mod units;

pub use axis::axis;
pub use clients::{CLIENT_COLUMNS, CLIENT_FIELDS, CLIENT_TABLE};
pub use columns::{Column, Fit, Record, Show, UnknownColumn, Value, WholeText, choose, select};
pub use export::{
    exported_bad_line, exported_entry, exported_item, exported_server, exported_session,
    exported_version,
};
pub use json::{object, session_document};
pub use operations::{operation_in_words, operation_object};
pub use requests::{
    IN_FLIGHT, LOG_COLUMNS, LOG_TABLE, LogRow, REQUEST_COLUMNS, gap_text, in_flight, result,
};
pub use schema::{
    CHANGE_COLUMNS, CHANGE_FIELDS, ITEM_COLUMNS, LIST_COLUMNS, LIST_FIELDS, UNUSED_COLUMNS,
    UNUSED_FIELDS,
};
pub use server::{server_facts, server_output};
pub use sessions::{LISTED_COLUMNS, SESSION_COLUMNS, ServerFailure, SessionView};
pub use short_ids::ShortIds;
pub use shown::{RequestDetails, list_of, shown_document, shown_facts, shown_text, why_no_payload};
pub use sources::{FoundSource, SOURCE_COLUMNS, SOURCE_FIELDS, SOURCE_TABLE};
pub use stats::{OPERATION_FIELDS, STATS_COLUMNS, STATS_FIELDS};
pub use style::{Overflow, TableStyle, TimeStyle};
pub use traces::{TRACE_COLUMNS, TRACE_FIELDS, TRACE_TABLE};

use table::TableWriter;

/// The four ways to print a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180.
    Csv,
}

/// A list on its way out, page by page.
#[derive(Debug)]
pub struct Listing<R: Record> {
    columns: Vec<&'static Column<R>>,
    format: Format,
    table: TableWriter<R>,
    begun: bool,
}

impl<R: Record> Listing<R> {
    /// A list with these columns.
    #[must_use]
    pub fn new(columns: Vec<&'static Column<R>>, format: Format, style: TableStyle) -> Self {
        let table = TableWriter::new(columns.clone(), style);
        Self {
            columns,
            format,
            table,
            begun: false,
        }
    }

    /// What a table is fitted to from the next page on, for the terminal may have another size by then.
    pub fn set_width(&mut self, width: Option<usize>) {
        self.table.set_width(width);
    }

    /// The present at the next page, unix milliseconds.
    pub fn set_now(&mut self, now_ms: i64) {
        self.table.set_now(now_ms);
    }

    /// The text of the next rows. A table is fitted to what came so far: where a page needs its columns
    /// elsewhere, it begins with the header again.
    #[must_use]
    pub fn page(&mut self, rows: &[R]) -> String {
        let mut out = String::new();
        // An empty page must not decide the widths of a table.
        if rows.is_empty() {
            return out;
        }
        match self.format {
            Format::Table => self.table.page(rows, &mut out),
            Format::Json | Format::Ndjson => {
                for row in rows {
                    out.push_str(match (self.format, self.begun) {
                        (Format::Ndjson, _) => "",
                        (_, false) => "[",
                        (_, true) => ",\n",
                    });
                    json::push_object(&self.columns, row, &mut out);
                    out.push_str(if self.format == Format::Ndjson {
                        "\n"
                    } else {
                        ""
                    });
                    self.begun = true;
                }
            }
            Format::Csv => {
                self.csv_header(&mut out);
                for row in rows {
                    csv::push_row(&self.columns, row, &mut out);
                }
            }
        }
        self.begun = true;
        out
    }

    /// Gives a column of a table at least so many cells, for what [`Listing::below`] says there.
    pub fn reserve(&mut self, column: &str, cells: usize) {
        self.table.reserve(column, cells);
    }

    /// Makes room in a table for rows that come later; nothing in other formats, nor once it has begun.
    pub fn expect_rows(&mut self, rows: &[R]) {
        if self.format == Format::Table && !self.begun && !rows.is_empty() {
            self.table.expect_rows(rows);
        }
    }

    /// The text of a line below a table in which one column says something; nothing in other formats.
    #[must_use]
    pub fn below(&mut self, column: &str, text: &str) -> String {
        let mut out = String::new();
        if self.format == Format::Table && self.begun {
            self.table.below(column, text, &mut out);
        }
        out
    }

    /// The text of rows as they would stand below a table, of which nothing is remembered; nothing in other formats.
    #[must_use]
    pub fn peek(&mut self, rows: &[R]) -> String {
        let mut out = String::new();
        if self.format == Format::Table {
            self.table.peek(rows, &mut out);
        }
        out
    }

    /// The headers of a table's columns for which there was no room.
    #[must_use]
    pub fn left_out(&self) -> Vec<&'static str> {
        self.table.left_out()
    }

    /// The text that ends the list.
    #[must_use]
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        match self.format {
            Format::Table | Format::Ndjson => {}
            Format::Json => out.push_str(if self.begun { "]\n" } else { "[]\n" }),
            // A list without a row has its header, too.
            Format::Csv => self.csv_header(&mut out),
        }
        self.begun = true;
        out
    }

    fn csv_header(&self, out: &mut String) {
        if !self.begun {
            csv::push_header(&self.columns, out);
        }
    }
}

#[cfg(test)]
mod tests;
