//! How an operation ended, from what one span says of it.

use crate::attributes::Attributes;
use crate::message::{PlainValue, SpanMessage};
use crate::vocabulary::{ERROR_MESSAGE, OperationSide, RPC_CODE, Unset, Vocabulary};
use mcpr_model::{ErrorKind, Outcome, Text};
use serde::Deserialize;

/// The codes of a span's status.
const OK: i32 = 1;
const ERROR: i32 = 2;

/// The code with which clients give up waiting.
const TIMED_OUT: &str = "-32001";
/// The same of the SDKs before 2.0.
const TIMED_OUT_BEFORE: &str = "408";

/// Words of `error.type` that say that a tool's result was an error.
const TOOL_ERRORS: [&str; 3] = ["tool_error", "tool_result", "mcp_tool_error"];
/// Words of it, and beginnings of messages, that say that somebody cancelled.
const CANCELLED: [&str; 3] = ["CancelledError", "AbortError", "cancelled"];

/// How a span says that its operation ended.
pub(crate) fn of_span(
    span: &SpanMessage,
    method: &str,
    side: OperationSide,
    known: &Vocabulary,
) -> Outcome {
    let attributes = Attributes(&span.attributes);
    let status = span.status.as_ref();
    let code = status.map_or(0, |status| status.code);
    let message = status.map_or("", |status| status.message.as_str());
    let error_type = attributes.text("error.type");
    if code == ERROR || error_type.is_some() {
        return failed(span, method, known, error_type.as_deref(), message);
    }
    // Answers that stand in the span say more than its status.
    if let Some(outcome) = of_answer(attributes) {
        return outcome;
    }
    if code != OK && known.unset == Unset::Cancelled {
        return of_kind(ErrorKind::Cancelled, None, message);
    }
    let is_blind = side == OperationSide::Client && !known.client_sees_tool_errors;
    if is_blind && method == "tools/call" {
        return of_kind(ErrorKind::Unseen, None, "");
    }
    Outcome::default()
}

fn failed(
    span: &SpanMessage,
    method: &str,
    known: &Vocabulary,
    error_type: Option<&str>,
    message: &str,
) -> Outcome {
    let attributes = Attributes(&span.attributes);
    let thrown = || {
        span.events
            .iter()
            .find_map(|it| exception_message(Attributes(&it.attributes)))
    };
    let message = [
        Some(Text::from(message)),
        attributes.first(ERROR_MESSAGE),
        thrown(),
    ];
    let message = message.into_iter().flatten().find(|it| !it.is_empty());
    let message = message.unwrap_or_default();
    let whole = message;
    let (stated_code, message) = split_code(&whole);
    // The attribute of the conventions first: a message may quote the code of something else.
    let code = attributes
        .first(RPC_CODE)
        .or_else(|| error_type.filter(|it| is_code(it)).map(Text::from))
        .or_else(|| stated_code.map(Text::from));
    if is_timeout(code.as_deref(), message) {
        return of_kind(ErrorKind::Timeout, code, message);
    }
    let is_cancelled = |text: &str| CANCELLED.iter().any(|word| text.starts_with(word));
    // Node's SDK throws the same code for a request that its caller has aborted.
    let is_aborted = stated_code == Some(TIMED_OUT);
    if error_type.is_some_and(is_cancelled) || is_cancelled(message) || is_aborted {
        return of_kind(ErrorKind::Cancelled, None, message);
    }
    // Only tools have results that say `isError`; whatever else fails is an error of JSON-RPC.
    let is_call = method == "tools/call";
    // The text is then that of the tool's result, whatever it looks like.
    if is_call && known.throws_as_events && span.events.is_empty() {
        return of_kind(ErrorKind::Tool, None, &whole);
    }
    let is_thrown = error_type.is_some_and(|it| it.eq_ignore_ascii_case("McpError"));
    let is_tool_error = match error_type {
        Some(word) if TOOL_ERRORS.contains(&word) => true,
        Some("mcp_request") => false,
        // Names of exceptions in a tool: its caller gets `isError`.
        Some(_) => code.is_none() && !is_thrown,
        None => code.is_none() && !message.starts_with("McpError"),
    };
    if is_call && is_tool_error {
        return of_kind(ErrorKind::Tool, None, message);
    }
    of_kind(ErrorKind::Rpc, code, message)
}

/// Whether the reporting side has given up waiting.
fn is_timeout(code: Option<&str>, message: &str) -> bool {
    let message = message.strip_prefix("McpError: ").unwrap_or(message);
    let is_timeout_text = message.starts_with("TimeoutError") || message.contains("imed out");
    is_timeout_text && code.is_none_or(|code| code == TIMED_OUT || code == TIMED_OUT_BEFORE)
}

