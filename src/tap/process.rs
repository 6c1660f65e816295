//! The server as a child process: two pumps that forward before they do anything else, signals
//! passed on, and an end that leaves nobody behind. Knows nothing of what the bytes mean.

use super::ending::{Deed, Ending, Happening, Patience};
use super::pump::{Progress, Pump};
use super::{Copies, Direction, Moment};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, test_kill_process_group,
    waitid,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is passed on to the server instead of acting on the tap.
const PASSED_ON: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];
/// How often something is looked at that cannot be waited for.
const GLANCE: Duration = Duration::from_millis(5);
/// How long the last copies may be under way after the end.
const LAST_COPIES: Duration = Duration::from_millis(200);

/// How the server ended, as the shell counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this code.
    Code(u8),
    /// By this signal.
    Signal(u8),
}

/// What the supervising thread is told.
#[derive(Debug)]
enum News {
    Happened(Happening),
    Signal(i32),
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pid: Pid,
    news: Receiver<News>,
    copies: Arc<Copies>,
    output: Arc<Progress>,
}

impl Server {
    /// Starts a server in a process group of its own, and the pumps between it and our streams.
    ///
    /// # Errors
    /// When the command cannot be run, or the pumps cannot be set up.
    pub fn start(command: &[OsString], copies: Arc<Copies>) -> io::Result<Self> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        // Caught from before the start on: a signal that comes early still finds its server.
        let signals = Signals::new(PASSED_ON)?;
        let mut child = Command::new(program)
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pid = Pid::from_child(&child);
        let (sender, news) = channel();
        let progress = Arc::new(Progress::default());
        watch_signals(signals, sender.clone())?;
        watch_exit(pid, sender.clone())?;
        let input = child.stdin.take().map(OwnedFd::from);
        let output = child.stdout.take().map(OwnedFd::from);
        let (Some(input), Some(output)) = (input, output) else {
            return Err(io::Error::other("the server has no pipes"));
        };
        start_input(input, &copies, sender.clone())?;
        start_output(output, &copies, Arc::clone(&progress), sender)?;
        Ok(Self {
            child,
            pid,
            news,
            copies,
            output: progress,
        })
    }

    /// Stays until the server has ended and its last bytes are passed on.
    ///
    /// # Errors
    /// When the system does not say how the server ended.
    pub fn wait(mut self, patience: Patience) -> io::Result<Ended> {
        let is_client_gone = self.supervise(patience);
        if is_client_gone {
            // Whatever the server started has nobody left to work for.
            let _ = kill_process_group(self.pid, Signal::TERM);
        }
        let ended = match self.child.try_wait()? {
            Some(status) => ended(status),
            // It was killed and the system has not got round to it.
            None => Ended::Signal(9),
        };
        if is_client_gone {
            sweep(self.pid, patience.after_term);
        }
        let end = Instant::now() + LAST_COPIES;
        while self.copies.are_announced() && Instant::now() < end {
            thread::park_timeout(GLANCE);
        }
        self.copies.close(Moment::now());
        Ok(ended)
    }

    /// Does what has to be done until there is nothing more to stay for; says whether the client
    /// went first.
    fn supervise(&mut self, patience: Patience) -> bool {
        let mut ending = Ending::new(patience);
        let mut heard = 0;
        loop {
            while let Some(deed) = ending.due(Instant::now()) {
                match deed {
                    Deed::Terminate => drop(kill_process_group(self.pid, Signal::TERM)),
                    Deed::Kill => drop(kill_process_group(self.pid, Signal::KILL)),
                    Deed::Leave => return ending.is_client_gone(),
                }
            }
            let news = self.next_news(ending.deadline());
            let now = Instant::now();
            if self.output.is_alive(&mut heard) {
                ending.note(Happening::Output, now);
            }
            match news {
                Some(News::Happened(happening)) => ending.note(happening, now),
                Some(News::Signal(number)) => {
                    pass_on(self.pid, number);
                    if matches!(number, SIGTERM | SIGINT | SIGHUP | SIGQUIT) {
                        ending.note(Happening::AskedToEnd, now);
                    }
                }
                None => {}
            }
        }
    }

    fn next_news(&self, deadline: Option<Instant>) -> Option<News> {
        let Some(deadline) = deadline else {
            return self.news.recv().ok();
        };
        let wait = deadline.saturating_duration_since(Instant::now());
        match self.news.recv_timeout(wait) {
            Ok(news) => Some(news),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // Every watcher has ended; only time can bring news.
                thread::park_timeout(wait);
                None
            }
        }
    }
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        (None, signal) => Ended::Signal(u8::try_from(signal.unwrap_or(0)).unwrap_or(u8::MAX)),
    }
}

/// A signal is for the server alone, as it would be without a tap between.
fn pass_on(pid: Pid, number: i32) {
    if let Some(signal) = Signal::from_named_raw(number) {
        // The server may be gone, which its own watcher tells.
        let _ = kill_process(pid, signal);
    }
}

/// Waits for what is left of a group that was asked to end, then ends it.
fn sweep(group: Pid, patience: Duration) {
    let end = Instant::now() + patience;
    while test_kill_process_group(group).is_ok() {
        if Instant::now() >= end {
            let _ = kill_process_group(group, Signal::KILL);
            return;
        }
        thread::park_timeout(GLANCE);
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("mcpr-tap {name}"))
        .spawn(work)
        .map(drop)
}

fn watch_signals(mut signals: Signals, news: Sender<News>) -> io::Result<()> {
    spawn("signals", move || {
        let mut was_warned = false;
        for signal in signals.forever() {
            // Without a server there is only the last row to wait for. A client that ends the
            // session by the book asks once; whoever asks again does not want to wait.
            if news.send(News::Signal(signal)).is_err() && std::mem::replace(&mut was_warned, true)
            {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    })
}

/// Tells the exit without taking the server's number away, so that nothing meant for it can hit
/// another process.
fn watch_exit(pid: Pid, news: Sender<News>) -> io::Result<()> {
    spawn("exit", move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(pid), options).is_err_and(|error| error == Errno::INTR) {}
        let _ = news.send(News::Happened(Happening::Exited));
    })
}

fn start_input(server: OwnedFd, copies: &Arc<Copies>, news: Sender<News>) -> io::Result<()> {
    let pump = Pump {
        from: File::from(io::stdin().as_fd().try_clone_to_owned()?),
        to: File::from(server),
        direction: Direction::ToServer,
        copies: Arc::clone(copies),
        progress: Arc::default(),
    };
    spawn("input", move || {
        if pump.run().is_ok() {
            let _ = news.send(News::Happened(Happening::StdinEnded));
        } else if let Ok(nothing) = File::open("/dev/null") {
            // The server takes no more: its client is to notice, as it would without us.
            let _ = rustix::stdio::dup2_stdin(nothing);
        }
    })
}

fn start_output(
    server: OwnedFd,
    copies: &Arc<Copies>,
    progress: Arc<Progress>,
    news: Sender<News>,
) -> io::Result<()> {
    let pump = Pump {
        from: File::from(server),
        to: File::from(io::stdout().as_fd().try_clone_to_owned()?),
        direction: Direction::ToClient,
        copies: Arc::clone(copies),
        progress,
    };
    spawn("output", move || {
        // An error means that the client takes no more; with our end closed the server learns it.
        let _ = pump.run();
        if let Ok(nothing) = File::options().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdout(nothing);
        }
        let _ = news.send(News::Happened(Happening::StdoutEnded));
    })
}
