//! The care of a store: what is removed, how much of it there is, how much room it takes.

use crate::sweep::{self, SweepProgress};
use crate::txn::{self, Txn};
use crate::writer::RocksdbStore;
use crate::{flight, rename, runs, sources};
use mcpr_model::Checkpoint;
use mcpr_store::query::SessionKey;
use mcpr_store::{Admin, Class, Oldest, Renamed, Retention, StoreError};
use std::path::Path;

/// What becomes of a session whose requests are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeptOfSession {
    Nothing,
    Counters,
}

impl RocksdbStore {
    fn care<T>(
        &self,
        work: impl FnOnce(&mut Txn<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        txn::care(&*self.engine()?, work)
    }

    fn remove_session(
        &mut self,
        session: &SessionKey,
        keep: KeptOfSession,
    ) -> Result<u64, StoreError> {
        self.care(|txn| {
            // One that is not there was removed before, or never was: both are what was asked for.
            let number = txn
                .sessions
                .number(&txn.view, &session.proxy, &session.id)?;
            let Some(number) = number else { return Ok(0) };
            let removed = txn.remove_rows_of(number)?;
            // A summary keeps what the session waits for.
            if keep == KeptOfSession::Nothing {
                flight::forget_session(txn, session)?;
                runs::forget(txn, number)?;
                // After its rows, which are found by its number.
                txn.sessions.remove(&mut txn.state, number);
            }
            Ok(removed)
        })
    }

    fn slice(&mut self, sweep: &mut SweepProgress) -> Result<Option<u64>, StoreError> {
        self.care(|txn| sweep.slice(txn))
    }

    fn unmeasured(&self) -> StoreError {
        let message =
            "how much of a RocksDB store holds something is known once its tables are written anew";
        StoreError::unsupported(message)
            .at(self.path())
            .hint("keep it small by age: --keep and --keep-payloads")
    }
}

impl Admin for RocksdbStore {
    fn delete_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        self.remove_session(session, KeptOfSession::Nothing)
    }

    fn summarize_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        self.remove_session(session, KeptOfSession::Counters)
    }

    fn rename_proxy(&mut self, old: &str, new: &str) -> Result<Option<Renamed>, StoreError> {
        self.care(|txn| rename::proxy(txn, old, new))
    }

    fn vacuum(
        &mut self,
        what: &Retention,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<u64, StoreError> {
        let mut sweep = SweepProgress::of(what);
        let mut removed = 0;
        // Between two slices others of this process get their turn.
        while let Some(rows) = self.slice(&mut sweep)? {
            removed += rows;
            on_progress(removed);
        }
        Ok(removed)
    }

    fn begin_sweep(&mut self, what: &Retention) {
        self.sweep = Some(SweepProgress::of(what));
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
        // Of one moment, while recording goes on beside it.
        sweep::count_of(&self.engine()?.view()?, what)
    }

    fn time_after_oldest(
        &self,
        proxy: Option<&str>,
        requests: u64,
    ) -> Result<Option<i64>, StoreError> {
        sweep::time_after_oldest(&self.engine()?.view()?, proxy, requests)
    }

    fn oldest(
        &self,
        class: Class,
        proxy: Option<&str>,
        bytes: u64,
    ) -> Result<Option<Oldest>, StoreError> {
        if class != Class::Payloads {
            return Err(StoreError::unsupported(
                "only payloads are known by their size",
            ));
        }
        sweep::oldest_payloads(&self.engine()?.view()?, proxy, bytes)
    }

    fn forget_files(
        &mut self,
        before: i64,
        is_gone: &mut dyn FnMut(&Checkpoint) -> bool,
    ) -> Result<u64, StoreError> {
        self.care(|txn| {
            let mut forgotten = 0;
            for kept in sources::checkpoints(&txn.view, None, usize::MAX)? {
                // The store is asked first: `is_gone` looks at the disk.
                if kept.seen_at < before && is_gone(&kept.checkpoint) {
                    sources::forget(&txn.view, &mut txn.batch, &kept.checkpoint);
                    forgotten += 1;
                }
            }
            Ok(forgotten)
        })
    }

    /// The engine gives room back as it writes its tables anew, by itself.
    fn shrink(&mut self) -> Result<(), StoreError> {
        // What waits in memory stands in the log as well, and takes its room until it is written out.
        self.engine()?.flush()
    }

    fn backup(&mut self, to: &Path) -> Result<(), StoreError> {
        // The engine would say that its checkpoint cannot be made, and not why.
        if to.exists() {
            let error = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(mcpr_store::files::place::inaccessible(to, error));
        }
        self.engine()?.copy_to(to)
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.engine()?.compact()
    }

    fn shrink_slice(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn free_bytes(&self) -> Result<u64, StoreError> {
        Err(self.unmeasured())
    }

    fn used_bytes(&self) -> Result<u64, StoreError> {
        Err(self.unmeasured())
    }

    fn empty_bytes(&self) -> Result<u64, StoreError> {
        Err(self.unmeasured())
    }
}
