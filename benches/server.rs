//! A store on a PostgreSQL server: recorded by one process and by two, beside a bare COPY of the same rows into the same
//! table with the same indexes, and beside a SQLite file, all in turn.

use super::{Args, Spread, as_f64, generate, print_row, record, remove_store};
use anyhow::{Context, Result, ensure};
use mcpr_store_postgres::test_server::TestServer;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a server has that nobody has tuned, but for room to write 1,000,000 rows between two checkpoints.
const SETTINGS: [&str; 3] = ["fsync=on", "shared_buffers=128MB", "max_wal_size=4GB"];
/// Bytes that go to the server at once.
const PIECE: usize = 1 << 16;

/// What each run took, and what a row takes.
#[derive(Default)]
struct Runs {
    copies: Vec<Duration>,
    ones: Vec<Duration>,
    twos: Vec<Duration>,
    files: Vec<Duration>,
    row_bytes: Vec<f64>,
}

/// Measures a store on a server of its own, whose directory is where temporary files are.
pub(crate) fn measure(args: &Args, dir: &Path) -> Result<()> {
    let server = TestServer::start(&SETTINGS).context("no PostgreSQL server is installed")?;
    let whole = stream(args, dir, "whole", args.lines, args.seed)?;
    // Two machines: other requests in other sessions, at the same times.
    let half = args.lines / 2;
    let halves = [
        stream(args, dir, "half-1", half, args.seed + 1)?,
        stream(args, dir, "half-2", args.lines - half, args.seed + 2)?,
    ];
    let (mut runs, mut rows) = (Runs::default(), Vec::new());
    for run in 1..=args.runs {
        let database = Database::of(&server, "one");
        let one = record(&args.program, &database.store(), &whole);
        runs.ones.push(one?.wall);
        database.check(args.lines)?;
        runs.row_bytes
            .push(database.bytes() / as_f64(args.lines as u64));
        if rows.is_empty() {
            database.read_rows(&mut rows)?;
        }
        let database = Database::of(&server, "bare");
        runs.copies.push(database.copy_in(args, &rows)?);
        let database = Database::of(&server, "two");
        runs.twos
            .push(record_both(args, &database.store(), &halves)?);
        database.check(args.lines)?;
        let store = dir.join("beside.db");
        runs.files.push(record(&args.program, &store, &whole)?.wall);
        remove_store(&store)?;
        eprintln!(
            "run {run}: bare COPY {:.2?}, one recorder {:.2?}, two {:.2?}, SQLite {:.2?}",
            runs.copies[run - 1],
            runs.ones[run - 1],
            runs.twos[run - 1],
            runs.files[run - 1],
        );
    }
    report(args, &runs);
    Ok(())
}

fn stream(args: &Args, dir: &Path, name: &str, lines: usize, seed: u64) -> Result<PathBuf> {
    let path = dir.join(format!("{name}.log"));
    let mut out = BufWriter::new(File::create(&path).context("create the stream")?);
    generate::Generator::new(seed).write_lines(lines, &mut out)?;
    out.flush()?;
    // No run is to pay for its writing.
    out.get_ref()
        .sync_all()
        .context("write the stream to disk")?;
    println!("{lines} lines of seed {seed}, {} runs of each", args.runs);
    Ok(path)
}

/// An empty database, removed at its end.
struct Database<'a> {
    server: &'a TestServer,
    name: &'a str,
}

impl<'a> Database<'a> {
    fn of(server: &'a TestServer, name: &'a str) -> Self {
        server.execute(&format!("CREATE DATABASE {name}"));
        // What the run before has left to do is done before the next one begins.
        server.execute("CHECKPOINT");
        Self { server, name }
    }

    fn store(&self) -> PathBuf {
        self.server.text(self.name).into()
    }

    fn number(&self, sql: &str) -> i64 {
        let row = self.server.client(self.name).query_one(sql, &[]);
        row.expect("a number").get(0)
    }

    fn check(&self, rows: usize) -> Result<()> {
        let stored = self.number("SELECT count(*) FROM requests");
        ensure!(i64::try_from(rows)? == stored, "{stored} rows of {rows}");
        Ok(())
    }

    /// Bytes of all tables and indexes of the store.
    fn bytes(&self) -> f64 {
        let sql = "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
                   WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        as_f64(self.number(sql).unsigned_abs())
    }

    fn read_rows(&self, rows: &mut Vec<u8>) -> Result<()> {
        let mut client = self.server.client(self.name);
        let sql = "COPY (SELECT * FROM requests ORDER BY seq) TO STDOUT BINARY";
        client.copy_out(sql)?.read_to_end(rows)?;
        Ok(())
    }

    /// Copies rows into the table of an empty store, as one transaction; says how long that took.
    fn copy_in(&self, args: &Args, rows: &[u8]) -> Result<Duration> {
        let made = Command::new(&args.program)
            .args(["store", "migrate", "--db"])
            .arg(self.store())
            .stdout(Stdio::null())
            .status()?;
        ensure!(made.success(), "store migrate: {made}");
        let mut client = self.server.client(self.name);
        let began = Instant::now();
        let mut writer = client.copy_in("COPY requests FROM STDIN BINARY")?;
        for piece in rows.chunks(PIECE) {
            writer.write_all(piece)?;
        }
        writer.finish()?;
        Ok(began.elapsed())
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        self.server
            .execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// Two recorders at once, from the start of the first to the end of the last.
fn record_both(args: &Args, store: &Path, streams: &[PathBuf; 2]) -> Result<Duration> {
    let began = Instant::now();
    let mut running = Vec::new();
    for (name, stream) in ["first", "second"].iter().zip(streams) {
        let recorder = Command::new(&args.program)
            .args(["record", "--once", "--keep", "off", "--db"])
            .args([store, stream])
            .env("MCPR_WRITER", name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        running.push(recorder);
    }
    for mut recorder in running {
        let status = recorder.wait()?;
        ensure!(status.success(), "record: {status}");
    }
    Ok(began.elapsed())
}

fn report(args: &Args, runs: &Runs) {
    let lines = as_f64(args.lines as u64);
    let rate = |walls: &[Duration]| Spread::of(walls.iter().map(|it| lines / it.as_secs_f64()));
    // Of neighbours in time: a slow moment of the machine meets both.
    let ratio = |above: &[Duration], below: &[Duration]| {
        let pairs = above.iter().zip(below);
        Spread::of(pairs.map(|(above, below)| above.as_secs_f64() / below.as_secs_f64()))
    };
    println!("\n| | min | median | max |\n|---|---:|---:|---:|");
    print_row("bare COPY, rows/s", &rate(&runs.copies), 0);
    print_row("one recorder, lines/s", &rate(&runs.ones), 0);
    print_row("two recorders together, lines/s", &rate(&runs.twos), 0);
    print_row("one recorder into SQLite, lines/s", &rate(&runs.files), 0);
    let of_copy = ratio(&runs.copies, &runs.ones);
    print_row(
        "one recorder in parts of the bare COPY (to reach: 0.6)",
        &of_copy,
        2,
    );
    let of_one = ratio(&runs.ones, &runs.twos);
    print_row("two recorders in parts of one (to reach: 1.2)", &of_one, 2);
    let bytes = Spread::of(runs.row_bytes.iter().copied());
    print_row("bytes a row, indexes included (to reach: 200)", &bytes, 1);
}
