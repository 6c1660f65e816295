//! Putting the parts of `allOf` together, and finding when `oneOf` is no more than `anyOf`. Each step
//! keeps the accepted set; where that is not plain, nothing is done.

use super::normal::is_anything;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Keywords that read one another, so that they may only be moved together.
const GROUPS: &[&[&str]] = &[
    &["properties", "patternProperties", "additionalProperties"],
    &["prefixItems", "items"],
    &["contains", "minContains", "maxContains"],
    &["if", "then", "else"],
];

/// Keywords that read what all others of the same value evaluated: nothing is moved around them.
pub(super) const READERS: &[&str] = &["unevaluatedProperties", "unevaluatedItems"];

/// Takes the parts of `allOf` into the schema itself, as far as they do not meet.
pub(super) fn fold_all_of(mut map: Map<String, Value>) -> Value {
    // What a part evaluates would count for the reader, once it stands beside it.
    if READERS.iter().any(|name| map.contains_key(*name)) {
        return Value::Object(map);
    }
    let mut left = Vec::new();
    let Some(Value::Array(mut parts)) = map.remove("allOf") else {
        return Value::Object(map);
    };
    // They are taken from the end, and stay in the order they were written in.
    parts.reverse();
    while let Some(part) = parts.pop() {
        match part {
            Value::Bool(false) => return Value::Bool(false),
            part if is_anything(&part) => {}
            Value::Object(mut part) if has_own_parts(&part) => {
                // Unfolded in place: parts of parts are parts.
                if let Some(Value::Array(own)) = part.remove("allOf") {
                    parts.extend(own.into_iter().rev());
                }
                parts.push(Value::Object(part));
            }
            Value::Object(part) if can_join(&map, &part) => {
                for (name, value) in part {
                    join_keyword(&mut map, name, value);
                }
            }
            part => left.push(part),
        }
    }
    if !left.is_empty() {
        map.insert("allOf".to_owned(), Value::Array(left));
    }
    Value::Object(map)
}

/// Whether a part has parts of its own, which say the same one level up.
fn has_own_parts(part: &Map<String, Value>) -> bool {
    part.get("allOf").is_some_and(Value::is_array)
        && !READERS.iter().any(|name| part.contains_key(*name))
}

pub(crate) fn can_join(map: &Map<String, Value>, part: &Map<String, Value>) -> bool {
    !READERS.iter().any(|name| part.contains_key(*name))
        // A keyword of both sides could only be joined by a meeting of its values, see `simpler`.
        && part.iter().all(|(name, value)| match map.get(name) {
            Some(there) if there == value => true,
            Some(there) if name == "properties" => disjoint_keys(there, value),
            Some(_) => name == "required",
            None => true,
        })
        && GROUPS.iter().all(|group| groups_can_join(group, map, part))
}

/// Whether a group of keywords stands on one side alone, or is but `properties` on both.
fn groups_can_join(group: &[&str], map: &Map<String, Value>, part: &Map<String, Value>) -> bool {
    let has = |side: &Map<String, Value>| group.iter().any(|name| side.contains_key(*name));
    let only_first = |side: &Map<String, Value>| {
        group[0] == "properties" && group[1..].iter().all(|name| !side.contains_key(*name))
    };
    !(has(map) && has(part)) || (only_first(map) && only_first(part))
}

fn disjoint_keys(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => one
            .iter()
            // A name in both is no hindrance where both say the same.
            .all(|(key, value)| other.get(key).is_none_or(|there| there == value)),
        _ => false,
    }
}

fn join_keyword(map: &mut Map<String, Value>, name: String, value: Value) {
    match (map.get_mut(&name), value) {
        (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
        (Some(Value::Array(there)), Value::Array(more)) if name == "required" => {
            there.extend(more);
            there.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            there.dedup();
        }
        (_, value) => {
            map.insert(name, value);
        }
    }
}

/// Whether no value can satisfy two branches of a `oneOf`, as far as types or a common tag show.
pub(super) fn one_of_is_any_of(branches: &Value) -> bool {
    // What is ill-formed is left as it is.
    let Some(branches) = branches.as_array() else {
        return false;
    };
    types_are_disjoint(branches) || tags_are_disjoint(branches)
}

fn types_are_disjoint(branches: &[Value]) -> bool {
    let mut seen = BTreeSet::new();
    branches.iter().all(|branch| {
        let types = types_of(branch);
        types.is_some_and(|types| types.into_iter().all(|name| seen.insert(name)))
    })
}

/// The types a schema's own `type` or `enum` allows; integers count as numbers.
fn types_of(schema: &Value) -> Option<BTreeSet<&str>> {
    // Two branches of `integer` and `number` do meet, at every integer.
    let plain = |name| if name == "integer" { "number" } else { name };
    match (schema.get("type"), schema.get("enum")) {
        (Some(Value::String(name)), _) => Some([plain(name.as_str())].into()),
        (Some(Value::Array(names)), _) => {
            names.iter().map(|name| name.as_str().map(plain)).collect()
        }
        // Only without a type: beside one, values of other types count for nothing.
        (None, Some(Value::Array(values))) => Some(values.iter().map(type_of).collect()),
        _ => None,
    }
}

/// The JSON type of a value.
pub(crate) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether the branches are objects that a required property with distinct values distinguishes.
fn tags_are_disjoint(branches: &[Value]) -> bool {
    // All branches must have the tag, so that those of the first are enough to try.
    let Some(tags) = branches.first().and_then(|branch| branch.get("properties")) else {
        return false;
    };
    let tags = tags.as_object().into_iter().flatten().map(|(tag, _)| tag);
    tags.into_iter().any(|tag| {
        let mut seen = Vec::new();
        branches.iter().all(|branch| {
            let values = tag_values(branch, tag);
            // None: a branch without the tag takes any value of it.
            values.is_some_and(|values| {
                let fresh = values.iter().all(|value| !seen.contains(&value));
                seen.extend(values);
                fresh
            })
        })
    })
}

/// The texts that a branch demands of its tag; other values compare less plainly.
fn tag_values<'a>(branch: &'a Value, tag: &str) -> Option<&'a Vec<Value>> {
    let is_object = branch.get("type")? == "object";
    let is_required = branch
        .get("required")?
        .as_array()?
        .iter()
        .any(|name| name == tag);
    let values = branch
        .get("properties")?
        .get(tag)?
        .get("enum")?
        .as_array()?;
    (is_object && is_required && values.iter().all(Value::is_string)).then_some(values)
}
