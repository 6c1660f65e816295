//! SARIF 2.1.0: the rules that were found, and a result a finding.

use crate::diff::Report;
use crate::finding::Finding;
use crate::level::{Compatibility, Security};
use crate::location::FileLocation;
use crate::rules::{Rule, rules};
use serde_json::{Value, json};
use std::fmt::Write as _;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn sarif(report: &Report, artifact: &str) -> String {
    // Only rules with findings: viewers list every rule that a run names.
    let used = |rule: &&Rule| {
        report
            .findings
            .iter()
            .any(|finding| finding.rule == rule.id)
    };
    let used = rules().filter(used).collect::<Vec<_>>();
    let results = report
        .findings
        .iter()
        .map(|finding| result(finding, &used, artifact));
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "mcpr",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": used.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
            }},
            // Else a viewer counts the halves of a character that UTF-16 cuts.
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    });
    format!("{document:#}\n")
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

fn result(finding: &Finding, used: &[&Rule], artifact: &str) -> Value {
    let name = format!("{} {}{}", finding.kind, finding.item, finding.pointer);
    let mut result = json!({
        "ruleId": finding.rule,
        // An index into the rules of this run, which is not the one of our table.
        "ruleIndex": used.iter().position(|rule| rule.id == finding.rule),
        "level": level(finding.compatibility, finding.security),
        "message": {"text": format!("{name}: {}", finding.message)},
        "locations": [{
            "physicalLocation": match &finding.location {
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
        "partialFingerprints": {"mcpr/v1": finding.fingerprint},
        "properties": {
            "compatibility": finding.compatibility,
            "security": finding.security,
            "before": finding.before,
            "after": finding.after,
            "witness": finding.witness,
            "pointer": finding.location.as_ref().map(|at| &at.pointer),
        },
    });
    if let Some(at) = &finding.old_location {
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
