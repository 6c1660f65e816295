//! `mcpr schema diff`: what is compared, what fails, how it is reported, and what cannot be compared.

use super::super::program::{Home, Ran, json_lines};
use super::{exchange, recorded, tool, tools};
use expect_test::expect;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;

/// Two files that differ in a required property and in a description.
fn files(home: &Home) {
    let mut reworded = tool("two", &[]);
    reworded["description"] = json!("does two things");
    home.write(
        "old.json",
        tools(&[tool("one", &[]), tool("two", &[])]).to_string(),
    );
    home.write(
        "new.json",
        tools(&[tool("one", &["a"]), reworded]).to_string(),
    );
}

fn diff(home: &Home, more: &[&str]) -> Ran {
    home.run(&[&["schema", "diff", "old.json", "new.json"], more].concat())
}

#[test]
fn nothing_found_has_no_line_of_ndjson() {
    let home = Home::new();
    files(&home);
    let ran = home.run(&[
        "schema", "diff", "old.json", "old.json", "--format", "ndjson",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
}

#[test]
fn accepting_again_replaces_the_entry_and_its_reason() {
    let home = Home::new();
    files(&home);
    for reason in ["first", "second"] {
        let words = ["--write-accept", "accept.json", "--reason", reason];
        let ran = diff(&home, &words);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let text = std::fs::read_to_string(home.path("accept.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let entries = file["accepted"].as_array().unwrap();
    let reasons: Vec<&Value> = entries.iter().map(|entry| &entry["reason"]).collect();
    assert_eq!(reasons, ["second"]);
}

#[test]
fn the_gates_decide_what_fails() {
    let home = Home::new();
    files(&home);
    let cases: [(&[&str], i32); 9] = [
        (&[], 1),
        (&["--fail-on", "never"], 0),
        (&["--fail-on", "never", "--fail-on-security", "review"], 1),
        (&["--ignore", "required-added"], 0),
        (&["--ignore", "required-added:one"], 0),
        (&["--ignore", "required-added:two"], 1),
        (&["--ignore", "required-added", "--fail-on", "any"], 1),
        (&["--ignore", "required-added", "--fail-on", "dangerous"], 0),
        (
            &[
                "--ignore",
                "required-added",
                "--ignore",
                "description-changed",
                "--fail-on",
                "any",
            ],
            0,
        ),
    ];
    for (arguments, code) in cases {
        let ran = diff(&home, arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?} {ran:?}");
    }
    let ran = diff(&home, &["--ignore", "required-added", "--json"]);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&document["ignored"], &document["failed"]),
        (&json!(1), &json!(false))
    );
}

#[test]
fn what_was_accepted_stays_accepted_until_it_expires() {
    let home = Home::new();
    files(&home);
    let ran = diff(
        &home,
        &["--write-accept", "accept.json", "--reason", "agreed"],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = diff(&home, &["--accept", "accept.json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("0 ignored, 1 accepted"), "{ran:?}");
    let text = std::fs::read_to_string(home.path("accept.json")).unwrap();
    let mut file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["accepted"][0]["reason"], "agreed");
    assert_eq!(file["accepted"][0]["rule"], "required-added");
    file["accepted"][0]["expires"] = json!("2026-01-01");
    home.write("expired.json", file.to_string());
    let ran = diff(&home, &["--accept", "expired.json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("expired on 2026-01-01"), "{ran:?}");
    let same = [
        "schema",
        "diff",
        "old.json",
        "old.json",
        "--accept",
        "accept.json",
    ];
    let ran = home.run(&same);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.err.contains("1 of 1 accepted findings are stale"),
        "{ran:?}"
    );
}

#[test]
fn every_format_is_what_it_says() {
    let home = Home::new();
    files(&home);
    let text = |format: &str| {
        let ran = diff(&home, &["--format", format]);
        assert_eq!(ran.code, Some(1), "{format} {ran:?}");
        ran.out
    };
    expect![[r"
        old: old.json
        new: new.json

        1 breaking, 1 cosmetic; 1 review
        requires: major

        tool one
          breaking: required-added /inputSchema/required
              a property became required: callers that left it out are refused
              after: a
              witness: {}

        tool two
          cosmetic, review: description-changed /description
              the description changed
              words: does two{+ things+}
    "]]
    .assert_eq(&text("text"));
    let document: Value = serde_json::from_str(&text("json")).unwrap();
    let findings = document["findings"].as_array().unwrap();
    assert_eq!(&json_lines(&text("ndjson")), findings);
    let sarif: Value = serde_json::from_str(&text("sarif")).unwrap();
    assert_eq!(
        sarif["runs"][0]["results"].as_array().unwrap().len(),
        findings.len()
    );
    assert!(text("markdown").starts_with("### MCP surface: 1 breaking"));
    assert!(text("github").starts_with("::error file=new.json,line=1,col="));
    assert!(text("junit").starts_with("<?xml"));
    let coloured = diff(&home, &["--color", "always"]).out;
    assert!(coloured.contains("\x1b[1;31m  breaking"), "{coloured:?}");
    let stripped = coloured
        .split('\x1b')
        .map(|part| {
            part.split_once('m').map_or(
                part,
                |(code, rest)| {
                    if code.starts_with('[') { rest } else { part }
                },
            )
        })
        .collect::<String>();
    assert_eq!(stripped, text("text"));
}

#[test]
fn one_of_the_two_may_come_through_a_pipe() {
    let home = Home::new();
    files(&home);
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": tools(&[tool("one", &["a"])])});
    let mut child = home
        .command(&["schema", "diff", "old.json", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(answer.to_string().as_bytes())
        .unwrap();
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&ran.stdout).unwrap();
    let rules: Vec<&Value> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["rule"])
        .collect();
    assert_eq!(rules, ["required-added", "tool-removed"]);
}

#[test]
fn what_cannot_be_compared_is_an_error_that_says_why() {
    let home = recorded();
    files(&home);
    home.write("text.json", "hello");
    home.write("empty.json", "{}");
    home.write(
        "error.json",
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#,
    );
    home.write("bytes.json", b"\xff\xfe");
    home.write("accept.json", "[]");
    home.write(
        "unknown.json",
        r#"{"accepted": [{"fingerprint": "f", "rule": "no-such", "item": "t", "reason": "r"}]}"#,
    );
    let cases: [(&[&str], &str); 19] = [
        (&["old.json"], "2 values required"),
        (&["old.json", "nowhere.json"], "cannot read nowhere.json"),
        (&["-", "-"], "only one of the two can be standard input"),
        (&["old.json", "text.json"], "text.json: "),
        (&["old.json", "empty.json"], "no list in it"),
        (&["old.json", "error.json"], "the answer is an error"),
        (&["old.json", "bytes.json"], "invalid UTF-8 at byte 0"),
        (
            &["old.json", "new.json", "--accept", "accept.json"],
            "is not an accept file",
        ),
        (
            &["old.json", "new.json", "--accept", "unknown.json"],
            "no rule `no-such`; `mcpr schema rules` lists them",
        ),
        (
            &["old.json", "new.json", "--accept", "none.json"],
            "cannot read the accept file",
        ),
        (
            &["old.json", "new.json", "--ignore", "no-such-rule"],
            "no rule `no-such-rule`",
        ),
        (
            &["--format", "sarif"],
            "which proxy? this --format is about one server",
        ),
        (&["--from", "1"], "add --proxy everything; there are lists"),
        (
            &["--proxy", "nobody"],
            "there are lists of `everything`, `weather`",
        ),
        (&["--proxy", "wether"], "did you mean `weather`?"),
        (
            &["--proxy", "weather", "--to", "7"],
            "there are versions 1 to 2 of tools/list",
        ),
        (
            &["--proxy", "weather", "--from", "@5"],
            "nothing of any list",
        ),
        (
            &["--proxy", "weather", "--against", "weather"],
            "compared with itself",
        ),
        (&["--proxy", "weather", "--method", "dreams"], "tools/list"),
    ];
    for (arguments, says) in cases {
        let ran = home.run(&[&["schema", "diff"], arguments].concat());
        assert_eq!(ran.code, Some(2), "{arguments:?} {ran:?}");
        assert!(ran.err.contains(says), "{arguments:?} {ran:?}");
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn without_a_name_each_server_of_a_store_is_compared_in_turn() {
    let home = recorded();
    // What is reported about calls begins at a time that is the same in all of them.
    let run = |more: &[&str]| {
        let line = [
            "schema",
            "diff",
            "--since",
            "2026-11-20",
            "--fail-on",
            "any",
        ];
        home.run(&[&line[..], more].concat())
    };
    let shown = run(&[]);
    let of_one = |name: &str| run(&["--proxy", name]);
    let (everything, weather) = (of_one("everything"), of_one("weather"));
    assert!(
        everything.err.contains("only one version was seen"),
        "{everything:?}"
    );
    assert_eq!(
        shown.out,
        format!(
            "── everything ──\n{}\n── weather ──\n{}",
            everything.err, weather.out
        )
    );
    assert_eq!((shown.code, shown.err.as_str()), (Some(1), ""));
    // A script gets a document for each, in the shape that one has.
    let documents = json_lines(&run(&["--json"]).out);
    let one = json_lines(&run(&["--json", "-p", "weather"]).out);
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[1], one[0]);
    // Only those that have shown what is asked for.
    let line = exchange(
        1_795_224_422_000,
        "s",
        "tools/list",
        &tools(&[tool("one", &[])]),
    );
    home.record(&[&home.write("small.log", line + "\n")]);
    assert!(run(&[]).out.contains("── small ──"));
    let resources = run(&["--method", "resources"]).out;
    assert!(
        resources.contains("── weather ──") && !resources.contains("small"),
        "{resources}"
    );
}

#[test]
fn versions_proxies_and_times_are_compared() {
    let home = recorded();
    let run = |arguments: &[&str]| {
        let ran = home.run(&[&["schema", "diff", "--json"], arguments].concat());
        let document: Value = serde_json::from_str(&ran.out).unwrap();
        let findings = document["findings"].as_array().unwrap();
        let rules: Vec<String> = findings
            .iter()
            .map(|it| {
                format!(
                    "{} {}",
                    it["rule"].as_str().unwrap(),
                    it["item"].as_str().unwrap()
                )
            })
            .collect();
        (ran.code.unwrap(), rules)
    };
    let added = (0, vec!["tool-added send_email".to_owned()]);
    for arguments in [
        &["--proxy", "weather"][..],
        &["--proxy", "weather", "--from", "1", "--to", "2"],
        &[
            "--proxy",
            "weather",
            "--from",
            "@1795224610",
            "--method",
            "tools",
        ],
        &["--proxy", "weather", "--from", "v1"],
    ] {
        assert_eq!(run(arguments), added, "{arguments:?}");
    }
    let (code, rules) = run(&["--proxy", "weather", "--from", "2", "--to", "1"]);
    assert_eq!(
        (code, rules),
        (1, vec!["tool-removed send_email".to_owned()])
    );
    let (code, rules) = run(&["--proxy", "weather", "--against", "everything"]);
    assert_eq!(code, 1);
    assert!(rules.contains(&"tool-removed echo".to_owned()), "{rules:?}");
    assert!(
        rules.contains(&"tool-added send_email".to_owned()),
        "{rules:?}"
    );
    assert_eq!(run(&["--proxy", "everything"]), (0, Vec::new()));
}
