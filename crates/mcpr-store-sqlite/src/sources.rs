//! How far each source has come, and what was met in it: written with every batch, and read back.

use mcpr_model::{Checkpoint, FileIdentity, Fingerprint, SourceProgress};
use rusqlite::{Connection, Transaction, params};

/// Adds what a batch brought of one source.
pub(super) fn write_source(
    tx: &Transaction<'_>,
    source: &SourceProgress,
    now: i64,
) -> rusqlite::Result<()> {
    if let Some(checkpoint) = &source.checkpoint {
        write_checkpoint(tx, checkpoint, now)?;
    }
    // SQLite has signed numbers only; the bits come back as they were.
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
        formats,
        sampled,
    ] = source.counts.to_numbers().map(u64::cast_signed);
    tx.prepare_cached(
        "INSERT INTO sources (name, lines, events, text, bad, unknown, filtered, dropped,
         nul_bytes, last_at, redacted, formats, sampled, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
             row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13))
         ON CONFLICT (name) DO UPDATE SET
             lines = lines + ?2, events = events + ?3, text = text + ?4, bad = bad + ?5,
             unknown = unknown + ?6, filtered = filtered + ?7, dropped = dropped + ?8,
             nul_bytes = nul_bytes + ?9, last_at = ?10, redacted = redacted + ?11,
             formats = formats | ?12, sampled = max(sampled, ?13),
             seal = row_seal(name, lines + ?2, events + ?3, text + ?4, bad + ?5, unknown + ?6,
                             filtered + ?7, dropped + ?8, nul_bytes + ?9, ?10, redacted + ?11, formats | ?12,
                             max(sampled, ?13))",
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
        redacted,
        formats,
        sampled
    ])
    .map(drop)
}

fn write_checkpoint(
    tx: &Transaction<'_>,
    checkpoint: &Checkpoint,
    now: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "REPLACE INTO checkpoints (device, inode, path, head_len, head_hash, marker_len,
         marker_hash, offset, seen_at, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                 row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9))",
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
        now,
    ])
    .map(drop)
}

/// Those after one, by path and identity, at most so many.
pub(super) fn checkpoints(
    connection: &Connection,
    after: Option<&Checkpoint>,
    limit: usize,
) -> rusqlite::Result<Vec<Checkpoint>> {
    let path = after.map(|it| it.path.as_str());
    let number =
        |number: fn(FileIdentity) -> u64| after.map(|it| number(it.identity).cast_signed());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT device, inode, path, head_len, head_hash, marker_len, marker_hash, offset
             FROM checkpoints
             WHERE octet_length(path) <= 65536
                   AND (?1 IS NULL OR (path, device, inode) > (?1, ?2, ?3))
             ORDER BY path, device, inode LIMIT ?4",
        )?
        .query_map(
            params![path, number(|it| it.device), number(|it| it.inode), limit],
            |row| {
                let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
                Ok(Checkpoint {
                    identity: FileIdentity {
                        device: number(0)?,
                        inode: number(1)?,
                    },
                    path: row.get_ref(2)?.as_str()?.into(),
                    head: Fingerprint {
                        len: number(3)?,
                        hash: number(4)?,
                    },
                    marker: Fingerprint {
                        len: number(5)?,
                        hash: number(6)?,
                    },
                    offset: number(7)?,
                })
            },
        )?
        .collect()
}
