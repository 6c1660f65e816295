//! What runners of tests and checks read: GitHub's annotations, `JUnit`'s XML.

use super::sarif::level;
use super::{items, lines};
use crate::schema::diff::Report;
use crate::schema::finding::Finding;
use std::fmt::Write as _;

pub(super) fn github(report: &Report, artifact: &str) -> String {
    report
        .findings
        .iter()
        .fold(String::new(), |mut out, finding| {
            let command = match level(finding.compatibility, finding.security) {
                "note" => "notice",
                other => other,
            };
            let title = format!("{} {}", finding.rule, finding.item);
            let mut message = format!(
                "{} {}{}: {}",
                finding.kind, finding.item, finding.pointer, finding.message
            );
            for (label, value) in lines(finding) {
                write!(message, "\n{label}: {value}").expect("a string takes all");
            }
            let (file, title) = (property(artifact), property(&title));
            writeln!(
                out,
                "::{command} file={file},title={title}::{}",
                data(&message)
            )
            .expect("a string takes all");
            out
        })
}

/// A message, in which a line break would end the command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

pub(super) fn junit(report: &Report) -> String {
    let is_failure = |finding: &Finding| level(finding.compatibility, finding.security) == "error";
    let failures = report
        .findings
        .iter()
        .filter(|finding| is_failure(finding))
        .count();
    let tests = report.findings.len();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    writeln!(
        out,
        "<testsuites name=\"mcpr schema diff\" tests=\"{tests}\" failures=\"{failures}\">"
    )
    .expect("a string takes all");
    for item in items(report) {
        let failures = item
            .findings
            .iter()
            .filter(|finding| is_failure(finding))
            .count();
        let (tests, name) = (
            item.findings.len(),
            xml(&format!("{} {}", item.kind, item.name)),
        );
        writeln!(out, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">")
            .expect("a string takes all");
        for finding in &item.findings {
            let case = xml(&format!("{} {}", finding.rule, finding.pointer));
            write!(out, "    <testcase classname=\"{name}\" name=\"{case}\"")
                .expect("a string takes all");
            out.push_str(&outcome(finding, is_failure(finding)));
        }
        out.push_str("  </testsuite>\n");
    }
    out + "</testsuites>\n"
}

/// The rest of a test case: nothing, or what failed.
fn outcome(finding: &Finding, failed: bool) -> String {
    if !failed {
        return "/>\n".to_owned();
    }
    let sort = format!("{} {}", finding.compatibility, finding.security);
    let (message, sort) = (xml(&finding.message), xml(&sort));
    let told = lines(finding)
        .into_iter()
        .map(|(label, value)| format!("{label}: {value}\n"));
    let told = xml(&told.collect::<String>());
    format!(
        ">\n      <failure message=\"{message}\" type=\"{sort}\">{told}</failure>\n    </testcase>\n"
    )
}

/// Text for XML; characters that XML cannot say are replaced.
fn xml(text: &str) -> String {
    text.chars().fold(String::new(), |mut made, one| {
        match one {
            '&' => made.push_str("&amp;"),
            '<' => made.push_str("&lt;"),
            '>' => made.push_str("&gt;"),
            '"' => made.push_str("&quot;"),
            '\n' => made.push_str("&#10;"),
            '\t' => made.push_str("&#9;"),
            one if one < ' ' || matches!(one, '\u{fffe}' | '\u{ffff}') => made.push('\u{fffd}'),
            one => made.push(one),
        }
        made
    })
}
