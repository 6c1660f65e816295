//! From a request that waits to its row.

use super::calls::{WaitingRequest, shown_id};
use super::{Moment, Pairing};
use mcpr_model::{Body, Kind, OperationPart, Payload, Request};
use mcpr_wire::Direction;

impl Pairing {
    /// The row of a request, which is over at a moment; how it ended is added later.
    pub(super) fn row(
        &self,
        direction: Direction,
        waiting: WaitingRequest,
        until: Moment,
    ) -> Request {
        let key = self.key_of(&waiting);
        let WaitingRequest { asked, moment, .. } = waiting;
        // Several connections may serve one client, and one connection several.
        let is_stateless = asked.stateless.is_some();
        let is_of_none = self.is_connection && is_stateless;
        // Each request of a protocol without sessions says who asks, or nobody is known to: what an `initialize`
        // of the same program has stated is of its session.
        let is_from_client = direction == Direction::ToServer && !is_stateless;
        let from_client = self.client.clone().filter(|_| is_from_client);
        let (client_name, client_version) = match (asked.client_name, from_client) {
            (None, Some((name, version))) => (Some(name), version),
            (stated, _) => (stated, asked.client_version),
        };
        // Times of a log may go back, and no call takes less than nothing.
        let latency = until.at.saturating_duration_since(moment.at);
        let proxy = self.proxy.clone();
        Request {
            session_id: self.session_id.clone().filter(|_| !is_of_none),
            request_id: (!asked.is_from_sentence).then(|| shown_id(direction, asked.request_id)),
            client_name,
            client_version,
            target: asked.target,
            latency_us: Some(i64::try_from(latency.as_micros()).unwrap_or(i64::MAX)),
            format: self.format,
            bytes_in: (!asked.is_from_sentence).then_some(asked.bytes),
            trace_id: asked.trace_id.map(Box::new),
            part: asked.follows.map(OperationPart::following).map(Box::new),
            ..Request::new(key, moment.ts, proxy, Kind::Mcp, asked.method)
        }
    }
}

/// What is kept of bodies, if any is.
pub(super) fn payload(params: Option<Body>, answer: Option<Body>) -> Option<Box<Payload>> {
    (params.is_some() || answer.is_some()).then(|| Box::new(Payload { params, answer }))
}
