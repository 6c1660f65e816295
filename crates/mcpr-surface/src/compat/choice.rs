//! Alternatives of which a value may fit several at once: which of them, taken together, declare
//! more about it than each does alone. Reads only; a set that is left out adds nothing.

use super::declared::{DeclaredNames, Definitions};
use super::steps::StepBudget;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How many sets of alternatives are reported.
const MAX_SETS: usize = 100;

/// How many references are followed to find what an alternative says.
const MAX_PARTS: usize = 40;

/// The branches of a choice.
pub(super) struct Choice<'a> {
    branches: Vec<Branch<'a>>,
}

struct Branch<'a> {
    /// What it declares, without the names that are declared beside all branches.
    names: DeclaredNames,
    /// All that it demands in any case.
    parts: Vec<&'a Map<String, Value>>,
    /// The properties it describes in more than a word, with their schemas.
    described: Vec<(&'a str, &'a Value)>,
}

impl<'a> Choice<'a> {
    /// None when there are no steps for the names that the branches declare.
    pub(super) fn of(
        branches: &'a [Value],
        outer: &DeclaredNames,
        defs: Definitions<'a>,
        steps: &StepBudget,
    ) -> Option<Self> {
        let branch = |schema| {
            let mut names = defs.names(schema);
            // What stands beside the choice is declared on every branch, and adds nothing to a set.
            names.remove(outer);
            names.rest |= outer.rest;
            if !steps.take(names.count() as u64) {
                return None;
            }
            let parts = parts_of(schema, defs);
            let properties = parts
                .iter()
                .filter_map(|part| part.get("properties")?.as_object());
            let described = properties
                .flatten()
                .map(|(name, schema)| (name.as_str(), schema));
            let elements = ["items", "additionalProperties"].into_iter();
            let elements = elements.flat_map(|name| {
                let all = parts.iter().filter_map(move |part| part.get(name));
                all.map(move |schema| (name, schema))
            });
            // A property that is called so too may only add a set that adds nothing.
            let described = described
                .chain(elements)
                .filter(|(_, schema)| !is_flat(schema));
            Some(Branch {
                names,
                described: described.collect(),
                parts,
            })
        };
        let branches = branches.iter().map(branch).collect::<Option<_>>()?;
        Some(Self { branches })
    }

    /// Sets of two and more that may hold together and declare more than any of them without one
    /// member; none when there are too many.
    pub(super) fn held_together(&self) -> Option<Vec<Vec<usize>>> {
        let count = self.branches.len();
        let can_meet = |a: usize, b: usize| !excludes(&self.branches[a], &self.branches[b]);
        let mut sets = Vec::new();
        let mut last: Vec<Vec<usize>> = (0..count).map(|at| vec![at]).collect();
        let mut looks = 0;
        while !last.is_empty() {
            let mut next = Vec::new();
            for set in &last {
                // Only those after the last member, so that each set is made once.
                for more in set.last().map_or(0, |last| last + 1)..count {
                    looks += 1;
                    // Many branches that never meet make no sets, but are looked at all the same.
                    if looks > MAX_SETS * 50 {
                        return None;
                    }
                    let mut wider = set.clone();
                    wider.push(more);
                    if set.iter().all(|at| can_meet(*at, more)) && self.adds(&wider) {
                        next.push(wider);
                    }
                }
            }
            sets.extend(next.iter().cloned());
            // Too many sets to close one by one: the caller has to do without.
            if sets.len() > MAX_SETS {
                return None;
            }
            last = next;
        }
        Some(sets)
    }

    /// Whether every member declares something that the others do not, or describes more closely
    /// what another describes as well.
    fn adds(&self, set: &[usize]) -> bool {
        set.iter().all(|at| {
            let own = &self.branches[*at];
            let others = set.iter().filter(|other| *other != at);
            let mut others = others.map(|other| &self.branches[*other]);
            // A description that differs narrows the value, although the name is declared already.
            !own.names
                .are_covered_by(&others.clone().map(|other| &other.names))
                || others.any(|other| describe_otherwise(own, other))
        })
    }
}

