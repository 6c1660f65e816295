//! Pairing by hand-made times.

use super::*;

/// `initialize` of proxy `p` with request id `0`.
fn asked(seq: i64, ts: i64) -> LoneRequest {
    LoneRequest {
        seq,
        ts,
        proxy: "p".into(),
        request_id: "0".into(),
        method: "initialize".into(),
    }
}

/// The first answer of session `s<id>` of proxy `p`, which began then.
fn answered(id: i64, ts: i64) -> LoneAnswer {
    LoneAnswer {
        id,
        ts,
        request_id: "0".into(),
        session: Some(format!("s{id}")),
        opened: Some(("p".into(), ts)),
    }
}

fn check(what: &str, asked: &[LoneRequest], answers: Vec<LoneAnswer>, expected: &[(i64, i64)]) {
    let mut found: Vec<(i64, i64)> = pair(asked, answers)
        .into_iter()
        .map(|(seq, (answer, _))| (seq, answer))
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected, "{what}");
}

/// Checks requests 1, 2, … and answers 1, 2, … that come at these times.
fn check_times(what: &str, requests: &[i64], answers: &[i64], expected: &[(i64, i64)]) {
    let requests: Vec<_> = (1..)
        .zip(requests)
        .map(|(seq, &ts)| asked(seq, ts))
        .collect();
    let answers = (1..).zip(answers).map(|(id, &ts)| answered(id, ts));
    check(what, &requests, answers.collect(), expected);
}

#[test]
fn an_answer_goes_to_the_nearest_request_before_it() {
    let in_turn = &[(1, 1), (2, 2)];
    check_times("one after the other", &[10, 20], &[10, 20], in_turn);
    check_times("at the same time", &[10, 10], &[10, 10], in_turn);
    check_times("no answer before a request", &[10], &[9], &[]);
    check_times("the first has none", &[10, 50_000], &[50_001], &[(2, 1)]);
    check_times("too late", &[10], &[60_011], &[]);
    check_times("just in time", &[10], &[60_010], &[(1, 1)]);
    check_times("each answer once", &[10, 11], &[12], &[(2, 1)]);
}

#[test]
fn an_answer_must_fit_its_request() {
    let answer = || answered(7, 10);
    let other_proxy = LoneAnswer {
        opened: Some(("q".into(), 10)),
        ..answer()
    };
    let other_id = LoneAnswer {
        request_id: "1".into(),
        ..answer()
    };
    let older_session = LoneAnswer {
        opened: Some(("p".into(), 10 - MAX_LAG_MS - 1)),
        ..answer()
    };
    let unlisted = LoneAnswer {
        opened: None,
        ..answer()
    };
    let of_no_session = LoneAnswer {
        session: None,
        opened: None,
        ..answer()
    };
    let cases = [
        ("the same proxy", answer(), true),
        ("another proxy", other_proxy, false),
        ("another request id", other_id, false),
        ("a session that was there before", older_session, false),
        ("a session that is not listed", unlisted.clone(), true),
        ("no session at all", of_no_session.clone(), true),
    ];
    for (what, answer, fits) in cases {
        let expected: &[(i64, i64)] = if fits { &[(1, 7)] } else { &[] };
        check(what, &[asked(1, 10)], vec![answer], expected);
    }
    let ping = LoneRequest {
        method: "ping".into(),
        ..asked(1, 10)
    };
    check(
        "a session is not opened by a ping",
        std::slice::from_ref(&ping),
        vec![unlisted],
        &[],
    );
    check(
        "a ping without a session",
        &[ping],
        vec![of_no_session],
        &[(1, 7)],
    );
}
