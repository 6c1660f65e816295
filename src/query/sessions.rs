//! `sessions`: who talked to which server, when, how much, with how many errors.

use super::{Pattern, SessionKey};
use crate::model::Platform;
use crate::model::time::MINUTE_MS;
use std::cmp::Reverse;
use xxhash_rust::xxh3::xxh3_64;

/// Requests of one client without a session id belong together while no gap is longer than this.
pub const INFERRED_GAP_MS: i64 = 30 * MINUTE_MS;

/// The id of the inferred session that starts with a request at `started_at`: `~` and 8 hex digits.
///
/// `taken` counts how many ids of the same proxy this one has collided with.
#[must_use]
pub fn inferred_id(
    proxy: &str,
    client_name: Option<&str>,
    client_version: Option<&str>,
    started_at: i64,
    taken: u32,
) -> String {
    let text = serde_json::json!([proxy, client_name, client_version, started_at, taken]);
    format!(
        "~{:08x}",
        xxh3_64(text.to_string().as_bytes()) & 0xffff_ffff
    )
}

/// One session with its counters. Calls are MCP requests; HTTP rows do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The id as the stream said it, or an inferred one.
    pub session_id: String,
    /// Whether it was put together from requests without a session id.
    pub inferred: bool,
    /// The proxy it belongs to.
    pub proxy: String,
    /// The client's name.
    pub client_name: Option<String>,
    /// The client's version.
    pub client_version: Option<String>,
    /// Unix milliseconds of the earliest news of it.
    pub started_at: i64,
    /// Unix milliseconds of its last use.
    pub last_seen_at: i64,
    /// Unix milliseconds of its end, where one was told.
    pub ended_at: Option<i64>,
    /// MCP requests.
    pub total_calls: i64,
    /// MCP requests that did not end `ok`.
    pub total_errors: i64,
    /// The conversation of the client that it belongs to, where that is known.
    pub conversation: Option<String>,
}

impl SessionRow {
    /// A session counts as active while it was used within this time and has not ended.
    pub const ACTIVE_MS: i64 = 5 * MINUTE_MS;

    /// What the session is known by.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        SessionKey {
            proxy: self.proxy.clone(),
            id: self.session_id.clone(),
        }
    }

    /// The client's platform.
    #[must_use]
    pub fn platform(&self) -> Platform {
        Platform::of_client(self.client_name.as_deref())
    }

    /// Whether it is in use at `now`.
    #[must_use]
    pub fn is_active(&self, now: i64) -> bool {
        self.ended_at.is_none() && self.last_seen_at >= now - Self::ACTIVE_MS
    }
}

/// Conditions on sessions; all must hold.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Only this proxy.
    pub proxy: Option<String>,
    /// Last seen at or after this time, unix milliseconds.
    pub since: Option<i64>,
    /// Started before this time, unix milliseconds.
    pub until: Option<i64>,
    /// Only clients whose name matches.
    pub client: Option<Pattern>,
    /// Only sessions that are active at this time.
    pub active_at: Option<i64>,
    /// Also sessions without a single call.
    pub with_empty: bool,
    /// Only ids that begin with this.
    pub prefix: Option<String>,
    /// Most sessions; those last seen latest stay. `None` is all.
    pub limit: Option<usize>,
}

impl SessionFilter {
    /// Of the sessions that match, those last seen latest, up to the limit; then in the order in
    /// which they began.
    #[must_use]
    pub fn choose(&self, mut rows: Vec<SessionRow>) -> Vec<SessionRow> {
        rows.retain(|row| self.matches(row));
        rows.sort_by_cached_key(|row| {
            (
                Reverse(row.last_seen_at),
                Reverse(row.started_at),
                row.key(),
            )
        });
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        rows.sort_by_cached_key(|row| (row.started_at, row.key()));
        rows
    }

    /// Whether a session meets every condition (the limit aside).
    #[must_use]
    pub fn matches(&self, row: &SessionRow) -> bool {
        (self.with_empty || row.total_calls > 0)
            && self.proxy.as_ref().is_none_or(|proxy| *proxy == row.proxy)
            && self.since.is_none_or(|since| row.last_seen_at >= since)
            && self.until.is_none_or(|until| row.started_at < until)
            && self.active_at.is_none_or(|now| row.is_active(now))
            && self
                .prefix
                .as_ref()
                .is_none_or(|prefix| row.session_id.starts_with(prefix))
            && self.client.as_ref().is_none_or(|client| {
                row.client_name
                    .as_deref()
                    .is_some_and(|name| client.matches(name))
            })
    }
}
