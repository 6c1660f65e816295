//! A cache of the lists that were seen last: one that comes again word for word is known without reading it,
//! and its row is written once a transaction.
//!
//! What is remembered holds only while no other writer commits and no transaction is rolled back;
//! the appender forgets it then.

use super::seal;
use mcpr_model::{SurfaceContent, SurfaceUpdate, Text};
use rusqlite::{Transaction, params};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::Xxh3;

/// Most lists remembered at once; past that, all are forgotten and read again.
const MAX_REMEMBERED: usize = 4096;

/// What was seen last of each list.
#[derive(Debug, Default)]
pub(super) struct SurfaceCache {
    of_lists: FxHashMap<(i64, Text), CachedList>,
}

/// The newest version of a list, and the statement in which it was seen last.
#[derive(Debug)]
struct CachedList {
    statement: u128,
    surface: i64,
    last_seen_at: i64,
    protocol: Option<String>,
    is_written: bool,
}

/// What a statement that is known turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SeenAgain {
    /// The newest version, once more.
    Newer,
    /// The newest version, but before it was seen last: that says nothing new.
    Late,
}

impl SurfaceCache {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.of_lists.clear();
    }

    /// Keeps the memory bounded; to be called between transactions.
    pub(super) fn trim(&mut self) {
        if self.of_lists.len() > MAX_REMEMBERED {
            self.clear();
        }
    }

    /// Whether a list was seen whole, as far as is remembered.
    pub(super) fn knows(&self, proxy: i64, method: &Text) -> bool {
        self.of_lists.contains_key(&(proxy, method.clone()))
    }

    /// Takes in a statement that is word for word the one before it about its list.
    pub(super) fn again(&mut self, proxy: i64, update: &SurfaceUpdate) -> Option<SeenAgain> {
        let list = self.of_lists.get_mut(&(proxy, update.method.clone()))?;
        if fingerprint(update) != Some(list.statement) {
            return None;
        }
        // Files may be read late: an old statement must not set the time back.
        if update.ts < list.last_seen_at {
            return Some(SeenAgain::Late);
        }
        // The row is written at the end of the batch, however often a list was asked for in it.
        list.is_written &= list.last_seen_at == update.ts;
        list.last_seen_at = update.ts;
        Some(SeenAgain::Newer)
    }

    /// Remembers the statement in which a version was seen last; the store says so already.
    pub(super) fn remember(
        &mut self,
        proxy: i64,
        surface: i64,
        update: &SurfaceUpdate,
        protocol: Option<String>,
    ) {
        // Only what can be a whole list can be known again from a single statement.
        let Some(statement) = fingerprint(update) else {
            return;
        };
        let list = CachedList {
            statement,
            surface,
            last_seen_at: update.ts,
            protocol,
            is_written: true,
        };
        self.of_lists.insert((proxy, update.method.clone()), list);
    }

    /// Forgets a list, after its row says all that is known.
    pub(super) fn forget(
        &mut self,
        tx: &Transaction<'_>,
        proxy: i64,
        method: &Text,
    ) -> rusqlite::Result<()> {
        // Its time goes into the row first, for what comes next compares with that.
        let list = self.of_lists.remove(&(proxy, method.clone()));
        list.map_or(Ok(()), |list| list.write(tx))
    }

    /// Writes what is not yet in the rows.
    pub(super) fn write_back(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        for list in self.of_lists.values_mut() {
            list.write(tx)?;
            list.is_written = true;
        }
        Ok(())
    }
}

impl CachedList {
    fn write(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        if self.is_written {
            return Ok(());
        }
        seen(
            tx,
            self.surface,
            self.last_seen_at,
            self.protocol.as_deref(),
        )
    }
}

/// Says of a version that it was seen.
pub(super) fn seen(
    tx: &Transaction<'_>,
    surface: i64,
    ts: i64,
    protocol: Option<&str>,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE surfaces SET last_seen = max(last_seen, ?2), protocol = ?3 WHERE id = ?1",
    )?
    .execute(params![surface, ts, protocol])?;
    seal::renew(tx, "surfaces", "id = ?1", [surface])
}

/// What distinguishes one statement from another, where it can be a whole list.
fn fingerprint(update: &SurfaceUpdate) -> Option<u128> {
    // Nothing but this hash is compared, so it has 128 bits.
    let mut hasher = Xxh3::new();
    match &update.content {
        SurfaceContent::Whole { result, .. } => {
            // The same text says less in a page than as a whole list.
            hasher.update(b"whole\0");
            hasher.update(result.as_bytes());
        }
        SurfaceContent::Page {
            cursor: None,
            result,
            asked_version,
        } => {
            // A server may show the same list to speakers of another version: which one is stored
            // with it.
            hasher.update(asked_version.as_deref().unwrap_or_default().as_bytes());
            hasher.update(b"\0");
            hasher.update(result.as_bytes());
        }
        SurfaceContent::Page { .. }
        | SurfaceContent::Item { .. }
        | SurfaceContent::ListChanged
        | SurfaceContent::Version(_) => return None,
    }
    Some(hasher.digest128())
}
