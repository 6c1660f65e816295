//! A request with its answer, as both streams of mcpr 0.5 carry it: one row, or one a call of a batch.

use super::answers::Answers;
use super::fields::{WholeNumber, http_status, raw_len};
use super::parts::{AnswerPart, part};
use super::rpc::{RpcAnswer, RpcCall, http_outcome, unanswered};
use super::{Bodies, Decoded, TypedId};
use mcpr_model::{
    CallFacts, CallKey, Channel, Event, EventBytes, Kind, Outcome, Payload, Request, RequestId,
    SurfaceContent, SurfaceUpdate, Text,
};
use serde_json::value::RawValue;

/// What all rows of an exchange share.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    /// The event's own text, which the keys of its rows are taken from.
    pub(super) event: EventBytes<'a>,
    pub(super) bodies: Bodies,
    pub(super) channel: Channel,
    pub(super) ts: i64,
    pub(super) proxy: Text,
    pub(super) session_id: Option<Text>,
    pub(super) request_id: Option<RequestId>,
    pub(super) latency_us: WholeNumber,
    pub(super) upstream_us: Option<WholeNumber>,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(super) enum ExchangeAnswer<'a> {
    /// Nothing at all.
    None,
    /// JSON-RPC answers, with the HTTP status where it is known.
    Rpc {
        answers: &'a [&'a RawValue],
        status: Option<i64>,
    },
    /// An HTTP answer without JSON-RPC in it.
    Http {
        status: Option<i64>,
        size: Option<i64>,
    },
}

impl ExchangeAnswer<'_> {
    /// The HTTP status, where it is known and one.
    fn status(self) -> Option<u16> {
        match self {
            Self::Rpc { status, .. } | Self::Http { status, .. } => http_status(status?),
            Self::None => None,
        }
    }
}

