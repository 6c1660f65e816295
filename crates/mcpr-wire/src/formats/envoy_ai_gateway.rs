//! `envoy_ai_gateway`: the access log of Envoy AI Gateway as it is by default, one JSON object a request to
//! a backend.

use crate::Decoded;
use crate::durations::Millis;
use crate::ended::{failed, of_status, unseen};
use crate::fields::{Str, WholeNumber, http_status, parsed, raw_text, rfc3339_ms, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use mcpr_model::{
    ErrorKind, Event, EventKey, Kind, Outcome, Request, RequestId, SourceFormat, Target, TargetKind,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The format; see the head of this file.
pub(super) struct EnvoyAiGateway;

impl Format for EnvoyAiGateway {
    fn id(&self) -> SourceFormat {
        SourceFormat::EnvoyAiGateway
    }

    fn about(&self) -> &'static str {
        "the access log of Envoy AI Gateway"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::SessionId,
            Fact::RequestId,
            Fact::EveryMethod,
            Fact::BytesIn,
            Fact::BytesOut,
            Fact::HttpStatus,
        ])
    }

    fn tags(&self) -> &'static [&'static str] {
        &[
            "start_time",
            "response_code",
            "mcp.method.name",
            "mcp.provider.name",
        ]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        // The same log reports about models as well: then both are null.
        let is_mcp = tags.has("mcp.method.name") || tags.has("mcp.provider.name");
        is_mcp && tags.has("start_time") && tags.has("response_code")
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        let line: AccessLog<'_> = parsed(event.json)?;
        decoded.known += 1;
        let method = line.mcp_method.as_ref().and_then(Str::non_empty);
        // A stream that opens has no method of MCP.
        let method = method.or(line.http_method.as_ref().and_then(Str::non_empty));
        let method = method.ok_or("neither a method of MCP nor one of HTTP")?;
        let id = line.request_id.filter(|id| id.get() != "null");
        // Without an id nobody answers it.
        if id.is_none() && method.starts_with("notifications/") {
            return Ok(());
        }
        // An id comes again for each backend that a list is asked of: the line itself is the identity.
        let key = EventKey::of_bytes(event.json.as_bytes(), 0);
        let proxy = text(line.provider.as_ref()).unwrap_or_else(|| event.context.proxy.into());
        // When the request came, not when its line was written.
        let ts = rfc3339_ms(&line.start_time)?;
        decoded.events.push(Event::Request(Request {
            request_id: id.map(|id| RequestId::from_text(&raw_text(id))),
            session_id: text(line.session_id.as_ref()),
            target: text(line.tool.as_ref()).map(|name| Target {
                kind: TargetKind::Tool,
                name,
            }),
            latency_us: Some(line.duration.0),
            http_status: http_status(line.response_code.0),
            bytes_in: line.bytes_received.map(|size| size.0),
            bytes_out: line.bytes_sent.map(|size| size.0),
            outcome: line.ended(),
            ..Request::new(key, ts, proxy, Kind::of_method(method), method.into())
        }));
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
struct AccessLog<'a> {
    #[serde(borrow)]
    start_time: Str<'a>,
    duration: Millis,
    response_code: WholeNumber,
    bytes_received: Option<WholeNumber>,
    bytes_sent: Option<WholeNumber>,
    #[serde(borrow, rename = "method")]
    http_method: Option<Str<'a>>,
    #[serde(borrow, rename = "mcp.method.name")]
    mcp_method: Option<Str<'a>>,
    #[serde(borrow, rename = "mcp.provider.name")]
    provider: Option<Str<'a>>,
    #[serde(borrow, rename = "mcp.session.id")]
    session_id: Option<Str<'a>>,
    #[serde(borrow, rename = "mcp.tool.name")]
    tool: Option<Str<'a>>,
    #[serde(borrow, rename = "jsonrpc.request.id")]
    request_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "upstream_transport_failure_reason")]
    broken_by: Option<Str<'a>>,
}

impl AccessLog<'_> {
    /// How it ended: nothing of the answer but its HTTP status is reported.
    fn ended(&self) -> Outcome {
        let reason = text(self.broken_by.as_ref());
        match self.response_code.0 {
            // Envoy writes 0 where no answer came.
            0 => failed(ErrorKind::Timeout, None, reason.as_deref()),
            status => of_status(status, reason.as_deref()).unwrap_or_else(unseen),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check_hostile, decoded, one_row};
    use mcpr_model::{ErrorKind, Kind};

    const WHOLE: &str = r#"{"start_time":"2026-11-01T00:00:00.5Z","duration":5,"response_code":200,"bytes_received":10,"bytes_sent":20,"method":"POST","mcp.method.name":"tools/list","mcp.provider.name":"a","jsonrpc.request.id":"3","mcp.session.id":null}"#;

    #[test]
    fn hostile_lines_are_bad_lines_or_none_of_this_format() {
        let cases = [
            ("2026-11-01T00", "2026-11-01T25", "is not an RFC 3339 time"),
            ("\"duration\":5", "\"duration\":-5", "out of range"),
            (
                "\"response_code\":200",
                "\"response_code\":\"-\"",
                "a whole number",
            ),
            ("\"bytes_sent\":20", "\"bytes_sent\":-20", "a whole number"),
        ];
        check_hostile(WHOLE, &cases);
        let model = WHOLE
            .replace("\"tools/list\"", "null")
            .replace("\"a\"", "null");
        assert_eq!((decoded(&model).known, decoded(&model).unknown), (0, 1));
    }

    #[test]
    fn a_list_that_is_asked_of_two_backends_is_two_rows_of_two_proxies() {
        let (one, other) = (one_row(WHOLE), one_row(&WHOLE.replace("\"a\"", "\"b\"")));
        assert_eq!(one.request_id, other.request_id);
        assert_ne!(one.key, other.key);
        assert_eq!((&*one.proxy, &*other.proxy), ("a", "b"));
    }

    #[test]
    fn nothing_is_ok_of_what_only_its_status_is_seen() {
        let kind = |code: &str| {
            let line = WHOLE.replace("_code\":200", &format!("_code\":{code}"));
            one_row(&line).outcome.error_kind
        };
        let got = ["200", "202", "404", "0"].map(kind);
        let expected = [
            ErrorKind::Unseen,
            ErrorKind::Unseen,
            ErrorKind::Http,
            ErrorKind::Timeout,
        ];
        assert_eq!(got, expected.map(Some));
        let stream = one_row(
            &WHOLE
                .replace("\"tools/list\"", "null")
                .replace("POST", "GET"),
        );
        assert_eq!((stream.kind, &*stream.method), (Kind::Http, "GET"));
    }
}
