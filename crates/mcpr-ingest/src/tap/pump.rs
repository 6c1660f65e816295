//! One direction of a tap: reads what is there, passes it on, and only then hands over a copy.

use super::{Copies, Direction};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Most bytes passed on at once: what a pipe holds.
const BUFFER_BYTES: usize = 64 * 1024;

/// How long what was typed is left to others who may have asked for it on the terminal.
const FOR_OTHERS: Duration = Duration::from_millis(30);

/// How far a pump has come, for those who watch it.
#[derive(Debug)]
pub(super) struct PumpProgress {
    began: Instant,
    /// Odd while something is being passed on.
    steps: AtomicU64,
    /// When the last step was, in microseconds since the beginning.
    last_us: AtomicU64,
}

impl Default for PumpProgress {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            steps: AtomicU64::new(0),
            last_us: AtomicU64::new(0),
        }
    }
}

impl PumpProgress {
    fn step(&self, now: Instant) {
        let since = now.saturating_duration_since(self.began).as_micros();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        // The time comes first: who sees the new step sees its time as well.
        self.last_us.store(since, Ordering::Release);
        self.steps.fetch_add(1, Ordering::Release);
    }

    /// When something was passed on last: now, where it still is.
    pub(super) fn last(&self, now: Instant) -> Option<Instant> {
        match self.steps.load(Ordering::Acquire) {
            0 => None,
            steps if steps % 2 == 1 => Some(now),
            _ => {
                let since = Duration::from_micros(self.last_us.load(Ordering::Acquire));
                Some(self.began + since)
            }
        }
    }
}

/// What a pump lies between.
#[derive(Debug)]
pub(super) struct Pump {
    /// Shared with those who ask whether something waits in it; the pump's end closes it.
    pub(super) from: Arc<File>,
    pub(super) to: File,
    pub(super) direction: Direction,
    pub(super) copies: Arc<Copies>,
    pub(super) progress: Arc<PumpProgress>,
    /// Whether others may read the same terminal: the server, which asks there for a password.
    pub(super) shares_terminal: bool,
}

impl Pump {
    /// Passes bytes on until there are no more; both ends are to be closed then.
    ///
    /// # Errors
    /// When the other side takes no more.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            if self.shares_terminal {
                wait_for_own(&self.from);
            }
            // What cannot be read is at its end, as it would be for the other side.
            let read = read(&self.from, &mut buffer).unwrap_or(0);
            if read == 0 {
                return Ok(());
            }
            // Before the write, so that no answer to these bytes is recorded ahead of them.
            let moment = self.copies.announce(self.direction);
            self.progress.step(moment.at);
            let written = write_all(&mut self.to, &buffer[..read]);
            self.progress.step(Instant::now());
            if written.is_err() {
                self.copies.withdraw(self.direction);
                return written;
            }
            // Only now: recording delays nothing that passes.
            self.copies.push(self.direction, moment, &buffer[..read]);
            self.copies.wait_for_recorder();
        }
    }
}

pub(super) fn read(mut from: &File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(from, PollFlags::IN)?,
            result => return result,
        }
    }
}

pub(super) fn write_all(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(to, PollFlags::OUT)?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits until there is something to read that nobody else takes. Whoever waits in a read on a
/// terminal has its next line for sure, so that nobody may do that who is not asked.
fn wait_for_own(terminal: &File) {
    let is_ready = |patience: Option<&Timespec>| {
        let mut streams = [PollFd::from_borrowed_fd(terminal.as_fd(), PollFlags::IN)];
        match poll(&mut streams, patience) {
            Ok(ready) => ready > 0,
            // What cannot be waited for is left to the read, which fails and ends the pump.
            Err(error) => error != Errno::INTR,
        }
    };
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    loop {
        if is_ready(None) {
            // Whoever asked for the line takes it meanwhile; what is still there is ours.
            std::thread::sleep(FOR_OTHERS);
            if is_ready(Some(&at_once)) {
                return;
            }
        }
    }
}

/// Whether something is there to be read at once.
pub(super) fn is_waiting(stream: &File) -> bool {
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut streams = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::IN)];
    poll(&mut streams, Some(&at_once)).is_ok() && streams[0].revents().contains(PollFlags::IN)
}

/// Waits for a stream that its other owner has set not to block.
fn wait(stream: &File, flags: PollFlags) -> io::Result<()> {
    let mut streams = [PollFd::from_borrowed_fd(stream.as_fd(), flags)];
    match poll(&mut streams, None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_something_was_passed_on_last_is_known_to_the_moment() {
        let progress = PumpProgress::default();
        let at = |ms: u64| progress.began + Duration::from_millis(ms);
        assert_eq!(progress.last(at(9)), None);
        progress.step(at(3));
        assert_eq!(
            progress.last(at(9)),
            Some(at(9)),
            "it is still being passed on"
        );
        progress.step(at(4));
        assert_eq!(progress.last(at(9)), Some(at(4)));
    }
}
