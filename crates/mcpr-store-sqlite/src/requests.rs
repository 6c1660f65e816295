//! One request into its row: the insertion itself, and what happens when its place is taken.

use super::layout::WAYS_SINCE;
use super::names::OperationRef;
use super::{census, codes};
use mcpr_model::{ErrorKind, Outcome, Request, RequestId, SourceFormat, Text};
use mcpr_store::{Delivery, Likeness, RequestFacts, first_key};
use rusqlite::functions::Context;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{OptionalExtension, Row, Statement, ToSql, Transaction, params};
use std::borrow::Borrow;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Most rows beside the first key that are looked at: mcpr 0.6.0 put a request whose place was taken
/// behind the others there, one by one.
const MAX_NEIGHBOURS: usize = 64;

/// A request's row apart from its texts: the numbers that stand for them.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowPlace {
    /// The sequence number it gets if it is new.
    pub(super) seq: i64,
    /// What was called.
    pub(super) operation: OperationRef,
    /// Number of its session.
    pub(super) session: Option<i64>,
    /// Number of the client it names itself.
    pub(super) client: Option<i64>,
}

/// What stands for a latency that nobody knows: the column takes no null.
pub(super) const NO_LATENCY: i64 = -1;

/// A latency as it is stored.
pub(super) fn latency(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<i64>> {
    let stored: Option<i64> = row.get(at)?;
    Ok(stored.filter(|&us| us != NO_LATENCY))
}

/// The format that a row came in.
pub(super) fn format(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<SourceFormat>> {
    let stored: Option<i64> = row.get(at)?;
    // A later version may have written one that this one does not know.
    Ok(stored.and_then(SourceFormat::from_code))
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

/// The insertion of one row; it does nothing where (ts, key) is taken.
pub(super) fn insertion<'tx>(
    tx: &'tx Transaction<'_>,
) -> rusqlite::Result<rusqlite::CachedStatement<'tx>> {
    tx.prepare_cached(
        "INSERT INTO requests (seq, ts, key, operation, session, client, latency_us, upstream_us,
         bytes_in, bytes_out, request_id, error_kind, error_code, error_msg, call, format,
         http_status, first_event_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
         ON CONFLICT (ts, key) DO NOTHING",
    )
}

/// Inserts a request under its first key, if no other event has taken that.
pub(super) fn insert(
    insertion: &mut Statement<'_>,
    request: &Request,
    place: RowPlace,
) -> rusqlite::Result<Option<Inserted>> {
    let key = first_key(request);
    // The unique index itself says whether the place is free: no look-up comes before.
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
    place: RowPlace,
) -> rusqlite::Result<Inserted> {
    match look(tx, request)? {
        Delivery::Again => Ok(Inserted::Duplicate),
        Delivery::First { key, is_conflict } => {
            try_insert(insertion, request, place, key)?;
            Ok(Inserted::New { key, is_conflict })
        }
    }
}

fn try_insert(
    insertion: &mut Statement<'_>,
    request: &Request,
    place: RowPlace,
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
        request.latency_us.unwrap_or(NO_LATENCY),
        request.upstream_us,
        request.bytes_in,
        request.bytes_out,
        request.request_id.as_ref().map(StoredId),
        outcome.error_kind.map(ErrorKind::code),
        outcome.error_code.as_deref(),
        outcome.error_msg.as_deref(),
        call_of(request),
        request.format.map(SourceFormat::code),
        request.http_status,
        request.first_event_us,
    ])
}

/// The code of a request's call, where another stream may report it.
pub(super) fn call_of(request: &Request) -> Option<i64> {
    request.key.call.map(|call| call.code(request.ts))
}

/// Whether a request is stored already: asked before anything is made for its sake.
pub(super) fn is_stored(tx: &Transaction<'_>, request: &Request) -> rusqlite::Result<bool> {
    look(tx, request).map(|found| found == Delivery::Again)
}

fn look(tx: &Transaction<'_>, request: &Request) -> rusqlite::Result<Delivery> {
    Delivery::of(request, MAX_NEIGHBOURS, |key| compare(tx, request, key))
}

