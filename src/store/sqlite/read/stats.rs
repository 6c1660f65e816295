//! Sums over requests: hours from the rollups, the edges of the window from the rows, both by the
//! numbers that stand for texts.

use super::entries::{REQUEST_TABLES, error_kind, kind};
use crate::model::{Target, TargetKind, Text};
use crate::query::{
    By, Counted, Filter, RollupKey, RollupRow, StatsFold, StatsKey, StatsQuestion, StatsRow, Tally,
};
use crate::store::sqlite::conditions::{self, Selection};
use crate::store::sqlite::rollups::fill_sums;
use rusqlite::{Connection, Row, params_from_iter};
use rustc_hash::FxHashMap;

/// What calls are summed up by while they are read.
type Tallies = FxHashMap<i64, Tally>;

/// The operations that are asked for, by number.
type Operations = FxHashMap<i64, RollupKey>;

pub(super) fn stats(
    connection: &Connection,
    question: &StatsQuestion,
) -> rusqlite::Result<Vec<StatsRow>> {
    let operations = operations(connection, question)?;
    let mut tallies = Tallies::default();
    add_hours(connection, question, &operations, &mut tallies)?;
    for edge in question.edges() {
        add_requests(connection, question, &edge, &mut tallies)?;
    }
    let clients = match question.by {
        By::Client => clients(connection)?,
        _ => FxHashMap::default(),
    };
    let mut fold = StatsFold::new(question);
    for (number, tally) in tallies {
        let key = match question.by {
            By::Hour => StatsKey {
                hour: Some(number),
                ..StatsKey::default()
            },
            By::Client => clients.get(&number).cloned().unwrap_or_default(),
            _ => operations
                .get(&number)
                .map(|operation| question.key_of_hour(operation))
                .unwrap_or_default(),
        };
        fold.merge(key, tally);
    }
    Ok(fold.finish())
}

fn operations(connection: &Connection, question: &StatsQuestion) -> rusqlite::Result<Operations> {
    let mut statement = connection.prepare_cached(
        "SELECT o.id, p.name, o.kind, o.method, o.target_kind, o.target
         FROM operations o JOIN proxies p ON p.id = o.proxy",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Operations::default();
    while let Some(row) = rows.next()? {
        let key = operation(row)?;
        let tool = match &key.target {
            Some(target) if target.kind == TargetKind::Tool => Some(target.name.as_str()),
            _ => None,
        };
        let of = (key.proxy.as_str(), key.method.as_str());
        if question.filter.takes_operation(key.kind, of, tool) {
            found.insert(row.get(0)?, key);
        }
    }
    Ok(found)
}

/// An operation as the key of a rollup, whose hour is of no concern.
fn operation(row: &Row<'_>) -> rusqlite::Result<RollupKey> {
    let name: Option<String> = row.get(5)?;
    let target_kind = row
        .get::<_, Option<usize>>(4)?
        .and_then(|number| TargetKind::ALL.get(number.wrapping_sub(1)).copied());
    Ok(RollupKey {
        hour: 0,
        proxy: Text::from(row.get_ref(1)?.as_str()?),
        kind: kind(row.get(2)?),
        method: Text::from(row.get_ref(3)?.as_str()?),
        target: target_kind.zip(name).map(|(kind, name)| Target {
            kind,
            name: name.into(),
        }),
    })
}

fn tally_of<'a>(tallies: &'a mut Tallies, number: i64, question: &StatsQuestion) -> &'a mut Tally {
    tallies.entry(number).or_insert_with(|| question.tally())
}

fn add_hours(
    connection: &Connection,
    question: &StatsQuestion,
    operations: &Operations,
    tallies: &mut Tallies,
) -> rusqlite::Result<()> {
    let (first, end) = question.whole_hours();
    if first >= end {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(
        "SELECT hour, operation, calls, errors_rpc, errors_tool, errors_http, errors_cancelled,
                errors_timeout, latency_sum_us, latency_min_us, latency_max_us, bytes_in, bytes_out,
                sketch
         FROM rollups WHERE hour >= ?1 AND hour < ?2",
    )?;
    let mut rows = statement.query([first, end])?;
    while let Some(row) = rows.next()? {
        let (hour, number): (i64, i64) = (row.get(0)?, row.get(1)?);
        let Some(operation) = operations.get(&number) else {
            continue;
        };
        let mut sums = RollupRow::new(RollupKey {
            hour,
            ..operation.clone()
        });
        fill_sums(&mut sums, row, 2)?;
        let number = if question.by == By::Hour {
            hour
        } else {
            number
        };
        tally_of(tallies, number, question).add_hour(&sums, question.buckets);
    }
    Ok(())
}

/// A client's number where it has one, else that of nobody.
const CLIENT_NUMBER: &str =
    "ifnull(CASE WHEN c.name IS NULL AND sc.name IS NOT NULL THEN s.client ELSE r.client END, 0)";
const HOUR: &str = "r.ts - ((r.ts % 3600000) + 3600000) % 3600000";

fn add_requests(
    connection: &Connection,
    question: &StatsQuestion,
    edge: &Filter,
    tallies: &mut Tallies,
) -> rusqlite::Result<()> {
    let Some(Selection {
        mut conditions,
        operations,
    }) = conditions::of_filter(connection, edge)?
    else {
        return Ok(());
    };
    if let Some(operations) = operations {
        conditions.add_list("r.operation", &operations);
    }
    let number = match question.by {
        By::Client => CLIENT_NUMBER,
        By::Hour => HOUR,
        By::Tool | By::Method | By::Proxy => "r.operation",
    };
    let sql = format!(
        "SELECT {number}, r.ts, r.latency_us, r.error_kind, r.bytes_in, r.bytes_out
         FROM {REQUEST_TABLES} WHERE {}",
        conditions.sql()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    while let Some(row) = rows.next()? {
        let counted = Counted {
            ts: row.get(1)?,
            latency_us: row.get(2)?,
            error_kind: error_kind(row.get(3)?),
            bytes_in: row.get(4)?,
            bytes_out: row.get(5)?,
        };
        tally_of(tallies, row.get(0)?, question).add(counted, question.buckets);
    }
    Ok(())
}

fn clients(connection: &Connection) -> rusqlite::Result<FxHashMap<i64, StatsKey>> {
    connection
        .prepare_cached("SELECT id, name, version FROM clients")?
        .query_map([], |row| {
            let key = StatsKey {
                client_name: row.get(1)?,
                client_version: row.get(2)?,
                ..StatsKey::default()
            };
            Ok((row.get(0)?, key))
        })?
        .collect()
}
