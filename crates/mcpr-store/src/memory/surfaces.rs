//! What servers show, in memory: the same steps as in every backend, on plain maps.

use crate::query::{ListKey, LoneItem, SurfaceRow, Surfaces, in_force};
use crate::{Retention, VersionSpan, merge_versions};
use mcpr_model::{SurfaceContent, SurfaceUpdate, SurfaceVersion};
use mcpr_surface::capture::{
    Chain, KnownVersion, Latest, ListTexts, MAX_LONE_ITEMS, MAX_VERSIONS, NewVersion, Pending,
    Seen, WaitingPage, are_too_many_chains, chain_of, is_announced, is_flapping, known_as,
    last_seen_of, lone_item_key, negotiated, oldest_wait, read_version, step, upstream_of,
};
use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// The pages of a list that one session or client was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ChainKey {
    list: ListKey,
    chain: String,
}

/// A chain of pages that waits for its rest.
#[derive(Debug)]
struct WaitingChain {
    pending: Pending,
    pages: Vec<WaitingPage>,
    ts: i64,
}

/// The texts of one list.
struct MemoryTexts<'a> {
    versions: &'a [SurfaceRow],
    waiting: &'a [WaitingPage],
}

impl ListTexts for MemoryTexts<'_> {
    type Error = std::convert::Infallible;

    fn latest(&mut self) -> Result<String, Self::Error> {
        let latest = in_force(self.versions, i64::MAX);
        Ok(latest.map_or_else(String::new, |row| row.payload.clone()))
    }

    fn waiting(&mut self) -> Result<Vec<WaitingPage>, Self::Error> {
        Ok(self.waiting.to_vec())
    }
}

/// The surfaces as all updates so far have made them.
#[derive(Debug, Default)]
pub(super) struct StoredSurfaces {
    versions: BTreeMap<ListKey, Vec<SurfaceRow>>,
    waiting: BTreeMap<ChainKey, WaitingChain>,
    announced: BTreeMap<ListKey, i64>,
    items: BTreeMap<(ListKey, String), LoneItem>,
}

impl StoredSurfaces {
    /// Takes in one statement; `last_seq` is the position behind which it was made.
    pub(super) fn take(&mut self, update: &SurfaceUpdate, last_seq: i64) {
        let list = ListKey {
            proxy: update.proxy.to_string(),
            method: update.method.to_string(),
        };
        match &update.content {
            SurfaceContent::ListChanged => {
                let at = self.announced.entry(list).or_insert(update.ts);
                *at = update.ts.max(*at);
            }
            SurfaceContent::Item { item } => self.lone_item(list, update, item),
            SurfaceContent::Page { .. } | SurfaceContent::Whole { .. } => {
                self.listed(list, update, last_seq);
            }
            SurfaceContent::Version(version) => self.restore(list, update, version, last_seq),
        }
    }

    /// Takes in a version that another store had.
    fn restore(
        &mut self,
        list: ListKey,
        update: &SurfaceUpdate,
        version: &SurfaceVersion,
        last_seq: i64,
    ) {
        let Some(mut new) = read_version(&update.method, version) else {
            return;
        };
        // A whole list says more than items of it.
        self.items.retain(|(of, _), _| *of != list);
        let versions = self.versions.entry(list).or_default();
        let same: Vec<KnownVersion> = versions
            .iter()
            .filter(|row| row.sha256 == new.sha256)
            .map(|row| KnownVersion {
                version: row.version,
                first_seen_at: row.first_seen_at,
            })
            .collect();
        if let Some(number) = known_as(update.ts, &same) {
            let known = versions.iter_mut().find(|row| row.version == number);
            if let Some(row) = known.filter(|row| row.last_seen_at < last_seen_of(update)) {
                row.last_seen_at = last_seen_of(update);
                row.protocol = negotiated(update);
            }
            return;
        }
        if versions.iter().any(|row| row.version == new.version) {
            let highest = versions.iter().map(|row| row.version).max();
            new.version = highest.unwrap_or(0) + 1;
        }
        add_version(versions, new, update, last_seq, version.announced);
        // Its number may be lower than that of the last one.
        versions.sort_by_key(|row| row.version);
    }

