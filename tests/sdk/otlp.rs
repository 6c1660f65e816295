//! The exporters of OpenTelemetry for Python and Node post to `mcpr record --listen`, as programs use them.

use super::packages::Packages;
use super::program::{Home, signal};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A recorder, and where it listens.
struct Recording {
    child: Child,
    endpoint: String,
}

impl Recording {
    fn start(home: &Home) -> Self {
        let mut command = home.command(&["record", "--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut printed = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("listening on ") {
            line.clear();
            assert!(
                printed.read_line(&mut line).unwrap() > 0,
                "it never listened"
            );
        }
        let endpoint = line.trim().trim_start_matches("listening on ").to_owned();
        // What it says later is not of interest, and must not stop it.
        std::thread::spawn(move || std::io::copy(&mut printed, &mut std::io::sink()));
        Self { child, endpoint }
    }

    fn stop(mut self) {
        signal(&self.child, Signal::TERM);
        assert!(self.child.wait().unwrap().success());
    }
}

fn run(mut command: Command) {
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.is_empty(), "{printed}");
}

/// Proxy, tool, status, and whether the client's time is around the server's.
fn described(home: &Home) -> BTreeSet<String> {
    let rows = home.rows(&[]).into_iter();
    let each = rows.map(|row| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let (whole, own) = (row["latency_us"].as_i64(), row["upstream_us"].as_i64());
        assert!(whole.is_some() && own.is_some(), "{row}");
        format!("{} {} {}", text("proxy"), text("tool"), text("status"))
    });
    each.collect()
}

/// Both sides of four operations, in either order, and each twice.
pub(crate) fn python(packages: &Packages) {
    for order in [["client", "server"], ["server", "client"]] {
        let home = Home::new();
        let recording = Recording::start(&home);
        for side in order.iter().chain(&order) {
            let mut command = Command::new(packages.python());
            command
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/otlp.py"))
                .args([&recording.endpoint, *side]);
            run(command);
        }
        recording.stop();
        let rows = home.rows(&[]).len();
        // Run twice, they report operations of other times under the same ids: those are the same ones.
        assert_eq!(rows, 4, "{order:?}: {:?}", described(&home));
        let expected = [
            "desk-server add ok",
            "desk-server echo ok",
            "desk-server fail error",
            "desk-server slow ok",
        ];
        assert_eq!(
            described(&home),
            expected.map(str::to_owned).into(),
            "{order:?}"
        );
    }
}

/// The JSON and the protobuf of Node's exporters, gzip and in pieces.
pub(crate) fn node(packages: &Packages) {
    for encoding in ["json", "proto"] {
        let home = Home::new();
        let recording = Recording::start(&home);
        // Beside the packages, where Node looks for them.
        let script = packages.script("otlp.mjs");
        let mut command = Command::new("node");
        command.arg(script).args([&recording.endpoint, encoding]);
        run(command);
        recording.stop();
        let tools: BTreeSet<String> = home
            .rows(&[])
            .iter()
            .map(|row| row["tool"].to_string())
            .collect();
        assert_eq!(
            tools,
            ["\"add\"", "\"echo\""].map(str::to_owned).into(),
            "{encoding}"
        );
    }
}
