//! Desktop hosts' logs through the built program: rows, sessions, restarts in the middle of a
//! request, and rotation.

use super::program::{Home, signal, until};
use super::tap_answers::ANSWERS;
use rustix::process::Signal;
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

fn line(second: u32, server: &str, way: &str, json: &str) -> String {
    format!(
        "2025-03-18T12:53:{second:02}.000Z [{server}] [info] Message from {way}: {json} {{ metadata: undefined }}\n"
    )
}

const INITIALIZE: &str = r#"{"method":"initialize","params":{"clientInfo":{"name":"claude-ai","version":"0.1.0"}},"jsonrpc":"2.0","id":0}"#;
const CALL: &str = r#"{"method":"tools/call","params":{"name":"read_file","arguments":{"path":"/a"}},"jsonrpc":"2.0","id":1}"#;
const FAILED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[{"type":"text","text":"no such file"}]}}"#;

/// Rows in the order in which they were stored.
fn described(rows: &[Value]) -> Vec<String> {
    let mut rows: Vec<&Value> = rows.iter().collect();
    rows.sort_by_key(|row| row["seq"].as_i64());
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    rows.iter()
        .map(|row| {
            let facts = [
                "proxy",
                "client_name",
                "method",
                "tool",
                "status",
                "error_kind",
            ];
            let facts: Vec<String> = facts.iter().map(|fact| text(&row[*fact])).collect();
            format!("{} {}us", facts.join(" "), row["latency_us"])
        })
        .collect()
}

#[test]
fn a_log_is_read_server_by_server() {
    let home = Home::new();
    let log = [
        "2025-03-18T12:53:20.000Z [fs] [info] Initializing server...\n".to_owned(),
        line(21, "fs", "client", INITIALIZE),
        line(21, "git", "client", INITIALIZE),
        line(
            22,
            "git",
            "server",
            r#"{"jsonrpc":"2.0","id":0,"result":{}}"#,
        ),
        line(
            23,
            "fs",
            "server",
            r#"{"jsonrpc":"2.0","id":0,"result":{}}"#,
        ),
        line(
            24,
            "fs",
            "client",
            r#"{"method":"notifications/initialized","jsonrpc":"2.0"}"#,
        ),
        line(25, "fs", "client", CALL),
        line(28, "fs", "server", FAILED),
        line(
            30,
            "fs",
            "client",
            r#"{"method":"ping","jsonrpc":"2.0","id":2}"#,
        ),
        line(40, "fs", "client", INITIALIZE),
    ];
    let file = home.write("mcp.log", log.concat());
    home.record(&[&file]);
    let expected = [
        "git claude-ai initialize - ok - 1000000us",
        "fs claude-ai initialize - ok - 2000000us",
        "fs claude-ai tools/call read_file error tool 3000000us",
        // The next connection began without an answer to it.
        "fs claude-ai ping - timeout timeout 10000000us",
        // Long ago, and never answered.
        "fs claude-ai initialize - timeout timeout 0us",
    ];
    assert_eq!(described(&home.rows(&[])), expected);
    home.record(&[&file]);
    assert_eq!(home.rows(&[]).len(), expected.len(), "nothing twice");
}

#[test]
fn an_answer_is_found_after_a_restart_and_across_a_rotation() {
    let home = Home::new();
    // Asked just now: it may still be answered.
    let now = time_now();
    let at = |json: &str, way: &str| format!("{now} [fs] [info] Message from {way}: {json}\n");
    let file = home.write("mcp-server-fs.log", at(CALL, "client"));
    home.record(&[&file]);
    assert_eq!(home.rows_or_none().len(), 0, "it waits for its answer");
    let whole = at(CALL, "client") + &at(FAILED, "server");
    std::fs::write(&file, &whole).unwrap();
    home.record(&[&file]);
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["error_msg"], "no such file");
    // The host puts the log aside and begins another; the old one is read again as another file.
    let old = home.path("mcp-server-fs1.log");
    std::fs::rename(&file, &old).unwrap();
    std::fs::write(
        &file,
        at(&CALL.replace(":1}", ":7}"), "client")
            + &at(&FAILED.replace("\"id\":1", "\"id\":7"), "server"),
    )
    .unwrap();
    home.record(&[&old, &file]);
    assert_eq!(home.rows(&[]).len(), 2);
}

