//! Measures how late `logs --follow` is: from a line appended to the source, through the recorder and
//! the store, to the line printed; what a follower costs while nothing happens, and what a recorder
//! costs while lines come evenly.
#![expect(clippy::print_stdout, reason = "a benchmark's report")]

mod generate;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Measure the latency and the idle cost of a follower
#[derive(Parser)]
struct Args {
    /// Lines appended one by one
    #[arg(long, env = "BENCH_LINES", default_value_t = 300)]
    lines: usize,
    /// How long the follower is watched while nothing happens, seconds
    #[arg(long, default_value_t = 10)]
    idle: u64,
    /// Lines a second that come evenly
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// How long they come, seconds
    #[arg(long, default_value_t = 30)]
    load: u32,
    /// Seed of the lines and of the pauses between them
    #[arg(long, env = "BENCH_SEED", default_value_t = 1)]
    seed: u64,
    /// Follow this store, which must be empty [default: a new SQLite file]
    #[arg(long, env = "BENCH_STORE")]
    store: Option<PathBuf>,
    /// Measure another build of the program
    #[arg(long, env = "BENCH_PROGRAM", default_value = env!("CARGO_BIN_EXE_mcpr"))]
    program: PathBuf,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// A child that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.lines > 0, "nothing to measure");
    let directory = tempfile::tempdir()?;
    let source = directory.path().join("p.log");
    let own = || directory.path().join("s.db");
    let store = args.store.clone().unwrap_or_else(own);
    let mut text = Vec::new();
    let mut generator = generate::Generator::new(args.seed);
    generator.write_lines(args.lines + 1, &mut text)?;
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    let mut file = OpenOptions::new().create(true).append(true).open(&source)?;
    file.write_all(lines.next().context("a first line")?)?;
    let start = |words: &[&str], output: Stdio| -> Result<Running> {
        let mut command = Command::new(&args.program);
        command
            .args(words)
            .env("MCPR_DB", &store)
            .stdin(Stdio::null())
            .stdout(output);
        Ok(Running(
            command
                .stderr(Stdio::null())
                .spawn()
                .context("start the program")?,
        ))
    };
    let path = source.to_str().context("a path that is text")?;
    let recorder = start(&["record", path], Stdio::null())?;
    let words = ["logs", "--follow", "--kind", "all", "--json"];
    let mut follower = start(&words, Stdio::piped())?;
    let output = follower.0.stdout.take().context("the follower's output")?;
    let mut printed = BufReader::new(output).lines();
    printed.next().context("the first row")??;
    let late = lateness(lines, &mut file, &mut printed, args.seed)?;
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a few hundred lines"
        )]
        let index = ((late.len() as f64 * share).ceil() as usize).clamp(1, late.len()) - 1;
        late[index].as_secs_f64() * 1e3
    };
    println!(
        "seed {}, {} lines appended one by one\n",
        args.seed,
        late.len()
    );
    println!("| from appended to printed, ms | |\n|---|---:|");
    println!("| p50 (to reach: 10, on a server 30) | {:.1} |", at(0.5));
    println!("| p99 (to reach: 50, on a server 120) | {:.1} |", at(0.99));
    println!("| max | {:.1} |", at(1.0));
    let before = ticks(follower.0.id())?;
    std::thread::sleep(Duration::from_secs(args.idle));
    let used = ticks(follower.0.id())? - before;
    println!(
        "| idle follower, clock ticks in {} s (100 per second) | {used} |",
        args.idle
    );
    drop(follower);
    load(&mut file, &mut generator, recorder.0.id(), &args)
}

/// How long each line takes from the source to the follower's output, in ascending order.
fn lateness<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    source: &mut File,
    printed: &mut impl Iterator<Item = std::io::Result<String>>,
    seed: u64,
) -> Result<Vec<Duration>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut late = Vec::new();
    for line in lines {
        std::thread::sleep(Duration::from_millis(random.u64(5..60)));
        let began = Instant::now();
        source.write_all(line)?;
        printed.next().context("a row")??;
        late.push(began.elapsed());
    }
    late.sort();
    Ok(late)
}

/// Appends lines evenly, and prints what part of a core the recorder takes meanwhile.
fn load(
    source: &mut File,
    generator: &mut generate::Generator,
    recorder: u32,
    args: &Args,
) -> Result<()> {
    let before = ticks(recorder)?;
    let mut next = Instant::now();
    for _ in 0..args.rate * args.load {
        let mut line = Vec::new();
        generator.write_lines(1, &mut line)?;
        source.write_all(&line)?;
        next += Duration::from_secs(1) / args.rate;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let used = ticks(recorder)? - before;
    let share = f64::from(u32::try_from(used)?) / f64::from(args.load);
    println!(
        "| recorder at {} lines/s for {} s, parts of a core (to reach: 3 %) | {share:.1} % |",
        args.rate, args.load
    );
    Ok(())
}

/// User and system time of a process in clock ticks (proc(5)).
fn ticks(id: u32) -> Result<u64> {
    let stat =
        std::fs::read_to_string(format!("/proc/{id}/stat")).context("the process's times")?;
    let after_name = stat.rsplit_once(')').context("a well-formed stat")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}
