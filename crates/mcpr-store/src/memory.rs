//! The reference: everything in memory, every answer folded from the log of what was stored.
//!
//! It says what the traits mean; other backends must give equal answers, only faster.

mod admin;
mod flight;
mod fold;
mod reader;
mod rename;
mod retention;

use super::{
    Abandoned, Appended, CallMatch, Candidate, Delivery, Likeness, MAX_CANDIDATES, Reader, Remains,
    RequestFacts, RollupChange, RollupKey, RollupRow, StoreError, Writer, keys, match_call,
};
use crate::query::{BadLineRow, SessionKey, SessionRow, SourceRow, Summed};
use crate::surface_lists::{AllLoaded, SurfaceLists};
use fold::Listing;
use mcpr_model::{
    BadLine, Batch, Checkpoint, Counts, Event, FileIdentity, Gap, OpenRequest, Payload, Request,
    ServerRun, SessionUpdate,
};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One thing that was stored, in the order in which it was.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all of the log are requests"
)]
enum Logged {
    /// With the session it belongs to, which is settled when it is stored.
    Request(i64, Request, Option<SessionKey>),
    Update(SessionUpdate),
    /// With its key.
    Gap(i64, Gap, i64),
    /// The requests of a session were removed; what they counted for stays.
    Summary(SessionKey, SessionRow),
    /// A session was removed.
    Removal(SessionKey),
    /// What another store says of a session, whose requests may be gone there.
    Remains(SessionRow),
}

/// Everything a store holds.
#[derive(Debug, Default)]
struct State {
    log: Vec<Logged>,
    bad_lines: Vec<BadLineRow>,
    rollups: HashMap<RollupKey, RollupRow>,
    summed: Summed,
    shown: SurfaceLists,
    /// The keys that rows stand under at their times.
    keys: BTreeMap<i64, i64>,
    /// What rows are found by when another stream reports their calls.
    calls: BTreeMap<i64, i64>,
    /// The time that rows were first reported with, where it is another one now.
    first_ts: BTreeMap<i64, i64>,
    undecided: u64,
    payloads: BTreeMap<i64, Payload>,
    /// The requests in flight by their keys, each with its writer.
    open: BTreeMap<u64, (i64, OpenRequest)>,
    /// What taps know of their servers.
    runs: BTreeMap<SessionKey, ServerRun>,
    checkpoints: BTreeMap<FileIdentity, Checkpoint>,
    sources: BTreeMap<String, SourceRow>,
    writers: HashMap<i64, i64>,
    last_seq: i64,
    /// How often anything was changed.
    commits: i64,
    duplicates: u64,
    conflicts: u64,
    /// A vacuum that was begun and not done yet.
    begun: Option<crate::Retention>,
}

/// A store in memory; clones and readers share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

