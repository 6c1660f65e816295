//! Stores of other programs, answered for as they are: those of mcpr 0.3/0.4 and of mcpr 0.5.
//!
//! Nothing is ever written, and no file is left beside them. A layout is a handful of queries that
//! give rows of our own shape; what a row, a filter or a session means is decided where it is for
//! our own stores. What a layout does not know is null.

mod access;
mod fault;
mod held;
mod layout;
mod layouts;
mod pairs;
mod requests;
mod sessions;
mod surfaces;
#[cfg(test)]
mod tests;
mod timeline;
mod v04;
mod v05;

use super::conditions::Conditions;
use super::watch::DirectoryWatch;
pub(super) use access::Access;
use fault::Fault;
use held::Held;
use layout::Layout;
pub(super) use layout::Program;
use mcpr_model::{Checkpoint, Payload, ServerRun, Sketch};
use mcpr_store::query::{
    BadLineRow, ClientRow, ClientsFold, Cursor, Entry, Filter, Head, NameFold, NameKind, OpenRow,
    Order, Page, Pattern, RequestRow, SessionFilter, SessionKey, SessionPage, SessionRow,
    SourceRow, StatsQuestion, StatsRow, StoredKey, SurfacePage, SurfaceRow, Surfaces, TimePage,
};
use mcpr_store::{
    Overview, Reader, RollupKey, RollupRow, StoreError, StoreErrorKind, fold, replaced,
};
use pairs::Pairs;
use rusqlite::Connection;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Stores of other programs have no number of their own. None of ours has this one, and 0 would stand for
/// any store.
const STORE_ID: i64 = 1;

/// How often a question is asked again because the files changed below it.
const MAX_TRIES: usize = 5;

