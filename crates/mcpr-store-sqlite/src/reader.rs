//! Opening a store for reading, whosever it is.

use super::foreign::ForeignReader;
use super::open::{self, Readable};
use super::read::SqliteReader;
use mcpr_store::{Reader, StoreError};
use std::path::Path;

/// Opens a store for reading: nothing is ever written, migrated or blocked.
///
/// The stores of mcpr 0.3 to 0.5 are read too, as they are.
///
/// # Errors
/// When there is no store, or it is of yet another program, newer or damaged.
pub fn open_reader(path: &Path) -> Result<Box<dyn Reader>, StoreError> {
    Ok(match open::open_readable(path)? {
        Readable::Ours(connection, steps, real) => {
            Box::new(SqliteReader::new(connection, steps, path.to_owned(), real)?)
        }
        Readable::Foreign(path, program) => Box::new(ForeignReader::open(path, program)?),
    })
}
