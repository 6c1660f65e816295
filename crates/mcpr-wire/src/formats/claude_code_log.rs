//! `claude_code_log`: what Claude Code logs of a server, a file per connection, in sentences.

use crate::Decoded;
use crate::call_steps::{CallStep, CallStepKind, LoggedDuration};
use crate::ended::failed;
use crate::fields::{Str, parsed, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use crate::logged::{LogConnection, LogTime, cut};
use mcpr_model::time::{ms_of, parse_rfc3339_us};
use mcpr_model::{
    ErrorKind, Event, EventBytes, Kind, Outcome, Request, ServerRun, SessionState, SessionUpdate,
    SourceFormat, Text,
};
use serde::Deserialize;

/// The format; see the head of this file.
pub(super) struct ClaudeCodeLog;

/// What the name of a server's directory begins with.
const DIRECTORY_PREFIX: &str = "mcp-logs-";

impl Format for ClaudeCodeLog {
    fn id(&self) -> SourceFormat {
        SourceFormat::ClaudeCodeLog
    }

    fn about(&self) -> &'static str {
        "logs of servers in Claude Code"
    }

    fn knows(&self) -> Knows {
        Knows(&[Fact::SessionId, Fact::RpcError, Fact::ToolError])
    }

    fn tags(&self) -> &'static [&'static str] {
        &["debug", "error", "timestamp", "sessionId", "cwd"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        // Its conversations have the other three as well, and no sentence.
        let is_sentence = tags.text("debug").is_some() || tags.text("error").is_some();
        is_sentence
            && ["timestamp", "sessionId", "cwd"]
                .iter()
                .all(|tag| tags.has(tag))
    }

    fn proxy_in(&self, directory: Option<&str>, _file: &str) -> Option<String> {
        let server = directory?.strip_prefix(DIRECTORY_PREFIX)?;
        (!server.is_empty()).then(|| server.to_owned())
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        let line: Line<'_> = parsed(event.json)?;
        let time = &line.timestamp.0;
        let us =
            parse_rfc3339_us(time).ok_or_else(|| format!("`{time}` is not an RFC 3339 time"))?;
        decoded.known += 1;
        // What stands under `error` is a failure reported again, or what the server printed.
        let Some(sentence) = line.debug.as_ref().map(|it| &*it.0) else {
            return Ok(());
        };
        let conversation = text(Some(&line.session_id));
        let key = EventBytes::new(event.json.as_bytes()).key(0);
        let of = LogConnection {
            server: event.context.proxy.into(),
            // The log has no session of the server: what it has instead is the conversation.
            session_id: conversation.clone(),
            conn_id: None,
        };
        if let Some((tool, what)) = step(sentence) {
            decoded.call_steps.push(CallStep {
                of,
                at: LogTime::utc(us),
                conversation,
                call_id: None,
                tool: tool.into(),
                key,
                what,
            });
        } else if let Some((took, reason)) = failed_connection(sentence) {
            let ts = ms_of(us - took);
            decoded.events.push(Event::Request(Request {
                session_id: of.session_id,
                latency_us: Some(took),
                outcome: of_connection(reason),
                ..Request::new(key, ts, of.server, Kind::Mcp, "initialize".into())
            }));
        } else if let Some(server) = introduced_server(sentence) {
            decoded
                .events
                .extend(connected(of, ms_of(us), &server).into_iter().flatten());
        }
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    timestamp: Str<'a>,
    #[serde(borrow, rename = "sessionId")]
    session_id: Str<'a>,
    #[serde(borrow)]
    debug: Option<Str<'a>>,
}

/// The tool of a sentence about a call, and what it says of it.
fn step(sentence: &str) -> Option<(&str, CallStepKind)> {
    if let Some(tool) = sentence.strip_prefix("Calling MCP tool: ") {
        return Some((tool.trim_end(), CallStepKind::Began));
    }
    let rest = sentence.strip_prefix("Tool '")?;
    // A name may hold an apostrophe; what follows it is ours to look for.
    if let Some((tool, length)) = rest.split_once("' completed successfully in ") {
        return Some((tool, ended(Outcome::default(), length)));
    }
    let (tool, rest) = rest.split_once("' failed after ")?;
    let (length, message) = rest.split_once(": ").unwrap_or((rest, ""));
    Some((tool, ended(of_call(message), length)))
}

fn ended(outcome: Outcome, length: &str) -> CallStepKind {
    let took = LoggedDuration::parse(length.trim_end());
    CallStepKind::Ended { outcome, took }
}

/// A failure of a call. Only one of JSON-RPC says its code; else the tool's own result was an error.
fn of_call(message: &str) -> Outcome {
    let message = message.trim();
    match rpc_error(message) {
        Some((code, stated)) => failed(ErrorKind::Rpc, Some(code.into()), Some(stated)),
        None if message.contains("timed out") => failed(ErrorKind::Timeout, None, Some(message)),
        None => failed(
            ErrorKind::Tool,
            None,
            Some(message).filter(|it| !it.is_empty()),
        ),
    }
}

/// Reads `MCP error CODE: MESSAGE`, as the SDK writes an error of JSON-RPC.
fn rpc_error(message: &str) -> Option<(&str, &str)> {
    let (code, stated) = message.strip_prefix("MCP error ")?.split_once(": ")?;
    code.parse::<i64>().is_ok().then_some((code, stated))
}

/// How long a connection was tried, and why it failed.
fn failed_connection(sentence: &str) -> Option<(i64, &str)> {
    let rest = sentence.strip_prefix("Connection failed after ")?;
    let (took, reason) = rest.split_once(": ").unwrap_or((rest, ""));
    Some((LoggedDuration::parse(took.trim_end())?.us, reason))
}

/// What the sentence of a connection that stands says of its server.
#[derive(Debug, Deserialize)]
struct Connected<'a> {
    #[serde(borrow, rename = "serverVersion")]
    server: IntroducedServer<'a>,
}

