//! How many rows each table with seals has, and what their seals come to: what something else takes out of
//! a table, or puts in with a seal, does not fit that.
//!
//! A connection that writes has triggers of its own, which stand in no file. They note each row that it
//! puts in, changes or removes, and what they noted goes into the table `census` before its transaction ends.
//! So whatever is removed in order is never missed, and no statement has to think of it.

use super::layout::layout_of;
use super::seal::{self, Sealed};
use super::session_blocks;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The layout that brought the table.
pub(super) const SINCE: i64 = 10;

/// The table itself, which is in no census.
const CENSUS: &str = "census";

/// What a transaction has done to a table so far.
#[derive(Debug, Clone, Copy, Default)]
struct TableChange {
    rows: i64,
    seals: i64,
}

/// The changes of the running transaction.
#[derive(Debug, Default)]
struct Changes {
    tables: BTreeMap<String, TableChange>,
    /// The blocks whose sessions are others now.
    session_blocks: BTreeSet<i64>,
}

#[derive(Debug, Default)]
struct PendingChanges(Mutex<Changes>);

impl PendingChanges {
    fn all(&self) -> MutexGuard<'_, Changes> {
        // Whoever panicked in between has noted a row, or has not.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clear(&self) {
        *self.all() = Changes::default();
    }

    fn note_block(&self, block: i64) {
        self.all().session_blocks.insert(block);
    }

    /// The blocks that were noted, as JSON: they are noted no more.
    fn take_blocks(&self) -> String {
        let blocks = std::mem::take(&mut self.all().session_blocks);
        serde_json::to_string(&blocks).expect("numbers are JSON")
    }

    /// Notes a row: its seal afterwards and before, where it was there.
    fn note(&self, table: &str, after: Option<i64>, before: Option<i64>) {
        let tables = &mut self.all().tables;
        let change = match tables.get_mut(table) {
            Some(change) => change,
            // Its name is copied once for each transaction, not for each row.
            None => tables.entry(table.to_owned()).or_default(),
        };
        change.rows += i64::from(after.is_some()) - i64::from(before.is_some());
        let (after, before) = (after.unwrap_or(0), before.unwrap_or(0));
        change.seals = change.seals.wrapping_add(after).wrapping_sub(before);
    }

    /// What was noted, as JSON: it is noted no more.
    fn take(&self) -> String {
        let all = std::mem::take(&mut self.all().tables);
        let changed = all.iter().filter(|(_, it)| it.rows != 0 || it.seals != 0);
        let list: Vec<_> = changed
            .map(|(name, it)| (name, it.rows, it.seals))
            .collect();
        serde_json::to_string(&list).expect("names and numbers are JSON")
    }
}

/// Has a connection note what it does from now on.
pub(super) fn watch(connection: &mut Connection) -> rusqlite::Result<()> {
    let notes = Arc::new(PendingChanges::default());
    let flags = FunctionFlags::SQLITE_UTF8;
    let theirs = Arc::clone(&notes);
    connection.create_scalar_function("note_row", 4, flags, move |row| {
        theirs.note(row.get_raw(0).as_str()?, row.get(1)?, row.get(2)?);
        // In the same call, for a trigger of its own would cost each batch as much again.
        if let Some(session) = row.get(3)? {
            theirs.note_block(session_blocks::block_of(session));
        }
        Ok(rusqlite::types::Null)
    })?;
    let theirs = Arc::clone(&notes);
    connection.create_scalar_function("taken_notes", 0, flags, move |_| Ok(theirs.take()))?;
    let theirs = Arc::clone(&notes);
    connection.create_scalar_function("taken_session_blocks", 0, flags, move |_| {
        Ok(theirs.take_blocks())
    })?;
    // What was rolled back was not done.
    connection.rollback_hook(Some(move || notes.clear()))?;
    // A row that another one replaces is removed as well; without this no trigger would see it.
    connection.pragma_update(None, "recursive_triggers", true)?;
    for Sealed { table, .. } in counted(connection)? {
        let (new, old) = match table.as_str() {
            "sessions" => ("new.id", "old.id"),
            _ => ("NULL", "NULL"),
        };
        connection.execute_batch(&format!(
            "CREATE TEMP TRIGGER {table}_added AFTER INSERT ON main.{table}
             BEGIN SELECT note_row('{table}', new.seal, NULL, {new}); END;
             CREATE TEMP TRIGGER {table}_changed AFTER UPDATE ON main.{table}
             BEGIN SELECT note_row('{table}', new.seal, old.seal, {new}); END;
             CREATE TEMP TRIGGER {table}_removed AFTER DELETE ON main.{table}
             BEGIN SELECT note_row('{table}', NULL, old.seal, {old}); END;"
        ))?;
    }
    Ok(())
}

