//! What can be called of a proxy that gets another name, and the hourly sums of it.

use super::{Moved, NotRenamed, json};
use crate::codes;
use crate::names::{OperationTexts, find_operation, operation_hash};
use crate::rollups;
use mcpr_model::{Kind, Target, Text};
use rusqlite::{Transaction, params};
use std::collections::HashMap;

/// An operation of the proxy that is renamed, and the one of the new name that it becomes.
struct Renaming {
    id: i64,
    /// Its hash under the new name.
    hash: i64,
    method: Text,
    summed_as: Option<i64>,
    /// The same under the new name, where that is there.
    counterpart: Option<Counterpart>,
}

#[derive(Clone, Copy)]
struct Counterpart {
    id: i64,
    summed_as: Option<i64>,
}

/// What is to be written.
pub(super) struct RenamePlan {
    into: i64,
    all: Vec<Renaming>,
}

/// Looks at the operations of a proxy; nothing is written yet.
pub(super) fn plan(
    tx: &Transaction<'_>,
    from: i64,
    into: i64,
    name: &str,
) -> Result<RenamePlan, NotRenamed> {
    let name = Text::from(name);
    let mut statement = tx.prepare(
        "SELECT id, kind, method, target_kind, target, summed_as FROM operations WHERE proxy = ?1",
    )?;
    let mut rows = statement.query([from])?;
    let mut all = Vec::new();
    let mut scratch = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: Kind = codes::kind(row, 1)?;
        let method: Text = row.get::<_, String>(2)?.into();
        let target = row.get::<_, Option<String>>(4)?.map(Text::from);
        let target = codes::target_kind(row, 3)?.zip(target);
        let target = target.map(|(kind, name)| Target { kind, name });
        let called = OperationTexts {
            kind,
            proxy: &name,
            method: &method,
            target: target.as_ref(),
        };
        let hash = operation_hash(&mut scratch, called);
        let found = if into == from {
            None
        } else {
            find_operation(tx, called, into, hash)?
        };
        all.push(Renaming {
            id: row.get(0)?,
            hash,
            summed_as: row.get(5)?,
            counterpart: found.map(|(id, sums)| Counterpart {
                id,
                summed_as: (sums != id).then_some(sums),
            }),
            method,
        });
    }
    let plan = RenamePlan { into, all };
    plan.check()?;
    Ok(plan)
}

impl RenamePlan {
    /// The hash of each operation under the new name.
    pub(super) fn hashes(&self) -> Moved {
        self.all.iter().map(|it| (it.id, it.hash)).collect()
    }

    /// What each operation is in the end.
    fn numbers(&self) -> Moved {
        let number = |it: &Renaming| it.counterpart.map_or(it.id, |other| other.id);
        self.all.iter().map(|it| (it.id, number(it))).collect()
    }

    /// Sums that hold those of many cannot be taken apart again: both names must have put a thing with the same
    /// others, if they have.
    fn check(&self) -> Result<(), NotRenamed> {
        let numbers = self.numbers();
        for it in &self.all {
            let others = it
                .summed_as
                .map(|id| numbers.get(&id).copied().unwrap_or(id));
            let theirs = it.counterpart.and_then(|other| other.summed_as);
            if let (Some(others), Some(theirs)) = (others, theirs)
                && others != theirs
            {
                return Err(NotRenamed::SummedOtherwise {
                    method: it.method.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Gives the operations to the new name; the requests and sums of those that it has already go to these.
    pub(super) fn carry_out(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let numbers = self.numbers();
        let mut requests = Moved::default();
        let mut sums = HashMap::new();
        for it in &self.all {
            let summed_as = it
                .summed_as
                .map(|id| numbers.get(&id).copied().unwrap_or(id));
            let Some(other) = it.counterpart else {
                self.give(tx, it, summed_as)?;
                continue;
            };
            requests.insert(it.id, other.id);
            match (summed_as, other.summed_as) {
                (None, theirs) => {
                    sums.insert(it.id, theirs.unwrap_or(other.id));
                }
                (Some(others), theirs) => {
                    // It may have sums of its own from before there were too many.
                    sums.insert(it.id, others);
                    // Some of its calls are in the sums of many: so are all of them from now on.
                    if theirs.is_none() {
                        set_summed_as(tx, other.id, others)?;
                        sums.insert(other.id, others);
                    }
                }
            }
        }
        if requests.is_empty() {
            return Ok(());
        }
        move_sums(tx, &sums)?;
        // In one walk over the requests, which have no index over operations.
        tx.execute(
            "WITH moved (id, number) AS MATERIALIZED (
                 SELECT value ->> 0, value ->> 1 FROM json_each(?1))
             UPDATE requests SET operation = (SELECT number FROM moved WHERE id = operation)
             WHERE operation IN (SELECT id FROM moved)",
            [json(&requests)],
        )?;
        tx.execute(
            "DELETE FROM operations WHERE id IN (SELECT value ->> 0 FROM json_each(?1))",
            [json(&requests)],
        )
        .map(drop)
    }

    fn give(
        &self,
        tx: &Transaction<'_>,
        it: &Renaming,
        summed_as: Option<i64>,
    ) -> rusqlite::Result<()> {
        tx.prepare_cached(
            "UPDATE operations SET proxy = ?2, hash = ?3, summed_as = ?4,
                 seal = row_seal(id, ?2, kind, method, target_kind, target, ?3, ?4)
             WHERE id = ?1",
        )?
        .execute(params![it.id, self.into, it.hash, summed_as])
        .map(drop)
    }
}

fn set_summed_as(tx: &Transaction<'_>, id: i64, others: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE operations SET summed_as = ?2,
             seal = row_seal(id, proxy, kind, method, target_kind, target, hash, ?2)
         WHERE id = ?1",
    )?
    .execute([id, others])
    .map(drop)
}

/// Adds the hourly sums of operations to those of others.
fn move_sums(tx: &Transaction<'_>, moved: &Moved) -> rusqlite::Result<()> {
    let rows: Vec<(i64, i64)> = tx
        .prepare(
            "SELECT hour, operation FROM rollups
             WHERE operation IN (SELECT value ->> 0 FROM json_each(?1))",
        )?
        .query_map([json(moved)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (hour, operation) in rows {
        rollups::add_to(tx, hour, operation, moved[&operation])?;
    }
    Ok(())
}
