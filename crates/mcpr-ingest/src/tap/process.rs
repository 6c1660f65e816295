//! The server as a child process: two pumps that forward before they do anything else, signals
//! passed on, and an end that leaves nobody behind. Knows nothing of what the bytes mean.

use super::ending::{EndTimeouts, Ending, EndingAction, EndingEvent};
use super::family::{SignalScope, has_terminal};
use super::launch::{self, StartOptions, Started};
use super::pump::{Pump, PumpProgress, is_waiting};
use super::watcher::TapWatcher;
use super::{Copies, Direction, ErrorOutput, Moment, ServerEnd, ServerExit};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// What is passed on to the server instead of acting on the tap; what the tap was started to ignore,
/// both ignore.
const PASSED_ON: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];
/// How often something is looked at that cannot be waited for.
const POLL: Duration = Duration::from_millis(5);
/// How long the last copies may be under way after the end.
const LAST_COPIES: Duration = Duration::from_millis(200);

/// Whether a server outlives a tap that is killed.
#[derive(Debug)]
pub enum ServerLifetime {
    /// The kernel ends it, as Linux does: this is how this program is run to call
    /// [`super::become_server`]. The server dies with the thread that has started it.
    Kernel(Vec<OsString>),
    /// A process of its own ends it: this is how this program is run to call [`super::watch`].
    Watcher(Vec<OsString>),
}

impl ServerLifetime {
    fn helper(&self) -> Option<&[OsString]> {
        match self {
            Self::Kernel(helper) => Some(helper),
            Self::Watcher(_) => None,
        }
    }
}

/// The messages to the supervising thread.
#[derive(Debug)]
enum SupervisorEvent {
    Ending(EndingEvent),
    Signal {
        number: i32,
        /// Whether the terminal sent it, to everyone in the group.
        is_terminals: bool,
    },
}

/// A running server.
#[derive(Debug)]
pub struct TappedServer {
    child: Child,
    pid: Pid,
    family: SignalScope,
    watcher: Option<TapWatcher>,
    news: Receiver<SupervisorEvent>,
    copies: Arc<Copies>,
    output: Arc<PumpProgress>,
    /// What the server's output is read from, as long as its pump runs.
    pipe: Weak<File>,
    errors: Option<ErrorOutput>,
    is_hurried: Arc<AtomicBool>,
}

impl TappedServer {
    /// Starts a server, and the pumps between it and our streams. It is in the tap's process group
    /// where there is a terminal, else in one of its own. `lasts` says how it is to end with the tap.
    ///
    /// # Errors
    /// When the command cannot be run, or the pumps cannot be set up.
    pub fn start(
        command: &[OsString],
        lasts: &ServerLifetime,
        copies: Arc<Copies>,
    ) -> io::Result<Self> {
        // Caught from before the start on: a signal that comes early still finds its server.
        let ignored = ignored_signals();
        let caught = PASSED_ON.iter().filter(|number| !ignored.contains(number));
        let signals = SignalsInfo::<WithOrigin>::new(caught)?;
        let has_terminal = has_terminal();
        let Started {
            child,
            input,
            output,
            errors,
        } = launch::start(
            command,
            lasts.helper(),
            StartOptions {
                own_group: !has_terminal,
                // What is written on a terminal looks otherwise than what goes into a pipe, and people see it.
                with_errors: !io::stderr().is_terminal(),
            },
        )?;
        let pid = Pid::from_child(&child);
        let family = if has_terminal {
            SignalScope::Children(pid)
        } else {
            SignalScope::Group(pid)
        };
        let watcher = match lasts {
            // Where it cannot be started, the session goes on without it.
            ServerLifetime::Watcher(program) => TapWatcher::start(program, pid).ok(),
            ServerLifetime::Kernel(_) => None,
        };
        let (sender, news) = channel();
        let progress = Arc::new(PumpProgress::default());
        let is_hurried = Arc::default();
        watch_signals(signals, sender.clone(), Arc::clone(&is_hurried))?;
        watch_exit(pid, sender.clone())?;
        let errors = match errors {
            Some(errors) => Some(start_errors(errors, &copies)?),
            None => None,
        };
        start_input(input, &copies, sender.clone())?;
        let output = Arc::new(File::from(output));
        let pipe = Arc::downgrade(&output);
        start_output(output, &copies, Arc::clone(&progress), sender)?;
        Ok(Self {
            child,
            pid,
            family,
            watcher,
            news,
            copies,
            output: progress,
            pipe,
            errors,
            is_hurried,
        })
    }

