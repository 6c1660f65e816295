//! Taking a session out again, or its requests.

use super::errors::failed;
use super::flight;
use super::session_ranges::{self, seqs_of_session};
use super::sweep::requests_where;
use crate::census;
use mcpr_store::StoreError;
use mcpr_store::query::SessionKey;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

/// What is left of a session whose requests are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterRemoval {
    Nothing,
    Counters,
}

/// Removes a session's requests, and the session itself unless its counters are kept.
pub(super) fn session(
    connection: &mut Connection,
    key: &SessionKey,
    keep: AfterRemoval,
) -> Result<u64, StoreError> {
    let remove = |connection: &mut Connection| -> rusqlite::Result<u64> {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found: Option<i64> = tx
            .query_row(
                "SELECT s.id FROM sessions s JOIN proxies p ON p.id = s.proxy
                 WHERE s.session_id = ?1 AND p.name = ?2",
                [&key.id, &key.proxy],
                |row| row.get(0),
            )
            .optional()?;
        // One that is not there was removed before, or never was: both are what was asked for.
        let Some(id) = found else { return Ok(0) };
        if keep == AfterRemoval::Nothing {
            flight::forget_session(&tx, key)?;
        }
        let condition = concat!("seq IN (", seqs_of_session!("?1"), ")");
        let removed = requests_where(&tx, condition, params![id])?;
        session_ranges::forget(&tx, id)?;
        if keep == AfterRemoval::Nothing {
            tx.execute("DELETE FROM sessions WHERE id = ?1", [id])?;
        }
        census::settle(&tx)?;
        tx.commit()?;
        Ok(removed)
    };
    remove(connection).map_err(failed("remove a session"))
}
