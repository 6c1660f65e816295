//! What a server showed under two names that become one.

use crate::seal;
use crate::surfaces::{remove_version, text_of};
use mcpr_store::{VersionSpan, merge_versions};
use rusqlite::{Transaction, params};

/// Gives the lists to the new name.
pub(super) fn merge(tx: &Transaction<'_>, from: i64, into: i64) -> rusqlite::Result<()> {
    let methods: Vec<String> = tx
        .prepare("SELECT DISTINCT method FROM surfaces WHERE proxy = ?1")?
        .query_map([from], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for method in methods {
        merge_list(tx, from, into, &method)?;
    }
    merge_items(tx, from, into)?;
    tx.execute(
        "INSERT INTO surface_announcements (proxy, method, ts, seal)
         SELECT ?2, method, ts, 0 FROM surface_announcements WHERE proxy = ?1
         ON CONFLICT (proxy, method) DO UPDATE SET ts = max(ts, excluded.ts)",
        [from, into],
    )?;
    seal::renew(tx, "surface_announcements", "proxy = ?1", [into])?;
    tx.execute("DELETE FROM surface_announcements WHERE proxy = ?1", [from])?;
    // Pages that wait for the rest of their chain: two readings of one list cannot go on in one. The pages go by
    // what the chains are before, as nothing cascades while references are not looked for.
    for table in ["surface_page_items", "surface_pages"] {
        tx.execute(
            &format!(
                "DELETE FROM {table} WHERE proxy = ?1 AND EXISTS (
                     SELECT 1 FROM surface_pages t
                     WHERE t.proxy = ?2 AND t.chain = {table}.chain AND t.method = {table}.method)"
            ),
            [from, into],
        )?;
        tx.execute(
            &format!("UPDATE {table} SET proxy = ?2 WHERE proxy = ?1"),
            [from, into],
        )?;
        seal::renew(tx, table, "proxy = ?1", [into])?;
    }
    Ok(())
}

/// The versions of two lists as those of one.
fn merge_list(tx: &Transaction<'_>, from: i64, into: i64, method: &str) -> rusqlite::Result<()> {
    let all: Vec<(i64, i64, VersionSpan)> = tx
        .prepare(
            "SELECT id, proxy, version, sha256, first_seen, last_seen, protocol FROM surfaces
             WHERE proxy IN (?1, ?2) AND method = ?3 ORDER BY proxy = ?1, version",
        )?
        .query_map(params![from, into, method], |row| {
            let span = VersionSpan {
                version: row.get(2)?,
                sha256: row.get(3)?,
                first_seen_at: row.get(4)?,
                last_seen_at: row.get(5)?,
                protocol: row.get(6)?,
            };
            Ok((row.get(0)?, row.get(1)?, span))
        })?
        .collect::<rusqlite::Result<_>>()?;
    // Where only the old name has the list, its numbers stay.
    if all.iter().all(|(_, proxy, _)| *proxy == from) {
        tx.execute(
            "UPDATE surfaces SET proxy = ?2 WHERE proxy = ?1 AND method = ?3",
            params![from, into, method],
        )?;
        return seal::renew(
            tx,
            "surfaces",
            "proxy = ?1 AND method = ?2",
            params![into, method],
        );
    }
    let ids: Vec<i64> = all.iter().map(|(id, _, _)| *id).collect();
    let spans: Vec<VersionSpan> = all.into_iter().map(|(_, _, span)| span).collect();
    let merged = merge_versions(method, &spans, |at| text_of(tx, ids[at]))?;
    // Out of the way of one another first: no two versions of a list have one number.
    for id in &ids {
        tx.prepare_cached("UPDATE surfaces SET proxy = ?2, version = -id WHERE id = ?1")?
            .execute([*id, into])?;
    }
    for (number, version) in (1_i64..).zip(&merged) {
        let id = ids[version.of];
        tx.prepare_cached(
            "UPDATE surfaces SET version = ?2, last_seen = ?3, protocol = ?4 WHERE id = ?1",
        )?
        .execute(params![id, number, version.last_seen_at, version.protocol])?;
        seal::renew(tx, "surfaces", "id = ?1", [id])?;
        write_changes(tx, id, &version.changes)?;
    }
    for (at, id) in ids.iter().enumerate() {
        if !merged.iter().any(|version| version.of == at) {
            remove_version(tx, *id)?;
        }
    }
    Ok(())
}

fn write_changes(
    tx: &Transaction<'_>,
    surface: i64,
    changes: &[(String, Option<String>)],
) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM surface_changes WHERE surface = ?1")?
        .execute([surface])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO surface_changes (surface, change, item) VALUES (?1, ?2, ?3)",
    )?;
    for (change, item) in changes {
        insert.execute(params![surface, change, item])?;
    }
    seal::renew(tx, "surface_changes", "surface = ?1", [surface])
}

/// Items seen on their own stay only of lists that were not seen whole under either name.
fn merge_items(tx: &Transaction<'_>, from: i64, into: i64) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM surface_items WHERE proxy IN (?1, ?2) AND EXISTS (
             SELECT 1 FROM surfaces s WHERE s.proxy = ?2 AND s.method = surface_items.method)",
        [from, into],
    )?;
    tx.execute(
        "INSERT INTO surface_items (proxy, method, item, payload, first_seen, last_seen)
         SELECT ?2, method, item, payload, first_seen, last_seen FROM surface_items WHERE proxy = ?1
         ON CONFLICT (proxy, method, item) DO UPDATE SET
             payload = CASE WHEN excluded.last_seen > last_seen THEN excluded.payload ELSE payload END,
             first_seen = min(first_seen, excluded.first_seen),
             last_seen = max(last_seen, excluded.last_seen)",
        [from, into],
    )?;
    tx.execute("DELETE FROM surface_items WHERE proxy = ?1", [from])?;
    seal::renew(tx, "surface_items", "proxy = ?1", [into])
}
