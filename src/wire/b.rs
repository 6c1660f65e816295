//! Stream B: what mcpr 0.5 prints on its standard error, tagged `type`, times in seconds.

use super::exchange::{Exchange, Reply};
use super::fields::{Str, Whole, seconds_to_ms, text};
use super::{Decoded, LineContext};
use crate::model::{Event, Kind, RequestId, Said, SessionState, SessionUpdate, SurfaceNews, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
struct Transaction<'a> {
    ts: Whole,
    #[serde(borrow)]
    request_id: Option<Str<'a>>,
    #[serde(borrow)]
    session_id: Option<Str<'a>>,
    latency_us: Whole,
    upstream_us: Option<Whole>,
    #[serde(borrow)]
    request: Asked<'a>,
    #[serde(borrow)]
    response: Option<Answered<'a>>,
}

#[derive(Debug, Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    rpc: Option<&'a RawValue>,
    #[serde(borrow)]
    rpcs: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    method: Option<Str<'a>>,
    size: Option<Whole>,
}

#[derive(Debug, Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    results: Option<Vec<&'a RawValue>>,
    status: Option<Whole>,
    size: Option<Whole>,
}

/// Decodes a `transaction`.
pub(super) fn transaction(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let event: Transaction<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let exchange = Exchange {
        json,
        bodies: context.bodies,
        ts: seconds_to_ms(event.ts)?,
        proxy: context.proxy.into(),
        session_id: text(event.session_id.as_ref()),
        request_id: event
            .request_id
            .as_ref()
            .map(|id| RequestId::from_text(&id.0)),
        latency_us: event.latency_us,
        upstream_us: event.upstream_us,
    };
    let answers = answers(event.response.as_ref());
    let reply = reply(event.response.as_ref(), &answers);
    let asked = &event.request;
    match &*asked.kind.0 {
        "mcp" => {
            let rpc = asked.rpc.ok_or("an mcp request without `rpc`")?;
            exchange.calls(&[rpc], reply, decoded)
        }
        "mcp_batch" => {
            let rpcs = asked.rpcs.as_deref().ok_or("an mcp_batch without `rpcs`")?;
            exchange.calls(rpcs, reply, decoded)
        }
        kind => {
            let kind = plain_kind(kind)?;
            let method = asked.method.as_ref().and_then(Str::non_empty);
            let method = method.ok_or("an HTTP request without `method`")?;
            exchange.plain((kind, method), asked.size, reply, decoded)
        }
    }
}

pub(super) fn plain_kind(kind: &str) -> Result<Kind, String> {
    match kind {
        "http" => Ok(Kind::Http),
        "oauth" => Ok(Kind::Oauth),
        other => Err(format!("an unknown kind of request, `{other}`")),
    }
}

fn answers<'a>(response: Option<&Answered<'a>>) -> Vec<&'a RawValue> {
    match response {
        Some(Answered {
            results: Some(results),
            ..
        }) => results.clone(),
        Some(Answered {
            result: Some(result),
            ..
        }) => vec![*result],
        _ => Vec::new(),
    }
}

fn reply<'a>(response: Option<&Answered<'_>>, answers: &'a [&'a RawValue]) -> Reply<'a> {
    match response {
        None => Reply::None,
        Some(answered) => {
            let status = answered.status.map(|status| status.0);
            match &*answered.kind.0 {
                "mcp" | "mcp_batch" => Reply::Rpc { answers, status },
                _ => Reply::Http {
                    status,
                    size: answered.size.map(|size| size.0),
                },
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct SessionEvent<'a> {
    ts: Whole,
    #[serde(borrow)]
    id: Str<'a>,
    #[serde(borrow)]
    state: Str<'a>,
    #[serde(borrow)]
    client_name: Option<Str<'a>>,
    #[serde(borrow)]
    client_version: Option<Str<'a>>,
}

/// Decodes a `session`.
pub(super) fn session(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let event: SessionEvent<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let ts = seconds_to_ms(event.ts)?;
    let state = state(&event.state)?;
    decoded.known += 1;
    decoded.events.push(Event::Session(SessionUpdate {
        session_id: text(Some(&event.id)).ok_or("the session id is empty")?,
        proxy: Some(context.proxy.into()),
        ts,
        started_at: None,
        last_seen_at: (state == SessionState::Active).then_some(ts),
        state,
        client_name: text(event.client_name.as_ref()),
        client_version: text(event.client_version.as_ref()),
        conversation: None,
    }));
    Ok(())
}

#[derive(Debug, Deserialize)]
struct SchemaTime {
    ts: Whole,
}

/// An item of the surface, under the key that its kind names.
#[derive(Debug, Deserialize)]
pub(super) struct SchemaItem<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    tool: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    resource_template: Option<&'a RawValue>,
}

impl SchemaItem<'_> {
    /// What it says of the surface of a proxy.
    pub(super) fn event(&self, proxy: Text, ts: i64) -> Option<Event> {
        let (method, item) = match &*self.kind.0 {
            "tool" => ("tools/list", self.tool),
            "prompt" => ("prompts/list", self.prompt),
            "resource" => ("resources/list", self.resource),
            "resource_template" => ("resources/templates/list", self.resource_template),
            _ => return None,
        };
        let item = item?.get().into();
        Some(Event::Surface(Box::new(SurfaceNews {
            proxy,
            method: method.into(),
            ts,
            session_id: None,
            client_name: None,
            said: Said::Item { item },
            of_request: false,
        })))
    }
}

/// Decodes a `schema`: an item that was seen on its own.
pub(super) fn schema(
    json: &str,
    context: LineContext<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let item: SchemaItem<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let at: SchemaTime = serde_json::from_str(json).map_err(|error| error.to_string())?;
    decoded.known += 1;
    let ts = seconds_to_ms(at.ts)?;
    decoded.events.extend(item.event(context.proxy.into(), ts));
    Ok(())
}

/// Streams B and C write the same states in different cases.
pub(super) fn state(state: &Str<'_>) -> Result<SessionState, String> {
    if state.0.eq_ignore_ascii_case("active") {
        Ok(SessionState::Active)
    } else if state.0.eq_ignore_ascii_case("closed") {
        Ok(SessionState::Closed)
    } else {
        Err(format!("an unknown session state, `{}`", state.0))
    }
}
