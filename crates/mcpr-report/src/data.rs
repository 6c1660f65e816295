//! What a report holds: plain data, written into the page as it is. Must not compute anything.

use serde::Serialize;

/// A report: of one window, or of two that are compared.
#[derive(Debug, Clone, Serialize)]
pub struct TrafficReport {
    /// The program that made it, with its version.
    pub by: String,
    /// When, unix milliseconds.
    pub made_at: i64,
    /// Whether payloads may be in it.
    pub payloads: bool,
    /// The windows, the earlier one first.
    pub windows: Vec<TrafficWindow>,
}

/// What happened in a window.
#[derive(Debug, Clone, Serialize)]
pub struct TrafficWindow {
    /// What it is called.
    pub name: String,
    /// What was asked for, in words.
    pub conditions: Vec<String>,
    /// The sums.
    pub total: Total,
    /// The same by pieces of time.
    pub buckets: TimeSeries,
    /// By tool or method, those with the most calls first.
    pub tools: Vec<ToolFigures>,
    /// How many more there are.
    pub tools_left: usize,
    /// The texts that `requests` names by their place.
    pub names: Vec<String>,
    /// The requests one by one, oldest first.
    pub requests: Vec<CompactRequest>,
    /// How many older ones were left out.
    pub requests_left: u64,
    /// The failures, newest first.
    pub failures: Vec<FailedCall>,
    /// How many older ones were left out.
    pub failures_left: u64,
    /// What was in flight when the report was made, newest first.
    pub open: Vec<OpenCall>,
    /// How many older ones were left out.
    pub open_left: usize,
    /// The servers that died or could not be started, newest first.
    pub servers: Vec<EndedServer>,
    /// How many older ones were left out.
    pub servers_left: usize,
    /// What the servers changed, oldest first.
    pub changes: Vec<ListChange>,
    /// How many older ones were left out.
    pub changes_left: usize,
    /// What is to be read where no change is, in words: nothing new was shown, or no list was recorded.
    pub unchanged: String,
    /// Where events are missing.
    pub gaps: Vec<EventGap>,
    /// What else is not known or was left out, in words.
    pub unknown: Vec<String>,
}

/// Sums of a window. Latencies are microseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Total {
    /// Calls.
    pub calls: u64,
    /// Those that did not end `ok`.
    pub errors: u64,
    /// Those that were never answered.
    pub timeouts: u64,
    /// Sessions.
    pub sessions: usize,
    /// Half of the calls took less.
    pub p50: Option<i64>,
    /// 95 % took less.
    pub p95: Option<i64>,
    /// 99 % took less.
    pub p99: Option<i64>,
    /// The longest.
    pub max: Option<i64>,
    /// All of them together.
    pub time_us: i64,
    /// Bytes of all requests.
    pub bytes_in: i64,
    /// Bytes of all answers.
    pub bytes_out: i64,
}

/// Figures by equal pieces of time.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TimeSeries {
    /// Where the first begins, unix milliseconds.
    pub start: i64,
    /// How long each is, milliseconds.
    pub width: i64,
    /// Where the drawn time begins: within the first piece, which begins where clocks do.
    pub from: i64,
    /// Where it ends: within the last.
    pub to: i64,
    /// Calls.
    pub calls: Vec<u64>,
    /// Errors among them.
    pub errors: Vec<u64>,
    /// Half of the calls took less, microseconds.
    pub p50: Vec<Option<i64>>,
    /// 95 % took less.
    pub p95: Vec<Option<i64>>,
    /// 99 % took less.
    pub p99: Vec<Option<i64>>,
}

/// Figures of a tool, or of a method without one. Latencies are microseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ToolFigures {
    /// The proxy.
    pub proxy: String,
    /// The method.
    pub method: String,
    /// The tool.
    pub target: Option<String>,
    /// Calls.
    pub calls: u64,
    /// Errors among them.
    pub errors: u64,
    /// Half of the calls took less.
    pub p50: Option<i64>,
    /// 95 % took less.
    pub p95: Option<i64>,
    /// 99 % took less.
    pub p99: Option<i64>,
    /// The longest.
    pub max: Option<i64>,
    /// All of them together.
    pub time_us: i64,
}

/// A request: its number, time (unix milliseconds), latency (microseconds) and status, then the places of
/// its proxy, method, target, session and client in `names`.
// An array and no object: the names of members would be most of the page.
pub type CompactRequest = (
    i64,
    i64,
    Option<i64>,
    &'static str,
    usize,
    usize,
    Option<usize>,
    Option<usize>,
    Option<usize>,
);

/// A request that failed.
#[derive(Debug, Clone, Serialize)]
pub struct FailedCall {
    /// Its number.
    pub seq: i64,
    /// When, unix milliseconds.
    pub ts: i64,
    /// The proxy.
    pub proxy: String,
    /// The method.
    pub method: String,
    /// The tool, prompt or resource.
    pub target: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// How it ended.
    pub status: &'static str,
    /// The layer that it failed at.
    pub kind: Option<&'static str>,
    /// The code.
    pub code: Option<String>,
    /// The message of the answer.
    pub message: Option<String>,
    /// How long it took, microseconds.
    pub latency: Option<i64>,
    /// What was asked, where it is kept.
    pub params: Option<KeptBody>,
    /// What was answered, where it is kept.
    pub answer: Option<KeptBody>,
}

/// A request that has no answer yet: in no figure, as nobody knows how it ends.
#[derive(Debug, Clone, Serialize)]
pub struct OpenCall {
    /// When it was asked, unix milliseconds.
    pub ts: i64,
    /// The proxy.
    pub proxy: String,
    /// The method.
    pub method: String,
    /// The tool, prompt or resource.
    pub target: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// Whether somebody waits for the answer still.
    pub awaited: bool,
    /// What was asked, where it is kept.
    pub params: Option<KeptBody>,
}

/// A server that died, or could not be started.
#[derive(Debug, Clone, Serialize)]
pub struct EndedServer {
    /// When, unix milliseconds.
    pub ts: i64,
    /// The proxy.
    pub proxy: String,
    /// The session that it ran for.
    pub session: String,
    /// How it ended, in words.
    pub how: String,
    /// The last of its standard error, where that is kept; cut at its beginning.
    pub stderr: Option<KeptBody>,
}

/// A body as far as it is in the report.
#[derive(Debug, Clone, Serialize)]
pub struct KeptBody {
    /// The text.
    pub text: String,
    /// How long it was as it passed.
    pub bytes: u64,
    /// Whether the end is missing.
    pub cut: bool,
}

/// Something that a version of a list brought.
#[derive(Debug, Clone, Serialize)]
pub struct ListChange {
    /// When the version was first seen, unix milliseconds.
    pub ts: i64,
    /// The proxy.
    pub proxy: String,
    /// The method that lists it.
    pub method: String,
    /// The version.
    pub version: i64,
    /// What happened: `tool_added`.
    pub change: String,
    /// To what.
    pub item: Option<String>,
    /// How bad it is for callers.
    pub compatibility: Option<&'static str>,
    /// How bad it is for trust.
    pub security: Option<&'static str>,
}

/// A place where events are missing.
#[derive(Debug, Clone, Serialize)]
pub struct EventGap {
    /// When the first was, unix milliseconds.
    pub from: i64,
    /// When the last was.
    pub to: i64,
    /// How many.
    pub count: u64,
    /// Of which source.
    pub source: String,
}
