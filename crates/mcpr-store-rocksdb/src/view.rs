//! The store as it is at one moment: single records, and walks through keys in their order.

use crate::codec::{unseal, unseal_json};
use crate::columns::Column;
use crate::errors::{damaged, failed};
use crate::keys::Key;
use mcpr_store::StoreError;
use mcpr_store::query::Order;
use rocksdb::{ColumnFamily, DB, DBPinnableSlice, ReadOptions, Snapshot};
use serde::de::DeserializeOwned;

const READING: &str = "read the store";

/// What a walk shows: a key and what stands under it. It goes on while it is asked to.
pub(crate) type Take<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<bool, StoreError>;

/// Keys from one on, and before another.
pub(crate) type KeyRange = (Key, Key);

/// A key with what stands under it.
pub(crate) type KeyAndValue = (Vec<u8>, Vec<u8>);

pub(crate) struct View<'a> {
    db: &'a DB,
    columns: Vec<&'a ColumnFamily>,
    /// None of a secondary, which stands still between two looks at its primary, and of who writes alone.
    snapshot: Option<Snapshot<'a>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(db: &'a DB, snapshot: Option<Snapshot<'a>>) -> Result<Self, StoreError> {
        // Looked up once for each view, and not by name for each record that is read.
        let columns = Column::ALL.map(|column| {
            let found = db.cf_handle(column.name());
            found.ok_or_else(|| damaged(format!("the column family {} is gone", column.name())))
        });
        Ok(Self {
            db,
            columns: columns.into_iter().collect::<Result<_, _>>()?,
            snapshot,
        })
    }

    pub(crate) fn column(&self, column: Column) -> &'a ColumnFamily {
        self.columns[column.index()]
    }

    fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default();
        if let Some(snapshot) = &self.snapshot {
            options.set_snapshot(snapshot);
        }
        options
    }

    /// The bytes under a key.
    pub(crate) fn raw(
        &self,
        column: Column,
        key: &Key,
    ) -> Result<Option<DBPinnableSlice<'a>>, StoreError> {
        let found = self
            .db
            .get_pinned_cf_opt(self.column(column), key, &self.options());
        found.map_err(failed(READING))
    }

    /// The record under a key, which has a checksum of its own.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        column: Column,
        key: &Key,
    ) -> Result<Option<T>, StoreError> {
        let found = self.raw(column, key)?;
        found.map(|bytes| unseal(key.as_ref(), &bytes)).transpose()
    }

    /// The same of a record that is kept as JSON.
    pub(crate) fn get_json<T: DeserializeOwned>(
        &self,
        column: Column,
        key: &Key,
    ) -> Result<Option<T>, StoreError> {
        let found = self.raw(column, key)?;
        found
            .map(|bytes| unseal_json(key.as_ref(), &bytes))
            .transpose()
    }

    /// Walks through the keys of a range.
    pub(crate) fn walk(
        &self,
        column: Column,
        range: KeyRange,
        order: Order,
        take: Take<'_>,
    ) -> Result<(), StoreError> {
        let mut options = self.options();
        // Only a walk below one beginning may rely on a filter that knows beginnings alone.
        options.set_total_order_seek(true);
        self.go(column, range, order, options, take)
    }

    /// Walks through the keys that begin with one, which is as long as the beginnings that a filter knows, or longer.
    pub(crate) fn walk_under(
        &self,
        column: Column,
        beginning: Key,
        order: Order,
        take: Take<'_>,
    ) -> Result<(), StoreError> {
        let mut options = self.options();
        let is_filtered = column.has_prefix() && order == Order::Ascending;
        // Backwards the walk begins at the end, which has another beginning, and would find nothing.
        options.set_prefix_same_as_start(is_filtered);
        options.set_total_order_seek(!is_filtered);
        self.go(column, beginning.all(), order, options, take)
    }

    fn go(
        &self,
        column: Column,
        (from, end): KeyRange,
        order: Order,
        mut options: ReadOptions,
        take: Take<'_>,
    ) -> Result<(), StoreError> {
        // An empty range is no mistake: a page may end where it begins.
        if from >= end {
            return Ok(());
        }
        options.set_iterate_upper_bound(end.as_ref());
        options.set_iterate_lower_bound(from.as_ref());
        let mut at = self.db.raw_iterator_cf_opt(self.column(column), options);
        match order {
            Order::Ascending => at.seek(&from),
            // The end itself is not part of the range: the upper bound keeps the iterator before it.
            Order::Descending => at.seek_for_prev(&end),
        }
        while let Some((key, value)) = at.item() {
            if !take(key, value)? {
                return Ok(());
            }
            match order {
                Order::Ascending => at.next(),
                Order::Descending => at.prev(),
            }
        }
        // The end of a walk and a failure look alike until it is asked.
        at.status().map_err(failed(READING))
    }

    /// The first key of a range in an order, with what stands under it.
    pub(crate) fn first(
        &self,
        column: Column,
        range: KeyRange,
        order: Order,
    ) -> Result<Option<KeyAndValue>, StoreError> {
        let mut found = None;
        self.walk(column, range, order, &mut |key, value| {
            found = Some((key.to_vec(), value.to_vec()));
            Ok(false)
        })?;
        Ok(found)
    }

    /// How many keys a column family has.
    pub(crate) fn count(&self, column: Column) -> Result<u64, StoreError> {
        let mut count = 0;
        self.walk(column, Key::new().all(), Order::Ascending, &mut |_, _| {
            count += 1;
            Ok(true)
        })?;
        Ok(count)
    }
}
