//! The way of a copy from the pumps to the recorder: bounded in bytes, what the recorder has in hand
//! included. The store is never waited for; what does not fit is dropped, and the next copy that does fit
//! says so. Copies come out in the order in which their bytes passed, whichever pump was quicker to hand
//! its copy over.

use super::{Direction, Moment, ServerEnd};
use memchr::memchr_iter;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes of copies in all: those that wait, those being read, and messages that are not whole yet.
pub const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;
/// How long later copies wait for one that is still being passed on; longer than that takes only a
/// side that does not read, and what came later cannot follow from what it has not read.
const HOLD_BACK: Duration = Duration::from_millis(100);
/// What a copy takes beside its bytes, so that many small ones are bounded too.
const OVERHEAD_BYTES: usize = 128;
/// How long a copy waits for others before it is read. A call and its answer are over by then, so that
/// reading competes with neither for a core, and the recorder is woken once for many of them.
const GATHERING: Duration = Duration::from_millis(5);
/// Bytes that are read without waiting for others: a flood has to be read while it comes. About as many
/// are handed out at once.
const WORTHWHILE_BYTES: usize = 1024 * 1024;
/// How long a pump lets the recorder catch up after each piece of a flood that is about to be too much:
/// a processor's turn or two, for 64 KiB.
const BREATH: Duration = Duration::from_millis(5);

/// Bytes that are missing before a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// How many.
    pub bytes: u64,
    /// Newlines among them. How many lines are missing follows only from what stood before:
    /// a long line may be lost in several pieces.
    pub newlines: u64,
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
    /// The bytes; none where there is only a loss to report.
    pub bytes: Box<[u8]>,
}

impl Loss {
    /// What is missing once a copy is not read either.
    pub(super) fn with(before: Option<Self>, copy: &Copy) -> Self {
        let before = match (before, copy.loss) {
            (Some(before), Some(next)) => Some(before.and(next)),
            (before, next) => before.or(next),
        };
        more_lost(before, &copy.bytes, copy.moment.ts)
    }

    /// The same loss, with one right behind it.
    fn and(self, next: Self) -> Self {
        Self {
            bytes: self.bytes + next.bytes,
            newlines: self.newlines + next.newlines,
            last: next.last,
            from_ts: self.from_ts.min(next.from_ts),
            to_ts: self.to_ts.max(next.to_ts),
        }
    }
}

/// What the recorder waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum WakeReason {
    /// It is at work, and looks by itself.
    #[default]
    Nothing,
    /// Any copy.
    First,
    /// So many bytes that they are worth it.
    Many,
}

#[derive(Debug, Default)]
struct CopiesState {
    /// By their moments.
    waiting: VecDeque<Copy>,
    bytes: usize,
    /// What the recorder has in hand.
    in_hand: usize,
    /// The recorder waits for the store.
    is_held_up: bool,
    // By direction: what was dropped since the last copy that fitted.
    losses: [Option<Loss>; 2],
    /// When the bytes came that each pump is passing on now.
    under_way: [Option<Instant>; 2],
    awaited: WakeReason,
    /// There is something else for the recorder to look at.
    is_woken: bool,
    is_closed: bool,
    server_end: Option<ServerEnd>,
}

/// The queue of copies.
#[derive(Debug)]
pub struct Copies {
    inner: Mutex<CopiesState>,
    news: Condvar,
    room: Condvar,
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
            room: Condvar::new(),
            max_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, CopiesState> {
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
    }

    /// Whether announced copies are still to come.
    #[must_use]
    pub fn are_announced(&self) -> bool {
        self.lock().under_way.iter().any(Option::is_some)
    }

    /// Hands over an announced copy, or drops it where there is no room; never waits for room.
    pub fn push(&self, direction: Direction, moment: Moment, bytes: &[u8]) {
        let copy = Copy {
            direction,
            moment,
            loss: None,
            // Copied before the lock, for which the other pump may wait.
            bytes: Box::from(bytes),
        };
        let is_awaited = self.lock().put(copy, self.max_bytes);
        // Waking another thread costs more than all else here: once for many copies.
        if is_awaited {
            self.news.notify_one();
        }
    }

    /// Lets the recorder catch up for a moment, where so much waits that copies are about to be dropped:
    /// it reads as fast as it can. Where it waits for the store itself, nobody waits for it.
    pub fn wait_for_recorder(&self) {
        let mut inner = self.lock();
        let is_much = |inner: &mut CopiesState| inner.is_much(self.max_bytes);
        if is_much(&mut inner) {
            let waited = self.room.wait_timeout_while(inner, BREATH, is_much);
            drop(waited);
        }
    }

    /// Says whether the recorder waits for the store.
    pub(super) fn set_held_up(&self, is_held_up: bool) {
        self.lock().is_held_up = is_held_up;
        self.room.notify_all();
    }

    /// Wakes the recorder, for which there is something else to look at.
    pub(super) fn wake(&self) {
        let mut inner = self.lock();
        inner.is_woken = true;
        inner.awaited = WakeReason::Nothing;
        drop(inner);
        self.news.notify_one();
    }

