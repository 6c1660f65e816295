//! `stats`: how often each thing was called, how it ended, how long it took.
//!
//! Whole hours of the window come from rollups, which outlive the requests; what is left at its edges
//! comes from the requests themselves. Without a vacuum both say the same.

use super::stats_fold::MAX_FOLDED;
use super::tally::{Buckets, Latencies, Tally};
use super::{Filter, OTHER, OperationSums, RequestRow, RollupKey};
use mcpr_model::time::{HOUR_MS, hour_of};
use mcpr_model::{Sketch, Target, TargetKind};
use std::collections::{BTreeMap, BTreeSet};

/// What requests are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Proxy, method and tool.
    Tool,
    /// Proxy and method.
    Method,
    /// Client name and version.
    Client,
    /// Proxy.
    Proxy,
    /// Hour.
    Hour,
}

/// What a line of the answer is about; what it is not put together by is `None`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StatsKey {
    /// Start of the hour, unix milliseconds.
    pub hour: Option<i64>,
    /// The proxy.
    pub proxy: Option<String>,
    /// MCP method or HTTP verb.
    pub method: Option<String>,
    /// Tool of a `tools/call`.
    pub tool: Option<String>,
    /// The caller's name.
    pub client_name: Option<String>,
    /// The caller's version.
    pub client_version: Option<String>,
}

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsRow {
    /// What it is about.
    pub key: StatsKey,
    /// The sums.
    pub tally: Tally,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct StatsQuestion {
    /// Which requests. Only `proxy`, `since`, `until`, `kind`, `methods` and `tools` are looked at.
    pub filter: Filter,
    /// What they are put together by.
    pub by: GroupBy,
    /// Whether quantiles must be exact, for which every request is looked at.
    pub exact: bool,
    /// The pieces of time that calls are counted in.
    pub buckets: Buckets,
    /// Most lines of the answer: the calls of all others are put together in one more, [`OTHER`]. There
    /// are as many hours as the window has.
    pub most: Option<usize>,
    /// Only calls of these tools, by proxy and name: of all that were called only these are held.
    pub tools: Option<BTreeSet<(String, String)>>,
}

impl StatsQuestion {
    /// Asks for sums alone: quantiles within 1 %, and no calls by pieces of time.
    #[must_use]
    pub fn sums(filter: &Filter, by: GroupBy) -> Self {
        Self {
            filter: filter.clone().of_calls(),
            by,
            exact: false,
            buckets: Buckets {
                start: 0,
                width_ms: 1,
                count: 0,
            },
            most: None,
            tools: None,
        }
    }

    /// Asks for the sums of everything in one line, or none where there is nothing.
    #[must_use]
    pub fn of_everything(filter: &Filter) -> Self {
        Self {
            most: Some(0),
            ..Self::sums(filter, GroupBy::Proxy)
        }
    }

    /// The most lines of the answer, where they are limited.
    #[must_use]
    pub fn most_lines(&self) -> usize {
        match self.by {
            // Hours are a series: one that puts the rest together would say nothing of a time.
            GroupBy::Hour => usize::MAX,
            _ => self.most.unwrap_or(usize::MAX),
        }
    }

    /// What the calls beyond the most lines are counted under.
    #[must_use]
    pub fn other_key(&self) -> StatsKey {
        let other = Some(OTHER.to_owned());
        let none = StatsKey::default();
        match self.by {
            GroupBy::Tool => StatsKey {
                tool: other,
                ..none
            },
            GroupBy::Method => StatsKey {
                method: other,
                ..none
            },
            GroupBy::Proxy => StatsKey {
                proxy: other,
                ..none
            },
            GroupBy::Client => StatsKey {
                client_name: other,
                ..none
            },
            GroupBy::Hour => none,
        }
    }

    /// Whether every request has to be looked at: rollups know neither clients nor exact latencies.
    #[must_use]
    pub fn needs_requests(&self) -> bool {
        self.exact || self.by == GroupBy::Client
    }

    /// The hours that lie in the window as a whole: from the first (inclusive) to the last (exclusive).
    #[must_use]
    pub fn whole_hours(&self) -> (i64, i64) {
        if self.needs_requests() {
            return (0, 0);
        }
        let first = match self.filter.since {
            // Rounded up: of an hour that the window enters late, the sum holds too much.
            Some(since) => hour_of(since.saturating_add(HOUR_MS - 1)),
            None => i64::MIN,
        };
        // Rounded down, for the same reason at the other end.
        let end = self.filter.until.map_or(i64::MAX, hour_of);
        (first, end.max(first))
    }

    /// The windows beside the whole hours, in which requests are looked at: at most two.
    #[must_use]
    pub fn edges(&self) -> Vec<Filter> {
        let within = |since: Option<i64>, until: Option<i64>| Filter {
            since,
            until,
            ..self.filter.clone()
        };
        if self.needs_requests() {
            return vec![self.filter.clone()];
        }
        let (first, end) = self.whole_hours();
        let Filter { since, until, .. } = self.filter;
        // No hour lies in the window as a whole: the edges of one would reach beyond the window.
        if first >= end {
            return vec![self.filter.clone()];
        }
        let mut edges = Vec::new();
        if since.is_some_and(|since| since < first) {
            edges.push(within(since, Some(first)));
        }
        if until.is_some_and(|until| until > end) {
            edges.push(within(Some(end), until));
        }
        edges
    }

    /// The whole hours that a window touches, which is answered for by its requests: from the first
    /// (inclusive) to the last (exclusive).
    #[must_use]
    pub fn hours_of(edge: &Filter) -> (i64, i64) {
        let first = edge.since.map_or(i64::MIN, hour_of);
        let end = edge
            .until
            .map_or(i64::MAX, |until| hour_of(until.saturating_add(HOUR_MS - 1)));
        (first, end.max(first))
    }

    /// An edge of the window, widened to the whole hours that it touches.
    #[must_use]
    pub fn widened(edge: &Filter) -> Filter {
        let (first, end) = Self::hours_of(edge);
        Filter {
            since: edge.since.map(|_| first),
            until: edge.until.map(|_| end),
            ..edge.clone()
        }
    }

    /// Nothing counted yet.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let latencies = if self.exact {
            Latencies::Exact(BTreeMap::new())
        } else {
            Latencies::Sketch(Sketch::default())
        };
        Tally::new(&latencies, self.buckets)
    }

    /// The key itself, or that of the others where so many are held that one more is too many.
    pub(super) fn bounded_key<T>(&self, key: StatsKey, held: &BTreeMap<StatsKey, T>) -> StatsKey {
        // Whoever asks for all lines gets them.
        let is_bounded = self.most_lines() <= MAX_FOLDED;
        if is_bounded && held.len() >= MAX_FOLDED && !held.contains_key(&key) {
            self.other_key()
        } else {
            key
        }
    }

    /// What a request is counted under.
    #[must_use]
    pub fn key_of(&self, row: &RequestRow) -> StatsKey {
        if self.by == GroupBy::Client {
            return StatsKey {
                client_name: row.client_name.clone(),
                client_version: row.client_version.clone(),
                ..StatsKey::default()
            };
        }
        self.key_of_parts(
            hour_of(row.ts),
            &row.proxy,
            &row.method,
            row.tool.as_deref(),
        )
    }

    /// What the requests of an hour are counted under.
    #[must_use]
    pub fn key_of_hour(&self, key: &RollupKey) -> StatsKey {
        self.key_of_parts(key.hour, &key.proxy, &key.method, tool_of(key))
    }

    /// What a request of an hour, a proxy, a method and perhaps a tool is counted under.
    #[must_use]
    pub fn key_of_parts(
        &self,
        hour: i64,
        proxy: &str,
        method: &str,
        tool: Option<&str>,
    ) -> StatsKey {
        let none = StatsKey::default();
        let proxy = Some(proxy.to_owned());
        let method = Some(method.to_owned());
        match self.by {
            GroupBy::Tool => StatsKey {
                proxy,
                method,
                tool: tool.map(str::to_owned),
                ..none
            },
            GroupBy::Method => StatsKey {
                proxy,
                method,
                ..none
            },
            GroupBy::Proxy => StatsKey { proxy, ..none },
            GroupBy::Hour => StatsKey {
                hour: Some(hour),
                ..none
            },
            GroupBy::Client => none,
        }
    }

    /// Whether the requests of an hour are asked for.
    #[must_use]
    pub fn takes_hour(&self, key: &RollupKey) -> bool {
        let (first, end) = self.whole_hours();
        (first..end).contains(&key.hour) && self.takes_rollup(key)
    }

    /// Whether requests of this kind are asked for, at whatever time.
    #[must_use]
    pub fn takes_rollup(&self, key: &RollupKey) -> bool {
        let tool = tool_of(key);
        self.filter
            .takes_operation(key.kind, &key.proxy, &key.method, tool)
            && self.takes_tool(&key.proxy, tool)
    }

    /// Whether a tool of a proxy, or what is not a call of one, is among those that are asked for by name.
    fn takes_tool(&self, proxy: &str, tool: Option<&str>) -> bool {
        self.tools.as_ref().is_none_or(|tools| {
            let tool = tool.map(|tool| (proxy.to_owned(), tool.to_owned()));
            tool.is_some_and(|tool| tools.contains(&tool))
        })
    }

    /// Whether a request that the filter has let through is counted.
    pub(super) fn takes_request(&self, row: &RequestRow) -> bool {
        self.takes_tool(&row.proxy, row.tool.as_deref())
    }
}

