//! The search for a value that one schema accepts and another refuses, tried from the values that
//! both speak of. Finds proofs of harm; never says that there is none.

use super::built::{ObjectBuilder, built_arrays, distinct};
use super::engine::CompiledSchema;
use super::limits::{ENOUGH_VALUES, MAX_PLACE_BYTES, MAX_PLACE_VALUES};
use super::normal::is_anything;
use super::recall::{self, CachedDecision};
use super::scalars::scalars;
use super::shapes::{BranchPlan, flat_parts, plans};
use super::steps::{StepBudget, weight};
use crate::canonical::exact_text;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How deep values are built.
const MAX_VALUE_DEPTH: usize = 150;

/// The longest list that is tried.
const MAX_LIST: usize = 5_000;

/// What a step through a definition counts: recursive ones are followed a few times only.
const REFERENCE_DEPTH: usize = 30;

/// The weight of all values that are weighed for the outermost place; deeper ones get less, as those
/// above them are held meanwhile.
const MAX_HELD: u64 = 200_000;

/// The same for a place that holds no others.
const MAX_HELD_SHORT: u64 = 50_000;

/// What it takes to judge a value by a pattern that needs backtracking.
const BACKTRACKING_STEPS: u64 = 20_000;

/// Values by length and text, so that the small ones come first.
type Found = BTreeMap<(usize, String), Value>;

/// A place where a caller's schemas hold, and what the new side says about it.
#[derive(Clone, Debug)]
pub(super) struct WitnessPlace<'a> {
    pub(super) olds: Vec<&'a Value>,
    pub(super) news: Vec<&'a Value>,
}

impl WitnessPlace<'_> {
    fn weight(&self) -> u64 {
        let all = self.olds.iter().chain(&self.news);
        all.map(|schema| weight(schema)).sum()
    }

    /// Listed values of the old side that the new side does not list.
    fn unlisted(&self) -> Vec<Value> {
        let listed = |schemas: &[&Value]| {
            let lists = schemas
                .iter()
                .filter_map(|schema| schema.get("enum")?.as_array());
            lists.flatten().cloned().collect::<Vec<_>>()
        };
        let kept = listed(&self.news)
            .iter()
            .map(exact_text)
            .collect::<BTreeSet<_>>();
        let mut lost = listed(&self.olds);
        lost.retain(|value| !kept.contains(&exact_text(value)));
        lost
    }
}

/// The two documents, and what may still be spent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) old_defs: Option<&'a Value>,
    pub(super) new_defs: Option<&'a Value>,
    pub(super) steps: &'a StepBudget,
}

impl<'a> Search<'a> {
    pub(super) fn of(old: &'a Value, new: &'a Value, steps: &'a StepBudget) -> Self {
        Self {
            old_defs: old.get("$defs"),
            new_defs: new.get("$defs"),
            steps,
        }
    }

    /// Values that the old side accepts, those that the new side refuses first, short ones first.
    pub(super) fn values(&self, place: &WitnessPlace<'a>, depth: usize) -> Vec<Value> {
        if self.steps.are_over() || depth > MAX_VALUE_DEPTH {
            return Vec::new();
        }
        if place
            .olds
            .iter()
            .chain(&place.news)
            .all(|schema| is_anything(schema))
        {
            return vec![json!(0), json!(""), json!(null), json!([]), json!({})];
        }
        let has_defs = self.old_defs.is_some() || self.new_defs.is_some();
        let key = (!has_defs).then(|| recall::key(place)).flatten();
        // What was found before counts as if it was sought again.
        if let Some(before) = key.as_deref().and_then(recall::recalled)
            && before.steps < self.steps.left()
        {
            self.steps.take(before.steps);
            return before.values;
        }
        let taken = self.steps.taken();
        let most_held = match key {
            Some(_) => MAX_HELD_SHORT,
            None => MAX_HELD / (1 + depth as u64),
        };
        let values = self.values_within(place, depth, most_held);
        if let Some(key) = key.filter(|_| !self.steps.are_over()) {
            let found = CachedDecision {
                values: values.clone(),
                steps: self.steps.taken() - taken,
            };
            recall::keep(key, found);
        }
        values
    }

