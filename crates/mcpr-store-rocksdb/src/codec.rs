//! Records as bytes: one form for all of them, and a checksum of ours behind those that have no other.

use crate::errors::damaged;
use mcpr_store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// A record in few bytes.
pub(crate) fn pack<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_allocvec(record).map_err(|error| damaged(format!("a record has no form: {error}")))
}

pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes)
        .map_err(|error| damaged(format!("a record does not decode: {error}")))
}

/// A record with a checksum over its key and itself.
pub(crate) fn seal<T: Serialize>(key: &[u8], record: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = pack(record)?;
    let sum = sum_of(key, &bytes).to_le_bytes();
    // Half of the sum is enough to find damage, and these records are many and small.
    bytes.extend(&sum[..4]);
    Ok(bytes)
}

/// The same of a record that is made of the model's own types: by their names, so that it goes on being read when these
/// get more of them.
pub(crate) fn seal_json<T: Serialize>(key: &[u8], record: &T) -> Result<Vec<u8>, StoreError> {
    // The packed form knows fields by their order alone: a field that is added would make older records unreadable.
    let text = serde_json::to_string(record);
    let text = text.map_err(|error| damaged(format!("a record has no form: {error}")))?;
    seal(key, &text)
}

pub(crate) fn unseal_json<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    let text: String = unseal(key, bytes)?;
    serde_json::from_str(&text)
        .map_err(|error| damaged(format!("a record does not decode: {error}")))
}

pub(crate) fn unseal<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    check(key, bytes)?;
    unpack(bytes)
}

// The engine has checksums of blocks; these find what was wrong before it was given to the engine, and a record under
// another key.
/// Whether a record is what was written under its key.
pub(crate) fn check(key: &[u8], bytes: &[u8]) -> Result<(), StoreError> {
    let record = bytes.split_last_chunk::<4>();
    let is_whole =
        record.is_some_and(|(record, sum)| sum_of(key, record).to_le_bytes()[..4] == *sum);
    if is_whole {
        return Ok(());
    }
    Err(damaged(format!(
        "the record under {key:02x?} is not what was written"
    )))
}

/// What distinguishes a record under its key from any other.
pub(crate) fn sum_of(key: &[u8], record: &[u8]) -> u64 {
    // The key is part of it: a record in the place of another one is damage, too.
    xxh3_64_with_seed(record, xxh3_64(key))
}
