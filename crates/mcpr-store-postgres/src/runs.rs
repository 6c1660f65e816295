//! What taps know of the servers that they run: a row a session.

use crate::db::Db;
use crate::errors::DbFault;
use crate::names::KnownNames;
use crate::sessions::SessionStates;
use crate::values::text;
use mcpr_model::{Batch, Event, OutputTail, ServerRun};
use mcpr_store::query::{Pattern, SessionKey};
use postgres::Row;

/// Adds what a batch says of servers, of those whose sessions there are: a session that was deleted is not brought back
/// by the end of its server.
pub(crate) fn take(
    db: &mut Db,
    names: &KnownNames,
    sessions: &SessionStates,
    batch: &Batch,
) -> Result<(), DbFault> {
    for event in &batch.events {
        let Event::Server(statement) = event else {
            continue;
        };
        // A proxy without a number has no session.
        let proxy = names.known_proxy(&statement.proxy);
        let session = proxy.and_then(|proxy| sessions.number_of(proxy, &statement.session_id));
        let Some(session) = session else { continue };
        // Read and put together here: a statement of today says only what is new.
        let stored = db.row(
            "SELECT run FROM server_runs WHERE session = $1",
            &[&session],
        )?;
        let mut run = match stored {
            Some(row) => decoded(row.try_get(0)?)?,
            None => ServerRun::default(),
        };
        run.add((**statement).clone());
        // A run that nothing was reported about before has none yet.
        (run.proxy, run.session_id) = (statement.proxy.clone(), statement.session_id.clone());
        put(db, session, &run)?;
    }
    Ok(())
}

fn decoded(stored: &[u8]) -> Result<ServerRun, DbFault> {
    let run = serde_json::from_slice(stored);
    run.map_err(|error| {
        DbFault::damaged(format!(
            "what is known of a server does not decode: {error}"
        ))
    })
}

fn has_output(run: &ServerRun) -> bool {
    let has_text = |tail: &Option<OutputTail>| tail.as_ref().is_some_and(|it| !it.text.is_empty());
    has_text(&run.stderr) || has_text(&run.stray)
}

fn put(db: &mut Db, session: i64, run: &ServerRun) -> Result<(), DbFault> {
    // All of it as one text: nothing but these few columns is ever asked for.
    let encoded = serde_json::to_vec(run).map_err(|error| DbFault::damaged(error.to_string()))?;
    db.execute(
        "INSERT INTO server_runs (session, said_at, ended_at, died, has_output, run)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (session) DO UPDATE SET said_at = excluded.said_at, ended_at = excluded.ended_at,
             died = excluded.died, has_output = excluded.has_output, run = excluded.run",
        &[
            &session,
            &run.ts,
            &run.ended_at(),
            &run.is_death,
            &has_output(run),
            &encoded,
        ],
    )
    .map(drop)
}

const COLUMNS: &str =
    "r.run, p.name, s.session_id FROM server_runs r JOIN sessions s ON s.id = r.session
     JOIN proxies p ON p.id = s.proxy";

fn run_of(row: &Row) -> Result<ServerRun, DbFault> {
    Ok(ServerRun {
        // Its proxy may have another name since.
        proxy: text(row, 1)?,
        session_id: text(row, 2)?,
        ..decoded(row.try_get(0)?)?
    })
}

/// What is known of the server of a session.
pub(crate) fn of_session(db: &mut Db, key: &SessionKey) -> Result<Option<ServerRun>, DbFault> {
    let sql = format!("SELECT {COLUMNS} WHERE p.name = $1 AND s.session_id = $2");
    let row = db.row(&sql, &[&key.proxy.as_bytes(), &key.id.as_bytes()])?;
    row.as_ref().map(run_of).transpose()
}

/// The servers that died in a window, in order of that: so many of the newest.
pub(crate) fn died(
    db: &mut Db,
    since: i64,
    until: i64,
    limit: usize,
) -> Result<Vec<ServerRun>, DbFault> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE r.died AND r.ended_at >= $1 AND r.ended_at < $2
         ORDER BY r.ended_at DESC, s.session_id DESC LIMIT $3"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = db.rows(&sql, &[&since, &until, &limit])?;
    let mut found: Vec<ServerRun> = rows.iter().map(run_of).collect::<Result<_, _>>()?;
    found.reverse();
    for run in &mut found {
        // Nobody asked for it, and it is long.
        run.stray = None;
    }
    Ok(found)
}

/// What servers wrote that is kept, and the ends of those that died: so many of which something was reported last.
pub(crate) fn outputs(
    db: &mut Db,
    proxy: Option<&Pattern>,
    limit: usize,
) -> Result<Vec<ServerRun>, DbFault> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE r.has_output OR r.died
         ORDER BY r.said_at DESC, s.session_id DESC, p.name DESC"
    );
    let mut found = Vec::new();
    db.each(&sql, &[], &mut |row| {
        let run = run_of(row)?;
        if found.len() < limit && proxy.is_none_or(|proxy| proxy.matches(&run.proxy)) {
            found.push(run);
        }
        Ok(found.len() < limit)
    })?;
    found.reverse();
    Ok(found)
}

/// Removes what servers wrote before a time, of one proxy or of all: it goes as payloads go.
pub(crate) fn forget_outputs(db: &mut Db, before: i64, proxy: Option<i64>) -> Result<(), DbFault> {
    let rows = db.rows(
        "SELECT r.session, r.run FROM server_runs r JOIN sessions s ON s.id = r.session
         WHERE r.said_at < $1 AND r.has_output AND ($2::bigint IS NULL OR s.proxy = $2)",
        &[&before, &proxy],
    )?;
    for row in rows {
        let mut run = decoded(row.try_get(1)?)?;
        for tail in [&mut run.stderr, &mut run.stray].into_iter().flatten() {
            // How much it was stays known.
            tail.text = "".into();
        }
        put(db, row.try_get(0)?, &run)?;
    }
    Ok(())
}
