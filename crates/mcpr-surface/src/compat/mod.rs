//! Whether a caller written against one schema is served by another: proven, refuted by a witness,
//! or undecided with the reason. Says nothing about where the schemas differ; see `rules`. An answer
//! is a function of the schemas: no clock, no load and no thread has a part in it.

mod alike;
mod apart;
mod built;
mod choice;
mod close;
pub(crate) mod combine;
mod confirm;
mod decide;
mod declared;
mod descent;
mod draft;
mod engine;
mod focus;
mod index;
mod inhabited;
#[cfg(test)]
mod kinds;
mod limits;
mod load;
mod normal;
mod numbers;
mod objects;
mod recall;
pub(super) mod resolve;
mod sample;
mod scalars;
mod shapes;
mod simpler;
mod steps;
mod structure;
#[cfg(test)]
mod tests;
mod texts;
mod trim;
mod unknown;
mod witness;

use decide::{Comparison, Decision, Goal, decide, first_witness};
pub(super) use engine::CompiledSchema;
pub(super) use focus::Focus;
pub(super) use inhabited::has_values;
use limits::{
    MAX_ANSWER_BYTES, MAX_ANSWERS, MAX_ITEM_STEPS, MAX_JSON_DEPTH, MAX_TOTAL_STEPS, MIN_ITEM_STEPS,
    STACK_BYTES,
};
use normal::NormalError;
use serde_json::Value;
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use trim::{KeptProperties, may_differ, trimmed};

/// Why nothing was worked out any more.
const OUT_OF_STEPS: &str = "its item has taken all its steps";

/// Which instances of the narrow side count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// One that sends declared properties only.
    Careful,
    /// One that sends whatever is accepted: plain inclusion.
    Any,
}

/// Whether all that one schema accepts, another accepts too.
#[derive(Debug, Clone, PartialEq)]
pub enum Inclusion {
    /// It does: proven.
    Holds,
    /// It does not: this value is accepted by the one and refused by the other.
    Fails(Value),
    /// Neither was proven; why.
    Undecided(String),
}

/// Compares schemas, and counts what that takes for each item. Made by [`comparing`] only, as it
/// needs the stack.
#[derive(Debug)]
pub struct Comparer {
    /// What every item may take.
    item_steps: u64,
    /// What the present item has taken.
    taken: u64,
    /// Answers given before: tools of one server share most of their parameters.
    memory: Arc<Mutex<AnswerMemory>>,
}

/// What was worked out before, by the whole texts of the schemas that were asked about.
#[derive(Debug, Default)]
struct AnswerMemory {
    answers: HashMap<String, Decision>,
    /// Of values that were tried: which is a witness, and the steps that it took to decide.
    tried: HashMap<String, (Option<usize>, u64)>,
    /// What the texts take, in bytes.
    bytes: usize,
}

impl AnswerMemory {
    /// Takes the room for one more, if there is any. Full, it only stops to learn, which changes no
    /// answer.
    fn has_room_for(&mut self, key: &str) -> bool {
        let count = self.answers.len() + self.tried.len();
        let bytes = self.bytes + key.len();
        let has_room = count < MAX_ANSWERS && bytes <= MAX_ANSWER_BYTES;
        if has_room {
            self.bytes = bytes;
        }
        has_room
    }
}

