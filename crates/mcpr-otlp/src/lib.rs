//! What OTLP posts report about MCP: decoded, looked up in the table of vocabularies, and one request made of the spans
//! and records that report one operation. Pure, but for what waits in a [`Joiner`].

mod attributes;
mod bodies;
mod ending;
mod export;
mod joining;
mod json;
mod message;
mod own;
mod record;
mod remembered;
mod reply;
mod span;
#[cfg(test)]
mod tests;
mod time;
mod vocabulary;

pub use export::{rejected_in, spans_of};
pub use joining::{JoinedRows, Joiner, MAX_WAITING, WAIT_MS};
pub use reply::{refusal_body, reply_body};

use attributes::Attributes;
use joining::PostAccounts;
use mcpr_model::Text;
use message::{LogsData, MetricsData, Resource, TracesData};
use prost::Message;
use record::RecordContent;
use span::Position;

/// What is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Records.
    Logs,
    /// Numbers, which are answered and counted, and not kept.
    Metrics,
}

impl Signal {
    /// The signal that is posted to a path.
    #[must_use]
    pub fn of_path(path: &str) -> Option<Self> {
        match path {
            "/v1/traces" => Some(Self::Traces),
            "/v1/logs" => Some(Self::Logs),
            "/v1/metrics" => Some(Self::Metrics),
            _ => None,
        }
    }
}

/// How a post is written, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

/// What is the matter with a post that does not decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecodable(String);

impl std::fmt::Display for Undecodable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the body is not a message of OTLP for this path: {}",
            self.0
        )
    }
}

impl std::error::Error for Undecodable {}

/// Parts of a post that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedParts {
    /// How many.
    pub count: u64,
    /// Why the first one cannot.
    pub why: String,
}

/// What a post holds.
#[derive(Debug, Default, PartialEq)]
pub struct Post {
    /// The rows that come of it, and what waits.
    pub joined: JoinedRows,
    /// Spans and records that report MCP.
    pub known: u64,
    /// Those of anything else.
    pub others: u64,
    /// Where the spans are reported to be a sample: one of how many, and their number is a lower bound. Else 0.
    pub sampled: u32,
    /// Those that cannot be used.
    pub rejected: Option<RejectedParts>,
}

impl Post {
    fn reject(&mut self, why: impl std::fmt::Display) {
        // One reason for all: a post may have thousands of such parts.
        let rejected = self.rejected.get_or_insert_with(|| RejectedParts {
            count: 0,
            why: why.to_string(),
        });
        rejected.count += 1;
    }
}

/// The service that a resource names.
const UNNAMED_SERVICE: &str = "unknown_service";

fn service_of(resource: Option<&Resource>) -> (Text, Option<Text>) {
    let attributes = Attributes(resource.map_or(&[], |it| &it.attributes));
    let name = attributes.text("service.name");
    let version = attributes.text("service.version");
    // The conventions want this name where none was given.
    (name.unwrap_or_else(|| UNNAMED_SERVICE.into()), version)
}

/// Decodes a post.
///
/// # Errors
/// Where the body is not a message of that signal and encoding.
pub fn decode(
    joiner: &mut Joiner,
    signal: Signal,
    encoding: Encoding,
    body: &[u8],
    now_ms: i64,
) -> Result<Post, Undecodable> {
    match signal {
        Signal::Traces => Ok(traces(joiner, &message(encoding, body)?, now_ms)),
        Signal::Logs => Ok(logs(joiner, &message(encoding, body)?, now_ms)),
        Signal::Metrics => {
            let MetricsData { resource_metrics } = message(encoding, body)?;
            Ok(Post {
                others: resource_metrics.len() as u64,
                ..Post::default()
            })
        }
    }
}

fn message<M>(encoding: Encoding, body: &[u8]) -> Result<M, Undecodable>
where
    M: Message + Default + serde::de::DeserializeOwned,
{
    let read = match encoding {
        Encoding::Protobuf => M::decode(body).map_err(|error| error.to_string()),
        // What is derived would take an array of members as well.
        Encoding::Json if body.trim_ascii_start().first() != Some(&b'{') => {
            Err("it is not a JSON object".to_owned())
        }
        Encoding::Json => serde_json::from_slice(body).map_err(|error| error.to_string()),
    };
    read.map_err(Undecodable)
}

