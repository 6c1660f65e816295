//! One batch into one transaction.

mod batch_row;

use super::flight::Flights;
use super::names::NameNumbers;
use super::new_rows::NewRows;
use super::request_ids::NewIds;
use super::requests::{self, Inserted, RowPlace};
use super::rollups::Rollups;
use super::seal;
use super::session_blocks::BlocksToMake;
use super::sessions::{Sessions, Slot};
use super::sources::write_source;
use super::surface_cache::SurfaceCache;
use super::surfaces;
use super::{notes, payloads, runs};
use crate::census;
use mcpr_model::{BadLine, Batch, Event, Gap, Request, SurfaceUpdate};
use mcpr_store::{Appended, Membership, first_key};
use rusqlite::{Connection, OptionalExtension, Statement, Transaction, params};

/// What the writer keeps in memory between batches. It is read again when another writer commits.
#[derive(Debug, Default)]
pub(super) struct WriterCache {
    pub(super) names: NameNumbers,
    pub(super) sessions: Sessions,
    pub(super) rollups: Rollups,
    surface_cache: SurfaceCache,
    pub(super) new_rows: NewRows,
    pub(super) session_blocks: BlocksToMake,
    pub(super) data_version: Option<i64>,
    /// The version of the layout that was looked through last, as SQLite counts its changes.
    pub(super) schema_version: Option<i64>,
    /// The writer whose requests in flight may be reported: others could not say that they are gone.
    pub(super) leased: Option<i64>,
}

impl WriterCache {
    /// Forgets everything: after a failure, and when somebody else wrote.
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.sessions.clear();
        self.rollups.clear();
        self.surface_cache.clear();
        self.new_rows.clear();
    }

    /// Forgets what is too much.
    pub(super) fn trim(&mut self) {
        self.names.trim();
        self.sessions.trim();
        self.surface_cache.trim();
    }
}

/// Writes a batch in a transaction that has begun, and commits it.
pub(super) fn append(
    tx: Transaction<'_>,
    memory: &mut WriterCache,
    batch: &Batch,
) -> rusqlite::Result<Appended> {
    if is_committed(&tx, batch)? {
        return Ok(Appended {
            repeated: true,
            ..Appended::default()
        });
    }
    let mut writing = BatchWriter::begin(&tx, memory, batch)?;
    {
        let mut insertion = requests::insertion(&tx)?;
        for (place, event) in batch.events.iter().enumerate() {
            match event {
                Event::Gap(gap) => writing.gap(gap, gap.key_in(batch, place))?,
                event => writing.event(&mut insertion, event)?,
            }
        }
    }
    let appended = writing.finish(batch)?;
    memory.session_blocks.note_changed(&tx)?;
    census::settle(&tx)?;
    tx.commit()?;
    Ok(appended)
}

/// Whether this very batch is in the store: a COMMIT that returned an error can still have worked.
fn is_committed(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<bool> {
    // A writer numbers its batches upwards and sends one at a time: a higher number says that this
    // one is in.
    tx.prepare_cached("SELECT 1 FROM writers WHERE writer = ?1 AND number >= ?2")?
        .query_row([batch.writer, batch.number], |_| Ok(()))
        .optional()
        .map(|found| found.is_some())
}

/// The session that a request belongs to.
enum FoundSession {
    /// This one.
    Slot(Slot),
    /// None at all.
    None,
    /// It does not matter: the request is stored already.
    Unneeded,
}

/// A batch being written.
pub(super) struct BatchWriter<'a> {
    pub(super) tx: &'a Transaction<'a>,
    pub(super) memory: &'a mut WriterCache,
    pub(super) appended: Appended,
    pub(super) first_seq: i64,
    last_seq: i64,
    pub(super) checksum: i64,
    pub(super) span: Option<(i64, i64)>,
    bad_lines: u64,
    ids: NewIds,
    flights: Flights,
}

impl<'a> BatchWriter<'a> {
    fn begin(
        tx: &'a Transaction<'a>,
        memory: &'a mut WriterCache,
        batch: &Batch,
    ) -> rusqlite::Result<Self> {
        let last_seq = counter(tx, "last_seq")?;
        memory.new_rows.begin(tx, batch.events.len())?;
        Ok(Self {
            tx,
            flights: Flights::read(tx, batch, memory.leased)?,
            memory,
            appended: Appended::default(),
            first_seq: last_seq + 1,
            last_seq,
            checksum: 0,
            span: None,
            bad_lines: 0,
            ids: NewIds::default(),
        })
    }

    fn event(&mut self, insertion: &mut Statement<'_>, event: &Event) -> rusqlite::Result<()> {
        match event {
            Event::Request(request) => {
                self.flights.ended(self.tx, request.key.hash)?;
                self.request(insertion, request)
            }
            Event::Withdrawn(key) => self.flights.ended(self.tx, *key),
            Event::Surface(update) => self.surface(update),
            Event::Session(update) => {
                self.memory
                    .sessions
                    .apply(self.tx, &mut self.memory.names, update)
            }
            // Its batch knows the key of a gap; servers wait for their sessions.
            Event::Gap(_) | Event::Server(_) => Ok(()),
            Event::Open(open) => self.flights.put(self.tx, open),
            Event::BadLine(line) => self.bad_line(line),
        }
    }

