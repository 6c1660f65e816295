//! Which names a schema declares about a value, and which properties more than one of its parts
//! describes. Reads only; see `close` for what follows from it.

use super::unknown::MARK;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Names that a place declares, plain and as patterns.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct DeclaredNames {
    pub(super) plain: BTreeSet<String>,
    pub(super) patterns: BTreeSet<String>,
    /// Whether all other names are described too, or may be.
    pub(super) rest: bool,
}

impl DeclaredNames {
    pub(super) fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.patterns.is_empty()
    }

    pub(super) fn add(&mut self, other: Self) {
        self.plain.extend(other.plain);
        self.patterns.extend(other.patterns);
        self.rest |= other.rest;
    }

    pub(super) fn count(&self) -> usize {
        self.plain.len() + self.patterns.len()
    }

    /// Whether adding another changes nothing.
    pub(super) fn lists(&self, other: &Self) -> bool {
        (self.rest || !other.rest)
            && other.plain.is_subset(&self.plain)
            && other.patterns.is_subset(&self.patterns)
    }

    /// Takes away what another lists by name.
    pub(super) fn remove(&mut self, other: &Self) {
        self.plain.retain(|name| !other.plain.contains(name));
        self.patterns.retain(|name| !other.patterns.contains(name));
    }

    /// Whether every name of these is one of some others, taken together.
    pub(super) fn are_covered_by<'o>(
        &self,
        others: &(impl Iterator<Item = &'o Self> + Clone),
    ) -> bool {
        // Who describes all other names has every name.
        if others.clone().any(|other| other.rest) {
            return true;
        }
        let (mut plain, mut patterns) = (self.plain.iter(), self.patterns.iter());
        !self.rest
            && plain.all(|name| others.clone().any(|other| other.plain.contains(name)))
            && patterns.all(|name| others.clone().any(|other| other.patterns.contains(name)))
    }
}

/// Keywords whose schemas say more about the same value.
pub(super) const IN_PLACE_LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
pub(super) const IN_PLACE: &[&str] = &["if", "then", "else", "not"];

/// Stands among described properties for the elements of a list.
pub(super) const ELEMENTS: &str = "[]";

/// Stands among described properties for all of them: values are listed whole.
pub(super) const EVERYTHING: &str = "{}";

/// The definitions that references lead to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definitions<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Definitions<'a> {
    pub(super) fn target(self, reference: &Value) -> Option<(&'a str, &'a Value)> {
        let name = reference.as_str()?.strip_prefix("#/$defs/")?;
        let (name, body) = self.0.get_key_value(name)?;
        Some((name, body))
    }

    /// Every name that is declared or asked for about this value, in whatever branch.
    pub(super) fn names(self, schema: &Value) -> DeclaredNames {
        self.names_beyond(schema, PartRole::SurfaceContent, &mut BTreeSet::new())
    }

    /// Whether any name is declared about this value. Who only asks for a name, or denies it, declares none:
    /// any other may be sent.
    pub(super) fn declares(self, schema: &Value) -> bool {
        schema
            .as_object()
            .is_some_and(|map| self.declares_within(map, &mut BTreeSet::new(), |_| true))
    }

    /// As [`Definitions::declares`], the branches of lists aside.
    pub(super) fn declares_beside_lists(self, map: &Map<String, Value>) -> bool {
        let beside_lists = |name: &str| !IN_PLACE_LISTS.contains(&name);
        self.declares_within(map, &mut BTreeSet::new(), beside_lists)
    }

    /// `counts` says which keywords of this one schema are looked into.
    fn declares_within(
        self,
        map: &Map<String, Value>,
        visited: &mut BTreeSet<String>,
        counts: fn(&str) -> bool,
    ) -> bool {
        let own = own_names(map);
        if !own.is_empty() || own.rest || lists_objects(map) {
            return true;
        }
        let lists = IN_PLACE_LISTS.iter().filter(|name| counts(name));
        let lists = lists
            .filter_map(|name| map.get(*name)?.as_array())
            .flatten();
        let schemas = ["then", "else"].iter().filter_map(|name| map.get(*name));
        let dependent = map.get("dependentSchemas").and_then(Value::as_object);
        let dependent = dependent.into_iter().flat_map(Map::values);
        let mut parts = lists
            .chain(schemas)
            .chain(dependent)
            .filter_map(Value::as_object);
        if parts.any(|part| self.declares_within(part, visited, |_| true)) {
            return true;
        }
        let target = map.get("$ref").and_then(|reference| self.target(reference));
        let Some((name, Value::Object(body))) = target else {
            return false;
        };
        // References may lead in a circle.
        visited.insert(name.to_owned()) && self.declares_within(body, visited, |_| true)
    }

    fn names_beyond(
        self,
        schema: &Value,
        part: PartRole,
        visited: &mut BTreeSet<String>,
    ) -> DeclaredNames {
        let Value::Object(map) = schema else {
            return DeclaredNames::default();
        };
        let mut names = own_names(map);
        // Who sends a value that is listed whole sends names that nothing declares.
        names.rest |= part == PartRole::SurfaceContent && lists_objects(map);
        for (inner, schema) in parts_in_place(map) {
            names.add(self.names_beyond(schema, inner.within(part), visited));
        }
        if let Some((name, body)) = map.get("$ref").and_then(|reference| self.target(reference))
            // References may lead in a circle; what was visited is counted already.
            && visited.insert(name.to_owned())
        {
            names.add(self.names_beyond(body, part, visited));
        }
        names
    }

    /// Properties whose values more than one part describes.
    pub(super) fn described_twice(self, map: &Map<String, Value>) -> BTreeSet<String> {
        let mut seen = BTreeMap::<String, usize>::new();
        let mut count = |names: BTreeSet<String>| {
            for name in names {
                // One list of whole values is enough.
                *seen.entry(name.clone()).or_default() += if name == EVERYTHING { 2 } else { 1 };
            }
        };
        let list = |name: &str| {
            let parts = map.get(name).and_then(Value::as_array);
            parts.into_iter().flatten()
        };
        count(described(map, PartRole::SurfaceContent));
        // Each part on its own, as two of them may describe one property.
        for part in list("allOf") {
            count(self.all_described(part, PartRole::SurfaceContent, &mut BTreeSet::new()));
        }
        // Only one of the alternatives describes the value, so that together they count once.
        for name in ["anyOf", "oneOf"] {
            let all =
                |part| self.all_described(part, PartRole::SurfaceContent, &mut BTreeSet::new());
            let parts = list(name).flat_map(all);
            count(parts.collect());
        }
        for name in ["$ref", "if", "then", "else", "dependentSchemas"] {
            if let Some(part) = map.get(name) {
                // Wrapped, so that each counts apart from its siblings.
                let part = json!({ name: part });
                count(self.all_described(&part, PartRole::SurfaceContent, &mut BTreeSet::new()));
            }
        }
        seen.retain(|_, times| *times > 1);
        seen.into_keys().collect()
    }

    fn all_described(
        self,
        schema: &Value,
        part: PartRole,
        visited: &mut BTreeSet<String>,
    ) -> BTreeSet<String> {
        let Value::Object(map) = schema else {
            return BTreeSet::new();
        };
        let mut all = described(map, part);
        for (inner, schema) in parts_in_place(map) {
            all.extend(self.all_described(schema, inner.within(part), visited));
        }
        if let Some((name, body)) = map.get("$ref").and_then(|reference| self.target(reference))
            && visited.insert(name.to_owned())
        {
            all.extend(self.all_described(body, part, visited));
        }
        all
    }
}

