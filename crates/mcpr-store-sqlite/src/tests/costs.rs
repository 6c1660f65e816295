//! What a writer's work costs, in steps of SQLite's machine: four times as much to write may take four
//! times the steps, and what is written takes no more of them after a longer past.

use super::batch;
use crate::open::open_reader;
use crate::read::costs::{count_for_the_planner, counted, events, filled, of, unfinished};
use crate::{SqliteStore, names, verify};
use mcpr_model::{
    CallFacts, CallKey, Channel, Event, EventKey, Gap, Payload, Request, SurfaceContent,
    SurfaceUpdate,
};
use mcpr_store::query::SessionKey;
use mcpr_store::{Admin, Class, Depth, Findings, Retention, Writer};
use std::path::Path;
use std::sync::atomic::Ordering;

/// How much there is of everything in the smaller case, and in the larger one.
const FEW: i64 = 1000;
const MANY: i64 = 4 * FEW;

/// Events for one kind of work, the nth of them.
type Given = fn(i64) -> Vec<Event>;

fn one(request: Request) -> Vec<Event> {
    vec![Event::Request(request)]
}

/// Equal in time and id, and in nothing else.
fn contested(at: i64) -> Vec<Event> {
    one(Request {
        ts: 1,
        key: EventKey::of_id("one"),
        latency_us: Some(at),
        ..of(0)
    })
}

/// A call that two channels report, under an id that is used again and again; of one stream alone.
fn reported_again(at: i64) -> Vec<Event> {
    let facts = CallFacts {
        session_id: Some("s-0"),
        id: "1",
        method: "tools/call",
        target: "echo",
    };
    let call = CallKey::of_call(Channel::Stderr, facts);
    one(Request {
        ts: 1,
        key: EventKey::of_bytes(&at.to_le_bytes(), 0).with_call(call),
        latency_us: Some(at),
        ..of(0)
    })
}

/// An answer that the other stream reports when all calls are stored.
fn answered_late(at: i64) -> Vec<Event> {
    let facts = |channel| {
        let id = at.to_string();
        let facts = CallFacts {
            session_id: Some("s-0"),
            id: &id,
            method: "tools/call",
            target: "echo",
        };
        CallKey::of_call(channel, facts)
    };
    let event = |channel: Channel, bytes: i64| {
        let event = Request {
            ts: 1000,
            key: EventKey::of_bytes(&[at, bytes].map(i64::to_le_bytes).concat(), 0)
                .with_call(facts(channel)),
            bytes_out: (bytes > 0).then_some(bytes),
            ..of(0)
        };
        Event::Request(event)
    };
    vec![event(Channel::Stderr, 0), event(Channel::Cloud, 9)]
}

fn with_payload(at: i64) -> Vec<Event> {
    let payload = Payload::of(Some(&format!("{{\"a\":{at}}}")), Some("[]")).expect("two bodies");
    one(Request {
        payload: Some(Box::new(payload)),
        ..of(at)
    })
}

/// A whole list of one of a few proxies.
fn shown(at: i64, result: &str) -> Event {
    Event::Surface(Box::new(SurfaceUpdate {
        proxy: format!("p{}", at % 6).as_str().into(),
        method: "tools/list".into(),
        ts: at,
        session_id: None,
        client_name: None,
        content: SurfaceContent::Whole {
            upstream: None,
            result: result.into(),
        },
    }))
}

