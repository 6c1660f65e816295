//! One batch of events.

use crate::columns::Column;
use crate::errors::damaged;
use crate::keys::{Key, KeyParts};
use crate::records::{Place, Row};
use crate::rows;
use crate::state::WRITER;
use crate::txn::Txn;
use crate::view::View;
use crate::{flight, runs, sources};
use mcpr_model::{BadLine, Batch, Body, Event, Gap, Payload, Request, SessionUpdate};
use mcpr_store::query::Order;
use mcpr_store::{
    Appended, CallMatch, Candidate, Delivery, Likeness, MAX_CANDIDATES, Membership, RequestFacts,
    StoreError, match_call,
};
use serde::{Deserialize, Serialize};

// Each record is small; without a bound they would grow by one for each tap that ever ran.
/// Writers of which it is remembered how far they came: one that is still at work is never older than this many newer
/// ones.
const MAX_WRITERS: usize = 1000;

/// The sorts of records in [`Column::Gaps`]: by number, by key, and by time.
pub(crate) const GAP: u8 = b'g';
pub(crate) const GAP_KEY: u8 = b'k';
pub(crate) const GAP_TIME: u8 = b't';

/// How far a writer came.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct WriterMark {
    number: i64,
    /// The commit that was its first.
    began: i64,
    /// When it last committed, unix milliseconds.
    pub(crate) committed_at: i64,
}

fn writer_key(writer: i64) -> Key {
    Key::of(WRITER).signed(writer)
}

pub(crate) fn mark_of(view: &View<'_>, writer: i64) -> Result<Option<WriterMark>, StoreError> {
    view.get(Column::Meta, &writer_key(writer))
}

/// A gap as it is stored, under its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredGap {
    pub(crate) key: i64,
    pub(crate) source: String,
    pub(crate) count: u64,
    pub(crate) from_ts: i64,
    pub(crate) to_ts: i64,
}

/// A bad line as it is stored, under its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredLine {
    pub(crate) source: String,
    pub(crate) offset: u64,
    pub(crate) reason: String,
    pub(crate) excerpt: Vec<u8>,
    pub(crate) ts: i64,
}

/// The sorts of records in [`Column::Payloads`]: by number, and by the time of their requests.
pub(crate) const PAYLOAD: u8 = b'p';
pub(crate) const PAYLOAD_TIME: u8 = b't';

pub(crate) fn payload_key(seq: i64) -> Key {
    Key::of(PAYLOAD).signed(seq)
}

pub(crate) fn payload_time_key(ts: i64, seq: i64) -> Key {
    Key::of(PAYLOAD_TIME).signed(ts).signed(seq)
}

/// A payload as it is stored: what its texts take, the time that it is found by, and each body with its whole length and
/// whether it was cut.
type StoredPayload = (u64, i64, Option<StoredBody>, Option<StoredBody>);
type StoredBody = (u64, bool, String);

fn stored_body(body: Option<&Body>) -> Option<StoredBody> {
    body.map(|it| (it.bytes, it.is_cut, it.text.to_string()))
}

fn body_of(stored: Option<StoredBody>) -> Option<Body> {
    stored.map(|(bytes, is_cut, text)| Body {
        text: text.into(),
        bytes,
        is_cut,
    })
}

/// What the texts of a payload take, and the time that it is found by, where it is kept.
pub(crate) fn payload_facts(view: &View<'_>, seq: i64) -> Result<Option<(u64, i64)>, StoreError> {
    let found = view.raw(Column::Payloads, &payload_key(seq))?;
    // They stand in front, so that the texts need not be read.
    found.map(|bytes| crate::codec::unpack(&bytes)).transpose()
}

pub(crate) fn payload(view: &View<'_>, seq: i64) -> Result<Option<Payload>, StoreError> {
    let found: Option<StoredPayload> = view.get(Column::Payloads, &payload_key(seq))?;
    Ok(found.map(|(_, _, params, answer)| Payload {
        params: body_of(params),
        answer: body_of(answer),
    }))
}

