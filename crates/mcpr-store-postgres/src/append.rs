//! One batch, in one transaction that holds the lock of the store's row.

use crate::db::{Cell, Db, cell};
use crate::errors::DbFault;
use crate::flight::OpenFlights;
use crate::names::KnownNames;
use crate::records::{NewRow, Records};
use crate::sessions::SessionStates;
use crate::store_row::StoreRow;
use crate::sums::SumChanges;
use crate::surfaces::{ListStates, ListWriter};
use crate::values::{bytes, pack};
use crate::{runs, sources};
use mcpr_model::{
    BadLine, Batch, Body, Event, Gap, Payload, Request, SessionUpdate, SurfaceUpdate,
};
use mcpr_store::{Appended, CallMatch, Delivery, Membership, match_call};
use postgres::types::Type;
use rustc_hash::FxHashSet;

/// Writers of which it is remembered how far they came: one that is still at work is never older than this many newer
/// ones.
const MAX_WRITERS: i64 = 1000;

/// When it is looked whether requests of a batch are stored already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Before the lock, while others write. What one of them stores meanwhile the unique key refuses, and the batch is
    /// done again under the lock.
    Early,
    /// Under the lock.
    Locked,
}

/// Commits a batch, or finds that it was committed. `recorder` is whose checkpoints and sources it brings.
pub(crate) fn append(
    db: &mut Db,
    names: &mut KnownNames,
    recorder: i64,
    batch: &Batch,
    lookup: Lookup,
) -> Result<Appended, DbFault> {
    let mut early = match lookup {
        Lookup::Early => Some(Early::look(db, names, batch)?),
        Lookup::Locked => None,
    };
    let row = StoreRow::lock(db)?;
    early = early.filter(|early| early.holds(&row, batch));
    // A writer numbers its batches upwards and sends one at a time: a higher number says that this one is in.
    let sql = "SELECT 1 FROM writers WHERE writer = $1 AND number >= $2";
    if db.row(sql, &[&batch.writer, &batch.number])?.is_some() {
        return Ok(Appended {
            repeated: true,
            ..Appended::default()
        });
    }
    // Under the lock: nobody removes a name from here on.
    let is_kept = names.begin(row.cares);
    let is_named = is_kept && early.as_ref().is_some_and(|early| early.is_named);
    let mut writing = BatchInProgress {
        flights: OpenFlights::read(db)?,
        db,
        names,
        row,
        appended: Appended::default(),
        sessions: SessionStates::default(),
        records: early.map(|early| early.records).unwrap_or_default(),
        sums: SumChanges::default(),
        lists: ListStates::default(),
        payloads: Vec::new(),
        gaps: Vec::new(),
        gap_keys: FxHashSet::default(),
        bad_lines: Vec::new(),
    };
    // All of it before the first event: what follows asks the server only where something rare happens.
    writing.find_all(batch, is_named)?;
    for (place, event) in batch.events.iter().enumerate() {
        match event {
            Event::Gap(gap) => writing.gap(gap, gap.key_in(batch, place)),
            event => writing.event(batch, event)?,
        }
    }
    writing.write(recorder, batch)
}

/// What was looked for before the lock.
struct Early<'b> {
    before: StoreRow,
    /// Whether each name of the batch has a number.
    is_named: bool,
    records: Records<'b>,
}

impl<'b> Early<'b> {
    fn look(db: &mut Db, names: &mut KnownNames, batch: &'b Batch) -> Result<Self, DbFault> {
        // The row first: what is committed after it was read is seen, and only looked for once more.
        let before = StoreRow::read(db)?;
        names.begin(before.cares);
        let is_named = names.find_all(db, batch)?;
        let mut records = Records::default();
        records.find_stored(db, batch)?;
        Ok(Self {
            before,
            is_named,
            records,
        })
    }

