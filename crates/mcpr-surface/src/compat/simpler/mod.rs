//! Schemas written more plainly, for proofs: what is impossible is `false`, parts that all hold are one
//! part, a denial says what holds instead. Keeps the accepted set as it is; reads closed forms too,
//! which is why a caller's part is worked out before.

mod dead;
mod evaluated;
mod meet;
mod negate;

use super::combine::{READERS, one_of_is_any_of};
use super::engine::CompiledSchema;
use super::normal::is_anything;
use super::steps::{StepBudget, weight};
use super::structure::mentions_reference;
use super::unknown::{MARK, is_marked};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

type Keywords = Map<String, Value>;

/// How many listed values are looked at one by one.
// Each is validated against the whole schema.
const MAX_VALUES: usize = 200;

/// How deep parts are put together within one another; what is deeper stays as it was.
const MAX_MEETING_DEPTH: usize = 12;

/// Keywords with a schema, with schemas by name, and with a list of them.
const SINGLE: &[&str] = &[
    "items",
    "additionalProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
];
const MAPS: &[&str] = &["properties", "patternProperties", "dependentSchemas"];
const LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];

/// The same schema, more plainly; itself where there are no steps for it.
pub(super) fn simpler(schema: &Value, steps: &StepBudget) -> Value {
    if !steps.take(4 * weight(schema)) {
        return schema.clone();
    }
    let schema = evaluated::without_readers(schema, steps);
    if READERS.iter().any(|name| mentions(&schema, name)) {
        // What one part has evaluated may matter to another one.
        return schema;
    }
    let Value::Object(mut root) = schema else {
        return schema;
    };
    // Taken out, and put back only if something still refers to them.
    let defs = root.remove("$defs");
    let defs = match defs {
        Some(Value::Object(defs)) => defs,
        _ => Map::new(),
    };
    let simplifier = Simplifier {
        empty: empty_definitions(&defs, steps),
        steps,
    };
    let mut made = simplifier.of(&Value::Object(root), 0);
    // What is impossible may have taken the last reference along.
    if let Value::Object(map) = &mut made
        && mentions_reference(&Value::Object(map.clone()))
    {
        let bodies = defs.iter();
        let bodies = bodies.map(|(name, body)| (name.clone(), simplifier.of(body, 0)));
        map.insert("$defs".to_owned(), Value::Object(bodies.collect()));
    }
    made
}

fn mentions(schema: &Value, keyword: &str) -> bool {
    match schema {
        Value::Object(map) => {
            map.contains_key(keyword) || map.values().any(|value| mentions(value, keyword))
        }
        Value::Array(list) => list.iter().any(|value| mentions(value, keyword)),
        _ => false,
    }
}

/// The definitions that no value satisfies, as references name them. All are taken for empty until one
/// is not: values are finite, so what only values of its own kind could satisfy, nothing does.
fn empty_definitions(defs: &Keywords, steps: &StepBudget) -> BTreeSet<String> {
    let reference = |name: &String| format!("#/$defs/{name}");
    // One that leads to itself about the same value could be taken for empty with no ground.
    let names = defs.keys().filter(|name| !leads_to_itself(defs, name));
    let mut simplifier = Simplifier {
        empty: names.map(reference).collect(),
        steps,
    };
    loop {
        let filled = defs.iter().filter(|(name, body)| {
            simplifier.empty.contains(&reference(name))
                && simplifier.of(body, 0) != Value::Bool(false)
        });
        let filled = filled
            .map(|(name, _)| reference(name))
            .collect::<BTreeSet<_>>();
        if filled.is_empty() {
            return simplifier.empty;
        }
        simplifier.empty.retain(|name| !filled.contains(name));
        // Cut short, what is left was not shown to be empty.
        if steps.are_over() {
            return BTreeSet::new();
        }
    }
}

