//! Filters and pages: the answers are those of the filter's own meaning, in any page size.

use super::*;
use mcpr_model::{ErrorKind, Kind, Status};
use mcpr_store::query::{Order, Pattern, Search, SessionKey};

/// A value, or none, taken at random.
fn maybe<T>(random: &mut fastrand::Rng, value: impl FnOnce(&mut fastrand::Rng) -> T) -> Option<T> {
    random.bool().then(|| value(random))
}

/// A filter that asks for something of a row that is there.
fn filter_near(random: &mut fastrand::Rng, row: &RequestRow) -> Filter {
    let glob = |text: &str| Pattern::new(text).expect("a plain name");
    let mut filter = Filter::default();
    for _ in 0..random.usize(1..3) {
        match random.u8(0..12) {
            0 => filter.proxy = Some(Pattern::name(&row.proxy)),
            1 => filter.since = Some(row.ts),
            2 => filter.until = Some(row.ts),
            3 => filter.kind = Some(Kind::Mcp),
            4 => filter.methods = vec![glob("tools/*"), glob(&row.method)],
            5 => filter.tools = row.tool.iter().map(|tool| glob(tool)).collect(),
            6 => {
                filter.session = row.session.as_ref().map(|id| SessionKey {
                    proxy: row.proxy.clone(),
                    id: id.clone(),
                });
            }
            7 => filter.client = Some(Pattern::ignoring_case("C*").expect("a glob")),
            8 => {
                let all = [Status::Ok, Status::Error, Status::Timeout];
                filter.statuses = all.into_iter().filter(|_| random.bool()).collect();
            }
            9 => filter.error_kinds.extend(random.choice(ErrorKind::ALL)),
            10 => {
                let id = row.request_id.as_deref();
                filter.grep = id.map(|id| Search::fixed(id).expect("it is short"));
            }
            _ => filter.min_latency_us = Some(row.latency_us.unwrap_or(1)),
        }
    }
    filter
}

fn cursor_of(row: &RequestRow) -> Cursor {
    Cursor::from_seq(row.seq)
}

fn check(path: &Path) {
    let seed = mcpr_seed::seed();
    println!("seed {seed} of {}", path.display());
    let mut random = fastrand::Rng::with_seed(seed);
    let reader = open(path);
    let all = all_requests(reader.as_ref()).expect("requests");
    assert!(all.is_sorted_by(|left, right| left.seq < right.seq));
    for _ in 0..150 {
        let near = random.choice(&all).expect("a row");
        let filter = filter_near(&mut random, near);
        let page = Page {
            after: maybe(&mut random, |random| {
                cursor_of(random.choice(&all).expect("a row"))
            }),
            before: maybe(&mut random, |random| {
                cursor_of(random.choice(&all).expect("a row"))
            }),
            order: if random.bool() {
                Order::Ascending
            } else {
                Order::Descending
            },
            limit: random.usize(1..120),
        };
        let mut expected: Vec<_> = all
            .iter()
            .filter(|row| page.holds(cursor_of(row)) && filter.matches(row, None))
            .cloned()
            .collect();
        if page.order == Order::Descending {
            expected.reverse();
        }
        let found = requests(reader.as_ref(), &filter, page).expect("requests");
        assert_eq!(found, expected, "seed {seed}: {filter:?} {page:?}");
        expected.sort_by_key(|row| (row.ts, row.seq));
        if page.order == Order::Descending {
            expected.reverse();
        }
        let timed = timeline(reader.as_ref(), &filter, page).expect("a timeline");
        let kept: Vec<_> = timed
            .into_iter()
            .filter(|row| page.holds(cursor_of(row)))
            .collect();
        assert_eq!(kept, expected, "seed {seed}: {filter:?} {page:?}");
    }
}

#[test]
fn filters_mean_what_they_say_in_pages_of_any_size() {
    let (left, right) = (tempfile::tempdir(), tempfile::tempdir());
    let (left, right) = (left.expect("a directory"), right.expect("a directory"));
    let paths = [
        captured("mcpr-0.4.64"),
        captured("mcpr-0.5.44"),
        made_04(left.path(), 1),
        made_05(right.path()),
    ];
    for path in paths {
        check(&path);
    }
}

#[test]
fn the_slowest_are_those_of_the_fold() {
    let slow = Filter {
        min_latency_us: Some(1),
        ..Filter::default()
    };
    let directory = tempfile::tempdir().expect("a directory");
    for path in [captured("mcpr-0.4.64"), made_05(directory.path())] {
        let reader = open(&path);
        for (filter, limit) in [(&slow, 2), (&slow, 1000), (&Filter::default(), 5)] {
            let mut expected = mcpr_store::query::Slowest::new(limit);
            for row in all_requests(reader.as_ref()).expect("requests") {
                if filter.matches(&row, None) {
                    expected.offer(row);
                }
            }
            let found = reader.slowest(filter, limit).expect("requests");
            assert!(!found.is_empty());
            assert_eq!(found, expected.finish());
        }
    }
}

#[test]
fn a_page_is_never_larger_than_allowed() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = made(
        directory.path(),
        "mcpr-0.4.64",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
         INSERT INTO requests (request_id, ts, proxy, method, latency_us, status)
         SELECT i, i, 'p', 'ping', 1, 'ok' FROM n",
    );
    let reader = open(&path);
    let sizes = [(usize::MAX, Page::MAX_LIMIT), (7, 7), (0, 0)];
    for (limit, expected) in sizes {
        let entries = reader.entries(&Filter::default(), Page::newest(None, limit));
        assert_eq!(entries.expect("entries").len(), expected);
    }
}

#[test]
fn sessions_are_chosen_as_their_filter_says() {
    for capture in CAPTURES {
        let reader = open(&captured(capture));
        let all = all_sessions(reader.as_ref()).expect("sessions");
        let some = &all[all.len() / 2];
        let filters = [
            SessionFilter {
                proxy: Some(Pattern::name(&some.proxy)),
                ..SessionFilter::default()
            },
            SessionFilter {
                prefix: Some(some.session_id[..2].to_owned()),
                ..SessionFilter::default()
            },
            SessionFilter {
                since: Some(some.last_seen_at),
                ..SessionFilter::default()
            },
            SessionFilter {
                until: Some(some.started_at),
                ..SessionFilter::default()
            },
            SessionFilter {
                active_at: Some(some.last_seen_at),
                ..SessionFilter::default()
            },
            SessionFilter {
                client: Some(Pattern::ignoring_case("c*").expect("a glob")),
                ..SessionFilter::default()
            },
        ];
        for filter in filters {
            for page in [SessionPage::used_last(3), SessionPage::oldest(3)] {
                let found = reader.sessions(&filter, &page).expect("sessions");
                assert_eq!(found, page.of(&filter, all.clone()), "{filter:?} {page:?}");
            }
            let found = sessions_of(&*reader, &filter);
            assert!(!found.is_empty() && found.len() < all.len() || capture == "mcpr-0.4.64");
            assert!(found.is_sorted_by_key(|row| row.started_at));
        }
    }
}
