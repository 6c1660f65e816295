//! The layouts there are, by the program that made them.

use super::layout::{Layout, Program, check_version};
use super::{Fault, v04, v05};
use rusqlite::Connection;

/// The layout of a store that was recognised by its tables.
pub(super) fn layout_of(connection: &Connection, program: Program) -> Result<Layout, Fault> {
    check_version(connection, program)?;
    match program {
        Program::V04 => v04::layout(connection),
        Program::V05 => v05::layout(connection),
    }
}
