//! Operations: what a client wanted once, in however many requests. A call that comes back with questions, and a
//! task with its polls, are one each. Which requests belong together is decided here and nowhere else.

use super::{RequestRow, StatsKey, StatsQuestion};
use mcpr_model::{ErrorKind, OperationLink, OperationStage, Sketch, Status, is_poll};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Most operations that are followed at once; of more the oldest counts as it is.
const MAX_OPEN: usize = 10_000;
/// Most requests of one operation whose numbers are known: a task may be polled for days.
const MAX_PARTS: usize = 10_000;

/// One operation, as far as its requests are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The request that began it.
    pub first: RequestRow,
    /// The numbers of its requests, in the order in which they were stored; of more than 10,000 the first ones.
    pub seqs: Vec<i64>,
    /// What its last answer says.
    pub stage: OperationStage,
    /// Whether its last request, or its task, failed.
    pub is_failed: bool,
    /// Time that the server worked: its requests, and between the polls of a task. Microseconds.
    pub server_us: i64,
    /// Time between a question of the server and the answer to it, microseconds.
    pub waiting_us: i64,
    /// How often it was asked again because an answer broke off.
    pub retries: u64,
    /// When its last request was over, unix microseconds.
    ended_us: i64,
}

impl Operation {
    fn begun_by(row: &RequestRow) -> Self {
        let mut operation = Self {
            seqs: Vec::new(),
            stage: OperationStage::Complete,
            is_failed: false,
            server_us: 0,
            waiting_us: 0,
            retries: 0,
            ended_us: row.ts.saturating_mul(1000),
            first: row.clone(),
        };
        operation.add(row);
        operation
    }

    /// Adds the next of its requests.
    fn add(&mut self, row: &RequestRow) {
        self.retries += u64::from(self.stage == OperationStage::Broken);
        let began_us = row.ts.saturating_mul(1000);
        // Times are of a millisecond and latencies of a microsecond: no pause is below nothing.
        let pause = began_us.saturating_sub(self.ended_us).max(0);
        match self.stage {
            OperationStage::InputRequired => {
                self.waiting_us = self.waiting_us.saturating_add(pause);
            }
            // Whoever polls waits for the server.
            _ => self.server_us = self.server_us.saturating_add(pause),
        }
        let took = row.latency_us.unwrap_or(0);
        self.server_us = self.server_us.saturating_add(took);
        self.ended_us = self.ended_us.max(began_us.saturating_add(took));
        if self.seqs.len() < MAX_PARTS {
            self.seqs.push(row.seq);
        }
        self.stage = row.part.map_or(OperationStage::Complete, |part| part.stage);
        let is_over = matches!(
            self.stage,
            OperationStage::Failed | OperationStage::Cancelled
        );
        self.is_failed = row.status.is_failure() || is_over;
    }

    /// Whether a request asks for what began it.
    fn is_asked_by(&self, row: &RequestRow) -> bool {
        self.first.method == row.method && self.first.target() == row.target()
    }

    /// From its first request to its last answer, microseconds.
    #[must_use]
    pub fn elapsed_us(&self) -> i64 {
        self.server_us.saturating_add(self.waiting_us)
    }

    /// Whether more of it is to come.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let goes_on = matches!(
            self.stage,
            OperationStage::InputRequired | OperationStage::Working
        );
        goes_on && !self.is_failed
    }
}

/// Most open operations with the same link that are looked at.
const MAX_LOOKED_AT: usize = 256;

/// What an open operation is found by: its proxy, and what it left.
type Left = (String, OperationLink);

/// Puts requests together that come in the order in which they were stored.
#[derive(Debug, Default)]
pub struct OperationsFold {
    open: BTreeMap<u64, (Operation, Left)>,
    by_link: HashMap<Left, VecDeque<u64>>,
    next: u64,
}

impl OperationsFold {
    /// Takes a request; hands over an operation that is complete with it.
    pub fn add(&mut self, row: &RequestRow) -> Option<Operation> {
        let part = row.part;
        let found = part
            .and_then(|part| part.follows)
            .and_then(|link| self.take(row, link));
        let operation = match found {
            Some(mut operation) => {
                operation.add(row);
                operation
            }
            None if !is_poll(&row.method) => Operation::begun_by(row),
            // A poll whose call is not among these.
            None => return None,
        };
        let Some(leaves) = part.and_then(|part| part.leaves) else {
            return Some(operation);
        };
        self.keep(operation, leaves)
    }

