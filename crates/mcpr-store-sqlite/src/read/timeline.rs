//! Requests and gaps in order of time, page by page.
//!
//! The index that keeps requests apart is over (time, key): a page seeks its time there, and what fell
//! into one millisecond is sorted. What an index finds that does not have that order (a session, few
//! failures, a millisecond with more than a page) is sorted once for all pages.

use super::entries::{GAP_COLUMNS, REQUEST_TABLES, direction, gap_row, rows_at};
use crate::conditions::{self, Conditions};
use crate::layout::layout_of;
use crate::places::{MAX_PLACES, Part};
use crate::recall::{NamesMatched, Recall};
use mcpr_store::query::{Cursor, Entry, Filter, Order, Page, Place, TimePage};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

/// The layout that brought the index of failed requests.
const FAILURES_SINCE: i64 = 2;
/// Most operations whose failures are looked up.
const MAX_LOOKED_UP: usize = 64;
/// Most failures that are looked up and sorted: more are soon met by going through the time.
const MAX_FAILURES: usize = 1 << 16;

/// The places that were sorted last, and of what.
#[derive(Debug, Default)]
pub(super) struct Listed {
    requests: Part<Key>,
    gaps: Part<Key>,
}

/// What a list of places is of.
#[derive(Debug, PartialEq)]
pub(super) struct Key {
    version: i64,
    order: Order,
    stored_before: Option<Cursor>,
    of: PlaceSet,
}

#[derive(Debug, PartialEq)]
enum PlaceSet {
    /// Everything that a filter lets through.
    Filter(Box<Filter>),
    /// Everything of one millisecond.
    Millisecond(i64),
    /// The gaps in a window.
    Gaps(Option<i64>, Option<i64>),
}

pub(super) fn timeline(
    connection: &Connection,
    recall: &mut Recall,
    listed: &mut Listed,
    filter: &Filter,
    page: TimePage,
) -> rusqlite::Result<Vec<Entry>> {
    let page = TimePage {
        limit: page.limit.min(Page::MAX_LIMIT),
        ..page
    };
    let mut walk = Walk {
        connection,
        page,
        listed,
    };
    let mut found = match conditions::of_filter(connection, recall, filter)? {
        Some(mut selection) => {
            let is_few = is_few(connection, filter, &selection.operations)?;
            selection.add_session(connection)?;
            let mut conditions = selection.conditions;
            conditions.add_operations(&selection.operations);
            // Here the index over times leads, so that the column is named without a sign.
            if is_few {
                conditions.add_times(filter, "r.ts");
                walk.sorted(filter, &conditions)?
            } else {
                conditions.add_times(&times_left(filter, page), "r.ts");
                walk.by_time(&conditions)?
            }
        }
        None => Vec::new(),
    };
    let gaps = walk.gaps(filter)?;
    if !gaps.is_empty() {
        found.extend(gaps);
        found.sort_by_key(Entry::place);
        if page.order == Order::Descending {
            found.reverse();
        }
        found.truncate(page.limit);
    }
    Ok(found)
}

/// The times of a filter that the bounds of a page do not imply. Of two bounds on one side SQLite seeks one,
/// and might go through all that the other leaves out, page after page.
fn times_left(filter: &Filter, page: TimePage) -> Filter {
    let is_implied_after = |since: i64| page.after.is_some_and(|after| after.ts >= since);
    let is_implied_before = |until: i64| page.before.is_some_and(|before| before.ts < until);
    Filter {
        since: filter.since.filter(|&since| !is_implied_after(since)),
        until: filter.until.filter(|&until| !is_implied_before(until)),
        ..Filter::default()
    }
}

