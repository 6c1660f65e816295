//! Durations of requests and sessions, by the labels under which they are shown.

use crate::Durations;
use crate::labels::{Clean, LabelBook, OperationLabels};
use mcpr_model::{Kind, Text};
use mcpr_store::query::RequestRow;
use std::collections::BTreeMap;

/// The durations of one series, as either side of a proxy saw them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OperationDurations {
    /// Of whole requests, as whoever called sees them.
    pub(crate) server: Durations,
    /// Of the upstream's share, where a stream reports it: there the proxy is the client.
    pub(crate) client: Durations,
}

/// All durations so far.
#[derive(Debug)]
pub struct Operations {
    labels: LabelBook,
    // In order, so that the same rows are shown as the same text.
    pub(crate) requests: BTreeMap<OperationLabels, OperationDurations>,
    pub(crate) sessions: BTreeMap<Text, Durations>,
}

impl Operations {
    /// Nothing counted yet; labels go through `clean`.
    #[must_use]
    pub fn new(clean: Clean) -> Self {
        Self {
            labels: LabelBook::new(clean),
            requests: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// Counts a stored request. What is not a request of MCP has no place in these conventions.
    pub fn add(&mut self, row: &RequestRow) {
        if row.kind != Kind::Mcp {
            return;
        }
        // A request whose duration nobody knows still makes its series appear.
        let labels = self.labels.of_request(row);
        let durations = self.requests.entry(labels).or_default();
        if let Some(latency_us) = row.latency_us {
            durations.server.add(latency_us);
        }
        if let Some(upstream_us) = row.upstream_us {
            durations.client.add(upstream_us);
        }
    }

    /// Counts a session that has ended.
    pub fn add_session(&mut self, proxy: &str, duration_us: i64) {
        // Sessions have no other label: their number has no bound, unlike that of proxies.
        let proxy = self.labels.proxy(proxy);
        self.sessions.entry(proxy).or_default().add(duration_us);
    }
}

#[cfg(test)]
pub(crate) mod tests;
