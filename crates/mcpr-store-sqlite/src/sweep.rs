//! Retention at work: what of a class is to go, slice by slice, each a transaction of its own.
//!
//! A slice takes so few rows that a writer who waits for its end hardly notices. Who calls for the next
//! one decides how long others have their turn between them.

mod names;
mod payloads;
mod requests;
mod sums;
mod surfaces;

use crate::census;
use mcpr_store::{Class, Retention};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params_from_iter};
use std::collections::VecDeque;

pub(super) use names::without_references;
pub(super) use requests::{count_of, requests_where, time_after_oldest};
pub(super) use surfaces::oldest as oldest_versions;

/// Most rows deleted in one transaction, so that a recorder never waits long: a request is hashed, taken out of
/// five indexes, and its pages are overwritten.
const SLICE: usize = 200;

/// What a slice has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slice {
    /// Rows of the class that went.
    pub(super) removed: u64,
    /// Whether there is nothing left of this stage.
    pub(super) is_last: bool,
}

/// One kind of row after the other; each stage is asked for slices until it is done.
type Stage = Box<dyn FnMut(&mut Connection) -> rusqlite::Result<Slice> + Send>;

/// What is to go, and how far that has come.
pub(super) struct Sweep {
    stages: VecDeque<Stage>,
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweep")
            .field("stages", &self.stages.len())
            .finish()
    }
}

impl Sweep {
    /// Everything that retention means.
    pub(super) fn of(what: &Retention) -> Self {
        let stages = match what.class {
            Class::Requests => requests::stages(what),
            Class::Payloads => vec![payloads(what)],
            Class::Sums => sums::stages(what),
            Class::Surfaces => surfaces::stages(what),
            Class::Names => names::stages(what.before),
        };
        Self {
            stages: stages.into(),
        }
    }

    /// Takes the next slice; `None` when nothing is left.
    pub(super) fn slice(&mut self, connection: &mut Connection) -> rusqlite::Result<Option<u64>> {
        let Some(stage) = self.stages.front_mut() else {
            return Ok(None);
        };
        let slice = stage(connection)?;
        if slice.is_last {
            self.stages.pop_front();
        }
        // Also where nothing went: another stage may follow.
        Ok(Some(slice.removed))
    }
}

fn payloads(what: &Retention) -> Stage {
    let what = what.clone();
    let mut from = i64::MIN;
    Box::new(move |connection| {
        // Asked for by each slice: names come and go between two of them.
        let proxy = proxy_number(connection, what.proxy.as_deref())?;
        payloads::remove_slice(connection, what.before, proxy, &mut from)
    })
}

/// A table that is looked through in the order of its key, so many rows at a time, each row once.
struct TableWalk {
    table: &'static str,
    /// The columns of its primary key.
    key: &'static [&'static str],
    /// Which rows go: SQL over `values`.
    condition: String,
    values: Vec<Value>,
    /// Whether its rows are counted among what was removed.
    counts: bool,
}

impl TableWalk {
    /// Removes what is meant. A slice begins where the one before it ended: what stays is not looked at
    /// again by each.
    fn stage(self) -> Stage {
        let mut after: Option<Vec<Value>> = None;
        Box::new(move |connection| {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Where the slice ends is looked for by the key alone, so that its length does not
            // depend on how many rows are meant.
            let last = self.last(&tx, after.as_ref())?;
            let removed = self.remove(&tx, after.as_ref(), last.as_ref())?;
            census::settle(&tx)?;
            tx.commit()?;
            let is_last = last.is_none();
            after = last;
            Ok(Slice {
                removed: if self.counts { removed as u64 } else { 0 },
                is_last,
            })
        })
    }

    /// The key of the last row of a slice; `None` where the table ends before.
    fn last(
        &self,
        tx: &Transaction<'_>,
        after: Option<&Vec<Value>>,
    ) -> rusqlite::Result<Option<Vec<Value>>> {
        let (columns, table) = (self.key.join(", "), self.table);
        let mut values = Vec::new();
        let begin = bound(&columns, ">", after, &mut values);
        let sql = format!(
            "SELECT {columns} FROM {table} WHERE {begin} ORDER BY {columns} LIMIT 1 OFFSET {}",
            SLICE - 1
        );
        tx.prepare_cached(&sql)?
            .query_row(params_from_iter(values), |row| {
                (0..self.key.len()).map(|at| row.get(at)).collect()
            })
            .optional()
    }

    fn remove(
        &self,
        tx: &Transaction<'_>,
        after: Option<&Vec<Value>>,
        last: Option<&Vec<Value>>,
    ) -> rusqlite::Result<usize> {
        let (columns, table) = (self.key.join(", "), self.table);
        let mut values = self.values.clone();
        let begin = bound(&columns, ">", after, &mut values);
        // The last slice has no end: rows that were added meanwhile are in it.
        let end = bound(&columns, "<=", last, &mut values);
        let condition = &self.condition;
        let sql = format!("DELETE FROM {table} WHERE {begin} AND {end} AND ({condition})");
        tx.prepare_cached(&sql)?.execute(params_from_iter(values))
    }
}

/// The condition that a key stands on one side of another one, whose values are added to the others.
fn bound(columns: &str, than: &str, key: Option<&Vec<Value>>, values: &mut Vec<Value>) -> String {
    let Some(key) = key else {
        return "true".to_owned();
    };
    let first = values.len() + 1;
    values.extend(key.iter().cloned());
    let places: Vec<String> = (first..=values.len()).map(|at| format!("?{at}")).collect();
    // Rows of values compare as the index is sorted, so that it is used.
    format!("({columns}) {than} ({})", places.join(", "))
}

/// The number of a proxy; `None` where all are meant. One that was never recorded has a number that no
/// row has.
fn proxy_number(connection: &Connection, name: Option<&str>) -> rusqlite::Result<Option<i64>> {
    let Some(name) = name else {
        return Ok(None);
    };
    let number = connection
        .prepare_cached("SELECT id FROM proxies WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    Ok(Some(number.unwrap_or(-1)))
}
