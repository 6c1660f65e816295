//! A clause about what is taken over of another store beside requests: sums of those that are gone there.

use super::{Fixture, Store, append, reader, request, rollups_of, sessions};
use crate::memory::MemoryStore;
use crate::query::{GroupBy, SessionRow, StatsQuestion};
use crate::{Admin, Remains, Retention, RollupRow};
use mcpr_model::time::HOUR_MS;
use mcpr_model::{ErrorKind, Outcome, Request};

/// Calls of two sessions and of an inferred one, every half hour.
fn calls() -> Vec<Request> {
    let of = |(at, session): (i64, Option<&str>)| Request {
        session_id: session.map(Into::into),
        client_name: Some("client".into()),
        latency_us: Some(100 + at),
        bytes_in: Some(at),
        outcome: Outcome {
            error_kind: (at % 2 == 0).then_some(ErrorKind::Tool),
            ..Outcome::default()
        },
        ..request(&at.to_string(), at * HOUR_MS / 4)
    };
    let sessions = [Some("a"), None, Some("b"), None, Some("a"), None];
    (0..12).zip(sessions.into_iter().cycle()).map(of).collect()
}

fn sums_of(store: &dyn Store) -> Vec<RollupRow> {
    let mut rows = rollups_of(&*reader(store));
    RollupRow::sort(&mut rows);
    rows
}

pub(crate) fn sums_of_requests_that_are_gone_are_taken_over(backend: &dyn Fixture) {
    let mut from = MemoryStore::default();
    append(&mut from, 1, calls());
    from.vacuum(&Retention::before(HOUR_MS), &mut |_| {})
        .expect("vacuum");
    let whole = Remains {
        sums: sums_of(&from),
        sessions: sessions(&from),
    };
    let mut store = backend.open();
    // Sessions come first without what they count, so that requests find the one that they are of.
    let times = whole.sessions.iter().map(|row| SessionRow {
        total_calls: 0,
        total_errors: 0,
        ..row.clone()
    });
    let times = Remains {
        sums: Vec::new(),
        sessions: times.collect(),
    };
    store.take_remains(&times).expect("take over sessions");
    let left = calls().split_off(4);
    append(&mut *store, 1, left);
    assert_ne!(sums_of(&*store), whole.sums, "sums lack what is gone");
    for round in ["first", "second"] {
        store.take_remains(&whole).expect("take over");
        assert_eq!(sums_of(&*store), whole.sums, "{round}");
        assert_eq!(sessions(&*store), whole.sessions, "{round}");
    }
    backend.check();
    drop(store);
    let mut store = backend.open();
    assert_eq!(sums_of(&*store), whole.sums, "after reopening");
    // They go on from there: a new call is one more, and what counts less changes nothing.
    let one = Request {
        session_id: Some("a".into()),
        ..request("later", 11 * HOUR_MS / 4)
    };
    append(&mut *store, 2, vec![one]);
    store.take_remains(&whole).expect("take over");
    let calls = |store: &dyn Store| -> u64 {
        let question = StatsQuestion::sums(&crate::query::Filter::default(), GroupBy::Proxy);
        let rows = reader(store).stats(&question).expect("stats");
        rows.iter().map(|row| row.tally.calls).sum()
    };
    assert_eq!((calls(&from), calls(&*store)), (12, 13));
    let of_a = sessions(&*store).into_iter();
    let of_a: i64 = of_a
        .filter(|row| row.session_id == "a")
        .map(|row| row.total_calls)
        .sum();
    assert_eq!(of_a, 5);
    backend.check();
}
