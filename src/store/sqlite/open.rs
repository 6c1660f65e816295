//! Opening a store's file: whose it is, how old its layout is, and the settings of each connection.

use super::errors::failed;
use super::foreign::{Access, Program};
use super::seal;
use crate::store::{StoreError, StoreErrorKind};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Marks a file as a store of ours: the ASCII text `mcpr`.
pub const APPLICATION_ID: i32 = 0x6d63_7072;

/// Every layout there ever was; a store's `user_version` says how many it has.
pub(super) const MIGRATIONS: [&str; 6] = [
    include_str!("migrations/0001_layout.sql"),
    include_str!("migrations/0002_heads_and_indexes.sql"),
    include_str!("migrations/0003_surfaces.sql"),
    include_str!("migrations/0004_payloads.sql"),
    include_str!("migrations/0005_conversations.sql"),
    include_str!("migrations/0006_slow_by_hour.sql"),
];

pub(super) const WRITER_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READER_BUSY_TIMEOUT: Duration = Duration::from_secs(3);
/// How long is waited before what is not settled is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Page cache of a connection, in KiB (negative: that is how SQLite takes KiB).
const CACHE_KIB: i64 = -16_384;
/// What stays of the write-ahead log after a checkpoint, in bytes.
const JOURNAL_SIZE_LIMIT: i64 = 64 << 20;

/// Whose file stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Us,
    Proxy(Program),
    Other,
}

/// A store that can be read.
pub(super) enum Readable {
    /// One of ours.
    Ours(Connection),
    /// One of another program, at this path.
    Foreign(PathBuf, Program),
}

/// Opens a store for writing: makes the directory (0700) and file (0600), migrates the layout.
pub(super) fn open_writer(path: &Path) -> Result<(Connection, PathBuf), StoreError> {
    let path = absolute(path, true)?;
    create_private(&path)?;
    check_owner(&path)?;
    let connect = || -> Result<Connection, StoreError> {
        let mut connection =
            Connection::open_with_flags(&path, writer_flags()).map_err(failed("open the store"))?;
        if connection
            .is_readonly("main")
            .map_err(failed("open the store"))?
        {
            return Err(
                StoreError::new(StoreErrorKind::Permission, "the store is read-only")
                    .hint("check the permissions of the file, or record into another with --db"),
            );
        }
        configure_writer(&connection).map_err(failed("set up the store"))?;
        migrate(&mut connection)?;
        switch_to_wal(&connection).map_err(failed("set up the write-ahead log"))?;
        Ok(connection)
    };
    connect()
        .map(|connection| (connection, path.clone()))
        .map_err(|error| error.at(&path))
}

/// Resolves a store's path and makes its directory, unless the file there is somebody else's.
pub(super) fn claim(path: &Path) -> Result<PathBuf, StoreError> {
    let path = absolute(path, true)?;
    match check_owner(&path) {
        Err(error) if error.kind == StoreErrorKind::Missing => Ok(path),
        Err(error) => Err(error),
        Ok(()) => Ok(path),
    }
}

/// Opens a store of ours for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    match open_readable(path)? {
        Readable::Ours(connection) => Ok(connection),
        Readable::Foreign(path, program) => Err(foreign(&path, Owner::Proxy(program))),
    }
}

/// Opens a store of ours for reading only, or says whose it is.
pub(super) fn open_readable(path: &Path) -> Result<Readable, StoreError> {
    let path = absolute(path, false)?;
    match owner(&path)? {
        Owner::Us => {}
        Owner::Nobody => return Err(missing(&path)),
        Owner::Proxy(program) => return Ok(Readable::Foreign(path, program)),
        other @ Owner::Other => return Err(foreign(&path, other)),
    }
    let connect = || -> Result<Connection, StoreError> {
        let connection = connect_reader(&path).map_err(failed("open the store"))?;
        let version = layout_of(&connection).map_err(failed("read the store"))?;
        check_layout(version)?;
        Ok(connection)
    };
    connect()
        .map(Readable::Ours)
        .map_err(|error| error.at(&path))
}

/// Switches a new store to a write-ahead log. SQLite does not wait here for others who open it at
/// the same moment: that could be for ever. So each lets go and tries again.
fn switch_to_wal(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + WRITER_BUSY_TIMEOUT;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(LOOK_AGAIN);
            }
            result => return result,
        }
    }
}

fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let first = Connection::open_with_flags(path, flags).and_then(|connection| {
        configure_reader(&connection)?;
        layout_of(&connection)?;
        Ok(connection)
    });
    match first {
        // A directory that may not be written: without a write-ahead log nothing can be missed.
        Err(_) if !sibling(path, "-wal").exists() => {
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            let connection = Connection::open_with_flags(uri(path, "immutable=1"), flags)?;
            configure_reader(&connection)?;
            Ok(connection)
        }
        other => other,
    }
}

fn writer_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE
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

fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(WRITER_BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    stabilise_plans(connection)?;
    if layout_of(connection)? == 0 {
        // Before the first table, or it has no effect; later it would only ask for a lock.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", JOURNAL_SIZE_LIMIT, |_| Ok(()))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(128);
    seal::teach(connection)
}

/// Keeps a prepared statement prepared whatever is bound to it. Without this, a partial index on the
/// table makes SQLite plan the statement anew on every execution (measured: a third of the writer's
/// time).
fn stabilise_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

pub(super) fn configure_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(READER_BUSY_TIMEOUT)?;
    stabilise_plans(connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    Ok(())
}

/// Runs the migrations that the store has not seen, all in one transaction.
///
/// A new store gets its layout before it is switched to WAL, so that the main file alone always says
/// whose it is. Until that one transaction is through it is a file in the making, see `owner`.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let doing = "migrate the store";
    let version = layout_of(connection).map_err(failed(doing))?;
    check_layout(version)?;
    let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version == newest {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(failed(doing))?;
    // Another writer may have been first.
    let version = layout_of(&transaction).map_err(failed(doing))?;
    check_layout(version)?;
    let run = || -> rusqlite::Result<()> {
        for sql in MIGRATIONS
            .iter()
            .skip(usize::try_from(version).unwrap_or(0))
        {
            transaction.execute_batch(sql)?;
        }
        if version < seal::FIRST_LAYOUT {
            seal::renew_all(&transaction)?;
        }
        transaction.pragma_update(None, "user_version", newest)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)
    };
    run().map_err(failed(doing))?;
    transaction.commit().map_err(failed(doing))
}

/// How many layouts a store has seen.
pub(super) fn layout_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// How many bytes a store of the newest layout takes that holds nothing.
pub(super) fn empty_bytes() -> rusqlite::Result<u64> {
    let fresh = Connection::open_in_memory()?;
    for sql in MIGRATIONS {
        fresh.execute_batch(sql)?;
    }
    let pragma = |name| fresh.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    Ok(pragma("page_count")?.saturating_mul(pragma("page_size")?))
}

fn check_layout(version: i64) -> Result<(), StoreError> {
    let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if (0..=newest).contains(&version) {
        return Ok(());
    }
    let message = format!("the store has layout {version}; this mcpr knows layouts up to {newest}");
    Err(StoreError::new(StoreErrorKind::Newer, message)
        .hint("it was written by a newer mcpr: use that one, or name another store with --db"))
}

fn check_owner(path: &Path) -> Result<(), StoreError> {
    match owner(path)? {
        Owner::Nobody | Owner::Us => Ok(()),
        other => Err(foreign(path, other)),
    }
}

/// Whose file it is. One that is just being made, or whose maker was killed, does not look like ours
/// yet: its rollback journal says so, or another look does when it was finished during the first.
fn owner(path: &Path) -> Result<Owner, StoreError> {
    let first = owner_now(path);
    match &first {
        Ok(Owner::Us | Owner::Nobody) => return first,
        Err(error) if error.kind == StoreErrorKind::Missing => return first,
        _ if is_in_the_making(path) => return Ok(Owner::Nobody),
        _ => std::thread::sleep(LOOK_AGAIN),
    }
    match owner_now(path) {
        Ok(owner @ (Owner::Us | Owner::Nobody)) => Ok(owner),
        _ if is_in_the_making(path) => Ok(Owner::Nobody),
        second => second,
    }
}

/// Whether a rollback journal beside the file says that it held nothing before: what stands in it is
/// part of a first transaction, which SQLite waits for or rolls back. A new file has no page, or the
/// one that says how its pages are freed.
fn is_in_the_making(path: &Path) -> bool {
    const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    const PAGES_BEFORE: std::ops::Range<usize> = 16..20;
    let mut header = [0; PAGES_BEFORE.end];
    fs::File::open(sibling(path, "-journal"))
        .and_then(|mut journal| journal.read_exact(&mut header))
        .is_ok_and(|()| {
            header.starts_with(&MAGIC) && matches!(header[PAGES_BEFORE], [0, 0, 0, 0 | 1])
        })
}

