//! The index of a store's write-ahead log (`-shm`), which SQLite maps into memory.
//!
//! Where another program cuts that file, the next access to what is gone raises SIGBUS. So its length is checked
//! before SQLite looks into it, and an error says what happened. What is cut between the check and the access is
//! left to the program's handler of signals.

use super::file::sibling;
use mcpr_store::{StoreError, StoreErrorKind};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The index of an open store, and how long it was at least. Clones know of each other's looks.
#[derive(Debug, Clone)]
pub(super) struct LogIndex {
    main: PathBuf,
    index: PathBuf,
    least: Arc<AtomicU64>,
}

impl LogIndex {
    /// The index of a store that was opened just now.
    pub(super) fn of(main: &Path) -> Self {
        let index = Self {
            main: main.to_owned(),
            index: sibling(main, "-shm"),
            least: Arc::default(),
        };
        index.note();
        index
    }

    /// By its path and never opened: a descriptor of ours, once closed, would drop SQLite's locks.
    fn len(&self) -> Option<u64> {
        fs::metadata(&self.index)
            .ok()
            .map(|metadata| metadata.len())
    }

    /// Remembers how long it has become. It only ever grows while it is open.
    pub(super) fn note(&self) {
        if let Some(len) = self.len() {
            self.least.fetch_max(len, Ordering::Relaxed);
        }
    }

    /// Checks that it was not cut; to be called before SQLite looks into it.
    ///
    /// # Errors
    /// [`StoreErrorKind::Corrupt`] when it was.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        // Who opened a store without a log has not mapped its index: that of a later writer is not its own.
        if self.least.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        // One that was removed is still there for those who have it open.
        let Some(len) = self.len() else { return Ok(()) };
        let least = self.least.fetch_max(len, Ordering::Relaxed);
        if len >= least {
            return Ok(());
        }
        let message = format!(
            "the index of the store's log was cut from {least} to {len} bytes while it was open"
        );
        Err(StoreError::new(StoreErrorKind::Corrupt, message)
            .at(&self.main)
            .hint(
                "what was committed is safe in the store and its log: start again, and keep other programs \
                 away from the store's files",
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{batch, request};
    use crate::{SqliteStore, open_reader, verify};
    use mcpr_store::{Depth, Writer};

    #[test]
    fn an_index_that_is_cut_beside_a_writer_and_a_reader_ends_neither_without_a_word() {
        for len in [0, 4096, 30_000] {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("store.db");
            let mut store = SqliteStore::open(&path).expect("a new store");
            store
                .append(&batch(1, vec![request("a", 1)]))
                .expect("append");
            let reader = open_reader(&path).expect("a reader");
            reader.head().expect("a head");
            let index = sibling(&path, "-shm");
            let file = fs::OpenOptions::new().write(true).open(&index);
            file.and_then(|file| file.set_len(len)).expect("cut");
            let written = store.append(&batch(2, vec![request("b", 2)])).map(drop);
            let read = reader.head().map(drop);
            let idle = store.idle();
            for outcome in [written, read, idle] {
                let error = outcome.expect_err("a cut index");
                assert_eq!(error.kind, StoreErrorKind::Corrupt, "{len}: {error}");
                assert!(error.to_string().contains("was cut"), "{len}: {error}");
            }
            drop(reader);
            drop(store);
            let reader = open_reader(&path).expect("what was committed is there");
            assert_eq!(reader.head().expect("a head").cursor.to_seq(), 1);
            let found = verify(&path, Depth::Full).expect("a store");
            assert_eq!(found.problems, [""; 0]);
        }
    }
}
