//! Sums and ranks of the captured stores against expectations made by hand from their tables
//! (`SELECT method, tool, latency_us, … FROM requests`, nearest-rank quantiles).

use super::program::{Home, capture, json_lines};
use serde_json::{Value, json};

type Sums = (&'static str, Option<&'static str>, u64, [i64; 4], u64);

/// Method, tool, calls, exact p50, p95 and p99, longest, bytes out: of the 0.4 store's MCP rows.
const SUMS: &[Sums] = &[
    (
        "tools/call",
        Some("echo"),
        36,
        [1897, 10854, 16946, 16946],
        4758,
    ),
    ("prompts/get", None, 12, [2461, 4240, 4240, 4240], 0),
    ("resources/list", None, 12, [2102, 5433, 5433, 5433], 15522),
    ("resources/read", None, 12, [2054, 4531, 4531, 4531], 11592),
    ("initialize", None, 6, [4986, 9391, 9391, 9391], 12156),
    ("ping", None, 6, [1944, 3778, 3778, 3778], 0),
    ("prompts/list", None, 6, [1739, 3862, 3862, 3862], 6084),
    (
        "resources/templates/list",
        None,
        6,
        [1483, 6164, 6164, 6164],
        3234,
    ),
    (
        "tools/call",
        Some("get-sum"),
        6,
        [2000, 7096, 7096, 7096],
        636,
    ),
    ("tools/call", Some("nope"), 6, [2056, 2828, 2828, 2828], 804),
    (
        "tools/call",
        Some("trigger-long-running-operation"),
        6,
        [1_003_138, 1_007_635, 1_007_635, 1_007_635],
        876,
    ),
    ("tools/list", None, 6, [4225, 13156, 13156, 13156], 46230),
];

/// Answers of a store in the captures: as it is, and imported into one of our own.
fn answers(line: &str) -> [Vec<Value>; 2] {
    let home = Home::new();
    let from = capture("mcpr-0.4.64/store.db");
    home.succeed(&["store", "import", from.to_str().unwrap()]);
    let ask = |db: &str| {
        let words: Vec<&str> = line.split(' ').chain(["--json", "--db", db]).collect();
        json_lines(&home.succeed(&words))
    };
    [
        ask(from.to_str().unwrap()),
        ask(home.store().to_str().unwrap()),
    ]
}

fn latencies(row: &Value) -> [i64; 4] {
    ["p50_us", "p95_us", "p99_us", "max_us"].map(|key| row[key].as_i64().unwrap())
}

#[test]
fn sums_are_those_made_by_hand() {
    for exact in [true, false] {
        let line = if exact {
            "stats --since @0 --exact"
        } else {
            "stats --since @0"
        };
        for rows in answers(line) {
            assert_eq!(rows.len(), SUMS.len(), "{line}");
            for &(method, tool, calls, expected, bytes_out) in SUMS {
                let row = rows
                    .iter()
                    .find(|row| row["method"] == method && row["tool"] == json!(tool))
                    .unwrap_or_else(|| panic!("{line}: no {method} {tool:?}"));
                assert_eq!(
                    (&row["calls"], &row["errors"]),
                    (&json!(calls), &json!(0)),
                    "{row}"
                );
                assert_eq!(row["bytes_out"], bytes_out, "{row}");
                for (got, want) in latencies(row).into_iter().zip(expected) {
                    let off = (got - want).abs();
                    let most = if exact { 0 } else { want / 100 };
                    assert!(off <= most, "{line}: {got} for {want} in {row}");
                }
            }
        }
    }
}

#[test]
fn sums_by_other_things() {
    for rows in answers("stats --since @0 --by proxy") {
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (&rows[0]["proxy"], &rows[0]["calls"]),
            (&json!("everything"), &json!(120))
        );
    }
    for rows in answers("stats --since @0 --by hour") {
        let hours: Vec<_> = rows
            .iter()
            .map(|row| (row["time"].clone(), row["calls"].clone()))
            .collect();
        assert_eq!(hours, [(json!("2026-11-21T01:00:00.000Z"), json!(120))]);
    }
    for rows in answers("stats --since @0 --by client") {
        let calls: Vec<_> = rows
            .iter()
            .map(|row| row["calls"].as_u64().unwrap())
            .collect();
        assert_eq!(calls, [40, 20, 20, 20, 20]);
        assert_eq!(rows[0]["client_name"], "claude-desktop");
    }
}

#[test]
fn the_slowest_are_those_found_by_hand() {
    for rows in answers("slow --since @0") {
        let slowest: Vec<_> = rows
            .iter()
            .map(|row| row["latency_us"].as_i64().unwrap())
            .collect();
        assert_eq!(
            slowest,
            [
                1_007_635, 1_006_150, 1_003_186, 1_003_138, 1_002_858, 1_001_325
            ]
        );
    }
}

