//! The rules about what `initialize` or `server/discover` answered.

use super::table::RuleId;
use super::texts::{CueContext, is_reworded, new_cues};
use crate::finding::{Finding, FindingPlace};
use crate::level::Compatibility;
use crate::surface::{ItemKind, Surface, server_info};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn info<'a>(server: &'a Value, member: &str) -> Option<&'a Value> {
    server_info(server)?.get(member)
}

fn name_of(server: &Value) -> &str {
    info(server, "name")
        .and_then(Value::as_str)
        .unwrap_or("server")
}

/// Adds what changed about the server itself.
pub(super) fn server(surface: &Surface, old: &Value, new: &Value, findings: &mut Vec<Finding>) {
    identity(old, new, findings);
    protocol(old, new, findings);
    capabilities(name_of(new), surface, old, new, findings);
    // Instructions name the server's own tools all the time.
    let others = BTreeSet::new();
    let reader = CueContext {
        kind: ItemKind::Server,
        item: name_of(new),
        others: &others,
        siblings: &others,
    };
    new_cues(reader, Some(old), new, findings);
}

fn at<'a>(server: &'a Value, pointer: &str) -> FindingPlace<'a> {
    FindingPlace {
        kind: ItemKind::Server,
        item: name_of(server),
        pointer: pointer.to_owned(),
    }
}

/// Who the server says it is, and its instructions to a model.
fn identity(old: &Value, new: &Value, findings: &mut Vec<Finding>) {
    for (member, rule, message) in [
        (
            "name",
            RuleId::ServerNameChanged,
            "the server has another name",
        ),
        (
            "version",
            RuleId::ServerVersionChanged,
            "the server has another version",
        ),
    ] {
        let values = (info(old, member), info(new, member));
        // A side that does not say it is of the other protocol, and no change.
        if values.0 != values.1 && values.0.is_some() && values.1.is_some() {
            let at = at(new, &format!("/serverInfo/{member}"));
            findings.push(Finding::changed(rule, at, values.0, values.1, message));
        }
    }
    let title = (info(old, "title"), info(new, "title"));
    let instructions = (old.get("instructions"), new.get("instructions"));
    for (pointer, rule, values, message) in [
        (
            "/serverInfo/title",
            RuleId::TitleChanged,
            title,
            "the server's title changed",
        ),
        (
            "/instructions",
            RuleId::InstructionsChanged,
            instructions,
            "the server's instructions changed",
        ),
    ] {
        if is_reworded(values.0, values.1) {
            findings.push(Finding::changed(
                rule,
                at(new, pointer),
                values.0,
                values.1,
                message,
            ));
        }
    }
}

/// Which versions of the protocol the server speaks.
fn protocol(old: &Value, new: &Value, findings: &mut Vec<Finding>) {
    let values = (old.get("protocolVersion"), new.get("protocolVersion"));
    // A capture leaves out what was only an echo of the client's version.
    if values.0 != values.1 && values.0.is_some() && values.1.is_some() {
        let at = at(new, "/protocolVersion");
        findings.push(Finding::changed(
            RuleId::ProtocolChanged,
            at,
            values.0,
            values.1,
            "the protocol version changed",
        ));
    }
    let versions = |server: &Value| {
        let list = server
            .get("supportedVersions")
            .and_then(Value::as_array)
            .cloned();
        list.unwrap_or_default()
    };
    let (was, is) = (versions(old), versions(new));
    // An answer to `initialize` has no such list, and takes nothing back.
    for version in was
        .iter()
        .filter(|version| !is.contains(version) && !is.is_empty())
    {
        let message = format!("the protocol version {version} is no longer supported");
        let at = at(new, "/supportedVersions");
        findings.push(Finding::changed(
            RuleId::VersionLost,
            at,
            Some(version),
            None,
            &message,
        ));
    }
}

/// Capabilities, and what each of them promises besides.
fn capabilities(
    item: &str,
    surface: &Surface,
    old: &Value,
    new: &Value,
    findings: &mut Vec<Finding>,
) {
    let all = |server: &Value| {
        let mut names = BTreeSet::new();
        for (name, inner) in server
            .get("capabilities")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            names.insert(name.clone());
            for (inner, value) in inner.as_object().into_iter().flatten() {
                // Saying false is not having it.
                if value != &Value::Bool(false) {
                    names.insert(format!("{name}/{inner}"));
                }
            }
        }
        names
    };
    let (was, is) = (all(old), all(new));
    // What goes or comes with its capability is not reported twice.
    let with_parent = |name: &str, other: &BTreeSet<String>| {
        name.split_once('/')
            .is_some_and(|(parent, _)| !other.contains(parent))
    };
    let at = |name: &str| FindingPlace {
        kind: ItemKind::Server,
        item,
        pointer: format!("/capabilities/{name}"),
    };
    for name in was.difference(&is).filter(|name| !with_parent(name, &is)) {
        let message = format!("the capability {name} was removed");
        let before = Some(json!(name));
        let mut finding = Finding::new(RuleId::CapabilityRemoved, at(name), before, None, message);
        finding.compatibility = lost(name, surface, &old["capabilities"][name.as_str()]);
        findings.push(finding);
    }
    for name in is.difference(&was).filter(|name| !with_parent(name, &was)) {
        let message = format!("the capability {name} was added");
        findings.push(Finding::new(
            RuleId::CapabilityAdded,
            at(name),
            None,
            Some(json!(name)),
            message,
        ));
    }
}

/// What the loss of a capability means: it breaks where a request that was served is refused.
fn lost(name: &str, old: &Surface, promise: &Value) -> Compatibility {
    let lists: &[ItemKind] = match name {
        "tools" => &[ItemKind::Tool],
        "prompts" => &[ItemKind::Prompt],
        "resources" => &[ItemKind::Resource, ItemKind::ResourceTemplate],
        // These are requests of their own, which are refused without the capability.
        "completions" | "logging" | "resources/subscribe" => return Compatibility::Breaking,
        _ => return Compatibility::Dangerous,
    };
    // Unknown is not empty.
    let is_captured = lists.iter().any(|kind| old.lists.contains_key(kind));
    if !is_captured {
        return if old.listed_nothing(lists[0], promise) {
            Compatibility::Dangerous
        } else {
            Compatibility::Breaking
        };
    }
    // With nothing in its lists, nobody could ask for any of it.
    let is_empty = |kind: &ItemKind| {
        let list = old.lists.get(kind);
        list.is_none_or(|list| list.items.is_empty() && !list.partial)
    };
    if lists.iter().all(is_empty) {
        Compatibility::Compatible
    } else {
        Compatibility::Breaking
    }
}

/// Adds that a surface changed while the server's version did not.
pub(super) fn silent_change(old: &Surface, new: &Surface, findings: &mut Vec<Finding>) {
    let (Some(before), Some(after)) = (&old.server, &new.server) else {
        return;
    };
    // A server without a version claims nothing.
    let version = info(after, "version");
    let is_noticed = findings
        .iter()
        // Changes of the server itself do not count: they come with a version, or are one.
        .any(|finding| finding.kind != ItemKind::Server);
    if version.is_none() || info(before, "version") != version || !is_noticed {
        return;
    }
    let at = FindingPlace {
        kind: ItemKind::Server,
        item: name_of(after),
        pointer: "/serverInfo/version".to_owned(),
    };
    let message = "the surface changed while the server's version did not".to_owned();
    findings.push(Finding::new(
        RuleId::SilentChange,
        at,
        version.cloned(),
        version.cloned(),
        message,
    ));
}
