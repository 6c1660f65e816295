//! What is looked for, as `/` takes it: what `--grep` takes, in arguments and answers too.

use mcpr_model::Payload;
use mcpr_store::query::{Search, SearchedBodies};
use std::ops::Range;

/// Longest text that is looked for, in characters.
pub(super) const MAX_CHARS: usize = 200;

/// Something to look for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Needle(Search);

impl Needle {
    /// `None` for the empty text, which is everywhere.
    pub(super) fn new(text: &str) -> Option<Self> {
        // Each key looks anew, and half of an expression does not parse: until it does, it is a text.
        let search = Search::expression(text).or_else(|_| Search::fixed(text));
        let search = search.ok().filter(|_| !text.is_empty())?;
        Some(Self(search.also_in(SearchedBodies::ALL)))
    }

    /// Whether a text has it.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.0.is_in(text)
    }

    /// Whether arguments or an answer have it.
    pub(super) fn is_in_bodies(&self, payload: &Payload) -> bool {
        self.0.is_in_bodies(payload)
    }

    /// Where it stands in a text: byte ranges that do not overlap.
    pub(super) fn places_in<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        self.0.places_in(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_letters_stand_for_both_and_capitals_for_themselves() {
        let cases = [
            ("echo", "an ECHO", true),
            ("Echo", "an ECHO", false),
            ("ECHO", "an ECHO", true),
            ("echo", "ech", false),
            ("é", "CAFÉ", true),
            ("e.*o$", "an ECHO", true),
            // Not yet an expression.
            ("echo(", "an ECHO(1)", true),
            ("echo(", "an ECHO", false),
            ("é", "café", true),
            ("aab", "aaab", true),
        ];
        for (wanted, text, expected) in cases {
            let needle = Needle::new(wanted).expect("it is not empty");
            assert_eq!(needle.is_in(text), expected, "{wanted} in {text}");
        }
        assert_eq!(Needle::new(""), None);
    }

    #[test]
    fn places_do_not_overlap() {
        let needle = Needle::new("aa").expect("it is not empty");
        let places: Vec<_> = needle.places_in("aaaéAA").collect();
        assert_eq!(places, [0..2, 5..7]);
    }
}
