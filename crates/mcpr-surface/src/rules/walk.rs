//! Two schemas side by side: every place where they differ, and by which rule. Looks at one place
//! at a time; what a difference means for the whole is decided by `judge`.

use super::places::{Patch, SchemaChange, SchemaPair};
use super::table::RuleId;
use super::{branches, closing, keywords};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// How many changes of one schema are distinguished.
// More help no person; the verdict about the whole does not depend on them.
pub(super) const MAX_CHANGES: usize = 400;

/// Every difference of two schemas in their reading form.
pub(super) fn changes(old: &Value, new: &Value) -> Vec<SchemaChange> {
    let mut changes = Vec::new();
    let pair = SchemaPair::root(old, new);
    walk(&pair, &mut changes);
    // Only recursive ones are left in this form, and they are compared under their name.
    let defs = |schema: &Value| schema.get("$defs").cloned().unwrap_or_else(|| json!({}));
    let (old_defs, new_defs) = (defs(old), defs(new));
    // One that a single side has is compared where it is referred to.
    for name in shared_keys(&old_defs, &new_defs) {
        let at = pair.child(&["$defs", &name], &old_defs[&name], &new_defs[&name]);
        walk(&at, &mut changes);
    }
    changes
}

/// The differences of two schemas that stand for the same place.
pub(super) fn walk(pair: &SchemaPair<'_>, changes: &mut Vec<SchemaChange>) {
    if pair.old == pair.new || changes.len() >= MAX_CHANGES {
        return;
    }
    // `false` on a side: no keyword of the other explains it.
    let (Some(old), Some(new)) = (as_object(pair.old), as_object(pair.new)) else {
        changes.push(pair.whole(RuleId::ConditionChanged));
        return;
    };
    // A value became one of several: keyword by keyword, it would look like a loss of everything.
    if let Some(rule) = branches::made_one_of_several(&old, &new) {
        changes.push(pair.whole(rule));
        return keywords::words(pair, &old, &new, changes);
    }
    keywords::types(pair, &old, &new, changes);
    keywords::values(pair, &old, &new, changes);
    keywords::bounds(pair, &old, &new, changes);
    keywords::words(pair, &old, &new, changes);
    properties(pair, &old, &new, changes);
    closing::closing(pair, &old, &new, walk, changes);
    elements(pair, &old, &new, changes);
    branches::choices(pair, &old, &new, walk, changes);
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
    pair: &SchemaPair<'_>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<SchemaChange>,
) {
    let empty = Map::new();
    let all = |map| properties_of(map).unwrap_or(&empty);
    let (old_all, new_all) = (all(old), all(new));
    let (old_names, new_names) = (names(old), names(new));
    for (name, schema) in new_all {
        if let Some(before) = old_all.get(name) {
            walk(&pair.child(&["properties", name], before, schema), changes);
        } else {
            // Required before without being declared is no new demand.
            let is_new_demand = new_names.contains(name) && !old_names.contains(name);
            let rule = if is_new_demand {
                RuleId::RequiredPropertyAdded
            } else {
                RuleId::PropertyAdded
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
                pair.change(RuleId::PropertyRemoved, &["properties", name], patch)
                    .from(Some(schema)),
            );
        }
    }
    // A required property that came or went is reported with it.
    let is_reported = |name: &String| old_all.contains_key(name) != new_all.contains_key(name);
    for name in new_names
        .difference(&old_names)
        .filter(|name| !is_reported(name))
    {
        let change = pair.change(
            RuleId::RequiredAdded,
            &["required"],
            Patch::Required(name.clone()),
        );
        changes.push(change.to(Some(&json!(name))));
    }
    for name in old_names
        .difference(&new_names)
        .filter(|name| !is_reported(name))
    {
        let change = pair.change(
            RuleId::RequiredRemoved,
            &["required"],
            Patch::Required(name.clone()),
        );
        changes.push(change.from(Some(&json!(name))));
    }
    if !closing::reported(old, new).contains(&"patternProperties") {
        patterns(pair, old, new, changes);
    }
}

fn patterns(
    pair: &SchemaPair<'_>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<SchemaChange>,
) {
    let (before, after) = (old.get("patternProperties"), new.get("patternProperties"));
    if before == after {
        return;
    }
    if let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after)
        // With other patterns, which schema stands for which names is not known.
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
        pair.change(RuleId::RestChanged, &["patternProperties"], patch)
            .from(before)
            .to(after),
    );
}

fn elements(
    pair: &SchemaPair<'_>,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<SchemaChange>,
) {
    match (old.get("items"), new.get("items")) {
        (Some(before), Some(after)) => walk(&pair.child(&["items"], before, after), changes),
        (None, after @ Some(_)) => {
            let change = pair.change(
                RuleId::ItemsDescribed,
                &["items"],
                Patch::keywords(&["items"]),
            );
            changes.push(change.to(after));
        }
        (before @ Some(_), None) => {
            let change = pair.change(
                RuleId::ItemsUndescribed,
                &["items"],
                Patch::keywords(&["items"]),
            );
            changes.push(change.from(before));
        }
        (None, None) => {}
    }
    let (before, after) = (old.get("prefixItems"), new.get("prefixItems"));
    if let (Some(Value::Array(before)), Some(Value::Array(after))) = (before, after)
        // With another length, what stood under `items` moves too.
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
            RuleId::ConditionChanged,
            &["prefixItems"],
            Patch::keywords(&["prefixItems"]),
        );
        changes.push(change.from(before).to(after));
    }
}
