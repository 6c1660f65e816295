//! `mcpr_v05_cloud`: the envelopes that mcpr 0.5 posts to its cloud endpoint, tagged `kind`.

use super::mcpr_v05_stderr;
use crate::exchange::{Exchange, ExchangeAnswer};
use crate::fields::{Str, WholeNumber, parsed, rfc3339_ms, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use crate::{Decoded, LineContext};
use mcpr_model::{Channel, Event, EventBytes, RequestId, SessionUpdate, SourceFormat, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The format; see the head of this file.
pub(super) struct McprV05Cloud;

impl Format for McprV05Cloud {
    fn id(&self) -> SourceFormat {
        SourceFormat::McprV05Cloud
    }

    fn about(&self) -> &'static str {
        "what mcpr 0.5 posts"
    }

    fn knows(&self) -> Knows {
        Knows(&[
            Fact::Proxy,
            Fact::SessionId,
            Fact::RequestId,
            Fact::Client,
            Fact::EveryMethod,
            Fact::UpstreamTime,
            Fact::BytesIn,
            Fact::BytesOut,
            Fact::HttpStatus,
            Fact::RpcError,
            Fact::ToolError,
            Fact::Bodies,
            Fact::Surface,
        ])
    }

    fn tags(&self) -> &'static [&'static str] {
        &["type", "kind", "payload"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        const KINDS: [&str; 4] = ["request", "session", "schema", "heartbeat"];
        // Both streams of 0.5 know the word `session`; only the envelope has no type of its own.
        !tags.has("type") && tags.has("payload") && tags.is_one_of("kind", &KINDS)
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        match event.tags.text("kind").as_ref().map(|it| &*it.0) {
            Some("request") => request(event, decoded),
            Some("session") => session(event, decoded),
            Some("schema") => schema(event, decoded),
            _ => {
                decoded.known += 1;
                Ok(())
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    ts: Str<'a>,
    #[serde(borrow)]
    server: Option<Str<'a>>,
    #[serde(borrow)]
    // Kept as text until its kind is known.
    payload: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct RequestPayload<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    request_id: Option<Str<'a>>,
    #[serde(borrow)]
    session_id: Option<Str<'a>>,
    #[serde(borrow)]
    http_method: Option<Str<'a>>,
    http_status: Option<WholeNumber>,
    latency_us: WholeNumber,
    upstream_us: Option<WholeNumber>,
    #[serde(borrow)]
    rpc: Option<&'a RawValue>,
    #[serde(borrow)]
    rpcs: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    results: Option<Vec<&'a RawValue>>,
    request_size: Option<WholeNumber>,
    response_size: Option<WholeNumber>,
}

#[derive(Debug, Deserialize)]
struct SessionPayload<'a> {
    #[serde(borrow)]
    session_id: Str<'a>,
    #[serde(borrow)]
    state: Str<'a>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
    #[serde(borrow)]
    created_at: Option<Str<'a>>,
    #[serde(borrow)]
    last_active: Option<Str<'a>>,
}

impl<'a> Envelope<'a> {
    fn parse(json: &'a str) -> Result<(Self, i64), String> {
        let envelope: Self = parsed(json)?;
        let ts = rfc3339_ms(&envelope.ts)?;
        Ok((envelope, ts))
    }

    fn proxy(&self, context: LineContext<'_>) -> Text {
        text(self.server.as_ref()).unwrap_or_else(|| context.proxy.into())
    }
}

/// Decodes a `request`.
fn request(Tagged { json, context, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let (envelope, ts) = Envelope::parse(json)?;
    // In two steps: what a payload has to hold depends on the envelope's kind.
    let payload: RequestPayload<'_> = serde_json::from_str(envelope.payload.get())
        .map_err(|error| format!("payload: {error}"))?;
    let exchange = Exchange {
        event: EventBytes::new(json.as_bytes()),
        bodies: context.bodies,
        channel: Channel::Cloud,
        ts,
        proxy: envelope.proxy(*context),
        session_id: text(payload.session_id.as_ref()),
        request_id: payload
            .request_id
            .as_ref()
            .map(|id| RequestId::from_text(&id.0)),
        latency_us: payload.latency_us,
        upstream_us: payload.upstream_us,
    };
    // A batch has `results`, whatever `result` holds beside it.
    let answers = match (&payload.results, payload.result) {
        (Some(results), _) => results.clone(),
        (None, Some(result)) => vec![result],
        (None, None) => Vec::new(),
    };
    let status = payload.http_status.map(|status| status.0);
    let reply = match (answers.is_empty(), status) {
        (false, status) => ExchangeAnswer::Rpc {
            answers: &answers,
            status,
        },
        // The proxy writes 0 where no status came back.
        (true, None | Some(0)) => ExchangeAnswer::None,
        (true, status) => ExchangeAnswer::Http {
            status,
            size: payload.response_size.map(|size| size.0),
        },
    };
    match &*payload.kind.0 {
        "mcp" | "mcp_batch" => {
            let calls = match (&payload.rpcs, payload.rpc) {
                // Pointers into the line, so that a copy of the list is cheap.
                (Some(rpcs), _) => rpcs.clone(),
                (None, Some(rpc)) => vec![rpc],
                (None, None) => return Err("an mcp request without `rpc`".to_owned()),
            };
            exchange.calls(&calls, reply, decoded)
        }
        kind => {
            let kind = mcpr_v05_stderr::plain_kind(kind)?;
            let method = payload.http_method.as_ref().and_then(Str::non_empty);
            // Every row is found by its method: a made-up one would be counted as traffic.
            let method = method.ok_or("an HTTP request without `http_method`")?;
            exchange.plain(kind, method, payload.request_size, reply, decoded)
        }
    }
}

/// Decodes a `session`.
fn session(Tagged { json, context, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let (envelope, ts) = Envelope::parse(json)?;
    let payload: SessionPayload<'_> = serde_json::from_str(envelope.payload.get())
        .map_err(|error| format!("payload: {error}"))?;
    decoded.events.push(Event::Session(SessionUpdate {
        session_id: text(Some(&payload.session_id)).ok_or("the session id is empty")?,
        proxy: Some(envelope.proxy(*context)),
        ts,
        started_at: payload.created_at.as_ref().map(rfc3339_ms).transpose()?,
        last_seen_at: payload.last_active.as_ref().map(rfc3339_ms).transpose()?,
        state: mcpr_v05_stderr::state(&payload.state)?,
        client_name: text(payload.client_name.as_ref()),
        client_version: text(payload.client_version.as_ref()),
        conversation: None,
    }));
    decoded.known += 1;
    Ok(())
}

/// Decodes a `schema`: an item that was seen on its own.
fn schema(Tagged { json, context, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let (envelope, ts) = Envelope::parse(json)?;
    let item: mcpr_v05_stderr::SchemaItem<'_> = serde_json::from_str(envelope.payload.get())
        .map_err(|error| format!("payload: {error}"))?;
    decoded.known += 1;
    decoded
        .events
        .extend(item.event(envelope.proxy(*context), ts));
    Ok(())
}
