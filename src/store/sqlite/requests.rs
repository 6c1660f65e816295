//! One request into its row: the insertion itself, and what happens when its place is taken.

use super::names::OperationRef;
use crate::model::{ErrorKind, KeySource, Request, RequestId, Text};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Row, Statement, ToSql, Transaction, params};
use xxhash_rust::xxh3::Xxh3;

/// A request's row apart from its texts: the numbers that stand for them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The sequence number it gets if it is new.
    pub(super) seq: i64,
    /// What was called.
    pub(super) operation: OperationRef,
    /// Number of its session.
    pub(super) session: Option<i64>,
    /// Number of the client it names itself.
    pub(super) client: Option<i64>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inserted {
    /// It is a new row, under this key.
    New {
        /// The key it stands under.
        key: i64,
        /// Whether its id was there with another content.
        is_conflict: bool,
    },
    /// It was there already.
    Duplicate,
}

/// The key a request is looked for first.
pub(super) fn first_key(request: &Request) -> i64 {
    // SQLite keeps numbers below 2^23 in three bytes, and each key stands in the row and in an index.
    // (ts, key) only has to be rare: equality is checked on the row.
    (request.key.hash & 0x7f_ffff).cast_signed()
}

/// The insertion of one row; it does nothing where (ts, key) is taken.
pub(super) fn insertion<'tx>(
    tx: &'tx Transaction<'_>,
) -> rusqlite::Result<rusqlite::CachedStatement<'tx>> {
    tx.prepare_cached(
        "INSERT INTO requests (seq, ts, key, operation, session, client, latency_us, upstream_us,
         bytes_in, bytes_out, request_id, error_kind, error_code, error_msg)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (ts, key) DO NOTHING",
    )
}

/// Inserts a request under its first key, if no other event has taken that.
pub(super) fn insert(
    insertion: &mut Statement<'_>,
    request: &Request,
    place: Place,
) -> rusqlite::Result<Option<Inserted>> {
    let key = first_key(request);
    let is_new = try_insert(insertion, request, place, key)? > 0;
    Ok(is_new.then_some(Inserted::New {
        key,
        is_conflict: false,
    }))
}

/// Inserts a request whose first key is taken, unless it is there already. Sessions made by the same
/// batch must have been written back, for the rows in the way are compared by their texts.
pub(super) fn insert_contested(
    tx: &Transaction<'_>,
    insertion: &mut Statement<'_>,
    request: &Request,
    place: Place,
) -> rusqlite::Result<Inserted> {
    let mut key = first_key(request);
    let mut is_conflict = false;
    loop {
        match compare(tx, request, key)? {
            Likeness::Same => return Ok(Inserted::Duplicate),
            Likeness::Conflict => is_conflict = true,
            Likeness::Stranger => {}
        }
        key += 1;
        if try_insert(insertion, request, place, key)? > 0 {
            return Ok(Inserted::New { key, is_conflict });
        }
    }
}

fn try_insert(
    insertion: &mut Statement<'_>,
    request: &Request,
    place: Place,
    key: i64,
) -> rusqlite::Result<usize> {
    let outcome = &request.outcome;
    insertion.execute(params![
        place.seq,
        request.ts,
        key,
        place.operation.id,
        place.session,
        place.client,
        request.latency_us,
        request.upstream_us,
        request.bytes_in,
        request.bytes_out,
        request.request_id.as_ref().map(StoredId),
        outcome.error_kind.map(|kind| kind as i64 + 1),
        outcome.error_code.as_deref(),
        outcome.error_msg.as_deref(),
    ])
}

