//! The slowest requests: hour by hour through the index of slow ones, else by a look at every request.

use super::entries::{REQUEST_TABLES, rows_at};
use crate::conditions::{self, Conditions};
use crate::layout::layout_of;
use crate::recall::Recall;
use mcpr_model::time::HOUR_MS;
use mcpr_store::query::{Filter, Page, RequestRow, Slowest};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The layout that brought the index by hours.
const INDEXED_SINCE: i64 = 6;
/// Requests that took at least this long are in the index.
const SLOW_INDEX_US: i64 = 100_000;

pub(super) fn slowest(
    connection: &Connection,
    recall: &mut Recall,
    filter: &Filter,
    limit: usize,
) -> rusqlite::Result<Vec<RequestRow>> {
    let Some(selection) = conditions::of_filter(connection, recall, filter)? else {
        return Ok(Vec::new());
    };
    let conditions = selection.whole(connection, filter)?;
    let is_indexed = filter.min_latency_us >= Some(SLOW_INDEX_US)
        // A session has ranges of its own and few requests.
        && filter.session.is_none()
        // So has a trace.
        && filter.trace_id.is_none()
        && layout_of(connection)? >= INDEXED_SINCE;
    let seqs = if is_indexed {
        by_hours(connection, filter, &conditions, limit)?
    } else {
        of_all(connection, conditions, limit)?
    };
    let mut slowest = Slowest::new(limit);
    // In parts: a list is one value of a statement.
    for seqs in seqs.chunks(Page::MAX_LIMIT) {
        rows_at(connection, seqs)?
            .into_iter()
            .for_each(|row| slowest.offer(row));
    }
    Ok(slowest.finish())
}

/// The numbers of the slowest of all that meet the conditions.
fn of_all(
    connection: &Connection,
    conditions: Conditions,
    limit: usize,
) -> rusqlite::Result<Vec<i64>> {
    let sql = format!(
        "SELECT r.seq FROM {REQUEST_TABLES} WHERE {}
         ORDER BY r.latency_us DESC, r.seq DESC LIMIT ?",
        conditions.sql(),
    );
    let mut values = conditions.values();
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| row.get(0))?
        .collect()
}

/// Each hour's slowest come first: an hour is left at its first request that is not slow enough any
/// more.
fn by_hours(
    connection: &Connection,
    filter: &Filter,
    conditions: &Conditions,
    limit: usize,
) -> rusqlite::Result<Vec<i64>> {
    // Given by name: the planner knows nothing of the values, and might go through the times.
    let tables = REQUEST_TABLES.replacen("requests r", "requests r INDEXED BY requests_slow", 1);
    let mut of_hour = connection.prepare_cached(&format!(
        "SELECT r.latency_us, r.seq FROM {tables}
         WHERE {} AND r.latency_us >= {SLOW_INDEX_US} AND r.ts / {HOUR_MS} = ?
         ORDER BY r.latency_us DESC",
        conditions.sql(),
    ))?;
    // From one hour that has any to the next: hours without slow requests cost nothing.
    let mut before = connection.prepare_cached(&format!(
        "SELECT r.ts / {HOUR_MS} FROM requests r INDEXED BY requests_slow
         WHERE r.latency_us >= {SLOW_INDEX_US} AND r.ts / {HOUR_MS} < ?
         ORDER BY r.ts / {HOUR_MS} DESC LIMIT 1",
    ))?;
    // Divided as the index divides, also before 1970. An hour at the edge may hold too much, which
    // the conditions on the time leave out.
    let first = filter.since.map_or(i64::MIN, |since| since / HOUR_MS);
    let mut end = filter.until.map_or(i64::MAX, |until| until / HOUR_MS + 1);
    // The slowest so far; the one that is the first to go stands on top.
    let mut slowest = BinaryHeap::new();
    while let Some(hour) = before.query_row([end], |row| row.get(0)).optional()? {
        if hour < first {
            break;
        }
        let mut values = conditions.clone().values();
        values.push(Value::Integer(hour));
        let mut rows = of_hour.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let (latency_us, seq): (i64, i64) = (row.get(0)?, row.get(1)?);
            slowest.push(Reverse((latency_us, seq)));
            if slowest.len() <= limit {
                continue;
            }
            slowest.pop();
            let least = slowest.peek().map(|Reverse((least_us, _))| *least_us);
            // They come with the slowest first, so that nothing behind this one can be slow enough.
            if least.is_none_or(|least_us| least_us > latency_us) {
                break;
            }
        }
        end = hour;
    }
    Ok(slowest.into_iter().map(|Reverse((_, seq))| seq).collect())
}
