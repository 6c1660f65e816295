//! What runners of tests and checks read: GitHub's annotations, `JUnit`'s XML.

use super::sarif::level;
use super::{ReportContext, items, lines};
use crate::diff::Report;
use crate::finding::Finding;
use crate::quote::{github_data as data, github_property as property, xml};
use std::io::{self, Write};

pub(super) fn github(
    report: &Report,
    context: ReportContext<'_, '_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (finding, places) in context.locator.located(&report.findings) {
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
            message.extend(["\n", label, ": ", &value]);
        }
        let place = match &places.new {
            Some(at) => {
                let file = property(&at.file);
                format!("file={file},line={},col={}", at.line, at.column)
            }
            None => format!("file={}", property(context.artifact)),
        };
        let title = property(&title);
        writeln!(out, "::{command} {place},title={title}::{}", data(&message))?;
    }
    Ok(())
}

pub(super) fn junit(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    // A test passes or fails: only what is an error elsewhere fails.
    let is_failure = |finding: &Finding| level(finding.compatibility, finding.security) == "error";
    let findings = report.findings.iter();
    let failures = findings.filter(|finding| is_failure(finding)).count();
    let tests = report.findings.len();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"mcpr schema diff\" tests=\"{tests}\" failures=\"{failures}\">"
    )?;
    for item in items(report) {
        let findings = item.findings.iter();
        let failures = findings.filter(|finding| is_failure(finding)).count();
        let (tests, name) = (
            item.findings.len(),
            xml(&format!("{} {}", item.kind, item.name)),
        );
        writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">"
        )?;
        for finding in &item.findings {
            let case = xml(&format!("{} {}", finding.rule, finding.pointer));
            let outcome = outcome(finding, is_failure(finding));
            write!(
                out,
                "    <testcase classname=\"{name}\" name=\"{case}\"{outcome}"
            )?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// The rest of a test case: nothing, or what failed.
fn outcome(finding: &Finding, failed: bool) -> String {
    if !failed {
        return "/>\n".to_owned();
    }
    let sort = format!("{} {}", finding.compatibility, finding.security);
    let (message, sort) = (xml(&finding.message), xml(&sort));
    let text = lines(finding)
        .into_iter()
        .map(|(label, value)| format!("{label}: {value}\n"));
    let text = xml(&text.collect::<String>());
    format!(
        ">\n      <failure message=\"{message}\" type=\"{sort}\">{text}</failure>\n    </testcase>\n"
    )
}
