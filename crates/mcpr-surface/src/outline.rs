//! JSON text into its outline: the elements of lists are packed as soon as they are read, so that a
//! long list is never parsed as a whole; everything else is a value. Knows where lists may stand: in a
//! result, in the answer or the row around it, each alone or in an array.

use crate::packed::Packed;
use crate::parse::{DuplicateKeys, KeyWatch, ParseError, Watched, parse_with};
use crate::surface::ItemKind;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A document, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outline {
    /// What holds no list.
    Value(Value),
    /// An object that may hold lists.
    Object(OutlineObject),
    /// An array of the whole document.
    Array(Vec<Self>),
    /// An element of such an array that is neither a message nor a row, and holds no list.
    Item(ArrayItem),
    /// A list under its name.
    List(ItemKind, Vec<ListedItem>),
}

/// An object, its lists apart from the rest.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct OutlineObject {
    /// Members that are not lists.
    pub(crate) rest: Map<String, Value>,
    /// Lists, by the kind that their member's name stands for.
    pub(crate) lists: BTreeMap<ItemKind, Vec<ListedItem>>,
    /// `result` and `payload`, where they are objects.
    inner: BTreeMap<String, Self>,
}

/// An item of an array of which the rest must be known before it is known what its items are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ArrayItem {
    members: BTreeSet<String>,
    item: Packed,
}

/// An element of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ListedItem {
    /// The name or URI by which it is known; none where it has none, or is not an object.
    pub(crate) key: Option<String>,
    pub(crate) item: Packed,
}

impl ListedItem {
    pub(crate) fn of(kind: ItemKind, item: &Value) -> Self {
        let key = item.get(kind.key_member()).and_then(Value::as_str);
        Self {
            key: key.map(str::to_owned),
            item: Packed::of(item),
        }
    }
}

/// Parses one JSON text.
///
/// # Errors
///
/// When the text is not JSON, too long, or nested too deep.
pub(crate) fn outline(text: &str) -> Result<Watched<Outline>, ParseError> {
    let doubled = DuplicateKeys::default();
    let seed = OutlineSeed {
        doubled: &doubled,
        role: Role::Document,
    };
    let value = parse_with(text, seed)?;
    Ok(Watched {
        value,
        duplicates: doubled.pointers(),
    })
}

impl Outline {
    /// The outline of a value that is parsed already.
    pub(crate) fn of(value: Value) -> Self {
        match value {
            Value::Object(map) => Self::Object(OutlineObject::of(map)),
            Value::Array(list) => Self::Array(list.into_iter().map(Self::of_element).collect()),
            other => Self::Value(other),
        }
    }

    fn of_element(value: Value) -> Self {
        match value {
            Value::Object(map) => OutlineObject::of(map).packed_if_item(),
            other => Self::Value(other),
        }
    }

