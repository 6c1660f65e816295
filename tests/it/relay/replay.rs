//! What official clients and servers of both eras once sent, sent again through a tap: not a byte is changed,
//! each piece passes before the next is made, and the rows are what the clients did.

use super::super::program::{Home, capture};
use super::Relay;
use super::capture::{Captured, exchanges, truth};
use super::played::{PlayedServer, Playing};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is next to happen in an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Request,
    Head,
    Chunk,
    End,
}

/// What happens, in the order in which it happened.
fn steps(all: &[Captured]) -> Vec<(i64, usize, Step)> {
    let mut steps = Vec::new();
    for (index, it) in all.iter().enumerate() {
        let mut last = it.at;
        // No step comes before the one that it needs, whatever the clocks say.
        let mut add = |us: i64, step: Step| {
            last = last.max(it.at + us);
            steps.push((last, index, step));
        };
        add(0, Step::Request);
        if let Some(answer) = &it.answer {
            add(answer.head_us, Step::Head);
            for (us, _) in &answer.chunks {
                add(*us, Step::Chunk);
            }
        }
        add(it.end_us, Step::End);
    }
    steps.sort_by_key(|&(us, index, step)| (us, index, step));
    steps
}

/// Plays a capture through a tap and gives its rows.
fn play(name: &str) -> Vec<Value> {
    let home = Home::new();
    let server = PlayedServer::start();
    let url = format!("http://{}/mcp", server.address);
    let relay = Relay::start(&home, &["--url", &url, "--name", "desk"]);
    assert!(relay.url().ends_with("/mcp"), "the path is kept");
    let mut all = exchanges(name);
    // Those are not passed on, which is shown elsewhere.
    let is_origin = |(name, _): &(String, String)| name.eq_ignore_ascii_case("origin");
    all.retain(|it| !it.headers.iter().any(is_origin));
    let mut playing: BTreeMap<usize, Playing> = BTreeMap::new();
    for (_, index, step) in steps(&all) {
        match step {
            Step::Request => {
                let begun = Playing::begin(&all[index], relay.authority(), &server);
                playing.insert(index, begun);
            }
            Step::Head => playing.get_mut(&index).unwrap().send_head(),
            Step::Chunk => playing.get_mut(&index).unwrap().send_chunk(),
            Step::End => playing.remove(&index).unwrap().end(),
        }
    }
    let messages = relay.end();
    assert_eq!(messages, "", "{name}");
    home.rows(&[])
}

/// How a row ended, in one word or two.
fn outcome_of_row(row: &Value) -> String {
    match (row["status"].as_str(), row["error_kind"].as_str()) {
        (Some("ok"), None) => "ok".to_owned(),
        (_, Some("rpc")) => format!("rpc {}", row["error_code"].as_str().unwrap_or("?")),
        (_, Some(kind)) => kind.to_owned(),
        (status, None) => panic!("{status:?} without an error"),
    }
}

/// The words that a line of the truth may have become, as a server reports the rest in its own way.
fn outcomes_of_truth(line: &Value) -> Vec<String> {
    let code = || line["code"].as_i64().unwrap().to_string();
    match line["outcome"].as_str() {
        // What a server asks says nothing of how that ended.
        None | Some("ok" | "input_required") => vec!["ok".to_owned()],
        Some("tool_error") => vec!["tool".to_owned()],
        // A client finds out like this that the server is an older one: that is not a failure.
        Some("rpc_error" | "http_error") if line["method"] == "server/discover" => {
            vec!["ok".to_owned()]
        }
        Some("rpc_error") => vec![format!("rpc {}", code())],
        // A client that gives up says so to its server; the other word is for one that is not notified.
        Some("timeout" | "cancelled") => vec!["cancelled".to_owned()],
        // What the client calls a status has an error of JSON-RPC as its body.
        Some("http_error") => vec![
            "http".to_owned(),
            "rpc -32000".to_owned(),
            "rpc -32600".to_owned(),
        ],
        Some(other) => panic!("{other}"),
    }
}

/// What distinguishes one request of a capture from the others, with its outcome.
fn key_of_truth(line: &Value) -> String {
    let id = line["id"]
        .as_str()
        .map_or_else(|| line["id"].to_string(), str::to_owned);
    let from = if line["dir"] == "s2c" { "server:" } else { "" };
    let text = |key: &str| line[key].as_str().unwrap_or("-");
    let (client, method, target) = (text("client"), text("method"), text("target"));
    format!("{client} {from}{id} {method} {target}")
}

fn key_of_row(row: &Value) -> String {
    let text = |key: &str| row[key].as_str();
    let target = ["tool", "prompt_name", "resource_uri"].map(text);
    let target = target.into_iter().flatten().next().unwrap_or("-");
    let client = text("client_name").unwrap_or("-");
    let (id, method) = (text("request_id").unwrap(), text("method").unwrap());
    format!("{client} {id} {method} {target}")
}

