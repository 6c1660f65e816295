//! The report for a terminal, without colour: the summary, what is gone, then item by item.

use super::{LevelCounts, ReportItem, items_left, lines, one_line, removed, summary};
use crate::diff::Report;
use crate::finding::Finding;
use std::fmt::Write as _;

/// From how many findings on the worst are told first, and mild items take one line.
const MANY: usize = 50;

/// How many of the worst are told first.
const WORST: usize = 5;

pub(super) fn text(report: &Report) -> String {
    let mut out = summary(report) + "\n";
    if report.findings.is_empty() {
        return out;
    }
    writeln!(out, "{}", one_line(&report.requirement())).expect("a string takes all");
    let is_long = report.findings.len() > MANY;
    if is_long {
        out.push_str("\nthe worst\n");
        for finding in report.worst(WORST) {
            let (kind, item) = (finding.kind, one_line(&finding.item));
            let pointer = one_line(&finding.pointer);
            let (level, rule) = (level(finding), finding.rule);
            writeln!(out, "  {level}: {rule} {kind} {item}{pointer}").expect("a string takes all");
        }
    }
    let gone = removed(report);
    if !gone.is_empty() {
        out.push_str("\nremoved\n");
        for finding in gone {
            let (level, message) = (level(finding), one_line(&finding.message));
            writeln!(out, "  {level}: {message}").expect("a string takes all");
        }
    }
    let (mut folded, mut of_items) = (0, 0);
    for item in items_left(report) {
        if is_long && item.is_mild() {
            folded += item.findings.len();
            of_items += 1;
            continue;
        }
        out.push('\n');
        whole(&item, &mut out);
    }
    if folded > 0 {
        out.push_str("\nmild\n");
        for item in items_left(report).iter().filter(|item| item.is_mild()) {
            let counts = LevelCounts::of(&item.findings);
            writeln!(out, "  {} {}: {counts}", item.kind, one_line(item.name))
                .expect("a string takes all");
        }
        writeln!(
            out,
            "\n{folded} mild findings of {of_items} items take one line an item; --format ndjson \
             has them all"
        )
        .expect("a string takes all");
    }
    out
}

fn level(finding: &Finding) -> String {
    let security = match finding.security.as_str() {
        // Most findings are about callers only.
        "none" => String::new(),
        level => format!(", {level}"),
    };
    format!("{}{security}", finding.compatibility)
}

fn whole(item: &ReportItem<'_>, out: &mut String) {
    // A name from outside may hold line breaks, and could pass for lines of the report.
    writeln!(out, "{} {}", item.kind, one_line(item.name)).expect("a string takes all");
    for finding in &item.findings {
        let pointer = one_line(&finding.pointer);
        let level = level(finding);
        writeln!(out, "  {level}: {} {pointer}", finding.rule).expect("a string takes all");
        writeln!(out, "      {}", one_line(&finding.message)).expect("a string takes all");
        for (label, value) in lines(finding) {
            writeln!(out, "      {label}: {value}").expect("a string takes all");
        }
    }
}
