//! The connection that writes a store, and who it writes as.

use crate::append::{self, Lookup};
use crate::connect::{ConnectionRole, Server};
use crate::db::{Db, TransactionKind};
use crate::errors::DbFault;
use crate::flight;
use crate::layout;
use crate::lease::{self, HeldLease};
use crate::names::KnownNames;
use crate::recorders::{self, NamedRecorder};
use crate::remains;
use crate::sources;
use crate::store_row::StoreRow;
use crate::sweep::RetentionSweep;
use mcpr_model::{Batch, Checkpoint};
use mcpr_store::{Abandoned, Admin, Appended, Remains, StoreError, StoreErrorKind, Writer};
use std::time::Duration;

/// How often a transaction is done again that another one was in the way of.
const MAX_TRIES: usize = 5;

/// How long is waited between two looks whether a recorder's name is free.
const NAME_PAUSE: Duration = Duration::from_millis(250);

/// What a connection that writes is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriterRole {
    /// The one recorder of a name.
    Recorder(String),
    /// A tap, or something that imports: it may run beside others.
    Beside(String),
    /// The care of the store.
    Care,
}

/// A store opened for writing.
#[derive(Debug)]
pub(crate) struct PostgresStore {
    server: Server,
    /// None when the last one was lost.
    db: Option<Db>,
    store_id: i64,
    names: KnownNames,
    recorder: Option<NamedRecorder>,
    lease: Option<HeldLease>,
    lookup: Lookup,
    /// A vacuum that was begun and is done slice by slice.
    pub(crate) sweep: Option<RetentionSweep>,
}

impl PostgresStore {
    /// Opens a store, and makes it where there is none.
    pub(crate) fn open(server: &Server, role: &WriterRole) -> Result<Self, StoreError> {
        let doing = "open the store";
        let mut db = server.connect(ConnectionRole::Writer)?;
        let is_care = *role == WriterRole::Care;
        let checked = if is_care {
            // Nobody takes care of what is not there.
            layout::check(&mut db).and_then(|()| layout::prepare(&mut db))
        } else {
            layout::prepare(&mut db)
        };
        let store_id = checked.and_then(|()| store_id(&mut db));
        let store_id = store_id.map_err(|fault| fault.at(&server.url, doing))?;
        let mut store = Self {
            server: server.clone(),
            db: Some(db),
            store_id,
            names: KnownNames::default(),
            recorder: None,
            lease: None,
            lookup: Lookup::Early,
            sweep: None,
        };
        let (name, is_one) = match role {
            WriterRole::Recorder(name) => (name, true),
            WriterRole::Beside(name) => (name, false),
            WriterRole::Care => return Ok(store),
        };
        // Of this process and this opening alone.
        let holder = recorders::new_holder();
        let taken = store.take_name(name, is_one.then_some(holder))?;
        store.recorder = Some(NamedRecorder::new(server, taken, is_one.then_some(holder)));
        Ok(store)
    }

