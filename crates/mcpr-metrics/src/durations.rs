//! A histogram with the buckets of the OpenTelemetry conventions for MCP.

/// Upper bounds of the buckets, microseconds; a last one takes what is longer.
pub const BOUNDS_US: [i64; 14] = [
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
];

/// How many durations fell into each bucket, and their sum.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Durations {
    counts: [u64; BOUNDS_US.len() + 1],
    sum_us: u64,
}

impl Durations {
    /// Counts one duration in microseconds. A stream may report one below 0: it counts as 0.
    pub fn add(&mut self, duration_us: i64) {
        let duration_us = duration_us.max(0);
        // A bound belongs to its own bucket: `le` is "less or equal".
        let bucket = BOUNDS_US.partition_point(|&bound| bound < duration_us);
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
        self.sum_us = self.sum_us.saturating_add(duration_us.unsigned_abs());
    }

    /// How many durations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.into_iter().fold(0, u64::saturating_add)
    }

    /// Their sum in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> f64 {
        seconds(self.sum_us)
    }

    /// Each bucket's upper bound in seconds, and how many durations it holds alone.
    #[must_use]
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS_US.map(|bound| seconds(bound.unsigned_abs()));
        // The last bucket has no bound of its own.
        let bounds = bounds.into_iter().chain([f64::INFINITY]);
        bounds.zip(self.counts).collect()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a sum of microseconds is below 2^53 for 285 years"
)]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_own_bucket() {
        let mut durations = Durations::default();
        let samples = [-5, 0, 10_000, 10_001, 300_000_000, 300_000_001, i64::MAX];
        for duration_us in samples {
            durations.add(duration_us);
        }
        let filled: Vec<_> = durations
            .buckets()
            .into_iter()
            .filter(|&(_, count)| count > 0)
            .collect();
        let expected = [(0.01, 3), (0.02, 1), (300.0, 1), (f64::INFINITY, 2)];
        assert_eq!(filled, expected);
        assert_eq!(durations.count(), 7);
    }

    #[test]
    fn bounds_are_those_of_the_conventions() {
        let bounds: Vec<f64> = Durations::default()
            .buckets()
            .iter()
            .map(|&(bound, _)| bound)
            .collect();
        let expected = [
            0.01,
            0.02,
            0.05,
            0.1,
            0.2,
            0.5,
            1.0,
            2.0,
            5.0,
            10.0,
            30.0,
            60.0,
            120.0,
            300.0,
            f64::INFINITY,
        ];
        assert_eq!(bounds, expected);
    }

    #[test]
    fn the_sum_is_in_seconds() {
        let mut durations = Durations::default();
        durations.add(1_500_000);
        durations.add(250_000);
        assert!((durations.sum_seconds() - 1.75).abs() < f64::EPSILON);
    }
}
