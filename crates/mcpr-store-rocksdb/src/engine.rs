//! The engine behind a directory: one that writes for the whole process, or one that follows another process.

use crate::columns::{self, Column};
use crate::errors::failed;
use crate::memory::Memory;
use crate::state::{LAYOUT, State, newer};
use crate::view::View;
use mcpr_model::FileIdentity;
use mcpr_store::files::lock::RecorderLock;
use mcpr_store::files::place::{check_directory, inaccessible, missing};
use mcpr_store::{StoreError, StoreErrorKind, Trust, replaced};
use rocksdb::{DB, FlushOptions, WriteBatch, WriteOptions};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The file that says whose directory it is. It is there before anything of the engine.
const MARKER: &str = "mcpr-store";
const MARKER_TEXT: &str = "A store of mcpr, kept by RocksDB. Layout ";

/// How long it is waited for another process to be done with the store.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked.
const INTERVAL: Duration = Duration::from_millis(10);

/// How much a log may hold before it is written out while nothing else is to be done: a reader of another process reads
/// all of it.
const LONG_LOG_BYTES: u64 = 4 << 20;

// The engine itself refuses a second opening of one directory, also within a process: a recorder and whoever takes
// care of its store have to share one. Weak, so that the last writer closes it.
/// Every engine of this process that writes: all that it does with a store goes through one.
static WRITING: Mutex<Vec<Weak<Engine>>> = Mutex::new(Vec::new());

#[derive(Debug)]
pub(crate) struct Engine {
    // First: it is closed before its lock is freed and its directory goes.
    db: DB,
    path: PathBuf,
    marker: Option<FileIdentity>,
    role: Role,
    memory: Mutex<Memory>,
    /// Whether the store has its one recorder.
    pub(crate) recorder: Mutex<bool>,
}

#[derive(Debug)]
enum Role {
    Writes {
        _lock: RecorderLock,
    },
    /// With the directory that is its own: it writes nothing into that of the store.
    Follows {
        _scratch: TempDir,
    },
}

/// What stands at the path of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Store,
}

/// Looks whose directory it is.
pub(crate) fn look_at(path: &Path) -> Result<Found, StoreError> {
    let foreign = |what: &str| {
        let error = StoreError::new(StoreErrorKind::Foreign, what).at(path);
        error.hint("name an empty or new directory with --db rocksdb:DIR")
    };
    // Looked at before anything of the engine is called: it would make its files in any directory that it is given.
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(inaccessible(path, error)),
        Ok(metadata) if !metadata.is_dir() => {
            return Err(foreign("is not a directory, and a store of RocksDB is one"));
        }
        Ok(_) => {}
    }
    match fs::read_to_string(path.join(MARKER)) {
        Ok(text) => {
            let layout = text
                .strip_prefix(MARKER_TEXT)
                .and_then(|it| it.trim().parse().ok());
            match layout {
                Some(layout) if layout > LAYOUT => return Err(newer(layout).at(path)),
                Some(_) => {}
                // Its writer was killed between making the file and writing it.
                None if text.is_empty() => return Ok(Found::Nothing),
                None => return Err(foreign("holds a file called mcpr-store that is not ours")),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut entries = fs::read_dir(path).map_err(|error| inaccessible(path, error))?;
            return match entries.next() {
                None => Ok(Found::Nothing),
                Some(_) => Err(foreign(
                    "is a directory with other things in it, and no store of mcpr",
                )),
            };
        }
        Err(error) => return Err(inaccessible(path, error)),
    }
    // The engine makes this file last of all.
    // A directory that is marked and not whole is one whose first writer was killed: the next one goes on with it.
    let is_whole = path.join("CURRENT").exists();
    Ok(if is_whole {
        Found::Store
    } else {
        Found::Nothing
    })
}

/// Makes the directory of a new store, for its owner alone.
fn make(path: &Path) -> Result<(), StoreError> {
    let failed = |error| inaccessible(path, error);
    DirBuilder::new()
        .recursive(true)
        // Recorded payloads hold secrets, and the engine makes its files with the rights of the process alone.
        .mode(0o700)
        .create(path)
        .map_err(failed)
}

fn mark(path: &Path) -> Result<(), StoreError> {
    let failed = |error| inaccessible(path, error);
    let mut marker = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path.join(MARKER))
        .map_err(failed)?;
    let written = writeln!(marker, "{MARKER_TEXT}{LAYOUT}");
    // Synced before the engine writes: a directory with tables and no marker would be taken for somebody else's.
    written.and_then(|()| marker.sync_all()).map_err(failed)
}

/// Whether the directory does not say yet whose it is.
fn is_unmarked(path: &Path) -> bool {
    let length = fs::metadata(path.join(MARKER))
        .ok()
        .map(|metadata| metadata.len());
    length.is_none_or(|length| length == 0)
}

