//! The search for a value that one schema accepts and another refuses, tried from the values that
//! both speak of. Finds proofs of harm; never says that there is none.

use super::engine::Judge;
use super::limits::{ENOUGH_VALUES, MAX_CANDIDATES, MAX_PLACE_BYTES, MAX_PLACE_VALUES};
use super::normal::is_anything;
use super::recall;
use super::scalars::scalars;
use super::shapes::{Plan, flat_parts, plans};
use crate::schema::canonical::exact_text;
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How deep values are built.
const MAX_VALUE_DEPTH: usize = 150;

/// The longest list that is tried, and the longest of which each element is varied.
const MAX_LIST: usize = 5_000;
const MAX_VARIED_LIST: usize = 300;

/// What a step through a definition counts: recursive ones are followed a few times only.
const REFERENCE_DEPTH: usize = 30;

/// A place where a caller's schemas hold, and what the new side says about it.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) olds: Vec<&'a Value>,
    pub(super) news: Vec<&'a Value>,
}

/// The two documents, and what may still be spent.
#[derive(Debug)]
pub(super) struct Search<'a> {
    pub(super) old_defs: Option<&'a Value>,
    pub(super) new_defs: Option<&'a Value>,
    pub(super) until: Instant,
    pub(super) left: Cell<usize>,
}

impl<'a> Search<'a> {
    pub(super) fn of(old: &'a Value, new: &'a Value, until: Instant) -> Self {
        Self {
            old_defs: old.get("$defs"),
            new_defs: new.get("$defs"),
            until,
            left: Cell::new(MAX_CANDIDATES * 20),
        }
    }

