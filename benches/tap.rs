//! Measures what a tap costs a session: the same client and the same server, once directly and once
//! through the built program. Prints a Markdown table.
#![expect(
    clippy::print_stdout,
    reason = "a benchmark's report, and a server's answers"
)]

use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Measure what a tap adds to a session
#[derive(Parser)]
struct Args {
    /// Calls, one after the other, whose latency is taken
    #[arg(long, env = "BENCH_CALLS", default_value_t = 20_000)]
    calls: usize,
    /// Calls sent without waiting for answers
    #[arg(long, env = "BENCH_MESSAGES", default_value_t = 200_000)]
    messages: usize,
    /// Runs of each kind, one after the other in turn
    #[arg(long, env = "BENCH_RUNS", default_value_t = 5)]
    runs: usize,
    /// Directory for the stores; on the disk that is to be measured
    #[arg(long, env = "BENCH_DIR", default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
    /// Measure another build of the program
    #[arg(long, env = "BENCH_PROGRAM", default_value = env!("CARGO_BIN_EXE_mcpr"))]
    program: PathBuf,
    /// Be the server
    #[arg(long, hide = true)]
    serve: bool,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What one run found.
struct Measured {
    /// Sorted.
    latencies: Vec<Duration>,
    messages_per_s: f64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if args.serve {
        return serve();
    }
    ensure!(args.runs > 0 && args.calls > 0, "nothing to measure");
    let dir = tempfile::tempdir_in(&args.dir).context("make a directory for the run")?;
    let (mut direct, mut tapped, mut missed) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=args.runs {
        direct.push(measure(&mut server()?, &args)?);
        let store = dir.path().join(format!("tap-{run}.db"));
        tapped.push(measure(&mut behind_tap(&args.program, &store)?, &args)?);
        missed.push(args.calls + 2 * args.messages - count(&store)?);
    }
    report(&args, &direct, &tapped);
    println!("| requests not recorded (and reported so), each run | | {missed:?} | |");
    Ok(())
}

/// Answers every call at once.
fn serve() -> Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        if let Some((_, rest)) = line.split_once("\"id\":") {
            let id = rest.split([',', '}']).next().unwrap_or("0");
            let text = "It is raining, and it will not stop before the weekend.";
            writeln!(
                output,
                "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}}}"
            )?;
            output.flush()?;
        }
        line.clear();
    }
    Ok(())
}

fn server() -> Result<Child> {
    start(Command::new(std::env::current_exe()?).arg("--serve"))
}

fn behind_tap(program: &Path, store: &Path) -> Result<Child> {
    let mut command = Command::new(program);
    command.arg("tap").arg("--db").arg(store).arg("--");
    start(command.arg(std::env::current_exe()?).arg("--serve"))
}

fn start(command: &mut Command) -> Result<Child> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {command:?}"))
}

fn call(id: usize) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"weather\",\"arguments\":{{\"city\":\"Helsinki\"}}}}}}\n"
    )
}

/// Calls one after the other, then floods twice: once to wake everything up, once for the figure.
fn measure(session: &mut Child, args: &Args) -> Result<Measured> {
    let mut input = session.stdin.take().context("no input")?;
    let mut output = BufReader::new(session.stdout.take().context("no output")?);
    let mut line = String::new();
    let mut latencies = Vec::with_capacity(args.calls);
    for id in 0..args.calls {
        let call = call(id);
        let began = Instant::now();
        input.write_all(call.as_bytes())?;
        line.clear();
        output.read_line(&mut line)?;
        latencies.push(began.elapsed());
    }
    latencies.sort_unstable();
    let mut messages_per_s = 0.0;
    for _ in 0..2 {
        let took = flood(&mut input, &mut output, args.messages)?;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let messages = 2.0 * args.messages as f64;
        messages_per_s = messages / took.as_secs_f64();
    }
    drop(input);
    let mut rest = Vec::new();
    output.read_to_end(&mut rest)?;
    ensure!(rest.is_empty(), "more answers than calls");
    ensure!(session.wait()?.success(), "the session failed");
    Ok(Measured {
        latencies,
        messages_per_s,
    })
}

fn flood(input: &mut impl WriteSend, output: &mut impl BufRead, calls: usize) -> Result<Duration> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let sender = scope.spawn(move || -> io::Result<()> {
            (0..calls).try_for_each(|id| input.write_all(call(id).as_bytes()))
        });
        let mut line = String::new();
        for _ in 0..calls {
            line.clear();
            ensure!(output.read_line(&mut line)? > 0, "an answer is missing");
        }
        sender.join().expect("the sender does not panic")?;
        Ok(began.elapsed())
    })
}

/// What the flooding thread writes into.
trait WriteSend: Write + Send {}
impl<T: Write + Send> WriteSend for T {}

fn count(store: &Path) -> Result<usize> {
    let db = rusqlite::Connection::open(store)?;
    let count: i64 = db.query_row("SELECT count(*) FROM requests", [], |row| row.get(0))?;
    Ok(usize::try_from(count)?)
}

fn report(args: &Args, direct: &[Measured], tapped: &[Measured]) {
    println!(
        "{} calls one after the other, then {} messages in a flood, {} runs of each\n",
        args.calls,
        2 * args.messages,
        args.runs
    );
    println!("| | directly | through a tap | added |\n|---|---:|---:|---:|");
    let quantile = |runs: &[Measured], q: usize| {
        let mut all: Vec<Duration> = runs
            .iter()
            .map(|run| run.latencies[(run.latencies.len() - 1) * q / 1000])
            .collect();
        all.sort_unstable();
        all[all.len() / 2].as_secs_f64() * 1e6
    };
    for (name, q) in [("median", 500), ("p99", 990), ("p99.9", 999)] {
        let (direct, tapped) = (quantile(direct, q), quantile(tapped, q));
        let added = tapped - direct;
        println!("| {name} latency, µs | {direct:.0} | {tapped:.0} | {added:.0} |");
    }
    let rate = |runs: &[Measured]| {
        let mut all: Vec<f64> = runs.iter().map(|run| run.messages_per_s).collect();
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let (direct, tapped) = (rate(direct), rate(tapped));
    println!("| messages per second, both directions | {direct:.0} | {tapped:.0} | |");
}
