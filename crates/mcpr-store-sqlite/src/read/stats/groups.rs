//! Which line of the answer each name belongs to. Where there are more than are shown, the calls are
//! counted first, by SQLite, which sorts what does not fit into its memory outside of it. Of names only those
//! that are shown are held, and the places of so many that were looked up lately: a store may have any number.

use super::counted::most_called;
use crate::codes;
use crate::recall::Recall;
use crate::shown::shown;
use mcpr_model::Text;
use mcpr_store::query::{GroupBy, RollupKey, StatsKey, StatsQuestion};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row};
use rustc_hash::FxHashMap;
use std::collections::HashMap;

/// The number of nobody among the clients.
// Rows are numbered from 1.
const NOBODY: i64 = 0;

/// Most numbers whose places are remembered: those of what is called again and again. The others are looked
/// up again, which takes a step into a table.
const MAX_REMEMBERED: usize = if cfg!(test) { 64 } else { 65_536 };

const OPERATIONS: &str = concat!(
    "SELECT o.id, ",
    shown!("p.name", "p.id"),
    ", o.kind, ",
    shown!("o.method", "o.id"),
    ", o.target_kind, ",
    shown!("o.target", "o.id"),
    " FROM operations o CROSS JOIN proxies p NOT INDEXED ON p.id = o.proxy"
);

const CLIENT: &str = concat!(
    "SELECT ",
    shown!("name", "id"),
    ", ",
    shown!("version", "id"),
    " FROM clients WHERE id = ?1"
);

/// The groups that are summed up, by the numbers of operations or clients.
pub(super) struct Groups<'a> {
    question: &'a StatsQuestion,
    operation: CachedStatement<'a>,
    client: CachedStatement<'a>,
    places_of_operations: Places,
    places_of_clients: Places,
    keys: GroupKeys,
}

/// The keys of the lines, by their places.
#[derive(Debug, Default)]
struct GroupKeys {
    keys: Vec<StatsKey>,
    places: HashMap<StatsKey, i64>,
    /// The place of whatever is not among those that are shown.
    other: Option<i64>,
}

impl GroupKeys {
    fn of(shown: Option<Vec<StatsKey>>, other: StatsKey) -> Self {
        let Some(mut keys) = shown else {
            return Self::default();
        };
        let places = keys.iter().cloned().zip(0..).collect();
        // Behind all that are shown: whatever is not found among these belongs to it.
        let behind = place(keys.len());
        keys.push(other);
        Self {
            keys,
            places,
            other: Some(behind),
        }
    }

    fn place_of(&mut self, key: StatsKey) -> i64 {
        match (self.places.get(&key), self.other) {
            (Some(&place), _) | (None, Some(place)) => place,
            (None, None) => {
                let at = place(self.keys.len());
                self.keys.push(key.clone());
                self.places.insert(key, at);
                at
            }
        }
    }
}

/// The places of the numbers that were looked up lately; `None` for one that is not asked for.
#[derive(Debug, Default)]
struct Places(FxHashMap<i64, Option<i64>>);

impl Places {
    fn get_or_look_up(
        &mut self,
        number: i64,
        look_up: impl FnOnce() -> rusqlite::Result<Option<i64>>,
    ) -> rusqlite::Result<Option<i64>> {
        if let Some(found) = self.0.get(&number) {
            return Ok(*found);
        }
        let found = look_up()?;
        // All at once: to know which was used longest ago would cost each look-up something.
        if self.0.len() >= MAX_REMEMBERED {
            self.0.clear();
        }
        self.0.insert(number, found);
        Ok(found)
    }
}

impl<'a> Groups<'a> {
    pub(super) fn of(
        connection: &'a Connection,
        recall: &mut Recall,
        question: &'a StatsQuestion,
    ) -> rusqlite::Result<Self> {
        let shown = shown(connection, recall, question)?;
        Ok(Self {
            question,
            operation: connection.prepare_cached(&format!("{OPERATIONS} WHERE o.id = ?1"))?,
            client: connection.prepare_cached(CLIENT)?,
            places_of_operations: Places::default(),
            places_of_clients: Places::default(),
            keys: GroupKeys::of(shown, question.other_key()),
        })
    }

