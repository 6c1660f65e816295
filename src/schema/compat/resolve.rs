//! Where a reference leads within its own document. Never outside: a network reference is unknown.

use crate::schema::parse::escape_segment;
use serde_json::Value;
use std::collections::BTreeMap;

/// A document, and what its references can name.
#[derive(Debug)]
pub(in crate::schema) struct Resolver<'a> {
    document: &'a Value,
    id: &'a str,
    /// Subschemas with an identifier or anchor of their own, with their pointers.
    named: BTreeMap<String, (String, &'a Value)>,
    draft: Draft,
}

/// Which of the drafts that differ in their keywords a document names; old ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Draft {
    Four,
    Six,
    Seven,
    Of2019,
    Of2020,
}

impl Draft {
    /// The draft that `$schema` names; the newest where it names none that is known.
    fn named(name: &str) -> Self {
        let drafts = [
            ("draft-03", Self::Four),
            ("draft-04", Self::Four),
            ("draft-06", Self::Six),
            ("draft-07", Self::Seven),
            ("2019-09", Self::Of2019),
        ];
        let known = drafts.iter().find(|(part, _)| name.contains(part));
        known.map_or(Self::Of2020, |(_, draft)| *draft)
    }

    /// The first draft in which a keyword says anything.
    fn first_with(keyword: &str) -> Self {
        match keyword {
            "const" | "contains" | "propertyNames" => Self::Six,
            "if" | "then" | "else" => Self::Seven,
            "dependentRequired"
            | "dependentSchemas"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "minContains"
            | "maxContains"
            | "$recursiveRef" => Self::Of2019,
            "prefixItems" | "$dynamicRef" => Self::Of2020,
            _ => Self::Four,
        }
    }
}

/// What a reference names.
#[derive(Debug)]
pub(in crate::schema) enum Resolved<'a> {
    /// A subschema of the document, with its pointer.
    Found(String, &'a Value),
    /// Nothing within the document.
    Unknown,
}

impl<'a> Resolver<'a> {
    pub(in crate::schema) fn of(document: &'a Value) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or("");
        let draft = text("$schema");
        let mut named = BTreeMap::new();
        if may_be_named(document) {
            collect_named(document, &mut String::new(), &mut named);
        }
        Self {
            document,
            id: text("$id").trim_end_matches('#'),
            named,
            draft: Draft::named(draft),
        }
    }

    /// Whether keywords beside `$ref` mean nothing: so it was up to draft 7.
    pub(in crate::schema) fn ignores_siblings(&self) -> bool {
        self.draft <= Draft::Seven
    }

    /// Whether a keyword says anything in the document's draft.
    pub(in crate::schema) fn knows(&self, keyword: &str) -> bool {
        Draft::first_with(keyword) <= self.draft
    }

    /// Whether references in a schema start from an identifier of its own.
    pub(in crate::schema) fn is_other_base(&self, map: &serde_json::Map<String, Value>) -> bool {
        let id = map.get("$id").and_then(Value::as_str);
        let id = id.map(|id| id.trim_end_matches('#'));
        id.is_some_and(|id| !id.is_empty() && !id.starts_with('#') && id != self.id)
    }

    pub(in crate::schema) fn resolve(&self, reference: &str) -> Resolved<'a> {
        if let Some((pointer, found)) = self.named.get(reference) {
            return Resolved::Found(pointer.clone(), found);
        }
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if !(base.is_empty() || base == self.id) {
            return Resolved::Unknown;
        }
        let pointer = percent_decoded(fragment);
        if !(pointer.is_empty() || pointer.starts_with('/')) {
            return match self.named.get(&format!("#{pointer}")) {
                Some((pointer, found)) => Resolved::Found(pointer.clone(), found),
                None => Resolved::Unknown,
            };
        }
        match self.document.pointer(&pointer) {
            Some(found) => Resolved::Found(pointer, found),
            None => Resolved::Unknown,
        }
    }
}

/// Whether any subschema could have a name of its own; most documents have none, and skip the walk.
fn may_be_named(document: &Value) -> bool {
    let mut rest = vec![document];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(map) => {
                if ["$id", "$anchor", "id"]
                    .iter()
                    .any(|name| map.contains_key(*name))
                {
                    return true;
                }
                rest.extend(map.values());
            }
            Value::Array(list) => rest.extend(list),
            _ => {}
        }
    }
    false
}

/// Keywords whose values are no schemas.
const DATA: &[&str] = &["const", "enum", "default", "examples"];

fn collect_named<'a>(
    value: &'a Value,
    pointer: &mut String,
    named: &mut BTreeMap<String, (String, &'a Value)>,
) {
    let length = pointer.len();
    match value {
        Value::Object(map) => {
            if let Some(Value::String(id)) = map.get("$id")
                && !pointer.is_empty()
            {
                named.insert(id.clone(), (pointer.clone(), value));
            }
            if let Some(Value::String(anchor)) = map.get("$anchor") {
                named.insert(format!("#{anchor}"), (pointer.clone(), value));
            }
            let schemas = map.iter().filter(|(key, _)| !DATA.contains(&key.as_str()));
            for (key, value) in schemas {
                pointer.push('/');
                pointer.push_str(&escape_segment(key));
                collect_named(value, pointer, named);
                pointer.truncate(length);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                pointer.push('/');
                pointer.push_str(&at.to_string());
                collect_named(value, pointer, named);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = byte.filter(|_| bytes[at] == b'%') {
            decoded.push(byte);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
