//! What a reader remembers of a filter from one page to the next: a listing that begins each page anew
//! would look at every name and every batch once a page.
//!
//! Only what came since is looked at again. Numbers and batches are given out in ascending order, so
//! that is what stands behind the last one seen.

use super::number_set::NumberSet;
use super::searched::SearchedFor;
use super::shown::shown;
use mcpr_model::Kind;
use mcpr_store::query::{Cursor, Filter, Page, Pattern};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::{Arc, PoisonError, RwLock};

/// Most numbers that are given to a statement as a list; more are asked for one by one.
// A longer list would be written as JSON and parsed again for each page.
const MAX_LISTED: usize = 1000;

/// Numbers that a function of SQL looks up.
type Numbers = Arc<RwLock<NumberSet>>;

/// What is known of the filter that was asked for last.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    filter: Option<Filter>,
    window: Window,
    operations: Matched,
    clients: Matched,
    /// Without a function for a list of requests: that of operations is made of them.
    proxies: Matched,
    pub(crate) searched: SearchedFor,
}

/// The rows of a table of names that a filter matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamesMatched {
    /// All of them.
    All,
    /// None: what is asked for was never recorded.
    None,
    /// Those with these numbers.
    These(Vec<i64>),
    /// Those for whose number this function of SQL is true.
    Asked(&'static str),
}

impl Recall {
    /// Remembers for lists of requests of a connection, on which it may define functions.
    pub(crate) fn of_requests(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            operations: Matched::asked(connection, "is_wanted_operation")?,
            clients: Matched::asked(connection, "is_wanted_client")?,
            searched: SearchedFor::register(connection)?,
            ..Self::default()
        })
    }

    /// Remembers for lists of sessions, which may be asked for in between.
    pub(crate) fn of_sessions(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            clients: Matched::asked(connection, "is_client_of_wanted_session")?,
            proxies: Matched::asked(connection, "is_proxy_of_wanted_session")?,
            ..Self::default()
        })
    }

    fn turn_to(&mut self, filter: &Filter) {
        if self.filter.as_ref() != Some(filter) {
            self.filter = Some(filter.clone());
            self.window = Window::default();
            self.operations.forget();
            self.clients.forget();
            self.proxies.forget();
        }
    }

    /// The operations that a filter lets through.
    pub(crate) fn operations(
        &mut self,
        connection: &Connection,
        filter: &Filter,
    ) -> rusqlite::Result<NamesMatched> {
        if !filter.is_of_names() && filter.proxy.is_none() && filter.kind.is_none() {
            return Ok(NamesMatched::All);
        }
        self.turn_to(filter);
        let known = &mut self.operations;
        let mark: Option<i64> = connection
            .prepare_cached("SELECT hash FROM operations WHERE id = ?1")?
            .query_row([known.seen], |row| row.get(0))
            .optional()?;
        // A vacuum removes names, and the highest number may then be given out again: a row that is
        // gone, or another one, has another mark.
        known.begin(mark.unwrap_or_default());
        let newest: Option<i64> = connection
            .prepare_cached("SELECT max(id) FROM operations")?
            .query_row([], |row| row.get(0))?;
        if newest.is_none_or(|newest| newest <= known.seen) {
            // Nothing came since; the list of proxies, which may be long, is not needed.
            return Ok(known.matched());
        }
        // Proxies by their numbers: their names, compared with that of each operation, may be long.
        let proxies = match self.proxies(connection, filter)? {
            // No operation is of a proxy that is not there. One to come brings operations of its own.
            NamesMatched::None => return Ok(NamesMatched::None),
            NamesMatched::These(ids) => Some(number_list(&ids)),
            NamesMatched::All | NamesMatched::Asked(_) => None,
        };
        let known = &mut self.operations;
        let mut statement = connection.prepare_cached(concat!(
            "SELECT o.id, o.hash, ",
            shown!("o.method", "o.id"),
            ", CASE o.target_kind WHEN 1 THEN ",
            shown!("o.target", "o.id"),
            " END, (?1 IS NULL OR o.proxy IN (SELECT value FROM json_each(?1)))
                    AND (?2 IS NULL OR o.kind = ?2)
             FROM operations o WHERE o.id > ?3 ORDER BY o.id"
        ))?;
        let kind = filter.kind.map(Kind::code);
        let mut rows = statement.query(params![proxies, kind, known.seen])?;
        while let Some(row) = rows.next()? {
            let is_meant = row.get::<_, Option<bool>>(4)?.unwrap_or(false)
                && filter.takes_names(row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str_or_null()?);
            known.take(row.get(0)?, row.get(1)?, is_meant);
        }
        Ok(known.matched())
    }

    /// The clients that a filter lets through.
    pub(crate) fn clients(
        &mut self,
        connection: &Connection,
        filter: &Filter,
    ) -> rusqlite::Result<NamesMatched> {
        let Some(pattern) = &filter.client else {
            return Ok(NamesMatched::All);
        };
        self.turn_to(filter);
        read_on(&mut self.clients, connection, CLIENTS, pattern)?;
        Ok(match self.clients.matched() {
            // A client without a name matches no pattern.
            NamesMatched::All => self.clients.numbers_or_list(),
            meant => meant,
        })
    }

    /// The proxies that a filter lets through.
    pub(crate) fn proxies(
        &mut self,
        connection: &Connection,
        filter: &Filter,
    ) -> rusqlite::Result<NamesMatched> {
        let Some(pattern) = &filter.proxy else {
            return Ok(NamesMatched::All);
        };
        // By the index over names: nothing to remember, and a store with many proxies is not looked through.
        if let Some(name) = pattern.as_name() {
            let mut statement =
                connection.prepare_cached("SELECT id FROM proxies WHERE name = ?1")?;
            let found = statement.query_row([name], |row| row.get(0)).optional()?;
            return Ok(found.map_or(NamesMatched::None, |id| NamesMatched::These(vec![id])));
        }
        self.turn_to(filter);
        read_on(&mut self.proxies, connection, PROXIES, pattern)?;
        Ok(self.proxies.matched())
    }

    /// Narrows a page to the part of the sequence that the batches' own spans leave over.
    pub(crate) fn narrow(
        &mut self,
        connection: &Connection,
        filter: &Filter,
        page: Page,
    ) -> rusqlite::Result<Page> {
        if filter.since.is_none() && filter.until.is_none() {
            return Ok(page);
        }
        self.turn_to(filter);
        // A window of time is a stretch of the sequence, more or less: requests are stored about
        // when they are made.
        self.window.read_on(connection, filter)?;
        let Window { low, high, .. } = self.window;
        let after = Cursor::from_seq(low).previous();
        let before = Cursor::from_seq(high).next();
        Ok(Page {
            // `None` is less than any bound.
            after: page.after.max(filter.since.map(|_| after)),
            before: match (page.before, filter.until) {
                (bound, None) => bound,
                (None, Some(_)) => Some(before),
                (Some(bound), Some(_)) => Some(bound.min(before)),
            },
            ..page
        })
    }
}

