//! Each format for one small report, with text from outside that tries to write the format itself.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]

use super::{ReportFormat, render};
use crate::{Report, Surface, diff};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

fn report() -> Report {
    let tool = |description: &str, input: Value| {
        let tool = json!({"name": "search", "description": description, "inputSchema": input});
        Surface::from_value(&json!({ "tools": [tool] })).unwrap()
    };
    let old = tool(
        "Finds pages.",
        json!({"type": "object", "properties": {"q": {"type": "string"}}}),
    );
    let new = json!({"type": "object", "properties": {"q": {"type": "string", "maxLength": 2}}});
    let new = tool("Finds `pages`\n::error::<b> & files.", new);
    diff(&old, &new).unwrap()
}

#[track_caller]
fn check(format: ReportFormat, expected: &Expect) {
    expected.assert_eq(&render(&report(), format, "tools list.json"));
}

#[test]
fn people_read_text_and_markdown() {
    check(
        ReportFormat::Text,
        &expect![[r#"
            1 breaking, 1 cosmetic; 1 review
            requires: major

            tool search
              breaking: length-tightened /inputSchema/properties/q/maxLength
                  the length of a text became more limited: texts outside it are refused
                  after: 2
                  witness: {"q":"aaa"}
              cosmetic, review: description-changed /description
                  the description changed
                  words: Finds [-pages.-]{+`pages`\n::error::<b> & files.+}
        "#]],
    );
    check(
        ReportFormat::Markdown,
        &expect![[r####"
            ### MCP surface: 1 breaking, 1 cosmetic; 1 review

            requires: major

            #### tool `search`: breaking, review

            - **breaking** `length-tightened` at `/inputSchema/properties/q/maxLength`  
              the length of a text became more limited: texts outside it are refused
              - after: `2`
              - witness: `{"q":"aaa"}`
            - **cosmetic, review** `description-changed` at `/description`  
              the description changed
              - words: ``Finds [-pages.-]{+`pages`\n::error::<b> & files.+}``

            <details><summary>Changelog lines</summary>

            ~~~~~~markdown
            - **Breaking:** tool `search`: the length of a text became more limited (`/inputSchema/properties/q/maxLength`)
            - tool `search`: a description changed (`/description`)
            ~~~~~~

            </details>
        "####]],
    );
    expect![[r#"
        nothing changed
    "#]]
    .assert_eq(&render(&Report::default(), ReportFormat::Text, ""));
}

#[test]
fn machines_read_lines_and_documents() {
    check(
        ReportFormat::Ndjson,
        &expect![[r#"
            {"rule":"length-tightened","compatibility":"breaking","security":"none","kind":"tool","item":"search","pointer":"/inputSchema/properties/q/maxLength","before":null,"after":2,"message":"the length of a text became more limited: texts outside it are refused","witness":{"q":"aaa"},"fingerprint":"9c673e6bcf30f07a0acb739f5f81e8988c33642f4416760d8855549092fc0cfe","location":null,"old_location":null}
            {"rule":"description-changed","compatibility":"cosmetic","security":"review","kind":"tool","item":"search","pointer":"/description","before":"Finds pages.","after":"Finds `pages`\n::error::<b> & files.","message":"the description changed","witness":null,"fingerprint":"e86271a4b9ad78246aa28419dbf3be8b0529e5480cb11ba3143dd473c87efaec","location":null,"old_location":null}
        "#]],
    );
    let json: Value = serde_json::from_str(&render(&report(), ReportFormat::Json, "")).unwrap();
    assert_eq!(json["compatibility"], "breaking");
    assert_eq!(json["findings"].as_array().unwrap().len(), 2);
    let sarif: Value =
        serde_json::from_str(&render(&report(), ReportFormat::Sarif, "a b")).unwrap();
    let run = &sarif["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(
            run["tool"]["driver"]["rules"][index]["id"],
            result["ruleId"]
        );
    }
    let location = &run["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "a%20b");
}

#[test]
fn runners_read_annotations_and_cases() {
    check(
        ReportFormat::Github,
        &expect![[r#"
            ::error file=tools list.json,title=length-tightened search::tool search/inputSchema/properties/q/maxLength: the length of a text became more limited: texts outside it are refused%0Aafter: 2%0Awitness: {"q":"aaa"}
            ::warning file=tools list.json,title=description-changed search::tool search/description: the description changed%0Awords: Finds [-pages.-]{+`pages`\n::error::<b> & files.+}
        "#]],
    );
    check(
        ReportFormat::Junit,
        &expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="mcpr schema diff" tests="2" failures="1">
              <testsuite name="tool search" tests="2" failures="1" errors="0" skipped="0">
                <testcase classname="tool search" name="length-tightened /inputSchema/properties/q/maxLength">
                  <failure message="the length of a text became more limited: texts outside it are refused" type="breaking none">after: 2&#10;witness: {&quot;q&quot;:&quot;aaa&quot;}&#10;</failure>
                </testcase>
                <testcase classname="tool search" name="description-changed /description"/>
              </testsuite>
            </testsuites>
        "#]],
    );
}