    /// Whether it is an object with a member of this name.
    #[cfg(feature = "judge")]
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Object(object) => object.has(name),
            Self::Item(item) => item.members.contains(name),
            _ => false,
        }
    }

    /// Itself, as an object; none where it is something else.
    #[cfg(feature = "judge")]
    pub(crate) fn into_object(self) -> Option<OutlineObject> {
        match self {
            Self::Object(object) => Some(object),
            // Among messages after all: parsed anew, as there are few of them.
            Self::Item(_) => match self.into_value() {
                Value::Object(map) => Some(OutlineObject::of(map)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Itself, as an element of a list of this kind.
    #[cfg(feature = "judge")]
    pub(crate) fn into_listed(self, kind: ItemKind) -> ListedItem {
        ListedItem::of(kind, &self.into_value())
    }

    /// The value that it is the outline of.
    fn into_value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Object(object) => object.into_value(),
            Self::Array(list) => list.into_iter().map(Self::into_value).collect(),
            Self::Item(item) => item.item.value(),
            Self::List(_, items) => items.iter().map(|listed| listed.item.value()).collect(),
        }
    }
}

impl OutlineObject {
    /// The outline of an object that is parsed already.
    pub(crate) fn of(map: Map<String, Value>) -> Self {
        let mut object = Self::default();
        for (name, value) in map {
            // A member of that name that is not an array stays a value: it is refused later, with its reason.
            let member = match (list_named(&name), value) {
                (Some(kind), Value::Array(list)) => {
                    let items = list.iter().map(|item| ListedItem::of(kind, item));
                    Outline::List(kind, items.collect())
                }
                (_, value) => Outline::Value(value),
            };
            object.insert(name, member);
        }
        object
    }

    /// Whether it has a member of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        let is_list = list_named(name).is_some_and(|kind| self.lists.contains_key(&kind));
        is_list || self.rest.contains_key(name) || self.inner.contains_key(name)
    }

    /// The object under `result` or `payload`; none where there is something else.
    #[cfg(feature = "judge")]
    pub(crate) fn inner(&self, name: &str) -> Option<&Self> {
        self.inner.get(name)
    }

    /// Takes an object out of it, as `inner` has it.
    pub(crate) fn take_inner(&mut self, name: &str) -> Option<Self> {
        self.inner.remove(name)
    }

    /// A row of `mcpr schema --json`.
    pub(crate) fn is_row(&self) -> bool {
        ["proxy", "method", "payload"]
            .iter()
            .all(|name| self.has(name))
    }

    /// The value that it is the outline of.
    pub(crate) fn into_value(self) -> Value {
        let mut map = self.rest;
        // Put back under the names that they were known by.
        for (kind, items) in self.lists {
            let name = kind.list_member().unwrap_or_default().to_owned();
            map.insert(name, Outline::List(kind, items).into_value());
        }
        let inner = self.inner.into_iter();
        map.extend(inner.map(|(name, object)| (name, object.into_value())));
        Value::Object(map)
    }

    /// Whether an array that begins with it holds messages or rows, and not items.
    pub(crate) fn is_message(&self) -> bool {
        self.has("jsonrpc") || self.has("result") || self.is_row()
    }

    fn packed_if_item(self) -> Outline {
        // What holds lists is taken apart again; packed, they would be parsed as a whole.
        if self.is_message() || !self.lists.is_empty() || !self.inner.is_empty() {
            return Outline::Object(self);
        }
        Outline::Item(ArrayItem {
            members: self.rest.keys().cloned().collect(),
            item: Packed::of(&Value::Object(self.rest)),
        })
    }

    /// Adds a member; whether one of its name was there, which it takes the place of.
    fn insert(&mut self, name: String, member: Outline) -> bool {
        // It may have been of another sort before, so that all three are looked through.
        let kind = list_named(&name);
        let was_list = kind.is_some_and(|kind| self.lists.remove(&kind).is_some());
        let was_there =
            was_list | self.rest.remove(&name).is_some() | self.inner.remove(&name).is_some();
        match member {
            Outline::List(kind, items) => {
                self.lists.insert(kind, items);
            }
            Outline::Object(object) => {
                self.inner.insert(name, object);
            }
            // Of a value that was parsed elsewhere, or of one below.
            Outline::Value(Value::Object(map)) if is_inner(&name) => {
                self.inner.insert(name, Self::of(map));
            }
            other => {
                self.rest.insert(name, other.into_value());
            }
        }
        was_there
    }
}

/// As the object that it is the outline of, item by item; in no order of keys.
impl Serialize for OutlineObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.rest {
            map.serialize_entry(name, value)?;
        }
        for (kind, items) in &self.lists {
            map.serialize_entry(kind.list_member().unwrap_or_default(), &Listed(items))?;
        }
        for (name, object) in &self.inner {
            map.serialize_entry(name, object)?;
        }
        map.end()
    }
}

struct Listed<'a>(&'a [ListedItem]);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|listed| &listed.item))
    }
}

fn list_named(name: &str) -> Option<ItemKind> {
    let mut kinds = ItemKind::LISTED.into_iter();
    kinds.find(|kind| kind.list_member() == Some(name))
}

/// Whether lists may stand in a member of this name.
fn is_inner(name: &str) -> bool {
    matches!(name, "result" | "payload")
}

/// What a value is to the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Document,
    /// An element of a document that is an array, or `result` or `payload`.
    Part,
    List(ItemKind),
    Plain,
}

/// Builds an [`Outline`] and notes doubled keys on the way.
#[derive(Clone, Copy)]
struct OutlineSeed<'a> {
    doubled: &'a DuplicateKeys,
    role: Role,
}

impl<'a> OutlineSeed<'a> {
    fn in_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    fn plain(self) -> KeyWatch<'a> {
        KeyWatch(self.doubled)
    }
}

