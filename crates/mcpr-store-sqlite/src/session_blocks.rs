//! Sums over sessions that stand one behind the other, a block of them at a time.
//!
//! A block's sums stand in the store or they do not; where they do, they are what its sessions come to. Whatever
//! changes a session removes the sums of its block in the same transaction (see `census`), and the writer makes them
//! again once the block is left alone. So no statement has to keep them right, and a reader that finds none looks at
//! the sessions themselves.

use super::layout::layout_of;
use super::sums::rounded;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::{BTreeMap, BTreeSet};

/// The layout that brought the table.
pub(super) const SINCE: i64 = 19;

/// Sessions of a block, as a power of two.
const BLOCK_BITS: u32 = 10;
/// A block whose sessions are of more clients than this has no sums: they would be as long as the sessions.
const MAX_GROUPS: i64 = 128;
/// Blocks that are looked for, and made, in one idle moment. Few are missing but after a long run without one: then a
/// recorder that ends leaves none of ten million requests without sums.
const MOST_IDLE: usize = 512;
/// Batches for which a block must have been left alone. A session that goes on for days stands in an old block: to make
/// the sums anew between any two of its calls would cost a commit each.
pub(super) const QUIET_BATCHES: u64 = 16;
/// Blocks that changed and are remembered; beyond, all are looked through anew.
const MAX_CHANGED: usize = 10_000;

/// The block of a session.
pub(super) fn block_of(session: i64) -> i64 {
    session >> BLOCK_BITS
}

/// The sessions of a block: the first and the last number.
pub(super) fn sessions_of(block: i64) -> (i64, i64) {
    let first = block << BLOCK_BITS;
    (first, first + (1 << BLOCK_BITS) - 1)
}

/// Which blocks a writer has yet to make.
#[derive(Debug, Default)]
pub(super) struct BlocksToMake {
    /// Those without sums, with the batch from which on they have been left alone for long enough.
    changed: BTreeMap<i64, u64>,
    /// The batches of this writer so far.
    batches: u64,
    /// From which session on the blocks that are there were not looked at.
    looked_up_to: i64,
}

impl BlocksToMake {
    /// Removes the sums of the blocks that this transaction has changed.
    pub(super) fn note_changed(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        self.batches += 1;
        let quiet_from = self.batches + QUIET_BATCHES;
        let changed = forget_changed(tx)?.into_iter();
        self.changed
            .extend(changed.map(|block| (block, quiet_from)));
        if self.changed.len() > MAX_CHANGED {
            *self = Self::default();
        }
        Ok(())
    }

    /// The blocks whose sums are missing and can be made, in an idle moment.
    pub(super) fn missing(&mut self, connection: &Connection) -> rusqlite::Result<Vec<i64>> {
        self.look(connection)?;
        // Sessions are still to come into the last block.
        let end = block_of(last_session(connection)?);
        let whole = self.changed.range(..end);
        let quiet = whole.filter(|&(_, &from)| from <= self.batches);
        Ok(quiet.map(|(&block, _)| block).take(MOST_IDLE).collect())
    }

    /// Notes that the sums of blocks are made.
    pub(super) fn made(&mut self, blocks: &[i64]) {
        for block in blocks {
            self.changed.remove(block);
        }
    }

    /// Looks for blocks without sums among those that were there before this writer.
    fn look(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for _ in 0..MOST_IDLE {
            let Some(session) = next_session(connection, self.looked_up_to)? else {
                break;
            };
            let block = block_of(session);
            self.looked_up_to = sessions_of(block).1 + 1;
            if !has_sums(connection, block)? {
                // One that this writer has changed has to be left alone first.
                self.changed.entry(block).or_default();
            }
        }
        Ok(())
    }
}

