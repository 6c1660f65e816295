//! The migrations that a store has not seen are run, by the recorder alone.

use super::errors::failed;
use super::layout::{APPLICATION_ID, MIGRATIONS, check_layout, layout_of};
use super::{census, functions, seal};
use mcpr_store::StoreError;
use rusqlite::Connection;

/// Runs the migrations that the store has not seen, all in one transaction.
///
/// A new store gets its layout before it is switched to WAL, so that the main file alone always says
/// whose it is. Until that one transaction is through it is a file in the making, see `owner`.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let doing = "migrate the store";
    let version = layout_of(connection).map_err(failed(doing))?;
    check_layout(version)?;
    let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version == newest {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(failed(doing))?;
    // Another writer may have been first.
    let version = layout_of(&transaction).map_err(failed(doing))?;
    check_layout(version)?;
    let run = || -> rusqlite::Result<()> {
        lay_out(&transaction, MIGRATIONS.len())?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)
    };
    run().map_err(failed(doing))?;
    transaction.commit().map_err(failed(doing))
}

/// Runs the migrations up to a layout that a connection's store has not seen, and seals what they
/// changed. The connection has been taught the functions they call.
pub(super) fn lay_out(connection: &Connection, layout: usize) -> rusqlite::Result<()> {
    let seen = usize::try_from(layout_of(connection)?).unwrap_or(0);
    let sealed_before = seal::sealed(connection)?;
    for sql in MIGRATIONS.iter().take(layout).skip(seen) {
        connection.execute_batch(sql)?;
    }
    connection.pragma_update(None, "user_version", layout)?;
    seal::renew_changed(connection, &sealed_before)?;
    census::take(connection, &sealed_before)
}

/// A store in memory that holds nothing.
pub(super) fn fresh(layout: usize) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    functions::register(&connection)?;
    lay_out(&connection, layout)?;
    Ok(connection)
}

/// How many bytes a store of the newest layout takes that holds nothing.
pub(super) fn empty_bytes() -> rusqlite::Result<u64> {
    let fresh = fresh(MIGRATIONS.len())?;
    let pragma = |name| fresh.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    Ok(pragma("page_count")?.saturating_mul(pragma("page_size")?))
}
