//! What servers showed: the lists that a batch is about are loaded without their texts, changed by the steps that all
//! stores share, and written back where they differ.

mod changes;

pub(crate) use changes::ListChanges;

use crate::columns::Column;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::view::View;
use mcpr_store::StoreError;
use mcpr_store::query::{ListKey, LoneItem, Order, SurfacePage, SurfaceRow, Surfaces};
use mcpr_store::surface_lists::{ChainKey, StoredTexts, SurfaceLists, WaitingChain};
use mcpr_surface::capture::{Pending, WaitingPage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The sorts of records in [`Column::Surfaces`].
const VERSION: u8 = b'v';
const TEXT: u8 = b't';
const ITEM: u8 = b'i';
const WAITING: u8 = b'w';
const PAGE: u8 = b'p';
const ANNOUNCED: u8 = b'a';

/// The sorts that say that something is known of a list.
const KNOWN: [u8; 3] = [VERSION, ITEM, WAITING];

/// A version as it is stored, under its list and number. Its text stands apart, and is read where it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredListVersion {
    sha256: String,
    first_seen_at: i64,
    last_seen_at: i64,
    seq: i64,
    session_id: Option<String>,
    client_name: Option<String>,
    upstream: Option<String>,
    announced: bool,
    protocol: Option<String>,
    peculiar: Vec<String>,
    changes: Vec<(String, Option<String>)>,
}

impl StoredListVersion {
    fn of(row: &SurfaceRow) -> Self {
        let row = row.clone();
        Self {
            sha256: row.sha256,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
            seq: row.seq,
            session_id: row.session_id,
            client_name: row.client_name,
            upstream: row.upstream,
            announced: row.announced,
            protocol: row.protocol,
            peculiar: row.peculiar,
            changes: row.changes,
        }
    }

    fn row(self, list: &ListKey, version: i64) -> SurfaceRow {
        SurfaceRow {
            proxy: list.proxy.clone(),
            method: list.method.clone(),
            version,
            sha256: self.sha256,
            payload: String::new(),
            first_seen_at: self.first_seen_at,
            last_seen_at: self.last_seen_at,
            seq: self.seq,
            session_id: self.session_id,
            client_name: self.client_name,
            upstream: self.upstream,
            announced: self.announced,
            protocol: self.protocol,
            peculiar: self.peculiar,
            changes: self.changes,
        }
    }
}

/// An item on its own: its text, and when it was seen first and last.
type StoredItem = (String, i64, i64);
/// A chain that waits: its next cursor, its pages, what they take, and when the last one came.
type StoredChain = (String, u64, u64, i64);
/// A page that waits: its items, and the keys that stand twice.
type StoredPage = (String, Vec<String>);

fn list_key(sort: u8, list: &ListKey) -> Key {
    Key::of(sort).text(&list.proxy).text(&list.method)
}

fn version_key(list: &ListKey, version: i64) -> Key {
    list_key(VERSION, list).signed(version)
}

fn text_key(list: &ListKey, version: i64) -> Key {
    list_key(TEXT, list).signed(version)
}

fn item_key(list: &ListKey, item: &str) -> Key {
    list_key(ITEM, list).text(item)
}

fn chain_key(sort: u8, key: &ChainKey) -> Key {
    list_key(sort, &key.list).text(&key.chain)
}

fn list_of(parts: &mut KeyParts<'_>) -> Result<ListKey, StoreError> {
    let list = parts.text().zip(parts.text());
    let (proxy, method) = list.ok_or_else(|| damaged("the key of a list does not decode"))?;
    Ok(ListKey { proxy, method })
}

/// The texts of a store.
struct Texts<'a, 'b>(&'a View<'b>);

impl StoredTexts for Texts<'_, '_> {
    type Error = StoreError;

    fn text(&mut self, row: &SurfaceRow) -> Result<String, StoreError> {
        // One that is new has its text with it.
        if !row.payload.is_empty() {
            return Ok(row.payload.clone());
        }
        let list = ListKey {
            proxy: row.proxy.clone(),
            method: row.method.clone(),
        };
        let found = self
            .0
            .get(Column::Surfaces, &text_key(&list, row.version))?;
        found.ok_or_else(|| damaged("the text of a list is gone"))
    }

