//! Which layout a store has: the migrations there ever were, and how many of them it has seen.

use mcpr_store::{StoreError, StoreErrorKind};
use rusqlite::Connection;

/// Marks a file as a store of ours: the ASCII text `mcpr`.
pub const APPLICATION_ID: i32 = 0x6d63_7072;

/// Every layout there ever was; a store's `user_version` says how many it has.
pub(super) const MIGRATIONS: [&str; 20] = [
    include_str!("migrations/0001_layout.sql"),
    include_str!("migrations/0002_heads_and_indexes.sql"),
    include_str!("migrations/0003_surfaces.sql"),
    include_str!("migrations/0004_payloads.sql"),
    include_str!("migrations/0005_conversations.sql"),
    include_str!("migrations/0006_slow_by_hour.sql"),
    include_str!("migrations/0007_bounds.sql"),
    include_str!("migrations/0008_neighbours.sql"),
    include_str!("migrations/0009_call_channels.sql"),
    include_str!("migrations/0010_census.sql"),
    include_str!("migrations/0011_id_blocks.sql"),
    include_str!("migrations/0012_notes.sql"),
    include_str!("migrations/0013_flight.sql"),
    include_str!("migrations/0014_traces.sql"),
    include_str!("migrations/0015_flight.sql"),
    include_str!("migrations/0016_unseen.sql"),
    include_str!("migrations/0017_over.sql"),
    include_str!("migrations/0018_ways.sql"),
    include_str!("migrations/0019_session_blocks.sql"),
    include_str!("migrations/0020_session_ranges.sql"),
];

/// SHA-256 of all that the migrations make, as `shape` hashes it. To make them takes some 20 ms, which each
/// command would wait for.
pub(super) const NEWEST_SHA256: &str =
    "1bab50264410ac54b6ae994b782b6fc3459bc2dee62ae345911275166bd9eaaf";

/// The layout that brought the traces of requests.
pub(super) const TRACES_SINCE: i64 = 14;

/// The layout that brought the formats of rows, HTTP statuses, unknown latencies, and the parts of operations.
pub(super) const WAYS_SINCE: i64 = 18;

/// How many layouts a store has seen.
pub(super) fn layout_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

pub(super) fn check_layout(version: i64) -> Result<(), StoreError> {
    let newest = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if (0..=newest).contains(&version) {
        return Ok(());
    }
    let message = format!("the store has layout {version}; this mcpr knows layouts up to {newest}");
    Err(StoreError::new(StoreErrorKind::Newer, message)
        .hint("it was written by a newer mcpr: use that one, or name another store with --db"))
}
