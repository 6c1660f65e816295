//! Messages that clients read although they are no strict JSON, turned into strict JSON: what is no
//! UTF-8 becomes U+FFFD, `NaN` and its like become `null`, halves of surrogate pairs and control
//! characters in texts are replaced or escaped. Pure, one pass, no judgement of what is left.

use serde::Deserialize;
use serde::de::value::{CowStrDeserializer, MapDeserializer};
use serde::de::{Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

/// What JavaScript's and Python's encoders write for numbers that JSON has no word for.
const NO_NUMBERS: [&str; 4] = ["NaN", "Infinity", "-Infinity", "-NaN"];

/// A line without what may stand before and behind a message: byte order marks, blanks of every
/// sort, control characters.
pub(super) fn bare(line: &[u8]) -> &[u8] {
    let mut bare = line;
    while let Some(len) = blank_at_start(bare) {
        bare = &bare[len..];
    }
    // Behind the message only ASCII is looked at: cutting a byte off a longer character breaks it.
    while let Some((&last, rest)) = bare.split_last() {
        if !is_blank(char::from(last)) || !last.is_ascii() {
            break;
        }
        bare = rest;
    }
    bare
}

/// The length of the blank character that a line begins with, if it does.
fn blank_at_start(line: &[u8]) -> Option<usize> {
    // A character has four bytes at most; what follows it need not be UTF-8.
    let mut lengths = 1..=line.len().min(4);
    let first = lengths.find_map(|len| std::str::from_utf8(&line[..len]).ok()?.chars().next())?;
    is_blank(first).then(|| first.len_utf8())
}

fn is_blank(character: char) -> bool {
    let is_invisible = matches!(character, '\u{feff}' | '\u{200b}' | '\u{2060}');
    character.is_whitespace() || character.is_control() || is_invisible
}

/// Whether a text may hold half a surrogate pair, which serde takes for an error where it reads the
/// text that holds it. A whole pair says yes too.
pub(super) fn may_hold_surrogates(text: &str) -> bool {
    text.contains("\\ud") || text.contains("\\uD")
}

/// The message mended. What was strict JSON comes out unchanged.
pub(super) fn mended(bytes: &[u8]) -> String {
    // Node replaces what is not UTF-8 in the same way before it parses.
    let text = String::from_utf8_lossy(bytes);
    let mut mended = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(quote) = rest.find('"') {
        structure(&rest[..quote], &mut mended);
        mended.push('"');
        rest = in_text(&rest[quote + 1..], &mut mended);
    }
    structure(rest, &mut mended);
    mended
}

/// Mends what stands between two texts.
fn structure(mut part: &str, mended: &mut String) {
    let is_of_word = |it: char| it.is_ascii_alphanumeric() || it == '-';
    while let Some(first) = part.chars().next() {
        let word = part.find(|it| !is_of_word(it)).unwrap_or(part.len());
        let (token, rest) = part.split_at(word.max(first.len_utf8()));
        match token {
            // Python's `json` writes and reads these words, which strict JSON lacks.
            _ if NO_NUMBERS.contains(&token) => mended.push_str("null"),
            _ if first.is_control() && !matches!(first, '\t' | '\r' | '\n') => mended.push(' '),
            _ => mended.push_str(token),
        }
        part = rest;
    }
}

/// Mends a text from behind its opening quote to its closing one; gives what follows.
fn in_text<'a>(text: &'a str, mended: &mut String) -> &'a str {
    let mut rest = text;
    loop {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let plain = rest.bytes().position(|byte| special(&byte));
        let (before, from) = rest.split_at(plain.unwrap_or(rest.len()));
        mended.push_str(before);
        let Some(first) = from.bytes().next() else {
            return "";
        };
        rest = &from[1..];
        match first {
            b'"' => {
                mended.push('"');
                return rest;
            }
            b'\\' => rest = escape(rest, mended),
            control => {
                // Memory takes all that is written to it.
                let _ = write!(mended, "\\u{control:04x}");
            }
        }
    }
}

/// Mends an escape from behind its backslash; gives what follows.
fn escape<'a>(rest: &'a str, mended: &mut String) -> &'a str {
    let unit = |text: &str| {
        let digits = text.strip_prefix('u')?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let len = match unit(rest) {
        Some(0xd800..0xdc00) => {
            let second = rest[5..].strip_prefix('\\').and_then(unit);
            match second {
                // `uD83D\uDE00`: both halves together are one character.
                Some(0xdc00..0xe000) => 11,
                _ => return half(rest, mended),
            }
        }
        Some(0xdc00..0xe000) => return half(rest, mended),
        Some(_) => 5,
        // `\n`, `\"` and the like; an escape that does not exist is left for the parser to refuse.
        None => rest.chars().next().map_or(0, char::len_utf8),
    };
    let (escape, after) = rest.split_at(len);
    mended.push('\\');
    mended.push_str(escape);
    after
}

