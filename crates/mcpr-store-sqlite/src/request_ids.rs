//! Where a request stands that came with an id: two bytes of a hash for each, a row for so many places
//! in the sequence; and three bytes in the end, when many rows are put together in a block. An index would
//! take twenty bytes per request, and a page anywhere in it for each.

mod blocks;

use super::layout::layout_of;
use mcpr_model::{Request, RequestId};
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use xxhash_rust::xxh3::xxh3_64;

/// The layout that brought the marks.
pub(super) const SINCE: i64 = 8;
/// The layout that brought the blocks.
const BLOCKS_SINCE: i64 = 11;

/// Places of a row: two rows with so many marks fill a page.
const PLACES: i64 = 1000;

/// Bytes of a mark. One in 65,535 requests has the mark of another id and is looked at in vain.
const MARK_BYTES: usize = 2;

/// What stands for an id; 0 is a place without one.
type Mark = u16;

/// A new request that came with an id.
#[derive(Debug)]
struct NewId {
    seq: i64,
    ts: i64,
    mark: Mark,
}

/// The ids of a batch's requests, in the order of the sequence.
#[derive(Debug, Default)]
pub(super) struct NewIds(Vec<NewId>);

impl NewIds {
    /// Notes the id of a new request.
    pub(super) fn note(&mut self, seq: i64, request: &Request) {
        if let Some(id) = &request.request_id {
            let (ts, mark) = (request.ts, mark_of(id));
            self.0.push(NewId { seq, ts, mark });
        }
    }

    /// Adds the marks to their rows.
    pub(super) fn write(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        // In the order of the sequence, so that each row is read and written once.
        for of_row in self.0.chunk_by(|a, b| row_of(a.seq) == row_of(b.seq)) {
            let row = row_of(of_row[0].seq);
            let (mut max_ts, stored): (i64, Vec<u8>) = tx
                .prepare_cached("SELECT max_ts, marks FROM request_ids WHERE id = ?1")?
                .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?
                // The first request with an id at these places.
                .unwrap_or((i64::MIN, Vec::new()));
            let mut marks = Marks(stored);
            for new in of_row {
                marks.set(place_of(new.seq), new.mark);
                max_ts = max_ts.max(new.ts);
            }
            tx.prepare_cached(
                "REPLACE INTO request_ids (id, max_ts, marks, seal)
                 VALUES (?1, ?2, ?3, row_seal(?1, ?2, ?3))",
            )?
            .execute(params![row, max_ts, marks.0])?;
        }
        match (self.0.first(), self.0.last()) {
            (Some(first), Some(last)) => blocks::merge_marks(tx, first.seq, last.seq),
            _ => Ok(()),
        }
    }
}

/// A row of marks, or a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct MarksRow {
    id: i64,
    /// The newest of its requests, when it was stored.
    max_ts: i64,
}

/// A range of sequence numbers in which an id is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum SeqRange {
    /// A thousand places.
    Row(MarksRow),
    /// Many thousand.
    Block(MarksRow),
}

impl SeqRange {
    /// The newest of its requests, when it was stored.
    pub(super) fn max_ts(self) -> i64 {
        match self {
            Self::Row(of) | Self::Block(of) => of.max_ts,
        }
    }
}

/// All parts of the sequence, those with the newest requests first.
pub(super) fn stretches(connection: &Connection) -> rusqlite::Result<Vec<SeqRange>> {
    let mut rows = connection.prepare_cached("SELECT id, max_ts FROM request_ids")?;
    let rows = rows.query_map([], |row| {
        let (id, max_ts) = (row.get(0)?, row.get(1)?);
        Ok(SeqRange::Row(MarksRow { id, max_ts }))
    })?;
    let mut all = rows.collect::<rusqlite::Result<Vec<SeqRange>>>()?;
    if layout_of(connection)? >= BLOCKS_SINCE {
        all.extend(blocks::all(connection)?.into_iter().map(SeqRange::Block));
    }
    // A block stands for so many thousand requests: sorting them all needs no index.
    all.sort_by_key(|of| std::cmp::Reverse(of.max_ts()));
    Ok(all)
}

