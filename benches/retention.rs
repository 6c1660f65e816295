//! Measures how long an event waits for its commit at a steady rate while retention removes what is past what is kept,
//! beside the same without anything to remove: once with all of 60 days to remove at a stroke, once with a clock
//! that goes through 60 days meanwhile. Prints Markdown tables.
#![expect(clippy::print_stdout, reason = "a benchmark's report")]

use anyhow::{Context, Result, ensure};
use clap::Parser;
use mcpr_connect::connect;
use mcpr_ingest::{Config, Delivery, Full, OnCommit, Recorder, SourceHandle};
use mcpr_model::{Event, EventKey, Kind, Payload, Request, RequestId, Target, TargetKind};
use mcpr_store::query::{Filter, GroupBy, StatsQuestion};
use mcpr_store::{Keep, StoreUrl};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// 2026-11-21 00:00 UTC, when the past begins.
const BEGIN_MS: i64 = 1_795_219_200_000;
/// Days that were recorded before.
const PAST_DAYS: i64 = 60;
/// A pause that a person would see.
const PAUSE: Duration = Duration::from_millis(50);

/// Measure recording while retention removes
#[derive(Parser)]
struct Args {
    /// Requests with payloads that were recorded over 60 days before
    #[arg(long, env = "BENCH_PAST", default_value_t = 300_000)]
    past: u64,
    /// Events a second
    #[arg(long, env = "BENCH_RATE", default_value_t = 200)]
    rate: u32,
    /// How long each run records
    #[arg(long, env = "BENCH_SECONDS", default_value_t = 60)]
    seconds: u32,
    /// Bytes of each payload, of what was asked and of what was answered
    #[arg(long, env = "BENCH_BODY", default_value_t = 1000)]
    body: usize,
    /// Bytes that the store with the moved clock may take
    #[arg(long, env = "BENCH_LIMIT", default_value_t = 3 << 20)]
    limit: u64,
    /// Directory for the stores; on the disk that is to be measured
    #[arg(long, env = "BENCH_DIR", default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    fn events(&self) -> u64 {
        u64::from(self.rate) * u64::from(self.seconds)
    }
}

/// What one run found.
struct Measured {
    /// The most that the store's file took.
    most_bytes: u64,
    /// From the delivery of an event to its commit, sorted.
    waits: Vec<Duration>,
    requests_removed: u64,
    payloads_removed: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.rate > 0 && args.seconds > 0, "nothing to measure");
    let dir = tempfile::tempdir_in(&args.dir).context("make a directory for the run")?;
    at_a_stroke(&args, &dir.path().join("retention.db"))?;
    day_by_day(&args, dir.path())
}

/// What was recorded over 60 days goes while a steady rate is recorded.
fn at_a_stroke(args: &Args, store: &Path) -> Result<()> {
    let began = Instant::now();
    fill(args, store)?;
    println!(
        "{} requests with payloads of 2 x {} bytes over {PAST_DAYS} days, recorded in {:.0} s; {} events per second for {} s\n",
        args.past,
        args.body,
        began.elapsed().as_secs_f64(),
        args.rate,
        args.seconds
    );
    let hours = hours(store)?;
    println!(
        "| kept | median wait | 99 % | longest | over 50 ms | requests removed | payloads removed |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let by_age = Keep {
        requests_ms: Some(30 * DAY_MS),
        payloads_ms: Some(7 * DAY_MS),
        max_bytes: None,
    };
    let used = std::fs::metadata(store)?.len();
    let by_size = Keep {
        max_bytes: Some(used / 4),
        ..Keep::EVERYTHING
    };
    for (number, (name, keep)) in [
        ("everything", Keep::EVERYTHING),
        ("30 days, payloads 7", by_age),
        ("a quarter of the size", by_size),
    ]
    .into_iter()
    .enumerate()
    {
        let first = args.past + args.events() * number as u64;
        let measured = measure(args, store, keep, first, Pace::STILL)?;
        report(name, &measured);
    }
    let left = self::hours(store)?;
    println!("\nhours that `stats` knows: {hours} before, {left} after");
    Ok(())
}

