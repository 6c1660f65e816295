//! A place in two schemas, a change there, and the one schema with only that change made.

use super::table::RuleId;
use crate::parse::pointer;
use serde_json::{Map, Value, json};

/// The two schemas of one place, and the ways to it.
#[derive(Debug, Clone)]
pub(super) struct SchemaPair<'a> {
    pub(super) old: &'a Value,
    pub(super) new: &'a Value,
    old_path: Vec<String>,
    new_path: Vec<String>,
}

/// What compares the two schemas of a place further in. The rules about one keyword are given it, so
/// that they need not know what else there is.
pub(super) type Walk = fn(&SchemaPair<'_>, &mut Vec<SchemaChange>);

/// One difference.
#[derive(Debug, Clone)]
pub(super) struct SchemaChange {
    pub(super) rule: RuleId,
    /// The schemas that differ, from the root of each side.
    old_path: Vec<String>,
    new_path: Vec<String>,
    /// Where in them.
    tail: Vec<String>,
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
    pub(super) patch: Patch,
}

/// What makes one side's schema like the other's in this respect.
#[derive(Debug, Clone)]
pub(super) enum Patch {
    /// Taking over these keywords.
    Keywords(Vec<&'static str>),
    /// Taking over a property, whether it is required, and whether others are allowed.
    Property(String),
    /// Taking over whether a property is required.
    Required(String),
    /// Taking over the whole schema.
    Whole,
    /// Nothing: it accepts and refuses nothing.
    None,
}

impl Patch {
    pub(super) fn keywords(names: &[&'static str]) -> Self {
        Self::Keywords(names.to_vec())
    }
}

impl<'a> SchemaPair<'a> {
    pub(super) fn root(old: &'a Value, new: &'a Value) -> Self {
        Self {
            old,
            new,
            old_path: Vec::new(),
            new_path: Vec::new(),
        }
    }

    /// A place further in, under the same names on both sides.
    pub(super) fn child<'b>(&self, way: &[&str], old: &'b Value, new: &'b Value) -> SchemaPair<'b> {
        self.children(way, way, old, new)
    }

    /// A place further in, under names of its own on each side.
    pub(super) fn children<'b>(
        &self,
        old_way: &[&str],
        new_way: &[&str],
        old: &'b Value,
        new: &'b Value,
    ) -> SchemaPair<'b> {
        let further = |path: &[String], way: &[&str]| {
            let way = way.iter().map(|name| (*name).to_owned());
            path.iter().cloned().chain(way).collect()
        };
        SchemaPair {
            old,
            new,
            old_path: further(&self.old_path, old_way),
            new_path: further(&self.new_path, new_way),
        }
    }

    pub(super) fn change(&self, rule: RuleId, tail: &[&str], patch: Patch) -> SchemaChange {
        SchemaChange {
            rule,
            old_path: self.old_path.clone(),
            new_path: self.new_path.clone(),
            tail: tail.iter().map(|name| (*name).to_owned()).collect(),
            before: None,
            after: None,
            patch,
        }
    }

    /// A change of the whole place.
    pub(super) fn whole(&self, rule: RuleId) -> SchemaChange {
        let change = self.change(rule, &[], Patch::Whole);
        change.from(Some(self.old)).to(Some(self.new))
    }
}

impl SchemaChange {
    pub(super) fn from(mut self, before: Option<&Value>) -> Self {
        self.before = before.cloned();
        self
    }

    pub(super) fn to(mut self, after: Option<&Value>) -> Self {
        self.after = after.cloned();
        self
    }

    /// JSON pointer from the root of the schema: on the new side, of what is gone on the old one.
    pub(super) fn pointer(&self) -> String {
        // What is gone has no place on the new side.
        let path = if self.after.is_none() {
            &self.old_path
        } else {
            &self.new_path
        };
        pointer(path.iter().chain(&self.tail).map(String::as_str))
    }

    /// The property of the root that all of this change is about, under one name on both sides.
    pub(super) fn root_property(&self) -> Option<&str> {
        match (self.old_path.as_slice(), self.new_path.as_slice()) {
            ([], []) => match &self.patch {
                Patch::Property(name) | Patch::Required(name) => Some(name),
                _ => None,
            },
            ([old_all, old_name, ..], [new_all, new_name, ..]) => {
                // A property that is paired with one of another name changes both.
                let is_property = old_all == "properties" && new_all == "properties";
                (is_property && old_name == new_name).then_some(old_name)
            }
            _ => None,
        }
    }

    /// `narrow` with this change made as `wide` has it; which side is the old one is recognised by
    /// `narrow_is_old`.
    pub(super) fn applied(
        &self,
        narrow: &Value,
        wide: &Value,
        narrow_is_old: DiffSide,
    ) -> Option<Value> {
        let (narrow_path, wide_path) = match narrow_is_old {
            DiffSide::Old => (&self.old_path, &self.new_path),
            DiffSide::New => (&self.new_path, &self.old_path),
        };
        // None where the place is not in this form of the schema: then nothing is tried.
        let from = at(wide, wide_path)?;
        let mut made = narrow.clone();
        let target = at_mut(&mut made, narrow_path)?;
        match &self.patch {
            Patch::None => {}
            Patch::Whole => *target = from.clone(),
            Patch::Keywords(names) => {
                let target = as_map(target)?;
                for name in names {
                    match from.get(*name) {
                        Some(value) => target.insert((*name).to_owned(), value.clone()),
                        // Taking over also means losing what the other side does not say.
                        None => target.remove(*name),
                    };
                }
            }
            Patch::Required(name) => take_required(as_map(target)?, from, name),
            Patch::Property(name) => {
                let target = as_map(target)?;
                take_property(target, from, name);
                take_required(target, from, name);
            }
        }
        Some(made)
    }
}

/// One of the two sides of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DiffSide {
    Old,
    New,
}

fn take_property(target: &mut Map<String, Value>, from: &Value, name: &str) {
    let value = from.get("properties").and_then(|all| all.get(name));
    let all = target.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(all) = all {
        match value {
            Some(value) => all.insert(name.to_owned(), value.clone()),
            None => all.remove(name),
        };
    }
    // A property that the other side does not declare falls under its rule for the rest.
    if value.is_none()
        && let Some(rest) = from.get("additionalProperties")
    {
        target.insert("additionalProperties".to_owned(), rest.clone());
    }
}

fn take_required(target: &mut Map<String, Value>, from: &Value, name: &str) {
    let is_required = |schema: &Value| {
        let list = schema.get("required").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|one| one == name))
    };
    let list = target.entry("required").or_insert_with(|| json!([]));
    if let Value::Array(list) = list {
        // Without the name first, so that it never stands there twice.
        list.retain(|one| one != name);
        if is_required(from) {
            list.push(json!(name));
        }
    }
}

/// The map of a schema, `true` made one.
fn as_map(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    // A schema that takes all can only be patched in its other spelling.
    if schema == &Value::Bool(true) {
        *schema = json!({});
    }
    schema.as_object_mut()
}

fn at<'a>(schema: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(schema, |value, name| match value {
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    })
}

fn at_mut<'a>(schema: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(schema, |value, name| match value {
        Value::Array(list) => list.get_mut(name.parse::<usize>().ok()?),
        value => value.get_mut(name),
    })
}
