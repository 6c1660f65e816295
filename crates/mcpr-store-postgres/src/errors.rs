//! What a server says when something fails, as a failure of the store: which, where, and what to do.

use mcpr_store::{StoreError, StoreErrorKind, StoreUrl};
use postgres::error::SqlState;
use std::error::Error as _;

/// A failure on the way to an answer.
#[derive(Debug)]
pub(crate) enum DbFault {
    /// What the server or the connection stated.
    Server(postgres::Error),
    /// What already has its final form.
    Store(StoreError),
}

impl From<postgres::Error> for DbFault {
    fn from(error: postgres::Error) -> Self {
        Self::Server(error)
    }
}

impl From<StoreError> for DbFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl DbFault {
    /// The store holds what no writer writes.
    pub(crate) fn damaged(message: impl Into<String>) -> Self {
        Self::Store(StoreError::new(StoreErrorKind::Corrupt, message))
    }

    /// Whether the same transaction is to be done again at once: another one was in its way, or has stored what this one
    /// was about to.
    pub(crate) fn is_conflict(&self) -> bool {
        let Self::Server(error) = self else {
            return false;
        };
        let code = error.code();
        code == Some(&SqlState::T_R_SERIALIZATION_FAILURE)
            || code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
            || code == Some(&SqlState::UNIQUE_VIOLATION)
    }

    /// Whether the server may only be read, which it may not have been when it was connected to: another one is the
    /// primary now.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self, Self::Server(error) if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION))
    }

    /// The failure of what a writer tried, to whom nobody gives a time: one that somebody ended is tried again.
    pub(crate) fn at_writer(self, url: &StoreUrl, doing: &str) -> StoreError {
        let is_ended =
            matches!(&self, Self::Server(error) if error.code() == Some(&SqlState::QUERY_CANCELED));
        let mut failure = self.at(url, doing);
        if is_ended {
            failure.kind = StoreErrorKind::Retryable;
            failure.hint = None;
        }
        failure
    }

    /// The failure of what was tried at a store.
    pub(crate) fn at(self, url: &StoreUrl, doing: &str) -> StoreError {
        match self {
            Self::Store(error) => named(error, url),
            Self::Server(error) => of_server(&error, url, doing),
        }
    }
}

/// A failure that names its store, once.
fn named(mut error: StoreError, url: &StoreUrl) -> StoreError {
    let place = url.to_string();
    // A reader that reconnects passes an error on that has its place already.
    if !error.message.contains(&place) {
        error.message = format!("{place}: {}", error.message);
    }
    error
}

/// Whether a failure is that nobody answers.
pub(crate) fn is_away(error: &StoreError) -> bool {
    error.hint.as_deref() == Some(AWAY_HINT)
}

fn of_server(error: &postgres::Error, url: &StoreUrl, doing: &str) -> StoreError {
    let (kind, hint) = sort_of(error);
    let detail = error.as_db_error().and_then(|it| it.detail());
    let detail = detail.map(|detail| format!(" ({detail})"));
    let message = format!(
        "{url}: cannot {doing}: {}{}",
        message_of(error),
        detail.unwrap_or_default()
    );
    let failure = StoreError::new(kind, message);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What a failure says, without the words that the library puts before it.
fn message_of(error: &postgres::Error) -> String {
    if let Some(failure) = error.as_db_error() {
        return failure.message().to_owned();
    }
    // The library says "db error" or "error connecting to server", and what it means stands behind that.
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

const PASSWORD_HINT: &str = "put the password into ~/.pgpass, a line HOST:PORT:DATABASE:USER:PASSWORD, or set \
    PGPASSWORD";
const ROLE_HINT: &str =
    "the user in the URL has to be a role of the server, which may come from here (pg_hba.conf)";
const RIGHTS_HINT: &str = "the role lacks rights: `mcpr store grant` prints what to give it";
const STANDBY_HINT: &str =
    "name the primary, or all hosts: a recorder then finds the one that may be written";
const DATABASE_HINT: &str = "make it with `createdb`, or name another one in the URL";
const AWAY_HINT: &str = "is the server running there, and does it listen?";
const SLOW_HINT: &str =
    "ask for less, or give a longer time: options=-c%20statement_timeout=600000 in the URL";

/// What sort of failure it is, and what to do.
fn sort_of(error: &postgres::Error) -> (StoreErrorKind, Option<&'static str>) {
    use StoreErrorKind::{Missing, Other, Permission, Retryable};
    let Some(code) = error.code() else {
        // The connection broke, or there was none: the server may be back soon.
        return (Retryable, Some(AWAY_HINT));
    };
    match code.code() {
        // The codes are those of the SQL standard and of PostgreSQL's own appendix A.
        "28P01" => (Permission, Some(PASSWORD_HINT)),
        "28000" => (Permission, Some(ROLE_HINT)),
        "3D000" => (Missing, Some(DATABASE_HINT)),
        "42501" => (Permission, Some(RIGHTS_HINT)),
        // It may be the primary soon, or another one.
        "25006" => (Retryable, Some(STANDBY_HINT)),
        "57014" => (Other, Some(SLOW_HINT)),
        // Shutting down, starting or locked.
        "57P01" | "57P02" | "57P03" | "55P03" => (Retryable, None),
        // No connection, beaten by another transaction, out of room or of connections, failed by the system.
        code if ["08", "40", "53", "58"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            (Retryable, None)
        }
        "XX001" | "XX002" => (StoreErrorKind::Corrupt, None),
        _ => (Other, None),
    }
}
