//! The gates of the schema judge. `cargo test` runs them in short form; in long form:
//! `cargo test --release --test gates -- --instances 1000000 --seed 7`. Prints a table, then what is
//! wrong; ends with 1 when anything is.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test says what it expects by panicking, and what it counted by printing"
)]

mod careful;
mod corpora;
mod instances;
mod random;
mod rewritings;
mod table;
mod truth;

use fastrand::Rng;
use mcpr_surface::compat::Caller;
use std::process::ExitCode;
use std::time::Instant;
use table::Row;
use truth::Run;

/// Instances that each verdict must stand.
const INSTANCES: usize = 2_000;

/// Random documents of the short form.
const SHORT_PAIRS: usize = 25;

/// What was asked for on the command line.
#[derive(Debug, Default)]
struct Asked {
    /// How many instances the random edits must reach together; the short form without.
    instances: Option<usize>,
    seed: Option<u64>,
    /// How many seeds the random edits are made of, one after the other, and nothing else is run.
    runs: Option<u64>,
    /// Whether other tests are meant by name, or a list of them.
    is_elsewhere: bool,
}

/// What cargo and its users pass to every test is passed over.
fn asked(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked::default();
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or(format!("{word} needs a number"))?;
            value.parse::<u64>().map_err(|why| format!("{word}: {why}"))
        };
        match word.as_str() {
            "--instances" => asked.instances = usize::try_from(number()?).ok(),
            "--seed" => asked.seed = Some(number()?),
            "--runs" => asked.runs = Some(number()?),
            "--list" => asked.is_elsewhere = true,
            "gates" => {}
            name => asked.is_elsewhere |= name.starts_with(|one: char| one.is_alphabetic()),
        }
    }
    Ok(asked)
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            println!("gates: {why}");
            return ExitCode::from(2);
        }
    };
    if asked.is_elsewhere {
        return ExitCode::SUCCESS;
    }
    let seed = asked.seed.unwrap_or_else(mcpr_seed::seed);
    println!("gates: --seed {seed}");
    let mut run = Run {
        rng: Rng::with_seed(seed),
        instances: INSTANCES,
    };
    if let Some(runs) = asked.runs {
        return many_runs(&mut run, seed, runs);
    }
    let start = Instant::now();
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        println!("{}: {} s so far", row.gate, start.elapsed().as_secs());
        rows.push(row);
    };
    add(random_edits(&mut run, asked.instances));
    add(corpora::real_edits(&mut run));
    // Plain inclusion of small schemas: in the short form fewer instances show as much.
    if asked.instances.is_none() {
        run.instances = INSTANCES / 5;
    }
    add(corpora::labelled_pairs(&mut run));
    add(rewritings::real_tools());
    add(rewritings::random_documents(&mut run.rng));
    add(corpora::reviewed_edits());
    let (text, faults) = table::report(&rows);
    println!(
        "\n{text}\nexceptions:\n{}seed {seed}",
        corpora::exceptions()
    );
    if faults == 0 {
        ExitCode::SUCCESS
    } else {
        println!("{faults} faults");
        ExitCode::FAILURE
    }
}

/// The random edits of the short form, for many seeds: how many of them would fail.
fn many_runs(run: &mut Run, seed: u64, runs: u64) -> ExitCode {
    let mut rows = Vec::new();
    for seed in (0..runs).map(|more| seed.wrapping_add(more)) {
        run.rng = Rng::with_seed(seed);
        let row = random_edits(run, None);
        println!(
            "seed {seed}: {} undecided of {}, {} faults",
            row.undecided,
            row.verdicts(),
            row.faults()
        );
        rows.push(row);
    }
    let (text, faults) = table::report(&rows);
    println!("\n{text}");
    if faults == 0 {
        ExitCode::SUCCESS
    } else {
        println!("{faults} faults");
        ExitCode::FAILURE
    }
}

/// Gates 1, 2 and 5 on random edits, until there were so many instances.
fn random_edits(run: &mut Run, instances: Option<usize>) -> Row {
    let mut row = Row::of("1 2 5 random edits, both ways");
    let mut documents = 0;
    while instances.map_or(documents < SHORT_PAIRS, |most| row.instances < most) {
        documents += 1;
        let old = random::document(&mut run.rng);
        let edits = run.rng.usize(1..3);
        let new = (0..edits).fold(old.clone(), |new, _| random::edited(&mut run.rng, &new));
        if old == new {
            continue;
        }
        run.inclusion(&mut row, &old, &new, Caller::Any);
        run.inclusion(&mut row, &new, &old, Caller::Any);
        run.verdicts(&mut row, &old, &new);
        run.verdicts(&mut row, &new, &old);
    }
    if row.proofs * 10 < documents || row.breaking * 10 < documents {
        row.fault("hardly any verdicts were put to the test".to_owned());
    }
    if row.undecided * 10 > row.proofs + row.breaking {
        row.too_many_doubts();
    }
    row
}
