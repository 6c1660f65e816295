//! What a store holds in all.

use super::conditions::Conditions;
use super::sessions::bounded_sum;
use crate::db::Db;
use crate::errors::DbFault;
use crate::sources;
use crate::values::{string, text};
use mcpr_model::BadLine;
use mcpr_store::Overview;
use mcpr_store::query::{BadLineRow, Cursor, Head, NameKind, StoredKey};

/// Where the store stands.
pub(super) fn head(db: &mut Db) -> Result<Head, DbFault> {
    let row = db.row(
        "SELECT store_id, last_seq, commits FROM mcpr_store WHERE id = 1",
        &[],
    )?;
    let row = row.ok_or_else(|| DbFault::damaged("the row of the store is gone"))?;
    Ok(Head {
        store_id: row.try_get(0)?,
        cursor: Cursor::from_seq(row.try_get(1)?),
        version: row.try_get(2)?,
    })
}

/// How many requests and gaps, at least, were removed between a place and the first one that is kept behind it. Numbers
/// are given out without a hole; those of bad lines are counted, or were once reported by their sources.
pub(super) fn gone_behind(db: &mut Db, place: Cursor) -> Result<u64, DbFault> {
    let seq = place.to_seq();
    let first = db.number(
        "SELECT coalesce(least((SELECT min(seq) FROM requests WHERE seq > $1),
                               (SELECT min(seq) FROM gaps WHERE seq > $1)), last_seq + 1)
         FROM mcpr_store WHERE id = 1",
        &[&seq],
    )?;
    let kept = db.number(
        "SELECT count(*) FROM bad_lines WHERE seq > $1 AND seq < $2",
        &[&seq, &first],
    )?;
    let all = db.number("SELECT count(*) FROM bad_lines", &[])?;
    let counted = sources::total(db)?.bad.cast_signed();
    // Lines that were once kept and made room for others.
    let removed = counted.saturating_sub(all).max(0);
    let missing = first.saturating_sub(seq).saturating_sub(1);
    Ok(u64::try_from(missing - kept - removed).unwrap_or(0))
}

pub(super) fn overview(db: &mut Db) -> Result<Overview, DbFault> {
    let row = db.row(
        "SELECT last_seq, requests, duplicates, conflicts, undecided FROM mcpr_store WHERE id = 1",
        &[],
    )?;
    let row = row.ok_or_else(|| DbFault::damaged("the row of the store is gone"))?;
    let number =
        |at: usize| -> Result<u64, DbFault> { Ok(row.try_get::<_, i64>(at)?.cast_unsigned()) };
    let (duplicates, conflicts, undecided) = (number(2)?, number(3)?, number(4)?);
    let requests = number(1)?;
    let last_seq: i64 = row.try_get(0)?;
    // Gaps are few.
    let gaps = format!("SELECT count(*), {} FROM gaps", bounded_sum("count"));
    let [gaps, dropped] = two(db, &gaps)?;
    let [payloads, payload_bytes] = two(
        db,
        "SELECT count(*), coalesce(sum(coalesce(octet_length(params), 0) + coalesce(octet_length(answer), 0)), 0)::bigint
         FROM payloads",
    )?;
    let count = |db: &mut Db, table: &str| -> Result<u64, DbFault> {
        let sql = format!("SELECT count(*) FROM {table}");
        Ok(db.number(&sql, &[])?.cast_unsigned())
    };
    Ok(Overview {
        requests,
        sessions: count(db, "sessions")?,
        gaps,
        dropped,
        bad_lines_kept: count(db, "bad_lines")?,
        duplicates,
        conflicts,
        undecided,
        payloads,
        payload_bytes,
        // How a server lays out its tables is its own matter.
        free_bytes: 0,
        base_bytes: 0,
        span: ends(db, "ts", "requests")?,
        last_seq,
        counts: sources::total(db)?,
    })
}

fn two(db: &mut Db, sql: &str) -> Result<[u64; 2], DbFault> {
    let row = db.row(sql, &[])?;
    let row = row.ok_or_else(|| DbFault::damaged("a sum gave no row"))?;
    let number =
        |at: usize| -> Result<u64, DbFault> { Ok(row.try_get::<_, i64>(at)?.cast_unsigned()) };
    Ok([number(0)?, number(1)?])
}

