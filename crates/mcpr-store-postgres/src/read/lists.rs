//! What servers show, version by version.

use crate::db::{Db, Value};
use crate::errors::DbFault;
use crate::surfaces::versions::unpacked;
use crate::values::{optional_string, string};
use mcpr_store::query::{ListKey, LoneItem, SurfacePage, SurfaceRow, Surfaces};
use postgres::Row;

/// The versions, with their texts or without.
fn select_versions(with_texts: bool) -> String {
    // A page without texts does not even read them.
    let (text, bytes, texts) = if with_texts {
        (
            "x.content",
            "x.bytes",
            "JOIN surface_texts x ON x.id = s.content",
        )
    } else {
        ("NULL::bytea", "0::bigint", "")
    };
    format!(
        "SELECT p.name, s.method, s.version, s.sha256, {text}, {bytes}, s.first_seen_at, s.last_seen_at, s.seq,
                s.session_id, coalesce(s.client_name, c.name), s.upstream, s.announced, s.protocol, s.peculiar,
                s.changes
         FROM surfaces s JOIN proxies p ON p.id = s.proxy
              LEFT JOIN sessions t ON t.session_id = s.session_id AND t.proxy = s.proxy
              LEFT JOIN clients c ON c.id = t.client {texts}"
    )
}

fn version_of(row: &Row) -> Result<SurfaceRow, DbFault> {
    let decoded = |error: serde_json::Error| DbFault::damaged(error.to_string());
    let frame: Option<&[u8]> = row.try_get(4)?;
    Ok(SurfaceRow {
        proxy: string(row, 0)?,
        method: string(row, 1)?,
        version: row.try_get(2)?,
        sha256: string(row, 3)?,
        payload: match frame {
            Some(frame) => unpacked(frame, row.try_get(5)?)?,
            None => String::new(),
        },
        first_seen_at: row.try_get(6)?,
        last_seen_at: row.try_get(7)?,
        seq: row.try_get(8)?,
        session_id: optional_string(row, 9)?,
        client_name: optional_string(row, 10)?,
        upstream: optional_string(row, 11)?,
        announced: row.try_get(12)?,
        protocol: optional_string(row, 13)?,
        peculiar: serde_json::from_slice(row.try_get(14)?).map_err(decoded)?,
        changes: serde_json::from_slice(row.try_get(15)?).map_err(decoded)?,
    })
}

/// The version of a list that was in force at a time, as [`mcpr_store::query::in_force`] chooses it.
pub(super) fn in_force(
    db: &mut Db,
    proxy: &str,
    method: &str,
    at: i64,
) -> Result<Option<SurfaceRow>, DbFault> {
    let sql = format!(
        "{} WHERE p.name = $1 AND s.method = $2 AND s.first_seen_at <= $3
         ORDER BY least(s.last_seen_at, $3) DESC, s.version DESC LIMIT 1",
        select_versions(true)
    );
    let row = db.row(&sql, &[&proxy.as_bytes(), &method.as_bytes(), &at])?;
    row.as_ref().map(version_of).transpose()
}

/// One version of a list.
pub(super) fn version(
    db: &mut Db,
    proxy: &str,
    method: &str,
    version: i64,
) -> Result<Option<SurfaceRow>, DbFault> {
    let sql = format!(
        "{} WHERE p.name = $1 AND s.method = $2 AND s.version = $3",
        select_versions(true)
    );
    let row = db.row(&sql, &[&proxy.as_bytes(), &method.as_bytes(), &version])?;
    row.as_ref().map(version_of).transpose()
}

/// Every list of which anything is known, each with the name of its proxy. There are a few for each.
const LISTS: &str = "SELECT p.name, l.method, l.proxy FROM (
         SELECT proxy, method FROM surfaces UNION SELECT proxy, method FROM surface_items
         UNION SELECT proxy, method FROM surface_pages) l JOIN proxies p ON p.id = l.proxy
     WHERE ($1::bytea IS NULL OR p.name = $1)
           AND ($2::bytea IS NULL OR (p.name, l.method) > ($2, $3::bytea))
     ORDER BY p.name, l.method LIMIT $4";

/// The lists of a page, with every version and every item seen on its own.
pub(super) fn surfaces(db: &mut Db, page: &SurfacePage) -> Result<Surfaces, DbFault> {
    let after = page.after.as_ref();
    let limit = page.limit.min(SurfacePage::MAX_LIMIT);
    let values: [Value<'_>; 4] = [
        &page.proxy.as_ref().map(String::as_bytes),
        &after.map(|list| list.proxy.as_bytes()),
        &after.map(|list| list.method.as_bytes()),
        &i64::try_from(limit).unwrap_or(i64::MAX),
    ];
    let lists = db.rows(LISTS, &values)?;
    // List by list: each may have a thousand versions.
    let mut surfaces = Surfaces::default();
    for row in &lists {
        let list = ListKey {
            proxy: string(row, 0)?,
            method: string(row, 1)?,
        };
        add_list(db, &mut surfaces, list, row.try_get(2)?, page.with_texts)?;
    }
    Ok(surfaces)
}

fn add_list(
    db: &mut Db,
    surfaces: &mut Surfaces,
    list: ListKey,
    proxy: i64,
    with_texts: bool,
) -> Result<(), DbFault> {
    let sql = format!(
        "{} WHERE s.proxy = $1 AND s.method = $2 ORDER BY s.version",
        select_versions(with_texts)
    );
    let method = list.method.as_bytes();
    let versions = db.rows(&sql, &[&proxy, &method])?;
    // What was seen of a list says nothing beside the whole of it.
    if versions.is_empty() {
        let rows = db.rows(
            "SELECT item, content, first_seen_at, last_seen_at FROM surface_items
             WHERE proxy = $1 AND method = $2 ORDER BY item",
            &[&proxy, &method],
        )?;
        for row in &rows {
            surfaces.items.push(LoneItem {
                proxy: list.proxy.clone(),
                method: list.method.clone(),
                item: string(row, 0)?,
                payload: if with_texts {
                    string(row, 1)?
                } else {
                    String::new()
                },
                first_seen_at: row.try_get(2)?,
                last_seen_at: row.try_get(3)?,
            });
        }
        let waits = "SELECT count(*) FROM surface_pages WHERE proxy = $1 AND method = $2";
        if db.number(waits, &[&proxy, &method])? > 0 {
            surfaces.begun.push(list);
        }
        return Ok(());
    }
    for row in &versions {
        surfaces.versions.push(version_of(row)?);
    }
    Ok(())
}
