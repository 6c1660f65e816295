//! From a value to the text of a cell and its colour.

use crate::render::IN_FLIGHT;
use crate::render::clock::{dated, narrow_date};
use crate::render::columns::{Show, Value};
use crate::render::palette::{Ink, Meaning};
use crate::render::short_ids::ShortIds;
use crate::render::style::TableStyle;
use crate::render::text::escape;
use crate::render::units;
use std::borrow::Cow;

/// One cell as text, ready to be cut and placed.
pub(super) struct RenderedCell {
    pub(super) text: String,
    pub(super) ink: Ink,
    /// The same in less, for where there is no room for all columns.
    narrow: Option<String>,
    /// What the text is a short form of.
    pub(super) whole: Option<String>,
}

impl RenderedCell {
    pub(super) fn of(text: String, ink: Ink) -> Self {
        Self {
            text,
            ink,
            narrow: None,
            whole: None,
        }
    }

    /// The text as it stands in the table.
    pub(super) fn shown(&self, is_narrow: bool) -> &str {
        self.narrow
            .as_deref()
            .filter(|_| is_narrow)
            .unwrap_or(&self.text)
    }

    /// The same with a narrow form, where the text has one.
    pub(super) fn with_narrow(mut self, narrow: Option<String>) -> Self {
        self.narrow = narrow;
        self
    }

    /// A value as a column shows it; text from outside is made harmless.
    pub(super) fn of_value(
        value: Value<'_>,
        show: Show,
        ids: &ShortIds,
        style: &TableStyle,
    ) -> Self {
        let ink = match (&value, show) {
            (Value::Text(name), Show::SessionId | Show::Name) => style.palette.of_name(name),
            (value, show) => style.palette.ink(meaning(value, show)),
        };
        let narrow = match (&value, show) {
            (Value::Text(id), Show::SessionId) => Some(escape(ids.narrowed(id)).into_owned()),
            _ => None,
        };
        let text = match (value, show) {
            (Value::Null, Show::Message | Show::Arguments | Show::Result) => Cow::Borrowed(""),
            // The sign of what was slow has its place there too.
            (Value::Null, Show::Took) => Cow::Borrowed("- "),
            (Value::Null, _) => Cow::Borrowed("-"),
            (Value::Int(ts), Show::Time) | (Value::Time(ts), _) => dated(ts, style).into(),
            (Value::Int(us), Show::Latency) => units::latency(us).into(),
            (Value::Int(us), Show::Took) => {
                let sign = if units::is_slow(us) { '!' } else { ' ' };
                format!("{}{sign}", units::latency(us)).into()
            }
            (Value::Int(size), Show::Bytes) => units::bytes(size).into(),
            (Value::Int(number), Show::Grouped) => units::grouped(number).into(),
            (Value::Int(number), _) => number.to_string().into(),
            (Value::Ratio(factor), Show::Factor) => units::factor(factor).into(),
            (Value::Ratio(ratio), _) => units::share(ratio).into(),
            (Value::Counts(counts), _) if style.is_unfinished => {
                units::unfinished_bars(counts).into()
            }
            (Value::Counts(counts), _) => units::bars(counts).into(),
            (Value::Bool(yes), _) => (if yes { "yes" } else { "no" }).into(),
            (Value::Json(json), _) => escape(json).into_owned().into(),
            (Value::Text(id), Show::SessionId) => escape(ids.shorten(&id)).into_owned().into(),
            (Value::Text(text), _) => escape(&text).into_owned().into(),
        };
        let narrow = narrow.or_else(|| (show == Show::Time).then(|| narrow_date(&text, style))?);
        Self::of(text.into_owned(), ink).with_narrow(narrow)
    }

    /// Says what the text is a short form of; text from outside is made harmless.
    pub(super) fn with_whole(mut self, whole: Option<Cow<'_, str>>) -> Self {
        self.whole = whole.map(|whole| escape(&whole).into_owned());
        self
    }
}

/// From so many times as much on, something got slower: less is noise of most tools.
const SLOWER: f64 = 1.2;

/// What a value means where its column shows it.
fn meaning(value: &Value<'_>, show: Show) -> Meaning {
    match (value, show) {
        (Value::Null, _) => Meaning::Plain,
        (_, Show::Time | Show::Arguments) | (Value::Time(_), _) => Meaning::Dim,
        (Value::Int(us), Show::Took) if units::is_slow(*us) => Meaning::Slow,
        (value, Show::Outcome) if *value != Value::from("ok") => Meaning::Failed,
        (Value::Text(text), Show::Result) if text.starts_with(IN_FLIGHT) => Meaning::Live,
        (_, Show::Result) => Meaning::Failed,
        (Value::Ratio(ratio), Show::Share) if *ratio > 0.0 => Meaning::Failed,
        (Value::Ratio(ratio), Show::Factor) if *ratio >= SLOWER => Meaning::Slow,
        (Value::Text(level), Show::Level) if matches!(&**level, "breaking" | "alert") => {
            Meaning::Failed
        }
        _ => Meaning::Plain,
    }
}
