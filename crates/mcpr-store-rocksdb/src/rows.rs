//! Requests: a row under each number, and its keys in the indexes.

use crate::codec::{pack, sum_of, unpack};
use crate::columns::Column;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::records::Row;
use crate::view::View;
use mcpr_store::StoreError;
use mcpr_store::query::Order;
use rocksdb::WriteBatch;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

// Requests have no checksum of their own, which would make each of them longer: one for so many is read and written
// once a batch.
/// How many numbers have a seal together.
pub(crate) const SEAL_ROWS: i64 = 1024;

pub(crate) fn key_of(seq: i64) -> Key {
    Key::new().signed(seq)
}

pub(crate) fn seq_of(key: &[u8]) -> Result<i64, StoreError> {
    let seq = KeyParts(key).signed();
    seq.ok_or_else(|| damaged("the number of a request does not decode"))
}

/// The request with a number.
pub(crate) fn row(view: &View<'_>, seq: i64) -> Result<Option<Row>, StoreError> {
    let found = view.raw(Column::Requests, &key_of(seq))?;
    found.map(|bytes| unpack(&bytes)).transpose()
}

pub(crate) fn time_key(ts: i64, key: i64) -> Key {
    Key::new().signed(ts).signed(key)
}

/// The number under a key of [`Column::Times`], and its time.
pub(crate) fn of_time(key: &[u8], value: &[u8]) -> Result<(i64, i64), StoreError> {
    let found = KeyParts(key).signed().zip(KeyParts(value).seq());
    found.ok_or_else(|| damaged("a time of a request does not decode"))
}

/// The beginning of the keys of an id.
pub(crate) fn id_key(id: &str) -> Key {
    // Ids can be long, and many clients count from 1: four bytes of a hash find few others.
    let [a, b, c, d, ..] = xxh3_64(id.as_bytes()).to_be_bytes();
    Key::new().byte(a).byte(b).byte(c).byte(d)
}

pub(crate) fn session_key(session: u64) -> Key {
    Key::new().unsigned(session)
}

/// Those that failed stand in both orders: there are few of them, and both are asked for.
pub(crate) const ERROR_BY_SEQ: u8 = b's';
pub(crate) const ERROR_BY_TIME: u8 = b't';

pub(crate) fn error_key(seq: i64) -> Key {
    Key::of(ERROR_BY_SEQ).signed(seq)
}

pub(crate) fn error_time_key(ts: i64, seq: i64) -> Key {
    Key::of(ERROR_BY_TIME).signed(ts).signed(seq)
}

fn call_key(code: i64) -> Key {
    Key::new().signed(code)
}

/// Every key of a row in an index, with what stands there.
pub(crate) fn index_keys(seq: i64, row: &Row) -> Vec<(Column, Key, Key)> {
    let nothing = Key::default;
    // Latencies that nobody knows stand behind all others.
    let slow = Key::new().falling(row.latency_us.unwrap_or(i64::MIN));
    let mut keys = vec![
        (
            Column::Times,
            time_key(row.ts, row.key),
            Key::default().seq(seq),
        ),
        (Column::Slow, slow.falling_seq(seq), nothing()),
    ];
    if let Some(id) = row.id() {
        let key = id_key(&id.to_string()).signed(row.ts).seq(seq);
        keys.push((Column::Ids, key, nothing()));
    }
    if let Some(code) = row.call {
        keys.push((Column::Calls, call_key(code).seq(seq), nothing()));
    }
    if row.session != 0 {
        keys.push((
            Column::BySession,
            session_key(row.session).seq(seq),
            nothing(),
        ));
    }
    if row.error != 0 {
        keys.push((Column::Errors, error_key(seq), nothing()));
        keys.push((Column::Errors, error_time_key(row.ts, seq), nothing()));
    }
    keys
}

/// The numbers under the codes of a call from one to another, at most so many.
pub(crate) fn under_codes(
    view: &View<'_>,
    first: i64,
    last: i64,
    most: usize,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut found = Vec::new();
    let range = (call_key(first), call_key(last).end());
    view.walk(Column::Calls, range, Order::Ascending, &mut |key, _| {
        let mut parts = KeyParts(key);
        let place = parts.signed().zip(parts.seq());
        found.push(place.ok_or_else(|| damaged("a call does not decode"))?);
        Ok(found.len() < most)
    })?;
    Ok(found)
}

/// A row that a batch adds or changes.
#[derive(Debug)]
struct Changed {
    stored: Option<Row>,
    now: Row,
}

/// Rows while a batch is written.
#[derive(Debug, Default)]
pub(crate) struct RowChanges {
    changed: BTreeMap<i64, Changed>,
    /// New ones by time and key.
    times: FxHashMap<(i64, i64), i64>,
    /// Those that are new in their place by the code of their call.
    calls: BTreeSet<(i64, i64)>,
    /// By how much the sums of blocks change.
    seals: FxHashMap<i64, u64>,
}

