//! Fault 7: bits of the store are flipped, pages zeroed, its write-ahead log cut.

use super::checker::{VIEWS, compare, shown};
use super::ledger::Ledger;
use super::program::{Place, append_to};
use super::report::Outcome;
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// What came of damaging copies of a store.
#[derive(Debug, Default)]
struct Count {
    copies: u64,
    detected: u64,
    /// Not detected, and every view still shows what it showed.
    harmless: u64,
    /// Not detected, and some view shows something else: where it was damaged, and which view.
    missed: Vec<String>,
    panics: u64,
}

impl Count {
    fn note(&self, name: &str, outcome: &mut Outcome) {
        outcome.figure(format!("{name}: copies"), self.copies);
        outcome.figure(format!("{name}: detected"), self.detected);
        outcome.figure(
            format!("{name}: not detected, where nothing that is shown was changed"),
            self.harmless,
        );
        outcome.none_of(
            &format!("{name}: not detected though rows changed"),
            self.missed.len() as u64,
        );
        for missed in &self.missed {
            outcome.must(false, || format!("{name}: {missed}"));
        }
        outcome.none_of(&format!("{name}: panics"), self.panics);
    }
}

pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    let (flips, zeroed, cuts) = place.length.pick((40, 15, 10), (600, 100, 100));
    let mut outcome = Outcome::new(format!(
        "Copies of a store: {flips} with one bit flipped, {zeroed} with a page zeroed, {cuts} with \
         their write-ahead log cut or a bit of it flipped. Each copy is verified, listed and opened \
         for recording."
    ));
    let (store, source) = (place.path("store.db"), place.path("proxy.log"));
    let mut ledger = Ledger::new(place.random.fork());
    ledger.write(1_500, &mut append_to(&source)?)?;
    place.catch_up(&store, source.as_os_str())?;
    let whole = fs::read(&store).context("read the store")?;
    let before = shown(&store)?;
    let mut count = Count::default();
    for _ in 0..flips {
        let mut bytes = whole.clone();
        let (at, bit) = (place.random.usize(..whole.len()), place.random.u8(..8));
        bytes[at] ^= 1 << bit;
        let what = format!("bit {bit} of byte {} of page {}", at % PAGE, at / PAGE + 1);
        damaged(place, &bytes, &what, before, &mut count)?;
    }
    count.note("flipped bits", &mut outcome);
    let mut count = Count::default();
    let mut pages: Vec<usize> = (0..whole.len() / PAGE).collect();
    place.random.shuffle(&mut pages);
    for page in pages.into_iter().take(zeroed) {
        let mut bytes = whole.clone();
        bytes[page * PAGE..][..PAGE].fill(0);
        let what = format!("page {}", page + 1);
        damaged(place, &bytes, &what, before, &mut count)?;
    }
    count.note("zeroed pages", &mut outcome);
    damaged_logs(place, cuts, &mut outcome)?;
    Ok(outcome)
}

/// What each view shows.
type Shown = [Option<u64>; VIEWS.len()];

/// The size of a page of the store.
const PAGE: usize = 4096;

/// Whether a damaged copy is found to be damaged, and nothing panics.
fn damaged(
    place: &Place,
    bytes: &[u8],
    what: &str,
    before: Shown,
    count: &mut Count,
) -> Result<()> {
    let path = place.path("damaged.db");
    remove(&path)?;
    fs::write(&path, bytes)?;
    count.copies += 1;
    let code = run_on(place, &["store", "verify", "--full"], &path, count)?;
    run_on(place, &["logs", "--tail", "all", "--json"], &path, count)?;
    if code == Some(0) {
        let now = shown(&path).unwrap_or_default();
        let differ = (0..VIEWS.len()).filter(|&view| now[view] != before[view]);
        let differ: Vec<&str> = differ.map(|view| VIEWS[view]).collect();
        if differ.is_empty() {
            count.harmless += 1;
        } else {
            count.missed.push(format!("{what}: {}", differ.join(", ")));
        }
    } else {
        count.detected += 1;
    }
    // Last, for it may write.
    let empty = place.path("empty.log");
    append_to(&empty)?;
    let empty = empty.to_string_lossy();
    run_on(place, &["record", "--once", &empty], &path, count)?;
    Ok(())
}

/// Runs a command over a store; gives its code and counts a panic.
fn run_on(
    place: &Place,
    arguments: &[&str],
    store: &Path,
    count: &mut Count,
) -> Result<Option<i32>> {
    let mut all: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    all.extend([OsStr::new("--db"), store.as_os_str()]);
    let output = place.output(&all)?;
    let messages = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    let is_panic = messages.contains("panicked") || !matches!(code, Some(0..=2));
    count.panics += u64::from(is_panic);
    Ok(code)
}

/// A store whose recorder was killed has its last commits in the log alone. What is cut off the log is
/// as if it had never been committed: the recorder reads it again.
fn damaged_logs(place: &mut Place, cuts: u32, outcome: &mut Outcome) -> Result<()> {
    let (store, source) = (place.path("killed.db"), place.path("killed.log"));
    let mut ledger = Ledger::new(place.random.fork());
    let mut log = append_to(&source)?;
    let mut recorder = place.recorder(&store, &[source.as_os_str()])?;
    for _ in 0..10 {
        ledger.write(100, &mut log)?;
        recorder.until_stored(&store, ledger.len())?;
    }
    recorder.kill()?;
    let (main, wal) = (fs::read(&store)?, fs::read(beside(&store, "-wal"))?);
    ensure!(wal.len() > PAGE, "the killed recorder left no log");
    let (mut count, mut wrong, mut unread) = (Count::default(), 0, 0);
    let copy = place.path("cut.db");
    for round in 0..cuts {
        remove(&copy)?;
        let mut bytes = wal.clone();
        if round.is_multiple_of(2) {
            bytes.truncate(place.random.usize(..wal.len()));
        } else {
            bytes[place.random.usize(..wal.len())] ^= 1 << place.random.u8(..8);
        }
        fs::write(&copy, &main)?;
        fs::write(beside(&copy, "-wal"), bytes)?;
        count.copies += 1;
        let code = run_on(place, &["store", "verify", "--full"], &copy, &mut count)?;
        count.detected += u64::from(code != Some(0));
        if code == Some(0) {
            let found = compare(&copy, &ledger)?;
            unread += found.lost;
            wrong += found.repeated + found.changed + found.foreign;
        }
        place.catch_up(&copy, source.as_os_str())?;
        let found = compare(&copy, &ledger)?;
        outcome.must(found.is_none(), || {
            format!("after a damaged log: {found:?}")
        });
    }
    outcome.figure("damaged logs: copies", count.copies);
    outcome.figure("damaged logs: detected", count.detected);
    outcome.figure("damaged logs: lines taken back with them", unread);
    outcome.none_of("damaged logs: rows changed or repeated", wrong);
    outcome.none_of("damaged logs: panics", count.panics);
    Ok(())
}

fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(store: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let file = beside(store, suffix);
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
        }
    }
    Ok(())
}
