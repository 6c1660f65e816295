//! SARIF 2.1.0: the rules that were found, and a result a finding.

use super::ReportContext;
use crate::diff::Report;
use crate::finding::Finding;
use crate::level::{Compatibility, Security};
use crate::location::{FileLocation, FindingLocations};
use crate::rules::{Rule, RuleId, rules};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The document; members in the order of their names.
#[derive(Serialize)]
struct SarifLog<'a, 'files> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    runs: [SarifRun<'a, 'files>; 1],
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRun<'a, 'files> {
    column_kind: &'static str,
    results: SarifResults<'a, 'files>,
    tool: Value,
}

/// Results, each made when it is written: as values they take a hundred times what findings do.
struct SarifResults<'a, 'files> {
    report: &'a Report,
    context: ReportContext<'a, 'files>,
    used: &'a [&'static Rule],
}

impl Serialize for SarifResults<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let findings = &self.report.findings;
        let mut results = serializer.serialize_seq(Some(findings.len()))?;
        for (finding, places) in self.context.locator.located(findings) {
            let result = result(finding, &places, self.used, self.context.artifact);
            results.serialize_element(&result)?;
        }
        results.end()
    }
}

pub(super) fn sarif(
    report: &Report,
    context: ReportContext<'_, '_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    // Only rules with findings: viewers list every rule that a run names.
    let found: BTreeSet<RuleId> = report.findings.iter().map(|finding| finding.rule).collect();
    let used: Vec<&'static Rule> = rules().filter(|rule| found.contains(&rule.id)).collect();
    // Written by structs, as the results must be made one by one; a value would hold them all.
    let log = SarifLog {
        schema: SCHEMA,
        runs: [SarifRun {
            // Else a viewer counts the halves of a character that UTF-16 cuts.
            column_kind: "unicodeCodePoints",
            results: SarifResults {
                report,
                context,
                used: &used,
            },
            tool: json!({"driver": {
                "name": "mcpr",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": used.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
            }}),
        }],
        version: "2.1.0",
    };
    serde_json::to_writer_pretty(&mut *out, &log)?;
    out.write_all(b"\n")
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": format!("{}: {}", rule.title, rule.why)},
        "help": {"text": rule.page()},
        // The worse of both directions: a result has its own level anyway.
        "defaultConfiguration": {"level": level(rule.input.max(rule.output), rule.security)},
    })
}

pub(super) fn level(compatibility: Compatibility, security: Security) -> &'static str {
    match (compatibility, security) {
        // SARIF has one axis: the worse of ours counts.
        (Compatibility::Breaking, _) | (_, Security::Alert) => "error",
        (Compatibility::Dangerous | Compatibility::Undecided, _) | (_, Security::Review) => {
            "warning"
        }
        _ => "note",
    }
}

fn result(finding: &Finding, places: &FindingLocations, used: &[&Rule], artifact: &str) -> Value {
    let name = format!("{} {}{}", finding.kind, finding.item, finding.pointer);
    let mut result = json!({
        "ruleId": finding.rule,
        // An index into the rules of this run, which is not the one of our table.
        "ruleIndex": used.iter().position(|rule| rule.id == finding.rule),
        "level": level(finding.compatibility, finding.security),
        "message": {"text": format!("{name}: {}", finding.message)},
        "locations": [{
            "physicalLocation": match &places.new {
                Some(at) => physical(at),
                // Viewers place a result by its line; what comes from traffic has none.
                None => json!({
                    "artifactLocation": {"uri": uri(artifact)},
                    "region": {"startLine": 1},
                }),
            },
            "logicalLocations": [{"name": finding.item, "fullyQualifiedName": name}],
        }],
        // By this name viewers know a finding again in later runs.
        "partialFingerprints": {"mcpr/v1": finding.fingerprint()},
        "properties": {
            "compatibility": finding.compatibility,
            "security": finding.security,
            "before": finding.before,
            "after": finding.after,
            "witness": finding.witness,
            "pointer": places.new.as_ref().map(|at| &at.pointer),
        },
    });
    if let Some(at) = &places.old {
        result["relatedLocations"] = json!([{
            "physicalLocation": physical(at),
            "message": {"text": format!("before, at {}", at.pointer)},
        }]);
    }
    result
}

fn physical(at: &FileLocation) -> Value {
    json!({
        "artifactLocation": {"uri": uri(&at.file)},
        "region": {"startLine": at.line, "startColumn": at.column},
    })
}

/// A path as a URI reference.
fn uri(path: &str) -> String {
    path.bytes().fold(String::new(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*+,;=?".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a string takes all");
        }
        uri
    })
}
