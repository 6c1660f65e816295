//! The recorder as the faults run it: in a directory of its own, with a store of its own.

use super::{Length, checker};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long is waited for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Where a fault happens: a directory, the program, how long a run is asked for, and chance.
pub(crate) struct Place {
    directory: tempfile::TempDir,
    program: PathBuf,
    pub(crate) length: Length,
    pub(crate) random: fastrand::Rng,
    runs: AtomicU32,
}

impl Place {
    pub(crate) fn new(below: &Path, program: &Path, length: Length, seed: u64) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("mcpr-faults-")
            .tempdir_in(below)
            .context("make a directory for the fault")?;
        Ok(Self {
            directory,
            program: program.canonicalize().context("find the program")?,
            length,
            random: fastrand::Rng::with_seed(seed),
            runs: AtomicU32::new(0),
        })
    }

    /// Leaves everything where it is.
    pub(crate) fn keep(self) -> PathBuf {
        self.directory.keep()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A directory that is made.
    pub(crate) fn make_directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::create_dir_all(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(path)
    }

    /// The program's file.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// The program, not started yet.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        self.in_place(&mut command);
        command
    }

    /// Has a command run here, with nothing of the machine's own settings.
    pub(crate) fn in_place(&self, command: &mut Command) {
        command
            .env_remove("MCPR_DB")
            .env("HOME", self.directory.path())
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
    }

    /// A recorder of a source, whose messages go into a file.
    pub(crate) fn recorder(&self, store: &Path, more: &[&OsStr]) -> Result<Recorder> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let messages = self.path(&format!("messages-{run}"));
        let mut command = self.command(&[OsStr::new("record"), OsStr::new("--db")]);
        command.arg(store).args(more);
        Recorder::start(command, messages)
    }

    /// Runs the program to its end.
    pub(crate) fn output<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Output> {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .context("run the program")
    }

    /// Reads everything that waits in a source, to its end.
    pub(crate) fn catch_up(&self, store: &Path, source: &OsStr) -> Result<()> {
        let mut arguments = ["record", "--once", "--db"].map(OsStr::new).to_vec();
        arguments.extend([store.as_os_str(), source]);
        let output = self.output(&arguments)?;
        let messages = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "record --once failed: {messages}");
        Ok(())
    }

    /// Whether `store verify --full` finds a store whole.
    pub(crate) fn is_whole(&self, store: &Path) -> Result<bool> {
        let mut arguments = ["store", "verify", "--full", "--db"]
            .map(OsStr::new)
            .to_vec();
        arguments.push(store.as_os_str());
        Ok(self.output(&arguments)?.status.code() == Some(0))
    }
}

/// A recorder that runs.
pub(crate) struct Recorder {
    child: Child,
    messages: PathBuf,
}

impl Recorder {
    /// Starts a command that is, or runs, a recorder.
    pub(crate) fn start(mut command: Command, messages: PathBuf) -> Result<Self> {
        let file = File::create(&messages).context("make a file for the messages")?;
        let child = command.stderr(file).spawn().context("start the recorder")?;
        Ok(Self { child, messages })
    }

    /// What it has printed so far.
    pub(crate) fn messages(&self) -> String {
        std::fs::read(&self.messages).map_or_else(
            |_| String::new(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end.
    pub(crate) fn ask_to_end(&self) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("a process has an id")?, Signal::TERM).context("send a signal")
    }

    /// Asks it to end and gives its code and what it printed.
    pub(crate) fn stop(self) -> Result<(Option<i32>, String)> {
        self.ask_to_end()?;
        self.wait()
    }

    /// Waits for its end; gives its code and what it printed.
    pub(crate) fn wait(mut self) -> Result<(Option<i32>, String)> {
        let began = Instant::now();
        while !self.has_ended()? {
            if began.elapsed() > PATIENCE {
                self.child.kill()?;
                bail!("the recorder did not end: {}", self.messages());
            }
            pause(Duration::from_millis(5));
        }
        Ok((self.child.wait()?.code(), self.messages()))
    }

    /// The most memory that it has held so far, in bytes, where the system reports it.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|it| it.trim().strip_suffix("kB")?.trim().parse().ok());
        kibibytes.map_or(0, |kibibytes: u64| kibibytes * 1024)
    }

    /// Waits until a store holds so many rows.
    pub(crate) fn until_stored(&mut self, store: &Path, rows: usize) -> Result<()> {
        let began = Instant::now();
        loop {
            let stored = checker::count(store);
            if stored >= rows {
                return Ok(());
            }
            let has_ended = self.has_ended()?;
            ensure!(
                began.elapsed() < PATIENCE && !has_ended,
                "{stored} of {rows} rows are stored: {}",
                self.messages()
            );
            pause(Duration::from_millis(20));
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // One that was waited for is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens a log as a program that appends to it.
pub(crate) fn append_to(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("open {}", path.display()))
}

/// Lets time pass: chance decides how far the recorder gets.
pub(crate) fn pause(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}
