//! What a server showed under two names that become one.

use crate::db::Db;
use crate::errors::DbFault;
use crate::surfaces::versions::{self, VersionRow};
use crate::values::{optional_bytes, string};
use mcpr_store::{VersionSpan, merge_versions};

/// Gives the lists to the new name.
pub(super) fn merge(db: &mut Db, from: i64, into: i64) -> Result<(), DbFault> {
    let methods = db.rows(
        "SELECT DISTINCT method FROM surfaces WHERE proxy = $1",
        &[&from],
    )?;
    for row in &methods {
        merge_list(db, from, into, &string(row, 0)?)?;
    }
    merge_items(db, from, into)?;
    db.execute(
        "INSERT INTO surface_announcements AS a (proxy, method, ts)
         SELECT $2, method, ts FROM surface_announcements WHERE proxy = $1
         ON CONFLICT (proxy, method) DO UPDATE SET ts = greatest(a.ts, excluded.ts)",
        &[&from, &into],
    )?;
    let sql = "DELETE FROM surface_announcements WHERE proxy = $1";
    db.execute(sql, &[&from])?;
    // Pages that wait for the rest of their chain: two readings of one list cannot go on in one. The pages go by what
    // the chains are before.
    for table in ["surface_page_items", "surface_pages"] {
        db.execute(
            &format!(
                "DELETE FROM {table} t WHERE t.proxy = $1 AND EXISTS (
                     SELECT 1 FROM surface_pages n
                     WHERE n.proxy = $2 AND n.chain = t.chain AND n.method = t.method)"
            ),
            &[&from, &into],
        )?;
        let sql = format!("UPDATE {table} SET proxy = $2 WHERE proxy = $1");
        db.execute(&sql, &[&from, &into])?;
    }
    Ok(())
}

fn span_of(version: &VersionRow) -> VersionSpan {
    VersionSpan {
        version: version.number,
        sha256: version.sha256.clone(),
        first_seen_at: version.first_seen_at,
        last_seen_at: version.last_seen_at,
        protocol: version.protocol.clone(),
    }
}

/// The versions of two lists as those of one.
fn merge_list(db: &mut Db, from: i64, into: i64, method: &str) -> Result<(), DbFault> {
    let mut all = versions::of_list(db, into, method)?;
    let is_new = all.is_empty();
    // Those of the new name first, as the numbers of equal times are decided by it.
    all.extend(versions::of_list(db, from, method)?);
    if is_new {
        // Where only the old name has the list, its numbers stay.
        let sql = "UPDATE surfaces SET proxy = $2 WHERE proxy = $1 AND method = $3";
        db.execute(sql, &[&from, &into, &method.as_bytes()])?;
        return Ok(());
    }
    let spans: Vec<VersionSpan> = all.iter().map(span_of).collect();
    let merged = merge_versions(method, &spans, |at| match all.get(at) {
        Some(version) => versions::text_of(db, version.content),
        None => Ok(String::new()),
    })?;
    // Out of the way of one another first: no two versions of a list have one number.
    let ids: Vec<i64> = all.iter().map(|version| version.id).collect();
    let sql = "UPDATE surfaces SET proxy = $2, version = -id WHERE id = ANY($1)";
    db.execute(sql, &[&ids, &into])?;
    // What is not a version of its own any more goes.
    let mut kept = Vec::new();
    for (number, version) in (1_i64..).zip(&merged) {
        let Some(&id) = ids.get(version.of) else {
            continue;
        };
        kept.push(id);
        let changes = serde_json::to_vec(&version.changes);
        let changes = changes.map_err(|error| DbFault::damaged(error.to_string()))?;
        db.execute(
            "UPDATE surfaces SET version = $2, last_seen_at = $3, protocol = $4, changes = $5 WHERE id = $1",
            &[
                &id,
                &number,
                &version.last_seen_at,
                &optional_bytes(version.protocol.as_deref()),
                &changes,
            ],
        )?;
    }
    let gone: Vec<i64> = ids.into_iter().filter(|id| !kept.contains(id)).collect();
    versions::remove(db, &gone)
}

/// Items seen on their own stay only of lists that were not seen whole under either name.
fn merge_items(db: &mut Db, from: i64, into: i64) -> Result<(), DbFault> {
    db.execute(
        "DELETE FROM surface_items i WHERE i.proxy IN ($1, $2) AND EXISTS (
             SELECT 1 FROM surfaces s WHERE s.proxy = $2 AND s.method = i.method)",
        &[&from, &into],
    )?;
    db.execute(
        "INSERT INTO surface_items AS i (proxy, method, identity, item, content, first_seen_at, last_seen_at)
         SELECT $2, method, identity, item, content, first_seen_at, last_seen_at FROM surface_items WHERE proxy = $1
         ON CONFLICT (proxy, method, identity) DO UPDATE SET
             content = CASE WHEN excluded.last_seen_at > i.last_seen_at THEN excluded.content ELSE i.content END,
             first_seen_at = least(i.first_seen_at, excluded.first_seen_at),
             last_seen_at = greatest(i.last_seen_at, excluded.last_seen_at)",
        &[&from, &into],
    )?;
    db.execute("DELETE FROM surface_items WHERE proxy = $1", &[&from])
        .map(drop)
}
