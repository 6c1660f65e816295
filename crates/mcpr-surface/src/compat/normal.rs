//! One spelling for schemas that say the same: 2020-12, without annotations, references resolved.
//! Rewrites only what keeps the accepted set as it is; never fetches a reference.

use super::combine::{fold_all_of, one_of_is_any_of};
use super::limits::{MAX_DEPTH, MAX_NODES};
use super::resolve::{
    REFERENCES, ReferenceResolver, ReferenceTarget, Resolved, without_fingerprint,
};
use super::unknown::{MARK, mark};
use crate::canonical::exact_text;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// A referenced schema of more nodes than this is shared, not copied, when it is used again.
const COPIED_NODES: usize = 48;

/// A schema in one spelling.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Normal {
    /// The schema; all references are `#/$defs/NAME`, with the bodies in its own `$defs`.
    pub(crate) schema: Value,
    /// What could not be read, which is marked in the schema: references that lead nowhere, keywords
    /// with senseless values.
    pub(crate) opaque: BTreeSet<String>,
}

/// Why a schema has no normal form.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NormalError {
    #[error("the schema is nested deeper than {MAX_DEPTH} levels, references included")]
    TooDeep,
    #[error("the schema has more than {MAX_NODES} nodes, references included")]
    TooLarge,
}

/// The normal form of a schema document.
pub(crate) fn normal(document: &Value) -> Result<Normal, NormalError> {
    let mut walk = Normalizer {
        resolver: ReferenceResolver::of(document),
        open: BTreeMap::new(),
        recursive: BTreeSet::new(),
        done: BTreeMap::new(),
        defs: Map::new(),
        opaque: BTreeSet::new(),
        nodes: 0,
        depth: 0,
        evaluates: looks_at_evaluated(document),
        part: 0,
        shared: 0,
    };
    let mut schema = walk.target(&ReferenceTarget {
        pointer: String::new(),
        schema: document,
        part: 0,
    })?;
    if !walk.defs.is_empty() {
        let defs = Value::Object(walk.defs);
        match &mut schema {
            Value::Object(map) => {
                map.insert("$defs".to_owned(), defs);
            }
            _ => walk.opaque.clear(),
        }
    }
    Ok(Normal {
        schema,
        opaque: walk.opaque,
    })
}

struct Normalizer<'a> {
    resolver: ReferenceResolver<'a>,
    /// Targets that are being expanded, and the name each has should it turn out recursive.
    open: BTreeMap<String, String>,
    recursive: BTreeSet<String>,
    /// Targets expanded before, with their size.
    done: BTreeMap<String, (Value, usize)>,
    defs: Map<String, Value>,
    opaque: BTreeSet<String>,
    nodes: usize,
    depth: usize,
    /// Whether any keyword looks at what others have evaluated: one that accepts everything then says
    /// something still.
    evaluates: bool,
    /// The part of the document that is read, from which references start.
    part: usize,
    /// How many definitions are shared.
    shared: usize,
}

type Step = Result<Value, NormalError>;

