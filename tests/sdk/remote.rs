//! Real servers at URLs: the reference server from npm, and one of the Python SDK, which speaks both eras.

use super::packages::Packages;
use super::program::{Home, until};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// A server that ends with its test.
pub(crate) struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the reference server at a port that was free; it chooses none by itself.
pub(crate) fn everything(packages: &Packages, transport: &str) -> (Serving, u16) {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = packages.everything();
    let child = Command::new(&server.command[0])
        .args(&server.command[1..])
        .arg(transport)
        .env("PORT", port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let serving = Serving(child);
    until("the server listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    (serving, port)
}

/// Starts the server of the Python SDK.
pub(crate) fn python(packages: &Packages, era: &str) -> (Serving, u16) {
    let mut command = Command::new(packages.python());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/server.py"));
    command.arg(era);
    serving(command)
}

/// Starts a server that prints its port.
pub(crate) fn serving(mut command: Command) -> (Serving, u16) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let output = child.stdout.take().unwrap();
    // It listens before it says where.
    BufReader::new(output).read_line(&mut line).unwrap();
    (Serving(child), line.trim().parse().unwrap())
}

/// What they show at a URL, against what they show as commands, or in the other era.
pub(crate) fn checked(packages: &Packages) {
    let home = Home::new();
    let at = |port: u16| format!("http://127.0.0.1:{port}/mcp");
    let (_server, port) = everything(packages, "streamableHttp");
    let url = at(port);
    let shown = home.succeed(&["schema", "snapshot", "--url", &url, "-o", "lock.json"]);
    assert_eq!(shown, "");
    let server = packages.everything();
    let mut words = vec!["schema", "check", "--baseline", "lock.json", "--"];
    words.extend(server.command.iter().map(String::as_str));
    let printed = home.succeed(&words);
    assert!(printed.contains("nothing changed"), "{printed}");

    let mut all = Vec::new();
    for era in ["both", "modern"] {
        let (_server, port) = python(packages, era);
        let url = at(port);
        let shown = home.succeed(&["schema", "snapshot", "--url", &url]);
        let file = home.write(&format!("{era}.json"), &shown);
        let words = [
            "schema",
            "check",
            "--url",
            &url,
            "--baseline",
            file.to_str().unwrap(),
        ];
        let printed = home.succeed(&words);
        assert!(printed.contains("nothing changed"), "{era}: {printed}");
        all.push(serde_json::from_str::<Value>(&shown).unwrap());
    }
    assert_eq!(all[0]["tools"], all[1]["tools"]);
    assert_eq!(all[0]["tools"].as_array().unwrap().len(), 3);
    // The second was asked without `initialize`.
    assert_eq!(all[0]["protocolVersion"], "2025-11-25");
    assert_eq!(all[1]["supportedVersions"][0], "2026-07-28");
    let ran = home.run(&["schema", "diff", "both.json", "modern.json"]);
    assert!(!ran.out.contains("tool "), "{ran:?}");
}
