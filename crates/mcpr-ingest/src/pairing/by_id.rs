//! Things remembered by the id of their request: found by that very id, or by the same id of another
//! type, the earliest first. A look-up takes no more steps where more is remembered under one id, for
//! ids are chosen by whoever is recorded.

use mcpr_wire::{LooseId, TypedId};
use std::collections::{BTreeMap, BTreeSet};

/// Things by id, each at a time or place of its own kind.
#[derive(Debug)]
pub(super) struct ById<At, T> {
    /// In the order in which they were remembered.
    all: BTreeMap<u64, IdEntry<At, T>>,
    // Trees and not hash tables: the first one not before a time is found without a look at the others.
    exact: BTreeSet<(TypedId, At, u64)>,
    loose: BTreeSet<(LooseId, At, u64)>,
    next: u64,
}

/// One entry, with the ids that find it.
#[derive(Debug)]
struct IdEntry<At, T> {
    id: TypedId,
    at: At,
    thing: T,
}

impl<At, T> Default for ById<At, T> {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            exact: BTreeSet::new(),
            loose: BTreeSet::new(),
            next: 0,
        }
    }
}

impl<At: Copy + Ord, T> ById<At, T> {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn add(&mut self, id: TypedId, at: At, thing: T) {
        // Its place in the order makes each entry unique, also where one id comes twice at one time.
        let order = self.next;
        self.next += 1;
        self.loose.insert((id.loose(), at, order));
        self.exact.insert((id.clone(), at, order));
        self.all.insert(order, IdEntry { id, at, thing });
    }

    /// Takes the first thing under this very id that is not before a time.
    pub(super) fn take_exact(&mut self, id: &TypedId, from: At) -> Option<T> {
        let found = self.exact.range((id.clone(), from, 0)..).next();
        // The range has no end: behind the last of this id stand those of the next.
        let order = found.filter(|(known, ..)| known == id).map(|it| it.2)?;
        self.take(order)
    }

    /// Takes the first thing under an id that is the same but for its type, not before a time.
    pub(super) fn take_loose(&mut self, id: LooseId, from: At) -> Option<T> {
        let found = self.loose.range((id, from, 0)..).next();
        let order = found.filter(|(known, ..)| *known == id).map(|it| it.2)?;
        self.take(order)
    }

    /// Takes what was remembered first.
    pub(super) fn take_oldest(&mut self) -> Option<T> {
        let order = *self.all.first_key_value()?.0;
        self.take(order)
    }

    /// Forgets everything; says how much that was.
    pub(super) fn clear(&mut self) -> u64 {
        let count = self.all.len() as u64;
        self.all.clear();
        self.exact.clear();
        self.loose.clear();
        count
    }

    fn take(&mut self, order: u64) -> Option<T> {
        let IdEntry { id, at, thing } = self.all.remove(&order)?;
        self.loose.remove(&(id.loose(), at, order));
        self.exact.remove(&(id, at, order));
        Some(thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcpr_wire::{Bodies, Message, Messages, messages};
    use std::cell::Cell;
    use std::cmp::Ordering;

    thread_local! {
        static COMPARED: Cell<u64> = const { Cell::new(0) };
    }

    /// A time that counts how often it is compared.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Counted(u64);

    impl PartialOrd for Counted {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Counted {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARED.set(COMPARED.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    fn id(json: &str) -> TypedId {
        let line = format!(r#"{{"id":{json},"method":"ping"}}"#);
        match messages(line.as_bytes(), Bodies::Left) {
            Messages::Known(mut known) => match known.remove(0) {
                Message::Request(asked) => asked.id,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_that_is_not_too_early_is_taken() {
        let mut by_id = ById::default();
        by_id.add(id("1"), 5, "a");
        by_id.add(id("\"1\""), 4, "b");
        by_id.add(id("1"), 7, "c");
        assert_eq!(by_id.take_exact(&id("1"), 6), Some("c"));
        assert_eq!(by_id.take_exact(&id("1"), 6), None);
        assert_eq!(by_id.take_exact(&id("2"), 0), None);
        assert_eq!(by_id.take_loose(id("1.0").loose(), 0), Some("b"));
        assert_eq!(by_id.take_loose(id("1").loose(), 6), None);
        assert_eq!((by_id.len(), by_id.take_oldest()), (1, Some("a")));
        assert_eq!(by_id.take_oldest(), None);
    }

    /// Whoever is recorded may use one id for everything.
    #[test]
    fn what_is_remembered_under_one_id_takes_no_steps_from_the_others() {
        let one = id("1");
        let steps = |count: u64| {
            COMPARED.set(0);
            let mut by_id = ById::default();
            for at in 0..count {
                by_id.add(one.clone(), Counted(at), at);
            }
            for at in 0..count {
                // The earlier ones are all too early.
                assert_eq!(by_id.take_exact(&one, Counted(count)), None);
                assert_eq!(
                    by_id.take_loose(one.loose(), Counted(count - 1 - at)),
                    Some(count - 1 - at)
                );
            }
            COMPARED.get()
        };
        let (few, many) = (steps(256), steps(1024));
        // Four times as much, and a tree of one level more.
        assert!(
            many < 6 * few,
            "{few} comparisons, and {many} for four times as much"
        );
    }
}
