//! The care of a store: what is removed, how much of it there is, how much room it takes.

use super::census;
use super::errors::failed;
use super::migrate::empty_bytes;
use super::payloads;
use super::remove::{self, AfterRemoval};
use super::rename;
use super::sources::checkpoints;
use super::sweep::{self, Sweep};
use super::whole;
use super::writer::SqliteStore;
use mcpr_model::{Checkpoint, FileIdentity};
use mcpr_store::query::SessionKey;
use mcpr_store::{Admin, Class, Oldest, Renamed, Retention, StoreError, uncounted};
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;

/// How long the store is left to others between two slices of what shrinks it.
const SLICE_PAUSE: Duration = Duration::from_millis(5);
/// Most free pages that a vacuum gives back in one transaction,
pub(super) const SHRINK_PAGES: i64 = 2000;
/// and that a recorder does between two batches, which wait for it.
const SHRINK_PAGES_BESIDE: i64 = 500;

impl SqliteStore {
    /// Takes one slice of what a sweep removes; `None` when nothing is left.
    fn slice(&mut self, sweep: &mut Sweep) -> Result<Option<u64>, StoreError> {
        self.check_files()?;
        // A batch that waits must not wait for the disk as well. What comes back with a power cut goes again; the
        // next batch's sync takes the rest along, and a checkpoint syncs before it copies.
        self.sync_each_commit(false)?;
        let slice = sweep.slice(&mut self.connection);
        let synced = self.sync_each_commit(true);
        // What was remembered may be gone.
        self.memory.clear();
        synced?;
        let slice = slice
            .map_err(failed("vacuum the store"))
            .map_err(|error| error.at(&self.path))?;
        // The rows are gone by now: a checkpoint that fails is tried again after the next slice.
        let _ = self.checkpoint_beside();
        Ok(slice)
    }

    /// Whether a commit waits until the disk has it.
    fn sync_each_commit(&self, is_on: bool) -> Result<(), StoreError> {
        let level = if is_on { "FULL" } else { "NORMAL" };
        let set = self.connection.pragma_update(None, "synchronous", level);
        self.named("set up the store", set)
    }

    fn removed(&mut self, result: Result<u64, StoreError>) -> Result<u64, StoreError> {
        self.memory.clear();
        result.map_err(|error| error.at(&self.path))
    }

    fn named<T>(&self, doing: &str, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result
            .map_err(failed(doing))
            .map_err(|error| error.at(&self.path))
    }
}