impl Normalizer<'_> {
    /// What a reference becomes: the body it names, or a reference into our own `$defs`.
    fn target(&mut self, target: &ReferenceTarget<'_>) -> Step {
        let pointer = &target.pointer;
        if let Some(name) = self.open.get(pointer) {
            self.recursive.insert(pointer.clone());
            return Ok(reference(name));
        }
        let name = format!("d{}", self.open.len() + self.done.len());
        if let Some((body, nodes)) = self.done.get(pointer) {
            if *nodes <= COPIED_NODES || body.get("$ref").is_some() {
                self.nodes += (*nodes).min(COPIED_NODES);
                return Ok(body.clone());
            }
            self.shared += 1;
            let name = format!("s{}", self.shared);
            let shared = reference(&name);
            self.defs.insert(name, body.clone());
            self.done.insert(pointer.clone(), (shared.clone(), 1));
            return Ok(shared);
        }
        let before = self.nodes;
        self.open.insert(pointer.clone(), name.clone());
        let outer = std::mem::replace(&mut self.part, target.part);
        let body = self.schema(target.schema)?;
        self.part = outer;
        self.open.remove(pointer);
        let body = if self.recursive.remove(pointer) {
            self.defs.insert(name.clone(), body);
            reference(&name)
        } else {
            body
        };
        let size = self.nodes - before;
        self.done.insert(pointer.clone(), (body.clone(), size));
        Ok(body)
    }

    fn schema(&mut self, schema: &Value) -> Step {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(NormalError::TooLarge);
        }
        if self.depth > MAX_DEPTH {
            return Err(NormalError::TooDeep);
        }
        self.depth += 1;
        let made = match schema {
            Value::Bool(_) => Ok(schema.clone()),
            Value::Object(map) => self.within(schema, map),
            other => Ok(Value::Object(self.unread(format!("no schema: {other}")))),
        };
        self.depth -= 1;
        made
    }

    /// One that stands in a part of its own, or in the one around it.
    fn within(&mut self, schema: &Value, map: &Map<String, Value>) -> Step {
        let own = self.resolver.part_at(schema, self.part);
        if let Some(what) = self.resolver.unread_part(own) {
            return Ok(Value::Object(self.unread(what)));
        }
        let outer = std::mem::replace(&mut self.part, own);
        let made = self.object(map);
        self.part = outer;
        made
    }

    /// A schema of which nothing is known.
    fn unread(&mut self, what: String) -> Map<String, Value> {
        let mut made = Map::new();
        self.mark(&mut made, what);
        made
    }

    fn mark(&mut self, made: &mut Map<String, Value>, what: String) {
        self.opaque.insert(without_fingerprint(&what).to_owned());
        mark(made, what);
    }

    fn object(&mut self, map: &Map<String, Value>) -> Step {
        let mut targets = Vec::new();
        for keyword in REFERENCES {
            if let Some(value) = map.get(*keyword).filter(|_| self.resolver.knows(keyword)) {
                targets.push(match self.resolver.resolve(keyword, value, self.part) {
                    Resolved::Found(target) => self.target(&target)?,
                    Resolved::Unread(what) => Value::Object(self.unread(what)),
                    Resolved::Outside(uri) => Value::Object(self.unread(format!("$ref {uri}"))),
                });
            }
        }
        // Up to draft 7 a reference stands alone, whatever is written beside it.
        if self.resolver.ignores_siblings()
            && let Some(target) = targets.pop()
        {
            return Ok(target);
        }
        let mut siblings = self.keywords(map)?;
        if siblings.is_empty() && targets.len() == 1 {
            return Ok(targets.remove(0));
        }
        if !targets.is_empty() {
            let parts = siblings.remove("allOf");
            let mut parts = parts.and_then(list_of).unwrap_or_default();
            parts.extend(targets);
            siblings.insert("allOf".to_owned(), Value::Array(parts));
        }
        Ok(tidy(siblings, self.evaluates))
    }

    /// Every keyword that accepts or refuses, each in its one spelling.
    fn keywords(&mut self, map: &Map<String, Value>) -> Result<Map<String, Value>, NormalError> {
        let mut made = Map::new();
        for (name, value) in map {
            match name.as_str() {
                name if !self.resolver.knows(name) => {}
                "properties" | "patternProperties" | "dependentSchemas" => {
                    self.map_of_schemas(name, value, &mut made)?;
                }
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                    self.list_of_schemas(name, value, &mut made)?;
                }
                "items" if value.is_array() => {
                    self.list_of_schemas("prefixItems", value, &mut made)?;
                    if let Some(rest) = map.get("additionalItems") {
                        made.insert("items".to_owned(), self.schema(rest)?);
                    }
                }
                "items"
                | "additionalProperties"
                | "propertyNames"
                | "contains"
                | "not"
                | "if"
                | "then"
                | "else"
                | "unevaluatedProperties"
                | "unevaluatedItems" => {
                    made.insert(name.clone(), self.schema(value)?);
                }
                "dependencies" => self.dependencies(value, &mut made)?,
                _ => self.assertion(name, value, map, &mut made),
            }
        }
        Ok(made)
    }

    fn map_of_schemas(
        &mut self,
        name: &str,
        value: &Value,
        made: &mut Map<String, Value>,
    ) -> Result<(), NormalError> {
        let Some(map) = value.as_object() else {
            self.mark(made, format!("{name} {value}"));
            return Ok(());
        };
        let mut schemas = Map::new();
        for (key, value) in map {
            schemas.insert(key.clone(), self.schema(value)?);
        }
        if !schemas.is_empty() {
            merge_into(made, name, Value::Object(schemas));
        }
        Ok(())
    }

    fn list_of_schemas(
        &mut self,
        name: &str,
        value: &Value,
        made: &mut Map<String, Value>,
    ) -> Result<(), NormalError> {
        let Some(list) = value.as_array() else {
            self.mark(made, format!("{name} {value}"));
            return Ok(());
        };
        let mut schemas = Vec::new();
        for value in list {
            schemas.push(self.schema(value)?);
        }
        if !schemas.is_empty() {
            made.insert(name.to_owned(), Value::Array(schemas));
        }
        Ok(())
    }

    /// Draft 7's `dependencies`: lists of names, or schemas.
    fn dependencies(
        &mut self,
        value: &Value,
        made: &mut Map<String, Value>,
    ) -> Result<(), NormalError> {
        for (key, value) in value.as_object().into_iter().flatten() {
            let (name, value) = if value.is_array() {
                ("dependentRequired", value.clone())
            } else {
                ("dependentSchemas", self.schema(value)?)
            };
            merge_into(made, name, json!({ key: value }));
        }
        Ok(())
    }

    /// One keyword without schemas in it.
    fn assertion(
        &mut self,
        name: &str,
        value: &Value,
        map: &Map<String, Value>,
        made: &mut Map<String, Value>,
    ) {
        let mut put = |name: &str, value: Value| {
            made.insert(name.to_owned(), value);
        };
        match (name, value) {
            ("type", Value::Array(types)) => put(name, one_type(types)),
            ("enum", Value::Array(values)) => put(name, Value::Array(sorted(values.clone()))),
            ("const", value) if !map.contains_key("enum") => put("enum", json!([value])),
            ("const", value) => put(name, value.clone()),
            ("required", Value::Array(names)) if names.is_empty() => {}
            ("required", Value::Array(names)) => put(name, Value::Array(sorted(names.clone()))),
            ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(exclusive)) => {
                let plain = if name == "exclusiveMinimum" {
                    "minimum"
                } else {
                    "maximum"
                };
                if let Some(bound) = map.get(plain).filter(|_| *exclusive) {
                    put(name, bound.clone());
                }
            }
            (
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf",
                Value::Number(_),
            )
            | ("type" | "pattern", Value::String(_))
            | ("uniqueItems", Value::Bool(true)) => put(name, value.clone()),
            ("dependentRequired", Value::Object(_)) => merge_into(made, name, value.clone()),
            (
                "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
                | "maxProperties" | "minContains" | "maxContains",
                Value::Number(number),
            ) => match whole(number) {
                Some(0) if name.starts_with("min") && name != "minContains" => {}
                Some(count) => put(name, Value::from(count)),
                None => self.mark(made, format!("{name} {value}")),
            },
            ("uniqueItems", Value::Bool(false)) => {}
            (
                "type" | "enum" | "required" | "minimum" | "maximum" | "exclusiveMinimum"
                | "exclusiveMaximum" | "multipleOf" | "pattern" | "dependentRequired" | "minLength"
                | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
                | "minContains" | "maxContains" | "uniqueItems",
                _,
            ) => self.mark(made, format!("{name} {value}")),
            _ => {}
        }
    }
}

