//! The rules about what `initialize` or `server/discover` answered.

use super::texts::{Reader, is_reworded, new_cues};
use crate::schema::finding::{At, Finding};
use crate::schema::surface::{ItemKind, Surface};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Where a server says who it is: in `initialize`, and since 2026-07-28 in `_meta`.
const INFO: &[&str] = &["/serverInfo", "/_meta/io.modelcontextprotocol~1serverInfo"];

fn info<'a>(server: &'a Value, member: &str) -> Option<&'a Value> {
    INFO.iter()
        .find_map(|pointer| server.pointer(pointer)?.get(member))
}

fn name_of(server: &Value) -> &str {
    info(server, "name")
        .and_then(Value::as_str)
        .unwrap_or("server")
}

/// Adds what changed about the server itself.
pub(super) fn server(old: &Value, new: &Value, findings: &mut Vec<Finding>) {
    identity(old, new, findings);
    protocol(old, new, findings);
    capabilities(name_of(new), (old, new), findings);
    let others = BTreeSet::new();
    let reader = Reader {
        kind: ItemKind::Server,
        item: name_of(new),
        others: &others,
    };
    new_cues(reader, Some(old), new, findings);
}

fn found(
    rule: &'static str,
    at: At<'_>,
    (before, after): (Option<&Value>, Option<&Value>),
    message: &str,
) -> Finding {
    Finding::new(
        rule,
        at,
        before.cloned(),
        after.cloned(),
        message.to_owned(),
    )
}

fn at<'a>(server: &'a Value, pointer: &str) -> At<'a> {
    At {
        kind: ItemKind::Server,
        item: name_of(server),
        pointer: pointer.to_owned(),
    }
}

/// Who the server says it is, and what it tells a model.
fn identity(old: &Value, new: &Value, findings: &mut Vec<Finding>) {
    for (member, rule, message) in [
        ("name", "server-name-changed", "the server has another name"),
        (
            "version",
            "server-version-changed",
            "the server has another version",
        ),
    ] {
        let values = (info(old, member), info(new, member));
        if values.0 != values.1 && values.0.is_some() && values.1.is_some() {
            let at = at(new, &format!("/serverInfo/{member}"));
            findings.push(found(rule, at, values, message));
        }
    }
    let title = (info(old, "title"), info(new, "title"));
    let instructions = (old.get("instructions"), new.get("instructions"));
    for (pointer, rule, values, message) in [
        (
            "/serverInfo/title",
            "title-changed",
            title,
            "the server's title changed",
        ),
        (
            "/instructions",
            "instructions-changed",
            instructions,
            "the server's instructions changed",
        ),
    ] {
        if is_reworded(values.0, values.1) {
            findings.push(found(rule, at(new, pointer), values, message));
        }
    }
}

/// Which versions of the protocol the server speaks.
fn protocol(old: &Value, new: &Value, findings: &mut Vec<Finding>) {
    let values = (old.get("protocolVersion"), new.get("protocolVersion"));
    if values.0 != values.1 && values.0.is_some() && values.1.is_some() {
        let at = at(new, "/protocolVersion");
        findings.push(found(
            "protocol-changed",
            at,
            values,
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
    for version in was
        .iter()
        .filter(|version| !is.contains(version) && !is.is_empty())
    {
        let message = format!("the protocol version {version} is no longer supported");
        let at = at(new, "/supportedVersions");
        findings.push(found("version-lost", at, (Some(version), None), &message));
    }
}

/// Capabilities, and what each of them promises besides.
fn capabilities(item: &str, (old, new): (&Value, &Value), findings: &mut Vec<Finding>) {
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
                if value != &Value::Bool(false) {
                    names.insert(format!("{name}/{inner}"));
                }
            }
        }
        names
    };
    let (was, is) = (all(old), all(new));
    // What goes or comes with its capability is not told twice.
    let with_parent = |name: &str, other: &BTreeSet<String>| {
        name.split_once('/')
            .is_some_and(|(parent, _)| !other.contains(parent))
    };
    let at = |name: &str| At {
        kind: ItemKind::Server,
        item,
        pointer: format!("/capabilities/{name}"),
    };
    for name in was.difference(&is).filter(|name| !with_parent(name, &is)) {
        let message = format!("the capability {name} was removed");
        findings.push(Finding::new(
            "capability-removed",
            at(name),
            Some(json!(name)),
            None,
            message,
        ));
    }
    for name in is.difference(&was).filter(|name| !with_parent(name, &was)) {
        let message = format!("the capability {name} was added");
        findings.push(Finding::new(
            "capability-added",
            at(name),
            None,
            Some(json!(name)),
            message,
        ));
    }
}

/// Adds that a surface changed while the server's version did not.
pub(super) fn silent_change(old: &Surface, new: &Surface, findings: &mut Vec<Finding>) {
    let (Some(before), Some(after)) = (&old.server, &new.server) else {
        return;
    };
    let version = info(after, "version");
    let is_noticed = findings
        .iter()
        .any(|finding| finding.kind != ItemKind::Server);
    if version.is_none() || info(before, "version") != version || !is_noticed {
        return;
    }
    let at = At {
        kind: ItemKind::Server,
        item: name_of(after),
        pointer: "/serverInfo/version".to_owned(),
    };
    let message = "the surface changed while the server's version did not".to_owned();
    findings.push(Finding::new(
        "silent-change",
        at,
        version.cloned(),
        version.cloned(),
        message,
    ));
}