    fn lone_item(&mut self, list: ListKey, update: &SurfaceUpdate, payload: &str) {
        let key = lone_item_key(&update.method, payload);
        let Some(item) = key.filter(|_| !self.versions.contains_key(&list)) else {
            return;
        };
        let of_list = list.clone();
        let ListKey { proxy, method } = list.clone();
        let known = self
            .items
            .entry((list, item.clone()))
            .or_insert_with(|| LoneItem {
                proxy,
                method,
                item,
                payload: payload.to_owned(),
                first_seen_at: update.ts,
                last_seen_at: update.ts,
            });
        if update.ts >= known.last_seen_at {
            payload.clone_into(&mut known.payload);
        }
        known.first_seen_at = known.first_seen_at.min(update.ts);
        known.last_seen_at = known.last_seen_at.max(update.ts);
        self.trim_items(&of_list);
    }

    fn trim_items(&mut self, list: &ListKey) {
        let of_list = self.items.iter().filter(|((of, _), _)| of == list);
        let mut oldest: Vec<_> = of_list
            .map(|(key, item)| (Reverse(item.last_seen_at), key.clone()))
            .collect();
        oldest.sort();
        for (_, key) in oldest.into_iter().skip(MAX_LONE_ITEMS) {
            self.items.remove(&key);
        }
    }

    fn listed(&mut self, list: ListKey, update: &SurfaceUpdate, last_seq: i64) {
        let chain = chain_of(update);
        let latest = self.latest(&list);
        let key = ChainKey {
            list: list.clone(),
            chain,
        };
        let waiting = self.waiting.get(&key);
        let mut texts = MemoryTexts {
            versions: self.versions.get(&list).map_or(&[], Vec::as_slice),
            waiting: waiting.map_or(&[], |chain| chain.pages.as_slice()),
        };
        let pending = waiting.map(|chain| &chain.pending);
        let Ok((chain, seen)) = step(update, pending, latest.as_ref(), &mut texts);
        match chain {
            Chain::Keep => {}
            Chain::Wait(pending, page) => self.wait(key, pending, page, update),
            Chain::Clear => {
                self.waiting.remove(&key);
            }
        }
        match seen {
            Seen::Nothing => {}
            Seen::Again => {
                let versions = self.versions.entry(list).or_default();
                let number = in_force(versions.iter(), i64::MAX).map(|row| row.version);
                see_again(versions, number, update);
            }
            Seen::New(new) => {
                let announced_at = self.announced.get(&list).copied();
                let is_announced = is_announced(latest.as_ref(), announced_at, update);
                let versions = self.versions.entry(list).or_default();
                add_version(versions, *new, update, last_seq, is_announced);
            }
        }
    }

    /// Has a page wait, and gives up the chains that have waited too long or are too many.
    fn wait(&mut self, key: ChainKey, pending: Pending, page: WaitingPage, update: &SurfaceUpdate) {
        let is_first = pending.pages == 1;
        let before = self.waiting.remove(&key).filter(|_| !is_first);
        let mut pages = before.map_or_else(Vec::new, |chain| chain.pages);
        pages.push(page);
        let chain = WaitingChain {
            pending,
            pages,
            ts: update.ts,
        };
        self.waiting.insert(key, chain);
        let oldest = oldest_wait(update);
        self.waiting.retain(|_, chain| chain.ts >= oldest);
        self.trim_waiting();
    }

    fn latest(&self, list: &ListKey) -> Option<Latest> {
        let versions = self.versions.get(list)?;
        let row = in_force(versions, i64::MAX)?;
        Some(Latest {
            version: versions.last()?.version,
            sha256: row.sha256.clone(),
            last_seen_at: row.last_seen_at,
        })
    }

    /// Removes what is old, but for the version of each list that was seen last.
    pub(super) fn vacuum(&mut self, what: &Retention) -> u64 {
        let is_old = |list: &ListKey, ts: i64| ts < what.before && what.means(&list.proxy);
        let mut removed = 0;
        for (list, versions) in &mut self.versions {
            let last = in_force(versions.iter(), i64::MAX).map(|row| row.version);
            let before = versions.len();
            versions.retain(|row| Some(row.version) == last || !is_old(list, row.last_seen_at));
            removed += before - versions.len();
        }
        self.items
            .retain(|(list, _), item| !is_old(list, item.last_seen_at));
        self.waiting
            .retain(|key, chain| !is_old(&key.list, chain.ts));
        self.announced.retain(|list, ts| !is_old(list, *ts));
        removed as u64
    }