    /// Takes the name of a recorder. One that was killed has left it taken: it is waited for until nothing was heard of
    /// the other one for so long that it is gone. One that is heard of meanwhile is there, and keeps its name.
    fn take_name(&mut self, name: &str, holder: Option<i64>) -> Result<i64, StoreError> {
        let doing = "open the store";
        let mut first_seen = None;
        loop {
            let taken = self.commit(doing, |db, _| recorders::take(db, name, holder));
            match taken {
                Err(error) if error.kind == StoreErrorKind::InUse => {
                    let seen = self.with(doing, |db| recorders::reported_at(db, name))?;
                    // Nobody has it now, which the next turn finds out.
                    let Some(seen) = seen else { continue };
                    if *first_seen.get_or_insert(seen) != seen {
                        return Err(error);
                    }
                    std::thread::sleep(NAME_PAUSE);
                }
                taken => return taken,
            }
        }
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Whose checkpoints and sources it writes; 0 where it writes none.
    pub(crate) fn recorder_number(&self) -> i64 {
        self.recorder.as_ref().map_or(0, |it| it.id)
    }

    /// The connection, made anew where it was lost.
    fn connected(&mut self) -> Result<Db, StoreError> {
        if let Some(db) = self.db.take().filter(|db| !db.is_lost()) {
            return Ok(db);
        }
        let mut db = self.server.connect(ConnectionRole::Writer)?;
        let found = layout::check(&mut db).and_then(|()| store_id(&mut db));
        let found = found.map_err(|fault| fault.at(&self.server.url, "open the store"))?;
        // Another store at the same place has other numbers.
        if found != self.store_id {
            let replaced = DbFault::from(mcpr_store::replaced());
            return Err(replaced.at(&self.server.url, "open the store"));
        }
        Ok(db)
    }

    /// Does something outside of a transaction of its own.
    pub(crate) fn with<T>(
        &mut self,
        doing: &str,
        work: impl FnOnce(&mut Db) -> Result<T, DbFault>,
    ) -> Result<T, StoreError> {
        let mut db = self.connected()?;
        let done = work(&mut db);
        if !db.is_lost() {
            self.db = Some(db);
        }
        done.map_err(|fault| fault.at(&self.server.url, doing))
    }

    /// Does something as one transaction, again where another one was in its way.
    pub(crate) fn commit<T>(
        &mut self,
        doing: &str,
        mut work: impl FnMut(&mut Db, &mut KnownNames) -> Result<T, DbFault>,
    ) -> Result<T, StoreError> {
        let mut tries = 1;
        loop {
            let mut db = self.connected()?;
            let names = &mut self.names;
            let done = db.transaction(TransactionKind::Writing, |db| work(db, names));
            if !db.is_lost() {
                self.db = Some(db);
            }
            match done {
                Ok(done) => return Ok(done),
                Err(fault) => {
                    // What was remembered may belong to a transaction that is gone.
                    self.names.clear();
                    // Everything else is for the recorder, which keeps the batch and tries again later.
                    if !fault.is_conflict() || tries >= MAX_TRIES {
                        return Err(fault.at_writer(&self.server.url, doing));
                    }
                    tries += 1;
                }
            }
        }
    }

    /// As [`PostgresStore::commit`], of what removes or renames: names that others remember may stand for nothing.
    pub(crate) fn care<T>(
        &mut self,
        doing: &str,
        mut work: impl FnMut(&mut Db, &mut StoreRow) -> Result<T, DbFault>,
    ) -> Result<T, StoreError> {
        self.commit(doing, |db, names| {
            let mut row = StoreRow::lock(db)?;
            let done = work(db, &mut row)?;
            row.cares += 1;
            row.write(db)?;
            names.clear();
            Ok(done)
        })
    }
}

fn store_id(db: &mut Db) -> Result<i64, DbFault> {
    db.number("SELECT store_id FROM mcpr_store WHERE id = 1", &[])
}

impl Writer for PostgresStore {
    fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        let recorder = self.recorder_number();
        let holder = self.recorder.as_ref().and_then(|it| it.holder);
        // A transaction that fails may have noted too much in it, which does no harm.
        let mut lease = self.lease.take();
        let (mut lookup, mut next) = (self.lookup, self.lookup);
        let appended = self.commit("write into the store", |db, names| {
            // What made a first try vain, mostly another writer who stores the same, does so again.
            (lookup, next) = (next, Lookup::Locked);
            if let Some(holder) = holder {
                recorders::check(db, recorder, holder)?;
            }
            lease::say(db, &mut lease, batch)?;
            append::append(db, names, recorder, batch, lookup)
        });
        self.lookup = lookup;
        if let Some(lease) = &mut lease {
            lease.beat(&self.server);
        }
        self.lease = lease;
        appended
    }

    fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        let recorder = self.recorder_number();
        self.with("read the checkpoints", |db| {
            sources::checkpoints(db, Some(recorder), None, usize::MAX)
        })
    }

    fn abandoned(&mut self) -> Result<Abandoned, StoreError> {
        self.commit("look for what is in flight", |db, _| {
            let row = StoreRow::lock(db)?;
            let requests = flight::abandoned(db)?;
            let sessions = lease::left(db)?;
            row.write(db)?;
            Ok(Abandoned { requests, sessions })
        })
    }

    /// Nothing is put off: the server does its own work.
    fn idle(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn take_remains(&mut self, remains: &Remains) -> Result<(), StoreError> {
        self.commit("take over sums", |db, names| {
            remains::take(db, names, remains)
        })
    }

    fn care(&mut self) -> Option<&mut dyn Admin> {
        Some(self)
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // The threads that say that this writer is there end first.
        let recorder = self.recorder.take().and_then(NamedRecorder::end);
        let lease = self.lease.take().map(HeldLease::end);
        let Some(mut db) = self.db.take().filter(|db| !db.is_lost()) else {
            return;
        };
        // What cannot be reported now is found out by whoever waits long enough.
        if let Some((id, holder)) = recorder {
            let _ = recorders::give_up(&mut db, id, holder);
        }
        if let Some(writer) = lease {
            let _ = lease::give_up(&mut db, writer);
        }
    }
}
