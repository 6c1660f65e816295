//! One file of a tailer: open, reached by a path or held without one, read in its turn.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::body::Body;
use super::file::Progress;
use super::position::{Deliver, Named};
use crate::model::{Checkpoint, FileIdentity};

/// How long a file that no path leads to is held after it last grew.
pub const HELD_IDLE: Duration = Duration::from_secs(10);
/// How long a file that no path leads to is held at most, while it keeps growing.
pub const HELD_MAX: Duration = Duration::from_mins(5);

/// A file that no path leads to any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) since: Instant,
    /// When it last gave anything.
    active: Instant,
    /// It is to be closed, once it was read up to here.
    close_at: Option<u64>,
}

/// How far a file has come, as far as files that are read after it have to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is new, or its contents are, and had no turn yet.
    Waiting,
    /// It had a turn, and there may be more before its end.
    Reading,
    /// Its end was reached, since it was opened or since another file took its path.
    Drained,
}

/// What a turn of a file led to.
#[derive(Debug)]
pub(super) enum Turn {
    /// It was read, see [`Progress`].
    Progress(Progress),
    /// It was held, everything was handed over, and it can be closed.
    Done {
        /// Bytes that were read since its last turn.
        bytes: usize,
        /// Bytes of a last line without its newline.
        unfinished: u64,
    },
}

/// A file that is open.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) path: PathBuf,
    /// Which source led to it, by its place in the list.
    pub(super) source: usize,
    pub(super) file: Body,
    /// Its size when it was last looked at.
    pub(super) size: u64,
    pub(super) stage: Stage,
    /// Where it begins is still to be said.
    pub(super) announce: bool,
    pub(super) held: Option<Held>,
    /// Something was read from it.
    pub(super) has_given: bool,
    /// It cannot be read, and that was reported.
    pub(super) is_failing: bool,
}

impl Tracked {
    pub(super) fn new(path: PathBuf, source: usize, file: Body, size: u64) -> Self {
        Self {
            path,
            source,
            file,
            size,
            stage: Stage::Waiting,
            announce: false,
            held: None,
            has_given: false,
            is_failing: false,
        }
    }

    pub(super) fn identity(&self) -> FileIdentity {
        self.file.identity()
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        self.file.position().checkpoint(Named {
            path: &self.path,
            identity: self.file.identity(),
        })
    }

    /// Bytes that are there and were not read.
    pub(super) fn backlog(&self) -> u64 {
        self.file.backlog(self.size)
    }

    /// No path leads to it: it is held for a while, as its writer may not know yet.
    pub(super) fn hold(&mut self, now: Instant) {
        let held = self.held.get_or_insert(Held {
            since: now,
            active: now,
            close_at: None,
        });
        if let Ok(metadata) = self.file.metadata() {
            self.size = metadata.len();
        }
        let is_idle =
            self.stage == Stage::Drained && now.saturating_duration_since(held.active) >= HELD_IDLE;
        let is_old = now.saturating_duration_since(held.since) >= HELD_MAX;
        if is_idle || is_old {
            self.close_soon();
        }
    }

    /// Its end is to be reached once more before files after it are begun.
    pub(super) fn drain_again(&mut self) {
        if self.stage == Stage::Drained {
            self.stage = Stage::Reading;
        }
    }

    /// A held file is closed as soon as what it has now is read.
    pub(super) fn close_soon(&mut self) {
        if let Some(held) = &mut self.held {
            held.close_at.get_or_insert(self.size);
        }
    }

    /// Reads and delivers the next bytes; hands over what is left of a file that is to be closed.
    pub(super) fn take_turn(
        &mut self,
        now: Option<Instant>,
        buffer: &mut [u8],
        deliver: &mut Deliver<'_>,
    ) -> io::Result<Turn> {
        if self.stage == Stage::Waiting {
            self.stage = Stage::Reading;
        }
        let progress = self.file.read(&self.path, buffer, deliver)?;
        self.is_failing = false;
        self.begin_anew_after(&progress);
        let Progress::Read { bytes, at_end } = progress else {
            return Ok(Turn::Progress(progress));
        };
        if at_end {
            self.stage = Stage::Drained;
        }
        self.has_given |= bytes > 0;
        if let (Some(held), Some(now), 1..) = (&mut self.held, now, bytes) {
            held.active = now;
        }
        let offset = self.file.position().next_offset();
        let close_at = self.held.and_then(|held| held.close_at);
        if close_at.is_none_or(|close_at| !at_end && offset < close_at) {
            return Ok(Turn::Progress(progress));
        }
        let unfinished = self.file.position().unfinished_len();
        let identity = self.identity();
        let path = &self.path;
        let position = self.file.position_mut();
        Ok(
            match position.deliver_last(Named { path, identity }, deliver) {
                ControlFlow::Continue(()) => Turn::Done { bytes, unfinished },
                ControlFlow::Break(()) => Turn::Progress(Progress::Stopped),
            },
        )
    }

    /// Looks whether its contents are still those that were read, without reading on.
    pub(super) fn check(&mut self) -> io::Result<Progress> {
        let progress = self.file.check(&self.path)?;
        self.begin_anew_after(&progress);
        Ok(progress)
    }

    /// A file with new contents waits like a new one for what has to be read before it.
    fn begin_anew_after(&mut self, progress: &Progress) {
        if let Progress::Truncated { .. } = progress {
            self.stage = Stage::Waiting;
        }
    }

    /// Delivers a line without its newline, for a run that ends here.
    pub(super) fn deliver_unfinished(&self, deliver: &mut Deliver<'_>) -> ControlFlow<()> {
        let (path, identity) = (&self.path, self.identity());
        let position = self.file.position();
        position.deliver_unfinished(Named { path, identity }, deliver)
    }

    /// Says where it begins, if that is still to be said.
    pub(super) fn announce(&mut self, deliver: &mut Deliver<'_>) -> ControlFlow<()> {
        if self.announce {
            let (path, identity) = (&self.path, self.identity());
            let position = self.file.position();
            position.announce(Named { path, identity }, deliver)?;
            self.announce = false;
        }
        ControlFlow::Continue(())
    }
}
