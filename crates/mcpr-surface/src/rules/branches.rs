//! The rules about alternatives and conditions. Branches are paired by what they say, then by place.

use super::closing;
use super::places::{Patch, SchemaChange, SchemaPair, Walk};
use super::table::RuleId;
use crate::reading::WORDS;
use serde_json::{Map, Value};

type Keywords = Map<String, Value>;

/// How many alternatives are paired by what they say; more are paired by place.
// Pairing by what they say takes the product of both numbers.
const MAX_PAIRED: usize = 200;

pub(super) fn choices(
    pair: &SchemaPair<'_>,
    old: &Keywords,
    new: &Keywords,
    walk: Walk,
    changes: &mut Vec<SchemaChange>,
) {
    let kind = |map: &Keywords| {
        ["anyOf", "oneOf"]
            .into_iter()
            .find(|name| map.contains_key(*name))
    };
    // `anyOf` became `oneOf` or the reverse: pairing branches would hide that.
    if let (Some(before), Some(after)) = (kind(old), kind(new))
        && before != after
    {
        let patch = Patch::keywords(&["anyOf", "oneOf"]);
        let change = pair.change(RuleId::ChoiceChanged, &[after], patch);
        changes.push(change.from(old.get(before)).to(new.get(after)));
        return;
    }
    // As an `allOf` limits, a gained branch means the opposite of a gained alternative.
    for (name, added, removed) in [
        ("anyOf", RuleId::BranchAdded, RuleId::BranchRemoved),
        ("oneOf", RuleId::BranchAdded, RuleId::BranchRemoved),
        ("allOf", RuleId::AllOfAdded, RuleId::AllOfRemoved),
    ] {
        let (before, after) = (list_of(old, name), list_of(new, name));
        if before == after {
            continue;
        }
        // Alternatives where there were none limit the value, and their end frees it.
        let is_choice = name != "allOf";
        if is_choice && (before.is_empty() || after.is_empty()) {
            let rule = if before.is_empty() {
                RuleId::AllOfAdded
            } else {
                RuleId::AllOfRemoved
            };
            let change = pair.change(rule, &[name], Patch::Keywords(vec![name]));
            changes.push(change.from(old.get(name)).to(new.get(name)));
            continue;
        }
        // A branch that only moved is not a change.
        let pairs = paired(before, after);
        for (old_at, new_at) in &pairs.both {
            let (old_way, new_way) = (old_at.to_string(), new_at.to_string());
            let (old, new) = (&before[*old_at], &after[*new_at]);
            walk(
                &pair.children(&[name, &old_way], &[name, &new_way], old, new),
                changes,
            );
        }
        // The whole list: which of its branches are made alike cannot be determined one by one.
        let patch = || Patch::Keywords(vec![name]);
        for at in pairs.gained {
            let change = pair.change(added, &[name, &at.to_string()], patch());
            changes.push(change.to(after.get(at)));
        }
        for at in pairs.lost {
            let change = pair.change(removed, &[name, &at.to_string()], patch());
            changes.push(change.from(before.get(at)));
        }
    }
}

/// Whether one side is, but for words, a choice of several and the other is one of them as it stands:
/// the rule for what came, or went.
pub(super) fn made_one_of_several(old: &Keywords, new: &Keywords) -> Option<RuleId> {
    let without_words = |map: &Keywords| {
        let mut map = map.clone();
        map.retain(|name, _| !WORDS.contains(&name.as_str()));
        map
    };
    let is_choice = |map: &Keywords| map.contains_key("anyOf") || map.contains_key("oneOf");
    let has_branch = |choice: &Keywords, single: &Keywords| {
        if !is_choice(choice) {
            return false;
        }
        let single = without_words(single);
        let choice = without_words(choice);
        // Other keywords beside the choice would limit it, and then it is more than a choice.
        let list = choice.values().next().filter(|_| choice.len() == 1);
        let branches = list.and_then(Value::as_array);
        // Without keywords it takes everything, and is not a branch that one would know again.
        !single.is_empty()
            && branches.is_some_and(|branches| {
                let mut branches = branches.iter().filter_map(Value::as_object);
                branches.any(|branch| without_words(branch) == single)
            })
    };
    if has_branch(new, old) {
        Some(RuleId::BranchAdded)
    } else if has_branch(old, new) {
        Some(RuleId::BranchRemoved)
    } else {
        None
    }
}

