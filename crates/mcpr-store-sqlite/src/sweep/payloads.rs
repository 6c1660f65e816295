//! Payloads that are older than a time.

use super::Slice;
use crate::census;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// Most payloads deleted in one transaction of a vacuum.
// A tenth of those of requests: each may take many pages, which are overwritten when they go.
const SLICE: usize = 100;

/// Removes payloads that are older than a time, of one proxy or of all, from a time on. A slice is so
/// many payloads of any proxy: those that stay are not looked at again by each.
pub(super) fn remove_slice(
    connection: &mut Connection,
    before: i64,
    proxy: Option<i64>,
    from: &mut i64,
) -> rusqlite::Result<Slice> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // The index over times gives the end of the slice, without a look at the bodies.
    let edge: Option<i64> = tx
        .prepare_cached(
            "SELECT ts FROM payloads WHERE ts >= ?1 AND ts < ?2 ORDER BY ts LIMIT 1 OFFSET ?3",
        )?
        .query_row(params![*from, before, SLICE], |row| row.get(0))
        .optional()?;
    // All of one time go together: the next slice begins at a time, and would miss those that were
    // left.
    let end = edge.map_or(before, |ts| ts.saturating_add(1).min(before));
    let removed = tx
        .prepare_cached(
            "DELETE FROM payloads WHERE ts >= ?1 AND ts < ?2 AND (?3 IS NULL OR ?3 = (
                 SELECT o.proxy FROM requests r JOIN operations o ON o.id = r.operation
                 WHERE r.seq = payloads.seq))",
        )?
        .execute(params![*from, end, proxy])?;
    census::settle(&tx)?;
    tx.commit()?;
    *from = end;
    Ok(Slice {
        removed: removed as u64,
        is_last: edge.is_none(),
    })
}
