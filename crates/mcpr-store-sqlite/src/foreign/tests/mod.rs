//! Stores of other programs: made by hand from the captured ones, so that their layout is the real
//! one, and read back.

mod bounds;
mod layouts;
mod malformed;
mod pages;
mod traces;

use super::super::open_reader;
use mcpr_store::contract::{rollups_of, sessions_of};
use mcpr_store::query::{
    Cursor, Entry, Filter, Page, RequestRow, SessionFilter, SessionPage, SessionRow, TimePage,
};
use mcpr_store::{Reader, StoreError};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};

/// The captured stores.
const CAPTURES: [&str; 2] = ["mcpr-0.4.64", "mcpr-0.5.44"];

/// Requests and sessions in layout 5 of 0.4. Session `s-1` once had three more calls, one of them
/// an error, which were deleted; `s-2` is not listed, and `s-3` never called anything.
const OF_04: &str = "
    INSERT INTO requests (id, request_id, ts, proxy, session_id, method, tool, latency_us, status,
        error_code, error_msg, bytes_in, bytes_out, resource_uri, prompt_name) VALUES
    (1, 'r-1', 1000, 'weather', 's-1', 'initialize', NULL, 5000, 'ok', NULL, NULL, 10, 20, NULL, NULL),
    (2, 'r-2', 2000, 'weather', 's-1', 'POST', NULL, 7000, 'ok', NULL, NULL, 11, NULL, NULL, NULL),
    (3, 'r-3', 3000, 'weather', 's-1', 'tools/call', 'echo', 12000, 'error', '-32602', 'bad words', 12, 22, NULL, NULL),
    (4, 'r-4', 4000, 'weather', 's-1', 'resources/read', NULL, 3000, 'error', NULL, NULL, 13, 23, 'file:///a', NULL),
    (5, 'r-5', 5000, 'weather', NULL, 'DELETE', NULL, 1000, 'ok', NULL, NULL, 0, NULL, NULL, NULL),
    (7, 'r-7', 6000, 'search', 's-2', 'prompts/get', NULL, 9000, 'timeout', NULL, NULL, 14, NULL, NULL, 'greet'),
    (8, 'r-8', 7000, 'weather', 's-1', 'SSE', NULL, 2000, 'error', NULL, NULL, 0, NULL, NULL, NULL);
    INSERT INTO sessions VALUES
    ('s-1', 'weather', 1000, 4000, 8000, 'cursor', '1.0', 'cursor', 8, 4),
    ('s-3', 'weather', 500, 600, NULL, NULL, NULL, NULL, 0, 0);";

/// Requests, answers and sessions in the layout of 0.5.
const OF_05: &str = "
    INSERT INTO requests VALUES
    (1, 1000, 'weather', NULL, '0', 'initialize', NULL, NULL, NULL, NULL),
    (2, 1500, 'weather', 's-1', '1', 'tools/call', 'echo', NULL, NULL, 77),
    (3, 2000, 'weather', 's-1', '2', 'resources/read', NULL, 'file:///a', NULL, NULL),
    (4, 3000, 'weather', NULL, '0', 'initialize', NULL, NULL, NULL, NULL),
    (5, 3500, 'weather', NULL, '7', 'ping', NULL, NULL, NULL, NULL),
    (6, 3600, 'search', NULL, '0', 'initialize', NULL, NULL, NULL, NULL),
    (7, 4000, 'weather', 's-2', '1', 'prompts/get', NULL, NULL, 'greet', NULL);
    INSERT INTO responses VALUES
    (1, 1000, 's-1', '0', 'ok', NULL, NULL, NULL),
    (2, 1512, 's-1', '1', 'ok', NULL, NULL, 99),
    (3, 3001, 's-2', '0', 'ok', NULL, NULL, NULL),
    (4, 3500, NULL, '7', 'ok', NULL, NULL, NULL),
    (5, 4000, 's-2', '1', 'error', -32602, 'no such prompt', NULL);
    INSERT INTO sessions VALUES
    ('s-1', 'weather', 'active', 'cursor', '1.0', 999, 1500, 1),
    ('s-2', 'weather', 'closed', 'claude', NULL, 2999, 3900, 1);";

fn captured(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data")
        .join(name)
        .join("store.db")
}

/// A copy of a captured store, changed by SQL.
fn made(directory: &Path, capture: &str, sql: &str) -> PathBuf {
    let path = directory.join("store.db");
    fs::copy(captured(capture), &path).expect("copy");
    let connection = Connection::open(&path).expect("open");
    connection
        .execute_batch("DELETE FROM requests; DELETE FROM sessions;")
        .and_then(|()| connection.execute_batch(sql))
        .expect("the SQL of a test");
    path
}

