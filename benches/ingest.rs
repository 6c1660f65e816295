//! Measures ingestion from end to end: the built program reads a large stream into a new store,
//! next to a bare insert loop over the same rows in the same run. Prints a Markdown table.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark's report"
)]

mod bare;
mod duckdb;
mod generate;
mod growth;
mod parse;
mod past;
mod replay;
mod server;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the program's peak memory is looked at; the kernel keeps the peak in between.
const MEMORY_POLL: Duration = Duration::from_millis(5);

/// Which stream is recorded.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stream {
    /// Generated lines, shaped like those that mcpr 0.4 prints
    A,
    /// What mcpr 0.5 was captured printing, again and again
    B,
}

/// Measure ingestion against a bare insert loop, bare parsing and `DuckDB`
#[derive(Parser)]
struct Args {
    /// Events in the stream; of that of mcpr 0.5 the next number of whole rounds
    #[arg(long, env = "BENCH_LINES", default_value_t = 1_000_000)]
    lines: usize,
    /// Which stream
    #[arg(long, value_enum, default_value = "a")]
    stream: Stream,
    /// Measure instead how one store grows to these sizes, in millions of rows of the stream of mcpr 0.4
    #[arg(long, value_name = "MILLIONS", value_delimiter = ',')]
    growth: Vec<usize>,
    /// Measure instead how fast requests without a session id are recorded behind so many old sessions
    #[arg(long, value_name = "SESSIONS", value_delimiter = ',')]
    past: Vec<usize>,
    /// Measure instead a store on a PostgreSQL server, which is started for it, beside a bare COPY and SQLite
    #[arg(long)]
    postgres: bool,
    /// A Python with the package duckdb
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Runs of each kind, one after the other in turn
    #[arg(long, env = "BENCH_RUNS", default_value_t = 3)]
    runs: usize,
    /// Seed of the generated stream
    #[arg(long, env = "BENCH_SEED", default_value_t = 1)]
    seed: u64,
    /// Directory for the stream and the stores; on the disk that is to be measured
    #[arg(long, env = "BENCH_DIR", default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
    /// Measure another build of the program
    #[arg(long, env = "BENCH_PROGRAM", default_value = env!("CARGO_BIN_EXE_mcpr"))]
    program: PathBuf,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What one run of the recorder cost.
struct Ingest {
    wall: Duration,
    peak_bytes: u64,
    store_bytes: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(
        args.lines > 0 && args.runs > 0,
        "nothing to measure: no lines or no runs"
    );
    let dir = tempfile::tempdir_in(&args.dir).context("make a directory for the run")?;
    if !args.growth.is_empty() {
        return growth::measure(&args.growth, &args, dir.path());
    }
    if !args.past.is_empty() {
        return past::measure(&args.past, &args, dir.path());
    }
    if args.postgres {
        return server::measure(&args, dir.path());
    }
    let stream = dir.path().join("everything.log");
    let written = write_stream(&stream, &args)?;
    println!(
        "seed {}, {} events, {:.1} MB of stream, {} runs of each\n",
        args.seed,
        written.events,
        megabytes(written.bytes),
        args.runs,
    );
    let mut runs = Runs::default();
    let mut table = None;
    for run in 1..=args.runs {
        let store = dir.path().join(format!("ingest-{run}.db"));
        let ingest = record(&args.program, &store, &stream)?;
        let stored = bare::count(&store)?;
        ensure!(
            stored == written.requests,
            "{stored} requests stored of {}",
            written.requests
        );
        let table = match &table {
            Some(table) => table,
            None => table.insert(bare::Table::read(&store)?),
        };
        remove_store(&store)?;
        let store = dir.path().join(format!("bare-{run}.db"));
        let bare = table.insert_into(&store)?;
        remove_store(&store)?;
        let parsed = parse::parse(&stream)?;
        eprintln!(
            "run {run}: ingest {:.2?}, bare loop {bare:.2?}, bare parse {parsed:.2?}",
            ingest.wall
        );
        if args.stream == Stream::A {
            let database = dir.path().join(format!("run-{run}.duckdb"));
            let read = duckdb::read(&args.python, &stream, written.events, &database)?;
            runs.duckdb.extend(read);
        }
        runs.ingests.push(ingest);
        runs.bares.push(bare);
        runs.parses.push(parsed);
    }
    report(&written, &runs);
    Ok(())
}

/// What each run took.
#[derive(Default)]
struct Runs {
    ingests: Vec<Ingest>,
    bares: Vec<Duration>,
    parses: Vec<Duration>,
    duckdb: Vec<duckdb::Read>,
}

/// What a stream holds.
struct Written {
    bytes: u64,
    events: usize,
    /// Rows of requests that a store of it has.
    requests: usize,
}

/// Writes the stream and has the disk take it, so that no run pays for another's writing.
fn write_stream(path: &Path, args: &Args) -> Result<Written> {
    let mut out = BufWriter::new(File::create(path).context("create the stream")?);
    let (events, requests) = match args.stream {
        Stream::A => {
            generate::Generator::new(args.seed).write_lines(args.lines, &mut out)?;
            (args.lines, args.lines)
        }
        Stream::B => {
            let capture = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/data/mcpr-0.5.44/everything.stderr.log"
            );
            let replay = replay::Replay::of(Path::new(capture))?;
            let rounds = args.lines.div_ceil(replay.events);
            replay.write(rounds, args.seed, &mut out)?;
            (rounds * replay.events, rounds * replay.requests)
        }
    };
    out.flush()?;
    out.get_ref()
        .sync_all()
        .context("write the stream to disk")?;
    Ok(Written {
        bytes: out.get_ref().metadata()?.len(),
        events,
        requests,
    })
}

