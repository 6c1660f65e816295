//! Rollups while a batch is written: summed in memory, merged into their rows at its end.

use super::layout::{WAYS_SINCE, layout_of};
use super::seal;
use mcpr_model::{ErrorKind, Kind, Request, Sketch, Text};
use mcpr_store::{RollupChange, RollupKey, RollupRow};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use rustc_hash::FxHashMap;

/// The layout that brought the count of requests whose server died.
const DIED_SINCE: i64 = 13;

/// The layout that brought the counts of requests whose end nobody saw, and of refused ones.
const UNSEEN_SINCE: i64 = 16;

/// Sums by (hour, operation).
#[derive(Debug, Default)]
pub(super) struct Rollups(FxHashMap<(i64, i64), RollupRow>);

impl Rollups {
    /// Counts a newly stored request.
    pub(super) fn count(&mut self, operation: i64, request: &Request) {
        let hour = mcpr_model::time::hour_of(request.ts);
        self.0
            .entry((hour, operation))
            .or_insert_with(|| RollupRow::new(RollupRow::key_of(request)))
            .add(request);
    }

    /// Changes what a request counts for that is counted already; its hour and latency stay.
    pub(super) fn amend(
        &mut self,
        tx: &Transaction<'_>,
        operation: i64,
        before: &Request,
        after: &Request,
    ) -> rusqlite::Result<()> {
        let change = RollupChange::between(before, after);
        if change == RollupChange::default() {
            return Ok(());
        }
        // The row may still be in memory only, if the same batch reported the call before.
        self.write_back(tx)?;
        let errors = |kind: ErrorKind| change.errors[kind.index()];
        let hour = mcpr_model::time::hour_of(before.ts);
        tx.prepare_cached(
            "UPDATE rollups SET bytes_in = bytes_in + ?3, bytes_out = bytes_out + ?4,
             errors_rpc = errors_rpc + ?5, errors_tool = errors_tool + ?6,
             errors_http = errors_http + ?7, errors_cancelled = errors_cancelled + ?8,
             errors_timeout = errors_timeout + ?9, errors_died = errors_died + ?10,
             unseen = unseen + ?11, errors_denied = errors_denied + ?12 WHERE hour = ?1 AND operation = ?2",
        )?
        .execute(params![
            hour,
            operation,
            change.bytes_in,
            change.bytes_out,
            errors(ErrorKind::Rpc),
            errors(ErrorKind::Tool),
            errors(ErrorKind::Http),
            errors(ErrorKind::Cancelled),
            errors(ErrorKind::Timeout),
            errors(ErrorKind::Died),
            errors(ErrorKind::Unseen),
            errors(ErrorKind::Denied),
        ])?;
        seal::renew(
            tx,
            "rollups",
            "hour = ?1 AND operation = ?2",
            [hour, operation],
        )
    }

    /// Puts sums in the place of those that count fewer calls.
    pub(super) fn raise(
        &mut self,
        tx: &Transaction<'_>,
        hour: i64,
        operation: i64,
        sums: RollupRow,
    ) -> rusqlite::Result<()> {
        let stored: Option<i64> = tx
            .prepare_cached("SELECT calls FROM rollups WHERE hour = ?1 AND operation = ?2")?
            .query_row([hour, operation], |row| row.get(0))
            .optional()?;
        if sums.calls <= stored.unwrap_or(0).cast_unsigned() {
            return Ok(());
        }
        // What is written back is added to what stands there.
        tx.prepare_cached("DELETE FROM rollups WHERE hour = ?1 AND operation = ?2")?
            .execute([hour, operation])?;
        self.0.insert((hour, operation), sums);
        Ok(())
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Merges every sum into its row.
    pub(super) fn write_back(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut select = tx.prepare_cached(
            "SELECT calls, errors_rpc, errors_tool, errors_http, errors_cancelled, errors_timeout,
             errors_died, unseen, errors_denied, latency_sum_us, latency_min_us, latency_max_us, bytes_in, bytes_out, sketch
             FROM rollups WHERE hour = ?1 AND operation = ?2",
        )?;
        let mut replace = tx.prepare_cached(
            "REPLACE INTO rollups (hour, operation, calls, errors_rpc, errors_tool, errors_http,
             errors_cancelled, errors_timeout, latency_sum_us, latency_min_us, latency_max_us,
             bytes_in, bytes_out, sketch, errors_died, unseen, errors_denied, untimed, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     ?18, row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                                   ?18))",
        )?;
        // Read, merged and written here, because SQL cannot merge two sketches.
        for ((hour, operation), mut sums) in self.0.drain() {
            let stored = select
                .query_row([hour, operation], |row| {
                    let mut stored = RollupRow::new(sums.key.clone());
                    fill_sums(&mut stored, row, 0)?;
                    Ok(stored)
                })
                .optional()?;
            if let Some(stored) = stored {
                sums.merge(&stored);
            }
            replace.execute(params![
                hour,
                operation,
                sums.calls.cast_signed(),
                sums.errors[ErrorKind::Rpc.index()].cast_signed(),
                sums.errors[ErrorKind::Tool.index()].cast_signed(),
                sums.errors[ErrorKind::Http.index()].cast_signed(),
                sums.errors[ErrorKind::Cancelled.index()].cast_signed(),
                sums.errors[ErrorKind::Timeout.index()].cast_signed(),
                sums.latency_sum_us,
                sums.latency_min_us,
                sums.latency_max_us,
                sums.bytes_in,
                sums.bytes_out,
                sums.sketch.to_bytes(),
                sums.errors[ErrorKind::Died.index()].cast_signed(),
                sums.errors[ErrorKind::Unseen.index()].cast_signed(),
                sums.errors[ErrorKind::Denied.index()].cast_signed(),
                sums.untimed().cast_signed(),
            ])?;
        }
        Ok(())
    }
}

