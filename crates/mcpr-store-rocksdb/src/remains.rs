//! What another store still counts of requests that are gone there.

use crate::sums::SumPlace;
use crate::txn::Txn;
use mcpr_store::{Remains, RollupRow, StoreError};
use rustc_hash::FxHashMap;

/// Takes all of it over, as one change.
pub(crate) fn take(txn: &mut Txn<'_>, remains: &Remains) -> Result<(), StoreError> {
    let mut sums: FxHashMap<SumPlace, RollupRow> = FxHashMap::default();
    for of in &remains.sums {
        let number = txn
            .names
            .number_of_key(&txn.view, &mut txn.state, &of.key)?;
        let operation = txn.names.operation(&txn.view, number)?;
        // There is room for so many targets: those beyond count together here, too.
        sums.entry((of.key.hour, operation.sums))
            .and_modify(|all| all.merge(of))
            .or_insert_with(|| of.clone());
    }
    // Added up first, and only then held against what is stored: each on its own would seem to be less than that.
    for (place, row) in sums {
        txn.sums.raise(&txn.view, place, row)?;
    }
    // Sessions that are not there are made.
    for of in &remains.sessions {
        txn.sessions.take_over(&txn.view, &mut txn.state, of)?;
    }
    Ok(())
}
