//! What is printed of the outcomes: for people, scripts, pull requests and runners of tests. Pure.

use super::figures::FigureUnit;
use super::outcome::{ConditionState, Outcome, Outcomes};
use crate::render::text::{escape, escape_json};
use crate::render::units;
use mcpr_model::time::rfc3339;
use mcpr_store::query::StatsKey;
use mcpr_store::query::when::Zone;
use mcpr_surface::quote;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The widest that a column is padded to: so that most lines stand on a screen of 80 cells.
const MAX_PADDED: usize = 32;

/// How the outcomes are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::commands) enum CheckFormat {
    /// A line a condition, for people
    Text,
    /// One JSON document
    Json,
    /// A comment on a pull request
    Markdown,
    /// XML for readers of test reports
    Junit,
    /// Annotations of GitHub Actions
    Github,
}

/// The outcomes in a format.
pub(super) fn rendered(outcomes: &Outcomes, format: CheckFormat, zone: Zone) -> String {
    match format {
        CheckFormat::Text => text(outcomes, zone),
        CheckFormat::Json => format!("{}\n", escape_json(&document(outcomes).to_string())),
        CheckFormat::Markdown => markdown(outcomes, zone),
        CheckFormat::Junit => junit(outcomes, zone),
        CheckFormat::Github => github(outcomes),
    }
}

/// What a line is about, in words; nothing where it is about everything.
pub(super) fn subject(key: &StatsKey) -> String {
    let names = [&key.proxy, &key.method, &key.tool];
    // That a tool was called goes without saying.
    let of_tool = key.tool.is_some();
    let names = names.into_iter().flatten();
    let names = names.filter(|name| !(of_tool && name.as_str() == "tools/call"));
    names.cloned().collect::<Vec<_>>().join(" ")
}

/// What was found, in words: the figure, what it is of, or why it is not known.
pub(super) fn finding(outcome: &Outcome) -> String {
    let mut words = Vec::new();
    if let Some(value) = outcome.value {
        words.push(outcome.unit.show(value));
        if outcome.unit == FigureUnit::Share {
            words.push(format!("of {}", calls(outcome.calls)));
        }
        if let Some(limit) = outcome.limit
            && outcome.condition.ends_with('x')
        {
            words.push(format!("(limit {})", outcome.unit.show(limit)));
        }
    }
    let mut found = words.join(" ");
    if let Some(reason) = &outcome.reason {
        let separator = if found.is_empty() { "" } else { "; " };
        write!(found, "{separator}{reason}").expect("a string takes every write");
    }
    found
}

/// The outcomes counted, and the window they are of.
fn summary(outcomes: &Outcomes, zone: Zone) -> String {
    let counted = [
        ConditionState::Broken,
        ConditionState::Unknown,
        ConditionState::Holds,
    ]
    .map(|state| (outcomes.count(state), state.as_str()));
    let counted: Vec<String> = counted
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let at = |ts| units::time(ts, zone);
    let session = outcomes.session.as_ref();
    let session = session.map_or_else(String::new, |id| format!(" of session {id}"));
    format!(
        "{}: {}{session} from {} to {}",
        counted.join(", "),
        calls(outcomes.calls),
        at(outcomes.window.since),
        at(outcomes.window.until),
    )
}

fn calls(count: u64) -> String {
    match count {
        1 => "1 call".to_owned(),
        count => format!("{} calls", units::grouped(count)),
    }
}

fn text(outcomes: &Outcomes, zone: Zone) -> String {
    let rows: Vec<[String; 4]> = outcomes.all.iter().map(cells).collect();
    let width = |at: usize| {
        let widths = rows.iter().map(|row| row[at].chars().count());
        // One long name is no reason to tear all other lines apart.
        widths.max().unwrap_or(0).min(MAX_PADDED)
    };
    let widths = [width(0), width(1), width(2)];
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            if width > 0 {
                write!(line, "{cell:width$}  ").expect("a string takes every write");
            }
        }
        writeln!(out, "{}", (line + &row[3]).trim_end()).expect("a string takes every write");
    }
    writeln!(out, "{}", escape(&summary(outcomes, zone))).expect("a string takes every write");
    out
}