#[test]
fn a_call_asked_before_a_rotation_is_answered_after_it_in_whatever_order_the_files_are_named() {
    let answered = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let initialized = r#"{"jsonrpc":"2.0","id":0,"result":{}}"#;
    let old = [
        line(1, "fs", "client", INITIALIZE),
        line(2, "fs", "server", initialized),
        line(3, "fs", "client", CALL),
    ];
    let new = [
        line(5, "fs", "server", answered),
        line(6, "fs", "client", &CALL.replace("read_file", "later")),
        line(8, "fs", "server", answered),
    ];
    let expected = [
        "fs claude-ai initialize - ok - 1000000us",
        "fs claude-ai tools/call read_file ok - 2000000us",
        "fs claude-ai tools/call later ok - 2000000us",
    ];
    // More than is read at once: the old file is read to its end before the new one is begun.
    let filler = "2025-03-18T12:53:00.000Z [fs] [info] nothing happens\n".repeat(20_000);
    for aside in ["mcp.log.1", "mcp-20250318.log", "mcp1.log", "mcp.log.old"] {
        let home = Home::new();
        let old = home.write(aside, filler.clone() + &old.concat());
        let time = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
        std::fs::File::open(&old)
            .unwrap()
            .set_modified(time)
            .unwrap();
        let new = home.write("mcp.log", new.concat());
        home.record(&[&new, &old]);
        assert_eq!(described(&home.rows(&[])), expected, "{aside}");
        let home = Home::new();
        home.write(aside, std::fs::read(&old).unwrap());
        std::fs::File::open(home.path(aside))
            .unwrap()
            .set_modified(time)
            .unwrap();
        home.write("mcp.log", std::fs::read(&new).unwrap());
        let all = home.path("*.log*");
        let glob = home.path("mcp*");
        let pattern = if aside.contains(".log.") { all } else { glob };
        home.record(&[&pattern]);
        assert_eq!(described(&home.rows(&[])), expected, "{aside} by a glob");
    }
}

