//! Holds the benchmarks' generated stream to the capture it stands for: its fields and its mix.

use crate::generate::Generator;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const CAPTURE: &str = include_str!("../data/mcpr-0.4.64/proxy.log");
const SEED: u64 = 7;
const LINES: usize = 20_000;

fn captured() -> Vec<Map<String, Value>> {
    CAPTURE
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(parse)
        .collect()
}

fn generated() -> Vec<Map<String, Value>> {
    let mut stream = Vec::new();
    Generator::new(SEED)
        .write_lines(LINES, &mut stream)
        .unwrap();
    String::from_utf8(stream)
        .unwrap()
        .lines()
        .map(parse)
        .collect()
}

fn parse(line: &str) -> Map<String, Value> {
    serde_json::from_str(line).unwrap()
}

/// What sort of row it is, by the fields that a store interns.
fn sort_of(row: &Map<String, Value>) -> String {
    let names = [
        "method",
        "mcp_method",
        "tool",
        "resource_uri",
        "prompt_name",
        "status",
        "note",
    ];
    names.map(|name| row[name].to_string()).join(" ")
}

/// Rows of each sort, in parts of the whole.
fn mix(rows: &[Map<String, Value>]) -> BTreeMap<String, f64> {
    let share = 1.0 / f64::from(u32::try_from(rows.len()).unwrap());
    let mut mix = BTreeMap::new();
    for row in rows {
        *mix.entry(sort_of(row)).or_insert(0.0) += share;
    }
    mix
}

/// The JSON type of each field, over all rows that have one.
fn types(rows: &[Map<String, Value>]) -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut types = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, value) in rows.iter().flatten() {
        let name_of_type = match value {
            Value::Null => "null",
            Value::String(_) => "string",
            Value::Number(_) => "number",
            _ => "other",
        };
        types.entry(name.clone()).or_default().insert(name_of_type);
    }
    types
}

#[test]
fn its_fields_have_the_names_and_types_of_the_capture() {
    assert_eq!(types(&generated()), types(&captured()));
}

#[test]
fn its_mix_of_rows_is_that_of_the_capture() {
    let (generated, captured) = (mix(&generated()), mix(&captured()));
    let sorts = |mix: &BTreeMap<String, f64>| mix.keys().cloned().collect::<Vec<_>>();
    assert_eq!(sorts(&generated), sorts(&captured));
    for (sort, share) in &captured {
        let got = generated[sort];
        assert!(
            (got - share).abs() < 0.02,
            "{sort}: {got:.3} generated, {share:.3} captured"
        );
    }
}

#[test]
fn its_ids_are_unique_and_its_times_never_fall() {
    let rows = generated();
    let ids = rows
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), LINES);
    assert!(rows.is_sorted_by_key(|row| row["ts"].as_i64().unwrap()));
    for row in &rows {
        assert!(row["upstream_us"].as_i64().unwrap() <= row["latency_us"].as_i64().unwrap());
    }
}

#[test]
fn its_sessions_hold_as_many_calls_as_the_captured_ones() {
    let rows = generated();
    let sessions = rows.iter().filter_map(|row| row["session_id"].as_str());
    let count = sessions.collect::<BTreeSet<_>>().len();
    let mean = LINES / count;
    assert!((21..=25).contains(&mean), "{mean} rows a session");
}

#[test]
fn the_same_seed_gives_the_same_stream() {
    let stream = |seed| {
        let mut stream = Vec::new();
        Generator::new(seed).write_lines(100, &mut stream).unwrap();
        stream
    };
    assert_eq!(stream(SEED), stream(SEED));
    assert_ne!(stream(SEED), stream(SEED + 1));
}
