//! What is asked of a store, each question in a way that meets its own statements.

use crate::read::SqliteReader;
use mcpr_model::time::MINUTE_MS;
use mcpr_model::{ErrorKind, Status};
use mcpr_store::contract::{rollups_of, sessions_of};
use mcpr_store::query::{
    Cursor, Entry, Filter, GroupBy, NameKind, Order, Page, Pattern, Search, SearchedBodies,
    SessionFilter, SessionKey, SessionPage, SessionPlace, StatsQuestion, TimePage,
};
use mcpr_store::{Reader, fold};

/// A question to a store of so many requests.
pub(crate) type Question = fn(&mut SqliteReader, i64);

/// Most rows of a page: few, so that there are many pages.
const PAGE: usize = 50;

fn all_pages(reader: &SqliteReader, filter: &Filter, mut page: Page) {
    loop {
        let entries = reader.entries(filter, page).expect("a page");
        let Some(last) = entries.last() else { return };
        match page.order {
            Order::Ascending => page.after = Some(last.cursor()),
            Order::Descending => page.before = Some(last.cursor()),
        }
    }
}

fn all_in_time(reader: &SqliteReader, filter: &Filter, order: Order) {
    let mut page = TimePage {
        stored_before: None,
        after: None,
        before: None,
        order,
        limit: PAGE,
    };
    loop {
        let entries = reader.timeline(filter, page).expect("a page");
        let Some(last) = entries.last().map(Entry::place) else {
            return;
        };
        match order {
            Order::Ascending => page.after = Some(last),
            Order::Descending => page.before = Some(last),
        }
    }
}

/// Every page, in both orders and both directions.
fn each_way(reader: &SqliteReader, filter: &Filter) {
    all_pages(reader, filter, Page::after(Cursor::START, PAGE));
    all_pages(reader, filter, Page::newest(None, PAGE));
    all_in_time(reader, filter, Order::Ascending);
    all_in_time(reader, filter, Order::Descending);
}

fn glob(text: &str) -> Pattern {
    Pattern::new(text).expect("a glob")
}

/// A session that there is, whichever way requests are spread.
fn session_in(rows: i64) -> SessionKey {
    SessionKey {
        proxy: "weather".into(),
        id: format!("s-{}", rows / 80 * 2),
    }
}

fn every_session(reader: &SqliteReader, filter: &SessionFilter) {
    drop(sessions_of(reader, filter));
    let mut page = SessionPage::used_last(PAGE);
    loop {
        let rows = reader.sessions(filter, &page).expect("a page");
        let Some(last) = rows.last() else { return };
        page.after = Some(last.place());
    }
}

fn sums(reader: &SqliteReader, filter: &Filter) {
    for by in [
        GroupBy::Tool,
        GroupBy::Method,
        GroupBy::Client,
        GroupBy::Proxy,
        GroupBy::Hour,
    ] {
        let sums = StatsQuestion::sums(filter, by);
        drop(reader.stats(&sums).expect("sums"));
        let most = Some(10);
        drop(reader.stats(&StatsQuestion { most, ..sums }).expect("sums"));
    }
}

