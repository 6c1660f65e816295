//! What logrotate does to a log, against a model that knows which lines must come out: each once,
//! whatever runs meanwhile, and however often it rotates between two looks.
//!
//! A log was read at least once before it is rotated for the first time. What is deleted before it
//! was read is gone, and a gap must say so; no gap is reported where nothing was deleted. A line is written by
//! one that has the file open still, or by one that has the new one. A copy that came and was deleted between two
//! looks was never there.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::{Bench, all_written, no_writers, unseen_writers};
use crate::HELD_IDLE;

const RUNS: u64 = 120;
const ACTIONS: usize = 40;
/// The number of the line with which every file of some logs begins.
const HEADER: u32 = 0;
/// That line.
const HEADER_LINE: &str =
    "0 time level message, as every file of this log begins, which is long enough to be known\n";

/// How rotated files are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// `.1`, `.2`, and so on, each moving on.
    Numbers,
    /// `.1` before the extension.
    NumbersWithin,
    /// `-20261129`.
    Dates,
    /// `-20261129` before the extension.
    DatesWithin,
    /// `20261129-` before the name.
    DatesBefore,
    /// `p1.log`, `p2.log`, and so on, each moving on.
    Counted,
    /// The same, the newest with the highest number.
    CountedUp,
}

/// When rotated files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compress {
    Never,
    AtOnce,
    /// With the next rotation: `delaycompress`.
    Later,
}

/// How a log is rotated.
#[derive(Debug, Clone, Copy)]
struct Rules {
    source: &'static str,
    naming: Naming,
    compress: Compress,
    /// Where rotated files go, with a slash at its end.
    olddir: &'static str,
    /// `copytruncate`
    copies: bool,
    /// Else `nocreate`: the log is away until something is written again.
    creates: bool,
    /// The line with which every file begins, if there is one.
    header: &'static str,
    /// `rotate`: of so many files the oldest is deleted.
    keeps: usize,
    /// Writers of renamed files are seen, or might be there unseen.
    has_writers: bool,
}

impl Rules {
    fn random() -> Self {
        let naming = pick([
            Naming::Numbers,
            Naming::NumbersWithin,
            Naming::Dates,
            Naming::DatesWithin,
            Naming::DatesBefore,
            Naming::Counted,
            Naming::CountedUp,
        ]);
        let copies = fastrand::u8(..4) == 0;
        Self {
            source: pick(["logs/*.log", "logs/*.log", "logs/*", "logs/p.log"]),
            naming,
            compress: pick([Compress::Never, Compress::AtOnce, Compress::Later]),
            olddir: pick(["logs/", "logs/old/", "archive/"]),
            copies,
            creates: fastrand::u8(..3) > 0,
            // A copy of which no more than that was read is in no other way known from the next one.
            header: if copies {
                ""
            } else {
                pick([HEADER_LINE, "", "", ""])
            },
            keeps: pick([1, 3, 1000, 1000]),
            has_writers: fastrand::u8(..3) > 0,
        }
    }
}

fn pick<T: Copy, const N: usize>(all: [T; N]) -> T {
    all[fastrand::usize(..N)]
}

/// A log, its writer, and the one that rotates it.
struct Rotation {
    bench: Bench,
    rules: Rules,
    /// The file that is written, and the one before it, where its writer has not heard of the rotation.
    file: Option<File>,
    before: Option<File>,
    /// Names of the rotated files, the newest last.
    rotated: Vec<String>,
    rotations: u32,
    lines: u32,
    /// When the test began, and how often the log was changed since.
    began: SystemTime,
    times: u64,
    /// Lines that were deleted.
    deleted: BTreeSet<u32>,
    done: Vec<String>,
}

impl Rotation {
    fn new() -> Self {
        let rules = Rules::random();
        let mut bench = Bench::new(&[rules.source]);
        for directory in ["logs/old", "archive"] {
            fs::create_dir_all(bench.path(directory)).unwrap();
        }
        bench.ask = match fastrand::bool() {
            _ if !rules.has_writers => no_writers,
            true => all_written,
            false => unseen_writers,
        };
        bench.read_bytes = Some(fastrand::usize(10..600));
        bench.restart();
        let mut rotation = Self {
            bench,
            rules,
            file: None,
            before: None,
            rotated: Vec::new(),
            rotations: 0,
            lines: 0,
            began: SystemTime::now(),
            times: 0,
            deleted: BTreeSet::new(),
            done: Vec::new(),
        };
        rotation.write();
        rotation.poll();
        rotation
    }

    fn line(&mut self) -> String {
        self.lines += 1;
        format!("{} {}\n", self.lines, "x".repeat(fastrand::usize(64..200)))
    }

