//! Inclusion of objects and arrays, child by child; a part of `structure`.

use super::combine::fold_all_of;
use super::engine::CompiledSchema;
use super::structure::{Assumed, InclusionProof};
use super::texts::{are_disjoint, exactly, pattern_includes};
use super::unknown::is_marked;
use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

pub(super) const ARRAY_KEYWORDS: &[&str] = &[
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "uniqueItems",
];
pub(super) const OBJECT_KEYWORDS: &[&str] = &[
    "properties",
    "patternProperties",
    "additionalProperties",
    "required",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "dependentRequired",
];

type Keywords = Map<String, Value>;

fn count(map: &Keywords, name: &str) -> Option<u64> {
    map.get(name).and_then(Value::as_u64)
}

fn schemas<'a>(map: &'a Keywords, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    map.get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn names<'a>(map: &'a Keywords, name: &str) -> Vec<&'a str> {
    let list = map
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    list.filter_map(Value::as_str).collect()
}

pub(super) fn arrays_include(
    proof: &InclusionProof<'_>,
    narrow: &Keywords,
    wide: &Keywords,
    assumed: &Assumed,
) -> bool {
    let tuple = |map: &Keywords| {
        map.get("prefixItems")
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    };
    let element = |map: &Keywords, at: usize| {
        let tuple = map.get("prefixItems").and_then(Value::as_array);
        let schema = tuple
            .and_then(|list| list.get(at))
            .or_else(|| map.get("items"));
        // Past the tuple, and without `items`, everything fits.
        schema.cloned().unwrap_or(Value::Bool(true))
    };
    let longest = count(narrow, "maxItems");
    // Past a position that nothing fits, nothing follows.
    // One past the longer tuple stands for all that follow: `items` says the same of each.
    let last = tuple(narrow).max(tuple(wide));
    let stop = (0..=last).find(|at| element(narrow, *at) == Value::Bool(false));
    let longest = longest
        .into_iter()
        .chain(stop.and_then(|at| u64::try_from(at).ok()))
        .min();
    // Whether elements differ is only sure where there is one at most.
    if count(wide, "minItems").unwrap_or(0) > count(narrow, "minItems").unwrap_or(0)
        || (wide.contains_key("uniqueItems") && longest.is_none_or(|most| most > 1))
    {
        return false;
    }
    if let Some(most) = count(wide, "maxItems")
        && longest.is_none_or(|longest| longest > most)
    {
        return false;
    }
    (0..=last).all(|at| {
        // No element stands there: nothing has to be shown.
        longest.is_some_and(|most| u64::try_from(at).is_ok_and(|at| at >= most))
            || proof.includes(&element(narrow, at), &element(wide, at), &assumed.below())
    })
}

/// How many names two objects try on patterns before that takes steps.
const FREE_MATCHES: u64 = 50_000;

/// What it takes to try a further name on a pattern.
const STEPS_PER_MATCH: u64 = 4;

pub(super) fn objects_include(
    proof: &InclusionProof<'_>,
    narrow: &Keywords,
    wide: &Keywords,
    assumed: &Assumed,
) -> bool {
    let objects = ObjectPair {
        proof,
        narrow,
        wide,
        below: assumed.below(),
        compiled: RefCell::default(),
        free_matches: Cell::new(FREE_MATCHES),
        is_short: Cell::new(false),
    };
    // The cheap ones first: these take no proof of children.
    objects.names_include()
        && objects.sizes_include()
        && objects.properties_include()
        && objects.patterns_include()
        && objects.rest_includes()
        && !objects.is_short.get()
}

struct ObjectPair<'a> {
    proof: &'a InclusionProof<'a>,
    narrow: &'a Keywords,
    wide: &'a Keywords,
    below: Assumed,
    /// Patterns are read once, not once for each name; one that cannot be read matches nothing.
    compiled: RefCell<HashMap<String, Option<CompiledSchema>>>,
    free_matches: Cell<u64>,
    /// Whether a name was not tried for want of steps: then nothing is proven.
    is_short: Cell<bool>,
}

