//! The messages of OTLP, as far as they are looked at: one struct for both encodings. Members that are not
//! listed are skipped.

use crate::json;
use serde::Deserialize;

/// The body of a post to `/v1/traces`.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TracesData {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    pub(crate) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Resource {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    pub(crate) scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "json::parts")]
    pub(crate) spans: Vec<SpanMessage>,
}

/// What made the spans or records: a library of instrumentation.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Scope {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SpanMessage {
    // OTLP writes ids as hexadecimal digits in JSON, where protobuf's own rule is base64.
    #[prost(bytes = "vec", tag = "1")]
    #[serde(deserialize_with = "json::hex")]
    pub(crate) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(deserialize_with = "json::hex")]
    pub(crate) span_id: Vec<u8>,
    // May say that not every trace is reported.
    #[prost(string, tag = "3")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) trace_state: String,
    #[prost(bytes = "vec", tag = "4")]
    #[serde(deserialize_with = "json::hex")]
    pub(crate) parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) name: String,
    #[prost(int32, tag = "6")]
    #[serde(deserialize_with = "json::enumerated")]
    pub(crate) kind: i32,
    #[prost(fixed64, tag = "7")]
    #[serde(deserialize_with = "json::number")]
    pub(crate) start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    #[serde(deserialize_with = "json::number")]
    pub(crate) end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "11")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) events: Vec<SpanEvent>,
    #[prost(message, optional, tag = "15")]
    pub(crate) status: Option<SpanStatus>,
    // Why JSON is not read as one; the number means nothing in OTLP.
    #[prost(string, tag = "536870911")]
    #[serde(skip)]
    pub(crate) unreadable: String,
}

impl json::ListedPart for SpanMessage {
    fn unreadable(why: String) -> Self {
        Self {
            unreadable: why,
            ..Self::default()
        }
    }
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SpanEvent {
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SpanStatus {
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) message: String,
    #[prost(int32, tag = "3")]
    #[serde(deserialize_with = "json::enumerated")]
    pub(crate) code: i32,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct KeyValue {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AnyValue {
    #[prost(oneof = "PlainValue", tags = "1, 2, 3, 4")]
    pub(crate) value: Option<PlainValue>,
}

/// A value that says something by itself; lists and maps are nothing that is looked at.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum PlainValue {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Flag(bool),
    #[prost(int64, tag = "3")]
    Whole(i64),
    #[prost(double, tag = "4")]
    Real(f64),
}

/// The body of a post to `/v1/logs`.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LogsData {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) resource_logs: Vec<ResourceLogs>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResourceLogs {
    #[prost(message, optional, tag = "1")]
    pub(crate) resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) scope_logs: Vec<ScopeLogs>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ScopeLogs {
    #[prost(message, repeated, tag = "2")]
    #[serde(deserialize_with = "json::parts")]
    pub(crate) log_records: Vec<LogMessage>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LogMessage {
    #[prost(fixed64, tag = "1")]
    #[serde(deserialize_with = "json::number")]
    pub(crate) time_unix_nano: u64,
    #[prost(message, optional, tag = "5")]
    pub(crate) body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) attributes: Vec<KeyValue>,
    #[prost(bytes = "vec", tag = "9")]
    #[serde(deserialize_with = "json::hex")]
    pub(crate) trace_id: Vec<u8>,
    // Where the time itself is left at 0.
    #[prost(fixed64, tag = "11")]
    #[serde(deserialize_with = "json::number")]
    pub(crate) observed_time_unix_nano: u64,
    #[prost(string, tag = "12")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) event_name: String,
    // As that of a span.
    #[prost(string, tag = "536870911")]
    #[serde(skip)]
    pub(crate) unreadable: String,
}

impl json::ListedPart for LogMessage {
    fn unreadable(why: String) -> Self {
        Self {
            unreadable: why,
            ..Self::default()
        }
    }
}

/// The body of a post to `/v1/metrics`, of which nothing is kept.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MetricsData {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::nullable")]
    pub(crate) resource_metrics: Vec<ResourceMetrics>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResourceMetrics {}

/// An `Export…ServiceResponse`: those of traces, logs and metrics have the same members under the same
/// numbers.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(crate) rejected: i64,
    #[prost(string, tag = "2")]
    pub(crate) error_message: String,
}

/// `google.rpc.Status`: the body of an answer that refuses.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RefusalStatus {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
}
