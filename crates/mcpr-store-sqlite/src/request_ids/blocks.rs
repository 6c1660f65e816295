//! Marks of ids put together by what they are, in blocks: an id is looked for in one row of a block, however
//! many requests there are in it.

use super::{MARK_BYTES, MarksRow, PLACES, mark_of, row_of};
use mcpr_model::RequestId;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// Rows of marks in a block. Tests have many small blocks.
const ROWS: i64 = if cfg!(test) { 2 } else { 64 };
/// Rows of a block by the upper byte of the marks.
const BUCKETS: usize = 256;
/// Bytes of an entry: the lower byte of the mark, and the place.
const ENTRY_BYTES: usize = 3;

/// Stands for a thousand places in which no request has an id.
const NOTHING: i64 = i64::MIN;

/// Puts the rows of marks together whose block is full, oldest first: as many blocks as the sequence has
/// begun from `first` to `last`, and one that an older layout left.
pub(super) fn merge_marks(tx: &Transaction<'_>, first: i64, last: i64) -> rusqlite::Result<()> {
    let newest = block_of(row_of(last));
    for _ in 0..=newest - block_of(row_of(first)) {
        let oldest: Option<i64> = tx
            .prepare_cached("SELECT min(id) FROM request_ids")?
            .query_row([], |row| row.get(0))?;
        match oldest.map(block_of) {
            Some(block) if block < newest => merge_block(tx, block)?,
            _ => break,
        }
    }
    Ok(())
}

fn merge_block(tx: &Transaction<'_>, block: i64) -> rusqlite::Result<()> {
    let mut buckets = vec![Vec::new(); BUCKETS];
    let mut newest = Vec::new();
    for row in block * ROWS..(block + 1) * ROWS {
        let stored: Option<(i64, Vec<u8>)> = tx
            .prepare_cached("SELECT max_ts, marks FROM request_ids WHERE id = ?1")?
            .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (max_ts, marks) = stored.unwrap_or((NOTHING, Vec::new()));
        newest.push(max_ts);
        let first = (row - block * ROWS) * PLACES;
        for (place, mark) in (first..).zip(marks.chunks_exact(MARK_BYTES)) {
            // 0 is a place without an id.
            if let [low, high] = *mark
                && (low, high) != (0, 0)
            {
                let [a, b] = u16::try_from(place).unwrap_or(u16::MAX).to_le_bytes();
                buckets[usize::from(high)].extend([low, a, b]);
            }
        }
    }
    let mut insert = tx.prepare_cached(
        "REPLACE INTO id_marks (id, marks, seal) VALUES (?1, ?2, row_seal(?1, ?2))",
    )?;
    for (id, marks) in (first_bucket(block)..).zip(&buckets) {
        if !marks.is_empty() {
            insert.execute(params![id, marks])?;
        }
    }
    let max_ts = newest.iter().copied().max().unwrap_or(NOTHING);
    let newest: Vec<u8> = newest.iter().flat_map(|ts| ts.to_le_bytes()).collect();
    tx.prepare_cached(
        "REPLACE INTO id_blocks (id, max_ts, newest, seal)
         VALUES (?1, ?2, ?3, row_seal(?1, ?2, ?3))",
    )?
    .execute(params![block, max_ts, newest])?;
    tx.prepare_cached("DELETE FROM request_ids WHERE id >= ?1 AND id < ?2")?
        .execute([block * ROWS, (block + 1) * ROWS])
        .map(drop)
}

/// Every block, and the time of its newest request.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<MarksRow>> {
    connection
        .prepare_cached("SELECT id, max_ts FROM id_blocks")?
        .query_map([], |row| {
            let (id, max_ts) = (row.get(0)?, row.get(1)?);
            Ok(MarksRow { id, max_ts })
        })?
        .collect()
}

/// The places of a block at which a request with an id may stand, by thousands: those with the newest
/// requests first.
pub(super) fn candidates(
    connection: &Connection,
    of: MarksRow,
    id: &RequestId,
) -> rusqlite::Result<Vec<(i64, Vec<i64>)>> {
    let [low, high] = mark_of(id).to_le_bytes();
    let found: Option<(Vec<u8>, Vec<u8>)> = connection
        .prepare_cached(
            "SELECT b.newest, m.marks FROM id_blocks b, id_marks m WHERE b.id = ?1 AND m.id = ?2",
        )?
        .query_row([of.id, first_bucket(of.id) + i64::from(high)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((newest, marks)) = found else {
        return Ok(Vec::new());
    };
    let newest = newest.chunks_exact(8).map(|bytes| {
        let bytes = bytes.try_into().unwrap_or_default();
        (i64::from_le_bytes(bytes), Vec::new())
    });
    let mut stretches: Vec<(i64, Vec<i64>)> = newest.collect();
    for entry in marks.chunks_exact(ENTRY_BYTES) {
        if let [of_mark, a, b] = *entry
            && of_mark == low
        {
            let place = u16::from_le_bytes([a, b]);
            let stretch = usize::from(place) / usize::try_from(PLACES).unwrap_or(usize::MAX);
            // A place beyond the block is damage, which `verify` reports.
            if let Some((_, seqs)) = stretches.get_mut(stretch) {
                seqs.push(of.id * ROWS * PLACES + i64::from(place));
            }
        }
    }
    stretches.retain(|(_, seqs)| !seqs.is_empty());
    stretches.sort_by_key(|(newest, _)| std::cmp::Reverse(*newest));
    Ok(stretches)
}

/// Which rows stand for places without any request: SQL conditions, by table.
pub(super) fn unused() -> [(&'static str, String); 2] {
    let of_block = |block: &str| {
        format!(
            "NOT EXISTS (SELECT 1 FROM requests r WHERE r.seq >= {block} * {places}
                         AND r.seq < ({block} + 1) * {places})",
            places = ROWS * PLACES
        )
    };
    [
        ("id_blocks", of_block("id_blocks.id")),
        ("id_marks", of_block(&format!("(id_marks.id / {BUCKETS})"))),
    ]
}

/// Whether a thousand places, by the number `id`, are in a block: an SQL condition.
pub(super) fn has_row() -> String {
    format!("id / {ROWS} IN (SELECT id FROM id_blocks)")
}

fn block_of(row: i64) -> i64 {
    row / ROWS
}

fn first_bucket(block: i64) -> i64 {
    block * 256
}