#[test]
fn clients_are_those_of_the_sessions() {
    for rows in answers("clients --since @0") {
        let got: Vec<_> = rows
            .iter()
            .map(|row| {
                let text = |key: &str| row[key].as_str().unwrap().to_owned();
                (
                    text("client_name"),
                    text("client_platform"),
                    row["sessions"].as_u64().unwrap(),
                )
            })
            .collect();
        let expected = [
            ("claude-desktop", "claude", 2),
            ("ChatGPT", "chatgpt", 1),
            ("cursor", "cursor", 1),
            ("my-agent", "unknown", 1),
            ("vscode", "vscode", 1),
        ];
        let expected = expected
            .map(|(name, platform, sessions)| (name.to_owned(), platform.to_owned(), sessions));
        assert_eq!(got, expected);
    }
}

#[test]
fn clients_that_a_vacuum_has_removed_are_missed_aloud() {
    let home = Home::new();
    let from = capture("mcpr-0.4.64/store.db");
    home.succeed(&["store", "import", from.to_str().unwrap()]);
    let ask = || home.run(&["clients", "--since", "@0", "--json"]);
    let before = ask();
    assert!(
        !before.out.is_empty() && before.err.is_empty(),
        "{before:?}"
    );
    home.succeed(&["store", "vacuum", "--before", "2999-01-01", "--yes"]);
    let after = ask();
    assert!(after.out.is_empty(), "{after:?}");
    assert!(after.err.contains(" calls are not counted: "), "{after:?}");
    assert!(after.err.contains(" do not record who called"), "{after:?}");
}

#[test]
fn a_default_window_that_hides_everything_says_so() {
    let home = Home::new();
    let source = home.write(
        "p.log",
        "{\"type\":\"request\",\"id\":\"1\",\"ts\":1000,\"proxy\":\"p\",\"method\":\"POST\",\
         \"mcp_method\":\"ping\",\"status\":200,\"latency_us\":1}\n",
    );
    home.record(&[&source]);
    for command in ["stats", "slow", "clients"] {
        let ran = home.run(&[command]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(
            ran.err.contains("1970-01-01 00:00:01.000") && ran.err.contains("--since"),
            "{ran:?}"
        );
        let flag = ran
            .err
            .split("--since ")
            .last()
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        let mut words = vec![command, "--since", flag];
        if command == "slow" {
            words.extend(["--threshold", "0s"]);
        }
        let ran = home.run(&words);
        assert!(
            ran.out.lines().count() > 1,
            "{command} --since {flag}: {ran:?}"
        );
    }
}

/// Two calls, one of which nobody saw the end of.
const ONE_UNSEEN: &str = r#"{"type":"mcpr_request","ts":1795224427475,"proxy":"desk","kind":"mcp","method":"tools/call","tool":"echo","latency_us":5,"error_kind":"unseen"}
{"type":"mcpr_request","ts":1795224427476,"proxy":"desk","kind":"mcp","method":"tools/call","tool":"echo","latency_us":5,"error_kind":"denied"}
"#;

#[test]
fn what_nobody_saw_the_end_of_is_neither_a_success_nor_an_error() {
    let home = Home::new();
    let file = home.write("one.ndjson", ONE_UNSEEN);
    home.succeed(&["record", "--once", file.to_str().unwrap()]);
    let listed = |status: &str| {
        let found = json_lines(&home.succeed(&["logs", "--json", "--status", status]));
        found
            .iter()
            .map(|row| row["ts"].as_i64().unwrap() - 1_795_224_427_475)
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("unknown"), [0]);
    assert_eq!(listed("error"), [1]);
    assert_eq!(listed("ok"), [0; 0]);
    assert_eq!(listed("error,unknown"), [0, 1]);
    assert_eq!(listed("ok,timeout,unknown"), [0]);
    let unknown = &json_lines(&home.succeed(&["logs", "--json", "--status", "unknown"]))[0];
    assert_eq!(unknown["error_kind"], Value::Null);
    let sums = &json_lines(&home.succeed(&["stats", "--since", "@0", "--json"]))[0];
    let keys = ["calls", "errors", "unknown", "errors_denied", "error_rate"];
    let counted = keys.map(|key| sums[key].to_string());
    // A rate that counted it would call half of the calls good.
    assert_eq!(counted, ["2", "1", "1", "1", "1"]);
    let sessions = json_lines(&home.succeed(&["sessions", "--json"]));
    assert_eq!(sessions[0]["total_errors"], 1);
    home.succeed(&["store", "verify"]);
    // An export keeps it apart, too.
    let whole = home.succeed(&["store", "export"]);
    assert!(whole.contains("\"unseen\""), "{whole}");
}

/// A file of calls of a tool, each of so many milliseconds, a minute apart from so long ago on.
fn calls(tool: &str, millis: &[i64], minutes_ago: i64) -> String {
    let now = clock_ms();
    let line = |(number, millis): (usize, &i64)| {
        let ts = now - minutes_ago * 60_000 + i64::try_from(number).unwrap() * 60_000;
        json!({
            "type": "mcpr_request", "ts": ts, "kind": "mcp", "request_id": format!("{tool}-{ts}"),
            "proxy": "p", "method": "tools/call", "tool": tool, "latency_us": millis * 1000,
        })
        .to_string()
            + "\n"
    };
    millis.iter().enumerate().map(line).collect()
}

/// Unix milliseconds.
fn clock_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap()
}

