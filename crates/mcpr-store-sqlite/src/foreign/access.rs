//! Reading a SQLite file of another program without leaving a trace: no byte of it is changed, no
//! file is made beside it, and the program that writes it is not disturbed.
//!
//! Which way that can be done hangs on the write-ahead log beside it.

use super::fault::{interrupted, is_interrupted};
use crate::connect::configure_reader;
use crate::errors::failed;
use crate::file::{sibling, uri};
use crate::limits::StepLimit;
use mcpr_store::StoreError;
use mcpr_store::files::place::inaccessible;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Locks that do nothing, for a file whose log nobody has open. With them SQLite keeps the log's index
/// in its own memory instead of a file.
const NO_LOCKS: &str = "unix-none";

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenedBy {
    /// As usual: with a rollback journal nothing is made, with a log in use everything is there.
    Locked,
    /// As a file that nobody changes: it is in WAL mode, and there is no log.
    Immutable,
    /// With the log, but without an index beside it: nobody has it open.
    Alone,
}

/// What shows that a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    inode: u64,
    len: u64,
    modified: (i64, i64),
}

impl Facts {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

/// A connection, and the state of the files that it was opened for.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) connection: Connection,
    /// What a question has left.
    steps: StepLimit,
    way: OpenedBy,
    main: Facts,
    log: Option<Facts>,
}

impl Access {
    /// Opens a file for reading.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let no_file = |error| inaccessible(path, error);
        // Before the files are opened: what changes in between is noticed by the next look.
        let main = Facts::of(&fs::metadata(path).map_err(no_file)?);
        let log = Facts::at(&sibling(path, "-wal"));
        let way = match log {
            // Its writer is at work, or was killed: the index is there already, and we make none.
            Some(_) if sibling(path, "-shm").exists() => OpenedBy::Locked,
            Some(_) => OpenedBy::Alone,
            None if is_in_wal_mode(path).map_err(no_file)? => OpenedBy::Immutable,
            None => OpenedBy::Locked,
        };
        let (connection, steps) = connect(path, way).map_err(|error| {
            let fault = if is_interrupted(&error, path) {
                interrupted()
            } else {
                failed("open the store")(error)
            };
            fault.at(path)
        })?;
        Ok(Self {
            connection,
            steps,
            way,
            main,
            log,
        })
    }

    /// Begins a question: one snapshot, and the steps that a file of this size can need.
    pub(super) fn snapshot(&self) -> rusqlite::Result<Transaction<'_>> {
        self.steps.allow(&self.connection)?;
        self.connection.unchecked_transaction()
    }

    /// The file that was opened.
    pub(super) fn inode(&self) -> u64 {
        self.main.inode
    }

    /// The file that is at a path.
    pub(super) fn inode_at(path: &Path) -> Option<u64> {
        Facts::at(path).map(|facts| facts.inode)
    }

    /// Whether the files are still in the state that this connection was opened for.
    pub(super) fn is_current(&self, path: &Path) -> bool {
        let main = Facts::at(path);
        match self.way {
            // SQLite's locks report changes in the file itself; they do not show that another one
            // stands in its place.
            OpenedBy::Locked => main.is_some_and(|main| main.inode == self.main.inode),
            OpenedBy::Immutable | OpenedBy::Alone => {
                main == Some(self.main)
                    && Facts::at(&sibling(path, "-wal")) == self.log
                    && (self.way == OpenedBy::Immutable || !sibling(path, "-shm").exists())
            }
        }
    }
}

fn connect(path: &Path, way: OpenedBy) -> rusqlite::Result<(Connection, StepLimit)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = match way {
        OpenedBy::Locked => Connection::open_with_flags(path, flags)?,
        OpenedBy::Immutable => Connection::open_with_flags(
            uri(path, "immutable=1"),
            flags | OpenFlags::SQLITE_OPEN_URI,
        )?,
        OpenedBy::Alone => Connection::open_with_flags_and_vfs(path, flags, NO_LOCKS)?,
    };
    if way == OpenedBy::Alone {
        // Before the first read, or an index is made beside the file.
        connection.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    }
    // Whoever closes a log last would otherwise empty it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let steps = configure_reader(&mut connection)?;
    Ok((connection, steps))
}

/// Whether the file's header says so. Must not be asked while this process has the file open:
/// closing it gives up every lock that the process holds on it.
fn is_in_wal_mode(path: &Path) -> std::io::Result<bool> {
    let mut header = Vec::new();
    File::open(path)?.take(20).read_to_end(&mut header)?;
    // The versions of the format for writing and reading: 2 is the write-ahead log.
    Ok(header.get(18..) == Some(&[2, 2]))
}
