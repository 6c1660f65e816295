//! What taps know of the servers that they run: a row per session.

use super::layout::layout_of;
use super::packing::{pack, unpack};
use super::shown::shown;
use mcpr_model::{Batch, Event, OutputTail, ServerExit, ServerRun, Text};
use mcpr_store::files::lease::KilledWriter;
use mcpr_store::query::{Pattern, SessionKey};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

/// The layout that brought the table as it is.
const SINCE: i64 = 15;

/// Adds what a batch says of servers, of those whose sessions there are: a session that was deleted is not brought
/// back by the end of its server.
pub(super) fn take(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    for event in &batch.events {
        let Event::Server(statement) = event else {
            continue;
        };
        let key = SessionKey {
            proxy: statement.proxy.to_string(),
            id: statement.session_id.to_string(),
        };
        let found: Option<i64> = tx
            .prepare_cached(
                "SELECT s.id FROM sessions s JOIN proxies p ON p.id = s.proxy
                 WHERE s.session_id = ?1 AND p.name = ?2",
            )?
            .query_row([&key.id, &key.proxy], |row| row.get(0))
            .optional()?;
        if let Some(session) = found {
            // Read and put together here: a statement of today says only what is new.
            let mut run = of_session(tx, &key)?.unwrap_or_default();
            run.add((**statement).clone());
            write(tx, session, &run)?;
        }
    }
    Ok(())
}

fn write(tx: &Transaction<'_>, session: i64, run: &ServerRun) -> rusqlite::Result<()> {
    let (code, signal) = match run.end {
        Some((ServerExit::Code(code), _)) => (Some(code), None),
        Some((ServerExit::Signal(number), _)) => (None, Some(number)),
        None => (None, None),
    };
    let bytes = |tail: &Option<OutputTail>| tail.as_ref().map_or(0, |it| it.bytes.cast_signed());
    let packed = |tail: &Option<OutputTail>| -> rusqlite::Result<Option<Vec<u8>>> {
        let text = tail.as_ref().filter(|it| !it.text.is_empty());
        text.map(|it| pack(it.text.as_bytes())).transpose()
    };
    tx.prepare_cached(
        "REPLACE INTO server_runs (session, said_at, command, pid, ended_at, exit_code, exit_signal, died,
             refused, protocol, server_name, server_version, stderr_bytes, stray_bytes, stderr, stray, seal)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
                 row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16))",
    )?
    .execute(params![
        session,
        run.ts,
        run.command.as_deref(),
        run.pid,
        run.ended_at(),
        code,
        signal,
        run.is_death,
        run.refused.as_deref(),
        run.protocol.as_deref(),
        run.server_name.as_deref(),
        run.server_version.as_deref(),
        bytes(&run.stderr),
        bytes(&run.stray),
        packed(&run.stderr)?,
        packed(&run.stray)?,
    ])
    .map(drop)
}

/// The columns that [`run_of`] reads.
macro_rules! columns {
    () => {
        concat!(
            shown!("p.name", "p.id"),
            ", ",
            shown!("s.session_id", "s.id"),
            ", r.said_at, r.pid, r.ended_at, r.exit_code, r.exit_signal, ",
            shown!("r.command", "r.session"),
            ", ",
            shown!("r.refused", "r.session"),
            ", ",
            shown!("r.protocol", "r.session"),
            ", ",
            shown!("r.server_name", "r.session"),
            ", ",
            shown!("r.server_version", "r.session"),
            ", r.stderr_bytes, r.stray_bytes, r.stderr, r.stray, r.died
             FROM server_runs r JOIN sessions s ON s.id = r.session JOIN proxies p ON p.id = s.proxy "
        )
    };
}

fn run_of(row: &Row<'_>) -> rusqlite::Result<ServerRun> {
    let text = |at: usize| -> rusqlite::Result<Option<Text>> {
        Ok(row.get_ref(at)?.as_str_or_null()?.map(Text::from))
    };
    let tail = |bytes: usize, packed: usize| -> rusqlite::Result<Option<OutputTail>> {
        let bytes: u64 = row.get(bytes)?;
        let text = match row.get_ref(packed)?.as_blob_or_null()? {
            Some(packed) => unpack(packed, OutputTail::MAX_BYTES)?,
            // It wrote nothing, or what it wrote is kept no more.
            None if bytes == 0 => return Ok(None),
            None => String::new(),
        };
        Ok(Some(OutputTail {
            text: text.into(),
            bytes,
        }))
    };
    let code = row.get::<_, Option<u8>>(5)?.map(ServerExit::Code);
    let signal = row.get::<_, Option<u8>>(6)?.map(ServerExit::Signal);
    let exit = code.or(signal);
    Ok(ServerRun {
        proxy: text(0)?.unwrap_or_default(),
        session_id: text(1)?.unwrap_or_default(),
        ts: row.get(2)?,
        pid: row.get(3)?,
        end: exit.zip(row.get::<_, Option<i64>>(4)?),
        is_death: row.get(16)?,
        command: text(7)?,
        refused: text(8)?,
        protocol: text(9)?,
        server_name: text(10)?,
        server_version: text(11)?,
        stderr: tail(12, 14)?,
        stray: tail(13, 15)?,
    })
}

