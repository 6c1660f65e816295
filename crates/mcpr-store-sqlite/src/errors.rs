//! SQLite's error codes, sorted into the store's own kinds.

use mcpr_store::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;
use std::fmt;

/// Nobody interrupts a question but its own limit.
const ENDLESS: &str = "gave up reading: it takes more steps than a store of this size can need";

/// A message of SQLite. Its text holds its cause, so that no cause is shown behind it.
#[derive(Debug)]
struct SqliteMessage(rusqlite::Error);

impl fmt::Display for SqliteMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SqliteMessage {}

/// A failed call: what was being done, and SQLite's own words.
pub(super) fn failed(doing: &str) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
    move |error| {
        let kind = match (&error, error.sqlite_error_code()) {
            (_, Some(code)) => kind_of(code),
            // What stands in a row is not what a writer of this layout puts there.
            (rusqlite::Error::FromSqlConversionFailure(..), None) => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Other,
        };
        let failure = match error.sqlite_error_code() {
            // SQLite only says "interrupted", which nobody who asked would understand.
            Some(ErrorCode::OperationInterrupted) => StoreError::new(kind, ENDLESS),
            _ => StoreError::new(kind, format!("cannot {doing}")).caused_by(SqliteMessage(error)),
        };
        match hint_for(kind) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

fn kind_of(code: ErrorCode) -> StoreErrorKind {
    match code {
        // All of these may pass by themselves: room is made, a lock is let go, a disk comes back.
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::OutOfMemory => StoreErrorKind::Retryable,
        // Only pages that lead in circles, or a file made on purpose, use up the steps of a
        // question.
        ErrorCode::DatabaseCorrupt | ErrorCode::OperationInterrupted => StoreErrorKind::Corrupt,
        // The header is not SQLite's: more likely the wrong file than a damaged one.
        ErrorCode::NotADatabase => StoreErrorKind::Foreign,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
            StoreErrorKind::Permission
        }
        _ => StoreErrorKind::Other,
    }
}

fn hint_for(kind: StoreErrorKind) -> Option<&'static str> {
    match kind {
        StoreErrorKind::Corrupt => Some(
            "the file is damaged: put a backup in its place, or record into another file with --db",
        ),
        StoreErrorKind::Foreign => {
            Some("name a store of mcpr with --db, or a file that does not exist yet")
        }
        StoreErrorKind::Permission => Some(
            "check the permissions of the file and of its directory, or name another with --db",
        ),
        _ => None,
    }
}
