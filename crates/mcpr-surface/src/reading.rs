//! A schema as a person reads it: references followed, the several spellings of one thing made one,
//! words kept. Rules look at this form; what is proven is proven on the schemas as they were written.

use super::compat::combine::can_join;
use super::compat::resolve::{REFERENCES, ReferenceResolver, ReferenceTarget, Resolved};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How many subschemas are read, with references followed.
// Far beyond real schemas: the bound is for references that double what they name at each step.
const MAX_READ_NODES: usize = 60_000;

/// How deep subschemas are read.
// Only references count, for the parser bounds how deep the text itself is nested.
const MAX_READ_DEPTH: usize = 200;

/// A schema with its references followed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReadSchema {
    pub(super) schema: Value,
    /// References that lead out of the document or nowhere, and how often each is made.
    pub(super) unknown: BTreeMap<String, usize>,
}

/// Reads a schema document; none when it is larger than is read.
pub(super) fn read(document: &Value) -> Option<ReadSchema> {
    let mut reader = SchemaReader {
        document,
        resolver: ReferenceResolver::of(document),
        open: Vec::new(),
        part: 0,
        recursive: BTreeMap::new(),
        unknown: BTreeMap::new(),
        nodes: 0,
    };
    let mut schema = reader.schema(document)?;
    // Only what refers to itself still needs a definition; the rest was read in place.
    if let Value::Object(map) = &mut schema {
        let defs = reader.recursive_definitions()?;
        for name in ["$defs", "definitions"] {
            map.remove(name);
        }
        if !defs.is_empty() {
            map.insert("$defs".to_owned(), Value::Object(defs));
        }
    }
    Some(ReadSchema {
        schema,
        unknown: reader.unknown,
    })
}

struct SchemaReader<'a> {
    document: &'a Value,
    resolver: ReferenceResolver<'a>,
    // References that are being followed: one that comes again refers to itself.
    open: Vec<String>,
    /// The part of the document that is read, from which references start.
    part: usize,
    /// What refers to itself, and from which part its references start.
    recursive: BTreeMap<String, (&'a Value, usize)>,
    unknown: BTreeMap<String, usize>,
    nodes: usize,
}

