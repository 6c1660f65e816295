//! Lists and objects built from the values of their places, for the witness search. Proposals only;
//! as many as are tried, and as steps are left.

use super::limits::MAX_CANDIDATES;
use super::steps::{StepBudget, weight};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The longest list of which each element is varied.
const MAX_VARIED_LIST: usize = 300;

/// The heaviest value that is built: those around it hold it several times.
const MAX_WEIGHT: u64 = 6_000;

/// What all values that are built for one place weigh together.
const MAX_BUILT: u64 = 100_000;

/// What was built, and what that took.
struct Built<'a> {
    made: Vec<Value>,
    weight: u64,
    steps: &'a StepBudget,
}

impl Built<'_> {
    /// Adds a value of a known weight, which is made only then; whether there is room and there are
    /// steps for more. One that is too heavy is left out.
    fn add(&mut self, weight: u64, make: impl FnOnce() -> Value) -> bool {
        if weight > MAX_WEIGHT {
            // Others may still be light enough, unless there are no steps at all.
            return !self.steps.are_over();
        }
        self.weight += weight;
        let has_room = self.made.len() < MAX_CANDIDATES && self.weight <= MAX_BUILT;
        // Made, held and dropped.
        let goes_on = has_room && self.steps.take(3 * weight);
        if goes_on {
            self.made.push(make());
        }
        goes_on
    }
}

/// Lists of so many different elements.
pub(super) fn distinct(length: usize) -> [Value; 2] {
    // Numbers and texts: one of the two is mostly what the elements may be.
    [
        (0..length).map(Value::from).collect(),
        (0..length).map(|at| Value::from(at.to_string())).collect(),
    ]
}

/// Lists of these lengths: all alike, in turn, and each element's other values.
pub(super) fn built_arrays(
    heads: &[Vec<Value>],
    rest: &[Value],
    lengths: &BTreeSet<usize>,
    steps: &StepBudget,
) -> Vec<Value> {
    let mut built = Built {
        made: Vec::new(),
        weight: 0,
        steps,
    };
    let weigh = |values: &[Value]| values.iter().map(weight).max().unwrap_or(0);
    let heaviest = heads.iter().map(|values| weigh(values)).max().unwrap_or(0);
    let heaviest = heaviest.max(weigh(rest));
    let base = |length: usize, shift: usize| -> Option<Vec<Value>> {
        let element = |at: usize| match heads.get(at) {
            Some(values) => values.first().cloned(),
            None if rest.is_empty() => None,
            // By `shift` 0 all elements are alike; by 1 they take turns.
            None => rest.get((at - heads.len()) * shift % rest.len()).cloned(),
        };
        (0..length).map(element).collect()
    };
    for length in lengths {
        let can_be = (0..*length).all(|at| match heads.get(at) {
            Some(values) => !values.is_empty(),
            None => !rest.is_empty(),
        });
        // A place without a value leaves no list of this length.
        if !can_be {
            continue;
        }
        let weight = heaviest.saturating_mul(*length as u64) + 1;
        let list = |shift: usize| Value::Array(base(*length, shift).unwrap_or_default());
        // Elements that are all alike break `uniqueItems`; in turn they do not.
        if !(built.add(weight, || list(0)) && built.add(weight, || list(1))) {
            return built.made;
        }
        if *length > MAX_VARIED_LIST {
            continue;
        }
        let varied = heads.iter().enumerate().take(*length);
        let varied = varied.flat_map(|(at, values)| values.iter().map(move |value| (at, value)));
        let has_rest = *length > heads.len();
        // One place for the rest is enough, as its schema is the same at each.
        let others = rest.iter().filter(|_| has_rest);
        let others = others.map(|value| (length.saturating_sub(1), value));
        for (at, value) in varied.chain(others) {
            let make = || {
                let mut list = base(*length, 1).unwrap_or_default();
                list[at] = value.clone();
                Value::Array(list)
            };
            if !built.add(weight, make) {
                return built.made;
            }
        }
    }
    built.made
}

/// The parts that describe an object on both sides.
pub(super) struct ObjectBuilder<'a> {
    pub(super) parts: &'a [&'a Map<String, Value>],
    pub(super) hints: &'a [&'a Map<String, Value>],
    pub(super) steps: &'a StepBudget,
}

