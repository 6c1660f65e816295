//! Measures what a tap before a server at a URL costs a call: the same client and the same server, once directly
//! and once through the built program. Prints a Markdown table.
#![expect(clippy::print_stdout, reason = "a benchmark's report, and an address")]

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Measure what a tap adds to calls over HTTP
#[derive(Parser)]
struct Args {
    /// Calls, one after the other, whose latency is taken
    #[arg(long, env = "BENCH_CALLS", default_value_t = 10_000)]
    calls: usize,
    /// Runs of each kind, one after the other in turn
    #[arg(long, env = "BENCH_RUNS", default_value_t = 5)]
    runs: usize,
    /// Clients at once in the last figure
    #[arg(long, env = "BENCH_CLIENTS", default_value_t = 100)]
    clients: usize,
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

/// How an answer comes.
#[derive(Clone, Copy, PartialEq)]
enum AnswerForm {
    Json,
    Events,
}

/// A process that ends with the benchmark.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    if args.serve {
        return serve();
    }
    ensure!(
        args.runs > 0 && args.calls > 0 && args.clients > 0,
        "nothing to measure"
    );
    let dir = tempfile::tempdir_in(&args.dir).context("make a directory for the run")?;
    let (_server, direct) = start(Command::new(std::env::current_exe()?).arg("--serve"))?;
    let forms = [
        ("JSON", AnswerForm::Json),
        ("event stream", AnswerForm::Events),
    ];
    println!(
        "{} calls one after the other, {} runs of each\n",
        args.calls, args.runs
    );
    println!("| | directly, µs | through a tap, µs | added, µs |\n|---|---:|---:|---:|");
    for (name, form) in forms {
        let (mut alone, mut tapped, mut missed) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..args.runs {
            let store = dir.path().join(format!("{name}-{run}.db"));
            alone.push(calls(&direct, form, args.calls)?);
            let (tap, url) = behind_tap(&args.program, &store, &direct)?;
            tapped.push(calls(&url, form, args.calls)?);
            end(tap)?;
            missed.push(args.calls - count(&store)?);
        }
        for (quantile, q) in [("median", 500), ("p99", 990), ("p99.9", 999)] {
            row(
                &format!("{name}, {quantile}"),
                of_runs(&alone, q),
                of_runs(&tapped, q),
            );
        }
        println!("| {name}, requests not recorded, each run | | {missed:?} | |");
    }
    together(&args, &dir.path().join("together.db"), &direct)
}

/// Many clients at once, each with a connection of its own.
fn together(args: &Args, store: &Path, direct: &str) -> Result<()> {
    let all = |url: &str| -> Result<Vec<Duration>> {
        let each = args.calls.div_ceil(args.clients);
        std::thread::scope(|scope| {
            let client = |_| scope.spawn(|| calls(url, AnswerForm::Json, each));
            let clients: Vec<_> = (0..args.clients).map(client).collect();
            let mut all = Vec::new();
            for client in clients {
                match client.join() {
                    Ok(latencies) => all.extend(latencies?),
                    Err(_) => bail!("a client has panicked"),
                }
            }
            all.sort_unstable();
            Ok(all)
        })
    };
    let alone = all(direct)?;
    let (tap, url) = behind_tap(&args.program, store, direct)?;
    let tapped = all(&url)?;
    end(tap)?;
    for (quantile, q) in [("median", 500), ("p99", 990)] {
        let name = format!("{} clients at once, {quantile}", args.clients);
        row(&name, at(&alone, q), at(&tapped, q));
    }
    Ok(())
}

fn row(name: &str, direct: Duration, tapped: Duration) {
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let (direct, tapped) = (us(direct), us(tapped));
    println!(
        "| {name} | {direct:.0} | {tapped:.0} | {:.0} |",
        tapped - direct
    );
}

/// A quantile, in thousandths, of sorted times.
fn at(sorted: &[Duration], q: usize) -> Duration {
    sorted[(sorted.len() - 1) * q / 1000]
}

