//! Two plain objects without the properties that cannot matter to a question about both. Keeps the
//! answer as it is, and never touches schemas whose parts may speak about one another.

use super::{Question, Task};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The keywords of a plain object that accept or refuse. Beside others nothing is left out.
const KEPT: &[&str] = &[
    "type",
    "properties",
    "required",
    "additionalProperties",
    "$schema",
];

/// Keywords that may stand there too, and only say something.
const WORDS: &[&str] = &["title", "description", "default", "examples"];

/// The two schemas and the values of a question, as far as they matter.
pub(super) type Trimmed = (Value, Value, Vec<Value>);

/// Leaves out optional properties that both sides describe in the same words: a value that proves
/// harm still does so without them. Where one value alone is asked about, all it lacks is left out.
pub(super) fn trimmed(question: &Question<'_>) -> Option<Trimmed> {
    let (narrow, wide) = (plain(question.narrow)?, plain(question.wide)?);
    if narrow.get("$schema") != wide.get("$schema") {
        return None;
    }
    let (ours, theirs) = (properties(narrow)?, properties(wide)?);
    let kept: BTreeSet<&str> = match (question.task, question.known) {
        (Task::Try, [Value::Object(value)]) => value.keys().map(String::as_str).collect(),
        (Task::Try, _) => return None,
        _ => {
            let differs = |name: &&String| ours.get(*name) != theirs.get(*name);
            let names = ours.keys().chain(theirs.keys()).filter(differs);
            let names = names.map(String::as_str);
            names
                .chain(required(narrow))
                .chain(required(wide))
                .collect()
        }
    };
    // An object that declares nothing is read in another way.
    if !ours.keys().any(|name| kept.contains(name.as_str())) {
        return None;
    }
    let mut known = Vec::new();
    for value in question.known {
        let value = only(value, &kept, ours);
        if !known.contains(&value) {
            known.push(value);
        }
    }
    Some((with(narrow, ours, &kept), with(wide, theirs, &kept), known))
}

/// The map of an object schema whose properties are judged each on its own.
pub(super) fn plain(schema: &Value) -> Option<&Map<String, Value>> {
    let map = schema.as_object()?;
    let is_known = |name: &String| KEPT.contains(&name.as_str()) || WORDS.contains(&name.as_str());
    let rest = map.get("additionalProperties");
    let is_plain = map.get("type").is_some_and(|name| name == "object")
        && map.keys().all(is_known)
        && rest.is_none_or(Value::is_boolean)
        && map.get("required").is_none_or(is_list_of_names)
        && !map.get("properties").is_some_and(refers);
    is_plain.then_some(map)
}

fn is_list_of_names(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|list| list.iter().all(Value::is_string))
}

/// Whether any part may refer to another place, or be referred to.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map
            .iter()
            .any(|(name, value)| name.starts_with('$') || refers(value)),
        Value::Array(list) => list.iter().any(refers),
        _ => false,
    }
}

pub(super) fn properties(map: &Map<String, Value>) -> Option<&Map<String, Value>> {
    map.get("properties")?.as_object()
}

pub(super) fn required(map: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let list = map.get("required").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// A value without the declared properties that are not kept.
pub(super) fn only(value: &Value, kept: &BTreeSet<&str>, declared: &Map<String, Value>) -> Value {
    let mut value = value.clone();
    if let Value::Object(map) = &mut value {
        map.retain(|name, _| kept.contains(name.as_str()) || !declared.contains_key(name));
    }
    value
}

/// A schema with these properties only, and without the words about them: many tools then ask the
/// same question.
pub(super) fn with(
    map: &Map<String, Value>,
    all: &Map<String, Value>,
    kept: &BTreeSet<&str>,
) -> Value {
    let members = kept.iter().filter_map(|name| all.get_key_value(*name));
    let members = members.map(|(name, schema)| (name.clone(), wordless(schema)));
    let mut made = Map::new();
    for name in KEPT {
        if let Some(value) = map.get(*name).filter(|_| *name != "properties") {
            made.insert((*name).to_owned(), value.clone());
        }
    }
    made.insert("properties".to_owned(), Value::Object(members.collect()));
    Value::Object(made)
}

fn wordless(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(map) = &mut schema {
        map.retain(|name, value| {
            !(matches!(name.as_str(), "title" | "description") && value.is_string())
        });
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::super::Caller;
    use super::*;
    use serde_json::json;

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a case is written where it is checked"
    )]
    #[track_caller]
    fn check(task: Task, known: &Value, [narrow, wide]: [Value; 2], expected: Option<[Value; 3]>) {
        let known = known.as_array().unwrap();
        let question = Question {
            narrow: &narrow,
            wide: &wide,
            caller: Caller::Careful,
            known,
            task,
        };
        let found = trimmed(&question).map(|(narrow, wide, known)| [narrow, wide, json!(known)]);
        assert_eq!(found, expected, "\n{narrow}\n{wide}");
    }

    #[test]
    fn what_is_equal_and_optional_goes() {
        let object = |a: Value| {
            json!({"type": "object", "description": "d", "required": ["r"], "properties":
                {"a": a, "b": {"type": "null"}, "r": {"type": "null", "title": "t"}}})
        };
        let less = |a: Value| json!({"type": "object", "required": ["r"], "properties": {"a": a, "r": {"type": "null"}}});
        let pair = || [object(json!({})), object(json!(false))];
        let known = json!([{"b": null, "a": 1}, {"a": 1}, {"u": 2}]);
        let made = [
            less(json!({})),
            less(json!(false)),
            json!([{"a": 1}, {"u": 2}]),
        ];
        check(Task::Decide, &known, pair(), Some(made));
        let only_r =
            json!({"type": "object", "required": ["r"], "properties": {"r": {"type": "null"}}});
        let made = [only_r.clone(), only_r, json!([{"r": null}])];
        check(Task::Try, &json!([{"r": null}]), pair(), Some(made));
        check(Task::Try, &json!([{}]), pair(), None);
        check(Task::Try, &json!([7]), pair(), None);
    }

    #[test]
    fn what_speaks_about_the_whole_is_left_alone() {
        let object = |a: Value| json!({"type": "object", "properties": {"a": a, "b": {}}});
        for (name, value) in [
            ("patternProperties", json!({"^b": {}})),
            ("minProperties", json!(1)),
            ("additionalProperties", json!({})),
            ("required", json!("b")),
            ("type", json!(["object", "null"])),
            ("$schema", json!("http://json-schema.org/draft-07/schema#")),
        ] {
            let mut other = object(json!(false));
            other[name] = value;
            check(Task::Decide, &json!([]), [object(json!({})), other], None);
        }
        let refers = json!({"items": {"$ref": "#/properties/b"}});
        let pair = [object(json!({})), object(refers)];
        check(Task::Decide, &json!([]), pair, None);
    }
}
