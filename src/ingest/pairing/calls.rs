//! The requests of one direction that wait for their answers, and the answers that came too early or
//! may come too late. Decides nothing.

use super::Moment;
use crate::wire::{Asked, Reply, TypedId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Instant;

/// Most bytes of bodies that wait in a direction for an answer to their request; beyond that the
/// bodies of further requests are not kept.
const MAX_BODY_BYTES: usize = 16 << 20;

/// When a line of a log was read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// By the log: its newest time until then, in unix milliseconds.
    pub log_ts: i64,
    /// By the clock that never jumps.
    pub at: Instant,
}

/// How long a request has waited in a log, as its two times say.
#[derive(Debug, Clone, Copy)]
pub struct Waited {
    /// When it was asked, in unix milliseconds.
    pub ts: i64,
    /// When that was read; `None` where it was not read from a log.
    pub reading: Option<Reading>,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) asked: Asked,
    pub(super) moment: Moment,
    pub(super) reading: Option<Reading>,
    pub(super) ordinal: u64,
    pub(super) is_doubtful: bool,
}

impl Waiting {
    pub(super) fn body_bytes(&self) -> usize {
        let params = self.asked.params.as_ref();
        params.map_or(0, |body| body.text.len())
    }
}

/// The requests of one direction.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) waiting: HashMap<TypedId, Waiting>,
    /// The waiting ones by age.
    pub(super) by_age: BTreeMap<u64, TypedId>,
    /// Answers whose copy came before that of their request: the directions are read side by side.
    pub(super) early: VecDeque<(Reply, Moment)>,
    /// Bytes of bodies in `waiting`.
    body_bytes: usize,
    /// Cancelled and given up: an answer may still come.
    pub(super) over: VecDeque<TypedId>,
}

impl Calls {
    pub(super) fn wait(&mut self, id: TypedId, mut waiting: Waiting) {
        if self.body_bytes + waiting.body_bytes() > MAX_BODY_BYTES {
            waiting.asked.params = None;
        }
        self.body_bytes += waiting.body_bytes();
        self.by_age.insert(waiting.ordinal, id.clone());
        self.waiting.insert(id, waiting);
    }

    pub(super) fn take(&mut self, id: &TypedId) -> Option<Waiting> {
        let waiting = self.waiting.remove(id)?;
        self.by_age.remove(&waiting.ordinal);
        self.body_bytes -= waiting.body_bytes();
        Some(waiting)
    }
}
