//! Which line of the answer each name belongs to. Where there are more than are shown, the calls are
//! counted first: the sums of the few that are shown, and of all others together, fit into memory
//! however many names there are.

use super::{number_of, requests, summed_as};
use crate::codes;
use crate::shown::shown;
use mcpr_model::Text;
use mcpr_store::query::{GroupBy, RollupKey, StatsKey, StatsQuestion};
use rusqlite::{Connection, Row, params_from_iter};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use xxhash_rust::xxh3::Xxh3;

/// The number of nobody among the clients.
// Rows are numbered from 1.
const NOBODY: i64 = 0;

/// The groups that are summed up, by the numbers of operations or clients.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// The places of the operations that are asked for.
    operations: FxHashMap<i64, i64>,
    clients: FxHashMap<i64, i64>,
    keys: Vec<StatsKey>,
}

impl Groups {
    pub(super) fn of(connection: &Connection, question: &StatsQuestion) -> rusqlite::Result<Self> {
        let mut groups = Self::default();
        let shown = shown(connection, question)?;
        let mut places = HashMap::new();
        if let Some(shown) = &shown {
            groups.keys.clone_from(shown);
            // Behind all that are shown: whatever is not found among these belongs to it.
            groups.keys.push(question.other_key());
            places.extend(shown.iter().cloned().zip(0..));
        }
        let other = shown.as_ref().map(|shown| place(shown.len()));
        let mut place_of = |key: StatsKey| match (places.get(&key), other) {
            (Some(&place), _) | (None, Some(place)) => place,
            (None, None) => {
                let at = place(groups.keys.len());
                groups.keys.push(key.clone());
                places.insert(key, at);
                at
            }
        };
        let mut operations = FxHashMap::default();
        each_operation(connection, question, |number, key| {
            let at = match question.by {
                // Whether an operation is asked for is all that matters there.
                GroupBy::Client | GroupBy::Hour => 0,
                _ => place_of(key),
            };
            operations.insert(number, at);
        })?;
        let mut clients = FxHashMap::default();
        if question.by == GroupBy::Client {
            each_client(connection, |number, key| {
                clients.insert(number, place_of(key));
            })?;
        }
        (groups.operations, groups.clients) = (operations, clients);
        Ok(groups)
    }

    pub(super) fn place_of_operation(&self, number: i64) -> Option<i64> {
        self.operations.get(&number).copied()
    }

    pub(super) fn place_of_client(&self, number: i64) -> Option<i64> {
        self.clients.get(&number).copied()
    }

    pub(super) fn place_of_nobody(&self) -> i64 {
        self.clients.get(&NOBODY).copied().unwrap_or_default()
    }

    pub(super) fn key_at(&self, place: i64) -> StatsKey {
        let at = usize::try_from(place).ok();
        at.and_then(|at| self.keys.get(at))
            .cloned()
            .unwrap_or_default()
    }
}

