//! Which groups have the most calls, where there are more of them than are shown.

use super::groups::named;
use super::{REQUEST_TABLES, number_of, requested, summed_as};
use crate::conditions::Conditions;
use crate::recall::{NamesMatched, Recall};
use crate::shown::shown;
use crate::sums::rounded;
use mcpr_store::query::{GroupBy, StatsKey, StatsQuestion};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::ops::Range;

/// The groups with the most calls in their order, at most so many; none without a call that is reported.
pub(super) fn most_called(
    connection: &Connection,
    recall: &mut Recall,
    question: &StatsQuestion,
    most: usize,
) -> rusqlite::Result<Vec<StatsKey>> {
    let Some(counted) = Counted::of(connection, recall, question)? else {
        return Ok(Vec::new());
    };
    let (columns, tables) = names_of(question.by);
    // First by number: what is sorted by its names is then each number once, and not each request. The names are
    // made in a question of their own, which the limit keeps apart: else the texts are sorted whole, however long.
    let sql = format!(
        "SELECT proxy, method, tool, client, version,
                {calls} AS calls_of_all, {unplaced} AS unplaced_of_all
         FROM (SELECT {columns}, n.calls AS calls, n.unplaced AS unplaced
               FROM (SELECT number, {calls} AS calls, {unplaced} AS unplaced
                     FROM ({parts}) GROUP BY number) n {tables} LIMIT -1)
         GROUP BY 1, 2, 3, 4, 5 HAVING calls_of_all > 0 OR unplaced_of_all > 0
         ORDER BY calls_of_all DESC, 1, 2, 3, 4, 5 LIMIT ?",
        calls = rounded("calls"),
        unplaced = rounded("unplaced"),
        parts = counted.parts.join(" UNION ALL "),
    );
    let mut values = counted.values;
    values.push(Value::Integer(i64::try_from(most).unwrap_or(i64::MAX)));
    // Not kept prepared: its text is long, and differs with the edges of the window.
    let mut statement = connection.prepare(&sql)?;
    let keys = statement.query_map(params_from_iter(values), |row| {
        Ok(StatsKey {
            hour: None,
            proxy: row.get(0)?,
            method: row.get(1)?,
            tool: row.get(2)?,
            client_name: row.get(3)?,
            client_version: row.get(4)?,
        })
    })?;
    keys.collect()
}

/// The names of a group, in the order of [`StatsKey`], and the tables they are from, joined with the numbers
/// `n.number`.
fn names_of(by: GroupBy) -> (&'static str, &'static str) {
    const OPERATIONS: &str = "CROSS JOIN operations o ON o.id = n.number
         CROSS JOIN proxies p NOT INDEXED ON p.id = o.proxy";
    match by {
        GroupBy::Tool => (
            concat!(
                shown!("p.name", "p.id"),
                " AS proxy, ",
                shown!("o.method", "o.id"),
                " AS method, CASE o.target_kind WHEN 1 THEN ",
                shown!("o.target", "o.id"),
                " END AS tool, NULL AS client, NULL AS version"
            ),
            OPERATIONS,
        ),
        GroupBy::Method => (
            concat!(
                shown!("p.name", "p.id"),
                " AS proxy, ",
                shown!("o.method", "o.id"),
                " AS method, NULL AS tool, NULL AS client, NULL AS version"
            ),
            OPERATIONS,
        ),
        // Hours are not looked for by their calls.
        GroupBy::Proxy | GroupBy::Hour => (
            concat!(
                shown!("p.name", "p.id"),
                " AS proxy, NULL AS method, NULL AS tool, NULL AS client, NULL AS version"
            ),
            OPERATIONS,
        ),
        // Nobody has no row; a number that no client has is not counted.
        GroupBy::Client => (
            concat!(
                "NULL AS proxy, NULL AS method, NULL AS tool, ",
                shown!("c.name", "c.id"),
                " AS client, ",
                shown!("c.version", "c.id"),
                " AS version"
            ),
            "LEFT JOIN clients c NOT INDEXED ON c.id = n.number
             WHERE n.number = 0 OR c.id IS NOT NULL",
        ),
    }
}

/// What is counted: parts of SQL with the columns `number`, `calls` and `unplaced`.
#[derive(Default)]
struct Counted {
    parts: Vec<String>,
    values: Vec<Value>,
}

impl Counted {
    /// `None` where nothing is asked for that was ever recorded.
    fn of(
        connection: &Connection,
        recall: &mut Recall,
        question: &StatsQuestion,
    ) -> rusqlite::Result<Option<Self>> {
        let asked = AskedOperations {
            matched: recall.operations(connection, &question.filter)?,
            named: named(connection, question)?,
        };
        if asked.matched == NamesMatched::None {
            return Ok(None);
        }
        let by_client = question.by == GroupBy::Client;
        let mut counted = Self::default();
        // Calls as they are counted: hours by their sums, edges by their requests.
        let (first, end) = question.whole_hours();
        counted.add_sums("u.operation", ["u.calls", "0"], first..end, &asked);
        for edge in question.edges() {
            if let Some(conditions) = requested(connection, recall, question, &edge)? {
                counted.add(
                    number_of(question.by),
                    ["1", "0"],
                    REQUEST_TABLES,
                    conditions,
                );
            }
            // Calls whose requests are gone: those of the sums less those that are there. Hourly sums do not
            // know who called.
            let number = if by_client { "0" } else { "u.operation" };
            let (first, end) = StatsQuestion::hours_of(&edge);
            counted.add_sums(number, ["0", "u.calls"], first..end, &asked);
            let widened = StatsQuestion::widened(&edge);
            if let Some(mut conditions) = requested(connection, recall, question, &widened)? {
                let summed_as = summed_as(connection)?;
                // The operation that a request counts in may be one that is not asked for.
                asked.add_to(summed_as, &mut conditions);
                let number = if by_client { "0" } else { summed_as };
                counted.add(number, ["0", "-1"], REQUEST_TABLES, conditions);
            }
        }
        Ok(Some(counted))
    }

    fn add_sums(
        &mut self,
        number: &str,
        counts: [&str; 2],
        hours: Range<i64>,
        asked: &AskedOperations,
    ) {
        let mut conditions = Conditions::default();
        conditions.add(
            "u.hour >= ? AND u.hour < ?",
            [hours.start.into(), hours.end.into()],
        );
        asked.add_to("u.operation", &mut conditions);
        self.add(number, counts, "rollups u", conditions);
    }

    fn add(
        &mut self,
        number: &str,
        [calls, unplaced]: [&str; 2],
        tables: &str,
        conditions: Conditions,
    ) {
        self.parts.push(format!(
            "SELECT {number} AS number, {calls} AS calls, {unplaced} AS unplaced
             FROM {tables} WHERE {}",
            conditions.sql()
        ));
        self.values.extend(conditions.values());
    }
}

/// The operations that are asked for.
struct AskedOperations {
    matched: NamesMatched,
    /// Those of the tools that are asked for by name.
    named: Option<Vec<i64>>,
}

impl AskedOperations {
    fn add_to(&self, column: &str, conditions: &mut Conditions) {
        conditions.add_matched(column, &self.matched);
        if let Some(numbers) = &self.named {
            conditions.add_list(column, numbers);
        }
    }
}
