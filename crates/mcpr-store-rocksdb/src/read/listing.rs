//! Requests and gaps in their orders: by number, by time, by how long they took.

use super::named::NamedRows;
use crate::append::{GAP, GAP_TIME, StoredGap, gap_seq, payload};
use crate::columns::Column;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::records::Row;
use crate::rows::{self, of_time};
use crate::sessions;
use crate::view::{KeyRange, View};
use mcpr_store::StoreError;
use mcpr_store::query::{
    Cursor, Entry, Filter, GapRow, Order, Page, Place, RequestRow, Slowest, StoredKey, TimePage,
};
use std::ops::Range;

// Each look reads a row by its number, which is slower than a step of a walk.
/// As many requests of a window are looked at one by one where the slowest of it are asked for; of more, so many are
/// among the slowest of all that these are found sooner in that order.
const FEW: usize = 20_000;

pub(super) struct Listing<'a> {
    view: &'a View<'a>,
    filter: &'a Filter,
    named: NamedRows<'a>,
}

impl<'a> Listing<'a> {
    pub(super) fn of(view: &'a View<'a>, filter: &'a Filter) -> Self {
        let named = NamedRows::of(view);
        Self {
            view,
            filter,
            named,
        }
    }

    /// The row of a request that the filter lets through.
    fn matched(&self, seq: i64, row: &Row) -> Result<Option<RequestRow>, StoreError> {
        if !self.named.may_match(row, self.filter)? {
            return Ok(None);
        }
        let listed = self.named.listed(seq, row)?;
        // Its payload is read where a search is in it, and nowhere else.
        let search = self.filter.grep.as_ref();
        let payload = match search.filter(|it| it.bodies.any()) {
            Some(_) => payload(self.view, seq)?,
            None => None,
        };
        let matches = self.filter.matches(&listed, payload.as_ref());
        Ok(matches.then_some(listed))
    }

    fn stored(&self, seq: i64) -> Result<Row, StoreError> {
        let row = rows::row(self.view, seq)?;
        row.ok_or_else(|| damaged(format!("request {seq} is gone, and an index has it")))
    }

    fn matched_seq(&self, seq: i64) -> Result<Option<RequestRow>, StoreError> {
        self.matched(seq, &self.stored(seq)?)
    }

    pub(super) fn request(&self, seq: i64) -> Result<Option<RequestRow>, StoreError> {
        let row = rows::row(self.view, seq)?;
        row.map(|row| self.named.listed(seq, &row)).transpose()
    }

    /// The number of the session that is asked for; `None` where all are, and 0 where there is none of that key.
    fn session(&self) -> Result<Option<u64>, StoreError> {
        let Some(key) = &self.filter.session else {
            return Ok(None);
        };
        Ok(Some(sessions::number_of_key(self.view, key)?.unwrap_or(0)))
    }

    /// One page in the order of storing.
    pub(super) fn entries(&self, page: Page) -> Result<Vec<Entry>, StoreError> {
        let limit = page.limit.min(Page::MAX_LIMIT);
        let start = page
            .after
            .map_or(0, |after| after.to_seq().saturating_add(1));
        let end = page.before.map_or(i64::MAX, Cursor::to_seq);
        let seqs = start..end;
        let mut found = Vec::new();
        if limit > 0 && !seqs.is_empty() {
            self.requests_by_seq(&seqs, page.order, limit, &mut found)?;
            self.gaps_by_seq(&seqs, page.order, limit, &mut found)?;
        }
        // Requests and gaps share one row of numbers, and were read one after the other.
        found.sort_by_key(Entry::seq);
        Ok(cut(found, page.order, limit))
    }

