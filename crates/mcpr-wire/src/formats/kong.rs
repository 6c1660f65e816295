//! `kong`: what Kong's `http-log` posts and its `file-log` writes, one object per HTTP request, as far as its
//! AI plugins report about MCP in it.

use crate::Decoded;
use crate::durations::Millis;
use crate::ended::{failed, of_status, unless_in_result};
use crate::fields::{Str, WholeNumber, http_status, parsed, raw_text, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use mcpr_model::{
    ErrorKind, Event, EventBytes, EventKey, Kind, Outcome, Request, RequestId, SourceFormat,
    Target, TargetKind, Text,
};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny};
use serde_json::value::RawValue;

/// The format; see the head of this file.
pub(super) struct Kong;

impl Format for Kong {
    fn id(&self) -> SourceFormat {
        SourceFormat::Kong
    }

    fn about(&self) -> &'static str {
        "what Kong's http-log and file-log report about MCP"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::SessionId,
            Fact::RequestId,
            Fact::EveryMethod,
            Fact::BytesOut,
            Fact::HttpStatus,
            Fact::RpcError,
        ])
    }

    fn tags(&self) -> &'static [&'static str] {
        &["ai"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        // Other plugins of Kong report about models under the same name.
        tags.parsed::<AiTag>("ai").is_some()
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        let log: KongLog<'_> = parsed(event.json)?;
        let bytes = EventBytes::new(event.json.as_bytes());
        // A route may lead to several services, which is why it comes second.
        let proxy = [&log.service, &log.route].into_iter().flatten();
        let mut names = proxy.filter_map(|named| text(named.name.as_ref()));
        let proxy = names.next().unwrap_or_else(|| event.context.proxy.into());
        for (index, rpc) in (0..).zip(&log.ai.mcp.rpc) {
            // One of several requests in one body; of the body itself only the whole has an id.
            let key = match log.request.id.as_ref().and_then(Str::non_empty) {
                Some(id) => EventKey::of_id(&format!("{id} {index}")),
                None => bytes.key(index),
            };
            let row = log.row(rpc, key, proxy.clone())?;
            decoded.events.extend(row.map(Event::Request));
        }
        decoded.known += 1;
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
struct AiTag {
    #[serde(rename = "mcp")]
    _mcp: IgnoredAny,
}

#[derive(Debug, Deserialize)]
struct KongLog<'a> {
    started_at: Option<WholeNumber>,
    #[serde(borrow, default)]
    request: HttpRequest<'a>,
    #[serde(default)]
    response: HttpResponse,
    #[serde(default)]
    latencies: KongTimes,
    #[serde(borrow)]
    service: Option<KongPart<'a>>,
    #[serde(borrow)]
    route: Option<KongPart<'a>>,
    #[serde(borrow)]
    ai: Ai<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct HttpRequest<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct HttpResponse {
    status: Option<WholeNumber>,
}

#[derive(Debug, Default, Deserialize)]
struct KongTimes {
    request: Option<Millis>,
}

#[derive(Debug, Deserialize)]
struct KongPart<'a> {
    #[serde(borrow)]
    name: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
struct Ai<'a> {
    #[serde(borrow)]
    mcp: McpLog<'a>,
}

#[derive(Debug, Deserialize)]
struct McpLog<'a> {
    #[serde(borrow)]
    mcp_session_id: Option<Str<'a>>,
    #[serde(borrow, default, deserialize_with = "lua_list")]
    rpc: Vec<Rpc<'a>>,
    #[serde(borrow, default, deserialize_with = "lua_list")]
    audit: Vec<Audit<'a>>,
}

#[derive(Debug, Deserialize)]
struct Rpc<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Str<'a>,
    #[serde(borrow)]
    tool_name: Option<Str<'a>>,
    latency: Option<Millis>,
    response_body_size: Option<WholeNumber>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Whether somebody may use something of the server.
#[derive(Debug, Deserialize)]
struct Audit<'a> {
    #[serde(borrow)]
    primitive: Option<Str<'a>>,
    #[serde(borrow)]
    primitive_name: Option<Str<'a>>,
    #[serde(borrow)]
    action: Option<Str<'a>>,
}

/// A list as Lua writes it: an empty one is an empty object there, or null.
fn lua_list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let raw = <&RawValue>::deserialize(from)?;
    if matches!(raw.get(), "{}" | "null") {
        return Ok(Vec::new());
    }
    serde_json::from_str(raw.get()).map_err(D::Error::custom)
}

