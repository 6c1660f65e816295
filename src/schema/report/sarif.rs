//! SARIF 2.1.0: the rules that were found, and a result a finding.

use crate::schema::diff::Report;
use crate::schema::finding::Finding;
use crate::schema::level::{Compatibility, Security};
use crate::schema::rules::{Rule, rules};
use serde_json::{Value, json};
use std::fmt::Write as _;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn sarif(report: &Report, artifact: &str) -> String {
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
        "defaultConfiguration": {"level": level(rule.input.max(rule.output), rule.security)},
    })
}

pub(super) fn level(compatibility: Compatibility, security: Security) -> &'static str {
    match (compatibility, security) {
        (Compatibility::Breaking, _) | (_, Security::Alert) => "error",
        (Compatibility::Dangerous | Compatibility::Undecided, _) | (_, Security::Review) => {
            "warning"
        }
        _ => "note",
    }
}

fn result(finding: &Finding, used: &[&Rule], artifact: &str) -> Value {
    let name = format!("{} {}{}", finding.kind, finding.item, finding.pointer);
    json!({
        "ruleId": finding.rule,
        "ruleIndex": used.iter().position(|rule| rule.id == finding.rule),
        "level": level(finding.compatibility, finding.security),
        "message": {"text": format!("{name}: {}", finding.message)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(artifact)},
                "region": {"startLine": 1},
            },
            "logicalLocations": [{"name": finding.item, "fullyQualifiedName": name}],
        }],
        "partialFingerprints": {"mcpr/v1": finding.fingerprint},
        "properties": {
            "compatibility": finding.compatibility,
            "security": finding.security,
            "before": finding.before,
            "after": finding.after,
            "witness": finding.witness,
        },
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
