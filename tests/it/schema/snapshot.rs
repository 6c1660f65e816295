//! `mcpr schema snapshot` and `check`: a server that is asked, and the file that is made of it.

use super::super::program::{Home, Ran};
use super::{tool, tools};
use serde_json::{Value, json};
use std::fs;

/// Answers by lines: what it shows of itself stands in `server.json`, its tools in `tools.json`, each
/// on one line. A server of 2026-07-28 does not know `initialize`.
const SERVER: &str = r#"
era=$1
echo "starting, token ghp_0123456789abcdefghijklmnopqrstuvwxyzAB" >&2
echo "a line that is not a message"
while read -r line; do
  id=${line#*\"id\":}; id=${id%%[,\}]*}
  answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
  refuse() { printf '{"jsonrpc":"2.0","id":%s,"error":{"code":%s,"message":"no"}}\n' "$id" "$1"; }
  case $era-$line in
    legacy-*'"method":"initialize"'*) answer "$(cat server.json)";;
    modern-*'"method":"initialize"'*) refuse -32022;;
    modern-*'"method":"server/discover"'*2026-07-28*) answer "$(cat server.json)";;
    modern-*'"method":"tools/list"'*2026-07-28*) answer "$(cat tools.json)";;
    legacy-*'"method":"tools/list"'*) answer "$(cat tools.json)";;
    *'"id":'*) refuse -32601;;
  esac
done
"#;

/// A directory with a server, and what it shows.
pub(super) fn server(shown: &[Value]) -> Home {
    let home = Home::new();
    home.write("server.sh", SERVER);
    let answer = json!({"protocolVersion": "2025-11-25", "serverInfo": {"name": "s", "version": "1.0.0"},
        "capabilities": {"tools": {}, "prompts": {}}});
    home.write("server.json", answer.to_string());
    home.write("tools.json", tools(shown).to_string());
    home
}

pub(super) fn run(home: &Home, words: &[&str], server: &[&str]) -> Ran {
    home.run(&[&["schema"], words, &["--"], server].concat())
}

pub(super) const LEGACY: [&str; 3] = ["sh", "server.sh", "legacy"];

pub(super) fn text(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path(name)).unwrap()
}

#[test]
fn a_snapshot_is_sorted_signed_and_without_secrets() {
    let mut secret = tool("b", &[]);
    secret["description"] = json!("Reads postgres://app:s3cr3t-word@db.example/x");
    let home = server(&[secret, tool("a", &[])]);
    let words = ["snapshot", "-o", "tools.lock.json"];
    let ran = run(&home, &words, &LEGACY);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let first = text(&home, "tools.lock.json");
    assert!(!first.contains("s3cr3t-word"), "{first}");
    let snapshot: Value = serde_json::from_str(&first).unwrap();
    let names: Vec<&Value> = snapshot["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["a", "b"]);
    // The prompts were promised, and refused: there is no such list.
    assert!(snapshot.get("prompts").is_none(), "{first}");
    // The order of an answer says nothing.
    let mut listed: Value = serde_json::from_str(&text(&home, "tools.json")).unwrap();
    listed["tools"].as_array_mut().unwrap().reverse();
    home.write("tools.json", listed.to_string());
    assert_eq!(run(&home, &["snapshot"], &LEGACY).out, first);
    let modern = run(&home, &["snapshot"], &["sh", "server.sh", "modern"]);
    assert_eq!(modern.out, first, "{modern:?}");
    let ran = home.run(&["schema", "diff", "tools.lock.json", "tools.lock.json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    home.write("edited.json", first.replace("does a", "does more"));
    let ran = home.run(&["schema", "diff", "tools.lock.json", "edited.json"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.err
            .contains("the snapshot was changed after it was taken"),
        "{ran:?}"
    );
}

#[test]
fn a_check_says_no_until_the_snapshot_is_updated() {
    let home = server(&[tool("one", &[])]);
    let check = |more: &[&str]| {
        let words = [&["check", "--baseline", "tools.lock.json"], more].concat();
        run(&home, &words, &LEGACY)
    };
    let ran = check(&[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("no snapshot tools.lock.json"), "{ran:?}");
    assert_eq!(check(&["--update"]).code, Some(0));
    let ran = check(&[]);
    assert_eq!(
        (ran.code, ran.out.contains("nothing changed")),
        (Some(0), true),
        "{ran:?}"
    );
    home.write("tools.json", tools(&[tool("one", &["a"])]).to_string());
    let ran = check(&[
        "--format",
        "github",
        "--also",
        "sarif=out.sarif",
        "--also",
        "markdown=out.md",
    ]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let place = "::error file=tools.lock.json,line=";
    assert!(
        ran.out.lines().any(|line| line.starts_with(place)),
        "{ran:?}"
    );
    assert!(text(&home, "out.md").starts_with("### MCP surface: 1 breaking"));
    let sarif: Value = serde_json::from_str(&text(&home, "out.sarif")).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let uri = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "tools.lock.json");
    let ran = check(&["--update"]);
    assert_eq!(
        (ran.code, ran.out.contains("required-added")),
        (Some(0), true),
        "{ran:?}"
    );
    assert_eq!(check(&[]).code, Some(0));
    let ran = check(&["--also", "pdf=x"]);
    assert_eq!(
        (ran.code, ran.err.contains("no format `pdf`")),
        (Some(2), true),
        "{ran:?}"
    );
}

#[test]
fn a_server_that_fails_is_reported_with_its_message() {
    let home = server(&[]);
    let check = |server: &[&str], more: &[&str], says: &[&str]| {
        let words = [&["snapshot"], more].concat();
        let ran = run(&home, &words, server);
        assert_eq!((ran.code, &*ran.out), (Some(2), ""), "{server:?} {ran:?}");
        for words in says {
            assert!(ran.err.contains(words), "{words}: {ran:?}");
        }
        assert!(!ran.err.contains("ghp_0123456789"), "{ran:?}");
    };
    check(
        &["./no-such-server"],
        &[],
        &["cannot run `./no-such-server`"],
    );
    check(
        &["sh", "-c", "echo no database >&2; exit 3"],
        &[],
        &[
            "the server ended before it answered initialize (exit status: 3)",
            "no database",
        ],
    );
    check(
        &["sh", "-c", "echo waiting >&2; cat > /dev/null"],
        &["--timeout", "300ms"],
        &["no answer to initialize within 300 ms", "waiting"],
    );
    home.write("tools.json", "{}");
    check(
        &LEGACY,
        &[],
        &[
            "the answer to tools/list is not as it should be",
            "starting, token [redacted",
        ],
    );
}
