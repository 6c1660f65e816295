//! Opening a store's file: whose it is, how old its layout is, and the settings of each connection.

use super::connect::{READER_BUSY_TIMEOUT, WRITER_BUSY_TIMEOUT, configure_writer, writer_flags};
use super::errors::failed;
use super::file::{sibling, uri};
use super::foreign::{Access, Program};
use super::layout::{APPLICATION_ID, check_layout, layout_of};
use super::limits::StepLimit;
use super::migrate::migrate;
use super::stale_log::{check_log, connect_checked};
use super::{census, shape};
use mcpr_store::files::place::{
    check_directory, check_file, directory_of, inaccessible, make_private, missing, real_path,
};
use mcpr_store::{StoreError, StoreErrorKind, Trust};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long is waited before what is not settled is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// What the names of a store's files end with.
const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

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
    /// One of ours at this path, and the steps that a question to it has left.
    Ours(Connection, StepLimit, PathBuf),
    /// One of another program, at this path.
    Foreign(PathBuf, Program),
}

/// Opens a store for writing: makes the directory (0700) and file (0600), migrates the layout.
pub(super) fn open_writer(path: &Path, trust: Trust) -> Result<(Connection, PathBuf), StoreError> {
    let path = absolute(path, true)?;
    check_place(&path, trust)?;
    create_private(&path)?;
    check_owner(&path)?;
    make_files_private(&path)?;
    check_log(&path)?;
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
        shape::check(&connection)?;
        migrate(&mut connection)?;
        switch_to_wal(&connection).map_err(failed("set up the write-ahead log"))?;
        // Last: the tables are there now, and what migrations did is counted by themselves.
        census::watch(&mut connection).map_err(failed("set up the store"))?;
        Ok(connection)
    };
    connect()
        .map(|connection| (connection, path.clone()))
        .map_err(|error| error.at(&path))
}

/// Resolves a store's path and makes its directory, unless the file there is somebody else's.
pub(super) fn claim(path: &Path, trust: Trust) -> Result<PathBuf, StoreError> {
    let path = absolute(path, true)?;
    check_place(&path, trust)?;
    match check_owner(&path) {
        Err(error) if error.kind != StoreErrorKind::Missing => Err(error),
        _ => make_files_private(&path).map(|()| path),
    }
}

/// Refuses to write where others could put files of theirs in the place of the store's, or have done so.
fn check_place(path: &Path, trust: Trust) -> Result<(), StoreError> {
    if let Some(directory) = path.parent() {
        check_directory(directory, trust)?;
    }
    SUFFIXES
        .iter()
        .try_for_each(|suffix| check_file(&sibling(path, suffix)))
}

fn make_files_private(path: &Path) -> Result<(), StoreError> {
    SUFFIXES
        .iter()
        .try_for_each(|suffix| make_private(&sibling(path, suffix)))
}

/// Opens a store of ours for reading only.
pub(super) fn open_reader(path: &Path) -> Result<(Connection, StepLimit), StoreError> {
    match open_readable(path)? {
        Readable::Ours(connection, steps, _) => Ok((connection, steps)),
        Readable::Foreign(path, program) => Err(foreign(&path, Owner::Proxy(program))),
    }
}

/// Opens a store of ours for reading only, or says whose it is.
pub(super) fn open_readable(path: &Path) -> Result<Readable, StoreError> {
    let path = absolute(path, false)?;
    open_at(&path).map_err(|error| {
        // One that was removed while it was opened is missing, whatever the step that found out.
        match fs::metadata(&path) {
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => missing(&path),
            _ => error,
        }
    })
}

/// Opens the store at a path whose directory is resolved.
fn open_at(path: &Path) -> Result<Readable, StoreError> {
    match owner(path)? {
        Owner::Us => {}
        Owner::Nobody => return Err(missing(path)),
        Owner::Proxy(program) => return Ok(Readable::Foreign(path.to_owned(), program)),
        other @ Owner::Other => return Err(foreign(path, other)),
    }
    let connect = || -> Result<Readable, StoreError> {
        let (connection, steps) = connect_checked(path)?;
        let version = layout_of(&connection).map_err(failed("read the store"))?;
        check_layout(version)?;
        shape::check(&connection)?;
        Ok(Readable::Ours(connection, steps, path.to_owned()))
    };
    connect().map_err(|error| error.at(path))
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
        Err(error) => return Err(inaccessible(path, error)),
    };
    if metadata.is_dir() {
        return Err(
            StoreError::new(StoreErrorKind::Foreign, "is a directory, not a store")
                .at(path)
                .hint("name the store's file with --db"),
        );
    }
    if !metadata.is_file() {
        // A device may have no end, and SQLite would say of each of them something else.
        return Err(StoreError::new(
            StoreErrorKind::Foreign,
            "is a device or a pipe, not a store",
        )
        .at(path)
        .hint("name the store's file with --db"));
    }
    if metadata.len() == 0 {
        return Ok(Owner::Nobody);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = |name: &str| -> rusqlite::Result<Owner> {
        let mut connection = Connection::open_with_flags(name, flags)?;
        let _steps = StepLimit::limit(&mut connection)?;
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

/// The path without links, in a directory that is made first where that is asked for.
fn absolute(path: &Path, create: bool) -> Result<PathBuf, StoreError> {
    let directory = directory_of(path);
    if create {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| inaccessible(directory, error))?;
    }
    real_path(path)
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
        Err(error) => Err(inaccessible(path, error)),
    }
}