    fn requests_by_seq(
        &self,
        seqs: &Range<i64>,
        order: Order,
        limit: usize,
        found: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        let mut take = |row: Option<RequestRow>| {
            found.extend(row.map(|row| Entry::Request(Box::new(row))));
            Ok(found.len() < limit)
        };
        // The narrowest index that there is: of a session few rows are read, whatever else is filtered by.
        if let Some(session) = self.session()? {
            let key = |seq| rows::session_key(session).seq(seq);
            let range = (key(seqs.start), key(seqs.end));
            return self
                .view
                .walk(Column::BySession, range, order, &mut |key, _| {
                    let seq = KeyParts(&key[8..]).seq();
                    take(self.matched_seq(seq.ok_or_else(undecodable)?)?)
                });
        }
        if self.filter.is_of_failed() {
            let range = (rows::error_key(seqs.start), rows::error_key(seqs.end));
            return self.view.walk(Column::Errors, range, order, &mut |key, _| {
                let seq = KeyParts(&key[1..]).signed();
                take(self.matched_seq(seq.ok_or_else(undecodable)?)?)
            });
        }
        let range = (rows::key_of(seqs.start), rows::key_of(seqs.end));
        self.view
            .walk(Column::Requests, range, order, &mut |key, bytes| {
                let row = crate::codec::unpack(bytes)?;
                take(self.matched(rows::seq_of(key)?, &row)?)
            })
    }

    fn gaps_by_seq(
        &self,
        seqs: &Range<i64>,
        order: Order,
        limit: usize,
        found: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        let key = |seq| Key::of(GAP).signed(seq);
        let range = (key(seqs.start), key(seqs.end));
        let mut left = limit;
        self.view
            .walk(Column::Gaps, range, order, &mut |key, bytes| {
                let gap = gap_row(gap_seq(key)?, crate::codec::unseal(key, bytes)?);
                if self.filter.matches_gap(&gap) {
                    found.push(Entry::Gap(gap));
                    left -= 1;
                }
                Ok(left > 0)
            })
    }

    /// One page in the order of time.
    pub(super) fn timeline(&self, page: TimePage) -> Result<Vec<Entry>, StoreError> {
        let limit = page.limit.min(Page::MAX_LIMIT);
        let mut found = Vec::new();
        if limit > 0 {
            self.requests_by_time(&page, limit, &mut found)?;
            self.gaps_by_time(&page, limit, &mut found)?;
        }
        found.sort_by_key(Entry::place);
        Ok(cut(found, page.order, limit))
    }

    /// The times that a page and the filter leave, both of them inclusive.
    fn times(&self, page: &TimePage) -> (i64, i64) {
        let first = page.after.map_or(i64::MIN, |after| after.ts);
        let first = self.filter.since.map_or(first, |since| since.max(first));
        let last = page.before.map_or(i64::MAX, |before| before.ts);
        let until = self.filter.until.map(|until| until.saturating_sub(1));
        (first, until.map_or(last, |until| until.min(last)))
    }

    fn requests_by_time(
        &self,
        page: &TimePage,
        limit: usize,
        found: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        let mut take = |place: Place| {
            // The edge of a page can lie within a millisecond, and a range of keys takes all of one.
            if page.has(place)
                && let Some(row) = self.matched_seq(place.seq)?
            {
                found.push(Entry::Request(Box::new(row)));
            }
            Ok(found.len() < limit)
        };
        let (first, last) = self.times(page);
        // Its index stands by number: so it is read as a whole and sorted.
        if let Some(session) = self.session()? {
            return self.of_session_by_time(session, page.order, &mut take);
        }
        if self.filter.is_of_failed() {
            let range = (
                rows::error_time_key(first, i64::MIN),
                rows::error_time_key(last, i64::MAX),
            );
            return self
                .view
                .walk(Column::Errors, range, page.order, &mut |key, _| {
                    let mut parts = KeyParts(&key[1..]);
                    let place = parts.signed().zip(parts.signed());
                    let (ts, seq) = place.ok_or_else(undecodable)?;
                    take(Place { ts, seq })
                });
        }
        let range = (
            rows::time_key(first, i64::MIN),
            rows::time_key(last, i64::MAX).next(),
        );
        self.by_time(range, page.order, &mut take)
    }

