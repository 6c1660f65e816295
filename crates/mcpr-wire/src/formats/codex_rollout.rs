//! `codex_rollout`: the record that Codex keeps of a conversation, one JSON object a line, as far as it
//! reports MCP: tool calls that have ended.

use crate::fields::{Str, WholeNumber, parsed, rfc3339_ms, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use crate::rpc::{shorten, tool_error};
use crate::{Bodies, Decoded, LineContext};
use mcpr_model::{
    ErrorKind, Event, EventKey, Kind, Outcome, Payload, Request, RequestId, SourceFormat, Target,
    TargetKind, Text,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The format; see the head of this file.
pub(super) struct CodexRollout;

impl Format for CodexRollout {
    fn id(&self) -> SourceFormat {
        SourceFormat::CodexRollout
    }

    fn about(&self) -> &'static str {
        "the conversations that Codex keeps"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::SessionId,
            Fact::RequestId,
            Fact::RpcError,
            Fact::ToolError,
            Fact::Bodies,
        ])
    }

    fn tags(&self) -> &'static [&'static str] {
        &["type", "payload"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        const TYPES: [&str; 5] = [
            "session_meta",
            "turn_context",
            "event_msg",
            "response_item",
            "compacted",
        ];
        tags.is_one_of("type", &TYPES) && tags.has("payload")
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        let row = if event.tags.is_one_of("type", &["event_msg"]) {
            let line: RolloutLine<'_> = parsed(event.json)?;
            let kind: PayloadKind<'_> = parsed(line.payload.get())?;
            let context = event.context;
            match kind.kind.as_ref().map(|it| &*it.0) {
                Some("mcp_tool_call_end") => Some(call_end(&line, context)?),
                Some("item_completed") => item_completed(&line, context)?,
                _ => None,
            }
        } else {
            None // the conversation, which reports no call that has ended
        };
        decoded.known += 1;
        decoded.events.extend(row.map(Event::Request));
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
struct RolloutLine<'a> {
    #[serde(borrow)]
    timestamp: Str<'a>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct PayloadKind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Str<'a>>,
}

/// The end of a call, as it was reported until the autumn of 2026.
#[derive(Debug, Deserialize)]
struct CallEnd<'a> {
    #[serde(borrow)]
    call_id: Str<'a>,
    #[serde(borrow)]
    invocation: Invocation<'a>,
    duration: Option<Duration>,
    #[serde(borrow)]
    result: CallResult<'a>,
}

#[derive(Debug, Deserialize)]
struct Invocation<'a> {
    #[serde(borrow)]
    server: Str<'a>,
    #[serde(borrow)]
    tool: Str<'a>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
enum CallResult<'a> {
    #[serde(borrow)]
    Ok(&'a RawValue),
    #[serde(borrow)]
    Err(Str<'a>),
}

/// An item of a turn that has ended, as it is reported since.
#[derive(Debug, Deserialize)]
struct ItemCompleted<'a> {
    #[serde(borrow)]
    item: &'a RawValue,
    #[serde(borrow)]
    thread_id: Option<Str<'a>>,
    #[serde(borrow)]
    turn_id: Option<Str<'a>>,
    started_at_ms: Option<WholeNumber>,
}

#[derive(Debug, Deserialize)]
struct ToolCallItem<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    #[serde(borrow)]
    server: Str<'a>,
    #[serde(borrow)]
    tool: Str<'a>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    duration: Option<Duration>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<CallError<'a>>,
}

#[derive(Debug, Deserialize)]
struct CallError<'a> {
    #[serde(borrow)]
    message: Str<'a>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Duration {
    secs: WholeNumber,
    nanos: WholeNumber,
}

impl Duration {
    fn micros(self) -> Result<i64, String> {
        let micros = self.secs.0.checked_mul(1_000_000);
        micros
            .and_then(|micros| micros.checked_add(self.nanos.0 / 1000))
            .ok_or_else(|| "the duration is out of range".to_owned())
    }
}

/// When a call began that ended at a time; where nobody says how long it took, no earlier time is known.
fn began_at(ended_at: i64, latency_us: Option<i64>) -> i64 {
    ended_at.saturating_sub(latency_us.unwrap_or(0) / 1000)
}

/// The conversation that a file is of: `rollout-TIME-ID`. Its events name it since the autumn of 2026 only.
fn conversation(file: &str) -> Option<Text> {
    /// `2026-11-21T10-00-00-`
    const TIME: usize = 20;
    let id = file.strip_prefix("rollout-")?.get(TIME..)?;
    (!id.is_empty()).then(|| id.into())
}

