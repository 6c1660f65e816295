//! `unevaluatedProperties` and `unevaluatedItems` written with plain keywords: for each way through the
//! choices beside it, which names and places that way describes. More ways than a few are left out.

use super::{LISTS, MAPS, SINGLE};
use crate::compat::combine::READERS;
use crate::compat::normal::is_anything;
use crate::compat::steps::{StepBudget, weight};
use crate::compat::unknown::{MARK, is_marked};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

type Keywords = Map<String, Value>;

/// How many ways are distinguished.
const MAX_WAYS: usize = 24;

/// How many are weighed against each other before those within others are left out.
const MAX_COMPARED: usize = 100;

/// How many references lead into one another.
const MAX_REFERENCES: usize = 8;

/// One way through a schema: what holds on it, and what it describes.
#[derive(Debug, Clone, Default, PartialEq)]
struct EvaluationWay {
    holds: Vec<Value>,
    names: BTreeSet<String>,
    patterns: BTreeSet<String>,
    places: usize,
    /// Whether everything is described.
    all: bool,
}

impl EvaluationWay {
    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for part in &other.holds {
            // Each way is compared with others part by part, so that doubles cost.
            if !both.holds.contains(part) {
                both.holds.push(part.clone());
            }
        }
        both.names.extend(other.names.iter().cloned());
        both.patterns.extend(other.patterns.iter().cloned());
        // Of two tuples about the same list, the longer one describes more places.
        both.places = both.places.max(other.places);
        both.all |= other.all;
        both
    }

    /// Whether whoever goes this way may as well go the other.
    fn is_within(&self, other: &Self) -> bool {
        other.holds.iter().all(|part| self.holds.contains(part))
            && (other.all
                || (!self.all
                    && self.names.is_subset(&other.names)
                    && self.patterns.is_subset(&other.patterns)
                    && self.places <= other.places))
    }

    /// What is demanded on this way of all that it does not describe.
    fn demand(mut self, reader: Unevaluated, rest: &Value) -> Value {
        // With all described, nothing is left to demand.
        if !self.all {
            let names = self.names.into_iter().map(|name| (name, json!(true)));
            let patterns = self.patterns.into_iter().map(|one| (one, json!(true)));
            self.holds.push(match reader {
                Unevaluated::Properties => json!({
                    "properties": names.collect::<Keywords>(),
                    "patternProperties": patterns.collect::<Keywords>(),
                    "additionalProperties": rest}),
                Unevaluated::Items => json!({
                    "prefixItems": vec![true; self.places], "items": rest}),
            });
            // An empty keyword is not a keyword in the normal form.
            if let Some(Value::Object(made)) = self.holds.last_mut() {
                made.retain(|name, value| {
                    let is_rest = matches!(name.as_str(), "additionalProperties" | "items");
                    is_rest || !(value == &json!({}) || value == &json!([]))
                });
            }
        }
        match self.holds.len() {
            0 => Value::Bool(true),
            1 => self.holds.remove(0),
            _ => json!({ "allOf": self.holds }),
        }
    }
}

/// Which of the two keywords is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unevaluated {
    Properties,
    Items,
}

impl Unevaluated {
    fn keyword(self) -> &'static str {
        match self {
            Self::Properties => "unevaluatedProperties",
            Self::Items => "unevaluatedItems",
        }
    }

    /// The keyword for what a schema itself does not describe.
    fn plain(self) -> &'static str {
        match self {
            Self::Properties => "additionalProperties",
            Self::Items => "items",
        }
    }
}

/// A schema without these keywords, as far as that is plain.
pub(super) fn without_readers(schema: &Value, steps: &StepBudget) -> Value {
    // Most schemas have none of them.
    if !READERS.iter().any(|name| super::mentions(schema, name)) {
        return schema.clone();
    }
    let none = Map::new();
    let defs = schema.get("$defs").and_then(Value::as_object);
    let reading = WayFinder {
        defs: defs.unwrap_or(&none),
        steps,
    };
    let mut made = reading.of(schema);
    // Definitions are read too, as references lead to them.
    if let (Value::Object(map), Some(defs)) = (&mut made, defs) {
        let defs = defs.iter();
        let defs = defs.map(|(name, body)| (name.clone(), reading.of(body)));
        map.insert("$defs".to_owned(), Value::Object(defs.collect()));
    }
    made
}