impl Exchange<'_> {
    fn row(&self, kind: Kind, method: Text, index: u64) -> Request {
        let (key, proxy) = (self.event.key(index), self.proxy.clone());
        Request {
            request_id: self.request_id.clone(),
            session_id: self.session_id.clone(),
            latency_us: Some(self.latency_us.0),
            upstream_us: self.upstream_us.map(|us| us.0),
            ..Request::new(key, self.ts, proxy, kind, method)
        }
    }

    /// One row a call. A batch is paired with its answers by typed id.
    pub(super) fn calls(
        &self,
        calls: &[&RawValue],
        reply: ExchangeAnswer<'_>,
        decoded: &mut Decoded,
    ) -> Result<(), String> {
        // Everything is parsed before the first row is made: a batch is taken as a whole or called bad.
        let answers = match reply {
            ExchangeAnswer::Rpc { answers, .. } => answers
                .iter()
                .map(|raw| RpcAnswer::parse(raw).map(|answer| (answer, raw_len(raw))))
                .collect::<Result<Vec<_>, _>>()?,
            _ => Vec::new(),
        };
        let parsed = calls
            .iter()
            .map(|raw| RpcCall::parse(raw))
            .collect::<Result<Vec<_>, _>>()?;
        // Read once: each is needed for its own look-up and for that of all others.
        let ids: Vec<Option<TypedId>> = parsed.iter().map(RpcCall::typed_id).collect();
        let answers = Answers::new(answers, &ids);
        for (((index, call), raw), id) in (0..).zip(&parsed).zip(calls).zip(&ids) {
            let facts = call.facts();
            // Nobody waits for an answer to a notification: it is not a request, but it may be update.
            if call.is_notification() && call.method().starts_with("notifications/") {
                if let Some((method, content)) = call.surface(None) {
                    let row = self.row(Kind::Mcp, facts.method, index);
                    let update = surface_update(&row, method, content);
                    decoded.events.push(Event::Surface(update));
                }
                continue;
            }
            let mut row = self.row(Kind::Mcp, facts.method, index);
            // The stream gives one id to the whole exchange; in a batch each call has its own.
            row.request_id = match facts.request_id {
                None if calls.len() == 1 => self.request_id.clone(),
                content => content,
            };
            row.target = facts.target;
            row.client_name = facts.client_name;
            row.client_version = facts.client_version;
            row.trace_id = facts.trace_id.map(Box::new);
            row.http_status = reply.status();
            row.bytes_in = Some(raw_len(raw));
            let answer = match &answers.all[..] {
                // A lone call takes the lone answer, whatever its id.
                [answer] if calls.len() == 1 => Some(answer),
                _ => answers.of(id.as_ref()).filter(|_| !call.is_notification()),
            };
            row.bytes_out = answer.map(|(_, len)| *len);
            let of_answer = answer.and_then(|(answer, _)| AnswerPart::of(answer.result));
            row.part = part(
                &row.method,
                row.target.as_ref(),
                facts.follows,
                of_answer.as_ref(),
            );
            row.outcome = outcome(call, answer.map(|(answer, _)| answer), reply);
            // The two streams print the same call differently, so that its bytes cannot show a duplicate.
            row.key = row.key.with_call(self.call_key(&row, id.as_ref(), index));
            if let ExchangeAnswer::Http { size, .. } = reply {
                row.bytes_out = size;
            }
            let answer = answer.map(|(answer, _)| answer);
            let surface = call.surface(answer);
            row.surface = surface.map(|(method, content)| surface_update(&row, method, content));
            if self.bodies == Bodies::Kept {
                row.payload = payload(call, answer);
            }
            decoded.events.push(Event::Request(row));
        }
        decoded.known += 1;
        Ok(())
    }

    /// What the other stream's report of a call is recognised by.
    fn call_key(&self, row: &Request, id: Option<&TypedId>, index: u64) -> CallKey {
        // What has no id is known by its place in the batch.
        let place;
        let id = if let Some(id) = id {
            id.as_json()
        } else {
            place = format!("at {index}");
            &place
        };
        let facts = CallFacts {
            session_id: row.session_id.as_deref(),
            id,
            method: &row.method,
            target: row.target.as_ref().map_or("", |target| &target.name),
        };
        CallKey::of_call(self.channel, facts)
    }

    /// The row of traffic that is not a JSON-RPC request.
    pub(super) fn plain(
        &self,
        kind: Kind,
        method: &str,
        size: Option<WholeNumber>,
        reply: ExchangeAnswer<'_>,
        decoded: &mut Decoded,
    ) -> Result<(), String> {
        let mut row = self.row(kind, method.into(), 0);
        // Only these rows have an id that is unique; a JSON-RPC id comes again in every session.
        if let Some(id @ RequestId::Uuid(_)) = &self.request_id {
            let call = CallKey::of_unique_id(self.channel, &id.to_string());
            row.key = row.key.with_call(call);
        }
        row.bytes_in = size.map(|size| size.0);
        row.http_status = reply.status();
        match reply {
            ExchangeAnswer::None => row.outcome = unanswered(),
            ExchangeAnswer::Http { status, size } => {
                row.bytes_out = size;
                row.outcome = http_outcome(status);
            }
            ExchangeAnswer::Rpc { answers, status } => {
                row.outcome = http_outcome(status);
                for raw in answers {
                    row.bytes_out = Some(raw_len(raw));
                    if let Some(error) = RpcAnswer::parse(raw)?.error(method) {
                        row.outcome = error;
                    }
                }
            }
        }
        let ended = match reply {
            ExchangeAnswer::Http {
                status: Some(200..400),
                ..
            // The only way in which a client says that its session is over.
            } if method == "DELETE" => super::ended_by_delete(&row),
            _ => None,
        };
        decoded.known += 1;
        decoded.events.push(Event::Request(row));
        decoded.events.extend(ended);
        Ok(())
    }
}

/// What was asked in a call, and answered.
fn payload(call: &RpcCall<'_>, answer: Option<&RpcAnswer<'_>>) -> Option<Box<Payload>> {
    let answer = answer.and_then(|answer| answer.error.or(answer.result));
    Payload::of(call.params.map(RawValue::get), answer.map(RawValue::get)).map(Box::new)
}

/// What a request says of the surface: that of its proxy, in its session.
fn surface_update(request: &Request, method: Text, content: SurfaceContent) -> Box<SurfaceUpdate> {
    Box::new(SurfaceUpdate {
        proxy: request.proxy.clone(),
        method,
        ts: request.ts,
        session_id: request.session_id.clone(),
        client_name: request.client_name.clone(),
        content,
    })
}

fn outcome(
    call: &RpcCall<'_>,
    answer: Option<&RpcAnswer<'_>>,
    reply: ExchangeAnswer<'_>,
) -> Outcome {
    match (answer, reply) {
        (Some(answer), ExchangeAnswer::Rpc { status, .. }) => answer
            .error(call.method())
            // A JSON-RPC error says more than the status that carries it.
            .unwrap_or_else(|| http_outcome(status)),
        (_, ExchangeAnswer::Http { status, .. }) => http_outcome(status),
        // Nobody answers a notification.
        (None, _) if call.is_notification() => Outcome::default(),
        _ => unanswered(),
    }
}
