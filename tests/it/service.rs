//! The units: as systemd reads them, and what a recorder that runs as one says and heeds.
#![expect(
    clippy::print_stderr,
    reason = "a test that needs systemd-analyze says when there is none"
)]

use super::program::{Home, signal, until};
use rustix::process::Signal;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// Whether systemd's own reader of units is there; in CI it has to be.
fn has_systemd() -> bool {
    let found = Command::new("systemd-analyze").arg("--version").output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "systemd-analyze is missing"
    );
    eprintln!("SKIPPED: systemd-analyze is not there");
    false
}

#[test]
fn units_are_as_systemd_wants_them() {
    if !has_systemd() {
        return;
    }
    let home = Home::new();
    for (kind, manager) in [("systemd", "--user"), ("systemd-system", "--system")] {
        let arguments = [
            "service",
            "print",
            kind,
            "--",
            "/var/log/my logs/100%/$x*.log",
            "--from",
            "end",
        ];
        let unit = home.write("mcpr.service", home.succeed(&arguments));
        let output = Command::new("systemd-analyze")
            .args(["verify", manager, "--man=no"])
            .arg(&unit)
            .env("XDG_RUNTIME_DIR", home.path(""))
            .output()
            .unwrap();
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && messages.is_empty(),
            "{kind}: {messages}"
        );
    }
    let unit = home.write(
        "mcpr.service",
        home.succeed(&["service", "print", "systemd-system"]),
    );
    // Tenths of a point: 10 of 10 is a service without any bounds.
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&unit)
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{messages}");
}

#[test]
fn units_that_send_on_are_as_systemd_wants_them() {
    let home = Home::new();
    let print = |kind: &str| {
        let to = ["--forward", "--", "--to", "otlp+http://collector:4318"];
        home.succeed(&[&["service", "print", kind], &to[..]].concat())
    };
    for kind in ["systemd", "systemd-system", "launchd"] {
        let unit = print(kind);
        assert!(unit.contains("otlp+http://collector:4318"), "{unit}");
        assert!(!unit.contains("8787"), "{unit}");
        let ran = home.run(&["service", "print", kind, "--forward"]);
        assert_eq!(ran.code, Some(2), "a unit without a target: {ran:?}");
    }
    if !has_systemd() {
        return;
    }
    for (kind, manager) in [("systemd", "--user"), ("systemd-system", "--system")] {
        let unit = home.write("mcpr-forward.service", print(kind));
        let output = Command::new("systemd-analyze")
            .args(["verify", manager, "--man=no"])
            .arg(&unit)
            .env("XDG_RUNTIME_DIR", home.path(""))
            .output()
            .unwrap();
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && messages.is_empty(),
            "{kind}: {messages}"
        );
    }
}

#[test]
fn an_agent_is_xml_that_names_the_program() {
    let home = Home::new();
    let agent = home.succeed(&["service", "print", "launchd", "--", "a&b.log"]);
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..Default::default()
    };
    let parsed = roxmltree::Document::parse_with_options(&agent, options).unwrap();
    let array = parsed
        .descendants()
        .find(|node| node.has_tag_name("array"))
        .unwrap();
    let words: Vec<&str> = array
        .children()
        .filter_map(|node| node.text())
        .map(str::trim)
        .collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    assert_eq!(words, [env!("CARGO_BIN_EXE_mcpr"), "record", "a&b.log"]);
}

#[test]
fn a_recorder_says_what_it_does_and_how_far_it_is() {
    let home = Home::new();
    let source = home.write("p.log", "plain\n");
    let mut child = home
        .command(&["record", source.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let messages = Arc::new(Mutex::new(Vec::<String>::new()));
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let heard = Arc::clone(&messages);
    let reader = std::thread::spawn(move || {
        for line in lines {
            heard.lock().unwrap().push(line.unwrap());
        }
    });
    let has = |start: &str| {
        messages
            .lock()
            .unwrap()
            .iter()
            .any(|line| line.starts_with(start))
    };
    until("it says what it does", || has("keeping "));
    assert!(
        has(&format!("reading {}", source.display())) && has("storing into "),
        "{messages:?}"
    );
    assert!(
        has("keeping requests without an end, payloads without an end, 2.0G in all"),
        "{messages:?}"
    );
    signal(&child, Signal::USR1);
    until("it says how far it is", || has("so far: recorded "));
    signal(&child, Signal::HUP);
    until("it looks anew", || has("looking for the sources anew"));
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    reader.join().unwrap();
    assert!(
        has("recorded "),
        "it went on until it was asked to end: {messages:?}"
    );
}

#[test]
fn sources_of_a_unit_are_those_of_the_directory_in_which_it_was_printed() {
    let home = Home::new();
    home.write("x.log", "");
    let printed = home.succeed(&[
        "service",
        "print",
        "systemd",
        "--",
        "x.log",
        "*.err",
        "--proxy",
        "weather",
        "/var/log/y.log",
    ]);
    let here = std::fs::canonicalize(home.path("")).unwrap();
    let line = printed
        .lines()
        .find(|line| line.starts_with("ExecStart="))
        .unwrap();
    let here = here.to_str().unwrap();
    assert!(
        line.ends_with(&format!(
            " record {here}/x.log \"{here}/*.err\" --proxy weather /var/log/y.log"
        )),
        "{line}"
    );
}
