//! Retention at work: what of a class is to go, slice by slice, each a change of its own, so that a writer who waits for
//! its end hardly notices.

use crate::append::{self, GAP, GAP_KEY, GAP_TIME, PAYLOAD_TIME, StoredGap, StoredLine, gap_seq};
use crate::columns::Column;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::rows::{self, of_time, time_key};
use crate::txn::Txn;
use crate::view::View;
use crate::{names, runs, sessions, sources, sums, surfaces};
use mcpr_model::time::HOUR_MS;
use mcpr_store::query::{ListKey, Order, SessionOrder, SessionPlace, SessionRow};
use mcpr_store::{Class, Oldest, Retention, StoreError, uncounted};
use rustc_hash::FxHashSet;
use std::collections::BTreeSet;

// A slice is one synced write, and recording waits for it.
/// Most rows removed as one change.
const SLICE: usize = 2000;
/// Most lists looked at by one.
const LISTS: usize = 16;
/// Most checkpoints kept: those of the files that moved on longest ago go.
const MAX_CHECKPOINTS: usize = 100_000;

/// What is to go, and how far that has come.
#[derive(Debug)]
pub(crate) struct SweepProgress {
    what: Retention,
    /// The kind of row whose turn it is.
    stage: usize,
    /// The next slice begins with this time.
    from: i64,
    /// The next slice begins behind this session, or this list.
    session: Option<SessionPlace>,
    list: Option<ListKey>,
}

/// What a slice has done.
struct SliceDone {
    /// Rows of the class that went.
    removed: u64,
    /// Whether there is nothing left of this kind of row.
    is_last: bool,
}

impl SliceDone {
    fn last(removed: u64) -> Self {
        Self {
            removed,
            is_last: true,
        }
    }

    /// Of so many rows, of which there is one slice after the other until none is full.
    fn of(removed: u64) -> Self {
        let is_last = removed < SLICE as u64;
        Self { removed, is_last }
    }
}

impl SweepProgress {
    pub(crate) fn of(what: &Retention) -> Self {
        Self {
            what: what.clone(),
            stage: 0,
            from: i64::MIN,
            session: None,
            list: None,
        }
    }

    /// Takes the next slice; `None` when nothing is left.
    pub(crate) fn slice(&mut self, txn: &mut Txn<'_>) -> Result<Option<u64>, StoreError> {
        let is_of_all = self.what.proxy.is_none();
        let slice = match (self.what.class, self.stage) {
            (Class::Requests, 0) => self.requests(txn)?,
            // A gap or a bad line has a source and no proxy.
            (Class::Requests, 1) if is_of_all => gaps(txn, self.what.before)?,
            (Class::Requests, 2) if is_of_all => bad_lines(txn, self.what.before)?,
            (Class::Requests, 1 | 2) => SliceDone::last(0),
            (Class::Requests, 3) => self.empty_sessions(txn)?,
            (Class::Payloads, 0) => self.payloads(txn)?,
            (Class::Payloads, 1) => {
                runs::forget_outputs(txn, self.what.before, &|proxy| self.what.means(proxy))?;
                SliceDone::last(0)
            }
            (Class::Sums, 0) => {
                let of = operations_of(&txn.view, &self.what)?;
                // Hours are removed as a whole, and only when all of one is before the time.
                let last_hour = self.what.before.saturating_sub(HOUR_MS);
                let (view, batch) = (&txn.view, &mut txn.batch);
                SliceDone::of(sums::remove(view, batch, last_hour, of.as_ref(), SLICE)?)
            }
            (Class::Surfaces, 0) => self.lists(txn)?,
            (Class::Names, 0) => {
                names::remove_unused(&txn.view, &mut txn.batch)?;
                SliceDone::last(0)
            }
            (Class::Names, 1) => SliceDone::last(old_sources(txn, self.what.before)?),
            _ => return Ok(None),
        };
        // The next kind begins at its own beginning.
        if slice.is_last {
            // Each kind begins when the one before it is done: a session is empty only when its requests are gone.
            self.stage += 1;
            self.from = i64::MIN;
        }
        // Also where nothing went: another kind may follow.
        Ok(Some(slice.removed))
    }