/// The places of a stretch at which a request with an id may stand, with the newest time of those around
/// them, the newest first.
pub(super) fn candidates(
    connection: &Connection,
    of: SeqRange,
    id: &RequestId,
) -> rusqlite::Result<Vec<(i64, Vec<i64>)>> {
    match of {
        SeqRange::Row(of) => Ok(vec![(of.max_ts, candidates_of_row(connection, of, id)?)]),
        SeqRange::Block(of) => blocks::candidates(connection, of, id),
    }
}

fn candidates_of_row(
    connection: &Connection,
    of: MarksRow,
    id: &RequestId,
) -> rusqlite::Result<Vec<i64>> {
    let mark = mark_of(id).to_le_bytes();
    let first = of.id.saturating_mul(PLACES);
    let found = connection
        .prepare_cached("SELECT marks FROM request_ids WHERE id = ?1")?
        .query_row([of.id], |row| {
            let marks = row.get_ref(0)?.as_blob()?.chunks_exact(MARK_BYTES);
            // May-be's: the asker compares the ids themselves.
            let here = (first..).zip(marks).filter(|(_, of)| **of == mark);
            Ok(here.map(|(seq, _)| seq).collect())
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Makes `id_marks(place, request_id)` known to a connection: the marks of some requests as a blob.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_aggregate_function("id_marks", 2, flags, IdMarks)
}

/// Which rows stand for places without any request: SQL conditions, by table.
pub(super) fn unused() -> [(&'static str, String); 3] {
    let of_row = format!(
        "NOT EXISTS (SELECT 1 FROM requests r
                     WHERE r.seq >= request_ids.id * {PLACES} AND r.seq < (request_ids.id + 1) * {PLACES})"
    );
    let [blocks, marks] = blocks::unused();
    [("request_ids", of_row), blocks, marks]
}

/// A problem in words for each row that is gone although requests with ids stand at its places.
pub(super) fn missing(layout: i64) -> String {
    let is_in_block = match layout {
        ..BLOCKS_SINCE => "false".to_owned(),
        _ => blocks::has_row(),
    };
    format!(
        "SELECT 'the marks of ids from seq ' || id * {PLACES} || ' on are gone'
         FROM (SELECT DISTINCT seq / {PLACES} AS id FROM requests WHERE request_id IS NOT NULL)
         WHERE id NOT IN (SELECT id FROM request_ids) AND NOT ({is_in_block})"
    )
}

fn row_of(seq: i64) -> i64 {
    seq / PLACES
}

fn place_of(seq: i64) -> usize {
    usize::try_from(seq % PLACES).unwrap_or(0)
}

fn mark_of(id: &RequestId) -> Mark {
    match id {
        // The bytes as they are stored: a migration has nothing else to make the marks from.
        RequestId::Uuid(bytes) => mark_of_bytes(bytes),
        RequestId::Int(number) => mark_of_bytes(&number.to_le_bytes()),
        RequestId::Text(text) => mark_of_bytes(text.as_bytes()),
    }
}

fn mark_of_bytes(id: &[u8]) -> Mark {
    // Never 0, which says that there is no id.
    let mark = xxh3_64(id) % u64::from(Mark::MAX) + 1;
    Mark::try_from(mark).unwrap_or(Mark::MAX)
}

/// Marks as they are stored: one behind the other, by place.
#[derive(Default)]
struct Marks(Vec<u8>);

impl Marks {
    fn set(&mut self, place: usize, mark: Mark) {
        let at = place * MARK_BYTES;
        if self.0.len() < at + MARK_BYTES {
            // Places in between are of requests without ids, gaps and bad lines.
            self.0.resize(at + MARK_BYTES, 0);
        }
        self.0[at..at + MARK_BYTES].copy_from_slice(&mark.to_le_bytes());
    }
}

struct IdMarks;

impl Aggregate<Marks, Vec<u8>> for IdMarks {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Marks> {
        Ok(Marks::default())
    }

    fn step(&self, row: &mut Context<'_>, marks: &mut Marks) -> rusqlite::Result<()> {
        let mark = match row.get_raw(1) {
            ValueRef::Integer(number) => mark_of_bytes(&number.to_le_bytes()),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => mark_of_bytes(bytes),
            ValueRef::Null | ValueRef::Real(_) => return Ok(()),
        };
        marks.set(place_of(row.get(0)?), mark);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, marks: Option<Marks>) -> rusqlite::Result<Vec<u8>> {
        Ok(marks.unwrap_or_default().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;
    use crate::tests::{batch, request};
    use mcpr_store::{Admin, Retention, Writer};

    fn of(id: &str, ts: i64) -> Request {
        Request {
            request_id: Some(RequestId::from_text(id)),
            ..request(&format!("{id} {ts}"), ts)
        }
    }

    /// Batches that end anywhere in a row of marks.
    fn filled(path: &std::path::Path) -> SqliteStore {
        let mut store = SqliteStore::open(path).expect("a new store");
        for number in 0..7 {
            let ids = (0..499).map(|at| of(&format!("{number}-{at}"), number * 1000 + at));
            store.append(&batch(number, ids.collect())).expect("append");
        }
        store
    }

    fn marks(connection: &Connection) -> Vec<(i64, i64, Vec<u8>)> {
        let mut statement = connection
            .prepare("SELECT id, max_ts, marks FROM request_ids ORDER BY id")
            .expect("a table");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.and_then(Iterator::collect).expect("rows")
    }

    #[test]
    fn an_id_is_found_at_every_place_in_a_few_looks() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = filled(&directory.path().join("store.db"));
        let mut in_vain = 0;
        for (seq, id) in [(1, "0-0"), (500, "1-0"), (1024, "2-25"), (3493, "6-498")] {
            let id = RequestId::from_text(id);
            let stretches = stretches(&store.connection).expect("rows");
            let found: Vec<i64> = stretches
                .iter()
                .flat_map(|of| candidates(&store.connection, *of, &id).expect("places"))
                .flat_map(|(_, seqs)| seqs)
                .collect();
            assert!(found.contains(&seq), "{id}: {found:?}");
            in_vain += found.len() - 1;
        }
        assert!(in_vain < 5, "{in_vain} of 14,000 looked at in vain");
    }

    #[test]
    fn a_migration_makes_the_marks_that_a_writer_makes() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = filled(&directory.path().join("store.db"));
        let written = marks(&store.connection);
        assert_eq!(written.len(), 2, "the others are in a block");
        store
            .connection
            .execute_batch("DELETE FROM request_ids")
            .expect("none are left");
        let migration = include_str!("migrations/0008_neighbours.sql");
        let at = migration.find("INSERT INTO request_ids").expect("it");
        store
            .connection
            .execute_batch(&migration[at..])
            .expect("the migration's own");
        assert_eq!(marks(&store.connection)[2..], written);
    }

    #[test]
    fn an_id_that_comes_again_and_again_is_found_by_its_newest_requests() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("store.db");
        let mut store = SqliteStore::open(&path).expect("a new store");
        for number in 0..20_i64 {
            // Times go up and down: what is stored last is not what happened last.
            let ts = (number * 7 % 20) * 1_000_000;
            let ids = (0..499).map(|at| of("1", ts + at));
            store.append(&batch(number, ids.collect())).expect("append");
        }
        let blocks = |store: &SqliteStore| -> i64 {
            let sql = "SELECT count(*) FROM id_blocks";
            let count = store.connection.query_row(sql, [], |row| row.get(0));
            count.expect("a table")
        };
        assert_eq!(blocks(&store), 4);
        let reader = store.reader().expect("a reader");
        let found = reader.with_id("1", 5).expect("rows");
        let times: Vec<i64> = found.iter().map(|row| row.ts - 19_000_000).collect();
        assert_eq!(times, [498, 497, 496, 495, 494]);
        assert_eq!(reader.with_id("2", 5).expect("none"), []);
        store
            .vacuum(&Retention::before(i64::MAX), &mut |_| {})
            .expect("vacuum");
        assert_eq!(blocks(&store), 0);
        let left: i64 = store
            .connection
            .query_row("SELECT count(*) FROM id_marks", [], |row| row.get(0))
            .expect("a table");
        assert_eq!(left, 0);
    }

    #[test]
    fn marks_go_with_the_requests_they_stand_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut store = filled(&directory.path().join("store.db"));
        let vacuum = |store: &mut SqliteStore, before| {
            store
                .vacuum(&Retention::before(before), &mut |_| {})
                .expect("vacuum")
        };
        vacuum(&mut store, 5000);
        let left: Vec<i64> = marks(&store.connection).iter().map(|row| row.0).collect();
        assert_eq!(left, [2, 3]);
        vacuum(&mut store, i64::MAX);
        assert_eq!(marks(&store.connection), []);
    }
}
