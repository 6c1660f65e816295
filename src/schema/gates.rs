//! The gates of the whole diff, in short form: what is said in another way is no change, and the two
//! directions mirror each other.

use super::{Compatibility, Report, Security, Surface, diff};
use serde_json::{Map, Value, json};
use std::fs;

fn tools() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/corpora/tool-edits.ndjson"
    );
    let text = fs::read_to_string(path).unwrap();
    let edits = text
        .lines()
        .map(|row| serde_json::from_str::<Value>(row).unwrap());
    edits
        .flat_map(|edit| [edit["old"].clone(), edit["new"].clone()])
        .collect()
}

fn surface(tools: &[Value]) -> Surface {
    Surface::from_value(&json!({ "tools": tools })).unwrap()
}

fn compared(old: &Value, new: &Value) -> Report {
    diff(
        &surface(std::slice::from_ref(old)),
        &surface(std::slice::from_ref(new)),
    )
}

/// Checks that a rewriting of every tool is at most cosmetic.
fn check_cosmetic(name: &str, rewrite: impl Fn(&Value) -> Value) {
    let mut rewritten = 0;
    for old in tools() {
        let new = rewrite(&old);
        rewritten += usize::from(old != new);
        let report = compared(&old, &new);
        assert!(
            report.compatibility == Compatibility::Cosmetic && report.security == Security::None,
            "{name}: {:#?}\n{old}\n{new}",
            report.findings
        );
    }
    println!("{name}: {rewritten} tools rewritten");
    assert!(rewritten > 20, "{name}");
}

/// Rewrites every subschema, the inner ones first.
fn everywhere(value: &Value, rewrite: &impl Fn(Map<String, Value>) -> Value) -> Value {
    let Value::Object(map) = value else {
        return value.clone();
    };
    let mut made = map.clone();
    if let Some(Value::Object(all)) = made.get_mut("properties") {
        all.values_mut()
            .for_each(|one| *one = everywhere(one, rewrite));
    }
    if let Some(items) = made.get_mut("items") {
        *items = everywhere(items, rewrite);
    }
    rewrite(made)
}

fn with_input(tool: &Value, input: Value) -> Value {
    let mut tool = tool.clone();
    tool["inputSchema"] = input;
    tool
}

#[test]
fn what_is_said_in_another_way_is_no_change() {
    let reversed = |name: &'static str| {
        move |mut map: Map<String, Value>| {
            if let Some(Value::Array(list)) = map.get_mut(name) {
                list.reverse();
            }
            Value::Object(map)
        }
    };
    let on_input = |rewrite: &dyn Fn(Map<String, Value>) -> Value, tool: &Value| {
        with_input(tool, everywhere(&tool["inputSchema"], &|map| rewrite(map)))
    };
    check_cosmetic("enum reversed", |tool| on_input(&reversed("enum"), tool));
    check_cosmetic("required reversed", |tool| {
        on_input(&reversed("required"), tool)
    });
    check_cosmetic("type as a list", |tool| {
        let listed = |mut map: Map<String, Value>| {
            if let Some(name @ Value::String(_)) = map.get("type").cloned() {
                map.insert("type".to_owned(), json!([name]));
            }
            Value::Object(map)
        };
        on_input(&listed, tool)
    });
    check_cosmetic("one value as const, and a comment", |tool| {
        let split = |mut map: Map<String, Value>| {
            if let Some(Value::Array(values)) = map.get("enum").cloned()
                && values.len() == 1
            {
                map.remove("enum");
                map.insert("const".to_owned(), values[0].clone());
            }
            map.remove("$comment");
            map.insert("$comment".to_owned(), json!("rewritten"));
            Value::Object(map)
        };
        on_input(&split, tool)
    });
}

#[test]
fn schemas_moved_into_definitions_are_no_change() {
    for place in ["$defs", "definitions"] {
        check_cosmetic(place, |tool| {
            let mut input = tool["inputSchema"].clone();
            let mut defs = Map::new();
            if let Some(Value::Object(all)) = input.get_mut("properties") {
                for (name, schema) in all.iter_mut() {
                    let moved =
                        std::mem::replace(schema, json!({"$ref": format!("#/{place}/{name}")}));
                    defs.insert(name.clone(), moved);
                }
            }
            if !defs.is_empty() {
                input[place] = Value::Object(defs);
            }
            with_input(tool, input)
        });
    }
}

#[test]
fn the_order_of_a_list_and_its_hints_for_caches_are_no_change() {
    let mut tools = tools();
    tools.sort_by_key(|tool| tool["name"].as_str().unwrap().to_owned());
    tools.dedup_by_key(|tool| tool["name"].as_str().unwrap().to_owned());
    let old = surface(&tools);
    tools.reverse();
    for tool in &mut tools {
        tool["_meta"] = json!({"anything": 1});
        tool["ttlMs"] = json!(5);
    }
    let new = surface(&tools);
    assert_eq!(
        old.canonical(super::ItemKind::Tool),
        new.canonical(super::ItemKind::Tool)
    );
    let report = diff(&old, &new);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn both_directions_mirror_each_other() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/data/corpora/tool-edits.ndjson"
    );
    let text = fs::read_to_string(path).unwrap();
    let mut breaking = 0;
    for row in text.lines() {
        let edit: Value = serde_json::from_str(row).unwrap();
        let (old, new) = (&edit["old"]["inputSchema"], &edit["new"]["inputSchema"]);
        if old == new || !old.is_object() || !new.is_object() {
            continue;
        }
        let tool = |member: &str, schema: &Value| json!({"name": "t", member: schema});
        let input = compared(&tool("inputSchema", old), &tool("inputSchema", new));
        let output = compared(&tool("outputSchema", new), &tool("outputSchema", old));
        let breaks = |report: &Report| report.compatibility == Compatibility::Breaking;
        // A value that an answer gains is dangerous only.
        let by_values = input.findings.iter().all(|finding| {
            finding.compatibility < Compatibility::Breaking || finding.rule == "enum-value-removed"
        });
        breaking += usize::from(breaks(&input));
        if !by_values {
            assert_eq!(breaks(&input), breaks(&output), "{old}\n{new}\n{output:#?}");
        }
        assert!(
            !breaks(&output) || breaks(&input),
            "{old}\n{new}\n{output:#?}"
        );
    }
    assert!(breaking > 5, "{breaking}");
}

#[test]
fn five_hundred_tools_are_compared_at_once() {
    let tools = |kind: &str| {
        let tools = (0..500).map(|at| {
            let property = json!({"type": kind, "description": "words about it", "minimum": 0});
            let all = (0..8).map(|p| (format!("p{p}"), property.clone()));
            let mut all = all.collect::<Map<_, _>>();
            all.insert(
                format!("only{at}"),
                json!({"type": "string", "enum": ["a", "b"]}),
            );
            json!({"name": format!("tool_{at}"), "description": "does things",
                "inputSchema": {"type": "object", "properties": all, "required": ["p1"]}})
        });
        surface(&tools.collect::<Vec<_>>())
    };
    let (old, new) = (tools("integer"), tools("number"));
    let start = std::time::Instant::now();
    assert!(diff(&old, &old.clone()).findings.is_empty());
    let equal = start.elapsed();
    let start = std::time::Instant::now();
    let report = diff(&old, &new);
    println!(
        "500 equal tools {equal:?}, 500 changed tools {:?}",
        start.elapsed()
    );
    assert_eq!(report.compatibility, Compatibility::Compatible);
    assert_eq!(report.findings.len(), 4_000);
}
