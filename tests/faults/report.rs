//! What a fault came to, and the Markdown report of them all. Knows nothing of the faults themselves.

use super::Length;
use anyhow::{Context, Result};
use std::fmt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What one fault came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What was done, in a sentence.
    done: String,
    figures: Vec<(String, String)>,
    failures: Vec<String>,
    skipped: Vec<String>,
    /// Whether anything at all was carried out.
    was_run: bool,
}

impl Outcome {
    /// A fault that is carried out as this sentence says.
    pub(crate) fn new(done: impl Into<String>) -> Self {
        Self {
            done: done.into(),
            was_run: true,
            ..Self::default()
        }
    }

    /// A fault that cannot be carried out here.
    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self {
            skipped: vec![why.into()],
            ..Self::default()
        }
    }

    /// Notes a figure.
    pub(crate) fn figure(&mut self, name: impl Into<String>, value: impl fmt::Display) {
        self.figures.push((name.into(), value.to_string()));
    }

    /// Notes a figure that has to be 0.
    pub(crate) fn none_of(&mut self, name: &str, count: u64) {
        self.figure(name, count);
        self.must(count == 0, || format!("{name}: {count}"));
    }

    /// Notes that part of it cannot be carried out here.
    pub(crate) fn skip_part(&mut self, why: impl Into<String>) {
        self.skipped.push(why.into());
    }

    /// Fails unless something holds.
    pub(crate) fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(what());
        }
    }

    pub(crate) fn failed(mut self, why: String) -> Self {
        self.failures.push(why);
        self
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    pub(crate) fn verdict(&self) -> &'static str {
        match (self.has_failed(), self.was_run, self.skipped.is_empty()) {
            (true, ..) => "FAILED",
            (_, false, _) => "SKIPPED",
            (_, _, false) => "held, in part SKIPPED",
            _ => "held",
        }
    }
}

/// The report of a run.
pub(crate) struct Report {
    head: String,
    parts: Vec<(u8, &'static str, Outcome, Duration)>,
}

impl Report {
    /// An empty report, which names the program's version, the seed and the machine.
    pub(crate) fn new(program: &Path, length: Length, seed: u64) -> Result<Self> {
        let version = first_line(Command::new(program).arg("--version"))?;
        let system = first_line(Command::new("uname").args(["-sr"])).unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let length = match length {
            Length::Quick => "quick",
            Length::Full => "full",
        };
        let build = if program.components().any(|part| part.as_os_str() == "debug") {
            "unoptimised build"
        } else {
            "optimised build"
        };
        let head = format!(
            "# Faults\n\n{version} ({build}), {length} run, seed {seed}, {system}, {cores} cores\n"
        );
        Ok(Self {
            head,
            parts: Vec::new(),
        })
    }

    pub(crate) fn add(&mut self, number: u8, name: &'static str, of: Outcome, took: Duration) {
        self.parts.push((number, name, of, took));
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.parts
            .iter()
            .any(|(.., outcome, _)| outcome.has_failed())
    }
}

fn first_line(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("run {}", command.get_program().to_string_lossy()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.head)?;
        writeln!(f, "| # | fault | verdict | seconds |\n|---:|---|---|---:|")?;
        for (number, name, outcome, took) in &self.parts {
            let (verdict, seconds) = (outcome.verdict(), took.as_secs_f64());
            writeln!(f, "| {number} | {name} | {verdict} | {seconds:.1} |")?;
        }
        for (number, name, outcome, _) in &self.parts {
            writeln!(f, "\n## {number} {name}: {}\n", outcome.verdict())?;
            if !outcome.done.is_empty() {
                writeln!(f, "{}\n", outcome.done)?;
            }
            if !outcome.figures.is_empty() {
                writeln!(f, "| figure | |\n|---|---:|")?;
            }
            for (figure, value) in &outcome.figures {
                writeln!(f, "| {figure} | {value} |")?;
            }
            for (word, reasons) in [("FAILED", &outcome.failures), ("SKIPPED", &outcome.skipped)] {
                for what in reasons {
                    writeln!(f, "\n{word}: {what}")?;
                }
            }
        }
        Ok(())
    }
}
