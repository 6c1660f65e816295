//! What servers show: statements into versions, and versions back into rows.

use super::names::Names;
use super::seal;
use crate::model::{Said, SurfaceNews};
use crate::query::{BegunList, LoneItem, SurfaceRow, Surfaces};
use crate::schema::capture::{
    Chain, Latest, MAX_PENDING_MS, NewVersion, Pending, Seen, kind_of, negotiated, step,
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// Takes in one statement; `last_seq` is the position behind which it was made.
pub(super) fn take(
    tx: &Transaction<'_>,
    names: &mut Names,
    news: &SurfaceNews,
    last_seq: i64,
) -> rusqlite::Result<()> {
    let proxy = names.proxy(tx, &news.proxy)?;
    match &news.said {
        Said::ListChanged => announce(tx, proxy, news),
        Said::Item { item } => lone_item(tx, proxy, news, item),
        Said::Page { .. } | Said::Whole { .. } => listed(tx, proxy, news, last_seq),
    }
}

fn announce(tx: &Transaction<'_>, proxy: i64, news: &SurfaceNews) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO surface_announcements (proxy, method, ts) VALUES (?1, ?2, ?3)
         ON CONFLICT (proxy, method) DO UPDATE SET ts = max(ts, excluded.ts)",
    )?
    .execute(params![proxy, news.method.as_str(), news.ts])
    .map(drop)
}

fn lone_item(
    tx: &Transaction<'_>,
    proxy: i64,
    news: &SurfaceNews,
    item: &str,
) -> rusqlite::Result<()> {
    let key = kind_of(&news.method).and_then(|kind| {
        let item: serde_json::Value = serde_json::from_str(item).ok()?;
        item.get(kind.key_member())?.as_str().map(str::to_owned)
    });
    let Some(key) = key else { return Ok(()) };
    tx.prepare_cached(
        "INSERT INTO surface_items (proxy, method, item, payload, first_seen, last_seen)
         SELECT ?1, ?2, ?3, ?4, ?5, ?5
         WHERE NOT EXISTS (SELECT 1 FROM surfaces WHERE proxy = ?1 AND method = ?2)
         ON CONFLICT (proxy, method, item) DO UPDATE SET
             payload = CASE WHEN excluded.last_seen >= last_seen THEN excluded.payload ELSE payload END,
             first_seen = min(first_seen, excluded.first_seen),
             last_seen = max(last_seen, excluded.last_seen)",
    )?
    .execute(params![proxy, news.method.as_str(), key, item, news.ts])?;
    let condition = "proxy = ?1 AND method = ?2 AND item = ?3";
    seal::renew(
        tx,
        "surface_items",
        condition,
        params![proxy, news.method.as_str(), key],
    )
}

fn listed(
    tx: &Transaction<'_>,
    proxy: i64,
    news: &SurfaceNews,
    last_seq: i64,
) -> rusqlite::Result<()> {
    let chain = chain_of(news);
    let pending = pending(tx, proxy, &chain, &news.method)?;
    let latest = latest(tx, proxy, &news.method)?;
    let (pages, seen) = step(
        news,
        pending.as_ref(),
        latest.as_ref().map(|(_, latest)| latest),
    );
    match pages {
        Chain::Keep => {}
        Chain::Wait(pending) => wait(tx, proxy, &chain, (news, &pending))?,
        Chain::Clear => {
            tx.prepare_cached(
                "DELETE FROM surface_pages WHERE proxy = ?1 AND chain = ?2 AND method = ?3",
            )?
            .execute(params![proxy, chain, news.method.as_str()])?;
        }
    }
    match (seen, latest) {
        (Seen::Nothing, _) => Ok(()),
        (Seen::Again, latest) => {
            let id = latest.map(|(id, _)| id);
            tx.prepare_cached(
                "UPDATE surfaces SET last_seen = max(last_seen, ?2), protocol = ?3 WHERE id = ?1",
            )?
            .execute(params![id, news.ts, negotiated(news)])?;
            seal::renew(tx, "surfaces", "id = ?1", [id])
        }
        (Seen::New(new), latest) => {
            let since = latest.map(|(_, latest)| latest.last_seen_at);
            insert(tx, proxy, (news, &new), (last_seq, since))
        }
    }
}

/// What keeps two lists that are read at the same time apart.
pub(super) fn chain_of(news: &SurfaceNews) -> String {
    let client = || format!("~{}", news.client_name.as_deref().unwrap_or_default());
    news.session_id
        .as_deref()
        .map_or_else(client, str::to_owned)
}

fn pending(
    tx: &Transaction<'_>,
    proxy: i64,
    chain: &str,
    method: &str,
) -> rusqlite::Result<Option<Pending>> {
    tx.prepare_cached(
        "SELECT next_cursor, items, duplicate_keys FROM surface_pages
         WHERE proxy = ?1 AND chain = ?2 AND method = ?3",
    )?
    .query_row(params![proxy, chain, method], |row| {
        Ok(Pending {
            next_cursor: row.get(0)?,
            items: row.get(1)?,
            duplicate_keys: lines(&row.get::<_, String>(2)?),
        })
    })
    .optional()
}

fn wait(
    tx: &Transaction<'_>,
    proxy: i64,
    chain: &str,
    (news, pending): (&SurfaceNews, &Pending),
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "REPLACE INTO surface_pages (proxy, chain, method, next_cursor, items, duplicate_keys, ts,
                                     seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7))",
    )?
    .execute(params![
        proxy,
        chain,
        news.method.as_str(),
        pending.next_cursor,
        pending.items,
        pending.duplicate_keys.join("\n"),
        news.ts
    ])?;
    tx.prepare_cached("DELETE FROM surface_pages WHERE ts < ?1")?
        .execute([news.ts.saturating_sub(MAX_PENDING_MS)])
        .map(drop)
}

