//! What clap accepts as values of our own types, and the words it lists for them.

pub(super) use crate::config::values::size_bytes;
use crate::console::ColourChoice;
use crate::render::Format;
use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use mcpr_model::{ErrorKind, Kind, Status, TraceId};
use mcpr_store::query::when::parse_duration_us;
use mcpr_store::query::{ClientOrder, Flight, GroupBy, StatsOrder};

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Table, Self::Json, Self::Ndjson, Self::Csv]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Table => PossibleValue::new("table").help("Columns for people"),
            Self::Json => PossibleValue::new("json").help("One JSON array"),
            Self::Ndjson => PossibleValue::new("ndjson").help("One JSON object a line"),
            Self::Csv => PossibleValue::new("csv").help("RFC 4180 with a header row"),
        })
    }
}

impl ValueEnum for ColourChoice {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::Always, Self::Never]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }))
    }
}

/// Parses one of the named values of a type that another crate defines: clap's own trait cannot be
/// implemented for it here.
pub(super) fn one_of<T>(named: Vec<(PossibleValue, T)>) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let words: Vec<PossibleValue> = named.iter().map(|(word, _)| word.clone()).collect();
    PossibleValuesParser::new(words).map(move |given| {
        let found = named.iter().find(|(word, _)| word.matches(&given, false));
        found.expect("the parser takes listed words only").1
    })
}

/// Parses a trace id, or the `traceparent` that it stands in.
pub(super) fn trace_id(text: &str) -> Result<TraceId, String> {
    TraceId::of_hex(text)
        .or_else(|| TraceId::of_traceparent(text))
        .ok_or_else(|| "no trace id: it has 32 hexadecimal digits, not all of them 0".to_owned())
}

/// A status that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedStatus {
    /// Of a request that has ended.
    Ended(Status),
    /// Ended with an error, or without an answer in time.
    Failed,
    /// In flight: it has none yet.
    Pending,
}

impl AskedStatus {
    /// Those of requests that have ended: the store filters by these alone.
    pub(super) fn ended(asked: &[Self]) -> Vec<Status> {
        let mut ended = Vec::new();
        for status in asked {
            match status {
                Self::Ended(status) => ended.push(*status),
                Self::Failed => ended.extend([Status::Error, Status::Timeout]),
                Self::Pending => {}
            }
        }
        ended
    }

    /// Whether nothing but requests in flight is asked for.
    pub(super) fn is_only_pending(asked: &[Self]) -> bool {
        asked.contains(&Self::Pending) && Self::ended(asked).is_empty()
    }

    /// The word for it, as every output has it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ended(status) => status.as_str(),
            Self::Failed => "failed",
            Self::Pending => Flight::Pending.as_str(),
        }
    }
}

/// Parses a status.
pub(super) fn status() -> impl TypedValueParser<Value = AskedStatus> {
    one_of_statuses(&[AskedStatus::Failed, AskedStatus::Pending])
}

/// Parses how a request ended.
pub(super) fn ended_status() -> impl TypedValueParser<Value = AskedStatus> {
    one_of_statuses(&[AskedStatus::Failed])
}

fn one_of_statuses(others: &[AskedStatus]) -> impl TypedValueParser<Value = AskedStatus> {
    let ended = Status::ALL.map(AskedStatus::Ended);
    let all = ended.iter().chain(others);
    one_of(
        all.map(|&status| (PossibleValue::new(status.as_str()), status))
            .collect(),
    )
}

/// Parses the layer of an error.
pub(super) fn error_kind() -> impl TypedValueParser<Value = ErrorKind> {
    one_of(
        ErrorKind::FAILURES
            .map(|kind| (PossibleValue::new(kind.as_str()), kind))
            .to_vec(),
    )
}

/// What the lines of `stats` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatsBy {
    /// Sums of requests.
    Sums(GroupBy),
    /// Traces.
    Traces,
}

