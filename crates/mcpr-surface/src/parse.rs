//! JSON text into a value, noticing what `serde_json` alone lets pass: keys that stand twice in one
//! object. Bounded in size and depth; reads no file.

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};
use std::cell::RefCell;
use std::fmt;
use thiserror::Error;

/// The longest text that is parsed, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

/// How many doubled keys are reported; more say nothing new.
pub const MAX_DUPLICATES: usize = 100;

/// A parsed text: a value, or what else was made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched<T> {
    /// The value; of a key that stands twice, the last one counts, as most parsers have it.
    pub value: T,
    /// JSON pointers of the keys that stand twice, at most [`MAX_DUPLICATES`].
    pub duplicates: Vec<String>,
}

/// A text parsed into a value.
pub type Parsed = Watched<Value>;

/// Why a text is not JSON that we read.
#[derive(Debug, Error)]
pub enum ParseError {
    /// Longer than [`MAX_TEXT_BYTES`].
    #[error("{0} bytes of JSON: more than {MAX_TEXT_BYTES} are not read")]
    TooLong(usize),
    /// Nested deeper than the parser goes.
    #[error("the JSON is nested more than 127 levels deep")]
    TooDeep,
    /// No JSON.
    #[error("not JSON: {0}")]
    Syntax(serde_json::Error),
    /// The same of one line of several, which whoever reports it names.
    #[error("not JSON: {0}")]
    SyntaxInLine(String),
    /// Nothing but blanks.
    #[error("it is empty")]
    Empty,
}

impl ParseError {
    /// The same error, for a line that was parsed alone: its own line is always the first.
    #[cfg(feature = "judge")]
    pub(crate) fn in_line(self) -> Self {
        match self {
            Self::Syntax(error) => {
                let column = error.column();
                let place = format!(" at line {} column {column}", error.line());
                let words = error.to_string();
                let words = words.strip_suffix(&place).unwrap_or(&words);
                Self::SyntaxInLine(format!("{words} at column {column}"))
            }
            other => other,
        }
    }
}

/// Parses one JSON text.
///
/// # Errors
///
/// When the text is not JSON, too long, or nested too deep.
pub fn parse(text: &str) -> Result<Parsed, ParseError> {
    let doubled = DuplicateKeys::default();
    let value = parse_with(text, KeyWatch(&doubled))?;
    Ok(Parsed {
        value,
        duplicates: doubled.pointers(),
    })
}

/// Parses one JSON text into whatever a seed makes of it.
pub(crate) fn parse_with<'de, S: DeserializeSeed<'de>>(
    text: &'de str,
    seed: S,
) -> Result<S::Value, ParseError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(ParseError::TooLong(text.len()));
    }
    // Editors on Windows write a byte order mark, which `serde_json` does not take.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A parser would miss a value at line 1 column 0, which helps nobody.
    if text.trim().is_empty() {
        return Err(ParseError::Empty);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| {
            // The depth limit has no kind of its own.
            if error.to_string().starts_with("recursion limit exceeded") {
                ParseError::TooDeep
            } else {
                ParseError::Syntax(error)
            }
        })
}

/// The doubled keys so far, each with the segments of its place, the innermost first: where a value
/// stands is reported when it ends, as most hold nothing to report.
#[derive(Default)]
pub(crate) struct DuplicateKeys(RefCell<Vec<Vec<String>>>);

impl DuplicateKeys {
    pub(crate) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    pub(crate) fn note(&self, key: &str) {
        let mut all = self.0.borrow_mut();
        // A text of nothing but doubled keys would cost more than it is worth.
        if all.len() < MAX_DUPLICATES {
            all.push(vec![key.to_owned()]);
        }
    }

    /// Those after the first `known` stand in a value under this segment.
    pub(crate) fn stand_under(&self, known: usize, segment: impl Fn() -> String) {
        // Most values hold none: then the segment is not even made.
        if known < self.count() {
            for place in &mut self.0.borrow_mut()[known..] {
                place.push(segment());
            }
        }
    }

    pub(crate) fn pointers(self) -> Vec<String> {
        let all = self.0.into_inner();
        let pointers = all
            .iter()
            .map(|place| pointer(place.iter().rev().map(String::as_str)));
        pointers.collect()
    }
}

/// A JSON pointer of path segments.
pub fn pointer<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    segments.into_iter().fold(String::new(), |mut whole, part| {
        whole.push('/');
        whole.push_str(&escape_segment(part));
        whole
    })
}

/// One segment as it stands in a JSON pointer.
#[must_use]
pub fn escape_segment(segment: &str) -> String {
    // The order matters: the second must not see the tildes that it makes itself.
    segment.replace('~', "~0").replace('/', "~1")
}

/// Builds a [`Value`] and notes doubled keys on the way.
#[derive(Clone, Copy)]
pub(crate) struct KeyWatch<'a>(pub(crate) &'a DuplicateKeys);

impl<'de> DeserializeSeed<'de> for KeyWatch<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeyWatch<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        // Text cannot say NaN, but the visitor may not rely on that.
        let number = Number::from_f64(value);
        number
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        let mut known = self.0.count();
        while let Some(item) = items.next_element_seed(self)? {
            self.0.stand_under(known, || list.len().to_string());
            known = self.0.count();
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let known = self.0.count();
            let value = entries.next_value_seed(self)?;
            self.0.stand_under(known, || key.clone());
            // Known only after the value was read, as the last one wins.
            match map.entry(key) {
                Entry::Vacant(free) => {
                    free.insert(value);
                }
                Entry::Occupied(mut taken) => {
                    self.0.note(taken.key());
                    taken.insert(value);
                }
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubled_keys_are_noticed_where_they_stand() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(parse(text).unwrap().duplicates, expected, "{text}");
        };
        check(r#"{"a":1,"b":[{"a":1}]}"#, &[]);
        check(r#"{"a":1,"a":2}"#, &["/a"]);
        check(r#"{"b":[{}, {"x/y":1,"x/y":null}]}"#, &["/b/1/x~1y"]);
        check(
            r#"{"a":{"b":1,"b":[[0,{"c":1,"c":2}]],"b":0},"a":1}"#,
            &["/a/b/0/1/c", "/a/b", "/a/b", "/a"],
        );
    }

    #[test]
    fn the_value_is_what_serde_json_reads() {
        let text = "\u{feff}{\"a\":[1,-2,1.5,\"\\u00e9\",null,true,{}],\"a\":18446744073709551615}";
        let expected: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
        assert_eq!(parse(text).unwrap().value, expected);
    }

    #[test]
    fn what_is_no_json_says_why() {
        let check = |text: &str, expected: &str| {
            assert_eq!(parse(text).unwrap_err().to_string(), expected);
        };
        check(
            "{",
            "not JSON: EOF while parsing an object at line 1 column 1",
        );
        check("1 2", "not JSON: trailing characters at line 1 column 3");
        check("\u{feff} \r\n", "it is empty");
        let cut = parse("{\"a\"").unwrap_err().in_line().to_string();
        assert_eq!(cut, "not JSON: EOF while parsing an object at column 4");
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        check(&deep, "the JSON is nested more than 127 levels deep");
    }
}
