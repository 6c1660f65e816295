//! Official clients and real servers at URLs, with the tap between them and without it: the client sees the
//! same, and the rows are what it did.

use super::packages::Packages;
use super::program::{Home, signal};
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
        let mut command = home.command(&["tap", "--url", url, "--name", "server"]);
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
        let mut said = String::new();
        self.err.read_to_string(&mut said).unwrap();
        assert_eq!(said, "", "what the tap said");
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

fn node(packages: &Packages, url: &str) -> Value {
    drive(Command::new("node").args([&*packages.client(), "everything", "--", url]))
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
    let alone = node(packages, &url);
    let home = Home::new();
    let tap = UrlTap::start(&home, &url);
    let through = node(packages, &tap.url);
    tap.end();
    assert_eq!(through, alone, "the client has noticed the tap");
    let mut did: Vec<String> = through["did"]
        .as_array()
        .unwrap()
        .iter()
        .map(done)
        .collect();
    let rows = home.rows(&[]);
    let mut told: Vec<String> = rows.iter().map(recorded).collect();
    did.sort();
    told.sort();
    assert_eq!(told, did, "{transport}");
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
        println!("     python {era} {mode}: {} requests", rows.len());
    }
}
