//! What questions cost, in steps of SQLite's machine, where everything grows: four times as
//! much of it may take four times the steps, and what looks for one thing about as many as before.

use super::SqliteReader;
use crate::SqliteStore;
use crate::open::{Readable, open_readable};
use crate::tests::{batch, request};
use mcpr_model::time::MINUTE_MS;
use mcpr_model::{
    Batch, Event, Outcome, Request, SurfaceContent, SurfaceUpdate, Target, TargetKind,
};
use mcpr_store::contract::sessions_of;
use mcpr_store::query::{
    Cursor, Filter, GroupBy, NameKind, Page, Pattern, SessionFilter, SessionKey, SessionPage,
    SessionPlace, StatsQuestion,
};
use mcpr_store::{Reader, Writer};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    let Readable::Ours(connection, steps) = open_readable(path).expect("a store") else {
        panic!("one of ours");
    };
    SqliteReader::new(connection, steps, path.to_owned()).expect("a reader")
}

/// Keeps a reader from reading any longer value.
pub(crate) fn limit_lengths(reader: &SqliteReader, bytes: i32) {
    let limit = rusqlite::limits::Limit::SQLITE_LIMIT_LENGTH;
    reader.connection.set_limit(limit, bytes).expect("a limit");
}

pub(crate) type Question = fn(&mut SqliteReader, i64);

fn all_pages(reader: &mut SqliteReader, filter: &Filter, mut page: Page) {
    page.limit = 50;
    loop {
        let entries = reader.entries(filter, page).expect("a page");
        let Some(last) = entries.last() else { return };
        match page.order {
            mcpr_store::query::Order::Ascending => page.after = Some(last.cursor()),
            mcpr_store::query::Order::Descending => page.before = Some(last.cursor()),
        }
    }
}

fn both_ways(reader: &mut SqliteReader, filter: &Filter) {
    all_pages(reader, filter, Page::after(Cursor::START, 50));
    all_pages(reader, filter, Page::newest(None, 50));
}

fn glob(text: &str) -> Pattern {
    Pattern::new(text).expect("a glob")
}

/// Questions whose answers grow with the store.
pub(crate) const OF_ALL: &[(&str, Question)] = &[
    ("every page", |reader, _| {
        both_ways(reader, &Filter::default());
    }),
    ("every page of the second half", |reader, rows| {
        let since = Some(rows / 2 * 31 * MINUTE_MS);
        both_ways(
            reader,
            &Filter {
                since,
                ..Filter::default()
            },
        );
    }),
    ("every page of the first half", |reader, rows| {
        let until = Some(rows / 2 * 31 * MINUTE_MS);
        both_ways(
            reader,
            &Filter {
                until,
                ..Filter::default()
            },
        );
    }),
    ("every page of a method", |reader, _| {
        let methods = vec![glob("resources/*")];
        both_ways(
            reader,
            &Filter {
                methods,
                ..Filter::default()
            },
        );
    }),
    ("every page of half of the clients", |reader, _| {
        let client = Some(glob("client *[02468]"));
        both_ways(
            reader,
            &Filter {
                client,
                ..Filter::default()
            },
        );
    }),
    ("every page of failures", |reader, _| {
        let status = Some(mcpr_model::Status::Error);
        both_ways(
            reader,
            &Filter {
                status,
                ..Filter::default()
            },
        );
    }),
    ("every page with a text", |reader, _| {
        let grep = Some("file".to_owned());
        both_ways(
            reader,
            &Filter {
                grep,
                ..Filter::default()
            },
        );
    }),
    ("sessions", |reader, _| {
        drop(sessions_of(reader, &SessionFilter::default()));
    }),
    ("clients", |reader, _| {
        drop(reader.clients(&SessionFilter::default()).expect("clients"));
    }),
    ("slowest", |reader, _| {
        drop(reader.slowest(&Filter::default(), 10).expect("slowest"));
    }),
    ("names", |reader, _| {
        for kind in NameKind::ALL {
            drop(reader.names(kind, "", usize::MAX).expect("names"));
        }
    }),
    ("sums", |reader, _| {
        for by in [
            GroupBy::Tool,
            GroupBy::Method,
            GroupBy::Client,
            GroupBy::Proxy,
            GroupBy::Hour,
        ] {
            let sums = StatsQuestion::sums(&Filter::default(), by);
            drop(reader.stats(&sums).expect("sums"));
            let most = Some(10);
            drop(reader.stats(&StatsQuestion { most, ..sums }).expect("sums"));
        }
    }),
    ("exact sums", |reader, _| {
        let sums = StatsQuestion::sums(&Filter::default(), GroupBy::Tool);
        let exact = StatsQuestion {
            exact: true,
            ..sums
        };
        drop(reader.stats(&exact).expect("sums"));
    }),
    ("overview", |reader, _| {
        let _ = reader.overview().expect("an overview");
    }),
];

