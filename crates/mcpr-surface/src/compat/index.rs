//! What in a document has a name of its own: embedded resources by their identifiers, and anchors
//! by the resource they stand in. A name that stands twice names nothing.

use super::draft::{Draft, subschemas};
use super::engine::resolved_uri;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The base of references where nothing gives another.
pub(super) const NO_BASE: &str = "json-schema:///";

/// A part of a document with an identifier of its own; the document itself is the first.
#[derive(Debug)]
pub(super) struct DocumentPart<'a> {
    /// None when it cannot be determined.
    pub(super) uri: Option<String>,
    pub(super) pointer: String,
    pub(super) schema: &'a Value,
    /// Whether it is written in another draft than the document.
    pub(super) is_foreign: bool,
}

/// A place with a name within its part.
#[derive(Debug, Clone)]
pub(super) struct Anchor<'a> {
    pub(super) pointer: String,
    pub(super) schema: &'a Value,
    pub(super) is_dynamic: bool,
}

/// All names of a document.
#[derive(Debug, Default)]
pub(super) struct Index<'a> {
    pub(super) parts: Vec<DocumentPart<'a>>,
    by_uri: BTreeMap<String, Option<usize>>,
    anchors: BTreeMap<(usize, String), Option<Anchor<'a>>>,
    /// Which part begins at a schema, by its address in memory.
    beginning: BTreeMap<usize, usize>,
    /// Which part a schema is in, by its address; empty where the document is one part.
    places: BTreeMap<usize, usize>,
}

/// Where in memory a schema of the document is: the same for no other.
fn address(schema: &Value) -> usize {
    // The document is borrowed as long as the index lives, so that nothing moves.
    std::ptr::from_ref(schema).addr()
}

impl<'a> Index<'a> {
    pub(super) fn of(document: &'a Value, draft: Draft) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        // A fragment in an identifier names a place, and is not part of the base.
        let own = text(draft.id_keyword()).map(|id| id.split('#').next().unwrap_or(""));
        let uri = resolved_uri(NO_BASE, own.unwrap_or(""));
        let mut index = Self::default();
        // First, as part 0 is the document.
        index.add_part(uri, String::new(), document, false);
        if may_have_names(document) {
            let mut walk = Indexer {
                index: &mut index,
                draft,
            };
            walk.schema(document, &mut String::new(), 0);
        }
        index
    }

    fn add_part(
        &mut self,
        uri: Option<String>,
        pointer: String,
        schema: &'a Value,
        is_foreign: bool,
    ) -> usize {
        let at = self.parts.len();
        if let Some(uri) = &uri {
            let entry = self.by_uri.entry(uri.clone());
            // Of two with one name neither is meant.
            entry.and_modify(|one| *one = None).or_insert(Some(at));
        }
        self.beginning.insert(address(schema), at);
        self.parts.push(DocumentPart {
            uri,
            pointer,
            schema,
            is_foreign,
        });
        at
    }

    /// The part that a schema begins, or the one around it.
    pub(super) fn part_at(&self, schema: &Value, outer: usize) -> usize {
        let own = self.beginning.get(&address(schema));
        own.copied().unwrap_or(outer)
    }

    /// The part that has an identifier; `Err` when several have.
    pub(super) fn part_named(&self, uri: &str) -> Option<Result<usize, ()>> {
        Some(self.by_uri.get(uri)?.ok_or(()))
    }

    /// The part that a schema stands in, wherever it was found; none where no schema is expected
    /// and a name could be meant by something that is not a schema.
    pub(super) fn part_of(&self, schema: &Value) -> Option<usize> {
        if self.places.is_empty() {
            return Some(0);
        }
        let known = self.places.get(&address(schema)).copied();
        // Where nothing in it refers or is named, the part makes no difference.
        known.or_else(|| (!may_refer(schema)).then_some(0))
    }

    /// Whether any part beside the document itself has an identifier.
    pub(super) fn has_parts(&self) -> bool {
        self.parts.len() > 1
    }

    /// What an anchor of a part names; `Err` when it stands there twice.
    pub(super) fn anchor(&self, part: usize, name: &str) -> Option<Result<Anchor<'a>, ()>> {
        let found = self.anchors.get(&(part, name.to_owned()))?;
        Some(found.clone().ok_or(()))
    }

    /// The parts in which a dynamic anchor of this name stands.
    pub(super) fn dynamic_parts(&self, name: &str) -> Vec<usize> {
        let all = self.anchors.iter().filter(|((_, one), _)| one == name);
        let is_dynamic =
            // A doubled name may be a dynamic one.
            |anchor: &&Option<Anchor<'_>>| anchor.as_ref().is_none_or(|anchor| anchor.is_dynamic);
        let dynamic = all.filter(|(_, anchor)| is_dynamic(anchor));
        dynamic.map(|((part, _), _)| *part).collect()
    }
}

