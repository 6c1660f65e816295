//! A server that is run for a client of 2026-07-28, whose requests say no session: the tap's run is a connection.

use super::flight::pending;
use super::program::{Home, json_lines, until};
use super::tap::{ANSWERS, Tap};
use serde_json::{Value, json};

/// A request of such a client.
fn request(id: u64, method: &str, more: &Value) -> String {
    let client = json!({"name": "modern", "version": "1"});
    let mut params = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": client,
    }});
    let more = more.as_object().unwrap().clone();
    params.as_object_mut().unwrap().extend(more);
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string() + "\n"
}

fn call(id: u64, tool: &str) -> String {
    request(id, "tools/call", &json!({"name": tool}))
}

fn sessions(home: &Home) -> Vec<Value> {
    json_lines(&home.succeed(&["sessions", "--all", "--json"]))
}

fn session(home: &Home, id: &str) -> Value {
    serde_json::from_str(&home.succeed(&["session", id, "--json"])).unwrap()
}

#[test]
fn two_connections_of_one_client_are_one_inferred_session_and_no_sessions() {
    let home = Home::new();
    for id in 1..=2 {
        let mut tap = Tap::start(&home, &["--name", "p"], ANSWERS);
        tap.send(call(id, "t").as_bytes());
        drop(tap.end());
    }
    let rows = home.rows(&[]);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["session_id"].is_null()));
    assert_eq!(rows[0]["session"], rows[1]["session"]);
    let all = sessions(&home);
    let inferred: Vec<&Value> = all.iter().filter(|it| it["inferred"] == true).collect();
    let [one] = &inferred[..] else {
        panic!("{all:#?}");
    };
    assert_eq!(
        (&one["total_calls"], &one["client_name"]),
        (&json!(2), &json!("modern"))
    );
    assert_eq!(all.len(), 3, "each run is kept beside it");
    // What has no calls of its own is not listed, and pushes nothing out.
    assert_eq!(json_lines(&home.succeed(&["sessions", "--json"])).len(), 1);
    let document = session(&home, one["session_id"].as_str().unwrap());
    let connections = document["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 2, "{document:#}");
    assert!(document["server"].is_null(), "which of them is not known");
    assert_eq!(document["requests"].as_array().unwrap().len(), 2);
    let run = connections[0]["session_id"].as_str().unwrap();
    assert_eq!(session(&home, run)["server"]["protocol"], "2026-07-28");
    let text = home.succeed(&["session", run]);
    assert!(
        text.contains("a connection: its requests say no session"),
        "{text}"
    );
    let text = home.succeed(&["session", one["session_id"].as_str().unwrap()]);
    assert_eq!(text.matches("\nconnection ").count(), 2, "{text}");
}

#[test]
fn a_client_of_both_eras_has_a_session_for_what_knows_sessions_alone() {
    let home = Home::new();
    let mut tap = Tap::start(&home, &["--name", "p"], ANSWERS);
    let old = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "clientInfo": {"name": "old", "version": "1"}}});
    tap.send(format!("{old}\n{}", call(2, "t")).as_bytes());
    drop(tap.end());
    let rows = home.rows(&[]);
    let of = |method: &str| rows.iter().find(|row| row["method"] == method).unwrap();
    assert!(of("initialize")["session_id"].is_string());
    assert!(of("tools/call")["session_id"].is_null());
    assert_ne!(of("initialize")["session"], of("tools/call")["session"]);
    assert_eq!(of("tools/call")["client_name"], "modern");
}

#[test]
fn why_a_server_died_is_found_by_its_only_connection() {
    let home = Home::new();
    let script = "read -r line; echo \"Error: Cannot find module 'foo'\" >&2; exit 1";
    let mut tap = Tap::start(&home, &["--name", "p"], script);
    tap.send(call(1, "t").as_bytes());
    let held = tap.0.stdin.take();
    drop(tap.end());
    drop(held);
    let rows = home.rows(&[]);
    assert_eq!(rows[0]["error_kind"], "died", "{rows:#?}");
    let shown = home.succeed(&["show", "-1"]);
    assert!(shown.contains("Cannot find module"), "{shown}");
    let document = session(&home, rows[0]["session"].as_str().unwrap());
    assert_eq!(document["server"]["exit_code"], 1, "{document:#}");
}

#[test]
fn a_subscription_is_open_for_as_long_as_it_is_and_no_call() {
    let home = Home::new();
    // A stream is acknowledged, and answered by nothing.
    let script = r#"while IFS= read -r line; do case $line in
        *subscriptions/listen*) echo '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}';;
        *'"method":"tools/call"'*) echo '{"jsonrpc":"2.0","id":2,"result":{"content":[]}}';; esac
    done"#;
    let mut tap = Tap::start(&home, &["--name", "p"], script);
    let subscribe = request(1, "subscriptions/listen", &json!({}));
    tap.send(format!("{subscribe}{}", call(2, "t")).as_bytes());
    until("the stream is open", || {
        home.store().exists() && !pending(&home).is_empty() && home.rows_or_none().len() == 1
    });
    let open = pending(&home);
    assert_eq!(
        (&open[0]["method"], &open[0]["status"]),
        (&json!("subscriptions/listen"), &json!("open"))
    );
    let listed = home.succeed(&["logs"]);
    assert!(listed.contains("▸ open"), "{listed}");
    let id = home.rows(&[])[0]["session"].as_str().unwrap().to_owned();
    let shown = home.succeed(&["session", &id]);
    assert!(
        shown.contains("▸ open") && !shown.contains("in flight"),
        "{shown}"
    );
    assert_eq!(shown.matches("\nconnection ").count(), 1, "{shown}");
    // Nobody waits for it: it hangs in no list of what hangs.
    let waiting = home.run(&["logs", "--status", "pending", "--json"]);
    assert_eq!(waiting.out, "", "{waiting:?}");
    let all = sessions(&home);
    assert!(all.iter().all(|it| it["in_flight"] == 0), "{all:#?}");
    let report = home.succeed(&["report", "--format", "md"]);
    assert!(!report.contains("in flight"), "{report}");
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    tap.send(format!("{cancel}\n").as_bytes());
    until("the stream is over", || pending(&home).is_empty());
    drop(tap.end());
    let methods: Vec<Value> = home
        .rows(&[])
        .iter()
        .map(|row| row["method"].clone())
        .collect();
    assert_eq!(methods, ["tools/call"], "a stream is not a row");
    home.succeed(&["store", "verify", "--full"]);
}

#[test]
fn what_a_killed_tap_had_open_is_no_timeout() {
    let home = Home::new();
    let mut tap = Tap::start(&home, &["--name", "p"], "cat >/dev/null");
    tap.send(request(1, "subscriptions/listen", &json!({})).as_bytes());
    until("the stream is open", || {
        home.store().exists() && !pending(&home).is_empty()
    });
    tap.0.kill().unwrap();
    tap.0.wait().unwrap();
    drop(Tap::start(&home, &["--name", "q"], "cat >/dev/null").end());
    assert_eq!(home.rows(&["--pending"]), [Value::Null; 0]);
    home.succeed(&["store", "verify", "--full"]);
}
