//! Stores of other programs through the built program: every reading command works on them, nothing
//! writes into them, and their rows are those that the recorder makes of the same run's stream.

use super::program::{Home, capture, json_lines};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A copy of a captured store in a home of its own.
fn home_with(capture_name: &str) -> (Home, PathBuf) {
    let home = Home::new();
    let bytes = std::fs::read(capture(&format!("{capture_name}/store.db"))).unwrap();
    let path = home.write("theirs.db", bytes);
    (home, path)
}

#[test]
fn reading_commands_work_and_recording_is_refused() {
    let cases = [
        ("mcpr-0.4.64", "2bdb4dcf", "141", "6", "calls      20"),
        ("mcpr-0.5.44", "eafd2304", "367", "25", "calls      18"),
    ];
    for (name, session, requests, sessions, calls) in cases {
        let (home, path) = home_with(name);
        let before = std::fs::read(&path).unwrap();
        let db = path.to_str().unwrap();
        let logs = home.succeed(&["logs", "--db", db, "--tail", "5"]);
        // The head, the line of the day, and the requests.
        assert_eq!(logs.lines().count(), 7, "{logs}");
        let listed = home.succeed(&["sessions", "--db", db]);
        assert!(listed.contains(session), "{listed}");
        let one = home.succeed(&["session", session, "--db", db]);
        assert!(one.contains(calls) && one.contains("initialize"), "{one}");
        let since = ["--since", "2026-11-21T00:00Z", "--db", db];
        for question in ["stats", "clients"] {
            let answer = home.succeed(&[&[question][..], &since].concat());
            assert!(answer.lines().count() > 2, "{question}: {answer}");
        }
        let slow = home.succeed(&[&["slow"][..], &since].concat());
        assert_eq!(
            slow.is_empty(),
            name == "mcpr-0.5.44",
            "no latencies: {slow}"
        );
        let stats = home.succeed(&["store", "stats", "--db", db, "--json"]);
        let stats: Value = serde_json::from_str(&stats).unwrap();
        assert_eq!(stats["requests"].to_string(), requests);
        assert_eq!(stats["sessions"].to_string(), sessions);
        assert_eq!(stats["sources"], json!([]));

        let stream = capture(&format!("{name}/cloud.ndjson"));
        let stream = stream.to_str().unwrap();
        for refused in [
            &["record", "--once", "--db", db, stream][..],
            &["store", "verify", "--db", db],
        ] {
            let ran = home.run(refused);
            assert_eq!(ran.code, Some(2), "{ran:?}");
            assert!(ran.err.contains("not one of this recorder"), "{ran:?}");
            assert!(ran.err.contains("hint: `mcpr logs --db"), "{ran:?}");
        }
        assert!(
            std::fs::read(&path).unwrap() == before,
            "{name} was changed"
        );
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["theirs.db"]);
    }
}

/// The rows of a captured store, and those of the stream of the same run that it can know of.
fn both(name: &str, kinds: &str) -> Vec<(Value, Value)> {
    let (home, path) = home_with(name);
    let rows = |arguments: &[&str]| {
        let all = ["logs", "--json", "--tail", "all", "--kind", kinds];
        json_lines(&home.succeed(&[&all[..], arguments].concat()))
    };
    let stored = rows(&["--db", path.to_str().unwrap()]);
    home.record(&[&capture(&format!("{name}/cloud.ndjson"))]);
    let key =
        |row: &Value| ["session_id", "request_id", "method"].map(|field| row[field].to_string());
    let mut streamed = rows(&[]);
    assert_eq!(stored.len(), streamed.len(), "{name}");
    let pairs = stored.into_iter().map(|row| {
        let at = streamed.iter().position(|other| key(other) == key(&row));
        let other = streamed.remove(at.unwrap_or_else(|| panic!("not in the stream: {row}")));
        (row, other)
    });
    pairs.collect()
}

/// The fields in which two rows differ.
fn differing(stored: &Value, streamed: &Value) -> Vec<String> {
    let fields = stored.as_object().unwrap().keys();
    fields
        .filter(|field| stored[*field] != streamed[*field])
        .cloned()
        .collect()
}

