//! The way of a copy from the pumps to the recorder: bounded in bytes, never waited for. What does
//! not fit is dropped, and the next copy that does fit says so. Copies come out in the order in which
//! their bytes passed, whichever pump was quicker to hand its copy over.

use super::{Direction, Moment};
use memchr::memchr_iter;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes that wait for the recorder.
pub const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;
/// How long later copies wait for one that is still being passed on; longer than that takes only a
/// side that does not read, and what came later cannot follow from what it has not read.
const HOLD_BACK: Duration = Duration::from_millis(100);
/// What a copy takes beside its bytes, so that many small ones are bounded too.
const OVERHEAD_BYTES: usize = 128;

/// Bytes that are missing before a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// How many.
    pub bytes: u64,
    /// Lines that ended in them; at least 1.
    pub lines: u64,
    /// The last of them.
    pub last: u8,
    /// When the first passed, unix milliseconds.
    pub from_ts: i64,
    /// When the last passed, unix milliseconds.
    pub to_ts: i64,
}

/// What passed in one direction at one moment.
#[derive(Debug)]
pub struct Copy {
    /// Which way.
    pub direction: Direction,
    /// When.
    pub moment: Moment,
    /// What was dropped before it in its direction.
    pub loss: Option<Loss>,
    /// The bytes; none where there is only a loss to tell.
    pub bytes: Box<[u8]>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By their moments.
    waiting: VecDeque<Copy>,
    bytes: usize,
    losses: [Option<Loss>; 2],
    /// When the bytes came that each pump is passing on now.
    under_way: [Option<Instant>; 2],
    is_closed: bool,
    is_abandoned: bool,
}

/// The queue of copies.
#[derive(Debug)]
pub struct Copies {
    inner: Mutex<Inner>,
    news: Condvar,
    max_bytes: usize,
}

impl Default for Copies {
    fn default() -> Self {
        Self::with_max_bytes(MAX_WAITING_BYTES)
    }
}

