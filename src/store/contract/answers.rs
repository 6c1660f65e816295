//! The clause on a line of a log that is read once with its answer and once without it.

use super::{Backend, append, ids, request};
use crate::model::{ErrorKind, EventKey, Outcome, Request};

/// A call in a log, which names no session.
fn asked(line: &[u8], outcome: Outcome, latency_us: i64) -> Request {
    Request {
        key: EventKey::of_bytes(line, 0),
        session_id: None,
        upstream_us: None,
        latency_us,
        bytes_out: outcome.error_kind.is_none().then_some(7),
        outcome,
        ..request("0", 1)
    }
}

pub(crate) fn a_line_with_and_without_its_answer_is_one_request(backend: &dyn Backend) {
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

pub(crate) fn a_line_with_and_without_its_client_is_one_request(backend: &dyn Backend) {
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