impl ObjectPair<'_> {
    /// Whether a pattern matches a name. The names times the patterns may be many: those beyond a few
    /// take steps.
    fn matches(&self, pattern: &str, name: &str) -> bool {
        let free = self.free_matches.get();
        self.free_matches.set(free.saturating_sub(1));
        if self.is_short.get() || (free == 0 && !self.proof.steps.take(STEPS_PER_MATCH)) {
            self.is_short.set(true);
            return false;
        }
        let mut compiled = self.compiled.borrow_mut();
        let judge = compiled
            .entry(pattern.to_owned())
            .or_insert_with(|| CompiledSchema::of(&json!({ "pattern": pattern })));
        judge
            .as_ref()
            .is_some_and(|judge| judge.accepts(&json!(name)))
    }

    fn names_include(&self) -> bool {
        let sent = names(self.narrow, "required");
        let is_sure = |name: &&str| sent.contains(name);
        let dependent = schemas(self.wide, "dependentRequired").all(|(key, more)| {
            let same = self
                .narrow
                .get("dependentRequired")
                .and_then(|all| all.get(key));
            let more = more
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            // The key is never there, or all that it asks for is sent in any case.
            same == self.wide["dependentRequired"].get(key)
                || self.child(key) == Value::Bool(false)
                || more.into_iter().all(|name| is_sure(&name))
        });
        names(self.wide, "required").iter().all(is_sure)
            && dependent
            && self
                .wide
                .get("propertyNames")
                .is_none_or(|schema| self.all_names_fit(schema))
    }

    /// Whether the names are known, all of them, and fit.
    fn all_names_fit(&self, schema: &Value) -> bool {
        let judge = CompiledSchema::of(schema);
        // Patterns or other names could be anything.
        self.is_finite()
            && !is_marked(schema)
            && judge.is_some_and(|judge| {
                schemas(self.narrow, "properties").all(|(name, value)| {
                    // It is never sent, whatever its name.
                    value == &Value::Bool(false) || judge.accepts(&json!(name))
                })
            })
    }

    fn is_finite(&self) -> bool {
        self.narrow.get("additionalProperties") == Some(&Value::Bool(false))
            && schemas(self.narrow, "patternProperties").next().is_none()
    }

    fn sizes_include(&self) -> bool {
        // What is required is there, so that it counts as a least size.
        let required = u64::try_from(names(self.narrow, "required").len()).unwrap_or(0);
        let least = count(self.narrow, "minProperties")
            .unwrap_or(0)
            .max(required);
        let known = u64::try_from(schemas(self.narrow, "properties").count()).ok();
        // The number of declared names is a bound only where there are no others.
        let known = known.filter(|_| self.is_finite());
        let most = count(self.narrow, "maxProperties")
            .into_iter()
            .chain(known)
            .min();
        count(self.wide, "minProperties").unwrap_or(0) <= least
            && count(self.wide, "maxProperties")
                .is_none_or(|bound| most.is_some_and(|most| most <= bound))
    }

    /// What the narrow side says about the value of a name.
    fn child(&self, name: &str) -> Value {
        let own = self.narrow.get("properties").and_then(|all| all.get(name));
        let patterns = schemas(self.narrow, "patternProperties");
        let matching = patterns.filter(|(pattern, _)| self.matches(pattern, name));
        let parts = own
            .into_iter()
            .chain(matching.map(|(_, schema)| schema))
            .cloned();
        let mut parts = parts.collect::<Vec<_>>();
        match (parts.len(), self.narrow.get("additionalProperties")) {
            // No own schema: the rest applies, and only then.
            (0, rest) => rest.cloned().unwrap_or(Value::Bool(true)),
            (1, _) => parts.remove(0),
            // A name may match a pattern and be declared: all of it holds.
            _ => fold_all_of(
                [("allOf".to_owned(), Value::Array(parts))]
                    .into_iter()
                    .collect(),
            ),
        }
    }

    fn properties_include(&self) -> bool {
        schemas(self.wide, "properties")
            .all(|(name, wide)| self.proof.includes(&self.child(name), wide, &self.below))
    }

    /// What the wide side says about names that match a pattern.
    fn patterns_include(&self) -> bool {
        schemas(self.wide, "patternProperties").all(|(pattern, wide)| {
            let named = schemas(self.narrow, "properties").all(|(name, _)| {
                !self.matches(pattern, name)
                    || self.proof.includes(&self.child(name), wide, &self.below)
            });
            let others = schemas(self.narrow, "patternProperties").all(|(other, schema)| {
                // No name matches both, so that nothing is asked of these.
                are_disjoint(other, pattern, self.proof.steps)
                    || self.proof.includes(schema, wide, &self.below)
            });
            let mut covering = schemas(self.narrow, "patternProperties");
            let is_covered = covering
                .any(|(other, _)| pattern_includes(pattern, other, self.proof.steps))
                || self.names_all_of(pattern);
            // Names that match here and nowhere on the narrow side fall under its rest.
            named && others && (is_covered || self.includes_rest(wide))
        })
    }

    /// Whether every name that matches a pattern is a property of its own.
    fn names_all_of(&self, pattern: &str) -> bool {
        let names = schemas(self.narrow, "properties").map(|(name, _)| name.as_str());
        let names = names
            .filter(|name| self.matches(pattern, name))
            .map(exactly);
        let names = names.collect::<Vec<_>>();
        // An empty list would make a pattern that matches the empty name.
        !names.is_empty()
            && pattern_includes(
                pattern,
                &format!("^({})$", names.join("|")),
                self.proof.steps,
            )
    }

    /// What the wide side says about all other names.
    fn rest_includes(&self) -> bool {
        let Some(wide) = self.wide.get("additionalProperties") else {
            return true;
        };
        let is_declared = |name: &str| {
            self.wide
                .get("properties")
                .is_some_and(|all| all.get(name).is_some())
                || schemas(self.wide, "patternProperties")
                    .any(|(pattern, _)| self.matches(pattern, name))
        };
        let named = schemas(self.narrow, "properties").all(|(name, _)| {
            is_declared(name) || self.proof.includes(&self.child(name), wide, &self.below)
        });
        let others = schemas(self.narrow, "patternProperties").all(|(pattern, schema)| {
            schemas(self.wide, "patternProperties")
                .any(|(other, _)| pattern_includes(pattern, other, self.proof.steps))
                || self.proof.includes(schema, wide, &self.below)
        });
        named && others && self.includes_rest(wide)
    }

    fn includes_rest(&self, wide: &Value) -> bool {
        let rest = self.narrow.get("additionalProperties").cloned();
        self.proof
            .includes(&rest.unwrap_or(Value::Bool(true)), wide, &self.below)
    }
}
