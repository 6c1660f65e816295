//! Replays the captured stream `tests/data/mcpr-0.5.44/everything.stderr.log` as one long stream of mcpr 0.5:
//! the same lines again and again, each round with sessions of its own and later than the round
//! before.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use uuid::{Builder, Uuid};

/// What stands before the time of an event, in seconds.
const BEFORE_TIME: &str = "\"ts\":";

/// A piece of a captured line.
enum Piece {
    Text(String),
    Session(usize),
    Seconds(i64),
}

/// The captured lines, cut where a round is to differ from another.
pub(crate) struct Replay {
    pieces: Vec<Piece>,
    sessions: usize,
    span: i64,
    /// Events of one round.
    pub(crate) events: usize,
    /// Requests of one round.
    pub(crate) requests: usize,
}

impl Replay {
    /// Reads a capture; what is not JSON in it goes along as it is.
    pub(crate) fn of(capture: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(capture).context("read the capture")?;
        let events: Vec<Value> = text
            .lines()
            .filter(|line| line.starts_with('{'))
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .context("a captured event")?;
        let times: Vec<i64> = events.iter().filter_map(|it| it["ts"].as_i64()).collect();
        let (first, last) = (times.iter().min(), times.iter().max());
        let (Some(first), Some(last)) = (first, last) else {
            anyhow::bail!("no time in the capture");
        };
        let names: BTreeSet<&str> = events
            .iter()
            .filter_map(|event| event["session_id"].as_str())
            .filter(|name| !name.is_empty())
            .collect();
        ensure!(!names.is_empty(), "no session in the capture");
        let requests = events.iter().filter(|it| it["type"] == "transaction");
        Ok(Self {
            pieces: pieces(&text, &names.iter().copied().collect::<Vec<_>>()),
            sessions: names.len(),
            span: last - first + 1,
            events: events.len(),
            requests: requests
                .map(|it| it["request"]["rpcs"].as_array().map_or(1, Vec::len))
                .sum(),
        })
    }

    /// Writes these many rounds.
    pub(crate) fn write(&self, rounds: usize, seed: u64, out: &mut impl Write) -> Result<()> {
        let mut random = fastrand::Rng::with_seed(seed);
        for round in 0..rounds {
            let names: Vec<Uuid> = (0..self.sessions)
                .map(|_| Builder::from_random_bytes(random.u128(..).to_le_bytes()).into_uuid())
                .collect();
            let later = self.span * i64::try_from(round).context("rounds")?;
            for piece in &self.pieces {
                match piece {
                    Piece::Text(text) => out.write_all(text.as_bytes())?,
                    Piece::Session(index) => write!(out, "{}", names[*index])?,
                    Piece::Seconds(seconds) => write!(out, "{}", seconds + later)?,
                }
            }
        }
        Ok(())
    }
}

fn pieces(text: &str, names: &[&str]) -> Vec<Piece> {
    let mut found: Vec<(usize, usize, Piece)> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let places = text.match_indices(name);
        found.extend(places.map(|(at, _)| (at, at + name.len(), Piece::Session(index))));
    }
    for (at, mark) in text.match_indices(BEFORE_TIME) {
        let start = at + mark.len();
        let digits = text[start..].find(|c: char| !c.is_ascii_digit());
        let end = digits.map_or(text.len(), |len| start + len);
        if let Ok(seconds) = text[start..end].parse() {
            found.push((start, end, Piece::Seconds(seconds)));
        }
    }
    found.sort_by_key(|(at, ..)| *at);
    let mut pieces = Vec::new();
    let mut done = 0;
    for (at, end, piece) in found {
        pieces.extend([Piece::Text(text[done..at].to_owned()), piece]);
        done = end;
    }
    pieces.push(Piece::Text(text[done..].to_owned()));
    pieces
}
