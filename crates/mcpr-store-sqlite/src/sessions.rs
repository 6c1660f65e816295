//! Sessions while a batch is written: found or made, kept in memory, written back at its end.

mod inferred;

use super::names::NameNumbers;
use super::session_ranges::{self, SessionRange};
use inferred::{InferredSpan, Pair};
use mcpr_model::{Request, SessionUpdate, Text};
use mcpr_store::SessionState;
use mcpr_store::query::SessionRow;
use rusqlite::{OptionalExtension, Row, ToSql, Transaction, params};
use rustc_hash::FxHashMap;

/// Most sessions remembered between batches; past that, all are forgotten and found again.
const MAX_REMEMBERED: usize = 65_536;

/// A session's place in [`Sessions`], valid until they are cleared.
pub(super) type Slot = usize;

/// One session as it will stand when the batch is committed.
#[derive(Debug, Clone)]
pub(super) struct Session {
    number: i64,
    id: Text,
    inferred: bool,
    proxy: i64,
    client: Option<i64>,
    state: SessionState,
    standing: RowState,
    /// Reported in this batch, and to be kept with it unless one was reported before.
    conversation: Option<Text>,
    range: LastRange,
}

/// What is known of a session's last range of requests.
#[derive(Debug, Clone, Copy)]
enum LastRange {
    /// Nothing yet: it is asked for when the next request comes.
    Unknown,
    /// There is none.
    None,
    /// It stands in the store as it is here.
    Stored(SessionRange),
    /// It goes in with the batch.
    Grown(SessionRange),
}

/// What the store knows of a session in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowState {
    /// Nothing, and nothing has happened to it: the request it was made for was a duplicate.
    Blank,
    /// Nothing yet: it goes in with the batch.
    New,
    /// It has changed.
    Changed,
    /// It stands there as it is here.
    Stored,
}

/// Sessions by what they are looked up with.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    slots: Vec<Session>,
    /// By proxy, then by id.
    by_id: FxHashMap<i64, FxHashMap<Text, Slot>>,
    /// What is known of the inferred sessions of one proxy and client.
    inferred: FxHashMap<Pair, InferredSpan>,
    dirty: Vec<Slot>,
    /// Ranges that another one of their session, by its number, follows in this batch.
    full_ranges: Vec<(i64, SessionRange)>,
    last_number: Option<i64>,
}

const COLUMNS: &str = "s.id, s.session_id, s.inferred, s.proxy, s.client, c.name IS NOT NULL,
     s.started_at, s.last_seen_at, s.ended_at, s.total_calls, s.total_errors";

impl Session {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            number: row.get(0)?,
            id: row.get_ref(1)?.as_str()?.into(),
            inferred: row.get(2)?,
            proxy: row.get(3)?,
            client: row.get(4)?,
            state: SessionState {
                has_client_name: row.get(5)?,
                started_at: row.get(6)?,
                last_seen_at: row.get(7)?,
                ended_at: row.get(8)?,
                total_calls: row.get(9)?,
                total_errors: row.get(10)?,
            },
            standing: RowState::Stored,
            conversation: None,
            range: LastRange::Unknown,
        })
    }

    fn offer_client(&mut self, client: Option<i64>, has_name: bool) {
        if self.state.takes_client(has_name) {
            self.client = client;
        }
    }

    fn values<'a>(&'a self, id: &'a &'a str) -> [&'a dyn ToSql; 10] {
        [
            &self.number,
            &self.client,
            &self.state.started_at,
            &self.state.last_seen_at,
            &self.state.ended_at,
            &self.state.total_calls,
            &self.state.total_errors,
            &self.proxy,
            id,
            &self.inferred,
        ]
    }
}

impl Sessions {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Keeps the memory bounded; to be called between transactions.
    pub(super) fn trim(&mut self) {
        if self.slots.len() > MAX_REMEMBERED || self.inferred.len() > MAX_REMEMBERED {
            self.clear();
        }
    }

    /// The number of the session in a slot.
    pub(super) fn number(&self, slot: Slot) -> i64 {
        self.slots[slot].number
    }