/// The last rewriting of a schema object, once its parts are in their one spelling.
fn tidy(mut map: Map<String, Value>, evaluates: bool) -> Value {
    if !map.contains_key("if") {
        map.remove("then");
        map.remove("else");
    }
    if !map.contains_key("contains") {
        map.remove("minContains");
        map.remove("maxContains");
    }
    for name in [
        "propertyNames",
        "items",
        "unevaluatedItems",
        "unevaluatedProperties",
    ] {
        let only_annotates = name != "propertyNames" && evaluates;
        if map.get(name).is_some_and(is_anything) && !only_annotates {
            map.remove(name);
        }
    }
    // An explicit `true` is kept: it distinguishes a free-form object from one that nobody described.
    if map.get("additionalProperties").is_some_and(is_anything) {
        map.insert("additionalProperties".to_owned(), Value::Bool(true));
    }
    let in_place = [
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "dependentSchemas",
        "contains",
        "$ref",
        "not",
        MARK,
    ];
    if !in_place.iter().any(|name| map.contains_key(*name)) {
        for (name, plain) in [
            ("unevaluatedProperties", "additionalProperties"),
            ("unevaluatedItems", "items"),
        ] {
            if let Some(value) = map.remove(name)
                && !map.contains_key(plain)
            {
                map.insert(plain.to_owned(), value);
            }
        }
    }
    if map.get("oneOf").is_some_and(one_of_is_any_of) && !map.contains_key("anyOf") {
        let branches = map.remove("oneOf").unwrap_or_default();
        map.insert("anyOf".to_owned(), branches);
    }
    if map
        .get("anyOf")
        .and_then(Value::as_array)
        .is_some_and(|list| list.len() == 1)
    {
        let only = map.remove("anyOf").and_then(list_of).unwrap_or_default();
        let parts = map.remove("allOf").and_then(list_of).unwrap_or_default();
        let parts = parts.into_iter().chain(only).collect();
        map.insert("allOf".to_owned(), Value::Array(parts));
    }
    if let Some(Value::Object(inner)) = map.get("not")
        && inner.is_empty()
    {
        return Value::Bool(false);
    }
    fold_all_of(map)
}

