//! What each emitter's words mean, span by span.

use super::*;
use serde_json::{Value, json};

pub(super) const TRACE: &str = "5b8aa5a2d2c872e8321cf37308d69df2";

pub(super) fn attributes(values: &Value) -> Value {
    let values = values.as_object().unwrap().iter();
    let values = values.map(|(key, value)| {
        let value = match value {
            Value::String(text) => json!({"stringValue": text}),
            Value::Bool(flag) => json!({"boolValue": flag}),
            // A whole number is a text where an emitter follows protobuf to the letter.
            number => json!({"intValue": number.to_string()}),
        };
        json!({"key": key, "value": value})
    });
    values.collect()
}

/// A span: its scope, kind, name, attributes, status, and message.
struct Emitted<'a> {
    scope: &'a str,
    kind: i32,
    name: &'a str,
    attributes: Value,
    status: (i32, &'a str),
}

pub(super) fn message(service: &str, scope: &str, spans: &[Value]) -> Vec<u8> {
    let resource = json!({"attributes": attributes(&json!({"service.name": service}))});
    let mut spans = spans.to_vec();
    for span in &mut spans {
        // Every span has a time, which few tests are about.
        if span.is_object() && span.get("startTimeUnixNano").is_none() {
            span["startTimeUnixNano"] = json!("1795932248906719168");
        }
    }
    let scopes = json!([{"scope": {"name": scope}, "spans": spans}]);
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]})
        .to_string()
        .into_bytes()
}

pub(super) fn rows_of_body(signal: Signal, body: &[u8]) -> Vec<Request> {
    let mut joiner = Joiner::default();
    let found = decode(&mut joiner, signal, Encoding::Json, body, 0).unwrap();
    let mut rows = found.joined.rows;
    rows.extend(joiner.overdue(i64::MAX));
    rows
}

fn rows_of_span(it: &Emitted<'_>) -> Vec<Request> {
    let span = json!({
        "traceId": TRACE, "spanId": "00f067aa0ba902b7", "kind": it.kind, "name": it.name,
        "startTimeUnixNano": "1795932248906719168", "endTimeUnixNano": "1795932248918719168",
        "attributes": attributes(&it.attributes), "status": {"code": it.status.0, "message": it.status.1},
    });
    rows_of_body(Signal::Traces, &message("svc", it.scope, &[span]))
}

/// Proxy, method, target, outcome, code and message.
pub(super) fn shown(rows: &[Request]) -> Vec<String> {
    let each = rows.iter().map(|row| {
        let target = row.target.as_ref().map_or("-", |it| it.name.as_str());
        let outcome = &row.outcome;
        let code = outcome.error_code.as_deref().unwrap_or("-");
        let message = outcome.error_msg.as_deref().unwrap_or("-");
        format!(
            "{} {} {target} {} {code} {message}",
            row.proxy,
            row.method,
            word(row)
        )
    });
    each.collect()
}

