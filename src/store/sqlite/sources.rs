//! How far each source has come, and what was met in it: written with every batch.

use super::seal;
use crate::model::{Checkpoint, SourceProgress};
use rusqlite::{Transaction, params};

/// Adds what a batch brought of one source.
pub(super) fn write_source(
    tx: &Transaction<'_>,
    source: &SourceProgress,
    now: i64,
) -> rusqlite::Result<()> {
    if let Some(checkpoint) = &source.checkpoint {
        write_checkpoint(tx, checkpoint)?;
    }
    let counts = &source.counts;
    let numbers = [
        counts.lines,
        counts.events,
        counts.text,
        counts.bad,
        counts.unknown,
        counts.filtered,
        counts.dropped,
        counts.nul_bytes,
        counts.redacted,
    ]
    .map(u64::cast_signed);
    let [
        lines,
        events,
        text,
        bad,
        unknown,
        filtered,
        dropped,
        nul_bytes,
        redacted,
    ] = numbers;
    tx.prepare_cached(
        "INSERT INTO sources (name, lines, events, text, bad, unknown, filtered, dropped,
         nul_bytes, last_at, redacted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (name) DO UPDATE SET
             lines = lines + ?2, events = events + ?3, text = text + ?4, bad = bad + ?5,
             unknown = unknown + ?6, filtered = filtered + ?7, dropped = dropped + ?8,
             nul_bytes = nul_bytes + ?9, last_at = ?10, redacted = redacted + ?11",
    )?
    .execute(params![
        source.name.as_str(),
        lines,
        events,
        text,
        bad,
        unknown,
        filtered,
        dropped,
        nul_bytes,
        now,
        redacted
    ])?;
    seal::renew(tx, "sources", "name = ?1", [source.name.as_str()])
}

fn write_checkpoint(tx: &Transaction<'_>, checkpoint: &Checkpoint) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "REPLACE INTO checkpoints (device, inode, path, head_len, head_hash, marker_len,
         marker_hash, offset, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8))",
    )?
    .execute(params![
        checkpoint.identity.device.cast_signed(),
        checkpoint.identity.inode.cast_signed(),
        checkpoint.path.as_str(),
        checkpoint.head.len.cast_signed(),
        checkpoint.head.hash.cast_signed(),
        checkpoint.marker.len.cast_signed(),
        checkpoint.marker.hash.cast_signed(),
        checkpoint.offset.cast_signed(),
    ])
    .map(drop)
}
