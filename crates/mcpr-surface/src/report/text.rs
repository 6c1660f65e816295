//! The report for a terminal, without colour: the summary, what is gone, then item by item.

use super::{LevelCounts, ReportItem, items_left, lines, one_line, removed, summary};
use crate::diff::Report;
use crate::finding::Finding;
use std::io::{self, Write};

/// From how many findings on the worst are reported first, and mild items take one line.
const MANY: usize = 50;

/// How many of the worst are reported first.
const WORST: usize = 5;

pub(super) fn text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", summary(report))?;
    if report.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", one_line(&report.requirement()))?;
    let is_long = report.findings.len() > MANY;
    if is_long {
        out.write_all(b"\nthe worst\n")?;
        for finding in report.worst(WORST) {
            let (kind, item) = (finding.kind, one_line(&finding.item));
            let pointer = one_line(&finding.pointer);
            let (level, rule) = (level(finding), finding.rule);
            writeln!(out, "  {level}: {rule} {kind} {item}{pointer}")?;
        }
    }
    let gone = removed(report);
    if !gone.is_empty() {
        out.write_all(b"\nremoved\n")?;
        for finding in gone {
            let (level, message) = (level(finding), one_line(&finding.message));
            writeln!(out, "  {level}: {message}")?;
        }
    }
    // Items are reported whole, or all mild ones in a line each.
    let is_folded = |item: &ReportItem<'_>| is_long && item.is_mild();
    let (mild, whole): (Vec<_>, Vec<_>) = items_left(report).into_iter().partition(is_folded);
    for item in &whole {
        out.write_all(b"\n")?;
        write_whole(item, out)?;
    }
    if mild.is_empty() {
        return Ok(());
    }
    out.write_all(b"\nmild\n")?;
    for item in &mild {
        let counts = LevelCounts::of(item.findings.iter().copied());
        writeln!(out, "  {} {}: {counts}", item.kind, one_line(item.name))?;
    }
    let folded: usize = mild.iter().map(|item| item.findings.len()).sum();
    let of_items = mild.len();
    writeln!(
        out,
        "\n{folded} mild findings of {of_items} items take one line an item; --format ndjson \
         has them all"
    )
}

fn level(finding: &Finding) -> String {
    let security = match finding.security.as_str() {
        // Most findings are about callers only.
        "none" => String::new(),
        level => format!(", {level}"),
    };
    format!("{}{security}", finding.compatibility)
}

fn write_whole(item: &ReportItem<'_>, out: &mut dyn Write) -> io::Result<()> {
    // A name from outside may hold line breaks, and could pass for lines of the report.
    writeln!(out, "{} {}", item.kind, one_line(item.name))?;
    for finding in &item.findings {
        let pointer = one_line(&finding.pointer);
        let level = level(finding);
        writeln!(out, "  {level}: {} {pointer}", finding.rule)?;
        writeln!(out, "      {}", one_line(&finding.message))?;
        for (label, value) in lines(finding) {
            writeln!(out, "      {label}: {value}")?;
        }
    }
    Ok(())
}
