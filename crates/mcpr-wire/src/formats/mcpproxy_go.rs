//! `mcpproxy_go`: the activity log of mcpproxy-go as it exports it, one JSON object a record.

use crate::Decoded;
use crate::ended::failed;
use crate::fields::{Str, WholeNumber, parsed, rfc3339_ms, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use mcpr_model::{
    ErrorKind, Event, EventKey, Kind, Outcome, Request, RequestId, SourceFormat, Target, TargetKind,
};
use serde::Deserialize;

/// The format; see the head of this file.
pub(super) struct McpproxyGo;

/// What its own tools are called by which servers' tools are called: each such call is reported twice.
const OWN_CALLERS: &str = "call_tool_";

impl Format for McpproxyGo {
    fn id(&self) -> SourceFormat {
        SourceFormat::McpproxyGo
    }

    fn about(&self) -> &'static str {
        "the activity that mcpproxy-go exports"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::SessionId,
            Fact::RequestId,
            Fact::Client,
            Fact::ToolError,
        ])
    }

    fn tags(&self) -> &'static [&'static str] {
        &["type", "tool_name"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        tags.is_one_of("type", &["tool_call", "internal_tool_call"]) && tags.has("tool_name")
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        let record: Record<'_> = parsed(event.json)?;
        decoded.known += 1;
        if &*record.kind.0 == "internal_tool_call" && record.tool_name.0.starts_with(OWN_CALLERS) {
            return Ok(());
        }
        // It is left out where it is 0, and where there was none: of a call that was blocked.
        let micros = |ms: WholeNumber| ms.0.checked_mul(1000).ok_or("the duration is out of range");
        let latency_us = record.duration_ms.map(micros).transpose()?;
        let metadata = record.metadata.as_ref();
        let key = EventKey::of_id(&record.id.0);
        let ts = rfc3339_ms(&record.timestamp)?;
        let proxy = text(record.server_name.as_ref()).unwrap_or_else(|| event.context.proxy.into());
        decoded.events.push(Event::Request(Request {
            // The id of the request, where the line has one, is what other logs have as well.
            request_id: text(record.request_id.as_ref())
                .or_else(|| text(Some(&record.id)))
                .map(|id| RequestId::from_text(&id)),
            session_id: text(record.session_id.as_ref()),
            client_name: metadata.and_then(|it| text(it.client_name.as_ref())),
            client_version: metadata.and_then(|it| text(it.client_version.as_ref())),
            target: text(Some(&record.tool_name)).map(|name| Target {
                kind: TargetKind::Tool,
                name,
            }),
            latency_us,
            outcome: record.ended()?,
            ..Request::new(key, ts, proxy, Kind::Mcp, "tools/call".into())
        }));
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    server_name: Option<Str<'a>>,
    #[serde(borrow)]
    tool_name: Str<'a>,
    #[serde(borrow)]
    status: Str<'a>,
    #[serde(borrow)]
    error_message: Option<Str<'a>>,
    /// Left out where the call took less than a millisecond.
    duration_ms: Option<WholeNumber>,
    #[serde(borrow)]
    timestamp: Str<'a>,
    #[serde(borrow)]
    session_id: Option<Str<'a>>,
    #[serde(borrow)]
    request_id: Option<Str<'a>>,
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
}

#[derive(Debug, Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
}

impl Record<'_> {
    fn ended(&self) -> Result<Outcome, String> {
        let kind = match &*self.status.0 {
            "success" => return Ok(Outcome::default()),
            // Whatever went wrong, the client was answered with a result that says so.
            "error" => ErrorKind::Tool,
            // By a quarantine or a person: the server never saw it.
            "blocked" | "rejected" => ErrorKind::Denied,
            other => return Err(format!("an unknown status, `{other}`")),
        };
        Ok(failed(
            kind,
            None,
            text(self.error_message.as_ref()).as_deref(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_hostile, decoded, one_row};

    const WHOLE: &str = r#"{"id":"r-1","type":"tool_call","server_name":"s","tool_name":"t","status":"success","duration_ms":1,"timestamp":"2026-11-01T00:00:00Z"}"#;

    #[test]
    fn hostile_records_are_bad_lines_or_none_of_this_format() {
        let cases = [
            ("\"success\"", "\"won\"", "an unknown status, `won`"),
            ("\"duration_ms\":1", "\"duration_ms\":-1", "a whole number"),
            (
                "\"duration_ms\":1",
                "\"duration_ms\":9223372036854775807",
                "the duration is out of range",
            ),
            ("2026-11-01T00", "2026-11-01T25", "is not an RFC 3339 time"),
            ("\"r-1\"", "7", "expected a string"),
            ("\"id\"", "\"ident\"", "missing field `id`"),
        ];
        check_hostile(WHOLE, &cases);
        let other = decoded(&WHOLE.replace("tool_call", "quarantine_change"));
        assert_eq!((other.known, other.unknown), (0, 1));
    }

    #[test]
    fn a_status_is_no_message_and_a_refusal_no_error_of_a_tool() {
        let ended = |status: &str| one_row(&WHOLE.replace("success", status)).outcome;
        for (status, kind) in [
            ("error", ErrorKind::Tool),
            ("blocked", ErrorKind::Denied),
            ("rejected", ErrorKind::Denied),
        ] {
            let bare = ended(status);
            assert_eq!(
                (bare.error_kind, bare.error_msg),
                (Some(kind), None),
                "{status}"
            );
            let stated = ended(&format!("{status}\",\"error_message\":\"why"));
            assert_eq!(stated.error_msg.as_deref(), Some("why"), "{status}");
        }
    }

    #[test]
    fn the_id_of_a_request_is_its_own_where_the_line_has_one() {
        let id = |line: &str| one_row(line).request_id.map(|id| id.to_string());
        assert_eq!(id(WHOLE).as_deref(), Some("r-1"));
        let own = WHOLE.replace("\"type\"", "\"request_id\":\"req-7\",\"type\"");
        assert_eq!(id(&own).as_deref(), Some("req-7"));
    }

    #[test]
    fn a_call_that_is_reported_twice_is_one_row() {
        let own = WHOLE.replace("tool_call", "internal_tool_call");
        let caller = own.replace("\"tool_name\":\"t\"", "\"tool_name\":\"call_tool_read\"");
        assert_eq!(
            (decoded(&own).events.len(), decoded(&caller).events.len()),
            (1, 0)
        );
        assert_eq!(decoded(&caller).known, 1);
    }
}
