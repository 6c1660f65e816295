//! The columns of a request. Names, order and types of the machine columns are a contract: they
//! are only ever added to.

use super::columns::{Column, Record, Show, Value};
use super::units::{grouped, time};
use super::{arguments, units};
use mcpr_model::{ErrorKind, Gap, SourceFormat, Status};
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, Flight, GapRow, OTHER, OpenRow, RequestRow};
use std::borrow::Cow;

/// A request or a gap as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// What is stored.
    pub entry: Entry,
    /// What was asked, on one line, where it is kept and wanted: see [`super::arguments`].
    pub arguments: Option<String>,
    /// The same with nothing cut, where that is more and wanted.
    pub whole_arguments: Option<String>,
    /// How long it has waited for its answer, where it is in flight, in milliseconds.
    pub waited_ms: Option<i64>,
    /// What stands in a table in the place of the row: such as that a server ended here.
    pub notice: Option<String>,
}

/// The sign of what is in flight.
pub const IN_FLIGHT: char = '▸';

impl From<Entry> for LogRow {
    fn from(entry: Entry) -> Self {
        Self {
            entry,
            arguments: None,
            whole_arguments: None,
            waited_ms: None,
            notice: None,
        }
    }
}

impl LogRow {
    /// A request in flight as it stands at `now_ms`.
    #[must_use]
    pub fn in_flight(open: OpenRow, now_ms: i64) -> Self {
        let payload = open.payload();
        let short = arguments::of(&open.row, payload.as_ref());
        let whole = arguments::whole(&open.row, payload.as_ref());
        Self {
            // Most are short, and need no second form.
            whole_arguments: whole.filter(|whole| short.as_ref() != Some(whole)),
            arguments: short,
            waited_ms: Some(now_ms.saturating_sub(open.row.ts).max(0)),
            ..Self::from(Entry::Request(Box::new(open.row)))
        }
    }

    /// The row with its arguments as long as they are kept, where that is more.
    #[must_use]
    pub fn with_whole_arguments(mut self) -> Self {
        self.arguments = self.whole_arguments.take().or(self.arguments);
        self
    }

    /// A line of its own in a table, at a time of a source's clock.
    #[must_use]
    pub fn notice(source: &str, ts: i64, text: &str) -> Self {
        let place = GapRow {
            seq: 0,
            source: source.to_owned(),
            count: 0,
            from_ts: ts,
            to_ts: ts,
        };
        Self {
            notice: Some(format!("── {text} ──")),
            ..Self::from(Entry::Gap(place))
        }
    }

    /// When it was, unix milliseconds.
    #[must_use]
    pub fn ts(&self) -> i64 {
        ts_of(&self.entry)
    }
}

/// A column over requests that is empty in a gap.
macro_rules! of_request {
    ($name:literal, $header:literal, $show:ident, |$row:ident| $value:expr) => {
        Column::new($name, $header, Show::$show, |row: &LogRow| {
            match &row.entry {
                Entry::Request($row) => Value::from($value),
                Entry::Gap(_) => Value::Null,
            }
        })
    };
}

