//! Lines of JSON-RPC: what each is read as.

use super::*;

/// A message in short: what it is, its id, its method, and what else it says.
fn described(message: &Message) -> String {
    match message {
        Message::Request(asked) => {
            let target = asked.target.as_ref().map_or("-", |target| &target.name);
            let client = asked.client_name.as_deref().unwrap_or("-");
            format!(
                "asked {} {} {target} {client}",
                asked.id.as_json(),
                asked.method
            )
        }
        Message::Notification(notice) => {
            let cancels = notice.cancels.as_ref().map_or("-", |id| id.as_json());
            format!("notice {} {cancels}", notice.method)
        }
        Message::Answer(reply) => {
            let id = reply.id.as_ref().map_or("-", |id| id.as_json());
            let outcome = reply.outcome(TOOL_CALL);
            let kind = outcome.error_kind.map_or("ok", ErrorKind::as_str);
            let code = outcome.error_code.as_deref().unwrap_or("-");
            let message = outcome.error_msg.as_deref().unwrap_or("-");
            format!("reply {id} {kind} {code} {message}")
        }
    }
}

fn check(line: &[u8], expected: &str) {
    let got = match messages(line, Bodies::Left) {
        Messages::Text => "text".to_owned(),
        Messages::Unknown => "unknown".to_owned(),
        Messages::Bad(reason) => format!("bad: {reason}"),
        Messages::Known(messages) => messages
            .iter()
            .map(described)
            .collect::<Vec<_>>()
            .join("; "),
    };
    assert_eq!(got, expected, "{}", String::from_utf8_lossy(line));
}

