//! The lists that a batch is about, and how what has changed of them is written.

use super::{
    ANNOUNCED, PAGE, StoredChain, StoredListVersion, StoredPage, Texts, WAITING, chain_key,
    item_key, list_key, lists_of, load, load_waiting, text_key, version_key,
};
use crate::columns::Column;
use crate::keys::Key;
use crate::state::State;
use crate::txn::Txn;
use crate::view::View;
use mcpr_model::{SurfaceContent, SurfaceUpdate};
use mcpr_store::StoreError;
use mcpr_store::query::{ListKey, SurfaceRow};
use mcpr_store::surface_lists::{ChainKey, StoredTexts, SurfaceLists, WaitingChain};
use mcpr_surface::capture::Pending;
use rocksdb::WriteBatch;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The lists while a batch is written.
#[derive(Debug, Default)]
pub(crate) struct ListChanges {
    now: SurfaceLists,
    before: SurfaceLists,
    loaded: BTreeSet<ListKey>,
    has_waiting: bool,
}

impl ListChanges {
    fn load(&mut self, view: &View<'_>, list: &ListKey) -> Result<(), StoreError> {
        if self.loaded.insert(list.clone()) {
            load(view, list, &mut self.before)?;
            // Read twice: a copy of one list would have to be picked from several maps, item by item.
            load(view, list, &mut self.now)?;
        }
        Ok(())
    }

    fn load_waiting(&mut self, view: &View<'_>) -> Result<(), StoreError> {
        if !self.has_waiting {
            self.has_waiting = true;
            load_waiting(view, &mut self.before)?;
            self.now.waiting = self.before.waiting.clone();
        }
        Ok(())
    }

    /// Writes what has changed.
    pub(crate) fn write(
        self,
        view: &View<'_>,
        batch: &mut WriteBatch,
        state: &mut State,
    ) -> Result<(), StoreError> {
        let Self { now, before, .. } = self;
        let mut writer = ListRecords { view, batch };
        let (kept, were) = (writer.versions(&before, &now)?, before.versions.values());
        let were: usize = were.map(Vec::len).sum();
        state.versions = (state.versions + kept).saturating_sub(were as u64);
        differ(&before.items, &now.items, |(list, item), lone| {
            let record = lone.map(|it| (it.payload.clone(), it.first_seen_at, it.last_seen_at));
            writer.record(&item_key(list, item), record.as_ref())
        })?;
        differ(&before.announced, &now.announced, |list, ts| {
            writer.record(&list_key(ANNOUNCED, list), ts)
        })?;
        differ(&before.waiting, &now.waiting, |key, waiting| {
            writer.chain(key, waiting)
        })
    }
}

