//! Inclusion proven part by part, where the engine knows no answer: recursive definitions (a pair
//! that is being compared counts as proven one level below), patterns, steps. Only ever says yes
//! when that is proven; no answer otherwise.

use super::combine::READERS;
use super::engine::{self, Cover};
use super::normal::is_anything;
use super::numbers::steps_include;
use super::objects;
use super::simpler::joined;
use super::steps::{StepBudget, weight};
use super::texts::{NO_TEXT, Texts, exactly, texts_include};
use super::unknown::is_marked;
use super::witness::all_of;
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;

/// How many comparisons of parts one proof may take.
const MAX_STEPS: usize = 20_000;

/// How many values of an enumeration are weighed as a pattern; fewer only make the wide side
/// narrower.
const MAX_VALUES: usize = 500;

/// How deep parts are compared.
const MAX_PROOF_DEPTH: usize = 200;

const TYPES: [&str; 6] = ["null", "boolean", "number", "string", "array", "object"];

/// How much a proof may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Plain objects and lists child by child, the engine for what is in them only: enough for most
    /// edits, and much cheaper than the engine over the whole.
    Quick,
    /// Everything.
    Full,
}

/// Whether everything that `narrow` accepts is proven to be accepted by `wide`.
pub(super) fn includes(narrow: &Value, wide: &Value, effort: Effort, steps: &StepBudget) -> bool {
    let proof = InclusionProof {
        effort,
        narrow_defs: narrow.get("$defs"),
        wide_defs: wide.get("$defs"),
        left: Cell::new(MAX_STEPS),
        steps,
        // Looked for once, as most schemas have none and need not be searched part by part.
        has_marks: is_marked(narrow) || is_marked(wide),
    };
    // Definitions are looked up apart; in the text of each pair they would only be copied.
    let bare = |schema: &Value| {
        let mut schema = schema.clone();
        if let Value::Object(map) = &mut schema {
            map.remove("$defs");
        }
        schema
    };
    proof.includes(&bare(narrow), &bare(wide), &Assumed::default())
}

/// Pairs under comparison: those above a step into a child may be taken as proven, those on the
/// same value may not.
#[derive(Clone, Default)]
pub(super) struct Assumed {
    above: BTreeSet<(String, String)>,
    here: BTreeSet<(String, String)>,
    depth: usize,
}

impl Assumed {
    /// The pairs as seen from a child of the value.
    pub(super) fn below(&self) -> Self {
        let mut above = self.above.clone();
        above.extend(self.here.iter().cloned());
        Self {
            above,
            here: BTreeSet::new(),
            depth: self.depth + 1,
        }
    }
}

pub(super) struct InclusionProof<'a> {
    effort: Effort,
    narrow_defs: Option<&'a Value>,
    wide_defs: Option<&'a Value>,
    left: Cell<usize>,
    pub(super) steps: &'a StepBudget,
    /// Whether anything on either side could not be read.
    has_marks: bool,
}