fn call_end(line: &RolloutLine<'_>, context: LineContext<'_>) -> Result<Request, String> {
    let end: CallEnd<'_> = parsed(line.payload.get())?;
    let ended_at = rfc3339_ms(&line.timestamp)?;
    let latency_us = end.duration.map(Duration::micros).transpose()?;
    let (outcome, answer) = match end.result {
        CallResult::Ok(result) => (tool_error(Some(result)).unwrap_or_default(), Some(result)),
        CallResult::Err(message) => (failed(&message.0), None),
    };
    let call = Call {
        id: &end.call_id.0,
        server: &end.invocation.server.0,
        tool: &end.invocation.tool.0,
        // Ids begin anew in every conversation.
        key: format!("{} {}", line.timestamp.0, end.call_id.0),
        ts: began_at(ended_at, latency_us),
        latency_us,
        session_id: conversation(context.proxy),
        arguments: end.invocation.arguments,
        answer,
    };
    Ok(call.row(outcome, context.bodies))
}

fn item_completed(
    line: &RolloutLine<'_>,
    context: LineContext<'_>,
) -> Result<Option<Request>, String> {
    let completed: ItemCompleted<'_> = parsed(line.payload.get())?;
    let kind: PayloadKind<'_> = parsed(completed.item.get())?;
    if kind.kind.is_none_or(|kind| &*kind.0 != "McpToolCall") {
        return Ok(None);
    }
    let item: ToolCallItem<'_> = parsed(completed.item.get())?;
    let latency_us = item.duration.map(Duration::micros).transpose()?;
    let started_at = match completed.started_at_ms {
        Some(started_at) => started_at.0,
        None => began_at(rfc3339_ms(&line.timestamp)?, latency_us),
    };
    let outcome = match (&item.error, &item.result) {
        (Some(error), _) => failed(&error.message.0),
        (None, Some(result)) => tool_error(Some(result)).unwrap_or_default(),
        (None, None) => return Err("a call with neither a result nor an error".to_owned()),
    };
    let part = |part: &Option<Str<'_>>| text(part.as_ref()).unwrap_or_default();
    let (thread, turn) = (part(&completed.thread_id), part(&completed.turn_id));
    let call = Call {
        id: &item.id.0,
        server: &item.server.0,
        tool: &item.tool.0,
        // Items are numbered anew in every conversation.
        key: match &*thread {
            "" => format!("{} {turn} {}", line.timestamp.0, item.id.0),
            thread => format!("{thread} {turn} {}", item.id.0),
        },
        ts: started_at,
        latency_us,
        session_id: text(completed.thread_id.as_ref()).or_else(|| conversation(context.proxy)),
        arguments: item.arguments,
        answer: item.result,
    };
    Ok(Some(call.row(outcome, context.bodies)))
}

/// A call in either form.
struct Call<'a> {
    id: &'a str,
    server: &'a str,
    tool: &'a str,
    /// What makes a second delivery of it recognisable.
    key: String,
    ts: i64,
    latency_us: Option<i64>,
    /// The conversation, where the event names it.
    session_id: Option<Text>,
    arguments: Option<&'a RawValue>,
    answer: Option<&'a RawValue>,
}

impl Call<'_> {
    /// What was asked, in the form of the parameters of a call, and the result.
    fn payload(&self) -> Option<Payload> {
        let params = self.arguments.map(|arguments| {
            let tool = serde_json::Value::from(self.tool);
            format!(r#"{{"name":{tool},"arguments":{arguments}}}"#)
        });
        Payload::of(params.as_deref(), self.answer.map(RawValue::get))
    }

    fn row(self, outcome: Outcome, bodies: Bodies) -> Request {
        let payload = match bodies {
            Bodies::Kept => self.payload().map(Box::new),
            Bodies::Left => None,
        };
        let (key, proxy) = (EventKey::of_id(&self.key), self.server.into());
        let method = "tools/call".into();
        Request {
            // The conversation: of a server's own session nothing is reported.
            session_id: self.session_id,
            request_id: Some(RequestId::from_text(self.id)),
            target: Some(Target {
                kind: TargetKind::Tool,
                name: self.tool.into(),
            }),
            latency_us: self.latency_us,
            outcome,
            payload,
            ..Request::new(key, self.ts, proxy, Kind::Mcp, method)
        }
    }
}