    fn values_within(&self, place: &WitnessPlace<'a>, depth: usize, most_held: u64) -> Vec<Value> {
        let is_same = place.olds == place.news && self.old_defs == self.new_defs;
        let hints = flat_parts(&place.news, self.new_defs);
        let olds = flat_parts(&place.olds, self.old_defs);
        let is_reference = |part: &&Map<String, Value>| part.contains_key("$ref");
        let refers = hints.iter().chain(&olds).any(is_reference);
        let depth = depth + if refers { REFERENCE_DEPTH } else { 0 };
        let mut found = Found::new();
        let mut held = 0;
        for plan in plans(&place.olds, self.old_defs) {
            if !self
                .steps
                .take(100 + (plan.parts.len() + hints.len()) as u64)
            {
                break;
            }
            let parts = plan.parts.iter().chain(&hints).copied();
            let mut made = scalars(parts, self.steps);
            made.extend(self.arrays(&plan, &hints, depth));
            made.extend(self.objects(&plan, &hints, depth));
            for value in made {
                let weight = weight(&value);
                held += weight;
                // Written out, put in its place, taken out and dropped.
                if held > most_held || !self.steps.take(4 * weight) {
                    break;
                }
                let text = text_of(&value);
                found.entry((text.len(), text)).or_insert(value);
            }
        }
        self.sifted(found, place, is_same)
    }

    /// The values that the old side accepts: those first that it lists and the new side does not.
    fn sifted(&self, found: Found, place: &WitnessPlace<'a>, is_same: bool) -> Vec<Value> {
        let most = if is_same {
            ENOUGH_VALUES
        } else {
            MAX_PLACE_VALUES
        };
        let place_weight = place.weight();
        if !self.steps.take(8 * place_weight) {
            return Vec::new();
        }
        let Some(old) = all_of(&place.olds, self.old_defs) else {
            return Vec::new();
        };
        let new = (!is_same).then(|| all_of(&place.news, self.new_defs));
        let new = new.flatten();
        let all = place.olds.iter().chain(&place.news);
        let backtracking: u64 = all.map(|schema| backtracking_patterns(schema)).sum();
        let judging = 2 + place_weight / 16 + backtracking * BACKTRACKING_STEPS;
        let mut sifted = SortedValues {
            most,
            ..SortedValues::default()
        };
        let unlisted = place.unlisted().into_iter().map(|value| (0, value));
        let found = found
            .into_iter()
            .map(|((length, _), value)| (length, value));
        for (length, value) in unlisted.chain(found) {
            if sifted.is_full() || !self.steps.take(judging + 6 * weight(&value)) {
                break;
            }
            if !old.accepts(&value) || sifted.holds(&value) {
                continue;
            }
            // Unknown counts as accepted: a proposal only, which `confirm` judges.
            let is_refused = new.as_ref().is_some_and(|new| !new.accepts(&value));
            if !sifted.add(value, length, is_refused) && is_same {
                break;
            }
        }
        sifted.all()
    }

