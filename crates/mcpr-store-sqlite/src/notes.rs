//! What is said of few requests: in a table of its own, so that it costs the others nothing.

use super::layout::layout_of;
use super::recall::number_list;
use mcpr_model::Request;
use mcpr_store::query::RequestRow;
use rusqlite::{Connection, Transaction};
use rustc_hash::FxHashSet;

/// The layout that brought the table.
const SINCE: i64 = 12;

/// Stores what is to be noted of a request that is a new row.
pub(super) fn insert(tx: &Transaction<'_>, seq: i64, request: &Request) -> rusqlite::Result<()> {
    if !request.outcome.retyped {
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT INTO request_notes (seq, retyped, seal) VALUES (?1, 1, row_seal(?1, 1))",
    )?
    .execute([seq])
    .map(drop)
}

/// Adds to some rows what is noted of them.
pub(super) fn add_to(connection: &Connection, rows: &mut [RequestRow]) -> rusqlite::Result<()> {
    if rows.is_empty() || layout_of(connection)? < SINCE {
        return Ok(());
    }
    let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let mut statement = connection.prepare_cached(
        "SELECT n.seq FROM json_each(?1) k CROSS JOIN request_notes n ON n.seq = k.value
         WHERE n.retyped",
    )?;
    let retyped = statement.query_map([number_list(&seqs)], |row| row.get(0))?;
    let retyped: FxHashSet<i64> = retyped.collect::<rusqlite::Result<_>>()?;
    for row in rows {
        row.retyped = retyped.contains(&row.seq);
    }
    Ok(())
}
