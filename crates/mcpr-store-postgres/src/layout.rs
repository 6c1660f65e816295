//! Which layout a store has, and how it gets it.

use crate::db::{Db, TransactionKind};
use crate::errors::DbFault;
use mcpr_store::{StoreError, StoreErrorKind};
use postgres::error::SqlState;
use std::hash::{BuildHasher, RandomState};

/// Every layout there ever was; the row of `mcpr_store` says how many a store has.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001_layout.sql")];

/// The tables of the newest layout, for rights and sizes.
pub(crate) const TABLES: [&str; 24] = [
    "mcpr_store",
    "proxies",
    "clients",
    "operations",
    "sessions",
    "requests",
    "request_notes",
    "payloads",
    "gaps",
    "bad_lines",
    "rollups",
    "recorders",
    "sources",
    "checkpoints",
    "writers",
    "leases",
    "open_requests",
    "server_runs",
    "surface_texts",
    "surfaces",
    "surface_items",
    "surface_announcements",
    "surface_pages",
    "surface_page_items",
];

/// How many layouts this version knows.
fn newest() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// What there is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FoundLayout {
    /// No table at all.
    Nothing,
    /// A store that has so many layouts.
    Store(i32),
    /// Tables of something else.
    Foreign,
}

fn look(db: &mut Db) -> Result<FoundLayout, DbFault> {
    match db.row("SELECT layout FROM mcpr_store WHERE id = 1", &[]) {
        Ok(Some(row)) => return Ok(FoundLayout::Store(row.try_get(0)?)),
        // A table of that name without our row.
        Ok(None) => return Ok(FoundLayout::Foreign),
        Err(DbFault::Server(error)) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {}
        Err(DbFault::Server(error)) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => {
            return Ok(FoundLayout::Foreign);
        }
        Err(fault) => return Err(fault),
    }
    // Not `information_schema`, which shows to nobody what he has no rights to.
    let tables = db.number(
        "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        &[],
    )?;
    Ok(if tables == 0 {
        FoundLayout::Nothing
    } else {
        FoundLayout::Foreign
    })
}

fn foreign() -> DbFault {
    let message = "the database holds tables of another program, and no store of mcpr";
    let hint = "name a database of its own, made with `createdb`; or a schema: options=-csearch_path%3DNAME in the URL";
    StoreError::new(StoreErrorKind::Foreign, message)
        .hint(hint)
        .into()
}

fn newer(layout: i32) -> DbFault {
    let newest = newest();
    let message = format!("the store has layout {layout}; this mcpr knows layouts up to {newest}");
    StoreError::new(StoreErrorKind::Newer, message)
        .hint("it was written by a newer mcpr: use that one, or name another store with --db")
        .into()
}

/// Checks that there is a store which this version can read.
pub(crate) fn check(db: &mut Db) -> Result<(), DbFault> {
    match look(db)? {
        FoundLayout::Store(layout) if layout > newest() => Err(newer(layout)),
        FoundLayout::Store(_) => Ok(()),
        FoundLayout::Foreign => Err(foreign()),
        FoundLayout::Nothing => {
            let message = "there is no store of mcpr in the database";
            Err(StoreError::new(StoreErrorKind::Missing, message)
                .hint("`mcpr store migrate` makes it, and so does a recorder whose role may make tables")
                .into())
        }
    }
}

/// Checks that there is a store which this version may write, and makes it where there is none. An older one is left as
/// it is: on a server that many share nobody's recorder changes it behind their backs.
pub(crate) fn prepare(db: &mut Db) -> Result<(), DbFault> {
    match look(db)? {
        FoundLayout::Store(layout) if layout > newest() => Err(newer(layout)),
        FoundLayout::Store(layout) if layout < newest() => {
            let message = format!(
                "the store has layout {layout}, and this mcpr writes {}",
                newest()
            );
            Err(StoreError::new(StoreErrorKind::Other, message)
                .hint("`mcpr store migrate` brings it up to date, when all who write it are of this version")
                .into())
        }
        FoundLayout::Store(_) => Ok(()),
        FoundLayout::Foreign => Err(foreign()),
        FoundLayout::Nothing => migrate(db).map(drop),
    }
}

/// Brings a store to the newest layout, and makes it where there is none. Says from which layout, 0 for none.
pub(crate) fn migrate(db: &mut Db) -> Result<(i32, i32), DbFault> {
    let from = match look(db)? {
        FoundLayout::Store(layout) if layout > newest() => return Err(newer(layout)),
        FoundLayout::Store(layout) => layout,
        FoundLayout::Foreign => return Err(foreign()),
        FoundLayout::Nothing => 0,
    };
    let done = db.transaction(TransactionKind::Writing, |db| carry_out(db, from));
    if let Err(fault) = done {
        // Somebody else may have done the same at the same time.
        return match look(db) {
            Ok(FoundLayout::Store(layout)) if layout == newest() => Ok((from, layout)),
            _ => Err(fault),
        };
    }
    Ok((from, newest()))
}

fn carry_out(db: &mut Db, from: i32) -> Result<(), DbFault> {
    if from > 0 {
        // Nobody writes by the old layout while it changes.
        db.rows("SELECT id FROM mcpr_store WHERE id = 1 FOR UPDATE", &[])?;
    }
    for (number, migration) in (1..).zip(MIGRATIONS) {
        // What the store has seen already.
        if number <= from {
            continue;
        }
        // DDL is part of the transaction: a failure leaves the layout as it was.
        db.batch(migration)?;
        if number == 1 {
            // Random as far as two stores have to be distinguished.
            // Odd, so that it is never 0, which stands for no store.
            let store_id = RandomState::new()
                .hash_one(std::process::id())
                .cast_signed()
                | 1;
            db.execute(
                "INSERT INTO mcpr_store (id, layout, store_id, last_seq, last_id, last_name, commits, cares, requests,
                                         duplicates, conflicts, undecided)
                 VALUES (1, 1, $1, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
                &[&store_id],
            )?;
        }
        let layout = number;
        db.execute("UPDATE mcpr_store SET layout = $1 WHERE id = 1", &[&layout])?;
    }
    Ok(())
}
