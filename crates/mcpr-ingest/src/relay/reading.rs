//! The copies of exchanges, as the recording thread of a tap reads them.

use super::copies::ExchangeCopies;
use super::pieces::ExchangePiece;
use super::transcript::ExchangeTranscript;
use crate::tap::{CopyReading, TranscriptState};
use crate::{Delivery, Moment};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Copies and what they are read as.
pub(super) struct ExchangeReading {
    transcript: ExchangeTranscript,
    copies: Arc<ExchangeCopies>,
    batch: VecDeque<ExchangePiece>,
}

impl ExchangeReading {
    pub(super) fn new(transcript: ExchangeTranscript, copies: Arc<ExchangeCopies>) -> Self {
        Self {
            transcript,
            copies,
            batch: VecDeque::new(),
        }
    }
}

impl CopyReading for ExchangeReading {
    fn begin(&mut self, _moment: Moment) {
        // FollowedSessions begin and end within what passes.
    }

    fn take(&mut self, patience: Duration) -> bool {
        let kept = self.transcript.kept_bytes();
        self.copies.take(patience, kept, &mut self.batch)
    }

    fn read_next(&mut self, has_time: bool) -> bool {
        let Some(piece) = self.batch.pop_front() else {
            return false;
        };
        if has_time {
            self.transcript.read(piece);
        } else {
            self.transcript.skip(&piece);
        }
        true
    }

    fn next_look(&self) -> Option<Instant> {
        self.transcript.next_open()
    }

    fn look(&mut self, now: Instant, _is_last: bool) {
        self.transcript.announce_open(now);
    }

    fn waiting(&self) -> usize {
        self.transcript.delivery.events.len()
    }

    fn hand_out(&mut self) -> Delivery {
        self.transcript.take()
    }

    fn account(&self) -> TranscriptState {
        self.transcript.state
    }

    fn end(&mut self, moment: Moment) {
        self.transcript.end(moment);
    }
}
