//! What `mcpr session ID` prints, and which session an id means.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use super::super::report;
use super::super::testing::{FIRST, Rows, key, sample, session, view};
use super::*;
use clap::Parser;
use expect_test::{Expect, expect};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn run_on(rows: &mut Rows, line: &str) -> (Exit, String, String) {
    let words = ["session", "--db", "/store.db", "--utc"]
        .into_iter()
        .chain(line.split(' '));
    let args = Line::try_parse_from(words).expect(line).args;
    let (mut console, out, err) = Console::captured();
    let view = view(&args.read, &mut console);
    let exit =
        show(&args, &view, rows, &mut console).unwrap_or_else(|error| report(&error, &mut console));
    console.flush().expect("memory takes it");
    (exit, out.text(), err.text())
}

fn check(line: &str, expected: &Expect) {
    let (exit, out, err) = run_on(&mut sample(), line);
    expected.assert_eq(&format!("{out}{err}{exit:?}\n"));
}

#[test]
fn a_session_for_people() {
    check(
        "e31fd88f",
        &expect![[r#"
            session    e31fd88f-8982-403c-a091-6ef7e8f748bd
            proxy      everything
            client     claude-desktop 1.2.0 (claude)
            started    2026-11-21 01:27:02.000Z
            last seen  2026-11-21 01:27:12.000Z
            state      active
            calls      5
            errors     1

            TIME       CALL       TOOK  RESULT
            ── gap: 1,204 events dropped, 01:27:06Z - 01:27:06.500Z, from weather.log ──
            01:27:08Z  nope     5.3ms   ✗ rpc -32602: tool nope not found
            01:27:09Z  get-sum  5.3ms
            01:27:10Z  get-sum  5.3ms
            01:27:11Z  get-sum  5.3ms
            01:27:12Z  get-sum  5.3ms
            01:27:13Z  DELETE   5.3ms
            Done
        "#]],
    );
}

#[test]
fn a_session_is_one_json_document() {
    check(
        "e31fd88f --json --fields seq,kind,method",
        &expect![[r#"
            {"session_id":"e31fd88f-8982-403c-a091-6ef7e8f748bd","inferred":false,"proxy":"everything","client_name":"claude-desktop","client_version":"1.2.0","client_platform":"claude","started_at":1795224422000,"last_seen_at":1795224432000,"ended_at":null,"total_calls":5,"total_errors":1,"active":true,"conversation":null,"in_flight":0,"started":"2026-11-21T01:27:02.000Z","last_seen":"2026-11-21T01:27:12.000Z","ended":null,"server":null,"connections":[],"operations":[],"requests":[{"seq":4,"kind":"gap","method":null},{"seq":6,"kind":"mcp","method":"tools/call"},{"seq":7,"kind":"mcp","method":"tools/call"},{"seq":8,"kind":"mcp","method":"tools/call"},{"seq":9,"kind":"mcp","method":"tools/call"},{"seq":10,"kind":"mcp","method":"tools/call"},{"seq":11,"kind":"http","method":"DELETE"}]}
            Done
        "#]],
    );
    let (_, compact, _) = run_on(&mut sample(), "2b --json");
    let (_, long, _) = run_on(&mut sample(), "2b --format json");
    assert_eq!(compact, long);
    let document: serde_json::Value = serde_json::from_str(&compact).expect("one document");
    assert_eq!(document["session_id"], FIRST);
    assert_eq!(document["requests"].as_array().map(Vec::len), Some(5));
}

#[test]
fn an_unknown_session_is_the_answer_no() {
    check(
        "nope",
        &expect![[r#"
        no session `nope` in /store.db
        hint: `mcpr sessions --all --limit all` lists every session
        No
    "#]],
    );
    check(
        "nope --json",
        &expect![[r#"
        no session `nope` in /store.db
        hint: `mcpr sessions --all --limit all` lists every session
        No
    "#]],
    );
}

#[test]
fn an_inferred_session_without_its_tilde() {
    let (exit, out, _) = run_on(&mut sample(), "0123");
    assert_eq!(exit, Exit::Done);
    assert!(out.starts_with("session    ~0123abcd (inferred"), "{out}");
}

#[test]
fn a_whole_id_wins_over_a_longer_one() {
    let mut rows = sample();
    rows.sessions.push(session(&key("everything", "2bdb"), 1));
    let (exit, out, _) = run_on(&mut rows, "2bdb --json");
    assert_eq!(exit, Exit::Done);
    assert!(out.starts_with(r#"{"session_id":"2bdb","#), "{out}");
}

#[test]
fn ambiguity_lists_the_candidates() {
    let mut rows = sample();
    rows.sessions
        .extend((10..25).map(|n| session(&key("everything", &format!("2b-{n}")), 1)));
    let (exit, out, err) = run_on(&mut rows, "2b");
    assert_eq!((exit, out.as_str()), (Exit::Failed, ""));
    expect![[r#"
        error: `2b` fits 16 sessions
          2bdb4dcf-b09f-4c41-9733-03bc3e2ef539  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          2b-24  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          2b-23  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          2b-22  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          2b-21  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          2b-20  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          2b-19  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          2b-18  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          2b-17  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          2b-16  everything  claude-desktop  started 2026-11-21 01:27:02.000Z
          … and 6 older
        hint: give more of the id
    "#]]
    .assert_eq(&err);
    let mut rows = sample();
    rows.sessions.push(session(&key("weather", FIRST), 1));
    let (exit, _, err) = run_on(&mut rows, FIRST);
    assert_eq!(exit, Exit::Failed);
    assert!(err.contains("hint: choose one with --proxy NAME"), "{err}");
    assert_eq!(
        run_on(&mut rows, &format!("{FIRST} --proxy weather")).0,
        Exit::Done
    );
}