impl RowChanges {
    /// The row that stands under a key at a time.
    pub(crate) fn under(
        &self,
        view: &View<'_>,
        ts: i64,
        key: i64,
    ) -> Result<Option<Row>, StoreError> {
        if let Some(changed) = self
            .times
            .get(&(ts, key))
            .and_then(|seq| self.changed.get(seq))
        {
            return Ok(Some(changed.now.clone()));
        }
        let Some(seq) = view.raw(Column::Times, &time_key(ts, key))? else {
            return Ok(None);
        };
        let seq = KeyParts(&seq).seq();
        let seq = seq.ok_or_else(|| damaged("a time of a request does not decode"))?;
        let row = self.row(view, seq)?;
        // It has moved in this batch, perhaps.
        Ok(row.filter(|row| (row.ts, row.key) == (ts, key)))
    }

    pub(crate) fn row(&self, view: &View<'_>, seq: i64) -> Result<Option<Row>, StoreError> {
        match self.changed.get(&seq) {
            Some(changed) => Ok(Some(changed.now.clone())),
            None => row(view, seq),
        }
    }

    /// The first numbers under the codes of a call, in the order of storing, each with its code.
    pub(crate) fn under_codes(
        &self,
        view: &View<'_>,
        ranges: &[(i64, i64)],
        most: usize,
    ) -> Result<Vec<(i64, i64)>, StoreError> {
        let mut found: Vec<(i64, i64)> = Vec::new();
        for &(first, last) in ranges.iter().filter(|(first, last)| first <= last) {
            let stored = under_codes(view, first, last, most)?;
            // One that has got another code in this batch stands there no more.
            let stands = |(code, seq): &(i64, i64)| {
                self.changed
                    .get(seq)
                    .is_none_or(|it| it.now.call == Some(*code))
            };
            found.extend(
                stored
                    .into_iter()
                    .filter(stands)
                    .map(|(code, seq)| (seq, code)),
            );
            let new = self.calls.range((first, i64::MIN)..=(last, i64::MAX));
            found.extend(new.map(|(code, seq)| (*seq, *code)));
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(most);
        Ok(found)
    }

    /// Adds a row, or puts another one in its place.
    pub(crate) fn put(&mut self, seq: i64, stored: Option<Row>, now: Row) {
        // Its time and its code change when another channel has reported the call.
        // What this batch has put under its old time would be found there in the same batch.
        if let Some(before) = self.changed.get(&seq).map(|it| &it.now) {
            self.times.remove(&(before.ts, before.key));
            before.call.map(|code| self.calls.remove(&(code, seq)));
        }
        if let Some(code) = now.call {
            self.calls.insert((code, seq));
        }
        self.times.insert((now.ts, now.key), seq);
        match self.changed.get_mut(&seq) {
            Some(changed) => changed.now = now,
            None => drop(self.changed.insert(seq, Changed { stored, now })),
        }
    }

    /// Removes a stored row with all its keys.
    pub(crate) fn remove(
        &mut self,
        view: &View<'_>,
        batch: &mut WriteBatch,
        seq: i64,
        row: &Row,
    ) -> Result<(), StoreError> {
        for (column, key, _) in index_keys(seq, row) {
            batch.delete_cf(view.column(column), key);
        }
        batch.delete_cf(view.column(Column::Requests), key_of(seq));
        self.change_seal(seq, row, u64::wrapping_sub)
    }

    fn change_seal(
        &mut self,
        seq: i64,
        row: &Row,
        change: fn(u64, u64) -> u64,
    ) -> Result<(), StoreError> {
        let sum = seal_of(seq, &pack(row)?);
        let seal = self.seals.entry(seq.div_euclid(SEAL_ROWS)).or_default();
        // Wrapping: a sum that is taken off again leaves what was there before, whatever the order.
        *seal = change(*seal, sum);
        Ok(())
    }

    /// Writes all of it.
    pub(crate) fn write(
        mut self,
        view: &View<'_>,
        batch: &mut WriteBatch,
    ) -> Result<(), StoreError> {
        for (seq, Changed { stored, now }) in std::mem::take(&mut self.changed) {
            let packed = pack(&now)?;
            let seal = self.seals.entry(seq.div_euclid(SEAL_ROWS)).or_default();
            *seal = seal.wrapping_add(seal_of(seq, &packed));
            batch.put_cf(view.column(Column::Requests), key_of(seq), packed);
            let mut keys = index_keys(seq, &now);
            if let Some(stored) = stored {
                self.change_seal(seq, &stored, u64::wrapping_sub)?;
                let before = index_keys(seq, &stored);
                for (column, key, _) in before.iter().filter(|key| !keys.contains(key)) {
                    batch.delete_cf(view.column(*column), key);
                }
                // Most keys stay when a row changes: deleting and putting them would leave both for a compaction.
                keys.retain(|key| !before.contains(key));
            }
            for (column, key, value) in keys {
                batch.put_cf(view.column(column), key, value);
            }
        }
        for (block, change) in self.seals {
            let key = key_of(block);
            let seal = view.get::<u64>(Column::Seals, &key)?.unwrap_or(0);
            let seal = crate::codec::seal(key.as_ref(), &seal.wrapping_add(change))?;
            batch.put_cf(view.column(Column::Seals), key, seal);
        }
        Ok(())
    }
}

/// What a row adds to the seal of its block, so that the order of rows does not matter and each can be taken off.
pub(crate) fn seal_of(seq: i64, packed: &[u8]) -> u64 {
    sum_of(&seq.to_be_bytes(), packed)
}
