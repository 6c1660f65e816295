//! Proposals from the places where two schemas differ, however far in they stand: through references
//! that lead back, branches and elements. The nearest place first; values are sought there, and the
//! smallest value of each schema on the way is put around them. Proposals only, see `confirm`.

use super::steps::{StepBudget, weight};
use super::witness::{Search, WitnessPlace};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

/// How many pairs of places are looked at.
const MAX_PLACES: usize = 4_000;

/// How many places that differ are tried.
const MAX_TRIED: usize = 6;

/// How many values of one place are put into what stands around it.
const MAX_VALUES: usize = 6;

/// How deep the smallest values are built.
const MAX_LEAST_DEPTH: usize = 12;

/// One step from a place to one inside it.
enum Inward<'a> {
    Property(&'a String),
    Element,
    /// A branch or a part: what fits it is to fit the place around it too.
    Part,
}

/// A step, the place that it starts from, and the steps before it.
struct Way<'a> {
    from: &'a Value,
    step: Inward<'a>,
    before: Option<Rc<Way<'a>>>,
}

/// Two places that stand for each other.
struct Pair<'a> {
    old: &'a Value,
    new: &'a Value,
    way: Option<Rc<Way<'a>>>,
}

/// Values of `sent` that `new` may refuse.
pub(super) fn find_apart(sent: &Value, new: &Value, steps: &StepBudget) -> Vec<Value> {
    let finder = Finder {
        search: Search::of(sent, new, steps),
        steps,
    };
    finder.found(sent, new)
}

struct Finder<'a> {
    search: Search<'a>,
    steps: &'a StepBudget,
}

impl<'a> Finder<'a> {
    fn found(&self, sent: &'a Value, new: &'a Value) -> Vec<Value> {
        let mut made = Vec::new();
        let mut visited = BTreeSet::new();
        let (mut looked_at, mut tried) = (0, 0);
        let mut rest = VecDeque::from([Pair {
            old: sent,
            new,
            way: None,
        }]);
        while let Some(pair) = rest.pop_front() {
            looked_at += 1;
            if looked_at > MAX_PLACES || tried >= MAX_TRIED || !self.steps.take(20) {
                break;
            }
            let (old, new) = (self.target(pair.old, true), self.target(pair.new, false));
            // Where references lead, a pair may come again for ever.
            let is_reference = !std::ptr::eq(old, pair.old) || !std::ptr::eq(new, pair.new);
            if is_reference && !visited.insert((std::ptr::from_ref(old), std::ptr::from_ref(new))) {
                continue;
            }
            let pair = Pair { old, new, ..pair };
            if is_apart(&pair) {
                tried += 1;
                made.extend(self.values(&pair));
            }
            rest.extend(self.inner(&pair));
        }
        made
    }