/// The least and the most of a column: two look-ups at the ends of an index.
fn ends(db: &mut Db, column: &str, table: &str) -> Result<Option<(i64, i64)>, DbFault> {
    let sql =
        format!("SELECT (SELECT min({column}) FROM {table}), (SELECT max({column}) FROM {table})");
    let Some(row) = db.row(&sql, &[])? else {
        return Ok(None);
    };
    let least: Option<i64> = row.try_get(0)?;
    Ok(least.zip(row.try_get(1)?))
}

pub(super) fn span(db: &mut Db) -> Result<Option<(i64, i64)>, DbFault> {
    let requests = ends(db, "ts", "requests")?;
    // Sums outlive the requests they were made of.
    let hours = ends(db, "hour", "rollups")?;
    Ok(match (requests, hours) {
        (Some((oldest, newest)), Some((first, last))) => {
            Some((oldest.min(first), newest.max(last)))
        }
        (requests, hours) => requests.or(hours),
    })
}

pub(super) fn payload_span(db: &mut Db) -> Result<Option<(Cursor, Cursor)>, DbFault> {
    let ends = ends(db, "seq", "payloads")?;
    let cursor = Cursor::from_seq;
    Ok(ends.map(|(first, last)| (cursor(first), cursor(last))))
}

/// The first names of a kind that begin with a text.
pub(super) fn names(
    db: &mut Db,
    kind: NameKind,
    prefix: &str,
    limit: usize,
) -> Result<Vec<String>, DbFault> {
    let (name, names) = match kind {
        // A condition follows in any case, so that each has one to follow.
        NameKind::Proxy => ("name", "proxies WHERE true"),
        NameKind::Method => ("method", "operations WHERE true"),
        // Targets of the other kinds are resources and prompts.
        NameKind::Tool => ("target", "operations WHERE target_kind = 1"),
        NameKind::Client => ("name", "clients WHERE name IS NOT NULL"),
    };
    let mut conditions = Conditions::default();
    conditions.add_prefix(name, prefix);
    let limit = conditions.value(i64::try_from(limit).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT DISTINCT {name} FROM {names} AND {} ORDER BY {name} LIMIT {limit}",
        conditions.sql()
    );
    let rows = db.rows(&sql, &conditions.values())?;
    rows.iter().map(|row| string(row, 0)).collect()
}

/// The newest lines that did not decode, newest first.
pub(super) fn bad_lines(db: &mut Db, limit: usize) -> Result<Vec<BadLineRow>, DbFault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = db.rows(
        "SELECT seq, source, place, reason, excerpt, ts FROM bad_lines ORDER BY seq DESC LIMIT $1",
        &[&limit],
    )?;
    rows.iter()
        .map(|row| {
            let line = BadLine {
                source: text(row, 1)?,
                offset: row.try_get::<_, i64>(2)?.cast_unsigned(),
                reason: string(row, 3)?,
                excerpt: row.try_get(4)?,
                ts: row.try_get(5)?,
            };
            let seq = row.try_get(0)?;
            Ok(BadLineRow { seq, line })
        })
        .collect()
}

/// What second deliveries are recognised by.
pub(super) fn keys(db: &mut Db, first: i64, last: i64) -> Result<Vec<StoredKey>, DbFault> {
    let rows = db.rows(
        "SELECT r.seq, r.key, r.client <> 0, n.call
         FROM requests r LEFT JOIN request_notes n ON n.seq = r.seq WHERE r.seq BETWEEN $1 AND $2
         UNION ALL SELECT seq, key, false, NULL FROM gaps WHERE seq BETWEEN $1 AND $2",
        &[&first, &last],
    )?;
    rows.iter()
        .map(|row| {
            Ok(StoredKey {
                seq: row.try_get(0)?,
                key: row.try_get(1)?,
                names_client: row.try_get(2)?,
                call: row.try_get(3)?,
            })
        })
        .collect()
}
