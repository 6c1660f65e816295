//! Sessions while a batch is written: found together, changed in memory, written back at its end.
//!
//! Inferred sessions are found by their neighbours in time, which are read for the whole batch.

mod inferred;

use crate::db::{Cell, Db, cell};
use crate::errors::DbFault;
use crate::names::KnownNames;
use crate::store_row::StoreRow;
use crate::values::{bytes, optional_bytes, optional_text, text};
use mcpr_model::{Batch, Event, Request, SessionUpdate, Text};
use mcpr_store::query::SessionRow;
use mcpr_store::{Membership, SessionState};
use postgres::Row;
use postgres::types::Type;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// A proxy and a client.
type Pair = (i64, i64);

/// A session as it will stand when the batch is committed.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: i64,
    pub(crate) name: Text,
    pub(crate) inferred: bool,
    pub(crate) proxy: i64,
    /// 0 where none is known.
    client: i64,
    state: SessionState,
    conversation: Option<Text>,
    standing: Standing,
}

/// What the store knows of a session in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing, and nothing has happened to it: the request it was made for was a duplicate.
    Blank,
    /// Nothing yet: it goes in with the batch.
    New,
    /// It has changed.
    Changed,
    /// It stands there as it is here.
    Stored,
}

/// The sessions that a batch is about.
#[derive(Debug, Default)]
pub(crate) struct SessionStates {
    all: FxHashMap<i64, Session>,
    by_name: FxHashMap<i64, FxHashMap<Text, i64>>,
    /// Names that were looked for; what is not in memory by now is not in the store.
    looked: FxHashSet<(i64, Text)>,
    /// Inferred sessions by their beginnings.
    inferred: FxHashMap<Pair, BTreeMap<(i64, Text), i64>>,
    /// The times of which all inferred sessions of a pair are in memory, with the neighbours at both ends.
    read: FxHashMap<Pair, (i64, i64)>,
}

const COLUMNS: &str =
    "s.id, s.session_id, s.inferred, s.proxy, s.client, s.started_at, s.last_seen_at, s.ended_at,
     s.total_calls, s.total_errors, s.conversation, c.name IS NOT NULL";

impl Session {
    fn of_row(row: &Row) -> Result<Self, DbFault> {
        Ok(Self {
            id: row.try_get(0)?,
            name: text(row, 1)?,
            inferred: row.try_get(2)?,
            proxy: row.try_get(3)?,
            client: row.try_get(4)?,
            state: SessionState {
                started_at: row.try_get(5)?,
                last_seen_at: row.try_get(6)?,
                ended_at: row.try_get(7)?,
                total_calls: row.try_get(8)?,
                total_errors: row.try_get(9)?,
                has_client_name: row.try_get(11)?,
            },
            conversation: optional_text(row, 10)?,
            standing: Standing::Stored,
        })
    }

    fn is_there(&self) -> bool {
        self.standing != Standing::Blank
    }
}

impl SessionStates {
    /// Finds the sessions that a batch names, and those around its requests that name none.
    pub(crate) fn find_all(
        &mut self,
        db: &mut Db,
        names: &KnownNames,
        batch: &Batch,
    ) -> Result<(), DbFault> {
        // By reference: most requests name a session that another one names, too.
        let mut wanted: FxHashSet<(i64, &Text)> = FxHashSet::default();
        let mut spans: FxHashMap<Pair, (i64, i64)> = FxHashMap::default();
        let mut nowhere = Vec::new();
        for event in &batch.events {
            match event {
                Event::Request(request) => {
                    let Some(proxy) = names.known_proxy(&request.proxy) else {
                        continue;
                    };
                    match Membership::of(request) {
                        Membership::SurfaceContent(id) => drop(wanted.insert((proxy, id))),
                        Membership::Inferred => {
                            if let Some(client) = client_of(names, request) {
                                let ts = request.ts;
                                let span = spans.entry((proxy, client)).or_insert((ts, ts));
                                *span = (span.0.min(ts), span.1.max(ts));
                            }
                        }
                        Membership::None => {}
                    }
                }
                Event::Session(update) => match &update.proxy {
                    Some(proxy) => wanted.extend(
                        names
                            .known_proxy(proxy)
                            .map(|proxy| (proxy, &update.session_id)),
                    ),
                    None => nowhere.push(bytes(&update.session_id)),
                },
                // What is known of a server goes with its session.
                Event::Server(run) => wanted.extend(
                    names
                        .known_proxy(&run.proxy)
                        .map(|proxy| (proxy, &run.session_id)),
                ),
                _ => {}
            }
        }
        let wanted = wanted.into_iter();
        let wanted = wanted.map(|(proxy, name)| (proxy, name.clone()));
        self.find(db, wanted.collect())?;
        // Statements without a proxy are few: one look for all of them.
        if !nowhere.is_empty() {
            let sql = format!(
                "SELECT {COLUMNS} FROM sessions s LEFT JOIN clients c ON c.id = s.client
                 WHERE s.session_id = ANY($1)"
            );
            let rows = db.rows(&sql, &[&nowhere])?;
            self.take_rows(&rows)?;
        }
        for (pair, (first, last)) in spans {
            self.read_around(db, pair, first, last)?;
        }
        Ok(())
    }

