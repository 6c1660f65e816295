//! Requests and gaps, page by page.

use crate::model::{ErrorKind, Kind, Status, TargetKind};
use crate::query::{Entry, Filter, GapRow, Order, Page, RequestRow};
use crate::store::sqlite::conditions::{self, Conditions, Selection};
use crate::store::sqlite::open::layout_of;
use crate::store::sqlite::requests::id_text;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// The layout that brought the index of failed requests.
const INDEXED_SINCE: i64 = 2;

/// A request's id as text, from its stored form.
pub(in crate::store::sqlite) const REQUEST_ID_TEXT: &str =
    "CASE typeof(r.request_id) WHEN 'blob' THEN
     lower(substr(hex(r.request_id), 1, 8) || '-' || substr(hex(r.request_id), 9, 4) || '-' ||
     substr(hex(r.request_id), 13, 4) || '-' || substr(hex(r.request_id), 17, 4) || '-' ||
     substr(hex(r.request_id), 21)) ELSE CAST(r.request_id AS TEXT) END";

pub(super) const REQUEST_COLUMNS: &str =
    "r.seq, r.request_id, r.ts, p.name, o.kind, s.session_id, s.inferred,
     c.name, c.version, sc.name, sc.version, o.method, o.target_kind, o.target, r.latency_us,
     r.upstream_us, r.error_kind, r.error_code, r.error_msg, r.bytes_in, r.bytes_out";

/// LEFT joins, so that the sequence of `requests` always leads.
pub(super) const REQUEST_TABLES: &str = "requests r LEFT JOIN operations o ON o.id = r.operation
     LEFT JOIN proxies p ON p.id = o.proxy LEFT JOIN sessions s ON s.id = r.session
     LEFT JOIN clients c ON c.id = r.client LEFT JOIN clients sc ON sc.id = s.client";

pub(super) fn entries(
    connection: &Connection,
    filter: &Filter,
    page: Page,
) -> rusqlite::Result<Vec<Entry>> {
    let page = Page {
        limit: page.limit.min(Page::MAX_LIMIT),
        ..page
    };
    let mut found = match conditions::of_filter(connection, filter)? {
        Some(selection) => requests(connection, filter, selection, page)?,
        None => Vec::new(),
    };
    let gaps = gaps(connection, filter, page)?;
    if !gaps.is_empty() {
        found.extend(gaps);
        found.sort_by_key(Entry::seq);
        if page.order == Order::Descending {
            found.reverse();
        }
        found.truncate(page.limit);
    }
    Ok(found)
}

fn direction(page: Page) -> &'static str {
    match page.order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    }
}

fn limit_value(page: Page) -> Value {
    Value::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX))
}

/// Most operations whose failed requests are looked up one by one.
const MAX_LOOKED_UP: usize = 64;

fn requests(
    connection: &Connection,
    filter: &Filter,
    selection: Selection,
    page: Page,
) -> rusqlite::Result<Vec<Entry>> {
    let Selection {
        mut conditions,
        operations,
    } = selection;
    conditions.add_page("r.seq", page);
    let Some(operations) = operations else {
        return requests_where(connection, conditions, page);
    };
    let is_indexed = filter.is_of_failed() && layout_of(connection)? >= INDEXED_SINCE;
    if !is_indexed || operations.len() > MAX_LOOKED_UP {
        conditions.add_list("r.operation", &operations);
        return requests_where(connection, conditions, page);
    }
    // The index has each operation's failures in order: a page of each holds the page of all.
    let mut found = Vec::new();
    for operation in operations {
        let mut conditions = conditions.clone();
        conditions.add("r.operation = ?", [operation.into()]);
        found.extend(requests_where(connection, conditions, page)?);
    }
    found.sort_by_key(Entry::seq);
    if page.order == Order::Descending {
        found.reverse();
    }
    found.truncate(page.limit);
    Ok(found)
}

fn requests_where(
    connection: &Connection,
    conditions: Conditions,
    page: Page,
) -> rusqlite::Result<Vec<Entry>> {
    let sql = format!(
        "SELECT {REQUEST_COLUMNS} FROM {REQUEST_TABLES} WHERE {} ORDER BY r.seq {} LIMIT ?",
        conditions.sql(),
        direction(page)
    );
    let mut values = conditions.values();
    values.push(limit_value(page));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            request_row(row).map(|row| Entry::Request(Box::new(row)))
        })?
        .collect()
}

fn gaps(connection: &Connection, filter: &Filter, page: Page) -> rusqlite::Result<Vec<Entry>> {
    let mut conditions = Conditions::default();
    if let Some(since) = filter.since {
        conditions.add("to_ts >= ?", [since.into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("from_ts < ?", [until.into()]);
    }
    conditions.add_page("seq", page);
    let sql = format!(
        "SELECT seq, source, count, from_ts, to_ts FROM gaps WHERE {} ORDER BY seq {} LIMIT ?",
        conditions.sql(),
        direction(page)
    );
    let mut values = conditions.values();
    values.push(limit_value(page));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            Ok(Entry::Gap(GapRow {
                seq: row.get(0)?,
                source: row.get(1)?,
                count: row.get::<_, i64>(2)?.cast_unsigned(),
                from_ts: row.get(3)?,
                to_ts: row.get(4)?,
            }))
        })?
        .collect()
}

pub(super) fn request_row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let listed: Option<String> = row.get(5)?;
    let inferred = row.get::<_, Option<bool>>(6)?.unwrap_or(false);
    let own: (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
    let of_session: (Option<String>, Option<String>) = (row.get(9)?, row.get(10)?);
    let (client_name, client_version) = if own.0.is_none() && of_session.0.is_some() {
        of_session
    } else {
        own
    };
    let target_kind: Option<usize> = row.get(12)?;
    let target = |kind: TargetKind| -> rusqlite::Result<Option<String>> {
        if target_kind == Some(kind as usize + 1) {
            row.get(13)
        } else {
            Ok(None)
        }
    };
    let error_kind = error_kind(row.get(16)?);
    Ok(RequestRow {
        seq: row.get(0)?,
        request_id: id_text(row.get_ref(1)?),
        ts: row.get(2)?,
        proxy: row.get(3)?,
        kind: kind(row.get(4)?),
        session_id: if inferred { None } else { listed.clone() },
        session: listed,
        client_name,
        client_version,
        method: row.get(11)?,
        tool: target(TargetKind::Tool)?,
        resource_uri: target(TargetKind::Resource)?,
        prompt_name: target(TargetKind::Prompt)?,
        latency_us: row.get(14)?,
        upstream_us: row.get(15)?,
        status: error_kind.map_or(Status::Ok, ErrorKind::status),
        error_kind,
        error_code: row.get(17)?,
        error_msg: row.get(18)?,
        bytes_in: row.get(19)?,
        bytes_out: row.get(20)?,
    })
}

pub(super) fn kind(number: usize) -> Kind {
    Kind::ALL.get(number).copied().unwrap_or(Kind::Http)
}

pub(super) fn error_kind(number: Option<usize>) -> Option<ErrorKind> {
    number.and_then(|number| ErrorKind::ALL.get(number.wrapping_sub(1)).copied())
}
