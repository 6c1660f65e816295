//! Payloads through the built program: kept on request only, without secrets, cut at their limit,
//! shown by `show`, and gone before the rows are.

use super::program::{Home, capture, json_lines};
use super::redaction::{found_in, planted, stream};
use expect_test::{Expect, expect};
use serde_json::Value;

fn show(home: &Home, arguments: &[&str]) -> Value {
    let all = [&["show", "--json"], arguments].concat();
    serde_json::from_str(&home.succeed(&all)).unwrap()
}

fn kept(home: &Home) -> (u64, u64) {
    let stats: Value = serde_json::from_str(&home.succeed(&["store", "stats", "--json"])).unwrap();
    let number = |name: &str| stats[name].as_u64().unwrap();
    (number("payloads"), number("payload_bytes"))
}

fn record(home: &Home, name: &str, options: &[&str]) {
    let file = capture(name);
    home.succeed(&[&["record", "--once", file.to_str().unwrap()], options].concat());
}

#[test]
fn payloads_are_kept_only_where_they_are_wanted() {
    for stream in [
        "mcpr-0.5.44/everything.stderr.log",
        "mcpr-0.5.44/cloud.ndjson",
    ] {
        let home = Home::new();
        record(&home, stream, &[]);
        assert_eq!(kept(&home), (0, 0));
        let home = Home::new();
        record(&home, stream, &["--payloads"]);
        let rows = home.rows(&["--method", "tools/call"]);
        assert!(!rows.is_empty());
        for row in &rows {
            let shown = show(&home, &[&row["seq"].to_string()]);
            let params = &shown["payload"]["params"];
            assert_eq!(params["value"]["name"], row["tool"], "{shown}");
            assert!(params["bytes"].as_u64().unwrap() < row["bytes_in"].as_u64().unwrap());
            assert_eq!(shown["schema"]["method"], "tools/list", "{shown}");
            for (name, value) in row.as_object().unwrap() {
                assert_eq!(&shown[name], value, "{name}");
            }
        }
        record(&home, stream, &["--payloads"]);
        let before = kept(&home);
        assert!(before.0 >= rows.len() as u64 && before.1 > 0);
        // An import takes them along.
        let from = home.store();
        home.succeed(&[
            "store",
            "import",
            from.to_str().unwrap(),
            "--db",
            "other.db",
        ]);
        let other = ["store", "stats", "--json", "--db", "other.db"];
        let stats: Value = serde_json::from_str(&home.succeed(&other)).unwrap();
        assert_eq!(stats["payloads"], before.0);
    }
}

#[test]
fn no_planted_secret_is_in_a_payload() {
    let planted = planted();
    let home = Home::new();
    let file = home.write("p.log", stream(&planted));
    home.succeed(&["record", "--once", "--payloads", file.to_str().unwrap()]);
    let mut all = String::new();
    for row in home.rows(&[]) {
        all += &home.succeed(&["show", &row["seq"].to_string()]);
        all += &home.succeed(&["show", "--json", &row["seq"].to_string()]);
    }
    assert!(all.contains("[redacted:key]"));
    for (secret, text) in &planted {
        assert!(
            !found_in(all.as_bytes(), secret),
            "{secret} of {text:?} is shown"
        );
    }
    assert!(!all.contains("pw-5"), "a value under `password`");
}

#[test]
fn payloads_go_first() {
    let home = Home::new();
    let stream = "mcpr-0.5.44/everything.stderr.log";
    record(&home, stream, &["--payloads", "--payload-limit", "100"]);
    let rows = home.rows(&[]).len();
    let (payloads, _) = kept(&home);
    let cut = show(&home, &["1"]);
    let answer = &cut["payload"]["answer"];
    assert_eq!(answer["cut"], true, "{cut}");
    assert!(answer["value"].as_str().unwrap().len() <= 100);
    let vacuum = |what: &[&str]| -> Value {
        let all = [&["store", "vacuum", "--json", "--yes"], what].concat();
        serde_json::from_str(&home.succeed(&all)).unwrap()
    };
    assert_eq!(vacuum(&["--payloads-before", "2020-01-01"])["payloads"], 0);
    assert_eq!(
        vacuum(&["--payloads-before", "now", "--proxy", "none"])["payloads"],
        0
    );
    assert_eq!(vacuum(&["--payloads-before", "now"])["payloads"], payloads);
    assert_eq!(kept(&home), (0, 0));
    assert_eq!(home.rows(&[]).len(), rows, "the requests stay");
    assert_eq!(show(&home, &["1"])["payload"], Value::Null);
    let again = Home::new();
    record(&again, stream, &["--payloads"]);
    again.succeed(&["store", "vacuum", "--yes", "--before", "now"]);
    assert_eq!(kept(&again), (0, 0), "they go with their requests");
}

