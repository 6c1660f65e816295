//! What `mcpr tap` makes of answers that clients read, although they are not as the protocol has them.

use super::program::Home;
use super::tap::Tap;
use std::io::{BufRead, BufReader, Write};

/// Says one prepared line for each line that it reads.
const BY_HEART: &str = r#"exec 3< answers
    while IFS= read -r line; do IFS= read -r answer <&3; printf '%s\n' "$answer"; done"#;

/// The answers to calls of a tool, by id, and how each call ended.
pub(super) const ANSWERS: [(&[u8], &str); 15] = [
    (b"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{}}", "ok"),
    (br#"{"jsonrpc":"2.0","id":"1","result":{}}"#, "ok"),
    (br#"{"jsonrpc":"2.0","id":"2.0","result":{}}"#, "ok"),
    (br#"{"jsonrpc":"2.0","id":3.0,"result":{}}"#, "ok"),
    (br#"{"jsonrpc":"2.0","id":77,"result":{},"id":4}"#, "ok"),
    (
        b"{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"caf\xe9\"}]}}",
        "ok",
    ),
    (br#"{"jsonrpc":"2.0","id":6,"result":{"mean":NaN,"max":-Infinity}}"#, "ok"),
    (
        br#"{"jsonrpc":"2.0","id":7,"result":{"isError":true,"content":[{"type":"text","text":"\ud83d"}]}}"#,
        "error",
    ),
    (br#"{"jsonrpc":"2.0","id":8,"error":{"code":-1,"message":"\udc00"}}"#, "error"),
    (br#"{"jsonrpc":"2.0","\u0069d":9,"result":{"isError":false,"isError":true}}"#, "error"),
    (b"\xc2\xa0\x0c {\"jsonrpc\":\"2.0\",\"id\":10,\"result\":{}}\r", "ok"),
    (b"{\"jsonrpc\":\"2.0\",\"id\":11,\"result\":{\"text\":\"a\tb\"}}", "ok"),
    (br#"[{"jsonrpc":"2.0","id":12,"result":{"a":NaN},"error":null}]"#, "ok"),
    (br#"{"jsonrpc":"2.0","id":13,"result":{}} {"jsonrpc":"2.0","method":"x"}"#, "ok"),
    (br#"{"jsonrpc":"2.0","id":14,"result":{}}"#, "ok"),
];

#[test]
fn a_session_that_works_for_its_client_is_not_shown_as_hanging() {
    let home = Home::new();
    home.write("answers", ANSWERS.map(|(answer, _)| answer).join(&b'\n'));
    let mut tap = Tap::start(&home, &["-v"], BY_HEART);
    let mut output = BufReader::new(tap.0.stdout.take().unwrap());
    for (id, (answer, _)) in ANSWERS.iter().enumerate() {
        tap.send(
            format!("{{\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"t\"}}}}\n")
                .as_bytes(),
        );
        let mut line = Vec::new();
        output.read_until(b'\n', &mut line).unwrap();
        line.pop();
        assert_eq!(line, *answer, "it is passed on as it is");
    }
    let ended = tap.end();
    let err = String::from_utf8(ended.stderr).unwrap();
    let mut rows = home.rows(&[]);
    rows.sort_by_key(|row| row["request_id"].as_str().unwrap().parse::<u32>().unwrap());
    let statuses: Vec<&str> = rows
        .iter()
        .map(|row| row["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ANSWERS.map(|(_, status)| status), "{err}");
    assert!(
        err.contains("2 answers under an id of another type"),
        "{err}"
    );
    assert_eq!(rows[7]["error_msg"], "\u{fffd}");
    for row in &rows {
        let seq = row["seq"].to_string();
        let shown = home.succeed(&["show", &seq, "--json"]);
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let is_retyped = ["1", "2"].contains(&row["request_id"].as_str().unwrap());
        assert_eq!(shown["retyped"], is_retyped, "{shown}");
        let text = home.succeed(&["show", &seq]);
        assert_eq!(text.contains("id of another type"), is_retyped, "{text}");
    }
}

#[test]
fn an_answer_over_several_lines_is_one() {
    let home = Home::new();
    let server = r#"read -r line; printf '{\n  "jsonrpc": "2.0",\n  "id": 0,\n'
        printf '  "result": {\n    "isError": true\n  }\n}\n'; cat > /dev/null"#;
    let mut tap = Tap::start(&home, &[], server);
    tap.send(b"{\"id\":0,\"method\":\"tools/call\",\"params\":{\"name\":\"t\"}}\n");
    let lines = BufReader::new(tap.0.stdout.take().unwrap()).lines().take(7);
    assert_eq!(lines.count(), 7);
    tap.end();
    assert_eq!(home.rows(&[])[0]["error_kind"], "tool");
}

#[test]
fn names_and_ids_of_a_megabyte_are_stored_short_and_paired() {
    let home = Home::new();
    let server = r#"exec sed -u -E 's/^\{"id":("[^"]*"),.*/{"id":\1,"result":{}}/'"#;
    let mut tap = Tap::start(&home, &[], server);
    let long = "x".repeat(1 << 20);
    let mut output = BufReader::new(tap.0.stdout.take().unwrap());
    for number in 0..3 {
        let input = tap.0.stdin.as_mut().unwrap();
        writeln!(
            input,
            "{{\"id\":\"{long}{number}\",\"method\":\"{long}{number}\"}}"
        )
        .unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
    }
    tap.end();
    let rows = home.rows(&["--status", "ok"]);
    assert_eq!(rows.len(), 3);
    let mut methods: Vec<&str> = rows
        .iter()
        .map(|row| row["method"].as_str().unwrap())
        .collect();
    assert!(methods.iter().all(|method| method.len() < 5000));
    methods.dedup();
    assert_eq!(methods.len(), 3, "they are still distinguished");
}

#[test]
fn arguments_and_answers_are_kept_unless_a_flag_or_the_configuration_says_otherwise() {
    for (options, configured, is_kept) in [
        (&[][..], None, true),
        (&["--no-payloads"], None, false),
        (&[], Some("payloads = false"), false),
        (&[], Some("payloads = true"), true),
        (&["--payloads"], Some("payloads = false"), true),
        (&["--no-payloads"], Some("payloads = true"), false),
    ] {
        let home = Home::new();
        if let Some(text) = configured {
            std::fs::create_dir_all(home.path(".config/mcpr")).unwrap();
            home.write(".config/mcpr/config.toml", format!("{text}\n"));
        }
        home.write(
            "answers",
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#,
        );
        let mut tap = Tap::start(&home, options, BY_HEART);
        tap.send(b"{\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\",\"arguments\":{\"city\":\"Kiel\"}}}\n");
        let mut output = BufReader::new(tap.0.stdout.take().unwrap());
        output.read_until(b'\n', &mut Vec::new()).unwrap();
        drop(tap.0.stdin.take());
        assert!(tap.0.wait().unwrap().success());
        let shown = home.succeed(&["show", "-1"]);
        assert_eq!(
            shown.contains("Kiel"),
            is_kept,
            "{options:?} {configured:?}: {shown}"
        );
    }
}
