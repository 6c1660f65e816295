//! Requests in flight: a small table, nearly always empty, of what was seen and not answered yet.

use super::codes;
use super::layout::{WAYS_SINCE, layout_of};
use super::packing::{pack, unpack};
use super::requests::{StoredId, request_id};
use super::seal;
use super::shown::shown;
use mcpr_model::{
    Batch, Body, EventKey, KeySource, OpenRequest, OperationLink, OperationPart, Payload, Request,
    SourceFormat, Text, TraceId,
};
use mcpr_store::files::lease;
use mcpr_store::query::{Filter, Flight, MAX_OPEN_REQUESTS, OpenRow, SessionKey};
use rusqlite::{Connection, Row, Transaction, params};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::path::Path;

/// The layout that brought the table.
const SINCE: i64 = 15;

/// The layout that brought requests that are over and wait for more.
const OVER_SINCE: i64 = 17;

/// What is in flight while a batch is written.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: FxHashSet<i64>,
    own: usize,
    writer: i64,
    now: i64,
    /// Whether others can see that the writer is there: else nothing is reported of what it waits for.
    is_leased: bool,
}

impl Flights {
    /// Reads what is in flight when a batch begins.
    pub(super) fn read(
        tx: &Transaction<'_>,
        batch: &Batch,
        leased: Option<i64>,
    ) -> rusqlite::Result<Self> {
        let mut flights = Self {
            writer: batch.writer,
            now: batch.now,
            is_leased: leased == Some(batch.writer),
            ..Self::default()
        };
        let mut statement = tx.prepare_cached("SELECT key, writer FROM open_requests")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            // Of every writer: whoever stores the row ends it, whoever put it in.
            flights.open.insert(row.get(0)?);
            flights.own += usize::from(row.get::<_, i64>(1)? == batch.writer);
        }
        Ok(flights)
    }

    /// A request is over: its row is stored in the same transaction, or there will be none.
    pub(super) fn ended(&mut self, tx: &Transaction<'_>, key: u64) -> rusqlite::Result<()> {
        let key = key.cast_signed();
        // Of nearly all requests nothing was reported before: they cost no statement.
        if self.open.remove(&key) {
            tx.prepare_cached("DELETE FROM open_requests WHERE key = ?1")?
                .execute([key])?;
        }
        Ok(())
    }

    /// Takes a request in flight, as far as the writer has room for one more.
    pub(super) fn put(&mut self, tx: &Transaction<'_>, open: &OpenRequest) -> rusqlite::Result<()> {
        let request = &open.request;
        let key = request.key.hash.cast_signed();
        let has_room = self.own < MAX_OPEN_REQUESTS || self.open.contains(&key);
        if !(self.is_leased && has_room) {
            return Ok(());
        }
        if self.open.insert(key) {
            self.own += 1;
        }
        let payload = request.payload.as_deref();
        let asked = payload.and_then(|payload| payload.params.as_ref());
        let packed = asked.map(|body| pack(body.text.as_bytes())).transpose()?;
        // As it is: its row will be this, if its writer is killed before more is reported.
        let over = open.is_over.then(|| serde_json::to_string(request));
        let over = over
            .transpose()
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let (kind, name) = request
            .target
            .as_ref()
            .map(|target| (target.kind.code(), target.name.as_str()))
            .unzip();
        tx.prepare_cached(
            "REPLACE INTO open_requests (key, of_bytes, writer, resumes, seen_at, ts, proxy, kind,
                 session_id, client_name, client_version, method, target_kind, target, request_id,
                 bytes_in, params_bytes, params_cut, params, trace, over, format, follows, seal)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                     ?19, ?20, ?21, ?22, ?23, row_seal(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                                   ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23))",
        )?
        .execute(params![
            key,
            request.key.source == KeySource::Bytes,
            self.writer,
            open.resumes,
            self.now,
            request.ts,
            request.proxy.as_str(),
            request.kind.code(),
            request.session_id.as_deref(),
            request.client_name.as_deref(),
            request.client_version.as_deref(),
            request.method.as_str(),
            kind,
            name,
            request.request_id.as_ref().map(StoredId),
            request.bytes_in,
            asked.map(|body| body.bytes.cast_signed()),
            asked.is_some_and(|body| body.is_cut),
            packed,
            request.trace_id.as_deref().map(|trace| trace.bytes()),
            over,
            request.format.map(SourceFormat::code),
            request.part.as_deref().and_then(|part| part.follows).map(OperationLink::code),
        ])
        .map(drop)
    }
}

/// The columns that [`open_request`] reads; `$q` is the table.
macro_rules! columns {
    () => {
        concat!(
            "q.key, q.of_bytes, q.writer, q.seen_at, q.ts, q.kind, q.target_kind, ",
            shown!("q.target", "q.key"),
            ", ",
            shown!("q.proxy", "q.key"),
            ", ",
            shown!("q.session_id", "q.key"),
            ", ",
            shown!("q.client_name", "q.key"),
            ", ",
            shown!("q.client_version", "q.key"),
            ", ",
            shown!("q.method", "q.key"),
            ", q.request_id, q.bytes_in, q.params, q.params_bytes, q.params_cut, q.trace"
        )
    };
}

