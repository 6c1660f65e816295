//! Pages of a list that wait for the rest, and items of lists that were never seen whole.

use super::{encoded, method_bytes};
use crate::db::Db;
use crate::errors::DbFault;
use crate::values::{identity, string};
use mcpr_model::SurfaceUpdate;
use mcpr_surface::capture::{
    MAX_LONE_ITEMS, Pending, WaitingPage, are_too_many_chains, chain_of, lone_item_key, oldest_wait,
};
use std::collections::BTreeMap;

/// The chains of a list that wait, without their pages.
pub(super) fn chains(
    db: &mut Db,
    proxy: i64,
    method: &str,
) -> Result<BTreeMap<String, Pending>, DbFault> {
    let rows = db.rows(
        "SELECT chain, next_cursor, pages, bytes FROM surface_pages WHERE proxy = $1 AND method = $2",
        &[&proxy, &method.as_bytes()],
    )?;
    let mut chains = BTreeMap::new();
    for row in rows {
        let pending = Pending {
            next_cursor: string(&row, 1)?,
            pages: row.try_get::<_, i64>(2)?.cast_unsigned(),
            bytes: usize::try_from(row.try_get::<_, i64>(3)?).unwrap_or(usize::MAX),
        };
        chains.insert(string(&row, 0)?, pending);
    }
    Ok(chains)
}

/// Gives up the pages of a chain.
pub(super) fn clear(db: &mut Db, proxy: i64, chain: &str, method: &str) -> Result<(), DbFault> {
    for table in ["surface_page_items", "surface_pages"] {
        let sql = format!("DELETE FROM {table} WHERE proxy = $1 AND chain = $2 AND method = $3");
        db.execute(&sql, &[&proxy, &chain.as_bytes(), &method.as_bytes()])?;
    }
    Ok(())
}

/// The pages of a chain that wait, the first one first.
pub(super) fn waiting(
    db: &mut Db,
    proxy: i64,
    chain: &str,
    method: &str,
) -> Result<Vec<WaitingPage>, DbFault> {
    let rows = db.rows(
        "SELECT items, duplicate_keys FROM surface_page_items
         WHERE proxy = $1 AND chain = $2 AND method = $3 ORDER BY page",
        &[&proxy, &chain.as_bytes(), &method.as_bytes()],
    )?;
    rows.iter()
        .map(|row| {
            let keys = serde_json::from_slice(row.try_get(1)?);
            Ok(WaitingPage {
                items: string(row, 0)?,
                duplicate_keys: keys.map_err(|error| DbFault::damaged(error.to_string()))?,
            })
        })
        .collect()
}

/// Lets one more page wait, and gives up the chains that have waited too long or are too many.
pub(super) fn wait(
    db: &mut Db,
    proxy: i64,
    update: &SurfaceUpdate,
    pending: &Pending,
    page: &WaitingPage,
) -> Result<(), DbFault> {
    let chain = chain_of(update);
    let method = method_bytes(update);
    // The listing began anew: pages of the one before must not be taken for its own.
    if pending.pages == 1 {
        clear(db, proxy, &chain, &update.method)?;
    }
    let pages = pending.pages.cast_signed();
    let bytes = i64::try_from(pending.bytes).unwrap_or(i64::MAX);
    db.execute(
        "INSERT INTO surface_pages (proxy, chain, method, next_cursor, ts, pages, bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (proxy, method, chain) DO UPDATE SET next_cursor = excluded.next_cursor,
             ts = excluded.ts, pages = excluded.pages, bytes = excluded.bytes",
        &[
            &proxy,
            &chain.as_bytes(),
            &method,
            &pending.next_cursor.as_bytes(),
            &update.ts,
            &pages,
            &bytes,
        ],
    )?;
    let keys = encoded(&page.duplicate_keys)?;
    db.execute(
        "INSERT INTO surface_page_items (proxy, chain, method, page, items, duplicate_keys)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            &proxy,
            &chain.as_bytes(),
            &method,
            &pages,
            &page.items.as_bytes(),
            &keys,
        ],
    )?;
    give_up(db, oldest_wait(update))
}

/// Gives up the chains before a time, and then the oldest while too many wait.
fn give_up(db: &mut Db, oldest: i64) -> Result<(), DbFault> {
    let rows = db.rows(
        "SELECT proxy, chain, method, bytes, ts FROM surface_pages ORDER BY ts",
        &[],
    )?;
    // Counted once, and from then on by what goes.
    let mut chains = rows.len();
    let sizes = rows.iter().map(|row| row.try_get::<_, i64>(3));
    let sizes: Result<Vec<i64>, _> = sizes.collect();
    let size = |bytes: i64| usize::try_from(bytes).unwrap_or(0);
    let mut bytes: usize = sizes?.into_iter().map(size).sum();
    for row in &rows {
        let ts: i64 = row.try_get(4)?;
        if ts >= oldest && !are_too_many_chains(chains, bytes) {
            break;
        }
        chains -= 1;
        bytes -= size(row.try_get(3)?).min(bytes);
        let (chain, method) = (string(row, 1)?, string(row, 2)?);
        clear(db, row.try_get(0)?, &chain, &method)?;
    }
    Ok(())
}

/// Keeps an item of a list that was never seen whole.
pub(super) fn lone_item(
    db: &mut Db,
    proxy: i64,
    update: &SurfaceUpdate,
    item: &str,
) -> Result<(), DbFault> {
    let Some(key) = lone_item_key(&update.method, item) else {
        return Ok(());
    };
    let method = method_bytes(update);
    let name = identity(&[Some(key.as_bytes())]);
    db.execute(
        "INSERT INTO surface_items AS i (proxy, method, identity, item, content, first_seen_at, last_seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (proxy, method, identity) DO UPDATE SET
             content = CASE WHEN excluded.last_seen_at >= i.last_seen_at THEN excluded.content ELSE i.content END,
             first_seen_at = least(i.first_seen_at, excluded.first_seen_at),
             last_seen_at = greatest(i.last_seen_at, excluded.last_seen_at)",
        &[
            &proxy,
            &method,
            &name,
            &key.as_bytes(),
            &item.as_bytes(),
            &update.ts,
        ],
    )?;
    // Those seen longest ago go.
    let most = i64::try_from(MAX_LONE_ITEMS).unwrap_or(i64::MAX);
    db.execute(
        "DELETE FROM surface_items WHERE proxy = $1 AND method = $2 AND identity IN (
             SELECT identity FROM surface_items WHERE proxy = $1 AND method = $2
             ORDER BY last_seen_at DESC, item OFFSET $3)",
        &[&proxy, &method, &most],
    )
    .map(drop)
}

/// A whole list says more than what was seen of it before.
pub(super) fn remove_items(db: &mut Db, proxy: i64, method: &str) -> Result<(), DbFault> {
    let sql = "DELETE FROM surface_items WHERE proxy = $1 AND method = $2";
    db.execute(sql, &[&proxy, &method.as_bytes()]).map(drop)
}