impl SchemaReader<'_> {
    fn schema(&mut self, schema: &Value) -> Option<Value> {
        self.nodes += 1;
        if self.nodes > MAX_READ_NODES || self.open.len() > MAX_READ_DEPTH {
            return None;
        }
        let Value::Object(map) = schema else {
            return Some(schema.clone());
        };
        // An `$id` begins a part with its own base, from which references inside it start.
        let own = self.resolver.part_at(schema, self.part);
        if let Some(what) = self.resolver.unread_part(own) {
            return Some(unread(&what));
        }
        let outer = std::mem::replace(&mut self.part, own);
        let made = self.object(map);
        self.part = outer;
        made
    }

    fn object(&mut self, map: &Map<String, Value>) -> Option<Value> {
        let mut made = Map::new();
        for (name, value) in map {
            // A keyword that the schema's draft does not know changes nothing; references come
            // last.
            if !self.resolver.knows(name) || REFERENCES.contains(&name.as_str()) {
                continue;
            }
            let value = match name.as_str() {
                "properties" | "patternProperties" | "dependentSchemas" => self.map_of(value)?,
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => self.list_of(value)?,
                "items" if value.is_array() => self.list_of(value)?,
                "dependencies" => self.dependencies(value)?,
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
        // Left in, they would make equal schemas differ that were reached by two ways.
        for name in NAMES {
            made.remove(*name);
        }
        // After the siblings, which a reference may join or, in old drafts, replace.
        for keyword in REFERENCES {
            if let Some(value) = map.get(*keyword).filter(|_| self.resolver.knows(keyword)) {
                made = self.followed(keyword, value, made)?;
            }
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

    /// Lists of names, or schemas.
    fn dependencies(&mut self, value: &Value) -> Option<Value> {
        let Value::Object(map) = value else {
            return Some(value.clone());
        };
        let entry = |(key, value): (&String, &Value)| {
            let read = match value {
                // Names, which hold no schemas.
                Value::Array(_) => value.clone(),
                schema => self.schema(schema)?,
            };
            Some((key.clone(), read))
        };
        let entries = map.iter().map(entry);
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
        keyword: &str,
        reference: &Value,
        mut beside: Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        let is_word = |name: &String| WORDS.contains(&name.as_str());
        // In draft 7 and before, nothing that stands beside a `$ref` counts.
        if self.resolver.ignores_siblings() {
            beside.retain(|name, _| is_word(name));
        }
        let target = match self.resolver.resolve(keyword, reference, self.part) {
            Resolved::Found(target) => target,
            Resolved::Unread(what) => return Some(with_part(beside, unread(&what))),
            Resolved::Outside(uri) => {
                // Counted, so that one more reference to the same place is noticed as well.
                *self.unknown.entry(uri.clone()).or_default() += 1;
                return Some(with_part(beside, json!({"$ref": uri})));
            }
        };
        let ReferenceTarget {
            pointer,
            schema,
            part,
        } = target;
        // The root is always open: it is what is being read.
        if self.open.contains(&pointer) || pointer.is_empty() {
            let name = self.short(&pointer);
            self.recursive.insert(pointer, (schema, part));
            return Some(with_part(
                beside,
                json!({"$ref": format!("#/$defs/{name}")}),
            ));
        }
        let target = self.within(pointer, schema, part)?;
        let Value::Object(mut target) = target else {
            // `false` takes nothing, and `true` asks for nothing.
            if target != Value::Bool(true) {
                return Some(with_part(beside, json!({"not": {}})));
            }
            return Some(beside);
        };
        // Its definitions were followed already, where they are referred to.
        target.remove("$defs");
        target.remove("definitions");
        if beside.keys().all(is_word) {
            // Words beside the reference are about this place, and count over those of the target.
            target.extend(beside);
            return Some(target);
        }
        Some(with_part(beside, Value::Object(target)))
    }

    /// Reads what a reference leads to.
    fn within(&mut self, pointer: String, schema: &Value, part: usize) -> Option<Value> {
        self.open.push(pointer);
        let outer = std::mem::replace(&mut self.part, part);
        let read = self.schema(schema);
        self.part = outer;
        self.open.pop();
        read
    }

    /// The bodies of what refers to itself, each read once.
    fn recursive_definitions(&mut self) -> Option<Map<String, Value>> {
        let mut defs = Map::new();
        // Reading a body may find further ones that refer to themselves.
        loop {
            let left = self.recursive.iter();
            let mut left = left.filter(|(pointer, _)| !defs.contains_key(&self.short(pointer)));
            let Some((pointer, (schema, part))) = left.next() else {
                return Some(defs);
            };
            let (pointer, schema, part) = (pointer.clone(), *schema, *part);
            let name = self.short(&pointer);
            let mut read = if pointer.is_empty() {
                // The root's body stands at the root itself.
                json!({})
            } else {
                self.within(pointer, schema, part)?
            };
            if let Value::Object(map) = &mut read {
                map.remove("$defs");
                map.remove("definitions");
            }
            defs.insert(name, read);
        }
    }

    /// The name that a definition goes by; two places never share one.
    fn short(&self, pointer: &str) -> String {
        if pointer.is_empty() {
            return "root".to_owned();
        }
        // Both lists at once could have two definitions of one name.
        let lists = ["$defs", "definitions"];
        let one_list = !lists.iter().all(|list| self.document.get(*list).is_some());
        let named = lists
            .iter()
            .find_map(|list| pointer.strip_prefix(&format!("/{list}/")));
        match named {
            Some(name) if is_plain_name(name) && one_list => name.to_owned(),
            // A name that no definition has of its own, and that distinguishes `/a.b` from `/a/b`.
            _ => {
                // The signs of the escape are escaped first, so that no two pointers become one
                // name.
                let escaped = pointer.replace('_', "__").replace('.', "_.");
                let escaped = escaped.replace('~', "_t").replace('%', "_p");
                escaped.replace('/', ".")
            }
        }
    }
}

/// Whether a definition may go by its own name.
fn is_plain_name(name: &str) -> bool {
    !(name.contains(['/', '~', '%']) || name.starts_with('.') || name == "root")
}

/// Keywords by which a schema is known; once references are followed, they say nothing.
const NAMES: &[&str] = &[
    "$schema",
    "$id",
    "$anchor",
    "$dynamicAnchor",
    "$recursiveAnchor",
];

/// A schema of which nothing is known but where its text is.
fn unread(what: &str) -> Value {
    json!({"$ref": format!("unread:{what}")})
}

/// A schema that holds beside others; in place where it is alone, but for words.
fn with_part(mut beside: Map<String, Value>, part: Value) -> Map<String, Value> {
    let is_word = |name: &String| WORDS.contains(&name.as_str());
    let part = match part {
        // Words of the place itself count over those of the part.
        Value::Object(mut part) if beside.keys().all(is_word) => {
            part.extend(beside);
            return part;
        }
        // A lone reference may stand beside other keywords in new drafts.
        Value::Object(mut part)
            if part.len() == 1 && part.contains_key("$ref") && !beside.contains_key("$ref") =>
        {
            beside.append(&mut part);
            return beside;
        }
        part => part,
    };
    let parts = beside.entry("allOf").or_insert_with(|| json!([]));
    if let Value::Array(parts) = parts {
        parts.push(part);
    }
    beside
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

/// One spelling for what is spelled in several ways.
fn plain(mut map: Map<String, Value>) -> Value {
    // With both, they limit each other; they are left as they are.
    if !map.contains_key("enum")
        && let Some(value) = map.remove("const")
    {
        map.insert("enum".to_owned(), json!([value]));
    }
    if let Some(Value::Array(values)) = map.get_mut("enum") {
        // The order of values says nothing.
        values.sort_by_key(ToString::to_string);
        values.dedup();
    }
    if let Some(Value::Array(names)) = map.get_mut("required") {
        names.sort_by_key(ToString::to_string);
        names.dedup();
        // Requiring nothing is the same as not saying `required`.
        if names.is_empty() {
            map.remove("required");
        }
    }
    if map.get("properties").is_some_and(|all| all == &json!({})) {
        map.remove("properties");
    }
    // A list under `items` is the older spelling of `prefixItems`, whose rest is `items`.
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
    // Null first: of two alternatives it may leave one, which is joined then.
    for name in ["anyOf", "oneOf"] {
        join_null(&mut map, name);
    }
    for name in ["anyOf", "oneOf", "allOf"] {
        join_only_part(&mut map, name);
    }
    one_type_list(&mut map);
    // `{"not": {}}` is how libraries write `false` where they must write an object.
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
    // A keyword beside the types would limit null as well.
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
    // An enumeration refuses null as well, whatever the type says.
    if let Some(Value::Array(values)) = joined.get_mut("enum") {
        values.push(Value::Null);
        values.sort_by_key(ToString::to_string);
        values.dedup();
    }
    map.remove(name);
    // By `can_be_one` the two share no keyword but words, of which those of the place count.
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
mod tests;
