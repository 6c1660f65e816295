//! Text from outside that would act on a terminal, a JSON parser or a spreadsheet.

use super::LISTS;
use crate::program::{Home, json_lines};
use crate::terminal::Terminal;
use serde_json::{Value, json};
use std::collections::HashSet;

/// What a terminal would act on, or what would hide or reorder the text beside it.
const HOSTILE: [&str; 12] = [
    "\x1b[2J\x1b[31m",
    "\x1b]0;title\x07",
    "\u{9b}31m\u{90}q\u{9c}",
    "\u{85}",
    "\x7f\x08\x08",
    "over\rwritten",
    "two\nlines",
    "tab\tbed",
    "\u{202e}gpj.exe\u{2066}\u{2069}\u{200f}",
    "\u{200b}\u{feff}\u{2028}\u{e0041}",
    "\u{ad}\u{34f}\u{115f}\u{17b4}\u{180b}\u{3164}\u{ffa0}",
    "\u{fe00}\u{e0100}\u{1d173}\u{1bca0}\u{e000}\u{fdd0}",
];

pub(super) fn nasty(name: &str) -> String {
    format!("{name}:{}", HOSTILE.concat())
}

/// Whether a character does nothing but stand where it is.
pub(crate) fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn ndjson(values: &[Value]) -> String {
    let lines: Vec<String> = values.iter().map(Value::to_string).collect();
    lines.join("\n") + "\n"
}

/// A store in which every text that an event can bring is hostile.
pub(crate) fn hostile() -> Home {
    let home = Home::new();
    let request = |id: i64, session: Option<String>| {
        json!({
            "type": "mcpr_request", "ts": 1_795_224_422_000_i64 + id, "kind": "mcp",
            "request_id": nasty("id"), "proxy": nasty("proxy"), "session_id": session,
            "client_name": nasty("client"), "client_version": nasty("version"),
            "method": nasty("method"), "tool": nasty("tool"),
            "latency_us": 5_000_000, "error_kind": "rpc", "error_code": nasty("code"),
            "error_msg": nasty("message"), "bytes_in": 1, "bytes_out": 2,
        })
    };
    let mut resource = request(3, None);
    resource["tool"] = Value::Null;
    resource["resource_uri"] = json!(nasty("uri"));
    let mut prompt = request(4, None);
    prompt["tool"] = Value::Null;
    prompt["prompt_name"] = json!(nasty("prompt"));
    let lines = [
        request(1, Some(nasty("session"))),
        request(2, None),
        resource,
        prompt,
        json!({
            "type": "mcpr_gap", "source": nasty("source"), "count": 3,
            "from_ts": 1_795_224_422_000_i64, "to_ts": 1_795_224_423_000_i64,
        }),
        json!({
            "type": "mcpr_session", "session_id": nasty("session"), "proxy": nasty("proxy"),
            "client_name": nasty("client"), "client_version": nasty("version"),
            "started_at": 1_795_224_422_000_i64, "last_seen_at": 1_795_224_422_000_i64,
        }),
    ];
    let file = home.write("hostile\x1b[31m\u{202e}.log", ndjson(&lines));
    let closing = home.record(&[&file]);
    assert!(
        closing.contains("6 lines") && closing.contains("0 bad"),
        "{closing}"
    );
    home
}

fn is_quiet(what: &str, text: &str) {
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        assert!(line.chars().all(is_harmless), "{what}: {line:?}");
    }
}

#[test]
fn no_list_lets_it_through_in_any_format() {
    let home = hostile();
    let more: [&[&str]; 5] = [
        &["session", "session:"],
        &["store", "stats"],
        &["store", "verify"],
        &["stats", "--since", "2026-11-01", "--by", "client"],
        &["stats", "--since", "2026-11-01", "--by", "method"],
    ];
    for arguments in LISTS.into_iter().chain(more) {
        let formats: &[&[&str]] = match arguments[0] {
            "store" => &[&[], &["--json"]],
            _ => &[&["--format", "table"], &["--format", "json"], &["--json"]],
        };
        for format in formats {
            let ran = Terminal::of(&home)
                .size(200, 1000)
                .env("NO_COLOR", "1")
                .run(&[arguments, format].concat());
            assert_eq!(ran.code, Some(0), "{arguments:?} {format:?}: {ran:?}");
            is_quiet(&format!("{arguments:?} {format:?}"), &ran.out);
            assert!(ran.out.lines().count() > 0, "{arguments:?} {format:?}");
        }
    }
    let exported = home.succeed(&["store", "export"]);
    is_quiet("export", &exported);
    assert_eq!(json_lines(&exported).len(), 6, "{exported}");
}

#[test]
fn csv_quotes_breaks_and_shows_the_rest() {
    let home = hostile();
    for arguments in LISTS {
        let csv = home.succeed(&[arguments, &["--format", "csv"]].concat());
        let text = csv.replace(['\r', '\n', '\t'], "");
        assert!(text.chars().all(is_harmless), "{arguments:?}: {text:?}");
    }
}

