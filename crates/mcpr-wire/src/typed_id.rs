//! JSON-RPC ids as pairing sees them. Pure.

use mcpr_model::steps::Counted;
use mcpr_model::{EventKey, Text};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON-RPC id as pairing sees it: typed, so that `1` is not `"1"`. A long one is held as its
/// beginning and a hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypedId(Counted<Text>);

/// A JSON-RPC id without its type, as a hash: released clients take `"1"` and `1.0` for `1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LooseId(Counted<u64>);

impl TypedId {
    /// Most bytes of an id that is held whole.
    pub(super) const MAX_BYTES: usize = 128;
    /// Bytes held of a longer one, before its hash.
    const HEAD_BYTES: usize = 64;

    /// The id that a raw value is; `1.0` is the number 1, as it is for a server in JavaScript.
    pub(super) fn of(raw: &RawValue) -> Option<Self> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        #[cfg(test)]
        IDS_READ.set(IDS_READ.get() + 1);
        // A number that is beyond every range is known by its digits.
        let Ok(value) = serde_json::from_str::<Value>(raw.get()) else {
            return Some(Self::held(raw.get()));
        };
        let whole = value
            .as_f64()
            .filter(|number| value.is_f64() && number.fract() == 0.0 && number.abs() <= EXACT);
        let text = match whole {
            // Adding nothing makes 0 of -0.
            Some(number) => format!("{:.0}", number + 0.0),
            None => value.to_string(),
        };
        // An error with the id null names no request.
        (!value.is_null()).then(|| Self::held(&text))
    }

    /// An id that is a text.
    pub(super) fn of_text(text: &str) -> Self {
        Self::held(&Value::from(text).to_string())
    }

    fn held(text: &str) -> Self {
        if text.len() <= Self::MAX_BYTES {
            return Self(Counted(text.into()));
        }
        // A peer chooses its ids, and each is held in several indexes.
        let head = &text[..text.floor_char_boundary(Self::HEAD_BYTES)];
        let hash = EventKey::of_id(text).hash;
        Self(Counted(compact_str::format_compact!("{head}…{hash:016x}")))
    }

    /// The same id for those who do not look at its type.
    #[must_use]
    pub fn loose(&self) -> LooseId {
        let text = self
            .as_json()
            .strip_prefix('"')
            .and_then(|it| it.strip_suffix('"'));
        let text = text.unwrap_or(self.as_json()).trim();
        // `1`, `1.0` and `"1"` are one number to a client in JavaScript.
        let number = text.parse::<f64>().ok().filter(|it| it.is_finite());
        let hash = |text: &str| LooseId(Counted(EventKey::of_id(text).hash));
        match number {
            Some(number) => hash(&(number + 0.0).to_string()),
            None => hash(text),
        }
    }

    /// The id as JSON.
    pub(super) fn as_json(&self) -> &str {
        &self.0.0
    }
}

#[cfg(test)]
thread_local! {
    static IDS_READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many ids this thread has read: the steps that pairing a batch takes.
#[cfg(test)]
pub(super) fn ids_read() -> usize {
    IDS_READ.get()
}
