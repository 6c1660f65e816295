//! Answers: requests and gaps by page, sessions, totals.

mod entries;
mod sessions;
mod slow;
mod stats;
mod totals;

pub(super) use entries::REQUEST_ID_TEXT;

use super::errors::failed;
use super::open::layout_of;
use crate::model::{BadLine, Checkpoint, FileIdentity, Payload};
use crate::query::{
    ClientRow, Entry, Filter, Head, Names, Page, RequestRow, SessionFilter, SessionRow, SourceRow,
    StatsQuestion, StatsRow, StoredKey, Surfaces,
};
use crate::store::{Overview, Reader, RollupRow, StoreError};
use rusqlite::Connection;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The layout that brought what servers show.
const SURFACES_SINCE: i64 = 3;
/// The layout that brought payloads, and the count of secrets taken out.
const PAYLOADS_SINCE: i64 = 4;

/// The layout that brought the conversations of sessions.
const CONVERSATIONS_SINCE: i64 = 5;

/// A store opened for reading only.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
    path: PathBuf,
    identity: Option<FileIdentity>,
}

impl SqliteReader {
    pub(super) fn new(connection: Connection, path: PathBuf) -> Self {
        let identity = file_identity(&path);
        Self {
            connection,
            path,
            identity,
        }
    }

    /// Answers one question from one snapshot, which ends before the answer is used.
    fn ask<T>(
        &mut self,
        answer: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let snapshot = self.connection.transaction().and_then(|tx| answer(&tx));
        snapshot
            .map_err(failed("read the store"))
            .map_err(|error| error.at(&self.path))
    }
}

impl Reader for SqliteReader {
    fn entries(&mut self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        self.ask(|connection| entries::entries(connection, filter, page))
    }

    fn sessions(&mut self, filter: &SessionFilter) -> Result<Vec<SessionRow>, StoreError> {
        self.ask(|connection| sessions::sessions(connection, filter))
    }

    fn head(&mut self) -> Result<Head, StoreError> {
        self.ask(head)
    }

    fn is_current(&self) -> bool {
        self.identity.is_some() && self.identity == file_identity(&self.path)
    }

    fn overview(&mut self) -> Result<Overview, StoreError> {
        self.ask(totals::overview)
    }

    fn span(&mut self) -> Result<Option<(i64, i64)>, StoreError> {
        self.ask(totals::span)
    }

    fn slowest(&mut self, filter: &Filter, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        self.ask(|connection| slow::slowest(connection, filter, limit))
    }

    fn stats(&mut self, question: &StatsQuestion) -> Result<Vec<StatsRow>, StoreError> {
        self.ask(|connection| stats::stats(connection, question))
    }

    fn clients(&mut self, filter: &SessionFilter) -> Result<Vec<ClientRow>, StoreError> {
        self.ask(|connection| sessions::clients(connection, filter))
    }

    fn names(&mut self) -> Result<Names, StoreError> {
        self.ask(totals::names)
    }

    fn payload(&mut self, seq: i64) -> Result<Option<Payload>, StoreError> {
        self.ask(|connection| {
            if layout_of(connection)? < PAYLOADS_SINCE {
                return Ok(None);
            }
            super::payloads::payload(connection, seq)
        })
    }

    fn payload_span(&mut self) -> Result<Option<(i64, i64)>, StoreError> {
        self.ask(|connection| {
            if layout_of(connection)? < PAYLOADS_SINCE {
                return Ok(None);
            }
            super::payloads::span(connection)
        })
    }

    fn surfaces(&mut self) -> Result<Surfaces, StoreError> {
        self.ask(|connection| {
            if layout_of(connection)? < SURFACES_SINCE {
                return Ok(Surfaces::default());
            }
            super::surfaces::surfaces(connection)
        })
    }

    fn surface_count(&mut self) -> Result<u64, StoreError> {
        self.ask(|connection| {
            if layout_of(connection)? < SURFACES_SINCE {
                return Ok(0);
            }
            connection
                .prepare_cached("SELECT count(*) FROM surfaces")?
                .query_row([], |row| row.get(0))
        })
    }

    fn bad_lines(&mut self, limit: usize) -> Result<Vec<BadLine>, StoreError> {
        self.ask(|connection| totals::bad_lines(connection, limit))
    }

    fn sources(&mut self) -> Result<Vec<SourceRow>, StoreError> {
        self.ask(totals::sources)
    }

    fn keys(&mut self, first: i64, last: i64) -> Result<Vec<StoredKey>, StoreError> {
        self.ask(|connection| {
            connection
                .prepare_cached(
                    "SELECT seq, key, client IS NOT NULL FROM requests WHERE seq BETWEEN ?1 AND ?2",
                )?
                .query_map([first, last], |row| {
                    Ok(StoredKey {
                        seq: row.get(0)?,
                        key: row.get(1)?,
                        names_client: row.get(2)?,
                    })
                })?
                .collect()
        })
    }

    fn file_checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        self.ask(super::checkpoints)
    }

    fn rollups(&mut self) -> Result<Vec<RollupRow>, StoreError> {
        self.ask(totals::rollups)
    }
}

pub(super) fn file_identity(path: &Path) -> Option<FileIdentity> {
    path.metadata().ok().map(|metadata| FileIdentity {
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}

fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let version = connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))?;
    let (mut store_id, mut last_seq) = (0, 0);
    let mut statement = connection.prepare_cached(
        "SELECT name = 'store_id', value FROM counters WHERE name IN ('store_id', 'last_seq')",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let value = if row.get(0)? {
            &mut store_id
        } else {
            &mut last_seq
        };
        *value = row.get(1)?;
    }
    Ok(Head {
        store_id,
        last_seq,
        version,
    })
}