/// Questions whose answers grow with the store.
pub(crate) const OF_ALL: &[(&str, Question)] = &[
    ("every page", |reader, _| {
        each_way(reader, &Filter::default());
    }),
    ("every page of the second half", |reader, rows| {
        let since = Some(rows / 2 * 31 * MINUTE_MS);
        each_way(
            reader,
            &Filter {
                since,
                ..Filter::default()
            },
        );
    }),
    ("every page of the first half", |reader, rows| {
        let until = Some(rows / 2 * 31 * MINUTE_MS);
        each_way(
            reader,
            &Filter {
                until,
                ..Filter::default()
            },
        );
    }),
    ("every page of a method", |reader, _| {
        let methods = vec![glob("resources/*")];
        each_way(
            reader,
            &Filter {
                methods,
                ..Filter::default()
            },
        );
    }),
    ("every page of a proxy", |reader, _| {
        let proxy = Some(Pattern::name("weather"));
        each_way(
            reader,
            &Filter {
                proxy,
                ..Filter::default()
            },
        );
    }),
    ("every page of proxies that match", |reader, _| {
        let proxy = Some(glob("w*"));
        each_way(
            reader,
            &Filter {
                proxy: proxy.clone(),
                ..Filter::default()
            },
        );
        every_session(
            reader,
            &SessionFilter {
                proxy,
                ..SessionFilter::default()
            },
        );
    }),
    ("every page of half of the clients", |reader, _| {
        let client = Some(glob("client *[02468]"));
        each_way(
            reader,
            &Filter {
                client,
                ..Filter::default()
            },
        );
    }),
    ("every page of failures", |reader, _| {
        let statuses = vec![Status::Error, Status::Timeout];
        each_way(
            reader,
            &Filter {
                statuses,
                ..Filter::default()
            },
        );
    }),
    ("every page of failures of a method", |reader, _| {
        each_way(
            reader,
            &Filter {
                error_kinds: vec![ErrorKind::Tool, ErrorKind::Rpc],
                methods: vec![glob("resources/*")],
                ..Filter::default()
            },
        );
    }),
    ("every page of slow requests", |reader, _| {
        let min_latency_us = Some(200_000);
        each_way(
            reader,
            &Filter {
                min_latency_us,
                ..Filter::default()
            },
        );
    }),
    ("every page with a text", |reader, _| {
        let grep = Some(Search::expression("file").expect("an expression"));
        each_way(
            reader,
            &Filter {
                grep,
                ..Filter::default()
            },
        );
    }),
    ("every page with a text in its payload", |reader, _| {
        let search = Search::expression("file").expect("an expression");
        let grep = Some(search.also_in(SearchedBodies::ALL));
        each_way(
            reader,
            &Filter {
                grep,
                ..Filter::default()
            },
        );
    }),
    ("sessions", |reader, _| {
        every_session(reader, &SessionFilter::default());
    }),
    ("sessions of a client, of a window", |reader, rows| {
        let client = Some(Pattern::ignoring_case("client *[02468]").expect("a glob"));
        every_session(
            reader,
            &SessionFilter {
                client,
                proxy: Some(Pattern::name("weather")),
                since: Some(rows / 4 * 31 * MINUTE_MS),
                until: Some(rows / 2 * 31 * MINUTE_MS),
                ..SessionFilter::default()
            },
        );
    }),
    ("clients", |reader, _| {
        let filter = SessionFilter::default();
        for most in [10, usize::MAX] {
            drop(reader.clients(&filter, most).expect("clients"));
        }
    }),
    ("slowest", |reader, _| {
        for least in [None, Some(1), Some(200_000)] {
            let filter = Filter {
                min_latency_us: least,
                ..Filter::default()
            };
            drop(reader.slowest(&filter, 10).expect("slowest"));
        }
    }),
    (
        "slowest of a window, of half of the clients",
        |reader, rows| {
            let filter = Filter {
                min_latency_us: Some(200_000),
                since: Some(rows / 4 * 31 * MINUTE_MS),
                client: Some(glob("client *[02468]")),
                ..Filter::default()
            };
            drop(reader.slowest(&filter, 10).expect("slowest"));
        },
    ),
    ("names", |reader, _| {
        for kind in NameKind::ALL {
            drop(reader.names(kind, "", usize::MAX).expect("names"));
        }
    }),
    ("sums", |reader, _| sums(reader, &Filter::default())),
    ("sums of a window that cuts hours", |reader, rows| {
        let filter = Filter {
            since: Some(rows / 4 * 31 * MINUTE_MS + 7),
            until: Some(rows / 2 * 31 * MINUTE_MS + 7),
            ..Filter::default()
        };
        sums(reader, &filter);
    }),
    ("exact sums", |reader, _| {
        let sums = StatsQuestion::sums(&Filter::default(), GroupBy::Tool);
        let exact = StatsQuestion {
            exact: true,
            ..sums
        };
        drop(reader.stats(&exact).expect("sums"));
    }),
    ("hourly sums", |reader, _| drop(rollups_of(reader))),
    ("overview", |reader, _| {
        let _ = reader.overview().expect("an overview");
    }),
    ("keys and payloads", |reader, rows| {
        for first in (0..2 * rows).step_by(PAGE) {
            let last = first + 50;
            drop(reader.keys(first + 1, last).expect("keys"));
            let seqs: Vec<i64> = (first + 1..=last).collect();
            drop(reader.payloads(&seqs).expect("payloads"));
        }
    }),
    ("lists of servers", |reader, _| {
        drop(fold::surfaces(reader, None).expect("lists"));
    }),
    ("sources and files", |reader, _| {
        drop(fold::sources(reader).expect("sources"));
        drop(fold::file_checkpoints(reader).expect("checkpoints"));
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
    ("a page of the time, from the middle", |reader, rows| {
        let some = reader.request(rows / 2).expect("a request").expect("one");
        let here = Entry::Request(Box::new(some)).place();
        for order in [Order::Ascending, Order::Descending] {
            let page = TimePage {
                stored_before: None,
                after: (order == Order::Ascending).then_some(here),
                before: (order == Order::Descending).then_some(here),
                order,
                limit: 20,
            };
            let found = reader.timeline(&Filter::default(), page).expect("a page");
            assert_eq!(found.len(), 20);
        }
    }),
    ("the requests of a session", |reader, rows| {
        let filter = Filter {
            session: Some(session_in(rows)),
            ..Filter::default()
        };
        each_way(reader, &filter);
        drop(reader.slowest(&filter, 5).expect("slowest"));
    }),
    ("a session by its id, by its beginning", |reader, rows| {
        let SessionKey { id, .. } = session_in(rows);
        for filter in [
            SessionFilter {
                id: Some(id.clone()),
                ..SessionFilter::default()
            },
            SessionFilter {
                prefix: Some(id),
                ..SessionFilter::default()
            },
        ] {
            let found = reader.sessions(&filter, &SessionPage::used_last(10));
            assert!(!found.expect("sessions").is_empty());
        }
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
    ("a page of sources", |reader, _| {
        drop(reader.sources(Some("source 5"), 10).expect("sources"));
    }),
    ("the head and the span", |reader, _| {
        let _ = reader.head().expect("a head");
        let _ = reader.span().expect("a span");
        let _ = reader.payload_span().expect("a span");
    }),
];
