//! The SQL functions of a connection that writes: what a layout's migrations and statements call.

use super::{census, packing, request_ids, requests, seal};
use mcpr_surface::canonical::sha256_hex;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

/// Makes the functions that a writer calls known to a connection: `row_seal(…)`, `packed(text)`,
/// `sha256(text)`, `id_marks(seq, id)`, `call_change(…)` and those of the census.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    seal::register(connection)?;
    census::register(connection)?;
    request_ids::register(connection)?;
    connection.create_scalar_function("call_change", 15, flags, requests::call_change)?;
    connection.create_scalar_function("packed", 1, flags, |row| {
        packing::pack(row.get_raw(0).as_str()?.as_bytes())
    })?;
    connection.create_scalar_function("sha256", 1, flags, |row| {
        Ok(sha256_hex(row.get_raw(0).as_str()?.as_bytes()))
    })
}
