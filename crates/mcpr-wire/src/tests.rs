//! The decoders against the captures (expectations derived by an independent script) and by hand.

use super::*;
use mcpr_model::{ErrorKind, Kind, RequestId, TargetKind};
use std::fmt::Display;
use std::fs;
use std::path::Path;

fn decode(line: impl AsRef<[u8]>) -> Decoded {
    let mut decoded = Decoded::default();
    decode_line(
        line.as_ref(),
        LineContext {
            proxy: "p",
            bodies: Bodies::Left,
        },
        &mut decoded,
    );
    decoded
}

fn requests(decoded: &Decoded) -> Vec<&Request> {
    decoded
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Request(request) => Some(request),
            _ => None,
        })
        .collect()
}

fn one(line: &str) -> Request {
    let decoded = decode(line);
    assert_eq!(decoded.bad, [], "{line}");
    let requests = requests(&decoded);
    assert_eq!(requests.len(), 1, "{line}");
    requests[0].clone()
}

fn cell<T: Display>(value: Option<T>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| {
            value
                .to_string()
                .replace('\\', "\\\\")
                .replace('\t', "\\t")
                .replace('\n', "\\n")
        },
    )
}

/// A row in the columns of `tests/data/expected/derive.py`.
fn tsv(request: &Request) -> String {
    let outcome = &request.outcome;
    [
        request.kind.as_str().to_owned(),
        cell(Some(&request.method)),
        cell(request.target.as_ref().map(|target| &target.name)),
        cell(request.session_id.as_ref()),
        outcome.status().as_str().to_owned(),
        cell(outcome.error_kind.and_then(ErrorKind::of_failure)),
        cell(outcome.error_code.as_ref()),
        cell(outcome.error_msg.as_ref()),
        request
            .latency_us
            .map_or_else(|| "-".to_owned(), |us| us.to_string()),
        cell(request.upstream_us),
        cell(request.request_id.as_ref()),
        cell(request.client_name.as_ref()),
        cell(request.client_version.as_ref()),
        request.proxy.to_string(),
        request.ts.to_string(),
        cell(request.bytes_in),
        cell(request.bytes_out),
    ]
    .join("\t")
}

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data")
        .join(name);
    fs::read_to_string(path).expect("test data")
}

fn capture_rows(name: &str, proxy: &str) -> Vec<Request> {
    let mut rows = Vec::new();
    let mut decoded = Decoded::default();
    for line in data(name).lines() {
        decode_line(
            line.as_bytes(),
            LineContext {
                proxy,
                bodies: Bodies::Left,
            },
            &mut decoded,
        );
        assert_eq!((&decoded.bad[..], decoded.unknown), (&[][..], 0), "{line}");
        rows.extend(requests(&decoded).into_iter().cloned());
    }
    rows
}

#[test]
fn every_capture_gives_the_expected_rows_in_order() {
    let captures = [
        ("mcpr-0.4.64/proxy.log", "default", "mcpr-0.4.64.proxy"),
        ("mcpr-0.4.64/cloud.ndjson", "default", "mcpr-0.4.64.cloud"),
        (
            "mcpr-0.5.44/everything.stderr.log",
            "everything",
            "mcpr-0.5.44.everything",
        ),
        (
            "mcpr-0.5.44/weather.stderr.log",
            "weather",
            "mcpr-0.5.44.weather",
        ),
        ("mcpr-0.5.44/cloud.ndjson", "default", "mcpr-0.5.44.cloud"),
        ("formats/toolhive.ndjson", "toolhive", "toolhive"),
        ("formats/mcpproxy_go.ndjson", "mcpproxy_go", "mcpproxy_go"),
        ("formats/codex_rollout.ndjson", "default", "codex_rollout"),
        ("formats/kong.ndjson", "kong", "kong"),
        (
            "formats/envoy_ai_gateway.ndjson",
            "envoy_ai_gateway",
            "envoy_ai_gateway",
        ),
        ("formats/agentgateway.log", "agentgateway", "agentgateway"),
    ];
    for (capture, proxy, expected) in captures {
        let rows: Vec<String> = capture_rows(capture, proxy).iter().map(tsv).collect();
        let expected = data(&format!("expected/{expected}.tsv"));
        let expected: Vec<&str> = expected.lines().skip(1).collect();
        for (got, want) in rows.iter().zip(&expected) {
            assert_eq!(got, want, "{capture}");
        }
        assert_eq!(rows.len(), expected.len(), "{capture}");
    }
}