impl InclusionProof<'_> {
    pub(super) fn includes(&self, narrow: &Value, wide: &Value, assumed: &Assumed) -> bool {
        // Before any step is taken: most pairs of children are of this sort.
        if is_anything(wide) || narrow == &Value::Bool(false) {
            return true;
        }
        let left = self.left.get();
        let looking = 2 * (weight(narrow) + weight(wide));
        if left == 0 || assumed.depth > MAX_PROOF_DEPTH || !self.steps.take(looking) {
            return false;
        }
        self.left.set(left - 1);
        // The engine takes no notice of what is marked as unread.
        let is_marked = self.has_marks && (is_marked(narrow) || is_marked(wide));
        let has_references = mentions_reference(narrow) || mentions_reference(wide);
        if self.effort == Effort::Quick {
            return match (narrow, wide) {
                // Definitions are opened in the full proof only.
                _ if has_references => false,
                _ if narrow == wide => true,
                (Value::Object(a), Value::Object(b)) if are_plain(a, b) => {
                    self.by_types(a, b, assumed)
                }
                _ => !is_marked && engine::covers_plainly(wide, narrow, self.steps) == Cover::Yes,
            };
        }
        // The engine first: without references it can answer for the whole.
        if !has_references {
            if narrow == wide
                || (!is_marked && engine::covers_plainly(wide, narrow, self.steps) == Cover::Yes)
            {
                return true;
            }
            return self.by_parts(narrow, wide, assumed);
        }
        let pair = (narrow.to_string(), wide.to_string());
        // Values are finite: a proof that leads to itself one level below is one for all levels.
        if assumed.above.contains(&pair) {
            return true;
        }
        let mut assumed = assumed.clone();
        // The same pair about the same value: this would be a circle, and no proof.
        if !assumed.here.insert(pair) {
            return false;
        }
        assumed.depth += 1;
        self.by_parts(narrow, wide, &assumed)
    }

    fn by_parts(&self, narrow: &Value, wide: &Value, assumed: &Assumed) -> bool {
        let Value::Object(narrow) = narrow else {
            return narrow == &Value::Bool(true) && self.object_of_all(wide, assumed);
        };
        let Value::Object(wide) = wide else {
            return false;
        };
        // Wider than before, and so still sound on this side.
        if let Some(narrow) = without_readers(narrow) {
            return self.by_parts(&narrow, &Value::Object(wide.clone()), assumed);
        }
        if let Some(opened) = opened(narrow, self.narrow_defs, self.steps) {
            return self.includes(&opened, &Value::Object(wide.clone()), assumed);
        }
        if let Some(opened) = opened(wide, self.wide_defs, self.steps) {
            return self.includes(&Value::Object(narrow.clone()), &opened, assumed);
        }
        // A validator takes no notice of marks, and would accept too much.
        if let Some(Value::Array(values)) = narrow.get("enum")
            && !self.has_marks
        {
            let judge = all_of(&[&Value::Object(wide.clone())], self.wide_defs);
            if judge.is_some_and(|judge| values.iter().all(|value| judge.accepts(value))) {
                return true;
            }
        }
        self.by_choices(narrow, wide, assumed)
    }

    /// `true` is spelled as an object without keywords, to be split by type.
    fn object_of_all(&self, wide: &Value, assumed: &Assumed) -> bool {
        wide.is_object() && self.by_parts(&json!({}), wide, assumed)
    }

    /// Takes branches apart: all of the narrow side's must be included, in one of the wide side's.
    fn by_choices(
        &self,
        narrow: &Map<String, Value>,
        wide: &Map<String, Value>,
        assumed: &Assumed,
    ) -> bool {
        let whole = Value::Object(wide.clone());
        // The branches of a `oneOf` together accept all that it does, and more.
        for name in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = narrow.get(name) {
                let mut each = branches
                    .iter()
                    .map(|branch| with_part(narrow, name, branch, self.steps));
                return each.all(|branch| self.includes(&branch, &whole, assumed));
            }
        }
        // All parts hold at once, so that one that is included is enough.
        if let Some(Value::Array(parts)) = narrow.get("allOf") {
            let siblings = without(narrow, "allOf");
            return parts
                .iter()
                .any(|part| self.includes(part, &whole, assumed))
                || self.includes(&siblings, &whole, assumed);
        }
        let itself = Value::Object(narrow.clone());
        // Not `oneOf`: a value that fits one of its branches may fit another as well.
        for name in ["allOf", "anyOf"] {
            if let Some(Value::Array(parts)) = wide.get(name) {
                let siblings = self.includes(&itself, &without(wide, name), assumed);
                let mut each = parts
                    .iter()
                    .map(|part| self.includes(&itself, part, assumed));
                let fits = if name == "allOf" {
                    each.all(|fits| fits)
                } else {
                    each.any(|fits| fits)
                };
                // No single branch need hold all of the value: by types it may fall into several.
                return siblings && (fits || self.by_types(narrow, wide, assumed));
            }
        }
        self.by_types(narrow, wide, assumed)
    }

    fn by_types(
        &self,
        narrow: &Map<String, Value>,
        wide: &Map<String, Value>,
        assumed: &Assumed,
    ) -> bool {
        let types = match narrow.get("type") {
            Some(Value::String(name)) => vec![name.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => TYPES.to_vec(),
        };
        // Type by type, as the wide side may treat each in another branch.
        if types.len() > 1 {
            let mut each = types.iter().map(|name| {
                let mut narrow = narrow.clone();
                narrow.insert("type".to_owned(), json!(name));
                Value::Object(narrow)
            });
            return each.all(|one| self.includes(&one, &Value::Object(wide.clone()), assumed));
        }
        types
            .first()
            .is_some_and(|name| self.one_type(name, narrow, wide, assumed))
    }

    fn one_type(
        &self,
        name: &str,
        narrow: &Map<String, Value>,
        wide: &Map<String, Value>,
        assumed: &Assumed,
    ) -> bool {
        let wide = demanded(narrow, wide, name);
        let allows = match wide.get("type") {
            None => true,
            Some(Value::String(only)) => allows_type(only, name),
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(Value::as_str)
                .any(|one| allows_type(one, name)),
            Some(_) => false,
        };
        let known = match name {
            "number" | "integer" => NUMBER_KEYWORDS,
            "string" => WEIGHED_TEXT_KEYWORDS,
            "array" => objects::ARRAY_KEYWORDS,
            "object" => objects::OBJECT_KEYWORDS,
            _ => &[],
        };
        // A keyword that is not weighed here may refuse anything.
        if !allows
            || !wide
                .keys()
                .all(|key| key == "type" || known.contains(&key.as_str()))
        {
            return false;
        }
        match name {
            "number" | "integer" => self.numbers_include(name, narrow, &wide),
            "string" => self.all_texts_include(narrow, &wide),
            "array" => objects::arrays_include(self, narrow, &wide, assumed),
            "object" => objects::objects_include(self, narrow, &wide, assumed),
            // Booleans and null have no keywords of their own.
            _ => true,
        }
    }

    fn numbers_include(
        &self,
        name: &str,
        narrow: &Map<String, Value>,
        wide: &Map<String, Value>,
    ) -> bool {
        let mut wide = wide.clone();
        let mut narrow = narrow.clone();
        // Without its other keywords the narrow side only becomes wider.
        narrow.retain(|keyword, _| NUMBER_KEYWORDS.contains(&keyword.as_str()));
        narrow.insert("type".to_owned(), json!(name));
        // Steps are compared here, as the decimals that they were written as.
        if let Some(step) = wide.get("multipleOf")
            && steps_include(narrow.get("multipleOf"), step, name == "integer")
        {
            wide.remove("multipleOf");
        }
        engine::covers_plainly(&Value::Object(wide), &Value::Object(narrow), self.steps)
            == Cover::Yes
    }

    /// Whether the texts of one are texts of the other; on the wide side, an enumeration is a pattern of
    /// its values. The narrow side's is left aside here, which only makes it wider.
    fn all_texts_include(&self, narrow: &Map<String, Value>, wide: &Map<String, Value>) -> bool {
        let values = wide.get("enum").and_then(Value::as_array).map(|all| {
            let texts = all
                .iter()
                .filter_map(Value::as_str)
                .take(MAX_VALUES)
                .map(exactly);
            let texts = texts.collect::<Vec<_>>();
            // A list without texts takes none.
            if texts.is_empty() {
                NO_TEXT.to_owned()
            } else {
                format!("^({})$", texts.join("|"))
            }
        });
        let (narrow, wide) = (texts_of(narrow, None), texts_of(wide, values.as_deref()));
        // None is no proof.
        texts_include(&narrow, &wide, self.steps) == Some(Ok(()))
    }
}