    /// The operation that left what a request takes up.
    fn take(&mut self, row: &RequestRow, link: OperationLink) -> Option<Operation> {
        let key = (row.proxy.clone(), link);
        let waiting = self.by_link.get(&key)?;
        // A server may give the same state to everybody: the newest are the likelier ones.
        let newest = waiting.iter().rev().take(MAX_LOOKED_AT);
        let fitting = newest.filter_map(|id| {
            let (operation, _) = self.open.get(id)?;
            let is_same = is_poll(&row.method) || operation.is_asked_by(row);
            is_same.then_some((*id, operation.first.session == row.session))
        });
        let (own, others): (Vec<_>, Vec<_>) = fitting.partition(|(_, is_own)| *is_own);
        // What only its own operation has is found wherever it comes from.
        let candidates = if own.is_empty() && link.is_exact() {
            others
        } else {
            own
        };
        // Of two that fit equally well nobody knows which one is meant.
        let [(id, _)] = candidates[..] else {
            return None;
        };
        self.forget(&key, id);
        self.open.remove(&id).map(|(operation, _)| operation)
    }

    /// An operation is no longer found by what it left.
    fn forget(&mut self, key: &Left, id: u64) {
        let Some(waiting) = self.by_link.get_mut(key) else {
            return;
        };
        waiting.retain(|it| *it != id);
        if waiting.is_empty() {
            self.by_link.remove(key);
        }
    }

    fn keep(&mut self, operation: Operation, leaves: OperationLink) -> Option<Operation> {
        let (id, key) = (self.next, (operation.first.proxy.clone(), leaves));
        self.next += 1;
        self.by_link.entry(key.clone()).or_default().push_back(id);
        self.open.insert(id, (operation, key));
        if self.open.len() <= MAX_OPEN {
            return None;
        }
        let (oldest, (operation, key)) = self.open.pop_first()?;
        self.forget(&key, oldest);
        Some(operation)
    }

    /// Says that no more requests come: those that are not complete.
    #[must_use]
    pub fn finish(self) -> Vec<Operation> {
        let open = self.open.into_values();
        open.map(|(operation, _)| operation).collect()
    }
}

/// The operations of one line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OperationSums {
    /// How many.
    pub operations: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How many are not complete.
    pub open: u64,
    /// Time that servers worked, microseconds.
    pub server_us: i64,
    /// Time that was waited for a person, microseconds.
    pub waiting_us: i64,
    /// How long they took, from the first request to the last answer.
    pub elapsed: Sketch,
}

impl OperationSums {
    fn add(&mut self, operation: &Operation) {
        self.operations += 1;
        self.errors += u64::from(operation.is_failed);
        self.open += u64::from(operation.is_open());
        self.server_us = self.server_us.saturating_add(operation.server_us);
        self.waiting_us = self.waiting_us.saturating_add(operation.waiting_us);
        let is_timed = operation.first.latency_us.is_some() || operation.seqs.len() > 1;
        if is_timed && !operation.is_open() {
            self.elapsed.add(operation.elapsed_us());
        }
    }
}

/// Counts operations under what their first requests are counted under.
#[derive(Debug)]
pub struct OperationsCount<'a> {
    question: &'a StatsQuestion,
    fold: OperationsFold,
    sums: BTreeMap<StatsKey, OperationSums>,
    most: usize,
}

impl<'a> OperationsCount<'a> {
    /// Nothing counted yet; at most so many lines are held.
    #[must_use]
    pub fn new(question: &'a StatsQuestion, most: usize) -> Self {
        Self {
            question,
            fold: OperationsFold::default(),
            sums: BTreeMap::new(),
            most,
        }
    }

    /// Takes a request, in the order of storing.
    pub fn add(&mut self, row: &RequestRow) {
        if let Some(operation) = self.fold.add(row) {
            self.count(&operation);
        }
    }

