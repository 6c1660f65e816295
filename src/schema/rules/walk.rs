//! Two schemas side by side: every place where they differ, and by which rule. Looks at one place
//! at a time; what a difference means for the whole is decided by `judge`.

use super::places::{Change, Pair, Patch};
use super::{branches, keywords};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// How many changes of one schema are told apart.
pub(super) const MAX_CHANGES: usize = 400;

/// Every difference of two schemas in their reading form.
pub(super) fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    let pair = Pair::root(old, new);
    walk(&pair, &mut changes);
    let defs = |schema: &Value| schema.get("$defs").cloned().unwrap_or_else(|| json!({}));
    let (old_defs, new_defs) = (defs(old), defs(new));
    for name in shared_keys(&old_defs, &new_defs) {
        let at = pair.child(&["$defs", &name], &old_defs[&name], &new_defs[&name]);
        walk(&at, &mut changes);
    }
    changes
}

/// The differences of two schemas that stand for the same place.
pub(super) fn walk(pair: &Pair<'_>, changes: &mut Vec<Change>) {
    if pair.old == pair.new || changes.len() >= MAX_CHANGES {
        return;
    }
    let (Some(old), Some(new)) = (as_object(pair.old), as_object(pair.new)) else {
        changes.push(pair.whole("condition-changed"));
        return;
    };
    if let Some(rule) = branches::made_one_of_several(&old, &new) {
        changes.push(pair.whole(rule));
        return keywords::words(pair, &old, &new, changes);
    }
    keywords::types(pair, &old, &new, changes);
    keywords::values(pair, &old, &new, changes);
    keywords::bounds(pair, &old, &new, changes);
    keywords::words(pair, &old, &new, changes);
    properties(pair, &old, &new, changes);
    closing(pair, &old, &new, changes);
    elements(pair, &old, &new, changes);
    branches::choices(pair, &old, &new, changes);
    branches::conditions(pair, &old, &new, changes);
}

/// `true` is an object without keywords.
fn as_object(schema: &Value) -> Option<Cow<'_, Map<String, Value>>> {
    match schema {
        Value::Object(map) => Some(Cow::Borrowed(map)),
        Value::Bool(true) => Some(Cow::Owned(Map::new())),
        _ => None,
    }
}

fn shared_keys(old: &Value, new: &Value) -> Vec<String> {
    let keys = old.as_object().into_iter().flatten().map(|(key, _)| key);
    keys.filter(|key| new.get(key.as_str()).is_some())
        .cloned()
        .collect()
}

fn names(map: &Map<String, Value>) -> BTreeSet<String> {
    let list = map
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    list.filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

fn properties_of(map: &Map<String, Value>) -> Option<&Map<String, Value>> {
    map.get("properties")?.as_object()
}

fn properties(
    pair: &Pair<'_>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    let empty = Map::new();
    let all = |map| properties_of(map).unwrap_or(&empty);
    let (old_all, new_all) = (all(old), all(new));
    let (old_names, new_names) = (names(old), names(new));
    for (name, schema) in new_all {
        if let Some(before) = old_all.get(name) {
            walk(&pair.child(&["properties", name], before, schema), changes);
        } else {
            let is_new_demand = new_names.contains(name) && !old_names.contains(name);
            let rule = if is_new_demand {
                "required-property-added"
            } else {
                "property-added"
            };
            let patch = Patch::Property(name.clone());
            changes.push(
                pair.change(rule, &["properties", name], patch)
                    .to(Some(schema)),
            );
        }
    }
    for (name, schema) in old_all {
        if !new_all.contains_key(name) {
            let patch = Patch::Property(name.clone());
            changes.push(
                pair.change("property-removed", &["properties", name], patch)
                    .from(Some(schema)),
            );
        }
    }
    let is_told = |name: &String| old_all.contains_key(name) != new_all.contains_key(name);
    for name in new_names
        .difference(&old_names)
        .filter(|name| !is_told(name))
    {
        let change = pair.change(
            "required-added",
            &["required"],
            Patch::Required(name.clone()),
        );
        changes.push(change.to(Some(&json!(name))));
    }
    for name in old_names
        .difference(&new_names)
        .filter(|name| !is_told(name))
    {
        let change = pair.change(
            "required-removed",
            &["required"],
            Patch::Required(name.clone()),
        );
        changes.push(change.from(Some(&json!(name))));
    }
    patterns(pair, old, new, changes);
}

fn patterns(
    pair: &Pair<'_>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    let (before, after) = (old.get("patternProperties"), new.get("patternProperties"));
    if before == after {
        return;
    }
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after)
        && before.keys().eq(after.keys())
    {
        for (pattern, schema) in before {
            walk(
                &pair.child(&["patternProperties", pattern], schema, &after[pattern]),
                changes,
            );
        }
        return;
    }
    let patch = Patch::keywords(&["patternProperties"]);
    changes.push(
        pair.change("rest-changed", &["patternProperties"], patch)
            .from(before)
            .to(after),
    );
}

fn closing(
    pair: &Pair<'_>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    const NAME: &str = "additionalProperties";
    let (before, after) = (old.get(NAME), new.get(NAME));
    let is_open = |rest: Option<&Value>| rest.is_none_or(|rest| rest == &json!(true));
    let is_closed = |rest: Option<&Value>| rest == Some(&json!(false));
    if before == after || (is_open(before) && is_open(after)) {
        if before != after {
            changes.push(
                pair.change("respelled", &[NAME], Patch::keywords(&[NAME]))
                    .from(before)
                    .to(after),
            );
        }
        return;
    }
    let rule = if is_closed(after) && is_open(before) {
        "object-closed"
    } else if is_closed(before) && is_open(after) {
        "object-opened"
    } else {
        if let (Some(before @ Value::Object(_)), Some(after @ Value::Object(_))) = (before, after) {
            return walk(&pair.child(&[NAME], before, after), changes);
        }
        "rest-changed"
    };
    changes.push(
        pair.change(rule, &[NAME], Patch::keywords(&[NAME]))
            .from(before)
            .to(after),
    );
}

fn elements(
    pair: &Pair<'_>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    match (old.get("items"), new.get("items")) {
        (Some(before), Some(after)) => walk(&pair.child(&["items"], before, after), changes),
        (None, after @ Some(_)) => {
            let change = pair.change("items-described", &["items"], Patch::keywords(&["items"]));
            changes.push(change.to(after));
        }
        (before @ Some(_), None) => {
            let change = pair.change("items-undescribed", &["items"], Patch::keywords(&["items"]));
            changes.push(change.from(before));
        }
        (None, None) => {}
    }
    let (before, after) = (old.get("prefixItems"), new.get("prefixItems"));
    if let (Some(Value::Array(before)), Some(Value::Array(after))) = (before, after)
        && before.len() == after.len()
    {
        for (at, (before, after)) in before.iter().zip(after).enumerate() {
            walk(
                &pair.child(&["prefixItems", &at.to_string()], before, after),
                changes,
            );
        }
    } else if before != after {
        let change = pair.change(
            "condition-changed",
            &["prefixItems"],
            Patch::keywords(&["prefixItems"]),
        );
        changes.push(change.from(before).to(after));
    }
}