fn cells(outcome: &Outcome) -> [String; 4] {
    [
        outcome.state.as_str().to_owned(),
        outcome.condition.clone(),
        escape(&subject(&outcome.key)).into_owned(),
        escape(&finding(outcome)).into_owned(),
    ]
}

/// One condition as JSON.
pub(super) fn object(outcome: &Outcome) -> Value {
    json!({
        "condition": outcome.condition,
        "state": outcome.state.as_str(),
        "proxy": outcome.key.proxy,
        "method": outcome.key.method,
        "tool": outcome.key.tool,
        "unit": outcome.unit.name(),
        "value": outcome.value,
        "limit": outcome.limit,
        "calls": outcome.calls,
        "reason": outcome.reason,
    })
}

fn document(outcomes: &Outcomes) -> Value {
    json!({
        "state": outcomes.state().as_str(),
        "since": outcomes.window.since,
        "until": outcomes.window.until,
        "since_time": rfc3339(outcomes.window.since),
        "until_time": rfc3339(outcomes.window.until),
        "proxy": outcomes.proxy,
        "session": outcomes.session,
        "calls": outcomes.calls,
        "conditions": outcomes.all.iter().map(object).collect::<Vec<_>>(),
    })
}

fn markdown(outcomes: &Outcomes, zone: Zone) -> String {
    let mut out = format!(
        "### mcpr check: {}\n\n| | condition | of | found |\n|---|---|---|---|\n",
        quote::markdown_text(&summary(outcomes, zone))
    );
    for outcome in &outcomes.all {
        writeln!(
            out,
            "| **{}** | {} | {} | {} |",
            outcome.state.as_str(),
            quote::markdown_text(&outcome.condition),
            quote::markdown_text(&subject(&outcome.key)),
            quote::markdown_text(&finding(outcome)),
        )
        .expect("a string takes every write");
    }
    out
}

fn junit(outcomes: &Outcomes, zone: Zone) -> String {
    let all = outcomes.all.len();
    let (broken, unknown) = (
        outcomes.count(ConditionState::Broken),
        outcomes.count(ConditionState::Unknown),
    );
    let counts = format!("tests=\"{all}\" failures=\"{broken}\" errors=\"{unknown}\"");
    let name = quote::xml(&summary(outcomes, zone));
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"mcpr check\" {counts}>\n  \
         <testsuite name=\"{name}\" {counts} skipped=\"0\">\n"
    );
    for outcome in &outcomes.all {
        let about = match subject(&outcome.key) {
            about if about.is_empty() => "mcpr check".to_owned(),
            about => about,
        };
        let (about, condition) = (quote::xml(&about), quote::xml(&outcome.condition));
        write!(
            out,
            "    <testcase classname=\"{about}\" name=\"{condition}\""
        )
        .expect("a string takes every write");
        let found = quote::xml(&finding(outcome));
        let element = match outcome.state {
            ConditionState::Holds => {
                out.push_str("/>\n");
                continue;
            }
            ConditionState::Broken => "failure",
            ConditionState::Unknown => "error",
        };
        write!(
            out,
            ">\n      <{element} message=\"{found}\" type=\"{}\"/>\n    </testcase>\n",
            outcome.state.as_str()
        )
        .expect("a string takes every write");
    }
    out + "  </testsuite>\n</testsuites>\n"
}

fn github(outcomes: &Outcomes) -> String {
    let mut out = String::new();
    for outcome in &outcomes.all {
        let command = match outcome.state {
            ConditionState::Holds => continue,
            ConditionState::Broken => "error",
            ConditionState::Unknown => "warning",
        };
        let title = quote::github_property(&format!("mcpr check {}", outcome.condition));
        let about = match subject(&outcome.key) {
            about if about.is_empty() => String::new(),
            about => format!("{about}: "),
        };
        let message = format!(
            "{about}{} is {}: {}",
            outcome.condition,
            outcome.state.as_str(),
            finding(outcome)
        );
        let message = quote::github_data(&escape(&message));
        writeln!(out, "::{command} title={title}::{message}").expect("a string takes every write");
    }
    out
}