    fn arrays(
        &self,
        plan: &BranchPlan<'a>,
        hints: &[&'a Map<String, Value>],
        depth: usize,
    ) -> Vec<Value> {
        if !(plan.allows("array") && speak_of(ABOUT_ARRAYS, &plan.parts, hints)) {
            return Vec::new();
        }
        let element = |at: usize| {
            let place = WitnessPlace {
                olds: elements(&plan.parts, at),
                news: elements(hints, at),
            };
            self.values(&place, depth + 1)
        };
        let all = || plan.parts.iter().chain(hints);
        let tuple = all()
            .filter_map(|part| part.get("prefixItems")?.as_array())
            .map(Vec::len);
        let tuple = tuple.max().unwrap_or(0).min(16);
        let heads = (0..tuple).map(element).collect::<Vec<_>>();
        let mut rest = element(tuple);
        let contained = all()
            .filter_map(|part| part.get("contains"))
            .collect::<Vec<_>>();
        for schema in contained {
            let place = WitnessPlace {
                olds: vec![schema],
                news: Vec::new(),
            };
            rest.extend(self.values(&place, depth + 1).into_iter().take(4));
        }
        let mut lengths = BTreeSet::from([0, 1, 2, tuple, tuple + 1]);
        for bound in ["minItems", "maxItems", "minContains", "maxContains"] {
            let bounds = all().filter_map(|part| part.get(bound)?.as_u64());
            let bounds = bounds
                .filter_map(|bound| usize::try_from(bound).ok())
                .filter(|bound| *bound < MAX_LIST);
            lengths.extend(bounds.flat_map(|bound| [bound.saturating_sub(1), bound, bound + 1]));
        }
        let mut made = built_arrays(&heads, &rest, &lengths, self.steps);
        if all().any(|part| part.get("uniqueItems") == Some(&Value::Bool(true))) {
            made.extend(lengths.iter().flat_map(|length| distinct(*length)));
        }
        made
    }

    fn objects(
        &self,
        plan: &BranchPlan<'a>,
        hints: &[&'a Map<String, Value>],
        depth: usize,
    ) -> Vec<Value> {
        if !(plan.allows("object") && speak_of(ABOUT_OBJECTS, &plan.parts, hints)) {
            return Vec::new();
        }
        let declared = names(&plan.parts, self.steps);
        let hinted = names(hints, self.steps);
        let mut choices = BTreeMap::new();
        for name in declared.union(&hinted).take(400) {
            let place = WitnessPlace {
                olds: members(&plan.parts, name),
                news: members(hints, name),
            };
            let values = self.values(&place, depth + 1);
            if !values.is_empty() {
                choices.insert(name.clone(), values);
            }
        }
        let (parts, steps) = (&plan.parts, self.steps);
        ObjectBuilder {
            parts,
            hints,
            steps,
        }
        .built(&choices, &declared)
    }
}

/// Values of one place, the refused ones apart.
#[derive(Debug, Default)]
struct SortedValues {
    most: usize,
    refused: Vec<Value>,
    others: Vec<Value>,
    refused_bytes: usize,
    other_bytes: usize,
}

impl SortedValues {
    fn is_much(&self, count: usize, bytes: usize) -> bool {
        count >= self.most || (count >= ENOUGH_VALUES && bytes > MAX_PLACE_BYTES)
    }

    fn is_full(&self) -> bool {
        self.is_much(self.refused.len(), self.refused_bytes)
    }

    /// Whether a listed value was taken already, before its turn.
    fn holds(&self, value: &Value) -> bool {
        self.refused.contains(value)
    }

    /// Takes a value in; whether there was room.
    fn add(&mut self, value: Value, length: usize, is_refused: bool) -> bool {
        if is_refused {
            self.refused.push(value);
            self.refused_bytes += length;
            return true;
        }
        let has_room = !self.is_much(self.others.len(), self.other_bytes);
        if has_room {
            self.others.push(value);
            self.other_bytes += length;
        }
        has_room
    }

    fn all(mut self) -> Vec<Value> {
        self.refused.append(&mut self.others);
        self.refused.truncate(self.most);
        self.refused
    }
}

/// How many patterns stand in a schema that no automaton reads.
fn backtracking_patterns(schema: &Value) -> u64 {
    match schema {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| match value {
                Value::String(pattern) if name == "pattern" => u64::from(backtracks(pattern)),
                Value::Object(all) if name == "patternProperties" => {
                    let keys = all.keys().map(|pattern| u64::from(backtracks(pattern)));
                    keys.sum::<u64>() + all.values().map(backtracking_patterns).sum::<u64>()
                }
                value => backtracking_patterns(value),
            })
            .sum(),
        Value::Array(list) => list.iter().map(backtracking_patterns).sum(),
        _ => 0,
    }
}

fn backtracks(pattern: &str) -> bool {
    let looks_around = ["(?=", "(?!", "(?<"]
        .iter()
        .any(|one| pattern.contains(one));
    let mut chars = pattern.chars().peekable();
    let mut refers_back = false;
    while let Some(one) = chars.next() {
        if one == '\\' {
            refers_back |= matches!(chars.next(), Some('1'..='9' | 'k'));
        }
    }
    looks_around || refers_back
}

/// A text that is the same for values that are the same: the plain one where it is exact too.
fn text_of(value: &Value) -> String {
    if has_float(value) {
        exact_text(value)
    } else {
        value.to_string()
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(list) => list.iter().any(has_float),
        Value::Object(map) => map.values().any(has_float),
        _ => false,
    }
}

const ABOUT_ARRAYS: &[&str] = &[
    "items",
    "prefixItems",
    "contains",
    "minItems",
    "maxItems",
    "uniqueItems",
    "unevaluatedItems",
];

const ABOUT_OBJECTS: &[&str] = &[
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "required",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
];

/// Whether any part has one of these keywords, so that containers are worth building.
fn speak_of(
    keywords: &[&str],
    parts: &[&Map<String, Value>],
    hints: &[&Map<String, Value>],
) -> bool {
    let mut all = parts.iter().chain(hints);
    all.any(|part| keywords.iter().any(|keyword| part.contains_key(*keyword)))
}

/// The schemas that speak about the element at a position.
fn elements<'a>(parts: &[&'a Map<String, Value>], at: usize) -> Vec<&'a Value> {
    let of = |part: &&'a Map<String, Value>| {
        let tuple = part.get("prefixItems").and_then(Value::as_array);
        tuple
            .and_then(|list| list.get(at))
            .or_else(|| part.get("items"))
    };
    parts.iter().filter_map(of).collect()
}

