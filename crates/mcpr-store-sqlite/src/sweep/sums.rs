//! Removes old hourly sums, and merges the sums of targets that count with the others.

use super::{SLICE, Slice, Stage, proxy_number};
use crate::census;
use crate::names::{NameNumbers, OperationTexts};
use crate::rollups;
use mcpr_model::time::HOUR_MS;
use mcpr_model::{Kind, Target, TargetKind, Text};
use mcpr_store::Retention;
use mcpr_store::query::{MAX_SUMMED_TARGETS, OTHER};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::collections::VecDeque;

pub(super) fn stages(what: &Retention) -> Vec<Stage> {
    let what = what.clone();
    let mut hour = i64::MIN;
    let mut methods = None;
    let mut after = RollupPlace {
        hour: i64::MIN,
        operation: i64::MIN,
    };
    vec![
        Box::new(move |connection| remove_slice(connection, &what, &mut hour)),
        // Old hours go first, so that fewer sums are left to merge.
        Box::new(move |connection| name_others(connection, &mut methods)),
        Box::new(move |connection| merge_others(connection, &mut after)),
    ]
}

/// Removes hours that ended before a time, from an hour on.
fn remove_slice(
    connection: &mut Connection,
    what: &Retention,
    hour: &mut i64,
) -> rusqlite::Result<Slice> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let proxy = proxy_number(&tx, what.proxy.as_deref())?;
    // An hour that has begun before the time and ends after it stays whole.
    let last_hour = what.before.saturating_sub(HOUR_MS);
    let rows: Vec<(i64, i64)> = tx
        .prepare_cached(
            "SELECT hour, operation FROM rollups WHERE hour >= ?1 AND hour <= ?2
             AND (?3 IS NULL OR
                  (SELECT named.proxy FROM operations named WHERE named.id = operation) = ?3)
             ORDER BY hour LIMIT ?4",
        )?
        .query_map(params![*hour, last_hour, proxy, SLICE], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (hour, operation) in &rows {
        tx.prepare_cached("DELETE FROM rollups WHERE hour = ?1 AND operation = ?2")?
            .execute([hour, operation])?;
    }
    census::settle(&tx)?;
    tx.commit()?;
    // The same hour again: a slice may end in the middle of it, and what it has removed is not met
    // twice.
    *hour = rows.last().map_or(*hour, |row| row.0);
    Ok(Slice {
        removed: rows.len() as u64,
        is_last: rows.len() < SLICE,
    })
}

/// Targets of one method of a proxy, by stored numbers.
struct MethodTargets {
    proxy: i64,
    kind: i64,
    method: String,
    target_kind: i64,
}

/// Of a method whose targets have sums of their own without bound (older layouts gave them), those with
/// the fewest calls count with the others from now on. One method at a time, each looked for once.
fn name_others(
    connection: &mut Connection,
    methods: &mut Option<VecDeque<MethodTargets>>,
) -> rusqlite::Result<Slice> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let methods = match methods {
        Some(methods) => methods,
        None => methods.insert(with_too_many(&tx)?),
    };
    if let Some(method) = methods.front()
        // Fewer than a slice: the method has no more.
        && name_some(&tx, method)? < SLICE
    {
        methods.pop_front();
    }
    census::settle(&tx)?;
    tx.commit()?;
    Ok(Slice {
        removed: 0,
        is_last: methods.is_empty(),
    })
}

fn with_too_many(tx: &Transaction<'_>) -> rusqlite::Result<VecDeque<MethodTargets>> {
    tx.prepare_cached(
        "SELECT proxy, min(kind), method, min(target_kind) FROM operations
         WHERE summed_as IS NULL AND target IS NOT NULL AND target <> ?2
         GROUP BY proxy, method HAVING count(*) > ?1",
    )?
    .query_map(params![MAX_SUMMED_TARGETS, OTHER], |row| {
        Ok(MethodTargets {
            proxy: row.get(0)?,
            kind: row.get(1)?,
            method: row.get(2)?,
            target_kind: row.get(3)?,
        })
    })?
    .collect()
}

/// Has some of a method's targets count with the others; says how many.
fn name_some(tx: &Transaction<'_>, of: &MethodTargets) -> rusqlite::Result<usize> {
    let others = others_of(tx, of)?;
    // Those with the most calls keep sums of their own. They are chosen before any row changes,
    // which the statement says with MATERIALIZED.
    tx.prepare_cached(
        "WITH calls AS MATERIALIZED (
             SELECT o.id AS id, ifnull(sum(u.calls), 0) AS calls
             FROM operations o LEFT JOIN rollups u ON u.operation = o.id
             WHERE o.proxy = ?1 AND o.method = ?2 AND o.summed_as IS NULL
               AND o.target IS NOT NULL AND o.target <> ?3
             GROUP BY o.id)
         UPDATE operations SET summed_as = ?4,
             seal = row_seal(id, proxy, kind, method, target_kind, target, hash, ?4)
         WHERE id IN (SELECT id FROM calls ORDER BY calls DESC, id LIMIT ?5 OFFSET ?6)",
    )?
    .execute(params![
        of.proxy,
        of.method,
        OTHER,
        others,
        SLICE,
        MAX_SUMMED_TARGETS
    ])
}

/// The operation that stands for the others of a method.
fn others_of(tx: &Transaction<'_>, of: &MethodTargets) -> rusqlite::Result<i64> {
    let name: String = tx.query_row(
        "SELECT name FROM proxies WHERE id = ?1",
        [of.proxy],
        |row| row.get(0),
    )?;
    let target = TargetKind::from_code(of.target_kind).map(|kind| Target {
        kind,
        name: Text::const_new(OTHER),
    });
    let (proxy_name, method) = (Text::from(name), Text::from(of.method.as_str()));
    let called = OperationTexts {
        kind: Kind::from_code(of.kind).unwrap_or(Kind::Mcp),
        proxy: &proxy_name,
        method: &method,
        target: target.as_ref(),
    };
    // A memory of its own, which ends with the transaction.
    NameNumbers::default().others(tx, called, of.proxy)
}

/// The key of a row of hourly sums, in the order in which they are read.
#[derive(Clone, Copy)]
struct RollupPlace {
    hour: i64,
    operation: i64,
}

/// Adds the sums of operations that count with the others to the sums of the others, one slice of rows
/// behind a place.
fn merge_others(connection: &mut Connection, after: &mut RollupPlace) -> rusqlite::Result<Slice> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let rows: Vec<(i64, i64, Option<i64>)> = tx
        .prepare_cached(
            "SELECT u.hour, u.operation, o.summed_as
             FROM rollups u LEFT JOIN operations o ON o.id = u.operation
             WHERE (u.hour, u.operation) > (?1, ?2) ORDER BY u.hour, u.operation LIMIT ?3",
        )?
        .query_map(params![after.hour, after.operation, SLICE], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (hour, operation, summed_as) in &rows {
        // Without others it counts in its own sums, which stay.
        if let Some(others) = summed_as {
            rollups::add_to(&tx, *hour, *operation, *others)?;
        }
    }
    census::settle(&tx)?;
    tx.commit()?;
    if let Some(&(hour, operation, _)) = rows.last() {
        *after = RollupPlace { hour, operation };
    }
    Ok(Slice {
        removed: 0,
        is_last: rows.len() < SLICE,
    })
}
