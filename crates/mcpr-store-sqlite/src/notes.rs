//! What is reported about few requests: in a table of its own, so that it costs the others nothing.

use super::layout::{TRACES_SINCE, WAYS_SINCE, layout_of};
use super::recall::number_list;
use mcpr_model::{OperationLink, OperationPart, OperationStage, Request, TraceId};
use mcpr_store::query::RequestRow;
use rusqlite::{Connection, Row, Transaction, params};
use rustc_hash::FxHashMap;

/// The layout that brought the table.
const SINCE: i64 = 12;

/// Whether the id was retyped, the trace, and the place in an operation.
type Note = (bool, Option<TraceId>, Option<OperationPart>);

/// Stores what is to be noted of a request that is a new row.
pub(super) fn insert(tx: &Transaction<'_>, seq: i64, request: &Request) -> rusqlite::Result<()> {
    let (retyped, trace) = (request.outcome.retyped, request.trace_id.as_deref());
    let part = request.part.as_deref();
    if !retyped && trace.is_none() && part.is_none() {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT INTO request_notes (seq, retyped, trace, follows, leaves, stage, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, row_seal(?1, ?2, ?3, ?4, ?5, ?6))",
    )?
    .execute(params![
        seq,
        retyped,
        trace.map(|trace| trace.bytes()),
        part.and_then(|part| part.follows).map(OperationLink::code),
        part.and_then(|part| part.leaves).map(OperationLink::code),
        part.map(|part| part.stage.code()),
    ])
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
    let part = if layout < WAYS_SINCE {
        "NULL, NULL, NULL"
    } else {
        "n.follows, n.leaves, n.stage"
    };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT n.seq, n.retyped, {trace}, {part}
         FROM json_each(?1) k CROSS JOIN request_notes n ON n.seq = k.value"
    ))?;
    let notes = statement.query_map([number_list(&seqs)], |row| {
        let trace: Option<[u8; 16]> = row.get(2)?;
        let note = (row.get(1)?, trace.map(TraceId::of_bytes), part_of(row)?);
        Ok((row.get(0)?, note))
    })?;
    let notes: FxHashMap<i64, Note> = notes.collect::<rusqlite::Result<_>>()?;
    for row in rows {
        if let Some(note) = notes.get(&row.seq) {
            (row.retyped, row.trace_id, row.part) = *note;
        }
    }
    Ok(())
}

fn part_of(row: &Row<'_>) -> rusqlite::Result<Option<OperationPart>> {
    let link = |at| -> rusqlite::Result<Option<OperationLink>> {
        Ok(row.get::<_, Option<i64>>(at)?.map(OperationLink::from_code))
    };
    let stage = row.get::<_, Option<i64>>(5)?;
    // A stage of a later version is one that this one knows nothing of.
    let Some(stage) = stage.and_then(OperationStage::from_code) else {
        return Ok(None);
    };
    Ok(Some(OperationPart {
        follows: link(3)?,
        leaves: link(4)?,
        stage,
    }))
}
