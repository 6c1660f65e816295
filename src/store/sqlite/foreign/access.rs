//! Reading a SQLite file of another program without leaving a trace: no byte of it is changed, no
//! file is made beside it, and the program that writes it is not disturbed.
//!
//! Which way that can be done hangs on the write-ahead log beside it.

use super::fault::{interrupted, is_interrupted};
use crate::store::sqlite::open::{configure_reader, inaccessible, sibling, uri};
use crate::store::{StoreError, sqlite::errors::failed};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Locks that are none, for a file whose log nobody has open. With them SQLite keeps the log's index
/// in its own memory instead of a file.
const NO_LOCKS: &str = "unix-none";

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As usual: with a rollback journal nothing is made, with a log in use everything is there.
    Locked,
    /// As a file that nobody changes: it is in WAL mode, and there is no log.
    Immutable,
    /// With the log, but without an index beside it: nobody has it open.
    Alone,
}

/// What tells that a file was written.
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
pub(in crate::store::sqlite) struct Access {
    pub(in crate::store::sqlite) connection: Connection,
    way: Way,
    main: Facts,
    log: Option<Facts>,
}

impl Access {
    /// Opens a file for reading.
    pub(in crate::store::sqlite) fn open(path: &Path) -> Result<Self, StoreError> {
        let no_file = |error| inaccessible(path, &error);
        let main = Facts::of(&fs::metadata(path).map_err(no_file)?);
        let log = Facts::at(&sibling(path, "-wal"));
        let way = match log {
            Some(_) if sibling(path, "-shm").exists() => Way::Locked,
            Some(_) => Way::Alone,
            None if is_in_wal_mode(path).map_err(no_file)? => Way::Immutable,
            None => Way::Locked,
        };
        let connection = connect(path, way).map_err(|error| {
            let told = if is_interrupted(&error, path) {
                interrupted()
            } else {
                failed("open the store")(error)
            };
            told.at(path)
        })?;
        Ok(Self {
            connection,
            way,
            main,
            log,
        })
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
            Way::Locked => main.is_some_and(|main| main.inode == self.main.inode),
            Way::Immutable | Way::Alone => {
                main == Some(self.main)
                    && Facts::at(&sibling(path, "-wal")) == self.log
                    && (self.way == Way::Immutable || !sibling(path, "-shm").exists())
            }
        }
    }
}

fn connect(path: &Path, way: Way) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match way {
        Way::Locked => Connection::open_with_flags(path, flags)?,
        Way::Immutable => Connection::open_with_flags(
            uri(path, "immutable=1"),
            flags | OpenFlags::SQLITE_OPEN_URI,
        )?,
        Way::Alone => Connection::open_with_flags_and_vfs(path, flags, NO_LOCKS)?,
    };
    if way == Way::Alone {
        // Before the first read, or an index is made beside the file.
        connection.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    }
    // Whoever closes a log last would otherwise empty it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    configure_reader(&connection)?;
    Ok(connection)
}

/// Whether the file's header says so. Must not be asked while this process has the file open:
/// closing it gives up every lock that the process holds on it.
fn is_in_wal_mode(path: &Path) -> std::io::Result<bool> {
    let mut header = Vec::new();
    File::open(path)?.take(20).read_to_end(&mut header)?;
    Ok(header.get(18..) == Some(&[2, 2]))
}