impl Admin for SqliteStore {
    fn delete_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        self.check_files()?;
        let result = remove::session(&mut self.connection, session, AfterRemoval::Nothing);
        let removed = self.removed(result)?;
        // What was stored in it also stands in the log. A reader in the way: the next time will do.
        let _ = self.empty_log_now();
        Ok(removed)
    }

    fn summarize_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        self.check_files()?;
        let result = remove::session(&mut self.connection, session, AfterRemoval::Counters);
        let removed = self.removed(result)?;
        let _ = self.empty_log_now();
        Ok(removed)
    }

    fn rename_proxy(&mut self, old: &str, new: &str) -> Result<Option<Renamed>, StoreError> {
        self.check_files()?;
        let renamed = rename::proxy(&mut self.connection, old, new);
        self.memory.clear();
        let renamed = renamed.map_err(|error| error.into_error().at(&self.path))?;
        // What it wrote is in the log. A reader in the way: the next time will do.
        let _ = self.checkpoint_if_grown();
        Ok(renamed)
    }

    fn begin_sweep(&mut self, what: &Retention) {
        self.sweep = Some(Sweep::of(what));
    }

    fn sweep_slice(&mut self) -> Result<Option<u64>, StoreError> {
        let Some(mut sweep) = self.sweep.take() else {
            return Ok(None);
        };
        let rows = self.slice(&mut sweep)?;
        if rows.is_some() {
            self.sweep = Some(sweep);
        }
        Ok(rows)
    }

    fn count_of(&self, what: &Retention) -> Result<u64, StoreError> {
        let count = match what.class {
            Class::Requests => sweep::count_of(&self.connection, what),
            Class::Payloads => payloads::count_of(&self.connection, what),
            // What goes of these depends on what went before it: only removing them shows that.
            Class::Sums | Class::Surfaces | Class::Names => return Err(uncounted(what.class)),
        };
        self.named("count what is old", count)
    }

    fn time_after_oldest(
        &self,
        proxy: Option<&str>,
        requests: u64,
    ) -> Result<Option<i64>, StoreError> {
        let time = sweep::time_after_oldest(&self.connection, proxy, requests);
        self.named("look for old requests", time)
    }

    fn oldest(
        &self,
        class: Class,
        proxy: Option<&str>,
        bytes: u64,
    ) -> Result<Option<Oldest>, StoreError> {
        let oldest = match class {
            Class::Payloads => payloads::oldest(&self.connection, proxy, bytes),
            Class::Surfaces => sweep::oldest_versions(&self.connection, proxy, bytes),
            // Many of their rows share a page: what one of them takes cannot be determined.
            Class::Requests | Class::Sums | Class::Names => {
                let message = "only payloads and versions of lists are known by their size";
                return Err(StoreError::unsupported(message).at(&self.path));
            }
        };
        self.named("look for what is oldest", oldest)
    }

    fn forget_files(
        &mut self,
        before: i64,
        is_gone: &mut dyn FnMut(&Checkpoint) -> bool,
    ) -> Result<u64, StoreError> {
        let forgotten = forget_files(&self.connection, before, is_gone);
        self.named("forget files", forgotten)
    }

    fn shrink(&mut self) -> Result<(), StoreError> {
        self.check_files()?;
        while self.named(
            "shrink the store",
            shrink_slice(&self.connection, SHRINK_PAGES),
        )? {
            let _ = self.checkpoint_if_grown();
            std::thread::sleep(SLICE_PAUSE);
        }
        // A reader in the way only means that the file shrinks later.
        let _ = self.empty_log_now();
        Ok(())
    }

    fn backup(&mut self, to: &Path) -> Result<(), StoreError> {
        self.check_files()?;
        whole::copy(&self.connection, to).map_err(|error| error.at(&self.path))
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.check_files()?;
        self.named("write the store anew", whole::rewrite(&self.connection))?;
        // All of it went through the log: a reader in the way only means that the log shrinks later.
        let _ = self.empty_log_now();
        Ok(())
    }

    fn shrink_slice(&mut self) -> Result<bool, StoreError> {
        let given_back = shrink_slice(&self.connection, SHRINK_PAGES_BESIDE);
        let more = self.named("shrink the store", given_back)?;
        let _ = self.checkpoint_beside();
        Ok(more)
    }

    fn free_bytes(&self) -> Result<u64, StoreError> {
        let pragma = |name| {
            self.connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };
        let free =
            || -> rusqlite::Result<i64> { Ok(pragma("freelist_count")? * pragma("page_size")?) };
        self.named("measure the store", free())
            .map(i64::cast_unsigned)
    }

    fn used_bytes(&self) -> Result<u64, StoreError> {
        let pragma = |name| {
            self.connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };
        let used = || -> rusqlite::Result<i64> {
            // Free pages are not counted: a retention by size would otherwise remove more and more
            // for nothing.
            Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
        };
        self.named("measure the store", used())
            .map(i64::cast_unsigned)
    }

    fn empty_bytes(&self) -> Result<u64, StoreError> {
        self.named("measure an empty store", empty_bytes())
    }
}

/// Gives back at most so many free pages in one transaction; says whether there are more.
pub(super) fn shrink_slice(connection: &Connection, pages: i64) -> rusqlite::Result<bool> {
    let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    // Not asked for where nothing is free: the statement would still be a transaction.
    let before = free()?;
    if before > 0 {
        // One step of the statement frees one page, and its end is the end of the transaction.
        let sql = format!("PRAGMA incremental_vacuum({pages})");
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    let after = free()?;
    // A store that was made without `auto_vacuum` gives nothing back: then there is no end to ask
    // for.
    Ok(after > 0 && after < before)
}

fn forget_files(
    connection: &Connection,
    before: i64,
    is_gone: &mut dyn FnMut(&Checkpoint) -> bool,
) -> rusqlite::Result<u64> {
    let mut is_old = connection.prepare_cached(
        "SELECT 1 FROM checkpoints WHERE device = ?1 AND inode = ?2 AND seen_at < ?3",
    )?;
    // Looked at again while it is removed: the file may have moved on meanwhile.
    let mut delete = connection.prepare_cached(
        "DELETE FROM checkpoints WHERE device = ?1 AND inode = ?2 AND seen_at < ?3",
    )?;
    let mut forgotten = 0;
    for checkpoint in checkpoints(connection, None, usize::MAX)? {
        let FileIdentity { device, inode } = checkpoint.identity;
        let values = [device.cast_signed(), inode.cast_signed(), before];
        // The store is asked first: `is_gone` looks at the disk.
        if is_old.exists(values)? && is_gone(&checkpoint) {
            let tx = connection.unchecked_transaction()?;
            forgotten += delete.execute(values)?;
            census::settle(&tx)?;
            tx.commit()?;
        }
    }
    Ok(forgotten as u64)
}
