//! Where a reference leads within its own document. Never outside: what is there is unknown.

use super::draft::Draft;
use super::engine::resolved_uri;
use super::index::{Index, NO_BASE, without_words};
use crate::canonical::{canonical_text, sha256_hex};
use serde_json::Value;
use std::cell::OnceCell;

/// A document, and what its references can name.
#[derive(Debug)]
pub(crate) struct ReferenceResolver<'a> {
    document: &'a Value,
    index: Index<'a>,
    draft: Draft,
    /// Names the document in all that it says; made when something in it cannot be read.
    fingerprint: OnceCell<String>,
}

/// A schema that a reference names.
#[derive(Debug)]
pub(crate) struct ReferenceTarget<'a> {
    /// JSON pointer from the document.
    pub(crate) pointer: String,
    pub(crate) schema: &'a Value,
    /// From which part of the document its own references start.
    pub(crate) part: usize,
}

/// What a reference names.
#[derive(Debug)]
pub(crate) enum Resolved<'a> {
    /// A subschema of the document.
    Found(ReferenceTarget<'a>),
    /// Something within the document that is not read; equal texts mean the same thing.
    Unread(String),
    /// Something that is not in the document; the absolute reference.
    Outside(String),
}

/// Why a reference has no target.
enum NoTarget {
    /// There is nothing of this name.
    Nowhere,
    /// There may be several, or something that is not read.
    Unclear,
}

/// The keywords that refer to another schema.
pub(crate) const REFERENCES: &[&str] = &["$ref", "$dynamicRef", "$recursiveRef"];

impl<'a> ReferenceResolver<'a> {
    pub(crate) fn of(document: &'a Value) -> Self {
        let draft = document.get("$schema").and_then(Value::as_str);
        let draft = Draft::named(draft.unwrap_or(""));
        Self {
            document,
            index: Index::of(document, draft),
            draft,
            fingerprint: OnceCell::new(),
        }
    }

    /// Whether keywords beside `$ref` mean nothing: so it was up to draft 7.
    pub(crate) fn ignores_siblings(&self) -> bool {
        self.draft.ignores_siblings()
    }

    /// Whether a keyword says anything in the document's draft.
    pub(crate) fn knows(&self, keyword: &str) -> bool {
        Draft::first_with(keyword) <= self.draft
    }

    /// Where references in a schema start from, as given by where those around it do.
    pub(crate) fn part_at(&self, schema: &Value, outer: usize) -> usize {
        self.index.part_at(schema, outer)
    }

    /// Why a part of the document is not read, if it is not.
    pub(crate) fn unread_part(&self, part: usize) -> Option<String> {
        let foreign = &self.index.parts[part];
        let is_foreign = foreign.is_foreign && part > 0;
        is_foreign.then(|| self.unread("a schema of another draft"))
    }

