//! Files that only look like a store of another program: each is an error that says what is wrong.

use super::*;
use crate::store::StoreErrorKind::{self, Corrupt, Foreign, Newer};

fn check(path: &Path, sql: &str, kind: StoreErrorKind, told: &str) {
    Connection::open(path)
        .and_then(|it| it.execute_batch(&format!("PRAGMA ignore_check_constraints = ON; {sql}")))
        .expect(sql);
    let error = read(path).expect_err(sql);
    assert!(error.to_string().contains(told), "{sql}: {error}");
    assert_eq!(error.kind, kind, "{sql}: {error}");
    assert!(error.hint.is_some(), "{sql}: {error}");
}

/// A table without its constraints.
fn loose(table: &str, then: &str) -> String {
    format!(
        "CREATE TABLE loose AS SELECT * FROM {table}; DROP TABLE {table};
         ALTER TABLE loose RENAME TO {table}; {then}"
    )
}

#[test]
fn half_a_store_of_0_4_is_told_as_such() {
    let cases = [
        (
            "ALTER TABLE requests RENAME COLUMN tool TO x",
            Foreign,
            "`requests` has no column `tool`",
        ),
        (
            "ALTER TABLE requests RENAME COLUMN latency_us TO x",
            Foreign,
            "no column `latency_us`",
        ),
        (
            "ALTER TABLE sessions RENAME COLUMN ended_at TO x",
            Foreign,
            "`sessions` has no column",
        ),
        (
            "ALTER TABLE meta RENAME COLUMN value TO x",
            Foreign,
            "`meta` has no column `value`",
        ),
        (
            "DELETE FROM meta",
            Foreign,
            "`meta` has no `schema_version`",
        ),
        (
            "UPDATE meta SET value = 'new'",
            Foreign,
            "`meta` has no `schema_version`",
        ),
        (
            "UPDATE meta SET value = '0' WHERE key = 'schema_version'",
            Foreign,
            "`schema_version`",
        ),
        (
            "UPDATE meta SET value = '6' WHERE key = 'schema_version'",
            Newer,
            "layout 6 of mcpr 0.3 or 0.4",
        ),
        (
            "UPDATE requests SET ts = 'soon' WHERE id = 3",
            Corrupt,
            "request 3",
        ),
        (
            "UPDATE requests SET ts = 'soon' WHERE id = 3",
            Corrupt,
            "`ts` is text",
        ),
        (
            "UPDATE requests SET ts = 1.5 WHERE id = 3",
            Corrupt,
            "`ts` is real",
        ),
        (
            "UPDATE requests SET latency_us = 'x' WHERE id = 3",
            Corrupt,
            "`latency_us` is text",
        ),
        (
            "UPDATE requests SET method = x'00ff' WHERE id = 3",
            Corrupt,
            "`method` is blob",
        ),
        (
            "UPDATE requests SET proxy = CAST(x'00ff' AS TEXT) WHERE id = 3",
            Corrupt,
            "not UTF-8",
        ),
        (
            "UPDATE requests SET status = 'odd' WHERE id = 3",
            Corrupt,
            "`status` is `odd`",
        ),
        (
            "UPDATE requests SET error_code = x'00' WHERE id = 3",
            Corrupt,
            "`error_code` is blob",
        ),
        (
            "UPDATE sessions SET started_at = 'x' WHERE session_id = 's-1'",
            Corrupt,
            "session `s-1`",
        ),
    ];
    for (sql, kind, told) in cases {
        let directory = tempfile::tempdir().expect("a directory");
        check(&made_04(directory.path(), 5), sql, kind, told);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let sql = loose("requests", "UPDATE requests SET method = NULL WHERE id = 3");
    check(
        &made_04(directory.path(), 1),
        &sql,
        Corrupt,
        "`method` is null",
    );
    let directory = tempfile::tempdir().expect("a directory");
    let sql = "UPDATE requests SET latency_ms = 'x' WHERE id = 3";
    check(
        &made_04(directory.path(), 1),
        sql,
        Corrupt,
        "`latency_ms` is text",
    );
}

#[test]
fn half_a_store_of_0_5_is_told_as_such() {
    let cases = [
        (
            "DROP VIEW request_log; DROP VIEW sessions_view; DROP TABLE sessions",
            Foreign,
            "it has no table `sessions`",
        ),
        (
            "ALTER TABLE responses RENAME COLUMN status TO x",
            Foreign,
            "`responses` has no column `status`",
        ),
        (
            "UPDATE meta SET value = '2' WHERE key = 'schema_version'",
            Newer,
            "layout 2 of mcpr 0.5",
        ),
        (
            "UPDATE responses SET ts = 'x' WHERE id = 2",
            Corrupt,
            "request 2",
        ),
        (
            "UPDATE responses SET ts = 'x' WHERE id = 3",
            Corrupt,
            "response 3",
        ),
        (
            "UPDATE requests SET ts = 'x' WHERE id = 1",
            Corrupt,
            "request 1",
        ),
        (
            "UPDATE responses SET status = 'odd' WHERE id = 2",
            Corrupt,
            "`status` is `odd`",
        ),
        (
            "UPDATE sessions SET last_active = 'x'",
            Corrupt,
            "session `s-1`",
        ),
        (
            "UPDATE requests SET method = x'00' WHERE id = 7",
            Corrupt,
            "`method` is blob",
        ),
    ];
    for (sql, kind, told) in cases {
        let directory = tempfile::tempdir().expect("a directory");
        check(&made_05(directory.path()), sql, kind, told);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let views = "DROP VIEW request_log; DROP VIEW sessions_view;";
    let sql = format!(
        "{views} {}",
        loose("responses", "UPDATE responses SET status = NULL")
    );
    check(
        &made_05(directory.path()),
        &sql,
        Corrupt,
        "`status` is null",
    );
}

#[test]
fn flipped_bits_never_end_in_a_panic() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.db");
    let mut refused = 0;
    for round in 0..60 {
        let mut bytes = fs::read(captured(CAPTURES[round % 2])).expect("a capture");
        for _ in 0..random.usize(1..200) {
            let at = random.usize(..bytes.len());
            bytes[at] ^= 1 << random.u8(..8);
        }
        fs::write(&path, bytes).expect("write");
        refused += usize::from(read(&path).is_err());
    }
    assert!(
        refused > 0,
        "seed {seed}: hundreds of flipped bits, and nothing noticed"
    );
}