/// Does work with a comparer, on a thread whose stack holds what the comparison needs.
///
/// # Errors
///
/// When the system has no room for the thread.
pub fn comparing<T: Send>(work: impl FnOnce(&mut Comparer) -> T + Send) -> std::io::Result<T> {
    // Until `share_among` says how many items there are.
    let mut comparer = Comparer {
        item_steps: MAX_ITEM_STEPS,
        taken: 0,
        memory: Arc::default(),
    };
    thread::scope(|scope| {
        let thread = on_stack().name("compare".to_owned());
        let running = thread.spawn_scoped(scope, || work(&mut comparer))?;
        // A panic is a fault of ours, and not the system's: it goes on to whoever asked.
        Ok(running.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// A thread with the stack for comparisons.
pub(super) fn on_stack() -> thread::Builder {
    thread::Builder::new().stack_size(STACK_BYTES)
}

impl Comparer {
    /// Another one for another thread with the same stack; what one has answered, the other knows.
    pub(super) fn beside(&self) -> Self {
        Self {
            item_steps: self.item_steps,
            taken: 0,
            memory: Arc::clone(&self.memory),
        }
    }

    /// Shares out the steps of a diff among so many items. Each gets the same, whoever comes first
    /// and however many threads there are.
    pub(super) fn share_among(&mut self, items: usize) {
        let items = u64::try_from(items).unwrap_or(u64::MAX).max(1);
        self.item_steps = (MAX_TOTAL_STEPS / items).clamp(MIN_ITEM_STEPS, MAX_ITEM_STEPS);
    }

    /// Gives the next item its own steps.
    pub(super) fn next_item(&mut self) {
        self.taken = 0;
    }

    /// Whether nothing more is worked out about the present item.
    pub(super) fn is_out_of_steps(&self) -> bool {
        self.taken >= self.item_steps
    }

    fn memory(&self) -> MutexGuard<'_, AnswerMemory> {
        // A thread that panicked left no half entry: each is inserted whole.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `wide` accepts everything that a caller of `narrow` sends.
    pub fn includes(&mut self, narrow: &Value, wide: &Value, caller: Caller) -> Inclusion {
        self.includes_trying(narrow, wide, caller, &[])
    }

    /// The same, with values that may turn out to be witnesses; tried before any other.
    pub(super) fn includes_trying(
        &mut self,
        narrow: &Value,
        wide: &Value,
        caller: Caller,
        known: &[Value],
    ) -> Inclusion {
        // Before anything recurses over them: even to compare them does.
        if is_too_deep(narrow) || is_too_deep(wide) {
            return Inclusion::Undecided(NormalError::TooDeep.to_string());
        }
        // Equal texts accept the same, also where nothing in them is understood.
        if narrow == wide {
            return Inclusion::Holds;
        }
        let pair = Comparison {
            narrow,
            wide,
            caller,
        };
        // Trying values takes a fraction of a proof.
        if !known.is_empty()
            && let Some(found) = self.witness_among(pair, known)
        {
            return Inclusion::Fails(found);
        }
        self.answer(pair, Goal::Decide)
    }

    /// Whether a value is sent by a careful caller of `narrow` and refused by `wide`.
    pub(super) fn is_witness(&mut self, narrow: &Value, wide: &Value, value: &Value) -> bool {
        let pair = Comparison {
            narrow,
            wide,
            caller: Caller::Careful,
        };
        self.witness_among(pair, std::slice::from_ref(value))
            .is_some()
    }

    /// Whether it is proven that `wide` accepts all that `narrow` does, whoever the caller is; costs
    /// less than to find out that it does not.
    pub(super) fn proves(&mut self, narrow: &Value, wide: &Value) -> bool {
        if is_too_deep(narrow) || is_too_deep(wide) {
            return false;
        }
        let pair = Comparison {
            narrow,
            wide,
            caller: Caller::Any,
        };
        self.answer(pair, Goal::Prove) == Inclusion::Holds
    }

    fn witness_among(&mut self, pair: Comparison<'_>, known: &[Value]) -> Option<Value> {
        if self.is_out_of_steps() {
            return None;
        }
        // A single value needs only what it sends itself; of several, all that they may differ in.
        let kept = match known {
            [only] => KeptProperties::SentBy(only),
            _ => KeptProperties::Differing,
        };
        let Some((narrow, wide)) = trimmed(pair, kept) else {
            let (found, steps) = first_witness(pair, known);
            self.taken += steps;
            return known.get(found?).cloned();
        };
        // A value may send properties that were cut from the schema; and one that sends nothing of
        // what was changed proves nothing.
        let mut known: Vec<Value> = known.iter().map(|value| narrow.cut(value)).collect();
        known.retain(|value| may_differ(&narrow.schema, &wide, value));
        if known.is_empty() {
            return None;
        }
        let less = Comparison {
            narrow: &narrow.schema,
            wide: &wide,
            caller: pair.caller,
        };
        let (found, steps) = self.tried(less, &known);
        self.taken += steps;
        found.map(|at| known.swap_remove(at))
    }

    /// Which of these values is the first witness, and the steps that it took to decide; the same for
    /// many tools of one server, so that it is remembered.
    fn tried(&self, pair: Comparison<'_>, known: &[Value]) -> (Option<usize>, u64) {
        // Whole texts, as in `answer`; JSON values end by themselves, so that no two lists read alike.
        let known_texts: Vec<String> = known.iter().map(Value::to_string).collect();
        let known_texts = known_texts.join(" ");
        let key = format!(
            "{:?} {} {} {known_texts}",
            pair.caller, pair.narrow, pair.wide
        );
        // Not held while it is worked out, as in `answer`.
        let remembered = self.memory().tried.get(&key).copied();
        remembered.unwrap_or_else(|| {
            let tried = first_witness(pair, known);
            let mut memory = self.memory();
            if memory.has_room_for(&key) {
                memory.tried.insert(key, tried);
            }
            tried
        })
    }

    /// The answer, as long as there are steps for it. What was worked out before counts as if it was
    /// worked out now: it must not matter who asked first.
    fn answer(&mut self, pair: Comparison<'_>, task: Goal) -> Inclusion {
        if self.is_out_of_steps() {
            return Inclusion::Undecided(OUT_OF_STEPS.to_owned());
        }
        let Some((narrow, wide)) = trimmed(pair, KeptProperties::Differing) else {
            let answer = decide(pair, task);
            self.taken += answer.steps;
            return answer.inclusion;
        };
        // The texts whole, and not their hash: an answer must never be that of another pair.
        let key = format!("{task:?} {:?} {} {wide}", pair.caller, narrow.schema);
        // The lock is not held while the answer is worked out: two threads may both do it, and
        // agree.
        let known = self.memory().answers.get(&key).cloned();
        let answer = known.unwrap_or_else(|| {
            let less = Comparison {
                narrow: &narrow.schema,
                wide: &wide,
                caller: pair.caller,
            };
            let answer = decide(less, task);
            let mut memory = self.memory();
            if memory.has_room_for(&key) {
                memory.answers.insert(key, answer.clone());
            }
            answer
        });
        // Also of an answer that was known: the steps may not depend on who asked before.
        self.taken += answer.steps;
        answer.inclusion
    }
}

/// Whether a value is nested deeper than schemas are compared; without recursion.
pub(super) fn is_too_deep(value: &Value) -> bool {
    let mut rest = vec![(value, 0)];
    while let Some((value, depth)) = rest.pop() {
        if depth > MAX_JSON_DEPTH {
            return true;
        }
        match value {
            Value::Object(map) => rest.extend(map.values().map(|value| (value, depth + 1))),
            Value::Array(list) => rest.extend(list.iter().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    false
}
