//! `jsonrpc`: bare JSON-RPC messages, as they pass between a client and a server. What answers what
//! is not decided here: that takes both directions.

use crate::detect::looks_like_an_array;
use crate::fields::Str;
use crate::format::{Fact, Format, Knows};
use crate::mend::{bare, last_counts, may_hold_surrogates, mended};
use crate::parts::{AnswerPart, part};
use crate::rpc::{RpcAnswer, RpcCall, answers_with_tool, lenient};
use crate::{Bodies, TypedId};
use mcpr_model::{
    Body, ErrorKind, EventKey, OperationLink, OperationPart, Outcome, RequestId, SourceFormat,
    SurfaceContent, Target, Text, TraceId, opens_stream, steps,
};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The format; see the head of this file. No line of a source is in it: a tap reads the messages.
pub(super) struct JsonRpc;

impl Format for JsonRpc {
    fn id(&self) -> SourceFormat {
        SourceFormat::JsonRpc
    }

    fn about(&self) -> &'static str {
        "messages that pass through `mcpr tap`"
    }

    fn is_of_lines(&self) -> bool {
        false
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::SessionId,
            Fact::RequestId,
            Fact::Client,
            Fact::EveryMethod,
            Fact::BytesIn,
            Fact::BytesOut,
            Fact::HttpStatus,
            Fact::RpcError,
            Fact::ToolError,
            Fact::Bodies,
            Fact::Surface,
        ])
    }
}

/// What one line of a direction holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Messages {
    /// Text that is not JSON, which a server should not have printed.
    Text,
    /// JSON that is not a JSON-RPC message.
    Unknown,
    /// One message, or those of a batch.
    Known(Vec<Message>),
    /// It begins like JSON and does not decode; why.
    Bad(String),
}

/// One JSON-RPC message.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    /// A request, which an answer is due for.
    Request(RequestMessage),
    /// A notification.
    Notification(NotificationMessage),
    /// An answer.
    Answer(AnswerMessage),
}

/// What a request says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestMessage {
    /// What its answer will be found by.
    pub id: TypedId,
    /// The same id as it is shown.
    pub request_id: RequestId,
    /// Its method.
    pub method: Text,
    /// The tool, resource or prompt it names.
    pub target: Option<Target>,
    /// The client's name, where this very request says it.
    pub client_name: Option<Text>,
    /// The client's version, where this very request says it.
    pub client_version: Option<Text>,
    /// The trace that it is a part of.
    pub trace_id: Option<TraceId>,
    /// What it takes up of an operation that has begun.
    pub follows: Option<OperationLink>,
    /// What it says where its protocol knows no sessions. In a box, for few do.
    pub stateless: Option<Box<StatelessRequest>>,
    /// Length of its text in bytes.
    pub bytes: i64,
    /// What it asks of the surface, where its method does.
    pub surface: Option<SurfaceQuestion>,
    /// What a second reading of it is recognised by, where it can be read twice.
    pub key: Option<EventKey>,
    /// Its `params`, where bodies are kept.
    pub params: Option<Body>,
    /// Whether a log reports it in words: its id and its length are nobody's then.
    pub is_from_sentence: bool,
}

/// What a request says of itself in a protocol without sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatelessRequest {
    /// The version of the protocol.
    pub protocol: Text,
    /// What it is known by when it is made again: nothing takes up an answer that broke off.
    pub again: OperationLink,
}

/// What a request asks of the server's surface.
#[derive(Debug, PartialEq, Eq)]
pub struct SurfaceQuestion {
    /// The cursor of the page that it asks for.
    cursor: Option<Text>,
    /// The protocol version that an `initialize` asks for.
    protocol_version: Option<Text>,
}

impl SurfaceQuestion {
    /// Bytes that its texts take.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        // What waits for its answer is limited in bytes, and these texts come from the client.
        let len = |text: &Option<Text>| text.as_ref().map_or(0, Text::len);
        len(&self.cursor) + len(&self.protocol_version)
    }
}