/// A span, and what is reported of it: attributes are the members of an object of JSON.
type VocabularyCase = (
    &'static str,
    i32,
    &'static str,
    &'static str,
    (i32, &'static str),
    &'static str,
);

const VOCABULARY_CASES: [VocabularyCase; 16] = [
    (
        "mcp-python-sdk",
        2,
        "tools/call echo",
        r#""mcp.method.name":"tools/call","gen_ai.tool.name":"echo""#,
        (0, ""),
        "svc tools/call echo ok - -",
    ),
    (
        "mcp-python-sdk",
        2,
        "tools/call echo",
        r#""mcp.method.name":"tools/call","gen_ai.tool.name":"echo","error.type":"tool_error""#,
        (2, ""),
        "svc tools/call echo tool_error - -",
    ),
    (
        "mcp-python-sdk",
        2,
        "prompts/get p",
        r#""mcp.method.name":"prompts/get","error.type":"ValueError""#,
        (2, "no p"),
        "svc prompts/get p rpc_error - no p",
    ),
    (
        "mcp-python-sdk",
        3,
        "MCP send tools/call echo",
        r#""mcp.method.name":"tools/call""#,
        (0, ""),
        "svc tools/call echo unseen - -",
    ),
    (
        "mcp-python-sdk",
        3,
        "MCP send tools/call echo",
        r#""mcp.method.name":"tools/call""#,
        (2, "TimeoutError: "),
        "svc tools/call echo timeout - TimeoutError:",
    ),
    (
        "mcp-python-sdk",
        3,
        "MCP send tools/list",
        r#""mcp.method.name":"tools/list""#,
        (0, ""),
        "svc tools/list - ok - -",
    ),
    (
        "fastmcp",
        3,
        "tools/call echo",
        r#""mcp.method.name":"tools/call","gen_ai.tool.name":"echo","error.type":-32001"#,
        (2, "Request 'tools/call' timed out"),
        "svc tools/call echo timeout - Request 'tools/call' timed out",
    ),
    (
        "fastmcp",
        2,
        "tools/call echo",
        r#""mcp.method.name":"tools/call","gen_ai.tool.name":"echo","error.type":"NotFoundError""#,
        (2, "Unknown tool"),
        "svc tools/call echo tool_error - Unknown tool",
    ),
    (
        "Experimental.ModelContextProtocol",
        2,
        "tools/call echo",
        r#""mcp.method.name":"tools/call","gen_ai.tool.name":"echo","error.type":"tool_error""#,
        (2, "{[no]}"),
        "svc tools/call echo tool_error - {[no]}",
    ),
    (
        "agentgateway",
        2,
        "call_tool",
        r#""mcp.method.name":"tools/call","gen_ai.tool.name":"echo","mcp.target":"desk","error.type":"-32602""#,
        (2, "bad"),
        "desk tools/call echo rpc_error -32602 bad",
    ),
    (
        "envoy-ai-gateway",
        2,
        "mcp.CallTool",
        r#""mcp.method.name":"CallTool","mcp.tool.name":"echo""#,
        (0, ""),
        "svc tools/call echo ok - -",
    ),
    (
        "github.com/stacklok/toolhive",
        2,
        "mcp.tools/call",
        r#""mcp.method":"tools/call","mcp.tool.name":"echo""#,
        (1, ""),
        "svc tools/call echo ok - -",
    ),
    (
        "@traceloop/instrumentation-mcp",
        3,
        "echo.tool",
        "",
        (0, ""),
        "svc tools/call echo cancelled - -",
    ),
    (
        "@traceloop/instrumentation-mcp",
        3,
        "echo.tool",
        "",
        (2, "MCP error -32602: bad"),
        "svc tools/call echo tool_error - MCP error -32602: bad",
    ),
    (
        "codex_exec",
        3,
        "mcp.tools.call",
        r#""rpc.method":"tools/call","tool.name":"echo","mcp.server.name":"desk","error.type":"mcp_request","codex.mcp.error.code":"-32050""#,
        (0, ""),
        "desk tools/call echo rpc_error -32050 -",
    ),
    (
        "ai",
        1,
        "ai.toolCall",
        r#""ai.toolCall.name":"echo","ai.toolCall.result":"{\"content\":[{\"text\":\"no\"}],\"isError\":true}""#,
        (0, ""),
        "svc tools/call echo tool_error - no",
    ),
];

#[test]
fn each_vocabulary_is_read() {
    for (scope, kind, name, attributes, status, expected) in VOCABULARY_CASES {
        let attributes = serde_json::from_str(&format!("{{{attributes}}}")).unwrap();
        let span = Emitted {
            scope,
            kind,
            name,
            attributes,
            status,
        };
        assert_eq!(shown(&rows_of_span(&span)), [expected], "{scope} {name}");
    }
}

#[test]
fn what_is_no_operation_is_no_row() {
    let method = |name: &str| json!({"mcp.method.name": name});
    let cases = [
        ("fastmcp", 1, "tools/call echo", method("tools/call")),
        ("fastmcp", 1, "delegate lookup", method("tools/call")),
        (
            "mcp-python-sdk",
            2,
            "notifications/initialized",
            method("notifications/initialized"),
        ),
        (
            "opentelemetry.instrumentation.starlette",
            2,
            "POST /mcp",
            json!({"http.request.method": "POST"}),
        ),
        (
            "opentelemetry.instrumentation.mcp.instrumentation",
            1,
            "ResponseStreamWriter",
            json!({}),
        ),
        (
            "opentelemetry.instrumentation.mcp.instrumentation",
            1,
            "None.mcp",
            json!({}),
        ),
        (
            "@traceloop/instrumentation-mcp",
            3,
            "mcp.client.session",
            json!({}),
        ),
        (
            "pydantic-ai",
            1,
            "execute_tool echo",
            json!({"gen_ai.tool.name": "echo"}),
        ),
        (
            "ai",
            1,
            "ai.toolCall",
            json!({"ai.toolCall.name": "f", "ai.toolCall.result": "{\"sum\":3}"}),
        ),
        (
            "desk-ts1",
            1,
            "tools/call echo",
            json!({"mcp.method.name": "tools/call", "mcp.tool.name": "echo"}),
        ),
        ("grpc", 3, "Say", json!({"rpc.method": "Say"})),
    ];
    for (scope, kind, name, attributes) in cases {
        let span = Emitted {
            scope,
            kind,
            name,
            attributes,
            status: (0, ""),
        };
        assert_eq!(shown(&rows_of_span(&span)), [""; 0], "{scope} {name}");
    }
}

#[test]
fn a_session_of_the_stateless_protocol_is_none() {
    for (version, expected) in [("2025-11-25", Some("s")), ("2026-07-28", None)] {
        let attributes = json!({"mcp.method.name": "ping", "mcp.session.id": "s", "mcp.protocol.version": version,
            "jsonrpc.request.id": 7});
        let span = Emitted {
            scope: "fastmcp",
            kind: 2,
            name: "ping",
            attributes,
            status: (0, ""),
        };
        let rows = rows_of_span(&span);
        assert_eq!(rows[0].session_id.as_deref(), expected, "{version}");
        assert_eq!(
            rows[0]
                .request_id
                .as_ref()
                .map(ToString::to_string)
                .as_deref(),
            Some("7")
        );
        assert_eq!(
            rows[0]
                .trace_id
                .as_ref()
                .map(ToString::to_string)
                .as_deref(),
            Some(TRACE)
        );
        assert_eq!(
            (rows[0].ts, rows[0].latency_us),
            (1_795_932_248_906, Some(12_000))
        );
    }
}

#[test]
fn a_span_without_a_place_is_rejected_and_the_others_are_taken() {
    let good = json!({"traceId": TRACE, "spanId": "00f067aa0ba902b7", "kind": 2, "name": "ping",
        "attributes": attributes(&json!({"mcp.method.name": "ping"}))});
    let spans = [
        json!({"traceId": "00", "spanId": "01", "kind": 2, "name": "ping"}),
        json!({"name": "ping"}),
        good,
    ];
    let mut joiner = Joiner::default();
    let body = message("svc", "x", &spans);
    let post = decode(&mut joiner, Signal::Traces, Encoding::Json, &body, 0).unwrap();
    assert_eq!(
        (post.known, post.rejected),
        (
            1,
            Some(RejectedParts {
                count: 2,
                why: "a trace id has 16 bytes".to_owned()
            })
        )
    );
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        let read = decode(&mut joiner, Signal::Traces, encoding, b"\x07{nonsense", 0);
        assert!(
            read.unwrap_err()
                .to_string()
                .starts_with("the body is not a message of OTLP for this path: ")
        );
    }
}

