//! Requests in flight: a small table, nearly always empty, of what was seen and not answered yet.

use crate::db::{Cell, Db, cell};
use crate::errors::DbFault;
use mcpr_model::{OpenRequest, Request};
use mcpr_store::query::{Filter, Flight, MAX_OPEN_REQUESTS, OpenRow, SessionKey};
use postgres::types::Type;
use rustc_hash::{FxHashMap, FxHashSet};

/// How long a writer of which nothing is heard is taken to be there, in SQL.
pub(crate) const PATIENCE: &str = "interval '30 seconds'";

/// What is in flight while a batch is written.
#[derive(Debug, Default)]
pub(crate) struct OpenFlights {
    /// The writer of each.
    open: FxHashMap<i64, i64>,
    ended: FxHashSet<i64>,
    put: FxHashMap<i64, OpenRequest>,
}

impl OpenFlights {
    /// Reads what is in flight when a batch begins.
    pub(crate) fn read(db: &mut Db) -> Result<Self, DbFault> {
        let mut flights = Self::default();
        // Of every writer: whoever stores the row ends it, whoever put it in.
        for row in db.rows("SELECT key, writer FROM open_requests", &[])? {
            flights.open.insert(row.try_get(0)?, row.try_get(1)?);
        }
        Ok(flights)
    }

    /// A request is over: its row is stored in the same transaction, or there will be none.
    pub(crate) fn ended(&mut self, key: u64) {
        let key = key.cast_signed();
        if self.open.remove(&key).is_some() && self.put.remove(&key).is_none() {
            self.ended.insert(key);
        }
    }

    /// Takes a request in flight, as far as its writer has room for one more.
    pub(crate) fn put(&mut self, writer: i64, open: &OpenRequest) {
        let key = open.request.key.hash.cast_signed();
        // There are a thousand at most, and mostly none.
        let own = self.open.values().filter(|of| **of == writer).count();
        let is_own = self.open.get(&key) == Some(&writer);
        if own < MAX_OPEN_REQUESTS || is_own {
            // What was reported about it before makes room.
            if self.open.insert(key, writer).is_some() {
                self.ended.insert(key);
            }
            self.put.insert(key, open.clone());
        }
    }

    /// Writes what has changed.
    pub(crate) fn write(self, db: &mut Db, writer: i64, now: i64) -> Result<(), DbFault> {
        if !self.ended.is_empty() {
            let ended: Vec<i64> = self.ended.into_iter().collect();
            db.execute("DELETE FROM open_requests WHERE key = ANY($1)", &[&ended])?;
        }
        let rows = self
            .put
            .iter()
            .map(|(key, open)| -> Result<Vec<Cell>, DbFault> {
                let request = serde_json::to_vec(open);
                let request = request.map_err(|error| DbFault::damaged(error.to_string()))?;
                Ok(vec![cell(*key), cell(writer), cell(now), cell(request)])
            });
        let rows: Vec<Vec<Cell>> = rows.collect::<Result<_, _>>()?;
        let types = [Type::INT8, Type::INT8, Type::INT8, Type::BYTEA];
        db.copy(
            "open_requests (key, writer, seen_at, request)",
            &types,
            rows,
        )
    }
}

fn open_of(stored: &[u8]) -> Result<OpenRequest, DbFault> {
    let open = serde_json::from_slice(stored);
    open.map_err(|error| DbFault::damaged(format!("a request in flight does not decode: {error}")))
}