/// Takes what a transaction has done into the census; to be called at its end.
pub(super) fn settle(tx: &Connection) -> rusqlite::Result<()> {
    // First, because what it removes is counted, too.
    session_blocks::forget_changed(tx)?;
    tx.prepare_cached(
        "INSERT INTO census (name, count, seals, seal)
         SELECT value ->> 0, value ->> 1, value ->> 2,
                row_seal(value ->> 0, value ->> 1, value ->> 2)
         FROM json_each(taken_notes()) WHERE true
         ON CONFLICT (name) DO UPDATE SET count = count + excluded.count,
             seals = wrapping_sum(seals, excluded.seals),
             seal = row_seal(name, count + excluded.count, wrapping_sum(seals, excluded.seals))",
    )?
    .execute([])
    .map(drop)
}

/// Counts the tables that are sealed otherwise than before a migration.
pub(super) fn take(connection: &Connection, before: &[Sealed]) -> rusqlite::Result<()> {
    if layout_of(connection)? < SINCE {
        return Ok(());
    }
    let had_census = before.iter().any(|sealed| sealed.table == CENSUS);
    for sealed in counted(connection)? {
        // Tables as they were keep what was counted: to count all anew would hide what is missing.
        if had_census && before.contains(&sealed) {
            continue;
        }
        let table = &sealed.table;
        connection.execute(
            &format!(
                "REPLACE INTO census (name, count, seals, seal)
                 SELECT '{table}', rows, seals, row_seal('{table}', rows, seals)
                 FROM (SELECT count(*) AS rows, wrapped_sum(seal) AS seals FROM {table})"
            ),
            [],
        )?;
    }
    connection.execute(
        "DELETE FROM census WHERE name NOT IN (SELECT name FROM sqlite_schema WHERE type = 'table')",
        [],
    )?;
    Ok(())
}

/// What the census says of a table: its rows and the sum of their seals. `None` where it says nothing.
pub(super) fn of(connection: &Connection, table: &str) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached("SELECT count, seals FROM census WHERE name = ?1")?
        .query_row([table], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Whether the rows of a table are counted.
pub(super) fn counts(sealed: &Sealed) -> bool {
    sealed.table != CENSUS
}

fn counted(connection: &Connection) -> rusqlite::Result<Vec<Sealed>> {
    let mut all = seal::sealed(connection)?;
    all.retain(counts);
    Ok(all)
}

/// Makes known to a connection `wrapping_sum(a, b)` and the aggregate `wrapped_sum(x)`: sums mod 2^64, which
/// SQL's own are not.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("wrapping_sum", 2, flags, |row| {
        let (a, b): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(a.wrapping_add(b))
    })?;
    connection.create_aggregate_function("wrapped_sum", 1, flags, WrappedSum)
}

struct WrappedSum;

impl Aggregate<i64, i64> for WrappedSum {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<i64> {
        Ok(0)
    }

    fn step(&self, row: &mut Context<'_>, sum: &mut i64) -> rusqlite::Result<()> {
        *sum = sum.wrapping_add(row.get(0)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sum: Option<i64>) -> rusqlite::Result<i64> {
        Ok(sum.unwrap_or(0))
    }
}