/// A store of another program, opened for reading.
#[derive(Debug)]
pub(super) struct ForeignReader {
    path: PathBuf,
    program: Program,
    opened: RefCell<Opened>,
    /// The file that was asked for; another one at its path is another store.
    inode: u64,
    /// How often the files were opened.
    openings: Cell<i64>,
    /// Where the list in order of time stands that was read last.
    part: RefCell<timeline::Listed>,
    /// `None` until somebody waits for news.
    watch: RefCell<Option<DirectoryWatch>>,
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
            opened: RefCell::new(opened),
            openings: Cell::new(1),
            part: RefCell::default(),
            watch: RefCell::default(),
        })
    }

    /// Answers one question from one snapshot.
    fn ask<T>(&self, answer: impl Fn(&Source<'_>) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.attempt(|opened| opened.ask(&answer))
    }

    /// Reads, and anew if the files were changed meanwhile in a way that the connection cannot know.
    fn attempt<T>(&self, read: impl Fn(&mut Opened) -> Result<T, Fault>) -> Result<T, StoreError> {
        let mut opened = self.opened.borrow_mut();
        for _ in 0..MAX_TRIES {
            // Before, for a connection without locks would go on reading what it knew.
            if !opened.access.is_current(&self.path) {
                *opened = Opened::open(&self.path, self.program)?;
                self.openings.set(self.openings.get() + 1);
            }
            let answered = read(&mut opened);
            // And after, for pages of two states may have been mixed: an answer, or a failure,
            // counts only if nothing changed.
            if opened.access.is_current(&self.path) {
                return answered.map_err(|fault| fault.into_store_error(self.program, &self.path));
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
        let layout = layouts::layout_of(&access.connection, program)
            .map_err(|fault| fault.into_store_error(program, path))?;
        Ok(Self {
            access,
            layout,
            pairs: None,
        })
    }

    fn ask<T>(&mut self, answer: impl Fn(&Source<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let connection = self.access.snapshot()?;
        let version = data_version(&connection)?;
        let pairs = match self.pairs.take() {
            // To pair answers takes a look at all that have no session: once for each state of the
            // store.
            Some(pairs) if pairs.version == version => pairs,
            _ => Pairs::load(&connection, &self.layout, version)?,
        };
        let answered = answer(&Source {
            connection: &connection,
            layout: &self.layout,
            pairs: &pairs,
        });
        // Kept also where the answer failed: they are as right as before.
        self.pairs = Some(pairs);
        answered
    }

    /// The last number, and what differs when something was committed since.
    fn head(&self) -> Result<(i64, i64), Fault> {
        let connection = self.access.snapshot()?;
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
    fn entries(&self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        self.ask(|source| requests::page(source, filter, page))
    }

    fn timeline(&self, filter: &Filter, page: TimePage) -> Result<Vec<Entry>, StoreError> {
        self.ask(|source| timeline::page(source, &mut self.part.borrow_mut(), filter, page))
    }

    fn request(&self, seq: i64) -> Result<Option<RequestRow>, StoreError> {
        self.ask(|source| requests::at(source, seq))
    }

    /// Such a store keeps no sums of a session: each page is put together from all of its requests.
    fn sessions(
        &self,
        filter: &SessionFilter,
        page: &SessionPage,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.ask(|source| Ok(page.of(filter, sessions::all(source)?)))
    }

    fn head(&self) -> Result<Head, StoreError> {
        let (last_seq, version) = self.attempt(|opened| opened.head())?;
        Ok(Head {
            store_id: STORE_ID,
            cursor: Cursor::from_seq(last_seq),
            // Each connection counts from where it likes.
            version: self.openings.get().rotate_left(32) ^ version,
        })
    }

    fn gone_behind(&self, _: Cursor) -> Result<u64, StoreError> {
        // Its numbers are the row's own, and were never given out without a hole.
        Ok(0)
    }

    fn watch(&self, seen: Head, timeout: Duration) -> Result<Head, StoreError> {
        let mut watch = self.watch.borrow_mut();
        let watch = watch.get_or_insert_with(|| DirectoryWatch::beside(&self.path));
        watch.watch(seen, timeout, &mut || {
            if Access::inode_at(&self.path) == Some(self.inode) {
                self.head()
            } else {
                Err(replaced().at(&self.path))
            }
        })
    }

    fn overview(&self) -> Result<Overview, StoreError> {
        self.ask(overview)
    }

    fn span(&self) -> Result<Option<(i64, i64)>, StoreError> {
        self.ask(span)
    }

    fn slowest(&self, filter: &Filter, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        self.ask(|source| requests::slowest(source, filter, limit))
    }

    fn with_id(&self, id: &str, limit: usize) -> Result<Vec<RequestRow>, StoreError> {
        self.ask(|source| requests::with_id(source, id, limit))
    }

    fn stats(&self, question: &StatsQuestion) -> Result<Vec<StatsRow>, StoreError> {
        fold::stats(self, question)
    }

    fn clients(&self, filter: &SessionFilter, most: usize) -> Result<Vec<ClientRow>, StoreError> {
        let all = self.ask(sessions::all)?;
        let mut clients = ClientsFold::default();
        let meant = all.iter().filter(|row| filter.matches(row));
        for row in meant {
            clients.add(row);
        }
        Ok(clients.finish(most))
    }

    fn names(&self, kind: NameKind, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut names = NameFold::new(kind, prefix, limit);
        self.rollups(&mut |row| names.add_rollup(&row.key))?;
        let all = self.ask(sessions::all)?;
        for row in &all {
            names.add_session(row);
        }
        Ok(names.finish())
    }

    /// None: such a store keeps no payloads.
    fn payloads(&self, _: &[i64]) -> Result<Vec<(i64, Payload)>, StoreError> {
        Ok(Vec::new())
    }

    fn payload_span(&self) -> Result<Option<(Cursor, Cursor)>, StoreError> {
        Ok(None)
    }

    fn surface_in_force(
        &self,
        proxy: &str,
        method: &str,
        at: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        let known = fold::surfaces(self, Some(proxy))?;
        Ok(known.in_force(proxy, method, at).cloned())
    }

    fn surface_version(
        &self,
        proxy: &str,
        method: &str,
        version: i64,
    ) -> Result<Option<SurfaceRow>, StoreError> {
        let known = fold::surfaces(self, Some(proxy))?;
        Ok(known.version_of(proxy, method, version).cloned())
    }

    fn surface_count(&self) -> Result<u64, StoreError> {
        Ok(fold::surfaces(self, None)?.versions.len() as u64)
    }

    /// None: such a store keeps no lines that did not decode.
    fn bad_lines(&self, _: usize) -> Result<Vec<BadLineRow>, StoreError> {
        Ok(Vec::new())
    }

    /// None: such a store says of a request only how it ended.
    fn open_requests(&self, _: &Filter) -> Result<Vec<OpenRow>, StoreError> {
        Ok(Vec::new())
    }

    /// None: these programs start no servers.
    fn server_run(&self, _: &SessionKey) -> Result<Option<ServerRun>, StoreError> {
        Ok(None)
    }

    fn server_deaths(&self, _: i64, _: i64, _: usize) -> Result<Vec<ServerRun>, StoreError> {
        Ok(Vec::new())
    }

    fn server_outputs(&self, _: Option<&Pattern>, _: usize) -> Result<Vec<ServerRun>, StoreError> {
        Ok(Vec::new())
    }

    /// None: such a store does not know its rows again.
    fn keys(&self, _: i64, _: i64) -> Result<Vec<StoredKey>, StoreError> {
        Ok(Vec::new())
    }

    /// None: such a store does not say where its rows came from.
    fn sources(&self, _: Option<&str>, _: usize) -> Result<Vec<SourceRow>, StoreError> {
        Ok(Vec::new())
    }

    /// None: no file was read for it.
    fn file_checkpoints(
        &self,
        _: Option<&Checkpoint>,
        _: usize,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        Ok(Vec::new())
    }

    fn surfaces(&self, page: &SurfacePage) -> Result<Surfaces, StoreError> {
        let program = self.program;
        self.ask(|source| surfaces::surfaces(source, program, page))
    }

    /// Such a store keeps no sums: they are made from all of its requests.
    fn rollups(&self, take: &mut dyn FnMut(RollupRow)) -> Result<(), StoreError> {
        self.ask(rollups)?.into_iter().for_each(take);
        Ok(())
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
        // What these programs never counted has no number.
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
    let (mut held, mut within) = (Held::default(), Ok(()));
    requests::each(source, Conditions::default(), Order::Ascending, |row| {
        let key = RollupRow::key_of_row(&row);
        if !rollups.contains_key(&key) {
            let target = key
                .target
                .as_ref()
                .map_or("", |target| target.name.as_str());
            // Twice, for a row has its key with it.
            let texts = [key.proxy.as_str(), key.method.as_str(), target];
            within = held.take_in::<(RollupKey, RollupRow, Sketch)>(&[texts, texts].concat());
            // Nothing more is read; the error is reported below, where it can be.
            if within.is_err() {
                return ControlFlow::Break(());
            }
        }
        rollups
            .entry(key.clone())
            .or_insert_with(|| RollupRow::new(key))
            .add_row(&row);
        ControlFlow::Continue(())
    })?;
    within?;
    let mut rollups: Vec<_> = rollups.into_values().collect();
    RollupRow::sort(&mut rollups);
    Ok(rollups)
}
