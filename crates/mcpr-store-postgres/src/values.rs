//! Values as the server keeps them: texts from outside as bytes, codes as small numbers, long texts as zstd frames.

use crate::errors::DbFault;
use mcpr_model::{ErrorKind, Kind, RequestId, Target, TargetKind, Text};
use postgres::Row;
use sha2::{Digest, Sha256};

/// The level that zstd itself takes for the usual one.
const LEVEL: i32 = 3;

/// Bytes of an identity: as many as a UUID has.
const IDENTITY_BYTES: usize = 16;

/// A text of a column.
pub(crate) fn string(row: &Row, at: usize) -> Result<String, DbFault> {
    optional_string(row, at)?
        .ok_or_else(|| DbFault::damaged("a text that is always there is missing"))
}

/// A text of a column that may have none.
pub(crate) fn optional_string(row: &Row, at: usize) -> Result<Option<String>, DbFault> {
    // Not `text`, which cannot hold a NUL.
    let bytes: Option<Vec<u8>> = row.try_get(at)?;
    // What went in was UTF-8: other bytes are damage, and are reported as such instead of being replaced.
    let text = bytes.map(String::from_utf8).transpose();
    text.map_err(|_| DbFault::damaged("a text in the store is not UTF-8"))
}

/// The same as a name.
pub(crate) fn text(row: &Row, at: usize) -> Result<Text, DbFault> {
    Ok(string(row, at)?.into())
}

/// The same as a name that may be missing.
pub(crate) fn optional_text(row: &Row, at: usize) -> Result<Option<Text>, DbFault> {
    Ok(optional_string(row, at)?.map(Into::into))
}

/// A number that is never negative.
pub(crate) fn unsigned(row: &Row, at: usize) -> Result<u64, DbFault> {
    Ok(row.try_get::<_, i64>(at)?.cast_unsigned())
}

/// A text as it goes in.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// The same of one that may be missing.
pub(crate) fn optional_bytes(text: Option<&str>) -> Option<Vec<u8>> {
    text.map(bytes)
}

/// A code as it goes in.
pub(crate) fn code(code: i64) -> i16 {
    // None is above a hundred.
    i16::try_from(code).unwrap_or(i16::MAX)
}

pub(crate) fn kind(row: &Row, at: usize) -> Result<Kind, DbFault> {
    // A later version may have written a kind that this one does not know.
    let stored: i16 = row.try_get(at)?;
    let known = Kind::from_code(stored.into());
    known.ok_or_else(|| DbFault::damaged(format!("{stored} is not a kind of traffic")))
}

pub(crate) fn error_kind(row: &Row, at: usize) -> Result<Option<ErrorKind>, DbFault> {
    let stored: i16 = row.try_get(at)?;
    if stored == 0 {
        return Ok(None);
    }
    let known = ErrorKind::from_code(stored.into());
    let known =
        known.ok_or_else(|| DbFault::damaged(format!("{stored} is not a kind of error")))?;
    Ok(Some(known))
}

/// A target of two columns, its kind and its name.
pub(crate) fn target(row: &Row, at: usize) -> Result<Option<Target>, DbFault> {
    let stored: Option<i16> = row.try_get(at)?;
    let (Some(stored), Some(name)) = (stored, optional_text(row, at + 1)?) else {
        return Ok(None);
    };
    let known = TargetKind::from_code(stored.into());
    let kind =
        known.ok_or_else(|| DbFault::damaged(format!("{stored} is not a kind of target")))?;
    Ok(Some(Target { kind, name }))
}

