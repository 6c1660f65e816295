//! The rules about resources and their templates.

use crate::schema::finding::{At, Finding};
use crate::schema::surface::ItemKind;
use serde_json::{Value, json};

/// Adds what changed about the content of a resource.
pub(super) fn content(
    kind: ItemKind,
    key: &str,
    (old, new): (&Value, &Value),
    findings: &mut Vec<Finding>,
) {
    for (pointer, rule, message) in [
        ("/mimeType", "mime-type-changed", "the media type changed"),
        ("/size", "size-changed", "the size changed"),
        (
            "/annotations",
            "size-changed",
            "dates or notes about the content changed",
        ),
    ] {
        let (before, after) = (old.pointer(pointer), new.pointer(pointer));
        if before != after {
            let at = At {
                kind,
                item: key,
                pointer: pointer.to_owned(),
            };
            findings.push(Finding::new(
                rule,
                at,
                before.cloned(),
                after.cloned(),
                message.to_owned(),
            ));
        }
    }
}

type Items<'a> = Vec<(&'a String, &'a Value)>;

/// Takes templates that went and came under one name out of both lists, and tells how they differ.
pub(super) fn reshaped_templates(
    gone: &mut Items<'_>,
    come: &mut Items<'_>,
    findings: &mut Vec<Finding>,
) {
    gone.retain(|(old_key, old)| {
        let is_same = |new: &Value| old.get("name").is_some() && old.get("name") == new.get("name");
        let position = come.iter().position(|(_, new)| is_same(new));
        let position = position.or_else(|| {
            come.iter()
                .position(|(key, _)| Template::of(old_key).shape() == Template::of(key).shape())
        });
        let Some(position) = position else {
            return true;
        };
        let (new_key, _) = come.remove(position);
        findings.push(reshaped(old_key, new_key));
        false
    });
}

fn reshaped(old_key: &str, new_key: &str) -> Finding {
    let (old, new) = (Template::of(old_key), Template::of(new_key));
    let (rule, message) = if old.shape() != new.shape() {
        (
            "template-path-changed",
            "URIs made from the old template lead nowhere",
        )
    } else if !old.query.iter().all(|name| new.query.contains(name)) {
        (
            "template-path-changed",
            "a query variable is no longer known",
        )
    } else if old.variables() == new.variables() {
        ("template-query-added", "a query variable was added")
    } else {
        (
            "template-variable-renamed",
            "a variable was renamed, the URIs are the same",
        )
    };
    let at = At {
        kind: ItemKind::ResourceTemplate,
        item: old_key,
        pointer: "/uriTemplate".to_owned(),
    };
    Finding::new(
        rule,
        at,
        Some(json!(old_key)),
        Some(json!(new_key)),
        message.to_owned(),
    )
}

/// A URI template (RFC 6570), as far as callers notice it.
struct Template {
    /// Literals and expressions of the path, in order.
    path: Vec<Part>,
    /// Variables of `{?…}` and `{&…}`.
    query: Vec<String>,
}

enum Part {
    Literal(String),
    /// The operator with modifiers, and the names.
    Variables(String, Vec<String>),
}

impl Template {
    fn of(text: &str) -> Self {
        let mut template = Self {
            path: Vec::new(),
            query: Vec::new(),
        };
        let mut rest = text;
        while let Some((literal, more)) = rest.split_once('{') {
            let (inside, after) = more.split_once('}').unwrap_or((more, ""));
            template.path.push(Part::Literal(literal.to_owned()));
            let names = inside.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']);
            let operator = &inside[..inside.len() - names.len()];
            let names = names
                .split(',')
                .map(|name| name.split(['*', ':']).next().unwrap_or(name));
            let names = names.map(str::to_owned).collect::<Vec<_>>();
            if matches!(operator, "?" | "&") {
                template.query.extend(names);
            } else {
                let modifiers = inside.chars().filter(|one| matches!(one, '*' | ':'));
                let sort = operator.chars().chain(modifiers).collect();
                template.path.push(Part::Variables(sort, names));
            }
            rest = after;
        }
        template.path.push(Part::Literal(rest.to_owned()));
        template
    }

    /// The path without the names of its variables.
    fn shape(&self) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Variables(sort, names) => format!("{{{sort}{}}}", names.len()),
        };
        self.path.iter().map(part).collect()
    }

    fn variables(&self) -> Vec<&String> {
        self.path
            .iter()
            .filter_map(|part| match part {
                Part::Literal(_) => None,
                Part::Variables(_, names) => Some(names),
            })
            .flatten()
            .collect()
    }
}
