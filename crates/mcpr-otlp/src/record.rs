//! One record of a host's log as a finished, or refused, call of a tool.

use crate::attributes::Attributes;
use crate::bodies;
use crate::ending::of_kind;
use crate::message::{LogMessage, PlainValue};
use crate::span::ms;
use crate::vocabulary::{LOG_VOCABULARIES, LogVocabulary, ToolOfMcp};
use mcpr_model::{
    ErrorKind, EventKey, Kind, Outcome, Request, SourceFormat, Target, TargetKind, Text, TraceId,
};

/// What a record reports.
#[derive(Debug)]
pub(crate) enum RecordContent {
    /// A call that is over. With the id that the host gives to it, which its spans may have as well.
    Call(Box<HostCall>),
    /// A call with this id was refused; its own record follows.
    Refused(Text),
}

/// A call as a host reports it.
#[derive(Debug)]
pub(crate) struct HostCall {
    pub(crate) call: Option<Text>,
    /// Whether a span may report it, too.
    pub(crate) may_pair: bool,
    pub(crate) request: Request,
}

/// What a record reports about a call of MCP; `None` where it reports nothing that is one.
pub(crate) fn content(
    record: &LogMessage,
    service: &Text,
    version: Option<&Text>,
) -> Option<RecordContent> {
    let attributes = Attributes(&record.attributes);
    let name = event_name(record)?;
    let is_in = |names: &[&str]| names.contains(&&*name);
    let known = LOG_VOCABULARIES
        .iter()
        .find(|it| is_in(it.finished) || is_in(it.decided))?;
    if !known.of_mcp.iter().any(|it| it.holds(attributes)) {
        return None;
    }
    let conversation = attributes.first(known.conversation);
    let call = attributes
        .first(known.call_id)
        .map(|id| match &conversation {
            Some(conversation) => format!("{conversation} {id}").into(),
            None => id,
        });
    let refused = attributes
        .text("decision")
        .is_some_and(|word| known.refusals.contains(&&*word));
    let is_decision = is_in(known.decided);
    if is_decision && (!refused || known.finishes_refused) {
        return call.filter(|_| refused).map(RecordContent::Refused);
    }
    let outcome = if refused {
        of_kind(ErrorKind::Denied, None, &message(attributes, known))
    } else {
        ending(attributes, known)
    };
    // Records are written when a call is over: its beginning is worked out.
    let latency_us = attributes.ms_as_us("duration_ms");
    let end_ms = time_ms(record, attributes)?;
    let (server, tool) = named(attributes, known);
    let request = Request {
        client_name: Some(service.clone()),
        client_version: version.cloned(),
        session_id: conversation,
        target: tool.clone().map(|name| Target {
            kind: TargetKind::Tool,
            name,
        }),
        latency_us,
        trace_id: <[u8; 16]>::try_from(record.trace_id.as_slice())
            .ok()
            .filter(|trace| *trace != [0; 16])
            .map(|trace| Box::new(TraceId::of_bytes(trace))),
        format: Some(SourceFormat::Otlp),
        payload: bodies::of(attributes, tool.as_deref()),
        outcome,
        ..Request::new(
            record_key(attributes, &name, call.as_ref(), end_ms),
            end_ms.saturating_sub(latency_us.unwrap_or(0) / 1000),
            server.unwrap_or_else(|| service.clone()),
            Kind::Mcp,
            "tools/call".into(),
        )
    };
    Some(RecordContent::Call(Box::new(HostCall {
        call,
        may_pair: known.has_spans,
        request,
    })))
}

fn event_name(record: &LogMessage) -> Option<Text> {
    let attributes = Attributes(&record.attributes);
    let own = Some(Text::from(record.event_name.as_str()));
    let body = match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(PlainValue::Text(text)) => Some(Text::from(text.as_str())),
        _ => None,
    };
    let is_known = |name: &Text| {
        let is_in = |names: &[&str]| names.contains(&name.as_str());
        LOG_VOCABULARIES
            .iter()
            .any(|it| is_in(it.finished) || is_in(it.decided))
    };
    // Emitters disagree on where the name of an event stands; Rust puts a place in the code into one of them.
    let places = [attributes.text("event.name"), own, body];
    places.into_iter().flatten().find(is_known)
}

