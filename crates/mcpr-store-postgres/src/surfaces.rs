//! What servers show, while a batch is written: the lists it speaks of are read once, without their texts, and go from
//! state to state by the pure steps of `mcpr-surface`.

mod pages;
pub(crate) mod versions;

use crate::db::Db;
use crate::errors::DbFault;
use crate::store_row::StoreRow;
use crate::values::bytes;
use mcpr_model::{SurfaceContent, SurfaceUpdate, SurfaceVersion, Text};
use mcpr_surface::capture::{
    Chain, KnownVersion, Latest, ListTexts, MAX_VERSIONS, NewVersion, Pending, Seen, WaitingPage,
    chain_of, is_announced, is_flapping, known_as, last_seen_of, negotiated, read_version, step,
};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use versions::VersionRow;

/// A proxy and the method that lists.
type ListPlace = (i64, Text);

/// One list, as a batch finds and leaves it.
#[derive(Debug, Default)]
struct List {
    /// By their numbers.
    versions: Vec<VersionRow>,
    announced_at: Option<i64>,
    chains: BTreeMap<String, Pending>,
}

impl List {
    /// The version that was seen last: its place among the versions.
    fn in_force(&self) -> Option<usize> {
        let versions = self.versions.iter().enumerate();
        let last = versions.max_by_key(|(_, it)| (it.last_seen_at, it.number));
        last.map(|(at, _)| at)
    }

    fn latest(&self) -> Option<Latest> {
        let version = self.versions.get(self.in_force()?)?;
        Some(Latest {
            // The highest number, which need not be that of the version seen last: the next one counts on from it.
            version: self.versions.last()?.number,
            sha256: version.sha256.clone(),
            last_seen_at: version.last_seen_at,
        })
    }

    fn same(&self, sha256: &str) -> Vec<KnownVersion> {
        let same = self.versions.iter().filter(|it| it.sha256 == sha256);
        same.map(|it| KnownVersion {
            version: it.number,
            first_seen_at: it.first_seen_at,
        })
        .collect()
    }

    fn see_again(&mut self, number: i64, update: &SurfaceUpdate) {
        let mut versions = self.versions.iter_mut();
        if let Some(version) = versions.find(|it| it.number == number) {
            version.last_seen_at = version.last_seen_at.max(update.ts);
            version.protocol = negotiated(update);
            version.is_changed = true;
        }
    }
}

/// The lists that a batch speaks of.
#[derive(Debug, Default)]
pub(crate) struct ListStates(FxHashMap<ListPlace, List>);

/// What a list is changed with.
pub(crate) struct ListWriter<'a> {
    pub(crate) db: &'a mut Db,
    pub(crate) row: &'a mut StoreRow,
    pub(crate) proxy: i64,
}

impl ListStates {
    /// Takes in one statement about a proxy's list.
    pub(crate) fn take(
        &mut self,
        mut to: ListWriter<'_>,
        update: &SurfaceUpdate,
    ) -> Result<(), DbFault> {
        // Read once for each batch, however often it is spoken of.
        let place = (to.proxy, update.method.clone());
        if !self.0.contains_key(&place) {
            let list = read(to.db, &place)?;
            self.0.insert(place.clone(), list);
        }
        let list = self.0.entry(place).or_default();
        let has_waited = match &update.content {
            SurfaceContent::ListChanged => announce(&mut to, list, update).map(|()| false),
            SurfaceContent::Item { item } => {
                if list.versions.is_empty() {
                    pages::lone_item(to.db, to.proxy, update, item)?;
                }
                Ok(false)
            }
            SurfaceContent::Page { .. } | SurfaceContent::Whole { .. } => {
                listed(&mut to, list, update)
            }
            SurfaceContent::Version(version) => {
                restore(&mut to, list, update, version).map(|()| false)
            }
        }?;
        // Few lists are in a batch, and few of them come in pages.
        if has_waited {
            // Chains of any list may have been given up for it.
            for ((proxy, method), list) in &mut self.0 {
                list.chains = pages::chains(to.db, *proxy, method)?;
            }
        }
        Ok(())
    }

    /// Writes when versions were last seen.
    pub(crate) fn write(&mut self, db: &mut Db) -> Result<(), DbFault> {
        let versions = self.0.values().flat_map(|list| &list.versions);
        for version in versions.filter(|it| it.is_changed) {
            versions::write_seen(db, version)?;
        }
        Ok(())
    }
}

fn read(db: &mut Db, (proxy, method): &ListPlace) -> Result<List, DbFault> {
    let announced = db.row(
        "SELECT ts FROM surface_announcements WHERE proxy = $1 AND method = $2",
        &[proxy, &method.as_bytes()],
    )?;
    Ok(List {
        versions: versions::of_list(db, *proxy, method)?,
        announced_at: announced.map(|row| row.try_get(0)).transpose()?,
        chains: pages::chains(db, *proxy, method)?,
    })
}

fn announce(
    to: &mut ListWriter<'_>,
    list: &mut List,
    update: &SurfaceUpdate,
) -> Result<(), DbFault> {
    let at = list.announced_at.max(Some(update.ts));
    list.announced_at = at;
    to.db
        .execute(
            "INSERT INTO surface_announcements (proxy, method, ts) VALUES ($1, $2, $3)
             ON CONFLICT (proxy, method) DO UPDATE SET ts = excluded.ts",
            &[&to.proxy, &update.method.as_bytes(), &at],
        )
        .map(drop)
}