/// A call without a result. The server's message stands behind the last `Mcp error: CODE: `.
fn failed(message: &str) -> Outcome {
    let stated = message.rsplit_once("Mcp error: ").map(|(_, stated)| stated);
    let stated = stated.and_then(|stated| stated.split_once(": "));
    if let Some((code, stated)) = stated.filter(|(code, _)| code.parse::<i64>().is_ok()) {
        return Outcome {
            error_kind: Some(ErrorKind::Rpc),
            error_code: Some(Text::from(code)),
            error_msg: Some(shorten(stated)),
            retyped: false,
        };
    }
    let has_timed_out = message.starts_with("timed out");
    Outcome {
        error_kind: Some(if has_timed_out {
            ErrorKind::Timeout
        } else {
            ErrorKind::Rpc
        }),
        error_code: None,
        error_msg: Some(shorten(message)),
        retyped: false,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check_hostile, decoded};

    const OLD: &str = r#"{"timestamp":"2026-10-01T00:00:01Z","type":"event_msg","payload":{"type":"mcp_tool_call_end","call_id":"c","invocation":{"server":"s","tool":"t","arguments":{}},"duration":{"secs":0,"nanos":5000000},"result":{"Ok":{"content":[]}}}}"#;

    #[test]
    fn hostile_lines_are_bad_lines_and_what_is_no_call_has_no_row() {
        let cases = [
            ("\"nanos\":5000000", "\"nanos\":-1", "a whole number"),
            (
                "\"secs\":0",
                "\"secs\":9223372036854775807",
                "the duration is out of range",
            ),
            ("2026-10-01T00", "2026-10-01T25", "is not an RFC 3339 time"),
            ("\"call_id\":\"c\",", "", "missing field `call_id`"),
            ("\"Ok\"", "\"Perhaps\"", "unknown variant"),
            ("\"server\":\"s\"", "\"server\":5", "expected a string"),
        ];
        check_hostile(OLD, &cases);
        for other in [
            "event_msg\",\"payload\":{\"type\":\"token_count\"}}",
            "response_item\",\"payload\":{}}",
        ] {
            let line = format!("{{\"timestamp\":\"2026-10-01T00:00:01Z\",\"type\":\"{other}");
            let decoded = decoded(&line);
            assert_eq!((decoded.known, decoded.events.len()), (1, 0), "{line}");
        }
    }

    #[test]
    fn a_result_of_odd_parts_costs_no_call() {
        let cases = [
            (
                r#"{"content":[7,{"type":"text","text":"no"}],"isError":true}"#,
                "no",
            ),
            (
                r#"{"content":[{"type":"text","text":5}],"isError":true}"#,
                "5",
            ),
            (
                r#"{"content":[{"type":"resource","text":"a"},{"type":"text","text":"b"}],"isError":true}"#,
                "b",
            ),
            (r#"{"content":"none","isError":true}"#, "-"),
            (r#"{"content":[],"isError":false,"isError":true}"#, "-"),
            (r#"{"content":null,"isError":null}"#, "ok"),
            (r#"{"isError":"true"}"#, "ok"),
        ];
        for (result, expected) in cases {
            let decoded = decoded(&OLD.replace(r#"{"content":[]}"#, result));
            let [mcpr_model::Event::Request(row)] = &decoded.events[..] else {
                panic!("{result}: {:?}", decoded.bad);
            };
            let got = match row.outcome.error_kind {
                None => "ok",
                Some(_) => row.outcome.error_msg.as_deref().unwrap_or("-"),
            };
            assert_eq!(got, expected, "{result}");
        }
    }

    #[test]
    fn a_call_without_a_duration_has_no_latency() {
        let line = OLD.replace(r#""duration":{"secs":0,"nanos":5000000},"#, "");
        let decoded = decoded(&line);
        let [mcpr_model::Event::Request(row)] = &decoded.events[..] else {
            panic!("{:?}", decoded.bad);
        };
        assert_eq!((row.latency_us, row.ts), (None, 1_790_812_801_000));
    }

    #[test]
    fn arguments_and_result_are_kept_where_payloads_are() {
        let line = OLD.replace(r#""arguments":{}"#, r#""arguments":{"of":"pears"}"#);
        let decoded = decoded(&line);
        let [mcpr_model::Event::Request(row)] = &decoded.events[..] else {
            panic!("{:?}", decoded.bad);
        };
        let payload = row.payload.as_deref().expect("a payload");
        let text = |body: &Option<mcpr_model::Body>| body.as_ref().map(|it| it.text.to_string());
        let expected = r#"{"name":"t","arguments":{"of":"pears"}}"#;
        assert_eq!(text(&payload.params).as_deref(), Some(expected));
        assert_eq!(text(&payload.answer).as_deref(), Some(r#"{"content":[]}"#));
    }

    #[test]
    fn one_id_in_two_conversations_is_two_calls() {
        let key = |line: &str| match &decoded(line).events[..] {
            [mcpr_model::Event::Request(row)] => row.key,
            other => panic!("{other:?}"),
        };
        assert_ne!(key(OLD), key(&OLD.replace("00:00:01", "00:00:02")));
        assert_eq!(key(OLD), key(OLD));
    }

    #[test]
    fn an_older_event_had_no_session_though_its_file_names_the_conversation() {
        let session = |file: &str| {
            let mut decoded = crate::Decoded::default();
            let context = crate::LineContext {
                proxy: file,
                bodies: crate::Bodies::Left,
            };
            crate::decode_line(OLD.as_bytes(), context, &mut decoded);
            match decoded.events.remove(0) {
                mcpr_model::Event::Request(row) => row.session_id,
                other => panic!("{other:?}"),
            }
        };
        let named = session("rollout-2026-11-21T10-00-00-019a9e04-aaaa");
        assert_eq!(named.as_deref(), Some("019a9e04-aaaa"));
        for other in ["default", "rollout-", "rollout-2026-11-21T10-00-00-"] {
            assert_eq!(session(other), None, "{other}");
        }
    }
}