/// What the row under a key is to a request; `None` where there is none.
fn compare(
    tx: &Transaction<'_>,
    request: &Request,
    key: i64,
) -> rusqlite::Result<Option<Likeness>> {
    // By texts and not by numbers: the request's own names may not have any yet. An inferred
    // session is ours and was stated by nobody.
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
    statement
        .query_row([request.ts, key], |row| {
            Ok(Likeness::of(&facts(row)?, request))
        })
        .optional()
}

/// What a row says, in the order of the columns of [`compare`].
fn facts<'a>(row: &'a Row<'_>) -> rusqlite::Result<RequestFacts<'a>> {
    let text = |at: usize| -> rusqlite::Result<_> { Ok(row.get_ref(at)?.as_str_or_null()?) };
    let target = codes::target_kind(row, 3)?.zip(text(4)?);
    Ok(RequestFacts {
        request_id: request_id(row.get_ref(0)?),
        kind: codes::kind(row, 1)?,
        method: row.get_ref(2)?.as_str()?,
        target,
        proxy: row.get_ref(5)?.as_str()?,
        session_id: text(6)?,
        client_name: text(7)?,
        client_version: text(8)?,
        latency_us: latency(row, 9)?,
        upstream_us: row.get(10)?,
        bytes_in: row.get(11)?,
        bytes_out: row.get(12)?,
        error_kind: codes::error_kind(row, 13)?,
        error_code: text(14)?,
        error_msg: text(15)?,
    })
}

/// The values that stand in a request's own row, in the order of [`with_own_values`].
pub(super) const OWN_VALUES: &str =
    "r.request_id, r.latency_us, r.upstream_us, r.bytes_in, r.bytes_out, r.error_kind,
    r.error_code, r.error_msg, r.format, r.http_status, r.first_event_us";

