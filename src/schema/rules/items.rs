//! The rules about a list: what was added, removed or renamed, and whose name could be mistaken.

use super::judge::{Schemas, judge};
use super::spread::over_cores;
use super::texts::{Reader, new_cues};
use super::{members, names, prompts, resources};
use crate::schema::compat::{Caller, Comparer, Inclusion};
use crate::schema::finding::{At, Finding};
use crate::schema::level::{Compatibility, Direction};
use crate::schema::surface::{ItemKind, Listing, Surface};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many added items are tried as the new name of a removed one.
const MAX_RENAMES: usize = 40;

/// One list on both sides.
pub(super) struct Lists<'a> {
    pub(super) kind: ItemKind,
    pub(super) old: &'a Listing,
    pub(super) new: &'a Listing,
    /// The whole surface of each side: other lists name tools too.
    pub(super) surfaces: (&'a Surface, &'a Surface),
}

impl<'a> Lists<'a> {
    fn added(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let old = self.old;
        self.new
            .items
            .iter()
            .filter(|(key, _)| !old.items.contains_key(*key))
    }

    fn removed(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let new = self.new;
        self.old
            .items
            .iter()
            .filter(|(key, _)| !new.items.contains_key(*key))
    }
}

/// Adds what changed in one list.
pub(super) fn lists(lists: &Lists<'_>, comparer: &mut Comparer, findings: &mut Vec<Finding>) {
    let tools = tool_names(lists.surfaces);
    let both = |(key, new)| Some((key, lists.old.items.get(key)?, new));
    let both = lists.new.items.iter().filter_map(both);
    let changed: Vec<_> = both.filter(|(_, old, new)| old != new).collect();
    findings.extend(over_cores(&changed, comparer, |change, comparer| {
        let (key, old, new) = *change;
        let mut findings = Vec::new();
        item(lists.kind, key, (old, new), comparer, &mut findings);
        cues((lists.kind, key), &tools, (Some(old), new), &mut findings);
        findings
    }));
    let (mut gone, mut come) = (lists.removed().collect(), lists.added().collect());
    if lists.kind == ItemKind::ResourceTemplate {
        resources::reshaped_templates(&mut gone, &mut come, findings);
    }
    for (key, old) in &gone {
        comparer.next_item();
        findings.push(removed(lists, key, old, &come, comparer));
    }
    for (key, new) in &come {
        findings.push(added(lists.kind, key, new));
        cues((lists.kind, key), &tools, (None, new), findings);
    }
    names::doubled(lists, findings);
    if lists.kind == ItemKind::Tool {
        names::confusable(lists, findings);
    }
    if lists.new.partial || lists.old.partial {
        incomplete(lists, findings);
    }
}

/// Every tool that either side or another proxy has.
fn tool_names<'a>((old, new): (&'a Surface, &'a Surface)) -> BTreeSet<&'a str> {
    let own = [old, new]
        .into_iter()
        .filter_map(|surface| surface.lists.get(&ItemKind::Tool));
    let own = own.flat_map(|list| list.items.keys());
    let foreign = old.foreign_tools.iter().chain(&new.foreign_tools);
    own.chain(foreign).map(String::as_str).collect()
}

fn cues(
    (kind, key): (ItemKind, &str),
    tools: &BTreeSet<&str>,
    (old, new): (Option<&Value>, &Value),
    findings: &mut Vec<Finding>,
) {
    let reader = Reader {
        kind,
        item: key,
        others: tools,
    };
    new_cues(reader, old, new, findings);
}

/// One item that stands on both sides.
fn item(
    kind: ItemKind,
    key: &str,
    (old, new): (&Value, &Value),
    comparer: &mut Comparer,
    findings: &mut Vec<Finding>,
) {
    members::texts(kind, key, (old, new), findings);
    members::icons_and_meta(kind, key, (old, new), findings);
    members::others(kind, key, (old, new), findings);
    match kind {
        ItemKind::Tool => tool(key, (old, new), comparer, findings),
        ItemKind::Prompt => prompts::arguments(key, (old, new), findings),
        ItemKind::Resource | ItemKind::ResourceTemplate => {
            resources::content(kind, key, (old, new), findings);
        }
        ItemKind::Server => {}
    }
}

