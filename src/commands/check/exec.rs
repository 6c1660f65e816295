//! The command that is run when a condition begins or ends to be broken: started as it is named, without a
//! shell, and ended when it takes too long. What it prints is read and, but for a little of its errors,
//! thrown away.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How much of what a command says about its failure is reported.
const MAX_REPORTED: usize = 2048;
/// How often it is looked at whether a command that says nothing has ended.
const GLANCE: Duration = Duration::from_millis(20);

/// A command with its arguments, and how long it may take.
#[derive(Debug)]
pub(super) struct Hook<'a> {
    pub(super) command: &'a [OsString],
    pub(super) timeout: Duration,
}

/// What is wrong with a command that was run.
#[derive(Debug, thiserror::Error)]
pub(super) enum HookError {
    #[error("cannot run {program}: {error}")]
    Start { program: String, error: io::Error },
    #[error("{program} was ended after {} s{message}", .timeout.as_secs_f64())]
    TooLong {
        program: String,
        timeout: Duration,
        message: String,
    },
    #[error("{program} failed with {status}{message}")]
    Failed {
        program: String,
        status: ExitStatus,
        message: String,
    },
}

impl Hook<'_> {
    /// Runs the command to its end: the facts are in its environment, and as JSON on its standard input.
    /// `give_up` is asked meanwhile.
    pub(super) fn run(
        &self,
        environment: &[(&str, String)],
        facts: &str,
        give_up: &dyn Fn() -> bool,
    ) -> Result<(), HookError> {
        let [program, arguments @ ..] = self.command else {
            return Ok(());
        };
        let named = program.to_string_lossy().into_owned();
        let failed = |error| HookError::Start {
            program: named.clone(),
            error,
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            // No name holds the end of a text; what would is no reason not to run at all.
            .envs(
                environment
                    .iter()
                    .map(|(name, value)| (name, value.replace('\0', "\u{fffd}"))),
            )
            .stdin(file_of(facts).map_err(failed)?)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Whatever it starts ends with it.
            .process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        let (ended, message) = self.wait(&mut child, give_up);
        let message = match message.trim_end() {
            "" => String::new(),
            message => format!(": {message}"),
        };
        match ended.map_err(failed)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(HookError::Failed {
                program: named,
                status,
                message,
            }),
            None => Err(HookError::TooLong {
                program: named,
                timeout: self.timeout,
                message,
            }),
        }
    }

    /// Waits for the end, which is brought about when it does not come; gives what was printed meanwhile.
    fn wait(
        &self,
        child: &mut Child,
        give_up: &dyn Fn() -> bool,
    ) -> (io::Result<Option<ExitStatus>>, String) {
        let began = Instant::now();
        let mut errors = child.stderr.take();
        let mut message = Vec::new();
        let ended = loop {
            read_some(&mut errors, &mut message);
            match child.try_wait() {
                Ok(Some(status)) => break Ok(Some(status)),
                Ok(None) if began.elapsed() < self.timeout && !give_up() => {}
                Ok(None) => {
                    end(child);
                    break child.wait().map(|_| None);
                }
                Err(error) => break Err(error),
            }
        };
        // What it printed last; whatever it left running may go on holding the pipe, and is not waited for.
        read_some(&mut errors, &mut message);
        (ended, String::from_utf8_lossy(&message).into_owned())
    }
}

/// Ends a command with everything it started in its group.
fn end(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It has ended by itself where this fails.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Reads what is there within a moment. All of it is taken, so that nobody waits; a little is kept.
fn read_some(errors: &mut Option<ChildStderr>, message: &mut Vec<u8>) {
    let Some(pipe) = errors else {
        std::thread::park_timeout(GLANCE);
        return;
    };
    let timeout = Timespec::try_from(GLANCE).ok();
    let mut fds = [PollFd::new(&*pipe, PollFlags::IN)];
    if !matches!(poll(&mut fds, timeout.as_ref()), Ok(ready) if ready > 0) {
        return;
    }
    let mut buffer = [0; 8 * 1024];
    match pipe.read(&mut buffer) {
        Ok(0) | Err(_) => *errors = None,
        Ok(count) => {
            let room = MAX_REPORTED.saturating_sub(message.len());
            message.extend_from_slice(&buffer[..count.min(room)]);
        }
    }
}

/// A file that is gone with its last reader: unlike a pipe it takes all at once, read or not.
fn file_of(facts: &str) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(facts.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: &[&str], timeout: Duration) -> Result<(), HookError> {
        let command: Vec<OsString> = command.iter().map(OsString::from).collect();
        let hook = Hook {
            command: &command,
            timeout,
        };
        hook.run(
            &[("MCPR_CHECK_TOOL", "$(touch pwned)".into())],
            "{}\n",
            &|| false,
        )
    }

    const PATIENT: Duration = Duration::from_mins(1);
    const HASTY: Duration = Duration::from_millis(30);

    #[test]
    fn a_command_that_hangs_is_ended_with_what_it_started() {
        let error = run(&["/bin/sh", "-c", "sleep 1000 & wait"], HASTY).expect_err("too long");
        assert!(matches!(error, HookError::TooLong { .. }), "{error}");
    }

    #[test]
    fn a_command_that_floods_is_read_and_ended() {
        let error = run(&["/bin/sh", "-c", "yes >&2"], HASTY).expect_err("too long");
        let HookError::TooLong { message, .. } = error else {
            panic!("{error}");
        };
        assert!(
            (1..=MAX_REPORTED + 2).contains(&message.len()),
            "{}",
            message.len()
        );
    }

    #[test]
    fn a_command_that_fails_says_why() {
        let error = run(&["/bin/sh", "-c", "echo no way >&2; exit 3"], PATIENT).expect_err("fails");
        let text = error.to_string();
        assert!(
            text.contains("status: 3") && text.ends_with(": no way"),
            "{text}"
        );
        let error = run(&["/nonexistent/program"], PATIENT).expect_err("is not there");
        assert!(
            error.to_string().contains("/nonexistent/program"),
            "{error}"
        );
    }

    #[test]
    fn facts_reach_a_command_as_data() {
        let script =
            "read line; test \"$line\" = {} && test \"$MCPR_CHECK_TOOL\" = '$(touch pwned)'";
        run(&["/bin/sh", "-c", script], PATIENT).expect("they are as they were given");
    }

    #[test]
    fn what_a_command_leaves_running_is_not_waited_for() {
        let left = tempfile::NamedTempFile::new().expect("a file");
        let script = format!("sleep 100 & echo $! > {}", left.path().display());
        run(&["/bin/sh", "-c", &script], PATIENT).expect("it ended itself");
        let pid = std::fs::read_to_string(left.path()).expect("it was written");
        let pid = pid.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.expect("a process");
        rustix::process::kill_process(pid, Signal::KILL).expect("it is still there");
    }
}
