//! Recorded requests as the body of a post to `/v1/traces`: a span for each, by the semantic conventions for MCP, and
//! what these have no name for as `mcpr.*`.

use crate::message::{
    AnyValue, ExportResponse, KeyValue, PlainValue, Resource, ResourceSpans, Scope, ScopeSpans,
    SpanMessage, SpanStatus, TracesData,
};
use crate::own::SCOPE;
use crate::vocabulary::{SERVER, own};
use crate::{RejectedParts, Undecodable};
use mcpr_model::{ErrorKind, Kind, OperationLink, Request, SourceFormat, TargetKind, Text};
use prost::Message;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// The code of a span's status that says that it failed.
const ERROR: i32 = 2;

/// The body of a post with these requests, in their order. A request that comes again has the same ids.
#[must_use]
pub fn spans_of(requests: &[Request]) -> Vec<u8> {
    let mut resource_spans: Vec<ResourceSpans> = Vec::new();
    let mut proxy: Option<&Text> = None;
    for request in requests {
        // A resource for each run of one proxy, and not one for each proxy: the order of all is kept.
        if proxy != Some(&request.proxy) {
            proxy = Some(&request.proxy);
            resource_spans.push(ResourceSpans {
                resource: Some(Resource {
                    attributes: vec![text("service.name", &request.proxy)],
                }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(Scope {
                        name: SCOPE.to_owned(),
                    }),
                    spans: Vec::new(),
                }],
            });
        }
        let spans = resource_spans
            .last_mut()
            .and_then(|it| it.scope_spans.last_mut());
        if let Some(spans) = spans {
            spans.spans.push(span_of(request));
        }
    }
    TracesData { resource_spans }.encode_to_vec()
}

/// What an answer says of parts that could not be used; `None` where all could.
///
/// # Errors
/// Where it is not an answer to a post of spans.
pub fn rejected_in(reply: &[u8]) -> Result<Option<RejectedParts>, Undecodable> {
    let decoded = ExportResponse::decode(reply).map_err(|error| Undecodable(error.to_string()))?;
    // A message without a number is a warning: all was taken.
    let partial = decoded.partial_success.filter(|it| it.rejected > 0);
    Ok(partial.map(|it| RejectedParts {
        count: it.rejected.cast_unsigned(),
        why: it.error_message,
    }))
}

fn span_of(request: &Request) -> SpanMessage {
    let start_ns = u64::try_from(request.ts)
        .unwrap_or(0)
        .saturating_mul(1_000_000);
    let duration_ns = u64::try_from(request.latency_us.unwrap_or(0))
        .unwrap_or(0)
        .saturating_mul(1000);
    let key = identity(request);
    let (trace_id, is_made_up) = match &request.trace_id {
        Some(trace) => (trace.bytes(), false),
        None => (xxh3_128(&key).max(1).to_be_bytes(), true),
    };
    let mut attributes = conventions(request);
    attributes.extend(beyond_conventions(request));
    if is_made_up {
        attributes.push(flag(own::TRACE_MADE_UP));
    }
    SpanMessage {
        trace_id: trace_id.to_vec(),
        // No id is of zeros.
        span_id: xxh3_64(&key).max(1).to_be_bytes().to_vec(),
        trace_state: String::new(),
        parent_span_id: Vec::new(),
        name: match &request.target {
            Some(target) => format!("{} {}", request.method, target.name),
            None => request.method.to_string(),
        },
        kind: SERVER,
        start_time_unix_nano: start_ns,
        end_time_unix_nano: start_ns.saturating_add(duration_ns),
        attributes,
        events: Vec::new(),
        unreadable: String::new(),
        status: failure(request).map(|_| SpanStatus {
            message: request
                .outcome
                .error_msg
                .as_ref()
                .map(Text::to_string)
                .unwrap_or_default(),
            code: ERROR,
        }),
    }
}

/// What a row is known by: its time and its key.
fn identity(request: &Request) -> [u8; 16] {
    let (ts, key) = (request.ts.to_le_bytes(), request.key.hash.to_le_bytes());
    let mut all = [0; 16];
    for (to, from) in all.iter_mut().zip(ts.into_iter().chain(key)) {
        *to = from;
    }
    all
}