    /// Whether it still counts.
    fn holds(&self, row: &StoreRow, batch: &Batch) -> bool {
        let merges = |event: &Event| matches!(event, Event::Request(it) if it.key.call.is_some());
        // Rows that others changed are no ground to merge anything into, nor are those that were removed.
        self.before.commits == row.commits
            || (self.before.cares == row.cares && !batch.events.iter().any(merges))
    }
}

/// A batch being written.
struct BatchInProgress<'a, 'b> {
    db: &'a mut Db,
    names: &'a mut KnownNames,
    row: StoreRow,
    appended: Appended,
    sessions: SessionStates,
    records: Records<'b>,
    sums: SumChanges,
    lists: ListStates,
    flights: OpenFlights,
    payloads: Vec<Vec<Cell>>,
    gaps: Vec<Vec<Cell>>,
    gap_keys: FxHashSet<i64>,
    bad_lines: Vec<Vec<Cell>>,
}

impl<'b> BatchInProgress<'_, 'b> {
    /// Reads all that the batch may have to do with, a statement for each sort of row.
    fn find_all(&mut self, batch: &Batch, is_named: bool) -> Result<(), DbFault> {
        if !is_named {
            self.names.find_all(self.db, batch)?;
        }
        self.sessions.find_all(self.db, self.names, batch)?;
        self.records.find_stored(self.db, batch)?;
        let of_calls = self.records.find_calls(self.db, batch)?;
        self.sessions.find_numbers(self.db, &of_calls)?;
        let gaps = batch.events.iter().enumerate();
        let keys = gaps.filter_map(|(place, event)| match event {
            Event::Gap(gap) => Some(gap.key_in(batch, place)),
            _ => None,
        });
        // Mostly there is none.
        let keys: Vec<i64> = keys.collect();
        if !keys.is_empty() {
            for row in self
                .db
                .rows("SELECT key FROM gaps WHERE key = ANY($1)", &[&keys])?
            {
                self.gap_keys.insert(row.try_get(0)?);
            }
        }
        Ok(())
    }

    fn event(&mut self, batch: &'b Batch, event: &'b Event) -> Result<(), DbFault> {
        match event {
            Event::Request(request) => {
                self.flights.ended(request.key.hash);
                self.request(request)
            }
            Event::Withdrawn(key) => {
                self.flights.ended(*key);
                Ok(())
            }
            Event::Surface(update) => self.surface(update),
            Event::Session(update) => {
                self.session(update);
                Ok(())
            }
            // Its batch knows the key of a gap; servers wait for their sessions.
            Event::Gap(_) | Event::Server(_) => Ok(()),
            Event::Open(open) => {
                self.flights.put(batch.writer, open);
                Ok(())
            }
            Event::BadLine(line) => {
                self.bad_line(line);
                Ok(())
            }
        }
    }

    fn request(&mut self, request: &'b Request) -> Result<(), DbFault> {
        // First of all: a call that another stream reported already must make neither a name nor a session.
        let Some(is_undecided) = self.merge_call(request)? else {
            self.appended.duplicates += 1;
            return Ok(());
        };
        let Delivery::First { key, is_conflict } = self.records.delivery(self.db, request)? else {
            self.appended.duplicates += 1;
            return Ok(());
        };
        let operation = self.names.operation(self.db, &mut self.row, request)?;
        let (name, version) = (
            request.client_name.as_ref(),
            request.client_version.as_ref(),
        );
        let client = self.names.client(&mut self.row, name, version);
        let session = match Membership::of(request) {
            Membership::SurfaceContent(id) => {
                Some(self.sessions.named(&mut self.row, operation.proxy, id))
            }
            Membership::Inferred => {
                let pair = (operation.proxy, client);
                let row = &mut self.row;
                Some(self.sessions.inferred(self.db, row, pair, request)?)
            }
            Membership::None => None,
        };
        self.appended.stored += 1;
        self.appended.conflicts += u64::from(is_conflict);
        self.appended.undecided += u64::from(is_undecided);
        // Only now: a duplicate uses up no number.
        let seq = self.row.next_seq();
        let place = NewRow {
            seq,
            key,
            operation,
            session,
            client,
        };
        self.records.add(request, place);
        self.sums.count(operation.sums, request);
        if let Some(session) = session {
            self.sessions.count(session, request, client);
        }
        if let Some(payload) = &request.payload {
            self.payloads.push(payload_row(seq, request.ts, payload)?);
        }
        match &request.surface {
            Some(update) => self.surface(update),
            None => Ok(()),
        }
    }

    /// Merges a request into the row that another channel has led to. `None` where it was merged or is a duplicate;
    /// else it is a new row, and the value says whether that is undecided.
    fn merge_call(&mut self, request: &Request) -> Result<Option<bool>, DbFault> {
        let Some(call) = request.key.call else {
            return Ok(Some(false));
        };
        // Those of this batch are among them.
        let candidates = self.records.candidates(request, call);
        let (channels, stored, merged) = match match_call(request, call, candidates) {
            CallMatch::New { is_undecided } => return Ok(Some(is_undecided)),
            CallMatch::Duplicate => return Ok(None),
            CallMatch::Merge {
                channels,
                stored,
                merged,
            } => (channels, stored, merged),
        };
        let Some(record) = self.records.get(stored.seq) else {
            return Ok(None);
        };
        let (session, sums, own_client) = (record.session, record.operation.sums, record.client);
        // A channel that names the client knows it; one that does not must not take the name away.
        let client = if stored.request.client_name.is_some() {
            own_client
        } else {
            let (name, version) = (merged.client_name.as_ref(), merged.client_version.as_ref());
            self.names.client(&mut self.row, name, version)
        };
        let code = call.code_of(merged.ts, channels);
        if let Some(session) = session {
            self.sessions.recount(session, &stored.request, &merged);
        }
        self.sums.amend(sums, &stored.request, &merged);
        self.records
            .merge(self.db, stored.seq, *merged, client, code)?;
        Ok(None)
    }

    fn surface(&mut self, update: &SurfaceUpdate) -> Result<(), DbFault> {
        let proxy = self.names.proxy(&mut self.row, &update.proxy);
        let to = ListWriter {
            db: self.db,
            row: &mut self.row,
            proxy,
        };
        self.lists.take(to, update)
    }

    fn session(&mut self, update: &SessionUpdate) {
        let proxy = update.proxy.as_ref();
        let proxy = proxy.map(|proxy| self.names.proxy(&mut self.row, proxy));
        let (name, version) = (update.client_name.as_ref(), update.client_version.as_ref());
        let meant = self.sessions.meant_by(&mut self.row, proxy, update);
        // A client that no session has would be a name without a use.
        if meant.is_empty() {
            return;
        }
        // Only of sessions that are there.
        let client = self.names.client(&mut self.row, name, version);
        for session in meant {
            self.sessions.apply(session, update, client);
        }
    }

    fn gap(&mut self, gap: &Gap, key: i64) {
        if !self.gap_keys.insert(key) {
            self.appended.duplicates += 1;
            return;
        }
        self.appended.gaps += 1;
        self.gaps.push(vec![
            cell(self.row.next_seq()),
            cell(key),
            cell(gap.count.cast_signed()),
            cell(gap.from_ts),
            cell(gap.to_ts),
            cell(bytes(&gap.source)),
        ]);
    }

    fn bad_line(&mut self, line: &BadLine) {
        self.bad_lines.push(vec![
            cell(self.row.next_seq()),
            cell(line.ts),
            cell(line.offset.cast_signed()),
            cell(bytes(&line.source)),
            cell(bytes(&line.reason)),
            cell(line.excerpt.clone()),
        ]);
    }

    fn write(mut self, recorder: i64, batch: &Batch) -> Result<Appended, DbFault> {
        let (db, appended) = (self.db, self.appended);
        // No row refers to another by a constraint; the order is that of who reads them.
        self.names.write(db)?;
        self.sessions.write(db)?;
        self.records.write(db)?;
        self.sums.write(db)?;
        self.lists.write(db)?;
        self.flights.write(db, batch.writer, batch.now)?;
        db.copy(PAYLOADS, &PAYLOAD_TYPES, self.payloads)?;
        db.copy(GAPS, &GAP_TYPES, self.gaps)?;
        if !self.bad_lines.is_empty() {
            db.copy(BAD_LINES, &BAD_LINE_TYPES, self.bad_lines)?;
            trim_bad_lines(db)?;
        }
        runs::take(db, self.names, &self.sessions, batch)?;
        // In the same transaction as the rows: after a kill each line is either stored and behind the checkpoint, or
        // neither.
        sources::write(db, recorder, &batch.sources, batch.now)?;
        // Also for a batch in which all were duplicates: it must be recognised when it comes again.
        write_writer(db, batch, self.row.commits)?;
        self.row.requests += appended.stored.cast_signed();
        self.row.duplicates += appended.duplicates.cast_signed();
        self.row.conflicts += appended.conflicts.cast_signed();
        self.row.undecided += appended.undecided.cast_signed();
        self.row.write(db)?;
        Ok(appended)
    }
}

