//! Reading leaves no trace, in whatever state the files are, and misses nothing that is committed.

use super::*;
use crate::{SqliteStore, file::sibling};
use mcpr_store::StoreErrorKind;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// The files of a directory with what is in them. Of the log's index only that it is there: whoever
/// reads a log that is in use takes a lock in it.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a plain name");
            let bytes = if name.ends_with("-shm") {
                Vec::new()
            } else {
                fs::read(entry.path()).expect("a file")
            };
            (name, bytes)
        })
        .collect()
}

/// Reads everything and checks that nothing has changed.
fn check(path: &Path, requests: usize) {
    let directory = path.parent().expect("a directory");
    let before = files(directory);
    let reader = open(path);
    let found = all_requests(reader.as_ref()).expect("requests");
    ask_everything(reader.as_ref()).expect("answers");
    let during = files(directory);
    drop(reader);
    assert_eq!(found.len(), requests);
    for after in [during, files(directory)] {
        assert!(
            before.keys().eq(after.keys()),
            "{:?} {:?}",
            before.keys(),
            after.keys()
        );
        assert!(before == after, "a file was changed");
    }
}

/// A copy of a captured store in WAL mode, its writer still there, with one request in the log.
fn live(directory: &Path, capture: &str) -> (PathBuf, Connection) {
    let path = directory.join("store.db");
    fs::copy(captured(capture), &path).expect("copy");
    let connection = Connection::open(&path).expect("open");
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
        .expect("WAL mode");
    add_request(&connection);
    (path, connection)
}

fn add_request(connection: &Connection) {
    connection
        .execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS latest AS SELECT * FROM requests ORDER BY id LIMIT 1;
             UPDATE latest SET id = (SELECT max(id) + 1 FROM requests), request_id = hex(randomblob(8));
             INSERT INTO requests SELECT * FROM latest;",
        )
        .expect("one more request");
}

const REQUESTS: [usize; 2] = [141, 367];

#[test]
fn a_store_at_rest_is_left_as_it_is() {
    for (capture, requests) in CAPTURES.into_iter().zip(REQUESTS) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        fs::copy(captured(capture), &path).expect("copy");
        check(&path, requests);
        let connection = Connection::open(&path).expect("open");
        connection
            .execute_batch("PRAGMA journal_mode = WAL")
            .expect("WAL mode");
        drop(connection);
        assert!(!sibling(&path, "-wal").exists());
        check(&path, requests);
    }
}

#[test]
fn a_log_in_use_is_read_with_its_writer_there() {
    for (capture, requests) in CAPTURES.into_iter().zip(REQUESTS) {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, connection) = live(directory.path(), capture);
        check(&path, requests + 1);
        let reader = open(&path);
        assert_eq!(
            all_requests(reader.as_ref()).expect("requests").len(),
            requests + 1
        );
        add_request(&connection);
        assert_eq!(
            all_requests(reader.as_ref()).expect("requests").len(),
            requests + 2
        );
    }
}

#[test]
fn a_log_that_was_left_behind_is_read() {
    for (capture, requests) in CAPTURES.into_iter().zip(REQUESTS) {
        for suffixes in [&["", "-wal"][..], &["", "-wal", "-shm"]] {
            let (from, to) = (tempfile::tempdir(), tempfile::tempdir());
            let (from, to) = (from.expect("a directory"), to.expect("a directory"));
            let (live, _connection) = live(from.path(), capture);
            let path = to.path().join("store.db");
            for suffix in suffixes {
                fs::copy(sibling(&live, suffix), sibling(&path, suffix)).expect("copy");
            }
            check(&path, requests + 1);
        }
    }
}

#[test]
fn an_empty_log_hides_nothing() {
    for (capture, requests) in CAPTURES.into_iter().zip(REQUESTS) {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, connection) = live(directory.path(), capture);
        drop(connection);
        fs::write(sibling(&path, "-wal"), b"").expect("write");
        check(&path, requests + 1);
    }
}

