//! The layout as it must be: what a store says of its tables, compared with what the migrations make.
//!
//! Asked before the first question. A file made on purpose could have a view without an end in the
//! place of a table, or a trigger; then not a single row is read.

use super::errors::failed;
use super::layout::{MIGRATIONS, NEWEST_SHA256, layout_of};
use super::migrate::fresh;
use mcpr_store::{StoreError, StoreErrorKind};
use mcpr_surface::canonical::sha256_hex;
use rusqlite::Connection;

/// Type, name, table and SQL.
type Part = (String, String, String, String);

/// What SQLite itself may add: statistics of the planner.
const STATISTICS: [&str; 2] = [
    "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
];

/// Checks that a store consists of what its layout has, and of nothing else.
///
/// # Errors
/// [`StoreErrorKind::Corrupt`] when it does not.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    // One snapshot, for a recorder may be migrating it.
    let snapshot = connection.unchecked_transaction();
    check_within(&*snapshot.map_err(failed("read the store's layout"))?)
}

/// The same within a transaction that has begun.
pub(super) fn check_within(snapshot: &Connection) -> Result<(), StoreError> {
    let look = || -> rusqlite::Result<Option<String>> {
        let layouts = usize::try_from(layout_of(snapshot)?).unwrap_or(0);
        let found = parts(snapshot)?;
        // An older store is compared part by part, for which its layout has to be made.
        if layouts == MIGRATIONS.len() && hash_of(&found) == NEWEST_SHA256 {
            return Ok(None);
        }
        Ok(difference(&expected(layouts)?, &found, layouts))
    };
    match look().map_err(failed("read the store's layout"))? {
        None => Ok(()),
        Some(what) => Err(
            StoreError::new(StoreErrorKind::Corrupt, what).hint(
                "the file is damaged or was changed by hand: put a backup in its place, or name another \
                 with --db",
            ),
        ),
    }
}

/// What the first so many migrations make.
fn expected(layouts: usize) -> rusqlite::Result<Vec<Part>> {
    parts(&fresh(layouts)?)
}

fn parts(connection: &Connection) -> rusqlite::Result<Vec<Part>> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema")?;
    let rows = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    let mut parts = rows.collect::<rusqlite::Result<Vec<Part>>>()?;
    parts.retain(|part| !is_of_sqlite(part));
    // The order of the rows shows whether a store was migrated or made new, and means nothing.
    parts.sort();
    Ok(parts)
}

/// No two lists of parts are hashed alike: each text says its length.
fn hash_of(parts: &[Part]) -> String {
    let mut all = String::new();
    for (kind, name, table, sql) in parts {
        for text in [kind, name, table, sql] {
            all.push_str(&text.len().to_string());
            all.push(':');
            all.push_str(text);
        }
    }
    sha256_hex(all.as_bytes())
}

/// Statistics, and the indexes of primary keys, which follow from their tables.
fn is_of_sqlite((kind, name, table, sql): &Part) -> bool {
    let is_statistics =
        kind == "table" && name == table && STATISTICS.iter().any(|known| sql == known);
    // An index that somebody made has SQL.
    let is_automatic = kind == "index" && name.starts_with("sqlite_autoindex_") && sql.is_empty();
    is_statistics || is_automatic
}

/// Most parts that are named.
const MAX_NAMED: usize = 20;

fn difference(expected: &[Part], found: &[Part], layouts: usize) -> Option<String> {
    // First what is not as it must be: a part that was changed would also be one too many.
    let missing = expected.iter().filter(|part| !found.contains(part));
    let missing: Vec<String> = missing
        .map(|(kind, name, ..)| format!("the {kind} {name} is not as layout {layouts} has it"))
        .take(MAX_NAMED)
        .collect();
    if !missing.is_empty() {
        return Some(missing.join("; "));
    }
    let strange = found
        .iter()
        .enumerate()
        // SQLite itself never writes a part twice.
        .find(|(at, part)| !expected.contains(part) || found[..*at].contains(part));
    strange.map(|(_, (kind, name, ..))| {
        format!("it has the {kind} {name}, which layout {layouts} does not have")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{batch, request};
    use crate::{SqliteStore, open_reader, verify};
    use mcpr_store::{Depth, Writer};
    use std::path::Path;

    /// A view without an end.
    const ENDLESS: &str =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x";

    fn changed_by(sql: &str, path: &Path) {
        let mut store = SqliteStore::open(path).expect("a new store");
        store
            .append(&batch(1, vec![request("a", 1)]))
            .expect("append");
        drop(store);
        let connection = Connection::open(path).expect("a file");
        connection.execute_batch(sql).expect(sql);
    }

    #[test]
    fn a_store_with_another_layout_is_not_asked_anything() {
        let endless_table = format!(
            "DROP VIEW request_log; DROP TABLE gaps; CREATE VIEW gaps AS {ENDLESS} AS seq FROM n"
        );
        for sql in [
            endless_table.as_str(),
            "DROP VIEW session_log; CREATE VIEW session_log AS SELECT hex(zeroblob(500000000)) AS x",
            "CREATE TRIGGER evil AFTER INSERT ON requests BEGIN DELETE FROM sessions; END",
            "CREATE VIEW more AS SELECT 1 AS x",
            "CREATE INDEX more ON requests (hex(zeroblob(ts)))",
            "DROP INDEX requests_identity",
            "ALTER TABLE clients ADD COLUMN more TEXT AS (hex(zeroblob(5)))",
        ] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("store.db");
            changed_by(sql, &path);
            let error = open_reader(&path).map(drop).expect_err(sql);
            assert_eq!(error.kind, StoreErrorKind::Corrupt, "{sql}: {error}");
            let error = SqliteStore::open(&path).map(drop).expect_err(sql);
            assert_eq!(error.kind, StoreErrorKind::Corrupt, "{sql}: {error}");
            let findings = verify(&path, Depth::Full).expect(sql);
            assert_eq!(findings.problems.len(), 1, "{sql}: {findings:?}");
        }
    }

    #[test]
    fn the_newest_layout_is_known_without_making_it() {
        let parts = expected(MIGRATIONS.len()).expect("a layout");
        assert_eq!(hash_of(&parts), NEWEST_SHA256, "what it has to be now");
    }

    #[test]
    fn statistics_of_the_planner_are_no_fault() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        changed_by("ANALYZE", &path);
        open_reader(&path).map(drop).expect("a store");
    }

    #[test]
    fn a_store_of_another_program_has_tables_of_its_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let sql = "CREATE TABLE meta (key TEXT, value TEXT);
             INSERT INTO meta VALUES ('schema_version', '5');
             CREATE TABLE sessions (session_id, proxy, started_at, last_seen_at, ended_at, client_name,
                                    client_version, total_calls, total_errors);
             CREATE VIRTUAL TABLE requests USING fts5(id, request_id, ts, proxy, session_id, method,
                 tool, status, error_code, error_msg, bytes_in, bytes_out, latency_us);";
        let connection = Connection::open(&path).expect("a file");
        connection.execute_batch(sql).expect("a crafted store");
        drop(connection);
        let error = open_reader(&path).map(drop).expect_err("a virtual table");
        assert_eq!(error.kind, StoreErrorKind::Foreign, "{error}");
        assert!(error.to_string().contains("not a table"), "{error}");
    }
}
