//! The store in a SQLite file: one writer's connection, readers beside it.
//!
//! The only place that knows rusqlite. Layouts are in `migrations/`, run by writers alone. Stores of
//! other programs are read in `foreign/`.

mod append;
mod checkpointer;
mod conditions;
mod errors;
mod foreign;
mod lock;
mod names;
mod open;
mod payloads;
mod read;
mod remove;
mod requests;
mod rollups;
mod seal;
mod sessions;
mod sights;
mod sources;
mod sums;
mod surfaces;
#[cfg(test)]
mod tests;
mod verify;

pub use lock::RecorderLock;
pub use open::APPLICATION_ID;
pub use read::SqliteReader;
pub use verify::{Depth, Findings, verify};

use super::{Appended, Reader, Retention, Store, StoreError, StoreErrorKind};
use crate::model::{Batch, Checkpoint, FileIdentity, Fingerprint};
use crate::query::SessionKey;
use append::Memory;
use checkpointer::{Checkpointer, checkpoint};
use errors::failed;
use foreign::ForeignReader;
use open::Readable;
use read::file_identity;
use remove::{Keep, Rest};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pages in the write-ahead log from which on a commit is followed by a checkpoint.
const CHECKPOINT_PAGES: i64 = 4000;
/// Pages from which on the writer waits for it: 40 MiB.
const LONG_LOG_PAGES: i64 = 10_000;

/// How long a vacuum leaves the store to others between two slices.
const SLICE_PAUSE: Duration = Duration::from_millis(5);
/// Most free pages that are given back in one transaction.
const SHRINK_PAGES: i64 = 2000;

/// A store opened for writing.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    memory: Memory,
    path: PathBuf,
    identity: Option<FileIdentity>,
    /// Started when the log has first grown.
    checkpointer: Option<Checkpointer>,
}