#[test]
fn a_directory_that_may_not_be_written_is_no_obstacle() {
    let directory = tempfile::tempdir().expect("a directory");
    let inner = directory.path().join("inner");
    fs::create_dir(&inner).expect("a directory");
    let path = inner.join("store.db");
    fs::copy(captured("mcpr-0.5.44"), &path).expect("copy");
    let allow =
        |mode| fs::set_permissions(&inner, fs::Permissions::from_mode(mode)).expect("a mode");
    allow(0o500);
    check(&path, 367);
    allow(0o700);
    let connection = Connection::open(&path).expect("open");
    connection
        .execute_batch("PRAGMA journal_mode = WAL")
        .expect("WAL mode");
    drop(connection);
    allow(0o500);
    check(&path, 367);
    allow(0o700);
}

#[test]
fn a_reader_follows_a_writer_that_comes_and_goes() {
    for (capture, requests) in CAPTURES.into_iter().zip(REQUESTS) {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, connection) = live(directory.path(), capture);
        drop(connection);
        let reader = open(&path);
        let look = || {
            let count = all_requests(reader.as_ref()).expect("requests").len();
            (count, reader.head().expect("a head"))
        };
        let (count, first) = look();
        assert_eq!(count, requests + 1);
        assert_eq!(look().1, first, "nothing has happened");
        let writer = Connection::open(&path).expect("open");
        add_request(&writer);
        let (count, second) = look();
        assert_eq!(count, requests + 2, "in the log");
        assert_eq!(second.cursor, first.cursor.next());
        assert_ne!(second.version, first.version);
        add_request(&writer);
        let (count, third) = look();
        assert_eq!(count, requests + 3, "also in the log");
        assert_ne!(third.version, second.version);
        drop(writer);
        assert_eq!(look().0, requests + 3, "no writer any more");
        add_request(&Connection::open(&path).expect("open"));
        assert_eq!(look().0, requests + 4, "between two questions");
    }
}

#[test]
fn another_file_at_the_path_is_another_store() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.db");
    fs::copy(captured("mcpr-0.4.64"), &path).expect("copy");
    let reader = open(&path);
    let head = reader.head().expect("a head");
    let kind_now = || {
        let watched = reader.watch(head, Duration::ZERO);
        watched.err().map(|error| error.kind)
    };
    assert_eq!(kind_now(), None);
    fs::rename(&path, directory.path().join("old.db")).expect("rename");
    assert_eq!(kind_now(), Some(StoreErrorKind::Gone));
    fs::copy(captured("mcpr-0.5.44"), &path).expect("copy");
    assert_eq!(kind_now(), Some(StoreErrorKind::Gone));
    let error = reader.overview().expect_err("another layout");
    assert_eq!(error.kind, StoreErrorKind::Foreign, "{error}");
}

#[test]
fn tables_that_are_only_in_the_log_are_recognised() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.db");
    let connection = Connection::open(&path).expect("open");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE meta (key, value); CREATE TABLE requests (id); CREATE TABLE sessions (id);",
        )
        .expect("tables");
    let before = files(directory.path());
    let error = SqliteStore::open_exclusive(&path, mcpr_store::Trust::Owner)
        .map(drop)
        .expect_err("not ours");
    assert_eq!(error.kind, StoreErrorKind::Foreign, "{error}");
    assert!(error.to_string().contains("0.4"), "{error}");
    assert!(before == files(directory.path()), "a file was changed");
}

#[test]
fn an_interrupted_write_is_reported() {
    let (from, to) = (tempfile::tempdir(), tempfile::tempdir());
    let (from, to) = (from.expect("a directory"), to.expect("a directory"));
    let original = from.path().join("store.db");
    fs::copy(captured("mcpr-0.4.64"), &original).expect("copy");
    let connection = Connection::open(&original).expect("open");
    connection
        .execute_batch(
            "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN;
             UPDATE requests SET error_msg = hex(zeroblob(2000));",
        )
        .expect("a write that does not end");
    let path = to.path().join("store.db");
    for suffix in ["", "-journal"] {
        fs::copy(sibling(&original, suffix), sibling(&path, suffix)).expect("copy");
    }
    let before = files(to.path());
    let error = read(&path).expect_err("a journal to roll back");
    assert!(error.to_string().contains("interrupted"), "{error}");
    assert!(before == files(to.path()), "a file was changed");
}
