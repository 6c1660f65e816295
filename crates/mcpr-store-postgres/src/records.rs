//! Requests while a batch is written: those that it may repeat are read together, new ones and changed ones go in as
//! one stream of rows.

use crate::db::{Cell, Db, RowWriter, cell};
use crate::errors::DbFault;
use crate::figures::Figures;
use crate::names::OperationNumbers;
use crate::values::{
    code, error_kind, id_bytes, id_hash, kind, optional_bytes, optional_text, request_id, target,
    text,
};
use mcpr_model::{Batch, CallKey, Event, EventKey, OperationLink, Outcome, Request, Text};
use mcpr_store::{Candidate, Delivery, Likeness, MAX_CANDIDATES, RequestFacts, first_key, keys};
use postgres::Row;
use postgres::types::Type;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::ops::Deref;

/// A time and a key: where a request stands.
type Place = (i64, i64);

/// What a row says of its request.
#[derive(Debug)]
pub(crate) enum RowContent<'b> {
    /// As it came with the batch.
    Incoming(&'b Request),
    /// As it is stored, or was merged: without its payload and what it says of the surface.
    Row(Box<Request>),
}

impl Deref for RowContent<'_> {
    type Target = Request;

    fn deref(&self) -> &Request {
        match self {
            Self::Incoming(request) => request,
            Self::Row(request) => request,
        }
    }
}

/// A request's row, as far as a batch has to do with it.
#[derive(Debug)]
pub(crate) struct StoredRequest<'b> {
    pub(crate) seq: i64,
    key: i64,
    pub(crate) operation: OperationNumbers,
    pub(crate) session: Option<i64>,
    /// 0 where the request names none.
    pub(crate) client: i64,
    call: Option<i64>,
    pub(crate) request: RowContent<'b>,
    /// Whether it comes with this batch.
    is_new: bool,
    is_changed: bool,
}

/// The rows that a batch is about.
#[derive(Debug, Default)]
pub(crate) struct Records<'b> {
    all: FxHashMap<i64, StoredRequest<'b>>,
    by_place: FxHashMap<Place, i64>,
    /// Codes of calls, each with its row.
    by_call: BTreeSet<(i64, i64)>,
    /// Places that were looked at: what is not in memory by now is not in the store.
    looked: FxHashSet<Place>,
}

const COLUMNS: &str = "r.seq, r.ts, r.key, o.id, o.proxy, coalesce(o.summed_as, o.id), r.session, r.client, n.call,
     r.latency_us, r.figures, r.error_kind, r.request_id, n.error_code, n.error_msg, p.name, o.kind, o.method,
     o.target_kind, o.target, CASE WHEN NOT s.inferred THEN s.session_id END, c.name, c.version";

const NAMES: &str = "JOIN operations o ON o.id = r.operation JOIN proxies p ON p.id = o.proxy
     LEFT JOIN sessions s ON s.id = r.session LEFT JOIN clients c ON c.id = r.client
     LEFT JOIN request_notes n ON n.seq = r.seq";

impl StoredRequest<'_> {
    fn of_row(row: &Row) -> Result<Self, DbFault> {
        let figures = Figures::from_bytes(row.try_get(10)?)?;
        let session: i64 = row.try_get(6)?;
        // Nobody asks for the key of an event that is stored; the row's own key says where it stands.
        let key = EventKey::of_id("");
        let request = Request::new(
            key,
            row.try_get(1)?,
            text(row, 15)?,
            kind(row, 16)?,
            text(row, 17)?,
        );
        Ok(Self {
            seq: row.try_get(0)?,
            key: row.try_get(2)?,
            operation: OperationNumbers {
                id: row.try_get(3)?,
                proxy: row.try_get(4)?,
                sums: row.try_get(5)?,
            },
            session: (session != 0).then_some(session),
            client: row.try_get::<_, i32>(7)?.into(),
            call: row.try_get(8)?,
            request: RowContent::Row(Box::new(Request {
                request_id: request_id(row.try_get(12)?),
                session_id: optional_text(row, 20)?,
                client_name: optional_text(row, 21)?,
                client_version: optional_text(row, 22)?,
                target: target(row, 18)?,
                latency_us: row.try_get(9)?,
                format: figures.format,
                http_status: figures.http_status,
                first_event_us: figures.first_event_us,
                upstream_us: figures.upstream_us,
                bytes_in: figures.bytes_in,
                bytes_out: figures.bytes_out,
                outcome: Outcome {
                    error_kind: error_kind(row, 11)?,
                    error_code: optional_text(row, 13)?,
                    error_msg: optional_text(row, 14)?,
                    // Noted elsewhere, and nothing is compared by it.
                    retyped: false,
                },
                ..request
            })),
            is_new: false,
            is_changed: false,
        })
    }

    fn place(&self) -> Place {
        (self.request.ts, self.key)
    }
}

