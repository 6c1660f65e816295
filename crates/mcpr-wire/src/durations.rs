//! Lengths of time as gateways write them. Pure.

use serde::de::{Deserialize, Deserializer, Error};

/// Most microseconds of a length: beyond that sums would leave their range.
const MAX_US: f64 = 9_007_199_254_740_992.0;

/// A length in milliseconds, with or without a fraction, held in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Millis(pub(super) i64);

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let ms = f64::deserialize(from)?;
        let us = whole_us(ms * 1_000.0);
        us.map(Self)
            .ok_or_else(|| D::Error::custom("the duration is out of range"))
    }
}

/// Microseconds without their fraction; `None` where they are negative or too many.
fn whole_us(us: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked beside it")]
    // Rounded, for 0.0021 s is 2.0999… ms in binary.
    (0.0..=MAX_US).contains(&us).then(|| us.round() as i64)
}

/// Reads `4ms`, `1.5s`, `1m3s` or `250µs` into microseconds.
pub(super) fn duration_us(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut sum = 0.0;
    // Go and Rust write several units one behind the other.
    while !rest.is_empty() {
        let digits = rest.find(|it: char| !it.is_ascii_digit() && it != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|it: char| it.is_ascii_digit());
        let (name, next) = rest.split_at(unit.unwrap_or(rest.len()));
        rest = next;
        sum += number * unit_us(name)?;
    }
    (!text.is_empty()).then_some(sum).and_then(whole_us)
}

/// How many microseconds a unit has.
fn unit_us(name: &str) -> Option<f64> {
    // The two signs for micro look the same.
    Some(match name {
        "ns" => 0.001,
        "us" | "µs" | "μs" => 1.0,
        "ms" => 1_000.0,
        "s" => 1_000_000.0,
        "m" => 60_000_000.0,
        "h" => 3_600_000_000.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_every_unit_and_nothing_else_is() {
        let cases = [
            ("4ms", Some(4_000)),
            ("0s", Some(0)),
            ("1.5s", Some(1_500_000)),
            ("1m3s", Some(63_000_000)),
            ("250µs", Some(250)),
            ("900ns", Some(1)),
            ("1h0m0.5s", Some(3_600_500_000)),
            ("", None),
            ("4", None),
            ("ms", None),
            ("-4ms", None),
            ("4 ms", None),
            ("1.2.3s", None),
            ("99999999999999h", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration_us(text), expected, "{text}");
        }
        let ms = |json: &str| serde_json::from_str::<Millis>(json).ok().map(|it| it.0);
        let got = ["7", "6.25", "0", "-1", "1e300", "\"7\""].map(ms);
        assert_eq!(got, [Some(7_000), Some(6_250), Some(0), None, None, None]);
    }
}
