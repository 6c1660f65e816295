//! Faults 4 and 5: another process holds the store's write lock, and one reads it for a long time.

use super::checker::{compare, open};
use super::ledger::Ledger;
use super::program::{Place, append_to, pause};
use super::report::Outcome;
use anyhow::{Context, Result};
use rusqlite::Connection;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Fault 4: nobody can write for a while.
pub(crate) fn run_locked(place: &mut Place) -> Result<Outcome> {
    // Longer than the recorder waits by itself, so that it has to try again: SQLite adds up the pauses that it asks
    // for, which are longer on a busy machine.
    let (seconds, lines) = place.length.pick((12, 15_000), (30, 100_000));
    let mut outcome = Outcome::new(format!(
        "Another process holds `BEGIN IMMEDIATE` for {seconds} s while {lines} lines are written."
    ));
    let (store, source) = (place.path("store.db"), place.path("proxy.log"));
    let mut ledger = Ledger::new(place.random.fork());
    let mut log = append_to(&source)?;
    ledger.write(100, &mut log)?;
    let mut recorder = place.recorder(&store, &[source.as_os_str()])?;
    recorder.until_stored(&store, 100)?;
    let holder = Connection::open(&store).context("open the store")?;
    holder.busy_timeout(Duration::from_secs(5))?;
    holder.execute_batch("BEGIN IMMEDIATE")?;
    let held = Instant::now();
    for _ in 0..lines / 100 {
        log.write_all(ledger.lines(100).as_bytes())?;
        pause(Duration::from_secs(seconds) / (lines / 100));
    }
    pause(Duration::from_secs(seconds).saturating_sub(held.elapsed()));
    holder.execute_batch("COMMIT")?;
    let released = Instant::now();
    recorder.until_stored(&store, ledger.len())?;
    let caught_up = released.elapsed();
    let memory = recorder.peak_memory();
    let (code, messages) = recorder.stop()?;
    outcome.must(code == Some(0), || {
        format!("the recorder ended with {code:?}: {messages}")
    });
    outcome.must(messages.contains("warning:"), || {
        "a busy store was not reported".to_owned()
    });
    compare(&store, &ledger)?.note(&mut outcome);
    outcome.figure("peak of held events, as warned of", peak_held(&messages));
    outcome.figure("peak memory, MB", megabytes(memory));
    outcome.figure(
        "seconds until everything was stored",
        format!("{:.2}", caught_up.as_secs_f64()),
    );
    Ok(outcome)
}

/// The most events that a warning has reported as held.
fn peak_held(messages: &str) -> u64 {
    let held = messages.split(" events held").filter_map(|before| {
        let number = before.rsplit(' ').next()?;
        number.parse::<u64>().ok()
    });
    held.max().unwrap_or(0)
}

/// Fault 5: a reader's snapshot keeps the write-ahead log from being emptied.
pub(crate) fn run_reader(place: &mut Place) -> Result<Outcome> {
    let lines = place.length.pick(20_000, 100_000);
    let mut outcome = Outcome::new(format!(
        "A reader holds a snapshot while {lines} lines are stored, and then lets go."
    ));
    let (store, source) = (place.path("store.db"), place.path("proxy.log"));
    let mut ledger = Ledger::new(place.random.fork());
    let mut log = append_to(&source)?;
    ledger.write(100, &mut log)?;
    let mut recorder = place.recorder(&store, &[source.as_os_str()])?;
    recorder.until_stored(&store, 100)?;
    let reader = open(&store)?;
    reader.execute_batch("BEGIN")?;
    let count = |reader: &Connection| -> Result<i64> {
        Ok(reader.query_row("SELECT count(*) FROM requests", [], |row| row.get(0))?)
    };
    let before = count(&reader)?;
    ledger.write(lines, &mut log)?;
    recorder.until_stored(&store, ledger.len())?;
    let largest = log_size(&store);
    let after = count(&reader)?;
    outcome.must(before == after, || {
        "the reader's snapshot changed".to_owned()
    });
    reader.execute_batch("COMMIT")?;
    // One more line, so that the recorder comes to its next idle moment.
    ledger.write(1, &mut log)?;
    recorder.until_stored(&store, ledger.len())?;
    let released = Instant::now();
    while log_size(&store) > 0 && released.elapsed() < Duration::from_secs(10) {
        pause(Duration::from_millis(50));
    }
    let emptied = released.elapsed();
    outcome.must(log_size(&store) == 0, || {
        "the write-ahead log was not emptied within 10 s".to_owned()
    });
    outcome.figure("write-ahead log while it was read, MB", megabytes(largest));
    outcome.figure(
        "seconds until the log was empty again",
        format!("{:.2}", emptied.as_secs_f64()),
    );
    let (code, messages) = recorder.stop()?;
    outcome.must(code == Some(0), || {
        format!("the recorder ended with {code:?}: {messages}")
    });
    compare(&store, &ledger)?.note(&mut outcome);
    Ok(outcome)
}

fn log_size(store: &Path) -> u64 {
    let mut log = store.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).map_or(0, |log| log.len())
}

/// Bytes as a person reads them.
pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}