#[test]
fn every_sort_of_line_is_reported() {
    let cases = [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
            "asked 1 ping - -",
        ),
        (
            r#"{"id":"1","method":"tools/call","params":{"name":"echo"}}"#,
            r#"asked "1" tools/call echo -"#,
        ),
        (
            r#"{"id":0,"method":"initialize","params":{"clientInfo":{"name":"c"}}}"#,
            "asked 0 initialize - c",
        ),
        (
            r#"{"id":2,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/clientInfo":{"name":"new"}}}}"#,
            "asked 2 tools/list - new",
        ),
        (
            r#"{"method":"notifications/initialized"}"#,
            "notice notifications/initialized -",
        ),
        (
            r#"{"method":"notifications/cancelled","params":{"requestId":"a"}}"#,
            r#"notice notifications/cancelled "a""#,
        ),
        (r#"{"id":1,"result":{}}"#, "reply 1 ok - -"),
        (r#"{"id":1.0,"result":null}"#, "reply 1 ok - -"),
        (
            r#"{"id":3,"error":{"code":-32601,"message":"no"}}"#,
            "reply 3 rpc -32601 no",
        ),
        (
            r#"{"id":null,"error":{"code":-32700}}"#,
            "reply - rpc -32700 -",
        ),
        (
            r#"{"id":4,"result":{"isError":true,"content":[{"type":"text","text":"bad"}]}}"#,
            "reply 4 tool - bad",
        ),
        (
            r#" [{"id":1,"method":"ping"},{"method":"x"},7,{"id":2,"result":{}}] "#,
            "asked 1 ping - -; notice x -; reply 2 ok - -",
        ),
        ("", "text"),
        ("Server running on stdio", "text"),
        ("[info] started", "text"),
        (r#"{"level":"info"}"#, "unknown"),
        ("[]", "unknown"),
        (
            r#"{"id":1"#,
            "bad: EOF while parsing an object at line 1 column 7",
        ),
    ];
    for (line, expected) in cases {
        check(line.as_bytes(), expected);
    }
    check(b"{\"id\":\xff}", "bad: expected value at line 1 column 7");
    check(b"caf\xe9", "text");
    check(
        br#"Server ready{"jsonrpc":"2.0","id":1,"result":{}}"#,
        "bad: text stands before the message in its line",
    );
}

#[test]
fn answers_that_clients_read_are_read() {
    let cases: [(&[u8], &str); 22] = [
        (b"\xef\xbb\xbf{\"id\":1,\"result\":{}}\r", "reply 1 ok - -"),
        (b"\xc2\xa0\x0c{\"id\":1,\"result\":{}}\0", "reply 1 ok - -"),
        (b"\xef\xbb\xbf[{\"id\":1,\"result\":{}}]", "reply 1 ok - -"),
        (br#"{"id":9,"result":{},"id":1}"#, "reply 1 ok - -"),
        (br#"{"id":1,"error":null,"result":{"isError":false,"isError":true}}"#, "reply 1 tool - -"),
        (br#"{"id":1,"error":{"code":1},"error":null,"result":{}}"#, "reply 1 ok - -"),
        (br#"{"id":1,"error":{"code":1,"message":"a","message":"b"}}"#, "reply 1 rpc 1 b"),
        (
            br#"{"id":2,"method":"tools/call","params":{"name":"a","name":"b"},"method":"tools/call"}"#,
            "asked 2 tools/call b -",
        ),
        (
            b"{\"id\":1,\"result\":{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"caf\xe9\"}]}}",
            "reply 1 tool - caf\u{fffd}",
        ),
        (br#"{"id":1,"result":{"a":NaN,"isError":true}}"#, "reply 1 tool - -"),
        (br#"[NaN,{"id":1,"result":{}}]"#, "reply 1 ok - -"),
        (br#"[{"id":1,"result":{"a":[-Infinity]}}]"#, "reply 1 ok - -"),
        (br#"{"id":1,"error":{"code":-1,"message":"bad \ud83d"}}"#, "reply 1 rpc -1 bad \u{fffd}"),
        (br#"{"id":1,"error":{"code":-1,"message":"good \ud83d\ude00"}}"#, "reply 1 rpc -1 good 😀"),
        (b"{\"id\":1,\"error\":{\"code\":-1,\"message\":\"a\tb\"}}", "reply 1 rpc -1 a\tb"),
        (br#"{"id":1,"result":{}}{"id":2,"result":{}} {"id":3"#, "reply 1 ok - -; reply 2 ok - -"),
        (br#"{"id":1,"result":{}} trailing"#, "reply 1 ok - -"),
        (br#"{"id":"\u0031","result":{}}"#, r#"reply "1" ok - -"#),
        (br#"{"id":-0.0,"result":{}}"#, "reply 0 ok - -"),
        (br#"{"id":1e2,"result":{}}"#, "reply 100 ok - -"),
        (br#"{"id":1e999,"result":{}}"#, "reply 1e999 ok - -"),
        (br#"{"id":12345678901234567890123,"result":{}}"#, "reply 1.2345678901234568e+22 ok - -"),
    ];
    for (line, expected) in cases {
        check(line, expected);
    }
    let deep = format!(
        r#"{{"id":1,"result":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    check(deep.as_bytes(), "reply 1 ok - -");
}

#[test]
fn an_id_without_its_type_is_what_clients_compare() {
    let id = |raw: &str| {
        let raw: &RawValue = serde_json::from_str(raw).expect("JSON");
        TypedId::of(raw).expect("an id")
    };
    let equal = [
        ("1", r#""1""#),
        ("1", r#""1.0""#),
        ("1", r#"" 1 ""#),
        ("1", "1.0"),
        ("0", "-0"),
        ("12345678901234567890123", r#""12345678901234567890123""#),
        (r#""a""#, r#""\u0061""#),
    ];
    for (one, other) in equal {
        assert_eq!(id(one).loose(), id(other).loose(), "{one} {other}");
    }
    for (one, other) in [
        ("1", "2"),
        ("1", r#""a""#),
        (r#""a""#, r#""b""#),
        ("1", "true"),
    ] {
        assert_ne!(id(one).loose(), id(other).loose(), "{one} {other}");
    }
}

#[test]
fn a_long_id_is_held_short_and_still_differs() {
    let id = |last: &str| {
        let raw = format!("\"{}{last}\"", "é".repeat(1 << 19));
        let raw: &RawValue = serde_json::from_str(&raw).expect("JSON");
        TypedId::of(raw).expect("an id")
    };
    assert_eq!(id("1"), id("1"));
    assert_ne!(id("1"), id("2"));
    assert!(id("1").as_json().len() <= TypedId::MAX_BYTES);
}

#[test]
fn a_task_whose_tool_failed_went_well() {
    let kind = |result: &str, method: &str| {
        let line = format!(r#"{{"id":1,"result":{result}}}"#);
        let Messages::Known(known) = messages(line.as_bytes(), Bodies::Left) else {
            panic!("it is an answer: {line}");
        };
        let [Message::Answer(reply)] = &known[..] else {
            panic!("it is one answer: {known:?}");
        };
        reply.outcome(method).error_kind
    };
    let ended = r#"{"taskId":"7","status":"completed","result":{"content":[],"isError":true}}"#;
    assert_eq!(kind(ended, "tasks/get"), Some(ErrorKind::Tool));
    // What a working one says of itself so far is not a result.
    let working = ended.replace("completed", "working");
    assert_eq!(kind(&working, "tasks/get"), None);
    let fine = ended.replace("true", "false");
    assert_eq!(kind(&fine, "tasks/get"), None);
    let fetched = r#"{"content":[{"type":"text","text":"bad"}],"isError":true}"#;
    assert_eq!(kind(fetched, "tasks/result"), Some(ErrorKind::Tool));
    assert_eq!(kind(fetched, "tasks/cancel"), None);
}

#[test]
fn only_a_tool_call_fails_as_a_tool() {
    let Messages::Known(known) = messages(br#"{"id":1,"result":{"isError":true}}"#, Bodies::Left)
    else {
        panic!("it is an answer");
    };
    let [Message::Answer(reply)] = &known[..] else {
        panic!("it is one answer: {known:?}");
    };
    assert_eq!(
        reply.outcome("tools/call").error_kind,
        Some(ErrorKind::Tool)
    );
    assert_eq!(reply.outcome("resources/read"), Outcome::default());
}
