//! `toolhive`: the audit log of ToolHive, one JSON object an HTTP request, in a file, on its standard
//! output or posted.

use crate::Decoded;
use crate::ended::unless_in_result;
use crate::fields::{Str, WholeNumber, parsed, raw_text, rfc3339_ms, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use crate::rpc::shorten;
use mcpr_model::{
    ErrorKind, Event, EventKey, Kind, Outcome, Request, RequestId, SourceFormat, Target,
    TargetKind, Text,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The format; see the head of this file.
pub(super) struct ToolHive;

impl Format for ToolHive {
    fn id(&self) -> SourceFormat {
        SourceFormat::ToolHive
    }

    fn about(&self) -> &'static str {
        "the audit log of ToolHive"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::RequestId,
            Fact::Client,
            Fact::EveryMethod,
            Fact::BytesOut,
            Fact::RpcError,
        ])
    }

    fn tags(&self) -> &'static [&'static str] {
        &["audit_id", "outcome", "type"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        // Any of them alone is a word that other logs use as well.
        ["audit_id", "outcome", "type"]
            .into_iter()
            .all(|it| tags.has(it))
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        match event.tags.text("type").as_ref().map(|it| &*it.0) {
            // It is written when a stream opens: nothing is known yet of how long it lives or how it ends.
            Some("sse_connection") => decoded.known += 1,
            Some(kind) if kind.starts_with("mcp_") || kind == "http_request" => {
                request(event, decoded)?;
            }
            // Its workflows, each step of which is reported as a request, too.
            _ => decoded.unknown += 1,
        }
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
struct AuditEvent<'a> {
    #[serde(borrow)]
    audit_id: Str<'a>,
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    logged_at: Str<'a>,
    #[serde(borrow)]
    outcome: Str<'a>,
    #[serde(borrow)]
    component: Option<Str<'a>>,
    #[serde(borrow, default)]
    subjects: Subjects<'a>,
    #[serde(borrow, default)]
    target: AuditTarget<'a>,
    #[serde(borrow)]
    metadata: ToolhiveMetadata<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Subjects<'a> {
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct AuditTarget<'a> {
    #[serde(borrow)]
    method: Option<Str<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    uri: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
struct ToolhiveMetadata<'a> {
    #[serde(borrow)]
    extra: Extra<'a>,
}

#[derive(Debug, Deserialize)]
struct Extra<'a> {
    duration_ms: WholeNumber,
    response_size_bytes: Option<WholeNumber>,
    #[serde(borrow)]
    jsonrpc_error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    jsonrpc_error_message: Option<Str<'a>>,
}

fn request(Tagged { json, context, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let event: AuditEvent<'_> = parsed(json)?;
    let extra = &event.metadata.extra;
    let method = event
        .method()
        .ok_or("no method, and a type that implies none")?;
    // The log has whole milliseconds: finer digits would be made up.
    let latency_us = extra.duration_ms.0.checked_mul(1000);
    let key = EventKey::of_id(&event.audit_id.0);
    let ts = rfc3339_ms(&event.logged_at)?;
    let proxy = text(event.component.as_ref()).unwrap_or_else(|| context.proxy.into());
    decoded.events.push(Event::Request(Request {
        request_id: Some(RequestId::from_text(&event.audit_id.0)),
        client_name: text(event.subjects.client_name.as_ref()),
        client_version: text(event.subjects.client_version.as_ref()),
        target: event.target.named(),
        latency_us: Some(latency_us.ok_or("the duration is out of range")?),
        bytes_out: extra.response_size_bytes.map(|size| size.0),
        outcome: event.ended(method)?,
        ..Request::new(key, ts, proxy, Kind::of_method(method), method.into())
    }));
    decoded.known += 1;
    Ok(())
}

impl AuditEvent<'_> {
    /// The method of MCP. The target has it where the body was parsed, else the HTTP verb: then the type
    /// of the event may say more.
    fn method(&self) -> Option<&str> {
        let stated = self.target.method.as_ref().and_then(Str::non_empty);
        if let Some(method) = stated.filter(|it| Kind::of_method(it) == Kind::Mcp) {
            return Some(method);
        }
        match &*self.kind.0 {
            "mcp_initialize" => Some("initialize"),
            "mcp_tool_call" => Some("tools/call"),
            "mcp_tools_list" => Some("tools/list"),
            "mcp_resource_read" => Some("resources/read"),
            "mcp_resources_list" => Some("resources/list"),
            "mcp_prompt_get" => Some("prompts/get"),
            "mcp_prompts_list" => Some("prompts/list"),
            "mcp_notification" => Some("notifications/message"),
            "mcp_ping" => Some("ping"),
            "mcp_logging" => Some("logging/setLevel"),
            "mcp_completion" => Some("completion/complete"),
            "mcp_roots_list_changed" => Some("notifications/roots/list_changed"),
            // A request that was refused before its body was parsed.
            _ => stated,
        }
    }

    /// How it ended, as far as the gateway saw: the HTTP status as one of four words, and an error of
    /// JSON-RPC where the answer begins with one.
    fn ended(&self, method: &str) -> Result<Outcome, String> {
        let extra = &self.metadata.extra;
        match &*self.outcome.0 {
            // Without a look at results: a tool may have failed in its own.
            "success" => Ok(unless_in_result(method)),
            "application_error" => Ok(Outcome {
                error_kind: Some(ErrorKind::Rpc),
                error_code: extra
                    .jsonrpc_error_code
                    .map(|code| Text::from(raw_text(code).as_ref())),
                error_msg: (extra.jsonrpc_error_message.as_ref())
                    .map(|message| shorten(&message.0)),
                retyped: false,
            }),
            // The status itself is not reported: its word is all that can be shown.
            word @ ("failure" | "error" | "denied") => Ok(Outcome {
                error_kind: Some(ErrorKind::Http),
                error_code: None,
                error_msg: Some(word.into()),
                retyped: false,
            }),
            other => Err(format!("an unknown outcome, `{other}`")),
        }
    }
}

