//! `slow`: the requests that took longest.

use super::RequestRow;
use std::cmp::Reverse;

/// Keeps the slowest of the requests it is shown.
#[derive(Debug)]
pub struct Slowest {
    limit: usize,
    rows: Vec<RequestRow>,
    /// What the last that was kept took, when it was last looked at.
    least_us: Option<i64>,
}

impl Slowest {
    /// Keeps at most `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            rows: Vec::new(),
            least_us: None,
        }
    }

    /// Looks at one more request.
    pub fn offer(&mut self, row: RequestRow) {
        self.rows.push(row);
        if self.rows.len() >= self.limit.saturating_mul(2).max(64) {
            self.cut();
        }
    }

    /// Whether one that took so long may be among them; where not, neither may a faster one.
    #[must_use]
    pub fn may_take(&self, latency_us: Option<i64>) -> bool {
        latency_us >= self.least_us
    }

    /// Slowest first; of equally slow ones the newest first.
    fn cut(&mut self) {
        self.rows
            .sort_by_key(|row| (Reverse(row.latency_us), Reverse(row.seq)));
        self.rows.truncate(self.limit);
        if let Some(last) = self.rows.get(self.limit.wrapping_sub(1)) {
            self.least_us = last.latency_us;
        }
    }

    /// Those that were slowest, in order.
    #[must_use]
    pub fn finish(mut self) -> Vec<RequestRow> {
        self.cut();
        self.rows
    }
}
