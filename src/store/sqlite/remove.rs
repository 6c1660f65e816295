//! Taking rows out again: a session, a session's requests, everything before a time.

use super::errors::failed;
use super::seal;
use crate::query::SessionKey;
use crate::store::{Retention, StoreError};
use rusqlite::{Connection, OptionalExtension, ToSql, Transaction, TransactionBehavior, params};

/// Most requests deleted in one transaction of a vacuum, so that a recorder never waits long.
const SLICE: i64 = 10_000;

/// What is left of a session whose requests are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Nothing,
    Counters,
}

/// Removes a session's requests, and the session itself unless its counters are kept.
pub(super) fn session(
    connection: &mut Connection,
    key: &SessionKey,
    keep: Keep,
) -> Result<u64, StoreError> {
    let remove = |connection: &mut Connection| -> rusqlite::Result<u64> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: Option<i64> = tx
            .query_row(
                "SELECT s.id FROM sessions s JOIN proxies p ON p.id = s.proxy
                 WHERE s.session_id = ?1 AND p.name = ?2",
                [&key.id, &key.proxy],
                |row| row.get(0),
            )
            .optional()?;
        let Some(id) = found else { return Ok(0) };
        let removed = requests_where(&tx, "session = ?1", params![id])?;
        if keep == Keep::Nothing {
            tx.execute("DELETE FROM sessions WHERE id = ?1", [id])?;
        }
        tx.commit()?;
        Ok(removed)
    };
    remove(connection).map_err(failed("remove a session"))
}

/// Whether more is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    Some,
    None,
}

/// Removes the oldest of the requests that are meant, and with the last of them gaps, and sessions left
/// without any request. Says how many rows went and whether there is more.
pub(super) fn oldest_slice(
    connection: &mut Connection,
    what: &Retention,
) -> Result<(u64, Rest), StoreError> {
    remove_slice(connection, what).map_err(failed("vacuum the store"))
}

fn remove_slice(connection: &mut Connection, what: &Retention) -> rusqlite::Result<(u64, Rest)> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let operations = operations_of(&tx, what.proxy.as_deref())?;
    let edge: Option<i64> = tx
        .query_row(
            "SELECT ts FROM requests r WHERE ts < ?1
             AND (?2 IS NULL OR operation IN (SELECT value FROM json_each(?2)))
             ORDER BY ts, key LIMIT 1 OFFSET ?3",
            params![what.before, operations, SLICE],
            |row| row.get(0),
        )
        .optional()?;
    let before = edge.map_or(what.before, |ts| ts.saturating_add(1).min(what.before));
    let condition = "ts < ?1 AND (?2 IS NULL OR operation IN (SELECT value FROM json_each(?2)))";
    let mut removed = requests_where(&tx, condition, params![before, operations])?;
    if edge.is_none() {
        if what.proxy.is_none() {
            removed += count(tx.execute("DELETE FROM gaps WHERE to_ts < ?1", [before])?);
        }
        tx.execute(
            "DELETE FROM sessions WHERE last_seen_at < ?1
             AND (?2 IS NULL OR proxy = (SELECT id FROM proxies WHERE name = ?2))
             AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.session = sessions.id)",
            params![before, what.proxy],
        )?;
    }
    tx.commit()?;
    let rest = if edge.is_some() {
        Rest::Some
    } else {
        Rest::None
    };
    Ok((removed, rest))
}

/// The numbers of a proxy's operations as a JSON list; `None` for every proxy.
fn operations_of(connection: &Connection, proxy: Option<&str>) -> rusqlite::Result<Option<String>> {
    let Some(proxy) = proxy else {
        return Ok(None);
    };
    let sql = "SELECT json_group_array(o.id) FROM operations o JOIN proxies p ON p.id = o.proxy
               WHERE p.name = ?1";
    connection
        .query_row(sql, [proxy], |row| row.get(0))
        .map(Some)
}

/// How many requests and gaps a vacuum would remove.
pub(super) fn count_of(connection: &Connection, what: &Retention) -> rusqlite::Result<u64> {
    let operations = operations_of(connection, what.proxy.as_deref())?;
    connection.query_row(
        "SELECT (SELECT count(*) FROM requests WHERE ts < ?1
                 AND (?2 IS NULL OR operation IN (SELECT value FROM json_each(?2))))
              + (SELECT count(*) FROM gaps WHERE to_ts < ?1 AND ?2 IS NULL)",
        params![what.before, operations],
        |row| row.get(0),
    )
}

/// The time before which so many of the oldest requests lie; `None` where there are none.
pub(super) fn time_after_oldest(
    connection: &Connection,
    proxy: Option<&str>,
    requests: u64,
) -> rusqlite::Result<Option<i64>> {
    let operations = operations_of(connection, proxy)?;
    let ts: Option<i64> = connection
        .query_row(
            "SELECT max(ts) FROM (SELECT ts FROM requests
             WHERE ?1 IS NULL OR operation IN (SELECT value FROM json_each(?1))
             ORDER BY ts, key LIMIT ?2)",
            params![operations, requests.cast_signed()],
            |row| row.get(0),
        )
        .optional()?
        .flatten();
    Ok(ts.map(|ts| ts.saturating_add(1)))
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// Removes requests and takes them out of their batches' counts and checksums.
fn requests_where(
    tx: &Transaction<'_>,
    condition: &str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<u64> {
    let sql = format!(
        "SELECT r.seq, r.ts, r.key, o.hash, r.session, r.client, r.latency_us, r.upstream_us,
                r.bytes_in, r.bytes_out, r.error_kind, r.request_id, r.error_code, r.error_msg,
                b.id
         FROM requests r LEFT JOIN operations o ON o.id = r.operation
              LEFT JOIN batches b ON b.first_seq =
                  (SELECT max(first_seq) FROM batches WHERE first_seq <= r.seq)
         WHERE {condition}"
    );
    let mut batches = std::collections::BTreeMap::<i64, (i64, i64)>::new();
    {
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            let Some(batch) = row.get::<_, Option<i64>>(14)? else {
                continue;
            };
            let (requests, checksum) = batches.entry(batch).or_default();
            *requests += 1;
            *checksum = checksum.wrapping_add(super::requests::stored_row_hash(row)?);
        }
    }
    for (batch, (requests, checksum)) in batches {
        let stored: i64 = tx.query_row(
            "SELECT checksum FROM batches WHERE id = ?1",
            [batch],
            |row| row.get(0),
        )?;
        tx.execute(
            "UPDATE batches SET requests = requests - ?2, checksum = ?3 WHERE id = ?1",
            [batch, requests, stored.wrapping_sub(checksum)],
        )?;
        seal::renew(tx, "batches", "id = ?1", [batch])?;
    }
    super::payloads::remove_with_requests(tx, condition, values)?;
    let removed = tx.execute(&format!("DELETE FROM requests WHERE {condition}"), values)?;
    Ok(count(removed))
}
