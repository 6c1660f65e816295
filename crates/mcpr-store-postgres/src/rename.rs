//! A proxy that gets another name: in place where the new name is free, else what the two have becomes one.

mod lists;
mod sessions;

use crate::db::Db;
use crate::errors::DbFault;
use crate::flight;
use crate::names::CalledTexts;
use crate::sums::{self, SumChanges};
use crate::values::{kind, target, text};
use mcpr_model::Text;
use mcpr_store::{Renamed, RollupKey, RollupRow, StoreError};
use std::collections::HashMap;

/// Renames a proxy; `None` where nothing is recorded under the old name.
pub(crate) fn proxy(db: &mut Db, old: &str, new: &str) -> Result<Option<Renamed>, DbFault> {
    let Some(from) = number_of(db, old)? else {
        return Ok(None);
    };
    let into = number_of(db, new)?.filter(|into| *into != from);
    // Counted before they go by the other name.
    let requests = db.number(
        "SELECT count(*) FROM requests r JOIN operations o ON o.id = r.operation WHERE o.proxy = $1",
        &[&from],
    )?;
    if let Some(into) = into {
        // Refused before the first write, so that a refusal leaves nothing to be taken back.
        let plan = plan(db, from, into, new)?;
        carry_out(db, into, &plan)?;
        sessions::merge(db, from, into)?;
        lists::merge(db, from, into)?;
        db.execute("DELETE FROM proxies WHERE id = $1", &[&from])?;
    } else {
        let sql = "UPDATE proxies SET name = $2 WHERE id = $1";
        db.execute(sql, &[&from, &new.as_bytes()])?;
    }
    flight::rename(db, old, new)?;
    Ok(Some(Renamed {
        requests: requests.cast_unsigned(),
        is_merged: into.is_some(),
    }))
}

fn number_of(db: &mut Db, name: &str) -> Result<Option<i64>, DbFault> {
    let row = db.row(
        "SELECT id FROM proxies WHERE name = $1",
        &[&name.as_bytes()],
    )?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// An operation of the proxy that is renamed, and the one of the new name that it becomes.
struct RenamedOperation {
    id: i64,
    called: CalledTexts,
    summed_as: Option<i64>,
    counterpart: Option<OtherOperation>,
}

#[derive(Clone, Copy)]
struct OtherOperation {
    id: i64,
    summed_as: Option<i64>,
}

/// Looks at the operations of a proxy; nothing is written yet.
fn plan(db: &mut Db, from: i64, into: i64, name: &str) -> Result<Vec<RenamedOperation>, DbFault> {
    let rows = db.rows(
        "SELECT id, kind, method, target_kind, target, summed_as FROM operations WHERE proxy = $1",
        &[&from],
    )?;
    let mut all = Vec::new();
    for row in &rows {
        let called = CalledTexts {
            proxy: Text::from(name),
            kind: kind(row, 1)?,
            method: text(row, 2)?,
            target: target(row, 3)?,
        };
        let found = db.row(
            "SELECT id, summed_as FROM operations WHERE identity = $1",
            &[&called.identity(into)],
        )?;
        let counterpart = found.map(|found| -> Result<OtherOperation, DbFault> {
            Ok(OtherOperation {
                id: found.try_get(0)?,
                summed_as: found.try_get(1)?,
            })
        });
        all.push(RenamedOperation {
            id: row.try_get(0)?,
            called,
            summed_as: row.try_get(5)?,
            counterpart: counterpart.transpose()?,
        });
    }
    // Before anything is written.
    check(&all)?;
    Ok(all)
}

/// What each operation is afterwards.
fn numbers(all: &[RenamedOperation]) -> HashMap<i64, i64> {
    let number = |it: &RenamedOperation| it.counterpart.map_or(it.id, |other| other.id);
    all.iter().map(|it| (it.id, number(it))).collect()
}

/// Sums that hold those of many cannot be taken apart again: both names must have put a thing with the same others, if
/// they have.
fn check(all: &[RenamedOperation]) -> Result<(), DbFault> {
    let numbers = numbers(all);
    for it in all {
        let others = it
            .summed_as
            .map(|id| numbers.get(&id).copied().unwrap_or(id));
        let theirs = it.counterpart.and_then(|other| other.summed_as);
        if let (Some(others), Some(theirs)) = (others, theirs)
            && others != theirs
        {
            let message = format!(
                "the two names have so many targets of `{}` that their hourly sums cannot be put together",
                it.called.method
            );
            let refused = StoreError::unsupported(message);
            return Err(refused
                .hint("choose a name that is not recorded yet")
                .into());
        }
    }
    Ok(())
}

/// Gives the operations to the new name; the requests and sums of those that it has already go to these.
fn carry_out(db: &mut Db, into: i64, all: &[RenamedOperation]) -> Result<(), DbFault> {
    let numbers = numbers(all);
    let (mut gone, mut stay) = (Vec::new(), Vec::new());
    let mut moved = HashMap::new();
    for it in all {
        let summed_as = it
            .summed_as
            .map(|id| numbers.get(&id).copied().unwrap_or(id));
        let Some(other) = it.counterpart else {
            db.execute(
                "UPDATE operations SET proxy = $2, identity = $3, summed_as = $4 WHERE id = $1",
                &[&it.id, &into, &it.called.identity(into), &summed_as],
            )?;
            continue;
        };
        // Both names have it: its requests and sums go to the other.
        gone.push(it.id);
        stay.push(other.id);
        match (summed_as, other.summed_as) {
            (None, theirs) => drop(moved.insert(it.id, theirs.unwrap_or(other.id))),
            (Some(others), theirs) => {
                // It may have sums of its own from before there were too many.
                moved.insert(it.id, others);
                // Some of its calls are in the sums of many: so are all of them from now on.
                if theirs.is_none() {
                    let sql = "UPDATE operations SET summed_as = $2 WHERE id = $1";
                    db.execute(sql, &[&other.id, &others])?;
                    moved.insert(other.id, others);
                }
            }
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    move_sums(db, &moved)?;
    // In one walk over the requests, which have no index over operations.
    db.execute(
        "UPDATE requests SET operation = m.stay
         FROM unnest($1::bigint[], $2::bigint[]) AS m (gone, stay) WHERE requests.operation = m.gone",
        &[&gone, &stay],
    )?;
    // Nothing refers to them any more.
    db.execute("DELETE FROM operations WHERE id = ANY($1)", &[&gone])
        .map(drop)
}

/// Adds the hourly sums of operations to those of others.
fn move_sums(db: &mut Db, moved: &HashMap<i64, i64>) -> Result<(), DbFault> {
    let from: Vec<i64> = moved.keys().copied().collect();
    let sql = format!(
        "DELETE FROM rollups u WHERE u.operation = ANY($1) RETURNING {}, u.hour, u.operation",
        sums::COLUMNS
    );
    // Both are added up here, as SQL cannot merge two sketches.
    let mut added = SumChanges::default();
    for row in db.rows(&sql, &[&from])? {
        let (hour, operation): (i64, i64) = (row.try_get(8)?, row.try_get(9)?);
        let mut stored = RollupRow::new(RollupKey::of_hour(hour));
        sums::fill(&mut stored, &row, 0)?;
        let into = moved.get(&operation).copied().unwrap_or(operation);
        added.add((hour, into), &stored);
    }
    added.write(db)
}
