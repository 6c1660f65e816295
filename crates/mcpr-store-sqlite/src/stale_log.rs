//! Whether the write-ahead log beside a store is the store's own.
//!
//! Who moves a store's main file into the place of another leaves that one's log there. SQLite takes it
//! for the new file's: the old rows would hide the new ones, and the next writer would copy them over.

use super::connect::connect_reader;
use super::errors::failed;
use super::file::{sibling, uri};
use super::limits::StepLimit;
use mcpr_store::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs;
use std::path::Path;

/// How often two answers that differ are asked for again: the file may be replaced just now.
const LOOKS: usize = 3;

/// Connects to read, and refuses as [`check_log`] does. A log that fits takes no further connection to it:
/// each reading command comes through here.
pub(super) fn connect_checked(path: &Path) -> Result<(Connection, StepLimit), StoreError> {
    let connected = connect_reader(path);
    let has_log = || fs::metadata(sibling(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let is_doubtful = match &connected {
        Ok((connection, _)) => has_log() && store_id(connection).ok() != id_without_log(path).ok(),
        Err(error) => is_damage(error),
    };
    if is_doubtful {
        // The files may have been replaced between the two looks: this looks again.
        check_log(path)?;
    }
    connected.map_err(failed("open the store"))
}

/// Refuses a store whose log was written by another store.
///
/// # Errors
/// [`StoreErrorKind::Corrupt`], with what to move away.
pub(super) fn check_log(path: &Path) -> Result<(), StoreError> {
    let log = sibling(path, "-wal");
    for _ in 0..LOOKS {
        // A log that was emptied can hide nothing.
        if !fs::metadata(&log).is_ok_and(|metadata| metadata.len() > 0) {
            return Ok(());
        }
        // A main file that does not say yet which store it is has all of it in the log.
        let Ok(alone) = id_without_log(path) else {
            return Ok(());
        };
        match id_with_log(path) {
            // Two stores never have the same number: it is drawn when one is made.
            Ok(with_log) if with_log != alone => {}
            // Pages of one store over those of another seldom make a whole file.
            Err(error) if is_damage(&error) => {}
            _ => return Ok(()),
        }
    }
    let (main, log) = (path.display(), log.display());
    let message = "its write-ahead log does not fit it: it is that of another store, or damaged";
    let hint = format!(
        "if a store was moved into the place of another, move {log} and {main}-shm away and try again: \
         what {main} holds by itself is read then"
    );
    Err(StoreError::new(StoreErrorKind::Corrupt, message)
        .at(path)
        .hint(hint))
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

fn id_without_log(path: &Path) -> rusqlite::Result<i64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    store_id(&Connection::open_with_flags(
        // So opened, SQLite does not look for a log.
        uri(path, "immutable=1"),
        flags,
    )?)
}

/// Read-only, so that closing it copies nothing of the log into the main file.
fn id_with_log(path: &Path) -> rusqlite::Result<i64> {
    let (connection, _steps) = connect_reader(path)?;
    store_id(&connection)
}

fn store_id(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT value FROM counters WHERE name = 'store_id'";
    connection.query_row(sql, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{batch, request};
    use crate::{SqliteStore, open_reader};
    use mcpr_store::Writer;

    #[test]
    fn a_store_moved_over_another_is_not_hidden_by_the_log_of_that_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let (old, new) = (
            directory.path().join("old.db"),
            directory.path().join("new.db"),
        );
        let mut store = SqliteStore::open(&old).expect("a store");
        store
            .append(&batch(1, vec![request("old", 1)]))
            .expect("append");
        // A writer that is killed leaves its log: a copy of it stands for that.
        let log = sibling(&old, "-wal");
        let kept = directory.path().join("kept");
        fs::copy(&log, &kept).expect("a log");
        drop(store);
        let mut store = SqliteStore::open(&new).expect("a store");
        store
            .append(&batch(1, vec![request("new", 1), request("newer", 2)]))
            .expect("append");
        drop(store);
        fs::rename(&new, &old).expect("moved");
        fs::rename(&kept, &log).expect("the log is there again");
        let before = fs::read(&old).expect("the new store");

        let read = open_reader(&old).map(drop).expect_err("hidden rows");
        let write = SqliteStore::open(&old)
            .map(drop)
            .expect_err("rows to be copied over");
        for error in [read, write] {
            assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains("another store"), "{error}");
            assert!(error.hint.expect("a hint").contains("old.db-wal"));
        }
        assert_eq!(fs::read(&old).expect("the new store"), before);
        fs::remove_file(&log).expect("as the hint says");
        let head = open_reader(&old).expect("a store").head().expect("a head");
        assert_eq!(head.cursor.to_seq(), 2);
    }

    #[test]
    fn a_log_that_a_killed_writer_left_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let mut store = SqliteStore::open(&path).expect("a store");
        store
            .append(&batch(1, vec![request("a", 1)]))
            .expect("append");
        assert!(fs::metadata(sibling(&path, "-wal")).is_ok_and(|log| log.len() > 0));
        let head = open_reader(&path).expect("a store").head().expect("a head");
        assert_eq!(head.cursor.to_seq(), 1);
        std::mem::forget(store);
        SqliteStore::open(&path).expect("the same store");
    }
}