fn latest(
    tx: &Transaction<'_>,
    proxy: i64,
    method: &str,
) -> rusqlite::Result<Option<(i64, Latest)>> {
    tx.prepare_cached(
        "SELECT id, version, sha256, payload, last_seen FROM surfaces
         WHERE proxy = ?1 AND method = ?2 ORDER BY version DESC LIMIT 1",
    )?
    .query_row(params![proxy, method], |row| {
        let latest = Latest {
            version: row.get(1)?,
            sha256: row.get(2)?,
            payload: row.get(3)?,
            last_seen_at: row.get(4)?,
        };
        Ok((row.get(0)?, latest))
    })
    .optional()
}

fn insert(
    tx: &Transaction<'_>,
    proxy: i64,
    (news, new): (&SurfaceNews, &NewVersion),
    (last_seq, since): (i64, Option<i64>),
) -> rusqlite::Result<()> {
    let upstream = match &news.said {
        Said::Whole { upstream, .. } => upstream.as_deref(),
        _ => None,
    };
    tx.prepare_cached(
        "INSERT INTO surfaces (proxy, method, version, sha256, payload, first_seen, last_seen, seq,
                               session_id, client_name, upstream, announced, peculiar, protocol)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10,
                 EXISTS (SELECT 1 FROM surface_announcements
                         WHERE proxy = ?1 AND method = ?2 AND ts >= ?11 AND ts <= ?6), ?12, ?13)",
    )?
    .execute(params![
        proxy,
        news.method.as_str(),
        new.version,
        new.sha256,
        new.payload,
        news.ts,
        last_seq,
        news.session_id.as_deref(),
        news.client_name.as_deref(),
        upstream,
        since,
        new.peculiar.join("\n"),
        negotiated(news),
    ])?;
    let surface = tx.last_insert_rowid();
    // A whole list says more than what was seen of it before.
    tx.prepare_cached("DELETE FROM surface_items WHERE proxy = ?1 AND method = ?2")?
        .execute(params![proxy, news.method.as_str()])?;
    let mut statement = tx.prepare_cached(
        "INSERT INTO surface_changes (surface, change, item) VALUES (?1, ?2, ?3)",
    )?;
    for (change, item) in &new.changes {
        statement.execute(params![surface, change, item])?;
    }
    seal::renew(tx, "surface_changes", "surface = ?1", [surface])?;
    seal::renew(tx, "surfaces", "id = ?1", [surface])
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Every version and every item seen on its own.
pub(super) fn surfaces(connection: &Connection) -> rusqlite::Result<Surfaces> {
    let mut changes = connection.prepare_cached(
        "SELECT change, item FROM surface_changes WHERE surface = ?1 ORDER BY id",
    )?;
    let mut versions = connection.prepare_cached(
        "SELECT p.name, s.method, s.version, s.sha256, s.payload, s.first_seen, s.last_seen, s.seq,
                s.session_id, coalesce(s.client_name, c.name), s.upstream, s.announced, s.peculiar,
                s.id, s.protocol
         FROM surfaces s
                  JOIN proxies p ON p.id = s.proxy
                  LEFT JOIN sessions t ON t.session_id = s.session_id AND t.proxy = s.proxy
                  LEFT JOIN clients c ON c.id = t.client
         ORDER BY p.name, s.method, s.version",
    )?;
    let versions = versions
        .query_map([], |row| {
            let mut version = version_of(row)?;
            version.changes = changes
                .query_map([row.get::<_, i64>(13)?], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            Ok(version)
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Surfaces {
        versions,
        items: lone_items(connection)?,
        begun: begun(connection)?,
    })
}

fn lone_items(connection: &Connection) -> rusqlite::Result<Vec<LoneItem>> {
    connection
        .prepare_cached(
            "SELECT p.name, i.method, i.item, i.payload, i.first_seen, i.last_seen
             FROM surface_items i JOIN proxies p ON p.id = i.proxy
             WHERE NOT EXISTS (SELECT 1 FROM surfaces s
                               WHERE s.proxy = i.proxy AND s.method = i.method)
             ORDER BY p.name, i.method, i.item",
        )?
        .query_map([], |row| {
            Ok(LoneItem {
                proxy: row.get(0)?,
                method: row.get(1)?,
                item: row.get(2)?,
                payload: row.get(3)?,
                first_seen_at: row.get(4)?,
                last_seen_at: row.get(5)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()
}

fn begun(connection: &Connection) -> rusqlite::Result<Vec<BegunList>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT p.name, w.method
             FROM surface_pages w JOIN proxies p ON p.id = w.proxy
             WHERE NOT EXISTS (SELECT 1 FROM surfaces s
                               WHERE s.proxy = w.proxy AND s.method = w.method)
             ORDER BY p.name, w.method",
        )?
        .query_map([], |row| {
            Ok(BegunList {
                proxy: row.get(0)?,
                method: row.get(1)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()
}

fn version_of(row: &Row<'_>) -> rusqlite::Result<SurfaceRow> {
    Ok(SurfaceRow {
        proxy: row.get(0)?,
        method: row.get(1)?,
        version: row.get(2)?,
        sha256: row.get(3)?,
        payload: row.get(4)?,
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
