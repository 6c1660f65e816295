//! What servers show, list by list, on plain maps: how each statement changes what is known of a list.
//!
//! The store in memory keeps all of it here. A backend that stores records loads the lists that a batch is about, without
//! their texts, and writes back what has changed.

mod rename;

use crate::Retention;
use crate::query::{ListKey, LoneItem, SurfaceRow, Surfaces, in_force};
use mcpr_model::{SurfaceContent, SurfaceUpdate, SurfaceVersion};
use mcpr_surface::capture::{
    Chain, KnownVersion, Latest, ListTexts, MAX_LONE_ITEMS, MAX_VERSIONS, NewVersion, Pending,
    Seen, WaitingPage, are_too_many_chains, chain_of, is_announced, is_flapping, known_as,
    last_seen_of, lone_item_key, negotiated, oldest_wait, read_version, step, upstream_of,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// The pages of a list that one session or client was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainKey {
    /// The list.
    pub list: ListKey,
    /// Which session or client it was sent.
    pub chain: String,
}

/// A chain of pages that waits for its rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingChain {
    /// What it waits for.
    pub pending: Pending,
    /// Its pages, but for those that a store has already.
    pub pages: Vec<WaitingPage>,
    /// When its last page came, unix milliseconds.
    pub ts: i64,
    /// Whether a store has no page of it, or those of an earlier chain.
    pub is_new: bool,
}

/// The texts that a store has and that were not loaded.
pub trait StoredTexts {
    /// Why one cannot be read.
    type Error;

    /// The whole text of a version.
    ///
    /// # Errors
    /// When it cannot be read.
    fn text(&mut self, row: &SurfaceRow) -> Result<String, Self::Error>;

    /// The pages of a chain that wait, the first one first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn pages(&mut self, key: &ChainKey) -> Result<Vec<WaitingPage>, Self::Error>;
}

/// Where nothing is left out: each row has its text, each chain its pages.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllLoaded;

impl StoredTexts for AllLoaded {
    type Error = Infallible;

    fn text(&mut self, row: &SurfaceRow) -> Result<String, Infallible> {
        Ok(row.payload.clone())
    }

    fn pages(&mut self, _: &ChainKey) -> Result<Vec<WaitingPage>, Infallible> {
        Ok(Vec::new())
    }
}

/// The texts of one list.
struct OfList<'a, T> {
    versions: &'a [SurfaceRow],
    key: &'a ChainKey,
    waiting: Option<&'a WaitingChain>,
    stored: &'a mut T,
}

impl<T: StoredTexts> ListTexts for OfList<'_, T> {
    type Error = T::Error;

    fn latest(&mut self) -> Result<String, Self::Error> {
        match in_force(self.versions, i64::MAX) {
            Some(row) => self.stored.text(row),
            None => Ok(String::new()),
        }
    }

    fn waiting(&mut self) -> Result<Vec<WaitingPage>, Self::Error> {
        let Some(waiting) = self.waiting else {
            return Ok(Vec::new());
        };
        let mut pages = if waiting.is_new {
            Vec::new()
        } else {
            self.stored.pages(self.key)?
        };
        pages.extend(waiting.pages.iter().cloned());
        Ok(pages)
    }
}

/// The surfaces as all updates so far have made them.
#[derive(Debug, Clone, Default)]
pub struct SurfaceLists {
    /// The versions of each list by their numbers. The text of a stored one may be left out.
    pub versions: BTreeMap<ListKey, Vec<SurfaceRow>>,
    /// What waits for its rest, of every list there is.
    pub waiting: BTreeMap<ChainKey, WaitingChain>,
    /// When a list was last announced to have changed.
    pub announced: BTreeMap<ListKey, i64>,
    /// Items seen on their own, of lists without a version.
    pub items: BTreeMap<(ListKey, String), LoneItem>,
}

impl SurfaceLists {
    /// Takes in one statement; `last_seq` is the position behind which it was made.
    ///
    /// # Errors
    /// When a text that it is compared with cannot be read.
    pub fn take<T: StoredTexts>(
        &mut self,
        update: &SurfaceUpdate,
        last_seq: i64,
        texts: &mut T,
    ) -> Result<(), T::Error> {
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
                self.listed(list, update, last_seq, texts)?;
            }
            SurfaceContent::Version(version) => self.restore(list, update, version, last_seq),
        }
        Ok(())
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

    fn listed<T: StoredTexts>(
        &mut self,
        list: ListKey,
        update: &SurfaceUpdate,
        last_seq: i64,
        stored: &mut T,
    ) -> Result<(), T::Error> {
        let chain = chain_of(update);
        let latest = self.latest(&list);
        let key = ChainKey {
            list: list.clone(),
            chain,
        };
        let waiting = self.waiting.get(&key);
        let mut texts = OfList {
            versions: self.versions.get(&list).map_or(&[], Vec::as_slice),
            key: &key,
            waiting,
            stored,
        };
        let pending = waiting.map(|chain| &chain.pending);
        let (chain, seen) = step(update, pending, latest.as_ref(), &mut texts)?;
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
        Ok(())
    }

    /// Has a page wait, and gives up the chains that have waited too long or are too many.
    fn wait(&mut self, key: ChainKey, pending: Pending, page: WaitingPage, update: &SurfaceUpdate) {
        let is_first = pending.pages == 1;
        let before = self.waiting.remove(&key).filter(|_| !is_first);
        let is_new = before.as_ref().is_none_or(|chain| chain.is_new);
        let mut pages = before.map_or_else(Vec::new, |chain| chain.pages);
        pages.push(page);
        let chain = WaitingChain {
            pending,
            pages,
            ts: update.ts,
            is_new,
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
    pub fn vacuum(&mut self, what: &Retention) -> u64 {
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
    #[must_use]
    pub fn knows(&self, proxy: &str) -> bool {
        let mut lists = self.versions.keys().chain(self.announced.keys());
        let of_items = || self.items.keys().map(|(list, _)| list);
        let mut parts = of_items().chain(self.waiting.keys().map(|key| &key.list));
        lists.any(|list| list.proxy == proxy) || parts.any(|list| list.proxy == proxy)
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
    #[must_use]
    pub fn surfaces(&self) -> Surfaces {
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
