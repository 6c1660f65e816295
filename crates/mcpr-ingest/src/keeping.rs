//! Retention at work beside the recording: what is past what a store keeps goes slice by slice between
//! batches, hourly by its age and after each commit by the size of the store.

use crate::unsent::WaitsForTarget;
use mcpr_model::{Batch, Event};
use mcpr_store::{Admin, Class, Keep, Retention, StoreError, StoreErrorKind};
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// How often what is old is looked for, by the clock.
const ROUND_MS: i64 = 60 * 60 * 1000;
/// How long after a store that was busy it is tried again, by the clock.
const AGAIN_MS: i64 = 60 * 1000;
/// Sources and files that were silent for so long are forgotten, where nothing else needs them.
const IDLE_MS: i64 = 30 * 24 * 60 * 60 * 1000;
/// Most bytes of payloads that are removed before the size is looked at again.
// To look for them takes a step for each, and a batch waits.
const PAYLOAD_BYTES: u64 = 1 << 20;
/// What a request takes at least, with its part of the indexes: so many at most have to go.
const REQUEST_BYTES: u64 = 250;
/// Fewest requests that are removed for the size: what is looked through beside them is worth more.
const LEAST_REQUESTS: u64 = 1000;
/// Most requests that are removed before the size is looked at again.
const MOST_REQUESTS: u64 = 10_000;
/// Free room that is never given back: what is recorded next takes it.
const FREE_BYTES: u64 = 16 << 20;
/// How long the end of a recorder waits for what is still to go; the next one goes on with it.
pub(super) const LAST_CARE: Duration = Duration::from_secs(10);

/// The present in unix milliseconds.
pub type Clock = Box<dyn Fn() -> i64 + Send>;

/// What one round has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Requests and gaps.
    pub requests: u64,
    /// Payloads of requests that stayed.
    pub payloads: u64,
}

impl Removed {
    fn is_nothing(self) -> bool {
        self == Self::default()
    }

    fn add(&mut self, class: Class, rows: u64) {
        match class {
            Class::Requests => self.requests += rows,
            Class::Payloads => self.payloads += rows,
            // They have nothing to say to a person: what used them is gone already.
            Class::Sums | Class::Surfaces | Class::Names => {}
        }
    }
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, payloads } = self;
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        write!(f, "removed {requests} request{}", plural(*requests))?;
        write!(f, " and {payloads} payload{}", plural(*payloads))?;
        f.write_str(" that are past what is kept")
    }
}

/// Called after a round that removed something.
pub type CareHook = Box<dyn Fn(&Removed) + Send>;

/// One thing to do; those that are in slices are done in many turns.
#[derive(Debug)]
enum Step {
    Begin(Retention),
    Slices(Class),
    /// What nothing uses any more, which is looked for where something has gone or an hour has passed.
    Upkeep,
    Files(i64),
    /// Down to so many bytes.
    Size(u64),
    Shrink,
}

/// Retention while recording: what is kept, and what is being removed.
pub(super) struct RetentionTask {
    keep: Keep,
    clock: Clock,
    hook: Option<CareHook>,
    is_gone: Box<dyn FnMut(&mcpr_model::Checkpoint) -> bool + Send>,
    waits: Option<WaitsForTarget>,
    /// When the newest request was made that this recorder has committed.
    newest: Option<i64>,
    /// When what is old is looked for next, by the clock.
    next_round: Option<i64>,
    rounds: u64,
    steps: VecDeque<Step>,
    removed: Removed,
    /// Bytes in use when a size could not be reached: it is tried again when there are more.
    stuck_at: Option<u64>,
    /// Rows that went since the size was looked at.
    progress: u64,
}

impl RetentionTask {
    pub(super) fn new(keep: Keep, clock: Option<Clock>, hook: Option<CareHook>) -> Self {
        let mut files = crate::gone::GoneFiles::default();
        Self {
            keep,
            clock: clock.unwrap_or_else(|| Box::new(|| crate::unix_ms(SystemTime::now()))),
            hook,
            is_gone: Box::new(move |file| files.has_gone(file)),
            waits: None,
            newest: None,
            next_round: None,
            rounds: 0,
            steps: VecDeque::new(),
            removed: Removed::default(),
            stuck_at: None,
            progress: 0,
        }
    }

