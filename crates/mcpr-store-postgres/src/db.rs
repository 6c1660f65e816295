//! One connection: statements that stay prepared, transactions, and rows that go in as a stream.

use postgres::binary_copy::BinaryCopyInWriter;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{ToSql, Type};
use postgres::{Client, Row, Statement};
use rustc_hash::FxHashMap;
use std::fmt;

use crate::errors::DbFault;

/// Most statements that stay prepared: filters make ever new ones.
const MAX_PREPARED: usize = 200;

/// A value of a statement.
pub(crate) type Value<'a> = &'a (dyn ToSql + Sync);

/// Takes the values of a row to be copied.
pub(crate) type RowWriter<'a> = &'a mut dyn FnMut(&[Value<'_>]) -> Result<(), DbFault>;

/// A value that a row to be copied owns.
pub(crate) type Cell = Box<dyn ToSql + Sync + Send>;

/// How a transaction begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionKind {
    /// Each statement sees what was committed before it: with the lock of the store's row, all of it.
    Writing,
    /// All statements see one state, and none may write.
    Snapshot,
}

/// A connection to a server.
pub(crate) struct Db {
    client: Client,
    prepared: FxHashMap<String, Statement>,
    /// Whether something failed in a way after which nobody knows what the server has done.
    is_broken: bool,
    /// How the server answers each question, where a test wants to see it.
    #[cfg(test)]
    pub(crate) plans: Option<Vec<String>>,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("is_broken", &self.is_broken)
            .finish_non_exhaustive()
    }
}

impl Db {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            prepared: FxHashMap::default(),
            is_broken: false,
            #[cfg(test)]
            plans: None,
        }
    }

    #[cfg(test)]
    fn explain(&mut self, sql: &str, values: &[Value<'_>]) -> Result<(), DbFault> {
        if let Some(plans) = &mut self.plans {
            let lines = self.client.query(&format!("EXPLAIN {sql}"), values)?;
            let lines = lines.iter().map(|row| row.get(0));
            plans.push(lines.collect::<Vec<String>>().join("\n"));
        }
        Ok(())
    }

    /// Whether it is of no use any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.is_broken || self.client.is_closed()
    }

    fn statement(&mut self, sql: &str) -> Result<Statement, DbFault> {
        if let Some(known) = self.prepared.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql)?;
        // All at once: which ones come again is not known, and each is soon prepared anew.
        if self.prepared.len() >= MAX_PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Every row of an answer, which has to be short.
    pub(crate) fn rows(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, DbFault> {
        #[cfg(test)]
        self.explain(sql, values)?;
        let statement = self.statement(sql)?;
        Ok(self.client.query(&statement, values)?)
    }

    /// The first row of an answer.
    pub(crate) fn row(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Option<Row>, DbFault> {
        Ok(self.rows(sql, values)?.into_iter().next())
    }

    /// The one number of an answer.
    pub(crate) fn number(&mut self, sql: &str, values: &[Value<'_>]) -> Result<i64, DbFault> {
        let row = self.row(sql, values)?;
        let row =
            row.ok_or_else(|| DbFault::damaged("a statement that always answers gave no row"))?;
        Ok(row.try_get(0)?)
    }

    /// Shows each row of an answer as it comes, until `take` says that it is enough.
    pub(crate) fn each(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        take: &mut dyn FnMut(&Row) -> Result<bool, DbFault>,
    ) -> Result<(), DbFault> {
        #[cfg(test)]
        self.explain(sql, values)?;
        let statement = self.statement(sql)?;
        let mut rows = self.client.query_raw(&statement, values.iter().copied())?;
        while let Some(row) = rows.next()? {
            if !take(&row)? {
                break;
            }
        }
        Ok(())
    }

    /// Does something; says how many rows it was done to.
    pub(crate) fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64, DbFault> {
        let statement = self.statement(sql)?;
        Ok(self.client.execute(&statement, values)?)
    }

    /// Does several things, without values.
    pub(crate) fn batch(&mut self, sql: &str) -> Result<(), DbFault> {
        Ok(self.client.batch_execute(sql)?)
    }

    /// Copies rows into a table, given as `table (column, …)`.
    pub(crate) fn copy(
        &mut self,
        into: &str,
        types: &[Type],
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> Result<(), DbFault> {
        self.copy_each(into, types, rows, |row, write| {
            // The library takes references, and the row owns what they refer to.
            let cells = row.iter().map(|cell| -> Value<'_> { &**cell });
            write(&cells.collect::<Vec<_>>())
        })
    }

    /// The same of things that `put` makes rows of.
    pub(crate) fn copy_each<T>(
        &mut self,
        into: &str,
        types: &[Type],
        rows: impl IntoIterator<Item = T>,
        mut put: impl FnMut(T, RowWriter<'_>) -> Result<(), DbFault>,
    ) -> Result<(), DbFault> {
        // An empty stream would still be a question and an answer.
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return Ok(());
        }
        let writer = self
            .client
            .copy_in(&format!("COPY {into} FROM STDIN BINARY"))?;
        let mut writer = BinaryCopyInWriter::new(writer, types);
        for row in rows {
            put(row, &mut |values| Ok(writer.write(values)?))?;
        }
        writer.finish()?;
        Ok(())
    }

    /// Does something as one transaction: all of it is committed, or nothing.
    pub(crate) fn transaction<T>(
        &mut self,
        begin: TransactionKind,
        work: impl FnOnce(&mut Self) -> Result<T, DbFault>,
    ) -> Result<T, DbFault> {
        self.batch(match begin {
            TransactionKind::Writing => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            TransactionKind::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        })?;
        // Whatever comes of it, the transaction ends here: the next one begins on the same connection.
        let done = work(self);
        let ended = match &done {
            Ok(_) => self.batch("COMMIT"),
            Err(_) => self.batch("ROLLBACK"),
        };
        if ended.is_err() {
            // Whether a COMMIT without an answer was done is asked on another connection.
            self.is_broken = true;
        }
        if done.as_ref().is_err_and(DbFault::is_read_only) {
            // The primary is looked for anew.
            self.is_broken = true;
        }
        // A rollback that failed says less than what made it necessary.
        match (done, ended) {
            (Ok(done), Ok(())) => Ok(done),
            // What came first says why.
            (Err(fault), _) | (Ok(_), Err(fault)) => Err(fault),
        }
    }
}

/// A cell of a row.
pub(crate) fn cell<T: ToSql + Sync + Send + 'static>(value: T) -> Cell {
    Box::new(value)
}
