//! One recorded request: what was called, by whom, how long it took and how it ended.

use super::{EventKey, RequestId, Text};

/// What sort of traffic a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A JSON-RPC request of the Model Context Protocol.
    Mcp,
    /// HTTP traffic that is no JSON-RPC request.
    Http,
    /// A request to an OAuth endpoint of the proxy.
    Oauth,
}

impl Kind {
    /// Every kind, in the order of its stored number.
    pub const ALL: [Self; 3] = [Self::Mcp, Self::Http, Self::Oauth];

    /// What is recorded in the place of a method where there is none: the verb, or an opened stream.
    const OF_HTTP: [&'static str; 10] = [
        "GET", "POST", "DELETE", "SSE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT",
    ];

    /// The kind of a row of which nothing but the method is known.
    #[must_use]
    pub fn of_method(method: &str) -> Self {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Answered without an error.
    Ok,
    /// Answered with an error of any kind, or cancelled.
    Error,
    /// Never answered.
    Timeout,
}

impl Status {
    /// The word used in every output and filter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
        }
    }
}

/// Which layer an error came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
}

impl ErrorKind {
    /// Every kind, in the order of its stored number (which starts at 1).
    pub const ALL: [Self; 5] = [
        Self::Rpc,
        Self::Tool,
        Self::Http,
        Self::Cancelled,
        Self::Timeout,
    ];

    /// The word used in every output and filter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rpc => "rpc",
            Self::Tool => "tool",
            Self::Http => "http",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
        }
    }

    /// The status that an error of this kind gives its row.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::Timeout => Status::Timeout,
            _ => Status::Error,
        }
    }
}

/// How a request ended: nothing set means `ok`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The layer the error came from; `None` is success.
    pub error_kind: Option<ErrorKind>,
    /// JSON-RPC code or HTTP status, as text.
    pub error_code: Option<Text>,
    /// What the answer said, shortened by the decoder.
    pub error_msg: Option<Text>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetKind {
    /// The tool of a `tools/call`.
    Tool,
    /// The URI of a `resources/read`, `subscribe` or `unsubscribe`.
    Resource,
    /// The prompt of a `prompts/get`.
    Prompt,
}

impl TargetKind {
    /// Every kind, in the order of its stored number (which starts at 1).
    pub const ALL: [Self; 3] = [Self::Tool, Self::Resource, Self::Prompt];
}

/// The tool, resource or prompt a request names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Which of the three it is.
    pub kind: TargetKind,
    /// Its name or URI.
    pub name: Text,
}

/// One request as it comes from a decoder, before the store numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// The session id as the stream said it.
    pub session_id: Option<Text>,
    /// The caller's name, where this very event says it.
    pub client_name: Option<Text>,
    /// The caller's version, where this very event says it.
    pub client_version: Option<Text>,
    /// MCP method, or the HTTP verb where there is none.
    pub method: Text,
    /// Tool, resource or prompt.
    pub target: Option<Target>,
    /// Whole duration in microseconds.
    pub latency_us: i64,
    /// The upstream's share of it in microseconds.
    pub upstream_us: Option<i64>,
    /// Size of the request in bytes.
    pub bytes_in: Option<i64>,
    /// Size of the answer in bytes.
    pub bytes_out: Option<i64>,
    /// How it ended.
    pub outcome: Outcome,
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let expected = if kind == ErrorKind::Timeout {
                Status::Timeout
            } else {
                Status::Error
            };
            assert_eq!(outcome.status(), expected, "{}", kind.as_str());
        }
        assert_eq!(Outcome::default().status(), Status::Ok);
    }
}