#[test]
fn rows_of_0_4_are_those_of_its_stream() {
    let mut refused = 0;
    for (stored, streamed) in both("mcpr-0.4.64", "all") {
        let found = differing(&stored, &streamed);
        if streamed["error_code"] == "406" {
            // The store calls a refused HTTP request `ok` and keeps no HTTP status.
            refused += 1;
            let fields = [
                "error_code",
                "error_kind",
                "format",
                "http_status",
                "status",
                "upstream_us",
            ];
            let mut found = found;
            found.sort();
            assert_eq!(found, fields, "{stored} {streamed}");
        } else {
            assert_eq!(
                found,
                ["format", "http_status", "upstream_us"],
                "{stored} {streamed}"
            );
        }
    }
    assert_eq!(refused, 3);
}

#[test]
fn sessions_of_0_4_are_those_of_its_stream() {
    let (home, path) = home_with("mcpr-0.4.64");
    let arguments = ["sessions", "--json", "--all"];
    let db = path.to_str().unwrap();
    let stored = home.succeed(&[&arguments[..], &["--db", db]].concat());
    home.record(&[&capture("mcpr-0.4.64/cloud.ndjson")]);
    assert_eq!(stored, home.succeed(&arguments));
}

#[test]
fn what_0_5_stores_is_known_to_differ_from_its_stream() {
    const MOST_LATE_MS: i64 = 4;
    let (mut rpc_errors, mut tool_errors) = (0, 0);
    for (stored, streamed) in both("mcpr-0.5.44", "mcp") {
        for known in [
            "request_id",
            "proxy",
            "kind",
            "session_id",
            "method",
            "tool",
            "resource_uri",
            "prompt_name",
        ] {
            assert_eq!(
                stored[known], streamed[known],
                "{known}: {stored} {streamed}"
            );
        }
        if !stored["session_id"].is_null() {
            assert_eq!(stored["client_name"], streamed["client_name"]);
        }
        for unknown in [
            "latency_us",
            "upstream_us",
            "bytes_in",
            "bytes_out",
            "error_msg",
        ] {
            assert_eq!(stored[unknown], Value::Null, "{unknown}: {stored}");
        }
        let late = stored["ts"].as_i64().unwrap() - streamed["ts"].as_i64().unwrap();
        assert!((0..=MOST_LATE_MS).contains(&late), "{stored} {streamed}");
        // Refused by an older server, it is not a failure of what the stream reports.
        let is_probe = streamed["method"] == "server/discover" && !streamed["error_code"].is_null();
        match streamed["error_kind"].as_str() {
            None if is_probe => {
                rpc_errors += 1;
                assert_eq!(stored["status"], "timeout", "as any other error");
            }
            Some("rpc") => {
                rpc_errors += 1;
                assert_eq!(
                    stored["status"], "timeout",
                    "an error is stored as no answer"
                );
            }
            Some("tool") => {
                tool_errors += 1;
                assert_eq!(
                    stored["status"], "ok",
                    "a failed tool is stored as a success"
                );
            }
            _ => assert_eq!(stored["status"], streamed["status"]),
        }
    }
    assert_eq!((rpc_errors, tool_errors), (26, 40));
}

#[test]
fn what_servers_offered_is_shown_as_far_as_it_was_kept() {
    let lists = |name: &str, proxy: &str| -> Vec<String> {
        let (home, path) = home_with(name);
        let db = path.to_str().unwrap();
        let lines = home.succeed(&["schema", "--json", "--db", db, "--proxy", proxy]);
        let described = |row: &Value| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            let (list, captured) = (text("method"), text("captured"));
            format!("{list} {captured} {} {}", row["version"], row["items"])
        };
        json_lines(&lines).iter().map(described).collect()
    };
    assert_eq!(
        lists("mcpr-0.4.64", "everything"),
        [
            "initialize complete 1 null",
            "tools/list complete 1 13",
            "prompts/list complete 1 4",
            "resources/list complete 1 7",
            "resources/templates/list complete 1 2"
        ]
    );
    assert_eq!(
        lists("mcpr-0.5.44", "weather"),
        [
            "initialize unknown null null",
            "tools/list partial null 4",
            "prompts/list partial null 1",
            "resources/list partial null 1",
            "resources/templates/list partial null 1"
        ]
    );
    let (home, path) = home_with("mcpr-0.4.64");
    let changes = home.succeed(&[
        "schema",
        "changes",
        "--json",
        "--db",
        path.to_str().unwrap(),
    ]);
    let changes = json_lines(&changes);
    assert_eq!(changes.len(), 5);
    assert!(
        changes.iter().all(|row| row["change"] == "initial"),
        "{changes:?}"
    );
}
