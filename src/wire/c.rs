//! Stream C: the envelopes that mcpr 0.5 posts to its cloud endpoint, tagged `kind`.

use super::exchange::{Exchange, Reply};
use super::fields::{Str, Whole, text};
use super::{Decoded, LineContext, b};
use crate::model::time::parse_rfc3339;
use crate::model::{Event, RequestId, SessionUpdate, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    ts: Str<'a>,
    #[serde(borrow)]
    server: Option<Str<'a>>,
    #[serde(borrow)]
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
    http_status: Option<Whole>,
    latency_us: Whole,
    upstream_us: Option<Whole>,
    #[serde(borrow)]
    rpc: Option<&'a RawValue>,
    #[serde(borrow)]
    rpcs: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    results: Option<Vec<&'a RawValue>>,
    request_size: Option<Whole>,
    response_size: Option<Whole>,
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
        let envelope: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let ts = time(&envelope.ts)?;
        Ok((envelope, ts))
    }

    fn proxy(&self, context: LineContext<'_>) -> Text {
        text(self.server.as_ref()).unwrap_or_else(|| context.proxy.into())
    }
}

fn time(text: &Str<'_>) -> Result<i64, String> {
    parse_rfc3339(&text.0).ok_or_else(|| format!("`{}` is no RFC 3339 time", text.0))
}

/// Decodes a `request`.
pub(super) fn request(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let (envelope, ts) = Envelope::parse(json)?;
    let payload: RequestPayload<'_> = serde_json::from_str(envelope.payload.get())
        .map_err(|error| format!("payload: {error}"))?;
    let exchange = Exchange {
        json,
        bodies: context.bodies,
        ts,
        proxy: envelope.proxy(context),
        session_id: text(payload.session_id.as_ref()),
        request_id: payload
            .request_id
            .as_ref()
            .map(|id| RequestId::from_text(&id.0)),
        latency_us: payload.latency_us,
        upstream_us: payload.upstream_us,
    };
    let answers = match (&payload.results, payload.result) {
        (Some(results), _) => results.clone(),
        (None, Some(result)) => vec![result],
        (None, None) => Vec::new(),
    };
    let status = payload.http_status.map(|status| status.0);
    let reply = match (answers.is_empty(), status) {
        (false, status) => Reply::Rpc {
            answers: &answers,
            status,
        },
        // The proxy writes 0 where no status came back.
        (true, None | Some(0)) => Reply::None,
        (true, status) => Reply::Http {
            status,
            size: payload.response_size.map(|size| size.0),
        },
    };
    match &*payload.kind.0 {
        "mcp" | "mcp_batch" => {
            let calls = match (&payload.rpcs, payload.rpc) {
                (Some(rpcs), _) => rpcs.clone(),
                (None, Some(rpc)) => vec![rpc],
                (None, None) => return Err("an mcp request without `rpc`".to_owned()),
            };
            exchange.calls(&calls, reply, decoded)
        }
        kind => {
            let kind = b::plain_kind(kind)?;
            let method = payload.http_method.as_ref().and_then(Str::non_empty);
            let method = method.ok_or("an HTTP request without `http_method`")?;
            exchange.plain((kind, method), payload.request_size, reply, decoded)
        }
    }
}

/// Decodes a `session`.
pub(super) fn session(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let (envelope, ts) = Envelope::parse(json)?;
    let payload: SessionPayload<'_> = serde_json::from_str(envelope.payload.get())
        .map_err(|error| format!("payload: {error}"))?;
    decoded.events.push(Event::Session(SessionUpdate {
        session_id: text(Some(&payload.session_id)).ok_or("the session id is empty")?,
        proxy: Some(envelope.proxy(context)),
        ts,
        started_at: payload.created_at.as_ref().map(time).transpose()?,
        last_seen_at: payload.last_active.as_ref().map(time).transpose()?,
        state: b::state(&payload.state)?,
        client_name: text(payload.client_name.as_ref()),
        client_version: text(payload.client_version.as_ref()),
        conversation: None,
    }));
    decoded.known += 1;
    Ok(())
}

/// Decodes a `schema`: an item that was seen on its own.
pub(super) fn schema(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let (envelope, ts) = Envelope::parse(json)?;
    let item: b::SchemaItem<'_> = serde_json::from_str(envelope.payload.get())
        .map_err(|error| format!("payload: {error}"))?;
    decoded.known += 1;
    decoded
        .events
        .extend(item.event(envelope.proxy(context), ts));
    Ok(())
}
