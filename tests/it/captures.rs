//! The captures from end to end: recorded by the built program, read back by it, and compared with
//! what a script of its own derived from them.

use super::program::{Home, capture};
use serde_json::Value;

/// The columns of the expectations that a row's JSON is compared by. The client is left out: a row
/// learns it from its session too, which the script does not know.
const COMPARED: [&str; 14] = [
    "kind",
    "method",
    "session_id",
    "status",
    "error_kind",
    "error_code",
    "error_msg",
    "latency_us",
    "upstream_us",
    "request_id",
    "proxy",
    "ts",
    "bytes_in",
    "bytes_out",
];

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text
            .replace('\\', "\\\\")
            .replace('\t', "\\t")
            .replace('\n', "\\n"),
        other => other.to_string(),
    }
}

fn target(row: &Value) -> &Value {
    ["tool", "prompt_name", "resource_uri"]
        .iter()
        .map(|name| &row[*name])
        .find(|value| !value.is_null())
        .unwrap_or(&Value::Null)
}

fn expected(name: &str) -> Vec<Vec<(String, String)>> {
    let text = std::fs::read_to_string(capture(&format!("expected/{name}.tsv"))).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split('\t').collect();
    lines
        .map(|line| {
            header
                .iter()
                .zip(line.split('\t'))
                .map(|(k, v)| ((*k).to_owned(), v.to_owned()))
                .collect()
        })
        .collect()
}

fn compare(rows: &[Value], name: &str) {
    let expected = expected(name);
    assert_eq!(rows.len(), expected.len(), "{name}");
    for (row, want) in rows.iter().zip(expected) {
        for (column, mut value) in want {
            // A probe that an older server refuses is reported as an error, and is not a failure once it is stored.
            if row["method"] == "server/discover" && row["error_code"] == "-32000" {
                match &*column {
                    "status" => "ok".clone_into(&mut value),
                    "error_kind" => "-".clone_into(&mut value),
                    _ => {}
                }
            }
            if column == "target" {
                assert_eq!(cell(target(row)), value, "{name} {row}");
            } else if COMPARED.contains(&&*column) {
                assert_eq!(cell(&row[&column]), value, "{name} {column} {row}");
            }
        }
    }
}

#[test]
fn every_capture_is_read_back_as_it_was_derived() {
    let captures = [
        ("mcpr-0.4.64/proxy.log", "mcpr-0.4.64.proxy"),
        ("mcpr-0.4.64/cloud.ndjson", "mcpr-0.4.64.cloud"),
        (
            "mcpr-0.5.44/everything.stderr.log",
            "mcpr-0.5.44.everything",
        ),
        ("mcpr-0.5.44/weather.stderr.log", "mcpr-0.5.44.weather"),
        ("mcpr-0.5.44/cloud.ndjson", "mcpr-0.5.44.cloud"),
        ("formats/toolhive.ndjson", "toolhive"),
        ("formats/mcpproxy_go.ndjson", "mcpproxy_go"),
        ("formats/codex_rollout.ndjson", "codex_rollout"),
        ("formats/mcpsnoop.ndjson", "mcpsnoop"),
        ("formats/claude_code_log.jsonl", "claude_code_log"),
        ("formats/cursor_log.log", "cursor_log"),
        ("formats/kong.ndjson", "kong"),
        ("formats/envoy_ai_gateway.ndjson", "envoy_ai_gateway"),
        ("formats/agentgateway.log", "agentgateway"),
        ("formats/gh_aw_mcpg.ndjson", "gh_aw_mcpg"),
        (
            "formats/mcpServer.mcp.config.usrlocal.vscode_log.log",
            "vscode_log",
        ),
    ];
    for (file, name) in captures {
        let home = Home::new();
        home.record(&[&capture(file)]);
        // Rows come in the order of their times, those of a log are stored once they are answered.
        let mut rows = home.rows(&[]);
        rows.sort_by_key(|row| row["seq"].as_i64());
        compare(&rows, name);
    }
}

#[test]
fn sessions_of_0_4_are_those_of_its_own_store() {
    let home = Home::new();
    home.record(&[&capture("mcpr-0.4.64/cloud.ndjson")]);
    let listed = super::program::json_lines(&home.succeed(&["sessions", "--json", "--all"]));
    let own = rusqlite::Connection::open_with_flags(
        format!(
            "file:{}?immutable=1",
            capture("mcpr-0.4.64/store.db").display()
        ),
        rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_URI,
    )
    .unwrap();
    let mut statement = own
        .prepare(
            "SELECT s.session_id, s.proxy, s.client_name, s.client_version, s.client_platform,
                    s.started_at, s.ended_at, s.total_errors,
                    (SELECT count(*) FROM requests r WHERE r.session_id = s.session_id
                     AND r.method NOT IN ('GET', 'POST', 'DELETE', 'SSE'))
             FROM sessions s ORDER BY s.started_at",
        )
        .unwrap();
    let stored: Vec<Value> = statement
        .query_map([], |row| {
            let text = |index| row.get::<_, Option<String>>(index);
            let number = |index| row.get::<_, Option<i64>>(index);
            Ok(serde_json::json!({
                "session_id": text(0)?, "inferred": false, "proxy": text(1)?,
                "client_name": text(2)?, "client_version": text(3)?, "client_platform": text(4)?,
                "started_at": number(5)?, "ended_at": number(6)?,
                "total_errors": number(7)?, "total_calls": number(8)?,
            }))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(listed.len(), stored.len());
    for (mut listed, stored) in listed.into_iter().zip(stored) {
        let keys = listed.as_object_mut().unwrap();
        for ours in ["active", "started", "last_seen", "ended"] {
            keys.remove(ours);
        }
        // That store knows of no conversation.
        assert_eq!(keys.remove("conversation"), Some(Value::Null));
        // Nor of anything that is still in flight.
        assert_eq!(keys.remove("in_flight"), Some(Value::from(0)));
        // The proxy takes the session's last row of any kind; so do we, and both agree on order.
        assert!(keys.remove("last_seen_at").unwrap().as_i64() >= stored["started_at"].as_i64());
        assert_eq!(listed, stored);
    }
}

#[test]
fn callers_of_0_5_are_known_from_their_sessions() {
    let home = Home::new();
    home.record(&[&capture("mcpr-0.5.44/weather.stderr.log")]);
    for row in home
        .rows(&[])
        .into_iter()
        .filter(|row| row["kind"] == "mcp")
    {
        assert!(row["client_name"].is_string(), "{row}");
    }
}