impl SqliteStore {
    /// Opens a store, making the file (0600), its directory (0700) and its layout as needed.
    ///
    /// # Errors
    /// When the file is not ours, newer, damaged, or cannot be opened for writing.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (connection, path) = open::open_writer(path)?;
        Ok(Self {
            connection,
            memory: Memory::default(),
            identity: file_identity(&path),
            path,
            checkpointer: None,
        })
    }

    /// Opens a store as its one recorder. A file that is not ours is left without even a lock.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and when another recorder writes this store.
    pub fn open_exclusive(path: &Path) -> Result<(Self, RecorderLock), StoreError> {
        let path = open::claim(path)?;
        let lock = RecorderLock::acquire(&path)?;
        Ok((Self::open(&path)?, lock))
    }

    /// The store's file, with its directory resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What goes into a file that has no name any more is lost with the last of its descriptors.
    fn check_is_there(&self) -> Result<(), StoreError> {
        let is = file_identity(&self.path);
        if self.identity.is_none() || is == self.identity {
            return Ok(());
        }
        let what = if is.is_some() { "replaced" } else { "removed" };
        let message = format!("the store was {what} while it was open");
        Err(StoreError::new(StoreErrorKind::Gone, message)
            .at(&self.path)
            .hint("start again: what files hold is read again into a new store"))
    }

    /// The files that belong to a store: itself, its write-ahead log, shared memory and lock.
    #[must_use]
    pub fn own_files(path: &Path) -> [PathBuf; 4] {
        [
            path.to_owned(),
            open::sibling(path, "-wal"),
            open::sibling(path, "-shm"),
            RecorderLock::path_for(path),
        ]
    }

    /// Bytes of the store's pages that hold something.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn used_bytes(&self) -> Result<u64, StoreError> {
        let pragma = |name| {
            self.connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };
        let used = || -> rusqlite::Result<i64> {
            Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
        };
        used()
            .map(i64::cast_unsigned)
            .map_err(failed("measure the store"))
            .map_err(|error| error.at(&self.path))
    }

    /// How many bytes a store takes that holds nothing.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn empty_bytes() -> Result<u64, StoreError> {
        open::empty_bytes().map_err(failed("measure an empty store"))
    }

    /// Gives free pages back to the file system, in steps between which others get their turn.
    ///
    /// # Errors
    /// When the store fails; nothing is lost.
    pub fn shrink(&mut self) -> Result<(), StoreError> {
        let step = || -> rusqlite::Result<bool> {
            let free = |name| {
                self.connection
                    .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            };
            let before = free("freelist_count")?;
            if before > 0 {
                self.connection
                    .execute_batch(&format!("PRAGMA incremental_vacuum({SHRINK_PAGES})"))?;
            }
            Ok(free("freelist_count")? < before)
        };
        while step()
            .map_err(failed("shrink the store"))
            .map_err(|error| error.at(&self.path))?
        {
            let _ = self.checkpoint_if_grown();
            std::thread::sleep(SLICE_PAUSE);
        }
        // A reader in the way only means that the file shrinks later.
        let _ = self.idle();
        Ok(())
    }

    /// How many rows a vacuum would remove: requests and gaps.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn count_of(&self, what: &Retention) -> Result<u64, StoreError> {
        remove::count_of(&self.connection, what)
            .map_err(failed("count requests"))
            .map_err(|error| error.at(&self.path))
    }

    /// The time before which so many of the oldest requests (of a proxy) lie.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn time_after_oldest(
        &self,
        proxy: Option<&str>,
        requests: u64,
    ) -> Result<Option<i64>, StoreError> {
        remove::time_after_oldest(&self.connection, proxy, requests)
            .map_err(failed("look for old requests"))
            .map_err(|error| error.at(&self.path))
    }

    /// How many payloads a vacuum of payloads would remove.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn count_of_payloads(&self, what: &Retention) -> Result<u64, StoreError> {
        payloads::count_of(&self.connection, what)
            .map_err(failed("count payloads"))
            .map_err(|error| error.at(&self.path))
    }

    /// The time before which the oldest payloads (of a proxy) lie that take so many bytes together,
    /// and the bytes they take; `None` where there are none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn oldest_payloads(
        &self,
        proxy: Option<&str>,
        bytes: u64,
    ) -> Result<Option<(i64, u64)>, StoreError> {
        payloads::oldest(&self.connection, proxy, bytes)
            .map_err(failed("look for old payloads"))
            .map_err(|error| error.at(&self.path))
    }

    /// The version of the SQLite library in use.
    #[must_use]
    pub fn library_version() -> &'static str {
        rusqlite::version()
    }

    /// Copies the log into the main file if it has grown; a reader in the way is no failure.
    fn checkpoint_if_grown(&self) -> Result<(), StoreError> {
        if self.log_pages()? >= CHECKPOINT_PAGES {
            self.checkpoint_now("PASSIVE")?;
        }
        Ok(())
    }

    /// The same, beside the writer as long as the log is not too long.
    fn checkpoint_beside(&mut self) -> Result<(), StoreError> {
        let pages = self.log_pages()?;
        if pages < CHECKPOINT_PAGES {
            return Ok(());
        }
        if self.checkpointer.is_none() {
            self.checkpointer = Checkpointer::start(&self.path);
        }
        match &self.checkpointer {
            Some(checkpointer) if pages < LONG_LOG_PAGES => {
                checkpointer.ask();
                Ok(())
            }
            _ => self.checkpoint_now("PASSIVE"),
        }
    }

    fn log_pages(&self) -> Result<i64, StoreError> {
        self.told(checkpoint(&self.connection, "NOOP"))
            .map(|progress| progress.pages)
    }

    fn checkpoint_now(&self, mode: &str) -> Result<(), StoreError> {
        let _paused = self.checkpointer.as_ref().map(Checkpointer::pause);
        self.told(checkpoint(&self.connection, mode)).map(drop)
    }

    fn told<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result
            .map_err(failed("checkpoint the write-ahead log"))
            .map_err(|error| error.at(&self.path))
    }

    /// Removes in slices, between which other writers get their turn.
    fn in_slices(
        &mut self,
        told: &mut dyn FnMut(u64),
        slice: impl Fn(&mut Connection) -> Result<(u64, Rest), StoreError>,
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let slice = slice(&mut self.connection);
            self.memory.clear();
            let (rows, rest) = slice.map_err(|error| error.at(&self.path))?;
            removed += rows;
            told(removed);
            // The rows are gone by now: a checkpoint that fails is tried again after the next slice.
            let _ = self.checkpoint_if_grown();
            if rest == Rest::None {
                return Ok(removed);
            }
            // A recorder that waits for its turn asks for it only now and then.
            std::thread::sleep(SLICE_PAUSE);
        }
    }

    fn removed(&mut self, result: Result<u64, StoreError>) -> Result<u64, StoreError> {
        self.memory.clear();
        result.map_err(|error| error.at(&self.path))
    }
}

