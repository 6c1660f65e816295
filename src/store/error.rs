//! What can go wrong with a store, sorted by what can be done about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// What sort of failure it was: decides whether to retry, and which hint helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// There is no store at this path.
    Missing,
    /// The file is no store of ours.
    Foreign,
    /// The store was written by a newer version.
    Newer,
    /// The file is damaged.
    Corrupt,
    /// Another recorder writes this store.
    InUse,
    /// The file or its directory may not be read or written.
    Permission,
    /// The file was removed or replaced while it was open.
    Gone,
    /// Busy, full disk or an I/O error: the same call may succeed later.
    Retryable,
    /// Anything else.
    Other,
}

/// A failure of a store: which, where, and what to do.
#[derive(Debug)]
pub struct StoreError {
    /// What sort of failure it was.
    pub kind: StoreErrorKind,
    /// The store's file, where there is one.
    pub path: Option<PathBuf>,
    /// What was being done, and what went wrong.
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
}

impl StoreError {
    /// An error of a kind, without a path.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            path: None,
            message: message.into(),
            hint: None,
        }
    }

    /// Names the store's file.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Says what a person can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind == StoreErrorKind::Retryable
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}: {}", path.display(), self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for StoreError {}