struct WayFinder<'a> {
    defs: &'a Keywords,
    steps: &'a StepBudget,
}

impl WayFinder<'_> {
    fn of(&self, schema: &Value) -> Value {
        let Value::Object(map) = schema else {
            return schema.clone();
        };
        let mut made = Map::new();
        for (name, value) in map {
            let value = match value {
                Value::Object(all) if MAPS.contains(&name.as_str()) => {
                    let all = all.iter().map(|(key, one)| (key.clone(), self.of(one)));
                    Value::Object(all.collect())
                }
                Value::Array(all) if LISTS.contains(&name.as_str()) => {
                    all.iter().map(|one| self.of(one)).collect()
                }
                _ if SINGLE.contains(&name.as_str()) || READERS.contains(&name.as_str()) => {
                    self.of(value)
                }
                _ => value.clone(),
            };
            made.insert(name.clone(), value);
        }
        // From the inside out: an inner reader counts as a description for the outer one.
        for reader in [Unevaluated::Properties, Unevaluated::Items] {
            self.say(reader, &mut made);
        }
        Value::Object(made)
    }

    /// Puts what one keyword demands into plain ones.
    fn say(&self, reader: Unevaluated, map: &mut Keywords) {
        let Some(rest) = map.get(reader.keyword()).cloned() else {
            return;
        };
        let mut bare = map.clone();
        bare.remove(reader.keyword());
        // What costs too much, or is not known, stays as it is.
        if !self.steps.take(8 * weight(&Value::Object(bare.clone()))) || is_marked(&rest) {
            return;
        }
        let Some(ways) = self.ways(reader, &bare, MAX_REFERENCES) else {
            return;
        };
        map.remove(reader.keyword());
        if is_anything(&rest) {
            // It demands nothing, and says to those around it that all is described.
            super::add_part(map, json!({ reader.plain(): true }));
            return;
        }
        let mut demands = ways
            .into_iter()
            .map(|way| way.demand(reader, &rest))
            .collect::<Vec<_>>();
        let demand = match demands.len() {
            0 => Value::Bool(false),
            1 => demands.remove(0),
            _ => json!({ "anyOf": demands }),
        };
        if !is_anything(&demand) {
            super::add_part(map, demand);
        }
    }

    /// All ways through a schema object; none where there are too many, or one is not known.
    fn ways(
        &self,
        reader: Unevaluated,
        map: &Keywords,
        references: usize,
    ) -> Option<Vec<EvaluationWay>> {
        // `contains` describes the elements that match, which depends on the value.
        if map.contains_key(MARK) || (reader == Unevaluated::Items && map.contains_key("contains"))
        {
            return None;
        }
        let mut ways = vec![own(reader, map)];
        let mut take = |more: Vec<EvaluationWay>| {
            // All are compared with each other, so that many are not even made.
            if ways.len() * more.len() > MAX_COMPARED {
                return None;
            }
            let all = ways
                .iter()
                .flat_map(|way| more.iter().map(|more| way.and(more)));
            ways = widest(all.collect());
            (ways.len() <= MAX_WAYS).then_some(())
        };
        let each = |schema: &Value| self.ways_of(reader, schema, references);
        // All hold, so that each way goes through every part.
        for part in list(map, "allOf") {
            take(each(part)?)?;
        }
        if let Some(name) = map.get("$ref") {
            let name = name.as_str()?.strip_prefix("#/$defs/")?;
            let body = self.defs.get(name)?;
            // References may lead in circles: only a few deep.
            let left = references.checked_sub(1)?;
            take(self.ways_of(reader, body, left)?)?;
        }
        for (name, excludes) in [("anyOf", false), ("oneOf", true)] {
            if map.contains_key(name) {
                let branches = list(map, name).map(|branch| {
                    let ways = each(branch)?.into_iter();
                    Some(ways.map(|way| held(branch, way)).collect())
                });
                take(chosen(branches.collect::<Option<Vec<_>>>()?, excludes)?)?;
            }
        }
        if let Some(condition) = map.get("if") {
            let branch = |name: &str| {
                map.get(name)
                    .map_or_else(|| Some(vec![EvaluationWay::default()]), each)
            };
            let met = each(condition)?;
            let then = branch("then")?;
            let met = met
                .iter()
                .flat_map(|met| then.iter().map(|then| met.and(then)));
            // What a condition describes counts where it is met, and only there.
            let met = met.map(|way| held(condition, way));
            let unmet = json!({ "not": condition });
            let otherwise = branch("else")?.into_iter().map(|way| held(&unmet, way));
            take(met.chain(otherwise).collect())?;
        }
        let dependent = map.get("dependentSchemas").and_then(Value::as_object);
        for (name, schema) in dependent.into_iter().flatten() {
            let sent = json!({"type": "object", "required": [name]});
            let ways = each(schema)?.into_iter().map(|way| held(&sent, way));
            // The name need not be sent: then the schema says nothing.
            take(ways.chain([EvaluationWay::default()]).collect())?;
        }
        Some(ways)
    }

    fn ways_of(
        &self,
        reader: Unevaluated,
        schema: &Value,
        references: usize,
    ) -> Option<Vec<EvaluationWay>> {
        match schema {
            Value::Bool(true) => Some(vec![EvaluationWay::default()]),
            Value::Bool(false) => Some(Vec::new()),
            Value::Object(map) => self.ways(reader, map, references),
            _ => None,
        }
    }
}