fn tool_of(key: &RollupKey) -> Option<&str> {
    match &key.target {
        Some(Target {
            kind: TargetKind::Tool,
            name,
        }) => Some(name),
        _ => None,
    }
}

/// A line of the answer in the figures that are shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// What it is about.
    pub key: StatsKey,
    /// Requests.
    pub calls: u64,
    /// Requests that did not end `ok`.
    pub total_errors: u64,
    /// Errors by kind, in the order of [`mcpr_model::ErrorKind::ALL`].
    pub errors: [u64; mcpr_model::ErrorKind::ALL.len()],
    /// Quantiles, microseconds: 0.5, 0.95, 0.99.
    pub quantiles_us: [Option<i64>; 3],
    /// Shortest and longest latency, microseconds.
    pub latency_range_us: Option<(i64, i64)>,
    /// Time spent in all: the sum of the latencies that are known, microseconds.
    pub total_us: i64,
    /// Sum of request sizes, bytes.
    pub bytes_in: i64,
    /// Sum of answer sizes, bytes.
    pub bytes_out: i64,
    /// Requests by bucket of time.
    pub calls_by_bucket: Vec<u64>,
    /// Requests of hours that the window cuts, known only as a sum of the whole hour: not in `calls`.
    pub unplaced_calls: u64,
    /// The same in an earlier window, where that was asked for and there was something.
    pub before: Option<EarlierFigures>,
    /// The operations that the requests are, where that was asked for.
    pub operations: Option<OperationSums>,
}