    /// The session with an id that a stream stated, if there is one.
    pub(super) fn find(
        &mut self,
        tx: &Transaction<'_>,
        proxy: i64,
        id: &Text,
    ) -> rusqlite::Result<Option<Slot>> {
        if let Some(&slot) = self.by_id.get(&proxy).and_then(|of_proxy| of_proxy.get(id)) {
            return Ok(Some(slot));
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM sessions s LEFT JOIN clients c ON c.id = s.client
             WHERE s.session_id = ?1 AND s.proxy = ?2"
        );
        let found = tx
            .prepare_cached(&sql)?
            .query_row(params![id.as_str(), proxy], Session::from_row)
            .optional()?;
        Ok(found.map(|session| self.remember(session)))
    }

    fn remember(&mut self, session: Session) -> Slot {
        let slot = self.slots.len();
        let of_proxy = self.by_id.entry(session.proxy).or_default();
        of_proxy.insert(session.id.clone(), slot);
        self.slots.push(session);
        slot
    }

    /// Makes a session, which goes into the store only if something happens to it.
    pub(super) fn add(
        &mut self,
        tx: &Transaction<'_>,
        proxy: i64,
        id: &Text,
    ) -> rusqlite::Result<Slot> {
        let last = match self.last_number {
            Some(last) => last,
            None => tx
                .prepare_cached("SELECT ifnull(max(id), 0) FROM sessions")?
                .query_row([], |row| row.get(0))?,
        };
        self.last_number = Some(last + 1);
        Ok(self.remember(Session {
            number: last + 1,
            id: id.clone(),
            inferred: false,
            proxy,
            client: None,
            state: SessionState::default(),
            standing: RowState::Blank,
            conversation: None,
            range: LastRange::None,
        }))
    }

    fn touch(&mut self, slot: Slot) {
        let standing = &mut self.slots[slot].standing;
        match *standing {
            RowState::Blank => *standing = RowState::New,
            RowState::Stored => *standing = RowState::Changed,
            RowState::New | RowState::Changed => return,
        }
        // Once for each session and batch, however often it changed.
        self.dirty.push(slot);
    }

    /// Counts a newly stored request, and notes its place in the sequence.
    pub(super) fn count(
        &mut self,
        tx: &Transaction<'_>,
        slot: Slot,
        request: &Request,
        seq: i64,
        client: Option<i64>,
    ) -> rusqlite::Result<()> {
        self.touch(slot);
        self.note_place(tx, slot, seq)?;
        if request.session_id.is_some() {
            // It was found by its id: its times and its client may now be others than what is
            // remembered of inferred sessions says, so both the old place and the new one are
            // forgotten.
            self.forget_around(slot);
        }
        let session = &mut self.slots[slot];
        session.state.count(request);
        session.offer_client(client, request.client_name.is_some());
        if request.session_id.is_some() {
            self.forget_around(slot);
        }
        Ok(())
    }

    /// Adds a place to the last range of a session, or begins another one.
    fn note_place(&mut self, tx: &Transaction<'_>, slot: Slot, seq: i64) -> rusqlite::Result<()> {
        let Session { number, range, .. } = &mut self.slots[slot];
        if matches!(range, LastRange::Unknown) {
            let last = session_ranges::last_of(tx, *number)?;
            *range = last.map_or(LastRange::None, LastRange::Stored);
        }
        let last = match *range {
            LastRange::Stored(last) | LastRange::Grown(last) => Some(last),
            LastRange::Unknown | LastRange::None => None,
        };
        let longer = last.and_then(|last| last.with(seq));
        if let (LastRange::Grown(full), None) = (*range, longer) {
            self.full_ranges.push((*number, full));
        }
        *range = LastRange::Grown(longer.unwrap_or(SessionRange::of(seq)));
        Ok(())
    }

    /// Counts a request anew that turned out to have ended otherwise, or at another time.
    pub(super) fn recount(&mut self, slot: Slot, before: &Request, after: &Request) {
        // At its old place and at its new one, as when a request is counted.
        self.forget_around(slot);
        if self.slots[slot].state.recount(before, after) {
            self.touch(slot);
            self.forget_around(slot);
        }
    }

