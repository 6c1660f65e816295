//! The numbers that stand for kinds in a store, back into the model's words. A number that this version
//! does not know is an error that names it, never another kind.

use mcpr_model::{ErrorKind, Kind, Target, TargetKind};
use rusqlite::Row;
use rusqlite::types::Type;
use std::fmt;

/// A stored number that stands for nothing this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownCode {
    what: &'static str,
    code: i64,
}

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, code } = self;
        write!(f, "{code} stands for no {what} that this mcpr knows")
    }
}

impl std::error::Error for UnknownCode {}

fn known<T>(found: Option<T>, column: usize, code: i64, what: &'static str) -> rusqlite::Result<T> {
    found.ok_or_else(|| {
        let unknown = Box::new(UnknownCode { what, code });
        rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, unknown)
    })
}

/// What sort of traffic a row is, from one of its columns.
pub(super) fn kind(row: &Row<'_>, column: usize) -> rusqlite::Result<Kind> {
    let code = row.get(column)?;
    known(Kind::from_code(code), column, code, "kind of traffic")
}

/// How a row failed, from one of its columns: NULL is success.
pub(super) fn error_kind(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ErrorKind>> {
    let Some(code) = row.get(column)? else {
        return Ok(None);
    };
    known(ErrorKind::from_code(code), column, code, "kind of error").map(Some)
}

/// What sort of thing a row's target is, from one of its columns: NULL where there is none.
pub(super) fn target_kind(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<TargetKind>> {
    let Some(code) = row.get(column)? else {
        return Ok(None);
    };
    known(TargetKind::from_code(code), column, code, "kind of target").map(Some)
}

/// A row's target, from the column of its kind and the one behind it, of its name.
pub(super) fn target(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Target>> {
    let name: Option<String> = row.get(column + 1)?;
    Ok(target_kind(row, column)?
        .zip(name)
        .map(|(kind, name)| Target {
            kind,
            name: name.into(),
        }))
}
