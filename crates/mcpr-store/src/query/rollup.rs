//! Hourly sums of requests, kept when the requests themselves are gone.

use crate::query::RequestRow;
use mcpr_model::time::hour_of;
use mcpr_model::{ErrorKind, EventKey, Kind, Request, Sketch, Target, TargetKind, Text};

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

impl RollupKey {
    /// Sums of an hour over whatever there was.
    #[must_use]
    pub fn of_hour(hour: i64) -> Self {
        Self {
            hour,
            proxy: Text::default(),
            kind: Kind::Mcp,
            method: Text::default(),
            target: None,
        }
    }

    /// A request that counts in the sums: what it calls is found by it.
    #[must_use]
    pub fn request(&self) -> Request {
        Request {
            target: self.target.clone(),
            ..Request::new(
                EventKey::of_id(""),
                self.hour,
                self.proxy.clone(),
                self.kind,
                self.method.clone(),
            )
        }
    }
}

/// What the sums of an hour change by when a request that counts in them becomes another one. Its hour
/// and its latency stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RollupChange {
    /// Errors by kind, in the order of [`ErrorKind::ALL`].
    pub errors: [i64; ErrorKind::ALL.len()],
    /// Sum of request sizes, bytes.
    pub bytes_in: i64,
    /// Sum of answer sizes, bytes.
    pub bytes_out: i64,
}

impl RollupChange {
    /// The change from one to the other.
    #[must_use]
    pub fn between(before: &Request, after: &Request) -> Self {
        let change = |before: Option<i64>, after: Option<i64>| {
            after.unwrap_or(0).saturating_sub(before.unwrap_or(0))
        };
        let mut errors = [0; ErrorKind::ALL.len()];
        for (request, count) in [(before, -1), (after, 1)] {
            if let Some(kind) = request.outcome.error_kind {
                errors[kind.index()] += count;
            }
        }
        Self {
            errors,
            bytes_in: change(before.bytes_in, after.bytes_in),
            bytes_out: change(before.bytes_out, after.bytes_out),
        }
    }
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
    /// Sum of the known latencies, microseconds; the sketch says how many they are.
    pub latency_sum_us: i64,
    /// Smallest latency, microseconds; `i64::MAX` while none is known.
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

    /// The key of the rollup a listed request counts in.
    #[must_use]
    pub fn key_of_row(row: &RequestRow) -> RollupKey {
        let named = [
            (TargetKind::Tool, &row.tool),
            (TargetKind::Prompt, &row.prompt_name),
            (TargetKind::Resource, &row.resource_uri),
        ];
        RollupKey {
            hour: hour_of(row.ts),
            proxy: row.proxy.as_str().into(),
            kind: row.kind,
            method: row.method.as_str().into(),
            target: named.into_iter().find_map(|(kind, name)| {
                let name = name.as_deref()?.into();
                Some(Target { kind, name })
            }),
        }
    }

    /// Changes what a request counts for that was added before.
    pub fn amend(&mut self, change: &RollupChange) {
        self.bytes_in = self.bytes_in.saturating_add(change.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(change.bytes_out);
        for (errors, change) in self.errors.iter_mut().zip(change.errors) {
            *errors = errors.saturating_add_signed(change);
        }
    }

    /// Counts one request.
    pub fn add(&mut self, request: &Request) {
        self.count(request.outcome.error_kind, request.latency_us);
        self.weigh(request.bytes_in, request.bytes_out);
    }

    /// Counts one listed request. An unknown latency counts in nothing but the calls.
    pub fn add_row(&mut self, row: &RequestRow) {
        self.count(row.error_kind, row.latency_us);
        self.weigh(row.bytes_in, row.bytes_out);
    }

    fn count(&mut self, error_kind: Option<ErrorKind>, latency_us: Option<i64>) {
        self.calls = self.calls.saturating_add(1);
        if let Some(kind) = error_kind {
            let errors = &mut self.errors[kind.index()];
            *errors = errors.saturating_add(1);
        }
        if let Some(latency_us) = latency_us {
            self.latency_sum_us = self.latency_sum_us.saturating_add(latency_us);
            self.latency_min_us = self.latency_min_us.min(latency_us);
            self.latency_max_us = self.latency_max_us.max(latency_us);
            self.sketch.add(latency_us);
        }
    }

    fn weigh(&mut self, bytes_in: Option<i64>, bytes_out: Option<i64>) {
        self.bytes_in = self.bytes_in.saturating_add(bytes_in.unwrap_or(0));
        self.bytes_out = self.bytes_out.saturating_add(bytes_out.unwrap_or(0));
    }

    /// Requests whose latency nobody knows.
    #[must_use]
    pub fn untimed(&self) -> u64 {
        self.calls.saturating_sub(self.sketch.count())
    }

    /// Puts rollups into the order in which readers give them.
    pub fn sort(rows: &mut [Self]) {
        rows.sort_by_cached_key(|row| {
            let key = row.key.clone();
            let target = key.target.map(|target| (target.kind, target.name));
            (key.hour, key.proxy, key.kind, key.method, target)
        });
    }

    /// Adds another rollup of the same key.
    pub fn merge(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        for (mine, theirs) in self.errors.iter_mut().zip(other.errors) {
            *mine = mine.saturating_add(theirs);
        }
        self.latency_sum_us = self.latency_sum_us.saturating_add(other.latency_sum_us);
        self.latency_min_us = self.latency_min_us.min(other.latency_min_us);
        self.latency_max_us = self.latency_max_us.max(other.latency_max_us);
        self.sketch.merge(&other.sketch);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
    }
}