/// One row differs: the posts say of it only that no HTTP status came back, stderr shows the
/// JSON-RPC error that did.
#[test]
fn both_streams_of_0_5_report_the_same_traffic() {
    const DISTINGUISHED: &str = "7f3fbff3-3632-417f-9e8a-8766931d5d9d";
    let comparable = |rows: Vec<Request>| {
        let mut rows: Vec<String> = rows
            .into_iter()
            .filter(|row| row.request_id != Some(RequestId::from_text(DISTINGUISHED)))
            .map(|mut row| {
                row.ts -= row.ts % 1000;
                tsv(&row)
            })
            .collect();
        rows.sort();
        rows
    };
    let mut printed = capture_rows("mcpr-0.5.44/everything.stderr.log", "everything");
    printed.extend(capture_rows("mcpr-0.5.44/weather.stderr.log", "weather"));
    let posted = capture_rows("mcpr-0.5.44/cloud.ndjson", "default");
    assert_eq!(comparable(printed), comparable(posted));
}

#[test]
fn text_is_distinguished_from_what_only_looks_like_json() {
    let cases: [(&str, bool, usize, u64); 14] = [
        ("", true, 0, 0),
        ("  ready mcpr proxy running", true, 0, 0),
        ("[mcpr] Shutdown complete.", true, 0, 0),
        ("[2026-11-21T01:00:00Z] started", true, 0, 0),
        ("[12] not an array", true, 0, 0),
        ("[]", false, 0, 0),
        ("[", false, 1, 0),
        ("[1, {}]", false, 1, 1),
        ("[{}, 5, \"x\", {\"type\":\"mystery\"}]", false, 2, 2),
        ("{", false, 1, 0),
        ("{}", false, 0, 1),
        ("{\"type\":\"mystery\"}", false, 0, 1),
        ("{\"type\":\"request\"}", false, 1, 0),
        ("{\"kind\":\"mystery\",\"payload\":{}}\r", false, 0, 1),
    ];
    for (line, is_text, bad, unknown) in cases {
        let decoded = decode(line);
        assert_eq!(decoded.is_text, is_text, "{line}");
        assert_eq!(decoded.bad.len(), bad, "{line}: {:?}", decoded.bad);
        assert_eq!(decoded.unknown, unknown, "{line}");
    }
    let decoded = decode(b"{\"a\":\"\xff\"}");
    assert_eq!(decoded.bad[0].reason, "invalid UTF-8 at byte 6");
    assert!(decode(b"caf\xe9 noir").is_text, "text of another encoding");
}

#[test]
fn a_bad_element_does_not_hide_its_neighbours() {
    let good = r#"{"type":"request","id":"a","ts":1,"method":"POST","latency_us":1,"status":200}"#;
    let line = format!("[{good}, {{\"type\":\"request\"}} ,{good}]");
    let decoded = decode(&line);
    assert_eq!(requests(&decoded).len(), 2);
    assert_eq!(
        &line[decoded.bad[0].range.clone()],
        "{\"type\":\"request\"}"
    );
}

#[test]
fn a_bad_first_element_does_not_hide_those_that_follow() {
    let good = r#"{"type":"request","id":"a","ts":1,"method":"POST","latency_us":1,"status":200}"#;
    for first in ["NaN", "-Infinity", "", "undefined", "/*c*/", "\nNaN"] {
        let decoded = decode(format!("[{first},{good},{good}]"));
        assert_eq!(requests(&decoded).len(), 2, "{first}: {:?}", decoded.bad);
        assert_eq!(decoded.bad.len(), 1, "{first}: {:?}", decoded.bad);
    }
    let line = [b"[\xff,", good.as_bytes(), b"]"].concat();
    assert_eq!(requests(&decode(&line)).len(), 1);
    // What a program writes about an event is not one.
    let read = decode(format!("[info] sent [1,{good}]"));
    assert_eq!(requests(&read).len(), 0);
}

#[test]
fn a_broken_quote_or_bracket_takes_no_other_event_with_it() {
    let good = r#"{"type":"request","id":"a","ts":1,"method":"POST","latency_us":1,"status":200}"#;
    for broken in [
        r#"{"type":"request,"id":"b"}"#,
        r#"{"type":"request","id":"b","x":{"y":1}"#,
        r#"{"type":"request","id":"b"]}"#,
        r#"{"type":"request","id":"b}"#,
    ] {
        let decoded = decode(format!("[{good},{broken},{good},{good}]"));
        let bad = decoded.bad.iter().map(|bad| bad.range.len());
        assert_eq!(requests(&decoded).len(), 3, "{broken}: {:?}", decoded.bad);
        assert_eq!(bad.collect::<Vec<_>>(), [broken.len()], "{broken}");
    }
}