/// What a notification says.
#[derive(Debug, PartialEq, Eq)]
pub struct NotificationMessage {
    /// Its method.
    pub method: Text,
    /// The request that it cancels, if it does.
    pub cancels: Option<TypedId>,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerMessage {
    /// Which request it answers; an error may not know.
    pub id: Option<TypedId>,
    /// Length of its text in bytes.
    pub bytes: i64,
    /// How it ended, had it been a `tools/call`.
    outcome: Outcome,
    /// What it says of its operation.
    part: Option<Box<AnswerPart>>,
    /// The raw result, where it passed whole.
    result: Option<Box<str>>,
    /// The result or error, where bodies are kept.
    pub answer: Option<Body>,
}

impl RequestMessage {
    /// Whether it opens a stream of notifications, for hours: that is not a call, and nobody waits for its answer.
    #[must_use]
    pub fn opens_stream(&self) -> bool {
        opens_stream(&self.method)
    }
}

impl Message {
    /// Says that only part of the message was read, and how long it was as it passed.
    pub fn was_cut(&mut self, len: u64) {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        match self {
            Self::Request(asked) => {
                asked.bytes = len;
                // Half of the parameters would look like other parameters.
                asked.params = None;
            }
            Self::Answer(reply) => {
                reply.bytes = len;
                // Half of a list would be stored as if the rest had been taken off the server.
                reply.result = None;
                reply.answer = None;
            }
            Self::Notification(_) => {}
        }
    }
}

impl AnswerMessage {
    /// An answer of which a log reports only how it ended the call.
    pub(crate) fn of_outcome(id: TypedId, outcome: Outcome) -> Self {
        Self {
            id: Some(id),
            bytes: 0,
            outcome,
            part: None,
            result: None,
            answer: None,
        }
    }

    /// Bytes that its texts take.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        let result = self.result.as_ref().map_or(0, |result| result.len());
        result + self.answer.as_ref().map_or(0, |answer| answer.text.len())
    }

    /// How the request ended that this answers; only a tool call, or what asks for its result, can fail as a tool.
    #[must_use]
    pub fn outcome(&self, method: &str) -> Outcome {
        match self.outcome.error_kind {
            // The answer was read before it was known what it answers.
            Some(ErrorKind::Tool) if !answers_with_tool(method) => Outcome::default(),
            _ => self.outcome.clone(),
        }
    }

    /// The place in its operation of the request that this answers, given what that takes up.
    #[must_use]
    pub fn part(
        &self,
        method: &str,
        target: Option<&Target>,
        follows: Option<OperationLink>,
    ) -> Option<Box<OperationPart>> {
        part(method, target, follows, self.part.as_deref())
    }

    /// What the answer says of the surface, given what was asked.
    #[must_use]
    pub fn surface(&self, asked: &SurfaceQuestion) -> Option<SurfaceContent> {
        Some(SurfaceContent::Page {
            cursor: asked.cursor.clone(),
            asked_version: asked.protocol_version.clone(),
            result: self.result.clone()?,
        })
    }
}

const TOOL_CALL: &str = "tools/call";
const CANCELLED: &str = "notifications/cancelled";

#[derive(Debug, Deserialize)]
struct MessageShape<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Str<'a>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    // `"result": null` is an answer, and serde would take it for none.
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A value that is there, also where it is `null`.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

#[derive(Debug, Default, Deserialize)]
struct Cancelled<'a> {
    #[serde(borrow, rename = "requestId")]
    request_id: Option<&'a RawValue>,
}

/// Reads the messages of one line, without its newline. What is no strict JSON and yet read by
/// clients is read as they do: a session that works for its client is never shown as hanging.
#[must_use]
pub fn messages(line: &[u8], bodies: Bodies) -> Messages {
    steps::decode(line);
    let line = bare(line);
    // Mending copies the message: what is strict JSON, as nearly all is, goes without.
    let strict = std::str::from_utf8(line).ok();
    match line.first() {
        Some(b'{') => {}
        // A server may print `[info] ready` among its messages.
        Some(b'[') if looks_like_an_array(line, is_message) => {}
        _ => return of_text(line),
    }
    let strict = strict
        // Half a pair fails only where its text is read, which is after the message was taken for
        // sound.
        .filter(|text| !may_hold_surrogates(text))
        .map(|text| all(text, bodies));
    let found = match strict {
        Some(Ok(found)) => Ok(found),
        // Also what is strict JSON and fails: a second message may stand behind the first.
        _ => leading(&mended(line), bodies),
    };
    match found {
        Ok(Some(messages)) => Messages::Known(messages),
        Ok(None) => Messages::Unknown,
        Err(error) => Messages::Bad(error.to_string()),
    }
}

/// Whether an element of what may be a batch is a message.
fn is_message(element: &[u8]) -> bool {
    let text = std::str::from_utf8(element).ok();
    let message = text.and_then(|text| one(text, Bodies::Left).ok());
    message.is_some_and(|it| it.is_some())
}

