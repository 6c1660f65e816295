//! What became of each condition: it holds, it is broken, or that could not be determined.

use super::Args;
use super::condition::{Condition, FigureCondition};
use super::figures::{FigureUnit, Figures};
use super::measure::{Line, Scope, TimeWindow, lines};
use crate::render::units;
use mcpr_store::Reader;
use mcpr_store::query::StatsKey;
use std::collections::BTreeMap;

/// Whether a condition is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ConditionState {
    Broken,
    Unknown,
    Holds,
}

impl ConditionState {
    /// As machine output names it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Unknown => "unknown",
            Self::Holds => "ok",
        }
    }
}

/// One condition, of everything or of one tool.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) condition: String,
    /// What it is about; nothing is named where it is about everything.
    pub(super) key: StatsKey,
    pub(super) state: ConditionState,
    pub(super) unit: FigureUnit,
    pub(super) value: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) calls: u64,
    /// Why it could not be determined, or what there is to say of it.
    pub(super) reason: Option<String>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Outcomes {
    pub(super) window: TimeWindow,
    pub(super) proxy: Option<String>,
    pub(super) session: Option<String>,
    pub(super) calls: u64,
    pub(super) all: Vec<Outcome>,
}

impl Outcomes {
    /// The worst: one that is broken says no, whatever is not known beside it.
    pub(super) fn state(&self) -> ConditionState {
        let states = self.all.iter().map(|outcome| outcome.state);
        states.min().unwrap_or(ConditionState::Unknown)
    }

    pub(super) fn count(&self, state: ConditionState) -> usize {
        let with = self.all.iter().filter(|outcome| outcome.state == state);
        with.count()
    }
}

/// Where the conditions are looked at, and what they are compared with.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) scope: Scope,
    pub(super) before: Option<Scope>,
}

/// Judges every condition.
pub(super) fn outcomes(
    args: &Args,
    reader: &dyn Reader,
    question: &Question,
) -> anyhow::Result<Outcomes> {
    let scope = &question.scope;
    let total = Scope {
        by: None,
        ..scope.clone()
    };
    let total = lines(reader, &total)?.pop();
    let total = total.map(|line| line.figures).unwrap_or_default();
    let mut here = match scope.by {
        Some(_) => lines(reader, scope)?,
        None => Vec::new(),
    };
    let mut before = BTreeMap::new();
    if let Some(earlier) = &question.before {
        for Line { key, figures } in lines(reader, earlier)? {
            before.insert(key, figures);
        }
        add_silent(&mut here, &before, &total, scope);
    }
    // One line that is about everything says that there is no data, where none was distinguished.
    if here.is_empty() {
        here.push(Line {
            key: StatsKey::default(),
            figures: total.clone(),
        });
    }
    let mut all = Vec::new();
    for condition in &args.fail_on {
        match condition {
            Condition::Schema(level) => {
                let proxy = scope.filter.proxy.as_ref();
                all.push(super::lists::judge(reader, proxy, scope.window, *level)?);
            }
            Condition::Figure(figure) if condition.is_of_requests() => {
                let judged = here.iter().map(|line| {
                    let before = before.get(&line.key);
                    outcome(condition, figure, line, before)
                });
                all.extend(judged);
            }
            Condition::Figure(figure) => {
                let line = Line {
                    key: StatsKey::default(),
                    figures: total.clone(),
                };
                let before = before.values().next();
                all.push(outcome(condition, figure, &line, before));
            }
        }
    }
    if args.allow_empty {
        for outcome in &mut all {
            if outcome.state == ConditionState::Unknown {
                outcome.state = ConditionState::Holds;
            }
        }
    }
    all.sort_by_key(|outcome| outcome.state);
    Ok(Outcomes {
        window: scope.window,
        proxy: scope.filter.proxy.as_ref().map(ToString::to_string),
        session: scope.session.as_ref().map(|row| row.session_id.clone()),
        calls: total.calls(),
        all,
    })
}

/// What was called earlier and is not called now has no calls, which a condition may be about.
fn add_silent(
    here: &mut Vec<Line>,
    before: &BTreeMap<StatsKey, Figures>,
    total: &Figures,
    scope: &Scope,
) {
    if scope.by.is_none() {
        return;
    }
    let is_here = |key: &StatsKey| here.iter().any(|line| line.key == *key);
    let silent: Vec<StatsKey> = before.keys().filter(|key| !is_here(key)).cloned().collect();
    here.extend(silent.into_iter().map(|key| Line {
        key,
        figures: Figures {
            length_ms: total.length_ms,
            ..Figures::default()
        },
    }));
}

fn outcome(
    condition: &Condition,
    figure: &FigureCondition,
    line: &Line,
    before: Option<&Figures>,
) -> Outcome {
    let judged = figure.judge(&line.figures, before);
    let (state, reason) = match judged.verdict {
        Ok(true) => (ConditionState::Broken, None),
        Ok(false) => (ConditionState::Holds, None),
        Err(why) => (ConditionState::Unknown, Some(why)),
    };
    let missing = line.figures.missing;
    let lost = (figure.metric == super::figures::Metric::Gaps && missing > 0)
        .then(|| format!("{} events are missing", units::grouped(missing)));
    Outcome {
        condition: condition.text().to_owned(),
        key: line.key.clone(),
        state,
        unit: figure.metric.unit(),
        value: judged.value,
        limit: judged.limit,
        calls: line.figures.calls(),
        reason: reason.or(lost),
    }
}