/// Numbers as one value of a statement, which `json_each` takes apart.
pub(crate) fn number_list(numbers: &[i64]) -> Value {
    serde_json::to_string(numbers)
        .expect("numbers are JSON")
        .into()
}

const CLIENTS: &str = concat!(
    "SELECT id, ",
    shown!("name", "id"),
    " FROM clients WHERE id >= ?1 ORDER BY id"
);
const PROXIES: &str = concat!(
    "SELECT id, ",
    shown!("name", "id"),
    " FROM proxies WHERE id >= ?1 ORDER BY id"
);

/// Looks at the names of a table that came since.
fn read_on(
    known: &mut Matched,
    connection: &Connection,
    names: &str,
    pattern: &Pattern,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(names)?;
    // The last one seen comes once more, to find whether it is still the same.
    let mut rows = statement.query([known.seen])?;
    let mut is_first = true;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let name = match row.get_ref(1)?.data_type() {
            Type::Null => None,
            _ => Some(row.get_ref(1)?.as_str()?),
        };
        let mark = name.map_or(0, |name| {
            xxhash_rust::xxh3::xxh3_64(name.as_bytes()).cast_signed()
        });
        if std::mem::take(&mut is_first) {
            if id == known.seen && mark == known.mark {
                continue;
            }
            // The last one seen is gone or another one, so that nothing that was remembered holds.
            if known.seen != 0 {
                drop(rows);
                drop(statement);
                known.forget();
                return read_on(known, connection, names, pattern);
            }
        }
        known.take(id, mark, name.is_some_and(|name| pattern.matches(name)));
    }
    Ok(())
}

/// Where in the sequence requests of a time window can be.
#[derive(Debug)]
struct Window {
    low: i64,
    high: i64,
    /// The newest batch that was looked at; it may have grown since.
    batch: i64,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            low: i64::MAX,
            high: 0,
            batch: 0,
        }
    }
}

