//! What is known of lists that were not seen whole: pages that wait for the rest of their chain, and
//! items seen on their own. Both are bounded in number and in bytes.

use super::lines;
use crate::seal;
use mcpr_model::SurfaceUpdate;
use mcpr_surface::capture::{
    MAX_LONE_ITEMS, Pending, WaitingPage, are_too_many_chains, chain_of, lone_item_key, oldest_wait,
};
use rusqlite::{OptionalExtension, Transaction, params};

/// Lets no page of a chain wait any more.
pub(super) fn clear(
    tx: &Transaction<'_>,
    proxy: i64,
    chain: &str,
    method: &str,
) -> rusqlite::Result<()> {
    // Its pages go with it: their table refers to this one and cascades.
    tx.prepare_cached("DELETE FROM surface_pages WHERE proxy = ?1 AND chain = ?2 AND method = ?3")?
        .execute(params![proxy, chain, method])
        .map(drop)
}

/// The chain that waits, without its pages.
pub(super) fn pending(
    tx: &Transaction<'_>,
    proxy: i64,
    chain: &str,
    method: &str,
) -> rusqlite::Result<Option<Pending>> {
    tx.prepare_cached(
        "SELECT next_cursor, pages, bytes FROM surface_pages
         WHERE proxy = ?1 AND chain = ?2 AND method = ?3",
    )?
    .query_row(params![proxy, chain, method], |row| {
        Ok(Pending {
            next_cursor: row.get(0)?,
            pages: row.get(1)?,
            bytes: row.get(2)?,
        })
    })
    .optional()
}

/// The pages of a chain that wait, the first one first.
pub(super) fn waiting(
    tx: &Transaction<'_>,
    proxy: i64,
    chain: &str,
    method: &str,
) -> rusqlite::Result<Vec<WaitingPage>> {
    tx.prepare_cached(
        "SELECT items, duplicate_keys FROM surface_page_items
         WHERE proxy = ?1 AND chain = ?2 AND method = ?3 ORDER BY page",
    )?
    .query_map(params![proxy, chain, method], |row| {
        Ok(WaitingPage {
            items: row.get(0)?,
            duplicate_keys: lines(&row.get::<_, String>(1)?),
        })
    })?
    .collect()
}

/// Lets one more page wait, and gives up the chains that have waited too long or are too many.
pub(super) fn wait(
    tx: &Transaction<'_>,
    proxy: i64,
    update: &SurfaceUpdate,
    pending: &Pending,
    page: &WaitingPage,
) -> rusqlite::Result<()> {
    let chain = chain_of(update);
    let method = update.method.as_str();
    // The listing began anew: pages of the one before must not be taken for its own.
    if pending.pages == 1 {
        clear(tx, proxy, &chain, method)?;
    }
    tx.prepare_cached(
        "INSERT INTO surface_pages (proxy, chain, method, next_cursor, ts, pages, bytes, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7))
         ON CONFLICT (proxy, chain, method) DO UPDATE SET
             next_cursor = ?4, ts = ?5, pages = ?6, bytes = ?7,
             seal = row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        proxy,
        chain,
        method,
        pending.next_cursor,
        update.ts,
        pending.pages.cast_signed(),
        pending.bytes,
    ])?;
    tx.prepare_cached(
        "INSERT INTO surface_page_items (proxy, chain, method, page, items, duplicate_keys, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, row_seal(?1, ?2, ?3, ?4, ?5, ?6))",
    )?
    .execute(params![
        proxy,
        chain,
        method,
        pending.pages.cast_signed(),
        page.items,
        page.duplicate_keys.join("\n"),
    ])?;
    tx.prepare_cached("DELETE FROM surface_pages WHERE ts < ?1")?
        .execute([oldest_wait(update)])?;
    while are_too_many(tx)? {
        tx.prepare_cached(
            "DELETE FROM surface_pages WHERE (proxy, chain, method) IN
             (SELECT proxy, chain, method FROM surface_pages ORDER BY ts LIMIT 1)",
        )?
        .execute([])?;
    }
    Ok(())
}

fn are_too_many(tx: &Transaction<'_>) -> rusqlite::Result<bool> {
    let (chains, bytes): (usize, usize) = tx
        .prepare_cached("SELECT count(*), ifnull(sum(bytes), 0) FROM surface_pages")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(are_too_many_chains(chains, bytes))
}

/// Keeps an item of a list that was never seen whole.
pub(super) fn lone_item(
    tx: &Transaction<'_>,
    proxy: i64,
    update: &SurfaceUpdate,
    item: &str,
) -> rusqlite::Result<()> {
    // Asked before anything is written: mostly the list is there.
    let is_whole: bool = tx
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM surfaces WHERE proxy = ?1 AND method = ?2)")?
        .query_row(params![proxy, update.method.as_str()], |row| row.get(0))?;
    let key = lone_item_key(&update.method, item).filter(|_| !is_whole);
    let Some(key) = key else {
        return Ok(());
    };
    tx.prepare_cached(
        "INSERT INTO surface_items (proxy, method, item, payload, first_seen, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT (proxy, method, item) DO UPDATE SET
             payload = CASE WHEN excluded.last_seen >= last_seen THEN excluded.payload ELSE payload END,
             first_seen = min(first_seen, excluded.first_seen),
             last_seen = max(last_seen, excluded.last_seen)",
    )?
    .execute(params![proxy, update.method.as_str(), key, item, update.ts])?;
    // Afterwards, because which of two payloads stays is decided by the statement itself.
    let condition = "proxy = ?1 AND method = ?2 AND item = ?3";
    let values = params![proxy, update.method.as_str(), key];
    seal::renew(tx, "surface_items", condition, values)?;
    // SQLite takes an OFFSET only behind a LIMIT, and -1 is none. The count comes first: mostly
    // there is nothing to sort.
    tx.prepare_cached(
        "DELETE FROM surface_items WHERE proxy = ?1 AND method = ?2
         AND (SELECT count(*) FROM surface_items WHERE proxy = ?1 AND method = ?2) > ?3
         AND item IN (SELECT item FROM surface_items WHERE proxy = ?1 AND method = ?2
                      ORDER BY last_seen DESC, item LIMIT -1 OFFSET ?3)",
    )?
    .execute(params![proxy, update.method.as_str(), MAX_LONE_ITEMS])
    .map(drop)
}
