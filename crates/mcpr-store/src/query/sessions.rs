//! `sessions`: who talked to which server, when, how much, with how many errors.

use super::{Page, Pattern, RequestRow, SessionKey};
use mcpr_model::Platform;
use mcpr_model::time::MINUTE_MS;
use std::cmp::Ordering;
use xxhash_rust::xxh3::xxh3_64;

/// Requests of one client without a session id belong together while no gap is longer than this.
pub const INFERRED_GAP_MS: i64 = 30 * MINUTE_MS;

/// Which inferred session a request without a session id belongs to, found by its two neighbours in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    /// The one that began last at its time or before.
    Before,
    /// The one that began first after it.
    After,
    /// Neither: it begins one of its own.
    Neither,
}

impl Neighbour {
    /// The neighbour that a request at `ts` belongs to, of the inferred sessions of its proxy and
    /// client: the later one where it lies within the gap before that, else the earlier one where it
    /// lies within that or the gap behind it.
    ///
    /// No other session has to be looked at. Whoever joins by this rule leaves the sessions in the same
    /// order by their ends as by their beginnings, so all that began before the earlier neighbour ended
    /// before it, too.
    #[must_use]
    pub fn of(ts: i64, before_seen_at: Option<i64>, after_started_at: Option<i64>) -> Self {
        if after_started_at.is_some_and(|start| start.saturating_sub(INFERRED_GAP_MS) <= ts) {
            Self::After
        } else if before_seen_at.is_some_and(|seen| ts <= seen.saturating_add(INFERRED_GAP_MS)) {
            Self::Before
        } else {
            Self::Neither
        }
    }
}

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
    // JSON keeps the parts apart: glued together, different parts could give the same text.
    let text = serde_json::json!([proxy, client_name, client_version, started_at, taken]);
    format!(
        // Short enough to be typed; what that makes collide is distinguished by `taken`.
        "~{:08x}",
        xxh3_64(text.to_string().as_bytes()) & 0xffff_ffff
    )
}

/// One session with its counters. Calls are MCP requests; HTTP rows do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The id as the stream stated it, or an inferred one.
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
    /// Unix milliseconds of its end, where one was reported.
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

    /// Whether a request in flight is of it: by its id, and without one by what makes a session an inferred one.
    #[must_use]
    pub fn holds_open(&self, row: &RequestRow) -> bool {
        if row.proxy != self.proxy {
            return false;
        }
        match &row.session {
            Some(id) => *id == self.session_id,
            // It joins when it ends; where it was asked too late for that it begins another one.
            None => {
                self.inferred
                    && row.client_name == self.client_name
                    && row.client_version == self.client_version
                    && row.ts >= self.started_at
                    && row.ts <= self.last_seen_at.saturating_add(INFERRED_GAP_MS)
            }
        }
    }

    /// Where it stands in a list of sessions.
    #[must_use]
    pub fn place(&self) -> SessionPlace {
        SessionPlace {
            last_seen_at: self.last_seen_at,
            started_at: self.started_at,
            key: self.key(),
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

/// What a list of sessions goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOrder {
    /// The oldest first: by `started_at`, proxy and id.
    Started,
    /// Those used last first: by `last_seen_at` and `started_at` downwards, then by proxy and id.
    Used,
}

/// Where a session stands in either order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPlace {
    /// When it was last used, unix milliseconds.
    pub last_seen_at: i64,
    /// When it began, unix milliseconds.
    pub started_at: i64,
    /// Which it is.
    pub key: SessionKey,
}

impl SessionPlace {
    /// Which of two places comes first.
    #[must_use]
    pub fn compare(&self, other: &Self, order: SessionOrder) -> Ordering {
        let by_use = match order {
            SessionOrder::Started => self.started_at.cmp(&other.started_at),
            SessionOrder::Used => {
                (other.last_seen_at, other.started_at).cmp(&(self.last_seen_at, self.started_at))
            }
        };
        by_use.then_with(|| self.key.cmp(&other.key))
    }
}

