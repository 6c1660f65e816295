//! How a session ends with and without the tap: exit codes, signals, and a client that is killed.

use super::packages::{Packages, Server, tapped};
use super::program::{Home, json_lines, signal, until};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;

/// Killed where a test gives up on it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(home: &Home, command: &[String]) -> Running {
    let started = Command::new(&command[0])
        .args(&command[1..])
        .env("HOME", home.path(""))
        .env_remove("MCPR_DB")
        .current_dir(home.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    Running(started.unwrap())
}

/// What a shell would say of it.
fn code(status: ExitStatus) -> i32 {
    let by_signal = || 128 + status.signal().unwrap();
    status.code().unwrap_or_else(by_signal)
}

/// The end of a process, waited for with a bound.
fn ended(running: &mut Running) -> i32 {
    let mut status = None;
    until("the session ended", || {
        status = running.0.try_wait().unwrap();
        status.is_some()
    });
    code(status.unwrap())
}

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

/// Speaks the first words with a server.
fn initialize(session: &mut Running) {
    let input = session.0.stdin.as_mut().unwrap();
    input
        .write_all(format!("{INITIALIZE}\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    let mut output = BufReader::new(session.0.stdout.as_mut().unwrap());
    output.read_line(&mut answer).unwrap();
    assert!(answer.contains("serverInfo"), "{answer}");
}

/// Shows that something ends in the same way with and without the tap, and gives the exit code.
fn same_end(server: &Server, end: impl Fn(&mut Running)) -> i32 {
    let home = Home::new();
    let codes = [server.command.clone(), tapped(server.name, &server.command)].map(|command| {
        let mut session = start(&home, &command);
        end(&mut session);
        ended(&mut session)
    });
    assert_eq!(codes[0], codes[1], "{server:?}: with the tap, without");
    codes[0]
}

pub(crate) fn exit_codes(packages: &Packages) {
    let scripts = [
        ("exit 0", 0),
        ("exit 3", 3),
        ("cat > /dev/null; exit 4", 4),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -ABRT $$", 134),
    ];
    for (script, expected) in scripts {
        let server = Server {
            name: "script",
            command: shell(script),
            is_steady: true,
        };
        let code = same_end(&server, |session| drop(session.0.stdin.take()));
        assert_eq!(code, expected, "{script}");
    }
    for server in [packages.everything(), packages.time()] {
        let code = same_end(&server, |session| {
            initialize(session);
            drop(session.0.stdin.take());
        });
        assert_eq!(code, 0, "{server:?}");
    }
}

pub(crate) fn signals(packages: &Packages) {
    // Interrupted, the second one waits for the end of its input, with and without the tap.
    let cases = [
        (
            packages.everything(),
            &[Signal::TERM, Signal::HUP, Signal::INT][..],
        ),
        (packages.time(), &[Signal::TERM, Signal::HUP][..]),
    ];
    let mut codes = Vec::new();
    for (server, signals) in cases {
        for &number in signals {
            // Its input stays open: the signal is the only reason to end.
            let code = same_end(&server, |session| {
                initialize(session);
                signal(&session.0, number);
            });
            codes.push(format!("{} {} {code}", server.name, number.as_raw()));
        }
    }
    println!("     server, signal, exit code: {}", codes.join("; "));
    // The first one takes an interrupt as a wish to end well; the others nobody catches.
    let expected = [
        "everything 15 143",
        "everything 1 129",
        "everything 2 0",
        "time 15 143",
        "time 1 129",
    ];
    assert_eq!(codes, expected);
}

/// Whether a process runs; one that only waits to be buried does not.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some(Some('Z')))
}

pub(crate) fn killed_client(packages: &Packages) {
    for server in [packages.everything(), packages.time()] {
        let home = Home::new();
        let mut wrapped = shell("echo $$ > server.pid; exec \"$@\"");
        wrapped.push("sh".to_owned());
        wrapped.extend(server.command.iter().cloned());
        let mut command = ["node", &packages.client(), "stay", "--"]
            .map(str::to_owned)
            .to_vec();
        command.extend(tapped(server.name, &wrapped));
        let mut client = start(&home, &command);
        let mut printed = String::new();
        let mut output = BufReader::new(client.0.stdout.as_mut().unwrap());
        output.read_line(&mut printed).unwrap();
        let printed: Value = serde_json::from_str(&printed).unwrap();
        let tap = printed["pid"].to_string();
        let inner = fs::read_to_string(home.path("server.pid")).unwrap();
        assert!(runs(&tap) && runs(&inner) && tap != inner.trim());
        client.0.kill().unwrap();
        client.0.wait().unwrap();
        until("nobody is left", || !runs(&tap) && !runs(&inner));
        let rows = home.rows(&[]);
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0]["status"], "ok");
        let sessions = json_lines(&home.succeed(&["sessions", "--json"]));
        assert!(sessions[0]["ended_at"].is_i64(), "{sessions:?}");
    }
}
