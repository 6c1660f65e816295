//! JSON-RPC requests and answers as both streams of mcpr 0.5 carry them: method, target, client, outcome.

use super::fields::{Str, raw_string, raw_text};
use super::mend::last_counts;
use super::parts::follows;
use super::{StatelessRequest, TypedId};
use mcpr_model::{
    ErrorKind, OperationLink, Outcome, RequestId, SurfaceContent, SurfaceUpdate, Target,
    TargetKind, Text, TraceId, is_stateless,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Most characters of a protocol version that are kept: they are dates.
const MAX_VERSION_CHARS: usize = 24;

/// A JSON-RPC request, as far as a recorder reads it.
#[derive(Debug, Deserialize)]
pub(super) struct RpcCall<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    pub(super) method: Str<'a>,
    #[serde(borrow)]
    pub(super) params: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<&'a RawValue>,
    #[serde(borrow, rename = "clientInfo")]
    client_info: Option<&'a RawValue>,
    #[serde(borrow)]
    cursor: Option<&'a RawValue>,
    #[serde(borrow, rename = "protocolVersion")]
    protocol_version: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct RequestMeta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo")]
    client_info: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    traceparent: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct ClientInfo<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    version: Option<&'a RawValue>,
}

/// What a call says of itself.
#[derive(Debug)]
pub(super) struct CallDescription {
    pub(super) request_id: Option<RequestId>,
    pub(super) method: Text,
    pub(super) target: Option<Target>,
    pub(super) client_name: Option<Text>,
    pub(super) client_version: Option<Text>,
    pub(super) trace_id: Option<TraceId>,
    pub(super) follows: Option<OperationLink>,
    pub(super) stateless: Option<StatelessRequest>,
}

/// Reads a value that may be of any shape: one that does not fit counts as absent.
pub(super) fn lenient<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    // A tool may take `params` of any shape: what does not fit names nothing, and is recorded all the same.
    raw.and_then(|raw| last_counts(raw.get()).ok())
        .unwrap_or_default()
}

impl<'a> RpcCall<'a> {
    pub(super) fn parse(raw: &'a RawValue) -> Result<Self, String> {
        last_counts(raw.get()).map_err(|error| format!("the JSON-RPC request: {error}"))
    }

    /// A call without an id expects no answer.
    pub(super) fn is_notification(&self) -> bool {
        self.id.is_none()
    }

    /// What its answer is found by.
    pub(super) fn typed_id(&self) -> Option<TypedId> {
        self.id.and_then(TypedId::of)
    }

    pub(super) fn method(&self) -> &str {
        &self.method.0
    }

    /// What this call and its answer say of the server's surface, if anything.
    pub(super) fn surface(&self, answer: Option<&RpcAnswer<'_>>) -> Option<(Text, SurfaceContent)> {
        let method = self.method();
        // A batch may hold notifications of the server, where a proxy reports both directions.
        if let Some(list) = SurfaceUpdate::announced_by(method) {
            return Some((list.into(), SurfaceContent::ListChanged));
        }
        let (cursor, asked_version) = self.asks_surface()?;
        let content = SurfaceContent::Page {
            cursor,
            asked_version,
            result: answer?.result?.get().into(),
        };
        Some((method.into(), content))
    }

    /// The cursor and the protocol version that this call asks for, where its answer is part of the
    /// server's surface.
    pub(super) fn asks_surface(&self) -> Option<(Option<Text>, Option<Text>)> {
        // Most calls are of tools: their params are not read a second time for this.
        if !SurfaceUpdate::METHODS.contains(&self.method()) {
            return None;
        }
        let params: Params<'_> = lenient(self.params);
        Some((
            raw_string(params.cursor),
            raw_string(params.protocol_version),
        ))
    }

    pub(super) fn facts(&self) -> CallDescription {
        let params: Params<'_> = lenient(self.params);
        let meta: RequestMeta<'_> = lenient(params.meta);
        // Before 2026-07-28 only `initialize` says who calls, since then every request does in `_meta`.
        let client_at_start = params.client_info.filter(|_| self.method() == "initialize");
        let client: ClientInfo<'_> = lenient(meta.client_info.or(client_at_start));
        let target = target_of(self.method(), &params);
        let name = target.as_ref().map_or("", |target| &target.name);
        let arguments = params.arguments.map_or("", RawValue::get);
        // Each request of such a protocol says its version.
        let protocol = raw_string(meta.version).filter(|it| is_stateless(it));
        let stateless = protocol.map(|protocol| StatelessRequest {
            protocol: protocol.chars().take(MAX_VERSION_CHARS).collect(),
            again: OperationLink::of_again(self.method(), name, arguments),
        });
        CallDescription {
            follows: follows(self.method(), name, self.params),
            request_id: self.id.map(|id| RequestId::from_text(&raw_text(id))),
            method: self.method().into(),
            target,
            client_name: raw_string(client.name),
            client_version: raw_string(client.version),
            stateless,
            // One that is not a string, or not written as W3C says, names no trace.
            trace_id: raw_string(meta.traceparent).and_then(|it| TraceId::of_traceparent(&it)),
        }
    }
}

