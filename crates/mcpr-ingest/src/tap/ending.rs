//! How a session ends: who has gone, how long the others may take, and what is done to those that
//! take longer. Pure: what happened and when comes in, what to do comes out.

use super::ServerExit;
use std::time::{Duration, Instant};

/// How long each phase at the end of a session may take. A server whose client has gone is given no bound: it
/// would have none without a tap.
#[derive(Debug, Clone, Copy)]
pub struct EndTimeouts {
    /// How long the rows wait for a server that was asked to end, before they are stored without what it
    /// may still say.
    pub before_settling: Duration,
    /// How much longer a server may take that was asked to end, before it is killed.
    pub after_settling: Duration,
    /// How long the output of a server that has exited before its client may stay open without saying anything
    /// once that has gone, too.
    pub after_client: Duration,
    /// The same of a server that has exited after its client: what it printed stands in the pipe, and who else holds
    /// that does not belong to the session.
    pub after_server: Duration,
    /// The same, once the tap was asked to end.
    pub after_exit: Duration,
}

impl EndTimeouts {
    /// Clients give a server some 2 s after asking it to end, and then kill the tap: what was recorded must be
    /// stored before. The server dies with the tap then, so that the bound is for clients that kill nobody.
    pub const USUAL: Self = Self {
        before_settling: Duration::from_millis(1500),
        after_settling: Duration::from_millis(8500),
        after_client: Duration::from_secs(5),
        // Clients measure how long a server takes to end: this must not show.
        after_server: Duration::from_millis(100),
        after_exit: Duration::from_secs(1),
    };
}

/// The end of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerEnd {
    /// How it ended.
    pub exit: ServerExit,
    /// Whether it was not to end: its client was there and nobody asked it, or it failed.
    pub is_death: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndingEvent {
    /// The client closed its end, or is gone.
    StdinEnded,
    /// The server closed its output, or nobody takes it any more.
    StdoutEnded,
    /// The server printed something.
    Output,
    /// The tap was asked to end and passed that on.
    AskedToEnd,
    /// The server has exited.
    Exited,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndingAction {
    /// Store what was recorded; nothing more is.
    Settle,
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
    /// It has gone, which the server finds out by itself.
    ClientGone,
    /// It has gone, and the tap was asked to end.
    Asked,
    /// The same, and what was recorded is being stored.
    Settled,
    /// The server was killed.
    Killed,
}

/// Whether the server still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerPresence {
    Running,
    /// It exited while its client was there, as a launcher does: another may go on with its pipes.
    LeftEarly,
    /// It exited after its client.
    Exited,
}

