//! Sessions while a batch is written: read once, changed in memory, written once.

use super::{
    StoredSession, by_number, index_keys, number_of, number_of_key, numbers_of_id, pair_key,
    pair_of, record_key,
};
use crate::columns::Column;
use crate::keys::Key;
use crate::state::State;
use crate::view::{KeyRange, View};
use mcpr_model::{Request, SessionUpdate};
use mcpr_store::StoreError;
use mcpr_store::query::{Neighbour, Order, SessionKey, SessionRow, inferred_id};
use rocksdb::WriteBatch;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3;

/// A session that a batch has to do with.
#[derive(Debug, Clone)]
struct Loaded {
    stored: Option<SessionRow>,
    /// None once it is removed.
    now: Option<SessionRow>,
}

/// Where the next inferred request of a proxy and client very likely belongs: no session of theirs begins between the two
/// times, and these are the ones on either side.
#[derive(Debug, Clone, Copy)]
struct Around {
    from: i64,
    end: i64,
    before: Option<u64>,
    after: Option<u64>,
}

/// Sessions while a batch is written.
#[derive(Debug, Default)]
pub(crate) struct SessionChanges {
    all: FxHashMap<u64, Loaded>,
    /// Numbers by a hash of proxy and id, which are compared.
    numbers: FxHashMap<u64, u64>,
    around: FxHashMap<Key, Around>,
}

fn hash_of(proxy: &str, id: &str) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&(proxy.len() as u64).to_le_bytes());
    hash.update(proxy.as_bytes());
    hash.update(id.as_bytes());
    hash.digest()
}

impl SessionChanges {
    /// The session with a number, as it is by now.
    pub(crate) fn get(
        &mut self,
        view: &View<'_>,
        number: u64,
    ) -> Result<Option<&SessionRow>, StoreError> {
        if !self.all.contains_key(&number) {
            let Some(row) = by_number(view, number)? else {
                return Ok(None);
            };
            self.remember(number, Some(row.clone()), row);
        }
        Ok(self.all.get(&number).and_then(|it| it.now.as_ref()))
    }

    fn remember(&mut self, number: u64, stored: Option<SessionRow>, row: SessionRow) {
        self.numbers
            .insert(hash_of(&row.proxy, &row.session_id), number);
        let now = Some(row);
        self.all.insert(number, Loaded { stored, now });
    }

    /// The number of the session with a key, where there is one.
    pub(crate) fn number(
        &mut self,
        view: &View<'_>,
        proxy: &str,
        id: &str,
    ) -> Result<Option<u64>, StoreError> {
        if let Some(&number) = self.numbers.get(&hash_of(proxy, id))
            && let Some(now) = self.all.get(&number).and_then(|it| it.now.as_ref())
            && now.proxy == proxy
            && now.session_id == id
        {
            return Ok(Some(number));
        }
        let key = SessionKey {
            proxy: proxy.to_owned(),
            id: id.to_owned(),
        };
        let Some(number) = number_of_key(view, &key)? else {
            return Ok(None);
        };
        // Where it was removed in this batch, it is not there.
        Ok(self.get(view, number)?.map(|_| number))
    }

    /// The number of the session with a key, made where there is none.
    pub(crate) fn named(
        &mut self,
        view: &View<'_>,
        state: &mut State,
        proxy: &str,
        id: &str,
    ) -> Result<u64, StoreError> {
        if let Some(known) = self.number(view, proxy, id)? {
            return Ok(known);
        }
        let key = SessionKey {
            proxy: proxy.to_owned(),
            id: id.to_owned(),
        };
        Ok(self.add(state, SessionRow::blank(&key)))
    }

    fn add(&mut self, state: &mut State, row: SessionRow) -> u64 {
        let number = state.next_id();
        state.sessions += 1;
        self.remember(number, None, row);
        number
    }

    /// Changes a session that was asked for before.
    pub(crate) fn change(&mut self, number: u64, change: impl FnOnce(&mut SessionRow)) {
        let Some(row) = self.all.get_mut(&number).and_then(|it| it.now.as_mut()) else {
            return;
        };
        let was = (row.inferred, row.started_at);
        change(row);
        // Inferred sessions stand in order of their beginnings, and what was known of that order is not true any more.
        let is = (row.inferred, row.started_at);
        if was != is && (was.0 || is.0) {
            self.around.clear();
        }
    }

    /// The sessions that a statement is about, made where its proxy is named.
    pub(crate) fn meant_by(
        &mut self,
        view: &View<'_>,
        state: &mut State,
        update: &SessionUpdate,
    ) -> Result<Vec<u64>, StoreError> {
        if let Some(proxy) = &update.proxy {
            return Ok(vec![self.named(view, state, proxy, &update.session_id)?]);
        }
        // A stream that does not name the proxy means the session wherever it is.
        for number in numbers_of_id(view, &update.session_id, true)? {
            self.get(view, number)?;
        }
        let is_it = |it: &Loaded| {
            let now = it.now.as_ref();
            now.is_some_and(|now| *now.session_id == *update.session_id)
        };
        let meant = self.all.iter().filter(|(_, it)| is_it(it));
        Ok(meant.map(|(number, _)| *number).collect())
    }

