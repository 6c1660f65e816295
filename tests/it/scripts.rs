//! Shell scripts over the built program: real work with `--json` and `jq`, and the examples of docs/json.md.
#![expect(
    clippy::print_stderr,
    reason = "a test that needs jq says when there is none"
)]

use super::program::{Home, capture};
use std::path::Path;
use std::process::{Command, Output};

/// Runs a command line of bash with the built program on the PATH and a store of three captures.
/// `None` where there is no jq: then the run says so, and CI, which installs it, does it.
fn run(script: &str) -> Option<Output> {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !has("jq") || !has("bash") {
        eprintln!("SKIPPED: no bash or no jq on this machine");
        return None;
    }
    let home = Home::new();
    home.record(&[
        &capture("mcpr-0.4.64/proxy.log"),
        &capture("mcpr-0.5.44/everything.stderr.log"),
        &capture("mcpr-0.5.44/weather.stderr.log"),
    ]);
    let program = Path::new(env!("CARGO_BIN_EXE_mcpr")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let paths = std::iter::once(program.to_owned()).chain(std::env::split_paths(&path));
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .env_clear()
        .env("PATH", std::env::join_paths(paths).unwrap())
        .env("HOME", home.path(""))
        .env("TZ", "UTC")
        .current_dir(home.path(""))
        .output()
        .unwrap();
    Some(output)
}

fn check(script: &str, says: &str) {
    if let Some(output) = run(script) {
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{text}{errors}");
        assert!(text.contains(says), "{text}{errors}");
    }
}

#[test]
fn a_report_gets_the_same_figures_in_two_ways() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/report.sh");
    check(script.to_str().unwrap(), "client    claude-desktop 1.2.0");
}

#[test]
fn the_examples_for_scripts_run() {
    let page = include_str!("../../docs/json.md");
    let (_, block) = page.split_once("```sh\n").unwrap();
    let (examples, _) = block.split_once("```").unwrap();
    assert!(examples.contains("jq"), "{examples}");
    check(examples, "\"slowest\"");
}