impl KongLog<'_> {
    /// The row of a request; `None` where it is a notification, which nobody answers.
    fn row(&self, rpc: &Rpc<'_>, key: EventKey, proxy: Text) -> Result<Option<Request>, String> {
        let method = &*rpc.method.0;
        // Encoders write null for what is not there.
        let id = rpc.id.filter(|id| id.get() != "null");
        if id.is_none() && method.starts_with("notifications/") {
            return Ok(None);
        }
        let started_at = self
            .started_at
            .ok_or("no `started_at`: its time is not reported")?;
        // The only request of a body took what the body took.
        let latency = rpc.latency.or(self.latencies.request);
        let latency = latency.ok_or("no latency of a request")?;
        let tool = text(rpc.tool_name.as_ref());
        Ok(Some(Request {
            request_id: id.map(|id| RequestId::from_text(&raw_text(id))),
            session_id: text(self.ai.mcp.mcp_session_id.as_ref()),
            target: tool.map(|name| Target {
                kind: TargetKind::Tool,
                name,
            }),
            latency_us: Some(latency.0),
            http_status: (self.response.status).and_then(|status| http_status(status.0)),
            bytes_out: rpc.response_body_size.map(|size| size.0),
            outcome: self.ended(rpc),
            ..Request::new(
                key,
                started_at.0,
                proxy,
                Kind::of_method(method),
                method.into(),
            )
        }))
    }

    /// How it ended: the error's text, whether its caller may call it, and the HTTP status are reported.
    fn ended(&self, rpc: &Rpc<'_>) -> Outcome {
        // Kong writes a text here; a plugin of somebody's may write an object.
        let error = rpc.error.map(raw_text);
        let error = error
            .as_deref()
            .filter(|error| !matches!(*error, "" | "null" | "false"));
        if self.is_denied(rpc) {
            return failed(ErrorKind::Denied, None, error);
        }
        if error.is_some() {
            // Its code is not reported.
            return failed(ErrorKind::Rpc, None, error);
        }
        let status = self
            .response
            .status
            .and_then(|status| of_status(status.0, None));
        status.unwrap_or_else(|| unless_in_result(&rpc.method.0))
    }

    /// Whether the very tool that is called was denied: a list only leaves out what is.
    fn is_denied(&self, rpc: &Rpc<'_>) -> bool {
        let is =
            |text: &Option<Str<'_>>, word: &str| text.as_ref().is_some_and(|it| &*it.0 == word);
        // Without a name nothing in the audit can be of it.
        let Some(tool) = &rpc.tool_name else {
            return false;
        };
        &*rpc.method.0 == "tools/call"
            && self.ai.mcp.audit.iter().any(|audit| {
                is(&audit.action, "deny")
                    && is(&audit.primitive_name, &tool.0)
                    && audit
                        .primitive
                        .as_ref()
                        .is_none_or(|kind| &*kind.0 == "tool")
            })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check_hostile, decoded, one_row};
    use mcpr_model::ErrorKind;

    const WHOLE: &str = r#"{"started_at":1789372800000,"request":{"id":"r1"},"response":{"status":200},"latencies":{"request":9},"ai":{"mcp":{"mcp_session_id":"s","rpc":[{"id":"1","method":"tools/call","tool_name":"t","latency":7}],"audit":[{"primitive":"tool","primitive_name":"t","action":"allow"}]}}}"#;

    #[test]
    fn hostile_objects_are_bad_lines_or_none_of_this_format() {
        let cases = [
            ("\"started_at\"", "\"started\"", "no `started_at`"),
            ("\"latency\":7", "\"latency\":-7", "out of range"),
            ("\"rpc\":[", "\"rpc\":[7,", "expected struct"),
            ("\"method\"", "\"verb\"", "missing field `method`"),
            ("\"status\":200", "\"status\":-1", "a whole number"),
        ];
        check_hostile(WHOLE, &cases);
        let other = decoded(&WHOLE.replace("\"mcp\"", "\"proxy\""));
        assert_eq!((other.known, other.unknown), (0, 1));
    }

    #[test]
    fn a_call_that_ended_well_for_kong_is_unknown_and_a_denied_one_is_denied() {
        let kind = |line: &str| one_row(line).outcome.error_kind;
        assert_eq!(kind(WHOLE), Some(ErrorKind::Unseen));
        assert_eq!(
            kind(&WHOLE.replace("allow", "deny")),
            Some(ErrorKind::Denied)
        );
        let elsewhere = WHOLE.replace("\"t\",\"action\":\"allow\"", "\"u\",\"action\":\"deny\"");
        assert_eq!(kind(&elsewhere), Some(ErrorKind::Unseen));
        assert_eq!(kind(&WHOLE.replace("tools/call", "tools/list")), None);
        let refused = WHOLE.replace(":200", ":401");
        assert_eq!(kind(&refused), Some(ErrorKind::Http));
    }

    #[test]
    fn an_empty_list_of_lua_is_a_list() {
        let line = WHOLE.replace(
            r#"[{"primitive":"tool","primitive_name":"t","action":"allow"}]"#,
            "{}",
        );
        assert_eq!(
            one_row(&line)
                .request_id
                .map(|id| id.to_string())
                .as_deref(),
            Some("1")
        );
        let (start, end) = (
            line.find("[{").unwrap_or_default(),
            line.find("}]").unwrap_or_default(),
        );
        let none = format!("{}{{}}{}", &line[..start], &line[end + 2..]);
        assert_eq!(
            (decoded(&none).known, decoded(&none).events.len()),
            (1, 0),
            "{none}"
        );
    }

    #[test]
    fn notifications_lead_to_no_row_and_a_request_without_its_own_latency_has_the_whole() {
        let notice = WHOLE
            .replace("\"id\":\"1\",", "")
            .replace("tools/call", "notifications/initialized");
        assert_eq!(
            (decoded(&notice).known, decoded(&notice).events.len()),
            (1, 0)
        );
        assert_eq!(
            one_row(&WHOLE.replace(",\"latency\":7", "")).latency_us,
            Some(9_000)
        );
    }
}
