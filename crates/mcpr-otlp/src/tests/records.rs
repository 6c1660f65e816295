//! What the log of each host means, record by record.

use super::facts::{TRACE, attributes, message, rows_of_body, shown};
use super::*;
use serde_json::{Value, json};

fn record(values: &Value) -> Vec<Request> {
    let record = json!({"timeUnixNano": "1795932248906719168", "attributes": attributes(values)});
    let resource = json!({"attributes": attributes(&json!({"service.name": "host", "service.version": "2.1"}))});
    let body =
        json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]});
    rows_of_body(Signal::Logs, body.to_string().as_bytes())
}

#[test]
fn each_hosts_log_is_read() {
    let claude = |more: Value| {
        let mut all = json!({"event.name": "tool_result", "tool_name": "mcp_tool", "duration_ms": "12", "session.id": "s",
            "event.sequence": 3, "tool_use_id": "t",
            "tool_parameters": "{\"mcp_server_name\":\"desk\",\"mcp_tool_name\":\"echo\"}"});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        all
    };
    let gemini = |more: Value| {
        let mut all = json!({"event.name": "gemini_cli.tool_call", "function_name": "mcp_desk_echo", "tool_type": "mcp",
            "mcp_server_name": "desk", "duration_ms": 12, "session.id": "s"});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        all
    };
    let cases = [
        (
            claude(json!({"success": "true"})),
            "desk tools/call echo ok - -",
        ),
        (
            claude(json!({"success": "false", "error_type": "McpToolCallError", "error": "no"})),
            "desk tools/call echo tool_error - no",
        ),
        (
            claude(json!({"success": "false", "error_type": "McpError", "error": "no"})),
            "desk tools/call echo rpc_error - no",
        ),
        // Without details nobody says which tool it was.
        (
            claude(json!({"success": "true", "tool_parameters": ""})),
            "host tools/call - ok - -",
        ),
        (
            claude(json!({"tool_name": "mcp__desk__add", "success": true, "tool_parameters": ""})),
            "desk tools/call add ok - -",
        ),
        (
            claude(json!({"event.name": "tool_decision", "decision": "reject"})),
            "desk tools/call echo denied - -",
        ),
        (
            gemini(json!({"success": true})),
            "desk tools/call echo ok - -",
        ),
        (
            gemini(json!({"success": false, "error_type": "mcp_tool_error", "error": "no"})),
            "desk tools/call echo tool_error - no",
        ),
        (
            gemini(json!({"success": false, "error_type": "invalid_tool_params", "error": "no"})),
            "desk tools/call echo denied - no",
        ),
        (
            gemini(json!({"success": false, "decision": "reject"})),
            "desk tools/call echo denied - -",
        ),
    ];
    for (values, expected) in cases {
        assert_eq!(shown(&record(&values)), [expected], "{values}");
    }
}

#[test]
fn records_of_other_tools_are_no_rows() {
    let others = [
        json!({"event.name": "tool_result", "tool_name": "Bash", "success": "true"}),
        json!({"event.name": "tool_decision", "tool_name": "mcp_tool", "decision": "accept"}),
        json!({"event.name": "gemini_cli.tool_call", "tool_type": "native", "success": true}),
        json!({"event.name": "codex.tool_result", "tool_namespace": "functions", "tool_name": "x", "success": "true"}),
    ];
    for values in others {
        assert_eq!(shown(&record(&values)), [""; 0], "{values}");
    }
}

#[test]
fn a_hosts_record_and_its_span_of_one_call_are_one_row() {
    let span = json!({
        "traceId": TRACE, "spanId": "00f067aa0ba902b7", "kind": 3, "name": "mcp.tools.call",
        "startTimeUnixNano": "1795932248906719168", "endTimeUnixNano": "1795932248918719168",
        "attributes": attributes(&json!({"rpc.method": "tools/call", "tool.name": "echo", "mcp.server.name": "desk",
            "conversation.id": "c", "tool.call_id": "1", "error.type": "mcp_request", "codex.mcp.error.code": -32050})),
    });
    let span = message("codex", "codex_exec", &[span]);
    let record = json!({"observedTimeUnixNano": "1795932248920247211", "attributes": attributes(&json!({
        "event.name": "codex.tool_result", "tool_namespace": "mcp__desk", "tool_name": "echo", "mcp_server": "desk",
        "conversation.id": "c", "call_id": "1", "success": "false", "duration_ms": "12", "output": "quota"}))});
    let logs = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).to_string();
    for order in [[0, 1], [1, 0]] {
        let mut joiner = Joiner::default();
        let mut rows = Vec::new();
        for at in order {
            let (signal, body) = [(Signal::Traces, &span[..]), (Signal::Logs, logs.as_bytes())][at];
            rows.extend(
                decode(&mut joiner, signal, Encoding::Json, body, 0)
                    .unwrap()
                    .joined
                    .rows,
            );
        }
        assert!(joiner.is_empty());
        assert_eq!(
            shown(&rows),
            ["desk tools/call echo rpc_error -32050 quota"]
        );
        assert_eq!(
            rows[0]
                .trace_id
                .as_ref()
                .map(ToString::to_string)
                .as_deref(),
            Some(TRACE)
        );
    }
}
