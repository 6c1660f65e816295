//! Measures the schema judge: whole surfaces that are equal or all changed, in this process and as
//! `mcpr schema diff` over files, and schemas that are made to be hard. Each hard one must end in a
//! report.
#![expect(clippy::print_stdout, reason = "a benchmark's report")]

use anyhow::{Context, Result, ensure};
use clap::Parser;
use mcpr_surface::{Compatibility, Report, Surface, diff};
use serde_json::{Map, Value, json};
use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest that any comparison may take.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Measure how fast surfaces are compared
#[derive(Parser)]
struct Args {
    /// Tools of each surface
    #[arg(long, env = "BENCH_TOOLS", default_value_t = 500)]
    tools: usize,
    /// Runs of each comparison, after one that is not counted
    #[arg(long, env = "BENCH_RUNS", default_value_t = 15)]
    runs: usize,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.tools > 0 && args.runs > 0, "nothing to measure");
    println!("| comparison | verdict | min, ms | median, ms | max, ms | to reach |");
    println!("|---|---|---:|---:|---:|---:|");
    let old = surface(args.tools, &json!({"type": "integer", "minimum": 0}));
    let parsed = Surface::from_value(&answer(
        args.tools,
        &json!({"type": "integer", "minimum": 0}),
    ))?;
    measure("equal", &old, &parsed, args.runs, "20")?;
    for (label, property) in [
        (
            "every property widened",
            json!({"type": "number", "minimum": 0}),
        ),
        (
            "every property narrowed",
            json!({"type": "integer", "minimum": 1}),
        ),
        ("every property of another type", json!({"type": "string"})),
    ] {
        let new = surface(args.tools, &property);
        measure(label, &old, &new, args.runs, "100")?;
    }
    let new = reworded(args.tools);
    measure("every text reworded", &old, &new, args.runs, "100")?;
    whole_processes(&args)?;
    for (label, old, new) in hard() {
        let lone = |schema: &Value| {
            Surface::from_value(&json!({"tools": [{"name": "t", "inputSchema": schema}]}))
        };
        measure(label, &lone(&old)?, &lone(&new)?, 1, "5,000")?;
    }
    many_tools(args.runs.min(5))
}

/// The command over files of 5,000 tools: what a gateway shows that stands before many servers.
fn many_tools(runs: usize) -> Result<()> {
    const TOOLS: usize = 5_000;
    println!("\n| 5,000 tools | format | min, s | median, s | max, s | peak memory, MB |");
    println!("|---|---|---:|---:|---:|---:|");
    let folder = tempfile::tempdir()?;
    let old = folder.path().join("old.json");
    let new = folder.path().join("new.json");
    fs::write(&old, numbers(TOOLS, 0).to_string())?;
    for (label, changed) in [
        ("a tenth of the properties changed", TOOLS / 10),
        ("all properties changed", TOOLS),
    ] {
        fs::write(&new, numbers(TOOLS, changed).to_string())?;
        for format in ["text", "json", "sarif"] {
            let mut times = Vec::new();
            let mut peak = 0;
            for _ in 0..runs {
                let start = Instant::now();
                let child = Command::new(env!("CARGO_BIN_EXE_mcpr"))
                    .args(["schema", "diff", "--format", format])
                    .args([&old, &new])
                    .stdout(Stdio::piped())
                    .spawn()?;
                peak = peak.max(peak_while_read(child)?);
                times.push(start.elapsed().as_secs_f64());
            }
            times.sort_by(f64::total_cmp);
            let (min, median, max) = (times[0], times[runs / 2], times[runs - 1]);
            let megabytes = peak / 1_000_000;
            println!("| {label} | {format} | {min:.1} | {median:.1} | {max:.1} | {megabytes} |");
        }
    }
    Ok(())
}

/// Tools with ten properties each, those of the first ones integers and of the others numbers.
fn numbers(tools: usize, integers: usize) -> Value {
    let tools = (0..tools).map(|at| {
        let name = if at < integers { "integer" } else { "number" };
        let property = |p| {
            (
                format!("p{p}"),
                json!({"type": name, "description": "words about it"}),
            )
        };
        let all = (0..10).map(property).collect::<Map<_, _>>();
        json!({"name": format!("tool_{at}"), "description": "does things",
            "inputSchema": {"type": "object", "properties": all, "required": ["p1"]}})
    });
    json!({"tools": tools.collect::<Vec<_>>()})
}

