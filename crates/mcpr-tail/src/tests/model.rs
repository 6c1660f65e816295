//! Random things done to log files, checked against a model that knows which lines must come out.
//!
//! What no tailer can know is left out: lines that were truncated or deleted before anyone looked,
//! and files that came and went between two looks under a name that no source covers.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::Bench;

const RUNS: u64 = 250;
const ACTIONS: usize = 60;

/// How the source leads to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// By the name of the file that is written.
    Name,
    /// By a glob that also matches rotated files.
    Glob,
    /// By a link that is switched to each new file.
    Link,
}

/// A program that writes a log and the one that rotates it.
struct Writer {
    bench: Bench,
    reach: Reach,
    /// The file that is written, and one that was written before a rotation.
    file: File,
    before: Option<(File, u64)>,
    generation: u64,
    /// How many rotated files there are.
    rotated: u32,
    numbers: BTreeMap<u64, u64>,
    /// The rest of the line that stands without its newline in a generation.
    rests: BTreeMap<u64, String>,
    expected: Vec<String>,
    /// What was done, for the message of a failure.
    done: Vec<String>,
}

impl Writer {
    fn new(reach: Reach) -> Self {
        let mut bench = Bench::new(&[if reach == Reach::Glob { "log*" } else { "log" }]);
        bench.read_bytes = Some(fastrand::usize(10..600));
        bench.restart();
        let path = bench.path(if reach == Reach::Link { "0" } else { "log" });
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        if reach == Reach::Link {
            symlink(path, bench.path("log")).unwrap();
        }
        Self {
            bench,
            reach,
            file,
            before: None,
            generation: 0,
            rotated: 0,
            numbers: BTreeMap::new(),
            rests: BTreeMap::new(),
            expected: Vec::new(),
            done: Vec::new(),
        }
    }

    /// A new line of a generation, at least as long as a head that is trusted.
    fn line(&mut self, generation: u64) -> String {
        let number = self.numbers.entry(generation).or_default();
        *number += 1;
        let line = format!(
            "{generation} {number} {}",
            "x".repeat(fastrand::usize(64..200))
        );
        self.expected.push(line.clone());
        line + "\n"
    }

