//! Compares a store with the ledger. Reads the store's stable view with SQLite alone.

use super::ledger::{Ledger, SurfaceContent};
use super::report::Outcome;
use anyhow::{Context, Result};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// How a store differs from the ledger.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Rows in the store.
    pub(crate) rows: u64,
    /// Lines that are not there.
    pub(crate) lost: u64,
    /// Rows beyond the first of a line.
    pub(crate) repeated: u64,
    /// Rows that say something else than their line.
    pub(crate) changed: u64,
    /// Rows of no line at all.
    pub(crate) foreign: u64,
    /// Rows whose line was written before that of the row before.
    pub(crate) out_of_order: u64,
}

impl Difference {
    /// Whether each line is there once and says what it has to.
    pub(crate) fn is_none(self) -> bool {
        self.lost + self.repeated + self.changed + self.foreign == 0
    }

    /// Notes the figures, all but the order, which not every fault keeps.
    pub(crate) fn note(self, outcome: &mut Outcome) {
        outcome.figure("rows stored", self.rows);
        outcome.none_of("lines lost", self.lost);
        outcome.none_of("lines repeated", self.repeated);
        outcome.none_of("lines changed", self.changed);
        outcome.none_of("rows of no line", self.foreign);
    }
}

/// Opens a store for reading, as any program could.
pub(crate) fn open(store: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("open {}", store.display()))?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    Ok(connection)
}

/// How many requests there are by now; none where there is no store yet.
pub(crate) fn count(store: &Path) -> usize {
    let count = || -> Result<i64> {
        let sql = "SELECT count(*) FROM requests";
        Ok(open(store)?.query_row(sql, [], |row| row.get(0))?)
    };
    count().map_or(0, |count| usize::try_from(count).unwrap_or(0))
}

/// Compares every row with its line.
pub(crate) fn compare(store: &Path, ledger: &Ledger) -> Result<Difference> {
    let connection = open(store)?;
    let mut statement = connection.prepare(
        "SELECT request_id, ts, session_id, tool, latency_us, bytes_in, error_msg
         FROM request_log ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    let mut seen = vec![false; ledger.len()];
    let mut found = Difference::default();
    let mut last = None;
    while let Some(row) = rows.next().context("read the store")? {
        found.rows += 1;
        let expected = SurfaceContent {
            id: row.get(0)?,
            ts: row.get(1)?,
            session: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
            tool: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
            latency_us: row.get(4)?,
            bytes_in: row.get::<_, Option<i64>>(5)?.unwrap_or(-1),
            error_msg: row.get(6)?,
        };
        let known = Ledger::number_of(&expected.id).and_then(|it| Some((it, ledger.hash_of(it)?)));
        let Some((number, hash)) = known else {
            found.foreign += 1;
            continue;
        };
        found.repeated += u64::from(seen[number]);
        found.changed += u64::from(expected.hash() != hash);
        found.out_of_order += u64::from(last > Some(number));
        seen[number] = true;
        last = Some(number);
    }
    found.lost = seen.iter().filter(|&&is_there| !is_there).count() as u64;
    Ok(found)
}

/// The store's views.
pub(crate) const VIEWS: [&str; 4] = ["request_log", "session_log", "rollup_log", "surface_log"];

/// A hash over everything that each of the store's views shows; a view that cannot be read has none.
pub(crate) fn shown(store: &Path) -> Result<[Option<u64>; VIEWS.len()]> {
    let connection = open(store)?;
    Ok(VIEWS.map(|view| shown_by(&connection, view).ok()))
}

fn shown_by(connection: &Connection, view: &str) -> Result<u64> {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    let mut statement = connection.prepare(&format!("SELECT * FROM {view}"))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            hash.update(format!("{:?}", row.get_ref(column)?).as_bytes());
        }
    }
    Ok(hash.digest())
}