const PAYLOADS: &str =
    "payloads (seq, ts, params_bytes, answer_bytes, params_cut, answer_cut, params, answer)";
const PAYLOAD_TYPES: [Type; 8] = [
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::BOOL,
    Type::BOOL,
    Type::BYTEA,
    Type::BYTEA,
];

fn payload_row(seq: i64, ts: i64, payload: &Payload) -> Result<Vec<Cell>, DbFault> {
    let packed = |body: &Option<Body>| body.as_ref().map(|body| pack(&body.text)).transpose();
    // The length is that of the body as it was, which may have been cut before it was packed.
    let bytes = |body: &Option<Body>| body.as_ref().map(|body| body.bytes.cast_signed());
    let is_cut = |body: &Option<Body>| body.as_ref().is_some_and(|body| body.is_cut);
    let Payload { params, answer } = payload;
    Ok(vec![
        cell(seq),
        cell(ts),
        cell(bytes(params)),
        cell(bytes(answer)),
        cell(is_cut(params)),
        cell(is_cut(answer)),
        cell(packed(params)?),
        cell(packed(answer)?),
    ])
}

const GAPS: &str = "gaps (seq, key, count, from_ts, to_ts, source)";
const GAP_TYPES: [Type; 6] = [
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::BYTEA,
];

