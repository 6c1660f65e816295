//! A fixed scenario of the SDK's client, with and without the tap: the same bytes in both directions,
//! and rows that are what the client did.

use super::packages::{Packages, Server, tapped};
use super::program::{Home, json_lines};
use super::shim::{Passed, before};
use serde_json::Value;
use std::process::Stdio;

/// The session of Claude Code that the client says it belongs to.
const CONVERSATION: &str = "0c6f3c3e-6f0b-4a53-9d5c-2f3f5f0e7a11";

pub(crate) fn everything(packages: &Packages) {
    show(packages, &packages.everything());
}

pub(crate) fn time(packages: &Packages) {
    show(packages, &packages.time());
}

fn show(packages: &Packages, server: &Server) {
    let home = Home::new();
    let [direct, outside, inside] = ["direct", "outside", "inside"].map(|name| home.path(name));
    let alone = drive(packages, &home, server, &before(&direct, &server.command));
    let behind = tapped(server.name, &before(&inside, &server.command));
    let through = drive(packages, &home, server, &before(&outside, &behind));
    assert_eq!(through, alone, "the client has noticed the tap");

    let [direct, outside, inside] = [direct, outside, inside].map(|at| Passed::read(&at));
    assert!(outside == inside, "{}: the tap changed bytes", server.name);
    // What a server says of the time is another thing a second later.
    if server.is_steady {
        assert!(direct == outside, "{}: other bytes passed", server.name);
    } else {
        assert!(direct.to_server == outside.to_server, "{}", server.name);
        let lines = |passed: &Passed| passed.to_client.split(|&byte| byte == b'\n').count();
        assert_eq!(lines(&direct), lines(&outside), "{}", server.name);
    }
    rows_are_what_was_done(&home, server, &through);
    let requests = requests(&outside.to_server) + requests(&outside.to_client);
    assert_eq!(home.rows(&[]).len(), requests, "requests in the bytes");
    println!(
        "     {}: {} requests, {} bytes to the server, {} bytes to the client",
        server.name,
        requests,
        outside.to_server.len(),
        outside.to_client.len()
    );
}

/// Runs the client with a server's command; gives what it says it did.
fn drive(packages: &Packages, home: &Home, server: &Server, command: &[String]) -> Value {
    let client = packages.client();
    let output = std::process::Command::new("node")
        .args([&*client, server.name, "--"])
        .args(command)
        .env("HOME", home.path(""))
        .env_remove("MCPR_DB")
        .env("CLAUDE_CODE_SESSION_ID", CONVERSATION)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {err}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The requests in what passed one way, recognised by their two members alone.
fn requests(bytes: &[u8]) -> usize {
    let messages = json_lines(std::str::from_utf8(bytes).unwrap());
    messages
        .iter()
        .filter(|message| message["method"].is_string() && !message["id"].is_null())
        .count()
}

/// What the client reported about a request, and what a row says of it, in the same words.
fn rows_are_what_was_done(home: &Home, server: &Server, account: &Value) {
    let mut done: Vec<String> = account["did"]
        .as_array()
        .unwrap()
        .iter()
        .map(done)
        .collect();
    let rows = home.rows(&[]);
    let mut recorded: Vec<String> = rows.iter().map(recorded).collect();
    // Answers come in any order, and rows with them.
    done.sort();
    recorded.sort();
    assert_eq!(recorded, done, "{}", server.name);
    let failed = done.iter().filter(|line| !line.contains(" ok ")).count();
    assert!(failed >= 3, "the scenario is tame: {done:?}");

    let sessions = json_lines(&home.succeed(&["sessions", "--json"]));
    let [session] = &sessions[..] else {
        panic!("one session a run: {sessions:?}");
    };
    let client = &account["client"];
    assert_eq!(session["proxy"], server.name);
    assert_eq!(session["client_name"], client["name"]);
    assert_eq!(session["client_version"], client["version"]);
    assert_eq!(session["total_calls"], done.len());
    assert_eq!(session["total_errors"], failed);
    assert_eq!(session["conversation"], CONVERSATION);
    assert!(session["ended_at"].is_i64(), "{session}");
    let id = session["session_id"].as_str().unwrap();
    let one: Value = serde_json::from_str(&home.succeed(&["session", id, "--json"])).unwrap();
    assert_eq!(one["requests"].as_array().unwrap().len(), done.len());
}

pub(crate) fn done(entry: &Value) -> String {
    let word = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
    ["from", "method", "target", "outcome", "code"]
        .map(word)
        .join(" ")
}

pub(crate) fn recorded(row: &Value) -> String {
    let word = |key: &str| row[key].as_str();
    let is_of_server = word("request_id").is_some_and(|id| id.starts_with("server:"));
    let from = if is_of_server { "server" } else { "client" };
    let target = word("tool")
        .or(word("resource_uri"))
        .or(word("prompt_name"));
    let outcome = match row["status"].as_str() {
        Some("ok") => "ok",
        _ => word("error_kind").unwrap_or("-"),
    };
    let words = [Some(from), word("method"), target, Some(outcome)];
    let mut words = words.map(|it| it.unwrap_or("-")).to_vec();
    words.push(word("error_code").unwrap_or("-"));
    words.join(" ")
}