fn requests_of(batch: &Batch) -> impl Iterator<Item = &Request> {
    batch.events.iter().filter_map(|event| match event {
        Event::Request(request) => Some(request),
        _ => None,
    })
}

impl<'b> Records<'b> {
    /// Reads what stands where the requests of a batch would stand.
    pub(crate) fn find_stored(&mut self, db: &mut Db, batch: &Batch) -> Result<(), DbFault> {
        // Under its first key nearly every request stands, or will.
        let places = requests_of(batch).map(|it| (it.ts, first_key(it)));
        let mut places: FxHashSet<Place> = places.filter(|it| !self.looked.contains(it)).collect();
        if places.is_empty() {
            return Ok(());
        }
        // Most streams go on where the store ends: nothing stands behind its newest request.
        let row = db.row("SELECT max(ts) FROM requests", &[])?;
        let newest: Option<i64> = row.map(|row| row.try_get(0)).transpose()?.flatten();
        let is_known = |(ts, _): &Place| newest.is_some_and(|newest| *ts <= newest);
        self.looked
            .extend(places.extract_if(|place| !is_known(place)));
        self.look_at(db, places)
    }

    fn look_at(&mut self, db: &mut Db, places: FxHashSet<Place>) -> Result<(), DbFault> {
        let places: Vec<Place> = places
            .into_iter()
            .filter(|place| !self.looked.contains(place))
            .collect();
        if places.is_empty() {
            return Ok(());
        }
        let (times, keys): (Vec<i64>, Vec<i64>) = places.iter().copied().unzip();
        let sql = format!(
            "SELECT {COLUMNS} FROM unnest($1::bigint[], $2::bigint[]) AS k (ts, key)
                  JOIN requests r ON r.ts = k.ts AND r.key = k.key {NAMES}"
        );
        let rows = db.rows(&sql, &[&times, &keys])?;
        self.take_rows(&rows)?;
        self.looked.extend(places);
        Ok(())
    }