/// The schemas that speak about the property of a name, patterns aside.
fn members<'a>(parts: &[&'a Map<String, Value>], name: &str) -> Vec<&'a Value> {
    let mut schemas = Vec::new();
    for part in parts {
        let named = part.get("properties").and_then(|all| all.get(name));
        let patterns = part.get("patternProperties").and_then(Value::as_object);
        let matching = patterns.into_iter().flatten().filter(|(pattern, _)| {
            CompiledSchema::of(&json!({ "pattern": pattern }))
                .is_some_and(|judge| judge.accepts(&json!(name)))
        });
        let before = schemas.len();
        schemas.extend(named);
        schemas.extend(matching.map(|(_, schema)| schema));
        if schemas.len() == before {
            schemas.extend(part.get("additionalProperties"));
        }
    }
    schemas
}

/// Names worth trying: declared, demanded, matching a pattern, and one that nobody declared.
fn names(parts: &[&Map<String, Value>], steps: &StepBudget) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["undeclared".to_owned()]);
    for part in parts {
        let keys = |name: &str| part.get(name).and_then(Value::as_object);
        for list in ["properties", "dependentRequired", "dependentSchemas"] {
            names.extend(
                keys(list)
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.clone()),
            );
        }
        let required = part
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        names.extend(required.filter_map(|name| Some(name.as_str()?.to_owned())));
        for (pattern, _) in keys("patternProperties").into_iter().flatten() {
            names.extend(super::sample::texts_matching(pattern).into_iter().take(4));
        }
        if let Some(schema) = part.get("propertyNames") {
            let map = schema.as_object().into_iter().collect::<Vec<_>>();
            let texts = scalars(map.into_iter(), steps).into_iter();
            names.extend(
                texts
                    .filter_map(|text| Some(text.as_str()?.to_owned()))
                    .take(12),
            );
        }
    }
    names
}

/// A judge of all of these at once, with the definitions they refer to.
pub(super) fn all_of(schemas: &[&Value], defs: Option<&Value>) -> Option<CompiledSchema> {
    if let ([only @ (Value::Object(_) | Value::Bool(_))], None) = (schemas, defs) {
        return CompiledSchema::of(only);
    }
    let mut whole = Map::new();
    let bare = |schema: &&Value| match schema {
        Value::Object(map) if map.contains_key("$defs") => {
            let mut map = map.clone();
            map.remove("$defs");
            Value::Object(map)
        }
        other => (*other).clone(),
    };
    whole.insert("allOf".to_owned(), schemas.iter().map(bare).collect());
    if schemas.is_empty() {
        whole.clear();
    }
    if let Some(defs) = defs {
        whole.insert("$defs".to_owned(), defs.clone());
    }
    CompiledSchema::of(&Value::Object(whole))
}
