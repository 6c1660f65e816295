//! The rules about names: doubled in one list, or so like another that it can be mistaken for it.

use super::items::Lists;
use crate::schema::finding::{At, Finding};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use unicode_security::confusable_detection::skeleton;

/// Adds names that more than one item has, where that is new.
pub(super) fn doubled(lists: &Lists<'_>, findings: &mut Vec<Finding>) {
    for name in lists.new.doubled.difference(&lists.old.doubled) {
        let message = format!(
            "two items of the list have the {} {name}",
            lists.kind.key_member()
        );
        findings.push(Finding::new(
            "name-doubled",
            at(lists, name),
            None,
            Some(json!(name)),
            message,
        ));
    }
}

/// Adds new names that look like one that is there, or like one of another proxy.
pub(super) fn confusable(lists: &Lists<'_>, findings: &mut Vec<Finding>) {
    let foreign = &lists.surfaces.1.foreign_tools;
    let all = lists
        .new
        .items
        .keys()
        .chain(lists.old.items.keys())
        .chain(foreign);
    let mut alike = BTreeMap::<String, BTreeSet<&String>>::new();
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
                && name.is_ascii()
        };
        let message = match other {
            Some(other) if !took_place(other) => format!("{name} can be mistaken for {other}"),
            _ if foreign.contains(name) => {
                format!("another recorded server has a tool {name} as well")
            }
            _ => continue,
        };
        let before = other.map(|other| json!(other));
        findings.push(Finding::new(
            "name-confusable",
            at(lists, name),
            before,
            Some(json!(name)),
            message,
        ));
    }
}

fn at<'a>(lists: &Lists<'_>, name: &'a str) -> At<'a> {
    At {
        kind: lists.kind,
        item: name,
        pointer: format!("/{}", lists.kind.key_member()),
    }
}

/// What is left of a name when all that eyes may miss is taken away.
fn looks(name: &str) -> String {
    let plain = name
        .chars()
        .filter(|one| one.is_alphanumeric())
        .collect::<String>();
    let folded = skeleton(&plain).collect::<String>().to_lowercase();
    // Once more: a capital I and a small l look alike as well.
    skeleton(&folded)
        .filter(|one| one.is_alphanumeric())
        .collect()
}

/// A word with those of its letters made Latin that only look so.
pub(super) fn latin(word: &str) -> String {
    let mut made = String::with_capacity(word.len());
    for one in word.chars() {
        let alike = skeleton(one.encode_utf8(&mut [0; 4])).collect::<String>();
        if !one.is_ascii() && alike.is_ascii() {
            made.push_str(&alike);
        } else {
            made.push(one);
        }
    }
    made
}

/// How many words two names share.
pub(super) fn shared_words(one: &str, other: &str) -> usize {
    let words = |name: &str| {
        let mut split = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() {
                split.push(' ');
            }
            split.extend(letter.to_lowercase());
        }
        let words = split.split(|one: char| !one.is_alphanumeric());
        words
            .filter(|word| word.len() > 2)
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    words(one).intersection(&words(other)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_alike() {
        let check = |one: &str, other: &str, expected: bool| {
            assert_eq!(looks(one) == looks(other), expected, "{one} {other}");
        };
        check("send_email", "sendEmail", true);
        check("send_email", "send-emai1", true);
        check("send_email", "send_emaiI", true);
        check("search", "s\u{0435}arch", true);
        check("search", "research", false);
        check("list_issues", "list_issue", false);
    }
}
