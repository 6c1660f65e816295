//! Stores of other programs, answered for as they are: those of mcpr 0.3/0.4 and of mcpr 0.5.
//!
//! Nothing is ever written, and no file is left beside them. A layout is a handful of queries that
//! give rows of our own shape; what a row, a filter or a session means is decided where it is for
//! our own stores. What a layout does not know is null.

mod access;
mod fault;
mod layout;
mod pairs;
mod requests;
mod sessions;
mod surfaces;
#[cfg(test)]
mod tests;
mod v04;
mod v05;

use super::conditions::Conditions;
use crate::model::Checkpoint;
use crate::query::{
    Entry, Filter, Head, Order, Page, RequestRow, SessionFilter, SessionRow, SourceRow, Surfaces,
};
use crate::store::{Overview, Reader, RollupRow, StoreError, StoreErrorKind};
pub(super) use access::Access;
use fault::Fault;
use layout::Layout;
pub(super) use layout::Program;
use pairs::Pairs;
use rusqlite::Connection;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How often a question is asked again because the files changed below it.
const MAX_TRIES: usize = 5;

/// A store of another program, opened for reading.
#[derive(Debug)]
pub(super) struct ForeignReader {
    path: PathBuf,
    program: Program,
    opened: Opened,
    /// The file that was asked for; another one at its path is another store.
    inode: u64,
    /// How often the files were opened.
    openings: i64,
}

/// What is kept from one question to the next while the files stay as they are.
#[derive(Debug)]
struct Opened {
    access: Access,
    layout: Layout,
    pairs: Option<Pairs>,
}

/// What a question is answered from: one snapshot.
struct Source<'a> {
    connection: &'a Connection,
    layout: &'a Layout,
    pairs: &'a Pairs,
}

impl ForeignReader {
    /// Opens a store of a program that was recognised by its tables.
    pub(super) fn open(path: PathBuf, program: Program) -> Result<Self, StoreError> {
        let opened = Opened::open(&path, program)?;
        Ok(Self {
            path,
            program,
            inode: opened.access.inode(),
            opened,
            openings: 1,
        })
    }

    /// Answers one question from one snapshot.
    fn ask<T>(
        &mut self,
        answer: impl Fn(&Source<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        self.attempt(|opened| opened.ask(&answer))
    }

    /// Reads, and anew if the files were changed meanwhile in a way that the connection cannot know.
    fn attempt<T>(
        &mut self,
        read: impl Fn(&mut Opened) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        for _ in 0..MAX_TRIES {
            if !self.opened.access.is_current(&self.path) {
                self.opened = Opened::open(&self.path, self.program)?;
                self.openings += 1;
            }
            let answered = read(&mut self.opened);
            if self.opened.access.is_current(&self.path) {
                return answered.map_err(|fault| fault.told(self.program, &self.path));
            }
        }
        Err(
            StoreError::new(StoreErrorKind::Retryable, "changed each time it was read")
                .at(&self.path)
                .hint("try again in a moment"),
        )
    }
}

impl Opened {
    fn open(path: &Path, program: Program) -> Result<Self, StoreError> {
        let access = Access::open(path)?;
        let layout =
            Layout::of(&access.connection, program).map_err(|fault| fault.told(program, path))?;
        Ok(Self {
            access,
            layout,
            pairs: None,
        })
    }

    fn ask<T>(&mut self, answer: impl Fn(&Source<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let connection = self.access.connection.unchecked_transaction()?;
        let version = data_version(&connection)?;
        let pairs = match self.pairs.take() {
            Some(pairs) if pairs.version == version => pairs,
            _ => Pairs::load(&connection, &self.layout, version)?,
        };
        let answered = answer(&Source {
            connection: &connection,
            layout: &self.layout,
            pairs: &pairs,
        });
        self.pairs = Some(pairs);
        answered
    }

    /// The last number, and what differs when something was committed since.
    fn head(&self) -> Result<(i64, i64), Fault> {
        let connection = self.access.connection.unchecked_transaction()?;
        let version = data_version(&connection)?;
        let last_seq = connection
            .prepare_cached("SELECT ifnull(max(id), 0) FROM requests")?
            .query_row([], |row| row.get(0))?;
        Ok((last_seq, version))
    }
}

/// What differs when another connection has committed something. Asked first in a transaction, it
/// also begins the snapshot.
fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "data_version", |row| row.get(0))
}

impl Reader for ForeignReader {
    fn entries(&mut self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        self.ask(|source| requests::page(source, filter, page))
    }

    fn sessions(&mut self, filter: &SessionFilter) -> Result<Vec<SessionRow>, StoreError> {
        self.ask(|source| Ok(filter.choose(sessions::all(source)?)))
    }

    fn head(&mut self) -> Result<Head, StoreError> {
        let (last_seq, version) = self.attempt(|opened| opened.head())?;
        Ok(Head {
            store_id: 0,
            last_seq,
            // Each connection counts from where it likes.
            version: self.openings.rotate_left(32) ^ version,
        })
    }

    fn is_current(&self) -> bool {
        Access::inode_at(&self.path) == Some(self.inode)
    }

    fn overview(&mut self) -> Result<Overview, StoreError> {
        self.ask(overview)
    }

    fn span(&mut self) -> Result<Option<(i64, i64)>, StoreError> {
        self.ask(span)
    }

    fn slowest(&mut self, filter: &Filter, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        self.ask(|source| requests::slowest(source, filter, limit))
    }

    /// None: such a store does not say where its rows came from.
    fn sources(&mut self) -> Result<Vec<SourceRow>, StoreError> {
        Ok(Vec::new())
    }

    /// None: no file was read for it.
    fn file_checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        Ok(Vec::new())
    }

    fn surfaces(&mut self) -> Result<Surfaces, StoreError> {
        let program = self.program;
        self.ask(|source| surfaces::surfaces(source, program))
    }

    fn rollups(&mut self) -> Result<Vec<RollupRow>, StoreError> {
        self.ask(rollups)
    }
}

fn overview(source: &Source<'_>) -> Result<Overview, Fault> {
    let sessions = sessions::all(source)?.len() as u64;
    let (requests, last_seq) = source.connection.query_row(
        "SELECT count(*), ifnull(max(id), 0) FROM requests",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(Overview {
        requests,
        sessions,
        span: span(source)?,
        last_seq,
        ..Overview::default()
    })
}

fn span(source: &Source<'_>) -> Result<Option<(i64, i64)>, Fault> {
    let span = source.connection.query_row(
        "SELECT (SELECT min(ts) FROM requests), (SELECT max(ts) FROM requests)",
        [],
        |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)),
    );
    span.map_err(|error| Fault::in_row("the times of the requests".to_owned(), error))
}

fn rollups(source: &Source<'_>) -> Result<Vec<RollupRow>, Fault> {
    let mut rollups = HashMap::new();
    requests::each(source, Conditions::default(), Order::Ascending, |row| {
        let key = RollupRow::key_of_row(&row);
        rollups
            .entry(key.clone())
            .or_insert_with(|| RollupRow::new(key))
            .add_row(&row);
        ControlFlow::Continue(())
    })?;
    let mut rollups: Vec<_> = rollups.into_values().collect();
    RollupRow::sort(&mut rollups);
    Ok(rollups)
}
