//! Official clients and real servers at URLs, with the tap between them and without it: the client sees the
//! same, and the rows are what it did.

use super::packages::{Packages, tapped};
use super::program::{Home, json_lines, signal};
use super::remote;
use super::scenario::{done, recorded};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

/// A running tap, and the URL that it has printed.
struct UrlTap {
    child: Child,
    err: BufReader<ChildStderr>,
    url: String,
}

impl UrlTap {
    fn start(home: &Home, url: &str) -> Self {
        Self::start_with(home, url, &[])
    }

    fn start_with(home: &Home, url: &str, more: &[&str]) -> Self {
        let arguments = [&["tap", "--url", url, "--name", "server"], more].concat();
        let mut command = home.command(&arguments);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        err.read_line(&mut line).unwrap();
        let url = line.split(' ').find(|word| word.starts_with("http://"));
        let url = url.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, err, url }
    }

    fn end(mut self) {
        signal(&self.child, Signal::TERM);
        let mut printed = String::new();
        self.err.read_to_string(&mut printed).unwrap();
        assert_eq!(printed, "", "what the tap printed");
        assert!(self.child.wait().unwrap().success());
    }
}

/// Runs a client; gives what it says it did.
fn drive(command: &mut Command) -> Value {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {err}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn node(packages: &Packages, what: &str, server: &[&str]) -> Value {
    drive(
        Command::new("node")
            .args([&*packages.client(), what, "--"])
            .args(server),
    )
}

pub(crate) fn everything(packages: &Packages) {
    show(packages, "streamableHttp", "mcp");
}

pub(crate) fn older_pair(packages: &Packages) {
    show(packages, "sse", "sse");
}

fn show(packages: &Packages, transport: &str, path: &str) {
    let (_server, port) = remote::everything(packages, transport);
    let url = format!("http://127.0.0.1:{port}/{path}");
    let alone = node(packages, "everything", &[&url]);
    let home = Home::new();
    let tap = UrlTap::start(&home, &url);
    let through = node(packages, "everything", &[&tap.url]);
    tap.end();
    assert_eq!(through, alone, "the client has noticed the tap");
    let mut did: Vec<String> = through["did"]
        .as_array()
        .unwrap()
        .iter()
        .map(done)
        .collect();
    let rows = home.rows(&[]);
    let mut described: Vec<String> = rows.iter().map(recorded).collect();
    did.sort();
    described.sort();
    assert_eq!(described, did, "{transport}");
    let sessions: Vec<_> = rows.iter().map(|row| &row["session_id"]).collect();
    assert!(
        sessions
            .iter()
            .all(|id| id.is_string() && *id == sessions[0]),
        "{sessions:?}"
    );
    let client = &through["client"]["name"];
    assert!(
        rows.iter().all(|row| row["client_name"] == *client),
        "{transport}"
    );
    println!("     {transport}: {} requests", rows.len());
}

pub(crate) fn python(packages: &Packages) {
    for (era, mode, probes) in [
        ("both", "auto", 1),
        ("both", "legacy", 1),
        ("modern", "auto", 1),
        // The other server that people write in Python.
        ("fastmcp", "auto", 1),
        ("fastmcp", "legacy", 1),
    ] {
        let (_server, port) = remote::python(packages, era);
        let url = format!("http://127.0.0.1:{port}/mcp");
        let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/client.py");
        let run = |url: &str| drive(Command::new(packages.python()).args([client, mode, url]));
        let alone = run(&url);
        let home = Home::new();
        let tap = UrlTap::start(&home, &url);
        let through = run(&tap.url);
        tap.end();
        assert_eq!(
            through, alone,
            "{era} {mode}: the client has noticed the tap"
        );
        let rows = home.rows(&[]);
        // The one that opens the session, or asks what the server is.
        let count = through.as_array().unwrap().len() + probes;
        let methods: Vec<_> = rows
            .iter()
            .map(|row| row["method"].as_str().unwrap())
            .collect();
        assert!(rows.len() >= count, "{era} {mode}: {methods:?}");
        assert!(
            rows.iter()
                .all(|row| row["client_name"] == "mcpr-test-python"),
            "{rows:?}"
        );
        let failed = rows.iter().filter(|row| row["status"] != "ok").count();
        assert!(failed >= 4, "{era} {mode}: {failed} of {methods:?}");
        if era != "fastmcp" {
            asked_once(&home, mode);
        }
        println!("     python {era} {mode}: {} requests", rows.len());
    }
}

/// A call that asks a person is one operation: of two requests where the protocol has no sessions, else with a request
/// of the server within it.
fn asked_once(home: &Home, mode: &str) {
    let rows = home.rows(&["--tool", "order"]);
    let lines = json_lines(&home.succeed(&["stats", "--json", "--tool", "order", "--operations"]));
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    let requests = if mode == "legacy" { 1 } else { 2 };
    assert_eq!(
        (rows.len(), line["operations"].as_u64()),
        (requests, Some(1))
    );
    if mode == "legacy" {
        let asked = home.rows(&["--method", "elicitation/create"]);
        assert_eq!(asked.len(), 1, "{asked:?}");
        return;
    }
    let waited = line["waiting_us"].as_i64().unwrap();
    assert!(waited >= 100_000, "the person took a moment: {line}");
    let last = rows[1]["seq"].to_string();
    let shown: Value = serde_json::from_str(&home.succeed(&["show", &last, "--json"])).unwrap();
    let parts = shown["operation"]["seqs"].as_array().map(Vec::len);
    assert_eq!(parts, Some(2), "{shown}");
}

/// A call that becomes a task is one operation with its polls, over a pipe and at a URL.
pub(crate) fn task(packages: &Packages) {
    let home = Home::new();
    let server = packages.everything();
    let command = tapped("piped", &server.command);
    let mut node_in_home = Command::new("node");
    let piped = drive(
        node_in_home
            .args([&*packages.client(), "task", "--"])
            .args(&command)
            .env("HOME", home.path(""))
            .env_remove("MCPR_DB"),
    );
    let (_server, port) = remote::everything(packages, "streamableHttp");
    let tap = UrlTap::start(&home, &format!("http://127.0.0.1:{port}/mcp"));
    let at_url = node(packages, "task", &[&tap.url]);
    tap.end();
    for (proxy, printed) in [("piped", piped), ("server", at_url)] {
        let seen = printed["seen"].as_array().unwrap();
        assert_eq!(seen.last().unwrap(), "result", "{proxy}: {printed}");
        let stats = |more: &[&str]| {
            let all = [&["stats", "--json", "-p", proxy, "--by", "method"], more].concat();
            json_lines(&home.succeed(&all))
        };
        let sums = stats(&["--operations"]);
        let line = sums.iter().find(|line| line["method"] == "tools/call");
        let line = line.unwrap_or_else(|| panic!("{proxy}: {sums:?}"));
        let figures = ["calls", "operations", "operations_open"].map(|name| line[name].as_u64());
        assert_eq!(figures, [Some(1), Some(1), Some(0)], "{proxy}: {line}");
        let is_poll = |line: &Value| line["method"].as_str().unwrap().starts_with("tasks/");
        assert!(!sums.iter().any(is_poll), "{proxy}: {sums:?}");
        let polls = home.rows(&["-p", proxy, "--method", "tasks/*"]);
        let last = polls.last().unwrap()["seq"].to_string();
        let shown: Value = serde_json::from_str(&home.succeed(&["show", &last, "--json"])).unwrap();
        let parts = shown["operation"]["seqs"].as_array().unwrap().len();
        assert_eq!(parts, polls.len() + 1, "{proxy}: {shown}");
        println!("     {proxy}: one task of {parts} requests");
    }
}

/// A server that prefers HTTP/2 is asked by that, whatever its client speaks.
pub(crate) fn http_2(_: &Packages) {
    let file = |name: &str| format!("{}/tests/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut serving = Command::new("node");
    serving.args(["sdk/h2.mjs", "data/tls/server.pem", "data/tls/server.key"].map(file));
    let (_server, port) = remote::serving(serving);
    let home = Home::new();
    let url = format!("https://localhost:{port}/mcp");
    let tap = UrlTap::start_with(&home, &url, &["--ca", &file("data/tls/ca.pem")]);
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#;
    let script = "fetch(process.argv[1], { method: 'POST', body: process.argv[2] })
        .then((answer) => answer.text()).then((text) => console.log(JSON.stringify(text)))";
    let described = drive(Command::new("node").args(["-e", script, &tap.url, call]));
    tap.end();
    let text = described.as_str().unwrap();
    assert!(
        text.contains("HTTP 2.0") && text.matches("data: ").count() == 2,
        "{text}"
    );
    let rows = home.rows(&[]);
    assert_eq!(
        (rows.len(), rows[0]["http_status"].as_u64()),
        (1, Some(200)),
        "{rows:?}"
    );
}
