//! Sums over requests: how many, how they ended, how long they took, when.

use super::{RequestRow, RollupRow};
use mcpr_model::time::{HOUR_MS, hour_of};
use mcpr_model::{ErrorKind, Sketch};
use std::collections::BTreeMap;

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
    /// A window in at most so many equal pieces: of whole hours, unless it is so short that no hour fits
    /// in.
    #[must_use]
    pub fn dividing(start: i64, end: i64, most: usize) -> Self {
        let pieces = i64::try_from(most).unwrap_or(1).max(1);
        let ceil = |length: i64, unit: i64| length / unit + i64::from(length % unit > 0);
        let first_hour = hour_of(start.saturating_add(HOUR_MS - 1));
        // Of an hour that is known as a sum only, no piece can be shorter.
        let (start, unit) = if first_hour.saturating_add(HOUR_MS) <= end {
            (hour_of(start), HOUR_MS)
        } else {
            (start, 1)
        };
        let length = end.saturating_sub(start).max(1);
        let width_ms = ceil(ceil(length, pieces), unit).saturating_mul(unit).max(1);
        Self {
            start,
            width_ms,
            count: usize::try_from(ceil(length, width_ms)).unwrap_or(most),
        }
    }

    /// Where the last of them ends, unix milliseconds.
    #[must_use]
    pub fn end(&self) -> i64 {
        let length = i64::try_from(self.count).unwrap_or(i64::MAX);
        self.start
            .saturating_add(length.saturating_mul(self.width_ms))
    }

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
    /// How often each was, by microseconds: any quantile as it is.
    Exact(BTreeMap<i64, u64>),
}

impl Latencies {
    /// Nothing yet, remembered in the same way.
    fn like(&self) -> Self {
        match self {
            Self::Sketch(_) => Self::Sketch(Sketch::default()),
            Self::Exact(_) => Self::Exact(BTreeMap::new()),
        }
    }

    fn add(&mut self, latency_us: i64) {
        match self {
            Self::Sketch(sketch) => sketch.add(latency_us),
            Self::Exact(values) => *values.entry(latency_us).or_default() += 1,
        }
    }

    /// The latency that a share `q` (0 to 1) of all is at most as long as, microseconds: the nearest
    /// rank. `None` where there is none.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<i64> {
        match self {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a quantile lies between two latencies"
            )]
            Self::Sketch(sketch) => sketch.quantile(q).map(|us| us.round() as i64),
            Self::Exact(values) => {
                let count = values.values().copied().fold(0, u64::saturating_add);
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a count of rows is far below 2^52"
                )]
                // A `q` of 0 means the smallest, which has rank 1.
                let rank = ((q * count as f64).ceil() as u64).clamp(1, count.max(1));
                let mut seen = 0_u64;
                let at_rank = values.iter().find(|&(_, &count)| {
                    seen = count.saturating_add(seen);
                    seen >= rank
                });
                at_rank.map(|(&latency_us, _)| latency_us)
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
    /// Sum of the latencies that are known, microseconds.
    pub total_us: i64,
    /// Sum of request sizes, bytes.
    pub bytes_in: i64,
    /// Sum of answer sizes, bytes.
    pub bytes_out: i64,
    /// Requests by bucket of time.
    pub calls_by_bucket: Vec<u64>,
    /// Requests of hours that the window cuts, of which only the hour's sum is left; not in `calls`.
    pub unplaced: u64,
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
            total_us: 0,
            bytes_in: 0,
            bytes_out: 0,
            calls_by_bucket: vec![0; buckets.count],
            unplaced: 0,
        }
    }

    /// Requests that are known to have failed.
    #[must_use]
    pub fn total_errors(&self) -> u64 {
        let counts = ErrorKind::FAILURES.map(|kind| self.errors[kind.index()]);
        counts.into_iter().fold(0, u64::saturating_add)
    }

    /// Requests whose end was seen, well or not: what a rate of errors is a share of.
    #[must_use]
    pub fn seen_calls(&self) -> u64 {
        self.calls
            .saturating_sub(self.errors[ErrorKind::Unseen.index()])
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
        self.calls = self.calls.saturating_add(1);
        if let Some(kind) = request.error_kind {
            let errors = &mut self.errors[kind.index()];
            *errors = errors.saturating_add(1);
        }
        if let Some(latency_us) = request.latency_us {
            self.widen(latency_us, latency_us);
            self.latencies.add(latency_us);
            self.total_us = self.total_us.saturating_add(latency_us);
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
        self.total_us = self.total_us.saturating_add(rollup.latency_sum_us);
        // Where no latency is known, the rollup's bounds are those of nothing: `i64::MAX` and 0.
        if rollup.sketch.count() > 0 {
            self.widen(rollup.latency_min_us, rollup.latency_max_us);
        }
        self.bytes_in = self.bytes_in.saturating_add(rollup.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(rollup.bytes_out);
        // When within the hour is not known any more: all of them count where it begins.
        self.bucket(buckets, rollup.key.hour, rollup.calls);
    }

    /// Adds another tally over the same buckets.
    pub fn merge(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.unplaced = self.unplaced.saturating_add(other.unplaced);
        for (mine, theirs) in self.errors.iter_mut().zip(other.errors) {
            *mine = mine.saturating_add(theirs);
        }
        match (&mut self.latencies, other.latencies) {
            (Latencies::Sketch(mine), Latencies::Sketch(theirs)) => mine.merge(&theirs),
            (Latencies::Exact(mine), Latencies::Exact(theirs)) => {
                for (latency_us, count) in theirs {
                    *mine.entry(latency_us).or_default() += count;
                }
            }
            _ => debug_assert!(false, "tallies of one question remember alike"),
        }
        if let Some((low, high)) = other.latency_range_us {
            self.widen(low, high);
        }
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        for (mine, theirs) in self.calls_by_bucket.iter_mut().zip(other.calls_by_bucket) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_divided_into_whole_hours_where_one_fits() {
        let hours = |count: i64| count * HOUR_MS;
        let cases = [
            ((0, hours(24), 24), (0, hours(1), 24)),
            ((1, hours(24) + 1, 24), (0, hours(2), 13)),
            ((0, hours(240), 24), (0, hours(10), 24)),
            ((0, hours(24), 12), (0, hours(2), 12)),
            ((5, 5 + hours(1), 12), (5, hours(1) / 12, 12)),
            ((7, 7, 24), (7, 1, 1)),
        ];
        for ((start, end, most), (first, width_ms, count)) in cases {
            let expected = Buckets {
                start: first,
                width_ms,
                count,
            };
            let divided = Buckets::dividing(start, end, most);
            assert_eq!(divided, expected, "{start} {end} {most}");
        }
    }
}
