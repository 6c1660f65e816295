//! Desktop hosts' logs through the built program: rows, sessions, restarts in the middle of a
//! request, and rotation.

use super::program::{Home, until};
use serde_json::Value;
use std::io::Write;

fn line(second: u32, server: &str, way: &str, json: &str) -> String {
    format!(
        "2025-03-18T12:53:{second:02}.000Z [{server}] [info] Message from {way}: {json} {{ metadata: undefined }}\n"
    )
}

const INITIALIZE: &str = r#"{"method":"initialize","params":{"clientInfo":{"name":"claude-ai","version":"0.1.0"}},"jsonrpc":"2.0","id":0}"#;
const CALL: &str = r#"{"method":"tools/call","params":{"name":"read_file","arguments":{"path":"/a"}},"jsonrpc":"2.0","id":1}"#;
const FAILED: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[{"type":"text","text":"no such file"}]}}"#;

fn told(rows: &[Value]) -> Vec<String> {
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
    assert_eq!(told(&home.rows(&[])), expected);
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

/// The present in RFC 3339, to the millisecond.
fn time_now() -> String {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    mcpr::model::time::rfc3339(i64::try_from(since.as_millis()).unwrap())
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
    assert_eq!(told(&home.rows(&[])), expected);
    home.succeed(&["store", "verify", "--full"]);
}
