//! One direction of a tap: reads what is there, passes it on, and only then hands over a copy.

use super::{Copies, Direction};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most bytes passed on at once: what a pipe holds.
const BUFFER_BYTES: usize = 64 * 1024;

/// How far a pump has come, for those who watch it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Odd while something is being passed on.
    steps: AtomicU64,
}

impl Progress {
    fn step(&self) {
        self.steps.fetch_add(1, Ordering::Release);
    }

    /// Whether anything was passed on since `seen`, or is being passed on; `seen` is brought up
    /// to date.
    pub(super) fn is_alive(&self, seen: &mut u64) -> bool {
        let steps = self.steps.load(Ordering::Acquire);
        let was = std::mem::replace(seen, steps);
        steps != was || steps % 2 == 1
    }
}

/// What a pump lies between.
#[derive(Debug)]
pub(super) struct Pump {
    pub(super) from: File,
    pub(super) to: File,
    pub(super) direction: Direction,
    pub(super) copies: Arc<Copies>,
    pub(super) progress: Arc<Progress>,
}

impl Pump {
    /// Passes bytes on until there are no more; both ends are closed then.
    ///
    /// # Errors
    /// When the other side takes no more.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            // What cannot be read is at its end, as it would be for the other side.
            let read = read(&mut self.from, &mut buffer).unwrap_or(0);
            if read == 0 {
                return Ok(());
            }
            let moment = self.copies.announce(self.direction);
            self.progress.step();
            let written = write_all(&mut self.to, &buffer[..read]);
            self.progress.step();
            if written.is_err() {
                self.copies.withdraw(self.direction);
                return written;
            }
            self.copies.push(self.direction, moment, &buffer[..read]);
        }
    }
}

fn read(from: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(from, PollFlags::IN)?,
            result => return result,
        }
    }
}

fn write_all(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
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

/// Waits for a stream that its other owner has set not to block.
fn wait(stream: &File, flags: PollFlags) -> io::Result<()> {
    let mut streams = [PollFd::from_borrowed_fd(stream.as_fd(), flags)];
    match poll(&mut streams, None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
