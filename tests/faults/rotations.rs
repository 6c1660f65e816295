//! Fault 6: every way in which a log is rotated, while the recorder runs, while it does not, and in
//! the middle of a line.

use super::checker::{Difference, compare};
use super::log::{Log, Way};
use super::program::{Place, Recorder, pause};
use super::report::Outcome;
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Duration;

/// Long enough for the recorder to have looked, by its timer alone.
const A_LOOK: Duration = Duration::from_millis(350);

/// What the recorder does while the log is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Running,
    Stopped,
    /// It runs and has seen the first half of a line.
    MidLine,
}

const MOMENTS: [(Moment, &str); 3] = [
    (Moment::Running, "running"),
    (Moment::Stopped, "stopped"),
    (Moment::MidLine, "mid-line"),
];

pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    let rotations = place.length.pick(2, 15);
    let mut outcome = Outcome::new(format!(
        "{rotations} rotations a cell while lines are written in pieces. What no reader can know is \
         left out: a log that is cut or deleted without a copy was read to its end before, and \
         nothing is written between a copy and the truncation that follows it."
    ));
    let mut same_inodes = (0, 0);
    for (way, name) in Way::ALL {
        let random = MOMENTS.map(|_| place.random.fork());
        let place = &*place;
        let cells = std::thread::scope(|scope| {
            let start = |((moment, called), random)| {
                let cell = Cell {
                    place,
                    name: format!("{way:?}-{moment:?}"),
                    moment,
                };
                (
                    called,
                    scope.spawn(move || cell.run(way, rotations, random)),
                )
            };
            let running: Vec<_> = MOMENTS.into_iter().zip(random).map(start).collect();
            let join = |(called, thread): (_, std::thread::ScopedJoinHandle<'_, Result<_>>)| {
                (called, thread.join().expect("a cell returns its errors"))
            };
            running.into_iter().map(join).collect::<Vec<_>>()
        });
        for (called, cell) in cells {
            let (found, log) = cell.with_context(|| format!("{name}, {called}"))?;
            let Difference { lost, repeated, .. } = found;
            let lines = log.ledger.len();
            outcome.figure(
                format!("{name}, {called}"),
                format!("{lost} lost, {repeated} repeated of {lines}"),
            );
            outcome.must(found.is_none(), || format!("{name}, {called}: {found:?}"));
            same_inodes.0 += log.same_inodes;
            same_inodes.1 += log.recreated;
        }
    }
    outcome.figure(
        "recreated files that got the inode of the deleted one",
        format!("{} of {}", same_inodes.0, same_inodes.1),
    );
    Ok(outcome)
}

/// One way at one moment.
struct Cell<'a> {
    place: &'a Place,
    name: String,
    moment: Moment,
}

impl Cell<'_> {
    fn run(&self, way: Way, rotations: u32, random: fastrand::Rng) -> Result<(Difference, Log)> {
        let directory = self.place.make_directory(&self.name)?;
        let store = self.place.path(&format!("{}.db", self.name));
        let mut log = Log::new(&directory, way, random)?;
        let mut recorder = self.start(&store, &log)?;
        for _ in 0..rotations {
            grow(&mut log)?;
            recorder.until_stored(&store, log.first_of_file + 1)?;
            if way.discards() {
                recorder.until_stored(&store, log.ledger.len())?;
            }
            match self.moment {
                Moment::Running => log.rotate(None)?,
                Moment::MidLine => {
                    let half = log.write_half_line()?;
                    pause(A_LOOK);
                    log.rotate(Some(&half))?;
                }
                Moment::Stopped => {
                    recorder.stop()?;
                    if !way.discards() {
                        log.grow()?;
                    }
                    log.rotate(None)?;
                    log.grow()?;
                    recorder = self.start(&store, &log)?;
                }
            }
            grow(&mut log)?;
        }
        recorder.until_stored(&store, log.ledger.len())?;
        let (code, messages) = recorder.stop()?;
        anyhow::ensure!(
            code == Some(0),
            "the recorder ended with {code:?}: {messages}"
        );
        self.place.catch_up(&store, log.source.as_os_str())?;
        Ok((compare(&store, &log.ledger)?, log))
    }

    fn start(&self, store: &Path, log: &Log) -> Result<Recorder> {
        self.place.recorder(store, &[log.source.as_os_str()])
    }
}

/// The load: lines in pieces, with a breath now and then.
fn grow(log: &mut Log) -> Result<()> {
    for _ in 0..4 {
        log.grow()?;
        pause(Duration::from_millis(log.random.u64(..6)));
    }
    Ok(())
}
