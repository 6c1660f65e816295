//! What servers show: statements into versions, and versions back into rows.

mod pages;
mod versions;

pub(super) use versions::{remove_version, text_of, trim};

use super::layout::layout_of;
use super::names::NameNumbers;
use super::shown::shown;
use super::surface_cache::{SeenAgain, SurfaceCache, seen};
use mcpr_model::{SurfaceContent, SurfaceUpdate, SurfaceVersion};
use mcpr_store::query::{ListKey, LoneItem, SurfacePage, SurfaceRow, Surfaces};
use mcpr_surface::capture::{
    Chain, KnownVersion, ListTexts, Seen, WaitingPage, chain_of, known_as, last_seen_of,
    negotiated, read_version, step,
};
use rusqlite::{Connection, OptionalExtension, Row, Statement, Transaction, params};
use std::collections::BTreeMap;
use std::ops::Bound;

/// The layout since which each distinct text is stored once.
const TEXTS_SINCE: i64 = 7;

/// Takes in one statement; `last_seq` is the position behind which it was made.
pub(super) fn take(
    tx: &Transaction<'_>,
    names: &mut NameNumbers,
    cache: &mut SurfaceCache,
    update: &SurfaceUpdate,
    last_seq: i64,
) -> rusqlite::Result<()> {
    let proxy = names.proxy(tx, &update.proxy)?;
    match &update.content {
        SurfaceContent::ListChanged => announce(tx, proxy, update),
        // An item adds nothing to a list that was seen whole.
        SurfaceContent::Item { .. } if cache.knows(proxy, &update.method) => Ok(()),
        SurfaceContent::Item { item } => pages::lone_item(tx, proxy, update, item),
        SurfaceContent::Page { .. } | SurfaceContent::Whole { .. } => {
            listed(tx, proxy, cache, update, last_seq)
        }
        SurfaceContent::Version(version) => {
            // What the cache knows has to stand in the rows before they are looked at.
            cache.forget(tx, proxy, &update.method)?;
            restore(tx, proxy, update, version, last_seq)
        }
    }
}

/// Takes in a version that another store had.
fn restore(
    tx: &Transaction<'_>,
    proxy: i64,
    update: &SurfaceUpdate,
    version: &SurfaceVersion,
    last_seq: i64,
) -> rusqlite::Result<()> {
    let Some(mut new) = read_version(&update.method, version) else {
        return Ok(());
    };
    // An export may be recorded twice, or into a store that has seen the same server.
    let same = versions::of_text(tx, proxy, &update.method, &new.sha256)?;
    let numbers: Vec<KnownVersion> = same.iter().map(|row| row.known).collect();
    if let Some(number) = known_as(update.ts, &numbers) {
        let row = same.iter().find(|row| row.known.version == number);
        let last_seen_at = last_seen_of(update);
        return match row.filter(|row| row.last_seen_at < last_seen_at) {
            Some(row) => seen(tx, row.id, last_seen_at, negotiated(update).as_deref()),
            None => Ok(()),
        };
    }
    new.version = versions::free_number(tx, proxy, &update.method, new.version)?;
    // What it brought is known: it is compared with no version before it.
    versions::insert(tx, proxy, update, &new, last_seq, None).map(drop)
}

fn announce(tx: &Transaction<'_>, proxy: i64, update: &SurfaceUpdate) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO surface_announcements (proxy, method, ts, seal)
         VALUES (?1, ?2, ?3, row_seal(?1, ?2, ?3))
         ON CONFLICT (proxy, method) DO UPDATE SET
             ts = max(ts, ?3), seal = row_seal(proxy, method, max(ts, ?3))",
    )?
    .execute(params![proxy, update.method.as_str(), update.ts])
    .map(drop)
}

