//! The schema of a careful caller: it sends declared properties only. Every instance of the closed
//! schema is one of the open schema as well; nothing is ever opened here.

use super::choice::Choice;
use super::declared::{
    DeclaredNames, Definitions, ELEMENTS, EVERYTHING, IN_PLACE_LISTS, lists_objects, own_names,
};
use super::steps::StepBudget;
use super::unknown::MARK;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;

/// How many schemas are made besides those that there are, where alternatives hold together.
const MAX_COMBINED: usize = 20_000;

/// How many names the branches of one list may repeat when what is around them forbids all others
/// already. Proofs are easier where each branch says so itself; wide ones cost too much.
const MAX_REPEATED: usize = 50_000;

/// What a name costs that a closed schema repeats: it is made here, and copied and read later.
const STEPS_PER_NAME: u64 = 4;

/// What a careful caller sends, from both sides of the truth; they mostly are one.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Nothing that it does not send.
    pub(crate) least: Value,
    /// All that it sends; none where `least` says just that.
    most: Option<Value>,
}

impl Closed {
    /// What anybody sends.
    pub(crate) fn open(normal: &Value) -> Self {
        Self {
            least: normal.clone(),
            most: None,
        }
    }

    /// All that is sent, and maybe more.
    pub(crate) fn most(&self) -> &Value {
        self.most.as_ref().unwrap_or(&self.least)
    }
}

/// A normal form, closed. Objects that declare nothing stay open, as a caller cannot know more: but
/// not the root that was written as an object (`says_object`), whose properties are all there is to send,
/// unless it says `true` in so many words. None where the names to repeat take more steps than are left.
pub(crate) fn closed(normal: &Value, says_object: bool, steps: &StepBudget) -> Option<Closed> {
    // Names are counted apart: whoever reads the closed schema counts its weight once more.
    let steps = steps.at_most(u64::MAX);
    let (most, is_exact) = closed_as(normal, says_object, OverlapHandling::Open, &steps)?;
    if is_exact {
        return Some(Closed {
            least: most,
            most: None,
        });
    }
    Some(Closed {
        least: closed_as(normal, says_object, OverlapHandling::Leave, &steps)?.0,
        most: Some(most),
    })
}

/// What becomes of alternatives that hold together in too many ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OverlapHandling {
    /// They are left open.
    Open,
    /// They are left out.
    Leave,
}

/// One of the two, and whether it is both.
fn closed_as(
    normal: &Value,
    says_object: bool,
    doubt: OverlapHandling,
    steps: &StepBudget,
) -> Option<(Value, bool)> {
    let none = Map::new();
    let defs = normal.get("$defs").and_then(Value::as_object);
    let closer = Closer {
        defs: Definitions(defs.unwrap_or(&none)),
        doubt,
        combined: Cell::new(0),
        is_exact: Cell::new(true),
        steps,
    };
    let nothing = DeclaredNames::default();
    let mut schema = closer.close(normal, Surrounding::open(&nothing), &BTreeSet::new());
    // Who demands properties without naming them means any.
    let is_free = [
        "minProperties",
        "propertyNames",
        "unevaluatedProperties",
        MARK,
    ]
    .iter()
    .any(|name| normal.get(*name).is_some())
        || normal
            .get("additionalProperties")
            .is_some_and(|value| value != &json!(false));
    if let Value::Object(map) = &mut schema {
        if says_object && !closer.defs.declares(normal) && !is_free {
            map.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        if let Some(defs) = defs.filter(|defs| !defs.is_empty()) {
            map.insert("$defs".to_owned(), Value::Object(closer.all_defs(defs)));
        }
    }
    (!steps.are_over()).then(|| (schema, closer.is_exact.get()))
}

/// What is reported around a part about the names of the same value.
#[derive(Debug, Clone, Copy)]
struct Surrounding<'a> {
    /// The names that are declared or asked for there.
    names: &'a DeclaredNames,
    /// Whether any of them is declared: only then is every other name left out.
    declares: bool,
    /// Whether every other name is forbidden there already, so that no part has to repeat it.
    is_sealed: bool,
}

impl<'a> Surrounding<'a> {
    fn open(names: &'a DeclaredNames) -> Self {
        Self {
            names,
            declares: false,
            is_sealed: false,
        }
    }
}

struct Closer<'a> {
    defs: Definitions<'a>,
    doubt: OverlapHandling,
    /// Schemas made for alternatives that hold together.
    combined: Cell<usize>,
    is_exact: Cell<bool>,
    /// For the names that are repeated. When none are left, what is made is of no use.
    steps: &'a StepBudget,
}

