//! Whether some value plainly fits a schema: seen from its shape, at no cost. Never wrong when it
//! says so; says nothing else.

use serde_json::{Map, Value};

/// How deep required properties are looked into.
const MAX_DEPTH: usize = 20;

/// Whether a value fits that a careful caller may send: the smallest object, where it is one.
pub(crate) fn has_values(schema: &Value) -> bool {
    fits_some(schema, MAX_DEPTH)
}

// `minItems`, `pattern` and the like are missing on purpose: the smallest value may break them.
const HARMLESS: &[&str] = &[
    "$schema",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "format",
    "deprecated",
    "readOnly",
    "writeOnly",
    "items",
    "additionalProperties",
    "properties",
    "required",
    "type",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "maxItems",
];

fn fits_some(schema: &Value, depth: usize) -> bool {
    let map = match schema {
        Value::Bool(accepts) => return *accepts,
        // A recursive schema may ask for itself for ever.
        Value::Object(map) if depth > 0 => map,
        _ => return false,
    };
    map.keys().all(|name| HARMLESS.contains(&name.as_str()))
        && ranges_are_open(map)
        && match map.get("enum") {
            None => type_fits_some(map, depth),
            // Of listed values, one must be as the rest demands: nothing but its type is looked at.
            Some(Value::Array(values)) => {
                let is_plain = map.keys().all(|name| {
                    !matches!(
                        name.as_str(),
                        "minimum" | "maximum" | "minLength" | "maxLength"
                    )
                });
                is_plain
                    && values.iter().any(|value| {
                        value.is_string()
                            && matches!(map.get("type"), None | Some(Value::String(_)))
                            && map.get("type").is_none_or(|name| name == "string")
                    })
            }
            Some(_) => false,
        }
}

fn ranges_are_open(map: &Map<String, Value>) -> bool {
    let number = |name: &str| map.get(name).map(Value::as_f64);
    [("minimum", "maximum"), ("minLength", "maxLength")]
        .iter()
        .all(|(low, high)| match (number(low), number(high)) {
            (Some(None), _) | (_, Some(None)) => false,
            // An integer lies between two that are apart by one.
            (Some(Some(low)), Some(Some(high))) => high - low >= 1.0,
            _ => true,
        })
}

/// Whether the smallest value of the type fits: an object of what is required.
fn type_fits_some(map: &Map<String, Value>, depth: usize) -> bool {
    let is_object = map.get("type").is_some_and(|name| name == "object");
    if !is_object {
        // No type, or one of the plain ones; of several, nothing is assumed.
        return matches!(map.get("type"), None | Some(Value::String(_)))
            && map.get("type").is_none_or(|name| {
                ["string", "number", "integer", "boolean", "null", "array"]
                    .iter()
                    .any(|known| name == known)
            });
    }
    let names = match map.get("required") {
        None => return true,
        Some(Value::Array(names)) => names,
        Some(_) => return false,
    };
    let properties = map.get("properties").and_then(Value::as_object);
    names.iter().all(|name| {
        let name = name.as_str();
        let own = name.and_then(|name| properties?.get(name));
        own.is_some_and(|schema| fits_some(schema, depth - 1))
    })
}
