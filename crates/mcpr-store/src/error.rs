//! What can go wrong with a store, sorted by what can be done about it.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// What sort of failure it was: decides whether to retry, and which hint helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// There is no store at this path.
    Missing,
    /// The file is not a store of ours.
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
    /// This backend, or this build, cannot do what was asked.
    Unsupported,
    /// Anything else.
    Other,
}

/// A failure of a store: which, where, and what to do.
///
/// `{}` shows it without its cause, for who goes through [`source`](Error::source) as `anyhow`
/// does; `{:#}` shows the causes, too.
#[derive(Debug)]
pub struct StoreError {
    /// What sort of failure it was.
    pub kind: StoreErrorKind,
    /// The store's file, where there is one.
    pub path: Option<PathBuf>,
    /// What went wrong, or what could not be done because of the cause.
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    cause: Option<Cause>,
}

/// What a backend's own library or the system reported.
type Cause = Box<dyn Error + Send + Sync>;

impl StoreError {
    /// An error of a kind, without a path.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            path: None,
            message: message.into(),
            hint: None,
            cause: None,
        }
    }

    /// What a backend, or this build, cannot do.
    #[must_use]
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Unsupported, what)
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

    /// Keeps what it came from.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
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
            Some(path) => write!(f, "{}: {}", path.display(), self.message)?,
            None => f.write_str(&self.message)?,
        }
        if f.alternate() {
            let mut cause = self.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let cause = self.cause.as_deref()?;
        Some(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_kept_and_shown_once() {
        let cause = std::io::Error::other("the disk is gone");
        let error = StoreError::new(StoreErrorKind::Retryable, "cannot read the store")
            .at(Path::new("a.db"))
            .caused_by(cause);
        let source = error
            .source()
            .and_then(|it| it.downcast_ref::<std::io::Error>());
        assert_eq!(
            source.map(ToString::to_string).as_deref(),
            Some("the disk is gone")
        );
        assert_eq!(error.to_string(), "a.db: cannot read the store");
        assert_eq!(
            format!("{error:#}"),
            "a.db: cannot read the store: the disk is gone"
        );
    }
}
