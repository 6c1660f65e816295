//! A proxy that gets another name: in place where the new name is free, else what the two have becomes one. All of
//! it is one transaction: no reader sees half of it, and a kill leaves all as it was.
//!
//! Requests are hashed by the texts of what was called, so that the checksums of their batches change with the name
//! although no request's own row does.

mod operations;
mod sessions;
mod surfaces;

use crate::flight;
use crate::layout::layout_of;
use crate::requests::{HASHED, Rehash, hashed_columns, row_hash_change};
use crate::seal;
use crate::sweep::without_references;
use mcpr_store::{Renamed, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::{BTreeMap, HashMap};

/// Stored numbers that others take the place of.
type Moved = HashMap<i64, i64>;

/// Why nothing was renamed.
pub(super) enum NotRenamed {
    Sqlite(rusqlite::Error),
    /// The sums of the two names cannot be distinguished and not be put together.
    SummedOtherwise {
        method: String,
    },
}

impl From<rusqlite::Error> for NotRenamed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl NotRenamed {
    /// The same as an error of a store.
    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Sqlite(error) => crate::errors::failed("rename a proxy")(error),
            Self::SummedOtherwise { method } => StoreError::unsupported(format!(
                "the two names have so many targets of `{method}` that their hourly sums cannot be put together"
            ))
            .hint("choose a name that is not recorded yet"),
        }
    }
}

/// Renames a proxy; `None` where nothing is recorded under the old name.
pub(super) fn proxy(
    connection: &mut Connection,
    old: &str,
    new: &str,
) -> Result<Option<Renamed>, NotRenamed> {
    // References are kept by what is written here; looked for one by one they would take the square of the time.
    without_references(connection, |tx| match rename(tx, old, new) {
        Ok(renamed) => Ok(Ok(renamed)),
        Err(NotRenamed::Sqlite(error)) => Err(error),
        // Before anything was written.
        Err(refused) => Ok(Err(refused)),
    })?
}

fn rename(tx: &Transaction<'_>, old: &str, new: &str) -> Result<Option<Renamed>, NotRenamed> {
    let Some(from) = number_of(tx, old)? else {
        return Ok(None);
    };
    let into = number_of(tx, new)?.filter(|into| *into != from);
    let is_merged = into.is_some();
    let into = into.unwrap_or(from);
    // Refused before the first write, so that a refusal leaves nothing to be taken back.
    let plan = operations::plan(tx, from, into, new)?;
    let sessions = if is_merged {
        sessions::pairs(tx, from, into)?
    } else {
        sessions::JoinedSessions::default()
    };
    // First of all: it reads the rows as they were hashed.
    let requests = rehash(tx, from, &plan.hashes(), &sessions.numbers())?;
    plan.carry_out(tx)?;
    // Sessions and lists lead to the proxy by its number, which stays where the new name was free.
    if is_merged {
        sessions::merge(tx, from, into, &sessions)?;
        surfaces::merge(tx, from, into)?;
        tx.execute("DELETE FROM proxies WHERE id = ?1", [from])?;
    } else {
        tx.execute(
            "UPDATE proxies SET name = ?2 WHERE id = ?1",
            params![from, new],
        )?;
        seal::renew(tx, "proxies", "id = ?1", [from])?;
    }
    flight::rename(tx, old, new)?;
    Ok(Some(Renamed {
        requests,
        is_merged,
    }))
}

fn number_of(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<i64>> {
    tx.query_row("SELECT id FROM proxies WHERE name = ?1", [name], |row| {
        row.get(0)
    })
    .optional()
}

/// Puts the checksums of batches right: by what the hash of each request of a proxy changes with that of its
/// operation, and of each other one with its session. Says how many requests the proxy has.
fn rehash(
    tx: &Transaction<'_>,
    proxy: i64,
    hashes: &Moved,
    sessions: &Moved,
) -> rusqlite::Result<u64> {
    let mut requests = 0;
    let mut batches = BTreeMap::<i64, i64>::new();
    {
        let columns = hashed_columns(layout_of(tx)?);
        let mut statement = tx.prepare(&format!(
            "SELECT {columns}, r.operation, b.id, o.proxy = ?1
             FROM requests r JOIN operations o ON o.id = r.operation
                  LEFT JOIN batches b ON b.first_seq =
                      (SELECT max(first_seq) FROM batches WHERE first_seq <= r.seq)
             WHERE o.proxy = ?1
                OR r.session IN (SELECT value ->> 0 FROM json_each(?2))"
        ))?;
        let mut rows = statement.query(params![proxy, json(sessions)])?;
        while let Some(row) = rows.next()? {
            requests += u64::from(row.get::<_, bool>(HASHED + 2)?);
            // One outside of all batches is damage that is not made good here.
            let Some(batch) = row.get::<_, Option<i64>>(HASHED + 1)? else {
                continue;
            };
            let session: Option<i64> = row.get(4)?;
            let rehash = Rehash {
                operation: hashes.get(&row.get(HASHED)?).copied(),
                session: session.map(|it| sessions.get(&it).copied().unwrap_or(it)),
            };
            let sum = batches.entry(batch).or_default();
            // Checksums are sums of hashes modulo 2^64: a change is added without reading the other rows.
            *sum = sum.wrapping_add(row_hash_change(row, rehash)?);
        }
    }
    // The seal covers the checksum, and is made in the same statement.
    let mut update = tx.prepare(
        "UPDATE batches SET checksum = ?2,
             seal = row_seal(id, writer, committed_at, first_seq, last_seq, requests, min_ts, max_ts, ?2)
         WHERE id = ?1",
    )?;
    let mut select = tx.prepare("SELECT checksum FROM batches WHERE id = ?1")?;
    for (batch, change) in batches {
        let checksum: i64 = select.query_row([batch], |row| row.get(0))?;
        update.execute([batch, checksum.wrapping_add(change)])?;
    }
    Ok(requests)
}

/// Pairs of numbers as JSON, for a statement that goes over all of them at once.
fn json(moved: &Moved) -> String {
    let pairs: Vec<[i64; 2]> = moved.iter().map(|(from, to)| [*from, *to]).collect();
    serde_json::to_string(&pairs).expect("numbers are JSON")
}
