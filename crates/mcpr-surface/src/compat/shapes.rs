//! The ways a value can go through a schema: which parts hold together when one branch of each
//! choice is taken. A guide for the witness search, no semantics.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How many ways through one schema are tried.
const MAX_PLANS: usize = 96;

/// How many parts are read as hints.
const MAX_PARTS: usize = 2_000;

/// Parts of a schema that may hold together.
#[derive(Debug, Clone, Default)]
pub(super) struct BranchPlan<'a> {
    pub(super) parts: Vec<&'a Map<String, Value>>,
}

impl BranchPlan<'_> {
    /// Whether a value of a type can satisfy these parts, as far as `type` and `enum` show.
    pub(super) fn allows(&self, name: &str) -> bool {
        self.parts.iter().all(|part| match part.get("type") {
            Some(Value::String(only)) => only == name,
            Some(Value::Array(names)) => names.iter().any(|one| one == name),
            _ => true,
        })
    }
}

fn target<'a>(
    part: &'a Map<String, Value>,
    defs: Option<&'a Value>,
) -> Option<(&'a str, &'a Value)> {
    let name = part.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    Some((name, defs?.get(name)?))
}

/// Every part that says something about the same value, whatever the branch.
pub(super) fn flat_parts<'a>(
    schemas: &[&'a Value],
    defs: Option<&'a Value>,
) -> Vec<&'a Map<String, Value>> {
    let mut visited = BTreeSet::new();
    let mut rest = schemas.to_vec();
    let mut parts = Vec::new();
    while let Some(schema) = rest.pop() {
        let Value::Object(part) = schema else {
            continue;
        };
        // Hints may be missed: fewer values are tried then.
        if parts.len() >= MAX_PARTS {
            break;
        }
        parts.push(part);
        for name in ["allOf", "anyOf", "oneOf"] {
            rest.extend(
                part.get(name)
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten(),
            );
        }
        // Also what is denied: its values are those to be refused.
        for name in ["if", "then", "else", "not"] {
            rest.extend(part.get(name));
        }
        if let Some(map) = part.get("dependentSchemas").and_then(Value::as_object) {
            rest.extend(map.values());
        }
        if let Some((name, body)) = target(part, defs)
            && visited.insert(name)
        {
            rest.push(body);
        }
    }
    parts
}

/// The ways through a schema: the first branch of every choice, then each other branch in turn.
pub(super) fn plans<'a>(schemas: &[&'a Value], defs: Option<&'a Value>) -> Vec<BranchPlan<'a>> {
    let mut base = BranchPlan::default();
    let mut choices = Vec::new();
    let mut visited = BTreeSet::new();
    for schema in schemas {
        gather(schema, defs, &mut base, &mut choices, &mut visited);
    }
    // One way only.
    if choices.is_empty() {
        return vec![base];
    }
    let mut made = Vec::new();
    for (at, branches) in choices.iter().enumerate() {
        for (index, branch) in branches.iter().enumerate() {
            // All first branches together were made with the first choice.
            if made.len() >= MAX_PLANS || (index == 0 && at > 0) {
                break;
            }
            let others = choices.iter().enumerate().filter(|(other, _)| *other != at);
            let others = others.filter_map(|(_, branches)| branches.first().copied());
            let chosen = others.chain([*branch]).collect::<Vec<_>>();
            made.extend(with_branches(&base, &chosen, defs, &visited));
        }
    }
    made
}

/// The base with these branches; a branch's own choices are opened one level further.
fn with_branches<'a>(
    base: &BranchPlan<'a>,
    chosen: &[&'a Value],
    defs: Option<&'a Value>,
    visited: &BTreeSet<&'a str>,
) -> Vec<BranchPlan<'a>> {
    let mut plan = base.clone();
    let mut inner = Vec::new();
    let mut visited = visited.clone();
    for branch in chosen {
        gather(branch, defs, &mut plan, &mut inner, &mut visited);
    }
    // Only the first inner choice: every one of them would multiply the ways.
    let Some(branches) = inner.first() else {
        return vec![plan];
    };
    let each = branches.iter().take(12).map(|branch| {
        let mut plan = plan.clone();
        gather(
            branch,
            defs,
            &mut plan,
            &mut Vec::new(),
            &mut visited.clone(),
        );
        plan
    });
    each.collect()
}

/// Adds what holds in any case to the plan, and the choices to `choices`.
fn gather<'a>(
    schema: &'a Value,
    defs: Option<&'a Value>,
    plan: &mut BranchPlan<'a>,
    choices: &mut Vec<Vec<&'a Value>>,
    visited: &mut BTreeSet<&'a str>,
) {
    let Value::Object(part) = schema else {
        return;
    };
    plan.parts.push(part);
    for inner in part
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        gather(inner, defs, plan, choices, visited);
    }
    for name in ["anyOf", "oneOf"] {
        let branches = part.get(name).and_then(Value::as_array);
        choices.extend(branches.map(|branches| branches.iter().collect()));
    }
    if part.contains_key("if") {
        // `then` first, as the first branch stands for this choice in the ways through others.
        let names = ["then", "else", "if"];
        choices.push(names.iter().filter_map(|name| part.get(*name)).collect());
    }
    // Recursive definitions are entered once on each way.
    if let Some((name, body)) = target(part, defs)
        && visited.insert(name)
    {
        gather(body, defs, plan, choices, visited);
    }
}
