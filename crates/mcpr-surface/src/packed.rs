//! JSON values kept as their text. Parsed, each object of a schema takes more than half a kilobyte,
//! however little it says, and a list has tens of thousands of them: they are parsed one item at a
//! time, when they are looked at.

use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt;

/// A JSON value, kept as its text. Equal ones have equal texts: keys are sorted, and numbers are
/// written so that they are read as the same ones.
#[derive(Clone, PartialEq)]
pub struct Packed(PackedForm);

#[derive(Clone, PartialEq)]
enum PackedForm {
    Text(Box<str>),
    /// Nested deeper than texts are parsed; such a value was never read from one.
    Deep(Box<Value>),
}

/// Levels that are packed: what holds a value when it is parsed again adds none, and the parser takes
/// 127.
const MAX_DEPTH: usize = 120;

impl Packed {
    /// Packs a value.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        // Only callers that made a value themselves come here with one that deep.
        Self(if is_deeper(value, MAX_DEPTH) {
            PackedForm::Deep(Box::new(value.clone()))
        } else {
            PackedForm::Text(value.to_string().into())
        })
    }

    /// The value, parsed anew.
    ///
    /// # Panics
    ///
    /// Never: the text was written from a value.
    #[must_use]
    pub fn value(&self) -> Value {
        match &self.0 {
            PackedForm::Text(text) => {
                serde_json::from_str(text).expect("a value wrote this text, less deep than is read")
            }
            PackedForm::Deep(value) => (**value).clone(),
        }
    }

    /// What it says, when it is a text.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        match self.0 {
            // Only texts begin like this: a look spares parsing the rest.
            PackedForm::Text(ref text) if text.starts_with('"') => match self.value() {
                Value::String(stated) => Some(stated),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        match &self.0 {
            PackedForm::Text(text) => text.starts_with('{'),
            PackedForm::Deep(value) => value.is_object(),
        }
    }
}

impl From<Value> for Packed {
    fn from(value: Value) -> Self {
        Self::of(&value)
    }
}

/// As compact JSON.
impl fmt::Display for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            PackedForm::Text(text) => f.write_str(text),
            PackedForm::Deep(value) => write!(f, "{value}"),
        }
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// As the value that it is, and not as a text.
impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

/// Whether a value has more levels than these.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let inner = |value: &Value| levels == 0 || is_deeper(value, levels - 1);
    match value {
        Value::Array(list) => list.iter().any(inner),
        Value::Object(map) => map.values().any(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_comes_back_as_it_was() {
        let deep = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        for value in [
            json!({"b": [1, -2, 0.1, 5e-324, 1.797_693_134_862_315_7e308], "a": {"": null}}),
            json!(0.000_033_331_234_567_891_23),
            json!(18_446_744_073_709_551_615_u64),
            json!("a \u{1} \u{2028} \" \\ 🦀"),
            deep(MAX_DEPTH),
            deep(MAX_DEPTH + 1),
            deep(500),
        ] {
            let packed = Packed::of(&value);
            assert_eq!(packed.value(), value);
            assert_eq!(packed.to_string(), value.to_string());
            assert_eq!(packed, Packed::of(&value));
            assert_eq!(packed.is_object(), value.is_object());
            assert_eq!(packed.as_text().as_deref(), value.as_str());
        }
        assert_ne!(Packed::of(&json!(1)), Packed::of(&json!("1")));
    }

    #[test]
    fn a_packed_object_takes_its_text_and_little_more() {
        assert!(size_of::<Packed>() <= 24, "{}", size_of::<Packed>());
    }
}
