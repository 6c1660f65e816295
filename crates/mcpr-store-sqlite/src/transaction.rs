//! The transaction of a batch: whether somebody else has written since the last one, and what is forgotten
//! where it fails.

use super::append::{self, WriterCache};
use super::errors::failed;
use super::shape;
use mcpr_model::Batch;
use mcpr_store::{Appended, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Commits a batch, or nothing.
pub(super) fn commit(
    connection: &mut Connection,
    memory: &mut WriterCache,
    batch: &Batch,
) -> Result<Appended, StoreError> {
    let result = begin(connection, memory);
    let result = result.and_then(|tx| {
        let appended = append::append(tx, memory, batch);
        appended.map_err(failed("write into the store"))
    });
    if result.is_ok() {
        memory.trim();
    } else {
        // What was remembered may belong to a transaction that is gone.
        memory.clear();
    }
    result
}

/// Begins to write. What another connection has made of the layout meanwhile is looked through before a row is
/// written that a trigger of its could change.
pub(super) fn begin<'a>(
    connection: &'a mut Connection,
    memory: &mut WriterCache,
) -> Result<Transaction<'a>, StoreError> {
    let doing = "write into the store";
    let (tx, has_changed) = begin_writing(connection, memory).map_err(failed(doing))?;
    if has_changed && let Err(strange) = shape::check_within(&tx) {
        // So that the next batch asks as well.
        (memory.data_version, memory.schema_version) = (None, None);
        return Err(strange);
    }
    Ok(tx)
}

/// Begins the transaction; says whether the layout may be another one than at the last one.
fn begin_writing<'a>(
    connection: &'a mut Connection,
    memory: &mut WriterCache,
) -> rusqlite::Result<(Transaction<'a>, bool)> {
    // The lock is taken at once: a transaction that has read and then wants to write is refused
    // without any waiting when somebody else committed in between.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked under the lock, so that nobody can commit between the answer and our own commit.
    let data_version = tx
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))?;
    let mut has_changed = false;
    if memory.data_version.replace(data_version) != Some(data_version) {
        memory.clear();
        // Without a commit of another connection there is no other layout.
        let schema_version = tx
            .prepare_cached("PRAGMA schema_version")?
            .query_row([], |row| row.get(0))?;
        has_changed = memory.schema_version.replace(schema_version) != Some(schema_version);
    }
    Ok((tx, has_changed))
}
