//! Answers: requests and gaps by page, sessions, totals.

mod by_id;
mod clients;
#[cfg(test)]
pub(crate) mod costs;
mod entries;
mod sessions;
mod slow;
mod stats;
mod timeline;
mod totals;

use super::errors::failed;
use super::file::file_identity;
use super::flight;
use super::layout::layout_of;
use super::limits::StepLimit;
use super::log_index::LogIndex;
use super::recall::Recall;
use super::runs;
use super::surfaces::KnownLists;
use super::watch::DirectoryWatch;
use mcpr_model::{Checkpoint, FileIdentity, Payload, ServerRun};
use mcpr_store::query::{
    BadLineRow, ClientRow, Cursor, Entry, Filter, Head, NameKind, OpenRow, Page, Pattern,
    RequestRow, SessionFilter, SessionKey, SessionPage, SessionRow, SourceRow, StatsQuestion,
    StatsRow, StoredKey, SurfacePage, SurfaceRow, Surfaces, TimePage,
};
use mcpr_store::{Overview, Reader, RollupRow, StoreError, replaced};
use rusqlite::Connection;
use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

/// The layout that brought what servers show.
const SURFACES_SINCE: i64 = 3;
/// The layout that brought payloads, and the count of secrets taken out.
const PAYLOADS_SINCE: i64 = 4;

/// The layout that brought the keys of gaps.
const GAP_KEYS_SINCE: i64 = 7;
/// The layout that brought the codes by which calls of two channels are found.
const CALLS_SINCE: i64 = 9;
/// The layout in which one operation has the hourly sums of many.
pub(super) const SUMS_OF_OTHERS_SINCE: i64 = 7;
/// The layout that brought the conversations of sessions.
const CONVERSATIONS_SINCE: i64 = 5;

/// A store opened for reading only.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
    steps: StepLimit,
    // To ask changes no reader: what it remembers makes answers faster, never different.
    recall: RefCell<Recall>,
    recall_of_sessions: RefCell<Recall>,
    /// As it was named, perhaps by a link.
    path: PathBuf,
    /// Where the files beside it are.
    real: PathBuf,
    identity: Option<FileIdentity>,
    index: LogIndex,
    listed: RefCell<timeline::Listed>,
    lists: RefCell<KnownLists>,
    /// `None` until somebody waits for news.
    watch: RefCell<Option<DirectoryWatch>>,
}

impl SqliteReader {
    pub(super) fn new(
        connection: Connection,
        steps: StepLimit,
        path: PathBuf,
        real: PathBuf,
    ) -> Result<Self, StoreError> {
        // By its path, as whoever asks later sees it: another file there is another store.
        let identity = file_identity(&path);
        let set_up = failed("set up the store");
        let recall = Recall::of_requests(&connection).map_err(&set_up)?;
        let recall_of_sessions = Recall::of_sessions(&connection).map_err(&set_up)?;
        Ok(Self {
            connection,
            steps,
            recall: RefCell::new(recall),
            recall_of_sessions: RefCell::new(recall_of_sessions),
            index: LogIndex::of(&real),
            path,
            real,
            identity,
            listed: RefCell::default(),
            lists: RefCell::default(),
            watch: RefCell::default(),
        })
    }

    /// Whether the store that was opened is still the one at its place.
    fn is_current(&self) -> bool {
        // A file that could not be looked at is no proof of anything.
        self.identity.is_some() && self.identity == file_identity(&self.path)
    }

    /// Answers one question from one snapshot, which ends before the answer is used.
    fn ask<T>(
        &self,
        answer: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let steps = &self.steps;
        if self.is_current() {
            // Cut by another program, it would end this one when SQLite looks into it.
            self.index.check()?;
        }
        // Questions of several statements must not see a commit in between. Nothing is written, so
        // that its end needs no commit.
        let snapshot = self.connection.unchecked_transaction().and_then(|tx| {
            // Within the snapshot, for the file's size is that of the state that is read.
            steps.allow(&tx)?;
            answer(&tx)
        });
        snapshot
            .map_err(failed("read the store"))
            .map_err(|error| error.at(&self.path))
    }
}