/// Questions for one thing, or for a few.
pub(crate) const OF_ONE: &[(&str, Question)] = &[
    ("the newest page", |reader, _| {
        let page = Page::newest(None, 20);
        drop(reader.entries(&Filter::default(), page).expect("a page"));
    }),
    ("a request by its place", |reader, rows| {
        let page = Page::after(Cursor::from_seq(rows / 2), 1);
        drop(reader.entries(&Filter::default(), page).expect("a page"));
    }),
    ("the newest request by its id", |reader, rows| {
        let found = reader.with_id(&format!("id-{}", rows - 1), 1).expect("one");
        assert_eq!(found.len(), 1);
    }),
    ("a request by its number", |reader, rows| {
        let found = reader.request(rows / 2).expect("a request");
        assert!(found.is_some());
    }),
    ("a page of sessions from the middle", |reader, rows| {
        let some = reader.request(rows / 2).expect("a request").expect("one");
        for mut page in [SessionPage::oldest(20), SessionPage::used_last(20)] {
            page.after = Some(SessionPlace {
                last_seen_at: some.ts,
                started_at: some.ts,
                key: SessionKey {
                    proxy: some.proxy.clone(),
                    id: String::new(),
                },
            });
            for with_empty in [false, true] {
                let filter = SessionFilter {
                    with_empty,
                    ..SessionFilter::default()
                };
                let found = reader.sessions(&filter, &page).expect("a page");
                assert_eq!(found.len(), 20);
            }
        }
    }),
    ("the newest sessions", |reader, _| {
        let page = SessionPage::used_last(10);
        let newest = reader.sessions(&SessionFilter::default(), &page);
        assert_eq!(newest.expect("sessions").len(), 10);
    }),
    ("a list at a time", |reader, _| {
        drop(
            reader
                .surface_in_force("weather", "tools/list", 1)
                .expect("an answer"),
        );
    }),
    ("the head", |reader, _| {
        let _ = reader.head().expect("a head");
    }),
];

#[test]
fn a_question_takes_steps_for_what_there_is_and_none_anew_for_each_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let paths = [("few.db", FEW), ("many.db", MANY)];
    let readers = paths.map(|(name, rows)| {
        let path = directory.path().join(name);
        drop(filled(&path, rows));
        (reader(&path), rows)
    });
    let [mut few, mut many] = readers;
    let cost = |(reader, rows): &mut (SqliteReader, i64), question: Question| {
        let steps = counted(&mut reader.connection);
        question(reader, *rows);
        steps.load(Ordering::Relaxed)
    };
    for (name, question) in OF_ALL {
        let (less, more) = (cost(&mut few, *question), cost(&mut many, *question));
        assert!(
            more <= 5 * less + 20_000,
            "{name}: {less} steps, {more} for four times as much"
        );
    }
    for (name, question) in OF_ONE {
        let (less, more) = (cost(&mut few, *question), cost(&mut many, *question));
        assert!(
            more <= less + less / 5 + 500,
            "{name}: {less} steps, {more} in a larger store"
        );
    }
}