    /// Removes requests that are older than a time, from a time on.
    fn requests(&mut self, txn: &mut Txn<'_>) -> Result<SliceDone, StoreError> {
        let mut old: Vec<(i64, i64)> = Vec::new();
        let range = (
            time_key(self.from, i64::MIN),
            time_key(self.what.before, i64::MIN),
        );
        let mut is_last = true;
        txn.view
            .walk(Column::Times, range, Order::Ascending, &mut |key, value| {
                let (ts, seq) = of_time(key, value)?;
                // All of one time go together: a row whose key was taken is found by the one that has taken it.
                is_last = old.len() < SLICE || old.last().is_some_and(|(last, _)| *last == ts);
                if is_last {
                    old.push((ts, seq));
                }
                Ok(is_last)
            })?;
        // Anew for each slice: between two of them a recorder may have met new operations.
        let of = operations_of(&txn.view, &self.what)?;
        let mut removed = 0;
        for &(_, seq) in &old {
            let row = rows::row(&txn.view, seq)?;
            let row =
                row.ok_or_else(|| damaged(format!("request {seq} is gone, and its time is not")))?;
            if of.as_ref().is_none_or(|of| of.contains(&row.operation)) {
                txn.remove_row(seq, &row)?;
                removed += 1;
            }
        }
        self.from = old
            .last()
            .map_or(self.what.before, |(ts, _)| ts.saturating_add(1));
        Ok(SliceDone { removed, is_last })
    }

    fn payloads(&mut self, txn: &mut Txn<'_>) -> Result<SliceDone, StoreError> {
        let mut old: Vec<(i64, i64)> = Vec::new();
        let key = |ts| append::payload_time_key(ts, i64::MIN);
        let range = (key(self.from), key(self.what.before));
        let mut is_last = true;
        txn.view
            .walk(Column::Payloads, range, Order::Ascending, &mut |key, _| {
                let place = payload_place(key)?;
                is_last = old.len() < SLICE || old.last().is_some_and(|(last, _)| *last == place.0);
                if is_last {
                    old.push(place);
                }
                Ok(is_last)
            })?;
        let of = operations_of(&txn.view, &self.what)?;
        let mut removed = 0;
        for &(_, seq) in &old {
            if is_of(&txn.view, seq, of.as_ref())? {
                removed += u64::from(txn.remove_payload(seq)?);
            }
        }
        self.from = old
            .last()
            .map_or(self.what.before, |(ts, _)| ts.saturating_add(1));
        Ok(SliceDone { removed, is_last })
    }

    /// Removes sessions that have no requests any more and were not seen for so long.
    fn empty_sessions(&mut self, txn: &mut Txn<'_>) -> Result<SliceDone, StoreError> {
        let mut seen: Vec<SessionRow> = Vec::new();
        let from = self
            .session
            .clone()
            .unwrap_or_else(|| self.first_old_session());
        sessions::each_in_order(&txn.view, SessionOrder::Used, Some(&from), &mut |row| {
            seen.push(row);
            seen.len() < SLICE
        })?;
        self.session = seen.last().map(SessionRow::place);
        let is_last = seen.len() < SLICE;
        for row in seen {
            // The order stands by the last use; what is newer was stepped over.
            if row.last_seen_at >= self.what.before || !self.what.means(&row.proxy) {
                continue;
            }
            let number = txn
                .sessions
                .number(&txn.view, &row.proxy, &row.session_id)?;
            let Some(number) = number else { continue };
            let range = rows::session_key(number).all();
            if txn
                .view
                .first(Column::BySession, range, Order::Ascending)?
                .is_none()
            {
                runs::forget(txn, number)?;
                txn.sessions.remove(&mut txn.state, number);
            }
        }
        Ok(SliceDone {
            removed: 0,
            is_last,
        })
    }

    /// A place right before all sessions that were not used since the time.
    fn first_old_session(&self) -> SessionPlace {
        SessionPlace {
            last_seen_at: self.what.before,
            started_at: i64::MIN,
            key: mcpr_store::query::SessionKey {
                proxy: String::new(),
                id: String::new(),
            },
        }
    }

