//! Types of which no value fits what else is demanded: they go, and with them the keywords that speak
//! of nothing else. Never takes away a type of which some value fits.

use super::meet::order;
use super::{Keywords, names};
use crate::compat::engine::CompiledSchema;
use crate::compat::structure::mentions_reference;
use crate::compat::unknown::is_marked;
use serde_json::{Number, Value, json};
use std::cmp::Ordering;

/// The types, and the keywords that speak of each alone.
const ABOUT: &[(&str, &[&str])] = &[
    (
        "array",
        &[
            "prefixItems",
            "items",
            "minItems",
            "maxItems",
            "uniqueItems",
            "contains",
            "minContains",
            "maxContains",
        ],
    ),
    ("boolean", &[]),
    ("null", &[]),
    (
        "number",
        &[
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
        ],
    ),
    (
        "object",
        &[
            "properties",
            "patternProperties",
            "additionalProperties",
            "required",
            "minProperties",
            "maxProperties",
            "propertyNames",
            "dependentRequired",
            "dependentSchemas",
        ],
    ),
    ("string", &["pattern", "minLength", "maxLength"]),
];

/// Leaves out what is impossible; whether anything is possible.
pub(super) fn without_dead_types(map: &mut Keywords) -> bool {
    // Without a word, all types are allowed.
    let is_open = !map.contains_key("type");
    let types = match map.get("type") {
        Some(Value::String(only)) => vec![only.clone()],
        Some(Value::Array(all)) => {
            let all = all.iter().filter_map(Value::as_str);
            all.map(str::to_owned).collect()
        }
        _ => ABOUT.iter().map(|(name, _)| (*name).to_owned()).collect(),
    };
    let mut alive = types.clone();
    alive.retain(|name| !is_dead(map, name));
    if alive.is_empty() {
        return false;
    }
    if alive.len() < types.len() {
        let left = match alive.as_slice() {
            [only] => json!(only),
            _ => json!(alive),
        };
        map.insert("type".to_owned(), left);
    }
    // Where every type is alive and none was named, all keywords still speak of something.
    if alive.len() < types.len() || !is_open {
        let is_alive = |name: &str| {
            // Keywords about numbers hold for integers too.
            let is_it = |one: &String| one == name || (one == "integer" && name == "number");
            alive.iter().any(is_it)
        };
        for (_, keywords) in ABOUT.iter().filter(|(name, _)| !is_alive(name)) {
            map.retain(|keyword, _| !keywords.contains(&keyword.as_str()));
        }
    }
    true
}

fn is_dead(map: &Keywords, name: &str) -> bool {
    match name {
        "integer" | "number" => no_number_fits(map, name == "integer"),
        // That no text matches a pattern is not asked here: it takes an automaton.
        "string" => crosses(map, "minLength", "maxLength"),
        "array" => crosses(map, "minItems", "maxItems") || no_list_fits(map),
        "object" => crosses(map, "minProperties", "maxProperties") || no_object_fits(map),
        _ => false,
    }
}

fn count(map: &Keywords, name: &str) -> Option<u64> {
    map.get(name).and_then(Value::as_u64)
}

/// Whether a lower count is above the upper one.
fn crosses(map: &Keywords, low: &str, high: &str) -> bool {
    let bounds = (count(map, low), count(map, high));
    matches!(bounds, (Some(low), Some(high)) if low > high)
}

fn no_number_fits(map: &Keywords, only_whole: bool) -> bool {
    let bound = |name: &str| match map.get(name) {
        Some(Value::Number(number)) => Some(number),
        _ => None,
    };
    let is_over = |low: &str, high: &str, also: Option<Ordering>| {
        let compared = bound(low).zip(bound(high));
        let compared = compared.and_then(|(low, high)| order(low, high));
        compared.is_some_and(|order| order == Ordering::Greater || Some(order) == also)
    };
    // Where a bound is excluded, equal bounds leave nothing either.
    let equal = Some(Ordering::Equal);
    let is_empty = is_over("minimum", "maximum", None)
        || is_over("minimum", "exclusiveMaximum", equal)
        || is_over("exclusiveMinimum", "maximum", equal)
        || is_over("exclusiveMinimum", "exclusiveMaximum", equal);
    is_empty || (only_whole && no_whole_fits(bound))
}

/// Whether no integer lies between bounds that are exact.
fn no_whole_fits<'a>(bound: impl Fn(&str) -> Option<&'a Number>) -> bool {
    // Beyond, rounding could lose an integer that fits.
    let small = |name: &str| bound(name)?.as_f64().filter(|value| value.abs() < 1e15);
    let inner = [
        small("minimum").map(f64::ceil),
        small("exclusiveMinimum").map(|value| value.floor() + 1.0),
    ];
    let outer = [
        small("maximum").map(f64::floor),
        small("exclusiveMaximum").map(|value| value.ceil() - 1.0),
    ];
    let low = inner.into_iter().flatten().reduce(f64::max);
    let high = outer.into_iter().flatten().reduce(f64::min);
    matches!((low, high), (Some(low), Some(high)) if low > high)
}

fn no_list_fits(map: &Keywords) -> bool {
    let nothing = Value::Bool(false);
    let tuple = map.get("prefixItems").and_then(Value::as_array);
    let tuple = tuple.map_or(&[][..], Vec::as_slice);
    let least = count(map, "minItems").unwrap_or(0);
    let place = |at: u64| {
        let own = usize::try_from(at).ok().and_then(|at| tuple.get(at));
        own.or_else(|| map.get("items"))
    };
    // One past the tuple stands for all that follow.
    let looked_at = least.min(tuple.len() as u64 + 1);
    // By the standard one element must match, unless another number is given.
    let demands = count(map, "minContains").unwrap_or(1) > 0;
    let lacks = map.contains_key("contains")
        && demands
        && (map.get("contains") == Some(&nothing)
            || count(map, "maxItems") == Some(0)
            || (tuple.is_empty() && map.get("items") == Some(&nothing)));
    lacks || (0..looked_at).any(|at| place(at) == Some(&nothing))
}

fn no_object_fits(map: &Keywords) -> bool {
    let required = names(map.get("required"));
    let nothing = Value::Bool(false);
    let has_patterns = map.contains_key("patternProperties");
    let properties = map.get("properties").and_then(Value::as_object);
    let own = |name: &str| properties.and_then(|all| all.get(name));
    // A name that is not declared may match a pattern, which is not looked into.
    let rest = map.get("additionalProperties").filter(|_| !has_patterns);
    let is_impossible = |name: &String| own(name).or(rest) == Some(&nothing);
    let is_misnamed = |name: &String| {
        map.get("propertyNames")
            .is_some_and(|all| refuses(all, name))
    };
    let possible = properties
        .into_iter()
        .flatten()
        .filter(|(name, one)| *one != &nothing && !is_misnamed(name));
    // With the rest refused, no more properties can be sent than are declared.
    let most = (rest == Some(&nothing)).then(|| possible.count() as u64);
    let most = most.into_iter().chain(count(map, "maxProperties")).min();
    let least = count(map, "minProperties").unwrap_or(0);
    let least = least.max(required.len() as u64);
    most.is_some_and(|most| most < least)
        || required
            .iter()
            .any(|name| is_impossible(name) || is_misnamed(name))
}

/// Whether a name is surely refused.
fn refuses(names: &Value, name: &str) -> bool {
    // What is not known, or not read here, refuses nothing for sure.
    !is_marked(names)
        && !mentions_reference(names)
        && CompiledSchema::of(names).is_some_and(|judge| !judge.accepts(&json!(name)))
}
