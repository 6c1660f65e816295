//! What the engine says, sorted by what can be done about it.

use mcpr_store::{StoreError, StoreErrorKind};
use rocksdb::ErrorKind;

/// Says what could not be done.
pub(crate) fn failed(doing: &'static str) -> impl Fn(rocksdb::Error) -> StoreError {
    move |error| {
        // The engine has one kind of error for all that the system refuses: what it was stands in the text alone.
        let text = error.to_string();
        let kind = match error.kind() {
            ErrorKind::Corruption => StoreErrorKind::Corrupt,
            ErrorKind::IOError if text.contains("lock file") => StoreErrorKind::InUse,
            ErrorKind::IOError if text.contains("Permission denied") => StoreErrorKind::Permission,
            ErrorKind::IOError | ErrorKind::TimedOut | ErrorKind::Busy | ErrorKind::TryAgain => {
                StoreErrorKind::Retryable
            }
            _ => StoreErrorKind::Other,
        };
        let error = StoreError::new(kind, format!("cannot {doing}")).caused_by(error);
        match kind {
            StoreErrorKind::Corrupt => error.hint("look for damage with `mcpr store verify`"),
            _ => error,
        }
    }
}

/// What is stored does not decode, or is not what it has to be.
pub(crate) fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, what).hint("look for damage with `mcpr store verify`")
}
