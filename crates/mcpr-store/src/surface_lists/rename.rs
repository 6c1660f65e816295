//! The lists of a proxy that gets another name.

use super::{ChainKey, StoredTexts, SurfaceLists};
use crate::query::{ListKey, LoneItem, SurfaceRow};
use crate::{VersionSpan, merge_versions};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

impl SurfaceLists {
    /// Gives another name to a proxy, whose lists become one with those that the new name has.
    ///
    /// # Errors
    /// When a text cannot be read.
    pub fn rename<T: StoredTexts>(
        &mut self,
        old: &str,
        new: &str,
        texts: &mut T,
    ) -> Result<(), T::Error> {
        let renamed = |list: ListKey| ListKey {
            proxy: if list.proxy == old {
                new.to_owned()
            } else {
                list.proxy
            },
            method: list.method,
        };
        self.rename_versions(old, &renamed, texts)?;
        self.rename_items(new, &renamed);
        for (list, ts) in std::mem::take(&mut self.announced) {
            let at = self.announced.entry(renamed(list)).or_insert(ts);
            *at = ts.max(*at);
        }
        let (moved, rest): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(key, _)| key.list.proxy == old);
        self.waiting = rest;
        for (ChainKey { list, chain }, waiting) in moved {
            let list = renamed(list);
            // Two readings of one list cannot go on in one chain.
            self.waiting
                .entry(ChainKey { list, chain })
                .or_insert(waiting);
        }
        Ok(())
    }

    fn rename_versions<T: StoredTexts>(
        &mut self,
        old: &str,
        renamed: &dyn Fn(ListKey) -> ListKey,
        texts: &mut T,
    ) -> Result<(), T::Error> {
        let of_old = |list: &&ListKey| list.proxy == old;
        let lists: Vec<ListKey> = self.versions.keys().filter(of_old).cloned().collect();
        for list in lists {
            let mut rows = self.versions.remove(&list).unwrap_or_default();
            let list = renamed(list);
            let there = self.versions.remove(&list).unwrap_or_default();
            for row in &mut rows {
                row.proxy.clone_from(&list.proxy);
            }
            let rows = if there.is_empty() {
                rows
            } else {
                merged(&list.method, &[there, rows].concat(), texts)?
            };
            self.versions.insert(list, rows);
        }
        Ok(())
    }

    fn rename_items(&mut self, new: &str, renamed: &dyn Fn(ListKey) -> ListKey) {
        for ((list, item), row) in std::mem::take(&mut self.items) {
            let list = renamed(list);
            if self.versions.contains_key(&list) && list.proxy == new {
                continue;
            }
            let row = LoneItem {
                proxy: list.proxy.clone(),
                ..row
            };
            match self.items.entry((list, item)) {
                Entry::Vacant(free) => drop(free.insert(row)),
                Entry::Occupied(mut there) => {
                    let there = there.get_mut();
                    if row.last_seen_at > there.last_seen_at {
                        there.payload = row.payload;
                    }
                    there.first_seen_at = there.first_seen_at.min(row.first_seen_at);
                    there.last_seen_at = there.last_seen_at.max(row.last_seen_at);
                }
            }
        }
    }
}

/// The versions of two lists of a method as those of one.
fn merged<T: StoredTexts>(
    method: &str,
    rows: &[SurfaceRow],
    texts: &mut T,
) -> Result<Vec<SurfaceRow>, T::Error> {
    let spans: Vec<VersionSpan> = rows
        .iter()
        .map(|row| VersionSpan {
            version: row.version,
            sha256: row.sha256.clone(),
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            protocol: row.protocol.clone(),
        })
        .collect();
    let merged = merge_versions(method, &spans, |at| texts.text(&rows[at]))?;
    let numbered = (1..).zip(merged);
    Ok(numbered
        .map(|(version, it)| SurfaceRow {
            version,
            last_seen_at: it.last_seen_at,
            protocol: it.protocol,
            changes: it.changes,
            ..rows[it.of].clone()
        })
        .collect())
}