/// A request with the values of a row, which begin at a column of it.
pub(super) fn with_own_values(
    request: Request,
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<Request> {
    let text = |at: usize| -> rusqlite::Result<Option<Text>> {
        Ok(row.get_ref(at)?.as_str_or_null()?.map(Text::from))
    };
    let error_kind: Option<i64> = row.get(at + 5)?;
    Ok(Request {
        request_id: request_id(row.get_ref(at)?),
        latency_us: latency(row, at + 1)?,
        upstream_us: row.get(at + 2)?,
        bytes_in: row.get(at + 3)?,
        bytes_out: row.get(at + 4)?,
        outcome: Outcome {
            error_kind: error_kind.and_then(ErrorKind::from_code),
            error_code: text(at + 6)?,
            error_msg: text(at + 7)?,
            // Noted elsewhere, see `notes`.
            retyped: false,
        },
        format: format(row, at + 8)?,
        http_status: row.get(at + 9)?,
        first_event_us: row.get(at + 10)?,
        ..request
    })
}

/// A request's id from its stored form.
pub(super) fn request_id(stored: ValueRef<'_>) -> Option<RequestId> {
    match stored {
        ValueRef::Blob(bytes) => bytes.try_into().ok().map(RequestId::Uuid),
        ValueRef::Integer(number) => Some(RequestId::Int(number)),
        ValueRef::Text(text) => Some(RequestId::Text(String::from_utf8_lossy(text).into())),
        _ => None,
    }
}

/// A request's id in its stored form: a UUID's 16 bytes, a number, or text.
pub(super) struct StoredId<T>(pub(super) T);

impl<T: Borrow<RequestId>> ToSql for StoredId<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0.borrow() {
            RequestId::Uuid(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            RequestId::Int(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            RequestId::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// Reads a request's id back into the text it was made from.
pub(super) fn id_text(stored: ValueRef<'_>) -> Option<String> {
    request_id(stored).map(|id| id.to_string())
}

/// A row's hash as it goes into its batch's checksum: over every value as it is stored, the
/// operation by its texts. `call` is what another stream's report of it finds it by.
pub(super) fn row_hash(request: &Request, place: RowPlace, key: i64, call: Option<i64>) -> i64 {
    // -1 where there is none: none of these is ever negative.
    let numbers = [
        place.seq,
        request.ts,
        key,
        place.operation.hash,
        place.session.unwrap_or(-1),
        place.client.unwrap_or(-1),
        request.latency_us.unwrap_or(NO_LATENCY),
        request.upstream_us.unwrap_or(-1),
        request.bytes_in.unwrap_or(-1),
        request.bytes_out.unwrap_or(-1),
        request.outcome.error_kind.map_or(0, ErrorKind::code),
    ];
    let number;
    let id = match &request.request_id {
        Some(RequestId::Uuid(uuid)) => TaggedId::other(&uuid[..]),
        Some(RequestId::Int(int)) => {
            number = int.to_le_bytes();
            TaggedId::other(&number[..])
        }
        Some(RequestId::Text(text)) => TaggedId::text(text.as_bytes()),
        None => TaggedId::other(&[]),
    };
    let texts = [&request.outcome.error_code, &request.outcome.error_msg];
    let texts = texts.map(|text| text.as_ref().map(Text::as_bytes));
    let ways = [
        request.format.map(SourceFormat::code),
        request.http_status.map(i64::from),
        request.first_event_us,
    ];
    with_ways(with_call(hash_values(numbers, id, texts), call), ways)
}

/// How many columns [`hashed_columns`] names: what else a statement asks for stands behind them.
pub(super) const HASHED: usize = 18;

/// The columns of a row that its hash covers, in the order of [`stored_row_hash`]; `r` is the request, `o` its
/// operation.
pub(super) fn hashed_columns(layout: i64) -> String {
    let call = match layout {
        // Before, no checksum covered it.
        ..census::SINCE => "NULL",
        _ => "r.call",
    };
    let ways = match layout {
        // Before, there were none.
        ..WAYS_SINCE => "NULL, NULL, NULL",
        _ => "r.format, r.http_status, r.first_event_us",
    };
    format!(
        "r.seq, r.ts, r.key, o.hash, r.session, r.client, r.latency_us, r.upstream_us, r.bytes_in,
         r.bytes_out, r.error_kind, r.request_id, r.error_code, r.error_msg, {call}, {ways}"
    )
}

/// The same hash from a stored row, of [`hashed_columns`].
pub(super) fn stored_row_hash(row: &Row<'_>) -> rusqlite::Result<i64> {
    let hash = hash_of_columns(|index| row.get_ref(index))?;
    Ok(with_ways(with_call(hash, row.get(14)?), stored_ways(row)?))
}

/// What a stored row is to be hashed by from now on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rehash {
    /// The hash of its operation, where that changes.
    pub(super) operation: Option<i64>,
    /// The number of its session.
    pub(super) session: Option<i64>,
}

/// What the hash of a stored row changes by, in the columns of [`stored_row_hash`].
pub(super) fn row_hash_change(row: &Row<'_>, rehash: Rehash) -> rusqlite::Result<i64> {
    let before = stored_row_hash(row)?;
    let after = hash_of_columns(|index| match (index, rehash) {
        (
            3,
            Rehash {
                operation: Some(hash),
                ..
            },
        ) => Ok(ValueRef::Integer(hash)),
        (4, Rehash { session, .. }) => Ok(session.map_or(ValueRef::Null, ValueRef::Integer)),
        _ => row.get_ref(index),
    })?;
    let after = with_ways(with_call(after, row.get(14)?), stored_ways(row)?);
    Ok(after.wrapping_sub(before))
}

/// What the code of its call adds to the hash of a row without one: an SQL function over the columns that
/// [`stored_row_hash`] takes.
pub(super) fn call_change(row: &Context<'_>) -> rusqlite::Result<i64> {
    let hash = hash_of_columns(|index| Ok(row.get_raw(index)))?;
    Ok(with_call(hash, row.get(14)?).wrapping_sub(hash))
}

/// A row's hash with its call, where it has one: rows without are hashed as they were before there were any.
fn with_call(hash: i64, call: Option<i64>) -> i64 {
    let Some(call) = call else { return hash };
    let mut both = [0; 16];
    both[..8].copy_from_slice(&hash.to_le_bytes());
    both[8..].copy_from_slice(&call.to_le_bytes());
    xxh3_64(&both).cast_signed()
}

/// What came with the layout of [`WAYS_SINCE`], as [`hashed_columns`] has it.
fn stored_ways(row: &Row<'_>) -> rusqlite::Result<[Option<i64>; 3]> {
    Ok([row.get(15)?, row.get(16)?, row.get(17)?])
}

/// A row's hash with what a later layout brought: rows that have none of it are hashed as before.
fn with_ways(hash: i64, ways: [Option<i64>; 3]) -> i64 {
    if ways == [None; 3] {
        return hash;
    }
    let mut all = [0; 32];
    let numbers = [hash].into_iter().chain(ways.map(|way| way.unwrap_or(-1)));
    for (slot, number) in all.chunks_exact_mut(8).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    xxh3_64(&all).cast_signed()
}

fn hash_of_columns<'a>(
    column: impl Fn(usize) -> rusqlite::Result<ValueRef<'a>>,
) -> rusqlite::Result<i64> {
    let mut numbers = [0_i64; 11];
    for (index, number) in numbers.iter_mut().enumerate() {
        // Codes of errors begin with 1.
        let absent = if index == 10 { 0 } else { -1 };
        *number = column(index)?.as_i64_or_null()?.unwrap_or(absent);
    }
    let number;
    let id = match column(11)? {
        ValueRef::Blob(bytes) => TaggedId::other(bytes),
        ValueRef::Text(bytes) => TaggedId::text(bytes),
        ValueRef::Integer(int) => {
            number = int.to_le_bytes();
            TaggedId::other(&number[..])
        }
        ValueRef::Null | ValueRef::Real(_) => TaggedId::other(&[]),
    };
    let text = |index| -> rusqlite::Result<Option<&'a [u8]>> {
        Ok(match column(index)? {
            ValueRef::Text(text) => Some(text),
            _ => None,
        })
    };
    Ok(hash_values(numbers, id, [text(12)?, text(13)?]))
}

/// A request id as it is hashed.
#[derive(Clone, Copy)]
struct TaggedId<'a> {
    /// One bit of a row's header makes text of a UUID's bytes: what is text says so.
    tag: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> TaggedId<'a> {
    fn text(bytes: &'a [u8]) -> Self {
        Self { tag: b"t", bytes }
    }

    fn other(bytes: &'a [u8]) -> Self {
        Self { tag: b"", bytes }
    }
}