impl Window {
    fn read_on(&mut self, connection: &Connection, filter: &Filter) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(
            "SELECT max(id), min(CASE WHEN max_ts >= ?1 THEN first_seq END),
                    max(CASE WHEN min_ts < ?2 THEN last_seq END)
             FROM batches WHERE id >= ?3",
        )?;
        let batch = self.batch;
        let bounds = params![
            filter.since.unwrap_or(i64::MIN),
            filter.until.unwrap_or(i64::MAX),
            batch
        ];
        statement.query_row(bounds, |row| {
            // The last batch is looked at again next time, for small commits are added to it.
            self.batch = row.get::<_, Option<i64>>(0)?.unwrap_or(self.batch);
            self.low = self
                .low
                .min(row.get::<_, Option<i64>>(1)?.unwrap_or(i64::MAX));
            self.high = self.high.max(row.get::<_, Option<i64>>(2)?.unwrap_or(0));
            Ok(())
        })
    }
}

/// The names that match, as far as they were looked at.
#[derive(Debug, Default)]
struct Matched {
    /// The first of them: as many as a list may have, and one more.
    list: Vec<i64>,
    count: usize,
    total: usize,
    /// The last one looked at, and what distinguishes it from another one with its number.
    seen: i64,
    mark: i64,
    function: Option<(&'static str, Numbers)>,
}

impl Matched {
    fn asked(connection: &Connection, name: &'static str) -> rusqlite::Result<Self> {
        let numbers = Numbers::default();
        let theirs = Arc::clone(&numbers);
        // Not declared deterministic: what it answers changes while names are added.
        connection.create_scalar_function(name, 1, FunctionFlags::SQLITE_UTF8, move |row| {
            let number: Option<i64> = row.get(0)?;
            let numbers = theirs.read().unwrap_or_else(PoisonError::into_inner);
            Ok(number.is_some_and(|number| numbers.has(number)))
        })?;
        Ok(Self {
            function: Some((name, numbers)),
            ..Self::default()
        })
    }

    fn forget(&mut self) {
        *self = Self {
            function: self.function.take(),
            ..Self::default()
        };
        if let Some((_, numbers)) = &self.function {
            numbers
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
        }
    }

    /// Begins to look at what came since, or at everything where the last one is another one now.
    fn begin(&mut self, mark: i64) {
        if self.seen != 0 && mark != self.mark {
            self.forget();
        }
    }

    fn take(&mut self, number: i64, mark: i64, is_meant: bool) {
        (self.seen, self.mark) = (number, mark);
        self.total += 1;
        if !is_meant {
            return;
        }
        self.count += 1;
        // All of them, for the function is asked about each row.
        if let Some((_, numbers)) = &self.function {
            let mut numbers = numbers.write().unwrap_or_else(PoisonError::into_inner);
            numbers.add(number);
        }
        // A longer list is never used where there is a function; without one it is all there is.
        if self.list.len() <= MAX_LISTED || self.function.is_none() {
            self.list.push(number);
        }
    }

    fn matched(&self) -> NamesMatched {
        // Where all are meant no condition is needed. Without any row nothing can be reported about all.
        if self.total > 0 && self.count == self.total {
            return NamesMatched::All;
        }
        self.numbers_or_list()
    }

    fn numbers_or_list(&self) -> NamesMatched {
        match &self.function {
            _ if self.count == 0 => NamesMatched::None,
            Some((name, _)) if self.count > MAX_LISTED => NamesMatched::Asked(name),
            _ => NamesMatched::These(self.list.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_that_match_no_long_list_is_held() {
        let connection = Connection::open_in_memory().expect("a store");
        let mut known = Matched::asked(&connection, "is_wanted").expect("a function");
        let many = i64::try_from(10 * MAX_LISTED).expect("a number");
        for number in 1..=many {
            known.take(number, 0, number % 2 == 0);
        }
        assert_eq!(known.matched(), NamesMatched::Asked("is_wanted"));
        assert_eq!(known.list.len(), MAX_LISTED + 1);
        let asked = |number: i64| -> bool {
            let row = connection.query_row("SELECT is_wanted(?1)", [number], |row| row.get(0));
            row.expect("an answer")
        };
        assert!(asked(2) && asked(many) && !asked(1) && !asked(many + 2));
        known.take(many + 1, 0, true);
        assert!(asked(many + 1), "what comes later counts, too");
        known.forget();
        assert_eq!((known.matched(), asked(2)), (NamesMatched::None, false));
    }
}
