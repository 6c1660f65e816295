//! Which of the values that were proposed is a witness, and the one to show. Judges with validators
//! only; proposes nothing, see `witness`.

use super::decide::Comparison;
use super::engine::CompiledSchema;
use super::steps::{StepBudget, weight};
use super::witness::{Search, WitnessPlace};
use serde_json::Value;
use std::cell::OnceCell;

/// Values that `sent` accepts, of which `new` may refuse some.
pub(super) fn find(sent: &Value, new: &Value, steps: &StepBudget) -> Vec<Value> {
    let place = WitnessPlace {
        olds: vec![sent],
        news: vec![new],
    };
    Search::of(sent, new, steps).values(&place, 0)
}

/// The smallest of them that is sent and refused; of equally short ones, the one that reads best.
pub(super) fn first_of(mut found: Vec<Value>, confirm: &Confirm<'_>) -> Option<Value> {
    // The key is dear, and a sort would ask for it many times.
    found.sort_by_cached_key(|value| {
        let text = value.to_string();
        let odd = text
            .chars()
            .filter(|one| one.is_whitespace() || !one.is_ascii());
        (text.len(), odd.count())
    });
    found.into_iter().find(|value| confirm.is_witness(value))
}

/// The judges a witness must pass: the normal forms, and the schemas as they were written. They cost
/// more than most proofs, so that each is made when it is asked.
pub(super) struct Confirm<'a> {
    sent: Lazy<'a>,
    new: Lazy<'a>,
    written_old: Lazy<'a>,
    written_new: Lazy<'a>,
    steps: &'a StepBudget,
}

struct Lazy<'a> {
    schema: &'a Value,
    make: fn(&Value) -> Option<CompiledSchema>,
    judge: OnceCell<Option<CompiledSchema>>,
}

impl<'a> Lazy<'a> {
    fn of(schema: &'a Value, make: fn(&Value) -> Option<CompiledSchema>) -> Self {
        Self {
            schema,
            make,
            judge: OnceCell::new(),
        }
    }

    /// None where no validator takes the schema.
    fn accepts(&self, value: &Value) -> Option<bool> {
        let judge = self.judge.get_or_init(|| (self.make)(self.schema));
        judge.as_ref().map(|judge| judge.accepts(value))
    }
}

impl<'a> Confirm<'a> {
    pub(super) fn of(
        pair: Comparison<'a>,
        sent: &'a Value,
        new: &'a Value,
        steps: &'a StepBudget,
    ) -> Self {
        Self {
            sent: Lazy::of(sent, CompiledSchema::of),
            new: Lazy::of(new, CompiledSchema::of),
            written_old: Lazy::of(pair.narrow, CompiledSchema::of_written),
            written_new: Lazy::of(pair.wide, CompiledSchema::of_written),
            steps,
        }
    }

    /// A value is looked at however few steps are left: those that were found must not be lost.
    pub(super) fn is_witness(&self, value: &Value) -> bool {
        self.steps.take(4 * weight(value));
        // Where no validator takes the form, nothing is claimed; where none takes the text as
        // written, the form decides.
        self.sent.accepts(value).unwrap_or(false)
            && !self.new.accepts(value).unwrap_or(true)
            && self.written_old.accepts(value).unwrap_or(true)
            && !self.written_new.accepts(value).unwrap_or(false)
    }
}
