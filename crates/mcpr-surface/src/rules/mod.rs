//! The rules: one table, and one file a group that says where and what. Each row has a pair of
//! fixtures in `tests/data/rules/ID/`; a test fails when a row lacks one.

mod branches;
mod closing;
mod cues;
mod id;
mod items;
mod judge;
mod keywords;
mod lists;
mod members;
mod mistakable;
mod names;
mod phrases;
mod places;
mod prompts;
mod references;
mod renames;
mod resources;
mod server;
mod spread;
mod table;
mod tasks;
#[cfg(test)]
mod tests;
mod texts;
#[cfg(test)]
mod upgrades;
mod walk;

use super::compat::Comparer;
use super::finding::{Finding, FindingPlace};
use super::surface::{ItemKind, ItemList, Surface};
use lists::ListPair;
use serde_json::json;
use std::borrow::Cow;

pub use id::UnknownRule;
pub(crate) use references::names_addresses_as_reference;
pub use table::{Rule, RuleId};

/// Every rule: schemas first, then items, texts, annotations and the server.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    RuleId::ALL.iter().map(|id| id.rule())
}

/// A list as far as it is known: a server that does not promise one has none.
fn listing(surface: &Surface, kind: ItemKind) -> Option<Cow<'_, ItemList>> {
    // What was captured counts, whatever the capabilities say.
    if let Some(list) = surface.lists.get(&kind) {
        return Some(Cow::Borrowed(list));
    }
    let is_promised = surface.promises(kind)?;
    (!is_promised).then(|| Cow::Owned(ItemList::default()))
}

/// Whether a promised list was never more than the promise.
fn is_hollow(surface: &Surface, kind: ItemKind) -> bool {
    let promise = surface.promise(kind);
    promise.is_some_and(|promise| surface.listed_nothing(kind, promise))
}

/// That one side does not have a list which the other has.
fn missing(kind: ItemKind, is_old: bool) -> Finding {
    let member = kind.list_member().unwrap_or("list");
    let side = if is_old { "old" } else { "new" };
    let at = FindingPlace {
        kind,
        item: member,
        pointer: String::new(),
    };
    let message = format!("the {side} side does not have the list `{member}`: not compared");
    Finding::new(RuleId::ListMissing, at, None, None, message)
}

/// Every finding of two surfaces, in no order.
pub(super) fn findings(old: &Surface, new: &Surface, comparer: &mut Comparer) -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in ItemKind::LISTED {
        match (listing(old, kind), listing(new, kind)) {
            (Some(before), Some(after)) => {
                let both = ListPair {
                    kind,
                    old: &before,
                    new: &after,
                    surfaces: (old, new),
                };
                items::lists(&both, comparer, &mut findings);
            }
            (None, None) => {}
            // Reported by the capability that is gone.
            (None, Some(after)) if after.items.is_empty() && is_hollow(old, kind) => {}
            // Unknown on one side: to compare with an empty list would report items as removed.
            (before, _) => findings.push(missing(kind, before.is_none())),
        }
    }
    // Without both answers there is nothing that a change could be seen from.
    if let (Some(before), Some(after)) = (&old.server, &new.server)
        && before != after
    {
        server::server(old, before, after, &mut findings);
    }
    for pointer in &new.duplicate_keys {
        // A doubled key that was there before is no news.
        if !old.duplicate_keys.contains(pointer) {
            let at = FindingPlace {
                kind: ItemKind::Server,
                item: "answer",
                pointer: pointer.clone(),
            };
            let message = "a key stands twice in the raw answer".to_owned();
            findings.push(Finding::new(
                RuleId::DuplicateKey,
                at,
                None,
                Some(json!(pointer)),
                message,
            ));
        }
    }
    // Last, as it depends on what the others found.
    server::silent_change(old, new, &mut findings);
    findings
}