impl Reader for SqliteReader {
    fn entries(&self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        let mut recall = self.recall.borrow_mut();
        self.ask(|connection| entries::entries(connection, &mut recall, filter, page))
    }

    fn timeline(&self, filter: &Filter, page: TimePage) -> Result<Vec<Entry>, StoreError> {
        let mut recall = self.recall.borrow_mut();
        let mut listed = self.listed.borrow_mut();
        self.ask(|connection| {
            timeline::timeline(connection, &mut recall, &mut listed, filter, page)
        })
    }

    fn request(&self, seq: i64) -> Result<Option<RequestRow>, StoreError> {
        self.ask(|connection| by_id::at(connection, seq))
    }

    fn open_requests(&self, filter: &Filter) -> Result<Vec<OpenRow>, StoreError> {
        self.ask(|connection| flight::listed(connection, &self.real, filter))
    }

    fn server_run(&self, session: &SessionKey) -> Result<Option<ServerRun>, StoreError> {
        self.ask(|connection| runs::of_session(connection, session))
    }

    fn server_deaths(
        &self,
        since: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError> {
        self.ask(|connection| runs::died(connection, since, until, limit))
    }

    fn server_outputs(
        &self,
        proxy: Option<&Pattern>,
        limit: usize,
    ) -> Result<Vec<ServerRun>, StoreError> {
        self.ask(|connection| runs::outputs(connection, proxy, limit))
    }

    fn sessions(
        &self,
        filter: &SessionFilter,
        page: &SessionPage,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let mut recall = self.recall_of_sessions.borrow_mut();
        self.ask(|connection| sessions::sessions(connection, &mut recall, filter, page))
    }

    fn head(&self) -> Result<Head, StoreError> {
        self.ask(head)
    }

    fn gone_behind(&self, place: Cursor) -> Result<u64, StoreError> {
        self.ask(|connection| totals::gone_behind(connection, place))
    }

    fn watch(&self, seen: Head, timeout: Duration) -> Result<Head, StoreError> {
        let mut watch = self.watch.borrow_mut();
        let watch = watch.get_or_insert_with(|| DirectoryWatch::beside(&self.real));
        watch.watch(seen, timeout, &mut || {
            if self.is_current() {
                self.head()
            } else {
                Err(replaced().at(&self.path))
            }
        })
    }

    fn overview(&self) -> Result<Overview, StoreError> {
        self.ask(totals::overview)
    }

    fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        self.ask(totals::span)
    }

    fn slowest(&self, filter: &Filter, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        let mut recall = self.recall.borrow_mut();
        self.ask(|connection| slow::slowest(connection, &mut recall, filter, limit))
    }

    fn stats(&self, question: &StatsQuestion) -> Result<Vec<StatsRow>, StoreError> {
        let mut recall = self.recall.borrow_mut();
        self.ask(|connection| stats::stats(connection, &mut recall, question))
    }

    fn clients(&self, filter: &SessionFilter, most: usize) -> Result<Vec<ClientRow>, StoreError> {
        let mut recall = self.recall_of_sessions.borrow_mut();
        self.ask(|connection| clients::clients(connection, &mut recall, filter, most))
    }

    fn names(&self, kind: NameKind, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        self.ask(|connection| totals::names(connection, kind, prefix, limit))
    }

    fn payloads(&self, seqs: &[i64]) -> Result<Vec<(i64, Payload)>, StoreError> {
        self.ask(|connection| {
            if layout_of(connection)? < PAYLOADS_SINCE {
                return Ok(Vec::new());
            }
            super::payloads::payloads(connection, seqs)
        })
    }

