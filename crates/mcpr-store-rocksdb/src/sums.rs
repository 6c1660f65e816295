//! Hourly sums: a record for each hour and operation, by hour.

use crate::columns::Column;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::names;
use crate::records::{Operation, StoredSums};
use crate::view::View;
use mcpr_model::Request;
use mcpr_model::time::hour_of;
use mcpr_store::query::Order;
use mcpr_store::{RollupChange, RollupKey, RollupRow, StoreError};
use rocksdb::WriteBatch;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::hash_map::Entry;

/// An hour and an operation.
pub(crate) type SumPlace = (i64, u64);

fn key_of((hour, operation): SumPlace) -> Key {
    Key::new().signed(hour).unsigned(operation)
}

fn place_of(key: &[u8]) -> Result<SumPlace, StoreError> {
    let mut parts = KeyParts(key);
    let place = parts.signed().zip(parts.unsigned());
    place.ok_or_else(|| damaged("the key of an hourly sum does not decode"))
}

fn row_of(sums: StoredSums, key: RollupKey) -> Result<RollupRow, StoreError> {
    let row = sums.row(key);
    row.ok_or_else(|| damaged("the sketch of an hourly sum does not decode"))
}

/// Sums while a batch is written: each is read once, and written once.
#[derive(Debug, Default)]
pub(crate) struct HourlySumChanges(FxHashMap<SumPlace, RollupRow>);

impl HourlySumChanges {
    fn at(&mut self, view: &View<'_>, place: SumPlace) -> Result<&mut RollupRow, StoreError> {
        let vacant = match self.0.entry(place) {
            Entry::Occupied(known) => return Ok(known.into_mut()),
            Entry::Vacant(vacant) => vacant,
        };
        let key = RollupKey::of_hour(place.0);
        let stored = view.get::<StoredSums>(Column::Sums, &key_of(place))?;
        let row = match stored {
            Some(sums) => row_of(sums, key)?,
            None => RollupRow::new(key),
        };
        Ok(vacant.insert(row))
    }

    /// Counts a newly stored request.
    pub(crate) fn count(
        &mut self,
        view: &View<'_>,
        operation: u64,
        request: &Request,
    ) -> Result<(), StoreError> {
        self.at(view, (hour_of(request.ts), operation))?
            .add(request);
        Ok(())
    }

    /// Changes what a request counts for; its hour and latency stay.
    pub(crate) fn amend(
        &mut self,
        view: &View<'_>,
        operation: u64,
        before: &Request,
        after: &Request,
    ) -> Result<(), StoreError> {
        let change = RollupChange::between(before, after);
        let row = self.at(view, (hour_of(before.ts), operation))?;
        // What is not there any more has nothing to be changed.
        if row.calls > 0 {
            row.amend(&change);
        }
        Ok(())
    }

    /// Adds sums of elsewhere to those of a place.
    pub(crate) fn merge(
        &mut self,
        view: &View<'_>,
        place: SumPlace,
        of: &RollupRow,
    ) -> Result<(), StoreError> {
        self.at(view, place)?.merge(of);
        Ok(())
    }

    /// Puts sums in the place of those that count fewer calls.
    pub(crate) fn raise(
        &mut self,
        view: &View<'_>,
        place: SumPlace,
        to: RollupRow,
    ) -> Result<(), StoreError> {
        let row = self.at(view, place)?;
        // More calls is more that was seen: a copy that is taken twice adds nothing.
        if to.calls > row.calls {
            *row = to;
        }
        Ok(())
    }

    pub(crate) fn write(self, view: &View<'_>, batch: &mut WriteBatch) -> Result<(), StoreError> {
        for (place, row) in self.0 {
            // A place that was only looked at stays without a record.
            if row.calls > 0 {
                let key = key_of(place);
                let record = crate::codec::seal(key.as_ref(), &StoredSums::of(&row))?;
                batch.put_cf(view.column(Column::Sums), &key, record);
            }
        }
        Ok(())
    }
}

/// Shows every sum with its place.
fn each(
    view: &View<'_>,
    take: &mut dyn FnMut(SumPlace, StoredSums) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    view.walk(
        Column::Sums,
        Key::new().all(),
        Order::Ascending,
        &mut |key, bytes| {
            take(place_of(key)?, crate::codec::unseal(key, bytes)?)?;
            Ok(true)
        },
    )
}

/// Shows every rollup: hour by hour, and in the order of readers within one.
pub(crate) fn rollups(view: &View<'_>, take: &mut dyn FnMut(RollupRow)) -> Result<(), StoreError> {
    let mut known: FxHashMap<u64, Operation> = FxHashMap::default();
    let mut of_hour: Vec<RollupRow> = Vec::new();
    each(view, &mut |(hour, number), sums| {
        // Within an hour keys stand by number, which is the order of first use: it is not the readers' order.
        if of_hour.first().is_some_and(|row| row.key.hour != hour) {
            RollupRow::sort(&mut of_hour);
            of_hour.drain(..).for_each(&mut *take);
        }
        let operation = match known.entry(number) {
            Entry::Occupied(operation) => operation.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(names::operation(view, number)?),
        };
        of_hour.push(row_of(sums, operation.rollup_key(hour))?);
        Ok(())
    })?;
    RollupRow::sort(&mut of_hour);
    of_hour.into_iter().for_each(take);
    Ok(())
}

/// The first and the last hour that there are sums of.
pub(crate) fn span(view: &View<'_>) -> Result<Option<(i64, i64)>, StoreError> {
    let end = |order| {
        let found = view.first(Column::Sums, Key::new().all(), order)?;
        found.map(|(key, _)| Ok(place_of(&key)?.0)).transpose()
    };
    let first: Option<i64> = end(Order::Ascending)?;
    Ok(first.zip(end(Order::Descending)?))
}

/// The operations that have sums.
pub(crate) fn operations(view: &View<'_>) -> Result<FxHashSet<u64>, StoreError> {
    let mut found = FxHashSet::default();
    view.walk(
        Column::Sums,
        Key::new().all(),
        Order::Ascending,
        &mut |key, _| {
            found.insert(place_of(key)?.1);
            Ok(true)
        },
    )?;
    Ok(found)
}

/// Puts the sums of operations that count in those of another one now to these.
pub(crate) fn rename(
    view: &View<'_>,
    batch: &mut WriteBatch,
    renamed: &FxHashMap<u64, u64>,
) -> Result<(), StoreError> {
    let mut changes = HourlySumChanges::default();
    each(view, &mut |place, sums| {
        if let Some(&to) = renamed.get(&place.1).filter(|to| **to != place.1) {
            let row = row_of(sums, RollupKey::of_hour(place.0))?;
            changes.merge(view, (place.0, to), &row)?;
            batch.delete_cf(view.column(Column::Sums), key_of(place));
        }
        Ok(())
    })?;
    changes.write(view, batch)
}

/// Removes at most so many sums of hours up to one, of some operations or of all; says how many.
pub(crate) fn remove(
    view: &View<'_>,
    batch: &mut WriteBatch,
    last_hour: i64,
    of: Option<&FxHashSet<u64>>,
    most: usize,
) -> Result<u64, StoreError> {
    let (mut removed, mut left) = (0, most);
    let range = (Key::new(), Key::new().signed(last_hour).end());
    view.walk(Column::Sums, range, Order::Ascending, &mut |key, _| {
        if of.is_none_or(|of| place_of(key).is_ok_and(|(_, number)| of.contains(&number))) {
            batch.delete_cf(view.column(Column::Sums), key);
            removed += 1;
            left -= 1;
        }
        Ok(left > 0)
    })?;
    Ok(removed)
}
