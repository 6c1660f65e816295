//! Calls that two channels of one proxy report.

use super::*;
use mcpr_model::{CallFacts, CallKey, Channel, ErrorKind, Payload, Target, TargetKind};

/// A call as one of the streams reports it.
fn reported(channel: Channel, session_id: Option<&str>, ts: i64, latency_us: i64) -> Request {
    let upstream_us = Some(latency_us - 1);
    let facts = CallFacts {
        session_id,
        id: "1",
        method: "tools/call",
        target: "echo",
    };
    let bytes = format!("{channel:?} {ts} {latency_us}");
    Request {
        key: EventKey::of_bytes(bytes.as_bytes(), 0).with_call(CallKey::of_call(channel, facts)),
        request_id: Some(RequestId::Int(1)),
        session_id: session_id.map(Into::into),
        method: "tools/call".into(),
        target: Some(Target {
            kind: TargetKind::Tool,
            name: "echo".into(),
        }),
        latency_us: Some(latency_us),
        upstream_us,
        ..request("1", ts)
    }
}

fn facts(store: &dyn Store) -> Vec<(i64, i64, Option<i64>, Option<ErrorKind>)> {
    let rows = entries(store, &Filter::default());
    let rows = rows.into_iter().filter_map(|entry| match entry {
        Entry::Request(row) => Some((row.seq, row.ts, row.bytes_out, row.error_kind)),
        Entry::Gap(_) => None,
    });
    rows.collect()
}

/// In either order, and after reopening.
pub(crate) fn what_two_streams_report_about_a_call_is_one_row(backend: &dyn Fixture) {
    let mut store = backend.open();
    let printed = |ts| Request {
        outcome: Outcome {
            error_kind: Some(ErrorKind::Timeout),
            ..Outcome::default()
        },
        ..reported(Channel::Stderr, Some("s"), ts, 70)
    };
    let posted = |ts| Request {
        bytes_out: Some(9),
        ..reported(Channel::Cloud, Some("s"), ts, 70)
    };
    let with = |request: Request, text: &str| Request {
        payload: Payload::of(Some(text), None).map(Box::new),
        ..request
    };
    let first = vec![
        with(printed(7000), "1"),
        // Of the same batch, and of the one before it.
        with(posted(7539), "2"),
        posted(20_250),
    ];
    let appended = append(&mut *store, 1, first);
    assert_eq!((appended.stored, appended.duplicates), (2, 1));
    drop(store);
    backend.check();
    let mut store = backend.open();
    assert_eq!(append(&mut *store, 2, vec![printed(20_000)]).duplicates, 1);
    let expected = [(1, 7539, Some(9), None), (2, 20_250, Some(9), None)];
    assert_eq!(facts(&*store), expected);
    // Reported once more by either of them, it is a duplicate.
    let again = vec![printed(7000), posted(7539), printed(20_000), posted(20_250)];
    assert_eq!(append(&mut *store, 3, again).duplicates, 4);
    assert_eq!(facts(&*store), expected);
    let session = &sessions(&*store)[0];
    assert_eq!((session.total_calls, session.total_errors), (2, 0));
    let hours = super::rollups_of(&*reader(&*store));
    assert_eq!((hours[0].calls, hours[0].bytes_out), (2, 18));
    assert_eq!(hours[0].errors.iter().sum::<u64>(), 0);
    let kept = reader(&*store)
        .payload(1)
        .expect("a payload")
        .expect("kept");
    assert_eq!(kept.params.expect("parameters").text.as_ref(), "1");
    drop(store);
    backend.check();
}

/// Some clients use one id for every call; and one stream may lack what the other has.
pub(crate) fn an_id_that_is_used_again_is_another_call(backend: &dyn Fixture) {
    let mut store = backend.open();
    let s = Some("s");
    let printed = |(ts, latency_us)| reported(Channel::Stderr, s, ts, latency_us);
    let posted = |(ts, latency_us)| reported(Channel::Cloud, s, ts, latency_us);
    let calls = [(7000, 10), (7000, 20), (7000, 30)];
    let all = calls.map(printed).to_vec();
    assert_eq!(append(&mut *store, 1, all).stored, 3);
    // The second post is lost.
    let all = vec![posted((7100, 30)), posted((7200, 10))];
    assert_eq!(append(&mut *store, 2, all).duplicates, 2);
    let times = |store: &dyn Store| facts(store).iter().map(|row| row.1).collect::<Vec<_>>();
    assert_eq!(times(&*store), [7200, 7000, 7100]);
    // A day later, and in another session.
    let later = vec![
        posted((86_407_000, 20)),
        reported(Channel::Cloud, Some("t"), 7000, 20),
    ];
    assert_eq!(append(&mut *store, 3, later).stored, 2);
    // No two posts are one call.
    let more = vec![posted((90_000, 10)), posted((90_000, 11))];
    assert_eq!(append(&mut *store, 4, more).stored, 2);
}

