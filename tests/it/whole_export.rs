//! `mcpr store export --whole`: what is exported and recorded again is the same store.

use super::program::{Home, capture, json_lines};
use super::schemas::{keys, required, schema, validator};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A tool with a description, as lists show it.
fn tool(name: &str, description: &str) -> Value {
    json!({"name": name, "description": description, "inputSchema": {"type": "object"}})
}

/// An MCP request of a named session, with its answer.
fn exchange(id: u64, session: &str, method: &str, bodies: [Value; 2]) -> String {
    let [params, result] = bodies;
    let line = json!({
        "type": "transaction", "ts": 1_795_262_400_000_u64 + id * 1000, "request_id": id.to_string(),
        "session_id": session, "latency_us": 5, "upstream_us": 4,
        "request": {"kind": "mcp", "rpc": {"jsonrpc": "2.0", "id": id, "method": method, "params": params}},
        "response": {"kind": "mcp", "result": {"jsonrpc": "2.0", "id": id, "result": result}},
    });
    format!("{line}\n")
}

/// A server whose list flaps, with secrets, doubled names, characters that act on a terminal, a tool that is
/// called before its list is seen, and lines that do not decode between them.
fn hostile() -> Vec<u8> {
    let lists = [
        json!([tool("a", "first"), tool("b", "\u{202e}turned\u{9b}31m")]),
        json!([tool("a", "second"), tool("a", "again")]),
        json!([tool("a", "first"), tool("b", "\u{202e}turned\u{9b}31m")]),
        json!([tool("c", "third https://user:pass@host/")]),
        json!([tool("a", "second"), tool("a", "again")]),
        json!([tool("c", "third https://user:pass@host/")]),
        json!([tool("a", "first"), tool("b", "\u{202e}turned\u{9b}31m")]),
    ];
    let mut text = Vec::new();
    for (id, tools) in (1..).step_by(3).zip(lists) {
        text.extend(
            exchange(
                id,
                "s-1",
                "tools/list",
                [json!({}), json!({"tools": tools})],
            )
            .bytes(),
        );
        let long = "word ".repeat(20_000);
        let arguments = json!({"name": "a", "arguments": {"password": "secret-1", "long": long, "say": "\u{1b}[2J\u{2028}"}});
        let answer = json!({"content": [{"type": "text", "text": "ghp_abcdefghijklmnopqrstuvwxyz0123456789"}]});
        text.extend(exchange(id + 1, "s-2", "tools/call", [arguments, answer]).bytes());
        text.extend(b"{\"type\":\"transaction\",\"ts\":\"never\",\"note\":\"\xc3\xa9\xff\"}\n");
    }
    text.extend(b"{\"type\":\"mcpr_gap\",\"source\":\"a.log\",\"count\":3,\"from_ts\":1795262400000,\"to_ts\":1795262401000}\n");
    text.extend(exchange(90, "s-2", "ping", [json!({}), json!({})]).bytes());
    text
}

/// A store with something of every kind.
pub(crate) fn everything() -> Home {
    let home = Home::new();
    let hostile = home.write("hostile.log", hostile());
    let names = [
        "mcpr-0.5.44/everything.stderr.log",
        "mcpr-0.5.44/weather.stderr.log",
        "mcpr-0.5.44/cloud.ndjson",
        "mcpr-0.4.64/proxy.log",
        "mcpr-0.4.64/cloud.ndjson",
        "formats/codex_rollout.ndjson",
        "formats/mcpproxy_go.ndjson",
        "formats/toolhive.ndjson",
    ];
    let mut files = vec![hostile];
    files.extend(names.map(capture));
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    home.succeed(&[&["record", "--once", "--payloads"], &files[..]].concat());
    // A server that says something and dies, and one that cannot be started.
    for server in ["echo 'no luck' >&2; echo hello; exit 3", ""] {
        let command: &[&str] = match server {
            "" => &["no-such-program-anywhere"],
            script => &["sh", "-c", script],
        };
        let ran = home.run(&[&["tap", "--name", "tapped", "--"], command].concat());
        assert_ne!(ran.code, Some(0), "{ran:?}");
    }
    home
}

pub(crate) fn export(home: &Home, db: &Path) -> String {
    home.succeed(&["store", "export", "--whole", "--db", db.to_str().unwrap()])
}

/// Records lines into a store of their own.
fn recorded(home: &Home, lines: impl AsRef<[u8]>, name: &str) -> PathBuf {
    let file = home.write(&format!("{name}.ndjson"), lines);
    let db = home.path(name);
    let (db_name, file) = (db.to_str().unwrap(), file.to_str().unwrap());
    home.succeed(&[
        "record",
        "--once",
        "--payloads",
        "--payload-limit",
        "1M",
        "--db",
        db_name,
        file,
    ]);
    db
}