fn place(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

/// The groups with the most calls, where there are more than are shown.
fn shown(
    connection: &Connection,
    question: &StatsQuestion,
) -> rusqlite::Result<Option<Vec<StatsKey>>> {
    let most = question.most_lines();
    let names = match question.by {
        GroupBy::Hour => return Ok(None),
        // Nobody is one of them.
        GroupBy::Client => "SELECT count(*) + 1 FROM clients",
        GroupBy::Tool | GroupBy::Method | GroupBy::Proxy => "SELECT count(*) FROM operations",
    };
    let names: u64 = connection.query_row(names, [], |row| row.get(0))?;
    // Mostly all fit, and nothing has to be counted beforehand.
    if usize::try_from(names).is_ok_and(|names| names <= most) {
        return Ok(None);
    }
    let calls = calls(connection, question)?;
    let unplaced = unplaced(connection, question)?;
    // By hash and not by name: of names there may be more than fit into memory.
    let mut groups = FxHashMap::<u128, (u64, i64)>::default();
    each_name(connection, question, |number, key| {
        let sums = groups.entry(hash(&key)).or_default();
        let calls = calls.get(&number).copied().unwrap_or_default();
        sums.0 = sums.0.saturating_add(calls);
        let unplaced = unplaced.get(&number).copied().unwrap_or_default();
        sums.1 = sums.1.saturating_add(unplaced);
    })?;
    if groups.len() <= most {
        return Ok(None);
    }
    let mut shown = BTreeSet::new();
    each_name(connection, question, |_, key| {
        let (calls, unplaced) = groups.get(&hash(&key)).copied().unwrap_or_default();
        // Of those without a call in the window, first the ones that have something to tell.
        shown.insert((Reverse(calls), calls == 0 && unplaced <= 0, key));
        if shown.len() > most {
            // At most one more than are shown is ever held.
            shown.pop_last();
        }
    })?;
    Ok(Some(shown.into_iter().map(|(_, _, key)| key).collect()))
}

/// How often each operation or client is counted.
fn calls(
    connection: &Connection,
    question: &StatsQuestion,
) -> rusqlite::Result<FxHashMap<i64, u64>> {
    let mut calls = FxHashMap::<i64, u64>::default();
    let (first, end) = question.whole_hours();
    if first < end {
        let mut statement = connection.prepare_cached(
            "SELECT operation, calls FROM rollups WHERE hour >= ?1 AND hour < ?2",
        )?;
        let mut rows = statement.query([first, end])?;
        while let Some(row) = rows.next()? {
            let sum = calls.entry(row.get(0)?).or_default();
            *sum = sum.saturating_add(row.get(1)?);
        }
    }
    for edge in question.edges() {
        let what = number_of(question.by);
        let Some((mut statement, values)) = requests(connection, what, question, &edge)? else {
            continue;
        };
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let sum = calls.entry(row.get(0)?).or_default();
            *sum = sum.saturating_add(1);
        }
    }
    Ok(calls)
}

/// Calls that hourly sums hold in the hours that the edges touch, less the requests that are there, by
/// operation; of all clients together, since the sums do not know who called.
fn unplaced(
    connection: &Connection,
    question: &StatsQuestion,
) -> rusqlite::Result<FxHashMap<i64, i64>> {
    let mut asked = FxHashSet::default();
    each_operation(connection, question, |number, _| {
        asked.insert(number);
    })?;
    let mut unplaced = FxHashMap::<i64, i64>::default();
    let mut add = |operation: i64, calls: i64| {
        if asked.contains(&operation) {
            let number = match question.by {
                GroupBy::Client => NOBODY,
                _ => operation,
            };
            let sum = unplaced.entry(number).or_default();
            *sum = sum.saturating_add(calls);
        }
    };
    for edge in question.edges() {
        let (first, end) = StatsQuestion::hours_of(&edge);
        let mut statement = connection.prepare_cached(
            "SELECT operation, calls FROM rollups WHERE hour >= ?1 AND hour < ?2",
        )?;
        let mut rows = statement.query([first, end])?;
        while let Some(row) = rows.next()? {
            add(row.get(0)?, row.get(1)?);
        }
        let widened = StatsQuestion::widened(&edge);
        let what = summed_as(connection)?;
        let Some((mut statement, values)) = requests(connection, what, question, &widened)? else {
            continue;
        };
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            add(row.get(0)?, -1);
        }
    }
    Ok(unplaced)
}

/// The operations that are asked for, where tools are asked for by name: a few of all.
pub(super) fn named(
    connection: &Connection,
    question: &StatsQuestion,
) -> rusqlite::Result<Option<Vec<i64>>> {
    if question.tools.is_none() {
        return Ok(None);
    }
    let mut numbers = Vec::new();
    each_operation(connection, question, |number, _| numbers.push(number))?;
    Ok(Some(numbers))
}

