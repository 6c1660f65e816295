//! What a layout is: whose it is, and the queries that give its rows in our own shape.

use super::Fault;
use mcpr_model::ErrorKind;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

/// A program whose stores are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// mcpr 0.3 and 0.4, which share their layouts.
    V04,
    /// mcpr 0.5.
    V05,
}

impl Program {
    /// The program whose tables these are, if there is one.
    pub(crate) fn of_tables(tables: &[String]) -> Option<Self> {
        let has = |name: &str| tables.iter().any(|table| table == name);
        // Only 0.5 keeps answers in a table of their own.
        match (has("meta") && has("requests"), has("responses")) {
            (true, true) => Some(Self::V05),
            (true, false) if has("sessions") => Some(Self::V04),
            _ => None,
        }
    }

    /// Its name and version.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V04 => "mcpr 0.3 or 0.4",
            Self::V05 => "mcpr 0.5",
        }
    }

    /// The newest layout of it that is known.
    fn newest(self) -> i64 {
        match self {
            Self::V04 => 5,
            Self::V05 => 1,
        }
    }
}

/// A text of the row with a number as it is shown, under its own name: what is longer than anything that these
/// programs write is not read, or not whole.
macro_rules! named {
    ($text:literal, $row:literal, $name:literal) => {
        concat!($crate::shown::shown!($text, $row), " AS ", $name)
    };
}

pub(super) use named;

/// The client of a session's row `s`, for the request `r`.
pub(super) const CLIENT: &str = concat!(
    named!("s.client_name", "r.id", "client_name"),
    ", ",
    named!("s.client_version", "r.id", "client_version")
);

/// The texts of a request `r` that both programs keep in the same way.
pub(super) const REQUEST_ID: &str = named!("r.request_id", "r.id", "request_id");
pub(super) const PROXY: &str = named!("r.proxy", "r.id", "proxy");
pub(super) const SESSION: &str = named!("r.session_id", "r.id", "session_id");
pub(super) const METHOD: &str = named!("r.method", "r.id", "method");
pub(super) const TOOL: &str = named!("r.tool", "r.id", "tool");
pub(super) const RESOURCE: &str = named!("r.resource_uri", "r.id", "resource_uri");
pub(super) const PROMPT: &str = named!("r.prompt_name", "r.id", "prompt_name");

/// The queries over one layout. In those of requests, `r` is the table `requests`.
#[derive(Debug)]
pub(super) struct Layout {
    /// The columns of a request, as [`super::requests`] numbers them, and their tables.
    pub(super) requests: String,
    /// The same of the request `?1` when its answer is `?2`; only where answers are paired.
    pub(super) paired: Option<String>,
    /// The listed sessions, as [`super::sessions`] numbers their columns.
    pub(super) sessions: &'static str,
    /// The requests of every session, counted by method and success.
    pub(super) tally: &'static str,
    /// What an error without a code is.
    pub(super) uncoded: ErrorKind,
}

/// Checks that the version of a store's layout is one that is known.
pub(super) fn check_version(connection: &Connection, program: Program) -> Result<(), Fault> {
    require(connection, "meta", &["key", "value"])?;
    let version = connection
        .query_row(
            "SELECT value FROM meta WHERE key = 'schema_version'",
            [],
            |row| {
                Ok(match row.get_ref(0)? {
                    ValueRef::Integer(version) => Some(version),
                    // The column has no fixed type, so that a number may stand there as text.
                    ValueRef::Text(text) => std::str::from_utf8(text)
                        .ok()
                        .and_then(|it| it.parse().ok()),
                    _ => None,
                })
            },
        )
        .optional()?
        .flatten();
    let newest = program.newest();
    match version {
        // Tables alone do not show it: a later layout may mean something else by the same columns.
        Some(version) if (1..=newest).contains(&version) => Ok(()),
        Some(version) if version > newest => Err(Fault::Newer(format!(
            "the store has layout {version} of {}; this mcpr knows layouts up to {newest}",
            program.as_str()
        ))),
        _ => Err(Fault::Shape(
            "`meta` has no `schema_version` that is a number from 1".to_owned(),
        )),
    }
}

/// The names of a table's columns.
pub(super) fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect()
}

/// Whether a name is that of a table with rows of its own: a view, or a virtual table, could have rows
/// without an end.
fn is_plain_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT count(*) = 1 AND sum(type = 'table' AND rootpage > 0 AND sql LIKE 'CREATE TABLE%') = 1
         FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE",
        [name],
        |row| row.get(0),
    )
}

/// Checks that a table has columns.
pub(super) fn require(connection: &Connection, table: &str, names: &[&str]) -> Result<(), Fault> {
    let found = columns(connection, table)?;
    if found.is_empty() {
        return Err(Fault::Shape(format!("it has no table `{table}`")));
    }
    // Asked before the first row is read.
    if !is_plain_table(connection, table)? {
        return Err(Fault::Shape(format!("`{table}` is not a table")));
    }
    match names
        .iter()
        .find(|name| !found.iter().any(|it| it == *name))
    {
        Some(name) => Err(Fault::Shape(format!("`{table}` has no column `{name}`"))),
        None => Ok(()),
    }
}
