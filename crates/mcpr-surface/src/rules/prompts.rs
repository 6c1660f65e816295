//! The rules about the arguments of prompts.

use super::table::RuleId;
use super::texts::{has_words, is_reworded};
use crate::finding::{Finding, FindingPlace};
use crate::level::Security;
use crate::parse::escape_segment;
use crate::surface::ItemKind;
use serde_json::{Map, Value};

/// Adds what changed in a prompt's arguments.
pub(super) fn arguments(key: &str, old: &Value, new: &Value, findings: &mut Vec<Finding>) {
    // By name, as callers give them: their order says nothing.
    let (old, new) = (by_name(old), by_name(new));
    let at = |name: &str, rest: &str| FindingPlace {
        kind: ItemKind::Prompt,
        item: key,
        pointer: format!("/arguments/{}{rest}", escape_segment(name)),
    };
    // By the protocol an argument is optional unless it says so.
    let is_required = |argument: &Value| argument.get("required") == Some(&Value::Bool(true));
    for (name, after) in &new {
        let Some(before) = old.get(name) else {
            let (rule, what) = if is_required(after) {
                (RuleId::ArgumentRequiredAdded, "must now be given")
            } else {
                (RuleId::ArgumentAdded, "may now be given")
            };
            let message = format!("the argument {name} {what}");
            let mut finding = Finding::new(rule, at(name, ""), None, Some(after.clone()), message);
            // Without words there is nothing in it that a model or a person reads.
            if !has_words(after) {
                finding.security = Security::None;
            }
            findings.push(finding);
            // All of it is new; its texts need no comparison.
            continue;
        };
        let rule = match (is_required(before), is_required(after)) {
            (false, true) => Some((RuleId::ArgumentMadeRequired, "must now be given")),
            (true, false) => Some((RuleId::ArgumentMadeOptional, "may now be left out")),
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
                    RuleId::ParameterTextChanged,
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
            RuleId::ArgumentRemoved,
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