#[derive(Debug, Deserialize)]
struct IntroducedServer<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    version: Option<Str<'a>>,
}

/// How the server of a connection calls itself, where the sentence has it.
fn introduced_server(sentence: &str) -> Option<IntroducedServer<'_>> {
    let stated = sentence.strip_prefix("Connection established with capabilities: ")?;
    // Builds differ in what they list, and a sentence is no reason to call a line bad.
    let connected: Connected<'_> = serde_json::from_str(stated).ok()?;
    Some(connected.server)
}

/// A connection that stands, as the session's beginning and what its server says of itself.
fn connected(of: LogConnection, ts: i64, server: &IntroducedServer<'_>) -> Option<[Event; 2]> {
    let session_id = of.session_id?;
    let own = |stated: Option<&Str<'_>>| {
        let mut name = text(stated)?;
        cut(&mut name);
        Some(name)
    };
    let run = ServerRun {
        proxy: of.server.clone(),
        session_id: session_id.clone(),
        ts,
        server_name: own(Some(&server.name)),
        server_version: own(server.version.as_ref()),
        ..ServerRun::default()
    };
    // The session first: a store keeps nothing of a server without one.
    let session = SessionUpdate {
        session_id: session_id.clone(),
        proxy: Some(of.server),
        ts,
        started_at: Some(ts),
        last_seen_at: None,
        state: SessionState::Active,
        client_name: None,
        client_version: None,
        conversation: Some(session_id),
    };
    Some([Event::Session(session), Event::Server(Box::new(run))])
}

