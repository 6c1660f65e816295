//! Sessions while a batch is written: found or made, kept in memory, written back at its end.

use super::names::Names;
use crate::model::{Kind, Request, SessionState, SessionUpdate, Status, Text};
use crate::query::{INFERRED_GAP_MS, inferred_id};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use rustc_hash::FxHashMap;

/// Most sessions remembered between batches; past that, all are forgotten and found again.
const MAX_REMEMBERED: usize = 65_536;

/// A session's place in [`Sessions`], valid until they are cleared.
pub(super) type Slot = usize;

/// One session as it will stand when the batch is committed.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Its number.
    pub(super) id: i64,
    session_id: Text,
    inferred: bool,
    proxy: i64,
    client: Option<i64>,
    has_client_name: bool,
    started_at: i64,
    last_seen_at: i64,
    ended_at: Option<i64>,
    total_calls: i64,
    total_errors: i64,
    is_dirty: bool,
}

/// Sessions by what they are looked up with.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    slots: Vec<Session>,
    by_id: FxHashMap<(i64, Text), Slot>,
    /// Inferred sessions of one proxy and client, those last seen latest at the end.
    inferred: FxHashMap<(i64, Option<i64>), Vec<Slot>>,
    dirty: Vec<Slot>,
}

const COLUMNS: &str = "s.id, s.session_id, s.inferred, s.proxy, s.client, c.name IS NOT NULL,
     s.started_at, s.last_seen_at, s.ended_at, s.total_calls, s.total_errors";

impl Session {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            session_id: row.get_ref(1)?.as_str()?.into(),
            inferred: row.get(2)?,
            proxy: row.get(3)?,
            client: row.get(4)?,
            has_client_name: row.get(5)?,
            started_at: row.get(6)?,
            last_seen_at: row.get(7)?,
            ended_at: row.get(8)?,
            total_calls: row.get(9)?,
            total_errors: row.get(10)?,
            is_dirty: false,
        })
    }

    fn offer_client(&mut self, client: Option<i64>, has_name: bool) {
        if !self.has_client_name && has_name {
            self.client = client;
            self.has_client_name = true;
        }
    }
}