    /// Set when a signal asks the tap to end whose server has ended already: whoever waits for the
    /// last rows then has no more time.
    #[must_use]
    pub fn hurry(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_hurried)
    }

    /// The server's process number.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        u32::try_from(self.pid.as_raw_nonzero().get()).ok()
    }

    /// What the server writes to its standard error, where that goes through the tap.
    #[must_use]
    pub fn errors(&self) -> Option<ErrorOutput> {
        self.errors.clone()
    }

    /// Stays until the server has ended and its last bytes are passed on.
    ///
    /// # Errors
    /// When the system does not say how the server ended.
    pub fn wait(mut self, patience: EndTimeouts) -> io::Result<ServerExit> {
        let ending = self.supervise(patience);
        let ended = match self.child.try_wait() {
            Ok(Some(status)) => ended(status),
            // It was killed and the system has not got round to it.
            Ok(None) => ServerExit::Signal(9),
            // We were started to ignore how children end: then nobody keeps it.
            Err(error) if error.raw_os_error() == Some(Errno::CHILD.raw_os_error()) => {
                ServerExit::Code(0)
            }
            Err(error) => return Err(error),
        };
        if let Some(watcher) = self.watcher.take() {
            watcher.dismiss();
        }
        let end = Instant::now() + LAST_COPIES;
        // What the server has started may hold its standard error open: that is not waited for.
        let has_more = |errors: &ErrorOutput| !errors.has_ended();
        while (self.copies.are_announced() || self.errors.as_ref().is_some_and(has_more))
            && Instant::now() < end
        {
            thread::park_timeout(POLL);
        }
        self.copies.note_end(ServerEnd {
            exit: ended,
            is_death: ending.is_death(ended),
        });
        self.copies.close(Moment::now());
        Ok(ended)
    }

    /// Does what has to be done until there is nothing more to stay for.
    fn supervise(&mut self, patience: EndTimeouts) -> Ending {
        let mut ending = Ending::new(patience);
        loop {
            // On a busy machine its pump may not have got round to what stands in the pipe.
            let is_due = ending.deadline().is_some_and(|at| at <= Instant::now());
            if is_due && self.pipe.upgrade().is_some_and(|pipe| is_waiting(&pipe)) {
                ending.note(EndingEvent::Output, Instant::now());
            }
            while let Some(action) = ending.due(Instant::now()) {
                match action {
                    // The tap may be killed before the server has ended, and the rows with it.
                    EndingAction::Settle => self.copies.close(Moment::now()),
                    EndingAction::Kill => self.family.signal(Signal::KILL),
                    EndingAction::Leave => return ending,
                }
            }
            let news = self.next_news(ending.deadline());
            let now = Instant::now();
            if let Some(at) = self.output.last(now) {
                ending.note(EndingEvent::Output, at);
            }
            match news {
                Some(SupervisorEvent::Ending(event)) => ending.note(event, now),
                Some(SupervisorEvent::Signal {
                    number,
                    is_terminals,
                }) => {
                    if !(is_terminals && self.family.shares_terminal()) {
                        pass_on(self.pid, number);
                    }
                    if matches!(number, SIGTERM | SIGINT | SIGHUP | SIGQUIT) {
                        ending.note(EndingEvent::AskedToEnd, now);
                    }
                }
                None => {}
            }
        }
    }

    fn next_news(&self, deadline: Option<Instant>) -> Option<SupervisorEvent> {
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

fn ended(status: ExitStatus) -> ServerExit {
    match (status.code(), status.signal()) {
        (Some(code), _) => ServerExit::Code(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        (None, signal) => ServerExit::Signal(u8::try_from(signal.unwrap_or(0)).unwrap_or(u8::MAX)),
    }
}

/// A signal is for the server alone, as it would be without a tap between.
fn pass_on(pid: Pid, number: i32) {
    if let Some(signal) = Signal::from_named_raw(number) {
        // The server may be gone, which its own watcher reports.
        let _ = kill_process(pid, signal);
    }
}

/// The signals that we were started to ignore, where the system reports it.
#[must_use]
pub fn ignored_signals() -> Vec<i32> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 stands for signal 1.
    let is_ignored = |number: &i32| mask.unwrap_or(0) >> (number - 1) & 1 == 1;
    (1..=64).filter(is_ignored).collect()
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("mcpr-tap {name}"))
        .spawn(work)
        .map(drop)
}