/// The median of it over the runs.
fn of_runs(runs: &[Vec<Duration>], q: usize) -> Duration {
    let mut all: Vec<Duration> = runs.iter().map(|run| at(run, q)).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// Starts a program whose first line on either of its outputs holds its address.
fn start(command: &mut Command) -> Result<(Running, String)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {command:?}"))?;
    let mut line = String::new();
    let output: Box<dyn Read> = match child.stderr.take() {
        Some(err) => Box::new(err),
        None => Box::new(child.stdout.take().context("no output")?),
    };
    let running = Running(child);
    BufReader::new(output).read_line(&mut line)?;
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"));
    let url = url.with_context(|| format!("no address in {line:?}"))?;
    Ok((running, url.to_owned()))
}

fn behind_tap(program: &Path, store: &Path, url: &str) -> Result<(Running, String)> {
    let mut command = Command::new(program);
    command.args(["tap", "--url", url, "--db"]).arg(store);
    start(command.stderr(Stdio::piped()))
}

/// Asks a tap to end, and waits for what it has still to store.
fn end(mut tap: Running) -> Result<()> {
    let pid = i32::try_from(tap.0.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.context("no process")?, Signal::TERM)?;
    ensure!(tap.0.wait()?.success(), "the tap has failed");
    Ok(())
}

fn count(store: &Path) -> Result<usize> {
    let db = rusqlite::Connection::open(store)?;
    let count: i64 = db.query_row("SELECT count(*) FROM requests", [], |row| row.get(0))?;
    Ok(usize::try_from(count)?)
}

/// Calls one after the other on one connection; gives their times, sorted.
fn calls(url: &str, form: AnswerForm, calls: usize) -> Result<Vec<Duration>> {
    let rest = url.strip_prefix("http://").context("no URL")?;
    let (authority, path) = rest.split_once('/').context("no path")?;
    let mut stream = TcpStream::connect(authority)?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let accept = if form == AnswerForm::Json {
        "application/json"
    } else {
        "text/event-stream"
    };
    let mut times = Vec::with_capacity(calls);
    for id in 0..calls {
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"weather\",\"arguments\":{{\"city\":\"Helsinki\"}}}}}}"
        );
        let request = format!(
            "POST /{path} HTTP/1.1\r\nHost: {authority}\r\nAccept: {accept}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let began = Instant::now();
        stream.write_all(request.as_bytes())?;
        let (_, length) = head(&mut answers)?.context("the server has gone")?;
        match length {
            Some(length) => {
                let mut answer = vec![0; length];
                answers.read_exact(&mut answer)?;
            }
            None => while chunk(&mut answers)? > 0 {},
        }
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// Whether a head asks for events, and the length of its body.
type HeadFacts = (bool, Option<usize>);

fn head(stream: &mut impl BufRead) -> Result<Option<HeadFacts>> {
    let (mut wants_events, mut length) = (false, None);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return Ok(Some((wants_events, length)));
        }
        wants_events |= line == "accept: text/event-stream";
        if let Some(value) = line.strip_prefix("content-length:") {
            length = Some(value.trim().parse()?);
        }
    }
}

/// Reads a chunk; gives its length, which is 0 at the end.
fn chunk(stream: &mut impl BufRead) -> Result<usize> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let length = usize::from_str_radix(line.trim(), 16)?;
    let mut bytes = vec![0; length + 2];
    stream.read_exact(&mut bytes)?;
    Ok(length)
}

/// Answers every call at once.
fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}/mcp", listener.local_addr()?);
    std::io::stdout().flush()?;
    for stream in listener.incoming() {
        let stream = stream?;
        // A connection that breaks is one whose run is over.
        std::thread::spawn(move || drop(answer(&stream)));
    }
    Ok(())
}

fn answer(stream: &TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let (mut requests, mut out) = (BufReader::new(stream), stream);
    while let Some((wants_events, length)) = head(&mut requests)? {
        let mut body = vec![0; length.unwrap_or(0)];
        requests.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body);
        let id = body
            .split("\"id\":")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        let id = id.unwrap_or("0");
        let text = "It is raining, and it will not stop before the weekend.";
        let reply = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}}}"
        );
        let sent = if wants_events {
            let event = format!("event: message\ndata: {reply}\n\n");
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{event}\r\n0\r\n\r\n",
                event.len()
            )
        } else {
            let length = reply.len();
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{reply}"
            )
        };
        out.write_all(sent.as_bytes())?;
    }
    Ok(())
}
