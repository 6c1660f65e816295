//! `agentgateway`: the access log of agentgateway, as JSON or as text, a line per request.

use crate::durations::duration_us;
use crate::ended::{failed, of_status, unless_in_result};
use crate::fields::{http_status, parsed, raw_text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use crate::{Decoded, LineContext};
use mcpr_model::time::{SECOND_MS, parse_rfc3339};
use mcpr_model::{
    ErrorKind, Event, EventKey, Kind, Outcome, Request, SourceFormat, Target, TargetKind, Text,
    TraceId,
};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The format; see the head of this file.
pub(super) struct AgentGateway;

impl Format for AgentGateway {
    fn id(&self) -> SourceFormat {
        SourceFormat::AgentGateway
    }

    fn about(&self) -> &'static str {
        "the access log of agentgateway"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::SessionId,
            Fact::EveryMethod,
            Fact::HttpStatus,
            Fact::RpcError,
            // Only where its operator has the log say so.
            Fact::ToolError,
        ])
    }

    fn tags(&self) -> &'static [&'static str] {
        &["scope", "gateway", "listener"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        tags.is_one_of("scope", &["request"]) && tags.has("gateway") && tags.has("listener")
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        let members: BTreeMap<String, &RawValue> = parsed(event.json)?;
        // What is null here is left out in the text.
        let values = members.into_iter().filter(|(_, raw)| raw.get() != "null");
        let values = values.map(|(key, raw)| (Cow::Owned(key), raw_text(raw)));
        let line = AgentLine(values.collect());
        let row = line.row(event.json, event.context.proxy)?;
        decoded.events.extend(row.map(Event::Request));
        decoded.known += 1;
        Ok(())
    }

    fn text(&self, line: &[u8], context: LineContext<'_>, decoded: &mut Decoded) -> bool {
        // Most text is distinguished by one byte.
        if !line.first().is_some_and(u8::is_ascii_digit) {
            return false;
        }
        let text = String::from_utf8_lossy(line);
        let Some(values) = text_values(&text) else {
            return false;
        };
        match AgentLine(values).row(&text, context.proxy) {
            Ok(row) => {
                decoded.events.extend(row.map(Event::Request));
                decoded.known += 1;
            }
            Err(reason) => decoded.add_bad(0..line.len(), reason),
        }
        true
    }
}

/// Reads `TIME<tab>LEVEL<tab>request KEY=VALUE …`, whose values stand without quotes and may hold blanks.
fn text_values(line: &str) -> Option<BTreeMap<Cow<'_, str>, Cow<'_, str>>> {
    let mut columns = line.splitn(3, '\t');
    let (time, _level) = (columns.next()?, columns.next()?);
    let rest = columns.next()?.strip_prefix("request ")?;
    let mut values = BTreeMap::from([(Cow::Borrowed("time"), Cow::Borrowed(time))]);
    let mut pairs = begins(rest).peekable();
    while let Some((start, equals)) = pairs.next() {
        let end = pairs.peek().map_or(rest.len(), |(next, _)| next - 1);
        let value = rest[equals + 1..end].trim_matches('"');
        // The first counts: what a message quotes stands behind what the gateway says itself.
        let key = Cow::Borrowed(&rest[start..equals]);
        values.entry(key).or_insert(Cow::Borrowed(value));
    }
    // Another program may log requests in columns, too.
    let is_it = |key: &str| values.contains_key(key);
    (is_it("gateway") && is_it("listener")).then_some(values)
}

/// Where each `KEY=` begins, and where its `=` stands: a key is a word of letters, digits, `.`, `_` and `-`.
fn begins(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let is_of_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let blanks = memchr::memchr_iter(b' ', text.as_bytes()).map(|at| at + 1);
    std::iter::once(0).chain(blanks).filter_map(move |start| {
        let word = &text.as_bytes()[start..];
        let len = word.iter().take_while(|byte| is_of_key(**byte)).count();
        (len > 0 && word.get(len) == Some(&b'=')).then_some((start, start + len))
    })
}

/// What a line says, by its keys; what is null or empty is not there.
struct AgentLine<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

/// Names under which operators add whether a result was an error.
const IS_ERROR: [&str; 4] = [
    "mcp_is_error",
    "mcp.is_error",
    "mcp.tool.result.isError",
    "isError",
];