impl ToolOfMcp {
    fn holds(self, attributes: Attributes<'_>) -> bool {
        match self {
            Self::Begins(name, start) => attributes
                .text(name)
                .is_some_and(|it| it.starts_with(start)),
            Self::Is(name, expected) => attributes.text(name).is_some_and(|it| it == expected),
        }
    }
}

/// The server and the tool that were called, as far as the record names them.
fn named(attributes: Attributes<'_>, known: &LogVocabulary) -> (Option<Text>, Option<Text>) {
    let details = known.details.and_then(|name| attributes.text(name));
    let details: Option<serde_json::Value> = details.and_then(|it| serde_json::from_str(&it).ok());
    let member = |name: &str| {
        let found = details.as_ref()?.get(name)?.as_str()?;
        Some(Text::from(found))
    };
    let tool = member("mcp_tool_name").or_else(|| attributes.first(known.tool));
    let server = member("mcp_server_name")
        .or_else(|| attributes.first(crate::vocabulary::SERVER_NAME))
        .or_else(|| {
            attributes
                .text("tool_namespace")
                .and_then(|it| it.strip_prefix("mcp__").map(Text::from))
        });
    let Some(tool) = tool else {
        return (server, None);
    };
    // `mcp_tool` stands for every tool where a host is configured to log no details.
    let is_a_tool = |tool: &str| {
        known
            .of_mcp
            .iter()
            .all(|it| !matches!(it, ToolOfMcp::Is("tool_name", any) if *any == tool))
    };
    if let Some((server, tool)) = tool
        .strip_prefix("mcp__")
        .and_then(|it| it.split_once("__"))
    {
        return (Some(server.into()), Some(tool.into()));
    }
    let own = server
        .as_ref()
        .and_then(|server| tool.strip_prefix(&format!("mcp_{server}_")).map(Text::from));
    let tool = own.unwrap_or(tool);
    (server, Some(tool).filter(|tool| is_a_tool(tool)))
}

fn ending(attributes: Attributes<'_>, known: &LogVocabulary) -> Outcome {
    // A flag for some hosts, a text for others; where it is missing nobody says how it ended.
    match attributes.flag("success") {
        Some(true) => Outcome::default(),
        Some(false) => {
            let kind = attributes.first(&["error_type", "error.type"]);
            let is_in = |words: &[&str]| {
                kind.as_ref()
                    .is_some_and(|kind| words.contains(&kind.as_str()))
            };
            let failure = if is_in(known.not_sent) {
                ErrorKind::Denied
            } else if is_in(known.rpc_errors) {
                ErrorKind::Rpc
            } else {
                ErrorKind::Tool
            };
            of_kind(failure, None, &message(attributes, known))
        }
        None => of_kind(ErrorKind::Unseen, None, ""),
    }
}

fn message(attributes: Attributes<'_>, known: &LogVocabulary) -> Text {
    let text = attributes.first(known.message).unwrap_or_default();
    // What Codex puts before the text that the tool gave.
    match text.split_once("\nOutput:\n") {
        Some((head, rest)) if head.starts_with("Wall time") => rest.into(),
        _ => text,
    }
}

/// When the call ended, unix milliseconds.
fn time_ms(record: &LogMessage, attributes: Attributes<'_>) -> Option<i64> {
    let own = [record.time_unix_nano, record.observed_time_unix_nano];
    let own = own.into_iter().find(|ns| *ns > 0).map(ms);
    // Codex leaves the time of its records at 0, and says it in words.
    let stated = || crate::time::rfc3339_ms(&attributes.text("event.timestamp")?);
    own.filter(|_| record.time_unix_nano > 0)
        .or_else(stated)
        .or(own)
}

fn record_key(
    attributes: Attributes<'_>,
    name: &str,
    call: Option<&Text>,
    end_ms: i64,
) -> EventKey {
    let sequence = attributes
        .text("event.sequence")
        .zip(attributes.text("session.id"));
    let id = match (sequence, call) {
        (Some((sequence, session)), _) => format!("otlp log {session} {sequence}"),
        (None, Some(call)) => format!("otlp log {name} {call}"),
        // All that the record says makes it what it is.
        (None, None) => {
            let stated = attributes
                .0
                .iter()
                .map(|it| format!("{} {:?}", it.key, it.value));
            let hash = xxhash_rust::xxh3::xxh3_64(stated.collect::<Vec<_>>().join("\n").as_bytes());
            format!("otlp log {name} {end_ms} {hash:016x}")
        }
    };
    EventKey::of_id(&id)
}
