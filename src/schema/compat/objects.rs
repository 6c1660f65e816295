//! Inclusion of objects and arrays, child by child; a part of `structure`.

use super::combine::fold_all_of;
use super::engine::Judge;
use super::structure::{Assumed, Proof};
use super::texts::{are_disjoint, exactly, pattern_includes};
use super::unknown::is_marked;
use serde_json::{Map, Value, json};

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
    proof: &Proof<'_>,
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
        schema.cloned().unwrap_or(Value::Bool(true))
    };
    let longest = count(narrow, "maxItems");
    // Past a position that nothing fits, nothing follows.
    let last = tuple(narrow).max(tuple(wide));
    let stop = (0..=last).find(|at| element(narrow, *at) == Value::Bool(false));
    let longest = longest
        .into_iter()
        .chain(stop.and_then(|at| u64::try_from(at).ok()))
        .min();
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
        longest.is_some_and(|most| u64::try_from(at).is_ok_and(|at| at >= most))
            || proof.includes(&element(narrow, at), &element(wide, at), &assumed.below())
    })
}

pub(super) fn objects_include(
    proof: &Proof<'_>,
    narrow: &Keywords,
    wide: &Keywords,
    assumed: &Assumed,
) -> bool {
    let objects = Objects {
        proof,
        narrow,
        wide,
        below: assumed.below(),
    };
    objects.names_include()
        && objects.sizes_include()
        && objects.properties_include()
        && objects.patterns_include()
        && objects.rest_includes()
}

struct Objects<'a> {
    proof: &'a Proof<'a>,
    narrow: &'a Keywords,
    wide: &'a Keywords,
    below: Assumed,
}

impl Objects<'_> {
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
        let judge = Judge::of(schema);
        self.is_finite()
            && !is_marked(schema)
            && judge.is_some_and(|judge| {
                schemas(self.narrow, "properties").all(|(name, value)| {
                    value == &Value::Bool(false) || judge.accepts(&json!(name))
                })
            })
    }

    fn is_finite(&self) -> bool {
        self.narrow.get("additionalProperties") == Some(&Value::Bool(false))
            && schemas(self.narrow, "patternProperties").next().is_none()
    }

    fn sizes_include(&self) -> bool {
        let required = u64::try_from(names(self.narrow, "required").len()).unwrap_or(0);
        let least = count(self.narrow, "minProperties")
            .unwrap_or(0)
            .max(required);
        let known = u64::try_from(schemas(self.narrow, "properties").count()).ok();
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
        let matching = patterns.filter(|(pattern, _)| matches(pattern, name));
        let parts = own
            .into_iter()
            .chain(matching.map(|(_, schema)| schema))
            .cloned();
        let mut parts = parts.collect::<Vec<_>>();
        match (parts.len(), self.narrow.get("additionalProperties")) {
            (0, rest) => rest.cloned().unwrap_or(Value::Bool(true)),
            (1, _) => parts.remove(0),
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
                !matches(pattern, name) || self.proof.includes(&self.child(name), wide, &self.below)
            });
            let others = schemas(self.narrow, "patternProperties").all(|(other, schema)| {
                are_disjoint(other, pattern) || self.proof.includes(schema, wide, &self.below)
            });
            let mut covering = schemas(self.narrow, "patternProperties");
            let is_covered = covering.any(|(other, _)| pattern_includes(pattern, other))
                || self.names_all_of(pattern);
            named && others && (is_covered || self.includes_rest(wide))
        })
    }

    /// Whether every name that matches a pattern is a property of its own.
    fn names_all_of(&self, pattern: &str) -> bool {
        let names = schemas(self.narrow, "properties").map(|(name, _)| name.as_str());
        let names = names.filter(|name| matches(pattern, name)).map(exactly);
        let names = names.collect::<Vec<_>>();
        !names.is_empty() && pattern_includes(pattern, &format!("^({})$", names.join("|")))
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
                    .any(|(pattern, _)| matches(pattern, name))
        };
        let named = schemas(self.narrow, "properties").all(|(name, _)| {
            is_declared(name) || self.proof.includes(&self.child(name), wide, &self.below)
        });
        let others = schemas(self.narrow, "patternProperties").all(|(pattern, schema)| {
            schemas(self.wide, "patternProperties")
                .any(|(other, _)| pattern_includes(pattern, other))
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

fn matches(pattern: &str, name: &str) -> bool {
    Judge::of(&json!({ "pattern": pattern })).is_some_and(|judge| judge.accepts(&json!(name)))
}
