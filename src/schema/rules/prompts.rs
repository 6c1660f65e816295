//! The rules about the arguments of prompts.

use super::texts::{has_words, is_reworded};
use crate::schema::finding::{At, Finding};
use crate::schema::level::Security;
use crate::schema::parse::escape_segment;
use crate::schema::surface::ItemKind;
use serde_json::{Map, Value};

/// Adds what changed in a prompt's arguments.
pub(super) fn arguments(key: &str, (old, new): (&Value, &Value), findings: &mut Vec<Finding>) {
    let (old, new) = (by_name(old), by_name(new));
    let at = |name: &str, rest: &str| At {
        kind: ItemKind::Prompt,
        item: key,
        pointer: format!("/arguments/{}{rest}", escape_segment(name)),
    };
    let is_required = |argument: &Value| argument.get("required") == Some(&Value::Bool(true));
    for (name, after) in &new {
        let Some(before) = old.get(name) else {
            let (rule, what) = if is_required(after) {
                ("argument-required-added", "must now be given")
            } else {
                ("argument-added", "may now be given")
            };
            let message = format!("the argument {name} {what}");
            let mut finding = Finding::new(rule, at(name, ""), None, Some(after.clone()), message);
            if !has_words(after) {
                finding.security = Security::None;
            }
            findings.push(finding);
            continue;
        };
        let rule = match (is_required(before), is_required(after)) {
            (false, true) => Some(("argument-made-required", "must now be given")),
            (true, false) => Some(("argument-made-optional", "may now be left out")),
            _ => None,
        };
        if let Some((rule, what)) = rule {
            let message = format!("the argument {name} {what}");
            let values = (
                before.get("required").cloned(),
                after.get("required").cloned(),
            );
            findings.push(Finding::new(
                rule,
                at(name, "/required"),
                values.0,
                values.1,
                message,
            ));
        }
        for member in ["description", "title"] {
            let (before, after) = (before.get(member), after.get(member));
            if is_reworded(before, after) {
                let message = format!("the text about the argument {name} changed");
                let at = at(name, &format!("/{member}"));
                let (before, after) = (before.cloned(), after.cloned());
                findings.push(Finding::new(
                    "parameter-text-changed",
                    at,
                    before,
                    after,
                    message,
                ));
            }
        }
    }
    for (name, before) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        let message = format!("the argument {name} is no longer known");
        findings.push(Finding::new(
            "argument-removed",
            at(name, ""),
            Some(before.clone()),
            None,
            message,
        ));
    }
}

fn by_name(prompt: &Value) -> Map<String, Value> {
    let list = prompt
        .get("arguments")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let named = list.filter_map(|one| Some((one.get("name")?.as_str()?.to_owned(), one.clone())));
    named.collect()
}
