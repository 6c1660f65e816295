//! Clauses about sums: what is left of them when requests are gone, and how many lines they have.

use super::{Fixture, append, reader, request};
use crate::Retention;
use crate::query::{Filter, GroupBy, OTHER, SessionFilter, StatsQuestion};
use mcpr_model::time::{HOUR_MS, MINUTE_MS};
use mcpr_model::{Request, Target, TargetKind};

fn call(id: &str, tool: &str, ts: i64) -> Request {
    Request {
        method: "tools/call".into(),
        target: Some(Target {
            kind: TargetKind::Tool,
            name: tool.into(),
        }),
        client_name: Some("x".into()),
        ..request(id, ts)
    }
}

pub(crate) fn calls_that_cannot_be_placed_in_a_window_are_reported(backend: &dyn Fixture) {
    let mut store = backend.open();
    let half_hours = (0..8).map(|at| call(&at.to_string(), "t", at * 30 * MINUTE_MS));
    append(&mut *store, 1, half_hours.collect());
    // From half past the first hour to half past the third: 30, 60, 90 and 120 minutes.
    let window = Filter {
        since: Some(HOUR_MS / 2),
        until: Some(HOUR_MS * 5 / 2),
        ..Filter::default()
    };
    let ask = |store: &dyn super::Store, by: GroupBy, exact: bool| {
        let question = StatsQuestion {
            exact,
            ..StatsQuestion::sums(&window, by)
        };
        let rows = reader(store).stats(&question).expect("stats");
        let sums = rows.iter().map(|row| (row.tally.calls, row.tally.unplaced));
        sums.fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1))
    };
    for by in [
        GroupBy::Tool,
        GroupBy::Method,
        GroupBy::Client,
        GroupBy::Proxy,
        GroupBy::Hour,
    ] {
        assert_eq!(ask(&*store, by, false), (4, 0), "{by:?}");
        assert_eq!(ask(&*store, by, true), (4, 0), "{by:?}");
    }
    store
        .vacuum(&Retention::before(HOUR_MS * 2), &mut |_| {})
        .expect("vacuum");
    // Of the first hour both calls are gone, and the window has one of them.
    for by in [
        GroupBy::Tool,
        GroupBy::Method,
        GroupBy::Proxy,
        GroupBy::Hour,
    ] {
        assert_eq!(ask(&*store, by, false), (3, 2), "{by:?}");
        assert_eq!(ask(&*store, by, true), (1, 4), "{by:?}");
    }
    assert_eq!(ask(&*store, GroupBy::Client, false), (1, 4));
}

pub(crate) fn more_clients_than_are_shown_are_put_together(backend: &dyn Fixture) {
    let mut store = backend.open();
    // As many sessions and calls of each client as its number.
    let calls = (1..=5).flat_map(|client| (0..client).map(move |at| (client, at)));
    let requests = calls.map(|(client, at)| Request {
        client_name: Some(format!("client {client}").as_str().into()),
        session_id: Some(format!("s-{client}-{at}").as_str().into()),
        ..call(&format!("{client}-{at}"), "t", 100 * client + at)
    });
    append(&mut *store, 1, requests.collect());
    let rows = reader(&*store).clients(&SessionFilter::default(), 2);
    let listed: Vec<_> = rows
        .expect("clients")
        .into_iter()
        .map(|row| {
            let span = (row.first_seen_at, row.last_seen_at);
            let counts = (row.sessions, row.total_calls);
            (row.client_name.unwrap_or_default(), counts, span)
        })
        .collect();
    let of = |name: &str, counts, span| (name.to_owned(), counts, span);
    let expected = [
        of("client 5", (5, 5), (500, 504)),
        of("client 4", (4, 4), (400, 403)),
        of(OTHER, (6, 6), (100, 302)),
    ];
    assert_eq!(listed, expected);
    let all = reader(&*store).clients(&SessionFilter::default(), 5);
    assert_eq!(
        all.expect("clients").len(),
        5,
        "nobody is left to be put together"
    );
}

pub(crate) fn more_lines_than_are_shown_are_put_together(backend: &dyn Fixture) {
    let mut store = backend.open();
    let tools = ["a", "b", "b", "c", "c", "c", "d", "e"];
    let calls = tools.iter().zip(0..);
    let calls = calls.map(|(tool, at)| call(&at.to_string(), tool, at));
    append(&mut *store, 1, calls.collect());
    for (since, exact) in [
        (None, false),
        (None, true),
        (Some(0), false),
        (Some(0), true),
    ] {
        let filter = Filter {
            since,
            ..Filter::default()
        };
        let question = StatsQuestion {
            most: Some(3),
            exact,
            ..StatsQuestion::sums(&filter, GroupBy::Tool)
        };
        let rows = reader(&*store).stats(&question).expect("stats");
        let listed: Vec<_> = rows
            .iter()
            .map(|row| (row.key.tool.as_deref().unwrap_or_default(), row.tally.calls))
            .collect();
        assert_eq!(listed, [("c", 3), ("b", 2), ("a", 1), (OTHER, 2)]);
        assert_eq!(rows[3].key.proxy, None, "of whatever proxy");
    }
}
