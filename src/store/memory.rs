//! The reference: everything in memory, every answer folded from the log of what was stored.
//!
//! It says what the traits mean; other backends must give equal answers, only faster.

mod fold;
mod surfaces;

use super::{Appended, Overview, Reader, Retention, RollupKey, RollupRow, Store, StoreError};
use crate::model::{
    BadLine, Batch, Checkpoint, Counts, Event, FileIdentity, Gap, KeySource, Payload, Request,
    SessionUpdate,
};
use crate::query::{
    Entry, Filter, GapRow, Order, Page, SessionFilter, SessionKey, SessionRow, SourceRow, Surfaces,
};
use fold::Listing;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One thing that was stored, in the order in which it was.
#[derive(Debug, Clone)]
enum Logged {
    /// With the session it belongs to, which is settled when it is stored.
    Request(i64, Request, Option<SessionKey>),
    Update(SessionUpdate),
    Gap(i64, Gap),
    /// The requests of a session were removed; what they counted for stays.
    Summary(SessionKey, SessionRow),
    /// A session was removed.
    Removal(SessionKey),
}

/// Everything a store holds.
#[derive(Debug, Default)]
struct State {
    log: Vec<Logged>,
    bad_lines: Vec<BadLine>,
    rollups: HashMap<RollupKey, RollupRow>,
    shown: surfaces::Shown,
    last_request_was_new: bool,
    payloads: BTreeMap<i64, Payload>,
    checkpoints: BTreeMap<FileIdentity, Checkpoint>,
    sources: BTreeMap<String, SourceRow>,
    writers: HashMap<i64, i64>,
    last_seq: i64,
    duplicates: u64,
    conflicts: u64,
}

/// A store in memory; clones and readers share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        // A poisoned lock means that a test has failed already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a second request under the same key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    First,
    Again,
    Conflict,
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
            Logged::Gap(seq, gap) => Some((*seq, gap)),
            _ => None,
        })
    }

    fn delivery(&self, request: &Request) -> Delivery {
        let mut delivery = Delivery::First;
        for (_, stored) in self.requests() {
            if stored.ts != request.ts || stored.key != request.key {
                continue;
            }
            match request.key.source {
                // The same bytes are the same event, by whatever proxy's name the file went.
                KeySource::Bytes => return Delivery::Again,
                KeySource::Id if stored == request => return Delivery::Again,
                KeySource::Id => delivery = Delivery::Conflict,
            }
        }
        delivery
    }

    fn request(&mut self, request: &Request, appended: &mut Appended) {
        let delivery = self.delivery(request);
        self.last_request_was_new = delivery != Delivery::Again;
        if delivery == Delivery::Again {
            appended.duplicates += 1;
            self.duplicates += 1;
            return;
        }
        appended.stored += 1;
        if delivery == Delivery::Conflict {
            appended.conflicts += 1;
            self.conflicts += 1;
        }
        let key = RollupRow::key_of(request);
        self.rollups
            .entry(key.clone())
            .or_insert_with(|| RollupRow::new(key))
            .add(request);
        let session = self.sessions().session_of(request);
        let seq = self.next_seq();
        self.log
            .push(Logged::Request(seq, request.clone(), session));
    }

    fn payload(&mut self, payload: &Payload) {
        if self.last_request_was_new {
            let last = self.last_seq;
            self.payloads.entry(last).or_insert_with(|| payload.clone());
        }
    }

    /// A gap that is equal in everything is the same gap, told again.
    fn gap(&mut self, gap: &Gap, appended: &mut Appended) {
        if self.gaps().any(|(_, known)| known == gap) {
            appended.duplicates += 1;
            self.duplicates += 1;
            return;
        }
        let seq = self.next_seq();
        self.log.push(Logged::Gap(seq, gap.clone()));
        appended.gaps += 1;
    }

    fn bad_line(&mut self, line: &BadLine) {
        self.next_seq();
        self.bad_lines.push(line.clone());
        let most = usize::try_from(BadLine::MAX_ROWS).unwrap_or(usize::MAX);
        if self.bad_lines.len() > most {
            self.bad_lines.remove(0);
        }
    }

    fn sessions(&self) -> Listing {
        Listing::of(&self.log)
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
        removed
    }
}

