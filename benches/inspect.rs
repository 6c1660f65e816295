//! Measures the reading commands as whole processes on a large store: start, answer, end. Prints a
//! Markdown table. The store is made once and used again with `--store`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark's report"
)]

mod generate;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Measure the reading commands on a large store
#[derive(Parser)]
struct Args {
    /// Requests in the generated store
    #[arg(long, env = "BENCH_ROWS", default_value_t = 10_000_000)]
    rows: usize,
    /// Runs of each command, after one that is not counted
    #[arg(long, env = "BENCH_RUNS", default_value_t = 20)]
    runs: usize,
    /// Seed of the generated stream
    #[arg(long, env = "BENCH_SEED", default_value_t = 1)]
    seed: u64,
    /// Use this store, making it where it is missing [default: a new one, removed at the end]
    #[arg(long, env = "BENCH_STORE")]
    store: Option<PathBuf>,
    /// Measure another build of the program
    #[arg(long, env = "BENCH_PROGRAM", default_value = env!("CARGO_BIN_EXE_mcpr"))]
    program: PathBuf,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is measured, and what it must not take longer than, in milliseconds.
const COMMANDS: &[(&str, Option<u32>)] = &[
    ("--version", Some(3)),
    ("logs --tail 50", Some(10)),
    ("logs --tail 50 --json", Some(10)),
    ("logs --tool get-sum --status error --tail 50", Some(20)),
    ("logs --tool echo --status error --tail 50", Some(20)),
    ("logs --tool nope --status error --tail 50", Some(20)),
    ("logs --status timeout --tail 50", None),
    ("logs --tool echo --tail 50", None),
    ("slow --since @0", Some(30)),
    ("slow --since @0 --tool echo", Some(100)),
    ("stats --since @0", Some(40)),
    ("stats --since @0 --by hour", None),
    ("clients --since @0", None),
    ("sessions", Some(20)),
    ("sessions --all --limit 20", None),
    ("session SESSION", Some(10)),
    ("logs --tool <TAB>", Some(50)),
    ("session <TAB>", Some(50)),
];

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.runs > 0 && args.rows > 0, "nothing to measure");
    let own = tempfile::tempdir().context("make a directory for the run")?;
    let store = args
        .store
        .clone()
        .unwrap_or_else(|| own.path().join("store.db"));
    // A store on a server is at no path: it is there if it has a session.
    let is_there = store.exists() || some_session(&args.program, &store).is_ok();
    if !is_there {
        let took = make_store(&args, &store)?;
        eprintln!("made {} rows in {took:.1?}", args.rows);
    }
    let session = some_session(&args.program, &store)?;
    println!(
        "seed {}, {} rows, {} runs of each, milliseconds\n",
        args.seed, args.rows, args.runs
    );
    println!("| command | min | median | max | to reach |");
    println!("|---|---:|---:|---:|---:|");
    for (line, limit) in COMMANDS {
        let words: Vec<&str> = line
            .split(' ')
            .map(|word| {
                if word == "SESSION" {
                    session.as_str()
                } else {
                    word
                }
            })
            .collect();
        let mut times = Vec::new();
        for run in 0..=args.runs {
            let took = time(&args.program, &store, &words)?;
            if run > 0 {
                times.push(took);
            }
        }
        times.sort();
        let ms = |took: Duration| took.as_secs_f64() * 1e3;
        let limit = limit.map_or_else(String::new, |limit| limit.to_string());
        let (min, median) = (ms(times[0]), ms(times[times.len() / 2]));
        let max = ms(times[times.len() - 1]);
        println!("| `{line}` | {min:.1} | {median:.1} | {max:.1} | {limit} |");
    }
    Ok(())
}

/// Streams generated lines into the recorder.
fn make_store(args: &Args, store: &Path) -> Result<Duration> {
    let began = Instant::now();
    let mut recorder = Command::new(&args.program)
        .args(["record", "--once", "--on-full", "block", "--db"])
        .args([store, Path::new("-")])
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", args.program.display()))?;
    let input = recorder.stdin.take().context("the recorder's input")?;
    let mut input = BufWriter::with_capacity(1 << 16, input);
    generate::Generator::new(args.seed).write_lines(args.rows, &mut input)?;
    input.flush()?;
    drop(input);
    let status = recorder.wait().context("wait for the recorder")?;
    ensure!(status.success(), "record: {status}");
    Ok(began.elapsed())
}

fn some_session(program: &Path, store: &Path) -> Result<String> {
    let output = Command::new(program)
        .args([
            "sessions",
            "--limit",
            "1",
            "--format",
            "csv",
            "--fields",
            "session_id",
            "--db",
        ])
        .arg(store)
        .output()
        .context("list a session")?;
    let text = String::from_utf8(output.stdout).context("a session's id")?;
    let id = text.lines().nth(1).context("the store has no session")?;
    Ok(id.to_owned())
}

/// One run, from start to end.
fn time(program: &Path, store: &Path, words: &[&str]) -> Result<Duration> {
    let mut command = Command::new(program);
    match words {
        // What the completion script of bash runs.
        [begun @ .., "<TAB>"] => command
            .args(["--", "mcpr"])
            .args(begun)
            .arg("")
            .env("MCPR_COMPLETE", "bash")
            .env("_CLAP_COMPLETE_INDEX", words.len().to_string()),
        _ => command.args(words),
    };
    let began = Instant::now();
    let status = command
        .env("MCPR_DB", store)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("start {}", program.display()))?;
    let took = began.elapsed();
    ensure!(status.success(), "{words:?}: {status}");
    Ok(took)
}
