//! `mcpr check --follow`: the conditions judged again and again, and what is reported and run when one begins or
//! ends to be broken.

use super::Args;
use super::exec::Hook;
use super::outcome::{ConditionState, Outcome, Outcomes};
use super::report::{CheckFormat, finding, object, subject};
use crate::commands::follow::Limits;
use crate::commands::now_ms;
use crate::console::Console;
use crate::exit::Exit;
use crate::render::text::{escape, escape_json};
use crate::render::units;
use mcpr_model::time::rfc3339;
use mcpr_store::query::StatsKey;
use mcpr_store::{StoreError, StoreErrorKind};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Most commands that are run after one look; what is left begins or ends at the next.
const MAX_RUNS: usize = 20;
/// How late a signal, or the end of who reads the output, can be noticed.
const POLL: Duration = Duration::from_millis(50);

/// A condition, of everything or of one tool.
type Watched = (String, StatsKey);

/// A condition that has become broken, or is not any more.
#[derive(Debug)]
struct ConditionChange {
    /// When it was seen, unix milliseconds.
    at: i64,
    /// When the condition began to be broken, unix milliseconds.
    began: i64,
    outcome: Outcome,
}

/// What was broken when it was last looked at, and since when. There are no more than there are lines.
#[derive(Debug, Default)]
struct Broken(BTreeMap<Watched, (i64, Outcome)>);

impl Broken {
    /// What has begun or ended since the last look; no more than are reported at once.
    fn turns(&mut self, outcomes: &Outcomes, now: i64) -> Vec<ConditionChange> {
        let mut turns = Vec::new();
        let mut ended: BTreeMap<Watched, (i64, Outcome)> = self.0.clone();
        for outcome in &outcomes.all {
            let watched = (outcome.condition.clone(), outcome.key.clone());
            let was_broken = ended.remove(&watched);
            match (outcome.state, was_broken) {
                (ConditionState::Broken, None) if turns.len() < MAX_RUNS => {
                    self.0.insert(watched, (now, outcome.clone()));
                    turns.push(ConditionChange {
                        at: now,
                        began: now,
                        outcome: outcome.clone(),
                    });
                }
                (ConditionState::Holds, Some((began, _))) if turns.len() < MAX_RUNS => {
                    self.0.remove(&watched);
                    turns.push(ConditionChange {
                        at: now,
                        began,
                        outcome: outcome.clone(),
                    });
                }
                // What cannot be determined now is as it was.
                _ => {}
            }
        }
        // Nobody called it any more: there is nothing left to be broken.
        for (watched, (began, last)) in ended {
            if turns.len() >= MAX_RUNS {
                break;
            }
            self.0.remove(&watched);
            turns.push(ConditionChange {
                at: now,
                began,
                outcome: Outcome {
                    state: ConditionState::Holds,
                    value: None,
                    limit: None,
                    calls: 0,
                    reason: Some("no calls any more".to_owned()),
                    ..last
                },
            });
        }
        turns
    }
}

/// Looks until something ends it.
pub(super) fn follow(args: &Args, console: &mut Console) -> anyhow::Result<Exit> {
    let limits = Limits::of(&args.follow)?;
    let watching = limits.clone();
    console.give_up_when(Box::new(move || watching.reached().is_some()))?;
    let mut broken = Broken::default();
    let mut left = args.follow.most();
    let mut reported = None;
    loop {
        let next = Instant::now() + args.every;
        match super::judged(args, console) {
            Ok(outcomes) => {
                reported = None;
                for turn in broken.turns(&outcomes, now_ms()) {
                    print_change(args, &turn, console)?;
                    run(args, &turn, &limits, console);
                    left = left.map(|left| left.saturating_sub(1));
                    if left == Some(0) {
                        return Ok(Exit::Done);
                    }
                }
            }
            Err(error) => wait_or_fail(error, &mut reported, console)?,
        }
        while Instant::now() < next {
            if let Some(ended) = limits.reached() {
                return Ok(ended.into());
            }
            if console.reader_has_gone() {
                return Ok(Exit::Done);
            }
            std::thread::park_timeout(POLL.min(next.saturating_duration_since(Instant::now())));
        }
    }
}

/// A store or session that is not there yet is waited for, and reported once; all else is an error.
fn wait_or_fail(
    error: anyhow::Error,
    reported: &mut Option<StoreErrorKind>,
    console: &mut Console,
) -> anyhow::Result<()> {
    let kind = match error.downcast_ref::<StoreError>() {
        Some(store) => store.kind,
        None if error.is::<super::NoSession>() => StoreErrorKind::Missing,
        None => return Err(error),
    };
    if !matches!(kind, StoreErrorKind::Missing | StoreErrorKind::Retryable) {
        return Err(error);
    }
    if reported.replace(kind) != Some(kind) {
        console.note(&format!("{error:#}; waiting for it"));
    }
    Ok(())
}

fn print_change(args: &Args, turn: &ConditionChange, console: &mut Console) -> anyhow::Result<()> {
    let outcome = &turn.outcome;
    let line = if args.format() == CheckFormat::Json {
        format!("{}\n", facts(turn))
    } else {
        let at = units::time(turn.at, args.zone());
        let state = outcome.state.as_str();
        let about = subject(&outcome.key);
        let words = [&at, state, &outcome.condition, &about, &finding(outcome)];
        let words = words.into_iter().filter(|word| !word.is_empty());
        let line = words.collect::<Vec<_>>().join("  ");
        format!("{}\n", escape(&line))
    };
    console.print(&line)?;
    console.flush()?;
    Ok(())
}

/// What is known of a turn, as one line of JSON.
fn facts(turn: &ConditionChange) -> String {
    let mut facts = object(&turn.outcome);
    facts["time"] = rfc3339(turn.at).into();
    facts["broken_since"] = rfc3339(turn.began).into();
    escape_json(&facts.to_string()).into_owned()
}

/// Runs the command; a failure is reported, and ends nothing.
fn run(args: &Args, turn: &ConditionChange, limits: &Limits, console: &mut Console) {
    let hook = Hook {
        command: &args.exec,
        timeout: args.exec_timeout,
    };
    let outcome = &turn.outcome;
    let figure = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let environment = [
        ("MCPR_CHECK_STATE", outcome.state.as_str().to_owned()),
        ("MCPR_CHECK_CONDITION", outcome.condition.clone()),
        ("MCPR_CHECK_PROXY", name(&outcome.key.proxy)),
        ("MCPR_CHECK_METHOD", name(&outcome.key.method)),
        ("MCPR_CHECK_TOOL", name(&outcome.key.tool)),
        ("MCPR_CHECK_VALUE", figure(outcome.value)),
        ("MCPR_CHECK_LIMIT", figure(outcome.limit)),
        ("MCPR_CHECK_UNIT", outcome.unit.name().to_owned()),
        ("MCPR_CHECK_SINCE", rfc3339(turn.began).unwrap_or_default()),
    ];
    let give_up = || limits.reached().is_some();
    if let Err(error) = hook.run(&environment, &format!("{}\n", facts(turn)), &give_up) {
        console.note(&format!("warning: {error}"));
    }
}