/// Two exports are the same, line for line.
pub(crate) fn assert_same(left: &str, right: &str) {
    let short =
        |line: Option<&str>| line.map(|line| line[..line.floor_char_boundary(600)].to_owned());
    let (mut one, mut other) = (left.lines(), right.lines());
    for number in 1.. {
        let (one, other) = (one.next(), other.next());
        assert!(
            one == other,
            "line {number}: {:#?}\n{:#?}",
            short(one),
            short(other)
        );
        if one.is_none() {
            return;
        }
    }
}

/// What is asked of a store, besides each request and each session.
const QUESTIONS: [&str; 16] = [
    "logs --kind all --tail all --json",
    "sessions --all --limit all --json",
    "slow --threshold 0ms --limit 100000 --json --since @0",
    "stats --by tool --json --since @0",
    "stats --by method --json --since @0",
    "stats --by client --json --since @0",
    "stats --by proxy --json --since @0",
    "stats --by hour --json --since @0",
    "clients --json --since @0",
    "schema --json",
    "schema changes --json",
    "schema unused --json --since @0",
    "schema diff --proxy hostile --json --since @0",
    "schema diff --proxy everything --json --since @0",
    "check --fail-on calls<1 --fail-on schema:breaking --format json --since @0 --until 2030-01-01",
    "report --since @0 --until 2030-01-01 --format har --output -",
];

/// What every reading command says of a store as JSON.
pub(crate) fn answers(home: &Home, db: &Path) -> Vec<(String, String)> {
    let ask = |words: &[&str]| {
        let all = [words, &["--db", db.to_str().unwrap()]].concat();
        let ran = home.run(&all);
        // 1 is an answer too: `schema diff` has found changes.
        assert!(matches!(ran.code, Some(0 | 1)), "{all:?}: {ran:?}");
        (words.join(" "), ran.out)
    };
    let questions = QUESTIONS.map(|line| line.split(' ').collect::<Vec<_>>());
    let mut all: Vec<_> = questions.iter().map(|words| ask(words)).collect();
    let rows = json_lines(&all[0].1);
    assert!(rows.len() > 100, "{}", rows.len());
    all.extend(
        rows.iter()
            .map(|row| ask(&["show", &row["seq"].to_string(), "--json"])),
    );
    let sessions = json_lines(&all[1].1);
    assert!(sessions.iter().any(|it| it["inferred"] == true));
    assert!(sessions.iter().any(|it| it["inferred"] == false));
    for session in sessions {
        let id = session["session_id"].as_str().unwrap().to_owned();
        let proxy = session["proxy"].as_str().unwrap().to_owned();
        all.push(ask(&["session", &id, "--proxy", &proxy, "--json"]));
    }
    all
}

#[test]
fn what_is_exported_whole_and_recorded_again_is_the_same_store() {
    let home = everything();
    let first = export(&home, &home.store());
    let again = recorded(&home, &first, "again.db");
    assert_same(&export(&home, &again), &first);
    for tag in [
        "mcpr_request",
        "mcpr_session",
        "mcpr_gap",
        "mcpr_surface",
        "mcpr_bad_line",
        "mcpr_server",
    ] {
        assert!(first.contains(&format!("{{\"type\":\"{tag}\"")), "no {tag}");
    }
    let (before, after) = (answers(&home, &home.store()), answers(&home, &again));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    let bad = |db: &Path| {
        let stats = home.succeed(&["store", "stats", "--json", "--db", db.to_str().unwrap()]);
        serde_json::from_str::<Value>(&stats).unwrap()["kept_bad_lines"].clone()
    };
    assert_eq!(bad(&home.store()), bad(&again));
    home.succeed(&["store", "verify", "--full", "--db", again.to_str().unwrap()]);
}

#[test]
fn the_same_export_recorded_into_the_same_store_adds_no_request_gap_or_version() {
    let home = everything();
    let first = export(&home, &home.store());
    let again = recorded(&home, &first, "again.db");
    // Another file: its beginning would be known else.
    let lines = first
        .lines()
        .filter(|line| !line.starts_with("{\"type\":\"mcpr_bad_line\""));
    let twice = lines.collect::<Vec<_>>().join(" \n") + "\n";
    let more = home.write("twice.ndjson", twice);
    let words = [
        "record",
        "--once",
        "--payloads",
        "--payload-limit",
        "1M",
        "--db",
    ]
    .map(Path::new);
    let words = [&words[..], &[&again, &more]].concat();
    let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
    home.succeed(&words);
    assert_same(&export(&home, &again), &first);
}

#[test]
fn versions_go_on_where_the_exported_store_stood() {
    let home = everything();
    let again = recorded(&home, export(&home, &home.store()), "again.db");
    // Known already, and a new one: as if the first recorder had gone on.
    let lists = [
        json!([tool("a", "first"), tool("b", "\u{202e}turned\u{9b}31m")]),
        json!([tool("d", "new")]),
    ];
    let more: String = (200..)
        .zip(lists)
        .map(|(id, tools)| {
            exchange(
                id,
                "s-1",
                "tools/list",
                [json!({}), json!({"tools": tools})],
            )
        })
        .collect();
    let file = home.write("hostile.2.log", more);
    for db in [&home.store(), &again] {
        home.succeed(&[
            "record",
            "--once",
            "--payloads",
            "--db",
            db.to_str().unwrap(),
            file.to_str().unwrap(),
        ]);
    }
    assert_same(&export(&home, &again), &export(&home, &home.store()));
}

