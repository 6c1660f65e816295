//! The way of a copy from the forwarding side to the recorder: pieces of exchanges in the order in which
//! they passed, bounded in bytes. The store is never waited for; what does not fit is dropped, and what
//! follows says so.

use super::pieces::{
    AnsweredHead, AskedHead, ExchangeEnd, ExchangePiece, OVERHEAD_BYTES, PieceKind,
};
use crate::Moment;
use crate::tap::CopyQueue;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most bytes of copies in all: those that wait, and messages that are not whole yet.
const MAX_WAITING_BYTES: usize = crate::tap::MAX_WAITING_BYTES;
/// How long a piece waits for others before it is read: reading competes with no call for a core then.
const GATHERING: Duration = Duration::from_millis(5);
/// Bytes that are read without waiting for others.
const WORTHWHILE_BYTES: usize = 1024 * 1024;

/// What the recorder waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum AwaitedPieces {
    /// It is at work, and looks by itself.
    #[default]
    Nothing,
    /// Any piece.
    First,
    /// So many bytes that they are worth it.
    Many,
}

#[derive(Debug, Default)]
struct PieceState {
    waiting: VecDeque<ExchangePiece>,
    bytes: usize,
    /// What the recorder has in hand.
    in_hand: usize,
    awaited: AwaitedPieces,
    is_woken: bool,
    is_closed: bool,
    /// Exchanges that were not copied at all since the last one that was.
    lost: Option<(u64, i64)>,
    next_exchange: u64,
}

/// The queue of pieces.
#[derive(Debug)]
pub(super) struct ExchangeCopies {
    inner: Mutex<PieceState>,
    news: Condvar,
    max_bytes: usize,
}

impl Default for ExchangeCopies {
    fn default() -> Self {
        Self::with_max_bytes(MAX_WAITING_BYTES)
    }
}

impl ExchangeCopies {
    pub(super) fn with_max_bytes(max_bytes: usize) -> Self {
        Self {
            inner: Mutex::default(),
            news: Condvar::new(),
            max_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, PieceState> {
        // A poisoned lock only means that another thread panicked between two plain assignments.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an exchange; where there is no room for it, none of it is copied.
    pub(super) fn begin(self: &Arc<Self>, head: AskedHead, moment: Moment) -> ExchangeCopy {
        let mut inner = self.lock();
        let exchange = inner.next_exchange;
        inner.next_exchange += 1;
        let copy = ExchangeCopy {
            queue: Arc::clone(self),
            exchange,
            is_over: AtomicBool::new(false),
            is_torn: [AtomicBool::new(false), AtomicBool::new(false)],
        };
        // Room for its end is taken as well: an exchange that is known to have begun is known to have
        // ended.
        let is_taken = !inner.is_closed && inner.has_room(3 * OVERHEAD_BYTES, self.max_bytes);
        if !is_taken {
            let (count, from_ts) = inner.lost.unwrap_or((0, moment.ts));
            inner.lost = Some((count + 1, from_ts));
            copy.is_over.store(true, Ordering::Release);
            return copy;
        }
        if let Some((count, from_ts)) = inner.lost.take() {
            let what = PieceKind::Lost { count, from_ts };
            inner.add(ExchangePiece {
                exchange,
                moment,
                what,
            });
        }
        let what = PieceKind::Begun(Box::new(head));
        let is_awaited = inner.add(ExchangePiece {
            exchange,
            moment,
            what,
        });
        drop(inner);
        self.notify(is_awaited);
        copy
    }

    fn notify(&self, is_awaited: bool) {
        // Waking another thread costs more than all else here: once for many pieces.
        if is_awaited {
            self.news.notify_one();
        }
    }

    /// Says that nobody takes pieces any more; what waits is forgotten.
    pub(super) fn abandon(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        inner.waiting = VecDeque::new();
        inner.bytes = 0;
    }

    /// Says that nothing more comes.
    pub(super) fn close(&self, moment: Moment) {
        let mut inner = self.lock();
        if let Some((count, from_ts)) = inner.lost.take() {
            let exchange = inner.next_exchange;
            let what = PieceKind::Lost { count, from_ts };
            inner.add(ExchangePiece {
                exchange,
                moment,
                what,
            });
        }
        // What waits is still taken; nothing more is added to it.
        inner.is_closed = true;
        inner.awaited = AwaitedPieces::Nothing;
        drop(inner);
        self.news.notify_one();
    }

    /// Takes the pieces that wait, after waiting at most `patience` for some, and a little for what
    /// follows. Those taken before are gone, but for `kept` bytes. Says whether more can come.
    pub(super) fn take(
        &self,
        patience: Duration,
        kept: usize,
        pieces: &mut VecDeque<ExchangePiece>,
    ) -> bool {
        let mut inner = self.lock();
        inner.in_hand = kept;
        if inner.waiting.is_empty() {
            inner = self.wait(inner, AwaitedPieces::First, patience);
        }
        if !inner.waiting.is_empty() {
            inner = self.wait(inner, AwaitedPieces::Many, GATHERING);
        }
        inner.is_woken = false;
        while inner.in_hand < kept + WORTHWHILE_BYTES
            && let Some(piece) = inner.waiting.pop_front()
        {
            inner.bytes -= piece.size();
            inner.in_hand += piece.size();
            pieces.push_back(piece);
        }
        !(inner.is_closed && inner.waiting.is_empty())
    }

    fn wait<'a>(
        &'a self,
        mut inner: MutexGuard<'a, PieceState>,
        awaited: AwaitedPieces,
        patience: Duration,
    ) -> MutexGuard<'a, PieceState> {
        if inner.is_closed || inner.is_woken || inner.bytes >= WORTHWHILE_BYTES {
            return inner;
        }
        inner.awaited = awaited;
        let goes_on = |inner: &mut PieceState| inner.awaited != AwaitedPieces::Nothing;
        let waited = self.news.wait_timeout_while(inner, patience, goes_on);
        let mut inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        inner.awaited = AwaitedPieces::Nothing;
        inner
    }
}

impl CopyQueue for ExchangeCopies {
    fn set_held_up(&self, _is_held_up: bool) {
        // Nobody who forwards ever waits for the recorder, so that it is all one to them.
    }