/// Plays a capture, and holds its rows against what the clients did.
fn rows_are_the_truth(name: &str) -> Vec<Value> {
    let rows = play(name);
    let mut left: Vec<(String, String)> = rows
        .iter()
        .map(|row| (key_of_row(row), outcome_of_row(row)))
        .collect();
    // A stream of notifications is not a call.
    let mut truth = truth(name);
    // In this version a server asks within an answer, which is not a request.
    truth.retain(|line| name != "py2-modern" || line["dir"] != "s2c");
    for line in &mut truth {
        // Who calls without saying so is known to nobody: after the session, and without an envelope.
        if ["after the session ended", "no envelope"].contains(&line["op"].as_str().unwrap_or("")) {
            let id = line["id"].to_string();
            let is_unnamed = left
                .iter()
                .any(|(key, _)| key.starts_with(&format!("- {id} ")));
            line["client"] = if is_unnamed {
                "-".into()
            } else {
                line["client"].clone()
            };
        }
    }
    let calls = truth
        .iter()
        .filter(|line| line["method"] != "subscriptions/listen");
    for line in calls {
        let (key, outcomes) = (key_of_truth(line), outcomes_of_truth(line));
        let is_servers = line["dir"] == "s2c";
        let found = left.iter().position(|(row, outcome)| {
            // Python's truth does not know the ids of what the server asks.
            let is_it = if is_servers && line["id"].is_null() {
                let (client, rest) = row.split_once(' ').unwrap();
                let (id, rest) = rest.split_once(' ').unwrap();
                id.starts_with("server:") && format!("{client} server:null {rest}") == key
            } else {
                *row == key
            };
            is_it && (is_servers || outcomes.contains(outcome))
        });
        let found = found.unwrap_or_else(|| panic!("{name}: no row for {line}, of {left:#?}"));
        left.remove(found);
    }
    // Not every client reported what its server asked, and some answer a part of it by themselves.
    let reports_all = name.starts_with("ts1");
    left.retain(|(key, _)| reports_all || !key.contains(" server:"));
    assert!(left.is_empty(), "{name}: rows of nothing: {left:#?}");
    rows
}

/// The sessions of rows, by the names of their clients.
pub(super) fn sessions(rows: &[Value]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut sessions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        if let (Some(client), Some(session)) =
            (row["client_name"].as_str(), row["session_id"].as_str())
        {
            sessions.entry(client).or_default().insert(session);
        }
    }
    sessions
}

#[test]
fn a_typescript_client_with_sessions_and_answers_that_come_five_times() {
    let rows = rows_are_the_truth("ts1-everything");
    let sessions = sessions(&rows);
    let counts: Vec<_> = sessions
        .iter()
        .map(|(client, all)| (*client, all.len()))
        .collect();
    assert_eq!(
        counts,
        [("alpha-cli", 1), ("beta-agent", 1), ("gamma-bot", 1)]
    );
    // The id itself is in no row.
    let text = serde_json::to_string(&rows).unwrap();
    assert!(!text.contains("b326c83f-ffdf-4a0a-a740-29c0ffe962c1"));
}

#[test]
fn a_stream_that_is_cut_is_taken_up_again() {
    rows_are_the_truth("ts1-everything-resume");
}

#[test]
fn a_python_client_with_sessions() {
    rows_are_the_truth("py2-legacy");
}

#[test]
fn a_python_client_without_sessions() {
    let rows = rows_are_the_truth("py2-modern");
    assert!(rows.iter().all(|row| row["session_id"].is_null()));
}

#[test]
fn a_modern_client_that_finds_an_older_server() {
    rows_are_the_truth("py2-everything-fallback");
    rows_are_the_truth("ts2-everything-fallback");
}

#[test]
fn a_server_that_keeps_no_sessions() {
    rows_are_the_truth("ts2-legacy");
}

#[test]
fn a_fastmcp_server() {
    rows_are_the_truth("fastmcp-legacy");
}

/// Odd and refused requests, by hand: nobody says what they are, and the rows are looked at.
#[test]
fn odd_requests_are_reported_as_their_servers_took_them() {
    let check = |name: &str, expected: expect_test::ExpectFile| {
        let rows = play(name);
        let lines = rows.iter().map(|row| {
            let message = row["error_msg"].as_str().unwrap_or("");
            format!("{}: {} {message}\n", key_of_row(row), outcome_of_row(row))
        });
        expected.assert_eq(&lines.collect::<Vec<_>>().concat());
    };
    let file = |name: &str| {
        let path = capture(&format!("expected/http/{name}.txt"));
        expect_test::expect_file![path]
    };
    check("edge-everything", file("edge-everything"));
    check("edge-py2", file("edge-py2"));
    check("edge-fastmcp", file("edge-fastmcp"));
}
