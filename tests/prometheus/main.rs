//! A real Prometheus scrapes a recorder for a minute: no scrape is refused or malformed, the rules of `contrib` hold,
//! and what it has kept equals the rows of the store. Needs Debian's package `prometheus`; where that is missing the
//! test says that it was skipped, and in CI and in `.ci/run` it fails.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a test says what it expects by panicking, and what it does by printing; its counts are small"
)]

#[path = "../it/program.rs"]
#[expect(dead_code, reason = "the other tests use more of it")]
mod program;
mod server;

use program::{Home, capture, signal};
use rustix::process::Signal;
use serde_json::Value;
use server::{Server, ask, until};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, ExitCode};

/// Good scrapes that are waited for: one per second, so that they take a minute.
const SCRAPES: f64 = 60.0;
/// The name that this test can be asked for by.
const NAME: &str = "a_prometheus_scrapes_for_a_minute";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Cargo and its users pass a name of a test to every test binary.
    let mut names = words
        .iter()
        .filter(|word| !word.starts_with('-'))
        .peekable();
    let is_asked = names.peek().is_none() || names.any(|word| NAME.contains(&**word));
    if !is_asked || words.iter().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let version = Command::new("prometheus").arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        let is_wanted = ["CI", "MCPR_TEST_PROMETHEUS"]
            .iter()
            .any(|name| std::env::var_os(name).is_some());
        let word = if is_wanted { "FAILED" } else { "SKIPPED" };
        println!("prometheus: {word}: there is no prometheus (Debian's package has it)");
        return if is_wanted {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    }
    println!("prometheus: {NAME} …");
    scrapes_for_a_minute();
    println!("prometheus: {NAME} ok");
    ExitCode::SUCCESS
}

/// A recorder that takes posts and shows metrics, killed when it is dropped.
struct Recorder {
    child: Child,
    messages: BufReader<ChildStderr>,
    posts: SocketAddr,
    metrics: SocketAddr,
}

impl Recorder {
    fn start(home: &Home, token_file: &str) -> Self {
        let mut child = home
            .command(&[
                "record",
                "--listen",
                "127.0.0.1:0",
                "--metrics",
                "127.0.0.1:0",
                "--token-file",
                token_file,
            ])
            .spawn()
            .unwrap();
        let mut messages = BufReader::new(child.stderr.take().unwrap());
        let mut address = |words: &str| -> SocketAddr {
            let mut line = String::new();
            while !line.starts_with(words) {
                line.clear();
                assert!(
                    messages.read_line(&mut line).unwrap() > 0,
                    "it never printed {words}"
                );
            }
            line.trim().split('/').nth(2).unwrap().parse().unwrap()
        };
        let (posts, metrics) = (address("listening on "), address("metrics on "));
        Self {
            child,
            messages,
            posts,
            metrics,
        }
    }

    fn post(&self, body: &str, token: &str) {
        let mut stream = TcpStream::connect(self.posts).unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.posts,
            body.len()
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn stop(mut self) {
        signal(&self.child, Signal::TERM);
        let mut messages = String::new();
        self.messages.read_to_string(&mut messages).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{messages}");
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scrapes_for_a_minute() {
    let home = Home::new();
    let token = "a-token-of-some-length";
    let token_file = home.write("token", token);
    let recorder = Recorder::start(&home, token_file.to_str().unwrap());
    let prometheus = Server::start(&home, recorder.metrics, &token_file);
    let bodies = std::fs::read_to_string(capture("mcpr-0.5.44/cloud.ndjson")).unwrap();
    for body in bodies.lines() {
        recorder.post(body, token);
    }
    recorder.post(&hostile(), token);
    let scrapes = || prometheus.number("sum_over_time(up{job=\"mcpr\"}[1h])");
    until("a minute is over", || scrapes() >= Some(SCRAPES));
    let rows = home.rows(&[]);
    let calls = assert_kept(&prometheus, &rows);
    assert_rules_hold(&prometheus);
    let refusals = prometheus.refusals();
    assert!(refusals.is_empty(), "{refusals:#?}");
    recorder.stop();
    println!("prometheus: {:?} scrapes, {calls} calls", scrapes());
}

/// What Prometheus has kept against the rows of the store; how many calls it were.
fn assert_kept(prometheus: &Server, rows: &[Value]) -> f64 {
    let calls = rows.iter().filter(|row| row["kind"] == "mcp").count() as f64;
    let durations = "mcp_server_operation_duration_seconds";
    prometheus.until_number(&format!("sum({durations}_count)"), calls);
    prometheus.until_number("sum(mcpr_stored_requests_total)", rows.len() as f64);
    for bound in [0.01, 0.1, 1.0, 300.0] {
        let within = |row: &&Value| row["latency_us"].as_f64().unwrap() <= bound * 1e6;
        let mcp = rows.iter().filter(|row| row["kind"] == "mcp");
        let expected = mcp.filter(within).count() as f64;
        // A Prometheus before 3 keeps `1` of the classic format as it is written.
        let asked = format!("sum({durations}_bucket{{le=~\"{bound}|{bound:?}\"}})");
        prometheus.until_number(&asked, expected);
    }
    let types = ask(prometheus.address, "/api/v1/metadata");
    let histogram = &types["data"][durations][0];
    assert_eq!(
        (&histogram["type"], &histogram["unit"]),
        (&"histogram".into(), &"seconds".into())
    );
    calls
}

/// Every rule was evaluated, and none failed.
fn assert_rules_hold(prometheus: &Server) {
    let rules = || -> Vec<Value> {
        let answer = ask(prometheus.address, "/api/v1/rules");
        let groups = answer["data"]["groups"].as_array().unwrap();
        groups
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap())
            .cloned()
            .collect()
    };
    until("the rules are evaluated", || {
        rules().iter().all(|rule| rule["health"] != "unknown")
    });
    let rules = rules();
    assert!(rules.len() >= 10, "{rules:?}");
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}

/// A post whose tools are named by somebody who means harm.
fn hostile() -> String {
    let tools = [
        "quote\"} 1\nmcpr_ready 0",
        "\n# EOF\n",
        "back\\slash\\",
        "ünïcode ★",
    ];
    let events: Vec<String> = (0..)
        .zip(tools)
        .map(|(number, tool): (u64, _)| {
            serde_json::json!({
                "type": "request", "id": format!("00000000-0000-4000-8000-{number:012x}"),
                "ts": 1_795_224_422_390 + number, "proxy": "p", "session_id": "s-1",
                "method": "POST", "path": "/", "mcp_method": "tools/call", "tool": tool,
                "status": 200, "latency_us": 10_000, "note": "",
            })
            .to_string()
        })
        .collect();
    format!("[{}]", events.join(","))
}