/// Text that ends in a message is not read by any client, and yet not just text.
fn of_text(line: &[u8]) -> Messages {
    const MEMBER: &[u8] = b"\"jsonrpc\"";
    // A server that prints without a newline before its answer leaves its client waiting: the row
    // must say so, and not that something was merely printed.
    let has_message =
        line.ends_with(b"}") && line.windows(MEMBER.len()).any(|window| window == MEMBER);
    if has_message {
        return Messages::Bad("text stands before the message in its line".to_owned());
    }
    Messages::Text
}

/// The messages of a text that is one JSON value.
fn all(text: &str, bodies: Bodies) -> serde_json::Result<Option<Vec<Message>>> {
    if text.starts_with('{') {
        one(text, bodies).map(|message| message.map(|it| vec![it]))
    } else {
        batch(text, bodies)
    }
}

/// The messages of the JSON values that a text begins with: some clients read one after the other,
/// and some the first of them, whatever follows.
fn leading(text: &str, bodies: Bodies) -> serde_json::Result<Option<Vec<Message>>> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let mut found = Vec::new();
    for (index, value) in values.enumerate() {
        match value.and_then(|value| all(value.get(), bodies)) {
            Ok(messages) => found.extend(messages.into_iter().flatten()),
            // Where the first value is sound, what stands behind it is ignored as its client does.
            Err(error) if index == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// The messages of a batch; other elements are left out.
fn batch(text: &str, bodies: Bodies) -> serde_json::Result<Option<Vec<Message>>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text)?;
    let read = |raw: &&RawValue| match raw.get().as_bytes().first() {
        // One odd element must not cost the others their pairing.
        Some(b'{') => one(raw.get(), bodies),
        _ => Ok(None),
    };
    let messages = elements
        .iter()
        .filter_map(|raw| read(raw).transpose())
        .collect::<serde_json::Result<Vec<_>>>()?;
    Ok(Some(messages).filter(|messages| !messages.is_empty()))
}

fn one(text: &str, bodies: Bodies) -> serde_json::Result<Option<Message>> {
    let shape: MessageShape<'_> = last_counts(text)?;
    let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let id = shape.id.and_then(TypedId::of);
    // A method makes it a request, whatever else it holds.
    let Some(method) = shape.method else {
        return Ok(reply(&shape, id, bytes, bodies));
    };
    let call = RpcCall {
        id: shape.id,
        method,
        params: shape.params,
    };
    // An id of null does not count: no answer could be distinguished from another by it.
    let Some(id) = id else {
        let cancelled: Cancelled<'_> = lenient(shape.params.filter(|_| call.method() == CANCELLED));
        return Ok(Some(Message::Notification(NotificationMessage {
            method: call.method().into(),
            cancels: cancelled.request_id.and_then(TypedId::of),
        })));
    };
    let facts = call.facts();
    Ok(Some(Message::Request(RequestMessage {
        id,
        request_id: facts.request_id.unwrap_or(RequestId::Text(Text::default())),
        method: facts.method,
        target: facts.target,
        client_name: facts.client_name,
        client_version: facts.client_version,
        trace_id: facts.trace_id,
        follows: facts.follows,
        stateless: facts.stateless.map(Box::new),
        bytes,
        surface: call
            .asks_surface()
            .map(|(cursor, protocol_version)| SurfaceQuestion {
                cursor,
                protocol_version,
            }),
        key: None,
        params: shape
            .params
            .filter(|_| bodies == Bodies::Kept)
            .map(|params| Body::of(params.get())),
        is_from_sentence: false,
    })))
}

fn reply(
    shape: &MessageShape<'_>,
    id: Option<TypedId>,
    bytes: i64,
    bodies: Bodies,
) -> Option<Message> {
    let answer = RpcAnswer {
        id: shape.id,
        result: shape.result,
        error: shape.error,
    };
    // An object with neither is not JSON-RPC, whatever else it holds.
    (answer.result.is_some() || answer.error.is_some()).then(|| {
        Message::Answer(AnswerMessage {
            id,
            bytes,
            // As if it answered a tool call; `outcome` takes that back once it is known what it
            // answers.
            outcome: answer.error(TOOL_CALL).unwrap_or_default(),
            part: AnswerPart::of(answer.result).map(Box::new),
            result: answer.result.map(|result| result.get().into()),
            // An error counts more: an answer with both is one that failed.
            answer: (answer.error.or(answer.result))
                .filter(|_| bodies == Bodies::Kept)
                .map(|answer| Body::of(answer.get())),
        })
    })
}

#[cfg(test)]
mod tests;
