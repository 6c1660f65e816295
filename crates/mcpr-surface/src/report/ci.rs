//! What runners of tests and checks read: GitHub's annotations, `JUnit`'s XML.

use super::sarif::level;
use super::{items, lines};
use crate::diff::Report;
use crate::finding::Finding;
use crate::quote::{github_data as data, github_property as property, xml};
use std::fmt::Write as _;

pub(super) fn github(report: &Report, artifact: &str) -> String {
    report
        .findings
        .iter()
        .fold(String::new(), |mut out, finding| {
            let command = match level(finding.compatibility, finding.security) {
                // The runner's commands call the mildest level otherwise than SARIF does.
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
            let place = match &finding.location {
                Some(at) => {
                    let file = property(&at.file);
                    format!("file={file},line={},col={}", at.line, at.column)
                }
                None => format!("file={}", property(artifact)),
            };
            let title = property(&title);
            writeln!(out, "::{command} {place},title={title}::{}", data(&message))
                .expect("a string takes all");
            out
        })
}

pub(super) fn junit(report: &Report) -> String {
    // A test passes or fails: only what is an error elsewhere fails.
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