#[test]
fn to_a_program_it_is_the_same_text() {
    let home = hostile();
    let rows = home.rows(&[]);
    let requests: Vec<&Value> = rows.iter().filter(|row| row["kind"] == "mcp").collect();
    assert_eq!(requests.len(), 4);
    for row in requests {
        for (key, name) in [
            ("request_id", "id"),
            ("proxy", "proxy"),
            ("client_name", "client"),
            ("client_version", "version"),
            ("method", "method"),
            ("error_code", "code"),
            ("error_msg", "message"),
        ] {
            assert_eq!(row[key], nasty(name), "{key}");
        }
    }
    let all =
        |key: &str| -> HashSet<&str> { rows.iter().filter_map(|row| row[key].as_str()).collect() };
    assert!(all("tool").contains(nasty("tool").as_str()));
    assert!(all("resource_uri").contains(nasty("uri").as_str()));
    assert!(all("prompt_name").contains(nasty("prompt").as_str()));
    assert!(all("session_id").contains(nasty("session").as_str()));
    let document = home.succeed(&["session", "session:", "--json"]);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["session_id"], nasty("session"));
    let stats: Value = serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    let path = home.path("hostile\x1b[31m\u{202e}.log");
    assert_eq!(stats["files"][0]["path"], path.to_str().unwrap());
    // What was exported is recorded again as the same.
    let copy = Home::new();
    copy.record(&[&copy.write("exported", home.succeed(&["store", "export"]))]);
    let strip = |rows: Vec<Value>| -> Vec<Value> {
        rows.into_iter()
            .map(|mut row| {
                row.as_object_mut().unwrap().remove("seq");
                row
            })
            .collect()
    };
    assert_eq!(strip(copy.rows(&[])), strip(rows));
}

#[test]
fn messages_show_it_escaped() {
    let home = hostile();
    let name = "no\x1b[2J\u{202e}\u{9b}\r\nerror: forged";
    let near = home.path("hostile\x1b[31m\u{202e}.log");
    let near = near.to_str().unwrap();
    let cases: [&[&str]; 12] = [
        &["logs", "--db", name],
        &["logs", "--db", near],
        &["record", "--once", name],
        &["record", "--once", "--db", near, near],
        &["logs", "--since", name],
        &["logs", "--fields", name],
        &["logs", "--tool", "a[\x1b[31m"],
        &["logs", "--proxy", name],
        &["logs", "--session", "~"],
        &["session", name],
        &["session", "delete", name],
        &["store", "vacuum", "--before", name],
    ];
    for arguments in cases {
        let ran = Terminal::of(&home).env("NO_COLOR", "1").run(arguments);
        is_quiet(&format!("{arguments:?}"), &ran.out);
        let forged = ran.out.lines().any(|line| line == "error: forged");
        assert!(!forged, "{arguments:?}: {ran:?}");
    }
}

#[test]
fn usage_errors_show_it_escaped() {
    let home = Home::new();
    let name = "no\x1b[2J\u{202e}\u{9b}\r";
    let cases: [&[&str]; 6] = [
        &[name],
        &["logs", name],
        &["logs", &format!("--{name}")],
        &["logs", "--tail", name],
        &["logs", "--format", name],
        &["logs", "--min-latency", name],
    ];
    for arguments in cases {
        let ran = Terminal::of(&home).env("NO_COLOR", "1").run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran:?}");
        is_quiet(&format!("{arguments:?}"), &ran.out);
    }
}

#[test]
fn questions_show_it_escaped() {
    let home = hostile();
    let session = Terminal::of(&home)
        .env("NO_COLOR", "1")
        .start(&["session", "delete", "session:"]);
    session.expect("[y/N]");
    session.type_in("n\n");
    let ran = session.finish();
    is_quiet("session delete", &ran.out);
    let removed = Terminal::of(&home).run(&["session", "delete", "session:", "--yes"]);
    is_quiet("removed", &removed.out);
}

#[test]
fn no_cell_is_a_formula() {
    let home = Home::new();
    let formulas = [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
    ];
    let requests = formulas.map(|text| {
        json!({
            "type": "mcpr_request", "ts": 1_795_224_422_000_i64, "kind": "mcp",
            "request_id": text, "proxy": text, "client_name": text, "method": text,
            "tool": text, "error_kind": "rpc", "error_code": "-32602", "error_msg": text,
            "latency_us": 1,
        })
    });
    home.record(&[&home.write("formulas.log", ndjson(&requests))]);
    let fields =
        "request_id,proxy,client_name,method,tool,error_msg,error_code,client,target,outcome";
    let csv = home.succeed(&["logs", "--format", "csv", "--fields", fields]);
    let cells: Vec<&str> = csv
        .split("\r\n")
        .skip(1)
        .flat_map(|line| line.split(','))
        .filter(|cell| !cell.is_empty())
        .collect();
    assert_eq!(cells.len(), formulas.len() * 10, "{csv:?}");
    for cell in cells {
        let bare = cell.trim_start_matches('"');
        let is_number = bare.parse::<f64>().is_ok();
        assert!(
            is_number || !bare.starts_with(['=', '+', '-', '@', '\t', '\r']),
            "{cell:?}"
        );
    }
    assert!(csv.contains(",-32602,"), "numbers stay numbers: {csv:?}");
}
