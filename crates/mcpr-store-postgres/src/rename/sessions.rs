//! Sessions of a proxy that gets the name of another one: those of one id become one.

use crate::db::Db;
use crate::errors::DbFault;
use crate::values::string;
use mcpr_store::{SessionSpan, SessionState, merge_sessions};
use postgres::Row;

/// Gives the sessions to the new name.
pub(super) fn merge(db: &mut Db, from: i64, into: i64) -> Result<(), DbFault> {
    // Of those that are not inferred only ids that both have matter.
    let rows = db.rows(
        "SELECT s.id, s.proxy = $1, s.session_id, s.inferred, s.client, s.started_at, s.last_seen_at
         FROM sessions s WHERE s.proxy IN ($1, $2) AND (s.inferred OR EXISTS (
             SELECT 1 FROM sessions t WHERE t.session_id = s.session_id
             AND t.proxy = CASE s.proxy WHEN $1 THEN $2 ELSE $1 END))
         ORDER BY s.id",
        &[&from, &into],
    )?;
    let numbers: Vec<i64> = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?;
    let spans = rows.iter().map(span_of).collect::<Result<_, _>>()?;
    // In this order: what comes later may build on what went before.
    for (old, new) in merge_sessions(spans) {
        if let (Some(&old), Some(&new)) = (numbers.get(old), numbers.get(new)) {
            merge_two(db, old, new)?;
        }
    }
    let sql = "UPDATE sessions SET proxy = $2 WHERE proxy = $1";
    db.execute(sql, &[&from, &into]).map(drop)
}

fn span_of(row: &Row) -> Result<SessionSpan, DbFault> {
    Ok(SessionSpan {
        is_old: row.try_get(1)?,
        id: string(row, 2)?,
        inferred: row.try_get(3)?,
        client: row.try_get(4)?,
        started_at: row.try_get(5)?,
        last_seen_at: row.try_get(6)?,
    })
}

fn merge_two(db: &mut Db, old: i64, new: i64) -> Result<(), DbFault> {
    let sql = "UPDATE requests SET session = $2 WHERE session = $1";
    db.execute(sql, &[&old, &new])?;
    let (mut state, mut client) = session(db, new)?;
    let (other, of_other) = session(db, old)?;
    state.merge(&other);
    if state.takes_client(other.has_client_name) {
        client = of_other;
    }
    db.execute(
        "UPDATE sessions SET client = $2, started_at = $3, last_seen_at = $4, ended_at = $5, total_calls = $6,
             total_errors = $7,
             conversation = coalesce(conversation, (SELECT o.conversation FROM sessions o WHERE o.id = $8))
         WHERE id = $1",
        &[
            &new,
            &client,
            &state.started_at,
            &state.last_seen_at,
            &state.ended_at,
            &state.total_calls,
            &state.total_errors,
            &old,
        ],
    )?;
    // What is known of a server goes along, where the other one has none.
    db.execute(
        "UPDATE server_runs SET session = $2 WHERE session = $1
         AND NOT EXISTS (SELECT 1 FROM server_runs n WHERE n.session = $2)",
        &[&old, &new],
    )?;
    db.execute("DELETE FROM server_runs WHERE session = $1", &[&old])?;
    db.execute("DELETE FROM sessions WHERE id = $1", &[&old])
        .map(drop)
}

/// What a session counts, and the number of its client.
fn session(db: &mut Db, id: i64) -> Result<(SessionState, i64), DbFault> {
    let row = db.row(
        "SELECT s.started_at, s.last_seen_at, s.ended_at, s.total_calls, s.total_errors, c.name IS NOT NULL, s.client
         FROM sessions s LEFT JOIN clients c ON c.id = s.client WHERE s.id = $1",
        &[&id],
    )?;
    let row = row.ok_or_else(|| DbFault::damaged("a session that was just read is gone"))?;
    let state = SessionState {
        started_at: row.try_get(0)?,
        last_seen_at: row.try_get(1)?,
        ended_at: row.try_get(2)?,
        total_calls: row.try_get(3)?,
        total_errors: row.try_get(4)?,
        has_client_name: row.try_get(5)?,
    };
    Ok((state, row.try_get(6)?))
}
