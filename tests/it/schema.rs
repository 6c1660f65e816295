//! `mcpr schema`: what servers showed, version by version, and the verdict on a change.

use super::program::{Home, Ran, capture, json_lines};
use expect_test::expect;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;

/// A store with both captured servers of 0.5.
fn recorded() -> Home {
    let home = Home::new();
    home.record(&[
        &capture("mcpr-0.5.44/everything.stderr.log"),
        &capture("mcpr-0.5.44/weather.stderr.log"),
    ]);
    home
}

/// A call and its answer in a session, as mcpr 0.5 prints them.
fn exchange(ts: i64, session: &str, method: &str, result: &Value) -> String {
    exchange_with(ts, session, (method, &json!({})), result)
}

fn exchange_with(
    ts: i64,
    session: &str,
    (method, params): (&str, &Value),
    result: &Value,
) -> String {
    json!({
        "type": "transaction", "ts": ts, "request_id": "1", "session_id": session,
        "latency_us": 5, "upstream_us": 4,
        "request": {"kind": "mcp", "rpc": {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}},
        "response": {"kind": "mcp", "result": {"jsonrpc": "2.0", "id": 1, "result": result}},
    })
    .to_string()
}

fn notice(ts: i64, session: &str, method: &str) -> String {
    json!({
        "type": "transaction", "ts": ts, "request_id": "n", "session_id": session,
        "latency_us": 5, "upstream_us": 4,
        "request": {"kind": "mcp", "rpc": {"jsonrpc": "2.0", "method": method}},
        "response": {"kind": "http", "status": 202, "size": 0},
    })
    .to_string()
}

fn tool(name: &str, required: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> = ["a", "b"]
        .iter()
        .map(|name| ((*name).to_owned(), json!({"type": "string"})))
        .collect();
    json!({"name": name, "description": format!("does {name}"),
        "inputSchema": {"type": "object", "properties": properties, "required": required}})
}

fn tools(tools: &[Value]) -> Value {
    json!({ "tools": tools })
}

/// A store of one proxy `srv` with these lines.
fn store_of(lines: &[String]) -> Home {
    let home = Home::new();
    let stream = home.write("srv.log", lines.join("\n") + "\n");
    home.record(&[&stream]);
    home
}

/// `method version change item` of each change.
fn changes(home: &Home, arguments: &[&str]) -> Vec<String> {
    let lines = home.succeed(&[&["schema", "changes", "--json"], arguments].concat());
    let told = |row: &Value| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {} {} {}",
            text("proxy"),
            text("method"),
            row["version"],
            text("change"),
            text("item"),
            text("compatibility"),
        )
    };
    json_lines(&lines).iter().map(told).collect()
}

#[test]
fn the_captured_servers_have_the_history_they_had() {
    let home = recorded();
    let all = changes(&home, &[]);
    let news: Vec<&String> = all
        .iter()
        .filter(|line| !line.contains("initial"))
        .collect();
    assert_eq!(
        news,
        ["weather tools/list 2 tool_added send_email compatible"]
    );
    let count = |proxy: &str| all.iter().filter(|line| line.starts_with(proxy)).count();
    assert_eq!((count("everything"), count("weather")), (5, 6));
    // The same servers as mcpr 0.4 told of them.
    let older = Home::new();
    older.record(&[&capture("mcpr-0.4.64/cloud.ndjson")]);
    let list = |home: &Home, proxy: &str| {
        let lines = home.succeed(&["schema", "--json", "--proxy", proxy, "--method", "tools"]);
        let row = json_lines(&lines).remove(0);
        let tools = row["payload"]["tools"].as_array().unwrap().clone();
        let schema = |tool: &Value| (tool["name"].clone(), tool["inputSchema"].clone());
        let mut schemas: Vec<_> = tools.iter().map(schema).collect();
        schemas.sort_by_key(|(name, _)| name.to_string());
        (row["sha256"].clone(), schemas)
    };
    assert_eq!(list(&home, "everything"), list(&older, "everything"));
}

