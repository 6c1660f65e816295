//! One recorded request: what was called, by whom, how long it took and how it ended.

use super::{
    EventKey, OperationPart, Payload, RequestId, SourceFormat, SurfaceUpdate, Text, TraceId,
};
use serde::{Deserialize, Serialize};

/// What sort of traffic a row is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub enum Kind {
    /// A JSON-RPC request of the Model Context Protocol.
    #[default]
    Mcp,
    /// HTTP traffic that is not a JSON-RPC request.
    Http,
    /// A request to an OAuth endpoint of the proxy.
    Oauth,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Mcp, Self::Http, Self::Oauth];

    /// The number that stands for it in every store, for ever.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            // Written out and not taken from the order of the variants, which anybody may change.
            Self::Mcp => 0,
            Self::Http => 1,
            Self::Oauth => 2,
        }
    }

    /// The kind that a stored number stands for; `None` where this version knows none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        // A later version may have written a kind that this one does not know.
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// What is recorded in the place of a method where there is none: the verb, or an opened stream.
    const OF_HTTP: [&'static str; 10] = [
        // `SSE` is what the proxy writes when a client opens a stream.
        "GET", "POST", "DELETE", "SSE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT",
    ];

    /// The kind of a row of which nothing but the method is known.
    #[must_use]
    pub fn of_method(method: &str) -> Self {
        // No method of MCP is written in capitals.
        if Self::OF_HTTP.contains(&method) {
            Self::Http
        } else {
            Self::Mcp
        }
    }

    /// The word used in every output and filter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::Http => "http",
            Self::Oauth => "oauth",
        }
    }
}

/// How a request ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Status {
    /// Answered without an error.
    #[default]
    Ok,
    /// Answered with an error of any kind, or cancelled.
    Error,
    /// Never answered.
    Timeout,
    /// Ended, and whoever reported it could not see how.
    Unknown,
}

impl Status {
    /// Every status, in the order in which filters list them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Error, Self::Timeout, Self::Unknown];
}

impl Status {
    /// The word used in every output and filter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it is known to have failed: what is not known to have gone well has not failed for that.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Error | Self::Timeout)
    }
}

/// Which layer an error came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ErrorKind {
    /// A JSON-RPC `error` answer.
    Rpc,
    /// A `tools/call` whose result says `isError: true`.
    Tool,
    /// An HTTP status of 400 or above without a JSON-RPC error.
    Http,
    /// Cancelled by the client.
    Cancelled,
    /// No answer at all.
    Timeout,
    /// The server ended while the request waited for its answer.
    Died,
    /// No error, as far as is known: whoever reported the request could not see how it ended.
    Unseen,
    /// Refused before it was sent, by a host or by whoever decides for it.
    Denied,
}

impl ErrorKind {
    /// Every kind, in the order in which sums list them.
    pub const ALL: [Self; 8] = [
        Self::Rpc,
        Self::Tool,
        Self::Http,
        Self::Cancelled,
        Self::Timeout,
        Self::Died,
        Self::Unseen,
        Self::Denied,
    ];

    /// The kinds of what is known to have failed: those that a filter takes.
    pub const FAILURES: [Self; 7] = [
        Self::Rpc,
        Self::Tool,
        Self::Http,
        Self::Cancelled,
        Self::Timeout,
        Self::Died,
        Self::Denied,
    ];

    /// The number that stands for it in every store, for ever; none is 0, which stands for success.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            // No 0: that is the code of success in the same column.
            Self::Rpc => 1,
            Self::Tool => 2,
            Self::Http => 3,
            Self::Cancelled => 4,
            Self::Timeout => 5,
            Self::Died => 6,
            Self::Unseen => 7,
            Self::Denied => 8,
        }
    }

    /// The kind that a stored number stands for; `None` where this version knows none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Its place in [`ErrorKind::ALL`], and so in every sum by kind.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            // By hand, so that a look-up needs no search, and a new kind does not compile without a
            // place.
            Self::Rpc => 0,
            Self::Tool => 1,
            Self::Http => 2,
            Self::Cancelled => 3,
            Self::Timeout => 4,
            Self::Died => 5,
            Self::Unseen => 6,
            Self::Denied => 7,
        }
    }

    /// The word used in every output and filter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Tool => "tool",
            Self::Http => "http",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
            Self::Died => "died",
            Self::Unseen => "unseen",
            Self::Denied => "denied",
        }
    }

    /// The word for what failed; none for what is not known to have.
    #[must_use]
    pub fn of_failure(self) -> Option<&'static str> {
        // Beside the status `unknown` a word here would be taken for a kind of error.
        self.status().is_failure().then(|| self.as_str())
    }

    /// The status that an error of this kind gives its row.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            // No answer is another thing than an answer that says no.
            Self::Timeout => Status::Timeout,
            Self::Unseen => Status::Unknown,
            _ => Status::Error,
        }
    }
}

