//! One span as one side's account of an operation.

use crate::attributes::Attributes;
use crate::bodies;
use crate::ending;
use crate::message::SpanMessage;
use crate::vocabulary::{
    METHOD, NameForm, OLD_METHODS, OperationSide, PROMPT, PROTOCOL, REQUEST_ID, RESOURCE,
    RPC_METHOD, SERVER_NAME, SESSION, TOOL, VOCABULARIES, Vocabulary,
};
use mcpr_model::{
    EventKey, Kind, Outcome, Request, RequestId, SourceFormat, Target, TargetKind, Text, TraceId,
};

/// The id of a span within its trace.
pub(crate) type SpanId = [u8; 8];

/// Where a span stands in its trace, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) trace: TraceId,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) start_ns: u64,
    /// The start, where no end is reported.
    pub(crate) end_ns: u64,
    is_timed: bool,
}

/// What takes longer than a year has an end that is made up.
const MAX_DURATION_NS: u64 = 366 * 86_400 * 1_000_000_000;

impl Position {
    /// Why a span has no position in its words, or its position.
    pub(crate) fn of(span: &SpanMessage) -> Result<Self, &'static str> {
        let trace: [u8; 16] =
            (span.trace_id.as_slice().try_into()).map_err(|_| "a trace id has 16 bytes")?;
        let id: SpanId =
            (span.span_id.as_slice().try_into()).map_err(|_| "a span id has 8 bytes")?;
        let parent: Option<SpanId> = span.parent_span_id.as_slice().try_into().ok();
        if trace == [0; 16] || id == [0; 8] {
            return Err("an id of zeros stands for no span");
        }
        let (start_ns, end_ns) = (span.start_time_unix_nano, span.end_time_unix_nano);
        let is_likely = end_ns >= start_ns && end_ns - start_ns <= MAX_DURATION_NS;
        Ok(Self {
            trace: TraceId::of_bytes(trace),
            id,
            parent: parent.filter(|parent| *parent != [0; 8]),
            start_ns,
            // An end of 0, or before the start, counts as missing.
            end_ns: if is_likely { end_ns } else { start_ns },
            is_timed: is_likely,
        })
    }

    /// How long it took, in microseconds; `None` where its end is not reported.
    pub(crate) fn latency_us(&self) -> Option<i64> {
        let us = (self.end_ns - self.start_ns) / 1000;
        i64::try_from(us).ok().filter(|_| self.is_timed)
    }
}

/// What one side says of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) side: OperationSide,
    /// The process that reports it.
    pub(crate) service: Text,
    pub(crate) position: Position,
    /// Whether the other side's account may come, so that it is waited for.
    pub(crate) may_pair: bool,
    /// What both sides share beside a trace, where a host has an id of its own for a call.
    pub(crate) call: Option<Text>,
    pub(crate) request: Request,
}

/// What a span reports about an operation of MCP; `None` for other spans.
pub(crate) fn account(
    span: &SpanMessage,
    position: Position,
    scope: &str,
    service: &Text,
) -> Option<Account> {
    let attributes = Attributes(&span.attributes);
    let (known, side, called) = VOCABULARIES.iter().find_map(|known| {
        let fits = known.scope.is_empty() || scope.starts_with(known.scope);
        let mut spans = known
            .spans
            .iter()
            .filter(|(kind, ..)| fits && *kind == span.kind);
        spans.find_map(|&(_, side, form)| Some((known, side, called(span, form, known)?)))
    })?;
    // Notifications have no answer, and no row.
    if called.method.starts_with("notifications/") {
        return None;
    }
    let latency_us = position.latency_us();
    let outcome = ending::of_span(span, &called.method, side, known);
    // A host calls many servers, and names the one that it means.
    let proxy = attributes
        .first(SERVER_NAME)
        .unwrap_or_else(|| named(attributes, service));
    let target = called.target.as_ref().map(|target| target.name.clone());
    let request = Request {
        request_id: attributes
            .first(REQUEST_ID)
            .map(|id| RequestId::from_text(&id)),
        session_id: session(attributes),
        target: called.target,
        latency_us,
        // Of a server's span the whole duration is its own.
        // Kept apart, for a client's account may come around it.
        upstream_us: latency_us.filter(|_| side == OperationSide::Server),
        format: Some(SourceFormat::Otlp),
        trace_id: Some(Box::new(position.trace)),
        payload: bodies::of(attributes, target.as_deref()),
        outcome,
        ..Request::new(
            key(&position),
            ms(position.start_ns),
            proxy,
            Kind::Mcp,
            called.method,
        )
    };
    Some(Account {
        side,
        service: service.clone(),
        position,
        may_pair: known.is_paired,
        call: host_call(attributes),
        request,
    })
}

/// The id that a host gives to a call, where its log has it as well.
fn host_call(attributes: Attributes<'_>) -> Option<Text> {
    let conversation = attributes.text("conversation.id")?;
    let call = attributes.text("tool.call_id")?;
    Some(format!("{conversation} {call}").into())
}

/// The service, or what a server says of itself where nobody has named the service.
fn named(attributes: Attributes<'_>, service: &Text) -> Text {
    let is_default = service.starts_with("unknown_service");
    let own = attributes
        .text("fastmcp.server.name")
        .filter(|_| is_default);
    own.unwrap_or_else(|| service.clone())
}

