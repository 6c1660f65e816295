//! Fault 3: the system's calls on the store fail, as a failing disk would have them.

use super::checker::compare;
use super::ledger::Ledger;
use super::program::{Place, Recorder, append_to};
use super::report::Outcome;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// The calls that the recorder makes on its store, and how each can fail.
const CALLS: [(&str, &str); 7] = [
    ("fsync", "EIO"),
    ("pwrite64", "EIO"),
    ("pwrite64", "ENOSPC"),
    ("pread64", "EIO"),
    ("ftruncate", "EIO"),
    ("fcntl", "ENOLCK"),
    ("unlink", "EIO"),
];

/// What became of one run.
#[derive(Debug, Default)]
struct Count {
    runs: u64,
    /// Runs in which the call was made often enough for its failure.
    injected: u64,
    reported: u64,
    ended_in_error: u64,
    silent: u64,
    lost: u64,
    repeated: u64,
    damaged: u64,
}

pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    if let Err(why) = can_inject() {
        return Ok(Outcome::skipped(why));
    }
    let (runs, lines) = place.length.pick((4, 1_500), (20, 4_000));
    let mut outcome = Outcome::new(format!(
        "`strace` has one call of the recorder fail, or several in a row, while it reads {lines} lines \
         into a store in commits of 50; {runs} failures of each call, at random places, half of \
         them with a store that is there already. A silent error is a run that \
         ended well and left a line out. Afterwards the recorder runs once more, undisturbed."
    ));
    let mut ledger = Ledger::new(place.random.fork());
    let source = place.path("proxy.log");
    ledger.write(lines, &mut append_to(&source)?)?;
    append_to(&place.path("empty.log"))?;
    for (call, error) in CALLS {
        let mut count = Count::default();
        while count.injected < runs && count.runs < 4 * runs {
            disturb(place, Fault { call, error }, &source, &ledger, &mut count)
                .with_context(|| format!("{call} {error}"))?;
        }
        outcome.must(count.injected > 0, || {
            format!("{call} {error}: never injected")
        });
        let Count {
            injected,
            reported,
            ended_in_error,
            ..
        } = count;
        outcome.figure(
            format!("{call} {error}"),
            format!("{injected} injected, {reported} reported, {ended_in_error} ended in an error"),
        );
        outcome.none_of(&format!("{call} {error}: silent errors"), count.silent);
        let wrong = count.lost + count.repeated;
        outcome.none_of(&format!("{call} {error}: lines lost or repeated"), wrong);
        outcome.none_of(&format!("{call} {error}: damaged stores"), count.damaged);
    }
    Ok(outcome)
}

/// Whether calls can be made to fail here.
fn can_inject() -> Result<(), String> {
    let output = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=fsync",
            "-e",
            "inject=fsync:error=EIO",
            "true",
        ])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("strace cannot be run: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        let messages = String::from_utf8_lossy(&output.stderr);
        Err(format!("strace cannot trace here: {}", messages.trim()))
    }
}

/// A system call that fails, and the error that it fails with.
#[derive(Clone, Copy)]
struct Fault<'a> {
    call: &'a str,
    error: &'a str,
}

/// One run with a failing call, and one without after it.
fn disturb(
    place: &mut Place,
    fault: Fault<'_>,
    source: &Path,
    ledger: &Ledger,
    count: &mut Count,
) -> Result<()> {
    let Fault { call, error } = fault;
    count.runs += 1;
    let directory = place.make_directory(&format!("{call}-{error}-{}", count.runs))?;
    let (store, trace) = (directory.join("store.db"), directory.join("trace"));
    // Where a call is made seldom, the later ones never come.
    let latest = 40 / (1 + count.runs - count.injected);
    let (first, more) = (place.random.u64(1..latest.max(3)), place.random.u64(0..4));
    if count.runs.is_multiple_of(2) {
        // Opening a store that is there makes few calls: the failures meet commits.
        place.catch_up(&store, OsStr::new("empty.log"))?;
    }
    let calls = format!("inject={call}:error={error}:when={first}..{}", first + more);
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "--seccomp-bpf", "-o"])
        .arg(&trace)
        .args(["-e", &format!("trace={call}"), "-e", &calls])
        // Calls on other files, those of the program loader for one, are left alone.
        .args(paths_of(&store))
        .arg(place.program())
        .args(["record", "--once", "--batch-size", "50", "--db"])
        .args([&store, source]);
    place.in_place(&mut command);
    let (code, messages) = Recorder::start(command, directory.join("messages"))?.wait()?;
    let traced = std::fs::read_to_string(&trace).context("read the trace")?;
    if !traced.contains("INJECTED") {
        return Ok(());
    }
    count.injected += 1;
    count.reported += u64::from(messages.contains("warning:") || messages.contains("error:"));
    if code == Some(0) {
        count.silent += u64::from(!compare(&store, ledger)?.is_none());
    } else {
        count.ended_in_error += u64::from(messages.contains("error:"));
        anyhow::ensure!(
            messages.contains("error:"),
            "ended with {code:?} and printed: {messages}"
        );
    }
    place.catch_up(&store, source.as_os_str())?;
    let found = compare(&store, ledger)?;
    count.lost += found.lost;
    count.repeated += found.repeated + found.changed + found.foreign;
    count.damaged += u64::from(!place.is_whole(&store)?);
    std::fs::remove_dir_all(&directory).context("clear a run away")
}

/// What has strace look at the store's own files alone.
fn paths_of(store: &Path) -> Vec<std::ffi::OsString> {
    let mut arguments = Vec::new();
    for suffix in ["", "-wal", "-journal", "-shm"] {
        let mut path = store.as_os_str().to_owned();
        path.push(suffix);
        arguments.extend([OsStr::new("-P").to_owned(), path]);
    }
    arguments
}
