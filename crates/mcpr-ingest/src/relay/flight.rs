//! Which requests of exchanges are reported as being in flight, and when. Pure.

use super::exchange::{ExchangeRecord, ExchangeScope};
use super::sessions::ServerSession;
use super::transcript::ExchangeTranscript;
use crate::pairing::ANNOUNCE_AFTER;
use crate::{Moment, Pairing};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most requests that are remembered until they are reported; the oldest of more is reported only when it ends.
const MAX_UNREPORTED: usize = 16_384;

/// How long one that is due waits for others: a busy server must not wake the recorder for each.
const TOGETHER: Duration = Duration::from_millis(20);

/// Where a request waits that was not reported yet.
#[derive(Debug, Clone, Copy)]
struct UnreportedRequest {
    seen: Instant,
    exchange: u64,
    /// The session it is of; none where that was not known when it was asked.
    session: Option<ServerSession>,
}

/// The requests that were not reported yet, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct UnreportedRequests {
    waiting: VecDeque<UnreportedRequest>,
    /// When the first of them is due.
    next: Option<Instant>,
}

impl ExchangeTranscript {
    /// Remembers that a request was read.
    pub(super) fn note_asked(&mut self, exchange: &ExchangeRecord, moment: Moment) {
        let session = match exchange.scope {
            ExchangeScope::Session(session) => Some(session),
            ExchangeScope::Own(_) => None,
        };
        // A server that answers nothing must not fill the memory.
        let waiting = &mut self.unreported.waiting;
        if waiting.len() >= MAX_UNREPORTED {
            waiting.pop_front();
        }
        waiting.push_back(UnreportedRequest {
            seen: moment.at,
            exchange: exchange.number,
            session,
        });
    }

    /// Reports what is in flight for longer than a moment. To be called between pieces.
    pub(super) fn announce_open(&mut self, now: Instant) {
        let until = now.checked_sub(ANNOUNCE_AFTER);
        self.unreported.next = None;
        while let Some(first) = self.unreported.waiting.front().copied() {
            let due = until.filter(|until| first.seen <= *until);
            let mut events = std::mem::take(&mut self.delivery.events);
            let pairing = self.pairing_of(first);
            // Most are answered by now, and wake nobody.
            let waits = pairing
                .as_deref()
                .is_some_and(|it| it.first_unannounced().is_some());
            if let Some((pairing, until)) = pairing.zip(due) {
                pairing.announce_open(until, false, &mut events);
            }
            self.delivery.events = events;
            if due.is_none() && waits {
                self.unreported.next = Some(first.seen + ANNOUNCE_AFTER + TOGETHER);
                return;
            }
            self.unreported.waiting.pop_front();
        }
    }

    /// When [`ExchangeTranscript::announce_open`] will have something to report.
    pub(super) fn next_open(&self) -> Option<Instant> {
        self.unreported.next
    }

    /// What a request waits in, if that is followed still.
    fn pairing_of(&mut self, request: UnreportedRequest) -> Option<&mut Pairing> {
        let session = match request.session {
            Some(session) => session,
            None => match &mut self.exchanges.get_mut(&request.exchange)?.scope {
                ExchangeScope::Own(scope) => return Some(&mut scope.pairing),
                // Its answer began a session, of which it is part now.
                ExchangeScope::Session(session) => *session,
            },
        };
        self.sessions.pairing_of(session)
    }
}
