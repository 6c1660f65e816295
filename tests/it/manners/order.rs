//! `--sort`, `--reverse` and `-n` of the lists that have an order of their own, and what is reported about the rest.

use super::recorded;
use crate::program::{Home, Ran, json_lines};
use serde_json::Value;

const SINCE: [&str; 2] = ["--since", "2026-11-01"];

fn json(home: &Home, args: &[&str]) -> Vec<Value> {
    json_lines(&home.succeed(&[args, &SINCE, &["--json"]].concat()))
}

fn table(home: &Home, args: &[&str]) -> Ran {
    let ran = home.run(&[args, &SINCE].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran
}

/// The figures of some rows, and whether none is less than the one behind it.
fn falls(rows: &[Value], field: &str) -> bool {
    let figures: Vec<f64> = rows.iter().filter_map(|row| row[field].as_f64()).collect();
    figures.len() > 1 && figures.windows(2).all(|pair| pair[0] >= pair[1])
}

#[test]
fn lists_go_by_what_is_named_and_can_be_turned_round() {
    let home = recorded();
    for (command, sort, field) in [
        ("stats", "calls", "calls"),
        ("stats", "errors", "errors"),
        ("stats", "error-rate", "error_rate"),
        ("stats", "p95", "p95_us"),
        ("stats", "max", "max_us"),
        ("stats", "out", "bytes_out"),
        ("clients", "calls", "total_calls"),
        ("clients", "errors", "total_errors"),
        ("clients", "last-seen", "last_seen_at"),
        ("sessions", "calls", "total_calls"),
        ("sessions", "errors", "total_errors"),
        ("sessions", "used", "last_seen_at"),
        ("slow", "took", "latency_us"),
    ] {
        let threshold: &[&str] = if command == "slow" {
            &["--threshold", "0"]
        } else {
            &[]
        };
        let args = [&[command, "--sort", sort], threshold].concat();
        let mut rows = json(&home, &args);
        assert!(falls(&rows, field), "{command} --sort {sort}: {rows:?}");
        let turned = json(&home, &[&args[..], &["-r"]].concat());
        rows.reverse();
        assert_eq!(turned, rows, "{command} --sort {sort} -r");
    }
    let times = json(&home, &["slow", "--threshold", "0", "--sort", "time", "-r"]);
    assert!(falls(&times, "ts"), "{times:?}");
    let ran = home.run(&["stats", "--sort", "latency"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}

#[test]
fn what_is_not_shown_is_counted_and_reported() {
    let home = recorded();
    let sum = |rows: &[Value], field: &str| {
        rows.iter()
            .map(|row| row[field].as_i64().unwrap())
            .sum::<i64>()
    };
    for (command, field, name) in [
        ("stats", "calls", "tool"),
        ("clients", "total_calls", "client_name"),
    ] {
        let all = json(&home, &[command]);
        let few = json(&home, &[command, "-n", "1", "--sort", "errors", "-r"]);
        assert_eq!(few.len(), 2, "{few:?}");
        assert_eq!(few[1][name], "(other)");
        assert_eq!(sum(&few, field), sum(&all, field), "{command}");
        let ran = table(&home, &[command, "-n", "1"]);
        assert!(
            ran.err.contains("counted in (other); -n all shows each"),
            "{ran:?}"
        );
        assert!(ran.out.contains("(other)"), "{ran:?}");
        assert_eq!(table(&home, &[command, "-n", "all"]).err, "");
        assert_eq!(table(&home, &[command, "-n", "1", "--quiet"]).err, "");
    }
    let hours = Home::new();
    let line = |hour: i64| {
        let ts = 1_795_224_422_000_i64 + hour * 3_600_000;
        format!(
            r#"{{"type":"mcpr_request","ts":{ts},"kind":"mcp","request_id":"{hour}","proxy":"p","method":"ping","latency_us":9}}"#
        ) + "\n"
    };
    let file = hours.write("hours.log", [0, 1, 2].map(line).concat());
    hours.record(&[&file]);
    let ran = table(&hours, &["stats", "-n", "1", "--by", "hour"]);
    assert!(ran.err.contains("left out; -n all shows each"), "{ran:?}");
    assert!(!ran.out.contains("(other)"), "{ran:?}");
    let ran = table(&home, &["sessions", "-n", "1"]);
    assert!(
        ran.err
            .contains("there are more sessions than this one; -n all"),
        "{ran:?}"
    );
    assert_eq!(table(&home, &["sessions"]).err, "");
    let ran = table(&home, &["sessions", "-n", "1", "--sort", "calls"]);
    assert!(
        ran.err.contains("there are more sessions than this one"),
        "{ran:?}"
    );
    // The slowest N are what was asked for: nothing of that is left out.
    let ran = table(&home, &["slow", "--threshold", "0", "-n", "2"]);
    assert_eq!(ran.err, "");
}
