//! What Prometheus itself says of the metrics, the rules and the dashboard that use them.
#![expect(
    clippy::print_stderr,
    reason = "a test that needs promtool says when there is none"
)]

use super::{Client, Home, Listener, capture, reply_to, scrape, until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether Prometheus' own checker is there; in CI, and where `.ci/run` has installed it, it has to be.
pub(super) fn has_promtool() -> bool {
    let found = Command::new("promtool").arg("--version").output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    let is_wanted = ["CI", "MCPR_TEST_PROMETHEUS"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    assert!(!is_wanted, "promtool is missing");
    eprintln!("SKIPPED: promtool is not there (Debian's package prometheus has it)");
    false
}

#[test]
fn metrics_are_as_promtool_wants_them() {
    if !has_promtool() {
        return;
    }
    let home = Home::new();
    let listener = Listener::start(&home, &[]);
    let metrics = || reply_to(listener.address, "GET /metrics", "", "").body;
    metrics();
    let bodies = std::fs::read_to_string(capture("mcpr-0.5.44/cloud.ndjson")).unwrap();
    for body in bodies.lines() {
        let reply = Client::connect(listener.address).post("/", body);
        assert_eq!(reply.status, 200);
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = metrics();
    assert!(text.contains("mcp_server_operation_duration_seconds_bucket"));
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(output.status.success() && printed.is_empty(), "{printed}");
    listener.stop();
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn the_alert_rules_fire_when_they_should_and_not_else() {
    if !has_promtool() {
        return;
    }
    for arguments in [
        ["check", "rules", "contrib/prometheus/mcpr.rules.yml"],
        ["test", "rules", "tests/data/prometheus/mcpr.rules.test.yml"],
    ] {
        let output = Command::new("promtool")
            .args(arguments)
            .current_dir(root(""))
            .output()
            .unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        assert!(output.status.success(), "{arguments:?}: {printed}");
    }
}

/// The names of our metrics that stand in a text.
fn named(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c));
    let ours = |word: &&str| word.starts_with("mcp_") || word.starts_with("mcpr_");
    words
        .filter(ours)
        .filter(|word| *word != "mcp_method_name")
        .collect()
}

#[test]
fn rules_dashboard_and_docs_name_metrics_that_there_are_and_docs_name_all() {
    let home = Home::new();
    let source = home.write("p.log", "");
    let source = source.to_str().unwrap().to_owned();
    let listener = Listener::start(&home, &[&source, "--metrics", "127.0.0.1:0"]);
    // A file that is read is reported once the recorder is at it.
    let mut shown = scrape(listener.address);
    let bodies = std::fs::read_to_string(capture("mcpr-0.5.44/cloud.ndjson")).unwrap();
    for body in bodies.lines() {
        Client::connect(listener.address).post("/", body);
    }
    until("everything is shown", || {
        shown = scrape(listener.address);
        let names = shown.names();
        names.contains("mcpr_source_lag_bytes")
            && names.contains("mcp_client_operation_duration_seconds_bucket")
    });
    listener.stop();
    let mut there: BTreeSet<String> = shown.names().into_iter().map(str::to_owned).collect();
    // No session has ended.
    for end in ["server", "client"] {
        for part in ["bucket", "sum", "count"] {
            there.insert(format!("mcp_{end}_session_duration_seconds_{part}"));
        }
    }
    for path in [
        "contrib/prometheus/mcpr.rules.yml",
        "contrib/grafana/mcpr.json",
    ] {
        let text = std::fs::read_to_string(root(path)).unwrap();
        let names = named(&text);
        assert!(names.len() > 5, "{path}: {names:?}");
        let unknown: Vec<_> = names
            .iter()
            .filter(|name| !there.contains(**name))
            .collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?}");
    }
    let docs = std::fs::read_to_string(root("docs/metrics.md")).unwrap();
    let family = |name: &str| {
        let parts = ["_bucket", "_sum", "_count"];
        let part = parts.into_iter().find_map(|part| name.strip_suffix(part));
        part.unwrap_or(name).to_owned()
    };
    let there: BTreeSet<String> = there.iter().map(|name| family(name)).collect();
    let listed: BTreeSet<String> = named(&docs).into_iter().map(str::to_owned).collect();
    assert_eq!(listed, there);
}

#[test]
fn the_dashboard_is_json_whose_panels_ask_its_own_data_source() {
    let text = std::fs::read_to_string(root("contrib/grafana/mcpr.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    let mut queries = 0;
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{panel}");
            queries += 1;
        }
    }
    assert!(queries > 15, "{queries}");
}