const BAD_LINES: &str = "bad_lines (seq, ts, place, source, reason, excerpt)";
const BAD_LINE_TYPES: [Type; 6] = [
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::BYTEA,
    Type::BYTEA,
    Type::BYTEA,
];

fn trim_bad_lines(db: &mut Db) -> Result<(), DbFault> {
    db.execute(
        "DELETE FROM bad_lines WHERE seq <=
         (SELECT seq FROM bad_lines ORDER BY seq DESC OFFSET $1 LIMIT 1)",
        &[&BadLine::MAX_ROWS.cast_signed()],
    )
    .map(drop)
}

/// Remembers how far a writer has come; writers of long ago are forgotten.
fn write_writer(db: &mut Db, batch: &Batch, commits: i64) -> Result<(), DbFault> {
    let known = db.execute(
        "UPDATE writers SET number = $2, committed_at = $3 WHERE writer = $1",
        &[&batch.writer, &batch.number, &batch.now],
    )?;
    // Once for each new writer is often enough to keep the bound.
    if known == 0 {
        db.execute(
            "INSERT INTO writers (writer, number, began, committed_at) VALUES ($1, $2, $3, $4)",
            &[&batch.writer, &batch.number, &commits, &batch.now],
        )?;
        db.execute(
            "DELETE FROM writers WHERE began < (SELECT began FROM writers ORDER BY began DESC
                                                OFFSET $1 LIMIT 1)",
            &[&MAX_WRITERS],
        )?;
    }
    Ok(())
}
