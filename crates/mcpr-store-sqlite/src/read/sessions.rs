//! Sessions, a page at a time.

use super::CONVERSATIONS_SINCE;
use crate::conditions::Conditions;
use crate::layout::layout_of;
use crate::recall::{NamesMatched, Recall};
use crate::shown::shown;
use mcpr_store::query::{
    Filter, Page, SessionFilter, SessionOrder, SessionPage, SessionPlace, SessionRow,
};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// The layout in which the index of use has sessions without a call, too.
const ALL_USED_SINCE: i64 = 10;
/// The layout that brought the index of beginnings.
const STARTED_SINCE: i64 = 8;
/// What a session is called by.
const NAMES: &str = concat!(
    shown!("p.name", "p.id"),
    ", ",
    shown!("s.session_id", "s.id")
);

const CONVERSATION: &str = concat!(
    "(SELECT ",
    shown!("v.conversation", "v.session"),
    " FROM conversations v WHERE v.session = s.id)"
);

/// What a client is called by.
pub(super) const CLIENT: &str =
    concat!(shown!("c.name", "c.id"), ", ", shown!("c.version", "c.id"));

/// The orders of pages. Names come at the end, so that sessions of one moment have one order on every page.
const STARTED: &str = "s.started_at";
const USED: &str = "s.last_seen_at DESC, s.started_at DESC";

/// The names that a filter asks for.
pub(super) fn named(filter: &SessionFilter) -> Filter {
    Filter {
        client: filter.client.clone(),
        proxy: filter.proxy.clone(),
        ..Filter::default()
    }
}

/// The conditions of a filter on `sessions s` joined with `proxies p`.
pub(super) fn conditions_of(
    connection: &Connection,
    recall: &mut Recall,
    filter: &SessionFilter,
) -> rusqlite::Result<Conditions> {
    let mut conditions = Conditions::default();
    if !filter.with_empty {
        // Word for word the condition of an older layout's index, which could not be used otherwise.
        conditions.add("s.total_calls > 0", []);
    }
    // Remembered from page to page: each would compare the patterns with every name anew.
    let named = named(filter);
    // By their numbers: a name, compared with that of each session, may be long.
    match recall.proxies(connection, &named)? {
        NamesMatched::These(ids) if ids.len() == 1 => {
            conditions.add("s.proxy = ?", [ids[0].into()]);
        }
        // The `+` keeps it from sorting all sessions of these for the sake of one page.
        several => conditions.add_matched("+s.proxy", &several),
    }
    if let Some(since) = filter.since {
        // A session is in a window if any part of it is.
        conditions.add("s.last_seen_at >= ?", [since.into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("s.started_at < ?", [until.into()]);
    }
    if let Some(now) = filter.active_at {
        let least = now - SessionRow::ACTIVE_MS;
        conditions.add("s.ended_at IS NULL AND s.last_seen_at >= ?", [least.into()]);
    }
    conditions.add_matched("s.client", &recall.clients(connection, &named)?);
    conditions.add_prefix("s.session_id", filter.prefix.as_deref().unwrap_or_default());
    if let Some(id) = &filter.id {
        conditions.add("s.session_id = ?", [id.clone().into()]);
    }
    if let Some(last) = &filter.up_to {
        // Row values would be compared in one direction only; the first bound alone finds the index.
        let clause = format!(
            "s.last_seen_at >= ? AND (s.last_seen_at > ? OR s.started_at > ?
              OR (s.started_at = ? AND ({NAMES}) <= (?, ?)))"
        );
        conditions.add(
            &clause,
            [
                last.last_seen_at.into(),
                last.last_seen_at.into(),
                last.started_at.into(),
                last.started_at.into(),
                last.key.proxy.clone().into(),
                last.key.id.clone().into(),
            ],
        );
    }
    Ok(conditions)
}

/// Only what stands after a place in an order.
fn add_after(conditions: &mut Conditions, place: &SessionPlace, order: SessionOrder) {
    let SessionPlace {
        last_seen_at,
        started_at,
        key,
    } = place;
    let names: [Value; 2] = [key.proxy.clone().into(), key.id.clone().into()];
    match order {
        SessionOrder::Started => {
            let times: [Value; 2] = [(*started_at).into(), (*started_at).into()];
            let clause = format!("s.started_at >= ? AND (s.started_at > ? OR ({NAMES}) > (?, ?))");
            conditions.add(&clause, times.into_iter().chain(names));
        }
        SessionOrder::Used => {
            let times: [Value; 4] = [
                (*last_seen_at).into(),
                (*last_seen_at).into(),
                (*started_at).into(),
                (*started_at).into(),
            ];
            let clause = format!(
                "s.last_seen_at <= ? AND (s.last_seen_at < ? OR s.started_at < ?
                  OR (s.started_at = ? AND ({NAMES}) > (?, ?)))"
            );
            conditions.add(&clause, times.into_iter().chain(names));
        }
    }
}

/// The SQL of a page of sessions, with its values.
fn select(
    connection: &Connection,
    recall: &mut Recall,
    filter: &SessionFilter,
    page: &SessionPage,
) -> rusqlite::Result<(String, Vec<Value>)> {
    let layout = layout_of(connection)?;
    let mut conditions = conditions_of(connection, recall, filter)?;
    if let Some(place) = &page.after {
        add_after(&mut conditions, place, page.order);
    }
    let is_named = filter.id.is_some() || filter.prefix.as_ref().is_some_and(|it| !it.is_empty());
    // Left to itself SQLite would sort all sessions for each page. An older index of use has those with
    // a call only, and among the few of an id or a prefix sorting is cheaper than a walk over all.
    let (by, times) = match page.order {
        SessionOrder::Used if is_named || (filter.with_empty && layout < ALL_USED_SINCE) => {
            ("", USED)
        }
        SessionOrder::Used => ("INDEXED BY sessions_last_seen", USED),
        SessionOrder::Started if is_named || layout < STARTED_SINCE => ("", STARTED),
        SessionOrder::Started => ("INDEXED BY sessions_started", STARTED),
    };
    // A reader migrates nothing: in an older store the table is not there.
    let conversation = if layout < CONVERSATIONS_SINCE {
        "NULL"
    } else {
        CONVERSATION
    };
    // CROSS keeps the sessions in the lead, in the order of their index.
    let sql = format!(
        "SELECT {NAMES}, s.inferred, {CLIENT}, s.started_at, s.last_seen_at,
                s.ended_at, s.total_calls, s.total_errors, {conversation}
         FROM sessions s {by} CROSS JOIN proxies p NOT INDEXED ON p.id = s.proxy LEFT JOIN clients c NOT INDEXED ON c.id = s.client
         WHERE {} ORDER BY {times}, 1, 2 LIMIT ?",
        conditions.sql()
    );
    let mut values = conditions.values();
    let limit = page.limit.min(Page::MAX_LIMIT);
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    Ok((sql, values))
}

pub(super) fn sessions(
    connection: &Connection,
    recall: &mut Recall,
    filter: &SessionFilter,
    page: &SessionPage,
) -> rusqlite::Result<Vec<SessionRow>> {
    let (sql, values) = select(connection, recall, filter, page)?;
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), session_row)?
        .collect()
}

fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        proxy: row.get(0)?,
        session_id: row.get(1)?,
        inferred: row.get(2)?,
        client_name: row.get(3)?,
        client_version: row.get(4)?,
        started_at: row.get(5)?,
        last_seen_at: row.get(6)?,
        ended_at: row.get(7)?,
        total_calls: row.get(8)?,
        total_errors: row.get(9)?,
        conversation: row.get(10)?,
    })
}