/// A bounded piece of a list of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPage {
    /// What the list goes by.
    pub order: SessionOrder,
    /// Only what stands after this place.
    pub after: Option<SessionPlace>,
    /// Most sessions; at most [`Page::MAX_LIMIT`].
    pub limit: usize,
}

impl SessionPage {
    /// The first so many of a list that goes by the beginnings of sessions.
    #[must_use]
    pub fn oldest(limit: usize) -> Self {
        Self {
            order: SessionOrder::Started,
            after: None,
            limit,
        }
    }

    /// The so many that were used last.
    #[must_use]
    pub fn used_last(limit: usize) -> Self {
        Self {
            order: SessionOrder::Used,
            after: None,
            limit,
        }
    }

    /// The page of all sessions. This is what a filter and a page mean.
    #[must_use]
    pub fn of(&self, filter: &SessionFilter, mut rows: Vec<SessionRow>) -> Vec<SessionRow> {
        let is_after = |row: &SessionRow| {
            self.after
                .as_ref()
                .is_none_or(|last| row.place().compare(last, self.order) == Ordering::Greater)
        };
        rows.retain(|row| filter.matches(row) && is_after(row));
        rows.sort_by(|left, right| left.place().compare(&right.place(), self.order));
        rows.truncate(self.limit.min(Page::MAX_LIMIT));
        rows
    }
}

/// Conditions on sessions; all must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionFilter {
    /// Only proxies whose name matches.
    pub proxy: Option<Pattern>,
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
    /// Only the session that stands here in the order of use, and those before it.
    pub up_to: Option<SessionPlace>,
    /// Only ids that are this one.
    pub id: Option<String>,
}

impl SessionFilter {
    /// Whether a session meets every condition.
    #[must_use]
    pub fn matches(&self, row: &SessionRow) -> bool {
        (self.with_empty || row.total_calls > 0)
            && self
                .proxy
                .as_ref()
                .is_none_or(|proxy| proxy.matches(&row.proxy))
            && self.since.is_none_or(|since| row.last_seen_at >= since)
            && self.until.is_none_or(|until| row.started_at < until)
            && self.active_at.is_none_or(|now| row.is_active(now))
            && self
                .prefix
                .as_ref()
                .is_none_or(|prefix| row.session_id.starts_with(prefix))
            && self.id.as_ref().is_none_or(|id| *id == row.session_id)
            && self.up_to.as_ref().is_none_or(|last| {
                row.place().compare(last, SessionOrder::Used) != Ordering::Greater
            })
            && self.client.as_ref().is_none_or(|client| {
                row.client_name
                    .as_deref()
                    .is_some_and(|name| client.matches(name))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_session_is_of_the_inferred_one_that_it_will_join() {
        let session = SessionRow {
            session_id: "~1".to_owned(),
            inferred: true,
            proxy: "p".to_owned(),
            client_name: Some("c".to_owned()),
            client_version: None,
            started_at: 1_000,
            last_seen_at: 2_000,
            ended_at: None,
            total_calls: 1,
            total_errors: 0,
            conversation: None,
        };
        let open = |ts: i64, client: &str, id: Option<&str>| RequestRow {
            ts,
            proxy: "p".to_owned(),
            client_name: Some(client.to_owned()),
            session: id.map(str::to_owned),
            ..RequestRow::default()
        };
        let late = 2_000 + INFERRED_GAP_MS;
        assert!(session.holds_open(&open(late, "c", None)));
        assert!(session.holds_open(&open(0, "d", Some("~1"))));
        let others = [
            open(late + 1, "c", None),
            open(999, "c", None),
            open(1_500, "d", None),
            open(1_500, "c", Some("s")),
        ];
        assert!(others.iter().all(|open| !session.holds_open(open)));
        let real = SessionRow {
            inferred: false,
            ..session
        };
        assert!(!real.holds_open(&open(1_500, "c", None)));
    }
}
