//! Old requests, and what goes with the last of them.

use super::{SLICE, Slice, Stage, TableWalk, proxy_number};
use crate::census;
use crate::layout::layout_of;
use crate::requests::{HASHED, hashed_columns};
use crate::{seal, session_ranges};
use mcpr_store::Retention;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, ToSql, Transaction, TransactionBehavior, params};

/// Requests first; then gaps, bad lines and sessions that are left without any.
pub(super) fn stages(what: &Retention) -> Vec<Stage> {
    let of_requests = what.clone();
    let mut from = i64::MIN;
    let mut stages: Vec<Stage> = vec![Box::new(move |connection| {
        remove_slice(connection, &of_requests, &mut from)
    })];
    let before = Value::from(what.before);
    // A gap or a bad line has a source and no proxy.
    if what.proxy.is_none() {
        for (table, ts, counts) in [("gaps", "to_ts", true), ("bad_lines", "ts", false)] {
            let walk = TableWalk {
                table,
                key: &["seq"],
                condition: format!("{ts} < ?1"),
                values: vec![before.clone()],
                counts,
            };
            stages.push(walk.stage());
        }
    }
    let empty_ranges = TableWalk {
        table: "session_ranges",
        key: &["session", "first_seq"],
        condition: session_ranges::IS_EMPTY.to_owned(),
        values: Vec::new(),
        counts: false,
    };
    stages.push(empty_ranges.stage());
    // After the requests: it is they that leave sessions empty. A session without requests is still
    // in use until it was not seen for so long.
    let empty_sessions = TableWalk {
        table: "sessions",
        key: &["id"],
        condition: "last_seen_at < ?1
             AND (?2 IS NULL OR proxy = (SELECT id FROM proxies WHERE name = ?2))
             AND NOT EXISTS (SELECT 1 FROM session_ranges g WHERE g.session = sessions.id)"
            .to_owned(),
        values: vec![before, what.proxy.clone().into()],
        counts: false,
    };
    stages.push(empty_sessions.stage());
    for (table, condition) in crate::request_ids::unused() {
        let marks = TableWalk {
            table,
            key: &["id"],
            condition,
            values: Vec::new(),
            counts: false,
        };
        stages.push(marks.stage());
    }
    stages
}

/// Removes requests that are older than a time, from a time on. A slice is so many requests of any proxy:
/// those that stay are not looked at again by each.
fn remove_slice(
    connection: &mut Connection,
    what: &Retention,
    from: &mut i64,
) -> rusqlite::Result<Slice> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // In the order of the index over times and keys, so that no row itself is read.
    let edge: Option<i64> = tx
        .prepare_cached(
            "SELECT ts FROM requests WHERE ts >= ?1 AND ts < ?2
             ORDER BY ts, key LIMIT 1 OFFSET ?3",
        )?
        .query_row(params![*from, what.before, SLICE], |row| row.get(0))
        .optional()?;
    // All of one time go together: a row whose key was taken is found by the one that has taken it.
    let end = edge.map_or(what.before, |ts| ts.saturating_add(1).min(what.before));
    let proxy = proxy_number(&tx, what.proxy.as_deref())?;
    let condition = "ts >= ?1 AND ts < ?2 AND (?3 IS NULL OR
         (SELECT named.proxy FROM operations named WHERE named.id = operation) = ?3)";
    let removed = requests_where(&tx, condition, params![*from, end, proxy])?;
    census::settle(&tx)?;
    tx.commit()?;
    *from = end;
    Ok(Slice {
        removed,
        is_last: edge.is_none(),
    })
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
pub(crate) fn count_of(connection: &Connection, what: &Retention) -> rusqlite::Result<u64> {
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
pub(crate) fn time_after_oldest(
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
pub(crate) fn requests_where(
    tx: &Transaction<'_>,
    condition: &str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<u64> {
    let columns = hashed_columns(layout_of(tx)?);
    // A batch ends where the next one begins, so that the last one that begins before a request is
    // its own.
    let sql = format!(
        "SELECT {columns}, b.id
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
            // One outside of all batches is in no sum that could be put right.
            let Some(batch) = row.get::<_, Option<i64>>(HASHED)? else {
                continue;
            };
            let (requests, checksum) = batches.entry(batch).or_default();
            *requests += 1;
            // From the stored row: damage that it has stays visible as a difference in the sum of
            // what is left.
            *checksum = checksum.wrapping_add(crate::requests::stored_row_hash(row)?);
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
        let emptied = "DELETE FROM batches WHERE id = ?1 AND requests = 0";
        // Spans stay as wide as they were: they may let too much through, never too little.
        if tx.execute(emptied, [batch])? == 0 {
            seal::renew(tx, "batches", "id = ?1", [batch])?;
        }
    }
    // Before the requests, by which they are found.
    crate::payloads::remove_with_requests(tx, condition, values)?;
    let removed = tx.execute(&format!("DELETE FROM requests WHERE {condition}"), values)?;
    Ok(count(removed))
}
