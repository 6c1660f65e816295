//! The plainest reading of a careful caller, apart from the one under test: of all values it keeps
//! only such as any reading would send. It may send less than others, never more; every undeclared
//! name is forbidden, in each part, and of alternatives one is meant.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Keywords of one schema that speaks of the same value.
const PARTS: &[&str] = &["if", "then", "else"];

/// Says among the names that all others are described too.
const REST: (&str, &str) = ("additionalProperties", "");

/// Names and patterns of names.
type Names = BTreeSet<(&'static str, String)>;

/// The schema of what is sent, of the document of a tool.
pub(crate) fn careful(document: &Value) -> Value {
    let names = all_names(document, document, &mut BTreeSet::new());
    let mut made = closed(document, document, &names);
    let Value::Object(map) = &mut made else {
        return made;
    };
    for list in ["$defs", "definitions"] {
        let Some(Value::Object(defs)) = document.get(list) else {
            continue;
        };
        let closed = defs.iter().map(|(name, body)| {
            let names = all_names(document, body, &mut BTreeSet::new());
            (format!("{name}-sent"), closed(document, body, &names))
        });
        let both = defs.clone().into_iter().chain(closed).collect();
        map.insert(list.to_owned(), Value::Object(both));
    }
    // Who describes no parameter is sent none.
    let is_free = map
        .get("additionalProperties")
        .is_some_and(|rest| rest != &json!(false));
    if names.is_empty() && !is_free && map.get("type") == Some(&json!("object")) {
        map.insert("maxProperties".to_owned(), json!(0));
    }
    made
}

/// A schema with nothing but `allowed` names at its own level.
fn closed(document: &Value, schema: &Value, allowed: &Names) -> Value {
    let Value::Object(map) = schema else {
        return schema.clone();
    };
    let mut made = map.clone();
    if lists_objects(map) {
        // What is listed is sent as it stands.
        return Value::Object(made);
    }
    let child = |child: &mut Value| {
        let names = all_names(document, child, &mut BTreeSet::new());
        *child = closed(document, child, &names);
    };
    for name in ["properties", "patternProperties"] {
        let all = made.get_mut(name).and_then(Value::as_object_mut);
        all.into_iter().flatten().for_each(|(_, one)| child(one));
    }
    for name in ["items", "additionalProperties", "additionalItems"] {
        let one = made.get_mut(name).filter(|one| one.is_object());
        one.into_iter().for_each(child);
    }
    for name in ["items", "prefixItems"] {
        let all = made.get_mut(name).and_then(Value::as_array_mut);
        all.into_iter().flatten().for_each(child);
    }
    if let Some(Value::String(reference)) = made.get_mut("$ref")
        && (reference.starts_with("#/$defs/") || reference.starts_with("#/definitions/"))
    {
        reference.push_str("-sent");
    }
    for part in made
        .get_mut("allOf")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        *part = closed(document, part, allowed);
    }
    alternatives(document, map, &mut made, allowed);
    let is_open = made
        .get("additionalProperties")
        .is_none_or(|rest| rest == &json!(true) || rest == &json!({}));
    let has_rest = allowed.contains(&(REST.0, REST.1.to_owned()));
    if is_open && !allowed.is_empty() && !has_rest {
        seal(&mut made, allowed);
    }
    Value::Object(made)
}

/// Whether whole objects are listed.
fn lists_objects(map: &Map<String, Value>) -> bool {
    let listed = |name: &str| match (name, map.get(name)) {
        ("enum", Some(Value::Array(values))) => values.iter().any(Value::is_object),
        (_, value) => value.is_some_and(Value::is_object),
    };
    listed("enum") || listed("const")
}