/// A server that was not reached: too slow, or not there.
fn of_connection(reason: &str) -> Outcome {
    let is_slow = reason.contains("timed out");
    let kind = if is_slow {
        ErrorKind::Timeout
    } else {
        ErrorKind::Died
    };
    let message: Option<Text> = Some(reason.trim().into()).filter(|it: &Text| !it.is_empty());
    failed(kind, None, message.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check_hostile, decoded, one_row};

    fn line(sentence: &str) -> String {
        let sentence = serde_json::to_string(sentence).expect("a string is JSON");
        format!(
            r#"{{"debug":{sentence},"timestamp":"2026-11-01T00:00:10.250Z","sessionId":"c-1","cwd":"/srv"}}"#
        )
    }

    fn described(sentence: &str) -> String {
        let decoded = decoded(&line(sentence));
        assert_eq!((decoded.known, decoded.bad.len()), (1, 0), "{sentence}");
        match &decoded.call_steps[..] {
            [] => "nothing".to_owned(),
            [step] => match &step.what {
                CallStepKind::Began => format!("{} began", step.tool),
                CallStepKind::Ended { outcome, took } => format!(
                    "{} {} {} in {:?}",
                    step.tool,
                    outcome.error_kind.map_or("ok", ErrorKind::as_str),
                    outcome.error_msg.as_deref().unwrap_or("-"),
                    took.map(|it| it.us / 1_000)
                ),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sentences_about_calls_are_read_and_others_say_nothing() {
        let cases = [
            ("Calling MCP tool: find", "find began"),
            (
                "Tool 'find' completed successfully in 506ms",
                "find ok - in Some(506)",
            ),
            (
                "Tool 'find' completed successfully in 1m 3s",
                "find ok - in Some(63000)",
            ),
            (
                "Tool 'it's' completed successfully in 2s",
                "it's ok - in Some(2000)",
            ),
            (
                "Tool 'find' completed successfully in a while",
                "find ok - in None",
            ),
            (
                "Tool 'find' failed after 0s: no note",
                "find tool no note in Some(0)",
            ),
            (
                "Tool 'find' failed after 1s: MCP error -32602: bad: q",
                "find rpc bad: q in Some(1000)",
            ),
            ("Tool 'find' failed after 3s", "find tool - in Some(3000)"),
            ("Tool 'find' still running (30s elapsed)", "nothing"),
            (
                "Successfully connected (transport: stdio) in 12ms",
                "nothing",
            ),
            (
                "Connection established with capabilities: {\"hasTools\":true}",
                "nothing",
            ),
        ];
        for (sentence, expected) in cases {
            assert_eq!(described(sentence), expected, "{sentence}");
        }
    }

    #[test]
    fn hostile_lines_are_bad_lines_or_none_of_this_format() {
        let whole = line("Calling MCP tool: find");
        let cases = [
            ("2026-11-01T00", "2026-11-01T25", "is not an RFC 3339 time"),
            ("\"c-1\"", "7", "expected a string"),
        ];
        check_hostile(&whole, &cases);
        let other = decoded(&whole.replace("\"debug\"", "\"type\""));
        assert_eq!((other.known, other.unknown), (0, 1));
        let printed = decoded(&whole.replace("\"debug\"", "\"error\""));
        assert_eq!((printed.known, printed.call_steps.len()), (1, 0));
    }

    #[test]
    fn a_connection_that_failed_is_a_row_once() {
        let row = one_row(&line("Connection failed after 3000ms: spawn notes ENOENT"));
        assert_eq!(
            (&*row.method, row.latency_us),
            ("initialize", Some(3_000_000))
        );
        assert_eq!(row.outcome.error_kind, Some(ErrorKind::Died));
        let slow = one_row(&line(
            "Connection failed after 30s: it timed out after 30000ms",
        ));
        assert_eq!(slow.outcome.error_kind, Some(ErrorKind::Timeout));
        let again = line("Connection failed: spawn notes ENOENT").replace("debug", "error");
        assert_eq!(decoded(&again).events, []);
    }

    #[test]
    fn a_server_that_was_reached_keeps_its_own_name_and_version() {
        let reached = |server: &str| {
            decoded(&line(&format!(
                "Connection established with capabilities: {{\"hasTools\":true{server}}}"
            )))
        };
        let read = reached(r#","serverVersion":{"name":"my notes","version":"0.2"}"#);
        let [Event::Session(session), Event::Server(run)] = &read.events[..] else {
            panic!("{read:?}");
        };
        assert_eq!(session.conversation.as_deref(), Some("c-1"));
        assert_eq!((&*run.session_id, run.ts), ("c-1", session.ts));
        let own = (run.server_name.as_deref(), run.server_version.as_deref());
        assert_eq!(own, (Some("my notes"), Some("0.2")));
        for without in ["", r#","serverVersion":7"#, r#","serverVersion":{}"#] {
            let read = reached(without);
            assert_eq!((read.known, read.events.len()), (1, 0), "{without}");
        }
    }

    #[test]
    fn the_server_is_named_by_the_directory() {
        let name =
            |directory| ClaudeCodeLog.proxy_in(Some(directory), "2026-11-01T00-00-00-000Z.jsonl");
        assert_eq!(name("mcp-logs-git-hub").as_deref(), Some("git-hub"));
        assert_eq!(name("mcp-logs-"), None);
        assert_eq!(name("logs"), None);
    }
}
