//! What every layout gives: requests, sessions, totals, rollups.

use super::*;
use expect_test::{Expect, expect};
use mcpr_model::{ErrorKind, Outcome};
use mcpr_store::query::SessionKey;
use std::fmt::Write;

fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn shown(row: &RequestRow) -> String {
    assert_eq!(row.session, row.session_id);
    assert_eq!(row.upstream_us, None);
    assert_eq!(
        row.status,
        row.error_kind
            .map_or(mcpr_model::Status::Ok, ErrorKind::status)
    );
    format!(
        "{} {} {} {} {} {} {} {} {} | {} {} {} | {} {} | {} {}",
        row.seq,
        row.ts,
        row.proxy,
        row.kind.as_str(),
        or_dash(row.session.as_ref()),
        or_dash(row.request_id.as_ref()),
        row.method,
        or_dash(row.target()),
        or_dash(row.latency_us),
        row.error_kind.map_or("ok", ErrorKind::as_str),
        or_dash(row.error_code.as_ref()),
        or_dash(row.error_msg.as_ref()),
        or_dash(row.bytes_in),
        or_dash(row.bytes_out),
        or_dash(row.client_name.as_ref()),
        or_dash(row.client_version.as_ref()),
    )
}

fn check_requests(path: &Path, expected: &Expect) {
    let rows = all_requests(open(path).as_mut()).expect("requests");
    let mut text = String::new();
    for row in &rows {
        writeln!(text, "{}", shown(row)).expect("a string takes any text");
    }
    expected.assert_eq(&text);
}

fn check_sessions(path: &Path, expected: &Expect) {
    let mut text = String::new();
    for row in all_sessions(open(path).as_mut()).expect("sessions") {
        assert!(!row.inferred);
        writeln!(
            text,
            "{} {} | {} {} | {}..{} ended {} | {} calls {} errors",
            row.session_id,
            row.proxy,
            or_dash(row.client_name),
            or_dash(row.client_version),
            row.started_at,
            row.last_seen_at,
            or_dash(row.ended_at),
            row.total_calls,
            row.total_errors
        )
        .expect("a string takes any text");
    }
    expected.assert_eq(&text);
}

