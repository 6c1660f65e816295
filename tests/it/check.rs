//! `mcpr check`: conditions against data by their exit codes, every format, and what `--exec` is given.

use super::program::{Home, json_lines};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// 2026-11-21 12:00 UTC; the day before is quieter.
const NOON: i64 = 1_795_262_400_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

fn call(id: i64, ts: i64, tool: &str, status: u16) -> String {
    let latency_us = 1000 * (id % 100 + 1);
    let line = json!({
        "type": "request", "id": format!("{id}"), "ts": ts, "proxy": "p", "method": "POST",
        "mcp_method": "tools/call", "tool": tool, "status": status, "latency_us": latency_us,
        "request_size": 400, "response_size": 600, "session_id": format!("s{}", id / 100),
        "client_name": "c", "client_version": "1",
    });
    format!("{line}\n")
}

/// 100 calls of `echo` from noon on, 5 of them failed; the day before 100 of `echo` and 100 of `old` without
/// any failure. A gap at noon.
fn recorded() -> Home {
    let home = Home::new();
    let mut lines = String::new();
    for id in 0..100 {
        lines += &call(id, NOON - DAY + id * 1000, "echo", 200);
        lines += &call(100 + id, NOON - DAY + id * 1000, "old", 200);
    }
    for id in 0..100 {
        let status = if id < 5 { 500 } else { 200 };
        lines += &call(200 + id, NOON + id * 1000, "echo", status);
    }
    let gap = json!({"type": "mcpr_gap", "source": "p.log", "count": 3, "from_ts": NOON, "to_ts": NOON + 1});
    writeln!(lines, "{gap}").unwrap();
    let stream = home.write("p.log", lines);
    home.record(&[&stream]);
    home
}

const AT_NOON: [&str; 4] = ["--since", "2026-11-21 12:00", "--until", "2026-11-21 13:00"];

fn check(home: &Home, window: &[&str], rest: &[&str]) -> (Option<i32>, String) {
    let ran = home.run(&[&["check", "--utc"], window, rest].concat());
    (ran.code, ran.out + &ran.err)
}

#[test]
fn conditions_by_data_and_exit_code() {
    let home = recorded();
    let quiet = ["--since", "2026-11-19 12:00", "--until", "2026-11-19 13:00"];
    // At noon, and in a window without anything.
    let cases = [
        ("calls<1", 0, 1),
        ("calls>99", 1, 0),
        ("errors>4", 1, 2),
        ("errors>5", 0, 2),
        ("error-rate>4%", 1, 2),
        ("error-rate>0.05", 0, 2),
        ("timeouts>0", 0, 2),
        ("p50>60ms", 0, 2),
        ("p95>90ms", 1, 2),
        ("p99>2s", 0, 2),
        ("max>=100ms", 1, 2),
        ("bytes>97K", 1, 2),
        ("bytes>1M", 0, 2),
        ("gaps>0", 1, 2),
        ("gaps>1", 0, 2),
        // The last call is 58 minutes and 21 seconds before the end; nothing was ever called before.
        ("age>58m", 1, 2),
        ("age>59m", 0, 2),
        ("schema:any", 2, 2),
    ];
    for (condition, at_noon, empty) in cases {
        let (code, printed) = check(&home, &AT_NOON, &["--fail-on", condition]);
        assert_eq!(code, Some(at_noon), "{condition} at noon: {printed}");
        let (code, printed) = check(&home, &quiet, &["--fail-on", condition]);
        assert_eq!(code, Some(empty), "{condition} of nothing: {printed}");
        let (code, printed) = check(&home, &quiet, &["--fail-on", condition, "--allow-empty"]);
        let expected = if empty == 2 { 0 } else { empty };
        assert_eq!(
            code,
            Some(expected),
            "{condition} of nothing, allowed: {printed}"
        );
    }
}

#[test]
fn the_worst_of_several_conditions_decides() {
    let home = recorded();
    let on = |conditions: &[&str]| {
        let flags: Vec<&str> = conditions
            .iter()
            .flat_map(|one| ["--fail-on", one])
            .collect();
        check(&home, &AT_NOON, &flags).0
    };
    assert_eq!(on(&["calls<1", "p99>2s"]), Some(0));
    assert_eq!(on(&["calls<1", "schema:breaking"]), Some(2));
    assert_eq!(on(&["schema:breaking", "errors>1", "calls<1"]), Some(1));
}

