//! From the requests of a window to what a report says of it. Each request is looked at once. Must not
//! read a store.

use crate::data::{
    CompactRequest, EndedServer, ListChange, OpenCall, TimeSeries, ToolFigures, Total,
    TrafficWindow,
};
use crate::lines::{Names, change, compact, ended_server, failure, gap, open_call, short};
use crate::{MAX_BUCKETS, MAX_CHANGES, MAX_FAILURES, MAX_OPEN, MAX_REQUESTS, MAX_TOOLS};
use mcpr_model::{Payload, ServerRun, Sketch, Status};
use mcpr_store::query::{ChangeRow, Entry, GapRow, OpenRow, RequestRow};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Most tools that are distinguished while counting; a server may invent names.
const MAX_KEYS: usize = 10_000;
/// Most sessions that are distinguished.
const MAX_SESSIONS: usize = 200_000;
/// Lengths that a piece of time may have, milliseconds: those that clocks have.
const WIDTHS: [i64; 23] = [
    1,
    10,
    100,
    1_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    14_400_000,
    21_600_000,
    43_200_000,
    86_400_000,
    604_800_000,
    1_209_600_000,
    2_419_200_000,
    7_862_400_000,
    31_449_600_000,
];

/// Which window is meant.
#[derive(Debug, Clone)]
pub struct WindowScope {
    /// What it is called.
    pub name: String,
    /// What was asked for, in words.
    pub conditions: Vec<String>,
    /// Where the drawn time begins (inclusive), unix milliseconds: no earlier than anything was recorded, or
    /// years of nothing leave all that happened one bar.
    pub from: i64,
    /// Where it ends (exclusive).
    pub to: i64,
}

/// Counts of some calls.
#[derive(Debug, Clone, Default)]
struct CallCounts {
    calls: u64,
    errors: u64,
    latencies: Sketch,
    min: Option<i64>,
    max: Option<i64>,
    time_us: i64,
}

impl CallCounts {
    fn add(&mut self, row: &RequestRow) {
        self.calls += 1;
        self.errors += u64::from(row.status.is_failure());
        if let Some(latency) = row.latency_us {
            self.latencies.add(latency);
            self.min = Some(self.min.map_or(latency, |min| min.min(latency)));
            self.max = self.max.max(Some(latency));
            self.time_us = self.time_us.saturating_add(latency);
        }
    }

    fn quantile(&self, share: f64) -> Option<i64> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "no latency is near the limits of the type"
        )]
        let quantile = self.latencies.quantile(share).map(|value| value as i64);
        // A sketch answers within 1 %, and nothing took longer than the longest or less than the shortest.
        let value = quantile?;
        let value = self.min.map_or(value, |min| value.max(min));
        Some(self.max.map_or(value, |max| value.min(max)))
    }
}

/// A window that is being filled, in order of time.
#[derive(Debug)]
pub struct WindowFold {
    scope: WindowScope,
    width: i64,
    start: i64,
    buckets: Vec<CallCounts>,
    all: CallCounts,
    timeouts: u64,
    bytes: [i64; 2],
    sessions: HashSet<String>,
    tools: BTreeMap<(String, String, Option<String>), CallCounts>,
    tools_left: u64,
    newest: VecDeque<RequestRow>,
    failures: VecDeque<RequestRow>,
    gaps: VecDeque<GapRow>,
    gaps_left: u64,
    open: Vec<OpenCall>,
    open_left: usize,
    servers: Vec<EndedServer>,
    servers_left: usize,
    changes: Vec<ListChange>,
    changes_left: usize,
    unchanged: String,
    unknown: Vec<String>,
}

