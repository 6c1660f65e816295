//! Fault 9: very many lines wait, and the recorder is stopped midway.

use super::busy::megabytes;
use super::checker::{compare, count};
use super::ledger::Ledger;
use super::program::{Place, append_to, pause};
use super::report::Outcome;
use anyhow::Result;
use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    let lines = place.length.pick(100_000, 1_000_000);
    let mut outcome = Outcome::new(format!(
        "{lines} lines wait; SIGTERM comes when about half of them are stored; then a second recorder \
         reads the rest."
    ));
    let (store, source) = (place.path("store.db"), place.path("proxy.log"));
    let mut ledger = Ledger::new(place.random.fork());
    let mut log = BufWriter::new(append_to(&source)?);
    ledger.write(lines, &mut log)?;
    log.flush()?;
    let mut recorder = place.recorder(&store, &[source.as_os_str()])?;
    recorder.until_stored(&store, lines / 2)?;
    let first_peak = recorder.peak_memory();
    let asked = Instant::now();
    let (code, messages) = recorder.stop()?;
    outcome.must(code == Some(0), || {
        format!("the recorder ended with {code:?}: {messages}")
    });
    outcome.figure(
        "seconds from SIGTERM to its end",
        format!("{:.2}", asked.elapsed().as_secs_f64()),
    );
    let midway = count(&store);
    outcome.must(midway < lines, || {
        "it had stored everything before SIGTERM came".to_owned()
    });
    outcome.figure("rows stored by then", midway);

    let began = Instant::now();
    let mut recorder = place.recorder(&store, &[OsStr::new("--once"), source.as_os_str()])?;
    let mut peak = first_peak;
    while !recorder.has_ended()? {
        peak = peak.max(recorder.peak_memory());
        pause(Duration::from_millis(5));
    }
    let took = began.elapsed();
    let (code, messages) = recorder.wait()?;
    outcome.must(code == Some(0), || {
        format!("the second recorder ended with {code:?}: {messages}")
    });
    let rate = (lines - midway) as u128 * 1_000_000 / took.as_micros().max(1);
    outcome.figure("rows/s of the second recorder", rate);
    outcome.figure("peak memory, MB", megabytes(peak));
    let found = compare(&store, &ledger)?;
    found.note(&mut outcome);
    outcome.none_of("rows out of order", found.out_of_order);
    Ok(outcome)
}