/// Whether a definition refers to itself about the very same value: then it says nothing.
fn leads_to_itself(defs: &Keywords, start: &str) -> bool {
    let (mut rest, mut seen) = (vec![start], BTreeSet::new());
    while let Some(name) = rest.pop() {
        let Some(body) = defs.get(name) else {
            continue;
        };
        // Only parts about the same value: through a property, a reference is about a smaller one.
        for part in in_place(body) {
            let target = part.get("$ref").and_then(Value::as_str);
            let Some(target) = target.and_then(|target| target.strip_prefix("#/$defs/")) else {
                continue;
            };
            if target == start {
                return true;
            }
            if seen.insert(target) {
                rest.push(target);
            }
        }
    }
    false
}

/// Every part of a schema that speaks of the same value, references not followed.
fn in_place(schema: &Value) -> Vec<&Keywords> {
    let (mut rest, mut parts) = (vec![schema], Vec::new());
    while let Some(schema) = rest.pop() {
        let Value::Object(map) = schema else {
            continue;
        };
        parts.push(map);
        let lists = ["allOf", "anyOf", "oneOf"].iter();
        let lists = lists.filter_map(|name| map.get(*name)?.as_array());
        rest.extend(lists.flatten());
        rest.extend(
            ["not", "if", "then", "else"]
                .iter()
                .filter_map(|name| map.get(*name)),
        );
        let dependent = map.get("dependentSchemas").and_then(Value::as_object);
        rest.extend(dependent.into_iter().flat_map(Map::values));
    }
    parts
}

/// A schema object whose parts are plain already, with those that all hold put together.
pub(super) fn joined(map: Keywords, steps: &StepBudget) -> Value {
    let simplifier = Simplifier {
        empty: BTreeSet::new(),
        steps,
    };
    simplifier.settled(map, 0)
}

struct Simplifier<'a> {
    /// Definitions that nothing satisfies.
    empty: BTreeSet<String>,
    steps: &'a StepBudget,
}

