//! Who is let in: programs of this machine that call the tap by its own name, and no page in a browser.

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use std::net::{IpAddr, SocketAddr};

/// Why a request is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RelayRefusal {
    #[error("mcpr tap: requests from web pages are not passed on")]
    Origin,
    #[error("mcpr tap: this is not the host that the request names; call 127.0.0.1 or localhost")]
    Host,
}

/// Whether a request may pass to an MCP server.
pub(super) fn check(head: &Parts, address: SocketAddr) -> Result<(), RelayRefusal> {
    // Browsers name the page behind a request; a client of MCP has none to name.
    if head.headers.contains_key(ORIGIN) {
        return Err(RelayRefusal::Origin);
    }
    let named = only_host(&head.headers).ok_or(RelayRefusal::Host)?;
    // The request line may name a host as well, and then both count.
    let is_ours =
        is_ours(&named, address) && head.uri.authority().is_none_or(|it| is_ours(it, address));
    if is_ours {
        Ok(())
    } else {
        Err(RelayRefusal::Host)
    }
}

/// What the `Host` header names, where it is there exactly once.
fn only_host(headers: &HeaderMap) -> Option<Authority> {
    // Of two nobody knows which one a server would believe.
    let mut values = headers.get_all(HOST).iter();
    let value = values.next()?;
    let named = Authority::try_from(value.as_bytes()).ok()?;
    values.next().is_none().then_some(named)
}

/// A page that has made its own name point at this machine still calls us by that name.
fn is_ours(named: &Authority, address: SocketAddr) -> bool {
    // A `Host` header has no user part.
    if named.as_str().contains('@') {
        return false;
    }
    let host = named.host();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let is_address = literal.parse().is_ok_and(|ip: IpAddr| ip == address.ip());
    let is_own_name = host.eq_ignore_ascii_case("localhost") || is_address;
    // Without a port a client means that of HTTP.
    is_own_name && named.port_u16().unwrap_or(80) == address.port()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    #[test]
    fn pages_and_other_names_are_kept_out() {
        let address: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let check = |headers: &[(&str, &str)], expected: Result<(), RelayRefusal>| {
            let mut request = Request::get("/mcp");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(super::check(&head, address), expected, "{headers:?}");
        };
        check(&[("host", "127.0.0.1:8080")], Ok(()));
        check(&[("host", "LOCALHOST:8080")], Ok(()));
        for host in [
            "evil.example:8080",
            "127.0.0.1:8081",
            "127.0.0.1",
            "127.0.0.2:8080",
            "a@localhost:8080",
            "",
        ] {
            check(&[("host", host)], Err(RelayRefusal::Host));
        }
        check(&[], Err(RelayRefusal::Host));
        let twice = [("host", "localhost:8080"), ("host", "localhost:8080")];
        check(&twice, Err(RelayRefusal::Host));
        let page = [
            ("host", "localhost:8080"),
            ("origin", "http://localhost:8080"),
        ];
        check(&page, Err(RelayRefusal::Origin));
    }
}