struct Indexer<'b, 'a> {
    index: &'b mut Index<'a>,
    draft: Draft,
}

impl<'a> Indexer<'_, 'a> {
    fn schema(&mut self, schema: &'a Value, pointer: &mut String, outer: usize) {
        let Value::Object(map) = schema else {
            return;
        };
        let part = self.named(map, schema, pointer, outer);
        // Noted for each schema, as references may lead to any of them.
        self.index.places.insert(address(schema), part);
        let length = pointer.len();
        // One text for all pointers: it grows on the way down and is cut on the way back.
        for (way, inner) in subschemas(map) {
            pointer.push_str(&way);
            self.schema(inner, pointer, part);
            pointer.truncate(length);
        }
    }

    /// Takes in what a schema calls itself; the part it stands in.
    fn named(
        &mut self,
        map: &Map<String, Value>,
        schema: &'a Value,
        pointer: &str,
        outer: usize,
    ) -> usize {
        let text = |name: &str| map.get(name).and_then(Value::as_str);
        // Beside `$ref`, old drafts read no other keyword, the identifier among them.
        let is_silent = self.draft.ignores_siblings() && map.contains_key("$ref");
        let id = text(self.draft.id_keyword()).filter(|_| !is_silent);
        let (uri, fragment) = id.map_or(("", ""), |id| id.split_once('#').unwrap_or((id, "")));
        // Without an identifier it is not a document of its own, and its draft says nothing.
        let is_other = text("$schema").is_some_and(|name| Draft::named(name) != self.draft);
        let is_foreign = is_other && !uri.is_empty();
        // The document was added already.
        let part = if pointer.is_empty() {
            0
        } else if uri.is_empty() {
            outer
        } else {
            let base = self.index.parts[outer].uri.as_deref();
            let uri = base.and_then(|base| resolved_uri(base, uri));
            self.index
                .add_part(uri, pointer.to_owned(), schema, is_foreign)
        };
        let newer = self.draft > Draft::Seven;
        let anchors = [
            // Up to draft 7 an anchor was written as the fragment of an identifier.
            (fragment, !newer, false),
            (text("$anchor").unwrap_or(""), newer, false),
            (
                text("$dynamicAnchor").unwrap_or(""),
                self.draft == Draft::Of2020,
                true,
            ),
        ];
        for (name, is_known, is_dynamic) in anchors {
            // What begins with a slash would be taken for a pointer.
            if is_known && !name.is_empty() && !name.starts_with('/') {
                let anchor = Anchor {
                    pointer: pointer.to_owned(),
                    schema,
                    is_dynamic,
                };
                let entry = self.index.anchors.entry((part, name.to_owned()));
                entry.and_modify(|one| *one = None).or_insert(Some(anchor));
            }
        }
        part
    }
}

const NAMES: &[&str] = &["$id", "id", "$anchor", "$dynamicAnchor", "$schema"];

/// Whether any subschema could have a name of its own; most documents have none, and skip the walk.
fn may_have_names(document: &Value) -> bool {
    let own = document.as_object().into_iter().flatten();
    // Those of the document itself are looked at without a walk.
    let own = own.filter(|(name, _)| !["$id", "$schema"].contains(&name.as_str()));
    let is_named = |name: &str| NAMES.contains(&name);
    own.into_iter()
        .any(|(name, value)| is_named(name) || has_key(value, &is_named))
}

/// Whether something that is not a schema by its place may name others, or be named.
fn may_refer(value: &Value) -> bool {
    has_key(value, &|name| name == "id" || name.starts_with('$'))
}

fn has_key(value: &Value, is_meant: &dyn Fn(&str) -> bool) -> bool {
    // Without recursion: it is asked before the depth is checked.
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(map) => {
                if map.keys().any(|name| is_meant(name)) {
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

/// A schema without what only people read: of two that are equal then, all parts mean the same.
pub(super) fn without_words(schema: &Value) -> Value {
    const WORDS: &[&str] = &["title", "description", "default", "examples", "$comment"];
    let mut made = schema.clone();
    // From the original, as the copy is changed on the way.
    let ways = match schema {
        Value::Object(map) => subschemas(map),
        _ => Vec::new(),
    };
    if let Value::Object(map) = &mut made {
        // Only at places of schemas: a property may be named `title`.
        map.retain(|name, _| !WORDS.contains(&name.as_str()));
    }
    for (way, inner) in ways {
        if let Some(place) = made.pointer_mut(&way) {
            *place = without_words(inner);
        }
    }
    made
}