impl AuditTarget<'_> {
    fn named(&self) -> Option<Target> {
        let (kind, name) = match &*self.kind.as_ref()?.0 {
            "tool" => (TargetKind::Tool, &self.name),
            "prompt" => (TargetKind::Prompt, &self.name),
            // Older versions write the URI as the name.
            "resource" if self.uri.is_some() => (TargetKind::Resource, &self.uri),
            "resource" => (TargetKind::Resource, &self.name),
            _ => return None,
        };
        text(name.as_ref()).map(|name| Target { kind, name })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check_hostile, decoded};

    const WHOLE: &str = r#"{"audit_id":"a-1","type":"mcp_ping","logged_at":"2026-11-01T00:00:00Z","outcome":"success","target":{"method":"ping"},"metadata":{"extra":{"duration_ms":1}}}"#;

    #[test]
    fn hostile_audit_events_are_bad_lines_or_none_of_this_format() {
        let cases = [
            ("\"success\"", "\"won\"", "an unknown outcome, `won`"),
            ("\"duration_ms\":1", "\"duration_ms\":-1", "a whole number"),
            (
                "\"duration_ms\":1",
                "\"duration_ms\":9223372036854775807",
                "the duration is out of range",
            ),
            (
                "\"duration_ms\":1",
                "\"x\":1",
                "missing field `duration_ms`",
            ),
            ("2026-11-01T00", "2026-11-01T25", "is not an RFC 3339 time"),
            ("{\"method\":\"ping\"}", "[]", "expected struct"),
            ("\"a-1\"", "7", "expected a string"),
        ];
        check_hostile(WHOLE, &cases);
        for foreign in ["\"type\":\"vmcp_workflow_started\"", "\"type\":\"\""] {
            let decoded = decoded(&WHOLE.replace("\"type\":\"mcp_ping\"", foreign));
            assert_eq!((decoded.known, decoded.unknown), (0, 1), "{foreign}");
        }
        let opened = decoded(&WHOLE.replace("mcp_ping", "sse_connection"));
        assert_eq!((opened.known, opened.events.len()), (1, 0));
        let half = decoded(&WHOLE.replace("\"audit_id\"", "\"audit\""));
        assert_eq!((half.known, half.unknown), (0, 1));
    }

    #[test]
    fn a_request_that_was_refused_unparsed_is_no_call() {
        let line = WHOLE
            .replace("mcp_ping", "http_request")
            .replace("\"ping\"", "\"POST\"")
            .replace("success", "denied");
        let decoded = decoded(&line);
        let [mcpr_model::Event::Request(row)] = &decoded.events[..] else {
            panic!("{decoded:?}");
        };
        assert_eq!((row.kind, &*row.method), (mcpr_model::Kind::Http, "POST"));
        assert_eq!(row.outcome.error_msg.as_deref(), Some("denied"));
    }
}
