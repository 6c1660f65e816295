//! Fault 10: the fuzz targets' bodies on captured input with random changes, for a while each.
//!
//! libFuzzer finds more (`fuzz/run`); this needs nothing but the test binary.

use super::fuzz_targets::{TARGETS, Target, run as run_target};
use super::program::Place;
use super::report::Outcome;
use anyhow::Result;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

#[expect(
    clippy::unnecessary_wraps,
    reason = "every fault runs behind the same type"
)]
pub(crate) fn run(place: &mut Place) -> Result<Outcome> {
    let seconds = place.length.pick(1, 20);
    let mut outcome = Outcome::new(format!(
        "Each target has {seconds} s of captured lines with random changes, in this process."
    ));
    for target in TARGETS {
        let (executions, crashes) = for_a_while(target, seconds, &mut place.random);
        outcome.figure(format!("{}: executions", target.name), executions);
        outcome.none_of(&format!("{}: crashes", target.name), crashes.len() as u64);
        if let Some(input) = crashes.first() {
            let shown = input.escape_ascii().to_string();
            outcome.must(false, || format!("{}: broken by b\"{shown}\"", target.name));
        }
    }
    Ok(outcome)
}

/// How often a target was run, and the inputs that broke it.
fn for_a_while(target: Target, seconds: u64, random: &mut fastrand::Rng) -> (u64, Vec<Vec<u8>>) {
    let seeds = target.seeds();
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut executions, mut crashes) = (0, Vec::new());
    while Instant::now() < until {
        let input = input(&seeds, random);
        executions += 1;
        if catch_unwind(AssertUnwindSafe(|| run_target(target.name, &input))).is_err() {
            crashes.push(input);
        }
    }
    (executions, crashes)
}

/// A captured line, or two as one, with some changes; or noise.
fn input(seeds: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    if seeds.is_empty() || random.u8(..8) == 0 {
        return (0..random.usize(..300)).map(|_| random.u8(..)).collect();
    }
    let mut bytes = seeds[random.usize(..seeds.len())].clone();
    if random.u8(..4) == 0 {
        let other = &seeds[random.usize(..seeds.len())];
        let (from, at) = (random.usize(..other.len()), random.usize(..bytes.len()));
        bytes.splice(at.., other[from..].iter().copied());
    }
    for _ in 0..random.usize(..8) {
        if bytes.is_empty() {
            return bytes;
        }
        let at = random.usize(..bytes.len());
        match random.u8(..5) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = random.u8(..),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, b"\"\\{}[]\n\r\0,:"[random.usize(..11)]),
            _ => bytes.truncate(at),
        }
    }
    bytes
}
