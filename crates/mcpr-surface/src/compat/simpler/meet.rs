//! The keywords of two schemas that both hold, put together keyword by keyword.

use super::{Keywords, Simplifier, names};
use crate::canonical::exact_text;
use serde_json::{Map, Number, Value, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Keywords that read one another: they are joined together or not at all.
const OBJECTS: &[&str] = &["properties", "patternProperties", "additionalProperties"];
const LISTS: &[&str] = &["prefixItems", "items"];
const CONTAINS: &[&str] = &["contains", "minContains", "maxContains"];
const CONDITION: &[&str] = &["if", "then", "else"];

/// The largest whole number up to which floating-point numbers distinguish neighbours.
// Two to the power of 53.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl Simplifier<'_> {
    /// Joins a part to a schema; gives what of it has to stay a part.
    pub(super) fn join(&self, map: &mut Keywords, mut part: Keywords, depth: usize) -> Keywords {
        let mut left = Map::new();
        for group in [OBJECTS, LISTS, CONTAINS, CONDITION] {
            let theirs = taken(&mut part, group);
            let ours = group.iter().filter_map(|name| map.get_key_value(*name));
            let ours = ours
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect::<Keywords>();
            // The same on both sides, or nothing to add.
            if theirs.is_empty() || theirs == ours {
                continue;
            }
            let joined = match group[0] {
                // Nothing of ours reads them.
                _ if ours.is_empty() => Some(theirs.clone()),
                "properties" => self.join_objects(&ours, &theirs, depth),
                "prefixItems" => Some(self.join_lists(&ours, &theirs, depth)),
                // Two conditions, or two demands on what is contained, cannot be one.
                _ => None,
            };
            match joined {
                Some(joined) => map.extend(joined),
                None => left.extend(theirs),
            }
        }
        for (name, value) in part {
            let joined = match map.get(&name) {
                None => Some(value.clone()),
                Some(there) if *there == value => continue,
                Some(there) => self.joined(&name, there, &value, depth),
            };
            match joined {
                Some(joined) => map.insert(name, joined),
                // It stays a part, which says the same less plainly.
                None => left.insert(name, value),
            };
        }
        left
    }

    /// Two values of one keyword as one; none where that is not plain.
    fn joined(&self, name: &str, one: &Value, other: &Value, depth: usize) -> Option<Value> {
        match (name, one, other) {
            ("type", one, other) => Some(common_types(one, other)),
            ("enum", Value::Array(one), Value::Array(other)) => {
                // By exact texts: `1` and `1.0` are one value, large integers are not.
                let texts = other.iter().map(exact_text).collect::<BTreeSet<_>>();
                let both = one
                    .iter()
                    .filter(|value| texts.contains(&exact_text(value)));
                Some(both.cloned().collect())
            }
            ("required", _, _) => {
                let mut all = names(Some(one));
                all.extend(names(Some(other)));
                Some(json!(all))
            }
            ("dependentRequired", Value::Object(one), Value::Object(other)) => {
                let mut all = one.clone();
                for (name, more) in other {
                    let mut together = names(all.get(name));
                    together.extend(names(Some(more)));
                    all.insert(name.clone(), json!(together));
                }
                Some(Value::Object(all))
            }
            ("propertyNames", one, other) => Some(self.both(one, other, depth)),
            (
                // Of two lower limits, the higher one holds.
                "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties",
                Value::Number(one),
                Value::Number(other),
            ) => Some(Value::Number(if order(one, other)? == Ordering::Less {
                other.clone()
            } else {
                one.clone()
            })),
            (
                // Of two upper limits, the lower one holds.
                "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties",
                Value::Number(one),
                Value::Number(other),
            ) => Some(Value::Number(if order(one, other)? == Ordering::Less {
                one.clone()
            } else {
                other.clone()
            })),
            _ => None,
        }
    }

    /// Name by name; none where patterns show which names are meant.
    fn join_objects(&self, one: &Keywords, other: &Keywords, depth: usize) -> Option<Keywords> {
        if [one, other]
            .iter()
            .any(|side| side.contains_key("patternProperties"))
        {
            return None;
        }
        let rest = |side: &Keywords| side.get("additionalProperties").cloned();
        let own = |side: &Keywords, name: &str| {
            let own = side.get("properties").and_then(|all| all.get(name));
            // A name that one side does not declare falls under its rule for the rest.
            own.cloned().or_else(|| rest(side)).unwrap_or(json!(true))
        };
        let declared = |side: &Keywords| match side.get("properties") {
            Some(Value::Object(all)) => all.keys().cloned().collect::<BTreeSet<_>>(),
            _ => BTreeSet::new(),
        };
        let mut all = declared(one);
        all.extend(declared(other));
        let all = all.into_iter().map(|name| {
            let both = self.both(&own(one, &name), &own(other, &name), depth);
            (name, both)
        });
        let mut made = Map::new();
        made.insert("properties".to_owned(), Value::Object(all.collect()));
        let rests = (rest(one), rest(other));
        let rest = match rests {
            (Some(one), Some(other)) => Some(self.both(&one, &other, depth)),
            (one, other) => one.or(other),
        };
        made.extend(rest.map(|rest| ("additionalProperties".to_owned(), rest)));
        Some(made)
    }

    /// Place by place.
    fn join_lists(&self, one: &Keywords, other: &Keywords, depth: usize) -> Keywords {
        let tuple = |side: &Keywords| match side.get("prefixItems") {
            Some(Value::Array(tuple)) => tuple.clone(),
            _ => Vec::new(),
        };
        let rest = |side: &Keywords| side.get("items").cloned().unwrap_or(json!(true));
        let (tuples, rests) = ((tuple(one), tuple(other)), (rest(one), rest(other)));
        let places = (0..tuples.0.len().max(tuples.1.len())).map(|at| {
            let one = tuples.0.get(at).unwrap_or(&rests.0);
            // Past the end of a tuple, `items` speaks.
            let other = tuples.1.get(at).unwrap_or(&rests.1);
            self.both(one, other, depth)
        });
        let places = places.collect::<Vec<_>>();
        let mut made = Map::new();
        if !places.is_empty() {
            made.insert("prefixItems".to_owned(), Value::Array(places));
        }
        made.insert("items".to_owned(), self.both(&rests.0, &rests.1, depth));
        made
    }
}