    fn count(&mut self, operation: &Operation) {
        let mut key = self.question.key_of(&operation.first);
        if self.sums.len() >= self.most && !self.sums.contains_key(&key) {
            key = self.question.other_key();
        }
        self.sums.entry(key).or_default().add(operation);
    }

    /// The sums by line.
    #[must_use]
    pub fn finish(mut self) -> BTreeMap<StatsKey, OperationSums> {
        for operation in std::mem::take(&mut self.fold).finish() {
            self.count(&operation);
        }
        self.sums
    }
}

/// One trace: the requests that say that they are parts of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRow {
    /// Its id.
    pub trace_id: mcpr_model::TraceId,
    /// When its first request was made, unix milliseconds.
    pub first_ts: i64,
    /// From its first request to its last answer, microseconds.
    pub elapsed_us: i64,
    /// Requests.
    pub requests: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Requests that were cancelled, which are errors, too.
    pub cancelled: u64,
    /// Its proxies, by name; no more than a few.
    pub proxies: Vec<String>,
    /// Its sessions.
    pub sessions: u64,
}

/// Puts requests together by their traces; the newest so many are held.
#[derive(Debug)]
pub struct TracesFold {
    traces: HashMap<mcpr_model::TraceId, (TraceRow, Vec<String>)>,
    most: usize,
    /// Traces that were left out.
    pub left_out: u64,
}

/// Most names of proxies and sessions that are distinguished within a trace.
const MAX_NAMES: usize = 64;

impl TracesFold {
    /// Nothing yet; at most so many traces are held.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            traces: HashMap::new(),
            most: most.max(1),
            left_out: 0,
        }
    }

    /// Takes a request.
    pub fn add(&mut self, row: &RequestRow) {
        let Some(trace_id) = row.trace_id else { return };
        let (trace, sessions) = self.traces.entry(trace_id).or_insert_with(|| {
            let trace = TraceRow {
                trace_id,
                first_ts: row.ts,
                elapsed_us: 0,
                requests: 0,
                errors: 0,
                cancelled: 0,
                proxies: Vec::new(),
                sessions: 0,
            };
            (trace, Vec::new())
        });
        // Rows come as they were stored: one that began earlier may come later.
        let earlier = trace.first_ts.saturating_sub(row.ts).max(0);
        trace.first_ts = trace.first_ts.min(row.ts);
        trace.elapsed_us = trace
            .elapsed_us
            .saturating_add(earlier.saturating_mul(1000));
        let since_first = row.ts.saturating_sub(trace.first_ts).saturating_mul(1000);
        let end = since_first.saturating_add(row.latency_us.unwrap_or(0));
        trace.elapsed_us = trace.elapsed_us.max(end);
        trace.requests += 1;
        trace.errors += u64::from(row.status.is_failure());
        let is_cancelled =
            row.status == Status::Error && row.error_kind == Some(ErrorKind::Cancelled);
        trace.cancelled += u64::from(is_cancelled);
        note(&mut trace.proxies, &row.proxy);
        if let Some(session) = &row.session {
            note(sessions, session);
            trace.sessions = sessions.len() as u64;
        }
        if self.traces.len() > self.most.saturating_mul(2) {
            self.trim();
        }
    }

    /// Keeps those that began last.
    fn trim(&mut self) {
        let mut all: Vec<_> = self.traces.drain().collect();
        all.sort_by_key(|(id, (trace, _))| (std::cmp::Reverse(trace.first_ts), *id));
        self.left_out += all.len().saturating_sub(self.most) as u64;
        self.traces = all.into_iter().take(self.most).collect();
    }

    /// The traces, those that began last first, and how many are left out.
    #[must_use]
    pub fn finish(mut self) -> (Vec<TraceRow>, u64) {
        self.trim();
        let mut rows: Vec<_> = self.traces.into_values().map(|(trace, _)| trace).collect();
        rows.sort_by_key(|trace| (std::cmp::Reverse(trace.first_ts), trace.trace_id));
        (rows, self.left_out)
    }
}

fn note(names: &mut Vec<String>, name: &str) {
    if names.len() < MAX_NAMES && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests;
