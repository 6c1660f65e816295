//! A schema as a person reads it: references followed, the several spellings of one thing made one,
//! words kept. Rules look at this form; what is proven is proven on the schemas as they were written.

use super::compat::combine::can_join;
use super::compat::resolve::{Resolved, Resolver};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many subschemas are read, with references followed.
const MAX_READ_NODES: usize = 60_000;

/// How deep subschemas are read.
const MAX_READ_DEPTH: usize = 200;

/// A schema with its references followed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub(super) schema: Value,
    /// References that lead out of the document or nowhere, and how often each is made.
    pub(super) unknown: BTreeMap<String, usize>,
}

/// Reads a schema document; none when it is larger than is read.
pub(super) fn read(document: &Value) -> Option<Reading> {
    let mut reader = Reader {
        resolver: Resolver::of(document),
        open: Vec::new(),
        recursive: BTreeSet::new(),
        unknown: BTreeMap::new(),
        nodes: 0,
    };
    let mut schema = reader.schema(document)?;
    if let Value::Object(map) = &mut schema {
        map.remove("$schema");
        map.remove("$id");
        let defs = reader.recursive_definitions()?;
        for name in ["$defs", "definitions"] {
            map.remove(name);
        }
        if !defs.is_empty() {
            map.insert("$defs".to_owned(), Value::Object(defs));
        }
    }
    Some(Reading {
        schema,
        unknown: reader.unknown,
    })
}

struct Reader<'a> {
    resolver: Resolver<'a>,
    open: Vec<String>,
    recursive: BTreeSet<String>,
    unknown: BTreeMap<String, usize>,
    nodes: usize,
}

impl Reader<'_> {
    fn schema(&mut self, schema: &Value) -> Option<Value> {
        self.nodes += 1;
        if self.nodes > MAX_READ_NODES || self.open.len() > MAX_READ_DEPTH {
            return None;
        }
        let Value::Object(map) = schema else {
            return Some(schema.clone());
        };
        let mut made = Map::new();
        for (name, value) in map {
            if !self.resolver.knows(name) {
                continue;
            }
            let value = match name.as_str() {
                "properties" | "patternProperties" | "dependentSchemas" => self.map_of(value)?,
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => self.list_of(value)?,
                "items" if value.is_array() => self.list_of(value)?,
                "items"
                | "additionalProperties"
                | "additionalItems"
                | "contains"
                | "not"
                | "if"
                | "then"
                | "else"
                | "propertyNames"
                | "unevaluatedProperties"
                | "unevaluatedItems" => self.schema(value)?,
                _ => value.clone(),
            };
            made.insert(name.clone(), value);
        }
        if let Some(Value::String(uri)) = map.get("$ref") {
            made = self.followed(uri, made)?;
        }
        Some(plain(made))
    }

    fn map_of(&mut self, value: &Value) -> Option<Value> {
        let Value::Object(map) = value else {
            return Some(value.clone());
        };
        let entries = map
            .iter()
            .map(|(key, value)| Some((key.clone(), self.schema(value)?)));
        entries.collect::<Option<Map<_, _>>>().map(Value::Object)
    }

    fn list_of(&mut self, value: &Value) -> Option<Value> {
        let Value::Array(list) = value else {
            return Some(value.clone());
        };
        let list = list.iter().map(|value| self.schema(value));
        list.collect::<Option<Vec<_>>>().map(Value::Array)
    }

    /// What a reference names, with the words that stand beside it.
    fn followed(
        &mut self,
        uri: &str,
        mut beside: Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        let is_word = |name: &String| WORDS.contains(&name.as_str());
        if self.resolver.ignores_siblings() {
            beside.retain(|name, _| name == "$ref" || is_word(name));
        }
        let Resolved::Found(pointer, body) = self.resolver.resolve(uri) else {
            *self.unknown.entry(uri.to_owned()).or_default() += 1;
            return Some(beside);
        };
        if self.open.contains(&pointer) || pointer.is_empty() {
            beside.insert(
                "$ref".to_owned(),
                json!(format!("#/$defs/{}", short(&pointer))),
            );
            self.recursive.insert(pointer);
            return Some(beside);
        }
        beside.remove("$ref");
        self.open.push(pointer);
        let target = self.schema(body);
        self.open.pop();
        let target = target?;
        let Value::Object(mut target) = target else {
            if target != Value::Bool(true) {
                beside.insert("not".to_owned(), json!({}));
            }
            return Some(beside);
        };
        target.remove("$defs");
        target.remove("definitions");
        if beside.keys().all(is_word) {
            target.extend(beside);
            return Some(target);
        }
        let parts = beside.entry("allOf").or_insert_with(|| json!([]));
        if let Value::Array(parts) = parts {
            parts.push(Value::Object(target));
        }
        Some(beside)
    }

    /// The bodies of what refers to itself, each read once.
    fn recursive_definitions(&mut self) -> Option<Map<String, Value>> {
        let mut defs = Map::new();
        while let Some(pointer) = self
            .recursive
            .iter()
            .find(|pointer| !defs.contains_key(&short(pointer)))
            .cloned()
        {
            let Resolved::Found(_, body) = self.resolver.resolve(&format!("#{pointer}")) else {
                break;
            };
            self.open.push(pointer.clone());
            let mut read = if pointer.is_empty() {
                json!({})
            } else {
                self.schema(body)?
            };
            self.open.pop();
            if let Value::Object(map) = &mut read {
                map.remove("$defs");
                map.remove("definitions");
            }
            defs.insert(short(&pointer), read);
        }
        Some(defs)
    }
}

/// Keywords that accept and refuse nothing.
pub(super) const WORDS: &[&str] = &[
    "description",
    "title",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
];