    fn find(&mut self, db: &mut Db, wanted: FxHashSet<(i64, Text)>) -> Result<(), DbFault> {
        // What is in memory has changed perhaps, and is what counts.
        let missing: Vec<(i64, Text)> = wanted
            .into_iter()
            .filter(|key| !self.looked.contains(key))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let proxies: Vec<i64> = missing.iter().map(|(proxy, _)| *proxy).collect();
        let ids: Vec<&[u8]> = missing.iter().map(|(_, id)| id.as_bytes()).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM unnest($1::bigint[], $2::bytea[]) AS k (proxy, session_id)
                  JOIN sessions s ON s.session_id = k.session_id AND s.proxy = k.proxy
                  LEFT JOIN clients c ON c.id = s.client"
        );
        let rows = db.rows(&sql, &[&proxies, &ids])?;
        self.take_rows(&rows)?;
        self.looked.extend(missing);
        Ok(())
    }

    /// Makes sure that sessions with some numbers are in memory.
    pub(crate) fn find_numbers(&mut self, db: &mut Db, ids: &[i64]) -> Result<(), DbFault> {
        let missing: Vec<i64> = ids
            .iter()
            .copied()
            .filter(|id| !self.all.contains_key(id))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM sessions s LEFT JOIN clients c ON c.id = s.client
             WHERE s.id = ANY($1)"
        );
        let rows = db.rows(&sql, &[&missing])?;
        self.take_rows(&rows)
    }

    fn take_rows(&mut self, rows: &[Row]) -> Result<(), DbFault> {
        for row in rows {
            let session = Session::of_row(row)?;
            // What is in memory has changed perhaps.
            if !self.all.contains_key(&session.id) {
                self.remember(session);
            }
        }
        Ok(())
    }

    fn remember(&mut self, session: Session) {
        let id = session.id;
        let of_proxy = self.by_name.entry(session.proxy).or_default();
        of_proxy.insert(session.name.clone(), id);
        self.place(&session);
        self.all.insert(id, session);
    }

    fn place(&mut self, session: &Session) {
        if session.inferred {
            let pair = (session.proxy, session.client);
            let key = (session.state.started_at, session.name.clone());
            self.inferred
                .entry(pair)
                .or_default()
                .insert(key, session.id);
        }
    }

    /// Changes a session, and keeps it in its place among the inferred ones.
    fn change(&mut self, id: i64, change: impl FnOnce(&mut Session)) {
        let Some(session) = self.all.get_mut(&id) else {
            return;
        };
        let was = (session.proxy, session.client, session.state.started_at);
        change(session);
        // Reported once: at the end of the batch it goes in with all its changes.
        session.standing = match session.standing {
            Standing::Blank => Standing::New,
            Standing::Stored => Standing::Changed,
            standing => standing,
        };
        let is = (session.proxy, session.client, session.state.started_at);
        if session.inferred && was != is {
            let session = session.clone();
            let pair = (was.0, was.1);
            if let Some(of_pair) = self.inferred.get_mut(&pair) {
                of_pair.remove(&(was.2, session.name.clone()));
            }
            if pair != (is.0, is.1) {
                // Its neighbours there may not be in memory.
                self.read.remove(&pair);
                self.read.remove(&(is.0, is.1));
            }
            self.place(&session);
        }
    }

    /// The number of a name that is in memory.
    fn known(&self, proxy: i64, name: &str) -> Option<i64> {
        self.by_name.get(&proxy)?.get(name).copied()
    }

    /// The session with a name, made where there is none: it goes into the store only if something happens to it.
    pub(crate) fn named(&mut self, row: &mut StoreRow, proxy: i64, name: &Text) -> i64 {
        if let Some(known) = self.known(proxy, name) {
            return known;
        }
        self.add(row, proxy, name.clone())
    }

    fn add(&mut self, row: &mut StoreRow, proxy: i64, name: Text) -> i64 {
        let id = row.next_id();
        self.remember(Session {
            id,
            name,
            inferred: false,
            proxy,
            client: 0,
            state: SessionState::default(),
            conversation: None,
            standing: Standing::Blank,
        });
        id
    }

    /// Counts a newly stored request.
    pub(crate) fn count(&mut self, id: i64, request: &Request, client: i64) {
        self.change(id, |session| {
            session.state.count(request);
            if session.state.takes_client(request.client_name.is_some()) {
                session.client = client;
            }
        });
    }

    /// Counts a request anew that turned out to have ended otherwise, or at another time.
    pub(crate) fn recount(&mut self, id: i64, before: &Request, after: &Request) {
        let Some(session) = self.all.get(&id) else {
            return;
        };
        let mut state = session.state;
        if state.recount(before, after) {
            self.change(id, |session| session.state = state);
        }
    }

    /// The sessions that a statement is about, made where its proxy is named.
    pub(crate) fn meant_by(
        &mut self,
        row: &mut StoreRow,
        proxy: Option<i64>,
        update: &SessionUpdate,
    ) -> Vec<i64> {
        if let Some(proxy) = proxy {
            return vec![self.named(row, proxy, &update.session_id)];
        }
        // A stream that does not name the proxy means the session wherever it is.
        let known = self.all.values().filter(|it| it.is_there());
        let meant = known.filter(|it| it.name == update.session_id);
        meant.map(|it| it.id).collect()
    }

    /// Applies what a stream reported about a session.
    pub(crate) fn apply(&mut self, id: i64, update: &SessionUpdate, client: i64) {
        self.change(id, |session| {
            session.state.apply(update);
            if session.state.takes_client(update.client_name.is_some()) {
                session.client = client;
            }
            let stated = || update.conversation.clone();
            session.conversation = session.conversation.take().or_else(stated);
        });
    }

    /// Takes over what another store says of a session, also of an inferred one.
    pub(crate) fn take_over(
        &mut self,
        row: &mut StoreRow,
        proxy: i64,
        client: i64,
        of: &SessionRow,
    ) {
        let name = Text::from(&of.session_id);
        let is_new = self.known(proxy, &name).is_none();
        let id = self.named(row, proxy, &name);
        self.change(id, |session| {
            if is_new {
                session.inferred = of.inferred;
                session.client = client;
            }
            if session.state.takes_client(of.client_name.is_some()) {
                session.client = client;
            }
            session.state = session.state.raised_to(of);
            let stated = || of.conversation.as_ref().map(Text::from);
            session.conversation = session.conversation.take().or_else(stated);
        });
    }

    /// The number of the session with a name that is there, or comes with this batch.
    pub(crate) fn number_of(&self, proxy: i64, name: &Text) -> Option<i64> {
        let id = self.known(proxy, name)?;
        self.all.get(&id).filter(|it| it.is_there()).map(|it| it.id)
    }

    /// Writes back every session that changed.
    pub(crate) fn write(&mut self, db: &mut Db) -> Result<(), DbFault> {
        let changed: Vec<i64> = self
            .all
            .values()
            .filter(|it| it.standing == Standing::Changed)
            .map(|it| it.id)
            .collect();
        if !changed.is_empty() {
            // Written anew with the others: one stream of rows for all.
            db.execute("DELETE FROM sessions WHERE id = ANY($1)", &[&changed])?;
        }
        // Those that only were looked at stay as they are.
        let rows = self
            .all
            .values()
            .filter(|it| matches!(it.standing, Standing::New | Standing::Changed))
            .map(row_of);
        let into =
            "sessions (id, proxy, session_id, inferred, client, started_at, last_seen_at, ended_at,
                              total_calls, total_errors, conversation)";
        db.copy(into, &TYPES, rows)
    }
}

const TYPES: [Type; 11] = [
    Type::INT8,
    Type::INT8,
    Type::BYTEA,
    Type::BOOL,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::BYTEA,
];

fn row_of(session: &Session) -> Vec<Cell> {
    let state = session.state;
    vec![
        cell(session.id),
        cell(session.proxy),
        cell(bytes(&session.name)),
        cell(session.inferred),
        cell(session.client),
        cell(state.started_at),
        cell(state.last_seen_at),
        cell(state.ended_at),
        cell(state.total_calls),
        cell(state.total_errors),
        cell(optional_bytes(session.conversation.as_deref())),
    ]
}

fn client_of(names: &KnownNames, request: &Request) -> Option<i64> {
    names.known_client(
        request.client_name.as_ref(),
        request.client_version.as_ref(),
    )
}