    /// Has rows stay that wait for a target, whatever their age; the size of the store still removes them.
    pub(super) fn heed_targets(mut self, waits: Option<WaitsForTarget>) -> Self {
        self.waits = waits;
        self
    }

    /// Has other limits hold. What is past them is looked for at once; what was being removed by the old ones
    /// may be within the new, and stays.
    pub(super) fn set_keep(&mut self, keep: Keep) {
        if keep == self.keep {
            return;
        }
        self.keep = keep;
        self.steps.clear();
        // What went by the old limits is reported before anything goes by the new ones.
        self.report_removed();
        self.next_round = None;
        self.stuck_at = None;
    }

    fn report_removed(&mut self) {
        let removed = std::mem::take(&mut self.removed);
        if let (Some(hook), false) = (&self.hook, removed.is_nothing()) {
            hook(&removed);
        }
    }

    /// Whether something is left to be done now.
    pub(super) fn is_busy(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Takes note of a batch that was committed, and of what it makes due.
    pub(super) fn committed(&mut self, batch: &Batch, store: &dyn Admin) {
        let times = batch.events.iter().filter_map(|event| match event {
            Event::Request(request) => Some(request.ts),
            _ => None,
        });
        // Also where everything is kept: that may change.
        self.newest = self.newest.max(times.max());
        if self.keep == Keep::EVERYTHING {
            return;
        }
        self.look(store);
    }

    /// Begins what is due.
    pub(super) fn look(&mut self, store: &dyn Admin) {
        let clock = (self.clock)();
        // Nothing is removed before something was recorded: a store that is only opened stays as it is.
        let Some(newest) = self.newest else { return };
        if self.next_round.is_none_or(|next| clock >= next) && !self.is_busy() {
            // By the clock or by what was recorded last, whichever is earlier: a wrong clock empties no
            // store.
            self.begin_round(clock.min(newest));
            self.next_round = Some(clock.saturating_add(ROUND_MS));
        }
        let Some(most) = self.keep.max_bytes else {
            return;
        };
        let is_sizing = self.steps.iter().any(|step| matches!(step, Step::Size(_)));
        let Ok(used) = store.used_bytes() else { return };
        if used > most && !is_sizing && self.stuck_at.is_none_or(|stuck| used > stuck) {
            // A little further down than has to be, so that it is not done for each batch.
            self.steps.push_front(Step::Size(most - most / 50));
            self.progress = 1;
        }
    }

    fn begin_round(&mut self, now: i64) {
        let before = |length: i64| now.saturating_sub(length);
        let Keep {
            requests_ms,
            payloads_ms,
            ..
        } = self.keep;
        // Payloads of requests that are to go, too: with their requests many would go at once.
        let kept = [payloads_ms, requests_ms].into_iter().flatten().min();
        let ages = [(Class::Payloads, kept), (Class::Requests, requests_ms)];
        for (class, kept) in ages {
            let retention = kept.map(|length| Retention::of(class, before(length)));
            let waits = &mut self.waits;
            let mut is_waited_for = |before| waits.as_mut().is_some_and(|waits| waits(before));
            // Both, as a payload goes with its request.
            let retention = retention.filter(|it| !is_waited_for(it.before));
            self.steps.extend(retention.map(Step::Begin));
        }
        self.steps.push_back(Step::Upkeep);
        self.steps.push_back(Step::Shrink);
        self.rounds += 1;
    }

    /// Does one slice of what is to be done. A store that cannot do it now is tried later.
    ///
    /// # Errors
    /// When the store is not whole any more.
    pub(super) fn step(&mut self, store: &mut dyn Admin) -> Result<(), StoreError> {
        match self.try_step(store) {
            Err(error) if matches!(error.kind, StoreErrorKind::Gone | StoreErrorKind::Corrupt) => {
                return Err(error);
            }
            Err(_) => {
                self.steps.clear();
                let again = (self.clock)().saturating_add(AGAIN_MS);
                self.next_round = Some(again);
            }
            Ok(()) => {}
        }
        if !self.is_busy() {
            self.report_removed();
        }
        Ok(())
    }

    /// Goes on until nothing is left, or for so long.
    pub(super) fn finish(&mut self, store: &mut dyn Admin) -> Result<(), StoreError> {
        let began = Instant::now();
        while self.is_busy() && began.elapsed() < LAST_CARE {
            self.step(store)?;
        }
        Ok(())
    }

    fn try_step(&mut self, store: &mut dyn Admin) -> Result<(), StoreError> {
        let Some(step) = self.steps.pop_front() else {
            return Ok(());
        };
        match step {
            Step::Begin(retention) => {
                store.begin_sweep(&retention);
                self.steps.push_front(Step::Slices(retention.class));
            }
            Step::Slices(class) => {
                if let Some(rows) = store.sweep_slice()? {
                    self.removed.add(class, rows);
                    self.progress += rows;
                    self.steps.push_front(Step::Slices(class));
                }
            }
            Step::Upkeep => self.begin_upkeep(),
            Step::Files(before) => {
                store.forget_files(before, &mut self.is_gone)?;
            }
            Step::Size(target) => self.make_smaller(store, target)?,
            Step::Shrink => {
                let (used, free) = (store.used_bytes()?, store.free_bytes()?);
                if free > FREE_BYTES.max(used / 10) && store.shrink_slice()? {
                    self.steps.push_front(Step::Shrink);
                }
            }
        }
        Ok(())
    }

    fn begin_upkeep(&mut self) {
        // A tap may be started many times per hour: it looks where something has gone.
        if self.rounds < 2 && self.removed.is_nothing() {
            return;
        }
        let now = self.newest.unwrap_or(i64::MAX).min((self.clock)());
        let idle = now.saturating_sub(IDLE_MS);
        let upkeep = [
            Step::Begin(Retention::of(
                Class::Sums,
                now.saturating_sub(Class::SUMS_MS),
            )),
            // Those beyond the bound of their number.
            Step::Begin(Retention::of(Class::Surfaces, i64::MIN)),
            Step::Files(idle),
            Step::Begin(Retention::of(Class::Names, idle)),
        ];
        for step in upkeep.into_iter().rev() {
            self.steps.push_front(step);
        }
    }

    /// Begins to remove what is oldest: payloads, then requests, then versions that others took the place of.
    fn make_smaller(&mut self, store: &mut dyn Admin, target: u64) -> Result<(), StoreError> {
        let used = store.used_bytes()?;
        if used <= target {
            self.stuck_at = None;
            return Ok(());
        }
        if std::mem::take(&mut self.progress) == 0 {
            // What was oldest did not go: it would not go the next time either.
            self.stuck_at = Some(used);
            return Ok(());
        }
        let next = next_to_go(store, used - target)?;
        let Some(next) = next else {
            self.stuck_at = Some(used);
            return Ok(());
        };
        self.steps.push_front(Step::Size(target));
        self.steps.push_front(Step::Begin(next));
        Ok(())
    }
}

fn next_to_go(store: &dyn Admin, too_much: u64) -> Result<Option<Retention>, StoreError> {
    let payloads = store.oldest(Class::Payloads, None, too_much.min(PAYLOAD_BYTES))?;
    if let Some(oldest) = payloads {
        return Ok(Some(Retention::of(Class::Payloads, oldest.before)));
    }
    let requests = (too_much / REQUEST_BYTES).clamp(LEAST_REQUESTS, MOST_REQUESTS);
    if let Some(before) = store.time_after_oldest(None, requests)? {
        return Ok(Some(Retention::of(Class::Requests, before)));
    }
    let versions = store.oldest(Class::Surfaces, None, too_much)?;
    Ok(versions.map(|oldest| Retention::of(Class::Surfaces, oldest.before)))
}

impl fmt::Debug for RetentionTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetentionTask")
            .field("keep", &self.keep)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