#[test]
fn items_seen_alone_come_back_with_both_of_their_times() {
    let home = Home::new();
    let item = |ts: u64| {
        json!({"type": "mcpr_surface_item", "proxy": "p", "method": "tools/list",
        "first_seen_at": ts, "last_seen_at": ts + 5000, "payload": tool("alone", "seen")})
    };
    let db = recorded(
        &home,
        format!("{}\n{}\n", item(1_795_262_400_000), item(1_795_262_402_000)),
        "a.db",
    );
    let first = export(&home, &db);
    let expected = json!({"type": "mcpr_surface_item", "proxy": "p", "method": "tools/list",
        "first_seen_at": 1_795_262_400_000_u64, "last_seen_at": 1_795_262_407_000_u64,
        "payload": tool("alone", "seen")});
    assert_eq!(json_lines(&first), [expected]);
    let again = recorded(&home, &first, "b.db");
    assert_same(&export(&home, &again), &first);
}

#[test]
fn rows_that_are_gone_leave_the_rest_in_its_order() {
    let home = everything();
    home.succeed(&[
        "store",
        "vacuum",
        "--before",
        "2026-11-21 12:00:10",
        "--yes",
    ]);
    let first = export(&home, &home.store());
    let again = recorded(&home, &first, "again.db");
    assert_same(&export(&home, &again), &first);
}

#[test]
fn every_line_of_a_whole_export_is_what_the_schema_says() {
    let home = everything();
    let item = json!({"type": "mcpr_surface_item", "proxy": "p", "method": "tools/list",
        "first_seen_at": 1, "last_seen_at": 2, "payload": tool("alone", "seen")});
    let file = home.write("item.ndjson", format!("{item}\n"));
    home.record(&[&file]);
    let lines = json_lines(&export(&home, &home.store()));
    let (schema, validator) = (schema("store-export"), validator("store-export"));
    for line in &lines {
        let errors: Vec<_> = validator.iter_errors(line).collect();
        assert!(errors.is_empty(), "{}", &line.to_string()[..80]);
    }
    for (name, described) in schema["$defs"].as_object().unwrap() {
        let Some(tag) = described["properties"]["type"].get("const") else {
            continue;
        };
        let printed: Vec<BTreeSet<&str>> = lines
            .iter()
            .filter(|line| line["type"] == *tag)
            .map(keys)
            .collect();
        for line in &printed {
            assert!(line.is_superset(&required(described)), "{name}");
            assert!(
                line.is_subset(&keys(&described["properties"])),
                "{name}: {line:?}"
            );
        }
        assert!(!printed.is_empty(), "{name} is printed by no test");
    }
}

#[test]
fn hostile_lines_of_an_export_are_bad_lines_and_the_rest_is_stored() {
    let home = everything();
    let good = export(&home, &home.store());
    let line = |tag: &str| {
        let begin = format!("{{\"type\":\"{tag}\"");
        good.lines()
            .find(|line| line.starts_with(&begin))
            .unwrap()
            .to_owned()
    };
    let mut hostile = String::new();
    let mut count = 0;
    for tag in [
        "mcpr_request",
        "mcpr_session",
        "mcpr_gap",
        "mcpr_surface",
        "mcpr_bad_line",
        "mcpr_server",
    ] {
        let line = line(tag);
        // Cut in the middle, of another type in every member that is not just a text or null, and nested.
        let half = &line[..line.floor_char_boundary(line.len() / 2)];
        writeln!(hostile, "{half}\n{{\"type\":\"{tag}\"}}").unwrap();
        let mut strange: Value = serde_json::from_str(&line).unwrap();
        for (key, member) in strange.as_object_mut().unwrap() {
            if key != "type" {
                *member = json!([[{"a": -1.5}]]);
            }
        }
        writeln!(hostile, "{strange}").unwrap();
        count += 3;
    }
    let oversized = format!(
        "{{\"type\":\"mcpr_surface\",\"payload\":\"{}\"}}\n",
        "x".repeat(17 << 20)
    );
    hostile.push_str(&oversized);
    let file = home.write("hostile.ndjson", hostile + &line("mcpr_gap") + "\n");
    let db = home.path("hostile.db");
    let ran = home.run(&[
        "record",
        "--once",
        "--payloads",
        "--db",
        db.to_str().unwrap(),
        file.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.err.contains(&format!(" {} bad, 1 gap", count + 1)),
        "{}",
        ran.err
    );
    home.succeed(&["store", "verify", "--full", "--db", db.to_str().unwrap()]);
}
