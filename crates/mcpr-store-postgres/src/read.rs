//! Answers: each from one state of the store, in which nothing may be written.

mod by_operation;
mod conditions;
mod listing;
mod lists;
mod rows;
mod sessions;
mod stats;
mod totals;

use crate::connect::{ConnectionRole, Server};
use crate::db::{Db, TransactionKind};
use crate::errors::DbFault;
use crate::{flight, layout, runs, sources};
use mcpr_model::{Checkpoint, Payload, ServerRun};
use mcpr_store::query::{
    BadLineRow, ClientRow, Cursor, Entry, Filter, Head, NameKind, OpenRow, Page, Pattern,
    RequestRow, SessionFilter, SessionKey, SessionPage, SessionRow, SourceRow, StatsQuestion,
    StatsRow, StoredKey, SurfacePage, SurfaceRow, Surfaces, TimePage,
};
use mcpr_store::{Overview, PollSchedule, Reader, RollupRow, StoreError, replaced};
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// A store opened for reading only.
#[derive(Debug)]
pub(crate) struct PostgresReader {
    server: Server,
    /// None when the last one was lost.
    pub(crate) db: RefCell<Option<Db>>,
    store_id: i64,
    polls: Cell<PollSchedule>,
}

const READING: &str = "read the store";

impl PostgresReader {
    /// Opens the store of a server.
    pub(crate) fn open(server: &Server) -> Result<Self, StoreError> {
        let (db, store_id) = opened(server)?;
        Ok(Self {
            server: server.clone(),
            db: RefCell::new(Some(db)),
            store_id,
            polls: Cell::new(PollSchedule::of_server()),
        })
    }

    /// Does something with the connection, which is made anew where it was lost.
    fn with<T>(&self, answer: impl FnOnce(&mut Db) -> Result<T, DbFault>) -> Result<T, StoreError> {
        let mut held = self.db.borrow_mut();
        let mut db = if let Some(db) = held.take().filter(|db| !db.is_lost()) {
            db
        } else {
            let (db, store_id) = opened(&self.server)?;
            if store_id != self.store_id {
                return Err(DbFault::from(replaced()).at(&self.server.url, READING));
            }
            db
        };
        // A connection that broke on the way is not kept.
        let answered = answer(&mut db);
        if !db.is_lost() {
            *held = Some(db);
        }
        answered.map_err(|fault| fault.at(&self.server.url, READING))
    }

    /// Answers one question from one state.
    fn ask<T>(&self, answer: impl FnOnce(&mut Db) -> Result<T, DbFault>) -> Result<T, StoreError> {
        self.with(|db| db.transaction(TransactionKind::Snapshot, answer))
    }
}

fn opened(server: &Server) -> Result<(Db, i64), StoreError> {
    let mut db = server.connect(ConnectionRole::Reader)?;
    let found = layout::check(&mut db).and_then(|()| totals::head(&mut db));
    let head = found.map_err(|fault| fault.at(&server.url, "open the store"))?;
    Ok((db, head.store_id))
}

impl Reader for PostgresReader {
    fn entries(&self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        self.ask(|db| listing::entries(db, filter, page))
    }

    fn timeline(&self, filter: &Filter, page: TimePage) -> Result<Vec<Entry>, StoreError> {
        self.ask(|db| listing::timeline(db, filter, page))
    }

    fn request(&self, seq: i64) -> Result<Option<RequestRow>, StoreError> {
        self.ask(|db| Ok(rows::at(db, &[seq])?.pop()))
    }

    fn open_requests(&self, filter: &Filter) -> Result<Vec<OpenRow>, StoreError> {
        self.ask(|db| flight::listed(db, filter))
    }

    fn server_run(&self, session: &SessionKey) -> Result<Option<ServerRun>, StoreError> {
        self.ask(|db| runs::of_session(db, session))
    }