/// A list that was never seen before; each proxy keeps all of its own, for they are below the bound.
fn new_list(at: i64) -> Vec<Event> {
    vec![shown(at, &format!(r#"{{"tools":[{{"name":"t{at}"}}]}}"#))]
}

fn gap(at: i64) -> Event {
    Event::Gap(Gap {
        source: "-".into(),
        count: at.unsigned_abs(),
        from_ts: at,
        to_ts: at,
        key: None,
    })
}

/// What may take steps in proportion to how much there is of it.
const OF_MANY: &[(&str, Given)] = &[
    ("requests with all that is new", |at| one(of(at))),
    ("one id with many bodies", contested),
    ("an id that is used again and again", reported_again),
    ("late answers", answered_late),
    ("payloads", with_payload),
    ("lists that are all new", new_list),
    ("lists that are left unfinished", |at| vec![unfinished(at)]),
    ("gaps", |at| vec![gap(at)]),
];

fn steps_of(store: &mut SqliteStore, work: impl FnOnce(&mut SqliteStore)) -> u64 {
    let steps = counted(&mut store.connection);
    work(store);
    steps.load(Ordering::Relaxed)
}

fn assert_proportional(name: &str, few: u64, many: u64) {
    assert!(
        many <= 5 * few + 20_000,
        "{name}: {few} steps, {many} for four times as much"
    );
}

fn assert_flat(name: &str, few: u64, many: u64) {
    assert!(
        many <= few + few / 5 + 500,
        "{name}: {few} steps, {many} after a longer past"
    );
}

/// What SQLite's planner knows of the data must not lead it away from an index.
fn assert_as_without(name: &str, without: u64, with: u64) {
    assert!(
        with <= without + without / 4 + 500,
        "{name}: {without} steps, {with} with statistics"
    );
}

fn in_a_store<T>(work: impl FnOnce(&Path) -> T) -> T {
    let directory = tempfile::tempdir().expect("a directory");
    work(&directory.path().join("store.db"))
}

#[test]
fn a_batch_takes_steps_for_what_is_in_it() {
    for (name, given) in OF_MANY {
        let cost = |count: i64| {
            in_a_store(|path| {
                let mut store = SqliteStore::open(path).expect("a new store");
                let all = (0..count).flat_map(given).collect();
                steps_of(&mut store, |store| {
                    store.append(&events(1, all)).expect("append");
                })
            })
        };
        assert_proportional(name, cost(FEW), cost(MANY));
    }
}

#[test]
fn what_comes_again_takes_steps_for_what_is_in_it() {
    for (name, given) in OF_MANY {
        let cost = |count: i64| {
            in_a_store(|path| {
                let mut store = SqliteStore::open(path).expect("a new store");
                let all: Vec<Event> = (0..count).flat_map(given).collect();
                store.append(&events(1, all.clone())).expect("append");
                steps_of(&mut store, |store| {
                    store.append(&events(2, all)).expect("append");
                })
            })
        };
        assert_proportional(name, cost(FEW), cost(MANY));
    }
}

#[test]
fn what_comes_takes_no_more_steps_in_a_store_with_a_long_past() {
    const NEW: i64 = 50;
    let old_requests: Given = |at| {
        // Beside the sessions of old.
        let mut request = of(at);
        request.ts = at % 40 * 77 * mcpr_model::time::MINUTE_MS;
        one(request)
    };
    let others = [("old requests", old_requests)];
    for (name, new) in OF_MANY.iter().chain(&others) {
        let cost = |past: i64, has_statistics: bool| {
            in_a_store(|path| {
                let mut store = filled(path, past);
                let before = (0..past).flat_map(new).collect();
                store.append(&events(1000, before)).expect("append");
                if has_statistics {
                    count_for_the_planner(&store);
                }
                // Nothing is remembered from before.
                drop(store);
                let mut store = SqliteStore::open(path).expect("the same store");
                let update = (0..NEW).flat_map(|at| new(1_000_000 + at)).collect();
                steps_of(&mut store, |store| {
                    store.append(&events(1001, update)).expect("append");
                })
            })
        };
        let many = cost(MANY, false);
        assert_flat(name, cost(FEW, false), many);
        assert_as_without(name, many, cost(MANY, true));
    }
}

/// Every second request is of one proxy, every second of the other one; all with payloads.
fn of_two_proxies(path: &Path, rows: i64) -> SqliteStore {
    let mut store = SqliteStore::open(path).expect("a new store");
    for first in (0..rows).step_by(400) {
        let given = (first..rows.min(first + 400)).flat_map(|at| {
            let mut all = with_payload(at);
            if let Some(Event::Request(request)) = all.first_mut() {
                request.proxy = if at % 2 == 0 { "even" } else { "odd" }.into();
            }
            all.extend([
                gap(at),
                shown(at, &format!(r#"{{"tools":[{{"name":"t{at}"}}]}}"#)),
            ]);
            all
        });
        store
            .append(&events(first, given.collect()))
            .expect("append");
    }
    store
}

#[test]
fn a_vacuum_takes_steps_for_what_there_is_whatever_stays() {
    let half = |class: Class, rows: i64| match class {
        Class::Surfaces => Retention::of(class, rows / 2),
        _ => Retention::of(class, rows / 2 * 31 * mcpr_model::time::MINUTE_MS),
    };
    let of_one_proxy = [Some("even".to_owned()), None];
    for class in [
        Class::Payloads,
        Class::Requests,
        Class::Sums,
        Class::Surfaces,
        Class::Names,
    ] {
        for proxy in &of_one_proxy {
            let cost = |rows: i64, has_statistics: bool| {
                in_a_store(|path| {
                    let mut store = of_two_proxies(path, rows);
                    if has_statistics {
                        count_for_the_planner(&store);
                    }
                    if class == Class::Names {
                        for before in [Class::Requests, Class::Sums] {
                            store
                                .vacuum(&half(before, rows), &mut |_| {})
                                .expect("half");
                        }
                    }
                    let what = half(class, rows).of_proxy(proxy.clone());
                    steps_of(&mut store, |store| {
                        let removed = store.vacuum(&what, &mut |_| {}).expect("vacuum");
                        assert!(removed > 0 || class == Class::Surfaces, "{class:?}");
                    })
                })
            };
            let name = format!("{class:?} of {proxy:?}");
            let many = cost(MANY, false);
            assert_proportional(&name, cost(FEW, false), many);
            assert_as_without(&name, many, cost(MANY, true));
        }
    }
}

#[test]
fn a_session_is_removed_in_steps_for_its_own_rows() {
    let cost = |past: i64, has_statistics: bool| {
        in_a_store(|path| {
            let mut store = filled(path, past);
            if has_statistics {
                count_for_the_planner(&store);
            }
            let key = SessionKey {
                proxy: "weather".into(),
                id: format!("s-{}", past / 2 / 2 * 2),
            };
            steps_of(&mut store, |store| {
                assert_eq!(store.delete_session(&key).expect("delete"), 1);
            })
        })
    };
    let name = "a session of one request";
    let many = cost(MANY, false);
    assert_flat(name, cost(FEW, false), many);
    assert_as_without(name, many, cost(MANY, true));
    let cost = |rows: i64| {
        in_a_store(|path| {
            let mut store = SqliteStore::open(path).expect("a new store");
            let rows: Vec<Request> = (0..rows)
                .map(|at| Request {
                    session_id: Some("s".into()),
                    ..of(at)
                })
                .collect();
            let key = SessionKey {
                proxy: "weather".into(),
                id: "s".into(),
            };
            let count = rows.len() as u64;
            store.append(&batch(1, rows)).expect("append");
            steps_of(&mut store, |store| {
                assert_eq!(store.delete_session(&key).expect("delete"), count);
            })
        })
    };
    assert_proportional("a session of many requests", cost(FEW), cost(MANY));
}

#[test]
fn a_verification_takes_steps_for_what_there_is() {
    let cost = |rows: i64| {
        in_a_store(|path| {
            drop(of_two_proxies(path, rows));
            let (mut connection, allowed) = open_reader(path).expect("a store");
            let steps = counted(&mut connection);
            let mut found = Findings::default();
            verify::look_through(&connection, &allowed, Depth::Full, &mut found);
            assert_eq!(found.problems, [""; 0]);
            steps.load(Ordering::Relaxed)
        })
    };
    assert_proportional("verify --full", cost(FEW), cost(MANY));
}

#[test]
fn names_are_looked_for_by_an_index() {
    in_a_store(|path| {
        let store = SqliteStore::open(path).expect("a new store");
        for (sql, index) in [
            (names::CLIENT_BY_IDENTITY, "INDEX clients_identity"),
            (names::OPERATION_BY_HASH, "INDEX operations_hash"),
            (
                "SELECT * FROM sources WHERE name = ?1",
                "PRIMARY KEY (name=?)",
            ),
            (
                "SELECT * FROM sessions WHERE session_id = ?1 AND proxy = ?2",
                "INDEX sessions_identity (session_id=? AND proxy=?)",
            ),
        ] {
            let plan = super::plan_of(&store, sql);
            assert!(plan.contains(index) && !plan.contains("SCAN"), "{plan}");
        }
    });
}
