//! Each sample of a format through the built program: whole and across a rotation.

use super::program::{Home, capture, json_lines};
use mcpr_wire::{FORMATS, Fact};
use serde_json::{Value, json};
use std::fs;

/// Every sample of formats other than mcpr's own, by its name.
pub(crate) fn samples() -> Vec<String> {
    let directory = fs::read_dir(capture("formats")).unwrap();
    let mut names: Vec<String> = directory
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

/// The rows without what a second store numbers anew.
pub(crate) fn rows(home: &Home) -> Vec<Value> {
    let rows = home.rows(&[]).into_iter().map(|mut row| {
        row.as_object_mut().unwrap().remove("seq");
        row
    });
    rows.collect()
}

/// The rows of a sample that is recorded from its file.
pub(crate) fn whole(name: &str) -> Vec<Value> {
    let home = Home::new();
    home.record(&[&capture("formats").join(name)]);
    rows(&home)
}

#[test]
fn each_line_of_a_sample_is_stored_once_across_a_rotation() {
    for name in samples() {
        let text = fs::read_to_string(capture("formats").join(&name)).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let (before, after) = lines.split_at(lines.len() / 2);
        let home = Home::new();
        let file = home.write(&name, before.concat());
        home.record(&[&file]);
        let old = home.path(&format!("{name}.1"));
        fs::rename(&file, &old).unwrap();
        // What was written to the old file before its writer let it go, and then to the new one.
        let (late, later) = after.split_at(after.len() / 2);
        fs::write(&old, [before.concat(), late.concat()].concat()).unwrap();
        fs::write(&file, later.concat()).unwrap();
        home.record(&[&old, &file]);
        home.record(&[&old, &file]);
        assert_eq!(
            without_client(rows(&home)),
            without_client(whole(&name)),
            "{name}"
        );
    }
}

/// Rows without who called: a log names its client once, maybe in a file that is gone.
fn without_client(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        for member in ["client_name", "client_version", "session"] {
            row.remove(member);
        }
    }
    rows
}

/// Whether a row shows something that only a format with this fact can know.
fn shows(row: &Value, fact: Fact, source: &str) -> bool {
    let has = |name: &str| !row[name].is_null();
    match fact {
        Fact::Proxy => row["proxy"] != source,
        Fact::SessionId => {
            has("session_id") && !row["session_id"].as_str().unwrap().starts_with('~')
        }
        Fact::RequestId => has("request_id"),
        Fact::Client => has("client_name") || has("client_version"),
        // A connection that failed is reported where no method is.
        Fact::EveryMethod => row["method"] != "tools/call" && row["error_kind"] != "died",
        Fact::UpstreamTime => has("upstream_us"),
        Fact::BytesIn => has("bytes_in"),
        Fact::BytesOut => has("bytes_out"),
        Fact::HttpStatus => has("http_status"),
        Fact::RpcError => row["error_kind"] == "rpc",
        Fact::ToolError => row["error_kind"] == "tool",
        Fact::Bodies | Fact::Surface => false, // in no row
    }
}

/// The format that a sample is in: the last part of its name without the ending.
fn format_of(name: &str) -> &str {
    let (stem, _) = name.rsplit_once('.').unwrap();
    stem.rsplit('.').next().unwrap()
}

#[test]
fn no_row_shows_what_its_format_does_not_know_and_every_fact_has_an_example() {
    for name in samples() {
        let source = format_of(&name);
        let format = FORMATS.iter().find(|it| it.name() == source).unwrap();
        let rows = whole(&name);
        for fact in Fact::ALL {
            if matches!(fact, Fact::Bodies | Fact::Surface) {
                continue;
            }
            let shown = rows.iter().find(|row| shows(row, fact, source));
            assert_eq!(
                shown.is_some(),
                format.knows().has(fact),
                "{name} {fact:?} {shown:?}"
            );
        }
    }
}

#[test]
fn an_hour_that_comes_twice_is_distinguished_by_the_lines_before() {
    let call = |time: &str, id: u32| {
        format!(
            "2026-10-25 {time} [debug] [editor -> server] {{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n"
        )
    };
    let answer = |time: &str, id: u32| {
        format!(
            "2026-10-25 {time} [debug] [server -> editor] {{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n"
        )
    };
    let log = [
        call("01:59:59.000", 1),
        answer("02:00:00.000", 1),
        // The clock is put back while this one waits.
        call("02:59:59.900", 2),
        answer("02:00:00.100", 2),
        call("02:30:00.000", 3),
        answer("02:30:00.250", 3),
        call("03:00:00.000", 4),
        answer("03:00:00.001", 4),
    ];
    let home = Home::new();
    let file = home.write("mcpServer.mcp.config.usrlocal.clock.log", log.concat());
    let recorded = home
        .command(&["record", "--once", file.to_str().unwrap()])
        .env("TZ", capture("zoneinfo/Berlin"))
        .status()
        .unwrap();
    assert!(recorded.success());
    let midnight_utc = 1_792_886_400_000_i64; // 2026-10-25T00:00:00Z
    let listed: Vec<(i64, Value)> = home
        .rows(&["--since", "@0"])
        .iter()
        .map(|row| {
            (
                row["ts"].as_i64().unwrap() - midnight_utc,
                row["latency_us"].clone(),
            )
        })
        .collect();
    let expected = [
        (-1_000, json!(1_000_000)),
        (3_599_900, json!(200_000)),
        (5_400_000, json!(250_000)),
        (7_200_000, json!(1_000)),
    ];
    assert_eq!(listed, expected);
}

#[test]
fn calls_of_two_connections_and_of_two_types_of_id_are_never_mixed_up() {
    let rows = whole("mcpsnoop.ndjson");
    let latency = |tool: &str| {
        let row = rows.iter().find(|row| row["tool"] == tool).unwrap();
        row["latency_us"].as_i64().unwrap()
    };
    let got = ["find", "open", "slow", "fast"].map(latency);
    assert_eq!(got, [400_000, 200_000, 1_500_000, 100_000]);
}

#[test]
fn a_server_of_claude_code_is_named_by_its_directory_and_its_session_is_the_conversation() {
    let home = Home::new();
    let text = fs::read(capture("formats/claude_code_log.jsonl")).unwrap();
    fs::create_dir(home.path("mcp-logs-notes")).unwrap();
    // A crash leaves blocks of zeros in such a file.
    let padded = [&[0; 700][..], &text[..]].concat();
    let file = home.write("mcp-logs-notes/2026-09-14T14-00-00-000Z.jsonl", padded);
    home.record(&[&file]);
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), 6, "{rows:?}");
    assert!(rows.iter().all(|row| row["proxy"] == "notes"));
    let sessions = json_lines(&home.succeed(&["sessions", "--json", "--all"]));
    assert_eq!(sessions.len(), 2);
    for session in sessions {
        assert_eq!(session["conversation"], session["session_id"], "{session}");
    }
    // Its log says how the server calls itself: what was shown was `null`.
    let document = home.succeed(&["session", "41c9a7d2", "--json"]);
    let document = &json_lines(&document)[0];
    assert_eq!(
        (&document["server"]["name"], &document["server"]["version"]),
        (&"notes".into(), &"0.2".into()),
        "{document}"
    );
}