/// Records at a steady rate while the clock goes through 60 days.
fn day_by_day(args: &Args, dir: &Path) -> Result<()> {
    println!(
        "\n{} events per second for {} s, in which the clock goes through {PAST_DAYS} days; the limit is {:.1} MiB\n",
        args.rate,
        args.seconds,
        mebibytes(args.limit)
    );
    println!(
        "| kept | median wait | 99 % | longest | over 50 ms | requests removed | payloads removed |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let bounded = Keep {
        requests_ms: Some(30 * DAY_MS),
        payloads_ms: Some(7 * DAY_MS),
        max_bytes: Some(args.limit),
    };
    let mut lines = Vec::new();
    for (name, keep) in [
        ("everything", Keep::EVERYTHING),
        ("30 days, payloads 7, the limit", bounded),
    ] {
        let store = dir.join(format!("{name}.db"));
        let measured = measure(args, &store, keep, 0, Pace::days(args))?;
        report(name, &measured);
        lines.push(format!(
            "{name}: at most {:.1} MiB, {} hours known to `stats`, {} of them recorded",
            mebibytes(measured.most_bytes),
            hours(&store)?,
            PAST_DAYS * 24
        ));
    }
    println!("\n{}", lines.join("\n"));
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
    let bytes = bytes as f64;
    bytes / f64::from(1 << 20)
}

/// How the clock goes.
#[derive(Clone, Copy)]
struct Pace {
    begin_ms: i64,
    /// From one event to the next.
    step_ms: i64,
}

impl Pace {
    /// At the end of the past, a millisecond an event.
    const STILL: Self = Self {
        begin_ms: BEGIN_MS + PAST_DAYS * DAY_MS,
        step_ms: 1,
    };

    /// Through 60 days in the time of a run.
    fn days(args: &Args) -> Self {
        let events = i64::try_from(args.events()).unwrap_or(i64::MAX).max(1);
        Self {
            begin_ms: BEGIN_MS,
            step_ms: PAST_DAYS * DAY_MS / events,
        }
    }
}

/// Records the past, as fast as it goes.
fn fill(args: &Args, store: &Path) -> Result<()> {
    let recorder = Recorder::open(Config::new(store))?;
    let source = recorder.source(Full::Block);
    let step = PAST_DAYS * DAY_MS / i64::try_from(args.past.max(1))?;
    for number in 0..args.past {
        let ts = BEGIN_MS + i64::try_from(number)? * step;
        let mut delivery = Delivery::new("past".into());
        delivery.more_follows = true;
        delivery.events.push(request(number, ts, args.body));
        deliver(&source, delivery)?;
    }
    recorder.shutdown()?;
    Ok(())
}

/// Records at a steady rate events from a number on, with a clock that goes with them.
fn measure(args: &Args, store: &Path, keep: Keep, first: u64, pace: Pace) -> Result<Measured> {
    let mut config = Config::new(store);
    let clock = Arc::new(AtomicI64::new(pace.begin_ms));
    let now = Arc::clone(&clock);
    config.keep = keep;
    config.writer.exclusive = true;
    config.clock = Some(Box::new(move || now.load(Ordering::Relaxed)));
    let removed = Arc::new(Mutex::new((0, 0)));
    let total = Arc::clone(&removed);
    config.on_removed = Some(Box::new(move |round| {
        let mut sum = total.lock().unwrap_or_else(PoisonError::into_inner);
        sum.0 += round.requests;
        sum.1 += round.payloads;
    }));
    let recorder = Recorder::open(config)?;
    let source = recorder.source(Full::Block);
    let waits = Arc::new(Mutex::new(Vec::new()));
    let events = args.events();
    let watched = FileWatch::begin(store);
    let began = Instant::now();
    for number in 0..events {
        // Each at its own moment, however long the one before took: a pause must not slow the rate down.
        let due = began + Duration::from_secs(1) * u32::try_from(number)? / args.rate;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut delivery = Delivery::new("live".into());
        let ts = pace.begin_ms + i64::try_from(number)? * pace.step_ms;
        clock.store(ts, Ordering::Relaxed);
        let event = request(first + number, ts, args.body);
        delivery.events.push(event);
        let (given, waits) = (Instant::now(), Arc::clone(&waits));
        delivery.on_commit = Some(OnCommit::new(move || {
            let mut waits = waits.lock().unwrap_or_else(PoisonError::into_inner);
            waits.push(given.elapsed());
        }));
        deliver(&source, delivery)?;
    }
    recorder.shutdown()?;
    let most_bytes = watched.end();
    let mut waits = std::mem::take(&mut *waits.lock().unwrap_or_else(PoisonError::into_inner));
    waits.sort_unstable();
    ensure!(waits.len() as u64 == events, "an event was not committed");
    let (requests_removed, payloads_removed) =
        *removed.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Measured {
        most_bytes,
        waits,
        requests_removed,
        payloads_removed,
    })
}

