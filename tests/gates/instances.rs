//! Values that a schema may accept, near its bounds and with its names. Only proposals: a validator
//! decides. Written apart from the comparison, so that a fault there is not repeated here.

use super::random::NAMES;
use fastrand::Rng;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};

/// What a value is made for.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) document: &'a Value,
    /// Whether undeclared properties are sent too.
    pub(crate) is_careless: bool,
}

impl<'a> Source<'a> {
    /// A definition by its identifier or anchor.
    fn called(self, name: &str) -> Option<&'a Value> {
        let name = name.trim_start_matches('#');
        let mut all = self.document.get("$defs")?.as_object()?.values();
        all.find(|one| {
            let mut names = ["$id", "$anchor", "$dynamicAnchor"].iter();
            names.any(|key| {
                let own = one.get(*key).and_then(Value::as_str);
                own.is_some_and(|own| own.trim_start_matches('#') == name)
            })
        })
    }

    /// A value that the schema may accept; the caller asks a validator whether it does.
    pub(crate) fn instance(self, rng: &mut Rng, schema: &Value, depth: usize) -> Value {
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
        let reference = map.get("$ref").or_else(|| map.get("$dynamicRef"));
        if let Some(target) = reference.and_then(Value::as_str) {
            let named = self.document.pointer(target.trim_start_matches('#'));
            let target = named.or_else(|| self.called(target));
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
            if let Some(name) = matching(rng, pattern).filter(|_| rng.bool()) {
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
        return matching(rng, pattern).unwrap_or_default();
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

/// A text that matches a pattern; none for patterns that only other engines read.
fn matching(rng: &mut Rng, pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut text = String::new();
    if !pattern.starts_with('^') && rng.bool() {
        text.push(*rng.choice(&['a', 'b', 'x', '7']).unwrap());
    }
    write_matching(rng, &hir, &mut text);
    if !pattern.ends_with('$') && rng.bool() {
        text.push(*rng.choice(&['a', 'b', 'x', '7']).unwrap());
    }
    Some(text)
}

fn write_matching(rng: &mut Rng, hir: &Hir, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            if let Some(range) = rng.choice(class.ranges()) {
                let (start, end) = (u32::from(range.start()), u32::from(range.end()));
                text.extend(char::from_u32(rng.u32(start..=end)));
            }
        }
        HirKind::Capture(capture) => write_matching(rng, &capture.sub, text),
        HirKind::Concat(parts) => parts
            .iter()
            .for_each(|part| write_matching(rng, part, text)),
        HirKind::Alternation(parts) => {
            if let Some(part) = rng.choice(parts) {
                write_matching(rng, part, text);
            }
        }
        HirKind::Repetition(times) => {
            let most = times.max.unwrap_or(u32::MAX).min(times.min + 3);
            for _ in 0..rng.u32(times.min..=most) {
                write_matching(rng, &times.sub, text);
            }
        }
    }
}
