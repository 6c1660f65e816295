//! Requests and gaps, page by page.

use crate::codes;
use crate::conditions::{self, Conditions, Selection};
use crate::layout::{WAYS_SINCE, layout_of};
use crate::notes;
use crate::recall::number_list;
use crate::recall::{NamesMatched, Recall};
use crate::requests::{format, id_text, latency};
use crate::session_ranges::{self, MAX_PLACES};
use crate::shown::shown;
use mcpr_model::{ErrorKind, Status, TargetKind};
use mcpr_store::query::{Cursor, Entry, Filter, GapRow, Order, Page, RequestRow};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// The layout that brought the index of failed requests.
const INDEXED_SINCE: i64 = 2;

pub(super) const REQUEST_COLUMNS: &str = concat!(
    "r.seq, ",
    shown!("r.request_id", "r.seq"),
    ", r.ts, ",
    shown!("p.name", "p.id"),
    ", o.kind, ",
    shown!("s.session_id", "s.id"),
    ", s.inferred, ",
    shown!("c.name", "c.id"),
    ", ",
    shown!("c.version", "c.id"),
    ", ",
    shown!("sc.name", "sc.id"),
    ", ",
    shown!("sc.version", "sc.id"),
    ", ",
    shown!("o.method", "o.id"),
    ", o.target_kind, ",
    shown!("o.target", "o.id"),
    ", r.latency_us, r.upstream_us, r.error_kind, ",
    shown!("r.error_code", "r.seq"),
    ", ",
    shown!("r.error_msg", "r.seq"),
    ", r.bytes_in, r.bytes_out"
);

/// The columns behind [`REQUEST_COLUMNS`] that later layouts brought.
fn later_columns(connection: &Connection) -> rusqlite::Result<&'static str> {
    let is_there = layout_of(connection)? >= WAYS_SINCE;
    Ok(if is_there {
        ", r.format, r.http_status, r.first_event_us"
    } else {
        ", NULL, NULL, NULL"
    })
}

pub(super) const GAP_COLUMNS: &str =
    concat!("seq, ", shown!("source", "seq"), ", count, from_ts, to_ts");

/// LEFT joins, so that the sequence of `requests` always leads.
pub(super) const REQUEST_TABLES: &str = "requests r LEFT JOIN operations o ON o.id = r.operation
     LEFT JOIN proxies p NOT INDEXED ON p.id = o.proxy LEFT JOIN sessions s ON s.id = r.session
     LEFT JOIN clients c NOT INDEXED ON c.id = r.client LEFT JOIN clients sc NOT INDEXED ON sc.id = s.client";

pub(super) fn entries(
    connection: &Connection,
    recall: &mut Recall,
    filter: &Filter,
    page: Page,
) -> rusqlite::Result<Vec<Entry>> {
    let page = Page {
        limit: page.limit.min(Page::MAX_LIMIT),
        ..page
    };
    let mut found = match conditions::of_filter(connection, recall, filter)? {
        Some(selection) => {
            let narrowed = recall.narrow(connection, filter, page)?;
            requests(connection, filter, selection, narrowed)?
        }
        None => Vec::new(),
    };
    // Behind the last request of a full page a gap belongs to a later one.
    let mut of_gaps = page;
    if let Some(last) = found.last().filter(|_| found.len() >= page.limit) {
        match page.order {
            Order::Ascending => of_gaps.before = Some(last.cursor()),
            Order::Descending => of_gaps.after = Some(last.cursor()),
        }
    }
    let gaps = gaps(connection, filter, of_gaps)?;
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

/// The requests at some places of the sequence, as they come. Whoever sorts or limits, does it by numbers
/// first and reads the rows that are left here: what SQLite sorts would carry the names of each row.
pub(super) fn rows_at(connection: &Connection, seqs: &[i64]) -> rusqlite::Result<Vec<RequestRow>> {
    // Mostly a listing has more statements than rows at its end.
    if seqs.is_empty() {
        return Ok(Vec::new());
    }
    let later = later_columns(connection)?;
    let sql = format!(
        "SELECT {REQUEST_COLUMNS}{later} FROM json_each(?1) k CROSS JOIN {REQUEST_TABLES} WHERE r.seq = k.value"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map([number_list(seqs)], request_row)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    notes::add_to(connection, &mut rows)?;
    Ok(rows)
}

pub(super) fn direction(order: Order) -> &'static str {
    match order {
        Order::Ascending => "ASC",
        Order::Descending => "DESC",
    }
}

fn limit_value(page: Page) -> Value {
    Value::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX))
}

/// Most operations whose failed requests are looked up one by one.
// Each is a statement of its own that reads up to a page.
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
        session,
    } = selection;
    // The sequence leads: an index over times would have each page sort all that lies in them.
    conditions.add_times(filter, "+r.ts");
    conditions.add_page("r.seq", page);
    // Failures are few among all requests: without the index a page of them may read the whole
    // store. Of a session there are few anyway.
    let is_indexed =
        filter.is_of_failed() && session.is_none() && layout_of(connection)? >= INDEXED_SINCE;
    let operations = match operations {
        NamesMatched::These(operations) if is_indexed && operations.len() <= MAX_LOOKED_UP => {
            operations
        }
        operations => {
            conditions.add_operations(&operations);
            let Some(session) = session else {
                return requests_where(connection, conditions, page);
            };
            return requests_of_session(connection, conditions, session, page);
        }
    };
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