fn listed(
    tx: &Transaction<'_>,
    proxy: i64,
    cache: &mut SurfaceCache,
    update: &SurfaceUpdate,
    last_seq: i64,
) -> rusqlite::Result<()> {
    let chain = chain_of(update);
    match (cache.again(proxy, update), &update.content) {
        // A first page that holds all of it ends whatever was waiting of an earlier listing.
        (Some(SeenAgain::Newer), SurfaceContent::Page { .. }) => {
            return pages::clear(tx, proxy, &chain, &update.method);
        }
        (Some(SeenAgain::Newer | SeenAgain::Late), _) => return Ok(()),
        // Before the rows are read: what the cache knows has to stand in them.
        (None, _) => cache.forget(tx, proxy, &update.method)?,
    }
    let pending = pages::pending(tx, proxy, &chain, &update.method)?;
    let latest = versions::latest(tx, proxy, &update.method)?;
    let known = latest.as_ref().map(|(_, latest)| latest);
    let mut texts = StoredTexts {
        tx,
        proxy,
        method: &update.method,
        chain: &chain,
        latest: latest.as_ref().map(|(id, _)| *id),
    };
    let (pages, outcome) = step(update, pending.as_ref(), known, &mut texts)?;
    match pages {
        Chain::Keep => {}
        Chain::Wait(pending, page) => pages::wait(tx, proxy, update, &pending, &page)?,
        Chain::Clear => pages::clear(tx, proxy, &chain, &update.method)?,
    }
    let protocol = negotiated(update);
    let surface = match (outcome, latest) {
        // Nothing is seen again that was never seen: the second cannot be.
        (Seen::Nothing, _) | (Seen::Again, None) => return Ok(()),
        (Seen::Again, Some((id, _))) => {
            seen(tx, id, update.ts, protocol.as_deref())?;
            id
        }
        (Seen::New(new), latest) => {
            let before = latest.as_ref().map(|(_, latest)| latest);
            match versions::flapping(tx, proxy, &update.method, &new.sha256)? {
                // A list that goes to and fro would fill the store with versions.
                Some(id) => {
                    seen(tx, id, update.ts, protocol.as_deref())?;
                    id
                }
                None => versions::insert(tx, proxy, update, &new, last_seq, before)?,
            }
        }
    };
    cache.remember(proxy, surface, update, protocol);
    Ok(())
}

/// The texts that are stored of one list.
struct StoredTexts<'a> {
    tx: &'a Transaction<'a>,
    proxy: i64,
    method: &'a str,
    chain: &'a str,
    /// The version that was seen last.
    latest: Option<i64>,
}

impl ListTexts for StoredTexts<'_> {
    type Error = rusqlite::Error;

    fn latest(&mut self) -> rusqlite::Result<String> {
        let text = |id| versions::text_of(self.tx, id);
        self.latest.map_or_else(|| Ok(String::new()), text)
    }

    fn waiting(&mut self) -> rusqlite::Result<Vec<WaitingPage>> {
        pages::waiting(self.tx, self.proxy, self.chain, self.method)
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

const PROXY: &str = shown!("p.name", "p.id");
const CLIENT: &str = shown!("c.name", "c.id");
/// The names that a version came with, as [`version_of`] numbers their columns.
const SESSION: &str = shown!("s.session_id", "s.id");
const OWN_CLIENT: &str = shown!("s.client_name", "s.id");
const UPSTREAM: &str = shown!("s.upstream", "s.id");
const PROTOCOL: &str = shown!("s.protocol", "s.id");

/// The versions, with their texts or without; an older layout keeps those in the same row.
fn select_versions(connection: &Connection, with_texts: bool) -> rusqlite::Result<String> {
    // A reader migrates nothing, so that it meets every layout there was.
    let (text, bytes, texts) = if !with_texts {
        ("''", "0", "")
    } else if layout_of(connection)? < TEXTS_SINCE {
        ("s.payload", "0", "")
    } else {
        let texts = "LEFT JOIN surface_texts x ON x.id = s.text";
        ("x.text", "x.bytes", texts)
    };
    Ok(format!(
        "SELECT {PROXY}, s.method, s.version, s.sha256, {text}, s.first_seen, s.last_seen, s.seq,
                {SESSION}, coalesce({OWN_CLIENT}, {CLIENT}), {UPSTREAM}, s.announced, s.peculiar,
                s.id, {PROTOCOL}, {bytes}
         FROM surfaces s
                  CROSS JOIN proxies p NOT INDEXED ON p.id = s.proxy
                  LEFT JOIN sessions t ON t.session_id = s.session_id AND t.proxy = s.proxy
                  LEFT JOIN clients c NOT INDEXED ON c.id = t.client
                  {texts}"
    ))
}

/// The version of a list that was in force at a time, as [`mcpr_store::query::in_force`] chooses it,
/// without what it brought. No other version's text is read.
pub(super) fn surface_in_force(
    connection: &Connection,
    proxy: &str,
    method: &str,
    at: i64,
) -> rusqlite::Result<Option<SurfaceRow>> {
    let versions = select_versions(connection, true)?;
    connection
        // The inner question has an index of its own and no text in it: the one row that is chosen
        // is read whole.
        .prepare_cached(&format!(
            "{versions} WHERE s.id = (
                 SELECT i.id FROM surfaces i
                 WHERE i.proxy = (SELECT id FROM proxies WHERE name = ?1) AND i.method = ?2
                   AND i.first_seen <= ?3
                 ORDER BY min(i.last_seen, ?3) DESC, i.version DESC LIMIT 1)"
        ))?
        .query_row(params![proxy, method, at], version_of)
        .optional()
}