impl Simplifier<'_> {
    /// `depth` counts the meetings of parts around this one.
    fn of(&self, schema: &Value, depth: usize) -> Value {
        let Value::Object(map) = schema else {
            return schema.clone();
        };
        if depth > MAX_MEETING_DEPTH || !self.steps.take(2 + map.len() as u64) {
            return schema.clone();
        }
        let mut made = Map::new();
        for (name, value) in map {
            let value = match value {
                Value::Object(all) if MAPS.contains(&name.as_str()) => {
                    let all = all.iter();
                    let all = all.map(|(key, one)| (key.clone(), self.of(one, depth)));
                    Value::Object(all.collect())
                }
                Value::Array(all) if LISTS.contains(&name.as_str()) => {
                    all.iter().map(|one| self.of(one, depth)).collect()
                }
                _ if SINGLE.contains(&name.as_str()) => self.of(value, depth),
                _ => value.clone(),
            };
            made.insert(name.clone(), value);
        }
        self.settled(made, depth)
    }

    /// What both of two schemas accept.
    fn both(&self, one: &Value, other: &Value, depth: usize) -> Value {
        match (one, other) {
            // The plain cases cost no steps.
            (one, other) if one == other || is_anything(other) => one.clone(),
            (one, other) if is_anything(one) => other.clone(),
            (Value::Bool(false), _) | (_, Value::Bool(false)) => Value::Bool(false),
            _ if depth >= MAX_MEETING_DEPTH
                || !self.steps.take(2 * (weight(one) + weight(other))) =>
            {
                json!({"allOf": [one, other]})
            }
            _ => {
                let parts = json!([one, other]);
                let map = [("allOf".to_owned(), parts)].into_iter().collect();
                self.settled(map, depth + 1)
            }
        }
    }

    /// One schema object whose parts are as plain as they get.
    fn settled(&self, mut map: Keywords, depth: usize) -> Value {
        let is_empty = |name: &Value| name.as_str().is_some_and(|name| self.empty.contains(name));
        if map.get("$ref").is_some_and(is_empty) {
            return Value::Bool(false);
        }
        // Conditions first, as they may leave parts to be joined.
        settle_condition(&mut map);
        // A denial of what is not known is not known either.
        if let Some(denied) = map.get("not").filter(|denied| !is_marked(denied))
            && let Some(instead) = negate::negated(denied)
        {
            map.remove("not");
            if !is_anything(&instead) {
                // What holds instead may itself be written more plainly.
                let instead = self.of(&instead, depth);
                add_part(&mut map, instead);
            }
        }
        if !self.parts(&mut map, depth) {
            return Value::Bool(false);
        }
        // After the parts were joined, which may have brought what is required.
        require_together(&mut map);
        self.contained(&mut map, depth);
        // Last of what is about the value itself, as both read all that was joined.
        if !self.values(&mut map) || !dead::without_dead_types(&mut map) {
            return Value::Bool(false);
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = map.remove(name) {
                match self.choice(&map, name, branches, depth) {
                    Chosen::Nothing => return Value::Bool(false),
                    Chosen::Anything => {}
                    Chosen::Only(branch) => {
                        add_part(&mut map, branch);
                        // Its keywords may meet with those beside it, and all begins anew.
                        return self.settled(map, depth);
                    }
                    Chosen::Among(name, branches) => {
                        map.insert(name.to_owned(), Value::Array(branches));
                    }
                }
            }
        }
        Value::Object(map)
    }

    /// Puts the parts of `allOf` into the schema itself; whether anything is left that fits.
    fn parts(&self, map: &mut Keywords, depth: usize) -> bool {
        let Some(Value::Array(mut parts)) = map.remove("allOf") else {
            return true;
        };
        parts.reverse();
        let mut left = Vec::new();
        while let Some(part) = parts.pop() {
            match part {
                Value::Bool(false) => return false,
                part if is_anything(&part) => {}
                Value::Object(mut part) => {
                    if let Some(Value::Array(own)) = part.remove("allOf") {
                        parts.extend(own.into_iter().rev());
                    }
                    // A mark speaks of its own part: joined, it would make all of it unknown.
                    if part.contains_key(MARK) {
                        left.push(Value::Object(part));
                        continue;
                    }
                    let kept = self.join(map, part, depth);
                    if !kept.is_empty() {
                        left.push(Value::Object(kept));
                    }
                }
                part => left.push(part),
            }
        }
        if !left.is_empty() {
            map.insert("allOf".to_owned(), Value::Array(left));
        }
        true
    }

    /// Says that a list contains nothing of what no element of it can be.
    fn contained(&self, map: &mut Keywords, depth: usize) {
        if let (Some(contained), Some(items), None) = (
            map.get("contains"),
            map.get("items"),
            map.get("prefixItems"),
        ) && self.both(contained, items, depth) == Value::Bool(false)
        {
            map.insert("contains".to_owned(), Value::Bool(false));
        }
    }

    /// Leaves out listed values that the rest refuses; whether any is left.
    fn values(&self, map: &mut Keywords) -> bool {
        let Some(Value::Array(values)) = map.get("enum") else {
            return true;
        };
        // Nothing beside it could refuse any.
        let is_alone = map.keys().all(|name| name == "enum");
        let whole = Value::Object(map.clone());
        // A validator would leave out marks, and has no definitions here.
        let is_read = !is_marked(&whole) && !mentions_reference(&whole);
        if values.is_empty() {
            return false;
        }
        if is_alone || !is_read || values.len() > MAX_VALUES {
            return true;
        }
        if !self.steps.take(4 * weight(&whole)) {
            return true;
        }
        let Some(judge) = CompiledSchema::of(&whole) else {
            return true;
        };
        let mut values = values.clone();
        values.retain(|value| judge.accepts(value));
        let any = !values.is_empty();
        // Values that all the rest accepts need no more than to be listed.
        map.retain(|name, _| name == "type");
        map.insert("enum".to_owned(), Value::Array(values));
        any
    }

    /// The branches that can hold beside the rest.
    fn choice(
        &self,
        map: &Keywords,
        name: &'static str,
        branches: Vec<Value>,
        depth: usize,
    ) -> Chosen {
        let excludes = name == "oneOf";
        let beside = siblings(map);
        let mut left = Vec::new();
        for branch in branches {
            // In a `oneOf`, a branch that takes all refuses what the others take.
            if is_anything(&branch) && !excludes {
                return Chosen::Anything;
            }
            // Equal branches of a `oneOf` refuse each other, and both must stay.
            if self.can_hold(&beside, &branch, depth) && (excludes || !left.contains(&branch)) {
                left.push(branch);
            }
        }
        if left.len() < 2 {
            return left.pop().map_or(Chosen::Nothing, Chosen::Only);
        }
        // Beside another choice the two would have to be put together.
        let is_free =
            excludes && !map.contains_key("anyOf") && one_of_is_any_of(&Value::Array(left.clone()));
        Chosen::Among(if is_free { "anyOf" } else { name }, left)
    }

    /// Whether a branch is not plainly impossible beside the rest.
    fn can_hold(&self, beside: &Keywords, branch: &Value, depth: usize) -> bool {
        let Value::Object(part) = branch else {
            return branch != &Value::Bool(false);
        };
        // Deeper than that, whatever is not known to be impossible is kept.
        if beside.is_empty() || depth >= MAX_MEETING_DEPTH {
            return true;
        }
        // The siblings are taken as they are for each branch, and wide ones cost as much each time.
        let whole = beside.values().map(weight).sum::<u64>() + weight(branch);
        if !self.steps.take(whole) {
            return true;
        }
        let mut both = beside.clone();
        let part = siblings(part);
        // What cannot be joined is left aside, which only makes more possible.
        let _ = self.join(&mut both, part, depth + 1);
        require_together(&mut both);
        self.values(&mut both) && dead::without_dead_types(&mut both)
    }
}