// The marker is made once and never replaced, while the engine's own files come and go: another inode is another
// store.
fn identity_of_marker(path: &Path) -> Option<FileIdentity> {
    let metadata = fs::metadata(path.join(MARKER)).ok()?;
    Some(FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}

impl Engine {
    /// The engine that writes a store, made where there is none if that is asked for.
    pub(crate) fn writing(path: &Path, trust: Trust, makes: bool) -> Result<Arc<Self>, StoreError> {
        if look_at(path)? == Found::Nothing {
            if !makes {
                return Err(missing(path));
            }
            make(path)?;
        }
        let path = fs::canonicalize(path).map_err(|error| inaccessible(path, error))?;
        check_directory(&path, trust)?;
        // Held until the engine is open, so that two threads do not both find none and open it twice.
        let mut writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        writing.retain(|engine| engine.strong_count() > 0);
        let known = writing.iter().filter_map(Weak::upgrade);
        if let Some(engine) = known.into_iter().find(|engine| engine.path == path) {
            // The path may lead to another store by now, while this engine has the removed one open.
            engine.check_there()?;
            return Ok(engine);
        }
        // Before the lock, which is a file beside others already.
        if look_at(&path)? == Found::Nothing && is_unmarked(&path) {
            mark(&path)?;
        }
        let lock = Self::lock(&path)?;
        let role = Role::Writes { _lock: lock };
        let opened = DB::open_cf_descriptors(&columns::options(), &path, columns::descriptors());
        let db = opened.map_err(|error| failed("open the store")(error).at(&path))?;
        let engine = Self::of(db, path, role);
        engine.settle().map_err(|error| error.at(&engine.path))?;
        let engine = Arc::new(engine);
        writing.push(Arc::downgrade(&engine));
        Ok(engine)
    }

    /// Waits a while for whoever else writes the store: a tap is done soon, and a process that ends as well.
    fn lock(path: &Path) -> Result<RecorderLock, StoreError> {
        // A lock of ours, taken before the engine's own: the refusal of that one can be distinguished from other
        // failures by its text alone.
        let end = Instant::now() + PATIENCE;
        loop {
            match RecorderLock::acquire(&lock_of(path)) {
                Err(error) if error.kind == StoreErrorKind::InUse && Instant::now() < end => {
                    std::thread::sleep(INTERVAL);
                }
                Err(error) => {
                    let hint = "only one process writes a RocksDB store at a time: stop the other, or record into a store of its own";
                    return Err(error.at(path).hint(hint));
                }
                Ok(lock) => return Ok(lock),
            }
        }
    }

    /// The engine that reads a store: the one that writes it, where that is in this process.
    pub(crate) fn reading(path: &Path) -> Result<Arc<Self>, StoreError> {
        if look_at(path)? == Found::Nothing {
            return Err(missing(path));
        }
        let path = fs::canonicalize(path).map_err(|error| inaccessible(path, error))?;
        let writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let known = writing.iter().filter_map(Weak::upgrade);
        if let Some(engine) = known.into_iter().find(|engine| engine.path == path) {
            return Ok(engine);
        }
        // A secondary can take long to open, and nothing of a writer is needed for it.
        drop(writing);
        Self::following(path).map(Arc::new)
    }

    /// An engine that follows whoever writes, if anybody does.
    pub(crate) fn following(path: PathBuf) -> Result<Self, StoreError> {
        // The engine wants a directory for its own log, and a reader may have no right to write beside the store.
        let scratch =
            tempfile::tempdir().map_err(|error| inaccessible(&std::env::temp_dir(), error))?;
        let opened = DB::open_cf_descriptors_as_secondary(
            &columns::options(),
            path.as_path(),
            scratch.path(),
            columns::descriptors(),
        );
        // A secondary takes no lock: it may be opened while another process writes, and reads what that one has
        // synced.
        let db = opened.map_err(|error| failed("open the store")(error).at(&path))?;
        Ok(Self::of(db, path, Role::Follows { _scratch: scratch }))
    }

    fn of(db: DB, path: PathBuf, role: Role) -> Self {
        Self {
            db,
            marker: identity_of_marker(&path),
            path,
            role,
            memory: Mutex::new(Memory::default()),
            recorder: Mutex::new(false),
        }
    }

    /// Gives a new store its state, and refuses one that is newer.
    fn settle(&self) -> Result<(), StoreError> {
        let view = View::new(&self.db, None)?;
        // Read in any case: a store that a later version wrote is refused here, before anything is written.
        if State::read(&view)?.is_some() {
            return Ok(());
        }
        let (state, key) = (State::new(), State::key());
        let mut batch = WriteBatch::default();
        let record = crate::codec::seal(key.as_ref(), &state)?;
        batch.put_cf(view.column(Column::Meta), &key, record);
        self.write(batch)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path that locks and leases of writers are named by.
    pub(crate) fn lock_path(&self) -> PathBuf {
        lock_of(&self.path)
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        // What a thread that panicked has left may be half of something: it is read again.
        self.memory.lock().unwrap_or_else(|poisoned| {
            let mut memory = poisoned.into_inner();
            memory.clear();
            memory
        })
    }

    /// The store as it is now.
    pub(crate) fn view(&self) -> Result<View<'_>, StoreError> {
        match self.role {
            // Others of this process write while it is read; an answer of several steps must be of one moment.
            Role::Writes { .. } => View::new(&self.db, Some(self.db.snapshot())),
            Role::Follows { .. } => {
                self.catch_up()?;
                View::new(&self.db, None)
            }
        }
    }

    /// The store as its only writer sees it.
    pub(crate) fn own_view(&self) -> Result<View<'_>, StoreError> {
        View::new(&self.db, None)
    }

    fn catch_up(&self) -> Result<(), StoreError> {
        let mut tries = 0;
        loop {
            // A log that is removed while it is read is no damage: the next look finds the tables made of it.
            match self.db.try_catch_up_with_primary() {
                Err(_) if tries < 3 => tries += 1,
                done => return done.map_err(failed("follow the writer of the store")),
            }
        }
    }

    /// Commits a batch, durably.
    pub(crate) fn write(&self, batch: WriteBatch) -> Result<(), StoreError> {
        let mut options = WriteOptions::default();
        // A checkpoint is in the same batch: a source is never read from behind what a failure of the machine has
        // taken.
        options.set_sync(true);
        let written = self.db.write_opt(batch, &options);
        written.map_err(failed("write into the store"))
    }

    /// Checks that the store is still at its place: what goes into files without a name is lost with them.
    pub(crate) fn check_there(&self) -> Result<(), StoreError> {
        if identity_of_marker(&self.path) == self.marker {
            return Ok(());
        }
        Err(replaced().at(&self.path))
    }

    /// Writes out what is in memory and in the log alone.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let view = self.own_view()?;
        let mut options = FlushOptions::default();
        // Whoever asks goes on only when it is done: a directory that is copied or left right after must be whole.
        options.set_wait(true);
        // All at once: a log is removed only when no column family needs it any more.
        let columns = Column::ALL.map(|column| view.column(column));
        let columns: Vec<_> = columns.iter().collect();
        self.db
            .flush_cfs_opt(&columns, &options)
            .map_err(failed("write out the store"))
    }

    /// The same, where there is much of it.
    pub(crate) fn flush_if_long(&self) -> Result<(), StoreError> {
        if sizes(&self.path).1 < LONG_LOG_BYTES {
            return Ok(());
        }
        self.flush()
    }

    /// Writes the store anew, without what was removed.
    pub(crate) fn compact(&self) -> Result<(), StoreError> {
        self.flush()?;
        let view = self.own_view()?;
        let mut options = rocksdb::CompactOptions::default();
        // Else what was removed long ago stays where nothing above it has changed.
        options.set_bottommost_level_compaction(rocksdb::BottommostLevelCompaction::Force);
        for column in Column::ALL {
            self.db.compact_range_cf_opt(
                view.column(column),
                None::<&[u8]>,
                None::<&[u8]>,
                &options,
            );
        }
        Ok(())
    }

    /// A copy of the store as it is, in a directory that is not there yet.
    pub(crate) fn copy_to(&self, to: &Path) -> Result<(), StoreError> {
        let failed = failed("copy the store");
        let checkpoint = rocksdb::checkpoint::Checkpoint::new(&self.db).map_err(&failed)?;
        checkpoint.create_checkpoint(to).map_err(&failed)?;
        // Last, so that a copy that was cut off does not count as a store, and nothing opens half of one.
        mark(to)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // What the log holds would be read again by everybody who opens the store.
        if matches!(self.role, Role::Writes { .. }) {
            // A failure loses nothing: all of it stands in the log.
            let _ = self.flush();
        }
    }
}

fn lock_of(path: &Path) -> PathBuf {
    // Within the directory, so that it goes with it; it has no name that the engine gives its files.
    path.join("mcpr")
}

/// Bytes of a store's tables with all that belongs to them, and of its log.
pub(crate) fn sizes(path: &Path) -> (u64, u64) {
    let (mut tables, mut log) = (0, 0);
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let length = entry.metadata().map_or(0, |metadata| metadata.len());
        let is_log = entry.path().extension().is_some_and(|it| it == "log");
        // A file that is removed between the listing and this counts as nothing.
        *(if is_log { &mut log } else { &mut tables }) += length;
    }
    (tables, log)
}
