//! The settings of each connection to a store's file.

use super::file::{sibling, uri};
use super::functions;
use super::layout::layout_of;
use super::limits::{StepLimit, limit_values};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

pub(super) const WRITER_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const READER_BUSY_TIMEOUT: Duration = Duration::from_secs(3);
/// Page cache of a connection, in KiB (negative: that is how SQLite takes KiB).
const CACHE_KIB: i64 = -16_384;
/// What stays of the write-ahead log after a checkpoint, in bytes.
const JOURNAL_SIZE_LIMIT: i64 = 64 << 20;

pub(super) fn connect_reader(path: &Path) -> rusqlite::Result<(Connection, StepLimit)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let first = Connection::open_with_flags(path, flags).and_then(|mut connection| {
        let steps = configure_reader(&mut connection)?;
        layout_of(&connection)?;
        Ok((connection, steps))
    });
    match first {
        // A directory that may not be written: without a write-ahead log nothing can be missed.
        Err(_) if !sibling(path, "-wal").exists() => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            let mut connection = Connection::open_with_flags(uri(path, "immutable=1"), flags)?;
            let steps = configure_reader(&mut connection)?;
            Ok((connection, steps))
        }
        other => other,
    }
}

pub(super) fn writer_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE
        // A link in the store's place could lead into any file.
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// A second connection to a store that is open for writing, for checkpoints only.
pub(super) fn checkpoint_connection(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, writer_flags())?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

pub(super) fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(WRITER_BUSY_TIMEOUT)?;
    limit_values(connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    stabilise_plans(connection)?;
    if layout_of(connection)? == 0 {
        // Before the first table, or it has no effect; later it would only ask for a lock.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    // With less than FULL a commit into the log may be lost with the power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A checkpoint of SQLite's own would hold up a commit: ours run beside it.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", JOURNAL_SIZE_LIMIT, |_| Ok(()))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A mapped file that is cut kills the process; a read that fails is an error.
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    // The usual 16 are fewer than one batch can use: each would be parsed anew.
    connection.set_prepared_statement_cache_capacity(128);
    // What is deleted is overwritten, also on pages that become free: that is where long messages lie.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    functions::register(connection)
}

/// Keeps a prepared statement prepared whatever is bound to it. Without this, a partial index on the
/// table makes SQLite plan the statement anew on every execution (measured: a third of the writer's
/// time).
fn stabilise_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

pub(super) fn configure_reader(connection: &mut Connection) -> rusqlite::Result<StepLimit> {
    let steps = StepLimit::limit(connection)?;
    connection.busy_timeout(READER_BUSY_TIMEOUT)?;
    stabilise_plans(connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    Ok(steps)
}