fn list<'a>(map: &'a Keywords, name: &str) -> impl Iterator<Item = &'a Value> {
    let list = map.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// What a schema describes by its own keywords.
fn own(reader: Unevaluated, map: &Keywords) -> EvaluationWay {
    let keys = |name: &str| {
        let all = map.get(name).and_then(Value::as_object);
        all.into_iter().flatten().map(|(key, _)| key.clone())
    };
    let mut way = EvaluationWay {
        // What an inner part looked over, it described.
        all: map.contains_key(reader.plain()) || map.contains_key(reader.keyword()),
        ..EvaluationWay::default()
    };
    match reader {
        Unevaluated::Properties => {
            way.names = keys("properties").collect();
            way.patterns = keys("patternProperties").collect();
        }
        Unevaluated::Items => way.places = list(map, "prefixItems").count(),
    }
    way
}

/// A way on which a schema holds.
fn held(schema: &Value, mut way: EvaluationWay) -> EvaluationWay {
    if !way.holds.contains(schema) {
        way.holds.push(schema.clone());
    }
    way
}

/// The ways through a choice: of one branch, or of any that hold together. What the others say is left
/// out: where they hold too, another way describes more.
fn chosen(branches: Vec<Vec<EvaluationWay>>, excludes: bool) -> Option<Vec<EvaluationWay>> {
    // One branch holds and no other, so that what it describes is all.
    if excludes {
        return Some(branches.into_iter().flatten().collect());
    }
    let mut ways: Vec<EvaluationWay> = Vec::new();
    for branch in branches {
        // Before they are made, as they multiply.
        if (ways.len() + 1) * (branch.len() + 1) > MAX_COMPARED {
            return None;
        }
        let with = ways
            .iter()
            .flat_map(|way| branch.iter().map(|more| way.and(more)));
        let with = with.collect::<Vec<_>>();
        ways.extend(with);
        ways.extend(branch);
        ways = widest(ways);
        if ways.len() > MAX_WAYS {
            return None;
        }
    }
    Some(ways)
}

/// Ways without those that lie within another.
fn widest(ways: Vec<EvaluationWay>) -> Vec<EvaluationWay> {
    let mut kept: Vec<EvaluationWay> = Vec::new();
    for way in ways {
        if kept.iter().any(|other| way.is_within(other)) {
            continue;
        }
        // It may be wider than several that were kept.
        kept.retain(|other| !other.is_within(&way));
        kept.push(way);
    }
    kept
}
