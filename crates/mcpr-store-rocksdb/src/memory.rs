//! What an engine that writes remembers between two batches. All of it can be read again.

use crate::names::Names;
use crate::state::State;
use rustc_hash::FxHashMap;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Where the store stands; none before it was read.
    pub(crate) state: Option<State>,
    pub(crate) names: Names,
    /// What is in flight, and whose it is; none before it was read.
    pub(crate) open: Option<FxHashMap<u64, i64>>,
}

impl Memory {
    /// Forgets everything: a write has failed, or somebody else has changed what was remembered.
    pub(crate) fn clear(&mut self) {
        // All of it, and not what was touched: nobody can say which part of a failed change had come so far.
        *self = Self::default();
    }
}
