//! What events do to a session: its times, its counters, who called. A backend keeps the state.

use crate::query::{SessionKey, SessionRow};
use mcpr_model::{Kind, Request, SessionState as SurfaceContent, SessionUpdate, Text};

/// Which session a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership<'a> {
    /// The one with an id that its stream stated.
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
    /// Time of its end, where one was reported.
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
        // HTTP and OAuth traffic belongs to a session and is not a call in it.
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

    /// Applies what a stream reported about the session.
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
            // An end that is reported late must not set back a later one.
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

/// What happens to a row that holds a session whole.
impl SessionRow {
    /// A session of which nothing is known yet.
    #[must_use]
    pub fn blank(key: &SessionKey) -> Self {
        let state = SessionState::default();
        Self {
            session_id: key.id.clone(),
            inferred: false,
            proxy: key.proxy.clone(),
            client_name: None,
            client_version: None,
            started_at: state.started_at,
            last_seen_at: state.last_seen_at,
            ended_at: state.ended_at,
            total_calls: state.total_calls,
            total_errors: state.total_errors,
            conversation: None,
        }
    }

    /// Its times and counters.
    #[must_use]
    pub fn state(&self) -> SessionState {
        SessionState {
            started_at: self.started_at,
            last_seen_at: self.last_seen_at,
            ended_at: self.ended_at,
            total_calls: self.total_calls,
            total_errors: self.total_errors,
            has_client_name: self.client_name.is_some(),
        }
    }

    /// Takes over times and counters.
    pub fn set_state(&mut self, state: SessionState) {
        self.started_at = state.started_at;
        self.last_seen_at = state.last_seen_at;
        self.ended_at = state.ended_at;
        self.total_calls = state.total_calls;
        self.total_errors = state.total_errors;
    }

    fn take_client(&mut self, name: Option<&Text>, version: Option<&Text>) {
        if self.state().takes_client(name.is_some()) {
            self.client_name = name.map(Text::to_string);
            self.client_version = version.map(Text::to_string);
        }
    }

    /// Counts a newly stored request, as [`SessionState::count`].
    pub fn count(&mut self, request: &Request) {
        self.inferred = request.session_id.is_none();
        let mut state = self.state();
        state.count(request);
        self.set_state(state);
        let (name, version) = (&request.client_name, &request.client_version);
        self.take_client(name.as_ref(), version.as_ref());
        if self.inferred {
            // What an inferred session is recognised by, also where the name is not known.
            self.client_version = version.as_ref().map(Text::to_string);
        }
    }

    /// Applies what a stream reported about the session, as [`SessionState::apply`].
    pub fn apply(&mut self, update: &SessionUpdate) {
        let mut state = self.state();
        state.apply(update);
        self.set_state(state);
        let (name, version) = (&update.client_name, &update.client_version);
        self.take_client(name.as_ref(), version.as_ref());
        let stated = || update.conversation.as_ref().map(Text::to_string);
        self.conversation = self.conversation.take().or_else(stated);
    }

    /// Takes in another session that turned out to be the same one.
    pub fn merge(&mut self, from: &Self) {
        let mut state = self.state();
        state.merge(&from.state());
        self.set_state(state);
        if self.client_name.is_none() && from.client_name.is_some() {
            self.client_name.clone_from(&from.client_name);
            self.client_version.clone_from(&from.client_version);
        }
        let stated = || from.conversation.clone();
        self.conversation = self.conversation.take().or_else(stated);
    }

    /// Takes over what another store says of the same session, which is new here or not.
    pub fn raise_to(&mut self, of: &Self, is_new: bool) {
        if is_new {
            self.inferred = of.inferred;
        }
        if is_new || (self.client_name.is_none() && of.client_name.is_some()) {
            self.client_name.clone_from(&of.client_name);
            self.client_version.clone_from(&of.client_version);
        }
        let stated = || of.conversation.clone();
        self.conversation = self.conversation.take().or_else(stated);
        self.set_state(self.state().raised_to(of));
    }
}

fn failures(request: &Request) -> i64 {
    i64::from(request.outcome.status().is_failure())
}
