//! One comparison, from two schemas to an answer: a pure function of them, that counts its steps.

use super::alike::alike;
use super::apart::find_apart;
use super::close::{Closed, closed};
use super::confirm::{Confirm, find, first_of};
use super::descent::find_below;
use super::engine::{self, Cover};
use super::limits::{MAX_EARLY_STEPS, MAX_STEPS};
use super::normal::{Normal, normal};
use super::simpler::simpler;
use super::steps::{StepBudget, weight};
use super::structure::{self, Effort, are_plain_objects};
use super::unknown::{Approximation, bounded};
use super::{Caller, Inclusion};
use serde_json::Value;

/// Why the comparison ended without an answer.
const TOO_MANY_STEPS: &str = "it takes more steps than are taken";

/// How far one comparison goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// To a proof or a witness.
    Decide,
    /// Proofs only.
    Prove,
}

/// Two schemas, and what is asked about them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison<'a> {
    pub(super) narrow: &'a Value,
    pub(super) wide: &'a Value,
    pub(super) caller: Caller,
}

/// An answer, and how many steps it took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    pub(super) inclusion: Inclusion,
    pub(super) steps: u64,
}

/// The normal forms of both, and what a caller sends.
struct Forms {
    old: Normal,
    new: Normal,
    sent: Closed,
}

impl Forms {
    fn of(pair: Comparison<'_>, steps: &StepBudget) -> Result<Self, Inclusion> {
        let undecided = |why: String| Inclusion::Undecided(why);
        // Taken before the work: what is too large is not even normalised.
        if !steps.take(4 * (weight(pair.narrow) + weight(pair.wide))) {
            return Err(undecided(TOO_MANY_STEPS.to_owned()));
        }
        let forms = (normal(pair.narrow), normal(pair.wide));
        let (old, new) = match forms {
            (Ok(old), Ok(new)) => (old, new),
            (Err(error), _) | (_, Err(error)) => return Err(undecided(error.to_string())),
        };
        // Equal but for names: most pairs of a diff end here, before anything is searched.
        if alike(&old.schema, &new.schema) {
            return Err(Inclusion::Holds);
        }
        // Normal forms may be far larger than what was written: references are followed.
        if !steps.take(8 * (weight(&old.schema) + weight(&new.schema))) {
            return Err(undecided(TOO_MANY_STEPS.to_owned()));
        }
        let sent = match pair.caller {
            // A careful caller sends what is declared, although the schema would accept more.
            Caller::Careful => {
                // As it was written: a normal form may find out by itself that only objects fit.
                let says_object = pair.narrow.get("type").is_some_and(|name| name == "object");
                closed(&old.schema, says_object, steps)
            }
            Caller::Any => Some(Closed::open(&old.schema)),
        };
        let sent = sent.ok_or_else(|| undecided(TOO_MANY_STEPS.to_owned()))?;
        Ok(Self { old, new, sent })
    }
}

/// Which of the values is the first witness of the pair, and the steps that it took to decide.
pub(super) fn first_witness(pair: Comparison<'_>, known: &[Value]) -> (Option<usize>, u64) {
    let steps = StepBudget::of(MAX_STEPS);
    let Ok(forms) = Forms::of(pair, &steps) else {
        return (None, steps.taken());
    };
    // As `decided` has it: a witness must hold whatever the unread parts mean.
    let sent = bounded(&forms.sent.least, Approximation::Lower);
    let taken = bounded(&forms.new.schema, Approximation::Upper);
    let confirm = Confirm::of(pair, &sent, &taken, &steps);
    let found = known.iter().position(|value| confirm.is_witness(value));
    (found, steps.taken())
}

/// The answer about a pair.
pub(super) fn decide(pair: Comparison<'_>, task: Goal) -> Decision {
    let steps = StepBudget::of(MAX_STEPS);
    let inclusion = match Forms::of(pair, &steps) {
        Ok(forms) => decided(pair, &forms, task, &steps),
        Err(inclusion) => inclusion,
    };
    Decision {
        inclusion,
        steps: steps.taken(),
    }
}

fn decided(pair: Comparison<'_>, forms: &Forms, task: Goal, steps: &StepBudget) -> Inclusion {
    let Forms { old, new, sent } = forms;
    // What could not be read may mean anything: what is surely sent is surely to be refused.
    let least_sent = bounded(&sent.least, Approximation::Lower);
    let most_taken = bounded(&new.schema, Approximation::Upper);
    let confirm = Confirm::of(pair, &least_sent, &most_taken, steps);
    // The cheapest proof first.
    if structure::includes(sent.most(), &new.schema, Effort::Quick, steps) {
        return Inclusion::Holds;
    }
    if task == Goal::Prove {
        return Inclusion::Undecided("no proof".to_owned());
    }
    // A witness is mostly found sooner than the engine has weighed the whole, most of all where
    // properties are judged each on its own.
    let is_plain = are_plain_objects(&least_sent, &most_taken);
    // The search must leave steps for the proof.
    let early = steps.at_most(MAX_EARLY_STEPS / if is_plain { 1 } else { 4 });
    let found = find_below(&least_sent, &most_taken, &early);
    if !steps.take(early.taken()) {
        return Inclusion::Undecided(TOO_MANY_STEPS.to_owned());
    }
    if let Some(witness) = first_of(found, &confirm) {
        return Inclusion::Fails(witness);
    }
    // Where the whole is too much to be searched, the places that differ are not.
    let apart = steps.at_most(MAX_EARLY_STEPS / 2);
    let found = find_apart(&least_sent, &most_taken, &apart);
    if !steps.take(apart.taken()) {
        return Inclusion::Undecided(TOO_MANY_STEPS.to_owned());
    }
    if let Some(witness) = first_of(found, &confirm) {
        return Inclusion::Fails(witness);
    }
    // The same once more in simpler words, which is dear but opens more proofs.
    let (most, wide) = (simpler(sent.most(), steps), simpler(&new.schema, steps));
    if structure::includes(&most, &wide, Effort::Quick, steps) {
        return Inclusion::Holds;
    }
    let most_sent = bounded(&most, Approximation::Upper);
    // The other way round than for a witness: a proof must hold in the worst case.
    let least_taken = bounded(&wide, Approximation::Lower);
    let cover = engine::covers(&least_taken, &most_sent, steps);
    if cover == Cover::Yes || structure::includes(&most, &wide, Effort::Full, steps) {
        return Inclusion::Holds;
    }
    let rest = match cover {
        Cover::Yes => None,
        Cover::No(rest) | Cover::Unknown(rest) => rest,
    };
    // What the caller sends, then what the engine left over, then the simpler form.
    let plainly_sent = simpler(&least_sent, steps);
    for start in [
        Some(least_sent.as_ref()),
        rest.as_ref(),
        Some(&plainly_sent),
    ]
    .into_iter()
    .flatten()
    {
        if let Some(witness) = first_of(find(start, &most_taken, steps), &confirm) {
            return Inclusion::Fails(witness);
        }
    }
    // What is new cannot be read either, and is the likelier reason.
    let unread = new.opaque.difference(&old.opaque).chain(&new.opaque).next();
    Inclusion::Undecided(match unread {
        Some(what) => format!("cannot be read: {what}"),
        None if steps.are_over() => TOO_MANY_STEPS.to_owned(),
        None => "no proof, and no witness found".to_owned(),
    })
}
