//! Names that no row uses any more.
//!
//! What is used is marked first, in reading slices over requests and sums; rows have numbers, so a bit
//! each is enough. What a writer adds meanwhile has higher numbers, and is marked in the very transaction
//! that removes. No count of uses has to be kept while recording.

use super::{SLICE, Slice, Stage, TableWalk};
use crate::census;
use crate::number_set::NumberSet;
use mcpr_store::Class;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

/// Rows looked at in one slice of marking.
// More than are removed at once: looking syncs nothing. But the recorder's own thread looks, and a batch waits.
const LOOKED_AT: i64 = 5000;

/// Most checkpoints kept: those of the files that moved on longest ago go.
const MAX_CHECKPOINTS: usize = 100_000;

/// What is used, and how far the look for it has come.
#[derive(Debug, Default)]
struct UsedNames {
    operations: NumberSet,
    clients: NumberSet,
    /// Those that a session belongs to.
    proxies: NumberSet,
    /// Up to this request.
    seq: i64,
    /// Up to this hour and operation.
    sum: Option<(i64, i64)>,
    /// Up to this session.
    session: i64,
    /// In which state of the store the sessions were looked at.
    data_version: i64,
    phase: NamesPhase,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum NamesPhase {
    #[default]
    Requests,
    Sums,
    Sessions,
    /// Removing operations, from a number on.
    Operations(i64),
    /// Removing clients, from a number on.
    Clients(i64),
    /// Removing proxies, from a number on.
    Proxies(i64),
}

pub(super) fn stages(before: i64) -> Vec<Stage> {
    let mut used = UsedNames::default();
    let mut cut = None;
    let sources = TableWalk {
        table: "sources",
        key: &["name"],
        condition: "last_at < ?1
             AND name NOT IN (SELECT source FROM gaps UNION SELECT source FROM bad_lines
                              UNION SELECT path FROM checkpoints)"
            .to_owned(),
        values: vec![before.into()],
        counts: true,
    };
    let batches = TableWalk {
        table: "batches",
        key: &["id"],
        condition: "requests = 0".to_owned(),
        values: Vec::new(),
        counts: false,
    };
    vec![
        Box::new(move |connection| used.slice(connection, before)),
        Box::new(move |connection| trim_checkpoints(connection, &mut cut)),
        sources.stage(),
        batches.stage(),
    ]
}

impl UsedNames {
    fn slice(&mut self, connection: &mut Connection, before: i64) -> rusqlite::Result<Slice> {
        let mut removed = 0;
        let mut is_last = false;
        match self.phase {
            NamesPhase::Requests => {
                // Not immediate: who only reads keeps no writer waiting.
                let tx = connection.transaction()?;
                if self.mark_requests(&tx, LOOKED_AT)? < LOOKED_AT {
                    self.phase = NamesPhase::Sums;
                }
            }
            NamesPhase::Sums => {
                let tx = connection.transaction()?;
                if self.mark_sums(&tx)? < LOOKED_AT {
                    self.phase = NamesPhase::Sessions;
                    // Noted before sessions are looked at: what is committed during that look is
                    // noticed afterwards.
                    self.data_version = data_version(&tx)?;
                }
            }
            NamesPhase::Sessions => {
                let tx = connection.transaction()?;
                if self.mark_sessions(&tx, LOOKED_AT)? < LOOKED_AT {
                    // Operations go before clients and proxies: the last of a proxy's operations
                    // has to be gone before the proxy can be.
                    self.phase = NamesPhase::Operations(0);
                }
            }
            NamesPhase::Operations(after) => {
                let last;
                (removed, last) =
                    without_references(connection, |tx| self.remove_operations(tx, after))?;
                self.phase = last.map_or(NamesPhase::Clients(0), NamesPhase::Operations);
            }
            NamesPhase::Clients(after) => {
                let last;
                (removed, last) =
                    without_references(connection, |tx| self.remove_clients(tx, after))?;
                self.phase = last.map_or(NamesPhase::Proxies(0), NamesPhase::Clients);
            }
            NamesPhase::Proxies(after) => {
                let last;
                (removed, last) =
                    without_references(connection, |tx| self.remove_proxies(tx, after, before))?;
                self.phase = NamesPhase::Proxies(last.unwrap_or(after));
                is_last = last.is_none();
            }
        }
        Ok(Slice { removed, is_last })
    }

