//! Payloads that are older than a time.

use super::Slice;
use crate::{census, runs};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

/// Most payloads deleted in one transaction of a vacuum,
// A tenth of those of requests: each may take many pages, which are overwritten when they go.
const SLICE: usize = 100;
/// and most bytes of them, but for one that is longer on its own.
const SLICE_BYTES: u64 = 1 << 20;

/// Removes payloads that are older than a time, of one proxy or of all, from a time on. A slice is so
/// many payloads of any proxy: those that stay are not looked at again by each.
pub(super) fn remove_slice(
    connection: &mut Connection,
    before: i64,
    proxy: Option<i64>,
    from: &mut i64,
) -> rusqlite::Result<Slice> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let edge = edge(&tx, *from, before)?;
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
    if edge.is_none() {
        runs::forget_outputs(&tx, before, proxy)?;
    }
    census::settle(&tx)?;
    tx.commit()?;
    *from = end;
    Ok(Slice {
        removed: removed as u64,
        is_last: edge.is_none(),
    })
}

/// The time at which a slice ends; `None` where it takes all that is left.
fn edge(tx: &Transaction<'_>, from: i64, before: i64) -> rusqlite::Result<Option<i64>> {
    // In the order of the index over times; of the bodies only their lengths are read.
    let mut statement = tx.prepare_cached(
        "SELECT ts, ifnull(length(params), 0) + ifnull(length(answer), 0) FROM payloads
         WHERE ts >= ?1 AND ts < ?2 ORDER BY ts LIMIT ?3",
    )?;
    let mut rows = statement.query(params![from, before, SLICE])?;
    let (mut count, mut bytes, mut last) = (0, 0_u64, None);
    while bytes < SLICE_BYTES
        && let Some(row) = rows.next()?
    {
        count += 1;
        bytes = bytes.saturating_add(row.get(1)?);
        last = Some(row.get(0)?);
    }
    let is_all = count < SLICE && bytes < SLICE_BYTES;
    Ok(last.filter(|_| !is_all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::tests::{batch, request};
    use mcpr_model::Payload;
    use mcpr_store::Writer;

    #[test]
    fn a_slice_of_payloads_is_bounded_in_bytes() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut store = SqliteStore::open(&directory.path().join("store.db")).expect("a new store");
        let mut random = fastrand::Rng::with_seed(7);
        let requests = (0..20).map(|at| {
            let noise: String = (0..400_000).map(|_| random.alphanumeric()).collect();
            let mut request = request(&at.to_string(), at);
            request.payload = Payload::of(Some(&format!("\"{noise}\"")), None).map(Box::new);
            request
        });
        store.append(&batch(1, requests.collect())).expect("append");
        let (mut from, mut removed) = (i64::MIN, Vec::new());
        loop {
            let slice = remove_slice(&mut store.connection, i64::MAX, None, &mut from);
            let slice = slice.expect("a slice");
            removed.push(slice.removed);
            if slice.is_last {
                break;
            }
        }
        assert_eq!(removed.iter().sum::<u64>(), 20);
        // Three quarters of a character's byte are left of each: 300 KB.
        assert!(removed.iter().all(|count| *count <= 4), "{removed:?}");
    }
}