/// Closes the branches of choices, each without the names that only its siblings declare.
fn alternatives(
    document: &Value,
    map: &Map<String, Value>,
    made: &mut Map<String, Value>,
    allowed: &Names,
) {
    for list in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = map.get(list) else {
            continue;
        };
        let names = branches
            .iter()
            .map(|branch| all_names(document, branch, &mut BTreeSet::new()));
        let names = names.collect::<Vec<_>>();
        let mut beside = map.clone();
        beside.remove(list);
        let beside = all_names(document, &Value::Object(beside), &mut BTreeSet::new());
        let left = |own: &[&Names]| {
            let mut left = allowed.clone();
            left.retain(|name| {
                own.iter().any(|own| own.contains(name))
                    || beside.contains(name)
                    || !names.iter().any(|all| all.contains(name))
            });
            left
        };
        let alone = branches.iter().zip(&names);
        let mut all = alone
            .map(|(branch, own)| closed(document, branch, &left(&[own])))
            .collect::<Vec<_>>();
        if let ([first, second], [one, other], "anyOf") = (&branches[..], &names[..], list) {
            // Who fits both sends what both declare.
            let both = left(&[one, other]);
            let parts = [first, second].map(|branch| closed(document, branch, &both));
            all.push(json!({ "allOf": parts }));
        }
        let closed = Value::Array(all);
        // Beside a `oneOf`, whose branches would overlap less when they were closed.
        if list == "anyOf" {
            made.insert(list.to_owned(), closed);
        } else {
            let parts = made.entry("allOf").or_insert_with(|| json!([]));
            let parts = parts.as_array_mut().expect("`allOf` is a list");
            parts.push(json!({"anyOf": closed}));
        }
    }
}

fn seal(made: &mut Map<String, Value>, allowed: &Names) {
    for (list, name) in allowed {
        let all = made.entry(*list).or_insert_with(|| json!({}));
        if all.get(name).is_none() {
            all[name] = json!(true);
        }
    }
    made.insert("additionalProperties".to_owned(), json!(false));
}

/// Every name that is declared about a value, in whatever branch.
fn all_names(document: &Value, schema: &Value, visited: &mut BTreeSet<String>) -> Names {
    let Value::Object(map) = schema else {
        return Names::new();
    };
    let mut names = Names::new();
    // A draft that does not know a keyword declares nothing by it.
    let is_older = document.get("$schema").and_then(Value::as_str);
    let is_older = is_older.is_some_and(|draft| draft.contains("draft-07"));
    let is_schema = |name: &&str| {
        map.get(*name)
            .is_some_and(|rest| rest.is_object() && rest != &json!({}))
    };
    let is_rest = |name: &&str| is_schema(name) || lists_objects(map);
    let rests: &[&str] = if is_older {
        &["additionalProperties"]
    } else {
        &["additionalProperties", "unevaluatedProperties"]
    };
    if rests.iter().any(is_rest) {
        names.insert((REST.0, REST.1.to_owned()));
    }
    for list in ["properties", "patternProperties"] {
        let all = map.get(list).and_then(Value::as_object);
        names.extend(
            all.into_iter()
                .flatten()
                .map(|(name, _)| (list, name.clone())),
        );
    }
    let lists: &[&str] = if is_older {
        &["dependencies"]
    } else {
        &["dependentRequired", "dependencies"]
    };
    for (name, more) in lists
        .iter()
        .filter_map(|list| map.get(*list)?.as_object())
        .flatten()
    {
        let more = more.as_array().into_iter().flatten();
        let more = more.filter_map(Value::as_str).map(str::to_owned);
        let declared = more.chain([name.clone()]);
        names.extend(declared.map(|name| ("properties", name)));
    }
    let lists = ["allOf", "anyOf", "oneOf"].iter();
    let lists = lists.filter_map(|list| map.get(*list)?.as_array());
    // Without a condition the rest of it says nothing, not even which names there are.
    let parts = if map.contains_key("if") { PARTS } else { &[] };
    let singles = parts.iter().filter_map(|part| map.get(*part));
    let dependent = map.get("dependentSchemas").filter(|_| !is_older);
    let dependent = dependent.and_then(Value::as_object);
    let dependent = dependent.into_iter().flat_map(Map::values);
    for part in lists.flatten().chain(singles).chain(dependent) {
        names.extend(all_names(document, part, visited));
    }
    if let Some(Value::String(reference)) = map.get("$ref")
        && visited.insert(reference.clone())
        && let Some(target) = document.pointer(reference.trim_start_matches('#'))
    {
        names.extend(all_names(document, target, visited));
    }
    names
}
