//! Files that only look like a store of another program: each is an error that says what is wrong.

use super::*;
use mcpr_store::StoreErrorKind::{self, Corrupt, Foreign, Newer};

/// What is done to a store, and a part of what is reported then: one per line.
type Cases = &'static str;

const SHAPES_OF_04: Cases = "
ALTER TABLE requests RENAME COLUMN tool TO x => `requests` has no column `tool`
ALTER TABLE requests RENAME COLUMN latency_us TO x => `requests` has no column `latency_us`
ALTER TABLE sessions RENAME COLUMN ended_at TO x => `sessions` has no column `ended_at`
ALTER TABLE meta RENAME COLUMN value TO x => `meta` has no column `value`
DELETE FROM meta => `meta` has no `schema_version`
UPDATE meta SET value = 'new' => `meta` has no `schema_version`
UPDATE meta SET value = '0' WHERE key = 'schema_version' => a number from 1
";

const NEWER_04: Cases = "
UPDATE meta SET value = '6' WHERE key = 'schema_version' => layout 6 of mcpr 0.3 or 0.4
";

const VALUES_OF_04: Cases = "
UPDATE requests SET ts = 'soon' WHERE id = 3 => request 3 of
UPDATE requests SET ts = 'soon' WHERE id = 3 => `ts` is text
UPDATE requests SET ts = 1.5 WHERE id = 3 => `ts` is real
UPDATE requests SET latency_us = 'x' WHERE id = 3 => `latency_us` is text
UPDATE requests SET method = x'00ff' WHERE id = 3 => `method` is blob
UPDATE requests SET proxy = CAST(x'00ff' AS TEXT) WHERE id = 3 => its text is not UTF-8
UPDATE requests SET status = 'odd' WHERE id = 3 => `status` is `odd`
UPDATE requests SET error_code = x'00' WHERE id = 3 => `error_code` is blob
UPDATE sessions SET started_at = 'x' WHERE session_id = 's-1' => session `s-1` of
";

const SHAPES_OF_05: Cases = "
DROP VIEW request_log; DROP VIEW sessions_view; DROP TABLE sessions => it has no table `sessions`
ALTER TABLE responses RENAME COLUMN status TO x => `responses` has no column `status`
";

const NEWER_05: Cases = "
UPDATE meta SET value = '2' WHERE key = 'schema_version' => layout 2 of mcpr 0.5
";

const VALUES_OF_05: Cases = "
UPDATE responses SET ts = 'x' WHERE id = 2 => request 2 of
UPDATE responses SET ts = 'x' WHERE id = 3 => response 3 of
UPDATE requests SET ts = 'x' WHERE id = 1 => request 1 of
UPDATE requests SET request_id = x'00' WHERE id = 6 => request 6 of
UPDATE responses SET status = 'odd' WHERE id = 2 => `status` is `odd`
UPDATE sessions SET last_active = 'x' => session `s-1` of
UPDATE requests SET method = x'00' WHERE id = 7 => `method` is blob
";

fn check(path: &Path, sql: &str, kind: StoreErrorKind, expected: &str) {
    Connection::open(path)
        .and_then(|it| it.execute_batch(&format!("PRAGMA ignore_check_constraints = ON; {sql}")))
        .expect(sql);
    let error = read(path).expect_err(sql);
    assert!(error.to_string().contains(expected), "{sql}: {error}");
    assert_eq!(error.kind, kind, "{sql}: {error}");
    assert!(error.hint.is_some(), "{sql}: {error}");
}

fn check_all(make: impl Fn(&Path) -> PathBuf, kind: StoreErrorKind, cases: Cases) {
    for case in cases.trim().lines() {
        let (sql, expected) = case.split_once(" => ").expect("two parts");
        let directory = tempfile::tempdir().expect("a directory");
        check(&make(directory.path()), sql, kind, expected);
    }
}

/// A table without its constraints.
fn loose(table: &str, then: &str) -> String {
    format!(
        "CREATE TABLE loose AS SELECT * FROM {table}; DROP TABLE {table};
         ALTER TABLE loose RENAME TO {table}; {then}"
    )
}

#[test]
fn half_a_store_of_0_4_is_reported_as_such() {
    let make = |directory: &Path| made_04(directory, 5);
    check_all(make, Foreign, SHAPES_OF_04);
    check_all(make, Newer, NEWER_04);
    check_all(make, Corrupt, VALUES_OF_04);
    let first = |directory: &Path| made_04(directory, 1);
    let cases = "UPDATE requests SET latency_ms = 'x' WHERE id = 3 => `latency_ms` is text";
    check_all(first, Corrupt, cases);
}

#[test]
fn half_a_store_of_0_5_is_reported_as_such() {
    check_all(made_05, Foreign, SHAPES_OF_05);
    check_all(made_05, Newer, NEWER_05);
    check_all(made_05, Corrupt, VALUES_OF_05);
}

#[test]
fn what_is_missing_in_a_table_without_constraints_is_reported() {
    let directory = tempfile::tempdir().expect("a directory");
    let sql = loose("requests", "UPDATE requests SET method = NULL");
    let path = made_04(directory.path(), 1);
    check(&path, &sql, Corrupt, "`method` is null");
    let directory = tempfile::tempdir().expect("a directory");
    let sql = format!(
        "DROP VIEW request_log; DROP VIEW sessions_view; {}",
        loose("responses", "UPDATE responses SET status = NULL")
    );
    let path = made_05(directory.path());
    check(&path, &sql, Corrupt, "`status` is null");
}

#[test]
fn flipped_bits_never_end_in_a_panic() {
    let seed = mcpr_seed::seed();
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