/// Every column; those up to [`REQUEST_COLUMNS`]' length are in machine output by default.
pub const LOG_COLUMNS: &[Column<LogRow>] = &[
    Column::new("seq", "#", Show::Number, |row: &LogRow| {
        // What is in flight has no number yet.
        let seq = row.entry.seq();
        row.waited_ms.is_none().then_some(seq).into()
    }),
    of_request!("request_id", "REQUEST ID", Text, |row| row
        .request_id
        .as_deref()),
    Column::new("ts", "TS", Show::Number, |row: &LogRow| {
        Value::Int(ts_of(&row.entry))
    }),
    Column::new("time", "TIME", Show::Clock, |row: &LogRow| {
        Value::Time(ts_of(&row.entry))
    })
    .leave_out(5),
    of_request!("proxy", "PROXY", Name, |row| row.proxy.as_str())
        .cut_to(6)
        .between(8, 20)
        // Shown where there may be several: which of them it was is missed more than how long it took.
        .leave_out(4),
    Column::new("kind", "KIND", Show::Text, kind_of),
    of_request!("session_id", "SESSION ID", Text, |row| row
        .session_id
        .as_deref()),
    of_request!("session", "SESSION", SessionId, |row| row
        .session
        .as_deref())
    .extra(1),
    of_request!("client_name", "CLIENT", Text, |row| row
        .client_name
        .as_deref())
    .cut_to(8),
    of_request!("client_version", "VERSION", Text, |row| row
        .client_version
        .as_deref())
    .cut_to(6),
    of_request!("method", "METHOD", Text, |row| row.method.as_str()).cut_to(10),
    of_request!("tool", "TOOL", Text, |row| row.tool.as_deref()).cut_to(8),
    of_request!("resource_uri", "RESOURCE", Text, |row| row
        .resource_uri
        .as_deref())
    .cut_to(8),
    of_request!("prompt_name", "PROMPT", Text, |row| row
        .prompt_name
        .as_deref())
    .cut_to(8),
    of_request!("latency_us", "TOOK", Took, |row| row.latency_us)
        .between(6, 12)
        .leave_out(3),
    of_request!("upstream_us", "UPSTREAM", Latency, |row| row.upstream_us),
    of_request!("status", "STATUS", Outcome, |row| status(row)),
    of_request!("error_kind", "ERROR KIND", Text, |row| row
        .error_kind
        .and_then(ErrorKind::of_failure)),
    of_request!("error_code", "CODE", Text, |row| row.error_code.as_deref()),
    Column::new("error_msg", "ERROR", Show::Message, message_of)
        .cut_to(12)
        .leave_out(0),
    of_request!("bytes_in", "IN", Bytes, |row| row.bytes_in),
    of_request!("bytes_out", "OUT", Bytes, |row| row.bytes_out),
    of_request!("http_status", "HTTP", Text, |row| row
        .http_status
        .map(i64::from)),
    of_request!("first_event_us", "FIRST EVENT", Latency, |row| row
        .first_event_us),
    of_request!("format", "FORMAT", Text, |row| row
        .format
        .map(SourceFormat::as_str)),
    of_request!("trace_id", "TRACE", Text, |row| row
        .trace_id
        .map(|id| id.to_string())),
    of_request!("client", "CLIENT", Text, |row| client(
        row.client_name.as_deref(),
        row.client_version.as_deref()
    ))
    .cut_to(8)
    .between(8, 24)
    .extra(0),
    of_request!("target", "TARGET", Text, |row| row.target()).cut_to(8),
    of_request!("outcome", "STATUS", Outcome, |row| outcome(row)).cut_to(9),
    of_request!("call", "CALL", Text, |row| call(row))
        .cut_to(14)
        .between(16, 40),
    Column::new("arguments", "ARGUMENTS", Show::Arguments, |row: &LogRow| {
        asked(row, row.arguments.as_deref()).into()
    })
    .short_of(|row| {
        let whole = row.whole_arguments.as_deref()?;
        asked(row, Some(whole))
    })
    .cut_to(10)
    .between(11, 240)
    .leave_out(2),
    Column::new(
        "result",
        "RESULT",
        Show::Result,
        |row: &LogRow| match &row.entry {
            Entry::Request(request) => result(request, row.waited_ms).into(),
            Entry::Gap(_) => Value::Null,
        },
    )
    .cut_to(14)
    .between(20, usize::MAX),
];

/// What a request is in machine formats, in this order.
pub const REQUEST_COLUMNS: &[&str] = &[
    "seq",
    "request_id",
    "ts",
    "time",
    "proxy",
    "kind",
    "session_id",
    "session",
    "client_name",
    "client_version",
    "method",
    "tool",
    "resource_uri",
    "prompt_name",
    "latency_us",
    "upstream_us",
    "status",
    "error_kind",
    "error_code",
    "error_msg",
    "bytes_in",
    "bytes_out",
    "http_status",
    "first_event_us",
    "format",
    "trace_id",
];

