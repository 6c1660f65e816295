//! What questions cost, in steps of SQLite's machine, where everything grows: four times as
//! much of it may take four times the steps, and what looks for one thing about as many as before.

mod questions;

use super::SqliteReader;
use crate::SqliteStore;
use crate::open::{Readable, open_readable};
use crate::tests::{batch, request};
use mcpr_model::time::MINUTE_MS;
use mcpr_model::{
    Batch, Checkpoint, Counts, Event, FileIdentity, Fingerprint, Gap, Outcome, Payload, Request,
    SourceProgress, SurfaceContent, SurfaceUpdate, Target, TargetKind,
};
use mcpr_store::Writer;
pub(crate) use questions::{OF_ALL, OF_ONE, Question};
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The smaller store; the larger one has four times as many of everything.
const FEW: i64 = 1200;
const MANY: i64 = 4 * FEW;

/// A request of a client, a session and a resource of its own. Every other one has an inferred session.
pub(crate) fn of(at: i64) -> Request {
    let plain = request(&format!("id-{at}"), at * 31 * MINUTE_MS);
    Request {
        session_id: (at % 2 == 0).then(|| format!("s-{at}").as_str().into()),
        client_name: Some(format!("client {at}").as_str().into()),
        target: Some(Target {
            kind: TargetKind::Resource,
            name: format!("file:///{at}").as_str().into(),
        }),
        method: "resources/read".into(),
        outcome: if at % 3 == 0 {
            plain.outcome.clone()
        } else {
            Outcome::default()
        },
        ..plain
    }
}

pub(crate) fn events(number: i64, events: Vec<Event>) -> Batch {
    Batch {
        events,
        ..batch(number, Vec::new())
    }
}

/// The first page of a list that never goes on.
pub(crate) fn unfinished(at: i64) -> Event {
    Event::Surface(Box::new(SurfaceUpdate {
        proxy: "p".into(),
        method: "tools/list".into(),
        ts: at,
        session_id: Some(format!("s-{at}").as_str().into()),
        client_name: None,
        content: SurfaceContent::Page {
            cursor: None,
            asked_version: None,
            result: r#"{"tools":[],"nextCursor":"2"}"#.into(),
        },
    }))
}

pub(crate) fn filled(path: &Path, rows: i64) -> SqliteStore {
    let mut store = SqliteStore::open(path).expect("a new store");
    for (number, first) in (0..rows).step_by(400).enumerate() {
        let number = i64::try_from(number).expect("a number");
        let requests = (first..rows.min(first + 400)).map(of);
        store
            .append(&batch(number, requests.collect()))
            .expect("append");
    }
    store
}

/// Counts the steps of a connection from now on.
pub(crate) fn counted(connection: &mut Connection) -> Arc<AtomicU64> {
    let steps = Arc::new(AtomicU64::new(0));
    let theirs = Arc::clone(&steps);
    let count = move || {
        theirs.fetch_add(1, Ordering::Relaxed);
        false
    };
    connection
        .progress_handler(1, Some(count))
        .expect("a handler");
    steps
}

pub(crate) fn reader(path: &Path) -> SqliteReader {
    let Readable::Ours(connection, steps, real) = open_readable(path).expect("a store") else {
        panic!("one of ours");
    };
    SqliteReader::new(connection, steps, path.to_owned(), real).expect("a reader")
}

/// How many steps a question to a store takes.
pub(crate) fn steps_of(path: &Path, ask: impl FnOnce(&SqliteReader)) -> u64 {
    let mut reader = reader(path);
    let steps = counted(&mut reader.connection);
    ask(&reader);
    steps.load(Ordering::Relaxed)
}

/// Keeps a reader from reading any longer value.
pub(crate) fn limit_lengths(reader: &SqliteReader, bytes: i32) {
    let limit = rusqlite::limits::Limit::SQLITE_LIMIT_LENGTH;
    reader.connection.set_limit(limit, bytes).expect("a limit");
}

/// How the names of a store's requests are spread.
type Requests = fn(i64) -> Request;

/// A request like many others: of few clients and methods, of a session with a few others, ten in a millisecond.
fn alike(at: i64) -> Request {
    let plain = request(&format!("id-{at}"), at / 10 * 13);
    Request {
        session_id: (at % 3 > 0).then(|| format!("s-{}", at / 16 * 2).as_str().into()),
        client_name: Some(format!("client {}", at % 5).as_str().into()),
        method: ["tools/call", "resources/read"][usize::from(at % 2 == 0)].into(),
        latency_us: Some(at % 20 * 30_000),
        outcome: if at % 10 == 0 {
            plain.outcome.clone()
        } else {
            Outcome::default()
        },
        ..plain
    }
}

