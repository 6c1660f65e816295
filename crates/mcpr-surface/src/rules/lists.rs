//! One list of items on both sides, by key.

use crate::packed::Packed;
use crate::surface::{ItemKind, ItemList, Surface};

/// One list on both sides.
pub(super) struct ListPair<'a> {
    pub(super) kind: ItemKind,
    pub(super) old: &'a ItemList,
    pub(super) new: &'a ItemList,
    /// The whole surface of each side: other lists name tools too.
    pub(super) surfaces: (&'a Surface, &'a Surface),
}

impl<'a> ListPair<'a> {
    /// Items that only the new side has.
    pub(super) fn added(&self) -> impl Iterator<Item = (&'a String, &'a Packed)> {
        let old = self.old;
        self.new
            .items
            .iter()
            .filter(|(key, _)| !old.items.contains_key(*key))
    }

    /// Items that only the old side has.
    pub(super) fn removed(&self) -> impl Iterator<Item = (&'a String, &'a Packed)> {
        let new = self.new;
        self.old
            .items
            .iter()
            .filter(|(key, _)| !new.items.contains_key(*key))
    }
}