fn watch_signals(
    mut signals: SignalsInfo<WithOrigin>,
    news: Sender<SupervisorEvent>,
    is_hurried: Arc<AtomicBool>,
) -> io::Result<()> {
    spawn("signals", move || {
        let mut was_warned = false;
        for origin in signals.forever() {
            let number = origin.signal;
            // Whoever sends a signal by hand has a number; the terminal has none.
            let is_terminals = origin.process.is_none();
            let signal = SupervisorEvent::Signal {
                number,
                is_terminals,
            };
            if news.send(signal).is_ok() {
                continue;
            }
            // Without a server there are only the last rows to wait for. A client that ends the
            // session by the book asks once, and kills later: until then they can be saved. Whoever
            // asks again does not want to wait.
            is_hurried.store(true, Ordering::Release);
            if std::mem::replace(&mut was_warned, true) {
                let _ = signal_hook::low_level::emulate_default_handler(number);
            }
        }
    })
}

/// Reports the exit without taking the server's number away, so that nothing meant for it can hit
/// another process.
fn watch_exit(pid: Pid, news: Sender<SupervisorEvent>) -> io::Result<()> {
    spawn("exit", move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(pid), options).is_err_and(|error| error == Errno::INTR) {}
        let _ = news.send(SupervisorEvent::Ending(EndingEvent::Exited));
    })
}

fn start_errors(server: OwnedFd, copies: &Arc<Copies>) -> io::Result<ErrorOutput> {
    let errors = ErrorOutput::default();
    errors.pump(server, Arc::clone(copies))?;
    Ok(errors)
}

fn start_input(
    server: OwnedFd,
    copies: &Arc<Copies>,
    news: Sender<SupervisorEvent>,
) -> io::Result<()> {
    let mut pump = Pump {
        from: Arc::new(File::from(io::stdin().as_fd().try_clone_to_owned()?)),
        to: File::from(server),
        direction: Direction::ToServer,
        copies: Arc::clone(copies),
        progress: Arc::default(),
        shares_terminal: io::stdin().is_terminal(),
    };
    spawn("input", move || {
        let passed = pump.run();
        if passed.is_ok() {
            // Before the server learns of it, whose end would else seem to come first.
            let _ = news.send(SupervisorEvent::Ending(EndingEvent::StdinEnded));
        }
        drop(pump);
        if passed.is_err()
            && let Ok(nothing) = File::open("/dev/null")
        {
            // The server takes no more: its client is to notice, as it would without us.
            let _ = rustix::stdio::dup2_stdin(nothing);
        }
    })
}

fn start_output(
    server: Arc<File>,
    copies: &Arc<Copies>,
    progress: Arc<PumpProgress>,
    news: Sender<SupervisorEvent>,
) -> io::Result<()> {
    let mut pump = Pump {
        from: server,
        to: File::from(io::stdout().as_fd().try_clone_to_owned()?),
        direction: Direction::ToClient,
        copies: Arc::clone(copies),
        progress,
        shares_terminal: false,
    };
    spawn("output", move || {
        // An error means that the client takes no more; with our end closed the server learns it.
        let _ = pump.run();
        drop(pump);
        if let Ok(nothing) = File::options().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stdout(nothing);
        }
        let _ = news.send(SupervisorEvent::Ending(EndingEvent::StdoutEnded));
    })
}
