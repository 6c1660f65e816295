//! The one connection that writes a store, and when its write-ahead log is copied into the main file.

use super::append::WriterCache;
use super::census;
use super::checkpointer::{Checkpointer, checkpoint};
use super::connect::WRITER_BUSY_TIMEOUT;
use super::errors::failed;
use super::flight;
use super::intact::StoreFiles;
use super::open;
use super::reader::open_reader;
use super::remains;
use super::runs;
use super::session_blocks::{self, BlocksToMake};
use super::sources::checkpoints;
use super::sweep::Sweep;
use super::transaction;
use mcpr_model::{Batch, Checkpoint, Event};
use mcpr_store::files::lease::{self, Lease};
use mcpr_store::files::lock::RecorderLock;
use mcpr_store::query::SessionKey;
use mcpr_store::{Abandoned, Admin, Appended, Reader, Remains, StoreError, Trust, Writer};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pages in the write-ahead log from which on a commit is followed by a checkpoint.
const CHECKPOINT_PAGES: i64 = 4000;
/// Pages from which on the writer waits for it: 40 MiB.
pub(super) const LONG_LOG_PAGES: i64 = 10_000;

/// How long the end of a writer waits for questions that are being answered: each ends by itself.
const LAST_CHECKPOINT_TIMEOUT: Duration = Duration::from_millis(500);

/// A store opened for writing.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) connection: Connection,
    pub(super) memory: WriterCache,
    pub(super) path: PathBuf,
    files: StoreFiles,
    /// A vacuum that was begun and is done slice by slice.
    pub(super) sweep: Option<Sweep>,
    /// Started when the log has first grown.
    pub(super) checkpointer: Option<Checkpointer>,
    /// Held once requests in flight were reported.
    lease: Option<Lease>,
    /// Held by the store's one recorder. Last, so that no other one begins before the rest is closed.
    lock: Option<RecorderLock>,
}

impl SqliteStore {
    /// Opens a store, making the file (0600), its directory (0700) and its layout as needed.
    ///
    /// # Errors
    /// When the file is not ours, newer, damaged, or cannot be opened for writing.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_trusting(path, Trust::Owner)
    }

    /// Opens a store as [`SqliteStore::open`] does, in a directory that others may write if they are
    /// trusted.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_trusting(path: &Path, trust: Trust) -> Result<Self, StoreError> {
        let (connection, path) = open::open_writer(path, trust)?;
        Ok(Self {
            memory: WriterCache::default(),
            files: StoreFiles::of(&connection, &path)?,
            connection,
            path,
            sweep: None,
            checkpointer: None,
            lease: None,
            lock: None,
        })
    }

    /// Opens a store as its one recorder. A file that is not ours is left without even a lock.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and when another recorder writes this store.
    pub fn open_exclusive(path: &Path, trust: Trust) -> Result<Self, StoreError> {
        // Whose file it is comes before the lock, for the lock is a file beside it.
        let path = open::claim(path, trust)?;
        let lock = RecorderLock::acquire(&path)?;
        let mut store = Self::open_trusting(&path, trust)?;
        store.lock = Some(lock);
        Ok(store)
    }

    /// The store's file, with its directory resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A reader of what is committed.
    ///
    /// # Errors
    /// When the store cannot be opened for reading.
    pub fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        open_reader(&self.path)
    }

    /// The version of the SQLite library in use.
    #[must_use]
    pub fn library_version() -> &'static str {
        rusqlite::version()
    }

    /// Checks that the store's files are whole, before something is taken out of them.
    pub(super) fn check_files(&mut self) -> Result<(), StoreError> {
        self.files.check(&self.connection)
    }

    /// Copies the log into the main file if it has grown; a reader in the way is not a failure.
    pub(super) fn checkpoint_if_grown(&self) -> Result<(), StoreError> {
        self.files.index().check()?;
        if self.log_pages()? >= CHECKPOINT_PAGES {
            self.checkpoint_now("PASSIVE")?;
        }
        Ok(())
    }

    /// The same, beside the writer as long as the log is not too long.
    pub(super) fn checkpoint_beside(&mut self) -> Result<(), StoreError> {
        let pages = self.log_pages()?;
        if pages < CHECKPOINT_PAGES {
            return Ok(());
        }
        if self.checkpointer.is_none() {
            self.checkpointer = Checkpointer::start(&self.path, self.files.index());
        }
        match &self.checkpointer {
            Some(checkpointer) if pages < LONG_LOG_PAGES => {
                checkpointer.ask();
                Ok(())
            }
            // The thread does not keep up or could not be started, and the log would grow without
            // an end. PASSIVE waits for no reader, however long it is.
            _ => self.checkpoint_now("PASSIVE"),
        }
    }

    fn log_pages(&self) -> Result<i64, StoreError> {
        // NOOP reports the lengths and copies nothing.
        self.checkpointed(checkpoint(&self.connection, "NOOP"))
            .map(|progress| progress.pages)
    }

    fn checkpoint_now(&self, mode: &str) -> Result<(), StoreError> {
        // SQLite refuses a checkpoint while another one runs: the thread's own would make this one
        // fail.
        let _paused = self.checkpointer.as_ref().map(Checkpointer::pause);
        self.checkpointed(checkpoint(&self.connection, mode))
            .map(drop)
    }

    /// Copies the whole log into the main file and empties it, waiting so long for those who read.
    fn empty_log(&mut self, patience: Duration) -> Result<(), StoreError> {
        self.files.check(&self.connection)?;
        let timeout = |timeout| {
            self.connection
                .busy_timeout(timeout)
                .map_err(failed("set a timeout"))
        };
        timeout(patience)?;
        let result = self.checkpoint_now("TRUNCATE");
        // Also after a failure: the next commit waits as long as ever.
        timeout(WRITER_BUSY_TIMEOUT)?;
        result
    }

    /// The same without waiting: with a reader in the way the next idle moment will do.
    pub(super) fn empty_log_now(&mut self) -> Result<(), StoreError> {
        self.empty_log(Duration::ZERO)
    }

    /// Says by a lock that this writer is there, before others can read that requests wait for it.
    fn take_lease(&mut self, batch: &Batch) {
        let waits = |event: &Event| matches!(event, Event::Open(_) | Event::Server(_));
        if !batch.events.iter().any(waits) {
            return;
        }
        if self.lease.is_none() {
            // Without it nothing is reported of what is in flight: the rows come all the same.
            self.lease = Lease::take(&self.path, batch.writer).ok();
            self.memory.leased = self.lease.as_ref().map(|lease| lease.writer);
        }
        let Some(lease) = &mut self.lease else { return };
        for event in &batch.events {
            // An export reports servers that have ended, which are nobody's to end.
            if let Event::Server(run) = event
                && run.ended_at().is_none()
            {
                lease.note(&SessionKey {
                    proxy: run.proxy.to_string(),
                    id: run.session_id.to_string(),
                });
            }
        }
    }

    fn checkpointed<T>(&self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result
            .map_err(failed("checkpoint the write-ahead log"))
            .map_err(|error| error.at(&self.path))
    }
}

