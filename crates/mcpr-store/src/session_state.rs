//! What events do to a session: its times, its counters, who called. A backend keeps the state.

use mcpr_model::{Kind, Request, SessionState as SurfaceContent, SessionUpdate, Text};

/// Which session a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership<'a> {
    /// The one with an id that its stream said.
    SurfaceContent(&'a Text),
    /// An inferred one, see [`Neighbour`](crate::query::Neighbour).
    Inferred,
    /// None: HTTP and OAuth traffic without a session id.
    None,
}

impl<'a> Membership<'a> {
    /// That of a request.
    #[must_use]
    pub fn of(request: &'a Request) -> Self {
        match &request.session_id {
            Some(id) => Self::SurfaceContent(id),
            None if request.kind == Kind::Mcp => Self::Inferred,
            None => Self::None,
        }
    }
}

/// The times and counters of a session, apart from its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionState {
    /// Time of the earliest news of it, unix milliseconds.
    pub started_at: i64,
    /// Time of its last use, unix milliseconds.
    pub last_seen_at: i64,
    /// Time of its end, where one was told.
    pub ended_at: Option<i64>,
    /// MCP requests.
    pub total_calls: i64,
    /// MCP requests that did not end `ok`.
    pub total_errors: i64,
    /// Whether its client is known by name.
    pub has_client_name: bool,
}

impl Default for SessionState {
    /// Of a session that nothing is known of: whatever comes first sets both times.
    fn default() -> Self {
        Self {
            started_at: i64::MAX,
            last_seen_at: i64::MIN,
            ended_at: None,
            total_calls: 0,
            total_errors: 0,
            has_client_name: false,
        }
    }
}

impl SessionState {
    /// Counts a newly stored request.
    pub fn count(&mut self, request: &Request) {
        self.started_at = self.started_at.min(request.ts);
        self.last_seen_at = self.last_seen_at.max(request.ts);
        // HTTP and OAuth traffic belongs to a session and is no call in it.
        if request.kind == Kind::Mcp {
            self.total_calls = self.total_calls.saturating_add(1);
            self.total_errors = self.total_errors.saturating_add(failures(request));
        }
    }

    /// Counts a request anew that turned out to have ended otherwise, or at a time that is better known; says
    /// whether that changed anything.
    pub fn recount(&mut self, before: &Request, after: &Request) -> bool {
        let was = *self;
        // What its requests say when it was used is what it says: of an inferred one they are chosen by it.
        if after.session_id.is_some() {
            self.started_at = self.started_at.min(after.ts);
            self.last_seen_at = self.last_seen_at.max(after.ts);
        }
        let change = failures(after) - failures(before);
        if before.kind == Kind::Mcp && change != 0 {
            self.total_errors = self.total_errors.saturating_add(change);
        }
        was != *self
    }

    /// Applies what a stream said of the session.
    pub fn apply(&mut self, update: &SessionUpdate) {
        let started_at = update.started_at.unwrap_or(update.ts);
        self.started_at = self.started_at.min(started_at);
        let is_alive = update.state == SurfaceContent::Active;
        // Of a session that nothing else is known of, its end was its last use.
        let is_unseen = self.last_seen_at == i64::MIN;
        let seen = (is_alive || is_unseen).then_some(update.ts);
        let seen = update.last_seen_at.or(seen);
        self.last_seen_at = self.last_seen_at.max(seen.unwrap_or(i64::MIN));
        if !is_alive {
            // An end that is told late must not set back a later one.
            self.ended_at = self.ended_at.max(Some(update.ts));
        }
    }

    /// Takes in another session that turned out to be the same one.
    pub fn merge(&mut self, other: &Self) {
        self.started_at = self.started_at.min(other.started_at);
        self.last_seen_at = self.last_seen_at.max(other.last_seen_at);
        self.ended_at = self.ended_at.max(other.ended_at);
        self.total_calls = self.total_calls.saturating_add(other.total_calls);
        self.total_errors = self.total_errors.saturating_add(other.total_errors);
    }

    /// Whether a client that an event says becomes that of the session: the first who is named stays,
    /// for a later one does not rename what was recorded.
    pub fn takes_client(&mut self, has_name: bool) -> bool {
        let takes = has_name && !self.has_client_name;
        self.has_client_name |= has_name;
        takes
    }
}

fn failures(request: &Request) -> i64 {
    i64::from(request.outcome.status().is_failure())
}
