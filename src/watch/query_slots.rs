//! The screen leaves its queries here and a worker takes them. Each kind of query has one slot, and a later
//! query replaces an earlier one: nothing piles up however long the store takes to answer.

use super::queries::{
    EndedQuery, FailureQuery, OutputsQuery, RecheckQuery, RowsQuery, SessionsQuery, ToolsQuery,
};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Queries for the lists.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ListQueries {
    pub(super) older: Option<RowsQuery>,
    pub(super) newer: Option<RowsQuery>,
    pub(super) failure: Option<FailureQuery>,
    pub(super) recheck: Option<RecheckQuery>,
    pub(super) whole: Option<i64>,
    pub(super) ended: Option<EndedQuery>,
    pub(super) sessions: Option<SessionsQuery>,
    /// What servers wrote, of the proxies that are shown.
    pub(super) outputs: Option<OutputsQuery>,
}

impl ListQueries {
    /// Puts these queries into the slots; a slot without a new query keeps what it holds.
    pub(super) fn into_slots(self, slots: &mut Self) {
        slots.older = self.older.or(slots.older.take());
        slots.newer = self.newer.or(slots.newer.take());
        slots.failure = self.failure.or(slots.failure.take());
        slots.recheck = self.recheck.or(slots.recheck.take());
        slots.whole = self.whole.or(slots.whole.take());
        slots.ended = self.ended.or(slots.ended.take());
        slots.sessions = self.sessions.or(slots.sessions.take());
        slots.outputs = self.outputs.or(slots.outputs.take());
    }
}

/// Queries for the sums.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SumQueries {
    pub(super) tools: Option<ToolsQuery>,
    pub(super) changes: bool,
}

#[derive(Debug, Default)]
struct Slots<W> {
    queries: W,
    closed: bool,
}

/// The slots that two threads share.
#[derive(Debug, Default)]
pub(super) struct QuerySlots<W>(Arc<(Mutex<Slots<W>>, Condvar)>);

impl<W> Clone for QuerySlots<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Default + PartialEq> QuerySlots<W> {
    fn lock(&self) -> MutexGuard<'_, Slots<W>> {
        // The slots are whole whatever happened to a thread that held them.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves queries for the worker.
    pub(super) fn put(&self, put: impl FnOnce(&mut W)) {
        put(&mut self.lock().queries);
        self.0.1.notify_all();
    }

    /// Ends the worker at its next look.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.1.notify_all();
    }

    /// Takes the queries, after waiting for some at most so long; `None` once the slots are closed.
    pub(super) fn take(&self, wait: Duration) -> Option<W> {
        let mut slots = self.lock();
        if !slots.closed && slots.queries == W::default() && !wait.is_zero() {
            let waited = self.0.1.wait_timeout(slots, wait);
            slots = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        (!slots.closed).then(|| std::mem::take(&mut slots.queries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_query_replaces_an_earlier_one() {
        let slots = QuerySlots::<ListQueries>::default();
        slots.put(|queries| queries.whole = Some(1));
        slots.put(|queries| queries.whole = Some(2));
        let queries = slots.take(Duration::ZERO).expect("the slots are open");
        assert_eq!(queries.whole, Some(2));
        assert_eq!(slots.take(Duration::ZERO), Some(ListQueries::default()));
        slots.close();
        assert_eq!(slots.take(Duration::ZERO), None);
    }
}