/// Removes the sums of blocks whose sessions this transaction has changed; says which.
pub(super) fn forget_changed(tx: &Connection) -> rusqlite::Result<BTreeSet<i64>> {
    let changed: String = tx
        .prepare_cached("SELECT taken_session_blocks()")?
        .query_row([], |row| row.get(0))?;
    let changed: BTreeSet<i64> = serde_json::from_str(&changed).unwrap_or_default();
    if !changed.is_empty() && layout_of(tx)? >= SINCE {
        let mut forget = tx.prepare_cached("DELETE FROM session_blocks WHERE block = ?1")?;
        for block in &changed {
            forget.execute([block])?;
        }
    }
    Ok(changed)
}

fn last_session(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT ifnull(max(id), 0) FROM sessions")?
        .query_row([], |row| row.get(0))
}

fn next_session(tx: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
    tx.prepare_cached("SELECT id FROM sessions WHERE id >= ?1 ORDER BY id LIMIT 1")?
        .query_row([from], |row| row.get(0))
        .optional()
}

fn has_sums(tx: &Connection, block: i64) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT 1 FROM session_blocks WHERE block = ?1")?
        .exists([block])
}

/// What the sessions of the blocks come to that a condition on `sessions s` chooses, in the order of the columns.
fn sums(condition: &str) -> String {
    format!(
        "SELECT s.id >> {BLOCK_BITS} AS block, ifnull(s.client, 0) AS client, s.proxy AS proxy,
                s.total_calls > 0 AS used, count(*) AS sessions, {} AS calls, {} AS errors,
                min(s.started_at) AS first_started_at, max(s.started_at) AS last_started_at,
                min(s.last_seen_at) AS first_last_seen_at, max(s.last_seen_at) AS last_seen_at
         FROM sessions s WHERE {condition} GROUP BY 1, 2, 3, 4",
        rounded("s.total_calls"),
        rounded("s.total_errors"),
    )
}

/// Makes the sums of a block, unless its sessions are of too many clients.
pub(super) fn make(tx: &Connection, block: i64) -> rusqlite::Result<()> {
    let (first, last) = sessions_of(block);
    let groups = tx
        .prepare_cached(
            "SELECT count(*) FROM (SELECT DISTINCT client, proxy, total_calls > 0 FROM sessions
                                   WHERE id BETWEEN ?1 AND ?2)",
        )?
        .query_row([first, last], |row| row.get::<_, i64>(0))?;
    if groups > MAX_GROUPS {
        return Ok(());
    }
    let sql = format!(
        "REPLACE INTO session_blocks
         SELECT *, row_seal(block, client, proxy, used, sessions, calls, errors, first_started_at, last_started_at,
                            first_last_seen_at, last_seen_at)
         FROM ({})",
        sums("s.id BETWEEN ?1 AND ?2")
    );
    tx.prepare_cached(&sql)?
        .execute(params![first, last])
        .map(drop)
}

/// Blocks whose sums are not those of their sessions, at most so many.
pub(super) fn wrong(connection: &Connection, most: usize) -> rusqlite::Result<Vec<i64>> {
    const COLUMNS: &str =
        "block, client, proxy, used, sessions, calls, errors, first_started_at, last_started_at,
                           first_last_seen_at, last_seen_at";
    if layout_of(connection)? < SINCE {
        return Ok(Vec::new());
    }
    let mut blocks =
        connection.prepare("SELECT DISTINCT block FROM session_blocks ORDER BY block")?;
    let blocks = blocks.query_map([], |row| row.get(0))?;
    let made = sums("s.id BETWEEN ?2 AND ?3");
    let mut differs = connection.prepare(&format!(
        "SELECT 1 FROM (SELECT {COLUMNS} FROM session_blocks WHERE block = ?1 EXCEPT {made})
         UNION ALL SELECT 1 FROM ({made} EXCEPT SELECT {COLUMNS} FROM session_blocks WHERE block = ?1)"
    ))?;
    let mut wrong = Vec::new();
    for block in blocks {
        let block: i64 = block?;
        let (first, last) = sessions_of(block);
        if wrong.len() < most && differs.exists([block, first, last])? {
            wrong.push(block);
        }
    }
    Ok(wrong)
}
