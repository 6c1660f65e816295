//! Requests in flight, and what a tap knows of its server, through the built program: seen while they wait, gone
//! with their answer, final exactly once whatever becomes of the tap.

use super::program::{Home, json_lines, until};
use super::tap::Tap;
use super::terminal::Terminal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

const CALL: &str = r#"{"id":1,"method":"tools/call","params":{"name":"slow","arguments":{"path":"/a","token":"hunter2secret"}}}"#;

/// A server that answers once it is asked to by a file.
pub(crate) const WAITS: &str = r#"read -r line; while [ ! -e go ]; do sleep 0.02; done
    printf '{"id":1,"result":{"content":[]}}\n'; cat >/dev/null"#;

/// A tap in its home, with a request that waits, which is seen by now.
pub(crate) fn waiting(home: &Home, script: &str) -> Tap {
    let mut tap = Tap::start(home, &["--name", "p"], script);
    tap.send(format!("{CALL}\n").as_bytes());
    until("the request is in flight", || {
        home.store().exists() && !pending(home).is_empty()
    });
    tap
}

/// Every row that is asked for, which may be none as long as there is no store.
fn rows_or_none(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let all = [&["logs", "--json", "--tail", "all"], arguments].concat();
    json_lines(&home.run(&all).out)
}

/// What is in flight, as a script gets it.
pub(crate) fn pending(home: &Home) -> Vec<Value> {
    let mut rows = rows_or_none(home, &["--pending"]);
    rows.retain(|row| row["seq"].is_null());
    rows
}

fn described(rows: &[Value]) -> Vec<String> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let each = rows.iter();
    each.map(|row| {
        ["tool", "status", "error_kind"]
            .map(|key| text(row, key))
            .join(" ")
    })
    .collect()
}

