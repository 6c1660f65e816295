//! A report in the formats that people and machines read. Pure: text goes out as it came in, so that
//! whoever prints to a terminal makes it harmless first.

mod ci;
mod markdown;
mod sarif;
#[cfg(test)]
mod tests;
mod text;

use super::canonical::canonical_text;
use super::diff::Report;
use super::finding::Finding;
use super::level::{Compatibility, Security};
use super::surface::ItemKind;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;

/// A format of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    /// For a terminal, grouped by item.
    Text,
    /// One document.
    Json,
    /// One finding a line.
    Ndjson,
    /// For a comment on a pull request.
    Markdown,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Commands of GitHub's runners that annotate a file.
    Github,
    /// `JUnit`'s XML, one case a finding.
    Junit,
}

/// Renders a report. `artifact` is the file, or whatever was compared, that findings are about.
///
/// # Panics
///
/// Never: reports hold no numbers or keys that JSON cannot say.
#[must_use]
pub fn render(report: &Report, format: ReportFormat, artifact: &str) -> String {
    let json = |value: &dyn Fn() -> serde_json::Result<String>| {
        value().expect("a report has finite numbers and keys that are texts")
    };
    match format {
        ReportFormat::Text => text::text(report),
        ReportFormat::Json => json(&|| serde_json::to_string_pretty(report)) + "\n",
        ReportFormat::Ndjson => report
            .findings
            .iter()
            .fold(String::new(), |lines, finding| {
                lines + &json(&|| serde_json::to_string(finding)) + "\n"
            }),
        ReportFormat::Markdown => markdown::markdown(report),
        ReportFormat::Sarif => sarif::sarif(report, artifact),
        ReportFormat::Github => ci::github(report, artifact),
        ReportFormat::Junit => ci::junit(report),
    }
}

/// The longest value that is shown to a person, in characters.
const MAX_SHOWN: usize = 160;

/// The longest texts that are compared word by word, together, in bytes.
const MAX_COMPARED_BYTES: usize = 40_000;

/// Text on one line, so that what came from outside cannot pass for a line of the report.
fn one_line(text: &str) -> String {
    text.replace('\r', "\\r").replace('\n', "\\n")
}

/// The findings of one item.
struct Item<'a> {
    kind: ItemKind,
    name: &'a str,
    findings: Vec<&'a Finding>,
}

impl Item<'_> {
    fn compatibility(&self) -> Compatibility {
        let levels = self.findings.iter().map(|finding| finding.compatibility);
        levels.max().unwrap_or_default()
    }

    fn security(&self) -> Security {
        let levels = self.findings.iter().map(|finding| finding.security);
        levels.max().unwrap_or_default()
    }
}

/// The findings by item, the worst item first.
fn items(report: &Report) -> Vec<Item<'_>> {
    let mut items = Vec::<Item<'_>>::new();
    for finding in &report.findings {
        match items.last_mut() {
            Some(item) if item.kind == finding.kind && item.name == finding.item => {
                item.findings.push(finding);
            }
            _ => items.push(Item {
                kind: finding.kind,
                name: &finding.item,
                findings: vec![finding],
            }),
        }
    }
    items.sort_by_key(|item| std::cmp::Reverse((item.compatibility(), item.security())));
    items
}

/// How many findings there are of each level, the worst first: `2 breaking, 1 cosmetic; 1 alert`.
fn summary(report: &Report) -> String {
    let count = |level: Compatibility| {
        report
            .findings
            .iter()
            .filter(|finding| finding.compatibility == level)
            .count()
    };
    let levels = [
        Compatibility::Breaking,
        Compatibility::Dangerous,
        Compatibility::Undecided,
        Compatibility::Compatible,
        Compatibility::Cosmetic,
    ];
    let levels = levels
        .into_iter()
        .map(|level| (count(level), level.as_str()));
    let security = [Security::Alert, Security::Review].map(|level| {
        let count = report
            .findings
            .iter()
            .filter(|finding| finding.security == level)
            .count();
        (count, level.as_str())
    });
    let listed = |counts: &mut dyn Iterator<Item = (usize, &'static str)>| {
        let counts = counts.filter(|(count, _)| *count > 0);
        counts
            .map(|(count, name)| format!("{count} {name}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (levels, security) = (
        listed(&mut levels.into_iter()),
        listed(&mut security.into_iter()),
    );
    match (levels.is_empty(), security.is_empty()) {
        (true, _) => "nothing changed".to_owned(),
        (false, true) => levels,
        (false, false) => format!("{levels}; {security}"),
    }
}

/// A value for a person: texts without their quotes, the rest as JSON, both cut when long.
fn shown(value: &Value) -> String {
    let whole = match value {
        Value::String(text) => text.clone(),
        other => canonical_text(other),
    };
    let whole = one_line(&whole);
    if whole.chars().count() <= MAX_SHOWN {
        return whole;
    }
    let start = whole.chars().take(MAX_SHOWN).collect::<String>();
    format!("{start}…")
}

/// Two texts as one, by words: `[-gone-]` and `{+come+}`.
fn word_diff(before: &str, after: &str) -> String {
    let diff = TextDiff::from_words(before, after);
    let mut whole = String::new();
    let mut last = ChangeTag::Equal;
    let close = |whole: &mut String, tag: ChangeTag| match tag {
        ChangeTag::Delete => whole.push_str("-]"),
        ChangeTag::Insert => whole.push_str("+}"),
        ChangeTag::Equal => {}
    };
    for change in diff.iter_all_changes() {
        if change.tag() != last {
            close(&mut whole, last);
            whole.push_str(match change.tag() {
                ChangeTag::Delete => "[-",
                ChangeTag::Insert => "{+",
                ChangeTag::Equal => "",
            });
            last = change.tag();
        }
        whole.push_str(change.value());
    }
    close(&mut whole, last);
    whole
}

/// What changed, as labelled lines.
fn lines(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    match (&finding.before, &finding.after) {
        (Some(Value::String(before)), Some(Value::String(after)))
            if before.contains(' ') && before.len() + after.len() < MAX_COMPARED_BYTES =>
        {
            lines.push(("words", one_line(&word_diff(before, after))));
        }
        (before, after) => {
            lines.extend(before.as_ref().map(|value| ("before", shown(value))));
            lines.extend(after.as_ref().map(|value| ("after", shown(value))));
        }
    }
    if let Some(witness) = &finding.witness {
        let mut text = String::new();
        write!(text, "{witness}").expect("a string takes all");
        lines.push(("witness", text));
    }
    lines
}
