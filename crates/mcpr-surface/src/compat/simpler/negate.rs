//! What holds where a schema does not.

use super::Keywords;
use serde_json::{Map, Value, json};

const TYPES: [&str; 6] = ["array", "boolean", "null", "number", "object", "string"];

/// Keywords that are denied together.
const GROUPS: &[&[&str]] = &[
    &["properties", "patternProperties", "additionalProperties"],
    &["prefixItems", "items"],
    &["contains", "minContains", "maxContains"],
    &["if", "then", "else"],
];

/// The schema of all that another one refuses; none where only `not` says it.
pub(super) fn negated(schema: &Value) -> Option<Value> {
    let map = match schema {
        Value::Bool(accepts) => return Some(Value::Bool(!accepts)),
        Value::Object(map) => map,
        _ => return None,
    };
    let units = units(map);
    match units.as_slice() {
        // An empty schema refuses nothing.
        [] => Some(Value::Bool(false)),
        [only] => without(only),
        // It is refused by whoever breaks one of its parts.
        _ => {
            let each = units.iter();
            let each = each.map(|unit| without(unit).unwrap_or_else(|| json!({ "not": unit })));
            Some(json!({ "anyOf": each.collect::<Vec<_>>() }))
        }
    }
}

/// Parts of a schema that hold or not each on its own.
fn units(map: &Keywords) -> Vec<Keywords> {
    let mut rest = map.clone();
    // Grouped ones go first, for what is left stands on its own.
    let mut made = Vec::new();
    for group in GROUPS {
        let members = group.iter();
        let unit = members.filter_map(|name| Some(((*name).to_owned(), rest.remove(*name)?)));
        let unit = unit.collect::<Keywords>();
        if !unit.is_empty() {
            made.push(unit);
        }
    }
    made.extend(rest.into_iter().map(|one| Map::from_iter([one])));
    made
}

/// What one unit refuses.
fn without(unit: &Keywords) -> Option<Value> {
    let mut members = unit.iter();
    // A group of several keywords has no plain denial.
    let (Some((name, value)), None) = (members.next(), members.next()) else {
        return None;
    };
    let denied = |one: &Value| json!({ "not": one });
    Some(match (name.as_str(), value) {
        ("not", inner) => inner.clone(),
        ("type", types) => other_types(types)?,
        ("anyOf", Value::Array(all)) => {
            json!({"allOf": all.iter().map(denied).collect::<Vec<_>>()})
        }
        ("allOf", Value::Array(all)) => {
            json!({"anyOf": all.iter().map(denied).collect::<Vec<_>>()})
        }
        ("required", Value::Array(names)) => {
            let lacking = names.iter().filter_map(Value::as_str);
            // That a name is lacking is expressed by allowing no value for it.
            let lacking = lacking.map(|name| json!({"properties": {name: false}}));
            any_object(lacking.collect())
        }
        ("properties", Value::Object(all)) => {
            let each = all.iter().map(|(name, one)| {
                // Sent, and not as described: what is not sent breaks nothing.
                json!({"required": [name], "properties": {name.as_str(): denied(one)}})
            });
            any_object(each.collect())
        }
        // Values of other types break no bound, hence the type.
        ("minimum", bound) => json!({"type": "number", "exclusiveMaximum": bound}),
        ("maximum", bound) => json!({"type": "number", "exclusiveMinimum": bound}),
        ("exclusiveMinimum", bound) => json!({"type": "number", "maximum": bound}),
        ("exclusiveMaximum", bound) => json!({"type": "number", "minimum": bound}),
        ("minLength", bound) => json!({"type": "string", "maxLength": one_less(bound)?}),
        ("minItems", bound) => json!({"type": "array", "maxItems": one_less(bound)?}),
        ("minProperties", bound) => json!({"type": "object", "maxProperties": one_less(bound)?}),
        ("maxLength", bound) => json!({"type": "string", "minLength": bound.as_u64()? + 1}),
        ("maxItems", bound) => json!({"type": "array", "minItems": bound.as_u64()? + 1}),
        ("maxProperties", bound) => {
            json!({"type": "object", "minProperties": bound.as_u64()? + 1})
        }
        _ => return None,
    })
}

/// An object of which one of these holds.
fn any_object(mut ways: Vec<Value>) -> Value {
    match (ways.len(), ways.pop()) {
        (1, Some(Value::Object(mut only))) => {
            only.insert("type".to_owned(), json!("object"));
            Value::Object(only)
        }
        (0, _) => Value::Bool(false),
        (_, last) => {
            ways.extend(last);
            json!({"type": "object", "anyOf": ways})
        }
    }
}

fn one_less(bound: &Value) -> Option<u64> {
    bound.as_u64()?.checked_sub(1)
}

/// All other types; none where numbers are split into integers and others.
fn other_types(types: &Value) -> Option<Value> {
    let types = match types {
        Value::String(only) => vec![only.as_str()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    // There is no type for the numbers that are not integers.
    if types.contains(&"integer") && !types.contains(&"number") {
        return None;
    }
    let mut others = TYPES.to_vec();
    others.retain(|name| !types.contains(name));
    Some(match others.as_slice() {
        [] => Value::Bool(false),
        [only] => json!({ "type": only }),
        _ => json!({ "type": others }),
    })
}