impl AgentLine<'_> {
    /// The value under the first of these keys that is there: names have changed since 2025.
    fn get(&self, keys: &[&str]) -> Option<&str> {
        let mut values = keys.iter().filter_map(|key| self.0.get(*key));
        values.find(|value| !value.is_empty()).map(AsRef::as_ref)
    }

    /// The row, where the line is one of MCP that has one.
    fn row(&self, line: &str, proxy: &str) -> Result<Option<Request>, String> {
        let method = match self.get(&["mcp.method.name", "mcp.method"]) {
            Some(method) => method,
            // A stream that opens, or a session that ends.
            None if self.get(&["protocol"]) == Some("mcp") => {
                self.get(&["http.method"]).unwrap_or("POST")
            }
            None => return Ok(None),
        };
        if method.starts_with("notifications/") {
            return Ok(None);
        }
        let time = self.get(&["time"]).unwrap_or_default();
        let ts = time_ms(time).ok_or_else(|| format!("`{time}` is not a time of agentgateway"))?;
        let duration = self.get(&["duration"]).ok_or("no duration")?;
        let latency = duration_us(duration);
        // A list is asked of all servers, and says none.
        let proxy = self.get(&["mcp.target"]).unwrap_or(proxy).into();
        let key = EventKey::of_bytes(line.as_bytes(), 0);
        let trace_id = self.get(&["trace.id"]).and_then(TraceId::of_hex);
        Ok(Some(Request {
            session_id: self.get(&["mcp.session.id"]).map(hash_of),
            target: self.target(method),
            latency_us: Some(latency.ok_or_else(|| format!("`{duration}` is not a duration"))?),
            http_status: self.status().and_then(http_status),
            trace_id: trace_id.map(Box::new),
            outcome: self.ended(method),
            ..Request::new(key, ts, proxy, Kind::of_method(method), method.into())
        }))
    }

    fn status(&self) -> Option<i64> {
        self.get(&["http.status"])?.parse().ok()
    }

    fn target(&self, method: &str) -> Option<Target> {
        let (kind, keys) = match method {
            "tools/call" => (TargetKind::Tool, ["gen_ai.tool.name", "mcp.resource.name"]),
            "prompts/get" => (
                TargetKind::Prompt,
                ["gen_ai.prompt.name", "mcp.resource.name"],
            ),
            _ if method.starts_with("resources/") => (
                TargetKind::Resource,
                ["mcp.resource.uri", "mcp.resource.name"],
            ),
            _ => return None,
        };
        let name = self.get(&keys)?.into();
        Some(Target { kind, name })
    }

    /// How it ended: an error of JSON-RPC and the HTTP status are reported, a tool's own failure seldom.
    fn ended(&self, method: &str) -> Outcome {
        if let Some(code) = self.get(&["mcp.error.code"]) {
            let message = self.get(&["mcp.error.message"]);
            return failed(ErrorKind::Rpc, Some(code.into()), message);
        }
        // Refusals of the gateway itself have no error of JSON-RPC.
        let error = self.get(&["error"]);
        if let Some(refused) = self.status().and_then(|status| of_status(status, error)) {
            return refused;
        }
        match self.get(&IS_ERROR) {
            Some("true") if method == "tools/call" => failed(ErrorKind::Tool, None, None),
            Some("false") => Outcome::default(),
            _ => unless_in_result(method),
        }
    }
}

/// A session's id as a hash: it holds the ids of the sessions behind the gateway, which let in whoever knows
/// them.
fn hash_of(id: &str) -> Text {
    format!("{:016x}", EventKey::of_id(id).hash).into()
}

