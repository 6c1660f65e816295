//! What is kept and for how long: by the flags, the variables and the file of those who record.

use super::program::Home;
use serde_json::{Value, json};

/// 2026-11-21 12:00 UTC.
const NOON: i64 = 1_795_262_400_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Calls so many days before noon, with their payloads.
fn calls(days: &[i64]) -> String {
    let line = |(id, days): (usize, &i64)| {
        let rpc = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "t", "arguments": {"day": days}}});
        let line = json!({
            "type": "transaction", "ts": NOON - days * DAY, "request_id": id.to_string(), "session_id": "s",
            "latency_us": 5, "upstream_us": 4, "request": {"kind": "mcp", "rpc": rpc},
            "response": {"kind": "mcp", "result": {"jsonrpc": "2.0", "id": id, "result": {}}},
        });
        format!("{line}\n")
    };
    days.iter().enumerate().map(line).collect()
}

fn recorded(variables: &[(&str, &str)], flags: &[&str]) -> (Home, String) {
    let home = Home::new();
    let source = home.write("p.log", calls(&[40, 29, 8, 6, 0]));
    let source = source.to_str().unwrap();
    let arguments = [&["record", "--once", "--payloads", source], flags].concat();
    let mut command = home.command(&arguments);
    command
        .env_remove("MCPR_KEEP")
        .env_remove("MCPR_KEEP_PAYLOADS");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    (home, err)
}

/// How many requests and payloads are there.
fn left(home: &Home) -> (u64, u64) {
    let stats: Value = serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    let number = |key: &str| stats[key].as_u64().unwrap();
    (number("requests"), number("payloads"))
}

#[test]
fn a_month_of_requests_and_a_week_of_payloads_are_kept_by_default() {
    let (home, err) = recorded(&[], &[]);
    assert_eq!(left(&home), (4, 2));
    assert!(
        err.contains("removed 1 request and 3 payloads that are past what is kept"),
        "{err}"
    );
    let hours = home.succeed(&["stats", "--by", "hour", "--since", "2026-10-01", "--json"]);
    assert_eq!(hours.lines().count(), 5, "the hours stay: {hours}");
    home.succeed(&["store", "verify", "--full"]);
}

/// Variables of the environment, with their values.
type Variables = &'static [(&'static str, &'static str)];

#[test]
fn flags_stand_above_variables_here_too() {
    let cases: [(Variables, &[&str], (u64, u64)); 4] = [
        (&[], &["--keep", "off", "--keep-payloads", "off"], (5, 5)),
        (&[("MCPR_KEEP", "7d")], &[], (2, 2)),
        (
            &[("MCPR_KEEP", "7d")],
            &["--keep", "10d", "--keep-payloads", "1d"],
            (3, 1),
        ),
        (&[("MCPR_KEEP_PAYLOADS", "off")], &[], (4, 4)),
    ];
    for (variables, flags, expected) in cases {
        let (home, _) = recorded(variables, flags);
        assert_eq!(left(&home), expected, "{variables:?} {flags:?}");
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let home = Home::new();
    for (flags, says) in [
        (["--keep", "soon"], "`off`"),
        (["--keep", "0d"], "30d"),
        (["--max-size", "1K"], "1M or more"),
        (["--max-size", "much"], "500M"),
    ] {
        let ran = home.run(&[&["record", "--once", "x.log"], &flags[..]].concat());
        assert_eq!(ran.code, Some(2), "{flags:?}");
        assert!(ran.err.contains(says), "{flags:?}: {}", ran.err);
    }
}

#[test]
fn the_outlook_is_reported() {
    let (home, _) = recorded(&[], &["--keep", "off"]);
    let shown = home.succeed(&["store", "stats", "--keep", "30d", "--max-size", "1G"]);
    assert!(
        shown.contains("keeps       requests for 30d, payloads without an end, 1.0G in all"),
        "{shown}"
    );
    assert!(
        shown.contains("a day by its last 7 days; the limit is not reached at this rate"),
        "{shown}"
    );
}

/// Records twenty calls per hour for a day; each has half a kilobyte of its own.
fn record_day(home: &Home, day: i64, keep: &[&str]) {
    let mut random = fastrand::Rng::with_seed(day.unsigned_abs());
    let mut lines = String::new();
    for number in day * 480..(day + 1) * 480 {
        let noise: String = std::iter::repeat_with(|| random.alphanumeric())
            .take(700)
            .collect();
        let rpc = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "t", "arguments": {"text": noise}}});
        let line = json!({
            "type": "transaction", "ts": NOON - 60 * DAY + number * (DAY / 480), "request_id": number.to_string(),
            "session_id": format!("s{}", number / 50), "latency_us": 5, "upstream_us": 4,
            "request": {"kind": "mcp", "rpc": rpc},
            "response": {"kind": "mcp", "result": {"jsonrpc": "2.0", "id": number, "result": {}}},
        });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    let source = home.write("p.log", lines);
    let source = source.to_str().unwrap();
    let arguments = [&["record", "--once", "--payloads", source], keep].concat();
    home.succeed(&arguments);
}

/// Payloads that are there, and when the store reaches its limit.
fn forecast(home: &Home, keep: &[&str]) -> (i64, Option<i64>) {
    let shown = home.succeed(&[&["store", "stats", "--json"], keep].concat());
    let stats: Value = serde_json::from_str(&shown).unwrap();
    (
        stats["payloads"].as_i64().unwrap(),
        stats["limit_reached_at"].as_i64(),
    )
}

#[test]
fn the_day_on_which_the_limit_is_reached_is_right_within_a_tenth() {
    // While payloads still add up, and while requests alone do.
    let cases = [("off", 60, 5, "6M"), ("3d", 3, 8, "3M")];
    for (keep_payloads, kept_days, known_days, limit) in cases {
        let home = Home::new();
        let keep = [
            "--keep",
            "off",
            "--keep-payloads",
            keep_payloads,
            "--max-size",
            limit,
        ];
        // What is oldest goes as soon as the limit is reached: then payloads are missing.
        let is_reached = |day: i64| forecast(&home, &keep).0 + 5 < 480 * day.min(kept_days);
        for day in 0..known_days {
            record_day(&home, day, &keep);
        }
        assert!(!is_reached(known_days), "{keep:?}: not yet");
        let now = NOON - 60 * DAY + known_days * DAY;
        let shown = forecast(&home, &keep).1.expect("a day") - now;
        let mut day = known_days;
        while !is_reached(day) {
            record_day(&home, day, &keep);
            day += 1;
            assert!(
                day < 60,
                "{keep:?}: predicted after {} hours",
                shown / (DAY / 24)
            );
        }
        // It was reached within the last day that was recorded.
        let found = (day - known_days) * DAY - DAY / 2;
        assert!(
            (found - shown).abs() <= found / 10 + DAY / 2,
            "{keep:?}: predicted after {} hours, found on day {}",
            shown / (DAY / 24),
            day - known_days
        );
    }
}