/// Whether two branches describe one property in two ways.
fn describe_otherwise(one: &Branch<'_>, other: &Branch<'_>) -> bool {
    one.described.iter().any(|(name, schema)| {
        let mut others = other.described.iter();
        others.any(|(another, described)| another == name && described != schema)
    })
}

/// Whether nothing in a schema declares names, so that closing it changes nothing.
fn is_flat(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            let declares = [
                "properties",
                "patternProperties",
                "required",
                "dependentRequired",
                "dependentSchemas",
                "$ref",
            ];
            !declares.iter().any(|name| map.contains_key(*name)) && map.values().all(is_flat)
        }
        Value::Array(list) => list.iter().all(is_flat),
        _ => true,
    }
}

/// A schema and all that holds with it, references followed.
fn parts_of<'a>(schema: &'a Value, defs: Definitions<'a>) -> Vec<&'a Map<String, Value>> {
    let (mut rest, mut parts) = (vec![schema], Vec::new());
    let mut visited = BTreeSet::new();
    while let Some(schema) = rest.pop() {
        // `true` and `false` demand nothing by name.
        let Value::Object(map) = schema else {
            continue;
        };
        // What is left out only makes two branches look as if they could meet.
        if parts.len() >= MAX_PARTS {
            break;
        }
        parts.push(map);
        rest.extend(
            map.get("allOf")
                .and_then(Value::as_array)
                .into_iter()
                .flatten(),
        );
        let target = map.get("$ref").and_then(|name| defs.target(name));
        // A reference may lead back to where it came from.
        if let Some((name, body)) = target
            && visited.insert(name)
        {
            rest.push(body);
        }
    }
    parts
}

/// Whether no object fits both, as far as types and a common tag show.
fn excludes(one: &Branch<'_>, other: &Branch<'_>) -> bool {
    let allows_objects = |branch: &Branch<'_>| branch.parts.iter().all(|part| allows_object(part));
    // Other values have no properties to declare; lists of objects may.
    let has_elements = |branch: &Branch<'_>| branch.parts.iter().all(|part| allows_array(part));
    let can_be_objects = allows_objects(one) && allows_objects(other);
    let can_be_lists = has_elements(one) && has_elements(other);
    !(can_be_lists || can_be_objects && !tags_differ(one, other))
}

fn allows(part: &Map<String, Value>, name: &str) -> bool {
    match part.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.iter().any(|one| one == name),
        _ => true,
    }
}

fn allows_object(part: &Map<String, Value>) -> bool {
    let is_listed = |values: &Value| {
        let mut values = values.as_array().into_iter().flatten();
        values.any(Value::is_object)
    };
    allows(part, "object") && part.get("enum").is_none_or(is_listed)
}

fn allows_array(part: &Map<String, Value>) -> bool {
    let is_listed = |values: &Value| {
        let mut values = values.as_array().into_iter().flatten();
        values.any(Value::is_array)
    };
    allows(part, "array") && part.get("enum").is_none_or(is_listed)
}

/// Whether a property that one of them demands has texts here and there of which none is common.
fn tags_differ(one: &Branch<'_>, other: &Branch<'_>) -> bool {
    let demands = |branch: &Branch<'_>, name: &str| {
        branch.parts.iter().any(|part| {
            let list = part.get("required").and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|one| one == name))
        })
    };
    tags(one).any(|(name, values)| {
        let others = tags(other).filter(|(another, _)| another == &name);
        // One that is optional may be left out, and then distinguishes nothing.
        let is_sent = demands(one, name) || demands(other, name);
        is_sent
            && others
                .into_iter()
                .any(|(_, others)| values.iter().all(|one| !others.contains(one)))
    })
}

/// The properties that have listed texts only.
fn tags<'a>(branch: &Branch<'a>) -> impl Iterator<Item = (&'a String, &'a Vec<Value>)> {
    let properties = branch
        .parts
        .clone()
        .into_iter()
        .filter_map(|part| part.get("properties")?.as_object());
    properties.flatten().filter_map(|(name, schema)| {
        let values = schema.get("enum")?.as_array()?;
        values
            .iter()
            .all(Value::is_string)
            .then_some((name, values))
    })
}
