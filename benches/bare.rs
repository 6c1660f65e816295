//! The bare insert loop: the rows of a produced store, inserted again into an empty database with
//! the same layout and settings. What it takes is the floor under any recorder with that layout.

use anyhow::{Context, Result};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::path::Path;
use std::time::{Duration, Instant};

/// The table of requests in our own layout.
const TABLE: &str = "requests";
/// Rows in a transaction: the recorder's own limit while it has a backlog.
const TRANSACTION_ROWS: usize = 10_000;

/// A table's layout and all its rows, in memory.
pub(crate) struct Table {
    /// `CREATE TABLE` first, then its indexes.
    statements: Vec<String>,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
    page_size: i64,
    auto_vacuum: i64,
}

impl Table {
    /// Reads the table of requests from a store.
    pub(crate) fn read(store: &Path) -> Result<Self> {
        let db = open_read_only(store)?;
        let statements = texts(
            &db,
            "SELECT sql FROM sqlite_master WHERE tbl_name = ?1 AND type IN ('table', 'index') \
             AND sql IS NOT NULL ORDER BY type = 'index'",
        )?;
        // Generated columns (hidden 2 and 3) can't be inserted into.
        let columns = texts(
            &db,
            "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid",
        )?;
        anyhow::ensure!(!columns.is_empty(), "{}: no table {TABLE}", store.display());
        let rows = read_rows(&db, &columns).context("read the rows")?;
        let pragma = |name| db.pragma_query_value(None, name, |row| row.get(0));
        let (page_size, auto_vacuum) = (pragma("page_size")?, pragma("auto_vacuum")?);
        Ok(Self {
            statements,
            columns,
            rows,
            page_size,
            auto_vacuum,
        })
    }

    /// Inserts all rows into a new database; says how long that took, closing it included.
    pub(crate) fn insert_into(&self, path: &Path) -> Result<Duration> {
        let mut db = self.create(path).context("create the bare database")?;
        let started = Instant::now();
        let places = vec!["?"; self.columns.len()].join(", ");
        let columns = self.columns.join("\", \"");
        let insert = format!("INSERT INTO {TABLE} (\"{columns}\") VALUES ({places})");
        for rows in self.rows.chunks(TRANSACTION_ROWS) {
            let transaction = db.transaction()?;
            let mut statement = transaction.prepare_cached(&insert)?;
            for row in rows {
                statement.execute(params_from_iter(row))?;
            }
            drop(statement);
            transaction.commit()?;
        }
        db.close()
            .map_err(|(_, error)| error)
            .context("close the bare database")?;
        Ok(started.elapsed())
    }

    fn create(&self, path: &Path) -> Result<Connection> {
        let db = Connection::open(path)?;
        db.pragma_update(None, "page_size", self.page_size)?;
        db.pragma_update(None, "auto_vacuum", self.auto_vacuum)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        // The tables that its numbers refer to are not there.
        db.pragma_update(None, "foreign_keys", false)?;
        for statement in &self.statements {
            db.execute_batch(statement)?;
        }
        Ok(db)
    }
}

/// How many requests a store holds.
pub(crate) fn count(store: &Path) -> Result<usize> {
    let query = format!("SELECT count(*) FROM {TABLE}");
    let count: i64 = open_read_only(store)?.query_row(&query, [], |row| row.get(0))?;
    Ok(usize::try_from(count)?)
}

fn open_read_only(store: &Path) -> Result<Connection> {
    Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("open {}", store.display()))
}

/// The texts that a query about the table gives.
fn texts(db: &Connection, query: &str) -> Result<Vec<String>> {
    let mut statement = db.prepare(query)?;
    let texts = statement.query_map([TABLE], |row| row.get(0))?;
    Ok(texts.collect::<rusqlite::Result<_>>()?)
}

fn read_rows(db: &Connection, columns: &[String]) -> Result<Vec<Vec<Value>>> {
    let query = format!("SELECT \"{}\" FROM {TABLE}", columns.join("\", \""));
    let mut statement = db.prepare(&query)?;
    let rows = statement.query_map([], |row| {
        (0..columns.len())
            .map(|at| row.get(at))
            .collect::<Result<_, _>>()
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
