//! What happens to the screen, from wherever it comes, in one queue.

use super::queries::Answer;
use crossterm::event::KeyEvent;
use std::sync::mpsc::SyncSender;

/// Most events that wait: whoever has more to report waits itself.
pub(super) const MAX_WAITING: usize = 64;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ScreenEvent {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has another size: columns and rows.
    Resized(u16, u16),
    /// The store answered.
    Answered(Answer),
    /// A signal came.
    Signal(i32),
    /// Time has passed; unix milliseconds.
    Now(i64),
    /// A file was written, or was not: what to say of it.
    Written(Result<String, String>),
    /// A thread that the screen cannot do without has ended.
    Ended(&'static str),
}

/// The end of the queue that threads hold.
#[derive(Debug, Clone)]
pub(super) struct Events(pub(super) SyncSender<ScreenEvent>);

impl Events {
    /// Whether there is still somebody to take it.
    pub(super) fn send(&self, event: ScreenEvent) -> bool {
        self.0.send(event).is_ok()
    }
}

/// Reports the end of a thread when it is dropped, also after a panic.
#[derive(Debug)]
pub(super) struct EndNotifier {
    pub(super) events: Events,
    pub(super) thread: &'static str,
}

impl Drop for EndNotifier {
    fn drop(&mut self) {
        self.events.send(ScreenEvent::Ended(self.thread));
    }
}
