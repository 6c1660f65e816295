//! What texts tell a model or a person, and what is new in them: cues of poisoned tools. Compares
//! words; understands none of them.

use super::cues::{Cue, cues};
use crate::schema::finding::{At, Finding};
use crate::schema::parse::escape_segment;
use crate::schema::surface::ItemKind;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How many texts of one item are looked at.
const MAX_TEXTS: usize = 20_000;

/// Names of types, which tell a model nothing else.
const TYPES: &[&str] = &[
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// Whether two texts differ in more than white space.
pub(super) fn is_reworded(old: Option<&Value>, new: Option<&Value>) -> bool {
    let words = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
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
                texts.insert(pointer, text.clone());
            }
            Value::Object(map) => {
                for (name, value) in map {
                    let inner = format!("{pointer}/{}", escape_segment(name));
                    if name.chars().any(|one| !one.is_ascii_graphic()) || name.len() > 60 {
                        texts.insert(format!("{inner}#name"), name.clone());
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

/// Places whose texts are addresses by their nature, and told about elsewhere.
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
pub(super) struct Reader<'a> {
    pub(super) kind: ItemKind,
    pub(super) item: &'a str,
    pub(super) others: &'a BTreeSet<&'a str>,
}

/// Adds what is new in an item's texts and looks like what poisoned tools say. Of a new item, its
/// addresses and the tools that it names are no news.
pub(super) fn new_cues(
    reader: Reader<'_>,
    old: Option<&Value>,
    new: &Value,
    findings: &mut Vec<Finding>,
) {
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
        cues.retain(|cue| *cue != Cue::OtherTool(reader.item.to_owned()));
        (pointer, text, cues)
    });
    let found = found
        .filter(|(.., cues)| !cues.is_empty())
        .collect::<Vec<_>>();
    if found.is_empty() {
        return;
    }
    let known = before.values().flat_map(|text| cues(text, reader.others));
    let mut known = known.map(|cue| cue.key()).collect::<BTreeSet<_>>();
    for (pointer, text, cues) in found {
        let mut fresh = BTreeMap::<&str, Vec<Cue>>::new();
        for cue in cues {
            let is_quiet = match cue {
                Cue::Address(_) => old.is_none() || is_address_by_nature(&pointer),
                Cue::OtherTool(_) => old.is_none() || pointer == "/name",
                _ => false,
            };
            if !is_quiet && known.insert(cue.key()) {
                fresh.entry(cue.rule()).or_default().push(cue);
            }
        }
        for (rule, cues) in fresh {
            let at = At {
                kind: reader.kind,
                item: reader.item,
                pointer: pointer.trim_end_matches("#name").to_owned(),
            };
            let was = before.get(&pointer).map(|text| json!(text));
            let mut message = cues[0].message();
            if cues.len() > 1 {
                message = format!("{message}, and {} more", cues.len() - 1);
            }
            findings.push(Finding::new(rule, at, was, Some(json!(text)), message));
        }
    }
}