    /// Reads what may be of the same calls as requests of a batch; says which sessions that belongs to.
    pub(crate) fn find_calls(&mut self, db: &mut Db, batch: &Batch) -> Result<Vec<i64>, DbFault> {
        // Most requests are reported by one channel, and look for none.
        let of_call = |it: &Request| it.key.call.map(|call| call.codes(it.ts));
        let ranges = requests_of(batch).filter_map(of_call).flatten();
        let ranges: FxHashSet<(i64, i64)> = ranges.filter(|(first, last)| first <= last).collect();
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let (first, last): (Vec<i64>, Vec<i64>) = ranges.iter().copied().unzip();
        // Of each range no more are read than are looked at: a client that uses an id again and again must not make each
        // call cost more than the last.
        let sql = format!(
            "SELECT {COLUMNS} FROM (
                 SELECT DISTINCT n.seq FROM unnest($1::bigint[], $2::bigint[]) AS k (low, high)
                 CROSS JOIN LATERAL (SELECT q.seq FROM request_notes q WHERE q.call BETWEEN k.low AND k.high
                                     LIMIT {MAX_CANDIDATES}) n) m
             JOIN requests r ON r.seq = m.seq {NAMES}"
        );
        let rows = db.rows(&sql, &[&first, &last])?;
        self.take_rows(&rows)?;
        // A row that changes may change what its session counts.
        let sessions = rows.iter().map(|row| row.try_get::<_, i64>(6));
        let sessions: Vec<i64> = sessions.collect::<Result<_, _>>()?;
        Ok(sessions
            .into_iter()
            .filter(|session| *session != 0)
            .collect())
    }

    fn take_rows(&mut self, rows: &[Row]) -> Result<(), DbFault> {
        for row in rows {
            let record = StoredRequest::of_row(row)?;
            // What is in memory may stand elsewhere by now.
            if !self.all.contains_key(&record.seq) {
                self.put(record);
            }
        }
        Ok(())
    }

    fn put(&mut self, record: StoredRequest<'b>) {
        self.by_place.insert(record.place(), record.seq);
        self.by_call
            .extend(record.call.map(|code| (code, record.seq)));
        self.all.insert(record.seq, record);
    }

    /// Whether a request is stored, and where it goes if not.
    pub(crate) fn delivery(&mut self, db: &mut Db, request: &Request) -> Result<Delivery, DbFault> {
        Delivery::of(request, 0, |key| {
            let stored = self.at(db, (request.ts, key))?;
            Ok(stored.map(|it| Likeness::of(&RequestFacts::of(&it.request), request)))
        })
    }

    /// What stands at a place.
    fn at(&mut self, db: &mut Db, place: Place) -> Result<Option<&StoredRequest<'b>>, DbFault> {
        if !self.by_place.contains_key(&place) {
            // Only a key beside the first one, or a time that has moved: rare.
            self.look_at(db, FxHashSet::from_iter([place]))?;
        }
        let seq = self.by_place.get(&place);
        Ok(seq.and_then(|seq| self.all.get(seq)))
    }

    /// The rows that may be of a call, oldest first.
    pub(crate) fn candidates(&self, incoming: &Request, call: CallKey) -> Vec<Candidate> {
        let ranges = call.codes(incoming.ts).into_iter();
        let ranges = ranges.filter(|(first, last)| first <= last);
        let found = ranges.flat_map(|(first, last)| {
            let found = self.by_call.range((first, i64::MIN)..=(last, i64::MAX));
            found.take(MAX_CANDIDATES)
        });
        // By their numbers, the first ones first, each once.
        let found: BTreeSet<(i64, i64)> = found.map(|(code, seq)| (*seq, *code)).collect();
        let first = found.into_iter().take(MAX_CANDIDATES);
        first
            .filter_map(|(seq, code)| {
                let mut request = self.all.get(&seq)?.request.row();
                request.key = incoming.key;
                Some(Candidate { seq, code, request })
            })
            .collect()
    }

    pub(crate) fn get(&self, seq: i64) -> Option<&StoredRequest<'b>> {
        self.all.get(&seq)
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, request: &'b Request, place: NewRow) {
        self.put(StoredRequest {
            seq: place.seq,
            key: place.key,
            operation: place.operation,
            session: place.session,
            client: place.client,
            call: request.key.call.map(|call| call.code(request.ts)),
            request: RowContent::Incoming(request),
            is_new: true,
            is_changed: true,
        });
    }

    /// Has a row be what two channels know of its call.
    pub(crate) fn merge(
        &mut self,
        db: &mut Db,
        seq: i64,
        merged: Request,
        client: i64,
        call: i64,
    ) -> Result<(), DbFault> {
        // It is put back at its new place.
        let Some(mut record) = self.all.remove(&seq) else {
            return Ok(());
        };
        self.by_place.remove(&record.place());
        // What the store still holds there is this row, which goes.
        self.looked.insert(record.place());
        if let Some(code) = record.call {
            self.by_call.remove(&(code, seq));
        }
        // Where the time stays, so does the place.
        if merged.ts != record.request.ts {
            // The keys have no end.
            for key in keys(&merged) {
                if self.at(db, (merged.ts, key))?.is_none() {
                    record.key = key;
                    break;
                }
            }
        }
        record.request = RowContent::Row(Box::new(merged));
        record.client = client;
        record.call = Some(call);
        record.is_changed = true;
        self.put(record);
        Ok(())
    }

    /// Writes what is new and what has changed.
    pub(crate) fn write(&mut self, db: &mut Db) -> Result<(), DbFault> {
        let mut changed: Vec<&StoredRequest<'b>> =
            self.all.values().filter(|it| it.is_changed).collect();
        // In the order of the sequence, so that the index grows at its end.
        changed.sort_unstable_by_key(|it| it.seq);
        let stored: Vec<&StoredRequest<'b>> =
            changed.iter().filter(|it| !it.is_new).copied().collect();
        if !stored.is_empty() {
            // Written anew with the others: so no two of them are in each other's way.
            let seqs: Vec<i64> = stored.iter().map(|it| it.seq).collect();
            db.execute("DELETE FROM requests WHERE seq = ANY($1)", &[&seqs])?;
            rewrite_notes(db, &seqs, &stored)?;
        }
        db.copy_each(REQUESTS, &TYPES, &changed, |record, write| {
            write_row(record, write)
        })?;
        let noted = changed.iter().filter(|it| it.is_new && is_noted(it));
        db.copy(NOTES, &NOTE_TYPES, noted.map(|it| note_of(it)))
    }
}

