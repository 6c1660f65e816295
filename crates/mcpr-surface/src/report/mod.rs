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
use super::location::Locator;
use super::packed::Packed;
use super::rules::RuleId;
use super::surface::ItemKind;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

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

/// What a report is about, beside its findings.
#[derive(Debug, Clone, Copy)]
pub struct ReportContext<'a, 'files> {
    /// The file, or whatever was compared, that findings without a place are about.
    pub artifact: &'a str,
    /// Where findings stand.
    pub locator: &'a Locator<'files>,
}

/// Renders a report whose findings stand in no file. `artifact` is what was compared.
///
/// # Panics
///
/// Never: reports hold no numbers or keys that JSON cannot say, and memory takes every write.
#[must_use]
pub fn render(report: &Report, format: ReportFormat, artifact: &str) -> String {
    let locator = Locator::default();
    let context = ReportContext {
        artifact,
        locator: &locator,
    };
    let mut out = Vec::new();
    write(report, context, format, &mut out).expect("memory takes every write");
    String::from_utf8(out).expect("reports are written as texts")
}

/// Writes a report finding by finding, so that its text is never held as a whole; only Markdown and
/// changelogs are, which are bounded.
///
/// # Errors
///
/// When the output takes no more.
pub fn write(
    report: &Report,
    context: ReportContext<'_, '_>,
    format: ReportFormat,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        ReportFormat::Text => text::text(report, out),
        ReportFormat::Json => {
            let document = ReportRecord {
                compatibility: report.compatibility,
                security: report.security,
                findings: LocatedFindings::of(report, context.locator),
                versions: &report.versions,
            };
            serde_json::to_writer_pretty(&mut *out, &document)?;
            out.write_all(b"\n")
        }
        ReportFormat::Ndjson => {
            // A line break is the end of a finding, also for who reads while it is written.
            for (finding, places) in context.locator.located(&report.findings) {
                serde_json::to_writer(&mut *out, &finding.located(places))?;
                out.write_all(b"\n")?;
            }
            Ok(())
        }
        ReportFormat::Markdown => out.write_all(markdown::markdown(report).as_bytes()),
        ReportFormat::Sarif => sarif::sarif(report, context, out),
        ReportFormat::Github => ci::github(report, context, out),
        ReportFormat::Junit => ci::junit(report, out),
        ReportFormat::Changelog => {
            let lines = report.changelog().into_iter();
            let text: String = lines.map(|line| line + "\n").collect();
            out.write_all(text.as_bytes())
        }
    }
}

#[derive(Serialize)]
struct ReportRecord<'a, 'files> {
    compatibility: Compatibility,
    security: Security,
    findings: LocatedFindings<'a, 'files>,
    versions: &'a Versions,
}

/// The findings of a report as a sequence of JSON, each located when it is written.
#[derive(Debug, Clone, Copy)]
pub struct LocatedFindings<'a, 'files> {
    report: &'a Report,
    locator: &'a Locator<'files>,
}

impl<'a, 'files> LocatedFindings<'a, 'files> {
    /// Those of a report.
    #[must_use]
    pub fn of(report: &'a Report, locator: &'a Locator<'files>) -> Self {
        Self { report, locator }
    }
}

impl Serialize for LocatedFindings<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.report.findings.len()))?;
        for (finding, places) in self.locator.located(&self.report.findings) {
            sequence.serialize_element(&finding.located(places))?;
        }
        sequence.end()
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

/// Items that are gone: one list, as nothing is to be reported about what was in them.
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
    fn of<'a>(findings: impl Iterator<Item = &'a Finding>) -> Self {
        let mut of_level = BTreeMap::new();
        let mut of_alarm = BTreeMap::new();
        for finding in findings {
            *of_level.entry(finding.compatibility).or_default() += 1;
            *of_alarm.entry(finding.security).or_default() += 1;
        }
        let levels = [
            Compatibility::Breaking,
            Compatibility::Dangerous,
            Compatibility::Undecided,
            Compatibility::Compatible,
            Compatibility::Cosmetic,
        ];
        // The worst first, and only those that there are.
        let levels = levels.into_iter().filter_map(|level| {
            let count: &usize = of_level.get(&level)?;
            Some((*count, level.as_str()))
        });
        let alarms = [Security::Alert, Security::Review].into_iter();
        let alarms = alarms.filter_map(|level| {
            let count: &usize = of_alarm.get(&level)?;
            Some((*count, level.as_str()))
        });
        Self {
            levels: levels.collect(),
            security: alarms.collect(),
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
    LevelCounts::of(report.findings.iter()).to_string()
}

/// A value for a person: texts without their quotes, the rest as JSON, both cut when long.
fn shown(value: &Packed) -> String {
    let whole = match value.value() {
        Value::String(text) => text,
        other => canonical_text(&other),
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
    let text = |value: &Option<Packed>| value.as_ref().and_then(Packed::as_text);
    match (text(&finding.before), text(&finding.after)) {
        (Some(before), Some(after))
            // Single words are clearer as two lines, and a comparison by words grows with both
            // texts.
            if before.contains(' ') && before.len() + after.len() < MAX_COMPARED_BYTES =>
        {
            lines.push(("words", one_line(&word_diff(&before, &after))));
        }
        _ => {
            lines.extend(finding.before.as_ref().map(|value| ("before", shown(value))));
            lines.extend(finding.after.as_ref().map(|value| ("after", shown(value))));
        }
    }
    // Never cut: it is there to be tried out.
    if let Some(witness) = &finding.witness {
        lines.push(("witness", witness.to_string()));
    }
    lines
}