/// Whether an index finds what is meant, and that is few enough to be sorted.
fn is_few(
    connection: &Connection,
    filter: &Filter,
    operations: &NamesMatched,
) -> rusqlite::Result<bool> {
    // However long a session is, its index gives nothing but its own.
    if filter.session.is_some() {
        return Ok(true);
    }
    let NamesMatched::These(operations) = operations else {
        return Ok(false);
    };
    if !filter.is_of_failed()
        || operations.len() > MAX_LOOKED_UP
        || layout_of(connection)? < FAILURES_SINCE
    {
        return Ok(false);
    }
    let mut left = MAX_FAILURES;
    let mut counted = connection.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM requests
         WHERE operation = ?1 AND error_kind IS NOT NULL LIMIT ?2)",
    )?;
    for operation in operations {
        // Counted no further than needed to know that there are too many.
        let count: usize = counted.query_row((operation, left + 1), |row| row.get(0))?;
        match left.checked_sub(count) {
            Some(rest) => left = rest,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// A page on its way through the time.
struct Walk<'a> {
    connection: &'a Connection,
    page: TimePage,
    listed: &'a mut Listed,
}

impl Walk<'_> {
    /// The place that the page begins after, and what stands behind it.
    fn begin(&self) -> (Option<Place>, char) {
        match self.page.order {
            Order::Ascending => (self.page.after, '>'),
            Order::Descending => (self.page.before, '<'),
        }
    }

    /// Adds the bounds of the page, but for the place where it begins.
    fn bound(&self, conditions: &Conditions) -> Conditions {
        let mut conditions = conditions.clone();
        if let Some(before) = self.page.stored_before {
            // Without the sign it might be taken for what leads.
            conditions.add("+r.seq < ?", [before.to_seq().into()]);
        }
        match self.page.order {
            Order::Ascending => add_bound(&mut conditions, self.page.before, '<'),
            Order::Descending => add_bound(&mut conditions, self.page.after, '>'),
        }
        conditions
    }

    /// What is left of the millisecond in which the last page ended, then what follows it.
    fn by_time(&mut self, conditions: &Conditions) -> rusqlite::Result<Vec<Entry>> {
        let mut bounded = self.bound(conditions);
        let mut found = Vec::new();
        let (begin, sign) = self.begin();
        if let Some(place) = begin {
            found = self.rest_of(place, &bounded)?;
            // The millisecond of the place is done with: what follows begins at another time.
            bounded.add(&format!("r.ts {sign} ?"), [place.ts.into()]);
        }
        if found.len() < self.page.limit {
            let rest = self.page.limit - found.len();
            found.extend(self.rows(&bounded, rest)?);
        }
        Ok(found)
    }

    fn rest_of(&mut self, place: Place, bounded: &Conditions) -> rusqlite::Result<Vec<Entry>> {
        // A millisecond with more than a page would be sorted anew by each page in it.
        let is_many = self
            .connection
            .prepare_cached("SELECT 1 FROM requests WHERE ts = ?1 LIMIT 1 OFFSET ?2")?
            .query_row((place.ts, Page::MAX_LIMIT), |_| Ok(()))
            .optional()?;
        let (_, sign) = self.begin();
        if is_many.is_none() {
            let mut rest = bounded.clone();
            // The sign keeps the sequence from leading, which would go through all that is stored
            // later.
            let clause = format!("r.ts = ? AND +r.seq {sign} ?");
            rest.add(&clause, [place.ts.into(), place.seq.into()]);
            return self.rows(&rest, self.page.limit);
        }
        let mut all = Conditions::default();
        // Without the filter: the places serve every filter, which is asked of the rows afterwards.
        all.add("r.ts = ?", [place.ts.into()]);
        let mut found = Vec::new();
        let mut from = place;
        while found.len() < self.page.limit {
            let key = self.key(PlaceSet::Millisecond(place.ts))?;
            let places = self.places(key, &all, Some(from))?;
            let Some(last) = places.last() else { break };
            from = *last;
            let mut here = bounded.clone();
            here.add_list("r.seq", &numbers(&places));
            let rest = self.page.limit - found.len();
            found.extend(self.rows(&here, rest)?);
        }
        Ok(found)
    }

    /// The page of a list that is sorted once.
    fn sorted(&mut self, filter: &Filter, conditions: &Conditions) -> rusqlite::Result<Vec<Entry>> {
        let (mut from, _) = self.begin();
        let mut found = Vec::new();
        while found.len() < self.page.limit {
            let of = PlaceSet::Filter(Box::new(filter.clone()));
            let key = self.key(of)?;
            let mut places = self.places(key, conditions, from)?;
            // The list does not know where the page ends, and serves others that end elsewhere.
            places.retain(|place| self.page.has(*place));
            let Some(last) = places.last() else { break };
            from = Some(*last);
            places.truncate(self.page.limit - found.len());
            found.extend(self.rows_at(&places)?);
        }
        Ok(found)
    }

    fn key(&self, of: PlaceSet) -> rusqlite::Result<Key> {
        // A commit may have put a row anywhere in the order of time: a list is of one state only.
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))?;
        Ok(Key {
            version,
            order: self.page.order,
            stored_before: self.page.stored_before,
            of,
        })
    }

    /// A page of the places of requests that meet some conditions, after one.
    fn places(
        &mut self,
        key: Key,
        conditions: &Conditions,
        begin: Option<Place>,
    ) -> rusqlite::Result<Vec<Place>> {
        let (connection, TimePage { order, .. }) = (self.connection, self.page);
        let (_, sign) = self.begin();
        let before = key.stored_before;
        let load = || {
            let mut conditions = conditions.clone();
            if let Some(before) = before {
                conditions.add("+r.seq < ?", [before.to_seq().into()]);
            }
            add_bound(&mut conditions, begin, sign);
            load(connection, conditions, &OF_REQUESTS, order, MAX_PLACES)
        };
        self.listed.requests.following(key, order, begin, load)
    }

    /// The gaps of the page.
    fn gaps(&mut self, filter: &Filter) -> rusqlite::Result<Vec<Entry>> {
        let (connection, TimePage { order, limit, .. }) = (self.connection, self.page);
        let (from, sign) = self.begin();
        let key = self.key(PlaceSet::Gaps(filter.since, filter.until))?;
        let before = key.stored_before;
        let load = || {
            let mut conditions = Conditions::default();
            if let Some(before) = before {
                conditions.add("r.seq < ?", [before.to_seq().into()]);
            }
            if let Some(since) = filter.since {
                conditions.add("r.to_ts >= ?", [since.into()]);
            }
            if let Some(until) = filter.until {
                conditions.add("r.from_ts < ?", [until.into()]);
            }
            if let Some(place) = from {
                let clause = format!("(r.from_ts, r.seq) {sign} (?, ?)");
                conditions.add(&clause, [place.ts.into(), place.seq.into()]);
            }
            let places = PlaceColumns {
                ts: "r.from_ts",
                seq: "r.seq",
                tables: "gaps r",
            };
            load(connection, conditions, &places, order, MAX_PLACES)
        };
        let mut places = self.listed.gaps.following(key, order, from, load)?;
        places.retain(|place| self.page.has(*place));
        places.truncate(limit);
        // Mostly: there are few gaps, and no statement is needed for none.
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut here = Conditions::default();
        here.add_list("seq", &numbers(&places));
        let sql = format!("SELECT {GAP_COLUMNS} FROM gaps WHERE {}", here.sql());
        connection
            .prepare_cached(&sql)?
            .query_map(params_from_iter(here.values()), |row| {
                gap_row(row).map(Entry::Gap)
            })?
            .collect()
    }

    /// The first so many requests that meet some conditions.
    fn rows(&self, conditions: &Conditions, limit: usize) -> rusqlite::Result<Vec<Entry>> {
        let order = self.page.order;
        let places = load(
            self.connection,
            conditions.clone(),
            &OF_REQUESTS,
            order,
            limit,
        )?;
        self.rows_at(&places)
    }

    /// The requests at some places, in the order of the page.
    fn rows_at(&self, places: &[Place]) -> rusqlite::Result<Vec<Entry>> {
        let rows = rows_at(self.connection, &numbers(places))?.into_iter();
        let mut found: Vec<Entry> = rows.map(|row| Entry::Request(Box::new(row))).collect();
        found.sort_by_key(Entry::place);
        if self.page.order == Order::Descending {
            found.reverse();
        }
        Ok(found)
    }
}

