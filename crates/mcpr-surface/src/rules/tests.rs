//! Each rule against its pair of fixtures, and the table against the fixtures. Real edits against
//! the table of their verdicts that is kept under review.

use super::{RuleId, rules};
use crate::finding::Finding;
use crate::{Compatibility, Surface, diff};
use expect_test::expect_file;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data")
        .join(name)
}

fn fixture(id: &str, side: &str) -> Surface {
    let path = data("rules").join(id).join(format!("{side}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{id}/{side}: {error}"));
    Surface::parse(&text).unwrap()
}

fn line(finding: &Finding) -> String {
    let witness = finding
        .witness
        .as_ref()
        .map(|value| format!(" witness {value}"));
    format!(
        "{}\t{}\t{}\t{} {}{}\t{}{}",
        finding.rule,
        finding.compatibility,
        finding.security,
        finding.kind,
        finding.item,
        finding.pointer,
        finding.message,
        witness.unwrap_or_default()
    )
}

#[test]
fn every_rule_has_fixtures_that_it_finds_and_a_page() {
    let mut all = String::new();
    for rule in rules() {
        let report = diff(
            &fixture(rule.id.as_str(), "old"),
            &fixture(rule.id.as_str(), "new"),
        )
        .unwrap();
        writeln!(all, "# {}", rule.id).unwrap();
        for finding in &report.findings {
            writeln!(all, "{}", line(finding)).unwrap();
        }
        let found = report
            .findings
            .iter()
            .any(|finding| finding.rule == rule.id);
        assert!(
            found,
            "{} is not found in its own fixtures:\n{all}",
            rule.id
        );
        let page = rule.page();
        assert!(page.lines().count() >= 6, "{}: {page}", rule.id);
        assert!(!(rule.title.is_empty() || rule.why.is_empty() || rule.example.is_empty()));
    }
    expect_file![data("rules/findings.tsv")].assert_eq(&all);
}

#[test]
fn every_fixture_has_its_rule_once() {
    let ids = rules().map(|rule| rule.id).collect::<Vec<_>>();
    let unique = ids.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), unique.len());
    for entry in fs::read_dir(data("rules")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "findings.tsv" || name.parse::<RuleId>().is_ok(),
            "{name} is no rule"
        );
    }
}

#[test]
fn a_surface_compared_with_itself_is_silent() {
    for rule in rules() {
        for side in ["old", "new"] {
            let surface = fixture(rule.id.as_str(), side);
            assert!(
                diff(&surface, &surface).unwrap().findings.is_empty(),
                "{}",
                rule.id
            );
        }
    }
}

#[test]
fn real_edits_have_the_verdicts_that_were_reviewed() {
    let text = fs::read_to_string(data("corpora/tool-edits.ndjson")).unwrap();
    let mut table = String::from("edit\tcompatibility\tsecurity\tfindings\n");
    for row in text.lines() {
        let edit: Value = serde_json::from_str(row).unwrap();
        let side = |name: &str| Surface::from_value(&json!({"tools": [edit[name]]})).unwrap();
        let report = diff(&side("old"), &side("new")).unwrap();
        let findings = report.findings.iter().map(|finding| {
            let level = finding.compatibility;
            format!("{}={level}@{}", finding.rule, finding.pointer)
        });
        let findings = findings.collect::<Vec<_>>().join(" ");
        let id = edit["id"].as_str().unwrap();
        writeln!(
            table,
            "{id}\t{}\t{}\t{findings}",
            report.compatibility, report.security
        )
        .unwrap();
    }
    expect_file![data("corpora/tool-edits.verdicts.tsv")].assert_eq(&table);
}

/// Properties that both sides have, so many that wide schemas are judged property by property.
const PADDING: usize = 220;

fn pad(tool: &mut Value) {
    let Some(schema) = tool.get_mut("inputSchema").and_then(Value::as_object_mut) else {
        return;
    };
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    let Some(properties) = properties.as_object_mut() else {
        return;
    };
    for number in 0..PADDING {
        properties.insert(format!("padding-{number}"), json!({"type": "boolean"}));
    }
}

#[test]
fn what_does_not_change_beside_an_edit_does_not_change_its_verdict() {
    let text = fs::read_to_string(data("corpora/tool-edits.ndjson")).unwrap();
    let mut compared = 0;
    for row in text.lines() {
        let edit: Value = serde_json::from_str(row).unwrap();
        let (mut old, mut new) = (edit["old"].clone(), edit["new"].clone());
        let declares = |tool: &Value| tool["inputSchema"]["properties"].is_object();
        if !declares(&old) || !declares(&new) || old["inputSchema"] == new["inputSchema"] {
            continue;
        }
        let verdict = |old: &Value, new: &Value| {
            let side = |tool: &Value| Surface::from_value(&json!({"tools": [tool]})).unwrap();
            let report = diff(&side(old), &side(new)).unwrap();
            let findings = report.findings.into_iter();
            let reported = findings.map(|it| (it.rule.to_string(), it.pointer, it.compatibility));
            (report.compatibility, reported.collect::<Vec<_>>())
        };
        let expected = [verdict(&old, &new), verdict(&new, &old)];
        pad(&mut old);
        pad(&mut new);
        let padded = [verdict(&old, &new), verdict(&new, &old)];
        assert_eq!(padded, expected, "{}", edit["id"]);
        compared += 1;
    }
    assert!(compared > 50, "{compared} edits of schemas");
}

/// The worst that a change of one schema of a tool means.
fn worst(member: &str, old: &Value, new: &Value) -> (Compatibility, Vec<String>) {
    let surface = |schema: &Value| {
        let tool = json!({"name": "t", "inputSchema": {"type": "object"}, member: schema});
        Surface::from_value(&json!({"tools": [tool]})).expect("a list of tools")
    };
    let report = diff(&surface(old), &surface(new)).unwrap();
    let rules = report.findings.iter().map(|one| one.rule.to_string());
    (report.compatibility, rules.collect())
}

#[test]
fn a_value_that_an_answer_gained_hides_nothing_else() {
    let status = |values: &[&str]| json!({"enum": values});
    let base = json!({"properties": {"status": status(&["x"]), "a": {"type": "integer"}}});
    let parts = json!({"type": "object", "allOf": [{"$ref": "#/$defs/B"}],
        "additionalProperties": false, "$defs": {"B": base}});
    let flat = json!({"type": "object",
        "properties": {"status": status(&["x", "y"]), "a": {"type": "integer"}}});
    let null_twice = |o: Value, values: &[&str]| json!({"type": "object", "properties": {"o": o, "status": status(values)}});
    let once = json!({"type": ["string", "null"]});
    let twice = json!({"oneOf": [once, {"type": "null"}]});
    for (old, new) in [
        (parts, flat),
        (null_twice(twice, &["x"]), null_twice(once, &["x", "y"])),
    ] {
        let (level, rules) = worst("outputSchema", &old, &new);
        assert_eq!(level, Compatibility::Breaking, "{rules:?}\n{old}\n{new}");
    }
}

#[test]
fn a_reference_to_elsewhere_is_reported_though_there_was_one() {
    let far = json!({"$ref": "https://example.com/a.json"});
    let with = |b: &Value| json!({"type": "object", "properties": {"a": far, "b": b}});
    let (_, rules) = worst(
        "inputSchema",
        &with(&json!({"type": "string"})),
        &with(&far),
    );
    assert!(rules.contains(&"network-reference".to_owned()), "{rules:?}");
}