    fn write(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).unwrap();
    }

    fn write_lines(&mut self) {
        self.finish_line();
        for _ in 0..fastrand::usize(1..5) {
            let line = self.line(self.generation);
            self.write(&line);
        }
    }

    fn write_part(&mut self) {
        self.finish_line();
        let line = self.line(self.generation);
        let (part, rest) = line.split_at(fastrand::usize(1..line.len()));
        self.write(part);
        self.rests.insert(self.generation, rest.to_owned());
    }

    fn finish_line(&mut self) {
        if let Some(rest) = self.rests.remove(&self.generation) {
            self.write(&rest);
        }
    }

    /// A process that has not heard of the rotation writes on.
    fn write_late(&mut self) {
        if let Some((mut file, generation)) = self.before.take() {
            let rest = self.rests.remove(&generation).unwrap_or_default();
            let line = self.line(generation);
            write!(file, "{rest}{line}").unwrap();
            self.before = Some((file, generation));
        }
    }

    /// The old file must have a checkpoint before the next one takes its place, unless a glob finds
    /// both.
    fn look_before_rotation(&mut self) {
        let name = format!("{} ", self.generation);
        let is_known = self.bench.lines.iter().any(|line| line.starts_with(&name));
        if self.reach != Reach::Glob && !is_known {
            self.write_lines();
            self.poll();
        }
        self.finish_late();
    }

    fn finish_late(&mut self) {
        if let Some((mut file, generation)) = self.before.take() {
            let rest = self.rests.remove(&generation).unwrap_or_default();
            file.write_all(rest.as_bytes()).unwrap();
        }
    }

    /// Makes the name `log.1` free: every rotated file moves one number on.
    fn move_on(&mut self) {
        for number in (1..=self.rotated).rev() {
            let next = number + 1;
            self.bench
                .rename(&format!("log.{number}"), &format!("log.{next}"));
        }
        self.rotated += 1;
    }

    fn rename_and_create(&mut self) {
        self.look_before_rotation();
        let old = self.generation;
        self.generation += 1;
        let path = if self.reach == Reach::Link {
            self.bench.path(&self.generation.to_string())
        } else {
            self.move_on();
            self.bench.rename("log", "log.1");
            self.bench.path("log")
        };
        let new = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        if self.reach == Reach::Link {
            symlink(path, self.bench.path("switched")).unwrap();
            self.bench.rename("switched", "log");
        }
        self.before = Some((std::mem::replace(&mut self.file, new), old));
    }

    fn copy_truncate(&mut self) {
        self.finish_line();
        if !self.numbers.contains_key(&self.generation) || self.reach != Reach::Glob {
            self.write_lines();
        }
        if self.reach != Reach::Glob {
            self.poll();
            self.write_lines();
        }
        if self.reach == Reach::Link {
            self.poll();
        }
        self.move_on();
        self.bench.copy_truncate("log", "log.1");
        self.generation += 1;
        if self.reach != Reach::Glob {
            self.poll();
        }
    }

    fn truncate_and_regrow(&mut self) {
        self.finish_line();
        self.poll();
        self.file.set_len(0).unwrap();
        self.generation += 1;
        for _ in 0..fastrand::usize(0..3) {
            self.write_lines();
        }
    }

    fn delete_and_recreate(&mut self) {
        if self.reach == Reach::Link {
            return;
        }
        self.finish_line();
        self.poll();
        self.finish_late();
        self.write_lines();
        fs::remove_file(self.bench.path("log")).unwrap();
        self.generation += 1;
        let path = self.bench.path("log");
        self.file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        self.write_lines();
        self.poll();
    }

    fn poll(&mut self) {
        self.bench
            .poll_after(Duration::from_millis(fastrand::u64(0..50)));
    }

    /// A look and a few chunks, of which the last may not be taken.
    fn read_some(&mut self) {
        if fastrand::bool() {
            self.bench.tailer.scan(self.bench.now);
        }
        for _ in 0..fastrand::usize(0..4) {
            self.bench.read(fastrand::usize(0..4));
        }
        self.bench.notices.extend(self.bench.tailer.take_notices());
    }

    fn act(&mut self) {
        let (name, action): (&str, fn(&mut Self)) = match fastrand::u32(0..20) {
            0..=4 => ("write lines", Self::write_lines),
            5..=6 => ("write part", Self::write_part),
            7 => ("finish line", Self::finish_line),
            8 => ("write late", Self::write_late),
            9 => ("rename and create", Self::rename_and_create),
            10 => ("copy and truncate", Self::copy_truncate),
            11 => ("truncate and regrow", Self::truncate_and_regrow),
            12 => ("delete and recreate", Self::delete_and_recreate),
            13..=14 => ("poll", Self::poll),
            15..=17 => ("read some", Self::read_some),
            _ => ("restart", |writer| writer.bench.restart()),
        };
        self.done.push(format!("{name} ({})", self.generation));
        action(self);
        self.done.extend(
            self.bench
                .notices
                .drain(..)
                .map(|notice| format!("  {notice:?}")),
        );
    }

    /// Every line came once, and those of one file in their order.
    fn check(mut self) {
        self.finish_line();
        self.finish_late();
        self.poll();
        let lines = self.bench.lines();
        let number = |line: &str| {
            let mut parts = line.split(' ').map(|part| part.parse::<u64>().unwrap_or(0));
            (parts.next(), parts.next())
        };
        let mut last = BTreeMap::new();
        for line in &lines {
            let (generation, number) = number(line);
            let before = last.insert(generation, number);
            assert!(
                before < Some(number),
                "{line} after {before:?}: {:#?}",
                self.done
            );
        }
        let (mut found, mut expected) = (lines, self.expected);
        found.sort();
        expected.sort();
        let missing = expected.iter().filter(|line| !found.contains(line));
        let missing = missing.map(|line| number(line)).collect::<Vec<_>>();
        assert!(missing.is_empty(), "missing {missing:?}: {:#?}", self.done);
        assert_eq!(found, expected, "{:#?}", self.done);
    }
}

#[test]
fn every_line_comes_exactly_once() {
    let seed = mcpr_seed::seed();
    println!("seed {seed}");
    for run in 0..RUNS {
        fastrand::seed(seed.wrapping_add(run));
        let reach = [Reach::Name, Reach::Glob, Reach::Link][fastrand::usize(0..3)];
        println!("run {run}: {reach:?}");
        let mut writer = Writer::new(reach);
        for _ in 0..ACTIONS {
            writer.act();
        }
        writer.check();
    }
}