#[test]
fn a_report_lists_calls_in_flight_and_servers_that_could_not_start() {
    let home = Home::new();
    let tap = waiting(&home, WAITS);
    let ran = home.run(&["tap", "--name", "nocmd", "--", "/no/such/server"]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    let text = home.succeed(&["report", "--format", "md"]);
    assert!(text.contains("**slow** (p): in flight for "), "{text}");
    let asked = "\n  asked: ` {\"name\":\"slow\",\"arguments\":{\"path\":\"/a\",";
    assert!(text.contains(asked) && !text.contains("hunter2"), "{text}");
    let text = home.succeed(&["report", "--format", "md", "--no-payloads"]);
    assert!(
        text.contains("**slow**") && !text.contains("asked"),
        "{text}"
    );
    assert!(
        text.contains("**nocmd**: server could not be started"),
        "{text}"
    );
    // Who asks for one tool would take the end of any server for its own.
    let text = home.succeed(&["report", "--format", "md", "--tool", "slow"]);
    assert!(
        text.contains("**slow**") && !text.contains("nocmd"),
        "{text}"
    );
    drop(tap);
}

#[test]
fn a_call_is_pending_until_its_answer_and_scripts_that_did_not_ask_see_none_of_it() {
    let home = Home::new();
    let mut tap = waiting(&home, WAITS);
    let open = pending(&home);
    assert_eq!(described(&open), ["slow pending -"]);
    assert_eq!(open[0]["latency_us"], Value::Null);
    assert_eq!(home.rows(&[]), [Value::Null; 0], "nobody asked");
    assert_eq!(
        home.rows(&["--pending", "--status", "ok"]),
        [Value::Null; 0]
    );
    let sessions = json_lines(&home.succeed(&["sessions", "--all", "--json"]));
    assert_eq!(sessions[0]["in_flight"], 1);
    let listed = home.succeed(&["sessions", "--all"]);
    assert!(listed.contains("IN FLIGHT"), "{listed}");
    let id = sessions[0]["session_id"].as_str().unwrap();
    let session = home.succeed(&["session", id]);
    assert!(
        session.contains("in flight  1") && session.contains("▸ pending"),
        "{session}"
    );
    let shown = home.succeed(&["show", "1"]);
    assert!(
        shown.contains("▸ pending") && shown.contains("\"path\": \"/a\""),
        "{shown}"
    );
    assert!(!shown.contains("hunter2secret"), "{shown}");
    home.succeed(&["store", "verify", "--full"]);
    home.write("go", "");
    let mut line = String::new();
    let mut answers = BufReader::new(tap.0.stdout.take().unwrap());
    answers.read_line(&mut line).unwrap();
    until("the answer is stored", || home.rows(&[]).len() == 1);
    assert_eq!(described(&home.rows(&["--pending"])), ["slow ok -"]);
    drop(tap.end());
    assert_eq!(described(&home.rows(&["--pending"])), ["slow ok -"]);
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn a_store_that_is_named_by_a_link_shows_that_its_recorder_is_there() {
    let home = Home::new();
    let tap = waiting(&home, WAITS);
    let link = home.path("link.db");
    std::os::unix::fs::symlink(home.store(), &link).unwrap();
    let link = link.to_str().unwrap();
    for command in [
        &["logs"][..],
        &["logs", "--status", "pending"],
        &["show", "-1"],
        &["session", "latest"],
    ] {
        let shown = home.succeed(&[command, &["--db", link]].concat());
        assert!(shown.contains("▸ pending"), "{command:?} {shown}");
    }
    let sessions = home.succeed(&["sessions", "--json", "--db", link]);
    assert_eq!(json_lines(&sessions)[0]["in_flight"], 1);
    // What a recorder does by the link, the next one finds by the name: nothing of the first is taken for gone.
    let mut second = home.command(&[
        "tap",
        "--name",
        "q",
        "--db",
        link,
        "--",
        "sh",
        "-c",
        "cat >/dev/null",
    ]);
    assert!(second.stdin(Stdio::null()).status().unwrap().success());
    assert_eq!(described(&pending(&home)), ["slow pending -"]);
    drop(tap);
}

#[test]
fn the_status_pending_lists_what_is_in_flight_and_nothing_else() {
    let home = Home::new();
    let mut tap = waiting(&home, WAITS);
    let line = r#"{"type":"mcpr_request","ts":1795224422000,"kind":"mcp","request_id":"a","proxy":"p","method":"ping","latency_us":1}"#;
    home.record(&[&home.write("other.log", format!("{line}\n"))]);
    let rows = |status: &str| described(&rows_or_none(&home, &["--status", status]));
    assert_eq!(rows("pending"), ["slow pending -"]);
    assert_eq!(rows("ok"), ["- ok -"]);
    assert_eq!(rows("ok,pending"), ["- ok -", "slow pending -"]);
    let table = home.succeed(&["logs", "--status", "pending"]);
    assert!(
        table.contains("▸ pending") && !table.contains("ping"),
        "{table}"
    );
    let refused = home.run(&["logs", "--status", "pending", "--follow"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.err.contains("hint: with --pending instead"),
        "{refused:?}"
    );
    let slow = home.run(&["slow", "--status", "pending"]);
    assert!(slow.err.contains("mcpr logs --status pending"), "{slow:?}");
    home.write("go", "");
    let mut answers = BufReader::new(tap.0.stdout.take().unwrap());
    answers.read_line(&mut String::new()).unwrap();
    drop(tap.end());
    let none = home.run(&["logs", "--status", "pending"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""), "{none:?}");
    assert!(none.err.contains("no requests in flight found"), "{none:?}");
}

#[test]
fn what_a_killed_tap_left_waiting_is_unknown_and_then_one_timeout() {
    let home = Home::new();
    let mut tap = waiting(&home, WAITS);
    tap.0.kill().unwrap();
    tap.0.wait().unwrap();
    let unknown = pending(&home);
    assert_eq!(described(&unknown), ["slow unknown -"]);
    let listed = home.succeed(&["logs"]);
    assert!(listed.contains("its recorder is gone"), "{listed}");
    let sessions = json_lines(&home.succeed(&["sessions", "--all", "--json"]));
    assert_eq!(sessions[0]["in_flight"], 0, "nothing is known to wait");
    // Whoever records next ends it, however often that happens.
    for _ in 0..2 {
        let other = Tap::start(&home, &["--name", "q"], "cat >/dev/null");
        drop(other.end());
        assert_eq!(
            described(&home.rows(&["--pending"])),
            ["slow timeout timeout"]
        );
    }
    let latency = &home.rows(&[])[0]["latency_us"];
    assert_eq!(latency, &Value::Null, "nobody saw how long it waited");
    let sessions = json_lines(&home.succeed(&["sessions", "--all", "--json"]));
    let ended = |row: &Value| row["ended_at"].as_i64() >= row["started_at"].as_i64();
    assert!(
        sessions.len() == 3 && sessions.iter().all(ended),
        "{sessions:#?}"
    );
    let left = std::fs::read_dir(home.path(".mcpr")).unwrap();
    let names = left.map(|it| it.unwrap().file_name().into_string().unwrap());
    let mut leases = names.filter(|name| name.contains(".flight-"));
    assert_eq!(leases.next(), None, "no file is left of either tap");
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn two_that_find_what_was_left_bring_it_once() {
    let home = Home::new();
    let mut tap = waiting(&home, WAITS);
    tap.0.kill().unwrap();
    tap.0.wait().unwrap();
    let others: Vec<Tap> = (0..4)
        .map(|_| Tap::start(&home, &["--name", "q"], "cat >/dev/null"))
        .collect();
    for other in others {
        drop(other.end());
    }
    assert_eq!(
        described(&home.rows(&["--pending"])),
        ["slow timeout timeout"]
    );
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn a_terminal_shows_a_running_clock_that_goes_with_the_answer() {
    let home = Home::new();
    let tap = waiting(&home, WAITS);
    let list = Terminal::of(&home).size(100, 30).run(&["logs"]);
    let line = list.out.lines().find(|line| line.contains("slow"));
    let line = line.unwrap_or_else(|| panic!("{list:?}"));
    assert!(
        line.contains("path=/a") && line.contains("▸ pending"),
        "{line}"
    );
    let follow = Terminal::of(&home)
        .size(100, 30)
        .start(&["logs", "--follow"]);
    follow.expect("▸ pending");
    // The clock runs without news of the store.
    follow.expect("▸ pending 2s");
    home.write("go", "");
    until("the row takes its place", || {
        let size = |cells| std::num::NonZero::new(cells).unwrap();
        let mut terminal = vt100::Parser::new(size(30), size(100), 0);
        terminal.process(&follow.bytes());
        let screen = terminal.screen().contents();
        let rows = screen.lines().filter(|line| line.contains("slow"));
        rows.count() == 1 && !screen.contains("pending")
    });
    super::program::signal(&follow.child, rustix::process::Signal::INT);
    follow.finish();
    drop(tap.end());
}

#[test]
fn a_follower_of_json_gets_what_is_pending_once_when_it_asks() {
    let home = Home::new();
    let tap = waiting(&home, WAITS);
    let follow = |more: &[&str]| {
        let arguments = [&["logs", "--follow", "--json", "--timeout", "3s"], more].concat();
        let mut command = home.command(&arguments);
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut piped = home.command(&["logs", "--follow", "--pending", "--timeout", "3s"]);
    let table = piped.output().unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert_eq!(table.matches("▸ pending").count(), 1, "{table}");
    let (asks, asks_not) = (follow(&["--pending"]), follow(&[]));
    let out = |child: std::process::Child| {
        let output = child.wait_with_output().unwrap();
        json_lines(&String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(described(&out(asks)), ["slow pending -"]);
    assert_eq!(out(asks_not), [Value::Null; 0]);
    drop(tap);
}

/// A session whose server does this when it is asked; the client stays until it has ended.
fn died(home: &Home, script: &str) {
    let mut tap = Tap::start(home, &["--name", "p"], script);
    tap.send(format!("{CALL}\n").as_bytes());
    let held = tap.0.stdin.take();
    let output = tap.end();
    drop(held);
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("Cannot find module"), "passed on: {err}");
}

#[test]
fn a_server_that_died_says_why_between_the_rows_and_in_its_session() {
    let home = Home::new();
    let script = "read -r line; echo 'hello there'; echo 'starting' >&2
        echo 'password=hunter2secret' >&2; echo \"Error: Cannot find module 'foo'\" >&2; exit 1";
    died(&home, script);
    assert_eq!(described(&home.rows(&[])), ["slow error died"]);
    let listed = home.succeed(&["logs"]);
    let lines: Vec<&str> = listed.lines().collect();
    let expected = "── server exited with code 1: Cannot find module 'foo' ──";
    assert_eq!(lines.last(), Some(&expected), "{listed}");
    let at = lines.len() - 2;
    assert!(
        lines[at].contains("✗ died: server exited with code 1"),
        "{listed}"
    );
    let session = home.succeed(&["session", "latest"]);
    for part in [
        "command    sh -c",
        "exit       exited with code 1",
        "stderr (",
        "stray output (",
        "hello there",
    ] {
        assert!(session.contains(part), "{part} in {session}");
    }
    assert!(!session.contains("hunter2secret"), "{session}");
    let shown = home.succeed(&["show", "-1"]);
    assert!(
        shown.contains("died") && shown.contains("starting"),
        "{shown}"
    );
    let document: Value =
        serde_json::from_str(&home.succeed(&["session", "latest", "--json"])).unwrap();
    let server = &document["server"];
    assert_eq!(
        (server["exit_code"].as_i64(), server["died"].as_bool()),
        (Some(1), Some(true))
    );
    assert!(server["pid"].as_i64().unwrap() > 1);
    assert!(
        server["stderr"]["text"]
            .as_str()
            .unwrap()
            .contains("[redacted")
    );
    // Only tables have such lines.
    assert_eq!(home.rows(&[]).len(), 1);
    home.succeed(&["store", "verify", "--full"]);
    let id = document["session_id"].as_str().unwrap();
    home.succeed(&["session", "delete", id, "--yes"]);
    let listed = home.succeed(&["logs"]);
    assert!(!listed.contains("server exited"), "{listed}");
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn a_server_that_cannot_be_started_leaves_a_session_that_says_so() {
    let home = Home::new();
    let ran = home.run(&[
        "tap",
        "--name",
        "p",
        "--",
        "./no-such-server",
        "--token",
        "hunter2secret",
    ]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let listed = home.succeed(&["logs"]);
    assert!(
        listed.contains("── server could not be started: No such file"),
        "{listed}"
    );
    let sessions = json_lines(&home.succeed(&["sessions", "--json"]));
    let id = sessions[0]["session_id"].as_str().unwrap();
    let session = home.succeed(&["session", id]);
    assert!(
        session.contains("exit       could not be started: No such file"),
        "{session}"
    );
    assert!(
        session.contains("no-such-server") && !session.contains("hunter2secret"),
        "{session}"
    );
}

#[test]
fn both_sides_of_a_session_are_known_by_name_and_version() {
    let home = Home::new();
    let script = r#"read -r line
        printf '{"id":0,"result":{"protocolVersion":"2025-06-18","serverInfo":{"name":"files","version":"1.4"}}}\n'
        cat >/dev/null"#;
    let mut tap = Tap::start(&home, &["--name", "p"], script);
    let hello = r#"{"id":0,"method":"initialize","params":{"clientInfo":{"name":"claude-code","version":"2.1"}}}"#;
    tap.send(format!("{hello}\n").as_bytes());
    let mut answers = BufReader::new(tap.0.stdout.take().unwrap());
    answers.read_line(&mut String::new()).unwrap();
    drop(tap.end());
    let session = home.succeed(&["session", "latest"]);
    for part in [
        "client     claude-code 2.1",
        "server     files 1.4",
        "protocol   2025-06-18",
        "exit       exited with code 0",
    ] {
        assert!(session.contains(part), "{part} in {session}");
    }
    let listed = home.succeed(&["logs"]);
    assert!(!listed.contains("──"), "it ended as it should: {listed}");
}

#[test]
fn a_log_that_is_read_on_has_its_request_in_flight_and_then_answered_once() {
    let home = Home::new();
    let line = |way: &str, json: &str| {
        format!("2025-03-18T12:53:20.000Z [fs] [info] Message from {way}: {json}\n")
    };
    let file = home.write("mcp.log", line("client", CALL));
    let name = file.to_str().unwrap();
    let mut recorder = home.command(&["record", name]).spawn().unwrap();
    until("the request is in flight", || {
        home.store().exists() && !pending(&home).is_empty()
    });
    let none = home.run(&["sessions", "--all"]).err;
    assert!(none.contains("`mcpr logs --pending` shows"), "{none}");
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    assert_eq!(described(&pending(&home)), ["slow unknown -"]);
    // It is read again from before the request: nothing is called hung that may be answered.
    let mut recorder = home.command(&["record", name]).spawn().unwrap();
    until("the request is in flight again", || {
        described(&pending(&home)) == ["slow pending -"]
    });
    let mut log = std::fs::OpenOptions::new()
        .append(true)
        .open(&file)
        .unwrap();
    log.write_all(line("server", r#"{"id":1,"result":{}}"#).as_bytes())
        .unwrap();
    until("the answer is stored", || {
        described(&rows_or_none(&home, &["--pending"])) == ["slow ok -"]
    });
    super::program::signal(&recorder, rustix::process::Signal::TERM);
    recorder.wait().unwrap();
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn the_end_of_a_server_is_named_and_stands_in_no_list_of_some_requests() {
    let home = Home::new();
    died(
        &home,
        "read -r line; echo \"Error: Cannot find module 'foo'\" >&2; exit 1",
    );
    let line = r#"{"type":"mcpr_request","ts":1795224422000,"kind":"mcp","request_id":"a","proxy":"other","method":"ping","latency_us":1}"#;
    home.record(&[&home.write("other.log", format!("{line}\n"))]);
    let all = home.succeed(&["logs"]);
    assert!(all.contains("── p: server exited with code 1: "), "{all}");
    let failed = home.succeed(&["logs", "--status", "error"]);
    assert!(failed.contains("── p: server exited"), "{failed}");
    for asked in [
        ["--grep", "pin"],
        ["--method", "ping"],
        ["--tool", "no*"],
        ["--status", "timeout"],
    ] {
        let some = home.run(&[&["logs"], &asked[..]].concat());
        assert!(!some.out.contains("server exited"), "{asked:?} {some:?}");
    }
}
