//! Measures redaction alone: the messages of captures, as payloads of JSON and as texts, and texts that are
//! full of words which a secret's name may hold. Prints a Markdown table; `--dump` prints what comes out
//! instead, so that two builds can be compared byte for byte.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark's report"
)]

use mcpr_redact::Redactor;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const HELP: &str = "usage: cargo bench -p mcpr-redact --bench redact -- [OPTIONS] [FILE]...\n\n\
    FILE is a capture, an event or message of JSON a line [default: those of tests/data]\n\n\
    --runs N        runs of each kind [default: 7]\n\
    --megabytes N   how much one run goes over at least [default: 32]\n\
    --as KIND       payload or text alone [default: both]\n\
    --dump          print every message without its secrets, and measure nothing";

struct Args {
    runs: usize,
    /// How much one run goes over, so that a short capture is measured for long enough.
    megabytes: usize,
    kind: Option<String>,
    is_dump: bool,
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let args = match arguments() {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if !args.is_dump {
        println!("| capture | as | messages | bytes | secrets | MB/s min | median | max |");
        println!("|---|---|---:|---:|---:|---:|---:|---:|");
    }
    for file in &args.files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{}: {error}", file.display());
                return ExitCode::FAILURE;
            }
        };
        let messages = messages(&text);
        if args.is_dump {
            dump(&messages);
        } else {
            report(file, &messages, &args);
        }
    }
    ExitCode::SUCCESS
}

fn arguments() -> Result<Args, String> {
    let mut args = Args {
        runs: 7,
        megabytes: 32,
        kind: None,
        is_dump: false,
        files: Vec::new(),
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match &*argument {
            "--runs" => args.runs = number(given.next())?,
            "--megabytes" => args.megabytes = number(given.next())?,
            "--as" => args.kind = given.next(),
            "--dump" => args.is_dump = true,
            // What cargo passes to every benchmark.
            "--bench" => {}
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            file => args.files.push(file.into()),
        }
    }
    if args.files.is_empty() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
        args.files = ["mcpr-0.4.64/cloud.ndjson", "mcpr-0.5.44/cloud.ndjson"]
            .map(|name| data.join(name))
            .to_vec();
    }
    Ok(args)
}

fn number(given: Option<String>) -> Result<usize, String> {
    let number = given.and_then(|number| number.parse().ok());
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| "a number above 0 is missing".to_owned())
}

/// The messages of a capture: the bodies and server-sent events that its lines hold, or the lines.
fn messages(capture: &str) -> Vec<String> {
    let mut all = Vec::new();
    for line in capture.lines().filter(|line| !line.is_empty()) {
        let before = all.len();
        if let Ok(event) = serde_json::from_str(line) {
            bodies(&event, &mut all);
        }
        if all.len() == before {
            all.push(line.to_owned());
        }
    }
    all
}

/// The texts within a value that are JSON, or a stream of events of JSON.
fn bodies(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("{\"") => all.push(text.clone()),
        Value::String(text) if text.starts_with("event:") || text.starts_with("data:") => {
            let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
            all.extend(data.map(|data| data.trim().to_owned()));
        }
        Value::Array(items) => items.iter().for_each(|item| bodies(item, all)),
        Value::Object(members) => members.values().for_each(|item| bodies(item, all)),
        _ => {}
    }
}

fn dump(messages: &[String]) {
    let redactor = Redactor::default();
    for message in messages {
        println!("{}", redactor.json(message, usize::MAX).text);
        let text = redactor.text(message).map(|(text, _)| text);
        println!("{}", text.as_ref().unwrap_or(message));
    }
}

/// What a message is taken for; gives the number of its secrets.
type Redact = fn(&Redactor, &str) -> u64;

const KINDS: [(&str, Redact); 2] = [
    ("payload", |redactor, message| {
        redactor.json(message, usize::MAX).redacted
    }),
    ("text", |redactor, message| {
        redactor.text(message).map_or(0, |(_, count)| count)
    }),
];

fn report(file: &Path, messages: &[String], args: &Args) {
    let bytes: usize = messages.iter().map(String::len).sum();
    let rounds = ((args.megabytes << 20) / bytes.max(1)).max(1);
    let redactor = Redactor::default();
    for (kind, redact) in KINDS {
        let redact = |message: &String| redact(&redactor, message);
        if args.kind.as_deref().is_some_and(|only| only != kind) {
            continue;
        }
        let secrets: u64 = messages.iter().map(redact).sum();
        let mut speeds: Vec<f64> = (0..args.runs)
            .map(|_| {
                let began = Instant::now();
                for _ in 0..rounds {
                    std::hint::black_box(messages.iter().map(redact).sum::<u64>());
                }
                speed(bytes * rounds, began.elapsed())
            })
            .collect();
        speeds.sort_by(f64::total_cmp);
        println!(
            "| {} | {kind} | {} | {bytes} | {secrets} | {:.0} | {:.0} | {:.0} |",
            file.file_name().unwrap_or_default().to_string_lossy(),
            messages.len(),
            speeds[0],
            speeds[speeds.len() / 2],
            speeds[speeds.len() - 1],
        );
    }
}

/// In millions of bytes per second.
#[expect(clippy::cast_precision_loss, reason = "a figure of three digits")]
fn speed(bytes: usize, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64()
}