#[test]
fn windows_are_compared_with_earlier_ones() {
    let home = recorded();
    // The day before noon has 200 calls, of which 100 are of `echo`: 8.3 per hour.
    let day = ["--against", "24h"];
    let named = ["--against", "2026-11-20 12:00..2026-11-20 13:00"];
    let cases = [
        (&day, &["calls>11x"][..], 1),
        (&day, &["calls>13x"], 0),
        (&named, &["calls<0.6x", "--tool", "*"], 1),
        (&named, &["calls<1x", "--tool", "echo"], 0),
        (&named, &["p95>1.1x"], 0),
        (&named, &["errors>1x"], 1),
        (&named, &["timeouts>1x"], 0),
    ];
    // As long from a time on.
    let (code, printed) = check(
        &home,
        &AT_NOON,
        &["--against", "2026-11-20 12:00", "--fail-on", "calls<0.6x"],
    );
    assert_eq!(code, Some(1), "{printed}");
    for (against, condition, expected) in cases {
        let rest = [&against[..], &["--fail-on"], condition].concat();
        let (code, printed) = check(&home, &AT_NOON, &rest);
        assert_eq!(code, Some(expected), "{condition:?}: {printed}");
    }
    let before_all = [
        "--against",
        "2026-10-01..2026-10-02",
        "--fail-on",
        "p95>1.1x",
    ];
    let (code, printed) = check(&home, &AT_NOON, &before_all);
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("no calls to compare with"), "{printed}");
}

#[test]
fn each_tool_is_judged_on_its_own() {
    let home = recorded();
    let by = [
        "--by",
        "tool",
        "--json",
        "--against",
        "2026-11-20 12:00..2026-11-20 13:00",
    ];
    let rest = [
        &by[..],
        &["--fail-on", "calls<0.5x", "--fail-on", "error-rate>4%"],
    ]
    .concat();
    let (code, printed) = check(&home, &AT_NOON, &rest);
    assert_eq!(code, Some(1), "{printed}");
    let document: Value = serde_json::from_str(printed.lines().next().unwrap()).unwrap();
    let listed = document["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap().to_owned();
            format!("{} {} {}", text("state"), text("condition"), text("tool"))
        });
    assert_eq!(
        listed.collect::<Vec<_>>(),
        [
            "broken calls<0.5x old",
            "broken error-rate>4% echo",
            "unknown error-rate>4% old",
            "ok calls<0.5x echo",
        ]
    );
}

#[test]
fn a_session_is_judged_by_its_own_calls() {
    let home = recorded();
    let cases = [
        (&["latest", "--fail-on", "errors>4"][..], 1),
        (&["latest", "--fail-on", "calls>100"], 0),
        (&["s1", "--fail-on", "errors>0"], 0),
        (&["s1", "--fail-on", "calls<100"], 0),
        (&["s1", "--tool", "echo", "--fail-on", "calls<1"], 1),
        (&["nobody", "--fail-on", "calls<1"], 1),
    ];
    for (rest, expected) in cases {
        let (code, printed) = check(&home, &["--session"], rest);
        assert_eq!(code, Some(expected), "{rest:?}: {printed}");
    }
    // What a vacuum took is missing, and no condition is judged without it.
    home.succeed(&[
        "store",
        "vacuum",
        "--before",
        "2026-11-21 12:01 UTC",
        "--yes",
    ]);
    let (code, printed) = check(&home, &["--session"], &["latest", "--fail-on", "calls<90"]);
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains("60 calls of the session were removed"),
        "{printed}"
    );
    let of_client = ["--client", "c", "--fail-on", "errors>99"];
    let (code, printed) = check(&home, &AT_NOON, &of_client);
    assert_eq!(code, Some(2), "{printed}");
    assert!(printed.contains("do not record who called"), "{printed}");
    let (code, printed) = check(&home, &AT_NOON, &of_client[2..]);
    assert_eq!(code, Some(0), "{printed}");
}

#[test]
fn a_change_of_a_list_is_a_condition() {
    let home = Home::new();
    let list = |ts: i64, required: &[&str]| {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": required});
        let tools = json!({"tools": [{"name": "one", "inputSchema": schema}]});
        let line = json!({
            "type": "transaction", "ts": ts, "request_id": "1", "session_id": "s", "latency_us": 5, "upstream_us": 4,
            "request": {"kind": "mcp", "rpc": {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}},
            "response": {"kind": "mcp", "result": {"jsonrpc": "2.0", "id": 1, "result": tools}},
        });
        format!("{line}\n")
    };
    let lines = list(NOON - DAY, &[]) + &list(NOON, &["a"]);
    let stream = home.write("srv.log", lines);
    home.record(&[&stream]);
    let day_before = ["--since", "2026-11-20", "--until", "2026-11-21"];
    let cases = [
        (&AT_NOON, "schema:breaking", 1),
        (&AT_NOON, "schema:any", 1),
        (&AT_NOON, "schema:alert", 0),
        (&day_before, "schema:any", 0),
    ];
    for (window, condition, expected) in cases {
        let (code, printed) = check(&home, window, &["--fail-on", condition]);
        assert_eq!(code, Some(expected), "{condition}: {printed}");
    }
}

