//! What `mcpr schema diff` reads, whom it judges for, and where it says that findings stand.

use super::super::program::{Home, Ran, json_lines};
use super::{exchange, store_of, tool, tools};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn diff(home: &Home, arguments: &[&str]) -> Ran {
    home.run(&[&["schema", "diff"], arguments].concat())
}

/// `rule item` of each finding, and the exit code.
fn found(home: &Home, arguments: &[&str]) -> (i32, Vec<String>) {
    let ran = diff(home, &[arguments, &["--json"]].concat());
    let document: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let findings = document["findings"].as_array().unwrap();
    let shown = findings.iter().map(|it| {
        let text = |key: &str| it[key].as_str().unwrap();
        format!("{} {}", text("rule"), text("item"))
    });
    (ran.code.unwrap(), shown.collect())
}

fn one(required: &[&str]) -> Value {
    tool("one", required)
}

const BREAKS: [&str; 1] = ["required-added one"];

#[test]
fn lists_are_read_in_whatever_they_come() {
    let home = Home::new();
    home.write("old.json", tools(&[one(&[]), tool("two", &[])]).to_string());
    let new = [one(&["a"]), tool("two", &[])];
    let answer = |result: Value| json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
    let log = "\u{1b}[32mINFO\u{1b}[0m up\n[info] listening\n";
    let ping = json!({"jsonrpc": "2.0", "method": "notifications/message"}).to_string();
    let page = |tools: &[Value], next: Option<&str>| {
        let mut page = json!({ "tools": tools });
        page["nextCursor"] = json!(next);
        answer(page)
    };
    let cases = [
        ("array.json", json!(new).to_string()),
        (
            "stdout.ndjson",
            format!("{log}{ping}\n{}\n", answer(tools(&new))),
        ),
        (
            "pages.ndjson",
            format!(
                "{}\n{}\n",
                page(&new[..1], Some("2")),
                page(&new[1..], None)
            ),
        ),
        ("batch.json", format!("[{ping},{}]", answer(tools(&new)))),
    ];
    for (name, text) in cases {
        home.write(name, text);
        let expected = (1, BREAKS.map(str::to_owned).to_vec());
        assert_eq!(found(&home, &["old.json", name]), expected, "{name}");
    }
    let ran = diff(&home, &["old.json", "stdout.ndjson"]);
    assert!(
        ran.err
            .contains("2 lines that are not JSON were passed over"),
        "{ran:?}"
    );
    // What was cut is not a list, and never passes for a shorter one.
    home.write(
        "cut.ndjson",
        format!("{ping}\n{}", &answer(tools(&new))[..80]),
    );
    let ran = diff(&home, &["old.json", "cut.ndjson"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    // The line's own column; that it is the first line of itself says nothing.
    let words = "cut.ndjson: line 2: not JSON: EOF while parsing";
    assert!(ran.err.contains(words), "{ran:?}");
    assert!(ran.err.contains(" at column "), "{ran:?}");
    assert!(!ran.err.contains("line 1"), "{ran:?}");
    home.write("empty.json", " \n");
    let ran = diff(&home, &["empty.json", "cut.ndjson"]);
    assert!(ran.err.contains("empty.json: it is empty"), "{ran:?}");
}

#[test]
fn our_own_output_is_read() {
    let lines = [
        exchange(1_795_000_000, "s1", "tools/list", &tools(&[one(&[])])),
        exchange(1_795_000_100, "s1", "tools/list", &tools(&[one(&["a"])])),
    ];
    let home = store_of(&lines);
    home.write("rows.ndjson", home.succeed(&["schema", "--json"]));
    home.write("rows.json", home.succeed(&["schema", "--format", "json"]));
    home.write("old.json", tools(&[one(&[])]).to_string());
    for name in ["rows.ndjson", "rows.json"] {
        let expected = (1, BREAKS.map(str::to_owned).to_vec());
        assert_eq!(found(&home, &["old.json", name]), expected, "{name}");
    }
    let mut rows = json_lines(&home.succeed(&["schema", "--json"]));
    let mut other = rows[0].clone();
    other["proxy"] = json!("other");
    rows.push(other);
    let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    home.write("two.ndjson", rows.join("\n"));
    let ran = diff(&home, &["old.json", "two.ndjson"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.err.contains("lists of several proxies: other, srv"),
        "{ran:?}"
    );
}

fn git(home: &Home, words: &[&str]) {
    let ran = Command::new("git")
        .current_dir(home.path(""))
        .env("HOME", home.path(""))
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@t.example",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(words)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{words:?}: {ran:?}");
}

#[test]
fn directories_and_revisions_are_read() {
    let home = Home::new();
    fs::create_dir_all(home.path("snaps/deep")).unwrap();
    home.write("snaps/one.snap", one(&[]).to_string());
    home.write("snaps/two.json", tool("two", &[]).to_string());
    home.write("snaps/notes.txt", "not read");
    git(&home, &["init", "-q"]);
    git(&home, &["add", "."]);
    git(&home, &["commit", "-qm", "first"]);
    home.write("snaps/one.snap", one(&["a"]).to_string());
    let expected = (1, BREAKS.map(str::to_owned).to_vec());
    assert_eq!(found(&home, &["HEAD:snaps", "snaps"]), expected);
    let both = ["HEAD:snaps/one.snap", "snaps/one.snap"];
    assert_eq!(found(&home, &both), expected);
    let parts = [
        "--old",
        "HEAD:snaps/one.snap",
        "--old",
        "snaps/two.json",
        "--new",
        "snaps",
    ];
    assert_eq!(found(&home, &parts), expected);
    for (arguments, says) in [
        (&["HEAD:nowhere", "snaps"][..], "cannot read HEAD:nowhere"),
        (&["--old", "snaps"], "one of the two sides has no file"),
        (
            &["snaps/deep", "snaps"],
            "no file in it ends with .json or .snap",
        ),
    ] {
        let ran = diff(&home, arguments);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(says), "{ran:?}");
    }
}

fn upgrades() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/corpora");
    let text = fs::read_to_string(path.join("server-upgrades.ndjson")).unwrap();
    json_lines(&text)
}