/// Most bytes that are put together and hashed at once: nearly all rows. To hash piece by piece takes several times
/// as long for so few.
const HASHED_AT_ONCE: usize = 240;

fn hash_values(numbers: [i64; 11], id: TaggedId<'_>, texts: [Option<&[u8]>; 2]) -> i64 {
    let mut bytes = [0_u8; 11 * 8];
    for (slot, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    // With its length, so that the end of one text cannot pass for the beginning of the next.
    let lengths = texts.map(|text| text.map(|text| (text.len() as u64).to_le_bytes()));
    let length = |at: usize| lengths[at].as_ref().map_or(&[][..], |length| &length[..]);
    let [code, message] = texts.map(Option::unwrap_or_default);
    let parts = [
        &bytes[..],
        id.tag,
        id.bytes,
        length(0),
        code,
        length(1),
        message,
    ];
    // Against damage, not against malice. Stores hold sums of these hashes, so neither order nor
    // form may change.
    hash_parts(&parts).cast_signed()
}

fn hash_parts(parts: &[&[u8]]) -> u64 {
    let mut whole = [0; HASHED_AT_ONCE];
    let mut end = 0;
    for part in parts {
        let Some(slot) = whole.get_mut(end..end + part.len()) else {
            let mut hash = Xxh3::new();
            for part in parts {
                hash.update(part);
            }
            return hash.digest();
        };
        slot.copy_from_slice(part);
        end += part.len();
    }
    xxh3_64(&whole[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hashed_at_once_has_the_hash_of_its_pieces() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * HASHED_AT_ONCE).collect();
        for len in 0..bytes.len() {
            let (first, second) = bytes[..len].split_at(len / 3);
            let mut hash = Xxh3::new();
            hash.update(first);
            hash.update(second);
            assert_eq!(
                hash_parts(&[first, &[], second]),
                hash.digest(),
                "{len} bytes"
            );
        }
    }
}