pub(crate) fn calls_without_a_session_are_one_where_measured_alike(backend: &dyn Fixture) {
    let mut store = backend.open();
    let printed = |(ts, latency_us)| reported(Channel::Stderr, None, ts, latency_us);
    let posted = |(ts, latency_us)| reported(Channel::Cloud, None, ts, latency_us);
    let all = vec![printed((7000, 10)), printed((7000, 20))];
    let first = append(&mut *store, 1, all);
    assert_eq!((first.stored, first.undecided), (2, 0));
    let second = append(&mut *store, 2, vec![posted((7300, 10))]);
    assert_eq!((second.duplicates, second.undecided), (1, 0));
    // It may be the other one, and nothing says so.
    let third = append(&mut *store, 3, vec![posted((7400, 21))]);
    assert_eq!((third.stored, third.undecided), (1, 1));
    let alone = append(&mut *store, 4, vec![posted((9400, 21))]);
    assert_eq!((alone.stored, alone.undecided), (1, 0));
    let overview = reader(&*store).overview().expect("overview");
    assert_eq!((overview.requests, overview.undecided), (4, 1));
}

/// What one side of an operation reports, at its own time and under its own name.
fn spanned(side: Channel, link: u64, outcome: Option<ErrorKind>) -> Request {
    let is_server = side == Channel::ServerSpan;
    let hour = i64::try_from(link).expect("a small number") * 3_600_000;
    Request {
        key: EventKey::of_id(&format!("{side:?} {link}"))
            .with_call(CallKey::of_span(link, std::iter::once(side))),
        proxy: if is_server { "desk" } else { "agent" }.into(),
        latency_us: Some(if is_server { 5 } else { 70 }),
        upstream_us: is_server.then_some(5),
        outcome: Outcome {
            error_kind: outcome,
            ..Outcome::default()
        },
        // Clocks of two machines may be minutes apart.
        ..request("1", hour + if is_server { 190_000 } else { 7000 })
    }
}

/// The spans of two processes, in either order, and each of them once more.
pub(crate) fn spans_of_an_operation_are_one_row_however_late_they_come(backend: &dyn Fixture) {
    let unseen = Some(ErrorKind::Unseen);
    let cases = [
        (unseen, Some(ErrorKind::Tool), Some(ErrorKind::Tool)),
        (unseen, None, None),
        // A client that gave up never read what its server still did.
        (Some(ErrorKind::Timeout), None, Some(ErrorKind::Timeout)),
    ];
    let mut store = backend.open();
    let (mut link, mut number) = (0, 0);
    let mut append = |store: &mut dyn Store, requests: Vec<Request>| {
        number += 1;
        super::append(store, number, requests)
    };
    for (client, server, expected) in cases {
        for client_is_first in [true, false] {
            let client = spanned(Channel::ClientSpan, link, client);
            let server = spanned(Channel::ServerSpan, link, server);
            let mut order = [client.clone(), server.clone()];
            if !client_is_first {
                order.reverse();
            }
            let [first, second] = order;
            assert_eq!(append(&mut *store, vec![first]).stored, 1);
            assert_eq!(append(&mut *store, vec![second]).duplicates, 1);
            assert_eq!(append(&mut *store, vec![client, server]).duplicates, 2);
            let rows = facts(&*store);
            assert_eq!(rows.last().map(|row| row.3), Some(expected));
            let hours = super::rollups_of(&*reader(&*store));
            let kinds = ErrorKind::ALL.map(|kind| u64::from(Some(kind) == expected));
            let sums = hours.last().map(|hour| (hour.calls, hour.errors));
            assert_eq!(sums, Some((1, kinds)));
            link += 1;
        }
    }
    assert_eq!(facts(&*store).len(), 6);
    drop(store);
    backend.check();
}
