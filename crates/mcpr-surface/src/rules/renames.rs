//! Items that went and came under another name: by their names first, then by what they take. A pair
//! is a guess that is reported as one; what serves nobody, such as a tool without parameters, pairs nothing.

use super::names;
use super::prompts;
use crate::compat::{Caller, Comparer, Inclusion};
use crate::level::Compatibility;
use crate::surface::ItemKind;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many added items are looked at as the new name of a removed one.
const MAX_CANDIDATES: usize = 40;

/// For how many of them it is worked out whether they serve its callers.
// Each takes a proof, and all of it is for a hint.
const MAX_PROOFS: usize = 4;

/// What an item is called now.
pub(super) struct Rename<'a> {
    pub(super) key: &'a String,
    pub(super) evidence: RenameEvidence,
}

/// By what a rename is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RenameEvidence {
    /// The names differ in signs and capitals alone.
    Name,
    /// The new one takes what the old one took.
    Content,
}

type Items<'a> = Vec<(&'a String, &'a Value)>;

/// The new names of what is gone, by old name; what was paired is taken out of what came.
pub(super) fn paired<'a>(
    kind: ItemKind,
    gone: &Items<'a>,
    come: &mut Items<'a>,
    comparer: &mut Comparer,
) -> BTreeMap<&'a str, Rename<'a>> {
    let mut renames = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let has_name = matches!(kind, ItemKind::Tool | ItemKind::Prompt);
    // URIs that differ in a sign name different things.
    if has_name {
        let mut by_name: HashMap<String, usize> = HashMap::new();
        for (at, (key, _)) in come.iter().enumerate() {
            by_name.entry(plain(key)).or_insert(at);
        }
        for (key, _) in gone {
            if let Some(at) = by_name.remove(&plain(key)) {
                taken.insert(at);
                let rename = Rename {
                    key: come[at].0,
                    evidence: RenameEvidence::Name,
                };
                renames.insert(key.as_str(), rename);
            }
        }
    }
    for (key, old) in gone {
        if renames.contains_key(key.as_str()) || !says_something(kind, old) {
            continue;
        }
        // Each is searched for on its own share of steps.
        comparer.next_item();
        let free = (0..come.len()).filter(|at| !taken.contains(at));
        if let Some(at) = best(kind, key, old, come, free, comparer) {
            taken.insert(at);
            let rename = Rename {
                key: come[at].0,
                evidence: RenameEvidence::Content,
            };
            renames.insert(key.as_str(), rename);
        }
    }
    let mut at = 0;
    come.retain(|_| {
        at += 1;
        !taken.contains(&(at - 1))
    });
    renames
}

/// A name without signs and capitals: `tavily-search` is `tavily_search`.
fn plain(key: &str) -> String {
    let letters = key.chars().filter(|one| one.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether what an item takes distinguishes it from others.
fn says_something(kind: ItemKind, item: &Value) -> bool {
    let is_filled = |value: Option<&Value>| match value {
        Some(Value::Object(map)) => !map.is_empty(),
        Some(Value::Array(list)) => !list.is_empty(),
        _ => false,
    };
    match kind {
        ItemKind::Tool => is_filled(item.pointer("/inputSchema/properties")),
        ItemKind::Prompt => is_filled(item.get("arguments")),
        _ => item.get("name").is_some(),
    }
}

/// The added item that serves the callers of a removed one; of several, the most alike.
fn best(
    kind: ItemKind,
    key: &str,
    old: &Value,
    come: &Items<'_>,
    free: impl Iterator<Item = usize>,
    comparer: &mut Comparer,
) -> Option<usize> {
    let rank = |at: usize| {
        let (name, new) = come[at];
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
    let ranked = free.take(MAX_CANDIDATES).map(|at| (at, rank(at)));
    // Nothing in common: that it takes the same would be chance.
    let mut ranked: Vec<_> = ranked.filter(|(_, rank)| *rank > (0, 0)).collect();
    ranked.sort_by_key(|(_, rank)| Reverse(*rank));
    let mut serves = |new: &Value| match kind {
        ItemKind::Tool => {
            let input = |tool: &Value| {
                let input = tool.get("inputSchema").cloned();
                input.unwrap_or_else(|| json!({}))
            };
            // Proven only: a guess at a new name must be one that works.
            let holds = comparer.includes(&input(old), &input(new), Caller::Careful);
            says_something(kind, new) && holds == Inclusion::Holds
        }
        ItemKind::Prompt => {
            let mut findings = Vec::new();
            prompts::arguments(key, old, new, &mut findings);
            let harmless = |level: Compatibility| level < Compatibility::Dangerous;
            says_something(kind, new)
                && findings
                    .iter()
                    .all(|finding| harmless(finding.compatibility))
        }
        // Resources have no arguments: the display name is all there is.
        _ => old.get("name") == new.get("name"),
    };
    let mut found = ranked.into_iter().take(MAX_PROOFS);
    found.find(|(at, _)| serves(come[*at].1)).map(|(at, _)| at)
}