impl Sessions {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.by_id.clear();
        self.inferred.clear();
        self.dirty.clear();
    }

    /// Keeps the memory bounded; to be called between transactions.
    pub(super) fn trim(&mut self) {
        if self.slots.len() > MAX_REMEMBERED {
            self.clear();
        }
    }

    /// The number of the session in a slot.
    pub(super) fn id(&self, slot: Slot) -> i64 {
        self.slots[slot].id
    }

    /// The session with an id that a stream said, if there is one.
    pub(super) fn find(
        &mut self,
        tx: &Transaction<'_>,
        proxy: i64,
        session_id: &Text,
    ) -> rusqlite::Result<Option<Slot>> {
        // The pair is built once; a clone of a short text costs less than a second look-up table.
        let key = (proxy, session_id.clone());
        if let Some(&slot) = self.by_id.get(&key) {
            return Ok(Some(slot));
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM sessions s LEFT JOIN clients c ON c.id = s.client
             WHERE s.session_id = ?1 AND s.proxy = ?2"
        );
        let found = tx
            .prepare_cached(&sql)?
            .query_row(params![session_id.as_str(), proxy], Session::from_row)
            .optional()?;
        Ok(found.map(|session| self.remember(key, session)))
    }

    fn remember(&mut self, key: (i64, Text), session: Session) -> Slot {
        let slot = self.slots.len();
        self.slots.push(session);
        self.by_id.insert(key, slot);
        slot
    }

    /// Makes a session, first seen at `ts`.
    pub(super) fn add(
        &mut self,
        tx: &Transaction<'_>,
        proxy: i64,
        session_id: &Text,
        ts: i64,
    ) -> rusqlite::Result<Slot> {
        self.insert(tx, (proxy, session_id.clone()), ts, false)
    }

    fn insert(
        &mut self,
        tx: &Transaction<'_>,
        (proxy, session_id): (i64, Text),
        ts: i64,
        inferred: bool,
    ) -> rusqlite::Result<Slot> {
        let id = tx
            .prepare_cached(
                "INSERT INTO sessions (proxy, session_id, inferred, started_at, last_seen_at,
                 total_calls, total_errors) VALUES (?1, ?2, ?3, ?4, ?4, 0, 0)",
            )?
            .insert(params![proxy, session_id.as_str(), inferred, ts])?;
        let session = Session {
            id,
            session_id: session_id.clone(),
            inferred,
            proxy,
            client: None,
            has_client_name: false,
            started_at: ts,
            last_seen_at: ts,
            ended_at: None,
            total_calls: 0,
            total_errors: 0,
            is_dirty: false,
        };
        Ok(self.remember((proxy, session_id), session))
    }

    /// The inferred session that a request without a session id belongs to, if there is one.
    ///
    /// Of several that fit, the one last seen latest; then the one with the smaller id.
    pub(super) fn find_inferred(
        &mut self,
        tx: &Transaction<'_>,
        (proxy, client): (i64, Option<i64>),
        ts: i64,
    ) -> rusqlite::Result<Option<Slot>> {
        if !self.inferred.contains_key(&(proxy, client)) {
            let slots = self.load_inferred(tx, proxy, client)?;
            self.inferred.insert((proxy, client), slots);
        }
        let slots = self
            .inferred
            .get(&(proxy, client))
            .map_or(&[][..], Vec::as_slice);
        let fits = |session: &Session| {
            session.started_at.saturating_sub(INFERRED_GAP_MS) <= ts
                && ts <= session.last_seen_at.saturating_add(INFERRED_GAP_MS)
        };
        let order = |slot: Slot| {
            let session = &self.slots[slot];
            (session.last_seen_at, std::cmp::Reverse(&session.session_id))
        };
        Ok(slots
            .iter()
            .rev()
            .copied()
            // They are sorted by `last_seen_at`: nothing older than the gap can fit.
            .take_while(|&slot| {
                ts <= self.slots[slot]
                    .last_seen_at
                    .saturating_add(INFERRED_GAP_MS)
            })
            .filter(|&slot| fits(&self.slots[slot]))
            .max_by(|&left, &right| order(left).cmp(&order(right))))
    }

    fn load_inferred(
        &mut self,
        tx: &Transaction<'_>,
        proxy: i64,
        client: Option<i64>,
    ) -> rusqlite::Result<Vec<Slot>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM sessions s LEFT JOIN clients c ON c.id = s.client
             WHERE s.inferred = 1 AND s.proxy = ?1 AND s.client IS ?2 ORDER BY s.last_seen_at"
        );
        let mut statement = tx.prepare_cached(&sql)?;
        let mut rows = statement.query(params![proxy, client])?;
        let mut slots = Vec::new();
        while let Some(row) = rows.next()? {
            let session = Session::from_row(row)?;
            let key = (proxy, session.session_id.clone());
            let slot = match self.by_id.get(&key) {
                Some(&slot) => slot,
                None => self.remember(key, session),
            };
            slots.push(slot);
        }
        Ok(slots)
    }

    /// Makes the inferred session that starts with this request.
    pub(super) fn add_inferred(
        &mut self,
        tx: &Transaction<'_>,
        (proxy, client): (i64, Option<i64>),
        request: &Request,
    ) -> rusqlite::Result<Slot> {
        let (name, version) = (
            request.client_name.as_deref(),
            request.client_version.as_deref(),
        );
        let mut taken = 0;
        let session_id = loop {
            let id = Text::from(inferred_id(
                &request.proxy,
                name,
                version,
                request.ts,
                taken,
            ));
            if self.find(tx, proxy, &id)?.is_none() {
                break id;
            }
            taken += 1;
        };
        let slot = self.insert(tx, (proxy, session_id), request.ts, true)?;
        let session = &mut self.slots[slot];
        session.client = client;
        session.has_client_name = name.is_some();
        self.touch(slot);
        self.inferred.entry((proxy, client)).or_default().push(slot);
        self.keep_sorted((proxy, client));
        Ok(slot)
    }

    fn keep_sorted(&mut self, key: (i64, Option<i64>)) {
        let Some(slots) = self.inferred.get_mut(&key) else {
            return;
        };
        let last_seen = |slot: &Slot| self.slots[*slot].last_seen_at;
        if !slots.is_sorted_by_key(last_seen) {
            slots.sort_by_key(last_seen);
        }
    }

    fn touch(&mut self, slot: Slot) {
        let session = &mut self.slots[slot];
        if !session.is_dirty {
            session.is_dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Counts a newly stored request.
    pub(super) fn count(&mut self, slot: Slot, request: &Request, client: Option<i64>) {
        self.touch(slot);
        let session = &mut self.slots[slot];
        session.started_at = session.started_at.min(request.ts);
        session.last_seen_at = session.last_seen_at.max(request.ts);
        session.offer_client(client, request.client_name.is_some());
        if request.kind == Kind::Mcp {
            session.total_calls += 1;
            session.total_errors += i64::from(request.outcome.status() != Status::Ok);
        }
        let (inferred, key) = (session.inferred, (session.proxy, session.client));
        if inferred {
            self.keep_sorted(key);
        }
    }

    /// Applies what a stream said of a session.
    pub(super) fn apply(
        &mut self,
        tx: &Transaction<'_>,
        names: &mut Names,
        update: &SessionUpdate,
    ) -> rusqlite::Result<()> {
        let client = names.client(
            tx,
            update.client_name.as_ref(),
            update.client_version.as_ref(),
        )?;
        let Some(proxy) = &update.proxy else {
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
            None => {
                let started_at = update.started_at.unwrap_or(update.ts);
                let slot = self.add(tx, proxy, &update.session_id, started_at)?;
                self.slots[slot].last_seen_at = update.last_seen_at.unwrap_or(update.ts);
                slot
            }
        };
        self.apply_to(slot, update, client);
        Ok(())
    }

    fn apply_to(&mut self, slot: Slot, update: &SessionUpdate, client: Option<i64>) {
        self.touch(slot);
        let session = &mut self.slots[slot];
        session.started_at = session
            .started_at
            .min(update.started_at.unwrap_or(update.ts));
        let seen = match update.state {
            SessionState::Active => Some(update.last_seen_at.unwrap_or(update.ts)),
            SessionState::Closed => update.last_seen_at,
        };
        session.last_seen_at = session.last_seen_at.max(seen.unwrap_or(i64::MIN));
        if update.state == SessionState::Closed {
            session.ended_at = session.ended_at.max(Some(update.ts));
        }
        session.offer_client(client, update.client_name.is_some());
    }

    /// Writes back every session that changed.
    pub(super) fn write_back(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut statement = tx.prepare_cached(
            "UPDATE sessions SET client = ?2, started_at = ?3, last_seen_at = ?4, ended_at = ?5,
             total_calls = ?6, total_errors = ?7 WHERE id = ?1",
        )?;
        for slot in self.dirty.drain(..) {
            let session = &mut self.slots[slot];
            session.is_dirty = false;
            statement.execute(params![
                session.id,
                session.client,
                session.started_at,
                session.last_seen_at,
                session.ended_at,
                session.total_calls,
                session.total_errors
            ])?;
        }
        Ok(())
    }
}

fn proxies_of(tx: &Transaction<'_>, session_id: &Text) -> rusqlite::Result<Vec<i64>> {
    tx.prepare_cached("SELECT proxy FROM sessions WHERE session_id = ?1")?
        .query_map([session_id.as_str()], |row| row.get(0))?
        .collect()
}