fn tool(
    key: &str,
    (old, new): (&Value, &Value),
    comparer: &mut Comparer,
    findings: &mut Vec<Finding>,
) {
    comparer.next_item();
    members::hints(key, (old, new), findings);
    let (old_input, new_input) = (input_of(old), input_of(new));
    let schemas = Schemas {
        tool: key,
        direction: Direction::Input,
        old: &old_input,
        new: &new_input,
    };
    judge(schemas, comparer, findings);
    let at = || At {
        kind: ItemKind::Tool,
        item: key,
        pointer: "/outputSchema".to_owned(),
    };
    match (old.get("outputSchema"), new.get("outputSchema")) {
        (Some(old), Some(new)) => {
            let schemas = Schemas {
                tool: key,
                direction: Direction::Output,
                old,
                new,
            };
            judge(schemas, comparer, findings);
        }
        (None, after @ Some(_)) => {
            let message = "answers are described from now on".to_owned();
            findings.push(Finding::new(
                "output-schema-added",
                at(),
                None,
                after.cloned(),
                message,
            ));
        }
        (before @ Some(old), None) => {
            let message = "the structure of answers is no longer promised".to_owned();
            let mut finding = Finding::new(
                "output-schema-removed",
                at(),
                before.cloned(),
                None,
                message,
            );
            finding.witness = match comparer.includes(&json!({}), old, Caller::Any) {
                Inclusion::Fails(value) => Some(value),
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
        map.entry("type").or_insert(json!("object"));
    }
    input
}

fn rule_of(kind: ItemKind, [tool, prompt, resource, template]: [&'static str; 4]) -> &'static str {
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
            "tool-added",
            "prompt-added",
            "resource-added",
            "resource-template-added",
        ],
    );
    let at = At {
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

fn removed(
    lists: &Lists<'_>,
    key: &str,
    old: &Value,
    come: &[(&String, &Value)],
    comparer: &mut Comparer,
) -> Finding {
    let kind = lists.kind;
    let rule = rule_of(
        kind,
        [
            "tool-removed",
            "prompt-removed",
            "resource-removed",
            "resource-template-removed",
        ],
    );
    let mut message = format!("the {kind} {key} was removed");
    if let Some(name) = renamed_to(kind, (key, old), come, comparer) {
        message = format!("{message}; {name} was added and takes what it took: renamed?");
    }
    let at = At {
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

/// The added item that serves the callers of a removed one; of several, the most alike.
fn renamed_to(
    kind: ItemKind,
    (key, old): (&str, &Value),
    come: &[(&String, &Value)],
    comparer: &mut Comparer,
) -> Option<String> {
    let mut candidates = come.iter().take(MAX_RENAMES).collect::<Vec<_>>();
    let rank = |name: &str, new: &Value| {
        let same = |member: &str| old.get(member).is_some() && old.get(member) == new.get(member);
        let alike = [
            "description",
            "inputSchema",
            "arguments",
            "title",
            "name",
            "mimeType",
        ];
        let alike = alike.iter().filter(|member| same(member)).count();
        (alike, names::shared_words(key, name))
    };
    candidates.retain(|(name, new)| rank(name, new) > (0, 0));
    candidates.sort_by_key(|(name, new)| std::cmp::Reverse(rank(name, new)));
    let mut serves = |new: &Value| match kind {
        ItemKind::Tool => {
            let input = |tool: &Value| {
                tool.get("inputSchema")
                    .cloned()
                    .unwrap_or_else(|| json!({}))
            };
            comparer.includes(&input(old), &input(new), Caller::Careful) == Inclusion::Holds
        }
        ItemKind::Prompt => {
            let mut findings = Vec::new();
            prompts::arguments(key, (old, new), &mut findings);
            findings
                .iter()
                .all(|finding| finding.compatibility < Compatibility::Dangerous)
        }
        _ => old.get("name") == new.get("name"),
    };
    let found = candidates.into_iter().take(4).find(|(_, new)| serves(new));
    found.map(|(name, _)| (*name).clone())
}

fn incomplete(lists: &Lists<'_>, findings: &mut Vec<Finding>) {
    let at = At {
        kind: lists.kind,
        item: lists.kind.list_member().unwrap_or("list"),
        pointer: "/nextCursor".to_owned(),
    };
    let message = "more pages of this list exist than were compared".to_owned();
    findings.push(Finding::new("list-incomplete", at, None, None, message));
}
