//! The columns of a session. Names, order and types of the machine columns are a contract.

use super::columns::{Column, Record, Show, Value};
use super::requests::client;
use mcpr_model::ServerRun;
use mcpr_store::query::{Flight, OpenRow, SessionRow};

/// A session with its state at the time of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The session.
    pub row: SessionRow,
    /// Whether it is in use.
    pub active: bool,
    /// Its requests in flight.
    pub in_flight: i64,
    /// How its server failed, where it did.
    pub failure: Option<ServerFailure>,
}

/// How a server failed its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFailure {
    /// It could not be started.
    Refused,
    /// It ended before its client left.
    Died,
}

impl ServerFailure {
    /// How a server failed that did.
    #[must_use]
    pub fn of(run: &ServerRun) -> Self {
        match run.refused {
            Some(_) => Self::Refused,
            None => Self::Died,
        }
    }
}

impl Record for SessionView {}

/// Every column; those in [`SESSION_COLUMNS`] are in machine output by default.
pub const LISTED_COLUMNS: &[Column<SessionView>] = &[
    Column::<SessionView>::new("session_id", "SESSION", Show::SessionId, |s| {
        s.row.session_id.as_str().into()
    }),
    Column::<SessionView>::new("inferred", "INFERRED", Show::Text, |s| {
        s.row.inferred.into()
    }),
    Column::<SessionView>::new("proxy", "PROXY", Show::Text, |s| {
        s.row.proxy.as_str().into()
    })
    .cut_to(6)
    // Of what says whose a session is, the one that goes last.
    .leave_out(6),
    Column::<SessionView>::new("client_name", "CLIENT", Show::Text, |s| {
        s.row.client_name.as_deref().into()
    })
    .cut_to(8),
    Column::<SessionView>::new("client_version", "VERSION", Show::Text, |s| {
        s.row.client_version.as_deref().into()
    })
    .cut_to(6),
    Column::<SessionView>::new("client_platform", "PLATFORM", Show::Text, |s| {
        s.row.platform().as_str().into()
    }),
    Column::<SessionView>::new("started_at", "STARTED", Show::Time, |s| {
        s.row.started_at.into()
    })
    // When it was is what a list is looked through by.
    .leave_out(5),
    Column::<SessionView>::new("last_seen_at", "LAST SEEN", Show::Time, |s| {
        s.row.last_seen_at.into()
    })
    .extra(1),
    Column::<SessionView>::new("ended_at", "ENDED", Show::Time, |s| s.row.ended_at.into()),
    Column::<SessionView>::new("total_calls", "CALLS", Show::Number, |s| {
        s.row.total_calls.into()
    }),
    Column::<SessionView>::new("total_errors", "ERRORS", Show::Number, |s| {
        s.row.total_errors.into()
    }),
    Column::<SessionView>::new("active", "ACTIVE", Show::Text, |s| s.active.into()),
    Column::<SessionView>::new("client", "CLIENT", Show::Text, |s| {
        client(
            s.row.client_name.as_deref(),
            s.row.client_version.as_deref(),
        )
        .into()
    })
    .cut_to(8)
    .between(12, 40)
    .leave_out(2),
    Column::<SessionView>::new("conversation", "CONVERSATION", Show::Text, |s| {
        s.row.conversation.as_deref().into()
    })
    .cut_to(8),
    Column::<SessionView>::new("in_flight", "IN FLIGHT", Show::Number, |s| {
        s.in_flight.into()
    }),
    Column::<SessionView>::new("started", "STARTED", Show::Time, |s| {
        Value::Time(s.row.started_at)
    }),
    Column::<SessionView>::new("last_seen", "LAST SEEN", Show::Time, |s| {
        Value::Time(s.row.last_seen_at)
    }),
    Column::<SessionView>::new("ended", "ENDED", Show::Time, |s| {
        s.row.ended_at.map_or(Value::Null, Value::Time)
    }),
    Column::<SessionView>::new("state", "STATE", Show::Text, |s| s.state().into()).leave_out(3),
];

/// What a session is in machine formats, in this order.
pub const SESSION_COLUMNS: &[&str] = &[
    "session_id",
    "inferred",
    "proxy",
    "client_name",
    "client_version",
    "client_platform",
    "started_at",
    "last_seen_at",
    "ended_at",
    "total_calls",
    "total_errors",
    "active",
    "conversation",
    "in_flight",
    // The same moments as those in milliseconds, to be read.
    "started",
    "last_seen",
    "ended",
];

impl SessionView {
    /// A session as it stands at `now_ms`.
    #[must_use]
    pub fn at(row: SessionRow, now_ms: i64) -> Self {
        Self {
            active: row.is_active(now_ms),
            in_flight: 0,
            failure: None,
            row,
        }
    }

    /// The same with its requests among those in flight.
    #[must_use]
    pub fn with_flight(mut self, open: &[OpenRow]) -> Self {
        let is_own = |open: &&OpenRow| {
            open.row.flight != Some(Flight::Unknown) && self.row.holds_open(&open.row)
        };
        let own = || open.iter().filter(is_own);
        let waits = |open: &&OpenRow| open.row.flight == Some(Flight::Pending);
        let count = own().filter(waits).count();
        self.in_flight = i64::try_from(count).unwrap_or(i64::MAX);
        // One that waits for an answer, or listens, is in use, however long it has done so.
        self.active |= own().next().is_some() && self.row.ended_at.is_none();
        self
    }

    /// The same with what became of its server, where that is among those that failed.
    #[must_use]
    pub fn with_failures(mut self, failed: &[ServerRun]) -> Self {
        let is_own = |run: &&ServerRun| {
            *run.proxy == *self.row.proxy && *run.session_id == *self.row.session_id
        };
        self.failure = failed.iter().rfind(is_own).map(ServerFailure::of);
        self
    }

    /// `active`, `ended`, or `idle`: neither ended nor used of late; of a server that failed `died` or `not started`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.failure, self.active, self.row.ended_at) {
            (Some(ServerFailure::Refused), ..) => "not started",
            (Some(ServerFailure::Died), ..) => "died",
            (None, true, _) => "active",
            (None, false, Some(_)) => "ended",
            (None, false, None) => "idle",
        }
    }
}
