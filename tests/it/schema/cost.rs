//! What long reports cost: none is held as a whole, whatever its format.

use super::super::program::Home;
use super::{tool, tools};
use serde_json::{Value, json};
use std::io::Read as _;
use std::process::{Child, Stdio};

/// The most memory that a process has had so far, in MiB.
fn peak_mib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.unwrap().trim().trim_end_matches("kB").trim();
    kib.parse::<u64>().unwrap() / 1024
}

/// Tools with twenty properties each, all with this default.
fn with_default(default: &str) -> Value {
    let tools_of = (0..400).map(|at| {
        let properties = (0..20).map(|p| {
            let name = format!("property_{p}");
            (name, json!({"type": "string", "default": default}))
        });
        let properties: serde_json::Map<String, Value> = properties.collect();
        let mut one = tool(&format!("tool_{at}"), &[]);
        one["inputSchema"]["properties"] = Value::Object(properties);
        one
    });
    tools(&tools_of.collect::<Vec<_>>())
}

/// So much is read while the process is asked for its memory; as much follows.
const HALF: usize = 400 << 10;

#[test]
fn a_report_of_thousands_of_findings_is_never_held_as_a_whole() {
    let home = Home::new();
    home.write("old.json", with_default("a").to_string());
    home.write("new.json", with_default("b").to_string());
    for format in ["text", "json", "ndjson", "sarif", "github", "junit"] {
        let words = ["schema", "diff", "old.json", "new.json", "--format", format];
        let mut command = home.command(&words);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (mut piece, mut bytes, mut peak) = ([0; 1024], 0, 0);
        loop {
            // As long as more is to come than a pipe holds, the process lives and can be asked.
            if bytes < HALF {
                peak = peak_mib(&child);
            }
            match output.read(&mut piece).unwrap() {
                0 => break,
                count => bytes += count,
            }
        }
        child.wait().unwrap();
        assert!(bytes > 2 * HALF, "{format}: {bytes} bytes");
        // The program alone takes most of that; with all of the text held it was 60, and 210 as SARIF.
        assert!(peak < 44, "{format}: {peak} MiB");
    }
}
