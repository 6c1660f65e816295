//! The server's standard error: passed on first, its end kept second.

use super::Copies;
use super::pump::{read, write_all};
use super::tail::Tail;
use mcpr_model::OutputTail;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Most bytes passed on at once: what a pipe holds.
const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Debug, Default)]
struct Written {
    tail: Tail,
    /// How much of it was recorded.
    recorded: u64,
    has_ended: bool,
}

/// The last of what a server wrote to its standard error; clones share it.
#[derive(Debug, Clone, Default)]
pub struct ErrorOutput(Arc<Mutex<Written>>);

impl ErrorOutput {
    fn lock(&self) -> MutexGuard<'_, Written> {
        // Nothing that is done under it can be half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on what comes, on a thread of its own, and wakes the recorder where there is news.
    pub(super) fn pump(&self, from: OwnedFd, copies: Arc<Copies>) -> io::Result<()> {
        let from = File::from(from);
        let mut to = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let output = self.clone();
        thread::Builder::new()
            .name("mcpr-tap stderr".to_owned())
            .spawn(move || {
                let mut buffer = vec![0; BUFFER_BYTES];
                // With our end closed the server learns that nobody takes what it writes.
                while let Ok(len) = read(&from, &mut buffer)
                    && len > 0
                    && write_all(&mut to, &buffer[..len]).is_ok()
                {
                    let is_first = output.add(&buffer[..len]);
                    // Once until it is recorded: a server that writes much costs no more.
                    if is_first {
                        copies.wake();
                    }
                }
                output.lock().has_ended = true;
            })
            .map(drop)
    }

    /// Adds what was written; says whether all before it is recorded.
    fn add(&self, bytes: &[u8]) -> bool {
        let mut written = self.lock();
        let is_first = written.recorded == written.tail.bytes();
        written.tail.add(bytes);
        is_first
    }

    /// Whether there is something that is not recorded yet.
    pub(super) fn has_news(&self) -> bool {
        let written = self.lock();
        written.recorded < written.tail.bytes()
    }

    /// Whether all of it is read.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    /// What is not recorded yet, if anything.
    pub(super) fn take(&self, is_all: bool) -> Option<OutputTail> {
        let mut written = self.lock();
        if written.recorded == written.tail.bytes() {
            return None;
        }
        written.recorded = written.tail.bytes();
        Some(written.tail.kept(is_all))
    }
}
