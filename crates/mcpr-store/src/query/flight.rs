//! Requests in flight: seen by whoever records them, and not answered yet.

use super::{Filter, RequestRow};
use mcpr_model::{Body, Payload, Request, opens_stream};

/// Most requests in flight that a store keeps of one writer; those beyond it are recorded when they end, as all
/// are.
pub const MAX_OPEN_REQUESTS: usize = 1000;

/// How a request in flight is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flight {
    /// Whoever saw it waits for its answer.
    Pending,
    /// Whoever saw it is gone: nobody knows how it ended.
    Unknown,
    /// A stream of notifications, open until its client closes it: nobody waits for its answer.
    Open,
}

impl Flight {
    /// The word used in every output, in the place of a status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Open => "open",
        }
    }
}

/// One request in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRow {
    /// What it is known by until it has a number.
    pub key: i64,
    /// The request: without a number, a duration or an outcome, and with [`RequestRow::flight`] set.
    pub row: RequestRow,
    /// What was asked, where that is kept.
    pub params: Option<Body>,
}

impl OpenRow {
    /// A request in flight, without the client that its session names.
    #[must_use]
    pub fn of_request(request: &Request, flight: Flight) -> Self {
        let mut row = RequestRow::of_request(0, request);
        row.latency_us = None;
        row.session.clone_from(&row.session_id);
        let is_stream = flight == Flight::Pending && opens_stream(&row.method);
        row.flight = Some(if is_stream { Flight::Open } else { flight });
        let payload = request.payload.as_deref();
        Self {
            key: request.key.hash.cast_signed(),
            row,
            params: payload.and_then(|payload| payload.params.clone()),
        }
    }

    /// What is known of its payload: there is no answer in it.
    #[must_use]
    pub fn payload(&self) -> Option<Payload> {
        let params = self.params.clone();
        // Without anything kept there is no payload, as with a row.
        params.map(|params| Payload {
            params: Some(params),
            answer: None,
        })
    }

    /// Holds some to a filter, and puts them in order of time.
    #[must_use]
    pub fn listed(mut rows: Vec<Self>, filter: &Filter) -> Vec<Self> {
        rows.retain(|open| filter.matches(&open.row, open.payload().as_ref()));
        rows.sort_by(|a, b| a.place().cmp(&b.place()));
        rows
    }

    /// Two of one moment stand in the same order at each look: as a client counts its requests, where it does.
    fn place(&self) -> (i64, &str, Option<i64>, i64) {
        let number = self.row.request_id.as_deref();
        let number = number.and_then(|id| id.parse().ok());
        (self.row.ts, &self.row.proxy, number, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_open_and_waits_for_nothing() {
        let flight = |method: &str, flight| {
            let key = mcpr_model::EventKey::of_id("1");
            let kind = mcpr_model::Kind::Mcp;
            let request = Request::new(key, 0, "p".into(), kind, method.into());
            OpenRow::of_request(&request, flight).row.flight
        };
        let listen = "subscriptions/listen";
        assert_eq!(flight(listen, Flight::Pending), Some(Flight::Open));
        assert_eq!(flight(listen, Flight::Unknown), Some(Flight::Unknown));
        assert_eq!(flight("ping", Flight::Pending), Some(Flight::Pending));
    }

    #[test]
    fn requests_of_one_moment_are_listed_as_their_client_counted_them() {
        let open = |key: i64, id: &str| OpenRow {
            key,
            row: RequestRow {
                request_id: Some(id.to_owned()),
                ..RequestRow::default()
            },
            params: None,
        };
        let rows = vec![open(1, "10"), open(2, "9"), open(3, "b"), open(4, "2")];
        let listed = OpenRow::listed(rows, &Filter::default());
        let ids = listed
            .iter()
            .filter_map(|open| open.row.request_id.as_deref());
        assert_eq!(ids.collect::<Vec<_>>(), ["b", "2", "9", "10"]);
    }
}
