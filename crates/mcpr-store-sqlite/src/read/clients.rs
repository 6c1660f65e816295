//! The clients behind sessions: from the sums of blocks of sessions, and from the sessions of those blocks that have
//! none or lie only partly in the window.

use super::sessions::{CLIENT, conditions_of, named};
use crate::conditions::Conditions;
use crate::layout::layout_of;
use crate::recall::Recall;
use crate::session_blocks::{SINCE, block_of, sessions_of};
use crate::sums::rounded;
use mcpr_store::query::{ClientRow, ListedClients, SessionFilter};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// Stretches of sessions that are looked at one by one; where there are more of them, every session is.
const MAX_STRETCHES: usize = 1000;

pub(super) fn clients(
    connection: &Connection,
    recall: &mut Recall,
    filter: &SessionFilter,
    most: usize,
) -> rusqlite::Result<Vec<ClientRow>> {
    let (counted, values) = counted(connection, recall, filter)?;
    // Sorted by SQLite, which does outside of its memory what does not fit into it: of clients there may be
    // any number. Sums are put together by number first, so that names are read once each.
    let sql = format!(
        "SELECT {CLIENT}, n.sessions, n.calls, n.errors, n.first, n.last
         FROM (SELECT client, sum(sessions) AS sessions, {} AS calls, {} AS errors, min(first) AS first,
                      max(last) AS last
               FROM ({counted}) GROUP BY client) n
         LEFT JOIN clients c NOT INDEXED ON c.id = n.client
         ORDER BY n.calls DESC, n.sessions DESC, 1, 2",
        rounded("calls"),
        rounded("errors"),
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut clients = ListedClients::new(most);
    while let Some(row) = rows.next()? {
        clients.add(ClientRow {
            client_name: row.get(0)?,
            client_version: row.get(1)?,
            sessions: row.get(2)?,
            total_calls: row.get(3)?,
            total_errors: row.get(4)?,
            first_seen_at: row.get(5)?,
            last_seen_at: row.get(6)?,
        });
    }
    Ok(clients.finish())
}

/// The SQL of rows of a client's number, sessions, calls, errors, first and last time, with its values: one row for
/// each session or for several.
fn counted(
    connection: &Connection,
    recall: &mut Recall,
    filter: &SessionFilter,
) -> rusqlite::Result<(String, Vec<Value>)> {
    const ONE_BY_ONE: &str =
        "SELECT s.client AS client, 1 AS sessions, s.total_calls AS calls, s.total_errors AS errors,
                s.started_at AS first, s.last_seen_at AS last";
    let conditions = conditions_of(connection, recall, filter)?;
    let stretches = stretches(connection, filter)?;
    let Some(Stretches { in_parts, sessions }) = stretches else {
        let sql = format!(
            "{ONE_BY_ONE} FROM sessions s LEFT JOIN proxies p NOT INDEXED ON p.id = s.proxy WHERE {}",
            conditions.sql()
        );
        return Ok((sql, conditions.values()));
    };
    let of_blocks = conditions_of_blocks(connection, recall, filter)?;
    // CROSS keeps the stretches in the lead. Numbers of ours stand in the text as they are.
    let sql = format!(
        "SELECT nullif(b.client, 0) AS client, b.sessions AS sessions, b.calls AS calls, b.errors AS errors,
                b.first_started_at AS first, b.last_seen_at AS last
         FROM session_blocks b WHERE b.block NOT IN ({in_parts}) AND {}
         UNION ALL
         {ONE_BY_ONE} FROM (VALUES {sessions}) t CROSS JOIN sessions s NOT INDEXED
              ON s.id BETWEEN t.column1 AND t.column2
              LEFT JOIN proxies p NOT INDEXED ON p.id = s.proxy
         WHERE {}",
        of_blocks.sql(),
        conditions.sql()
    );
    let mut values = of_blocks.values();
    values.extend(conditions.values());
    Ok((sql, values))
}

/// What the sums of blocks do not answer.
struct Stretches {
    /// Blocks with sums of which only some sessions are in the window, as a list of numbers.
    in_parts: String,
    /// The sessions of these and of blocks without sums, as a list of pairs.
    sessions: String,
}

/// What has to be looked at one by one; `None` where that is everything.
fn stretches(
    connection: &Connection,
    filter: &SessionFilter,
) -> rusqlite::Result<Option<Stretches>> {
    // Of these only the sessions themselves know.
    let asks_for_one = filter.active_at.is_some()
        || filter.prefix.is_some()
        || filter.id.is_some()
        || filter.up_to.is_some();
    if asks_for_one || layout_of(connection)? < SINCE {
        return Ok(None);
    }
    let (since, until) = window(filter);
    let mut statement = connection.prepare_cached(
        "SELECT block, max(last_seen_at >= ?1 AND first_started_at < ?2
                           AND NOT (first_last_seen_at >= ?1 AND last_started_at < ?2))
         FROM session_blocks GROUP BY block ORDER BY block",
    )?;
    let mut rows = statement.query([since, until])?;
    let (mut in_parts, mut sessions) = (Vec::new(), Vec::new());
    // The first session that was not looked at.
    let mut next = 0;
    while let Some(row) = rows.next()? {
        let (block, is_in_parts): (i64, bool) = (row.get(0)?, row.get(1)?);
        if is_in_parts {
            in_parts.push(block.to_string());
            if in_parts.len() > MAX_STRETCHES {
                return Ok(None);
            }
            continue;
        }
        let (first, last) = sessions_of(block);
        if next < first {
            sessions.push(format!("({next}, {})", first - 1));
        }
        next = last + 1;
        if sessions.len() > MAX_STRETCHES {
            return Ok(None);
        }
    }
    sessions.push(format!("({next}, {})", i64::MAX));
    Ok((block_of(next) > 0).then(|| Stretches {
        in_parts: in_parts.join(", "),
        sessions: sessions.join(", "),
    }))
}

/// The bounds of a filter's window.
fn window(filter: &SessionFilter) -> (i64, i64) {
    (
        filter.since.unwrap_or(i64::MIN),
        filter.until.unwrap_or(i64::MAX),
    )
}

/// The conditions of a filter on sums of blocks that lie wholly in the window or wholly outside of it.
fn conditions_of_blocks(
    connection: &Connection,
    recall: &mut Recall,
    filter: &SessionFilter,
) -> rusqlite::Result<Conditions> {
    let mut conditions = Conditions::default();
    if !filter.with_empty {
        conditions.add("b.used = 1", []);
    }
    let named = named(filter);
    conditions.add_matched("b.proxy", &recall.proxies(connection, &named)?);
    conditions.add_matched("nullif(b.client, 0)", &recall.clients(connection, &named)?);
    let (since, until) = window(filter);
    conditions.add("b.last_seen_at >= ?", [since.into()]);
    conditions.add("b.first_started_at < ?", [until.into()]);
    Ok(conditions)
}