/// One version of a list, with what it brought.
pub(super) fn surface_version(
    connection: &Connection,
    proxy: &str,
    method: &str,
    version: i64,
) -> rusqlite::Result<Option<SurfaceRow>> {
    let versions = select_versions(connection, true)?;
    let mut changes = connection.prepare_cached(CHANGES)?;
    connection
        .prepare_cached(&format!(
            "{versions} WHERE s.proxy = (SELECT id FROM proxies WHERE name = ?1) AND s.method = ?2
                 AND s.version = ?3"
        ))?
        .query_row(params![proxy, method, version], |row| {
            version_with_changes(row, &mut changes)
        })
        .optional()
}

/// What a version brought.
const CHANGES: &str = "SELECT change, item FROM surface_changes WHERE surface = ?1 ORDER BY id";

fn version_with_changes(
    row: &Row<'_>,
    changes: &mut Statement<'_>,
) -> rusqlite::Result<SurfaceRow> {
    let mut version = version_of(row)?;
    version.changes = changes
        .query_map([row.get::<_, i64>(13)?], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(version)
}

/// The lists that were there when a page was asked for last: else each page would look for all of them.
#[derive(Debug, Default)]
pub(super) struct KnownLists {
    /// The state of the store that they are of.
    version: Option<i64>,
    /// The number of the proxy of each.
    proxies: BTreeMap<ListKey, i64>,
}

impl KnownLists {
    /// Makes sure that they are those of the state that is read now.
    fn renew(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let version = connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.version != Some(version) {
            self.proxies = lists(connection)?;
            self.version = Some(version);
        }
        Ok(())
    }

    /// The lists of a page, and the number of the proxy of each.
    fn on<'a>(&'a self, page: &SurfacePage) -> impl Iterator<Item = (&'a ListKey, i64)> {
        let first = page.proxy.as_ref().map(|proxy| ListKey {
            proxy: proxy.clone(),
            method: String::new(),
        });
        // Sought and not filtered: each page would go through all of them.
        let begin = match (first, page.after.clone()) {
            (Some(first), Some(after)) if after < first => Bound::Included(first),
            (_, Some(after)) => Bound::Excluded(after),
            (Some(first), None) => Bound::Included(first),
            (None, None) => Bound::Unbounded,
        };
        let proxy = page.proxy.clone();
        self.proxies
            .range((begin, Bound::Unbounded))
            .map(|(list, number)| (list, *number))
            .take_while(move |(list, _)| proxy.as_ref().is_none_or(|proxy| *proxy == list.proxy))
            .take(page.limit.min(SurfacePage::MAX_LIMIT))
    }
}

