//! Trace ids, by which a request is found again in a tracing system.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The id of a distributed trace, of which a request is one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TraceId([u8; 16]);

impl TraceId {
    const HEX_DIGITS: usize = 32;

    /// The trace id in the `traceparent` of W3C Trace Context: `00-TRACE-PARENT-FLAGS`.
    #[must_use]
    pub fn of_traceparent(text: &str) -> Option<Self> {
        let (version, rest) = text.split_once('-')?;
        // `ff` is not a version. What a later version adds stands behind the fields of this one.
        if version.len() != 2 || version == "ff" || !is_lower_hex(version) {
            return None;
        }
        let (trace, rest) = rest.split_once('-')?;
        let parent = rest.split('-').next()?;
        let has_parent = parent.len() == 16 && is_lower_hex(parent);
        Self::of_hex(trace).filter(|_| has_parent && is_lower_hex(trace))
    }

    /// The trace id that 32 hexadecimal digits write.
    #[must_use]
    pub fn of_hex(text: &str) -> Option<Self> {
        if text.len() != Self::HEX_DIGITS || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let number = u128::from_str_radix(text, 16).ok()?;
        // All zeros is how "no trace" is written.
        (number != 0).then(|| Self(number.to_be_bytes()))
    }

    /// Its bytes, as a store keeps them.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The trace id of these bytes.
    #[must_use]
    pub const fn of_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_trace_id_is_read_from_a_traceparent_and_shown_as_it_was() {
        let text = format!("00-{ID}-00f067aa0ba902b7-01");
        let trace = TraceId::of_traceparent(&text).expect("a trace id");
        assert_eq!(trace.to_string(), ID);
        assert_eq!(TraceId::of_bytes(trace.bytes()), trace);
        assert_eq!(TraceId::of_hex(ID), Some(trace));
        assert_eq!(TraceId::of_hex(&ID.to_uppercase()), Some(trace));
        // A later version may say more behind its flags.
        let later = format!("cc-{ID}-00f067aa0ba902b7-01-what-the-future");
        assert_eq!(TraceId::of_traceparent(&later), Some(trace));
    }

    #[test]
    fn what_is_no_traceparent_gives_no_trace_id() {
        let zeros = "0".repeat(32);
        for text in [
            String::new(),
            ID.to_owned(),
            format!("00-{ID}"),
            format!("00-{ID}-00f067aa0ba902b"),
            format!("ff-{ID}-00f067aa0ba902b7-01"),
            format!("0-{ID}-00f067aa0ba902b7-01"),
            format!("00-{zeros}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            format!("00-{}é-00f067aa0ba902b7-01", &ID[2..]),
            format!("00-+{}-00f067aa0ba902b7-01", &ID[1..]),
        ] {
            assert_eq!(TraceId::of_traceparent(&text), None, "{text}");
        }
    }
}