impl Writer for SqliteStore {
    fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        self.files.check(&self.connection)?;
        self.take_lease(batch);
        let appended = transaction::commit(&mut self.connection, &mut self.memory, batch)
            .map_err(|error| error.at(&self.path))?;
        // What goes into a file without a name is lost with the last of its descriptors.
        self.files.check_there()?;
        // The commit may have made it longer.
        self.files.index().note();
        // The batch is safe by now: a checkpoint that fails is tried again after the next one.
        let _ = self.checkpoint_beside();
        Ok(appended)
    }

    fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        self.files.index().check()?;
        all_checkpoints(&self.connection)
            .map_err(failed("read the checkpoints"))
            .map_err(|error| error.at(&self.path))
    }

    fn abandoned(&mut self) -> Result<Abandoned, StoreError> {
        self.files.check(&self.connection)?;
        let requests = flight::abandoned(&mut self.connection, &self.path);
        let sessions = runs::left_by(&self.connection, &lease::killed(&self.path));
        let found = requests.and_then(|requests| {
            Ok(Abandoned {
                requests,
                sessions: sessions?,
            })
        });
        let found = found
            .map_err(failed("look for what is in flight"))
            .map_err(|error| error.at(&self.path))?;
        lease::clear_up(&self.path);
        Ok(found)
    }

    fn idle(&mut self) -> Result<(), StoreError> {
        self.files.check(&self.connection)?;
        // These only make answers quicker: what fails is tried again, and nobody has to hear of it.
        let _ = make_session_blocks(&mut self.connection, &mut self.memory.session_blocks);
        self.empty_log_now()
    }

    fn take_remains(&mut self, remains: &Remains) -> Result<(), StoreError> {
        self.files.check(&self.connection)?;
        remains::take(&mut self.connection, &mut self.memory, remains)
            .map_err(|error| error.at(&self.path))?;
        self.files.index().note();
        // As after a batch.
        let _ = self.checkpoint_beside();
        Ok(())
    }

    fn care(&mut self) -> Option<&mut dyn Admin> {
        Some(self)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // The thread's connection is closed first: it must not copy anything once the files are
        // found wanting.
        self.checkpointer = None;
        if self.files.check(&self.connection).is_err() {
            // What is left of it must not be written over, neither by us nor by SQLite as it closes.
            let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = self.connection.set_db_config(keep, true);
            return;
        }
        // Advice for the planner only; a store that cannot take it is none the worse.
        let _ = self.connection.execute_batch("PRAGMA optimize");
        // While readers are there SQLite would leave the log: then the main file alone, moved or
        // copied, would lack its rows, and a file put in its place would get them.
        let _ = self.empty_log(LAST_CHECKPOINT_TIMEOUT);
    }
}

/// Makes sums of sessions that are missing.
fn make_session_blocks(
    connection: &mut Connection,
    to_make: &mut BlocksToMake,
) -> rusqlite::Result<()> {
    let blocks = to_make.missing(connection)?;
    if blocks.is_empty() {
        return Ok(());
    }
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for &block in &blocks {
        session_blocks::make(&tx, block)?;
    }
    census::settle(&tx)?;
    tx.commit()?;
    to_make.made(&blocks);
    Ok(())
}

fn all_checkpoints(connection: &Connection) -> rusqlite::Result<Vec<Checkpoint>> {
    checkpoints(connection, None, usize::MAX)
}