#[test]
fn events_and_arrays_behind_one_another_are_all_read() {
    let good = r#"{"type":"request","id":"a","ts":1,"method":"POST","latency_us":1,"status":200}"#;
    let bad = r#"{"type":"request"}"#;
    for (line, events, bad) in [
        (format!("{good}{good}"), 2, 0),
        (format!("{good} {bad} {good}"), 2, 1),
        (format!("[{good}][{good},{good}]"), 3, 0),
        (format!("[{good},] [{bad}] {good}"), 2, 2),
        (format!("{good} [{good}] x"), 2, 1),
        (format!("{good} x"), 0, 1),
    ] {
        let decoded = decode(&line);
        assert_eq!(requests(&decoded).len(), events, "{line}");
        assert_eq!(decoded.bad.len(), bad, "{line}: {:?}", decoded.bad);
    }
}

#[test]
fn requests_of_0_4() {
    let event = |more: &str| {
        one(&format!(
            r#"{{"type":"request","id":"a","ts":5,"method":"POST","path":"/","latency_us":7{more}}}"#
        ))
    };
    let plain = event(r#","mcp_method":null,"status":202"#);
    assert_eq!(
        (plain.kind, &*plain.method, &*plain.proxy),
        (Kind::Http, "POST", "p")
    );
    let stream = event(r#","mcp_method":"SSE","status":200"#);
    assert_eq!((stream.kind, &*stream.method), (Kind::Http, "SSE"));
    let stamped = event(r#","mcp_method":"ping","status":200,"server":"s","unheard":[1]"#);
    assert_eq!((stamped.kind, &*stamped.proxy), (Kind::Mcp, "s"));
    let failed = event(r#","mcp_method":"ping","status":404,"error_code":-32601,"error_msg":"no""#);
    assert_eq!(failed.outcome.error_kind, Some(ErrorKind::Rpc));
    assert_eq!(failed.outcome.error_code.as_deref(), Some("-32601"));
    let refused = event(r#","mcp_method":"ping","status":502"#);
    assert_eq!(refused.outcome.error_kind, Some(ErrorKind::Http));
    assert_eq!(refused.outcome.error_code.as_deref(), Some("502"));
    let read = event(r#","mcp_method":"resources/read","status":200,"resource_uri":"a:\"b""#);
    let target = read.target.map(|target| (target.kind, target.name));
    assert_eq!(target, Some((TargetKind::Resource, "a:\"b".into())));
}

#[test]
fn a_delete_that_succeeds_ends_its_session() {
    let event = |status: u16| {
        format!(
            r#"{{"type":"request","id":"a","ts":5,"session_id":"s","method":"DELETE","mcp_method":null,"latency_us":7,"status":{status}}}"#
        )
    };
    let ends = |status| {
        decode(event(status)).events.iter().any(
            |event| matches!(event, Event::Session(update) if update.state == SessionState::Closed),
        )
    };
    assert!(ends(200));
    assert!(!ends(406));
}

fn transaction(request: &str, response: &str) -> Decoded {
    let decoded = decode(format!(
        r#"{{"type":"transaction","ts":9,"request_id":"7","session_id":null,"latency_us":3,"upstream_us":2,"request":{request},"response":{response}}}"#
    ));
    assert_eq!(decoded.bad, []);
    decoded
}

fn call(params: &str, answer: &str) -> Request {
    let rpc = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#);
    let decoded = transaction(
        &format!(r#"{{"kind":"mcp","rpc":{rpc}}}"#),
        &format!(r#"{{"kind":"mcp","result":{answer}}}"#),
    );
    requests(&decoded)[0].clone()
}

#[test]
fn outcomes_of_a_call() {
    let kind = |answer: &str| call(r#"{"name":"t"}"#, answer).outcome;
    assert_eq!(kind(r#"{"id":7,"result":{}}"#).error_kind, None);
    let tool = kind(
        r#"{"id":7,"result":{"isError":true,"content":[{"type":"image"},{"type":"text","text":"bröken"},{"type":"text","text":"x"}]}}"#,
    );
    assert_eq!(tool.error_kind, Some(ErrorKind::Tool));
    assert_eq!(
        (tool.error_code, tool.error_msg.as_deref()),
        (None, Some("bröken"))
    );
    let rpc = kind(r#"{"id":7,"error":{"code":-32602,"message":"no such tool"}}"#);
    assert_eq!(rpc.error_kind, Some(ErrorKind::Rpc));
    assert_eq!(rpc.error_code.as_deref(), Some("-32602"));
    assert_eq!(
        kind(r#"{"id":7,"result":{"isError":"true"}}"#).error_kind,
        None,
        "not a boolean"
    );
    let long = "é".repeat(600);
    let cut = kind(&format!(
        r#"{{"id":7,"error":{{"code":1,"message":"{long}"}}}}"#
    ));
    assert_eq!(
        cut.error_msg.map(|message| message.chars().count()),
        Some(512)
    );
}

#[test]
fn an_answer_by_http_alone_and_none_at_all() {
    let rpc = r#"{"kind":"mcp","rpc":{"id":"x","method":"ping"}}"#;
    let http = transaction(rpc, r#"{"kind":"http","status":503,"size":12}"#);
    let row = requests(&http)[0];
    assert_eq!(
        (row.outcome.error_code.as_deref(), row.bytes_out),
        (Some("503"), Some(12))
    );
    assert_eq!(row.request_id, Some(RequestId::from_text("x")));
    let silent = transaction(rpc, "null");
    assert_eq!(
        requests(&silent)[0].outcome.error_kind,
        Some(ErrorKind::Timeout)
    );
    let plain = transaction(
        r#"{"kind":"oauth","endpoint":"token","method":"POST","path":"/t","size":4}"#,
        "null",
    );
    let row = requests(&plain)[0];
    assert_eq!(
        (row.kind, row.outcome.error_kind),
        (Kind::Oauth, Some(ErrorKind::Timeout))
    );
}

#[test]
fn a_batch_is_paired_by_typed_ids() {
    let decoded = transaction(
        r#"{"kind":"mcp_batch","rpcs":[{"id":1,"method":"ping"},{"id":"1","method":"tools/list"},{"method":"notifications/cancelled"},{"id":2,"method":"prompts/list"}]}"#,
        r#"{"kind":"mcp_batch","results":[{"id":"1","error":{"code":-1,"message":"m"}},{"id":1,"result":{}}]}"#,
    );
    let rows: Vec<_> = requests(&decoded)
        .into_iter()
        .map(|row| {
            (
                row.method.as_str(),
                row.request_id.as_ref().map(ToString::to_string),
                row.outcome.error_kind,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("ping", Some("1".to_owned()), None),
            ("tools/list", Some("1".to_owned()), Some(ErrorKind::Rpc)),
            (
                "prompts/list",
                Some("2".to_owned()),
                Some(ErrorKind::Timeout)
            ),
        ]
    );
    let keys: std::collections::HashSet<u64> =
        requests(&decoded).iter().map(|row| row.key.hash).collect();
    assert_eq!(keys.len(), 3, "each row has a key of its own");
}

#[test]
fn an_error_without_an_id_answers_a_whole_batch() {
    let decoded = transaction(
        r#"{"kind":"mcp_batch","rpcs":[{"id":1,"method":"ping"},{"id":2,"method":"ping"}]}"#,
        r#"{"kind":"mcp","result":{"id":null,"error":{"code":-32600,"message":"m"}}}"#,
    );
    assert!(
        requests(&decoded)
            .iter()
            .all(|row| row.outcome.error_kind == Some(ErrorKind::Rpc))
    );
}

#[test]
fn the_client_is_read_from_meta_first() {
    let meta =
        r#"{"name":"t","_meta":{"io.modelcontextprotocol/clientInfo":{"name":"c","version":"9"}}}"#;
    let row = call(meta, r#"{"id":7,"result":{}}"#);
    assert_eq!(
        (row.client_name.as_deref(), row.client_version.as_deref()),
        (Some("c"), Some("9"))
    );
    let odd = call(
        r#"{"name":5,"_meta":[],"clientInfo":{"name":"not said here"}}"#,
        "{}",
    );
    assert_eq!((odd.client_name, odd.target), (None, None));
}

#[test]
fn deep_and_damaged_lines_never_panic() {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for opener in [
        "[",
        "{\"a\":",
        "{\"type\":\"transaction\",\"request\":{\"rpc\":[",
    ] {
        assert!(decode(opener.repeat(100_000)).events.is_empty());
    }
    let files = [
        "mcpr-0.4.64/proxy.log",
        "mcpr-0.5.44/weather.stderr.log",
        "mcpr-0.4.64/cloud.ndjson",
    ];
    let lines: Vec<Vec<u8>> = files
        .iter()
        .flat_map(|file| {
            data(file)
                .lines()
                .map(|line| line.as_bytes().to_vec())
                .collect::<Vec<_>>()
        })
        .collect();
    for _ in 0..5_000 {
        let mut line = random.choice(&lines).expect("lines").clone();
        for _ in 0..random.usize(1..4) {
            if line.is_empty() {
                break;
            }
            let at = random.usize(0..line.len());
            match random.u8(0..4) {
                0 => line.truncate(at),
                1 => line[at] = random.u8(..),
                2 => drop(line.remove(at)),
                _ => line.insert(at, *random.choice(b"{}[]\",:0-e\\").expect("bytes")),
            }
        }
        let decoded = decode(&line);
        let judged = decoded.known + decoded.unknown + decoded.bad.len() as u64;
        assert!(
            decoded.is_text != (judged > 0) || line == b"[]",
            "seed {seed}"
        );
        for bad in &decoded.bad {
            assert!(
                bad.range.end <= line.len() && !bad.reason.is_empty(),
                "seed {seed}"
            );
        }
    }
}
