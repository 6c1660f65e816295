//! The one row that says how far a store has come. Who writes locks it first: so all commits have one order, and what a
//! transaction reads after that is all that was ever committed.

use crate::db::Db;
use crate::errors::DbFault;

/// The row, as a transaction leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoreRow {
    pub(crate) last_seq: i64,
    pub(crate) last_id: i64,
    last_name: i32,
    pub(crate) commits: i64,
    pub(crate) cares: i64,
    pub(crate) requests: i64,
    pub(crate) duplicates: i64,
    pub(crate) conflicts: i64,
    pub(crate) undecided: i64,
}

const SELECT: &str = "SELECT last_seq, last_id, commits, cares, requests, duplicates, conflicts, undecided, last_name
     FROM mcpr_store WHERE id = 1";

impl StoreRow {
    /// Reads the row, which may change at once.
    pub(crate) fn read(db: &mut Db) -> Result<Self, DbFault> {
        Self::of_sql(db, SELECT)
    }

    /// Locks the row until the transaction ends.
    pub(crate) fn lock(db: &mut Db) -> Result<Self, DbFault> {
        Self::of_sql(db, &format!("{SELECT} FOR UPDATE"))
    }

    fn of_sql(db: &mut Db, sql: &str) -> Result<Self, DbFault> {
        let row = db.row(sql, &[])?;
        // It is made with the layout and never removed.
        let row = row.ok_or_else(|| DbFault::damaged("the row of the store is gone"))?;
        Ok(Self {
            last_seq: row.try_get(0)?,
            last_id: row.try_get(1)?,
            commits: row.try_get(2)?,
            cares: row.try_get(3)?,
            requests: row.try_get(4)?,
            duplicates: row.try_get(5)?,
            conflicts: row.try_get(6)?,
            undecided: row.try_get(7)?,
            last_name: row.try_get(8)?,
        })
    }

    /// The next sequence number.
    pub(crate) fn next_seq(&mut self) -> i64 {
        self.last_seq += 1;
        self.last_seq
    }

    /// The next number of a session, a version or a text.
    pub(crate) fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// The next number of a proxy, a client or an operation.
    pub(crate) fn next_name(&mut self) -> i64 {
        // Each is a row of its own and a name that somebody gave: two thousand millions are never reached. If they were,
        // the key of the table would refuse the next one.
        self.last_name = self.last_name.saturating_add(1);
        self.last_name.into()
    }

    /// Writes it back, as one more commit.
    pub(crate) fn write(mut self, db: &mut Db) -> Result<(), DbFault> {
        // Whoever watches sees that something has changed.
        self.commits += 1;
        db.execute(
            "UPDATE mcpr_store SET last_seq = $1, last_id = $2, commits = $3, cares = $4, requests = $5,
                    duplicates = $6, conflicts = $7, undecided = $8, last_name = $9 WHERE id = 1",
            &[
                &self.last_seq,
                &self.last_id,
                &self.commits,
                &self.cares,
                &self.requests,
                &self.duplicates,
                &self.conflicts,
                &self.undecided,
                &self.last_name,
            ],
        )
        .map(drop)
    }
}