/// How a request ended: nothing set means `ok`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The layer the error came from; `None` is success.
    pub error_kind: Option<ErrorKind>,
    /// JSON-RPC code or HTTP status, as text.
    pub error_code: Option<Text>,
    /// The message of the answer, shortened by the decoder.
    pub error_msg: Option<Text>,
    /// Whether the answer came under an id of another JSON type than the request's: `"1"` for `1`.
    #[serde(default)]
    pub retyped: bool,
}

impl Outcome {
    /// Longest error message kept from an answer, in characters.
    pub const MAX_MESSAGE_CHARS: usize = 512;

    /// The status this outcome amounts to.
    #[must_use]
    pub fn status(&self) -> Status {
        self.error_kind.map_or(Status::Ok, ErrorKind::status)
    }
}

/// What a request was aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TargetKind {
    /// The tool of a `tools/call`.
    Tool,
    /// The URI of a `resources/read`, `subscribe` or `unsubscribe`.
    Resource,
    /// The prompt of a `prompts/get`.
    Prompt,
}

impl TargetKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Tool, Self::Resource, Self::Prompt];

    /// The number that stands for it in every store, for ever; none is 0, which stands for no target.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Tool => 1,
            Self::Resource => 2,
            Self::Prompt => 3,
        }
    }

    /// The kind that a stored number stands for; `None` where this version knows none.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// The tool, resource or prompt a request names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// Which of the three it is.
    pub kind: TargetKind,
    /// Its name or URI.
    pub name: Text,
}

impl Target {
    /// The target of a request with these names, of which streams give one.
    #[must_use]
    pub fn of_names(
        tool: Option<Text>,
        prompt: Option<Text>,
        resource: Option<Text>,
    ) -> Option<Self> {
        let of = |kind| move |name| Self { kind, name };
        (tool.map(of(TargetKind::Tool)))
            .or_else(|| prompt.map(of(TargetKind::Prompt)))
            .or_else(|| resource.map(of(TargetKind::Resource)))
    }
}

/// One request as it comes from a decoder, before the store numbers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What makes a second delivery of the same event recognisable.
    pub key: EventKey,
    /// The stream's own id for the request; `None` for a notification in a batch.
    pub request_id: Option<RequestId>,
    /// When, in unix milliseconds, as the stream says.
    pub ts: i64,
    /// The proxy that saw it.
    pub proxy: Text,
    /// MCP, HTTP or OAuth.
    pub kind: Kind,
    /// The session id as the stream stated it.
    pub session_id: Option<Text>,
    /// The caller's name, where this very event says it.
    pub client_name: Option<Text>,
    /// The caller's version, where this very event says it.
    pub client_version: Option<Text>,
    /// MCP method, or the HTTP verb where there is none.
    pub method: Text,
    /// Tool, resource or prompt.
    pub target: Option<Target>,
    /// Whole duration in microseconds, where whoever reported it knows it.
    pub latency_us: Option<i64>,
    /// The upstream's share of it in microseconds.
    pub upstream_us: Option<i64>,
    /// Size of the request in bytes.
    pub bytes_in: Option<i64>,
    /// Size of the answer in bytes.
    pub bytes_out: Option<i64>,
    /// The status of the HTTP answer that it was answered in.
    #[serde(default)]
    pub http_status: Option<u16>,
    /// From the request to the first event or byte of its answer, in microseconds.
    #[serde(default)]
    pub first_event_us: Option<i64>,
    /// The format that it came in.
    #[serde(default)]
    pub format: Option<SourceFormat>,
    /// The trace that it is a part of, where the request says one. In a box, for few do.
    #[serde(default)]
    pub trace_id: Option<Box<TraceId>>,
    /// Its place in an operation of several requests. In a box, for few are.
    #[serde(default)]
    pub part: Option<Box<OperationPart>>,
    /// How it ended.
    pub outcome: Outcome,
    /// The payload, where it is kept. A store keeps it beside the row.
    pub payload: Option<Box<Payload>>,
    /// What the request and its answer say of the server's surface. A duplicate says nothing new.
    pub surface: Option<Box<SurfaceUpdate>>,
}

