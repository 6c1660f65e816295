//! Reports against the formats that they claim to be: SARIF against its schema, `JUnit` as XML with
//! the elements and counts that its readers expect. One report of every rule, and texts from outside.

use mcpr_surface::report::{ReportFormat, render};
use mcpr_surface::rules::rules;
use mcpr_surface::{Report, Surface, diff};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// What each rule's fixtures give, one with hostile texts, and nothing at all.
fn reports() -> Vec<(String, Report)> {
    let surface = |id: &str, side: &str| {
        let path = data("rules").join(id).join(format!("{side}.json"));
        Surface::parse(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let mut all = rules()
        .map(|rule| {
            let report = diff(
                &surface(rule.id.as_str(), "old"),
                &surface(rule.id.as_str(), "new"),
            )
            .unwrap();
            (rule.id.to_string(), report)
        })
        .collect::<Vec<_>>();
    let hostile = |description: &str| {
        let name = "]]></failure>\u{0}\u{1b}[31m\"'&<\u{ffff}\u{202e}é";
        let tool = json!({"name": name, "description": description});
        Surface::from_value(&json!({ "tools": [tool] })).unwrap()
    };
    let report = diff(&hostile("a"), &hostile("\u{b}</testcase>\u{fffe}&#0;")).unwrap();
    all.push(("hostile".to_owned(), report));
    all.push(("nothing".to_owned(), Report::default()));
    all
}

#[test]
fn sarif_is_what_its_schema_says() {
    let schema = fs::read_to_string(data("sarif/sarif-2.1.0-rtm.5.json")).unwrap();
    // Two of its own patterns are not regular expressions of the strict kind: a bracket stands alone.
    let schema: Value = serde_json::from_str(&schema.replace("]?$", "?$")).unwrap();
    let options = jsonschema::options().should_validate_formats(true);
    let validator = options.build(&schema).unwrap();
    assert!(!validator.is_valid(&json!({"version": "2.1.0"})));
    for (name, report) in reports() {
        let text = render(&report, ReportFormat::Sarif, "lists/tools of today.json");
        let sarif: Value = serde_json::from_str(&text).unwrap();
        let errors = validator.iter_errors(&sarif);
        let errors = errors.map(|error| format!("{}: {error}", error.instance_path()));
        let errors = errors.collect::<Vec<_>>();
        assert!(errors.is_empty(), "{name}: {errors:#?}\n{text}");
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), report.findings.len(), "{name}");
    }
}

#[test]
fn junit_is_xml_whose_counts_are_right() {
    for (name, report) in reports() {
        let text = render(&report, ReportFormat::Junit, "tools.json");
        let document = roxmltree::Document::parse(&text);
        let document = document.unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "testsuites", "{name}");
        let count = |node: roxmltree::Node<'_, '_>, tag: &str| {
            let all = node.descendants();
            all.filter(|node| node.has_tag_name(tag))
                .count()
                .to_string()
        };
        assert_eq!(count(root, "testcase"), report.findings.len().to_string());
        let suites = root.children().filter(roxmltree::Node::is_element);
        for suite in suites.clone().chain([root]) {
            let is_known = suite == root || suite.has_tag_name("testsuite");
            assert!(is_known && suite.attribute("name").is_some(), "{name}");
            let claimed = |of: &str| suite.attribute(of).unwrap_or("0").to_owned();
            assert_eq!(claimed("tests"), count(suite, "testcase"), "{name}");
            assert_eq!(claimed("failures"), count(suite, "failure"), "{name}");
            assert_eq!(claimed("errors"), count(suite, "error"), "{name}");
            assert_eq!(claimed("skipped"), count(suite, "skipped"), "{name}");
        }
        for case in suites.flat_map(|suite| suite.children()) {
            if case.is_element() {
                assert!(case.has_tag_name("testcase"), "{name}");
                assert!(case.attribute("name").is_some(), "{name}");
                assert!(case.attribute("classname").is_some(), "{name}");
            }
        }
    }
}
