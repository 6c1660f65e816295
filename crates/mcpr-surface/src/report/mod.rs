//! A report in the formats that people and machines read. Pure: text goes out as it came in, so that
//! whoever prints to a terminal makes it harmless first.

mod ci;
mod markdown;
mod release;
mod sarif;
#[cfg(test)]
mod tests;
mod text;

use super::canonical::canonical_text;
use super::diff::Report;
use super::finding::Finding;
use super::level::{Compatibility, Security};
use super::rules::RuleId;
use super::surface::ItemKind;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::fmt;
use std::fmt::Write as _;

pub use release::{Bump, Versions};

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
    /// Lines for the changelog of the server.
    Changelog,
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
            // An empty report has no line at all.
            .fold(String::new(), |lines, finding| {
                lines + &json(&|| serde_json::to_string(finding)) + "\n"
            }),
        ReportFormat::Markdown => markdown::markdown(report),
        ReportFormat::Sarif => sarif::sarif(report, artifact),
        ReportFormat::Github => ci::github(report, artifact),
        ReportFormat::Junit => ci::junit(report),
        ReportFormat::Changelog => {
            let lines = report.changelog().into_iter();
            lines.map(|line| line + "\n").collect()
        }
    }
}

/// The longest value that is shown to a person, in characters.
// A schema may be pages long, and the whole value stands in the JSON report.
const MAX_SHOWN: usize = 160;

/// The longest texts that are compared word by word, together, in bytes.
const MAX_COMPARED_BYTES: usize = 40_000;

/// Text on one line, so that what came from outside cannot pass for a line of the report.
fn one_line(text: &str) -> String {
    text.replace('\r', "\\r").replace('\n', "\\n")
}

/// The findings of one item.
struct ReportItem<'a> {
    kind: ItemKind,
    name: &'a str,
    findings: Vec<&'a Finding>,
}

impl ReportItem<'_> {
    /// Whether nobody has to look at it before the rest.
    fn is_mild(&self) -> bool {
        let level = self.compatibility();
        level <= Compatibility::Compatible && self.security() < Security::Alert
    }

    fn compatibility(&self) -> Compatibility {
        let levels = self.findings.iter().map(|finding| finding.compatibility);
        levels.max().unwrap_or_default()
    }

    fn security(&self) -> Security {
        let levels = self.findings.iter().map(|finding| finding.security);
        levels.max().unwrap_or_default()
    }
}

/// That an item is gone.
fn is_removal(finding: &Finding) -> bool {
    matches!(
        finding.rule,
        RuleId::ToolRemoved
            | RuleId::PromptRemoved
            | RuleId::ResourceRemoved
            | RuleId::ResourceTemplateRemoved
    )
}

/// Items that are gone: one list, as nothing is to be said of what was in them.
fn removed(report: &Report) -> Vec<&Finding> {
    let findings = report.findings.iter();
    findings.filter(|finding| is_removal(finding)).collect()
}

/// The findings by item, the worst item first.
fn items(report: &Report) -> Vec<ReportItem<'_>> {
    by_item(report.findings.iter())
}

/// The same of what is still there.
fn items_left(report: &Report) -> Vec<ReportItem<'_>> {
    let findings = report.findings.iter();
    by_item(findings.filter(|finding| !is_removal(finding)))
}

fn by_item<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<ReportItem<'a>> {
    let mut items = Vec::<ReportItem<'_>>::new();
    for finding in findings {
        // Findings come sorted by item, so that only the last group can be the one.
        match items.last_mut() {
            Some(item) if item.kind == finding.kind && item.name == finding.item => {
                item.findings.push(finding);
            }
            _ => items.push(ReportItem {
                kind: finding.kind,
                name: &finding.item,
                findings: vec![finding],
            }),
        }
    }
    // A stable sort: items of one level stay in the order of their names.
    items.sort_by_key(|item| std::cmp::Reverse((item.compatibility(), item.security())));
    items
}

/// How many findings there are of each level.
struct LevelCounts {
    levels: Vec<(usize, &'static str)>,
    security: Vec<(usize, &'static str)>,
}

impl LevelCounts {
    fn of(findings: &[&Finding]) -> Self {
        let levels = [
            Compatibility::Breaking,
            Compatibility::Dangerous,
            Compatibility::Undecided,
            Compatibility::Compatible,
            Compatibility::Cosmetic,
        ];
        let of_level = |level: Compatibility| {
            let found = findings.iter();
            let count = found
                .filter(|finding| finding.compatibility == level)
                .count();
            (count, level.as_str())
        };
        let of_alarm = |level: Security| {
            let found = findings.iter();
            let count = found.filter(|finding| finding.security == level).count();
            (count, level.as_str())
        };
        let is_any = |(count, _): &(usize, &str)| *count > 0;
        Self {
            levels: levels.into_iter().map(of_level).filter(is_any).collect(),
            security: [Security::Alert, Security::Review]
                .into_iter()
                .map(of_alarm)
                .filter(is_any)
                .collect(),
        }
    }
}

impl fmt::Display for LevelCounts {
    /// The worst first: `2 breaking, 1 cosmetic; 1 alert`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |counts: &[(usize, &str)]| {
            let words = counts.iter().map(|(count, name)| format!("{count} {name}"));
            words.collect::<Vec<_>>().join(", ")
        };
        if self.levels.is_empty() {
            return f.write_str("nothing changed");
        }
        f.write_str(&listed(&self.levels))?;
        if !self.security.is_empty() {
            write!(f, "; {}", listed(&self.security))?;
        }
        Ok(())
    }
}

fn summary(report: &Report) -> String {
    LevelCounts::of(&report.findings.iter().collect::<Vec<_>>()).to_string()
}

/// A value for a person: texts without their quotes, the rest as JSON, both cut when long.
fn shown(value: &Value) -> String {
    let whole = match value {
        Value::String(text) => text.clone(),
        other => canonical_text(other),
    };
    let whole = one_line(&whole);
    // By characters, as a cut within one would be no text any more.
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
            // Single words are clearer as two lines, and a comparison by words grows with both
            // texts.
            if before.contains(' ') && before.len() + after.len() < MAX_COMPARED_BYTES =>
        {
            lines.push(("words", one_line(&word_diff(before, after))));
        }
        (before, after) => {
            lines.extend(before.as_ref().map(|value| ("before", shown(value))));
            lines.extend(after.as_ref().map(|value| ("after", shown(value))));
        }
    }
    // Never cut: it is there to be tried out.
    if let Some(witness) = &finding.witness {
        let mut text = String::new();
        write!(text, "{witness}").expect("a string takes all");
        lines.push(("witness", text));
    }
    lines
}
