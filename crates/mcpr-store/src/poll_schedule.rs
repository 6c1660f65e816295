//! Waiting for news by asking again and again, for backends that are told of none or of hints only.

use crate::query::Head;
use crate::{StoreError, StoreErrorKind};
use std::time::{Duration, Instant};

/// How often a store is asked when nothing is heard of it.
const INTERVAL: Duration = Duration::from_millis(100);
/// How soon it is asked again after something was heard: a log is written before it is committed.
const FIRST_INTERVAL: Duration = Duration::from_millis(1);

/// How often a store is asked where it stands: seldom, and often after a hint.
///
/// ```
/// use mcpr_store::{PollSchedule, query::{Cursor, Head}};
/// use std::time::Duration;
///
/// let head = |seq| Head { store_id: 1, cursor: Cursor::from_seq(seq), version: seq };
/// let mut seqs = [7, 7, 8].into_iter();
/// let found = PollSchedule::default().watch(
///     head(7),
///     Duration::from_secs(60),
///     &mut |_| true,
///     &mut || Ok(head(seqs.next().expect("asked until it is another"))),
/// );
/// assert_eq!(found.expect("no failure"), head(8));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PollSchedule {
    interval: Duration,
}

impl Default for PollSchedule {
    fn default() -> Self {
        let interval = INTERVAL;
        Self { interval }
    }
}

impl PollSchedule {
    /// Asks where the store stands until that is not `seen` any more, or the time is over.
    ///
    /// `wait` waits for so long or until there is a hint, and says whether there was one.
    ///
    /// # Errors
    /// When asking fails.
    pub fn watch(
        &mut self,
        seen: Head,
        timeout: Duration,
        wait: &mut dyn FnMut(Duration) -> bool,
        ask: &mut dyn FnMut() -> Result<Head, StoreError>,
    ) -> Result<Head, StoreError> {
        // A time that the clock cannot express is never reached.
        let end = Instant::now().checked_add(timeout);
        loop {
            let head = ask()?;
            let left = end.map_or(INTERVAL, |end| {
                end.saturating_duration_since(Instant::now())
            });
            if head != seen || left.is_zero() {
                return Ok(head);
            }
            self.interval = if wait(self.interval.min(left)) {
                FIRST_INTERVAL
            } else {
                (self.interval * 2).min(INTERVAL)
            };
        }
    }
}

/// The error of a store whose place another one has taken, or nothing.
#[must_use]
pub fn replaced() -> StoreError {
    StoreError::new(
        StoreErrorKind::Gone,
        "the store is not at its place any more",
    )
}
