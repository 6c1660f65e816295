//! What the tap adds to the time of a call, as the SDK's client sees it, and how often its threads wake
//! up for that. `benches/tap.rs` says more.

use super::packages::{Packages, tapped};
use super::program::Home;
use std::collections::BTreeMap;
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
    // Other work on the machine only ever makes a round slower: the quickest of each kind shows most.
    let [mut direct, mut through] = [f64::INFINITY; 2];
    let mut rounds = 0;
    while rounds < LEAST_ROUNDS || (rounds < MOST_ROUNDS && through - direct > MOST_ADDED_US) {
        direct = direct.min(Round::of(packages, &home, &server.command).median());
        through = through.min(Round::of(packages, &home, &behind).median());
        rounds += 1;
    }
    let added = through - direct;
    println!(
        "     median of {CALLS} calls, best of {rounds}: {direct:.0} µs directly, {through:.0} µs through \
         the tap, {added:.0} µs added"
    );
    assert!(added <= MOST_ADDED_US, "the tap adds {added:.0} µs");
}

/// How long the recording thread lets copies come together before it reads them, in microseconds.
const GATHERING_US: f64 = 5_000.0;

/// What the time of a call cannot show on a machine with other work: who is woken for it.
pub(crate) fn wakes(packages: &Packages) {
    let server = packages.everything();
    let behind = tapped(server.name, &server.command);
    let round = Round::of(packages, &Home::new(), &behind);
    if round.waits.is_empty() {
        println!("     SKIPPED: this system does not count how often a thread waits");
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred calls")]
    let calls = CALLS as f64;
    let took: f64 = round.took.iter().sum();
    let [input, output, record] = ["input", "output", "record"].map(|name| round.waits(name));
    println!(
        "     {CALLS} calls in {took:.0} µs: waits of the forwarding threads {input} and {output}, of the \
         recording thread {record}"
    );
    for forwarding in [input, output] {
        // A wait for each message, and now and then one for the other thread.
        assert!(forwarding <= calls * 1.25, "{forwarding} waits");
    }
    // It waits for the first copy, for those behind it, and for the store's writer.
    let turns = took / GATHERING_US + 10.0;
    assert!(record <= 4.0 * turns, "{record} waits in {turns:.0} turns");
}

/// What a client found that called one by one.
#[derive(Debug, serde::Deserialize)]
struct Round {
    /// Microseconds of each call, sorted.
    took: Vec<f64>,
    waits: BTreeMap<String, f64>,
}

impl Round {
    fn median(&self) -> f64 {
        self.took[CALLS / 2]
    }

    /// How often the tap's thread of this name has waited.
    fn waits(&self, name: &str) -> f64 {
        let thread = format!("mcpr-tap {name}");
        // The kernel keeps 15 bytes of a thread's name.
        self.waits[&thread[..thread.len().min(15)]]
    }

    fn of(packages: &Packages, home: &Home, command: &[String]) -> Self {
        let calls = CALLS.to_string();
        let client = packages.client();
        let what = [
            &*client,
            "latency",
            &calls,
            "echo",
            r#"{"message":"hello"}"#,
            "--",
        ];
        let output = Command::new("node")
            .args(what)
            .args(command)
            .env("HOME", home.path(""))
            .env_remove("MCPR_DB")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {err}");
        let mut round: Self = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(round.took.len(), CALLS);
        round.took.sort_by(f64::total_cmp);
        round
    }
}