/// Writes what may have changed of the notes of rows that are stored. Each of them has some: it is of a call.
fn rewrite_notes(db: &mut Db, seqs: &[i64], stored: &[&StoredRequest<'_>]) -> Result<(), DbFault> {
    let calls: Vec<Option<i64>> = stored.iter().map(|it| it.call).collect();
    let outcomes = || stored.iter().map(|it| &it.request.outcome);
    let codes: Vec<Option<&[u8]>> = outcomes().map(|it| note(it.error_code.as_ref())).collect();
    let messages: Vec<Option<&[u8]>> = outcomes().map(|it| note(it.error_msg.as_ref())).collect();
    db.execute(
        "UPDATE request_notes SET call = k.call, error_code = k.code, error_msg = k.msg
         FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) AS k (seq, call, code, msg)
         WHERE request_notes.seq = k.seq",
        &[&seqs, &calls, &codes, &messages],
    )
    .map(drop)
}

fn note(text: Option<&Text>) -> Option<&[u8]> {
    text.map(Text::as_bytes)
}

/// Where a new row goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewRow {
    pub(crate) seq: i64,
    pub(crate) key: i64,
    pub(crate) operation: OperationNumbers,
    pub(crate) session: Option<i64>,
    pub(crate) client: i64,
}

const REQUESTS: &str = "requests (seq, ts, key, session, latency_us, operation, client, error_kind, id_hash, figures, request_id)";
const TYPES: [Type; 11] = [
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT4,
    Type::INT4,
    Type::INT2,
    Type::INT2,
    Type::BYTEA,
    Type::BYTEA,
];

/// Writes a row into the stream of rows: there are many of them, so that none is put together before.
fn write_row(record: &StoredRequest<'_>, write: RowWriter<'_>) -> Result<(), DbFault> {
    let request = &*record.request;
    let id = request
        .request_id
        .as_ref()
        .map(id_bytes)
        .unwrap_or_default();
    let error_kind = request.outcome.error_kind;
    write(&[
        &record.seq,
        &request.ts,
        &record.key,
        &record.session.unwrap_or(0),
        &request.latency_us,
        &name(record.operation.id),
        &name(record.client),
        &error_kind.map_or(0, |kind| code(kind.code())),
        &id_hash(&id),
        &Figures::of(request).to_bytes(),
        &id,
    ])
}

/// The number of a name as a row has it, which is never larger.
fn name(id: i64) -> i32 {
    i32::try_from(id).unwrap_or(i32::MAX)
}

const NOTES: &str =
    "request_notes (seq, retyped, trace, follows, leaves, stage, call, error_code, error_msg)";
const NOTE_TYPES: [Type; 9] = [
    Type::INT8,
    Type::BOOL,
    Type::BYTEA,
    Type::INT8,
    Type::INT8,
    Type::INT2,
    Type::INT8,
    Type::BYTEA,
    Type::BYTEA,
];

fn is_noted(record: &StoredRequest<'_>) -> bool {
    let request = &*record.request;
    let outcome = &request.outcome;
    outcome.retyped
        || request.trace_id.is_some()
        || request.part.is_some()
        || record.call.is_some()
        || outcome.error_code.is_some()
        || outcome.error_msg.is_some()
}

fn note_of(record: &StoredRequest<'_>) -> Vec<Cell> {
    let trace = record.request.trace_id.as_deref();
    let part = record.request.part.as_deref();
    let outcome = &record.request.outcome;
    vec![
        cell(record.seq),
        cell(outcome.retyped),
        cell(trace.map(|trace| trace.bytes().to_vec())),
        cell(part.and_then(|part| part.follows).map(OperationLink::code)),
        cell(part.and_then(|part| part.leaves).map(OperationLink::code)),
        cell(part.map(|part| code(part.stage.code()))),
        cell(record.call),
        cell(optional_bytes(outcome.error_code.as_deref())),
        cell(optional_bytes(outcome.error_msg.as_deref())),
    ]
}
