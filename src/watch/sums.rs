//! The worker behind the sums: what may take seconds on a large store has a thread and a reader of its own,
//! so that no list waits for it.

use super::event::{Events, ScreenEvent};
use super::queries::{Answer, ToolSums, ToolsQuery};
use super::query_slots::{QuerySlots, SumQueries};
use super::store::{ChangesOf, Connection, Reply};
use super::tools::{BARS, WINDOWS_MS};
use mcpr_model::time::HOUR_MS;
use mcpr_store::query::{Buckets, Filter, GroupBy, StatsQuestion, Summary};
use mcpr_store::{Reader, StoreError};
use std::fmt;
use std::time::{Duration, Instant};

/// Most tools that are listed; the calls of all others stand in one line more.
pub(super) const MAX_TOOLS: usize = 1000;
/// Most changes that are listed.
pub(super) const MAX_CHANGES: usize = 1000;
/// How long is waited for a store that is not there.
const RETRY: Duration = Duration::from_millis(500);
/// Nothing has to be done until something is wanted.
const IDLE: Duration = Duration::from_hours(1);

/// The worker.
pub(super) struct SumWorker {
    pub(super) store: Connection,
    pub(super) slots: QuerySlots<SumQueries>,
    pub(super) events: Events,
    pub(super) changes_of: Option<ChangesOf>,
}

impl fmt::Debug for SumWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sums")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl SumWorker {
    /// Works until the slots are closed or nobody listens any more.
    pub(super) fn run(mut self) {
        let mut queries = SumQueries::default();
        let mut wait = IDLE;
        while let Some(more) = self.slots.take(wait) {
            queries.tools = more.tools.or(queries.tools);
            queries.changes |= more.changes;
            let Self {
                store, changes_of, ..
            } = &mut self;
            let asked = store.ask(&mut |reader, _| answers(&queries, changes_of.as_mut(), reader));
            wait = match asked {
                Reply::Answered(answers) => {
                    queries = SumQueries::default();
                    for answer in answers {
                        if !self.events.send(ScreenEvent::Answered(answer)) {
                            return;
                        }
                    }
                    IDLE
                }
                // The lists' worker says so.
                Reply::Later(_) => RETRY,
                Reply::Never(error) => {
                    self.events
                        .send(ScreenEvent::Answered(Answer::Failed(format!("{error:#}"))));
                    return;
                }
            };
        }
    }
}

pub(super) fn answers(
    queries: &SumQueries,
    changes_of: Option<&mut ChangesOf>,
    reader: &dyn Reader,
) -> Result<Vec<Answer>, StoreError> {
    let mut answers = Vec::new();
    if let Some(ask) = &queries.tools {
        let began = Instant::now();
        let tools = tools(ask, reader)?;
        let took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        answers.push(Answer::Tools { tools, took_ms });
    }
    if let Some(changes_of) = changes_of.filter(|_| queries.changes) {
        let changes = changes_of(reader, MAX_CHANGES)?;
        answers.extend(changes.map(Answer::Changes));
    }
    Ok(answers)
}

/// The sums over the window that is asked for, or over the shortest that holds something.
fn tools(ask: &ToolsQuery, reader: &dyn Reader) -> Result<ToolSums, StoreError> {
    let span = reader.span()?;
    let newest = span.map_or(ask.now_ms, |(_, newest)| newest);
    let holds = |window: i64| newest >= ask.now_ms.saturating_sub(window);
    let window_ms = match ask.window_ms {
        Some(window) if ask.may_widen && !holds(window) => WINDOWS_MS
            .into_iter()
            .flatten()
            .find(|&window| holds(window)),
        window => window,
    };
    let (oldest, newest) = span.unwrap_or((ask.now_ms, ask.now_ms));
    let (start, end) = match window_ms {
        Some(window) => (ask.now_ms.saturating_sub(window), ask.now_ms),
        // Everything ends where the records do: what is old does not thin out by the day.
        None => (oldest, newest.saturating_add(1)),
    };
    let buckets = Buckets::dividing(start, end, BARS);
    // In pieces shorter than an hour, the sum of the hour that has not ended would stand at its beginning.
    let is_fine = buckets.width_ms < HOUR_MS;
    let until = (window_ms.is_none() || is_fine).then(|| end.max(buckets.end()));
    let question = StatsQuestion {
        filter: Filter {
            // Also of everything, so that what is left of a cut hour is counted at its own time.
            since: Some(start).max(ask.filter.since),
            until: until.into_iter().chain(ask.filter.until).min(),
            ..ask.filter.clone()
        },
        by: GroupBy::Tool,
        exact: false,
        buckets,
        most: Some(MAX_TOOLS),
        tools: None,
    };
    let rows = reader.stats(&question)?;
    Ok(ToolSums {
        rows: rows.into_iter().map(Summary::from).collect(),
        window_ms,
        length_ms: end.saturating_sub(start).max(1),
    })
}