fn deliver(source: &SourceHandle, delivery: Delivery) -> Result<()> {
    let taken = source.deliver(delivery, &|| false);
    ensure!(taken.is_ok(), "the recorder takes nothing more");
    Ok(())
}

/// Looks now and then how large a file is.
struct FileWatch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl FileWatch {
    fn begin(file: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, file) = (Arc::clone(&stop), file.to_owned());
        let thread = std::thread::spawn(move || {
            let mut most = 0;
            while !stopped.load(Ordering::Relaxed) {
                // Before its first commit there may be none.
                most = most.max(std::fs::metadata(&file).map_or(0, |it| it.len()));
                std::thread::sleep(Duration::from_millis(100));
            }
            most
        });
        Self { stop, thread }
    }

    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// A call with bodies that no compression makes much smaller.
fn request(number: u64, ts: i64, body: usize) -> Event {
    let mut random = fastrand::Rng::with_seed(number);
    let mut text = |name: &str| {
        let noise: String = std::iter::repeat_with(|| random.alphanumeric())
            .take(body)
            .collect();
        format!("{{\"{name}\":\"{noise}\"}}")
    };
    let (params, answer) = (text("arguments"), text("content"));
    let id = format!("r{number}");
    Event::Request(Request {
        request_id: Some(RequestId::from_text(&id)),
        session_id: Some(format!("s{}", number / 200).into()),
        client_name: Some("agent".into()),
        client_version: Some("1.0".into()),
        target: Some(Target {
            kind: TargetKind::Tool,
            name: format!("tool-{}", number % 20).into(),
        }),
        latency_us: Some(1000 + i64::try_from(number % 5000).unwrap_or(0)),
        bytes_in: Some(100),
        bytes_out: Some(1000),
        payload: Payload::of(Some(&params), Some(&answer)).map(Box::new),
        ..Request::new(
            EventKey::of_id(&id),
            ts,
            "bench".into(),
            Kind::Mcp,
            "tools/call".into(),
        )
    })
}

/// How many hours have sums.
fn hours(store: &Path) -> Result<usize> {
    let reader = connect(&StoreUrl::from(store.to_owned()))?.reader()?;
    let question = StatsQuestion::sums(&Filter::default(), GroupBy::Hour);
    Ok(reader.stats(&question)?.len())
}

fn report(name: &str, measured: &Measured) {
    let waits = &measured.waits;
    let ms = |wait: Duration| wait.as_secs_f64() * 1e3;
    let at = |percent: usize| ms(waits[(waits.len() - 1) * percent / 100]);
    let over = waits.iter().filter(|wait| **wait > PAUSE).count();
    println!(
        "| {name} | {:.1} ms | {:.1} ms | {:.1} ms | {over} | {} | {} |",
        at(50),
        at(99),
        at(100),
        measured.requests_removed,
        measured.payloads_removed
    );
}
