//! Fault 2: the disk under the store is full for a while.

use super::Length;
use super::checker::compare;
use super::ledger::Ledger;
use super::program::{PATIENCE, Place, append_to, pause};
use super::report::Outcome;
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A file system in memory, which is let go with this value.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// Mounts one of a size; gives the reason where that cannot be.
    pub(crate) fn new(at: &Path, options: &str) -> Result<Self, String> {
        mount(&["-t", "tmpfs", "-o", options, "mcpr-faults"], at)?;
        Ok(Self(at.to_owned()))
    }

    /// Changes its options while it is in use.
    pub(crate) fn remount(&self, options: &str) -> Result<(), String> {
        mount(&["-o", &format!("remount,{options}")], &self.0)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What is in use still is let go with its last user.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> Result<(), String> {
    let output = Command::new("mount")
        .args(arguments)
        .arg(at)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("mount cannot be run: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        let messages = String::from_utf8_lossy(&output.stderr);
        Err(format!("no tmpfs can be mounted here: {}", messages.trim()))
    }
}

pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    let lines = place.length.pick(20_000, 200_000);
    let at = place.make_directory("small")?;
    let small = match Mount::new(&at, "size=2m") {
        Ok(mount) => mount,
        Err(why) => return Ok(Outcome::skipped(why)),
    };
    let mut outcome = Outcome::new(
        "The store lies on a tmpfs of 2 MB, which fills up while lines are written; then it is \
         enlarged to 256 MB. In a full run the same once more, with a recorder that is stopped while \
         the disk is full.",
    );
    let (store, source) = (at.join("store.db"), place.path("proxy.log"));
    let mut ledger = Ledger::new(place.random.fork());
    let mut log = append_to(&source)?;
    ledger.write(lines, &mut log)?;
    let mut recorder = place.recorder(&store, &[source.as_os_str()])?;
    let began = Instant::now();
    while !recorder.messages().contains("full") {
        ensure!(
            began.elapsed() < PATIENCE && !recorder.has_ended()?,
            "a full disk was not reported: {}",
            recorder.messages()
        );
        pause(Duration::from_millis(5));
    }
    ledger.write(lines, &mut log)?;
    pause(Duration::from_millis(500));
    small.remount("size=256m").map_err(anyhow::Error::msg)?;
    let enlarged = Instant::now();
    recorder.until_stored(&store, super::checker::count(&store) + 1)?;
    let resumed = enlarged.elapsed();
    recorder.until_stored(&store, ledger.len())?;
    let (code, messages) = recorder.stop()?;
    outcome.must(code == Some(0), || {
        format!("the recorder ended with {code:?}: {messages}")
    });
    outcome.figure("seconds to resume", format!("{:.2}", resumed.as_secs_f64()));
    outcome.figure("lines written", ledger.len());
    compare(&store, &ledger)?.note(&mut outcome);
    let is_whole = place.is_whole(&store)?;
    outcome.must(is_whole, || "store verify --full found damage".to_owned());
    drop(small);
    match place.length {
        Length::Full => stopped_while_full(place, &mut outcome)?,
        Length::Quick => outcome.skip_part("a recorder that is stopped meanwhile: `--full` only"),
    }
    Ok(outcome)
}

/// A recorder that is stopped while the disk is full says so, and the next one loses nothing.
fn stopped_while_full(place: &mut Place, outcome: &mut Outcome) -> Result<()> {
    let at = place.make_directory("small-again")?;
    let small = Mount::new(&at, "size=2m").map_err(anyhow::Error::msg)?;
    let (store, source) = (at.join("store.db"), place.path("again.log"));
    let mut ledger = Ledger::new(place.random.fork());
    ledger.write(20_000, &mut append_to(&source)?)?;
    let mut recorder = place.recorder(&store, &[source.as_os_str()])?;
    let began = Instant::now();
    while !recorder.messages().contains("full") {
        ensure!(
            began.elapsed() < PATIENCE && !recorder.has_ended()?,
            "a full disk was not reported: {}",
            recorder.messages()
        );
        pause(Duration::from_millis(5));
    }
    let stopped = Instant::now();
    let (code, messages) = recorder.stop()?;
    outcome.figure(
        "stopped while full: seconds to end",
        stopped.elapsed().as_secs(),
    );
    outcome.must(
        code.is_some_and(|code| code != 0) && messages.contains("error:"),
        || format!("a recorder that could not store everything ended with {code:?}: {messages}"),
    );
    small.remount("size=256m").map_err(anyhow::Error::msg)?;
    place.catch_up(&store, source.as_os_str())?;
    let found = compare(&store, &ledger)?;
    outcome.none_of(
        "stopped while full: lines lost or repeated",
        found.lost + found.repeated,
    );
    outcome.must(found.is_none(), || format!("after the restart: {found:?}"));
    Ok(())
}