// By trace and span: what comes again, after an answer that was lost, has the same ones.
pub(crate) fn key(position: &Position) -> EventKey {
    let id = u64::from_be_bytes(position.id);
    EventKey::of_id(&format!("otlp {} {id:016x}", position.trace))
}

pub(crate) fn ms(ns: u64) -> i64 {
    i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX)
}

fn session(attributes: Attributes<'_>) -> Option<Text> {
    let protocol = attributes.first(PROTOCOL);
    // There are no sessions any more: what is called one is new with every request.
    let has_none = protocol.is_some_and(|version| *version >= *"2026");
    attributes.first(SESSION).filter(|_| !has_none)
}

/// What was called.
struct Called {
    method: Text,
    target: Option<Target>,
}

fn called(span: &SpanMessage, form: NameForm, known: &Vocabulary) -> Option<Called> {
    let attributes = Attributes(&span.attributes);
    let stated = attributes.first(METHOD).map(current);
    let name = span.name.as_str();
    let (method, named) = match form {
        NameForm::Behind(start) => {
            let rest = name.strip_prefix(start)?;
            let rpc = attributes
                .text(RPC_METHOD)
                .filter(|_| !known.scope.is_empty());
            let of_scope =
                || (!start.is_empty() && !known.scope.is_empty()).then(|| first_word(rest));
            let method = stated.or(rpc).or_else(|| of_scope().flatten())?;
            let target = rest.strip_prefix(method.as_str()).map(str::trim);
            let target = target.filter(|it| !it.is_empty()).map(Text::from);
            (method, target)
        }
        NameForm::Suffixed => {
            let tool = name.strip_suffix(".tool").map(Text::from);
            let method = || name.strip_suffix(".mcp").filter(|it| *it != "None");
            match tool {
                tool @ Some(_) => ("tools/call".into(), tool),
                None => (method()?.into(), None),
            }
        }
        NameForm::AnyTool(expected) => {
            // A host has tools of its own as well, of which nothing else distinguishes them.
            let is_it = name == expected && ending::is_of_mcp(attributes);
            (is_it.then(|| Text::from("tools/call"))?, None)
        }
        NameForm::Exactly(expected) => {
            let rpc = attributes.text(RPC_METHOD).filter(|_| name == expected)?;
            (rpc, None)
        }
    };
    // An attribute says it better than a name, in which a blank may stand.
    let target = target(&method, attributes, named);
    Some(Called { method, target })
}

// Where an emitter has no attribute for the method, its names begin with it.
fn first_word(text: &str) -> Option<Text> {
    let word = text.split(' ').next()?;
    (!word.is_empty()).then(|| word.into())
}

fn current(method: Text) -> Text {
    let known = OLD_METHODS.iter().find(|(old, _)| *old == method);
    known.map_or(method, |&(_, now)| now.into())
}

fn target(method: &str, attributes: Attributes<'_>, in_name: Option<Text>) -> Option<Target> {
    let (kind, names, member) = match method {
        "tools/call" => (TargetKind::Tool, TOOL, "name"),
        "prompts/get" => (TargetKind::Prompt, PROMPT, "name"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            (TargetKind::Resource, RESOURCE, "uri")
        }
        _ => return None,
    };
    let asked = || asked_for(attributes, member);
    let name = attributes.first(names).or_else(asked).or(in_name)?;
    Some(Target { kind, name })
}

/// The target in the parameters that an emitter keeps as JSON.
fn asked_for(attributes: Attributes<'_>, member: &str) -> Option<Text> {
    // A URI or a name stands nowhere else there.
    let kept = attributes.first(&["request", "traceloop.entity.input"])?;
    let kept: serde_json::Value = serde_json::from_str(&kept).ok()?;
    let params = kept.get("params").unwrap_or(&kept);
    params.get(member)?.as_str().map(Text::from)
}

/// What both sides say of one operation, as its row: the server's, with the client's time around it.
pub(crate) fn joined(client: &Request, server: &Request) -> Request {
    Request {
        request_id: server
            .request_id
            .clone()
            .or_else(|| client.request_id.clone()),
        session_id: server
            .session_id
            .clone()
            .or_else(|| client.session_id.clone()),
        target: server.target.clone().or_else(|| client.target.clone()),
        // How long whoever asked has waited.
        latency_us: client.latency_us.or(server.latency_us),
        payload: bodies::merged(server.payload.as_deref(), client.payload.as_deref()),
        outcome: ending::of_both(&client.outcome, &server.outcome),
        ..server.clone()
    }
}

/// A client's account within another of the same client: the inner one is that of the wire, the outer one has
/// read the answer.
pub(crate) fn within(inner: &mut Request, outer: &Request) {
    inner.target = outer.target.clone().or(inner.target.take());
    inner.session_id = inner.session_id.take().or_else(|| outer.session_id.clone());
    inner.payload = bodies::merged(inner.payload.as_deref(), outer.payload.as_deref());
    inner.outcome = if is_unseen(&inner.outcome) {
        outer.outcome.clone()
    } else {
        ending::of_both(&inner.outcome, &outer.outcome)
    };
}

fn is_unseen(outcome: &Outcome) -> bool {
    outcome.error_kind == Some(mcpr_model::ErrorKind::Unseen)
}