/// Opens a store for reading: nothing is ever written, migrated or blocked.
///
/// The stores of mcpr 0.3 to 0.5 are read too, as they are.
///
/// # Errors
/// When there is no store, or it is of yet another program, newer or damaged.
pub fn open_reader(path: &Path) -> Result<Box<dyn Reader>, StoreError> {
    Ok(match open::open_readable(path)? {
        Readable::Ours(connection) => Box::new(SqliteReader::new(connection, path.to_owned())),
        Readable::Foreign(path, program) => Box::new(ForeignReader::open(path, program)?),
    })
}

impl Store for SqliteStore {
    fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        self.check_is_there()?;
        let appended = append::append(&mut self.connection, &mut self.memory, batch)
            .map_err(|error| error.at(&self.path))?;
        // The batch is safe by now: a checkpoint that fails is tried again after the next one.
        let _ = self.checkpoint_beside();
        Ok(appended)
    }

    fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        checkpoints(&self.connection)
            .map_err(failed("read the checkpoints"))
            .map_err(|error| error.at(&self.path))
    }

    fn delete_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        let result = remove::session(&mut self.connection, session, Keep::Nothing);
        self.removed(result)
    }

    fn summarize_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        let result = remove::session(&mut self.connection, session, Keep::Counters);
        self.removed(result)
    }

    fn vacuum(&mut self, what: &Retention, told: &mut dyn FnMut(u64)) -> Result<u64, StoreError> {
        self.in_slices(told, |connection| remove::oldest_slice(connection, what))
    }

    fn vacuum_payloads(
        &mut self,
        what: &Retention,
        told: &mut dyn FnMut(u64),
    ) -> Result<u64, StoreError> {
        self.in_slices(told, |connection| payloads::remove_slice(connection, what))
    }

    fn idle(&mut self) -> Result<(), StoreError> {
        let timeout = |timeout| {
            self.connection
                .busy_timeout(timeout)
                .map_err(failed("set a timeout"))
        };
        // A reader in the way must not keep the writer waiting: the next idle moment will do.
        timeout(Duration::ZERO)?;
        let result = self.checkpoint_now("TRUNCATE");
        timeout(open::WRITER_BUSY_TIMEOUT)?;
        result
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        open_reader(&self.path)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.checkpointer = None;
        // Advice for the planner only; a store that cannot take it is none the worse.
        let _ = self.connection.execute_batch("PRAGMA optimize");
        // While readers are there SQLite would leave the log: then the main file alone, moved or
        // copied, would lack its rows, and a file put in its place would get them.
        let _ = self.idle();
    }
}

fn checkpoints(connection: &Connection) -> rusqlite::Result<Vec<Checkpoint>> {
    connection
        .prepare_cached(
            "SELECT device, inode, path, head_len, head_hash, marker_len, marker_hash, offset
             FROM checkpoints ORDER BY path, device, inode",
        )?
        .query_map([], |row| {
            let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
            Ok(Checkpoint {
                identity: FileIdentity {
                    device: number(0)?,
                    inode: number(1)?,
                },
                path: row.get_ref(2)?.as_str()?.into(),
                head: Fingerprint {
                    len: number(3)?,
                    hash: number(4)?,
                },
                marker: Fingerprint {
                    len: number(5)?,
                    hash: number(6)?,
                },
                offset: number(7)?,
            })
        })?
        .collect()
}