    /// The place of an operation; `None` for one that is not asked for.
    pub(super) fn place_of_operation(&mut self, number: i64) -> rusqlite::Result<Option<i64>> {
        let Self {
            question,
            operation: statement,
            keys,
            ..
        } = self;
        self.places_of_operations.get_or_look_up(number, || {
            let found = statement.query_row([number], operation).optional()?;
            let asked = found.filter(|operation| question.takes_rollup(operation));
            Ok(asked.map(|operation| match question.by {
                // Whether an operation is asked for is all that matters there.
                GroupBy::Client | GroupBy::Hour => 0,
                _ => keys.place_of(question.key_of_hour(&operation)),
            }))
        })
    }

    /// The place of a client; `None` for a number that no client has.
    pub(super) fn place_of_client(&mut self, number: i64) -> rusqlite::Result<Option<i64>> {
        let Self { client, keys, .. } = self;
        self.places_of_clients.get_or_look_up(number, || {
            if number == NOBODY {
                return Ok(Some(keys.place_of(StatsKey::default())));
            }
            let key = client.query_row([number], |row| {
                Ok(StatsKey {
                    client_name: row.get(0)?,
                    client_version: row.get(1)?,
                    ..StatsKey::default()
                })
            });
            Ok(key.optional()?.map(|key| keys.place_of(key)))
        })
    }

    pub(super) fn place_of_nobody(&mut self) -> rusqlite::Result<i64> {
        Ok(self.place_of_client(NOBODY)?.unwrap_or_default())
    }

    pub(super) fn key_at(&self, place: i64) -> StatsKey {
        let at = usize::try_from(place).ok();
        at.and_then(|at| self.keys.keys.get(at))
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
    recall: &mut Recall,
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
    // Everything is put together: nothing has to be distinguished.
    if most == 0 {
        return Ok(Some(Vec::new()));
    }
    most_called(connection, recall, question, most).map(Some)
}

/// The operations that are asked for, where tools are asked for by name: a few of all.
pub(super) fn named(
    connection: &Connection,
    question: &StatsQuestion,
) -> rusqlite::Result<Option<Vec<i64>>> {
    if question.tools.is_none() {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached(OPERATIONS)?;
    let mut rows = statement.query([])?;
    let mut numbers = Vec::new();
    while let Some(row) = rows.next()? {
        if question.takes_rollup(&operation(row)?) {
            numbers.push(row.get(0)?);
        }
    }
    Ok(Some(numbers))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::tests::{batch, request};
    use mcpr_model::{Target, TargetKind};
    use mcpr_store::Writer;
    use mcpr_store::query::Filter;

    const TOOLS: i64 = 1500;

    /// What is held of a store with many tools to answer a question: keys, and places that are remembered.
    fn held(question: &StatsQuestion) -> (usize, usize) {
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
        let mut recall = Recall::default();
        let mut groups = Groups::of(&store.connection, &mut recall, question).expect("groups");
        for number in 1..=TOOLS {
            groups.place_of_operation(number).expect("a look");
        }
        (groups.keys.keys.len(), groups.places_of_operations.0.len())
    }

    #[test]
    fn of_many_tools_only_those_that_are_shown_are_held() {
        let all = StatsQuestion::sums(&Filter::default(), GroupBy::Tool);
        let shown = StatsQuestion {
            most: Some(10),
            ..all.clone()
        };
        let (keys, remembered) = held(&shown);
        assert_eq!(keys, 11, "and one for all others");
        assert!(remembered <= MAX_REMEMBERED, "{remembered}");
        let (keys, remembered) = held(&StatsQuestion {
            most: Some(0),
            ..all.clone()
        });
        assert_eq!(keys, 1);
        assert!(remembered <= MAX_REMEMBERED, "{remembered}");
        let tool = |name: &str| ("weather".to_owned(), name.to_owned());
        let named = StatsQuestion {
            tools: Some([tool("t7"), tool("t1400"), tool("none")].into()),
            ..all
        };
        assert_eq!(held(&named).0, 2);
    }
}
