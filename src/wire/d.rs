//! Stream D: bare JSON-RPC messages, as they pass between a client and a server. What answers what
//! is not decided here: that takes both directions.

use super::Bodies;
use super::detect::looks_like_an_array;
use super::fields::Str;
use super::rpc::{Answer, Call, lenient};
use crate::model::{Body, ErrorKind, EventKey, Outcome, RequestId, Said, Target, Text};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON-RPC id as pairing sees it: typed, so that `1` is not `"1"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypedId(Text);

/// What one line of a direction holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Messages {
    /// Text that is no JSON, which a server should not have printed.
    Text,
    /// JSON that is no JSON-RPC message.
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
    Asked(Asked),
    /// A notification.
    Notice(Notice),
    /// An answer.
    Reply(Reply),
}

/// What a request says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
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
    /// Length of its text in bytes.
    pub bytes: i64,
    /// What it asks of the surface, where its method does.
    pub surface: Option<SurfaceAsked>,
    /// What a second reading of it is recognised by, where it can be read twice.
    pub key: Option<EventKey>,
    /// Its `params`, where bodies are kept.
    pub params: Option<Body>,
}

/// What a request asks of the server's surface.
#[derive(Debug, PartialEq, Eq)]
pub struct SurfaceAsked {
    /// The cursor of the page that it asks for.
    cursor: Option<Text>,
    /// The protocol version that an `initialize` asks for.
    protocol_version: Option<Text>,
}

/// What a notification says.
#[derive(Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its method.
    pub method: Text,
    /// The request that it cancels, if it does.
    pub cancels: Option<TypedId>,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Which request it answers; an error may not know.
    pub id: Option<TypedId>,
    /// Length of its text in bytes.
    pub bytes: i64,
    /// How it ended, had it been a `tools/call`.
    outcome: Outcome,
    /// The raw result, where it passed whole.
    result: Option<Box<str>>,
    /// The result or error, where bodies are kept.
    pub answer: Option<Body>,
}

impl Message {
    /// Says that only part of the message was read, and how long it was as it passed.
    pub fn was_cut(&mut self, len: u64) {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        match self {
            Self::Asked(asked) => {
                asked.bytes = len;
                asked.params = None;
            }
            Self::Reply(reply) => {
                reply.bytes = len;
                reply.result = None;
                reply.answer = None;
            }
            Self::Notice(_) => {}
        }
    }
}

impl TypedId {
    /// The id that a raw value is; `1.0` is the number 1, as it is for a server in JavaScript.
    fn of(raw: &RawValue) -> Option<Self> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let value: Value = serde_json::from_str(raw.get()).ok()?;
        let whole = value
            .as_f64()
            .filter(|number| value.is_f64() && number.fract() == 0.0 && number.abs() <= EXACT);
        let text = match whole {
            Some(number) => format!("{number:.0}"),
            None => value.to_string(),
        };
        (!value.is_null()).then(|| Self(text.into()))
    }
}

impl Reply {
    /// How the request ended that this answers; only a tool call can fail as a tool.
    #[must_use]
    pub fn outcome(&self, method: &str) -> Outcome {
        match self.outcome.error_kind {
            Some(ErrorKind::Tool) if method != TOOL_CALL => Outcome::default(),
            _ => self.outcome.clone(),
        }
    }

    /// What the answer says of the surface, given what was asked.
    #[must_use]
    pub fn surface(&self, asked: &SurfaceAsked) -> Option<Said> {
        Some(Said::Page {
            cursor: asked.cursor.clone(),
            asked_version: asked.protocol_version.clone(),
            result: self.result.clone()?,
        })
    }
}

const TOOL_CALL: &str = "tools/call";
const CANCELLED: &str = "notifications/cancelled";

#[derive(Debug, Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Str<'a>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
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

/// Reads the messages of one line, without its newline.
#[must_use]
pub fn messages(line: &[u8], bodies: Bodies) -> Messages {
    let text = match std::str::from_utf8(line) {
        Ok(text) => text.trim_matches([' ', '\t', '\r']),
        Err(error) => return of_bytes(line, error.valid_up_to()),
    };
    let found = match text.as_bytes().first() {
        Some(b'{') => one(text, bodies).map(|message| message.map(|it| vec![it])),
        Some(b'[') if looks_like_an_array(text) => batch(text, bodies),
        _ => return Messages::Text,
    };
    match found {
        Ok(Some(messages)) => Messages::Known(messages),
        Ok(None) => Messages::Unknown,
        Err(error) => Messages::Bad(error.to_string()),
    }
}

/// Bytes that are no UTF-8 are text in another encoding, unless they begin like JSON.
fn of_bytes(line: &[u8], valid: usize) -> Messages {
    match line.trim_ascii_start().first() {
        Some(b'{' | b'[') => Messages::Bad(format!("invalid UTF-8 at byte {valid}")),
        _ => Messages::Text,
    }
}

/// The messages of a batch; what is none is left out.
fn batch(text: &str, bodies: Bodies) -> serde_json::Result<Option<Vec<Message>>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text)?;
    let read = |raw: &&RawValue| match raw.get().as_bytes().first() {
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
    let shape: Shape<'_> = serde_json::from_str(text)?;
    let bytes = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let id = shape.id.and_then(TypedId::of);
    let Some(method) = shape.method else {
        return Ok(reply(&shape, id, bytes, bodies));
    };
    let call = Call {
        id: shape.id,
        method,
        params: shape.params,
    };
    let Some(id) = id else {
        let cancelled: Cancelled<'_> = lenient(shape.params.filter(|_| call.method() == CANCELLED));
        return Ok(Some(Message::Notice(Notice {
            method: call.method().into(),
            cancels: cancelled.request_id.and_then(TypedId::of),
        })));
    };
    let facts = call.facts();
    Ok(Some(Message::Asked(Asked {
        id,
        request_id: facts.request_id.unwrap_or(RequestId::Text(Text::default())),
        method: facts.method,
        target: facts.target,
        client_name: facts.client_name,
        client_version: facts.client_version,
        bytes,
        surface: call
            .asks_surface()
            .map(|(cursor, protocol_version)| SurfaceAsked {
                cursor,
                protocol_version,
            }),
        key: None,
        params: shape
            .params
            .filter(|_| bodies == Bodies::Kept)
            .map(|params| Body::of(params.get())),
    })))
}

fn reply(shape: &Shape<'_>, id: Option<TypedId>, bytes: i64, bodies: Bodies) -> Option<Message> {
    let answer = Answer {
        id: shape.id,
        result: shape.result,
        error: shape.error,
    };
    (answer.result.is_some() || answer.error.is_some()).then(|| {
        Message::Reply(Reply {
            id,
            bytes,
            outcome: answer.error(TOOL_CALL).unwrap_or_default(),
            result: answer.result.map(|result| result.get().into()),
            answer: (answer.error.or(answer.result))
                .filter(|_| bodies == Bodies::Kept)
                .map(|answer| Body::of(answer.get())),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message in short: what it is, its id, its method, and what else it says.
    fn told(message: &Message) -> String {
        match message {
            Message::Asked(asked) => {
                let target = asked.target.as_ref().map_or("-", |target| &target.name);
                let client = asked.client_name.as_deref().unwrap_or("-");
                format!("asked {} {} {target} {client}", asked.id.0, asked.method)
            }
            Message::Notice(notice) => {
                let cancels = notice.cancels.as_ref().map_or("-", |id| &id.0);
                format!("notice {} {cancels}", notice.method)
            }
            Message::Reply(reply) => {
                let id = reply.id.as_ref().map_or("-", |id| &id.0);
                let outcome = reply.outcome(TOOL_CALL);
                let kind = outcome.error_kind.map_or("ok", ErrorKind::as_str);
                let code = outcome.error_code.as_deref().unwrap_or("-");
                let message = outcome.error_msg.as_deref().unwrap_or("-");
                format!("reply {id} {kind} {code} {message}")
            }
        }
    }

    fn check(line: &[u8], expected: &str) {
        let got = match messages(line, Bodies::Left) {
            Messages::Text => "text".to_owned(),
            Messages::Unknown => "unknown".to_owned(),
            Messages::Bad(reason) => format!("bad: {reason}"),
            Messages::Known(messages) => messages.iter().map(told).collect::<Vec<_>>().join("; "),
        };
        assert_eq!(got, expected, "{}", String::from_utf8_lossy(line));
    }

    #[test]
    fn every_sort_of_line_is_told() {
        let cases = [
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
                "asked 1 ping - -",
            ),
            (
                r#"{"id":"1","method":"tools/call","params":{"name":"echo"}}"#,
                r#"asked "1" tools/call echo -"#,
            ),
            (
                r#"{"id":0,"method":"initialize","params":{"clientInfo":{"name":"c"}}}"#,
                "asked 0 initialize - c",
            ),
            (
                r#"{"id":2,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/clientInfo":{"name":"new"}}}}"#,
                "asked 2 tools/list - new",
            ),
            (
                r#"{"method":"notifications/initialized"}"#,
                "notice notifications/initialized -",
            ),
            (
                r#"{"method":"notifications/cancelled","params":{"requestId":"a"}}"#,
                r#"notice notifications/cancelled "a""#,
            ),
            (r#"{"id":1,"result":{}}"#, "reply 1 ok - -"),
            (r#"{"id":1.0,"result":null}"#, "reply 1 ok - -"),
            (
                r#"{"id":3,"error":{"code":-32601,"message":"no"}}"#,
                "reply 3 rpc -32601 no",
            ),
            (
                r#"{"id":null,"error":{"code":-32700}}"#,
                "reply - rpc -32700 -",
            ),
            (
                r#"{"id":4,"result":{"isError":true,"content":[{"type":"text","text":"bad"}]}}"#,
                "reply 4 tool - bad",
            ),
            (
                r#" [{"id":1,"method":"ping"},{"method":"x"},7,{"id":2,"result":{}}] "#,
                "asked 1 ping - -; notice x -; reply 2 ok - -",
            ),
            ("", "text"),
            ("Server running on stdio", "text"),
            ("[info] started", "text"),
            (r#"{"level":"info"}"#, "unknown"),
            ("[]", "unknown"),
            (
                r#"{"id":1"#,
                "bad: EOF while parsing an object at line 1 column 7",
            ),
        ];
        for (line, expected) in cases {
            check(line.as_bytes(), expected);
        }
        check(b"{\"id\":\xff}", "bad: invalid UTF-8 at byte 6");
        check(b"caf\xe9", "text");
    }

    #[test]
    fn only_a_tool_call_fails_as_a_tool() {
        let Messages::Known(known) =
            messages(br#"{"id":1,"result":{"isError":true}}"#, Bodies::Left)
        else {
            panic!("it is an answer");
        };
        let [Message::Reply(reply)] = &known[..] else {
            panic!("it is one answer: {known:?}");
        };
        assert_eq!(
            reply.outcome("tools/call").error_kind,
            Some(ErrorKind::Tool)
        );
        assert_eq!(reply.outcome("resources/read"), Outcome::default());
    }
}