/// A store of 0.4 in the layout of a version.
fn made_04(directory: &Path, version: u32) -> PathBuf {
    let path = made(directory, "mcpr-0.4.64", OF_04);
    let connection = Connection::open(&path).expect("open");
    // Each turns a layout into the one before it.
    let steps = [
        (
            5,
            "ALTER TABLE requests DROP COLUMN resource_uri;
             ALTER TABLE requests DROP COLUMN prompt_name;",
        ),
        (
            4,
            "ALTER TABLE requests RENAME COLUMN latency_us TO latency_ms;
             UPDATE requests SET latency_ms = latency_ms / 1000;",
        ),
        (
            3,
            "DROP INDEX idx_schema_changes_proxy; DROP TABLE server_schema;
             ALTER TABLE schema_changes DROP COLUMN proxy;
             CREATE TABLE server_schema (upstream_url TEXT, method TEXT, payload TEXT);",
        ),
        (2, "DROP TABLE server_schema; DROP TABLE schema_changes;"),
    ];
    for (_, sql) in steps.iter().filter(|(from, _)| *from > version) {
        connection.execute_batch(sql).expect("a step back");
    }
    connection
        .execute(
            "UPDATE meta SET value = ?1 WHERE key = 'schema_version'",
            [version],
        )
        .expect("a version");
    path
}

/// A store of 0.5.
fn made_05(directory: &Path) -> PathBuf {
    made(
        directory,
        "mcpr-0.5.44",
        &format!("DELETE FROM responses; {OF_05}"),
    )
}

fn open(path: &Path) -> Box<dyn Reader> {
    open_reader(path).expect("a store that can be read")
}

/// Every request, read in pages of a size.
fn requests(
    reader: &dyn Reader,
    filter: &Filter,
    first: Page,
) -> Result<Vec<RequestRow>, StoreError> {
    let mut found = Vec::new();
    let mut page = first;
    loop {
        let entries = reader.entries(filter, page)?;
        assert!(entries.len() <= page.limit, "{page:?}");
        let Some(last) = entries.last().map(Entry::cursor) else {
            return Ok(found);
        };
        page = match page.order {
            mcpr_store::query::Order::Ascending => Page {
                after: Some(last),
                ..page
            },
            mcpr_store::query::Order::Descending => Page {
                before: Some(last),
                ..page
            },
        };
        found.extend(entries.into_iter().map(|entry| match entry {
            Entry::Request(row) => *row,
            Entry::Gap(gap) => panic!("no store of another program has gaps: {gap:?}"),
        }));
    }
}

/// Every request in order of time, read in pages of a size.
fn timeline(
    reader: &dyn Reader,
    filter: &Filter,
    page: Page,
) -> Result<Vec<RequestRow>, StoreError> {
    let Page { order, limit, .. } = page;
    let mut page = TimePage {
        stored_before: None,
        after: None,
        before: None,
        order,
        limit,
    };
    let mut found = Vec::new();
    loop {
        let entries = reader.timeline(filter, page)?;
        assert!(entries.len() <= limit, "{page:?}");
        let Some(last) = entries.last().map(Entry::place) else {
            return Ok(found);
        };
        match order {
            mcpr_store::query::Order::Ascending => page.after = Some(last),
            mcpr_store::query::Order::Descending => page.before = Some(last),
        }
        found.extend(entries.into_iter().filter_map(|entry| match entry {
            Entry::Request(row) => Some(*row),
            Entry::Gap(_) => None,
        }));
    }
}

fn all_requests(reader: &dyn Reader) -> Result<Vec<RequestRow>, StoreError> {
    requests(reader, &Filter::default(), Page::after(Cursor::START, 100))
}

fn all_sessions(reader: &dyn Reader) -> Result<Vec<SessionRow>, StoreError> {
    let every = SessionFilter {
        with_empty: true,
        ..SessionFilter::default()
    };
    reader.sessions(&every, &SessionPage::oldest(Page::MAX_LIMIT))
}

/// Asks everything there is to ask.
fn ask_everything(reader: &dyn Reader) -> Result<(), StoreError> {
    all_requests(reader)?;
    all_sessions(reader)?;
    reader.overview()?;
    reader.rollups(&mut drop)?;
    reader.sources(None, 10)?;
    reader.file_checkpoints(None, 10).map(drop)
}

/// Opens a store and asks everything.
fn read(path: &Path) -> Result<(), StoreError> {
    open_reader(path).and_then(|reader| ask_everything(reader.as_ref()))
}