/// Whether both describe objects by nothing but their children and sizes.
pub(super) fn are_plain_objects(narrow: &Value, wide: &Value) -> bool {
    let is_object = |schema: &Value| schema.get("type").is_some_and(|name| name == "object");
    match (narrow, wide) {
        (Value::Object(a), Value::Object(b)) => is_object(narrow) && are_plain(a, b),
        _ => false,
    }
}

/// Whether both describe objects, or both lists, by nothing but their children and sizes.
fn are_plain(narrow: &Map<String, Value>, wide: &Map<String, Value>) -> bool {
    let is_plain = |map: &Map<String, Value>, name: &str, keywords: &[&str]| {
        map.get("type").is_some_and(|one| one == name)
            && map
                .keys()
                .all(|key| key == "type" || keywords.contains(&key.as_str()))
    };
    let both = |name, keywords| is_plain(narrow, name, keywords) && is_plain(wide, name, keywords);
    both("object", objects::OBJECT_KEYWORDS) || both("array", objects::ARRAY_KEYWORDS)
}

const NUMBER_KEYWORDS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];
const TEXT_KEYWORDS: &[&str] = &["pattern", "minLength", "maxLength"];

/// Those, and what is weighed as one of them; an enumeration is about every type.
const WEIGHED_TEXT_KEYWORDS: &[&str] = &["pattern", "minLength", "maxLength", "enum"];

