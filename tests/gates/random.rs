//! Random schemas of the sorts that tools have, with some that they seldom have, and edits of them.

use super::truth::validator;
use fastrand::Rng;
use serde_json::{Map, Value, json};

pub(crate) const NAMES: [&str; 5] = ["a", "b", "c", "id", "name"];

/// A schema of a value.
pub(crate) fn schema(rng: &mut Rng, depth: usize) -> Value {
    let sort = rng.usize(0..if depth == 0 { 11 } else { 21 });
    match sort {
        0 => json!({"type": "string"}),
        1 => bounded(rng, "string", "minLength", "maxLength"),
        2 => json!({"type": "string", "enum": some(rng, &["x", "y", "z", "w"])}),
        3 => bounded(rng, "integer", "minimum", "maximum"),
        4 => bounded(rng, "number", "exclusiveMinimum", "maximum"),
        5 => json!({"type": ["string", "null"]}),
        6 => json!({"type": "string", "pattern": *rng.choice(PATTERNS).unwrap()}),
        7 => json!({"enum": mixed(rng)}),
        8 => json!({"const": mixed(rng)[0]}),
        9 => odd(rng),
        10 => json!({"type": *rng.choice(TYPES).unwrap()}),
        11 => array(rng, depth - 1),
        12 => tuple(rng, depth - 1),
        13 => json!({"anyOf": [schema(rng, depth - 1), schema(rng, depth - 1)]}),
        14 => json!({"oneOf": [schema(rng, depth - 1), schema(rng, depth - 1)]}),
        15 => json!({"allOf": [object(rng, depth - 1), object(rng, depth - 1)]}),
        16 => conditional(rng, depth - 1),
        17 => json!({"$ref": *rng.choice(REFERENCES).unwrap()}),
        _ => object(rng, depth - 1),
    }
}

/// Where the definitions of a document are.
const REFERENCES: &[&str] = &["#/$defs/tree", "#/$defs/leaf", "#"];

const TYPES: &[&str] = &["null", "boolean", "number", "integer", "array", "object"];