    fn request(
        &mut self,
        insertion: &mut Statement<'_>,
        request: &Request,
    ) -> rusqlite::Result<()> {
        // First of all: a call that another stream reported already must make neither a name nor a
        // session.
        let Some(is_undecided) = self.merge_call(request)? else {
            return Ok(());
        };
        let (name, version) = (
            request.client_name.as_ref(),
            request.client_version.as_ref(),
        );
        let operation = self.memory.names.operation(self.tx, request)?;
        let client = self.memory.names.client(self.tx, name, version)?;
        let session = match self.session_of(request, operation.proxy, client)? {
            FoundSession::Slot(slot) => Some(slot),
            FoundSession::None => None,
            FoundSession::Unneeded => {
                self.appended.duplicates += 1;
                return Ok(());
            }
        };
        let place = RowPlace {
            seq: self.last_seq + 1,
            operation,
            session: session.map(|slot| self.memory.sessions.number(slot)),
            client,
        };
        match self.insert(insertion, request, place)? {
            Inserted::Duplicate => self.appended.duplicates += 1,
            Inserted::New { key, is_conflict } => {
                self.appended.stored += 1;
                self.appended.conflicts += u64::from(is_conflict);
                self.appended.undecided += u64::from(is_undecided);
                // Only now: a duplicate uses up no number.
                self.last_seq = place.seq;
                self.ids.note(place.seq, request);
                let hash = requests::row_hash(request, place, key, requests::call_of(request));
                // A sum does not depend on the order, so that a row that goes later is simply
                // subtracted.
                self.checksum = self.checksum.wrapping_add(hash);
                let (min, max) = self.span.unwrap_or((request.ts, request.ts));
                self.span = Some((min.min(request.ts), max.max(request.ts)));
                self.memory.rollups.count(operation.sums, request);
                if let Some(slot) = session {
                    self.memory
                        .sessions
                        .count(self.tx, slot, request, place.seq, client)?;
                }
                return self.belongings(request);
            }
        }
        Ok(())
    }

    /// Inserts a request: at once with others where it is surely new.
    fn insert(
        &mut self,
        insertion: &mut Statement<'_>,
        request: &Request,
        place: RowPlace,
    ) -> rusqlite::Result<Inserted> {
        let rows = &mut self.memory.new_rows;
        let key = first_key(request);
        if rows.take(request, place, key) {
            if rows.is_full() {
                rows.write(self.tx)?;
            }
            let is_conflict = false;
            return Ok(Inserted::New { key, is_conflict });
        }
        // It is compared with what is stored.
        rows.write(self.tx)?;
        // Nearly every request is new: it is inserted without a look, and compared only where its
        // place is taken.
        let inserted = if let Some(inserted) = requests::insert(insertion, request, place)? {
            inserted
        } else {
            self.memory.sessions.write_back(self.tx)?;
            requests::insert_contested(self.tx, insertion, request, place)?
        };
        if let Inserted::New { key, .. } = inserted {
            self.memory.new_rows.note(place.seq, request.ts, key);
        }
        Ok(inserted)
    }

    /// What came with a request that is a new row. Of a duplicate it was taken in before.
    fn belongings(&mut self, request: &Request) -> rusqlite::Result<()> {
        if let Some(payload) = &request.payload {
            payloads::insert(self.tx, self.last_seq, request.ts, payload)?;
        }
        notes::insert(self.tx, self.last_seq, request)?;
        match &request.surface {
            Some(update) => self.surface(update),
            None => Ok(()),
        }
    }

    fn surface(&mut self, update: &SurfaceUpdate) -> rusqlite::Result<()> {
        let WriterCache {
            names,
            surface_cache,
            ..
        } = &mut *self.memory;
        surfaces::take(self.tx, names, surface_cache, update, self.last_seq)
    }

    /// The session a request belongs to, made where it is missing.
    fn session_of(
        &mut self,
        request: &Request,
        proxy: i64,
        client: Option<i64>,
    ) -> rusqlite::Result<FoundSession> {
        let (tx, sessions) = (self.tx, &mut self.memory.sessions);
        let slot = match Membership::of(request) {
            Membership::SurfaceContent(id) => match sessions.find(tx, proxy, id)? {
                Some(slot) => slot,
                // It goes into the store only if something happens to it, so that a duplicate
                // leaves no empty session.
                None => sessions.add(tx, proxy, id)?,
            },
            Membership::Inferred => {
                if let Some(slot) = sessions.find_inferred(tx, (proxy, client), request.ts)? {
                    return Ok(FoundSession::Slot(slot));
                }
                // An inferred session is named by the first request that is its own.
                sessions.write_back(tx)?;
                self.memory.new_rows.write(tx)?;
                if requests::is_stored(tx, request)? {
                    return Ok(FoundSession::Unneeded);
                }
                sessions.add_inferred(tx, (proxy, client), request)?
            }
            Membership::None => return Ok(FoundSession::None),
        };
        Ok(FoundSession::Slot(slot))
    }