/// Records the stream into a new store, from the program's start to its end.
fn record(program: &Path, store: &Path, stream: &Path) -> Result<Ingest> {
    let started = Instant::now();
    let mut child = Command::new(program)
        // What is old goes otherwise, and its removal would be measured.
        .args(["record", "--once", "--keep", "off", "--db"])
        .args([store, stream])
        .env_remove("MCPR_DB")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    let (status, wall, peak_bytes) = watch(&mut child, started)?;
    ensure!(status.success(), "{} record: {status}", program.display());
    Ok(Ingest {
        wall,
        peak_bytes,
        // A store on a server has no file here.
        store_bytes: if store.exists() {
            store_bytes(store)?
        } else {
            0
        },
    })
}

/// Waits for the program's end, and watches its memory from a thread of its own meanwhile.
fn watch(child: &mut Child, started: Instant) -> Result<(std::process::ExitStatus, Duration, u64)> {
    let (id, ended) = (child.id(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let memory = scope.spawn(|| {
            let mut peak_bytes = 0;
            while !ended.load(Ordering::Relaxed) {
                peak_bytes = peak_memory(id).unwrap_or(0).max(peak_bytes);
                std::thread::sleep(MEMORY_POLL);
            }
            peak_bytes
        });
        let status = child.wait();
        let wall = started.elapsed();
        ended.store(true, Ordering::Relaxed);
        let peak_bytes = memory
            .join()
            .expect("reading a file of /proc does not panic");
        Ok((status.context("wait for the program")?, wall, peak_bytes))
    })
}

/// The most memory that a process has held so far, while it lives.
fn peak_memory(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = peak.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes * 1024)
}

/// A store's files: the database and what it has beside it.
fn store_files(store: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| {
        let mut name = store.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    })
}

fn store_bytes(store: &Path) -> Result<u64> {
    let [db, wal, _] = store_files(store);
    let size = std::fs::metadata(&db)
        .with_context(|| format!("no store {}", db.display()))?
        .len();
    Ok(size + std::fs::metadata(wal).map_or(0, |wal| wal.len()))
}

fn remove_store(store: &Path) -> Result<()> {
    for file in store_files(store).iter().filter(|file| file.exists()) {
        std::fs::remove_file(file).with_context(|| format!("remove {}", file.display()))?;
    }
    Ok(())
}

/// The smallest, middle and largest of some figures.
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures = figures.collect::<Vec<_>>();
        figures.sort_by(f64::total_cmp);
        let (low, high) = (figures[(figures.len() - 1) / 2], figures[figures.len() / 2]);
        Self {
            min: figures[0],
            median: f64::midpoint(low, high),
            max: figures[figures.len() - 1],
        }
    }
}

fn report(written: &Written, runs: &Runs) {
    let (events, rows) = (
        as_f64(written.events as u64),
        as_f64(written.requests as u64),
    );
    let ingests = runs.ingests.iter();
    let rates = ingests.clone().map(|run| events / run.wall.as_secs_f64());
    let of_walls = |count: f64, walls: &[Duration]| {
        Spread::of(walls.iter().map(|wall| count / wall.as_secs_f64()))
    };
    // Both kinds of run put the same rows away, so their times compare.
    let pairs = ingests.clone().zip(&runs.bares);
    let ratio = Spread::of(pairs.map(|(run, bare)| bare.as_secs_f64() / run.wall.as_secs_f64()));
    let peak = Spread::of(ingests.clone().map(|run| megabytes(run.peak_bytes)));
    let row_bytes = Spread::of(ingests.map(|run| as_f64(run.store_bytes) / rows));
    println!("| | min | median | max |");
    println!("|---|---:|---:|---:|");
    print_row("`mcpr record --once`, events/s", &Spread::of(rates), 0);
    print_row("bare insert loop, rows/s", &of_walls(rows, &runs.bares), 0);
    print_row("bare parse, events/s", &of_walls(events, &runs.parses), 0);
    print_row("recorder's speed in parts of the bare loop's", &ratio, 2);
    print_row("recorder's peak memory, MB", &peak, 1);
    print_row("store, bytes per row", &row_bytes, 1);
    let walls: Vec<Duration> = runs.duckdb.iter().map(|read| read.wall).collect();
    match runs.duckdb.first() {
        Some(read) => {
            let name = format!("DuckDB {} `read_json` into a table, lines/s", read.version);
            print_row(&name, &of_walls(events, &walls), 0);
        }
        None => eprintln!(
            "DuckDB was not measured: only with the stream of mcpr 0.4, with Python and its package"
        ),
    }
}

fn print_row(name: &str, spread: &Spread, digits: usize) {
    let Spread { min, median, max } = spread;
    println!("| {name} | {min:.digits$} | {median:.digits$} | {max:.digits$} |");
}

fn megabytes(bytes: u64) -> f64 {
    as_f64(bytes) / 1e6
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes and lines are far below 2^53"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}