    fn write(&mut self) {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => append(&self.bench),
        };
        if file.metadata().unwrap().len() == 0 {
            file.write_all(self.rules.header.as_bytes()).unwrap();
        }
        for _ in 0..fastrand::usize(1..4) {
            let line = self.line();
            file.write_all(line.as_bytes()).unwrap();
        }
        self.file = Some(file);
        self.step("logs/p.log");
    }

    /// Has a file changed later than anything before: the system's own times are too coarse for a test.
    fn step(&mut self, name: &str) {
        self.times += 1;
        self.set_time(name, self.times);
    }

    fn set_time(&self, name: &str, time: u64) {
        if self.rules.copies {
            let file = File::options().append(true).open(self.bench.path(name));
            let time = self.began + Duration::from_millis(time);
            file.unwrap().set_modified(time).unwrap();
        }
    }

    /// One that has not heard of the rotation writes on.
    fn write_late(&mut self) {
        if let Some(mut file) = self.before.take() {
            let line = self.line();
            file.write_all(line.as_bytes()).unwrap();
            self.before = Some(file);
        }
    }

    fn rotated_name(&self, number: usize, suffix: &str) -> String {
        let Rules { olddir, naming, .. } = self.rules;
        match naming {
            Naming::Numbers => format!("{olddir}p.log.{number}{suffix}"),
            Naming::NumbersWithin => format!("{olddir}p.{number}.log{suffix}"),
            Naming::Dates => format!("{olddir}p.log-{}{suffix}", self.date()),
            Naming::DatesWithin => format!("{olddir}p-{}.log{suffix}", self.date()),
            Naming::DatesBefore => format!("{olddir}{}-p.log{suffix}", self.date()),
            Naming::Counted => format!("{olddir}p{number}.log{suffix}"),
            Naming::CountedUp => format!("{olddir}p{}.log{suffix}", self.rotations),
        }
    }

    /// One for each rotation, each later than the last.
    fn date(&self) -> u32 {
        20_260_101 + self.rotations / 28 * 100 + self.rotations % 28
    }

    /// Makes room for what is rotated now; gives its name.
    fn next_name(&mut self) -> String {
        self.rotations += 1;
        while self.rotated.len() >= self.rules.keeps {
            let oldest = self.rotated.remove(0);
            self.deleted.extend(numbers(&self.text_of(&oldest)));
            fs::remove_file(self.bench.path(&oldest)).unwrap();
        }
        if matches!(
            self.rules.naming,
            Naming::Numbers | Naming::NumbersWithin | Naming::Counted
        ) {
            let mut rotated = std::mem::take(&mut self.rotated);
            for (at, name) in rotated.iter_mut().rev().enumerate().rev() {
                let suffix = if is_gzip(name) { ".gz" } else { "" };
                let next = self.rotated_name(at + 2, suffix);
                self.bench.rename(name, &next);
                *name = next;
            }
            self.rotated = rotated;
        }
        self.rotated_name(1, "")
    }

    fn text_of(&self, name: &str) -> String {
        let file = File::open(self.bench.path(name)).unwrap();
        let mut text = String::new();
        if is_gzip(name) {
            MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        } else {
            (&file).read_to_string(&mut text).unwrap();
        }
        text
    }

    fn compress(&mut self, at: usize) {
        let name = self.rotated[at].clone();
        if is_gzip(&name) {
            return;
        }
        let path = self.bench.path(&name);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let to = File::create(self.bench.path(&format!("{name}.gz"))).unwrap();
        let mut encoder = GzEncoder::new(to, Compression::fast());
        encoder.write_all(&fs::read(&path).unwrap()).unwrap();
        encoder.finish().unwrap().set_modified(modified).unwrap();
        fs::remove_file(path).unwrap();
        self.rotated[at] = format!("{name}.gz");
    }

    fn rotate(&mut self) {
        self.write();
        // Whoever wrote to the one before has heard of it by now.
        self.before = None;
        if self.rules.compress == Compress::Later && !self.rotated.is_empty() {
            self.compress(self.rotated.len() - 1);
        }
        let name = self.next_name();
        if self.rules.copies {
            let written = self.times;
            self.bench.copy_truncate("logs/p.log", &name);
            self.set_time(&name, written);
            self.step("logs/p.log");
        } else {
            self.bench.rename("logs/p.log", &name);
        }
        self.rotated.push(name);
        if self.rules.compress == Compress::AtOnce {
            self.compress(self.rotated.len() - 1);
        }
        if self.rules.copies {
            // Perhaps it is longer by now than what was read of it.
            if fastrand::bool() {
                self.write();
            }
            return;
        }
        let old = self.file.take();
        if self.rules.creates {
            self.file = Some(append(&self.bench));
        }
        if self.rules.compress != Compress::AtOnce && fastrand::bool() {
            self.before = old;
        }
    }

    fn poll(&mut self) {
        self.bench
            .poll_after(Duration::from_millis(fastrand::u64(0..50)));
    }

    fn wait(&mut self) {
        if !self.rules.has_writers {
            self.before = None; // as is reported about it
        }
        self.bench.poll_after(HELD_IDLE);
        self.poll();
    }

    fn act(&mut self) {
        let (name, action): (&str, fn(&mut Self)) = match fastrand::u32(0..16) {
            0..=3 => ("write", Self::write),
            4 => ("write late", Self::write_late),
            5..=8 => ("rotate", Self::rotate),
            9..=10 => ("poll", Self::poll),
            11 => ("wait", Self::wait),
            12 => ("look", |rotation| {
                rotation.bench.tailer.scan(rotation.bench.now);
            }),
            13 => ("read some", |rotation| {
                rotation.bench.read(fastrand::usize(0..4));
            }),
            _ => ("restart", |rotation| {
                rotation.bench.restart();
            }),
        };
        action(self);
        let newest = self.rotated.last().map_or("", |name| name);
        self.done
            .push(format!("{name}: {} lines, {newest}", self.lines));
        self.note();
    }

    fn note(&mut self) {
        let notices = self.bench.tailer.take_notices();
        self.bench.notices.extend(notices);
        let root = self.bench.root().display().to_string() + "/";
        let notices = self.bench.notices[self.bench.noted..].iter();
        let notices = notices.map(|notice| format!("  {notice:?}").replace(&root, ""));
        self.done.extend(notices);
        self.bench.noted = self.bench.notices.len();
    }

    /// Every line came once, or was deleted, and that was reported.
    fn check(mut self) {
        self.write();
        self.poll();
        self.done.push("the last poll".to_owned());
        self.note();
        self.bench.restart();
        self.poll();
        self.done.push("once more".to_owned());
        self.note();
        let found = numbers(&self.bench.lines().join("\n"));
        let came = found.iter().copied().collect::<BTreeSet<_>>();
        let written = (1..=self.lines).collect::<BTreeSet<_>>();
        let gone = &written - &came;
        let is_reported = self.bench.missing() > 0;
        // Where the first files went is known only once one was found there; of one file alone nothing
        // is left to go by.
        let is_traceable = self.rules.olddir == "logs/" && self.rules.keeps > 1;
        // A number that is part of a name says nothing by itself: where no contents say that it is
        // rotation's, there is a gap. What a source leads to under such a name is a log of its own: one that
        // is deleted between two looks was never there.
        let is_counted = matches!(self.rules.naming, Naming::Counted | Naming::CountedUp);
        let is_traceable = is_traceable && !is_counted;
        let is_covered = self.rules.olddir == "logs/" && self.rules.source != "logs/p.log";
        // So was a copy that came and went before a byte was read.
        let was_never_there =
            (is_counted && is_covered || self.rules.copies) && gone.is_subset(&self.deleted);
        // Where files begin alike, which of them was read may be in doubt.
        let is_certain = self.rules.header.is_empty() && !is_counted;
        let may_be_reported = !self.deleted.is_empty() || !is_certain;
        // Where a gap is reported, what is there still may be read from its beginning: the store knows it. So may
        // files that begin alike, and where a gap is reported of such a log, not all of them are found.
        let begins_alike = !self.rules.header.is_empty();
        let is_read_anew = may_be_reported && (is_reported || begins_alike);
        let is_traceable = is_traceable && !(is_reported && begins_alike);
        assert!(
            (found.len() == came.len() || is_read_anew)
                && (gone.is_subset(&self.deleted) || !is_traceable)
                && (is_reported || gone.is_empty() || was_never_there)
                && (!is_reported || may_be_reported),
            "{:?}\nnot found: {gone:?}, twice: {}, gaps reported: {}\n{}",
            self.rules,
            found.len() - came.len(),
            self.bench.missing(),
            self.done.join("\n")
        );
    }
}

/// The numbers with which lines begin.
fn numbers(text: &str) -> Vec<u32> {
    let numbers = text
        .lines()
        .map(|line| line.split(' ').next()?.parse().ok());
    numbers.flatten().filter(|&it| it != HEADER).collect()
}

fn append(bench: &Bench) -> File {
    let mut options = OpenOptions::new();
    let options = options.create(true).append(true);
    options.open(bench.path("logs/p.log")).unwrap()
}

#[test]
fn every_line_comes_exactly_once_whatever_logrotate_does() {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    for run in 0..RUNS {
        fastrand::seed(seed.wrapping_add(run));
        println!("run {run}");
        let mut rotation = Rotation::new();
        for _ in 0..ACTIONS {
            rotation.act();
        }
        rotation.check();
    }
}

fn is_gzip(name: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "gz")
}