/// The most memory that a process had until its output ended, in bytes; 0 where the system does not
/// report it.
fn peak_while_read(mut child: Child) -> Result<u64> {
    let status = format!("/proc/{}/status", child.id());
    let mut output = child.stdout.take().context("its output is a pipe")?;
    let (mut piece, mut peak) = (vec![0; 1 << 20], 0);
    loop {
        // Asked before each piece: the process may end right after the last one.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let text = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = text.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse().ok());
        peak = kibibytes.map_or(peak, |kibibytes: u64| kibibytes * 1024);
        if output.read(&mut piece)? == 0 {
            break;
        }
    }
    let ended = child.wait()?;
    ensure!(ended.code() == Some(1), "a wrong answer");
    Ok(peak)
}

fn measure(label: &str, old: &Surface, new: &Surface, runs: usize, to_reach: &str) -> Result<()> {
    let mut times = Vec::new();
    let mut report = Report::default();
    for _ in 0..=runs {
        let start = Instant::now();
        report = diff(old, new)?;
        times.push(start.elapsed());
        let is_hard = runs == 1;
        ensure!(
            !is_hard || times.iter().all(|time| *time < MAX_TIME),
            "{label}: took too long"
        );
    }
    let times = times.split_off(1);
    let changed = old != new;
    let is_reported =
        !report.findings.is_empty() || report.compatibility != Compatibility::Cosmetic;
    ensure!(changed == is_reported, "{label}: a wrong report");
    row(label, report.compatibility.as_str(), times, to_reach);
    Ok(())
}

fn row(label: &str, verdict: &str, mut times: Vec<Duration>, to_reach: &str) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "| {label} | {verdict} | {:.1} | {:.1} | {:.1} | {to_reach} |",
        ms(times[0]),
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1])
    );
}

/// The command over files, from its start to its end.
fn whole_processes(args: &Args) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let integers = json!({"type": "integer", "minimum": 0});
    let old = folder.path().join("old.json");
    let new = folder.path().join("new.json");
    fs::write(&old, answer(args.tools, &integers).to_string())?;
    for (label, changed, to_reach) in [
        ("equal", answer(args.tools, &integers), "20"),
        ("reworded", reworded_answer(args.tools), "100"),
        (
            "widened",
            answer(args.tools, &json!({"type": "number", "minimum": 0})),
            "100",
        ),
        (
            "narrowed",
            answer(args.tools, &json!({"type": "integer", "minimum": 1})),
            "500",
        ),
        ("renamed", renamed_answer(args.tools, &integers), "1,000"),
    ] {
        fs::write(&new, changed.to_string())?;
        let mut times = Vec::new();
        for _ in 0..=args.runs {
            let start = Instant::now();
            let ended = Command::new(env!("CARGO_BIN_EXE_mcpr"))
                .args(["schema", "diff", "--json"])
                .args([&old, &new])
                .output()?;
            times.push(start.elapsed());
            let code = i32::from(["narrowed", "renamed"].contains(&label));
            ensure!(ended.status.code() == Some(code), "{label}: a wrong answer");
        }
        row(
            &format!("whole process, {label}"),
            "",
            times.split_off(1),
            to_reach,
        );
    }
    Ok(())
}

/// The same tools under names that have nothing in common with the old ones.
fn renamed_answer(tools: usize, property: &Value) -> Value {
    let mut answer = answer(tools, property);
    for (at, tool) in answer["tools"]
        .as_array_mut()
        .into_iter()
        .flatten()
        .enumerate()
    {
        tool["name"] = json!(format!("other_{}", tools - at));
    }
    answer
}

/// A list of tools with ten properties each, eight of them as given.
fn answer(tools: usize, property: &Value) -> Value {
    let tools = (0..tools).map(|at| {
        let mut property = property.clone();
        property["description"] = json!("words about it");
        let mut all = (0..8)
            .map(|p| (format!("p{p}"), property.clone()))
            .collect::<Map<_, _>>();
        all.insert(
            format!("only{at}"),
            json!({"type": "string", "enum": ["a", "b"]}),
        );
        all.insert(
            "list".to_owned(),
            json!({"type": "array", "items": {"type": "string"}}),
        );
        json!({"name": format!("tool_{at}"), "description": "does things",
            "inputSchema": {"type": "object", "properties": all, "required": ["p1"]}})
    });
    json!({"tools": tools.collect::<Vec<_>>()})
}