/// Adds the sums of one operation in an hour to those of another, and removes them.
pub(super) fn add_to(tx: &Transaction<'_>, hour: i64, from: i64, to: i64) -> rusqlite::Result<()> {
    // Names are not needed: a row is stored by its numbers.
    let nothing = RollupKey {
        hour,
        proxy: Text::default(),
        kind: Kind::Mcp,
        method: Text::default(),
        target: None,
    };
    let mut sums = RollupRow::new(nothing);
    tx.prepare_cached(
        "SELECT calls, errors_rpc, errors_tool, errors_http, errors_cancelled, errors_timeout,
         errors_died, unseen, errors_denied, latency_sum_us, latency_min_us, latency_max_us, bytes_in, bytes_out, sketch
         FROM rollups WHERE hour = ?1 AND operation = ?2",
    )?
    .query_row([hour, from], |row| fill_sums(&mut sums, row, 0))?;
    let mut rollups = Rollups::default();
    rollups.0.insert((hour, to), sums);
    rollups.write_back(tx)?;
    tx.prepare_cached("DELETE FROM rollups WHERE hour = ?1 AND operation = ?2")?
        .execute([hour, from])
        .map(drop)
}

/// The SQL of three counts of a sum that came with later layouts: requests that were open when their server died,
/// requests whose end nobody saw, and refused ones. A layout before reported none.
pub(super) fn late_counts(connection: &Connection) -> rusqlite::Result<[&'static str; 3]> {
    let layout = layout_of(connection)?;
    let of = |since, column| if layout >= since { column } else { "0" };
    Ok([
        of(DIED_SINCE, "errors_died"),
        of(UNSEEN_SINCE, "unseen"),
        of(UNSEEN_SINCE, "errors_denied"),
    ])
}

/// The SQL of the count of calls whose latency nobody knows. A layout before knew all.
pub(super) fn untimed_column(connection: &Connection) -> rusqlite::Result<&'static str> {
    let is_there = layout_of(connection)? >= WAYS_SINCE;
    Ok(if is_there { "untimed" } else { "0" })
}

/// Reads the fifteen columns `calls` … `sketch`, from the column `first` on.
pub(super) fn fill_sums(sums: &mut RollupRow, row: &Row<'_>, first: usize) -> rusqlite::Result<()> {
    sums.calls = row.get(first)?;
    for (index, count) in sums.errors.iter_mut().enumerate() {
        *count = row.get(first + 1 + index)?;
    }
    sums.latency_sum_us = row.get(first + 9)?;
    sums.latency_min_us = row.get(first + 10)?;
    sums.latency_max_us = row.get(first + 11)?;
    sums.bytes_in = row.get(first + 12)?;
    sums.bytes_out = row.get(first + 13)?;
    let sketch = row.get_ref(first + 14)?.as_blob()?;
    sums.sketch = Sketch::from_bytes(sketch).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(
            first + 14,
            rusqlite::types::Type::Blob,
            "the sketch of a rollup does not decode".into(),
        )
    })?;
    Ok(())
}
