//! A text that is looked for, as `/` takes it: in either case as long as it has no capital.

/// Longest text that is looked for, in characters.
pub(super) const MAX_CHARS: usize = 200;

/// A text to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needle {
    text: String,
    any_case: bool,
}

impl Needle {
    /// `None` for the empty text, which is everywhere.
    pub(super) fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self {
            text: text.to_owned(),
            // As ripgrep's smart case: a capital is typed by who means it.
            any_case: !text.chars().any(char::is_uppercase),
        })
    }

    /// Whether a text has it.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.places_in(text).next().is_some()
    }

    /// Where it stands in a text: byte ranges that do not overlap.
    pub(super) fn places_in<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
        let (mut at, wanted) = (0, self.text.as_bytes());
        std::iter::from_fn(move || {
            let place = at + find(&text.as_bytes()[at..], wanted, self.any_case)?;
            at = place + wanted.len();
            Some(place..at)
        })
    }
}

/// The first place of a text in another. Only ASCII letters are the same in either case, as for
/// `--grep`.
fn find(text: &[u8], wanted: &[u8], any_case: bool) -> Option<usize> {
    let (first, rest) = wanted.split_first()?;
    let is_same = |a: &[u8], b: &[u8]| {
        if any_case {
            a.eq_ignore_ascii_case(b)
        } else {
            a == b
        }
    };
    let (lower, upper) = if any_case {
        (first.to_ascii_lowercase(), first.to_ascii_uppercase())
    } else {
        (*first, *first)
    };
    let last = text.len().checked_sub(wanted.len())?;
    let mut at = 0;
    while at <= last {
        // Most places are passed over without a look at the rest.
        let skip = text[at..=last]
            .iter()
            .position(|&byte| byte == lower || byte == upper)?;
        at += skip;
        if is_same(&text[at + 1..at + wanted.len()], rest) {
            return Some(at);
        }
        at += 1;
    }
    None
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
            ("é", "CAFÉ", false),
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
