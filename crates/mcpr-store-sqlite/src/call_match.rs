//! A call that two channels of one proxy report: finds the row that the other channel has led to, and
//! fills it with what only this one knows.

use super::append::BatchWriter;
use super::requests::{self, OWN_VALUES, RowPlace};
use super::seal;
use mcpr_model::{CallKey, ErrorKind, Request, Text};
use mcpr_store::{CallMatch, Candidate, MAX_CANDIDATES, keys, match_call};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::sync::LazyLock;

/// A row that may be of the same call, with what it refers to.
struct StoredCall {
    candidate: Candidate,
    key: i64,
    operation: super::names::OperationRef,
    session: Option<(i64, Text)>,
    client: Option<i64>,
}

/// Whether there is any row in the ranges of codes of a call. Mostly there is none, and this costs a third of the look
/// for them.
const ANY_OF_CALL: &str = "SELECT EXISTS (SELECT 1 FROM requests WHERE call BETWEEN ?1 AND ?2)
     OR EXISTS (SELECT 1 FROM requests WHERE call BETWEEN ?3 AND ?4)
     OR EXISTS (SELECT 1 FROM requests WHERE call BETWEEN ?5 AND ?6)
     OR EXISTS (SELECT 1 FROM requests WHERE call BETWEEN ?7 AND ?8)
     OR EXISTS (SELECT 1 FROM requests WHERE call BETWEEN ?9 AND ?10)
     OR EXISTS (SELECT 1 FROM requests WHERE call BETWEEN ?11 AND ?12)";

/// The rows in the ranges of codes of a call, oldest first. Of each range no more are read than are
/// looked at: a client that uses an id again and again must not make each call cost more than the last.
static OF_CALL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH candidates (seq) AS (
         SELECT * FROM (SELECT seq FROM requests WHERE call BETWEEN ?1 AND ?2 LIMIT ?13) UNION ALL
         SELECT * FROM (SELECT seq FROM requests WHERE call BETWEEN ?3 AND ?4 LIMIT ?13) UNION ALL
         SELECT * FROM (SELECT seq FROM requests WHERE call BETWEEN ?5 AND ?6 LIMIT ?13) UNION ALL
         SELECT * FROM (SELECT seq FROM requests WHERE call BETWEEN ?7 AND ?8 LIMIT ?13) UNION ALL
         SELECT * FROM (SELECT seq FROM requests WHERE call BETWEEN ?9 AND ?10 LIMIT ?13) UNION ALL
         SELECT * FROM (SELECT seq FROM requests WHERE call BETWEEN ?11 AND ?12 LIMIT ?13))
     SELECT r.seq, r.call, r.ts, r.key, r.operation, o.proxy, o.hash, r.session, s.session_id,
            r.client, c.name, c.version, ifnull(o.summed_as, o.id), p.name, {OWN_VALUES}
     FROM candidates t CROSS JOIN requests r ON r.seq = t.seq
          JOIN operations o ON o.id = r.operation
          JOIN proxies p ON p.id = o.proxy
          LEFT JOIN sessions s ON s.id = r.session
          LEFT JOIN clients c ON c.id = r.client
     ORDER BY r.seq LIMIT ?13"
    )
});

/// Looks for the rows that may be of a call, oldest first.
fn find(
    tx: &Transaction<'_>,
    request: &Request,
    call: CallKey,
) -> rusqlite::Result<Vec<StoredCall>> {
    let ranges = call.codes(request.ts).into_iter();
    let ends = ranges.flat_map(|(first, last)| [first, last]);
    let is_any: bool = tx
        .prepare_cached(ANY_OF_CALL)?
        .query_row(rusqlite::params_from_iter(ends.clone()), |row| row.get(0))?;
    if !is_any {
        return Ok(Vec::new());
    }
    let limit = i64::try_from(MAX_CANDIDATES).unwrap_or(i64::MAX);
    let values = ends.chain([limit]);
    // CROSS in the statement keeps SQLite at it: first the few numbers by the index over codes,
    // then their rows.
    let mut statement = tx.prepare_cached(&OF_CALL)?;
    statement
        .query_map(rusqlite::params_from_iter(values), |row| {
            found(request, row)
        })?
        .collect()
}

fn found(incoming: &Request, row: &Row<'_>) -> rusqlite::Result<StoredCall> {
    let text = |at: usize| -> rusqlite::Result<Option<Text>> {
        Ok(row.get_ref(at)?.as_str_or_null()?.map(Text::from))
    };
    let request = Request {
        ts: row.get(2)?,
        proxy: text(13)?.unwrap_or_default(),
        client_name: text(10)?,
        client_version: text(11)?,
        // What was called is what the code was made of; its texts stand elsewhere.
        ..requests::with_own_values(incoming.clone(), row, 14)?
    };
    let session: Option<i64> = row.get(7)?;
    Ok(StoredCall {
        candidate: Candidate {
            seq: row.get(0)?,
            code: row.get(1)?,
            request,
        },
        key: row.get(3)?,
        operation: super::names::OperationRef {
            id: row.get(4)?,
            proxy: row.get(5)?,
            hash: row.get(6)?,
            sums: row.get(12)?,
        },
        session: session.zip(text(8)?),
        client: row.get(9)?,
    })
}

