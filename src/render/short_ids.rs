//! Session ids as a person compares them: the shortest forms that differ.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};

/// Session ids cut as short as keeps those seen so far apart.
#[derive(Debug, Default)]
pub struct ShortIds {
    seen: BTreeSet<String>,
    /// As many characters as keep them apart.
    apart: usize,
}

impl ShortIds {
    /// The shortest form of an id.
    pub const LEAST_CHARS: usize = 8;
    /// The shortest form where room is scarce.
    pub const NARROW_CHARS: usize = 7;
    /// Most ids remembered; what comes later is cut to the length found by then.
    pub const MAX_SEEN: usize = 100_000;

    /// Takes note of an id.
    pub fn learn(&mut self, id: &str) {
        if self.seen.contains(id) || self.seen.len() >= Self::MAX_SEEN {
            return;
        }
        // In an ordered set the id with the longest common beginning stands beside this one, so two
        // neighbours stand for all.
        let before = self
            .seen
            .range::<str, _>((Unbounded, Excluded(id)))
            .next_back();
        let after = self.seen.range::<str, _>((Excluded(id), Unbounded)).next();
        for other in [before, after].into_iter().flatten() {
            let common = id
                .chars()
                .zip(other.chars())
                .take_while(|(a, b)| a == b)
                .count();
            self.apart = self.apart.max(common + 1);
        }
        self.seen.insert(id.to_owned());
    }

    /// The short form. An inferred id (`~` and 8 digits) stays whole.
    #[must_use]
    pub fn shorten<'a>(&self, id: &'a str) -> &'a str {
        beginning(
            id,
            self.apart.max(Self::LEAST_CHARS) + usize::from(id.starts_with('~')),
        )
    }

    /// The form for where room is scarce; no shorter than keeps them apart.
    #[must_use]
    pub fn narrowed<'a>(&self, id: &'a str) -> &'a str {
        beginning(id, self.apart.max(Self::NARROW_CHARS))
    }
}

fn beginning(id: &str, chars: usize) -> &str {
    id.char_indices()
        .nth(chars)
        .map_or(id, |(end, _)| &id[..end])
}

#[cfg(test)]
mod tests {
    use super::ShortIds;

    #[test]
    fn short_ids_stay_unique() {
        let mut ids = ShortIds::default();
        ids.learn("2bdb4dcf-b09f-4c41-9733-03bc3e2ef539");
        assert_eq!(
            ids.shorten("2bdb4dcf-b09f-4c41-9733-03bc3e2ef539"),
            "2bdb4dcf"
        );
        ids.learn("2bdb4dcf-b1");
        assert_eq!(
            ids.shorten("2bdb4dcf-b09f-4c41-9733-03bc3e2ef539"),
            "2bdb4dcf-b0"
        );
        assert_eq!(ids.shorten("~0123abcd"), "~0123abcd");
        assert_eq!(ids.narrowed("~0123abcd"), "~0123abcd");
        assert_eq!(ShortIds::default().narrowed("~0123abcd"), "~0123ab");
        assert_eq!(ids.shorten("short"), "short");
        assert_eq!(ids.shorten("ééééééééééééééé"), "ééééééééééé");
    }
}