/// A request in flight as it is stored, without what it becomes.
fn open_request(row: &Row<'_>) -> rusqlite::Result<Request> {
    let text = |at: usize| -> rusqlite::Result<Option<Text>> {
        Ok(row.get_ref(at)?.as_str_or_null()?.map(Text::from))
    };
    let key = EventKey {
        hash: row.get::<_, i64>(0)?.cast_unsigned(),
        source: if row.get(1)? {
            KeySource::Bytes
        } else {
            KeySource::Id
        },
        call: None,
    };
    let params = match row.get_ref(15)?.as_blob_or_null()? {
        None => None,
        Some(packed) => Some(Body {
            // Nothing longer was ever stored: a frame that claims more is damaged.
            text: unpack(packed, Body::MAX_BYTES)?.into(),
            bytes: row.get(16)?,
            is_cut: row.get(17)?,
        }),
    };
    let kind = codes::kind(row, 5)?;
    Ok(Request {
        request_id: request_id(row.get_ref(13)?),
        session_id: text(9)?,
        client_name: text(10)?,
        client_version: text(11)?,
        target: codes::target(row, 6)?,
        bytes_in: row.get(14)?,
        trace_id: row
            .get::<_, Option<[u8; 16]>>(18)?
            .map(|trace| Box::new(TraceId::of_bytes(trace))),
        payload: params.map(|params| {
            Box::new(Payload {
                params: Some(params),
                answer: None,
            })
        }),
        ..Request::new(
            key,
            row.get(4)?,
            text(8)?.unwrap_or_default(),
            kind,
            text(12)?.unwrap_or_default(),
        )
    })
}

/// The same with its format and what it takes up, from a column on.
fn with_ways(request: Request, row: &Row<'_>, at: usize) -> rusqlite::Result<Request> {
    let follows: Option<i64> = row.get(at + 1)?;
    let link = follows.map(OperationLink::from_code);
    Ok(Request {
        format: super::requests::format(row, at)?,
        part: link.map(OperationPart::following).map(Box::new),
        ..request
    })
}

/// What is in flight, in order of time.
pub(super) fn listed(
    connection: &Connection,
    store: &Path,
    filter: &Filter,
) -> rusqlite::Result<Vec<OpenRow>> {
    let layout = layout_of(connection)?;
    if layout < SINCE {
        return Ok(Vec::new());
    }
    let is_open = if layout < OVER_SINCE {
        "true"
    } else {
        "q.over IS NULL"
    };
    let ways = if layout < WAYS_SINCE {
        "NULL, NULL"
    } else {
        "q.format, q.follows"
    };
    let what = concat!(
        columns!(),
        ", ",
        shown!("c.name", "c.id"),
        ", ",
        shown!("c.version", "c.id"),
    );
    let found = "FROM open_requests q LEFT JOIN proxies p ON p.name = q.proxy
              LEFT JOIN sessions s ON s.session_id = q.session_id AND s.proxy = p.id
              LEFT JOIN clients c ON c.id = s.client";
    let mut statement =
        connection.prepare_cached(&format!("SELECT {what}, {ways} {found} WHERE {is_open}"))?;
    let mut rows = statement.query([])?;
    let mut listed = Vec::new();
    // Whether a writer is there is asked once, however many requests it waits for.
    let mut known = BTreeMap::<i64, Flight>::new();
    while let Some(row) = rows.next()? {
        let writer = row.get(2)?;
        let flight = *known.entry(writer).or_insert_with(|| {
            if lease::is_gone(store, writer) {
                Flight::Unknown
            } else {
                Flight::Pending
            }
        });
        let mut open = OpenRow::of_request(&with_ways(open_request(row)?, row, 21)?, flight);
        if open.row.client_name.is_none() {
            (open.row.client_name, open.row.client_version) = (row.get(19)?, row.get(20)?);
        }
        listed.push(open);
    }
    Ok(OpenRow::listed(listed, filter))
}

/// The requests in flight of writers that are gone, but for those that are read again, which are removed.
pub(super) fn abandoned(
    connection: &mut Connection,
    store: &Path,
) -> rusqlite::Result<Vec<Request>> {
    let writers: Vec<i64> = connection
        .prepare_cached("SELECT DISTINCT writer FROM open_requests")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut all = Vec::new();
    // Writer by writer, as each is there or gone as a whole.
    for writer in writers {
        if lease::is_gone(store, writer) {
            forget_resumed(connection, writer)?;
            all.extend(left_by(connection, writer)?);
        }
    }
    Ok(all)
}

fn forget_resumed(connection: &mut Connection, writer: i64) -> rusqlite::Result<()> {
    // At once, as every writer takes the lock: others may be doing the same.
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    tx.execute(
        "DELETE FROM open_requests WHERE writer = ?1 AND resumes = 1",
        [writer],
    )?;
    super::census::settle(&tx)?;
    tx.commit()
}

fn left_by(connection: &Connection, writer: i64) -> rusqlite::Result<Vec<Request>> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        ", q.over, q.format, q.follows FROM open_requests q WHERE q.writer = ?1 ORDER BY q.ts, q.key",
    ))?;
    let found = statement.query_map([writer], |row| {
        if let Some(over) = row.get::<_, Option<String>>(19)? {
            return serde_json::from_str(&over).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(
                    19,
                    rusqlite::types::Type::Text,
                    error.into(),
                )
            });
        }
        let open = OpenRequest {
            request: with_ways(open_request(row)?, row, 20)?,
            resumes: false,
            is_over: false,
        };
        Ok(open.abandoned())
    })?;
    found.collect()
}

/// Forgets what is in flight in a session.
pub(super) fn forget_session(tx: &Transaction<'_>, key: &SessionKey) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM open_requests WHERE proxy = ?1 AND session_id = ?2",
        [&key.proxy, &key.id],
    )
    .map(drop)
}

/// Gives what is in flight to another name.
pub(super) fn rename(tx: &Transaction<'_>, old: &str, new: &str) -> rusqlite::Result<()> {
    let renamed = tx.execute(
        "UPDATE open_requests SET proxy = ?2 WHERE proxy = ?1",
        [old, new],
    )?;
    if renamed > 0 {
        seal::renew(tx, "open_requests", "proxy = ?1", [new])?;
    }
    Ok(())
}