    fn wake(&self) {
        let mut inner = self.lock();
        inner.is_woken = true;
        inner.awaited = AwaitedPieces::Nothing;
        drop(inner);
        self.news.notify_one();
    }
}

impl PieceState {
    fn has_room(&self, more: usize, max_bytes: usize) -> bool {
        self.bytes + self.in_hand + more <= max_bytes
    }

    /// Adds a piece; says whether the recorder is to be woken.
    fn add(&mut self, piece: ExchangePiece) -> bool {
        self.bytes += piece.size();
        self.waiting.push_back(piece);
        let is_awaited = match self.awaited {
            AwaitedPieces::Nothing => false,
            AwaitedPieces::First => true,
            AwaitedPieces::Many => self.bytes >= WORTHWHILE_BYTES,
        };
        if is_awaited {
            // Those that follow need not wake it again.
            self.awaited = AwaitedPieces::Nothing;
        }
        is_awaited
    }
}

/// Which body of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodySide {
    Request,
    Answer,
}

/// One exchange, as the forwarding side reports it.
#[derive(Debug)]
pub(super) struct ExchangeCopy {
    queue: Arc<ExchangeCopies>,
    exchange: u64,
    /// Nothing more is copied of it.
    is_over: AtomicBool,
    /// Bytes were dropped since the last that were copied, by side.
    is_torn: [AtomicBool; 2],
}

impl ExchangeCopy {
    /// Copies bytes that were passed on, or drops them where there is no room.
    pub(super) fn bytes(&self, side: BodySide, bytes: &[u8], moment: Moment) {
        if bytes.is_empty() || self.is_over.load(Ordering::Acquire) {
            return;
        }
        let torn = &self.is_torn[side as usize];
        let is_after_loss = torn.load(Ordering::Acquire);
        // Copied before the lock, for which others may wait.
        let bytes = Box::from(bytes);
        let what = match side {
            BodySide::Request => PieceKind::Asked {
                bytes,
                is_after_loss,
            },
            BodySide::Answer => PieceKind::Answer {
                bytes,
                is_after_loss,
            },
        };
        let piece = ExchangePiece {
            exchange: self.exchange,
            moment,
            what,
        };
        let mut inner = self.queue.lock();
        if inner.is_closed {
            return;
        }
        let has_room = inner.has_room(piece.size(), self.queue.max_bytes);
        torn.store(!has_room, Ordering::Release);
        // Later bytes that fit say that these are missing.
        let is_awaited = has_room && inner.add(piece);
        drop(inner);
        self.queue.notify(is_awaited);
    }

