//! The report for a terminal, without colour.

use super::{items, lines, one_line, summary};
use crate::schema::diff::Report;
use std::fmt::Write as _;

pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    for item in items(report) {
        writeln!(out, "{} {}", item.kind, one_line(item.name)).expect("a string takes all");
        for finding in &item.findings {
            let security = match finding.security.as_str() {
                "none" => String::new(),
                level => format!(", {level}"),
            };
            let level = format!("{}{security}", finding.compatibility);
            let pointer = one_line(&finding.pointer);
            writeln!(out, "  {level}: {} {pointer}", finding.rule).expect("a string takes all");
            writeln!(out, "      {}", one_line(&finding.message)).expect("a string takes all");
            for (label, value) in lines(finding) {
                writeln!(out, "      {label}: {value}").expect("a string takes all");
            }
        }
        out.push('\n');
    }
    out + &summary(report) + "\n"
}
