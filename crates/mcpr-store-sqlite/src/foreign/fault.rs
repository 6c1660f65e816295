//! What can be wrong with a store of another program, as shown by its own tables and rows.

use super::Program;
use super::held::MAX_HELD_BYTES;
use crate::errors::failed;
use crate::file::sibling;
use mcpr_store::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;
use std::path::Path;

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite could not.
    Sql(rusqlite::Error),
    /// A table is not as the program made it.
    Shape(String),
    /// A newer version of the program made it.
    Newer(String),
    /// A row holds what it cannot.
    Row {
        /// Which one: `request 12`.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// It has more sessions or names than are held in memory.
    TooMuch,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    /// A row that could not be read.
    pub(super) fn in_row(what: String, error: rusqlite::Error) -> Self {
        let why = match error {
            rusqlite::Error::InvalidColumnType(_, column, found) => {
                format!("`{column}` is {}", found.to_string().to_lowercase())
            }
            rusqlite::Error::Utf8Error(_, _) => "its text is not UTF-8".to_owned(),
            rusqlite::Error::IntegralValueOutOfRange(_, number) => {
                format!("{number} is out of range")
            }
            // Whatever else failed is not a fault of this one row.
            other => return Self::Sql(other),
        };
        Self::Row { what, why }
    }

    /// The error that a command prints.
    pub(super) fn into_store_error(self, program: Program, path: &Path) -> StoreError {
        let name = program.as_str();
        let changed = "the file is half made, damaged or changed by hand: name another with --db";
        let error = match self {
            // SQLite only says that it may not write: it would have to roll the journal back.
            Self::Sql(error) if is_interrupted(&error, path) => interrupted(),
            Self::Sql(error) => failed(&format!("read this store of {name}"))(error),
            Self::Shape(what) => StoreError::new(
                StoreErrorKind::Foreign,
                format!("looks like a store of {name}, but {what}"),
            )
            .hint(changed),
            Self::Newer(what) => StoreError::new(StoreErrorKind::Newer, what)
                .hint("use the mcpr that wrote it, or name another store with --db"),
            Self::Row { what, why } => StoreError::new(
                StoreErrorKind::Corrupt,
                format!("cannot read {what} of this store of {name}: {why}"),
            )
            .hint(changed),
            Self::TooMuch => StoreError::unsupported(format!(
                "this store of {name} has more sessions or names than {} MiB hold; its sums are not kept in the \
                 file and would have to be made in memory",
                MAX_HELD_BYTES >> 20
            ))
            .hint("`mcpr logs`, `mcpr slow` and `mcpr show` read such a store page by page"),
        };
        error.at(path)
    }
}

/// Whether a journal of a write that never ended is in the way; only a writer may undo it.
pub(super) fn is_interrupted(error: &rusqlite::Error, path: &Path) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ReadOnly) && sibling(path, "-journal").exists()
}

/// The error for that.
pub(super) fn interrupted() -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        "a write was interrupted: its journal has to be rolled back first",
    )
    .hint("open a copy of both files once with the program it belongs to, and read that copy")
}
