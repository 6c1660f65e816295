//! The drafts of JSON Schema that differ in their keywords, and where in a schema other schemas
//! stand. Data only.

use crate::parse::pointer;
use serde_json::{Map, Value};

/// Which of the drafts a document names; old ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Draft {
    Four,
    Six,
    Seven,
    Of2019,
    Of2020,
}

impl Draft {
    /// The draft that `$schema` names; the newest where it names none that is known.
    pub(super) fn named(name: &str) -> Self {
        let drafts = [
            // Nothing reads draft 3; its keywords are mostly those of draft 4.
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
    pub(super) fn first_with(keyword: &str) -> Self {
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
            // Keywords that are older, or unknown, count everywhere: to miss one would be unsound.
            _ => Self::Four,
        }
    }

    /// The keyword by which a schema is known to others.
    pub(super) fn id_keyword(self) -> &'static str {
        if self == Self::Four { "id" } else { "$id" }
    }

    /// Whether keywords beside `$ref` mean nothing.
    pub(super) fn ignores_siblings(self) -> bool {
        self <= Self::Seven
    }
}

const MAPS: &[&str] = &[
    "properties",
    "patternProperties",
    "dependentSchemas",
    "dependencies",
    "$defs",
    "definitions",
];
// In old drafts `items` may be a list, and in all of them a single schema.
const LISTS: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const SINGLE: &[&str] = &[
    "items",
    "additionalItems",
    "additionalProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contentSchema",
];

/// The schemas right below one, each with its JSON pointer from there; anything else in it is data.
pub(super) fn subschemas(map: &Map<String, Value>) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, value) in map {
        let is_in = |list: &[&str]| list.contains(&name.as_str());
        match value {
            Value::Object(members) if is_in(MAPS) => {
                for (key, value) in members {
                    found.push((pointer([name.as_str(), key]), value));
                }
            }
            Value::Array(elements) if is_in(LISTS) => {
                for (at, value) in elements.iter().enumerate() {
                    found.push((pointer([name.as_str(), &at.to_string()]), value));
                }
            }
            value if is_in(SINGLE) => found.push((pointer([name.as_str()]), value)),
            _ => {}
        }
    }
    // An array under `items` was taken above; what else is not a schema says nothing.
    found.retain(|(_, value)| value.is_object() || value.is_boolean());
    found
}
