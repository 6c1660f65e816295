//! Who is let in: decided from the head of a request alone, before a byte of its body is read.

use super::Token;
use super::answer::Refusal;
use super::limits::BODY_BYTES;
use super::otlp::OtlpPost;
use crate::live::Live;
use crate::monitor::Format;
use hyper::Method;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap,
    HeaderName, ORIGIN,
};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use std::net::{IpAddr, SocketAddr};

/// The rules for heads.
#[derive(Debug)]
pub struct Gate {
    /// The address that is served.
    pub address: SocketAddr,
    /// Who is let in; it may change while the address is served.
    pub admission: Live<Admission>,
    /// Whether events are taken; else the recorder only shows itself.
    pub takes_posts: bool,
}

/// Whom an address lets in besides who calls it by its own name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Admission {
    /// Further names that the `Host` header may have, at any port.
    pub hosts: Vec<String>,
    /// What every post and every scrape must show, if anything.
    pub token: Option<Token>,
}

/// What a request that is let in wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To know whether the recorder is alive.
    Health,
    /// To know whether it commits.
    Readiness,
    /// To read its metrics.
    Metrics(Format),
    /// To post one JSON document.
    Json,
    /// To post a JSON document a line.
    Lines,
    /// To post a message of OTLP.
    Otlp(OtlpPost),
}

impl Gate {
    /// What a request asks for, or why it is refused. `local` is the connection's own address.
    pub(super) fn check(&self, head: &Parts, local: IpAddr) -> Result<Wish, Refusal> {
        let headers = &head.headers;
        // One for the whole head: it may be changed meanwhile.
        let admission = self.admission.get();
        // Browsers name the page behind a post; a proxy has none to name.
        if headers.contains_key(ORIGIN) {
            return Err(Refusal::Origin);
        }
        if !self.is_our_host(&admission, head, local) {
            return Err(Refusal::Host);
        }
        let is_get = matches!(head.method, Method::GET | Method::HEAD);
        // Before the token: who only asks whether the recorder is at work has none.
        match head.uri.path() {
            "/healthz" if is_get => return Ok(Wish::Health),
            "/readyz" if is_get => return Ok(Wish::Readiness),
            _ => {}
        }
        let shown = only(headers, &AUTHORIZATION).unwrap_or_default();
        let token = admission.token.as_ref();
        if token.is_some_and(|it| !it.is_shown_by(shown)) {
            return Err(Refusal::Token);
        }
        if head.uri.path() == "/metrics" && is_get {
            return Ok(Wish::Metrics(wanted_format(headers)));
        }
        if !self.takes_posts {
            return Err(Refusal::NotFound);
        }
        if head.method != Method::POST {
            return Err(Refusal::Method);
        }
        let otlp = OtlpPost::of_head(head).transpose()?;
        let asked = match otlp {
            Some(post) => Wish::Otlp(post),
            None => media_type(headers).ok_or(Refusal::ContentType)?,
        };
        // The one coding that leaves a body as it is.
        let is_plain = |value: &[u8]| value.eq_ignore_ascii_case(b"identity");
        if otlp.is_none()
            && headers.contains_key(CONTENT_ENCODING)
            && !only(headers, &CONTENT_ENCODING).is_some_and(is_plain)
        {
            return Err(Refusal::Encoding);
        }
        // Only what is declared; any other body is counted while it comes.
        let length = headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
        if length
            .and_then(|it| it.parse::<u64>().ok())
            .is_some_and(|length| length > BODY_BYTES)
        {
            return Err(Refusal::TooLarge);
        }
        Ok(asked)
    }

    /// A page that has made its own name point at this machine still calls us by that name.
    fn is_our_host(&self, admission: &Admission, head: &Parts, local: IpAddr) -> bool {
        let named = only(&head.headers, &HOST).and_then(|host| Authority::try_from(host).ok());
        let Some(named) = named else {
            return false;
        };
        let is_ours = |named: &Authority| self.is_ours(admission, named, local);
        // The request line may name a host as well, and then both count.
        is_ours(&named) && head.uri.authority().is_none_or(is_ours)
    }

    fn is_ours(&self, admission: &Admission, named: &Authority, local: IpAddr) -> bool {
        // A `Host` header has no user part.
        if named.as_str().contains('@') {
            return false;
        }
        let host = named.host();
        let mut further = admission.hosts.iter();
        if further.any(|own| own.eq_ignore_ascii_case(host)) {
            return true;
        }
        let is_own_name = host.eq_ignore_ascii_case("localhost") && local.is_loopback();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let is_own_address = literal.parse().is_ok_and(|ip: IpAddr| ip == local);
        // Without a port a client means that of HTTP.
        named.port_u16().unwrap_or(80) == self.address.port() && (is_own_name || is_own_address)
    }
}

/// The first format that a client accepts and that there is.
fn wanted_format(headers: &HeaderMap) -> Format {
    let accepted = headers.get_all(ACCEPT).iter();
    let texts: Vec<_> = accepted.filter_map(|value| value.to_str().ok()).collect();
    Format::of_accept(&texts.join(","))
}

/// The value of a header that is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

fn media_type(headers: &HeaderMap) -> Option<Wish> {
    let value = std::str::from_utf8(only(headers, &CONTENT_TYPE)?).ok()?;
    let essence = value.split(';').next()?.trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Some(Wish::Json)
    } else if essence.eq_ignore_ascii_case("application/x-ndjson") {
        Some(Wish::Lines)
    } else {
        None
    }
}
