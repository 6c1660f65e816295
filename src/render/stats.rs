//! The columns of sums. Names, order and types of the machine columns are a contract.

use super::columns::{Column, Record, Show, Value};
use super::requests::{client, tool_beside_methods};
use mcpr_model::ErrorKind;
use mcpr_store::query::{OperationSums, Summary};

impl Record for Summary {}

type Sums = Column<Summary>;

const fn count(name: &'static str, header: &'static str, value: fn(&Summary) -> Value<'_>) -> Sums {
    Column::new(name, header, Show::Grouped, value)
}

fn whole(number: u64) -> Value<'static> {
    Value::Int(number.cast_signed())
}

fn of_operations(row: &Summary, value: fn(&OperationSums) -> i64) -> Value<'_> {
    row.operations.as_ref().map(value).into()
}

fn quantile(row: &Summary, q: f64) -> Value<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a quantile lies between two latencies"
    )]
    let rounded = |us: f64| us.round() as i64;
    let sums = row.operations.as_ref();
    sums.and_then(|it| it.elapsed.quantile(q))
        .map(rounded)
        .into()
}

/// What `--operations` shows in a table; null where it is not given.
pub const OPERATION_FIELDS: [&str; 7] = [
    "operations",
    "operation_errors",
    "operations_open",
    "operation_p50_us",
    "operation_p95_us",
    "server_us",
    "waiting_us",
];