impl Closer<'_> {
    /// The bodies as they are, for places that must not be narrowed, and closed beside them.
    fn all_defs(&self, defs: &Map<String, Value>) -> Map<String, Value> {
        let mut all = defs.clone();
        for (name, body) in defs {
            let nothing = DeclaredNames::default();
            let body = self.close(body, Surrounding::open(&nothing), &BTreeSet::new());
            all.insert(closed_name(name), body);
        }
        all
    }

    /// Closes one place. `outer` is what others declare about the same value; `shared` are the
    /// properties whose values others describe as well, so that they stay open here.
    fn close(&self, schema: &Value, outer: Surrounding<'_>, shared: &BTreeSet<String>) -> Value {
        let Value::Object(map) = schema else {
            return schema.clone();
        };
        if self.steps.are_over() {
            return Value::Bool(false);
        }
        let mut made = map.clone();
        // Definitions stand at the root only, and are closed there.
        made.remove("$defs");
        if lists_objects(map) {
            // Values that are listed are sent as they stand.
            return Value::Object(made);
        }
        let Some(whole) = self.whole(schema, outer.names) else {
            return Value::Bool(false);
        };
        let has_seal = outer.is_sealed && matches!(whole, Cow::Borrowed(_));
        // Where other names are described as well, nothing is left to forbid.
        let needs_seal =
            !has_seal && !whole.rest && (outer.declares || self.defs.declares_beside_lists(map));
        // Closing a value in one part would refuse what another part describes.
        let mut shared = shared.clone();
        shared.extend(self.defs.described_twice(map));
        self.close_children(&mut made, &shared);
        let inner = Surrounding {
            names: &whole,
            declares: outer.declares || self.defs.declares(schema),
            is_sealed: has_seal || needs_seal,
        };
        self.close_branches(map, &mut made, outer, inner, &shared);
        let target = map.get("$ref").and_then(|name| self.defs.target(name));
        // Alone, it leads to the closed body; with others beside it, the names of both count, and
        // the value is sealed here.
        if let Some((name, _)) = target
            && outer.names.is_empty()
            && map
                .keys()
                .all(|key| matches!(key.as_str(), "$ref" | "$defs"))
        {
            made.insert(
                "$ref".to_owned(),
                json!(format!("#/$defs/{}", closed_name(name))),
            );
            return Value::Object(made);
        }
        if needs_seal {
            if !self.steps.take(STEPS_PER_NAME * whole.count() as u64) {
                return Value::Bool(false);
            }
            seal(&mut made, &whole);
        }
        Value::Object(made)
    }

    /// The names that a schema declares, and those declared around it: just these, uncopied, where it
    /// adds none. None when there are no steps for the copy.
    fn whole<'n>(
        &self,
        schema: &Value,
        outer: &'n DeclaredNames,
    ) -> Option<Cow<'n, DeclaredNames>> {
        let mut whole = self.defs.names(schema);
        if outer.lists(&whole) {
            return Some(Cow::Borrowed(outer));
        }
        if !self.steps.take(outer.count() as u64) {
            return None;
        }
        whole.add(outer.clone());
        Some(Cow::Owned(whole))
    }

    fn close_children(&self, made: &mut Map<String, Value>, shared: &BTreeSet<String>) {
        // A value that is listed whole may hold what no child declares.
        if shared.contains(EVERYTHING) {
            return;
        }
        let (nothing, none) = (DeclaredNames::default(), BTreeSet::new());
        let close = |child: &mut Value| {
            *child = self.close(child, Surrounding::open(&nothing), &none);
        };
        for name in ["properties", "patternProperties"] {
            if let Some(Value::Object(children)) = made.get_mut(name) {
                let open = children
                    .iter_mut()
                    .filter(|(key, _)| !shared.contains(key.as_str()));
                open.for_each(|(_, child)| close(child));
            }
        }
        if !shared.contains(ELEMENTS) {
            for name in ["items", "additionalProperties"] {
                made.get_mut(name).into_iter().for_each(close);
            }
            if let Some(Value::Array(children)) = made.get_mut("prefixItems") {
                children.iter_mut().for_each(close);
            }
        }
    }

    /// Branches that all hold, or of which any may hold, are closed where they stand, over the names
    /// of the whole. `oneOf` stays as it is, since fewer matches could make it accept more, and
    /// gets a closed `anyOf` beside it.
    fn close_branches(
        &self,
        map: &Map<String, Value>,
        made: &mut Map<String, Value>,
        outside: Surrounding<'_>,
        whole: Surrounding<'_>,
        shared: &BTreeSet<String>,
    ) {
        for name in IN_PLACE_LISTS {
            let Some(Value::Array(branches)) = map.get(*name) else {
                continue;
            };
            // Parts of `allOf` all hold, so that each may send what any of them declares.
            let mut outer = own_names(map);
            let declares = if *name == "allOf" {
                outer = whole.names.clone();
                whole.declares
            } else {
                let mut beside = map.clone();
                beside.remove(*name);
                let beside = Value::Object(beside);
                outer.add(self.defs.names(&beside));
                outer.add(self.whole_minus_branches(whole.names, map));
                outside.declares || self.defs.declares(&beside)
            };
            // Branches without names of their own have nothing to add to the seal around them.
            let is_wide = branches.len().saturating_mul(outer.count()) > MAX_REPEATED;
            let around = Surrounding {
                names: &outer,
                declares,
                is_sealed: whole.is_sealed && is_wide && outer == *whole.names,
            };
            let closed = branches
                .iter()
                .map(|branch| self.close(branch, around, shared));
            let mut closed = closed.collect::<Vec<_>>();
            // A value may fit several: it sends the names of all that it fits.
            if *name == "anyOf" {
                self.add_combined(branches, around, shared, &mut closed);
            }
            if *name == "oneOf" {
                let parts = made.entry("allOf").or_insert_with(|| json!([]));
                if let Value::Array(parts) = parts {
                    parts.push(json!({ "anyOf": closed }));
                }
            } else {
                made.insert((*name).to_owned(), Value::Array(closed));
            }
        }
    }

    /// Of several alternatives that hold together, a caller sends what each of them declares.
    fn add_combined(
        &self,
        branches: &[Value],
        outer: Surrounding<'_>,
        shared: &BTreeSet<String>,
        closed: &mut Vec<Value>,
    ) {
        let Some(choice) = Choice::of(branches, outer.names, self.defs, self.steps) else {
            return;
        };
        match choice.held_together() {
            // Counted over the whole document, as choices within choices multiply.
            Some(sets) if self.combined.get() < MAX_COMBINED => {
                for set in sets {
                    let parts = set.iter().map(|at| branches[*at].clone());
                    let all = json!({ "allOf": parts.collect::<Vec<_>>() });
                    self.combined.set(self.combined.get() + size(&all));
                    closed.push(self.close(&all, outer, shared));
                }
            }
            _ => {
                self.is_exact.set(false);
                if self.doubt == OverlapHandling::Open {
                    closed.extend(branches.iter().cloned());
                }
            }
        }
    }

    /// What of the whole does not come from branches alone: nothing is known here beyond the
    /// outside, which the caller has put into `whole`.
    fn whole_minus_branches(
        &self,
        whole: &DeclaredNames,
        map: &Map<String, Value>,
    ) -> DeclaredNames {
        let inside = self.defs.names(&Value::Object(map.clone()));
        DeclaredNames {
            plain: whole.plain.difference(&inside.plain).cloned().collect(),
            patterns: whole
                .patterns
                .difference(&inside.patterns)
                .cloned()
                .collect(),
            rest: whole.rest && !inside.rest,
        }
    }
}

/// How many values a schema is made of.
fn size(schema: &Value) -> usize {
    match schema {
        Value::Object(map) => 1 + map.values().map(size).sum::<usize>(),
        Value::Array(list) => 1 + list.iter().map(size).sum::<usize>(),
        _ => 1,
    }
}

fn closed_name(name: &str) -> String {
    format!("{name}.closed")
}

/// Forbids every name but these, unless the schema describes undeclared properties itself.
fn seal(made: &mut Map<String, Value>, names: &DeclaredNames) {
    match made.get("additionalProperties") {
        None | Some(Value::Bool(true)) => {}
        Some(_) => return,
    }
    for (list, names) in [
        ("properties", &names.plain),
        ("patternProperties", &names.patterns),
    ] {
        if names.is_empty() {
            continue;
        }
        let entry = made.entry(list).or_insert_with(|| json!({}));
        if let Value::Object(entry) = entry {
            for name in names {
                // It is declared elsewhere, where its value is described.
                entry.entry(name.clone()).or_insert(Value::Bool(true));
            }
        }
    }
    made.insert("additionalProperties".to_owned(), Value::Bool(false));
}
