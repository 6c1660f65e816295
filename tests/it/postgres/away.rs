//! A server that is away for long: nothing is lost, and memory has a bound.

use super::super::kill::line;
use super::super::program::{Home, signal, until};
use super::{append, assert_has_all, start_reporting};
use mcpr_store_postgres::test_server::TestServer;
use rustix::process::Signal;
use std::fs;
use std::path::PathBuf;
use std::process::Child;

/// Most memory that a recorder or `forward` ever takes here, in KiB: nearly all of it is the program.
const MOST_KIB: u64 = 200 << 10;
/// Lines that come meanwhile: four times as many as the queue of a recorder holds.
const LINES: u64 = 40_000;

/// The most memory that a process ever had.
fn peak_kib(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// How many requests a store on a server holds by now.
fn count(home: &Home, db: &str) -> u64 {
    let stats = home.run(&["store", "stats", "--json", "--db", db]).out;
    let stats = serde_json::from_str::<serde_json::Value>(&stats).ok();
    stats.map_or(0, |stats| stats["requests"].as_u64().unwrap())
}

/// A home with a log, and a server with a database.
fn begun() -> Option<(Home, PathBuf, TestServer, String)> {
    let server = TestServer::start(&[])?;
    server.execute("CREATE DATABASE d");
    let (home, db) = (Home::new(), server.text("d"));
    let log = home.write("proxy.log", (0..10).map(line).collect::<String>());
    Some((home, log, server, db))
}

/// Starts the server of something that was without it; then everything gets there, and memory had a bound.
fn comes_back(home: &Home, db: &str, server: &mut TestServer, mut child: Child) {
    assert!(child.try_wait().unwrap().is_none(), "it has ended");
    server.start_again();
    until("everything is there", || count(home, db) == LINES);
    let peak = peak_kib(&child);
    assert!(peak < MOST_KIB, "{peak} KiB");
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_has_all(home, db, LINES);
}

#[test]
fn a_recorder_whose_server_is_away_keeps_everything_in_its_files() {
    let Some((home, log, mut server, db)) = begun() else {
        return;
    };
    let words = ["record", "--db", &db, log.to_str().unwrap()];
    let child = start_reporting(&home, &words, "stderr");
    until("the first rows are there", || count(&home, &db) == 10);
    server.kill();
    append(&log, 10..LINES);
    let messages = || fs::read_to_string(home.path("stderr")).unwrap();
    // It is reported at once and again after ten seconds, in which it was tried a score of times.
    until("it goes on failing", || {
        messages().matches("failing for").count() > 1
    });
    comes_back(&home, &db, &mut server, child);
}

#[test]
fn a_store_is_the_buffer_of_forward_while_its_server_is_away() {
    let Some((home, log, mut server, db)) = begun() else {
        return;
    };
    home.record(&[&log]);
    let child = start_reporting(&home, &["forward", "--to", &db], "stderr");
    until("the first rows are there", || count(&home, &db) == 10);
    server.kill();
    append(&log, 10..LINES);
    home.record(&[&log]);
    let messages = || fs::read_to_string(home.path("stderr")).unwrap();
    until("the failure is reported", || {
        messages().contains("tried again")
    });
    let behind = home.succeed(&["store", "stats", "--json"]);
    let behind: serde_json::Value = serde_json::from_str(&behind).unwrap();
    assert_eq!(behind["targets"][0]["behind_rows"], LINES - 10, "{behind}");
    comes_back(&home, &db, &mut server, child);
}