/// Every column; those in [`STATS_FIELDS`] are in machine output by default.
pub const STATS_COLUMNS: &[Sums] = &[
    Sums::new("proxy", "PROXY", Show::Text, |row| {
        row.key.proxy.as_deref().into()
    })
    .cut_to(6)
    .between(10, 20)
    .leave_out(8),
    Sums::new("method", "METHOD", Show::Text, |row| {
        row.key.method.as_deref().into()
    })
    .cut_to(10),
    Sums::new("tool", "TOOL", Show::Text, |row| {
        row.key.tool.as_deref().into()
    })
    .cut_to(8),
    Sums::new("client_name", "CLIENT", Show::Text, |row| {
        row.key.client_name.as_deref().into()
    })
    .cut_to(8),
    Sums::new("client_version", "VERSION", Show::Text, |row| {
        row.key.client_version.as_deref().into()
    })
    .cut_to(6),
    Sums::new("hour", "HOUR", Show::Time, |row| row.key.hour.into()),
    Sums::new("time", "HOUR", Show::Time, |row| {
        row.key.hour.map_or(Value::Null, Value::Time)
    }),
    count("calls", "CALLS", |row| whole(row.calls)),
    count("errors", "ERRORS", |row| whole(row.total_errors)).extra(2),
    Sums::new("error_rate", "ERR%", Show::Share, |row| {
        Value::Ratio(row.error_rate())
    }),
    count("errors_rpc", "RPC", |row| {
        whole(row.errors[ErrorKind::Rpc.index()])
    }),
    count("errors_tool", "TOOL ERRORS", |row| {
        whole(row.errors[ErrorKind::Tool.index()])
    }),
    count("errors_http", "HTTP", |row| {
        whole(row.errors[ErrorKind::Http.index()])
    }),
    count("errors_cancelled", "CANCELLED", |row| {
        whole(row.errors[ErrorKind::Cancelled.index()])
    }),
    count("errors_timeout", "TIMEOUTS", |row| {
        whole(row.errors[ErrorKind::Timeout.index()])
    }),
    count("errors_died", "DIED", |row| {
        whole(row.errors[ErrorKind::Died.index()])
    }),
    count("errors_denied", "DENIED", |row| {
        whole(row.errors[ErrorKind::Denied.index()])
    }),
    count("unknown", "UNKNOWN", |row| {
        whole(row.errors[ErrorKind::Unseen.index()])
    }),
    Sums::new("total_us", "SPENT", Show::Latency, |row| {
        // Of calls whose latency nobody knows, nobody knows the time spent.
        row.quantiles_us[0].and(Some(row.total_us)).into()
    })
    .extra(6),
    Sums::new("p50_us", "P50", Show::Latency, |row| {
        row.quantiles_us[0].into()
    })
    .leave_out(7),
    Sums::new("p95_us", "P95", Show::Latency, |row| {
        row.quantiles_us[1].into()
    }),
    Sums::new("p99_us", "P99", Show::Latency, |row| {
        row.quantiles_us[2].into()
    })
    .extra(3),
    Sums::new("min_us", "MIN", Show::Latency, |row| {
        row.latency_range_us.map(|(low, _)| low).into()
    }),
    Sums::new("max_us", "MAX", Show::Latency, |row| {
        row.latency_range_us.map(|(_, high)| high).into()
    })
    .extra(4),
    Sums::new("bytes_in", "IN", Show::Bytes, |row| row.bytes_in.into()).extra(0),
    Sums::new("bytes_out", "OUT", Show::Bytes, |row| row.bytes_out.into()).extra(1),
    Sums::new("calls_by_bucket", "OVER TIME", Show::Bars, |row| {
        Value::Counts(&row.calls_by_bucket)
    })
    .extra(5),
    count("unplaced_calls", "UNPLACED", |row| {
        whole(row.unplaced_calls)
    }),
    Sums::new("calls_before", "BEFORE", Show::Grouped, |row| {
        row.before.map(|it| it.calls.cast_signed()).into()
    }),
    Sums::new("errors_before", "ERRORS BEFORE", Show::Grouped, |row| {
        row.before.map(|it| it.total_errors.cast_signed()).into()
    }),
    Sums::new("p50_before_us", "P50 BEFORE", Show::Latency, |row| {
        row.before.and_then(|it| it.quantiles_us[0]).into()
    })
    // Before the figure that it stands beside: alone it says nothing.
    .leave_out(5),
    Sums::new("p95_before_us", "P95 BEFORE", Show::Latency, |row| {
        row.before.and_then(|it| it.quantiles_us[1]).into()
    }),
    Sums::new("p95_factor", "P95 CHANGE", Show::Factor, |row| {
        row.p95_factor().map_or(Value::Null, Value::Ratio)
    }),
    Sums::new("operations", "OPERATIONS", Show::Grouped, |row| {
        of_operations(row, |it| it.operations.cast_signed())
    }),
    Sums::new("operation_errors", "FAILED", Show::Grouped, |row| {
        of_operations(row, |it| it.errors.cast_signed())
    }),
    Sums::new("operations_open", "OPEN", Show::Grouped, |row| {
        of_operations(row, |it| it.open.cast_signed())
    })
    .extra(3),
    Sums::new("operation_p50_us", "P50", Show::Latency, |row| {
        quantile(row, 0.5)
    })
    .extra(5),
    Sums::new("operation_p95_us", "P95", Show::Latency, |row| {
        quantile(row, 0.95)
    }),
    Sums::new("server_us", "SERVER", Show::Latency, |row| {
        of_operations(row, |it| it.server_us)
    })
    .leave_out(4),
    Sums::new("waiting_us", "WAITING", Show::Latency, |row| {
        of_operations(row, |it| it.waiting_us)
    }),
    Sums::new("client", "CLIENT", Show::Text, |row| {
        client(
            row.key.client_name.as_deref(),
            row.key.client_version.as_deref(),
        )
        .into()
    })
    .cut_to(8)
    .between(18, 40),
    Sums::new("what", "TOOL / METHOD", Show::Text, |row| {
        match (row.key.tool.as_deref(), row.key.method.as_deref()) {
            // What puts all others together has no method.
            (Some(tool), Some(_)) => tool_beside_methods(tool).into(),
            (tool, method) => tool.or(method).into(),
        }
    })
    .cut_to(14)
    .between(24, 60),
];

/// What a line is in machine formats, in this order.
pub const STATS_FIELDS: &[&str] = &[
    "proxy",
    "method",
    "tool",
    "client_name",
    "client_version",
    "hour",
    "time",
    "calls",
    "errors",
    "error_rate",
    "errors_rpc",
    "errors_tool",
    "errors_http",
    "errors_cancelled",
    "errors_timeout",
    "p50_us",
    "p95_us",
    "p99_us",
    "min_us",
    "max_us",
    "bytes_in",
    "bytes_out",
    "calls_by_bucket",
    "unplaced_calls",
    // Last, so that the columns of a CSV stand where they stood.
    "errors_died",
    "unknown",
    "errors_denied",
    "calls_before",
    "errors_before",
    "p50_before_us",
    "p95_before_us",
    "p95_factor",
    "operations",
    "operation_errors",
    "operations_open",
    "operation_p50_us",
    "operation_p95_us",
    "server_us",
    "waiting_us",
];