/// What a table of requests shows; proxy, client and session only where there are several.
pub const LOG_TABLE: &[&str] = &[
    "seq",
    "time",
    "proxy",
    "client",
    "session",
    "call",
    "arguments",
    "latency_us",
    "result",
];

fn ts_of(entry: &Entry) -> i64 {
    match entry {
        Entry::Request(row) => row.ts,
        Entry::Gap(gap) => gap.from_ts,
    }
}

fn kind_of(row: &LogRow) -> Value<'_> {
    match &row.entry {
        Entry::Request(row) => row.kind.as_str().into(),
        Entry::Gap(_) => "gap".into(),
    }
}

fn message_of(row: &LogRow) -> Value<'_> {
    match &row.entry {
        Entry::Request(row) => row.error_msg.as_deref().into(),
        Entry::Gap(gap) if gap.count == Gap::UNKNOWN => {
            format!("what followed was not found: {}", gap.source).into()
        }
        Entry::Gap(gap) => format!("{} events dropped", gap.count).into(),
    }
}

/// A client's name and version in one cell.
pub(super) fn client(name: Option<&str>, version: Option<&str>) -> Option<String> {
    match (name, version) {
        (Some(name), Some(version)) => Some(format!("{name} {version}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// How it ended, or that it has not.
fn status(row: &RequestRow) -> &'static str {
    row.flight.map_or(row.status.as_str(), Flight::as_str)
}

/// `ok`, `timeout`, `error:rpc -32602`.
fn outcome(row: &RequestRow) -> String {
    let mut text = status(row).to_owned();
    if row.status == Status::Error
        && let Some(kind) = row.error_kind
    {
        text = format!("{text}:{}", kind.as_str());
    }
    match &row.error_code {
        Some(code) => format!("{text} {code}"),
        None => text,
    }
}

/// The tool of a call, for `tools/call` goes without saying; the method of anything else.
fn call(row: &RequestRow) -> Cow<'_, str> {
    let tool = row.tool.as_deref().filter(|_| is_call(row));
    tool.map_or(Cow::Borrowed(&*row.method), tool_beside_methods)
}

/// What methods of MCP are named by before their slash, and those that have none.
const METHOD_NAMES: &[&str] = &[
    "completion",
    "elicitation",
    "initialize",
    "logging",
    "notifications",
    "ping",
    "prompts",
    "resources",
    "roots",
    "sampling",
    "server",
    "subscriptions",
    "tasks",
    "tools",
];

/// A tool's name where methods stand in the same column: one that reads as a method, as a sum or as nothing is written
/// to be a tool.
pub(super) fn tool_beside_methods(name: &str) -> Cow<'_, str> {
    let (first, rest) = name.split_once('/').unwrap_or((name, ""));
    let is_whole = matches!(first, "initialize" | "ping");
    let is_method = METHOD_NAMES.contains(&first) && is_whole == rest.is_empty();
    if name.trim().is_empty() {
        return format!("`{name}` (tool)").into();
    }
    if is_method || name == OTHER {
        return format!("{name} (tool)").into();
    }
    name.into()
}

fn is_call(row: &RequestRow) -> bool {
    row.method == "tools/call" && row.tool.is_some()
}

/// What was asked: the target, where it is not the call itself, and the arguments.
fn asked<'a>(row: &'a LogRow, arguments: Option<&'a str>) -> Option<Cow<'a, str>> {
    let target = match &row.entry {
        Entry::Request(request) => request.target().filter(|_| !is_call(request)),
        Entry::Gap(_) => None,
    };
    match (target, arguments) {
        (Some(target), Some(arguments)) => Some(format!("{target} {arguments}").into()),
        // One of them at most, which needs no blank.
        (one, other) => one.or(other).map(Cow::Borrowed),
    }
}

/// Nothing where it went well, `? unknown` where nobody saw how it ended, else `✗ kind code: message`, or `▸ pending 4s` where it has no result yet.
#[must_use]
pub fn result(row: &RequestRow, waited_ms: Option<i64>) -> Option<String> {
    if let Some(flight) = row.flight {
        return Some(in_flight(flight, waited_ms));
    }
    if row.status == Status::Ok {
        return None;
    }
    // A row of another program may have a status alone.
    let failure = row.error_kind.and_then(ErrorKind::of_failure);
    let kind = failure.unwrap_or(row.status.as_str());
    // A cross would call it a failure.
    let sign = if row.status == Status::Unknown {
        "?"
    } else {
        "✗"
    };
    let mut text = format!("{sign} {kind}");
    if let Some(code) = &row.error_code {
        text = format!("{text} {code}");
    }
    if let Some(message) = &row.error_msg {
        text = format!("{text}: {}", without_repetition(message, row));
    }
    Some(text)
}

/// What is reported about a request in flight.
#[must_use]
pub fn in_flight(flight: Flight, waited_ms: Option<i64>) -> String {
    match flight {
        Flight::Pending | Flight::Open => {
            let waited = waited_ms.map_or_else(String::new, units::lasting);
            format!("{IN_FLIGHT} {} {waited}", flight.as_str())
        }
        Flight::Unknown => format!("{IN_FLIGHT} unknown: its recorder is gone"),
    }
}

/// A message without what stands before it already: many servers begin theirs with the code, `MCP error -32602: `,
/// or with the tool, `Error executing tool echo: `.
fn without_repetition<'a>(message: &'a str, row: &RequestRow) -> &'a str {
    let code = row.error_code.as_deref().unwrap_or_default();
    let tool = row.tool.as_deref().unwrap_or_default();
    let beginnings = [
        ("MCP error ", code, ": "),
        ("Error executing tool ", tool, ": "),
        ("Error calling tool '", tool, "': "),
    ];
    let rest = beginnings.iter().find_map(|(begin, known, end)| {
        let rest = message.strip_prefix(begin)?.strip_prefix(known)?;
        let rest = rest.strip_prefix(end)?;
        // Of one that says nothing else nothing is taken.
        (!known.is_empty() && !rest.is_empty()).then_some(rest)
    });
    // The code that a tool has within its message stands for itself.
    let of_code = || {
        message
            .strip_prefix("MCP error ")
            .filter(|rest| rest.starts_with('-'))
    };
    rest.or_else(of_code).unwrap_or(message)
}

