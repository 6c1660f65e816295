//! Gate 4: what is written in another way is not a change. Rewrites tools and random schemas, and expects
//! nothing above cosmetic.

use super::corpora::edits;
use super::random;
use super::table::Row;
use super::truth::{compared, compared_as};
use fastrand::Rng;
use mcpr_surface::{Compatibility, ItemKind, Report, Security, Surface, diff};
use serde_json::{Map, Value, json};

/// Random documents that are rewritten.
const DOCUMENTS: usize = 60;

type Keywords = Map<String, Value>;

/// A rewriting of a schema that keeps what it says.
type Rewriting = (&'static str, fn(&Value) -> Value);

const REWRITINGS: &[Rewriting] = &[
    ("enum reversed", |schema| reversed("enum", schema)),
    ("required reversed", |schema| reversed("required", schema)),
    ("type as a list", |schema| everywhere(schema, &listed)),
    ("one value as const, and a comment", |schema| {
        everywhere(schema, &split)
    }),
    ("moved into $defs", |schema| moved("$defs", schema)),
    ("moved into definitions", |schema| {
        moved("definitions", schema)
    }),
];

/// Rewrites every subschema, the inner ones first.
fn everywhere(value: &Value, rewrite: &impl Fn(Keywords) -> Value) -> Value {
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

fn reversed(name: &str, schema: &Value) -> Value {
    everywhere(schema, &|mut map| {
        if let Some(Value::Array(list)) = map.get_mut(name) {
            list.reverse();
        }
        Value::Object(map)
    })
}

fn listed(mut map: Keywords) -> Value {
    if let Some(name @ Value::String(_)) = map.get("type").cloned() {
        map.insert("type".to_owned(), json!([name]));
    }
    Value::Object(map)
}

fn split(mut map: Keywords) -> Value {
    if let Some(Value::Array(values)) = map.get("enum").cloned()
        && values.len() == 1
    {
        map.remove("enum");
        map.insert("const".to_owned(), values[0].clone());
    }
    map.insert("$comment".to_owned(), json!("rewritten"));
    Value::Object(map)
}

/// Every property's schema moved into a definition.
fn moved(place: &str, schema: &Value) -> Value {
    let mut made = schema.clone();
    let mut defs = Map::new();
    if let Some(Value::Object(all)) = made.get_mut("properties") {
        for (name, schema) in all.iter_mut() {
            let reference = json!({"$ref": format!("#/{place}/of-{name}")});
            defs.insert(format!("of-{name}"), std::mem::replace(schema, reference));
        }
    }
    if !defs.is_empty() {
        if let Some(Value::Object(more)) = made.get(place) {
            defs.extend(more.clone());
        }
        made[place] = Value::Object(defs);
    }
    made
}

fn check(row: &mut Row, name: &str, report: &Report, old: &Value, new: &Value) {
    row.pairs += 1;
    if report.compatibility != Compatibility::Cosmetic || report.security != Security::None {
        let findings = &report.findings;
        row.fault(format!("{name}: {findings:#?}\n{old}\n{new}"));
    }
}

/// Every tool of the real edits, and the list of them all.
pub(crate) fn real_tools() -> Row {
    let mut row = Row::of("4 rewritten tools");
    let both = |edit: &Value| [edit["old"].clone(), edit["new"].clone()];
    let mut tools = edits().iter().flat_map(both).collect::<Vec<_>>();
    for tool in &tools {
        for (name, rewrite) in REWRITINGS {
            let mut new = tool.clone();
            new["inputSchema"] = rewrite(&tool["inputSchema"]);
            check(&mut row, name, &compared(tool, &new), tool, &new);
        }
    }
    tools.sort_by_key(|tool| tool["name"].as_str().unwrap().to_owned());
    tools.dedup_by_key(|tool| tool["name"].as_str().unwrap().to_owned());
    let surface = |tools: &[Value]| Surface::from_value(&json!({ "tools": tools })).unwrap();
    let old = surface(&tools);
    tools.reverse();
    for tool in &mut tools {
        tool["_meta"] = json!({"anything": 1});
        tool["ttlMs"] = json!(5);
    }
    let new = surface(&tools);
    row.pairs += 1;
    if old.canonical(ItemKind::Tool) != new.canonical(ItemKind::Tool)
        || !diff(&old, &new).unwrap().findings.is_empty()
    {
        row.fault("the order of a list, or a hint for caches, is a change".to_owned());
    }
    row
}

/// Random documents, in both directions.
pub(crate) fn random_documents(rng: &mut Rng) -> Row {
    let mut row = Row::of("4 rewritten random documents");
    for _ in 0..DOCUMENTS {
        let old = random::document(rng);
        for member in ["inputSchema", "outputSchema"] {
            let same = compared_as(member, &old, &old);
            if !same.findings.is_empty() {
                row.fault(format!("not the same as itself: {old}"));
            }
            for (name, rewrite) in REWRITINGS {
                let new = rewrite(&old);
                check(&mut row, name, &compared_as(member, &old, &new), &old, &new);
            }
        }
    }
    row
}
