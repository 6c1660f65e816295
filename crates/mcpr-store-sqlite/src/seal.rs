//! Seals: a hash in every row of every table, but of `requests`, which their batch's checksum covers.
//!
//! Whoever writes a row seals it in the same transaction. A seal says that a row was changed by
//! something else; it keeps nobody from changing one on purpose. Which columns it covers is read from the
//! layout itself: all of them, in the order in which they were declared.

use super::layout::layout_of;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};
use xxhash_rust::xxh3::Xxh3;

/// The layout since which every table has seals. Before, some had, and two of them differently.
const SINCE_ALL: i64 = 7;

/// A table whose rows have a column `seal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sealed {
    /// Its name.
    pub(super) table: String,
    /// Every other column, in the order in which they are hashed.
    columns: Vec<String>,
    /// Those that a row is called by.
    key: Vec<String>,
}

impl Sealed {
    /// The seal of a row as it stands: an SQL expression.
    pub(super) fn expression(&self) -> String {
        format!("row_seal({})", self.columns.join(", "))
    }

    /// What a row is called by: an SQL expression.
    pub(super) fn row_name(&self) -> String {
        let parts = self.key.iter().map(|column| format!("quote({column})"));
        parts.collect::<Vec<_>>().join(" || ', ' || ")
    }

    /// What shows its rows.
    pub(super) fn shown_by(&self) -> &'static str {
        match self.table.as_str() {
            "rollups" => "`stats`",
            "sessions" | "conversations" => "`sessions`",
            "open_requests" => "`logs --follow`",
            "server_runs" | "session_ranges" => "`session`",
            "session_blocks" => "`clients`",
            "clients" | "proxies" | "operations" => "`clients`, `logs` and `sessions`",
            "gaps" => "`logs`",
            "payloads" | "request_notes" | "request_ids" | "id_blocks" | "id_marks" => "`show`",
            "batches" => "`logs`, `slow` and `stats`",
            "surface_changes" => "`schema changes`",
            "bad_lines" => "`store stats`",
            table if table.starts_with("surface") => "`schema`",
            _ => "`store stats`",
        }
    }
}

/// The tables of a store that have seals.
pub(super) fn sealed(connection: &Connection) -> rusqlite::Result<Vec<Sealed>> {
    let layout = layout_of(connection)?;
    let mut tables = connection.prepare(
        "SELECT t.name FROM sqlite_schema t
         WHERE t.type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_info(t.name) c
                                            WHERE c.name = 'seal')
         ORDER BY t.name",
    )?;
    let tables = tables.query_map([], |row| row.get(0))?;
    tables
        .map(|table| sealed_table(connection, table?, layout))
        .collect()
}

fn sealed_table(connection: &Connection, table: String, layout: i64) -> rusqlite::Result<Sealed> {
    let mut statement =
        connection.prepare_cached("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
    let declared: Vec<(String, i64)> = statement
        .query_map([&table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let columns = match table.as_str() {
        // The order in which the writers of that time hashed them.
        "sessions" if layout < SINCE_ALL => [
            "id",
            "client",
            "started_at",
            "last_seen_at",
            "ended_at",
            "total_calls",
            "total_errors",
            "proxy",
            "session_id",
            "inferred",
        ]
        .map(str::to_owned)
        .into(),
        _ => declared
            .iter()
            .map(|(name, _)| name.clone())
            .filter(|name| name != "seal")
            // This column came after the seal, which then did not cover it.
            .filter(|name| layout >= SINCE_ALL || table != "sources" || name != "redacted")
            .collect(),
    };
    let mut key: Vec<(String, i64)> = declared.into_iter().filter(|(_, pk)| *pk > 0).collect();
    // The columns of a key may be declared in another order than they have in it.
    key.sort_by_key(|(_, place)| *place);
    Ok(Sealed {
        table,
        columns,
        key: key.into_iter().map(|(name, _)| name).collect(),
    })
}

/// Makes known to a connection the SQL function `row_seal(…)`.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    // As many values as a table has columns.
    connection.create_scalar_function("row_seal", -1, flags, |row| {
        let mut hash = Xxh3::new();
        for column in 0..row.len() {
            add(&mut hash, row.get_raw(column));
        }
        Ok(hash.digest().cast_signed())
    })
}

/// No two rows of values give the same bytes: each value begins with its type, and says its length.
fn add(hash: &mut Xxh3, value: ValueRef<'_>) {
    let mut of_bytes = |kind: u8, bytes: &[u8]| {
        hash.update(&[kind]);
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    match value {
        ValueRef::Null => of_bytes(0, &[]),
        ValueRef::Integer(number) => of_bytes(1, &number.to_le_bytes()),
        ValueRef::Real(number) => of_bytes(2, &number.to_le_bytes()),
        ValueRef::Text(text) => of_bytes(3, text),
        ValueRef::Blob(blob) => of_bytes(4, blob),
    }
}

/// Seals the rows of a table again that a condition names, after they were written.
///
/// Which columns there are is asked of the layout each time; a row that is written often is sealed by
/// the statement that writes it.
pub(super) fn renew(
    connection: &Connection,
    table: &str,
    condition: &str,
    values: impl Params,
) -> rusqlite::Result<()> {
    let layout = layout_of(connection)?;
    let sealed = sealed_table(connection, table.to_owned(), layout)?;
    let sql = format!(
        "UPDATE {table} SET seal = {} WHERE {condition}",
        sealed.expression()
    );
    connection.prepare_cached(&sql)?.execute(values).map(drop)
}

/// Seals every row of the tables that are sealed otherwise than before a migration.
pub(super) fn renew_changed(connection: &Connection, before: &[Sealed]) -> rusqlite::Result<()> {
    for sealed in sealed(connection)? {
        // Tables as they were keep their seals: to seal all anew would seal damage as well.
        if !before.contains(&sealed) {
            let seal = sealed.expression();
            connection.execute(&format!("UPDATE {} SET seal = {seal}", sealed.table), [])?;
        }
    }
    Ok(())
}