fn required(parts: &[&Map<String, Value>]) -> BTreeSet<String> {
    let lists = parts
        .iter()
        .filter_map(|part| part.get("required")?.as_array());
    let names = lists.flatten().filter_map(Value::as_str).map(str::to_owned);
    names.collect()
}

/// What the parts say about a property by its own name.
fn described<'a>(parts: &[&'a Map<String, Value>], name: &str) -> Vec<&'a Value> {
    let all = parts
        .iter()
        .filter_map(|part| part.get("properties")?.get(name));
    all.collect()
}

impl ObjectBuilder<'_> {
    /// Objects around the smallest and the fullest one: each property's values, each property left
    /// out; first of those that the two sides describe in different ways.
    pub(super) fn built(
        &self,
        choices: &BTreeMap<String, Vec<Value>>,
        declared: &BTreeSet<String>,
    ) -> Vec<Value> {
        let first = |name: &String| choices.get(name)?.first();
        // Of values that are heavy together, no object is built of all.
        let with = |names: &mut dyn Iterator<Item = &String>| {
            let mut left = MAX_WEIGHT;
            let mut made = Map::new();
            for name in names {
                let Some(value) = first(name) else {
                    continue;
                };
                let weight = 1 + weight(value);
                if weight > left || !self.steps.take(weight) {
                    break;
                }
                left -= weight;
                made.insert(name.clone(), value.clone());
            }
            (MAX_WEIGHT - left, made)
        };
        let must = required(self.parts);
        let (least_weight, least) = with(&mut must.iter());
        let (both_weight, both) = with(&mut must.union(&required(self.hints)));
        // This name stands for any that is not declared.
        let (full_weight, full) = with(&mut declared.iter().filter(|name| *name != "undeclared"));
        let mut built = Built {
            made: Vec::new(),
            weight: 0,
            steps: self.steps,
        };
        let bases = [(least_weight, &least), (full_weight, &full)];
        for (weight, object) in bases.into_iter().chain([(both_weight, &both)]) {
            built.add(1 + weight, || Value::Object(object.clone()));
        }
        // The empty object shows what is required.
        built.add(1, || Value::Object(Map::new()));
        // What both sides say in the same way is seldom what is refused.
        let differs = |name: &String| described(self.parts, name) != described(self.hints, name);
        let (changed, kept): (Vec<_>, Vec<_>) = choices.iter().partition(|(name, _)| differs(name));
        for (name, values) in changed.into_iter().chain(kept) {
            let varied = values
                .iter()
                // From the smallest and the fullest: a value may only show beside others, or
                // without them.
                .flat_map(|value| bases.map(|base| (value, base)));
            for (value, (base_weight, base)) in varied {
                let make = || {
                    let mut object = base.clone();
                    object.insert(name.clone(), value.clone());
                    Value::Object(object)
                };
                if !built.add(base_weight + weight(value) + 2, make) {
                    return built.made;
                }
            }
            // Leaving one out shows that it is required.
            let without = || {
                let mut object = full.clone();
                object.remove(name);
                Value::Object(object)
            };
            if !built.add(1 + full_weight, without) {
                return built.made;
            }
        }
        for object in self.sized(&full, &least) {
            let object = Value::Object(object);
            built.add(weight(&object), || object);
        }
        built.made
    }

    /// Objects of the sizes that bounds speak of.
    fn sized(
        &self,
        full: &Map<String, Value>,
        least: &Map<String, Value>,
    ) -> Vec<Map<String, Value>> {
        let all = self.parts.iter().chain(self.hints);
        let bounds = all.flat_map(|part| {
            let bound = |name: &str| part.get(name).and_then(Value::as_u64);
            ["minProperties", "maxProperties"]
                .into_iter()
                .filter_map(bound)
        });
        // Just below and above the bound, where it is first felt.
        let sizes = bounds.flat_map(|bound| [bound.saturating_sub(1), bound, bound + 1]);
        let sizes = sizes
            .filter_map(|size| usize::try_from(size).ok())
            .filter(|size| *size < 100);
        let filled = |size: usize| {
            let mut object = least.clone();
            let mut more = full
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()));
            // Names that hardly any schema declares, for when the declared ones do not suffice.
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
}
