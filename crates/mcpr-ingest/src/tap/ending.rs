//! How a session ends: who has gone, how long the others may take, and what is done to those that
//! take longer. Pure: what happened and when comes in, what to do comes out.

use std::time::{Duration, Instant};

/// How long each phase at the end of a session may take.
#[derive(Debug, Clone, Copy)]
pub struct EndTimeouts {
    /// How long a server that hears nothing more may be silent before it is asked to end.
    pub after_stdin: Duration,
    /// How long a server that was asked to end may take before it is killed.
    pub after_term: Duration,
    /// How long the output of a server that has exited may stay open without saying anything, once
    /// what it left was asked to end.
    pub after_exit: Duration,
}

impl EndTimeouts {
    /// Clients give a server about 2 s after closing its input, 2 s after asking it to end, and
    /// then kill the tap: all that must be over before.
    pub const USUAL: Self = Self {
        after_stdin: Duration::from_secs(5),
        after_term: Duration::from_millis(1500),
        after_exit: Duration::from_secs(1),
    };
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndingEvent {
    /// The client closed its end, or is gone.
    StdinEnded,
    /// The server closed its output, or nobody takes it any more.
    StdoutEnded,
    /// The server said something.
    Output,
    /// The tap was asked to end and passed that on.
    AskedToEnd,
    /// The server has exited.
    Exited,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndingAction {
    /// Ask the server and all it started to end.
    Terminate,
    /// End the server and all it started.
    Kill,
    /// Leave.
    Leave,
}

/// How far a session has come to its end; it only goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EndingPhase {
    /// The client is there.
    Open,
    /// It has gone, which the server may find out by itself.
    ClientGone,
    /// It has gone, and the server was asked to end.
    Asked,
    /// The server was killed.
    Killed,
}

/// Where the end of a session stands.
#[derive(Debug)]
pub(super) struct Ending {
    patience: EndTimeouts,
    phase: EndingPhase,
    /// The tap was asked to end; the server was told, and may have its own mind about it.
    was_asked: bool,
    has_stdout_ended: bool,
    has_exited: bool,
    deadline: Option<Instant>,
}

impl Ending {
    /// A session in which nobody has gone yet.
    pub(super) fn new(patience: EndTimeouts) -> Self {
        Self {
            patience,
            phase: EndingPhase::Open,
            was_asked: false,
            has_stdout_ended: false,
            has_exited: false,
            deadline: None,
        }
    }

    /// When [`Ending::due`] is to be asked at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the client has gone before the end.
    pub(super) fn is_client_gone(&self) -> bool {
        self.phase > EndingPhase::Open
    }

    /// Takes note of what happened; of output also later than it did.
    pub(super) fn note(&mut self, event: EndingEvent, now: Instant) {
        let before = self.phase;
        match event {
            EndingEvent::StdinEnded => self.phase = self.phase.max(EndingPhase::ClientGone),
            EndingEvent::StdoutEnded => self.has_stdout_ended = true,
            EndingEvent::Output => {}
            // There is no server left to tell: it is for us.
            EndingEvent::AskedToEnd if self.has_exited => self.has_stdout_ended = true,
            EndingEvent::AskedToEnd => self.was_asked = true,
            EndingEvent::Exited => self.has_exited = true,
        }
        if self.was_asked && self.phase == EndingPhase::ClientGone {
            self.phase = EndingPhase::Asked;
        }
        let deadline = self.patience_now().map(|patience| now + patience);
        if event == EndingEvent::Output {
            // What was said earlier than something else happened puts nothing off, and once it was
            // asked to end, a server cannot put that off by talking.
            if before < EndingPhase::Asked {
                self.deadline = self.deadline.max(deadline);
            }
        } else if before < EndingPhase::Asked || self.has_exited {
            self.deadline = deadline;
        }
    }

    fn patience_now(&self) -> Option<Duration> {
        match self.phase {
            // A server that has exited may have left another that goes on with its pipes.
            EndingPhase::Open => None,
            EndingPhase::ClientGone => Some(self.patience.after_stdin),
            EndingPhase::Asked | EndingPhase::Killed if self.has_exited => {
                Some(self.patience.after_exit)
            }
            EndingPhase::Asked | EndingPhase::Killed => Some(self.patience.after_term),
        }
    }

