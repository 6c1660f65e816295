//! The rules about names: doubled in one list, or so like another that it can be mistaken for it.

use super::lists::ListPair;
use super::names::looks;
use super::table::RuleId;
use crate::finding::{Finding, FindingPlace};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Adds names that more than one item has, where that is new.
pub(super) fn doubled(lists: &ListPair<'_>, findings: &mut Vec<Finding>) {
    // Doubled before is no news.
    for name in lists.new.doubled.difference(&lists.old.doubled) {
        let message = format!(
            "two items of the list have the {} {name}",
            lists.kind.key_member()
        );
        findings.push(Finding::new(
            RuleId::NameDoubled,
            at(lists, name),
            None,
            Some(json!(name)),
            message,
        ));
    }
}

/// Adds new names that look like one that is there, or like one of another proxy.
pub(super) fn confusable(lists: &ListPair<'_>, findings: &mut Vec<Finding>) {
    // Of the new side: what other servers show now.
    let foreign = &lists.surfaces.1.foreign_tools;
    let all = lists
        .new
        .items
        .keys()
        .chain(lists.old.items.keys())
        .chain(foreign);
    let mut alike = BTreeMap::<String, BTreeSet<&String>>::new();
    // The same work as comparing each pair, without the square of their number.
    for name in all {
        alike.entry(looks(name)).or_default().insert(name);
    }
    let added = lists
        .new
        .items
        .keys()
        .filter(|name| !lists.old.items.contains_key(*name));
    for name in added {
        let others = alike.get(&looks(name)).into_iter().flatten();
        let other = others.into_iter().find(|other| **other != name);
        // A name that took another's place in the same list is a renamed tool.
        let took_place = |other: &str| {
            lists.old.items.contains_key(other)
                && !lists.new.items.contains_key(other)
                // Only a plain name: one with letters of other scripts hides that it is not the
                // same.
                && name.is_ascii()
        };
        let message = match other {
            Some(other) if !took_place(other) => format!("{name} can be mistaken for {other}"),
            // A name shared with another server lets one stand in for the other.
            _ if foreign.contains(name) => {
                format!("another recorded server has a tool {name} as well")
            }
            _ => continue,
        };
        let before = other.map(|other| json!(other));
        findings.push(Finding::new(
            RuleId::NameConfusable,
            at(lists, name),
            before,
            Some(json!(name)),
            message,
        ));
    }
}

fn at<'a>(lists: &ListPair<'_>, name: &'a str) -> FindingPlace<'a> {
    FindingPlace {
        kind: lists.kind,
        item: name,
        pointer: format!("/{}", lists.kind.key_member()),
    }
}