impl Store for MemoryStore {
    fn append(&mut self, batch: &Batch) -> Result<Appended, StoreError> {
        let mut state = self.state();
        if state
            .writers
            .get(&batch.writer)
            .is_some_and(|&number| number >= batch.number)
        {
            return Ok(Appended {
                repeated: true,
                ..Appended::default()
            });
        }
        state.writers.insert(batch.writer, batch.number);
        let mut appended = Appended::default();
        for event in &batch.events {
            match event {
                Event::Request(request) => state.request(request, &mut appended),
                Event::Session(update) => state.log.push(Logged::Update(update.clone())),
                Event::Surface(news) => {
                    if !news.of_request || state.last_request_was_new {
                        let last_seq = state.last_seq;
                        state.shown.take(news, last_seq);
                    }
                }
                Event::Payload(payload) => state.payload(payload),
                Event::Gap(gap) => state.gap(gap, &mut appended),
                Event::BadLine(line) => state.bad_line(line),
            }
        }
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
        self.file_checkpoints()
    }

    fn delete_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        Ok(self
            .state()
            .remove_session(session, |row| Logged::Removal(row.key())))
    }

    fn summarize_session(&mut self, session: &SessionKey) -> Result<u64, StoreError> {
        Ok(self
            .state()
            .remove_session(session, |row| Logged::Summary(row.key(), row)))
    }

    fn vacuum(&mut self, what: &Retention, told: &mut dyn FnMut(u64)) -> Result<u64, StoreError> {
        let Retention { before, ref proxy } = *what;
        let is_meant = |name: &str| proxy.as_ref().is_none_or(|proxy| proxy == name);
        let mut state = self.state();
        let sessions = state.sessions();
        let mut removed =
            state.remove_requests(|_, request| request.ts < before && is_meant(&request.proxy));
        if proxy.is_none() {
            let length = state.log.len();
            state
                .log
                .retain(|logged| !matches!(logged, Logged::Gap(_, gap) if gap.to_ts < before));
            removed += (length - state.log.len()) as u64;
        }
        let kept: Vec<i64> = state.requests().map(|(seq, _)| seq).collect();
        for row in sessions.rows() {
            let members = sessions.members_of(&row.key());
            let is_empty = !kept.iter().any(|seq| members.contains(seq));
            let is_over = is_empty && row.last_seen_at < before && is_meant(&row.proxy);
            state.log.push(if is_over {
                Logged::Removal(row.key())
            } else {
                Logged::Summary(row.key(), row)
            });
        }
        told(removed);
        Ok(removed)
    }

    fn vacuum_payloads(
        &mut self,
        what: &Retention,
        told: &mut dyn FnMut(u64),
    ) -> Result<u64, StoreError> {
        let mut state = self.state();
        let is_meant = |request: &Request| {
            let proxy = request.proxy.as_str();
            request.ts < what.before && what.proxy.as_ref().is_none_or(|it| it == proxy)
        };
        let old: Vec<i64> = state
            .requests()
            .filter(|(_, request)| is_meant(request))
            .map(|(seq, _)| seq)
            .collect();
        let before = state.payloads.len();
        state.payloads.retain(|seq, _| !old.contains(seq));
        let removed = (before - state.payloads.len()) as u64;
        told(removed);
        Ok(removed)
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(self.clone()))
    }
}

