//! Sessions, and the clients behind them.

use super::conditions::{self, Conditions, boxed};
use crate::db::Db;
use crate::errors::DbFault;
use crate::values::{optional_string, string};
use mcpr_store::query::{
    ClientRow, ListedClients, Page, SessionFilter, SessionOrder, SessionPage, SessionPlace,
    SessionRow,
};
use postgres::Row;

const TABLES: &str =
    "sessions s JOIN proxies p ON p.id = s.proxy LEFT JOIN clients c ON c.id = s.client";

/// The conditions of a filter on `sessions s` joined with `proxies p`.
fn conditions_of(db: &mut Db, filter: &SessionFilter) -> Result<Conditions, DbFault> {
    let mut conditions = Conditions::default();
    if !filter.with_empty {
        conditions.add("s.total_calls > 0", []);
    }
    if let Some(pattern) = &filter.proxy {
        let mut meant: Vec<i64> = Vec::new();
        db.each("SELECT id, name FROM proxies", &[], &mut |row| {
            if pattern.matches(&string(row, 1)?) {
                meant.push(row.try_get(0)?);
            }
            Ok(true)
        })?;
        conditions.add_one("s.proxy = ANY(?)", meant);
    }
    if let Some(since) = filter.since {
        // A session is in a window if any part of it is.
        conditions.add_one("s.last_seen_at >= ?", since);
    }
    if let Some(until) = filter.until {
        conditions.add_one("s.started_at < ?", until);
    }
    if let Some(now) = filter.active_at {
        let least = now.saturating_sub(SessionRow::ACTIVE_MS);
        conditions.add_one("s.ended_at IS NULL AND s.last_seen_at >= ?", least);
    }
    if let Some(pattern) = &filter.client {
        let (meant, _) = conditions::clients(db, pattern)?;
        conditions.add_one("s.client = ANY(?)", meant);
    }
    conditions.add_prefix("s.session_id", filter.prefix.as_deref().unwrap_or_default());
    if let Some(id) = &filter.id {
        conditions.add_one("s.session_id = ?", id.as_bytes().to_vec());
    }
    if let Some(last) = &filter.up_to {
        // Row values would be compared in one direction only.
        let clause =
            "(s.last_seen_at > ? OR (s.last_seen_at = ? AND (s.started_at > ? OR (s.started_at = ?
                       AND (p.name, s.session_id) <= (?, ?)))))";
        add_place(&mut conditions, clause, last);
    }
    Ok(conditions)
}

/// Adds a condition that takes both times of a place twice, and then its names.
fn add_place(conditions: &mut Conditions, clause: &str, place: &SessionPlace) {
    let (used, began) = (place.last_seen_at, place.started_at);
    let names = [&place.key.proxy, &place.key.id].map(|name| name.as_bytes().to_vec());
    let [proxy, id] = names;
    conditions.add(
        clause,
        [
            boxed(used),
            boxed(used),
            boxed(began),
            boxed(began),
            boxed(proxy),
            boxed(id),
        ],
    );
}

fn add_after(conditions: &mut Conditions, place: &SessionPlace, order: SessionOrder) {
    match order {
        SessionOrder::Started => {
            let names = [&place.key.proxy, &place.key.id].map(|name| name.as_bytes().to_vec());
            let [proxy, id] = names;
            let began = place.started_at;
            conditions.add(
                "s.started_at >= ? AND (s.started_at, p.name, s.session_id) > (?, ?, ?)",
                [boxed(began), boxed(began), boxed(proxy), boxed(id)],
            );
        }
        SessionOrder::Used => {
            let clause = "(s.last_seen_at < ? OR (s.last_seen_at = ? AND (s.started_at < ? OR (s.started_at = ?
                           AND (p.name, s.session_id) > (?, ?)))))";
            add_place(conditions, clause, place);
        }
    }
}

pub(super) fn sessions(
    db: &mut Db,
    filter: &SessionFilter,
    page: &SessionPage,
) -> Result<Vec<SessionRow>, DbFault> {
    let mut conditions = conditions_of(db, filter)?;
    if let Some(place) = &page.after {
        add_after(&mut conditions, place, page.order);
    }
    // Names come at the end, so that sessions of one moment have one order on every page.
    let order = match page.order {
        SessionOrder::Started => "s.started_at",
        SessionOrder::Used => "s.last_seen_at DESC, s.started_at DESC",
    };
    let limit = page.limit.min(Page::MAX_LIMIT);
    let limit = conditions.value(i64::try_from(limit).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT p.name, s.session_id, s.inferred, c.name, c.version, s.started_at, s.last_seen_at, s.ended_at,
                s.total_calls, s.total_errors, s.conversation
         FROM {TABLES} WHERE {} ORDER BY {order}, p.name, s.session_id LIMIT {limit}",
        conditions.sql()
    );
    let rows = db.rows(&sql, &conditions.values())?;
    rows.iter().map(session_row).collect()
}

fn session_row(row: &Row) -> Result<SessionRow, DbFault> {
    Ok(SessionRow {
        proxy: string(row, 0)?,
        session_id: string(row, 1)?,
        inferred: row.try_get(2)?,
        client_name: optional_string(row, 3)?,
        client_version: optional_string(row, 4)?,
        started_at: row.try_get(5)?,
        last_seen_at: row.try_get(6)?,
        ended_at: row.try_get(7)?,
        total_calls: row.try_get(8)?,
        total_errors: row.try_get(9)?,
        conversation: optional_string(row, 10)?,
    })
}

/// The SQL of a sum, which ends at the largest number instead of failing.
pub(super) fn bounded_sum(column: &str) -> String {
    format!("least(coalesce(sum({column}), 0), {})::bigint", i64::MAX)
}

pub(super) fn clients(
    db: &mut Db,
    filter: &SessionFilter,
    most: usize,
) -> Result<Vec<ClientRow>, DbFault> {
    let conditions = conditions_of(db, filter)?;
    // Sorted by the server: of clients there may be any number.
    let sql = format!(
        "SELECT c.name, c.version, count(*), {calls}, {errors}, min(s.started_at), max(s.last_seen_at)
         FROM {TABLES} WHERE {conditions} GROUP BY s.client, c.name, c.version
         ORDER BY {calls} DESC, count(*) DESC, c.name NULLS FIRST, c.version NULLS FIRST",
        calls = bounded_sum("s.total_calls"),
        errors = bounded_sum("s.total_errors"),
        conditions = conditions.sql()
    );
    // They come in the order of the answer.
    let mut clients = ListedClients::new(most);
    db.each(&sql, &conditions.values(), &mut |row| {
        clients.add(ClientRow {
            client_name: optional_string(row, 0)?,
            client_version: optional_string(row, 1)?,
            sessions: row.try_get::<_, i64>(2)?.cast_unsigned(),
            total_calls: row.try_get(3)?,
            total_errors: row.try_get(4)?,
            first_seen_at: row.try_get(5)?,
            last_seen_at: row.try_get(6)?,
        });
        Ok(true)
    })?;
    Ok(clients.finish())
}