/// What is in flight, in order of time.
pub(crate) fn listed(db: &mut Db, filter: &Filter) -> Result<Vec<OpenRow>, DbFault> {
    let sql = format!(
        "SELECT q.request, l.writer IS NOT NULL AND l.seen_at > now() - {PATIENCE}
         FROM open_requests q LEFT JOIN leases l ON l.writer = q.writer"
    );
    let mut listed = Vec::new();
    for row in db.rows(&sql, &[])? {
        let open = open_of(row.try_get(0)?)?;
        // What is over is not a request in flight: it only waits for more to be reported.
        if open.is_over {
            continue;
        }
        let flight = if row.try_get(1)? {
            Flight::Pending
        } else {
            Flight::Unknown
        };
        let mut found = OpenRow::of_request(&open.request, flight);
        if found.row.client_name.is_none()
            // Who called is known from the session, as of a row.
            && let Some(session) = &open.request.session_id
        {
            (found.row.client_name, found.row.client_version) =
                client_of(db, &open.request.proxy, session)?;
        }
        listed.push(found);
    }
    Ok(OpenRow::listed(listed, filter))
}

fn client_of(
    db: &mut Db,
    proxy: &str,
    session: &str,
) -> Result<(Option<String>, Option<String>), DbFault> {
    let row = db.row(
        "SELECT c.name, c.version FROM proxies p JOIN sessions s ON s.proxy = p.id
         JOIN clients c ON c.id = s.client WHERE p.name = $1 AND s.session_id = $2",
        &[&proxy.as_bytes(), &session.as_bytes()],
    )?;
    let Some(row) = row else {
        return Ok((None, None));
    };
    let name = crate::values::optional_string(&row, 0)?;
    Ok((name, crate::values::optional_string(&row, 1)?))
}

/// The requests in flight of writers that are gone, but for those that are read again, which are removed. Each has the
/// time for which it is known to have waited.
pub(crate) fn abandoned(db: &mut Db) -> Result<Vec<Request>, DbFault> {
    let sql = format!(
        "SELECT q.key, q.request
         FROM open_requests q LEFT JOIN leases l ON l.writer = q.writer
         WHERE l.writer IS NULL OR l.seen_at <= now() - {PATIENCE}"
    );
    let mut left = Vec::new();
    let mut resumed: Vec<i64> = Vec::new();
    for row in db.rows(&sql, &[])? {
        let open = open_of(row.try_get(1)?)?;
        // Its source is read again and reports it itself.
        if open.resumes {
            resumed.push(row.try_get(0)?);
            continue;
        }
        left.push(open.abandoned());
    }
    if !resumed.is_empty() {
        db.execute("DELETE FROM open_requests WHERE key = ANY($1)", &[&resumed])?;
    }
    // In one order, whoever looks.
    left.sort_by_key(|request| (request.ts, request.key.hash));
    Ok(left)
}

/// Rewrites what is in flight: `None` forgets one.
fn rewrite(
    db: &mut Db,
    change: &mut dyn FnMut(OpenRequest) -> Option<OpenRequest>,
) -> Result<(), DbFault> {
    // One by one: a session has a few at most.
    for row in db.rows("SELECT key, request FROM open_requests", &[])? {
        let key: i64 = row.try_get(0)?;
        let open = open_of(row.try_get(1)?)?;
        match change(open.clone()) {
            None => {
                db.execute("DELETE FROM open_requests WHERE key = $1", &[&key])?;
            }
            Some(changed) if changed != open => {
                let request = serde_json::to_vec(&changed);
                let request = request.map_err(|error| DbFault::damaged(error.to_string()))?;
                let sql = "UPDATE open_requests SET request = $2 WHERE key = $1";
                db.execute(sql, &[&key, &request])?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Forgets what is in flight in a session.
pub(crate) fn forget_session(db: &mut Db, key: &SessionKey) -> Result<(), DbFault> {
    rewrite(db, &mut |open| {
        let request = &open.request;
        let is_of_it =
            *request.proxy == *key.proxy && request.session_id.as_deref() == Some(key.id.as_str());
        (!is_of_it).then_some(open)
    })
}

/// Gives what is in flight to another name.
pub(crate) fn rename(db: &mut Db, old: &str, new: &str) -> Result<(), DbFault> {
    rewrite(db, &mut |mut open| {
        if *open.request.proxy == *old {
            open.request.proxy = new.into();
        }
        Some(open)
    })
}
