//! Whether a caller written against one schema is served by another: proven, refuted by a witness,
//! or undecided with the reason. Says nothing about where the schemas differ; see `rules`.

mod alike;
mod close;
pub(in crate::schema) mod combine;
mod confirm;
mod descent;
mod engine;
mod focus;
mod limits;
mod normal;
mod numbers;
mod objects;
mod recall;
pub(super) mod resolve;
mod sample;
mod scalars;
mod shapes;
mod structure;
#[cfg(test)]
mod tests;
mod texts;
mod trim;
mod unknown;
mod witness;

use alike::alike;
use close::closed;
use confirm::{Confirm, find, first_of};
use descent::find_below;
use engine::Cover;
pub(super) use engine::Judge;
pub(super) use focus::Focus;
use limits::{
    MAX_ANSWERS, MAX_EARLY_SEARCH, MAX_ITEM_TIME, MAX_JSON_DEPTH, MAX_TIME, MAX_TOTAL_TIME,
    MAX_WAIT, STACK_BYTES,
};
use normal::{NormalError, normal};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use structure::{Effort, are_plain_objects};
use trim::trimmed;
use unknown::{Bound, bounded};

/// Why nothing was worked out any more.
const OUT_OF_TIME: &str = "ran out of time";
const SEARCHED_TOO_LONG: &str = "the search for a witness took too long";
const COMPARED_TOO_LONG: &str = "the comparison took too long";

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

/// Compares on a thread of its own, whose stack holds what the engine needs, and which is left
/// behind when it takes too long.
#[derive(Debug, Default)]
pub struct Comparer {
    worker: Option<Worker>,
    spent: Duration,
    /// What of it went into the present item.
    spent_on_item: Duration,
    /// Answers given before: tools of one server share most of their parameters.
    answers: Arc<Mutex<HashMap<String, Inclusion>>>,
}

#[derive(Debug)]
struct Worker {
    jobs: Sender<Job>,
    answers: Receiver<Inclusion>,
}

/// What is asked about two schemas.
struct Question<'a> {
    narrow: &'a Value,
    wide: &'a Value,
    caller: Caller,
    /// Values to try first.
    known: &'a [Value],
    task: Task,
}

/// A question as the worker gets it.
struct Job {
    narrow: Value,
    wide: Value,
    caller: Caller,
    known: Vec<Value>,
    task: Task,
}

/// How far one comparison goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// To a proof or a witness.
    Decide,
    /// Proofs only.
    Prove,
    /// The known values only.
    Try,
}

impl Comparer {
    /// Another one for another thread, with a worker and time of its own; what one has answered, the
    /// other knows.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            worker: None,
            spent: self.spent,
            spent_on_item: Duration::ZERO,
            answers: Arc::clone(&self.answers),
        }
    }

    /// Gives the next item its own time.
    pub fn next_item(&mut self) {
        self.spent_on_item = Duration::ZERO;
    }

    /// Whether nothing more is worked out about the present item; what is known is still told.
    #[must_use]
    pub fn is_out_of_time(&self) -> bool {
        self.spent_on_item >= MAX_ITEM_TIME || self.spent > MAX_TOTAL_TIME
    }

    fn answers(&self) -> MutexGuard<'_, HashMap<String, Inclusion>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `wide` accepts everything that a caller of `narrow` sends.
    pub fn includes(&mut self, narrow: &Value, wide: &Value, caller: Caller) -> Inclusion {
        self.includes_trying(narrow, wide, caller, &[])
    }

    /// The same, with values that may turn out to be witnesses; tried before any other.
    pub fn includes_trying(
        &mut self,
        narrow: &Value,
        wide: &Value,
        caller: Caller,
        known: &[Value],
    ) -> Inclusion {
        if is_too_deep(narrow) || is_too_deep(wide) {
            return Inclusion::Undecided(NormalError::TooDeep.to_string());
        }
        if narrow == wide {
            return Inclusion::Holds;
        }
        self.ask(&Question {
            narrow,
            wide,
            caller,
            known,
            task: Task::Decide,
        })
    }

    /// Whether a value is sent by a careful caller of `narrow` and refused by `wide`.
    pub fn is_witness(&mut self, narrow: &Value, wide: &Value, value: &Value) -> bool {
        let answer = self.ask(&Question {
            narrow,
            wide,
            caller: Caller::Careful,
            known: std::slice::from_ref(value),
            task: Task::Try,
        });
        matches!(answer, Inclusion::Fails(_))
    }

    /// Whether it is proven that `wide` accepts all that `narrow` does, whoever the caller is; costs
    /// less than to find out that it does not.
    pub fn proves(&mut self, narrow: &Value, wide: &Value) -> bool {
        if is_too_deep(narrow) || is_too_deep(wide) {
            return false;
        }
        let answer = self.ask(&Question {
            narrow,
            wide,
            caller: Caller::Any,
            known: &[],
            task: Task::Prove,
        });
        answer == Inclusion::Holds
    }

    /// The answer, as long as there is time for it.
    fn ask(&mut self, question: &Question<'_>) -> Inclusion {
        if self.is_out_of_time() {
            return Inclusion::Undecided(OUT_OF_TIME.to_owned());
        }
        let start = Instant::now();
        let answer = self.answer(question);
        let spent = start.elapsed();
        self.spent += spent;
        self.spent_on_item += spent;
        answer
    }

    /// The answer to what a question comes down to; worked out once.
    fn answer(&mut self, question: &Question<'_>) -> Inclusion {
        let Question { caller, task, .. } = *question;
        let Some((narrow, wide, known)) = trimmed(question) else {
            return self.work(Job {
                narrow: question.narrow.clone(),
                wide: question.wide.clone(),
                caller,
                known: question.known.to_vec(),
                task,
            });
        };
        let mut key = format!("{task:?} {caller:?} {narrow} {wide}");
        let before = self.answers().get(&key).cloned();
        match before {
            // A witness that was asked for, or a proof, which no value can change.
            Some(Inclusion::Fails(found)) if known.first().is_none_or(|one| *one == found) => {
                return Inclusion::Fails(found);
            }
            Some(Inclusion::Holds) => return Inclusion::Holds,
            _ => {}
        }
        for value in &known {
            key.extend([" ".to_owned(), value.to_string()]);
        }
        let before = self.answers().get(&key).cloned();
        if let Some(answer) = before {
            return answer;
        }
        let answer = self.work(Job {
            narrow,
            wide,
            caller,
            known,
            task,
        });
        let mut answers = self.answers();
        if answers.len() < MAX_ANSWERS && !is_cut_short(&answer) {
            answers.insert(key, answer.clone());
        }
        drop(answers);
        answer
    }

    fn work(&mut self, job: Job) -> Inclusion {
        let left = MAX_ITEM_TIME.saturating_sub(self.spent_on_item);
        let Some(worker) = self.worker.take().or_else(Worker::start) else {
            return Inclusion::Undecided("no thread to compare on".to_owned());
        };
        if worker.jobs.send(job).is_err() {
            return Inclusion::Undecided("the comparing thread has ended".to_owned());
        }
        match worker.answers.recv_timeout(left.min(MAX_WAIT)) {
            Ok(answer) => {
                self.worker = Some(worker);
                answer
            }
            Err(RecvTimeoutError::Timeout) if left < MAX_WAIT => {
                Inclusion::Undecided(OUT_OF_TIME.to_owned())
            }
            Err(RecvTimeoutError::Timeout) => Inclusion::Undecided(COMPARED_TOO_LONG.to_owned()),
            Err(RecvTimeoutError::Disconnected) => {
                Inclusion::Undecided("the comparison failed".to_owned())
            }
        }
    }
}

