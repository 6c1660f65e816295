//! A server as a child process: messages by lines over its standard input and output. It ends with us,
//! and all that it started in its process group.

use super::{ClientError, Transport};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The longest line that is read.
const MAX_LINE: u64 = 16 << 20;

/// All that is read of a server's output: more is not a list of tools.
const MAX_OUTPUT: u64 = 256 << 20;

/// How many messages wait to be looked at.
const MAX_WAITING: usize = 64;

/// What is kept of the server's standard error: its end.
const MAX_STDERR: usize = 16 << 10;

/// How long a server may take to end by itself, and then by a signal.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked whether it has ended.
const POLL: Duration = Duration::from_millis(5);

/// A running server.
#[derive(Debug)]
pub struct StdioServer {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<ServerLine>,
    stderr: Arc<Mutex<VecDeque<u8>>>,
    /// Closed when its standard error has been read to its end.
    stderr_end: Receiver<()>,
}

/// What came from the server.
#[derive(Debug)]
enum ServerLine {
    Message(Value),
    TooMuch,
}

impl StdioServer {
    /// Starts a server.
    ///
    /// # Errors
    /// When the command does not run.
    pub fn start(command: &[OsString]) -> Result<Self, ClientError> {
        let program = command.first().cloned().unwrap_or_default();
        let refused = |error| ClientError::NotStarted {
            command: program.to_string_lossy().into_owned(),
            error,
        };
        let mut child = Command::new(&program)
            .args(command.iter().skip(1))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Launchers such as npx start the server themselves: all of them are to end.
            .process_group(0)
            .spawn()
            .map_err(refused)?;
        let (sender, lines) = sync_channel(MAX_WAITING);
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || read_lines(output, &sender));
        }
        let stderr = Arc::<Mutex<VecDeque<u8>>>::default();
        let (done, stderr_end) = sync_channel(0);
        if let Some(errors) = child.stderr.take() {
            let kept = Arc::clone(&stderr);
            thread::spawn(move || {
                keep_end(errors, &kept);
                drop(done);
            });
        }
        Ok(Self {
            input: child.stdin.take(),
            child,
            lines,
            stderr,
            stderr_end,
        })
    }

    /// The end of what the server wrote to its standard error, once it has ended.
    #[must_use]
    pub fn stderr(&mut self) -> String {
        self.end();
        // What it wrote last may still be in the pipe; another process may keep that open.
        let _ = self.stderr_end.recv_timeout(PATIENCE);
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Lets the server end: without input it should; else it is asked to, and then made to.
    fn end(&mut self) {
        drop(self.input.take());
        let group = Pid::from_child(&self.child);
        for signal in [None, Some(Signal::TERM), Some(Signal::KILL)] {
            if let Some(signal) = signal {
                // A group that is gone already needs none.
                let _ = kill_process_group(group, signal);
            }
            if self.has_ended(PATIENCE) {
                break;
            }
        }
        // What it started and left behind.
        let _ = kill_process_group(group, Signal::KILL);
    }

    fn has_ended(&mut self, within: Duration) -> bool {
        let begin = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(None) if begin.elapsed() < within => thread::sleep(POLL),
                Ok(None) => return false,
                // What cannot be waited for is not one of ours.
                Ok(Some(_)) | Err(_) => return true,
            }
        }
    }

    fn ended(&mut self) -> ClientError {
        let is_over = self.has_ended(PATIENCE);
        let status = self.child.try_wait().ok().flatten().filter(|_| is_over);
        ClientError::Ended {
            asked: "a request".to_owned(),
            how: status.map_or_else(String::new, |status| format!(" ({status})")),
        }
    }
}

impl Drop for StdioServer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Transport for StdioServer {
    fn send(&mut self, message: &Value, _: Instant) -> Result<(), ClientError> {
        let Some(input) = &mut self.input else {
            return Err(self.ended());
        };
        let line = message.to_string() + "\n";
        match input
            .write_all(line.as_bytes())
            .and_then(|()| input.flush())
        {
            Ok(()) => Ok(()),
            // It says more why it ended than that it did.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(self.ended()),
            Err(error) => Err(ClientError::Pipe(error)),
        }
    }

    fn receive(&mut self, until: Instant) -> Result<Option<Value>, ClientError> {
        let left = until.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(ServerLine::Message(message)) => Ok(Some(message)),
            Ok(ServerLine::TooMuch) => Err(ClientError::TooMuch("an output of more than 256 MiB")),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }
}

/// Hands over what is a message; servers print other lines as well, and batches.
fn read_lines(output: impl Read, messages: &SyncSender<ServerLine>) {
    let mut output = BufReader::new(output.take(MAX_OUTPUT));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = output.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        match read {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        let found = match serde_json::from_slice(&line) {
            Ok(Value::Array(batch)) => batch,
            Ok(message @ Value::Object(_)) => vec![message],
            _ => continue,
        };
        for message in found {
            // Nobody listens any more.
            if messages.send(ServerLine::Message(message)).is_err() {
                return;
            }
        }
    }
    if output.get_ref().limit() == 0 {
        let _ = messages.send(ServerLine::TooMuch);
    }
}

/// Keeps the end of what is read.
fn keep_end(mut errors: impl Read, kept: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = errors.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&buffer[..count]);
        let extra = kept.len().saturating_sub(MAX_STDERR);
        kept.drain(..extra);
    }
}