impl Copies {
    /// A queue with another limit than [`MAX_WAITING_BYTES`].
    #[must_use]
    pub fn with_max_bytes(max_bytes: usize) -> Self {
        Self {
            inner: Mutex::default(),
            news: Condvar::new(),
            max_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock only means that another thread panicked between two plain assignments.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that bytes were read whose copy follows; gives the moment that counts as theirs.
    pub fn announce(&self, direction: Direction) -> Moment {
        let mut inner = self.lock();
        // Taken under the lock: no copy with a later moment can get ahead unseen.
        let moment = Moment::now();
        inner.under_way[direction as usize] = Some(moment.at);
        moment
    }

    /// Says that what was announced did not pass after all.
    pub fn withdraw(&self, direction: Direction) {
        self.lock().under_way[direction as usize] = None;
        self.news.notify_one();
    }

    /// Whether announced copies are still to come.
    #[must_use]
    pub fn are_announced(&self) -> bool {
        self.lock().under_way.iter().any(Option::is_some)
    }

    /// Hands over an announced copy, or drops it where there is no room; never waits for room.
    pub fn push(&self, direction: Direction, moment: Moment, bytes: &[u8]) {
        let size = bytes.len() + OVERHEAD_BYTES;
        let copy = Box::from(bytes);
        let mut inner = self.lock();
        inner.under_way[direction as usize] = None;
        if inner.is_closed || inner.is_abandoned {
            // Nobody listens any more.
        } else if inner.bytes + size > self.max_bytes {
            let loss = &mut inner.losses[direction as usize];
            *loss = Some(more_lost(*loss, bytes, moment.ts));
        } else {
            let loss = inner.losses[direction as usize].take();
            inner.bytes += size;
            let copy = Copy {
                direction,
                moment,
                loss,
                bytes: copy,
            };
            // Nearly always at the end.
            let place = |other: &Copy| other.moment.at <= moment.at;
            let place = inner.waiting.partition_point(place);
            inner.waiting.insert(place, copy);
        }
        drop(inner);
        self.news.notify_one();
    }

    /// Says that nothing more comes; a loss at the very end is told now.
    pub fn close(&self, moment: Moment) {
        let mut inner = self.lock();
        inner.is_closed = true;
        for direction in Direction::ALL {
            if let Some(loss) = inner.losses[direction as usize].take() {
                inner.bytes += OVERHEAD_BYTES;
                inner.waiting.push_back(Copy {
                    direction,
                    moment,
                    loss: Some(loss),
                    bytes: Box::default(),
                });
            }
        }
        drop(inner);
        self.news.notify_one();
    }

    /// Says that nobody takes copies any more; what waits is forgotten.
    pub fn abandon(&self) {
        let mut inner = self.lock();
        inner.is_abandoned = true;
        inner.waiting = VecDeque::new();
        inner.bytes = 0;
    }

    /// Takes what waits, by its moments, after waiting at most `patience` for something. Says
    /// whether more can come.
    pub fn take(&self, patience: Duration, copies: &mut Vec<Copy>) -> bool {
        let mut inner = self.lock();
        if !inner.is_closed && !inner.hand_out(copies) {
            let patience = if inner.waiting.is_empty() {
                patience
            } else {
                patience.min(HOLD_BACK)
            };
            inner = self
                .news
                .wait_timeout(inner, patience)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        inner.hand_out(copies);
        !inner.is_closed
    }
}

impl Inner {
    /// Moves what no earlier copy can follow; says whether there was any.
    fn hand_out(&mut self, copies: &mut Vec<Copy>) -> bool {
        let before = copies.len();
        let now = Instant::now();
        let under_way = self.under_way.iter().flatten();
        let horizon = under_way
            .filter(|&&since| now.duration_since(since) < HOLD_BACK && !self.is_closed)
            .min()
            .copied();
        let is_ready = |copy: &Copy| horizon.is_none_or(|horizon| copy.moment.at <= horizon);
        let ready = self.waiting.partition_point(is_ready);
        for copy in self.waiting.drain(..ready) {
            self.bytes -= copy.bytes.len() + OVERHEAD_BYTES;
            copies.push(copy);
        }
        copies.len() > before
    }
}

fn more_lost(known: Option<Loss>, bytes: &[u8], ts: i64) -> Loss {
    let lines = memchr_iter(b'\n', bytes).count() as u64;
    let last = bytes.last().copied().unwrap_or_default();
    let loss = known.unwrap_or(Loss {
        bytes: 0,
        lines: 0,
        last,
        from_ts: ts,
        to_ts: ts,
    });
    Loss {
        bytes: loss.bytes + bytes.len() as u64,
        lines: (loss.lines + lines).max(1),
        last,
        to_ts: ts,
        ..loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(ts: i64) -> Moment {
        Moment {
            at: Instant::now(),
            ts,
        }
    }

    fn push(copies: &Copies, direction: Direction, ts: i64, bytes: &[u8]) {
        let at = copies.announce(direction).at;
        copies.push(direction, Moment { at, ts }, bytes);
    }

    fn taken(copies: &Copies) -> Vec<(Direction, Vec<u8>, Option<Loss>)> {
        let mut all = Vec::new();
        copies.take(Duration::ZERO, &mut all);
        all.into_iter()
            .map(|copy| (copy.direction, copy.bytes.to_vec(), copy.loss))
            .collect()
    }

    #[test]
    fn what_does_not_fit_is_told_with_the_next_of_its_direction() {
        use Direction::{ToClient, ToServer};
        let copies = Copies::with_max_bytes(2 * (OVERHEAD_BYTES + 2));
        push(&copies, ToServer, 1, b"a\n");
        push(&copies, ToServer, 2, b"b\n");
        push(&copies, ToServer, 3, b"c\nd");
        push(&copies, ToServer, 4, b"\n");
        assert!(!copies.are_announced());
        let whole = |bytes: &[u8]| (ToServer, bytes.to_vec(), None);
        assert_eq!(taken(&copies), [whole(b"a\n"), whole(b"b\n")]);
        push(&copies, ToClient, 5, b"e\n");
        push(&copies, ToServer, 6, b"f\n");
        let loss = Loss {
            bytes: 4,
            lines: 2,
            last: b'\n',
            from_ts: 3,
            to_ts: 4,
        };
        let expected = [
            (ToClient, b"e\n".to_vec(), None),
            (ToServer, b"f\n".to_vec(), Some(loss)),
        ];
        assert_eq!(taken(&copies), expected);
    }

    #[test]
    fn copies_come_out_as_their_bytes_passed() {
        use Direction::{ToClient, ToServer};
        let copies = Copies::default();
        let asked = copies.announce(ToServer);
        let answered = copies.announce(ToClient);
        copies.push(ToClient, answered, b"answer");
        assert_eq!(taken(&copies), [], "the question is still under way");
        copies.push(ToServer, asked, b"question");
        let directions: Vec<_> = taken(&copies).into_iter().map(|copy| copy.0).collect();
        assert_eq!(directions, [ToServer, ToClient]);
        let _ = copies.announce(ToServer);
        let answered = copies.announce(ToClient);
        copies.push(ToClient, answered, b"answer");
        copies.withdraw(ToServer);
        assert_eq!(taken(&copies).len(), 1, "nothing is waited for any more");
    }

    #[test]
    fn a_loss_at_the_end_is_told_by_the_end() {
        let copies = Copies::with_max_bytes(0);
        push(&copies, Direction::ToClient, 1, b"unfinished");
        copies.close(moment(9));
        let all = taken(&copies);
        assert_eq!(all[0].2.expect("a loss").lines, 1, "{all:?}");
        push(&copies, Direction::ToClient, 2, b"too late");
        assert_eq!(taken(&copies), []);
    }
}