/// Applies a batch, or finds that it was applied before.
pub(crate) fn append(txn: &mut Txn<'_>, batch: &Batch) -> Result<Appended, StoreError> {
    let mark = mark_of(&txn.view, batch.writer)?;
    // A writer numbers its batches upwards and sends one at a time: a higher number says that this one is in.
    if mark.is_some_and(|mark| mark.number >= batch.number) {
        return Ok(Appended {
            repeated: true,
            ..Appended::default()
        });
    }
    // What is found to be gap or bad line of this batch stands in no index yet, and is held here until the end.
    let mut appended = Appended::default();
    let (mut gap_keys, mut bad_lines) = (Vec::new(), Vec::new());
    for (place, event) in batch.events.iter().enumerate() {
        match event {
            Event::Request(request) => {
                // Also for a duplicate: its first delivery may have come by another way, which knew nothing of what
                // was in flight.
                flight::ended(txn, request.key.hash);
                txn.request(request, &mut appended)?;
            }
            Event::Withdrawn(key) => flight::ended(txn, *key),
            Event::Surface(update) => txn.surface(update)?,
            Event::Session(update) => txn.session(update)?,
            Event::Gap(gap) => {
                let key = gap.key_in(batch, place);
                txn.gap(gap, key, &mut gap_keys, &mut appended)?;
            }
            Event::BadLine(line) => bad_lines.push(txn.bad_line(line)?),
            Event::Open(open) => flight::put(txn, batch, open)?,
            // Once all that makes sessions is in.
            Event::Server(_) => {}
        }
    }
    txn.trim_bad_lines(&bad_lines)?;
    runs::take(txn, batch)?;
    sources::write(&txn.view, &mut txn.batch, &batch.sources, batch.now)?;
    // Also for a batch in which all were duplicates: it must be recognised when it comes again.
    txn.mark_writer(batch, mark)?;
    txn.state.requests += appended.stored;
    txn.state.duplicates += appended.duplicates;
    txn.state.conflicts += appended.conflicts;
    txn.state.undecided += appended.undecided;
    Ok(appended)
}

