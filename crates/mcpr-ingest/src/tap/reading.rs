//! What the recording thread of a tap reads: copies of two streams, or of exchanges at an address.

use super::{Copies, Copy, ErrorOutput, Moment, Transcript, TranscriptState};
use crate::Delivery;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often at most the end of a server's standard error is recorded.
const STDERR_INTERVAL: Duration = Duration::from_secs(2);

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

    /// When there is something to look at without news, if there is.
    fn next_look(&self) -> Option<Instant> {
        None
    }

    /// Looks at what changes as time goes on; nothing follows where it is the last look.
    fn look(&mut self, _now: Instant, _is_last: bool) {}

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
    errors: Option<ErrorOutput>,
    /// When the server's standard error was last recorded.
    stderr_recorded: Option<Instant>,
}

impl StdioReading {
    pub(super) fn new(
        transcript: Transcript,
        copies: Arc<Copies>,
        errors: Option<ErrorOutput>,
    ) -> Self {
        Self {
            transcript,
            copies,
            batch: Vec::new(),
            errors,
            stderr_recorded: None,
        }
    }

    /// Records what the server writes to its standard error, not more often than somebody reads it.
    fn record_stderr(&mut self, now: Instant, is_last: bool) {
        let Some(errors) = &self.errors else { return };
        let is_over = |at| now.saturating_duration_since(at) >= STDERR_INTERVAL;
        if !(is_last || self.stderr_recorded.is_none_or(is_over)) {
            return;
        }
        if let Some(tail) = errors.take(is_last) {
            self.stderr_recorded = Some(now);
            self.transcript.say(|run| run.stderr = Some(tail));
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

    fn next_look(&self) -> Option<Instant> {
        let has_news = |errors: &&ErrorOutput| errors.has_news();
        let errors = self.errors.as_ref().filter(has_news).map(|_| {
            let last = self.stderr_recorded;
            last.map_or_else(Instant::now, |at| at + STDERR_INTERVAL)
        });
        let open = self.transcript.next_open();
        [open, errors].into_iter().flatten().min()
    }

    fn look(&mut self, now: Instant, is_last: bool) {
        self.transcript.announce_open(now);
        self.record_stderr(now, is_last);
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