    /// Whether a proxy has shown anything.
    pub(super) fn knows(&self, proxy: &str) -> bool {
        let mut lists = self.versions.keys().chain(self.announced.keys());
        let of_items = || self.items.keys().map(|(list, _)| list);
        let mut parts = of_items().chain(self.waiting.keys().map(|key| &key.list));
        lists.any(|list| list.proxy == proxy) || parts.any(|list| list.proxy == proxy)
    }

    /// Gives another name to a proxy, whose lists become one with those that the new name has.
    pub(super) fn rename(&mut self, old: &str, new: &str) {
        let renamed = |list: ListKey| ListKey {
            proxy: if list.proxy == old {
                new.to_owned()
            } else {
                list.proxy
            },
            method: list.method,
        };
        self.rename_versions(old, &renamed);
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
    }

    fn rename_versions(&mut self, old: &str, renamed: &dyn Fn(ListKey) -> ListKey) {
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
                merged(&list.method, &[there, rows].concat())
            };
            self.versions.insert(list, rows);
        }
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

    /// Gives up the chains that have waited longest, where too many wait.
    fn trim_waiting(&mut self) {
        let bytes = |chains: &BTreeMap<_, WaitingChain>| -> usize {
            chains.values().map(|chain| chain.pending.bytes).sum()
        };
        while are_too_many_chains(self.waiting.len(), bytes(&self.waiting)) {
            let oldest = self.waiting.iter().min_by_key(|(_, chain)| chain.ts);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            self.waiting.remove(&key);
        }
    }

    /// Every version and every item seen on its own.
    pub(super) fn surfaces(&self) -> Surfaces {
        Surfaces {
            versions: self.versions.values().flatten().cloned().collect(),
            items: self
                .items
                .iter()
                .filter(|((list, _), _)| !self.versions.contains_key(list))
                .map(|(_, item)| item.clone())
                .collect(),
            begun: self.begun(),
        }
    }

    fn begun(&self) -> Vec<ListKey> {
        let lists = self.waiting.keys().map(|key| &key.list);
        let begun: BTreeSet<ListKey> = lists
            .filter(|list| !self.versions.contains_key(list))
            .cloned()
            .collect();
        begun.into_iter().collect()
    }
}

/// The versions of two lists of a method as those of one.
fn merged(method: &str, rows: &[SurfaceRow]) -> Vec<SurfaceRow> {
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
    let text = |at: usize| -> Result<String, Infallible> { Ok(rows[at].payload.clone()) };
    let Ok(merged) = merge_versions(method, &spans, text);
    let numbered = (1..).zip(merged);
    numbered
        .map(|(version, it)| SurfaceRow {
            version,
            last_seen_at: it.last_seen_at,
            protocol: it.protocol,
            changes: it.changes,
            ..rows[it.of].clone()
        })
        .collect()
}

/// Says of a version that it was seen.
fn see_again(versions: &mut [SurfaceRow], number: Option<i64>, update: &SurfaceUpdate) {
    if let Some(row) = versions.iter_mut().find(|row| Some(row.version) == number) {
        row.last_seen_at = row.last_seen_at.max(update.ts);
        row.protocol = negotiated(update);
    }
}

fn add_version(
    versions: &mut Vec<SurfaceRow>,
    new: NewVersion,
    update: &SurfaceUpdate,
    seq: i64,
    announced: bool,
) {
    let same: Vec<i64> = versions
        .iter()
        .filter(|row| row.sha256 == new.sha256)
        .map(|row| row.version)
        .collect();
    if is_flapping(same.len()) {
        return see_again(versions, same.last().copied(), update);
    }
    let first_of_text = versions.iter().find(|row| row.sha256 == new.sha256);
    let payload = first_of_text.map_or(new.payload, |row| row.payload.clone());
    versions.push(SurfaceRow {
        proxy: update.proxy.to_string(),
        method: update.method.to_string(),
        version: new.version,
        sha256: new.sha256,
        payload,
        first_seen_at: update.ts,
        last_seen_at: last_seen_of(update),
        seq,
        session_id: update.session_id.as_deref().map(str::to_owned),
        client_name: update.client_name.as_deref().map(str::to_owned),
        upstream: upstream_of(update).map(str::to_owned),
        announced,
        protocol: negotiated(update),
        peculiar: new.peculiar,
        changes: new.changes,
    });
    if versions.len() > MAX_VERSIONS {
        let rows = versions.iter().enumerate();
        let oldest = rows.min_by_key(|(_, row)| (row.last_seen_at, row.version));
        if let Some((at, _)) = oldest {
            versions.remove(at);
        }
    }
}
