//! The schema of a careful caller: it sends declared properties only. Every instance of the closed
//! schema is one of the open schema as well; nothing is ever opened here.

use super::unknown::MARK;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Names that a place declares, plain and as patterns.
#[derive(Debug, Clone, Default, PartialEq)]
struct Names {
    plain: BTreeSet<String>,
    patterns: BTreeSet<String>,
    /// Whether all other names are described too, or may be.
    rest: bool,
}

impl Names {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.patterns.is_empty()
    }

    fn add(&mut self, other: Self) {
        self.plain.extend(other.plain);
        self.patterns.extend(other.patterns);
        self.rest |= other.rest;
    }
}

/// Keywords whose schemas say more about the same value.
const IN_PLACE_LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
const IN_PLACE: &[&str] = &["if", "then", "else", "not"];

/// A normal form, closed. Objects that declare nothing stay open, as a caller cannot know more: but
/// not the root, whose properties are all there is to send, unless it says `true` in so many words.
pub(in crate::schema) fn closed(normal: &Value) -> Value {
    let defs = normal.get("$defs").and_then(Value::as_object).cloned();
    let defs = defs.unwrap_or_default();
    let closer = Closer { defs: &defs };
    let mut schema = closer.close(normal, &Names::default(), &BTreeSet::new());
    // Who demands properties without naming them means any.
    let is_free = [
        "minProperties",
        "propertyNames",
        "unevaluatedProperties",
        MARK,
    ]
    .iter()
    .any(|name| normal.get(*name).is_some())
        || normal
            .get("additionalProperties")
            .is_some_and(|value| value != &json!(false));
    if let Value::Object(map) = &mut schema {
        let is_bare = closer.names(normal, &mut BTreeSet::new()).is_empty();
        if is_bare && !is_free && map.get("type").is_some_and(|name| name == "object") {
            map.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        if !defs.is_empty() {
            map.insert("$defs".to_owned(), Value::Object(closer.all_defs()));
        }
    }
    schema
}

struct Closer<'a> {
    defs: &'a Map<String, Value>,
}

