//! The rules about a list: what was added, removed or renamed, and whose name could be mistaken.

use super::judge::{Schemas, judge};
use super::lists::ListPair;
use super::renames::{Rename, RenameEvidence};
use super::spread::over_cores;
use super::table::RuleId;
use super::texts::{CueContext, new_cues};
use super::{members, mistakable, prompts, renames, resources, tasks};
use crate::compat::{Caller, Comparer, Inclusion};
use crate::finding::{Finding, FindingPlace};
use crate::level::{Compatibility, SchemaDirection};
use crate::packed::Packed;
use crate::surface::{ItemKind, Surface};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Adds what changed in one list.
pub(super) fn lists(lists: &ListPair<'_>, comparer: &mut Comparer, findings: &mut Vec<Finding>) {
    let tools = tool_names(lists.surfaces.0, lists.surfaces.1);
    let both = |(key, new)| Some((key, lists.old.items.get(key)?, new));
    let both = lists.new.items.iter().filter_map(both);
    let mut changed: Vec<_> = both.filter(|(_, old, new)| old != new).collect();
    // Looked at again and again for renames: parsed once.
    let parsed = |(key, item): (_, &Packed)| (key, item.value());
    let removals: Vec<(&String, Value)> = lists.removed().map(parsed).collect();
    let additions: Vec<(&String, Value)> = lists.added().map(parsed).collect();
    let (mut gone, mut come) = (borrowed(&removals), borrowed(&additions));
    // Before removals and additions are reported, which these would be otherwise.
    if lists.kind == ItemKind::ResourceTemplate {
        resources::reshaped_templates(&mut gone, &mut come, findings);
    }
    // Items share the steps of the comparison, so that no one takes them all.
    comparer.share_among(changed.len() + gone.len());
    let renames = renames::paired(lists.kind, &gone, &mut come, comparer);
    for (key, old) in &gone {
        findings.push(removed(lists, key, old, renames.get(key.as_str())));
    }
    // What goes on under another name is compared as what it was.
    // Packed again, as the rest: they are judged among it.
    let going_on = gone.iter().filter_map(|(key, _)| {
        let rename = renames.get(key.as_str())?;
        let (old, new) = (lists.old.items.get(*key)?, lists.new.items.get(rename.key)?);
        Some((rename.key, old, new))
    });
    changed.extend(going_on.filter(|(_, old, new)| old != new));
    findings.extend(over_cores(&changed, comparer, |change, comparer| {
        let (key, old, new) = *change;
        // Parsed for as long as it takes.
        let (old, new) = (old.value(), new.value());
        // One list for each item: the threads do not share one.
        let mut findings = Vec::new();
        item(lists.kind, key, &old, &new, comparer, &mut findings);
        cues(lists.kind, key, &tools, Some(&old), &new, &mut findings);
        findings
    }));
    for (key, new) in &come {
        findings.push(added(lists.kind, key, new));
        cues(lists.kind, key, &tools, None, new, findings);
    }
    mistakable::doubled(lists, findings);
    if lists.kind == ItemKind::Tool {
        mistakable::confusable(lists, findings);
    }
    // Reported once for the list, whatever is missing of it.
    if lists.new.partial || lists.old.partial {
        incomplete(lists, findings);
    }
}

fn borrowed<'a>(items: &'a [(&'a String, Value)]) -> Vec<(&'a String, &'a Value)> {
    items.iter().map(|(key, item)| (*key, item)).collect()
}

/// The tools whose names a text may name.
struct Tools<'a> {
    /// Those of either side, and of other proxies.
    all: BTreeSet<&'a str>,
    own: BTreeSet<&'a str>,
}

/// Every tool that either side or another proxy has.
fn tool_names<'a>(old: &'a Surface, new: &'a Surface) -> Tools<'a> {
    let own = [old, new]
        .into_iter()
        .filter_map(|surface| surface.lists.get(&ItemKind::Tool));
    // Both sides: a text may name a tool that is gone, and which another one may now claim.
    let own = own.flat_map(|list| list.items.keys());
    let foreign = old.foreign_tools.iter().chain(&new.foreign_tools);
    let own: BTreeSet<&str> = own.map(String::as_str).collect();
    let foreign = foreign.map(String::as_str);
    Tools {
        all: own.iter().copied().chain(foreign).collect(),
        own,
    }
}

fn cues(
    kind: ItemKind,
    key: &str,
    tools: &Tools<'_>,
    old: Option<&Value>,
    new: &Value,
    findings: &mut Vec<Finding>,
) {
    let reader = CueContext {
        kind,
        item: key,
        others: &tools.all,
        siblings: &tools.own,
    };
    new_cues(reader, old, new, findings);
}