/// Parses what requests are put together by.
pub(super) fn by() -> impl TypedValueParser<Value = StatsBy> {
    let value =
        |name: &'static str, help: &'static str, by| (PossibleValue::new(name).help(help), by);
    one_of(vec![
        value(
            "tool",
            "Each tool, and each other method",
            StatsBy::Sums(GroupBy::Tool),
        ),
        value("method", "Each method", StatsBy::Sums(GroupBy::Method)),
        value(
            "client",
            "Each client and version",
            StatsBy::Sums(GroupBy::Client),
        ),
        value("proxy", "Each proxy", StatsBy::Sums(GroupBy::Proxy)),
        value(
            "hour",
            "Each hour, in order of time",
            StatsBy::Sums(GroupBy::Hour),
        ),
        value("trace", "Each trace, the newest first", StatsBy::Traces),
    ])
}

/// Parses what the lines of `stats` go by.
pub(super) fn stats_order() -> impl TypedValueParser<Value = StatsOrder> {
    use StatsOrder as Order;
    let value =
        |name: &'static str, help: &'static str, by| (PossibleValue::new(name).help(help), by);
    one_of(vec![
        value("calls", "The most called first", Order::Calls),
        value("errors", "The most failed first", Order::Errors),
        value("error-rate", "By the share that failed", Order::ErrorRate),
        value("spent", "By the time spent in all", Order::Spent),
        value("p50", "By the median latency", Order::P50),
        value("p95", "By what 95 % stay below", Order::P95),
        value("p99", "By what 99 % stay below", Order::P99),
        value("max", "By the longest latency", Order::Max),
        value("in", "By the bytes of requests", Order::BytesIn),
        value("out", "By the bytes of answers", Order::BytesOut),
        value("name", "In the order of letters", Order::Name),
    ])
}

/// Parses what the lines of `clients` go by.
pub(super) fn client_order() -> impl TypedValueParser<Value = ClientOrder> {
    use ClientOrder as Order;
    let value =
        |name: &'static str, help: &'static str, by| (PossibleValue::new(name).help(help), by);
    one_of(vec![
        value("calls", "The one with the most calls first", Order::Calls),
        value(
            "errors",
            "The one with the most errors first",
            Order::Errors,
        ),
        value("sessions", "By sessions", Order::Sessions),
        value("first-seen", "The newest client first", Order::FirstSeen),
        value("last-seen", "The one seen last first", Order::LastSeen),
        value("name", "In the order of letters", Order::Name),
    ])
}

/// Which kinds of traffic are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum KindChoice {
    /// JSON-RPC requests of MCP
    Mcp,
    /// Other HTTP traffic
    Http,
    /// Requests to OAuth endpoints
    Oauth,
    /// Everything
    All,
}

impl KindChoice {
    /// The one kind that is meant; `None` is all.
    #[must_use]
    pub(super) fn kind(self) -> Option<Kind> {
        match self {
            Self::Mcp => Some(Kind::Mcp),
            Self::Http => Some(Kind::Http),
            Self::Oauth => Some(Kind::Oauth),
            Self::All => None,
        }
    }
}

/// How many rows of a list, counted from its newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowLimit {
    /// At most so many.
    Rows(usize),
    /// As many as there are.
    All,
}

impl RowLimit {
    /// The number, where there is one.
    #[must_use]
    pub(super) fn rows(self) -> Option<usize> {
        match self {
            Self::Rows(rows) => Some(rows),
            Self::All => None,
        }
    }
}

impl std::str::FromStr for RowLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => text
                .parse()
                .map(Self::Rows)
                .map_err(|_| "give a number, or `all`".to_owned()),
        }
    }
}

/// A duration in microseconds, for clap.
pub(super) fn duration_us(text: &str) -> Result<i64, String> {
    parse_duration_us(text).map_err(|error| format!("{error}; {}", error.hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_an_answer_in_time_has_failed_too() {
        let failed = [Status::Error, Status::Timeout];
        assert_eq!(AskedStatus::ended(&[AskedStatus::Failed]), failed);
        let asked = [AskedStatus::Failed, AskedStatus::Pending];
        assert_eq!(AskedStatus::ended(&asked), failed);
        assert!(!AskedStatus::is_only_pending(&asked));
    }
}