impl Txn<'_> {
    fn request(&mut self, request: &Request, appended: &mut Appended) -> Result<(), StoreError> {
        // First of all: a call that another channel reported already must make neither a name nor a session.
        let Some(is_undecided) = self.merge_call(request)? else {
            appended.duplicates += 1;
            return Ok(());
        };
        let Delivery::First { key, is_conflict } = self.delivery(request)? else {
            appended.duplicates += 1;
            return Ok(());
        };
        appended.stored += 1;
        appended.conflicts += u64::from(is_conflict);
        appended.undecided += u64::from(is_undecided);
        // Makes the operation, the client and the session where they are new: nothing may refuse the request from
        // here on.
        let place = self.place_of(request, key)?;
        // Only now: a duplicate uses up no number.
        let seq = self.state.next_seq();
        self.names
            .count(&self.view, place.operation, place.client, 1)?;
        // Not the operation's own number: past the bound of targets many operations count together.
        let sums = self.names.operation(&self.view, place.operation)?.sums;
        self.sums.count(&self.view, sums, request)?;
        self.sessions
            .change(place.session, |session| session.count(request));
        self.rows.put(seq, None, Row::of(request, place));
        if let Some(payload) = &request.payload {
            self.payload(seq, request.ts, payload)?;
        }
        match &request.surface {
            Some(update) => self.surface(update),
            None => Ok(()),
        }
    }

    fn place_of(&mut self, request: &Request, key: i64) -> Result<Place, StoreError> {
        let operation = self.names.number_of(&self.view, &mut self.state, request)?;
        let (name, version) = (
            request.client_name.as_ref(),
            request.client_version.as_ref(),
        );
        let client = self
            .names
            .number_of_client(&self.view, &mut self.state, name, version)?;
        let session = match Membership::of(request) {
            Membership::SurfaceContent(id) => {
                self.sessions
                    .named(&self.view, &mut self.state, &request.proxy, id)?
            }
            Membership::Inferred => self
                .sessions
                .inferred(&self.view, &mut self.state, request)?,
            // No session has the number 0: they are given from 1 on.
            Membership::None => 0,
        };
        let call = request.key.call.map(|call| call.code(request.ts));
        Ok(Place {
            operation,
            session,
            client,
            key,
            call,
        })
    }

    fn delivery(&mut self, request: &Request) -> Result<Delivery, StoreError> {
        Delivery::of(request, 0, |key| {
            let Some(row) = self.rows.under(&self.view, request.ts, key)? else {
                return Ok(None);
            };
            let stored = self.request_of(&row)?;
            Ok(Some(Likeness::of(&RequestFacts::of(&stored), request)))
        })
    }

    /// Merges a request into the row that another channel has led to. `None` where it was merged or is a duplicate;
    /// else it is a new row, and the value says whether that is undecided.
    fn merge_call(&mut self, request: &Request) -> Result<Option<bool>, StoreError> {
        let Some(call) = request.key.call else {
            return Ok(Some(false));
        };
        let mut candidates = Vec::new();
        for (seq, code) in
            self.rows
                .under_codes(&self.view, &call.codes(request.ts), MAX_CANDIDATES)?
        {
            let row = self.rows.row(&self.view, seq)?;
            let row =
                row.ok_or_else(|| damaged(format!("request {seq} is gone, and its call is not")))?;
            // A row that gets the time of this event stands under its key then, where it comes again.
            let mut request_of_row = self.request_of(&row)?;
            request_of_row.key = request.key;
            candidates.push(Candidate {
                seq,
                code,
                request: request_of_row,
            });
        }
        let (channels, stored, merged) = match match_call(request, call, candidates) {
            CallMatch::New { is_undecided } => return Ok(Some(is_undecided)),
            CallMatch::Duplicate => return Ok(None),
            CallMatch::Merge {
                channels,
                stored,
                merged,
            } => (channels, stored, merged),
        };
        let Some(row) = self.rows.row(&self.view, stored.seq)? else {
            return Ok(None);
        };
        let before = &stored.request;
        let sums = self.names.operation(&self.view, row.operation)?.sums;
        self.sums.amend(&self.view, sums, before, &merged)?;
        self.sessions.change(row.session, |session| {
            let mut state = session.state();
            if state.recount(before, &merged) {
                session.set_state(state);
            }
        });
        // Its operation and session stay: both channels have reported the same call, whichever came first.
        let mut place = row.place();
        place.call = Some(call.code_of(merged.ts, channels));
        // A channel that names the client knows it; one that does not must not take the name away.
        if before.client_name.is_none() && merged.client_name.is_some() {
            let (name, version) = (merged.client_name.as_ref(), merged.client_version.as_ref());
            self.names
                .count(&self.view, row.operation, row.client, -1)?;
            place.client =
                self.names
                    .number_of_client(&self.view, &mut self.state, name, version)?;
            self.names
                .count(&self.view, row.operation, place.client, 1)?;
        }
        if merged.ts != row.ts {
            place.key = self.free_key(&merged)?;
        }
        self.rows
            .put(stored.seq, Some(row), Row::of(&merged, place));
        Ok(None)
    }

    /// The first key of a request that no row of its time has.
    fn free_key(&self, request: &Request) -> Result<i64, StoreError> {
        for key in mcpr_store::keys(request) {
            if self.rows.under(&self.view, request.ts, key)?.is_none() {
                return Ok(key);
            }
        }
        // The keys have no end.
        Ok(0)
    }

    fn payload(&mut self, seq: i64, ts: i64, payload: &Payload) -> Result<(), StoreError> {
        let bytes = payload.len_bytes() as u64;
        let stored: StoredPayload = (
            bytes,
            ts,
            stored_body(payload.params.as_ref()),
            stored_body(payload.answer.as_ref()),
        );
        self.state.payloads += 1;
        self.state.payload_bytes += bytes;
        let column = self.view.column(Column::Payloads);
        self.batch.put_cf(column, payload_time_key(ts, seq), []);
        self.put(Column::Payloads, &payload_key(seq), &stored)
    }

    /// Writes a record with its checksum.
    pub(crate) fn put<T: Serialize>(
        &mut self,
        column: Column,
        key: &Key,
        record: &T,
    ) -> Result<(), StoreError> {
        let record = crate::codec::seal(key.as_ref(), record)?;
        self.batch.put_cf(self.view.column(column), key, record);
        Ok(())
    }

    fn session(&mut self, update: &SessionUpdate) -> Result<(), StoreError> {
        let meant = self
            .sessions
            .meant_by(&self.view, &mut self.state, update)?;
        for session in meant {
            self.sessions
                .change(session, |session| session.apply(update));
        }
        Ok(())
    }

    fn gap(
        &mut self,
        gap: &Gap,
        key: i64,
        of_batch: &mut Vec<i64>,
        appended: &mut Appended,
    ) -> Result<(), StoreError> {
        let by_key = Key::of(GAP_KEY).signed(key);
        // A batch that is sent again after an unknown commit brings its gaps again.
        if of_batch.contains(&key) || self.view.raw(Column::Gaps, &by_key)?.is_some() {
            appended.duplicates += 1;
            return Ok(());
        }
        // What is put in a batch is not seen by reading the store until it is written.
        of_batch.push(key);
        appended.gaps += 1;
        let seq = self.state.next_seq();
        let Gap {
            source,
            count,
            from_ts,
            to_ts,
            ..
        } = gap;
        let stored = StoredGap {
            key,
            source: source.to_string(),
            count: *count,
            from_ts: *from_ts,
            to_ts: *to_ts,
        };
        self.put(Column::Gaps, &Key::of(GAP).signed(seq), &stored)?;
        let column = self.view.column(Column::Gaps);
        self.batch.put_cf(column, by_key, Key::new().signed(seq));
        let by_time = Key::of(GAP_TIME).signed(*from_ts).signed(seq);
        self.batch.put_cf(column, by_time, []);
        self.state.gaps += 1;
        // The count comes from a source, and may be anything.
        self.state.dropped = self.state.dropped.saturating_add(*count);
        Ok(())
    }

    fn bad_line(&mut self, line: &BadLine) -> Result<i64, StoreError> {
        let seq = self.state.next_seq();
        let stored = StoredLine {
            source: line.source.to_string(),
            offset: line.offset,
            reason: line.reason.clone(),
            excerpt: line.excerpt.clone(),
            ts: line.ts,
        };
        self.put(Column::BadLines, &rows::key_of(seq), &stored)?;
        self.state.bad_lines += 1;
        Ok(seq)
    }

    fn mark_writer(&mut self, batch: &Batch, mark: Option<WriterMark>) -> Result<(), StoreError> {
        let began = mark.map_or(self.state.commits, |mark| mark.began);
        let committed_at = batch.now;
        let number = batch.number;
        self.put(
            Column::Meta,
            &writer_key(batch.writer),
            &WriterMark {
                number,
                began,
                committed_at,
            },
        )?;
        // Once for each new writer is often enough to keep the bound.
        if mark.is_some() {
            return Ok(());
        }
        let mut known: Vec<(i64, Vec<u8>)> = Vec::new();
        self.view.walk_under(
            Column::Meta,
            Key::of(WRITER),
            Order::Ascending,
            &mut |key, bytes| {
                let mark: WriterMark = crate::codec::unseal(key, bytes)?;
                known.push((mark.began, key.to_vec()));
                Ok(true)
            },
        )?;
        // By the commit that was the first of each; the one of this batch is not among them, and is the newest of
        // all.
        known.sort_unstable();
        let column = self.view.column(Column::Meta);
        for (_, key) in known.iter().rev().skip(MAX_WRITERS - 1) {
            self.batch.delete_cf(column, key);
        }
        Ok(())
    }

    /// Removes the oldest bad lines beyond the bound, which may be some of this batch.
    fn trim_bad_lines(&mut self, of_batch: &[i64]) -> Result<(), StoreError> {
        if self.state.bad_lines <= BadLine::MAX_ROWS {
            return Ok(());
        }
        let mut seqs = Vec::new();
        self.view.walk(
            Column::BadLines,
            Key::new().all(),
            Order::Ascending,
            &mut |key, _| {
                seqs.push(rows::seq_of(key)?);
                Ok(true)
            },
        )?;
        // They have the highest numbers, and so stand behind those that are stored.
        seqs.extend(of_batch);
        let most = usize::try_from(BadLine::MAX_ROWS).unwrap_or(usize::MAX);
        let excess = seqs.len().saturating_sub(most);
        let column = self.view.column(Column::BadLines);
        for seq in &seqs[..excess] {
            // In the order of the batch: what was put before it is gone with it.
            self.batch.delete_cf(column, rows::key_of(*seq));
        }
        self.state.bad_lines = BadLine::MAX_ROWS;
        Ok(())
    }
}

/// The number of a gap, of its key in an order.
pub(crate) fn gap_seq(key: &[u8]) -> Result<i64, StoreError> {
    let seq = KeyParts(&key[1..]).signed();
    seq.ok_or_else(|| damaged("the number of a gap does not decode"))
}