#[test]
fn a_tap_keeps_payloads_too() {
    let home = Home::new();
    let script = r#"read -r line; printf '%s\n' '{"id":1,"result":{"content":[],"token":"abc"}}'; cat > /dev/null"#;
    let mut command = home.command(&["tap", "--payloads", "--", "sh", "-c", script]);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let call = r#"{"id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}"#;
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, format!("{call}\n").as_bytes()).unwrap();
    drop(input);
    child.wait().unwrap();
    let row = &home.rows(&[])[0];
    let shown = show(&home, &[&row["seq"].to_string()]);
    let payload = &shown["payload"];
    assert_eq!(payload["params"]["value"]["arguments"]["a"], 1, "{shown}");
    assert_eq!(
        payload["answer"]["value"]["token"], "[redacted:key]",
        "{shown}"
    );
}

fn check(arguments: &[&str], expected: &Expect) {
    let home = Home::new();
    record(&home, "mcpr-0.5.44/weather.stderr.log", &["--payloads"]);
    let failed = home.rows(&["--status", "error"]);
    let seq = failed[0]["seq"].to_string();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|it| if *it == "SEQ" { &seq } else { *it })
        .collect();
    let ran = home.run(&arguments);
    expected.assert_eq(&format!(
        "{}{}exit {:?}\n",
        ran.out,
        ran.err,
        ran.code.unwrap()
    ));
}

#[test]
fn a_request_is_shown_whole() {
    check(
        &["show", "SEQ", "--utc"],
        &expect![[r#"
            seq        17
            request id 14
            time       2026-11-21 01:30:08.000Z
            proxy      weather
            session    2b2778db32ee497b93468286fa8f4ff9
            client     claude-desktop 1.2.0
            method     tools/call create_order
            outcome    error (tool)
            message    Error calling tool 'create_order': quantity must be positive
            took       65ms, 65ms of it upstream
            format     mcpr_v05_stderr
            size       121 in, 149 out
            schema     tools/list version 1 (5e371f39f94a)

            params (64)
            {
              "arguments": {
                "product": "x",
                "quantity": 0
              },
              "name": "create_order"
            }

            result (114)
            {
              "content": [
                {
                  "text": "Error calling tool 'create_order': quantity must be positive",
                  "type": "text"
                }
              ],
              "isError": true
            }
            exit 0
        "#]],
    );
}

#[test]
fn what_is_not_there_and_what_is_ambiguous_are_reported() {
    let home = Home::new();
    record(&home, "mcpr-0.5.44/weather.stderr.log", &[]);
    let ran = home.run(&["show", "no-such-id"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("no request `no-such-id`"), "{}", ran.err);
    let ran = home.run(&["show", "0"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("fits") && ran.err.contains("hint:"),
        "{}",
        ran.err
    );
    let rows = json_lines(&home.succeed(&["logs", "--json", "--kind", "http", "--tail", "1"]));
    for row in rows {
        let id = row["request_id"].as_str().unwrap();
        assert_eq!(show(&home, &[id])["seq"], row["seq"]);
    }
}

#[test]
fn a_body_over_several_lines_is_json_in_show_and_in_an_export() {
    let home = Home::new();
    // As a server at a URL may answer: with line breaks and tabs between the values.
    let body = "{\n\t\"a\": 1.0\r\n}";
    let mut line = serde_json::json!({
        "type": "mcpr_request", "ts": 1_795_224_422_390_u64, "request_id": "1", "proxy": "p",
        "kind": "mcp", "method": "tools/call", "tool": "t", "latency_us": 1,
    });
    line["params"] = serde_json::json!({ "text": body, "bytes": body.len() });
    let log = home.write("a.log", format!("{line}\n"));
    home.succeed(&["record", "--once", "--payloads", log.to_str().unwrap()]);
    let shown = home.succeed(&["show", "--json", "-1"]);
    assert_eq!(shown.lines().count(), 1, "{shown}");
    assert!(shown.contains("1.0"), "as it stood: {shown}");
    let value = show(&home, &["-1"])["payload"]["params"]["value"].take();
    assert_eq!(value, serde_json::json!({ "a": 1.0 }));
    let exported = json_lines(&home.succeed(&["store", "export", "--whole"]));
    assert_eq!(exported[0]["params"]["text"], body);
}