/// `MCP error -32602: why` as its code and what stands behind it.
fn split_code(message: &str) -> (Option<&str>, &str) {
    let split = message
        .strip_prefix("MCP error ")
        .and_then(|rest| rest.split_once(": "));
    match split {
        Some((code, rest)) if is_code(code) => (Some(code), rest),
        _ => (None, message),
    }
}

fn is_code(text: &str) -> bool {
    text.parse::<i32>().is_ok()
}

fn exception_message(attributes: Attributes<'_>) -> Option<Text> {
    attributes.text("exception.message")
}

/// An answer as logfire and the AI SDK keep it: JSON in an attribute.
#[derive(Deserialize)]
struct KeptAnswer<'a> {
    #[serde(rename = "isError", default)]
    is_error: bool,
    #[serde(borrow, default)]
    content: Option<Vec<KeptContent<'a>>>,
}

#[derive(Deserialize)]
struct KeptContent<'a> {
    #[serde(borrow, default)]
    text: Option<std::borrow::Cow<'a, str>>,
}

/// Where they keep it.
const ANSWERS: [&str; 2] = ["response", "ai.toolCall.result"];

/// An answer that stands in a span, if one does; `None` where it has not the form of MCP.
fn answer_in(attributes: Attributes<'_>) -> Option<KeptAnswer<'_>> {
    let kept = attributes
        .0
        .iter()
        .find(|it| ANSWERS.contains(&it.key.as_str()))?;
    match kept.value.as_ref()?.value.as_ref()? {
        PlainValue::Text(answer) => serde_json::from_str(answer).ok(),
        _ => None,
    }
}

/// Whether a tool's result has content as results of MCP have.
pub(crate) fn is_of_mcp(attributes: Attributes<'_>) -> bool {
    answer_in(attributes).is_some_and(|answer| answer.content.is_some())
}

fn of_answer(attributes: Attributes<'_>) -> Option<Outcome> {
    let answer = answer_in(attributes)?;
    if !answer.is_error {
        return Some(Outcome::default());
    }
    let content = answer.content.unwrap_or_default();
    let stated = content.into_iter().find_map(|it| it.text);
    Some(of_kind(ErrorKind::Tool, None, &stated.unwrap_or_default()))
}

/// An outcome with its texts cut: a status may be a whole answer, or a stack of calls.
pub(crate) fn of_kind(kind: ErrorKind, code: Option<Text>, message: &str) -> Outcome {
    let message: String = message
        .trim()
        .chars()
        .take(Outcome::MAX_MESSAGE_CHARS)
        .collect();
    Outcome {
        error_kind: Some(kind),
        // A timeout's code is the client's own: no answer has brought it.
        error_code: code.filter(|_| kind == ErrorKind::Rpc),
        error_msg: (!message.is_empty()).then(|| message.into()),
        retyped: false,
    }
}

/// Of what two sides say of one operation, what is true of it.
pub(crate) fn of_both(client: &Outcome, server: &Outcome) -> Outcome {
    let better = |first: &Outcome, second: &Outcome| {
        // What one side has seen beats a text that the other lacks.
        let chosen = if rank(second) > rank(first) {
            second
        } else {
            first
        };
        let other = if rank(second) > rank(first) {
            first
        } else {
            second
        };
        let same_kind = chosen.error_kind == other.error_kind;
        let fill = |own: &Option<Text>, other: &Option<Text>| {
            own.clone().or_else(|| other.clone().filter(|_| same_kind))
        };
        Outcome {
            error_code: fill(&chosen.error_code, &other.error_code),
            error_msg: fill(&chosen.error_msg, &other.error_msg),
            ..chosen.clone()
        }
    };
    // A client that gave up never read what its server still did.
    match client.error_kind {
        Some(ErrorKind::Timeout | ErrorKind::Cancelled) => client.clone(),
        // The code on the wire is what the client saw: a server's span may hold another.
        Some(ErrorKind::Rpc) if server.error_kind != Some(ErrorKind::Tool) => {
            better(client, server)
        }
        _ => better(server, client),
    }
}

/// Of what a host's record and its span say of one call, what is true of it: the span knows what sort of error it
/// was, the record has the text.
pub(crate) fn of_host(record: &Outcome, span: &Outcome) -> Outcome {
    if rank(record) < 2 || rank(span) < 2 {
        return of_both(span, record);
    }
    Outcome {
        error_msg: span.error_msg.clone().or_else(|| record.error_msg.clone()),
        ..span.clone()
    }
}

fn rank(outcome: &Outcome) -> u8 {
    match outcome.error_kind {
        Some(ErrorKind::Unseen) => 0,
        None => 1,
        Some(_) => 2,
    }
}