impl MemoryStore {
    /// A reader of what is committed.
    #[must_use]
    pub fn reader(&self) -> Box<dyn Reader> {
        Box::new(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock means that a test has failed already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next_seq(&mut self) -> i64 {
        self.last_seq += 1;
        self.last_seq
    }

    fn requests(&self) -> impl Iterator<Item = (i64, &Request)> {
        self.log.iter().filter_map(|logged| match logged {
            Logged::Request(seq, request, _) => Some((*seq, request)),
            _ => None,
        })
    }

    fn gaps(&self) -> impl Iterator<Item = (i64, &Gap)> {
        self.log.iter().filter_map(|logged| match logged {
            Logged::Gap(seq, gap, _) => Some((*seq, gap)),
            _ => None,
        })
    }

    fn delivery(&self, request: &Request) -> Delivery {
        let compare = |key: i64| -> Result<_, Infallible> {
            let stored = self.under(request.ts, key);
            Ok(stored.map(|stored| Likeness::of(&RequestFacts::of(stored), request)))
        };
        let Ok(delivery) = Delivery::of(request, 0, compare);
        delivery
    }

    /// The request that stands under a key at a time.
    fn under(&self, ts: i64, key: i64) -> Option<&Request> {
        let is_it = |(seq, it): &(i64, &Request)| it.ts == ts && self.keys.get(seq) == Some(&key);
        self.requests().find(is_it).map(|(_, request)| request)
    }

    /// Merges a request into the row that another channel has led to. `None` where it was merged or is a
    /// duplicate; else it is a new row, and the value says whether that is undecided.
    fn merge_call(&mut self, request: &Request) -> Option<bool> {
        let Some(call) = request.key.call else {
            return Some(false);
        };
        let codes = call.codes(request.ts);
        let candidate = |(seq, stored): (i64, &Request)| {
            let code = *self.calls.get(&seq)?;
            let mut ranges = codes.iter();
            ranges
                .any(|&(first, last)| (first..=last).contains(&code))
                .then(|| Candidate {
                    seq,
                    code,
                    request: stored.clone(),
                })
        };
        let candidates = self.requests().filter_map(candidate).take(MAX_CANDIDATES);
        match match_call(request, call, candidates.collect()) {
            CallMatch::New { is_undecided } => return Some(is_undecided),
            // Nothing new: the caller counts it as a duplicate.
            CallMatch::Duplicate => {}
            CallMatch::Merge {
                channels,
                stored,
                merged,
            } => {
                let rollup = self.rollups.get_mut(&RollupRow::key_of(&stored.request));
                if let Some(rollup) = rollup {
                    rollup.amend(&RollupChange::between(&stored.request, &merged));
                }
                self.calls
                    .insert(stored.seq, call.code_of(merged.ts, channels));
                // Only the first time stays: the span of the session was made of it.
                self.first_ts.entry(stored.seq).or_insert(stored.request.ts);
                if merged.ts != stored.request.ts {
                    let mut free = keys(&merged);
                    let free = free.find(|key| self.under(merged.ts, *key).is_none());
                    self.keys.insert(stored.seq, free.unwrap_or_default());
                }
                for logged in &mut self.log {
                    if let Logged::Request(seq, request, _) = logged
                        && *seq == stored.seq
                    {
                        request.clone_from(&merged);
                    }
                }
            }
        }
        None
    }

    fn request(&mut self, request: &Request, appended: &mut Appended) {
        let Some(is_undecided) = self.merge_call(request) else {
            appended.duplicates += 1;
            self.duplicates += 1;
            return;
        };
        let Delivery::First { key, is_conflict } = self.delivery(request) else {
            appended.duplicates += 1;
            self.duplicates += 1;
            return;
        };
        appended.stored += 1;
        if is_conflict {
            appended.conflicts += 1;
            self.conflicts += 1;
        }
        let sums = self.summed.key(RollupRow::key_of(request));
        self.rollups
            .entry(sums.clone())
            .or_insert_with(|| RollupRow::new(sums))
            .add(request);
        // Asked before the row is in the log: it would be its own neighbour.
        let session = self.sessions().session_of(request);
        let seq = self.next_seq();
        self.keys.insert(seq, key);
        if let Some(call) = request.key.call {
            self.calls.insert(seq, call.code(request.ts));
        }
        if is_undecided {
            appended.undecided += 1;
            self.undecided += 1;
        }
        if let Some(payload) = &request.payload {
            self.payloads.insert(seq, (**payload).clone());
        }
        if let Some(update) = &request.surface {
            let Ok(()) = self.shown.take(update, seq, &mut AllLoaded);
        }
        self.log.push(Logged::Request(seq, request.row(), session));
    }

    fn gap(&mut self, gap: &Gap, key: i64, appended: &mut Appended) {
        // A batch that is sent again after an unknown commit brings its gaps again.
        let is_it = |logged: &Logged| matches!(logged, Logged::Gap(.., known) if *known == key);
        if self.log.iter().any(is_it) {
            appended.duplicates += 1;
            self.duplicates += 1;
            return;
        }
        let seq = self.next_seq();
        self.log.push(Logged::Gap(seq, gap.clone(), key));
        appended.gaps += 1;
    }

    fn bad_line(&mut self, line: &BadLine) {
        let seq = self.next_seq();
        let line = line.clone();
        self.bad_lines.push(BadLineRow { seq, line });
        let most = usize::try_from(BadLine::MAX_ROWS).unwrap_or(usize::MAX);
        if self.bad_lines.len() > most {
            self.bad_lines.remove(0);
        }
    }

    fn sessions(&self) -> Listing {
        Listing::of(&self.log, &self.first_ts)
    }

    /// Removes the requests for which a rule holds; says how many went.
    fn remove_requests(&mut self, is_meant: impl Fn(i64, &Request) -> bool) -> u64 {
        let before = self.log.len();
        self.log.retain(|logged| match logged {
            Logged::Request(seq, request, _) => !is_meant(*seq, request),
            _ => true,
        });
        let kept: Vec<i64> = self.requests().map(|(seq, _)| seq).collect();
        self.payloads.retain(|seq, _| kept.contains(seq));
        (before - self.log.len()) as u64
    }

    /// Removes the requests of a session and puts something else at the end of the log.
    fn remove_session(&mut self, key: &SessionKey, end: impl FnOnce(SessionRow) -> Logged) -> u64 {
        let listing = self.sessions();
        let Some(row) = listing.get(key) else {
            return 0;
        };
        let members = listing.members_of(key);
        let removed = self.remove_requests(|seq, _| members.contains(&seq));
        self.log.push(end(row));
        self.forget_runs();
        removed
    }
}

impl Writer for MemoryStore {
    fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        let mut state = self.state();
        if state
            .writers
            .get(&batch.writer)
            // A writer counts its batches upwards, so an equal or lower number was committed
            // before.
            .is_some_and(|&number| number >= batch.number)
        {
            return Ok(Appended {
                repeated: true,
                ..Appended::default()
            });
        }
        state.writers.insert(batch.writer, batch.number);
        state.commits += 1;
        let mut appended = Appended::default();
        for (place, event) in batch.events.iter().enumerate() {
            match event {
                Event::Request(request) => {
                    state.open.remove(&request.key.hash);
                    state.request(request, &mut appended);
                }
                Event::Session(update) => state.log.push(Logged::Update(update.clone())),
                Event::Surface(update) => {
                    let last_seq = state.last_seq;
                    let Ok(()) = state.shown.take(update, last_seq, &mut AllLoaded);
                }
                Event::Gap(gap) => state.gap(gap, gap.key_in(batch, place), &mut appended),
                Event::BadLine(line) => state.bad_line(line),
                Event::Open(open) => state.put_open(batch.writer, open),
                Event::Withdrawn(key) => drop(state.open.remove(key)),
                // Once all that makes sessions is in.
                Event::Server(_) => {}
            }
        }
        state.put_runs(batch);
        for source in &batch.sources {
            let name = source.name.to_string();
            let counts = Counts::default();
            let row = SourceRow {
                name: name.clone(),
                counts,
                last_at: batch.now,
            };
            let row = state.sources.entry(name).or_insert(row);
            row.counts.add(&source.counts);
            row.last_at = batch.now;
            if let Some(checkpoint) = &source.checkpoint {
                state
                    .checkpoints
                    .insert(checkpoint.identity, checkpoint.clone());
            }
        }
        Ok(appended)
    }

    fn checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        crate::fold::file_checkpoints(self)
    }

    /// None: a store in memory ends with those who write it.
    fn abandoned(&mut self) -> Result<Abandoned, StoreError> {
        Ok(Abandoned::default())
    }

    fn idle(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn take_remains(&mut self, remains: &Remains) -> Result<(), StoreError> {
        let mut state = self.state();
        state.commits += 1;
        for row in &remains.sums {
            let key = state.summed.key(row.key.clone());
            let stored = state.rollups.get(&key).map_or(0, |stored| stored.calls);
            if row.calls > stored {
                let row = RollupRow {
                    key: key.clone(),
                    ..row.clone()
                };
                state.rollups.insert(key, row);
            }
        }
        let sessions = remains.sessions.iter().cloned();
        state.log.extend(sessions.map(Logged::Remains));
        Ok(())
    }
}
