//! The built program as tests run it: in a home of its own, with a store of its own.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a finished run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Whoever runs the tests may ignore what the keyboard sends, as a shell does for a job in the
/// background, and programs inherit that. A signal that is handled here, even by its usual effect,
/// is not ignored in what is started.
fn let_signals_through() {
    use signal_hook::consts::{SIGINT, SIGQUIT};
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGINT, SIGQUIT] {
            let always = Arc::new(AtomicBool::new(true));
            signal_hook::flag::register_conditional_default(signal, always).unwrap();
        }
    });
}

/// A home directory with nothing in it.
pub(crate) struct Home {
    directory: tempfile::TempDir,
    /// The store that its runs take where no other is named.
    db: Option<String>,
}

impl Home {
    pub(crate) fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        std::fs::create_dir(outer.path().join("home")).unwrap();
        Self {
            directory: outer,
            db: None,
        }
    }

    /// The same, with another store than the default one: a URL whose end is a name in the home.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn with_store(scheme: &str, name: &str) -> Self {
        let home = Self::new();
        let db = format!("{scheme}:{}", home.path(name).display());
        Self {
            db: Some(db),
            ..home
        }
    }

    /// In a directory of its own: a recorder looks for rotated files in the directories beside the log's,
    /// and those of other tests hold the same lines.
    fn root(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path(".mcpr/recorder.db")
    }

    /// Writes a file into the home.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The program, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let_signals_through();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcpr"));
        command
            .args(arguments)
            .env_clear()
            .envs(self.db.iter().map(|db| ("MCPR_DB", db)))
            .env("HOME", self.root())
            .env("TZ", "UTC")
            // What is recorded in tests is of all times, and stays.
            .env("MCPR_KEEP", "off")
            .env("MCPR_KEEP_PAYLOADS", "off")
            .current_dir(self.root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs the program, which must succeed, and gives what it printed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.out
    }

    /// Records files to their end and gives the closing line.
    pub(crate) fn record(&self, files: &[&Path]) -> String {
        let mut arguments = vec!["record", "--once"];
        arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
        let ran = self.run(&arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.err
    }

    /// Every row there is by now, which may be none.
    pub(crate) fn rows_or_none(&self) -> Vec<Value> {
        let ran = self.run(&["logs", "--json", "--tail", "all", "--kind", "all"]);
        json_lines(&ran.out)
    }

    /// Every recorded row as JSON, in order.
    pub(crate) fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let mut all = vec!["logs", "--json", "--tail", "all", "--kind", "all"];
        all.extend(arguments);
        json_lines(&self.succeed(&all))
    }
}

/// Reads one JSON value a line.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A file of the captures.
pub(crate) fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// Waits until something is true, and fails the test if it never is.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Sends a signal to a running program.
pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = i32::try_from(child.id()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}
