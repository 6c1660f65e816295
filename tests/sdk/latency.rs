//! What the tap adds to the time of a call, as the SDK's client sees it. `benches/tap.rs` says more.

use super::packages::{Packages, tapped};
use super::program::Home;
use std::process::{Command, Stdio};

/// Calls of a round, one after the other.
const CALLS: usize = 400;
/// Rounds of each kind, in turn: at least so many,
const LEAST_ROUNDS: usize = 4;
/// and at most so many, where other work on the machine disturbs them.
const MOST_ROUNDS: usize = 16;
/// Most that the tap may add to the median, in microseconds.
const MOST_ADDED_US: f64 = 200.0;

pub(crate) fn added(packages: &Packages) {
    let server = packages.everything();
    let home = Home::new();
    let behind = tapped(server.name, &server.command);
    // Other work on the machine only ever makes a round slower: the quickest of each kind tells most.
    let [mut direct, mut through] = [f64::INFINITY; 2];
    let mut rounds = 0;
    while rounds < LEAST_ROUNDS || (rounds < MOST_ROUNDS && through - direct > MOST_ADDED_US) {
        direct = direct.min(median(packages, &home, &server.command));
        through = through.min(median(packages, &home, &behind));
        rounds += 1;
    }
    let added = through - direct;
    println!(
        "     median of {CALLS} calls, best of {rounds}: {direct:.0} µs directly, {through:.0} µs through \
         the tap, {added:.0} µs added"
    );
    assert!(added <= MOST_ADDED_US, "the tap adds {added:.0} µs");
}

fn median(packages: &Packages, home: &Home, command: &[String]) -> f64 {
    let calls = CALLS.to_string();
    let client = packages.client();
    let output = Command::new("node")
        .args([
            &client,
            "latency",
            &calls,
            "echo",
            r#"{"message":"hello"}"#,
            "--",
        ])
        .args(command)
        .env("HOME", home.path(""))
        .env_remove("MCPR_DB")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {err}");
    let mut took: Vec<f64> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(took.len(), CALLS);
    took.sort_by(f64::total_cmp);
    took[CALLS / 2]
}