fn looks_at_evaluated(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            let readers = ["unevaluatedItems", "unevaluatedProperties"];
            readers.iter().any(|name| map.contains_key(*name))
                || map.values().any(looks_at_evaluated)
        }
        Value::Array(list) => list.iter().any(looks_at_evaluated),
        _ => false,
    }
}

/// Whether a schema accepts everything, as far as its spelling shows.
pub(super) fn is_anything(schema: &Value) -> bool {
    match schema {
        Value::Bool(accepts) => *accepts,
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn list_of(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(list) => Some(list),
        _ => None,
    }
}

/// Adds the members of an object to those that stand under `name` already.
fn merge_into(made: &mut Map<String, Value>, name: &str, value: Value) {
    match (made.get_mut(name), value) {
        (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
        (_, value) => {
            made.insert(name.to_owned(), value);
        }
    }
}

/// Values in one order, each once; `1` and `1.0` are one value.
fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    values.sort_by_cached_key(exact_text);
    values.dedup_by_key(|value| exact_text(value));
    values
}

fn one_type(types: &[Value]) -> Value {
    let mut types = sorted(types.to_vec());
    if types.contains(&json!("number")) {
        types.retain(|name| name != "integer");
    }
    match types.as_slice() {
        [only] => only.clone(),
        _ => Value::Array(types),
    }
}

/// A count, also when it is written as `3.0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole, and not below zero; a larger one saturates"
)]
fn whole(number: &serde_json::Number) -> Option<u64> {
    let float = || {
        number
            .as_f64()
            .filter(|value| *value >= 0.0 && value.fract() == 0.0)
    };
    number
        .as_u64()
        .or_else(|| float().map(|value| value as u64))
}