#[test]
fn each_format_says_what_failed_and_escapes_names() {
    let home = Home::new();
    let name = "<b>|\u{1b}[31m\n::error::x%";
    let stream = home.write("p.log", call(1, NOON, name, 500));
    home.record(&[&stream]);
    let printed = |format: &str| {
        let rest = [
            "--by",
            "tool",
            "--fail-on",
            "errors>0",
            "--fail-on",
            "timeouts>0",
        ];
        let ran = home.run(&[&["check", "--utc", "-o", format], &AT_NOON[..], &rest].concat());
        assert_eq!(ran.code, Some(1), "{format}: {}", ran.err);
        assert!(!ran.out.contains('\u{1b}'), "{format}: {}", ran.out);
        ran.out
    };
    let text = printed("text");
    assert!(
        text.starts_with("broken  errors>0    p <b>|\\x1b[31m"),
        "{text}"
    );
    assert!(
        text.contains("\n1 broken, 1 ok: 1 call from 2026-11-21 12:00:00.000Z"),
        "{text}"
    );
    let document: Value = serde_json::from_str(&printed("json")).unwrap();
    assert_eq!(document["conditions"][0]["tool"], name);
    assert_eq!(document["state"], "broken");
    let markdown = printed("markdown");
    assert!(
        markdown.contains("| **broken** | errors\\>0 | p \\<b\\>\\|"),
        "{markdown}"
    );
    let xml = printed("junit");
    let parsed = roxmltree::Document::parse(&xml).unwrap();
    let failures = parsed
        .descendants()
        .filter(|node| node.has_tag_name("failure"));
    assert_eq!(failures.count(), 1, "{xml}");
    let github = printed("github");
    assert_eq!(github.lines().count(), 1, "{github}");
    assert!(
        github.starts_with("::error title=mcpr check errors>0::"),
        "{github}"
    );
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let home = recorded();
    let cases: [(&[&str], &str); 8] = [
        (&[], "--fail-on"),
        (&["--fail-on", "eror-rate>5%"], "did you mean `error-rate`"),
        (&["--fail-on", "p95>2x"], "--against 7d"),
        (&["--fail-on", "calls<1", "--against", "7d"], "p95>1.5x"),
        (&["--fail-on", "calls<1x", "--against", "soon"], "FROM..TO"),
        (&["--fail-on", "calls<1", "--exec", "true"], "--follow"),
        (
            &["--fail-on", "calls<1", "--follow", "-o", "junit"],
            "has no end",
        ),
        (
            &["--fail-on", "calls<1", "--follow", "--every", "1ms"],
            "1s or more",
        ),
    ];
    for (rest, says) in cases {
        let (code, printed) = check(&home, &[], rest);
        assert_eq!(code, Some(2), "{rest:?}");
        assert!(printed.contains(says), "{rest:?}: {printed}");
    }
    let (code, printed) = check(&home, &["--db", "nothing.db"], &["--fail-on", "calls<1"]);
    assert_eq!(code, Some(2));
    assert!(printed.contains("nothing.db"), "{printed}");
}

#[test]
fn clients_and_methods_are_looked_at_alone() {
    let home = recorded();
    for (filter, calls) in [
        (&["-c", "C"][..], 100),
        (&["--client", "nobody"], 0),
        (&["--method", "tools/*"], 100),
        (&["--method", "ping"], 0),
        (&["-c", "c", "--method", "tools/call", "-t", "old"], 0),
    ] {
        let line = [filter, &["--fail-on", "calls<1", "--json"]].concat();
        let (_, printed) = check(&home, &AT_NOON, &line);
        let found: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(found["calls"], calls, "{filter:?}: {found}");
    }
}

/// `--follow` that ends with the first thing it reports.
fn followed(home: &Home, rest: &[&str]) -> super::program::Ran {
    let follow = [
        "--follow",
        "--max",
        "1",
        "--json",
        "--by",
        "tool",
        "--fail-on",
        "errors>0",
    ];
    home.run(&[&["check", "--utc"], &AT_NOON[..], &follow, rest].concat())
}

#[test]
fn names_reach_a_command_as_data_and_never_a_shell() {
    let home = Home::new();
    let name = "$(touch pwned);`touch pwned`\n\"'&|";
    let stream = home.write("p.log", call(1, NOON, name, 500));
    home.record(&[&stream]);
    let script =
        "printf %s \"$MCPR_CHECK_TOOL\" > tool; cat > facts; echo \"$MCPR_CHECK_STATE\" > state";
    let script = home.write("hook.sh", script);
    let ran = followed(&home, &["--exec", "/bin/sh", script.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let read = |name: &str| std::fs::read_to_string(home.path(name)).unwrap();
    assert_eq!(read("tool"), name);
    assert_eq!(read("state"), "broken\n");
    let facts = json_lines(&read("facts"));
    assert_eq!(facts, json_lines(&ran.out), "the same is printed");
    assert_eq!(facts[0]["tool"], name);
    assert!(!home.path("pwned").exists());
}

#[test]
fn a_command_that_hangs_or_fails_is_reported_and_ends_nothing() {
    let home = recorded();
    let hangs = [
        "--exec-timeout",
        "20ms",
        "--exec",
        "/bin/sh",
        "-c",
        "yes >&2",
    ];
    let ran = followed(&home, &hangs);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("was ended after 0.02 s"), "{}", ran.err);
    assert!(ran.err.len() < 8000, "{}", ran.err.len());
    let ran = followed(&home, &["--exec", "/bin/false", "--follow"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.err.contains("warning: /bin/false failed with"),
        "{}",
        ran.err
    );
}