    /// Marks what requests use, from the last one that was looked at on.
    fn mark_requests(&mut self, tx: &Transaction<'_>, limit: i64) -> rusqlite::Result<i64> {
        let mut statement = tx.prepare_cached(
            "SELECT r.seq, r.operation, r.client, o.summed_as
             FROM requests r LEFT JOIN operations o ON o.id = r.operation
             WHERE r.seq > ?1 ORDER BY r.seq LIMIT ?2",
        )?;
        let mut rows = statement.query(params![self.seq, limit])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            self.seq = row.get(0)?;
            self.operations.add(row.get(1)?);
            // The operation whose sums another one counts in is used as well, even where no request
            // names it.
            for (marks, column) in [(&mut self.clients, 2), (&mut self.operations, 3)] {
                if let Some(number) = row.get(column)? {
                    marks.add(number);
                }
            }
        }
        Ok(count)
    }

    fn mark_sums(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<i64> {
        let (hour, operation) = self.sum.unwrap_or((i64::MIN, i64::MIN));
        let mut statement = tx.prepare_cached(
            "SELECT hour, operation FROM rollups WHERE (hour, operation) > (?1, ?2)
             ORDER BY hour, operation LIMIT ?3",
        )?;
        let mut rows = statement.query(params![hour, operation, LOOKED_AT])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            self.sum = Some((row.get(0)?, row.get(1)?));
            self.operations.add(row.get(1)?);
        }
        Ok(count)
    }

    /// Marks what sessions use, from the last one that was looked at on.
    fn mark_sessions(&mut self, tx: &Transaction<'_>, limit: i64) -> rusqlite::Result<i64> {
        let mut statement = tx.prepare_cached(
            "SELECT id, proxy, client FROM sessions WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let mut rows = statement.query(params![self.session, limit])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            count += 1;
            self.session = row.get(0)?;
            self.proxies.add(row.get(1)?);
            if let Some(client) = row.get(2)? {
                self.clients.add(client);
            }
        }
        Ok(count)
    }

    /// Marks what was written since the first look.
    fn mark_news(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        // Without a limit: it is only what was stored since the last slice. New sums come with new
        // requests.
        self.mark_requests(tx, i64::MAX)?;
        let data_version = data_version(tx)?;
        // Where another writer was at work, an old session may have got its client meanwhile.
        if data_version != self.data_version {
            (self.session, self.data_version) = (0, data_version);
            self.mark_sessions(tx, i64::MAX)?;
        }
        Ok(())
    }

    /// Removes operations behind a number that nothing uses; says up to where it looked.
    fn remove_operations(
        &mut self,
        tx: &Transaction<'_>,
        after: i64,
    ) -> rusqlite::Result<(u64, Option<i64>)> {
        self.mark_news(tx)?;
        let numbers = numbers_after(tx, "operations", after)?;
        let mut delete = tx.prepare_cached("DELETE FROM operations WHERE id = ?1")?;
        let mut removed = 0;
        for number in numbers.iter().filter(|it| !self.operations.has(**it)) {
            removed += delete.execute([number])?;
        }
        Ok((removed as u64, numbers.last().copied()))
    }

    fn remove_clients(
        &mut self,
        tx: &Transaction<'_>,
        after: i64,
    ) -> rusqlite::Result<(u64, Option<i64>)> {
        self.mark_news(tx)?;
        let numbers = numbers_after(tx, "clients", after)?;
        let mut delete = tx.prepare_cached("DELETE FROM clients WHERE id = ?1")?;
        let mut removed = 0;
        for number in numbers.iter().filter(|it| !self.clients.has(**it)) {
            removed += delete.execute([number])?;
        }
        Ok((removed as u64, numbers.last().copied()))
    }