fn numbers(places: &[Place]) -> Vec<i64> {
    places.iter().map(|place| place.seq).collect()
}

/// Adds that a request stands before or behind a place.
fn add_bound(conditions: &mut Conditions, place: Option<Place>, sign: char) {
    if let Some(place) = place {
        // The first term says nothing new, and is the one by which the index is entered.
        let clause = format!("r.ts {sign}= ? AND (r.ts {sign} ? OR +r.seq {sign} ?)");
        conditions.add(
            &clause,
            [place.ts.into(), place.ts.into(), place.seq.into()],
        );
    }
}

fn in_order(ts: &str, seq: &str, order: Order) -> String {
    let direction = direction(order);
    format!("ORDER BY {ts} {direction}, {seq} {direction} LIMIT ?")
}

/// Where places stand: the columns of the time and the sequence number, and the tables they are in.
struct PlaceColumns<'a> {
    ts: &'a str,
    seq: &'a str,
    tables: &'a str,
}

const OF_REQUESTS: PlaceColumns<'static> = PlaceColumns {
    ts: "r.ts",
    seq: "r.seq",
    tables: REQUEST_TABLES,
};

/// The first so many places in an order. Nothing but numbers is sorted.
fn load(
    connection: &Connection,
    conditions: Conditions,
    places: &PlaceColumns<'_>,
    order: Order,
    limit: usize,
) -> rusqlite::Result<Vec<Place>> {
    let PlaceColumns { ts, seq, tables } = places;
    let sql = format!(
        "SELECT {ts}, {seq} FROM {tables} WHERE {} {}",
        conditions.sql(),
        in_order(ts, seq, order)
    );
    let mut values = conditions.values();
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), |row| {
            Ok(Place {
                ts: row.get(0)?,
                seq: row.get(1)?,
            })
        })?
        .collect()
}