/// Whether a request is stored already: asked before anything is made for its sake.
pub(super) fn is_stored(tx: &Transaction<'_>, request: &Request) -> rusqlite::Result<bool> {
    let mut key = first_key(request);
    loop {
        match compare(tx, request, key) {
            Ok(Likeness::Same) => return Ok(true),
            Ok(_) => key += 1,
            Err(rusqlite::Error::QueryReturnedNoRows) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// A row that stands under the key of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// The same event, delivered before.
    Same,
    /// Another content under the same unique id.
    Conflict,
    /// Another event whose key happens to be the same.
    Stranger,
}

fn compare(tx: &Transaction<'_>, request: &Request, key: i64) -> rusqlite::Result<Likeness> {
    let mut statement = tx.prepare_cached(
        "SELECT r.request_id, o.kind, o.method, o.target_kind, o.target, p.name,
                CASE s.inferred WHEN 0 THEN s.session_id END, c.name, c.version,
                r.latency_us, r.upstream_us, r.bytes_in, r.bytes_out,
                r.error_kind, r.error_code, r.error_msg
         FROM requests r
              JOIN operations o ON o.id = r.operation
              JOIN proxies p ON p.id = o.proxy
              LEFT JOIN sessions s ON s.id = r.session
              LEFT JOIN clients c ON c.id = r.client
         WHERE r.ts = ?1 AND r.key = ?2",
    )?;
    statement.query_row([request.ts, key], |row| likeness(request, row))
}

fn likeness(request: &Request, row: &Row<'_>) -> rusqlite::Result<Likeness> {
    let same_id = is_same(row, 0, request.request_id.as_ref().map(StoredId))?;
    let target = request.target.as_ref();
    let outcome = &request.outcome;
    let same_question = is_same(row, 1, request.kind as i64)?
        && is_same(row, 2, request.method.as_str())?
        && is_same(row, 3, target.map(|target| target.kind as i64 + 1))?
        && is_same(row, 4, target.map(|target| target.name.as_str()))?
        && is_same(row, 6, request.session_id.as_deref())?
        && is_same(row, 10, request.upstream_us)?
        && is_same(row, 11, request.bytes_in)?;
    let is_of_log = request.session_id.is_none() && request.upstream_us.is_none();
    // Who called is said once, at the top of a log: who begins to read below does not know.
    let is_nameless = request.client_name.is_none() || is_same(row, 7, None::<&str>)?;
    let same_client = is_same(row, 7, request.client_name.as_deref())?
        && is_same(row, 8, request.client_version.as_deref())?;
    let same_content = same_question
        && (same_client || (is_of_log && is_nameless))
        && is_same(row, 9, request.latency_us)?
        && is_same(row, 12, request.bytes_out)?
        && is_same(row, 13, outcome.error_kind.map(|kind| kind as i64 + 1))?
        && is_same(row, 14, outcome.error_code.as_deref())?
        && is_same(row, 15, outcome.error_msg.as_deref())?;
    // A line of a log that was once read with its answer and once without it.
    let never_answered = ErrorKind::Timeout;
    let lacks_answer = is_of_log
        && (outcome.error_kind == Some(never_answered)
            || is_same(row, 13, never_answered as i64 + 1)?);
    Ok(match request.key.source {
        // A copied file may go by another proxy's name: the bytes decide, not the name.
        KeySource::Bytes if same_id && same_content => Likeness::Same,
        KeySource::Bytes if same_id && same_question && lacks_answer => Likeness::Same,
        KeySource::Id if same_id && same_content && is_same(row, 5, request.proxy.as_str())? => {
            Likeness::Same
        }
        KeySource::Id if same_id => Likeness::Conflict,
        _ => Likeness::Stranger,
    })
}

fn is_same(row: &Row<'_>, column: usize, value: impl ToSql) -> rusqlite::Result<bool> {
    let stored = row.get_ref(column)?;
    Ok(match value.to_sql()? {
        ToSqlOutput::Borrowed(value) => stored == value,
        ToSqlOutput::Owned(value) => stored == ValueRef::from(&value),
        _ => false,
    })
}

/// A request's id in its stored form: a UUID's 16 bytes, a number, or text.
struct StoredId<'a>(&'a RequestId);

impl ToSql for StoredId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            RequestId::Uuid(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            RequestId::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            RequestId::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// Reads a request's id back into the text it was made from.
pub(super) fn id_text(stored: ValueRef<'_>) -> Option<String> {
    match stored {
        ValueRef::Blob(bytes) => bytes
            .try_into()
            .ok()
            .map(|bytes| RequestId::Uuid(bytes).to_string()),
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}

/// A row's hash as it goes into its batch's checksum: over every value as it is stored, the
/// operation by its texts.
pub(super) fn row_hash(request: &Request, place: Place, key: i64) -> i64 {
    let numbers = [
        place.seq,
        request.ts,
        key,
        place.operation.hash,
        place.session.unwrap_or(-1),
        place.client.unwrap_or(-1),
        request.latency_us,
        request.upstream_us.unwrap_or(-1),
        request.bytes_in.unwrap_or(-1),
        request.bytes_out.unwrap_or(-1),
        request.outcome.error_kind.map_or(0, |kind| kind as i64 + 1),
    ];
    let number;
    let id = match &request.request_id {
        Some(RequestId::Uuid(uuid)) => (OTHER_ID, &uuid[..]),
        Some(RequestId::Int(int)) => {
            number = int.to_le_bytes();
            (OTHER_ID, &number[..])
        }
        Some(RequestId::Text(text)) => (TEXT_ID, text.as_bytes()),
        None => (OTHER_ID, &[][..]),
    };
    let texts = [&request.outcome.error_code, &request.outcome.error_msg];
    hash_values(
        numbers,
        id,
        texts.map(|text| text.as_ref().map(Text::as_bytes)),
    )
}

/// The same hash from a stored row: the columns in the order of [`row_hash`], then request id,
/// error code and error message.
pub(super) fn stored_row_hash(row: &Row<'_>) -> rusqlite::Result<i64> {
    let mut numbers = [0_i64; 11];
    for (index, number) in numbers.iter_mut().enumerate() {
        let absent = if index == 10 { 0 } else { -1 };
        *number = row.get::<_, Option<i64>>(index)?.unwrap_or(absent);
    }
    let number;
    let id = match row.get_ref(11)? {
        ValueRef::Blob(bytes) => (OTHER_ID, bytes),
        ValueRef::Text(bytes) => (TEXT_ID, bytes),
        ValueRef::Integer(int) => {
            number = int.to_le_bytes();
            (OTHER_ID, &number[..])
        }
        ValueRef::Null | ValueRef::Real(_) => (OTHER_ID, &[][..]),
    };
    let text = |index| -> rusqlite::Result<Option<&[u8]>> {
        Ok(match row.get_ref(index)? {
            ValueRef::Text(text) => Some(text),
            _ => None,
        })
    };
    Ok(hash_values(numbers, id, [text(12)?, text(13)?]))
}

/// What is hashed before a request id: one bit of a row's header makes text of a UUID's bytes.
const TEXT_ID: &[u8] = b"t";
const OTHER_ID: &[u8] = b"";

fn hash_values(numbers: [i64; 11], (kind, id): (&[u8], &[u8]), texts: [Option<&[u8]>; 2]) -> i64 {
    let mut bytes = [0_u8; 11 * 8];
    for (slot, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    let mut hash = Xxh3::new();
    hash.update(&bytes);
    hash.update(kind);
    hash.update(id);
    for text in texts.into_iter().flatten() {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.digest().cast_signed()
}
