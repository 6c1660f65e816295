//! Sessions while a batch is written: found or made, kept in memory, written back at its end.

use super::names::Names;
use crate::model::{Kind, Request, SessionState, SessionUpdate, Status, Text};
use crate::query::{INFERRED_GAP_MS, inferred_id};
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
    has_client_name: bool,
    started_at: i64,
    last_seen_at: i64,
    ended_at: Option<i64>,
    total_calls: i64,
    total_errors: i64,
    standing: Standing,
    /// Said in this batch, and to be kept with it unless one was said before.
    conversation: Option<Text>,
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

/// Sessions by what they are looked up with.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    slots: Vec<Session>,
    /// By proxy, then by id.
    by_id: FxHashMap<i64, FxHashMap<Text, Slot>>,
    /// Inferred sessions of one proxy and client, those last seen latest at the end.
    inferred: FxHashMap<(i64, Option<i64>), Vec<Slot>>,
    dirty: Vec<Slot>,
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
            has_client_name: row.get(5)?,
            started_at: row.get(6)?,
            last_seen_at: row.get(7)?,
            ended_at: row.get(8)?,
            total_calls: row.get(9)?,
            total_errors: row.get(10)?,
            standing: Standing::Stored,
            conversation: None,
        })
    }

    fn offer_client(&mut self, client: Option<i64>, has_name: bool) {
        if !self.has_client_name && has_name {
            self.client = client;
            self.has_client_name = true;
        }
    }

    fn values<'a>(&'a self, id: &'a &'a str) -> [&'a dyn ToSql; 10] {
        [
            &self.number,
            &self.client,
            &self.started_at,
            &self.last_seen_at,
            &self.ended_at,
            &self.total_calls,
            &self.total_errors,
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
        if self.slots.len() > MAX_REMEMBERED {
            self.clear();
        }
    }

    /// The number of the session in a slot.
    pub(super) fn number(&self, slot: Slot) -> i64 {
        self.slots[slot].number
    }

    /// The session with an id that a stream said, if there is one.
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
            has_client_name: false,
            started_at: i64::MAX,
            last_seen_at: i64::MIN,
            ended_at: None,
            total_calls: 0,
            total_errors: 0,
            standing: Standing::Blank,
            conversation: None,
        }))
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
            (session.last_seen_at, std::cmp::Reverse(&session.id))
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
            let known = self
                .by_id
                .get(&proxy)
                .and_then(|of_proxy| of_proxy.get(&session.id));
            let slot = match known {
                Some(&slot) => slot,
                None => self.remember(session),
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
        let slot = self.add(tx, proxy, &session_id)?;
        let session = &mut self.slots[slot];
        session.inferred = true;
        session.client = client;
        session.has_client_name = name.is_some();
        session.started_at = request.ts;
        session.last_seen_at = request.ts;
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
        let standing = &mut self.slots[slot].standing;
        match *standing {
            Standing::Blank => *standing = Standing::New,
            Standing::Stored => *standing = Standing::Changed,
            Standing::New | Standing::Changed => return,
        }
        self.dirty.push(slot);
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
        let session = &mut self.slots[slot];
        session.started_at = session
            .started_at
            .min(update.started_at.unwrap_or(update.ts));
        let is_alive = update.state == SessionState::Active;
        // Of a session that nothing else is known of, its end was its last use.
        let is_unseen = session.last_seen_at == i64::MIN;
        let seen = update
            .last_seen_at
            .or_else(|| (is_alive || is_unseen).then_some(update.ts));
        session.last_seen_at = session.last_seen_at.max(seen.unwrap_or(i64::MIN));
        if update.state == SessionState::Closed {
            session.ended_at = session.ended_at.max(Some(update.ts));
        }
        session.offer_client(client, update.client_name.is_some());
        let said = || update.conversation.clone();
        session.conversation = session.conversation.take().or_else(said);
    }

    /// Writes back every session that changed.
    pub(super) fn write_back(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut update = tx.prepare_cached(
            "UPDATE sessions SET client = ?2, started_at = ?3, last_seen_at = ?4, ended_at = ?5,
             total_calls = ?6, total_errors = ?7,
             seal = row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) WHERE id = ?1",
        )?;
        let mut insert = tx.prepare_cached(
            "INSERT INTO sessions (id, client, started_at, last_seen_at, ended_at, total_calls,
             total_errors, proxy, session_id, inferred, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
                     row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10))",
        )?;
        for slot in self.dirty.drain(..) {
            let session = &mut self.slots[slot];
            let standing = std::mem::replace(&mut session.standing, Standing::Stored);
            let write = if standing == Standing::New {
                &mut insert
            } else {
                &mut update
            };
            write.execute(session.values(&session.id.as_str()))?;
            if let Some(conversation) = session.conversation.take() {
                keep_conversation(tx, session.number, &conversation)?;
            }
        }
        Ok(())
    }
}

/// The first conversation that is said of a session stays.
fn keep_conversation(tx: &Transaction<'_>, session: i64, said: &Text) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO conversations (session, conversation, seal) VALUES (?1, ?2, row_seal(?1, ?2))
         ON CONFLICT (session) DO NOTHING",
    )?
    .execute(params![session, said.as_str()])
    .map(drop)
}

fn proxies_of(tx: &Transaction<'_>, session_id: &Text) -> rusqlite::Result<Vec<i64>> {
    tx.prepare_cached("SELECT proxy FROM sessions WHERE session_id = ?1")?
        .query_map([session_id.as_str()], |row| row.get(0))?
        .collect()
}