impl Closer<'_> {
    /// The bodies as they are, for places that must not be narrowed, and closed beside them.
    fn all_defs(&self) -> Map<String, Value> {
        let mut all = self.defs.clone();
        for (name, body) in self.defs {
            let body = self.close(body, &Names::default(), &BTreeSet::new());
            all.insert(closed_name(name), body);
        }
        all
    }

    fn target(&self, reference: &Value) -> Option<(&str, &Value)> {
        let name = reference.as_str()?.strip_prefix("#/$defs/")?;
        let (name, body) = self.defs.get_key_value(name)?;
        Some((name, body))
    }

    /// Closes one place. `outer` is what others declare about the same value; `shared` are the
    /// properties whose values others describe as well, so that they stay open here.
    fn close(&self, schema: &Value, outer: &Names, shared: &BTreeSet<String>) -> Value {
        let Value::Object(map) = schema else {
            return schema.clone();
        };
        let mut whole = self.names(schema, &mut BTreeSet::new());
        whole.add(outer.clone());
        let own = own_names(map);
        let mut shared = shared.clone();
        shared.extend(self.described_twice(map));
        let mut made = map.clone();
        made.remove("$defs");
        self.close_children(&mut made, &shared);
        self.close_branches(map, &mut made, &whole, &shared);
        let mut others = Names::default();
        for name in IN_PLACE {
            let part = map
                .get(*name)
                .map(|part| self.names(part, &mut BTreeSet::new()));
            others.add(part.unwrap_or_default());
        }
        for part in map
            .get("dependentSchemas")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            others.add(self.names(part.1, &mut BTreeSet::new()));
        }
        if let Some((name, _)) = map.get("$ref").and_then(|reference| self.target(reference))
            && outer.is_empty()
            && map
                .keys()
                .all(|key| matches!(key.as_str(), "$ref" | "$defs"))
        {
            made.insert(
                "$ref".to_owned(),
                json!(format!("#/$defs/{}", closed_name(name))),
            );
            return Value::Object(made);
        }
        let declares = !(own.is_empty() && others.is_empty() && outer.is_empty());
        let has_ref = map.contains_key("$ref") && !whole.is_empty();
        if (declares || has_ref) && !whole.rest {
            seal(&mut made, &whole);
        }
        Value::Object(made)
    }

    fn close_children(&self, made: &mut Map<String, Value>, shared: &BTreeSet<String>) {
        let (nothing, none) = (Names::default(), BTreeSet::new());
        let close = |child: &mut Value| *child = self.close(child, &nothing, &none);
        for name in ["properties", "patternProperties"] {
            if let Some(Value::Object(children)) = made.get_mut(name) {
                let open = children
                    .iter_mut()
                    .filter(|(key, _)| !shared.contains(key.as_str()));
                open.for_each(|(_, child)| close(child));
            }
        }
        if !shared.contains("[]") {
            for name in ["items", "additionalProperties"] {
                made.get_mut(name).into_iter().for_each(close);
            }
            if let Some(Value::Array(children)) = made.get_mut("prefixItems") {
                children.iter_mut().for_each(close);
            }
        }
    }

    /// Branches that all hold, or of which any may hold, are closed where they stand, over the names
    /// of the whole. `oneOf` stays as it is, since fewer matches could make it accept more, and
    /// gets a closed `anyOf` beside it.
    fn close_branches(
        &self,
        map: &Map<String, Value>,
        made: &mut Map<String, Value>,
        whole: &Names,
        shared: &BTreeSet<String>,
    ) {
        for name in IN_PLACE_LISTS {
            let Some(Value::Array(branches)) = map.get(*name) else {
                continue;
            };
            let mut outer = own_names(map);
            if *name == "allOf" {
                outer = whole.clone();
            } else {
                outer.add(self.names_beside(map, name));
                outer.add(whole_minus_branches(whole, self, map));
            }
            let branches = branches
                .iter()
                .map(|branch| self.close(branch, &outer, shared));
            let branches = Value::Array(branches.collect());
            if *name == "oneOf" {
                let parts = made.entry("allOf").or_insert_with(|| json!([]));
                if let Value::Array(parts) = parts {
                    parts.push(json!({ "anyOf": branches }));
                }
            } else {
                made.insert((*name).to_owned(), branches);
            }
        }
    }

    /// Names declared by everything about this value except the branches under `name`.
    fn names_beside(&self, map: &Map<String, Value>, name: &str) -> Names {
        let mut rest = map.clone();
        rest.remove(name);
        self.names(&Value::Object(rest), &mut BTreeSet::new())
    }

    /// Every name that is declared about this value, in whatever branch.
    fn names(&self, schema: &Value, visited: &mut BTreeSet<String>) -> Names {
        let Value::Object(map) = schema else {
            return Names::default();
        };
        let mut names = own_names(map);
        for list in IN_PLACE_LISTS {
            for part in map
                .get(*list)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                names.add(self.names(part, visited));
            }
        }
        for name in IN_PLACE {
            if let Some(part) = map.get(*name) {
                names.add(self.names(part, visited));
            }
        }
        for (_, part) in map
            .get("dependentSchemas")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            names.add(self.names(part, visited));
        }
        if let Some((name, body)) = map.get("$ref").and_then(|reference| self.target(reference))
            && visited.insert(name.to_owned())
        {
            names.add(self.names(body, visited));
        }
        names
    }

    /// Properties whose values more than one part describes; `[]` stands for elements.
    fn described_twice(&self, map: &Map<String, Value>) -> BTreeSet<String> {
        let mut seen = BTreeMap::<String, usize>::new();
        let mut count = |names: BTreeSet<String>| {
            for name in names {
                *seen.entry(name).or_default() += 1;
            }
        };
        count(described(map));
        for part in map
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            count(self.all_described(part, &mut BTreeSet::new()));
        }
        for list in ["anyOf", "oneOf"] {
            let parts = map
                .get(list)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let parts = parts.flat_map(|part| self.all_described(part, &mut BTreeSet::new()));
            count(parts.collect());
        }
        for name in ["$ref", "if", "then", "else", "dependentSchemas"] {
            if let Some(part) = map.get(name) {
                count(self.all_described(&json!({ name: part }), &mut BTreeSet::new()));
            }
        }
        seen.retain(|_, times| *times > 1);
        seen.into_keys().collect()
    }

    fn all_described(&self, schema: &Value, visited: &mut BTreeSet<String>) -> BTreeSet<String> {
        let Value::Object(map) = schema else {
            return BTreeSet::new();
        };
        let mut all = described(map);
        let lists = IN_PLACE_LISTS
            .iter()
            .filter_map(|name| map.get(*name)?.as_array());
        let singles = IN_PLACE.iter().filter_map(|name| map.get(*name));
        let dependent = map.get("dependentSchemas").and_then(Value::as_object);
        let parts = lists
            .flatten()
            .chain(singles)
            .chain(dependent.into_iter().flat_map(Map::values));
        for part in parts {
            all.extend(self.all_described(part, visited));
        }
        if let Some((name, body)) = map.get("$ref").and_then(|reference| self.target(reference))
            && visited.insert(name.to_owned())
        {
            all.extend(self.all_described(body, visited));
        }
        all
    }
}

