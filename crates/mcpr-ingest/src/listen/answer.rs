//! The answers to clients: one status and one short JSON document each.

use super::limits::{BODY, BODY_BYTES, COMMIT, LISTED_BAD_PARTS};
use super::otlp::OtlpPost;
use crate::monitor::Format;
use crate::{Delivery, NotReady};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use mcpr_model::{Counts, Event};
use mcpr_otlp::{Encoding, RejectedParts, Undecodable};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

/// A whole answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// Why a request is refused. Nothing of it is in the store, but for [`Refusal::NotCommitted`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("requests from web pages are not taken")]
    Origin,
    #[error("this is not the host that the request names; see --allow-host")]
    Host,
    #[error("a bearer token is needed")]
    Token,
    #[error("events are posted: use POST")]
    Method,
    #[error("only GET of /metrics, /healthz and /readyz is answered here")]
    NotFound,
    #[error("the content type must be application/json or application/x-ndjson")]
    ContentType,
    #[error("encoded bodies are not taken: send it as it is")]
    Encoding,
    #[error("a body has at most {BODY_BYTES} bytes")]
    TooLarge,
    #[error("the body did not come within {} seconds", BODY.as_secs())]
    TooSlow,
    #[error("the body broke off")]
    Broken,
    #[error("the body is neither a JSON object nor an array")]
    NotJson,
    #[error("the content type must be application/x-protobuf or application/json")]
    OtlpContentType,
    #[error("a body is encoded by gzip, or not at all")]
    OtlpEncoding,
    #[error("the body is not what gzip packs")]
    NotGzip,
    #[error("{0}")]
    NotOtlp(Undecodable),
    #[error("too much is on its way already: come again")]
    Full,
    #[error("too many posts are on their way already: come again")]
    Busy,
    #[error("too many scrapes are on their way already: come again")]
    Scrapes,
    #[error("not committed within {} seconds: come again, nothing is stored twice", COMMIT.as_secs())]
    NotCommitted,
    #[error("the recorder is ending")]
    Ending,
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Broken | Self::NotJson | Self::NotGzip | Self::NotOtlp(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Origin | Self::Host => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ContentType | Self::Encoding | Self::OtlpContentType | Self::OtlpEncoding => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            // All of these pass. A proxy comes again after 1, 2 and 4 s, and drops its events then.
            Self::Full | Self::Busy | Self::Scrapes | Self::NotCommitted | Self::Ending => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The answer to a post of OTLP: the same, in its encoding.
    pub(super) fn otlp_answer(&self, encoding: Encoding) -> Answer {
        let mut answer = self.answer();
        // What exporters take for "come again, later": too many at a time is distinguished from a store that waits.
        if *self == Self::Busy {
            *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        }
        let body = mcpr_otlp::refusal_body(encoding, self.rpc_code(), &self.to_string());
        *answer.body_mut() = Full::from(body);
        let content_type = HeaderValue::from_static(content_type(encoding));
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        answer
    }

    /// The code of `google.rpc` that says the same.
    fn rpc_code(&self) -> i32 {
        const INVALID_ARGUMENT: i32 = 3;
        const PERMISSION_DENIED: i32 = 7;
        const RESOURCE_EXHAUSTED: i32 = 8;
        const UNAVAILABLE: i32 = 14;
        const UNAUTHENTICATED: i32 = 16;
        match self {
            Self::Token => UNAUTHENTICATED,
            Self::Origin | Self::Host => PERMISSION_DENIED,
            Self::Busy | Self::TooLarge => RESOURCE_EXHAUSTED,
            Self::Full | Self::NotCommitted | Self::Ending => UNAVAILABLE,
            _ => INVALID_ARGUMENT,
        }
    }

    /// The answer; it ends the connection, whose body may not have been read.
    pub(super) fn answer(&self) -> Answer {
        let mut answer = document(self.status(), &json!({ "error": self.to_string() }));
        let headers = answer.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let more = match self {
            // HTTP wants a 401 to say how to authenticate, and a 405 which methods there are.
            Self::Token => Some((WWW_AUTHENTICATE, "Bearer")),
            Self::Method => Some((ALLOW, "POST")),
            // The first pause that the proxies make by themselves.
            Self::Full | Self::Busy | Self::Scrapes | Self::NotCommitted | Self::Ending => {
                Some((RETRY_AFTER, "1"))
            }
            _ => None,
        };
        if let Some((name, value)) = more {
            headers.insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

/// What was found in a body: reported to the client when it is committed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BodyReport {
    counts: Counts,
    bad: Vec<Value>,
    /// Parts of a post of OTLP that cannot be used.
    pub(super) rejected: Option<RejectedParts>,
}

impl BodyReport {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let bad = delivery.events.iter().filter_map(|event| match event {
            Event::BadLine(line) => Some(json!({ "offset": line.offset, "reason": line.reason })),
            _ => None,
        });
        Self {
            counts: delivery.progress.counts,
            // The counts say how many there are in all.
            bad: bad.take(LISTED_BAD_PARTS).collect(),
            rejected: None,
        }
    }

    pub(super) fn answer(&self) -> Answer {
        let Counts {
            events,
            bad,
            unknown,
            text,
            filtered,
            ..
        } = self.counts;
        let document_body = json!({
            "events": events,
            "bad": bad,
            "unknown": unknown,
            "text": text,
            "filtered": filtered,
            "errors": self.bad,
        });
        document(StatusCode::OK, &document_body)
    }
}

/// The answer to a post of OTLP that is committed.
pub(super) fn exported(post: OtlpPost, rejected: Option<&RejectedParts>) -> Answer {
    let body = mcpr_otlp::reply_body(post.encoding, post.signal, rejected);
    let mut answer = Response::new(Full::from(body));
    let headers = answer.headers_mut();
    let content_type = HeaderValue::from_static(content_type(post.encoding));
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    }
}

/// The answer to somebody who asks whether the recorder is alive.
pub(super) fn healthy() -> Answer {
    document(StatusCode::OK, &json!({ "status": "ok" }))
}

/// The answer to somebody who asks whether the recorder commits.
pub(super) fn readiness(readiness: Result<(), NotReady>) -> Answer {
    match readiness {
        Ok(()) => document(StatusCode::OK, &json!({ "status": "ready" })),
        Err(why) => {
            let body = json!({ "status": "not ready", "reason": why.to_string() });
            document(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    }
}

/// Metrics, whose `place` among the scrapes is free once they are sent.
pub(super) fn metrics(text: String, format: Format, place: OwnedSemaphorePermit) -> Answer {
    let body = Bytes::from_owner(Metrics {
        text,
        _place: place,
    });
    let mut answer = Response::new(Full::from(body));
    let content_type = HeaderValue::from_static(format.content_type());
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(CACHE_CONTROL, no_store);
    answer
}

/// The text of metrics, with the place that it takes until it is dropped.
struct Metrics {
    text: String,
    _place: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Metrics {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

fn document(status: StatusCode, value: &Value) -> Answer {
    let mut answer = Response::new(Full::from(format!("{value}\n")));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // An answer reports one post, or of one moment.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