fn taken(map: &mut Keywords, group: &[&str]) -> Keywords {
    let all = group.iter();
    all.filter_map(|name| Some(((*name).to_owned(), map.remove(*name)?)))
        .collect()
}

/// The types that both allow; an integer is a number.
fn common_types(one: &Value, other: &Value) -> Value {
    let list = |types: &Value| match types {
        Value::Array(all) => all
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        Value::String(only) => vec![only.clone()],
        _ => Vec::new(),
    };
    let (one, other) = (list(one), list(other));
    // `integer` is allowed where `number` is, but not the reverse.
    let allows = |all: &[String], name: &str| {
        let is_it = |one: &String| one == name || (one == "number" && name == "integer");
        all.iter().any(is_it)
    };
    let mut both = one
        .iter()
        .filter(|name| allows(&other, name))
        .cloned()
        .collect::<BTreeSet<_>>();
    both.extend(other.iter().filter(|name| allows(&one, name)).cloned());
    // The wider of the two says both.
    if both.contains("number") {
        both.remove("integer");
    }
    match both.len() {
        1 => json!(both.first()),
        _ => json!(both),
    }
}

/// How two numbers compare, where that is known exactly.
pub(super) fn order(one: &Number, other: &Number) -> Option<Ordering> {
    let whole = |number: &Number| {
        let signed = number.as_i64().map(i128::from);
        signed.or_else(|| number.as_u64().map(i128::from))
    };
    if let (Some(one), Some(other)) = (whole(one), whole(other)) {
        return Some(one.cmp(&other));
    }
    let exact = |number: &Number| number.as_f64().filter(|value| value.abs() < MAX_EXACT);
    exact(one)?.partial_cmp(&exact(other)?)
}
