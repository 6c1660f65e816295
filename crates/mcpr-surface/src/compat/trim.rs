//! Two plain objects without the properties that cannot matter to a question about both. Keeps the
//! answer as it is, and never touches schemas whose parts may speak about one another.

use super::decide::Comparison;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The keywords of a plain object that accept or refuse. Beside others nothing is left out.
// Others, such as `minProperties` or `dependentRequired`, speak of properties together.
const KEPT: &[&str] = &[
    "type",
    "properties",
    "required",
    "additionalProperties",
    "$schema",
];

/// Keywords that may stand there too, and only say something.
const WORDS: &[&str] = &["title", "description", "default", "examples"];

/// Which properties a question is about, beside those that must be sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeptProperties<'a> {
    /// Those that both sides do not describe in the same words.
    Differing,
    /// Those that one value sends: all that it lacks is left out.
    SentBy(&'a Value),
}

/// A narrow schema without what does not matter.
pub(super) struct Cut<'a> {
    pub(super) schema: Value,
    kept: BTreeSet<&'a str>,
    declared: &'a Map<String, Value>,
}

impl Cut<'_> {
    /// A value as far as it matters.
    pub(super) fn cut(&self, value: &Value) -> Value {
        only(value, &self.kept, self.declared)
    }
}

/// Leaves out optional properties that both sides describe in the same words: a value that proves
/// harm still does so without them. Gives the narrow and the wide side.
pub(super) fn trimmed<'a>(
    pair: Comparison<'a>,
    kept: KeptProperties<'a>,
) -> Option<(Cut<'a>, Value)> {
    let (narrow, wide) = (plain(pair.narrow)?, plain(pair.wide)?);
    // In two drafts, equal words may differ in meaning.
    if narrow.get("$schema") != wide.get("$schema") {
        return None;
    }
    let (ours, theirs) = (properties(narrow)?, properties(wide)?);
    let kept: BTreeSet<&str> = match kept {
        KeptProperties::SentBy(Value::Object(value)) => value.keys().map(String::as_str).collect(),
        // What is not an object sends no property.
        KeptProperties::SentBy(_) => return None,
        KeptProperties::Differing => {
            // Compared as they stand, words included: what differs in words only is kept, which
            // costs little.
            let differs = |name: &&String| ours.get(*name) != theirs.get(*name);
            let names = ours.keys().chain(theirs.keys()).filter(differs);
            let names = names.map(String::as_str);
            names
                .chain(required(narrow))
                .chain(required(wide))
                .collect()
        }
    };
    // An object that declares nothing is read in another way.
    if !ours.keys().any(|name| kept.contains(name.as_str())) {
        return None;
    }
    let wide = with(wide, theirs, &kept);
    let narrow = Cut {
        schema: with(narrow, ours, &kept),
        kept,
        declared: ours,
    };
    Some((narrow, wide))
}

/// Whether two trimmed schemas may judge a value differently: they do not, where it sends only what both
/// describe in the same words.
pub(super) fn may_differ(narrow: &Value, wide: &Value, value: &Value) -> bool {
    let (Some(narrow), Some(wide)) = (narrow.as_object(), wide.as_object()) else {
        return true;
    };
    // What must be sent, or may be sent besides, counts for every value.
    if KEPT
        .iter()
        .any(|name| *name != "properties" && narrow.get(*name) != wide.get(*name))
    {
        return true;
    }
    // What a side does not declare falls under its rule for the rest, which is the same on both.
    let ours = |name: &str| properties(narrow)?.get(name);
    let theirs = |name: &str| properties(wide)?.get(name);
    let mut sent = value.as_object().into_iter().flatten();
    sent.any(|(name, _)| ours(name) != theirs(name))
}

/// The map of an object schema whose properties are judged each on its own.
pub(super) fn plain(schema: &Value) -> Option<&Map<String, Value>> {
    let map = schema.as_object()?;
    let is_known = |name: &String| KEPT.contains(&name.as_str()) || WORDS.contains(&name.as_str());
    let rest = map.get("additionalProperties");
    let is_plain = map.get("type").is_some_and(|name| name == "object")
        && map.keys().all(is_known)
        // A schema for the rest would have to be read together with the names that are gone.
        && rest.is_none_or(Value::is_boolean)
        && map.get("required").is_none_or(is_list_of_names)
        // A part that is referred to may not be cut, and one that refers needs its document.
        && !map.get("properties").is_some_and(refers);
    is_plain.then_some(map)
}

fn is_list_of_names(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|list| list.iter().all(Value::is_string))
}

/// Whether any part may refer to another place, or be referred to.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map
            .iter()
            // Any such name: identifiers and anchors as well as references.
            .any(|(name, value)| name.starts_with('$') || refers(value)),
        Value::Array(list) => list.iter().any(refers),
        _ => false,
    }
}

pub(super) fn properties(map: &Map<String, Value>) -> Option<&Map<String, Value>> {
    map.get("properties")?.as_object()
}