/// Where the end of a session stands.
#[derive(Debug)]
pub(super) struct Ending {
    patience: EndTimeouts,
    phase: EndingPhase,
    /// The tap was asked to end; the server was asked too, and may have its own mind about it.
    was_asked: bool,
    has_stdout_ended: bool,
    server: ServerPresence,
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
            server: ServerPresence::Running,
            deadline: None,
        }
    }

    fn has_exited(&self) -> bool {
        self.server != ServerPresence::Running
    }

    /// When [`Ending::due`] is to be asked at the latest.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether a server that has ended so was not to end: one that ends well because its client has left, or
    /// ends because it was asked to, has not died.
    pub(super) fn is_death(&self, exit: ServerExit) -> bool {
        !self.was_asked && (self.phase == EndingPhase::Open || exit != ServerExit::Code(0))
    }

    /// Takes note of what happened; of output also later than it did.
    pub(super) fn note(&mut self, event: EndingEvent, now: Instant) {
        let before = self.phase;
        match event {
            EndingEvent::StdinEnded => self.phase = self.phase.max(EndingPhase::ClientGone),
            EndingEvent::StdoutEnded => self.has_stdout_ended = true,
            EndingEvent::Output => {}
            // There is no server left to pass it to: it is for us.
            EndingEvent::AskedToEnd if self.has_exited() => self.has_stdout_ended = true,
            EndingEvent::AskedToEnd => self.was_asked = true,
            EndingEvent::Exited => {
                self.server = if self.phase == EndingPhase::Open {
                    ServerPresence::LeftEarly
                } else {
                    ServerPresence::Exited
                };
            }
        }
        if self.was_asked && self.phase == EndingPhase::ClientGone {
            self.phase = EndingPhase::Asked;
        }
        let deadline = self.patience_now().map(|patience| now + patience);
        if event == EndingEvent::Output {
            // What was printed earlier than something else happened puts nothing off, and once it was
            // asked to end, a server cannot put that off by talking.
            if before < EndingPhase::Asked {
                self.deadline = self.deadline.max(deadline);
            }
        } else if before < EndingPhase::Asked || self.has_exited() {
            self.deadline = deadline;
        }
    }

    fn patience_now(&self) -> Option<Duration> {
        match self.phase {
            // A server that has exited may have left another that goes on with its pipes.
            EndingPhase::Open => None,
            EndingPhase::ClientGone if self.server == ServerPresence::LeftEarly => {
                Some(self.patience.after_client)
            }
            EndingPhase::ClientGone => self.has_exited().then_some(self.patience.after_server),
            _ if self.has_exited() => Some(self.patience.after_exit),
            EndingPhase::Asked => Some(self.patience.before_settling),
            EndingPhase::Settled => Some(self.patience.after_settling),
            EndingPhase::Killed => Some(self.patience.after_exit),
        }
    }

    /// What is to be done now, if anything; asked again after it is done.
    pub(super) fn due(&mut self, now: Instant) -> Option<EndingAction> {
        if self.has_exited() && self.has_stdout_ended {
            return Some(EndingAction::Leave);
        }
        if now < self.deadline? {
            return None;
        }
        let (next, action) = match self.phase {
            // What outlives a kill hangs within the kernel: there is nothing more to do. What a server
            // that has exited has left is no business of the tap.
            EndingPhase::Killed => return Some(EndingAction::Leave),
            _ if self.has_exited() => return Some(EndingAction::Leave),
            EndingPhase::Asked => (EndingPhase::Settled, EndingAction::Settle),
            EndingPhase::Settled => (EndingPhase::Killed, EndingAction::Kill),
            // These have no deadline while the server runs.
            EndingPhase::Open | EndingPhase::ClientGone => return None,
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
        before_settling: Duration::from_millis(20),
        after_settling: Duration::from_millis(60),
        after_client: Duration::from_millis(50),
        after_server: Duration::from_millis(5),
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
        use EndingAction::{Kill, Leave, Settle};
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
        check(&[(1, Exited), (9, StdinEnded)], &[(59, Leave)]);
        // What a server leaves that has exited after its client is not waited for; what it printed is.
        check(&[(1, StdinEnded), (9, Exited)], &[(14, Leave)]);
        check(
            &[(1, StdinEnded), (9, Exited), (12, Output), (16, Output)],
            &[(21, Leave)],
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
        check(
            &[(1, StdinEnded), (9, Exited), (10, StdoutEnded)],
            &[(10, Leave)],
        );
        // A server whose client has gone takes as long as it needs, silent or not.
        check(&[(1, StdinEnded)], &[]);
        check(&[(1, StdinEnded), (40, Output)], &[]);
        check(
            &[(1, StdinEnded), (190, Exited), (191, StdoutEnded)],
            &[(191, Leave)],
        );
        // Only a tap that was asked to end bounds that, whatever the server says.
        check(
            &[
                (1, StdinEnded),
                (10, AskedToEnd),
                (20, AskedToEnd),
                (25, Output),
            ],
            &[(30, Settle), (90, Kill), (100, Leave)],
        );
        check(
            &[(1, AskedToEnd), (9, StdinEnded)],
            &[(29, Settle), (89, Kill), (99, Leave)],
        );
        check(
            &[
                (1, StdinEnded),
                (2, AskedToEnd),
                (80, Exited),
                (81, StdoutEnded),
            ],
            &[(22, Settle), (81, Leave)],
        );
        check(
            &[(1, StdinEnded), (2, AskedToEnd), (40, Exited)],
            &[(22, Settle), (50, Leave)],
        );
    }

    #[test]
    fn a_server_has_died_unless_its_client_has_left_or_it_was_asked() {
        use EndingEvent::{AskedToEnd, Exited, StdinEnded};
        let (well, badly) = (ServerExit::Code(0), ServerExit::Code(1));
        let cases: [(&[EndingEvent], [bool; 2]); 5] = [
            (&[Exited], [true, true]),
            (&[StdinEnded, Exited], [false, true]),
            (&[AskedToEnd, Exited], [false, false]),
            (&[StdinEnded, AskedToEnd, Exited], [false, false]),
            (&[Exited, AskedToEnd], [true, true]),
        ];
        for (events, expected) in cases {
            let mut ending = Ending::new(PATIENCE);
            for event in events {
                ending.note(*event, Instant::now());
            }
            let found = [ending.is_death(well), ending.is_death(badly)];
            assert_eq!(found, expected, "{events:?}");
        }
    }

    #[test]
    fn silence_counts_from_the_last_word_and_not_from_when_it_was_noticed() {
        let began = Instant::now();
        let at = |ms: u64| began + Duration::from_millis(ms);
        let mut ending = Ending::new(PATIENCE);
        ending.note(EndingEvent::Exited, at(1));
        ending.note(EndingEvent::StdinEnded, at(1));
        ending.note(EndingEvent::Output, at(40));
        assert_eq!(ending.due(at(51)), None);
        assert_eq!(ending.deadline(), Some(at(90)));
        assert_eq!(ending.due(at(90)), Some(EndingAction::Leave));
        let mut ending = Ending::new(PATIENCE);
        ending.note(EndingEvent::Exited, at(2));
        ending.note(EndingEvent::StdinEnded, at(10));
        ending.note(EndingEvent::Output, at(3));
        assert_eq!(ending.deadline(), Some(at(60)), "that was before");
    }
}
