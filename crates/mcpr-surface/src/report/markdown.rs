//! The report as a comment on a pull request: the summary, what is gone, then a section an item,
//! breaking first; what is mild is folded. Bounded, as comments are.

use super::{LevelCounts, ReportItem, items_left, lines, removed, summary};
use crate::diff::Report;
use crate::finding::Finding;
use crate::quote::{markdown_code as code, markdown_text as plain};
use std::fmt::Write as _;

/// The longest report, in bytes: GitHub takes 65,536 characters, and more may be reported beside it.
const MAX_BYTES: usize = 50_000;

/// What of it the changelog lines may take.
const MAX_CHANGELOG_BYTES: usize = 10_000;

/// How many of the worst are reported first, where there are more.
const WORST: usize = 5;

pub(super) fn markdown(report: &Report) -> String {
    let mut out = format!("### MCP surface: {}\n", summary(report));
    if report.findings.is_empty() {
        return out;
    }
    writeln!(out, "\n{}", plain(&report.requirement())).expect("a string takes all");
    if report.findings.len() > WORST {
        out.push_str("\nThe worst:\n\n");
        for finding in report.worst(WORST) {
            let (kind, item) = (finding.kind, code(&finding.item));
            let head = head(finding);
            writeln!(out, "1. {head}, {kind} {item}").expect("a string takes all");
        }
    }
    let changelog = changelog(report);
    let mut room = MAX_BYTES - changelog.len().min(MAX_BYTES);
    room = room.saturating_sub(out.len());
    let mut add = |text: String, out: &mut String| {
        let fits = text.len() < room;
        if fits {
            room -= text.len();
            out.push_str(&text);
        }
        fits
    };
    let mut left_out = 0;
    let gone = removed(report);
    if !gone.is_empty() && !add(list_of(&gone), &mut out) {
        left_out += gone.len();
    }
    let (mild, grave): (Vec<_>, Vec<_>) = items_left(report)
        .into_iter()
        .partition(ReportItem::is_mild);
    for item in &grave {
        if !add(section(item), &mut out) {
            left_out += item.findings.len();
        }
    }
    let count: usize = mild.iter().map(|item| item.findings.len()).sum();
    if count > 0 {
        let head = format!(
            "\n<details><summary>{count} mild findings of {} items</summary>\n",
            mild.len()
        );
        let mut inner = String::new();
        add(head, &mut inner);
        for item in &mild {
            if !add(section(item), &mut inner) {
                left_out += item.findings.len();
            }
        }
        out.push_str(&inner);
        // Without its head it was never opened.
        if !inner.is_empty() {
            out.push_str("\n</details>\n");
        }
    }
    if left_out > 0 {
        writeln!(
            out,
            "\n{left_out} findings are left out for their length; `--format ndjson` has them all."
        )
        .expect("a string takes all");
    }
    out + &changelog
}

/// Items that are gone, in one list.
fn list_of(gone: &[&Finding]) -> String {
    let mut out = String::from("\n#### Removed\n\n");
    for finding in gone {
        let (level, message) = (finding.compatibility, plain(&finding.message));
        writeln!(out, "- **{level}** {message}").expect("a string takes all");
    }
    out
}

/// The lines of the changelog, folded.
fn changelog(report: &Report) -> String {
    let lines = report.changelog();
    let mut text = String::new();
    for line in &lines {
        if text.len() + line.len() > MAX_CHANGELOG_BYTES {
            text.push_str("- …\n");
            break;
        }
        text += line;
        text.push('\n');
    }
    if text.is_empty() {
        return text;
    }
    // As text: the fence is longer than any in it.
    format!(
        "\n<details><summary>Changelog lines</summary>\n\n~~~~~~markdown\n{text}~~~~~~\n\n</details>\n"
    )
}

/// Level, rule and place of a finding.
fn head(finding: &Finding) -> String {
    let security = match finding.security.as_str() {
        "none" => String::new(),
        level => format!(", {level}"),
    };
    // A finding about the whole item has no pointer to name.
    let place = if finding.pointer.is_empty() {
        String::new()
    } else {
        format!(" at {}", code(&finding.pointer))
    };
    let (level, rule) = (finding.compatibility, finding.rule);
    format!("**{level}{security}** `{rule}`{place}")
}

fn section(item: &ReportItem<'_>) -> String {
    let levels = if item.is_mild() {
        LevelCounts::of(item.findings.iter().copied()).to_string()
    } else {
        match item.security().as_str() {
            "none" => item.compatibility().to_string(),
            level => format!("{}, {level}", item.compatibility()),
        }
    };
    let mut out = format!("\n#### {} {}: {levels}\n\n", item.kind, code(item.name));
    for finding in &item.findings {
        let message = plain(&finding.message);
        writeln!(out, "- {}  \n  {message}", head(finding)).expect("a string takes all");
        for (label, value) in lines(finding) {
            writeln!(out, "  - {label}: {}", code(&value)).expect("a string takes all");
        }
    }
    out
}