/// A condition that always holds, or never.
fn settle_condition(map: &mut Keywords) {
    let holds = match map.get("if") {
        Some(Value::Bool(holds)) => *holds,
        Some(Value::Object(all)) if all.is_empty() => true,
        // Anything else depends on the value.
        _ => return,
    };
    map.remove("if");
    let (then, otherwise) = (map.remove("then"), map.remove("else"));
    if let Some(part) = if holds { then } else { otherwise } {
        add_part(map, part);
    }
}

/// Requires what is to be sent with something that is required.
fn require_together(map: &mut Keywords) {
    let Some(Value::Object(together)) = map.get("dependentRequired") else {
        return;
    };
    let mut required = names(map.get("required"));
    let before = required.len();
    // What is required now may require more.
    loop {
        let more = together.iter().filter(|(name, _)| required.contains(*name));
        let more = more.flat_map(|(_, more)| names(Some(more)));
        let more = more
            .filter(|name| !required.contains(name))
            .collect::<BTreeSet<_>>();
        if more.is_empty() {
            break;
        }
        required.extend(more);
    }
    if required.len() > before {
        map.insert("required".to_owned(), json!(required));
    }
}

/// What becomes of a choice.
enum Chosen {
    Nothing,
    Anything,
    Only(Value),
    Among(&'static str, Vec<Value>),
}

/// What a schema says by itself, choices and parts aside.
fn siblings(map: &Keywords) -> Keywords {
    let mut map = map.clone();
    map.retain(|name, _| {
        !matches!(
            name.as_str(),
            "anyOf" | "oneOf" | "allOf" | "not" | "$ref" | "if" | "then" | "else" | MARK
        )
    });
    map
}

/// Adds a schema that holds as well.
fn add_part(map: &mut Keywords, part: Value) {
    match map.get_mut("allOf") {
        Some(Value::Array(parts)) => parts.push(part),
        _ => {
            map.insert("allOf".to_owned(), json!([part]));
        }
    }
}

fn names(list: Option<&Value>) -> BTreeSet<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests;