fn each_name(
    connection: &Connection,
    question: &StatsQuestion,
    take: impl FnMut(i64, StatsKey),
) -> rusqlite::Result<()> {
    match question.by {
        GroupBy::Client => each_client(connection, take),
        _ => each_operation(connection, question, take),
    }
}

/// Hands over the operations that are asked for.
fn each_operation(
    connection: &Connection,
    question: &StatsQuestion,
    mut take: impl FnMut(i64, StatsKey),
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT o.id, ",
        shown!("p.name", "p.id"),
        ", o.kind, ",
        shown!("o.method", "o.id"),
        ", o.target_kind, ",
        shown!("o.target", "o.id"),
        " FROM operations o CROSS JOIN proxies p NOT INDEXED ON p.id = o.proxy"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let operation = operation(row)?;
        if question.takes_rollup(&operation) {
            take(row.get(0)?, question.key_of_hour(&operation));
        }
    }
    Ok(())
}

/// An operation as the key of a rollup, whose hour is of no concern.
fn operation(row: &Row<'_>) -> rusqlite::Result<RollupKey> {
    Ok(RollupKey {
        hour: 0,
        proxy: Text::from(row.get_ref(1)?.as_str()?),
        kind: codes::kind(row, 2)?,
        method: Text::from(row.get_ref(3)?.as_str()?),
        target: codes::target(row, 4)?,
    })
}

/// Hands over every client, and nobody.
fn each_client(
    connection: &Connection,
    mut take: impl FnMut(i64, StatsKey),
) -> rusqlite::Result<()> {
    take(NOBODY, StatsKey::default());
    let mut statement = connection.prepare_cached(concat!(
        "SELECT id, ",
        shown!("name", "id"),
        ", ",
        shown!("version", "id"),
        " FROM clients"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let key = StatsKey {
            client_name: row.get(1)?,
            client_version: row.get(2)?,
            ..StatsKey::default()
        };
        take(row.get(0)?, key);
    }
    Ok(())
}

/// Wide enough that no two names share it, also where somebody looks for such.
fn hash(key: &StatsKey) -> u128 {
    let mut hash = Xxh3::new();
    for text in [
        &key.proxy,
        &key.method,
        &key.tool,
        &key.client_name,
        &key.client_version,
    ] {
        let text = text.as_deref();
        hash.update(
            &text
                .map_or(u64::MAX, |text| text.len() as u64)
                .to_le_bytes(),
        );
        hash.update(text.unwrap_or_default().as_bytes());
    }
    hash.digest128()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::tests::{batch, request};
    use mcpr_model::{Target, TargetKind};
    use mcpr_store::Writer;
    use mcpr_store::query::Filter;

    const TOOLS: i64 = 1500;

    /// What is held of a store with many tools to answer a question.
    fn held(question: &StatsQuestion) -> Groups {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let mut store = SqliteStore::open(&path).expect("a new store");
        let requests = (0..TOOLS).map(|at| {
            let mut request = request(&at.to_string(), at);
            request.target = Some(Target {
                kind: TargetKind::Tool,
                name: format!("t{at}").into(),
            });
            request
        });
        store.append(&batch(1, requests.collect())).expect("append");
        Groups::of(&store.connection, question).expect("groups")
    }

    #[test]
    fn of_many_tools_only_the_names_of_those_that_are_shown_are_held() {
        let all = StatsQuestion::sums(&Filter::default(), GroupBy::Tool);
        let shown = StatsQuestion {
            most: Some(10),
            ..all.clone()
        };
        assert_eq!(held(&shown).keys.len(), 11, "and one for all others");
        let tool = |name: &str| ("weather".to_owned(), name.to_owned());
        let named = StatsQuestion {
            tools: Some([tool("t7"), tool("t1400"), tool("none")].into()),
            ..all
        };
        let groups = held(&named);
        assert_eq!((groups.keys.len(), groups.operations.len()), (2, 2));
    }
}
