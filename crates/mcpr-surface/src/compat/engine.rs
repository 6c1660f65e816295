//! The one door to `jsonschema`: does one schema cover another, what is left over, does a value
//! satisfy a schema. Takes normal forms; never resolves anything outside them.

use super::load::steps_for;
use super::steps::StepBudget;
use jsonschema::canonical::{self, CanonicalSchema, Containment};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the engine says about one schema covering another.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cover {
    Yes,
    /// It does not; with the set that is not covered, where that can be written down.
    No(Option<Value>),
    Unknown(Option<Value>),
}

/// Whether `wide` accepts all that `narrow` does.
pub(super) fn covers(wide: &Value, narrow: &Value, steps: &StepBudget) -> Cover {
    if !may_be_asked(wide, narrow, steps) {
        return Cover::Unknown(None);
    }
    unless_it_fails(|| covers_with_rest(wide, narrow)).unwrap_or(Cover::Unknown(None))
}

/// What the engine gives, unless it fails at it: then its answer is unknown, on every machine.
fn unless_it_fails<T>(ask: impl FnOnce() -> T) -> Option<T> {
    // What the engine leaves behind is not used again: it gets its input by reference only.
    catch_unwind(AssertUnwindSafe(ask)).ok()
}

fn covers_with_rest(wide: &Value, narrow: &Value) -> Cover {
    let (Some(wide), Some(narrow)) = (canonical(wide), canonical(narrow)) else {
        return Cover::Unknown(None);
    };
    let answer = wide.covers(&narrow);
    if let Ok(Containment::Yes) = answer {
        return Cover::Yes;
    }
    // What is left over is where a witness is looked for, even if the answer is unknown.
    let rest = narrow.subtract(&wide).ok();
    let rest = rest.map(|rest| rest.to_json_schema());
    match answer {
        Ok(Containment::No) => Cover::No(rest),
        _ => Cover::Unknown(rest),
    }
}

/// Whether the engine is to weigh these, and there are steps for it: all steps stay where there are
/// too few, for those who need less.
fn may_be_asked(wide: &Value, narrow: &Value, steps: &StepBudget) -> bool {
    // Less than all: with none left, every later answer would be undecided.
    steps_for(narrow, wide).is_some_and(|needed| needed < steps.left() && steps.take(needed))
}

/// How many answers a thread keeps.
const MAX_ANSWERS: usize = 10_000;

thread_local! {
    /// Answers given before: tools of one server share most of their parameters.
    static ANSWERS: RefCell<HashMap<(String, String), Cover>> = RefCell::default();
}

/// The same without what is left over, which costs more than the answer. What was reported before counts
/// as if it was worked out again.
pub(super) fn covers_plainly(wide: &Value, narrow: &Value, steps: &StepBudget) -> Cover {
    if !may_be_asked(wide, narrow, steps) {
        return Cover::Unknown(None);
    }
    // Steps were taken first, so that a known answer costs what a new one does.
    let pair = (wide.to_string(), narrow.to_string());
    if let Some(known) = ANSWERS.with_borrow(|answers| answers.get(&pair).cloned()) {
        return known;
    }
    let answer = unless_it_fails(|| covers_anew(wide, narrow)).unwrap_or(Cover::Unknown(None));
    ANSWERS.with_borrow_mut(|answers| {
        if answers.len() < MAX_ANSWERS {
            answers.insert(pair, answer.clone());
        }
    });
    answer
}

fn covers_anew(wide: &Value, narrow: &Value) -> Cover {
    let (Some(wide), Some(narrow)) = (canonical(wide), canonical(narrow)) else {
        return Cover::Unknown(None);
    };
    match wide.covers(&narrow) {
        Ok(Containment::Yes) => Cover::Yes,
        Ok(Containment::No) => Cover::No(None),
        _ => Cover::Unknown(None),
    }
}

fn canonical(schema: &Value) -> Option<CanonicalSchema> {
    // Normal forms are written in one draft, whatever that of the document was.
    let options = canonical::options()
        .offline()
        .with_draft(Draft::Draft202012);
    options
        // Formats are notes by default in this draft: servers differ in whether they check them.
        .should_validate_formats(false)
        .canonicalize(schema)
        .ok()
}

/// A reference as it stands for itself, given where it starts from; none when either is not a URI.
pub(super) fn resolved_uri(base: &str, reference: &str) -> Option<String> {
    let base = jsonschema::uri::from_str(base).ok()?;
    let uri = jsonschema::uri::resolve_against(&base.borrow(), reference).ok()?;
    Some(uri.as_str().to_owned())
}

/// A schema ready to judge values.
#[derive(Debug)]
pub(crate) struct CompiledSchema(Validator);

impl CompiledSchema {
    /// None when the schema cannot be used: a pattern that no engine reads, for one.
    pub(super) fn of(schema: &Value) -> Option<Self> {
        let options = jsonschema::options()
            .offline()
            .with_draft(Draft::Draft202012);
        // A bounded search: a pattern from outside must not keep us for minutes.
        let patterns = PatternOptions::fancy_regex().backtrack_limit(100_000);
        let options = options
            .should_validate_formats(false)
            .with_pattern_options(patterns);
        unless_it_fails(|| options.build(schema).ok().map(Self)).flatten()
    }

    pub(crate) fn accepts(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }
}

impl CompiledSchema {
    /// A judge of a schema as it was written, in its own draft; none when no validator takes it.
    pub(crate) fn of_written(schema: &Value) -> Option<Self> {
        // Without a draft of ours: the validator takes the one that the schema names.
        let options = jsonschema::options()
            .offline()
            .should_validate_formats(false);
        unless_it_fails(|| options.build(schema).ok().map(Self)).flatten()
    }
}
