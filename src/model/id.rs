//! Identities: of an event (so that it is stored once) and of a request (as the stream names it).

use super::Text;
use std::fmt;
use xxhash_rust::xxh3;

/// Where an [`EventKey`] was taken from, which decides what a repeated key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// From an id that the stream promises to be unique: a different body is a conflict.
    Id,
    /// From the event's own bytes: the same key is the same event.
    Bytes,
}

/// What makes a second delivery of the same event recognisable: a 64-bit hash (XXH3) and its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKey {
    /// The hash.
    pub hash: u64,
    /// What was hashed.
    pub source: KeySource,
}

impl EventKey {
    /// The key of an event that carries a unique id.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        Self {
            hash: xxh3::xxh3_64(id.as_bytes()),
            source: KeySource::Id,
        }
    }

    /// The key of the `index`-th request in an event known only by its bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8], index: u64) -> Self {
        Self {
            hash: xxh3::xxh3_64_with_seed(bytes, index),
            source: KeySource::Bytes,
        }
    }
}

/// A request's id as its stream wrote it, held small: UUIDs as 16 bytes, numbers as numbers.
///
/// Displays as exactly the text it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
        match text.len() {
            36 => Self::from_uuid_text(text).unwrap_or_else(|| Self::Text(text.into())),
            1..=20 => match text.parse::<i64>() {
                Ok(number) if Self::is_shortest(text) => Self::Int(number),
                _ => Self::Text(text.into()),
            },
            _ => Self::Text(text.into()),
        }
    }

    /// Whether a text that parses as an integer has no sign or zero too many.
    fn is_shortest(text: &str) -> bool {
        match text.strip_prefix('-').unwrap_or(text).as_bytes() {
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
        if !hyphenated || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
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
        assert_ne!(EventKey::of_bytes(b"{}", 0), EventKey::of_bytes(b"{}", 1));
    }
}
