//! The store as a whole: copied into a file, or written anew.

use super::errors::failed;
use mcpr_store::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use rusqlite::limits::Limit;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Copies everything into a new file that only its owner may read.
pub(super) fn copy(connection: &Connection, to: &Path) -> Result<(), StoreError> {
    let inaccessible = |error: std::io::Error| {
        let message = format!("cannot write the copy {}: {error}", to.display());
        StoreError::new(StoreErrorKind::Other, message).at(to)
    };
    // Absolute, as SQLite has a meaning of its own for names that begin with `file:`.
    let to = std::path::absolute(to).map_err(inaccessible)?;
    let name = to.to_str().ok_or_else(|| {
        let message = "the name of the copy is not UTF-8";
        StoreError::new(StoreErrorKind::Other, message).at(&to)
    })?;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&to)
        .map_err(inaccessible)?;
    let copied = with_room_for_another(connection, || {
        connection.execute("VACUUM INTO ?1", [name]).map(drop)
    });
    let copied = copied
        .map_err(failed("copy the store"))
        .and_then(|()| file.sync_all().map_err(inaccessible));
    if copied.is_err() {
        // A part of a copy must not be taken for one.
        let _ = fs::remove_file(&to);
    }
    copied
}

/// Writes everything anew.
pub(super) fn rewrite(connection: &Connection) -> rusqlite::Result<()> {
    with_room_for_another(connection, || connection.execute_batch("VACUUM"))
}

/// SQLite attaches what it writes into as a second database, of which there are none otherwise.
fn with_room_for_another(
    connection: &Connection,
    work: impl FnOnce() -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
    let result = work();
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    result
}