    /// The inferred session that a request without a session id belongs to, made where there is none.
    pub(crate) fn inferred(
        &mut self,
        view: &View<'_>,
        state: &mut State,
        request: &Request,
    ) -> Result<u64, StoreError> {
        let (name, version) = (
            request.client_name.as_deref(),
            request.client_version.as_deref(),
        );
        let pair = pair_key(&request.proxy, name, version);
        let ts = request.ts;
        let known = self.around.get(&pair).copied();
        let known = known.filter(|around| (around.from..around.end).contains(&ts));
        let around = if let Some(around) = known {
            around
        } else {
            let found = self.look_around(view, &pair, ts)?;
            self.around.insert(pair, found);
            found
        };
        let now = |number: u64| self.all.get(&number).and_then(|it| it.now.as_ref());
        let seen = around.before.and_then(now).map(|it| it.last_seen_at);
        let start = around.after.and_then(now).map(|it| it.started_at);
        let found = match Neighbour::of(ts, seen, start) {
            Neighbour::Before => around.before,
            Neighbour::After => around.after,
            Neighbour::Neither => None,
        };
        match found {
            Some(found) => Ok(found),
            None => self.add_inferred(view, state, request),
        }
    }

    /// The inferred sessions of a pair on either side of a time.
    fn look_around(&mut self, view: &View<'_>, pair: &Key, ts: i64) -> Result<Around, StoreError> {
        let (first, end) = pair.clone().all();
        let edge = pair.clone().signed(ts).end();
        // Those in memory have moved, perhaps: what stands in the store does so for the others alone.
        let before = self.stored_beside(view, (first, edge.clone()), Order::Descending)?;
        let after = self.stored_beside(view, (edge, end), Order::Ascending)?;
        for number in [before, after].into_iter().flatten() {
            self.get(view, number)?;
        }
        let place = |(number, it): (&u64, &Loaded)| {
            let now = it
                .now
                .as_ref()
                .filter(|now| now.inferred && pair_of(now) == *pair)?;
            Some(((now.started_at, now.session_id.clone()), *number))
        };
        let mut places: Vec<_> = self.all.iter().filter_map(place).collect();
        places.sort();
        let at = places.partition_point(|((started, _), _)| *started <= ts);
        let before = at.checked_sub(1).map(|at| &places[at]);
        let after = places.get(at);
        Ok(Around {
            from: before.map_or(i64::MIN, |((started, _), _)| *started),
            end: after.map_or(i64::MAX, |((started, _), _)| *started),
            before: before.map(|(_, number)| *number),
            after: after.map(|(_, number)| *number),
        })
    }

    /// The first session of a range that is not in memory.
    fn stored_beside(
        &self,
        view: &View<'_>,
        range: KeyRange,
        order: Order,
    ) -> Result<Option<u64>, StoreError> {
        let mut found = None;
        view.walk(Column::Sessions, range, order, &mut |_, value| {
            let number = number_of(value)?;
            found = (!self.all.contains_key(&number)).then_some(number);
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    fn add_inferred(
        &mut self,
        view: &View<'_>,
        state: &mut State,
        request: &Request,
    ) -> Result<u64, StoreError> {
        let (name, version) = (
            request.client_name.as_deref(),
            request.client_version.as_deref(),
        );
        // Eight digits: now and then two are the same.
        let mut taken = 0;
        let id = loop {
            let id = inferred_id(&request.proxy, name, version, request.ts, taken);
            if self.number(view, &request.proxy, &id)?.is_none() {
                break id;
            }
            taken += 1;
        };
        let proxy = request.proxy.to_string();
        let row = SessionRow {
            inferred: true,
            client_name: name.map(str::to_owned),
            client_version: version.map(str::to_owned),
            started_at: request.ts,
            last_seen_at: request.ts,
            ..SessionRow::blank(&SessionKey { proxy, id })
        };
        self.around.clear();
        Ok(self.add(state, row))
    }

    /// Takes over what another store says of a session, also of an inferred one.
    pub(crate) fn take_over(
        &mut self,
        view: &View<'_>,
        state: &mut State,
        of: &SessionRow,
    ) -> Result<(), StoreError> {
        let is_new = self.number(view, &of.proxy, &of.session_id)?.is_none();
        let number = self.named(view, state, &of.proxy, &of.session_id)?;
        self.change(number, |row| row.raise_to(of, is_new));
        Ok(())
    }

    /// Removes a session that was asked for before.
    pub(crate) fn remove(&mut self, state: &mut State, number: u64) {
        if let Some(loaded) = self.all.get_mut(&number)
            && loaded.now.take().is_some()
        {
            state.sessions = state.sessions.saturating_sub(1);
        }
    }

    /// Writes back every session that changed.
    pub(crate) fn write(self, view: &View<'_>, batch: &mut WriteBatch) -> Result<(), StoreError> {
        let column = view.column(Column::Sessions);
        for (number, Loaded { stored, now }) in self.all {
            // Many were only asked for, and writing them would leave the same record twice for a compaction.
            if stored == now {
                continue;
            }
            let before = stored.as_ref().map(index_keys).unwrap_or_default();
            let keys = now.as_ref().map(index_keys).unwrap_or_default();
            for key in before.iter().filter(|key| !keys.contains(key)) {
                batch.delete_cf(column, key);
            }
            for key in keys.iter().filter(|key| !before.contains(key)) {
                batch.put_cf(column, key, Key::new().unsigned(number));
            }
            let key = record_key(number);
            match now {
                Some(now) => {
                    let record = crate::codec::seal(key.as_ref(), &StoredSession::of(&now))?;
                    batch.put_cf(column, &key, record);
                }
                None => batch.delete_cf(column, &key),
            }
        }
        Ok(())
    }
}