fn list_of<'a>(map: &'a Keywords, name: &str) -> &'a [Value] {
    map.get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

struct Paired {
    both: Vec<(usize, usize)>,
    lost: Vec<usize>,
    gained: Vec<usize>,
}

/// Equal branches belong together, then those most alike.
fn paired(before: &[Value], after: &[Value]) -> Paired {
    let mut both = Vec::new();
    let mut lost = (0..before.len()).collect::<Vec<_>>();
    let mut gained = (0..after.len()).collect::<Vec<_>>();
    if before.len().max(after.len()) > MAX_PAIRED {
        let shared = before.len().min(after.len());
        return Paired {
            both: (0..shared).map(|at| (at, at)).collect(),
            lost: (shared..before.len()).collect(),
            gained: (shared..after.len()).collect(),
        };
    }
    let mut take = |least: u32, lost: &mut Vec<usize>, gained: &mut Vec<usize>| {
        lost.retain(|old| {
            let likest = gained.iter().copied().max_by_key(|new| {
                (
                    likeness(&before[*old], &after[*new]),
                    // Of those equally alike the first, so that the order of branches decides, and
                    // not chance.
                    std::cmp::Reverse(*new),
                )
            });
            let found = likest.filter(|new| likeness(&before[*old], &after[*new]) >= least);
            if let Some(new) = found {
                gained.retain(|other| *other != new);
                both.push((*old, new));
            }
            found.is_none()
        });
    };
    // First those that are equal, lest a similar one is given away before.
    take(100, &mut lost, &mut gained);
    // What is below is of another sort, and is reported as lost and gained.
    take(3, &mut lost, &mut gained);
    Paired { both, lost, gained }
}

/// How much two branches are alike; 100 when they are equal, below 3 when they are of two sorts.
fn likeness(one: &Value, other: &Value) -> u32 {
    if one == other {
        return 100;
    }
    let same = |name: &str| one.get(name).is_some() && one.get(name) == other.get(name);
    // Types differ: nobody would call it the same branch.
    if one.get("type") != other.get("type") {
        return 0;
    }
    // A property with one value is the tag by which readers distinguish branches.
    let tags = |schema: &Value| -> Vec<(String, Value)> {
        let all = schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let tagged =
            all.filter_map(|(name, value)| Some((name.clone(), value.get("enum")?.clone())));
        tagged
            .filter(|(_, values)| values.as_array().is_some_and(|all| all.len() == 1))
            .collect()
    };
    let (mine, others) = (tags(one), tags(other));
    let clash = mine
        .iter()
        .any(|(name, value)| others.iter().any(|(n, v)| n == name && v != value));
    if clash {
        return 0;
    }
    let shared = mine.iter().filter(|tag| others.contains(tag)).count();
    let names = [
        "title",
        "$ref",
        "properties",
        "required",
        "enum",
        "items",
        "description",
    ];
    let alike = names.iter().filter(|name| same(name)).count();
    // A shared tag outweighs all other likeness together, of which there are seven at most.
    3 + 10 * u32::try_from(shared).unwrap_or(1) + u32::try_from(alike).unwrap_or(1)
}

/// Everything whose effect depends on the value, or on other keywords.
pub(super) fn conditions(
    pair: &SchemaPair<'_>,
    old: &Keywords,
    new: &Keywords,
    changes: &mut Vec<SchemaChange>,
) {
    // Keywords of one group only mean something together, and change together.
    const GROUPS: &[&[&str]] = &[
        &["not"],
        &["if", "then", "else"],
        &["dependentRequired"],
        &["dependentSchemas"],
        &["dependencies"],
        &["contains", "minContains", "maxContains"],
        &["propertyNames"],
        &["unevaluatedProperties"],
        &["unevaluatedItems"],
        &["$ref"],
        &["$dynamicRef"],
    ];
    let reported = closing::reported(old, new);
    for group in GROUPS {
        // It is reported already as the closing of the object.
        if group.iter().all(|name| reported.contains(name)) {
            continue;
        }
        if group.iter().any(|name| old.get(*name) != new.get(*name)) {
            let name = group.iter().find(|name| old.get(**name) != new.get(**name));
            let name = name.unwrap_or(&group[0]);
            let change = pair.change(RuleId::ConditionChanged, &[name], Patch::keywords(group));
            changes.push(change.from(old.get(*name)).to(new.get(*name)));
        }
    }
}
