//! What a comparison may cost, in counted steps: the same for the same schemas on any machine.
//! A step is about what it takes to look at one value of a schema; nothing here asks for the time.

use serde_json::Value;
use std::cell::Cell;

/// Steps that are left, and were taken.
#[derive(Debug)]
pub(super) struct StepBudget {
    left: Cell<u64>,
    taken: Cell<u64>,
}

impl StepBudget {
    pub(super) fn of(most: u64) -> Self {
        Self {
            left: Cell::new(most),
            taken: Cell::new(0),
        }
    }

    /// Some of these, for a part of the work; what it takes is to be taken here too.
    pub(super) fn at_most(&self, most: u64) -> Self {
        Self::of(self.left.get().min(most))
    }

    /// Takes so many. When fewer are left, they all are gone, and the work must not be done.
    pub(super) fn take(&self, count: u64) -> bool {
        let left = self.left.get();
        let taken = count.min(left);
        // The rest is gone too, so that all that comes after ends the same way.
        self.left.set(left - taken);
        self.taken.set(self.taken.get() + taken);
        taken == count
    }

    pub(super) fn left(&self) -> u64 {
        self.left.get()
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Whether some work was not done for want of steps.
    pub(super) fn are_over(&self) -> bool {
        self.left.get() == 0
    }
}

/// How many steps it takes to look at a value once.
pub(super) fn weight(value: &Value) -> u64 {
    match value {
        Value::Object(map) => 1 + map.values().map(|value| 1 + weight(value)).sum::<u64>(),
        Value::Array(list) => 1 + list.iter().map(weight).sum::<u64>(),
        // Long texts take time to copy and to match, though little for each byte.
        Value::String(text) => 1 + text.len() as u64 / 64,
        _ => 1,
    }
}