impl Record for LogRow {
    fn interruption(&self, time: &dyn Fn(i64) -> String) -> Option<String> {
        match &self.entry {
            _ if self.notice.is_some() => self.notice.clone(),
            Entry::Request(_) => None,
            Entry::Gap(gap) => Some(gap_line(gap, time)),
        }
    }

    fn clock(&self) -> Option<(&str, i64)> {
        // Proxies of one host may log by different clocks.
        let source = match &self.entry {
            Entry::Request(row) => &row.proxy,
            Entry::Gap(gap) => &gap.source,
        };
        Some((source, ts_of(&self.entry)))
    }
}

/// The line that a gap is in a list; none for a request.
#[must_use]
pub fn gap_text(entry: &Entry, zone: Zone) -> Option<String> {
    match entry {
        Entry::Request(_) => None,
        Entry::Gap(gap) => Some(gap_line(gap, &|ts| time(ts, zone))),
    }
}

fn gap_line(gap: &GapRow, time: &dyn Fn(i64) -> String) -> String {
    if gap.count == Gap::UNKNOWN {
        let time = time(gap.to_ts);
        return format!(
            "── gap: what followed was not found, {time}, from {} ──",
            gap.source
        );
    }
    let events = if gap.count == 1 { "event" } else { "events" };
    format!(
        "── gap: {} {events} dropped, {} - {}, from {} ──",
        grouped(gap.count),
        time(gap.from_ts),
        time(gap.to_ts),
        gap.source
    )
}
