//! What is reported when a file that is mapped into memory was cut (SIGBUS).
//!
//! SQLite maps the index of a store's log (`-shm`). The backend looks at its length before each commit and
//! question; what another program cuts between that look and the next access raises SIGBUS, which would end
//! the process without a word. The access cannot be repeated with success, so the process ends here too, but
//! with a message and the code of an error.

use crate::exit::Exit;
use signal_hook::consts::SIGBUS;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

/// What is printed.
const MESSAGE: &str = "\
error: a file of the store was cut by another program while it was open (SIGBUS)
hint: what was committed is safe in the store and its log: start again, and keep other programs away from the store's files
";

/// From now on, a cut file is reported before the process ends. `before_message` gives back what the process has
/// taken, such as the terminal.
///
/// # Errors
/// When the system gives no signal handler, socket or thread.
pub fn report_bus_errors(before_message: fn()) -> io::Result<()> {
    let (mut raised, handler) = UnixStream::pair()?;
    let wait = move || {
        // A read that fails says nothing about the store.
        if raised.read_exact(&mut [0]).is_ok() {
            before_message();
            // Without standard error there is nobody to report to.
            let _ = io::stderr().write_all(MESSAGE.as_bytes());
            end();
        }
    };
    // While this is the only thread: one that begins meanwhile would take the handler at work for a process that
    // is about to end, and wait for that for ever, as would every thread behind it.
    drop_runtime_handler()?;
    thread::Builder::new()
        .name("bus errors".to_owned())
        .spawn(wait)?;
    // The handler only writes to the socket: the access is repeated and raises the signal again until the
    // thread above has ended the process.
    signal_hook::low_level::pipe::register(SIGBUS, handler).map(drop)
}

/// The runtime has a handler of its own, which looks for stack overflows: it gives SIGBUS its default action back
/// and returns, so that the repeated access would end the process before anything is printed. A signal that stands
/// for no access uses that handler up. Nothing is lost by it: a stack overflow is SIGSEGV here.
#[cfg(target_os = "linux")]
fn drop_runtime_handler() -> io::Result<()> {
    signal_hook::low_level::raise(SIGBUS)
}

/// Elsewhere a stack overflow may be SIGBUS, and the runtime's message about it is the better one.
#[cfg(not(target_os = "linux"))]
fn drop_runtime_handler() -> io::Result<()> {
    Ok(())
}

#[expect(
    clippy::exit,
    reason = "the thread whose access failed never returns, so nobody can be asked to end"
)]
fn end() -> ! {
    std::process::exit(i32::from(Exit::Failed.code()))
}