/// A page of a session goes from range to range: all of them sorted once would be read anew by each page.
fn requests_of_session(
    connection: &Connection,
    mut conditions: Conditions,
    session: i64,
    page: Page,
) -> rusqlite::Result<Vec<Entry>> {
    conditions.add("r.session = ?", [session.into()]);
    if !session_ranges::has_ranges(connection)? {
        return requests_where(connection, conditions, page);
    }
    let clause = "g.session = ? AND r.seq BETWEEN g.first_seq AND g.last_seq";
    conditions.add(clause, [session.into()]);
    // Found by where they begin, so that none before the page is looked at.
    let reach = page
        .after
        .map(|after| after.to_seq().saturating_sub(MAX_PLACES));
    conditions.add_page(
        "g.first_seq",
        Page {
            after: reach.map(Cursor::from_seq),
            ..page
        },
    );
    let tables = format!("session_ranges g CROSS JOIN {REQUEST_TABLES}");
    requests_from(
        connection,
        &tables,
        &["g.first_seq", "r.seq"],
        conditions,
        page,
    )
}

fn requests_where(
    connection: &Connection,
    conditions: Conditions,
    page: Page,
) -> rusqlite::Result<Vec<Entry>> {
    requests_from(connection, REQUEST_TABLES, &["r.seq"], conditions, page)
}

fn requests_from(
    connection: &Connection,
    tables: &str,
    order: &[&str],
    conditions: Conditions,
    page: Page,
) -> rusqlite::Result<Vec<Entry>> {
    let later = later_columns(connection)?;
    let direction = direction(page.order);
    let sql = format!(
        "SELECT {REQUEST_COLUMNS}{later} FROM {tables} WHERE {} ORDER BY {} {direction} LIMIT ?",
        conditions.sql(),
        order.join(&format!(" {direction}, "))
    );
    let mut values = conditions.values();
    values.push(limit_value(page));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), request_row)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    notes::add_to(connection, &mut rows)?;
    Ok(rows
        .into_iter()
        .map(|row| Entry::Request(Box::new(row)))
        .collect())
}

fn gaps(connection: &Connection, filter: &Filter, page: Page) -> rusqlite::Result<Vec<Entry>> {
    let mut conditions = Conditions::default();
    if let Some(since) = filter.since {
        // A gap that reaches into the window is part of it: what was lost may have been within.
        conditions.add("to_ts >= ?", [since.into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("from_ts < ?", [until.into()]);
    }
    conditions.add_page("seq", page);
    let sql = format!(
        "SELECT {GAP_COLUMNS} FROM gaps WHERE {} ORDER BY seq {} LIMIT ?",
        conditions.sql(),
        direction(page.order)
    );
    let mut values = conditions.values();
    values.push(limit_value(page));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| gap_row(row).map(Entry::Gap))?
        .collect()
}

/// A row of [`GAP_COLUMNS`].
pub(super) fn gap_row(row: &Row<'_>) -> rusqlite::Result<GapRow> {
    Ok(GapRow {
        seq: row.get(0)?,
        source: row.get(1)?,
        count: row.get::<_, i64>(2)?.cast_unsigned(),
        from_ts: row.get(3)?,
        to_ts: row.get(4)?,
    })
}

pub(super) fn request_row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let listed: Option<String> = row.get(5)?;
    let inferred = row.get::<_, Option<bool>>(6)?.unwrap_or(false);
    let own: (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
    let of_session: (Option<String>, Option<String>) = (row.get(9)?, row.get(10)?);
    // Name and version together: the name of one and the version of the other would make a third
    // client.
    let (client_name, client_version) = if own.0.is_none() && of_session.0.is_some() {
        of_session
    } else {
        own
    };
    let target_kind = codes::target_kind(row, 12)?;
    let target = |kind: TargetKind| -> rusqlite::Result<Option<String>> {
        if target_kind == Some(kind) {
            row.get(13)
        } else {
            Ok(None)
        }
    };
    let error_kind = codes::error_kind(row, 16)?;
    Ok(RequestRow {
        seq: row.get(0)?,
        request_id: id_text(row.get_ref(1)?),
        ts: row.get(2)?,
        proxy: row.get(3)?,
        kind: codes::kind(row, 4)?,
        // An inferred session is ours: its id was stated by nobody.
        session_id: if inferred { None } else { listed.clone() },
        session: listed,
        client_name,
        client_version,
        method: row.get(11)?,
        tool: target(TargetKind::Tool)?,
        resource_uri: target(TargetKind::Resource)?,
        prompt_name: target(TargetKind::Prompt)?,
        latency_us: latency(row, 14)?,
        upstream_us: row.get(15)?,
        status: error_kind.map_or(Status::Ok, ErrorKind::status),
        error_kind,
        error_code: row.get(17)?,
        error_msg: row.get(18)?,
        bytes_in: row.get(19)?,
        bytes_out: row.get(20)?,
        format: format(row, 21)?,
        http_status: row.get(22)?,
        first_event_us: row.get(23)?,
        // What few requests have is noted elsewhere, see `notes`.
        ..RequestRow::default()
    })
}