/// A call that began and ended at these times, as its spans write them.
fn timed(id: u64, times: [Value; 2]) -> Value {
    let [start, end] = times;
    json!({"traceId": TRACE, "spanId": format!("{id:016x}"), "kind": 2, "name": "ping",
        "startTimeUnixNano": start, "endTimeUnixNano": end,
        "attributes": attributes(&json!({"mcp.method.name": "ping"}))})
}

fn posted(body: &[u8]) -> Post {
    decode(
        &mut Joiner::default(),
        Signal::Traces,
        Encoding::Json,
        body,
        0,
    )
    .unwrap()
}

#[test]
fn an_end_that_is_not_reported_became_a_latency_of_0() {
    let start = 1_795_932_248_906_719_168_u64;
    let latency = |end: Value| {
        let body = message("svc", "x", &[timed(7, [json!(start), end])]);
        rows_of_body(Signal::Traces, &body)[0].latency_us
    };
    assert_eq!(latency(json!(start + 5_000)), Some(5));
    assert_eq!(latency(json!(start)), Some(0));
    for end in [
        json!("0"),
        json!(start - 1),
        json!("9223372036854775807"),
        json!(u64::MAX),
    ] {
        assert_eq!(latency(end.clone()), None, "{end}");
    }
}

#[test]
fn a_start_that_is_no_time_became_a_row_of_1970() {
    for (start, why) in [
        ("0", "a time of 0 is not a time"),
        // Milliseconds, where nanoseconds are meant.
        ("1795932248906", "a time before 2000 is not in nanoseconds"),
        (
            "18446744073709551615",
            "a time after 2262 is not in nanoseconds",
        ),
    ] {
        let post = posted(&message(
            "svc",
            "x",
            &[timed(7, [json!(start), json!(start)])],
        ));
        let rejected = post.rejected.unwrap();
        assert!(rejected.why.starts_with(why), "{rejected:?}");
        assert_eq!((post.known, post.others, rejected.count), (0, 0, 1));
    }
}

