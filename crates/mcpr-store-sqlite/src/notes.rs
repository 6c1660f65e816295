//! What is said of few requests: in a table of its own, so that it costs the others nothing.

use super::layout::{TRACES_SINCE, layout_of};
use super::recall::number_list;
use mcpr_model::{Request, TraceId};
use mcpr_store::query::RequestRow;
use rusqlite::{Connection, Transaction, params};
use rustc_hash::FxHashMap;

/// The layout that brought the table.
const SINCE: i64 = 12;

/// Stores what is to be noted of a request that is a new row.
pub(super) fn insert(tx: &Transaction<'_>, seq: i64, request: &Request) -> rusqlite::Result<()> {
    let (retyped, trace) = (request.outcome.retyped, request.trace_id.as_deref());
    if !retyped && trace.is_none() {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT INTO request_notes (seq, retyped, trace, seal)
         VALUES (?1, ?2, ?3, row_seal(?1, ?2, ?3))",
    )?
    .execute(params![seq, retyped, trace.map(|trace| trace.bytes())])
    .map(drop)
}

/// Adds to some rows what is noted of them.
pub(super) fn add_to(connection: &Connection, rows: &mut [RequestRow]) -> rusqlite::Result<()> {
    let layout = layout_of(connection)?;
    if rows.is_empty() || layout < SINCE {
        return Ok(());
    }
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    // A reader leaves the layout as it is, so that an older one has no such column.
    let trace = if layout < TRACES_SINCE {
        "NULL"
    } else {
        "n.trace"
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT n.seq, n.retyped, {trace}
         FROM json_each(?1) k CROSS JOIN request_notes n ON n.seq = k.value"
    ))?;
    let notes = statement.query_map([number_list(&seqs)], |row| {
        let trace: Option<[u8; 16]> = row.get(2)?;
        Ok((row.get(0)?, (row.get(1)?, trace.map(TraceId::of_bytes))))
    })?;
    let notes: FxHashMap<i64, (bool, Option<TraceId>)> = notes.collect::<rusqlite::Result<_>>()?;
    for row in rows {
        if let Some(note) = notes.get(&row.seq) {
            (row.retyped, row.trace_id) = *note;
        }
    }
    Ok(())
}