    fn lists(&mut self, txn: &mut Txn<'_>) -> Result<SliceDone, StoreError> {
        let all = surfaces::lists_of(&txn.view, self.what.proxy.as_deref())?;
        let left = all
            .into_iter()
            .filter(|list| self.list.as_ref().is_none_or(|last| list > last));
        let lists: Vec<ListKey> = left.take(LISTS).collect();
        let mut removed = 0;
        for list in &lists {
            removed += txn.vacuum_list(list, &self.what)?;
        }
        let is_last = lists.len() < LISTS;
        self.list = lists.into_iter().next_back();
        Ok(SliceDone { removed, is_last })
    }
}

/// The numbers of the operations of the proxy that is meant; `None` where all are.
fn operations_of(view: &View<'_>, what: &Retention) -> Result<Option<FxHashSet<u64>>, StoreError> {
    let Some(proxy) = &what.proxy else {
        return Ok(None);
    };
    let mut of = FxHashSet::default();
    names::each_operation(view, &mut |number, it| {
        if it.proxy == *proxy {
            of.insert(number);
        }
    })?;
    Ok(Some(of))
}

/// Whether a request is one of some operations.
fn is_of(view: &View<'_>, seq: i64, of: Option<&FxHashSet<u64>>) -> Result<bool, StoreError> {
    let Some(of) = of else { return Ok(true) };
    let row = rows::row(view, seq)?;
    Ok(row.is_some_and(|row| of.contains(&row.operation)))
}

fn payload_place(key: &[u8]) -> Result<(i64, i64), StoreError> {
    let mut parts = KeyParts(&key[1..]);
    let place = parts.signed().zip(parts.signed());
    place.ok_or_else(|| damaged("the time of a payload does not decode"))
}

/// The gaps that ended before a time, at most so many.
fn old_gaps(
    view: &View<'_>,
    before: i64,
    most: usize,
) -> Result<Vec<(i64, StoredGap)>, StoreError> {
    let mut old = Vec::new();
    view.walk_under(
        Column::Gaps,
        Key::of(GAP),
        Order::Ascending,
        &mut |key, bytes| {
            let gap: StoredGap = crate::codec::unseal(key, bytes)?;
            if gap.to_ts < before {
                old.push((gap_seq(key)?, gap));
            }
            Ok(old.len() < most)
        },
    )?;
    Ok(old)
}

fn gaps(txn: &mut Txn<'_>, before: i64) -> Result<SliceDone, StoreError> {
    let old = old_gaps(&txn.view, before, SLICE)?;
    let column = txn.view.column(Column::Gaps);
    for (seq, gap) in &old {
        txn.batch.delete_cf(column, Key::of(GAP).signed(*seq));
        txn.batch
            .delete_cf(column, Key::of(GAP_KEY).signed(gap.key));
        let by_time = Key::of(GAP_TIME).signed(gap.from_ts).signed(*seq);
        txn.batch.delete_cf(column, by_time);
        txn.state.gaps = txn.state.gaps.saturating_sub(1);
        txn.state.dropped = txn.state.dropped.saturating_sub(gap.count);
    }
    Ok(SliceDone::of(old.len() as u64))
}

fn bad_lines(txn: &mut Txn<'_>, before: i64) -> Result<SliceDone, StoreError> {
    let column = txn.view.column(Column::BadLines);
    let (batch, state) = (&mut txn.batch, &mut txn.state);
    txn.view.walk(
        Column::BadLines,
        Key::new().all(),
        Order::Ascending,
        &mut |key, bytes| {
            let line: StoredLine = crate::codec::unseal(key, bytes)?;
            if line.ts < before {
                batch.delete_cf(column, key);
                state.bad_lines = state.bad_lines.saturating_sub(1);
            }
            Ok(true)
        },
    )?;
    // There are a thousand at most.
    Ok(SliceDone::last(0))
}

