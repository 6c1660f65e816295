//! The rules: one table, and one file a group that says where and what. Each row has a pair of
//! fixtures in `tests/data/rules/ID/`; a test fails when a row lacks one.

mod branches;
mod cues;
mod items;
mod judge;
mod keywords;
mod members;
mod names;
mod phrases;
mod places;
mod prompts;
mod resources;
mod server;
mod spread;
mod table_items;
mod table_schemas;
#[cfg(test)]
mod tests;
mod texts;
mod walk;

use super::compat::Comparer;
use super::finding::{At, Finding};
use super::level::{Compatibility, Security};
use super::surface::{ItemKind, Surface};
use items::{Lists, lists};
use serde_json::json;
use std::fmt::Write as _;

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its name in findings, in `--ignore` and in `schema rules`.
    pub id: &'static str,
    /// What it means where the caller writes the value, and for items and texts.
    pub input: Compatibility,
    /// What it means where the server writes the value.
    pub output: Compatibility,
    /// What it means for trust.
    pub security: Security,
    /// What happened.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// A case of it, in a few words.
    pub example: &'static str,
}

/// Every rule: schemas first, then items, texts, annotations and the server.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    table_schemas::SCHEMA_RULES
        .iter()
        .chain(table_items::ITEM_RULES)
}

/// The rule of an id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

impl Rule {
    /// Whether the levels of input and output differ, as they do for rules about schemas.
    #[must_use]
    pub fn has_directions(&self) -> bool {
        self.input != self.output
    }

    /// The rule's page, as plain text.
    ///
    /// # Panics
    ///
    /// Never: writing to a string does not fail.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = format!("{}\n\n{}.\n", self.id, sentence(self.title));
        writeln!(page, "{}.\n", sentence(self.why)).expect("a string takes all");
        let levels = if self.has_directions() {
            format!("{} in an input, {} in an output", self.input, self.output)
        } else {
            self.input.to_string()
        };
        writeln!(page, "compatibility: {levels}").expect("a string takes all");
        writeln!(page, "security: {}", self.security).expect("a string takes all");
        writeln!(page, "example: {}", self.example).expect("a string takes all");
        page
    }
}

/// A sentence's first letter as it stands at its beginning.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// Every finding of two surfaces, in no order.
pub(super) fn findings(old: &Surface, new: &Surface) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut comparer = Comparer::default();
    for kind in ItemKind::LISTED {
        if let (Some(before), Some(after)) = (old.lists.get(&kind), new.lists.get(&kind)) {
            let both = Lists {
                kind,
                old: before,
                new: after,
                surfaces: (old, new),
            };
            lists(&both, &mut comparer, &mut findings);
        }
    }
    if let (Some(before), Some(after)) = (&old.server, &new.server)
        && before != after
    {
        server::server(before, after, &mut findings);
    }
    for pointer in &new.duplicate_keys {
        if !old.duplicate_keys.contains(pointer) {
            let at = At {
                kind: ItemKind::Server,
                item: "answer",
                pointer: pointer.clone(),
            };
            let message = "a key stands twice in the raw answer".to_owned();
            findings.push(Finding::new(
                "duplicate-key",
                at,
                None,
                Some(json!(pointer)),
                message,
            ));
        }
    }
    server::silent_change(old, new, &mut findings);
    findings
}