    fn gap(&mut self, gap: &Gap, key: i64) -> rusqlite::Result<()> {
        // Looked for before a number is given out: a duplicate must use up none.
        let mut known = self
            .tx
            .prepare_cached("SELECT 1 FROM gaps WHERE key = ?1")?;
        if known.exists([key])? {
            self.appended.duplicates += 1;
            return Ok(());
        }
        self.last_seq += 1;
        self.appended.gaps += 1;
        self.tx
            .prepare_cached(
                "INSERT INTO gaps (seq, source, count, from_ts, to_ts, key, seal)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, row_seal(?1, ?2, ?3, ?4, ?5, ?6))",
            )?
            .execute(params![
                self.last_seq,
                gap.source.as_str(),
                gap.count.cast_signed(),
                gap.from_ts,
                gap.to_ts,
                key
            ])
            .map(drop)
    }

    fn bad_line(&mut self, line: &BadLine) -> rusqlite::Result<()> {
        self.last_seq += 1;
        self.bad_lines += 1;
        self.tx
            .prepare_cached(
                "INSERT INTO bad_lines (seq, ts, source, offset, reason, excerpt, seal)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, row_seal(?1, ?2, ?3, ?4, ?5, ?6))",
            )?
            .execute(params![
                self.last_seq,
                line.ts,
                line.source.as_str(),
                line.offset.cast_signed(),
                line.reason,
                line.excerpt
            ])
            .map(drop)
    }

    fn finish(self, batch: &Batch) -> rusqlite::Result<Appended> {
        let (tx, appended) = (self.tx, self.appended);
        self.memory.new_rows.write(tx)?;
        // Everything that was summed in memory goes in with the rows it was summed from, or not at
        // all.
        self.memory.sessions.write_back(tx)?;
        runs::take(tx, batch)?;
        self.memory.rollups.write_back(tx)?;
        self.memory.surface_cache.write_back(tx)?;
        self.ids.write(tx)?;
        if self.bad_lines > 0 {
            trim_bad_lines(tx)?;
        }
        if self.last_seq >= self.first_seq {
            add_to_counter(tx, "last_seq", self.last_seq - self.first_seq + 1)?;
        }
        if appended.duplicates > 0 {
            add_to_counter(tx, "duplicates", appended.duplicates.cast_signed())?;
        }
        if appended.undecided > 0 {
            add_to_counter(tx, "undecided", appended.undecided.cast_signed())?;
        }
        if appended.conflicts > 0 {
            add_to_counter(tx, "conflicts", appended.conflicts.cast_signed())?;
        }
        // In the same transaction as the rows: after a kill each line is either stored and behind
        // the checkpoint, or neither.
        for source in &batch.sources {
            write_source(tx, source, batch.now)?;
        }
        // Also for a batch in which all were duplicates: it must be recognised when it comes again.
        write_writer(tx, batch)?;
        if appended.stored > 0 {
            self.write_batch_row(batch)?;
        }
        Ok(appended)
    }
}

/// A number kept in the store itself.
pub(super) fn counter(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT value FROM counters WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
}

fn add_to_counter(tx: &Transaction<'_>, name: &str, by: i64) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO counters (name, value, seal) VALUES (?1, ?2, row_seal(?1, ?2))
         ON CONFLICT (name) DO UPDATE SET value = value + ?2, seal = row_seal(name, value + ?2)",
    )?
    .execute(params![name, by])
    .map(drop)
}

fn trim_bad_lines(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "DELETE FROM bad_lines WHERE seq <=
         (SELECT seq FROM bad_lines ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([BadLine::MAX_ROWS.cast_signed()])
    .map(drop)
}

/// Remembers how far a writer has come; writers of long ago are forgotten.
fn write_writer(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    /// Writers kept: one that is still at work is never older than this many newer ones.
    const MAX_WRITERS: i64 = 1000;
    // Mostly the writer is known: then one statement does.
    let known = tx
        .prepare_cached(
            "UPDATE writers SET number = ?2, seal = row_seal(id, writer, ?2) WHERE writer = ?1",
        )?
        .execute([batch.writer, batch.number])?;
    if known == 0 {
        tx.prepare_cached("INSERT INTO writers (writer, number) VALUES (?1, ?2)")?
            .execute([batch.writer, batch.number])?;
        seal::renew(tx, "writers", "writer = ?1", [batch.writer])?;
        // Once for each new writer is often enough to keep the bound.
        tx.prepare_cached("DELETE FROM writers WHERE id <= (SELECT max(id) FROM writers) - ?1")?
            .execute([MAX_WRITERS])?;
    }
    Ok(())
}