    /// Removes proxies of which nothing is left; what their servers showed is kept as long as hourly
    /// sums are, also where that is all.
    fn remove_proxies(
        &mut self,
        tx: &Transaction<'_>,
        after: i64,
        before: i64,
    ) -> rusqlite::Result<(u64, Option<i64>)> {
        self.mark_news(tx)?;
        let numbers = numbers_after(tx, "proxies", after)?;
        // One that counts with others has them beside it: those without are enough, and have an index.
        let mut has_operations = tx.prepare_cached(
            "SELECT 1 FROM operations WHERE proxy = ?1 AND summed_as IS NULL LIMIT 1",
        )?;
        let oldest = before.saturating_sub(Class::SUMS_MS);
        let mut removed = 0;
        for number in numbers.iter().filter(|it| !self.proxies.has(**it)) {
            if !has_operations.exists([number])? {
                removed += forget_proxy(tx, *number, oldest)?;
            }
        }
        Ok((removed, numbers.last().copied()))
    }
}

/// A number that changes when another connection commits.
fn data_version(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))
}

/// Removes checkpoints beyond their bound, those of the files that moved on longest ago.
fn trim_checkpoints(
    connection: &mut Connection,
    cut: &mut Option<Vec<Value>>,
) -> rusqlite::Result<Slice> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if cut.is_none() {
        // Looked for once: to sort them takes longer than to remove a slice.
        *cut = tx
            .prepare_cached(
                "SELECT seen_at, device, inode FROM checkpoints
                 ORDER BY seen_at DESC, device DESC, inode DESC LIMIT 1 OFFSET ?1",
            )?
            .query_row([MAX_CHECKPOINTS], |row| {
                (0..3).map(|at| row.get(at)).collect()
            })
            .optional()?;
    }
    let mut removed = 0;
    if let Some(cut) = cut {
        let sql = format!(
            "DELETE FROM checkpoints WHERE (device, inode) IN
             (SELECT device, inode FROM checkpoints
              WHERE (seen_at, device, inode) <= (?1, ?2, ?3) LIMIT {SLICE})"
        );
        removed = tx
            .prepare_cached(&sql)?
            .execute(rusqlite::params_from_iter(cut.iter()))?;
    }
    census::settle(&tx)?;
    tx.commit()?;
    Ok(Slice {
        removed: removed as u64,
        is_last: removed < SLICE,
    })
}

fn numbers_after(tx: &Transaction<'_>, table: &str, after: i64) -> rusqlite::Result<Vec<i64>> {
    tx.prepare_cached(&format!(
        "SELECT id FROM {table} WHERE id > ?1 ORDER BY id LIMIT ?2"
    ))?
    .query_map(params![after, SLICE], |row| row.get(0))?
    .collect()
}

/// Removes names in a transaction that does not look for rows which refer to each of them: they were
/// looked for all together, and one by one that takes the square of the time.
pub(crate) fn without_references<T>(
    connection: &mut Connection,
    remove: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    // Outside of the transaction: inside of one SQLite ignores it.
    connection.pragma_update(None, "foreign_keys", false)?;
    let removed = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .and_then(|tx| {
            let removed = remove(&tx)?;
            census::settle(&tx)?;
            tx.commit()?;
            Ok(removed)
        });
    // Also after a failure, which is reported only then.
    connection.pragma_update(None, "foreign_keys", true)?;
    removed
}

fn forget_proxy(tx: &Transaction<'_>, proxy: i64, oldest: i64) -> rusqlite::Result<u64> {
    let last_seen: Option<i64> = tx
        .prepare_cached(
            "SELECT max(ts) FROM (SELECT max(last_seen) AS ts FROM surfaces WHERE proxy = ?1
             UNION ALL SELECT max(last_seen) FROM surface_items WHERE proxy = ?1
             UNION ALL SELECT max(ts) FROM surface_pages WHERE proxy = ?1)",
        )?
        .query_row([proxy], |row| row.get(0))?;
    if last_seen.is_some_and(|ts| ts >= oldest) {
        return Ok(0);
    }
    let versions: Vec<i64> = tx
        .prepare_cached("SELECT id FROM surfaces WHERE proxy = ?1")?
        .query_map([proxy], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in versions {
        crate::surfaces::remove_version(tx, id)?;
    }
    // One by one and pages' items by themselves: while foreign keys are off nothing cascades.
    let tables = [
        "surface_items",
        "surface_page_items",
        "surface_pages",
        "surface_announcements",
    ];
    for table in tables {
        tx.execute(&format!("DELETE FROM {table} WHERE proxy = ?1"), [proxy])?;
    }
    let removed = tx.execute("DELETE FROM proxies WHERE id = ?1", [proxy])?;
    Ok(removed as u64)
}