/// One item that stands on both sides.
fn item(
    kind: ItemKind,
    key: &str,
    old: &Value,
    new: &Value,
    comparer: &mut Comparer,
    findings: &mut Vec<Finding>,
) {
    members::texts(kind, key, old, new, findings);
    members::icons_and_meta(kind, key, old, new, findings);
    members::others(kind, key, old, new, findings);
    match kind {
        ItemKind::Tool => tool(key, old, new, comparer, findings),
        ItemKind::Prompt => prompts::arguments(key, old, new, findings),
        ItemKind::Resource | ItemKind::ResourceTemplate => {
            resources::content(kind, key, old, new, findings);
        }
        // It comes in no list.
        ItemKind::Server => {}
    }
}

fn tool(key: &str, old: &Value, new: &Value, comparer: &mut Comparer, findings: &mut Vec<Finding>) {
    comparer.next_item();
    members::hints(key, old, new, findings);
    tasks::execution(key, old, new, findings);
    let (old_input, new_input) = (input_of(old), input_of(new));
    let schemas = Schemas {
        tool: key,
        direction: SchemaDirection::Input,
        old: &old_input,
        new: &new_input,
    };
    judge(schemas, comparer, findings);
    let at = || FindingPlace {
        kind: ItemKind::Tool,
        item: key,
        pointer: "/outputSchema".to_owned(),
    };
    match (old.get("outputSchema"), new.get("outputSchema")) {
        (Some(old), Some(new)) => {
            let schemas = Schemas {
                tool: key,
                direction: SchemaDirection::Output,
                old,
                new,
            };
            judge(schemas, comparer, findings);
        }
        (None, after @ Some(_)) => {
            let message = "answers are described from now on".to_owned();
            findings.push(Finding::new(
                RuleId::OutputSchemaAdded,
                at(),
                None,
                after.cloned(),
                message,
            ));
        }
        (before @ Some(old), None) => {
            let message = "the structure of answers is no longer promised".to_owned();
            let mut finding = Finding::new(
                RuleId::OutputSchemaRemoved,
                at(),
                before.cloned(),
                None,
                message,
            );
            // Any answer that the old schema refuses shows what is no longer promised.
            finding.witness = match comparer.includes(&json!({}), old, Caller::Any) {
                Inclusion::Fails(value) => Some(value.into()),
                _ => None,
            };
            findings.push(finding);
        }
        (None, None) => {}
    }
}

/// What a tool takes: the arguments of a call are an object, also where no schema says so.
fn input_of(tool: &Value) -> Value {
    let mut input = tool.get("inputSchema").cloned().unwrap_or(json!({}));
    if let Value::Object(map) = &mut input {
        // A type of its own stays, also where it is wrong.
        map.entry("type").or_insert(json!("object"));
    }
    input
}

fn rule_of(kind: ItemKind, [tool, prompt, resource, template]: [RuleId; 4]) -> RuleId {
    match kind {
        ItemKind::Prompt => prompt,
        ItemKind::Resource => resource,
        ItemKind::ResourceTemplate => template,
        ItemKind::Tool | ItemKind::Server => tool,
    }
}

fn added(kind: ItemKind, key: &str, new: &Value) -> Finding {
    let rule = rule_of(
        kind,
        [
            RuleId::ToolAdded,
            RuleId::PromptAdded,
            RuleId::ResourceAdded,
            RuleId::ResourceTemplateAdded,
        ],
    );
    let at = FindingPlace {
        kind,
        item: key,
        pointer: String::new(),
    };
    Finding::new(
        rule,
        at,
        None,
        Some(new.clone()),
        format!("the {kind} {key} was added"),
    )
}

fn removed(lists: &ListPair<'_>, key: &str, old: &Value, rename: Option<&Rename<'_>>) -> Finding {
    let kind = lists.kind;
    let rule = rule_of(
        kind,
        [
            RuleId::ToolRemoved,
            RuleId::PromptRemoved,
            RuleId::ResourceRemoved,
            RuleId::ResourceTemplateRemoved,
        ],
    );
    let mut message = format!("the {kind} {key} was removed");
    if let Some(rename) = rename {
        let name = rename.key;
        message = match rename.evidence {
            RenameEvidence::Name => format!("{message}; {name} took its place: renamed"),
            RenameEvidence::Content => {
                format!("{message}; {name} was added and takes what it took: renamed?")
            }
        };
    }
    let at = FindingPlace {
        kind,
        item: key,
        pointer: String::new(),
    };
    let mut finding = Finding::new(rule, at, Some(old.clone()), None, message);
    if lists.new.partial {
        // The rest of the list was not seen.
        finding.compatibility = Compatibility::Undecided;
        finding.message = format!("{kind} {key} is not in the part of the list that was compared");
    }
    finding
}

fn incomplete(lists: &ListPair<'_>, findings: &mut Vec<Finding>) {
    let at = FindingPlace {
        kind: lists.kind,
        item: lists.kind.list_member().unwrap_or("list"),
        pointer: "/nextCursor".to_owned(),
    };
    let message = "more pages of this list exist than were compared".to_owned();
    findings.push(Finding::new(
        RuleId::ListIncomplete,
        at,
        None,
        None,
        message,
    ));
}
