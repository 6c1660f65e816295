//! The report as a comment on a pull request: the summary, then a section an item, breaking first.

use super::{items, lines, summary};
use crate::schema::diff::Report;
use std::fmt::Write as _;

pub(super) fn markdown(report: &Report) -> String {
    let mut out = format!("### MCP surface: {}\n", summary(report));
    for item in items(report) {
        let levels = match item.security().as_str() {
            "none" => item.compatibility().to_string(),
            level => format!("{}, {level}", item.compatibility()),
        };
        write!(
            out,
            "\n#### {} {}: {levels}\n\n",
            item.kind,
            code(item.name)
        )
        .expect("a string takes all");
        for finding in &item.findings {
            let security = match finding.security.as_str() {
                "none" => String::new(),
                level => format!(", {level}"),
            };
            let place = if finding.pointer.is_empty() {
                String::new()
            } else {
                format!(" at {}", code(&finding.pointer))
            };
            let (level, rule) = (finding.compatibility, finding.rule);
            let message = plain(&finding.message);
            writeln!(
                out,
                "- **{level}{security}** `{rule}`{place}  \n  {message}"
            )
            .expect("a string takes all");
            for (label, value) in lines(finding) {
                writeln!(out, "  - {label}: {}", code(&value)).expect("a string takes all");
            }
        }
    }
    out
}

/// Text that holds no markup: what came from outside must not write the comment.
fn plain(text: &str) -> String {
    text.chars().fold(String::new(), |mut made, one| {
        if "\\`*_{}[]()<>#+!|~@&".contains(one) {
            made.push('\\');
        }
        made.push(if one.is_control() { ' ' } else { one });
        made
    })
}

/// A span of code with as many marks around it as its own marks ask for.
fn code(text: &str) -> String {
    let text = text.replace(|one: char| one.is_control(), " ");
    let longest = text
        .split(|one| one != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let marks = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() {
        " "
    } else {
        ""
    };
    format!("{marks}{pad}{text}{pad}{marks}")
}
