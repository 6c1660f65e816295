//! The one door to `jsonschema`: does one schema cover another, what is left over, does a value
//! satisfy a schema. Takes normal forms; never resolves anything outside them.

use jsonschema::canonical::{self, CanonicalSchema, Containment};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;

/// What the engine says about one schema covering another.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cover {
    Yes,
    /// It does not; with the set that is not covered, where that can be written down.
    No(Option<Value>),
    Unknown(Option<Value>),
}

/// Whether `wide` accepts all that `narrow` does.
pub(super) fn covers(wide: &Value, narrow: &Value) -> Cover {
    let (Some(wide), Some(narrow)) = (canonical(wide), canonical(narrow)) else {
        return Cover::Unknown(None);
    };
    let answer = wide.covers(&narrow);
    if let Ok(Containment::Yes) = answer {
        return Cover::Yes;
    }
    let rest = narrow.subtract(&wide).ok();
    let rest = rest.map(|rest| rest.to_json_schema());
    match answer {
        Ok(Containment::No) => Cover::No(rest),
        _ => Cover::Unknown(rest),
    }
}

/// How many answers a thread keeps.
const MAX_ANSWERS: usize = 10_000;

thread_local! {
    /// Answers given before: tools of one server share most of their parameters.
    static ANSWERS: RefCell<HashMap<(String, String), Cover>> = RefCell::default();
}

/// The same without what is left over, which costs more than the answer.
pub(super) fn covers_plainly(wide: &Value, narrow: &Value) -> Cover {
    let pair = (wide.to_string(), narrow.to_string());
    if let Some(known) = ANSWERS.with_borrow(|answers| answers.get(&pair).cloned()) {
        return known;
    }
    let answer = covers_anew(wide, narrow);
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
    let options = canonical::options()
        .offline()
        .with_draft(Draft::Draft202012);
    options
        .should_validate_formats(false)
        .canonicalize(schema)
        .ok()
}

/// A schema ready to judge values.
#[derive(Debug)]
pub(in crate::schema) struct Judge(Validator);

impl Judge {
    /// None when the schema cannot be used: a pattern that no engine reads, for one.
    pub(super) fn of(schema: &Value) -> Option<Self> {
        let options = jsonschema::options()
            .offline()
            .with_draft(Draft::Draft202012);
        let patterns = PatternOptions::fancy_regex().backtrack_limit(100_000);
        let options = options
            .should_validate_formats(false)
            .with_pattern_options(patterns);
        options.build(schema).ok().map(Self)
    }

    pub(in crate::schema) fn accepts(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }
}

impl Judge {
    /// A judge of a schema as it was written, in its own draft; none when no validator takes it.
    pub(in crate::schema) fn of_written(schema: &Value) -> Option<Self> {
        let options = jsonschema::options()
            .offline()
            .should_validate_formats(false);
        options.build(schema).ok().map(Self)
    }
}