/// Removes sources that nothing was met in for so long and that nothing names, and checkpoints beyond their bound.
fn old_sources(txn: &mut Txn<'_>, before: i64) -> Result<u64, StoreError> {
    let view = &txn.view;
    let mut checkpoints = sources::checkpoints(view, None, usize::MAX)?;
    // The newest first, so that what is beyond the bound is what moved longest ago.
    checkpoints.sort_by_key(|kept| std::cmp::Reverse(kept.seen_at));
    let beyond = checkpoints.split_off(checkpoints.len().min(MAX_CHECKPOINTS));
    for kept in beyond {
        sources::forget(view, &mut txn.batch, &kept.checkpoint);
    }
    let files = checkpoints
        .into_iter()
        .map(|kept| kept.checkpoint.path.to_string());
    let mut used: BTreeSet<String> = files.collect();
    // Whatever still names a source keeps it: its counts belong to what is listed.
    let gaps = old_gaps(view, i64::MAX, usize::MAX)?;
    used.extend(gaps.into_iter().map(|(_, gap)| gap.source));
    view.walk(
        Column::BadLines,
        Key::new().all(),
        Order::Ascending,
        &mut |key, bytes| {
            let line: StoredLine = crate::codec::unseal(key, bytes)?;
            used.insert(line.source);
            Ok(true)
        },
    )?;
    let mut removed = 0;
    for source in sources::listed(view, None, usize::MAX)? {
        if source.last_at < before && !used.contains(&source.name) {
            sources::remove(view, &mut txn.batch, &source.name);
            removed += 1;
        }
    }
    Ok(removed)
}

/// How many rows a vacuum of requests (with gaps) or of payloads would remove.
pub(crate) fn count_of(view: &View<'_>, what: &Retention) -> Result<u64, StoreError> {
    let of = operations_of(view, what)?;
    let mut count = 0;
    match what.class {
        Class::Requests => {
            let range = (Key::new(), time_key(what.before, i64::MIN));
            view.walk(Column::Times, range, Order::Ascending, &mut |key, value| {
                count += u64::from(is_of(view, of_time(key, value)?.1, of.as_ref())?);
                Ok(true)
            })?;
            if what.proxy.is_none() {
                count += old_gaps(view, what.before, usize::MAX)?.len() as u64;
            }
        }
        Class::Payloads => {
            let end = append::payload_time_key(what.before, i64::MIN);
            let range = (Key::of(PAYLOAD_TIME), end);
            view.walk(Column::Payloads, range, Order::Ascending, &mut |key, _| {
                count += u64::from(is_of(view, payload_place(key)?.1, of.as_ref())?);
                Ok(true)
            })?;
        }
        // What goes of these depends on what went before it: only removing them shows that.
        Class::Sums | Class::Surfaces | Class::Names => return Err(uncounted(what.class)),
    }
    Ok(count)
}

/// The time before which so many of the oldest requests lie; `None` where there are none.
pub(crate) fn time_after_oldest(
    view: &View<'_>,
    proxy: Option<&str>,
    requests: u64,
) -> Result<Option<i64>, StoreError> {
    let what = Retention::before(0).of_proxy(proxy.map(str::to_owned));
    let of = operations_of(view, &what)?;
    let (mut left, mut last) = (requests.max(1), None);
    view.walk(
        Column::Times,
        Key::new().all(),
        Order::Ascending,
        &mut |key, value| {
            let (ts, seq) = of_time(key, value)?;
            if is_of(view, seq, of.as_ref())? {
                last = Some(ts.saturating_add(1));
                left -= 1;
            }
            Ok(left > 0)
        },
    )?;
    Ok(last)
}

/// The oldest payloads that take so many bytes together.
pub(crate) fn oldest_payloads(
    view: &View<'_>,
    proxy: Option<&str>,
    bytes: u64,
) -> Result<Option<Oldest>, StoreError> {
    let what = Retention::before(0).of_proxy(proxy.map(str::to_owned));
    let of = operations_of(view, &what)?;
    let (mut sum, mut last) = (0_u64, None);
    view.walk(
        Column::Payloads,
        Key::of(PAYLOAD_TIME).all(),
        Order::Ascending,
        &mut |key, _| {
            let (ts, seq) = payload_place(key)?;
            if is_of(view, seq, of.as_ref())? {
                let facts = append::payload_facts(view, seq)?;
                sum = sum.saturating_add(facts.map_or(0, |(bytes, _)| bytes));
                last = Some(Oldest {
                    before: ts.saturating_add(1),
                    bytes: sum,
                });
            }
            Ok(sum < bytes)
        },
    )?;
    Ok(last)
}