/// The value that begins on a line and column.
fn value_at(text: &str, place: &Value) -> Value {
    let number = |key: &str| usize::try_from(place[key].as_u64().unwrap()).unwrap();
    let line = text.lines().nth(number("line") - 1).unwrap();
    let begin: usize = line
        .chars()
        .take(number("column") - 1)
        .map(char::len_utf8)
        .sum();
    let at = line.as_ptr() as usize - text.as_ptr() as usize + begin;
    let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
    values.next().unwrap().unwrap()
}

#[test]
fn findings_of_real_upgrades_stand_where_they_are_reported_to_stand() {
    let home = Home::new();
    let mut seen = 0;
    for upgrade in upgrades() {
        let pretty = |side: &str| serde_json::to_string_pretty(&upgrade[side]).unwrap();
        let (old, new) = (pretty("old"), pretty("new"));
        home.write("old.json", &old);
        home.write("new.json", &new);
        let ran = diff(&home, &["old.json", "new.json", "--format", "ndjson"]);
        let findings = json_lines(&ran.out);
        for finding in &findings {
            let check = |place: &Value, side: &str, text: &str| {
                let pointer = place["pointer"].as_str().unwrap();
                let value = upgrade[side].pointer(pointer);
                assert_eq!(
                    value,
                    Some(&value_at(text, place)),
                    "{} {finding}",
                    upgrade["id"]
                );
            };
            check(&finding["location"], "new", &new);
            if !finding["before"].is_null() {
                check(&finding["old_location"], "old", &old);
            }
            // Plain members are found themselves, and not only what is around them.
            let is_plain = finding["after"].is_string() && finding["pointer"] == "/description";
            if is_plain && finding["rule"] == "description-changed" {
                let place = value_at(&new, &finding["location"]);
                assert_eq!(place, finding["after"], "{finding}");
            }
            seen += 1;
        }
        let sarif = diff(&home, &["old.json", "new.json", "--format", "sarif"]).out;
        let sarif: Value = serde_json::from_str(&sarif).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let place = |result: &Value| {
            let region = &result["locations"][0]["physicalLocation"]["region"];
            (region["startLine"].clone(), region["startColumn"].clone())
        };
        let expected = findings.iter().map(|finding| {
            let at = &finding["location"];
            (at["line"].clone(), at["column"].clone())
        });
        assert!(results.iter().map(place).eq(expected), "{}", upgrade["id"]);
        let markdown = diff(&home, &["old.json", "new.json", "--format", "markdown"]).out;
        assert!(
            markdown.len() <= 60_000,
            "{}: {}",
            upgrade["id"],
            markdown.len()
        );
    }
    assert!(seen > 1_000, "only {seen} findings");
}

#[test]
fn flags_stand_above_settings_and_settings_above_defaults() {
    let home = Home::new();
    home.write("old.json", tools(&[one(&[])]).to_string());
    let mut changed = one(&[]);
    changed["inputSchema"]["properties"]["a"]["default"] = json!("x");
    home.write("new.json", tools(&[changed]).to_string());
    let both = ["old.json", "new.json"];
    let code = |more: &[&str]| diff(&home, &[&both[..], more].concat()).code.unwrap();
    assert_eq!(code(&[]), 0);
    assert_eq!(code(&["--severity", "default-changed=breaking"]), 1);
    home.write("own.toml", "[severity]\ndefault-changed = \"breaking\"\n");
    assert_eq!(code(&["--config", "own.toml"]), 1);
    let set: PathBuf = home.path(".mcpr");
    fs::create_dir_all(&set).unwrap();
    home.write(
        ".mcpr/schema.toml",
        "for = \"maintainer\"\nfail-on = \"breaking\"\n[severity]\ndefault-changed = \"undecided\"\n",
    );
    assert_eq!(code(&[]), 0);
    assert_eq!(code(&["--fail-on", "undecided"]), 1);
    assert_eq!(code(&["--severity", "default-changed=breaking"]), 1);
    let document = diff(&home, &["old.json", "new.json", "--json"]).out;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["for"], "maintainer");
    for (text, says) in [
        (
            "for = \"me\"",
            "for: no `me`; there are maintainer, consumer",
        ),
        ("[severity]\nno-rule = \"breaking\"", "no rule `no-rule`"),
        ("[severity]\ndefault-changed = \"bad\"", "no level `bad`"),
        ("unknown = 1", "unknown field `unknown`"),
        ("= 1", "schema.toml"),
    ] {
        home.write(".mcpr/schema.toml", text);
        let ran = diff(&home, &both);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(says), "{says}: {ran:?}");
    }
}