/// Looks at the main file: `immutable` takes no lock and makes no file. Through SQLite alone: a
/// descriptor of our own, once closed, would take this process's locks with it. A file of another
/// program may have all its tables in its log yet, so that is read too, without leaving a trace.
fn owner_now(path: &Path) -> Result<Owner, StoreError> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing(path)),
        Err(error) => return Err(inaccessible(path, &error)),
    };
    if metadata.is_dir() {
        return Err(
            StoreError::new(StoreErrorKind::Foreign, "is a directory, not a store")
                .at(path)
                .hint("name the store's file with --db"),
        );
    }
    if metadata.len() == 0 {
        return Ok(Owner::Nobody);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = |name: &str| -> rusqlite::Result<Owner> {
        let connection = Connection::open_with_flags(name, flags)?;
        connection.busy_timeout(READER_BUSY_TIMEOUT)?;
        owner_by_content(&connection)
    };
    // A file that is being made this very moment looks damaged to who takes no lock.
    let owner = look(&uri(path, "immutable=1"))
        .or_else(|_| look(&uri(path, "mode=ro")))
        .map_err(|error| failed("read the store")(error).at(path))?;
    if owner == Owner::Us || !sibling(path, "-wal").exists() {
        return Ok(owner);
    }
    owner_by_content(&Access::open(path)?.connection)
        .map_err(|error| failed("read the store")(error).at(path))
}

fn owner_by_content(connection: &Connection) -> rusqlite::Result<Owner> {
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id == APPLICATION_ID {
        return Ok(Owner::Us);
    }
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(match Program::of_tables(&tables) {
        Some(program) => Owner::Proxy(program),
        None if tables.is_empty() && id == 0 => Owner::Nobody,
        None => Owner::Other,
    })
}

fn foreign(path: &Path, owner: Owner) -> StoreError {
    let (whose, hint) = match owner {
        Owner::Proxy(program) => (
            format!("a store of the {} proxy", program.as_str()),
            format!(
                "`mcpr logs --db {0}` and the other reading commands read it as it is; to record, \
                 name another file with --db; `mcpr store import {0}` copies it into that one",
                path.display()
            ),
        ),
        _ => (
            "a SQLite database of another program".to_owned(),
            "name another file with --db; nothing was changed in this one".to_owned(),
        ),
    };
    StoreError::new(
        StoreErrorKind::Foreign,
        format!("is {whose}, not one of this recorder"),
    )
    .at(path)
    .hint(hint)
}

fn missing(path: &Path) -> StoreError {
    StoreError::new(StoreErrorKind::Missing, "there is no store here yet")
        .at(path)
        .hint("make one with `mcpr record FILE`, or name another with --db")
}

pub(super) fn inaccessible(path: &Path, error: &std::io::Error) -> StoreError {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            StoreErrorKind::Permission
        }
        std::io::ErrorKind::StorageFull => StoreErrorKind::Retryable,
        _ => StoreErrorKind::Other,
    };
    StoreError::new(kind, format!("cannot open the store: {error}"))
        .at(path)
        .hint("check the path and its permissions, or name another with --db")
}

/// The path with its directory resolved, so that only the file itself could still be a link.
fn absolute(path: &Path, create: bool) -> Result<PathBuf, StoreError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Some(name) = path.file_name() else {
        return Err(StoreError::new(StoreErrorKind::Other, "names no file").at(path));
    };
    if create {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| inaccessible(directory, &error))?;
    }
    match directory.canonicalize() {
        Ok(directory) => Ok(directory.join(name)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing(path)),
        Err(error) => Err(inaccessible(path, &error)),
    }
}

/// Makes the file with mode 0600 if it is not there; the log and shared memory inherit the mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(inaccessible(path, &error)),
    }
}

/// A file that SQLite keeps beside the store.
pub(super) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn uri(path: &Path, parameters: &str) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(byte));
            }
            _ => write!(uri, "%{byte:02x}").expect("a string takes any text"),
        }
    }
    uri.push('?');
    uri.push_str(parameters);
    uri
}