fn surface(tools: usize, property: &Value) -> Surface {
    Surface::from_value(&answer(tools, property)).expect("a list of tools was made")
}

/// The same tools, each with another description.
fn reworded(tools: usize) -> Surface {
    Surface::from_value(&reworded_answer(tools)).expect("a list of tools was made")
}

fn reworded_answer(tools: usize) -> Value {
    let mut answer = answer(tools, &json!({"type": "integer", "minimum": 0}));
    for tool in answer["tools"].as_array_mut().into_iter().flatten() {
        tool["description"] = json!("does other things, and says so at https://example.com/docs");
    }
    answer
}

/// Schemas that are deep, wide, large or refer to themselves.
fn hard() -> Vec<(&'static str, Value, Value)> {
    let pair = |make: &dyn Fn(&str) -> Value| (make("integer"), make("string"));
    let mut all = Vec::new();
    let mut add = |label, (old, new)| all.push((label, old, new));
    add("100 levels", pair(&|leaf| deep(100, leaf)));
    add(
        "10,000 references in a row",
        pair(&|leaf| chain(10_000, &["a"], leaf)),
    );
    add("2^100 paths", pair(&|leaf| chain(100, &["a", "b"], leaf)));
    add("a cycle of 1,000", pair(&cycle));
    add(
        "oneOf of 1,000 tagged branches",
        (tagged(1_000), tagged(999)),
    );
    add(
        "oneOf of 1,000 overlapping branches",
        (loose(1_000), loose(999)),
    );
    add("5 MB of properties", pair(&large));
    all
}

fn deep(levels: usize, leaf: &str) -> Value {
    (0..levels).fold(
        json!({"type": leaf}),
        |inner, _| json!({"type": "object", "properties": {"a": inner}}),
    )
}

/// Definitions that refer to the next one, each as often as there are names.
fn chain(levels: usize, names: &[&str], leaf: &str) -> Value {
    let mut defs = Map::new();
    for at in 0..levels {
        let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
        let all = names.iter().map(|name| ((*name).to_owned(), next.clone()));
        let all = all.collect::<Map<_, _>>();
        defs.insert(
            format!("d{at}"),
            json!({"type": "object", "properties": all}),
        );
    }
    defs.insert(format!("d{levels}"), json!({"type": leaf}));
    json!({"type": "object", "properties": {"first": {"$ref": "#/$defs/d0"}}, "$defs": defs})
}

fn cycle(leaf: &str) -> Value {
    let defs = (0..1_000).map(|at| {
        let next = json!({"$ref": format!("#/$defs/d{}", (at + 1) % 1_000)});
        let body = json!({"type": "object", "properties": {"next": next, "value": {"type": leaf}}});
        (format!("d{at}"), body)
    });
    json!({"type": "object", "properties": {"first": {"$ref": "#/$defs/d0"}},
        "$defs": defs.collect::<Map<_, _>>()})
}

fn tagged(branches: usize) -> Value {
    let branches = (0..branches).map(|at| {
        json!({"type": "object", "required": ["kind"], "properties": {
            "kind": {"const": format!("k{at}")}, "v": {"type": "integer", "maximum": at}}})
    });
    json!({"type": "object", "oneOf": branches.collect::<Vec<_>>()})
}

fn loose(branches: usize) -> Value {
    let branches = (0..branches).map(|at| json!({"minimum": at, "multipleOf": at + 1}));
    json!({"type": "object", "properties": {"n": {"oneOf": branches.collect::<Vec<_>>()}}})
}

fn large(leaf: &str) -> Value {
    let properties = (0..40_000).map(|at| {
        let schema = json!({"type": leaf, "minLength": 1, "maxLength": 100,
            "description": "some words about it, and some more of them"});
        (format!("property_{at}"), schema)
    });
    json!({"type": "object", "properties": properties.collect::<Map<_, _>>()})
}
