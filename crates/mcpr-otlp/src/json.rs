//! Where the JSON of OTLP differs from what serde derives: hexadecimal ids, numbers as strings, enums by number
//! or name, null for what is not there.

use crate::message::{AnyValue, PlainValue};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// A member that may be null.
pub(crate) fn nullable<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    // Encoders write null for what is not there as often as they leave it out.
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A span or a record: one of a list, of which each is read by itself.
pub(crate) trait ListedPart: serde::de::DeserializeOwned {
    /// What stands for one that cannot be read.
    fn unreadable(why: String) -> Self;
}

/// Spans or records. One that cannot be read costs none of the others.
pub(crate) fn parts<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: ListedPart,
{
    let texts: Vec<&RawValue> = nullable(from)?;
    let read = |(at, text): (usize, &RawValue)| {
        let whole = text.get();
        // What is derived would take an array of members as well.
        let is_object = whole.starts_with('{');
        let read = is_object.then(|| serde_json::from_str(whole));
        match read {
            Some(Ok(part)) => part,
            Some(Err(error)) => T::unreadable(format!("part {at} of its list: {error} of it")),
            None => T::unreadable(format!("part {at} of its list is not an object")),
        }
    };
    Ok(texts.into_iter().enumerate().map(read).collect())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text: String = nullable(from)?;
    bytes_of_hex(&text).ok_or_else(|| D::Error::custom("an id that is not hexadecimal"))
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| {
        // Each digit by itself: a sign is not a digit, though numbers are parsed with one.
        let [high, low] = pair else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
    });
    digits.collect()
}

/// A whole number that may stand in a string, as protobuf writes those of 64 bits.
pub(crate) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = Option::<LooseNumber>::deserialize(from)?;
    let number = number.map_or(0, |LooseNumber(number)| number);
    u64::try_from(number).map_err(|_| D::Error::custom("a time that 64 bits do not hold"))
}

/// A number of an enum, or its name.
pub(crate) fn enumerated<'de, D: Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
    let number = Option::<EnumNumber>::deserialize(from)?;
    Ok(number.map_or(0, |EnumNumber(number)| number))
}

/// The names that protobuf's JSON may use where OTLP writes numbers.
const ENUM_NAMES: [(&str, i32); 9] = [
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
];

struct EnumNumber(i32);

impl<'de> Deserialize<'de> for EnumNumber {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfEnum;
        impl Visitor<'_> for OfEnum {
            type Value = EnumNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number or the name of an enum")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                // A number of a later version says nothing here, and is no reason to refuse the post.
                Ok(EnumNumber(i32::try_from(number).unwrap_or_default()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(EnumNumber(i32::try_from(number).unwrap_or_default()))
            }

            // The names are allowed by protobuf, though no emitter was seen to write them.
            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                let known = ENUM_NAMES.iter().find(|(known, _)| *known == name);
                Ok(EnumNumber(known.map_or(0, |&(_, number)| number)))
            }
        }
        from.deserialize_any(OfEnum)
    }
}

/// Wide enough for both kinds of 64 bits.
struct LooseNumber(i128);

impl<'de> Deserialize<'de> for LooseNumber {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Loose;
        impl Visitor<'_> for Loose {
            type Value = LooseNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or one in a string")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(LooseNumber(number.into()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(LooseNumber(number.into()))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                let number = text.parse().map_err(|_| E::custom("no whole number"))?;
                Ok(LooseNumber(number))
            }
        }
        from.deserialize_any(Loose)
    }
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOf;
        impl<'de> Visitor<'de> for OneOf {
            type Value = AnyValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with one value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut value = None;
                while let Some(key) = map.next_key::<String>()? {
                    value = match key.as_str() {
                        "stringValue" => map.next_value::<Option<_>>()?.map(PlainValue::Text),
                        "boolValue" => map.next_value::<Option<_>>()?.map(PlainValue::Flag),
                        // A text by the rules of protobuf, a number from Node.
                        "intValue" => {
                            let number = map.next_value::<Option<LooseNumber>>()?;
                            // What is too long for protobuf says nothing.
                            number.and_then(|LooseNumber(number)| {
                                i64::try_from(number).ok().map(PlainValue::Whole)
                            })
                        }
                        "doubleValue" => real(map.next_value()?).map(PlainValue::Real),
                        // Lists and maps are never looked at, however deep they are.
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                }
                Ok(AnyValue { value })
            }
        }
        from.deserialize_map(OneOf)
    }
}

/// A number with digits behind the point; `NaN` and the infinities stand in strings, and say nothing.
fn real(value: serde_json::Value) -> Option<f64> {
    match value {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.parse().ok().filter(|it: &f64| it.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::TracesData;

    #[test]
    fn ids_are_hexadecimal_and_nothing_else() {
        assert_eq!(bytes_of_hex("00fFa1"), Some(vec![0, 255, 161]));
        assert_eq!(bytes_of_hex(""), Some(Vec::new()));
        for text in ["0", "0g", "+1", "é1", " 1"] {
            assert_eq!(bytes_of_hex(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_come_as_numbers_strings_names_and_null() {
        let text = r#"{"resourceSpans":[{"resource":null,"scopeSpans":[{"spans":[
            {"traceId":"0A","spanId":null,"kind":"SPAN_KIND_SERVER","startTimeUnixNano":"17","endTimeUnixNano":18,
             "flags":257,"links":[],"droppedAttributesCount":0,"status":{},
             "attributes":[{"key":"a","value":{"intValue":"7"}},{"key":"b","value":{"intValue":7}},
                {"key":"c","value":{"arrayValue":{"values":[{"stringValue":"x"}]}}},
                {"key":"d","value":{"doubleValue":"NaN"}},{"key":"e","value":{"boolValue":true}},{"key":"f"}]}]}]}]}"#;
        let read: TracesData = serde_json::from_str(text).unwrap();
        let span = &read.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(
            (
                span.kind,
                span.start_time_unix_nano,
                span.end_time_unix_nano
            ),
            (2, 17, 18)
        );
        assert_eq!(
            (&span.trace_id[..], &span.span_id[..]),
            (&[10][..], &[][..])
        );
        let values = span
            .attributes
            .iter()
            .map(|it| it.value.as_ref().and_then(|it| it.value.clone()));
        let whole = Some(PlainValue::Whole(7));
        let expected = [
            whole.clone(),
            whole,
            None,
            None,
            Some(PlainValue::Flag(true)),
            None,
        ];
        assert_eq!(values.collect::<Vec<_>>(), expected);
    }
}
