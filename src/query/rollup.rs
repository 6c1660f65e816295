//! Hourly sums of requests, kept when the requests themselves are gone.

use crate::model::time::hour_of;
use crate::model::{ErrorKind, Kind, Request, Sketch, Target, Text};

/// What one rollup is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RollupKey {
    /// Start of the hour, unix milliseconds.
    pub hour: i64,
    /// The proxy.
    pub proxy: Text,
    /// MCP, HTTP or OAuth.
    pub kind: Kind,
    /// Method or HTTP verb.
    pub method: Text,
    /// Tool, prompt or resource.
    pub target: Option<Target>,
}

/// The sums of one hour and one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupRow {
    /// What it is about.
    pub key: RollupKey,
    /// Requests.
    pub calls: u64,
    /// Errors by kind, in the order of [`ErrorKind::ALL`].
    pub errors: [u64; ErrorKind::ALL.len()],
    /// Sum of latencies, microseconds.
    pub latency_sum_us: i64,
    /// Smallest latency, microseconds.
    pub latency_min_us: i64,
    /// Largest latency, microseconds.
    pub latency_max_us: i64,
    /// The latencies' distribution.
    pub sketch: Sketch,
    /// Sum of request sizes, bytes.
    pub bytes_in: i64,
    /// Sum of answer sizes, bytes.
    pub bytes_out: i64,
}

impl RollupRow {
    /// A rollup without any request yet.
    #[must_use]
    pub fn new(key: RollupKey) -> Self {
        Self {
            key,
            calls: 0,
            errors: [0; ErrorKind::ALL.len()],
            latency_sum_us: 0,
            latency_min_us: i64::MAX,
            latency_max_us: 0,
            sketch: Sketch::default(),
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// The key of the rollup a request counts in.
    #[must_use]
    pub fn key_of(request: &Request) -> RollupKey {
        RollupKey {
            hour: hour_of(request.ts),
            proxy: request.proxy.clone(),
            kind: request.kind,
            method: request.method.clone(),
            target: request.target.clone(),
        }
    }

    /// Counts one request.
    pub fn add(&mut self, request: &Request) {
        self.calls += 1;
        if let Some(kind) = request.outcome.error_kind {
            self.errors[kind as usize] += 1;
        }
        self.latency_sum_us = self.latency_sum_us.saturating_add(request.latency_us);
        self.latency_min_us = self.latency_min_us.min(request.latency_us);
        self.latency_max_us = self.latency_max_us.max(request.latency_us);
        self.sketch.add(request.latency_us);
        self.bytes_in = self.bytes_in.saturating_add(request.bytes_in.unwrap_or(0));
        self.bytes_out = self
            .bytes_out
            .saturating_add(request.bytes_out.unwrap_or(0));
    }

    /// Adds another rollup of the same key.
    pub fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        for (mine, theirs) in self.errors.iter_mut().zip(other.errors) {
            *mine += theirs;
        }
        self.latency_sum_us = self.latency_sum_us.saturating_add(other.latency_sum_us);
        self.latency_min_us = self.latency_min_us.min(other.latency_min_us);
        self.latency_max_us = self.latency_max_us.max(other.latency_max_us);
        self.sketch.merge(&other.sketch);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
    }
}
