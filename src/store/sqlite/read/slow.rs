//! The slowest requests: hour by hour through the index of slow ones, else by a look at every request.

use super::entries::{REQUEST_COLUMNS, REQUEST_TABLES, request_row};
use crate::model::time::HOUR_MS;
use crate::query::{Filter, RequestRow, Slowest};
use crate::store::sqlite::conditions::{self, Conditions, Selection};
use crate::store::sqlite::open::layout_of;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

/// The layout that brought the index by hours.
const INDEXED_SINCE: i64 = 6;
/// Requests that took at least this long are in the index.
const SLOW_INDEX_US: i64 = 100_000;

pub(super) fn slowest(
    connection: &Connection,
    filter: &Filter,
    limit: usize,
) -> rusqlite::Result<Vec<RequestRow>> {
    let Some(Selection {
        mut conditions,
        operations,
    }) = conditions::of_filter(connection, filter)?
    else {
        return Ok(Vec::new());
    };
    if let Some(operations) = operations {
        conditions.add_list("r.operation", &operations);
    }
    let is_indexed = filter.min_latency_us >= Some(SLOW_INDEX_US)
        && filter.session.is_none()
        && layout_of(connection)? >= INDEXED_SINCE;
    if is_indexed {
        by_hours(connection, filter, &conditions, limit)
    } else {
        of_all(connection, conditions, limit)
    }
}

fn of_all(
    connection: &Connection,
    conditions: Conditions,
    limit: usize,
) -> rusqlite::Result<Vec<RequestRow>> {
    let sql = format!(
        "SELECT {REQUEST_COLUMNS} FROM {REQUEST_TABLES} WHERE {}
         ORDER BY r.latency_us DESC, r.seq DESC LIMIT ?",
        conditions.sql(),
    );
    let mut values = conditions.values();
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), request_row)?
        .collect()
}

/// Each hour's slowest come first: an hour is left at its first request that is not slow enough any
/// more.
fn by_hours(
    connection: &Connection,
    filter: &Filter,
    conditions: &Conditions,
    limit: usize,
) -> rusqlite::Result<Vec<RequestRow>> {
    let tables = REQUEST_TABLES.replacen("requests r", "requests r INDEXED BY requests_slow", 1);
    let mut of_hour = connection.prepare_cached(&format!(
        "SELECT {REQUEST_COLUMNS} FROM {tables}
         WHERE {} AND r.latency_us >= {SLOW_INDEX_US} AND r.ts / {HOUR_MS} = ?
         ORDER BY r.latency_us DESC",
        conditions.sql(),
    ))?;
    let mut before = connection.prepare_cached(&format!(
        "SELECT r.ts / {HOUR_MS} FROM requests r INDEXED BY requests_slow
         WHERE r.latency_us >= {SLOW_INDEX_US} AND r.ts / {HOUR_MS} < ?
         ORDER BY r.ts / {HOUR_MS} DESC LIMIT 1",
    ))?;
    let first = filter.since.map_or(i64::MIN, |since| since / HOUR_MS);
    let mut end = filter.until.map_or(i64::MAX, |until| until / HOUR_MS + 1);
    let mut slowest = Slowest::new(limit);
    while let Some(hour) = before.query_row([end], |row| row.get(0)).optional()? {
        if hour < first {
            break;
        }
        let mut values = conditions.clone().values();
        values.push(Value::Integer(hour));
        for row in of_hour.query_map(params_from_iter(values), request_row)? {
            let row = row?;
            if !slowest.may_take(row.latency_us) {
                break;
            }
            slowest.offer(row);
        }
        end = hour;
    }
    Ok(slowest.finish())
}