    /// What a reference names, on either side; everything else stays what it is.
    fn target(&self, schema: &'a Value, is_old: bool) -> &'a Value {
        let defs = if is_old {
            self.search.old_defs
        } else {
            self.search.new_defs
        };
        let mut schema = schema;
        // A reference may name another one; a chain of them is not followed to its end.
        for _ in 0..8 {
            let name = schema.get("$ref").and_then(Value::as_str);
            let name = name.and_then(|name| name.strip_prefix("#/$defs/"));
            match name.and_then(|name| defs?.get(name)) {
                Some(inner) => schema = inner,
                None => break,
            }
        }
        schema
    }

    /// The places inside two places that do not say the same.
    fn inner(&self, pair: &Pair<'a>) -> Vec<Pair<'a>> {
        let (Some(old), Some(new)) = (pair.old.as_object(), pair.new.as_object()) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut add = |old: &'a Value, new: &'a Value, step: Inward<'a>| {
            // Equal texts may still refer to what differs.
            if old != new || refers(old) {
                let before = pair.way.clone();
                let from = pair.old;
                let way = Way { from, step, before };
                let way = Some(Rc::new(way));
                found.push(Pair { old, new, way });
            }
        };
        let both = |name: &str| Some((old.get(name)?, new.get(name)?));
        if let Some((Value::Object(olds), Value::Object(news))) = both("properties") {
            for (name, old) in olds {
                if let Some(new) = news.get(name) {
                    add(old, new, Inward::Property(name));
                }
            }
        }
        if let Some((old, new)) = both("items") {
            add(old, new, Inward::Element);
        }
        for name in ["anyOf", "oneOf", "allOf"] {
            if let Some((Value::Array(olds), Value::Array(news))) = both(name) {
                for (old, new) in paired(olds, news) {
                    add(old, new, Inward::Part);
                }
            }
        }
        self.steps.take(2 * found.len() as u64);
        found
    }

    /// Values of a place that differs, each within the smallest value around it.
    fn values(&self, pair: &Pair<'a>) -> Vec<Value> {
        // The most of it goes to the first places, which are mostly the last as well.
        let some = self.steps.at_most(self.steps.left() / 3);
        let search = Search {
            steps: &some,
            ..self.search
        };
        let place = WitnessPlace {
            olds: vec![pair.old],
            news: vec![pair.new],
        };
        let mut values = search.values(&place, 0);
        values.truncate(MAX_VALUES);
        self.steps.take(some.taken());
        let around = values.into_iter();
        around
            .filter_map(|value| self.around(value, pair.way.as_ref()))
            .collect()
    }

    /// The value with all that stands around it, from the inside out.
    fn around(&self, value: Value, way: Option<&Rc<Way<'a>>>) -> Option<Value> {
        let mut made = value;
        let mut way = way;
        while let Some(here) = way {
            let from = self.target(here.from, true);
            made = match here.step {
                Inward::Property(name) => {
                    let Value::Object(mut object) = self.least(from, MAX_LEAST_DEPTH)? else {
                        return None;
                    };
                    object.insert(name.clone(), made);
                    Value::Object(object)
                }
                Inward::Element => {
                    let least = from.get("minItems").and_then(Value::as_u64).unwrap_or(1);
                    // A longer list is not worth its weight.
                    let count = usize::try_from(least.clamp(1, 64)).unwrap_or(1);
                    Value::Array(vec![made; count])
                }
                Inward::Part => self.completed(made, from),
            };
            if !self.steps.take(2 * weight(&made)) {
                return None;
            }
            way = here.before.as_ref();
        }
        Some(made)
    }

    /// A value of a branch, with what the place around it demands besides.
    fn completed(&self, value: Value, from: &'a Value) -> Value {
        let Value::Object(mut object) = value else {
            return value;
        };
        for (name, value) in self.demanded(from, MAX_LEAST_DEPTH) {
            object.entry(name).or_insert(value);
        }
        Value::Object(object)
    }

    /// What a schema demands of an object, each with its smallest value.
    fn demanded(&self, schema: &'a Value, depth: usize) -> Map<String, Value> {
        let required = schema.get("required").and_then(Value::as_array);
        let names = required.into_iter().flatten().filter_map(Value::as_str);
        let properties = schema.get("properties");
        let entries = names.filter_map(|name| {
            let schema = properties.and_then(|all| all.get(name))?;
            Some((name.to_owned(), self.least(schema, depth)?))
        });
        entries.collect()
    }

    /// The smallest value of a schema: of an object, what is required; else one that the search
    /// proposes.
    fn least(&self, schema: &'a Value, depth: usize) -> Option<Value> {
        let schema = self.target(schema, true);
        if depth == 0 || !self.steps.take(20) {
            return None;
        }
        let is_object = schema.get("type").is_some_and(|name| name == "object")
            || schema.get("properties").is_some();
        if is_object {
            let mut object = self.demanded(schema, depth - 1);
            for name in ["anyOf", "oneOf"] {
                let branches = schema.get(name).and_then(Value::as_array);
                let first = branches.and_then(|branches| branches.first());
                if let Some(Value::Object(more)) =
                    first.and_then(|first| self.least(first, depth - 1))
                {
                    object.extend(more);
                }
            }
            return Some(Value::Object(object));
        }
        let place = WitnessPlace {
            olds: vec![schema],
            news: vec![schema],
        };
        self.search.values(&place, 0).into_iter().next()
    }
}

/// Keywords that say something about the places inside, or nothing at all.
const INNER: &[&str] = &[
    "properties",
    "items",
    "anyOf",
    "oneOf",
    "allOf",
    "$defs",
    "$schema",
    "title",
    "description",
];

/// Whether the new place demands something by itself that the old one does not, and not only in what
/// is inside it.
fn is_apart(pair: &Pair<'_>) -> bool {
    let (Some(old), Some(new)) = (pair.old.as_object(), pair.new.as_object()) else {
        return pair.old != pair.new;
    };
    let is_closed = old.get("additionalProperties") == Some(&Value::Bool(false));
    let demands = |(name, value): (&String, &Value)| {
        // A careful caller sends nothing that the new side could refuse by its rule for the rest.
        let is_known = is_closed && name == "additionalProperties";
        !is_known && !INNER.contains(&name.as_str()) && old.get(name) != Some(value)
    };
    let fewer = |name: &&str| {
        let count =
            |map: &Map<String, Value>| map.get(*name).and_then(Value::as_array).map(Vec::len);
        count(old) != count(new)
    };
    new.iter().any(demands) || ["anyOf", "oneOf", "allOf"].iter().any(fewer)
}

/// The branches of two lists that stand for each other: those that one list alone has, in order. A
/// branch that is gone is held against all that is left.
fn paired<'a>(olds: &'a [Value], news: &'a [Value]) -> Vec<(&'a Value, &'a Value)> {
    if olds.len() == news.len() {
        return olds.iter().zip(news).collect();
    }
    // By their texts: lists of thousands would take the square of that otherwise.
    let texts = |list: &[Value]| list.iter().map(Value::to_string).collect::<BTreeSet<_>>();
    let (old_texts, new_texts) = (texts(olds), texts(news));
    let gone = olds
        .iter()
        .filter(|one| !new_texts.contains(&one.to_string()));
    let mut come = news
        .iter()
        .filter(|one| !old_texts.contains(&one.to_string()));
    gone.map(|old| (old, come.next().unwrap_or(&Value::Bool(false))))
        .collect()
}

fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.contains_key("$ref") || map.values().any(refers),
        Value::Array(list) => list.iter().any(refers),
        _ => false,
    }
}
