//! What was asked and answered: a table of its own, each body a zstd frame.

use super::errors::failed;
use super::remove::Rest;
use crate::model::{Body, Payload};
use crate::store::{Retention, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::io;

/// Most payloads deleted in one transaction of a vacuum.
const SLICE: i64 = 1000;

/// The level that zstd itself takes for the usual one.
const LEVEL: i32 = 3;

/// Keeps the payload of a request that was just stored.
pub(super) fn insert(
    tx: &Transaction<'_>,
    (seq, ts): (i64, i64),
    payload: &Payload,
) -> rusqlite::Result<()> {
    let packed = |body: &Option<Body>| -> rusqlite::Result<Option<Vec<u8>>> {
        let packed = body
            .as_ref()
            .map(|body| zstd::bulk::compress(body.text.as_bytes(), LEVEL));
        packed.transpose().map_err(of_zstd)
    };
    let bytes = |body: &Option<Body>| body.as_ref().map(|body| body.bytes.cast_signed());
    let is_cut = |body: &Option<Body>| body.as_ref().is_some_and(|body| body.is_cut);
    tx.prepare_cached(
        "INSERT OR IGNORE INTO payloads
         (seq, ts, params_bytes, params_cut, answer_bytes, answer_cut, params, answer)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        seq,
        ts,
        bytes(&payload.params),
        is_cut(&payload.params),
        bytes(&payload.answer),
        is_cut(&payload.answer),
        packed(&payload.params)?,
        packed(&payload.answer)?,
    ])
    .map(drop)
}

fn of_zstd(error: io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error.into())
}

/// The payload of a request, if it is kept.
pub(super) fn payload(connection: &Connection, seq: i64) -> rusqlite::Result<Option<Payload>> {
    connection
        .prepare_cached(
            "SELECT params, params_bytes, params_cut, answer, answer_bytes, answer_cut
             FROM payloads WHERE seq = ?1",
        )?
        .query_row([seq], |row| {
            let body = |at: usize| -> rusqlite::Result<Option<Body>> {
                let Some(packed) = row.get_ref(at)?.as_blob_or_null()? else {
                    return Ok(None);
                };
                let text = zstd::bulk::decompress(packed, Body::MAX_BYTES).map_err(of_zstd)?;
                Ok(Some(Body {
                    text: String::from_utf8_lossy(&text).into(),
                    bytes: row.get(at + 1)?,
                    is_cut: row.get(at + 2)?,
                }))
            };
            Ok(Payload {
                params: body(0)?,
                answer: body(3)?,
            })
        })
        .optional()
}

/// The first and the last request of which there is one.
pub(super) fn span(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let end = |order: &str| {
        let sql = format!("SELECT seq FROM payloads ORDER BY seq {order} LIMIT 1");
        connection.query_row(&sql, [], |row| row.get(0)).optional()
    };
    Ok(end("ASC")?.zip(end("DESC")?))
}

/// How many payloads there are, and how many bytes they take.
pub(super) fn totals(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    connection.query_row(
        "SELECT count(*), ifnull(sum(ifnull(length(params), 0) + ifnull(length(answer), 0)), 0)
         FROM payloads",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// The payloads that are older than a time, of one proxy or of all.
const MEANT: &str = "p.ts < ?1 AND (?2 IS NULL OR EXISTS (
     SELECT 1 FROM requests r JOIN operations o ON o.id = r.operation
         JOIN proxies x ON x.id = o.proxy WHERE r.seq = p.seq AND x.name = ?2))";

/// How many payloads a vacuum would remove.
pub(super) fn count_of(connection: &Connection, what: &Retention) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM payloads p WHERE {MEANT}");
    connection.query_row(&sql, params![what.before, what.proxy], |row| row.get(0))
}

/// Removes some of the payloads that are meant; says how many went and whether there are more.
pub(super) fn remove_slice(
    connection: &mut Connection,
    what: &Retention,
) -> Result<(u64, Rest), StoreError> {
    let remove = |connection: &mut Connection| -> rusqlite::Result<usize> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = format!(
            "DELETE FROM payloads WHERE seq IN
             (SELECT p.seq FROM payloads p WHERE {MEANT} ORDER BY p.ts LIMIT {SLICE})"
        );
        let removed = tx.execute(&sql, params![what.before, what.proxy])?;
        tx.commit()?;
        Ok(removed)
    };
    let removed = remove(connection).map_err(failed("remove payloads"))?;
    let removed = u64::try_from(removed).unwrap_or(u64::MAX);
    let is_full = removed >= SLICE.unsigned_abs();
    Ok((removed, if is_full { Rest::Some } else { Rest::None }))
}

/// The time before which the oldest payloads lie, of one proxy or of all, that take so many bytes
/// together; and the bytes they take.
pub(super) fn oldest(
    connection: &Connection,
    proxy: Option<&str>,
    bytes: u64,
) -> rusqlite::Result<Option<(i64, u64)>> {
    let sql = format!(
        "SELECT p.ts, ifnull(length(p.params), 0) + ifnull(length(p.answer), 0) FROM payloads p
         WHERE {MEANT} ORDER BY p.ts"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![i64::MAX, proxy])?;
    let (mut sum, mut last) = (0_u64, None);
    while sum < bytes
        && let Some(row) = rows.next()?
    {
        sum = sum.saturating_add(row.get(1)?);
        last = Some((row.get::<_, i64>(0)?.saturating_add(1), sum));
    }
    Ok(last)
}

/// Removes the payloads of requests that are about to go.
pub(super) fn remove_with_requests(
    tx: &Transaction<'_>,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<()> {
    let has_some: bool = tx.query_row("SELECT EXISTS (SELECT 1 FROM payloads)", [], |row| {
        row.get(0)
    })?;
    if has_some {
        let sql = format!(
            "DELETE FROM payloads WHERE seq IN (SELECT seq FROM requests WHERE {condition})"
        );
        tx.execute(&sql, values)?;
    }
    Ok(())
}
