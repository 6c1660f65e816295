//! What another store still counts of requests that are gone there, taken over in one transaction.

use super::append::WriterCache;
use super::census;
use super::errors::failed;
use super::transaction::begin;
use mcpr_model::Text;
use mcpr_store::query::SessionRow;
use mcpr_store::{Remains, RollupRow, StoreError};
use rusqlite::{Connection, Transaction};
use std::collections::HashMap;

/// Takes everything over, or nothing.
pub(super) fn take(
    connection: &mut Connection,
    memory: &mut WriterCache,
    remains: &Remains,
) -> Result<(), StoreError> {
    let result = begin(connection, memory).and_then(|tx| {
        let taken = take_within(&tx, memory, remains).and_then(|()| tx.commit());
        taken.map_err(failed("take over sums"))
    });
    // What was remembered may belong to a transaction that is gone.
    if result.is_err() {
        memory.clear();
    } else {
        memory.trim();
    }
    result
}

fn take_within(
    tx: &Transaction<'_>,
    memory: &mut WriterCache,
    remains: &Remains,
) -> rusqlite::Result<()> {
    take_sums(tx, memory, &remains.sums)?;
    for row in &remains.sessions {
        take_session(tx, memory, row)?;
    }
    // In the transaction of a batch its end does this.
    memory.sessions.write_back(tx)?;
    memory.rollups.write_back(tx)?;
    census::settle(tx)
}

fn take_sums(
    tx: &Transaction<'_>,
    memory: &mut WriterCache,
    rows: &[RollupRow],
) -> rusqlite::Result<()> {
    let mut sums: HashMap<(i64, i64), RollupRow> = HashMap::new();
    for row in rows {
        let operation = memory.names.operation(tx, &row.key.request())?;
        // There is room for so many targets: those beyond count together here, too.
        sums.entry((row.key.hour, operation.sums))
            .and_modify(|all| all.merge(row))
            .or_insert_with(|| row.clone());
    }
    for ((hour, operation), row) in sums {
        memory.rollups.raise(tx, hour, operation, row)?;
    }
    Ok(())
}

fn take_session(
    tx: &Transaction<'_>,
    memory: &mut WriterCache,
    row: &SessionRow,
) -> rusqlite::Result<()> {
    let text = |text: &Option<String>| text.as_ref().map(Text::from);
    let (name, version) = (text(&row.client_name), text(&row.client_version));
    let proxy = memory.names.proxy(tx, &Text::from(&row.proxy))?;
    let client = memory.names.client(tx, name.as_ref(), version.as_ref())?;
    memory.sessions.take_over(tx, proxy, client, row)
}