/// The lists of a page, with every version and every item seen on its own.
pub(super) fn surfaces(
    connection: &Connection,
    known: &mut KnownLists,
    page: &SurfacePage,
) -> rusqlite::Result<Surfaces> {
    let mut surfaces = Surfaces::default();
    known.renew(connection)?;
    // By the number of its proxy, whose name may be long.
    for (list, proxy) in known.on(page) {
        let mut versions = versions_of(connection, proxy, &list.method, page.with_texts)?;
        if versions.is_empty() {
            let mut items = lone_items(connection, proxy, &list.method, page.with_texts)?;
            surfaces.items.append(&mut items);
            if has_pending_pages(connection, proxy, &list.method)? {
                surfaces.begun.push(list.clone());
            }
        }
        surfaces.versions.append(&mut versions);
    }
    Ok(surfaces)
}

/// Every list of which anything is known, with the number of its proxy. There are a few for each.
fn lists(connection: &Connection) -> rusqlite::Result<BTreeMap<ListKey, i64>> {
    connection
        .prepare_cached(&format!(
            "SELECT {PROXY}, l.method, p.id FROM (
                 SELECT proxy, method FROM surfaces
                 UNION SELECT proxy, method FROM surface_items
                 UNION SELECT proxy, method FROM surface_pages) l
             CROSS JOIN proxies p NOT INDEXED ON p.id = l.proxy"
        ))?
        .query_map([], |row| {
            let key = ListKey {
                proxy: row.get(0)?,
                method: row.get(1)?,
            };
            Ok((key, row.get(2)?))
        })?
        .collect()
}

fn versions_of(
    connection: &Connection,
    proxy: i64,
    method: &str,
    with_texts: bool,
) -> rusqlite::Result<Vec<SurfaceRow>> {
    let mut changes = connection.prepare_cached(CHANGES)?;
    let versions = select_versions(connection, with_texts)?;
    let mut versions = connection.prepare_cached(&format!(
        "{versions} WHERE s.proxy = ?1 AND s.method = ?2 ORDER BY s.version"
    ))?;
    versions
        .query_map(params![proxy, method], |row| {
            version_with_changes(row, &mut changes)
        })?
        .collect()
}

fn lone_items(
    connection: &Connection,
    proxy: i64,
    method: &str,
    with_texts: bool,
) -> rusqlite::Result<Vec<LoneItem>> {
    let text = if with_texts { "i.payload" } else { "''" };
    connection
        .prepare_cached(&format!(
            "SELECT {PROXY}, i.method, i.item, {text}, i.first_seen, i.last_seen
             FROM surface_items i CROSS JOIN proxies p NOT INDEXED ON p.id = i.proxy
             WHERE i.proxy = ?1 AND i.method = ?2 ORDER BY i.item"
        ))?
        .query_map(params![proxy, method], |row| {
            Ok(LoneItem {
                proxy: row.get(0)?,
                method: row.get(1)?,
                item: row.get(2)?,
                payload: row.get(3)?,
                first_seen_at: row.get(4)?,
                last_seen_at: row.get(5)?,
            })
        })?
        .collect()
}

/// Whether pages of a list wait for the rest.
fn has_pending_pages(connection: &Connection, proxy: i64, method: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM surface_pages WHERE proxy = ?1 AND method = ?2)",
        )?
        .query_row(params![proxy, method], |row| row.get(0))
}

fn version_of(row: &Row<'_>) -> rusqlite::Result<SurfaceRow> {
    Ok(SurfaceRow {
        proxy: row.get(0)?,
        method: row.get(1)?,
        version: row.get(2)?,
        sha256: row.get(3)?,
        payload: versions::text(row, 4, 15)?,
        first_seen_at: row.get(5)?,
        last_seen_at: row.get(6)?,
        seq: row.get(7)?,
        session_id: row.get(8)?,
        client_name: row.get(9)?,
        upstream: row.get(10)?,
        announced: row.get(11)?,
        protocol: row.get(14)?,
        peculiar: lines(&row.get::<_, String>(12)?),
        changes: Vec::new(),
    })
}
