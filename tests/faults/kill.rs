//! Fault 1: the recorder is killed at random moments while its source grows and rotates.

use super::checker::compare;
use super::ledger::Ledger;
use super::program::{Place, append_to, pause};
use super::report::Outcome;
use anyhow::Result;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Rotated files that are kept, as a rotation keeps a few.
const KEPT: usize = 8;

/// A program that writes a log, and the one that rotates it.
struct Source {
    directory: PathBuf,
    file: File,
    ledger: Ledger,
    random: fastrand::Rng,
    rotations: u32,
}

impl Source {
    fn new(directory: PathBuf, mut random: fastrand::Rng) -> Result<Self> {
        Ok(Self {
            file: append_to(&directory.join("proxy.log"))?,
            ledger: Ledger::new(random.fork()),
            directory,
            random,
            rotations: 0,
        })
    }

    /// Writes some lines, in pieces that do not care where a line ends.
    fn grow(&mut self) -> Result<()> {
        let count = self.random.usize(1..200);
        let text = self.ledger.lines(count);
        let (first, rest) = text.as_bytes().split_at(self.random.usize(..text.len()));
        self.file.write_all(first)?;
        self.file.write_all(rest)?;
        Ok(())
    }

    /// Moves every file one number on, as far as they are kept.
    fn rotate(&mut self) -> Result<()> {
        self.rotations += 1;
        let name = |number: usize| self.directory.join(format!("proxy.log.{number}"));
        for number in (1..KEPT).rev().filter(|&number| name(number).exists()) {
            fs::rename(name(number), name(number + 1))?;
        }
        let current = self.directory.join("proxy.log");
        fs::rename(&current, name(1))?;
        self.file = append_to(&current)?;
        Ok(())
    }
}

pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    let kills = place.length.pick(30, 250);
    let mut outcome = Outcome::new(format!(
        "The recorder is killed {kills} times, each 10 to 500 ms after its start, while lines are \
         written and the log is rotated through {KEPT} numbered files."
    ));
    let random = place.random.fork();
    let mut source = Source::new(place.make_directory("logs")?, random)?;
    let (store, pattern) = (place.path("store.db"), place.path("logs/proxy.log*"));
    let mut next_rotation = 2;
    for round in 0..kills {
        let recorder = place.recorder(&store, &[pattern.as_os_str()])?;
        let end = Instant::now() + Duration::from_millis(place.random.u64(10..=500));
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            source.grow()?;
            // Seldom enough that a rotated file is read before it is the oldest and goes.
            if round >= next_rotation && place.random.u8(..4) == 0 {
                source.rotate()?;
                next_rotation = round + 2;
            }
            pause(left.min(Duration::from_millis(place.random.u64(2..25))));
        }
        recorder.kill()?;
    }
    place.catch_up(&store, pattern.as_os_str())?;
    let found = compare(&store, &source.ledger)?;
    outcome.figure("kills", kills);
    outcome.figure("rotations", source.rotations);
    outcome.figure("lines written", source.ledger.len());
    found.note(&mut outcome);
    outcome.none_of("rows out of order", found.out_of_order);
    let is_whole = place.is_whole(&store)?;
    outcome.must(is_whole, || "store verify --full found damage".to_owned());
    Ok(outcome)
}