/// A request's id as it is stored: a mark of its form, and as few bytes as that takes.
pub(crate) fn id_bytes(id: &RequestId) -> Vec<u8> {
    match id {
        RequestId::Uuid(uuid) => [&b"u"[..], uuid].concat(),
        RequestId::Int(number) => {
            let all = number.to_be_bytes();
            // Small numbers are short; the sign decides which bytes say nothing.
            let fill = if *number < 0 { 0xff } else { 0 };
            // At least one byte stays, also of 0 and of -1.
            let start = all.iter().position(|byte| *byte != fill).unwrap_or(7);
            let mark = if *number < 0 { b"-" } else { b"+" };
            [&mark[..], all.get(start..).unwrap_or(&all)].concat()
        }
        RequestId::Text(text) => [&b"t"[..], text.as_bytes()].concat(),
    }
}

/// What a stored id is looked for by.
pub(crate) fn id_hash(stored: &[u8]) -> i16 {
    // FNV-1a, which is the same in every version: the index holds what earlier ones wrote.
    let mixed = stored.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    let [a, b, c, d] = mixed.to_be_bytes();
    i16::from_be_bytes([a ^ c, b ^ d])
}

/// A request's id from its stored form, which is empty where there is none.
pub(crate) fn request_id(stored: &[u8]) -> Option<RequestId> {
    let (mark, rest) = stored.split_first()?;
    let number = |fill: u8| {
        let mut all = [fill; 8];
        let place = 8_usize.checked_sub(rest.len())?;
        all.get_mut(place..)?.copy_from_slice(rest);
        Some(RequestId::Int(i64::from_be_bytes(all)))
    };
    match mark {
        b'u' => rest.try_into().ok().map(RequestId::Uuid),
        b'+' => number(0),
        b'-' => number(0xff),
        b't' => Some(RequestId::Text(String::from_utf8_lossy(rest).into())),
        _ => None,
    }
}

/// What a name is found by, however long its parts are.
pub(crate) fn identity(parts: &[Option<&[u8]>]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts are the same bytes; none is not an empty one.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        hash.update(length.to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    hash.finalize()
        .iter()
        .copied()
        .take(IDENTITY_BYTES)
        .collect()
}

/// A text as a frame.
pub(crate) fn pack(text: &str) -> Result<Vec<u8>, DbFault> {
    let packed = zstd::bulk::compress(text.as_bytes(), LEVEL);
    packed.map_err(|error| DbFault::damaged(format!("cannot pack a text: {error}")))
}

/// A frame as the text it was made from, which is no longer than `most` bytes: one that says it holds more takes no
/// memory.
pub(crate) fn unpack(frame: &[u8], most: usize) -> Result<String, DbFault> {
    let text = zstd::bulk::decompress(frame, most);
    let text =
        text.map_err(|error| DbFault::damaged(format!("a text cannot be unpacked: {error}")))?;
    String::from_utf8(text).map_err(|_| DbFault::damaged("a text in the store is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_from_its_stored_form() {
        let uuid = "0191e7a4-0000-7000-8000-000000000001";
        let long = "x".repeat(300);
        for text in [
            "0", "1", "-1", "255", "256", "-256", "-257", "", "a", "07", uuid, &long,
        ] {
            let id = RequestId::from_text(text);
            let stored = id_bytes(&id);
            assert_eq!(request_id(&stored), Some(id), "{text}: {stored:?}");
        }
        // Written into stores: it never changes.
        assert_eq!(id_hash(&id_bytes(&RequestId::from_text(uuid))), -23_889);
        for number in [i64::MIN, i64::MAX, 127, 128, -128, -129] {
            let id = RequestId::Int(number);
            assert_eq!(request_id(&id_bytes(&id)), Some(id));
        }
        assert_eq!(id_bytes(&RequestId::Int(7)).len(), 2);
        for wrong in [&b""[..], b"u1", b"+123456789", b"?"] {
            assert_eq!(request_id(wrong), None);
        }
    }

    #[test]
    fn parts_of_an_identity_are_kept_apart() {
        let one = identity(&[Some(b"ab"), Some(b"c")]);
        assert_ne!(one, identity(&[Some(b"a"), Some(b"bc")]));
        assert_ne!(identity(&[None]), identity(&[Some(b"")]));
        assert_eq!(one.len(), IDENTITY_BYTES);
    }
}
