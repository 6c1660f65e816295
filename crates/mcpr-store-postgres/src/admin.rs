//! The care of a store: what is removed, how much of it there is, how much room it takes.

use crate::db::Db;
use crate::errors::DbFault;
use crate::flight;
use crate::layout::TABLES;
use crate::rename;
use crate::sources;
use crate::sweep::{self, RetentionSweep};
use crate::writer::PostgresStore;
use mcpr_model::{Checkpoint, FileIdentity};
use mcpr_store::query::SessionKey;
use mcpr_store::{Admin, Class, Oldest, Renamed, Retention, StoreError, uncounted};
use std::path::Path;

impl PostgresStore {
    fn remove_session(&mut self, session: &SessionKey, keeps: bool) -> Result<u64, StoreError> {
        self.care("remove a session", |db, row| {
            let found = db.row(
                "SELECT s.id FROM sessions s JOIN proxies p ON p.id = s.proxy
                 WHERE s.session_id = $1 AND p.name = $2",
                &[&session.id.as_bytes(), &session.proxy.as_bytes()],
            )?;
            // One that is not there was removed before, or never was: both are what was asked for.
            let Some(found) = found else { return Ok(0) };
            let id: i64 = found.try_get(0)?;
            // A summary keeps what the session waits for.
            if !keeps {
                flight::forget_session(db, session)?;
            }
            // Before the session itself, by which they are found.
            let removed = sweep::remove_requests(db, "session = $1", &[&id])?;
            row.requests -= removed.cast_signed();
            if !keeps {
                db.execute("DELETE FROM server_runs WHERE session = $1", &[&id])?;
                db.execute("DELETE FROM sessions WHERE id = $1", &[&id])?;
            }
            Ok(removed)
        })
    }

    fn slice(&mut self, sweep: &mut RetentionSweep) -> Result<Option<u64>, StoreError> {
        self.care("vacuum the store", |db, row| sweep.slice(db, row))
    }

    /// Reads something of the store, for who only has a shared reference to it.
    fn look<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&mut Db) -> Result<T, DbFault>,
    ) -> Result<T, StoreError> {
        // A connection of its own: the one that writes is not shared.
        let server = self.server();
        let mut db = server.connect(crate::connect::ConnectionRole::Reader)?;
        work(&mut db).map_err(|fault| fault.at(&server.url, doing))
    }

    fn unmeasured(&self) -> StoreError {
        let message = format!(
            "{}: how much of a database holds something is not known to who uses it",
            self.server().url
        );
        StoreError::unsupported(message)
            .hint("keep it small by age: --keep and --keep-payloads; the server gives room back by itself (autovacuum)")
    }
}

impl Admin for PostgresStore {
    fn delete_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        self.remove_session(session, false)
    }

    fn summarize_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        self.remove_session(session, true)
    }

    fn rename_proxy(&mut self, old: &str, new: &str) -> Result<Option<Renamed>, StoreError> {
        self.care("rename a proxy", |db, _| rename::proxy(db, old, new))
    }

    fn begin_sweep(&mut self, what: &Retention) {
        self.sweep = Some(RetentionSweep::of(what));
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
        match what.class {
            Class::Requests | Class::Payloads => {
                self.look("count what is old", |db| sweep::count_of(db, what))
            }
            // What goes of these depends on what went before it: only removing them shows that.
            Class::Sums | Class::Surfaces | Class::Names => Err(uncounted(what.class)),
        }
    }

    fn time_after_oldest(
        &self,
        proxy: Option<&str>,
        requests: u64,
    ) -> Result<Option<i64>, StoreError> {
        self.look("look for old requests", |db| {
            sweep::time_after_oldest(db, proxy, requests)
        })
    }

    fn oldest(
        &self,
        class: Class,
        proxy: Option<&str>,
        bytes: u64,
    ) -> Result<Option<Oldest>, StoreError> {
        match class {
            Class::Payloads | Class::Surfaces => self.look("look for what is oldest", |db| {
                sweep::oldest(db, class, proxy, bytes)
            }),
            Class::Requests | Class::Sums | Class::Names => {
                let message = "only payloads and versions of lists are known by their size";
                Err(StoreError::unsupported(message))
            }
        }
    }

    fn forget_files(
        &mut self,
        before: i64,
        is_gone: &mut dyn FnMut(&Checkpoint) -> bool,
    ) -> Result<u64, StoreError> {
        // Those of this machine's recorder, and of nobody, alone: whether a file of another machine is gone is not seen from here.
        let recorder = self.recorder_number();
        let known = self.with("forget files", |db| {
            sources::checkpoints(db, Some(recorder), None, usize::MAX)
        })?;
        let mut forgotten = 0;
        // One by one: most of them are still there.
        for checkpoint in known {
            let FileIdentity { device, inode } = checkpoint.identity;
            let (device, inode) = (device.cast_signed(), inode.cast_signed());
            let key = format!(
                "recorder IN ($1, {}) AND device = $2 AND inode = $3 AND seen_at < $4",
                sources::NOBODY
            );
            let sql = format!("SELECT count(*) FROM checkpoints WHERE {key}");
            let old = self.with("forget files", |db| {
                db.number(&sql, &[&recorder, &device, &inode, &before])
            })?;
            // The store is asked first: `is_gone` looks at the disk.
            if old > 0 && is_gone(&checkpoint) {
                let sql = format!("DELETE FROM checkpoints WHERE {key}");
                forgotten += self.with("forget files", |db| {
                    db.execute(&sql, &[&recorder, &device, &inode, &before])
                })?;
            }
        }
        Ok(forgotten)
    }

    /// The server gives room back by itself.
    fn shrink(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn backup(&mut self, _: &Path) -> Result<(), StoreError> {
        let url = &self.server().url;
        let message = format!("{url}: a store on a server is copied by the server's own tools");
        let hint =
            format!("pg_dump --format=custom --file=FILE '{url}', and pg_restore for the way back");
        Err(StoreError::unsupported(message).hint(hint))
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        self.with("write the store anew", |db| {
            for table in TABLES {
                db.batch(&format!("VACUUM (ANALYZE) {table}"))?;
            }
            Ok(())
        })
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