impl BatchWriter<'_> {
    /// Merges a request into the row that another channel has led to. `None` where it was merged or is a
    /// duplicate; else it is a new row, and the value says whether that is undecided.
    pub(super) fn merge_call(&mut self, request: &Request) -> rusqlite::Result<Option<bool>> {
        let Some(call) = request.key.call else {
            return Ok(Some(false));
        };
        // The other channel may have reported it in this very batch.
        self.memory.new_rows.write(self.tx)?;
        let mut found = find(self.tx, request, call)?;
        // Mostly no channel has reported it yet: that costs one look into the index.
        if found.is_empty() {
            return Ok(Some(false));
        }
        // Sessions made by the same batch are read from their table.
        self.memory.sessions.write_back(self.tx)?;
        // Only a row whose session was not yet in its table can read differently now.
        if found.iter().any(|it| it.session.is_none()) {
            found = find(self.tx, request, call)?;
        }
        let candidates = found.iter().map(|it| it.candidate.clone()).collect();
        match match_call(request, call, candidates) {
            CallMatch::New { is_undecided } => return Ok(Some(is_undecided)),
            CallMatch::Duplicate => {}
            CallMatch::Merge {
                channels,
                stored,
                merged,
            } => {
                found.retain(|it| it.candidate.seq == stored.seq);
                if let Some(found) = found.pop() {
                    let code = call.code_of(merged.ts, channels);
                    self.fill(&found, &merged, code)?;
                }
            }
        }
        self.appended.duplicates += 1;
        Ok(None)
    }

    /// Writes what both channels know into the row of the one that came first.
    fn fill(&mut self, found: &StoredCall, merged: &Request, code: i64) -> rusqlite::Result<()> {
        let stored = &found.candidate.request;
        // A channel that names the client knows it; one that does not must not take the name away.
        let client = if stored.client_name.is_some() {
            found.client
        } else {
            let (name, version) = (merged.client_name.as_ref(), merged.client_version.as_ref());
            self.memory.names.client(self.tx, name, version)?
        };
        // The row first: the hash covers the key under which it stands in the end.
        let key = self.write(found, merged, client, code)?;
        let seq = found.candidate.seq;
        self.memory.new_rows.note(seq, merged.ts, key);
        let place = |client| RowPlace {
            seq: found.candidate.seq,
            operation: found.operation,
            session: found.session.as_ref().map(|(number, _)| *number),
            client,
        };
        let before = requests::row_hash(
            stored,
            place(found.client),
            found.key,
            Some(found.candidate.code),
        );
        let after = requests::row_hash(merged, place(client), key, Some(code));
        self.reseal(found.candidate.seq, merged.ts, after.wrapping_sub(before))?;
        if let Some((_, id)) = &found.session
            && let Some(slot) = self
                .memory
                .sessions
                .find(self.tx, found.operation.proxy, id)?
        {
            self.memory.sessions.recount(slot, stored, merged);
        }
        let rollups = &mut self.memory.rollups;
        rollups.amend(self.tx, found.operation.sums, stored, merged)
    }

    /// Writes a row under a key that is free at its time; says which one that is.
    fn write(
        &self,
        found: &StoredCall,
        merged: &Request,
        client: Option<i64>,
        code: i64,
    ) -> rusqlite::Result<i64> {
        // Where the time stays, so does the key.
        let stays = (merged.ts == found.candidate.request.ts).then_some(found.key);
        for key in stays.into_iter().chain(keys(merged)) {
            if self.try_write(found.candidate.seq, merged, key, client, code)? {
                return Ok(key);
            }
        }
        // The keys have no end.
        Ok(found.key)
    }

    /// Says whether the row was written: another one may stand under its time and key.
    fn try_write(
        &self,
        seq: i64,
        merged: &Request,
        key: i64,
        client: Option<i64>,
        code: i64,
    ) -> rusqlite::Result<bool> {
        let outcome = &merged.outcome;
        let written = self
            .tx
            .prepare_cached(
                "UPDATE OR IGNORE requests SET ts = ?2, key = ?3, client = ?4, upstream_us = ?5,
                 bytes_in = ?6, bytes_out = ?7, error_kind = ?8, error_code = ?9, error_msg = ?10,
                 call = ?11, http_status = ?12, first_event_us = ?13 WHERE seq = ?1",
            )?
            .execute(params![
                seq,
                merged.ts,
                key,
                client,
                merged.upstream_us,
                merged.bytes_in,
                merged.bytes_out,
                outcome.error_kind.map(ErrorKind::code),
                outcome.error_code.as_deref(),
                outcome.error_msg.as_deref(),
                code,
                merged.http_status,
                merged.first_event_us,
            ])?;
        Ok(written > 0)
    }

    /// Adds what a row's hash has changed by to the checksum of its batch.
    fn reseal(&mut self, seq: i64, ts: i64, change: i64) -> rusqlite::Result<()> {
        // A row of this very batch: its sums are still in memory.
        if seq >= self.first_seq {
            self.checksum = self.checksum.wrapping_add(change);
            let (min, max) = self.span.unwrap_or((ts, ts));
            self.span = Some((min.min(ts), max.max(ts)));
            return Ok(());
        }
        let batch: Option<(i64, i64)> = self
            .tx
            .prepare_cached(
                "SELECT id, checksum FROM batches WHERE first_seq <= ?1 AND last_seq >= ?1
                 ORDER BY first_seq DESC LIMIT 1",
            )?
            .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        // Outside of all batches is damage, which `verify` reports; nothing is made up for it here.
        let Some((id, checksum)) = batch else {
            return Ok(());
        };
        self.tx
            .prepare_cached(
                "UPDATE batches SET checksum = ?2, min_ts = min(min_ts, ?3),
                 max_ts = max(max_ts, ?3) WHERE id = ?1",
            )?
            .execute(params![id, checksum.wrapping_add(change), ts])?;
        seal::renew(self.tx, "batches", "id = ?1", [id])
    }
}
