//! `mcpr schema`: what servers showed, version by version, and the verdict on a change.

mod cost;
mod diff;
mod inputs;
mod replay;
mod snapshot;
mod templates;
mod url;
mod verdict;
mod width;

use super::program::{Home, capture, json_lines};
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
    exchange_with(ts, session, method, &json!({}), result)
}

fn exchange_with(ts: i64, session: &str, method: &str, params: &Value, result: &Value) -> String {
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
    let listed = |row: &Value| {
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
    json_lines(&lines).iter().map(listed).collect()
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
    // The same servers as mcpr 0.4 reported them.
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
        LIST                      CAPTURED  VERSION  ITEMS  FIRST SEEN            LAST SEEN
        initialize                complete        1      -  2026-11-21 01:29:30Z  2026-11-21 01:30:16Z
        tools/list                complete        2      4  2026-11-21 01:30:16Z  2026-11-21 01:30:16Z
        prompts/list              complete        1      1  2026-11-21 01:30:08Z  2026-11-21 01:30:16Z
        resources/list            complete        1      1  2026-11-21 01:30:08Z  2026-11-21 01:30:16Z
        resources/templates/list  complete        1      1  2026-11-21 01:30:08Z  2026-11-21 01:30:16Z

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
            "tools/list",
            &json!({"cursor": cursor}),
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
fn what_was_announced_and_who_saw_what_is_reported() {
    let (old, new) = (tools(&[tool("one", &[])]), tools(&[tool("one", &["a"])]));
    let hello = |ts: i64, session: &str, client: &str| {
        let params = json!({"clientInfo": {"name": client, "version": "1"}});
        let answer = json!({"protocolVersion": "2025-06-18", "capabilities": {},
            "serverInfo": {"name": "srv", "version": "1"}});
        exchange_with(ts, session, "initialize", &params, &answer)
    };
    let call = json!({"name": "one", "arguments": {}});
    let home = store_of(&[
        hello(1_795_000_000, "s1", "alpha"),
        hello(1_795_000_000, "s2", "beta"),
        exchange(1_795_000_001, "s1", "tools/list", &old),
        exchange_with(1_795_000_002, "s1", "tools/call", &call, &json!({})),
        notice(1_795_000_003, "s2", "notifications/tools/list_changed"),
        exchange(1_795_000_004, "s2", "tools/list", &new),
        exchange_with(1_795_000_005, "s1", "tools/call", &call, &json!({})),
        exchange(1_795_000_006, "s1", "tools/list", &old),
    ]);
    let lines = home.succeed(&["schema", "changes", "--json", "--method", "tools"]);
    let listed: Vec<Value> = json_lines(&lines)
        .iter()
        .map(|row| json!([row["client_name"], row["announced"], row["equivocation"]]))
        .collect();
    assert_eq!(
        listed,
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
        "clients": [{"client_name": "alpha", "calls": 2}], "replay": null}]);
    assert_eq!(document["usage"], usage);
    assert_eq!(diff("2", "3")["versions"][0]["equivocation"], true);
}

#[test]
fn unused_tools_are_reported_with_what_they_cost() {
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
    let listed: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row["change"].as_str().unwrap(), row["item"]))
        .collect();
    assert_eq!(
        listed[..2],
        ["initial null", "tool_added \"b\""],
        "{listed:?}"
    );
    assert_eq!(listed.len(), 3);
}