/// Of how many traces a trace state says that one is reported; 0 where all are. OpenTelemetry writes the threshold
/// below which a trace is left out: up to 14 hexadecimal digits, of which those at the end may be missing.
fn sampled(trace_state: &str) -> u32 {
    const DIGITS: usize = 14;
    let own = trace_state
        .split(',')
        .find_map(|it| it.trim().strip_prefix("ot="));
    let mut members = own.unwrap_or_default().split(';');
    let Some(threshold) = members.find_map(|it| it.strip_prefix("th:")) else {
        return 0;
    };
    if threshold.bytes().all(|digit| digit == b'0') {
        return 0;
    }
    let whole = format!("{threshold:0<DIGITS$}");
    let most = 1_u64 << (4 * DIGITS);
    // What is written otherwise says at least that it is a sample.
    match u64::from_str_radix(&whole, 16) {
        Ok(threshold) if threshold < most => {
            let sampled = most - threshold;
            u32::try_from((most + sampled / 2) / sampled).unwrap_or(u32::MAX)
        }
        _ => 1,
    }
}

fn traces(joiner: &mut Joiner, data: &TracesData, now_ms: i64) -> Post {
    let mut post = Post::default();
    let (mut positions, mut accounts) = (Vec::new(), Vec::new());
    let mut own_rows = Vec::new();
    for resource in &data.resource_spans {
        let (service, _) = service_of(resource.resource.as_ref());
        for scope in &resource.scope_spans {
            let name = scope.scope.as_ref().map_or("", |scope| scope.name.as_str());
            for span in &scope.spans {
                if !span.unreadable.is_empty() {
                    post.reject(&span.unreadable);
                    continue;
                }
                let position = match Position::of(span) {
                    Ok(position) => position,
                    Err(why) => {
                        post.reject(why);
                        continue;
                    }
                };
                // Whoever sent it has put together what belongs together.
                if let Some(request) = own::request(span, position, name, &service) {
                    own_rows.push(request);
                    continue;
                }
                if let Some(why) = time::fault_of(span::ms(position.start_ns)) {
                    post.reject(why);
                    continue;
                }
                // Also of spans that are not an operation: they stand between those that are.
                positions.push(position);
                post.sampled = post.sampled.max(sampled(&span.trace_state));
                match span::account(span, position, name, &service) {
                    Some(mut account) => {
                        joiner.screen(&mut account.request);
                        accounts.push(account);
                    }
                    None => post.others += 1,
                }
            }
        }
    }
    post.known = (accounts.len() + own_rows.len()) as u64;
    post.joined = joiner.take(
        PostAccounts {
            positions: &positions,
            accounts: &accounts,
            ..PostAccounts::default()
        },
        now_ms,
    );
    post.joined.rows.extend(own_rows);
    post
}

fn logs(joiner: &mut Joiner, data: &LogsData, now_ms: i64) -> Post {
    let mut post = Post::default();
    let (mut calls, mut refusals) = (Vec::new(), Vec::new());
    for resource in &data.resource_logs {
        let (service, version) = service_of(resource.resource.as_ref());
        for record in resource.scope_logs.iter().flat_map(|it| &it.log_records) {
            if !record.unreadable.is_empty() {
                post.reject(&record.unreadable);
                continue;
            }
            match record::content(record, &service, version.as_ref()) {
                Some(RecordContent::Call(mut call)) => {
                    if let Some(why) = time::fault_of(call.request.ts) {
                        post.reject(why);
                        continue;
                    }
                    joiner.screen(&mut call.request);
                    calls.push(*call);
                }
                Some(RecordContent::Refused(call)) => refusals.push(call),
                None => {
                    post.others += 1;
                    continue;
                }
            }
            post.known += 1;
        }
    }
    post.joined = joiner.take(
        PostAccounts {
            calls,
            refusals,
            ..PostAccounts::default()
        },
        now_ms,
    );
    post
}
