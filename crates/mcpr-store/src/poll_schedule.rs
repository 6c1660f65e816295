//! Waiting for news by asking again and again, for backends that give no notice, or hints only.

use crate::query::Head;
use crate::{StoreError, StoreErrorKind};
use std::time::{Duration, Instant};

/// How often a store is asked when nothing is heard of it.
const INTERVAL: Duration = Duration::from_millis(100);
/// How soon it is asked again after something was heard: a log is written before it is committed.
const FIRST_INTERVAL: Duration = Duration::from_millis(1);
/// The same of a server, which reports nothing: more often, since half of this is how late a lone line is in the mean.
const SERVER_INTERVAL: Duration = Duration::from_millis(40);
/// How soon a server is asked again after it had news: where one line came, others follow.
const SERVER_FIRST_INTERVAL: Duration = Duration::from_millis(5);

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
    longest: Duration,
    after_news: Option<Duration>,
}

impl Default for PollSchedule {
    fn default() -> Self {
        Self {
            interval: INTERVAL,
            longest: INTERVAL,
            after_news: None,
        }
    }
}

impl PollSchedule {
    /// Of a store on a server that gives no hints.
    #[must_use]
    pub fn of_server() -> Self {
        Self {
            interval: SERVER_FIRST_INTERVAL,
            longest: SERVER_INTERVAL,
            after_news: Some(SERVER_FIRST_INTERVAL),
        }
    }

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
            let left = end.map_or(self.longest, |end| {
                end.saturating_duration_since(Instant::now())
            });
            if head != seen {
                self.interval = self.after_news.unwrap_or(self.interval);
                return Ok(head);
            }
            if left.is_zero() {
                return Ok(head);
            }
            self.interval = if wait(self.interval.min(left)) {
                FIRST_INTERVAL
            } else {
                (self.interval * 2).min(self.longest)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Cursor;

    fn head(seq: i64) -> Head {
        Head {
            store_id: 1,
            cursor: Cursor::from_seq(seq),
            version: seq,
        }
    }

    #[test]
    fn a_server_with_news_is_asked_often_and_a_quiet_one_seldom() {
        let mut schedule = PollSchedule::of_server();
        let mut waits = |seqs: &[i64]| {
            let (mut seqs, mut waits) = (seqs.iter(), Vec::new());
            let mut wait = |interval: Duration| {
                waits.push(interval.as_millis());
                false
            };
            let mut ask = || Ok(head(*seqs.next().expect("asked until there is news")));
            let minute = Duration::from_mins(1);
            let found = schedule.watch(head(1), minute, &mut wait, &mut ask);
            assert_eq!(found.ok(), Some(head(2)));
            waits
        };
        assert_eq!(waits(&[1, 1, 1, 1, 1, 1, 2]), [5, 10, 20, 40, 40, 40]);
        assert_eq!(waits(&[1, 1, 2]), [5, 10]);
        assert_eq!(waits(&[2]), [0_u128; 0]);
    }
}
