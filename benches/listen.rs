//! Measures `mcpr record --listen` through the built program: events per second from several clients
//! that post bodies one after the other, and how long a lone post waits for its commit. Prints a
//! Markdown table.
#![expect(clippy::print_stdout, reason = "a benchmark's report")]

mod generate;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Measure what the HTTP source takes
#[derive(Parser)]
struct Args {
    /// Events in all bodies of a run
    #[arg(long, env = "BENCH_LINES", default_value_t = 400_000)]
    lines: usize,
    /// Events in a body
    #[arg(long, default_value_t = 100)]
    body: usize,
    /// Clients that post at the same time
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Posts whose latency is taken, one after the other
    #[arg(long, default_value_t = 500)]
    lone: usize,
    /// Runs
    #[arg(long, env = "BENCH_RUNS", default_value_t = 5)]
    runs: usize,
    /// Seed of the events
    #[arg(long, env = "BENCH_SEED", default_value_t = 1)]
    seed: u64,
    /// Directory for the stores; on the disk that is to be measured
    #[arg(long, env = "BENCH_DIR", default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
    /// Measure another build of the program
    #[arg(long, env = "BENCH_PROGRAM", default_value = env!("CARGO_BIN_EXE_mcpr"))]
    program: PathBuf,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// A recorder that ends with its owner.
struct Recorder {
    child: Child,
    address: SocketAddr,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one run found.
struct Measured {
    posts_per_s: f64,
    /// Sorted, in milliseconds.
    lone_ms: Vec<f64>,
    peak_mb: Option<f64>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(
        args.runs > 0 && args.body > 0 && args.clients > 0,
        "nothing to measure"
    );
    ensure!(args.lone > 0, "no post to take the latency of");
    let dir = tempfile::tempdir_in(&args.dir).context("make a directory for the run")?;
    let bodies = bodies(&args, args.seed, args.lines.div_ceil(args.body))?;
    let lone = self::bodies(&args, args.seed + 1, args.lone)?;
    let mut runs = Vec::new();
    for run in 1..=args.runs {
        let store = dir.path().join(format!("listen-{run}.db"));
        let recorder = start(&args.program, &store)?;
        runs.push(measure(&recorder, &bodies, &lone, args.clients)?);
        drop(recorder);
        let expected = (bodies.len() + lone.len()) * args.body;
        ensure!(
            count(&store)? == expected,
            "events are missing in the store"
        );
    }
    report(&args, &runs);
    Ok(())
}

/// Whole requests, each with a body of so many events.
fn bodies(args: &Args, seed: u64, count: usize) -> Result<Vec<Vec<u8>>> {
    let mut text = Vec::new();
    generate::Generator::new(seed).write_lines(count * args.body, &mut text)?;
    let text = String::from_utf8(text)?;
    let lines: Vec<&str> = text.lines().collect();
    let requests = lines.chunks(args.body).map(|lines| {
        let body = format!("[{}]", lines.join(","));
        let length = body.len();
        format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    });
    Ok(requests.collect())
}

fn start(program: &Path, store: &Path) -> Result<Recorder> {
    let mut child = Command::new(program)
        .args([
            "record",
            "--listen",
            "127.0.0.1:0",
            "--allow-host",
            "localhost",
        ])
        .args(["--db".as_ref(), store.as_os_str()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start the program")?;
    let messages = child.stderr.take().context("what it says")?;
    let mut line = String::new();
    BufReader::new(messages).read_line(&mut line)?;
    let address = line.trim().rsplit('/').next().context("an address")?;
    let address = address.parse().with_context(|| format!("read `{line}`"))?;
    Ok(Recorder { child, address })
}

fn measure(
    recorder: &Recorder,
    bodies: &[Vec<u8>],
    lone: &[Vec<u8>],
    clients: usize,
) -> Result<Measured> {
    let began = Instant::now();
    let share = bodies.len().div_ceil(clients);
    std::thread::scope(|scope| {
        let posting = bodies
            .chunks(share)
            .map(|bodies| scope.spawn(|| post_all(recorder.address, bodies)));
        let posting: Vec<_> = posting.collect();
        posting.into_iter().try_for_each(|client| {
            client.join().expect("a client does not panic")?;
            anyhow::Ok(())
        })
    })?;
    let took = began.elapsed().as_secs_f64();
    let mut lone_ms: Vec<f64> = post_all(recorder.address, lone)?
        .iter()
        .map(|it| it.as_secs_f64() * 1e3)
        .collect();
    lone_ms.sort_unstable_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let posts_per_s = bodies.len() as f64 / took;
    Ok(Measured {
        posts_per_s,
        lone_ms,
        peak_mb: peak_mb(recorder.child.id()),
    })
}

/// Posts requests one after the other on one connection, and gives how long each took.
fn post_all(address: SocketAddr, requests: &[Vec<u8>]) -> Result<Vec<Duration>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut took = Vec::with_capacity(requests.len());
    for request in requests {
        let began = Instant::now();
        stream.get_mut().write_all(request)?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(stream.read_line(&mut head)? > 0, "no answer");
        }
        ensure!(head.starts_with("HTTP/1.1 200 "), "refused: {head}");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .context("a length")?;
        let mut body = vec![0; length.parse()?];
        stream.read_exact(&mut body)?;
        took.push(began.elapsed());
    }
    Ok(took)
}

/// The most memory a process has had (only Linux reports it).
fn peak_mb(id: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

fn count(store: &Path) -> Result<usize> {
    let db = rusqlite::Connection::open(store)?;
    let count: i64 = db.query_row("SELECT count(*) FROM requests", [], |row| row.get(0))?;
    Ok(usize::try_from(count)?)
}

fn report(args: &Args, runs: &[Measured]) {
    println!(
        "seed {}, {} events in bodies of {}, {} clients, {} runs\n",
        args.seed, args.lines, args.body, args.clients, args.runs
    );
    println!("| | min | median | max |\n|---|---:|---:|---:|");
    let row = |name: &str, decimals: usize, of: &dyn Fn(&Measured) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        let (min, median, max) = (all[0], all[all.len() / 2], all[all.len() - 1]);
        println!("| {name} | {min:.decimals$} | {median:.decimals$} | {max:.decimals$} |");
    };
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let events_a_body = args.body as f64;
    row("events per second", 0, &|run| {
        run.posts_per_s * events_a_body
    });
    row("a lone post, p50, ms", 1, &|run| {
        run.lone_ms[run.lone_ms.len() / 2]
    });
    row("a lone post, p99, ms", 1, &|run| {
        run.lone_ms[run.lone_ms.len() * 99 / 100]
    });
    if runs.iter().all(|run| run.peak_mb.is_some()) {
        row("peak memory, MB", 1, &|run| run.peak_mb.unwrap_or_default());
    }
}