/// What there was in an earlier window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierFigures {
    /// Requests.
    pub calls: u64,
    /// Requests that did not end `ok`.
    pub total_errors: u64,
    /// Quantiles, microseconds: 0.5, 0.95, 0.99.
    pub quantiles_us: [Option<i64>; 3],
}

impl From<&Summary> for EarlierFigures {
    fn from(row: &Summary) -> Self {
        Self {
            calls: row.calls,
            total_errors: row.total_errors,
            quantiles_us: row.quantiles_us,
        }
    }
}

impl Summary {
    /// Requests whose end was seen, well or not.
    #[must_use]
    pub fn seen_calls(&self) -> u64 {
        let unseen = self.errors[mcpr_model::ErrorKind::Unseen.index()];
        self.calls.saturating_sub(unseen)
    }

    /// How many times as long as before 95 of 100 take; `None` where either is not known.
    #[must_use]
    pub fn p95_factor(&self) -> Option<f64> {
        let (now, before) = (self.quantiles_us[1]?, self.before?.quantiles_us[1]?);
        #[expect(
            clippy::cast_precision_loss,
            reason = "latencies are far below 2^52 microseconds"
        )]
        // What took no time took at most a microsecond.
        let factor = now.max(1) as f64 / before.max(1) as f64;
        Some(factor)
    }

    /// The share of errors among the requests whose end was seen.
    #[must_use]
    pub fn error_rate(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of rows are far below 2^52"
        )]
        // Without calls there are no errors: 0, not a division by zero.
        let ratio = self.total_errors as f64 / self.seen_calls().max(1) as f64;
        ratio
    }
}

impl From<StatsRow> for Summary {
    fn from(row: StatsRow) -> Self {
        let StatsRow { key, tally } = row;
        // A sketch's answer may lie a little outside of what was ever seen.
        let range = tally.latency_range_us;
        let quantile = |q| {
            let found = tally.latencies.quantile(q)?;
            Some(range.map_or(found, |(low, high)| found.clamp(low, high)))
        };
        Self {
            quantiles_us: [quantile(0.5), quantile(0.95), quantile(0.99)],
            key,
            calls: tally.calls,
            total_errors: tally.total_errors(),
            errors: tally.errors,
            latency_range_us: range,
            total_us: tally.total_us,
            bytes_in: tally.bytes_in,
            bytes_out: tally.bytes_out,
            calls_by_bucket: tally.calls_by_bucket,
            unplaced_calls: tally.unplaced,
            before: None,
            operations: None,
        }
    }
}