pub(super) fn required(map: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let list = map.get("required").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

/// A value without the declared properties that are not kept.
pub(super) fn only(value: &Value, kept: &BTreeSet<&str>, declared: &Map<String, Value>) -> Value {
    let mut value = value.clone();
    // What is not declared is kept: it falls under the rule for the rest, which is kept too.
    if let Value::Object(map) = &mut value {
        map.retain(|name, _| kept.contains(name.as_str()) || !declared.contains_key(name));
    }
    value
}

/// A schema with these properties only, and without the words about them: many tools then ask the
/// same question.
pub(super) fn with(
    map: &Map<String, Value>,
    all: &Map<String, Value>,
    kept: &BTreeSet<&str>,
) -> Value {
    let members = kept.iter().filter_map(|name| all.get_key_value(*name));
    let members = members.map(|(name, schema)| (name.clone(), wordless(schema)));
    let mut made = Map::new();
    for name in KEPT {
        // It is made anew below.
        if let Some(value) = map.get(*name).filter(|_| *name != "properties") {
            made.insert((*name).to_owned(), value.clone());
        }
    }
    made.insert("properties".to_owned(), Value::Object(members.collect()));
    Value::Object(made)
}

fn wordless(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(map) = &mut schema {
        // A property may be named `title`: then its value is a schema, and no text.
        map.retain(|name, value| {
            !(matches!(name.as_str(), "title" | "description") && value.is_string())
        });
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::super::Caller;
    use super::*;
    use serde_json::json;

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a case is written where it is checked"
    )]
    #[track_caller]
    fn check(kept: KeptProperties<'_>, [narrow, wide]: [Value; 2], expected: Option<[Value; 2]>) {
        let caller = Caller::Careful;
        let pair = Comparison {
            narrow: &narrow,
            wide: &wide,
            caller,
        };
        let found = trimmed(pair, kept).map(|(narrow, wide)| [narrow.schema, wide]);
        assert_eq!(found, expected, "\n{narrow}\n{wide}");
    }

    #[test]
    fn what_is_equal_and_optional_goes() {
        let object = |a: Value| {
            json!({"type": "object", "description": "d", "required": ["r"], "properties":
                {"a": a, "b": {"type": "null"}, "r": {"type": "null", "title": "t"}}})
        };
        let less = |a: Value| json!({"type": "object", "required": ["r"], "properties": {"a": a, "r": {"type": "null"}}});
        let pair = || [object(json!({})), object(json!(false))];
        let made = [less(json!({})), less(json!(false))];
        check(KeptProperties::Differing, pair(), Some(made));
        let only_r =
            json!({"type": "object", "required": ["r"], "properties": {"r": {"type": "null"}}});
        let made = [only_r.clone(), only_r];
        check(
            KeptProperties::SentBy(&json!({"r": null})),
            pair(),
            Some(made),
        );
        check(KeptProperties::SentBy(&json!({})), pair(), None);
        check(KeptProperties::SentBy(&json!(7)), pair(), None);
    }

    #[test]
    fn a_value_is_cut_as_its_schema_is() {
        let object = |a: Value| json!({"type": "object", "properties": {"a": a, "b": {}}});
        let (narrow, wide) = (object(json!({})), object(json!(false)));
        let pair = Comparison {
            narrow: &narrow,
            wide: &wide,
            caller: Caller::Careful,
        };
        let (cut, _) = trimmed(pair, KeptProperties::Differing).unwrap();
        assert_eq!(cut.cut(&json!({"b": null, "a": 1})), json!({"a": 1}));
        assert_eq!(cut.cut(&json!({"u": 2})), json!({"u": 2}));
    }

    #[test]
    fn a_value_without_what_changed_proves_nothing() {
        let object = |a: Value, required: Value| json!({"type": "object", "required": required, "properties": {"a": a, "b": {}}});
        let narrow = object(json!({}), json!([]));
        let wide = object(json!(false), json!([]));
        for (value, expected) in [
            (json!({"a": 1}), true),
            (json!({"a": 1, "b": 1}), true),
            (json!({"b": 1}), false),
            (json!({"undeclared": 1}), false),
            (json!({}), false),
            (json!(7), false),
        ] {
            assert_eq!(may_differ(&narrow, &wide, &value), expected, "{value}");
        }
        let demanding = object(json!({}), json!(["a"]));
        assert!(may_differ(&narrow, &demanding, &json!({})));
        let mut closed = narrow.clone();
        closed["additionalProperties"] = json!(false);
        assert!(may_differ(&narrow, &closed, &json!({"undeclared": 1})));
    }

    #[test]
    fn what_speaks_about_the_whole_is_left_alone() {
        let object = |a: Value| json!({"type": "object", "properties": {"a": a, "b": {}}});
        for (name, value) in [
            ("patternProperties", json!({"^b": {}})),
            ("minProperties", json!(1)),
            ("additionalProperties", json!({})),
            ("required", json!("b")),
            ("type", json!(["object", "null"])),
            ("$schema", json!("http://json-schema.org/draft-07/schema#")),
        ] {
            let mut other = object(json!(false));
            other[name] = value;
            check(KeptProperties::Differing, [object(json!({})), other], None);
        }
        let refers = json!({"items": {"$ref": "#/properties/b"}});
        let pair = [object(json!({})), object(refers)];
        check(KeptProperties::Differing, pair, None);
    }
}
