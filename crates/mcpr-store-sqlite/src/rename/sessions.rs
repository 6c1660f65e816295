//! Sessions of a proxy that gets the name of another one: those of one id become one.

use super::Moved;
use crate::{runs, seal, session_ranges};
use mcpr_store::{SessionSpan, SessionState, merge_sessions};
use rusqlite::{Transaction, params};

/// Which sessions become one: in this order, the first of each pair becomes the second.
#[derive(Debug, Default)]
pub(super) struct JoinedSessions(Vec<(i64, i64)>);

impl JoinedSessions {
    /// What each session that goes is in the end.
    pub(super) fn numbers(&self) -> Moved {
        let mut numbers = Moved::new();
        // From behind: what the later pairs make of a session is known then.
        for &(from, into) in self.0.iter().rev() {
            let last = numbers.get(&into).copied().unwrap_or(into);
            numbers.insert(from, last);
        }
        numbers
    }
}

/// Looks at the sessions of both names; nothing is written yet.
pub(super) fn pairs(
    tx: &Transaction<'_>,
    from: i64,
    into: i64,
) -> rusqlite::Result<JoinedSessions> {
    // Of those that are not inferred only ids that both have matter.
    let all: Vec<(i64, SessionSpan)> = tx
        .prepare(
            "SELECT s.id, s.proxy = ?1, s.session_id, s.inferred, ifnull(s.client, -1), s.started_at,
                    s.last_seen_at
             FROM sessions s
             WHERE s.proxy IN (?1, ?2) AND (s.inferred = 1 OR EXISTS (
                 SELECT 1 FROM sessions t WHERE t.session_id = s.session_id
                 AND t.proxy = CASE s.proxy WHEN ?1 THEN ?2 ELSE ?1 END))
             ORDER BY s.id",
        )?
        .query_map([from, into], |row| {
            let span = SessionSpan {
                is_old: row.get(1)?,
                id: row.get(2)?,
                inferred: row.get(3)?,
                client: row.get(4)?,
                started_at: row.get(5)?,
                last_seen_at: row.get(6)?,
            };
            Ok((row.get(0)?, span))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let (numbers, spans): (Vec<i64>, Vec<SessionSpan>) = all.into_iter().unzip();
    let moves = merge_sessions(spans).into_iter();
    Ok(JoinedSessions(
        moves
            .map(|(from, into)| (numbers[from], numbers[into]))
            .collect(),
    ))
}

/// Gives the sessions to the new name. What their requests are hashed by is right already.
pub(super) fn merge(
    tx: &Transaction<'_>,
    from: i64,
    into: i64,
    pairs: &JoinedSessions,
) -> rusqlite::Result<()> {
    for &(old, new) in &pairs.0 {
        session_ranges::merge(tx, old, new)?;
        put_together(tx, old, new)?;
        keep_conversation(tx, old, new)?;
        runs::merge(tx, old, new)?;
        tx.prepare_cached("DELETE FROM sessions WHERE id = ?1")?
            .execute([old])?;
    }
    tx.execute(
        "UPDATE sessions SET proxy = ?2 WHERE proxy = ?1",
        [from, into],
    )?;
    seal::renew(tx, "sessions", "proxy = ?1", [into])
}

fn put_together(tx: &Transaction<'_>, old: i64, new: i64) -> rusqlite::Result<()> {
    let (mut state, mut client) = session(tx, new)?;
    let (other, of_other) = session(tx, old)?;
    state.merge(&other);
    if state.takes_client(other.has_client_name) {
        client = of_other;
    }
    // Sealed with the others of its proxy.
    tx.prepare_cached(
        "UPDATE sessions SET client = ?2, started_at = ?3, last_seen_at = ?4, ended_at = ?5,
             total_calls = ?6, total_errors = ?7 WHERE id = ?1",
    )?
    .execute(params![
        new,
        client,
        state.started_at,
        state.last_seen_at,
        state.ended_at,
        state.total_calls,
        state.total_errors
    ])
    .map(drop)
}

/// What a session counts, and the number of its client.
fn session(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<(SessionState, Option<i64>)> {
    tx.prepare_cached(
        "SELECT s.started_at, s.last_seen_at, s.ended_at, s.total_calls, s.total_errors,
                c.name IS NOT NULL, s.client
         FROM sessions s LEFT JOIN clients c ON c.id = s.client WHERE s.id = ?1",
    )?
    .query_row([id], |row| {
        let state = SessionState {
            started_at: row.get(0)?,
            last_seen_at: row.get(1)?,
            ended_at: row.get(2)?,
            total_calls: row.get(3)?,
            total_errors: row.get(4)?,
            has_client_name: row.get(5)?,
        };
        Ok((state, row.get(6)?))
    })
}

/// The conversation of the session that goes stays where the other one has none.
fn keep_conversation(tx: &Transaction<'_>, old: i64, new: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO conversations (session, conversation, seal)
         SELECT ?2, conversation, row_seal(?2, conversation) FROM conversations WHERE session = ?1
         ON CONFLICT (session) DO NOTHING",
    )?
    .execute([old, new])?;
    // Nothing cascades while references are not looked for.
    tx.prepare_cached("DELETE FROM conversations WHERE session = ?1")?
        .execute([old])
        .map(drop)
}
