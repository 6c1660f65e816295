//! The columns of a request. Names, order and types of the machine columns are a contract: they
//! are only ever added to.

use super::columns::{Column, Record, Show, Value};
use super::units::{grouped, time};
use mcpr_model::{ErrorKind, Gap, Status};
use mcpr_store::query::when::Zone;
use mcpr_store::query::{Entry, GapRow, RequestRow};

/// A column over requests that is empty in a gap.
macro_rules! of_request {
    ($name:literal, $header:literal, $show:ident, |$row:ident| $value:expr) => {
        Column::new($name, $header, Show::$show, |entry: &Entry| match entry {
            Entry::Request($row) => Value::from($value),
            Entry::Gap(_) => Value::Null,
        })
    };
}

/// Every column; those up to [`REQUEST_COLUMNS`]' length are in machine output by default.
pub const LOG_COLUMNS: &[Column<Entry>] = &[
    Column::new("seq", "SEQ", Show::Number, |entry| Value::Int(entry.seq())),
    of_request!("request_id", "REQUEST ID", Text, |row| row
        .request_id
        .as_deref()),
    Column::new("ts", "TS", Show::Number, |entry| Value::Int(ts_of(entry))),
    Column::new("time", "TIME", Show::Time, |entry| {
        Value::Time(ts_of(entry))
    })
    .leave_out(5),
    of_request!("proxy", "PROXY", Text, |row| row.proxy.as_str())
        .cut_to(6)
        .leave_out(2),
    Column::new("kind", "KIND", Show::Text, kind_of),
    of_request!("session_id", "SESSION ID", Text, |row| row
        .session_id
        .as_deref()),
    of_request!("session", "SESSION", SessionId, |row| row
        .session
        .as_deref())
    .leave_out(3),
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
    of_request!("latency_us", "LATENCY", Latency, |row| row.latency_us).leave_out(4),
    of_request!("upstream_us", "UPSTREAM", Latency, |row| row.upstream_us),
    of_request!("status", "STATUS", Outcome, |row| row.status.as_str()),
    of_request!("error_kind", "ERROR KIND", Text, |row| row
        .error_kind
        .map(ErrorKind::as_str)),
    of_request!("error_code", "CODE", Text, |row| row.error_code.as_deref()),
    Column::new("error_msg", "ERROR", Show::Message, message_of)
        .cut_to(12)
        .leave_out(0),
    of_request!("bytes_in", "IN", Bytes, |row| row.bytes_in),
    of_request!("bytes_out", "OUT", Bytes, |row| row.bytes_out),
    of_request!("client", "CLIENT", Text, |row| client(
        row.client_name.as_deref(),
        row.client_version.as_deref()
    ))
    .cut_to(8)
    .leave_out(1),
    of_request!("target", "TARGET", Text, |row| row.target()).cut_to(8),
    of_request!("outcome", "STATUS", Outcome, |row| outcome(row)).cut_to(9),
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
];

/// What a table of one session's requests shows.
pub const SESSION_LOG_COLUMNS: &[&str] = &[
    "time",
    "method",
    "target",
    "latency_us",
    "outcome",
    "error_msg",
];

fn ts_of(entry: &Entry) -> i64 {
    match entry {
        Entry::Request(row) => row.ts,
        Entry::Gap(gap) => gap.from_ts,
    }
}

fn kind_of(entry: &Entry) -> Value<'_> {
    match entry {
        Entry::Request(row) => row.kind.as_str().into(),
        Entry::Gap(_) => "gap".into(),
    }
}

fn message_of(entry: &Entry) -> Value<'_> {
    match entry {
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

/// `ok`, `timeout`, `error:rpc -32602`.
fn outcome(row: &RequestRow) -> String {
    let mut text = row.status.as_str().to_owned();
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

impl Record for Entry {
    fn interruption(&self, zone: Zone) -> Option<String> {
        match self {
            Self::Request(_) => None,
            Self::Gap(gap) => Some(gap_line(gap, zone)),
        }
    }
}

fn gap_line(gap: &GapRow, zone: Zone) -> String {
    if gap.count == Gap::UNKNOWN {
        let time = time(gap.to_ts, zone);
        return format!(
            "-- gap: what followed was not found, {time}, from {} --",
            gap.source
        );
    }
    let events = if gap.count == 1 { "event" } else { "events" };
    format!(
        "-- gap: {} {events} dropped, {} - {}, from {} --",
        grouped(gap.count),
        time(gap.from_ts, zone),
        time(gap.to_ts, zone),
        gap.source
    )
}
