//! What many files cost, in counted steps: looks at files and at what is known of them. Four times as
//! many may take four times the steps; a search through all of them for each takes sixteen times.

use super::{Bench, long};
use flate2::Compression;
use flate2::write::GzEncoder;
use mcpr_model::steps::Steps;
use std::fs;
use std::io::Write;
use std::time::Duration;

const FEW: usize = 150;
const MANY: usize = 4 * FEW;

/// Prepares so many files, then does what is counted.
type Work = fn(&mut Bench, usize) -> Counts;

/// What some work took and led to.
struct Counts {
    /// Looks at what is known of files.
    looks: u64,
    /// Looks at files and directories, and turns of files.
    of_files: u64,
    lines: usize,
}

fn counted(bench: &mut Bench, work: impl FnOnce(&mut Bench)) -> Counts {
    bench.lines();
    let (before, own) = (Steps::taken(), bench.own_looks);
    work(bench);
    let own = bench.own_looks - own;
    // These are counted from the tailer's start on.
    let (looks, turns) = bench.tailer.steps();
    Counts {
        looks: before.since().looks - own,
        of_files: looks + turns,
        lines: bench.lines().len(),
    }
}

fn write(bench: &Bench, files: usize, name: fn(usize) -> String, text: fn(usize) -> String) {
    for file in 0..files {
        bench.append(&name(file), &text(file));
    }
}

fn plain(file: usize) -> String {
    format!("{file}x.log")
}

fn rotated(file: usize) -> String {
    format!("a.log.{}", file + 1)
}

fn line(file: usize) -> String {
    format!("{}\n", long(&file.to_string()))
}

fn half_line(file: usize) -> String {
    format!("{}half", line(file))
}

fn compress(bench: &Bench, file: usize) {
    let target = fs::File::create(bench.path(&format!("{file}x.log.gz")));
    let mut encoder = GzEncoder::new(target.unwrap(), Compression::fast());
    encoder.write_all(line(file).as_bytes()).unwrap();
    encoder.finish().unwrap();
}

fn first_read(bench: &mut Bench) -> Counts {
    counted(bench, Bench::poll)
}

fn restarted(bench: &mut Bench) -> Counts {
    counted(bench, |bench| {
        bench.restart();
        bench.poll();
    })
}

const WORK: &[(&str, Work)] = &[
    ("files that are found", |bench, n| {
        write(bench, n, plain, line);
        first_read(bench)
    }),
    ("files that end with half a line", |bench, n| {
        write(bench, n, plain, half_line);
        first_read(bench)
    }),
    ("compressed files", |bench, n| {
        for file in 0..n {
            compress(bench, file);
        }
        first_read(bench)
    }),
    ("compressed files beside open ones", |bench, n| {
        write(bench, n, plain, line);
        bench.poll();
        for file in 0..n {
            compress(bench, MANY + file);
        }
        counted(bench, |bench| bench.poll_after(Duration::from_secs(1)))
    }),
    ("rotated files of one log", |bench, n| {
        write(bench, n, rotated, line);
        first_read(bench)
    }),
    ("rotated files of one log with half lines", |bench, n| {
        write(bench, n, rotated, half_line);
        first_read(bench)
    }),
    ("files that grow", |bench, n| {
        write(bench, n, plain, line);
        bench.poll();
        write(bench, n, plain, line);
        counted(bench, |bench| bench.poll_after(Duration::from_secs(1)))
    }),
    ("files that are rotated", |bench, n| {
        write(bench, n, plain, line);
        bench.poll();
        for file in 0..n {
            bench.rename(&plain(file), &format!("{}.1", plain(file)));
        }
        write(bench, n, plain, line);
        counted(bench, |bench| bench.poll_after(Duration::from_secs(1)))
    }),
    ("files that are read on after a restart", |bench, n| {
        write(bench, n, plain, line);
        bench.poll();
        write(bench, n, plain, line);
        restarted(bench)
    }),
    ("files that were rotated while nobody read", |bench, n| {
        write(bench, n, plain, line);
        bench.poll();
        for file in 0..n {
            bench.rename(&plain(file), &format!("{}.1", plain(file)));
        }
        write(bench, n, plain, line);
        restarted(bench)
    }),
    ("files that were deleted while nobody read", |bench, n| {
        write(bench, n, plain, line);
        bench.poll();
        for file in 0..n {
            fs::remove_file(bench.path(&plain(file))).unwrap();
        }
        write(
            bench,
            n,
            |file| format!("{file}y.log"),
            |file| line(file + MANY),
        );
        restarted(bench)
    }),
];

fn steps_of(name: &str, work: Work, files: usize) -> u64 {
    let mut bench = Bench::new(&["*.log*"]);
    let Counts {
        looks,
        of_files,
        lines,
    } = work(&mut bench, files);
    // Else files that nobody reads would be called cheap.
    assert_eq!(lines, files, "{name}: {:?}", bench.notices);
    assert!(of_files >= files as u64, "{name}: {of_files} looks");
    looks + of_files
}

#[test]
fn many_files_take_steps_by_their_number() {
    for &(name, work) in WORK {
        let few = steps_of(name, work, FEW);
        let many = steps_of(name, work, MANY);
        assert!(
            many <= 5 * few + 1000,
            "{name}: {few} steps, and {many} for four times as many files"
        );
    }
}
