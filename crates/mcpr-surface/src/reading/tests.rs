//! What stands beside references, by draft.

use super::*;

#[track_caller]
fn check(draft: &str, expected: &Value) {
    let document = json!({
        "$schema": draft, "type": "object",
        "$defs": {"tree": {"properties": {"next": {"$ref": "#/$defs/tree", "required": ["a"]}}}},
        "properties": {"t": {"$ref": "#/$defs/tree"}}
    });
    let read = read(&document).expect("a small schema");
    let place = "/properties/t/properties/next";
    assert_eq!(read.schema.pointer(place), Some(expected));
}

#[test]
fn what_stands_beside_a_recursive_reference_counts_since_2019() {
    check(
        "http://json-schema.org/draft-07/schema#",
        &json!({"$ref": "#/$defs/tree"}),
    );
    check(
        "https://json-schema.org/draft/2020-12/schema",
        &json!({"$ref": "#/$defs/tree", "required": ["a"]}),
    );
}
