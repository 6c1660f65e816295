//! Two very wide objects, down to the few properties that one question is about. What this leaves
//! out is what `trim` leaves out, but without a copy of the whole for each question.

use super::is_too_deep;
use super::trim::{only, plain, properties, required, with};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// With fewer properties on both sides, copies cost nothing that matters.
const MIN_PROPERTIES: usize = 200;

/// Two plain objects of many properties, each of which is judged on its own.
#[derive(Debug, Clone)]
pub(crate) struct Focus<'a> {
    narrow: &'a Map<String, Value>,
    wide: &'a Map<String, Value>,
    required: BTreeSet<&'a str>,
}

impl<'a> Focus<'a> {
    /// None where both are small enough to be asked about whole, or must be.
    pub(crate) fn of(narrow: &'a Value, wide: &'a Value) -> Option<Self> {
        let count = |schema: &Value| schema.get("properties")?.as_object().map(Map::len);
        if count(narrow)?.max(count(wide)?) < MIN_PROPERTIES {
            return None;
        }
        // Copies and comparisons of what follows recurse.
        if is_too_deep(narrow) || is_too_deep(wide) {
            return None;
        }
        let (narrow, wide) = (plain(narrow)?, plain(wide)?);
        // In two drafts the same keyword may mean two things.
        let is_same_draft = narrow.get("$schema") == wide.get("$schema");
        is_same_draft.then(|| Self {
            narrow,
            wide,
            required: required(narrow).chain(required(wide)).collect(),
        })
    }

    /// Both with one property and those that must be sent.
    pub(crate) fn on(&self, name: &str) -> Option<(Value, Value)> {
        self.with(&self.kept(name))
    }

    /// Both with what this value sends.
    pub(crate) fn on_value(&self, value: &Value) -> Option<(Value, Value)> {
        let sent = value.as_object()?;
        self.with(&sent.keys().map(String::as_str).collect())
    }

    /// These values as far as they are about one property and those that must be sent.
    pub(crate) fn values(&self, name: &str, values: &[Value]) -> Vec<Value> {
        let kept = self.kept(name);
        let declared = properties(self.narrow);
        let values = values
            .iter()
            .filter_map(|value| Some(only(value, &kept, declared?)));
        let mut made = Vec::new();
        // Many values differ only in properties that were left out.
        for value in values {
            if !made.contains(&value) {
                made.push(value);
            }
        }
        made
    }

    fn kept<'b>(&self, name: &'b str) -> BTreeSet<&'b str>
    where
        'a: 'b,
    {
        // Without what is required, nothing would be sent at all.
        let mut kept: BTreeSet<&'b str> = self.required.clone();
        kept.insert(name);
        kept
    }

    fn with(&self, kept: &BTreeSet<&str>) -> Option<(Value, Value)> {
        let (ours, theirs) = (properties(self.narrow)?, properties(self.wide)?);
        // An object that declares nothing is read in another way.
        if !kept.iter().any(|name| ours.contains_key(*name)) {
            return None;
        }
        Some((with(self.narrow, ours, kept), with(self.wide, theirs, kept)))
    }
}