fn failure(request: &Request) -> Option<ErrorKind> {
    let kind = request.outcome.error_kind;
    // How that one ended is not known, which is not an error.
    kind.filter(|kind| *kind != ErrorKind::Unseen)
}

/// What the conventions have names for.
fn conventions(request: &Request) -> Vec<KeyValue> {
    let mut all = Vec::new();
    match request.kind {
        Kind::Mcp => all.push(text("mcp.method.name", &request.method)),
        Kind::Http | Kind::Oauth => all.push(text("http.request.method", &request.method)),
    }
    if let Some(target) = &request.target {
        let name = match target.kind {
            TargetKind::Tool => "gen_ai.tool.name",
            TargetKind::Prompt => "gen_ai.prompt.name",
            TargetKind::Resource => "mcp.resource.uri",
        };
        all.push(text(name, &target.name));
    }
    if request.method == "tools/call" {
        all.push(text("gen_ai.operation.name", "execute_tool"));
    }
    if let Some(id) = &request.session_id {
        all.push(text("mcp.session.id", id));
    }
    if let Some(id) = &request.request_id {
        all.push(text("jsonrpc.request.id", &id.to_string()));
    }
    if let Some(status) = request.http_status {
        all.push(number("http.response.status_code", i64::from(status)));
    }
    if let Some(kind) = failure(request) {
        let code = request.outcome.error_code.as_deref();
        let word = match kind {
            ErrorKind::Tool => "tool_error",
            kind => code.unwrap_or(kind.as_str()),
        };
        all.push(text("error.type", word));
        if let Some(code) = code.filter(|_| kind == ErrorKind::Rpc) {
            all.push(text("rpc.response.status_code", code));
        }
    }
    all
}

/// What they have none for: without it a row would come back as another one.
fn beyond_conventions(request: &Request) -> Vec<KeyValue> {
    let texts = [
        (own::CLIENT_NAME, &request.client_name),
        (own::CLIENT_VERSION, &request.client_version),
        (own::ERROR_CODE, &request.outcome.error_code),
    ];
    let call = request.key.call.map(|call| call.code(request.ts));
    let part = request.part.as_deref();
    let link = |link: Option<OperationLink>| link.map(OperationLink::code);
    let numbers = [
        (own::KEY, Some(request.key.hash.cast_signed())),
        (own::CALL, call),
        (own::UPSTREAM, request.upstream_us),
        (own::BYTES_IN, request.bytes_in),
        (own::BYTES_OUT, request.bytes_out),
        (own::FIRST_EVENT, request.first_event_us),
        (own::FOLLOWS, link(part.and_then(|part| part.follows))),
        (own::LEAVES, link(part.and_then(|part| part.leaves))),
    ];
    let texts = texts.into_iter();
    let mut all: Vec<KeyValue> = texts
        .filter_map(|(name, value)| Some(text(name, value.as_ref()?)))
        .collect();
    let numbers = numbers.into_iter();
    all.extend(numbers.filter_map(|(name, value)| Some(number(name, value?))));
    if request.kind != Kind::Mcp {
        all.push(text(own::KIND, request.kind.as_str()));
    }
    if let Some(kind) = request.outcome.error_kind {
        all.push(text(own::ERROR_KIND, kind.as_str()));
    }
    if let Some(message) = &request.outcome.error_msg {
        // Also where nothing failed, and where the text is empty: a status says neither.
        all.push(text(own::ERROR_MESSAGE, message));
    }
    let words = [
        (own::FORMAT, request.format.map(SourceFormat::as_str)),
        (own::STAGE, part.map(|part| part.stage.as_str())),
    ];
    let words = words.into_iter();
    all.extend(words.filter_map(|(name, word)| Some(text(name, word?))));
    if request.latency_us.is_none() {
        all.push(flag(own::UNTIMED));
    }
    if request.outcome.retyped {
        all.push(flag(own::RETYPED));
    }
    all
}

fn text(key: &str, value: &str) -> KeyValue {
    of(key, PlainValue::Text(value.to_owned()))
}

fn number(key: &str, value: i64) -> KeyValue {
    of(key, PlainValue::Whole(value))
}

fn flag(key: &str) -> KeyValue {
    of(key, PlainValue::Flag(true))
}

fn of(key: &str, value: PlainValue) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
    }
}