#[test]
fn the_newest_surface_is_a_page_for_people() {
    let home = recorded();
    let text = home.succeed(&["schema", "--proxy", "weather", "--utc"]);
    expect![[r"
        weather: weather-app 1.4.0, protocol 2025-06-18
        offers logging, prompts, resources, tools
        LIST                      CAPTURED  VERSION  ITEMS  FIRST SEEN                LAST SEEN
        initialize                complete        1      -  2026-11-21 01:29:30.000Z  2026-11-21 01:30:16.000Z
        tools/list                complete        2      4  2026-11-21 01:30:16.000Z  2026-11-21 01:30:16.000Z
        prompts/list              complete        1      1  2026-11-21 01:30:08.000Z  2026-11-21 01:30:16.000Z
        resources/list            complete        1      1  2026-11-21 01:30:08.000Z  2026-11-21 01:30:16.000Z
        resources/templates/list  complete        1      1  2026-11-21 01:30:08.000Z  2026-11-21 01:30:16.000Z

        tools/list
        ITEM             DESCRIPTION
        create_order     Create a new order
        search_products  Search the product catalog by keyword
        send_email       Send an email
        slow_report      Builds a report slowly

        prompts/list
        ITEM   DESCRIPTION
        greet

        resources/list
        ITEM          DESCRIPTION
        config://app

        resources/templates/list
        ITEM                 DESCRIPTION
        user://{id}/profile
    "]].assert_eq(&text);
    let rows = json_lines(&home.succeed(&["schema", "--json", "--proxy", "weather"]));
    assert!(
        rows.iter().all(|row| row["captured"] == "complete"),
        "{rows:?}"
    );
    let at = |time: &str| {
        let lines = home.succeed(&[
            "schema",
            "--json",
            "--proxy",
            "weather",
            "--method",
            "tools/list",
            "--at",
            time,
        ]);
        json_lines(&lines)[0]["version"].clone()
    };
    assert_eq!((at("@1795224610"), at("@1795224620")), (json!(1), json!(2)));
    let none = home.run(&["schema", "--proxy", "nobody", "--json"]);
    assert_eq!((none.code, none.out.as_str()), (Some(0), ""));
    assert!(none.err.contains("`everything`, `weather`"), "{none:?}");
    let old_name = home.succeed(&["proxy", "schema", "weather", "--utc"]);
    assert_eq!(old_name, text);
}

#[test]
fn lists_that_were_not_seen_whole_make_no_version() {
    let first = json!({"tools": [tool("one", &[])], "nextCursor": "2"});
    let second = json!({"tools": [tool("two", &[])]});
    let page = |ts: i64, session: &str, cursor: &str, result: &Value| {
        exchange_with(
            ts,
            session,
            ("tools/list", &json!({"cursor": cursor})),
            result,
        )
    };
    let home = store_of(&[
        exchange(1_795_000_000, "s1", "tools/list", &first),
        exchange(1_795_000_001, "s2", "tools/call", &json!({})),
        page(1_795_000_002, "s2", "2", &second),
    ]);
    let row = |home: &Home| {
        let lines = home.succeed(&["schema", "--json", "--method", "tools"]);
        let row = json_lines(&lines).remove(0);
        (row["captured"].clone(), row["items"].clone())
    };
    assert_eq!(row(&home), (json!("partial"), Value::Null));
    assert!(changes(&home, &[]).is_empty());
    let stream = home.path("srv.log");
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&stream)
        .unwrap();
    writeln!(file, "{}", page(1_795_000_003, "s1", "2", &second)).unwrap();
    home.record(&[&stream]);
    assert_eq!(row(&home), (json!("complete"), json!(2)));
    assert_eq!(changes(&home, &[]), ["srv tools/list 1 initial - -"]);
}

#[test]
fn order_notes_and_hints_for_caches_make_no_version() {
    let mut noted = tool("one", &["a"]);
    noted["_meta"] = json!({"build": 7});
    let mut whole = tools(&[tool("two", &[]), noted]);
    whole["ttlMs"] = json!(5000);
    let home = store_of(&[
        exchange(
            1,
            "s1",
            "tools/list",
            &tools(&[tool("one", &["a"]), tool("two", &[])]),
        ),
        exchange(2, "s2", "tools/list", &whole),
        exchange(
            3,
            "s2",
            "tools/list",
            &tools(&[tool("one", &["a"]), tool("two", &["a"])]),
        ),
    ]);
    assert_eq!(
        changes(&home, &[]),
        [
            "srv tools/list 1 initial - -",
            "srv tools/list 2 tool_modified two breaking"
        ]
    );
}

#[test]
fn what_was_announced_and_who_saw_what_is_told() {
    let (old, new) = (tools(&[tool("one", &[])]), tools(&[tool("one", &["a"])]));
    let hello = |ts: i64, session: &str, client: &str| {
        let params = json!({"clientInfo": {"name": client, "version": "1"}});
        let answer = json!({"protocolVersion": "2025-06-18", "capabilities": {},
            "serverInfo": {"name": "srv", "version": "1"}});
        exchange_with(ts, session, ("initialize", &params), &answer)
    };
    let call = json!({"name": "one", "arguments": {}});
    let home = store_of(&[
        hello(1_795_000_000, "s1", "alpha"),
        hello(1_795_000_000, "s2", "beta"),
        exchange(1_795_000_001, "s1", "tools/list", &old),
        exchange_with(1_795_000_002, "s1", ("tools/call", &call), &json!({})),
        notice(1_795_000_003, "s2", "notifications/tools/list_changed"),
        exchange(1_795_000_004, "s2", "tools/list", &new),
        exchange_with(1_795_000_005, "s1", ("tools/call", &call), &json!({})),
        exchange(1_795_000_006, "s1", "tools/list", &old),
    ]);
    let lines = home.succeed(&["schema", "changes", "--json", "--method", "tools"]);
    let told: Vec<Value> = json_lines(&lines)
        .iter()
        .map(|row| json!([row["client_name"], row["announced"], row["equivocation"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["alpha", false, false]),
            json!(["beta", true, false]),
            json!(["alpha", false, true])
        ]
    );
    let diff = |from: &str, to: &str| -> Value {
        let words = [
            "schema", "diff", "--from", from, "--to", to, "--json", "--since", "@0",
        ];
        serde_json::from_str(&home.run(&words).out).unwrap()
    };
    let document = diff("1", "2");
    assert_eq!(document["findings"][0]["rule"], "required-added");
    assert_eq!(document["findings"][0]["witness"], json!({}));
    let version = &document["versions"][0];
    assert_eq!(version["announced"], true);
    assert_eq!(version["after"]["ts"], 1_795_000_002_000_i64);
    assert_eq!(version["before"]["ts"], 1_795_000_005_000_i64);
    let usage = json!([{"kind": "tool", "item": "one", "calls": 2, "errors": 0,
        "clients": [{"client_name": "alpha", "calls": 2}]}]);
    assert_eq!(document["usage"], usage);
    assert_eq!(diff("2", "3")["versions"][0]["equivocation"], true);
}

#[test]
fn unused_tools_are_told_with_what_they_cost() {
    let home = recorded();
    let lines = home.succeed(&[
        "schema", "unused", "--json", "--proxy", "weather", "--since", "@0",
    ]);
    let rows = json_lines(&lines);
    let of = |tool: &str| rows.iter().find(|row| row["tool"] == tool).unwrap();
    let calls = |tool: &str| {
        let lines = home.succeed(&[
            "logs", "--json", "--proxy", "weather", "--tail", "all", "--tool", tool,
        ]);
        let rows = json_lines(&lines);
        let last = rows.iter().map(|row| row["ts"].as_i64().unwrap()).max();
        (json!(rows.len()), json!(last))
    };
    for tool in [
        "search_products",
        "create_order",
        "slow_report",
        "send_email",
    ] {
        let (calls, last) = calls(tool);
        let row = of(tool);
        assert_eq!(
            (&row["calls"], &row["last_called_at"]),
            (&calls, &last),
            "{tool}"
        );
        assert_eq!(row["never_called"], json!(last.is_null()), "{tool}");
    }
    assert_eq!(
        rows[0]["tool"], "send_email",
        "the least called comes first"
    );
    let row = json_lines(&home.succeed(&[
        "schema", "--json", "--proxy", "weather", "--method", "tools",
    ]));
    let mut tool = row[0]["payload"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tool| tool["name"] == "send_email")
        .unwrap()
        .clone();
    tool.as_object_mut().unwrap().remove("_meta");
    assert_eq!(
        of("send_email")["definition_bytes"],
        json!(tool.to_string().len())
    );
    let only = home.succeed(&[
        "schema", "unused", "--only", "--json", "--proxy", "weather", "--since", "@0",
    ]);
    assert_eq!(json_lines(&only).len(), 1);
}

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

        tool one
          breaking: required-added /inputSchema/required
              a property became required: callers that left it out are refused
              after: a
              witness: {}

        tool two
          cosmetic, review: description-changed /description
              the description changed
              words: does two{+ things+}

        1 breaking, 1 cosmetic; 1 review
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
    assert!(text("github").starts_with("::error file=new.json,title=required-added one::"));
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
    let cases: [(&[&str], &str); 16] = [
        (&["old.json"], "2 values required"),
        (&["old.json", "nowhere.json"], "cannot read nowhere.json"),
        (&["-", "-"], "only one of the two can be standard input"),
        (&["old.json", "text.json"], "text.json: "),
        (&["old.json", "empty.json"], "no list in it"),
        (&["old.json", "error.json"], "the answer is an error"),
        (&["old.json", "bytes.json"], "invalid UTF-8 at byte 0"),
        (
            &["old.json", "new.json", "--accept", "accept.json"],
            "is no accept file",
        ),
        (
            &["old.json", "new.json", "--accept", "none.json"],
            "cannot read the accept file",
        ),
        (
            &["old.json", "new.json", "--ignore", "no-such-rule"],
            "no rule `no-such-rule`",
        ),
        (&[], "which proxy?"),
        (
            &["--proxy", "nobody"],
            "there are lists of `everything`, `weather`",
        ),
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

#[test]
fn every_rule_has_a_page() {
    let home = Home::new();
    let rules = json_lines(&home.succeed(&["schema", "rules", "--json"]));
    assert!(rules.len() > 80, "{}", rules.len());
    let table = home.succeed(&["schema", "rules"]);
    for rule in &rules {
        let id = rule["id"].as_str().unwrap();
        assert!(table.contains(id), "{id}");
        let page = home.succeed(&["schema", "rules", id]);
        assert!(page.starts_with(id) && page.contains("example: "), "{page}");
    }
    let ran = home.run(&["schema", "rules", "required-remove"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.contains("required-removed"), "{ran:?}");
}

#[test]
fn changes_are_followed_as_they_come() {
    let home = store_of(&[exchange(
        1_795_000_000,
        "s",
        "tools/list",
        &tools(&[tool("a", &[])]),
    )]);
    let follower = home
        .command(&[
            "schema",
            "changes",
            "--follow",
            "--max",
            "3",
            "--timeout",
            "20s",
            "--json",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stream = home.path("srv.log");
    for (ts, name) in [(1_795_000_001, "b"), (1_795_000_002, "c")] {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(&stream)
            .unwrap();
        let both = tools(&[tool("a", &[]), tool(name, &[])]);
        writeln!(file, "{}", exchange(ts, "s", "tools/list", &both)).unwrap();
        home.record(&[&stream]);
    }
    let ran = follower.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(0));
    let rows = json_lines(std::str::from_utf8(&ran.stdout).unwrap());
    let told: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row["change"].as_str().unwrap(), row["item"]))
        .collect();
    assert_eq!(told[..2], ["initial null", "tool_added \"b\""], "{told:?}");
    assert_eq!(told.len(), 3);
}
