//! Proves the promises of reliability: runs the recorder through eleven faults and writes a Markdown
//! report with a figure for each, the seed and the version.
//!
//! The checker knows the lines from the generator's own ledger and reads the store as any program
//! could; it uses none of the recorder's code. `cargo test` alone runs nothing of this: the faults
//! take minutes and are asked for with `--quick` or `--full`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the report, and a sign of life while it is made"
)]

mod backlog;
mod busy;
mod checker;
mod damage;
mod full_disk;
#[path = "../it/fuzz/targets/mod.rs"]
mod fuzz_targets;
mod hostile;
mod http;
mod io_errors;
mod kill;
mod ledger;
mod log;
mod program;
mod refusals;
mod report;
mod rotations;

use anyhow::{Context, Result};
use clap::Parser;
use program::Place;
use report::{Outcome, Report};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// Run the recorder through its faults and write a report
#[derive(Parser)]
#[command(name = "faults")]
struct Args {
    /// Run a short form of each fault (about two minutes)
    #[arg(long, conflicts_with = "full", required_unless_present = "full")]
    quick: bool,
    /// Run each fault in its full length
    #[arg(long)]
    full: bool,
    /// Run only these faults, by their numbers
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    only: Vec<u8>,
    /// Repeat a run: the seed that its report names
    #[arg(long, default_value_t = mcpr_seed::seed())]
    seed: u64,
    /// Write the report into this file too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Directory for the logs and stores; on the disk that is to be tried
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
    /// Leave the logs and stores of faults that failed in the directory
    #[arg(long)]
    keep: bool,
    /// Try another build of the program
    #[arg(long, default_value = env!("CARGO_BIN_EXE_mcpr"))]
    program: PathBuf,
}

/// How much of everything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Quick,
    Full,
}

impl Length {
    /// One of two amounts.
    fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// One fault: its number and name in the table, and what runs it.
struct Fault {
    number: u8,
    name: &'static str,
    run: fn(&mut Place) -> Result<Outcome>,
}

/// A row of the table.
const fn fault(number: u8, name: &'static str, run: fn(&mut Place) -> Result<Outcome>) -> Fault {
    Fault { number, name, run }
}

const FAULTS: [Fault; 11] = [
    fault(1, "kill -9", kill::run),
    fault(2, "full disk", full_disk::run),
    fault(3, "I/O errors", io_errors::run),
    fault(4, "busy store", busy::run_locked),
    fault(5, "long reader", busy::run_reader),
    fault(6, "rotations", rotations::run),
    fault(7, "damaged store", damage::run),
    fault(8, "what cannot be a store", refusals::run),
    fault(9, "backlog", backlog::run),
    fault(10, "hostile input", hostile::run),
    fault(11, "HTTP", http::run),
];

fn main() -> Result<ExitCode> {
    let is_asked = |argument: String| argument == "--quick" || argument == "--full";
    if !std::env::args().skip(1).any(is_asked) {
        println!("faults: not asked for; `cargo test --test faults -- --quick` runs them");
        return Ok(ExitCode::SUCCESS);
    }
    let args = Args::parse();
    let length = if args.full {
        Length::Full
    } else {
        Length::Quick
    };
    let mut report = Report::new(&args.program, length, args.seed)?;
    println!("seed {}", args.seed);
    for fault in &FAULTS {
        if args.only.is_empty() || args.only.contains(&fault.number) {
            run(fault, &args, length, &mut report)?;
        }
    }
    let text = report.to_string();
    println!("\n{text}");
    if let Some(path) = &args.report {
        std::fs::write(path, &text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(if report.has_failures() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Runs one fault in a place of its own; a fault that cannot be carried out has failed.
fn run(fault: &Fault, args: &Args, length: Length, report: &mut Report) -> Result<()> {
    eprint!("{:>2} {} ...", fault.number, fault.name);
    let began = Instant::now();
    // Each fault has its own seed, so that it does the same when it runs alone.
    let seed = args.seed.wrapping_add(u64::from(fault.number));
    let mut place = Place::new(&args.dir, &args.program, length, seed)?;
    let outcome = (fault.run)(&mut place)
        .unwrap_or_else(|error| Outcome::new("").failed(format!("{error:#}")));
    eprintln!(" {} in {:.1?}", outcome.verdict(), began.elapsed());
    if args.keep && outcome.has_failed() {
        eprintln!("   kept in {}", place.keep().display());
    }
    report.add(fault.number, fault.name, outcome, began.elapsed());
    Ok(())
}
