//! Copies the write-ahead log into the main file beside the writer, which goes on meanwhile.
//!
//! A checkpoint writes and syncs pages all over the main file. The log starts anew when all of it has
//! been copied and nobody reads it: mostly the thread catches up between two commits. Where it does not,
//! the writer waits for it once the log has grown long.

use super::connect::checkpoint_connection;
use super::log_index::LogIndex;
use rusqlite::Connection;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// A thread with a connection of its own.
#[derive(Debug)]
pub(super) struct Checkpointer {
    connection: Arc<Mutex<Connection>>,
    /// Dropped to end the thread.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How far a checkpoint came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogProgress {
    /// Pages in the log.
    pub(super) pages: i64,
    /// Those of them that are in the main file too.
    pub(super) copied: i64,
}

impl Checkpointer {
    /// Starts the thread; `None` where there can be none, so that the writer does the work itself.
    pub(super) fn start(path: &Path, index: &LogIndex) -> Option<Self> {
        let connection = Arc::new(Mutex::new(checkpoint_connection(path).ok()?));
        // One place is enough: a checkpoint copies all that there is when it begins.
        let (wake, woken) = sync_channel(1);
        let (theirs, index) = (Arc::clone(&connection), index.clone());
        let thread = thread::Builder::new()
            .name("mcpr-checkpoint".to_owned())
            .spawn(move || work(&theirs, &woken, &index))
            .ok()?;
        Some(Self {
            connection,
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// Asks for a checkpoint, soon.
    pub(super) fn ask(&self) {
        if let Some(wake) = &self.wake {
            // Where there is no place, it has been asked already.
            let _ = wake.try_send(());
        }
    }

    /// Keeps the thread from working as long as the guard lives; waits for what it is at.
    pub(super) fn pause(&self) -> MutexGuard<'_, Connection> {
        locked(&self.connection)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        // Before the join: the thread waits for the channel to end.
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has copied less: what is in the log stays there.
            let _ = thread.join();
        }
    }
}

fn locked(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic of the one who had it leaves the connection itself whole.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(connection: &Mutex<Connection>, woken: &Receiver<()>, index: &LogIndex) {
    while woken.recv().is_ok() {
        let mut before = None;
        loop {
            // A checkpoint that fails is tried again when it is asked for again.
            // Locked for one round only, so that a writer who wants to pause the thread waits for
            // no more than that.
            let connection = locked(connection);
            // The writer reports an index that was cut; here it must not end the process.
            if index.check().is_err() {
                break;
            }
            let Ok(progress) = checkpoint(&connection, "PASSIVE") else {
                break;
            };
            drop(connection);
            // A reader in the way, another checkpoint, or nothing left.
            if progress.copied >= progress.pages || before == Some(progress) {
                break;
            }
            // The writer may have added pages meanwhile, so there is another round.
            before = Some(progress);
        }
    }
}

/// Runs a checkpoint.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<LogProgress> {
    connection
        .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
        .query_row([], |row| {
            Ok(LogProgress {
                pages: row.get(1)?,
                copied: row.get(2)?,
            })
        })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{batch, request};
    use crate::file::sibling;
    use crate::writer::LONG_LOG_PAGES;
    use crate::{SqliteStore, verify};
    use mcpr_store::{Depth, Writer};
    use std::fs;

    /// A page in the log, with its header.
    const LOGGED_PAGE: u64 = 4096 + 24;

    #[test]
    fn the_log_stays_short_beside_a_writer_that_never_rests() {
        const BATCHES: i64 = 60;
        const REQUESTS: i64 = 100;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let mut store = SqliteStore::open(&path).expect("a new store");
        let mut written = 0;
        for number in 0..BATCHES {
            let requests = (0..REQUESTS).map(|at| {
                let id = number * REQUESTS + at;
                let mut request = request(&id.to_string(), id);
                // Three pages each.
                request.outcome.error_msg = Some("x".repeat(12_000).as_str().into());
                request
            });
            store
                .append(&batch(number, requests.collect()))
                .expect("append");
            let log = fs::metadata(sibling(&path, "-wal")).expect("a log");
            let most = u64::try_from(LONG_LOG_PAGES + 4 * REQUESTS).expect("a length");
            assert!(log.len() <= most * LOGGED_PAGE, "{number}: {}", log.len());
            written += 3 * REQUESTS;
        }
        assert!(written > LONG_LOG_PAGES, "the log would have grown longer");
        assert!(store.checkpointer.is_some());
        drop(store);
        assert!(!sibling(&path, "-wal").exists());
        let found = verify(&path, Depth::Full).expect("a store");
        assert_eq!(found.problems, [""; 0]);
    }
}
