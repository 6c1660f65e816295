//! What a store still knows of requests that are gone: their hourly sums and the counters of their sessions.

use crate::query::SessionRow;
use crate::{RollupRow, SessionState};

/// What one store hands to another beside the requests themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remains {
    /// Hourly sums as they stand, of requests that are there and of those that are gone.
    pub sums: Vec<RollupRow>,
    /// Sessions with their times and counters, each of which may have lost its requests.
    pub sessions: Vec<SessionRow>,
}

impl Remains {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sums.is_empty() && self.sessions.is_empty()
    }
}

impl SessionState {
    /// Takes over what another store says of the same session: nothing gets less by it.
    #[must_use]
    pub fn raised_to(self, row: &SessionRow) -> Self {
        Self {
            started_at: self.started_at.min(row.started_at),
            last_seen_at: self.last_seen_at.max(row.last_seen_at),
            ended_at: self.ended_at.max(row.ended_at),
            // Not their sum: what both count is mostly the same requests.
            total_calls: self.total_calls.max(row.total_calls),
            total_errors: self.total_errors.max(row.total_errors),
            has_client_name: self.has_client_name || row.client_name.is_some(),
        }
    }
}