/// What of the whole does not come from branches alone: nothing is known here beyond the outside,
/// which the caller has put into `whole`.
fn whole_minus_branches(whole: &Names, closer: &Closer<'_>, map: &Map<String, Value>) -> Names {
    let inside = closer.names(&Value::Object(map.clone()), &mut BTreeSet::new());
    Names {
        plain: whole.plain.difference(&inside.plain).cloned().collect(),
        patterns: whole
            .patterns
            .difference(&inside.patterns)
            .cloned()
            .collect(),
        rest: whole.rest && !inside.rest,
    }
}

fn closed_name(name: &str) -> String {
    format!("{name}.closed")
}

fn own_names(map: &Map<String, Value>) -> Names {
    let keys = |name: &str| {
        let map = map.get(name).and_then(Value::as_object);
        map.into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    let mut names = Names {
        plain: keys("properties"),
        patterns: keys("patternProperties"),
        rest: describes_rest(map),
    };
    // What must be sent is declared, even when nothing describes it.
    let required = map
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    names
        .plain
        .extend(required.filter_map(|name| name.as_str().map(str::to_owned)));
    names
}

/// Whether a schema stands for the names that are not declared, or something that could not be read.
fn describes_rest(map: &Map<String, Value>) -> bool {
    let is_schema = |name: &&str| map.get(*name).is_some_and(Value::is_object);
    ["additionalProperties", "unevaluatedProperties"]
        .iter()
        .any(is_schema)
        || map.contains_key(MARK)
}

fn described(map: &Map<String, Value>) -> BTreeSet<String> {
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
        all.insert("[]".to_owned());
    }
    all
}

/// Forbids every name but these, unless the schema describes undeclared properties itself.
fn seal(made: &mut Map<String, Value>, names: &Names) {
    match made.get("additionalProperties") {
        None | Some(Value::Bool(true)) => {}
        Some(_) => return,
    }
    for (list, names) in [
        ("properties", &names.plain),
        ("patternProperties", &names.patterns),
    ] {
        if names.is_empty() {
            continue;
        }
        let entry = made.entry(list).or_insert_with(|| json!({}));
        if let Value::Object(entry) = entry {
            for name in names {
                entry.entry(name.clone()).or_insert(Value::Bool(true));
            }
        }
    }
    made.insert("additionalProperties".to_owned(), Value::Bool(false));
}