#[test]
fn a_server_is_named_by_all_that_stands_in_its_brackets() {
    for name in ["my [dev] srv", "a]b", "[x]", "debug", "info", "a] [b"] {
        let home = Home::new();
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let log = line(1, name, "client", ping)
            + &line(2, name, "server", r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        home.record(&[&home.write("mcp.log", log)]);
        let rows = home.rows(&[]);
        assert_eq!(rows.len(), 1, "{name}");
        assert_eq!(rows[0]["proxy"], name);
    }
}

#[test]
fn an_unreadable_answer_of_one_server_hides_no_call_of_another_and_its_own_are_a_gap() {
    let home = Home::new();
    let cut = r#"{"jsonrpc":"2.0","result":{"content":[{"type":"text","text":"a very lo... [900 chars truncated]"#;
    let log = [
        line(1, "alpha", "client", CALL),
        line(1, "beta", "client", CALL),
        line(2, "beta", "server", cut),
        line(9, "alpha", "client", INITIALIZE),
        line(9, "beta", "client", INITIALIZE),
    ];
    home.record(&[&home.write("mcp.log", log.concat())]);
    let mut rows = home.rows(&["--tool", "read_file"]);
    rows.retain(|row| row["proxy"].is_string());
    let described = described(&rows);
    assert_eq!(
        described,
        ["alpha - tools/call read_file timeout timeout 8000000us"]
    );
    let stats: Value = serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    assert_eq!((&stats["gaps"], &stats["dropped"]), (&1.into(), &1.into()));
}

#[test]
fn an_answer_in_a_log_is_read_as_one_that_passes_through_a_tap() {
    let home = Home::new();
    let mut log = Vec::new();
    for (id, (answer, _)) in (0..).zip(ANSWERS) {
        let call =
            format!(r#"{{"id":{id},"method":"tools/call","params":{{"name":"t","a":NaN}}}}"#);
        log.extend(line(2 * id, "fs", "client", &call).into_bytes());
        let around = line(2 * id + 1, "fs", "server", "|");
        let (before, behind) = around.split_once('|').unwrap();
        log.extend([before.as_bytes(), answer, behind.as_bytes()].concat());
    }
    home.record(&[&home.write("mcp.log", log)]);
    let mut rows = home.rows(&[]);
    rows.sort_by_key(|row| row["request_id"].as_str().unwrap().parse::<u32>().unwrap());
    let statuses = rows.iter().map(|row| row["status"].as_str().unwrap());
    let statuses: Vec<&str> = statuses.collect();
    assert_eq!(statuses, ANSWERS.map(|(_, status)| status));
    let stats: Value = serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    assert_eq!(
        (&stats["gaps"], &stats["bad_lines"]),
        (&0.into(), &0.into())
    );
}

/// The present in RFC 3339, to the millisecond.
fn time_now() -> String {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    mcpr_model::time::rfc3339(i64::try_from(since.as_millis()).unwrap()).unwrap()
}

#[test]
fn a_recorder_killed_between_a_request_and_its_answer_stores_one_row() {
    let home = Home::new();
    // Of today: an answer is not waited for in an old log.
    let now = chrono::Utc::now();
    let line = |second: i64, server: &str, way: &str, json: &str| {
        let time = (now + chrono::TimeDelta::seconds(second)).format("%Y-%m-%dT%H:%M:%S%.3fZ");
        format!("{time} [{server}] [info] Message from {way}: {json}\n")
    };
    let answered = r#"{"jsonrpc":"2.0","id":0,"result":{}}"#;
    let before = [
        line(21, "fs", "client", INITIALIZE),
        line(22, "fs", "server", answered),
        line(24, "fs", "client", CALL),
        // Read and committed after the request, so that the kill comes behind both.
        line(25, "git", "client", INITIALIZE),
        line(26, "git", "server", answered),
    ];
    let log = home.write("mcp.log", before.concat());
    let store = |rows: usize| {
        let mut recorder = home
            .command(&["record", log.to_str().unwrap()])
            .spawn()
            .unwrap();
        until("what is answered is stored", || {
            home.rows_or_none().len() == rows
        });
        recorder.kill().unwrap();
        recorder.wait().unwrap();
    };
    store(2);
    // Once more with nothing new: the open request is read again, and stays open.
    store(2);
    let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    file.write_all(line(27, "fs", "server", FAILED).as_bytes())
        .unwrap();
    store(3);
    home.record(&[&log]);
    let expected = [
        "fs claude-ai initialize - ok - 1000000us",
        "git claude-ai initialize - ok - 1000000us",
        "fs claude-ai tools/call read_file error tool 3000000us",
    ];
    assert_eq!(described(&home.rows(&[])), expected);
    home.succeed(&["store", "verify", "--full"]);
}

/// An answer over many reads of a file.
fn large_answer(id: u32) -> String {
    let text = "x".repeat(700_000);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"text":"{text}"}}]}}}}"#)
}

/// What another server of the log answers at once, so that its row says how far the log was read.
fn pair(second: u32) -> String {
    let answer = r#"{"jsonrpc":"2.0","id":9,"result":{}}"#;
    let ping = r#"{"method":"ping","jsonrpc":"2.0","id":9}"#;
    line(second, "git", "client", ping) + &line(second, "git", "server", answer)
}

const PAIR: &str = "git - ping - ok - 0us";

#[test]
fn an_answer_of_which_only_the_beginning_was_read_is_waited_for() {
    let home = Home::new();
    let log = [
        line(21, "fs", "client", CALL),
        line(23, "fs", "server", &large_answer(1)),
        line(31, "fs", "client", CALL),
        line(34, "fs", "server", FAILED),
    ];
    home.record(&[&home.write("mcp.log", log.concat())]);
    let expected = [
        "fs - tools/call read_file ok - 2000000us",
        "fs - tools/call read_file error tool 3000000us",
    ];
    assert_eq!(described(&home.rows(&[])), expected);
}

