//! Field types that take what real streams write: borrowed text, integral numbers, codes of any type.

use super::mend::mended;
use mcpr_model::Text;
use mcpr_model::time::parse_rfc3339;
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Text, borrowed from the line unless it holds escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Str<'a>(pub(super) Cow<'a, str>);

impl Str<'_> {
    /// The text, unless it is empty: streams write `""` for "none".
    pub(super) fn non_empty(&self) -> Option<&str> {
        Some(&*self.0).filter(|text| !text.is_empty())
    }
}

/// What a JSON text holds, or why it does not.
pub(super) fn parsed<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    // Only the words: the reason is stored with the line, and an error of serde is not.
    serde_json::from_str(json).map_err(|error| error.to_string())
}

/// The text of an optional field, unless it is empty.
pub(super) fn text(field: Option<&Str<'_>>) -> Option<Text> {
    field.and_then(Str::non_empty).map(Text::from)
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StrVisitor;
        impl<'de> Visitor<'de> for StrVisitor {
            type Value = Str<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Str(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                // serde hands over a text with escapes from a buffer of its own.
                Ok(Str(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(StrVisitor)
    }
}

/// A whole number of at least 0; one written as `5.0` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WholeNumber(pub(super) i64);

impl<'de> Deserialize<'de> for WholeNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WholeVisitor;
        impl Visitor<'_> for WholeVisitor {
            type Value = WholeNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0 to 2^63-1")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                i64::try_from(number)
                    .map(WholeNumber)
                    .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                // Nothing that is counted here can be negative, and a store would add it up.
                Err(E::invalid_value(Unexpected::Signed(number), &self))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                /// Beyond 2^53 a float does not say which whole number is meant.
                const EXACT: f64 = 9_007_199_254_740_992.0;
                if number.fract() == 0.0 && (0.0..=EXACT).contains(&number) {
                    #[expect(clippy::cast_possible_truncation, reason = "checked the line above")]
                    return Ok(WholeNumber(number as i64));
                }
                Err(E::invalid_value(Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_any(WholeVisitor)
    }
}

/// A number that is an HTTP status; proxies write 0 where there was no answer.
pub(super) fn http_status(number: i64) -> Option<u16> {
    let status = u16::try_from(number).ok()?;
    (100..600).contains(&status).then_some(status)
}

/// Unix seconds as milliseconds.
pub(super) fn seconds_to_ms(seconds: WholeNumber) -> Result<i64, String> {
    seconds
        .0
        .checked_mul(1000)
        .ok_or_else(|| format!("the time {} is out of range", seconds.0))
}

/// An RFC 3339 time as unix milliseconds.
pub(super) fn rfc3339_ms(text: &Str<'_>) -> Result<i64, String> {
    parse_rfc3339(&text.0).ok_or_else(|| format!("`{}` is not an RFC 3339 time", text.0))
}

/// What a raw value is called in text: a string without its quotes, anything else as it stands.
pub(super) fn raw_text(raw: &RawValue) -> Cow<'_, str> {
    // Codes are numbers in JSON-RPC and texts in some servers.
    string(raw).unwrap_or(Cow::Borrowed(raw.get()))
}

/// The string that a raw value is.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    match serde_json::from_str::<Str<'_>>(json) {
        Ok(text) => Some(text.0),
        // Half a surrogate pair in it: clients show it as they can.
        Err(_) if json.starts_with('"') => serde_json::from_str(&mended(json.as_bytes()))
            .ok()
            .map(Cow::Owned),
        Err(_) => None,
    }
}

/// The string that a raw value is, if it is a non-empty one.
pub(super) fn raw_string(raw: Option<&RawValue>) -> Option<Text> {
    // What has another type is not a name, and no reason to lose the row either.
    let text = string(raw?)?;
    (!text.is_empty()).then(|| Text::from(&*text))
}

/// The length of a raw value's text in bytes.
pub(super) fn raw_len(raw: &RawValue) -> i64 {
    i64::try_from(raw.get().len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_character_in_a_name_or_an_error_costs_only_itself() {
        let cases = [
            (r#""bad \ud83d""#, "bad \u{fffd}", Some("bad \u{fffd}")),
            (r#""good \ud83d\ude00""#, "good 😀", Some("good 😀")),
            (r#""""#, "", None),
            ("-32601", "-32601", None),
        ];
        for (json, text, name) in cases {
            let raw: &RawValue = serde_json::from_str(json).expect("JSON");
            assert_eq!(raw_text(raw), text, "{json}");
            assert_eq!(raw_string(Some(raw)).as_deref(), name, "{json}");
        }
    }
}