impl Reader for MemoryStore {
    fn entries(&mut self, filter: &Filter, page: Page) -> Result<Vec<Entry>, StoreError> {
        let state = self.state();
        let listing = state.sessions();
        let requests = state
            .requests()
            .map(|(seq, request)| listing.row(seq, request))
            .filter(|row| filter.matches(row))
            .map(|row| Entry::Request(Box::new(row)));
        let gaps = state
            .gaps()
            .map(|(seq, gap)| GapRow {
                seq,
                source: gap.source.to_string(),
                count: gap.count,
                from_ts: gap.from_ts,
                to_ts: gap.to_ts,
            })
            .filter(|gap| filter.matches_gap(gap))
            .map(Entry::Gap);
        let mut entries: Vec<Entry> = requests
            .chain(gaps)
            .filter(|entry| page.holds(entry.seq()))
            .collect();
        entries.sort_by_key(Entry::seq);
        if page.order == Order::Descending {
            entries.reverse();
        }
        entries.truncate(page.limit.min(Page::MAX_LIMIT));
        Ok(entries)
    }

    fn sessions(&mut self, filter: &SessionFilter) -> Result<Vec<SessionRow>, StoreError> {
        Ok(filter.choose(self.state().sessions().rows()))
    }

    fn overview(&mut self) -> Result<Overview, StoreError> {
        let state = self.state();
        let times = || state.requests().map(|(_, request)| request.ts);
        Ok(Overview {
            requests: state.requests().count() as u64,
            sessions: state.sessions().rows().len() as u64,
            gaps: state.gaps().count() as u64,
            dropped: state
                .gaps()
                .fold(0, |sum: u64, (_, gap)| sum.saturating_add(gap.count)),
            bad_lines_kept: state.bad_lines.len() as u64,
            duplicates: state.duplicates,
            conflicts: state.conflicts,
            payloads: state.payloads.len() as u64,
            payload_bytes: state
                .payloads
                .values()
                .map(|it| it.len_bytes() as u64)
                .sum(),
            span: times().min().zip(times().max()),
            last_seq: state.last_seq,
            counts: state
                .sources
                .values()
                .fold(Counts::default(), |mut sum, row| {
                    sum.add(&row.counts);
                    sum
                }),
        })
    }

    fn bad_lines(&mut self, limit: usize) -> Result<Vec<BadLine>, StoreError> {
        let state = self.state();
        let newest = state.bad_lines.iter().rev().take(limit);
        Ok(newest.cloned().collect())
    }

    fn sources(&mut self) -> Result<Vec<SourceRow>, StoreError> {
        Ok(self.state().sources.values().cloned().collect())
    }

    fn payload(&mut self, seq: i64) -> Result<Option<Payload>, StoreError> {
        Ok(self.state().payloads.get(&seq).cloned())
    }

    fn payload_span(&mut self) -> Result<Option<(i64, i64)>, StoreError> {
        let payloads = &self.state().payloads;
        let (first, last) = (payloads.keys().min(), payloads.keys().max());
        Ok(first.copied().zip(last.copied()))
    }

    fn surfaces(&mut self) -> Result<Surfaces, StoreError> {
        let state = self.state();
        let mut surfaces = state.shown.surfaces();
        let sessions = state.sessions();
        for version in &mut surfaces.versions {
            let of_session = |row: &&SessionRow| {
                row.proxy == version.proxy && Some(&row.session_id) == version.session_id.as_ref()
            };
            if version.client_name.is_none()
                && let Some(session) = sessions.rows().iter().find(of_session)
            {
                version.client_name.clone_from(&session.client_name);
            }
        }
        Ok(surfaces)
    }

    fn file_checkpoints(&mut self) -> Result<Vec<Checkpoint>, StoreError> {
        let mut checkpoints: Vec<_> = self.state().checkpoints.values().cloned().collect();
        checkpoints
            .sort_by(|left, right| (&left.path, left.identity).cmp(&(&right.path, right.identity)));
        Ok(checkpoints)
    }

    fn rollups(&mut self) -> Result<Vec<RollupRow>, StoreError> {
        let mut rows: Vec<_> = self.state().rollups.values().cloned().collect();
        RollupRow::sort(&mut rows);
        Ok(rows)
    }
}
