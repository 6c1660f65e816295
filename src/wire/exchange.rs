//! A request with its answer, as streams B and C carry it: one row, or one a call of a batch.

use super::fields::{Whole, raw_len};
use super::rpc::{Answer, Call, http_outcome, unanswered};
use super::{Bodies, Decoded};
use crate::model::{
    Event, EventKey, Kind, Outcome, Payload, Request, RequestId, Said, SurfaceNews, Text,
};
use serde_json::value::RawValue;

/// What all rows of an exchange share.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    /// The event's own text, which its key is taken from.
    pub(super) json: &'a str,
    pub(super) bodies: Bodies,
    pub(super) ts: i64,
    pub(super) proxy: Text,
    pub(super) session_id: Option<Text>,
    pub(super) request_id: Option<RequestId>,
    pub(super) latency_us: Whole,
    pub(super) upstream_us: Option<Whole>,
}

/// What came back.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reply<'a> {
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

impl Exchange<'_> {
    fn row(&self, kind: Kind, method: Text, index: u64) -> Request {
        Request {
            key: EventKey::of_bytes(self.json.as_bytes(), index),
            request_id: self.request_id.clone(),
            ts: self.ts,
            proxy: self.proxy.clone(),
            kind,
            session_id: self.session_id.clone(),
            client_name: None,
            client_version: None,
            method,
            target: None,
            latency_us: self.latency_us.0,
            upstream_us: self.upstream_us.map(|us| us.0),
            bytes_in: None,
            bytes_out: None,
            outcome: Outcome::default(),
        }
    }

    /// One row a call. A batch is paired with its answers by typed id.
    pub(super) fn calls(
        &self,
        calls: &[&RawValue],
        reply: Reply<'_>,
        decoded: &mut Decoded,
    ) -> Result<(), String> {
        let answers = match reply {
            Reply::Rpc { answers, .. } => answers
                .iter()
                .map(|raw| Answer::parse(raw).map(|answer| (answer, raw_len(raw))))
                .collect::<Result<Vec<_>, _>>()?,
            _ => Vec::new(),
        };
        let parsed = calls
            .iter()
            .map(|raw| Call::parse(raw))
            .collect::<Result<Vec<_>, _>>()?;
        for ((index, call), raw) in (0..).zip(&parsed).zip(calls) {
            let facts = call.facts();
            let mut row = self.row(Kind::Mcp, facts.method, index);
            row.request_id = match facts.request_id {
                None if calls.len() == 1 => self.request_id.clone(),
                said => said,
            };
            row.target = facts.target;
            row.client_name = facts.client_name;
            row.client_version = facts.client_version;
            row.bytes_in = Some(raw_len(raw));
            let answer = find_answer(call, &answers, calls.len() == 1);
            row.bytes_out = answer.map(|(_, len)| *len);
            row.outcome = outcome(call, answer.map(|(answer, _)| answer), reply);
            if let Reply::Http { size, .. } = reply {
                row.bytes_out = size;
            }
            let surface = call.surface(answer.map(|(answer, _)| answer));
            let surface = surface.map(|said| surface_news(&row, said));
            decoded.events.push(Event::Request(row));
            if self.bodies == Bodies::Kept {
                decoded
                    .events
                    .extend(payload(call, answer.map(|(answer, _)| answer)));
            }
            decoded.events.extend(surface);
        }
        decoded.known += 1;
        Ok(())
    }

    /// The row of traffic that is no JSON-RPC request.
    pub(super) fn plain(
        &self,
        (kind, method): (Kind, &str),
        size: Option<Whole>,
        reply: Reply<'_>,
        decoded: &mut Decoded,
    ) -> Result<(), String> {
        let mut row = self.row(kind, method.into(), 0);
        row.bytes_in = size.map(|size| size.0);
        match reply {
            Reply::None => row.outcome = unanswered(),
            Reply::Http { status, size } => {
                row.bytes_out = size;
                row.outcome = http_outcome(status);
            }
            Reply::Rpc { answers, status } => {
                row.outcome = http_outcome(status);
                for raw in answers {
                    row.bytes_out = Some(raw_len(raw));
                    if let Some(error) = Answer::parse(raw)?.error(method) {
                        row.outcome = error;
                    }
                }
            }
        }
        let ended = match reply {
            Reply::Http {
                status: Some(200..400),
                ..
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
fn payload(call: &Call<'_>, answer: Option<&Answer<'_>>) -> Option<Event> {
    let answer = answer.and_then(|answer| answer.error.or(answer.result));
    Payload::of(call.params.map(RawValue::get), answer.map(RawValue::get))
        .map(|payload| Event::Payload(Box::new(payload)))
}

/// What a request that stands before it in the batch has said of the surface.
fn surface_news(request: &Request, (method, said): (Text, Said)) -> Event {
    Event::Surface(Box::new(SurfaceNews {
        proxy: request.proxy.clone(),
        method,
        ts: request.ts,
        session_id: request.session_id.clone(),
        client_name: request.client_name.clone(),
        said,
        of_request: true,
    }))
}

/// The answer of a call: the one with its id; a lone call takes the lone answer, whatever its id;
/// an error without an id answers every call.
fn find_answer<'a, 'b>(
    call: &Call<'_>,
    answers: &'b [(Answer<'a>, i64)],
    is_lone: bool,
) -> Option<&'b (Answer<'a>, i64)> {
    if let ([answer], true) = (answers, is_lone) {
        return Some(answer);
    }
    answers
        .iter()
        .find(|(answer, _)| call.is_answered_by(answer))
        .or_else(|| answers.iter().find(|(answer, _)| answer.is_for_all()))
        .filter(|_| !call.is_notification())
}

fn outcome(call: &Call<'_>, answer: Option<&Answer<'_>>, reply: Reply<'_>) -> Outcome {
    match (answer, reply) {
        (Some(answer), Reply::Rpc { status, .. }) => answer
            .error(call.method())
            .unwrap_or_else(|| http_outcome(status)),
        (_, Reply::Http { status, .. }) => http_outcome(status),
        (None, _) if call.is_notification() => Outcome::default(),
        _ => unanswered(),
    }
}