impl Worker {
    fn start() -> Option<Self> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (outbox, answers) = mpsc::channel();
        let work = move || {
            for job in inbox {
                let answer = includes(&job);
                if outbox.send(answer).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("schema".to_owned())
            .stack_size(STACK_BYTES);
        thread.spawn(work).ok().map(|_| Self { jobs, answers })
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

/// Whether more time could have brought another answer: nobody else may be given this one.
fn is_cut_short(answer: &Inclusion) -> bool {
    let by_time = [OUT_OF_TIME, SEARCHED_TOO_LONG, COMPARED_TOO_LONG];
    matches!(answer, Inclusion::Undecided(why) if by_time.contains(&why.as_str()))
}

fn includes(job: &Job) -> Inclusion {
    let until = Instant::now() + MAX_TIME;
    let (old, new) = match (normal(&job.narrow), normal(&job.wide)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(error), _) | (_, Err(error)) => return Inclusion::Undecided(error.to_string()),
    };
    if alike(&old.schema, &new.schema) {
        return Inclusion::Holds;
    }
    let sent = match job.caller {
        Caller::Careful => closed(&old.schema),
        Caller::Any => old.schema.clone(),
    };
    // What could not be read may mean anything: what is surely sent is surely to be refused.
    let (least_sent, most_taken) = (
        bounded(&sent, Bound::Lower),
        bounded(&new.schema, Bound::Upper),
    );
    let confirm = Confirm::of((&job.narrow, &job.wide), (&least_sent, &most_taken));
    if let Some(known) = job.known.iter().find(|value| confirm.is_witness(value)) {
        return Inclusion::Fails(known.clone());
    }
    if job.task == Task::Try {
        return Inclusion::Undecided("none of these values is a witness".to_owned());
    }
    if structure::includes(&sent, &new.schema, Effort::Quick, until) {
        return Inclusion::Holds;
    }
    if job.task == Task::Prove {
        return Inclusion::Undecided("no proof".to_owned());
    }
    // Where properties are judged each on its own, a witness is mostly found sooner than the engine
    // has weighed the whole.
    let soon = until.min(Instant::now() + MAX_EARLY_SEARCH);
    if are_plain_objects(&least_sent, &most_taken)
        && let Some(witness) = first_of(find_below(&least_sent, &most_taken, soon), &confirm)
    {
        return Inclusion::Fails(witness);
    }
    let (most_sent, least_taken) = (
        bounded(&sent, Bound::Upper),
        bounded(&new.schema, Bound::Lower),
    );
    let cover = engine::covers(&least_taken, &most_sent);
    if cover == Cover::Yes || structure::includes(&sent, &new.schema, Effort::Full, until) {
        return Inclusion::Holds;
    }
    let rest = match cover {
        Cover::Yes => None,
        Cover::No(rest) | Cover::Unknown(rest) => rest,
    };
    for start in [Some(least_sent.as_ref()), rest.as_ref()]
        .into_iter()
        .flatten()
    {
        if let Some(witness) = first_of(find(start, &most_taken, until), &confirm) {
            return Inclusion::Fails(witness);
        }
    }
    let unread = new.opaque.difference(&old.opaque).chain(&new.opaque).next();
    Inclusion::Undecided(match unread {
        Some(what) => format!("cannot be read: {what}"),
        None if Instant::now() > until => SEARCHED_TOO_LONG.to_owned(),
        None => "no proof, and no witness found".to_owned(),
    })
}