#[test]
fn in_ci_files_are_judged_for_their_maintainer() {
    let home = Home::new();
    let described = |text: &str| {
        let mut tool = one(&[]);
        tool["annotations"] = json!({"destructiveHint": text == "old"});
        tools(&[tool]).to_string()
    };
    home.write("old.json", described("old"));
    home.write("new.json", described("new"));
    let code = |ci: &str, more: &[&str]| {
        let words = [&["schema", "diff", "old.json", "new.json"], more].concat();
        let ran = home.command(&words).env("CI", ci).output().unwrap();
        ran.status.code().unwrap()
    };
    assert_eq!(code("true", &[]), 0);
    assert_eq!(code("true", &["--for", "consumer"]), 1);
    assert_eq!(code("false", &[]), 1);
    assert_eq!(code("", &["--for", "maintainer"]), 0);
}

#[test]
fn a_renamed_tool_is_compared_with_what_it_was() {
    let home = Home::new();
    let named = |name: &str, required: &[&str]| tools(&[tool(name, required)]).to_string();
    home.write("old.json", named("do-it", &[]));
    home.write("new.json", named("do_it", &["a"]));
    let expected = ["required-added do_it", "tool-removed do-it"].map(str::to_owned);
    let (code, mut rules) = found(&home, &["old.json", "new.json"]);
    rules.retain(|rule| !rule.starts_with("description-changed"));
    rules.sort();
    assert_eq!((code, rules), (1, expected.to_vec()));
    let text = diff(&home, &["old.json", "new.json"]).out;
    assert!(text.contains("do_it took its place: renamed"), "{text}");
    // Tools without parameters take the same, and are not the same for that.
    let bare = |name: &str| json!({"name": name, "inputSchema": {"type": "object"}});
    home.write("old.json", tools(&[bare("page_close")]).to_string());
    home.write("new.json", tools(&[bare("page_open")]).to_string());
    let expected = ["tool-removed page_close", "tool-added page_open"].map(str::to_owned);
    let (_, mut rules) = found(&home, &["old.json", "new.json"]);
    rules.sort();
    rules.reverse();
    assert_eq!(rules, expected);
}

#[test]
fn the_next_version_is_reported() {
    let home = Home::new();
    let surface = |version: &str, tools: Vec<Value>| {
        json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
            "serverInfo": {"name": "s", "version": version}, "tools": tools})
        .to_string()
    };
    let shown = |old: (&str, Vec<Value>), new: (&str, Vec<Value>)| {
        home.write("old.json", surface(old.0, old.1));
        home.write("new.json", surface(new.0, new.1));
        let ran = diff(
            &home,
            &["old.json", "new.json", "--json", "--fail-on", "never"],
        );
        let document: Value = serde_json::from_str(&ran.out).unwrap();
        let requires = document["requires"].as_str().unwrap().to_owned();
        (requires, document["version_is_enough"].as_bool())
    };
    let breaks = || vec![one(&["a"])];
    let more = || vec![one(&[]), tool("two", &[])];
    let old = || vec![one(&[])];
    let expected = |word: &str, enough| (word.to_owned(), enough);
    assert_eq!(
        shown(("1.2.0", old()), ("1.3.0", breaks())),
        expected("major", Some(false))
    );
    assert_eq!(
        shown(("1.2.0", old()), ("v2.0", breaks())),
        expected("major", Some(true))
    );
    assert_eq!(
        shown(("0.2.0", old()), ("0.3.0", breaks())),
        expected("major", Some(true))
    );
    assert_eq!(
        shown(("1.2.0", old()), ("1.2.1", more())),
        expected("minor", Some(false))
    );
    assert_eq!(
        shown(("main", old()), ("main", more())),
        expected("minor", None)
    );
    home.write("new.json", surface("1.3.0", breaks()));
    home.write("old.json", surface("1.2.0", old()));
    let lines = diff(&home, &["old.json", "new.json", "--format", "changelog"]).out;
    assert!(
        lines.starts_with("- **Breaking:** tool `one`: a property became required"),
        "{lines}"
    );
}
