//! Sessions, and the clients behind them.

use super::CONVERSATIONS_SINCE;
use crate::query::{ClientRow, SessionFilter, SessionRow, sort_clients};
use crate::store::sqlite::conditions::{Conditions, matching_clients};
use crate::store::sqlite::open::layout_of;
use crate::store::sqlite::sums;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// The conditions of a filter on `sessions s` joined with `proxies p`.
fn conditions_of(connection: &Connection, filter: &SessionFilter) -> rusqlite::Result<Conditions> {
    let mut conditions = Conditions::default();
    if !filter.with_empty {
        conditions.add("s.total_calls > 0", []);
    }
    if let Some(proxy) = &filter.proxy {
        conditions.add("p.name = ?", [proxy.clone().into()]);
    }
    if let Some(since) = filter.since {
        conditions.add("s.last_seen_at >= ?", [since.into()]);
    }
    if let Some(until) = filter.until {
        conditions.add("s.started_at < ?", [until.into()]);
    }
    if let Some(now) = filter.active_at {
        let least = now - SessionRow::ACTIVE_MS;
        conditions.add("s.ended_at IS NULL AND s.last_seen_at >= ?", [least.into()]);
    }
    if let Some(pattern) = &filter.client {
        let list = serde_json::to_string(&matching_clients(connection, pattern)?)
            .expect("numbers are JSON");
        conditions.add(
            "s.client IN (SELECT value FROM json_each(?))",
            [list.into()],
        );
    }
    if let Some(prefix) = filter.prefix.as_ref().filter(|prefix| !prefix.is_empty()) {
        conditions.add("s.session_id >= ?", [prefix.clone().into()]);
        conditions.add(
            "substr(s.session_id, 1, ?) = ?",
            [
                Value::Integer(i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX)),
                prefix.clone().into(),
            ],
        );
        if let Some(end) = after_prefix(prefix) {
            conditions.add("s.session_id < ?", [end.into()]);
        }
    }
    Ok(conditions)
}

pub(super) fn sessions(
    connection: &Connection,
    filter: &SessionFilter,
) -> rusqlite::Result<Vec<SessionRow>> {
    let conditions = conditions_of(connection, filter)?;
    // Left to itself SQLite would sort all sessions to show the newest few.
    let newest_few = filter.limit.is_some() && !filter.with_empty && filter.prefix.is_none();
    let by = if newest_few {
        "INDEXED BY sessions_last_seen"
    } else {
        ""
    };
    let conversation = if layout_of(connection)? < CONVERSATIONS_SINCE {
        "NULL"
    } else {
        "(SELECT v.conversation FROM conversations v WHERE v.session = s.id)"
    };
    let sql = format!(
        "SELECT s.session_id, s.inferred, p.name, c.name, c.version, s.started_at, s.last_seen_at,
                s.ended_at, s.total_calls, s.total_errors, {conversation}
         FROM sessions s {by} CROSS JOIN proxies p ON p.id = s.proxy LEFT JOIN clients c ON c.id = s.client
         WHERE {} ORDER BY s.last_seen_at DESC, s.started_at DESC, p.name, s.session_id LIMIT ?",
        conditions.sql()
    );
    let mut values = conditions.values();
    let limit = filter
        .limit
        .and_then(|limit| i64::try_from(limit).ok())
        .unwrap_or(-1);
    values.push(limit.into());
    let mut found: Vec<SessionRow> = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), session_row)?
        .collect::<rusqlite::Result<_>>()?;
    found.sort_by(|left, right| {
        (left.started_at, &left.proxy, &left.session_id).cmp(&(
            right.started_at,
            &right.proxy,
            &right.session_id,
        ))
    });
    Ok(found)
}

pub(super) fn clients(
    connection: &Connection,
    filter: &SessionFilter,
) -> rusqlite::Result<Vec<ClientRow>> {
    let conditions = conditions_of(connection, filter)?;
    let [calls, errors] = ["s.total_calls", "s.total_errors"].map(sums::rounded);
    let sql = format!(
        "SELECT c.name, c.version, count(*), {calls}, {errors},
                min(s.started_at), max(s.last_seen_at)
         FROM sessions s JOIN proxies p ON p.id = s.proxy LEFT JOIN clients c ON c.id = s.client
         WHERE {} GROUP BY c.name, c.version",
        conditions.sql()
    );
    let mut rows: Vec<ClientRow> = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(conditions.values()), |row| {
            Ok(ClientRow {
                client_name: row.get(0)?,
                client_version: row.get(1)?,
                sessions: row.get(2)?,
                total_calls: row.get(3)?,
                total_errors: row.get(4)?,
                first_seen_at: row.get(5)?,
                last_seen_at: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    sort_clients(&mut rows);
    Ok(rows)
}

/// The smallest text that is greater than every text with this prefix, where there is one.
fn after_prefix(prefix: &str) -> Option<String> {
    let last = prefix.chars().next_back()?;
    let next = (last as u32 + 1..=char::MAX as u32).find_map(char::from_u32)?;
    let mut end = prefix[..prefix.len() - last.len_utf8()].to_owned();
    end.push(next);
    Some(end)
}

fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        session_id: row.get(0)?,
        inferred: row.get(1)?,
        proxy: row.get(2)?,
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
