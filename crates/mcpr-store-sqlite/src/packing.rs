//! Long texts as they are stored: zstd frames.

use std::io;

/// The level that zstd itself takes for the usual one.
const LEVEL: i32 = 3;

/// A text as a frame.
pub(super) fn pack(text: &[u8]) -> rusqlite::Result<Vec<u8>> {
    zstd::bulk::compress(text, LEVEL)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A frame as the text it was made from, which is no longer than `most` bytes. A frame that says it
/// holds more than that takes no memory.
pub(super) fn unpack(frame: &[u8], most: usize) -> rusqlite::Result<String> {
    let text = unpack_bytes(frame, most)?;
    // What went in was UTF-8: other bytes are damage, and are reported as such instead of being
    // replaced.
    String::from_utf8(text).map_err(|error| damaged(io::Error::other(error)))
}

/// A frame as what it was made from, which need not be text.
pub(super) fn unpack_bytes(frame: &[u8], most: usize) -> rusqlite::Result<Vec<u8>> {
    zstd::bulk::decompress(frame, most).map_err(damaged)
}

fn damaged(error: io::Error) -> rusqlite::Error {
    let kind = rusqlite::types::Type::Blob;
    rusqlite::Error::FromSqlConversionFailure(0, kind, error.into())
}