    fn payload_span(&self) -> Result<Option<(Cursor, Cursor)>, StoreError> {
        let span = self.ask(|connection| {
            if layout_of(connection)? < PAYLOADS_SINCE {
                return Ok(None);
            }
            super::payloads::span(connection)
        })?;
        let cursor = Cursor::from_seq;
        Ok(span.map(|(first, last)| (cursor(first), cursor(last))))
    }

    fn surfaces(&self, page: &SurfacePage) -> Result<Surfaces, StoreError> {
        let mut known = self.lists.borrow_mut();
        self.ask(|connection| {
            if layout_of(connection)? < SURFACES_SINCE {
                return Ok(Surfaces::default());
            }
            super::surfaces::surfaces(connection, &mut known, page)
        })
    }

    fn surface_in_force(
        &self,
        proxy: &str,
        method: &str,
        at: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        self.ask(|connection| {
            if layout_of(connection)? < SURFACES_SINCE {
                return Ok(None);
            }
            super::surfaces::surface_in_force(connection, proxy, method, at)
        })
    }

    fn surface_version(
        &self,
        proxy: &str,
        method: &str,
        version: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        self.ask(|connection| {
            if layout_of(connection)? < SURFACES_SINCE {
                return Ok(None);
            }
            super::surfaces::surface_version(connection, proxy, method, version)
        })
    }

    fn with_id(&self, id: &str, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        self.ask(|connection| by_id::with_id(connection, id, limit))
    }

    fn surface_count(&self) -> Result<u64, StoreError> {
        self.ask(|connection| {
            if layout_of(connection)? < SURFACES_SINCE {
                return Ok(0);
            }
            connection
                .prepare_cached("SELECT count(*) FROM surfaces")?
                .query_row([], |row| row.get(0))
        })
    }

    fn bad_lines(&self, limit: usize) -> Result<Vec<BadLineRow>, StoreError> {
        self.ask(|connection| totals::bad_lines(connection, limit))
    }

    fn sources(&self, after: Option<&str>, limit: usize) -> Result<Vec<SourceRow>, StoreError> {
        self.ask(|connection| totals::sources(connection, after, limit))
    }

    fn keys(&self, first: i64, last: i64) -> Result<Vec<StoredKey>, StoreError> {
        self.ask(|connection| {
            connection
                .prepare_cached(match layout_of(connection)? {
                    ..GAP_KEYS_SINCE => {
                        "SELECT seq, key, client IS NOT NULL, NULL FROM requests
                         WHERE seq BETWEEN ?1 AND ?2"
                    }
                    GAP_KEYS_SINCE..CALLS_SINCE => {
                        "SELECT seq, key, client IS NOT NULL, NULL FROM requests
                         WHERE seq BETWEEN ?1 AND ?2
                         UNION ALL SELECT seq, key, 0, NULL FROM gaps WHERE seq BETWEEN ?1 AND ?2"
                    }
                    _ => {
                        "SELECT seq, key, client IS NOT NULL, call FROM requests
                         WHERE seq BETWEEN ?1 AND ?2
                         UNION ALL SELECT seq, key, 0, NULL FROM gaps WHERE seq BETWEEN ?1 AND ?2"
                    }
                })?
                .query_map([first, last], |row| {
                    Ok(StoredKey {
                        seq: row.get(0)?,
                        key: row.get(1)?,
                        names_client: row.get(2)?,
                        call: row.get(3)?,
                    })
                })?
                .collect()
        })
    }

    fn file_checkpoints(
        &self,
        after: Option<&Checkpoint>,
        limit: usize,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        self.ask(|connection| super::sources::checkpoints(connection, after, limit))
    }

    fn rollups(&self, take: &mut dyn FnMut(RollupRow)) -> Result<(), StoreError> {
        self.ask(|connection| totals::rollups(connection, take))
    }
}

fn head(connection: &Connection) -> rusqlite::Result<Head> {
    // Changes with each commit of another connection, also one that gives out no number.
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
        cursor: Cursor::from_seq(last_seq),
        version,
    })
}
