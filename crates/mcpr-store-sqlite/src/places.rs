//! Where the rows of a listing stand in the order of time, where no index has that order: read once for
//! many rows, and kept from page to page, so that a page costs what it holds and not what it is part of.

use mcpr_store::query::{Order, Page, Place};

/// Most places that are read and held at once.
pub(crate) const MAX_PLACES: usize = 1 << 20;

/// A part of a listing: its places, in the order of its pages.
#[derive(Debug)]
pub(crate) struct Part<K> {
    /// What it is a part of, and in which state of the store.
    of: Option<K>,
    /// The place that it begins after; `None` is the beginning.
    after: Option<Place>,
    places: Vec<Place>,
}

impl<K> Default for Part<K> {
    fn default() -> Self {
        Self {
            of: None,
            after: None,
            places: Vec::new(),
        }
    }
}

impl<K: PartialEq> Part<K> {
    /// The places that follow one, at most a page of them; `load` reads those after a place, at most
    /// [`MAX_PLACES`].
    pub(crate) fn following<E>(
        &mut self,
        of: K,
        order: Order,
        begin: Option<Place>,
        load: impl FnOnce() -> Result<Vec<Place>, E>,
    ) -> Result<Vec<Place>, E> {
        let comes_after = |place: Place, than: Place| match order {
            Order::Ascending => place > than,
            Order::Descending => place < than,
        };
        let rest = |places: &[Place]| {
            let passed = |place: &Place| begin.is_some_and(|begin| !comes_after(*place, begin));
            // The places stand in the order of the pages, so that the begin of one is found by
            // halving.
            let at = places.partition_point(passed);
            places[at..places.len().min(at + Page::MAX_LIMIT)].to_vec()
        };
        // A part that begins behind the page does not hold what comes first of it.
        let is_here = match (self.after, begin) {
            (None, _) => true,
            (Some(after), Some(begin)) => !comes_after(after, begin),
            (Some(_), None) => false,
        };
        if is_here && self.of.as_ref() == Some(&of) {
            let rest = rest(&self.places);
            // A part that is not full ends with the listing; behind a full one there may be more.
            if !rest.is_empty() || self.places.len() < MAX_PLACES {
                return Ok(rest);
            }
        }
        *self = Self {
            of: Some(of),
            after: begin,
            places: load()?,
        };
        Ok(rest(&self.places))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_listing_is_read_once_however_many_pages_it_has() {
        let all: Vec<Place> = (0..2_500)
            .map(|n| Place {
                ts: n / 2_000,
                seq: n,
            })
            .collect();
        for order in [Order::Ascending, Order::Descending] {
            let mut all = all.clone();
            if order == Order::Descending {
                all.reverse();
            }
            let (loads, mut part) = (Cell::new(0), Part::default());
            let mut seen = Vec::new();
            let mut begin = None;
            loop {
                let places = part.following("key", order, begin, || {
                    loads.set(loads.get() + 1);
                    Ok::<_, ()>(all.clone())
                });
                let places = places.expect("they are there");
                let Some(last) = places.last() else { break };
                begin = Some(*last);
                seen.extend(places);
            }
            assert_eq!(seen, all);
            assert_eq!(loads.get(), 1, "{order:?}");
            let again = part.following("another", order, None, || Ok::<_, ()>(Vec::new()));
            assert_eq!(again, Ok(Vec::new()), "another listing is read anew");
        }
    }
}
