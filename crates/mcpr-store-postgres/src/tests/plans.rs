//! How the server answers: never by a walk through all requests.

use super::{beside, open};
use crate::connect::Server;
use crate::read::PostgresReader;
use crate::test_server::database;
use mcpr_model::Status;
use mcpr_store::query::{
    Cursor, Filter, GroupBy, Order, Page, Pattern, SessionFilter, SessionKey, SessionOrder,
    SessionPage, StatsQuestion, TimePage,
};
use mcpr_store::{Reader, StoreError};
use postgres::Client;

/// Requests in the store: enough that an index costs less than a walk.
const REQUESTS: i64 = 50_000;
/// Each tool is called as often; the first one never fails.
const TOOLS: i64 = 10;
/// Requests of a session.
const OF_SESSION: i64 = 20;
const HOUR_MS: i64 = 3_600_000;

/// Makes a store as recorders would, in a moment.
fn fill(client: &mut Client) {
    let sql = format!(
        "INSERT INTO proxies VALUES (1, 'p');
         INSERT INTO operations SELECT 1 + n, 1, 0, 'tools/call', 1, convert_to('t' || n, 'UTF8'), NULL,
                decode(md5(n::text), 'hex') FROM generate_series(1, {TOOLS}) n;
         INSERT INTO sessions SELECT n, 1, convert_to('s' || n, 'UTF8'), false, 0, n * 20000, n * 20000 + 19000,
                NULL, {OF_SESSION}, 1, NULL FROM generate_series(1, {REQUESTS} / {OF_SESSION}) n;
         INSERT INTO requests SELECT n, n * 1000, n, n / {OF_SESSION} + 1,
                CASE WHEN n % 50 = 0 THEN 500000 + n ELSE 2000 + n % 700 END,
                2 + n % {TOOLS}, 0,
                CASE WHEN n % {TOOLS} > 0 AND n % 20 = 3 THEN 2 ELSE 0 END, n % 30000, '', '+1'
                FROM generate_series(1, {REQUESTS}) n;
         UPDATE mcpr_store SET last_seq = {REQUESTS}, requests = {REQUESTS};
         ANALYZE"
    );
    client.batch_execute(&sql).expect("filled");
}

fn tool(name: &str) -> Filter {
    Filter {
        tools: vec![Pattern::new(name).expect("a pattern")],
        ..Filter::default()
    }
}

fn failed(filter: Filter) -> Filter {
    Filter {
        statuses: vec![Status::Error],
        ..filter
    }
}

fn slow(filter: Filter) -> Filter {
    Filter {
        min_latency_us: Some(500_000),
        ..filter
    }
}

fn newest(reader: &PostgresReader, filter: &Filter) -> Result<usize, StoreError> {
    let page = TimePage {
        stored_before: None,
        after: None,
        before: None,
        order: Order::Descending,
        limit: 50,
    };
    Ok(reader.timeline(filter, page)?.len())
}

type Question = (
    &'static str,
    fn(&PostgresReader) -> Result<usize, StoreError>,
);

/// Each question, and the index that must be in its plan.
const QUESTIONS: [(&str, Question); 16] = [
    (
        "requests_ts_key_key",
        ("the newest", |it| newest(it, &Filter::default())),
    ),
    (
        "requests_failed",
        ("failures of a tool", |it| newest(it, &failed(tool("t2")))),
    ),
    (
        "requests_failed",
        ("failures of one without any", |it| {
            newest(it, &failed(tool("t1")))
        }),
    ),
    (
        "requests_failed",
        ("failures", |it| newest(it, &failed(Filter::default()))),
    ),
    ("", ("a tool", |it| newest(it, &tool("t2")))),
    (
        "requests_session",
        ("a session", |it| {
            let (proxy, id) = ("p".to_owned(), "s77".to_owned());
            let session = Some(SessionKey { proxy, id });
            newest(
                it,
                &Filter {
                    session,
                    ..Filter::default()
                },
            )
        }),
    ),
    (
        "requests_pkey",
        ("what is new", |it| {
            let page = Page::after(Cursor::from_seq(REQUESTS - 5), 100);
            Ok(it.entries(&failed(Filter::default()), page)?.len())
        }),
    ),
    (
        "requests_slow",
        ("the slowest", |it| {
            Ok(it.slowest(&slow(Filter::default()), 20)?.len())
        }),
    ),
    (
        "requests_slow",
        ("the slowest of a tool", |it| {
            Ok(it.slowest(&slow(tool("t2")), 20)?.len())
        }),
    ),
    (
        "requests_id",
        ("an id", |it| Ok(it.with_id("1", 10)?.len())),
    ),
    (
        "requests_pkey",
        ("one request", |it| {
            Ok(usize::from(it.request(9)?.is_some()))
        }),
    ),
    (
        "sessions_used",
        ("sessions", |it| {
            let page = SessionPage {
                order: SessionOrder::Used,
                after: None,
                limit: 50,
            };
            Ok(it.sessions(&SessionFilter::default(), &page)?.len())
        }),
    ),
    (
        "",
        ("all sums", |it| {
            Ok(it
                .stats(&StatsQuestion::sums(&Filter::default(), GroupBy::Tool))?
                .len())
        }),
    ),
    (
        "requests_ts_key_key",
        ("sums of a window", |it| {
            let window = Filter {
                since: Some(HOUR_MS / 2),
                until: Some(HOUR_MS),
                ..Filter::default()
            };
            Ok(it
                .stats(&StatsQuestion::sums(&window, GroupBy::Tool))?
                .len())
        }),
    ),
    (
        "requests_ts_key_key",
        ("the span", |it| Ok(usize::from(it.span()?.is_some()))),
    ),
    (
        "requests_pkey",
        ("what is gone", |it| {
            Ok(usize::try_from(it.gone_behind(Cursor::from_seq(7))?).unwrap_or(usize::MAX))
        }),
    ),
];

#[test]
fn no_question_walks_through_all_requests() {
    let Some(database) = database() else { return };
    drop(open(&database.url(), &beside()).expect("a store"));
    fill(&mut database.client());
    let server = Server::at(&database.url()).expect("a server");
    let reader = PostgresReader::open(&server).expect("a reader");
    for (index, (what, ask)) in QUESTIONS {
        if let Some(db) = reader.db.borrow_mut().as_mut() {
            db.plans = Some(Vec::new());
        }
        ask(&reader).unwrap_or_else(|error| panic!("{what}: {error}"));
        let plans = reader
            .db
            .borrow_mut()
            .as_mut()
            .and_then(|db| db.plans.take());
        let plans = plans.expect("the plans").join("\n\n");
        assert!(!plans.contains("Seq Scan on requests"), "{what}: {plans}");
        assert!(plans.contains(index), "{what} without {index}: {plans}");
    }
}