    /// Shows places in the order of time. Those of one time stand by their keys in the index, and as they were stored
    /// here.
    fn by_time(
        &self,
        range: KeyRange,
        order: Order,
        take: &mut dyn FnMut(Place) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut of_time_now: Vec<Place> = Vec::new();
        let mut goes_on = true;
        let mut show = |places: &mut Vec<Place>| {
            places.sort_unstable();
            if order == Order::Descending {
                places.reverse();
            }
            for place in places.drain(..) {
                if !take(place)? {
                    return Ok(false);
                }
            }
            Ok::<bool, StoreError>(true)
        };
        self.view
            .walk(Column::Times, range, order, &mut |key, value| {
                let (ts, seq) = of_time(key, value)?;
                if of_time_now.first().is_some_and(|place| place.ts != ts) {
                    goes_on = show(&mut of_time_now)?;
                }
                of_time_now.push(Place { ts, seq });
                Ok(goes_on)
            })?;
        if goes_on {
            show(&mut of_time_now)?;
        }
        Ok(())
    }

    /// The same of one session, of which all are looked at: they stand as they were stored.
    fn of_session_by_time(
        &self,
        session: u64,
        order: Order,
        take: &mut dyn FnMut(Place) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut places = Vec::new();
        self.each_of_session(session, &mut |seq| {
            places.push(Place {
                ts: self.stored(seq)?.ts,
                seq,
            });
            Ok(())
        })?;
        places.sort_unstable();
        if order == Order::Descending {
            places.reverse();
        }
        for place in places {
            if !take(place)? {
                break;
            }
        }
        Ok(())
    }

    fn each_of_session(
        &self,
        session: u64,
        take: &mut dyn FnMut(i64) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let beginning = rows::session_key(session);
        self.view.walk_under(
            Column::BySession,
            beginning,
            Order::Ascending,
            &mut |key, _| {
                take(KeyParts(&key[8..]).seq().ok_or_else(undecodable)?)?;
                Ok(true)
            },
        )
    }

    fn gaps_by_time(
        &self,
        page: &TimePage,
        limit: usize,
        found: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        // A gap that began before a window may reach into it: the filter's own times do not bound where it stands.
        let first = page.after.map_or(i64::MIN, |after| after.ts);
        let last = page.before.map_or(i64::MAX, |before| before.ts);
        let key = |ts: i64, seq: i64| Key::of(GAP_TIME).signed(ts).signed(seq);
        let range = (key(first, i64::MIN), key(last, i64::MAX).next());
        let mut left = limit;
        self.view
            .walk(Column::Gaps, range, page.order, &mut |key, _| {
                let seq = KeyParts(&key[9..]).signed().ok_or_else(undecodable)?;
                let gap = self.view.get(Column::Gaps, &Key::of(GAP).signed(seq))?;
                let entry = Entry::Gap(gap_row(seq, gap.ok_or_else(undecodable)?));
                if let Entry::Gap(gap) = &entry
                    && self.filter.matches_gap(gap)
                    && page.holds(&entry)
                {
                    found.push(entry);
                    left -= 1;
                }
                Ok(left > 0)
            })
    }

    /// Shows every request that the filter lets through.
    pub(super) fn each(&self, take: &mut dyn FnMut(RequestRow)) -> Result<(), StoreError> {
        if let Some(session) = self.session()? {
            return self.each_of_session(session, &mut |seq| {
                self.matched_seq(seq)?.into_iter().for_each(&mut *take);
                Ok(())
            });
        }
        let Filter { since, until, .. } = self.filter;
        let range = self.window();
        if since.is_none() && until.is_none() {
            let range = Key::new().all();
            return self.view.walk(
                Column::Requests,
                range,
                Order::Ascending,
                &mut |key, bytes| {
                    let row = crate::codec::unpack(bytes)?;
                    let row = self.matched(rows::seq_of(key)?, &row)?;
                    row.into_iter().for_each(&mut *take);
                    Ok(true)
                },
            );
        }
        self.view
            .walk(Column::Times, range, Order::Ascending, &mut |key, value| {
                let row = self.matched_seq(of_time(key, value)?.1)?;
                row.into_iter().for_each(&mut *take);
                Ok(true)
            })
    }

