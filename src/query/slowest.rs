//! `slow`: the requests that took longest.

use super::RequestRow;
use std::cmp::Reverse;

/// Keeps the slowest of the requests it is shown.
#[derive(Debug)]
pub struct Slowest {
    limit: usize,
    rows: Vec<RequestRow>,
}

impl Slowest {
    /// Keeps at most `limit`.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            rows: Vec::new(),
        }
    }

    /// Looks at one more request.
    pub fn offer(&mut self, row: RequestRow) {
        self.rows.push(row);
        if self.rows.len() >= self.limit.saturating_mul(2).max(1024) {
            self.cut();
        }
    }

    /// Slowest first; of equally slow ones the newest first.
    fn cut(&mut self) {
        self.rows
            .sort_by_key(|row| (Reverse(row.latency_us), Reverse(row.seq)));
        self.rows.truncate(self.limit);
    }

    /// Those that were slowest, in order.
    #[must_use]
    pub fn finish(mut self) -> Vec<RequestRow> {
        self.cut();
        self.rows
    }
}
