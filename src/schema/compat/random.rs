//! Random schemas, edits of them, and instances a careful caller could send: for the gates. Written
//! apart from the comparison, so that a fault there is not repeated here.

use super::sample::texts_matching;
use fastrand::Rng;
use serde_json::{Map, Value, json};

const NAMES: [&str; 5] = ["a", "b", "c", "id", "name"];

/// A schema of the sorts that tools have, with some that they seldom have.
pub(super) fn schema(rng: &mut Rng, depth: usize) -> Value {
    let sort = rng.usize(0..if depth == 0 { 7 } else { 13 });
    match sort {
        0 => json!({"type": "string"}),
        1 => bounded(rng, "string", "minLength", "maxLength"),
        2 => json!({"type": "string", "enum": some(rng, &["x", "y", "z", "w"])}),
        3 => bounded(rng, "integer", "minimum", "maximum"),
        4 => bounded(rng, "number", "exclusiveMinimum", "maximum"),
        5 => json!({"type": ["string", "null"]}),
        6 => json!({"type": "string", "pattern": *rng.choice(PATTERNS).unwrap()}),
        7 => json!({"type": "array", "items": schema(rng, depth - 1), "minItems": rng.u64(0..2)}),
        8 => json!({"anyOf": [schema(rng, depth - 1), schema(rng, depth - 1)]}),
        9 => json!({"oneOf": [schema(rng, depth - 1), schema(rng, depth - 1)]}),
        10 => json!({"allOf": [object(rng, depth - 1), object(rng, depth - 1)]}),
        _ => object(rng, depth - 1),
    }
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
pub(super) fn object(rng: &mut Rng, depth: usize) -> Value {
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

/// One random edit, somewhere in the schema.
pub(super) fn edited(rng: &mut Rng, old: &Value) -> Value {
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
    match rng.u8(0..7) {
        0 => *target = schema(rng, 1),
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

/// Pointers of every subschema.
fn places(schema: &Value, at: String) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in schema.as_object().into_iter().flatten() {
        let inner = format!("{at}/{name}");
        match (name.as_str(), value) {
            ("properties", Value::Object(map)) => {
                all.extend(
                    map.iter()
                        .flat_map(|(key, one)| places(one, format!("{inner}/{key}"))),
                );
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(list)) => {
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

/// The plainest reading of a careful caller, apart from the one under test: each object that has
/// properties takes no others; of alternatives, one is meant.
pub(super) fn plainly_closed(schema: &Value) -> Value {
    let Value::Object(map) = schema else {
        return schema.clone();
    };
    let mut made = map.clone();
    for name in ["properties", "patternProperties"] {
        if let Some(Value::Object(all)) = made.get_mut(name) {
            all.values_mut().for_each(|one| *one = plainly_closed(one));
        }
    }
    if let Some(branches) = made.remove("oneOf") {
        made.insert("anyOf".to_owned(), branches);
    }
    if let Some(Value::Array(all)) = made.get_mut("anyOf") {
        for one in all {
            *one = plainly_closed(one);
        }
    }
    if let Some(items) = made.get_mut("items").filter(|items| items.is_object()) {
        *items = plainly_closed(items);
    }
    let is_open = made
        .get("additionalProperties")
        .is_none_or(|rest| rest == &json!(true) || rest == &json!({}));
    let is_alone = ["anyOf", "if", "$ref"]
        .iter()
        .all(|name| !made.contains_key(*name));
    let mut names = Vec::new();
    declared(schema, &mut names);
    if is_open && is_alone && !names.is_empty() {
        let all = made.entry("properties").or_insert_with(|| json!({}));
        for name in names {
            if all.get(&name).is_none() {
                all[name] = json!(true);
            }
        }
        made.insert("additionalProperties".to_owned(), json!(false));
    }
    Value::Object(made)
}

/// The names that a schema and the parts of its `allOf` declare.
fn declared(schema: &Value, names: &mut Vec<String>) {
    let all = schema.get("properties").and_then(Value::as_object);
    names.extend(all.into_iter().flatten().map(|(name, _)| name.clone()));
    let list = |name: &str| schema.get(name).and_then(Value::as_array);
    for part in list("allOf").into_iter().flatten() {
        declared(part, names);
        for name in ["anyOf", "oneOf"] {
            let branches = part.get(name).and_then(Value::as_array);
            branches
                .into_iter()
                .flatten()
                .for_each(|branch| declared(branch, names));
        }
    }
}

/// What a value is made for.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) document: &'a Value,
    /// Whether undeclared properties are sent too.
    pub(super) is_careless: bool,
}

impl Source<'_> {
    /// A value that the schema may accept; the caller asks a validator whether it does.
    pub(super) fn instance(self, rng: &mut Rng, schema: &Value, depth: usize) -> Value {
        let Value::Object(map) = schema else {
            return anything(rng, 1);
        };
        if depth > 12 || rng.u8(0..60) == 0 {
            return anything(rng, 1);
        }
        let mut value = None;
        let mut take = |made: Value| match (&mut value, made) {
            (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
            (_, made) => value = Some(made),
        };
        if let Some(target) = map.get("$ref").and_then(Value::as_str) {
            let target = self.document.pointer(target.trim_start_matches('#'));
            take(self.instance(rng, target.unwrap_or(&Value::Null), depth + 1));
        }
        for part in map
            .get("allOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            take(self.instance(rng, part, depth + 1));
        }
        for name in ["anyOf", "oneOf"] {
            if let Some(part) = map
                .get(name)
                .and_then(Value::as_array)
                .and_then(|all| rng.choice(all))
            {
                take(self.instance(rng, part, depth + 1));
            }
        }
        for name in ["then", "else"] {
            if let Some(part) = map.get(name).filter(|_| rng.bool()) {
                take(self.instance(rng, part, depth + 1));
            }
        }
        if let Some(values) = map.get("enum").and_then(Value::as_array) {
            return rng.choice(values).cloned().unwrap_or_default();
        }
        if let Some(only) = map.get("const") {
            return only.clone();
        }
        if map.contains_key("properties") {
            take(self.typed(rng, map, depth));
        }
        value.unwrap_or_else(|| self.typed(rng, map, depth))
    }

    fn typed(self, rng: &mut Rng, map: &Map<String, Value>, depth: usize) -> Value {
        let name = match map.get("type") {
            Some(Value::String(name)) => name.as_str(),
            Some(Value::Array(names)) => {
                rng.choice(names).and_then(Value::as_str).unwrap_or("null")
            }
            _ if map.contains_key("properties") || map.contains_key("required") => "object",
            _ if map.contains_key("items") => "array",
            _ if map.contains_key("pattern") || map.contains_key("minLength") => "string",
            _ => rng
                .choice([
                    "null", "boolean", "number", "integer", "string", "array", "object",
                ])
                .unwrap(),
        };
        match name {
            "null" => Value::Null,
            "boolean" => json!(rng.bool()),
            "integer" => json!(number(rng, map).round()),
            "number" => json!(number(rng, map)),
            "string" => json!(text(rng, map)),
            "array" => self.array(rng, map, depth),
            _ => self.object(rng, map, depth),
        }
    }

    fn array(self, rng: &mut Rng, map: &Map<String, Value>, depth: usize) -> Value {
        let least = map
            .get("minItems")
            .and_then(Value::as_u64)
            .unwrap_or(0)
            .min(40);
        let count = rng.u64(least..=least + 3);
        let tuple = map
            .get("prefixItems")
            .or_else(|| map.get("items").filter(|all| all.is_array()));
        let rest = map
            .get("items")
            .filter(|all| !all.is_array())
            .or_else(|| map.get("additionalItems"));
        let element = |at: u64| {
            let own = tuple.and_then(|tuple| tuple.get(usize::try_from(at).unwrap()));
            let own = own.or(rest).or_else(|| map.get("contains"));
            self.instance(rng, own.unwrap_or(&Value::Bool(true)), depth + 1)
        };
        (0..count).map(element).collect()
    }

    fn object(self, rng: &mut Rng, map: &Map<String, Value>, depth: usize) -> Value {
        let mut made = Map::new();
        let is_required = |name: &String| {
            let list = map.get("required").and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|one| one == name))
        };
        let share = rng.u8(0..=4);
        for (name, schema) in map
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if is_required(name) || rng.u8(0..4) < share {
                made.insert(name.clone(), self.instance(rng, schema, depth + 1));
            }
        }
        for (pattern, schema) in map
            .get("patternProperties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if let Some(name) = rng.choice(texts_matching(pattern)) {
                made.insert(name, self.instance(rng, schema, depth + 1));
            }
        }
        let rest = map
            .get("additionalProperties")
            .filter(|rest| rest.is_object());
        if let Some(rest) = rest.filter(|rest| self.is_careless || *rest != &json!({})) {
            made.insert(
                format!("k{}", rng.u8(0..3)),
                self.instance(rng, rest, depth + 1),
            );
        } else if self.is_careless && rng.bool() {
            made.insert((*rng.choice(NAMES).unwrap()).to_owned(), anything(rng, 1));
        }
        Value::Object(made)
    }
}

fn number(rng: &mut Rng, map: &Map<String, Value>) -> f64 {
    let bound = |name: &str| map.get(name).and_then(Value::as_f64);
    let names = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
    let near = names
        .iter()
        .filter_map(|name| bound(name))
        .collect::<Vec<_>>();
    let start = rng.choice(near).unwrap_or(0.0);
    if let Some(step) = bound("multipleOf") {
        return (start / step).round() * step + step * f64::from(rng.i8(-3..4));
    }
    start + f64::from(rng.i32(-24..25)) / 4.0
}

fn text(rng: &mut Rng, map: &Map<String, Value>) -> String {
    if let Some(pattern) = map.get("pattern").and_then(Value::as_str)
        && rng.u8(0..8) > 0
    {
        return rng.choice(texts_matching(pattern)).unwrap_or_default();
    }
    let bound = |name: &str| map.get(name).and_then(Value::as_u64);
    let near = ["minLength", "maxLength"]
        .iter()
        .filter_map(|name| bound(name))
        .collect::<Vec<_>>();
    let length = rng.choice(near).unwrap_or(2).min(500) + rng.u64(0..3);
    let length = length.saturating_sub(1);
    (0..length)
        .map(|_| {
            *rng.choice(&['a', 'b', 'x', 'y', 'é', '0', '7', '-'])
                .unwrap()
        })
        .collect()
}

fn anything(rng: &mut Rng, depth: usize) -> Value {
    match rng.u8(0..if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i32(-5..12)),
        3 => json!(f64::from(rng.i32(-9..9)) / 4.0),
        4 => json!(*rng.choice(&["", "a", "x", "abc", "12"]).unwrap()),
        5 => json!([anything(rng, depth - 1)]),
        _ => json!({ *rng.choice(NAMES).unwrap(): anything(rng, depth - 1) }),
    }
}
