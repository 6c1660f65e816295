//! What OTLP posts tell of MCP: decoded, looked up in the table of vocabularies, and one request made of the spans
//! and records that tell of one operation. Pure, but for what waits in a [`Joiner`].

mod attributes;
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
use record::Told;
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
#[derive(Debug, PartialEq, Eq)]
pub struct Undecodable(String);

impl std::fmt::Display for Undecodable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the body is no OTLP message: {}", self.0)
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
    /// Spans and records that tell of MCP.
    pub known: u64,
    /// Those of anything else.
    pub others: u64,
    /// Whether the spans are said to be a sample: their number is a lower bound.
    pub is_sampled: bool,
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
/// Where the body is no message of that signal and encoding.
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
            Err("it is no JSON object".to_owned())
        }
        Encoding::Json => serde_json::from_slice(body).map_err(|error| error.to_string()),
    };
    read.map_err(Undecodable)
}

/// Whether a trace state says that not every trace is told: OpenTelemetry writes its threshold for that, of which 0 is
/// none.
fn is_sampled(trace_state: &str) -> bool {
    let own = trace_state
        .split(',')
        .find_map(|it| it.trim().strip_prefix("ot="));
    let mut members = own.unwrap_or_default().split(';');
    members.any(|it| {
        it.strip_prefix("th:")
            .is_some_and(|threshold| threshold.bytes().any(|digit| digit != b'0'))
    })
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
                // Also of spans that are no operation: they stand between those that are.
                positions.push(position);
                post.is_sampled |= is_sampled(&span.trace_state);
                match span::account(span, position, name, &service) {
                    Some(account) => accounts.push(account),
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
            match record::told(record, &service, version.as_ref()) {
                Some(Told::Call(call)) => calls.push(*call),
                Some(Told::Refused(call)) => refusals.push(call),
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
