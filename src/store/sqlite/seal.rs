//! Seals: a hash in every row that is shown and that no batch's checksum covers.
//!
//! Whoever writes such a row seals it in the same transaction. A seal says that a row was changed by
//! something else; it keeps nobody from changing one on purpose.

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};
use xxhash_rust::xxh3::Xxh3;

/// The first layout whose rows are sealed.
pub(super) const FIRST_LAYOUT: i64 = 3;

/// A table whose rows have a column `seal`.
#[derive(Debug)]
pub(super) struct Sealed {
    /// Its name.
    pub(super) table: &'static str,
    /// What shows its rows.
    pub(super) shown_by: &'static str,
    /// What a row of it is called by: an SQL expression.
    pub(super) row_name: &'static str,
    /// The layout from which on there is such a table with seals.
    pub(super) since: i64,
    /// Every other column, in the order in which they are hashed.
    columns: &'static str,
}

/// All of them.
pub(super) const SEALED: [Sealed; 13] = [
    Sealed {
        table: "rollups",
        shown_by: "`stats`",
        row_name: "'hour ' || hour || ', operation ' || operation",
        since: FIRST_LAYOUT,
        columns: "hour, operation, calls, errors_rpc, errors_tool, errors_http, errors_cancelled, \
                  errors_timeout, latency_sum_us, latency_min_us, latency_max_us, bytes_in, \
                  bytes_out, sketch",
    },
    Sealed {
        table: "sessions",
        shown_by: "`sessions`",
        row_name: "session_id",
        since: FIRST_LAYOUT,
        columns: "id, client, started_at, last_seen_at, ended_at, total_calls, total_errors, proxy, \
                  session_id, inferred",
    },
    Sealed {
        table: "conversations",
        shown_by: "`sessions`",
        row_name: "conversation",
        since: 5,
        columns: "session, conversation",
    },
    Sealed {
        table: "clients",
        shown_by: "`clients`, `logs` and `sessions`",
        row_name: "id",
        since: FIRST_LAYOUT,
        columns: "id, name, version",
    },
    Sealed {
        table: "gaps",
        shown_by: "`logs`",
        row_name: "seq",
        since: FIRST_LAYOUT,
        columns: "seq, source, count, from_ts, to_ts",
    },
    Sealed {
        table: "surfaces",
        shown_by: "`schema`",
        row_name: "id",
        since: FIRST_LAYOUT,
        columns: "id, proxy, method, version, sha256, payload, first_seen, last_seen, seq, \
                  session_id, client_name, upstream, announced, peculiar, protocol",
    },
    Sealed {
        table: "surface_changes",
        shown_by: "`schema changes`",
        row_name: "id",
        since: FIRST_LAYOUT,
        columns: "id, surface, change, item",
    },
    Sealed {
        table: "surface_items",
        shown_by: "`schema`",
        row_name: "item",
        since: FIRST_LAYOUT,
        columns: "proxy, method, item, payload, first_seen, last_seen",
    },
    Sealed {
        table: "surface_pages",
        shown_by: "`schema`",
        row_name: "method",
        since: FIRST_LAYOUT,
        columns: "proxy, chain, method, next_cursor, items, duplicate_keys, ts",
    },
    Sealed {
        table: "sources",
        shown_by: "`store stats`",
        row_name: "name",
        since: FIRST_LAYOUT,
        columns: "name, lines, events, text, bad, unknown, filtered, dropped, nul_bytes, last_at",
    },
    Sealed {
        table: "checkpoints",
        shown_by: "`store stats`",
        row_name: "path",
        since: FIRST_LAYOUT,
        columns: "device, inode, path, head_len, head_hash, marker_len, marker_hash, offset",
    },
    Sealed {
        table: "batches",
        shown_by: "`logs`, `slow` and `stats`",
        row_name: "id",
        since: FIRST_LAYOUT,
        columns: "id, writer, committed_at, first_seq, last_seq, requests, min_ts, max_ts, checksum",
    },
    Sealed {
        table: "counters",
        shown_by: "`store stats`",
        row_name: "name",
        since: FIRST_LAYOUT,
        columns: "name, value",
    },
];

impl Sealed {
    /// The seal of a row as it stands: an SQL expression.
    pub(super) fn expression(&self) -> String {
        format!("row_seal({})", self.columns)
    }
}

/// Teaches a connection the SQL function `row_seal(…)`.
pub(super) fn teach(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
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
pub(super) fn renew(
    connection: &Connection,
    table: &str,
    condition: &str,
    values: impl Params,
) -> rusqlite::Result<()> {
    let sealed = SEALED
        .iter()
        .find(|sealed| sealed.table == table)
        .expect("only tables with seals are named");
    let seal = sealed.expression();
    connection
        .prepare_cached(&format!(
            "UPDATE {table} SET seal = {seal} WHERE {condition}"
        ))?
        .execute(values)
        .map(drop)
}

/// Seals every row: of a store that had no seals yet.
pub(super) fn renew_all(connection: &Connection) -> rusqlite::Result<()> {
    SEALED
        .iter()
        .try_for_each(|sealed| renew(connection, sealed.table, "true", []))
}