    /// Values that the old side accepts, those that the new side refuses first, short ones first.
    pub(super) fn values(&self, place: &Place<'a>, depth: usize) -> Vec<Value> {
        if self.left.get() == 0 || Instant::now() > self.until || depth > MAX_VALUE_DEPTH {
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
        if let Some(values) = key.as_deref().and_then(recall::recalled) {
            return values;
        }
        let is_same = place.olds == place.news && self.old_defs == self.new_defs;
        let hints = flat_parts(&place.news, self.new_defs);
        let is_reference = |part: &&Map<String, Value>| part.contains_key("$ref");
        let refers = hints.iter().any(is_reference)
            || has_defs
                && flat_parts(&place.olds, self.old_defs)
                    .iter()
                    .any(is_reference);
        let depth = depth + if refers { REFERENCE_DEPTH } else { 0 };
        let mut found = BTreeMap::new();
        for plan in plans(&place.olds, self.old_defs) {
            let mut made = scalars(plan.parts.iter().chain(&hints).copied());
            made.extend(self.arrays(&plan, &hints, depth));
            made.extend(self.objects(&plan, &hints, depth));
            for value in made {
                let text = text_of(&value);
                found.entry((text.len(), text)).or_insert(value);
            }
            if Instant::now() > self.until {
                break;
            }
        }
        let values = self.sifted(found, place, is_same);
        if let Some(key) = key.filter(|_| self.left.get() > 0 && Instant::now() <= self.until) {
            recall::keep(key, &values);
        }
        values
    }

    fn sifted(
        &self,
        found: BTreeMap<(usize, String), Value>,
        place: &Place<'a>,
        is_same: bool,
    ) -> Vec<Value> {
        let most = if is_same {
            ENOUGH_VALUES
        } else {
            MAX_PLACE_VALUES
        };
        let Some(old) = all_of(&place.olds, self.old_defs) else {
            return Vec::new();
        };
        let new = (!is_same).then(|| all_of(&place.news, self.new_defs));
        let new = new.flatten();
        let (mut refused, mut others) = (Vec::new(), Vec::new());
        let is_much =
            |count, bytes| count >= most || (count >= ENOUGH_VALUES && bytes > MAX_PLACE_BYTES);
        let (mut refused_bytes, mut other_bytes) = (0, 0);
        for ((length, _), value) in found {
            let is_full = is_much(refused.len(), refused_bytes);
            if is_full || self.left.get() == 0 || Instant::now() > self.until {
                break;
            }
            self.left.set(self.left.get() - 1);
            if !old.accepts(&value) {
                continue;
            }
            if new.as_ref().is_some_and(|new| !new.accepts(&value)) {
                refused.push(value);
                refused_bytes += length;
            } else if !is_much(others.len(), other_bytes) {
                others.push(value);
                other_bytes += length;
            } else if is_same {
                break;
            }
        }
        refused.extend(others);
        refused.truncate(most);
        refused
    }

    fn arrays(
        &self,
        plan: &Plan<'a>,
        hints: &[&'a Map<String, Value>],
        depth: usize,
    ) -> Vec<Value> {
        if !(plan.allows("array") && speak_of(ABOUT_ARRAYS, &plan.parts, hints)) {
            return Vec::new();
        }
        let element = |at: usize| {
            let place = Place {
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
            let place = Place {
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
        let mut made = built_arrays(&heads, &rest, &lengths);
        if all().any(|part| part.get("uniqueItems") == Some(&Value::Bool(true))) {
            made.extend(lengths.iter().flat_map(|length| distinct(*length)));
        }
        made
    }

    fn objects(
        &self,
        plan: &Plan<'a>,
        hints: &[&'a Map<String, Value>],
        depth: usize,
    ) -> Vec<Value> {
        if !(plan.allows("object") && speak_of(ABOUT_OBJECTS, &plan.parts, hints)) {
            return Vec::new();
        }
        let declared = names(&plan.parts);
        let hinted = names(hints);
        let mut choices = BTreeMap::new();
        for name in declared.union(&hinted).take(400) {
            let place = Place {
                olds: members(&plan.parts, name),
                news: members(hints, name),
            };
            let values = self.values(&place, depth + 1);
            if !values.is_empty() {
                choices.insert(name.clone(), values);
            }
        }
        built_objects(&plan.parts, hints, &choices, &declared)
    }
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
            Judge::of(&json!({ "pattern": pattern }))
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
fn names(parts: &[&Map<String, Value>]) -> BTreeSet<String> {
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
            let texts = scalars(map.into_iter()).into_iter();
            names.extend(
                texts
                    .filter_map(|text| Some(text.as_str()?.to_owned()))
                    .take(12),
            );
        }
    }
    names
}

/// Lists of so many different elements.
fn distinct(length: usize) -> [Value; 2] {
    [
        (0..length).map(Value::from).collect(),
        (0..length).map(|at| Value::from(at.to_string())).collect(),
    ]
}

fn built_arrays(heads: &[Vec<Value>], rest: &[Value], lengths: &BTreeSet<usize>) -> Vec<Value> {
    let mut made = Vec::new();
    let base = |length: usize, shift: usize| -> Option<Vec<Value>> {
        let element = |at: usize| match heads.get(at) {
            Some(values) => values.first().cloned(),
            None if rest.is_empty() => None,
            None => rest.get((at - heads.len()) * shift % rest.len()).cloned(),
        };
        (0..length).map(element).collect()
    };
    for length in lengths {
        made.extend(base(*length, 0).map(Value::Array));
        made.extend(base(*length, 1).map(Value::Array));
        if *length > MAX_VARIED_LIST {
            continue;
        }
        for (at, values) in heads.iter().enumerate().take(*length) {
            for value in values {
                made.extend(base(*length, 1).map(|mut list| {
                    list[at] = value.clone();
                    Value::Array(list)
                }));
            }
        }
        if *length > heads.len() {
            for value in rest {
                made.extend(base(*length, 1).map(|mut list| {
                    list[length - 1] = value.clone();
                    Value::Array(list)
                }));
            }
        }
    }
    made.truncate(MAX_CANDIDATES);
    made
}

/// Objects around the smallest and the fullest one: each property's values, each property left out.
fn built_objects(
    parts: &[&Map<String, Value>],
    hints: &[&Map<String, Value>],
    choices: &BTreeMap<String, Vec<Value>>,
    declared: &BTreeSet<String>,
) -> Vec<Value> {
    let required = |parts: &[&Map<String, Value>]| {
        let lists = parts
            .iter()
            .filter_map(|part| part.get("required")?.as_array());
        let names = lists.flatten().filter_map(Value::as_str).map(str::to_owned);
        names.collect::<BTreeSet<_>>()
    };
    let with = |names: &mut dyn Iterator<Item = &String>| {
        let entry = |name: &String| Some((name.clone(), choices.get(name)?.first()?.clone()));
        names.filter_map(entry).collect::<Map<_, _>>()
    };
    let must = required(parts);
    let least = with(&mut must.iter());
    let both = with(&mut must.union(&required(hints)));
    let full = with(&mut declared.iter().filter(|name| *name != "undeclared"));
    let mut made = vec![least.clone(), both, full.clone(), Map::new()];
    for (name, values) in choices {
        for value in values {
            for base in [&least, &full] {
                let mut object = base.clone();
                object.insert(name.clone(), value.clone());
                made.push(object);
            }
        }
        let mut object = full.clone();
        object.remove(name);
        made.push(object);
    }
    made.extend(sized_objects(parts, hints, &full, &least));
    made.truncate(MAX_CANDIDATES);
    made.into_iter().map(Value::Object).collect()
}

/// Objects of the sizes that bounds speak of.
fn sized_objects(
    parts: &[&Map<String, Value>],
    hints: &[&Map<String, Value>],
    full: &Map<String, Value>,
    least: &Map<String, Value>,
) -> Vec<Map<String, Value>> {
    let all = parts.iter().chain(hints);
    let bounds = all.flat_map(|part| {
        let bound = |name: &str| part.get(name).and_then(Value::as_u64);
        ["minProperties", "maxProperties"]
            .into_iter()
            .filter_map(bound)
    });
    let sizes = bounds.flat_map(|bound| [bound.saturating_sub(1), bound, bound + 1]);
    let sizes = sizes
        .filter_map(|size| usize::try_from(size).ok())
        .filter(|size| *size < 100);
    let filled = |size: usize| {
        let mut object = least.clone();
        let mut more = full
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        let mut extra = (0..).map(|at| (format!("undeclared{at}"), json!(0)));
        while object.len() < size {
            let entry = more.next().or_else(|| extra.next());
            object.extend(entry);
        }
        object
    };
    sizes
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(filled)
        .collect()
}

/// A judge of all of these at once, with the definitions they refer to.
pub(super) fn all_of(schemas: &[&Value], defs: Option<&Value>) -> Option<Judge> {
    if let ([only @ (Value::Object(_) | Value::Bool(_))], None) = (schemas, defs) {
        return Judge::of(only);
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
    Judge::of(&Value::Object(whole))
}