impl WindowFold {
    /// An empty window.
    #[must_use]
    pub fn new(scope: WindowScope) -> Self {
        let pieces = i64::try_from(MAX_BUCKETS).unwrap_or(i64::MAX);
        let length = scope.to.saturating_sub(scope.from).max(1);
        let least = length / pieces + 1;
        let known = WIDTHS.iter().copied().find(|width| *width >= least);
        let width = known.unwrap_or(least);
        let start = scope.from - scope.from.rem_euclid(width);
        let count = (scope.to.saturating_sub(start).saturating_sub(1) / width).clamp(0, pieces) + 1;
        Self {
            width,
            start,
            buckets: vec![CallCounts::default(); usize::try_from(count).unwrap_or(1)],
            scope,
            all: CallCounts::default(),
            timeouts: 0,
            bytes: [0; 2],
            sessions: HashSet::new(),
            tools: BTreeMap::new(),
            tools_left: 0,
            newest: VecDeque::new(),
            failures: VecDeque::new(),
            gaps: VecDeque::new(),
            gaps_left: 0,
            open: Vec::new(),
            open_left: 0,
            servers: Vec::new(),
            servers_left: 0,
            changes: Vec::new(),
            changes_left: 0,
            unchanged: String::new(),
            unknown: Vec::new(),
        }
    }

    /// One more entry of the window.
    pub fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Request(row) => self.request(*row),
            Entry::Gap(gap) => {
                self.gaps_left += push_bounded(&mut self.gaps, gap, MAX_CHANGES);
            }
        }
    }

    fn request(&mut self, row: RequestRow) {
        self.all.add(&row);
        self.timeouts += u64::from(row.status == Status::Timeout);
        for (sum, bytes) in self.bytes.iter_mut().zip([row.bytes_in, row.bytes_out]) {
            *sum = sum.saturating_add(bytes.unwrap_or(0));
        }
        let place = row.ts.saturating_sub(self.start) / self.width;
        let last = self.buckets.len().saturating_sub(1);
        let place = usize::try_from(place).unwrap_or(0).min(last);
        self.buckets[place].add(&row);
        if let Some(session) = &row.session
            && self.sessions.len() < MAX_SESSIONS
            && !self.sessions.contains(session)
        {
            self.sessions.insert(session.clone());
        }
        let key = (row.proxy.clone(), row.method.clone(), row.tool.clone());
        if self.tools.len() < MAX_KEYS || self.tools.contains_key(&key) {
            self.tools.entry(key).or_default().add(&row);
        } else {
            self.tools_left += 1;
        }
        if row.status.is_failure() {
            push_bounded(&mut self.failures, row.clone(), MAX_FAILURES);
        }
        push_bounded(&mut self.newest, row, MAX_REQUESTS);
    }

    /// The numbers of the failures that will stand in the report, whose payloads may be given to
    /// [`WindowFold::finish`].
    pub fn failed(&self) -> impl Iterator<Item = i64> {
        self.failures.iter().map(|row| row.seq)
    }

    /// How many calls there were so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.all.calls
    }

    /// Adds what is in flight, in order of time.
    pub fn open_calls(&mut self, rows: &[OpenRow]) {
        self.open_left = rows.len().saturating_sub(MAX_OPEN);
        let newest = rows.iter().rev().take(MAX_OPEN);
        self.open = newest.map(open_call).collect();
    }

    /// Adds the servers that failed, in order of time.
    pub fn failed_servers(&mut self, runs: &[ServerRun]) {
        self.servers_left = runs.len().saturating_sub(MAX_OPEN);
        let newest = runs.iter().rev().take(MAX_OPEN);
        self.servers = newest.map(ended_server).collect();
    }

    /// Adds what the servers changed, in order of time, and what is to be stated where that is nothing.
    pub fn changes(&mut self, mut rows: Vec<ChangeRow>, unchanged: String) {
        self.unchanged = unchanged;
        self.changes_left = rows.len().saturating_sub(MAX_CHANGES);
        rows.drain(..self.changes_left);
        self.changes = rows.into_iter().map(change).collect();
    }

    /// Adds something that is not known.
    pub fn unknown(&mut self, text: String) {
        self.unknown.push(text);
    }

    /// What the report says of the window.
    #[must_use]
    pub fn finish(mut self, payloads: &HashMap<i64, Payload>) -> TrafficWindow {
        self.say_what_was_left_out();
        let mut names = Names::default();
        let requests: Vec<CompactRequest> = self
            .newest
            .iter()
            .map(|row| compact(row, &mut names))
            .collect();
        let kept = u64::try_from(requests.len()).unwrap_or(u64::MAX);
        let failed = u64::try_from(self.failures.len()).unwrap_or(u64::MAX);
        let failures = self
            .failures
            .iter()
            .rev()
            .map(|row| failure(row, payloads.get(&row.seq)));
        let (tools, tools_left) = tools(std::mem::take(&mut self.tools));
        TrafficWindow {
            total: Total {
                calls: self.all.calls,
                errors: self.all.errors,
                timeouts: self.timeouts,
                sessions: self.sessions.len(),
                p50: self.all.quantile(0.5),
                p95: self.all.quantile(0.95),
                p99: self.all.quantile(0.99),
                max: self.all.max,
                time_us: self.all.time_us,
                bytes_in: self.bytes[0],
                bytes_out: self.bytes[1],
            },
            buckets: series(&self),
            tools,
            tools_left,
            requests_left: self.all.calls - kept,
            failures: failures.collect(),
            failures_left: self.all.errors - failed,
            open: self.open,
            open_left: self.open_left,
            servers: self.servers,
            servers_left: self.servers_left,
            changes: self.changes,
            changes_left: self.changes_left,
            unchanged: self.unchanged,
            gaps: self.gaps.iter().map(gap).collect(),
            unknown: self.unknown,
            names: names.all,
            requests,
            name: self.scope.name,
            conditions: self.scope.conditions,
        }
    }

    fn say_what_was_left_out(&mut self) {
        if self.tools_left > 0 {
            let text = format!(
                "{} calls are in the sums and in no line of a tool: there are more than {MAX_KEYS} names",
                self.tools_left
            );
            self.unknown.push(text);
        }
        if self.gaps_left > 0 {
            self.unknown
                .push(format!("{} older gaps were left out", self.gaps_left));
        }
        if self.sessions.len() == MAX_SESSIONS {
            self.unknown
                .push(format!("there are {MAX_SESSIONS} sessions or more"));
        }
    }
}

