//! Taking rows out again: a session, a session's requests, everything before a time.

use super::errors::failed;
use crate::query::SessionKey;
use crate::store::StoreError;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

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
        let removed = requests_where(&tx, "session = ?1", id)?;
        if keep == Keep::Nothing {
            tx.execute("DELETE FROM sessions WHERE id = ?1", [id])?;
        }
        tx.commit()?;
        Ok(removed)
    };
    remove(connection).map_err(failed("remove a session"))
}

/// Removes requests and gaps older than `before`, in slices, then sessions left without any.
pub(super) fn before(connection: &mut Connection, before: i64) -> Result<u64, StoreError> {
    let mut remove = || -> rusqlite::Result<u64> {
        let mut removed = 0;
        loop {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let edge: Option<(i64, i64)> = tx
                .query_row(
                    "SELECT ts, key FROM requests WHERE ts < ?1 ORDER BY ts, key LIMIT 1 OFFSET ?2",
                    [before, SLICE],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let slice = match edge {
                Some((ts, _)) => requests_where(&tx, "ts <= ?1", ts)?,
                None => requests_where(&tx, "ts < ?1", before)?,
            };
            if edge.is_none() {
                removed += count(tx.execute("DELETE FROM gaps WHERE to_ts < ?1", [before])?);
                tx.execute(
                    "DELETE FROM sessions WHERE last_seen_at < ?1
                     AND NOT EXISTS (SELECT 1 FROM requests r WHERE r.session = sessions.id)",
                    [before],
                )?;
            }
            tx.commit()?;
            removed += slice;
            if edge.is_none() {
                return Ok(removed);
            }
        }
    };
    remove().map_err(failed("vacuum the store"))
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// Removes requests and takes them out of their batches' counts and checksums.
fn requests_where(tx: &Transaction<'_>, condition: &str, value: i64) -> rusqlite::Result<u64> {
    let sql = format!(
        "SELECT r.seq, r.ts, r.key, o.hash, r.session, r.client, r.latency_us, r.upstream_us,
                r.bytes_in, r.bytes_out, r.error_kind, r.request_id, r.error_code, r.error_msg,
                b.id
         FROM requests r LEFT JOIN operations o ON o.id = r.operation
              LEFT JOIN batches b ON b.first_seq =
                  (SELECT max(first_seq) FROM batches WHERE first_seq <= r.seq)
         WHERE r.{condition}"
    );
    let mut batches = std::collections::BTreeMap::<i64, (i64, i64)>::new();
    {
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query([value])?;
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
    }
    let removed = tx.execute(&format!("DELETE FROM requests WHERE {condition}"), [value])?;
    Ok(count(removed))
}
