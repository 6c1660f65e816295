//! Where a server is, and the headers that open it to us. Neither repeats a secret in a message.

use std::str::FromStr;
use thiserror::Error;
use ureq::http::{HeaderName, HeaderValue, Uri, uri::Scheme};

/// The headers that are the client's own.
const OWN: [&str; 10] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "host",
    "mcp-method",
    "mcp-protocol-version",
    "mcp-session-id",
    "transfer-encoding",
    "user-agent",
];

/// Where a server is.
#[derive(Debug, Clone)]
pub struct ServerUrl {
    pub(super) uri: Uri,
    shown: String,
}

/// Why a text is not an address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Not of the web.
    #[error("a server's URL begins with http:// or https://, and names a host")]
    NotHttp,
    /// It has a user, perhaps with a password.
    #[error("a server's URL holds no user and no password: others could read them")]
    Credentials,
}

impl ServerUrl {
    /// The URL without its query, which may hold keys.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether what is sent can be read on its way, by others than this machine.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.is_secure() && !self.is_loopback()
    }

    pub(super) fn is_secure(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// Whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let address = address.parse::<std::net::IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|it| it.is_loopback())
    }
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let uri: Uri = text.parse().map_err(|_| UrlError::NotHttp)?;
        let is_web = [Scheme::HTTP, Scheme::HTTPS]
            .iter()
            .any(|it| uri.scheme() == Some(it));
        let authority = uri.authority().filter(|it| is_web && !it.host().is_empty());
        let authority = authority.ok_or(UrlError::NotHttp)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::Credentials);
        }
        let scheme = uri.scheme_str().unwrap_or_default();
        let shown = format!("{scheme}://{authority}{}", uri.path());
        Ok(Self { uri, shown })
    }
}

/// A header that is sent with each request.
#[derive(Debug, Clone)]
pub struct Header {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

/// Why there is no such header.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Its name is not a valid one.
    #[error("`{0}` is not a name of a header")]
    BadName(String),
    /// Its value cannot be sent.
    #[error("the value of the header {0} is empty, or holds what no header can carry")]
    BadValue(String),
    /// The client sends it by itself.
    #[error("the header {0} is the client's own")]
    Own(String),
}

impl Header {
    /// A header; white space around its value does not count.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn new(name: &str, value: &str) -> Result<Self, HeaderError> {
        let known = HeaderName::from_str(name);
        let known = known.map_err(|_| HeaderError::BadName(name.to_owned()))?;
        if OWN.contains(&known.as_str()) {
            return Err(HeaderError::Own(name.to_owned()));
        }
        let bad = || HeaderError::BadValue(name.to_owned());
        let value = Some(value.trim()).filter(|value| !value.is_empty());
        let mut value = HeaderValue::from_str(value.ok_or_else(bad)?).map_err(|_| bad())?;
        value.set_sensitive(true);
        Ok(Self { name: known, value })
    }

    /// The one by which a bearer token is shown.
    ///
    /// # Errors
    /// When the token cannot be sent.
    pub fn bearer(token: &str) -> Result<Self, HeaderError> {
        let token = token.trim();
        // Two words would be another scheme.
        let is_one = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let value = if is_one {
            format!("Bearer {token}")
        } else {
            String::new()
        };
        Self::new("Authorization", &value)
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Whether two set the same.
    #[must_use]
    pub fn is_twin(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_of_the_web_and_shown_without_its_query() {
        let check = |text: &str, expected: Result<&str, UrlError>| {
            let url = text.parse::<ServerUrl>();
            assert_eq!(
                url.as_ref().map(ServerUrl::shown).map_err(|it| *it),
                expected,
                "{text}"
            );
        };
        check(
            "https://a.example/mcp?key=s3cr3t",
            Ok("https://a.example/mcp"),
        );
        check("http://127.0.0.1:3001", Ok("http://127.0.0.1:3001/"));
        check("http://[::1]:80/x#y", Ok("http://[::1]:80/x"));
        check("https://u:p@a.example/mcp", Err(UrlError::Credentials));
        for text in [
            "",
            "a.example/mcp",
            "ftp://a.example",
            "http://",
            "stdio:x",
            "https://a b/",
        ] {
            check(text, Err(UrlError::NotHttp));
        }
    }

    #[test]
    fn what_others_can_read_on_its_way_is_known() {
        for (text, expected) in [
            ("http://a.example/", true),
            ("http://10.0.0.7/", true),
            ("https://a.example/", false),
            ("http://localhost:1/", false),
            ("http://127.0.0.9/", false),
            ("http://[::1]/", false),
        ] {
            assert_eq!(
                text.parse::<ServerUrl>().unwrap().is_open(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_header_can_be_sent_and_says_no_secret() {
        let check = |name: &str, value: &str, expected: &str| {
            let header = Header::new(name, value);
            let shown = header.map_or_else(|error| error.to_string(), |it| format!("{it:?}"));
            assert!(shown.contains(expected), "{shown}");
            assert!(!shown.contains("s3cr3t"), "{shown}");
        };
        check("X-Key", " s3cr3t\n", "x-key");
        check("X Key", "s3cr3t", "not a name");
        check("X-Key", "s3\ncr3t", "the value of the header X-Key");
        check("X-Key", " ", "the value of the header X-Key");
        check("Mcp-Session-Id", "s3cr3t", "the client's own");
        let bearer = Header::bearer("s3cr3t\n").unwrap();
        assert_eq!(bearer.value, "Bearer s3cr3t");
        assert!(!format!("{bearer:?}").contains("s3cr3t"));
        for token in ["", "two words", "s3cr\u{e9}t"] {
            assert!(Header::bearer(token).is_err(), "{token}");
        }
    }
}