fn target_of(method: &str, params: &Params<'_>) -> Option<Target> {
    let (kind, name) = match method {
        "tools/call" => (TargetKind::Tool, params.name),
        "prompts/get" => (TargetKind::Prompt, params.name),
        // All three name the resource in the same way, and a person looks for it under each.
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            (TargetKind::Resource, params.uri)
        }
        _ => return None,
    };
    raw_string(name).map(|name| Target { kind, name })
}

/// A JSON-RPC answer, as far as a recorder reads it.
#[derive(Debug, Deserialize)]
pub(super) struct RpcAnswer<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct AnswerError<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// A task that has ended, with what came of it.
#[derive(Debug, Default, Deserialize)]
struct EndedTask<'a> {
    #[serde(borrow, rename = "taskId")]
    task_id: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct ToolResult<'a> {
    #[serde(borrow, rename = "isError")]
    is_error: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct ToolContent<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

impl<'a> RpcAnswer<'a> {
    pub(super) fn parse(raw: &'a RawValue) -> Result<Self, String> {
        last_counts(raw.get()).map_err(|error| format!("the JSON-RPC answer: {error}"))
    }

    /// An error that names no request: it answers whatever was asked.
    pub(super) fn is_for_all(&self) -> bool {
        self.id.is_none() && self.error.is_some()
    }

    /// The error that the answer holds for a call of this method, if any.
    pub(super) fn error(&self, method: &str) -> Option<Outcome> {
        match self.error {
            Some(raw) => Some(rpc_error(raw)),
            // Other results may hold a member of this name that means something else.
            None if answers_with_tool(method) => {
                tool_error(self.result).or_else(|| tool_error(result_of_task(self.result)))
            }
            None => None,
        }
    }
}

/// Whether an answer may be the result of a tool: of the call, or of the task that it began.
pub(super) fn answers_with_tool(method: &str) -> bool {
    matches!(method, "tools/call" | "tasks/get" | "tasks/result")
}

/// What came of a task that has ended, where an answer about it holds that.
fn result_of_task(answer: Option<&RawValue>) -> Option<&RawValue> {
    // Nearly no answer is about one: it is not read once more for that.
    let answer = answer.filter(|it| memchr::memmem::find(it.get().as_bytes(), b"taskId").is_some());
    let task: EndedTask<'_> = lenient(Some(answer?));
    let is_over = raw_string(task.status).as_deref() == Some("completed");
    task.result.filter(|_| is_over && task.task_id.is_some())
}

fn rpc_error(raw: &RawValue) -> Outcome {
    let error: AnswerError<'_> = lenient(Some(raw));
    Outcome {
        error_kind: Some(ErrorKind::Rpc),
        error_code: error.code.map(|code| raw_text(code).as_ref().into()),
        error_msg: error.message.map(|message| shorten(&raw_text(message))),
        retyped: false,
    }
}

/// The error that a tool's result reports, if it does.
pub(super) fn tool_error(result: Option<&RawValue>) -> Option<Outcome> {
    let result: ToolResult<'_> = lenient(result);
    result
        .is_error
        // `isError: false` is how most servers say that all is well.
        .filter(|is_error| is_error.get() == "true")?;
    let content: Vec<&RawValue> = lenient(result.content);
    let message = content
        .into_iter()
        // Each by itself: an odd part must not hide what the others say.
        .map(|part| lenient::<ToolContent<'_>>(Some(part)))
        // Content may begin with an image; the first text is what a person would read.
        .filter(|part| raw_string(part.kind).as_deref() == Some("text"))
        .find_map(|part| part.text)
        .map(|text| shorten(&raw_text(text)));
    Some(Outcome {
        error_kind: Some(ErrorKind::Tool),
        error_code: None,
        error_msg: message,
        retyped: false,
    })
}

/// The outcome of an HTTP status that comes without a JSON-RPC error.
pub(super) fn http_outcome(status: Option<i64>) -> Outcome {
    match status {
        // Redirects and informational answers are the client's business and no failure.
        Some(status) if status >= 400 => Outcome {
            error_kind: Some(ErrorKind::Http),
            error_code: Some(compact_str::format_compact!("{status}")),
            error_msg: None,
            retyped: false,
        },
        _ => Outcome::default(),
    }
}

/// The outcome of a request that was never answered.
pub(super) fn unanswered() -> Outcome {
    Outcome {
        error_kind: Some(ErrorKind::Timeout),
        ..Outcome::default()
    }
}

/// A message cut to [`Outcome::MAX_MESSAGE_CHARS`].
pub(super) fn shorten(message: &str) -> Text {
    // Characters and not bytes: what is cut must stay text.
    match message.char_indices().nth(Outcome::MAX_MESSAGE_CHARS) {
        Some((end, _)) => message[..end].into(),
        None => message.into(),
    }
}
