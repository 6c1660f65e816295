//! What cannot be read: a reference that leads out of the document, a keyword with a senseless value.
//! It stands in the normal form as a mark; here a schema becomes one without marks, that accepts no
//! more, or no less, whatever the marks stand for.

use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The keyword of a mark; its value says what could not be read.
pub(super) const MARK: &str = "$unknown";

/// Which side of the truth a schema without marks is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approximation {
    /// It accepts nothing that the marked one may refuse.
    Lower,
    /// It accepts everything that the marked one may accept.
    Upper,
}

impl Approximation {
    fn opposite(self) -> Self {
        match self {
            Self::Lower => Self::Upper,
            Self::Upper => Self::Lower,
        }
    }
}

/// Keywords whose schemas accept more when the whole does.
const LISTS: &[&str] = &["allOf", "anyOf", "prefixItems"];
const MAPS: &[&str] = &["properties", "patternProperties", "dependentSchemas"];
const SINGLE: &[&str] = &["items", "additionalProperties", "propertyNames"];

/// Puts a mark into a schema, beside those that are there.
pub(super) fn mark(map: &mut Map<String, Value>, what: String) {
    let marks = map.entry(MARK).or_insert_with(|| json!([]));
    if let Value::Array(marks) = marks {
        marks.push(Value::String(what));
    }
}

/// Whether a mark stands anywhere in a schema.
pub(super) fn is_marked(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.contains_key(MARK) || map.values().any(is_marked),
        Value::Array(list) => list.iter().any(is_marked),
        _ => false,
    }
}

/// A normal form without marks.
pub(super) fn bounded(schema: &Value, bound: Approximation) -> Cow<'_, Value> {
    if !is_marked(schema) {
        return Cow::Borrowed(schema);
    }
    let defs = schema.get("$defs").and_then(Value::as_object);
    let bounding = Bounding {
        marked: marked_definitions(defs),
    };
    let mut bare = schema.clone();
    // Definitions stay or go as a whole: those without marks have nothing to bound.
    let defs = bare.as_object_mut().and_then(|map| map.remove("$defs"));
    let mut made = bounding.of(&bare, bound);
    if let (Value::Object(map), Some(Value::Object(mut defs))) = (&mut made, defs) {
        // Nothing refers to them any more: such references count as marks.
        defs.retain(|name, _| !bounding.marked.contains(&format!("#/$defs/{name}")));
        map.insert("$defs".to_owned(), Value::Object(defs));
    }
    Cow::Owned(made)
}

/// Definitions with a mark, in themselves or in what they refer to, as references name them.
fn marked_definitions(defs: Option<&Map<String, Value>>) -> BTreeSet<String> {
    let mut marked = BTreeSet::new();
    // A definition may be marked by one that comes later: until nothing is added.
    loop {
        let before = marked.len();
        for (name, body) in defs.into_iter().flatten() {
            if is_marked(body) || refers_to(body, &marked) {
                marked.insert(format!("#/$defs/{name}"));
            }
        }
        if marked.len() == before {
            return marked;
        }
    }
}

fn refers_to(schema: &Value, names: &BTreeSet<String>) -> bool {
    match schema {
        Value::Object(map) => {
            let reference = map.get("$ref").and_then(Value::as_str);
            reference.is_some_and(|name| names.contains(name))
                || map.values().any(|value| refers_to(value, names))
        }
        Value::Array(list) => list.iter().any(|value| refers_to(value, names)),
        _ => false,
    }
}

struct Bounding {
    marked: BTreeSet<String>,
}

impl Bounding {
    fn is_open(&self, schema: &Value) -> bool {
        is_marked(schema) || refers_to(schema, &self.marked)
    }

    fn of(&self, schema: &Value, bound: Approximation) -> Value {
        let Value::Object(map) = schema else {
            return schema.clone();
        };
        if !self.is_open(schema) {
            return schema.clone();
        }
        let mut made = Map::new();
        for (name, value) in map {
            // A reference to something marked is as open as a mark.
            let is_itself =
                name == MARK || (name == "$ref" && self.is_open(&json!({"$ref": value})));
            // What it reads may be hidden by a mark beside it.
            let reads_others = name.starts_with("unevaluated");
            if !is_itself && !reads_others && !self.is_open(value) {
                made.insert(name.clone(), value.clone());
                continue;
            }
            match (self.keyword(name, value, bound), bound) {
                (Some(value), _) => {
                    made.insert(name.clone(), value);
                }
                // What nobody can say more about: nothing is sure to be accepted, all may be.
                (None, Approximation::Lower) => return Value::Bool(false),
                (None, Approximation::Upper) => {}
            }
        }
        Value::Object(made)
    }

    /// A keyword with marks in it; none where it is not plain what they do to the whole.
    fn keyword(&self, name: &str, value: &Value, bound: Approximation) -> Option<Value> {
        let each = |value: &Value| self.of(value, bound);
        match value {
            Value::Array(list) if LISTS.contains(&name) => {
                Some(Value::Array(list.iter().map(each).collect()))
            }
            Value::Object(map) if MAPS.contains(&name) => {
                let entries = map.iter().map(|(key, value)| (key.clone(), each(value)));
                Some(Value::Object(entries.collect()))
            }
            Value::Object(_) if SINGLE.contains(&name) => Some(each(value)),
            // Of what is denied, more means less.
            Value::Object(_) if name == "not" => Some(self.of(value, bound.opposite())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &Value, lower: &Value, upper: &Value) {
        assert_eq!(*bounded(schema, Approximation::Lower), *lower, "{schema}");
        assert_eq!(*bounded(schema, Approximation::Upper), *upper, "{schema}");
    }

    #[test]
    fn what_is_unknown_is_bounded_from_both_sides() {
        let unknown = json!({MARK: ["$ref x"], "type": "string"});
        let text = json!({"type": "string"});
        check(&text, &text, &text);
        check(&unknown, &json!(false), &text);
        let inside = |a: Value| json!({"properties": {"a": a, "b": {}}, "required": ["b"]});
        check(
            &inside(unknown.clone()),
            &inside(json!(false)),
            &inside(text.clone()),
        );
        let not = |a: Value| json!({"not": a});
        check(
            &not(unknown.clone()),
            &not(text.clone()),
            &not(json!(false)),
        );
        let one_of = json!({"oneOf": [unknown, {"type": "null"}], "minProperties": 1});
        check(&one_of, &json!(false), &json!({"minProperties": 1}));
    }

    #[test]
    fn a_reference_to_what_is_unknown_is_unknown() {
        let document = json!({"properties": {"a": {"$ref": "#/$defs/a"}, "c": {"$ref": "#/$defs/c"}},
            "$defs": {"a": {"items": {"$ref": "#/$defs/b"}}, "b": {MARK: ["x"]}, "c": {}}});
        let defs = json!({"c": {}});
        let with =
            |a: Value| json!({"properties": {"a": a, "c": {"$ref": "#/$defs/c"}}, "$defs": defs});
        check(&document, &with(json!(false)), &with(json!({})));
    }
}