    fn pages(&mut self, key: &ChainKey) -> Result<Vec<WaitingPage>, StoreError> {
        let mut pages = Vec::new();
        let beginning = chain_key(PAGE, key);
        self.0.walk_under(
            Column::Surfaces,
            beginning,
            Order::Ascending,
            &mut |key, bytes| {
                let (items, duplicate_keys): StoredPage = crate::codec::unseal(key, bytes)?;
                pages.push(WaitingPage {
                    items,
                    duplicate_keys,
                });
                Ok(true)
            },
        )?;
        Ok(pages)
    }
}

/// Reads what is known of a list, without texts, into `lists`.
fn load(view: &View<'_>, list: &ListKey, lists: &mut SurfaceLists) -> Result<(), StoreError> {
    let mut versions = Vec::new();
    let length = list_key(VERSION, list).as_ref().len();
    view.walk_under(
        Column::Surfaces,
        list_key(VERSION, list),
        Order::Ascending,
        &mut |key, bytes| {
            let version = KeyParts(&key[length..]).signed();
            let version =
                version.ok_or_else(|| damaged("the number of a version does not decode"))?;
            let stored: StoredListVersion = crate::codec::unseal(key, bytes)?;
            versions.push(stored.row(list, version));
            Ok(true)
        },
    )?;
    if !versions.is_empty() {
        lists.versions.insert(list.clone(), versions);
    }
    view.walk_under(
        Column::Surfaces,
        list_key(ITEM, list),
        Order::Ascending,
        &mut |key, bytes| {
            let item = KeyParts(&key[length..]).text();
            let item = item.ok_or_else(|| damaged("the name of an item does not decode"))?;
            let (payload, first_seen_at, last_seen_at): StoredItem =
                crate::codec::unseal(key, bytes)?;
            let lone = LoneItem {
                proxy: list.proxy.clone(),
                method: list.method.clone(),
                item: item.clone(),
                payload,
                first_seen_at,
                last_seen_at,
            };
            lists.items.insert((list.clone(), item), lone);
            Ok(true)
        },
    )?;
    if let Some(ts) = view.get::<i64>(Column::Surfaces, &list_key(ANNOUNCED, list))? {
        lists.announced.insert(list.clone(), ts);
    }
    Ok(())
}

/// Reads what waits for its rest, of every list: there are few.
fn load_waiting(view: &View<'_>, lists: &mut SurfaceLists) -> Result<(), StoreError> {
    view.walk_under(
        Column::Surfaces,
        Key::of(WAITING),
        Order::Ascending,
        &mut |key, bytes| {
            let mut parts = KeyParts(&key[1..]);
            let list = list_of(&mut parts)?;
            let chain = parts.text();
            let chain = chain.ok_or_else(|| damaged("the key of a page does not decode"))?;
            let (next_cursor, pages, bytes, ts): StoredChain = crate::codec::unseal(key, bytes)?;
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let waiting = WaitingChain {
                pending: Pending {
                    next_cursor,
                    pages,
                    bytes,
                },
                pages: Vec::new(),
                ts,
                is_new: false,
            };
            lists.waiting.insert(ChainKey { list, chain }, waiting);
            Ok(true)
        },
    )
}

/// The lists of which anything is stored, of one proxy or of all.
pub(crate) fn lists_of(
    view: &View<'_>,
    proxy: Option<&str>,
) -> Result<BTreeSet<ListKey>, StoreError> {
    let mut lists = BTreeSet::new();
    for sort in KNOWN.into_iter().chain([ANNOUNCED]) {
        let beginning = proxy.map_or(Key::of(sort), |proxy| Key::of(sort).text(proxy));
        let (first, end) = beginning.all();
        each_list(view, sort, first, &end, &mut |list| {
            lists.insert(list);
            true
        })?;
    }
    Ok(lists)
}