/// The name that a definition goes by; two places never share one.
fn short(pointer: &str) -> String {
    let named = ["/$defs/", "/definitions/"]
        .iter()
        .find_map(|list| pointer.strip_prefix(list));
    match named {
        _ if pointer.is_empty() => "root".to_owned(),
        Some(name) if !name.contains('/') => name.to_owned(),
        _ => pointer.trim_start_matches('/').replace('/', "."),
    }
}

/// One spelling for what is spelled in several ways.
fn plain(mut map: Map<String, Value>) -> Value {
    map.remove("$anchor");
    if !map.contains_key("enum")
        && let Some(value) = map.remove("const")
    {
        map.insert("enum".to_owned(), json!([value]));
    }
    if let Some(Value::Array(values)) = map.get_mut("enum") {
        values.sort_by_key(ToString::to_string);
        values.dedup();
    }
    if let Some(Value::Array(names)) = map.get_mut("required") {
        names.sort_by_key(ToString::to_string);
        names.dedup();
        if names.is_empty() {
            map.remove("required");
        }
    }
    if map.get("properties").is_some_and(|all| all == &json!({})) {
        map.remove("properties");
    }
    if map.get("items").is_some_and(Value::is_array) {
        let tuple = map.remove("items").unwrap_or_default();
        map.insert("prefixItems".to_owned(), tuple);
        if let Some(rest) = map.remove("additionalItems") {
            map.insert("items".to_owned(), rest);
        }
    }
    if map
        .get("additionalProperties")
        .is_some_and(|rest| rest == &json!({ "not": {} }))
    {
        map.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if map
        .get("additionalProperties")
        .is_some_and(|rest| rest == &json!({}))
    {
        map.insert("additionalProperties".to_owned(), Value::Bool(true));
    }
    for name in ["anyOf", "oneOf"] {
        join_null(&mut map, name);
    }
    for name in ["anyOf", "oneOf", "allOf"] {
        join_only_part(&mut map, name);
    }
    one_type_list(&mut map);
    if map.len() == 1 && map.get("not").is_some_and(|not| not == &json!({})) {
        return Value::Bool(false);
    }
    Value::Object(map)
}

/// `anyOf: [X, null]` as `X` with one more type.
fn join_null(map: &mut Map<String, Value>, name: &str) {
    let Some(Value::Array(branches)) = map.get(name) else {
        return;
    };
    let is_null = |branch: &Value| {
        branch.get("type").is_some_and(|name| name == "null")
            || branch
                .get("enum")
                .is_some_and(|values| values == &json!([null]))
    };
    let (nulls, others) = branches
        .iter()
        .partition::<Vec<_>, _>(|branch| is_null(branch));
    let ([_], [Value::Object(other)]) = (nulls.as_slice(), others.as_slice()) else {
        return;
    };
    let mut joined = other.clone();
    let types = match joined.get("type") {
        Some(Value::String(name)) => vec![json!(name)],
        Some(Value::Array(names)) => names.clone(),
        _ => return,
    };
    // Of a `oneOf`, null may match both.
    let takes_null = types.contains(&json!("null"));
    if !can_be_one(map, name, &joined)
        || (name == "oneOf" && takes_null)
        || ["anyOf", "oneOf", "allOf", "$ref", "not", "if"]
            .iter()
            .any(|key| joined.contains_key(*key))
    {
        return;
    }
    joined.insert(
        "type".to_owned(),
        types.into_iter().chain([json!("null")]).collect(),
    );
    if let Some(Value::Array(values)) = joined.get_mut("enum") {
        values.push(Value::Null);
        values.sort_by_key(ToString::to_string);
        values.dedup();
    }
    map.remove(name);
    joined.extend(std::mem::take(map));
    *map = joined;
}

/// Whether the keywords of a branch say the same beside those of the schema that has it.
fn can_be_one(map: &Map<String, Value>, name: &str, branch: &Map<String, Value>) -> bool {
    let judging = |map: &Map<String, Value>| {
        let mut map = map.clone();
        map.retain(|key, _| key != name && !WORDS.contains(&key.as_str()));
        map
    };
    let (map, branch) = (judging(map), judging(branch));
    branch.keys().all(|key| !map.contains_key(key)) && can_join(&map, &branch)
}

/// A list of one branch is that branch.
fn join_only_part(map: &mut Map<String, Value>, name: &str) {
    let Some(Value::Array(parts)) = map.get(name) else {
        return;
    };
    let [Value::Object(only)] = parts.as_slice() else {
        return;
    };
    if !can_be_one(map, name, only) {
        return;
    }
    let mut joined = only.clone();
    map.remove(name);
    joined.extend(std::mem::take(map));
    *map = joined;
}

fn one_type_list(map: &mut Map<String, Value>) {
    let Some(Value::Array(names)) = map.get_mut("type") else {
        return;
    };
    names.sort_by_key(ToString::to_string);
    names.dedup();
    if let [only] = names.as_slice() {
        let only = only.clone();
        map.insert("type".to_owned(), only);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(draft: &str, expected: &Value) {
        let document = json!({
            "$schema": draft, "type": "object",
            "$defs": {"tree": {"properties": {"next": {"$ref": "#/$defs/tree", "required": ["a"]}}}},
            "properties": {"t": {"$ref": "#/$defs/tree"}}
        });
        let read = read(&document).expect("a small schema");
        let place = "/properties/t/properties/next";
        assert_eq!(read.schema.pointer(place), Some(expected));
    }

    #[test]
    fn what_stands_beside_a_recursive_reference_counts_since_2019() {
        check(
            "http://json-schema.org/draft-07/schema#",
            &json!({"$ref": "#/$defs/tree"}),
        );
        check(
            "https://json-schema.org/draft/2020-12/schema",
            &json!({"$ref": "#/$defs/tree", "required": ["a"]}),
        );
    }
}
