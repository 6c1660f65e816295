//! Ends the server when the tap is killed, on systems whose kernel does not do so by itself (Linux does,
//! see [`super::launch`]): a process of its own waits for the end of a pipe that only the tap holds open.
//! Must not touch anything where the tap says that all is over.

use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// What the tap writes when the server has ended and nobody is to be killed.
const ALL_OVER: &[u8] = b".";

/// The process that watches, and the pipe whose end it waits for.
#[derive(Debug)]
pub(super) struct TapWatcher {
    child: Child,
    life: ChildStdin,
}

impl TapWatcher {
    /// Starts watching; `program` is how this program is run to call [`watch`].
    pub(super) fn start(program: &[OsString], server: Pid) -> io::Result<Self> {
        let (program, arguments) = program
            .split_first()
            .ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg(server.as_raw_nonzero().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Who kills the tap may mean its whole group: the watcher is to outlive that.
            .process_group(0)
            .spawn()?;
        let life = child.stdin.take();
        let life = life.ok_or_else(|| io::Error::other("the watcher has no pipe"))?;
        Ok(Self { child, life })
    }

    /// Says that all is over.
    pub(super) fn dismiss(mut self) {
        // A watcher that is gone needs no message.
        let _ = self.life.write_all(ALL_OVER);
        drop(self.life);
        let _ = self.child.wait();
    }
}

/// Waits until the tap is gone, and kills the server then; comes back without doing so where the tap stated
/// that all is over. `arguments` is the server's number, `life` is the pipe that the tap holds. What the
/// server has started sees its input end, as it does where the kernel ends the server.
///
/// # Errors
/// When the arguments are not those that a tap writes.
pub fn watch(arguments: &[OsString], mut life: impl Read) -> io::Result<()> {
    let server = number(arguments).ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
    let mut byte = [0];
    loop {
        match life.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // A pipe that cannot be read reports nothing about the tap any more.
            Err(error) => return Err(error),
        }
    }
    // One that has ended by itself is what was wanted.
    let _ = kill_process(server, Signal::KILL);
    Ok(())
}

/// The process that these arguments name; none of them is a group or everybody.
fn number(arguments: &[OsString]) -> Option<Pid> {
    let [number] = arguments else {
        return None;
    };
    let number: i32 = number.to_str()?.parse().ok()?;
    (number > 0).then(|| Pid::from_raw(number)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn sleeper() -> Child {
        Command::new("sleep").arg("1000").spawn().unwrap()
    }

    #[test]
    fn the_server_ends_with_a_tap_that_sent_nothing() {
        let mut server = sleeper();
        watch(&[server.id().to_string().into()], io::empty()).unwrap();
        assert_eq!(server.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn the_server_stays_when_the_tap_says_that_all_is_over() {
        let mut server = sleeper();
        watch(&[server.id().to_string().into()], ALL_OVER).unwrap();
        assert_eq!(server.try_wait().unwrap(), None);
        server.kill().unwrap();
        server.wait().unwrap();
    }

    #[test]
    fn arguments_of_nobody_are_refused() {
        for arguments in [&[][..], &["0"], &["-1"], &["x"], &["7", "8"]] {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            let refused = watch(&arguments, io::empty()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{arguments:?}");
        }
    }
}