/// Shows each list that has records of a sort in a range of keys, with a step for each and not for each record.
fn each_list(
    view: &View<'_>,
    sort: u8,
    mut from: Key,
    end: &Key,
    take: &mut dyn FnMut(ListKey) -> bool,
) -> Result<(), StoreError> {
    while let Some((key, _)) =
        view.first(Column::Surfaces, (from, end.clone()), Order::Ascending)?
    {
        let list = list_of(&mut KeyParts(&key[1..]))?;
        // A list can have thousands of records of a sort; one step passes over all of them.
        from = list_key(sort, &list).end();
        if !take(list) {
            break;
        }
    }
    Ok(())
}

/// Everything of the lists on a page.
pub(crate) fn page(view: &View<'_>, page: &SurfacePage) -> Result<Surfaces, StoreError> {
    // Of each sort as many: the first of all of them are among these.
    let limit = page.limit.min(SurfacePage::MAX_LIMIT);
    let mut lists = BTreeSet::new();
    // A list may be known by one sort alone, by an item that was seen before any whole answer.
    for sort in KNOWN {
        let beginning = Key::of(sort);
        let beginning = page
            .proxy
            .as_ref()
            .map_or(beginning.clone(), |it| beginning.text(it));
        let (first, end) = beginning.all();
        // Each sort has keys of its own, and so the place to go on from is put together for each.
        let after = page.after.as_ref().map(|after| list_key(sort, after).end());
        let from = after.map_or(first.clone(), |after| after.max(first));
        let mut found = 0;
        each_list(view, sort, from, &end, &mut |list| {
            found += 1;
            lists.insert(list);
            found < limit
        })?;
    }
    let mut of_page = SurfaceLists::default();
    for list in page.lists(lists) {
        load(view, &list, &mut of_page)?;
    }
    load_waiting(view, &mut of_page)?;
    let mut surfaces = of_page.surfaces().on(page);
    for row in &mut surfaces.versions {
        complete(view, row, page.with_texts)?;
    }
    Ok(surfaces)
}

/// Adds the text of a version, and the client of the session in which it was first seen.
fn complete(view: &View<'_>, row: &mut SurfaceRow, with_text: bool) -> Result<(), StoreError> {
    if with_text {
        row.payload = Texts(view).text(row)?;
    }
    let id = row
        .session_id
        .as_ref()
        .filter(|_| row.client_name.is_none());
    if let Some(id) = id {
        let key = mcpr_store::query::SessionKey {
            proxy: row.proxy.clone(),
            id: id.clone(),
        };
        if let Some(number) = crate::sessions::number_of_key(view, &key)? {
            let session = crate::sessions::by_number(view, number)?;
            row.client_name = session.and_then(|it| it.client_name);
        }
    }
    Ok(())
}

/// The versions of one list, without texts.
fn versions_of(view: &View<'_>, proxy: &str, method: &str) -> Result<Vec<SurfaceRow>, StoreError> {
    let list = ListKey {
        proxy: proxy.to_owned(),
        method: method.to_owned(),
    };
    let mut of_list = SurfaceLists::default();
    load(view, &list, &mut of_list)?;
    Ok(of_list.versions.remove(&list).unwrap_or_default())
}

/// The version of a list that one is chosen by, with its text.
pub(crate) fn version(
    view: &View<'_>,
    proxy: &str,
    method: &str,
    choose: impl FnOnce(&[SurfaceRow]) -> Option<SurfaceRow>,
) -> Result<Option<SurfaceRow>, StoreError> {
    let Some(mut row) = choose(&versions_of(view, proxy, method)?) else {
        return Ok(None);
    };
    complete(view, &mut row, true)?;
    Ok(Some(row))
}

/// How many texts and pages have no list any more, and versions no text: what a look for damage finds.
pub(crate) fn check(view: &View<'_>) -> Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    for list in lists_of(view, None)? {
        for row in versions_of(view, &list.proxy, &list.method)? {
            if Texts(view).text(&row).is_err() {
                let ListKey { proxy, method } = &list;
                problems.push(format!(
                    "version {} of {method} of {proxy} has no text",
                    row.version
                ));
            }
        }
    }
    Ok(problems)
}