    /// The keys of the times of the filter's window.
    fn window(&self) -> KeyRange {
        let Filter { since, until, .. } = self.filter;
        let first = since.unwrap_or(i64::MIN);
        let end = until.map_or(Key::new().end(), |until| rows::time_key(until, i64::MIN));
        (rows::time_key(first, i64::MIN), end)
    }

    /// Whether few requests can be meant, so that a look at each is the shortest way.
    fn has_few(&self) -> Result<bool, StoreError> {
        let Filter {
            since,
            until,
            session,
            ..
        } = self.filter;
        if session.is_some() {
            return Ok(true);
        }
        if since.is_none() && until.is_none() {
            return Ok(false);
        }
        let mut left = FEW;
        self.view.walk(
            Column::Times,
            self.window(),
            Order::Ascending,
            &mut |_, _| {
                left -= 1;
                Ok(left > 0)
            },
        )?;
        Ok(left > 0)
    }

    /// Those that took longest, of equally slow ones the newest first.
    pub(super) fn slowest(&self, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        if self.has_few()? {
            let mut slowest = Slowest::new(limit);
            self.each(&mut |row| slowest.offer(row))?;
            return Ok(slowest.finish());
        }
        let mut found = Vec::new();
        // Behind the least that is asked for nothing is slow enough.
        let least = self.filter.min_latency_us.unwrap_or(i64::MIN);
        let range = (Key::new(), Key::new().falling(least).end());
        if limit == 0 {
            return Ok(found);
        }
        self.view
            .walk(Column::Slow, range, Order::Ascending, &mut |key, _| {
                let seq = KeyParts(&key[8..]).falling_seq();
                found.extend(self.matched_seq(seq.ok_or_else(undecodable)?)?);
                Ok(found.len() < limit)
            })?;
        Ok(found)
    }

    /// The newest requests that came with an id.
    pub(super) fn with_id(&self, id: &str, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.view.walk_under(
            Column::Ids,
            rows::id_key(id),
            Order::Descending,
            &mut |key, _| {
                let mut parts = KeyParts(&key[4..]);
                let seq = parts.signed().and_then(|_| parts.seq());
                let seq = seq.ok_or_else(undecodable)?;
                let row = self.stored(seq)?;
                // The hash of another id may be the same.
                if row.id().is_some_and(|it| it.to_string() == id) {
                    found.push(self.named.listed(seq, &row)?);
                }
                Ok(found.len() < limit)
            },
        )?;
        Ok(found)
    }
}

fn undecodable() -> StoreError {
    damaged("a key of an index does not decode")
}

/// A page of what was found in rising order.
fn cut(mut found: Vec<Entry>, order: Order, limit: usize) -> Vec<Entry> {
    if order == Order::Descending {
        found.reverse();
    }
    found.truncate(limit);
    found
}

fn gap_row(seq: i64, gap: StoredGap) -> GapRow {
    GapRow {
        seq,
        source: gap.source,
        count: gap.count,
        from_ts: gap.from_ts,
        to_ts: gap.to_ts,
    }
}

/// What second deliveries of requests and gaps are recognised by.
pub(super) fn keys(view: &View<'_>, first: i64, last: i64) -> Result<Vec<StoredKey>, StoreError> {
    let mut keys = Vec::new();
    let range = (rows::key_of(first), rows::key_of(last).next());
    view.walk(
        Column::Requests,
        range,
        Order::Ascending,
        &mut |key, bytes| {
            let row: Row = crate::codec::unpack(bytes)?;
            keys.push(StoredKey {
                seq: rows::seq_of(key)?,
                key: row.key,
                names_client: row.client != 0,
                call: row.call,
            });
            Ok(true)
        },
    )?;
    let range = (Key::of(GAP).signed(first), Key::of(GAP).signed(last).next());
    view.walk(Column::Gaps, range, Order::Ascending, &mut |key, bytes| {
        let gap: StoredGap = crate::codec::unseal(key, bytes)?;
        let (seq, key) = (gap_seq(key)?, gap.key);
        keys.push(StoredKey {
            seq,
            key,
            names_client: false,
            call: None,
        });
        Ok(true)
    })?;
    keys.sort_by_key(|key| key.seq);
    Ok(keys)
}