/// Shows what differs between two maps: with nothing, what is gone.
fn differ<K: Ord, V: PartialEq>(
    before: &BTreeMap<K, V>,
    now: &BTreeMap<K, V>,
    mut take: impl FnMut(&K, Option<&V>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for key in before.keys().filter(|key| !now.contains_key(key)) {
        take(key, None)?;
    }
    for (key, value) in now
        .iter()
        .filter(|(key, value)| before.get(key) != Some(value))
    {
        take(key, Some(value))?;
    }
    Ok(())
}

struct ListRecords<'a, 'b> {
    view: &'a View<'b>,
    batch: &'a mut WriteBatch,
}

impl ListRecords<'_, '_> {
    fn record<T: Serialize>(&mut self, key: &Key, record: Option<&T>) -> Result<(), StoreError> {
        let column = self.view.column(Column::Surfaces);
        match record {
            Some(record) => {
                let record = crate::codec::seal(key.as_ref(), record)?;
                self.batch.put_cf(column, key, record);
            }
            None => self.batch.delete_cf(column, key),
        }
        Ok(())
    }

    /// Writes the versions of every list; says how many there are now.
    fn versions(&mut self, before: &SurfaceLists, now: &SurfaceLists) -> Result<u64, StoreError> {
        let none = Vec::new();
        let lists: BTreeSet<&ListKey> = before.versions.keys().chain(now.versions.keys()).collect();
        let mut count = 0;
        for list in lists {
            let were = before.versions.get(list).unwrap_or(&none);
            let are = now.versions.get(list).unwrap_or(&none);
            count += are.len() as u64;
            let by_number = |rows: &[SurfaceRow]| -> BTreeMap<i64, SurfaceRow> {
                rows.iter().map(|row| (row.version, row.clone())).collect()
            };
            differ(&by_number(were), &by_number(are), |version, row| {
                let record = row.map(StoredListVersion::of);
                self.record(&version_key(list, *version), record.as_ref())
            })?;
            let has =
                |rows: &[SurfaceRow], version: i64| rows.iter().any(|it| it.version == version);
            for row in were.iter().filter(|row| !has(are, row.version)) {
                self.record::<String>(&text_key(list, row.version), None)?;
            }
            for row in are {
                // A text is loaded only where it is new or gets another key: an empty one stands as it was stored.
                if !row.payload.is_empty() {
                    self.record(&text_key(list, row.version), Some(&row.payload))?;
                } else if !has(were, row.version)
                    // A list that has come back has the text that it had.
                    && let Some(first) = were.iter().find(|it| it.sha256 == row.sha256)
                {
                    let text = Texts(self.view).text(first)?;
                    self.record(&text_key(list, row.version), Some(&text))?;
                }
            }
        }
        Ok(count)
    }

    fn chain(&mut self, key: &ChainKey, waiting: Option<&WaitingChain>) -> Result<(), StoreError> {
        let record = waiting.map(|it| -> StoredChain {
            let Pending {
                next_cursor,
                pages,
                bytes,
            } = &it.pending;
            (next_cursor.clone(), *pages, *bytes as u64, it.ts)
        });
        self.record(&chain_key(WAITING, key), record.as_ref())?;
        // What waited under this key before does not belong to a new chain.
        if waiting.is_none_or(|it| it.is_new) {
            let (first, end) = chain_key(PAGE, key).all();
            let column = self.view.column(Column::Surfaces);
            self.batch.delete_range_cf(column, first, end);
        }
        let Some(waiting) = waiting else {
            return Ok(());
        };
        let first = waiting
            .pending
            .pages
            .saturating_sub(waiting.pages.len() as u64);
        for (number, page) in (first..).zip(&waiting.pages) {
            let record: StoredPage = (page.items.clone(), page.duplicate_keys.clone());
            let key = chain_key(PAGE, key).unsigned(number);
            self.record(&key, Some(&record))?;
        }
        Ok(())
    }
}

impl Txn<'_> {
    /// Takes in what was reported about a server's surface.
    pub(crate) fn surface(&mut self, update: &SurfaceUpdate) -> Result<(), StoreError> {
        let list = ListKey {
            proxy: update.proxy.to_string(),
            method: update.method.to_string(),
        };
        self.lists.load(&self.view, &list)?;
        if matches!(
            update.content,
            SurfaceContent::Page { .. } | SurfaceContent::Whole { .. }
        ) {
            self.lists.load_waiting(&self.view)?;
        }
        let mut texts = Texts(&self.view);
        self.lists.now.take(update, self.state.last_seq, &mut texts)
    }

    /// Gives the lists of a proxy to another name.
    pub(crate) fn rename_lists(&mut self, old: &str, new: &str) -> Result<(), StoreError> {
        let view = &self.view;
        for list in lists_of(view, Some(old))?
            .into_iter()
            .chain(lists_of(view, Some(new))?)
        {
            self.lists.load(view, &list)?;
        }
        self.lists.load_waiting(view)?;
        let mut texts = Texts(view);
        // What gets another key or number is written anew, with all that belongs to it.
        for (list, rows) in &mut self.lists.now.versions {
            let is_meant = list.proxy == old || list.proxy == new;
            for row in rows.iter_mut().filter(|_| is_meant) {
                row.payload = texts.text(row)?;
            }
        }
        for (key, chain) in &mut self.lists.now.waiting {
            if key.list.proxy == old {
                chain.pages = texts.pages(key)?;
                chain.is_new = true;
            }
        }
        self.lists.now.rename(old, new, &mut texts)
    }

    /// Removes what is old of a list; says how many versions went.
    pub(crate) fn vacuum_list(
        &mut self,
        list: &ListKey,
        what: &mcpr_store::Retention,
    ) -> Result<u64, StoreError> {
        self.lists.load(&self.view, list)?;
        self.lists.load_waiting(&self.view)?;
        Ok(self.lists.now.vacuum(what))
    }
}