/// Its times: what stands behind the dot is a count of microseconds without leading zeros, so that `.5Z` is
/// 5 µs.
fn time_ms(text: &str) -> Option<i64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0Z"));
    let micros = rest.strip_suffix('Z')?;
    // More digits than a count of microseconds has were written by another clock.
    if micros.len() > 6 {
        return parse_rfc3339(text);
    }
    let micros: i64 = micros.parse().ok().filter(|it| *it >= 0)?;
    // The rest is a time like any other.
    let whole = parse_rfc3339(&format!("{}Z", whole.trim_end_matches('Z')))?;
    Some(whole + micros / SECOND_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_hostile, decoded, one_row};

    const WHOLE: &str = r#"{"level":"info","time":"2026-11-01T00:00:00.5Z","scope":"request","gateway":"g","listener":"l","http.method":"POST","http.status":200,"protocol":"mcp","mcp.method.name":"tools/call","mcp.target":"files","gen_ai.tool.name":"read","mcp.session.id":"secret","duration":"4ms"}"#;
    const TEXT: &str = "2026-11-01T00:00:00.5Z\tinfo\trequest gateway=g listener=l http.method=POST http.status=200 protocol=mcp mcp.method.name=tools/call mcp.target=files gen_ai.tool.name=read mcp.error.code=-32602 mcp.error.message=no such tool duration=4ms";

    #[test]
    fn what_stands_behind_the_dot_is_a_count_of_microseconds() {
        let base = 1_793_491_200_000;
        let cases = [
            ("2026-11-01T00:00:00.5Z", Some(base)),
            ("2026-11-01T00:00:00.5001Z", Some(base + 5)),
            ("2026-11-01T00:00:00.120000Z", Some(base + 120)),
            ("2026-11-01T00:00:00.789058Z", Some(base + 789)),
            ("2026-11-01T00:00:00.120000001Z", Some(base + 120)),
            ("2026-11-01T00:00:00Z", Some(base)),
            ("2026-11-01T00:00:00.-5Z", None),
            ("2026-11-01T00:00:00.Z", None),
            ("2026-11-01T25:00:00.5Z", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(time_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn hostile_lines_are_bad_lines_or_none_of_this_format() {
        let cases = [
            (
                "00:00:00.5Z",
                "00:00:61.5Z",
                "is not a time of agentgateway",
            ),
            ("\"4ms\"", "\"4 parsecs\"", "`4 parsecs` is not a duration"),
            ("\"duration\"", "\"length\"", "no duration"),
        ];
        check_hostile(WHOLE, &cases);
        let other = decoded(&WHOLE.replace("listener", "ear"));
        assert_eq!((other.known, other.unknown), (0, 1));
        let other = decoded(&TEXT.replace("listener", "ear"));
        assert!(other.is_text);
        let no_mcp = WHOLE
            .replace("mcp.method.name", "x")
            .replace("\"protocol\":\"mcp\"", "\"protocol\":\"llm\"");
        assert_eq!(
            (decoded(&no_mcp).known, decoded(&no_mcp).events.len()),
            (1, 0)
        );
    }

    #[test]
    fn a_value_of_text_may_hold_blanks_and_what_it_quotes_counts_for_nothing() {
        let row = one_row(TEXT);
        assert_eq!(row.outcome.error_msg.as_deref(), Some("no such tool"));
        assert_eq!((row.latency_us, &*row.proxy), (Some(4_000), "files"));
        let quoting = TEXT.replace("no such tool", "bad mcp.target=x http.status=500 é=1");
        let row = one_row(&quoting);
        assert_eq!(
            (&*row.proxy, row.outcome.error_msg.as_deref()),
            ("files", Some("bad"))
        );
    }

    #[test]
    fn of_a_session_only_a_hash_is_kept() {
        let row = one_row(WHOLE);
        let session = row.session_id.as_deref().unwrap_or_default();
        assert_eq!(session.len(), 16);
        assert!(!format!("{row:?}").contains("secret"));
        assert_eq!(one_row(WHOLE).session_id, row.session_id);
    }

    #[test]
    fn a_tools_own_failure_is_unknown_unless_the_operator_has_it_logged() {
        let kind = |line: &str| one_row(line).outcome.error_kind;
        let reported =
            |word: &str| WHOLE.replace("\"level\"", &format!("\"mcp_is_error\":{word},\"level\""));
        assert_eq!(kind(WHOLE), Some(ErrorKind::Unseen));
        assert_eq!(kind(&reported("true")), Some(ErrorKind::Tool));
        assert_eq!(kind(&reported("false")), None);
        assert_eq!(kind(&WHOLE.replace("tools/call", "tools/list")), None);
        assert_eq!(kind(&WHOLE.replace("200", "502")), Some(ErrorKind::Http));
        let older = WHOLE
            .replace("mcp.method.name", "mcp.method")
            .replace("gen_ai.tool.name", "mcp.resource.name");
        assert_eq!(one_row(&older).target, one_row(WHOLE).target);
    }
}