    /// Says that the request is whole.
    pub(super) fn all_asked(&self) {
        self.report(PieceKind::AllAsked);
    }

    /// Says what the head of the answer was.
    pub(super) fn answered(&self, head: AnsweredHead) {
        self.report(PieceKind::Answered(head));
    }

    /// Says how the exchange ended; only the first time counts.
    pub(super) fn end(&self, end: ExchangeEnd) {
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        self.tear_off();
        self.report(PieceKind::Ended(end));
        self.is_over.store(true, Ordering::Release);
    }

    /// Reports bytes that were lost at the very end of a body.
    fn tear_off(&self) {
        for side in [BodySide::Request, BodySide::Answer] {
            if self.is_torn[side as usize].swap(false, Ordering::AcqRel) {
                let (bytes, is_after_loss) = (Box::default(), true);
                self.report(match side {
                    BodySide::Request => PieceKind::Asked {
                        bytes,
                        is_after_loss,
                    },
                    BodySide::Answer => PieceKind::Answer {
                        bytes,
                        is_after_loss,
                    },
                });
            }
        }
    }

    /// These are few and small, and go in without a look at the room.
    fn report(&self, what: PieceKind) {
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        let piece = ExchangePiece {
            exchange: self.exchange,
            moment: Moment::now(),
            what,
        };
        let mut inner = self.queue.lock();
        let is_awaited = !inner.is_closed && inner.add(piece);
        drop(inner);
        self.queue.notify(is_awaited);
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::{ContentCoding, HttpVerb};
    use super::super::sessions::SessionDigest;
    use super::*;

    fn head() -> AskedHead {
        AskedHead {
            server: 0,
            verb: HttpVerb::Post,
            session: None,
            place: SessionDigest::of_place(b"/mcp"),
            path: "/mcp".into(),
            version: None,
            agent: None,
            coding: ContentCoding::Plain,
        }
    }

    fn reported(queue: &ExchangeCopies) -> Vec<String> {
        let mut pieces = VecDeque::new();
        queue.take(Duration::ZERO, 0, &mut pieces);
        let report = |piece: ExchangePiece| match piece.what {
            PieceKind::Begun(_) => "begun".to_owned(),
            PieceKind::Asked {
                bytes,
                is_after_loss,
            } => format!("asked {} {is_after_loss}", bytes.len()),
            PieceKind::Answer {
                bytes,
                is_after_loss,
            } => format!("answer {} {is_after_loss}", bytes.len()),
            PieceKind::AllAsked => "all".to_owned(),
            PieceKind::Answered(head) => format!("answered {}", head.status),
            PieceKind::Ended(end) => format!("{end:?}"),
            PieceKind::Lost { count, .. } => format!("lost {count}"),
        };
        pieces.into_iter().map(report).collect()
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_reported() {
        let queue = Arc::new(ExchangeCopies::with_max_bytes(4 * OVERHEAD_BYTES));
        let first = queue.begin(head(), Moment::now());
        first.bytes(BodySide::Request, b"{}", Moment::now());
        first.bytes(BodySide::Request, &[b'x'; 4096], Moment::now());
        let second = queue.begin(head(), Moment::now());
        second.bytes(BodySide::Request, b"{}", Moment::now());
        second.end(ExchangeEnd::Complete);
        first.end(ExchangeEnd::Complete);
        first.end(ExchangeEnd::ClientLeft);
        let expected = ["begun", "asked 2 false", "asked 0 true", "Complete"];
        assert_eq!(reported(&queue), expected);
        // What was taken counts until the next look.
        assert_eq!(reported(&queue), Vec::<String>::new());
        queue.begin(head(), Moment::now());
        assert_eq!(reported(&queue), ["lost 1", "begun"]);
    }
}
