//! The rules about resources and their templates.

use super::table::RuleId;
use crate::finding::{Finding, FindingPlace};
use crate::surface::ItemKind;
use serde_json::{Value, json};

/// Adds what changed about the content of a resource.
pub(super) fn content(
    kind: ItemKind,
    key: &str,
    old: &Value,
    new: &Value,
    findings: &mut Vec<Finding>,
) {
    for (pointer, rule, message) in [
        (
            "/mimeType",
            RuleId::MimeTypeChanged,
            "the media type changed",
        ),
        ("/size", RuleId::SizeChanged, "the size changed"),
        (
            "/annotations",
            // Reported by one rule: both change with the content.
            RuleId::SizeChanged,
            "dates or notes about the content changed",
        ),
    ] {
        let (before, after) = (old.pointer(pointer), new.pointer(pointer));
        if before != after {
            let at = FindingPlace {
                kind,
                item: key,
                pointer: pointer.to_owned(),
            };
            findings.push(Finding::changed(rule, at, before, after, message));
        }
    }
}

type Items<'a> = Vec<(&'a String, &'a Value)>;

/// Takes templates that went and came under one name out of both lists, and shows how they differ.
pub(super) fn reshaped_templates(
    gone: &mut Items<'_>,
    come: &mut Items<'_>,
    findings: &mut Vec<Finding>,
) {
    // One that came is paired once, and is then no addition.
    gone.retain(|(old_key, old)| {
        let is_same = |new: &Value| old.get("name").is_some() && old.get("name") == new.get("name");
        // The name first, for it is meant to last; only then the form.
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
    // The path first: where it differs, nothing else about it matters.
    let (rule, message) = if old.shape() != new.shape() {
        (
            RuleId::TemplatePathChanged,
            "URIs made from the old template lead nowhere",
        )
    } else if !old.query.iter().all(|name| new.query.contains(name)) {
        (
            RuleId::TemplatePathChanged,
            "a query variable is no longer known",
        )
    } else if old.variables() == new.variables() {
        (RuleId::TemplateQueryAdded, "a query variable was added")
    } else {
        (
            RuleId::TemplateVariableRenamed,
            "a variable was renamed, the URIs are the same",
        )
    };
    let at = FindingPlace {
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
    path: Vec<TemplatePart>,
    /// Variables of `{?…}` and `{&…}`.
    query: Vec<String>,
}

enum TemplatePart {
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
            // A brace without its end: servers send such, and the rest is taken for names.
            let (inside, after) = more.split_once('}').unwrap_or((more, ""));
            template
                .path
                .push(TemplatePart::Literal(literal.to_owned()));
            let names = inside.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']);
            let operator = &inside[..inside.len() - names.len()];
            let names = names
                .split(',')
                // Modifiers say how a value is written out, and are not part of the name.
                .map(|name| name.split(['*', ':']).next().unwrap_or(name));
            let names = names.map(str::to_owned).collect::<Vec<_>>();
            // The query may be in any order; the path may not.
            if matches!(operator, "?" | "&") {
                template.query.extend(names);
            } else {
                let modifiers = inside.chars().filter(|one| matches!(one, '*' | ':'));
                let sort = operator.chars().chain(modifiers).collect();
                template.path.push(TemplatePart::Variables(sort, names));
            }
            rest = after;
        }
        template.path.push(TemplatePart::Literal(rest.to_owned()));
        template
    }

    /// The path without the names of its variables.
    fn shape(&self) -> String {
        let part = |part: &TemplatePart| match part {
            TemplatePart::Literal(text) => text.clone(),
            // The names are the caller's own business: the URI that comes out is the same.
            TemplatePart::Variables(sort, names) => format!("{{{sort}{}}}", names.len()),
        };
        self.path.iter().map(part).collect()
    }

    fn variables(&self) -> Vec<&String> {
        self.path
            .iter()
            .filter_map(|part| match part {
                TemplatePart::Literal(_) => None,
                TemplatePart::Variables(_, names) => Some(names),
            })
            .flatten()
            .collect()
    }
}
