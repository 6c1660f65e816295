//! What the recording thread of a tap reads: copies of two streams, or of exchanges at an address.

use super::{Copies, Copy, Moment, Transcript, TranscriptState};
use crate::Delivery;
use std::sync::Arc;
use std::time::Duration;

/// Copies that wait for the recording thread, as other threads see them.
pub(crate) trait CopyQueue: Send + Sync {
    /// Says whether the recorder waits for the store.
    fn set_held_up(&self, is_held_up: bool);

    /// Wakes the recorder, for which there is something else to look at.
    fn wake(&self);
}

/// Copies, and what they are read as.
pub(crate) trait CopyReading: Send + 'static {
    /// Begins the session.
    fn begin(&mut self, moment: Moment);

    /// Takes the next of what waits, after waiting at most `patience` for some. Says whether more can
    /// come.
    fn take(&mut self, patience: Duration) -> bool;

    /// Reads one of what was taken, or only counts it where there is no time; says whether there was one.
    fn read_next(&mut self, has_time: bool) -> bool;

    /// How many events wait to be handed over.
    fn waiting(&self) -> usize;

    /// Hands over what was read since the last time.
    fn hand_out(&mut self) -> Delivery;

    /// What was handed over so far.
    fn account(&self) -> TranscriptState;

    /// Ends the session.
    fn end(&mut self, moment: Moment);
}

impl CopyQueue for Copies {
    fn set_held_up(&self, is_held_up: bool) {
        self.set_held_up(is_held_up);
    }

    fn wake(&self) {
        self.wake();
    }
}

/// The copies of a stdio server's two streams.
pub(super) struct StdioReading {
    transcript: Transcript,
    copies: Arc<Copies>,
    /// The last of them first.
    batch: Vec<Copy>,
}

impl StdioReading {
    pub(super) fn new(transcript: Transcript, copies: Arc<Copies>) -> Self {
        Self {
            transcript,
            copies,
            batch: Vec::new(),
        }
    }
}

impl CopyReading for StdioReading {
    fn begin(&mut self, moment: Moment) {
        self.transcript.begin(moment);
    }

    fn take(&mut self, patience: Duration) -> bool {
        let kept = self.transcript.kept_bytes();
        let goes_on = self.copies.take(patience, kept, &mut self.batch);
        // Taken from its end, one by one.
        self.batch.reverse();
        goes_on
    }

    fn read_next(&mut self, has_time: bool) -> bool {
        let Some(copy) = self.batch.pop() else {
            return false;
        };
        if has_time {
            self.transcript.read(&copy);
        } else {
            self.transcript.skip(&copy);
        }
        true
    }

    fn waiting(&self) -> usize {
        self.transcript.waiting()
    }

    fn hand_out(&mut self) -> Delivery {
        self.transcript.take()
    }

    fn account(&self) -> TranscriptState {
        self.transcript.account()
    }

    fn end(&mut self, moment: Moment) {
        if let Some(end) = self.copies.server_end() {
            self.transcript.server_ended(end);
        }
        self.transcript.end(moment);
    }
}
