//! Looking at attributes: by the first of several names that is there, whatever type the emitter chose.

use crate::message::{KeyValue, PlainValue};
use mcpr_model::Text;

/// The attributes of a span, a record or a resource.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [KeyValue]);

impl<'a> Attributes<'a> {
    fn value(self, name: &str) -> Option<&'a PlainValue> {
        // There are few: no map pays for itself.
        let found = self.0.iter().find(|it| it.key == name)?;
        found.value.as_ref()?.value.as_ref()
    }

    /// The text of an attribute; a number or a flag is written out. An empty one says nothing.
    pub(crate) fn text(self, name: &str) -> Option<Text> {
        let text = match self.value(name)? {
            PlainValue::Text(text) => Text::from(text.as_str()),
            PlainValue::Flag(flag) => Text::from(if *flag { "true" } else { "false" }),
            PlainValue::Whole(number) => number.to_string().into(),
            PlainValue::Real(number) => number.to_string().into(),
        };
        (!text.is_empty()).then_some(text)
    }

    /// The text of the first of these attributes that is there.
    pub(crate) fn first(self, names: &[&str]) -> Option<Text> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A whole number, which may be written as a text.
    pub(crate) fn number(self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A flag that may be written as a text.
    pub(crate) fn flag(self, name: &str) -> Option<bool> {
        match &*self.text(name)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// Microseconds of a duration in milliseconds, which may be a text or have digits behind the point.
    pub(crate) fn ms_as_us(self, name: &str) -> Option<i64> {
        let ms: f64 = self.text(name)?.parse().ok()?;
        // A day is longer than any call; what is beyond is a number of something else.
        let is_sane = (0.0..=MOST_MS).contains(&ms);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range is checked just before"
        )]
        is_sane.then_some((ms * 1000.0).round() as i64)
    }
}

/// Longest duration that is believed, milliseconds.
const MOST_MS: f64 = 86_400_000.0;