impl<'de> DeserializeSeed<'de> for OutlineSeed<'_> {
    type Value = Outline;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Outline, D::Error> {
        match self.role {
            Role::Plain => self.plain().deserialize(deserializer).map(Outline::Value),
            _ => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for OutlineSeed<'_> {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Outline, E> {
        self.plain().visit_bool(value).map(Outline::Value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Outline, E> {
        self.plain().visit_i64(value).map(Outline::Value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Outline, E> {
        self.plain().visit_u64(value).map(Outline::Value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Outline, E> {
        self.plain().visit_f64(value).map(Outline::Value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Outline, E> {
        self.plain().visit_str(value).map(Outline::Value)
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Outline, E> {
        self.plain().visit_string(value).map(Outline::Value)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Outline, E> {
        self.plain().visit_unit().map(Outline::Value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Outline, A::Error> {
        let mut known = self.doubled.count();
        match self.role {
            Role::Document => {
                // Of what kind they are is known only once all were read.
                let mut list = Vec::new();
                let part = self.in_role(Role::Part);
                while let Some(element) = elements.next_element_seed(part)? {
                    self.doubled.stand_under(known, || list.len().to_string());
                    known = self.doubled.count();
                    list.push(match element {
                        Outline::Object(object) => object.packed_if_item(),
                        other => other,
                    });
                }
                Ok(Outline::Array(list))
            }
            Role::List(kind) => {
                let mut list = Vec::new();
                while let Some(element) = elements.next_element_seed(self.plain())? {
                    self.doubled.stand_under(known, || list.len().to_string());
                    known = self.doubled.count();
                    // Here the parsed element ends: no two are held at a time.
                    list.push(ListedItem::of(kind, &element));
                }
                Ok(Outline::List(kind, list))
            }
            _ => self.plain().visit_seq(elements).map(Outline::Value),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Outline, A::Error> {
        if let Role::List(_) = self.role {
            return self.plain().visit_map(entries).map(Outline::Value);
        }
        let mut object = OutlineObject::default();
        while let Some(key) = entries.next_key::<String>()? {
            // Deeper down a member called `tools` is one of a schema, or of anything.
            let role = match list_named(&key) {
                Some(kind) => Role::List(kind),
                None if is_inner(&key) => Role::Part,
                None => Role::Plain,
            };
            let known = self.doubled.count();
            let member = entries.next_value_seed(self.in_role(role))?;
            self.doubled.stand_under(known, || key.clone());
            // Known only after the value was read, as the last one wins.
            if object.insert(key.clone(), member) {
                self.doubled.note(&key);
            }
        }
        Ok(Outline::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    #[test]
    fn an_outline_says_what_a_parser_of_values_does() {
        for text in [
            "1",
            "\"x\"",
            "[]",
            "[[1], {\"a\": 1, \"a\": 2}]",
            r#"{"tools":[{"name":"a","x":1,"x":2},7,null],"tools":[{"name":"b"}],"nextCursor":"2"}"#,
            r#"{"tools":[1],"tools":{"a":1}}"#,
            r#"{"tools":{"tools":[{}]},"prompts":"none"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"resources":[{"uri":"x:y"}]}}"#,
            r#"{"result":[1,{"a":1,"a":2}],"payload":7}"#,
            r#"{"result":{"result":{"payload":{"tools":[{"b":1,"b":2}]}}}}"#,
            r#"[{"proxy":"p","method":"tools/list","payload":{"tools":[{"name":"a"}]}}]"#,
            r#"[{"name":"a"},{"name":"b","tools":[1]},{"id":1,"result":{}},{"payload":{}}]"#,
            r#"{"result":{},"result":1,"payload":1,"payload":{"a":{"b":1,"b":2}}}"#,
        ] {
            let expected = parse(text).unwrap();
            let found = outline(text).unwrap();
            assert_eq!(found.duplicates, expected.duplicates, "{text}");
            let of_value = Outline::of(expected.value.clone());
            assert_eq!(of_value.clone().into_value(), expected.value, "{text}");
            assert_eq!(found.value, of_value, "{text}");
            if let Outline::Object(object) = found.value {
                let written = serde_json::to_value(&object).unwrap();
                assert_eq!(written, expected.value, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_json_is_refused_alike() {
        let deep = "[".repeat(10_000);
        for text in [
            "{",
            "1 2",
            "{\"tools\":[{\"a\":}]}",
            &deep,
            "{\"result\":{\"tools\":[1,]}}",
        ] {
            let expected = parse(text).unwrap_err().to_string();
            assert_eq!(outline(text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
