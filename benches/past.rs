//! What a recorder does in a store with a past: the same stream behind more and more old inferred
//! sessions, and a stream in which every resource is read once.

use super::{Args, Spread, as_f64, print_row, record, remove_store};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use uuid::Builder;

/// Between two requests of one session, and between two sessions, which a pause of 30 minutes parts.
const STEP_MS: i64 = 50;
const PAUSE_MS: i64 = 31 * 60 * 1000;
/// Requests of one inferred session of the measured stream.
const SESSION_REQUESTS: usize = 20;
/// When the past begins: the measured stream begins where it ends.
const START_MS: i64 = 1_600_000_000_000;

/// What one stream of requests without a session id holds.
#[derive(Clone, Copy)]
struct Stream {
    requests: usize,
    /// After how many requests a pause comes.
    of_session: usize,
    /// Whether each request reads a resource of its own.
    reads: bool,
    start_ms: i64,
}

/// Records behind so many old sessions each, and prints the rates.
pub(crate) fn measure(pasts: &[usize], args: &Args, dir: &Path) -> Result<()> {
    println!("| what is recorded | min, lines/s | median | max |");
    println!("|---|---:|---:|---:|");
    let mut rows: Vec<(String, usize, bool)> = pasts
        .iter()
        .map(|past| (format!("behind {past} old sessions"), *past, false))
        .collect();
    rows.push(("every resource once".to_owned(), 0, true));
    let mut stores = Vec::new();
    for (at, (_, past, _)) in rows.iter().enumerate() {
        stores.push(store_with(*past, at, args, dir)?);
    }
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); rows.len()];
    // The rows take turns, so that a slow moment of the machine meets all of them.
    for run in 0..args.runs {
        for (at, (_, past, reads)) in rows.iter().enumerate() {
            let stream = Stream {
                requests: args.lines,
                of_session: SESSION_REQUESTS,
                reads: *reads,
                start_ms: START_MS + i64::try_from(*past + 1)? * PAUSE_MS,
            };
            let file = dir.join("measured.log");
            write(&file, stream, args.seed + run as u64 + 1)?;
            let store = dir.join("measured.db");
            if stores[at].exists() {
                std::fs::copy(&stores[at], &store).context("copy the store with a past")?;
            }
            let ingest = record(&args.program, &store, &file)?;
            rates[at].push(as_f64(args.lines as u64) / ingest.wall.as_secs_f64());
            remove_store(&store)?;
        }
    }
    for ((name, ..), rates) in rows.iter().zip(rates) {
        print_row(name, &Spread::of(rates.into_iter()), 0);
    }
    Ok(())
}

/// A store that holds so many inferred sessions of one request each; none where there is no past.
fn store_with(past: usize, at: usize, args: &Args, dir: &Path) -> Result<PathBuf> {
    let store = dir.join(format!("past-{at}.db"));
    if past == 0 {
        return Ok(store);
    }
    let file = dir.join("past.log");
    let stream = Stream {
        requests: past,
        of_session: 1,
        reads: false,
        start_ms: START_MS,
    };
    write(&file, stream, args.seed)?;
    record(&args.program, &store, &file)?;
    Ok(store)
}

fn write(path: &Path, stream: Stream, seed: u64) -> Result<()> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut out = BufWriter::new(File::create(path).context("create a stream")?);
    let mut ts = stream.start_ms;
    for at in 0..stream.requests {
        ts += if at % stream.of_session == 0 {
            PAUSE_MS
        } else {
            STEP_MS
        };
        let id = Builder::from_random_bytes(rng.u128(..).to_le_bytes()).into_uuid();
        let latency_us = rng.u32(500..5000);
        let called = if stream.reads {
            let uri = rng.u64(..);
            format!(r#""mcp_method":"resources/read","tool":null,"resource_uri":"file:///{uri:x}""#)
        } else {
            r#""mcp_method":"tools/call","tool":"echo","resource_uri":null"#.to_owned()
        };
        writeln!(
            out,
            r#"{{"type":"request","id":"{id}","ts":{ts},"proxy":"everything","session_id":null,"method":"POST","path":"/",{called},"prompt_name":null,"status":200,"latency_us":{latency_us},"upstream_us":{},"request_size":120,"response_size":110,"error_code":null,"error_msg":null,"client_name":"cursor","client_version":"0.44.1","note":""}}"#,
            latency_us - 100
        )?;
    }
    out.flush()?;
    out.get_ref().sync_all().context("write a stream to disk")
}
