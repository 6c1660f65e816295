//! Sums over requests: how many, how they ended, how long they took, when.

use super::{RequestRow, RollupRow};
use crate::model::{ErrorKind, Sketch};

/// Equal pieces of time, side by side, that calls are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// Start of the first, unix milliseconds.
    pub start: i64,
    /// Length of each, milliseconds; positive.
    pub width_ms: i64,
    /// How many there are.
    pub count: usize,
}

impl Buckets {
    /// The bucket of a time; what lies before the first or after the last is counted in those.
    #[must_use]
    pub fn of(&self, ts: i64) -> Option<usize> {
        let last = self.count.checked_sub(1)?;
        let index = ts.saturating_sub(self.start).div_euclid(self.width_ms);
        Some(usize::try_from(index).unwrap_or(0).min(last))
    }
}

/// How latencies are remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Latencies {
    /// As a sketch: any quantile within one percent.
    Sketch(Sketch),
    /// Each of them, microseconds: any quantile as it is.
    Exact(Vec<i64>),
}

impl Latencies {
    /// Nothing yet, remembered in the same way.
    fn like(&self) -> Self {
        match self {
            Self::Sketch(_) => Self::Sketch(Sketch::default()),
            Self::Exact(_) => Self::Exact(Vec::new()),
        }
    }

    fn add(&mut self, latency_us: i64) {
        match self {
            Self::Sketch(sketch) => sketch.add(latency_us),
            Self::Exact(values) => values.push(latency_us),
        }
    }

    /// The latency that a share `q` (0 to 1) of all is at most as long as, microseconds: the nearest
    /// rank. `None` where there is none.
    pub fn quantile(&mut self, q: f64) -> Option<i64> {
        match self {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a quantile lies between two latencies"
            )]
            Self::Sketch(sketch) => sketch.quantile(q).map(|us| us.round() as i64),
            Self::Exact(values) => {
                let last = values.len().checked_sub(1)?;
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a count of rows is far below 2^52"
                )]
                let rank = (q * values.len() as f64).ceil() as usize;
                let at = rank.saturating_sub(1).min(last);
                Some(*values.select_nth_unstable(at).1)
            }
        }
    }
}

/// Sums over some requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Requests.
    pub calls: u64,
    /// Errors by kind, in the order of [`ErrorKind::ALL`].
    pub errors: [u64; ErrorKind::ALL.len()],
    /// Shortest and longest latency, microseconds; `None` where none is known.
    pub latency_range_us: Option<(i64, i64)>,
    /// The latencies' distribution.
    pub latencies: Latencies,
    /// Sum of request sizes, bytes.
    pub bytes_in: i64,
    /// Sum of answer sizes, bytes.
    pub bytes_out: i64,
    /// Requests by bucket of time.
    pub calls_by_bucket: Vec<u64>,
}

/// What a tally needs to know of one request.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// Unix milliseconds.
    pub ts: i64,
    /// Microseconds, where known.
    pub latency_us: Option<i64>,
    /// How it failed, if it did.
    pub error_kind: Option<ErrorKind>,
    /// Bytes, where known.
    pub bytes_in: Option<i64>,
    /// Bytes, where known.
    pub bytes_out: Option<i64>,
}

impl From<&RequestRow> for Counted {
    fn from(row: &RequestRow) -> Self {
        Self {
            ts: row.ts,
            latency_us: row.latency_us,
            error_kind: row.error_kind,
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
        }
    }
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(latencies: &Latencies, buckets: Buckets) -> Self {
        Self {
            calls: 0,
            errors: [0; ErrorKind::ALL.len()],
            latency_range_us: None,
            latencies: latencies.like(),
            bytes_in: 0,
            bytes_out: 0,
            calls_by_bucket: vec![0; buckets.count],
        }
    }

    /// Requests that did not end `ok`.
    #[must_use]
    pub fn total_errors(&self) -> u64 {
        self.errors.into_iter().fold(0, u64::saturating_add)
    }

    fn widen(&mut self, low: i64, high: i64) {
        let (least, most) = self.latency_range_us.unwrap_or((low, high));
        self.latency_range_us = Some((least.min(low), most.max(high)));
    }

    fn bucket(&mut self, buckets: Buckets, ts: i64, calls: u64) {
        if let Some(at) = buckets.of(ts) {
            self.calls_by_bucket[at] = self.calls_by_bucket[at].saturating_add(calls);
        }
    }

    /// Counts one request.
    pub fn add(&mut self, request: Counted, buckets: Buckets) {
        self.calls += 1;
        if let Some(kind) = request.error_kind {
            self.errors[kind as usize] += 1;
        }
        if let Some(latency_us) = request.latency_us {
            self.widen(latency_us, latency_us);
            self.latencies.add(latency_us);
        }
        self.bytes_in = self.bytes_in.saturating_add(request.bytes_in.unwrap_or(0));
        self.bytes_out = self
            .bytes_out
            .saturating_add(request.bytes_out.unwrap_or(0));
        self.bucket(buckets, request.ts, 1);
    }

    /// Counts the requests of an hour. Only a sketch can take them: exact latencies are gone.
    pub fn add_hour(&mut self, rollup: &RollupRow, buckets: Buckets) {
        self.calls = self.calls.saturating_add(rollup.calls);
        for (mine, theirs) in self.errors.iter_mut().zip(rollup.errors) {
            *mine = mine.saturating_add(theirs);
        }
        if let Latencies::Sketch(sketch) = &mut self.latencies {
            sketch.merge(&rollup.sketch);
        }
        if rollup.sketch.count() > 0 {
            self.widen(rollup.latency_min_us, rollup.latency_max_us);
        }
        self.bytes_in = self.bytes_in.saturating_add(rollup.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(rollup.bytes_out);
        self.bucket(buckets, rollup.key.hour, rollup.calls);
    }

    /// Adds another tally over the same buckets.
    pub fn merge(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        for (mine, theirs) in self.errors.iter_mut().zip(other.errors) {
            *mine = mine.saturating_add(theirs);
        }
        match (&mut self.latencies, other.latencies) {
            (Latencies::Sketch(mine), Latencies::Sketch(theirs)) => mine.merge(&theirs),
            (Latencies::Exact(mine), Latencies::Exact(theirs)) => mine.extend(theirs),
            _ => debug_assert!(false, "tallies of one question remember alike"),
        }
        if let Some((low, high)) = other.latency_range_us {
            self.widen(low, high);
        }
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        for (mine, theirs) in self.calls_by_bucket.iter_mut().zip(other.calls_by_bucket) {
            *mine = mine.saturating_add(theirs);
        }
    }
}