impl Request {
    /// A request of which nothing else is known: what a decoder starts from, so that a column which only
    /// some formats know stands in those alone.
    #[must_use]
    pub fn new(key: EventKey, ts: i64, proxy: Text, kind: Kind, method: Text) -> Self {
        Self {
            key,
            request_id: None,
            ts,
            proxy,
            kind,
            session_id: None,
            client_name: None,
            client_version: None,
            method,
            target: None,
            latency_us: None,
            upstream_us: None,
            bytes_in: None,
            bytes_out: None,
            http_status: None,
            first_event_us: None,
            format: None,
            trace_id: None,
            part: None,
            outcome: Outcome::default(),
            payload: None,
            surface: None,
        }
    }

    /// The request without what came with it: what its row holds.
    #[must_use]
    pub fn row(&self) -> Self {
        Self {
            payload: None,
            surface: None,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that changes here changes the meaning of every store that is out there.
    #[test]
    fn stored_numbers_never_change() {
        let kinds = Kind::ALL.map(|kind| (kind.as_str(), kind.code()));
        assert_eq!(kinds, [("mcp", 0), ("http", 1), ("oauth", 2)]);
        let errors = ErrorKind::ALL.map(|kind| (kind.as_str(), kind.code()));
        let expected = [
            ("rpc", 1),
            ("tool", 2),
            ("http", 3),
            ("cancelled", 4),
            ("timeout", 5),
            ("died", 6),
            ("unseen", 7),
            ("denied", 8),
        ];
        assert_eq!(errors, expected);
        let targets = [
            (TargetKind::Tool, 1),
            (TargetKind::Resource, 2),
            (TargetKind::Prompt, 3),
        ];
        assert_eq!(TargetKind::ALL.map(|kind| (kind, kind.code())), targets);
        for (index, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
        }
    }

    #[test]
    fn a_stored_number_is_read_back_or_unknown() {
        for code in -1..11 {
            let kind = Kind::from_code(code);
            assert_eq!(kind.map(Kind::code), (0..3).contains(&code).then_some(code));
            let error = ErrorKind::from_code(code).map(ErrorKind::code);
            assert_eq!(error, (1..9).contains(&code).then_some(code));
            let target = TargetKind::from_code(code).map(TargetKind::code);
            assert_eq!(target, (1..4).contains(&code).then_some(code));
        }
    }

    #[test]
    fn verbs_and_streams_are_no_mcp_methods() {
        let cases = [
            ("POST", Kind::Http),
            ("SSE", Kind::Http),
            ("tools/call", Kind::Mcp),
            ("get", Kind::Mcp),
            ("", Kind::Mcp),
        ];
        for (method, expected) in cases {
            assert_eq!(Kind::of_method(method), expected, "{method}");
        }
    }

    #[test]
    fn a_status_follows_from_the_error_kind() {
        for kind in ErrorKind::ALL {
            let outcome = Outcome {
                error_kind: Some(kind),
                ..Outcome::default()
            };
            let expected = match kind {
                ErrorKind::Timeout => Status::Timeout,
                ErrorKind::Unseen => Status::Unknown,
                _ => Status::Error,
            };
            let fails = ErrorKind::FAILURES.contains(&kind);
            assert_eq!(
                (expected.is_failure(), kind.of_failure().is_some()),
                (fails, fails)
            );
            assert_eq!(outcome.status(), expected, "{}", kind.as_str());
        }
        assert_eq!(Outcome::default().status(), Status::Ok);
    }
}