    /// Applies what a stream reported about a session.
    pub(super) fn apply(
        &mut self,
        tx: &Transaction<'_>,
        names: &mut NameNumbers,
        update: &SessionUpdate,
    ) -> rusqlite::Result<()> {
        let client = names.client(
            tx,
            update.client_name.as_ref(),
            update.client_version.as_ref(),
        )?;
        let Some(proxy) = &update.proxy else {
            // A stream that does not name the proxy means the session wherever it is: that is asked
            // of the table, which has to know of this batch.
            self.write_back(tx)?;
            for proxy in proxies_of(tx, &update.session_id)? {
                if let Some(slot) = self.find(tx, proxy, &update.session_id)? {
                    self.apply_to(slot, update, client);
                }
            }
            return Ok(());
        };
        let proxy = names.proxy(tx, proxy)?;
        let slot = match self.find(tx, proxy, &update.session_id)? {
            Some(slot) => slot,
            None => self.add(tx, proxy, &update.session_id)?,
        };
        self.apply_to(slot, update, client);
        Ok(())
    }

    fn apply_to(&mut self, slot: Slot, update: &SessionUpdate, client: Option<i64>) {
        self.touch(slot);
        self.forget_around(slot);
        let session = &mut self.slots[slot];
        session.state.apply(update);
        session.offer_client(client, update.client_name.is_some());
        let stated = || update.conversation.clone();
        session.conversation = session.conversation.take().or_else(stated);
        // It may have another client now.
        self.forget_around(slot);
    }

    /// Takes over what another store says of a session, also of an inferred one.
    pub(super) fn take_over(
        &mut self,
        tx: &Transaction<'_>,
        proxy: i64,
        client: Option<i64>,
        row: &SessionRow,
    ) -> rusqlite::Result<()> {
        let id = Text::from(&row.session_id);
        let slot = if let Some(slot) = self.find(tx, proxy, &id)? {
            slot
        } else {
            let slot = self.add(tx, proxy, &id)?;
            self.slots[slot].inferred = row.inferred;
            self.slots[slot].client = client;
            slot
        };
        self.forget_around(slot);
        let session = &mut self.slots[slot];
        session.offer_client(client, row.client_name.is_some());
        let raised = session.state.raised_to(row);
        let stated = row.conversation.as_ref().map(Text::from);
        // What stands there already is not written again.
        if raised != session.state || stated.is_some() || session.standing == RowState::Blank {
            session.state = raised;
            session.conversation = session.conversation.take().or(stated);
            self.touch(slot);
        }
        self.forget_around(slot);
        Ok(())
    }

    /// Writes back every session that changed.
    pub(super) fn write_back(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        // A seal takes the columns as the table declares them, which is not the order of the values
        // here.
        let mut update = tx.prepare_cached(
            "UPDATE sessions SET client = ?2, started_at = ?3, last_seen_at = ?4, ended_at = ?5,
             total_calls = ?6, total_errors = ?7,
             seal = row_seal(?1, ?8, ?9, ?10, ?2, ?3, ?4, ?5, ?6, ?7) WHERE id = ?1",
        )?;
        let mut insert = tx.prepare_cached(
            "INSERT INTO sessions (id, client, started_at, last_seen_at, ended_at, total_calls,
             total_errors, proxy, session_id, inferred, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
                     row_seal(?1, ?8, ?9, ?10, ?2, ?3, ?4, ?5, ?6, ?7))",
        )?;
        for slot in self.dirty.drain(..) {
            let session = &mut self.slots[slot];
            // From here on it is an update: the batch may write back several times.
            let standing = std::mem::replace(&mut session.standing, RowState::Stored);
            let write = if standing == RowState::New {
                &mut insert
            } else {
                &mut update
            };
            write.execute(session.values(&session.id.as_str()))?;
            if let Some(conversation) = session.conversation.take() {
                keep_conversation(tx, session.number, &conversation)?;
            }
            if let LastRange::Grown(range) = session.range {
                range.write(tx, session.number)?;
                session.range = LastRange::Stored(range);
            }
        }
        // Behind their sessions, to which they refer.
        let mut full = self.full_ranges.drain(..);
        full.try_for_each(|(session, range)| range.write(tx, session))
    }
}

/// The first conversation that is reported about a session stays.
fn keep_conversation(tx: &Transaction<'_>, session: i64, stated: &Text) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO conversations (session, conversation, seal) VALUES (?1, ?2, row_seal(?1, ?2))
         ON CONFLICT (session) DO NOTHING",
    )?
    .execute(params![session, stated.as_str()])
    .map(drop)
}

fn proxies_of(tx: &Transaction<'_>, session_id: &Text) -> rusqlite::Result<Vec<i64>> {
    tx.prepare_cached("SELECT proxy FROM sessions WHERE session_id = ?1")?
        .query_map([session_id.as_str()], |row| row.get(0))?
        .collect()
}
