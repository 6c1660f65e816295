//! Where the screen leaves what it wants and a worker takes it. Each want has one slot, and a later one
//! takes the place of an earlier one: so nothing piles up however long the store takes to answer.

use super::ask::{FailureAsk, RecheckAsk, RowsAsk, SessionsAsk, ToolsAsk};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is wanted of the lists.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ListWants {
    pub(super) older: Option<RowsAsk>,
    pub(super) newer: Option<RowsAsk>,
    pub(super) failure: Option<FailureAsk>,
    pub(super) recheck: Option<RecheckAsk>,
    pub(super) whole: Option<i64>,
    pub(super) sessions: Option<SessionsAsk>,
}

impl ListWants {
    /// Puts what is wanted into the slots; what is not, leaves what they hold.
    pub(super) fn into_slots(self, slots: &mut Self) {
        slots.older = self.older.or(slots.older.take());
        slots.newer = self.newer.or(slots.newer.take());
        slots.failure = self.failure.or(slots.failure.take());
        slots.recheck = self.recheck.or(slots.recheck.take());
        slots.whole = self.whole.or(slots.whole.take());
        slots.sessions = self.sessions.or(slots.sessions.take());
    }
}

/// What is wanted of the sums.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SumWants {
    pub(super) tools: Option<ToolsAsk>,
    pub(super) changes: bool,
}

#[derive(Debug, Default)]
struct Slots<W> {
    wants: W,
    closed: bool,
}

/// The slots that two threads share.
#[derive(Debug, Default)]
pub(super) struct Desk<W>(Arc<(Mutex<Slots<W>>, Condvar)>);

impl<W> Clone for Desk<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Default + PartialEq> Desk<W> {
    fn lock(&self) -> MutexGuard<'_, Slots<W>> {
        // The slots are whole whatever happened to a thread that held them.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a want.
    pub(super) fn want(&self, put: impl FnOnce(&mut W)) {
        put(&mut self.lock().wants);
        self.0.1.notify_all();
    }

    /// Ends the worker at its next look.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.1.notify_all();
    }

    /// Takes what is wanted, after waiting for it at most so long; `None` once the desk is closed.
    pub(super) fn take(&self, wait: Duration) -> Option<W> {
        let mut slots = self.lock();
        if !slots.closed && slots.wants == W::default() && !wait.is_zero() {
            let waited = self.0.1.wait_timeout(slots, wait);
            slots = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        (!slots.closed).then(|| std::mem::take(&mut slots.wants))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_want_takes_the_place_of_an_earlier_one() {
        let desk = Desk::<ListWants>::default();
        desk.want(|wants| wants.whole = Some(1));
        desk.want(|wants| wants.whole = Some(2));
        let wants = desk.take(Duration::ZERO).expect("the desk is open");
        assert_eq!(wants.whole, Some(2));
        assert_eq!(desk.take(Duration::ZERO), Some(ListWants::default()));
        desk.close();
        assert_eq!(desk.take(Duration::ZERO), None);
    }
}
