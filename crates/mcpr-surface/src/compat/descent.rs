//! Proposals for schemas that differ in one property alone, however deep: the values are sought at
//! that place, and put into the smallest object around it. Proposals only, see `confirm`.

use super::confirm::find;
use super::steps::StepBudget;
use super::structure::are_plain_objects;
use serde_json::{Map, Value};

/// How many values are put into objects.
const MAX_VALUES: usize = 8;

type Keywords = Map<String, Value>;

/// Values of `sent` that `new` may refuse.
pub(super) fn find_below(sent: &Value, new: &Value, steps: &StepBudget) -> Vec<Value> {
    let mut way = Vec::new();
    let (mut old_place, mut new_place) = (sent, new);
    while let Some((name, old_inner, new_inner)) = only_difference(old_place, new_place) {
        way.push((old_place, name));
        (old_place, new_place) = (old_inner, new_inner);
    }
    let mut found = find(old_place, new_place, steps);
    // At the place itself nothing is copied.
    found.truncate(if way.is_empty() {
        found.len()
    } else {
        MAX_VALUES
    });
    // From the inside out.
    for (place, name) in way.into_iter().rev() {
        // Without what else is required, no object around it would be accepted.
        let Some(beside) = beside(place, name, steps) else {
            return Vec::new();
        };
        for value in &mut found {
            let mut object = beside.clone();
            // Moved: values may be large.
            object.insert(name.clone(), value.take());
            *value = Value::Object(object);
        }
    }
    found
}

/// The one property in which two plain objects differ, both having it.
fn only_difference<'a>(
    old: &'a Value,
    new: &'a Value,
) -> Option<(&'a String, &'a Value, &'a Value)> {
    if !are_plain_objects(old, new) {
        return None;
    }
    let (old, new) = (old.as_object()?, new.as_object()?);
    // Where the narrow side sends declared properties only, nothing is beside them on the other.
    let is_closed = old.get("additionalProperties") == Some(&Value::Bool(false));
    let counts = |(name, _): &(&String, &Value)| {
        *name != "properties" && !(is_closed && *name == "additionalProperties")
    };
    let rest = |map: &'a Keywords| map.iter().filter(counts);
    let (old_all, new_all) = (properties(old)?, properties(new)?);
    if !rest(old).eq(rest(new)) || !old_all.keys().eq(new_all.keys()) {
        return None;
    }
    let mut differing = old_all
        .iter()
        .zip(new_all.values())
        .filter(|((_, old), new)| old != new);
    let ((name, old), new) = differing.next()?;
    // A second difference could be what is seen, and not this one.
    differing.next().is_none().then_some((name, old, new))
}

fn properties(map: &Keywords) -> Option<&Keywords> {
    map.get("properties")?.as_object()
}

/// The smallest object of a place without one of its properties.
fn beside(place: &Value, name: &str, steps: &StepBudget) -> Option<Keywords> {
    let all = properties(place.as_object()?)?;
    let required = place.get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    let others = names.filter(|other| *other != name);
    let entry = |other: &str| {
        let schema = all.get(other)?;
        // Asked for a schema against itself, it proposes values that fit.
        let value = find(schema, schema, steps).into_iter().next()?;
        Some((other.to_owned(), value))
    };
    others.map(entry).collect()
}