/// How a part speaks of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartRole {
    /// It may be what makes the value fit.
    SurfaceContent,
    /// It only asks, or denies.
    Asked,
}

impl PartRole {
    fn within(self, outer: Self) -> Self {
        if outer == Self::Asked { outer } else { self }
    }
}

/// All schemas right below one that speak about the same value, references aside.
fn parts_in_place(map: &Map<String, Value>) -> impl Iterator<Item = (PartRole, &Value)> {
    let lists = IN_PLACE_LISTS
        .iter()
        .filter_map(|name| map.get(*name)?.as_array());
    let singles = IN_PLACE.iter().filter_map(|name| {
        // What a condition asks for, it does not describe.
        let part = match *name {
            "if" | "not" => PartRole::Asked,
            _ => PartRole::SurfaceContent,
        };
        Some((part, map.get(*name)?))
    });
    let dependent = map.get("dependentSchemas").and_then(Value::as_object);
    let dependent = dependent.into_iter().flat_map(Map::values);
    let schemas = lists.flatten().chain(dependent);
    schemas
        .map(|schema| (PartRole::SurfaceContent, schema))
        .chain(singles)
}

/// The names that a schema declares by its own keywords.
pub(super) fn own_names(map: &Map<String, Value>) -> DeclaredNames {
    let members = |name: &str| {
        let map = map.get(name).and_then(Value::as_object);
        map.into_iter().flatten()
    };
    // A name that may not be sent does not count as declared: a schema that forbids one name allows no others by that.
    let is_sent = |(_, schema): &(&String, &Value)| **schema != Value::Bool(false);
    let keys = |name: &str| {
        let sent = members(name).filter(is_sent);
        sent.map(|(key, _)| key.clone()).collect()
    };
    let mut names = DeclaredNames {
        plain: keys("properties"),
        patterns: keys("patternProperties"),
        rest: describes_rest(map),
    };
    let listed = |value: &Value| {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(|name| name.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    // What must be sent is declared, even when nothing describes it; and so is what is to be sent
    // together with something else.
    names
        .plain
        .extend(map.get("required").map(listed).unwrap_or_default());
    for (key, more) in members("dependentRequired") {
        names.plain.insert(key.clone());
        names.plain.extend(listed(more));
    }
    names
        .plain
        .extend(members("dependentSchemas").map(|(key, _)| key.clone()));
    names
}

/// Whether a schema stands for the names that are not declared, or something could not be read.
fn describes_rest(map: &Map<String, Value>) -> bool {
    let is_schema = |name: &&str| map.get(*name).is_some_and(Value::is_object);
    // Only an object: `true` allows other names, and describes none.
    ["additionalProperties", "unevaluatedProperties"]
        .iter()
        .any(is_schema)
        // Anything may stand in what could not be read.
        || map.contains_key(MARK)
}

/// Whether an enumeration lists objects, or lists of them: whoever sends one sends it as it stands.
pub(super) fn lists_objects(map: &Map<String, Value>) -> bool {
    fn holds_object(value: &Value) -> bool {
        match value {
            Value::Object(_) => true,
            Value::Array(list) => list.iter().any(holds_object),
            _ => false,
        }
    }
    ["enum", "const"].iter().any(|name| {
        // The two differ in form: a list of values, and one value, which may be a list.
        map.get(*name).is_some_and(|values| match values {
            Value::Array(values) => values.iter().any(holds_object),
            value => holds_object(value),
        })
    })
}

fn described(map: &Map<String, Value>, part: PartRole) -> BTreeSet<String> {
    let mut all = own_names(map).plain;
    if [
        "items",
        "prefixItems",
        "additionalProperties",
        "patternProperties",
    ]
    .iter()
    .any(|name| map.contains_key(*name))
    {
        all.insert(ELEMENTS.to_owned());
    }
    if part == PartRole::SurfaceContent && lists_objects(map) {
        all.insert(EVERYTHING.to_owned());
    }
    all
}