/// Keywords that stand alone: where both sides have the same, the wide side demands nothing more.
const ALONE: &[&str] = &[
    "not",
    "propertyNames",
    "enum",
    "const",
    "oneOf",
    "pattern",
    "uniqueItems",
];

/// What of the wide side still has to be shown for values of a type: without what the narrow side
/// demands word for word, and without what says nothing about the type.
fn demanded(
    narrow: &Map<String, Value>,
    wide: &Map<String, Value>,
    name: &str,
) -> Map<String, Value> {
    let about = |keyword: &str| {
        let groups = [
            ("number", NUMBER_KEYWORDS),
            ("string", TEXT_KEYWORDS),
            ("array", objects::ARRAY_KEYWORDS),
            ("object", objects::OBJECT_KEYWORDS),
        ];
        let owner = groups
            .iter()
            .find(|(_, keywords)| keywords.contains(&keyword));
        // A keyword that nobody knows here is about every type.
        owner.is_none_or(|(owner, _)| allows_type(owner, name))
    };
    let same = |keyword: &str| {
        // A reference of one text may lead to two definitions, one on each side.
        mentions_no_reference(wide, keyword) && narrow.get(keyword) == wide.get(keyword)
    };
    let mut left = wide.clone();
    left.retain(|keyword, _| {
        about(keyword) && !(ALONE.contains(&keyword.as_str()) && same(keyword))
    });
    // Only together: each of these reads the others.
    for group in [
        ["if", "then", "else"],
        ["contains", "minContains", "maxContains"],
    ] {
        if group.iter().all(|keyword| same(keyword)) {
            left.retain(|keyword, _| !group.contains(&keyword.as_str()));
        }
    }
    left
}

fn mentions_no_reference(map: &Map<String, Value>, keyword: &str) -> bool {
    map.get(keyword)
        .is_none_or(|value| !mentions_reference(value))
}

fn allows_type(allowed: &str, name: &str) -> bool {
    allowed == name || (allowed == "number" && name == "integer")
}

fn texts_of<'a>(map: &'a Map<String, Value>, values: Option<&'a str>) -> Texts<'a> {
    let pattern = map.get("pattern").and_then(Value::as_str);
    Texts {
        patterns: pattern.into_iter().chain(values).collect(),
        min_length: map.get("minLength").and_then(Value::as_u64).unwrap_or(0),
        max_length: map.get("maxLength").and_then(Value::as_u64),
    }
}

/// Whether a `$ref` stands anywhere in a schema.
pub(super) fn mentions_reference(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.contains_key("$ref") || map.values().any(mentions_reference),
        Value::Array(list) => list.iter().any(mentions_reference),
        _ => false,
    }
}

/// A schema with its own `$ref` replaced by what it names.
fn opened(map: &Map<String, Value>, defs: Option<&Value>, steps: &StepBudget) -> Option<Value> {
    let name = map.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    let body = defs?.get(name)?;
    Some(with_part(map, "$ref", body, steps))
}

/// A narrow schema without keywords that look at what its other parts have evaluated, if it has any.
/// It accepts more then; with them, it would accept less for each part that is taken away from it.
// They stay on the wide side, where leaving them out would be unsound.
fn without_readers(map: &Map<String, Value>) -> Option<Value> {
    let reads = READERS.iter().any(|name| map.contains_key(*name));
    reads.then(|| {
        let mut map = map.clone();
        map.retain(|name, _| !READERS.contains(&name.as_str()));
        Value::Object(map)
    })
}

fn without(map: &Map<String, Value>, name: &str) -> Value {
    let mut map = map.clone();
    map.remove(name);
    Value::Object(map)
}

/// A schema with one of its keywords replaced by a schema that holds as well.
fn with_part(map: &Map<String, Value>, name: &str, part: &Value, steps: &StepBudget) -> Value {
    let mut map = map.clone();
    map.remove(name);
    // Nothing else to hold beside it.
    if map.is_empty() {
        return part.clone();
    }
    let mut parts = match map.remove("allOf") {
        Some(Value::Array(parts)) => parts,
        _ => Vec::new(),
    };
    parts.push(part.clone());
    map.insert("allOf".to_owned(), Value::Array(parts));
    joined(map, steps)
}