#[test]
fn a_window_that_was_asked_for_and_is_empty_names_one_that_is_not() {
    let home = Home::new();
    home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
    let ran = home.run(&["logs", "--since", "2h"]);
    let hint = ran.err.lines().last().unwrap();
    assert!(
        hint.starts_with("hint: with --since ") && hint.ends_with(" ago)"),
        "{ran:?}"
    );
    let flag = hint.split("--since ").last().unwrap();
    let flag = flag.split(' ').next().unwrap();
    assert!(!home.succeed(&["logs", "--since", flag]).is_empty());
}

#[test]
fn a_file_of_no_known_format_is_reported() {
    let home = Home::new();
    let shown = home.record(&[&home.write("notes.txt", "hello\n")]);
    assert!(
        shown.contains("no line is of a format that mcpr knows"),
        "{shown}"
    );
    let known = home.record(&[&capture("mcpr-0.4.64/proxy.log")]);
    assert!(!known.contains("no line is of a format"), "{known}");
}

#[test]
fn what_was_just_called_stands_at_the_end_of_the_bars() {
    let home = Home::new();
    home.record(&[&home.write("p.log", calls("now", &[1], 0))]);
    let row = &json_lines(&home.succeed(&["stats", "--json"]))[0];
    let counts: Vec<u64> = row["calls_by_bucket"]
        .as_array()
        .unwrap()
        .iter()
        .map(|count| count.as_u64().unwrap())
        .collect();
    // The hour is not a sum as long as it has not ended: its calls would all stand at its beginning.
    assert_eq!(counts.last(), Some(&1), "{counts:?}");
    assert_eq!(counts.iter().sum::<u64>(), 1, "{counts:?}");
}

#[test]
fn what_got_slower_since_yesterday_stands_first_beside_what_it_was() {
    let home = Home::new();
    let (day, hour) = (24 * 60, 60);
    let text = [
        calls("steady", &[10, 10, 10, 10, 10, 10], day + hour),
        calls("steady", &[10, 10, 10, 10, 10, 10], hour),
        calls("worse", &[10, 10], day + hour),
        calls("worse", &[40, 40], hour),
        calls("new", &[9, 9, 9], hour),
    ];
    home.record(&[&home.write("p.log", text.concat())]);
    let rows = json_lines(&home.succeed(&["stats", "--against", "1d", "--json"]));
    let shown: Vec<String> = rows
        .iter()
        .map(|row| {
            let factor = row["p95_factor"].as_f64();
            let factor = factor.map_or("-".to_owned(), |it| format!("{it:.1}"));
            format!("{} {} {factor}", row["tool"], row["calls_before"])
        })
        .collect();
    assert_eq!(
        shown,
        [r#""worse" 2 4.0"#, r#""steady" 6 1.0"#, r#""new" null -"#]
    );
    let table = home.run(&["stats", "--against", "1d"]);
    let lines: Vec<&str> = table.out.lines().collect();
    assert!(lines[0].contains("P95 BEFORE  P95 CHANGE"), "{table:?}");
    assert!(
        lines[1].starts_with("worse") && lines[1].ends_with("4.0x"),
        "{table:?}"
    );
    assert!(table.err.contains("before: "), "{table:?}");
    // Only those that a line has room for; the order stays.
    let first = home.succeed(&["stats", "--against", "1d", "-n", "1", "--fields", "tool"]);
    assert!(
        first.contains("worse") && !first.contains("steady"),
        "{first}"
    );
    let nothing = home.run(&["stats", "--against", "2026-01-01..2026-01-02"]);
    assert!(
        nothing.err.contains("nothing was recorded before"),
        "{nothing:?}"
    );
    assert!(nothing.err.contains("hint: the store is of"), "{nothing:?}");
    let hours = home.run(&["stats", "--by", "hour", "--against", "1d"]);
    assert_eq!(hours.code, Some(2), "{hours:?}");
}