    fn server_deaths(
        &self,
        since: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError> {
        self.ask(|db| runs::died(db, since, until, limit))
    }

    fn server_outputs(
        &self,
        proxy: Option<&Pattern>,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError> {
        self.ask(|db| runs::outputs(db, proxy, limit))
    }

    fn with_id(&self, id: &str, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        self.ask(|db| rows::with_id(db, id, limit))
    }

    fn sessions(
        &self,
        filter: &SessionFilter,
        page: &SessionPage,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.ask(|db| sessions::sessions(db, filter, page))
    }

    fn head(&self) -> Result<Head, StoreError> {
        // One statement sees one state by itself.
        self.with(totals::head)
    }

    fn gone_behind(&self, place: Cursor) -> Result<u64, StoreError> {
        self.ask(|db| totals::gone_behind(db, place))
    }

    fn watch(&self, seen: Head, timeout: Duration) -> Result<Head, StoreError> {
        // A server reports no news in a way that all of them have: it is asked again and again.
        let mut wait = |timeout| {
            std::thread::sleep(timeout);
            false
        };
        let mut polls = self.polls.get();
        let head = polls.watch(seen, timeout, &mut wait, &mut || {
            let head = self.head()?;
            if head.store_id == self.store_id {
                Ok(head)
            } else {
                Err(DbFault::from(replaced()).at(&self.server.url, READING))
            }
        });
        // Kept for the next look: whether there was news decides how soon that is.
        self.polls.set(polls);
        head
    }

    fn overview(&self) -> Result<Overview, StoreError> {
        self.ask(totals::overview)
    }

    fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        self.ask(totals::span)
    }

    fn slowest(&self, filter: &Filter, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        self.ask(|db| stats::slowest(db, filter, limit))
    }

    fn stats(&self, question: &StatsQuestion) -> Result<Vec<StatsRow>, StoreError> {
        self.ask(|db| stats::stats(db, question))
    }

    fn clients(&self, filter: &SessionFilter, most: usize) -> Result<Vec<ClientRow>, StoreError> {
        self.ask(|db| sessions::clients(db, filter, most))
    }

    fn names(&self, kind: NameKind, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        self.ask(|db| totals::names(db, kind, prefix, limit))
    }

    fn payloads(&self, seqs: &[i64]) -> Result<Vec<(i64, Payload)>, StoreError> {
        self.ask(|db| rows::payloads(db, seqs))
    }

    fn payload_span(&self) -> Result<Option<(Cursor, Cursor)>, StoreError> {
        self.ask(totals::payload_span)
    }

    fn surfaces(&self, page: &SurfacePage) -> Result<Surfaces, StoreError> {
        self.ask(|db| lists::surfaces(db, page))
    }

    fn surface_in_force(
        &self,
        proxy: &str,
        method: &str,
        at: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        self.ask(|db| lists::in_force(db, proxy, method, at))
    }

    fn surface_version(
        &self,
        proxy: &str,
        method: &str,
        version: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        self.ask(|db| lists::version(db, proxy, method, version))
    }

    fn surface_count(&self) -> Result<u64, StoreError> {
        self.ask(|db| {
            Ok(db
                .number("SELECT count(*) FROM surfaces", &[])?
                .cast_unsigned())
        })
    }

    fn bad_lines(&self, limit: usize) -> Result<Vec<BadLineRow>, StoreError> {
        self.ask(|db| totals::bad_lines(db, limit))
    }

    fn sources(&self, after: Option<&str>, limit: usize) -> Result<Vec<SourceRow>, StoreError> {
        let limit = limit.min(Page::MAX_LIMIT);
        self.ask(|db| sources::listed(db, after, limit))
    }

    fn keys(&self, first: i64, last: i64) -> Result<Vec<StoredKey>, StoreError> {
        self.ask(|db| totals::keys(db, first, last))
    }

    fn file_checkpoints(
        &self,
        after: Option<&Checkpoint>,
        limit: usize,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let limit = limit.min(Page::MAX_LIMIT);
        self.ask(|db| sources::checkpoints(db, None, after, limit))
    }

    fn rollups(&self, take: &mut dyn FnMut(RollupRow)) -> Result<(), StoreError> {
        self.ask(|db| {
            stats::rollups(db, i64::MIN..i64::MAX, &mut |row| {
                take(row);
                Ok(())
            })
        })
    }
}
