//! Servers at addresses, and which of them a request is for.

use hyper::Uri;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use mcpr_model::Text;
use std::net::IpAddr;
use std::str::FromStr;

/// A server at an address.
#[derive(Debug, Clone)]
pub struct RelayTarget {
    name: Text,
    scheme: Scheme,
    authority: Authority,
    path_and_query: PathAndQuery,
    /// Whether the paths of its clients begin with its name.
    is_named: bool,
}

/// Why a text is not an address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not of the web.
    #[error("a server's URL begins with http:// or https://, and names a host")]
    NotHttp,
    /// It has a user, perhaps with a password.
    #[error("a server's URL holds no user and no password: let the client send them as a header")]
    Credentials,
    /// It cannot stand in a path.
    #[error("a server's name has letters, digits, `.`, `_` and `-`, and 64 characters at most")]
    Name,
}

impl RelayTarget {
    /// A server that is the only one at the tap's address; it is called by its host where no name is
    /// given.
    ///
    /// # Errors
    /// When the URL is not that of a server.
    pub fn alone(name: Option<&str>, url: &str) -> Result<Self, TargetError> {
        let uri = Uri::from_str(url).map_err(|_| TargetError::NotHttp)?;
        // A fragment is the client's own, and no part of what is asked.
        let parts = uri.into_parts();
        let scheme = parts
            .scheme
            .filter(|it| [Scheme::HTTP, Scheme::HTTPS].contains(it));
        let authority = parts.authority.filter(|it| !it.host().is_empty());
        let (Some(scheme), Some(authority)) = (scheme, authority) else {
            return Err(TargetError::NotHttp);
        };
        if authority.as_str().contains('@') {
            return Err(TargetError::Credentials);
        }
        let root = PathAndQuery::from_static("/");
        Ok(Self {
            name: name.unwrap_or(authority.as_str()).into(),
            scheme,
            authority,
            path_and_query: parts.path_and_query.unwrap_or(root),
            is_named: false,
        })
    }

    /// A server among several, whose clients name it at the beginning of the path.
    ///
    /// # Errors
    /// When the URL is not that of a server, or the name cannot stand in a path.
    pub fn named(name: &str, url: &str) -> Result<Self, TargetError> {
        // It stands in a path as it is, and is read there by people.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(is_plain);
        if !is_name || name.bytes().all(|byte| byte == b'.') {
            return Err(TargetError::Name);
        }
        let alone = Self::alone(Some(name), url)?;
        Ok(Self {
            is_named: true,
            ..alone
        })
    }

    /// What it is called in the store.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is reached by TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let address = address.parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|it| it.is_loopback())
    }

    /// Its URL without its query, which may hold keys.
    #[must_use]
    pub fn shown(&self) -> String {
        let path = self.path_and_query.path();
        format!("{}://{}{path}", self.scheme, self.authority)
    }

    /// Its scheme, host and port.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// What stands before its paths at the tap's address.
    pub(super) fn prefix(&self) -> String {
        if self.is_named {
            format!("/{}", self.name)
        } else {
            String::new()
        }
    }

    /// The path by which it is called at the tap's address. A query is added here, and not shown.
    #[must_use]
    pub fn local_path(&self) -> String {
        format!("{}{}", self.prefix(), self.path_and_query.path())
    }

    /// Its own path and query for those that a client asks for, if it is the one that is asked.
    fn path_for(&self, asked: &PathAndQuery) -> Option<PathAndQuery> {
        let own = if self.is_named {
            let rest = asked.as_str().strip_prefix('/')?;
            let rest = rest.strip_prefix(&*self.name)?;
            match rest.as_bytes().first() {
                Some(b'/') => PathAndQuery::from_str(rest).ok()?,
                None | Some(b'?') => PathAndQuery::from_str(&format!("/{rest}")).ok()?,
                // Another name that begins like this one.
                Some(_) => return None,
            }
        } else {
            asked.clone()
        };
        // The key in a URL stays with the tap: the client's configuration need not hold it.
        let is_bare = own.query().is_none() && own.path() == self.path_and_query.path();
        Some(if is_bare {
            self.path_and_query.clone()
        } else {
            own
        })
    }
}

/// Which server a request is for, and its address there.
pub(super) fn route(targets: &[RelayTarget], asked: &Uri) -> Option<(usize, Uri)> {
    let asked = asked.path_and_query()?;
    let mut targets = targets.iter().enumerate();
    targets.find_map(|(index, target)| {
        let uri = Uri::builder()
            .scheme(target.scheme.clone())
            .authority(target.authority.clone())
            .path_and_query(target.path_for(asked)?)
            .build();
        Some((index, uri.ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_and_a_key_stays_with_the_tap() {
        let target = RelayTarget::alone(None, "https://a.example:8443/mcp?key=s3cr3t").unwrap();
        assert_eq!(target.name(), "a.example:8443");
        assert_eq!(target.local_path(), "/mcp");
        assert_eq!(target.shown(), "https://a.example:8443/mcp");
        let targets = [target];
        let check = |asked: &str, expected: &str| {
            let (_, uri) = route(&targets, &asked.parse().unwrap()).unwrap();
            assert_eq!(uri.to_string(), format!("https://a.example:8443{expected}"));
        };
        check("/mcp", "/mcp?key=s3cr3t");
        check("/mcp?a=b", "/mcp?a=b");
        check("/messages?sessionId=1", "/messages?sessionId=1");
        check("http://127.0.0.1:1/x%2Fy", "/x%2Fy");
    }

    #[test]
    fn a_server_among_several_is_named_in_the_path() {
        let named = |name: &str| RelayTarget::named(name, &format!("http://{name}.example/mcp"));
        let targets = [named("files").unwrap(), named("files2").unwrap()];
        assert_eq!(targets[1].local_path(), "/files2/mcp");
        let check = |asked: &str, expected: Option<&str>| {
            let routed = route(&targets, &asked.parse().unwrap());
            let routed = routed.map(|(_, uri)| uri.to_string());
            assert_eq!(routed.as_deref(), expected, "{asked}");
        };
        check("/files/mcp", Some("http://files.example/mcp"));
        check("/files2/mcp?a", Some("http://files2.example/mcp?a"));
        check("/files2", Some("http://files2.example/"));
        check("/other/mcp", None);
        check("/", None);
        for name in ["", "..", "a/b", "a b", &"x".repeat(65)] {
            assert_eq!(named(name).unwrap_err(), TargetError::Name, "{name}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for (url, expected) in [
            ("a.example/mcp", TargetError::NotHttp),
            ("ftp://a.example/", TargetError::NotHttp),
            ("http://", TargetError::NotHttp),
            ("https://u:p@a.example/mcp", TargetError::Credentials),
        ] {
            assert_eq!(
                RelayTarget::alone(None, url).unwrap_err(),
                expected,
                "{url}"
            );
        }
        let is_loopback = |url: &str| RelayTarget::alone(None, url).unwrap().is_loopback();
        assert!(is_loopback("https://[::1]:1/") && is_loopback("http://localhost"));
        assert!(!is_loopback("https://10.0.0.1/"));
    }
}