#[test]
fn one_span_that_cannot_be_read_cost_the_whole_post() {
    let start = json!("1795932248906719168");
    let good = || timed(7, [start.clone(), start.clone()]);
    for (member, value, why) in [
        ("spanId", json!("zz"), "an id that is not hexadecimal"),
        ("endTimeUnixNano", json!("x"), "no whole number"),
        (
            "startTimeUnixNano",
            json!(-1),
            "a time that 64 bits do not hold",
        ),
        ("name", json!([]), "invalid type"),
    ] {
        let mut bad = good();
        bad[member] = value;
        let post = posted(&message("svc", "x", &[good(), bad, json!([])]));
        let rejected = post.rejected.unwrap();
        assert_eq!((post.known, rejected.count), (1, 2));
        assert!(
            rejected.why.starts_with("part 1 of its list: "),
            "{rejected:?}"
        );
        assert!(rejected.why.contains(why), "{rejected:?}");
    }
}

#[test]
fn a_trace_state_may_say_that_spans_are_a_sample() {
    for (state, expected) in [
        ("", 0),
        ("ot=th:0", 0),
        ("a=b, ot=rv:1;th:c", 4),
        ("ot=th:8", 2),
        ("ot=th:e6666666666666", 10),
        ("ot=th:zz", 1),
        ("b=th:c", 0),
    ] {
        assert_eq!(sampled(state), expected, "{state}");
    }
}

#[test]
fn more_than_can_wait_becomes_rows_and_nothing_is_lost() {
    let span = |at: usize| {
        json!({"traceId": TRACE, "spanId": format!("{:016x}", at + 1), "kind": 3, "name": "MCP send ping",
            "attributes": attributes(&json!({"mcp.method.name": "ping"}))})
    };
    let spans: Vec<Value> = (0..MAX_WAITING + 7).map(span).collect();
    let mut joiner = Joiner::default();
    let body = message("svc", "mcp-python-sdk", &spans);
    let made = decode(&mut joiner, Signal::Traces, Encoding::Json, &body, 0)
        .unwrap()
        .joined;
    assert_eq!((made.rows.len(), made.held.len()), (7, MAX_WAITING));
    assert_eq!(joiner.overdue(i64::MAX).len(), MAX_WAITING);
}

#[test]
fn the_docs_have_a_line_for_each_vocabulary() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/otlp.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let spans = vocabulary::VOCABULARIES.iter().map(|it| it.name);
    let logs = vocabulary::LOG_VOCABULARIES.iter().map(|it| it.name);
    for name in spans.chain(logs) {
        assert!(docs.contains(&format!("| {name} |")), "{name}");
    }
}