    /// What the value of a keyword that refers names.
    pub(crate) fn resolve(&self, keyword: &str, reference: &Value, part: usize) -> Resolved<'a> {
        // A reference that is not text is ill-formed: whatever it means, it means it here only.
        let Some(text) = reference.as_str() else {
            return Resolved::Unread(self.unread(&format!("{keyword} {reference}")));
        };
        let found = match keyword {
            "$dynamicRef" => self.dynamic(text, part),
            "$recursiveRef" => self.recursive(text, part),
            _ => self.plain(text, part),
        };
        let what = format!("{keyword} {text}");
        found.unwrap_or_else(|lost| {
            Resolved::Unread(match lost {
                // It names nothing, wherever it stands.
                NoTarget::Nowhere => what,
                NoTarget::Unclear => self.unread(&what),
            })
        })
    }

    /// What cannot be read may depend on all of the document: it is the same in the same one only.
    fn unread(&self, what: &str) -> String {
        let fingerprint = self
            .fingerprint
            // Made once, as it takes the whole document; most documents never need it.
            .get_or_init(|| sha256_hex(canonical_text(&without_words(self.document)).as_bytes()));
        format!("{what}{IN_DOCUMENT}{fingerprint}")
    }

    fn plain(&self, reference: &str, part: usize) -> Result<Resolved<'a>, NoTarget> {
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let fragment = percent_decoded(fragment);
        // An empty URI is the part itself, also where its own URI is not known.
        let part = if uri.is_empty() {
            part
        } else {
            let base = self.index.parts[part]
                .uri
                .as_deref()
                .ok_or(NoTarget::Unclear)?;
            let uri = resolved_uri(base, uri).ok_or(NoTarget::Nowhere)?;
            let Some(found) = self.index.part_named(&uri) else {
                // A base that we made up is not shown to people, nor compared.
                let uri = uri.strip_prefix(NO_BASE).unwrap_or(&uri);
                let fragment = Some(fragment).filter(|fragment| !fragment.is_empty());
                let fragment = fragment.map(|fragment| format!("#{fragment}"));
                let uri = uri.to_owned() + &fragment.unwrap_or_default();
                return Ok(Resolved::Outside(uri));
            };
            found.map_err(|()| NoTarget::Unclear)?
        };
        // A JSON pointer starts with a slash; anything else is an anchor.
        if fragment.is_empty() || fragment.starts_with('/') {
            let whole = &self.index.parts[part];
            let schema = whole.schema.pointer(&fragment).ok_or(NoTarget::Nowhere)?;
            return Ok(Resolved::Found(ReferenceTarget {
                pointer: format!("{}{fragment}", whole.pointer),
                schema,
                // Where the target may lie in a part of its own, its references would start
                // elsewhere.
                part: self.index.part_of(schema).ok_or(NoTarget::Unclear)?,
            }));
        }
        let anchor = self
            .index
            .anchor(part, &fragment)
            .ok_or(NoTarget::Nowhere)?;
        let anchor = anchor.map_err(|()| NoTarget::Unclear)?;
        Ok(Resolved::Found(ReferenceTarget {
            pointer: anchor.pointer,
            schema: anchor.schema,
            part: self.index.part_at(anchor.schema, part),
        }))
    }

    /// A dynamic anchor means the outermost one of its name on the way that was taken. That is plain
    /// where the document's own part has one, as every way begins there, or no other part has.
    fn dynamic(&self, reference: &str, part: usize) -> Result<Resolved<'a>, NoTarget> {
        let found = self.plain(reference, part)?;
        // Outside or unread, there is no anchor to look for.
        let Resolved::Found(target) = &found else {
            return Ok(found);
        };
        let (_, name) = reference.split_once('#').unwrap_or((reference, ""));
        let name = percent_decoded(name);
        let anchor = self.index.anchor(target.part, &name);
        let is_dynamic = anchor.is_some_and(|anchor| anchor.is_ok_and(|anchor| anchor.is_dynamic));
        // By the standard it is then a plain reference.
        if !is_dynamic {
            return Ok(found);
        }
        // The document's own part is outermost on every way; a single one is the only choice.
        match self.index.dynamic_parts(&name).as_slice() {
            [0, ..] => self.plain(&format!("#{name}"), 0),
            [_] => Ok(found),
            _ => Err(NoTarget::Unclear),
        }
    }

    /// `#`, or the outermost of the parts that go on: plain where there is but one part.
    fn recursive(&self, reference: &str, part: usize) -> Result<Resolved<'a>, NoTarget> {
        // With several parts, the target depends on the way that was taken.
        if reference != "#" || self.index.has_parts() || self.draft != Draft::Of2019 {
            return Err(NoTarget::Unclear);
        }
        self.plain(reference, part)
    }
}

/// What stands between what cannot be read and the fingerprint of where it stands.
const IN_DOCUMENT: &str = " in document ";

/// What cannot be read, as people are shown it.
pub(crate) fn without_fingerprint(unread: &str) -> &str {
    unread.split(IN_DOCUMENT).next().unwrap_or(unread)
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        // None where a character would be cut, or nothing is left: then the sign stands for itself.
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
    // Names that are not UTF-8 match none of the document's.
    String::from_utf8_lossy(&decoded).into_owned()
}
