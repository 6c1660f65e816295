//! `mcpr_v05_stderr`: what mcpr 0.5 prints on its standard error, tagged `type`, times in seconds.

use crate::Decoded;
use crate::exchange::{Exchange, ExchangeAnswer};
use crate::fields::{Str, WholeNumber, parsed, seconds_to_ms, text};
use crate::format::{Fact, Format, Knows, Tagged, Tags};
use mcpr_model::{
    Channel, Event, EventBytes, Kind, RequestId, SessionState, SessionUpdate, SourceFormat,
    SurfaceContent, SurfaceUpdate, Text,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The format; see the head of this file.
pub(super) struct McprV05Stderr;

impl Format for McprV05Stderr {
    fn id(&self) -> SourceFormat {
        SourceFormat::McprV05Stderr
    }

    fn about(&self) -> &'static str {
        "what mcpr 0.5 prints"
    }

    fn knows(&self) -> Knows {
        Knows(&[
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
        &["type"]
    }

    fn claims(&self, tags: &Tags<'_>) -> bool {
        tags.is_one_of("type", &["transaction", "session", "schema"])
    }

    fn decode(&self, event: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
        match event.tags.text("type").as_ref().map(|it| &*it.0) {
            Some("transaction") => transaction(event, decoded),
            Some("session") => session(event, decoded),
            _ => schema(event, decoded),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Transaction<'a> {
    ts: WholeNumber,
    #[serde(borrow)]
    request_id: Option<Str<'a>>,
    #[serde(borrow)]
    session_id: Option<Str<'a>>,
    latency_us: WholeNumber,
    upstream_us: Option<WholeNumber>,
    #[serde(borrow)]
    request: TransactionRequest<'a>,
    #[serde(borrow)]
    // Absent where the upstream never answered.
    response: Option<TransactionResponse<'a>>,
}

#[derive(Debug, Deserialize)]
struct TransactionRequest<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    rpc: Option<&'a RawValue>,
    #[serde(borrow)]
    rpcs: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    method: Option<Str<'a>>,
    size: Option<WholeNumber>,
}

#[derive(Debug, Deserialize)]
struct TransactionResponse<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    results: Option<Vec<&'a RawValue>>,
    status: Option<WholeNumber>,
    size: Option<WholeNumber>,
}

/// Decodes a `transaction`.
fn transaction(
    Tagged { json, context, .. }: &Tagged<'_>,
    decoded: &mut Decoded,
) -> Result<(), String> {
    let event: Transaction<'_> = parsed(json)?;
    let exchange = Exchange {
        event: EventBytes::new(json.as_bytes()),
        bodies: context.bodies,
        channel: Channel::Stderr,
        // The only stream with whole seconds, which is why calls are matched with those of neighbouring
        // seconds.
        ts: seconds_to_ms(event.ts)?,
        // Nothing in the stream says which proxy prints it.
        proxy: context.proxy.into(),
        session_id: text(event.session_id.as_ref()),
        request_id: event
            .request_id
            .as_ref()
            .map(|id| RequestId::from_text(&id.0)),
        latency_us: event.latency_us,
        upstream_us: event.upstream_us,
    };
    // Made here, for what borrows it is handed on below.
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
            exchange.plain(kind, method, asked.size, reply, decoded)
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

fn answers<'a>(response: Option<&TransactionResponse<'a>>) -> Vec<&'a RawValue> {
    match response {
        Some(TransactionResponse {
            results: Some(results),
            ..
        }) => results.clone(),
        Some(TransactionResponse {
            result: Some(result),
            ..
        }) => vec![*result],
        _ => Vec::new(),
    }
}

fn reply<'a>(
    response: Option<&TransactionResponse<'_>>,
    answers: &'a [&'a RawValue],
) -> ExchangeAnswer<'a> {
    match response {
        None => ExchangeAnswer::None,
        Some(answered) => {
            let status = answered.status.map(|status| status.0);
            match &*answered.kind.0 {
                // Decided by the kind and not by what is there: an empty batch was still answered.
                "mcp" | "mcp_batch" => ExchangeAnswer::Rpc { answers, status },
                _ => ExchangeAnswer::Http {
                    status,
                    size: answered.size.map(|size| size.0),
                },
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct V05Session<'a> {
    ts: WholeNumber,
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
fn session(Tagged { json, context, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let event: V05Session<'_> = parsed(json)?;
    let ts = seconds_to_ms(event.ts)?;
    let state = state(&event.state)?;
    decoded.known += 1;
    decoded.events.push(Event::Session(SessionUpdate {
        session_id: text(Some(&event.id)).ok_or("the session id is empty")?,
        proxy: Some(context.proxy.into()),
        ts,
        // An active session may be reported again and again: its first report need not be its
        // beginning.
        started_at: None,
        // A session that is reported to be over may have been idle for long.
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
    ts: WholeNumber,
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
            // A kind of item that comes later is known to be one, and shown nowhere yet.
            _ => return None,
        };
        let item = item?.get().into();
        Some(Event::Surface(Box::new(SurfaceUpdate {
            proxy,
            method: method.into(),
            ts,
            session_id: None,
            client_name: None,
            content: SurfaceContent::Item { item },
        })))
    }
}

/// Decodes a `schema`: an item that was seen on its own.
fn schema(Tagged { json, context, .. }: &Tagged<'_>, decoded: &mut Decoded) -> Result<(), String> {
    let item: SchemaItem<'_> = parsed(json)?;
    // The cloud stream has the same item in an envelope with a time of another kind.
    let at: SchemaTime = parsed(json)?;
    decoded.known += 1;
    let ts = seconds_to_ms(at.ts)?;
    decoded.events.extend(item.event(context.proxy.into(), ts));
    Ok(())
}

/// Both streams of mcpr 0.5 write the same states in different cases.
pub(super) fn state(state: &Str<'_>) -> Result<SessionState, String> {
    if state.0.eq_ignore_ascii_case("active") {
        Ok(SessionState::Active)
    } else if state.0.eq_ignore_ascii_case("closed") {
        Ok(SessionState::Closed)
    } else {
        Err(format!("an unknown session state, `{}`", state.0))
    }
}
