//! What is not a table of requests, on terminals of four widths, as files: comparisons of lists, what a store holds,
//! lists with hostile names, and what is in flight.

use super::hostile::nasty;
use super::is_harmless;
use super::tables::WIDTHS;
use crate::flight::{WAITS, waiting};
use crate::program::{Home, capture};
use crate::terminal::Terminal;
use expect_test::expect_file;
use regex::Regex;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Takes a command's screens at each width, makes what differs from run to run alike, and compares them with a file.
fn check(home: &Home, name: &str, words: &[&str], alike: &[(&str, &str)]) {
    let mut all = String::new();
    for width in WIDTHS {
        let terminal = Terminal::of(home)
            .size(width, 1000)
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env("MCPR_PAGER", "cat");
        let ran = terminal.run(words);
        assert!(ran.code < Some(2), "{words:?}: {ran:?}");
        writeln!(all, "{width}:").unwrap();
        for line in ran.out.lines() {
            // A comparison is not a table: a tab in it only leads to the next column of eight.
            let is_fine = |c| is_harmless(c) || c == '\t' && words.contains(&"diff");
            assert!(line.chars().all(is_fine), "{words:?}: {line:?}");
            let mut line = line.to_owned();
            for (found, put) in alike {
                line = Regex::new(found)
                    .unwrap()
                    .replace_all(&line, *put)
                    .into_owned();
            }
            writeln!(all, "{}", line.trim_end()).unwrap();
        }
    }
    let file = format!(
        "{}/tests/data/expected/tables/{name}.txt",
        env!("CARGO_MANIFEST_DIR")
    );
    expect_file![file].assert_eq(&all);
}

/// What a server shows in two versions: a tool goes, one comes, and one changes.
fn with_lists(name: &dyn Fn(&str) -> String) -> Home {
    let tool = |own: &str, about: &str, parameter: &str| {
        json!({
            "name": name(own), "description": name(about),
            "inputSchema": {
                "type": "object", "properties": {name(parameter): {"type": "string"}},
                "required": [name(parameter)],
            },
        })
    };
    let lists = [
        json!([
            tool("read", "Reads a file", "path"),
            tool("gone", "Goes", "a")
        ]),
        json!([
            tool("read", "Reads any file", "address"),
            tool("new", "Comes", "a")
        ]),
    ];
    let line = |(number, tools): (i64, &Value)| {
        let exchange = json!({
            "type": "transaction", "ts": 1_795_224_400_000_i64 + number * 1000,
            "request_id": number.to_string(), "session_id": "s", "latency_us": 5,
            "proxy": name("files"),
            "request": {"kind": "mcp", "rpc": {"jsonrpc": "2.0", "id": number, "method": "tools/list", "params": {}}},
            "response": {"kind": "mcp", "result": {"jsonrpc": "2.0", "id": number, "result": {"tools": tools}}},
        });
        format!("{exchange}\n")
    };
    let home = Home::new();
    let text: String = (1..).zip(&lists).map(line).collect();
    home.record(&[&home.write("files.log", text)]);
    home
}

fn check_lists(home: &Home, kind: &str) {
    let window = ["--since", "2026-11-21", "--until", "2026-11-22", "--utc"];
    for (name, words) in [
        ("schema", &["schema", "--utc"][..]),
        ("schema-changes", &["schema", "changes", "--utc"]),
        (
            "schema-unused",
            &[&["schema", "unused"], &window[..]].concat(),
        ),
        ("schema-diff", &["schema", "diff"]),
    ] {
        let alike = [(r"no calls since \S+ \S+", "no calls since TIME")];
        check(home, &format!("{name}.{kind}"), words, &alike);
    }
}

#[test]
fn lists_and_what_changed_in_them_at_four_widths() {
    check_lists(&with_lists(&|name| name.to_owned()), "two");
}

#[test]
fn lists_with_hostile_names_at_four_widths() {
    check_lists(&with_lists(&nasty), "hostile");
}

#[test]
fn what_a_store_holds_at_four_widths() {
    let home = Home::new();
    let stream = capture("mcpr-0.5.44/everything.stderr.log");
    home.record(&[&stream]);
    let alike = [
        (r"(/\S+)*/(recorder\.db|everything\.stderr\.log)", "DIR/$2"),
        (r"last at \S+ \S+", "last at TIME"),
        (r"^(size|grows) .*", "$1 …"),
    ];
    check(
        &home,
        "store-stats.plain",
        &["store", "stats", "--utc"],
        &alike,
    );
}

#[test]
fn what_is_in_flight_at_four_widths() {
    let home = Home::new();
    let tap = waiting(&home, WAITS);
    let alike = [
        (r"\d\d:\d\d:\d\d(\.\d{3})?", "TIME"),
        (r"\d{4}-\d\d-\d\d", "DAY"),
        (r"pending \d+\w+", "pending CLOCK"),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "SESSION"),
        (r"^[0-9a-f]{8} ", "SESSION "),
        (r"(pid +)\d+", "${1}N"),
    ];
    check(&home, "logs.flight", &["logs"], &alike);
    check(&home, "sessions.flight", &["sessions", "--all"], &alike);
    check(&home, "session.flight", &["session", "latest"], &alike);
    drop(tap);
}
