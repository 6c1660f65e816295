//! The columns of traces. Names, order and types of the machine columns are a contract.

use super::columns::{Column, Record, Show, Value};
use mcpr_store::query::TraceRow;

impl Record for TraceRow {}

type Traces = Column<TraceRow>;

/// Every column; those in [`TRACE_FIELDS`] are in machine output by default.
pub const TRACE_COLUMNS: &[Traces] = &[
    Traces::new("trace_id", "TRACE", Show::Text, |row| {
        row.trace_id.to_string().into()
    }),
    Traces::new("first_at", "BEGAN", Show::Time, |row| row.first_ts.into()),
    Traces::new("time", "BEGAN", Show::Time, |row| Value::Time(row.first_ts)),
    Traces::new("requests", "REQUESTS", Show::Grouped, |row| {
        row.requests.cast_signed().into()
    }),
    Traces::new("errors", "ERRORS", Show::Grouped, |row| {
        row.errors.cast_signed().into()
    }),
    Traces::new("elapsed_us", "TOOK", Show::Latency, |row| {
        row.elapsed_us.into()
    }),
    Traces::new("sessions", "SESSIONS", Show::Grouped, |row| {
        row.sessions.cast_signed().into()
    })
    .leave_out(1),
    Traces::new("proxies", "PROXIES", Show::Text, |row| {
        row.proxies.join(", ").into()
    })
    .cut_to(8),
];

/// What a trace is in machine formats, in this order.
pub const TRACE_FIELDS: &[&str] = &[
    "trace_id",
    "first_at",
    "time",
    "requests",
    "errors",
    "elapsed_us",
    "sessions",
    "proxies",
];

/// What a table shows of it.
pub const TRACE_TABLE: &[&str] = &[
    "trace_id",
    "first_at",
    "requests",
    "errors",
    "elapsed_us",
    "sessions",
    "proxies",
];
