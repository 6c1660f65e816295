//! Headers on their way through: which are passed on, and what a recorder takes from them. No credential
//! is ever among the latter.

use super::pieces::{AnsweredHead, AskedHead, ContentCoding, ContentKind, HttpVerb};
use super::sessions::SessionDigest;
use hyper::ext::ReasonPhrase;
use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName,
    HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::http::Extensions;
use hyper::{Method, StatusCode};
use mcpr_model::{EventKey, Text, is_stateless};

/// The header that names a session; whoever knows its value is in the session.
const SESSION: &str = "mcp-session-id";
/// The header that names the version of the protocol.
const VERSION: &str = "mcp-protocol-version";
/// Most bytes kept of what a header says.
const MAX_VALUE_BYTES: usize = 64;

/// The headers that concern one connection, and not what passes over two.
const OF_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("proxy-authenticate"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Takes off what concerns one connection, and what `Connection` itself names.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_CONNECTION) {
        headers.remove(name);
    }
    // It is answered on this side, as the body is asked for.
    headers.remove(EXPECT);
}

/// What is recorded of the head of a request.
pub(super) fn asked(
    server: usize,
    method: &Method,
    path_and_query: &str,
    headers: &HeaderMap,
) -> AskedHead {
    // A query may hold keys, and goes no further than its hash.
    let path = path_and_query.split('?').next().unwrap_or_default();
    let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes);
    let agent = agent.filter(|it| !it.is_empty());
    let version = short(headers, VERSION);
    // From 2026-07-28 on there are no sessions: a header that an older library still sends is none.
    let is_stateless = version.as_deref().is_some_and(is_stateless);
    AskedHead {
        server,
        verb: match *method {
            Method::GET => HttpVerb::Get,
            Method::POST => HttpVerb::Post,
            Method::DELETE => HttpVerb::Delete,
            _ => HttpVerb::Other,
        },
        session: session(headers).filter(|_| !is_stateless),
        place: SessionDigest::of_place(path_and_query.as_bytes()),
        path: path.into(),
        version,
        agent: agent.map(|it| EventKey::of_id(&String::from_utf8_lossy(it)).hash),
        coding: coding(headers),
    }
}

/// What is recorded of the head of an answer.
pub(super) fn answered(
    status: StatusCode,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> AnsweredHead {
    let own = extensions.get::<ReasonPhrase>();
    let own = own.map(|it| String::from_utf8_lossy(it.as_bytes()));
    let reason = own.as_deref().or(status.canonical_reason());
    let reason = reason.unwrap_or("unknown");
    AnsweredHead {
        status: status.as_u16(),
        reason: reason[..reason.floor_char_boundary(MAX_VALUE_BYTES)].into(),
        session: session(headers),
        kind: kind(headers),
        coding: coding(headers),
        content_type: short(headers, CONTENT_TYPE.as_str()),
    }
}

/// Whether an answer may be a stream that says where messages are to be posted.
pub(super) fn may_announce(status: StatusCode, headers: &HeaderMap) -> bool {
    // A stream of a known length could not become longer, and one that is compressed is not looked into.
    let is_plain = coding(headers) == ContentCoding::Plain && !headers.contains_key(CONTENT_LENGTH);
    status == StatusCode::OK && kind(headers) == ContentKind::Events && is_plain
}

fn session(headers: &HeaderMap) -> Option<SessionDigest> {
    let id = headers.get(SESSION).map(HeaderValue::as_bytes);
    id.filter(|id| !id.is_empty()).map(SessionDigest::of_header)
}

fn short(headers: &HeaderMap, name: &str) -> Option<Text> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value[..value.floor_char_boundary(MAX_VALUE_BYTES)].into())
}

fn kind(headers: &HeaderMap) -> ContentKind {
    let value = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = value.and_then(|it| it.split(';').next()).map(str::trim);
    let Some(essence) = essence else {
        // Refusals come without a type, too.
        return ContentKind::Text;
    };
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    if is("application/json") || essence.ends_with("+json") {
        ContentKind::Json
    } else if is("text/event-stream") {
        ContentKind::Events
    } else if is("text/plain") {
        ContentKind::Text
    } else {
        ContentKind::Other
    }
}

fn coding(headers: &HeaderMap) -> ContentCoding {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let named = codings.next().map(|it| it.as_bytes().to_ascii_lowercase());
    match named.as_deref() {
        // One coding around another is nothing that is met.
        _ if codings.next().is_some() => ContentCoding::Unread,
        None | Some(b"identity") => ContentCoding::Plain,
        Some(b"gzip" | b"x-gzip") => ContentCoding::Gzip,
        Some(_) => ContentCoding::Unread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let each = headers.iter();
        each.map(|&(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
    }

    #[test]
    fn what_concerns_one_connection_stays_behind() {
        let mut headers = map(&[
            ("connection", "keep-alive, X-Own"),
            ("x-own", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("authorization", "Bearer x"),
            ("last-event-id", "7"),
            ("mcp-session-id", "s"),
        ]);
        strip(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["authorization", "last-event-id", "mcp-session-id"]);
    }

    #[test]
    fn nothing_of_a_credential_is_recorded() {
        let headers = map(&[
            ("authorization", "Bearer s3cr3t"),
            ("cookie", "s3cr3t"),
            ("mcp-session-id", "s3cr3t"),
            ("user-agent", "s3cr3t"),
            ("mcp-protocol-version", "2025-11-25"),
        ]);
        let head = asked(0, &Method::POST, "/mcp?key=s3cr3t", &headers);
        let shown = format!("{head:?}");
        assert!(!shown.contains("s3cr3t"), "{shown}");
        assert!(shown.contains("2025-11-25"), "{shown}");
    }

    #[test]
    fn a_request_of_2026_07_28_was_put_into_the_session_of_a_header_that_says_nothing_there() {
        let session = |version| {
            let headers = map(&[("mcp-session-id", "s"), ("mcp-protocol-version", version)]);
            asked(0, &Method::POST, "/mcp", &headers).session
        };
        assert!(session("2025-11-25").is_some());
        assert_eq!(session("2026-07-28"), None);
    }

    #[test]
    fn programs_that_call_themselves_nothing_counted_as_one() {
        let agent = |headers: &[(&'static str, &'static str)]| {
            asked(0, &Method::POST, "/mcp", &map(headers)).agent
        };
        assert_eq!(agent(&[]), None);
        assert_eq!(agent(&[("user-agent", "")]), None);
        assert_eq!(
            agent(&[("user-agent", "a/1")]),
            agent(&[("user-agent", "a/1")])
        );
        assert!(agent(&[("user-agent", "a/1")]).is_some());
    }

    #[test]
    fn answers_are_read_by_their_type_and_coding() {
        let check = |headers: &[(&'static str, &'static str)], kind, coding| {
            let head = answered(StatusCode::OK, &map(headers), &Extensions::new());
            assert_eq!((head.kind, head.coding), (kind, coding), "{headers:?}");
        };
        check(&[], ContentKind::Text, ContentCoding::Plain);
        check(
            &[("content-type", "text/event-stream; charset=utf-8")],
            ContentKind::Events,
            ContentCoding::Plain,
        );
        check(
            &[
                ("content-type", "application/json"),
                ("content-encoding", "GZIP"),
            ],
            ContentKind::Json,
            ContentCoding::Gzip,
        );
        check(
            &[("content-type", "text/html"), ("content-encoding", "br")],
            ContentKind::Other,
            ContentCoding::Unread,
        );
    }
}
