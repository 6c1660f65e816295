//! Requests of another program's store as rows of our own: one by one, in the order of their ids.

use super::{Conditions, Fault, Source};
use mcpr_model::{ErrorKind, Kind, Outcome, Status};
use mcpr_store::query::{Cursor, Entry, Filter, Order, Page, Pattern, RequestRow, Slowest};
use rusqlite::types::ValueRef;
use rusqlite::{Row, params_from_iter};
use std::ops::ControlFlow;

/// One page of the requests that match.
pub(super) fn page(source: &Source<'_>, filter: &Filter, page: Page) -> Result<Vec<Entry>, Fault> {
    let limit = page.limit.min(Page::MAX_LIMIT);
    let mut found = Vec::new();
    // The end is looked for after a row was taken.
    if limit == 0 {
        return Ok(found);
    }
    each(
        source,
        conditions(source, filter, page),
        page.order,
        |row| {
            if filter.matches(&row, None) {
                found.push(Entry::Request(Box::new(row)));
            }
            if found.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        },
    )?;
    Ok(found)
}

/// The requests that match and took longest.
pub(super) fn slowest(
    source: &Source<'_>,
    filter: &Filter,
    limit: usize,
) -> Result<Vec<RequestRow>, Fault> {
    let mut slowest = Slowest::new(limit);
    let page = Page::after(Cursor::START, Page::MAX_LIMIT);
    let conditions = conditions(source, filter, page);
    // No index of theirs has latencies: every row is looked at.
    each(source, conditions, Order::Ascending, |row| {
        if filter.matches(&row, None) {
            slowest.offer(row);
        }
        ControlFlow::Continue(())
    })?;
    Ok(slowest.finish())
}

/// What SQLite can leave out cheaply. The `+` keeps it from taking an index and sorting a whole
/// window for the sake of one page.
pub(super) fn conditions(source: &Source<'_>, filter: &Filter, page: Page) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add_page("r.id", page);
    if let Some(since) = filter.since {
        conditions.add("+r.ts >= ?", [since.into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("+r.ts < ?", [until.into()]);
    }
    let of_session = filter.session.as_ref().map(|key| key.proxy.as_str());
    // Globs are left to the filter itself, which every row has to pass.
    let named = filter.proxy.as_ref().and_then(Pattern::as_name);
    for proxy in of_session.into_iter().chain(named) {
        conditions.add("+r.proxy = ?", [proxy.to_owned().into()]);
    }
    if let Some(key) = &filter.session {
        // An `initialize` has no session in its row, and belongs to the one that its answer opened.
        let paired = source.pairs.of_session(&key.id);
        let list = serde_json::to_string(&paired).expect("numbers are JSON");
        conditions.add(
            "(r.session_id = ? OR r.id IN (SELECT value FROM json_each(?)))",
            [key.id.clone().into(), list.into()],
        );
    }
    conditions
}

/// The request with a number, which is its row's id.
pub(super) fn at(source: &Source<'_>, seq: i64) -> Result<Option<RequestRow>, Fault> {
    let mut conditions = Conditions::default();
    conditions.add("r.id = ?", [seq.into()]);
    let mut found = None;
    each(source, conditions, Order::Ascending, |row| {
        found = Some(row);
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// The newest requests with an id, newest first.
pub(super) fn with_id(
    source: &Source<'_>,
    id: &str,
    limit: usize,
) -> Result<Vec<RequestRow>, Fault> {
    let mut conditions = Conditions::default();
    conditions.add("r.request_id = ?", [id.to_owned().into()]);
    let mut found = Vec::new();
    each(source, conditions, Order::Descending, |row| {
        if found.len() < limit {
            found.push(row);
        }
        if found.len() < limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(found)
}

/// Hands every request that meets the conditions to `take`, until that has enough.
pub(super) fn each(
    source: &Source<'_>,
    conditions: Conditions,
    order: Order,
    mut take: impl FnMut(RequestRow) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let direction = match order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    };
    let sql = format!(
        "{} WHERE {} ORDER BY r.id {direction}",
        source.layout.requests,
        conditions.sql()
    );
    let mut statement = source.connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let row = match source.pairs.answer_of(seq) {
            Some(answer) => paired(source, seq, answer)?,
            None => read(source, row)?,
        };
        if take(row).is_break() {
            break;
        }
    }
    Ok(())
}

/// A request with the answer that was found for it.
pub(super) fn paired(source: &Source<'_>, seq: i64, answer: i64) -> Result<RequestRow, Fault> {
    let sql = source.layout.paired.as_deref();
    let sql = sql.expect("only a layout with this query has pairs");
    let mut statement = source.connection.prepare_cached(sql)?;
    let mut rows = statement.query([seq, answer])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    read(source, row)
}

fn read(source: &Source<'_>, row: &Row<'_>) -> Result<RequestRow, Fault> {
    let seq: i64 = row.get(0)?;
    let what = || format!("request {seq}");
    let status: String = row.get(10).map_err(|error| Fault::in_row(what(), error))?;
    let read = || -> rusqlite::Result<RequestRow> {
        let method: String = row.get(5)?;
        let session_id = text(row, 4)?;
        let [tool, prompt_name, resource_uri] =
            first_of([text(row, 6)?, text(row, 8)?, text(row, 7)?]);
        Ok(RequestRow {
            seq,
            request_id: text(row, 1)?,
            ts: row.get(2)?,
            proxy: row.get(3)?,
            // Not stored there: the method shows it, by the rule for our own rows.
            kind: Kind::of_method(&method),
            session: session_id.clone(),
            session_id,
            client_name: text(row, 15)?,
            client_version: text(row, 16)?,
            method,
            tool,
            resource_uri,
            prompt_name,
            latency_us: row.get(9)?,
            error_code: code(row, 11)?,
            error_msg: text(row, 12)?.map(shorten),
            bytes_in: row.get(13)?,
            bytes_out: row.get(14)?,
            ..RequestRow::default()
        })
    };
    let mut found = read().map_err(|error| Fault::in_row(what(), error))?;
    // A code says more than the status: a row that has one did not end well.
    found.error_kind = match (status.as_str(), &found.error_code) {
        ("timeout", _) => Some(ErrorKind::Timeout),
        ("ok" | "error", Some(_)) => Some(ErrorKind::Rpc),
        ("error", None) => Some(source.layout.uncoded),
        ("ok", None) => None,
        // A word that the program never wrote: better reported than taken for a success.
        _ => {
            let why = format!("`status` is `{status}`");
            return Err(Fault::Row { what: what(), why });
        }
    };
    found.status = found.error_kind.map_or(Status::Ok, ErrorKind::status);
    Ok(found)
}

/// Text that may be missing; no text is as good as none, as in the streams.
pub(super) fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<String>> {
    let text: Option<String> = row.get(index)?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// 0.4 writes codes as text, 0.5 as numbers.
fn code(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<String>> {
    match row.get_ref(index)? {
        ValueRef::Integer(code) => Ok(Some(code.to_string())),
        _ => row.get(index),
    }
}

/// A row has one target: the first that it names.
fn first_of(mut named: [Option<String>; 3]) -> [Option<String>; 3] {
    let first = named.iter().position(Option::is_some);
    for (index, name) in named.iter_mut().enumerate() {
        if Some(index) != first {
            *name = None;
        }
    }
    named
}

fn shorten(mut message: String) -> String {
    // As long as our own at most; cut between characters, not between bytes.
    if let Some((end, _)) = message.char_indices().nth(Outcome::MAX_MESSAGE_CHARS) {
        message.truncate(end);
    }
    message
}
