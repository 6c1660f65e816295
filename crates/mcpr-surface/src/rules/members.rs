//! The rules about an item's own members: texts, icons, `_meta`, annotation hints.

use super::table::RuleId;
use super::texts::is_reworded;
use crate::finding::{Finding, FindingPlace};
use crate::level::Security;
use crate::surface::ItemKind;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

fn at<'a>(kind: ItemKind, item: &'a str, pointer: &str) -> FindingPlace<'a> {
    FindingPlace {
        kind,
        item,
        pointer: pointer.to_owned(),
    }
}

/// Descriptions and titles.
pub(super) fn texts(
    kind: ItemKind,
    key: &str,
    old: &Value,
    new: &Value,
    findings: &mut Vec<Finding>,
) {
    for (pointer, rule, message) in [
        (
            "/description",
            RuleId::DescriptionChanged,
            "the description changed",
        ),
        ("/title", RuleId::TitleChanged, "the title changed"),
        (
            "/annotations/title",
            RuleId::TitleChanged,
            "the title changed",
        ),
        // Of resources, which are known by their URI; other items keep their name.
        ("/name", RuleId::NameChanged, "the display name changed"),
    ] {
        // What is known by its name has another one only where it was renamed, which is reported.
        if pointer == "/name" && kind.key_member() == "name" {
            continue;
        }
        let (before, after) = (old.pointer(pointer), new.pointer(pointer));
        if is_reworded(before, after) {
            findings.push(Finding::changed(
                rule,
                at(kind, key, pointer),
                before,
                after,
                message,
            ));
        }
    }
}

/// Icons by their origin, and what `_meta` allows.
pub(super) fn icons_and_meta(
    kind: ItemKind,
    key: &str,
    old: &Value,
    new: &Value,
    findings: &mut Vec<Finding>,
) {
    let (before, after) = (old.get("icons"), new.get("icons"));
    if before != after {
        let (was, is) = (origins(before), origins(after));
        // An origin that is new may watch who looks; one that went is only another picture.
        let fresh = is.difference(&was).next();
        let (rule, message) = match fresh {
            Some(origin) => (
                RuleId::IconOriginChanged,
                format!("icons now come from {origin}"),
            ),
            None => (
                RuleId::IconsChanged,
                "icons changed, their origin did not".to_owned(),
            ),
        };
        findings.push(Finding::changed(
            rule,
            at(kind, key, "/icons"),
            before,
            after,
            &message,
        ));
    }
    let (before, after) = (old.get("_meta"), new.get("_meta"));
    let (was, is) = (allowances(before), allowances(after));
    // Only what is allowed besides: a server that allows itself less needs no look.
    if let Some(fresh) = is.difference(&was).next() {
        let message = format!("`_meta` now allows {fresh}");
        findings.push(Finding::changed(
            RuleId::MetaWidened,
            at(kind, key, "/_meta"),
            before,
            after,
            &message,
        ));
    }
}

/// Scheme and host of every icon; data within the answer has none.
fn origins(icons: Option<&Value>) -> BTreeSet<String> {
    let icons = icons.and_then(Value::as_array).into_iter().flatten();
    let sources = icons.filter_map(|icon| icon.get("src")?.as_str());
    // They load nothing from anywhere.
    let outer = sources.filter(|source| !source.starts_with("data:"));
    let origin = |source: &str| match source.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or("");
            format!("{scheme}://{}", host.to_lowercase())
        }
        // A path is relative to something that only the client knows.
        None => source.to_owned(),
    };
    outer.map(origin).collect()
}

/// Everything that `_meta` allows a user interface: origins, permissions, visibility.
fn allowances(meta: Option<&Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = meta
        .map(|meta| (String::new(), meta, false))
        .into_iter()
        .collect::<Vec<_>>();
    while let Some((way, value, is_inside)) = rest.pop() {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    // Clients and drafts spell these keys in several ways: any that sounds so is
                    // looked at.
                    let lower = name.to_lowercase();
                    let allows = [
                        "csp",
                        "domain",
                        "permission",
                        "allow",
                        "origin",
                        "visibility",
                    ]
                    .iter()
                    .any(|word| lower.contains(word));
                    let way = if way.is_empty() {
                        name.clone()
                    } else {
                        format!("{way}.{name}")
                    };
                    rest.push((way, value, is_inside || allows));
                }
            }
            Value::Array(list) => {
                rest.extend(list.iter().map(|value| (way.clone(), value, is_inside)));
            }
            // Nothing is allowed by it.
            Value::Bool(false) | Value::Null => {}
            value if is_inside => {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                // With the way to it, so that a value that moves to another permission is new.
                found.insert(format!("{value} ({way})"));
            }
            _ => {}
        }
    }
    found
}

