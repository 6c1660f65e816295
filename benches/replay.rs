//! Replays the captured posts of `tests/data/mcpr-0.5.44/cloud.ndjson` as one long stream B: the same
//! bodies again and again, each round with sessions of its own and later than the round before.

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use uuid::{Builder, Uuid};

/// Between the end of a round and the beginning of the next.
const PAUSE: TimeDelta = TimeDelta::seconds(1);

/// A piece of a captured line.
enum Piece {
    Text(String),
    Session(usize),
    Time(DateTime<FixedOffset>),
}

/// The captured lines, cut where a round is to differ from another.
pub(crate) struct Replay {
    lines: Vec<Vec<Piece>>,
    sessions: usize,
    span: TimeDelta,
    /// Events of one round.
    pub(crate) events: usize,
    /// Requests of one round.
    pub(crate) requests: usize,
}

impl Replay {
    /// Reads a capture of posted bodies, one a line.
    pub(crate) fn of(capture: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(capture).context("read the capture")?;
        let (mut names, mut times) = (BTreeSet::new(), BTreeSet::new());
        let (mut events, mut requests) = (0, 0);
        for line in text.lines() {
            let body: Value = serde_json::from_str(line).context("a captured body")?;
            let body = body.as_array().context("a body that is no array")?;
            events += body.len();
            requests += body
                .iter()
                .filter(|event| event["kind"] == "request")
                .count();
            for event in body {
                walk(event, &mut names, &mut times);
            }
        }
        let moments: BTreeMap<_, _> = times
            .iter()
            .filter_map(|text| Some((text.as_str(), DateTime::parse_from_rfc3339(text).ok()?)))
            .collect();
        let ends = (moments.values().min(), moments.values().max());
        let (Some(first), Some(last)) = ends else {
            anyhow::bail!("no time in the capture");
        };
        ensure!(!names.is_empty(), "no session in the capture");
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        Ok(Self {
            lines: text
                .lines()
                .map(|line| pieces(line, &names, &moments))
                .collect(),
            sessions: names.len(),
            span: *last - *first + PAUSE,
            events,
            requests,
        })
    }

    /// Writes these many rounds.
    pub(crate) fn write(&self, rounds: usize, seed: u64, out: &mut impl Write) -> Result<()> {
        let mut random = fastrand::Rng::with_seed(seed);
        for round in 0..rounds {
            let names: Vec<Uuid> = (0..self.sessions)
                .map(|_| Builder::from_random_bytes(random.u128(..).to_le_bytes()).into_uuid())
                .collect();
            let later = self.span * i32::try_from(round).context("rounds")?;
            for piece in self.lines.iter().flatten() {
                match piece {
                    Piece::Text(text) => out.write_all(text.as_bytes())?,
                    Piece::Session(index) => write!(out, "{}", names[*index])?,
                    Piece::Time(time) => {
                        let time = *time + later;
                        write!(out, "{}", time.to_rfc3339_opts(SecondsFormat::Nanos, false))?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Finds the ids of sessions and the times in a body.
fn walk(value: &Value, names: &mut BTreeSet<String>, times: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, names, times)),
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value.as_str()) {
                    ("session_id", Some(name)) if !name.is_empty() => {
                        names.insert(name.to_owned());
                    }
                    ("ts" | "created_at" | "last_active", Some(time)) => {
                        times.insert(time.to_owned());
                    }
                    _ => walk(value, names, times),
                }
            }
        }
        _ => {}
    }
}

fn pieces(line: &str, names: &[&str], times: &BTreeMap<&str, DateTime<FixedOffset>>) -> Vec<Piece> {
    let mut found: Vec<(usize, usize, Piece)> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let places = line.match_indices(name);
        found.extend(places.map(|(at, _)| (at, at + name.len(), Piece::Session(index))));
    }
    for (text, time) in times {
        let places = line.match_indices(text);
        found.extend(places.map(|(at, _)| (at, at + text.len(), Piece::Time(*time))));
    }
    found.sort_by_key(|(at, ..)| *at);
    let mut pieces = Vec::new();
    let mut done = 0;
    for (at, end, piece) in found {
        pieces.push(Piece::Text(line[done..at].to_owned()));
        pieces.push(piece);
        done = end;
    }
    pieces.push(Piece::Text(format!("{}\n", &line[done..])));
    pieces
}
