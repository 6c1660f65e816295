//! Whether the files of an open store are still those that were opened, and whole.
//!
//! SQLite does not notice when its log is removed, or when a file is cut: what is committed then goes
//! into a file without a name, or beside pages that are gone. So the three files are looked at before
//! and after each commit.

use super::checkpointer::{LogProgress, checkpoint};
use super::connect::connect_reader;
use super::errors::failed;
use super::file::{file_identity, sibling};
use super::log_index::LogIndex;
use mcpr_model::FileIdentity;
use mcpr_store::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes before the first frame of a log, and before each page in it.
const LOG_HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;
/// How often a log that looks cut is looked at: another process may just have emptied it.
const LOOKS: usize = 3;

/// The files of an open store as they were seen last.
#[derive(Debug)]
pub(super) struct StoreFiles {
    main: PathBuf,
    /// The main file, its log and the log's index; `None` where there was none when it was opened.
    identities: [Option<FileIdentity>; 3],
    /// How long the main file was at least.
    len: u64,
    page_bytes: u64,
    index: LogIndex,
}

/// What the files are called, in the order of [`StoreFiles::identities`].
const NAMES: [&str; 3] = [
    "store",
    "store's write-ahead log",
    "index of the store's log",
];
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

impl StoreFiles {
    /// Remembers the files of a store that was opened just now.
    pub(super) fn of(connection: &Connection, path: &Path) -> Result<Self, StoreError> {
        // A log and its index are there from the first read on.
        let read = || -> rusqlite::Result<u64> {
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            number(connection, "page_size")
        };
        let page_bytes = read().map_err(failed("open the store"))?;
        let mut files = Self {
            main: path.to_owned(),
            identities: [None; 3],
            len: 0,
            page_bytes,
            // After the first read, which has made it.
            index: LogIndex::of(path),
        };
        files.identities = files.now();
        files.len = files.main_len();
        Ok(files)
    }

    fn now(&self) -> [Option<FileIdentity>; 3] {
        SUFFIXES.map(|suffix| file_identity(&sibling(&self.main, suffix)))
    }

    fn main_len(&self) -> u64 {
        // By its path and never opened: a descriptor of ours, once closed, would drop SQLite's
        // locks.
        fs::metadata(&self.main).map_or(0, |metadata| metadata.len())
    }

    /// The index of the log, for whoever looks into it beside the writer.
    pub(super) fn index(&self) -> &LogIndex {
        &self.index
    }

    /// Checks that each file is still the one that was opened.
    ///
    /// # Errors
    /// [`StoreErrorKind::Gone`] when one was removed or replaced.
    pub(super) fn check_there(&self) -> Result<(), StoreError> {
        let changed = (self.identities.iter().zip(self.now()).zip(NAMES))
            // What was not there at first was made by SQLite since: that is not a fault.
            .find(|((was, is), _)| was.is_some() && **was != *is);
        let Some(((_, is), name)) = changed else {
            return Ok(());
        };
        let what = if is.is_some() { "replaced" } else { "removed" };
        let message = format!("the {name} was {what} while it was open");
        let hint = if name == NAMES[0] {
            "start again: what files hold is read again into a new store"
        } else {
            "what was recorded last is lost, and the store may be damaged: look with `mcpr store verify`, \
             move a damaged one away, and start again"
        };
        Err(StoreError::new(StoreErrorKind::Gone, message)
            .at(&self.main)
            .hint(hint))
    }

    /// Checks that each file is there and as long as it must be; to be called where no transaction is
    /// open, before anything is written that could hide it.
    ///
    /// # Errors
    /// As [`StoreFiles::check_there`], and [`StoreErrorKind::Corrupt`] when one was cut.
    pub(super) fn check(&mut self, connection: &Connection) -> Result<(), StoreError> {
        // First, for lengths of files that are not ours any more would say nothing.
        self.check_there()?;
        // Then the index: asking SQLite for the length of its log looks into it.
        self.index.check()?;
        self.check_log(connection)?;
        self.check_len(connection)
    }

    fn check_log(&self, connection: &Connection) -> Result<(), StoreError> {
        let log = sibling(&self.main, SUFFIXES[1]);
        for _ in 0..LOOKS {
            // SQLite says -1 where there is no log at all.
            let frames = self.progress(connection)?.pages.max(0).unsigned_abs();
            let len = fs::metadata(&log).map_or(0, |metadata| metadata.len());
            let frame = self.page_bytes.saturating_add(FRAME_HEADER_BYTES);
            // Longer is not a fault: a log that starts anew keeps the length it had.
            if frames == 0 || len >= LOG_HEADER_BYTES.saturating_add(frames.saturating_mul(frame)) {
                return Ok(());
            }
        }
        Err(self.cut("the store's write-ahead log was cut while it was open"))
    }

    fn check_len(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let len = self.main_len();
        // Each commit asks: only a file that got shorter is looked at any further.
        if len < self.len && self.lacks_pages(connection, len)? {
            let was = self.len;
            return Err(self.cut(&format!(
                "the store was cut from {was} to {len} bytes while it was open"
            )));
        }
        self.len = len;
        Ok(())
    }

