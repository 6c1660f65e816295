//! Writers that others must know to be there: they have requests in flight, or run a server, whose session ends with
//! them.

use crate::connect::Server;
use crate::db::Db;
use crate::errors::DbFault;
use crate::flight::PATIENCE;
use crate::heart::Heart;
use mcpr_model::{Batch, Event};
use mcpr_store::query::SessionKey;

/// Most sessions that are noted of a writer: a tap has one.
const MAX_SESSIONS: usize = 64;

/// What a writer has stated.
#[derive(Debug)]
pub(crate) struct HeldLease {
    writer: i64,
    sessions: Vec<SessionKey>,
    heart: Option<Heart>,
}

impl HeldLease {
    /// Says from now on that the writer is there.
    pub(crate) fn beat(&mut self, server: &Server) {
        let writer = self.writer;
        self.heart.get_or_insert_with(|| {
            Heart::begin(server, move |db| {
                let sql = "UPDATE leases SET seen_at = now() WHERE writer = $1";
                db.execute(sql, &[&writer]).map(drop)
            })
        });
    }

    /// Stops saying that it is there; says whose lease is to be given up.
    pub(crate) fn end(self) -> i64 {
        drop(self.heart);
        self.writer
    }
}

/// Says that a writer is there, before others can read that requests wait for it.
pub(crate) fn say(
    db: &mut Db,
    lease: &mut Option<HeldLease>,
    batch: &Batch,
) -> Result<(), DbFault> {
    let waits = |event: &Event| matches!(event, Event::Open(_) | Event::Server(_));
    if !batch.events.iter().any(waits) {
        return Ok(());
    }
    // A recorder that began anew under another number.
    if lease.as_ref().is_some_and(|it| it.writer != batch.writer) {
        *lease = None;
    }
    let held = lease.get_or_insert_with(|| HeldLease {
        writer: batch.writer,
        sessions: Vec::new(),
        heart: None,
    });
    for event in &batch.events {
        // An export reports servers that have ended, which are nobody's to end.
        if let Event::Server(run) = event
            && run.ended_at().is_none()
        {
            let key = SessionKey {
                proxy: run.proxy.to_string(),
                id: run.session_id.to_string(),
            };
            // What is not noted has no end where its tap is killed: no more than that.
            if !held.sessions.contains(&key) && held.sessions.len() < MAX_SESSIONS {
                held.sessions.push(key);
            }
        }
    }
    // As a list of pairs, which any later version reads.
    let sessions = held.sessions.iter().map(|key| (&key.proxy, &key.id));
    let sessions = serde_json::to_vec(&sessions.collect::<Vec<_>>());
    let sessions = sessions.map_err(|error| DbFault::damaged(error.to_string()))?;
    db.execute(
        "INSERT INTO leases (writer, seen_at, sessions) VALUES ($1, now(), $2)
         ON CONFLICT (writer) DO UPDATE SET seen_at = excluded.seen_at, sessions = excluded.sessions",
        &[&batch.writer, &sessions],
    )
    .map(drop)
}

/// The sessions of writers that are gone, each with when it was last known to go on. They are reported once.
pub(crate) fn left(db: &mut Db) -> Result<Vec<(SessionKey, i64)>, DbFault> {
    let sql = format!(
        "DELETE FROM leases l WHERE l.seen_at <= now() - {PATIENCE} RETURNING l.sessions,
             coalesce((SELECT w.committed_at FROM writers w WHERE w.writer = l.writer), 0)"
    );
    let mut left = Vec::new();
    // Removed in the same transaction that reports them.
    for row in db.rows(&sql, &[])? {
        let sessions: Vec<(String, String)> = serde_json::from_slice(row.try_get(0)?)
            .map_err(|error| DbFault::damaged(error.to_string()))?;
        let committed_at: i64 = row.try_get(1)?;
        for (proxy, id) in sessions {
            let seen = db.row(
                "SELECT s.last_seen_at FROM sessions s JOIN proxies p ON p.id = s.proxy
                 WHERE s.session_id = $1 AND p.name = $2 AND s.ended_at IS NULL",
                &[&id.as_bytes(), &proxy.as_bytes()],
            )?;
            // One that has an end, or was removed, needs none.
            if let Some(seen) = seen {
                let last = committed_at.max(seen.try_get(0)?);
                left.push((SessionKey { proxy, id }, last));
            }
        }
    }
    Ok(left)
}

/// Gives a lease up: its writer has ended well.
pub(crate) fn give_up(db: &mut Db, writer: i64) -> Result<(), DbFault> {
    let sql = "DELETE FROM leases WHERE writer = $1";
    db.execute(sql, &[&writer]).map(drop)
}
