//! The rules about one value: types, enumerations, bounds, and the words around them.

use super::places::{Patch, SchemaChange, SchemaPair};
use super::table::RuleId;
use crate::compat::combine::type_of;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;

type Keywords = Map<String, Value>;

const TYPES: [&str; 6] = ["array", "boolean", "null", "number", "object", "string"];

/// The types a schema allows; integers stand apart from other numbers.
fn types_of(map: &Keywords) -> BTreeSet<&str> {
    let mut types: BTreeSet<_> = match map.get("type") {
        Some(Value::String(name)) => [name.as_str()].into(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => TYPES.into(),
    };
    // Every integer is a number: where numbers are taken, losing `integer` loses nothing.
    if types.contains("number") {
        types.insert("integer");
    }
    types
}

pub(super) fn types(
    pair: &SchemaPair<'_>,
    old: &Keywords,
    new: &Keywords,
    changes: &mut Vec<SchemaChange>,
) {
    let (before, after) = (types_of(old), types_of(new));
    let (lost, gained) = (&before - &after, &after - &before);
    let rule = match (lost.is_empty(), gained.is_empty()) {
        (true, true) => return,
        // Null alone is how a parameter becomes optional in many languages, and has rules of its
        // own.
        (true, false) if gained == ["null"].into() => RuleId::NullAdded,
        (false, true) if lost == ["null"].into() => RuleId::NullRemoved,
        (true, false) => RuleId::TypeWidened,
        (false, true) => RuleId::TypeNarrowed,
        (false, false) => RuleId::TypeChanged,
    };
    let is_about_null = matches!(rule, RuleId::NullAdded | RuleId::NullRemoved);
    // An enumeration that says null goes with the type that says it.
    let both = |map: &Keywords| map.contains_key("enum");
    let patch = if is_about_null && both(old) && both(new) && differ_by_null(old, new) {
        Patch::keywords(&["type", "enum"])
    } else {
        Patch::keywords(&["type"])
    };
    changes.push(
        pair.change(rule, &["type"], patch)
            .from(old.get("type"))
            .to(new.get("type")),
    );
}

fn values_of(map: &Keywords) -> Option<&Vec<Value>> {
    map.get("enum")?.as_array()
}

fn differ_by_null(old: &Keywords, new: &Keywords) -> bool {
    let values = |map: &Keywords| {
        let values = values_of(map)
            .into_iter()
            .flatten()
            .filter(|value| !value.is_null());
        values.map(ToString::to_string).collect::<BTreeSet<_>>()
    };
    values(old) == values(new)
}

pub(super) fn values(
    pair: &SchemaPair<'_>,
    old: &Keywords,
    new: &Keywords,
    changes: &mut Vec<SchemaChange>,
) {
    let patch = || Patch::keywords(&["enum"]);
    let (before, after) = match (values_of(old), values_of(new)) {
        (None, None) => return,
        (None, Some(_)) => {
            changes.push(
                pair.change(RuleId::EnumIntroduced, &["enum"], patch())
                    .to(new.get("enum")),
            );
            return;
        }
        (Some(_), None) => {
            changes.push(
                pair.change(RuleId::EnumDropped, &["enum"], patch())
                    .from(old.get("enum")),
            );
            return;
        }
        (Some(before), Some(after)) => (before, after),
    };
    // Null that went or came with the type is reported there.
    let is_reported = |value: &Value| value.is_null() && old.get("type") != new.get("type");
    let only_in = |one: &[Value], other: &[Value]| {
        let mine = one
            .iter()
            .filter(|value| !other.contains(value) && !is_reported(value));
        mine.cloned().collect::<Vec<_>>()
    };
    let (lost, gained) = (only_in(before, after), only_in(after, before));
    if !lost.is_empty() {
        let change = pair.change(RuleId::EnumValueRemoved, &["enum"], patch());
        changes.push(change.from(Some(&json!(lost))));
    }
    if !gained.is_empty() {
        // Readers may expect more values of a kind they know; another kind, or none of the old, is
        // another enumeration.
        let keeps_some = before.iter().any(|value| after.contains(value));
        let is_known = |value: &Value| before.iter().any(|old| type_of(old) == type_of(value));
        let rule = if keeps_some && gained.iter().all(is_known) {
            RuleId::EnumValueAdded
        } else {
            RuleId::EnumKindAdded
        };
        let change = pair.change(rule, &["enum"], patch());
        changes.push(change.to(Some(&json!(gained))));
    }
}

pub(super) fn bounds(
    pair: &SchemaPair<'_>,
    old: &Keywords,
    new: &Keywords,
    changes: &mut Vec<SchemaChange>,
) {
    const PAIRS: &[(RuleId, RuleId, &[&str])] = &[
        (
            RuleId::RangeTightened,
            RuleId::RangeLoosened,
            &["minimum", "exclusiveMinimum"],
        ),
        (
            RuleId::RangeTightened,
            RuleId::RangeLoosened,
            &["maximum", "exclusiveMaximum"],
        ),
        (
            RuleId::LengthTightened,
            RuleId::LengthLoosened,
            &["minLength"],
        ),
        (
            RuleId::LengthTightened,
            RuleId::LengthLoosened,
            &["maxLength"],
        ),
        (RuleId::CountTightened, RuleId::CountLoosened, &["minItems"]),
        (RuleId::CountTightened, RuleId::CountLoosened, &["maxItems"]),
        (
            RuleId::CountTightened,
            RuleId::CountLoosened,
            &["minProperties"],
        ),
        (
            RuleId::CountTightened,
            RuleId::CountLoosened,
            &["maxProperties"],
        ),
    ];
    for (tightened, loosened, names) in PAIRS {
        // The names of a row are all lower limits, or all upper ones.
        let is_lower = names[0].starts_with("min");
        let limit = |map: &Keywords| limit_of(map, names, is_lower);
        let order = compare(limit(old), limit(new), is_lower);
        // Only where doubles say equal: large whole limits lose digits in them.
        let order = order.then_with(|| compare_whole(old, new, names));
        let rule = match order {
            Ordering::Equal => continue,
            Ordering::Less => *tightened,
            Ordering::Greater => *loosened,
        };
        let in_use = |map: &Keywords| names.iter().find(|name| map.contains_key(**name)).copied();
        // The keyword as it stands now, or stood before.
        let name = in_use(new).or(in_use(old)).unwrap_or(names[0]);
        let value = |map: &Keywords| in_use(map).and_then(|name| map.get(name).cloned());
        let change = pair.change(rule, &[name], Patch::keywords(names));
        changes.push(change.from(value(old).as_ref()).to(value(new).as_ref()));
    }
    demands(pair, old, new, changes);
}

/// Keywords that are there or not, or say something else.
fn demands(pair: &SchemaPair<'_>, old: &Keywords, new: &Keywords, changes: &mut Vec<SchemaChange>) {
    for (name, rule_added, rule_removed, rule_changed) in [
        (
            "multipleOf",
            RuleId::StepChanged,
            RuleId::StepChanged,
            RuleId::StepChanged,
        ),
        (
            "pattern",
            RuleId::PatternAdded,
            RuleId::PatternRemoved,
            RuleId::PatternChanged,
        ),
        (
            "uniqueItems",
            RuleId::UniqueItemsAdded,
            RuleId::UniqueItemsRemoved,
            RuleId::UniqueItemsAdded,
        ),
    ] {
        let value = |map: &Keywords| {
            map.get(name)
                // `uniqueItems: false` asks for nothing, as if it were not there.
                .filter(|value| *value != &json!(false))
                .cloned()
        };
        let (before, after) = (value(old), value(new));
        let rule = match (&before, &after) {
            (None, Some(_)) => rule_added,
            (Some(_), None) => rule_removed,
            (before, after) if before == after => continue,
            _ => rule_changed,
        };
        let change = pair.change(rule, &[name], Patch::Keywords(vec![name]));
        changes.push(change.from(before.as_ref()).to(after.as_ref()));
    }
}

/// A bound on a number, a length or a count.
#[derive(Clone, Copy)]
struct Limit {
    value: f64,
    /// Whether the value itself is out of bounds.
    is_exclusive: bool,
}

fn limit_of(map: &Keywords, names: &[&str], is_lower: bool) -> Option<Limit> {
    let plain = names
        .first()
        .and_then(|name| map.get(*name)?.as_f64())
        .map(|value| Limit {
            value,
            is_exclusive: false,
        });
    let exclusive = names
        .get(1)
        .and_then(|name| map.get(*name)?.as_f64())
        .map(|value| Limit {
            value,
            is_exclusive: true,
        });
    // A least length of 0 asks for nothing; a least value of 0 does.
    let plain = plain.filter(|limit| names.len() > 1 || !is_lower || limit.value > 0.0);
    // Of a limit and an exclusive one, the tighter counts.
    match (plain, exclusive) {
        (Some(one), Some(two)) => {
            let first = if is_lower {
                one.value > two.value
            } else {
                one.value < two.value
            };
            Some(if first { one } else { two })
        }
        (one, two) => one.or(two),
    }
}

/// The same for whole limits that are too large to be distinguished as floating point numbers.
fn compare_whole(old: &Keywords, new: &Keywords, names: &[&str]) -> Ordering {
    let whole = |map: &Keywords, name: &str| {
        let value = map.get(name)?;
        let signed = value.as_i64().map(i128::from);
        signed.or_else(|| value.as_u64().map(i128::from))
    };
    let orders = names.iter().filter_map(|name| {
        let order = whole(new, name)?.cmp(&whole(old, name)?);
        Some(if names[0].starts_with("min") {
            order.reverse()
        } else {
            order
        })
    });
    orders.fold(Ordering::Equal, Ordering::then)
}

/// `Less` when the new limit leaves less.
fn compare(old: Option<Limit>, new: Option<Limit>, is_lower: bool) -> Ordering {
    match (old, new) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(old), Some(new)) => {
            let order = new.value.partial_cmp(&old.value).unwrap_or(Ordering::Equal);
            let order = if is_lower { order.reverse() } else { order };
            // At the same limit, excluding it leaves less.
            order.then(old.is_exclusive.cmp(&new.is_exclusive))
        }
    }
}

/// Keywords that only say something: defaults, formats, texts, notes.
pub(super) fn words(
    pair: &SchemaPair<'_>,
    old: &Keywords,
    new: &Keywords,
    changes: &mut Vec<SchemaChange>,
) {
    for (name, rule) in [
        ("default", RuleId::DefaultChanged),
        ("format", RuleId::FormatChanged),
        ("description", RuleId::ParameterTextChanged),
        ("title", RuleId::ParameterTextChanged),
        ("examples", RuleId::AnnotationChanged),
        ("deprecated", RuleId::AnnotationChanged),
        ("readOnly", RuleId::AnnotationChanged),
        ("writeOnly", RuleId::AnnotationChanged),
        ("contentMediaType", RuleId::FormatChanged),
        ("contentEncoding", RuleId::FormatChanged),
    ] {
        let (before, after) = (old.get(name), new.get(name));
        if before != after {
            changes.push(
                // Annotations accept and refuse nothing: there is no schema to try out.
                pair.change(rule, &[name], Patch::None)
                    .from(before)
                    .to(after),
            );
        }
    }
}
