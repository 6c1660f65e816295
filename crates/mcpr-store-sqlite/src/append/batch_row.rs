//! The row of `batches` that a commit is recognised by.

use super::BatchWriter;
use crate::seal;
use mcpr_model::Batch;
use rusqlite::{OptionalExtension, Transaction, params};

/// Commits of one writer with fewer requests than this share a row of `batches`.
const BATCH_ROW_REQUESTS: i64 = 1000;

impl BatchWriter<'_> {
    /// Adds this commit to the last row of `batches` where that is this writer's and still small.
    pub(super) fn write_batch_row(&self, batch: &Batch) -> rusqlite::Result<()> {
        let stored = self.appended.stored.cast_signed();
        // Only the newest row may grow: the spans of two rows must not overlap, for a request's
        // batch is the one with the highest `first_seq` not above it.
        let Some(last) = last_batch(self.tx)?.filter(|last| last.takes(batch.writer, stored))
        else {
            return self.insert_batch_row(batch);
        };
        let (min_ts, max_ts) = self.span.unzip();
        self.tx
            .prepare_cached(
                "UPDATE batches SET committed_at = ?2, last_seq = ?3, requests = requests + ?4,
                 min_ts = min(min_ts, ?5), max_ts = max(max_ts, ?6), checksum = ?7,
                 seal = row_seal(id, writer, ?2, first_seq, ?3, requests + ?4, min(min_ts, ?5),
                                 max(max_ts, ?6), ?7)
                 WHERE id = ?1",
            )?
            .execute(params![
                last.id,
                batch.now,
                self.last_seq,
                stored,
                min_ts,
                max_ts,
                last.checksum.wrapping_add(self.checksum),
            ])
            .map(drop)
    }

    fn insert_batch_row(&self, batch: &Batch) -> rusqlite::Result<()> {
        let (min_ts, max_ts) = self.span.unzip();
        self.tx
            .prepare_cached(
                "INSERT INTO batches (writer, committed_at, first_seq, last_seq, requests,
                 min_ts, max_ts, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                batch.writer,
                batch.now,
                self.first_seq,
                self.last_seq,
                self.appended.stored.cast_signed(),
                min_ts,
                max_ts,
                self.checksum
            ])?;
        // Afterwards, because the seal covers the number that the row has just been given.
        seal::renew(self.tx, "batches", "id = ?1", [self.tx.last_insert_rowid()])
    }
}

/// The newest row of `batches`.
struct LastBatch {
    id: i64,
    writer: i64,
    requests: i64,
    checksum: i64,
}

impl LastBatch {
    fn takes(&self, writer: i64, requests: i64) -> bool {
        self.writer == writer && self.requests + requests <= BATCH_ROW_REQUESTS
    }
}

fn last_batch(tx: &Transaction<'_>) -> rusqlite::Result<Option<LastBatch>> {
    tx.prepare_cached(
        "SELECT id, writer, requests, checksum FROM batches ORDER BY id DESC LIMIT 1",
    )?
    .query_row([], |row| {
        Ok(LastBatch {
            id: row.get(0)?,
            writer: row.get(1)?,
            requests: row.get(2)?,
            checksum: row.get(3)?,
        })
    })
    .optional()
}
