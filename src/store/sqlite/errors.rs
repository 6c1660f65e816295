//! SQLite's error codes, sorted into the store's own kinds.

use crate::store::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;

/// A failed call: what was being done, and SQLite's own words.
pub(super) fn failed(doing: &str) -> impl Fn(rusqlite::Error) -> StoreError + '_ {
    move |error| {
        let kind = error
            .sqlite_error_code()
            .map_or(StoreErrorKind::Other, kind_of);
        let told = StoreError::new(kind, format!("cannot {doing}: {error}"));
        match hint_for(kind) {
            Some(hint) => told.hint(hint),
            None => told,
        }
    }
}

fn kind_of(code: ErrorCode) -> StoreErrorKind {
    match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::OutOfMemory => StoreErrorKind::Retryable,
        ErrorCode::DatabaseCorrupt => StoreErrorKind::Corrupt,
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
