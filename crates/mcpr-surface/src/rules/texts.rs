//! What texts say to a model or a person, and what is new in them: cues of poisoned tools. Compares
//! words; understands none of them.

use super::cues::{Cue, cues};
use super::table::RuleId;
use crate::finding::{Finding, FindingPlace};
use crate::parse::escape_segment;
use crate::surface::ItemKind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many texts of one item are looked at.
// Far beyond what is read by anybody; it bounds the work for an item of nothing but texts.
const MAX_TEXTS: usize = 20_000;

/// The longest name that is an identifier whatever it is made of, in bytes.
const MAX_NAME: usize = 60;

/// Words of a name from which on they may be a message.
const MIN_MESSAGE_WORDS: usize = 4;

/// Names of types, which mean nothing else to a model.
const TYPES: &[&str] = &[
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// Whether two texts differ in more than white space.
pub(super) fn is_reworded(old: Option<&Value>, new: Option<&Value>) -> bool {
    let words = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        // A missing text and an empty one read alike.
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    words(old) != words(new)
}

/// Whether there is a text in it that says something to a reader.
pub(super) fn has_words(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(name, value)| {
            let is_text = ["description", "title"].contains(&name.as_str()) && value.is_string();
            is_text || has_words(value)
        }),
        Value::Array(list) => list.iter().any(has_words),
        _ => false,
    }
}

/// The texts of an item under their pointers; its names as well, which a model reads too.
fn texts_of(item: &Value) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut rest = vec![(String::new(), item)];
    while let Some((pointer, value)) = rest.pop() {
        if texts.len() >= MAX_TEXTS {
            break;
        }
        match value {
            Value::String(text) => {
                // Names of items and arguments are values, and say as much as those of members.
                let is_name = pointer.ends_with("/name") && !text.contains(char::is_whitespace);
                let words = is_name.then(|| text_of_name(text)).flatten();
                texts.insert(pointer, words.unwrap_or_else(|| text.clone()));
            }
            Value::Object(map) => {
                for (name, value) in map {
                    let inner = format!("{pointer}/{}", escape_segment(name));
                    if let Some(text) = text_of_name(name) {
                        texts.insert(format!("{inner}#name"), text);
                    }
                    rest.push((inner, value));
                }
            }
            Value::Array(list) => {
                let inner = list.iter().enumerate();
                rest.extend(inner.map(|(at, value)| (format!("{pointer}/{at}"), value)));
            }
            _ => {}
        }
    }
    texts
}

/// What a name says to a model. A short one is an identifier, and says what it names; one of many
/// words has room for a message, which is read with its words apart.
fn text_of_name(name: &str) -> Option<String> {
    if name.chars().any(|one| !one.is_ascii_graphic()) || name.len() > MAX_NAME {
        return Some(name.to_owned());
    }
    let mut words = String::with_capacity(name.len() + 8);
    let mut last = ' ';
    for one in name.chars() {
        let begins = one.is_ascii_uppercase() && last.is_ascii_lowercase();
        if begins || matches!(one, '_' | '-') {
            words.push(' ');
        }
        if !matches!(one, '_' | '-') {
            words.push(one);
        }
        last = one;
    }
    (words.split_whitespace().count() >= MIN_MESSAGE_WORDS).then_some(words)
}

/// Places whose texts are addresses by their nature, and reported elsewhere.
fn is_address_by_nature(pointer: &str) -> bool {
    [
        "/icons/",
        "/_meta/",
        "/uri",
        "/uriTemplate",
        "/$schema",
        "/$id",
        "/$ref",
        "/websiteUrl",
    ]
    .iter()
    .any(|part| pointer.contains(part))
}

/// Who is looked at, and whose names count as other tools.
#[derive(Debug, Clone, Copy)]
pub(super) struct CueContext<'a> {
    pub(super) kind: ItemKind,
    pub(super) item: &'a str,
    pub(super) others: &'a BTreeSet<&'a str>,
    /// Those of them that the same server has.
    pub(super) siblings: &'a BTreeSet<&'a str>,
}

/// Adds what is new in an item's texts and looks like what poisoned tools say. Of a new item, its
/// addresses and the tools that it names are no news.
pub(super) fn new_cues(
    reader: CueContext<'_>,
    old: Option<&Value>,
    new: &Value,
    findings: &mut Vec<Finding>,
) {
    // By place: a text that did not change needs no look.
    let before = old.map(texts_of).unwrap_or_default();
    let mut changed = texts_of(new);
    changed.retain(|pointer, text| {
        before.get(pointer) != Some(&*text) && !TYPES.contains(&text.as_str())
    });
    if changed.is_empty() {
        return;
    }
    let found = changed.into_iter().map(|(pointer, text)| {
        let mut cues = cues(&text, reader.others);
        // Naming itself is no news.
        cues.retain(|cue| *cue != Cue::OtherTool(reader.item.to_owned()));
        (pointer, text, cues)
    });
    let found = found
        .filter(|(.., cues)| !cues.is_empty())
        .collect::<Vec<_>>();
    if found.is_empty() {
        return;
    }
    // What was stated anywhere in the item before is no news where it moved.
    let known = before.values().flat_map(|text| cues(text, reader.others));
    let mut known = known.map(|cue| cue.key()).collect::<BTreeSet<_>>();
    for (pointer, text, cues) in found {
        let mut fresh = BTreeMap::<RuleId, Vec<Cue>>::new();
        for cue in cues {
            let is_quiet = match cue {
                Cue::Address(_) => old.is_none() || is_address_by_nature(&pointer),
                // A tool's own name is what it is.
                Cue::OtherTool(_) => old.is_none() || pointer == "/name",
                _ => false,
            };
            if !is_quiet && known.insert(cue.key()) {
                fresh.entry(cue.rule()).or_default().push(cue);
            }
        }
        // One finding a rule and text, or a long text would give dozens.
        for (rule, mut cues) in fresh {
            let at = FindingPlace {
                kind: reader.kind,
                item: reader.item,
                pointer: pointer.trim_end_matches("#name").to_owned(),
            };
            let was = before.get(&pointer).map(|text| json!(text));
            // The worst first, as it is what the message says.
            cues.sort_by_key(|cue| std::cmp::Reverse(cue.security(reader.siblings)));
            let mut message = cues[0].message();
            if cues.len() > 1 {
                message = format!("{message}, and {} more", cues.len() - 1);
            }
            let security = cues.iter().map(|cue| cue.security(reader.siblings)).max();
            let mut finding = Finding::new(rule, at, was, Some(json!(text)), message);
            finding.security = security.unwrap_or(finding.security);
            findings.push(finding);
        }
    }
}