/// What is known of the server of a session.
pub(super) fn of_session(
    connection: &Connection,
    key: &SessionKey,
) -> rusqlite::Result<Option<ServerRun>> {
    if layout_of(connection)? < SINCE {
        return Ok(None);
    }
    connection
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            "WHERE s.session_id = ?1 AND p.name = ?2"
        ))?
        .query_row([&key.id, &key.proxy], run_of)
        .optional()
}

/// The servers that died in a window, in order of that: so many of the newest.
pub(super) fn died(
    connection: &Connection,
    since: i64,
    until: i64,
    limit: usize,
) -> rusqlite::Result<Vec<ServerRun>> {
    if layout_of(connection)? < SINCE {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        "WHERE r.died = 1 AND r.ended_at >= ?1 AND r.ended_at < ?2 ORDER BY r.ended_at DESC, s.session_id DESC LIMIT ?3"
    ))?;
    let found = statement.query_map(params![since, until, limit], run_of)?;
    let mut found: Vec<ServerRun> = found.collect::<rusqlite::Result<_>>()?;
    found.reverse();
    for run in &mut found {
        // Nobody asked for it, and it is long.
        run.stray = None;
    }
    Ok(found)
}

/// What servers wrote that is kept, and the ends of those that died: so many of which something was reported last.
pub(super) fn outputs(
    connection: &Connection,
    proxy: Option<&Pattern>,
    limit: usize,
) -> rusqlite::Result<Vec<ServerRun>> {
    if layout_of(connection)? < SINCE {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        "WHERE r.stderr IS NOT NULL OR r.stray IS NOT NULL OR r.died = 1
         ORDER BY r.said_at DESC, s.session_id DESC, p.name DESC"
    ))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        // Before anything is unpacked: most may be of others.
        let name = row.get_ref(0)?.as_str_or_null()?.unwrap_or_default();
        if proxy.is_none_or(|proxy| proxy.matches(name)) {
            found.push(run_of(row)?);
        }
    }
    found.reverse();
    Ok(found)
}

/// The sessions that were to end with writers that were killed, and did not: each with the time at which its writer was
/// last known to be there.
pub(super) fn left_by(
    connection: &Connection,
    killed: &[KilledWriter],
) -> rusqlite::Result<Vec<(SessionKey, i64)>> {
    let mut left = Vec::new();
    for KilledWriter { writer, sessions } in killed {
        for key in sessions {
            let last: Option<i64> = connection
                .prepare_cached(
                    "SELECT max(s.last_seen_at,
                                coalesce((SELECT max(b.committed_at) FROM batches b WHERE b.writer = ?3), 0))
                     FROM sessions s JOIN proxies p ON p.id = s.proxy
                     WHERE s.session_id = ?1 AND p.name = ?2 AND s.ended_at IS NULL",
                )?
                .query_row(params![key.id, key.proxy, writer], |row| row.get(0))
                .optional()?;
            // One that has an end, or was removed, needs none.
            left.extend(last.map(|last| (key.clone(), last)));
        }
    }
    Ok(left)
}

/// Keeps what is known of the server of a session that becomes part of another one, where that has none.
pub(super) fn merge(tx: &Transaction<'_>, old: i64, new: i64) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE OR IGNORE server_runs SET session = ?2 WHERE session = ?1")?
        .execute([old, new])?;
    // Nothing cascades while references are not looked for.
    tx.prepare_cached("DELETE FROM server_runs WHERE session = ?1")?
        .execute([old])?;
    super::seal::renew(tx, "server_runs", "session = ?1", [new])
}

/// Removes what servers wrote before a time, of one proxy or of all: it goes as payloads go.
pub(super) fn forget_outputs(
    tx: &Transaction<'_>,
    before: i64,
    proxy: Option<i64>,
) -> rusqlite::Result<()> {
    const OLD: &str = "said_at < ?1 AND (?2 IS NULL OR ?2 = (SELECT s.proxy FROM sessions s
                           WHERE s.id = server_runs.session))";
    let sql = format!(
        "UPDATE server_runs SET stderr = NULL, stray = NULL
         WHERE (stderr IS NOT NULL OR stray IS NOT NULL) AND {OLD}"
    );
    let changed = tx.prepare_cached(&sql)?.execute(params![before, proxy])?;
    if changed > 0 {
        super::seal::renew(tx, "server_runs", OLD, params![before, proxy])?;
    }
    Ok(())
}