/// What a store holds beside a request: of everything that there is for each, an eighth.
fn beside(at: i64) -> (Vec<Event>, Option<SourceProgress>) {
    if at % 8 > 0 {
        return (Vec::new(), None);
    }
    let whole = Event::Surface(Box::new(SurfaceUpdate {
        proxy: format!("proxy {at}").as_str().into(),
        method: "tools/list".into(),
        ts: at,
        session_id: None,
        client_name: None,
        content: SurfaceContent::Whole {
            upstream: None,
            result: format!(r#"{{"tools":[{{"name":"t{at}"}}]}}"#).into(),
        },
    }));
    let fingerprint = Fingerprint { len: 1, hash: 2 };
    let source = SourceProgress {
        name: format!("source {at}").as_str().into(),
        checkpoint: Some(Checkpoint {
            path: format!("source {at}").as_str().into(),
            identity: FileIdentity {
                device: 1,
                inode: at.unsigned_abs(),
            },
            head: fingerprint,
            marker: fingerprint,
            offset: 1,
        }),
        counts: Counts::default(),
    };
    (vec![whole], Some(source))
}

/// A store of so many requests with all that can be beside them.
fn stored(path: &Path, rows: i64, requests: Requests) -> SqliteStore {
    let mut store = SqliteStore::open(path).expect("a new store");
    for first in (0..rows).step_by(400) {
        let mut part = events(first, Vec::new());
        for at in first..rows.min(first + 400) {
            let mut request = requests(at);
            request.payload = Payload::of(Some(r#"{"a":1}"#), Some("[]")).map(Box::new);
            let (others, source) = beside(at);
            part.events.push(Event::Request(request));
            part.events.extend(others);
            part.sources.extend(source);
        }
        store.append(&part).expect("append");
    }
    let gap = |at| {
        Event::Gap(Gap {
            source: "-".into(),
            count: 1,
            from_ts: at,
            to_ts: at,
            key: None,
        })
    };
    let gaps = (0..10).map(gap).collect();
    store.append(&events(rows, gaps)).expect("append");
    store
}

/// What each question takes in a store of so many requests: its steps by its name.
fn costs_of(rows: i64, requests: Requests, has_statistics: bool) -> Vec<(&'static str, u64)> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("store.db");
    let store = stored(&path, rows, requests);
    if has_statistics {
        count_for_the_planner(&store);
    }
    drop(store);
    let mut reader = reader(&path);
    let mut cost = |(name, question): &(&'static str, Question)| {
        let steps = counted(&mut reader.connection);
        question(&mut reader, rows);
        (*name, steps.load(Ordering::Relaxed))
    };
    OF_ALL.iter().chain(OF_ONE).map(&mut cost).collect()
}

/// Gives SQLite's planner statistics of everything, as the end of a writer may give it of some.
pub(crate) fn count_for_the_planner(store: &SqliteStore) {
    let connection = &store.connection;
    connection.execute_batch("ANALYZE").expect("statistics");
    let count = connection.query_row("SELECT count(*) FROM sqlite_stat1", [], |row| row.get(0));
    assert!(count.is_ok_and(|count: i64| count > 8), "of many indexes");
}

/// How requests are spread: each with names of its own, or few names for all.
const SPREADS: [(&str, Requests); 2] = [("all new", of), ("few names", alike)];

/// What each question takes in the larger store of a spread, for every test that asks.
fn costs_of_many(spread: usize) -> &'static [(&'static str, u64)] {
    static COSTS: [OnceLock<Vec<(&str, u64)>>; SPREADS.len()] = [const { OnceLock::new() }; 2];
    COSTS[spread].get_or_init(|| costs_of(MANY, SPREADS[spread].1, false))
}

#[test]
fn a_question_takes_steps_for_what_there_is_and_none_anew_for_each_page() {
    for (at, (spread, requests)) in SPREADS.into_iter().enumerate() {
        let few = costs_of(FEW, requests, false);
        let costs = few.iter().zip(costs_of_many(at));
        for (place, (&(name, less), &(_, more))) in costs.enumerate() {
            let most = if place < OF_ALL.len() {
                5 * less + 20_000
            } else {
                less + less / 5 + 500
            };
            assert!(
                more <= most,
                "{name}, {spread}: {less} steps, {more} in a store that is four times as large"
            );
        }
    }
}

#[test]
fn statistics_of_the_planner_lead_no_question_away_from_its_index() {
    for (at, (spread, requests)) in SPREADS.into_iter().enumerate() {
        let with = costs_of(MANY, requests, true);
        for ((name, with), (_, without)) in with.iter().zip(costs_of_many(at)) {
            assert!(
                *with <= without + without / 4 + 500,
                "{name}, {spread}: {without} steps, {with} with statistics"
            );
        }
    }
}