/// Adds to a list that holds the newest only, and says how many it has lost.
fn push_bounded<T>(list: &mut VecDeque<T>, item: T, most: usize) -> u64 {
    list.push_back(item);
    if list.len() > most {
        list.pop_front();
        return 1;
    }
    0
}

fn series(fold: &WindowFold) -> TimeSeries {
    let buckets = &fold.buckets;
    let quantiles = |share: f64| {
        buckets
            .iter()
            .map(|counts| counts.quantile(share))
            .collect()
    };
    TimeSeries {
        start: fold.start,
        width: fold.width,
        from: fold.scope.from,
        to: fold.scope.to,
        calls: buckets.iter().map(|counts| counts.calls).collect(),
        errors: buckets.iter().map(|counts| counts.errors).collect(),
        p50: quantiles(0.5),
        p95: quantiles(0.95),
        p99: quantiles(0.99),
    }
}

fn tools(all: BTreeMap<(String, String, Option<String>), CallCounts>) -> (Vec<ToolFigures>, usize) {
    let mut tools: Vec<ToolFigures> = all
        .into_iter()
        .map(|((proxy, method, target), counts)| ToolFigures {
            proxy: short(&proxy),
            method: short(&method),
            target: target.as_deref().map(short),
            calls: counts.calls,
            errors: counts.errors,
            p50: counts.quantile(0.5),
            p95: counts.quantile(0.95),
            p99: counts.quantile(0.99),
            max: counts.max,
            time_us: counts.time_us,
        })
        .collect();
    // The sort is stable: of equally many calls the names decide.
    tools.sort_by_key(|tool| std::cmp::Reverse(tool.calls));
    let left = tools.len().saturating_sub(MAX_TOOLS);
    tools.truncate(MAX_TOOLS);
    (tools, left)
}