/// Half a surrogate pair is not a character.
fn half<'a>(rest: &'a str, mended: &mut String) -> &'a str {
    mended.push_str("\\ufffd");
    &rest[5..]
}

/// Reads an object; of equal keys the last counts, as it does for JavaScript, Python and Go.
pub(super) fn last_counts<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<T> {
    // Only what fails is read twice: equal keys are rare.
    serde_json::from_str(text).or_else(|error| {
        let Ok(Members(members)) = serde_json::from_str(text) else {
            return Err(error);
        };
        let members = members.into_iter().map(|(key, value)| {
            let key: CowStrDeserializer<'_, serde_json::Error> = key.into_deserializer();
            (key, value)
        });
        // The first error names a place in the text, which the second cannot.
        T::deserialize(MapDeserializer::new(members)).map_err(|_| error)
    })
}

/// The members of an object, the last of equal keys.
struct Members<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<super::fields::Str<'de>, _>()? {
                    members.insert(key.0, value);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn what_stands_around_a_message_is_taken_off() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"{}", b"{}"),
            (b"\xef\xbb\xbf{}\r", b"{}"),
            (b" \t\x0c\0{}\0\0 ", b"{}"),
            (b"\xc2\xa0\xe3\x80\x80\xe2\x80\x8b{}", b"{}"),
            (b"caf\xe9 ", b"caf\xe9"),
            (b"\xe9", b"\xe9"),
            (b"\xef\xbb", b"\xef\xbb"),
            (b"  ", b""),
        ];
        for (line, expected) in cases {
            assert_eq!(bare(line), expected, "{line:?}");
        }
    }

    #[test]
    fn what_clients_read_becomes_json() {
        let cases: [(&[u8], &str); 9] = [
            (b"{\"a\":\"caf\xe9\"}", "{\"a\":\"caf\u{fffd}\"}"),
            (
                br#"{"a":NaN,"b":[-Infinity,Infinity , 1]}"#,
                r#"{"a":null,"b":[null,null , 1]}"#,
            ),
            (br#"{"NaN":"NaN \" NaN"}"#, r#"{"NaN":"NaN \" NaN"}"#),
            (br#"{"a":"\ud83d!"}"#, r#"{"a":"\ufffd!"}"#),
            (br#"{"a":"\udE00\uD83D"}"#, r#"{"a":"\ufffd\ufffd"}"#),
            (
                br#"{"a":"\ud83d\ud83d\ude00"}"#,
                r#"{"a":"\ufffd\ud83d\ude00"}"#,
            ),
            (br#"{"a":"\\ud83d"}"#, r#"{"a":"\\ud83d"}"#),
            (b"{\"a\":\"1\t2\0\"}", r#"{"a":"1\u00092\u0000"}"#),
            (b"{\x0c\"a\":\x001}", r#"{ "a": 1}"#),
        ];
        for (bytes, expected) in cases {
            let got = mended(bytes);
            assert_eq!(got, expected);
            serde_json::from_str::<Value>(&got).expect("it is JSON now");
        }
    }

    #[test]
    fn what_is_no_message_stays_none() {
        for text in [
            r#"{"a":"#,
            r#"{"a":"b"#,
            r#"{"a":"\"#,
            r#"{"a":"\u12"#,
            "{'a':1}",
            "{\"é\":",
        ] {
            assert_eq!(mended(text.as_bytes()), text);
        }
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        #[derive(Debug, Deserialize)]
        struct Two<'a> {
            a: Option<i64>,
            #[serde(borrow)]
            b: Option<&'a RawValue>,
        }
        let read = |text| {
            let two: serde_json::Result<Two<'_>> = last_counts(text);
            two.map(|two| (two.a, two.b.map(RawValue::get)))
        };
        assert_eq!(read(r#"{"a":1}"#).expect("sound"), (Some(1), None));
        let equal = r#"{"b":[1],"a":1,"x":0,"\u0061":2,"b":{"c":1},"x":1}"#;
        assert_eq!(read(equal).expect("sound"), (Some(2), Some(r#"{"c":1}"#)));
        assert!(read(r#"{"a":1,"a":"one"}"#).is_err());
        assert!(read(r#"{"a":1,"a":2"#).is_err());
    }

    #[test]
    fn json_comes_out_as_it_was() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let parts = ["a", "\"", "\\", "é", "\u{1}", "NaN", "😀", "{", "\u{feff}"];
        for round in 0..2000 {
            let text: String = (0..random.usize(0..9))
                .map(|_| parts[random.usize(0..parts.len())])
                .collect();
            let value = serde_json::json!({ &text: [text, 1.5, null, true] }).to_string();
            assert_eq!(
                mended(value.as_bytes()),
                value,
                "seed {seed}, round {round}"
            );
        }
    }
}
