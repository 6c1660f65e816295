//! What goes wrong below MCP, in words: the connection, its security, the answer's status.

use super::ServerUrl;
use crate::ClientError;
use serde_json::Value;
use std::io::{self, ErrorKind};
use ureq::http::{StatusCode, header::LOCATION, response::Parts};

/// How much of a text that came with a status is reported.
const MAX_MESSAGE_CHARS: usize = 200;

/// Whether an error is that the time is over.
pub(super) fn is_late(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Timeout(_))
}

/// Why nothing came back.
pub(super) fn connection(url: &ServerUrl, error: ureq::Error) -> ClientError {
    let address = url.shown().to_owned();
    let why = match error {
        ureq::Error::Io(error) => return of_io(address, &error),
        ureq::Error::Rustls(error) => {
            let why = error.to_string();
            return ClientError::Insecure { url: address, why };
        }
        ureq::Error::Tls(why) => {
            let why = why.to_owned();
            return ClientError::Insecure { url: address, why };
        }
        ureq::Error::Protocol(error) => {
            let why = format!("it does not speak HTTP: {error}");
            return ClientError::NotMcp { url: address, why };
        }
        ureq::Error::LargeResponseHeader(..) => {
            return ClientError::TooMuch("response headers of more than 64 KiB");
        }
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        other => other.to_string(),
    };
    ClientError::Unreachable { url: address, why }
}

fn of_io(url: String, error: &io::Error) -> ClientError {
    let inner = error.get_ref();
    if let Some(fault) = inner.and_then(|it| it.downcast_ref::<rustls::Error>()) {
        let why = fault.to_string();
        return ClientError::Insecure { url, why };
    }
    let why = match error.kind() {
        ErrorKind::ConnectionRefused => "the connection is refused".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
            "the connection was closed".to_owned()
        }
        _ => error.to_string(),
    };
    ClientError::Unreachable { url, why }
}

/// What a status says that came in the place of an answer.
pub(super) fn status(url: &ServerUrl, asked: &str, parts: &Parts, body: &[u8]) -> ClientError {
    ClientError::Status {
        url: url.shown().to_owned(),
        asked: asked.to_owned(),
        code: parts.status.as_u16(),
        shown: shown(parts.status),
        message: if parts.status.is_redirection() {
            place(url, parts)
        } else {
            explanation(body)
        },
    }
}

/// A status as people know it.
pub(super) fn shown(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(name) => format!("{} {name}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Where the server says that it is.
fn place(url: &ServerUrl, parts: &Parts) -> String {
    let place = parts.headers.get(LOCATION).and_then(|it| it.to_str().ok());
    let place = place.unwrap_or_default();
    // Often only the path is given.
    let whole = if place.starts_with('/') {
        let scheme = url.uri.scheme_str().unwrap_or_default();
        let host = url.uri.authority().map_or("", |it| it.as_str());
        format!("{scheme}://{host}{place}")
    } else {
        place.to_owned()
    };
    let place = whole.parse::<ServerUrl>();
    place.map_or_else(
        |_| String::new(),
        |place| format!("it is at {}", place.shown()),
    )
}

/// The beginning of a text that explains, and nothing of a page.
fn explanation(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(value) => {
            let texts = [
                &value["error"]["message"],
                &value["error_description"],
                &value["message"],
                &value["detail"],
                &value["error"],
            ];
            let text = texts.into_iter().find_map(Value::as_str);
            text.unwrap_or_default().to_owned()
        }
        Err(_) if text.trim_start().starts_with('<') => String::new(),
        Err(_) => text.into_owned(),
    };
    let line = text.trim().lines().next().unwrap_or_default();
    line.chars().take(MAX_MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_explains_is_reported_of_a_body() {
        let check = |body: &str, expected: &str| assert_eq!(explanation(body.as_bytes()), expected);
        check("<!doctype html><p>no", "");
        check("Not Found\nmore", "Not Found");
        check(r#"{"detail":"Not authenticated"}"#, "Not authenticated");
        check(
            r#"{"jsonrpc":"2.0","error":{"code":-32001,"message":"gone"},"id":null}"#,
            "gone",
        );
        check(r#"{"error":"invalid_token"}"#, "invalid_token");
        check("[]", "");
        check(&"x".repeat(900), &"x".repeat(MAX_MESSAGE_CHARS));
    }
}
