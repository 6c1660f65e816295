//! Stream A: the events of mcpr 0.4, one JSON object each, tagged `type`.

use super::fields::{Str, Whole, raw_text, text};
use super::rpc::{http_outcome, shorten};
use super::{Decoded, LineContext};
use crate::model::{
    ErrorKind, Event, EventKey, Kind, Outcome, Request, RequestId, Said, SessionState,
    SessionUpdate, SurfaceNews, Target, TargetKind, Text,
};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
struct RequestEvent<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    ts: Whole,
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    #[serde(borrow)]
    server: Option<Str<'a>>,
    #[serde(borrow)]
    session_id: Option<Str<'a>>,
    #[serde(borrow)]
    method: Str<'a>,
    #[serde(borrow)]
    mcp_method: Option<Str<'a>>,
    #[serde(borrow)]
    tool: Option<Str<'a>>,
    #[serde(borrow)]
    resource_uri: Option<Str<'a>>,
    #[serde(borrow)]
    prompt_name: Option<Str<'a>>,
    status: Option<Whole>,
    latency_us: Whole,
    upstream_us: Option<Whole>,
    request_size: Option<Whole>,
    response_size: Option<Whole>,
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    #[serde(borrow)]
    error_msg: Option<Str<'a>>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
struct SessionEvent<'a> {
    #[serde(borrow)]
    session_id: Str<'a>,
    ts: Whole,
    #[serde(borrow)]
    proxy: Option<Str<'a>>,
    #[serde(borrow)]
    server: Option<Str<'a>>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
}

/// Decodes a `request`.
pub(super) fn request(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let event: RequestEvent<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let (kind, method) = match event.mcp_method.as_ref().and_then(Str::non_empty) {
        // Opening a stream is HTTP traffic, whatever the field says.
        Some(method) => (Kind::of_method(method), method),
        None => (Kind::Http, &*event.method.0),
    };
    let request = Request {
        key: EventKey::of_id(&event.id.0),
        request_id: Some(RequestId::from_text(&event.id.0)),
        ts: event.ts.0,
        proxy: text(event.proxy.as_ref())
            .or_else(|| text(event.server.as_ref()))
            .unwrap_or_else(|| context.proxy.into()),
        kind,
        session_id: text(event.session_id.as_ref()),
        client_name: text(event.client_name.as_ref()),
        client_version: text(event.client_version.as_ref()),
        method: method.into(),
        target: target(&event),
        latency_us: event.latency_us.0,
        upstream_us: event.upstream_us.map(|us| us.0),
        bytes_in: event.request_size.map(|size| size.0),
        bytes_out: event.response_size.map(|size| size.0),
        outcome: outcome(&event),
    };
    let ended = (kind == Kind::Http && request.method == "DELETE" && is_success(&event))
        .then(|| super::ended_by_delete(&request))
        .flatten();
    decoded.known += 1;
    decoded.events.push(Event::Request(request));
    decoded.events.extend(ended);
    Ok(())
}

fn is_success(event: &RequestEvent<'_>) -> bool {
    event
        .status
        .is_some_and(|status| (200..400).contains(&status.0))
}

fn target(event: &RequestEvent<'_>) -> Option<Target> {
    let named = [
        (TargetKind::Tool, &event.tool),
        (TargetKind::Prompt, &event.prompt_name),
        (TargetKind::Resource, &event.resource_uri),
    ];
    named
        .into_iter()
        .find_map(|(kind, name)| text(name.as_ref()).map(|name| Target { kind, name }))
}

fn outcome(event: &RequestEvent<'_>) -> Outcome {
    let message = || {
        event
            .error_msg
            .as_ref()
            .and_then(Str::non_empty)
            .map(shorten)
    };
    if let Some(code) = event.error_code {
        let code = Text::from(raw_text(code).as_ref());
        return Outcome {
            error_kind: Some(ErrorKind::Rpc),
            error_code: Some(code),
            error_msg: message(),
        };
    }
    let mut outcome = http_outcome(event.status.map(|status| status.0));
    if outcome.error_kind.is_some() {
        outcome.error_msg = message();
    }
    outcome
}

#[derive(Debug, Deserialize)]
struct VersionEvent<'a> {
    ts: Whole,
    #[serde(borrow)]
    upstream_id: Option<Str<'a>>,
    #[serde(borrow)]
    upstream_url: Option<Str<'a>>,
    #[serde(borrow)]
    method: Str<'a>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// Decodes a `schema_version_created`.
pub(super) fn schema_version(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let event: VersionEvent<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    decoded.known += 1;
    decoded.events.push(Event::Surface(Box::new(SurfaceNews {
        proxy: text(event.upstream_id.as_ref()).unwrap_or_else(|| context.proxy.into()),
        method: Text::from(&*event.method.0),
        ts: event.ts.0,
        session_id: None,
        client_name: None,
        said: Said::Whole {
            upstream: text(event.upstream_url.as_ref()),
            result: event.payload.get().into(),
        },
        of_request: false,
    })));
    Ok(())
}

/// Decodes a `session_start` or `session_end`.
pub(super) fn session(
    json: &str,
    state: SessionState,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let event: SessionEvent<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let Some(session_id) = text(Some(&event.session_id)) else {
        return Err("the session id is empty".to_owned());
    };
    let said = text(event.proxy.as_ref()).or_else(|| text(event.server.as_ref()));
    let proxy = match state {
        SessionState::Active => said.or_else(|| Some(context.proxy.into())),
        // The end of a session does not say whose it was: every session of that id ends.
        SessionState::Closed => said,
    };
    decoded.known += 1;
    decoded.events.push(Event::Session(SessionUpdate {
        session_id,
        proxy,
        ts: event.ts.0,
        started_at: (state == SessionState::Active).then_some(event.ts.0),
        last_seen_at: None,
        state,
        client_name: text(event.client_name.as_ref()),
        client_version: text(event.client_version.as_ref()),
        conversation: None,
    }));
    Ok(())
}
