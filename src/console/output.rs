//! Standard output as a command that may wait for its reader sees it: it can be given up, and it
//! shows when nobody reads any more.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::tcgetwinsize;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// How long a reader that takes nothing is waited for before it is asked whether to go on.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};
/// What a pipe that is ready takes without making its writer wait (`PIPE_BUF` of Linux).
const PIECE_BYTES: usize = 4096;

/// Says whether what is still to be written is to be given up.
pub type GiveUp = Box<dyn Fn() -> bool + Send>;

/// Writes to standard output in pieces that do not make it wait, until asked to give up.
pub(super) struct PatientOutput {
    pub(super) give_up: GiveUp,
}

impl Write for PatientOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let output = io::stdout();
        loop {
            let mut ready = [PollFd::new(&output, PollFlags::OUT)];
            match poll(&mut ready, Some(&PATIENCE)) {
                Ok(0) if (self.give_up)() => return Err(given_up()),
                // A signal ends the wait early; whether it is a reason to give up is asked after
                // the next one.
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => {
                    let piece = &bytes[..bytes.len().min(PIECE_BYTES)];
                    return rustix::io::write(output.as_fd(), piece).map_err(Into::into);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The error that says so; no other write error is of this kind.
fn given_up() -> io::Error {
    io::Error::from(io::ErrorKind::TimedOut)
}

/// Whether whoever read standard output has gone, so that writing would fail.
pub(super) fn reader_has_gone() -> bool {
    let output = io::stdout();
    // Errors and hang-ups are reported without being asked for, see poll(2).
    let mut state = [PollFd::new(&output, PollFlags::empty())];
    let ready = poll(&mut state, Some(&Timespec::default()));
    ready.is_ok_and(|count| count > 0)
        && state[0]
            .revents()
            .intersects(PollFlags::ERR | PollFlags::HUP)
}

/// The columns and rows of the terminal that a stream leads to, where it reports them.
pub(super) fn terminal_size(stream: impl AsFd) -> (Option<usize>, Option<usize>) {
    // A pseudo-terminal whose size nobody has set says 0.
    let ready = |size: u16| Some(usize::from(size)).filter(|&size| size > 0);
    match tcgetwinsize(stream) {
        Ok(size) => (ready(size.ws_col), ready(size.ws_row)),
        Err(_) => (None, None),
    }
}
