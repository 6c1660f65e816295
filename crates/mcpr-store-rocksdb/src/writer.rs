//! A store opened for writing.

use crate::engine::Engine;
use crate::flight;
use crate::sources;
use crate::sweep::SweepProgress;
use crate::txn;
use crate::{append, remains};
use mcpr_model::{Batch, Checkpoint, Event};
use mcpr_store::files::lease::{self, Lease};
use mcpr_store::query::SessionKey;
use mcpr_store::{Abandoned, Admin, Appended, Remains, StoreError, StoreErrorKind, Trust, Writer};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpenedFor {
    /// The one recorder.
    Recorder,
    /// A tap, or something that imports: it gives the store up while it has nothing to write, so that several of them
    /// take turns.
    Beside,
    Care,
}

#[derive(Debug)]
pub(crate) struct RocksdbStore {
    path: PathBuf,
    trust: Trust,
    role: OpenedFor,
    /// None while it is given up.
    engine: RefCell<Option<Arc<Engine>>>,
    lease: Option<Lease>,
    /// A vacuum that was begun and is done slice by slice.
    pub(crate) sweep: Option<SweepProgress>,
}

impl RocksdbStore {
    /// Opens a store, and makes it where there is none.
    pub(crate) fn open(path: &Path, trust: Trust, role: OpenedFor) -> Result<Self, StoreError> {
        // Nobody takes care of what is not there.
        let engine = Engine::writing(path, trust, role != OpenedFor::Care)?;
        if role == OpenedFor::Recorder {
            let mut has_recorder = engine
                .recorder
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // The lock of the directory keeps other processes out; within one the engine is shared, and this shows it.
            if std::mem::replace(&mut *has_recorder, true) {
                let message = "this process records into the store already";
                return Err(StoreError::new(StoreErrorKind::InUse, message).at(path));
            }
        }
        Ok(Self {
            // Where it is, whatever becomes of the directory that the path began in.
            path: engine.path().to_owned(),
            trust,
            role,
            engine: RefCell::new(Some(engine)),
            lease: None,
            sweep: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The engine, opened anew where it was given up.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>, StoreError> {
        if let Some(engine) = self.engine.borrow().as_ref() {
            return Ok(Arc::clone(engine));
        }
        // Never made anew: a store that was removed while it was given up is not brought back empty.
        let opened = Engine::writing(&self.path, self.trust, false);
        let engine = opened.map_err(|mut error| match error.kind {
            // Whoever has it gives it up again: the batch is kept until then.
            StoreErrorKind::InUse => {
                error.kind = StoreErrorKind::Retryable;
                error
            }
            StoreErrorKind::Missing => mcpr_store::replaced().at(&self.path),
            _ => error,
        })?;
        *self.engine.borrow_mut() = Some(Arc::clone(&engine));
        Ok(engine)
    }

    /// Says by a lock that this writer is there, before others can read that requests wait for it.
    fn take_lease(&mut self, engine: &Engine, batch: &Batch) {
        let waits = |event: &Event| matches!(event, Event::Open(_) | Event::Server(_));
        if !batch.events.iter().any(waits) {
            return;
        }
        if self.lease.is_none() {
            // Without it what is in flight is reported as if nobody waited: the rows come all the same.
            self.lease = Lease::take(&engine.lock_path(), batch.writer).ok();
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
}

impl Writer for RocksdbStore {
    fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        let engine = self.engine()?;
        self.take_lease(&engine, batch);
        txn::commit(&engine, |txn| append::append(txn, batch))
    }

    fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        let engine = self.engine()?;
        let found = sources::checkpoints(&engine.view()?, None, usize::MAX)?;
        Ok(found.into_iter().map(|kept| kept.checkpoint).collect())
    }

    fn abandoned(&mut self) -> Result<Abandoned, StoreError> {
        let engine = self.engine()?;
        // Looked at before the change, and cleared away after it: a failure between the two leaves them to the next
        // look.
        let killed = lease::killed(&engine.lock_path());
        let (requests, sessions) = txn::commit(&engine, |txn| {
            let mut sessions = Vec::new();
            for writer in &killed {
                let mark = append::mark_of(&txn.view, writer.writer)?;
                for key in &writer.sessions {
                    // One that was removed meanwhile is not brought back.
                    let number = txn.sessions.number(&txn.view, &key.proxy, &key.id)?;
                    let row = number.map(|number| txn.sessions.get(&txn.view, number));
                    if let Some(row) = row.transpose()?.flatten() {
                        let last = mark.map_or(row.last_seen_at, |mark| mark.committed_at);
                        sessions.push((key.clone(), last));
                    }
                }
            }
            Ok((flight::abandoned(txn, &engine)?, sessions))
        })?;
        lease::clear_up(&engine.lock_path());
        Ok(Abandoned { requests, sessions })
    }

    fn idle(&mut self) -> Result<(), StoreError> {
        if self.role == OpenedFor::Recorder {
            return self.engine()?.flush_if_long();
        }
        // The engine closes when the last of this process lets go of it, and another process may write.
        *self.engine.borrow_mut() = None;
        Ok(())
    }

    fn take_remains(&mut self, remains: &Remains) -> Result<(), StoreError> {
        txn::commit(&*self.engine()?, |txn| remains::take(txn, remains))
    }

    fn care(&mut self) -> Option<&mut dyn Admin> {
        Some(self)
    }
}

impl Drop for RocksdbStore {
    fn drop(&mut self) {
        if self.role == OpenedFor::Recorder
            && let Some(engine) = self.engine.borrow().as_ref()
        {
            *engine
                .recorder
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = false;
        }
    }
}