    /// Whether a file that is shorter than before lacks pages. A vacuum makes it shorter, too; and
    /// pages that are only in the log have not made it longer yet.
    fn lacks_pages(&self, connection: &Connection, len: u64) -> Result<bool, StoreError> {
        let pages = number(connection, "page_count").map_err(failed("measure the store"))?;
        // A vacuum gave pages back: the file is as long as its header says.
        if pages.saturating_mul(self.page_bytes) <= len {
            return Ok(false);
        }
        let progress = self.progress(connection)?;
        // Nothing waits in the log that could make up for the pages that are not in the file.
        if len < self.page_bytes || progress.copied >= progress.pages {
            return Ok(true);
        }
        // What this connection has in its own memory would hide the damage.
        let is_whole = connect_reader(&self.main).and_then(|(fresh, _)| {
            // One fault is enough to know.
            fresh.query_row("PRAGMA quick_check(1)", [], |row| {
                Ok(row.get_ref(0)?.as_str()? == "ok")
            })
        });
        // A file that cannot even be opened anew is taken to be cut.
        Ok(!is_whole.unwrap_or(false))
    }

    fn progress(&self, connection: &Connection) -> Result<LogProgress, StoreError> {
        checkpoint(connection, "NOOP")
            .map_err(failed("measure the write-ahead log"))
            .map_err(|error| error.at(&self.main))
    }

    fn cut(&self, message: &str) -> StoreError {
        StoreError::new(StoreErrorKind::Corrupt, message)
            .at(&self.main)
            .hint(
                "it is damaged: move it away and start again; what files hold is read again into a \
                 new store",
            )
    }
}

fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<u64> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{batch, request};
    use crate::{SqliteStore, verify};
    use mcpr_store::{Admin, Depth, Retention, Writer};
    use std::fs::OpenOptions;

    fn filled(path: &Path) -> SqliteStore {
        let mut store = SqliteStore::open(path).expect("a new store");
        for number in 0..3 {
            let requests =
                (0..500).map(|at| request(&format!("{number}-{at}"), number * 1000 + at));
            store
                .append(&batch(number, requests.collect()))
                .expect("append");
        }
        store
    }

    fn cut(path: &Path, len: u64) {
        let file = OpenOptions::new().write(true).open(path).expect("a file");
        file.set_len(len).expect("shorter");
    }

    #[test]
    fn a_log_that_is_removed_beside_a_writer_is_noticed_at_the_next_commit() {
        for suffix in ["-wal", "-shm"] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("store.db");
            let mut store = filled(&path);
            fs::remove_file(sibling(&path, suffix)).expect("removed");
            let error = store
                .append(&batch(9, vec![request("last", 1)]))
                .expect_err(suffix);
            assert_eq!(error.kind, StoreErrorKind::Gone, "{error}");
            assert!(error.to_string().contains("removed"), "{error}");
            let error = store.idle().expect_err("still removed");
            assert_eq!(error.kind, StoreErrorKind::Gone, "{error}");
        }
    }

    #[test]
    fn a_file_that_is_cut_beside_a_writer_is_noticed_at_the_next_commit() {
        for (suffix, len) in [
            ("", 0),
            ("", 4096),
            ("", 20_000),
            ("-wal", 0),
            ("-wal", 5000),
        ] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("store.db");
            let mut store = filled(&path);
            if suffix.is_empty() {
                store.idle().expect("all of it in the main file");
            }
            cut(&sibling(&path, suffix), len);
            let error = store
                .append(&batch(9, vec![request("last", 1)]))
                .expect_err(suffix);
            assert_eq!(
                error.kind,
                StoreErrorKind::Corrupt,
                "{suffix} {len}: {error}"
            );
            assert!(error.to_string().contains("cut"), "{suffix} {len}: {error}");
            store.idle().expect_err("nothing is copied into it");
        }
    }

    #[test]
    fn a_trigger_or_view_that_is_added_beside_a_writer_is_refused_before_a_row_is_written() {
        for strange in [
            "CREATE TRIGGER t AFTER INSERT ON requests BEGIN DELETE FROM requests; END",
            "CREATE VIEW v AS SELECT 1",
        ] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("store.db");
            let mut store = filled(&path);
            let other = Connection::open(&path).expect("the same file");
            let rows = || -> i64 {
                let count = "SELECT count(*) FROM requests";
                other.query_row(count, [], |row| row.get(0)).expect("rows")
            };
            let before = rows();
            other.execute_batch(strange).expect("added");
            for number in [9, 10] {
                let error = store
                    .append(&batch(number, vec![request("last", 1)]))
                    .expect_err(strange);
                assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
            }
            assert_eq!(rows(), before, "{strange}");
        }
    }

    #[test]
    fn statistics_of_the_planner_beside_a_writer_are_no_fault() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let mut store = filled(&path);
        let other = Connection::open(&path).expect("the same file");
        other.execute_batch("ANALYZE").expect("analyzed");
        store
            .append(&batch(9, vec![request("last", 1)]))
            .expect("append");
    }

    #[test]
    fn a_store_that_another_writer_vacuums_is_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let mut store = filled(&path);
        store.idle().expect("all of it in the main file");
        store
            .append(&batch(3, vec![request("x", 1)]))
            .expect("append");
        let before = fs::metadata(&path).expect("a file").len();
        {
            let mut other = SqliteStore::open(&path).expect("the same store");
            other
                .vacuum(&Retention::before(2000), &mut |_| {})
                .expect("vacuum");
            other.shrink().expect("shrink");
        }
        assert!(fs::metadata(&path).expect("a file").len() < before);
        for number in 4..30 {
            let requests =
                (0..100).map(|at| request(&format!("{number}-{at}"), number * 1000 + at));
            store
                .append(&batch(number, requests.collect()))
                .expect("append");
        }
        drop(store);
        let found = verify(&path, Depth::Full).expect("a store");
        assert_eq!(found.problems, [""; 0]);
    }
}