/// A document of a tool's parameters, with definitions that may refer to themselves; some of them of
/// an older draft.
pub(crate) fn document(rng: &mut Rng) -> Value {
    let mut made = match rng.u8(0..40) {
        0 => looked_over(rng),
        1..4 => named(rng),
        _ => object(rng, 2),
    };
    let is_named = made.get("$defs").is_some();
    define(rng, &mut made);
    if !is_named && rng.u8(0..5) == 0 {
        made["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    }
    made
}

/// Adds the definitions that are referred to and are not there: a document with a reference that leads
/// nowhere says nothing, and no validator takes it.
fn define(rng: &mut Rng, document: &mut Value) {
    let text = document.to_string();
    for name in ["tree", "leaf"] {
        let is_there = document.pointer(&format!("/$defs/{name}")).is_some();
        if is_there || !text.contains(&format!("\"#/$defs/{name}\"")) {
            continue;
        }
        let body = if name == "tree" {
            json!({"type": "object", "properties": {
                "value": schema(rng, 0), "next": {"$ref": "#/$defs/tree"},
                "all": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}})
        } else {
            schema(rng, 1)
        };
        document["$defs"][name] = body;
        // A body may refer to the other one.
        return define(rng, document);
    }
}

fn mixed(rng: &mut Rng) -> Vec<Value> {
    let all = [
        json!("x"),
        json!("1"),
        json!(1),
        json!(1.0),
        json!(2),
        json!(0.5),
        Value::Null,
        json!(true),
        json!([]),
        json!({"a": 1}),
    ];
    let mut picked = all.to_vec();
    picked.retain(|_| rng.u8(0..3) == 0);
    if picked.is_empty() {
        picked.push(rng.choice(all).unwrap());
    }
    picked
}

/// No floating-point number is near enough to distinguish this integer from the next.
const BIG: u64 = 1_081_004_946_872_352_958;

/// Names that are free, with values that are not, of which one or another must be sent.
fn map_beside_choices(rng: &mut Rng) -> Value {
    let rest = rng.choice(["string", "integer"]).unwrap();
    let choice = rng.choice(["anyOf", "oneOf"]).unwrap();
    json!({"type": "object", "properties": {"a": {"type": "string"}},
        "additionalProperties": {"type": rest},
        choice: [{"required": ["a"]}, {"required": ["b"], "properties": {"b": {}}}]})
}

/// Nothing of its own but that what its parts do not describe is refused.
fn looked_over(rng: &mut Rng) -> Value {
    let list = rng.choice(["anyOf", "allOf", "oneOf"]).unwrap();
    let mut parts = vec![object(rng, 0), object(rng, 0)];
    for part in &mut parts {
        if let Value::Object(map) = part {
            map.remove("additionalProperties");
        }
    }
    json!({"type": "object", list: parts, "unevaluatedProperties": false})
}

/// Definitions that are known by names of their own, and what refers to them.
fn named(rng: &mut Rng) -> Value {
    let (old, keyword, reference, key, name) = rng
        .choice([
            (false, "$ref", "part", "$id", "part"),
            (false, "$ref", "#k", "$anchor", "k"),
            (false, "$ref", "#k", "$dynamicAnchor", "k"),
            (false, "$dynamicRef", "#k", "$dynamicAnchor", "k"),
            (true, "$ref", "#k", "$id", "#k"),
        ])
        .unwrap();
    let mut target = bounded(rng, "integer", "minimum", "maximum");
    if rng.bool() {
        target = json!({"type": "string", "enum": some(rng, &["x", "y", "z"])});
    }
    target[key] = json!(name);
    let mut made = json!({"type": "object", "properties": {
        "a": {keyword: reference}, "b": schema(rng, 0)}, "$defs": {"t": target}});
    if old {
        made["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    }
    made
}

/// What is seldom written, but may be.
fn odd(rng: &mut Rng) -> Value {
    let all = [
        json!(true),
        json!({}),
        json!({"not": {"type": "string"}}),
        json!({"minimum": 1}),
        json!({"maxLength": 2}),
        json!({"type": "number", "multipleOf": 0.5}),
        json!({"type": "number", "multipleOf": 0.1}),
        json!({"type": "number", "multipleOf": 3, "maximum": 1e15}),
        json!({"type": "integer", "maximum": 9_007_199_254_740_993_i64}),
        json!({"type": ["integer", "string"], "minimum": 0, "maxLength": 1}),
        json!({"type": "string", "format": "uri"}),
        json!({"type": ["object", "null"], "properties": {"a": {"type": "string"}}}),
        json!({"type": "object", "patternProperties": {"^x": {"type": "integer"}}}),
        json!({"type": "object", "propertyNames": {"enum": ["a", "b"]}}),
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"type": "object", "maxProperties": 1}),
        json!({"type": "string", "maxLength": rng.u64(2_999..3_002)}),
        json!({"type": "array", "maxItems": rng.u64(400..402), "uniqueItems": rng.bool()}),
        json!({"enum": [BIG, BIG + rng.u64(0..2)]}),
        map_beside_choices(rng),
        json!({"type": "array", "contains": {"type": "string"}, "unevaluatedItems": rng.bool()}),
        json!({"type": "array", "allOf": [{"items": rng.bool()}], "unevaluatedItems": false}),
        json!({"minItems": 1, "items": {"type": "boolean"}}),
        json!({"enum": [{"a": 1}, {"b": rng.u8(0..2)}]}),
        json!({"type": "object", "properties": {"b": {}}, "enum": [{"a": 1}, {"b": 2}]}),
        json!({"type": "object", "const": {"c": {"a": rng.u8(0..2)}}}),
        json!({"type": "object", "properties": {"a": {"type": "string"}},
            "dependentRequired": {"a": [*rng.choice(NAMES).unwrap()]}}),
        looked_over(rng),
        json!({"anyOf": [object(rng, 0), object(rng, 0)]}),
    ];
    rng.choice(all).unwrap()
}

fn array(rng: &mut Rng, depth: usize) -> Value {
    let mut made = json!({"type": "array", "items": schema(rng, depth)});
    match rng.u8(0..6) {
        0 => made["minItems"] = json!(rng.u64(0..2)),
        1 => made["maxItems"] = json!(rng.u64(0..4)),
        2 => made["uniqueItems"] = json!(true),
        3 => made["contains"] = schema(rng, 0),
        _ => {}
    }
    made
}

/// In both spellings: where a draft does not know one of them, it says nothing.
fn tuple(rng: &mut Rng, depth: usize) -> Value {
    let places = json!([schema(rng, depth), schema(rng, 0)]);
    match rng.u8(0..4) {
        0 => json!({"type": "array", "items": places, "additionalItems": rng.bool()}),
        1 => json!({"type": "array", "prefixItems": places}),
        _ => json!({"type": "array", "prefixItems": places, "items": schema(rng, 0)}),
    }
}

fn conditional(rng: &mut Rng, depth: usize) -> Value {
    let mut made = object(rng, depth);
    let name: &str = rng.choice(NAMES).unwrap();
    if rng.bool() {
        made["if"] = json!({"properties": {name: schema(rng, 0)}, "required": [name]});
        made["then"] = json!({"required": [*rng.choice(NAMES).unwrap()]});
        made["else"] = json!({"properties": {*rng.choice(NAMES).unwrap(): schema(rng, 0)}});
    } else {
        made["dependentSchemas"] = json!({name: object(rng, 0)});
    }
    made
}

const PATTERNS: &[&str] = &[
    "^[a-z]+$",
    "^[a-z0-9]+$",
    "^a",
    "b",
    "^(x|y)$",
    "^\\d{1,3}$",
];

fn bounded(rng: &mut Rng, name: &str, low: &str, high: &str) -> Value {
    let mut made = json!({ "type": name });
    if rng.bool() {
        made[low] = json!(rng.u64(0..3));
    }
    if rng.bool() {
        made[high] = json!(rng.u64(3..7));
    }
    if name == "integer" && rng.u8(0..4) == 0 {
        made["multipleOf"] = json!(rng.u64(2..4));
    }
    made
}

fn some(rng: &mut Rng, all: &[&str]) -> Vec<Value> {
    let mut picked = all
        .iter()
        .filter(|_| rng.bool())
        .map(|one| json!(one))
        .collect::<Vec<_>>();
    if picked.is_empty() {
        picked.push(json!(all[0]));
    }
    picked
}

/// An object as tools take it.
pub(crate) fn object(rng: &mut Rng, depth: usize) -> Value {
    let mut properties = Map::new();
    for _ in 0..rng.usize(1..4) {
        properties.insert((*rng.choice(NAMES).unwrap()).to_owned(), schema(rng, depth));
    }
    let required = properties
        .keys()
        .filter(|_| rng.u8(0..3) == 0)
        .cloned()
        .collect::<Vec<_>>();
    let mut made = json!({"type": "object", "properties": properties, "required": required});
    match rng.u8(0..6) {
        0 | 1 => made["additionalProperties"] = json!(false),
        2 => made["additionalProperties"] = schema(rng, 0),
        3 if rng.bool() => made["minProperties"] = json!(1),
        4 if rng.bool() => made["not"] = json!({"required": [*rng.choice(NAMES).unwrap()]}),
        5 if rng.bool() => made["dependentRequired"] = json!({"a": ["b"]}),
        _ => {}
    }
    made
}

/// One random edit, somewhere in the schema; another one where it takes away what a reference needs.
pub(crate) fn edited(rng: &mut Rng, old: &Value) -> Value {
    loop {
        let mut new = edited_somewhere(rng, old);
        if new.is_object() {
            define(rng, &mut new);
        }
        if validator(&new).is_some() {
            return new;
        }
    }
}

fn edited_somewhere(rng: &mut Rng, old: &Value) -> Value {
    let mut new = old.clone();
    let places = places(&new, String::new());
    let place = rng.choice(&places).cloned().unwrap_or_default();
    let Some(target) = new.pointer_mut(&place) else {
        return new;
    };
    let Value::Object(map) = target else {
        *target = schema(rng, 1);
        return new;
    };
    match rng.u8(0..10) {
        9 => {
            let (from, to) = rng
                .choice([("anyOf", "oneOf"), ("oneOf", "anyOf")])
                .unwrap();
            if let Some(branches) = map.remove(from) {
                map.insert(to.to_owned(), branches);
            }
        }
        0 => *target = schema(rng, 1),
        7 => numbers_moved(rng, map),
        8 => {
            let list = rng.choice(["anyOf", "oneOf", "enum", "required"]).unwrap();
            if let Some(Value::Array(all)) = map.get_mut(list)
                && all.len() > 1
            {
                all.remove(rng.usize(0..all.len()));
            }
        }
        1 => {
            let name = map.keys().nth(rng.usize(0..map.len().max(1))).cloned();
            map.remove(&name.unwrap_or_default());
        }
        2 => *target = json!({"anyOf": [target.clone(), schema(rng, 0)]}),
        3 => {
            let all = map.entry("properties").or_insert_with(|| json!({}));
            let name = rng.choice(NAMES).unwrap();
            all[name] = schema(rng, 1);
        }
        4 => {
            map.insert("required".to_owned(), json!([*rng.choice(NAMES).unwrap()]));
        }
        5 => {
            map.insert("additionalProperties".to_owned(), json!(rng.bool()));
        }
        _ => {
            let other = schema(rng, 0);
            map.extend(other.as_object().cloned().unwrap_or_default());
        }
    }
    new
}

/// Bounds moved by one.
fn numbers_moved(rng: &mut Rng, map: &mut Map<String, Value>) {
    for value in map.values_mut() {
        if let Some(number) = value.as_u64().filter(|number| *number < 1_000) {
            *value = json!(if rng.bool() {
                number + 1
            } else {
                number.saturating_sub(1).max(1)
            });
        }
    }
}

/// Pointers of every subschema.
fn places(schema: &Value, at: String) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in schema.as_object().into_iter().flatten() {
        let inner = format!("{at}/{name}");
        match (name.as_str(), value) {
            ("properties" | "$defs" | "dependentSchemas", Value::Object(map)) => {
                all.extend(
                    map.iter()
                        .flat_map(|(key, one)| places(one, format!("{inner}/{key}"))),
                );
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(list)) => {
                let each = list.iter().enumerate();
                all.extend(each.flat_map(|(index, one)| places(one, format!("{inner}/{index}"))));
            }
            ("items" | "not" | "additionalProperties", Value::Object(_)) => {
                all.extend(places(value, inner));
            }
            _ => {}
        }
    }
    all.push(at);
    all
}
