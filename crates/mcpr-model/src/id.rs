//! Identities: of an event (so that it is stored once) and of a request (as the stream names it).

use super::{CallKey, Text};
use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use std::fmt;
use xxhash_rust::xxh3;

/// Where an [`EventKey`] was taken from, which decides what a repeated key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeySource {
    /// From an id that the stream promises to be unique: a different body is a conflict.
    Id,
    /// From the event's own bytes: the same key is the same event.
    Bytes,
}

/// What makes a second delivery of the same event recognisable: a 64-bit hash (XXH3) and its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventKey {
    /// The hash.
    pub hash: u64,
    /// What was hashed.
    pub source: KeySource,
    /// Set where another stream reports the same call.
    pub call: Option<CallKey>,
}

impl EventKey {
    /// The key of an event that carries a unique id.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self {
            hash: xxh3::xxh3_64(id.as_bytes()),
            source: KeySource::Id,
            call: None,
        }
    }

    /// The key of the `index`-th request in an event known only by its bytes. For many requests of one
    /// event there is [`EventBytes`], which goes over its bytes once.
    #[must_use]
    pub fn of_bytes(bytes: &[u8], index: u64) -> Self {
        EventBytes::new(bytes).key(index)
    }

    /// The key of an event that another channel may report as well.
    #[must_use]
    pub fn with_call(self, call: CallKey) -> Self {
        Self {
            call: Some(call),
            ..self
        }
    }
}

/// The requests up to this place in an event have the hash of all its bytes, seeded by their place, as
/// stores hold it; those behind it are distinguished by their place and one hash of the bytes. Else a batch
/// of n requests would be gone over n times.
// Stores hold the keys of earlier versions: those of the first requests must stay as they were.
const HASHED_WHOLE: u64 = 16;

/// An event known only by its bytes, which gives the requests in it their keys.
#[derive(Debug)]
pub struct EventBytes<'a> {
    bytes: &'a [u8],
    // Most events hold one request, which never asks for it.
    hash: OnceCell<u64>,
}

impl<'a> EventBytes<'a> {
    /// An event of these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            hash: OnceCell::new(),
        }
    }

    /// The key of its `index`-th request.
    #[must_use]
    pub fn key(&self, index: u64) -> EventKey {
        let hash = if index < HASHED_WHOLE {
            hashed(self.bytes, index)
        } else {
            let hash = *self.hash.get_or_init(|| hashed(self.bytes, HASHED_WHOLE));
            hashed(&hash.to_le_bytes(), index)
        };
        EventKey {
            hash,
            source: KeySource::Bytes,
            call: None,
        }
    }
}

fn hashed(bytes: &[u8], seed: u64) -> u64 {
    #[cfg(test)]
    tests::BYTES_HASHED.set(tests::BYTES_HASHED.get() + bytes.len());
    xxh3::xxh3_64_with_seed(bytes, seed)
}

/// A request's id as its stream wrote it, held small: UUIDs as 16 bytes, numbers as numbers.
///
/// Displays as exactly the text it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RequestId {
    /// A lower-case, hyphenated UUID.
    Uuid([u8; 16]),
    /// A decimal integer in its shortest form.
    Int(i64),
    /// Anything else.
    Text(Text),
}

impl RequestId {
    /// Takes the smallest form that displays as `text` again.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        // Most ids are numbers or UUIDs, of which there is one in every row.
        match text.len() {
            36 => Self::from_uuid_text(text).unwrap_or_else(|| Self::Text(text.into())),
            // No `i64` has more digits than that and a sign.
            1..=20 => match text.parse::<i64>() {
                // `007` and `+7` would come back as `7`.
                Ok(number) if Self::is_shortest(text) => Self::Int(number),
                _ => Self::Text(text.into()),
            },
            _ => Self::Text(text.into()),
        }
    }

    /// Whether a text that parses as an integer has no sign or zero too many.
    fn is_shortest(text: &str) -> bool {
        match text.strip_prefix('-').unwrap_or(text).as_bytes() {
            // `-0` is a text of its own: as a number it would come back as `0`.
            b"0" => !text.starts_with('-'),
            digits => digits
                .first()
                .is_some_and(|first| (b'1'..=b'9').contains(first)),
        }
    }

    fn from_uuid_text(text: &str) -> Option<Self> {
        let hyphenated = [8, 13, 18, 23]
            .iter()
            .all(|&at| text.as_bytes()[at] == b'-');
        // Other spellings of the same UUID have to come back as they were written.
        if !hyphenated || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        // It also takes braces and no hyphens: the checks above left one spelling.
        uuid::Uuid::try_parse(text)
            .ok()
            .map(|uuid| Self::Uuid(uuid.into_bytes()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid(bytes) => uuid::Uuid::from_bytes(*bytes).hyphenated().fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::collections::HashSet;

    thread_local! {
        /// How many bytes this thread has hashed for keys.
        pub(super) static BYTES_HASHED: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn a_request_id_displays_as_it_was_written() {
        let texts = [
            "0",
            "1",
            "-1",
            "-0",
            "01",
            "+1",
            "",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "abc",
            "1.0",
            "c5ebd421-e321-4334-8245-d88c04b775b1",
            "C5EBD421-E321-4334-8245-D88C04B775B1",
            "c5ebd421e32143348245d88c04b775b1",
            "{5ebd421-e321-4334-8245-d88c04b775b}",
            "ééééééééééééééé-----é",
        ];
        for text in texts {
            assert_eq!(RequestId::from_text(text).to_string(), text);
        }
    }

    #[test]
    fn small_forms_are_taken_where_they_fit() {
        assert_eq!(RequestId::from_text("17"), RequestId::Int(17));
        let uuid = RequestId::from_text("c5ebd421-e321-4334-8245-d88c04b775b1");
        assert!(matches!(uuid, RequestId::Uuid(_)));
    }

    #[test]
    fn keys_differ_by_position_in_a_batch() {
        let event = EventBytes::new(b"{}");
        let keys: HashSet<u64> = (0..100).map(|index| event.key(index).hash).collect();
        assert_eq!(keys.len(), 100);
        assert_eq!(event.key(99), EventKey::of_bytes(b"{}", 99));
        // As stores hold them.
        assert_eq!(event.key(3).hash, xxh3::xxh3_64_with_seed(b"{}", 3));
    }

    #[test]
    fn the_keys_of_a_batch_take_work_by_its_length() {
        let steps = |requests: u64| {
            let bytes = "x".repeat(40 * usize::try_from(requests).expect("small"));
            let event = EventBytes::new(bytes.as_bytes());
            let before = BYTES_HASHED.get();
            for index in 0..requests {
                let _ = event.key(index);
            }
            BYTES_HASHED.get() - before
        };
        assert!(steps(4000) < 5 * steps(1000), "bytes that were hashed");
    }
}