    /// Says how the server ended.
    pub(super) fn note_end(&self, end: ServerEnd) {
        self.lock().server_end = Some(end);
    }

    /// How the server ended, where it has.
    pub(super) fn server_end(&self) -> Option<ServerEnd> {
        self.lock().server_end
    }

    /// Says that nothing more comes; a loss at the very end is reported now.
    pub fn close(&self, moment: Moment) {
        let mut inner = self.lock();
        inner.is_closed = true;
        inner.awaited = WakeReason::Nothing;
        for direction in Direction::ALL {
            if let Some(loss) = inner.losses[direction as usize].take() {
                // Taken off again for every copy that is handed out.
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
        inner.is_closed = true;
        inner.waiting = VecDeque::new();
        inner.bytes = 0;
    }

    /// Takes the first of what waits, by its moments, after waiting at most `patience` for some, and a
    /// little for what follows that. The copies taken before are gone, but for `kept` bytes of messages
    /// that are not whole. Says whether more can come.
    pub fn take(&self, patience: Duration, kept: usize, copies: &mut Vec<Copy>) -> bool {
        let mut inner = self.lock();
        inner.in_hand = kept;
        self.room.notify_all();
        if inner.waiting.is_empty() {
            inner = self.wait(inner, WakeReason::First, patience);
        }
        if !inner.waiting.is_empty() {
            inner = self.wait(inner, WakeReason::Many, GATHERING);
        }
        inner.is_woken = false;
        inner.hand_out(copies);
        !(inner.is_closed && inner.waiting.is_empty())
    }

    fn wait<'a>(
        &'a self,
        mut inner: MutexGuard<'a, CopiesState>,
        awaited: WakeReason,
        patience: Duration,
    ) -> MutexGuard<'a, CopiesState> {
        if inner.is_closed || inner.is_woken || inner.is_worthwhile() {
            return inner;
        }
        inner.awaited = awaited;
        let goes_on = |inner: &mut CopiesState| inner.awaited != WakeReason::Nothing;
        let waited = self.news.wait_timeout_while(inner, patience, goes_on);
        let mut inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        inner.awaited = WakeReason::Nothing;
        inner
    }
}

impl CopiesState {
    /// Takes an announced copy, or counts it as lost; says whether the recorder is to be woken.
    fn put(&mut self, mut copy: Copy, max_bytes: usize) -> bool {
        let size = copy.bytes.len() + OVERHEAD_BYTES;
        let direction = copy.direction as usize;
        self.under_way[direction] = None;
        if self.is_closed {
            // Nobody listens any more.
            return false;
        }
        if self.bytes + self.in_hand + size > max_bytes {
            self.losses[direction] = Some(Loss::with(self.losses[direction], &copy));
            return false;
        }
        copy.loss = self.losses[direction].take();
        self.bytes += size;
        // Nearly always at the end.
        let place = |other: &Copy| other.moment.at <= copy.moment.at;
        let place = self.waiting.partition_point(place);
        self.waiting.insert(place, copy);
        let is_awaited = match self.awaited {
            WakeReason::Nothing => false,
            WakeReason::First => true,
            WakeReason::Many => self.is_worthwhile(),
        };
        if is_awaited {
            // Those that follow need not wake it again.
            self.awaited = WakeReason::Nothing;
        }
        is_awaited
    }

    fn is_worthwhile(&self) -> bool {
        self.bytes >= WORTHWHILE_BYTES
    }

    /// Whether so much is held that the next pieces may not fit, and the recorder works on that.
    fn is_much(&self, max_bytes: usize) -> bool {
        let is_at_work = !(self.is_held_up || self.is_closed);
        is_at_work && self.bytes + self.in_hand > max_bytes / 4 * 3
    }

    /// Moves the first of what no earlier copy can follow.
    fn hand_out(&mut self, copies: &mut Vec<Copy>) {
        let now = Instant::now();
        let under_way = self.under_way.iter().flatten();
        let horizon = under_way
            .filter(|&&since| now.duration_since(since) < HOLD_BACK && !self.is_closed)
            .min()
            .copied();
        let is_ready = |copy: &Copy| horizon.is_none_or(|horizon| copy.moment.at <= horizon);
        let most = self.in_hand + WORTHWHILE_BYTES;
        while self.in_hand < most
            && let Some(copy) = self.waiting.pop_front_if(|copy| is_ready(copy))
        {
            let size = copy.bytes.len() + OVERHEAD_BYTES;
            self.bytes -= size;
            self.in_hand += size;
            copies.push(copy);
        }
    }
}

fn more_lost(known: Option<Loss>, bytes: &[u8], ts: i64) -> Loss {
    let newlines = memchr_iter(b'\n', bytes).count() as u64;
    let last = bytes.last().copied();
    let last = last.or(known.map(|it| it.last)).unwrap_or_default();
    let loss = known.unwrap_or(Loss {
        bytes: 0,
        newlines: 0,
        last,
        from_ts: ts,
        to_ts: ts,
    });
    Loss {
        bytes: loss.bytes + bytes.len() as u64,
        newlines: loss.newlines + newlines,
        last,
        to_ts: ts,
        ..loss
    }
}

#[cfg(test)]
mod tests;