#[test]
fn a_followed_log_whose_times_are_far_behind_the_clock_is_waited_for() {
    let home = Home::new();
    let log = home.write("mcp.log", "");
    let child = home.command(&["record", log.to_str().unwrap()]).spawn();
    let child = child.unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    let mut write = |text: &str, rows: usize| {
        file.write_all(text.as_bytes()).unwrap();
        until("it is read", || {
            home.store().exists() && home.rows_or_none().len() == rows
        });
    };
    write(&(line(10, "fs", "client", CALL) + &pair(11)), 1);
    write(&line(12, "fs", "server", FAILED), 2);
    // The answer comes in two parts.
    let answer = line(22, "fs", "server", FAILED);
    let (head, tail) = answer.split_at(60);
    write(&(line(20, "fs", "client", CALL) + &pair(21) + head), 3);
    write(tail, 4);
    // An hour passes in the log, and is over with its next line.
    let later = |text: String| text.replace("T12:", "T13:");
    write(&(line(30, "fs", "client", CALL) + &later(pair(29))), 5);
    write(&later(pair(31)), 7);
    signal(&child, Signal::TERM);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    let expected = [
        PAIR,
        "fs - tools/call read_file error tool 2000000us",
        PAIR,
        "fs - tools/call read_file error tool 2000000us",
        PAIR,
        PAIR,
        "fs - tools/call read_file timeout timeout 3601000000us",
    ];
    assert_eq!(described(&home.rows(&[])), expected);
}

#[test]
fn a_log_that_ends_within_a_line_keeps_its_requests_open() {
    let home = Home::new();
    let (asked, answer) = (
        line(10, "fs", "client", CALL),
        line(12, "fs", "server", FAILED),
    );
    let log = home.write("mcp.log", asked.clone() + &answer[..80]);
    home.record(&[&log]);
    assert_eq!(home.rows_or_none().len(), 0, "its answer has begun");
    std::fs::write(&log, asked + &answer).unwrap();
    home.record(&[&log]);
    let expected = ["fs - tools/call read_file error tool 2000000us"];
    assert_eq!(described(&home.rows(&[])), expected);
    // A message that is there as a whole has no answer after it, with a newline or without.
    let lone = line(40, "fs", "client", CALL);
    home.record(&[&home.write("lone.log", lone.trim_end())]);
    let row = described(&home.rows(&[])).pop().unwrap();
    assert_eq!(row, "fs - tools/call read_file timeout timeout 0us");
}

#[test]
fn what_a_stream_leaves_open_is_stored_when_a_signal_ends_it() {
    let home = Home::new();
    let asked = line(10, "fs", "client", CALL);
    let record = |text: &str, rows: usize| {
        let mut command = home.command(&["record", "-"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        until("it is read", || {
            home.store().exists() && home.rows_or_none().len() == rows
        });
        signal(&child, Signal::TERM);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        drop(input);
    };
    let answer = line(12, "fs", "server", FAILED);
    record(&(asked.clone() + &pair(11) + &answer[..80]), 1);
    let expected = [PAIR, "fs - tools/call read_file timeout timeout 1000000us"];
    assert_eq!(described(&home.rows(&[])), expected);
    // As with an answer that comes too late, whoever reads it again adds nothing.
    record(&(asked + &answer + &pair(21)), 3);
    assert_eq!(
        described(&home.rows(&[])),
        [&expected[..], &[PAIR]].concat()
    );
}

#[test]
fn who_calls_is_known_after_a_restart_in_the_middle_of_a_connection() {
    let home = Home::new();
    let now = time_now();
    let at = |way: &str, json: &str| format!("{now} [fs] [info] Message from {way}: {json}\n");
    let called = |id: u32| {
        let id = format!("\"id\":{id}}}");
        at("client", &CALL.replace("\"id\":1}", &id))
            + &at(
                "server",
                &format!(r#"{{"jsonrpc":"2.0","result":{{}},{id}"#),
            )
    };
    let begun = at("client", INITIALIZE) + &at("server", r#"{"jsonrpc":"2.0","id":0,"result":{}}"#);
    let file = home.write("mcp-server-fs.log", begun.clone());
    home.record(&[&file]);
    // A call that hangs keeps the checkpoint where it is: what comes after it is read again.
    let hanging = at("client", CALL);
    std::fs::write(&file, begun.clone() + &hanging + &called(2)).unwrap();
    home.record(&[&file]);
    std::fs::write(&file, begun + &hanging + &called(2) + &called(3)).unwrap();
    home.record(&[&file]);
    let rows = home.rows(&[]);
    let clients: Vec<_> = rows.iter().map(|row| row["client_name"].as_str()).collect();
    assert_eq!(clients, [Some("claude-ai"); 3], "{rows:?}");
}
