//! Payloads: a table of its own, each body a zstd frame.

use super::packing::{pack, unpack};
use super::recall::number_list;
use mcpr_model::{Body, Payload};
use mcpr_store::{Oldest, Retention};
use rusqlite::{Connection, OptionalExtension, Rows, Transaction, params};

/// Keeps the payload of a request that was just stored.
pub(super) fn insert(
    tx: &Transaction<'_>,
    seq: i64,
    ts: i64,
    payload: &Payload,
) -> rusqlite::Result<()> {
    let packed = |body: &Option<Body>| -> rusqlite::Result<Option<Vec<u8>>> {
        let packed = body.as_ref().map(|body| pack(body.text.as_bytes()));
        packed.transpose()
    };
    // The length is that of the body as it was, which may have been cut before it was packed.
    let bytes = |body: &Option<Body>| body.as_ref().map(|body| body.bytes.cast_signed());
    let is_cut = |body: &Option<Body>| body.as_ref().is_some_and(|body| body.is_cut);
    tx.prepare_cached(
        "INSERT OR IGNORE INTO payloads
         (seq, ts, params_bytes, params_cut, answer_bytes, answer_cut, params, answer, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8))",
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

/// The payloads of requests, of those of which they are kept; in order.
pub(super) fn payloads(
    connection: &Connection,
    seqs: &[i64],
) -> rusqlite::Result<Vec<(i64, Payload)>> {
    connection
        .prepare_cached(
            "SELECT params, params_bytes, params_cut, answer, answer_bytes, answer_cut, seq
             FROM payloads WHERE seq IN (SELECT value FROM json_each(?1)) ORDER BY seq",
        )?
        .query_map([number_list(seqs)], |row| {
            let body = |at: usize| -> rusqlite::Result<Option<Body>> {
                let Some(packed) = row.get_ref(at)?.as_blob_or_null()? else {
                    return Ok(None);
                };
                Ok(Some(Body {
                    // Nothing longer was ever stored: a frame that claims more is damaged.
                    text: unpack(packed, Body::MAX_BYTES)?.into(),
                    bytes: row.get(at + 1)?,
                    is_cut: row.get(at + 2)?,
                }))
            };
            let payload = Payload {
                params: body(0)?,
                answer: body(3)?,
            };
            Ok((row.get(6)?, payload))
        })?
        .collect()
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

/// The time before which the oldest payloads lie, of one proxy or of all, that take so many bytes
/// together; and the bytes they take.
pub(super) fn oldest(
    connection: &Connection,
    proxy: Option<&str>,
    bytes: u64,
) -> rusqlite::Result<Option<Oldest>> {
    let sql = format!(
        "SELECT p.ts, ifnull(length(p.params), 0) + ifnull(length(p.answer), 0) FROM payloads p
         WHERE {MEANT} ORDER BY p.ts"
    );
    // Read in the order of the index and no further than needed: there is no sorting first.
    let mut statement = connection.prepare_cached(&sql)?;
    oldest_of(statement.query(params![i64::MAX, proxy])?, bytes)
}

/// The first of some rows, each a time and a number of bytes and the oldest first, that together take so
/// many bytes.
pub(super) fn oldest_of(mut rows: Rows<'_>, bytes: u64) -> rusqlite::Result<Option<Oldest>> {
    let (mut sum, mut last) = (0_u64, None);
    while sum < bytes
        && let Some(row) = rows.next()?
    {
        sum = sum.saturating_add(row.get(1)?);
        last = Some(Oldest {
            before: row.get::<_, i64>(0)?.saturating_add(1),
            bytes: sum,
        });
    }
    Ok(last)
}

/// Removes the payloads of requests that are about to go, and what is noted of them.
pub(super) fn remove_with_requests(
    tx: &Transaction<'_>,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<()> {
    for table in ["payloads", "request_notes"] {
        // A store that keeps none is spared a second look for the requests that go.
        let sql = format!("SELECT EXISTS (SELECT 1 FROM {table})");
        let has_some: bool = tx.query_row(&sql, [], |row| row.get(0))?;
        if has_some {
            let sql = format!(
                "DELETE FROM {table} WHERE seq IN (SELECT seq FROM requests WHERE {condition})"
            );
            tx.execute(&sql, values)?;
        }
    }
    Ok(())
}
