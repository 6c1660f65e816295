//! Whether an object takes undeclared properties, in whatever words that is written: it is one change,
//! of one level.

use super::places::{Patch, SchemaChange, SchemaPair, Walk};
use super::table::RuleId;
use serde_json::{Map, Value, json};

type Keywords = Map<String, Value>;

/// The keywords that may close an object.
const CLOSERS: &[&str] = &[
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "patternProperties",
];

const NAME: &str = "additionalProperties";

/// Whether nothing fits a schema, as far as its spelling shows.
fn fits_nothing(schema: &Value) -> bool {
    let nothing = [
        json!(false),
        json!({"not": {}}),
        json!({"not": true}),
        json!({"enum": []}),
    ];
    nothing.contains(schema)
}

/// Whether a pattern is one that every name has.
fn is_any_name(pattern: &str) -> bool {
    [
        // Spellings that occur; what is missed here is compared all the same, in more findings.
        "",
        ".*",
        "^.*$",
        "^.*",
        ".*$",
        "^",
        "[\\s\\S]*",
        "^[\\s\\S]*$",
    ]
    .contains(&pattern)
}

/// By which of its own keywords an object is closed.
fn closers(map: &Keywords) -> Vec<&'static str> {
    let declares = |name: &str| {
        let properties = map.get("properties").and_then(Value::as_object);
        properties.is_some_and(|all| all.contains_key(name))
    };
    let closes = |name: &str| match (name, map.get(name)) {
        (_, None) => false,
        ("propertyNames", Some(schema)) => {
            let listed = schema.get("enum").and_then(Value::as_array);
            let is_declared = |name: &Value| name.as_str().is_some_and(declares);
            // Names that are all declared leave no room for others.
            fits_nothing(schema) || listed.is_some_and(|names| names.iter().all(is_declared))
        }
        ("patternProperties", Some(patterns)) => {
            let mut patterns = patterns.as_object().into_iter().flatten();
            patterns.any(|(pattern, schema)| is_any_name(pattern) && fits_nothing(schema))
        }
        (_, Some(schema)) => fits_nothing(schema),
    };
    let closing = CLOSERS.iter().copied();
    closing.filter(|name| closes(name)).collect()
}

/// Whether a part that holds as well closes the object.
fn is_closed_by_part(map: &Keywords) -> bool {
    let parts = map.get("allOf").and_then(Value::as_array);
    let mut parts = parts.into_iter().flatten().filter_map(Value::as_object);
    parts.any(|part| !closers(part).is_empty())
}

/// Whether the object says nothing about undeclared properties, or that it takes any.
fn is_open(map: &Keywords) -> bool {
    let says_nothing = |name: &&str| {
        let schema = map.get(*name);
        schema.is_none_or(|schema| schema == &json!(true) || schema == &json!({}))
    };
    // Only the first two speak of undeclared properties as such; the others are about names.
    CLOSERS[..2].iter().all(says_nothing)
}

/// The keywords that are reported here, and not one by one: where one side alone is closed, those that
/// close it and say nothing on the other; where both are, all that close either.
pub(super) fn reported(old: &Keywords, new: &Keywords) -> Vec<&'static str> {
    let (before, after) = (closers(old), closers(new));
    let alone = |mut names: Vec<&'static str>, other: &Keywords| {
        // What the other side says with the same keyword is a change of its own.
        names.retain(|name| *name == NAME || !other.contains_key(*name));
        names
    };
    match (before.is_empty(), after.is_empty()) {
        (true, false) if is_open(old) => alone(after, old),
        (false, true) if is_open(new) => alone(before, new),
        // Closed before and after: whichever words say so.
        (false, false) => before.into_iter().chain(after).collect(),
        // Undeclared properties are limited by a schema of their own, which is compared below.
        _ => Vec::new(),
    }
}

/// Adds what changed about undeclared properties.
pub(super) fn closing(
    pair: &SchemaPair<'_>,
    old: &Keywords,
    new: &Keywords,
    walk: Walk,
    changes: &mut Vec<SchemaChange>,
) {
    let (before, after) = (old.get(NAME), new.get(NAME));
    let reported = reported(old, new);
    let (was_closed, is_closed) = (!closers(old).is_empty(), !closers(new).is_empty());
    if was_closed && is_closed {
        // The same in other words refuses nothing more.
        if reported.iter().any(|name| old.get(*name) != new.get(*name)) {
            let patch = Patch::Keywords(reported);
            let change = pair.change(RuleId::Respelled, &[NAME], patch);
            changes.push(change.from(before).to(after));
        }
        return;
    }
    if let Some(name) = reported.first() {
        let rule = if is_closed {
            RuleId::ObjectClosed
        } else {
            RuleId::ObjectOpened
        };
        let (before, after) = (old.get(*name), new.get(*name));
        let change = pair.change(rule, &[*name], Patch::Keywords(reported.clone()));
        changes.push(change.from(before).to(after));
        return;
    }
    let by_part = (is_closed_by_part(old), is_closed_by_part(new));
    // A part counts only where the object itself says nothing.
    if by_part.0 != by_part.1 && !was_closed && !is_closed {
        // What the part does besides is reported where it stands.
        let rule = if by_part.1 {
            RuleId::ObjectClosed
        } else {
            RuleId::ObjectOpened
        };
        let change = pair.change(rule, &["allOf"], Patch::None);
        changes.push(change.from(old.get("allOf")).to(new.get("allOf")));
    }
    if before != after {
        rest(pair, before, after, walk, changes);
    }
}

/// Another schema for undeclared properties, or the same in other words.
fn rest(
    pair: &SchemaPair<'_>,
    before: Option<&Value>,
    after: Option<&Value>,
    walk: Walk,
    changes: &mut Vec<SchemaChange>,
) {
    let is_plain = |rest: Option<&Value>| rest.is_none_or(|rest| rest == &json!(true));
    // Two schemas differ at places of their own, which are reported one by one.
    if let (Some(before @ Value::Object(_)), Some(after @ Value::Object(_))) = (before, after) {
        return walk(&pair.child(&[NAME], before, after), changes);
    }
    let rule = if is_plain(before) && is_plain(after) {
        RuleId::Respelled
    } else {
        RuleId::RestChanged
    };
    let change = pair.change(rule, &[NAME], Patch::keywords(&[NAME]));
    changes.push(change.from(before).to(after));
}
