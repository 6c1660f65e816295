//! Which of the values that were proposed is a witness, and the one to show. Judges with validators
//! only; proposes nothing, see `witness`.

use super::engine::Judge;
use super::witness::{Place, Search};
use serde_json::Value;
use std::cell::OnceCell;
use std::time::Instant;

/// Values that `sent` accepts, of which `new` may refuse some.
pub(super) fn find(sent: &Value, new: &Value, until: Instant) -> Vec<Value> {
    let place = Place {
        olds: vec![sent],
        news: vec![new],
    };
    Search::of(sent, new, until).values(&place, 0)
}

/// The smallest of them that is sent and refused; of equally short ones, the one that reads best.
pub(super) fn first_of(mut found: Vec<Value>, confirm: &Confirm<'_>) -> Option<Value> {
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
}

struct Lazy<'a> {
    schema: &'a Value,
    make: fn(&Value) -> Option<Judge>,
    judge: OnceCell<Option<Judge>>,
}

impl<'a> Lazy<'a> {
    fn of(schema: &'a Value, make: fn(&Value) -> Option<Judge>) -> Self {
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
        (written_old, written_new): (&'a Value, &'a Value),
        (sent, new): (&'a Value, &'a Value),
    ) -> Self {
        Self {
            sent: Lazy::of(sent, Judge::of),
            new: Lazy::of(new, Judge::of),
            written_old: Lazy::of(written_old, Judge::of_written),
            written_new: Lazy::of(written_new, Judge::of_written),
        }
    }

    pub(super) fn is_witness(&self, value: &Value) -> bool {
        self.sent.accepts(value).unwrap_or(false)
            && !self.new.accepts(value).unwrap_or(true)
            && self.written_old.accepts(value).unwrap_or(true)
            && !self.written_new.accepts(value).unwrap_or(false)
    }
}
