//! What is shown as text, in either format that a Prometheus reads. Escaping is the library's.

use crate::Operations;
use crate::durations::Durations;
use crate::labels::OperationLabels;
use crate::operations::OperationDurations;
use crate::recorder::RecorderState;
use mcpr_model::Text;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics` 1.0, which a Prometheus asks for first.
    OpenMetrics,
    /// The text format of Prometheus, 0.0.4: what everything else reads.
    Prometheus,
}

impl Format {
    /// What a client asked for with its `Accept` headers.
    #[must_use]
    pub fn of_accept(accept: &str) -> Self {
        let asks = |range: &str| {
            let essence = range.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/openmetrics-text")
        };
        if accept.split(',').any(asks) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }
}

/// All metrics as text.
///
/// # Errors
/// When a text cannot be written, which does not happen in memory.
pub fn render(
    state: RecorderState,
    operations: &Operations,
    format: Format,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot {
        state,
        requests: operations.requests.clone(),
        sessions: operations.sessions.clone(),
    }));
    let mut written = String::new();
    match format {
        Format::OpenMetrics => text::encode(&mut written, &registry)?,
        Format::Prometheus => prometheus_text::encode(&mut written, &registry)?,
    }
    Ok(written)
}

/// Everything at one moment.
#[derive(Debug)]
struct Snapshot {
    state: RecorderState,
    requests: BTreeMap<OperationLabels, OperationDurations>,
    sessions: BTreeMap<Text, Durations>,
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.operations(&mut encoder)?;
        self.input(&mut encoder)?;
        self.stored(&mut encoder)?;
        self.gauges(&mut encoder)?;
        self.sources(&mut encoder)
    }
}

impl Snapshot {
    fn operations(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let server = self
            .requests
            .iter()
            .map(|(labels, durations)| (labels.pairs(), &durations.server));
        histogram(
            encoder,
            "mcp_server_operation_duration",
            "Duration of MCP requests, from their coming in to their answer",
            server,
        )?;
        let client = self
            .requests
            .iter()
            .map(|(labels, durations)| (labels.pairs(), &durations.client));
        histogram(
            encoder,
            "mcp_client_operation_duration",
            "Duration of the upstream's share of MCP requests, where it is known",
            client,
        )?;
        let sessions = [
            (
                "mcp_server_session_duration",
                "Duration of MCP sessions that have ended, as the server saw them",
            ),
            (
                "mcp_client_session_duration",
                "Duration of MCP sessions that have ended, as the client saw them",
            ),
        ];
        for (name, help) in sessions {
            let series = self
                .sessions
                .iter()
                .map(|(proxy, durations)| (vec![("proxy", proxy.as_str())], durations));
            histogram(encoder, name, help, series)?;
        }
        Ok(())
    }

    fn input(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let RecorderState { counts, .. } = &self.state;
        counter(
            encoder,
            "mcpr_input",
            Some(&Unit::Bytes),
            "Bytes of lines and bodies taken from sources",
            self.state.input_bytes,
        )?;
        let input = [
            ("mcpr_lines", "Lines read from sources", counts.lines),
            ("mcpr_events", "Events decoded", counts.events),
            ("mcpr_text_lines", "Lines that are not JSON", counts.text),
            (
                "mcpr_bad_lines",
                "Lines or array elements that did not decode",
                counts.bad,
            ),
            (
                "mcpr_unknown_events",
                "Events of a type that is not known",
                counts.unknown,
            ),
            (
                "mcpr_filtered_requests",
                "Requests left out by --include and --exclude",
                counts.filtered,
            ),
            (
                "mcpr_dropped_events",
                "Events dropped because a queue was full; gaps stand for them",
                counts.dropped,
            ),
            (
                "mcpr_redacted_secrets",
                "Secrets taken out before anything was stored",
                counts.redacted,
            ),
        ];
        counters(encoder, &input)
    }

    fn stored(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let stored = [
            (
                "mcpr_stored_requests",
                "Requests that are new in the store",
                self.state.stored,
            ),
            (
                "mcpr_duplicate_requests",
                "Requests that were in the store already",
                self.state.duplicates,
            ),
            (
                "mcpr_conflicting_requests",
                "Requests whose id was in the store with another content",
                self.state.conflicts,
            ),
            ("mcpr_gaps", "Gaps stored", self.state.gaps),
            ("mcpr_commits", "Transactions committed", self.state.commits),
            (
                "mcpr_failed_commits",
                "Commits that failed and were tried again",
                self.state.failed_commits,
            ),
            (
                "mcpr_store_read_failures",
                "Times that these metrics could not read the store",
                self.state.read_failures,
            ),
        ];
        counters(encoder, &stored)
    }

    fn gauges(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let state = &self.state;
        let version = [("version", state.version.as_str())];
        encoder
            .encode_descriptor(
                "mcpr_build",
                "The recorder's version",
                None,
                MetricType::Info,
            )?
            .encode_info(&version)?;
        let plain = [
            (
                "mcpr_ready",
                "Whether what comes in is committed, as /readyz says",
                u64::from(state.is_ready),
            ),
            (
                "mcpr_queue_events",
                "Events that wait for the writer",
                state.queue.events,
            ),
            (
                "mcpr_queue_max_events",
                "Most events that may wait for the writer",
                state.queue.max_events,
            ),
        ];
        for (name, help, value) in plain {
            gauge(encoder, name, None, help)?.encode_gauge(&value)?;
        }
        let bytes = [
            (
                "mcpr_queue",
                "Bytes that wait for the writer or are being committed",
                state.queue.bytes,
            ),
            (
                "mcpr_queue_max",
                "Most bytes that may wait for the writer",
                state.queue.max_bytes,
            ),
        ];
        for (name, help, value) in bytes {
            gauge(encoder, name, Some(&Unit::Bytes), help)?.encode_gauge(&value)?;
        }
        let times = [
            (
                "mcpr_start_timestamp",
                "When the recorder started, in unix time",
                Some(state.started_at),
            ),
            (
                "mcpr_last_commit_timestamp",
                "When something was committed last, in unix time",
                state.last_commit,
            ),
        ];
        for (name, help, value) in times {
            if let Some(ms) = value {
                gauge(encoder, name, Some(&Unit::Seconds), help)?.encode_gauge(&seconds(ms))?;
            }
        }
        self.store(encoder)
    }

    fn store(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        if let Some(sizes) = self.state.store {
            let mut gauge = gauge(
                encoder,
                "mcpr_store_size",
                Some(&Unit::Bytes),
                "Room that the store takes: in its place, and in its log",
            )?;
            for (part, bytes) in [("store", sizes.store_bytes), ("log", sizes.log_bytes)] {
                gauge
                    .encode_family(&[("part", part)])?
                    .encode_gauge(&bytes)?;
            }
        }
        Ok(())
    }

    fn sources(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let lags = self.state.sources.iter().filter_map(|source| {
            let bytes = source.lag_bytes?;
            Some((source.name.as_str(), bytes))
        });
        let mut lag = gauge(
            encoder,
            "mcpr_source_lag",
            Some(&Unit::Bytes),
            "Bytes of a file that are there and not read yet",
        )?;
        for (name, bytes) in lags {
            lag.encode_family(&[("source", name)])?
                .encode_gauge(&bytes)?;
        }
        let commits = self.state.sources.iter().filter_map(|source| {
            let ms = source.last_commit?;
            Some((source.name.as_str(), seconds(ms)))
        });
        let mut last = gauge(
            encoder,
            "mcpr_source_last_commit_timestamp",
            Some(&Unit::Seconds),
            "When something of a source was committed last, in unix time",
        )?;
        for (name, time) in commits {
            last.encode_family(&[("source", name)])?
                .encode_gauge(&time)?;
        }
        Ok(())
    }
}

impl OperationLabels {
    fn pairs(&self) -> Labels<'_> {
        let mut pairs = vec![
            ("proxy", self.proxy.as_str()),
            ("mcp_method_name", self.method.as_str()),
        ];
        pairs.extend(self.tool.as_deref().map(|tool| ("gen_ai_tool_name", tool)));
        pairs.extend(
            self.error_type
                .as_deref()
                .map(|error| ("error_type", error)),
        );
        pairs
    }
}

fn histogram<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = (Labels<'a>, &'a Durations)>,
) -> fmt::Result {
    let mut encoder =
        encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
    for (labels, durations) in series.filter(|(_, durations)| durations.count() > 0) {
        encoder
            .encode_family(&labels)?
            .encode_histogram::<NoLabelSet>(
                durations.sum_seconds(),
                durations.count(),
                &durations.buckets(),
                None,
            )?;
    }
    Ok(())
}

/// Counters by name, what they count, and how far they are.
fn counters(encoder: &mut DescriptorEncoder<'_>, counters: &[(&str, &str, u64)]) -> fmt::Result {
    for &(name, help, value) in counters {
        counter(encoder, name, None, help, value)?;
    }
    Ok(())
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    unit: Option<&Unit>,
    help: &str,
    value: u64,
) -> fmt::Result {
    encoder
        .encode_descriptor(name, help, unit, MetricType::Counter)?
        .encode_counter::<NoLabelSet, _, f64>(&value, None)
}

fn gauge<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    unit: Option<&'a Unit>,
    help: &str,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(name, help, unit, MetricType::Gauge)
}

#[expect(clippy::cast_precision_loss, reason = "a time is far below 2^53 ms")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests;
