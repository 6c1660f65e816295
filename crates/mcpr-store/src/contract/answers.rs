//! The clause on a line of a log that is read once with its answer and once without it.

use super::{Fixture, append, entries, ids, reader, request};
use crate::query::{Entry, Filter, GroupBy, StatsQuestion};
use mcpr_model::{
    ErrorKind, EventKey, OperationLink, OperationPart, OperationStage, Outcome, Request,
    SourceFormat, TraceId,
};

/// A call in a log, which names no session.
fn asked(line: &[u8], outcome: Outcome, latency_us: i64) -> Request {
    Request {
        key: EventKey::of_bytes(line, 0),
        session_id: None,
        upstream_us: None,
        latency_us: Some(latency_us),
        bytes_out: outcome.error_kind.is_none().then_some(7),
        outcome,
        ..request("0", 1)
    }
}

pub(crate) fn a_line_with_and_without_its_answer_is_one_request(backend: &dyn Fixture) {
    let never = || Outcome {
        error_kind: Some(ErrorKind::Timeout),
        ..Outcome::default()
    };
    let mut store = backend.open();
    for (case, with) in [b"first", b"other", b"third"].into_iter().zip(0_i64..) {
        let answered = asked(case, Outcome::default(), 5);
        let (open, later) = (asked(case, never(), 0), asked(case, never(), 9));
        let (first, second) = match with {
            0 => (answered, open),
            1 => (open, answered),
            _ => (open, later),
        };
        assert_eq!(
            append(&mut *store, with * 2 + 1, vec![first.clone()]).stored,
            1
        );
        let again = append(&mut *store, with * 2 + 2, vec![second, first]);
        assert_eq!((again.stored, again.duplicates), (0, 2), "case {with}");
    }
    assert_eq!(ids(&*store), ["0", "0", "0"]);
    drop(store);
    backend.check();
}

pub(crate) fn a_line_with_and_without_its_client_is_one_request(backend: &dyn Fixture) {
    let mut store = backend.open();
    for (case, with) in [b"first", b"other"].into_iter().zip(0_i64..) {
        let named = Request {
            client_name: Some("cursor".into()),
            client_version: Some("1.0".into()),
            ..asked(case, Outcome::default(), 5)
        };
        let nameless = Request {
            client_name: None,
            client_version: None,
            ..named.clone()
        };
        let (first, second) = if with == 0 {
            (named, nameless)
        } else {
            (nameless, named)
        };
        assert_eq!(append(&mut *store, with * 2 + 1, vec![first]).stored, 1);
        let again = append(&mut *store, with * 2 + 2, vec![second]);
        assert_eq!((again.stored, again.duplicates), (0, 1), "case {with}");
    }
    drop(store);
    backend.check();
}

pub(crate) fn what_is_unknown_stays_unknown_and_what_came_along_is_kept(backend: &dyn Fixture) {
    let mut store = backend.open();
    let link = OperationLink::of_state("x");
    let part = OperationPart {
        follows: None,
        leaves: Some(link),
        stage: OperationStage::InputRequired,
    };
    let full = Request {
        http_status: Some(200),
        first_event_us: Some(3),
        format: Some(SourceFormat::Kong),
        part: Some(Box::new(part)),
        ..request("full", 1)
    };
    let bare = Request {
        latency_us: None,
        ..request("bare", 1)
    };
    append(&mut *store, 1, vec![full, bare]);
    let all = entries(&*store, &Filter::default());
    let rows = all.into_iter().filter_map(|entry| match entry {
        Entry::Request(row) => Some((
            row.latency_us,
            (row.http_status, row.first_event_us, row.format, row.part),
        )),
        Entry::Gap(_) => None,
    });
    let known = (Some(200), Some(3), Some(SourceFormat::Kong), Some(part));
    let expected = [(Some(10), known), (None, (None, None, None, None))];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    let is_part = Filter {
        is_part: true,
        ..Filter::default()
    };
    assert_eq!(entries(&*store, &is_part).len(), 1);
    // A latency that nobody knows is in no sum of latencies.
    let question = StatsQuestion::sums(&Filter::default(), GroupBy::Method);
    let sums = reader(&*store).stats(&question).expect("sums");
    let [sum] = &sums[..] else {
        panic!("{sums:?}");
    };
    let tally = &sum.tally;
    assert_eq!((tally.calls, tally.latency_range_us), (2, Some((10, 10))));
    drop(store);
    backend.check();
}

pub(crate) fn a_trace_is_kept_and_found(backend: &dyn Fixture) {
    let mut store = backend.open();
    let of = |id: &str, trace: Option<u8>| {
        let mut request = request(id, 1);
        request.trace_id = trace.map(|byte| Box::new(TraceId::of_bytes([byte; 16])));
        request
    };
    let requests = [
        of("a", Some(7)),
        of("b", None),
        of("c", Some(7)),
        of("d", Some(8)),
    ];
    append(&mut *store, 1, requests.to_vec());
    // The same once more says nothing new.
    append(&mut *store, 2, vec![of("a", Some(7))]);
    let found = |trace: Option<u8>| {
        let filter = Filter {
            trace_id: trace.map(|byte| TraceId::of_bytes([byte; 16])),
            ..Filter::default()
        };
        let ids = entries(&*store, &filter)
            .into_iter()
            .filter_map(|entry| match entry {
                Entry::Request(row) => Some((row.request_id?, row.trace_id?.to_string())),
                Entry::Gap(_) => None,
            });
        ids.collect::<Vec<_>>()
    };
    let [seven, eight] = ["07", "08"].map(|byte| byte.repeat(16));
    let of_seven = [("a".to_owned(), seven.clone()), ("c".to_owned(), seven)];
    assert_eq!(found(Some(7)), of_seven);
    assert_eq!(
        found(None),
        [&of_seven[..], &[("d".to_owned(), eight)]].concat()
    );
    assert_eq!(found(Some(9)), []);
    drop(store);
    backend.check();
}

pub(crate) fn an_answer_of_another_type_is_noted(backend: &dyn Fixture) {
    let mut store = backend.open();
    let of = |id: &str, retyped: bool| {
        let mut request = request(id, 1);
        request.outcome.retyped = retyped;
        request
    };
    append(&mut *store, 1, vec![of("1", true), of("2", false)]);
    // The same once more says nothing new.
    append(&mut *store, 2, vec![of("1", true)]);
    let reader = reader(&*store);
    for (id, retyped) in [("1", true), ("2", false)] {
        let found = reader.with_id(id, 2).expect("rows");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].retyped, retyped);
        let row = reader.request(found[0].seq).expect("a row").expect("one");
        assert_eq!(row.retyped, retyped);
        let listed = entries(&*store, &Filter::default());
        let is_it = |entry: &Entry| matches!(entry, Entry::Request(row) if **row == found[0]);
        assert!(listed.iter().any(is_it), "{listed:?}");
    }
    drop(reader);
    drop(store);
    backend.check();
}
