//! Names that no row uses any more.

use crate::db::Db;
use crate::errors::DbFault;
use crate::surfaces::versions;
use mcpr_store::Class;

/// Most checkpoints kept: those of the files that moved on longest ago go.
const MAX_CHECKPOINTS: i64 = 100_000;

/// Removes operations, clients and proxies that nothing uses. What is used is looked for in one walk over the requests,
/// under the lock of the store's row: so nobody can begin to use a name in between.
pub(super) fn remove(db: &mut Db, before: i64) -> Result<u64, DbFault> {
    // Operations first, for the last of a proxy's has to be gone before the proxy can be.
    let operations = db.execute(
        "DELETE FROM operations WHERE id IN (
             SELECT o.id FROM operations o
             LEFT JOIN (SELECT DISTINCT operation FROM requests) r ON r.operation = o.id
             WHERE r.operation IS NULL
                   AND NOT EXISTS (SELECT 1 FROM rollups u WHERE u.operation = o.id)
                   AND NOT EXISTS (SELECT 1 FROM operations n WHERE n.summed_as = o.id))",
        &[],
    )?;
    // A session may name a client that no request names.
    let clients = db.execute(
        "DELETE FROM clients WHERE id IN (
             SELECT c.id FROM clients c
             LEFT JOIN (SELECT DISTINCT client FROM requests) r ON r.client = c.id
             LEFT JOIN (SELECT DISTINCT client FROM sessions) s ON s.client = c.id
             WHERE r.client IS NULL AND s.client IS NULL)",
        &[],
    )?;
    let unused = db.rows(
        "SELECT p.id FROM proxies p
         WHERE NOT EXISTS (SELECT 1 FROM operations o WHERE o.proxy = p.id)
               AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.proxy = p.id)",
        &[],
    )?;
    let mut proxies = 0;
    for row in &unused {
        proxies += forget_proxy(db, row.try_get(0)?, before)?;
    }
    Ok(operations + clients + proxies)
}

/// Removes a proxy of which nothing is left; what its server showed is kept as long as hourly sums are, also where that
/// is all.
fn forget_proxy(db: &mut Db, proxy: i64, before: i64) -> Result<u64, DbFault> {
    let oldest = before.saturating_sub(Class::SUMS_MS);
    let last_seen = db.row(
        "SELECT greatest((SELECT max(last_seen_at) FROM surfaces WHERE proxy = $1),
                         (SELECT max(last_seen_at) FROM surface_items WHERE proxy = $1),
                         (SELECT max(ts) FROM surface_pages WHERE proxy = $1))",
        &[&proxy],
    )?;
    let last_seen: Option<i64> = last_seen.map(|row| row.try_get(0)).transpose()?.flatten();
    if last_seen.is_some_and(|ts| ts >= oldest) {
        return Ok(0);
    }
    let rows = db.rows("SELECT id FROM surfaces WHERE proxy = $1", &[&proxy])?;
    let ids: Vec<i64> = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    versions::remove(db, &ids)?;
    let tables = [
        "surface_items",
        "surface_page_items",
        "surface_pages",
        "surface_announcements",
    ];
    for table in tables {
        db.execute(&format!("DELETE FROM {table} WHERE proxy = $1"), &[&proxy])?;
    }
    db.execute("DELETE FROM proxies WHERE id = $1", &[&proxy])
}

/// Removes sources that nothing came from for so long, and checkpoints beyond their bound.
pub(super) fn remove_sources(db: &mut Db, before: i64) -> Result<u64, DbFault> {
    db.execute(
        "DELETE FROM checkpoints WHERE seen_at < (
             SELECT seen_at FROM checkpoints ORDER BY seen_at DESC OFFSET $1 LIMIT 1)",
        &[&MAX_CHECKPOINTS],
    )?;
    db.execute(
        "DELETE FROM sources WHERE last_at < $1
             AND NOT EXISTS (SELECT 1 FROM gaps g WHERE g.source = sources.name)
             AND NOT EXISTS (SELECT 1 FROM bad_lines b WHERE b.source = sources.name)
             AND NOT EXISTS (SELECT 1 FROM checkpoints c WHERE c.path = sources.name)",
        &[&before],
    )
}