/// Members that other rules look at, by kind of item.
const KNOWN: &[&str] = &[
    "name",
    "title",
    "description",
    "icons",
    "_meta",
    "annotations",
    "inputSchema",
    "outputSchema",
    "execution",
    "arguments",
    "mimeType",
    "size",
    "uri",
    "uriTemplate",
    "ttlMs",
    "cacheScope",
];

/// Members that no other rule knows.
pub(super) fn others(
    kind: ItemKind,
    key: &str,
    old: &Value,
    new: &Value,
    findings: &mut Vec<Finding>,
) {
    let names = |item: &Value| item.as_object().cloned().unwrap_or_default();
    let (old, new) = (names(old), names(new));
    let all = old.keys().chain(new.keys()).collect::<BTreeSet<_>>();
    for name in all {
        let (before, after) = (old.get(name), new.get(name));
        if before != after && !KNOWN.contains(&name.as_str()) {
            let message = format!("the member {name} changed");
            let pointer = format!("/{}", crate::parse::escape_segment(name));
            findings.push(Finding::changed(
                RuleId::MemberChanged,
                at(kind, key, &pointer),
                before,
                after,
                &message,
            ));
        }
    }
}

/// A hint, what it is when it is not given, and the value that claims more safety.
// The defaults are those of the MCP schema.
const HINTS: &[(&str, bool, bool)] = &[
    ("readOnlyHint", false, true),
    ("destructiveHint", true, false),
    ("idempotentHint", false, true),
    ("openWorldHint", true, false),
];

/// Hints by their effective value: what is spelled out and what is left to the default are one.
pub(super) fn hints(tool: &str, old: &Value, new: &Value, findings: &mut Vec<Finding>) {
    let empty = Map::new();
    let all = |tool: &Value| match tool.get("annotations") {
        Some(Value::Object(all)) => all.clone(),
        _ => empty.clone(),
    };
    let (old, new) = (all(old), all(new));
    let effective = |all: &Map<String, Value>, name: &str, default: bool| {
        all.get(name).and_then(Value::as_bool).unwrap_or(default)
    };
    let is_read_only = |all: &Map<String, Value>| effective(all, "readOnlyHint", false);
    for (name, default, safer) in HINTS {
        let pointer = format!("/annotations/{name}");
        let values = (old.get(*name), new.get(*name));
        let is_odd = |value: Option<&Value>| value.is_some_and(|value| !value.is_boolean());
        // Only what is new: an odd value of old was reported when it came.
        if is_odd(values.1) && values.0 != values.1 {
            let message = format!("{name} is not a boolean, which clients read in different ways");
            let at = at(ItemKind::Tool, tool, &pointer);
            findings.push(Finding::changed(
                RuleId::HintNotBoolean,
                at,
                values.0,
                values.1,
                &message,
            ));
        }
        // What a tool that only reads destroys or repeats does not matter.
        let only_when_writing = ["destructiveHint", "idempotentHint"].contains(name);
        if only_when_writing && (is_read_only(&old) || is_read_only(&new)) {
            continue;
        }
        let (was, is) = (
            effective(&old, name, *default),
            effective(&new, name, *default),
        );
        if was == is {
            continue;
        }
        let (rule, claim) = if is == *safer {
            (RuleId::HintSafer, "claims to be safer than before")
        } else {
            (RuleId::HintWorse, "says that it does more than before")
        };
        let message = format!("the tool {claim}: {name} was {was} and is {is} in effect");
        let at = at(ItemKind::Tool, tool, &pointer);
        let mut finding = Finding::changed(rule, at, values.0, values.1, &message);
        if values.0.is_none() {
            // Written for the first time, it takes nothing back.
            finding.security = finding.security.min(Security::Review);
        }
        findings.push(finding);
    }
    // The title is reported among the texts.
    let known = |name: &str| name == "title" || HINTS.iter().any(|(hint, ..)| *hint == name);
    for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let values = (old.get(name), new.get(name));
        if values.0 != values.1 && !known(name) {
            let at = at(ItemKind::Tool, tool, &format!("/annotations/{name}"));
            findings.push(Finding::changed(
                RuleId::MemberChanged,
                at,
                values.0,
                values.1,
                &format!("the annotation {name} changed"),
            ));
        }
    }
}