    /// What is to be done now, if anything; asked again after it is done.
    pub(super) fn due(&mut self, now: Instant) -> Option<EndingAction> {
        if self.has_exited && self.has_stdout_ended {
            return Some(EndingAction::Leave);
        }
        if now < self.deadline? {
            return None;
        }
        let (next, action) = match self.phase {
            // What outlives a kill hangs within the kernel: there is nothing more to do.
            EndingPhase::Killed => return Some(EndingAction::Leave),
            EndingPhase::Asked if self.has_exited => return Some(EndingAction::Leave),
            EndingPhase::Asked => (EndingPhase::Killed, EndingAction::Kill),
            // An open session has no deadline, and does not come here.
            EndingPhase::Open | EndingPhase::ClientGone => {
                (EndingPhase::Asked, EndingAction::Terminate)
            }
        };
        self.phase = next;
        self.deadline = self.patience_now().map(|patience| now + patience);
        Some(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: EndTimeouts = EndTimeouts {
        after_stdin: Duration::from_millis(50),
        after_term: Duration::from_millis(20),
        after_exit: Duration::from_millis(10),
    };

    /// Plays events at their milliseconds and says what was done when, looking every millisecond.
    fn check(events: &[(u64, EndingEvent)], expected: &[(u64, EndingAction)]) {
        let began = Instant::now();
        let mut ending = Ending::new(PATIENCE);
        let mut deeds = Vec::new();
        for ms in 0..200 {
            let now = began + Duration::from_millis(ms);
            for (_, event) in events.iter().filter(|(at, _)| *at == ms) {
                ending.note(*event, now);
            }
            if let Some(action) = ending.due(now) {
                deeds.push((ms, action));
                if action == EndingAction::Leave {
                    break;
                }
            }
        }
        assert_eq!(deeds, expected, "{events:?}");
    }

    #[test]
    fn the_ends_of_a_session() {
        use EndingAction::{Kill, Leave, Terminate};
        use EndingEvent::{AskedToEnd, Exited, Output, StdinEnded, StdoutEnded};
        // While the client is there, nothing is done to a silent server, asked to end or not.
        check(&[(1, Output)], &[]);
        check(&[(1, AskedToEnd)], &[]);
        check(&[(1, StdoutEnded)], &[]);
        // A server that exits is left when its output is drained.
        check(&[(1, Exited), (4, StdoutEnded)], &[(4, Leave)]);
        check(&[(1, StdoutEnded), (4, Exited)], &[(4, Leave)]);
        // One that left another with its pipes goes on, while the client is there.
        check(&[(1, Exited), (9, Output)], &[]);
        check(&[(1, Exited), (90, StdoutEnded)], &[(90, Leave)]);
        check(
            &[(1, Exited), (9, StdinEnded)],
            &[(59, Terminate), (69, Leave)],
        );
        check(
            &[
                (1, Exited),
                (9, StdinEnded),
                (50, Output),
                (80, StdoutEnded),
            ],
            &[(80, Leave)],
        );
        check(&[(1, Exited), (5, AskedToEnd)], &[(5, Leave)]);
        // A client that goes takes its server along.
        check(
            &[(1, StdinEnded), (9, Exited), (10, StdoutEnded)],
            &[(10, Leave)],
        );
        check(
            &[(1, StdinEnded)],
            &[(51, Terminate), (71, Kill), (91, Leave)],
        );
        check(
            &[(1, StdinEnded), (55, Exited)],
            &[(51, Terminate), (65, Leave)],
        );
        // A server that still answers is let finish, but not once it was asked to end.
        check(
            &[(1, StdinEnded), (40, Output), (95, Output)],
            &[(90, Terminate), (110, Kill), (130, Leave)],
        );
        check(
            &[
                (1, StdinEnded),
                (10, AskedToEnd),
                (20, AskedToEnd),
                (25, Output),
            ],
            &[(30, Kill), (50, Leave)],
        );
        check(
            &[(1, AskedToEnd), (9, StdinEnded)],
            &[(29, Kill), (49, Leave)],
        );
    }

    #[test]
    fn silence_counts_from_the_last_word_and_not_from_when_it_was_noticed() {
        let began = Instant::now();
        let at = |ms: u64| began + Duration::from_millis(ms);
        let mut ending = Ending::new(PATIENCE);
        ending.note(EndingEvent::StdinEnded, at(1));
        ending.note(EndingEvent::Output, at(40));
        assert_eq!(ending.due(at(51)), None);
        assert_eq!(ending.deadline(), Some(at(90)));
        assert_eq!(ending.due(at(90)), Some(EndingAction::Terminate));
        let mut ending = Ending::new(PATIENCE);
        ending.note(EndingEvent::StdinEnded, at(10));
        ending.note(EndingEvent::Output, at(3));
        assert_eq!(ending.deadline(), Some(at(60)), "that was before");
    }
}
