//! Times in JSON, as numbers and in words.

use super::{NAMES, schema};
use serde_json::Value;

/// The properties of an object of a schema, and those of every object in it, that are times without the same in words.
fn times_of_numbers_alone(schema: &Value, found: &mut Vec<String>) {
    let empty = serde_json::Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    let words = |property: &Value| {
        property["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    for (key, property) in properties {
        // A duration has its unit in its name.
        let is_time = ["milliseconds since 1970-01-01", "unix milliseconds"]
            .iter()
            .any(|unit| words(property).contains(unit));
        let is_same =
            |other: &Value| words(other).starts_with(&format!("The same moment as `{key}`"));
        if is_time && !properties.values().any(is_same) {
            found.push(key.clone());
        }
    }
    let inner = match schema {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    for schema in inner {
        times_of_numbers_alone(schema, found);
    }
}

#[test]
fn a_time_in_json_stands_in_rfc_3339_beside_its_number() {
    // What is exported is for being read again, a line for each request.
    for name in NAMES.into_iter().filter(|name| *name != "store-export") {
        let mut found = Vec::new();
        times_of_numbers_alone(&schema(name), &mut found);
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}
