//! How a request ended that has no answer of its own: by the status of its exchange, or by how that ended.
//! Pure.

use super::pieces::ExchangeEnd;
use compact_str::format_compact;
use mcpr_model::{ErrorKind, Outcome, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Most bytes of an answer that are looked at for what it says of an error.
pub(super) const MAX_DETAIL_BYTES: usize = 64 * 1024;
/// Most characters of that in a message.
const MAX_DETAIL_CHARS: usize = 200;

/// Whether a status is about access, so that no error of MCP is expected in its answer.
pub(super) fn is_about_access(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 403 | 407)
}

/// What an HTTP status says of a request that it answers; nothing where it is a success.
pub(super) fn of_status(status: u16, reason: &str, body: &[u8]) -> Option<Outcome> {
    let mut message = match status {
        0..=299 => return None,
        300..=399 => format!("HTTP {status} {reason}: it is sent to another address"),
        _ => format!("HTTP {status} {reason}"),
    };
    if let Some(detail) = detail(body) {
        message.push_str(": ");
        message.extend(detail.chars().take(MAX_DETAIL_CHARS));
    }
    Some(http(Some(status), &message))
}

/// What the end of an exchange says of a request that is not answered then.
pub(super) fn of_end(end: &ExchangeEnd) -> Outcome {
    match end {
        // Its status was a success, and says nothing of that.
        ExchangeEnd::Complete => http(None, "the stream ended without an answer to the request"),
        ExchangeEnd::ClientLeft => Outcome {
            error_kind: Some(ErrorKind::Cancelled),
            ..Outcome::default()
        },
        ExchangeEnd::Broken(why) => http(None, why),
        ExchangeEnd::TapEnded => Outcome {
            error_kind: Some(ErrorKind::Timeout),
            ..Outcome::default()
        },
    }
}

/// A success that came to its end without an answer to what was asked.
#[derive(Debug)]
pub(super) struct AnsweredSilence<'a> {
    pub(super) status: u16,
    pub(super) content_type: Option<&'a str>,
    pub(super) is_stream: bool,
    pub(super) is_empty: bool,
    /// It has an answer, to a request that is not this one.
    pub(super) is_of_another: bool,
}

/// What such a success says: what came in the place of an answer.
pub(super) fn of_silence(came: &AnsweredSilence<'_>) -> Outcome {
    if came.is_stream && !came.is_of_another {
        return of_end(&ExchangeEnd::Complete);
    }
    let status = came.status;
    let message = if came.is_of_another {
        format!("HTTP {status} with an answer to another id")
    } else if came.is_empty {
        format!("HTTP {status} without a body")
    } else {
        let of_type = came.content_type.unwrap_or("of no content type");
        format!("HTTP {status} {of_type}, which is not an answer")
    };
    // The status itself was a success, and is not a code of an error.
    http(None, &message)
}

fn http(status: Option<u16>, message: &str) -> Outcome {
    let message = message.chars().take(Outcome::MAX_MESSAGE_CHARS);
    Outcome {
        error_kind: Some(ErrorKind::Http),
        error_code: status.map(|status| format_compact!("{status}")),
        error_msg: Some(message.collect()),
        retyped: false,
    }
}

/// An error as JSON-RPC, OAuth and others report it.
#[derive(Deserialize)]
struct ErrorBody<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    error_description: Option<Text>,
    message: Option<Text>,
    detail: Option<Text>,
}

/// The `error` of JSON-RPC.
#[derive(Deserialize)]
struct ErrorMember {
    message: Text,
}

/// What a body says of an error, in a line.
fn detail(body: &[u8]) -> Option<Text> {
    // It comes from the server: redaction and escapes are for whoever stores and shows it.
    let text = std::str::from_utf8(body).ok()?.trim();
    if text.starts_with('{') {
        let parsed: ErrorBody<'_> = serde_json::from_str(text).ok()?;
        let of_rpc = |raw: &RawValue| {
            let error: Option<ErrorMember> = serde_json::from_str(raw.get()).ok();
            let plain = || serde_json::from_str::<Text>(raw.get()).ok();
            error.map(|it| it.message).or_else(plain)
        };
        let named = parsed
            .error_description
            .or(parsed.message)
            .or(parsed.detail);
        return named.or_else(|| parsed.error.and_then(of_rpc));
    }
    // A page says in many words what its status says in one.
    let line = text.lines().next().filter(|line| !line.starts_with('<'));
    line.filter(|line| !line.is_empty()).map(Text::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_reported_with_what_its_body_says() {
        let check = |status: u16, body: &str, expected: &str| {
            let outcome = of_status(status, "X", body.as_bytes()).unwrap();
            assert_eq!(outcome.error_msg.as_deref(), Some(expected), "{body}");
            assert_eq!(outcome.error_kind, Some(ErrorKind::Http));
        };
        check(404, "", "HTTP 404 X");
        check(400, "Invalid header\nmore", "HTTP 400 X: Invalid header");
        check(404, "<!DOCTYPE html>\n<p>no", "HTTP 404 X");
        check(
            401,
            r#"{"error":"invalid_token"}"#,
            "HTTP 401 X: invalid_token",
        );
        check(
            401,
            r#"{"error":"invalid_token","error_description":"it is over"}"#,
            "HTTP 401 X: it is over",
        );
        check(
            403,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"no"}}"#,
            "HTTP 403 X: no",
        );
        check(307, "", "HTTP 307 X: it is sent to another address");
        assert_eq!(of_status(202, "X", b""), None);
    }

    #[test]
    fn an_answer_that_is_none_was_reported_to_be_a_stream_that_ended() {
        let message = |status, content_type, [is_stream, is_empty, is_of_another]: [bool; 3]| {
            let came = AnsweredSilence {
                status,
                content_type,
                is_stream,
                is_empty,
                is_of_another,
            };
            let message = of_silence(&came).error_msg;
            message.map(|it| it.to_string()).unwrap_or_default()
        };
        let html = message(200, Some("text/html"), [false, false, false]);
        assert_eq!(html, "HTTP 200 text/html, which is not an answer");
        let empty = message(204, None, [false, true, false]);
        assert_eq!(empty, "HTTP 204 without a body");
        let other = message(200, Some("application/json"), [false, false, true]);
        assert_eq!(other, "HTTP 200 with an answer to another id");
        let stream = message(200, Some("text/event-stream"), [true, false, false]);
        assert_eq!(stream, "the stream ended without an answer to the request");
    }

    #[test]
    fn an_end_without_an_answer_says_whose_it_was() {
        let kind = |end: ExchangeEnd| of_end(&end).error_kind;
        assert_eq!(kind(ExchangeEnd::Complete), Some(ErrorKind::Http));
        assert_eq!(kind(ExchangeEnd::ClientLeft), Some(ErrorKind::Cancelled));
        assert_eq!(kind(ExchangeEnd::Broken("x".into())), Some(ErrorKind::Http));
        assert_eq!(kind(ExchangeEnd::TapEnded), Some(ErrorKind::Timeout));
    }
}