/// Takes in a version that another store had.
fn restore(
    to: &mut ListWriter<'_>,
    list: &mut List,
    update: &SurfaceUpdate,
    version: &SurfaceVersion,
) -> Result<(), DbFault> {
    let Some(mut new) = read_version(&update.method, version) else {
        return Ok(());
    };
    // A whole list says more than items of it.
    pages::remove_items(to.db, to.proxy, &update.method)?;
    if let Some(number) = known_as(update.ts, &list.same(&new.sha256)) {
        let last_seen_at = last_seen_of(update);
        let mut versions = list.versions.iter_mut();
        let known = versions.find(|it| it.number == number);
        if let Some(known) = known.filter(|it| it.last_seen_at < last_seen_at) {
            known.last_seen_at = last_seen_at;
            known.protocol = negotiated(update);
            known.is_changed = true;
        }
        return Ok(());
    }
    if list.versions.iter().any(|it| it.number == new.version) {
        let highest = list.versions.iter().map(|it| it.number).max();
        new.version = highest.unwrap_or(0) + 1;
    }
    add_version(to, list, update, &new, version.announced)
}

/// Takes in a page or a whole list; says whether pages wait now.
fn listed(
    to: &mut ListWriter<'_>,
    list: &mut List,
    update: &SurfaceUpdate,
) -> Result<bool, DbFault> {
    let chain = chain_of(update);
    // Of the list as earlier events of this batch left it.
    let latest = list.latest();
    let content = list.in_force().and_then(|at| list.versions.get(at));
    let mut texts = TextsOfList {
        db: to.db,
        place: (to.proxy, &update.method),
        chain: &chain,
        latest: content.map(|it| it.content),
    };
    // Pages of this session or client alone: two may read one list at the same time.
    let pending = list.chains.get(&chain);
    let (pages, seen) = step(update, pending, latest.as_ref(), &mut texts)?;
    let mut has_waited = false;
    match pages {
        Chain::Keep => {}
        Chain::Wait(pending, page) => {
            pages::wait(to.db, to.proxy, update, &pending, &page)?;
            has_waited = true;
        }
        Chain::Clear => {
            if list.chains.remove(&chain).is_some() {
                pages::clear(to.db, to.proxy, &chain, &update.method)?;
            }
        }
    }
    match seen {
        Seen::Nothing => {}
        Seen::Again => {
            let number = list.in_force().and_then(|at| list.versions.get(at));
            if let Some(number) = number.map(|it| it.number) {
                list.see_again(number, update);
            }
        }
        Seen::New(new) => {
            let is_announced = is_announced(latest.as_ref(), list.announced_at, update);
            add_version(to, list, update, &new, is_announced)?;
        }
    }
    Ok(has_waited)
}

fn add_version(
    to: &mut ListWriter<'_>,
    list: &mut List,
    update: &SurfaceUpdate,
    new: &NewVersion,
    announced: bool,
) -> Result<(), DbFault> {
    let same = list.same(&new.sha256);
    // A list that goes to and fro would fill the store with versions.
    if let Some(last) = same.last().filter(|_| is_flapping(same.len())) {
        list.see_again(last.version, update);
        return Ok(());
    }
    // The text of another version that is the same but for its spelling.
    let of_list = list.versions.iter().find(|it| it.sha256 == new.sha256);
    let content = match of_list.map(|it| it.content) {
        Some(content) => content,
        None => versions::content(to.db, to.row, &new.payload)?,
    };
    let version = VersionRow::new(to.row.next_id(), content, update, new);
    versions::insert(to, update, new, &version, announced)?;
    pages::remove_items(to.db, to.proxy, &update.method)?;
    list.versions.push(version);
    // The number of one from another store may be lower than that of the last one.
    list.versions.sort_by_key(|it| it.number);
    if list.versions.len() > MAX_VERSIONS {
        let versions = list.versions.iter().enumerate();
        let oldest = versions.min_by_key(|(_, it)| (it.last_seen_at, it.number));
        if let Some((at, _)) = oldest {
            let gone = list.versions.remove(at);
            versions::remove(to.db, &[gone.id])?;
        }
    }
    Ok(())
}

/// The texts that are stored of one list.
struct TextsOfList<'a> {
    db: &'a mut Db,
    place: (i64, &'a str),
    chain: &'a str,
    /// The text of the version that was seen last.
    latest: Option<i64>,
}

impl ListTexts for TextsOfList<'_> {
    type Error = DbFault;

    fn latest(&mut self) -> Result<String, DbFault> {
        match self.latest {
            Some(content) => versions::text_of(self.db, content),
            None => Ok(String::new()),
        }
    }

    fn waiting(&mut self) -> Result<Vec<WaitingPage>, DbFault> {
        let (proxy, method) = self.place;
        pages::waiting(self.db, proxy, self.chain, method)
    }
}

/// A list of texts as it is stored.
fn encoded<T: serde::Serialize>(list: &T) -> Result<Vec<u8>, DbFault> {
    serde_json::to_vec(list).map_err(|error| DbFault::damaged(error.to_string()))
}

fn method_bytes(update: &SurfaceUpdate) -> Vec<u8> {
    bytes(&update.method)
}