#[test]
fn layouts_of_0_4_with_targets() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = made_04(directory.path(), 5);
    check_requests(
        &path,
        &expect![[r"
        1 1000 weather mcp s-1 r-1 initialize - 5000 | ok - - | 10 20 | cursor 1.0
        2 2000 weather http s-1 r-2 POST - 7000 | ok - - | 11 - | cursor 1.0
        3 3000 weather mcp s-1 r-3 tools/call echo 12000 | rpc -32602 bad words | 12 22 | cursor 1.0
        4 4000 weather mcp s-1 r-4 resources/read file:///a 3000 | http - - | 13 23 | cursor 1.0
        5 5000 weather http - r-5 DELETE - 1000 | ok - - | 0 - | - -
        7 6000 search mcp s-2 r-7 prompts/get greet 9000 | timeout - - | 14 - | - -
        8 7000 weather http s-1 r-8 SSE - 2000 | http - - | 0 - | cursor 1.0
    "]],
    );
}

#[test]
fn layouts_of_0_4_before_targets() {
    let expected = expect![[r"
        1 1000 weather mcp s-1 r-1 initialize - 5000 | ok - - | 10 20 | cursor 1.0
        2 2000 weather http s-1 r-2 POST - 7000 | ok - - | 11 - | cursor 1.0
        3 3000 weather mcp s-1 r-3 tools/call echo 12000 | rpc -32602 bad words | 12 22 | cursor 1.0
        4 4000 weather mcp s-1 r-4 resources/read - 3000 | http - - | 13 23 | cursor 1.0
        5 5000 weather http - r-5 DELETE - 1000 | ok - - | 0 - | - -
        7 6000 search mcp s-2 r-7 prompts/get - 9000 | timeout - - | 14 - | - -
        8 7000 weather http s-1 r-8 SSE - 2000 | http - - | 0 - | cursor 1.0
    "]];
    for version in 1..=4 {
        let directory = tempfile::tempdir().expect("a directory");
        check_requests(&made_04(directory.path(), version), &expected);
    }
}

#[test]
fn sessions_of_0_4_count_mcp_requests() {
    let expected = expect![[r"
        s-3 weather | - - | 500..600 ended - | 0 calls 0 errors
        s-1 weather | cursor 1.0 | 1000..7000 ended 8000 | 6 calls 3 errors
        s-2 search | - - | 6000..6000 ended - | 1 calls 1 errors
    "]];
    for version in 1..=5 {
        let directory = tempfile::tempdir().expect("a directory");
        check_sessions(&made_04(directory.path(), version), &expected);
    }
}

#[test]
fn requests_of_0_5_with_their_answers() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = made_05(directory.path());
    check_requests(
        &path,
        &expect![[r"
        1 1000 weather mcp s-1 0 initialize - - | ok - - | - - | cursor 1.0
        2 1500 weather mcp s-1 1 tools/call echo 12000 | ok - - | 77 99 | cursor 1.0
        3 2000 weather mcp s-1 2 resources/read file:///a - | timeout - - | - - | cursor 1.0
        4 3000 weather mcp s-2 0 initialize - 1000 | ok - - | - - | claude -
        5 3500 weather mcp - 7 ping - - | ok - - | - - | - -
        6 3600 search mcp - 0 initialize - - | timeout - - | - - | - -
        7 4000 weather mcp s-2 1 prompts/get greet - | rpc -32602 no such prompt | - - | claude -
    "]],
    );
    check_sessions(
        &path,
        &expect![[r"
        s-1 weather | cursor 1.0 | 999..2000 ended - | 3 calls 1 errors
        s-2 weather | claude - | 2999..4000 ended 3900 | 2 calls 1 errors
    "]],
    );
}

#[test]
fn a_session_holds_its_initialize() {
    let directory = tempfile::tempdir().expect("a directory");
    let reader = open(&made_05(directory.path()));
    let filter = Filter {
        session: Some(SessionKey {
            proxy: "weather".into(),
            id: "s-2".into(),
        }),
        ..Filter::default()
    };
    let rows = requests(reader.as_ref(), &filter, Page::after(Cursor::START, 1)).expect("requests");
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.seq, row.method.as_str()))
        .collect();
    assert_eq!(found, [(4, "initialize"), (7, "prompts/get")]);
}

#[test]
fn every_initialize_of_the_capture_finds_its_session() {
    let reader = open(&captured("mcpr-0.5.44"));
    let rows = all_requests(reader.as_ref()).expect("requests");
    let mut sessions: Vec<_> = rows
        .iter()
        .filter(|row| row.method == "initialize")
        .map(|row| row.session.clone().expect("a session"))
        .collect();
    let mut listed: Vec<_> = all_sessions(reader.as_ref())
        .expect("sessions")
        .into_iter()
        .map(|row| row.session_id)
        .collect();
    sessions.sort();
    listed.sort();
    assert_eq!(sessions, listed);
}

#[test]
fn long_messages_are_cut_as_in_the_streams() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = made_04(directory.path(), 5);
    let message = "é".repeat(Outcome::MAX_MESSAGE_CHARS + 1);
    Connection::open(&path)
        .and_then(|it| it.execute("UPDATE requests SET error_msg = ?1 WHERE id = 3", [message]))
        .expect("a message");
    let rows = all_requests(open(&path).as_mut()).expect("requests");
    let message = rows[2].error_msg.as_deref().expect("a message");
    assert_eq!(message.chars().count(), Outcome::MAX_MESSAGE_CHARS);
}

#[test]
fn totals_and_rollups_are_those_of_the_rows() {
    let directory = tempfile::tempdir().expect("a directory");
    let expected = [
        (made_04(directory.path(), 5), (7, 3, 8, (1000, 7000))),
        (
            captured("mcpr-0.4.64"),
            (141, 6, 141, (1_795_224_422_390, 1_795_224_429_282)),
        ),
        (
            captured("mcpr-0.5.44"),
            (367, 25, 367, (1_795_224_489_542, 1_795_224_617_603)),
        ),
    ];
    for (path, (count, sessions, last_seq, span)) in expected {
        let reader = open(&path);
        let overview = reader.overview().expect("an overview");
        assert_eq!(overview.requests, count);
        assert_eq!(overview.sessions, sessions);
        assert_eq!(overview.last_seq, last_seq);
        assert_eq!(overview.span, Some(span));
        let rows = all_requests(reader.as_ref()).expect("requests");
        let rollups = rollups_of(&*reader);
        let keys: Vec<_> = rollups
            .iter()
            .map(|row| (row.key.hour, &row.key.proxy))
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(rollups.iter().map(|row| row.calls).sum::<u64>(), count);
        let known = rows.iter().filter(|row| row.latency_us.is_some()).count();
        assert_eq!(
            rollups.iter().map(|row| row.sketch.count()).sum::<u64>(),
            known as u64
        );
        let errors = rows.iter().filter(|row| row.error_kind.is_some()).count();
        let of_rollups: u64 = rollups.iter().flat_map(|row| row.errors).sum();
        assert_eq!(of_rollups, errors as u64);
        let latency: i64 = rows.iter().filter_map(|row| row.latency_us).sum();
        assert_eq!(
            rollups.iter().map(|row| row.latency_sum_us).sum::<i64>(),
            latency
        );
    }
}

#[test]
fn an_empty_store_has_nothing() {
    for capture in CAPTURES {
        let directory = tempfile::tempdir().expect("a directory");
        let reader = open(&made(directory.path(), capture, ""));
        assert_eq!(all_requests(reader.as_ref()).expect("requests"), []);
        assert_eq!(all_sessions(reader.as_ref()).expect("sessions"), []);
        assert_eq!(
            reader.overview().expect("totals"),
            mcpr_store::Overview::default()
        );
        assert_eq!(rollups_of(&*reader), []);
    }
}
